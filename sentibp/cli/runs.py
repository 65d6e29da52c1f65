"""`sentibp runs list | compare | flow | watch`."""

from __future__ import annotations

import os
import shlex
import sys
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sentibp.cli import Json, RunName, command_group
from sentibp.cli.output import (
    duration,
    one_line,
    padded,
    print_json,
    print_message,
    print_text,
    setting_text,
    table,
    terminal_width,
)
from sentibp.cli.prediction_progress import is_live
from sentibp.errors import ConfigError
from sentibp.utils.messages import counted

if TYPE_CHECKING:
    from sentibp.inspection.sweep import SweepState
    from sentibp.runs.gradient_flow import EpochFlow
    from sentibp.runs.listing import RunSummary
    from sentibp.runs.watch import RunProgress


_RUNNING = 4  # trials that are named: a line of a terminal has no room for more

commands = command_group("List, compare and watch runs.")


@commands.command("list", epilog="Examples: sentibp runs list; sentibp runs list --sort accuracy --json")
def list_(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder that holds the run directories.")] = Path(
        "runs"
    ),
    sort: Annotated[
        Literal["start", "accuracy", "log_loss", "seconds"],
        typer.Option(help="By start, the newest run is last. By a score, the best is first; by seconds, the fastest."),
    ] = "start",
    json: Json = False,
) -> None:
    """Print the runs in a folder with their scores.

    Also prints the settings that are not the same in all runs. Resume an interrupted or killed training with
    `sentibp train --resume RUN`, and a pretraining with `sentibp pretrain --resume RUN`.
    """
    from sentibp.runs.listing import are_comparable, summarize_runs

    runs = summarize_runs(folder, sort, lambda error: print_message(str(error)))
    if sort in ("accuracy", "log_loss") and not are_comparable(runs):
        print_message("the scores are of different reviews; `sentibp eval A --against B --data FILE` compares two runs")
    if not runs:
        print_message(f"{folder}: no run in this folder; start one with `sentibp train`, or name the folder of others")
    print_runs(runs, json)


def print_runs(runs: Sequence[RunSummary], json: bool) -> None:
    """Print a line for each run; on a terminal that is too narrow for all columns, two."""
    if json:
        print_json([run._asdict() for run in runs])
        return
    names = short_names({key for run in runs for key in run.settings})
    columns = ["run", "start", "outcome", "n", "accuracy", "95 % interval", "log_loss", "time"]
    lines, notes = [_run_cells(run) for run in runs], [_run_notes(run, names) for run in runs]
    width = max(len("  ".join(cells)) for cells in padded([columns, *lines]))
    if not sys.stdout.isatty() or width + 2 + max(map(len, notes), default=0) <= terminal_width():
        table([*columns, "settings"], [[*line, note] for line, note in zip(lines, notes, strict=True)])
        return
    kept = [0, *range(3, len(columns))]
    header, *rows = padded([[line[i] for i in kept] for line in [columns, *lines]])
    print_text("  ".join(header).rstrip())
    for row, line, note in zip(rows, lines, notes, strict=True):
        print_text("  ".join(row).rstrip())
        about = "; ".join(filter(None, [line[2], line[1], note]))
        print_text(textwrap.fill(about, terminal_width(), initial_indent="    ", subsequent_indent="    "))


def _run_cells(run: RunSummary) -> list[str]:
    interval = "" if run.accuracy_interval is None else "{:.4f}-{:.4f}".format(*run.accuracy_interval)
    return [
        run.run,
        (run.start or "")[:16].replace("T", " "),
        run.outcome or "",
        "" if run.n is None else f"{run.n:,}",
        "" if run.accuracy is None else f"{run.accuracy:.4f}",
        interval,
        "" if run.log_loss is None else f"{run.log_loss:.4f}",
        "" if run.seconds is None else duration(run.seconds),
    ]


