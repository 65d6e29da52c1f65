"""What the styles of pages promise, on a screen and on paper, in headless Chromium."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import exports
import pytest
from browser import CONTRASTS, WIDER, Page, needs_browser

from sentibp.inspection.explain import explain
from sentibp.inspection.pages.explanation import explanation_page
from sentibp.inspection.pages.render import read_template
from sentibp.inspection.pages.worksheet import worksheet_page
from sentibp.inspection.trace import trace_step
from sentibp.inspection.walkthrough import sheet

pytestmark = needs_browser


def show(page: Page, folder: Path, content: str, width: int = 800) -> None:
    (folder / "page.html").write_text(content)
    page.open((folder / "page.html").as_uri(), width)


def styled(body: str) -> str:
    head = '<!doctype html><meta name="viewport" content="width=device-width">'
    return f'{head}<style>{read_template("style.css")}</style><body class="report">{body}'


@contextmanager
def printed(page: Page) -> Iterator[None]:
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
    yield
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def colour_at(page: Page, x: float, y: float) -> tuple[int, ...]:
    """Return the colour of a pixel of the page: red, green, blue."""
    clip = {"x": x, "y": y, "width": 1, "height": 1, "scale": 1}
    png = base64.b64decode(page.driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip})["data"])
    data, at = b"", 8
    while at < len(png):  # chunks: length, kind, content, checksum
        end = at + 8 + int.from_bytes(png[at : at + 4], "big")
        data += png[at + 8 : end] if png[at + 4 : at + 8] == b"IDAT" else b""
        at = end + 4
    return tuple(zlib.decompress(data)[1:4])  # after the filter of the row


def test_a_confusion_matrix_that_does_not_fit_beside_the_scores_is_below_them(page: Page, tmp_path: Path):
    names = ["Billing and invoices", "Bug report", "Feature request / enhancement", "Cancellation"]
    for labels in (names[:2], names):
        heads = "".join(f'<th scope="col">{name}</th>' for name in ["right label", *labels])
        row = "<tr>" + f'<th scope="row">{names[2]}</th>' + "<td>1,234</td>" * len(labels) + "</tr>"
        matrix = f'<table class="confusion"><tr>{heads}</tr>{row}</table>'
        about = f"<figcaption>{'How many there are of each. ' * 9}</figcaption>"
        scores = '<div class="scroll"><table class="scores"><tr><th>accuracy</th><td>0.9</td></tr></table></div>'
        figure = f'<div><figure><div class="scroll" id="matrix">{matrix}</div>{about}</figure></div>'
        show(page, tmp_path, styled(f'<div class="beside">{scores}{figure}</div>'), 1160)
        assert page.js("document.getElementById('matrix').scrollWidth <= document.getElementById('matrix').clientWidth")
        top = "document.querySelector('.beside').children[{}].getBoundingClientRect().top"
        assert (page.js(top.format(0)) == page.js(top.format(1))) == (labels == names[:2])


TABLE = "<table><caption>Wide</caption><tr>" + "<td>0.123456</td>" * 30 + "</tr></table>"


def test_where_a_table_can_be_scrolled_there_is_a_shadow(page: Page, tmp_path: Path):
    show(page, tmp_path, styled(f'<div class="scroll" style="width:300px; height:80px">{TABLE}</div>'))
    left, top, right = page.js(
        "(({ left, top, right }) => [left, top, right])(document.querySelector('.scroll').getBoundingClientRect())"
    )
    paper = colour_at(page, right + 20, top + 50)
    scroll = "void (document.querySelector('.scroll').scrollLeft = {})"
    shadows = []
    for to in 0, 100, 10_000:
        page.js(scroll.format(to))
        shadows.append([sum(paper) - sum(colour_at(page, x, top + 50)) > 15 for x in (left + 1, right - 2)])
    assert shadows == [[False, True], [True, True], [True, False]]
    with printed(page):
        page.js(scroll.format(0))
        assert colour_at(page, right - 2, top + 50) == paper, "paper cannot be scrolled"


def test_what_has_a_meaning_by_its_colour_is_printed_in_colour(page: Page, tmp_path: Path):
    stars = exports.random_model("stars")
    show(page, tmp_path, explanation_page("good bad film", explain(stars, "good bad film"), "x"))
    with printed(page):
        exact = "[...document.querySelectorAll('{}')].map((each) => getComputedStyle(each).printColorAdjust)"
        for selector in ".scale", ".scale div", ".bar div", "mark":
            found = page.js(exact.format(selector))
            assert found and set(found) == {"exact"}, selector


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_forced_colours_words_can_be_read_and_bars_can_be_seen(page: Page, tmp_path: Path, scheme: str):
    stars = exports.random_model("stars")
    confusion = '<table class="confusion"><tr><td class="right" style="--share:60%">9</td></tr></table>'
    answer = f"<style>{read_template('answer.css')}</style><div class='meter'><div id='needle'></div></div>{confusion}"
    made = explanation_page("good bad unheard film", explain(stars, "good bad unheard film"), "x")
    show(page, tmp_path, made.replace("</main>", f"{answer}</main>"))
    forced = {"forced-colors": "active", "prefers-color-scheme": scheme}
    features = [{"name": name, "value": value} for name, value in forced.items()]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    assert page.js("matchMedia('(forced-colors: active)').matches")
    worst = min(page.js(CONTRASTS))
    assert worst[0] >= 4.5, worst
    own = "document.body.appendChild(Object.assign(document.createElement('div'), {{ style: 'background: var({})' }}))"
    for selector, colour in (".bar div", "--neutral"), ("#needle", "--positive"):
        page.js(f"void ({own.format(colour)}).style.setProperty('forced-color-adjust', 'none')")
        wanted = page.js("getComputedStyle(document.body.lastChild).backgroundColor")
        assert page.js(f"getComputedStyle(document.querySelector('{selector}')).backgroundColor") == wanted
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


GAPS = """[...document.querySelectorAll('mrow, math')].flatMap((row) => {
  const isWord = (each) => ['mi', 'mtext'].includes(each.localName) && /^\\p{L}+$/u.test(each.textContent);
  const parts = [...row.children].filter((each) => each.localName !== 'mspace');
  const box = (each) => each.getBoundingClientRect();
  return parts.slice(1).map((each, i) => [parts[i], each])
    .filter((pair) => pair.every(isWord) && pair.some((each) => each.textContent.length > 1))
    .map(([a, b]) => [`${a.textContent} ${b.textContent}`, box(b).left - box(a).right]);
})"""


def test_the_bars_of_contributions_are_in_sight_on_a_narrow_phone(page: Page, tmp_path: Path):
    stars = exports.random_model("stars")
    show(page, tmp_path, explanation_page("good bad film", explain(stars, "good bad film"), "x"), 320)
    assert page.js("document.querySelectorAll('.bar').length") > 2
    assert page.js("[...document.querySelectorAll('.scroll')].every((each) => each.scrollWidth <= each.clientWidth)")


def test_names_in_a_formula_do_not_run_into_each_other(page: Page, tmp_path: Path):
    binary = exports.random_model("shifters")
    show(page, tmp_path, worksheet_page(sheet(trace_step(binary, "a good film", "positive"), 4)))
    gaps = dict(page.js(GAPS))
    assert {"log p", "of padding"} <= set(gaps)
    assert min(gaps.values()) > 1, gaps


def test_texts_from_right_to_left_are_laid_out_so(page: Page, tmp_path: Path):
    hebrew, english = "סרט נהדר (1) a", "a film (1) סרט"
    places = [
        ('<p class="text">', "</p>"),
        ('<blockquote class="text">', "</blockquote>"),
        ('<p class="review">', "</p>"),
        ('<div class="reviews"><table><tr><td>1</td><td>', "</td></tr></table></div>"),
    ]
    show(page, tmp_path, styled("".join(f"{a}{text}{b}" for text in (hebrew, english) for a, b in places)))
    # where the first and the last character of each text are
    ends = page.js("""[...document.querySelectorAll('p, blockquote, td:last-child')].map((each) => {
      const range = document.createRange(), text = each.firstChild;
      return [0, text.length - 1].map((i) => {
        range.setStart(text, i);
        range.setEnd(text, i + 1);
        return range.getBoundingClientRect().left;
      });
    })""")
    assert [first > last for first, last in ends] == [True] * 4 + [False] * 4


def test_a_table_that_goes_on_has_its_head_again_on_paper(page: Page, tmp_path: Path):
    head = '<thead><tr><th scope="col"><button>probability</button></th><th scope="col">text</th></tr></thead>'
    rows = "<tr><td>0.5</td><td>a</td></tr>" * 120
    table = (
        f'<div class="scroll"><table><caption class="unseen">Reviews</caption>{head}<tbody>{rows}</tbody></table></div>'
    )
    show(page, tmp_path, styled(f'<div class="reviews">{table}</div>'))
    with printed(page):
        assert page.js("getComputedStyle(document.querySelector('th button')).display") == "contents", "or it is blank"
        caption = "getComputedStyle(document.querySelector('caption')).display"
        assert page.js(caption) == "none", "or a page could end between a heading and its table"


def test_gaps_on_paper_have_room_to_write_by_hand(page: Page, tmp_path: Path):
    show(page, tmp_path, styled('<div class="formula"><div>p = <span class="gap">(8)</span></div></div>'))
    height = "document.querySelector('.formula > div').getBoundingClientRect().height"
    on_screen = page.js(height)
    with printed(page):
        assert page.js(height) >= 30 > on_screen, "8 mm"


def test_what_is_not_important_is_not_bold(page: Page, tmp_path: Path):
    own = '<ol class="peers"><li class="own"><span class="name">a <small>with its interval</small></span></li></ol>'
    scores = '<table class="scores"><tr><th scope="row">accuracy<small>The share.</small></th></tr></table>'
    reviews = (
        '<div class="reviews"><table><tr><td class="wrong" data-name="predicted">✗ positive</td></tr></table></div>'
    )
    show(page, tmp_path, styled(own + scores + reviews), width=390)
    weight = "getComputedStyle(document.querySelector('{}'), '{}').fontWeight"
    bold = {
        (selector, part): int(page.js(weight.format(selector, part)))
        for selector, part in [
            *((".peers .name", ""), (".peers .name small", ""), (".scores th", "")),
            *((".reviews .wrong", ""), (".reviews .wrong", "::before")),
        ]
    }
    assert [each > 400 for each in bold.values()] == [True, False, False, True, False]


CUT = """[...document.querySelectorAll('th, td')].filter((each) => each.scrollWidth > each.clientWidth + 1)
  .map((each) => each.outerHTML.slice(0, 60))"""


@pytest.mark.parametrize("width", [1200, 360])
def test_a_long_name_without_spaces_stays_in_its_cell(page: Page, tmp_path: Path, width: int):
    name = "data-set/" + "a" * 80
    row = '<td>word</td><td>+1.2</td><td class="bar"><div></div></td>'
    side = f'<table><tr><th scope="col">for {name}</th><th scope="col">weight</th><td></td></tr><tr>{row}</tr></table>'
    heads = f'<tr><th scope="col">right label</th><th scope="col">{name}</th><th scope="col">b</th></tr>'
    counts = f'<tr><th scope="row">{name}</th><td>1</td><td>2</td></tr>'
    review = f"<tr><td>{name}</td><td>✗ {name}</td><td>0.5</td><td>a text</td></tr>"
    two = f'<td data-name="label">b</td><td data-name="prediction of {name[:30]}">✗ positive 0.7859</td><td>a</td>'
    tables = (
        f'<div class="reviews"><table><tbody><tr>{two}</tr></tbody></table></div>'
        f'<div class="halves"><div class="sides">{side}{side}</div><div>beside</div></div>'
        f'<div class="scroll"><table class="confusion">{heads}{counts}</table></div>'
        f'<div class="scroll"><table>{heads}{counts}</table></div>'
        f'<div class="reviews"><table class="long"><tbody>{review}</tbody></table></div>'
    )
    show(page, tmp_path, styled(tables), width)
    assert page.js(CUT) == []
    assert page.js(WIDER) <= 0


def test_the_names_of_the_rows_stay_when_a_wide_confusion_is_scrolled(page: Page, tmp_path: Path):
    heads = "".join(f'<th scope="col">topic {k}</th>' for k in range(30))
    rows = "".join(f'<tr><th scope="row">the topic number {k}</th>{"<td>12</td>" * 30}</tr>' for k in range(30))
    table = f'<table class="confusion many"><tr><th scope="col">right label</th>{heads}</tr>{rows}</table>'
    show(page, tmp_path, styled(f'<div class="scroll">{table}</div>'), 720)
    page.js("void (document.querySelector('.scroll').scrollLeft = 200)")
    left = "document.querySelector('{}').getBoundingClientRect().left"
    assert page.js(left.format("th[scope=row]")) == page.js(left.format(".scroll"))
    with printed(page):
        assert page.js(WIDER) <= 0, "or the browser shrinks all pages of the print"
