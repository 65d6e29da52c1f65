"""`sentibp audit`."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentibp.cli import Json, Set
from sentibp.cli.output import one_line, print_json, print_message, save_output

if TYPE_CHECKING:
    from sentibp.inspection.label_audit import AuditTarget, LabelAudit, LabelIssue

_WORDS = 6  # that are named of a suspect, for positive and for negative


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="""\b
Examples:
  sentibp audit imdb
  sentibp audit mine.yaml --limit 100 --output suspects.csv
  sentibp audit --json | jq '.suspects[].row'"""
    )(audit)


def audit(
    name: Annotated[
        str,
        typer.Argument(
            metavar="[RUN|CONFIG]",
            help="Whose training data to look at: a run directory, its name in runs/, `last`, a YAML file, or the "
            "name of a shipped config.",
        ),
    ] = "last",
    set_: Set = None,
    folds: Annotated[
        int, typer.Option(metavar="K", min=2, help="How many parts the reviews are cut into, and networks trained.")
    ] = 5,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many suspects to describe, with their words.")
    ] = 20,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv", help="Write all reviews, the likeliest mistakes first, to be corrected and trained on."
        ),
    ] = None,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing while it works.")] = False,
) -> None:
    """Rank the training reviews whose label is probably wrong.

    Each review is judged by a network that was trained without it, on the other folds. Those whose label is
    contradicted most surely come first, with the words that speak against the label. A suspect is no verdict: it may
    also be ironic, mixed, or rare; and a mistake that is made throughout the data is not seen.
    """
    from sentibp.inspection import label_audit

    subject = label_audit.resolve_target(name, set_ or [])
    watch = (lambda note: None) if quiet else (lambda note: print_message(note.text))
    found = label_audit.audit_labels(subject.resolved, folds, limit, subject.epochs, watch)
    again = None
    if output is not None:
        save_output(output, label_audit.to_csv(found))
        again = _again(subject, set_ or [], output)
    if found.is_guess:
        print_message(
            f"the networks hardly do better than a guess ({found.accuracy:.4f}; the commoner label: "
            f"{found.commoner:.4f}): such a ranking says nothing; audit a config that learns"
        )
    if json:
        print_json(
            {
                "reviews": len(found.corpus),
                "folds": found.folds,
                "agreement": found.accuracy,
                "commoner": found.commoner,
                "confident": int(found.confident.sum()),
                "suspects": [_record(suspect) for suspect in found.suspects],
                "next": again,
            }
        )
        return
    _print(found, again)


def _record(suspect: LabelIssue) -> dict[str, Any]:
    return suspect._asdict() | {"parts": [part._asdict() for part in suspect.parts]}


def _print(found: LabelAudit, again: str | None) -> None:
    expected = f"{found.accuracy:.4f} of the labels are what others expect"
    typer.echo(f"{len(found.corpus):,} reviews in {found.folds} folds; {expected}")
    typer.echo(f"{found.confident.sum():,} are contradicted with confidence; the likeliest mistakes:")
    width = len(str(len(found.suspects)))
    for number, suspect in enumerate(found.suspects, 1):
        score = suspect.positive if suspect.said == "positive" else 1 - suspect.positive
        verdict = f"said {suspect.said}" if suspect.said != suspect.label else "so, too, said the others"
        typer.echo(f"\n{number:>{width}}  row {suspect.row:,}: labelled {suspect.label}, {verdict} {score:.4f}")
        for line in one_line(suspect.text, 78 - width), *_words(suspect, 76 - width):
            typer.echo(" " * (width + 2) + line)
    typer.echo(
        "\nA suspect may also be ironic, mixed or rare: read it before you correct it."
        + ("" if again else "\nnext  --output FILE.csv writes all reviews, these first, to correct")
    )
    if again:
        typer.echo(f"next  correct the column `label`, from the top, or delete rows; then\n      {again}")


def _words(suspect: LabelIssue, width: int) -> Iterator[str]:
    """The words and n-grams that speak most for positive, and for negative: as many as fit on a line of each."""
    total: dict[str, float] = {}
    for part in suspect.parts:
        total[part.text] = total.get(part.text, 0.0) + part.contribution
    for sign in (1, -1):
        largest = sorted((-sign * value, text) for text, value in total.items() if value * sign > 0)
        if largest:
            told = textwrap.shorten(" | ".join(text for _, text in largest[:_WORDS]), width, placeholder=" ...")
            yield f"{'+' if sign > 0 else '-'} {told}"
    if not total:
        yield "(no known word)"


def _again(subject: AuditTarget, overrides: list[str], output: Path) -> str:
    """The command that trains on the corrected file."""
    settings = subject.resolved.config.data
    changes = [f"data.source={output}"]
    if settings.text_column != "text":
        changes.append("data.text_column=text")
    if settings.label_column != "label":
        changes.append("data.label_column=label")
    if settings.labels is not None:
        changes.append("data.labels=null")
    if settings.weight_column not in (None, "weight"):
        changes.append("data.weight_column=weight")
    if isinstance(settings.validation, str):
        changes.append("data.validation=0.1")
    kept = [each for each in overrides if not each.startswith("data.")]
    return " ".join(
        ["sentibp train", shlex.quote(subject.name), *(f"--set {shlex.quote(each)}" for each in kept + changes)]
    )
