"""Options that are short for a setting: --set wins over them in every command, and a line says so."""

from __future__ import annotations

import pytest

from sentibp.cli.short_options import SHORT, tell_overruled, with_short_options


@pytest.fixture
def shop(trained, here):
    rows = "".join(f"{i},a {('bad', 'good')[i % 2]} film,{i % 2}\n" for i in range(12))
    (here / "shop.csv").write_text(f"id,comment,stars\n{rows}")


def test_the_repair_of_predict_works_beside_the_option(sentibp, fails, shop):
    message = fails(3, "predict", "--input", "shop.csv", "--text-column", "note")
    assert "did you mean --set data.text_column=comment?" in message
    repaired = sentibp("predict", "--input", "shop.csv", "--text-column", "note", "--set", "data.text_column=comment")
    assert repaired.jsonl[1]["label"] == "positive"
    assert repaired.err == "--text-column note: replaced by --set data.text_column=comment\n"
    assert sentibp("predict", "--input", "shop.csv", "--text-column", "note", "--text-column", "comment").err == ""


COLUMNS = ("--text-column", "x", "--label-column", "y", "--data", "shop.csv")


@pytest.mark.parametrize("command", [["eval"], ["report"], ["compress"], ["eval", "--against", "last"]], ids=" ".join)
def test_the_repairs_of_scores_work_beside_the_options(sentibp, fails, shop, command):
    message = fails(3, *command, *COLUMNS)
    assert "no 'x'; did you mean --set data.text_column=comment?" in message
    assert "no 'y'; did you mean --set data.label_column=stars?" in message
    repairs = ("--set", "data.text_column=comment", "--set", "data.label_column=stars")
    err = sentibp(*command, *COLUMNS, *repairs).err
    assert "--text-column x: replaced by --set data.text_column=comment\n" in err
    assert "--label-column y: replaced by --set data.label_column=stars\n" in err
    right = ("--text-column", "comment", "--label-column", "stars", "--data", "shop.csv")
    assert "replaced" not in sentibp(*command, *right, *repairs, *["--force"] * ("eval" not in command)).err


def test_the_seed(sentibp, here):
    command = ("train", "quickstart", "--quiet", "--set", "train.epochs=1", "--seed")
    expected = sentibp(*command, 4, "--json").json["digest"]
    both = sentibp(*command, 3, "--set", "train.seed=4", "--json")
    assert both.json["digest"] == expected
    assert "--seed 3: replaced by --set train.seed=4\n" in both.err
    assert "replaced" not in sentibp(*command, 4, "--set", "train.seed=4").err


def test_values_are_quoted_as_yaml_needs_it(capsys):
    given = {"--text-column": "yes", "--label-column": None, "--seed": 3}
    assert with_short_options(["data.split=test"], given) == [
        'data.text_column="yes"',
        "train.seed=3",
        "data.split=test",
    ]
    tell_overruled([" data.text_column = yes "], {"--text-column": "yes"})
    assert capsys.readouterr().err == ""
    tell_overruled(["data.text_column=a", "data.text_column=b"], {"--text-column": ""})
    assert capsys.readouterr().err == "--text-column '': replaced by --set data.text_column=b\n"


def test_every_option_that_is_short_for_a_setting_is_in_the_table():
    """An option of the name of a setting, in a command with --set, is short for it."""
    import typer.main

    from sentibp.cli import application
    from sentibp.config.schema import Config

    known = {f"--{key}".replace("_", "-") for section in ("data", "train") for key in section_keys(Config, section)}
    others = {  # what --set does not do: --split and --validation name other reviews than those of the training
        "eval": {"--split"},
        "report": {"--split"},
        "compress": {"--split"},
        "run": {"--seed"},  # of a sweep: that of the choice of settings
    }
    for group in (typer.main.get_command(application()), None):
        for command in commands_of(group) if group is not None else ():
            options = {option for each in command.params for option in each.opts}
            if "--set" in options:
                missing = (options & known) - set(SHORT) - others.get(command.name, set())
                assert not missing, f"{command.name}: {missing}"


def section_keys(config, section):
    return config.model_fields[section].annotation.model_fields


def commands_of(command):
    if (below := getattr(command, "commands", None)) is None:
        return [command]
    return [each for one in below.values() for each in commands_of(one)]
