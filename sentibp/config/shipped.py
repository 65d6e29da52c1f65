"""The configs that come with the program."""

from __future__ import annotations

from pathlib import Path

from sentibp.utils import resources


def shipped() -> list[tuple[str, str]]:
    """Return the name and the first comment of each config that comes with the program."""
    return [(path.stem, _first_comment(path)) for path in sorted(resources.resource_folder("configs").glob("*.yaml"))]


def _first_comment(path: Path) -> str:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and not line.startswith("# yaml-language-server:"):
            return line.lstrip("# ").rstrip()
    return ""
