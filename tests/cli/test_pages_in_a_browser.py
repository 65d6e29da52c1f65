"""Pages in headless Chromium: clicks, keys, light and dark colours, and the width of a phone."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import exports
import pytest
import runner
from browser import CONTRASTS, EVIL, FOCUS, RING, SKIPPED, SMALL, UNNAMED, WIDER, Page, needs_browser, violations

from sentibp.config.load import load_config
from sentibp.config.space import Dimension, Space
from sentibp.export.export import export_model
from sentibp.inspection.explain import explain
from sentibp.inspection.pages.explanation import explanation_page
from sentibp.inspection.pages.render import probability, read_template
from sentibp.inspection.pages.report import report_page
from sentibp.inspection.pages.report_data import gather
from sentibp.inspection.pages.sweep import sweep_page
from sentibp.inspection.pages.worksheet import worksheet_page
from sentibp.inspection.sweep import FoundSweep
from sentibp.inspection.trace import trace_step
from sentibp.inspection.walkthrough import sheet
from sentibp.model.decision import Decision
from sentibp.model.file import load_model
from sentibp.training.sweep_folder import Plan
from sentibp.training.trial import TrialRecord
from sentibp.utils.arrow import strings

pytestmark = needs_browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of a report on two runs. All their reviews contain markup."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SENTIBP_CACHE", str(folder / "cache"))
        own = [
            " ".join(f"w{i}v{k}" for k in range(16)) for i in range(60)
        ]  # or they are nearly the same, and held out together
        texts = [f"{EVIL} a {'good' if i % 2 else 'bad'} film, number {i} {own[i]}" for i in range(60)]
        rows = (json.dumps({"text": text, "label": (i + (i % 5 == 0)) % 2}) + "\n" for i, text in enumerate(texts))
        Path("reviews.jsonl").write_text("".join(rows))
        data = "data: {source: reviews.jsonl, validation: 0.5}\ntrain: {epochs: 2}\n"
        Path("shallow.yaml").write_text(f"{data}model: {{hidden: []}}\n")
        Path("deep.yaml").write_text(f"{data}model: {{hidden: [16, 16, 16], residual: true, batch_norm: true}}\n")
        for name in ("shallow", "deep"):
            runner.train_model(load_config(f"{name}.yaml"), Path(name))
        Path("report.html").write_bytes(report_page(gather(["shallow", "deep"])))
    return (folder / "report.html").as_uri()


DRAWING = "page.numbers.steps[0][0].drawing"  # of the first run and review
DRAWN = "document.body.dataset.drawn"


def test_the_report_is_drawn_and_no_markup_in_reviews_is_executed(page: Page, report: str):
    page.open(report)
    charts = int(page.wait(DRAWN))
    assert charts >= 9
    assert page.js("document.querySelectorAll('figure svg.picture').length") == charts
    assert page.js(
        "[...document.querySelectorAll('blockquote, .stepper .words')].every(e => !e.querySelector('script'))"
    )
    assert "<script>" in page.text("blockquote")
    assert page.driver.title == "Report: shallow, deep"
    the_kept_epoch_and_the_saved_model_have_legend_entries(page)
    the_charts_change_their_colours_with_the_scheme(page)
    assert page.complaints() == []


def test_it_fits_a_phone_in_light_and_dark(page: Page, report: str):
    page.open(report, 360, "dark")
    page.wait(DRAWN)
    body = "getComputedStyle(document.body)"
    tick = "getComputedStyle(document.querySelector('#loss .x-tick')).fill"
    for scheme in "dark", "light":
        page.prefer(scheme)
        page.wait(f"{tick} === {body}.color")
        ink, paper = (sum(_channels(page.js(f"{body}.{name}"))) for name in ("color", "backgroundColor"))
        assert (ink > paper) == (scheme == "dark")
        assert page.js(WIDER) <= 0
    assert page.js("document.getElementById('step-review').parentElement.clientHeight") < 60, "its name is in one line"
    picture = page.find(".network").rect
    assert page.js("document.querySelector('.stepper .scroll').clientWidth") <= 360
    assert picture["height"] > 200
    assert page.complaints() == []


def _channels(colour: str) -> list[int]:
    return [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]


def the_kept_epoch_and_the_saved_model_have_legend_entries(page: Page):
    legend = page.js("[...document.querySelectorAll('#loss .legend button')].map(e => e.textContent)")
    assert len([name for name in legend if name.endswith(", kept")]) == 2
    table = page.js(
        "[...[...document.querySelectorAll('.scores tr')].find(e => e.cells[0].textContent.startsWith('log loss'))"
        ".cells].slice(1).map(e => Number(e.textContent))"
    )
    charts = "page.numbers.charts"
    marks = page.js(f"{charts}.find(e => e.id === 'loss').series.filter(e => ['ring', 'diamond'].includes(e.symbol))")
    last = {mark["name"].partition(":")[0]: mark["y"][0] for mark in marks}  # after calibration, if that changed it
    assert list(last.values()) == pytest.approx(table, abs=1e-4)


def the_charts_change_their_colours_with_the_scheme(page: Page):
    fill = "getComputedStyle(document.querySelector('#loss .x-tick')).fill"
    light = page.js(fill)
    page.prefer("dark")
    page.wait(f"{fill} !== {json.dumps(light)}")
    page.prefer("light")


def test_the_stepper_by_clicks(page: Page, report: str):
    page.open(report)
    page.wait(DRAWN)
    back, forth = page.driver.find_elements("css selector", ".stepper .controls button")
    assert not back.is_enabled()
    titles = []
    while True:
        titles.append(page.text(".stage-title").partition(": ")[2])
        assert page.text(".stepper .words")
        if not forth.is_enabled():
            break
        forth.click()
    assert titles[0] == "The words"
    assert titles[1:4] == ["embedding: EmbeddingBag", "output: Linear", "The prediction and the loss"]
    assert titles[4:] == [
        *("Backward: the logit", "Backward: output: Linear", "Backward: embedding: EmbeddingBag"),
        *("The update", "After the update"),
    ]
    z = page.js(f"{DRAWING}.columns.find(column => column.symbol === 'z')")
    boxes = page.js("[...document.querySelectorAll('.network .box title')].map(e => e.textContent)")
    (shown,) = (float(text.rpartition("= ")[2]) for text in boxes if text.startswith("z"))
    assert shown == pytest.approx(z["after"][0], abs=1e-4) != pytest.approx(z["values"][0], abs=1e-4)
    back.click()
    assert page.text(".stage-title").endswith("The update")
    assert page.complaints() == []


def test_the_stepper_shows_gradients_by_width_and_colour_with_the_models_numbers(page: Page, report: str):
    page.open(report)
    page.wait(DRAWN)
    stages = page.js(f"{DRAWING}.stages.map(stage => stage.kind)")
    slider = page.find(".stepper input[type=range]")
    page.js("document.querySelector('.stepper input[type=range]').focus()")
    for _ in range(stages.index("gradient")):
        slider.send_keys("\ue014")  # the right arrow
    assert page.text(".stage-title").endswith("Backward: output: Linear")
    columns, edges = page.js(f"{DRAWING}.columns"), page.js(f"{DRAWING}.edges")
    (edge,) = (each for each in edges if each.get("symbol") == "W")
    dz = columns[edge["to"]]["gradients"]
    gradient = [value * each for value in columns[edge["from"]]["values"] for each in dz]
    largest = max(map(abs, gradient))
    drawn = [value for value in gradient if abs(value) > largest / 200]
    lines = page.js(
        "[...document.querySelectorAll('.network line:not(.plain):not(.faint-line)')]"
        ".map(line => [Number(line.getAttribute('stroke-width')), line.classList.contains('negative')])"
    )
    assert len(lines) == len(drawn)
    for (width, negative), value in zip(lines, drawn, strict=True):
        assert width == pytest.approx(0.25 + 4.75 * abs(value) / largest, abs=0.01)
        assert negative == (value < 0)
    positive = page.js(f"{DRAWING}.before.positive")
    assert f"{positive:.4f}"[:6] in page.js("document.querySelector('.network').textContent")


def test_the_stepper_by_keyboard_alone(page: Page, report: str):
    page.open(report)
    page.wait(DRAWN)
    page.js("document.getElementById('step-run').focus()")
    page.press("d")  # deep, the other run
    page.wait("document.querySelector('.stage-title').textContent.startsWith('1 of 36')")  # a stage for each layer
    page.press("\ue004")  # tab: which review
    page.press("\ue004", "\ue004")  # tab: the slider, as Back is of no use yet, and Next
    assert page.js("document.activeElement.textContent") == "Next"
    page.press("\ue007")  # enter
    assert page.text(".stage-title").startswith("2 of ")
    page.press("\ue004")
    assert page.js("document.activeElement.classList.contains('network')")
    page.press("n", "n")
    assert page.text(".stage-title").startswith("4 of ")
    page.press("b")
    assert page.text(".stage-title").startswith("3 of ")
    page.press("\ue014")  # right: choose a unit
    page.wait("document.querySelectorAll('.unit table tr').length > 1")
    chosen = page.text(".unit")
    page.press("\ue015")  # the one below it
    page.wait(f"document.querySelector('.unit').innerText !== {json.dumps(chosen)}")
    page.press("\ue00c")  # escape
    page.wait("document.querySelector('.unit').childNodes.length === 0")
    assert page.complaints() == []


def test_keys_break_at_dots_and_points_say_what_their_numbers_are(page: Page, report: str):
    page.open(report, 360)
    page.wait(DRAWN)
    page.js("void (document.querySelectorAll('details').forEach((each) => (each.open = true)))")
    broken = """[...document.querySelectorAll('th.key')].filter((cell) => [...cell.childNodes].some((node) => {
      const range = document.createRange();
      range.selectNodeContents(node);
      return node.nodeType === 3 && range.getClientRects().length > 1;
    })).map((cell) => cell.textContent)"""
    assert page.js("document.querySelectorAll('th.key').length") > 50
    assert page.js(broken) == []
    page.js("document.querySelector('#loss svg.picture').focus()")
    page.press("\ue014")  # right: the first point
    assert re.fullmatch(r"shallow: training\nstep 1\nloss 0\.\d+", page.text("#loss .tip"))
    named = page.text(".stepper .names")
    assert (
        "x the sum, divided by their number + 10, of the rows of the words (embedding: EmbeddingBag), z the logit"
        in named
    )
    assert page.js(WIDER) <= 0


def test_the_report_has_enough_contrast_and_its_charts_have_tables(page: Page, report: str):
    page.open(report, scheme="dark")
    page.wait(DRAWN)
    page.js("void document.querySelectorAll('mark:not(.unknown)').forEach(e => e.style.setProperty('--share', '70%'))")
    for scheme in "dark", "light":
        page.prefer(scheme)
        ratios = page.js(CONTRASTS)
        assert len(ratios) > 100
        assert min(ratio for ratio, _ in ratios) >= 4.5, (scheme, min(ratios))
    figures = page.js("document.querySelectorAll('figure [role=application]').length")
    assert page.js("document.querySelectorAll('figure details.numbers').length") == figures > 8
    described = "[...document.querySelectorAll('figure [aria-describedby]')]"
    assert page.js(f"{described}.every(e => document.getElementById(e.getAttribute('aria-describedby')).textContent)")
    page.find("details.numbers[data-chart=loss] summary").send_keys("\ue007")
    page.wait("document.querySelector('details.numbers[data-chart=loss] table')")
    loss = "page.numbers.charts.find(e => e.id === 'loss')"
    points = page.js(f"{loss}.series.reduce((n, each) => n + each.x.length, 0)")
    assert page.js("document.querySelectorAll('details.numbers[data-chart=loss] tr').length") == points + 1
    assert page.js(UNNAMED) == []
    assert page.js("document.querySelectorAll('main').length") == 1


def test_the_focus_stays_with_the_stepper_at_its_ends_and_its_ring_is_whole(page: Page, report: str):
    page.open(report)
    page.wait(DRAWN)
    page.js("document.querySelectorAll('.stepper .controls button')[1].focus()")
    last = page.js("Number(document.querySelector('.stepper input').max)")
    page.press(*["\ue007"] * last)
    assert page.js(FOCUS) == "Back"
    page.press(*["\ue007"] * last)
    assert page.text(".stage-title").startswith("1 of ")
    assert page.js(FOCUS) == "Next"
    page.press("\ue004")
    assert page.js(RING) == ["none", "solid"]


def test_a_word_is_found_on_the_map_by_keyboard(page: Page, report: str):
    page.open(report)
    page.wait(DRAWN)
    field = page.find("#map0 .find input")
    field.send_keys("good")
    page.wait("/good weight [+-]/.test(document.querySelector('#map0 .chosen').textContent)")
    field.send_keys("ness")
    page.wait("document.querySelector('#map0 .find output').textContent === 'not on the map'")
    assert page.complaints() == []


def test_a_wide_confusion_fits_a_desktop_and_paper(page: Page, tmp_path: Path):
    names = [f"topic number {k} with a long name" for k in range(18)]
    heads = "".join(f'<th scope="col">{name}</th>' for name in ["right label", *names])
    rows = "".join(f'<tr><th scope="row">{name}</th>{"<td>12</td>" * 18}</tr>' for name in names)
    table = f'<div class="scroll"><table class="confusion many"><tr>{heads}</tr>{rows}</table></div>'
    path = tmp_path / "wide.html"
    path.write_text(f'<style>{read_template("style.css")}</style><body class="report">{table}')
    page.open(path.as_uri(), 1240)
    overflow = "(() => { const e = document.querySelector('.scroll'); return e.scrollWidth - e.clientWidth; })()"
    assert page.js(overflow) <= 0
    page.open(path.as_uri(), 720)
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert page.js(WIDER) <= 0, "or the browser shrinks all pages of the print"
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


# --- more than two labels, whose names contain markup

NAMES = [f"bad {EVIL}", "so so", 'good "best"']


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a report and the run directory of a model with labels in order, and with labels without an order."""
    folder = tmp_path_factory.mktemp("several")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SENTIBP_CACHE", str(folder / "cache"))
        words = ["awful", "film", "superb"]
        rows = [{"text": f"{words[i % 3]} {words[(i + i % 7 // 6) % 3]} {i}", "label": i % 3} for i in range(90)]
        Path("reviews.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        labels = {name: [i] for i, name in enumerate(NAMES)}
        for kind, ordered in ("scale", "true"), ("softmax", "false"):
            data = f"{{source: reviews.jsonl, validation: 0.5, labels: {json.dumps(labels)}, ordered: {ordered}}}"
            Path(f"{kind}.yaml").write_text(f"data: {data}\ntrain: {{epochs: 2}}\nmodel: {{hidden: [4]}}\n")
            runner.train_model(load_config(f"{kind}.yaml"), Path(kind))
            Path(f"{kind}.html").write_bytes(report_page(gather([kind])))
            found |= {kind: folder / kind, f"{kind} report": folder / f"{kind}.html"}
    return found


@pytest.mark.parametrize("kind", ["scale", "softmax"])
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (360, "dark")])
def test_a_report_on_several_labels(page: Page, several: dict[str, Path], kind: str, width: int, scheme: str):
    page.open(several[f"{kind} report"].as_uri(), width, scheme)
    page.wait(DRAWN)
    cells = "[...document.querySelectorAll('.confusion tr:first-child th')].map(e => e.textContent)"
    assert page.js(cells)[1:] == NAMES
    assert page.js("document.getElementById('roc')") is None
    title = "Places" if kind == "scale" else "Probabilities"
    assert page.js(f"[...document.querySelectorAll('h3')].some(e => e.textContent === '{title}: {kind}')")
    assert page.driver.title == f"Report: {kind}"
    page.js("document.querySelector('.network').focus()")
    page.press(*["n"] * page.js("Number(document.querySelector('.stepper input').max)"))
    assert page.js("document.querySelectorAll('.stepper .controls button')[1].disabled")
    after = page.js(f"{DRAWING}.after.positive")
    boxes = "[...document.querySelectorAll('.network .box title')].map(e => e.textContent)"
    shown = [text for text in page.js(boxes) if text.startswith("p(")]
    assert [text.rpartition(" = ")[0] for text in shown] == [f"p({name})" for name in NAMES]
    for text, value in zip(shown, after, strict=True):
        assert float(text.rpartition(" = ")[2]) == pytest.approx(value, abs=1e-4)
    assert page.js(WIDER) <= 0
    assert page.complaints() == []


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of the page of a sweep. A choice is markup."""
    dimensions = (
        Dimension(("train", "optimizer", "learning_rate"), (), 0.01, 1.0, None, log=True),
        Dimension(("train", "loss"), ("cross_entropy", EVIL)),
        *(Dimension(("train", f"setting{i}"), (), 0, 9, None, whole=True) for i in range(8)),
    )
    trials = []
    for i in range(12):
        values = [0.01 * 1.4**i, ("cross_entropy", EVIL)[i % 2], *((i + each) % 10 for each in range(8))]
        record = TrialRecord(i, "finished", 0.5 + i / 50, scores={"accuracy": 0.5}, seconds=1 + i, model_bytes=1000 * i)
        settings = {each.key: value for each, value in zip(dimensions, values, strict=True)}
        trials.append((record, settings))
    plan = Plan("mine", {}, Space(dimensions, Path("s.yaml")), "tpe", 0, 0, "accuracy", True, 12)
    importances = {each.key: 0.1 for each in dimensions}
    found = FoundSweep(Path("sweep"), plan, trials, [], trials[-1][0], importances)
    file = tmp_path_factory.mktemp("sweep") / "sweep.html"
    file.write_bytes(sweep_page(found))
    return file.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_a_sweep_is_drawn_and_fits_a_phone(page: Page, sweep: str, scheme: str):
    page.open(sweep, 360, scheme)
    assert page.wait(DRAWN) == "4"
    assert page.js("document.querySelectorAll('figure svg.picture').length") == 4
    assert page.js("document.querySelectorAll('#parallel g.line').length") == 12
    assert page.js(WIDER) <= 0
    assert page.driver.title == "Sweep: sweep", "no markup is obeyed"
    assert page.js("document.querySelector('#parallel').clientWidth") > 360, "it scrolls within its frame"
    assert page.js("document.querySelectorAll('details.numbers').length") == 3
    link = "document.querySelector('figure:has(#parallel) > p > a').getAttribute('href')"
    assert page.js(f"document.querySelector({link}).textContent") == "All trials", "which has the values of the lines"
    assert page.complaints() == []


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Any]]:
    """Return the addresses of exported pages for models with two, three and five labels, and the models."""
    folder = tmp_path_factory.mktemp("exported")
    found = {}
    for name in ("shifters", "sure", "topics", "stars"):
        classifier = exports.random_model("shifters" if name == "sure" else name)
        if name == "sure":
            classifier.network.params["output.bias"][...] = 11
        content = export_model(classifier, "html", Decision(classifier.spec.label_set)).content
        (folder / f"{name}.html").write_bytes(content)
        found[name] = (folder / f"{name}.html").as_uri(), classifier
    broken = content.decode()
    place = broken.index("const DATA = `") + 4000
    (folder / "broken.html").write_text(broken[:place] + broken[place + 4 :])
    found["broken"] = (folder / "broken.html").as_uri(), None
    return found


READY = "document.body.dataset.ready"


def type_text(page: Page, text: str) -> None:
    box = page.find("#text")
    box.clear()
    box.send_keys(text)


@pytest.mark.parametrize("name", ["shifters", "sure", "stars"])
def test_an_exported_page_answers_as_the_model_does(page: Page, exported, name: str):
    url, classifier = exported[name]
    page.open(url)
    page.wait(READY)
    for text in ("not a good film, but lovely music", f"{EVIL} good", "xyzzy"):
        type_text(page, text)
        (answer,) = classifier.answers(strings([text]))
        page.wait(f"document.getElementById('marked').textContent === {json.dumps(text)}")
        label = f"“{answer['label']}”" if answer["label"].isdigit() else answer["label"]
        assert page.text("#prediction") == f"{label} {probability(answer['score'])}"
        assert name != "sure" or answer["score"] > 0.99995, "with 4 decimals it would be 1.0000"
        assert page.js("document.querySelectorAll('#network .box').length") > 2
    assert page.driver.title == "What does the model say?"
    assert page.complaints() == []


def test_an_exported_page_is_written_from_right_to_left_where_the_text_is(page: Page, exported):
    page.open(exported["shifters"][0])
    page.wait(READY)
    for text, direction in ("סרט good", "rtl"), ("a סרט", "ltr"):
        type_text(page, text)
        page.wait(f"document.getElementById('marked').textContent === {json.dumps(text)}")
        assert page.js("getComputedStyle(document.getElementById('text')).direction") == direction


def test_classes_of_an_exported_page_may_be_called_as_sums_are(page: Page, tmp_path: Path):
    """A class `neutrality` without an order had the colours of the middle of a scale."""
    classifier = exports.random_model("topics")
    names = ("neutrality", "polarity", *classifier.spec.labels[2:])
    classifier = replace(classifier, spec=replace(classifier.spec, labels=names))
    content = export_model(classifier, "html", Decision(classifier.spec.label_set)).content
    (tmp_path / "names.html").write_bytes(content)
    page.open((tmp_path / "names.html").as_uri())
    page.wait(READY)
    label = page.text("#prediction").rpartition(" ")[0]
    assert page.text("#contributions h3") == f"{label} against the rest: green is evidence for it"
    assert page.js("document.querySelectorAll('#marked .neutral, #contributions .neutral, .opinion').length") == 0
    assert f"speaks for {label}, red and dashed for the rest" in page.text("#legend")


def test_the_drawing_of_an_exported_page_follows_the_keys(page: Page, exported):
    from selenium.webdriver.common.keys import Keys

    page.open(exported["shifters"][0])
    page.wait(READY)
    page.find("#text").click()
    page.press(Keys.TAB, Keys.TAB)  # past the summary
    assert page.js("document.activeElement.id") == "network"
    page.press(Keys.ARROW_RIGHT)
    assert "its contribution" in page.text("#unit")
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    assert page.text("#unit b") == "hidden.0[2]"
    rows = page.js("[...document.querySelectorAll('#unit tr')].map((row) => Number(row.cells[1].textContent))")
    assert sum(rows[:-1]) == pytest.approx(rows[-1], abs=0.002)
    page.press(Keys.ESCAPE)
    assert page.text("#unit") == ""


def test_the_drawing_of_an_exported_page_has_the_names_of_labels_and_shows_where_there_is_more(page: Page, exported):
    url, classifier = exported["topics"]
    page.open(url, 360)
    page.wait(READY)
    last = "[...document.querySelectorAll('#network .box')].slice(-3)"
    names = page.js(f"{last}.map((box) => box.lastChild.textContent)")
    assert [each.rpartition(" ")[0] for each in names] == list(classifier.spec.labels)
    assert page.js(f"{last}.every(({{ children }}) => children[2].getBBox().width <= children[1].getBBox().width)")
    sides = "document.getElementById('network').parentElement.className"
    assert "more-right" in page.js(sides)
    page.js("void (document.getElementById('network').parentElement.scrollLeft = 9999)")
    page.wait(f"!{sides}.includes('more-right') && {sides}.includes('more-left')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["shifters", "stars"])
def test_an_exported_page_fits_a_phone_and_has_enough_contrast(page: Page, exported, name: str, scheme: str):
    page.open(exported[name][0], 360, scheme)
    page.wait(READY)
    assert page.js(WIDER) <= 0
    ratios = page.js(CONTRASTS)
    assert len(ratios) > 20
    assert min(ratio for ratio, _ in ratios) >= 4.5, min(ratios)
    assert page.complaints() == []


def test_a_damaged_page_refuses_to_answer(page: Page, exported):
    page.open(exported["broken"][0])
    page.wait("!document.getElementById('error').hidden")
    assert "does not answer: this model is damaged" in page.text("#error")
    assert not page.find("#result").is_displayed()


@pytest.fixture(scope="module")
def written(several: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the addresses of pages of `explain` and `trace`."""
    folder = tmp_path_factory.mktemp("written")
    binary = exports.random_model("shifters")
    text = f"not a good film, {EVIL} but lovely"
    pages = {
        "explanation": explanation_page(text, explain(binary, text), "x"),
        "trace": worksheet_page(sheet(trace_step(binary, text, "positive"), 4)),
    }
    for kind in ("scale", "softmax"):
        pages[f"explanation, {kind}"] = explanation_page(text, explain(load_model(several[kind]), text), "x")
    for name, content in pages.items():
        (folder / f"{name}.html").write_text(content)
    return {name: (folder / f"{name}.html").as_uri() for name in pages}


