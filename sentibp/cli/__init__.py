"""The command line: each command parses, calls, prints. Heavy imports stand inside the commands."""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sentibp.cli.interrupts import print_interrupted
from sentibp.cli.output import print_message, print_text
from sentibp.cli.repeated_options import UsageMistake, refuse_repeated
from sentibp.errors import ConfigError, SentibpError, shortened
from sentibp.utils.messages import TEXT_ESCAPES, discard


class Commands(TyperGroup):
    """The commands, with one place where their errors become lines and exit codes."""

    def make_context(self, *args: Any, **named: Any) -> Any:
        """Parse the options before the command; print the help or the version."""
        with _errors_as_lines():
            return super().make_context(*args, **named)

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with _errors_as_lines():
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result


class MissingArgument(UsageMistake):
    """An argument is missing that another option would make needless, so that the parser does not ask for it."""

    def __init__(self, what: str):
        """`what` is the argument, and what to give."""
        super().__init__(f"Missing argument {what}")


NO_CONFIG = (
    "'CONFIG': give a YAML file, or a name that `sentibp config list` prints; `sentibp init FILE` writes one for "
    "a file of reviews"
)
"""What `MissingArgument` says if no config is given."""


@contextlib.contextmanager
def _errors_as_lines() -> Iterator[None]:
    """Turn a user's mistake into its lines on stderr and an exit code, without a traceback."""
    try:
        yield
    except SentibpError as error:
        for line in error.lines:
            print_message(line)
        raise typer.Exit(error.exit_code) from None
    except MemoryError:
        print_message("not enough memory; give smaller files or settings, or use a machine with more")
        raise typer.Exit(3) from None
    except KeyboardInterrupt:
        print_interrupted()
        raise typer.Exit(130) from None
    except BrokenPipeError:  # `sentibp ... | head` reads no more
        discard(sys.stdout)
        raise typer.Exit(0) from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            discard(sys.stdout)
            print_message(f"the results cannot be written: {error.strerror}; make room")
        elif error.filename is not None:  # a file or folder of another user, or on a failing disk
            from sentibp.utils.files import unreadable

            print_message(unreadable(error))
        else:
            raise
        raise typer.Exit(3) from None
    except Exception as error:
        _escape(error)
        _explain(error)
        if hasattr(error, "option_name"):
            _suggest_setting(error)
        raise


def _escape(error: Any) -> None:
    """Escape control characters in a usage error, which quotes what was typed, and cut what is very long."""
    if hasattr(error, "format_message") and isinstance(error.message, str):
        error.message = shortened(error.message.translate(TEXT_ESCAPES))


_SEE = {"RUN": "sentibp runs list", "MODEL": "sentibp runs list", "CONFIG": "sentibp config list"}


def _explain(error: Any) -> None:
    """Add to a usage error what a missing argument is, and which commands there are where one is not known."""
    parameter, context = getattr(error, "param", None), getattr(error, "ctx", None)
    if type(error).__name__ == "MissingParameter" and parameter is not None and not error.message:
        see = _SEE.get((parameter.metavar or "").strip("[]"))
        error.message = getattr(parameter, "help", None) or ""
        if see is not None and see not in error.message:
            error.message += f" See `{see}`."
    elif str(getattr(error, "message", "")).startswith("No such command") and context is not None and context.parent:
        error.message += f" There are: {', '.join(context.command.commands)}."


_DATA = ("data", "source", "file", "path", "dataset", "input", "csv")
_TEXT = ("text", "texts")


def _suggest_setting(error: Any) -> None:
    """Add to the error for an unknown option, such as --epochs, what does the same: an option, or a setting."""
    command = error.ctx and error.ctx.command
    parameters = {name: each for each in (command.params if command else []) for name in each.opts}
    name = error.option_name.lstrip("-").replace("-", "_")
    instead = [f"did you mean {option} FILE?" for option in ("--input", "--data") if option in parameters]
    instead += ["give the file without an option"] * ("file" in parameters)
    if name in _DATA and instead:
        error.message, error.possibilities = f"{error.message}; {instead[0]}", []
    elif name in _TEXT and "--input" in parameters:
        error.message, error.possibilities = f"{error.message}; give the text without an option, in quotes", []
    elif "--set" in parameters:
        _suggest_key(error, name, parameters["--set"].metavar.startswith("data."))


def _suggest_key(error: Any, name: str, is_data: bool) -> None:
    """Add to the error the settings of this name, which are of data alone if `is_data`."""
    from sentibp.config.messages import ALIASES
    from sentibp.config.reference import schema_of_config

    other = "data.source" if name in _DATA else {"model": "model.init_from"}.get(name)
    meant = schema_of_config().meant((name,)) if other is None else [tuple(other.split("."))]
    keys = [".".join(key) for key in meant if len(key) > 1 and (key[0] == "data" or not is_data)]
    is_known = other is not None or name in ALIASES or any(key[-1] == name for key in meant)
    if keys and (is_known or not error.possibilities):
        error.message = f"{error.message}; did you mean {' or '.join(f'--set {key}=VALUE' for key in keys)}?"
        error.possibilities = []


_MODELS = (
    "A run directory, its name in runs/, a model file, `builtin`, hf://USER/NAME of the Hugging Face hub, or `last`, "
    "the newest finished run here. Default: last, or builtin if there is no run."
)
Model = Annotated[str | None, typer.Option("-m", "--model", help=_MODELS)]
NamedModel = Annotated[str | None, typer.Argument(metavar="MODEL", help=_MODELS)]
SameModel = Annotated[str | None, typer.Option("-m", "--model", help="The same as MODEL.")]


