"""The default settings for long texts and for short texts in English, and when they are used."""

import pytest

from sentibp.config.dump import dump
from sentibp.config.load import load_config
from sentibp.config.text_defaults import (
    FROM_SCRATCH,
    OF_LONG_TEXTS,
    OF_SHORT_TEXTS,
    against_short_texts,
    for_few_long_texts,
    for_long_texts,
    for_short_texts,
    from_scratch,
)


def config(*settings):
    return load_config("default", ["data.source=reviews.csv", *settings]).config


CHOICES = {
    "long_texts": for_long_texts,
    "short_texts": for_short_texts,
    "few_long_texts": for_few_long_texts,
    "from_scratch": from_scratch,
}


@pytest.mark.parametrize("name", CHOICES)
def test_they_are_the_settings_of_the_shipped_config(name):
    ours, shipped = CHOICES[name](config()), load_config(name).config
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


@pytest.mark.parametrize("choose", CHOICES.values(), ids=CHOICES)
def test_they_are_set_once(choose):
    changed = choose(config())
    assert choose(changed) is changed


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
@pytest.mark.parametrize("choose", CHOICES.values(), ids=CHOICES)
def test_a_network_that_is_described_stays_as_it_is(setting, choose):
    given = config(setting)
    assert choose(given) is given


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


def test_words_that_are_given_as_unknown_leave_the_defaults_of_long_texts_alone():
    given = config("pretrain.vectors=none", "pretrain.lexicon=none")
    assert for_long_texts(given).train == for_long_texts(config()).train
    assert for_short_texts(given) is for_few_long_texts(given) is given


def test_more_than_two_classes_have_them_too():
    several = config("data.labels=[1,2,3,4,5]")
    assert several.model.embedding.pooling == "sqrt"
    changed = for_long_texts(several)
    assert (changed.model.embedding.pooling, changed.train.optimizer.learning_rate) == ("mean", 0.35)


@pytest.mark.parametrize(("path", "value"), OF_SHORT_TEXTS.items(), ids=map(".".join, OF_SHORT_TEXTS))
def test_each_of_short_texts_is_set(path, value):
    assert setting_at(for_short_texts(config()), path) == value
    assert setting_at(for_short_texts(config("text.ngrams=1", "train.members=2")), path) == value


@pytest.mark.parametrize(("path", "value"), FROM_SCRATCH.items(), ids=map(".".join, FROM_SCRATCH))
@pytest.mark.parametrize("settings", [[], ["pretrain.vectors=none"], ["data.labels=[1,2,3,4,5]"], ["text.ngrams=1"]])
def test_each_of_training_from_scratch_is_set(path, value, settings):
    assert setting_at(from_scratch(config(*settings)), path) == value


def test_shifters_and_a_single_network_that_are_given_stay_when_training_from_scratch():
    changed = from_scratch(config("text.presence=false", "train.linear_member=false", "text.shifters=true"))
    assert (changed.text.presence, changed.train.linear_member, changed.text.shifters) == (False, False, True)


@pytest.mark.parametrize(
    "setting",
    [
        "train.linear_member=true",
        "train.shards=2",
        "train.freeze=[hidden.0]",
        "text.max_features=100",
        "text.min_groups=2 data.group_column=film",
    ],
)
def test_what_does_not_fit_the_settings_of_short_texts(setting):
    """They have a linear classifier of their own, and no hidden layer."""
    given = config(*setting.split())
    assert for_short_texts(given) is given


@pytest.mark.parametrize(
    ("settings", "columns"),
    [(["data.labels=[1,2,3,4,5]"], 102), (["data.labels=[food,price,staff]", "data.ordered=false"], 103)],
)
@pytest.mark.parametrize("choose", [for_short_texts, for_few_long_texts])
def test_other_classes_have_the_vectors_alone(settings, columns, choose):
    """The lexicon and the words with a negation are for negative and positive."""
    changed = choose(config(*settings))
    assert (changed.pretrain.vectors, changed.pretrain.lexicon, changed.text.shifters) == ("builtin", "none", False)
    assert (changed.model.embedding.dim, changed.model.embedding.pooling) == (columns, "sqrt")


def test_few_labels_has_them_and_a_final_training():
    few, short = load_config("few_labels").config, load_config("short_texts").config
    assert (few.text, few.pretrain, few.model) == (short.text, short.pretrain, short.model)
    assert few.train == short.train.model_copy(update={"refit": True})


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("pretrain.lexicon=vader", "pretrain.lexicon"),
        ("model.hidden=[16]", "model.hidden"),
        ("train.batch_size=64", "train.batch_size"),
        ("text.max_features=500", "text.max_features"),
        ("train.linear_member=true", "train.linear_member"),
        ("train.freeze=[hidden.0]", "train.freeze"),
        ("text.lowercase=false", None),
    ],
)
def test_the_setting_is_named_that_is_against_them(setting, key):
    given = config(setting)
    assert against_short_texts(given) == key
    assert (for_short_texts(given) is given) == (key is not None)
