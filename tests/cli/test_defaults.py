"""A default that help or an option repeats, as it loads no heavy module, is that of the function."""

from __future__ import annotations

import pytest
import typer.main

from sentibp.cli import application
from sentibp.export.server.limits import Limits
from sentibp.nn.gradcheck import TOLERANCE
from sentibp.training.sweep import TRIALS, Options


def option(command: str, name: str):
    group = typer.main.get_command(application(command))
    found = group.commands[command]  # type: ignore[attr-defined]
    return next(
        each for each in getattr(found, "commands", {"": found}).values() for each in each.params if each.name == name
    )


@pytest.mark.parametrize("name", ["sampler", "seed", "prune", "metric"])
def test_of_a_sweep(name):
    assert option("sweep", name).default == Options._field_defaults[name]


@pytest.mark.parametrize(
    ("command", "name", "default"), [("sweep", "trials", TRIALS), ("gradcheck", "tolerance", TOLERANCE)]
)
def test_what_help_says(command, name, default):
    shown = option(command, name).help.partition("Default: ")[2].split(";")[0].rstrip(".")
    assert float(shown) == default


def test_of_a_server():
    from sentibp.cli.quantities import parse_size

    limits = {"max_texts": "texts", "max_length": "length", "timeout": "seconds", "max_waiting": "waiting"}
    assert {name: option("serve", name).default for name in limits} == {
        name: Limits._field_defaults[field] for name, field in limits.items()
    }
    assert parse_size(option("serve", "max_body").default) == Limits().body
