"""The vocabulary: words and word n-grams, each with an id; exact, no hashing.

A feature is a pair (prefix, word): the feature it extends by one word, or none, and its last word. "not very good" is
("not very", "good"). The pairs form a trie, so that n-grams need no text of their own, and looking one up is looking
up a pair of numbers. Ids follow (-count, text): deterministic, and the rows of frequent features lie together in
memory.

After them may come parts of words, `disapp~` and `~ing`: how at least two words begin or end. A word that the
vocabulary lacks has two features, the longest of either kind. No token looks like a part: `~` is no letter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data import vocabulary as vocabulary_module
from sentibp.data.ngram_counts import NONE, Pairs
from sentibp.data.tokenizer import Tokens, cuts
from sentibp.data.vocabulary import Vocabulary, enumerate_affixes, interleave, within
from sentibp.nn import Ragged
from sentibp.utils import spill
from sentibp.utils.arrow import from_numpy, prefix_sums, to_numpy
from sentibp.utils.spill import build_arrays
from sentibp.utils.threads import parallel_map

_FEW = 1 << 18  # those whose features are put in their order at once: they fit the cache of a core


def build_vocabulary(
    tokens: Tokens, ngrams: int = 1, min_count: int = 1, max_features: int | None = None, affixes: bool = False
) -> tuple[Vocabulary, Ragged]:
    """The words and n-grams that occur at least `min_count` times; of these the `max_features` most frequent.

    With `parts`, the beginnings and endings that they share come on top.

    An n-gram is kept only with its words and its prefix, which are at least as frequent: a cut through features of
    equal count can leave a few less than `max_features`. With the vocabulary come the encoded texts themselves.

    What grows with the number of tokens lies in `scratch`. In memory are the distinct words, and the features that
    occur `min_count` times; of n-grams no more than twice `max_features`.
    """
    pieces = [within(tokens.offsets, texts) for texts in cuts(tokens.offsets, vocabulary_module.PIECE)]
    distinct = len(tokens.words)
    count = np.zeros(distinct, np.int64)
    for part in parallel_map(lambda piece: np.bincount(tokens.ids[piece[0]], minlength=distinct), pieces):
        count += part
    kept = np.flatnonzero(count >= min_count)
    kept = kept[to_numpy(pc.sort_indices(tokens.words.take(from_numpy(kept))))]  # words in alphabetical order
    words = tokens.words.take(from_numpy(kept))
    m = len(words)
    rank = np.full(distinct, NONE, np.int32)
    rank[kept] = np.arange(m, dtype=np.int32)
    word = spill.empty(len(tokens.ids), np.int32)
    for at, _ in pieces:
        rank.take(tokens.ids[at], out=word[at], mode="clip")

    # features in order of discovery, and for each token the one of so many words that ends there
    alphabet = np.arange(m)
    found = [_Found(np.full(m, NONE), alphabet, count[kept], alphabet.reshape(m, 1), np.zeros((m, 2), np.int64))]
    levels = [word]
    start = 0  # the number of the first feature of the longest kind
    for _ in range(1, ngrams):
        longer, level = _longer(found[-1], start, levels[-1], word, pieces, m, min_count, max_features)
        start += len(found[-1].last)
        found.append(longer)
        levels.append(level)

    # (-count, text): a space sorts before every character of a word, so texts compare word by word, short before long
    total = start + len(found[-1].last)
    columns = np.full((total, ngrams), NONE, np.int32)
    for n, part in zip(np.cumsum([len(part.last) for part in found]), found, strict=True):
        columns[n - len(part.last) : n, : part.texts.shape[1]] = part.texts
    order = np.lexsort((*columns.T[::-1], -np.concatenate([part.count for part in found])))
    prefix, last = (np.concatenate(parts) for parts in zip(*((part.prefix, part.last) for part in found), strict=True))
    if max_features is not None:
        order = _closed(order[:max_features], prefix, last)
    new = np.full(total + 1, NONE, np.int32)  # the last one for NONE
    new[order] = np.arange(len(order))
    is_word = prefix[order] == NONE
    new_word = np.full(m, NONE, np.int32)
    new_word[last[order][is_word]] = np.arange(is_word.sum())
    vocabulary = Vocabulary(words.take(from_numpy(last[order][is_word])), new[prefix[order]], new_word[last[order]])

    def encode(texts: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        at, offsets = within(tokens.offsets, texts)
        return interleave([new.take(level[at], mode="wrap") for level in levels], offsets)

    if affixes:
        vocabulary = add_affixes(vocabulary)
        if len(kept) < distinct or max_features is not None:  # words that it lacks, which are known by their parts
            return vocabulary, vocabulary.encode(tokens)[0]
    ids, lengths = build_arrays(parallel_map(encode, cuts(tokens.offsets, _FEW)), np.int32, np.int64)
    return vocabulary, Ragged(ids, prefix_sums(lengths))


def add_affixes(vocabulary: Vocabulary) -> Vocabulary:
    """The vocabulary, and after it each beginning and ending that at least two of its words have."""
    texts = pa.concat_arrays([texts for _, _, texts in enumerate_affixes(vocabulary.words)])
    encoded = texts.dictionary_encode()
    count = np.bincount(to_numpy(encoded.indices), minlength=len(encoded.dictionary))
    often = np.flatnonzero(count >= 2)
    often = often[to_numpy(pc.sort_indices(encoded.dictionary.take(from_numpy(often))))]
    often = often[np.argsort(-count[often], kind="stable")]
    n, m = len(often), len(vocabulary.words)
    words = pa.concat_arrays([vocabulary.words, encoded.dictionary.take(from_numpy(often))])
    prefix = np.concatenate((vocabulary.prefix, np.full(n, NONE, np.int32)))
    return Vocabulary(words, prefix, np.concatenate((vocabulary.word, np.arange(m, m + n, dtype=np.int32))))


class _Found(NamedTuple):
    """k features of n words each."""

    prefix: np.ndarray  # (k,) the number of the feature that each extends, or NONE
    last: np.ndarray  # (k,) its last word
    count: np.ndarray  # (k,)
    texts: np.ndarray  # (k, n) its words, which are in alphabetical order
    home: np.ndarray  # (k, 2) the shard of pairs that it was found in, and its number there

    def most_frequent(self, limit: int | None) -> _Found:
        """The first `limit` by (-count, text), in the order in which they stand."""
        if limit is None or len(self.last) <= limit:
            return self
        chosen = np.sort(np.lexsort((*self.texts.T[::-1], -self.count))[:limit])
        return _Found(*(column[chosen] for column in self))


def _longer(
    found: _Found,
    start: int,
    level: np.ndarray,
    word: np.ndarray,
    pieces: Sequence[tuple[slice, np.ndarray]],
    m: int,
    min_count: int,
    limit: int | None,
) -> tuple[_Found, np.ndarray]:
    """The features that extend those found by a word, and the number of the one that ends at each token (t,).

    `start` is the number of the first feature in `found`, and `level` (t,) that of the one that ends at each token. Of
    more than `limit` the most frequent are kept. None that is left out has an extension among these: that would be at
    most as frequent, and its text longer.
    """

    def keys(piece: int) -> np.ndarray:
        at, offsets = pieces[piece]
        return vocabulary_module.pair_keys(level[at], word[at], offsets, m)

    pairs = Pairs([at for at, _ in pieces], keys)
    parts: list[_Found] = []
    counted = parallel_map(lambda shard: pairs.count(shard, min_count), range(pairs.shards))
    for shard, (key, count, number) in enumerate(counted):
        prefix, last = np.divmod(key, max(m, 1))
        texts = np.column_stack((found.texts[prefix - start], last))
        parts.append(_Found(prefix, last, count, texts, np.column_stack((np.full(len(key), shard), number))))
        if limit is not None and sum(len(part.last) for part in parts) > 2 * limit:
            parts = [_joined(parts).most_frequent(limit)]
    longer = _joined(parts).most_frequent(limit)

    first = start + len(found.last)
    edges = np.searchsorted(longer.home[:, 0], np.arange(pairs.shards + 1))

    def rename(shard: int) -> None:
        own = slice(edges[shard], edges[shard + 1])
        pairs.rename(shard, longer.home[own, 1], first + np.arange(own.start, own.stop))

    for _ in parallel_map(rename, range(pairs.shards)):
        pass
    return longer, pairs.names()


def _joined(parts: list[_Found]) -> _Found:
    return _Found(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _closed(chosen: np.ndarray, prefix: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The chosen features whose words are all chosen. (Word w is feature w before the final order.)"""
    member = np.zeros(len(prefix) + 1, bool)
    member[-1] = True  # no prefix
    member[chosen] = True
    while not (ok := member[last[chosen]] & member[prefix[chosen]]).all():
        member[chosen[~ok]] = False
        chosen = chosen[ok]
    return chosen
