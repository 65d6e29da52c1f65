"""The vocabulary: words and word n-grams, each with an id; exact, without hashing.

A feature is a pair (prefix, word): the feature that it extends by one word, or none, and its last word. "not very good"
is ("not very", "good"). The pairs form a trie: n-grams need no text of their own, and finding one means finding a pair
of numbers. Ids are in the order of (-count, text): deterministic, and the rows of frequent features are close together
in memory.

With `presence` (data/presence.py), each feature of a text is encoded once, at its first occurrence.

Affixes may follow: beginnings and endings, `disapp~` and `~ing`, that at least two words share. A word that is not in
the vocabulary has the features of its longest known beginning and ending. No token looks like an affix, since `~` is no
letter. Marked words may follow, such as `not~good`, which a word has beside its own features (data/shifters.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
import pyarrow as pa

from sentibp.data import presence as data_presence
from sentibp.data.key_table import NONE, KeyTable
from sentibp.data.respelling import SHORTEST, without_doubled_letters
from sentibp.data.shifters import MARKS, Shifters, mark_words
from sentibp.data.tokenizer import Tokens, cuts
from sentibp.nn import Ragged
from sentibp.utils import compute as pc
from sentibp.utils.arrow import Lookup, counts_before, from_numpy, index_of, prefix_sums, scalar, split_lines, to_numpy
from sentibp.utils.spill import build_arrays
from sentibp.utils.threads import parallel_map

LONGEST = 3  # words in an n-gram: the largest value of text.ngrams

PIECE = 1 << 20  # tokens that one thread processes at once
_ENCODED = 1 << 17  # the same where the features are looked up: the arrays fit the cache of a core

_MARK = "~"  # marks the open side of an affix

_BEGINNING, _ENDING = 6, 5  # the largest number of characters of an affix; the smallest is 2


class Vocabulary:
    """`words` (m,) are in the order of their ids. Feature i is (prefix[i], word[i]); both are (V,) int32.

    `presence` says whether a feature counts once in a text, or as often as it occurs.
    """

    def __init__(self, words: pa.LargeStringArray, prefix: np.ndarray, word: np.ndarray, presence: bool = False):
        self.words = words
        self.prefix = prefix
        self.word = word
        self.presence = presence
        self.respells = False  # whether an unknown word is read as the known word with the same letters; see `numbers`

    def __len__(self) -> int:
        return len(self.prefix)

    def tensors(self) -> dict[str, np.ndarray]:
        """Return arrays: `words` (t,) uint8, with line breaks between words, and `features` (V, 2) int32.

        If the vocabulary `respells`, also `respells`, which is [1] uint8.
        """
        text = "\n".join(self.words.to_pylist()).encode()  # no word contains a line break
        tensors = {"words": np.frombuffer(text, np.uint8), "features": np.stack((self.prefix, self.word), axis=1)}
        return tensors | ({"respells": np.ones(1, np.uint8)} if self.respells else {})

    @classmethod
    def from_tensors(cls, words: np.ndarray, features: np.ndarray, presence: bool = False) -> Vocabulary:
        """Restore a vocabulary from the result of `tensors`. ValueError or ArrowInvalid if the arrays are invalid."""
        if features.ndim != 2 or features.shape[1] != 2 or features.dtype != np.int32:
            raise ValueError("the vocabulary has no pairs of numbers")
        if (
            np.count_nonzero(words == ord("\n")) >= len(features) + 1
        ):  # checked first, since each word would take tens of bytes
            raise ValueError("the vocabulary has more words than features")
        prefix, word = (np.ascontiguousarray(features[:, number]) for number in (0, 1))
        vocabulary = cls(split_lines(words), prefix, word, presence)
        if ((prefix < NONE) | (prefix >= np.arange(len(prefix), dtype=np.int32))).any():
            raise ValueError("the vocabulary's features are not in order")
        if len(word) and not 0 <= word.min() <= word.max() < len(vocabulary.words):
            raise ValueError("the vocabulary names a word that it does not hold")
        if not np.array_equal(word[vocabulary.word_features], np.arange(len(vocabulary.words))):
            raise ValueError("the vocabulary's words are not each a feature, in order")
        _ = vocabulary.depth  # ValueError if it is too large
        return vocabulary

    def encode(self, tokens: Tokens) -> tuple[Ragged, np.ndarray]:
        """Return the features of each text in the order in which they end, and the number of its unknown tokens (n,).

        With `presence`, each feature is returned once, at its first occurrence. A token is unknown if neither the word
        nor any of its affixes is in the vocabulary.
        """
        return self._encode(tokens, self.presence)

    def occurrences(self, tokens: Tokens) -> Ragged:
        """Return the features of each text in the order in which they end, as often as they occur."""
        return self._encode(tokens, presence=False)[0]

    def pieces(self, tokens: Tokens) -> Iterator[tuple[int, int]]:
        """Yield ranges (start, stop) of texts that are encoded at once."""
        return cuts(tokens.offsets, _ENCODED)

    def select(self, occurrences: Ragged) -> Ragged:
        """Return of the features of each text those that `encode` returns: with `presence`, each once."""
        return data_presence.distinct(occurrences) if self.presence else occurrences

    def _encode(self, tokens: Tokens, presence: bool) -> tuple[Ragged, np.ndarray]:
        encode = self.encoder(tokens, presence)

        def piece(texts: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            features, unknown = encode(texts)
            return features.ids, features.lengths, unknown

        ids, lengths, unknown = build_arrays(parallel_map(piece, self.pieces(tokens)), np.int32, np.int64, np.int64)
        return Ragged(ids, prefix_sums(lengths)), unknown

    def encoder(self, tokens: Tokens, presence: bool) -> Callable[[tuple[int, int]], tuple[Ragged, np.ndarray]]:
        """Return a function that encodes the texts (start, stop), as `encode` encodes all of them.

        With `presence`, it returns each feature once. Several threads may call it at the same time.
        """
        number = self.numbers(tokens.words)
        word_feature = np.append(self.word_features, np.int32(NONE))
        known, depth = self._known_pairs, self.depth
        marked = self.marked_features(tokens.words)
        shifters = Shifters(tokens.words) if marked else None
        unknown_word = number == NONE
        affixes = self.longest_affixes(tokens.words, unknown_word) if self.is_affix.any() else ()
        for feature in affixes:
            unknown_word = unknown_word & (feature == NONE)

        def encode(texts: tuple[int, int]) -> tuple[Ragged, np.ndarray]:
            place, offsets = within(tokens.offsets, texts)
            word = number.take(tokens.ids[place])
            unknown = np.diff(counts_before(unknown_word.take(tokens.ids[place]), offsets))
            levels = [word_feature.take(word, mode="wrap")]  # NONE is -1: the last entry
            while len(levels) < depth:
                levels.append(known.find(pair_keys(levels[-1], word, offsets, len(self.words))))
            levels += [feature.take(tokens.ids[place]) for feature in affixes]
            if shifters is not None:
                found = zip(shifters.find(tokens.ids[place], offsets), marked, strict=True)
                levels += [np.where(has, of.take(tokens.ids[place]), np.int32(NONE)) for has, of in found]
            ids, lengths = interleave(levels, offsets, presence)
            return Ragged(ids, prefix_sums(lengths)), unknown

        return encode

    def numbers(self, words: pa.LargeStringArray) -> np.ndarray:
        """Return the number of each word among the words of the vocabulary, or NONE: (m,) int32.

        If the vocabulary `respells`, an unknown word has the number of the most frequent word that differs from it in
        doubled letters only.
        """
        number = self._known_words.index_of(words)
        if self.respells and (rows := np.flatnonzero(number == NONE)).size:
            unknown = pc.take(words, from_numpy(rows))
            known, first = self._without_doubled_letters
            place = known.index_of(without_doubled_letters(unknown))
            is_long = to_numpy(pc.utf8_length(unknown)) >= SHORTEST
            number[rows] = np.where((place != NONE) & is_long, first[place], NONE)
        return number

    def features(self) -> pa.LargeStringArray:
        """Return the text of each feature (V,): its words joined by spaces."""
        text = pc.take(self.words, from_numpy(self.word))
        prefix = self.prefix
        while (prefix != NONE).any():
            earlier = pc.take(self.words, from_numpy(np.where(prefix == NONE, 0, self.word[prefix])))
            longer = pc.binary_join_element_wise(earlier, text, scalar(" "))
            text = pc.if_else(from_numpy(prefix == NONE), text, longer)
            prefix = np.where(prefix == NONE, NONE, self.prefix[prefix])
        return text

    @cached_property
    def word_features(self) -> np.ndarray:
        """The feature id of each word: (m,) int32."""
        return np.flatnonzero(self.prefix == NONE).astype(np.int32)

    @cached_property
    def is_affix(self) -> np.ndarray:
        """Whether each feature is an affix: (V,) bool."""
        is_affix = np.zeros(len(self), bool)
        ends = [to_numpy(match(self.words, _MARK)) for match in (pc.starts_with, pc.ends_with)]
        is_affix[self.word_features] = ends[0] != ends[1]  # `~~` is a token
        return is_affix

    @cached_property
    def is_marked(self) -> np.ndarray:
        """Whether each feature is a marked word: (V,) bool."""
        is_marked = np.zeros(len(self), bool)
        for mark in MARKS:
            is_marked[self.word_features] |= to_numpy(pc.starts_with(self.words, mark))
        return is_marked

    def marked_features(self, words: pa.LargeStringArray) -> list[np.ndarray]:
        """Return for each of MARKS the feature of each word (m,) with this mark, or NONE; nothing if there are none."""
        if not self.is_marked.any():
            return []
        word_feature = np.append(self.word_features, np.int32(NONE))
        return [word_feature.take(self._known_words.index_of(mark_words(words, mark)), mode="wrap") for mark in MARKS]

    def without_marked(self, texts: Ragged) -> Ragged:
        """Return the features of each text without the marked words."""
        kept = ~self.is_marked.take(texts.ids)
        return Ragged(texts.ids[kept], counts_before(kept, texts.offsets))

    def longest_affixes(self, words: pa.LargeStringArray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the longest known beginning and the longest known ending of each wanted word: feature ids, or NONE.

        Both are (m,) int32 for m words.
        """
        longest = np.full((2, len(words)), NONE, np.int32)
        rows = np.flatnonzero(wanted)
        for kind, which, feature in self._known_affixes(pc.take(words, from_numpy(rows))):  # short affixes first
            longest[kind, rows[which]] = feature
        return longest[0], longest[1]

    def affix_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the pairs (feature, affix) of all words and affixes with the affixes that they begin or end with.

        Both arrays are (k,) int32.
        """
        is_affix = self.is_affix[self.word_features]
        is_plain = ~is_affix & ~self.is_marked[self.word_features]
        text, rows, columns = self.words, [], []
        is_beginning = is_affix & to_numpy(pc.ends_with(text, _MARK))
        for number, kinds in (
            (np.flatnonzero(is_plain), (0, 1)),
            (np.flatnonzero(is_beginning), (0,)),
            (np.flatnonzero(is_affix & ~is_beginning), (1,)),
        ):
            bare = (
                pc.replace_substring(pc.take(text, from_numpy(number)), _MARK, "")
                if kinds != (0, 1)
                else pc.take(text, from_numpy(number))
            )
            for kind, which, feature in self._known_affixes(bare):
                if kind in kinds:
                    rows.append(self.word_features[number[which]])
                    columns.append(feature)
        return np.concatenate(rows), np.concatenate(columns)

    def _known_affixes(self, words: pa.LargeStringArray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield the known affixes of words: kind (0 beginning, 1 ending), the words that have one, the feature id."""
        features = np.flatnonzero(self.is_affix).astype(np.int32)
        for kind, which, texts in enumerate_affixes(words):
            place = self._lookup_of_affixes.index_of(texts)
            yield kind, which[place != NONE], features[place[place != NONE]]

    @cached_property
    def _without_doubled_letters(self) -> tuple[Lookup, np.ndarray]:
        """The distinct words without doubled letters, and the number of the first word that each stands for (k,)."""
        encoded = pc.dictionary_encode(without_doubled_letters(self.words))
        first = np.zeros(len(encoded.dictionary), np.int32)
        first[to_numpy(encoded.indices)[::-1]] = np.arange(len(self.words), dtype=np.int32)[::-1]
        return Lookup(encoded.dictionary), first

    @cached_property
    def _pair_ids(self) -> np.ndarray:
        """The ids of the features that are n-grams, not words."""
        return np.flatnonzero(self.prefix != NONE).astype(np.int32)

    @cached_property
    def _lookup_of_affixes(self) -> Lookup:
        return Lookup(pc.filter(self.words, from_numpy(self.is_affix[self.word_features])))

    @cached_property
    def _known_words(self) -> Lookup:
        return Lookup(self.words)

    @cached_property
    def _known_pairs(self) -> KeyTable:
        """The key of each n-gram: the feature that it extends by a word, and that word."""
        return KeyTable(self.prefix.astype(np.int64) * len(self.words) + self.word, self._pair_ids)

    @cached_property
    def depth(self) -> int:
        """The largest number of words in a feature. ValueError if it exceeds LONGEST, since a long chain takes long."""
        depth, prefix = 1, self._pair_ids
        while len(prefix := prefix[self.prefix[prefix] != NONE]):
            prefix = self.prefix[prefix]
            depth += 1
            if depth > LONGEST:
                raise ValueError(f"the vocabulary has n-grams of more than {LONGEST} words")
        return depth


