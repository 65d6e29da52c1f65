"""Settings that are given and change nothing are named, each with a repair that can be typed."""

from __future__ import annotations

import re
import shlex

import pytest

from sentibp.config.find import shipped
from sentibp.config.load import load_config


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text("data: {source: sample}\n")


BATCH_NORM = ["model.hidden=[]", "model.batch_norm=true"]
FROZEN = ["train.freeze=[embedding,hidden.0,output]"]
TOPICS = ["data.labels=[art,law,sport,travel]", "data.ordered=false"]
STILL = ["train.learning_rates={embedding: 0, output: 0}", "train.freeze=[hidden.0]"]
CASES = {
    "ordered": (["data.ordered=false"], "data.ordered has no effect with the labels negative and positive"),
    "batch_norm": (BATCH_NORM, "model.batch_norm has no effect: it is for hidden layers"),
    "padding": (
        ["model.embedding={padding: 3, pooling: sum}"],
        "model.embedding.padding has no effect with pooling sum",
    ),
    "source": (["pretrain.source=more.csv"], "pretrain.source has no effect without vectors"),
    "dim": (["pretrain.dim=20"], "pretrain.dim has no effect without vectors"),
    "patience": (["train.early_stopping=1"], "train.early_stopping cannot end a training of 2 epochs early with a pat"),
    "members": (
        ["train.early_stopping=3", "train.epochs=9", "train.members=2"],
        "train.early_stopping has no effect with train.members",
    ),
    "shifters": (["train.early_stopping=1", "text.shifters=true"], "train.early_stopping has no effect with text.shi"),
    "step": (["train.schedule={name: step, every: 5}"], "train.schedule: step lowers the learning rate every 5 epochs"),
    "freeze": (FROZEN, "train.freeze and train.learning_rates keep all layers as they start"),
    "hidden": ([*TOPICS, "model.hidden=[20,7]"], "model.hidden: too small for a network with 4 outputs to start as"),
    "columns": ([*TOPICS, "model.embedding.dim=3"], "model.embedding.dim: too small for a network with 4 outputs"),
    "narrow": (
        [*TOPICS, "model.embedding.dim=2", "model.hidden=[2]"],
        "model.embedding.dim and model.hidden: too small for a network with 4 outputs",
    ),
    "rates": (STILL, "train.freeze and train.learning_rates keep all layers as they start"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_setting_without_effect_is_named_with_a_repair_that_works(case):
    given, beginning = CASES[case]
    notes = load_config("c.yaml", given).notes
    assert [note[: len(beginning)] for note in notes] == [beginning]
    options = re.findall(r"--set ('[^']*'|[\w.=\[\],]+)", notes[0])
    assert options
    for option in options if case not in ("rates", "narrow") else [" --set ".join(options)]:
        typed = [*given, *shlex.split(option.rstrip(",").replace("--set", ""))]
        assert load_config("c.yaml", typed).notes == (), typed


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["data.labels=[billing,bug]", "data.ordered=false"],
        ["data.ordered=true"],
        [*TOPICS, "model.hidden=[8]", "model.embedding.dim=4"],
        [*TOPICS, "model.hidden=[4]", "model.activation=tanh"],  # it starts at random, as wide as it may be
        [*TOPICS, "model.hidden=[4]", "model.embedding.init=he"],
        [*TOPICS, "model.hidden=[]"],
        ["data.labels=[a,b,c,d]", "model.hidden=[4]"],  # in order: two outputs
        ["model.hidden=[1]"],
        ["model.hidden=[16,16]", "model.batch_norm=true"],
        ["model.embedding.pooling=sum"],  # the padding of 10 is the default, and nobody asked for it
        ["model.hidden=[]", "model.activation=tanh"],
        ["pretrain.vectors=words", "pretrain.dim=8"],
        ["train.early_stopping=2", "train.epochs=4"],
        ["train.schedule={name: step, every: 1}"],
        ["train.freeze=[embedding,hidden.0]"],
        ["train.learning_rates={embedding: 0, hidden.0: 0}"],
        ["data.labels=[a,b,c,d]", *FROZEN],  # the head has a bias
    ],
)
def test_what_has_an_effect_or_was_not_given_is_not_named(given):
    assert load_config("c.yaml", given).notes == ()


def test_a_file_is_read_alike_and_a_run_has_every_setting(tmp_path):
    (tmp_path / "c.yaml").write_text("data: {source: sample}\npretrain: {dim: 20}\n")
    assert len(load_config("c.yaml").notes) == 1
    assert load_config("c.yaml", ["pretrain.dim=300"]).notes == ()
    (tmp_path / "config.yaml").write_text((tmp_path / "c.yaml").read_text())
    (tmp_path / "run.json").write_text("{}")
    assert load_config("config.yaml").notes == ()
    assert len(load_config("config.yaml", ["pretrain.dim=20"]).notes) == 1


def test_no_shipped_config_has_a_setting_without_effect():
    assert {name: load_config(name).notes for name, _ in shipped()} == {name: () for name, _ in shipped()}


def test_the_metric_of_early_stopping_chooses_the_epoch_of_a_short_training():
    assert load_config("c.yaml", ["train.early_stopping.metric=log_loss"]).notes == ()
