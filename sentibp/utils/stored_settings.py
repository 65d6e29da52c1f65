"""Settings that a model, a checkpoint or a run has stored, perhaps by an earlier version.

It is apart from the schema, which takes longer to import than a prediction takes.
"""

from __future__ import annotations

from typing import Any

_BEFORE = {"text": {"folding": 1, "classes": [], "presence": False}}
"""The values of settings before they were settings, where the default is another."""


def complete_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return stored settings with those that the version that stored them did not have yet."""
    result = dict(settings)
    for name, before in _BEFORE.items():
        section = settings.get(name) or {}
        if isinstance(section, dict):  # otherwise the check of the settings says so
            result[name] = before | section
    return result
