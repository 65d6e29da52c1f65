"""From raw reviews to a saved model, each in a fresh process: sentibp against fastText, in turn.

    pip install -r benchmarks/requirements.txt
    python benchmarks/end_to_end.py --runs 5

fastText at its best setting on these reviews (learning rate 0.25, 10 epochs) and at its quick one (0.5, 5). Prints a
Markdown table: medians, and the ratio of each pair of neighbouring runs, which holds when the machine's speed drifts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FASTTEXT = Path(__file__).with_name("fasttext_job.py")


def timed(command: list[str], folder: str) -> tuple[float, dict]:
    """Wall seconds of a process, and the JSON object that it prints."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return time.perf_counter() - start, json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    print("| peer | its seconds | its accuracy | sentibp seconds | sentibp accuracy | sentibp / peer |")
    print("| --- | --- | --- | --- | --- | --- |")
    for rate, epochs in ("0.25", "10"), ("0.5", "5"):
        pairs = []
        with tempfile.TemporaryDirectory() as folder:
            peer = [sys.executable, str(FASTTEXT), "--learning-rate", rate, "--epochs", epochs, "--work", folder]
            ours = [sys.executable, "-m", "sentibp", "train", "imdb", "--json", "--quiet"]
            for _ in range(arguments.runs):
                _, theirs = timed(peer, folder)
                seconds, mine = timed(ours, folder)
                pairs.append((theirs["seconds"], theirs["accuracy"], seconds, mine["scores"]["accuracy"]))
        peer_seconds, peer_accuracy, seconds, accuracy = map(statistics.median, zip(*pairs, strict=True))
        ratio = statistics.median(pair[2] / pair[0] for pair in pairs)
        print(
            f"| fastText, lr {rate}, {epochs} epochs | {peer_seconds:.1f} | {peer_accuracy:.4f} "
            f"| {seconds:.1f} | {accuracy:.4f} | {ratio:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
