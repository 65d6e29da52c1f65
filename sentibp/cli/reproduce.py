"""`sentibp reproduce`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentibp.cli import Json, RunName
from sentibp.cli.output import even_if_unread, print_json, print_text
from sentibp.utils.messages import counted

if TYPE_CHECKING:
    from sentibp.training.reproduce import Comparison


EPILOG = "Examples: sentibp reproduce last; sentibp reproduce runs/first --json"


def reproduce(
    run: RunName,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing while training.")] = False,
) -> None:
    """Train a run again and compare each number.

    Exits with 0 if every number is the same. Exits with 1 at the first that differs, and names its epoch, step and
    tensor, and what has changed of versions, processor and threads.
    """
    from sentibp.cli.interrupts import Interrupt
    from sentibp.cli.progress import Progress
    from sentibp.runs import directory, find
    from sentibp.training.reproduce import Reproduction

    with Reproduction(find.find_run_directory(run, directory.MODEL)) as reproduction:
        interrupt = Interrupt()  # from here on there is a folder to remove
        with Progress(quiet) as progress:
            for event in reproduction:
                progress.show(event)
                if interrupt.requested:
                    raise KeyboardInterrupt
        result = reproduction.finish()
    print_comparison(result, json)
    if not result.same:
        raise typer.Exit(1)


@even_if_unread()
def print_comparison(result: Comparison, json: bool) -> None:
    """Print what training a run again has shown."""
    if json:
        print_json(result._asdict() | {"run": str(result.run)})
        return
    compared = f"{counted(result.epochs, 'epoch')}, {counted(result.steps, 'step')}"
    if result.same and result.whole:
        print_text(f"the same: {compared}, and the model, sha256 {(result.digest or '')[:12]}...")
    elif result.same:
        print_text(f"the same as far as it was trained: {compared}")
        if result.stopped is not None:
            print_text(f"            then both {result.stopped}")
    if result.difference is not None:
        where, rest = _difference(result.difference)
        print_text(f"different, after {compared} that are the same")
        print_text(f"first       {where}")
        for line in rest:
            print_text(f"            {line}")
    if not result.same or result.changed:
        lines = [f"{name}: {then} then, {now} now" for name, (then, now) in result.changed.items()]
        for i, line in enumerate(lines or ["nothing that is recorded: versions, code, processor, threads"]):
            print_text(f"{'' if i else 'changed':<11} {line}")


def _difference(difference: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return where the first difference is, and what differs there."""
    tensors, event = difference["tensors"], difference["event"]
    named = ", ".join(tensors[:3]) + (f" and {len(tensors) - 3} more" if len(tensors) > 3 else "")
    if event is None:
        return difference["what"][0], []
    network = f"seed {difference['seed']}, epoch {difference['epoch']}"
    if event == "start":
        return f"{network}, before the first step: {named or 'no tensor'}", difference["what"]
    at = f"step {difference['step']}" if event == "step" else "at its end"
    return f"{network}, {at}: {named or 'no tensor'}", difference["what"]
