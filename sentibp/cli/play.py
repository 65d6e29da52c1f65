"""`sentibp play`."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from sentibp.cli import Json, NamedModel, SameModel
from sentibp.cli.output import print_json, print_message, print_text


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="""\b
Examples:
  sentibp play
  sentibp play runs/first --port 8000 --no-browser"""
    )(play)


def play(
    named: NamedModel = None,
    model: SameModel = None,
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="The port; 0: any free one.")] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser, or only print its address.")
    ] = True,
    json: Json = False,
) -> None:
    """Play with a model in the browser.

    Type a review to see the probability and the contribution of each word. Choose a label and train the model on the
    review: the page shows how the weights and the probability change. Undo one step, or all. The page is available on
    this machine only, until Ctrl-C. The training changes the model in memory; its file never changes.
    """
    from sentibp.errors import ConfigError

    if named is not None and model is not None:
        raise ConfigError(f"{named} and -m {model}: two models; give only one of them")
    from sentibp.inspection.pages import play as pages_play
    from sentibp.model import file
    from sentibp.runs import find

    path = find.model_file(named or model)
    with pages_play.Server(pages_play.Session(str(path), file.load_model(path)), port) as server:
        for number in signal.SIGINT, signal.SIGTERM:
            signal.signal(number, signal.default_int_handler)  # so that the server is closed on SIGTERM, too
        if json:
            print_json({"url": server.url, "model": str(path)})
        else:
            print_text(server.url)
        print_message(f"{path}: training on the page changes the model in memory only; stop with Ctrl-C")
        try:
            if browser:
                import webbrowser

                webbrowser.open(server.url)
            server.serve_forever()
        except KeyboardInterrupt:
            print_message("interrupted: the page is closed; the model file is unchanged")
            raise typer.Exit(130) from None
