"""How time and memory grow: with the number of reviews, the vocabulary, the dimension, the depth.

    python benchmarks/growth.py                      # the table, and the plot: benchmarks/growth.svg
    python benchmarks/growth.py --memory 1500 --copies 60 120 240   # 2, 4, 8 GB of text in so many MB (Linux, as root)
    python benchmarks/growth.py --memory 1500 --copies 60 --rows growth_memory.jsonl   # and a plot of all rows so far

Real IMDB reviews, repeated; in the copies one word in twenty is another one, drawn as often as it occurs, so that the
vocabulary grows as that of more text would. They are written to Parquet in a temporary folder, and read as anyone's
would be. Each row is a process of its own. Its memory is the most that it held for itself (RssAnon), and that with the
mapped pages of its files (maximum RSS), which the system takes back when it needs them: with --memory, it must.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from chart import Line, Panel, svg
from pyarrow import parquet

from sentibp.config.load import load_config
from sentibp.data import dataset, sources, vocabulary_build
from sentibp.data.examples import Examples
from sentibp.data.tokenizer import tokenize
from sentibp.model import initial
from sentibp.training.loop import fit, initial_state
from sentibp.utils.arrow import buffers, from_numpy, segments, to_numpy

COPIES = [1, 4, 16, 64]  # of 25,000 reviews
BYTES = 33_132_823  # of text in each
LIMIT = "text.max_features=400000"
VARIED = [
    *(["text.max_features", size] for size in (10_000, 50_000, 200_000, 1_000_000)),
    *(["model.embedding.dim", size] for size in (8, 16, 32, 64)),
    *(["model.hidden", widths] for widths in ([], [16], [16] * 4, [16] * 16)),
]
MEASURED = ["features", "read", "tokenize", "vocabulary", "epoch", "step", "own", "mapped"]


def write(path: Path, copies: int) -> None:
    """So many copies of the reviews, perturbed, in a Parquet file; never more than one of them in memory."""
    reviews = sources.load_corpus("imdb")
    (text,) = reviews.text.chunks
    split = pc.split_pattern(text, " ")
    encoded = split.values.dictionary_encode()
    ids, offsets = to_numpy(encoded.indices), to_numpy(split.offsets)
    words = pc.binary_join_element_wise(encoded.dictionary, pa.scalar("", text.type), pa.scalar(" ", text.type))
    rng = np.random.default_rng(0)
    label = pa.array(reviews.label)
    with parquet.ParquetWriter(path, pa.schema({"text": text.type, "label": label.type})) as file:
        for copy in range(copies):
            other = rng.random(len(ids), np.float32) < (0.05 if copy else 0)
            ends, content = buffers(words.take(from_numpy(np.where(other, rng.permutation(ids), ids))))
            file.write_table(pa.table({"text": segments(ends[offsets], content), "label": label}))


class Memory(threading.Thread):
    """The most memory that a process has held for itself, in GB."""

    def __init__(self, process: int | str = "self") -> None:
        super().__init__(daemon=True)
        self.status = Path(f"/proc/{process}/status")
        self.peak = 0.0

    def run(self) -> None:
        while lines := self._lines():
            self.peak = max(self.peak, int(lines[0].split()[1]) / 1e6)
            time.sleep(0.02)

    def _lines(self) -> list[str]:
        """The line with the memory, or nothing once the process has ended."""
        try:
            return [line for line in self.status.read_text().splitlines() if "RssAnon" in line]
        except OSError:
            return []


def measure(source: str, overrides: list[str]) -> dict[str, float]:
    memory = Memory()
    memory.start()
    settings = load_config("imdb", [f"data.source={source}", *overrides]).config
    marks = [time.perf_counter()]
    training, _ = dataset.load_data(settings)
    marks.append(time.perf_counter())
    tokens = tokenize(training.text)
    marks.append(time.perf_counter())
    vocabulary, features = vocabulary_build.build_vocabulary(tokens, 2, 2, settings.text.max_features)
    marks.append(time.perf_counter())
    assert training.label is not None
    train = Examples(features, training.label)
    del training, tokens
    classifier = initial.build_classifier(settings, vocabulary, 0, None, train)
    start = time.perf_counter()
    state = initial_state(settings.train, len(train), 0)
    for _event in fit(classifier.network, train, None, settings.train, state):
        pass
    steps = state.step
    epoch = time.perf_counter() - start
    mapped = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    figures = [len(vocabulary), *np.diff(marks).tolist(), epoch, epoch / steps, memory.peak, mapped]
    return dict(zip(MEASURED, figures, strict=True))


def in_a_process(source: str, overrides: list[str]) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", json.dumps([source, overrides])]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def table(folder: Path) -> None:
    print(
        "| reviews | setting | features | read s | tokens s | vocabulary s | epoch s | step ms | own GB | mapped GB |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    rows = [(copies, overrides) for copies in COPIES for overrides in ([], [LIMIT])]
    rows += [(1, [f"{key}={json.dumps(value)}"]) for key, value in VARIED]
    found = []
    for copies, overrides in rows:
        path = folder / f"{copies}.parquet"
        if not path.exists():
            write(path, copies)
        row = in_a_process(str(path), overrides)
        found.append(row | {"reviews": 25_000 * copies, "setting": overrides[0] if overrides else ""})
        print(
            f"| {25_000 * copies:,} | {found[-1]['setting']} | {row['features']:,} | {row['read']:.1f} "
            f"| {row['tokenize']:.1f} | {row['vocabulary']:.1f} | {row['epoch']:.2f} | {row['step'] * 1e3:.2f} "
            f"| {row['own']:.2f} | {row['mapped'] - row['own']:.2f} |",
            flush=True,
        )
    Path(__file__).with_suffix(".svg").write_text(plot(found), encoding="utf-8")


def plot(rows: list[dict]) -> str:
    sizes = [row for row in rows if row["setting"] == ""]
    bounded = [row for row in rows if row["setting"] == LIMIT]

    def against(key: str, rows: list[dict], value: str, factor: float = 1) -> list[tuple[float, float]]:
        return [(row[key], row[value] * factor) for row in rows]

    def steps(setting: str) -> list[tuple[float, float]]:
        chosen = [row for row in rows if row["setting"].startswith(setting) and row["setting"] != LIMIT]
        values = [json.loads(row["setting"].partition("=")[2]) for row in chosen]
        x = [len(value) if isinstance(value, list) else value for value in values]
        return [(at, row["step"] * 1e3) for at, row in zip(x, chosen, strict=True)]

    seconds = [Line(name, against("reviews", sizes, name)) for name in ("read", "tokenize", "vocabulary", "epoch")]
    memory = [
        Line("own", against("reviews", sizes, "own")),
        Line("own, 400k features", against("reviews", bounded, "own")),
        Line("mapped", [(row["reviews"], row["mapped"] - row["own"]) for row in sizes]),
    ]
    vocabulary = [
        Line("more reviews", against("features", sizes, "step", 1e3)),
        Line(
            "25k reviews, fewer features", [*steps("text.max_features")[:3], against("features", sizes, "step", 1e3)[0]]
        ),
    ]
    return svg(
        [
            Panel("Seconds, by reviews", seconds, True),
            Panel("GB of memory, by reviews", memory, True),
            Panel("Milliseconds a step, by features", vocabulary, True),
            Panel("Milliseconds a step, by dimension", [Line("", steps("model.embedding.dim"))], False),
            Panel("Milliseconds a step, by hidden layers", [Line("", steps("model.hidden"))], False),
        ],
        columns=3,
    )


@contextmanager
def group(megabytes: int) -> Iterator[Path]:
    """A control group that may hold so much memory, the cached pages of its files included."""
    root = Path("/sys/fs/cgroup")
    first = (root / "memory").is_dir()  # version 1 of control groups, or 2
    folder = (root / "memory" if first else root) / f"sentibp-growth-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / ("memory.limit_in_bytes" if first else "memory.max")).write_text(str(megabytes << 20))
        yield folder
    finally:
        folder.rmdir()


def limited(folder: Path, megabytes: int, copies: list[int], rows: Path | None) -> None:
    """Train on so many copies of the reviews in a control group.

    Print a row for each, and add it to the file `rows`.
    """
    print("| GB of text | reviews | s | processor s | own MB at most | validation accuracy |")
    print("| --- | --- | --- | --- | --- | --- |")
    for number in copies:
        path = folder / "reviews.parquet"
        write(path, number)
        command = [sys.executable, "-m", "sentibp", "train", "imdb", "--json", "--quiet", "--out", "run"]
        command += ["--set", f"data.source={path}", "--set", LIMIT]
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        with group(megabytes) as members:
            enter = ["sh", "-c", f'echo $$ > {members}/cgroup.procs; exec "$@"', "sh"]
            with subprocess.Popen(enter + command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
                own = Memory(process.pid)
                own.start()
                output, _ = process.communicate()
        if process.returncode:
            sys.exit(f"failed with {process.returncode}: killed for want of memory, if that is -9")
        seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        accuracy = json.loads(output)["scores"]["accuracy"]
        print(
            f"| {BYTES * number / 1e9:.1f} | {25_000 * number:,} | {seconds:,.0f} | {processor:,.0f} "
            f"| {1e3 * own.peak:,.0f} | {accuracy:.4f} |",
            flush=True,
        )
        shutil.rmtree(folder / "run")
        if rows is not None:
            row = {"gb": BYTES * number / 1e9, "seconds": seconds, "processor": processor, "own": 1e3 * own.peak}
            with rows.open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(row)}\n")
            rows.with_suffix(".svg").write_text(plot_of_limited(rows), encoding="utf-8")


def plot_of_limited(path: Path) -> str:
    """Time and memory by the size of the text, from a file of rows."""
    rows = sorted(map(json.loads, path.read_text(encoding="utf-8").splitlines()), key=lambda row: row["gb"])

    def against(key: str) -> list[tuple[float, float]]:
        return [(row["gb"], row[key]) for row in rows]

    times = [Line("by the clock", against("seconds")), Line("of processors", against("processor"))]
    return svg(
        [Panel("Seconds, by GB of text", times, False), Panel("MB, by GB of text", [Line("", against("own"))], False)],
        columns=2,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory", type=int, metavar="MB", help="train in so much memory, and stop")
    parser.add_argument("--copies", type=int, nargs="+", default=COPIES[-1:], help="of 25,000 reviews, for --memory")
    parser.add_argument("--rows", type=Path, metavar="FILE", help="with --memory: where the rows are collected")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(*json.loads(arguments.one))))
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SENTIBP_CACHE"] = f"{folder}/cache"
        if arguments.memory:
            limited(Path(folder), arguments.memory, arguments.copies, arguments.rows)
        else:
            table(Path(folder))


if __name__ == "__main__":
    main()
