"""Build a vocabulary: count words and n-grams, select the frequent ones, number them by (-count, text), add affixes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data import vocabulary as vocabulary_module
from sentibp.data.key_table import NONE
from sentibp.data.ngram_counts import Pairs
from sentibp.data.shifters import marked_words
from sentibp.data.tokenizer import Tokens, cuts
from sentibp.data.vocabulary import Vocabulary, enumerate_affixes, interleave, within
from sentibp.nn import Ragged
from sentibp.utils import spill
from sentibp.utils.arrow import from_numpy, prefix_sums, to_numpy
from sentibp.utils.spill import build_arrays
from sentibp.utils.threads import parallel_map

_ORDERED = 1 << 18  # tokens whose features are put in order at once: they fit the cache of a core


class _Least(NamedTuple):
    """What a feature needs."""

    count: int  # occurrences
    in_groups: int  # groups in which it occurs
    groups: Callable[[slice], np.ndarray] | None  # the groups of the tokens at some positions; None: they do not matter


class Ngrams(NamedTuple):
    """k n-grams of n words each."""

    prefix: np.ndarray  # (k,) the number of the n-gram that each extends, or NONE
    last: np.ndarray  # (k,) its last word
    count: np.ndarray  # (k,)
    texts: np.ndarray  # (k, n) its words; they are numbered in alphabetical order
    home: np.ndarray  # (k, 2) the shard of `Pairs` that counted it, and its number in that shard

    def most_frequent(self, limit: int | None) -> Ngrams:
        """Return the first `limit` n-grams by (-count, text), in their present order."""
        if limit is None or len(self.last) <= limit:
            return self
        chosen = np.sort(by_frequency(self.texts, self.count)[:limit])
        return Ngrams(*(column[chosen] for column in self))


def by_frequency(texts: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return the order of n-grams (k,) by (-count, text). `texts` (k, n) are the numbers of their words, or NONE.

    Two sorts by one number each take a fifth of the time of a sort by all columns; so they are used if numbers of 64
    bits are large enough.
    """
    k, words, most = len(texts), int(texts.max(initial=NONE)) + 2, int(count.max(initial=0))
    if max(words ** texts.shape[1], (most + 1) * k) >= 1 << 63:
        return np.lexsort((*texts.T[::-1], -count))
    number = np.zeros(k, np.int64)  # its digits are the words
    for column in texts.T:
        number = number * words + (column - NONE)
    place = np.empty(k, np.int64)  # of each n-gram in the order of the texts
    place[np.argsort(number)] = np.arange(k)
    return np.argsort((most - count) * k + place)


