"""`sentibp audit` on labels of which some are known to be wrong, because they were turned over here.

    python benchmarks/label_noise.py --share 0.05 --seeds 0 1 2
    python benchmarks/label_noise.py --set train.epochs=4

Of the 25,000 IMDB training reviews a share is chosen by the seed and its labels are turned over. The reviews are
written to a file, audited by the command as a user would, and its ranking is held against what was flipped. Beside it,
for comparison, the same ranking by what a network says of the reviews that it was itself trained on.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from sentibp.config.load import load_config
from sentibp.data import corpus as data_corpus
from sentibp.data import sources, vocabulary_build
from sentibp.data.examples import Examples
from sentibp.data.tokenizer import tokenize
from sentibp.model import initial
from sentibp.training.loop import fit, initial_state

FIRST = (100, 250, 500, 1000, 1250)


def audited(
    name: str, overrides: list[str], corpus: data_corpus.Corpus, label: np.ndarray
) -> tuple[np.ndarray, int, float]:
    """The reviews in the order of the audit, how many it is confident of, and the seconds that it took."""
    with open("flipped.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(zip(corpus.text.to_pylist(), label.tolist(), strict=True))
    command = [sys.executable, "-m", "sentibp", "audit", name, "--quiet"]
    for override in [*overrides, "data.source=flipped.csv"]:
        command += ["--set", override]
    start = time.perf_counter()
    subprocess.run([*command, "--output", "ranked.csv", "--force"], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    csv.field_size_limit(1 << 30)
    with open("ranked.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return np.array([int(row["row"]) - 1 for row in rows]), sum(row["suspect"] == "yes" for row in rows), seconds


def by_heart(name: str, overrides: list[str], corpus: data_corpus.Corpus, label: np.ndarray) -> np.ndarray:
    """The reviews in the order of what a network says of them after it was trained on all of them."""
    settings = load_config(name, overrides).config
    words = settings.text
    vocabulary, features = vocabulary_build.build_vocabulary(
        tokenize(corpus.text), words.ngrams, words.min_count, words.max_features
    )
    classifier = initial.build_classifier(settings, vocabulary, 0, examples=Examples(features, label))
    state = initial_state(settings.train, len(label), 0)
    for _ in fit(classifier.network, Examples(features, label), None, settings.train, state):
        pass
    logits = classifier.logits(features)
    return np.argsort(np.where(label == 1, logits, -logits), kind="stable")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="imdb")
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    subject = arguments.config, arguments.set
    corpus = sources.load_corpus("imdb")
    assert corpus.label is not None
    os.chdir(Path(tempfile.mkdtemp()))
    print(f"| seed | flipped | ranked by | {' | '.join(f'first {n:,}' for n in FIRST)} | confident | s |")
    print("| --- " * (5 + len(FIRST)) + "|")
    for seed in arguments.seeds:
        chosen = np.random.default_rng(seed).permutation(len(corpus))[: round(arguments.share * len(corpus))]
        flipped = np.zeros(len(corpus), bool)
        flipped[chosen] = True
        label = corpus.label ^ flipped
        order, confident, seconds = audited(*subject, corpus, label)
        rows = {"audit": (order, f"{confident:,}", f"{seconds:.0f}")}
        rows["by heart"] = (by_heart(*subject, corpus, label), "", "")
        for kind, (ranked, *rest) in rows.items():
            precision = [f"{flipped[ranked[:n]].mean():.3f}" for n in FIRST]
            print(f"| {seed} | {len(chosen):,} | {kind} | {' | '.join([*precision, *rest])} |", flush=True)


if __name__ == "__main__":
    main()
