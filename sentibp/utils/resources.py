"""Find the files that are installed with sentibp, or that are in the clone from which it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).parent.parent


def resource_folder(kind: Literal["configs", "data"]) -> Path:
    """Return the folder of the shipped configs or of the shipped reviews."""
    installed = _PACKAGE / "share" / kind  # where pyproject.toml puts them in the wheel
    return installed if installed.is_dir() else _PACKAGE.parent / kind
