"""Training on shards: what averaging costs in accuracy, and what a round costs in time, bytes and memory.

    python benchmarks/shards.py accuracy --films films.parquet --folds 0 1 2
    python benchmarks/shards.py cost
    python benchmarks/shards.py kills --kills 60
    python benchmarks/shards.py memory --megabytes 25 100 400

`accuracy` trains the config imdb, as a single network, on the rest of each fold of films (see folds.py), in each of
the ways of `VARIANTS`, and compares them in pairs with one process. `cost` trains on reviews of random words, with
states of several sizes: the seconds of each kind of task in this process, and the bytes of what they return, from which
the time of a round with any number of workers follows; and the seconds of a round with one and two processes. `kills`
trains on two processes that are killed at random moments, as is the command, which is then resumed. `memory` trains on
texts of several sizes, in shards of about 12 MB on two processes, and prints the most memory that a process has had:
of its own, and with the files that are mapped, which the system takes away when memory is short.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
from cluster import is_worker
from folds import COLUMNS, Entry, compare, load_reviews, make_folds
from pyarrow import parquet

from sentibp import find_model, load_model, metrics
from sentibp.config.load import load_config
from sentibp.config.schema import Config
from sentibp.data.examples import Examples
from sentibp.distributed.executor import connect
from sentibp.model.build import assemble_for_training, parameter_shapes
from sentibp.model.spec import NetworkSpec
from sentibp.nn import Ragged
from sentibp.training import experiment
from sentibp.training.events import Step
from sentibp.training.loop import initial_state
from sentibp.training.shards import work
from sentibp.training.shards.files import write_shards
from sentibp.training.shards.loop import fit_shards
from sentibp.training.shards.sums import FAN_IN, merge
from sentibp.utils.arrow import from_numpy

TRAIN = [sys.executable, "-m", "sentibp", "train", "--quiet", "--json"]
ONE = {"train.linear_member": "false", "train.epochs": "2"}
VARIANTS: dict[str, dict[str, str]] = {"one process": {}, "one process, twice the rate": {"rate": "0.7"}}
for _shards in 2, 4, 8:
    _some = {"train.shards": str(_shards), "train.batch_size": str(256 // _shards)}
    VARIANTS |= {
        f"{_shards} shards, {name}": _some | {"rate": "0.7"} | ({"train.shard_steps": steps} if steps else {})
        for name, steps in (("5 steps", "5"), ("20 steps", "20"), ("an epoch", ""))
    }
    VARIANTS[f"{_shards} shards, 5 steps, the same rate"] = _some | {"train.shard_steps": "5"}
    VARIANTS[f"{_shards} shards, sync"] = _some | {"train.sync": "sync"}


def accuracy(films: Path, folds: list[int], count: int) -> None:
    """Print the scores of each variant on each fold, and its differences from one process."""
    corpus, group = load_reviews(Entry("imdb", [], "imdb"), films)
    fold = make_folds(corpus, group, count)["groups"]
    label = np.asarray(corpus.label)
    table = pa.table({"text": corpus.text, "label": from_numpy(label)})
    print("| fold | variant | accuracy | log loss | calibration error |\n| --- | --- | --- | --- | --- |")
    held = np.concatenate([np.flatnonzero(fold == number) for number in folds])
    positive: dict[str, list[np.ndarray]] = {name: [] for name in VARIANTS}
    with tempfile.TemporaryDirectory() as folder:
        for number in folds:
            path = Path(folder, f"{number}.parquet")
            parquet.write_table(table.take(from_numpy(np.flatnonzero(fold != number))), path)
            rest = np.flatnonzero(fold == number)
            for name, changes in VARIANTS.items():
                settings = ONE | {{"rate": "train.optimizer.learning_rate"}.get(k, k): v for k, v in changes.items()}
                sets = [*COLUMNS, f"data.source={path}", *(f"{key}={value}" for key, value in settings.items())]
                run = experiment.train_model(
                    load_config("imdb", sets), Path(folder, f"{number}-{len(positive[name])}-{name}")
                )
                answers = load_model(find_model(str(run.run))).predict(table["text"].take(from_numpy(rest))).positive
                positive[name].append(answers)
                scores = metrics.scores(label[rest], answers)
                row = [scores[key] for key in ("accuracy", "log_loss", "calibration_error")]
                print("| {} | {} | {:.4f} | {:.4f} | {:.4f} |".format(number, name, *row), flush=True)
    base = np.concatenate(positive["one process"])
    unit = held if group is None else group[held]
    for name, answers in positive.items():
        print(f"{name}: {compare(label[held], np.concatenate(answers), base, unit)}")


def random_reviews(n: int, features: int, length: int) -> Examples:
    """Return reviews of words whose frequencies fall as those of language (Zipf)."""
    rng = np.random.default_rng(0)
    ids = np.minimum(features ** rng.random(n * length), features - 1).astype(np.int32)
    return Examples(Ragged(ids, np.arange(0, n * length + 1, length)), rng.integers(0, 2, n).astype(np.int8))


def cost(features: int, shards: int, steps: int, length: int = 200) -> None:
    """Print what a round costs, with a state of so many features."""
    train = {"shards": shards, "shard_steps": steps, "epochs": 2, "batch_size": 64, "word_dropout": 0}
    config = Config.model_validate({"model": {"embedding": {"dim": 8}, "hidden": [8]}, "train": train})
    examples = random_reviews(shards * steps * 64 * 2, features, length)
    rng = np.random.default_rng(0)
    shapes = parameter_shapes(NetworkSpec.from_config(config), features)
    tensors = {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}
    with tempfile.TemporaryDirectory() as folder:
        written = write_shards(Path(folder, "shards"), examples, None, shards, 0)
        path = Path(folder, "state")
        network = assemble_for_training(config, tensors, 0)
        state = work.state_of(network, work.new_optimizer(config.train))
        save, digest = timed(lambda: work.save_state(path, state))
        load, start = timed(lambda: work.load_state(str(path), digest))
        span = work.Span(1, steps, steps, (0.01,) * steps)
        trained, sums = timed(lambda: work.train_shard(config, 0, written[0], start, span))
        others = [sums] * FAN_IN
        merged, total = timed(lambda: merge(*others))
        averaged, result = timed(lambda: work.average_round(start, total))
        sizes = [len(pickle.dumps(each, 5)) / 1e6 for each in (result.state, sums, total)]
    seconds = [save, load, trained, merged, averaged]
    row = [*(f"{1000 * each:.0f}" for each in seconds), *(f"{each:.1f}" for each in sizes)]
    print(f"| {features:,} | {steps} | {' | '.join(row)} |", flush=True)


def timed(function: Any, times: int = 5) -> tuple[float, Any]:
    """Return the least processor time of some calls, in seconds, and the result."""
    seconds, result = [], None
    for _ in range(times):
        began = time.process_time()
        result = function()
        seconds.append(time.process_time() - began)
    return min(seconds), result


def rounds(address: str | None, features: int, shards: int, steps: int) -> None:
    """Print the seconds of a round."""
    train = {"shards": shards, "shard_steps": steps, "epochs": 3, "batch_size": 64, "word_dropout": 0}
    config = Config.model_validate({"model": {"embedding": {"dim": 8}, "hidden": [8]}, "train": train})
    examples = random_reviews(shards * steps * 64 * 4, features, 200)
    shapes = parameter_shapes(NetworkSpec.from_config(config), features)
    rng = np.random.default_rng(0)
    tensors = {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}
    network = assemble_for_training(config, tensors, 0)
    state = initial_state(config.train, len(examples), 0)
    with connect(address) as executor, tempfile.TemporaryDirectory() as folder:
        seconds, last = [], time.perf_counter()
        for event in fit_shards(network, examples, None, config, 0, state, executor, Path(folder, "shards")):
            if isinstance(event, Step):
                seconds.append(time.perf_counter() - last)
            last = time.perf_counter()
    row = [address or "this process", f"{features:,}", shards, steps]
    print("| {} | {} | {} | {} | {:.2f} | {:.2f} |".format(*row, min(seconds), statistics.median(seconds)), flush=True)


KILLS = {
    "data.source": "sample",
    "text.ngrams": "1",
    "train.epochs": "40",
    "train.shards": "4",
    "train.shard_steps": "2",
}
KILLS |= {"train.checkpoint.every_steps": "5", "train.refit": "false", "train.batch_size": "16"}


def kills(count: int, longest: float) -> None:
    """Train on two processes, and kill one of them, both, or the command, at random moments, until `count` kills.

    Each time that the command was killed, the run is resumed. It must end with the model of one process.
    """
    rng, killed = random.Random(0), Counter[str]()
    options = [f"--set={key}={value}" for key, value in KILLS.items()]
    with tempfile.TemporaryDirectory() as folder:
        whole = subprocess.run(
            [*TRAIN, "quickstart", *options, "--out", f"{folder}/whole"], check=True, capture_output=True
        )
        digest = json.loads(whole.stdout)["digest"]
        runs = 0
        while killed.total() < count:
            run = f"{folder}/{runs}"
            runs += 1
            command, ended = [*TRAIN, "quickstart", *options, "--out", run, "--cluster", "local:2"], None
            while ended is None:
                ended = _until_killed(command, rng, longest, killed)
                is_there = Path(run, "run.json").exists()  # else it was killed before it began
                command = [*TRAIN, "--resume", run, "--cluster", "local:2"] if is_there else command
            found = json.loads(ended)["digest"]
            print(f"run {runs}: {dict(killed)}, {'same' if found == digest else 'OTHER'} model", flush=True)
            assert found == digest


def _until_killed(command: list[str], rng: random.Random, longest: float, killed: Counter[str]) -> str | None:
    """Run a command, and kill its workers at random moments. Return its output, or None if it was killed itself."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
        while True:
            try:
                output, message = client.communicate(timeout=rng.uniform(0.5, longest))
                assert client.returncode in (0, 3), message  # 3: its processes were killed before they had begun
                return output if client.returncode == 0 else None
            except subprocess.TimeoutExpired:
                what = rng.choice(["worker", "worker", "workers", "command"])
            if what == "command":
                client.kill()
                client.communicate()
                killed[what] += 1
                return None
            children = psutil.Process(client.pid).children(recursive=True)
            workers = [each for each in children if is_worker(each, client.pid)]
            for worker in workers[: 1 if what == "worker" else None]:
                worker.kill()
            killed[what] += bool(workers)


