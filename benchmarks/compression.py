"""What a smaller file costs: a config trained on folds, compressed to several sizes, scored on the rest.

    python benchmarks/compression.py imdb --set data.source=films.parquet --set data.group_column=film

The reviews of a group (data.group_column) are in one fold. Prints the mean over the folds for each size.
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

from sentibp.config.load import load_config
from sentibp.data import sources
from sentibp.data.split import fold_groups
from sentibp.utils.arrow import from_numpy


def sentibp(*args: str | Path) -> dict:
    """What a command says as JSON."""
    command = [sys.executable, "-m", "sentibp", *map(str, args), "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--sizes", default="1MB,300kB,100kB,50kB,30kB")
    arguments = parser.parse_args()
    settings = [part for each in arguments.set for part in ("--set", each)]
    data = load_config(arguments.config, arguments.set).config.data
    corpus = sources.load_corpus(data.source, sources.read_options(data), split="train", labels=data.labels)
    assert corpus.label is not None
    group = np.arange(len(corpus), dtype=np.int64) if corpus.group is None else corpus.group
    reviews = pa.table({"text": corpus.text, "label": from_numpy(corpus.label), "group": from_numpy(group)})
    named = {"text_column": "text", "label_column": "label", "labels": "null", "group_column": "group"}
    settings += [part for key, value in named.items() for part in ("--set", f"data.{key}={value}")]
    fold = fold_groups(group, corpus.label, arguments.folds, np.random.default_rng(2026))
    found: dict[str, list[list[float]]] = {}
    for number in range(arguments.folds):
        with tempfile.TemporaryDirectory() as folder:
            rest, held_out, run = (Path(folder, name) for name in ("rest.parquet", "fold.parquet", "run"))
            parquet.write_table(reviews.filter(from_numpy(fold != number)), rest)
            parquet.write_table(reviews.filter(from_numpy(fold == number)), held_out)
            sentibp("train", arguments.config, *settings, "--set", f"data.source={rest}", "--out", run, "--quiet")
            for size in arguments.sizes.split(","):
                small = Path(folder, f"{size}.safetensors")
                result = sentibp("compress", run, "--max-size", size, "--data", held_out, "--output", small, "--force")
                for name, side in ("model", "before"), (size, "after"):
                    row = [float(result[side][key]) for key in ("bytes", "features", "accuracy", "log_loss")]
                    found.setdefault(name, []).append([*row, result[side]["probes"]["passed"]])
    print("| file | bytes | features | accuracy | log loss | probes |\n| --- | --- | --- | --- | --- | --- |")
    for name, rows in found.items():
        size, features, accuracy, loss, probes = np.mean(rows, axis=0)
        print(f"| {name} | {size:,.0f} | {features:,.0f} | {accuracy:.4f} | {loss:.4f} | {probes:.0f} |")


if __name__ == "__main__":
    main()
