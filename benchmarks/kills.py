"""Trainings and pretrainings killed (SIGKILL) at random moments, and resumed until they end: do the bytes differ?

    python benchmarks/kills.py                # 1,000 kills
    python benchmarks/kills.py --small --seed 1

A checkpoint is written after every step, so that most kills hit a process that is writing a file. The processes are
forked from one that has loaded the libraries, which saves most of the time; each is killed as any other would be.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ALL_RANDOM = ["train.word_dropout=0.3", "model.dropout=0.2", "model.batch_norm=true"]
VECTORS = "pretrain={vectors: reviews, dim: 10, min_count: 2}"
KINDS = {  # command and settings
    "training: plain": ("train", ["train.epochs=12"]),
    "training: all that is random, early stopping": (
        "train",
        ["train.epochs=12", "train.early_stopping=30", *ALL_RANDOM],
    ),
    "training: adam, two seeds": ("train", ["train.optimizer=adam", "train.seeds=2", "train.epochs=6"]),
    "ensemble: three members": ("train", ["train.members=3", "train.epochs=4", *ALL_RANDOM[:2]]),
    "ensemble: two members on vectors of the reviews": ("train", [VECTORS, "train.members=2", "train.epochs=6"]),
    "pretraining: n-grams by the reviews that share them": ("pretrain", [VECTORS]),
    "pretraining: words by their neighbours": ("pretrain", [VECTORS.replace("vectors: reviews", "vectors: words")]),
    "refit: one network": ("train", ["train.refit=true", "train.epochs=5", *ALL_RANDOM]),
    "refit: two members on vectors of the reviews": (
        "train",
        ["train.refit=true", VECTORS, "train.members=2", "train.epochs=3"],
    ),
}
SETTINGS = ["train.checkpoint={every_steps: 1}"]
RUN_INFO = "run.json"  # has times and what was resumed; all other files must have the same bytes
PROCESSES = multiprocessing.get_context("forkserver")
LOADED = ["sentibp.cli.train", "sentibp.cli.pretrain", "sentibp.training.resume", "sentibp.training.pretrain_run"]
LOADED += ["sentibp.cli.progress", "sentibp.__main__", "scipy.sparse", "scipy.optimize", "pyarrow.parquet"]


class Count(NamedTuple):
    """What was seen of a kind of training."""

    kills: int
    while_writing: int  # a file with a temporary name was there
    before_the_first: int  # there was no checkpoint yet
    ended: int  # runs that came to their end
    same: int  # of these, with the same files of the same bytes


def killed_often(command: str, overrides: list[str], kills: int, chance: random.Random, folder: Path) -> Count:
    """Train and kill, resume and kill, as often as that; a run that comes to its end is followed by another."""
    PROCESSES.set_forkserver_preload(LOADED)
    start = [command, "quickstart", "--quiet", *(part for each in (*SETTINGS, *overrides) for part in ("--set", each))]
    _run(["--version"], folder)  # loads the libraries
    began = time.monotonic()
    _run([*start, "--out", "whole"], folder)
    longest = time.monotonic() - began
    whole = contents(folder / "whole")
    done = writing = early = ended = same = number = 0
    path = folder / "none"
    while done < kills or path.exists():
        if (path / RUN_INFO).exists():
            arguments = [command, "--quiet", "--resume", path.name]
        else:  # the first, or one that was killed before there was anything to resume
            number += 1
            path = folder / f"run-{number}"
            arguments = [*start, "--out", path.name]
        if done < kills and _killed(arguments, path, chance.uniform(0, longest / 3)):
            done += 1
            writing += any(path.glob(".*"))
            early += not (path / "checkpoint.safetensors").exists()
            continue
        if done == kills:
            _run(arguments, folder)
        ended += 1
        found = contents(path)
        other = [name for name in {*found, *whole} if found.get(name) != whole.get(name)]
        same += not other
        if other:
            print(f"{path}: not as of a run never killed: {', '.join(sorted(other))}", file=sys.stderr)
        path = folder / "none"
    return Count(done, writing, early, ended, same)


def contents(run: Path) -> dict[str, bytes]:
    """Return the files of a run; of run.json only that it is there."""
    return {each.name: b"" if each.name == RUN_INFO else each.read_bytes() for each in run.iterdir()}


def _sentibp(arguments: list[str], folder: Path) -> None:
    """Be the process of a command."""
    from sentibp.__main__ import main

    os.chdir(folder)
    os.environ |= {"HF_HUB_OFFLINE": "1", "SENTIBP_CACHE": "off"}
    sys.argv = ["sentibp", *arguments]
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    main()


def _run(arguments: list[str], folder: Path) -> None:
    process = PROCESSES.Process(target=_sentibp, args=(arguments, folder))
    process.start()
    process.join(300)
    if process.exitcode != 0:
        process.kill()
        raise SystemExit(f"sentibp {' '.join(arguments)}: exit code {process.exitcode} (None: it did not end)")


def _killed(arguments: list[str], path: Path, wait: float) -> bool:
    """Start a command, and kill it so many seconds after it begins to write; False if it has ended before."""
    before = _written(path)
    process = PROCESSES.Process(target=_sentibp, args=(arguments, path.parent))
    process.start()
    while process.is_alive() and _written(path) == before:
        time.sleep(0.0005)
    time.sleep(wait)
    process.kill()
    process.join()
    if process.exitcode not in (0, -9):
        raise SystemExit(f"sentibp {' '.join(arguments)}: exit code {process.exitcode}")
    return process.exitcode != 0


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--small", action="store_true", help="four kills of each kind")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    print("| kind | kills | while writing | before the first checkpoint | ended | same bytes |")
    print("| --- | --- | --- | --- | --- | --- |")
    totals = [0] * len(Count._fields)
    arguments.kills = 4 * len(KINDS) if arguments.small else arguments.kills
    each = -(-arguments.kills // len(KINDS))
    for number, (kind, (command, overrides)) in enumerate(KINDS.items()):
        kills = min(each, arguments.kills - number * each)
        if kills <= 0:
            break
        with tempfile.TemporaryDirectory() as folder:
            count = killed_often(command, overrides, kills, chance, Path(folder))
        totals = [total + figure for total, figure in zip(totals, count, strict=True)]
        print(f"| {kind} | {' | '.join(map(str, count))} |", flush=True)
    print(f"| all | {' | '.join(map(str, totals))} |", flush=True)
    raise SystemExit(totals[3] != totals[4])


if __name__ == "__main__":
    main()
