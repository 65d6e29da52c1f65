"""Find a run or a model by its name: a path, a directory in runs/, `last`, `builtin`, a pointer file (runs/last), or
a model of the Hugging Face hub (hf://USER/NAME, see `hub_model`).

A pointer file is a text file with the path of a run. Training writes two of them, runs/last and runs/started. The path
is relative to the folder that holds runs/. If `last` is missing, or its run lacks the file that a command needs, the
newest run beside it that has the file is used, and a line on stderr says so.

`builtin` is the model that is installed with sentibp. A file or directory of that name comes first. Where no model is
named, `last` is meant; if there is no run at all, the built-in model. A line on stderr says so in both cases.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from sentibp.errors import ConfigError
from sentibp.runs import hub_model
from sentibp.runs.directory import (
    MODEL,
    ROOT,
    VALIDATED,
    VECTORS,
    is_being_written,
    is_pretraining,
    list_runs,
    load_run_info,
)
from sentibp.runs.pointers import NAME_ANOTHER, POINTERS, copied_pointer, is_pointer, read_pointer
from sentibp.runs.trained_model import is_replaced
from sentibp.utils.messages import print_message
from sentibp.utils.near_names import did_you_mean, near_paths
from sentibp.utils.paths import expand_home, for_a_shell, has_data_suffix, shown
from sentibp.utils.repair import MODEL_OPTION, set_option
from sentibp.utils.resources import resource_folder

BUILTIN = "builtin"
"""The name of the model that is installed with sentibp."""

_NO_RUN = (
    "no finished run here ({}); train one with `sentibp train quickstart`, or name a run directory or a model file{}"
)


class _NoRun(Exception):
    """There is no finished run; the text is what to say. `gone` is the file `last` and the run that it names, or ""."""

    gone: str = ""


def find_started(name: str = "last", pretraining: bool = False) -> Path:
    """Return the run directory to resume; `last` is the newest that was started here, finished or not.

    Raises ConfigError if there is none, or if it is a training and not a pretraining, or the other way round.
    """
    path = _newest_started(pretraining) if name == "last" else find_run(name)
    require_run_directory(path)
    if is_pretraining(load_run_info(path)) != pretraining:
        what, command = ("training", "train") if pretraining else ("pretraining", "pretrain")
        raise ConfigError(f"{path}: is a {what}; resume it with `sentibp {command} --resume {shlex.quote(str(path))}`")
    return path


def require_run_directory(path: Path) -> None:
    """Raise ConfigError if a path is a file, such as a model, or a folder that is no run directory."""
    if not _is_missing(path / "run.json"):  # what is there and cannot be read is an error of its own
        return
    if what := of_a_sweep(path):
        raise ConfigError(what)
    kind = "a model file" if path.suffix == ".safetensors" else "a folder" if path.is_dir() else "a file"
    run = f"{MODEL_OPTION.get()}{shlex.quote(str(path.parent))}"
    repair = f"name its run directory: {run}" if is_in_run(path) else "name one, see `sentibp runs list`"
    raise ConfigError(f"{path}: {kind}, not a run directory; {repair}")


def find_run_directory(name: str | Path, needs: str | None = None) -> Path:
    """Return the run directory of that name, as `find_run` does. ConfigError for a model file, and any other folder."""
    path = find_run(name, needs)
    require_run_directory(path)
    return path


def _is_missing(path: Path) -> bool:
    """Return whether nothing is there. A folder that cannot be searched may hold it, so then the answer is no."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: no file can have this name
        return True
    except OSError:
        return False
    return False


