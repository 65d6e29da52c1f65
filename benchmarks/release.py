"""Build the sdist and the wheel twice, in different folders and at different times: do they have the same digests?

    python benchmarks/release.py              # of the last commit; needs git, and PyPI for hatchling
    python benchmarks/release.py --out dist   # and keep the files

The wheel is built from the sdist, as pip does it, and from the tree; both must be the same. Dates in the archives are
those of SOURCE_DATE_EPOCH: by default the date of the last commit. Prints the digests, ends with exit code 1 if any
differs, and tries the wheel in an environment of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILD = "import sys; from hatchling import build; print(getattr(build, 'build_' + sys.argv[1])(sys.argv[2]))"


def output(*command: str, **options) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout.strip()


def tree(folder: Path, umask: int) -> Path:
    """Return a copy of the last commit, whose files have other times and modes than those of the working tree."""
    folder.mkdir(parents=True)
    archive = folder.with_suffix(".tar")
    output("git", "archive", "--output", str(archive), "HEAD", cwd=ROOT)
    before = os.umask(umask)
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    os.umask(before)
    for path in folder.rglob("*"):
        os.utime(path)
        if path.is_file():
            path.chmod(0o666 & ~umask)
    return folder


def build(python: Path, source: Path, kind: str, into: Path, epoch: str) -> Path:
    """Build with the hook that pip and build call, in `source`."""
    into.mkdir(exist_ok=True)
    environment = os.environ | {"SOURCE_DATE_EPOCH": epoch, "PYTHONPATH": ""}
    name = output(str(python), "-c", BUILD, kind, str(into), cwd=source, env=environment).splitlines()[-1]
    return into / name


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def environment(folder: Path, *packages: str) -> Path:
    """Return the Python of a new environment with these packages."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="a folder for the sdist and the wheel")
    parser.add_argument("--no-install", action="store_true", help="do not try the wheel, which installs all packages")
    arguments = parser.parse_args()
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or output("git", "log", "-1", "--format=%ct", cwd=ROOT)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        python = environment(work / "builder", "hatchling>=1.27")
        sdist = build(python, tree(work / "a", 0o022), "sdist", work / "1", epoch)
        wheel = build(python, work / "a", "wheel", work / "1", epoch)
        time.sleep(2.1)  # a zip file has times of two seconds
        again = build(python, tree(work / "elsewhere" / "b", 0o077), "sdist", work / "2", epoch)
        wheel_again = build(python, work / "elsewhere" / "b", "wheel", work / "2", epoch)
        with tarfile.open(sdist) as file:
            file.extractall(work / "unpacked", filter="data")
        (source,) = (work / "unpacked").iterdir()
        from_sdist = build(python, source, "wheel", work / "3", epoch)
        built = {"sdist": (sdist, again), "wheel": (wheel, wheel_again, from_sdist)}
        same = True
        for kind, files in built.items():
            digests = {digest(path) for path in files}
            same &= len(digests) == 1
            verdict = "the same digest" if len(digests) == 1 else "DIFFERENT digests"
            print(f"{kind}: {files[0].name}, built {len(files)} times, {verdict}: {' '.join(sorted(digests))}")
        if not arguments.no_install:
            python = environment(work / "user", str(wheel))
            environ = os.environ | {"PYTHONPATH": "", "HF_HUB_OFFLINE": "1"}
            for command in ["--version"], ["train", "quickstart", "--quiet"], ["predict", "I love this movie"]:
                print(output(str(python), "-m", "sentibp", *command, cwd=work, env=environ))
        if arguments.out:
            arguments.out.mkdir(exist_ok=True)
            for files in built.values():
                shutil.copy(files[0], arguments.out)
    raise SystemExit(not same)


if __name__ == "__main__":
    main()
