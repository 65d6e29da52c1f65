"""When two values of a label column are the same label: one definition for the settings and the readers of data."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal

LABELS = ("negative", "positive")
"""The classes of a model with two classes, in the order of their numbers: 0 is negative, 1 is positive."""

IGNORE = "ignore"
"""The key of `data.labels` whose values are of reviews to leave out."""

WITHOUT = frozenset((r"\n", "null", "(null)", "[null]", "<null>", "<na>", "n/a", "#n/a"))
"""Normalized labels that programs write where a row has none: \\N and NULL of databases, N/A of spreadsheets."""

NOT_KNOWN = WITHOUT | {"na", "none", "unknown", "missing", "not available", "-", "--", "?", "."}
"""Normalized labels that stand for none. They are a class only if the user says so."""

CODES = frozenset(("-99", "-98", "-9", "-1", "88", "97", "98", "99", "888", "997", "998", "999", "-999", "9999"))
"""Normalized labels with which surveys say beside ratings that there is no answer."""

# Soft hyphen, grapheme joiner, zero-width space, marks of direction, word joiner and its kind, variation selectors of
# an emoji, byte-order mark; and the dot of a Turkish capital I that casefold() leaves.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe0e\ufe0f\ufeff\u0307]"
)
_AROUND = re.compile(r"^[\s\u200c\u200d]+|[\s\u200c\u200d]+$")  # joiners join nothing there
_ALIKE = str.maketrans("\u2010\u2212\u2018\u2019\u02bc", "--'''")  # hyphen, minus, apostrophes: NFKC keeps them
_DASH = re.compile("^[\u2012-\u2014](?=[0-9.])")  # that a program has made of a minus

_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,3})?"
_LONGEST = 40  # characters of a number; a label with more is a word


def folded(text: str) -> str:
    """Return a short text, such as a label, without differences that nobody sees: capitals, space around it, marks.

    Kinds of letters and digits (full-width, ligatures, Persian), spaces, hyphens and apostrophes do not differ either.
    """
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text).casefold())
    if not text.isascii():
        text = "".join(str(unicodedata.decimal(each, each)) for each in text)
    return _DASH.sub("-", _AROUND.sub("", text).translate(_ALIKE))


def label_key(value: object) -> str:
    """Return the normalized label; "" if it is missing.

    1, 1.0, "1" and "__label__1" are equal, as are "Pos" and "pos ", and other spellings that look the same (`folded`).
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    is_plain = type(value) in (int, float)  # nothing to fold; a column may have a million of them
    text = str(value) if is_plain else folded(str(value)).removeprefix("__label__").strip()
    if text == "nan":  # a missing value in a table
        return ""
    return _plain_number(text) if re.fullmatch(_NUMBER, text) else text


def _plain_number(text: str) -> str:
    """Return a number with no exponent and no zeros that do not count: 1 for 1.0; text that is too long as it is.

    Each digit counts: as floats, which have 53 bits, 9007199254740993 and 9007199254740992 are the same.
    """
    digits = f"{Decimal(text):f}"
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return text if len(digits) > _LONGEST else "0" if digits == "-0" else digits


def class_names(labels: Iterable[str] | None) -> tuple[str, ...]:
    """Return the names of the classes in `data.labels`, in their order."""
    return LABELS if labels is None else tuple(name for name in labels if name != IGNORE)


def is_binary(names: Iterable[str]) -> bool:
    """Return whether classes are negative and positive, which one logit tells apart. Two others have a logit each."""
    return tuple(names) == LABELS


def is_number(key: str) -> bool:
    """Return whether a normalized label is a number."""
    return len(key) <= _LONGEST and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", key) is not None


def label_value(key: str) -> str | int | float:
    """Return a normalized label as a value of `data.labels`: a number, or text that means it."""
    if not is_number(key):
        return key
    number = float(key) if "." in key else int(key)
    return number if label_key(number) == key else key  # a float has 17 digits
