"""Each promise of SECURITY.md names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import targets

ROOT = Path(__file__).parent.parent
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("SECURITY.md", "docs/internals/reliability.md")}
ROWS = [line for line in PAGES["SECURITY.md"].splitlines() if re.match(r"\| (?!---|Promise)", line)]


def named_tests(text: str) -> list[tuple[str, str]]:
    """Return the tests that a text names, as (file, function)."""
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)


def exists(file: str, function: str) -> bool:
    path = ROOT / file
    if not path.is_file():
        return False
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == function for node in tree.body)


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_is_named_exists(page):
    assert [test for test in named_tests(PAGES[page]) if not exists(*test)] == []


def test_every_promise_names_a_test():
    assert len(ROWS) >= 15
    assert [row for row in ROWS if not named_tests(row)] == []


def test_every_fuzz_target_has_its_figures():
    """A new target is fuzzed, and its figures are recorded."""
    table = PAGES["docs/internals/reliability.md"].partition("## Fuzzed inputs")[2].partition("\n## ")[0]
    rows = re.findall(r"(?m)^\| (\w+): ", table)
    assert sorted(rows) == sorted(targets.TARGETS)


def test_the_long_tests_are_scripts_of_make_soak():
    """Each figure that thousands of tries give can be repeated with one command."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name in "kills", "exits", "corruptions", "disk", "long_runs", "serve", "fuzz":
        assert f"python benchmarks/{name}.py" in makefile
        assert f"benchmarks/{name}.py" in PAGES["docs/internals/reliability.md"], name


def test_missing_tests_are_found():
    assert exists("tests/test_security.py", "test_every_promise_names_a_test")
    assert not exists("tests/test_security.py", "test_nothing")
    assert not exists("tests/test_nowhere.py", "test_nothing")


def test_every_script_of_the_figures_exists():
    """Scripts that repeat the figures of a page."""
    scripts = re.findall(r"(benchmarks/\w+\.py|tests/golden/\w+\.py)", PAGES["docs/internals/reliability.md"])
    assert scripts
    assert [script for script in scripts if not (ROOT / script).is_file()] == []
