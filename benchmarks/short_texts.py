"""Default settings on short texts, against naive-Bayes logistic regression and fastText.

    pip install -r benchmarks/requirements.txt
    python benchmarks/short_texts.py --sizes 6824 3000

Five folds of the Rotten Tomatoes training sentences; of each fold's training part so many sentences, the same for all.
Prints mean accuracy and log loss over the folds. fastText gets 25 epochs: with its 5 it learns next to nothing here.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import fasttext
import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from sentibp import data, model, vocab
from sentibp.arrow import array
from sentibp.config import Config
from sentibp.nn.initializers import log_count_ratio
from sentibp.text import tokenize
from sentibp.train import Examples, fit


def ours(texts, label, held_out) -> np.ndarray:
    """The probability of positive of each held-out text, with every setting at its default."""
    config = Config()
    tokens = tokenize(texts)
    vocabulary, features = vocab.build(tokens, config.text.ngrams, config.text.min_count)
    classifier = model.build(config, vocabulary, 0, examples=(features, label))
    for _ in fit(classifier, Examples(features, label), None, 0):
        pass
    return classifier.predict(held_out).positive


def naive_bayes(texts, label, held_out) -> np.ndarray:
    """Wang & Manning's features, binary words and pairs times their log-count ratio, in a logistic regression."""
    vocabulary, features = vocab.build(tokenize(texts), 2)
    ratio = log_count_ratio(features, label, len(vocabulary))

    def matrix(x):
        shape = len(x.offsets) - 1, len(vocabulary)
        present = sp.csr_matrix((np.ones(len(x.ids)), x.ids.copy(), x.offsets.astype(np.int32)), shape=shape)
        present.sum_duplicates()
        present.data[:] = 1
        return present @ sp.diags(ratio)

    regression = LogisticRegression(C=1, solver="liblinear").fit(matrix(features), label)
    return regression.predict_proba(matrix(vocabulary.encode(tokenize(held_out))[0]))[:, 1]


def fast_text(texts, label, held_out) -> np.ndarray:
    def lines(text):
        return [" ".join(each.lower().split()) for each in text.to_pylist()]

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "train.txt"
        file.write_text("".join(f"__label__{y} {x}\n" for x, y in zip(lines(texts), label, strict=True)))
        trained = fasttext.train_supervised(str(file), lr=0.5, epoch=25, wordNgrams=2, dim=10, thread=2, verbose=0)
    answers = (trained.f.predict(line + "\n", 2, 0.0, "strict") for line in lines(held_out))
    return np.array([next(min(p, 1.0) for p, name in answer if name == "__label__1") for answer in answers])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[6824, 3000])
    corpus = data.load("rotten_tomatoes")
    print("| sentences | classifier | accuracy | log loss |\n| --- | --- | --- | --- |")
    for size in parser.parse_args().sizes:
        found: dict[str, list] = {}
        folds = StratifiedKFold(5, shuffle=True, random_state=0).split(corpus.label, corpus.label)
        for fold, (training, held_out) in enumerate(folds):
            chosen = np.sort(np.random.default_rng(fold).permutation(training)[:size])
            texts, others = (corpus.text.take(array(rows)) for rows in (chosen, held_out))
            truth = corpus.label[held_out]
            for name, classify in ("sentibp", ours), ("naive Bayes LR", naive_bayes), ("fastText", fast_text):
                p = np.clip(classify(texts, corpus.label[chosen], others), 1e-7, 1 - 1e-7)
                loss = -np.mean(np.log(np.where(truth == 1, p, 1 - p)))
                found.setdefault(name, []).append((((p >= 0.5) == truth).mean(), loss))
        for name, scores in found.items():
            accuracy, loss = np.mean(scores, axis=0)
            print(f"| {size:,} | {name} | {accuracy:.4f} | {loss:.3f} |", flush=True)


if __name__ == "__main__":
    main()
