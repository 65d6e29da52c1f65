"""Whether memory and file handles stay flat in long runs (Linux).

    python benchmarks/long_runs.py training --minutes 60   # `train imdb` with as many epochs as fit, ended by Ctrl-C
    python benchmarks/long_runs.py library                 # 100,000 calls of load_model(...).predict in one process
    python benchmarks/long_runs.py lines                   # 100,000 lines answered one by one by `predict --input -`
    python benchmarks/long_runs.py play                    # 10,000 steps of learning on the server of `play`
    python benchmarks/long_runs.py all --small             # a hundredth of each

At ten moments of the run it prints the memory that the process holds for itself (RssAnon), all its memory (VmRSS),
its file handles and its threads. It ends with exit code 1 if the second half of the run needs more than the first: over
a tenth and 8 MB more memory, or over 4 more handles or threads (a request that is being answered has some).
`training --config NAME` trains another config.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from sentibp import load_model
from sentibp.utils.arrow import strings

SENTIBP = [sys.executable, "-m", "sentibp"]
LOOKS = 10
TEXT = "a the film movie plot acting good bad not very great dull fun boring 7/10 ever again naïve 🎬 zebra"


class Look(NamedTuple):
    """What a process holds at a moment."""

    done: int
    own: float  # MB
    all: float  # MB
    handles: int
    threads: int


def look(process: int, done: int) -> Look:
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines() if ":" in line
    )
    own, whole = (int(status[name].split()[0]) / 1e3 for name in ("RssAnon", "VmRSS"))
    found = Look(done, own, whole, len(os.listdir(f"/proc/{process}/fd")), int(status["Threads"]))
    print(*found, file=sys.stderr, flush=True)
    return found


def text(chance: random.Random) -> str:
    """Return a review of 1 to 200 words."""
    return " ".join(chance.choices(TEXT.split(), k=chance.randint(1, 200)))


def is_moment(number: int, count: int) -> bool:
    return number % max(count // LOOKS, 1) == 0


def trained(folder: Path) -> Path:
    """Return the model file of a short training."""
    subprocess.run([*SENTIBP, "train", "quickstart", "--quiet", "--out", "model"], cwd=folder, check=True)
    return folder / "model" / "model.safetensors"


def training(folder: Path, minutes: float, config: str) -> list[Look]:
    """Train until the time is over; stop as Ctrl-C does, and see that a model is there."""
    command = [*SENTIBP, "train", config, "--quiet", "--set", "train.epochs=100000000", "--out", "run"]
    command += ["--set", "train.checkpoint={every_seconds: 30}"]
    process = subprocess.Popen(command, cwd=folder)
    log = folder / "run" / "metrics.jsonl"
    found = []
    for _ in range(LOOKS):
        time.sleep(minutes * 60 / LOOKS)
        if process.poll() is not None:
            raise SystemExit(f"the training ended: exit code {process.returncode}")
        epochs = sum(b'"event": "epoch"' in line or b'"event":"epoch"' in line for line in log.open("rb"))
        found.append(look(process.pid, epochs))
    process.send_signal(signal.SIGINT)
    code = process.wait(600)
    if code != 130:
        raise SystemExit(f"Ctrl-C: exit code {code}")
    load_model(folder / "run").predict(strings(["a good film"]))
    return found


def library(folder: Path, count: int) -> list[Look]:
    """Predict texts one by one in this process."""
    model = load_model(trained(folder))
    chance = random.Random(0)
    found = []
    for number in range(1, count + 1):
        model.predict(strings([text(chance)]))
        if is_moment(number, count):
            found.append(look(os.getpid(), number))
    return found


def lines(folder: Path, count: int) -> list[Look]:
    """Send lines to `predict --input -`, each after the answer to the one before."""
    command = [*SENTIBP, "predict", "--input", "-", "--format", "jsonl", "-m", str(trained(folder))]
    chance = random.Random(0)
    found = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        for number in range(1, count + 1):
            process.stdin.write(text(chance).encode() + b"\n")
            process.stdin.flush()
            assert "label" in json.loads(process.stdout.readline())
            if is_moment(number, count):
                found.append(look(process.pid, number))
        process.stdin.close()
        assert process.wait(60) == 0
    return found


@contextmanager
def server(folder: Path) -> Iterator[tuple[int, Callable[..., bytes]]]:
    """Start `play`; yield its process id, and a function that calls it."""
    command = [*SENTIBP, "play", "--no-browser", "--json", "-m", str(trained(folder))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]

            def call(name: str, **request) -> bytes:
                body = json.dumps(request).encode()
                with urllib.request.urlopen(
                    urllib.request.Request(url + name, body, {"Content-Type": "application/json"}), timeout=60
                ) as answer:
                    return answer.read()

            yield process.pid, call
        finally:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(60)


def play(folder: Path, count: int) -> list[Look]:
    """Learn reviews, some of them long; sometimes undo a step, and once reset all."""
    chance = random.Random(0)
    found, longest = [], 0
    with server(folder) as (process, call):
        for number in range(1, count + 1):
            review = text(chance) * (20 if number % 100 == 0 else 1)
            answer = call("learn", text=review, label=chance.choice(["positive", "negative"]), learning_rate=0.001)
            if number % 100 > 1:  # an answer shows its own review
                longest = max(longest, len(answer))
            if number % 50 == 0:
                call("undo", text="good")
            if number == count // 2:
                call("reset", text="good")
            if is_moment(number, count):
                found.append(look(process, number))
    print(f"longest answer to a review of up to 200 words: {longest / 1e3:.0f} kB", file=sys.stderr)
    return found


def is_flat(found: list[Look]) -> bool:
    """Whether the second half of a run needs no more than the first."""
    first, second = found[: len(found) // 2], found[len(found) // 2 :]
    before, after = max(each.own for each in first), max(each.own for each in second)
    handles = max(each.handles for each in second) <= 4 + max(each.handles for each in first)
    threads = max(each.threads for each in second) <= 4 + max(each.threads for each in first)
    return after <= max(before * 1.1, before + 8) and handles and threads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", choices=["training", "library", "lines", "play", "all"])
    parser.add_argument("--minutes", type=float, default=60, help="of the training")
    parser.add_argument("--config", default="imdb", help="of the training")
    parser.add_argument("--small", action="store_true", help="a hundredth of each")
    arguments = parser.parse_args()
    share = 100 if arguments.small else 1
    runs: dict[str, Callable[[Path], list[Look]]] = {
        "library": lambda folder: library(folder, 100_000 // share),
        "lines": lambda folder: lines(folder, 100_000 // share),
        "play": lambda folder: play(folder, 10_000 // share),
        "training": lambda folder: training(folder, arguments.minutes / share, arguments.config),
    }
    os.environ |= {"HF_HUB_OFFLINE": "1"}
    flat = True
    for name in runs if arguments.run == "all" else [arguments.run]:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            found = runs[name](Path(folder))
        print(f"| {name} | own MB | all MB | handles | threads |\n| --- | --- | --- | --- | --- |")
        for done, own, whole, handles, threads in found:
            print(f"| {done:,} | {own:.1f} | {whole:.1f} | {handles} | {threads} |")
        flat &= is_flat(found)
        print(f"{name}: {'flat' if is_flat(found) else 'NOT FLAT'} in {time.monotonic() - began:.0f} s\n", flush=True)
    raise SystemExit(not flat)


if __name__ == "__main__":
    main()
