"""Interpret the values of a label column: the class of each review, or that it is left out."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sentibp.data.labels import (
    IGNORED,
    Labels,
    NoKnownLabel,
    Value,
    among_classes,
    distinct,
    first_place,
    label_numbers,
    named_values,
    row_count,
)
from sentibp.errors import NoLabels
from sentibp.utils.label_key import IGNORE, LABELS, NOT_KNOWN, class_names, is_binary, is_number, label_key, label_value
from sentibp.utils.label_mapping import (
    LabelMapping,
    as_written,
    class_order,
    class_setting,
    class_spellings,
    none_among,
    polarity,
    property_classes,
    property_of,
    suggest,
    written_classes,
)
from sentibp.utils.label_ranges import as_number, ranges_of, suggest_ranges
from sentibp.utils.messages import truncated
from sentibp.utils.repair import PLACEHOLDER, set_option

if TYPE_CHECKING:
    from sentibp.data.readers.records import Records  # prediction needs the names of the labels, and no reader

_PARTNERS = {"0": "1", "1": "0", "-1": "1", "neg": "pos", "pos": "neg", "negative": "positive", "positive": "negative"}
_PARTNERS |= {"false": "true", "true": "false"}

_LIKE_DATE = re.compile(r"[0-9]{4}|[0-9][-/.][0-9]|[0-9][-. ]+[^\W\d]{3}|^[^\W\d]{3}[^ ]*[-. ][0-9]")

_UNKNOWN = -2
_SHOWN = 8  # values that an error message lists
_RARE = 20  # one row in so many
_MOST = 20  # more different labels are probably not labels
_LONGEST = 40  # characters of a label that a message shows


def parse_labels(records: Records, labels: Labels | None, wrong: list[str], as_classes: list[str]) -> np.ndarray:
    """Return the class of each row (n,) int8, or IGNORED. Append a line to `wrong` for each unknown label.

    Append the lines to `as_classes` that say how to train with a class for each label, if these may be classes.
    NoKnownLabel if `labels` lists none of them.
    """
    assert records.label is not None
    names = class_names(labels)
    labels = None if records.fixed_labels else labels
    values, codes = distinct(records.label)
    meaning = label_numbers(labels)
    values = named_values(values, records.label_names, meaning, declared=labels is not None)
    keys = [label_key(value) for value in values]
    if labels is None and {"0", "-1"} <= set(keys):  # -1 is then a third class, or means "no label"
        del meaning["-1"]
    number = label_numbers(labels, keys) if labels is not None else meaning
    classes = np.array([number.get(key, _UNKNOWN) for key in keys], np.int8)
    if (classes == _UNKNOWN).any():
        unknown = _Unknown(records, keys, values, classes, codes, meaning, labels)
        wrong += unknown.lines()
        as_classes += unknown.lines_as_classes()
    if records.fixed_labels and names != LABELS:
        classes = among_classes(names, classes, records.name)
    return classes[codes]


class _Unknown:
    """The unknown labels of a source, and the error lines for them."""

    def __init__(
        self,
        records: Records,
        keys: list[str],
        values: list,
        classes: np.ndarray,
        codes: np.ndarray,
        meaning: dict[str, int],
        labels: Labels | None,
    ):
        """`keys`, `values`, `classes`: of the distinct labels; `codes`: the label of each row (n,)."""
        self.records, self.keys, self.codes, self.meaning = records, keys, codes, meaning
        self.declared, self.labels = labels is not None, labels
        counts = np.bincount(codes, minlength=len(keys)).tolist()
        self.rows = dict.fromkeys(keys, 0)  # key -> number of rows
        for key, count in zip(keys, counts, strict=True):
            self.rows[key] += count
        frequent_last = sorted(range(len(keys)), key=lambda i: (counts[i], -i))
        self.shown = {keys[i]: values[i] for i in frequent_last}  # key -> its most frequent spelling
        self.unknown = list(dict.fromkeys(key for key, of in zip(keys, classes, strict=True) if of == _UNKNOWN))
        self.classes, self.none = set(classes.tolist()), none_among(self.rows)

    def lines(self) -> list[str]:
        """Return an error line for each unknown label, or one for all if the labels are of another kind.

        NoLabels if the column has none, and NoKnownLabel if data.labels lists none of them.
        """
        name = self.records.name
        if self.rows.get("") == len(self.codes):
            raise NoLabels(f"{name}: no row has a label; {self._other_column('give data with labels')}")
        others = self.records.other_labels() if self._may_be_none() and not ranges_of(self.labels or {}) else None
        if others is not None and others.taken:
            column = self.records.label_column
            raise NoLabels(f"{name}: {column!r} has no labels ({others.taken}); {self._other_column()}")
        if self.declared and self.rows.keys() - {""} <= set(self.unknown):
            raise NoKnownLabel(self._which_is_which(", none of them in data.labels"))
        if not self.declared and self.unknown != [""] and not self._are_few_among_known():
            return [self._which_is_which()]
        if self._is_another_scale():
            return [self._with_another_scale()]
        lines = [self._line(key) for key in self.unknown[:_SHOWN]]
        if not self.declared and len(self.unknown) > _MOST and (numbers := self._as_ranges()):
            return [numbers]
        if len(self.unknown) > _MOST or max(map(len, self.unknown)) > _LONGEST:
            many = f"{len(self.unknown):,} unknown labels; " if len(self.unknown) > 1 else ""
            return [*lines, f"{name}: {many}{self._other_column('correct the file')}"]
        if len(self.unknown) > 1:
            return [*lines, f"{name}: correct these labels, or leave their rows out with {self._leaving_out()}"]
        repair = "fill it in" if self.unknown == [""] else "correct it"
        return [f"{lines[0]}; {repair}, or leave such rows out with {self._leaving_out()}"]

    def _is_another_scale(self) -> bool:
        """Return whether the numbers are probably of another scale than those in data.labels, as 0 and 1 beside 1 to 5.

        Then the numbers that are listed do not mean what data.labels says either. A few others may be mistakes.
        """
        if not self.declared or not all(map(is_number, self._keys())):
            return False
        listed = [float(key) for key in self.meaning if is_number(key)]
        new = {float(key): self.rows[key] for key in self.unknown if is_number(key)}
        if not listed or not new:
            return False
        above = [rows for number, rows in new.items() if number > max(listed)]
        lacks_best = len(listed) > 2 and max(listed) not in {float(key) for key in self._keys()}  # of two: unclear
        is_longer = len(above) > 1 and sum(above) * _RARE > len(self.codes)
        is_signed = {"-1", "1"} <= self.rows.keys() and "-1" in self.unknown  # beside 0 and 1 in data.labels
        if is_longer or is_signed or (min(new) < min(listed) and lacks_best):
            return True
        lacks_end = not {min(listed), max(listed)} <= {float(key) for key in self._keys()}
        return lacks_end and not self._are_rare() and set(new) != {-1}  # -1 often means that there is no label

    def _with_another_scale(self) -> str:
        """Return the line about numbers of another scale, with the setting that says what they mean."""
        assert self.labels is not None
        rows, names = self._keys(), class_names(self.labels)
        order, mapping = class_spellings(rows), suggest(rows)
        setting: dict[str, list[Value]] = {name: [PLACEHOLDER] for name in names}
        which = "say what they mean"
        if names == LABELS and mapping.is_complete:
            setting, which = mapping.to_setting(), mapping.assumption or which
        elif order and len(order) == len(names):
            setting = {name: list(map(label_value, same)) for name, same in zip(names, order.values(), strict=True)}
        fact = f"{self.records.name}: labels {self._listed(self.rows)}, which seem to be of another scale"
        say = f"{which}: {self._option(self._without_empty(setting))}"
        others = ", ".join(_brief(self.shown[key]) for key in self.unknown[:_SHOWN] if key)
        leave_out = f"if the scale is the same, leave out {others} with {self._leaving_out()}"
        return f"{fact} than those in data.labels; {say}; {leave_out}"

    def _may_be_none(self) -> bool:
        """Return whether the values may be no labels, so that it is worth reading the columns: many, or like dates."""
        many = len(self.rows) > _MOST or len(self.codes) < 2 * len(self.rows)
        return many or all(_LIKE_DATE.search(key) for key in self.rows if key)

    def _other_column(self, otherwise: str = "") -> str:
        """Return where the labels may be. If no other column has any, what to do `otherwise`, or what the columns have.

        A source whose columns cannot be looked at may have others.
        """
        others, wanted = self.records.other_labels(), self.records.label_column
        if others is None:
            return otherwise or "name another column with --set data.label_column=NAME"
        return otherwise if otherwise and not others.names else others.repair(wanted)

    def lines_as_classes(self) -> list[str]:
        """Return the lines with what makes each label a class of its own, if the labels may be classes."""
        rows = self._keys()
        classes = class_spellings(rows) if len(rows) <= _MOST else None
        number = len(rows if classes is None else classes)
        is_total = self._are_rare() and all(self.rows[key] == 1 for key in self.unknown)  # of the rows above it
        are_two = number == 2 or is_total
        if self.declared or self.unknown == [""] or not 2 <= number <= len(rows) <= _MOST:
            return []
        if (are_two and self._are_few_among_known()) or (
            number == 2 and (classes is not None or suggest(rows).is_complete)
        ):
            return []
        if classes is None and self._are_few_among_known():
            return self._lines_with_more_classes()
        fact, two = self._facts()
        if self._are_few_among_known():
            fact, two = f"{self.records.name}: labels {self._listed(self.rows)}", self._leaving_out()
        if classes is not None:
            option = self._as_classes(classes)
            return [f"{fact}; for a class each, from the worst to the best{option}; for two, {two}"]
        lists = written_classes({key: self.shown[key] for key in sorted(rows, key=lambda key: str(label_value(key)))})
        each = self._as_classes(property_classes(self.records.label_column, rows) or lists)
        if number == 2:
            return [f"{fact}; {two}; for two classes without an order{each} {set_option('data.ordered', False)}"]
        unordered = set_option("data.ordered", False)
        ordered = {PLACEHOLDER: [PLACEHOLDER], IGNORE: self._without()} if self._without() else [PLACEHOLDER]
        in_order = f"if they have an order, list them from the worst to the best: {set_option('data.labels', ordered)}"
        return [f"{fact}; for a class each{each} {unordered}; {in_order}; for two classes, {two}"]

    def _as_classes(self, classes: Mapping[str, Sequence[str]]) -> str:
        """Return the option that makes classes of the labels, after a colon, without rows that cannot be of a class.

        These have no label, or are the only one with it: no such row is left for training if it is held out.
        """
        single = [name for name, same in classes.items() if sum(self.rows[label_key(each)] for each in same) == 1]
        single = single if max(len(LABELS), 2 * len(single)) < len(classes) - len(single) else []
        ignored = [label_value(key) for name in single for key in classes[name]]
        several = {name: same for name, same in classes.items() if name not in single}
        setting = class_setting(several, self._without_empty({IGNORE: ignored})[IGNORE])
        left_out = f", without {', '.join(map(_brief, single))}, of one row" if single else ""
        return f"{left_out}: {set_option('data.labels', setting)}"

    def _keys(self) -> list[str]:
        """Return the normalized labels of the source that are not known to stand for none."""
        return [key for key in self.rows if key and key not in self.none]

    def _without(self) -> list[Value]:
        """Return the unknown labels of rows that have none, as the source writes them: "", NULL and the like."""
        none = self.none.intersection(self.unknown if self.declared else self.rows)  # -1 may have its usual meaning
        none |= {""}.intersection(self.unknown)
        return [str(self.shown[key]).strip() if key else "" for key in self.rows if key in none]

    def _without_empty(self, setting: dict[str, list[Value]]) -> dict[str, list[Value]]:
        """Return the value of `data.labels` that ignores the rows of the source without a label, too."""
        listed = setting.get(IGNORE, [])
        more = [value for value in self._without() if label_key(value) not in map(label_key, listed)]
        return setting | {IGNORE: [*listed, *more]} if more else setting

    def _lines_with_more_classes(self) -> list[str]:
        """Return the lines about a few unknown labels, with what makes classes of them, between the known ones."""
        between = [key for key in self.unknown if key not in NOT_KNOWN]
        if not between or "" in self.unknown or any(polarity(key) in LABELS for key in between):
            return []
        negative, positive = (
            [key for key in self.meaning if self.meaning[key] == n and key in self.rows] for n in (0, 1)
        )
        if len(negative) + len(positive) > 2 or any(len(self.shown[key]) > _LONGEST for key in self.unknown):
            return []
        ignored = [label_value(key) for key in self.unknown if key in NOT_KNOWN]
        order = {key: self.shown[key] for key in (*negative, *between, *positive)}
        classes = set_option("data.labels", class_setting(written_classes(order), ignored))
        *lines, last = self.lines()
        return [*lines, f"{last}, or make them classes, from the worst to the best: {classes}"]

    def _are_few_among_known(self) -> bool:
        """Return whether both classes are there, and the unknown labels are no numbers on the same scale, or rare."""
        return {0, 1} <= self.classes and not (
            any(map(is_number, self.unknown))
            and any(map(is_number, set(self.keys).difference(self.unknown)))
            and not self._are_rare()
        )

    def _are_rare(self) -> bool:
        """Return whether few rows have an unknown label, so that these may be mistakes."""
        return sum(map(self.rows.__getitem__, self.unknown)) * _RARE <= len(self.codes)

    def _line(self, key: str) -> str:
        where = np.flatnonzero(np.isin(self.codes, [code for code, of in enumerate(self.keys) if of == key]))
        place = first_place(self.records, where)
        if key == "":
            return f"{place}: no label{row_count(where)}"
        fault = "in no list of data.labels" if self.declared else "neither negative nor positive"
        return f"{place}: label {_brief(self.shown[key])!r}{row_count(where)} is {fault}"

    def _leaving_out(self) -> str:
        """Return the option that ignores the unknown labels, except words with a meaning beyond doubt."""
        if self.labels is not None:
            return self._option(self._with_unknown(self.labels))
        known = [key for key in self.meaning if key in self.rows]
        if not {0, 1} <= self.classes:
            known += [_PARTNERS[key] for key in known]  # the other class has no row here
        kinds = [[key for key in known if self.meaning[key] == number] for number in (0, 1, IGNORED)]
        for key in self.unknown:
            kinds[{"negative": 0, "positive": 1}.get(polarity(key) or "", 2)].append(key)
        return self._option(LabelMapping(kinds[0], kinds[1], kinds[2]).to_setting())

    def _with_unknown(self, labels: Labels) -> dict[str, list[Value]]:
        """Return the value of `data.labels` that ignores the unknown labels, too."""
        setting = _setting(labels)
        unknown = [label_value(key) for key in self.unknown if key and key not in self.none]
        return self._without_empty(setting | {IGNORE: [*setting.get(IGNORE, []), *unknown]})

    def _in_lists(self, labels: Labels, rows: list[str]) -> dict[str, list[Value]]:
        """Return the value of `data.labels` with the labels in the lists of its classes, as far as they are known."""
        names, setting = list(class_names(labels)), _setting(labels)
        order, keys, kinds = class_spellings(rows), [label_key(name) for name in names], suggest(rows)
        if order and len(order) == len(names) and class_order(keys) == keys:
            meant = {key: name for same, name in zip(order.values(), names, strict=True) for key in same}
        elif kinds.is_complete and set(LABELS) <= set(names):
            middle = "neutral" if "neutral" in names else IGNORE
            lists = {"negative": kinds.negative, "positive": kinds.positive, middle: kinds.ignore}
            meant = {key: name for name, values in lists.items() for key in values}
        else:
            return setting | {name: [*setting[name], PLACEHOLDER] for name in names}
        for key in rows:
            setting.setdefault(meant.get(key, IGNORE), []).append(label_value(key))
        return setting

    def _which_is_which(self, fact: str = "") -> str:
        """Return an error line with the labels, their counts, and the mapping to set."""
        if (number := sum(key != "" for key in self.rows)) > _MOST:
            if numbers := self._as_ranges(fact):
                return numbers
            from sentibp.config.class_conflicts import MOST_CLASSES  # it loads the YAML parser

            fact = f"{self.records.name}: {number:,} different labels: {self._listed(self.rows)}{fact}"
            are_classes = number <= sum(self.rows.values()) / 2
            if are_classes and number > MOST_CLASSES:
                groups = f"list at most {MOST_CLASSES}, or groups of them, in data.labels, and the others under ignore"
                return f"{fact}; if each is a class, {groups}; otherwise: {self._other_column()}"
            if not are_classes or not Path(self.records.name).exists():
                return f"{fact}; {self._other_column()}"
            file, column = shlex.quote(self.records.name), shlex.quote(self.records.label_column)
            init = f"sentibp init {file} --label-column {column}"
            return f"{fact}; if each is a class, this writes their list: {init}; otherwise: {self._other_column()}"
        return "; ".join(self._facts(fact))

    def _as_ranges(self, fact: str = "") -> str | None:
        """Return the line about labels that are continuous numbers, with the ranges that make two classes of them."""
        rows = {key: count for key, count in self.rows.items() if key and key not in NOT_KNOWN}
        names, of_property = class_names(self.labels), property_of(self.records.label_column)
        if of_property and not self.declared:
            names = (f"low_{of_property}", f"high_{of_property}")
        if len(names) != len(LABELS) or (found := suggest_ranges(rows, names)) is None:
            return None
        ends = [self.shown[end(rows, key=lambda key: as_number(key) or 0)] for end in (min, max)]
        ignored = [label_value(key) for key in self.rows if key not in rows and key and key not in self.none]
        option = set_option("data.labels", self._without_empty(found[0] | ({IGNORE: ignored} if ignored else {})))
        if not self.declared and not is_binary(names):
            option += f" {set_option('data.ordered', False)}"
        fact = f"{self.records.name}: labels are {len(rows):,} different numbers from {ends[0]} to {ends[1]}{fact}"
        others = self.records.other_labels()
        return f"{fact}; {found[1]}: {option}" + (f"; or {self._other_column()}" if others and others.names else "")

    def _listed(self, rows: Mapping[str, int]) -> str:
        """Return the labels with their counts, the most frequent first."""
        rows = {key: count for key, count in rows.items() if key}
        frequent = sorted(rows, key=lambda key: (-rows[key], key))[:_SHOWN]
        listed = ", ".join(f"{_brief(self.shown[key])} ({rows[key]:,})" for key in frequent)
        return listed + (", ..." if len(rows) > _SHOWN else "")

    def _facts(self, fact: str = "") -> tuple[str, str]:
        """Return the labels with their counts, and the mapping to set."""
        rows = {key: count for key, count in self.rows.items() if key}
        fact = f"{self.records.name}: labels {self._listed(rows)}{fact}"
        if self.labels is not None and len(class_names(self.labels)) > len(LABELS):
            lists = self._in_lists(self.labels, self._keys())
            return fact, f"write them into its lists: {self._option(self._without_empty(lists))}"
        mapping = suggest(self._keys())
        known = {*mapping.negative, *mapping.positive, *mapping.ignore, *self.none}
        unknown = [key for key in rows if key not in known]
        which = mapping.assumption or "say which is which"
        if mapping.is_complete and unknown:
            mapping = mapping._replace(ignore=[*mapping.ignore, *unknown])
            which = "say which is which, or leave the others out"
        setting = mapping.to_setting()
        if not mapping.is_complete and (found := suggest_ranges({key: rows[key] for key in self._keys()})):
            setting, which = found
        if self.declared:  # another source may have the labels that are listed
            for number, kind in (0, "negative"), (1, "positive"), (IGNORED, "ignore"):
                listed_already = [label_value(key) for key, of in self.meaning.items() if of == number]
                setting[kind] = listed_already + setting.get(kind, [])
            setting = {kind: values for kind, values in setting.items() if values}
        return fact, f"{which}: {self._option(self._without_empty(setting))}"

    def _option(self, setting: Mapping[str, list[Value]]) -> str:
        """Return the option that sets `data.labels`, with the labels as the source writes them."""
        return set_option("data.labels", as_written(setting, self.shown))


def _setting(labels: Labels) -> dict[str, list[Value]]:
    """Return the value of `data.labels` that means these labels."""
    return {name: [label_value(label_key(value)) for value in values] for name, values in labels.items()}


def _brief(value: object) -> str:
    return truncated(" ".join(str(value).split()), _LONGEST)
