"""The tensors of a compressed model: a vocabulary and its rows, in as few bytes as possible.

The features are in levels, from the most frequent to the rarest. In each level the words come first, in alphabetical
order; a word is stored as the number of bytes that it shares with the word before, and the rest (front coding). Then
n-grams follow in the order of their pairs (prefix, word); stored are the differences to the pair before (delta coding).
The entries of the rows are whole numbers of 8 bits times one step; the few that are larger are listed. Everything is
compressed with zlib. Reading takes memory in proportion to the size of the file: see `_inflate`.

Words that did not fit are unknown, and misspelled words among them: a compressed vocabulary respells these.
"""

from __future__ import annotations

import zlib
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from sentibp.data.key_table import NONE
from sentibp.data.vocabulary import Vocabulary
from sentibp.nn.layers import Array
from sentibp.utils.arrow import prefix_sums
from sentibp.utils.threads import parallel_map

_LEVELS = (256, 1024, 4096, 16384)  # features before each level but the first
_SHORT = 127  # the largest number in 8 bits
_BREAK = ord("\n")  # ends a word
_SHARED = 60  # the largest number of bytes that a word shares with the word before
_DEFLATED = (*(f"vocabulary.{name}" for name in ("shared", "endings", "prefixes", "ngrams")), "embedding.codes")
_RATIO, _SLACK = 32, 4096  # n bytes are at most _RATIO * n + _SLACK bytes when they are inflated


class Rows(NamedTuple):
    """The rows of the features: codes * step."""

    codes: Array  # (V, d) whole numbers
    step: float

    def weight(self) -> Array:
        """Return the rows (V, d) float32."""
        with np.errstate(over="ignore"):  # who reads a file looks for numbers that are not finite
            weight = np.ascontiguousarray(self.codes, np.float32)
            weight *= np.float32(self.step)
        return weight


def pack(vocabulary: Vocabulary, rows: Rows) -> dict[str, Array]:
    """Return the tensors of a vocabulary, whose most frequent features come first, and of its rows.

    `unpack` restores them with other ids: within a level, the order of the features is lost.
    """
    order, contents = pack_vocabulary(vocabulary)
    codes = rows.codes[order].T.ravel()  # entries of the same column are alike
    short = np.clip(codes, -_SHORT, _SHORT)
    long = np.flatnonzero(codes != short)
    return {
        "vocabulary.levels": contents.levels,
        "vocabulary.shared": _deflate(contents.shared),
        "vocabulary.endings": _deflate(contents.endings),
        "vocabulary.prefixes": _deflate(contents.prefixes),
        "vocabulary.ngrams": _deflate(contents.ngrams),
        "embedding.codes": _deflate(short.astype(np.int8).tobytes()),
        "embedding.long": np.stack((long, codes[long])),
        "embedding.step": np.array([rows.step], np.float32),
    }


class Contents(NamedTuple):
    """A vocabulary in few bytes: see docs/reference/model-file.md."""

    levels: Array  # (levels, 2) the numbers of words and of n-grams
    shared: bytes
    endings: bytes
    prefixes: bytes
    ngrams: bytes


def pack_vocabulary(vocabulary: Vocabulary) -> tuple[Array, Contents]:
    """Return the features (V,) in the order of their new ids, and the vocabulary in few bytes, not yet deflated."""
    level = np.searchsorted(_LEVELS, np.arange(len(vocabulary)), side="right")
    words = vocabulary.words.to_pylist()
    by_text = sorted(vocabulary.word_features.tolist(), key=lambda i: (level[i], words[vocabulary.word[i]]))
    order, pairs = _order(vocabulary, level, np.array(by_text, np.int64))
    prefixes, ngram_words = _differences(pairs)
    shared, endings = _front_code([f"{words[vocabulary.word[i]]}\n".encode() for i in by_text])
    is_word = (vocabulary.prefix == NONE)[order]
    counts = [np.bincount(level[order][kind], minlength=len(_LEVELS) + 1) for kind in (is_word, ~is_word)]
    levels = np.stack(counts, axis=1)
    return order, Contents(levels, shared, endings, to_varints(prefixes), to_varints(ngram_words))


def unpack(tensors: dict[str, Array], dim: int, presence: bool = False) -> tuple[Vocabulary, Rows]:
    """Restore a vocabulary and its rows of `dim` numbers, and remove their tensors. ValueError if they are damaged.

    With `presence`, each feature counts once in a review: the file has that among its settings.
    """
    counts, step = tensors.pop("vocabulary.levels"), tensors.pop("embedding.step")
    if counts.dtype != np.int64 or counts.shape != (len(_LEVELS) + 1, 2) or counts.min() < 0 or counts.max() >= 1 << 31:
        raise ValueError("the numbers of its features are not numbers of features")
    if step.dtype != np.float32 or step.shape != (1,) or not (np.isfinite(step[0]) and step[0] > 0):
        raise ValueError("the step of its rows is not a number above 0")
    shared, endings, prefixes, words, codes = (tensors.pop(name) for name in _DEFLATED)
    long = tensors.pop("embedding.long")
    readers = (
        lambda: _read_words(shared, endings, int(counts[:, 0].sum())),
        lambda: _read_features(prefixes, words, counts),
        lambda: _read_codes(codes, long, dim, int(counts.sum())),
    )
    text, features, values = parallel_map(lambda read: read(), readers)  # a third of the time of a prediction
    vocabulary = Vocabulary.from_tensors(text[:-1], features, presence)
    vocabulary.respells = True
    return vocabulary, Rows(values.reshape(dim, -1).T, float(step[0]))


