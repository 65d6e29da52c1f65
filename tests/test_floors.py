"""The shape of the house: imports go down the floors, nn stands alone, heavy imports wait until they are needed.

The checks are functions of source text, so that each is shown to find the mistake it is there for.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sentibp

PACKAGE = Path(sentibp.__file__).parent
SOURCES = {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}

GROUND, TOP = -1, 10
FLOORS = {  # a module or a folder of them -> its floor; it imports from lower floors only
    "arrow": GROUND,
    "cache": GROUND - 2,
    "errors": GROUND - 2,
    "files": GROUND,
    "machine": GROUND,
    "page": GROUND,
    "sheet": 0,
    "shipped": GROUND,
    "scratch": GROUND - 1,
    "sealed": GROUND,
    "threads": GROUND - 1,
    "nn": 0,
    "pairs": 0,
    "text": 0,
    "metrics": 0,
    "config": 0,
    "readers": 0,
    "vocab": 1,
    "digests": 1,
    "pretrain": 1,
    "breaks": 1,
    "calibrate": 1,
    "layercheck": 1,
    "data": 2,
    "spans": 2,
    "model": 2,
    "vectors": 2,
    "train": 3,
    "runs": 3,
    "probes": 3,
    "words": 3,
    "explain": 3,
    "trace": 3,
    "ensemble": 4,
    "checkpoint": 4,
    "visits": 4,
    "flip": 4,
    "health": 4,
    "postmortem": 4,
    "watch": 4,
    "keeper": 5,
    "experiment": 6,
    "charts": 1,
    "stepper": 4,
    "report": 7,
    "play": 5,
    "bench": 7,
    "resume": 7,
    "reproduce": 8,
    "blame": 7,
    "audit": 7,
    "ratetest": 7,
    "checks": 7,
    "cli": 9,
    "__init__": TOP,
    "__main__": TOP,
}


def room(path: str) -> str:
    """The module or folder of a file: "model.py" -> "model", "nn/optim.py" -> "nn"."""
    return Path(path).parts[0].removesuffix(".py")


def imports(path: str, source: str) -> Iterator[str]:
    """Every module that a file imports, anywhere in it, by its full name; `from a import b` gives a.b."""
    package = ("sentibp", *Path(path).parts[:-1])
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def too_high(path: str, source: str) -> list[str]:
    """What a file imports from its own floor or a higher one."""
    own = room(path)
    used = [name.split(".")[1] for name in imports(path, source) if name.startswith("sentibp.")]
    return [other for other in used if other != own and FLOORS[other] >= FLOORS[own]]


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
    for node in ast.walk(ast.parse(source)):
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
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np.random", "numpy.random")
    ]
    used += [name.rpartition(".")[2] for name in imports(path, source) if name.startswith("numpy.random.")]
    return [name for name in used if name not in allowed]


each_file = pytest.mark.parametrize("path", SOURCES)


def test_every_file_has_a_floor():
    assert {room(path) for path in SOURCES} <= set(FLOORS), "a new module: give it a floor in this test"


@each_file
def test_imports_go_down_the_floors(path):
    assert too_high(path, SOURCES[path]) == []


@pytest.mark.parametrize("path", [path for path in SOURCES if room(path) == "nn"])
def test_nn_imports_numpy_and_the_standard_library_only(path):
    """But for nn/fast.py, which is there to be fast, and has a plain twin to be held against."""
    assert outside_nn(path, SOURCES[path]) == (["scipy.sparse.csr_array"] if path == "nn/fast.py" else [])


@each_file
def test_no_pickle_no_click_no_randomness_of_others(path):
    assert banned(path, SOURCES[path]) == []
    assert global_randomness(path, SOURCES[path]) == []


@pytest.mark.parametrize(
    ("check", "path", "source", "found"),
    [
        (too_high, "data.py", "from . import runs", ["runs"]),
        (too_high, "data.py", "from sentibp.model import load", ["model"]),
        (too_high, "model.py", "def f():\n    import sentibp.cli.show", ["cli"]),
        (too_high, "nn/optim.py", "from ..train import fit", ["train"]),
        (too_high, "nn/optim.py", "from .layers import Array", []),
        (outside_nn, "nn/optim.py", "import numpy as np\nimport scipy.special", ["scipy.special"]),
        (outside_nn, "nn/optim.py", "from ..text import TEXT", ["sentibp.text.TEXT"]),
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
    script = """
import json, sys
from sentibp.__main__ import main
sys.argv = ["sentibp", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(json.dumps(sorted(sys.modules)))
"""
    end = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert end.returncode == 0, end.stderr
    return set(json.loads(end.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "command",
    [
        *("", "train", "eval", "predict", "explain", "blame", "audit", "trace", "gradcheck", "report", "play"),
        *("reproduce", "runs compare", "config show"),
    ],
)
def test_help_loads_nothing_heavy(command):
    heavy = {"numpy", "pyarrow", "datasets", "safetensors"} | ({"pydantic", "rich"} if not command else set())
    assert not heavy & loaded_by(*command.split(), "--help")


def test_predict_never_loads_datasets(here, new_classifier):
    (here / "model.safetensors").write_bytes(new_classifier(["good", "bad"]).to_bytes())
    loaded = loaded_by("predict", "-m", "model.safetensors", "a good film")
    assert "safetensors" in loaded  # it did predict
    assert not {"datasets", "huggingface_hub"} & loaded


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
