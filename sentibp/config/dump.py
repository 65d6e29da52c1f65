"""Writing configs as YAML, and their digest."""

from __future__ import annotations

import hashlib
from typing import Any

from sentibp.config import yaml_file
from sentibp.config.schema import Config


def dump(config: Config) -> str:
    """Return the config as YAML, with every setting that has an effect. Loading it gives the same config."""
    return yaml_file.write(config.model_dump())


def every_setting(config: Config, mode: str = "python") -> dict[str, Any]:
    """Return all settings as plain values, also those that a file leaves out, as they make no difference there."""
    plain = config.model_dump(mode=mode)
    for name, settings in plain.items():
        section = getattr(config, name)
        settings |= {key: getattr(section, key) for key in section.added}
    return plain


def digest(config: Config) -> str:
    """Return the SHA-256 of the config, in hexadecimal. Equal settings have equal digests."""
    return hashlib.sha256(dump(config).encode()).hexdigest()
