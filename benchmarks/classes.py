"""A training step with more than two classes against one with two: the same reviews, features and network.

    python benchmarks/classes.py --rounds 9

The 25,000 IMDB reviews with the settings of `imdb`; the labels of more than two classes are drawn, as the time does
not depend on them. The contestants take turns. Prints the CPU seconds of an epoch (the median of the rounds), those of
a step, and the ratio to two classes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sentibp.config.load import load_config
from sentibp.data.examples import Examples
from sentibp.data.labels import classes_of
from sentibp.data.vocabulary import Vocabulary
from sentibp.model import initial
from sentibp.training.loop import fit, initial_state
from sentibp.training.prepare import prepare

CONTESTANTS = [
    ("two", 2),
    ("scale", 3),
    ("scale", 5),
    ("softmax", 5),
    ("cumulative", 5),
    ("scale", 10),
    ("softmax", 10),
]


def epoch_of(
    config: str, settings: list[str], head: str, k: int, train: Examples, vocabulary: Vocabulary
) -> Callable[[], None]:
    """Return a function that trains for an epoch."""
    if k > 2:
        settings = [*settings, f"data.labels={list(range(k))}", f"model.output={head}"]
        label = np.random.default_rng(0).integers(0, k, len(train)).astype(np.int8)
    resolved = load_config(config, settings).config
    if k > 2:
        train = replace(train, label=label, classes=classes_of(resolved.data))
    classifier = initial.build_classifier(resolved, vocabulary, 0, examples=train)

    def epoch() -> None:
        state = initial_state(resolved.train, len(train), 0)
        for _ in fit(classifier.network, train, None, resolved.train, state):
            pass

    return epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="imdb")
    parser.add_argument("--set", action="append", default=[], help="a setting, such as data.source=reviews.csv")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    settings = ["train.epochs=1", *arguments.set]
    resolved = load_config(arguments.config, settings)
    data = prepare(resolved)
    steps = data.config.train.steps_per_epoch(len(data.training))
    epochs = {
        f"{head} {k}": epoch_of(arguments.config, settings, head, k, data.training, data.vocabulary)
        for head, k in CONTESTANTS
    }
    spent: dict[str, list[float]] = {name: [] for name in epochs}
    for _ in range(arguments.rounds):
        for name, epoch in epochs.items():
            start = time.process_time()
            epoch()
            spent[name].append(time.process_time() - start)
    first = statistics.median(spent["two 2"])
    print(f"{len(data.training):,} reviews, {len(data.vocabulary):,} features, {steps:,} steps")
    for name, seconds in spent.items():
        median = statistics.median(seconds)
        print(f"{name:<14} {median:7.3f} s  {median / steps * 1e3:6.2f} ms a step  {median / first:5.2f}")


if __name__ == "__main__":
    main()
