"""Excel workbooks."""

from __future__ import annotations

import datetime
import io
import re
import sys
import zipfile

import openpyxl
import pytest
from reading import BOTH, complaint, parse, rows

from sentibp.data.pieces import Kept
from sentibp.data.readers import excel, open_content
from sentibp.data.readers.pieces import table_pieces
from sentibp.data.readers.table import ReadOptions


def workbook(*sheets: list, titles: str = "ABC") -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, lines in zip(titles, sheets, strict=False):
        sheet = book.create_sheet(title)
        for line in lines:
            sheet.append(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


REVIEWS = [["id", " text", "label"], [1, "good", 1.0], [], [2, "bad\nfilm", 0], [None, None, None]]
READ = [("good", "1"), ("bad\nfilm", "0")]


def test_the_first_sheet_with_content():
    records = parse(workbook([], REVIEWS), "x.xlsx")
    assert rows(records) == READ
    assert [records.where(0), records.where(1)] == ["x.xlsx: row 2", "x.xlsx: row 4"]
    assert records.notes == ()
    assert rows(parse(workbook(REVIEWS), "x.data")) == READ


def test_several_sheets():
    data = workbook([["about"]], REVIEWS, [["x"]])
    expected = "x.xlsx: reads the sheet 'B', not 'A', 'C'; to read another: --set data.sheet=A or --set data.sheet=C"
    assert rows(parse(data, "x.xlsx")) == READ and parse(data, "x.xlsx").notes == (expected,)
    cover = workbook([["Report"], ["by Ann", "2024"], ["about"]], [["title"], *REVIEWS])
    assert rows(parse(cover, "x.xlsx")) == READ, "the sheet with the names of the columns"
    named = BOTH._replace(names=("text", "label", "n"))
    assert rows(parse(workbook([["Report"]], [["good", 1, 2], ["bad", 0, 3]]), "x.xlsx", named)) == [
        ("good", "1"),
        ("bad", "0"),
    ]
    assert complaint(workbook([["a", "b"], ["x", "y"]], [["z"], ["u"]]), "x.xlsx").startswith(
        "x.xlsx: row 1: no 'text'"
    )
    records = parse(data, "x.xlsx", BOTH._replace(sheet="B"))
    assert rows(records) == READ
    assert records.notes == ()
    assert parse(workbook(REVIEWS, [["x"]], []), "x.xlsx").notes == (
        "x.xlsx: reads the sheet 'A', not 'B'; to read another: --set data.sheet=B",
    )
    assert complaint(data, "x.xlsx", BOTH._replace(sheet="D")) == (
        "x.xlsx: no sheet 'D'; choose one with --set data.sheet=A or --set data.sheet=B or --set data.sheet=C"
    )


def test_values_are_text_as_in_csv():
    day = datetime.datetime(2020, 1, 31)
    values = [2.5, 7, True, day, day.replace(hour=3), datetime.time(3, 4), "007", "", "a_x000D_\nb", 1e300]
    data = workbook([["text", "label"], *([value, 1] for value in values)])
    assert [text for text, _ in rows(parse(data, "x.xlsx"))] == [
        "2.5", "7", "True", "2020-01-31", "2020-01-31 03:00:00", "03:04:00", "007", "", "a\nb", "1e+300",
    ]  # fmt: skip


FORMULAS = [["a title", '=A1&"!"'], ["text", "label", "day"], ["good", 1, "=B3+1"], [None, '=IF(A3="good",0,1)', 1]]


def test_formulas_without_a_saved_value():
    """They are not empty: a row of nothing else vanished."""
    repair = "save the file with Excel or LibreOffice, which compute it"
    fact = "is a formula, and its value was not saved"
    data = workbook(FORMULAS)
    assert complaint(data, "x.xlsx") == f"x.xlsx: B4: 'label' {fact}; {repair}"
    only = workbook([["text", "label"], ["good", 1], ['="bad"', "=0"]])
    assert complaint(only, "x.xlsx") == f"x.xlsx: A3: 'text' {fact}; {repair}"
    table = open_content(data, "x.xlsx", ReadOptions(), ".xlsx")
    (piece,) = table_pieces(table, ReadOptions(), Kept.typed)
    assert piece.text.to_pylist() == ["good", ""]
    assert piece.columns["day"].to_pylist() == ["", "1"]
    assert [f"x.xlsx: {cell} {fact}: it is read as empty; {repair}" for cell in ("B4: 'label'", "C3: 'day'")] == [
        note for note in piece.notes if "formula" in note
    ]


def test_formulas_whose_value_is_the_empty_text():
    """Excel writes it as a text, and LibreOffice does."""
    data = workbook([["text", "label"], ["good", 1], ['=IF(B3=0,"","?")', 0]])
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as book, zipfile.ZipFile(out, "w") as saved:
        for member in book.namelist():
            saved.writestr(member, book.read(member).replace(b'<c r="A3">', b'<c r="A3" t="str">'))
    assert rows(parse(out.getvalue(), "x.xlsx")) == [("good", "1"), ("", "0")]


def test_names_of_the_options():
    options = BOTH._replace(names=("text", "label"))
    assert rows(parse(workbook([["good", 1], ["bad", 0]]), "x.xlsx", options)) == [("good", "1"), ("bad", "0")]
    assert complaint(workbook([["good", 1], ["bad", 0, 5]]), "x.xlsx", options) == (
        "x.xlsx: row 2: 3 cells, and data.columns has 2 names; correct them"
    )


def test_a_cell_far_away_takes_no_memory():
    book = openpyxl.Workbook()
    for cell, value in (("A1", "text"), ("A2", "good"), ("XFD65536", "far")):  # each row up to it takes 6 microseconds
        book.active[cell] = value
    out = io.BytesIO()
    book.save(out)
    records = parse(out.getvalue(), "x.xlsx", ReadOptions())
    assert records.text.to_pylist() == ["good", ""]
    assert records.where(1) == "x.xlsx: row 65536"


@pytest.mark.parametrize("name", ["x.xls", "x.ods", "x.xlsx"])
def test_other_spreadsheets(name):
    assert complaint(b"\xd0\xcf\x11\xe0" + bytes(600), name) == (
        f"{name}: a spreadsheet that is not .xlsx, or has a password; save it as .xlsx or CSV"
    )


def test_mistakes(monkeypatch):
    assert complaint(workbook([], []), "x.xlsx") == "x.xlsx: empty; the first row of a sheet names its columns"
    data = workbook(REVIEWS)
    start = data.index(b"xl/worksheets/sheet1.xml") + 40
    assert complaint(data[:start] + bytes(20) + data[start + 20 :], "x.xlsx").startswith("x.xlsx: damaged Excel file: ")
    monkeypatch.setattr(excel, "LIMIT", 100)
    assert re.fullmatch(
        r"x.xlsx: [\d.]+ kB of XML, which may not fit in memory; save it as CSV", complaint(data, "x.xlsx")
    )


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    assert complaint(workbook(REVIEWS), "x.xlsx") == ("x.xlsx: Excel files need openpyxl; pip install 'sentibp[excel]'")


def test_no_header():
    data = workbook([[1, "a good film"], [0, "a bad one"], [1, "fine"]])
    assert complaint(data, "x.xlsx") == (
        "x.xlsx: row 1: no 'text'; the file seems to have no header, as its first line looks like data; "
        "name the columns with --set data.columns=[label,text]"
    )
    assert rows(parse(data, "x.xlsx", BOTH._replace(names=("label", "text"))))[0] == ("a good film", "1")
    three = BOTH._replace(names=("id", "label", "text"))
    assert complaint(data, "x.xlsx", three) == ("x.xlsx: row 1: 2 cells, and data.columns has 3 names; correct them")
    inherited = three._replace(inherited=frozenset(("names", "sheet")), sheet="Z")
    assert "no header" in complaint(data, "x.xlsx", inherited)
    records = parse(workbook(REVIEWS), "x.xlsx", inherited)
    assert rows(records) == READ
    assert records.notes == (
        "x.xlsx: row 1: the first line names the columns, and is read as the header; data.columns is not used",
    )


def test_titles_above_the_names():
    titled = [["Export of reviews 2025"], [], ["from", "the shop"], *REVIEWS[:2], [2, "a film", 0], [3, "bad", 1]]
    records = parse(workbook(titled), "x.xlsx")
    assert rows(records) == [("good", "1"), ("a film", "0"), ("bad", "1")]
    assert records.where(0) == "x.xlsx: row 5"
    assert records.notes == (
        "x.xlsx: the first 2 rows ('Export of reviews 2025') are taken as a title, and row 4 as the names of the "
        "columns; otherwise, give every column a name in the first row",
    )
    other = workbook([["Export"], ["Review", "Stars"], *([f"film {i}", i] for i in range(9))])
    assert complaint(other, "x.xlsx").startswith(
        "x.xlsx: row 2: no 'text'; did you mean --set data.text_column=Review?"
    )


def test_a_hidden_sheet_is_read_last():
    book = openpyxl.load_workbook(io.BytesIO(workbook([["text", "label"], ["old", 1]], REVIEWS)))
    book["A"].sheet_state, book.active = "hidden", 1
    out = io.BytesIO()
    book.save(out)
    records = parse(out.getvalue(), "x.xlsx")
    assert rows(records) == READ
    assert records.notes == ("x.xlsx: reads the sheet 'B', not 'A'; to read another: --set data.sheet=A",)


def test_rows_that_are_none_are_left_out():
    records = parse(workbook([*REVIEWS, REVIEWS[0], [3, "fine", 1], ["(3 rows)"]]), "x.xlsx")
    assert rows(records) == [*READ, ("fine", "1")]
    assert records.where(2) == "x.xlsx: row 7"
    assert records.notes == (
        "x.xlsx: row 6: repeats the names of the columns; left out",
        "x.xlsx: row 8: '(3 rows)' is taken as a footer, and left out",
    )


def test_a_first_row_of_other_names_that_is_read_as_a_review_is_told():
    cells = [["Comment", "Rating"], ["it came late and it was broken", 5], ["we like the colour of it", 1]]
    records = parse(workbook(cells), "x.xlsx", ReadOptions(names=("text", "stars")))
    assert records.notes == (
        "x.xlsx: row 1: 'Comment', 'Rating' are read as a review, as data.columns names the columns; "
        "if the first line names them: --set data.columns=null --set data.text_column=Comment",
    )


def test_the_questions_and_ids_of_a_survey_are_no_rows():
    ids = [f'{{"ImportId":"QID{i}"}}' for i in (1, 2)]
    records = parse(
        workbook([["text", "label"], ["What did you think?", "Rate"], ids, ["good", 1], ["bad", 0]]), "x.xlsx"
    )
    assert rows(records) == [("good", "1"), ("bad", "0")]
    assert records.where(0) == "x.xlsx: row 4"
    (note,) = records.notes
    assert note.startswith("x.xlsx: row 1: ids of Qualtrics below the names of the columns, which are left out, ")


def changed(data: bytes, change) -> bytes:
    """Return a workbook after a change of its first sheet."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    change(book.worksheets[0])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_merged_cells_of_labels_and_groups_belong_to_all_of_their_rows():
    """Only the first row had a label and a group: reviews of one film were trained on and validated on."""
    cells = [["text", "label", "film"], ["good", 1, "A"], ["fine", None, None], ["bad", 0, None], ["dull", None, "B"]]

    def merge(sheet):
        for cell_range in "B2:B3", "B4:B5", "C2:C4", "A5:A6":
            sheet.merge_cells(cell_range)

    records = parse(changed(workbook(cells), merge), "x.xlsx", BOTH._replace(group="film"))
    assert rows(records) == [("good", "1"), ("fine", "1"), ("bad", "0"), ("dull", "0")]
    assert records.group is not None and records.group.to_pylist() == ["A", "A", "A", "B"]
    assert records.notes == (
        "x.xlsx: 'label' has merged cells: 2 rows below the first of each have its value, too",
        "x.xlsx: 'film' has merged cells: 2 rows below the first of each have its value, too",
    )


def test_hidden_rows_are_told():
    def hide(sheet):
        for row in 2, 9:  # the latter has no content
            sheet.row_dimensions[row].hidden = True

    records = parse(changed(workbook(REVIEWS), hide), "x.xlsx")
    assert rows(records) == READ
    repair = "to leave it out, copy the visible rows into a new file"
    assert records.notes == (f"x.xlsx: 1 hidden row, as of a filter, is read, too; {repair}",)
