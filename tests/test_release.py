"""The package that is built twice has the same bytes. `make release-check` does it with the whole repository."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HOOK = "import sys; from hatchling import build; getattr(build, 'build_' + sys.argv[1])(sys.argv[2])"


def copy(to: Path) -> Path:
    """Copy what the package is built from; the files have new times."""
    shutil.copytree(ROOT, to, copy_function=shutil.copy, ignore=lambda path, names: ignored(Path(path), names))
    return to


def ignored(path: Path, names: list[str]) -> set[str]:
    wanted = {"sentibp", "configs", "data", "pyproject.toml", "README.md", "LICENSE"}
    return {name for name in names if name == "__pycache__" or (path == ROOT and name not in wanted)}


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_building_twice_gives_the_same_bytes(tmp_path, kind):
    pytest.importorskip("hatchling", reason="pip install -e '.[dev]'")
    digests = set()
    for name in "here", "elsewhere":
        environment = os.environ | {"SOURCE_DATE_EPOCH": "1700000000"}
        folder = copy(tmp_path / name)
        subprocess.run(
            [sys.executable, "-c", HOOK, kind, tmp_path / f"{name}-out"], cwd=folder, env=environment, check=True
        )
        (built,) = (tmp_path / f"{name}-out").iterdir()
        digests.add(hashlib.sha256(built.read_bytes()).hexdigest())
    assert len(digests) == 1
    if kind == "wheel":
        names = set(zipfile.ZipFile(built).namelist())
        assert {"sentibp/__main__.py", "sentibp/share/configs/imdb.yaml", "sentibp/share/data/train.csv"} <= names
        assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]
