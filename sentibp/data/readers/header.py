"""Decide whether the first row of a table has the names of its columns, and say what to do if it has not."""

from __future__ import annotations

import itertools
import re
import shlex
from collections import Counter
from collections.abc import Sequence

from sentibp.data.readers.dialect import COMMA, fields_of
from sentibp.data.readers.split_column import are_splits
from sentibp.data.readers.table import ID_NAMES, USUAL_NAMES, ReadOptions, column_option, is_set, resolved
from sentibp.errors import DataError
from sentibp.utils.messages import truncated
from sentibp.utils.near_names import folded_name
from sentibp.utils.paths import new_file
from sentibp.utils.repair import set_option

_NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d+)*|\.\d+)\s*%?\s*")
_DATE = re.compile(
    r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}"
    r"|[A-Z][a-z]{2,8},? .*\d{4}|\d{1,2} [A-Z][a-z]+ \d{4}).*"
)
_LABELS = {"0", "1", "-1", "neg", "pos", "negative", "positive", "neutral", "true", "false"}

_FEW = 20  # distinct values of a column that may have labels, at most

_TITLES = 20  # rows at the top that may be titles, at most

_LONGEST_NAME = 60  # characters of the name of a column below a title

_CONTROLS = r"[\x01-\x08\x0e-\x1a\x1c-\x1f]"  # some programs separate columns by one, such as Hive by the first

_SHOWN = 40  # characters of a title in a note

Rows = Sequence[Sequence[str]]


def require_header(first: Sequence[str], rows: Rows, place: str, options: ReadOptions) -> None:
    """Raise a DataError if the texts' columns are missing from the first row, and it looks like data, not like names.

    `rows` are some rows that follow, of the same length.
    """
    names = set(map(folded_name, first))
    missing = [name for name in options.texts if folded_name(name) not in names]
    if missing and len(first) == 1 and (separator := _other_separator(first[0], options)):
        if separator in (COMMA if options.separator is None else options.separator):
            raise DataError(f"{place}: {_quoted_lines(separator, place.rpartition(':')[0])}")
        repair = set_option("data.separator", separator)
        raise DataError(f"{place}: no {missing[0]!r}; the columns seem to be separated by {separator!r}: {repair}")
    if missing and len(first) == 1 and (repair := control_separator([first[0], *(row[0] for row in rows)], options)):
        raise DataError(f"{place}: no {missing[0]!r}; {repair}")
    if missing and looks_like_data(first, rows):
        repair = set_option("data.columns", suggested_names([first, *rows], options))
        raise DataError(
            f"{place}: no {missing[0]!r}; the file seems to have no header, as its first line looks like data; "
            f"name the columns with {repair}"
        )
    if missing and len(first) == 1 and len(first[0].split()) > 1:
        is_name, is_text = set_option("data.text_column", first[0]), set_option("data.columns", missing)
        which = f"if the first line names the column: {is_name}; if it is a review, the file has no header: {is_text}"
        raise DataError(f"{place}: no {missing[0]!r}; {which}")


def has_row_names(names: Sequence[str], rows: Rows) -> bool:
    """Return whether each row has a number before the fields that the first row names, as R's write.table writes it."""
    if len(rows) < 2 or {len(row) for row in rows} != {len(names) + 1} or not all(row[0].isdecimal() for row in rows):
        return False
    numbers = [int(row[0]) for row in rows]
    return all(before < after for before, after in itertools.pairwise(numbers)) and not _is_cut(names, rows)


def _is_cut(names: Sequence[str], rows: Rows) -> bool:
    """Return whether rows seem to have a field more than names because a text with the separator is not in quotes.

    A space follows the separator in it, or its beginning stands where the first column has its ids.
    """
    if any(field.startswith(" ") for row in rows for field in row[1:]):
        return True
    is_id = re.sub(r"[\W_]+", "", names[0]).casefold() in ID_NAMES
    return is_id and not all(re.search(r"\d", row[1]) for row in rows)


def _quoted_lines(separator: str, name: str) -> str:
    """Return what is wrong with a file each line of which is one quoted field, as Excel writes a CSV in one column."""
    what = f"each line is in quotes as a whole, so that the {separator!r} in it separates nothing"
    command = f'sed \'s/^"//; s/"\\r*$//; s/""/"/g\' {shlex.quote(name)} > {new_file(".csv", "new")}'
    return f"{what}; to take these out: {command}"


