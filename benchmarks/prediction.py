"""Prediction as whole processes, start-up included: a file of 25,000 reviews against fastText; one text; --help.

    pip install -r benchmarks/requirements.txt
    python benchmarks/prediction.py --runs 5

Commands that are compared take turns; prints medians, and the median of the ratios of neighbouring runs.
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

from sentibp.config.load import load_config
from sentibp.data import dataset

HERE = Path(__file__).parent


os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as on a machine of a user: modules are compiled once


def wall(command: list[str], folder: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    python, sentibp = sys.executable, [sys.executable, "-m", "sentibp"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*sentibp, "train", "imdb", "--quiet"], cwd=folder, check=True)
        job = [python, str(HERE / "fasttext_job.py"), "--work", folder]
        subprocess.run(job, cwd=folder, check=True)
        training, validation = dataset.load_data(load_config("imdb").config)
        assert validation is not None
        with open(Path(folder) / "reviews.jsonl", "w", encoding="utf-8") as lines:
            for text in [*training.text.to_pylist(), *validation.text.to_pylist()]:
                lines.write(json.dumps({"text": text}) + "\n")
        contests = {
            "25,000 reviews, against fastText": (
                [*sentibp, "predict", "--input", "reviews.jsonl", "--output", "ours.jsonl", "--force"],
                [python, str(HERE / "fasttext_predict.py"), "model.bin", "reviews.jsonl", "theirs.jsonl"],
            ),
            "one text, against `import numpy, pyarrow`": (
                [*sentibp, "predict", "I love this movie"],
                [python, "-c", "import numpy, pyarrow"],
            ),
            "--help, against `import typer`": ([*sentibp, "--help"], [python, "-c", "import typer"]),
        }
        print("| what | sentibp s | the other s | ratio |\n| --- | --- | --- | --- |")
        for what, (ours, theirs) in contests.items():
            wall(ours, folder), wall(theirs, folder)  # once, to warm the disk
            pairs = [(wall(ours, folder), wall(theirs, folder)) for _ in range(arguments.runs)]
            mine, others = (statistics.median(times) for times in zip(*pairs, strict=True))
            ratio = statistics.median(a / b for a, b in pairs)
            print(f"| {what} | {mine:.2f} | {others:.2f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
