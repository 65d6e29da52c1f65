"""Run commands in a process of their own whose hub is another address, for the client reads it when it is imported.

`python hub_commands.py` reads a JSON list of commands from stdin and writes a JSON list of their results.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from command import Result

TESTS = Path(__file__).parent


def run_with_hub(
    url: str, home: Path, commands: Sequence[Sequence[object]], token: str | None = None, **environment: str
) -> list[Result]:
    """Run commands, one after the other, with the hub at `url` and its cache in `home`.

    A command may begin with `HF_TOKEN=...`, which also holds for those after it.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    path = os.pathsep.join([str(TESTS.parent), str(TESTS), kept.get("PYTHONPATH", "")])
    kept |= {"HF_ENDPOINT": url, "HF_HOME": str(home), "PYTHONPATH": path, "NO_PROXY": "127.0.0.1"} | environment
    kept |= {} if token is None else {"HF_TOKEN": token}
    words = json.dumps([list(map(str, command)) for command in commands])
    process = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", str(Path(__file__)), str(Path.cwd())]
    done = subprocess.run(process, input=words, capture_output=True, text=True, env=kept)
    assert done.returncode == 0, done.stderr
    return [Result(*each) for each in json.loads(done.stdout)]


def _main() -> None:
    import quick_commands  # noqa: F401
    from typer.testing import CliRunner

    from sentibp.cli import application

    results = []
    for words in json.load(sys.stdin):
        if words[0].startswith("HF_TOKEN="):
            os.environ["HF_TOKEN"] = words.pop(0).partition("=")[2]
        done = CliRunner().invoke(application(), words, catch_exceptions=False, prog_name="sentibp")
        results.append([done.exit_code, done.stdout, done.stderr])
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    _main()
