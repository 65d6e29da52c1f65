"""Default settings on a labelled file, against naive-Bayes logistic regression and fastText, in the same folds.

    pip install -r benchmarks/requirements.txt
    python benchmarks/defaults.py mine.csv

sentibp is trained as a user would, by a config that says nothing but the source: it holds a tenth of each fold's
training part out, to choose its epoch and to be calibrated. The others get all of it, and the best of some settings
by the accuracy on the held-out part, which flatters them. Means over the folds; seconds are of a whole fold, start-up
of sentibp included, and of a fastText training in this process.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fasttext
import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from sentibp import metrics
from sentibp.data import sources, vocabulary_build
from sentibp.data.examples import Examples
from sentibp.data.tokenizer import tokenize
from sentibp.model import file as model_file
from sentibp.model.naive_bayes import class_counts
from sentibp.utils.arrow import from_numpy

PENALTIES = [0.1, 0.3, 1, 3, 10]  # C: how little
FASTTEXT = [(0.1, 10), (0.1, 25), (0.25, 10), (0.5, 5), (0.5, 10), (0.5, 25)]  # learning rate, epochs


def ours(texts, label, held_out, seed: int) -> np.ndarray:
    """The probability of positive of each held-out text."""
    with tempfile.TemporaryDirectory() as folder:
        with open(Path(folder, "train.csv"), "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["text", "label"], *zip(texts.to_pylist(), label.tolist(), strict=True)])
        Path(folder, "defaults.yaml").write_text("data: {source: train.csv}\n")
        command = [sys.executable, "-m", "sentibp", "train", "defaults.yaml", "--out", "run", "--seed", str(seed)]
        subprocess.run([*command, "--quiet"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return model_file.load_model(Path(folder, "run", "model.safetensors")).predict(held_out).positive


def naive_bayes(texts, label, held_out, penalty: float) -> np.ndarray:
    """Wang & Manning's features, binary words and pairs times their log-count ratio, in a logistic regression."""
    vocabulary, features = vocabulary_build.build_vocabulary(tokenize(texts), 2)
    p, q = (count + 1.0 for count in class_counts(Examples(features, label), len(vocabulary)))
    ratio = np.log(p / p.sum() / (q / q.sum()))

    def matrix(x):
        shape = len(x.offsets) - 1, len(vocabulary)
        present = sp.csr_matrix((np.ones(len(x.ids)), x.ids.copy(), x.offsets.astype(np.int32)), shape=shape)
        present.sum_duplicates()
        present.data[:] = 1
        return present @ sp.diags(ratio)

    regression = LogisticRegression(C=penalty, solver="liblinear").fit(matrix(features), label)
    return regression.predict_proba(matrix(vocabulary.encode(tokenize(held_out))[0]))[:, 1]


def fast_text(texts, label, held_out, rate: float, epochs: int) -> np.ndarray:
    """Words and pairs; it does not shuffle, so that is done for it."""

    def lines(text):
        return [" ".join(each.lower().split()) for each in text.to_pylist()]

    order = np.random.default_rng(0).permutation(len(label))
    with tempfile.TemporaryDirectory() as folder:
        file, train = Path(folder) / "train.txt", lines(texts)
        file.write_text("".join(f"__label__{label[i]} {train[i]}\n" for i in order))
        trained = fasttext.train_supervised(str(file), lr=rate, epoch=epochs, wordNgrams=2, dim=10, thread=2, verbose=0)
    answers = (trained.f.predict(line + "\n", 2, 0.0, "strict") for line in lines(held_out))
    return np.array([next((min(p, 1.0) for p, name in answer if name == "__label__1"), 0.5) for answer in answers])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--size", type=int, help="of each fold's training part, so many texts")
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    corpus = sources.load_corpus(arguments.source)
    ways = [("sentibp, defaults", ours, (seed,)) for seed in range(arguments.seeds)]
    ways += [(f"naive-Bayes LR, C {penalty}", naive_bayes, (penalty,)) for penalty in PENALTIES]
    ways += [(f"fastText, rate {rate}, {epochs} epochs", fast_text, (rate, epochs)) for rate, epochs in FASTTEXT]
    found: dict[tuple, list] = {}
    folds = StratifiedKFold(arguments.folds, shuffle=True, random_state=0).split(corpus.label, corpus.label)
    for fold, (training, held_out) in enumerate(folds):
        chosen = np.sort(np.random.default_rng(fold).permutation(training)[: arguments.size])
        texts, others = (corpus.text.take(from_numpy(rows)) for rows in (chosen, held_out))
        for name, classify, settings in ways:
            begin = time.perf_counter()
            p = np.clip(classify(texts, corpus.label[chosen], others, *settings), 1e-7, 1 - 1e-7)
            seconds = time.perf_counter() - begin
            scores = metrics.scores(corpus.label[held_out], p)
            row = [scores[key] for key in ("accuracy", "log_loss", "calibration_error")]
            found.setdefault((name, *settings), []).append([*row, seconds])
    means = {way: np.mean(rows, axis=0) for way, rows in found.items()}
    best: dict[str, tuple] = {}
    for way, (accuracy, *_) in means.items():
        kind = way[0].split(",")[0]
        if kind not in best or accuracy > means[best[kind]][0]:
            best[kind] = way
    print(f"{len(corpus):,} texts, {arguments.folds} folds, of {arguments.size or 'all'} training texts each\n")
    print("| classifier | accuracy | log loss | calibration error | s |\n| --- | --- | --- | --- | --- |")
    for kind, way in best.items():
        rows = [means[each] for each in means if kind == "sentibp" == each[0].split(",")[0]] or [means[way]]
        accuracy, loss, error, seconds = np.mean(rows, axis=0)
        print(f"| {way[0]} | {accuracy:.4f} | {loss:.3f} | {error:.3f} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
