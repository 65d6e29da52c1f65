"""`sentibp explain`, and `predict --explain`."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

REVIEW = "Not a bad film &amp; <script>alert(1)</script> caf&eacute; zzzq"


@pytest.fixture(autouse=True)
def _model(trained):
    """Make quickstart the run `last`."""


def test_contributions_add_up_to_the_logit(sentibp):
    output = sentibp("explain", "I love this movie", "--json").json
    assert list(output) == ["label", "score", "positive", "logit", "bias", "parts", "residual", "method", "words"]
    assert output["bias"] + sum(part["contribution"] for part in output["parts"]) == pytest.approx(
        output["logit"], abs=1e-6
    )
    assert abs(output["residual"]) < 1e-6
    predicted = sentibp("predict", "I love this movie").jsonl[0]
    assert output["positive"] == pytest.approx(predicted["positive"], abs=1e-6)
    assert output["label"] == predicted["label"]
    assert output["score"] == pytest.approx(predicted["score"], abs=1e-6)
    for part in output["parts"]:
        assert set(part) == {"text", "start", "end", "contribution"}
        assert "I love this movie"[part["start"] : part["end"]].lower() == part["text"]
    assert sentibp("explain", "I love this movie", "--format", "json").json == output


def test_the_same_bytes_every_time(sentibp, process, trained):
    command = ["explain", "-m", str(trained), REVIEW, "--flip", "--json"]
    assert process(*command).out == process(*command).out == sentibp(*command).out


def test_as_text(sentibp):
    out = sentibp("explain", "a great film , zzzq", "--flip").out
    assert re.match(r"(positive|negative)  0\.\d{4}\na great film , zzzq\n\n", out)
    assert re.search(r"^great +\+\d+\.\d{4}  \++$", out, re.MULTILINE)
    assert re.search(r"^logit +[-+]\d+\.\d{4}  the sum$", out, re.MULTILINE)
    assert "\nunknown to the model: zzzq\n" in out
    unknown = sentibp("explain", "zzzq, qqqz").out
    assert re.search(r"^unknown to the model: zzzq (\| , )?\| qqqz$", unknown, re.MULTILINE), "a comma is a word, too"
    assert "\nflip: " in out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80
    one = sentibp("explain", "a great film , zzzq", "--count", 1).out
    assert re.search(r"^3 others ", one, re.MULTILINE)
    assert "(no words)" in sentibp("explain", "").out


def test_flip(sentibp):
    output = sentibp("explain", "a great film , a bad film", "--flip", "--json").json["flip"]
    assert set(output) == {"deletions", "count", "exact", "logit", "positive"}
    assert output["exact"] is True
    assert output["count"] == len(output["deletions"]) > 0
    words = " | ".join(word["text"] for word in output["deletions"])
    assert f": {words}\n" in sentibp("explain", "a great film , a bad film", "--flip").out


def test_colours_on_a_terminal_only(terminal, trained):
    shown = terminal("explain", "-m", trained, "a great film, a bad film").out
    assert re.search(r"\x1b\[38;5;16;48;5;(194|157|114)mgreat\x1b\[0m", shown)
    assert re.search(r"\x1b\[38;5;16;48;5;(224|217|210)mbad\x1b\[0m", shown)
    assert "\x1b" not in terminal("explain", "-m", trained, "a great film", env={"NO_COLOR": "1"}).out
    assert "\x1b[2J" not in terminal("explain", "-m", trained, "great \x1b[2J").out


class Page(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self, content):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(content)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def test_html_is_self_contained_and_escapes_markup(sentibp):
    content = sentibp("explain", REVIEW, "--flip", "--format", "html").out
    page = Page(content)
    assert content.startswith("<!doctype html>")
    assert "<script" not in content
    assert "<script>alert(1)</script>" in page.text
    assert "&amp; <script>" in page.text  # as typed
    links = [attrs[key] for _, attrs in page.tags for key in ("src", "href") if key in attrs]
    assert set(links) <= {"data:,"}, "the icon"
    assert "http:" not in content and "https:" not in content
    assert "prefers-color-scheme: dark" in content
    assert 'name="viewport"' in content
    assert sum(tag == "mark" for tag, _ in page.tags) == 18
    assert "Without " in page.text
    assert "flip:" not in page.text, "the words of the terminal"
    assert sentibp("explain", "\x1b\x00 good", "--format", "html").out.count("�") == 2


EVERY_FORMAT = """  # one process, because a start takes half a second
import os, sys
from sentibp.__main__ import main
explains = [["explain", "--format", form] for form in ("text", "html")]
traces = [["trace", "--label", "positive", "--format", form] for form in ("text", "html", "markdown", "json")]
for text in sys.argv[1:]:
    for command in ["explain", "--json", "--flip", "good " + text], *([*each, text] for each in (*explains, *traces)):
        sys.argv[1:] = command
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                raise
        os.write(1, b"\\0")
"""


@pytest.mark.parametrize("text", [b"bad \xff\xfe bytes", b"\xed\xa0\x80 x"])
def test_bytes_that_are_no_text(process, text):
    assert "not UTF-8 text (byte 0x" in process("explain", b"good " + text, code=2).err


def test_any_text(start, trained):
    texts = "👨‍👩‍👧 ไทย 映画 e\u0301", "```", "a\nb\r\tc"
    done = start(*texts, program=EVERY_FORMAT)
    out, err = done.communicate()
    assert (done.returncode, err) == (0, b"")
    *outputs, rest = out.split(b"\0")
    assert len(outputs) == 7 * len(texts) and all(outputs) and not rest
    for text, output in zip(texts, map(json.loads, outputs[::7]), strict=True):
        assert output["words"][0]["text"] == "good"
        assert output["words"][-1]["end"] <= len(f"good {text}".encode())


def test_predict_explains_too(sentibp):
    plain = sentibp("predict", "a great film", "zzzq").jsonl
    output = sentibp("predict", "a great film", "zzzq", "--explain").jsonl
    for one, more in zip(plain, output, strict=True):
        assert one.items() <= more.items()
        assert list(more)[: len(one)] == list(one)
        own = sentibp("explain", {0: "zzzq", 3: "a great film"}[len(more["parts"])], "--json").json
        assert {key: more[key] for key in ("logit", "bias", "parts", "residual")} == {
            key: own[key] for key in ("logit", "bias", "parts", "residual")
        }
    table = sentibp("predict", "a great film", "zzzq", "--explain", "--format", "table").out
    assert table.count("the logit of an empty review") == 2
    sentibp("predict", "a great film", "--explain", "--output", "out.jsonl")
    with open("out.jsonl") as file:
        assert json.loads(file.read())["parts"] == output[0]["parts"]


def test_mistakes(fails):
    assert "--explain" in fails(2, "predict", "good", "--explain", "--format", "csv")
    assert fails(2, "explain", "good", "-m", "nosuch").startswith("nosuch: no such run or model")
    assert "TEXT" in fails(2, "explain")
    assert "--format" in fails(2, "explain", "good", "--format", "pdf")