def _read_words(packed_shared: Array, packed_endings: Array, count: int) -> Array:
    """Return the text of all words (t,) uint8, each with a line break."""
    shared = _inflate(packed_shared)
    if len(shared) != count:
        raise ValueError(f"its vocabulary has {len(shared):,} words, not {count:,}")
    return _front_decode(shared, _inflate(packed_endings))


def _read_features(packed_prefixes: Array, packed_words: Array, counts: Array) -> Array:
    """Return the pairs (prefix, word) of all features (V, 2) int32."""
    prefixes, words = (_from_varints(_inflate(packed)) for packed in (packed_prefixes, packed_words))
    ngrams = int(counts[:, 1].sum())
    if not len(prefixes) == len(words) == ngrams:
        raise ValueError(f"its vocabulary has {len(prefixes):,} and {len(words):,} n-grams, not {ngrams:,}")
    return _features(counts, prefixes, words)


def _read_codes(packed: Array, long: Array, dim: int, features: int) -> Array:
    """Return the codes of all rows, column by column: (dim * V,) whole numbers."""
    codes = _inflate(packed)
    if len(codes) != dim * features:
        raise ValueError(f"its rows have {len(codes):,} numbers, not {dim:,} for each of {features:,} features")
    if long.dtype != np.int64 or long.shape[:1] != (2,) or not _are_places(long[0], len(codes)):
        raise ValueError("the list of its long numbers is damaged")
    are_short = np.array_equal(long[1], long[1].astype(np.int16))
    values = codes.view(np.int8).astype(np.int16 if are_short else np.int64)  # a copy: the bytes cannot be written
    values[long[0]] = long[1]
    return values


def _are_places(values: Array, count: int) -> bool:
    return values.ndim == 1 and (not len(values) or (values.min() >= 0 and values.max() < count))


def _order(vocabulary: Vocabulary, level: Array, by_text: Array) -> tuple[Array, list[Array]]:
    """Return the features (V,) in the order of their new ids, and for each level the pairs of its n-grams (2, n).

    `by_text` are the words (m,) in the order of their new numbers. A pair is (prefix, word), of new ids and numbers.
    """
    m = len(by_text)
    number = np.empty(m, np.int64)
    number[vocabulary.word[by_text]] = np.arange(m)
    new = np.full(len(vocabulary), NONE, np.int64)
    order, pairs, done = [np.zeros(0, np.int64)], [], 0
    for each in range(len(_LEVELS) + 1):
        of_level = [np.zeros((2, 0), np.int64)]
        group = by_text[level[by_text] == each]
        rest = np.flatnonzero((level == each) & (vocabulary.prefix != NONE))
        while len(group) or len(rest):  # n-grams after the n-grams that they extend
            new[group] = done + np.arange(len(group))
            done += len(group)
            order.append(group)
            is_next = new[vocabulary.prefix[rest]] != NONE
            group, rest = rest[is_next], rest[~is_next]
            prefix, word = new[vocabulary.prefix[group]], number[vocabulary.word[group]]
            place = np.lexsort((word, prefix))
            group = group[place]
            of_level.append(np.stack((prefix[place], word[place])))
        pairs.append(np.concatenate(of_level, axis=1))
    return np.concatenate(order), pairs


def _differences(levels: list[Array]) -> tuple[Array, Array]:
    """Return for each n-gram how far its prefix is from the last, and, if it is the same, its word; else its word.

    Both are (n,). Each level begins anew.
    """
    prefixes, words = [], []
    for prefix, word in levels:
        step = np.diff(prefix, prepend=0)
        prefixes.append(step)
        words.append(np.where(step == 0, np.diff(word, prepend=0), word))  # of the first, both are the same
    return np.concatenate(prefixes), np.concatenate(words)


