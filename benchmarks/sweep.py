"""A sweep over Rotten Tomatoes, from a space that says nothing of the settings that come with sentibp.

    python benchmarks/sweep.py shipped --trials 30
    python benchmarks/sweep.py autotune --seconds 120 --draws 3 --fasttext python

`shipped`: the best of some trials against the config `rotten_tomatoes`, on the same validation reviews, which are cut
from the training split; then both are trained again on four fifths of that split, and scored on the last fifth.

`autotune`: against fastText's autotune in the same time, on the same cores and the same file. A fifth of the training
split is held out, on which neither is tuned. Each gets the rest, and holds out a tenth of that
for its own choice; at the end each is trained on all of the rest with the settings that it chose. `--fasttext` is a
Python that has the package fasttext (benchmarks/requirements.txt).
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from sentibp import load_model, metrics
from sentibp.config.load import load_config
from sentibp.data.corpus import Corpus
from sentibp.data.dataset import load_data
from sentibp.utils.arrow import from_numpy

SPACE = """\
text.ngrams: [1, 2, 3]
text.min_count: [1, 2, 3, 5]
text.presence: [true, false]
text.affixes: [true, false]
text.shifters: [true, false]
model.embedding.dim: {log: [2, 64]}
model.embedding.pooling: [mean, sum, sqrt]
model.embedding.padding: {int: [0, 20]}
model.embedding.init: [linear, naive_bayes, normal]
model.hidden: [[], [8], [16], [32]]
model.dropout: {uniform: [0, 0.5]}
train.optimizer: [adagrad, adam, rmsprop, momentum]
train.optimizer.learning_rate: {log: [0.0005, 2]}
train.epochs: {int: [1, 12]}
train.batch_size: [16, 32, 64, 128, 256]
train.word_dropout: {uniform: [0, 0.6]}
"""
SEPARATE = re.compile(r"([.!?,'/()\":;-])")
FASTTEXT = """
import fasttext, json, sys
train, valid, whole, test, seconds, threads = sys.argv[1:]
tuned = {"autotuneValidationFile": valid, "autotuneDuration": int(seconds)}
model = fasttext.train_supervised(train, thread=int(threads), **tuned)
chosen = model.f.getArgs()
names = ("lr", "dim", "ws", "epoch", "minCount", "minn", "maxn", "wordNgrams", "bucket")
settings = {name: getattr(chosen, name) for name in names} | {"loss": chosen.loss.name}
again = fasttext.train_supervised(whole, thread=int(threads), **settings)
texts = open(test, encoding="utf-8").read().splitlines()
found = {name: [each[0] for each in m.predict(texts)[0]] for name, m in (("tuned", model), ("again", again))}
print(json.dumps({"settings": settings, "labels": found}))
"""


def sentibp(*arguments: object, folder: str, codes: tuple[int, ...] = (0,)) -> dict:
    """Run a command with --json, and return what it prints."""
    command = [sys.executable, "-m", "sentibp", *map(str, arguments), "--json", "--quiet"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in codes:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def shipped(trials: int, seeds: int, draws: int) -> None:
    """Compare the best of some trials with the shipped config, on the same validation reviews, and on others."""
    print("| what | accuracy | log loss | trials | s |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "space.yaml").write_text(SPACE)
        scores = sentibp("train", "rotten_tomatoes", "--set", "train.refit=false", folder=folder)["scores"]
        print(f"| rotten_tomatoes | {scores['accuracy']:.4f} | {scores['log_loss']:.4f} | | |", flush=True)
        for seed in range(seeds):
            began = time.monotonic()
            found = sentibp("sweep", "rotten_tomatoes", "space.yaml", "--trials", trials, "--seed", seed, folder=folder)
            scores, states = found["best"]["scores"], ", ".join(f"{n} {state}" for state, n in found["states"].items())
            row = f"{scores['accuracy']:.4f} | {scores['log_loss']:.4f} | {states} | {time.monotonic() - began:.0f}"
            print(f"| sweep, seed {seed}, trial {found['best']['number']} | {row} |", flush=True)
            print(f"    {found['settings']}", file=sys.stderr)
            elsewhere(Path(folder, found["config"]), draws)


def elsewhere(best: Path, draws: int) -> None:
    """Train the shipped config and the best one on four fifths of the training split, and score the last fifth."""
    corpus = reviews()
    for draw in range(draws):
        held_out, rest = cut(corpus, draw)
        with tempfile.TemporaryDirectory() as folder:
            source = f"data.source={write_table(corpus, rest, folder)}"
            for config in ("rotten_tomatoes", str(best)):
                outcome = sentibp("train", config, "--set", source, folder=folder)
                positive = load_model(Path(folder, outcome["model"])).predict(corpus.take(held_out).text).positive
                scores = metrics.scores(np.asarray(corpus.label)[held_out], positive)
                row = f"{scores['accuracy']:.4f} | {scores['log_loss']:.4f} | {len(held_out):,} others | |"
                print(f"| {Path(config).stem}, draw {draw} | {row}", flush=True)


def reviews() -> Corpus:
    """Return the training split."""
    return load_data(load_config("rotten_tomatoes", ["data.validation=0", "train.refit=auto"]).config)[0]


def cut(corpus: Corpus, draw: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a fifth of the reviews, and the rest."""
    order = np.random.default_rng(draw).permutation(len(corpus))
    return order[: len(order) // 5], order[len(order) // 5 :]


def write_table(corpus: Corpus, rows: np.ndarray, folder: str) -> Path:
    """Write some reviews to a file."""
    table = pa.table({"text": corpus.text, "label": from_numpy(np.asarray(corpus.label))})
    parquet.write_table(table.take(from_numpy(rows)), Path(folder, "rest.parquet"))
    return Path(folder, "rest.parquet")


def autotune(seconds: int, draws: int, fasttext: str, cores: int) -> None:
    """Compare with fastText's autotune, on reviews that neither has seen."""
    corpus = reviews()
    print("| draw | reviews held out | fastText | trained again on all | sentibp | better (p) | trials |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for draw in range(draws):
        held_out, rest = cut(corpus, draw)
        with tempfile.TemporaryDirectory() as folder:
            label = np.asarray(corpus.label)[held_out]
            theirs = tuned_fasttext(corpus, rest, held_out, folder, seconds, fasttext, cores)
            ours, trials = tuned_sentibp(corpus, rest, held_out, folder, seconds, draw, cores)
            paired = metrics.mcnemar(label, ours, theirs["again"])
            row = [f"{np.mean((each > 0.5) == label):.4f}" for each in (theirs["tuned"], theirs["again"], ours)]
            print(f"| {draw} | {len(label):,} | {' | '.join(row)} | {paired['p_value']:.2g} | {trials} |", flush=True)


def tuned_fasttext(
    corpus: Corpus, rest: np.ndarray, held_out: np.ndarray, folder: str, seconds: int, python: str, cores: int
) -> dict[str, np.ndarray]:
    """Return 0 or 1 for each held-out review: of the model that autotune made, and of one trained again on all."""
    tenth = len(rest) // 10
    parts = {"train": rest[tenth:], "valid": rest[:tenth], "whole": rest, "test": held_out}
    files = []
    for name, rows in parts.items():
        path = Path(folder, f"{name}.txt")
        texts, labels = corpus.take(rows).text.to_pylist(), np.asarray(corpus.label)[rows].tolist()
        lines = (" ".join(SEPARATE.sub(r" \1 ", text).lower().split()) for text in texts)
        marks = (f"__label__{label} " if name != "test" else "" for label in labels)
        path.write_text("".join(f"{mark}{line}\n" for mark, line in zip(marks, lines, strict=True)), encoding="utf-8")
        files.append(str(path))
    command = [*pinned(cores), python, "-c", FASTTEXT, *files, str(seconds), str(cores)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout.splitlines()[-1])
    print(f"    fastText: {answer['settings']}", file=sys.stderr)
    return {
        name: np.array([float(each == "__label__1") for each in labels]) for name, labels in answer["labels"].items()
    }


def tuned_sentibp(
    corpus: Corpus, rest: np.ndarray, held_out: np.ndarray, folder: str, seconds: int, draw: int, cores: int
) -> tuple[np.ndarray, int]:
    """Return the probability of positive of each held-out review, and the number of trials."""
    write_table(corpus, rest, folder)
    Path(folder, "mine.yaml").write_text("data: {source: rest.parquet}\ntrain: {refit: true}\n")
    Path(folder, "space.yaml").write_text(SPACE)
    command = [*pinned(cores), sys.executable, "-m", "sentibp", "sweep", "mine.yaml", "space.yaml", "--json", "--quiet"]
    command += ["--timeout", str(seconds), "--trials", "10000", "--seed", str(draw), "--jobs", str(cores)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    print(f"    sentibp: {found['settings']}", file=sys.stderr)
    model = sentibp("train", found["config"], folder=folder)["model"]
    text = corpus.take(held_out).text
    return load_model(Path(folder, model)).predict(text).positive, sum(found["states"].values())


def pinned(cores: int) -> list[str]:
    return ["taskset", "-c", ",".join(map(str, range(cores)))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["shipped", "autotune"])
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--fasttext", default=sys.executable, metavar="PYTHON")
    arguments = parser.parse_args()
    if arguments.what == "shipped":
        shipped(arguments.trials, arguments.seeds, arguments.draws)
    else:
        autotune(arguments.seconds, arguments.draws, arguments.fasttext, arguments.cores)


if __name__ == "__main__":
    main()
