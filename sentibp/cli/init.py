"""`sentibp init`."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentibp.cli import Json
from sentibp.cli.output import print_json, print_message
from sentibp.cli.output_file import free_name, require_no_input, require_no_record
from sentibp.errors import ConfigError, DataError, SentibpError
from sentibp.utils.messages import counted
from sentibp.utils.paths import STREAM, expand_home, has_data_suffix, names_stream

if TYPE_CHECKING:
    from sentibp.data.draft import Draft

EPILOG = """\b
Examples:
  sentibp init reviews.csv
  sentibp init reviews.csv --out mine.yaml
  sentibp init tickets.csv --text-column Message --label-column Category"""


def init(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file or folder of reviews.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="CONFIG", parser=expand_home, help="The config to write. Default: the name of the file, with .yaml."
        ),
    ] = None,
    text_column: Annotated[
        str | None, typer.Option(metavar="C", help="The column with the texts. Default: the likeliest one.")
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(metavar="C", help="The column with the labels. Default: the likeliest one.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="data.KEY=VALUE",
            help="A setting of data to write into the config, such as data.text_column=comment. May be repeated.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a config that is there already.")] = False,
    json: Json = False,
) -> None:
    """Write a commented config for a file of reviews.

    It names the columns, lists the labels with their counts, and says what they mean where that is known. What only
    you can know is left open, and named.
    """
    from sentibp.cli.short_options import with_short_options
    from sentibp.data.draft import draft_config
    from sentibp.data.sources import no_such_file
    from sentibp.utils.files import missing_folder, open_output

    path = expand_home(file)
    if names_stream(file) or path.is_fifo():
        raise DataError(f"{file}: {STREAM}")
    if not file or not path.exists():
        raise DataError(no_such_file(file))
    if file.encode(errors="replace").decode() != file:
        raise DataError(f"{file}: its name is not UTF-8, and a config is; rename it")
    _require_no_config(path, file)
    config = out or Path(re.sub(r"[^\w.-]+", "_", path.resolve().name.split(".")[0]).strip("_") + ".yaml")
    if path.is_file() or has_data_suffix(config.name):
        require_no_input(config, [("the data", path)], "--out")
    if config.suffix.lower() not in (".yaml", ".yml"):
        raise ConfigError(f"--out {config}: not the name of a config; let it end in .yaml")
    require_no_record(config, "--out")
    if os.path.exists(config) and not force:
        another = f"write another with --out {shlex.quote(str(free_name(config)))}"
        raise ConfigError(f"{config}: already there; {another}, or replace it with --force")
    overrides = with_short_options(set_ or [], {"--text-column": text_column, "--label-column": label_column})
    draft = draft_config(path, file, config.parent, overrides)
    try:
        with open_output(config) as written:
            written.write("".join(f"{line}\n" for line in draft.lines).encode())
    except OSError as error:
        if folder := missing_folder(config):
            raise ConfigError(f"--out {config}: {folder}") from None
        raise ConfigError(f"{config}: {(error.strerror or str(error)).lower()}; name another with --out") from None
    _print_draft(draft, config, json)


def _require_no_config(path: Path, name: str) -> None:
    """Raise ConfigError if the file of reviews is a config, which needs no other."""
    from sentibp.config.load import load_config

    if path.suffix.lower() not in (".yaml", ".yml"):
        return
    try:
        load_config(path)
    except SentibpError:  # reviews in YAML, whose reader says what to do with them
        return
    raise ConfigError(f"{name}: a config already; train it with `sentibp train {shlex.quote(name)}`")


def _print_draft(draft: Draft, config: Path, json: bool) -> None:
    for note in draft.notes:
        print_message(note)
    if json:
        fill_in = [{"line": line, "what": what} for line, what in draft.open_lines]
        print_json({"config": str(config), "rows": draft.rows, "fill_in": fill_in, "advice": list(draft.advice)})
        return
    typer.echo(f"config   {config}, for {counted(draft.rows, 'row')}")
    for line, what in draft.open_lines:
        typer.echo(f"fill in  {config}:{line}: {what}")
    for advice in draft.advice:
        typer.echo(f"advice   {advice}")
    typer.echo(f"next     {'' if not draft.open_lines else 'then '}sentibp train {shlex.quote(str(config))}")