def _features(counts: Array, prefixes: Array, words: Array) -> Array:
    """Return the pairs (prefix, word) of all features (V, 2) int32. Undoes `_differences`."""
    features = np.full((2, counts.sum()), NONE, np.int32).T  # a vocabulary has its columns one by one
    feature = number = ngram = 0
    for new_words, ngrams in counts.tolist():
        features[feature : feature + new_words, 1] = np.arange(number, number + new_words)
        feature, number = feature + new_words, number + new_words
        step, word = prefixes[ngram : ngram + ngrams], np.cumsum(words[ngram : ngram + ngrams])
        if ngrams:
            starts = np.flatnonzero(np.concatenate(([1], step[1:])))  # where the prefix changes
            before = np.concatenate(([0], word[starts[1:] - 1]))
            word -= np.repeat(before, np.diff(starts, append=ngrams))
            prefix = np.cumsum(step)
            if not (_are_places(prefix, len(features)) and _are_places(word, counts[:, 0].sum())):
                raise ValueError("its n-grams extend features that it does not have")
            features[feature : feature + ngrams, 0] = prefix
            features[feature : feature + ngrams, 1] = word
        feature, ngram = feature + ngrams, ngram + ngrams
    return features


def _front_code(words: list[bytes]) -> tuple[bytes, bytes]:
    """Return the number of bytes that each word shares with the word before, and the rest of all words."""
    shared, endings = bytearray(), bytearray()
    for before, word in pairwise([b"", *words]):
        most, count = min(len(before), len(word), _SHARED), 0
        while count < most and before[count] == word[count]:
            count += 1
        shared.append(count)
        endings += word[count:]
    return bytes(shared), bytes(endings)


def _front_decode(shared: Array, endings: Array) -> Array:
    """Return the text of all words (t,) uint8, each with a line break. Undoes `_front_code`, for all words at once."""
    ends = np.flatnonzero(endings == _BREAK) + 1
    shared = shared.astype(np.int64)
    if len(ends) != len(shared) or (len(endings) and endings[-1] != _BREAK):
        raise ValueError("its words do not end where they should")
    own = np.diff(ends, prepend=0)
    length = shared + own
    if shared.max(initial=0) > _SHARED or (shared > np.concatenate(([1], length))[: len(shared)] - 1).any():
        raise ValueError("a word shares more than the word before has")
    start = prefix_sums(length)[:-1]
    text = np.empty(length.sum(), np.uint8)
    text[np.arange(len(endings)) + np.repeat(start + shared - (ends - own), own)] = endings
    place = np.arange(len(shared))
    for i in range(shared.max(initial=0)):  # byte i comes from the last word that has its own
        rows = np.flatnonzero(shared > i)
        origin = np.maximum.accumulate(np.where(shared <= i, place, 0))
        text[start[rows] + i] = text[start[origin[rows]] + i]
    return text


def to_varints(values: Array) -> bytes:
    """Return numbers (n,) int64 from 0 on, each as bytes of 7 bits, low bits first; the last byte is below 128."""
    pieces = [values >> shift & 127 for shift in range(0, max(int(values.max(initial=0)).bit_length(), 1), 7)]
    size = np.ones(len(values), np.int64)
    for i in range(1, len(pieces)):
        size += values >> 7 * i != 0
    start = prefix_sums(size)[:-1]
    content = np.empty(size.sum(), np.uint8)
    for i, piece in enumerate(pieces):
        rows = np.flatnonzero(size > i)
        content[start[rows] + i] = piece[rows] | np.where(size[rows] > i + 1, 128, 0)
    return content.tobytes()


def _from_varints(content: Array) -> Array:
    """Return the numbers (n,) int64. Undoes `to_varints`."""
    ends = np.flatnonzero(content < 128)
    values = content.take(ends).astype(np.int64)  # most have one byte
    size = np.diff(ends, prepend=-1)
    rows = np.flatnonzero(size > 1)
    size = size.take(rows)
    if size.max(initial=1) > 8 or (len(content) and content[-1] >= 128):
        raise ValueError("a number in it is damaged")
    start = ends.take(rows) - size + 1
    values[rows] = content.take(start) & 127
    for i in range(1, size.max(initial=0)):
        rows, start, size = (each.compress(size > i) for each in (rows, start, size))
        values[rows] |= (content.take(start + i) & 127).astype(np.int64) << 7 * i
    return values


def _deflate(content: bytes) -> Array:
    """Compress bytes. Those that would shrink too far for `_inflate` stay as they are, inside the zlib format."""
    packed = zlib.compress(content, 9)
    if len(content) > _RATIO * len(packed) + _SLACK:
        packed = zlib.compress(content, 0)
    return np.frombuffer(packed, np.uint8)


def _inflate(packed: Array) -> Array:
    """Return the bytes (n,) uint8. ValueError if they are damaged, or far more than a compressed model has."""
    if packed.dtype != np.uint8 or packed.ndim != 1:
        raise ValueError("its compressed tensors are not bytes")
    reader = zlib.decompressobj()
    try:
        content = reader.decompress(packed.tobytes(), _RATIO * len(packed) + _SLACK)
    except zlib.error as error:
        raise ValueError(f"a compressed tensor is damaged ({error})") from None
    if not reader.eof or reader.unused_data:
        raise ValueError("a compressed tensor is damaged, or far too large")
    return np.frombuffer(content, np.uint8)
