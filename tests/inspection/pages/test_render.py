"""All HTML comes from templates that escape text, and loads nothing from elsewhere."""

from __future__ import annotations

import html

from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.inspection.pages.render import render, trusted
from sentibp.inspection.pages.worksheet import worksheet_page
from sentibp.inspection.worksheet import Section, Sheet


def test_a_page_needs_nothing_from_elsewhere():
    content = worksheet_page(Sheet("A <title>", [Section("", ["body"])]))
    assert "<title>A &lt;title&gt;</title>" in content
    assert "<h1>A &lt;title&gt;</h1>\n<p>body</p>" in content
    assert "default-src 'none'" in html.unescape(content)  # the browser itself would refuse
    content = content.replace('<link rel="icon" href="data:,">', "")  # or browsers ask for one
    for outside in ("http:", "https:", "//", "url(", "@import", "<script", "<link"):
        assert outside not in content


def shown(content: str) -> str:
    """The text as a page has it."""
    return render("lines.html", groups=[("text", content)]).strip().removeprefix("<p>").removesuffix("</p>")


@settings(deadline=None)
@given(st.text())
def test_text_is_shown_not_obeyed(content):
    html = shown(content)
    assert not set("<>\"'") & set(html)
    assert len(html) >= len(content.strip())


def test_controls_are_replaced():
    assert shown("a\x00\x1b[2J\n\tb\x85") == "a��[2J\n\tb�"


def test_html_of_this_package_is_not_escaped_twice():
    assert "<p>&lt;</p>" in render("lines.html", groups=[("text", "<")])
    assert "<p><i></p>" in render("lines.html", groups=[("text", trusted("<i>"))])
