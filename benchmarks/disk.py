"""Trainings on a disk that is too small, read-only, or gone: what is told, what is left, and does it go on later?

    python benchmarks/disk.py                 # as root, on Linux: it mounts a tmpfs
    python benchmarks/disk.py --small         # a fifth of the disks

Each disk has a little more room than the one before, from next to none to enough. On each a training is begun; where it
fails, the disk is made large and the training gone on with.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

COMMAND = [sys.executable, "-m", "sentibp"]
TRAIN = [*COMMAND, "train", "quickstart", "--quiet", "--set", "train.epochs=12", "--set", "train.checkpoint=0.01"]
LEFT = {"config.yaml", "metrics.jsonl", "model.safetensors", "run.json", "validation.parquet"}
LEFT |= {"review_hashes.safetensors"}
ONCE = "influence_log.safetensors"  # which may fail without an error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a fifth of the disks")
    step = 60 if parser.parse_args().small else 12
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        disk = folder / "disk"
        disk.mkdir()
        run(folder, *TRAIN, "--out", "whole")
        seen: Counter[str] = Counter()
        for kilobytes in range(4, 400, step):
            seen[full(folder, disk, kilobytes)] += 1
        for what, count in seen.items():
            print(f"{count:3} {what}")
        print(f"  1 {read_only(folder, disk)}")
        print(f"  1 {vanished(folder)}")


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if "Traceback" in done.stderr:
        raise SystemExit(done.stderr)
    return done


def full(folder: Path, disk: Path, kilobytes: int) -> str:
    """One training on a disk of that size: what came of it."""
    mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(disk))
    try:
        done = run(folder, *TRAIN, "--out", "disk/run")
        if done.returncode == 0:
            return "disks had room enough"
        lines = done.stderr.splitlines()
        if done.returncode != 3 or len(lines) != 1 or "No space left on device" not in lines[0]:
            raise SystemExit(f"{kilobytes} kB: exit code {done.returncode}: {done.stderr}")
        print(f"{kilobytes:4} kB: {lines[0]}")
        if left := [path.name for path in disk.glob("run/.*")]:
            raise SystemExit(f"{kilobytes} kB: left behind: {left}")
        if not (disk / "run" / "run.json").exists():
            return "disks were full before the training began: nothing is left on them"
        if (disk / "run" / "model.safetensors").exists():
            answer = run(folder, *COMMAND, "predict", "-m", "disk/run", "good")
            if answer.returncode:
                raise SystemExit(answer.stderr)
        mount("-o", "remount,size=10M", str(disk))
        done = run(folder, *COMMAND, "train", "--resume", "disk/run", "--quiet")
        compared = sorted(LEFT - {"run.json"})
        same = all((disk / "run" / each).read_bytes() == (folder / "whole" / each).read_bytes() for each in compared)
        if done.returncode or not same or {path.name for path in (disk / "run").iterdir()} - {ONCE} != LEFT:
            raise SystemExit(f"{kilobytes} kB, gone on with: not the same, or something left: {done.stderr}")
        return "disks were full in the middle: one line; the model so far answers; gone on with, it ends the same"
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def read_only(folder: Path, disk: Path) -> str:
    """A training into a folder that is read-only."""
    mount("-t", "tmpfs", "-o", "ro", "tmpfs", str(disk))
    try:
        return f"read-only disk: {expected(run(folder, *TRAIN, '--out', 'disk/run'))}"
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def vanished(folder: Path) -> str:
    """A training whose folder is moved away under it."""
    process = subprocess.Popen(
        [*TRAIN, "--out", "gone", "--set", "train.epochs=1000"], cwd=folder, stderr=subprocess.PIPE, text=True
    )
    while not (folder / "gone" / "model.safetensors").exists():
        pass
    os.rename(folder / "gone", folder / "elsewhere")
    error = process.communicate()[1]
    return f"vanished folder: {expected(subprocess.CompletedProcess([], process.returncode, '', error))}"


def expected(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode != 3 or len(done.stderr.splitlines()) != 1:
        raise SystemExit(f"exit code {done.returncode}: {done.stderr}")
    return f"exit code 3, {done.stderr.strip()}"


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


if __name__ == "__main__":
    main()
