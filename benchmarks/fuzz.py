"""Fuzz the targets of tests/targets.py.

    python benchmarks/fuzz.py reader --runs 100000
    python benchmarks/fuzz.py all --runs 1000000     # of all targets together, in turn, each in a process of its own
    python benchmarks/fuzz.py all --small            # a few thousand
    pip install -r benchmarks/requirements-fuzz.txt && python benchmarks/fuzz.py reader --atheris

Inputs are changed at random (mutate.py). One that leads to an error message of a new form is kept, and changed further:
this follows the branches that matter, at the full speed of the program. With --atheris, atheris follows all branches,
at a third of the speed.

A finding is an exception that is none of ours, an input that takes longer than --seconds of the processor, or six
times that of the clock, or more memory than --megabytes. It is written to crash-TARGET-*, and printed with its
traceback; the same place is reported once.
"""

from __future__ import annotations

import argparse
import faulthandler
import hashlib
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mutate import mutate

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

KEPT = 3000  # inputs, at most
SHARES = {  # of the inputs, in thousandths: a target whose inputs take little time gets more of them
    **{"vectors": 200, "stranger": 150, "shapes": 120, "model": 100, "log": 100, "packed": 70, "encoding": 70},
    **{"draft": 50, "writer": 30, "archive": 30, "delimited": 20, "command": 15, "stream": 10, "config": 8, "tree": 7},
    **{"run": 6, "override": 5, "reader": 4, "parquet": 2, "facts": 2},
    **{"workbook": 0.6, "records": 0.6, "tokenizer": 0.4},
}
SMALL = 3000  # inputs of all targets


class TooSlow(BaseException):
    """An input takes longer than it may."""


def run(target: str, runs: int, seed: int, seconds: int, megabytes: int) -> dict[str, Any]:
    """Try so many inputs; return what was found."""
    import targets

    from sentibp.errors import SentibpError

    function, chance = targets.TARGETS[target], random.Random(f"{target} {seed}")
    inputs = list(targets.seeds(target))
    seeds = len(inputs)
    forms: set[str] = set()
    fresh = False
    begin = SentibpError.__init__

    def remember(self: SentibpError, *arguments: Any, **options: Any) -> None:
        nonlocal fresh
        begin(self, *arguments, **options)
        form = re.sub(r"'[^']*'|\"[^\"]*\"|\d+|[^\x20-\x7e]+", "#", str(self))[:120]
        if form not in forms and len(forms) < 100_000:
            forms.add(form)
            fresh = True

    SentibpError.__init__ = remember  # type: ignore[method-assign]
    signal.signal(signal.SIGPROF, _too_slow)
    findings: dict[str, str] = {}
    slowest, began = 0.0, time.perf_counter()
    for number in range(runs):
        content = inputs[number] if number < seeds else mutate(chance.choice(inputs), inputs, chance)
        fresh, start = False, time.process_time()
        problem = _problem(function, content, seconds)
        slowest = max(slowest, time.process_time() - start)
        if problem is None and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > megabytes * 1000:
            problem = f"more than {megabytes} MB"
        if problem is not None and (place := _place(problem)) not in findings:
            name = f"crash-{target}-{hashlib.sha256(content).hexdigest()[:12]}"
            Path(name).write_bytes(content)
            findings[place] = name
            print(f"{name}: {problem}", file=sys.stderr, flush=True)
        if problem is not None and problem.startswith("more than"):
            break  # the memory of a process does not shrink
        if fresh:
            if len(inputs) < KEPT:
                inputs.append(content)
            else:
                inputs[chance.randrange(seeds, KEPT)] = content
    return {
        "target": target,
        "inputs": number + 1,
        "seconds": time.perf_counter() - began,
        "forms": len(forms),
        "slowest": slowest,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
        "findings": findings,
    }


def _too_slow(*_: object) -> None:
    raise TooSlow


def _problem(function: Callable[[bytes], None], content: bytes, seconds: int) -> str | None:
    """Return what is wrong with the outcome of an input."""
    signal.setitimer(signal.ITIMER_PROF, seconds)  # of the processor, so that other programs do not count
    faulthandler.dump_traceback_later(6 * seconds, exit=True)  # of the clock: it waits for something
    try:
        function(content)
    except TooSlow:
        return f"longer than {seconds} s\n{traceback.format_exc()}"
    except Exception:
        return traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()
    return None


def _place(problem: str) -> str:
    """Return the kind of a problem: its last line and the last place in the program."""
    lines = problem.strip().splitlines()
    places = re.findall(r'File "[^"]*/(?:sentibp|tests)/([^"]+)", line (\d+)', problem)
    return f"{lines[0] if len(lines) == 1 else lines[-1].split(':')[0]} {places[-1] if places else ''}"