def build_vocabulary(
    tokens: Tokens,
    ngrams: int = 1,
    min_count: int = 1,
    max_features: int | None = None,
    affixes: bool = False,
    presence: bool = False,
    shifters: bool = False,
    occurrences: bool = False,
    min_groups: int = 1,
    group: np.ndarray | None = None,
    left_out: np.ndarray | None = None,
) -> tuple[Vocabulary, Ragged]:
    """Return the vocabulary of the words and n-grams that occur at least `min_count` times, and the encoded texts.

    If `max_features` is given, only the most frequent are kept. An n-gram is kept only with its words and its prefix,
    which are at least as frequent: if the limit cuts through features of equal count, a few less may remain. With
    `affixes`, the beginnings and endings that words share are added. With `presence`, a feature counts once in a text;
    for `min_count` and `max_features`, all its occurrences count. With `occurrences`, the texts are encoded as
    `Vocabulary.occurrences` does it. With `shifters`, the marked words of data/shifters.py are added; the encoded texts
    are without them. If `group` (n,) int32 is the group of each text, a feature must occur in at least `min_groups` of
    them. Words that are `left_out`, (m,) bool of the distinct words, are no features, nor are n-grams with them.

    Arrays with a number per token are spilled to disk (utils/spill.py). In memory are the distinct words and the
    features that occur `min_count` times, but at most twice `max_features` n-grams.
    """
    pieces = [within(tokens.offsets, texts) for texts in cuts(tokens.offsets, vocabulary_module.PIECE)]
    least = _Least(min_count, min_groups, None if group is None or min_groups == 1 else _of_tokens(tokens, group))
    words, count, word = _frequent_words(tokens, pieces, least, left_out)
    m, alphabet = len(words), np.arange(len(words))
    by_length = [Ngrams(np.full(m, NONE), alphabet, count, alphabet.reshape(m, 1), np.zeros((m, 2), np.int64))]
    levels = [word]  # for each length, the number of the n-gram that ends at each token (t,)
    start = 0  # the number of the first n-gram of the largest length
    for _ in range(1, ngrams):
        longer, level = _extend(by_length[-1], start, levels[-1], word, pieces, m, least, max_features)
        start += len(by_length[-1].last)
        by_length.append(longer)
        levels.append(level)
    vocabulary, new_id = number_features(words, by_length, max_features, presence)

    def encode(texts: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        place, offsets = within(tokens.offsets, texts)
        features = [new_id.take(level[place], mode="wrap") for level in levels]
        return interleave(features, offsets, presence and not occurrences)

    if affixes:
        vocabulary = add_affixes(vocabulary)
    if affixes and (m < len(tokens.words) or max_features is not None):  # words that are not in it have affixes instead
        encoded = vocabulary.occurrences(tokens) if occurrences else vocabulary.encode(tokens)[0]
    else:
        ids, lengths = build_arrays(parallel_map(encode, cuts(tokens.offsets, _ORDERED)), np.int32, np.int64)
        encoded = Ragged(ids, prefix_sums(lengths))
    return add_words(vocabulary, marked_words(vocabulary.words)) if shifters else vocabulary, encoded


def _of_tokens(tokens: Tokens, group: np.ndarray) -> Callable[[slice], np.ndarray]:
    """Return a function that returns the group of each token at some positions, given that of each text (n,)."""

    def groups(place: slice) -> np.ndarray:
        text = np.searchsorted(tokens.offsets, [place.start, max(place.start, place.stop - 1)], side="right") - 1
        texts = slice(int(text[0]), int(text[1]) + 1)
        ends = np.clip(tokens.offsets[texts.start : texts.stop + 1], place.start, place.stop)
        return np.repeat(group[texts], np.diff(ends)).astype(np.int32)

    return groups


def _frequent_words(
    tokens: Tokens, pieces: Sequence[tuple[slice, np.ndarray]], least: _Least, left_out: np.ndarray | None
) -> tuple[pa.LargeStringArray, np.ndarray, np.ndarray]:
    """Return the frequent words in alphabetical order (m,), their counts (m,), and the word number of each token (t,).

    The number of a rare word, and of one that is left out, is NONE.
    """
    distinct, count = len(tokens.words), _count_words(tokens)
    is_frequent = count >= least.count
    if least.groups is not None:
        pairs = Pairs(
            [place for place, _ in pieces], lambda piece: tokens.ids[pieces[piece][0]].astype(np.int64), least.groups
        )
        found = parallel_map(lambda shard: pairs.count(shard, least.count, least.in_groups)[0], range(pairs.shards))
        is_frequent = np.isin(np.arange(distinct), np.concatenate([*found]))
    kept = np.flatnonzero(is_frequent if left_out is None else is_frequent & ~left_out)
    kept = kept[to_numpy(pc.sort_indices(tokens.words.take(from_numpy(kept))))]
    rank = np.full(distinct, NONE, np.int32)
    rank[kept] = np.arange(len(kept), dtype=np.int32)
    word = spill.empty(len(tokens.ids), np.int32)
    for place, _ in pieces:
        rank.take(tokens.ids[place], out=word[place], mode="clip")
    return tokens.words.take(from_numpy(kept)), count[kept], word


def _count_words(tokens: Tokens) -> np.ndarray:
    """Return how often each of the distinct words occurs: (m,) int64."""
    distinct = len(tokens.words)
    total = np.zeros(distinct, np.int64)
    spans = (tokens.ids[start : start + _ORDERED] for start in range(0, len(tokens.ids), _ORDERED))
    for count in parallel_map(lambda ids: np.bincount(ids, minlength=distinct), spans):
        total += count
    return total


def number_features(
    words: pa.LargeStringArray, by_length: list[Ngrams], max_features: int | None, presence: bool
) -> tuple[Vocabulary, np.ndarray]:
    """Return the vocabulary, and for each n-gram its id or NONE; one more entry maps NONE to NONE.

    A space sorts before every character of a word. So texts compare word by word, and a prefix comes first.
    """
    total = sum(len(level.last) for level in by_length)
    columns = np.full((total, len(by_length)), NONE, np.int32)
    for end, level in zip(np.cumsum([len(level.last) for level in by_length]), by_length, strict=True):
        columns[end - len(level.last) : end, : level.texts.shape[1]] = level.texts
    order = by_frequency(columns, np.concatenate([level.count for level in by_length]))
    prefix, last = (np.concatenate(column) for column in zip(*((x.prefix, x.last) for x in by_length), strict=True))
    if max_features is not None:
        order = _closed(order[:max_features], prefix, last)
    new_id = np.full(total + 1, NONE, np.int32)
    new_id[order] = np.arange(len(order))
    is_word = prefix[order] == NONE
    new_word = np.full(len(words), NONE, np.int32)
    new_word[last[order][is_word]] = np.arange(is_word.sum())
    kept_words = words.take(from_numpy(last[order][is_word]))
    return Vocabulary(kept_words, new_id[prefix[order]], new_word[last[order]], presence), new_id


def add_affixes(vocabulary: Vocabulary) -> Vocabulary:
    """Return the vocabulary, extended by each beginning and ending that at least two of its words have."""
    texts = pa.concat_arrays([texts for _, _, texts in enumerate_affixes(vocabulary.words)])
    encoded = texts.dictionary_encode()
    count = np.bincount(to_numpy(encoded.indices), minlength=len(encoded.dictionary))
    shared = np.flatnonzero(count >= 2)
    shared = shared[to_numpy(pc.sort_indices(encoded.dictionary.take(from_numpy(shared))))]
    shared = shared[np.argsort(-count[shared], kind="stable")]
    return add_words(vocabulary, encoded.dictionary.take(from_numpy(shared)))


def add_words(vocabulary: Vocabulary, words: pa.LargeStringArray) -> Vocabulary:
    """Return the vocabulary with `words` (n,) as further features, after the others."""
    n, m = len(words), len(vocabulary.words)
    prefix = np.concatenate((vocabulary.prefix, np.full(n, NONE, np.int32)))
    word = np.concatenate((vocabulary.word, np.arange(m, m + n, dtype=np.int32)))
    return Vocabulary(pa.concat_arrays([vocabulary.words, words]), prefix, word, vocabulary.presence)


def _extend(
    shorter: Ngrams,
    start: int,
    level: np.ndarray,
    word: np.ndarray,
    pieces: Sequence[tuple[slice, np.ndarray]],
    m: int,
    least: _Least,
    limit: int | None,
) -> tuple[Ngrams, np.ndarray]:
    """Return the n-grams that extend the `shorter` ones by a word, and the number of the one at each token (t,).

    `start` is the number of the first of the shorter n-grams; `level` (t,) is the number of the one that ends at each
    token. If there are more than `limit`, the most frequent are kept. An n-gram that is dropped has no extension among
    them: the extension would be at most as frequent, and its text longer.
    """

    def keys(piece: int) -> np.ndarray:
        place, offsets = pieces[piece]
        return vocabulary_module.pair_keys(level[place], word[place], offsets, m)

    pairs = Pairs([place for place, _ in pieces], keys, least.groups)
    batches: list[Ngrams] = []
    counted = parallel_map(lambda shard: pairs.count(shard, least.count, least.in_groups), range(pairs.shards))
    for shard, (key, count, number) in enumerate(counted):
        prefix, last = np.divmod(key, max(m, 1))
        texts = np.column_stack((shorter.texts[prefix - start], last))
        batches.append(Ngrams(prefix, last, count, texts, np.column_stack((np.full(len(key), shard), number))))
        if limit is not None and sum(len(batch.last) for batch in batches) > 2 * limit:
            batches = [_concatenate(batches).most_frequent(limit)]
    longer = _concatenate(batches).most_frequent(limit)

    first = start + len(shorter.last)
    edges = np.searchsorted(longer.home[:, 0], np.arange(pairs.shards + 1))

    def rename(shard: int) -> None:
        rows = slice(edges[shard], edges[shard + 1])
        pairs.rename(shard, longer.home[rows, 1], first + np.arange(rows.start, rows.stop))

    for _ in parallel_map(rename, range(pairs.shards)):
        pass
    return longer, pairs.names()


def _concatenate(batches: list[Ngrams]) -> Ngrams:
    return Ngrams(*(np.concatenate(columns) for columns in zip(*batches, strict=True)))


def _closed(chosen: np.ndarray, prefix: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return the chosen n-grams whose words and prefixes are all chosen. (Word w is n-gram number w.)"""
    member = np.zeros(len(prefix) + 1, bool)
    member[-1] = True  # no prefix
    member[chosen] = True
    while not (ok := member[last[chosen]] & member[prefix[chosen]]).all():
        member[chosen[~ok]] = False
        chosen = chosen[ok]
    return chosen
