"""The vocabulary: words and word n-grams, each with an id; exact, no hashing.

A feature is a pair (prefix, word): the feature it extends by one word, or none, and its last word. "not very good" is
("not very", "good"). The pairs form a trie, so that n-grams need no text of their own, and looking one up is looking
up a pair of numbers. Ids follow (-count, text): deterministic, and the rows of frequent features lie together in
memory.

After them may come parts of words, `disapp~` and `~ing`: how at least two words begin or end. A word that the
vocabulary lacks has two features, the longest of either kind. No token looks like a part: `~` is no letter."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data.ngram_counts import NONE
from sentibp.data.tokenizer import Tokens, cuts
from sentibp.nn import Ragged
from sentibp.utils.arrow import from_numpy, index_of, prefix_sums, scalar, split_lines, to_numpy
from sentibp.utils.spill import build_arrays
from sentibp.utils.threads import parallel_map

LONGEST = 3  # words in an n-gram, as text.ngrams has it

PIECE = 1 << 20  # tokens handled at once by one thread

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
        vocabulary = cls(split_lines(words), np.ascontiguousarray(features[:, 0]), np.ascontiguousarray(features[:, 1]))
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
        number = index_of(tokens.words, self.words)
        word_feature = np.append(self.word_features, np.int32(NONE))
        pair_ids, known, depth = self._pair_ids, from_numpy(self._pair_keys), self._depth
        silent = number == NONE
        parts = self.longest_affixes(tokens.words, silent) if self.is_affix.any() else ()
        for feature in parts:
            silent = silent & (feature == NONE)

        def piece(texts: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            at, offsets = within(tokens.offsets, texts)
            word = number.take(tokens.ids[at])
            unknown = np.diff(prefix_sums(silent.take(tokens.ids[at]))[offsets])
            levels = [word_feature.take(word, mode="wrap")]  # NONE is -1: the last
            while len(levels) < depth:
                pairs = pair_keys(levels[-1], word, offsets, len(self.words))
                found = index_of(from_numpy(pairs), known)
                levels.append(np.where(found == NONE, NONE, pair_ids[found]))
            levels += [kind.take(tokens.ids[at]) for kind in parts]
            return *interleave(levels, offsets), unknown

        # each piece makes a hash table of all that is known, so it should not be much smaller than that
        cut = cuts(tokens.offsets, max(2 * PIECE, len(self)))
        ids, lengths, unknown = build_arrays(parallel_map(piece, cut), np.int32, np.int64, np.int64)
        return Ragged(ids, prefix_sums(lengths)), unknown

    def features(self) -> pa.LargeStringArray:
        """The text of each feature (V,), its words joined by a space."""
        text = self.words.take(from_numpy(self.word))
        prefix = self.prefix
        while (prefix != NONE).any():
            earlier = self.words.take(from_numpy(np.where(prefix == NONE, 0, self.word[prefix])))
            longer = pc.binary_join_element_wise(earlier, text, scalar(" "))
            text = pc.if_else(from_numpy(prefix == NONE), text, longer)
            prefix = np.where(prefix == NONE, NONE, self.prefix[prefix])
        return text

    @cached_property
    def word_features(self) -> np.ndarray:
        """The feature id of each word (m,) int32."""
        return np.flatnonzero(self.prefix == NONE).astype(np.int32)

    @cached_property
    def is_affix(self) -> np.ndarray:
        """Which features are parts of words (V,)."""
        parts = np.zeros(len(self), bool)
        ends = [to_numpy(match(self.words, _MARK)) for match in (pc.starts_with, pc.ends_with)]
        parts[self.word_features] = ends[0] != ends[1]  # `~~` is a token
        return parts

    def longest_affixes(self, words: pa.LargeStringArray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The feature of the longest known beginning, and ending, of each wanted word; (m,) int32 each, or NONE."""
        longest = np.full((2, len(words)), NONE, np.int32)
        some = np.flatnonzero(wanted)
        for kind, which, feature in self._known_affixes(words.take(from_numpy(some))):  # short ones first
            longest[kind, some[which]] = feature
        return longest[0], longest[1]

    def affix_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Pairs (feature, part) of all parts that a word, or a longer part, begins or ends with: (k,) int32 each."""
        is_part = self.is_affix[self.word_features]
        text, rows, columns = self.words, [], []
        begins = is_part & to_numpy(pc.ends_with(text, _MARK))
        for number, kinds in (
            (np.flatnonzero(~is_part), (0, 1)),
            (np.flatnonzero(begins), (0,)),
            (np.flatnonzero(is_part & ~begins), (1,)),
        ):
            bare = (
                pc.replace_substring(text.take(from_numpy(number)), _MARK, "")
                if kinds != (0, 1)
                else text.take(from_numpy(number))
            )
            for kind, which, feature in self._known_affixes(bare):
                if kind in kinds:
                    rows.append(self.word_features[number[which]])
                    columns.append(feature)
        return np.concatenate(rows), np.concatenate(columns)

    def _known_affixes(self, words: pa.LargeStringArray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """The known parts of words: kind (0 beginning, 1 ending), which words have one, and the feature of each."""
        known = self.words.filter(from_numpy(self.is_affix[self.word_features]))
        features = np.flatnonzero(self.is_affix).astype(np.int32)
        for kind, which, texts in enumerate_affixes(words):
            place = index_of(texts, known)
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


def enumerate_affixes(words: pa.LargeStringArray) -> Iterator[tuple[int, np.ndarray, pa.LargeStringArray]]:
    """How words begin (0) and end (1), short parts first: which words are so long, and the part of each."""
    punctuation = to_numpy(pc.match_substring_regex(words, "^[[:punct:]]+$"))  # has none: `~~` would begin `~~~`
    length = np.where(punctuation, 0, to_numpy(pc.utf8_length(words)))
    mark, nothing = scalar(_MARK), scalar("")
    for kind, most in enumerate((_BEGINNING, _ENDING)):
        for size in range(2, most + 1):
            which = np.flatnonzero(length >= size)
            long_enough = words.take(from_numpy(which))
            if kind == 0:
                cut = pc.utf8_slice_codeunits(long_enough, 0, size)
                yield kind, which, pc.binary_join_element_wise(cut, mark, nothing)
            else:
                cut = pc.utf8_slice_codeunits(long_enough, -size)
                yield kind, which, pc.binary_join_element_wise(mark, cut, nothing)


def merge(old: Vocabulary, new: Vocabulary) -> Vocabulary:
    """The features of `old` with their ids, then those of `new` that it lacks, short ones first."""
    place = index_of(new.words, old.words)
    added = place == NONE
    words = pa.concat_arrays([old.words, new.words.filter(from_numpy(added))])
    word_of = np.where(added, len(old.words) + np.cumsum(added) - 1, place)  # new word number -> merged one
    prefix, word = [old.prefix], [old.word]
    merged = np.full(len(new) + 1, NONE)  # new feature id -> merged one; the last for prefix NONE
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
    return Vocabulary(words, np.concatenate(prefix).astype(np.int32), np.concatenate(word).astype(np.int32))


def pair_keys(level: np.ndarray, word: np.ndarray, offsets: np.ndarray, m: int) -> np.ndarray:
    """For each token the key of (feature that ends before it, its word), or NONE at the start of a text."""
    pairs = np.empty(len(word), np.int64)
    np.multiply(level[:-1], m, out=pairs[1:], dtype=np.int64)
    pairs[1:] += word[1:]
    pairs[1:][(level[:-1] == NONE) | (word[1:] == NONE)] = NONE
    pairs[offsets[:-1][offsets[:-1] < len(word)]] = NONE
    return pairs


def within(offsets: np.ndarray, texts: tuple[int, int]) -> tuple[slice, np.ndarray]:
    """The place of the tokens of some texts, from which to which, and the offsets of these texts in there."""
    own = offsets[texts[0] : texts[1] + 1]
    return slice(int(own[0]), int(own[-1])), own - own[0]


def interleave(levels: list[np.ndarray], offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The features that end at each token, short ones first, token after token, without the NONEs; and how many each
    text has."""
    ids = np.stack(levels, axis=1).ravel()
    present = ids != NONE
    return ids.compress(present), np.diff(prefix_sums(present)[offsets * len(levels)])
