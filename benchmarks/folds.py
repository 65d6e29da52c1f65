"""A config on random folds of its own training data, through the command line: what to expect of it on other reviews.

    python benchmarks/folds.py imdb_best --set train.refit=true

Of each fold, the rest is trained on, of which the config holds out its own share to choose by; the fold only judges.
The reviews of a group (data.group_column) are in one fold.
Where a model is trained once more, on what was held out, too, both are told of: the model that was scored, and that.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from sentibp import find_model, find_validated_model
from sentibp.config.load import load_config
from sentibp.data import sources
from sentibp.data.split import fold_groups
from sentibp.utils.arrow import from_numpy


def sentibp(*args: str | Path) -> dict:
    """What a command says as JSON."""
    command = [sys.executable, "-m", "sentibp", *map(str, args), "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    settings = [part for each in arguments.set for part in ("--set", each)]
    data = load_config(arguments.config, arguments.set).config.data
    corpus = sources.load_corpus(data.source, sources.read_options(data), split="train", labels=data.labels)
    columns = {"text": corpus.text, "label": from_numpy(corpus.label)}
    settings += ["--set", "data.text_column=text", "--set", "data.label_column=label", "--set", "data.labels=null"]
    rng = np.random.default_rng(2026)
    order = rng.permutation(len(corpus))
    folds = [order[number :: arguments.folds] for number in range(arguments.folds)]
    if corpus.group is not None:
        columns["group"] = from_numpy(corpus.group)
        settings += ["--set", "data.group_column=group"]
        fold = fold_groups(corpus.group, corpus.label, arguments.folds, rng)
        folds = [np.flatnonzero(fold == number) for number in range(arguments.folds)]
    reviews = pa.table(columns)
    found: dict[str, list[list[float]]] = {}
    print("| fold | model | accuracy | log loss | calibration error |\n| --- | --- | --- | --- | --- |")
    for fold, held_out in enumerate(folds):
        training = np.random.default_rng(fold).permutation(np.setdiff1d(order, held_out, assume_unique=True))
        with tempfile.TemporaryDirectory() as folder:
            files = {name: Path(folder, f"{name}.parquet") for name in ("training", "fold")}
            for path, rows in zip(files.values(), (training, held_out), strict=True):
                parquet.write_table(reviews.take(from_numpy(rows)), path)
            run = Path(folder, "run")
            source = ["--set", f"data.source={files['training']}", "--seed", str(arguments.seed)]
            sentibp("train", arguments.config, *settings, *source, "--out", run, "--quiet")
            scored, last = find_validated_model(str(run)), find_model(str(run))
            for name, model in [("scored", scored), ("trained once more", last)][: 1 + (last != scored)]:
                scores = sentibp("eval", model, "--data", files["fold"])
                row = [scores[key] for key in ("accuracy", "log_loss", "calibration_error")]
                found.setdefault(name, []).append(row)
                print("| {} | {} | {:.4f} | {:.4f} | {:.4f} |".format(fold, name, *row), flush=True)
    for name, rows in found.items():
        print("| mean | {} | {:.4f} | {:.4f} | {:.4f} |".format(name, *np.mean(rows, axis=0)))


if __name__ == "__main__":
    main()
