"""One epoch on the same features: sentibp, fast and plain, against torch's EmbeddingBag with sparse gradients.

    pip install -r benchmarks/requirements.txt
    python benchmarks/epoch.py --epochs 3

The 22,500 IMDB reviews of `imdb` as words and pairs, dim 16, hidden 16, the same batch size. torch trains with Adagrad,
as sentibp does, on its sparse gradients, and with SparseAdam for the embedding. Only the loop is timed: batches,
forward, loss, backward, update. The contestants take turns; prints the median seconds and the ratio to the first.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from sentibp.config.load import load_config
from sentibp.data import dataset, vocabulary_build
from sentibp.data import vocabulary as data_vocabulary
from sentibp.data.examples import Examples
from sentibp.data.tokenizer import tokenize
from sentibp.model import initial
from sentibp.training.loop import fit, initial_state
from sentibp.utils.threads import single_threaded_blas


def ours(train: Examples, vocabulary: data_vocabulary.Vocabulary, batch: int, math: str) -> Callable[[], None]:
    same_size = ["model.embedding.dim=16", "model.hidden=[16]", "train.linear_member=false"]
    settings = load_config(
        "imdb", [f"train.batch_size={batch}", f"train.math={math}", "train.epochs=1", *same_size]
    ).config
    classifier = initial.build_classifier(settings, vocabulary, 0)

    def epoch() -> None:
        state = initial_state(settings.train, len(train), 0)
        with single_threaded_blas:  # as a training does; else each step would ask BLAS for its number of threads
            for _ in fit(classifier.network, train, None, settings.train, state):
                pass

    return epoch


def theirs(train: Examples, features: int, batch: int, optimizer: str) -> Callable[[], None]:
    torch.manual_seed(0)
    bag = torch.nn.EmbeddingBag(features, 16, mode="mean", sparse=True)
    head = torch.nn.Sequential(torch.nn.Linear(16, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    if optimizer == "adagrad":
        steps = [torch.optim.Adagrad([*bag.parameters(), *head.parameters()], lr=0.1)]
    else:
        steps = [torch.optim.SparseAdam(bag.parameters(), lr=0.01), torch.optim.Adam(head.parameters(), lr=0.01)]
    loss = torch.nn.BCEWithLogitsLoss()

    def epoch() -> None:
        order = np.random.default_rng(0).permutation(len(train))
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            part = train.features.take(chosen)
            logits = head(bag(torch.from_numpy(part.ids), torch.from_numpy(part.offsets[:-1].astype(np.int32))))
            value = loss(logits[:, 0], torch.from_numpy(train.label[chosen].astype(np.float32)))
            for step in steps:
                step.zero_grad()
            value.backward()
            for step in steps:
                step.step()

    return epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=128)
    arguments = parser.parse_args()
    training, _ = dataset.load_data(load_config("imdb").config)
    assert training.label is not None
    vocabulary, features = vocabulary_build.build_vocabulary(tokenize(training.text), 2, 2, presence=True)
    train = Examples(features, training.label)
    contestants = {
        "sentibp, fast": ours(train, vocabulary, arguments.batch, "fast"),
        "sentibp, plain": ours(train, vocabulary, arguments.batch, "plain"),
        "torch, Adagrad": theirs(train, len(vocabulary), arguments.batch, "adagrad"),
        "torch, SparseAdam": theirs(train, len(vocabulary), arguments.batch, "sparse_adam"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(arguments.epochs):
        for name, epoch in contestants.items():
            start = time.perf_counter()
            epoch()
            seconds[name].append(time.perf_counter() - start)
    first = seconds["sentibp, fast"]
    print(f"batch {arguments.batch}; {torch.get_num_threads()} torch threads; {len(vocabulary):,} features")
    print("| contestant | s an epoch | sentibp fast / it |\n| --- | --- | --- |")
    for name, times in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(first, times, strict=True))
        print(f"| {name} | {statistics.median(times):.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
