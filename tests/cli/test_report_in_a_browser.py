"""The charts, the map of words and the table of reviews of a report, in headless Chromium."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import runner
from browser import SMALL, WIDER, Page, needs_browser

from sentibp.config.load import load_config
from sentibp.inspection.pages.render import packed_data
from sentibp.inspection.pages.report import report_page
from sentibp.inspection.pages.report_data import gather

pytestmark = needs_browser

DRAWN = "document.body.dataset.drawn"
RIGHT, DOWN, ESCAPE, ENTER, TAB = "\ue014", "\ue015", "\ue00c", "\ue007", "\ue004"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of a report on an ensemble of three networks and a model without hidden layers."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SENTIBP_CACHE", str(folder / "cache"))
        words = ["good", "superb", "bad", "awful"]
        texts = [f"a {words[i % 4]} film, number {i}, {'and long ' * (i % 7)}" for i in range(160)]
        rows = (json.dumps({"text": text, "label": int((i % 4 < 2) != (i % 9 == 0))}) for i, text in enumerate(texts))
        Path("reviews.jsonl").write_text("\n".join(rows) + "\n")
        data = "data: {source: reviews.jsonl, validation: 0.5}\n"
        Path("three.yaml").write_text(
            f"{data}train: {{epochs: 3, members: 3, batch_size: 16}}\nmodel: {{hidden: [4]}}\n"
        )
        Path("flat.yaml").write_text(f"{data}train: {{epochs: 3, batch_size: 16}}\nmodel: {{hidden: []}}\n")
        for name in ("three", "flat"):
            runner.train_model(load_config(f"{name}.yaml"), Path(name))
        Path("report.html").write_bytes(report_page(gather(["three", "flat"])))
    return (folder / "report.html").as_uri()


@pytest.fixture
def opened(page: Page, report: str) -> Iterator[Page]:
    page.open(report)
    page.wait(DRAWN)
    yield page
    assert page.complaints() == []


@pytest.fixture
def read(page: Page, report: str) -> Iterator[Page]:
    """Yield the report for tests that leave it as it was: those in a row share one opening."""
    if not page.js("document.body.dataset.read"):
        page.open(report)
        page.wait(DRAWN)
        page.js("document.body.dataset.read = 'yes'")
    yield page
    assert page.complaints() == []


@pytest.fixture(scope="module")
def sized(page: Page, report: str, request: pytest.FixtureRequest) -> Page:
    """Return the report in a window of this width, which tests with the same one share."""
    page.open(report, request.param)
    page.wait(DRAWN)
    return page


# --- what is only read, or left as it was


def test_a_point_that_no_line_leads_to_is_a_dot(read: Page):
    draw = """(() => {
      const place = document.body.appendChild(document.createElement('div'));
      const axis = { title: 'step' }, made = { id: 'made', title: 'made', x: axis, y: axis, height: 200 };
      const line = { kind: 'line', name: '', x: [1, 2, 3, 4, 5, 6], y: %s, colour: '--run0', width: 1 };
      charts.draw({ ...made, series: [line] }, place);
      const dots = place.querySelectorAll('g.line path[transform]').length;
      place.remove();
      return dots;
    })()"""
    assert read.js(draw % "[5, 4, 3, 2, 1, 0]") == 0
    assert read.js(draw % "[5, null, null, null, null, null]") == 1, "the loss of a training of one step"
    assert read.js(draw % "[5, null, 3, 2, null, 0]") == 2


def test_log_axes_name_their_ticks_in_full_and_have_one_range(read: Page):
    ticks = "[...document.querySelectorAll('#{} .y-tick')].map((each) => each.textContent)"
    gradient, *flows = (read.js(ticks.format(id)) for id in ("gradient", "flow0", "flow1"))
    assert all(flow == gradient for flow in flows)
    labels = "[...document.querySelectorAll('#gradient .axis')].map((each) => each.textContent)"
    assert read.js(labels) == ["norm (log scale)", "step"]
    values = [float(text) for text in gradient]
    assert len(values) >= 2 and values == sorted(values)


ENDS = """[...document.querySelectorAll('svg.picture:has(.axes line)')].map((svg) => {
  // where the plot ends, and where the first and the last tick of its y axis are
  const of = (line) => ['x1', 'x2', 'y1', 'y2'].map((name) => Number(line.getAttribute(name)));
  const lines = [...svg.querySelectorAll('.axes line')].map(of), levels = lines.filter(([, , a, b]) => a === b);
  const [, , top, bottom] = lines.find(([a, b]) => a === b);
  const heights = levels.map(([, , y]) => y);
  return [svg.closest('.plot').id, top, bottom, Math.min(...heights), Math.max(...heights)];
})"""


def test_an_axis_that_is_not_logarithmic_begins_and_ends_at_a_tick(read: Page):
    found = {id: ends for id, *ends in read.js(ENDS)}
    for id in ("loss", "accuracy", "roc", "reliability", "lengths", "scores0"):
        top, bottom, highest, lowest = found[id]
        assert (highest, lowest) == (pytest.approx(top), pytest.approx(bottom)), id
    ticks = "[...document.querySelectorAll('#reliability .x-tick')].map((each) => each.textContent)"
    assert [read.js(ticks)[i] for i in (0, -1)] == ["50 %", "100 %"]


def test_a_map_has_no_more_height_than_its_words_need(read: Page):
    gaps = """[...document.querySelectorAll('svg.map')].map((svg) => {
      const { top, bottom } = svg.getBoundingClientRect();
      const inside = [...svg.querySelectorAll('circle, .labels text')].map((each) => each.getBoundingClientRect());
      return [Math.min(...inside.map((box) => box.top)) - top, bottom - Math.max(...inside.map((box) => box.bottom))];
    })"""
    assert read.js("document.querySelectorAll('svg.map').length") == 2
    assert all(0 <= gap <= 45 for pair in read.js(gaps) for gap in pair), read.js(gaps)


PACKED = {
    "words, markup and signs": [f"</script> {word} <!-- 𝄞 é" for word in ("good", "bad") * 200],
    "runs": ["a" * n for n in (3, 4, 5, 258, 259, 260, 4000)],
    "more than a block": ["".join(f"{i * 7919 % 1000003}" for i in range(170_000))],
    "one letter": "",
    "nothing": None,
}


@pytest.mark.parametrize("name", PACKED)
def test_the_page_reads_what_python_packed(read: Page, name: str):
    packed = packed_data(PACKED[name])
    assert read.js(f"JSON.stringify(unpacked({json.dumps(packed)})) === JSON.stringify({json.dumps(PACKED[name])})")


def test_on_a_line_the_nearest_words_are_those_at_the_least_distance(read: Page):
    found = read.js(
        "page.numbers.charts.map(({ words }) => words).filter((words) => words && !words.cosines)"
        ".map(({ x, y, nearest }) => [x, y, x.map((_, i) => nearest(i))])"
    )
    assert found
    for x, y, nearest in found:
        at = np.array([x, y]).T
        for i, near in enumerate(nearest):
            distance = np.linalg.norm(at - at[i], axis=1)
            distance[i] = np.inf
            assert sorted(distance[near]) == pytest.approx(np.sort(distance)[:5])


def test_accuracies_of_weighted_reviews_are_called_weighted(read: Page):
    say = """(({ texts, ...table }) => {
      const host = document.createElement('div');
      reviewTable(host, { texts, ...table, weights: texts.map((_, i) => 1 + (i % 3)) });
      return host.querySelector('output').textContent;
    })(page.numbers.reviews[0])"""
    assert re.search(r"reviews: three: weighted accuracy [\d.]+ %", read.js(say))
    assert "weighted" not in read.text(".reviews output")


def test_a_point_near_the_mouse_shows_its_values(read: Page):
    read.js("document.querySelector('#accuracy').scrollIntoView()")
    read.js(
        """(() => {
      const mark = document.querySelector('#accuracy g.points path'), box = mark.getBoundingClientRect();
      document.querySelector('#accuracy svg.picture').dispatchEvent(new PointerEvent('pointermove',
        { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, bubbles: true }));
    })()"""
    )
    assert "step " in read.text("#accuracy .tip")


TICKS = "[...document.querySelectorAll('#loss .x-tick')].map((each) => each.textContent)"


def test_a_curve_is_zoomed_by_dragging_or_keys_and_reset(read: Page):
    whole = read.js(TICKS)
    read.js("document.querySelector('#loss').scrollIntoView()")
    picture = read.find("#loss svg.picture")
    from selenium.webdriver import ActionChains

    drag = ActionChains(read.driver).move_to_element_with_offset(picture, -60, 0).click_and_hold()
    drag.move_by_offset(40, 5).move_by_offset(60, 0).release().perform()
    zoomed = read.js(TICKS)
    assert zoomed != whole
    assert read.text("#loss .controls button") == "Reset the zoom"
    read.find("#loss .controls button").send_keys(ENTER)
    assert read.js(TICKS) == whole
    assert read.js("document.activeElement.classList.contains('picture')"), "the button is gone, so the chart has it"
    read.press("+")
    assert read.js(TICKS) != whole
    read.press("0")
    assert read.js(TICKS) == whole
    assert not read.js("document.querySelector('#accuracy svg').closest('.plot').querySelector('input')")


def test_each_network_has_an_entry_and_lines_can_be_hidden(read: Page):
    entries = "[...document.querySelectorAll('#accuracy .legend button')].map((each) => each.textContent)"
    names = read.js(entries)
    assert names[:4] == [*(f"three, network {i}" for i in (1, 2, 3)), "flat"]
    assert any(name.startswith("three: the average of 3 networks, calibrated") for name in names)
    strokes = read.js(
        "[...document.querySelectorAll('#accuracy g.line > path.line:first-child')].map((each) => "
        "each.style.stroke + each.getAttribute('stroke-dasharray'))"
    )
    assert len(set(strokes)) == 4
    first = read.find("#accuracy .legend button")
    first.send_keys(ENTER)
    assert first.get_attribute("aria-pressed") == "false"
    assert read.js("document.querySelectorAll('#accuracy g.line').length") == 3
    first.send_keys(ENTER)
    assert read.js("document.querySelectorAll('#accuracy g.line').length") == 4


def test_the_words_of_a_mistake_have_colours_and_a_table(read: Page):
    coloured = read.js("document.querySelectorAll('.mistake mark.positive, .mistake mark.negative').length")
    assert coloured > 5
    quote = "document.querySelector('.mistake')"
    read.find(".mistake + details summary").send_keys(ENTER)
    table = read.js(f"[...{quote}.nextElementSibling.querySelectorAll('tr')].map((e) => e.innerText.split('\\t'))")
    marks = read.js(f"[...{quote}.querySelectorAll('mark')].map((each) => [each.textContent, each.title])")
    assert sorted(table[1:]) == sorted(marks), "what is in a tooltip is in the table"
    sizes = [abs(float(value)) for _, value in table[1:] if value != "unknown"]
    assert sizes == sorted(sizes, reverse=True) and sizes


def test_damaged_data_are_said_to_be_so(read: Page):
    packed = packed_data(PACKED["runs"])
    for damaged in ("", "AAAA", packed[:-20], packed[:40] + packed[80:]):
        script = f"page.read(page.element('i', {{}}, {json.dumps(damaged)}))"
        assert read.js(f"(() => {{ try {{ {script}; }} catch {{ return true; }} }})()")
    assert "The data of this page are damaged" in read.text("main > .warning")


# --- what is used


def test_a_click_on_the_map_takes_the_word_under_it(opened: Page):
    clicked = opened.js("""(() => {
      const dot = document.querySelectorAll('#map0 circle')[3].getBoundingClientRect();
      const place = { clientX: dot.left + dot.width / 2, clientY: dot.top + dot.height / 2, bubbles: true };
      document.querySelector('#map0 svg').dispatchEvent(new MouseEvent('click', place));
      const near = document.querySelector('#map0 circle.picked').getBoundingClientRect();
      return Math.hypot(near.left - dot.left, near.top - dot.top);
    })()""")
    assert clicked < 1


def test_the_values_of_a_chart_are_reached_by_the_keys(opened: Page):
    opened.js("document.querySelector('#lengths svg.picture').focus()")
    opened.press(RIGHT)
    assert re.fullmatch(
        r"three\nwords \d+\naccuracy [\d.]+ % \([\d.]+ % to [\d.]+ %\)\n.* reviews", opened.text("#lengths .tip")
    )
    first = opened.text("#lengths .tip")
    opened.press(RIGHT)
    assert opened.text("#lengths .tip") != first
    opened.press(DOWN)
    assert opened.text("#lengths .tip").startswith("flat\n")
    spoken = opened.js("document.querySelector('#lengths [role=status]').textContent")
    assert spoken.split(", ")[:2] == opened.text("#lengths .tip").split("\n")[:2]
    opened.press(ESCAPE)
    assert not opened.find("#lengths .tip").is_displayed()


def test_smoothing_is_off_until_it_is_asked_for(opened: Page):
    lines = "document.querySelectorAll('#gradient g.line path.line').length"
    assert opened.text("#gradient .controls output") == "off"
    before = opened.js(lines)
    opened.find("#gradient .controls input").send_keys(RIGHT * 30)
    assert opened.text("#gradient .controls output") == "0.60"
    assert opened.js(lines) == 2 * before, "the line itself stays, faintly"
    table = "document.querySelector('details[data-chart=gradient] table')"
    opened.find("details[data-chart=gradient] summary").send_keys(ENTER)
    opened.wait(table)
    y = opened.js("page.numbers.charts.find(e => e.id === 'gradient')")
    assert float(opened.js(f"{table}.rows[2].cells[2].textContent")) == y["series"][0]["y"][1], "as measured"


def test_a_page_that_the_browser_saved_is_the_same_page(opened: Page, tmp_path: Path):
    count = "Object.fromEntries(['svg', 'table', 'select', 'input', 'button', 'details', 'output', 'th'].map((name) =>"
    count += " [name, document.querySelectorAll(`main ${name}`).length]))"
    for summary in opened.driver.find_elements("css selector", "details.numbers summary")[:2]:
        summary.send_keys(ENTER)
    opened.wait("document.querySelectorAll('details.numbers[open] table').length === 2")
    before = opened.js(count)
    saved = opened.js("'<!doctype html>' + document.documentElement.outerHTML")  # with all that was drawn
    (tmp_path / "saved.html").write_text(saved, encoding="utf-8")
    opened.open((tmp_path / "saved.html").as_uri())
    opened.wait("page.numbers")
    assert opened.js(count) == before
    opened.js("document.querySelector('#loss svg.picture').focus()")
    opened.press(RIGHT)
    assert opened.js("document.querySelector('#loss .tip').checkVisibility()"), "its charts are alive"


BOXES = """[...document.querySelectorAll('#map0 .labels text')].map((each) => {
  const { left, right, top, bottom } = each.getBoundingClientRect();
  return [left, right, top + 2, bottom - 2];
})"""


@pytest.mark.parametrize("sized", [1280, 390], indirect=True)
def test_no_label_of_the_map_touches_another_or_is_cut(sized: Page):
    boxes = sized.js(BOXES)
    assert len(boxes) > 5
    for i, (left, right, top, bottom) in enumerate(boxes):
        for other in boxes[:i]:
            assert left >= other[1] or right <= other[0] or top >= other[3] or bottom <= other[2]
    frame = "document.querySelector('#map0 svg').getBoundingClientRect()"
    left, right = sized.js(f"[{frame}.left, {frame}.right]")
    assert all(left <= box[0] and box[1] <= right for box in boxes)
    assert sized.js(WIDER) <= 0
    scale = sized.js(
        """(() => {
      const { charts } = page.numbers;
      const { x, y } = charts.find((each) => each.id === 'map0').words;
      const dots = [...document.querySelectorAll('#map0 circle')];
      const reach = (list) => Math.max(...list) - Math.min(...list);
      const along = (name) => reach(dots.map((each) => Number(each.getAttribute(name))));
      return [along('cx') / reach(x), along('cy') / reach(y)];
    })()"""
    )
    assert scale[0] == pytest.approx(scale[1], rel=0.05), "both directions have the same scale"


BARS = """[...document.querySelectorAll('.sides tr:has(.bar)')].map((each) =>
  [Math.abs(Number(each.cells[1].textContent)), each.querySelector('.bar div').getBoundingClientRect().width])"""


@pytest.mark.parametrize("sized", [1440, 900, 390], indirect=True)
def test_all_bars_of_words_have_one_scale_on_the_screen(sized: Page):
    sized.js("document.querySelector('.sides th').append(' of a label with a long name')")
    rows = sized.js(BARS)
    pixels = [drawn / weight for weight, drawn in rows if weight > 1]
    assert len(pixels) > 10
    assert max(pixels) == pytest.approx(min(pixels), rel=0.05), "a longer bar is a larger weight, in whichever table"
    assert sized.js(WIDER) <= 0


def test_a_word_on_the_map_shows_its_neighbours(opened: Page):
    assert "Click a word" in opened.text("#map0 .chosen")
    opened.js("document.querySelector('#map0 svg').focus()")
    opened.press(RIGHT)
    assert re.search("Nearest on the map|Most similar", opened.text("#map0 .chosen"))
    first = opened.text("#map0 .chosen b")
    opened.find("#map0 .chosen button").click()
    assert opened.text("#map0 .chosen b") != first
    opened.press(ESCAPE)
    opened.find("#map0 .find input").send_keys("numb")
    assert "n-gram" in opened.text("#map0 .find output"), "a part of a word finds what contains it"


def cells(page: Page, column: int) -> list[str]:
    return page.js(
        f"[...document.querySelectorAll('.reviews tbody tr')].map(({{ cells }}) => cells[{column}].textContent)"
    )


def choose(page: Page, number: int, value: str) -> None:
    page.js(
        f"(() => {{ const each = document.querySelectorAll('.reviews select')[{number}];"
        f" each.value = {json.dumps(value)}; each.dispatchEvent(new Event('change')); }})()"
    )


def test_slices_by_length_say_how_many_words(opened: Page):
    opened.js(
        "reviewTable(document.querySelector('.reviews'), { ...page.numbers.reviews[0], lengths: [1, 10, 11, 14] })"
    )
    options = opened.js("[...document.querySelectorAll('.reviews select')[2].options].map((each) => each.text)")
    assert options == ["any", "up to 1 word", "2 to 10 words", "11 words", "12 to 14 words", "from 15 words"]


def test_reviews_are_searched_sorted_and_sliced(opened: Page):
    texts = "[...document.querySelectorAll('.reviews td:last-child')].map((e) => e.getBoundingClientRect())"
    assert opened.js(f"{texts}.every(({{ width, right }}) => width > 200 && right <= innerWidth)"), "the text has room"
    total = opened.js("page.numbers.reviews[0].total")
    summary = opened.text(".reviews output")
    assert re.match(rf"{total} of {total} reviews: three: accuracy [\d.]+ % \(95 % interval", summary)
    losses = list(map(float, cells(opened, 2)))
    assert losses == sorted(losses, reverse=True) and len(losses) == 50
    assert not opened.find(".reviews .on-paper").is_displayed()
    opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert opened.text(".reviews .on-paper") == "On paper are the first 50; a button in the page shows more."
    opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    opened.find(".reviews > button").click()
    assert len(cells(opened, 2)) == total
    opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not opened.find(".reviews .on-paper").is_displayed(), "all are there"
    opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    words = opened.driver.find_elements("css selector", ".reviews th button")[-1]
    for descending in (True, False):
        words.click()
        found = list(map(int, cells(opened, 5)))
        assert found == sorted(found, reverse=descending)
    assert opened.js("document.querySelector('.reviews th[aria-sort]').textContent") == "words"
    opened.find(".reviews input").send_keys("SUPERB number")
    texts = cells(opened, 6)
    assert texts and all("superb" in text and "number" in text for text in texts)
    opened.find(".reviews input").clear()
    choose(opened, 0, "wrong 1")
    assert {each.rpartition(" ")[0] for each in cells(opened, 3)} == {"✗ positive", "✗ negative"}
    assert "accuracy" not in opened.text(".reviews output"), "of mistakes there is none"
    parts = opened.js("page.breakable('comp.os_x').map((part) => part.outerHTML ?? part)")
    assert parts == ["comp.", "<wbr>", "os_", "<wbr>", "x"], "a label may break after a dot, and nowhere in a word"
    choose(opened, 0, "differ")
    differing = [[each.strip("✗ ").split()[0] for each in cells(opened, column)] for column in (1, 3)]
    assert all(a != b for a, b in zip(*differing, strict=True))
    choose(opened, 0, "all")
    choose(opened, 1, "1")
    assert set(cells(opened, 0)) == {"positive"}
    choose(opened, 2, "0")
    assert set(map(int, cells(opened, 5))) <= set(range(11))


@pytest.mark.parametrize("sized", [1280, 390], indirect=True)
def test_no_text_is_smaller_than_14_pixels(sized: Page):
    assert sized.js(SMALL) == []


@pytest.mark.parametrize("sized", [1280, 390], indirect=True)
def test_the_contents_are_at_the_side_of_wide_screens(sized: Page):
    side = sized.js("document.querySelector('.contents').getBoundingClientRect().right")
    left = sized.js("document.querySelector('main').getBoundingClientRect().left")
    assert (0 < side <= left) == (sized.js("document.documentElement.clientWidth") > 1000)
    links = sized.js("[...document.querySelectorAll('.contents a')].map((each) => each.getAttribute('href'))")
    assert sized.js(f"{json.dumps(links)}.every((each) => document.querySelector(each))")


def test_without_scripts_no_place_is_left_blank_for_a_chart(page: Page, report: str):
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.open(report, 1280)
        shown = "[...document.querySelectorAll('{}')].filter((each) => each.checkVisibility()).length"
        assert page.js(shown.format("noscript p")) == 1
        assert page.js(shown.format(".plot, .controls")) == 0
        assert page.js(shown.format(".scores")) == 1, "what needs no script is there"
    finally:
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_printed_it_is_light_and_shows_no_controls(page: Page, report: str):
    page.open(report, 1280, "dark")
    page.wait(DRAWN)
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": features})
    assert page.js("getComputedStyle(document.body).backgroundColor") == "rgb(253, 253, 251)"
    assert page.js("[...document.querySelectorAll('.contents, .controls')].every((each) => !each.checkVisibility())")
    open_details = (
        "[...document.querySelectorAll('details:not(.numbers) table')].every((each) => each.checkVisibility())"
    )
    assert page.js(open_details), "what is folded on a screen is printed"
    assert page.js("[...document.querySelectorAll('.on-screen')].every((each) => !each.checkVisibility())")
    whole = "[...document.querySelectorAll('blockquote')].every((each) => each.scrollHeight <= each.clientHeight + 1)"
    assert page.js(whole), "a review that can be scrolled on a screen is whole"
    after = "getComputedStyle(document.querySelector('blockquote').previousElementSibling).breakAfter"
    assert page.js(after) == "avoid", "a review stands below the line about it"
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    page.js("void dispatchEvent(new Event('beforeprint'))")
    widths = "[...document.querySelectorAll('svg.picture')].map((each) => Number(each.getAttribute('width')))"
    assert set(page.js(widths)) == {320, 660}, "charts are drawn for the width of paper, not shrunk"
    last = page.js("Number(document.querySelector('.stepper input').max) + 1")
    assert page.text(".stage-title") == f"{last} of {last}: After the update", "the first stage has empty boxes"
    page.js("void dispatchEvent(new Event('afterprint'))")
    assert page.text(".stage-title").startswith("1 of ")
    assert max(page.js(widths)) > 660
    pdf = base64.b64decode(page.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert 4 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 20, "no row of a table has a page of its own"
