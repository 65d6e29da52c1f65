"""An option that takes one value is refused with two: the first would be dropped in silence. So is an empty value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from sentibp.cli import application
from sentibp.errors import ConfigError
from sentibp.runs import find


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each command below a command, with its name."""
    if not hasattr(command, "commands"):
        yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*path, name))


ALL = dict(commands(typer.main.get_command(application())))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_each_option_of_each_command(sentibp, path):
    options = [each for each in ALL[path].params if each.param_type_name == "option"]
    for option in options:
        for name in option.opts:
            if option.is_flag or option.multiple or name == "--help":
                continue
            result = sentibp(*path, name, "1", *([f"{name}=2"] if name.startswith("--") else [name, "2"]), code=2)
            assert (
                f"{max(option.opts, key=len)} is given twice: 1 and 2; it takes one value: leave one out" in result.err
            )


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_an_empty_value_is_refused(sentibp, path):
    """It is that of a shell's variable that is not set: `eval --split ""` scored the reviews of the test split."""
    for option in ALL[path].params:
        if option.param_type_name != "option" or option.is_flag:
            continue
        for given in [option.opts[-1], ""], [option.opts[0], " \t"], [f"{max(option.opts, key=len)}="]:
            error = sentibp(*path, *given, code=2).err
            assert f"Error: {max(option.opts, key=len)}: an empty value; give one, or leave it out" in error


def test_the_two_names_of_an_option_are_one_option(fails):
    message = fails(2, "predict", "good film", "-m", "a b", "--model", "builtin")
    assert (
        "--model is given twice: 'a b' and builtin; it takes one value: leave one out, or give the command" in message
    )
    assert "--keep and --no-keep are both given; leave one out" in fails(2, "predict", "x", "--no-keep", "--keep")


def test_the_same_value_again_changes_nothing(sentibp):
    once = sentibp("predict", "good film", "-m", "builtin", "--format", "csv")
    assert sentibp("predict", "good film", "-m", "builtin", "-m", "builtin", "--format", "csv", "--format=csv") == once
    twice = sentibp("config", "show", "quickstart", "--set", "train.epochs=1", "--set", "train.epochs=2")
    assert next(line.split() for line in twice.out.splitlines() if "epochs" in line) == ["train.epochs", "2", "--set"]


def test_a_message_names_the_option_of_its_own_command_only(fails, here):
    assert fails(2, "report", "last").endswith("or the built-in model: builtin")
    with pytest.raises(ConfigError, match=r"or the built-in model: -m builtin$"):
        find.model_file("last")


@pytest.mark.parametrize(
    ("command", "name"), [("sweep quickstart", "SPACE"), ("sweep show", "DIR"), ("runs list", "DIR")], ids=str
)
def test_an_empty_path_is_refused(fails, command, name):
    """It was the working directory."""
    assert fails(2, *command.split(), "").endswith(f"{name}: an empty value; give one, or leave it out")