def _other_separator(line: str, options: ReadOptions) -> str | None:
    """Return the sign of ASCII that separates the names of the wanted columns in a line, if one does, else None.

    A space does so between names in quotes.
    """
    wanted = set(map(folded_name, options.wanted_columns()))
    if '"' in line and wanted <= set(map(folded_name, line.replace('"', "").split(" "))):
        return " "
    for separator in filter(str.isascii, dict.fromkeys(re.findall(rf"[^\w\s\"'\\]|{_CONTROLS}", line))):
        if wanted <= set(map(folded_name, line.split(separator))):
            return separator
    return None


def title_rows(rows: Rows, options: ReadOptions) -> int:
    """Return how many rows at the top are titles, as reports have them above the names of the columns.

    These have the wanted names, or they fill each cell of a row, and the rows above them fill few or one.
    """
    if is_set("names", options):
        return 0
    wanted = set(map(folded_name, options.wanted_columns()))
    found = [i for i, row in enumerate(rows[:_TITLES]) if wanted <= set(map(folded_name, row))]
    if found and (len(wanted) > 1 or _names_columns(rows, found[0])):
        return found[0]
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    usual = Counter(filled).most_common(1)[0][0] if rows else 0

    def is_title(i: int) -> bool:
        return (bool(rows[i][0].strip()) or not filled[i]) and filled[i] <= max(1, usual // 2)

    first = next((i for i in range(min(len(rows), _TITLES)) if not is_title(i)), 0)
    if usual < 2 or not first:
        return 0
    return first if _names_columns(rows, first) else 0


def _names_columns(rows: Rows, i: int) -> bool:
    """Return whether a row probably has the names of several columns: its cells are no values like those below."""
    names = [cell for cell in rows[i] if cell.strip()]
    below = [row for row in rows[i + 1 :] if len(row) == len(rows[i])]
    are_names = 1 < len(set(map(folded_name, names))) == len(names) and max(map(len, names)) <= _LONGEST_NAME
    return are_names and bool(below) and not looks_like_data(rows[i], below)


def title_count(lines: Sequence[str], mark: str) -> int:
    """Return how many lines at the top are titles: those without the mark that each line below has.

    The mark is a separator, or the beginning of a line. Two lines or more have it, and more than have it not.
    """
    marked = [line.lstrip().startswith(mark) if len(mark) > 1 else mark in line for line in lines]
    titles = marked.index(True) if True in marked else 0
    return titles if all(marked[titles:]) and titles < len(lines) - max(titles, 1) else 0


def unmarked_note(name: str, titles: Rows, mark: str) -> str:
    """Return the note that the first lines are titles, as they are without the mark (`title_count`)."""
    below = f"begins with {mark}" if len(mark) > 1 else f"has a {mark!r}"
    return (
        f"{title_fact(name, 'line', titles)} and left out, as each line below {below}; a review must be written so, too"
    )


def title_note(name: str, unit: str, titles: Rows, header: str) -> str:
    """Return the note that the first rows are titles. `unit` is line or row; `header` is the place of the names."""
    fact = f"{title_fact(name, unit, titles)}, and {header} as the names of the columns"
    return f"{fact}; otherwise, give every column a name in the first {unit}"


def title_fact(name: str, unit: str, titles: Rows) -> str:
    """Return the beginning of a note: that the first rows are taken as a title. `unit` is line or row."""
    shown = next((cell.strip() for row in titles for cell in row if cell.strip()), "")
    shown = truncated(shown, _SHOWN)
    which, are = (f"the first {unit}", "is") if len(titles) == 1 else (f"the first {len(titles)} {unit}s", "are")
    return f"{name}: {which} ({shown!r}) {are} taken as a title"


def are_spaced(lines: Sequence[str]) -> bool:
    """Return whether lines are fields with a space between, of which the first is in quotes, as R writes a table."""
    return bool(lines) and all(re.match(r'"(\\.|[^"\\])*" ["\d-]', line) for line in lines)


def similar_names(name: str, columns: Sequence[str], options: ReadOptions) -> tuple[str, ...]:
    """Return a note for each column to read beside which another has its name but for capitals and space around it."""
    notes = []
    for role, column in resolved(options, columns).wanted():
        others = [each for each in columns if each != column and folded_name(each) == folded_name(column)]
        if column in columns and others:
            other = f"to read {others[0]!r} instead: {column_option(role, column, others[0], options)}"
            notes.append(f"{name}: the {role}s are read from the column {column!r}; {other}")
    return tuple(notes)


def possible_table(lines: Sequence[str], name: str, options: ReadOptions) -> tuple[str, ...]:
    """Return a note if plain text may be a table: with the names of columns in its first line, or without any.

    Likewise if the texts are in quotes, as a table or JSON has them.
    """
    if repair := control_separator(lines, options):
        hint = f"; {repair}"
    else:
        find = _in_quotes, _spaced, _separated, _named
        hint = next(filter(None, (each(lines, options) for each in find)), "")
    return (f"{name}: read as plain text, a review a line{hint}",) if hint else ()


def _in_quotes(lines: Sequence[str], options: ReadOptions) -> str:
    """Return what to do about lines that are all in quotes as a whole; else ""."""
    if not lines or not all(re.fullmatch(r'\s*"(\\.|""|[^"\\])*"\s*', line) for line in lines):
        return ""
    is_json = any("\\" in line for line in lines)
    columns = set_option("data.columns", [options.texts[0]])
    repair = "if jq has printed it, use jq -r" if is_json else f"to read it without these: {columns}"
    return f", with the quotes that each is in; {repair}"


def _spaced(lines: Sequence[str], _: ReadOptions) -> str:
    """Return how to read lines whose columns may be separated by spaces; else ""."""
    if len(lines) < 2 or not are_spaced(lines):
        return ""
    return f"; if spaces separate columns in its lines: {set_option('data.separator', ' ')}"


def _separated(lines: Sequence[str], options: ReadOptions) -> str:
    """Return how to read lines that may have columns between commas or the like, with a header or without; else ""."""
    for separator in COMMA:
        rows = [fields_of(line, separator) for line in lines]
        width = len(rows[0]) if rows else 0
        if width < 2:
            continue
        if are_names(rows[0]) or _is_question_above(rows):
            repair = set_option("data.text_column", "NAME")
            choice = ", ".join(rows[0])
            return f"; if the first line names columns, name the one of the reviews with {repair}: {choice}"
        quoted = all(line.startswith('"') and f'"{separator}"' in line for line in lines)
        alike = len(rows) > 1 and looks_like_data(rows[0], [row for row in rows[1:] if len(row) == width])
        if all(len(row) == width for row in rows) and (quoted or alike):
            repair = set_option("data.columns", suggested_names(rows, options))
            return f"; if its lines have columns, but no header, name these: {repair}"
    return ""


def _is_question_above(rows: Rows) -> bool:
    """Return whether a first row has no number or date in a column where all others have one, as in a survey."""
    if len(rows) < 3 or len({len(row) for row in rows}) != 1 or looks_like_data(rows[0], rows[1:]):
        return False
    return any({kind_of(value) for value in below} in ({"number"}, {"date"}) for _, *below in zip(*rows, strict=True))


def _named(lines: Sequence[str], options: ReadOptions) -> str:
    """Return how to read lines of which the first may be the name of their only column; else ""."""
    first = lines[0].strip() if len(lines) > 1 else ""
    is_wanted = folded_name(first) == folded_name(options.wanted()[0][1])
    if is_wanted or re.sub(r"[\W_]+", "", first).casefold() not in USUAL_NAMES["text"]:
        return ""
    return f"; if the first line names the column of the texts: {set_option('data.text_column', first)}"


def control_separator(lines: Sequence[str], options: ReadOptions) -> str:
    """Return how to read lines whose columns are separated by a control character that all of them have; else ""."""
    found = [Counter(re.findall(_CONTROLS, line)) for line in lines]
    common = [each for each in (found[0] if found else ()) if all(line[each] for line in found)]
    if not common or len(lines) < 2:
        return ""
    separator = max(common, key=found[0].__getitem__)
    rows = [line.split(separator) for line in lines]
    repair = set_option("data.separator", separator)
    texts = {folded_name(column) for role, column in options.wanted() if role == "text"}
    if not texts <= set(map(folded_name, rows[0])):
        names = suggested_names([row for row in rows if len(row) == len(rows[0])], options)
        repair = f"{repair} {set_option('data.columns', names)}"
    return f"its lines seem to have columns between {separator!r}; to read these: {repair}"


def are_names(fields: Sequence[str]) -> bool:
    """Return whether the fields of a line look like the names of columns: several distinct ones of few words."""
    short = all(re.fullmatch(r"[^\W\d][\w.-]{0,30}( [\w.-]{1,20}){0,2}", field) for field in fields)
    return len(fields) > 1 and short and len(set(fields)) == len(fields)


def own_names(first: Sequence[str], place: str, options: ReadOptions) -> str:
    """Return a note if the first row names the columns, though data.columns does, too; else ""."""
    names = list(map(folded_name, first))
    if names == list(map(folded_name, options.names or ())):
        return f"{place}: the first line has the names in data.columns, and is read as the header"
    if len(names) > 1 and set(map(folded_name, options.wanted_columns())) <= set(names):
        return f"{place}: the first line names the columns, and is read as the header; data.columns is not used"
    return ""


def unused_names(first: Sequence[str], rows: Rows, place: str, options: ReadOptions) -> str:
    """Return a note if a first row that is read as a review may be other names of the columns; else ""."""
    texts = [i for i, name in enumerate(options.names or ()) if name in options.texts]
    if len(texts) != 1 or len(rows) < 2 or not are_names(first) or looks_like_data(first, rows):
        return ""
    i = texts[0]
    if len(first[i].split()) > 2 or sum(len(row[i]) for row in rows) < 2 * len(first[i]) * len(rows):
        return ""
    fact = f"{place}: {', '.join(map(repr, first))} are read as a review, as data.columns names the columns"
    repair = f"--set data.columns=null {set_option('data.text_column', first[i])}"
    return f"{fact}; if the first line names them: {repair}"


def looks_like_data(first: Sequence[str], rows: Rows) -> bool:
    """Return whether a first row has values like those below it, rather than the names of the columns."""
    numbered = [str(i) for i in range(len(first))]  # as pandas names columns that have no names
    if len(first) > 1 and list(first) in (numbered, ["", *numbered[:-1]]):
        return False
    return any(_is_like(value, [row[i] for row in rows]) for i, value in enumerate(first) if value.strip())


def _is_like(value: str, below: Sequence[str]) -> bool:
    """Return whether the first value of a column is like those below it: a number, a date, a label, or a long text."""
    if _are_labels((value, *below)) and len({kind_of(each) for each in (value, *below)}) == 1:
        return True
    if kind_of(value) != "text":
        return bool(below) and _all_of(kind_of(value), below)
    if len(below) > 1 and below.count(value) >= max(2, len(below) // 20):
        return True
    is_long = (len(value) > 60 and " " in value) or len(value.split()) > 7
    is_question = value.rstrip().endswith(("?", ":"))  # as a survey has them for names of columns
    return is_long and not is_question and sum(map(len, below)) >= len(value) / 3 * len(below)


def kind_of(value: str) -> str:
    """Return "number", "date" or "text"."""
    return "number" if _NUMBER.fullmatch(value) else "date" if _DATE.fullmatch(value) else "text"


def are_labels(values: Sequence[str]) -> bool:
    """Return whether all values are well-known labels, or digits."""
    return all(re.fullmatch(r"-?\d(\.0)?", value.strip()) or _are_labels([value]) for value in values)


def _are_labels(values: Sequence[str]) -> bool:
    return {folded_name(value).removeprefix("__label__") for value in values} <= _LABELS


def _all_of(kind: str, values: Sequence[str]) -> bool:
    """Return whether nearly all values are of a kind."""
    return sum(kind_of(value) == kind for value in values) >= 0.9 * len(values)


def suggested_names(rows: Rows, options: ReadOptions) -> list[str]:
    """Return a name for each column.

    The text's name is for the longest values that are neither numbers nor dates, the label's for a column with few
    different values, unless these are splits such as TRAIN and TEST.
    """
    columns = [[row[i] for row in rows] for i in range(len(rows[0]))]
    names = [""] * len(columns)
    plain = [not _all_of("number", column) and not _all_of("date", column) for column in columns]
    longest = sorted(range(len(columns)), key=lambda i: (not plain[i], -sum(map(len, columns[i]))))
    for i, name in zip(sorted(longest[: len(options.texts)]), options.texts, strict=False):
        names[i] = name
    for i, column in enumerate(columns):
        if not names[i] and are_splits(column) and "split" not in names:
            names[i] = "split"
    label = label_column(columns, [i for i, name in enumerate(names) if not name])
    if label is not None:
        names[label] = options.label or "label"
    for i, column in enumerate(columns):
        if not names[i]:
            kind = "date" if _all_of("date", column) else "id" if len(set(column)) == len(column) > 1 else ""
            names[i] = kind if kind and kind not in names else f"column{i + 1}"
    return names


def label_column(columns: Rows, candidates: Sequence[int]) -> int | None:
    """Return the column that probably has the labels: with few different short values, best known ones; or None."""

    def rank(i: int) -> tuple[int, bool, int, int]:
        values = {folded_name(value).removeprefix("__label__") for value in columns[i]}
        digits = all(re.fullmatch(r"-?\d(\.0)?", value) for value in values)
        return (0 if values <= _LABELS else 1 if digits else 2), len(values) == 1, sum(map(len, columns[i])), i

    most = max(2, min(_FEW, len(columns[0]) // 3)) if columns else 0
    few = [i for i in candidates if len(set(columns[i])) <= most and max(map(len, columns[i])) <= 40]
    few += [i for i in candidates if i not in few and _are_labels(columns[i])]
    return min(few, key=rank, default=None)
