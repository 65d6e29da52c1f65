"""`sentibp report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sentibp.cli import Data, Force, Json, LabelColumn, Offline, SetData, Split, TextColumn
from sentibp.cli.labelled_reviews import labelled_reviews
from sentibp.cli.output import print_json, print_message, print_text, size
from sentibp.cli.output_file import format_of, output_option, require_free, require_no_input, save_output, tell_replaced

EPILOG = """\b
Examples:
  sentibp report
  sentibp report runs/first last --output both.html
  sentibp report --data mine.csv --label-column stars"""


def report(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="Run directories, model files, or `last`, the newest finished run here. "
            "The page shows several side by side. Default: last.",
        ),
    ] = None,
    output: Annotated[Path, output_option("Where to write the page.")] = Path("report.html"),
    data: Data = None,
    split: Split = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    set_: SetData = None,
    force: Force = False,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Write a page about trained models.

    It says how good the model is, and shows loss and accuracy during training, gradients, the confusion matrix, ROC,
    calibration, accuracy by length, the strongest words, a map of the embedding, mistakes, all reviews and settings;
    and a drawing of the network, which steps through the training on one review. The page is one file and needs no
    internet connection.
    """
    from sentibp.inspection.pages.report import report_page
    from sentibp.inspection.pages.report_data import gather
    from sentibp.runs import find

    format_of(output, None, {".html": "html", ".htm": "html"}, None, "html")
    runs = find.with_hub_models_local(runs or ["last"])
    inputs = [("the model", find.find_run(name, builtin=True)) for name in runs]
    require_no_input(output, [(what, path) for what, path in inputs if path.is_file()] + [("the data", data or "")])
    is_replaced = require_free(output, force, replaces_own=True)
    model = runs[0] if len(runs) == 1 else None
    with labelled_reviews(data, split, text_column, label_column, set_, model) as reviews:
        subjects = gather(runs, reviews)
    content = report_page(subjects)
    save_output(output, content)
    tell_replaced(output, is_replaced)
    left_out = [(subject.name, line) for subject in subjects for line in subject.left_out]
    if json:
        print_json(
            {
                "output": str(output),
                "bytes": len(content),
                "runs": [str(subject.path) for subject in subjects],
                "notes": [f"{subject.name}: {note}" for subject in subjects for note in subject.notes],
                "left_out": [f"{name}: {line}" for name, line in left_out],
            }
        )
        return
    for name, line in [(subject.name, note) for subject in subjects for note in subject.notes]:
        print_message(f"{name}: {line}")
    for name, line in left_out:
        print_message(f"{name}: left out: {line}")
    print_text(f"{output}  {size(len(content))}: a report on {', '.join(s.name for s in subjects)}")
