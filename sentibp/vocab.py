"""The vocabulary: words and word n-grams, each with an id; exact, no hashing.

A feature is a pair (prefix, word): the feature it extends by one word, or none, and its last word. "not very good" is
("not very", "good"). The pairs form a trie, so that n-grams need no text of their own, and looking one up is looking
up a pair of numbers. Ids follow (-count, text): deterministic, and the rows of frequent features lie together in
memory.

After them may come parts of words, `disapp~` and `~ing`: how at least two words begin or end. A word that the
vocabulary lacks has two features, the longest of either kind. No token looks like a part: `~` is no letter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import scratch
from .arrow import array, lines, numbers, places, scalar, sums
from .nn import Ragged
from .pairs import NONE, Pairs
from .scratch import gathered
from .text import Tokens, cuts
from .threads import on_all_cores

LONGEST = 3  # words in an n-gram, as text.ngrams has it
_PIECE = 1 << 20  # tokens handled at once by one thread
_FEW = 1 << 18  # those whose features are put in their order at once: they fit the cache of a core
_MARK = "~"  # where a part of a word goes on
_BEGINNING, _ENDING = 6, 5  # the most characters of a part; the fewest are 2


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
        if np.count_nonzero(words == ord("\n")) >= len(features) + 1:  # each would take tens of bytes
            raise ValueError("the vocabulary has more words than features")
        vocabulary = cls(lines(words), np.ascontiguousarray(features[:, 0]), np.ascontiguousarray(features[:, 1]))
        prefix, word = vocabulary.prefix, vocabulary.word
        if ((prefix < NONE) | (prefix >= np.arange(len(prefix)))).any():
            raise ValueError("the vocabulary's features are not in order")
        if len(word) and not 0 <= word.min() <= word.max() < len(vocabulary.words):
            raise ValueError("the vocabulary names a word that it does not hold")
        if not np.array_equal(word[vocabulary.word_features], np.arange(len(vocabulary.words))):
            raise ValueError("the vocabulary's words are not each a feature, in order")
        _ = vocabulary._depth  # which complains
        return vocabulary

    def encode(self, tokens: Tokens) -> tuple[Ragged, np.ndarray]:
        """The features of each text, in the order in which they end, and how many of its tokens have none (n,)."""
        number = places(tokens.words, self.words)
        word_feature = np.append(self.word_features, np.int32(NONE))
        pair_ids, known, depth = self._pair_ids, array(self._pair_keys), self._depth
        silent = number == NONE
        parts = self.longest_parts(tokens.words, silent) if self.is_part.any() else ()
        for feature in parts:
            silent = silent & (feature == NONE)

        def piece(texts: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            at, offsets = _within(tokens.offsets, texts)
            word = number.take(tokens.ids[at])
            unknown = np.diff(sums(silent.take(tokens.ids[at]))[offsets])
            levels = [word_feature.take(word, mode="wrap")]  # NONE is -1: the last
            while len(levels) < depth:
                pairs = _pairs(levels[-1], word, offsets, len(self.words))
                found = places(array(pairs), known)
                levels.append(np.where(found == NONE, NONE, pair_ids[found]))
            levels += [kind.take(tokens.ids[at]) for kind in parts]
            return *_interleave(levels, offsets), unknown

        # each piece makes a hash table of all that is known, so it should not be much smaller than that
        cut = cuts(tokens.offsets, max(2 * _PIECE, len(self)))
        ids, lengths, unknown = gathered(on_all_cores(piece, cut), np.int32, np.int64, np.int64)
        return Ragged(ids, sums(lengths)), unknown

    def features(self) -> pa.LargeStringArray:
        """The text of each feature (V,), its words joined by a space."""
        text = self.words.take(array(self.word))
        prefix = self.prefix
        while (prefix != NONE).any():
            earlier = self.words.take(array(np.where(prefix == NONE, 0, self.word[prefix])))
            longer = pc.binary_join_element_wise(earlier, text, scalar(" "))
            text = pc.if_else(array(prefix == NONE), text, longer)
            prefix = np.where(prefix == NONE, NONE, self.prefix[prefix])
        return text

    @cached_property
    def word_features(self) -> np.ndarray:
        """The feature id of each word (m,) int32."""
        return np.flatnonzero(self.prefix == NONE).astype(np.int32)

    @cached_property
    def is_part(self) -> np.ndarray:
        """Which features are parts of words (V,)."""
        parts = np.zeros(len(self), bool)
        ends = [numbers(match(self.words, _MARK)) for match in (pc.starts_with, pc.ends_with)]
        parts[self.word_features] = ends[0] != ends[1]  # `~~` is a token
        return parts

    def longest_parts(self, words: pa.LargeStringArray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The feature of the longest known beginning, and ending, of each wanted word; (m,) int32 each, or NONE."""
        longest = np.full((2, len(words)), NONE, np.int32)
        some = np.flatnonzero(wanted)
        for kind, which, feature in self._parts_in(words.take(array(some))):  # short ones first
            longest[kind, some[which]] = feature
        return longest[0], longest[1]

    def shares(self) -> tuple[np.ndarray, np.ndarray]:
        """Pairs (feature, part) of all parts that a word, or a longer part, begins or ends with: (k,) int32 each."""
        is_part = self.is_part[self.word_features]
        text, rows, columns = self.words, [], []
        begins = is_part & numbers(pc.ends_with(text, _MARK))
        for number, kinds in (
            (np.flatnonzero(~is_part), (0, 1)),
            (np.flatnonzero(begins), (0,)),
            (np.flatnonzero(is_part & ~begins), (1,)),
        ):
            bare = (
                pc.replace_substring(text.take(array(number)), _MARK, "")
                if kinds != (0, 1)
                else text.take(array(number))
            )
            for kind, which, feature in self._parts_in(bare):
                if kind in kinds:
                    rows.append(self.word_features[number[which]])
                    columns.append(feature)
        return np.concatenate(rows), np.concatenate(columns)

    def _parts_in(self, words: pa.LargeStringArray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """The known parts of words: kind (0 beginning, 1 ending), which words have one, and the feature of each."""
        known = self.words.filter(array(self.is_part[self.word_features]))
        features = np.flatnonzero(self.is_part).astype(np.int32)
        for kind, which, texts in _parts(words):
            place = places(texts, known)
            yield kind, which[place != NONE], features[place[place != NONE]]

    @cached_property
    def _pair_ids(self) -> np.ndarray:
        """The feature ids that are n-grams, not words."""
        return np.flatnonzero(self.prefix != NONE).astype(np.int32)

    @cached_property
    def _pair_keys(self) -> np.ndarray:
        return self.prefix[self._pair_ids].astype(np.int64) * len(self.words) + self.word[self._pair_ids]

    @cached_property
    def _depth(self) -> int:
        """The most words in a feature. ValueError if more than LONGEST: a chain of a million would take for ever."""
        depth, prefix = 1, self._pair_ids
        while len(prefix := prefix[self.prefix[prefix] != NONE]):
            prefix = self.prefix[prefix]
            depth += 1
            if depth > LONGEST:
                raise ValueError(f"the vocabulary has n-grams of more than {LONGEST} words")
        return depth


def build(
    tokens: Tokens, ngrams: int = 1, min_count: int = 1, max_features: int | None = None, parts: bool = False
) -> tuple[Vocabulary, Ragged]:
    """The words and n-grams that occur at least `min_count` times; of these the `max_features` most frequent.

    With `parts`, the beginnings and endings that they share come on top.

    An n-gram is kept only with its words and its prefix, which are at least as frequent: a cut through features of
    equal count can leave a few less than `max_features`. With the vocabulary come the encoded texts themselves.

    What grows with the number of tokens lies in `scratch`. In memory are the distinct words, and the features that
    occur `min_count` times; of n-grams no more than twice `max_features`.
    """
    pieces = [_within(tokens.offsets, texts) for texts in cuts(tokens.offsets, _PIECE)]
    distinct = len(tokens.words)
    count = np.zeros(distinct, np.int64)
    for part in on_all_cores(lambda piece: np.bincount(tokens.ids[piece[0]], minlength=distinct), pieces):
        count += part
    kept = np.flatnonzero(count >= min_count)
    kept = kept[numbers(pc.sort_indices(tokens.words.take(array(kept))))]  # words in alphabetical order
    words = tokens.words.take(array(kept))
    m = len(words)
    rank = np.full(distinct, NONE, np.int32)
    rank[kept] = np.arange(m, dtype=np.int32)
    word = scratch.empty(len(tokens.ids), np.int32)
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
    vocabulary = Vocabulary(words.take(array(last[order][is_word])), new[prefix[order]], new_word[last[order]])

    def encode(texts: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        at, offsets = _within(tokens.offsets, texts)
        return _interleave([new.take(level[at], mode="wrap") for level in levels], offsets)

    if parts:
        vocabulary = with_parts(vocabulary)
        if len(kept) < distinct or max_features is not None:  # words that it lacks, which are known by their parts
            return vocabulary, vocabulary.encode(tokens)[0]
    ids, lengths = gathered(on_all_cores(encode, cuts(tokens.offsets, _FEW)), np.int32, np.int64)
    return vocabulary, Ragged(ids, sums(lengths))


def with_parts(vocabulary: Vocabulary) -> Vocabulary:
    """The vocabulary, and after it each beginning and ending that at least two of its words have."""
    texts = pa.concat_arrays([texts for _, _, texts in _parts(vocabulary.words)])
    encoded = texts.dictionary_encode()
    count = np.bincount(numbers(encoded.indices), minlength=len(encoded.dictionary))
    often = np.flatnonzero(count >= 2)
    often = often[numbers(pc.sort_indices(encoded.dictionary.take(array(often))))]
    often = often[np.argsort(-count[often], kind="stable")]
    n, m = len(often), len(vocabulary.words)
    words = pa.concat_arrays([vocabulary.words, encoded.dictionary.take(array(often))])
    prefix = np.concatenate((vocabulary.prefix, np.full(n, NONE, np.int32)))
    return Vocabulary(words, prefix, np.concatenate((vocabulary.word, np.arange(m, m + n, dtype=np.int32))))


def _parts(words: pa.LargeStringArray) -> Iterator[tuple[int, np.ndarray, pa.LargeStringArray]]:
    """How words begin (0) and end (1), short parts first: which words are so long, and the part of each."""
    punctuation = numbers(pc.match_substring_regex(words, "^[[:punct:]]+$"))  # has none: `~~` would begin `~~~`
    length = np.where(punctuation, 0, numbers(pc.utf8_length(words)))
    mark, nothing = scalar(_MARK), scalar("")
    for kind, most in enumerate((_BEGINNING, _ENDING)):
        for size in range(2, most + 1):
            which = np.flatnonzero(length >= size)
            long_enough = words.take(array(which))
            if kind == 0:
                cut = pc.utf8_slice_codeunits(long_enough, 0, size)
                yield kind, which, pc.binary_join_element_wise(cut, mark, nothing)
            else:
                cut = pc.utf8_slice_codeunits(long_enough, -size)
                yield kind, which, pc.binary_join_element_wise(mark, cut, nothing)


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
        return _pairs(level[at], word[at], offsets, m)

    pairs = Pairs([at for at, _ in pieces], keys)
    parts: list[_Found] = []
    counted = on_all_cores(lambda shard: pairs.count(shard, min_count), range(pairs.shards))
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

    for _ in on_all_cores(rename, range(pairs.shards)):
        pass
    return longer, pairs.names()


def _joined(parts: list[_Found]) -> _Found:
    return _Found(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


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


def _within(offsets: np.ndarray, texts: tuple[int, int]) -> tuple[slice, np.ndarray]:
    """The place of the tokens of some texts, from which to which, and the offsets of these texts in there."""
    own = offsets[texts[0] : texts[1] + 1]
    return slice(int(own[0]), int(own[-1])), own - own[0]


def _interleave(levels: list[np.ndarray], offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The features that end at each token, short ones first, token after token, without the NONEs; and how many each
    text has."""
    ids = np.stack(levels, axis=1).ravel()
    present = ids != NONE
    return ids.compress(present), np.diff(sums(present)[offsets * len(levels)])
