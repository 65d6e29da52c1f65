"""Make what sentibp knows of English words before a training: the vectors and the lexicon that come with it.

    python benchmarks/make_words.py --source unlabelled.parquet    # a file with a column `text`
    python benchmarks/make_words.py                                # stanfordnlp/imdb, split unsupervised

Writes to data/builtin:

- vectors.safetensors: 30,000 words of the unlabelled reviews, each with 100 numbers of 8 bits, learned by
  `sentibp pretrain` from their neighbours.
- lexicon.csv: in how many positive and in how many negative ones of IMDB's training reviews a word occurs. Names are
  left out, and words that say nothing. No review of the test split is read.
- words.json: digests, settings, fingerprints of the data, versions.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from sentibp.config.load import load_config
from sentibp.config.schema import BUILTIN_DIM
from sentibp.data.lexicon import BUILTIN_FILE, SMOOTHING
from sentibp.model.naive_bayes import class_counts
from sentibp.model.word_vectors import BUILTIN_VECTORS, load_vectors, pack_vectors
from sentibp.runs.find import BUILTIN
from sentibp.training.prepare import prepare
from sentibp.utils.environment import version
from sentibp.utils.resources import resource_folder

FOLDER = resource_folder("data") / BUILTIN
LEAST_RATIO = 0.2  # the absolute log-count ratio from which a word says something
MIN_COUNT = 20  # occurrences in the labelled reviews
LEXICON = ["text.ngrams=1", f"text.min_count={MIN_COUNT}", "text.names=false", "data.validation=0", "train.refit=false"]
VECTORS = [
    "pretrain.vectors=words",
    f"pretrain.dim={BUILTIN_DIM}",
    "pretrain.lexicon=none",
    f"model.embedding.dim={BUILTIN_DIM + 1}",
    "text.min_count=2",
]


def write_vectors(source: str) -> dict[str, object]:
    """Learn the vectors and write them with 8 bits a number. Return the facts of the pretraining."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        settings = [part for each in [f"pretrain.source={source}", *VECTORS] for part in ("--set", each)]
        command = [sys.executable, "-m", "sentibp", "pretrain", "few_labels", *settings, "--out", run, "--quiet"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        learned = load_vectors(run / "vectors.safetensors")
        facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (FOLDER / BUILTIN_VECTORS).write_bytes(pack_vectors(learned))
    return {"settings": VECTORS, "data": facts["data"]}


def write_lexicon() -> dict[str, object]:
    """Count in how many reviews of each label a word occurs. Return what was counted."""
    data = prepare(load_config("imdb", LEXICON))
    positive, negative = class_counts(data.training, len(data.vocabulary))
    ratio = np.log((positive + SMOOTHING) / (negative + SMOOTHING))
    words = data.vocabulary.words.to_pylist()
    rows = [
        (words[i], int(positive[feature]), int(negative[feature]))
        for i, feature in enumerate(data.vocabulary.word_features)
        if abs(ratio[feature]) >= LEAST_RATIO
    ]
    with open(FOLDER / BUILTIN_FILE, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("word", "positive", "negative"), *rows])
    return {"settings": LEXICON, "least_ratio": LEAST_RATIO, "words": len(rows), "data": data.facts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default="stanfordnlp/imdb")
    facts = {"vectors": write_vectors(parser.parse_args().source), "lexicon": write_lexicon()}
    for name, file in (("vectors", BUILTIN_VECTORS), ("lexicon", BUILTIN_FILE)):
        content = (FOLDER / file).read_bytes()
        facts[name] = {"file": file, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} | facts[name]
    made = {"made_by": "python benchmarks/make_words.py", "versions": {"sentibp": version("sentibp")}}
    (FOLDER / "words.json").write_text(json.dumps(made | facts, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
