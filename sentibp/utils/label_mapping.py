"""Suggest what labels mean: only where the words or numbers say so, and a placeholder elsewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sentibp.utils.label_key import CODES, IGNORE, NOT_KNOWN, WITHOUT, is_number, label_key, label_value
from sentibp.utils.repair import PLACEHOLDER, set_option

_KINDS = ("negative", "positive", "ignore")

_NEGATIVE = """negative neg bad poor rotten negativ négatif négative negatif negativo negativa schlecht mauvais
thumbs_down thumb_down not_recommended unrecommended do_not_recommend unfavorable unfavourable dissatisfied unsatisfied
unhappy dislike disliked disagree detractor complaint 👎 🙁 ☹ 😞 😠 😡 negatif olumsuz negatywny отрицательный
негативный negatív 负面 負面 消极 差评 ネガティブ 부정 سلبي malo mala ruim cattivo slecht плохой плохо :( :_("""
_POSITIVE = """positive pos good fresh positiv positif positivo positiva gut bon thumbs_up thumb_up recommended
recommend favorable favourable satisfied happy like liked agree promoter praise compliment 👍 🙂 😀 😃 😄 😁 😊 😍
pozitif olumlu pozytywny положительный позитивный pozitív 正面 积极 好评 ポジティブ 긍정 إيجابي
bueno buena bom buono goed хороший хорошо :) :_)"""
_WORST = "terrible awful horrible worst hate hated"
_BEST = "excellent great best love loved perfect amazing outstanding"
_NEUTRAL = "neutral neutre neutro neu mixed undecided ok okay average 😐"

_LEVELS = {
    word.replace("_", " "): level
    for level, words in ((-2, _NEGATIVE), (2, _POSITIVE), (-3, _WORST), (3, _BEST), (0, _NEUTRAL))
    for word in words.split()
}
_FULL = {"neg": "negative", "neu": "neutral", "pos": "positive"}

_STRONG = "very|extremely|strongly|highly|overwhelmingly"
_WEAK = "mostly|somewhat|slightly|weakly|rather|fairly|quite"
_DEGREE = rf"({_STRONG}|{_WEAK})"

_PAIRS = """no yes, n y, false true, f t, nein ja, non oui, no si, no sí, não sim, nie tak, нет да, 否 是, 0 1, -1 1,
fail pass, failed passed, down up, - +"""
_WORSE = {tuple(pair.split()) for pair in _PAIRS.split(",")}
"""Answers of which the first is usually the worse one. To "Any complaints?" it is not: no message says so of a file."""

_PROPERTIES = """toxic toxicity obscene threat threatening insult insulting spam hate hateful hatespeech offensive
offense abusive abuse aggressive aggression hostile harassment bullying cyberbullying profane profanity vulgar nsfw
harmful racist racism sexist sexism misogynous misogyny troll fake clickbait sarcastic sarcasm ironic irony funny humor
humour urgent subjective"""
"""Words in the names of columns that say whether a text has a property, and not whether it is negative or positive."""

_NO_YES = ("0", "1"), ("false", "true"), ("no", "yes")

_OF_NO_PROPERTY = {"is", "label", "labels", "flag", "target", "class", "score"}
"""Words in the names of such columns that do not name the property."""

_MOST = 11  # numbers of a rating scale, such as 0 to 10

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_RATING = (
    rf"((rated|rating|score|note):? )?(?P<number>-?\d+(\.\d+|,\d\d?)?|{'|'.join(_NUMBERS)}) *-?"
    r"((/|out of|of) *(?P<of>\d+))? *(?P<unit>stars?|points?)?"
)


class LabelMapping(NamedTuple):
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
        return {kind: values or [PLACEHOLDER] for kind, values in lists.items() if values or kind != IGNORE}

    def option(self) -> str:
        """Return the mapping as an option: `--set 'data.labels={...}'`."""
        return set_option("data.labels", self.to_setting())


def suggest(keys: Iterable[str]) -> LabelMapping:
    """Return what the normalized labels of a file probably mean, as far as words and numbers say so."""
    keys = sorted(keys, key=lambda key: (float(key), "") if is_number(key) else (float("inf"), key))
    return _ratings(keys) or _words(keys) or LabelMapping([], [], [])


def none_among(keys: Iterable[str]) -> set[str]:
    """Return the normalized labels that stand for none: beside ratings also "-" and the like, and codes such as 99."""
    keys = set(keys)
    rest = keys - NOT_KNOWN
    ratings = _rating_numbers(sorted(rest - CODES)) or {}
    if len(set(ratings.values())) > 2 and min(ratings.values()) >= 1 and suggest(ratings).is_complete:
        return keys & (NOT_KNOWN | CODES)
    return keys & (NOT_KNOWN if _rating_numbers(sorted(rest)) and suggest(rest).is_complete else WITHOUT)


def _words(keys: Sequence[str]) -> LabelMapping | None:
    """Return the mapping of words, if both classes are known: fresh means positive beside rotten, not beside frozen."""
    negative, positive, ignore = ([key for key in keys if polarity(key) == kind] for kind in _KINDS)
    mapping = LabelMapping(negative, positive, ignore)
    return mapping if mapping.is_complete else None


def polarity(key: str) -> str | None:
    """Return the meaning of a word that has one beyond doubt: negative, positive or ignore; None for others."""
    level = _level(key)
    return None if level is None else "negative" if level < 0 else "positive" if level > 0 else IGNORE


def column_polarity(name: str) -> str | None:
    """Return the class that 1 and true mean in a column of this name: negative in `neg`, `is_negative` or `disliked`.

    None for a name that does not say so, or names both classes.
    """
    words = [label_key(word) for word in re.split(r"[\W_]+|(?<=[a-z])(?=[A-Z])", name)]
    if (whole := polarity(" ".join(words))) is not None or {"not", "no", "non"} & {*words}:
        return whole if whole != IGNORE else None
    kinds = {polarity(word) for word in words} & {"negative", "positive"}
    return kinds.pop() if len(kinds) == 1 else None


def says_the_reverse(column: str, keys: Iterable[str]) -> bool:
    """Return whether 1 or true means negative, as the name of the column says. The labels are normalized."""
    keys = {*keys} - {""}
    if property_of(column):
        return False
    return (keys <= {"0", "1"} or keys <= {"false", "true"}) and column_polarity(column) == "negative"


def property_of(column: str) -> str | None:
    """Return the property of a text that a column of this name tells, such as `toxic` or, of `is_spam`, `spam`.

    None if the name says how good a text is, or names no property.
    """
    words = [label_key(word) for word in re.split(r"[\W_]+|(?<=[a-z])(?=[A-Z])", column) if word]
    name = [word for word in words if word not in _OF_NO_PROPERTY]
    is_known = not {*_PROPERTIES.split()}.isdisjoint(name)
    is_property = is_known or (words[:1] == ["is"] and name and column_polarity(column) is None)
    return "_".join(name) if is_property else None


def property_classes(column: str, keys: Iterable[str]) -> dict[str, list[str]] | None:
    """Return the classes that are named after the property which a column tells, with their normalized labels.

    Such as {"not_toxic": ["0"], "toxic": ["1"]}. None if the column tells none, or its labels are others than these,
    false and true, or no and yes.
    """
    pair = next((pair for pair in _NO_YES if {*keys} - {""} == {*pair}), None)
    name = property_of(column)
    return {f"not_{name}": [pair[0]], name: [pair[1]]} if pair and name else None


def worse_first(first: str, second: str) -> tuple[str, str] | None:
    """Return two normalized labels, the worse one first, as far as words or numbers say so; None if they do not."""
    if order := class_order((first, second)):
        return order[0], order[1]
    if {(first, second), (second, first)} & _WORSE:
        return (first, second) if (first, second) in _WORSE else (second, first)
    levels = _level(first), _level(second)
    if None in levels and not any(levels):  # one is neutral at most
        return None
    of_first, of_second = (level or 0 for level in levels)
    return None if of_first == of_second else (first, second) if of_first < of_second else (second, first)


def meant_class(typed: str, names: Iterable[str]) -> str | None:
    """Return the class that was probably meant: the same but for capitals, a word of its meaning, or a near name."""
    import difflib

    keys = {label_key(name): name for name in names}
    key = label_key(typed)
    near = difflib.get_close_matches(key, keys, 1)
    return keys.get(key) or keys.get(polarity(key) or "") or next((keys[each] for each in near), None)


def meant_option(typed: str, names: Iterable[str], option: str, rest: str = "") -> str | None:
    """Return the question whether another class was meant, as the option to type; None if no name is near.

    `rest` follows the name of the class.

    >>> meant_option("postive", ["negative", "positive"], "--threshold", "=0.7")
    'did you mean --threshold positive=0.7?'
    """
    meant = meant_class(typed, names)
    return None if meant is None else f"did you mean {option} {shlex.quote(meant + rest)}?"


def class_choice(typed: str, names: Sequence[str], option: str) -> str:
    """Return the repair for a value of an option that is none of these classes: the one that was meant, and all."""
    question = meant_option(typed, names, option)
    return f"{question or 'choose from'} {'There are: ' * (question is not None)}{', '.join(names)}"


def class_order(keys: Iterable[str]) -> list[str] | None:
    """Return normalized labels from the worst to the best, if words or numbers say so beyond doubt; None if not."""
    keys = list(keys)
    places = _places(keys)
    if places is None or len(set(places.values())) < len(keys):
        return None
    return sorted(keys, key=lambda key: places[key])


def class_spellings(keys: Iterable[str]) -> dict[str, list[str]] | None:
    """Return the classes that normalized labels mean, from the worst to the best, with the spellings of each.

    Such as {"4": ["4", "4 stars"], "5": ["5", "five stars"]}. None if words or numbers do not say it beyond doubt.
    """
    keys = list(keys)
    places = _places(keys)
    if places is None:
        return None
    classes: dict[str, list[str]] = {}
    for place in sorted(set(places.values())):
        same = [key for key in keys if places[key] == place]
        names = [key for key in same if is_number(key) or key in _FULL.values()]
        classes[min(names or same, key=len)] = sorted(same, key=lambda key: (len(key), key))
    if any(len(same) > 1 for same in classes.values()):
        classes = {_FULL.get(name, name): same for name, same in classes.items()}
    return classes


def written_classes(spellings: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return a class for each label, called as the data write it, so that answers can be compared with the data.

    Given is a spelling of each normalized label. A number is called as it is normalized.

    >>> written_classes({"spass": "Spaß", "5": "5.0"})
    {'Spaß': ['Spaß'], '5': ['5']}
    """
    names = [key if key == IGNORE else _written(key, value) for key, value in spellings.items()]
    return {name: [name] for name in names}


