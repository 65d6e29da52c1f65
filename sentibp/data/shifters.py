"""Valence shifters: negators, boosters and `but`, which change what the words around them say.

A word of opinion that is shifted has one more feature, the word with a mark:

- `not~good` in "not a good film". The scope of a negator reaches to the next punctuation mark or conjunction, but no
  further than REACH words. A negator within the scope of another one turns it round: in "not without charm", `charm`
  is not negated. Such features were proposed by Das & Chen 2001, "Yahoo! for Amazon", and used by Pang, Lee &
  Vaithyanathan 2002, "Thumbs up?".
- `but~good` in "a good idea, but a dull film", and in "although the idea is good": what is conceded.
- `very~good` directly after a booster: `very`, `utterly`, `remarkably`.

The last two are from Polanyi & Zaenen 2006, "Contextual valence shifters". The words of opinion are those of the
sentences in data/shifters.csv, from which training learns the weights of these features (training/shifters.py).
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sentibp.utils import compute as pc
from sentibp.utils import resources
from sentibp.utils.arrow import index_of, scalar, strings, to_numpy

MARKS = ("not~", "but~", "very~")
"""Each begins the feature of a shifted word. No token looks like it, since `~` is no letter."""

REACH = 5
"""The largest number of words after a negator that it negates."""

_words = str.split

_VERBS = _words("ain are ca could did do does had has have is might must need ought sha should was were wo would")
_NEGATORS = [
    *_words("not no never none nobody nothing nowhere neither nor without cannot hardly barely scarcely rarely seldom"),
    *_words("lack lacks lacked lacking devoid aint arent cant couldnt didnt doesnt dont hadnt hasnt havent isnt"),
    *_words("shouldnt wasnt werent wont wouldnt"),
    *(f"{verb}n't" for verb in _VERBS),
]
_NEGATING_PAIRS = [("far", "from"), ("anything", "but"), ("less", "than"), ("free", "of")]
_ADDING = [("not", word) for word in ("only", "just", "merely", "simply")]  # "not only good but funny" concedes nothing
_EXCEPTIONS = [  # before the second word, the first is no negator
    *_ADDING,
    ("not", "to"),
    *(("nothing", word) for word in ("but", "short", "less")),
    ("no", "doubt"),
    ("no", "wonder"),
]
_NO_CONTRAST = [  # the second word, or the first, is no conjunction
    *((word, "but") for word in ("anything", "nothing", "all", "help", "everything")),
    ("but", "also"),
]
_CONJUNCTIONS = _words("but nor because although though")  # they end the scope of a negator; `nor` begins another
_CONCEDING = _words("although though despite")
_BOOSTERS = _words("very so too such really most truly extremely utterly how")
_BOOSTER = "^[a-z]{3,}ly$"
_NO_BOOSTERS = _words(
    "only hardly barely scarcely rarely nearly fairly mildly slightly partly merely possibly probably supposedly "
    "allegedly initially usually occasionally early family finally actually basically mostly vaguely relatively "
    "apparently reply seemingly hopefully sadly unfortunately luckily fortunately likely lonely ugly silly"
)
_INSIDE = list("-'`*/~_&")  # punctuation marks that end no scope
_INSIDE_SENTENCE = [*_INSIDE, ","]

_BEFORE = np.int64(-1) << 40  # a position before all texts


def rules() -> dict[str, Any]:
    """Return the words that `Shifters` knows, as plain values: exports carry them."""
    return {
        "marks": MARKS,
        "reach": REACH,
        "negators": _NEGATORS,
        "conjunctions": _CONJUNCTIONS,
        "conceding": _CONCEDING,
        "boosters": _BOOSTERS,
        "booster": _BOOSTER,
        "noBoosters": _NO_BOOSTERS,
        "inside": _INSIDE,
        "insideSentence": _INSIDE_SENTENCE,
        "pairs": (_NEGATING_PAIRS, _EXCEPTIONS, _ADDING, _NO_CONTRAST),
        "punctuation": "[\\pP\\pS]",
    }


class Shifters:
    """Finds the shifted tokens of texts whose distinct tokens are `words` (m,)."""

    def __init__(self, words: pa.LargeStringArray):
        words = pc.utf8_lower(words)
        self._negator, self._conjunction, self._conceding, inside, inside_sentence, booster, no_booster = (
            index_of(words, strings(each)) >= 0
            for each in (_NEGATORS, _CONJUNCTIONS, _CONCEDING, _INSIDE, _INSIDE_SENTENCE, _BOOSTERS, _NO_BOOSTERS)
        )
        punctuation = to_numpy(pc.match_substring_regex(words, r"^[\pP\pS]+$"))
        self._punctuation = punctuation & ~inside
        self._end = punctuation & ~inside_sentence  # of a sentence
        self._but = to_numpy(pc.equal(words, scalar("but")))
        self._booster = booster | (to_numpy(pc.match_substring_regex(words, _BOOSTER)) & ~no_booster)
        pairs = (_NEGATING_PAIRS, _EXCEPTIONS, _ADDING, _NO_CONTRAST)
        parts = list(dict.fromkeys(word for each in pairs for pair in each for word in pair))
        self._part = index_of(words, strings(parts))  # (m,) the number of the word among `parts`, or -1
        self._pairs = [[(parts.index(a), parts.index(b)) for a, b in each] for each in pairs]

    def find(self, ids: np.ndarray, offsets: np.ndarray) -> list[np.ndarray]:
        """Return for each of MARKS whether each token has it: (t,) bool. A negated token has no other mark.

        `ids` (t,) are into `words`; `offsets` (n + 1,) say where the texts are.
        """
        first = np.zeros(len(ids) + 1, bool)
        first[offsets] = True
        first = first[:-1]
        part = self._part.take(ids)
        second = [_second_words(part, first, pairs) for pairs in self._pairs]
        negated = self._negated(ids, first, second)
        boosted = np.zeros(len(ids), bool)
        boosted[1:] = self._booster.take(ids)[:-1] & ~first[1:]
        return [negated, self._conceded(ids, first, second) & ~negated, boosted & ~negated]

    def _negated(self, ids: np.ndarray, first: np.ndarray, second: list[np.ndarray]) -> np.ndarray:
        place = np.arange(len(ids))
        negator = self._negator.take(ids)
        border = (self._punctuation | self._conjunction).take(ids)
        negator[second[1] - 1] = False
        negator[second[0]], border[second[0]] = True, False
        start = np.maximum.accumulate(np.where(border | first, place, _BEFORE))
        last = np.full(len(ids), _BEFORE)  # the negator before each token
        last[1:] = np.maximum.accumulate(np.where(negator, place, _BEFORE))[:-1]
        in_scope = (last >= start) & (place - last <= REACH) & ~border
        number = np.cumsum(negator)
        opening = np.maximum.accumulate(np.where(negator & ~in_scope, number, 0))  # the first negator of the scope
        return in_scope & ~negator & ((number - opening) % 2 == 0)

    def _conceded(self, ids: np.ndarray, first: np.ndarray, second: list[np.ndarray]) -> np.ndarray:
        """What comes before `but` in its sentence, or after `although` in its clause."""
        place, end = np.arange(len(ids)), self._end.take(ids)
        but = self._but.take(ids)
        but[second[3]] = False  # anything but
        but[second[3] - 1] = False  # but also
        sentence = np.cumsum(first | end)  # (t,) a number for each sentence
        adding = np.zeros(len(ids), bool)
        adding[second[2]] = True
        count = int(sentence[-1]) + 1 if len(ids) else 1
        last_but = np.full(count, -1)
        np.maximum.at(last_but, sentence[but], place[but])
        last_but[sentence[adding]] = -1
        conceding, border = self._conceding.take(ids), first | self._punctuation.take(ids)
        start = np.maximum.accumulate(np.where(border, place, _BEFORE))
        opening = np.maximum.accumulate(np.where(conceding, place, _BEFORE))
        before_but = (place < last_but.take(sentence)) & ~end
        return before_but | ((opening >= start) & (place > opening) & ~border)


def _second_words(part: np.ndarray, first: np.ndarray, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Return the positions of the second word of each pair that occurs. `first` (t,) are the beginnings of texts."""
    found = [np.flatnonzero((part[:-1] == a) & (part[1:] == b) & ~first[1:]) + 1 for a, b in pairs]
    return np.concatenate(found)


