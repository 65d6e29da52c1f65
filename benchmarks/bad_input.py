"""Bad input by name: what each command says of it, how long it takes, and how much memory of its own.

    python benchmarks/bad_input.py
    python benchmarks/bad_input.py --million-words 10

Each case is a process. "Own" is what the process held for itself at most; "in all" has the mapped pages of files too,
which the system takes back when it is short of memory. The last case trains and predicts on millions of reviews of one
word each.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

MB = 1_000_000


def cases() -> Iterator[tuple[str, str, bytes | None, list[str]]]:
    """Name, file, its content (None: large, written by `large`), arguments."""
    predict, evaluate, show = ["predict", "--input"], ["eval", "--data"], ["config", "show"]
    labelled = b"text,label\n"
    yield "YAML nested 100,000 deep", "deep.yaml", b"a: " + b"[" * 50_000 + b"{a: " * 10_000, show
    yield "YAML that refers to itself", "self.yaml", b"data: &a\n  source: *a\n", show
    yield "YAML that doubles 30 times", "laughs.yaml", _laughs(), show
    yield "junk of 100 kB as a config", "junk.yaml", b"model: {hidden: [" + b"x," * 49_900 + b"]}", show
    yield "a config of 100 MB", "large.yaml", None, show
    yield "a CSV with one line of 200 MB", "line.csv", None, predict
    yield "a CSV whose first line has 200 MB", "header.csv", None, predict
    yield "a text file with one line of 200 MB", "line.txt", None, predict
    yield "200 MB without a space", "word.txt", None, predict
    yield "a JSON object of 200 MB", "line.jsonl", None, predict
    yield "a JSON array of 200 MB", "array.json", None, predict
    yield "NUL bytes in a CSV", "nul.csv", labelled + b"a\0b\0,1\n\0\0,0\n", evaluate
    yield "NUL bytes in a header", "nulhead.csv", b"te\0xt,label\na,1\n", evaluate
    yield "a file of zeros as CSV", "zeros.csv", bytes(1000), evaluate
    yield "lone surrogates in JSON", "half.jsonl", b'{"text": "\\ud800 good \\udc00", "label": 1}\n' * 2, evaluate
    yield "lone surrogates in bytes", "half.csv", labelled + b"good \xed\xa0\x80,1\n", evaluate
    yield "UTF-16 with its mark", "utf16.csv", "text,label\ngood,1\n".encode("utf-16"), evaluate
    yield "UTF-16 without", "utf16le.csv", "text,label\ngood,1\n".encode("utf-16-le"), evaluate
    yield "UTF-32 with its mark", "utf32.csv", "text,label\ngood,1\n".encode("utf-32"), evaluate
    yield "gzip given as CSV", "packed.csv", gzip.compress(labelled + b"good,1\nbad,0\n"), evaluate
    yield "gzip cut off", "cut.csv", gzip.compress(labelled + b"good,1\nbad,0\n" * 99)[:-20], evaluate
    yield "gzip of 500 MB in 500 kB", "bomb.csv", None, evaluate
    for name in ("field.csv.gz", "quoted.csv.gz", "line.txt.gz", "object.jsonl.gz", "text.json.gz"):
        yield f"gzip of 1 GB in one record: {name}", name, None, predict
    yield "gzip of 100 million empty lines, as CSV", "blank.csv.gz", None, predict
    yield "gzip of 100 million empty lines, as JSON lines", "blank.jsonl.gz", None, predict
    for name in ("holes.csv", "holes.jsonl", "holes.parquet", "holes.csv.gz"):
        yield f"3 GB of holes: {name}", name, None, predict
    yield "8 GB of holes as a model", "holes.safetensors", None, ["predict", "good", "--model"]
    yield "4,096 texts of 200 kB in one row group", "long.parquet", None, predict
    yield "4,096 references to a text of 1 MB", "references.parquet", None, predict
    yield "a text of Parquet that is not UTF-8", "bytes.parquet", None, predict
    yield "a label column of NaN", "nan.csv", labelled + b"good,NaN\nbad,nan\n", evaluate
    yield "labels of JSON that are NaN", "nan.jsonl", b'{"text": "good", "label": NaN}\n' * 2, evaluate
    yield (
        "JSON nested 100,000 deep",
        "deep.jsonl",
        b'{"text": "a", "label": 1, "b": ' + b"[" * 100_000 + b"\n",
        evaluate,
    )
    yield "a million columns", "wide.csv", b"text,label" + b",c" * 1_000_000 + b"\n", evaluate
    yield "Parquet cut off", "cut.parquet", b"PAR1" + bytes(100), evaluate
    yield "a picture as CSV", "picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10, evaluate
    yield "an empty file", "empty.csv", b"", evaluate


def _laughs() -> bytes:
    lines = ["a0: &a0 [lol, lol]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 30)]
    return "\n".join(lines).encode()


def large(path: Path) -> None:
    """Write one of the large files, in pieces."""
    if path.stem == "holes" or path.name == "holes.csv.gz":
        with open(path, "wb") as file:
            file.truncate(8000 * MB if path.suffix == ".safetensors" else 3000 * MB)
        return
    if path.suffix == ".parquet":
        _parquet(path)
        return
    sentence = b"a good film and not a bad one, "
    many = 200 * MB // len(sentence)
    parts = {
        "large.yaml": (b"", b"train:\n", 100 * MB // 7, b""),
        "line.csv": (b"text,label\n", sentence.replace(b",", b""), many, b",1\ngood,0\n"),
        "header.csv": (b"", b"text label ", 200 * MB // 11, b"\ngood,1\n"),
        "line.txt": (b"", sentence, many, b"\n"),
        "word.txt": (b"", b"abcdefgh", 25 * MB, b"\n"),
        "line.jsonl": (b'{"text": "', sentence, many, b'"}\n'),
        "array.json": (b'[{"text": "good"}', b', {"text": "a good film"}', 200 * MB // 25, b"]"),
        "field.csv.gz": (b"text,label\n", sentence.replace(b",", b""), 1000 * MB // 30, b",1\ngood,0\n"),
        "quoted.csv.gz": (b'text,label\n"', sentence + b"\n", 1000 * MB // 32, b'",1\ngood,0\n'),
        "line.txt.gz": (b"", sentence, 1000 * MB // 31, b"\n"),
        "object.jsonl.gz": (b'{"text": "', sentence, 1000 * MB // 31, b'"}\n'),
        "text.json.gz": (b'[{"text": "', sentence, 1000 * MB // 31, b'"}, {"text": "good"}]'),
        "blank.csv.gz": (b"text,label\n", b"\n", 100 * MB, b"good,1\n"),
        "blank.jsonl.gz": (b"", b"\n", 100 * MB, b'{"text": "good"}\n'),
        "bomb.csv": (b"text,label\n", bytes(1000), 500_000, b"\n"),
    }
    start, middle, times, end = parts[path.name]
    is_packed = path.name == "bomb.csv" or path.suffix == ".gz"
    with gzip.open(path, "wb", compresslevel=3) if is_packed else open(path, "wb") as file:
        file.write(start)
        for first in range(0, times, 100_000):
            file.write(middle * min(100_000, times - first))
        file.write(end)


def _parquet(path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    if path.stem == "references":
        text = pa.DictionaryArray.from_arrays(pa.array([0] * 4096, pa.int32()), pa.array(["a good film " * 87_382]))
    elif path.stem == "bytes":
        text = pa.array([b"good", b"b\xff\xfe", b"bad"]).view(pa.string())
    else:
        text = pa.array([f"a good film {i} " * 12_500 for i in range(4096)])
    parquet.write_table(pa.table({"text": text}), path, row_group_size=1 << 20)


def run(arguments: list[str]) -> tuple[int, float, float, float, str]:
    """Exit code, seconds, own and whole memory at most in MB, and the first line on stderr, or on stdout."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "sentibp", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        said = [b"", b""]

        def drain(number: int, pipe) -> None:
            said[number] = pipe.read(2000)
            while pipe.read(MB):
                pass

        threads = [Thread(target=drain, args=pair) for pair in enumerate((process.stderr, process.stdout))]
        for thread in threads:
            thread.start()
        own = whole = 0
        while process.poll() is None:
            try:
                status = dict(
                    line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
                )
                own = max(own, int(status["RssAnon"].split()[0]))
                whole = max(whole, int(status["VmHWM"].split()[0]))
            except (OSError, KeyError, IndexError):
                pass
            time.sleep(0.01)
        for thread in threads:
            thread.join()
    lines = (said[0] or said[1]).decode(errors="replace").splitlines() or [""]
    return process.returncode, time.perf_counter() - began, own / 1000, whole / 1000, lines[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="part of the name of a case")
    parser.add_argument("--million-words", type=int, default=0, help="so many million reviews of one word each")
    arguments = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["SENTIBP_CACHE"] = f"{folder}/cache"
        code, *_, said = run(["train", "quickstart", "--quiet"])
        assert code == 0, said
        print("| what | exit | s | own MB | in all MB | what it says |\n| --- | --- | --- | --- | --- | --- |")

        def show(name: str, words: list[str]) -> None:
            code, seconds, own, whole, said = run(words)
            said = (said if len(said) <= 110 else said[:109] + "…").replace("|", "\\|")
            print(f"| {name} | {code} | {seconds:.1f} | {own:.0f} | {whole:.0f} | `{said}` |", flush=True)

        if not arguments.million_words:
            for name, file, content, words in cases():
                if arguments.only in name:
                    large(Path(file)) if content is None else Path(file).write_bytes(content)
                    show(name, [*words, file])
                    Path(file).unlink()
            return
        half = arguments.million_words * MB // 2
        with open("words.csv", "wb") as file:
            file.write(b"text,label\n")
            for _ in range(half // 10_000):
                file.write(b"good,1\nbad,0\n" * 10_000)
        settings = {"data": {"source": "words.csv"}, "train": {"epochs": 1, "batch_size": 512}}
        Path("words.yaml").write_text(json.dumps(settings))
        for words in (
            ["train", "words.yaml", "--quiet"],
            ["eval"],
            ["predict", "--input", "words.csv", "--output", "o.jsonl", "--force"],
        ):
            show(f"{arguments.million_words} million reviews of one word: {words[0]}", words)


if __name__ == "__main__":
    main()
