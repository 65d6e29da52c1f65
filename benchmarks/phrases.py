"""Phrases of sentences, as the training data of SST-2 are: what their validation scores say about other sentences.

    python benchmarks/phrases.py

Sentences of Rotten Tomatoes are cut at random into ever smaller phrases. A phrase has the label that a model of the
sentences gives it, if that is sure enough, and a sentence its own. Default settings, with the phrases held out one by
one, similar ones together, and the phrases of a sentence together; then scored on 1,500 other sentences.
"""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

import sentibp
from sentibp.config.load import load_config
from sentibp.data import dataset

TEST, SURE = 1500, 1.2  # sentences; the smallest logit
CUTS = {
    "one by one": {"group_similar": "false"},
    "similar ones together, the default": {},
    "the phrases of a sentence together": {"group_column": "sentence"},
}


def phrases(words: list[str], rng: random.Random) -> Iterator[str]:
    """Yield the words, and the phrases of both parts into which they are cut."""
    yield " ".join(words)
    if len(words) > 1:
        cut = rng.randrange(1, len(words))
        yield from phrases(words[:cut], rng)
        yield from phrases(words[cut:], rng)


def labelled_phrases(sentences: list[tuple[str, int]], rng: random.Random) -> list[tuple[str, int, int]]:
    """Return phrases with their labels and the numbers of their sentences. No text is there twice."""
    texts, labels = zip(*sentences, strict=True)
    teacher = sentibp.train({"text": {"ngrams": 3}}, texts, labels, data__validation=0).model
    found = [(each, number) for number, text in enumerate(texts) for each in phrases(text.split(), rng)]
    positive = np.asarray(teacher.predict([text for text, _ in found]).positive, np.float64)
    logit = np.log(np.maximum(positive, 1e-12)) - np.log(np.maximum(1 - positive, 1e-12))
    kept: dict[str, tuple[int, int]] = {}
    for (text, number), z in zip(found, logit.tolist(), strict=True):
        is_whole = text == " ".join(texts[number].split())
        if is_whole or abs(z) > SURE:
            kept.setdefault(text, (labels[number] if is_whole else int(z > 0), number))
    rows = [(text, *rest) for text, rest in kept.items()]
    rng.shuffle(rows)
    return rows


def write(path: str, header: tuple[str, ...], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def scores(*command: str) -> dict[str, float]:
    """Return the scores that a command prints as JSON."""
    done = subprocess.run([sys.executable, "-m", "sentibp", *command, "--json"], check=True, capture_output=True)
    found = json.loads(done.stdout)
    return found.get("scores", found)


def main() -> None:
    rng = random.Random(0)
    corpora = [each for each in dataset.load_data(load_config("rotten_tomatoes").config) if each is not None]
    sentences = [pair for each in corpora for pair in zip(each.text.to_pylist(), each.label.tolist(), strict=True)]
    rng.shuffle(sentences)
    rows = labelled_phrases(sentences[TEST:], rng)
    print(f"{len(rows):,} phrases of {len(sentences) - TEST:,} sentences\n")
    print("| held out | validation accuracy, log loss | other sentences: accuracy, log loss, calibration error |")
    print("| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write("phrases.csv", ("text", "label", "sentence"), rows)
        write("others.csv", ("text", "label"), sentences[:TEST])
        Path("phrases.yaml").write_text("data: {source: phrases.csv}\n", encoding="utf-8")
        for number, (what, settings) in enumerate(CUTS.items()):
            sets = [f"--set=data.{key}={value}" for key, value in settings.items()]
            on = scores("train", "phrases.yaml", "--quiet", "--out", f"run-{number}", *sets)
            off = scores("eval", "-m", f"run-{number}", "--data", "others.csv")
            print(
                f"| {what} | {on['accuracy']:.4f}, {on['log_loss']:.4f} "
                f"| {off['accuracy']:.4f}, {off['log_loss']:.4f}, {off['calibration_error']:.4f} |",
                flush=True,
            )
        os.chdir("/")


if __name__ == "__main__":
    main()
