"""`sentibp card`: a model card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sentibp.cli import Force, Json, NamedModel, SameModel, one_model
from sentibp.cli.output import print_content, print_json, print_text, size
from sentibp.cli.output_file import format_of, output_option, require_free, require_no_input, save_output

License = Annotated[
    str | None, typer.Option(metavar="L", help="The license of the model, such as mit. Default: unknown.")
]
Language = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CODE",
        help="The language of the texts, such as en. May be repeated. Default: en for the built-in data, else none.",
    ),
]


EPILOG = """\b
Examples:
  sentibp card
  sentibp card runs/first --name ann/reviews --license mit --language en --output README.md
  sentibp card builtin --json"""


def card(
    named: NamedModel = None,
    model: SameModel = None,
    name: Annotated[
        str | None, typer.Option(metavar="USER/NAME", help="What the model is called on the Hugging Face hub.")
    ] = None,
    license: License = None,
    language: Language = None,
    output: Annotated[Path | None, output_option("Where to write the card. Default: standard output.")] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Write a model card.

    It says what the model was trained on, how good it is, what its limits are, and how to use and reproduce it. It is
    Markdown with the header of the Hugging Face hub, and has no text of a review and no path of this machine. Of a run
    it knows more than of a model file alone.
    """
    from sentibp.export.model_card import About, write_card
    from sentibp.runs import find, hub_model

    model = one_model(named, model)
    output = None if output == Path("-") else output
    if output is not None and output.name:
        format_of(output, None, {".md": "md", ".markdown": "md"}, "md", "md")
    path = find.model_file(model)
    if output is not None:
        require_no_input(output, [("the model", path)])
    require_free(output, force)
    written = write_card(path, About(name, license, tuple(language or ())))
    if output is not None:
        save_output(output, written.text.encode())
    if json:
        place = {} if output is None else {"output": str(output)}
        print_json(place | written.facts | hub_model.as_json(path))
    elif output is None:
        print_content(written.text)
    else:
        print_text(f"{output}  {size(len(written.text.encode()))}")