def enumerate_affixes(words: pa.LargeStringArray) -> Iterator[tuple[int, np.ndarray, pa.LargeStringArray]]:
    """Yield the affixes of words, short ones first: kind (0 beginning, 1 ending), which words, their affixes."""
    punctuation = to_numpy(
        pc.match_substring_regex(words, "^(?:[[:punct:]]+|<[a-z]+>)$")
    )  # no affixes: `~~` would be the beginning of `~~~`; `<url>` is a class of tokens
    length = np.where(punctuation, 0, to_numpy(pc.utf8_length(words)))
    mark, nothing = scalar(_MARK), scalar("")
    for kind, longest in enumerate((_BEGINNING, _ENDING)):
        for size in range(2, longest + 1):
            which = np.flatnonzero(length >= size)
            long_enough = pc.take(words, from_numpy(which))
            if kind == 0:
                cut = pc.utf8_slice_codeunits(long_enough, 0, size)
                yield kind, which, pc.binary_join_element_wise(cut, mark, nothing)
            else:
                cut = pc.utf8_slice_codeunits(long_enough, -size)
                yield kind, which, pc.binary_join_element_wise(mark, cut, nothing)


def vocabulary_of_words(words: pa.LargeStringArray, presence: bool = False) -> Vocabulary:
    """Return the vocabulary of these words (m,), all of which are distinct, in their order."""
    n = len(words)
    return Vocabulary(words, np.full(n, NONE, np.int32), np.arange(n, dtype=np.int32), presence)


