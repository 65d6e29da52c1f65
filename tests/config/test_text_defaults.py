"""The default settings for long texts, and when they are used."""

import pytest

from sentibp.config.dump import dump
from sentibp.config.load import load_config
from sentibp.config.text_defaults import OF_LONG_TEXTS, for_long_texts


def config(*settings):
    return load_config("default", ["data.source=reviews.csv", *settings]).config


def test_they_are_the_settings_of_the_shipped_config():
    ours, shipped = for_long_texts(config()), load_config("long_texts").config
    assert (ours.text, ours.pretrain, ours.model) == (shipped.text, shipped.pretrain, shipped.model)
    assert ours.train == shipped.train
    assert dump(ours) != dump(config())


def setting_at(section, path):
    for key in path:
        section = getattr(section, key)
    return section


@pytest.mark.parametrize(("path", "value"), OF_LONG_TEXTS.items(), ids=map(".".join, OF_LONG_TEXTS))
def test_each_is_set_and_given_from_then_on(path, value):
    changed = for_long_texts(config())
    assert setting_at(changed, path) == value
    assert all(path[i] in setting_at(changed, path[:i]).model_fields_set for i in range(len(path)))


def test_they_are_set_once():
    changed = for_long_texts(config())
    assert for_long_texts(changed) is changed


@pytest.mark.parametrize(
    "setting",
    [
        "pretrain.lexicon=vader",
        "model.hidden=[16]",
        "model.embedding.init=linear",
        "train.optimizer=adam",
        "train.optimizer.learning_rate=0.1",
        "train.schedule=constant",
        "train.batch_size=64",
        "train.learning_rates={output: 0.5}",
    ],
)
def test_a_network_that_is_described_stays_as_it_is(setting):
    given = config(setting)
    assert for_long_texts(given) is given


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("text.ngrams=2", 2),
        ("text.affixes=true", True),
        ("train.epochs=5", 5),
        ("train.word_dropout=0.1", 0.1),
        ("train.linear_member=false", False),
        ("train.seed=7", 7),
    ],
)
def test_a_given_setting_of_the_text_or_the_training_wins(setting, value):
    changed = for_long_texts(config(setting))
    assert changed.model.embedding.init == "naive_bayes"
    assert setting_at(changed, setting.partition("=")[0].split(".")) == value


def test_more_than_two_classes_have_them_too():
    several = config("data.labels=[1,2,3,4,5]")
    assert several.model.embedding.pooling == "sqrt"
    changed = for_long_texts(several)
    assert (changed.model.embedding.pooling, changed.train.optimizer.learning_rate) == ("mean", 0.35)
