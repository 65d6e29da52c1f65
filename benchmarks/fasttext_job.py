"""What a user of fastText does, whole: read the reviews, normalise, write its file, train, save.

    python benchmarks/fasttext_job.py --learning-rate 0.25 --epochs 10 --work DIR

Trains on the same 22,500 IMDB reviews as `sentibp train imdb` and prints its accuracy on the same 2,500, which is not
part of the time it prints.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from pathlib import Path

import fasttext
import numpy as np

from sentibp.config.load import load_config
from sentibp.data import dataset

SEPARATE = re.compile(r"([.!?,'/()\":;-])")


def normalise(text: str) -> str:
    """The recipe of fastText's own examples: line breaks out, punctuation apart, lower case."""
    return SEPARATE.sub(r" \1 ", text.replace("<br />", " ").replace("\n", " ")).lower()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learning-rate", type=float, default=0.25)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--dim", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()

    start = time.perf_counter()
    training, validation = dataset.load_data(load_config("imdb").config)  # reads as fast as we do
    assert validation is not None
    file = arguments.work / "train.txt"
    with open(file, "w", encoding="utf-8") as lines:
        texts, labels = training.text.to_pylist(), training.label.tolist()
        for i in np.random.default_rng(0).permutation(len(texts)).tolist():  # fastText trains in the file's order
            text, label = texts[i], labels[i]
            lines.write(f"__label__{label} {normalise(text)}\n")
    prepared = time.perf_counter()
    model = fasttext.train_supervised(
        str(file),
        lr=arguments.learning_rate,
        epoch=arguments.epochs,
        dim=arguments.dim,
        wordNgrams=2,
        thread=arguments.threads,
        verbose=0,
    )
    model.save_model(str(arguments.work / "model.bin"))
    end = time.perf_counter()
    said, _ = model.f.multilinePredict(
        [normalise(text) + "\n" for text in validation.text.to_pylist()], 1, 0.0, "strict"
    )
    accuracy = np.mean([label[0] == f"__label__{truth}" for label, truth in zip(said, validation.label, strict=True)])
    print(json.dumps({"seconds": end - start, "prepared": prepared - start, "accuracy": float(accuracy)}))


if __name__ == "__main__":
    main()
