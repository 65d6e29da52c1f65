"""Find names, such as those of films and actors: rare words that mostly have a capital where they follow another word.

The reviews of one film repeat its names, so that a classifier takes them for praise or blame. They say nothing about
other films. In a language such as English only names, nationalities, titles and abbreviations are written in this way;
German writes every noun with a capital. Frequent words with a capital, such as American, Hollywood and TV, are used of
many films, and count as words.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data.folding import Spelling
from sentibp.data.tokenizer import SINGLE_CHARACTERS, Tokens, cuts, tokenize
from sentibp.data.vocabulary import within
from sentibp.utils import spill
from sentibp.utils.arrow import from_numpy, index_of, to_numpy
from sentibp.utils.repair import set_option
from sentibp.utils.threads import parallel_map

_PIECE = 1 << 20  # tokens that one thread processes at once

_LEAST = 3  # times that a word follows another one: from then on its capitals say something

_OFTEN, _OFTEN_SHARE = 128, 3e-5  # a frequent word follows others more than 128 times, and in more than 0.003 % of the
# places where any word does

_MANY = 0.12  # a share of words with a capital that is too large for names; of IMDB's reviews it is 0.04


class Capitals(NamedTuple):
    """How each of m distinct words is written where it follows another word."""

    follows: np.ndarray  # (m,) int64, how often it does
    capital: np.ndarray  # (m,) int64, how often with a capital then


class Names(NamedTuple):
    """Which of m distinct words are names, and how many words have a capital."""

    left_out: np.ndarray  # (m,) bool
    share: float  # of the places where a word follows another one, those of words that mostly have a capital there


def tokenize_with_capitals(text: pa.LargeStringArray | pa.ChunkedArray, spelling: Spelling) -> tuple[Tokens, Capitals]:
    """Return the tokens that `tokenize` returns in lower case, and how their distinct words are written.

    The text is split once, with its capitals, if possible; then its distinct words are put in lower case.
    """
    cased = tokenize(text, spelling._replace(lowercase=False))
    lower = tokenize(cased.words, spelling)  # nearly always a token for each word
    first = lower.ids.take(lower.offsets[:-1], mode="clip")
    if not spelling.classes and _splits_alike(cased.words, lower):  # a class may match in lower case only
        tokens, number = Tokens(_renumbered(cased.ids, first), cased.offsets, lower.words), first
    else:
        tokens = tokenize(text, spelling)
        number = index_of(lower.words.take(from_numpy(first)), tokens.words)
    follows, m = _count_after_words(cased), len(tokens.words)
    known = number >= 0
    capital = known & to_numpy(pc.utf8_is_upper(pc.utf8_slice_codeunits(cased.words, 0, 1)))
    counts = (np.bincount(number[mask], follows[mask], minlength=m).astype(np.int64) for mask in (known, capital))
    return tokens, Capitals(*counts)


def find_names(words: pa.LargeStringArray, capitals: Capitals) -> Names:
    """Return which of the distinct words (m,) are names. They are of letters only, two or more."""
    follows, capital = capitals
    letters = to_numpy(pc.utf8_is_alpha(words)) & (to_numpy(pc.utf8_length(words)) >= 2)
    capitalized, total = letters & (follows >= _LEAST) & (2 * capital > follows), int(follows.sum())
    is_rare = follows <= max(_OFTEN, _OFTEN_SHARE * total)
    return Names(capitalized & is_rare, float(follows[capitalized].sum() / max(total, 1)))


def names_note(share: float) -> list[str]:
    """Return a note if so many of the words mostly have a capital that others than names must be among them."""
    if share < _MANY:
        return []
    fact = f"text.names: {share:.0%} of the words mostly have a capital, and rare ones of them are left out as names"
    repair = f"if the language writes other words so, too, as German does: {set_option('text.names', True)}"
    return [f"{fact}; {repair}"]


def _splits_alike(cased: pa.LargeStringArray, lower: Tokens) -> bool:
    """Return whether texts of these words have the same tokens in lower case, given the tokens of each of the words.

    A few rare letters are letters for the tokenizer in one case only.
    """
    if (np.diff(lower.offsets) != 1).any():
        return False
    is_symbol = pc.match_substring_regex(cased, f"^(?:{SINGLE_CHARACTERS})")
    return pc.all(pc.equal(cased, pc.utf8_lower(cased)).filter(is_symbol), min_count=0).as_py()


def _renumbered(ids: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Return the numbers (t,) int32 of the tokens, in an array that may exceed memory."""
    renumbered = spill.empty(len(ids), np.int32)
    for start in range(0, len(ids), _PIECE):
        place = slice(start, start + _PIECE)
        number.take(ids[place], out=renumbered[place], mode="clip")
    return renumbered


def _count_after_words(tokens: Tokens) -> np.ndarray:
    """Return how often each of the distinct words follows another word, and not a mark: (m,) int64."""
    is_word = to_numpy(pc.utf8_is_alnum(pc.utf8_slice_codeunits(tokens.words, 0, 1)))

    def count(texts: tuple[int, int]) -> np.ndarray:
        place, offsets = within(tokens.offsets, texts)
        ids = tokens.ids[place]
        follows = np.zeros(len(ids) + 1, bool)
        follows[1:] = is_word[ids]
        follows[offsets] = False  # the first word of a text
        return np.bincount(ids[follows[:-1]], minlength=len(tokens.words))

    total = np.zeros(len(tokens.words), np.int64)
    for counts in parallel_map(count, cuts(tokens.offsets, _PIECE)):
        total += counts
    return total
