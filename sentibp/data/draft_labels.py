"""Draft the lines of a config about the labels: their column, and what they mean as far as the file shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sentibp.data.column_names import usual_label_name
from sentibp.data.columns import MANY, Column, Profile, best_may_be_least, may_be_numbers_of_classes, not_labels
from sentibp.data.label_columns import MOST_SHOWN
from sentibp.data.labels import default_class
from sentibp.utils import label_mapping
from sentibp.utils.label_key import CODES, LABELS, NOT_KNOWN, is_binary, label_key, label_value
from sentibp.utils.label_ranges import as_number, classes_by_range, suggest_ranges
from sentibp.utils.messages import counted, one_line
from sentibp.utils.repair import PLACEHOLDER, as_yaml, set_option

OTHERS = 4  # columns that may have the labels, at most, in a note

SHOWN = 50  # characters of an example
printable = partial(one_line, width=SHOWN)

Line = tuple[str, str]  # of the config, and what to fill in there; "" if nothing


def label_lines(profile: Profile) -> Iterator[Line]:
    """Yield the column of the labels, others that may be it, and what the labels mean."""
    label = profile.label
    if label is not None and (found := _ranges(label)):
        yield from _range_lines(label, *found)
        return
    if label is None or label.counts is None:
        yield _no_label_column(profile)
        return
    values = sorted(label.labels.values(), key=lambda each: -each[1])
    shown = ", ".join(f"{printable(value)} ({count:,})" for value, count in values)
    yield f"  label_column: {as_yaml(label.name)}  # {shown}", ""
    for other in profile.other_labels[:OTHERS]:
        few = printable(", ".join(value for value, _ in other.labels.values()))
        yield f"  # label_column: {as_yaml(other.name)}  # {few}", ""
    yield from _meanings(label.name, {label_key(value): value for value, _ in values}, _without(label))


def _meanings(column: str, spellings: Mapping[str, str], empty: Sequence[tuple[str, int]]) -> Iterator[Line]:
    """Yield which labels are negative and positive, as far as that is known. `empty`: as `_without` returns it."""
    left_out = label_mapping.none_among(spellings)
    keys, none = [key for key in spellings if key not in left_out], [value for value, _ in empty]
    without = f"{counted(sum(count for _, count in empty), 'row')} without a label"
    if found := label_mapping.property_classes(column, keys):
        lists = {name: list(map(label_value, each)) for name, each in found.items()}
        yield from _named_lists(lists, "named after the column")
        if none:
            yield f"    ignore: {as_yaml(none)}  # {without}", ""
        yield from _order(found)
        return
    mapping = _mapping(keys, column)
    settings = label_mapping.as_written(mapping.to_setting(), spellings)
    if len(keys) > 2 and not mapping.is_complete:
        yield from _class_lines({key: spellings[key] for key in keys}, none, without)
        return
    if len(keys) > 2 or not mapping.is_complete:
        yield from _as_classes({key: spellings[key] for key in keys}, none)
    why = f"  # {mapping.assumption}" if mapping.assumption else ""
    yield f"  labels:{why}", ""
    known = {key for keys in (mapping.negative, mapping.positive, mapping.ignore) for key in keys}
    rest = label_mapping.as_written({"rest": [label_value(key) for key in keys if key not in known]}, spellings)["rest"]
    left = printable(", ".join(map(str, rest)))
    for kind in ("negative", "positive", "ignore"):
        listed = as_yaml(settings.get(kind, []))
        if PLACEHOLDER in settings.get(kind, []):
            yield (
                f"    {kind}: {listed}  # fill in, of: {left}",
                f"which labels are {kind}, of: {left}",
            )
        elif kind == "ignore" and mapping.is_complete and (rest or empty):
            left_out = [*settings.get(kind, []), *rest]
            why = f"reviews to leave out, and {without}" if empty else "reviews to leave out"
            yield f"    ignore: {as_yaml([*left_out, *none])}  # {why}", ""
        elif kind != "ignore" or settings.get(kind):
            yield f"    {kind}: {listed}", ""
    if not mapping.is_complete:
        example = f"{as_yaml(none)}  # {without}" if empty else "[...]  # labels of reviews to leave out"
        yield f"    {'' if empty else '# '}ignore: {example}", ""


def _no_label_column(profile: Profile) -> Line:
    others = {column.name: not_labels(column) for column in profile.columns if column.name != profile.text}
    others |= dict.fromkeys(profile.nested, "lists or objects, and a text has one label")
    for name, what in others.items():
        if what == MANY and usual_label_name(name):
            others[name] = f"{what}; if these are the labels, add {set_option('data.label_column', name)}"
    listed = [f"{as_yaml(printable(name))}: {what}" for name, what in others.items()]
    facts = "; ".join([*listed[:MOST_SHOWN], *["..."] * (len(listed) > MOST_SHOWN)])
    few = printable(", ".join(map(as_yaml, others)))
    return (
        f"  label_column: {PLACEHOLDER}  # fill in; {f'the other columns are {few}' if few else 'no column is left'}",
        f"the column with the labels: no column looks like it{facts and f' ({facts})'}; if there is none, add one",
    )


def _range_lines(label: Column, setting: Mapping[str, list[Any]], why: str) -> Iterator[Line]:
    """Yield the column of labels that are continuous numbers, and their classes."""
    numbers = [as_number(key) or 0.0 for key in label.numerals]
    yield f"  label_column: {as_yaml(label.name)}  # numbers from {min(numbers):g} to {max(numbers):g}", ""
    yield from _named_lists(setting, why)
    empty = [""] * (label.filled < label.rows)
    if without := [*(value for value in label.distinct if label_key(value) in NOT_KNOWN), *empty]:
        yield f"    ignore: {as_yaml(without)}  # rows without a label", ""
    yield from _order(setting)


def _named_lists(setting: Mapping[str, list[Any]], why: str) -> Iterator[Line]:
    """Yield the classes and the values of each."""
    yield f"  labels:  # {why}", ""
    for name, values in setting.items():
        yield f"    {name}: {as_yaml(values)}", ""


def _order(setting: Mapping[str, list[Any]]) -> Iterator[Line]:
    """Yield that two classes have no order, if they are called otherwise than negative and positive."""
    if not is_binary(setting):
        yield "  ordered: false  # classes with names of their own, and not negative and positive", ""


def _ranges(label: Column) -> tuple[dict[str, list[Any]], str] | None:
    """Return the setting that makes two classes of continuous numbers, and what it assumes; None for other labels."""
    numbers = label.numerals
    if not numbers or label_mapping.suggest(numbers).is_complete:
        return None
    name = label_mapping.property_of(label.name)
    return suggest_ranges(numbers, LABELS if name is None else (f"low_{name}", f"high_{name}"))


def _mapping(keys: Sequence[str], column: str) -> label_mapping.LabelMapping:
    """Return what the labels of a column mean: as words and numbers say, or by the usual names, such as true and false.

    In a column whose name means negative, such as `is_negative`, 1 and true do.
    """
    mapping = label_mapping.suggest(keys)
    usual = [[key for key in keys if default_class(key) == number] for number in (0, 1)]
    if label_mapping.says_the_reverse(column, keys) and all(usual):
        why = f"{printable(usual[1][0])} is taken as negative, as the name of the column says"
        return label_mapping.LabelMapping(usual[1], usual[0], [], why)
    return mapping if mapping.is_complete or not all(usual) else label_mapping.LabelMapping(usual[0], usual[1], [])


def _as_classes(spellings: Mapping[str, str], none: list[str]) -> Iterator[Line]:
    """Yield the alternative to two classes, a class for each label, as a comment."""
    classes = label_mapping.class_spellings(spellings)
    if len(spellings if classes is None else classes) < (2 if classes is None else 3):
        return
    lists = as_yaml(_classes(spellings, none))
    yield f"  # labels: {lists}  # instead of two classes, one for each label, from the worst to the best", ""
    if classes is None:
        yield "  # ordered: false  # if these classes have no order", ""


def _class_lines(spellings: Mapping[str, str], none: list[str], without: str) -> Iterator[Line]:
    """Yield a class for each label, where there are more than two and nothing says which are negative and positive."""
    is_ordered = label_mapping.class_spellings(spellings) is not None
    why = "a class for each label" + (", from the worst to the best" if is_ordered else "")
    yield f"  labels: {as_yaml(_classes(spellings, none))}  # {why}{f'; {without}' if none else ''}", ""
    if not is_ordered:
        yield "  ordered: false  # remove it if you put them in order, from the worst to the best", ""
    yield (
        "  # labels: {negative: [...], positive: [...], ignore: [...]}  # for two classes: each label in a list",
        "",
    )


def _classes(spellings: Mapping[str, str], none: list[str]) -> Any:
    """Return the value of `data.labels` with a class for each label, without the rows that have none: these values."""
    classes = label_mapping.class_spellings(spellings) or label_mapping.written_classes(spellings)
    return label_mapping.class_setting(classes, none)


def _class_options(spellings: Mapping[str, str], none: list[str]) -> str:
    """Return the options of a class for each label, and of classes without an order if nothing tells one."""
    option = set_option("data.labels", _classes(spellings, none))
    is_ordered = label_mapping.class_spellings(spellings) is not None
    return option if is_ordered else f"{option} {set_option('data.ordered', False)}"


def _spellings(label: Column) -> dict[str, str]:
    """Return the normalized labels of a column that do not stand for none, each with its most frequent spelling."""
    none = label_mapping.none_among(label.labels)
    return {key: value for key, (value, _) in label.labels.items() if key not in none}


def _without(label: Column) -> list[tuple[str, int]]:
    """Return the values of rows without a label, such as "" and NULL, as they are written, and the number of rows."""
    empty = sum(count for value, count in (label.counts or {}).items() if not label_key(value))
    none = label_mapping.none_among(label.labels)
    return [("", empty)] * bool(empty) + [found for key, found in label.labels.items() if key in none]


def class_counts(profile: Profile, given: Mapping[str, Any]) -> list[int]:
    """Return the number of rows of each class; of the two labels if it is not known what they mean."""
    labels = {} if profile.label is None else profile.label.labels
    none = label_mapping.none_among(labels)
    found = {key: count for key, (_, count) in labels.items() if key not in none}
    if "labels" not in given and profile.label is not None and (ranges := _ranges(profile.label)):
        numerals = profile.label.numerals
        classes = classes_by_range(ranges[0], numerals)
        return [sum(rows for key, rows in numerals.items() if classes.get(key) == name) for name in ranges[0]]
    mapping = _mapping(list(found), "" if profile.label is None else profile.label.name)
    setting = given.get("labels") or (mapping.to_setting() if mapping.is_complete else None)
    if setting is None:
        return list(found.values())
    lists = [values for class_name, values in setting.items() if class_name != "ignore"]
    return [sum(found.get(label_key(value), 0) for value in values) for values in lists]


def _as_classes_advice(profile: Profile) -> list[str]:
    """Return how to get a config with a class for each label, if it is not known what they mean, and what it assumes.

    Of two labels, the config leaves open which is which; of more, each is a class.
    """
    spellings = _spellings(profile.label) if profile.label is not None else {}
    keys = list(spellings)
    if profile.label is None or len(keys) < 2 or _ranges(profile.label):
        return []
    if label_mapping.property_classes(profile.label.name, keys) or _mapping(keys, profile.label.name).is_complete:
        return []
    classes = label_mapping.class_spellings(keys)
    if len(keys) > 2:
        order = "without an order" if classes is None else "from the worst to the best"
        fact = f"each label of {printable(profile.label.name)!r} is a class, {order}"
        return [
            f"{fact}: {printable(', '.join(spellings.values()))}; the comments in the config say how to change that"
        ]
    none = [value for value, _ in _without(profile.label)]
    return [f"for a class each instead of negative and positive, add {_class_options(spellings, none)}"]


def _marks_advice(profile: Profile) -> list[str]:
    """Return what to do if 1 is the best mark, where the labels are marks that begin with 1."""
    if profile.label is None or may_be_numbers_of_classes(profile.label) or not best_may_be_least(profile.label):
        return []
    keys = list(_spellings(profile.label))
    fact = _mapping(keys, profile.label.name).assumption
    return [f"{fact}; if 1 is the best mark, as in schools of some countries, swap the lists negative and positive"]


def _numbers_advice(profile: Profile) -> list[str]:
    """Return what is assumed of numbers: of 99 beside ratings, of 0 below one up to 5, and that they are in order."""
    label = profile.label
    if label is None or label.counts is None:
        return []
    advice = [
        f"{key} ({counted(label.labels[key][1], 'row')}) is taken as no rating, and left out; if it is one, write it "
        "into a list of data.labels"
        for key in sorted(label_mapping.none_among(label.labels) & CODES)
    ]
    spellings = _spellings(label)
    assumed = _mapping(list(spellings), label.name).assumption
    if assumed and may_be_numbers_of_classes(label):
        option = f"{set_option('data.labels', sorted(map(label_value, spellings)))} {set_option('data.ordered', False)}"
        advice.append(f"{assumed}; if the numbers are those of classes without an order, such as topics, add {option}")
    elif assumed and {"0", "1", "5"} <= {*spellings} and "10" not in spellings:
        advice.append("0 is taken as the lowest rating; if it means that there is none, move it to the list ignore")
    return advice


def labels_advice(profile: Profile) -> list[str]:
    """Return what else the labels may mean, and how to get a config for that."""
    label = profile.label
    if label is not None and label.counts is None and not _ranges(label):
        from sentibp.config.class_conflicts import MOST_CLASSES  # it loads the YAML parser

        fact = f"{printable(label.name)!r} has more than {MOST_CLASSES} different labels, which are too many classes"
        return [f"{fact}: list some, or groups of them, in data.labels, and the others there under ignore"]
    return [*_as_classes_advice(profile), *_marks_advice(profile), *_numbers_advice(profile)]


def single_labels_advice(profile: Profile, given: Mapping[str, Any]) -> list[str]:
    """Return why no review is held out: labels of one row; and how to leave them out, if several others are left."""
    fact = "no review is held out, so that the accuracy on new reviews will not be known: a class needs two reviews"
    if profile.label is None:
        return [fact]
    spellings = _spellings(profile.label)
    single = [key for key in spellings if profile.label.labels[key][1] == 1]
    if not single:
        return [fact]
    fact += f", and there is one row of {printable(', '.join(map(spellings.__getitem__, single)))}; add rows"
    rest = {key: value for key, value in spellings.items() if key not in single}
    if "labels" in given or len(rest) < 2 or _mapping(list(spellings), profile.label.name).is_complete:
        return [fact]
    left_out = label_mapping.as_written({"ignore": single}, spellings)["ignore"]
    none = [value for value, _ in _without(profile.label)]
    return [f"{fact}, or leave these out: add {_class_options(rest, [*left_out, *none])}"]
