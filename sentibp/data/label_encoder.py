"""Labels as Python programs have them, of any type, as the numbers of classes, and back."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from sentibp.data.labels import IGNORED, USUAL, Labels, default_class, label_numbers
from sentibp.errors import InvalidInput
from sentibp.utils.label_key import IGNORE, LABELS, class_names, is_number, label_key, label_value
from sentibp.utils.label_mapping import class_order, class_setting, suggest, worse_first, written_classes
from sentibp.utils.label_ranges import ranges_of, suggest_ranges
from sentibp.utils.repair import set_option
from sentibp.utils.sequences import is_missing, read_once, require_sequence, to_list

if TYPE_CHECKING:
    from sentibp.config.schema import Data

_MOST = 100  # classes, as config/conflicts.py has it


class Categories(NamedTuple):
    """The labels that a type lists, and whether it says that they are in this order; or the names of its numbers."""

    values: tuple[Any, ...] = ()
    ordered: bool = False
    names: Mapping[int, str] = MappingProxyType({})


NO_CATEGORIES = Categories()
"""Of labels whose type lists none, such as a list."""


@dataclass(frozen=True, eq=False)
class LabelEncoder:
    """Which label is which class of a model.

    `classes` are the labels in ascending order, as scikit-learn has them. If several labels are one class, they are
    the names of the classes.
    """

    classes: np.ndarray  # (K,) of the type of the labels
    number: np.ndarray  # (K,) int64: the number that each has in the model
    numbers: dict[Any, int]  # label -> number; IGNORED for those to leave out
    setting: dict[str, list[Any]] | None = None  # data.labels, if the labels are not the usual ones
    ordered: bool | None = None  # data.ordered, if it follows from the labels
    notes: tuple[str, ...] = ()  # what was assumed

    def encode(self, labels: Any, name: str = "y") -> np.ndarray:
        """Return the number of the class of each label (n,) int64, or IGNORED. InvalidInput for an unknown label."""
        values = label_list(labels, name)
        unknown = next((i for i, value in enumerate(values) if value not in self.numbers), None)
        if unknown is not None:
            known = ", ".join(map(repr, self.numbers))
            raise InvalidInput(f"{name}[{unknown}] is {values[unknown]!r:.60}, and the labels are {known}")
        return np.array([self.numbers[value] for value in values], np.int64)

    def numbers_of(self, values: Sequence[Any], setting: Callable[[], Labels | None]) -> list[int]:
        """Return the number of the class that each label means, IGNORED, or a number of none if it means no class.

        Training may have seen a part of the labels, as in a fold. The others mean what `setting()`, the model's
        data.labels, or the usual names say. InvalidInput for what is no label, and for a label of another type than
        those of the training, which no prediction can be equal to.
        """
        is_text = isinstance(next(iter(self.numbers)), str)
        other = next((i for i, value in enumerate(values) if isinstance(value, str) is not is_text), None)
        if other is not None:
            known = ", ".join(map(repr, self.numbers))
            raise InvalidInput(f"y[{other}] is {values[other]!r:.60}, and the labels of the training are {known}")
        _require_labels(values, "y")
        numbers = self.numbers
        if others := set(values) - numbers.keys():
            meaning, none = label_numbers(setting(), map(label_key, others)), -len(self.classes) - 1
            numbers = numbers | {value: meaning.get(label_key(value), none) for value in others}
        return [numbers[value] for value in values]

    def labels_of(self, names: Sequence[str]) -> dict[str, list[Any]]:
        """Return the labels of each class, which have these `names` in the model, and those to leave out."""
        found: dict[str, list[Any]] = {name: [] for name in names}
        for label, number in self.numbers.items():
            found.setdefault(IGNORE if number == IGNORED else names[number], []).append(label)
        return found

    def decode(self, numbers: np.ndarray) -> np.ndarray:
        """Return the labels (n,) of numbers of classes (n,)."""
        return self.classes[self.place[numbers]]

    @property
    def place(self) -> np.ndarray:
        """The position in `classes` of the class of each number: (K,) int64."""
        return np.argsort(self.number)


def label_encoder(labels: Any, data: Data, name: str = "y", categories: Categories = NO_CATEGORIES) -> LabelEncoder:
    """Return which class each label means: by data.labels if it is set, else by the usual names, else by their order.

    `categories` are those of the type of the labels, from the worst to the best: see `categories_of`. InvalidInput if
    they are no labels, or data.labels does not have them.
    """
    values = label_list(labels, name)
    if not values:
        raise InvalidInput(f"{name} is empty: 0 sample(s) (reviews) given; give at least one of each class")
    if data.labels is not None:
        return _of_setting(_distinct(values, name, data.labels), data.labels, name)
    distinct = _distinct(values, name)
    keys = [label_key(value) for value in distinct.tolist()]
    if len(distinct) == 1:
        raise InvalidInput(f"all labels are {distinct.tolist()[0]!r}, one class; training needs at least two classes")
    if categories.names:
        nameless = next((i for i, value in enumerate(values) if value not in categories.names), None)
        if nameless is not None:  # -1 means no label in data sets of the Hugging Face library
            fact = f"{name}[{nameless}] is {values[nameless]!r}, which the data set has no name for"
            raise InvalidInput(f"{fact}; leave it out")
        return _of_names(distinct, categories.names, data, name)
    _require_separate(distinct.tolist(), keys, name)
    order = [label_key(value) for value in categories.values if label_key(value) in keys]
    categories = Categories(tuple(order) if len(order) == len(keys) else (), categories.ordered)
    if len(distinct) == 2 and not _have_own_names(keys, data):
        return _binary(distinct, keys, categories.values if categories.ordered else ())
    return _several(distinct, keys, data, name, categories)


def categories_of(labels: Any) -> Categories:
    """Return the categories of labels whose type lists them, in that order; else none.

    These are a Categorical of pandas, a Series of them, an Enum of polars, and an ordered dictionary array of Arrow,
    which Parquet files have. An Enum lists what occurs, and may or may not mean an order. A column of a data set of the
    Hugging Face library has numbers, and may name them.
    """
    if names := getattr(getattr(labels, "features", None), "names", None):  # datasets.ClassLabel
        return Categories(names=dict(enumerate(names)))
    if type(kind := getattr(labels, "dtype", None)).__name__ == "Enum":
        return Categories(tuple(getattr(kind, "categories", ())))
    if hasattr(getattr(labels, "dtype", None), "pyarrow_dtype"):  # a Series of pandas whose values are Arrow's
        labels = pa.array(labels)
    if isinstance(labels, pa.ChunkedArray):
        labels = labels.combine_chunks()
    if isinstance(labels, pa.Array):
        is_ordered = pa.types.is_dictionary(labels.type) and labels.type.ordered
        return Categories(tuple(labels.dictionary.to_pylist()), True) if is_ordered else NO_CATEGORIES
    categorical = getattr(labels, "cat", labels)
    if not isinstance(ordered := getattr(categorical, "ordered", None), bool):
        return NO_CATEGORIES
    return Categories(tuple(to_list(categorical.categories, "categories")), ordered)


def _require_separate(values: Sequence[Any], keys: Sequence[str], name: str) -> None:
    """Raise InvalidInput for a label that is empty, and for several that are one label, as files are read."""
    for value, key in zip(values, keys, strict=True):
        if not key:
            raise InvalidInput(f"{name}: {value!r} is empty, as no label is; leave such texts out, or rename it")
        if keys.count(key) > 1:
            same = ", ".join(repr(each) for each, other in zip(values, keys, strict=True) if other == key)
            fact = f"{name}: {same} are one label, as capitals, space around it and forms of numbers do not count"
            raise InvalidInput(f"{fact}; write it in one way, or say so with {_as_one(values, keys)}")


def _as_one(values: Sequence[Any], keys: Sequence[str]) -> str:
    """Return the setting with which each normalized label is a class, or one of two, whatever its spellings."""
    spellings = {key: values[keys.index(key)] for key in keys}
    keys = list(spellings)
    if len(keys) == 2:
        order = worse_first(*keys) or keys
        return set_option("data.labels", {kind: [label_value(key)] for kind, key in zip(LABELS, order, strict=True)})
    if order := class_order(keys):
        return set_option("data.labels", class_setting({key: [key] for key in order}))
    each = set_option("data.labels", class_setting(written_classes(spellings)))
    return f"{each} {set_option('data.ordered', False)}"


def class_numbers(labels: Any, data: Data, name: str = "labels", weight: Any = None) -> np.ndarray:
    """Return the class that each label means for a model (n,) int64, by its data.labels or the usual names.

    IGNORED for one that data.labels ignores. InvalidInput with the position for one that means none, unless the
    `weight` of its text is 0.
    """
    values, names = label_list(labels, name, weight), categories_of(labels).names
    keys, named = list(map(label_key, values)), [label_key(names.get(value)) for value in values] if names else []
    number = label_numbers(data.labels, {*keys, *named})
    if named and (data.labels is None or number.keys() >= set(named) or not number.keys() >= set(keys)):
        keys = named  # without data.labels, 0 does not mean negative if its name is happy
    unknown = next((i for i, key in enumerate(keys) if number.get(key) is None), None)
    if unknown is not None:
        value, known = values[unknown], ", ".join(class_names(data.labels))
        shown = f"{value!r:.60}" + (f" ({names[value]})" if names and value in names else "")
        raise InvalidInput(f"{name}[{unknown}] is {shown}, and the classes of the model are {known}")
    return np.array([number[key] for key in keys], np.int64)


def label_list(labels: Any, name: str = "y", weight: Any = None) -> list[Any]:
    """Return labels as a list of plain values. InvalidInput with the position for one that is missing.

    A text of `weight` 0 is as if absent, so that its label may be unknown or missing: it is that of another text.
    """
    if labels is None:
        raise InvalidInput(f"{name} is None: this classifier requires y to be passed, but the target y is None")
    if getattr(labels, "ndim", 1) == 2 and labels.shape[1] == 1 and not hasattr(labels, "columns"):
        warnings.warn(
            f"A column-vector {name} was passed when a 1d array was expected", _conversion_warning(), stacklevel=2
        )
        labels = labels.ravel()
    require_sequence(labels, name, "label")
    if getattr(getattr(labels, "dtype", None), "kind", "") in ("M", "m"):  # as a list, they would be nanoseconds
        raise InvalidInput(f"Unknown label type: {name} has dates or times; give labels of bool, int or str")
    values, absent = _to_list(labels, name), _weightless(weight)
    if usual := [value for position, value in enumerate(values) if position not in absent][: len(absent)]:
        values = [usual[0] if position in absent else value for position, value in enumerate(values)]
    for position, value in enumerate(values):
        if is_missing(value):
            raise InvalidInput(f"{name}[{position}] is missing (Input {name} contains NaN or None); leave it out")
    return values


def _to_list(labels: Any, name: str) -> list[Any]:
    """Return labels as plain values. A number of 32 bits is the shortest that means it: 0.4, not 0.4000000059604645."""
    labels = read_once(labels)
    values, kind = to_list(labels, name), str(getattr(labels, "dtype", getattr(labels, "type", "")))
    first = labels[0] if isinstance(labels, list | tuple) and labels else None
    if kind.rpartition(".")[2].casefold() in ("float", "float32") or type(first) is np.float32:
        return [value if is_missing(value) else float(str(np.float32(value))) for value in values]
    return values


def _weightless(weight: Any) -> set[int]:
    """Return the positions of the texts of weight 0; none if the weights are wrong, of which their reader tells."""
    if weight is None or isinstance(weight, int | float | np.number):
        return set()
    try:
        return set(np.flatnonzero(np.array(to_list(weight, "sample_weight"), np.float64) == 0).tolist())
    except (TypeError, ValueError):
        return set()


def _conversion_warning() -> type[Warning]:
    try:
        from sklearn.exceptions import DataConversionWarning
    except ImportError:
        return UserWarning
    return DataConversionWarning


def _distinct(values: Sequence[Any], name: str, setting: Labels | None = None) -> np.ndarray:
    """Return the labels in ascending order, as an array of their type. Only ranges in data.labels take any numbers."""
    _require_labels(values, name)
    found = set(values)
    if setting is not None and ranges_of(setting):
        return label_array(sorted(found, key=lambda value: (isinstance(value, str), value)))
    if (share := next((value for value in found if isinstance(value, float) and value % 1), None)) is not None:
        repair = f"{_continuous_repair(values)}for classes such as 4.5 stars, write the numbers as text"
        raise InvalidInput(f"Unknown label type: continuous: {name} has {share!r}; {repair}")
    if len(kinds := {"text" if isinstance(value, str) else "numbers" for value in found}) > 1:
        raise InvalidInput(f"{name} has labels of several types: {' and '.join(sorted(kinds))}; give one")
    if len(found) > _MOST:
        raise InvalidInput(f"{name} has {len(found):,} different labels; give at most {_MOST}")
    return label_array(sorted(found))


def _continuous_repair(values: Sequence[Any]) -> str:
    """Return the repair that makes two classes of numbers, if their scale or their rows say where to cut."""
    found = suggest_ranges(Counter(map(label_key, values)))
    return f"for two classes, {found[1]}: {set_option('data.labels', found[0])}; " if found else ""


def _require_labels(values: Sequence[Any], name: str) -> None:
    """Raise InvalidInput for a value that is no label."""
    if (other := next((value for value in values if not isinstance(value, str | int | float)), None)) is not None:
        raise InvalidInput(f"Unknown label type: {name} has {other!r:.60}; give labels of bool, int or str")


def label_array(values: list[Any]) -> np.ndarray:
    """Return labels as an array (n,) of their type; of objects if that would change one, as floats would 2^53 + 1."""
    array = np.array(values)
    return array if array.tolist() == values else np.array(values, object)


def _of_setting(distinct: np.ndarray, setting: dict[str, list[Any]], name: str) -> LabelEncoder:
    """Return the encoder of labels that data.labels lists."""
    names, values = class_names(setting), distinct.tolist()
    meaning = label_numbers(setting, map(label_key, values))
    unknown = [value for value in values if label_key(value) not in meaning]
    if unknown:
        listed = ", ".join(repr(value) for values in setting.values() for value in values)
        raise InvalidInput(
            f"{name}: {', '.join(map(repr, unknown[:8]))}: in no list of data.labels, which has {listed}; correct it, "
            "or leave it out with data__labels=None"
        )
    numbers = {value: meaning[label_key(value)] for value in values}
    of_class = [[value for value in values if numbers[value] == number] for number in range(len(names))]
    if missing := [each for each, found in zip(names, of_class, strict=True) if not found]:
        raise InvalidInput(f"{name}: no label is of the class {', '.join(missing)}; training needs all classes")
    if all(len(found) == 1 for found in of_class):
        classes = label_array([found[0] for found in of_class])
    else:
        classes = np.array(names)
    number = np.argsort(classes, kind="stable")
    return LabelEncoder(classes[number], number, numbers)


def _of_names(distinct: np.ndarray, names: Mapping[int, str], data: Data, name: str) -> LabelEncoder:
    """Return the encoder of numbers that mean what their names do."""
    values = distinct.tolist()
    named = label_encoder([names[value] for value in values], data, name)
    numbers = {value: named.numbers[names[value]] for value in values}
    order = sorted(values, key=numbers.__getitem__)
    lists = {each: [value] for each, value in zip(named.setting or LABELS, order, strict=True)}
    is_usual = named.setting is None and all(USUAL.get(label_key(value)) == numbers[value] for value in values)
    number = np.array([numbers[value] for value in values])
    return LabelEncoder(distinct, number, numbers, None if is_usual else lists, named.ordered, named.notes)


def _have_own_names(keys: Sequence[str], data: Data) -> bool:
    """Return whether two labels are classes of their own names: data.ordered is given as false, and no word denies it.

    Of other words one is negative and one positive, as data.labels in a config has it.
    """
    is_unordered = "ordered" in data.model_fields_set and not data.ordered
    return is_unordered and worse_first(*keys) is None and not {default_class(key) for key in keys} >= {0, 1}


def _binary(distinct: np.ndarray, keys: Sequence[str], given: Sequence[str]) -> LabelEncoder:
    usual = [default_class(key) for key in keys]
    values = distinct.tolist()
    if set(usual) == {0, 1}:
        number = np.array(usual)
        return LabelEncoder(distinct, number, dict(zip(values, number.tolist(), strict=True)))
    known, notes = worse_first(*keys), ()
    order = known or tuple(given) or None
    number = np.array([0, 1] if order is None else [order.index(key) for key in keys])
    if not suggest(keys).is_complete:
        worse, better = (values[i] for i in np.argsort(number))
        why = "" if known else ": the order of the categories" if order else ": scikit-learn's order"
        notes = (f"{better!r} is taken as positive and {worse!r} as negative{why}",)
    lists = {LABELS[n]: [value] for n, value in sorted(zip(number.tolist(), values, strict=True))}
    return LabelEncoder(distinct, number, dict(zip(values, number.tolist(), strict=True)), lists, notes=notes)


def _several(distinct: np.ndarray, keys: Sequence[str], data: Data, name: str, categories: Categories) -> LabelEncoder:
    """Return the encoder of more than two classes.

    They are in order only if words say so, or their categories have one, or data.ordered is set.
    """
    values, order = distinct.tolist(), class_order(keys)
    given, notes, ordered = "ordered" in data.model_fields_set, (), data.ordered
    assumed = "alphabetical order" if order is None else ""
    if categories.values and categories.ordered and (order is None or any(map(is_number, keys))):
        order, ordered, assumed = list(categories.values), data.ordered if given else True, ""
    elif categories.values and given and order is None:
        order, assumed = list(categories.values), "the order of their type"
    elif not given:
        ordered = order is not None and not any(map(is_number, keys))
        if order is not None and not ordered:
            notes = (
                f"{name}: {len(keys)} numbers taken as classes without an order; if they have one, as stars have, "
                "write data__ordered=True (False: they have none)",
            )
    number = np.array([order.index(key) for key in keys] if ordered and order else range(len(keys)))
    names = [values[i] for i in np.argsort(number).tolist()]
    if ordered and assumed:
        ends = f"from {names[0]}, the worst, to {names[-1]}, the best"
        notes = (f"{name}: taken in {assumed}, {ends}; for another, list them: data__labels={names}",)
    lists = {_name(each): [each] for each in names}
    if IGNORE in lists:
        raise InvalidInput(
            f"{name}: a class cannot be called {IGNORE!r}, which has a meaning in data.labels; rename it"
        )
    numbers = dict(zip(values, number.tolist(), strict=True))
    return LabelEncoder(distinct, number, numbers, lists, None if given else ordered, notes)


def _name(value: Any) -> str:
    """Return the name of the class of a label, as data.labels gives it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
