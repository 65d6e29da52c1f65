"""`sentibp push`: a model to the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sentibp.cli import Json
from sentibp.cli.card import Language, License
from sentibp.cli.output import print_json, print_text, size
from sentibp.utils.paths import expand_home

EPILOG = """\b
Examples:
  sentibp push last ann/reviews --license mit --language en
  sentibp push runs/first ann/reviews --private --revision v2 --message "More reviews"
  sentibp predict "I love this movie" -m hf://ann/reviews"""


def push(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A run directory, its name in runs/, a model file, or `last`.")
    ],
    repository: Annotated[str, typer.Argument(metavar="USER/NAME", help="The repository; created if it is missing.")],
    revision: Annotated[
        str | None, typer.Option(metavar="BRANCH", help="The branch; created if it is missing. Default: main.")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Create a private repository. A public one of this name is refused.")
    ] = False,
    message: Annotated[str | None, typer.Option(metavar="TEXT", help="The message of the commit.")] = None,
    license: License = None,
    language: Language = None,
    card: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=expand_home,
            help="Your own card, in the place of that of `sentibp card`.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Upload a model and its card to the Hugging Face hub.

    Two files are uploaded, in one commit: model.safetensors and the card, README.md. Log in first: `hf auth login`.
    Everyone can then use the model: -m hf://USER/NAME.
    """
    from sentibp.errors import ConfigError
    from sentibp.export import hub
    from sentibp.export.model_card import About
    from sentibp.runs import find

    if card is not None and (license or language):
        raise ConfigError("--card: your card has its own license and language; leave out --license and --language")
    about = About(repository.removeprefix("hf://"), license, tuple(language or ()))
    done = hub.push(find.model_file(model), about, revision, private=private, message=message, card=card)
    if json:
        print_json(done._asdict())
        return
    for name, count in done.files.items():
        print_text(f"{name:<18} {size(count)}")
    print_text(f"{done.url}  ({'private' if done.private else 'public'})")
    print_text(f'use it:  sentibp predict "I love this movie" -m {done.model}')