def find_run(name: str | Path | None = "last", needs: str | None = None, builtin: bool = False) -> Path:
    """Return the run directory or model file of that name. ConfigError if there is none.

    `needs` is the file, MODEL or VECTORS, that the caller will open: a `last` without it is another run that has it.
    `builtin` says whether a model without a run directory will do: the built-in model, or one of the hub, which is
    downloaded. The built-in model also replaces `last` if no name is given and there is no run.
    """
    if name is None:
        return _last_or_builtin(needs) if builtin else find_run("last", needs)
    name = os.fspath(name)
    pointer = find_pointer(name)
    if pointer is not None:
        try:
            return _last(pointer, needs) if pointer.name == "last" else _follow(pointer)
        except _NoRun as error:
            raise ConfigError(
                f"{error}{f', or the built-in model: {MODEL_OPTION.get()}{BUILTIN}' if builtin else ''}"
            ) from None
    for path in (expand_home(name), ROOT / name):
        if name and os.path.lexists(path):  # False, not an error, for names that no file can have
            if name == BUILTIN:
                print_message(f"{path}: used, because it is here; for the built-in model, work in another folder")
            _tell_other_run(path, name)
            _require_no_other_file(path)
            return path
    if hub_model.is_hub_name(name):
        if not builtin:
            hub_model.parse_hub_name(name)
            raise ConfigError(f"{name}: a model of the hub has no run directory; name a run of a training of your own")
        return hub_model.download(name)
    if name != BUILTIN:
        raise ConfigError(_missing(name, builtin))
    if not builtin:
        raise ConfigError(f"{name}: the built-in model has no run directory; name a run of a training of your own")
    return builtin_file()


def _tell_other_run(path: Path, name: str) -> None:
    """Print a line if the folder of runs has another run of the name of a file or folder that is here."""
    other = ROOT / name
    if path != other and (other / "run.json").is_file() and not os.path.samefile(path, other):
        print_message(f"{name}: the one here is used, not {other}; for that run, write {other}")


def names_run(name: str) -> bool:
    """Return whether a name, where a config is expected, is that of a run, and no config has it."""
    is_shipped = os.path.isfile(resource_folder("configs") / f"{name}.yaml")
    if is_shipped or (os.path.isfile(expand_home(name)) and not is_pointer(expand_home(name))):
        return False
    folder = expand_home(name) if os.path.isdir(expand_home(name)) else ROOT / name
    return name == "last" or is_pointer(expand_home(name)) or os.path.isfile(folder / "run.json")


def _missing(name: str, builtin: bool) -> str:
    """Return the message that there is no such run, or no such model if `builtin`, with what may have been meant."""
    fact, see = f"{name or repr(name)}: no such run or model", "see `sentibp runs list`"
    if what := for_a_shell(name):
        return f"{fact}; {what}"
    if has_data_suffix(name):
        return f"{fact}: the name is that of a file of reviews; {see}"
    in_runs = [os.path.basename(path) for path in near_paths(str(ROOT / name), os.path.isdir)]
    others = [*in_runs, "last", *[BUILTIN] * builtin]
    near = near_paths(name, lambda path: _may_be_model(path, builtin), others)
    is_of_hub = builtin and hub_model.is_repository(name) and not os.path.lexists(os.path.dirname(name))
    hub = f", or for a model of the hub write {hub_model.PREFIX}{name}" * is_of_hub
    return f"{fact}{did_you_mean(near)} {see.capitalize()}{hub}" if near else f"{fact}; {see}{hub}"


def _may_be_model(path: str, builtin: bool) -> bool:
    """Return whether a path is a run directory or, if a model file will do, one of these."""
    return os.path.isfile(os.path.join(path, "run.json")) or (builtin and path.endswith(".safetensors"))


def _require_no_other_file(path: Path) -> None:
    """Raise ConfigError if a path is a file of reviews, or a config, by its name, or a copy of a pointer file."""
    if not path.is_file():
        return
    if (run := copied_pointer(path)) is not None:
        raise ConfigError(f"{path}: a copy of a file that names a run, not a run or model; name {shown(str(run))}")
    if has_data_suffix(path.name) and is_in_run(path):
        raise ConfigError(f"{path}: a file of a run, not a run or model; name its run directory, {path.parent}")
    if has_data_suffix(path.name):
        raise ConfigError(f"{path}: reviews, not a run or model; {NAME_ANOTHER}, see `sentibp runs list`")
    if path.suffix.lower() in (".html", ".mjs", ".js", ".py", ".onnx"):
        raise ConfigError(f"{path}: a page or an export, not a model file; {NAME_ANOTHER}")
    if path.suffix.lower() in (".yaml", ".yml"):
        train = f"train it with `sentibp train {shlex.quote(str(path))}`"
        name = f"name its run directory, {path.parent}" if is_in_run(path) else NAME_ANOTHER
        raise ConfigError(f"{path}: a config, not a run or model; {train}, or {name}")


