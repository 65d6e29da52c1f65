"""What run.json beside a model file records of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sentibp.runs import directory
from sentibp.utils.hashing import file_digest


def info_of_model(file: Path) -> dict[str, Any] | None:
    """Return run.json beside a model file; None if there is none, or its run has trained another model.

    DataError if run.json is damaged.
    """
    info = _info_beside(file)
    return None if info is None or _is_another(file, info) else info


def is_replaced(file: Path) -> bool:
    """Return whether a model file was copied over the one of a run: scores and data of the run are not its.

    DataError if run.json is damaged.
    """
    info = _info_beside(file)
    return info is not None and _is_another(file, info)


def _info_beside(file: Path) -> dict[str, Any] | None:
    if file.name not in (directory.MODEL, directory.VALIDATED) or not os.path.lexists(file.parent / "run.json"):
        return None
    return directory.load_run_info(file.parent)


def _is_another(file: Path, info: dict[str, Any]) -> bool:
    """Return whether run.json names another model. One of an older version, or of a run that goes on, names none."""
    return file.name == directory.MODEL and info.get("digest") not in (None, file_digest(file))
