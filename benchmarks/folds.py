"""A config on folds of its own training data: what to expect of it on other reviews, and whether it beats another.

    python benchmarks/folds.py imdb --films films.parquet --against imdb --against-set text.presence=false
    python benchmarks/folds.py imdb_best --set train.refit=true

Of each fold, the rest is trained on, in the order of the data, of which the config holds out its own share; the fold
only judges. If groups are known (data.group_column, or --films), there are folds of whole groups, and random ones
beside them: the test set has other films, so the former rank settings as it does. --films is a Parquet file with
`sha256`, of the stripped UTF-8 text of a review, and `film`, a number. --save writes the reviews with their groups, as
a source for other commands.

With --against, both configs are trained on each fold, and compared in pairs: an exact test of the errors (McNemar), and
the difference of the log losses with its standard error, in which the reviews of a group are one observation. Where a
model is trained once more, on what was held out, too, that model is compared.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from sentibp import find_model, find_validated_model, load_model, metrics
from sentibp.config.load import Resolved, load_config
from sentibp.data import sources
from sentibp.data.corpus import Corpus
from sentibp.data.split import fold_groups
from sentibp.training import experiment
from sentibp.utils.arrow import from_numpy

COLUMNS = [
    *("data.text_column=text", "data.label_column=label", "data.labels=null", "data.weight_column=null"),
    "data.group_column=null",
]


class Entry(NamedTuple):
    """A config with its overrides, and its name in the tables."""

    config: str
    overrides: list[str]
    name: str


def load_reviews(entry: Entry, films: Path | None) -> tuple[Corpus, np.ndarray | None]:
    """Return the training reviews of a config, and the group of each, if groups are known."""
    data = load_config(entry.config, entry.overrides).config.data
    corpus = sources.load_corpus(data.source, sources.read_options(data), split="train", labels=data.labels)
    if films is None:
        return corpus, corpus.group
    table = parquet.read_table(films)
    film = dict(zip(table["sha256"].to_pylist(), table["film"].to_pylist(), strict=True))
    digests = [hashlib.sha256(text.strip().encode()).hexdigest() for text in corpus.text.to_pylist()]
    found = [film.get(digest) for digest in digests]
    print(f"{sum(each is not None for each in found):,} of {len(found):,} reviews have a film\n")
    return corpus, np.array([-1 - i if each is None else each for i, each in enumerate(found)])


def make_folds(corpus: Corpus, group: np.ndarray | None, count: int) -> dict[str, np.ndarray]:
    """Return the fold of each review (n,) for each kind of fold."""
    order, rng = np.random.default_rng(2026).permutation(len(corpus)), np.random.default_rng(2026)
    kinds = {"random": np.argsort(order) % count}
    assert corpus.label is not None
    return kinds if group is None else {"groups": fold_groups(group, corpus.label, count, rng), **kinds}


def trained(entry: Entry, files: dict[str, Path], overrides: list[str], seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Train on a file. Yield the name of each model that remains, and its probabilities of the fold."""
    text = parquet.read_table(files["fold"], columns=["text"])["text"]
    resolved: Resolved = load_config(
        entry.config, [*overrides, *entry.overrides, f"data.source={files['training']}", f"train.seed={seed}"]
    )
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        with experiment.train(resolved, run) as training:
            for _ in training:
                pass
            training.finish()
        scored, last = find_validated_model(str(run)), find_model(str(run))
        for name, model in [("", scored), (", trained once more", last)][: 1 + (last != scored)]:
            yield f"{entry.name}{name}", load_model(model).predict(text).positive


def judge(entries: list[Entry], corpus: Corpus, group: np.ndarray | None, fold: np.ndarray, seed: int, kind: str):
    """Print the scores on each fold, and return the probabilities of each model for all reviews (n,)."""
    label, positive = np.asarray(corpus.label), {}
    columns: dict[str, Any] = {"text": corpus.text, "label": from_numpy(label)}
    if group is not None:
        columns["group"] = from_numpy(group)  # for --set data.group_column=group
    reviews = pa.table(columns)
    for number in range(int(fold.max()) + 1):
        held_out = np.flatnonzero(fold == number)
        training = np.flatnonzero(fold != number)
        with tempfile.TemporaryDirectory() as folder:
            files = {name: Path(folder, f"{name}.parquet") for name in ("training", "fold")}
            for path, rows in zip(files.values(), (training, held_out), strict=True):
                parquet.write_table(reviews.take(from_numpy(rows)), path)
            for entry in entries:
                for name, answers in trained(entry, files, COLUMNS, seed):
                    positive.setdefault(name, np.zeros(len(label)))[held_out] = answers
                    print_row(kind, number, name, metrics.scores(label[held_out], answers))
    return positive


def print_row(kind: str, fold: int | str, name: str, scores: dict[str, Any]) -> None:
    """Print the scores of a model on a fold."""
    row = [scores[key] for key in ("accuracy", "log_loss", "calibration_error")]
    print("| {} | {} | {} | {:.4f} | {:.4f} | {:.4f} |".format(kind, fold, name, *row), flush=True)


def compare(label: np.ndarray, a: np.ndarray, b: np.ndarray, group: np.ndarray) -> str:
    """Return how much better the first answers (n,) are than the second, and how certain that is."""
    paired = metrics.mcnemar(label, a, b)
    loss_a, loss_b = (-np.log(np.maximum(np.where(label == 1, p, 1 - p), 1e-15)) for p in (a, b))
    difference = loss_a - loss_b
    total = np.bincount(np.unique(group, return_inverse=True)[1], difference - difference.mean())
    error = float(np.sqrt(np.sum(total**2))) / len(label)
    accuracy = np.mean(metrics.decide(a) == label) - np.mean(metrics.decide(b) == label)
    return (
        f"accuracy {accuracy:+.4f} (p {paired['p_value']:.2g}), "
        f"log loss {difference.mean():+.4f} (standard error {error:.4f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--against", metavar="CONFIG", help="the baseline")
    parser.add_argument("--against-set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--films", type=Path, metavar="FILE")
    parser.add_argument("--save", type=Path, metavar="FILE")
    parser.add_argument("--kinds", nargs="+", choices=["groups", "random"], default=["groups", "random"])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    entries = [Entry(arguments.config, arguments.set, "this")]
    if arguments.against:
        entries.append(Entry(arguments.against, arguments.against_set, "baseline"))
    corpus, group = load_reviews(entries[0], arguments.films)
    label = np.asarray(corpus.label)
    if arguments.save:
        columns = {"text": corpus.text, "label": from_numpy(label), "film": from_numpy(np.asarray(group))}
        parquet.write_table(pa.table(columns), arguments.save)
    print("| folds | fold | model | accuracy | log loss | calibration error |\n| --- | --- | --- | --- | --- | --- |")
    differences = []
    for kind, fold in make_folds(corpus, group, arguments.folds).items():
        if kind not in arguments.kinds:
            continue
        positive = judge(entries, corpus, group, fold, arguments.seed, kind)
        for name, answers in positive.items():
            print_row(kind, "all", name, metrics.scores(label, answers))
        last = {entry.name: [p for name, p in positive.items() if name.startswith(entry.name)][-1] for entry in entries}
        if len(last) > 1:
            unit = np.arange(len(label)) if group is None else group
            differences.append(f"{kind}: {compare(label, last['this'], last['baseline'], unit)}")
    print("", *differences, sep="\n")


if __name__ == "__main__":
    main()
