"""Fuzz a target of tests/targets.py with atheris, which follows the branches of the program that an input reaches.

    pip install -r benchmarks/requirements-fuzz.txt
    python benchmarks/fuzz.py reader --runs 100000
    python benchmarks/fuzz.py all --runs 20000

An exception that is none of ours, an input that takes longer than --seconds, and more memory than --megabytes end it,
and the input is written to crash-*, timeout-* or oom-*. Otherwise it prints how many inputs were tried.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", help="its name, or all")
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--seconds", type=int, default=10, help="that one input may take")
    parser.add_argument("--megabytes", type=int, default=2000, help="that the process may hold")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    os.environ |= {"HF_HUB_OFFLINE": "1", "SENTIBP_CACHE": "off"}
    if arguments.target == "all":
        import targets

        print("| target | inputs | s | found |\n| --- | --- | --- | --- |", flush=True)
        for name in targets.TARGETS:
            began = time.perf_counter()
            command = [sys.executable, __file__, name, *sys.argv[2:]]
            with tempfile.TemporaryFile() as said:
                code = subprocess.run(command, stdout=said, stderr=said, check=False).returncode
                said.seek(0)
                tail = said.read().decode(errors="replace").splitlines()[-12:]
            done = next((line.split()[1] for line in tail if line.startswith("Done ")), "?")
            print(f"| {name} | {int(done):,} |" if done != "?" else f"| {name} | ? |", end=" ")
            print(
                f"{time.perf_counter() - began:.0f} | {'nothing' if code == 0 else ' '.join(tail)[-300:]} |", flush=True
            )
        return
    import atheris

    with atheris.instrument_imports(include=["sentibp"]):
        import targets
    function = targets.TARGETS[arguments.target]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(targets.seeds(arguments.target)):
            (Path(corpus) / str(number)).write_bytes(seed)
        options = {
            "runs": arguments.runs,
            "timeout": arguments.seconds,
            "rss_limit_mb": arguments.megabytes,
            "seed": arguments.seed,
            "max_len": 4096,
        }
        atheris.Setup([sys.argv[0], *(f"-{name}={value}" for name, value in options.items()), corpus], function)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
