"""Run commands in a process of their own whose hub is another address, for the client reads it when it is imported.

`python hub_commands.py` reads requests from stdin, a line of JSON each, and answers each with a line on stdout.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from command import Result

TESTS = Path(__file__).parent


class HubProcess:
    """A process whose client of the hub talks to one address. To import the client takes a second."""

    def __init__(self, process: subprocess.Popen[str]):
        self._process = process

    def run(self, *commands: Sequence[object], token: str | None = None) -> list[Result]:
        """Run commands, one after the other, in the folder and with the cache of this process.

        A command may begin with `HF_TOKEN=...`, which also holds for those after it.
        """
        first = [] if token is None else [f"HF_TOKEN={token}"]
        words = [[*first, *map(str, command)] for command in commands]
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(Path.cwd()), os.environ["SENTIBP_CACHE"], words]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process has ended: see what it wrote to standard error"
        return [Result(*each) for each in json.loads(answer)]


@contextmanager
def process_with_hub(url: str, home: Path, **environment: str) -> Iterator[HubProcess]:
    """Start a process with the hub at `url` and its cache in `home`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    path = os.pathsep.join([str(TESTS.parent), str(TESTS), kept.get("PYTHONPATH", "")])
    kept |= {"HF_ENDPOINT": url, "HF_HOME": str(home), "PYTHONPATH": path, "NO_PROXY": "127.0.0.1"} | environment
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", str(Path(__file__))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=kept) as process:
        yield HubProcess(process)
    assert process.returncode == 0


def _main() -> None:
    import quick_commands  # noqa: F401
    from typer.testing import CliRunner

    from sentibp.cli import application

    before = dict(os.environ)
    for line in sys.stdin:
        folder, cache, commands = json.loads(line)
        os.chdir(folder)
        os.environ.clear()  # a command may leave --offline there, or a token
        os.environ.update(before, SENTIBP_CACHE=cache)
        results = []
        for words in commands:
            if words[0].startswith("HF_TOKEN="):
                os.environ["HF_TOKEN"] = words.pop(0).partition("=")[2]
            done = CliRunner().invoke(application(), words, catch_exceptions=False, prog_name="sentibp")
            results.append([done.exit_code, done.stdout, done.stderr])
        print(json.dumps(results), flush=True)


if __name__ == "__main__":
    _main()
