"""What it costs to record a training such that it can be reproduced and gone on with.

    python benchmarks/records.py imdb --pairs 5

Trains without and with the digests of weights and the checks of steps, in turn, and prints the ratio of each pair; then
the time of a digest and of a checkpoint for a model of 100 MB.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from sentibp.utils.threads import limit_blas_threads

limit_blas_threads()

import numpy as np  # noqa: E402

from sentibp.config.load import load_config  # noqa: E402
from sentibp.runs import directory  # noqa: E402
from sentibp.training import checkpoint, experiment, networks, prepare  # noqa: E402
from sentibp.training.loop import initial_state  # noqa: E402
from sentibp.utils import hashing  # noqa: E402


def trained(prepared: prepare.TrainingData, recorded: bool) -> float:
    """The processor seconds of a training, from the first weights to the files: others on the machine do not count."""
    of, check = hashing.tensor_digests, hashing.short_checksums
    if not recorded:
        hashing.tensor_digests, hashing.short_checksums = (lambda tensors: {}), (lambda tensors: "")
    try:
        with tempfile.TemporaryDirectory() as folder:
            run = directory.create_run(prepared.config, Path("none"), Path(folder), pointers=False)
            began = time.process_time()
            with experiment.Training(prepared, run) as training:
                for _event in training:
                    pass
                training.finish()
            return time.process_time() - began
    finally:
        hashing.tensor_digests, hashing.short_checksums = of, check


def of_100_mb() -> None:
    """A digest, a check and a checkpoint of 100 MB of weights."""
    prepared = prepare.prepare(load_config("quickstart", ["model.embedding.dim=60000", "text.min_count=2"]))
    classifier = networks.new_network(prepared, 0)
    size = sum(tensor.nbytes for tensor in classifier.tensors().values())
    marks = [time.perf_counter()]
    hashing.tensor_digests(classifier.tensors())
    marks.append(time.perf_counter())
    hashing.short_checksums(classifier.tensors().values())
    marks.append(time.perf_counter())
    with tempfile.TemporaryDirectory() as folder:
        run = directory.create_run(prepared.config, Path("none"), Path(folder), pointers=False)
        checkpoints = checkpoint.CheckpointWriter(run, prepared.config)
        state = initial_state(prepared.config.train, len(prepared.training), 0)
        for name, tensor in classifier.network.params.items():
            state.optimizer.state[name] = {"sum": np.zeros(tensor.shape[:1], np.float32)}
        start = time.perf_counter()
        checkpoints.restore_network(0, classifier, state)  # nothing to restore: what is trained now
        checkpoints.write({"digest": None}, {})
        took = time.perf_counter() - start
        start = time.perf_counter()
        checkpoint.load_checkpoint(run.path)
        loaded = time.perf_counter() - start
        run.close()
    digest, check = (end - begin for begin, end in pairwise(marks))
    print(f"{size / 1e6:.0f} MB: digest {digest * 1e3:.0f} ms, check {check * 1e3:.1f} ms")
    print(f"checkpoint written in {took * 1e3:.0f} ms, read and checked in {loaded * 1e3:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    prepared = prepare.prepare(load_config(arguments.config))
    trained(prepared, True)
    ratios = []
    for _ in range(arguments.pairs):
        without, recorded = trained(prepared, False), trained(prepared, True)
        ratios.append(recorded / without)
        print(f"{arguments.config}: {without:.2f} s without, {recorded:.2f} s with: {ratios[-1]:.3f}", flush=True)
    print(f"{arguments.config}: with / without {statistics.median(ratios):.3f}, the median of {len(ratios)} pairs")
    of_100_mb()


if __name__ == "__main__":
    main()