def merge(old: Vocabulary, new: Vocabulary) -> Vocabulary:
    """Return the features of `old` with their ids, followed by those that only `new` has, words before n-grams.

    `presence` is that of `new`.
    """
    place = index_of(new.words, old.words)
    added = place == NONE
    words = pa.concat_arrays([old.words, pc.filter(new.words, from_numpy(added))])
    word_of = np.where(
        added, len(old.words) + np.cumsum(added) - 1, place
    )  # word number in `new` -> in the merged vocabulary
    prefix, word = [old.prefix], [old.word]
    merged = np.full(len(new) + 1, NONE)  # feature id in `new` -> in the merged vocabulary; the last entry is for NONE
    known = old.prefix.astype(np.int64) * len(words) + old.word
    total = len(old)
    level = new.prefix == NONE
    while level.any():
        ids = np.flatnonzero(level)
        pairs = merged[new.prefix[ids]] * len(words) + word_of[new.word[ids]]
        place = index_of(from_numpy(pairs), from_numpy(known))
        added = place == NONE
        merged[ids] = np.where(added, total + np.cumsum(added) - 1, place)
        prefix.append(merged[new.prefix[ids[added]]])
        word.append(word_of[new.word[ids[added]]])
        total += int(added.sum())
        level = np.isin(new.prefix, ids)
    prefixes, last_words = (np.concatenate(column).astype(np.int32) for column in (prefix, word))
    return Vocabulary(words, prefixes, last_words, new.presence)