MEMORY = {
    "text.ngrams": "2",
    "text.max_features": "200000",
    "train.epochs": "2",
    "train.linear_member": "false",
    "train.members": "1",
    "train.refit": "false",
    "data.validation": "0.05",
}


def memory(megabytes: list[int], processes: int) -> None:
    """Print the most memory of the command and of a worker, for texts of several sizes."""
    own, mapped = "own memory of the {}: MB", "with mapped files: MB"
    print(
        f"| text: MB | reviews | shards | {own.format('command')} | {mapped} | {own.format('largest worker')} ", end=""
    )
    print(f"| {mapped} | seconds |\n|{' --- |' * 8}")
    for size in megabytes:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "reviews.jsonl")
            reviews = write_reviews(file, size * 1_000_000)
            shards = max(processes, size // 12)
            sets = MEMORY | {"data.source": str(file), "train.shards": str(shards)}
            options = [f"--set={key}={value}" for key, value in sets.items()]
            command = [*TRAIN, "quickstart", *options, "--out", f"{folder}/run", "--cluster", f"local:{processes}"]
            environment = os.environ | {"SENTIBP_CACHE": f"{folder}/cache"}
            began = time.perf_counter()
            most = most_memory(subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment))
        row = [*(f"{each / 1e6:.0f}" for each in most), f"{time.perf_counter() - began:.0f}"]
        print(f"| {size} | {reviews:,} | {shards} | {' | '.join(row)} |", flush=True)


