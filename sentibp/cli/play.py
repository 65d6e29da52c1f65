"""`sentibp play`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sentibp.cli import Json, NamedModel, SameModel, one_model
from sentibp.cli.interrupts import print_interrupted, raise_on_signals
from sentibp.cli.output import print_json, print_message, print_text

if TYPE_CHECKING:
    from sentibp.inspection.pages.play_networks import Networks


EPILOG = """\b
Examples:
  sentibp play --article
  sentibp play
  sentibp play runs/first --port 8000 --no-browser"""


def play(
    named: NamedModel = None,
    model: SameModel = None,
    article: Annotated[
        bool,
        typer.Option(
            "--article",
            help="Begin with the article's example, for which no training is needed: the prediction for "
            "'I love this movie' is 0.3, and 0.35 after one step.",
        ),
    ] = False,
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="The port; 0: any free one.")] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser, or only print its address.")
    ] = True,
    json: Json = False,
) -> None:
    """Play with a model in the browser.

    Type a review to see the probability and the contribution of each word. Choose a label and train the model on the
    review: the page plays the step, forward, loss, backward and update, and shows how the probability moves and what
    the step does to held-out reviews. Undo one step, or all; or let it repeat the steps. The article's network and one
    for XOR are there, too. The page is available on this machine only, until Ctrl-C. The training changes the model in
    memory; its file never changes. What you taught can be saved from the page.
    """
    from sentibp.errors import ConfigError

    name = one_model(named, model)
    if article and name is not None:
        raise ConfigError(f"--article and {named or f'-m {model}'}: two models; leave one out")
    from sentibp.inspection.pages.play_server import Server

    name, networks = _networks(name, article)
    with Server(networks, port) as server:
        raise_on_signals()  # so that the server is closed
        if json:
            print_json({"url": server.url, "model": name})
        else:
            print_text(server.url)
        print_message(f"{name}: training on the page changes the model in memory only; stop with Ctrl-C")
        try:
            if browser:
                import webbrowser

                webbrowser.open(server.url)
            server.serve_forever()
        except KeyboardInterrupt:
            files = "no file is changed" if article else "the model file is unchanged"
            print_interrupted(f"the page is closed; {files}")
            raise typer.Exit(130) from None


def _networks(name: str | None, article: bool) -> tuple[str, Networks]:
    """Return the name of the network that the page shows first, and all its networks."""
    from sentibp.inspection.pages.play_networks import describe, networks_with
    from sentibp.model import file
    from sentibp.runs import find

    if article:
        builtin = find.builtin_file()
        about = "The model that is installed with sentibp."
        load = lambda: file.load_model(builtin)  # noqa: E731, it takes a second
        return "article", networks_with(find.BUILTIN, "the built-in model", about, load, article_first=True)
    path = find.model_file(name)
    classifier = file.load_model(path)  # so that a mistake is an error of the command
    about = describe(classifier)
    if find.validated_file(name) != path:
        about += (
            " It has learned all reviews in a final training, those of the validation, too. A report shows the model "
            "before that, which knows fewer words and has scores."
        )
    title = f"the model {find.short_name(str(path))}"
    return str(path), networks_with(str(path), title, about, lambda: classifier, article_first=False)