def one_model(named: str | None, model: str | None, repair: str = "leave one out") -> str | None:
    """Return the model that is given as an argument, or by -m, or not at all. ConfigError if both are given."""
    if named is not None and model is not None:
        raise ConfigError(f"{named} and -m {model}: two models; {repair}")
    return model if named is None else named


def is_given(ctx: typer.Context, name: str) -> bool:
    """Return whether an option or argument was typed, also with the value that it has by default."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


RunModel = Annotated[
    str | None,
    typer.Option("-m", "--model", help="A run directory, its name in runs/, or `last`, the newest finished run here."),
]
RunName = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run directory, its name in runs/, or `last`. See `sentibp runs list`."),
]
_CONFIG = "A YAML file, or the name of a shipped config."
ConfigName = Annotated[str, typer.Argument(metavar="CONFIG", help=_CONFIG)]
OptionalConfigName = Annotated[str | None, typer.Argument(metavar="CONFIG", help=_CONFIG, show_default=False)]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="The run directory. Default: a new one in runs/.")
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", min=0, help="The same as --set train.seed=N.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


def _offline(wanted: bool) -> bool:
    if wanted:
        from sentibp.utils.hub_client import go_offline

        go_offline()
    return wanted


Offline = Annotated[
    bool,
    typer.Option("--offline", callback=_offline, help="Do not use the network: take hub data from the local cache."),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, such as model.hidden=[32,16]. May be repeated."),
]
SetData = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="data.KEY=VALUE",
        help="Change a setting of how reviews are read, such as data.text_column=comment. Default: as in training. May "
        "be repeated.",
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="NAME|PATH",
        help="A built-in name, a hub id, a file or a folder to score on. Default: the model's own validation data.",
    ),
]
Split = Annotated[str | None, typer.Option("--split", metavar="S", help="The split of named data. Default: test.")]
TextColumn = Annotated[str | None, typer.Option("--text-column", metavar="C", help="Default: as in training.")]
LabelColumn = Annotated[str | None, typer.Option("--label-column", metavar="C", help="Default: as in training.")]

Force = Annotated[bool, typer.Option("--force", help="Replace the file of --output if it is there already.")]

Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="Work on several processes or machines: local:N, which is N processes here, or the Dask scheduler at "
        "tcp://HOST:PORT or tls://HOST:PORT.",
    ),
]

Threshold = Annotated[
    str | None,
    typer.Option(
        "--threshold",
        metavar="[CLASS=]P",
        help="Predict the class (of two: positive) if its probability is at least P, else the most probable of the "
        "others. Default: the most probable class.",
    ),
]
Cost = Annotated[
    str | None,
    typer.Option(
        "--cost",
        metavar="COSTS",
        help="Predict the class with the least expected cost. A mistake costs as many classes as it is away "
        "(`distance`), their square (`squared`), or what a matrix in JSON says: a row for each right class, in the "
        "order of the model, a column for each predicted one.",
    ),
]


def _version(wanted: bool) -> None:
    if wanted:
        from sentibp.utils.environment import version

        print_text(f"sentibp {version('sentibp')}")
        raise typer.Exit


def _sentibp(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


def command_group(help: str, **options: Any) -> typer.Typer:
    """Return a command that has further commands, such as `runs`; `options` are those of typer.Typer."""
    return typer.Typer(
        help=help, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, **options
    )


COMMANDS = (
    *("init", "train", "pretrain", "eval", "predict", "explain", "blame", "audit", "trace", "gradcheck"),
    *("report", "play", "serve", "reproduce", "runs", "words", "compress", "sweep", "cluster"),
    *("export", "card", "push", "bench", "config", "cache"),
)
"""In the order of the help. A command has a module of its name, with a function of this name, or `commands`."""


HELP = ("-h", "--help")


@cache
def application(first: str = "") -> typer.Typer:
    """The command line. Where its first word is a command, it has that one alone; for --help, commands lack options.

    Both take half the time to load.
    """
    app = typer.Typer(
        cls=Commands,
        help="Train sentiment classifiers from YAML files, by backpropagation written by hand.",
        epilog="First steps: sentibp train quickstart, then sentibp predict 'I love this movie'",
        no_args_is_help=True,
        rich_markup_mode=None,  # plain help and one-line errors, without the time to load rich
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": list(HELP)},
    )
    app.callback()(_sentibp)
    for name in [first] if first in COMMANDS else COMMANDS:
        module = import_module(f".{name}", __name__)
        if hasattr(module, "commands"):
            app.add_typer(module.commands, name=name)
        else:
            app.command(name, epilog=module.EPILOG)(getattr(module, name))
    refuse_repeated(app)
    if first in HELP:
        _leave_options_out(app)
    return app


def _leave_options_out(app: typer.Typer) -> None:
    """Replace the commands by others with the same help and no options, which the help of the whole does not show."""
    for command in app.registered_commands:
        name, text = command.name or command.callback.__name__, command.callback.__doc__  # type: ignore[union-attr]
        command.callback = lambda: None
        command.callback.__name__, command.callback.__doc__ = name, text
    for group in app.registered_groups:
        _leave_options_out(group.typer_instance)  # type: ignore[arg-type]