@pytest.fixture(scope="module")
def addresses(report: str, several: dict[str, Path], sweep: str, exported, written: dict[str, str]) -> dict[str, str]:
    """Return the addresses of all kinds of pages."""
    reports = {"report": report} | {
        f"report, {kind}": several[f"{kind} report"].as_uri() for kind in ("scale", "softmax")
    }
    exports = {f"export, {name}": exported[name][0] for name in ("shifters", "stars")}
    return reports | {"sweep": sweep} | exports | written


PAGES = (
    *("report", "report, scale", "report, softmax", "sweep", "export, shifters", "export, stars"),
    *("explanation", "explanation, scale", "explanation, softmax", "trace"),
)


@pytest.mark.parametrize("name", PAGES)
def test_pages_can_be_used_by_all(page: Page, addresses: dict[str, str], name: str):
    for width, scheme in (1280, "dark"), (390, "light"):
        page.open(addresses[name], width, scheme)
        if name.startswith("export"):
            page.wait(READY)
        assert page.js("document.querySelectorAll('main').length") == 1
        assert page.js(UNNAMED) == []
        assert page.js(SKIPPED) == []
        assert page.js(SMALL) == []
        assert page.js(WIDER) <= 0
        ratios = page.js(CONTRASTS)
        assert min(ratios)[0] >= 4.5, min(ratios)
        if scheme == "light":  # what axe looks for does not depend on it
            page.js("void [...document.querySelectorAll('details')].slice(0, 3).forEach((each) => (each.open = true))")
            assert violations(page) == []
    assert page.complaints() == []
