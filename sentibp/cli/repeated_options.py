"""Options that take one value are given once, and none is given an empty one.

The parser would take the last value, and drop the others in silence. An empty value is that of a variable which is not
set in a shell: `--split "$SPLIT"` would score another split than the one that was meant.
"""

from __future__ import annotations

import shlex
from typing import Any

import typer
from typer.core import TyperCommand

from sentibp.cli.quantities import require_number, require_one_word
from sentibp.utils.paths import expand_home
from sentibp.utils.repair import MODEL_OPTION


class UsageMistake(typer.BadParameter):
    """A mistake on the command line whose message says all: the parser does not put "Invalid value" before it."""

    def format_message(self) -> str:
        """Return the message."""
        return self.message


class RepeatedOption(UsageMistake):
    """An option that takes one value is given several."""


class Command(TyperCommand):
    """A command that refuses an option without a value, and one with two different values, if the option takes one."""

    def make_parser(self, ctx: Any) -> Any:
        """Return the parser of the options, which looks at a value, and compares it with the one before it."""
        parser: Any = super().make_parser(ctx)
        for option in {id(each): each for each in (*parser._short_opt.values(), *parser._long_opt.values())}.values():
            if option.action in ("store", "append"):
                option.process = _not_empty(option, option.process, ctx)
            if option.action in ("store", "store_const"):
                option.process = _once(option, option.process, ctx)
        for argument in parser._args:
            if _is_path(argument.obj):  # of other arguments each command says what it needs
                argument.process = _not_empty(argument, argument.process, ctx)
        parser.parse_args = _checked(parser.parse_args, self.params)
        return parser

    def invoke(self, ctx: Any) -> Any:
        """Run the command; messages about its model name the option -m only if it has one."""
        before = MODEL_OPTION.set("-m " if any("-m" in each.opts for each in self.params) else "")
        try:
            return super().invoke(ctx)
        finally:
            MODEL_OPTION.reset(before)  # what is called from Python later in this process is no command


def _checked(parse: Any, parameters: list[Any]) -> Any:
    """Return a function that parses, and raises ConfigError for what is no number, size or time where it should be."""
    options = {name: each for each in parameters for name in each.opts if each.param_type_name == "option"}

    def parse_checked(args: list[str]) -> Any:
        require_one_word(args, options)
        found = parse(args)
        for option in options.values():
            if option.type.name.startswith(("int", "float")) and isinstance(found[0].get(option.name), str):
                require_number(_longest(option.opts), found[0][option.name], option)
        return found

    return parse_checked


def _not_empty(option: Any, process: Any, ctx: Any) -> Any:
    """Return a function that processes a value, and raises UsageMistake if it is empty."""

    def process_value(value: Any, state: Any) -> None:
        if isinstance(value, str) and not value.strip():
            name = option.obj.metavar if option.obj.param_type_name == "argument" else _longest(option.obj.opts)
            raise UsageMistake(f"{name.strip('[]')}: an empty value; give one, or leave it out", ctx)
        process(value, state)

    return process_value


def _is_path(parameter: Any) -> bool:
    """Return whether the value of a parameter is a path. An empty one would be that of the working directory."""
    return parameter.type.name in ("path", expand_home.__name__)


def _once(option: Any, process: Any, ctx: Any) -> Any:
    """Return a function that processes a value, and raises RepeatedOption if another one was given before."""

    def process_once(value: Any, state: Any) -> None:
        is_given, earlier = option.dest in state.opts, state.opts.get(option.dest)
        process(value, state)
        later = state.opts[option.dest]
        if not is_given or earlier == later:
            return
        if option.action == "store_const":
            names = f"{_longest(option.obj.opts)} and {_longest(option.obj.secondary_opts)}"
            raise RepeatedOption(f"{names} are both given; leave one out", ctx)
        values = f"{shlex.quote(str(earlier))} and {shlex.quote(str(later))}"
        repair = "it takes one value: leave one out, or give the command once for each"
        raise RepeatedOption(f"{_longest(option.obj.opts)} is given twice: {values}; {repair}", ctx)

    return process_once


def _longest(names: list[str]) -> str:
    return max(names, key=len, default="")


def refuse_repeated(app: typer.Typer) -> None:
    """Let all commands of an application, and of its groups, refuse options that are given twice."""
    for command in app.registered_commands:
        command.cls = Command
    for group in app.registered_groups:
        refuse_repeated(group.typer_instance)  # type: ignore[arg-type]