def as_written(setting: Mapping[str, Iterable[Any]], spellings: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return a value of data.labels with the labels as the data write them. Given is a spelling of each normalized one.

    >>> as_written({"negative": ["schlecht", 1], "positive": ["..."]}, {"schlecht": "Schlecht", "1": "1.0"})
    {'negative': ['Schlecht', 1], 'positive': ['...']}
    """

    def written(value: Any) -> Any:
        key = label_key(value) if isinstance(value, str) else ""
        if not key or key not in spellings:  # "" is no label, however that is written
            return value
        return _written(key, spellings[key])

    return {name: list(map(written, values)) for name, values in setting.items()}


def _written(key: str, value: Any) -> str:
    """Return how the data write a normalized label, if that can be read in a line; a number as it is normalized."""
    name = str(value).strip().removeprefix("__label__").strip()
    is_name = isinstance(value, str) and name.isprintable() and label_key(name) == key
    return name if is_name and not is_number(key) else key


def class_setting(classes: Mapping[str, Sequence[str]], ignored: Sequence[Any] = ()) -> Any:
    """Return the value of data.labels with these classes and their labels, and the values to leave out.

    It is a list if each class has only the label of its name. A class of the label `ignore` has another name.
    """
    if not ignored and IGNORE not in classes and all(list(same) == [name] for name, same in classes.items()):
        return list(map(label_value, classes))
    names = {name: f"class_{name}" if name == IGNORE else name for name in classes}
    lists = {names[name]: list(map(label_value, same)) for name, same in classes.items()}
    return lists | ({IGNORE: list(ignored)} if ignored else {})


def _places(keys: Sequence[str]) -> Mapping[str, float] | None:
    """Return the place of each label on a scale, if all have one."""
    if numbers := _rating_numbers(keys):
        return numbers
    levels = {key: level for key in keys if (level := _level(key)) is not None}
    return levels if levels and len(levels) == len(set(keys)) else None


def _level(key: str) -> float | None:
    """Return how positive a word is: from -3, very negative, over 0, neutral, to 3. None for other words."""
    text = re.sub("[\U0001f3fb-\U0001f3ff]", "", re.sub(r"[\s_-]+", " ", key)).strip()  # without skin tones
    if text in _LEVELS:
        return _LEVELS[text]
    level = _LEVELS.get(re.sub(rf"^{_DEGREE} ", "", text))
    if not level:
        return level
    return (1 if re.match(rf"({_WEAK}) ", text) else 3) * (1 if level > 0 else -1)


def _ratings(keys: Sequence[str]) -> LabelMapping | None:
    """Return the mapping of numbers that look like a rating scale, or None. The middle of the scale is ignored."""
    numbers = _rating_numbers(keys)
    if numbers is None:
        return None
    low, high = min(numbers.values()), max(numbers.values())
    if not (2 <= len(set(numbers.values())) <= _MOST and -10 <= low <= 1 <= high <= 10):
        return None  # 4 and 5 may be two good ratings; 7 and 31 are no ratings
    middle = (low + high) / 2
    order = sorted(keys, key=lambda key: numbers[key])
    name = {number: key for key, number in sorted(numbers.items(), key=lambda each: -len(each[0]))}
    return LabelMapping(
        negative=[key for key in order if numbers[key] < middle],
        positive=[key for key in order if numbers[key] > middle],
        ignore=[key for key in order if numbers[key] == middle],
        assumption=f"{name[low]} is taken as the lowest rating and {name[high]} as the highest",
    )


def _rating_numbers(keys: Sequence[str]) -> dict[str, float] | None:
    """Return the number of each label, such as 4 for "4", "4 stars", "4/5" and "★★★★"; None if one has none.

    None if they are numbers of different things, too: stars and points, or 4/5 and 8/10.
    """
    numbers, units, scales = {}, set(), set()
    for key in keys:
        if re.fullmatch("★+☆*|☆+|⭐+", key):
            numbers[key] = key.count("★") + key.count("⭐")
            units.add("star")
            continue
        match = re.fullmatch(_RATING, key, re.ASCII)
        word = match is not None and match["number"] in _NUMBERS
        if match is None or (word and not (match["unit"] or match["of"])):
            return None
        number = match["number"].replace(",", ".")
        numbers[key] = _NUMBERS.index(number) if word else float(number) if "." in number else int(number)
        units |= {match["unit"].removesuffix("s")} if match["unit"] else set()
        scales |= {float(match["of"])} if match["of"] else set()
    is_one = (
        len(units) <= 1
        and len(scales) <= 1
        and all(number <= min(scales, default=number) for number in numbers.values())
    )
    return numbers if numbers and is_one else None
