"""Imports go down the layers of the package, nn stands alone, heavy imports wait until they are needed.

The checks are functions of source text, so that each is shown to find the mistake it is there for.
"""

from __future__ import annotations

import ast
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import sentibp

PACKAGE = Path(sentibp.__file__).parent
ROOT = PACKAGE.parent
SOURCES = {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


@functools.cache
def nodes(source: str) -> list[ast.AST]:
    """The syntax tree of a file, node by node: several checks read it."""
    return [*ast.walk(ast.parse(source))]


def imports(path: str, source: str) -> Iterator[str]:
    """Every module that a file imports, anywhere in it, by its full name; `from a import b` gives a.b."""
    package = ("sentibp", *Path(path).parts[:-1])
    for node in nodes(source):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def outside_nn(path: str, source: str) -> list[str]:
    """What a file of nn imports besides numpy, the standard library and nn."""
    allowed = {"numpy", *sys.stdlib_module_names}
    return [
        name
        for name in imports(path, source)
        if name.split(".")[0] not in allowed and not name.startswith("sentibp.nn.")
    ]


def banned(path: str, source: str) -> list[str]:
    """Pickle in any dress, Typer's own Click, and random numbers that no seed of ours rules."""
    modules = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "click", "random"}
    found = [name for name in imports(path, source) if name.split(".")[0] in modules]
    for node in nodes(source):
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            found.append("allow_pickle")
        elif isinstance(node, ast.Attribute) and "pickle" in node.attr:
            found.append(node.attr)
    return found


def global_randomness(path: str, source: str) -> list[str]:
    """Uses of numpy's hidden global generator: np.random.NAME, or an import from numpy.random."""
    allowed = {"default_rng", "Generator", "SeedSequence", "BitGenerator"}
    used = [
        node.attr
        for node in nodes(source)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and ast.unparse(node.value) in ("np.random", "numpy.random")
    ]
    used += [name.rpartition(".")[2] for name in imports(path, source) if name.startswith("numpy.random.")]
    return [name for name in used if name not in allowed]


each_file = pytest.mark.parametrize("path", SOURCES)


