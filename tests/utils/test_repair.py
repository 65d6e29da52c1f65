"""The commands that messages print."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from sentibp.utils.repair import python


def test_the_command_of_python_runs_this_python(tmp_path, monkeypatch):
    """`python` may be another Python, without the packages of sentibp, or not be there, as where pipx installs it."""
    code = "import sys; print(sys.executable, '\"it is\"')"
    for folder in Path(sys.executable).parent, tmp_path:
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.defpath}")
        said = subprocess.run(python("-c", code), shell=True, check=True, capture_output=True, text=True).stdout
        assert os.path.samefile(shlex.split(said)[0], sys.executable) and said.endswith('"it is"\n')
    for name in "python", "python3":
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    assert shlex.split(python("-c", code)) == [sys.executable, "-c", code]
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3.12"))
    assert python("-m", "zipfile") == "python -m zipfile"
    (tmp_path / "python").unlink()
    assert python("-m", "zipfile") == "python3 -m zipfile"
