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

from .nn import Ragged
from .text import TEXT, Tokens

NONE = -1


class Vocabulary:
    """`words` (m,) are in the order of their ids; feature i is (prefix[i], word[i]); both (V,) int32."""

    def __init__(self, words: pa.LargeStringArray, prefix: np.ndarray, word: np.ndarray):
        self.words = words
        self.prefix = prefix
        self.word = word

    def __len__(self) -> int:
        return len(self.prefix)

    def encode(self, tokens: Tokens) -> tuple[Ragged, np.ndarray]:
        """The features of each text, in the order in which they end, and how many of its tokens are unknown (n,)."""
        word = _lookup(tokens.words, self.words)[tokens.ids]
        unknown = np.diff(_sums(word == NONE)[tokens.offsets])
        levels = [np.append(self.word_features, np.int32(NONE))[word]]  # NONE is -1: the last
        while self._pair_ids.size and len(levels) < self._depth:
            pairs = _pairs(levels[-1], word, tokens.offsets, len(self.words))
            found = _lookup(pairs, self._pair_keys)
            levels.append(np.where(found == NONE, NONE, self._pair_ids[found]))
        ids = np.stack(levels, axis=1).ravel()
        present = ids != NONE
        return Ragged(ids[present], _sums(present)[tokens.offsets * len(levels)]), unknown

    def features(self) -> pa.LargeStringArray:
        """The text of each feature (V,), its words joined by a space."""
        text = self.words.take(pa.array(self.word))
        prefix = self.prefix
        while (prefix != NONE).any():
            earlier = self.words.take(pa.array(np.where(prefix == NONE, 0, self.word[prefix])))
            longer = pc.binary_join_element_wise(earlier, text, pa.scalar(" ", TEXT))
            text = pc.if_else(pa.array(prefix == NONE), text, longer)
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


def build(tokens: Tokens, ngrams: int = 1, min_count: int = 1, max_features: int | None = None) -> Vocabulary:
    """The words and n-grams that occur at least `min_count` times; of these the `max_features` most frequent.

    An n-gram is kept only with its words and its prefix, which are at least as frequent: a cut through features of
    equal count can leave a few less than `max_features`.
    """
    count = np.bincount(tokens.ids, minlength=len(tokens.words))
    kept = np.flatnonzero(count >= min_count)
    kept = kept[pc.sort_indices(tokens.words.take(pa.array(kept))).to_numpy()]  # words in alphabetical order
    words = tokens.words.take(pa.array(kept))
    m = len(words)
    rank = np.full(len(count), NONE, np.int32)
    rank[kept] = np.arange(m, dtype=np.int32)
    word = rank[tokens.ids]

    # features in order of discovery: prefix, last word, count, and a number that orders their texts
    prefixes, lasts, counts = [np.full(m, NONE)], [np.arange(m)], [count[kept]]
    texts = [np.arange(m).reshape(m, 1)]
    found, level = m, word
    for _ in range(1, ngrams):
        pairs = _pairs(level, word, tokens.offsets, m)
        encoded = pa.array(pairs, mask=pairs == NONE).dictionary_encode()
        place = encoded.indices.fill_null(NONE).to_numpy()
        pair_count = np.bincount(place[place != NONE], minlength=len(encoded.dictionary))
        frequent = np.flatnonzero(pair_count >= min_count)
        prefix, last = np.divmod(encoded.dictionary.to_numpy()[frequent], max(m, 1))
        prefixes.append(prefix)
        lasts.append(last)
        counts.append(pair_count[frequent])
        texts.append(np.column_stack((texts[-1][prefix - (found - len(texts[-1]))], last)))
        ids = np.full(len(pair_count) + 1, NONE)  # the last one for place == NONE
        ids[frequent] = found + np.arange(len(frequent))
        level = ids[place]
        found += len(frequent)

    # (-count, text): a space sorts before every character of a word, so texts compare word by word, short before long
    columns = np.full((found, ngrams), NONE)
    for n, part in zip(np.cumsum([len(part) for part in texts]), texts, strict=True):
        columns[n - len(part) : n, : part.shape[1]] = part
    order = np.lexsort((*columns.T[::-1], -np.concatenate(counts)))
    prefix, last = np.concatenate(prefixes), np.concatenate(lasts)
    if max_features is not None:
        order = _closed(order[:max_features], prefix, last)
    new = np.full(found + 1, NONE)  # the last one for prefix NONE
    new[order] = np.arange(len(order))
    is_word = prefix[order] == NONE
    new_word = np.full(m, NONE)
    new_word[last[order][is_word]] = np.arange(is_word.sum())
    return Vocabulary(
        words.take(pa.array(last[order][is_word])),
        new[prefix[order]].astype(np.int32),
        new_word[last[order]].astype(np.int32),
    )


def merge(old: Vocabulary, new: Vocabulary) -> Vocabulary:
    """The features of `old` with their ids, then those of `new` that it lacks, short ones first."""
    place = _lookup(new.words, old.words)
    added = place == NONE
    words = pa.concat_arrays([old.words, new.words.filter(pa.array(added))])
    word_of = np.where(added, len(old.words) + np.cumsum(added) - 1, place)  # new word number -> merged one
    prefix, word = [old.prefix], [old.word]
    merged = np.full(len(new) + 1, NONE)  # new feature id -> merged one; the last for prefix NONE
    known = old.prefix.astype(np.int64) * len(words) + old.word
    total = len(old)
    level = new.prefix == NONE
    while level.any():
        ids = np.flatnonzero(level)
        pairs = merged[new.prefix[ids]] * len(words) + word_of[new.word[ids]]
        place = _lookup(pairs, known)
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
    before = np.full(len(word), NONE, np.int64)
    before[1:] = level[:-1]
    before[offsets[:-1][offsets[:-1] < len(word)]] = NONE
    return np.where((before == NONE) | (word == NONE), NONE, before * m + word)


def _lookup(values: np.ndarray | pa.Array, known: np.ndarray | pa.Array) -> np.ndarray:
    """The place of each value in `known`, or NONE."""
    values = pa.array(values) if isinstance(values, np.ndarray) else values
    known = pa.array(known) if isinstance(known, np.ndarray) else known
    return pc.index_in(values, value_set=known).fill_null(NONE).to_numpy()


def _sums(mask: np.ndarray) -> np.ndarray:
    """How many are true before each place: (t + 1,)."""
    return np.concatenate(([0], np.cumsum(mask)))
