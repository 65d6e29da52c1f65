"""The default settings that suit the texts of a training: long ones, or short or few ones in English."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from sentibp.config.conflicts import find_conflicts, outputs_of
from sentibp.config.schema import BUILTIN_DIM, Config, with_default
from sentibp.config.text_defaults import (
    FEW,
    FEWEST,
    LONG,
    MANY,
    against_scratch,
    against_short_texts,
    for_few_long_texts,
    for_long_texts,
    for_short_texts,
    from_scratch,
)
from sentibp.config.without_effect import notes_without_effect
from sentibp.data.corpus import Corpus
from sentibp.data.lexicon import load_lexicon
from sentibp.data.tokenizer import Tokens, tokenize
from sentibp.errors import DataError
from sentibp.model.calibration import USUAL_PRIOR, CalibrationPrior
from sentibp.model.word_vectors import VectorFile, load_builtin
from sentibp.training.cross_validation import EPOCHS, Trial, expected_calibration, try_starts
from sentibp.training.diverged import Diverged
from sentibp.training.inputs import Inputs, initial_file_facts
from sentibp.utils.arrow import index_of, to_numpy
from sentibp.utils.repair import set_option

_SAMPLE = 1500  # training texts from which their length and language are estimated, and what helps with their labels
_DECAYS = 1.0, 0.1  # of which one becomes pretrain.decay; the first is the usual one
_CLEARLY = 0.98  # the ratio of the log losses of both, below which the second one is used
_ENOUGH = 0.01  # by which what is known of words must lower the log loss of a trial, less _CHANCE / n for n texts
_ENOUGH_IN_LONG = 0.035  # the same for long texts, of which fewer are tried, and whose usual defaults gain even more
_CHANCE = 4.0  # what few texts say depends on it, and most labels are of sentiment, where it helps
_SOLVED = 0.1  # log loss without it, below which little is left to gain, and it counts for other texts
_LEAST = 100  # training texts, below which they say too little about what helps
_TELLING = 2000  # validation reviews that tell the calibration alone
_ENGLISH = 0.75  # of the words are in the built-in vectors, at least; 0.92 of English texts, 0.46 of others at most


class Suited(NamedTuple):
    """The default settings that suit the texts of a training."""

    config: Config  # with these
    inputs: Inputs  # that it needs
    notes: Sequence[str] = ()  # on the choice
    excluded: str | None = None  # the shipped config whose defaults would suit, if settings that are given exclude them


def excluded_defaults(config: Config, excluded: str | None) -> str | None:
    """Return the config whose defaults the settings of a trial have `excluded`; None if those of `config` do, too."""
    suited = {
        None: config,
        "short_texts": for_short_texts(config),
        "long_texts": for_long_texts(config),
        "from_scratch": from_scratch(config),
    }
    return None if suited[excluded] is config else excluded


def possible_configs(config: Config) -> Iterator[Config]:
    """Yield each config that the training texts may make of this one: with the defaults of one kind or the usual ones,
    and with similar texts together in the validation or not.
    """
    for whole in (config, with_default(config, ("data", "group_similar"), True, given=True)):
        yield from (whole, for_long_texts(whole), from_scratch(whole))
        for informed in (for_short_texts(whole), for_few_long_texts(whole)):
            yield from (with_default(informed, ("pretrain", "decay"), decay, given=True) for decay in _DECAYS)


def suited_defaults(config: Config, inputs: Inputs) -> Suited:
    """Return the config with the defaults for these texts, the inputs it needs then, and notes on the choice."""
    suited = _suited(config, inputs)
    notes = [*suited.notes]
    if suited.config is not config:  # an average, perhaps, for which early stopping means nothing
        notes += notes_without_effect(suited.config, ["train.early_stopping.patience"])
    if config.pretrain.decay != _DECAYS[0] and not suited.config.pretrain.has_word_columns:
        what = "pretrain.decay has no effect, as what is known of words is not used here"
        notes.append(f"{what}; {_with_vectors(suited.config)}remove it")
    return suited._replace(notes=notes)


def _with_vectors(config: Config) -> str:
    """Return the options with which a config uses what is known of words; "" if its other settings exclude that."""
    settings: dict[str, str | int] = {"pretrain.vectors": "builtin"}
    needed = BUILTIN_DIM + outputs_of(config)
    if config.model.embedding.dim < needed:
        settings["model.embedding.dim"] = needed
    changed = config
    for key, value in settings.items():
        changed = with_default(changed, tuple(key.split(".")), value, given=True)
    options = " ".join(set_option(key, value) for key, value in settings.items())
    return f"use it with {options}, or " if next(find_conflicts(changed), None) is None else ""


def _suited(config: Config, inputs: Inputs) -> Suited:
    start, pretraining = config.model.embedding, config.pretrain.model_fields_set - {"decay"}
    long, short = for_long_texts(config), for_short_texts(config)
    is_pretrained = config.pretrain.is_used and pretraining != {"lexicon"}
    if long is config and (is_pretrained or config.model.init_from is not None or "init" in start.model_fields_set):
        return Suited(config, inputs)
    training = _sample(inputs.reviews.training)
    tokens = tokenize(training.text)
    mean = float(np.diff(tokens.offsets).mean())
    note = f"long texts, {mean:.0f} tokens on average: the default settings are "
    if mean >= LONG and config.pretrain.is_used:
        return Suited(config, inputs)
    if mean >= LONG and long is config:
        note += "the usual ones, as some of model or of the optimizer are given; the config long_texts has better ones"
        return Suited(config, inputs, [note], "long_texts")
    if mean >= LONG:
        return _for_long_texts(config, long, inputs, training, tokens, f"{note}those of the config ")
    is_refused = short is config and pretraining - {"lexicon"}  # such as vectors: none
    if is_refused or len(inputs.reviews.training) > MANY or not _are_english(tokens):
        return _for_other_short_texts(config, inputs, None if is_refused else "from_scratch")
    return _for_short_texts(config, short, inputs, training)


def _for_long_texts(
    config: Config, long: Config, inputs: Inputs, training: Corpus, tokens: Tokens, note: str
) -> Suited:
    """Return what `suited_defaults` does for long texts; those of `long` if they are many. `note` begins the note."""
    few, texts = for_few_long_texts(config), len(inputs.reviews.training)
    plain, name, is_unordered = long, "long_texts", outputs_of(config) > 2
    if (is_unordered or texts < FEWEST) and (scratch := from_scratch(config)) is not config:
        plain, name = scratch, f"from_scratch, for {'classes without an order' if is_unordered else 'few texts'}"
    if few is config or texts > FEW or not _are_english(tokens):
        return Suited(plain, inputs, [note + name])
    chosen, inputs, told = _with_known_words(plain, few, inputs, training, _ENOUGH_IN_LONG)
    if chosen is plain:
        return Suited(plain, inputs, [f"{note}{name}; {told}"])
    note += f"few_long_texts, for few texts in English{_of_classes(few)}{told}"
    return Suited(chosen, inputs, [note])


def _for_other_short_texts(config: Config, inputs: Inputs, excluded: str | None) -> Suited:
    """Return what `suited_defaults` does for short texts of which no words are known. `excluded`: if a setting is."""
    note, key = "short texts: the default settings are ", against_scratch(config)
    if key is None:
        return Suited(from_scratch(config), inputs, [f"{note}those of the config from_scratch"])
    note += f"the usual ones, as {key} is given; the config from_scratch may have better ones"
    is_meant = key.startswith("model.")  # a network of one's own
    return Suited(config, inputs, [] if is_meant else [note], excluded)


def _for_short_texts(config: Config, short: Config, inputs: Inputs, training: Corpus) -> Suited:
    """Return what `suited_defaults` does for short texts in English, with the settings of `short` if these help."""
    note, plain = "short texts in English: the default settings are ", from_scratch(config)
    usual = "the usual ones" if plain is config else "those of the config from_scratch"
    if (key := against_short_texts(config)) is not None:
        note += f"{usual}, as {key} is given; the config short_texts may have better ones"
        return Suited(plain, inputs, [note], "short_texts")
    chosen, inputs, told = _with_known_words(plain, short, inputs, training, _ENOUGH)
    if chosen is plain:
        return Suited(plain, inputs, [f"{note}{usual}; {told}"])
    note += f"those of the config short_texts{_of_classes(short)}{told}"
    return Suited(chosen, inputs, [note])


def _of_classes(informed: Config) -> str:
    """Return what a note says of the defaults that use known words if the classes are not negative and positive."""
    return ", without what is for negative and positive" if informed.pretrain.lexicon == "none" else ""


def _with_known_words(
    plain: Config, informed: Config, inputs: Inputs, training: Corpus, enough: float
) -> tuple[Config, Inputs, str]:
    """Return the informed config, or the plain one if what is known of English words helps little with these labels.

    Also the inputs that it needs, and what there is to say of the choice. `enough` is that of `_helps`.
    """
    pretrained = load_builtin()
    decays = [plain.pretrain.decay] if "decay" in plain.pretrain.model_fields_set else _DECAYS
    candidates = [with_default(informed, ("pretrain", "decay"), decay, given=True) for decay in decays]
    trial = _try_starts(plain, candidates, training, pretrained)
    if trial is not None and not _helps(trial, len(training), enough):
        told = "what is known of English words helps little or not at all with these labels: log loss "
        told += f"{trial.losses[1:].min():.3f} with it, {trial.losses[0]:.3f} without"
        return plain, inputs._replace(prior=trial.priors[0]), told
    is_weaker = trial is not None and len(decays) > 1 and bool(trial.losses[2] < _CLEARLY * trial.losses[1])
    told = f", with pretrain.decay {decays[1]}" if is_weaker else ""
    chosen = candidates[is_weaker]
    prior = None if trial is None else trial.priors[1 + is_weaker]
    files, lexicon = initial_file_facts(chosen), load_lexicon(chosen)
    return chosen, inputs._replace(pretrained=pretrained, lexicon=lexicon, files=files, prior=prior), told


def find_prior(config: Config, inputs: Inputs) -> CalibrationPrior:
    """Return what to expect of the calibration, if validation reviews are too few to tell it alone.

    They are a share of the training data, so that cross-validation on some of the rest tells it, too. That is tried if
    there are columns of words, or if a network of few epochs starts as a linear classifier or from naive Bayes: how far
    another one comes depends on the number of texts.
    """
    validation, pretrain, train = inputs.reviews.validation, config.pretrain, config.train
    is_told = validation is None or len(validation) >= _TELLING or not isinstance(config.data.validation, float)
    is_other = inputs.origin is not None or pretrain.labelled is not None or inputs.reviews.unlabelled is not None
    is_known = pretrain.vectors == "builtin"  # others may be learned in the training, and then none are here yet
    is_started = config.model.embedding.init in ("linear", "naive_bayes") and not pretrain.is_used
    is_like_it = is_started and train.epochs <= EPOCHS and train.members == train.shards == 1
    if is_told or is_other or not train.calibrate or not (is_known or is_like_it):
        return USUAL_PRIOR
    if inputs.prior is not None:
        return inputs.prior
    with suppress(DataError, Diverged):  # DataError: a class has hardly any text
        return expected_calibration(config, _sample(inputs.reviews.training), inputs.pretrained)
    return USUAL_PRIOR


def _sample(corpus: Corpus) -> Corpus:
    """Return reviews at equal distances. There is at least one."""
    return corpus.take(np.linspace(0, len(corpus) - 1, min(len(corpus), _SAMPLE)).astype(np.int64))


def _try_starts(config: Config, informed: Sequence[Config], corpus: Corpus, pretrained: VectorFile) -> Trial | None:
    """Return what a trial says; None if there are too few texts to tell."""
    with suppress(DataError):  # a class has hardly any text
        if len(corpus) >= _LEAST:
            return try_starts(config, informed, corpus, pretrained)
    return None


def _helps(trial: Trial, texts: int, enough: float) -> bool:
    """Return whether what is known of words is better than the usual defaults, as a trial on so many texts says.

    Of many texts, it must lower the log loss of the trial by nearly `enough`: the usual defaults gain more from all of
    them than from these.
    """
    plain = trial.losses[0]
    least = max(enough - _CHANCE / texts, -_ENOUGH) if plain > _SOLVED else -_ENOUGH
    return bool(trial.losses[1:].min() <= plain - least)


def _are_english(tokens: Tokens) -> bool:
    """Return whether most words of texts have a built-in vector."""
    is_word = to_numpy(pc.match_substring_regex(tokens.words, r"^\pL"))
    count = np.bincount(tokens.ids, minlength=len(tokens.words)) * is_word
    return bool(count[index_of(tokens.words, load_builtin().texts) != -1].sum() >= _ENGLISH * max(count.sum(), 1))