def with_atheris(target: str, runs: int, seed: int, seconds: int, megabytes: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["sentibp"]):
        import targets
    with tempfile.TemporaryDirectory() as corpus:
        for number, content in enumerate(targets.seeds(target)):
            (Path(corpus) / str(number)).write_bytes(content)
        options = {"runs": runs, "timeout": seconds, "rss_limit_mb": megabytes, "seed": seed, "max_len": 4096}
        arguments = [f"-{name}={value}" for name, value in options.items()]
        atheris.Setup([sys.argv[0], *arguments, f"-artifact_prefix=crash-{target}-", corpus], targets.TARGETS[target])
        atheris.Fuzz()


def parse_atheris(command: list[str], target: str) -> dict[str, Any]:
    """Run a target with atheris; return what it says at its end."""
    with tempfile.TemporaryFile() as said:
        code = subprocess.run(command, stdout=said, stderr=said, check=False).returncode
        said.seek(0)
        text = said.read().decode(errors="replace")
    found = {} if code == 0 else {"": " ".join(text.splitlines()[-12:])[-500:]}
    done = re.search(r"Done (\d+) runs in (\d+) second", text)
    forms, memory = re.findall(r"ft: (\d+)", text), re.findall(r"rss: (\d+)Mb", text)
    numbers = {"inputs": int(done[1]), "seconds": int(done[2])} if done else {}
    return {**NOTHING, **numbers, "forms": int(forms[-1]), "megabytes": int(memory[-1]), "findings": found}


NOTHING = {"inputs": 0, "seconds": 0, "forms": 0, "slowest": 0.0, "megabytes": 0}


def run_all(arguments: argparse.Namespace) -> int:
    """Try inputs of all targets, each target in a process of its own; print a table, and return how many findings."""
    import targets

    chosen = [name for name in targets.TARGETS if name not in arguments.without]
    shares = {name: SHARES[name] for name in chosen}
    print(
        "| target | inputs | s | forms of errors (atheris: features) | slowest input, s | MB | findings |", flush=True
    )
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    total = found = 0
    for name in chosen:
        runs = max(1, round(arguments.runs * shares[name] / sum(shares.values())))
        limits = ["--seconds", str(arguments.seconds), "--megabytes", str(arguments.megabytes)]
        command = [sys.executable, __file__, name, "--runs", str(runs), "--seed", str(arguments.seed), *limits]
        if arguments.atheris:
            result = parse_atheris([*command, "--atheris"], name)
        else:
            done = subprocess.run([*command, "--json"], stdout=subprocess.PIPE, check=False)
            ended = {"": f"ended with exit code {done.returncode}"}
            result = json.loads(done.stdout) if done.stdout else {**NOTHING, "findings": ended}
        total, found = total + result["inputs"], found + len(result["findings"])
        cells = f"{result['inputs']:,} | {result['seconds']:.0f} | {result['forms']:,} | {result['slowest']:.1f} | "
        cells += f"{result['megabytes']:.0f} | {', '.join(result['findings'].values()) or 'none'}"
        print(f"| {name} | {cells} |", flush=True)
    print(f"{total:,} inputs, {found} findings", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", help="its name, or all")
    parser.add_argument("--runs", type=int, default=20_000, help="inputs; of all targets together for `all`")
    parser.add_argument("--small", action="store_true", help=f"{SMALL:,} inputs")
    parser.add_argument("--seconds", type=int, default=10, help="that one input may take")
    parser.add_argument("--megabytes", type=int, default=1000, help="that the process may hold")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without", nargs="*", default=[], metavar="TARGET", help="targets to leave out of `all`")
    parser.add_argument("--atheris", action="store_true", help="follow all branches")
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.runs = SMALL if arguments.small else arguments.runs
    os.environ |= {"HF_HUB_OFFLINE": "1", "SENTIBP_CACHE": "off", "OPENBLAS_NUM_THREADS": "1"}
    if Path("/dev/shm").is_dir():
        tempfile.tempdir = "/dev/shm"  # files in memory take a third of the time
    if arguments.target == "all":
        raise SystemExit(run_all(arguments) > 0)
    limits = (arguments.runs, arguments.seed, arguments.seconds, arguments.megabytes)
    if arguments.atheris:
        with_atheris(arguments.target, *limits)
        return
    result = run(arguments.target, *limits)
    print(json.dumps(result) if arguments.json else "\n".join(f"{key}: {value}" for key, value in result.items()))
    raise SystemExit(len(result["findings"]) > 0 and not arguments.json)


if __name__ == "__main__":
    main()
