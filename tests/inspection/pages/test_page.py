"""Pages that stand alone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.inspection.pages.page import page, page_text


def test_a_page_needs_nothing_from_elsewhere():
    content = page("A <title>", "<p>body</p>")
    assert "<title>A &lt;title&gt;</title>" in content
    assert "<h1>A &lt;title&gt;</h1>\n<p>body</p>" in content
    assert "default-src 'none'" in content  # the browser itself would refuse
    for outside in ("http:", "https:", "//", "url(", "@import", "<script", "<link"):
        assert outside not in content


@settings(deadline=None)
@given(st.text())
def test_text_is_shown_not_obeyed(content):
    shown = page_text(content)
    assert not set("<>\"'") & set(shown)
    assert len(shown) >= len(content)


def test_controls_are_replaced():
    assert page_text("a\x00\x1b[2J\n\tb\x85") == "a��[2J\n\tb�"
