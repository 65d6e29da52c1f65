"""`sentibp audit`: training reviews whose label is probably wrong."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentibp.cli import Force, Json, Set
from sentibp.cli.output import one_line, print_json, print_message, print_text
from sentibp.cli.output_file import format_of, output_option, require_free, require_no_input, save_output, tell_written
from sentibp.utils.messages import counted

if TYPE_CHECKING:
    from sentibp.inspection.label_audit import AuditTarget, LabelAudit, LabelIssue

_READING = ("columns", "encoding", "sheet", "separator", "quoting")  # settings that do not fit the output

_WORDS = 6  # words that are printed for an issue, in each direction


EPILOG = """\b
Examples:
  sentibp audit imdb
  sentibp audit mine.yaml --limit 100 --output suspects.csv
  sentibp audit --json | jq '.suspects[].place'"""


def audit(
    name: Annotated[
        str,
        typer.Argument(
            metavar="[RUN|CONFIG]",
            help="The run or config whose training data are audited: a run directory, its name in runs/, `last`, a "
            "YAML file, or the name of a shipped config.",
        ),
    ] = "last",
    set_: Set = None,
    folds: Annotated[
        int,
        typer.Option(metavar="K", min=2, help="The number of folds. One network is trained for each."),
    ] = 5,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many reviews to print, with their words.")] = 20,
    output: Annotated[
        Path | None,
        output_option("Write all reviews, the most probable errors first, to correct and train on them.", "FILE.csv"),
    ] = None,
    force: Force = False,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no progress.")] = False,
) -> None:
    """Rank the training reviews whose label is probably wrong.

    Each review is predicted by a network that was trained on the other folds. The reviews whose label contradicts the
    prediction most come first, with the words that contributed most. Read them before you correct them: a review may
    also be ironic, mixed, or unusual. An error that is made throughout the data is not found.
    """
    from sentibp.inspection import label_audit

    target = label_audit.resolve_target(name, set_ or [])
    if output is not None:
        format_of(output, None, {".csv": "csv"}, None, "csv")
        require_no_input(output, [("the data", path) for path in label_audit.sources(target)])
    require_free(output, force)
    watch = (lambda note: None) if quiet else (lambda note: print_message(note.text))
    result = label_audit.audit_labels(target.resolved, folds, limit, target.epochs, watch)
    command = None
    if output is not None:
        save_output(output, label_audit.to_csv(result))
        tell_written(output, counted(len(result.corpus), "row"))
        command = _train_command(target, set_ or [], output)
    commoner = "more frequent label" if result.positive.ndim == 1 else "most frequent label"
    if result.is_chance:
        print_message(
            f"the networks are hardly better than chance (accuracy {result.accuracy:.4f}; the {commoner}: "
            f"{result.majority:.4f}), so this ranking means nothing; audit a config that learns"
        )
    if json:
        print_json(
            {
                "reviews": result.reviews,
                "folds": result.folds,
                "agreement": result.accuracy,
                "commoner": result.majority,
                "confident": int(result.confident.sum()),
                "suspects": [_to_dict(issue, result.positive.ndim == 2) for issue in result.issues],
                "next": command,
            }
        )
        return
    _print(result, command)


def _to_dict(issue: LabelIssue, several: bool) -> dict[str, Any]:
    from sentibp.inspection.label_audit import file_and_row

    file, row = file_and_row(issue.place)
    return {
        "place": issue.place,
        "file": file,
        "row": row,
        "label": issue.label,
        "predicted" if several else "said": issue.predicted,
        "score" if several else "positive": issue.positive,
        "margin" if several else "logit": issue.logit,
        "bias": issue.bias,
        "parts": [each._asdict() for each in issue.contributions],
        "text": issue.text,
    }


def _print(result: LabelAudit, command: str | None) -> None:
    from sentibp.model.head import answer

    print_text(
        f"{counted(result.reviews, 'review')} in {result.folds} folds; accuracy {result.accuracy:.4f} out of fold"
    )

    number, several = int(result.confident.sum()), result.positive.ndim == 2
    contradicted = f"{counted(number, 'label', 'is', 'are')} confidently contradicted"
    print_text(f"{contradicted}; the most probable errors:")
    width = len(str(len(result.issues)))
    for number, issue in enumerate(result.issues, 1):
        score = issue.positive if several else answer(issue.positive).score
        print_text(
            f"\n{number:>{width}}  {issue.place}: labelled {issue.label}, predicted {issue.predicted} {score:.4f}"
        )
        for line in one_line(issue.text, 78 - width), *_words(issue, 76 - width, several):
            print_text(" " * (width + 2) + line)
    print_text(
        "\nA review may also be ironic, mixed or unusual: read it before you correct it."
        + ("" if command else "\nnext  --output FILE.csv writes all reviews in this order, to correct them")
    )
    if command:
        print_text(f"next  correct the column `label`, from the top, or delete rows; then\n      {command}")


def _words(issue: LabelIssue, width: int, several: bool) -> Iterator[str]:
    """Yield the words and n-grams that contributed most to positive, and to negative, each on one line.

    With more than two labels: most to the predicted label, and to the given one.
    """
    total: dict[str, float] = {}
    for each in issue.contributions:
        total[each.text] = total.get(each.text, 0.0) + each.contribution
    for sign in (1, -1):
        largest = sorted((-sign * value, text) for text, value in total.items() if value * sign > 0)
        if largest:
            words = textwrap.shorten(" | ".join(text for _, text in largest[:_WORDS]), width, placeholder=" ...")
            side = "+" if sign > 0 else "-"
            if several and issue.predicted != issue.label:
                side = f"for {issue.predicted if sign > 0 else issue.label}:"
            yield f"{side} {words}"
    if not total:
        yield "(no known word)"


def _train_command(target: AuditTarget, overrides: list[str], output: Path) -> str:
    """Return the command that trains on the corrected file."""
    from sentibp.utils.label_key import class_names, is_binary, label_value
    from sentibp.utils.repair import as_yaml

    settings = target.resolved.config.data
    changes = [f"data.source={output}"]
    if settings.text_column != "text":
        changes.append("data.text_column=text")
    if settings.label_column != "label":
        changes.append("data.label_column=label")
    if settings.labels is not None:
        names = class_names(settings.labels)  # the file has these as labels
        changes.append(
            "data.labels=null" if is_binary(names) else f"data.labels={as_yaml([label_value(n) for n in names])}"
        )
    if settings.weight_column not in (None, "weight"):
        changes.append("data.weight_column=weight")
    if settings.group_column not in (None, "group"):
        changes.append("data.group_column=group")
    changes += [f"data.{key}=null" for key in _READING if getattr(settings, key) is not None]
    if isinstance(settings.validation, str):
        changes.append("data.validation=0.1")
    unchanged = [each for each in overrides if not each.startswith("data.")]
    return " ".join(
        ["sentibp train", shlex.quote(target.name), *(f"--set {shlex.quote(each)}" for each in unchanged + changes)]
    )