def write_reviews(file: Path, size: int) -> int:
    """Write reviews of random words, of about `size` bytes, and return how many: 20,000 words, as in language."""
    rng, written = np.random.default_rng(0), 0
    words = np.array([f"w{number:x}" for number in range(20_000)])
    with file.open("w") as opened:
        while opened.tell() < size:
            ids = np.minimum(len(words) ** rng.random((1000, 200)), len(words) - 1).astype(int)
            for label, row in zip(rng.integers(0, 2, len(ids)).tolist(), words[ids], strict=True):
                mood = ("bad", "good")[label]
                opened.write(json.dumps({"text": f"{mood} {' '.join(row)}", "label": label}) + "\n")
            written += len(ids)
    return written


def most_memory(command: subprocess.Popen[bytes]) -> list[int]:
    """Return the most memory in bytes that a command has had until its end, looked at ten times a second.

    Four numbers: its own memory, that with mapped files, and the same of its largest worker.
    """
    most = [0, 0, 0, 0]
    client = psutil.Process(command.pid)
    while command.poll() is None:
        for each in (client, *client.children(recursive=True)):
            try:
                about, first = each.memory_info(), 0 if each == client else 2
            except psutil.Error:  # it has ended
                continue
            for place, value in ((first, about.rss - about.shared), (first + 1, about.rss)):
                most[place] = max(most[place], value)
        time.sleep(0.1)
    assert command.returncode == 0
    return most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["accuracy", "cost", "kills", "memory"])
    parser.add_argument("--films", type=Path, metavar="FILE")
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--count", type=int, default=4, help="of all folds")
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--longest", type=float, default=12.0, help="seconds between two kills, at most")
    parser.add_argument("--megabytes", type=int, nargs="+", default=[25, 100, 400], help="of text, for `memory`")
    parser.add_argument("--processes", type=int, default=2, help="for `memory`")
    arguments = parser.parse_args()
    if arguments.part == "memory":
        memory(arguments.megabytes, arguments.processes)
        return
    if arguments.part == "accuracy":
        accuracy(arguments.films, arguments.folds, arguments.count)
        return
    if arguments.part == "kills":
        kills(arguments.kills, arguments.longest)
        return
    names = "features | steps | save ms | load ms | train ms | merge 8 ms | average ms | state MB | shard MB | sum MB"
    print(f"| {names} |\n|{' --- |' * 10}")
    for features, steps in ((100_000, 20), (1_000_000, 5), (1_000_000, 20), (1_000_000, 100), (10_000_000, 20)):
        cost(features, 8, steps)
    print(f"\n| where | features | shards | steps | least s | median s |\n|{' --- |' * 6}")
    for steps in 20, 100:
        for address in None, "local:1", "local:2":
            rounds(address, 300_000, 8, steps)


if __name__ == "__main__":
    main()
