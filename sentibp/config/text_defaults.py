"""The default settings for long texts, such as whole reviews, and for few or short ones, in English and in general.

Those of the schema are for a network that the config describes.
"""

from __future__ import annotations

from typing import Any

from sentibp.config.class_conflicts import are_binary
from sentibp.config.conflicts import find_conflicts, outputs_of
from sentibp.config.schema import BUILTIN_DIM, Config, with_default

LONG = 60
"""Tokens of a training text on average, from which texts are long."""

MANY = 100_000
"""Training texts, above which short ones say enough about their words; what is known of them would take too long."""

FEW = 2_000
"""Training texts, up to which what is known of English words may help with long ones."""

FEWEST = 500
"""Training texts, below which long ones have the defaults of training from scratch if no words are known."""

OF_LONG_TEXTS: dict[tuple[str, ...], Any] = {
    ("text", "ngrams"): 3,
    ("text", "min_count"): 2,
    ("text", "presence"): True,
    ("text", "affixes"): False,
    ("model", "embedding", "padding"): 100,
    ("model", "embedding", "pooling"): "mean",
    ("model", "embedding", "init"): "naive_bayes",
    ("train", "optimizer", "learning_rate"): 0.35,
    ("train", "learning_rates"): {"hidden.0": 0.4, "output": 0.4},
    ("train", "schedule", "warmup"): 0.1,
    ("train", "batch_size"): 256,
    ("train", "word_dropout"): 0.0,
    ("train", "linear_member"): True,
}
"""The defaults that are others for long texts. There, a word that occurs again is seldom another opinion, triples of
words occur often enough, and the average of a linear classifier and a network that starts from naive Bayes is better
than a network that starts as a linear classifier (docs/log, 2026-11-29)."""

FROM_SCRATCH: dict[tuple[str, ...], Any] = {
    ("text", "presence"): True,
    ("model", "embedding", "init"): "linear",  # the usual one, but given: the texts do not decide again
    ("train", "linear_member"): True,
}
"""The defaults that are others where the texts alone say something about their words: short texts in other languages,
or with labels for which it does not help to know English, and the fewest long ones. The average of a linear classifier
and a network is half a point better there than the network, and more for labels that are no sentiment (docs/log,
2026-11-30)."""

OF_SHORT_TEXTS: dict[tuple[str, ...], Any] = {
    ("text", "shifters"): True,
    ("pretrain", "vectors"): "builtin",
    ("pretrain", "lexicon"): "builtin",
    ("model", "embedding", "dim"): BUILTIN_DIM + 2,
    ("model", "hidden"): [],
    ("train", "epochs"): 1,
}
"""The defaults that are others for short texts in English with the labels negative and positive. Most of their words
occur too seldom to be learned from them, and the vectors and the lexicon that come with sentibp know these words
(docs/log, 2026-11-30)."""

OF_FEW_LONG_TEXTS: dict[tuple[str, ...], Any] = {
    **{path: value for path, value in OF_LONG_TEXTS.items() if path[0] == "text" or path[-1] == "padding"},
    **{path: value for path, value in OF_SHORT_TEXTS.items() if path != ("text", "shifters")},
}
"""The defaults that are others for up to `FEW` long texts in English: the words of long texts, and what is known of
them (docs/log, 2026-11-30)."""

_OF_TWO_CLASSES = {("text", "shifters"), ("pretrain", "lexicon")}  # of these; they say what is negative and positive

_RATES = {"optimizer", "schedule", "learning_rates", "batch_size"}  # of train: the learning rate suits no others


def for_long_texts(config: Config) -> Config:
    """Return the config with the defaults of long texts where it says nothing. They count as given from then on.

    The config is returned as it is if it describes a network or its optimizer: if a setting of `pretrain` or `model` is
    given, or of `train.optimizer`, `schedule`, `learning_rates` or `batch_size`. pretrain.decay describes none, nor do
    pretrain.vectors and lexicon if they are `none`.
    """
    return config if _description(config, without_words=True) is not None else _changed(config, OF_LONG_TEXTS)