def mark_words(words: pa.LargeStringArray, mark: str) -> pa.LargeStringArray:
    """Return the words in lower case, with the mark."""
    return pc.binary_join_element_wise(scalar(mark), pc.utf8_lower(words), scalar(""))


def marked_words(known: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return the features of shifted words: of the words of opinion that are among the `known` words."""
    words = strings(load_sentences().words)
    words = pc.filter(words, pc.is_in(words, pc.utf8_lower(known)))
    return pa.concat_arrays([mark_words(words, mark) for mark in MARKS])


class Sentences(NamedTuple):
    """The sentences of data/shifters.csv."""

    text: list[str]  # n
    label: np.ndarray  # (n,) int64, 1 for positive
    words: list[str]  # the words of opinion in all of them, in alphabetical order


@cache
def load_sentences() -> Sentences:
    """Load the short sentences, with and without shifters, that are installed with sentibp."""
    with open(_path(), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    words = sorted({word for row in rows for word in row["opinion"].split()})
    label = np.array([row["label"] == "positive" for row in rows]).astype(np.int64)
    return Sentences([row["text"] for row in rows], label, words)


def digest() -> str:
    """Return the SHA-256 of the file, which the features depend on."""
    return hashlib.sha256(_path().read_bytes()).hexdigest()


def _path() -> Path:
    return resources.resource_folder("data") / "shifters.csv"
