"""Ranges of numbers as values of data.labels, such as `>=0.6`: the classes of labels that are continuous numbers."""

from __future__ import annotations

import bisect
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sentibp.utils.label_key import LABELS, is_number, label_key

_COMPARISON = r"(<=|>=|<|>|≤|≥) *(-?[0-9]+\.?[0-9]*|-?\.[0-9]+)"
_LIKE_A_RANGE = r"(?=.*[0-9])(?=.*[<>≤≥])[<>=≤≥0-9., -]+"
_DECIMAL_COMMA = r"-?([0-9]+,[0-9]{1,2}|0,[0-9]+)"  # 1,234 may be a thousand and more

_PERCENT = "(?<=[0-9]) ?%$"

_SCALES = ((0, 1), (-1, 1), (1, 5), (0, 5), (-5, 5), (1, 10), (0, 10), (0, 100), (-100, 100))
"""The ends of usual scales; the first that has all numbers is taken."""

_CUTS = 0.4, 0.6  # of the scale, as the two classes of the Stanford Sentiment Treebank; neutral is between

_RATINGS = 11  # whole numbers of a rating scale, such as 0 to 10, whose values are listed one by one


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`; whether these two belong to it."""

    low: float = -math.inf
    high: float = math.inf
    has_low: bool = False
    has_high: bool = False

    def __contains__(self, number: float) -> bool:
        above = number > self.low or (self.has_low and number == self.low)
        return above and (number < self.high or (self.has_high and number == self.high))

    def overlaps(self, other: Range) -> bool:
        """Return whether a number is in both."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return low < high or (low == high and low in self and low in other)


def parse_range(value: object) -> Range | None:
    """Return the range that a value of data.labels is: `<=0.4`, or comparisons with a comma; None for other values.

    >>> parse_range(">0.2,<=0.4")
    Range(low=0.2, high=0.4, has_low=False, has_high=True)
    """
    if not isinstance(value, str) or not re.fullmatch(rf" *{_COMPARISON}( *, *{_COMPARISON})? *", value):
        return None
    bounds: dict[str, Any] = {}
    for sign, number in re.findall(_COMPARISON, value):
        end = "high" if sign in "<=≤" else "low"
        if end in bounds:
            return None
        bounds |= {end: float(number), f"has_{end}": sign not in "<>"}
    found = Range(**bounds)
    return found if found.overlaps(found) else None


def is_like_a_range(value: object) -> bool:
    """Return whether a value has comparisons and numbers only, as `=>0.6` and `<=0,4`, which are no ranges."""
    return isinstance(value, str) and re.fullmatch(_LIKE_A_RANGE, value) is not None


def ranges_of(labels: Mapping[str, Sequence[Any]]) -> list[tuple[str, Any, Range]]:
    """Return the ranges in data.labels: the name of the class, the value as it is written, and the range."""
    found = [(name, value, parse_range(value)) for name, values in labels.items() for value in values]
    return [(name, value, each) for name, value, each in found if each is not None]


def as_number(key: str) -> float | None:
    """Return the number that a normalized label is, also with a decimal comma or a percent sign; None for others."""
    key = re.sub(_PERCENT, "", key)
    key = key.replace(",", ".") if re.fullmatch(_DECIMAL_COMMA, key) else key
    return float(key) if is_number(key) else None


def classes_by_range(labels: Mapping[str, Sequence[Any]], keys: Iterable[str]) -> dict[str, str | None]:
    """Return the name of the class of each normalized label that is a number in one of the ranges of data.labels.

    None for a number between two ranges, which is left out, as one in the middle of a scale.
    """
    ranges = ranges_of(labels)
    if not ranges:
        return {}
    low, high = min(each.high for *_, each in ranges), max(each.low for *_, each in ranges)
    found: dict[str, str | None] = {}
    for key in keys:
        if (number := as_number(key)) is None:
            continue
        name = next((name for name, _, each in ranges if number in each), None)
        if name is not None or low <= number <= high:
            found[key] = name
    return found


def suggest_ranges(rows: Mapping[str, int], names: Sequence[str] = LABELS) -> tuple[dict[str, list[Any]], str] | None:
    """Return the ranges for two classes of normalized labels and the number of their rows, and what they assume.

    None if a label is no number, they may be a few ratings, or most are the same. The middle of the scale is left out.
    """
    numbers = {number: count for key, count in rows.items() if (number := as_number(key)) is not None}
    if not numbers or len(numbers) < len(rows):
        return None
    are_many, are_shares = len(numbers) > _RATINGS, all(re.search(_PERCENT, key) for key in rows)
    if (are_many or are_shares or any(number % 1 for number in numbers)) and (scale := scale_of(numbers)):
        low, high = scale
        return _ranges(
            *_cuts(low, high), names
        ), f"taken as a scale from {low} to {high}, whose middle fifth is left out"
    ordered, total = sorted(numbers), sum(numbers.values())
    shares = [each / total for each in itertools.accumulate(numbers[number] for number in ordered)]
    worse, better = (ordered[bisect.bisect_left(shares, cut)] for cut in _CUTS)
    why = "the two fifths of the rows with the lowest numbers are one class, those with the highest the other"
    return (_ranges(worse, better, names), why) if are_many and worse < better else None


def scale_of(numbers: Iterable[float]) -> tuple[int, int] | None:
    """Return the ends of the usual scale that numbers are of, as they reach both of its sides; None if of none."""
    least, most = min(numbers), max(numbers)
    for low, high in _SCALES:
        worse, better = _cuts(low, high)
        if low <= least <= worse and better <= most <= high:
            return low, high
    return None


def scale_of_cuts(labels: Mapping[str, Sequence[Any]]) -> tuple[int, int] | None:
    """Return the ends of the usual scale which the ranges of two classes cut as `suggest_ranges` does; else None.

    -1 and 1 are also written for sums of points, which have no ends.
    """
    ends = {(each.low, each.high) for *_, each in ranges_of(labels)}
    found = (scale for scale in _SCALES if ends == {(-math.inf, _cuts(*scale)[0]), (_cuts(*scale)[1], math.inf)})
    return next((scale for scale in found if scale != (-5, 5)), None)


def _cuts(low: float, high: float) -> tuple[float, float]:
    """Return up to where the numbers of a scale are of the lower class, and from where on of the higher one."""
    worse, better = (float(f"{low + cut * (high - low):g}") for cut in _CUTS)
    return worse, better


def _ranges(worse: float, better: float, names: Sequence[str]) -> dict[str, list[Any]]:
    """Return the setting with the numbers up to the first one, and from the second one on."""
    return {names[0]: [f"<={label_key(worse)}"], names[1]: [f">={label_key(better)}"]}