def is_in_run(path: Path) -> bool:
    """Return whether a path is that of a file in a run directory."""
    return path.is_file() and (path.parent / "run.json").is_file()


def builtin_file() -> Path:
    """Return the file of the built-in model."""
    return resource_folder("data") / BUILTIN / MODEL


def short_name(model: str) -> str:
    """Return the name of a model file without its path: that of its run directory, or its own."""
    file = Path(model)
    return file.parent.name if file.stem == "model" and file.parent.name else file.stem


def shown_name(model: Path) -> str:
    """Return the name of the model file that is used where none is named."""
    return BUILTIN if model == builtin_file() else "last"


def _last_or_builtin(needs: str | None) -> Path:
    pointer = find_pointer("last")
    if pointer is None:
        return find_run("last", needs)
    try:
        return _last(pointer, needs)
    except _NoRun as error:
        where = f" ({error.gone})" if error.gone else ""
        print_message(f"no trained model here{where}: using the built-in model, -m {BUILTIN}")
        return builtin_file()


def find_pointer(name: str) -> Path | None:
    """Return the pointer file that a name stands for, or None. A missing `last` is one, too, if its folder is there."""
    if name == "last":
        here = not os.path.exists(ROOT / "last") and is_pointer(Path("last"))  # the working directory is runs/
        pointer = Path("last") if here else ROOT / "last"
        return None if os.path.isdir(pointer) else pointer
    for path in (expand_home(name), ROOT / name):
        if is_pointer(path):
            return path if path.name in POINTERS else Path(shown(os.path.realpath(path)))  # a link to it
    missing = Path(name).name == "last" and not os.path.lexists(name) and os.path.isdir(Path(name).parent)
    return Path(name) if missing else None


def model_file(name: str | Path | None = "last") -> Path:
    """Return the model file of a run directory, or the file itself. ConfigError if there is none.

    None is `last`; if there is no run at all, it is the built-in model, and a line on stderr says so.
    """
    path = find_run(name, MODEL, builtin=True)
    if not path.is_dir():
        return path
    if not (path / MODEL).is_file():
        if (path / VECTORS).is_file():
            raise ConfigError(
                f"{path}: a pretraining: it has vectors, and no classifier; train one with `sentibp train "
                f"{shlex.quote(f'{path}/config.yaml')} {set_option('pretrain.vectors_from', str(path))}`, or name a "
                "trained run"
            )
        if what := of_a_sweep(path):
            raise ConfigError(what)
        if (path / "postmortem.json").is_file():
            weights = shlex.quote(str(path / "weights.safetensors"))
            raise ConfigError(f"{path}: a postmortem, not a run; the model before the failed step is {weights}")
        raise ConfigError(f"{path}: has no {MODEL}; {_why_no_model(path)}")
    return path / MODEL


def _why_no_model(path: Path) -> str:
    """Return why a directory has no model, and the repair."""
    if not (path / "run.json").is_file():
        return f"it is not a run directory; {NAME_ANOTHER}, see `sentibp runs list`"
    facts, run = load_run_info(path), shlex.quote(str(path))
    command = f"sentibp {'pretrain' if is_pretraining(facts) else 'train'}"
    outcome, again = facts.get("outcome"), f"`{command} {shlex.quote(str(path / 'config.yaml'))}`"
    if outcome == "diverged":  # the error has the place and the repair
        return f"its training {str(facts.get('error') or outcome).splitlines()[0]}: {again}"
    if outcome == "finished":
        return f"its training had one, which is gone; train it again with {again}"
    if outcome == "running" and is_being_written(path):
        return "its training has none yet; wait until it has"
    return f"its training ended before it had one; resume it with `{command} --resume {run}`"


def of_a_sweep(path: Path) -> str | None:
    """Return what to say of the folder of a sweep, of its trial, or of a fold of a trial; None of all others."""
    absolute = Path(os.path.abspath(path))
    near = [absolute, *absolute.parents[1:3]]
    depth = next((n for n, each in enumerate(near) if (each / "sweep.json").is_file()), None)
    if depth is None:
        return None
    kinds = "a sweep", "a trial of a sweep, which keeps the model of the best only", "a fold of a trial of a sweep"
    config = path / "config.yaml"
    if depth != 1 or not config.is_file():  # a trial on folds has none
        best = near[depth] / "best.yaml"
        config = best if path.is_absolute() else Path(os.path.relpath(best))
    what = "its config" if config.parent == path else "the best config"
    return f"{path}: {kinds[depth]}; train {what} with `sentibp train {shlex.quote(str(config))}`"


