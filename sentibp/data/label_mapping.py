"""Suggest what the labels of a file mean: only where the words or numbers say so, and a placeholder elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Lists
from typing import Any, NamedTuple

from sentibp.utils.label_key import is_number, label_value
from sentibp.utils.repair import PLACEHOLDER, set_option

_KINDS = ("negative", "positive", "ignore")

_NEGATIVE = """negative neg bad rotten negativ négatif négative negatif negativo negativa schlecht mauvais thumbs_down
not_recommended unrecommended do_not_recommend 👎 negatif olumsuz negatywny отрицательный негативный negatív 负面 負面
消极 差评 ネガティブ 부정 سلبي"""
_POSITIVE = """positive pos good fresh positiv positif positivo positiva gut bon thumbs_up recommended recommend 👍
pozitif olumlu pozytywny положительный позитивный pozitív 正面 积极 好评 ポジティブ 긍정 إيجابي"""
_NEUTRAL = "neutral neutre neutro neu mixed undecided"

_POLARITY = {
    word.replace("_", " "): polarity
    for polarity, words in (("negative", _NEGATIVE), ("positive", _POSITIVE), ("ignore", _NEUTRAL))
    for word in words.split()
}
_STRONG = "very|extremely|strongly|highly|overwhelmingly"
_WEAK = "mostly|somewhat|slightly|weakly|rather|fairly|quite"
_DEGREE = rf"({_STRONG}|{_WEAK})"

_MOST = 11  # numbers of a rating scale, such as 0 to 10

_RATING = r"(?P<number>-?\d+(\.\d+)?) *(?P<unit>stars?|points?|(/|out of) *\d+( stars?)?)?"


class Mapping(NamedTuple):
    """What labels mean, in the order of the labels. Those that are in no list have no known meaning."""

    negative: list[str]
    positive: list[str]
    ignore: list[str]
    assumption: str = ""  # what the mapping takes for granted

    @property
    def is_complete(self) -> bool:
        """Whether both classes are known."""
        return bool(self.negative and self.positive)

    def to_setting(self) -> dict[str, Any]:
        """Return the value of `data.labels`, with a placeholder for a class that is not known."""
        lists = {kind: [label_value(key) for key in getattr(self, kind)] for kind in _KINDS}
        return {kind: values or [PLACEHOLDER] for kind, values in lists.items() if values or kind != "ignore"}

    def option(self) -> str:
        """Return the mapping as an option: `--set 'data.labels={...}'`."""
        return set_option("data.labels", self.to_setting())


def suggest(keys: Iterable[str]) -> Mapping:
    """Return what the normalized labels of a file probably mean, as far as words and numbers say so."""
    keys = sorted(keys, key=lambda key: (float(key), "") if is_number(key) else (float("inf"), key))
    return _ratings(keys) or _words(keys)


def _words(keys: Sequence[str]) -> Mapping:
    """Return the mapping of words, if both classes are known: fresh means positive beside rotten, not beside frozen."""
    negative, positive, ignore = ([key for key in keys if polarity(key) == kind] for kind in _KINDS)
    mapping = Mapping(negative, positive, ignore)
    return mapping if mapping.is_complete else Mapping([], [], [])


def polarity(key: str) -> str | None:
    """Return the meaning of a word that has one beyond doubt: negative, positive or ignore; None for others."""
    text = re.sub("[\U0001f3fb-\U0001f3ff]", "", re.sub(r"[\s_-]+", " ", key)).strip()  # without skin tones
    return _POLARITY.get(text) or _POLARITY.get(re.sub(rf"^{_DEGREE} ", "", text))


def class_order(keys: Iterable[str]) -> list[str] | None:
    """Return normalized labels from the worst to the best, if words or numbers say so beyond doubt; None if not."""
    keys = list(keys)
    places: Lists[str, float | None] = _rating_numbers(keys) or {key: _level(key) for key in keys}
    if None in places.values() or len(set(places.values())) < len(keys):
        return None
    return sorted(keys, key=lambda key: places[key] or 0.0)


def _level(key: str) -> float | None:
    """Return how positive a word is: from -3, very negative, over 0, neutral, to 3. None for other words."""
    kind, text = polarity(key), re.sub(r"[\s_-]+", " ", key)
    degree = 1 if re.match(rf"({_WEAK}) ", text) else 3 if re.match(rf"({_STRONG}) ", text) else 2
    return None if kind is None else {"negative": -degree, "positive": degree, "ignore": 0}[kind]


def _ratings(keys: Sequence[str]) -> Mapping | None:
    """Return the mapping of numbers that look like a rating scale, or None. The middle of the scale is ignored."""
    numbers = _rating_numbers(keys)
    if numbers is None:
        return None
    low, high = min(numbers.values()), max(numbers.values())
    if not (2 <= len(set(numbers.values())) <= _MOST and -10 <= low <= 1 <= high <= 10):
        return None  # 4 and 5 may be two good ratings; 7 and 31 are no ratings
    middle = (low + high) / 2
    order = sorted(keys, key=lambda key: numbers[key])
    name = {number: key for key, number in numbers.items()}
    return Mapping(
        negative=[key for key in order if numbers[key] < middle],
        positive=[key for key in order if numbers[key] > middle],
        ignore=[key for key in order if numbers[key] == middle],
        assumption=f"{name[low]} is taken as the lowest rating and {name[high]} as the highest",
    )


def _rating_numbers(keys: Sequence[str]) -> dict[str, float] | None:
    """Return the number of each label, such as 4 for "4 stars", "4/5" and "★★★★"; None if one has none."""
    matches = [re.fullmatch(_RATING, key, re.ASCII) for key in keys]
    if keys and all(re.fullmatch("★*☆*|⭐+", key) for key in keys):
        return {key: key.count("★") + key.count("⭐") for key in keys}
    if len({(match["unit"] or "").removesuffix("s") if match else None for match in matches}) != 1:
        return None
    return {key: float(match["number"]) for key, match in zip(keys, matches, strict=True) if match} or None
