"""Compare the screens in README and guide with real runs on the full data: `python docs/check_screens.py [PAGE...]`.

The tests run the same commands with small data, so they cannot compare most of the output. This takes some minutes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from documents import blocks, commands, first_missing  # noqa: E402
from test_docs import WRONG  # noqa: E402


def check(page: Path) -> int:
    """Run the console blocks of a page in a new folder; print the screens that differ and return their number."""
    found = list(commands(page.read_text(encoding="utf-8"), "console"))
    differing = 0
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "mine.yaml").write_text(WRONG)
        for _, block in blocks(page.read_text(encoding="utf-8"), "yaml"):
            (Path(folder) / block.partition("\n")[0].removeprefix("# ")).write_text(block)
        if found:
            subprocess.run(["sentibp", "train", "imdb", "--quiet"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        for command in found:
            program = [*command.words, "--format", "table"] if " predict " in command.line else command.words
            done = subprocess.run(
                program, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
            )
            wrong = first_missing(command.output or [], done.stdout.rstrip("\n").splitlines())
            if wrong is not None:
                differing += 1
                print(f"{page.relative_to(ROOT)}: {command.line}\n  not printed: {wrong}\n{done.stdout}")
    return differing


if __name__ == "__main__":
    pages = [Path(name).resolve() for name in sys.argv[1:]] or [ROOT / "README.md", *ROOT.glob("docs/guide/*.md")]
    sys.exit(sum(check(page) for page in pages) > 0)