def _run_notes(run: RunSummary, names: Mapping[str, str]) -> str:
    """Return what else a reader of the table has to know, and the settings that differ."""
    notes = [f"{names[key]}={_short_value(value)}" for key, value in run.settings.items()]
    if run.scored_on == "training":
        notes.insert(0, "scored on its training data")
    elif run.learned_validation and run.accuracy is not None:
        notes.insert(0, "scored on reviews like its training data")
    return ", ".join(["pretraining", *notes] if run.kind == "pretraining" else notes)


def short_names(keys: Collection[str]) -> dict[str, str]:
    """Return the last word of each dotted key, or as many as tell it from the others."""
    names = {}
    for key in keys:
        words = key.split(".")
        endings = [".".join(words[-count:]) for count in range(1, len(words) + 1)]
        others = [f".{other}" for other in keys if other != key]
        names[key] = next((end for end in endings if not any(other.endswith(f".{end}") for other in others)), key)
    return names


def _short_value(value: Any) -> str:
    """Return a setting as JSON; of a path, the last name; of a long value, the beginning."""
    if isinstance(value, str):
        return one_line(os.path.basename(value.rstrip("/")) or value, 40)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return one_line(f"[{', '.join(map(_short_value, value))}]", 40)
    return one_line(setting_text(value), 40)


@commands.command(epilog="Example: sentibp runs compare runs/first last")
def compare(a: RunName, b: RunName, json: Json = False) -> None:
    """Compare two runs.

    Prints the settings that differ, the scores, and a paired test if both have the same validation reviews.
    """
    from sentibp.runs import compare as runs_compare
    from sentibp.runs import find

    print_comparison(runs_compare.compare_runs(find.find_run_directory(a), find.find_run_directory(b)), json)


@commands.command(epilog="Example: sentibp runs flow last --epoch 1")
def flow(
    run: RunName = "last",
    epoch: Annotated[int | None, typer.Option(metavar="N", min=1, help="Default: the last epoch.")] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Of a run with several networks. Default: the first.")
    ] = None,
    json: Json = False,
) -> None:
    """Print the gradient flow of a run, layer by layer.

    For each layer: the norms of its gradient, its update and its weights, and its dead or saturated units, as the mean
    over a few batches of an epoch. With --json, for every epoch, or for the one given by --epoch.
    """
    from sentibp.runs import directory, find, gradient_flow

    path = find.find_run_directory(run, directory.MODEL)
    directory.require_training(path, directory.load_run_info(path))
    chosen = gradient_flow.select_flows(gradient_flow.load_flows(path), str(path), seed, epoch)
    print_flow(path, chosen, directory.load_run_info(path).get("warnings") or [], json)


@commands.command(epilog="Examples: sentibp runs watch; sentibp runs watch runs/first --json")
def watch(
    run: Annotated[
        str | None,
        typer.Argument(
            help="A run directory or its name in runs/, or the folder of a sweep. Default: the run started last.",
            show_default=False,
        ),
    ] = None,
    interval: Annotated[float, typer.Option(metavar="SECONDS", min=0.05, help="Between two readings.")] = 1.0,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False,
) -> None:
    """Watch a training or a sweep in another process, until it ends.

    Exits as the training does: 0 finished, 4 diverged, 130 interrupted, 1 stopped by --break, failed or killed.
    """
    from sentibp.runs import find
    from sentibp.runs import watch as runs_watch

    path = _newest() if run is None else find.find_run(run)
    if (path / "sweep.json").is_file():
        from sentibp.inspection.sweep import follow_sweep

        outcome = _print_sweep(follow_sweep(path, interval), json)
    else:
        find.require_run_directory(path)
        outcome = print_progress(runs_watch.follow(path, interval), json)
    if code := {"finished": 0, "diverged": 4, "interrupted": 130}.get(outcome, 1):
        raise typer.Exit(code)


