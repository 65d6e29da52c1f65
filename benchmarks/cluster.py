"""Processes of a cluster that are killed at random, and the time of the same work on more workers.

    python benchmarks/cluster.py kills --count 30      # over `predict` and `sweep`
    python benchmarks/cluster.py time --workers 1 2 4 8

`kills`: a command works on two processes of this machine, and at random moments one of its workers, all of them, or the
command itself is killed with SIGKILL. A command that was killed is started again, as it was. When it has ended, its
output must be byte for byte that of the command without a cluster and without kills.

`time`: the seconds of `predict` over the same files without a cluster, and on so many workers of this machine, and the
bytes that went over the loopback interface meanwhile, those of other programs among them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil

COMMAND = [sys.executable, "-m", "sentibp"]
CONFIG = """\
data: {source: sample}
text: {ngrams: 1}
model: {embedding: {dim: 8}, hidden: [8]}
train: {epochs: 40}
"""
SPACE = "train.optimizer.learning_rate: [0.001, 0.003, 0.01, 0.03]\nmodel.hidden: [[], [8]]\ntrain.epochs: [20, 40]\n"
PREDICT = ["predict", "-m", "builtin", "-i", "in", "-o"]
SWEEP = ["sweep", "config.yaml", "space.yaml", "--sampler", "grid", "--no-prune", "--quiet", "--out"]
RESUME = ["sweep", "--quiet", "--resume"]


def write_inputs(folder: Path, files: int, rows: int) -> None:
    """Write files of reviews, one of them Parquet with many row groups."""
    import pyarrow as pa
    from pyarrow import parquet

    from sentibp.data.sources import load_corpus

    texts = load_corpus("sample").text.to_pylist()
    folder.mkdir()
    draw = random.Random(0)
    for number in range(files):
        lines = (json.dumps({"text": " ".join(draw.choices(texts, k=20)), "n": n}) for n in range(rows))
        (folder / f"{number:03}.jsonl").write_text("\n".join(lines) + "\n")
    longer = [" ".join(draw.choices(texts, k=20)) for _ in range(rows)]
    parquet.write_table(pa.table({"text": longer * 4}), folder / "many.parquet", row_group_size=rows // 4)


def files_of(folder: str) -> dict[str, bytes]:
    """Return the content of the visible files of a folder."""
    return {path.name: path.read_bytes() for path in Path(folder).glob("[!.]*")}


def same_trials(one: str, other: str) -> bool:
    """Return whether two sweeps have found the same, but for trials that were given up after four deaths."""
    from sentibp.inspection.sweep import load_sweep

    found = [load_sweep(Path(folder)) for folder in (one, other)]
    pairs = zip(*(each.trials for each in found), strict=True)
    return all(
        a == b or "given up" in (b.message or "")
        for (a, _), (b, _) in (((x._replace(seconds=0), s), (y._replace(seconds=0), t)) for (x, s), (y, t) in pairs)
    )


def killed(
    command: list[str], resume: list[str], draw: random.Random, longest: float, counts: Counter, most: float
) -> None:
    """Run a command until it ends by itself, and kill what belongs to it at random moments, at most so often."""
    following = command
    while True:
        with subprocess.Popen([*COMMAND, *following], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as client:
            while client.poll() is None:
                time.sleep(draw.uniform(0.05, longest))
                if _kills(counts) < most:
                    kind = draw.choices(["a worker", "all workers", "the command"], [6, 2, 2])[0]
                    kill(client, kind, draw, counts)
            assert client.stderr is not None
            error = client.stderr.read().decode()
        if client.returncode == 0:
            return
        gave_up = client.returncode == 3 and "given up: 4 workers that ran it died" in error
        assert gave_up or client.returncode == -signal.SIGKILL, (client.returncode, error)
        counts["given up"] += gave_up
        following = resume if "predict" in resume or Path("sweep/sweep.json").exists() else command


def _kills(counts: Counter) -> int:
    return counts.total() - counts["given up"]


def is_worker(process: psutil.Process, command: int) -> bool:
    """Return whether a process below that of a command is a worker, and not the one that forks workers."""
    words = " ".join(process.cmdline())
    return "spawn_main" in words or ("forkserver" in words and process.ppid() != command)


def kill(client: subprocess.Popen, kind: str, draw: random.Random, counts: Counter) -> None:
    """Kill a process of a command, or none if it has none of this kind."""
    if kind == "the command":
        if client.poll() is None:
            client.kill()
            counts[kind] += 1
        return
    try:
        children = psutil.Process(client.pid).children(recursive=True)
        workers = [each for each in children if is_worker(each, client.pid)]
    except psutil.Error:
        return
    chosen = workers if kind == "all workers" else draw.sample(workers, min(1, len(workers)))
    for each in chosen:
        try:
            each.kill()
        except psutil.Error:
            continue
        counts[kind] += 1


def kills(count: int, seed: int, longest: float) -> None:
    """Kill until there were so many kills, half of them in predictions, half in sweeps."""
    draw = random.Random(seed)
    write_inputs(Path("in"), 6, 2000)
    Path("config.yaml").write_text(CONFIG)
    Path("space.yaml").write_text(SPACE)
    subprocess.run([*COMMAND, *PREDICT, "serial/"], check=True, capture_output=True)
    subprocess.run([*COMMAND, *SWEEP, "serial-sweep"], check=True, capture_output=True)
    jobs: dict[str, tuple[list[str], list[str], Callable]] = {
        "predict": ([*PREDICT, "out/", "--cluster", "local:2"],) * 2 + (lambda: files_of("out") == files_of("serial"),),
        "sweep": (
            [*SWEEP, "sweep", "--cluster", "local:2"],
            [*RESUME, "sweep", "--cluster", "local:2"],
            lambda: same_trials("serial-sweep", "sweep"),
        ),
    }
    for name, (command, resume, is_same) in jobs.items():
        counts: Counter[str] = Counter()
        runs = lost = 0
        while _kills(counts) < count / len(jobs):
            for folder in "out", "sweep":
                shutil.rmtree(folder, ignore_errors=True)
            killed(command, resume, draw, longest, counts, count / len(jobs))
            runs += 1
            lost += not is_same()
        by_kind = ", ".join(f"{number} of {kind}" for kind, number in sorted(counts.items()) if kind != "given up")
        print(
            f"{name}: {_kills(counts)} kills ({by_kind}) in {runs} jobs; "
            f"{lost} with other bytes, {counts['given up']} started again after files that were given up",
            flush=True,
        )
        assert lost == 0


def times(workers: list[int], files: int, rows: int) -> None:
    """Print the seconds of the same predictions on so many workers."""
    write_inputs(Path("in"), files, rows)
    reference = None
    print("| workers | seconds | MB over loopback |\n| --- | --- | --- |")
    for number in (0, *workers):
        out = f"out-{number}"
        cluster = ["--cluster", f"local:{number}"] if number else []
        before, began = psutil.net_io_counters(pernic=True)["lo"].bytes_sent, time.monotonic()
        subprocess.run([*COMMAND, *PREDICT, f"{out}/", *cluster], check=True, capture_output=True)
        seconds = time.monotonic() - began
        moved = psutil.net_io_counters(pernic=True)["lo"].bytes_sent - before
        found = files_of(out)
        reference = reference or found
        assert found == reference
        print(f"| {number or 'none'} | {seconds:.1f} | {moved / 1e6:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(dest="mode", required=True)
    of_kills = modes.add_parser("kills")
    of_kills.add_argument("--count", type=int, default=30)
    of_kills.add_argument("--small", action="store_true", help="a part of it: 6 kills")
    of_kills.add_argument("--seed", type=int, default=0)
    of_kills.add_argument("--longest", type=float, default=4, help="seconds between two kills, at most")
    of_times = modes.add_parser("time")
    of_times.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    of_times.add_argument("--files", type=int, default=16)
    of_times.add_argument("--rows", type=int, default=4000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["SENTIBP_CACHE"] = str(Path(folder) / "cache")
        if args.mode == "kills":
            kills(6 if args.small else args.count, args.seed, args.longest)
        else:
            times(args.workers, args.files, args.rows)
        os.chdir("/")


if __name__ == "__main__":
    main()
