"""Make the model that is installed with sentibp, `-m builtin`: train a config, compress the run, record its origin.

    python benchmarks/make_builtin.py
    python benchmarks/make_builtin.py --run runs/reviews    # of a run that is finished

Writes data/builtin/model.safetensors and, beside it, provenance.json: digest, config, seed, fingerprints of the data,
versions, and the table of scores before and after, which is printed, too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from sentibp.runs.find import BUILTIN
from sentibp.utils.resources import resource_folder

FOLDER = resource_folder("data") / BUILTIN


def sentibp(*args: str | Path) -> str:
    """Return what a command prints."""
    command = [sys.executable, "-m", "sentibp", *map(str, args)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="reviews")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-size", default="1MB")
    parser.add_argument("--run", type=Path, help="a finished run of the config, instead of training one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = arguments.run or Path(folder, "run")
        if arguments.run is None:
            settings = [part for each in arguments.set for part in ("--set", each)]
            sentibp("train", arguments.config, *settings, "--seed", str(arguments.seed), "--out", run, "--quiet")
        size = arguments.max_size
        result = json.loads(sentibp("compress", run, "--max-size", size, "--output", FOLDER, "--force", "--json"))
        facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
    kept = ("bytes", "features", "n", "accuracy", "accuracy_interval", "log_loss", "calibration_error", "probes")
    scores = {side: {key: result[side][key] for key in kept if key in result[side]} for side in ("before", "after")}
    provenance = {
        "sha256": hashlib.sha256((FOLDER / "model.safetensors").read_bytes()).hexdigest(),
        "made_by": "python benchmarks/make_builtin.py",
        "config": arguments.config,
        "settings": arguments.set,
        "max_size": arguments.max_size,
        "seed": facts["seed"],
        "trained_model_sha256": facts["digest"],
        "data": facts["data"] | {"refit": facts["refit"]},
        "versions": facts["versions"],
        "scores_on": "the validation reviews of the config, by the model before the refit, compressed likewise",
        **scores,
    }
    (FOLDER / "provenance.json").write_text(json.dumps(provenance, indent=1) + "\n", encoding="utf-8")
    print("| | before | after |\n| --- | --- | --- |")
    for key in kept:
        if key in scores["after"]:
            print(f"| {key} | {scores['before'][key]} | {scores['after'][key]} |")
    for name, kind in json.loads(sentibp("eval", "--probes", "-m", BUILTIN, "--json"))["kinds"].items():
        print(f"| probes: {name} | | {kind['passed']} of {kind['n']} |")


if __name__ == "__main__":
    main()