def _newest() -> Path:
    """Return the run that was started last; if it has ended and a sweep is running, that sweep."""
    from sentibp.runs import watch as runs_watch
    from sentibp.runs.directory import is_being_written

    try:
        path, error = runs_watch.newest_started(), None
    except ConfigError as none:
        path, error = None, none
    if path is None or not is_being_written(path):
        from sentibp.training.sweep_folder import running_sweep

        path = running_sweep() or path
    if path is None:
        raise error or AssertionError
    return path


def _print_sweep(states: Iterable[SweepState], json: bool) -> str:
    """Print how far a sweep is: a line each time; on a terminal, one that changes. Return its outcome."""
    live, outcome = is_live(sys.stdout), "running"
    for number, state in enumerate(states):
        if json:
            print_json(state._asdict() | {"progress": state.progress})
        else:
            if not number:
                print_text(state.sweep)
            _over(_sweep_state(state), live, stays=state.outcome != "running")
        sys.stdout.flush()
        outcome = state.outcome
    return outcome


def _sweep_state(state: SweepState) -> str:
    fields = [f"{state.ended} of {counted(state.trials, 'trial')}", f"{state.progress:.0%}"]
    if state.best is not None:
        fields.append(f"best trial {state.best} with {state.metric.replace('_', ' ')} {state.value:.4f}")
    if state.outcome != "running":
        return ", ".join([*fields, state.outcome])
    running = [f"{number} ({share:.0%})" for number, share in state.running.items()]
    if (others := len(running) - _RUNNING) > 0:
        running[_RUNNING:] = [counted(others, "other")]
    return ", ".join(fields) + (f"; running: {', '.join(running)}" if running else "")


def print_progress(states: Iterable[RunProgress], json: bool) -> str:
    """Print the progress of a training: a line each time; on a terminal, one that changes. Return its outcome."""
    from sentibp.cli import saved_model

    live, outcome, scored = is_live(sys.stdout), "running", (None, None)
    for number, state in enumerate(states):
        if json:
            saved = None if state.saved is None else state.saved._asdict()
            print_json(state._asdict() | {"saved": saved, "progress": state.progress})
        else:
            if not number:
                print_text(state.run)
            if state.scores is not None and (state.scored_network, state.scored_epoch) != scored:
                alone = f" (before {state.then})" * (scored == (None, None) and bool(state.then))
                _over(_scored_epoch(state) + alone, live, stays=True)
            _over(_state(state), live, stays=state.outcome != "running")
            if state.saved is not None:
                for name, value in saved_model.saved_model_lines(state.saved):
                    print_text(f"{name:<11} {value}")
        sys.stdout.flush()
        outcome, scored = state.outcome, (state.scored_network, state.scored_epoch)
    return outcome


def _scored_epoch(state: RunProgress) -> str:
    """Return the scores of a network after an epoch."""
    assert state.scores is not None and state.scored_network is not None
    network = f"network {state.scored_network:,}, " * (state.networks > 1 or state.scored_network > 1)
    scores = f"accuracy {state.scores['accuracy']:.4f}, log loss {state.scores['log_loss']:.4f}"
    return f"{network}epoch {state.scored_epoch}: validation {scores}"


def _over(line: str, live: bool, stays: bool) -> None:
    """Print a line. On a terminal it replaces the last line that does not stay."""
    print_text(f"\r{line:<79}" if live else line, end="\n" if stays or not live else "", styled=live)


def _state(state: RunProgress) -> str:
    fields = [f"round {state.round}/{state.rounds}"] if state.rounds and not state.step else []
    ended = f"{state.outcome} after {duration(state.seconds)}"
    if state.outcome == "finished":  # how many epochs there were says the model that was saved
        return ", ".join([*fields, *[f"{state.step:,} steps"] * (state.steps > 0), f"{state.progress:.0%}", ended])
    if state.steps:
        fields += ["final training"] * state.is_refit
        fields += [f"network {state.network:,} of {state.networks:,}"] * (state.networks > 1)
        fields += [f"epoch {state.epoch}/{state.epochs}", f"step {state.step:,}/{state.steps:,}"]
    fields.append(f"{state.progress:.0%}")
    if state.loss is not None:
        fields += [f"loss {state.loss:.4f}", f"learning rate {state.learning_rate:.2g}"]
    if state.outcome != "running":
        return ", ".join([*fields, ended])
    return ", ".join([*fields, "" if state.seconds_left is None else f"{duration(state.seconds_left)} left"])