def pair_keys(level: np.ndarray, word: np.ndarray, offsets: np.ndarray, m: int) -> np.ndarray:
    """Return for each token the key of (feature that ends before it, its word), or NONE at the start of a text."""
    pairs = np.empty(len(word), np.int64)
    np.multiply(level[:-1], m, out=pairs[1:], dtype=np.int64)
    pairs[1:] += word[1:]
    pairs[1:][(level[:-1] == NONE) | (word[1:] == NONE)] = NONE
    pairs[offsets[:-1][offsets[:-1] < len(word)]] = NONE
    return pairs


def within(offsets: np.ndarray, texts: tuple[int, int]) -> tuple[slice, np.ndarray]:
    """Return where the tokens of the texts (start, stop) are, and the offsets of these texts relative to the first."""
    selected = offsets[texts[0] : texts[1] + 1]
    return slice(int(selected[0]), int(selected[-1])), selected - selected[0]


def interleave(levels: list[np.ndarray], offsets: np.ndarray, presence: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the features that end at each token, short ones first, without NONE, and the number in each text (n,).

    With `presence`, the first occurrence of each feature in a text is returned only.
    """
    ids = np.stack(levels, axis=1).ravel()
    known = ids != NONE
    ids, lengths = ids.compress(known), np.diff(counts_before(known, offsets * len(levels)))
    return data_presence.keep_first(ids, lengths) if presence else (ids, lengths)
