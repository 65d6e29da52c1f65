"""`sentibp compress`: a model in a small file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentibp.cli import Data, Force, Json, LabelColumn, Offline, SameModel, SetData, Split, TextColumn, one_model
from sentibp.cli.labelled_reviews import labelled_reviews
from sentibp.cli.output import print_json, print_message, print_text, size, table
from sentibp.cli.output_file import make_folder_of, output_option, require_free, require_no_input, save_output
from sentibp.cli.quantities import parse_size
from sentibp.utils.messages import counted

if TYPE_CHECKING:
    from sentibp.export.compress import CompressionReport

_SCORES = ("accuracy", "log_loss", "calibration_error")


EPILOG = """\b
Examples:
  sentibp compress
  sentibp compress runs/first --max-size 300kB --output small.safetensors
  sentibp compress -m model.safetensors --data mine.csv --output runs/small"""


def compress(
    named: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="A run directory, a model file, `builtin`, or `last`, the newest finished run here. Default: last.",
        ),
    ] = None,
    model: SameModel = None,
    max_size: Annotated[
        str, typer.Option(metavar="SIZE", help="The largest size of the file, such as 1MB or 300kB.")
    ] = "1MB",
    output: Annotated[
        Path,
        output_option(
            "A file that ends in .safetensors, or a folder, in which it is called model.safetensors.", "DIR|FILE"
        ),
    ] = Path("compressed.safetensors"),
    data: Data = None,
    split: Split = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    set_: SetData = None,
    force: Force = False,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Write a model into a small file, and compare the two.

    The file has the features that matter most, as many as fit, and about one byte for each of their numbers. Every
    command reads it as it reads any other model. The table shows size, scores and probes before and after.
    """
    max_bytes = parse_size(max_size)
    name = one_model(named, model)
    from sentibp.export import compress as export
    from sentibp.runs import find, hub_model
    from sentibp.runs.directory import MODEL

    path = find.model_file("last" if name is None else name)
    output = _file(output)
    require_no_input(output, [("the model", path)])
    require_free(output, force, makes_folder=output.name == MODEL)
    with labelled_reviews(data, split, text_column, label_column, set_, name) as reviews:
        content, report = export.compress_file(path, max_bytes, reviews)
    if output.name == MODEL:
        make_folder_of(output)
    save_output(output, content)
    _print(output, report, json, hub_model.as_json(path))


def _file(output: Path) -> Path:
    """Return the file to write. ConfigError if it would be the model of a run."""
    from sentibp.errors import ConfigError
    from sentibp.runs.directory import MODEL

    if output == Path("-"):
        raise ConfigError("--output -: a model is a file; let its name end in .safetensors, or name a folder")
    if output.suffix.lower() == ".safetensors" and not output.is_dir():
        return output
    if (output / "run.json").exists():
        repair = f"write to another folder, or to a file, such as --output {output / 'compressed.safetensors'}"
        raise ConfigError(f"--output {output}: is a run directory, whose model would be replaced; {repair}")
    if output.suffix and not output.is_dir():
        raise ConfigError(f"--output {output}: not a model file; let the name end in .safetensors, or name a folder")
    return output / MODEL


def _print(output: Path, report: CompressionReport, json: bool, origin: Mapping[str, str]) -> None:
    for note in report.notes:
        print_message(note)
    before, after = report.before, report.after
    if json:
        print_json({"output": str(output), **report._asdict(), **origin})
        return
    lines = [["size", *(size(each["bytes"]) for each in (before, after))]]
    lines.append(["features", *(f"{each['features']:,}" for each in (before, after))])
    lines += [[name.replace("_", " "), before[name], after[name]] for name in _SCORES if name in after]
    if "probes" in after:
        lines.append(["probes", *(f"{each['probes']['passed']} of {each['probes']['n']}" for each in (before, after))])
    table(["", "before", "after"], lines)
    if report.paired is not None:
        from sentibp.metrics import verdict

        print_text(f"\n{counted(after['n'], 'review')}: {verdict(report.paired, 'the model before', 'the one after')}")
    print_text(f"\n{output}  {size(after['bytes'])}")
