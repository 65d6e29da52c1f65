"""What a user of Vowpal Wabbit does, whole: read the reviews, write its file, train, save.

    python benchmarks/vw_job.py --work DIR

Trains on the same 22,500 IMDB reviews as `sentibp train imdb` and prints its accuracy on the same 2,500, which is not
part of the time it prints. Words are as in fasttext_job.py.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from fasttext_job import normalise
from vowpalwabbit import Workspace

from sentibp.config.load import load_config
from sentibp.data import dataset

OPTIONS = "--loss_function logistic --ngram 3 -b 24 --passes 4 --l2 1e-7 --quiet"


def line(text: str) -> str:
    """One review in the format of Vowpal Wabbit, in which | and : have a meaning."""
    return "| " + normalise(text).replace("|", " ").replace(":", " ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()

    start = time.perf_counter()
    training, validation = dataset.load_data(load_config("imdb").config)  # reads as fast as we do
    assert validation is not None
    file, model = arguments.work / "train.vw", arguments.work / "model.vw"
    with open(file, "w", encoding="utf-8") as lines:
        texts, labels = training.text.to_pylist(), training.label.tolist()
        for i in np.random.default_rng(0).permutation(len(texts)).tolist():  # it learns in the file's order
            lines.write(f"{2 * labels[i] - 1} {line(texts[i])}\n")
    prepared = time.perf_counter()
    trained = Workspace(f"{OPTIONS} -d {file} --cache_file {file}.cache --kill_cache -f {model}")  # runs all passes
    trained.finish()
    end = time.perf_counter()
    loaded = Workspace(f"-i {model} -t --quiet")
    margin = np.array([loaded.predict(line(text)) for text in validation.text.to_pylist()])
    accuracy = float(np.mean((margin > 0) == validation.label))
    print(json.dumps({"seconds": end - start, "prepared": prepared - start, "accuracy": accuracy}))


if __name__ == "__main__":
    main()
