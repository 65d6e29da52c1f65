"""The default settings that suit the texts of a training: long ones, or short ones in English."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.config.schema import Config
from sentibp.config.text_defaults import LONG, MANY, for_long_texts, for_short_texts
from sentibp.data.corpus import Corpus, take_texts
from sentibp.data.lexicon import load_lexicon
from sentibp.data.tokenizer import Tokens, tokenize
from sentibp.model.word_vectors import load_builtin
from sentibp.training.initial_files import initial_file_facts
from sentibp.training.inputs import Inputs
from sentibp.utils.arrow import index_of, to_numpy

_SAMPLE = 1000  # training texts from which their length and language are estimated
_ENGLISH = 0.75  # of the words are in the built-in vectors, at least; 0.92 of English texts, 0.46 of others at most


def suited_defaults(config: Config, inputs: Inputs) -> tuple[Config, Inputs, list[str]]:
    """Return the config with the defaults for these texts, the inputs it needs then, and notes on the choice."""
    training, start = inputs.reviews.training, config.model.embedding
    long, short = for_long_texts(config), for_short_texts(config)
    is_other = config.pretrain.is_used or config.model.init_from is not None or "init" in start.model_fields_set
    if long is config and is_other:
        return config, inputs, []
    tokens = _sample(training)
    mean = float(np.diff(tokens.offsets).mean())
    note = f"long texts, {mean:.0f} tokens on average: the default settings are those of "
    if mean >= LONG and long is config:
        note += "short ones, as some of model or of the optimizer are given; the config long_texts has better ones"
        return config, inputs, [note]
    if mean >= LONG:
        return long, inputs, [f"{note}the config long_texts"]
    if short is config or len(training) > MANY:
        return config, inputs, []
    pretrained = load_builtin()
    if _known_share(tokens, pretrained.texts) < _ENGLISH:
        return config, inputs, []
    note = "short texts in English: the default settings are those of the config short_texts"
    if short.pretrain.lexicon == "none":
        note += ", without what is for negative and positive"
    files = initial_file_facts(short)
    return short, inputs._replace(pretrained=pretrained, lexicon=load_lexicon(short), files=files), [note]


def _sample(training: Corpus) -> Tokens:
    """Return the tokens of texts at equal distances. There is at least one text."""
    rows = np.linspace(0, len(training) - 1, min(len(training), _SAMPLE)).astype(np.int64)
    return tokenize(take_texts(training.text, rows))


def _known_share(tokens: Tokens, known: pa.LargeStringArray) -> float:
    """Return the share of the words of texts that are among the known ones; 0 if there are no words."""
    is_word = to_numpy(pc.match_substring_regex(tokens.words, r"^\pL"))
    count = np.bincount(tokens.ids, minlength=len(tokens.words)) * is_word
    return float(count[index_of(tokens.words, known) != -1].sum() / max(count.sum(), 1))
