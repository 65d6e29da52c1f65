"""All HTML comes from templates that escape text, and loads nothing from elsewhere."""

from __future__ import annotations

import html
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from page_data import numbers

from sentibp.inspection.pages.render import packed_data, probability, render, signed, trusted, unbroken, weight
from sentibp.inspection.pages.worksheet import worksheet_page
from sentibp.inspection.worksheet import Section, Sheet


def test_a_page_needs_nothing_from_elsewhere():
    content = worksheet_page(Sheet("A <title>", [Section("", ["body"])]))
    assert "<title>A &lt;title&gt;</title>" in content
    assert "<h1>A &lt;title&gt;</h1>" in content and "<p>body</p>" in content
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


def test_small_numbers_are_not_shown_as_nothing_nor_large_ones_as_certain():
    assert list(map(signed, (0.0, 1.25, -0.00049, 1e-7))) == ["+0.0000", "+1.2500", "-4.9e-04", "+1.0e-07"]
    assert list(map(weight, (8.136, -126.84, 4006390.58, 0.05))) == ["+8.14", "-126.84", "+4.0e+06", "+0.0500"]
    found = list(map(probability, (0.0, 0.5, 1.0, 0.99996, 1 - 3e-6, 1 - 3e-9, 1 - 2e-16, 2e-6)))
    assert found == ["0.0000", "0.5000", "1.0000", "0.999960", "0.999997", ">0.999999", ">0.999999", "2.0e-06"]


def test_no_line_ends_before_a_percent_sign_or_within_an_option():
    text = "5 % <b>\x00: --set a=1, --max-size"
    whole = '<span class="whole">{}</span>'.format
    assert unbroken(text) == f"5\u00a0% &lt;b&gt;�: {whole('--set')} a=1, {whole('--max-size')}"


def test_data_are_compressed_and_can_be_read_again():
    data = {"text": "</script><script>é🙂" * 50, "numbers": list(range(500)), "none": None}
    packed, half = packed_data(data), packed_data("\ud800")
    assert "<" not in packed, "nothing that ends a script"
    assert numbers(f'<script type="text/plain" id="numbers">{packed}</script>') == data
    assert len(packed) < len(json.dumps(data)) / 3
    assert numbers(f'<script type="text/plain" id="numbers">{half}</script>') == "?", "half a letter"
