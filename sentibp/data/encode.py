"""Encode reviews as features of a vocabulary that is learned from them, or take the result from the cache."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from itertools import pairwise
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data import shifters
from sentibp.data.corpus import Corpus
from sentibp.data.folding import Spelling
from sentibp.data.names import Names, find_names, tokenize_with_capitals
from sentibp.data.overlap import near_duplicates, near_duplicates_of
from sentibp.data.text_hashes import text_hashes
from sentibp.data.tokenizer import Tokens, tokenize
from sentibp.data.vocabulary import Vocabulary, merge, vocabulary_of_words
from sentibp.data.vocabulary_build import build_vocabulary
from sentibp.data.vocabulary_shards import ShardedTokens, Workers, encode_shards, vocabulary_of_shards
from sentibp.errors import DataError
from sentibp.nn import Ragged
from sentibp.utils import cache, environment
from sentibp.utils.arrow import TEXT, from_numpy, strings
from sentibp.utils.repair import set_option
from sentibp.utils.threads import in_background

if TYPE_CHECKING:
    from sentibp.config.schema import Text

SOURCES = ("data", "utils", "nn/layers.py")
"""The code that the encoding runs through, as paths below the package."""


_PARTS = "training", "validation"  # of a cache entry


class Encoded(NamedTuple):
    """The features of all reviews, as ids of one vocabulary."""

    vocabulary: Vocabulary
    learned: list[Ragged]  # for each corpus that the vocabulary is learned from; no rows where there is no corpus
    validation: Ragged  # as `Vocabulary.encode` returns them, and so is `learned`, unless occurrences are wanted
    near_duplicate: np.ndarray  # (m,) of the validation reviews: see `overlap.near_duplicates`
    hashes: list[np.ndarray]  # of the texts of the first corpus (n,) and of validation (m,): see `text_hashes`
    names: float = 0.0  # Names.share of data/names.py; 0 if names are features


def encode(
    settings: Text,
    corpora: Sequence[Corpus | None],
    validation: Corpus | None,
    fingerprints: Mapping[str, Any] | None,
    name: str,
    initial: Vocabulary | None = None,
    occurrences: bool = False,
    words: Sequence[pa.LargeStringArray] = (),
    workers: Workers | None = None,
) -> Encoded:
    """Return the features of all reviews, and the vocabulary of the `corpora`; the first is the training data.

    With `occurrences`, the features of the corpora are returned as often as they occur, whatever text.presence is.
    `fingerprints` identify the content of the data, and `name` describes them to people. An `initial` vocabulary keeps
    its ids and is extended; then, and without `fingerprints`, the cache is not used. The `words` are features even if
    no review has them; they follow the others. If `workers` are given, they count and encode the reviews, with the same
    result. DataError if no word is frequent enough.
    """
    key = None
    if fingerprints is not None and initial is None:
        if words:
            fingerprints = {**fingerprints, "words": [_digest(each) for each in words]}
        key = cache_key(settings, fingerprints, occurrences)
    arrays = None if key is None else cache.load(key)
    if arrays is not None:
        vocabulary = Vocabulary.from_tensors(arrays["words"], arrays["features"], settings.presence)
        near, names = arrays["near_duplicate"], float(arrays["names"][0])
        learned, held_out = (Ragged(arrays[f"{k}.ids"], arrays[f"{k}.offsets"]) for k in _PARTS)
        hashes = [arrays[f"{k}.hashes"] for k in _PARTS]
    else:
        with in_background(_hashes, corpora[0], validation) as found_hashes:
            vocabulary, learned, held_out, near, names = _encode(
                settings, corpora, validation, initial, occurrences, words, workers
            )
        hashes = found_hashes.result()
        if key is not None:
            arrays = vocabulary.tensors() | {"near_duplicate": near, "names": np.array([names])}
            for k, ragged, own in zip(_PARTS, (learned, held_out), hashes, strict=True):
                arrays |= {f"{k}.ids": ragged.ids, f"{k}.offsets": ragged.offsets, f"{k}.hashes": own}
            about = f"{name}, n-grams to {settings.ngrams}, {_count(corpora[0]):,} reviews"
            Thread(target=cache.store, args=(key, about, arrays)).start()  # the process waits for it before it exits
    ends = np.cumsum([0, *map(_count, corpora)]).tolist()
    each = [learned.slice(start, stop) for start, stop in pairwise(ends)]
    return Encoded(vocabulary, each, held_out, near, hashes, names)


def cache_key(settings: Text, fingerprints: Mapping[str, Any], occurrences: bool) -> str:
    """Return the name of a cache entry: a digest of all that the encoding depends on."""
    versions = [platform.python_version(), np.__version__, pa.__version__]
    words = shifters.digest() if settings.shifters else ""
    code = environment.source_digest(*SOURCES)
    return cache.key(settings.model_dump(), fingerprints, occurrences, words, versions, code)


def _encode(
    settings: Text,
    corpora: Sequence[Corpus | None],
    validation: Corpus | None,
    initial: Vocabulary | None,
    occurrences: bool,
    words: Sequence[pa.LargeStringArray],
    workers: Workers | None,
) -> tuple[Vocabulary, Ragged, Ragged, np.ndarray, float]:
    validation_tokens = tokenize(strings([]) if validation is None else validation.text, Spelling.of(settings))
    if workers is not None and settings.min_groups == 1:
        shards = ShardedTokens(workers, [corpus.text for corpus in corpora if corpus is not None], settings)
        words = _without(words, pc.filter(shards.words, from_numpy(shards.left_out)))
        vocabulary = _with_known(vocabulary_of_shards(shards, settings), settings, corpora, initial, words)
        learned = encode_shards(shards, vocabulary, occurrences=occurrences)
        learned = vocabulary.without_marked(learned) if settings.shifters else learned
        near = near_duplicates_of(shards.words, shards.training_tokens, shards.holders, validation_tokens)
        return vocabulary, learned, vocabulary.encode(validation_tokens)[0], near, shards.names
    text = pa.chunked_array([chunk for corpus in corpora if corpus is not None for chunk in corpus.text.chunks], TEXT)
    tokens, names = training_tokens(settings, text)
    with in_background(near_duplicates, tokens, _count(corpora[0]), validation_tokens) as near:
        vocabulary, learned = learn_vocabulary(settings, tokens, groups(corpora), occurrences, names)
    if names is not None:
        words = _without(words, pc.filter(tokens.words, from_numpy(names.left_out)))
    vocabulary = _with_known(vocabulary, settings, corpora, initial, words)
    if initial is not None or words:
        learned = vocabulary.occurrences(tokens) if occurrences else vocabulary.encode(tokens)[0]
        learned = vocabulary.without_marked(learned) if settings.shifters else learned
    share = 0.0 if names is None else names.share
    return vocabulary, learned, vocabulary.encode(validation_tokens)[0], near.result(), share


def _with_known(
    vocabulary: Vocabulary,
    settings: Text,
    corpora: Sequence[Corpus | None],
    initial: Vocabulary | None,
    words: Sequence[pa.LargeStringArray],
) -> Vocabulary:
    """Return the vocabulary of the reviews with that of an earlier model, and with words of which something is known.

    DataError if it has no feature without these words.
    """
    if initial is not None:
        vocabulary = merge(initial, vocabulary)
    if not len(vocabulary):
        raise no_features(settings, f"the {_count(corpora[0]):,} training reviews")
    for each in words:
        vocabulary = merge(vocabulary, vocabulary_of_words(pc.unique(each), settings.presence))
    return vocabulary


def _without(words: Sequence[pa.LargeStringArray], names: pa.LargeStringArray) -> list[pa.LargeStringArray]:
    """Return the words without those that are names in the reviews."""
    return [pc.filter(each, pc.invert(pc.is_in(each, names))) for each in words]


def _hashes(*corpora: Corpus | None) -> list[np.ndarray]:
    return [np.zeros(0, np.int64) if corpus is None else text_hashes(corpus.text) for corpus in corpora]


def _digest(words: pa.LargeStringArray) -> str:
    return hashlib.sha256("\n".join(words.to_pylist()).encode()).hexdigest()


def training_tokens(settings: Text, text: pa.LargeStringArray | pa.ChunkedArray) -> tuple[Tokens, Names | None]:
    """Return the tokens of texts that a vocabulary is learned from, and which of their words are names.

    None if names are features.
    """
    if settings.names:
        return tokenize(text, Spelling.of(settings)), None
    tokens, capitals = tokenize_with_capitals(text, Spelling.of(settings))
    return tokens, find_names(tokens.words, capitals)


def learn_vocabulary(
    settings: Text,
    tokens: Tokens,
    group: np.ndarray | None,
    occurrences: bool = False,
    names: Names | None = None,
) -> tuple[Vocabulary, Ragged]:
    """Return the vocabulary that the settings describe, and the encoded texts. `group` (n,) is that of each text.

    `names` is the second result of `training_tokens`.
    """
    return build_vocabulary(
        tokens,
        settings.ngrams,
        settings.min_count,
        settings.max_features,
        settings.affixes,
        settings.presence,
        settings.shifters,
        occurrences,
        settings.min_groups,
        group,
        None if names is None else names.left_out,
    )


def groups(corpora: Sequence[Corpus | None]) -> np.ndarray | None:
    """Return a number for the group of each text of all corpora (n,) int32; None if the first corpus has no groups.

    In a corpus without groups, each text is a group of its own.
    """
    if corpora[0] is None or corpora[0].group is None:
        return None
    numbers, used = [], 0
    for corpus in corpora:
        if corpus is not None:
            own = np.arange(len(corpus)) if corpus.group is None else np.unique(corpus.group, return_inverse=True)[1]
            numbers.append(own + used)
            used += int(own.max(initial=-1)) + 1
    return np.concatenate(numbers).astype(np.int32)


def no_features(settings: Text, where: str) -> DataError:
    """Return the error for text of which no word becomes a feature."""
    word = "word" if settings.names else "word but names (text.names)"
    if settings.min_count == settings.min_groups == 1:
        return DataError(f"there is no {word} in {where}; give reviews with words")
    if settings.min_groups > 1:
        keep = f"{set_option('text.min_count', 1)} {set_option('text.min_groups', 1)}"
        often = f"{settings.min_count} times and " * (settings.min_count > 1) + f"in {settings.min_groups} groups"
        return DataError(f"no {word} occurs {often} in {where}; give more text, or keep rare words, too, with {keep}")
    repair = f"give more text, or keep rare words, too, with {set_option('text.min_count', 1)}"
    return DataError(f"no {word} occurs {settings.min_count} times in {where}; {repair}")


def _count(corpus: Corpus | None) -> int:
    return 0 if corpus is None else len(corpus)
