"""`sentibp serve`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentibp.cli import Cost, Json, Model, Threshold
from sentibp.cli.interrupts import print_interrupted
from sentibp.cli.output import print_json, print_message, print_text
from sentibp.cli.quantities import parse_size
from sentibp.errors import ConfigError, DataError
from sentibp.export.server.limits import Limits
from sentibp.utils.limits import MB
from sentibp.utils.paths import expand_home
from sentibp.utils.repair import python

if TYPE_CHECKING:
    from sentibp.export.server.run import Listener

TOKEN = "SENTIBP_TOKEN"
_LIMITS = Limits()  # by default
_SHORTEST, _LONGEST = 16, 4096  # characters of a token


EPILOG = """\b
Examples:
  sentibp serve -m runs/first
  sentibp serve -m runs/first --threshold 0.7
  sentibp serve -m builtin --port 0 --json
  sentibp serve --host 0.0.0.0 --token-file token.txt"""


def serve(
    model: Model = None,
    threshold: Threshold = None,
    cost: Cost = None,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="The address to listen on. An address that other machines can reach needs a token.",
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="The port; 0: any free one.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=expand_home,
            help=f"A file with the token that requests must have. Default: the environment variable {TOKEN}.",
        ),
    ] = None,
    max_body: Annotated[
        str, typer.Option(metavar="SIZE", help="The largest body of a request, such as 4MB or 300kB.")
    ] = f"{_LIMITS.body // MB}MB",
    max_texts: Annotated[
        int, typer.Option(metavar="N", min=1, help="The largest number of texts in a request.")
    ] = _LIMITS.texts,
    max_length: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="The largest number of characters of a text; with explanations, of all texts of a request together.",
        ),
    ] = _LIMITS.length,
    timeout: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0.001,
            max=86_400,
            help="The longest time for a request to arrive, and then for its answer.",
        ),
    ] = _LIMITS.seconds,
    max_waiting: Annotated[
        int, typer.Option(metavar="N", min=0, help="How many requests may wait while others are answered.")
    ] = _LIMITS.waiting,
    json: Json = False,
) -> None:
    """Answer requests over HTTP, as `predict` does.

    POST /predict takes a text or a list of texts as JSON. With ?explain=true, the answer has the contribution of each
    word. GET /health, /model and /openapi.json describe the server. Only this machine can reach it, unless --host says
    otherwise. No text is logged.

    SIGHUP loads the model again; the old one answers until then. SIGTERM (exit code 0) and Ctrl-C (130) end the server
    after the requests that have begun. It needs the extra `serve`: pip install 'sentibp[serve]'.
    """
    largest = parse_size(max_body, "--max-body")
    token = _token(token_file)
    try:
        from sentibp.export.server.access import Access
        from sentibp.export.server.run import Server, bind
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == "sentibp":
            raise
        raise ConfigError(f"a server needs {missing}: pip install 'sentibp[serve]'") from None
    from sentibp.export.server.model import ServedModel, load_served_model
    from sentibp.runs import find

    is_trained = False

    def load_model() -> ServedModel:
        nonlocal is_trained  # then a reload does not take the built-in model if all runs are gone
        path = find.model_file("last" if is_trained else model)
        loaded = load_served_model(path, threshold, cost)
        is_trained = model is None and path != find.builtin_file()
        return loaded

    limits = Limits(largest, max_texts, max_length, timeout, max_waiting)
    listener = bind(host, port)
    with listener.socket:
        _require_token(host, listener, token)
        server = Server(listener, limits, Access(token, listener.hosts), load_model)
        path = server.service.model.classifier.file
        code = server.serve_until_stopped(lambda: _print_start(listener, path, token, json))
    if code == 0:
        print_message("ended: all requests are answered")
    else:
        print_interrupted("all requests are answered")
    raise typer.Exit(code)


def _require_token(host: str, listener: Listener, token: str | None) -> None:
    """Raise ConfigError if other machines can reach the server, and any of them may ask."""
    if token is None and not listener.is_loopback:
        raise ConfigError(
            f"--host {host}: other machines can reach this address, so requests need a token; write one with "
            f"{_new_token()} and add --token-file token.txt, or set {TOKEN}"
        )


def _new_token() -> str:
    return f"{python('-c', 'import secrets; print(secrets.token_hex())')} > token.txt"


def _print_start(listener: Listener, path: Path | None, token: str | None, json: bool) -> None:
    if json:
        print_json({"url": listener.url, "model": str(path)})
    else:
        print_text(listener.url)
    who = "requests need the token" if token else "only this machine can reach it"
    print_message(f"{path}: answers POST {listener.url}/predict; {who}; stop with Ctrl-C")


def _token(path: Path | None) -> str | None:
    """Return the token of a file, or of the environment. ConfigError if it is empty, too short, or not a token."""
    if path is None:
        given = os.environ.get(TOKEN)
        return None if given is None else _checked(given, TOKEN)
    from sentibp.utils.files import open_regular, unreadable
    from sentibp.utils.near_names import near_or

    try:
        with open_regular(path) as file:
            content = file.read(_LONGEST + 1)
    except OSError as error:
        raise DataError(unreadable(error, str(path), near_or(path, "give a file with a token"))) from None
    return _checked(content.decode("latin-1"), f"--token-file {path}")


def _checked(given: str, place: str) -> str:
    token = given.strip()
    if not _SHORTEST <= len(token) <= _LONGEST:
        fact = f"a token of {len(token)} characters; it needs at least {_SHORTEST}" if token else "there is no token"
        fact = f"a token of more than {_LONGEST:,} characters" if len(token) > _LONGEST else fact
        raise ConfigError(f"{place}: {fact}; write one with {_new_token()} and give --token-file token.txt")
    if re.fullmatch(r"[!-~]+", token) is None:
        fact = "not a token, which has letters, digits and signs of ASCII, and no blanks"
        raise ConfigError(f"{place}: {fact}; write one with {_new_token()} and give --token-file token.txt")
    return token
