"""Where the files that come with the program lie: in the installed package, or in the clone it runs from."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).parent.parent


def resource_folder(kind: Literal["configs", "data"]) -> Path:
    """The folder of the shipped configs or of the shipped reviews."""
    installed = _PACKAGE / "share" / kind  # where pyproject.toml puts them in the wheel
    return installed if installed.is_dir() else _PACKAGE.parent / kind
