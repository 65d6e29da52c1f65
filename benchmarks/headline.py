"""The headline figures: accuracy of a config over seeds, time of an epoch, time and memory of a whole training.

    python benchmarks/headline.py imdb --seeds 3

Validation accuracy is on the config's own validation share. An epoch is timed inside one process, after the features
are made; the whole training is a fresh process, start-up included. Prints a Markdown row per config.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from sentibp.config.load import load_config
from sentibp.training import events, experiment
from sentibp.training.events import Epoch


def epoch_seconds(name: str) -> list[float]:
    """The time of each epoch, its validation included."""
    marks: list[float] = []
    with experiment.train(load_config(name)) as training:
        for event in training:
            if isinstance(event, events.NetworkStarted | Epoch):
                marks.append(time.perf_counter())
        training.finish()
    return [end - start for start, end in itertools.pairwise(marks)]


def whole(name: str, seed: int) -> tuple[dict, float, float]:
    """Result, wall seconds and peak MB of one training in a process of its own."""
    command = [sys.executable, "-m", "sentibp", "train", name, "--seed", str(seed), "--json", "--quiet"]
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)  # what this one process used
        seconds = time.perf_counter() - start
        if status:
            sys.exit(f"{' '.join(command)}: failed")
        output.seek(0)
        return json.load(output), seconds, usage.ru_maxrss / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="+")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    print("| config | validation accuracy, mean (spread) | log loss | epoch s | whole s | peak MB | seeds | cores |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    os.chdir(tempfile.mkdtemp())
    for name in arguments.configs:
        runs = [whole(name, seed) for seed in range(arguments.seeds)]
        accuracy = [result["scores"]["accuracy"] for result, _, _ in runs]
        loss = [result["scores"]["log_loss"] for result, _, _ in runs]
        print(
            f"| {name} | {statistics.mean(accuracy):.4f} ({min(accuracy):.4f} to {max(accuracy):.4f}) "
            f"| {statistics.mean(loss):.3f} | {statistics.median(epoch_seconds(name)):.2f} "
            f"| {statistics.median(seconds for _, seconds, _ in runs):.1f} | {max(peak for _, _, peak in runs):.0f} "
            f"| {arguments.seeds} | {os.cpu_count()} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
