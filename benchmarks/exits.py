"""Exit codes of commands that end with an error, each as a process of its own: is any of them an abort or a traceback?

    python benchmarks/exits.py              # 1,000 runs of 25 kinds
    python benchmarks/exits.py --small      # one run of each kind

Python ends a process whose threads still work with an abort now and then, which only many runs show.
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
from collections import Counter
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

SENTIBP = [sys.executable, "-m", "sentibp"]
PLAIN = "text,label\n" + "a good film,1\na bad film,0\nnot good,0\nvery good,1\n" * 20
TABLE = pa.table({"text": ["good", "bad"] * 10, "label": [1, 0] * 10})
FILES: dict[str, str | bytes] = {
    "reviews.csv": PLAIN,
    "columns.csv": PLAIN.replace("text,label", "comment,stars"),
    "labels.csv": PLAIN.replace(",0\n", ",maybe\n"),
    "one-class.csv": PLAIN.replace(",0\n", ",1\n"),
    "empty.csv": "",
    "header.csv": "text,label\n",
    "fields.csv": PLAIN + "good,1,2,3\n" + PLAIN[11:],
    "quote.csv": PLAIN + '"never closed,1\n',
    "encoding.csv": PLAIN.encode() + "schön,1\n".encode("cp1252"),
    "wide.csv": PLAIN.encode("utf-16")[:-1],
    "cut.csv.gz": gzip.compress(PLAIN.encode(), mtime=0)[:-20],
    "cut.jsonl": '{"text": "good", "label": 1}\n{"text": "bad", "lab',
    "list.json": "[1, 2, 3]",
    "nan.jsonl": '{"text": "good", "label": NaN}\n' * 5,
    "not.parquet": b"PAR1 is not enough",
    "not.xlsx": b"PK\x03\x04 nor this",
    "picture.csv": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "typo.yaml": "data: {sorce: reviews.csv}\n",
    "model.safetensors": b"\x08\0\0\0\0\0\0\0{}      ",
}
TRAIN = ["train", "quickstart", "--quiet", "--set", "data.validation=0.2", "--set"]
PREDICT = ["predict", "-m", "run", "--input"]
KINDS = {  # what is wrong: (arguments, exit code)
    "no such file": ([*TRAIN, "data.source=./none.csv"], 3),
    **{
        f"train: {name}": ([*TRAIN, f"data.source={name}"], 3)
        for name in FILES
        if name not in ("reviews.csv", "typo.yaml", "model.safetensors", "fields.csv", "quote.csv", "one-class.csv")
    },
    "train: too many fields": ([*TRAIN, "data.source=fields.csv"], 3),
    "eval: other labels": (["eval", "-m", "run", "--data", "labels.csv"], 3),
    "predict: compressed file that is cut off": ([*PREDICT, "cut.csv.gz"], 3),
    "predict: damaged JSON lines": ([*PREDICT, "cut.jsonl"], 3),
    "predict: encoding": ([*PREDICT, "encoding.csv"], 3),
    "predict: not Parquet": ([*PREDICT, "not.parquet"], 3),
    "predict: damaged model": (["predict", "-m", "model.safetensors", "good"], 3),
    "predict: no such run": (["predict", "-m", "none", "good"], 2),
    "config: unknown key": (["train", "typo.yaml"], 2),
    "config: impossible value": (["train", "quickstart", "--set", "train.epochs=-1"], 2),
    "training that diverges": ([*TRAIN, "train.optimizer={name: sgd, learning_rate: 1.0e+30}"], 4),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--small", action="store_true", help="one run of each kind")
    parser.add_argument("--minutes", type=float, default=600, help="end after this time, with fewer runs")
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    runs = len(KINDS) if arguments.small else arguments.runs
    wrong, codes = [], {kind: Counter() for kind in KINDS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in FILES.items():
            (folder / file).write_bytes(content.encode() if isinstance(content, str) else content)
        parquet.write_table(TABLE, folder / "reviews.parquet")
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "SENTIBP_CACHE": str(folder / "cache")}
        command = [*SENTIBP, "train", "quickstart", "--quiet", "--out", "run"]
        subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
        for number in range(runs):
            if time.monotonic() > end:
                runs = number
                break
            kind = list(KINDS)[number % len(KINDS)]
            command, expected = KINDS[kind]
            options: dict = {"cwd": folder, "env": environment, "capture_output": True, "text": True}
            done = subprocess.run([*SENTIBP, *command], check=False, **options)
            codes[kind][done.returncode] += 1
            if number % 50 == 49:
                print(f"{number + 1:,} of {runs:,} runs, {len(wrong)} not as promised", file=sys.stderr, flush=True)
            if done.returncode != expected or "Traceback" in done.stderr or not done.stderr.strip():
                wrong.append(kind)
                print(json.dumps([kind, done.returncode, done.stdout[-300:], done.stderr[-1000:]]), file=sys.stderr)
    print("| what is wrong | exit code | runs with it | others |\n| --- | --- | --- | --- |")
    for kind, counted in codes.items():
        expected = KINDS[kind][1]
        others = {code: count for code, count in counted.items() if code != expected}
        print(f"| {kind} | {expected} | {counted[expected]} | {others or 'none'} |")
    print(f"{runs:,} runs, {len(wrong)} not as promised")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
