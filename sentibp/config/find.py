"""Find a config by its name: a path, the name of a config that comes with the program, or an open file."""

from __future__ import annotations

import filecmp
import os
import re
import shlex
from pathlib import Path

from sentibp.errors import ConfigError
from sentibp.utils import resources
from sentibp.utils.near_names import did_you_mean, near_paths
from sentibp.utils.paths import expand_home, for_a_shell, has_data_suffix, is_run_directory, names_stream

_YAML = (".yaml", ".yml")

_LONGEST = 4096  # bytes of a path

RUNS = "runs"
"""The folder that holds the run directories of a working directory."""


def find_config(name: str | Path) -> tuple[Path, str]:
    """Return the file of that name, and its name in messages. ConfigError if it is a folder, or data, or missing."""
    if names_stream(name):
        return Path("stdin.yaml"), "<stdin>" if str(name) == "-" else str(name)  # its paths are relative to here
    if not str(name):
        raise ConfigError("'': no name of a config; give a YAML file, or a name that `sentibp config list` prints")
    path = expand_home(name)
    file = resources.resource_folder("configs") / f"{name}.yaml"
    if path.name == str(name) and os.path.isfile(file):
        return file, f"configs/{name}.yaml"
    if os.path.isdir(path):
        inside = path / "config.yaml"
        if os.path.isfile(inside):
            raise ConfigError(f"{name}: a folder; give a file, such as '{inside}'")
        raise ConfigError(f"{name}: a folder; give a file; if it has reviews, {_init(str(name), 'them')}")
    if os.path.exists(path):
        if what := _made_by_training(path):
            raise ConfigError(f"{name}: {what}")
        if _is_data(str(path)):
            raise ConfigError(f"{name}: a file of data, not a config; {_init(str(name))}")
        if of_run := _config_of_pointer(path):
            raise ConfigError(f"{name}: names a run, and is not a config; its config: {shlex.quote(of_run)}")
        return path, str(name)
    if os.path.islink(path):
        raise ConfigError(f"{name}: a link to a file that is not there, or to itself; give a file")
    raise ConfigError(_missing(str(name)))


def _made_by_training(path: Path) -> str:
    """Return what to say of a model, an export or another file of a run, in the place of a config; "" of others."""
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml") or not os.path.isfile(path):
        return ""
    if is_run_directory(path.parent):
        return f"a file of a run, not a config; its config: {shlex.quote(str(path.parent / 'config.yaml'))}"
    if suffix in (".safetensors", ".onnx", ".html", ".mjs", ".py"):
        return (
            "a model, an export or a page, not a config; give a YAML file, or a name that `sentibp config list` prints"
        )
    return ""


def shadow_note(name: str | Path, path: Path) -> tuple[str, ...]:
    """Return a note if the name was taken as that of a config of sentibp, and a file here may be meant.

    `path` is the file that was found for the name, or the name itself for the defaults, which have no file.
    """
    if (path.name == str(name) and os.path.isfile(path)) or os.path.basename(name) != str(name):
        return ()  # the name of a file
    for other in (f"{name}{suffix}" for suffix in (*_YAML, "")):
        if os.path.isfile(other) and not (os.path.isfile(path) and filecmp.cmp(other, path, shallow=False)):
            meant = other if os.path.splitext(other)[1] else os.path.join(os.curdir, other)
            what = f"{name}: the config that comes with sentibp, not the file {other}"
            return (f"{what}; for the file, write {shlex.quote(meant)}",)
    return ()


def _missing(name: str) -> str:
    """Return the message that there is no such config: a file by its suffix or folder, or the name of a shipped one."""
    names = [shipped_name for shipped_name, _ in shipped()]
    if what := for_a_shell(name):
        return f"{name}: no such file; {what}"
    if _is_data(name):
        return f"{name}: no such file; {_instead_of_data(near_paths(name, has_data_suffix, most=1))}"
    if os.path.basename(name) != name or name.lower().endswith((*_YAML, ".json")):
        return f"{name}: no such file{_other_file(name, names)}"
    of_run = os.path.join(RUNS, name, "config.yaml")
    if name == "last" or os.path.isfile(of_run):
        if name == "last":
            of_run = _config_of_pointer(Path(RUNS, name))
        one = f"its config: {shlex.quote(of_run)}" if of_run else "give the config.yaml of a run"
        return f"{name}: a run, not a config; {one}{', see `sentibp runs list`' * (not of_run)}"
    known, data = f"; shipped: {', '.join(names)}" if names else "", _data()
    near = near_paths(name, lambda path: _is_yaml(path) or has_data_suffix(path), [*names, *data], 1)
    meant = name if name in data else near[0] if near and near[0] in data and near[0] not in names else None
    if meant is None:
        return f"{name}: no such file{known}{did_you_mean(near)}"
    fact = "" if meant == name else f"no such file{known}; {meant} is "
    return f"{name}: {fact}data that comes with sentibp, not a config; did you mean {data[meant]}, which reads it?"


def _config_of_pointer(path: Path) -> str:
    """Return the config of the run that a file such as runs/last names; "" if it is gone, and for other files."""
    if path.name not in ("last", "started") or not path.is_file() or path.stat().st_size > _LONGEST:
        return ""
    run = Path(path.parent.parent, path.read_text("utf-8", "replace").strip())
    return str(run / "config.yaml") if os.path.isfile(run / "config.yaml") else ""


def _instead_of_data(near: list[str]) -> str:
    """Return the repair for a missing file of reviews in the place of a config: `near` is what was perhaps meant."""
    if not near:
        return "a config is a YAML file, which `sentibp init FILE` writes for a file of reviews"
    return f"did you mean {shlex.quote(near[0])}? It is data, not a config; {_init(near[0])}"


def _other_file(name: str, names: list[str]) -> str:
    """Return what may have been meant by the path of a file that is missing; `names` are those of shipped configs."""
    if near := near_paths(name, _is_yaml) or [each for each in names if each == Path(name).stem]:
        return did_you_mean(near)
    folder = os.path.dirname(name)
    if folder and not os.path.isdir(expand_home(folder)):
        return f", and no folder {folder}; give the path of a YAML file"
    return "; give the path of a YAML file, or a name that `sentibp config list` prints"


def _is_yaml(path: str) -> bool:
    return path.lower().endswith(_YAML)


def _is_data(name: str) -> bool:
    """Return whether the name is that of a file of reviews. JSON may be a config, too: it is YAML."""
    return has_data_suffix(name) and not name.lower().endswith(".json")


def _init(name: str, what: str = "it") -> str:
    return f"write a config for {what}: sentibp init {shlex.quote(name)}"


def shipped() -> list[tuple[str, str]]:
    """Return the name and the first comment of each config that comes with the program."""
    return [(path.stem, _first_comment(path)) for path in sorted(resources.resource_folder("configs").glob("*.yaml"))]


def _data() -> dict[str, str]:
    """Return the data that come with the program, by name, and a config that reads each: the simplest."""
    found: dict[str, str] = {}
    paths = resources.resource_folder("configs").glob("*.yaml")
    for path in sorted(paths, key=lambda path: (path.stem != "quickstart", path.stat().st_size)):
        if source := re.search(r"^data:\n  source: (\w+) *(#.*)?$", path.read_text(encoding="utf-8"), re.MULTILINE):
            found.setdefault(source[1], path.stem)
    return found


def _first_comment(path: Path) -> str:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and not line.startswith("# yaml-language-server:"):
            return line.lstrip("# ").rstrip()
    return ""
