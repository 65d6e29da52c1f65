"""Read plain text with one review a line, lines of a text and its label, and fastText's lines with __label__."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data.readers.content import first_bytes, line_chunks, one_string
from sentibp.data.readers.csv_tsv import open_csv
from sentibp.data.readers.dialect import TAB, fields_of, find_quoting, find_separator, head_lines, long_fields
from sentibp.data.readers.header import (
    are_labels,
    are_names,
    are_spaced,
    control_separator,
    label_column,
    possible_table,
    suggested_names,
    title_count,
    unmarked_note,
)
from sentibp.data.readers.layouts import reject_lines
from sentibp.data.readers.table import (
    USUAL_NAMES,
    Batch,
    ReadOptions,
    Table,
    is_set,
    plain_name,
    require_no_columns,
    require_unset,
)
from sentibp.errors import DataError, NoLabels
from sentibp.utils.arrow import from_numpy, scalar, to_numpy
from sentibp.utils.label_key import label_key
from sentibp.utils.near_names import folded_name
from sentibp.utils.repair import set_option

_NEARLY = 0.9  # of all lines

_IN_TEXTS = " ,;:"  # separators that any text may contain

_LINE = re.compile(rb"[^\r\n]*(?:\r\n?|\n)")


def lines_of(data: memoryview, *, returns: bool = True) -> Iterator[pa.Array]:
    """Yield the lines, including empty ones, in arrays. A final newline does not begin another line.

    If there is no newline at all, a carriage return ends a line, as on old Macs, unless `returns` is false.
    """
    for chunk in line_chunks(data):
        text = one_string(chunk)
        if b"\r\n" in chunk:
            text = pc.replace_substring(text, "\r\n", "\n")
        elif returns and b"\n" not in chunk:
            text = pc.replace_substring(text, "\r", "\n")
        returns = False
        lines = pc.split_pattern(text, "\n").values
        yield lines[:-1] if chunk.endswith((b"\n", b"\r")) and lines[-1].as_py() == "" else lines


def open_lines(data: memoryview, name: str, options: ReadOptions) -> Table:
    """Open a text file: fastText's format if the first line that is not blank begins with __label__, else lines.

    The lines have columns if the options name these or their separator. If labels are wanted, lines of a text, a tab
    and a label are recognised, and so is a line with the names of the columns. Titles above all these are left out.
    """
    lines = head_lines(data)
    if options.names is None and not is_set("separator", options):
        reject_lines(lines, name)
    if first_bytes(data, 9) == b"__label__" or title_count(lines, "__label__"):
        require_no_columns(name, options)
        require_unset(name, "lines with __label__ have no columns", options, ("names", "separator", "quoting"))
        separator = label_separator(lines)
        table = _fasttext(_without_titles(data, name, "__label__"), name, options, separator)
        return table.with_notes(label_notes(lines, name, separator))
    below = lines[title_count(lines, "\t") :]
    unused: tuple[str, ...] = ()
    if options.names is not None and "names" in options.inherited and not fit(below, options):
        unused, options = _unused_names(below, name, options), options._replace(names=None)
    if options.names is not None and len(options.names) == 2:
        separator = pair_separator(below, options) or find_separator(below, options, TAB)
        rest = _without_titles(data, name, separator)
        with long_fields():
            quoting, _ = find_quoting(rest.data, separator, 2, options, name, plain=True)
        if quoting == "none":
            return _pairs(rest, name, options.names, separator, options)
    if options.names is not None or is_set("separator", options) or is_set("quoting", options):
        return open_csv(data, name, options, TAB)
    with long_fields():
        if (table := _recognised(data, name, options)) is not None:
            return table
        notes = () if options.label is not None else unused or line_notes(lines, name, options)
    require_no_columns(name, options)
    if options.label is not None:
        raise _no_labels(data, name, options)
    text = options.texts[0]  # lines have no columns: this one has the name that the options give it
    rest = _below_name(data, name, text, len(lines))

    def batches(wanted: list[str]) -> Generator[Batch]:
        yield from ({text: lines} for lines in lines_of(rest.data))

    return Table(name, (text,), batches, partial(_places, rest, name, _all), header=name, notes=(*rest.notes, *notes))


class _Lines(NamedTuple):
    """The lines of a file below its titles."""

    data: memoryview
    before: int = 0  # lines above them
    notes: tuple[str, ...] = ()


def _rows(lines: list[str], separator: str) -> list[str]:
    """Return the lines with the separator, if nearly all have it: the others are mistakes, or remarks. Else all."""
    rows = [line for line in lines if separator in line]
    return rows if len(rows) > _NEARLY * len(lines) else lines


def _without_titles(data: memoryview, name: str, mark: str) -> _Lines:
    """Return the lines below the titles, with a note on these."""
    lines = head_lines(data)
    titles = lines[: title_count(lines, mark)]
    if not titles:
        return _Lines(data)
    end = before = found = 0
    while (line := _LINE.match(data, end)) and (found < len(titles) or not line[0].strip()):
        end, before, found = line.end(), before + 1, found + bool(line[0].strip())
    return _Lines(data[end:], before, (unmarked_note(name, [[each] for each in titles], mark),))


def _below_name(data: memoryview, name: str, text: str, lines: int) -> _Lines:
    """Return the lines below the first one, with a note, if this is the name of the column with the texts; else all.

    `lines` is how many are not blank, as far as was looked: a single line is a text.
    """
    first = _LINE.match(data)
    if first is None or lines < 2 or folded_name(bytes(first[0]).decode("utf-8", "replace")) != folded_name(text):
        return _Lines(data)
    note = f"{name}: the first line, {text!r}, is read as the name of the column, and not as a text"
    return _Lines(data[first.end() :], 1, (note,))


def fit(lines: list[str], options: ReadOptions) -> bool:
    """Return whether lines seem to have the columns of the training, which has named them."""
    names = options.names or ()
    if not names:
        return False
    if len(names) == 2:
        return pair_separator(lines, options) is not None
    separator = find_separator(lines, options, TAB)
    widths = Counter(len(fields_of(line, separator)) for line in lines)
    return bool(widths) and widths.most_common(1)[0][0] == len(names)


def _unused_names(lines: list[str], name: str, options: ReadOptions) -> tuple[str, ...]:
    """Return a note if lines may have the text and the label of the training, whose separator any text may contain."""
    separator, names = options.separator or "", options.names or ()
    if len(names) != 2 or separator not in _IN_TEXTS or not all(separator in line for line in lines):
        return ()
    from_end = folded_name(names[0]) in map(folded_name, options.texts)
    outer = [line.rsplit(separator, 1)[1] if from_end else line.split(separator, 1)[0] for line in lines]
    if not separator or label_column([outer], [0]) is None:
        return ()
    repair = f"{set_option('data.separator', separator)} {set_option('data.columns', list(names))}"
    return (f"{name}: its lines are read as whole texts; if each has a label, too, as in the training: {repair}",)


def pair_separator(lines: list[str], options: ReadOptions) -> str | None:
    """Return the separator of a text and its label, which data.columns names, if each line seems to have one.

    Without a setting it is a tab, or what stands before or after known labels on each line. A setting of the training
    that texts contain, such as a space, must stand there, too: the first word of a text is no label.
    """
    if is_set("separator", options):
        return find_separator(lines, options, TAB)
    names = list(map(folded_name, options.names or ()))
    from_end = names[0] in map(folded_name, options.texts)
    candidates = TAB if options.separator is None else options.separator + TAB
    for separator in candidates:
        if all(separator in line for line in lines):
            outer = [line.rsplit(separator, 1)[1] if from_end else line.split(separator, 1)[0] for line in lines]
            is_sign = separator == "\t" or (separator == options.separator and separator not in _IN_TEXTS)
            if is_sign or are_labels([each for each in outer if label_key(each) not in options.label_values]):
                return separator
    return None


def _recognised(data: memoryview, name: str, options: ReadOptions) -> Table | None:
    """Return the table in a text file, or None: its first line names columns, or labels are wanted and there."""
    lines = head_lines(data)
    if not lines:
        return None
    wanted = set(map(folded_name, options.wanted_columns()))
    for separator in TAB:
        names = list(map(folded_name, fields_of(lines[title_count(lines, separator)], separator)))
        if wanted <= set(names) and len(names) > 1:
            return open_csv(data, name, options, TAB)
    lines = lines[title_count(lines, "\t") :]
    if _has_header(lines):
        return open_csv(data, name, options, "\t")
    if options.label is None:
        return None
    position = _label_position(_rows(lines, "\t"), "\t")  # a line that is no row is an error
    if position is None or len(options.wanted()) > 2:
        return None
    text, label = options.texts[0], options.label
    names = (text, label) if position else (label, text)
    note = f"{name}: no header; its lines are read as with {set_option('data.columns', list(names))}"
    return _pairs(_without_titles(data, name, "\t"), name, names, "\t", options).with_notes((note,))


def _has_header(lines: list[str]) -> bool:
    """Return whether tabs separate as many fields in every line, and the first has usual names of columns."""
    names, below = fields_of(lines[0], "\t"), lines[1:]
    usual = set().union(*USUAL_NAMES.values())
    return (
        are_names(names)
        and not usual.isdisjoint(map(plain_name, names))
        and bool(below)
        and all(len(fields_of(line, "\t")) == len(names) for line in below)
    )


def _label_position(lines: list[str], separator: str) -> int | None:
    """Return where each line has a label beside a text: 0 before the text, 1 after it; None if it has none.

    What stands before or after a space or a colon may be any word: it must be a well-known label or a digit.
    """
    if not all(separator in line for line in lines) or (separator == "\t" and _has_columns(lines)):
        return None
    ends = [[line.split(separator, 1)[0] for line in lines], [line.rsplit(separator, 1)[1] for line in lines]]
    candidates = [i for i in (0, 1) if separator not in " :" or (are_labels(ends[i]) and len(set(ends[i])) > 1)]
    return label_column(ends, candidates)


def _has_columns(lines: list[str]) -> bool:
    """Return whether tabs separate as many fields in every line, and more than a text and a label."""
    counts = {line.count("\t") for line in lines}
    return len(lines) > 2 and len(counts) == 1 and max(counts) > 1


def _no_labels(data: memoryview, name: str, options: ReadOptions) -> DataError:
    """Return the error for a text file without labels, or one whose lines seem to have some: name its columns."""
    fact, lines = f"{name}: plain text has no labels", head_lines(data)
    if len(lines) > 1 and are_spaced(lines):
        return DataError(f"{fact}; if spaces separate columns in its lines: {set_option('data.separator', ' ')}")
    if repair := control_separator(lines, options):
        return DataError(f"{fact}; {repair}")
    if repair := label_repair(lines, options):
        return DataError(f"{fact}; {repair}")
    return NoLabels(f"{fact}; give CSV, TSV, JSONL, Parquet or __label__ lines")


def label_repair(lines: list[str], options: ReadOptions) -> str | None:
    """Return how to read lines that seem to have a label beside a text, or in a column; None if they do not."""
    below = lines[title_count(lines, "\t") :]
    if _has_columns(below) and options.label in (
        names := suggested_names([each.split("\t") for each in below], options)
    ):
        columns = f"{set_option('data.separator', chr(9))} {set_option('data.columns', names)}"
        return f"each line seems to have {len(names)} columns between tabs; read it with {columns}"
    for separator in "\t@|;,: ":
        below = _rows(lines[title_count(lines, separator) :], separator)
        position = _label_position(below, separator) if below else None
        if position is not None:
            columns = [options.texts[0], options.label] if position else [options.label, options.texts[0]]
            where = "each line seems to have a label " + ("after" if position else "before")
            what = f"{where} a {separator!r}"
            run = re.search(f"{re.escape(separator)}{{2,}}", below[0])  # such as `1 ||| good`
            if run is not None and all(run[0] in line for line in below):
                return f"{where} {run[0]!r}; write a tab in its place"
            separator_option = set_option("data.separator", separator)
            return f"{what}; read it with {separator_option} {set_option('data.columns', columns)}"
    return None


def line_notes(lines: list[str], name: str, options: ReadOptions) -> tuple[str, ...]:
    """Return a note if the lines seem to have labels beside the texts, or to be a table; they are read as text."""
    lines = _rows(lines[title_count(lines, "\t") :], "\t")
    position = _label_position(lines, "\t") if len(lines) > 1 else None
    if position is None:
        return possible_table(lines, name, options)
    repair = set_option("data.columns", ["text", "label"] if position else ["label", "text"])
    return (f"{name}: its lines are read as whole texts, and seem to have labels too; to leave these out: {repair}",)


def _pairs(lines: _Lines, name: str, names: tuple[str, ...], separator: str, options: ReadOptions) -> Table:
    """Open lines of two fields. A text may contain the separator: the label is on the outer side of it."""
    from_end = folded_name(names[0]) in map(folded_name, options.texts)

    def batches(wanted: list[str]) -> Generator[Batch]:
        before = lines.before
        for some in lines_of(lines.data):
            kept = _not_blank(some)
            fields = pc.split_pattern(some.take(from_numpy(kept)), separator, max_splits=1, reverse=from_end)
            wrong = np.flatnonzero(to_numpy(pc.list_value_length(fields)) != 2)
            if len(wrong):
                what = f"no {separator!r} between {names[0]} and {names[1]}"
                raise DataError(f"{name}:{before + kept[wrong[0]] + 1}: {what}; put one there, or remove the line")
            columns = {each: pc.list_element(fields, i) for i, each in enumerate(names)}
            yield {column: columns[column] for column in wanted}
            before += len(some)

    places = partial(_places, lines, name, _not_blank)
    return Table(name, names, batches, places, header="data.columns", notes=lines.notes)


def _all(lines: pa.Array) -> np.ndarray:
    """Return the positions of all lines."""
    return np.arange(len(lines))


def _not_blank(lines: pa.Array) -> np.ndarray:
    """Return the positions of the lines that are not blank."""
    return np.flatnonzero(to_numpy(pc.not_equal(pc.utf8_trim_whitespace(lines), scalar(""))))


def _places(lines: _Lines, name: str, kept: Callable[[pa.Array], np.ndarray]) -> Iterator[str]:
    """Yield the line of each row. `kept` returns the positions of the lines that are rows."""
    before = lines.before
    for some in lines_of(lines.data):
        yield from (f"{name}:{before + number + 1}" for number in kept(some).tolist())
        before += len(some)


def label_separator(lines: list[str]) -> str:
    """Return what separates the label and the text of all these lines, as in `__label__1,a great film`.

    It is "" if nothing but a space does, as fastText has it. Lines without a label, such as titles, do not matter.
    """
    labels = [found[0] for line in lines if (found := re.match(r"\s*__label__\S*", line))]
    return next((each for each in ",;|" if labels and all(each in label for label in labels)), "")


def label_notes(lines: list[str], name: str, separator: str) -> tuple[str, ...]:
    """Return a note if the labels of lines end at a separator (`label_separator`), with the first one as it is read."""
    if not separator:
        return ()
    label = next(line.strip() for line in lines if "__label__" in line).partition(separator)[0]
    repair = f"if a {separator!r} is part of a label, write another sign in its place"
    return (f"{name}: each label ends at a {separator!r}, such as {label!r}; {repair}",)


def split_labels(lines: pa.Array, separator: str = "") -> tuple[pa.Array, pa.Array]:
    """Return the text and the labels of each line of fastText (n,). A label ends at a space, or at the separator."""
    end = re.escape(separator)
    fields = pc.extract_regex(lines, rf"(?s)^\s*(?P<label>(?:__label__[^\s{end}]*[\s{end}]*)*)(?P<text>.*)$")
    label = pc.utf8_trim_whitespace(fields.field("label"))
    return fields.field("text"), pc.utf8_rtrim(label, f" {separator}") if separator else label


def _fasttext(lines: _Lines, name: str, options: ReadOptions, separator: str) -> Table:
    """Open lines such as `__label__positive a great film`. Several labels are joined by spaces."""
    text, label = options.texts[0], options.label or "label"

    def kept(some: pa.Array) -> np.ndarray:
        """Return the positions of the reviews. Blank lines are none in training data, but are texts to predict."""
        return np.arange(len(some)) if options.label is None else _not_blank(some)

    def batches(wanted: list[str]) -> Generator[Batch]:
        for some in lines_of(lines.data):
            fields = split_labels(some.take(from_numpy(kept(some))), separator)
            columns = dict(zip((text, label), fields, strict=True))
            yield {column: columns[column] for column in wanted}

    return Table(name, (text, label), batches, partial(_places, lines, name, kept), header=name, notes=lines.notes)
