"""Trainings killed (SIGKILL) at random moments, and gone on with until they end: the bytes of one never killed?

    python benchmarks/kills.py                # 50 kills
    python benchmarks/kills.py --kills 8 --seed 1

A checkpoint is written after every step, so that most kills hit a training that is writing a file.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

KINDS = {
    "plain": [],
    "all that is random, early stopping": [
        "train.early_stopping=30",
        "train.word_dropout=0.3",
        "model.dropout=0.2",
        "model.batch_norm=true",
    ],
    "adam, two seeds": ["train.optimizer=adam", "train.seeds=2", "train.epochs=6"],
    "vectors of reviews, two members": [
        "pretrain={vectors: reviews, dim: 10, min_count: 2}",
        "train.members=2",
        "train.epochs=6",
    ],
}
TRAIN = [sys.executable, "-m", "sentibp", "train", "--quiet"]
SETTINGS = ["train.epochs=12", "train.checkpoint={every_steps: 1}"]
COMPARED = ("model.safetensors", "metrics.jsonl", "validation.parquet", "config.yaml")
LEFT = {*COMPARED, "review_hashes.safetensors", "run.json"}
LOG = "influence_log.safetensors"  # of a single network only


class Count(NamedTuple):
    """What was seen of a kind of training."""

    kills: int
    while_writing: int  # a file with a temporary name was there
    before_the_first: int  # there was no checkpoint yet
    ended: int  # runs that came to their end
    same: int  # of these, with the same bytes in all files, and nothing left behind


def killed_often(overrides: list[str], kills: int, chance: random.Random, folder: Path) -> Count:
    """Train and kill, go on and kill, as often as that; a run that comes to its end is followed by another."""
    settings = [part for setting in (*SETTINGS, *overrides) for part in ("--set", setting)]
    began = time.monotonic()
    _run([*TRAIN, "quickstart", *settings, "--out", "whole"], folder)
    longest = time.monotonic() - began
    done = writing = early = ended = same = number = 0
    path = folder / "none"
    while done < kills or path.exists():
        if (path / "run.json").exists():
            command = [*TRAIN, "--resume", path.name]
        else:  # the first, or one that was killed before there was anything to go on with
            number += 1
            path = folder / f"run-{number}"
            command = [*TRAIN, "quickstart", *settings, "--out", path.name]
        if done < kills and _killed(command, path, chance.uniform(0, longest / 3)):
            done += 1
            writing += any(path.glob(".*"))
            early += not (path / "checkpoint.safetensors").exists()
            continue
        if done == kills:
            _run(command, folder)
        ended += 1
        whole = folder / "whole"
        names = [*COMPARED, *([LOG] if (whole / LOG).exists() else [])]
        other = [
            name
            for name in names
            if not (path / name).exists() or (path / name).read_bytes() != (whole / name).read_bytes()
        ]
        other += {each.name for each in path.iterdir()} - {LOG} ^ LEFT
        same += not other
        if other:
            print(f"{path}: not as of a run never killed: {', '.join(other)}", file=sys.stderr)
        path = folder / "none"
    return Count(done, writing, early, ended, same)


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)


def _killed(command: list[str], path: Path, wait: float) -> bool:
    """Start a training, and kill it so many seconds after it begins to write; False if it has ended before."""
    before = _written(path)
    process = subprocess.Popen(command, cwd=path.parent, stdout=subprocess.DEVNULL)
    while process.poll() is None and _written(path) == before:
        time.sleep(0.001)
    time.sleep(wait)
    process.kill()
    code = process.wait()
    if code not in (0, -9):
        raise SystemExit(f"{command}: exit code {code}")
    return code != 0


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    print(f"{'':36}{'kills':>6} {'writing':>8} {'early':>6} {'ended':>5} {'same':>5}")
    each = -(-arguments.kills // len(KINDS))
    for number, (kind, overrides) in enumerate(KINDS.items()):
        with tempfile.TemporaryDirectory() as folder:
            kills = min(each, arguments.kills - number * each)
            count = killed_often(overrides, kills, chance, Path(folder))
            figures = "".join(f"{number:>{width}}" for number, width in zip(count, (6, 9, 7, 6, 6), strict=True))
            print(f"{kind:36}{figures}", flush=True)


if __name__ == "__main__":
    main()
