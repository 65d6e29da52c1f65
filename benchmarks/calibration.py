"""How far the probabilities of small trainings are off, with and without what cross-validation says of their scale.

    python benchmarks/calibration.py rotten_tomatoes --texts 300 1000 3000
    python benchmarks/calibration.py imdb --texts 500 --draws 3 --set train.seed=1

From the training data of a config, so many texts are drawn, and trained on with the default settings, which the texts
decide; up to 4,000 others judge. "Alone": a tenth of the texts, held out for validation, tells the factor of the logits
without help. "Best": the factor that those who judge would choose.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from sentibp import load_model, metrics
from sentibp.config.load import load_config
from sentibp.data import dataset
from sentibp.data.tokenizer import tokenize
from sentibp.model.calibration import USUAL_PRIOR
from sentibp.nn.layers import Array, sigmoid
from sentibp.training import experiment, prepare
from sentibp.utils.arrow import from_numpy

_JUDGES = 4000


def logits_of_others(training: pa.Table, others: pa.Table, overrides: list[str]) -> Array:
    """Return the logits of the other texts (n,), after a training with the default settings."""
    with tempfile.TemporaryDirectory() as folder:
        parquet.write_table(training, Path(folder, "training.parquet"))
        config = Path(folder, "config.yaml")
        config.write_text("data: {source: training.parquet, label_column: label}\n", encoding="utf-8")
        with experiment.train(load_config(config, overrides), Path(folder, "run")) as events:
            for _ in events:
                pass
            events.finish()
        model = load_model(Path(folder, "run"))
    return model.logits(model.vocabulary.encode(tokenize(others["text"]))[0]).astype(np.float64)


def scores_of(z: Array, label: Array) -> list[float]:
    """Return accuracy, log loss and calibration error."""
    found: dict[str, Any] = metrics.scores(label, sigmoid(z))
    return [found[name] for name in ("accuracy", "log_loss", "calibration_error")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--texts", type=int, nargs="+", default=[300, 1000, 3000])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    corpora = [each for each in dataset.load_data(load_config(arguments.config).config) if each is not None]
    text = pa.chunked_array([chunk for each in corpora for chunk in each.text.chunks])
    label = np.concatenate([each.label for each in corpora])
    table = pa.table({"text": text, "label": from_numpy(label)})
    print("accuracy, log loss, calibration error; means of the draws\n")
    print("| texts | alone | with cross-validation | best |\n| --- | --- | --- | --- |")
    for count in arguments.texts:
        found: dict[str, list[list[float]]] = {"alone": [], "together": [], "best": []}
        for draw in range(arguments.draws):
            order = np.random.default_rng(draw).permutation(len(label))
            chosen, rest = order[:count], order[count : count + _JUDGES]
            parts = table.take(from_numpy(chosen)), table.take(from_numpy(rest))
            z = logits_of_others(*parts, arguments.set)
            with mock.patch.object(prepare, "find_prior", lambda *_: USUAL_PRIOR):
                alone = logits_of_others(*parts, arguments.set)
            factors = np.geomspace(0.2, 5, 161)
            best = min(factors, key=lambda factor: scores_of(factor * z, label[rest])[1])
            for name, logits in (("alone", alone), ("together", z), ("best", best * z)):
                found[name].append(scores_of(logits, label[rest]))
        means = ["{:.4f}, {:.4f}, {:.4f}".format(*np.mean(each, axis=0)) for each in found.values()]
        print(f"| {count:,} | {' | '.join(means)} |", flush=True)


if __name__ == "__main__":
    main()
