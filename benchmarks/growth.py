"""How time and memory grow: with the number of reviews, the vocabulary, the dimension, the depth.

    python benchmarks/growth.py

Real IMDB reviews, repeated; in the copies one word in twenty is another one, drawn as often as it occurs, so that the
vocabulary grows as that of more text would. Each row is a process of its own; memory is its peak.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

from sentibp import config, experiment, model, vocab
from sentibp.text import Tokens, tokenize
from sentibp.train import Examples, fit

REVIEWS = [22_500, 45_000, 90_000, 180_000]
VARIED = [
    *(["text.max_features", size] for size in (10_000, 50_000, 200_000, 1_000_000)),
    *(["model.embedding.dim", size] for size in (8, 16, 32, 64)),
    *(["model.hidden", widths] for widths in ([], [16], [16] * 4, [16] * 16)),
]


def repeated(tokens: Tokens, copies: int) -> Tokens:
    rng = np.random.default_rng(0)
    ids = [tokens.ids]
    for _ in range(copies - 1):
        other = rng.random(len(tokens.ids)) < 0.05
        ids.append(np.where(other, rng.permutation(tokens.ids), tokens.ids))
    lengths = np.tile(np.diff(tokens.offsets), copies)
    return Tokens(np.concatenate(ids), np.concatenate(([0], np.cumsum(lengths))), tokens.words)


def measure(reviews: int, overrides: list[str]) -> dict[str, float]:
    settings = config.load("imdb", overrides).config
    training, _ = experiment.load_data(settings)
    assert training.label is not None
    copies = reviews // len(training)
    tokens = repeated(tokenize(training.text), copies)
    start = time.perf_counter()
    vocabulary, features = vocab.build(tokens, 2, 2, settings.text.max_features)
    built = time.perf_counter()
    train = Examples(features, np.tile(training.label, copies))
    classifier = model.build(settings, vocabulary, 0, None, (train.features, train.label))
    before = time.perf_counter()
    steps = sum(1 for _ in fit(classifier, train, None, 0)) - 1
    seconds = time.perf_counter() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {
        "features": len(vocabulary),
        "build": built - start,
        "epoch": seconds,
        "step": seconds / steps,
        "peak": peak,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(*json.loads(arguments.one))))
        return
    print("| reviews | setting | features | vocabulary s | epoch s | step ms | peak GB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    rows = [(reviews, []) for reviews in REVIEWS]
    rows += [(REVIEWS[0], [f"{key}={json.dumps(value)}"]) for key, value in VARIED]
    for reviews, overrides in rows:
        command = [sys.executable, __file__, "--one", json.dumps([reviews, overrides])]
        row = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        print(
            f"| {reviews:,} | {overrides[0] if overrides else ''} | {row['features']:,} | {row['build']:.1f} "
            f"| {row['epoch']:.2f} | {row['step'] * 1e3:.2f} | {row['peak']:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
