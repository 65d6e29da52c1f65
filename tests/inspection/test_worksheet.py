"""Sheets as text, Markdown and HTML; worksheets and their keys."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.inspection import worksheet as inspection_worksheet
from sentibp.inspection.pages.worksheet import worksheet_page
from sentibp.inspection.worksheet import Formula, Gap, Number, Section, Sheet, Table

SHEET = Sheet(
    'A "<title>"',
    [
        Section("Forward", ["Some words.", Table(["row of", "[1]"], [("a|b", [0.25]), ("<script>", [""])])]),
        Section(
            "two: Linear",
            [
                Formula("z = x W + b", "nn.layers.Linear.forward"),
                Number("z[1]", "0.5000*2.0000 + 1.0000", 2.0),
                Number("z[2]", " + ".join(["0.1234*-0.5678"] * 9), -0.6306),
                Table(["", *(f"[{i}]" for i in range(30))], [("dz", [i / 7 for i in range(30)])], computed=True),
            ],
        ),
    ],
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (0.3, "0.3000"),
        (-1, "-1.0000"),
        (12.34567, "12.3457"),
        (0.0019764, "0.00198"),
        (0.00012345, "1.23e-04"),
        (-7e-12, "-7.00e-12"),
        (1e7, "1.00e+07"),
        (0.99995510, "0.999955"),  # not 1.0000, because then 1 - p would look like 0
        (-1 + 3.2e-12, "-1.0000"),
        (1 - 2e-16, "1.0000"),
        ("as it is", "as it is"),
    ],
)
def test_numbers(value, shown):
    assert inspection_worksheet.number(value) == shown


def test_sums_and_differences():
    assert inspection_worksheet.join_terms(["1", "-2*3", "...", "-4"]) == "1 - 2*3 + ... - 4"


def test_text_is_80_columns_wide():
    lines = inspection_worksheet.to_text(SHEET).splitlines()
    assert max(map(len, lines)) == 80
    assert lines[:3] == ['A "<title>"', "", "FORWARD"]
    assert "  z = x W + b                                           nn.layers.Linear.forward" in lines
    assert "    z[1] = 0.5000*2.0000 + 1.0000 = 2.0000" in lines
    shown = " ".join(" ".join(lines).split())
    assert shown.count("0.1234*-0.5678") == 9
    for i in range(1, 30):
        assert f"[{i}]" in shown
        assert inspection_worksheet.number(i / 7) in shown


def test_a_formula_too_long_for_its_source():
    lines = inspection_worksheet.to_text(
        Sheet("", [Section("", [Formula("a " * 40, "nn.layers.Linear.forward")])])
    ).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[-1].strip() == "nn.layers.Linear.forward"


def test_a_worksheet_has_gaps_where_the_key_has_numbers():
    worksheet, key = inspection_worksheet.make_worksheet(SHEET)
    assert worksheet.sections[0] == SHEET.sections[0]  # given numbers stay
    assert worksheet.sections[1].lines == [SHEET.sections[1].lines[0], Gap("z[1]", 1), Gap("z[2]", 2)]
    assert [line.left for line in key.sections[0].lines] == ["(1) z[1]", "(2) z[2]"]
    for render in (inspection_worksheet.to_text, inspection_worksheet.to_markdown, worksheet_page):
        assert "(1)" in render(worksheet)
        assert "2.0000" not in render(worksheet)
        assert "= 2.0000" in render(key)
    assert "    z[1] = (1)______________\n" in inspection_worksheet.to_text(worksheet)
    assert "Where … stands" not in worksheet_page(worksheet, key), "nothing is cut"
    cut = Sheet("A", [Section("", [Table(["", "[1]", "..."], [("b", [0.25, ""])])])])
    assert "Where … stands" in worksheet_page(cut)
    assert worksheet_page(worksheet, key).index("(2) z[2]") > worksheet_page(worksheet, key).index('class="key"')


def test_markdown():
    content = inspection_worksheet.to_markdown(SHEET)
    assert content.startswith('# A "\\<title\\>"\n\n## Forward\n\nSome words.\n\n| row of | \\[1\\] |\n| --- | --: |\n')
    assert "| a\\|b | 0.2500 |" in content
    assert "```text\nz = x W + b    # nn.layers.Linear.forward\nz[1] = 0.5000*2.0000 + 1.0000 = 2.0000\n" in content


class Text(HTMLParser):
    def __init__(self, content):
        super().__init__()
        self.tags, self.shown = [], ""
        self.feed(content)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.shown += data


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])))
def test_html_shows_any_word_as_text(word):
    lines = [word, Table([word], [(word, [])]), Formula(word, word), Number(word, word, 1.0)]
    page = Text(worksheet_page(Sheet(word, [Section(f"a{word}", lines)])))
    assert set(page.tags) <= set(
        [
            "html",
            "head",
            "main",
            "meta",
            "link",
            "title",
            "style",
            "body",
            "h1",
            "h2",
            "h3",
            "noscript",
            "p",
            "div",
            "table",
            "caption",
            "tr",
            "th",
            "td",
            "b",
            "span",
            *("math", "mfrac", "mi", "mn", "mo", "mrow", "mspace", "msqrt", "msub", "msup", "mtext"),
        ]
    )
    assert page.shown.count(word) >= 8


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])))
def test_markdown_shows_any_word_as_text(word):
    """All characters with a meaning in Markdown or HTML are escaped, and a table row stays one line."""
    row = inspection_worksheet.to_markdown(Sheet("", [Section("", [Table(["", ""], [(word, [1.0])])])])).splitlines()[
        -1
    ]
    bare = row.replace("\\\\", "").replace("\\|", "").replace("\\<", "").replace("\\`", "").replace("\\*", "")
    assert bare.count("|") == 3
    assert not set("<`*") & set(bare)
