"""Negation: which words of a text are negated, and the sentences from which training learns what that means.

A negated word has one more feature, the word with a mark: `not~good` in "not a good film". Such features were proposed by
Das & Chen 2001, "Yahoo! for Amazon", and used by Pang, Lee & Vaithyanathan 2002, "Thumbs up?". The scope of a negator
reaches to the next punctuation mark or conjunction, but no further than REACH words. A negator within the scope of
another one turns it round: in "not without charm", `charm` is not negated. Only words of opinion have a marked feature,
those of data/negation.csv.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.utils import resources
from sentibp.utils.arrow import index_of, scalar, strings, to_numpy

MARK = "not~"
"""Begins the feature of a negated word. No token looks like it, since `~` is no letter."""

REACH = 5
"""The largest number of words after a negator that it negates."""

_VERBS = "ain are ca could did do does had has have is might must need ought sha should was were wo would".split()
_NEGATORS = [
    *"not no never none nobody nothing nowhere neither nor without cannot hardly barely scarcely rarely seldom".split(),
    *"lack lacks lacked lacking devoid aint arent cant couldnt didnt doesnt dont hadnt hasnt havent isnt".split(),
    *"shouldnt wasnt werent wont wouldnt".split(),
    *(f"{verb}n't" for verb in _VERBS),
]
_PAIRS = [("far", "from"), ("anything", "but"), ("less", "than"), ("free", "of")]  # negators of two words
_EXCEPTIONS = [  # before the second word, the first is no negator
    *(("not", word) for word in ("only", "just", "merely", "simply", "to")),
    *(("nothing", word) for word in ("but", "short", "less")),
    ("no", "doubt"),
    ("no", "wonder"),
]
_CONJUNCTIONS = "but nor because although though".split()  # they end a scope; `nor` begins another
_INSIDE = list("-'`*/~_&")  # punctuation marks that end no scope

_BEFORE = np.int64(-1) << 40  # a position before all texts


class NegationScope:
    """Finds the negated tokens of texts whose distinct tokens are `words` (m,)."""

    def __init__(self, words: pa.LargeStringArray):
        words = pc.utf8_lower(words)
        self._negator = index_of(words, strings(_NEGATORS)) >= 0
        punctuation = to_numpy(pc.match_substring_regex(words, r"^[\pP\pS]+$"))
        inside, conjunction = (index_of(words, strings(each)) >= 0 for each in (_INSIDE, _CONJUNCTIONS))
        self._border = (punctuation & ~inside) | conjunction
        parts = list(dict.fromkeys(word for pair in _PAIRS + _EXCEPTIONS for word in pair))
        self._part = index_of(words, strings(parts))  # (m,) the number of the word among `parts`, or -1
        self._pairs, self._exceptions = (
            [(parts.index(a), parts.index(b)) for a, b in pairs] for pairs in (_PAIRS, _EXCEPTIONS)
        )

    def negated(self, ids: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Return whether each token is negated: (t,) bool. `ids` (t,) are into `words`; `offsets` (n + 1,)."""
        place = np.arange(len(ids))
        first = np.zeros(len(ids) + 1, bool)
        first[offsets] = True
        first = first[:-1]
        negator, border, part = self._negator.take(ids), self._border.take(ids), self._part.take(ids)
        negator[_second_words(part, first, self._exceptions) - 1] = False
        second = _second_words(part, first, self._pairs)
        negator[second], border[second] = True, False
        start = np.maximum.accumulate(np.where(border | first, place, _BEFORE))
        last = np.full(len(ids), _BEFORE)  # the negator before each token
        last[1:] = np.maximum.accumulate(np.where(negator, place, _BEFORE))[:-1]
        in_scope = (last >= start) & (place - last <= REACH) & ~border
        number = np.cumsum(negator)
        opening = np.maximum.accumulate(np.where(negator & ~in_scope, number, 0))  # the first negator of the scope
        return in_scope & ~negator & ((number - opening) % 2 == 0)


def _second_words(part: np.ndarray, first: np.ndarray, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Return the positions of the second word of each pair that occurs. `first` (t,) are the beginnings of texts."""
    found = [np.flatnonzero((part[:-1] == a) & (part[1:] == b) & ~first[1:]) + 1 for a, b in pairs]
    return np.concatenate(found)


def mark_words(words: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return the words in lower case, with the mark."""
    return pc.binary_join_element_wise(scalar(MARK), pc.utf8_lower(words), scalar(""))


class NegationSentences(NamedTuple):
    """The sentences of data/negation.csv."""

    text: list[str]  # n
    label: np.ndarray  # (n,) int64, 1 for positive
    words: list[str]  # the words of opinion in all of them, in alphabetical order


@cache
def load_sentences() -> NegationSentences:
    """Load the short sentences, with and without negation, that are installed with sentibp."""
    with open(_path(), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    words = sorted({word for row in rows for word in row["opinion"].split()})
    return NegationSentences(
        [row["text"] for row in rows], np.array([row["label"] == "positive" for row in rows]).astype(np.int64), words
    )


def opinion_words() -> pa.LargeStringArray:
    """Return the words that have a marked feature."""
    return strings(load_sentences().words)


def digest() -> str:
    """Return the SHA-256 of the file, which the features depend on."""
    return hashlib.sha256(_path().read_bytes()).hexdigest()


def _path():
    return resources.resource_folder("data") / "negation.csv"
