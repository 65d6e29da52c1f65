"""Learning curves: accuracy and log loss after 100, 300, 1,000 and 3,000 labelled texts.

    pip install -r benchmarks/requirements.txt 'sentibp[lexicon]'
    sentibp pretrain rotten_tomatoes_pretrained --out vectors --set data.validation=0.5 --set pretrain.labelled=null
        --set pretrain.source=stanfordnlp/imdb
    python benchmarks/few_labels.py rotten_tomatoes --vectors vectors

Each draw takes texts for training, and 2,000 others to score on, from the training part of the data. The draws are the
same for all. Every sentibp training holds a tenth of its texts out, and calibrates on it. The peer is scikit-learn's
logistic regression on tf-idf of words and pairs, with its default penalty.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sentibp import metrics
from sentibp.config.load import load_config
from sentibp.data import sources
from sentibp.model.file import load_model
from sentibp.training.experiment import train_model

HELD_OUT = 2000
WORDS = ["pretrain.vectors=words", "pretrain.dim=100"]


def trained(config: str, overrides: list[str], texts, label, held_out) -> np.ndarray:
    """Train on a file with these texts. Return the probability of positive of each held-out text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "train.csv")
        with open(path, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["text", "label"], *zip(texts.to_pylist(), label.tolist(), strict=True)])
        if config == "defaults":
            config = str(Path(folder, "defaults.yaml"))
            Path(config).write_text("data: {}\n")
        resolved = load_config(config, [f"data.source={path}", *overrides])
        return load_model(train_model(resolved, Path(folder, "run")).model).predict(held_out).positive


def tf_idf(texts, label, held_out) -> np.ndarray:
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(max_iter=1000))
    return model.fit(texts.to_pylist(), label).predict_proba(held_out.to_pylist())[:, 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--vectors", help="a run of sentibp pretrain")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 300, 1000, 3000])
    parser.add_argument("--only", default="", help="train only the ways whose names contain this")
    settings = parser.parse_args()
    corpus = sources.load_corpus(settings.source)
    text, label = corpus.text.combine_chunks(), corpus.label
    ways: dict = {
        "scikit-learn tf-idf": tf_idf,
        "defaults": lambda *data: trained("defaults", [], *data),
        "few_labels": lambda *data: trained("few_labels", [], *data),
    }
    if settings.vectors:
        vectors = [*WORDS, f"pretrain.vectors_from={settings.vectors}"]
        no_lexicon = [*vectors, "pretrain.lexicon=none", "model.embedding.dim=101"]
        ways["few_labels, vectors, no lexicon"] = lambda *data: trained("few_labels", no_lexicon, *data)
        ways["few_labels, vectors"] = lambda *data: trained("few_labels", [*vectors, "model.embedding.dim=102"], *data)
    ways = {name: way for name, way in ways.items() if settings.only in name}
    for n in settings.sizes:
        for name, way in ways.items():
            scores = []
            for draw in range(settings.draws):
                order = np.random.default_rng(draw).permutation(len(label))
                chosen, others = order[:n], order[-HELD_OUT:]
                positive = way(*(each.take(chosen) for each in (text, label)), text.take(others))
                found = metrics.scores(label[others], positive)
                scores.append((found["accuracy"], found["log_loss"]))
            accuracy, log_loss = np.mean(scores, axis=0)
            print(f"{n:5}  {name:31} {accuracy:.3f} (sd {np.std(scores, axis=0)[0]:.3f})  {log_loss:.3f}", flush=True)


if __name__ == "__main__":
    main()