def from_scratch(config: Config) -> Config:
    """Return the config with the defaults of training from scratch, as `for_long_texts` does.

    The config is also returned as it is if another setting excludes a linear member.
    """
    return _with_scratch(config)[0]


def for_short_texts(config: Config) -> Config:
    """Return the config with the defaults of short texts in English, as `for_long_texts` does.

    With classes that are not negative and positive, these are the vectors alone. The config is also returned as it is
    if another setting excludes them: shards, or a limit to the features, as each word that is known is one.
    """
    return _informed(config, OF_SHORT_TEXTS)[0]


def for_few_long_texts(config: Config) -> Config:
    """Return the config with the defaults of few long texts in English, as `for_short_texts` does."""
    return _informed(config, OF_FEW_LONG_TEXTS)[0]


def against_short_texts(config: Config) -> str | None:
    """Return a setting that is given and for which `for_short_texts` returns the config as it is."""
    return _informed(config, OF_SHORT_TEXTS)[1]


def against_scratch(config: Config) -> str | None:
    """Return a setting that is given and for which `from_scratch` returns the config as it is."""
    return _with_scratch(config)[1]


def note_on_texts(config: Config) -> list[str]:
    """Return a note if the training texts, which are not known here, decide between several defaults."""
    suited = {
        "short ones in English have those of the config short_texts": for_short_texts(config) is not config,
        "few long ones in English those of few_long_texts": for_few_long_texts(config) is not config,
        "long ones have those of the config long_texts": for_long_texts(config) is not config,
    }
    if not any(suited.values()):
        return []
    others = "these" if from_scratch(config) is config else "those of from_scratch"
    return [f"the training texts decide on the defaults: {', '.join(filter(suited.get, suited))}, and others {others}"]


def _with_scratch(config: Config) -> tuple[Config, str | None]:
    """Return the config with the defaults of training from scratch, and what is against them if it has none."""
    if (described := _description(config, without_words=True)) is not None:
        return config, described
    return _unless_conflict(config, _changed(config, FROM_SCRATCH))


def _informed(config: Config, values: dict[tuple[str, ...], Any]) -> tuple[Config, str | None]:
    """Return the config with defaults that use what is known of words, and what is against them if it has none."""
    if (described := _description(config)) is not None:
        return config, described
    for key, is_set in (
        ("text.max_features", config.text.max_features is not None),
        ("text.min_groups", config.text.min_groups > 1),
        ("train.shards", config.train.shards > 1),
    ):
        if is_set:
            return config, key
    if not are_binary(config.data.labels):
        values = {path: value for path, value in values.items() if path not in _OF_TWO_CLASSES}
        values |= {("model", "embedding", "dim"): BUILTIN_DIM + outputs_of(config)}
    return _unless_conflict(config, _changed(config, values))


def _unless_conflict(config: Config, changed: Config) -> tuple[Config, str | None]:
    """Return a changed config; the one before, and the setting that excludes the change, if there is one."""
    conflict = next(find_conflicts(changed), None)
    return (changed, None) if conflict is None else (config, ".".join(map(str, conflict.path[:2])))


def _description(config: Config, *, without_words: bool = False) -> str | None:
    """Return a setting that describes a network or its optimizer, if one is given.

    If they are `without_words`, pretrain.vectors and lexicon may be `none`.
    """
    pretrain = config.pretrain.model_fields_set - {"decay"}
    if without_words:
        pretrain = {key for key in pretrain if getattr(config.pretrain, key) != "none"}
    sections: tuple[tuple[str, set[str]], ...] = (
        ("pretrain", pretrain),
        ("model", config.model.model_fields_set),
        ("train", config.train.model_fields_set & _RATES),
    )
    return next((f"{name}.{key}" for name, keys in sections for key in sorted(keys)), None)


def _changed(config: Config, values: dict[tuple[str, ...], Any]) -> Config:
    for path, value in values.items():
        config = with_default(config, path, value, given=True)
    return config
