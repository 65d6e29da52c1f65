"""From raw reviews to a saved model, each in a fresh process: sentibp against fastText and others, in turn.

sentibp once without its cache of encoded text, as on a first training, and once with it, as on every later one.

    pip install -r benchmarks/requirements.txt
    python benchmarks/end_to_end.py --runs 5
    python benchmarks/end_to_end.py --runs 5 --peers vw   # peers whose names contain this

fastText at its best setting on these reviews (learning rate 0.25, 10 epochs) and at its quick one (0.5, 5), Vowpal
Wabbit with triples, scikit-learn with hashed pairs and stochastic gradient descent. Prints a Markdown table: medians,
and the ratio of each pair of neighbouring runs, which holds when the machine's speed drifts. The time of a peer is
without its start-up, ours with it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PEERS = {
    "fastText, lr 0.25, 10 epochs": ["fasttext_job.py", "--learning-rate", "0.25", "--epochs", "10"],
    "fastText, lr 0.5, 5 epochs": ["fasttext_job.py", "--learning-rate", "0.5", "--epochs", "5"],
    "Vowpal Wabbit (vw), 4 passes": ["vw_job.py"],
    "scikit-learn, HashingVectorizer and SGD": ["sklearn_job.py", "--alpha", "1e-6"],
}


def timed(command: list[str], folder: str, cache: str = "off") -> tuple[float, dict]:
    """Wall seconds of a process, and the JSON object that it prints."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment | {"SENTIBP_CACHE": cache}, capture_output=True, text=True, check=True
    )
    return time.perf_counter() - start, json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peers", default="", help="only those whose names contain this")
    arguments = parser.parse_args()
    print("| peer | its s | its accuracy | sentibp s | cached s | sentibp accuracy | sentibp / peer | cached / peer |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, job in PEERS.items():
        if arguments.peers not in name:
            continue
        pairs = []
        with tempfile.TemporaryDirectory() as folder:
            peer = [sys.executable, str(Path(__file__).with_name(job[0])), *job[1:], "--work", folder]
            ours = [sys.executable, "-m", "sentibp", "train", "imdb", "--json", "--quiet"]
            timed(ours, folder, f"{folder}/cache")  # fills it
            for _ in range(arguments.runs):
                _, theirs = timed(peer, folder)
                seconds, mine = timed(ours, folder)
                cached, _ = timed(ours, folder, f"{folder}/cache")
                pairs.append((theirs["seconds"], theirs["accuracy"], seconds, cached, mine["scores"]["accuracy"]))
        peer_seconds, peer_accuracy, seconds, cached, accuracy = map(statistics.median, zip(*pairs, strict=True))
        ratios = [statistics.median(pair[i] / pair[0] for pair in pairs) for i in (2, 3)]
        print(
            f"| {name} | {peer_seconds:.1f} | {peer_accuracy:.4f} "
            f"| {seconds:.1f} | {cached:.1f} | {accuracy:.4f} | {ratios[0]:.2f} | {ratios[1]:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