def print_flow(run: Path, epochs: Sequence[EpochFlow], warnings: Sequence[str], json: bool) -> None:
    """Print the gradient flow of the last epoch of the first network; as JSON, of all epochs."""
    if json:
        print_json({"run": str(run), "epochs": [each.plain() for each in epochs], "warnings": warnings})
        return
    shown = [each for each in epochs if each.seed == epochs[0].seed][-1]
    print_text(f"{run}: seed {shown.seed}, epoch {shown.epoch}\n")
    lines = []
    for layer, each in shown.layers.items():
        inactive = f"{each.dead:.0%} dead" if each.dead is not None else ""
        inactive = f"{each.saturated:.0%} saturated" if each.saturated is not None else inactive
        share = each.update / each.weight if each.weight else 0.0
        numbers = (each.gradient, each.update, each.weight, share)
        lines.append([layer, *(f"{number:.1e}" for number in numbers), inactive])
    table(["layer", "gradient", "update", "weights", "update/weights", "units"], lines)
    if (factor := shown.factor) is not None:
        print_text(f"\neach hidden layer multiplies the gradient by {factor:.2g} on the way back")
    for warning in warnings:
        print_text(f"\n{warning}")


def _how_to_pair(a: Path, b: Path) -> Iterable[str]:
    """Return how to score both runs on the same reviews, or why they cannot be."""
    from sentibp.model.file import load_spec
    from sentibp.runs.directory import MODEL
    from sentibp.runs.find import of_a_sweep

    for run in a, b:
        if not (run / MODEL).is_file():
            return (of_a_sweep(run) or f"{run} has no model",)
    labels = [load_spec(run / MODEL).labels for run in (a, b)]
    if labels[0] != labels[1]:
        return (
            f"Their classes are not the same, either: {', '.join(labels[0])}; and {', '.join(labels[1])}.",
            "So no score tells which run is better.",
        )
    command = f"  sentibp eval {shlex.quote(str(a))} --against {shlex.quote(str(b))} --data FILE"
    return "To score both on the same reviews:", command


def print_comparison(result: dict[str, Any], json: bool) -> None:
    """Print two runs side by side."""
    if json:
        print_json(result)
        return
    if os.path.realpath(result["a"]) == os.path.realpath(result["b"]):
        print_text(f"{result['a']}: both names mean this run, so all settings and scores are equal")
        return
    if result["settings"]:
        table(
            ["setting", result["a"], result["b"]],
            [(key, *map(setting_text, pair)) for key, pair in result["settings"].items()],
        )
    else:
        print_text("the settings of the two runs are equal")
    print_text("")
    table(["score", result["a"], result["b"]], [(name, *pair) for name, pair in result["scores"].items()])
    print_text("")
    if result["otherwise"]:
        names = " and ".join(name.replace("_", " ") for name in result["otherwise"])
        why = "one run has them of the probability of positive, and the other of the probabilities of all classes"
        print_text(f"{names} are left out: {why}, which gives other numbers")
    for run, scored_on in zip((result["a"], result["b"]), result["scored_on"], strict=True):
        if scored_on == "training":
            print_text(f"{run}: scored on its training data, for lack of validation data: not comparable")
    for run, is_learned in zip((result["a"], result["b"]), result["learned_validation"], strict=True):
        if is_learned:
            many = "its training data have many of the validation reviews, or nearly"
            print_text(f"{run}: {many}: expect lower scores on new ones")
    paired = result["paired"]
    if paired is None:
        print_text(f"no paired test, as {result['unpaired']}.")
        for line in _how_to_pair(Path(result["a"]), Path(result["b"])):
            print_text(line)
        return
    from sentibp.metrics import verdict

    print_text(verdict(paired))
