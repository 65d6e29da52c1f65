"""The vocabulary: words and word n-grams, each with an id; exact, no hashing.

A feature is a pair (prefix, word): the feature it extends by one word, or none, and its last word. "not very good" is
("not very", "good"). The pairs form a trie, so that n-grams need no text of their own, and looking one up is looking
up a pair of numbers. Ids follow (-count, text): deterministic, and the rows of frequent features lie together in
memory.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .arrow import TEXT, array, lines, numbers, places
from .nn import Ragged
from .text import Tokens
from .threads import on_all_cores

NONE = -1
_SHARDS = 4  # parts of the pairs, by their last bits, that are counted at once
_TEXTS = 1000  # texts handled at once


class Vocabulary:
    """`words` (m,) are in the order of their ids; feature i is (prefix[i], word[i]); both (V,) int32."""

    def __init__(self, words: pa.LargeStringArray, prefix: np.ndarray, word: np.ndarray):
        self.words = words
        self.prefix = prefix
        self.word = word

    def __len__(self) -> int:
        return len(self.prefix)

    def tensors(self) -> dict[str, np.ndarray]:
        """All of it as numbers: `words` (t,) uint8, with line breaks between, and `features` (V, 2) int32."""
        text = "\n".join(self.words.to_pylist()).encode()  # no word contains a line break
        return {"words": np.frombuffer(text, np.uint8), "features": np.stack((self.prefix, self.word), axis=1)}

    @classmethod
    def from_tensors(cls, words: np.ndarray, features: np.ndarray) -> Vocabulary:
        """What `tensors` gave. ValueError or ArrowInvalid if it cannot have."""
        if features.ndim != 2 or features.shape[1] != 2 or features.dtype != np.int32:
            raise ValueError("the vocabulary has no pairs of numbers")
        vocabulary = cls(lines(words), np.ascontiguousarray(features[:, 0]), np.ascontiguousarray(features[:, 1]))
        prefix, word = vocabulary.prefix, vocabulary.word
        if ((prefix < NONE) | (prefix >= np.arange(len(prefix)))).any():
            raise ValueError("the vocabulary's features are not in order")
        if len(word) and not 0 <= word.min() <= word.max() < len(vocabulary.words):
            raise ValueError("the vocabulary names a word that it does not hold")
        if not np.array_equal(word[vocabulary.word_features], np.arange(len(vocabulary.words))):
            raise ValueError("the vocabulary's words are not each a feature, in order")
        return vocabulary

    def encode(self, tokens: Tokens) -> tuple[Ragged, np.ndarray]:
        """The features of each text, in the order in which they end, and how many of its tokens are unknown (n,)."""
        word = places(tokens.words, self.words)[tokens.ids]
        unknown = np.diff(_sums(word == NONE)[tokens.offsets])
        levels = [np.append(self.word_features, np.int32(NONE))[word]]  # NONE is -1: the last
        while self._pair_ids.size and len(levels) < self._depth:
            pairs = _pairs(levels[-1], word, tokens.offsets, len(self.words))
            found = places(array(pairs), array(self._pair_keys))
            levels.append(np.where(found == NONE, NONE, self._pair_ids[found]))
        return _interleave(levels, tokens.offsets), unknown

    def features(self) -> pa.LargeStringArray:
        """The text of each feature (V,), its words joined by a space."""
        text = self.words.take(array(self.word))
        prefix = self.prefix
        while (prefix != NONE).any():
            earlier = self.words.take(array(np.where(prefix == NONE, 0, self.word[prefix])))
            longer = pc.binary_join_element_wise(earlier, text, pa.scalar(" ", TEXT))
            text = pc.if_else(array(prefix == NONE), text, longer)
            prefix = np.where(prefix == NONE, NONE, self.prefix[prefix])
        return text

    @cached_property
    def word_features(self) -> np.ndarray:
        """The feature id of each word (m,) int32."""
        return np.flatnonzero(self.prefix == NONE).astype(np.int32)

    @cached_property
    def _pair_ids(self) -> np.ndarray:
        """The feature ids that are n-grams, not words."""
        return np.flatnonzero(self.prefix != NONE).astype(np.int32)

    @cached_property
    def _pair_keys(self) -> np.ndarray:
        return self.prefix[self._pair_ids].astype(np.int64) * len(self.words) + self.word[self._pair_ids]

    @cached_property
    def _depth(self) -> int:
        """The most words in a feature."""
        depth, prefix = 1, self._pair_ids
        while len(prefix := prefix[self.prefix[prefix] != NONE]):
            prefix = self.prefix[prefix]
            depth += 1
        return depth


def build(
    tokens: Tokens, ngrams: int = 1, min_count: int = 1, max_features: int | None = None
) -> tuple[Vocabulary, Ragged]:
    """The words and n-grams that occur at least `min_count` times; of these the `max_features` most frequent.

    An n-gram is kept only with its words and its prefix, which are at least as frequent: a cut through features of
    equal count can leave a few less than `max_features`. With the vocabulary come the encoded texts themselves.
    """
    count = np.bincount(tokens.ids, minlength=len(tokens.words))
    kept = np.flatnonzero(count >= min_count)
    kept = kept[numbers(pc.sort_indices(tokens.words.take(array(kept))))]  # words in alphabetical order
    words = tokens.words.take(array(kept))
    m = len(words)
    rank = np.full(len(count), NONE, np.int32)
    rank[kept] = np.arange(m, dtype=np.int32)
    word = rank.take(tokens.ids)

    # features in order of discovery: prefix, last word, count, and the words that order them
    prefixes, lasts, counts = [np.full(m, NONE)], [np.arange(m)], [count[kept]]
    texts = [np.arange(m).reshape(m, 1)]
    found, levels = m, [word]
    for _ in range(1, ngrams):
        keys, place = _distinct(_pairs(levels[-1], word, tokens.offsets, m))
        pair_count = np.bincount(place[place != NONE], minlength=len(keys))
        frequent = np.flatnonzero(pair_count >= min_count)
        prefix, last = np.divmod(keys[frequent], max(m, 1))
        prefixes.append(prefix)
        lasts.append(last)
        counts.append(pair_count[frequent])
        texts.append(np.column_stack((texts[-1][prefix - (found - len(texts[-1]))], last)))
        ids = np.full(len(keys) + 1, NONE, np.int32)  # the last one for place NONE, which is -1
        ids[frequent] = found + np.arange(len(frequent))
        levels.append(ids.take(place, mode="wrap"))
        found += len(frequent)

    # (-count, text): a space sorts before every character of a word, so texts compare word by word, short before long
    columns = np.full((found, ngrams), NONE, np.int32)
    for n, part in zip(np.cumsum([len(part) for part in texts]), texts, strict=True):
        columns[n - len(part) : n, : part.shape[1]] = part
    order = np.lexsort((*columns.T[::-1], -np.concatenate(counts)))
    prefix, last = np.concatenate(prefixes), np.concatenate(lasts)
    if max_features is not None:
        order = _closed(order[:max_features], prefix, last)
    new = np.full(found + 1, NONE, np.int32)  # the last one for NONE
    new[order] = np.arange(len(order))
    is_word = prefix[order] == NONE
    new_word = np.full(m, NONE, np.int32)
    new_word[last[order][is_word]] = np.arange(is_word.sum())
    vocabulary = Vocabulary(words.take(array(last[order][is_word])), new[prefix[order]], new_word[last[order]])
    return vocabulary, _interleave([new.take(level, mode="wrap") for level in levels], tokens.offsets)


def merge(old: Vocabulary, new: Vocabulary) -> Vocabulary:
    """The features of `old` with their ids, then those of `new` that it lacks, short ones first."""
    place = places(new.words, old.words)
    added = place == NONE
    words = pa.concat_arrays([old.words, new.words.filter(array(added))])
    word_of = np.where(added, len(old.words) + np.cumsum(added) - 1, place)  # new word number -> merged one
    prefix, word = [old.prefix], [old.word]
    merged = np.full(len(new) + 1, NONE)  # new feature id -> merged one; the last for prefix NONE
    known = old.prefix.astype(np.int64) * len(words) + old.word
    total = len(old)
    level = new.prefix == NONE
    while level.any():
        ids = np.flatnonzero(level)
        pairs = merged[new.prefix[ids]] * len(words) + word_of[new.word[ids]]
        place = places(array(pairs), array(known))
        added = place == NONE
        merged[ids] = np.where(added, total + np.cumsum(added) - 1, place)
        prefix.append(merged[new.prefix[ids[added]]])
        word.append(word_of[new.word[ids[added]]])
        total += int(added.sum())
        level = np.isin(new.prefix, ids)
    return Vocabulary(words, np.concatenate(prefix).astype(np.int32), np.concatenate(word).astype(np.int32))


def _closed(chosen: np.ndarray, prefix: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The chosen features whose words are all chosen. (Word w is feature w before the final order.)"""
    member = np.zeros(len(prefix) + 1, bool)
    member[-1] = True  # no prefix
    member[chosen] = True
    while not (ok := member[last[chosen]] & member[prefix[chosen]]).all():
        member[chosen[~ok]] = False
        chosen = chosen[ok]
    return chosen