def validated_file(name: str | Path | None = "last") -> Path:
    """Return the model that the scores of a training are of: after a refit, the best model before it.

    A model that was copied over the one of a run has no other before it.
    """
    path = model_file(name)
    validated = path.parent / VALIDATED
    return validated if path.name == MODEL and validated.is_file() and not is_replaced(path) else path


def local_model(name: str) -> Path:
    """Return the path that a setting or option names. A model of the hub is downloaded; other names are only shown."""
    return hub_model.download(name) if hub_model.is_hub_name(name) else Path(shown(name))


def with_hub_models_local(names: Sequence[str]) -> list[str]:
    """Return the names, with the local file in place of each model of the hub: the program asks the hub only once."""
    return [str(find_run(name, MODEL, builtin=True)) if hub_model.is_hub_name(name) else name for name in names]


def vectors_file(name: str | Path) -> Path:
    """Return the file of vectors of a pretraining, or the file itself. ConfigError if there is none."""
    path = find_run(name, VECTORS)
    if not path.is_dir():
        return path
    if not (path / VECTORS).is_file():
        raise ConfigError(f"{path}: has no {VECTORS}; give the run directory of a finished `sentibp pretrain`")
    return path / VECTORS


def _last(pointer: Path, needs: str | None) -> Path:
    """Return the run that `last` names; if it is gone or lacks the file, the newest finished run that has it."""
    wanted = (MODEL, VECTORS) if needs is None else (needs,)
    is_dangling = os.path.islink(pointer) and not os.path.lexists(os.path.realpath(pointer))
    target = read_pointer(pointer) if os.path.lexists(pointer) and not is_dangling else None
    if target is None:
        fault = "a link to nothing" if is_dangling else "missing"
    elif not os.path.exists(target):
        fault = f"names {target}, which is gone"
    elif needs is None or not target.is_dir() or (target / needs).is_file():
        return target
    else:
        kind = "a pretraining, without a classifier" if (target / VECTORS).is_file() else f"a run without {needs}"
        fault = f"names {target}, {kind}"
    for path, facts in reversed(list_runs(pointer.parent)):
        if facts["outcome"] != "running" and any((path / name).is_file() for name in wanted):
            print_message(f"{pointer}: {fault}; using the newest run with {' or '.join(wanted)}, {path}")
            return path
    if target is not None and os.path.exists(target):
        return target  # the caller says what it lacks
    gone = "" if target is None else f"{pointer} {fault}"
    error = _NoRun(_NO_RUN.format(gone or f"there is no {pointer}", " with -m" if MODEL_OPTION.get() else ""))
    error.gone = gone
    raise error


def _newest_started(pretraining: bool) -> Path:
    """Return the run that runs/started names; if it is missing or gone, the newest that can be resumed."""
    pointer = ROOT / "started"
    fault = "missing"
    if os.path.lexists(pointer):
        target = read_pointer(pointer)
        if os.path.exists(target):
            return target
        fault = f"names {target}, which is gone"
    found = [(path, facts) for path, facts in list_runs() if is_pretraining(facts) == pretraining]
    unfinished = [each for each in found if each[1]["outcome"] not in ("finished", "diverged")]
    if not found:
        gone = "no training was started here" if fault == "missing" else f"{pointer} {fault}"
        raise ConfigError(f"--resume last: {gone}; name its run directory")
    path = (unfinished or found)[-1][0]
    print_message(f"{pointer}: {fault}; using the newest run{' that is not finished' if unfinished else ''}, {path}")
    return path


def started_run() -> Path | None:
    """Return the run that runs/started names, or None if the file is missing, or names a run that is gone.

    Raises ConfigError if the file is damaged.
    """
    if not os.path.lexists(ROOT / "started"):
        return None
    path = read_pointer(ROOT / "started")
    return path if os.path.lexists(path / "run.json") else None


def _follow(pointer: Path) -> Path:
    target = read_pointer(pointer)
    if not os.path.exists(target):
        raise ConfigError(f"{pointer}: names {target}, which is gone; {NAME_ANOTHER}")
    return target
