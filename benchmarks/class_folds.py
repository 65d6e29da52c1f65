"""The default settings with more than two classes against the peers of `class_peers`, on three folds of rated texts.

    pip download --no-deps --no-binary :all: vaderSentiment==0.5
    python benchmarks/class_folds.py vaderSentiment-0.5.zip tweets 3
    python benchmarks/class_folds.py vaderSentiment-0.5.zip movies 5 --set train.linear_member=true --no-peers

The source archive of vaderSentiment (Hutto & Gilbert, 2014) has texts with a mean rating from -4 to 4: tweets, reviews
of products (amazon), newspaper editorials (nyt) and sentences on films, of which only those that are in the training
split of Rotten Tomatoes are used. Three classes are the ratings below -0.5, to 0.5 (nyt: 0.6), and above; five have the
shares of SST-5. Each fold trains on two thirds, of which the model holds out a tenth by itself, and tests on the rest.
"""

from __future__ import annotations

import argparse
import io
import re
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from class_peers import METRICS, fasttext, naive_bayes, tfidf

import sentibp
from sentibp.config.load import load_config
from sentibp.data.dataset import load_data
from sentibp.metrics import class_scores
from sentibp.training.experiment import train_model

FILES = {
    "tweets": ("tweets_GroundTruth.txt", 0.5),
    "amazon": ("amazonReviewSnippets_GroundTruth.txt", 0.5),
    "nyt": ("nytEditorialSnippets_GroundTruth.txt", 0.6),
    "movies": ("movieReviewSnippets_GroundTruth.txt", 0.5),
}
NAMES = {3: ["negative", "neutral", "positive"], 5: ["1", "2", "3", "4", "5"]}
SHARES = np.cumsum([0.128, 0.26, 0.19, 0.272])  # of the classes of SST-5
FOLDS = 3


def rated(archive: Path, name: str) -> tuple[list[str], np.ndarray]:
    """Return the texts of a file in the archive, and their ratings."""
    with zipfile.ZipFile(archive) as outer:
        inner = next(each for each in outer.namelist() if each.endswith("hutto_ICWSM_2014.tar.gz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(inner))) as files:
            content = files.extractfile(f"hutto_ICWSM_2014/{FILES[name][0]}")
            assert content is not None
            rows = [line.split("\t") for line in content.read().decode(errors="replace").splitlines()]
    rows = [(row[2], float(row[1])) for row in rows if len(row) > 2 and row[2].strip()]
    if name == "movies":
        known, _ = load_data(load_config("rotten_tomatoes", ["data.validation=0"]).config)
        letters = set(map(plain, known.text.to_pylist()))
        rows = [row for row in rows if plain(row[0]) in letters]
    return [text for text, _ in rows], np.array([rating for _, rating in rows])


def plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", text.lower())


def classes_of(rating: np.ndarray, classes: int, middle: float) -> np.ndarray:
    if classes == 3:
        return np.where(rating < -middle, 0, np.where(rating > middle, 2, 1))
    rank = np.argsort(np.argsort(rating, kind="stable")) / len(rating)
    return np.searchsorted(SHARES, rank, side="right")


def ours(train: list[str], label: np.ndarray, test: list[str], k: int, settings: list[str]) -> np.ndarray:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pq.write_table(pa.table({"text": train, "label": [NAMES[k][y] for y in label]}), folder / "train.parquet")
        (folder / "empty.yaml").touch()
        data = [f"data.source={folder / 'train.parquet'}", f"data.labels=[{','.join(NAMES[k])}]"]
        model = train_model(load_config(folder / "empty.yaml", [*data, *settings]), folder / "run").model
        assert model is not None
        return sentibp.load_model(model).predict(sentibp.to_arrow(test)).positive


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("texts", choices=FILES)
    parser.add_argument("classes", type=int, choices=NAMES)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--no-peers", action="store_true")
    arguments = parser.parse_args()
    texts, rating = rated(arguments.archive, arguments.texts)
    k, text = arguments.classes, np.array(texts, object)
    label = classes_of(rating, k, FILES[arguments.texts][1])
    order, fold = np.random.default_rng(7).permutation(len(text)), np.arange(len(text)) % FOLDS
    contestants = {"sentibp": lambda train, label, test, k: ours(train, label, test, k, arguments.set)}
    if not arguments.no_peers:
        contestants |= {"tf-idf LR": tfidf, "NB-LR": naive_bayes, "fastText": fasttext}
    print(f"{len(text):,} texts, shares {np.round(np.bincount(label) / len(label), 2).tolist()}; {', '.join(METRICS)}")
    for name, contestant in contestants.items():
        found = []
        for each in range(FOLDS):
            train, test = order[fold != each], order[fold == each]
            p = contestant(list(text[train]), label[train], list(text[test]), k)
            scores = class_scores(label[test], p, names=NAMES[k])
            found.append([scores[metric] for metric in METRICS])
        print(f"{name:<12}", *(f"{value:.3f}" for value in np.mean(found, axis=0)), flush=True)


if __name__ == "__main__":
    main()