def test_imports_go_down_only():
    """By the contracts in pyproject.toml: each folder imports from those below it."""
    end = subprocess.run(["lint-imports", "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT)
    assert end.returncode == 0, end.stdout


def test_an_import_upward_is_noticed(tmp_path):
    """The same contracts, on a copy of the package in which a low module imports a high one."""
    shutil.copytree(PACKAGE, tmp_path / "sentibp", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for path in "data/tokenizer.py", "nn/optim.py":
        with open(tmp_path / "sentibp" / path, "a", encoding="utf-8") as file:
            file.write("\n\ndef f():\n    import sentibp.training.loop\n    import scipy.special\n")
    end = subprocess.run(["lint-imports", "--no-cache"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert end.returncode == 1
    assert "sentibp.data is not allowed to import sentibp.training" in end.stdout
    assert "sentibp.nn is not allowed to import scipy" in end.stdout


@pytest.mark.parametrize("path", [path for path in SOURCES if path.startswith("nn/")])
def test_nn_imports_numpy_and_the_standard_library_only(path):
    """But for nn/sparse.py, which is there to be fast, and has a plain twin to be held against."""
    assert outside_nn(path, SOURCES[path]) == (["scipy.sparse.csr_array"] if path == "nn/sparse.py" else [])


@each_file
def test_no_pickle_no_click_no_randomness_of_others(path):
    assert banned(path, SOURCES[path]) == []
    assert global_randomness(path, SOURCES[path]) == []


@pytest.mark.parametrize(
    ("check", "path", "source", "found"),
    [
        (outside_nn, "nn/optim.py", "import numpy as np\nimport scipy.special", ["scipy.special"]),
        (outside_nn, "nn/optim.py", "from ..data.tokenizer import TEXT", ["sentibp.data.tokenizer.TEXT"]),
        (banned, "model.py", "import pickle", ["pickle"]),
        (banned, "model.py", "np.load(file, allow_pickle=True)", ["allow_pickle"]),
        (banned, "model.py", "frame.to_pickle(path)", ["to_pickle"]),
        (banned, "cli/show.py", "from click import echo", ["click.echo"]),
        (banned, "train.py", "from random import shuffle", ["random.shuffle"]),
        (global_randomness, "train.py", "np.random.shuffle(order)", ["shuffle"]),
        (global_randomness, "train.py", "from numpy.random import rand", ["rand"]),
        (global_randomness, "train.py", "rng: np.random.Generator = np.random.default_rng(0)", []),
    ],
)
def test_the_checks_find_what_they_look_for(check, path, source, found):
    assert check(path, source) == found


# What a command loads


def loaded_by(*arguments: str) -> set[str]:
    """The modules that a command has loaded when it ends, by a fresh interpreter."""
    return loaded_by_all(arguments)


def loaded_by_all(*commands: Sequence[str]) -> set[str]:
    """The modules that a fresh interpreter has loaded after all of these commands."""
    script = """
import json, sys
from sentibp.__main__ import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["sentibp", *arguments]
    try:
        main()
    except SystemExit as end:
        assert not end.code, end.code
print(json.dumps(sorted(sys.modules)))
"""
    command = [sys.executable, "-c", script, json.dumps(commands)]
    end = subprocess.run(command, capture_output=True, text=True, check=False)
    assert end.returncode == 0, end.stderr
    return set(json.loads(end.stdout.splitlines()[-1]))


HELPED = "train", "eval", "predict", "explain", "blame", "audit", "trace", "gradcheck", "report", "play", "serve"
HELPED += "reproduce", "runs compare", "config show", "sweep", "sweep run", "sweep show"
HEAVY = {"numpy", "pyarrow", "datasets", "safetensors"}


def test_help_loads_nothing_heavy():
    assert not (HEAVY | {"pydantic", "rich"}) & loaded_by("--help")
    helped = {command: [*command.split(), "--help"] for command in HELPED}
    if HEAVY & loaded_by_all(*helped.values()):
        assert [command for command, words in helped.items() if HEAVY & loaded_by(*words)] == []


def test_commands_load_neither_scikit_learn_nor_optuna(here):
    """The first is for Python programs, the other for sweeps."""
    (here / "reviews.csv").write_text("text,label\n" + "good,1\nbad,0\n" * 9)
    (here / "small.yaml").write_text("data: {source: reviews.csv}\ntrain: {epochs: 1}\n")
    loaded = loaded_by_all(
        ["train", "small.yaml", "--out", "run"],
        ["eval", "run"],
        ["eval", "-m", "run", "--data", "reviews.csv"],
        ["predict", "-m", "run", "good"],
        ["explain", "-m", "run", "good"],
    )
    assert {"numpy", *(f"sentibp.cli.{name}" for name in ("train", "eval", "predict", "explain"))} <= loaded
    assert not {"sklearn", "polars", "joblib", "sentibp.training.estimator"} & loaded
    assert not {"optuna", "sqlalchemy", "multiprocessing.connection"} & loaded


def test_predict_loads_neither_datasets_nor_what_trainings_need(here, new_classifier):
    (here / "model.safetensors").write_bytes(new_classifier(["good", "bad"]).to_bytes())
    unneeded = {"datasets", "huggingface_hub", "scipy", "pandas", "numpy.random", "concurrent.futures.process"}
    unneeded |= {"pyarrow.compute"}  # it takes as long as pyarrow; see utils/compute.py
    texts = "a good film", "", "Not bad &amp; “très” BIEN: a café, soooo gooood 5/10 ☺️ İ"
    loaded = loaded_by_all(*(["predict", "-m", model, *texts] for model in ("model.safetensors", "builtin")))
    assert "safetensors" in loaded  # it did predict
    assert not unneeded & loaded


@pytest.mark.parametrize(("format", "loads"), [("text", False), ("html", True)])
def test_only_a_page_loads_jinja2(here, new_classifier, format, loads):
    (here / "model.safetensors").write_bytes(new_classifier(["good", "bad"]).to_bytes())
    assert ("jinja2" in loaded_by("explain", "-m", "model.safetensors", "good", "--format", format)) is loads
    assert ("jinja2" in loaded_by("trace", "--article", "--format", format)) is loads


def test_plugins_that_other_programs_have_for_pydantic_are_neither_looked_for_nor_loaded(here):
    entries = here / "site" / "other-1.0.dist-info" / "entry_points.txt"
    entries.parent.mkdir(parents=True)
    entries.write_text("[pydantic]\nother = other:plugin\n")
    (here / "site" / "other.py").write_text("open('loaded', 'w')\n")
    path = os.pathsep.join([str(here / "site"), str(ROOT)])
    for program, loads in (
        (["-c", "import sentibp.config.schema"], True),
        (["-m", "sentibp", "config", "show", "xor"], False),
    ):
        end = subprocess.run([sys.executable, *program], env={**os.environ, "PYTHONPATH": path}, capture_output=True)
        assert end.returncode == 0, end.stderr
        assert Path("loaded").exists() is loads
        Path("loaded").unlink(missing_ok=True)


def test_importing_the_package_costs_nothing(here):
    script = "import sys; before = set(sys.modules); import sentibp; print(sorted(set(sys.modules) - before))"
    end = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"numpy", "pyarrow", "pydantic"} & set(ast.literal_eval(end.stdout))


def test_every_public_name_is_there():
    for name in sentibp.__all__:
        assert getattr(sentibp, name) is not None
    assert set(sentibp.__all__) <= set(dir(sentibp))
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        sentibp.trian  # noqa: B018