def _pairs(level: np.ndarray, word: np.ndarray, offsets: np.ndarray, m: int) -> np.ndarray:
    """For each token the key of (feature that ends before it, its word), or NONE at the start of a text."""
    pairs = np.empty(len(word), np.int64)
    np.multiply(level[:-1], m, out=pairs[1:], dtype=np.int64)
    pairs[1:] += word[1:]
    pairs[1:][(level[:-1] == NONE) | (word[1:] == NONE)] = NONE
    pairs[offsets[:-1][offsets[:-1] < len(word)]] = NONE
    return pairs


def _distinct(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct keys (k,), in any order, and the place of each key among them (t,) int32, NONE for NONE."""

    shard_of = keys.astype(np.uint8) % _SHARDS  # the last byte tells
    shard_of[keys == NONE] = _SHARDS

    def shard(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        members = np.flatnonzero(shard_of == number)
        encoded = array(keys.take(members)).dictionary_encode()
        return members, numbers(encoded.indices), numbers(encoded.dictionary)

    place = np.full(len(keys), NONE, np.int32)
    distinct = []
    found = 0
    for members, indices, dictionary in on_all_cores(shard, range(_SHARDS)):
        place[members] = indices + found
        distinct.append(dictionary)
        found += len(dictionary)
    return np.concatenate(distinct), place


def _interleave(levels: list[np.ndarray], offsets: np.ndarray) -> Ragged:
    """The features that end at each token, short ones first, token after token; without the NONEs."""

    def shard(first: int) -> tuple[np.ndarray, np.ndarray]:
        bounds = offsets[first : first + _TEXTS + 1]
        ids = np.stack([level[bounds[0] : bounds[-1]] for level in levels], axis=1).ravel()
        present = ids != NONE
        before = _sums(present)[(bounds - bounds[0]) * len(levels)]
        return ids.compress(present), np.diff(before)

    shards = list(on_all_cores(shard, range(0, len(offsets) - 1, _TEXTS)))
    ids = np.concatenate([np.zeros(0, np.int32), *(ids for ids, _ in shards)])
    return Ragged(ids, _sums(np.concatenate([np.zeros(0, np.int64), *(lengths for _, lengths in shards)])))


def _sums(values: np.ndarray) -> np.ndarray:
    """The sum of the values before each place: (t + 1,) int64."""
    sums = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=sums[1:])
    return sums
