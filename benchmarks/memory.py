"""Whether memory grows with the epochs of a training: `python benchmarks/memory.py CONFIG... [--epochs 200]` (Linux).

Each config is trained in a process of its own, as `sentibp train` does it, with everything recorded. What is measured
after an epoch is the memory that the process holds for itself (RssAnon), and the number of Python's objects.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from sentibp.config.load import load_config
from sentibp.training import experiment
from sentibp.training.events import Epoch

LOOKS = 10  # in a training


def held() -> float:
    """MB that this process holds for itself."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if "RssAnon" in line)
    return int(line.split()[1]) / 1e3


def measure(name: str, epochs: int) -> list[tuple[int, float, int]]:
    found = []
    with tempfile.TemporaryDirectory() as folder:
        config = load_config(name, [f"train.epochs={epochs}"])
        with experiment.train(config, Path(folder) / "run") as training:
            for event in training:
                if isinstance(event, Epoch) and event.epoch % (epochs // LOOKS) == 0:
                    gc.collect()
                    found.append((event.epoch, held(), len(gc.get_objects())))
            training.finish()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="+", metavar="CONFIG")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.configs[0], arguments.epochs)))
        return
    print("| config | " + " | ".join(f"epoch {arguments.epochs // LOOKS * (i + 1)}" for i in range(LOOKS)) + " |")
    print("| --- |" + " --- |" * LOOKS)
    for name in arguments.configs:
        command = [sys.executable, __file__, "--one", name, "--epochs", str(arguments.epochs)]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        cells = " | ".join(f"{megabytes:.1f} MB, {objects:,}" for _, megabytes, objects in found)
        print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
