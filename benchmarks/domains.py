"""Every config on every set: each is trained once, and scored on reviews of its own kind and of others.

    python benchmarks/domains.py imdb reviews rotten_tomatoes --films films.parquet
    python benchmarks/domains.py imdb_pretrained --films films.parquet --unlabelled unlabelled.parquet

A fifth of the IMDB training reviews and of the sentences of Rotten Tomatoes is held out from all configs: whole films
of IMDB, if --films has them (as in folds.py), and a random fifth of the sentences. --also adds files with the columns
`text` and `label` (0, 1), which no config learns from. Probes are the pairs of `eval --probes`, and further pairs of
negation and litotes.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from folds import COLUMNS, Entry, load_reviews, make_folds
from pyarrow import parquet

from sentibp import find_model, load_model, metrics
from sentibp.config.load import load_config
from sentibp.config.schema import Config
from sentibp.inspection.probes import load_further_probes, load_probes, run_probes
from sentibp.model.classifier import Classifier
from sentibp.training import experiment
from sentibp.utils.arrow import from_numpy

SETS = ("imdb", "rotten_tomatoes")


def split_set(name: str, films: Path | None, folder: Path, fold: int) -> None:
    """Write the training reviews and the held-out reviews of a set into the folder."""
    corpus, group = load_reviews(Entry(name, [], ""), films if name == "imdb" else None)
    kinds = make_folds(corpus, group, 5)
    part = kinds.get("groups", kinds["random"])
    assert corpus.label is not None
    table = pa.table({"text": corpus.text, "label": from_numpy(np.asarray(corpus.label))})
    parquet.write_table(table.filter(from_numpy(part != fold)), folder / f"{name}.parquet")
    parquet.write_table(table.filter(from_numpy(part == fold)), folder / f"{name}.held-out.parquet")


def overrides(config: Config, folder: Path, unlabelled: Path | None) -> list[str]:
    """Return the overrides with which a config learns from the training reviews alone."""
    names = {"imdb": "imdb", "rotten_tomatoes": "rotten_tomatoes", "cornell-movie-review-data/rotten_tomatoes": SETS[1]}
    found = list(COLUMNS)
    source = config.data.source if isinstance(config.data.source, list) else [config.data.source]
    if all(each in names for each in source):
        found.append(f"data.source=[{','.join(str(folder / f'{names[each]}.parquet') for each in source)}]")
    if config.pretrain.labelled in names:
        found.append(f"pretrain.labelled={folder / f'{names[config.pretrain.labelled]}.parquet'}")
    if config.pretrain.source is not None and unlabelled is not None:
        found.append(f"pretrain.source={unlabelled}")
    return found


def train(name: str, given: list[str], folder: Path, unlabelled: Path | None) -> Classifier:
    """Return the final model of a config."""
    config = load_config(name, given).config
    resolved = load_config(name, [*given, *overrides(config, folder, unlabelled)])
    with experiment.train(resolved, folder / name / "run") as training:
        for _ in training:
            pass
        training.finish()
    return load_model(find_model(str(folder / name / "run")))


def score(model: Classifier, file: Path) -> str:
    """Return accuracy, log loss and calibration error on the labelled texts of a file."""
    table = parquet.read_table(file) if file.suffix == ".parquet" else arrow_csv.read_csv(file)
    scores = metrics.scores(np.asarray(table["label"]), model.predict(table["text"]).positive)
    return "{:.4f}, {:.4f}, {:.3f}".format(*(scores[key] for key in ("accuracy", "log_loss", "calibration_error")))


def probes(model: Classifier) -> list[str]:
    """Return how many probes a model passes: of all kinds, and of the further pairs of negation and of litotes."""
    found, further = run_probes(model, load_probes()), run_probes(model, load_further_probes())
    counts = [found, *(further["kinds"][kind] for kind in ("negation", "litotes"))]
    return [f"{each['passed']} of {each['n']}" for each in counts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="+")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for all configs")
    parser.add_argument("--films", type=Path, metavar="FILE")
    parser.add_argument("--unlabelled", type=Path, metavar="FILE", help="in the place of pretrain.source")
    parser.add_argument("--also", type=Path, action="append", default=[], metavar="FILE")
    parser.add_argument("--fold", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in SETS:
            split_set(each, arguments.films, folder, arguments.fold)
        files = {each: folder / f"{each}.held-out.parquet" for each in SETS} | {
            each.stem: each for each in arguments.also
        }
        print(f"| config | {' | '.join(files)} | probes | negation | litotes |", flush=True)
        print(f"|{' --- |' * (len(files) + 4)}")
        for config in arguments.configs:
            model = train(config, arguments.set, folder, arguments.unlabelled)
            cells = [score(model, file) for file in files.values()]
            print(f"| {config} | {' | '.join([*cells, *probes(model)])} |", flush=True)


if __name__ == "__main__":
    main()
