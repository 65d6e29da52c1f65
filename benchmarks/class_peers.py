"""More than two classes: sentibp against scikit-learn and fastText, on the same training and test reviews.

    python benchmarks/class_peers.py three --test test
    python benchmarks/class_peers.py stars --set data.source=reviews.csv --set 'data.labels=[1, 2, 3, 4, 5]'
        --test 0.25 --repeats 3

The config is trained with each head. `--test` is what data.validation can be: a share, a split or a file. Of the peers,
the penalty of each logistic regression is chosen by cross-validation on the training reviews; fastText has its default
settings but pairs of words, 25 epochs and a learning rate of 0.5. It is left out if it is not installed. Prints
accuracy, macro-F1, the error of the median class, quadratic weighted kappa and log loss, the mean of the repeats.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegressionCV

from sentibp.config.load import load_config
from sentibp.data.corpus import Corpus
from sentibp.data.dataset import load_data
from sentibp.metrics import class_scores
from sentibp.training.experiment import train_model

METRICS = ("accuracy", "macro_f1", "mae", "quadratic_weighted_kappa", "log_loss")
WORD = r"(?u)\w+|[^\w\s]"


def logistic_regression(scoring: str = "neg_log_loss") -> LogisticRegressionCV:
    return LogisticRegressionCV(Cs=np.logspace(-1, 3, 5), cv=3, scoring=scoring, max_iter=2000)


def tfidf(train: list[str], label: np.ndarray, test: list[str], k: int) -> np.ndarray:
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORD)
    model = logistic_regression().fit(vectorizer.fit_transform(train), label)
    return model.predict_proba(vectorizer.transform(test))


def naive_bayes(train: list[str], label: np.ndarray, test: list[str], k: int) -> np.ndarray:
    """Naive-Bayes logistic regression (Wang & Manning, 2012), each class against the rest."""
    vectorizer = CountVectorizer(ngram_range=(1, 2), binary=True, token_pattern=WORD)
    x, new = vectorizer.fit_transform(train), vectorizer.transform(test)
    found = []
    for each in range(k):
        p, q = (np.asarray(x[chosen].sum(axis=0))[0] + 1 for chosen in (label == each, label != each))
        ratio = csr_matrix(np.log((p / p.sum()) / (q / q.sum())))
        model = logistic_regression().fit(x.multiply(ratio).tocsr(), label == each)
        found.append(model.predict_proba(new.multiply(ratio).tocsr())[:, 1])
    shares = np.stack(found, axis=1)
    return shares / shares.sum(axis=1, keepdims=True)


def fasttext(train: list[str], label: np.ndarray, test: list[str], k: int) -> np.ndarray:
    import fasttext

    def plain(text: str) -> str:
        return re.sub(r"([.!?,'/()\":;-])", r" \1 ", text.replace("\n", " ")).lower()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        path.write_text("".join(f"__label__{y} {plain(text)}\n" for y, text in zip(label, train, strict=True)))
        model = fasttext.train_supervised(str(path), epoch=25, lr=0.5, wordNgrams=2, thread=1, verbose=0)
    found = np.full((len(test), k), 1e-6)
    for row, text in zip(found, test, strict=True):
        for share, name in model.f.predict(plain(text) + "\n", k, 0.0, "strict"):
            row[int(name.removeprefix("__label__"))] = max(share, 1e-6)
    return found / found.sum(axis=1, keepdims=True)


def texts_of(corpus: Corpus) -> list[str]:
    return corpus.text.to_pylist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--test", default="0.25")
    parser.add_argument("--repeats", type=int, default=1)
    arguments = parser.parse_args()
    rows: dict[str, list[list[float]]] = {}
    for seed in range(arguments.repeats):
        settings = [*arguments.set, f"data.validation={arguments.test}", f"train.seed={seed}", "train.refit=false"]
        for head in ("scale", "softmax", "cumulative"):
            with tempfile.TemporaryDirectory() as folder:
                resolved = load_config(arguments.config, [*settings, f"model.output={head}"])
                scores = train_model(resolved, Path(folder) / "run").scores
                rows.setdefault(f"sentibp, {head}", []).append([scores[name] for name in METRICS])
        train, test = load_data(resolved.config)
        assert test is not None
        label = np.asarray(train.label)
        for name, peer in (("tf-idf LR", tfidf), ("NB-LR", naive_bayes), ("fastText", fasttext)):
            try:
                p = peer(texts_of(train), label, texts_of(test), len(train.names))
            except ImportError:
                continue
            scores = class_scores(np.asarray(test.label), p, names=train.names)
            rows.setdefault(name, []).append([scores[metric] for metric in METRICS])
    print(f"{len(train):,} training reviews, {len(test):,} test reviews; {', '.join(METRICS)}")
    for name, found in rows.items():
        print(f"{name:<20}", *(f"{value:.3f}" for value in np.mean(found, axis=0)), flush=True)


if __name__ == "__main__":
    main()
