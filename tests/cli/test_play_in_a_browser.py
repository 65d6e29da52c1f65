"""The page of `play` in headless Chromium: what a step shows, what it moves, and what hostile use does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import in_thread
import numpy as np
import pytest
import runner
from browser import CONTRASTS, EVIL, FOCUS, SKIPPED, SMALL, UNNAMED, WIDER, Page, needs_browser, violations

from sentibp.config.load import load_config
from sentibp.inspection.pages.play_networks import networks_with
from sentibp.inspection.pages.play_server import Server
from sentibp.inspection.worked_example import article_classifier
from sentibp.model.file import load_model
from sentibp.nn.losses import logits_of, loss_on
from sentibp.nn.optim import SGD

pytestmark = needs_browser

ENTER, TAB, SPACE, ESCAPE, RIGHT, DOWN = "\ue007", "\ue004", " ", "\ue00c", "\ue014", "\ue015"
STEPS = "document.querySelectorAll('#steps li').length"
READY = "document.getElementById('prediction').textContent !== '…' && !document.body.classList.contains('waiting')"
SHOWN = "[...document.querySelectorAll('.of-text')].filter(e => e.checkVisibility()).length"
PARTS = 4  # of the page that show the answer to the text
BOXES = "Object.fromEntries([...document.querySelectorAll('.network .box title')].map(e => e.textContent.split(' = ')))"
LIT = "[...document.querySelectorAll('.network line.positive, .network line.negative')]"


def serving(file: Path, article_first: bool = False) -> AbstractContextManager[Server]:
    """Serve the page for a model, with the article's network and that for XOR."""
    networks = networks_with(str(file), "the model", "A model.", lambda: load_model(file), article_first=article_first)
    return in_thread.serving(Server(networks))


@pytest.fixture
def played(quickstart: Path) -> Iterator[str]:
    with serving(quickstart) as server:
        yield server.url


@pytest.fixture
def article(quickstart: Path) -> Iterator[str]:
    with serving(quickstart, article_first=True) as server:
        yield server.url


def opened(page: Page, url: str, *args, **kwargs) -> None:
    page.open(url, *args, **kwargs)
    page.wait(READY)
    page.wait("document.getElementById('cost').textContent !== 'Reading held-out reviews…'")


def write(page: Page, text: str) -> None:
    field = page.find("#text")
    field.clear()
    field.send_keys(text)
    page.wait(f"document.getElementById('marked').textContent === {json.dumps(text)}")


def learn(page: Page) -> None:
    page.js("document.getElementById('learn').focus()")
    count = page.js(STEPS)
    page.press(ENTER)
    page.wait(f"{STEPS} === {min(count + 1, 20)} && {READY}")


def positive(page: Page) -> float:
    return float(page.text("#logit").partition("probability of positive ")[2].partition(",")[0])


GO_TO = """((title) => { // by the keys of the stepper
  const press = (key) => document.querySelector(".network").dispatchEvent(new KeyboardEvent("keydown", { key }));
  const shown = () => document.querySelector(".stage-title").textContent.split(": ").slice(1).join(": ");
  for (let back = 0; back < 20; back++) press("b");
  for (let stage = 0; stage < 20 && shown() !== title; stage++) press("n");
  return shown();
})(%s)"""


def go_to(page: Page, title: str) -> None:
    """Show the stage with this title."""
    page.js("document.querySelector('.network').focus()")
    assert page.js(GO_TO % json.dumps(title)) == title


# --- the article's network, without any training


def test_the_articles_sentence_is_shown_first_and_learns_as_the_article_says(page: Page, article: str):
    opened(page, article)
    assert page.find("#network").get_property("value") == "article"
    assert page.find("#text").get_property("value") == "I love this movie"
    assert page.find("#labels [value=positive]").is_selected()
    assert page.text("#prediction") == "negative 0.7000"
    assert "the loss is (0.3000\u00a0−\u00a01)²\u00a0=\u00a00.4900" in page.js(
        "document.getElementById('phases').textContent"
    )
    learn(page)
    assert positive(page) == 0.35
    assert page.text("#moved") == "(positive 0.3000 → 0.3500)"
    assert page.js("document.getElementById('was').style.left") == "30%"
    said = page.js("[...document.querySelectorAll('#phases li')].map(e => e.textContent)")
    assert [each[: each.index(" ")] for each in said] == ["ForwardThe", "LossThe", "BackwardFrom", "UpdateEach"]
    assert "from 0.3000 to 0.3500, and the loss falls from 0.4900 to 0.4225" in said[3]
    assert page.js("document.querySelectorAll('#losses g.line [transform]').length") == 2, (
        "before the step and after it"
    )
    assert "1 step moved the loss from 0.2701 to 0.2489" in page.text("#cost")
    assert page.complaints() == []


def test_its_numbers_are_those_of_the_core(page: Page, article: str):
    classifier = article_classifier()
    network, loss = classifier.network, loss_on("squared_error")
    features = classifier.encode(["I love this movie"])[0]
    z = logits_of(network.forward(features, train=True))
    value, dz = loss(z, np.array([1]), None)
    dx = network.layers["embedding"].forward(features)
    network.backward(dz[:, None])
    gradients = {name: np.array(each) for name, each in network.grads.items() if not name.startswith("embedding")}
    before = {name: each.copy() for name, each in network.params.items()}
    SGD().step([(name, each, network.grads[name]) for name, each in network.params.items()], 0.457)
    after = logits_of(network.forward(features))

    opened(page, article)
    learn(page)
    go_to(page, "The prediction and the loss")
    boxes = page.js(BOXES)
    assert float(boxes["z"]) == pytest.approx(z[0], abs=5e-5)
    assert float(boxes["L"]) == pytest.approx(value, abs=5e-5) == 0.49
    assert [float(boxes[f"x[{i}]"]) for i in (1, 2)] == pytest.approx(dx[0], abs=5e-5)
    go_to(page, "Backward: output: Linear")
    assert float(page.js(BOXES)["dz"]) == pytest.approx(dz[0], abs=5e-5)
    widths = page.js(f"{LIT}.map(line => Number(line.getAttribute('stroke-width')))")
    sizes = np.abs(gradients["output.weight"][:, 0])
    assert widths == pytest.approx(0.25 + 4.75 * sizes / sizes.max(), abs=0.01)
    go_to(page, "After the update")
    assert float(page.js(BOXES)["z"]) == pytest.approx(after[0], abs=5e-5)
    page.press(*[RIGHT] * 4)  # x, z1, h1, z
    labels = page.js("[...document.querySelectorAll('.network .weight')].map(e => Number(e.textContent))")
    assert labels == pytest.approx(network.params["output.weight"][:, 0], abs=5e-5)
    assert labels != pytest.approx(before["output.weight"][:, 0], abs=5e-5)


def test_one_thing_is_shown_at_a_time(page: Page, article: str):
    opened(page, article)
    go_to(page, "hidden.0: Linear")
    assert page.js(f"{LIT}.length") == 0, "all lines are thin"
    assert page.js("document.querySelectorAll('.network line.thin').length") == 8 + 4 + 2
    page.press(RIGHT)
    assert page.js(f"{LIT}.length") == 2
    weights = page.js("[...document.querySelectorAll('.network .weight')].map(e => e.textContent)")
    assert weights == ["0.5000", "1.0000"]
    assert "z1[1] = 0.5000" in page.text(".unit")
    page.press(ESCAPE)
    assert page.js(f"{LIT}.length") == 0
    assert page.text(".unit") == ""
    page.driver.find_elements("css selector", ".network .box")[1].click()
    assert page.text(".review .picked") == "love"
    assert page.js("document.querySelectorAll('.links path').length") == 1
    page.driver.find_elements("css selector", ".review [data-rows]")[3].click()  # a word chooses its row
    assert page.js("document.querySelector('.network .box.picked title').textContent") == "movie"
    end = page.js("document.querySelector('.links path.picked').getPointAtLength(1e9).y")
    row = page.js("document.querySelector('.network .box.picked rect').getBoundingClientRect().top")
    top = page.js("document.querySelector('.links').getBoundingClientRect().top")
    assert 0 < end - (row - top) < 25, "the line from the word ends at its row"
    assert page.complaints() == []


def test_formulas_are_typeset_and_have_a_plain_text(page: Page, article: str):
    opened(page, article)
    go_to(page, "hidden.0.activation: Sigmoid")
    assert page.js("document.querySelector('.words .math').getAttribute('aria-label')") == "h1 = 1 / (1 + e^-z1)"
    fraction = page.find(".words mfrac").rect
    assert fraction["height"] > 25, "it is drawn with a bar, not in a line"
    assert page.js("document.querySelectorAll('.words .math').length") == 3


FASTER = "void ((wait) => (window.setTimeout = (then, time) => wait(then, time / 6)))(window.setTimeout)"
PLAYING = "document.querySelector('.stepper').classList.contains('playing')"


def test_learn_plays_the_step_and_the_bar_moves_at_its_end(page: Page, article: str):
    opened(page, article, motion="no-preference")
    page.find("#learn").click()
    page.wait(f"{PLAYING} && {STEPS} === 1")
    assert page.text("#prediction") == "negative 0.7000", "the answer is the one before the update"
    flow = "window.flow = getComputedStyle(document.querySelector('.network .flow')).animationDirection"
    page.wait(f"document.querySelector('.backwards .flow') && ({flow}, document.getElementById('play').click(), true)")
    assert page.js("window.flow") == "reverse"
    assert "the gradient of z is -0.2940" in page.text(".spoken")
    assert not page.js(PLAYING)
    page.js("document.querySelector('.network').focus()")
    stage = page.text(".stage-title")
    page.press("n")
    assert page.text(".stage-title") != stage
    assert page.text("#prediction") == "negative 0.7000", "it is paused before the update"
    page.js(FASTER)
    page.press(SPACE)
    page.wait("document.getElementById('prediction').textContent === 'negative 0.6500'")
    page.wait(f"!{PLAYING}")
    assert page.text(".stage-title") == "13 of 13: After the update"
    bar = (
        "document.getElementById('needle').getBoundingClientRect().width / document.querySelector('.meter').clientWidth"
    )
    page.wait(f"Math.abs({bar} - 0.35) < 0.005")
    page.find("#learn").click()
    page.wait(PLAYING)
    page.find("#undo").click()  # which ends it
    page.wait(f"{STEPS} === 1 && !{PLAYING}")
    assert page.complaints() == []


def test_the_space_bar_pauses_the_step_from_wherever_the_focus_is(page: Page, article: str):
    opened(page, article, motion="no-preference")
    page.js("document.getElementById('learn').focus()")
    page.press(ENTER)
    page.wait("document.getElementById('play').textContent === 'Pause'")
    page.press(SPACE)
    assert page.text("#play") == "Play" and page.js("document.activeElement.id") == "learn"
    assert page.js(STEPS) == 1, "no second step"
    page.press(SPACE)
    assert page.text("#play") == "Pause", "it goes on"
    page.find("#text").send_keys(SPACE)
    assert page.find("#text").get_property("value").endswith("movie "), "in a text field it is a space"
    opened(page, article)
    page.js("document.getElementById('learn').focus()")
    page.press(SPACE)
    page.wait(f"{STEPS} === 2"), "nothing plays: it presses the button"


def test_labels_follow_the_answer_until_somebody_chooses(page: Page, played: str):
    opened(page, played)
    checked = "document.querySelector('[name=label]:checked').value"
    assert (page.find("#text").get_property("value"), page.js(checked)) == ("I love this movie", "positive")
    for text in "worst, bad, dull", "great, superb, best":
        write(page, text)
        page.wait(f"{READY} && {checked} === document.getElementById('prediction').textContent.split(' ')[0]")
    page.js("document.querySelector('[name=label]:not(:checked)').click()")
    mine = page.js(checked)
    write(page, "great, superb, best film")
    assert page.js(checked) == mine
    page.js("document.getElementById('learning-rate').value = 1")
    learn(page)
    assert "These steps do harm" in page.text("#cost") and "smaller learning rate" in page.text("#cost")
    write(page, "great fun")
    assert page.js(checked) == page.text("#prediction").split(" ")[0], "the label was that of another text"
    page.js(
        "(o => { o.value = 'adam'; o.dispatchEvent(new Event('change', {bubbles: true})); })"
        "(document.getElementById('optimizer'))"
    )
    page.wait(f"{READY} && document.getElementById('learning-rate').value < 0.5")
    page.js("(document.getElementById('learning-rate').value = 1e300, document.getElementById('learn').click())")
    page.wait("!document.getElementById('error').hidden")
    assert page.js("document.getElementById('error').previousElementSibling.id") == "teach", "beside the button"
    assert all("422" in complaint for complaint in page.complaints())


def test_the_mark_of_the_answer_before_is_there_also_if_that_was_nearly_certain(page: Page, played: str):
    opened(page, played)
    rate = page.find("#learning-rate")
    rate.clear()
    rate.send_keys("0.3", TAB)
    for _ in range(12):
        learn(page)
        if page.text("#moved").startswith("(positive >0.999999 → "):
            break
    assert page.text("#moved").startswith("(positive >0.999999 → ")
    assert page.js("parseFloat(document.getElementById('was').style.left)") > 99.99


def test_without_motion_the_phases_are_shown_at_once(page: Page, article: str):
    opened(page, article)
    sentences = "[...document.querySelectorAll('#phases li span')].filter(e => e.checkVisibility()).length"
    assert page.js(sentences) == 4
    learn(page)
    assert page.text(".stage-title") == "13 of 13: After the update"
    assert not page.js(PLAYING)
    page.driver.find_elements("css selector", "#phases li button")[2].send_keys(ENTER)
    assert page.text(".stage-title") == "7 of 13: Backward: the logit"
    page.prefer("light", "no-preference")
    page.wait(f"{sentences} === 0")


def test_only_a_layer_with_weights_is_said_to_have_gradients_of_weights(page: Page, article: str):
    opened(page, article)
    found = {}
    for stage in range(7, 12):
        page.js(f"void (document.querySelector('.stepper input[type=range]').value = {stage - 1})")
        page.js("document.querySelector('.stepper input[type=range]').dispatchEvent(new Event('input'))")
        wide = page.js("document.querySelectorAll('.network line:is(.positive, .negative)').length > 0")
        found[page.text(".stage-title")] = ["The wide lines are" in page.text("#stepper"), wide]
    assert found == {
        "7 of 13: Backward: the logit": [False, False],
        "8 of 13: Backward: output: Linear": [True, True],
        "9 of 13: Backward: hidden.0.activation: Sigmoid": [False, False],
        "10 of 13: Backward: hidden.0: Linear": [True, True],
        "11 of 13: Backward: embedding: EmbeddingBag": [True, True],
    }


def test_on_paper_each_phase_has_its_name_and_its_sentence(page: Page, article: str):
    opened(page, article, motion="no-preference")
    page.js(f"void (document.getElementById('text').value = {json.dumps('a long review ' * 300)})")
    page.js("document.getElementById('text').dispatchEvent(new Event('input'))")
    page.wait(f"document.getElementById('marked').textContent.length > 4000 && {READY}")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
    shown = "[...document.querySelectorAll('#phases li {}')].filter(e => e.checkVisibility()).map(e => e.textContent)"
    assert page.js(shown.format("button")) == ["Forward", "Loss", "Backward", "Update"]
    assert [sentence[-1] for sentence in page.js(shown.format("span"))] == ["."] * 4
    assert page.js("document.getElementById('marked').scrollHeight <= document.getElementById('marked').clientHeight")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


# --- presets, and the network for XOR


def test_presets_choose_a_text_and_the_network_that_answers(page: Page, played: str):
    opened(page, played)
    assert page.find("#network").get_property("value") == "model"
    for title, text, network in (
        ("not bad", "not bad", "model"),
        ("XOR: not good, not bad", "not bad", "xor"),
        ("The article's sentence", "I love this movie", "article"),
    ):
        button = page.driver.find_element("xpath", f'//button[text()="{title}"]')
        button.send_keys(ENTER)
        page.wait(f"document.getElementById('marked').textContent === '{text}' && {READY}")
        assert page.find("#network").get_property("value") == network
        assert page.text("#about")
        assert page.find("#labels [value=positive]").is_selected()
        assert page.js("document.activeElement.textContent") == title
        assert not page.find("#again").is_displayed(), "nobody taught this network"
        learn(page)
        assert page.find("#again").is_displayed()
    page.find("#undo").click()
    page.wait(f"document.getElementById('prediction').textContent === 'negative 0.7000' && {READY}")
    assert page.complaints() == []


def test_run_learns_xor_with_a_live_curve_and_can_be_stopped(page: Page, played: str):
    opened(page, played)
    page.driver.find_element("xpath", '//button[starts-with(text(), "XOR")]').click()
    page.wait(f"document.getElementById('marked').textContent === 'not bad' && {READY}")
    assert positive(page) < 0.5
    assert "No reviews are held out" in page.text("#cost")
    page.find("#rounds").clear()
    page.find("#rounds").send_keys("1000")
    page.find("#run-button").click()
    marks = "document.querySelectorAll('#losses g.line [transform]')"
    page.wait(f"{marks}.length > 20")
    assert page.text("#run-button") == "Stop"
    page.wait("parseFloat(document.getElementById('needle').style.width) > 60")
    page.find("#run-button").click()
    page.wait(f"document.getElementById('run-button').textContent === 'Run' && {READY}")
    assert page.text("#prediction").startswith("positive")
    heights = page.js(f"[...{marks}].map(e => Number(e.getAttribute('transform').match(/[0-9.]+/g)[1]))")
    assert heights[-1] > heights[0], "the loss has fallen"
    page.find("#losses summary").send_keys(ENTER)
    page.wait("document.querySelectorAll('#losses tr').length > 40")
    assert page.js(UNNAMED) == []
    about = page.text("#about-losses")
    assert "before the step of Run on it" in about and "Where a line falls" not in about, "there is no such line"
    assert "it has learned nothing yet" not in page.text("#about"), "which is true no longer"
    assert "steps" in page.text("#run-status")
    page.find("#reset").click()
    page.wait(f"document.getElementById('run-status').textContent === '' && {READY}")
    assert not page.find("#losses").is_displayed(), "what is left is one point, which is no curve"
    assert page.complaints() == []


def test_a_step_costs_something_on_held_out_reviews(page: Page, played: str):
    opened(page, played)
    assert page.text("#cost").startswith("On held-out reviews (the model's 32 validation reviews) the loss is ")
    page.find("#learning-rate").clear()
    page.find("#learning-rate").send_keys("3", TAB)
    learn(page)
    said = page.text("#cost")
    assert "1 step moved the loss from" in said
    loss = [float(word.rstrip(",")) for word in said.split() if word[:1].isdigit() and "." in word][:2]
    assert loss[0] != loss[1]
    assert page.js("document.querySelectorAll('#held-out g.line [transform]').length") == 2


# --- files


def saved(folder: Path, suffix: str) -> Path:
    for _ in range(200):
        found = [path for path in folder.iterdir() if path.suffix == suffix]
        if found:
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"no {suffix} was saved: {list(folder.iterdir())}")


def test_what_was_taught_is_saved_and_loaded_again(page: Page, article: str, quickstart: Path, downloads: Path):
    opened(page, article)
    page.find("#save-network").click()
    page.wait("document.getElementById('saved').textContent.includes('press Learn first')")
    learn(page)
    learn(page)
    page.find("#save-network").click()
    network = saved(downloads, ".safetensors")
    assert network.name == "taught-by-hand-article-2-steps.safetensors"
    page.find("#save-session").click()
    session = saved(downloads, ".json")
    taught = positive(page)
    assert load_model(network).answers(["I love this movie"])[0]["positive"] == pytest.approx(taught, abs=1e-4)

    page.find("#undo").click()
    page.wait(f"{STEPS} === 1 && {READY}")
    page.find("#session-file").send_keys(str(session))
    page.wait("document.getElementById('replace').open")
    assert "1 step" in page.text("#replace")
    assert page.js("document.activeElement.textContent") == "Keep my steps"
    page.press(ENTER)
    page.wait("!document.getElementById('replace').open")
    assert page.js(STEPS) == 1, "nothing is replaced unasked"
    assert page.js(FOCUS) == "load-session"
    page.find("#session-file").send_keys(str(session))
    page.wait("document.getElementById('replace').open")
    page.press(TAB, ENTER)
    page.wait(f"{STEPS} === 2 && {READY}")
    assert positive(page) == taught

    (downloads / "other.json").write_text(session.read_text().replace('"fingerprint": "', '"fingerprint": "x'))
    (downloads / "none.json").write_text("<script>")
    for name, says in ("other.json", "to another network, article"), ("none.json", "is no session"):
        page.find("#session-file").send_keys(str(downloads / name))
        page.wait(f"document.getElementById('saved').textContent.includes('{says}')")
        assert page.js(STEPS) == 2
    assert [line for line in page.complaints() if not any(code in line for code in ("409", "422"))] == []


# --- one model


def test_play(page: Page, played: str):
    opened(page, played, 360, "dark")
    write(page, f"{EVIL} a superb zorblax")
    assert page.driver.title == "sentibp play"
    assert page.js("document.getElementById('marked').querySelectorAll('mark').length") > 5
    assert "zorblax" in page.text("#logit")
    before = positive(page)
    assert page.js(WIDER) <= 0

    page.find("#teach [value=negative]").send_keys(" ", ENTER)  # choose the label, and Enter sends the form
    page.wait(f"{STEPS} === 1 && {READY}")
    after = positive(page)
    assert after < before
    assert f"positive {before:.4f} → {after:.4f}" in page.text("#steps")
    assert page.text(".stage-title").endswith("After the update")
    assert page.js("document.querySelectorAll('.network line').length") > 10
    assert page.js("document.querySelector('.network').getBoundingClientRect().right") <= 360, "it is not cut"
    assert page.text(".ends").split() == ["positive", "negative"]
    assert page.js("getComputedStyle(document.getElementById('answer')).position") == "sticky"
    assert page.js(UNNAMED) == []

    page.find("#undo").send_keys(" ")
    page.wait(f"{STEPS} === 0 && {READY}")
    assert positive(page) == before
    page.find("#learning-rate").clear()
    page.find("#learning-rate").send_keys("1e300")
    page.find("#learn").click()
    page.wait("!document.getElementById('error').hidden")
    assert "diverged" in page.text("#error")
    page.find("#learning-rate").clear()
    page.find("#text").send_keys("!")
    page.wait("document.getElementById('which').textContent.includes('give a number above 0')")
    page.wait(READY)
    assert page.js(SHOWN) == PARTS, "the prediction does not depend on the learning rate"
    assert [line for line in page.complaints() if "422" not in line] == []  # the browser reports the refused request


def test_the_focus_stays_with_the_buttons_of_play(page: Page, played: str):
    opened(page, played)
    for last in "undo", "reset":
        learn(page)
        learn(page)
        page.js(f"document.getElementById('{last}').focus()")
        page.press(ENTER)
        if last == "undo":
            page.wait(f"{STEPS} === 1")
            assert page.js(FOCUS) == "undo"
            page.press(ENTER)
        page.wait(f"{STEPS} === 0")
        assert page.js(FOCUS) == "learn"


SLOW = """void (window.ask = window.fetch, window.gate = new Promise((open) => (window.open_gate = open)),
window.fetch = (...call) => window.gate.then(() => window.ask(...call)))"""


def test_play_shows_no_answer_to_another_text_as_the_current_one(page: Page, played: str):
    opened(page, played)
    page.js(SLOW)
    page.find("#text").send_keys(" a lot")
    assert page.js("document.body.classList.contains('waiting')")
    page.wait("document.getElementById('status').textContent !== ''")
    assert page.text("#prediction") == "…"
    page.wait("[...document.querySelectorAll('.of-text')].every(e => getComputedStyle(e).opacity < 0.5)")
    page.js("window.open_gate()")
    page.wait("!document.body.classList.contains('waiting')")
    assert page.text("#status") == ""
    assert page.text("#marked") == "I love this movie a lot"
    assert page.js(SHOWN) == PARTS

    page.find("#learning-rate").clear()
    page.find("#learning-rate").send_keys(f"1e300{ENTER}")
    page.wait("!document.getElementById('error').hidden")
    assert page.js(SHOWN) == PARTS, "the model and the text are as before, so the answer holds"

    page.js("void (document.getElementById('text').value = 'a'.repeat(1000000))")
    page.find("#text").send_keys("!")
    page.wait("document.getElementById('error').textContent.includes('too long')")
    page.wait("!document.body.classList.contains('waiting')")
    assert page.js(SHOWN) == 0
    assert page.text("#prediction") == ""
    page.js("void (document.getElementById('text').value = '')")
    write(page, "good")
    assert page.js("document.getElementById('error').hidden")
    assert page.js(SHOWN) == PARTS
    assert [line for line in page.complaints() if "422" not in line] == []


def test_a_late_answer_to_another_text_does_not_take_the_place_of_an_error(page: Page, article: str):
    opened(page, article)
    learn(page)
    page.js(SLOW)
    page.find("#reset").click()
    page.js("void (document.getElementById('text').value = 'a'.repeat(100000))")
    page.find("#text").send_keys("!")  # which is refused at once, before the answer to Reset
    page.wait("document.getElementById('error').textContent.includes('too long')")
    page.js("window.open_gate()")
    page.wait(f"{STEPS} === 0 && !document.body.classList.contains('waiting')")
    page.wait("!document.getElementById('error').hidden")
    assert "too long" in page.text("#error") and page.js(SHOWN) == 0
    assert page.complaints() == []


def test_nothing_is_taught_before_the_network_has_answered(page: Page, played: str):
    opened(page, played)
    page.js(SLOW)
    page.driver.find_element("xpath", '//button[starts-with(text(), "XOR")]').click()
    assert not page.find("#learn").is_enabled() and not page.find("#run-button").is_enabled()
    page.js("document.querySelector('#labels input').focus()")
    page.press(ENTER)  # which would send the form
    page.js("window.open_gate()")
    page.wait(f"document.getElementById('marked').textContent === 'not bad' && {READY}")
    assert page.find("#learn").is_enabled() and page.find("#run-button").is_enabled()
    assert page.js("document.getElementById('error').hidden") and page.js(STEPS) == 0
    assert page.complaints() == []


# --- hostile use


def test_texts_of_all_scripts_and_markup_are_shown_as_they_are(page: Page, played: str):
    opened(page, played)
    for text in (
        "映画 👍🏽 good 👨‍👩‍👧 film",
        'הסרט good <img src=x onerror="document.title=1">',
        "İ ﬁlm & &lt;b&gt; </script>",
        " ",
        "",
    ):
        page.js(f"void (document.getElementById('text').value = {json.dumps(text)})")
        page.js("document.getElementById('text').dispatchEvent(new Event('input'))")
        page.wait(f"document.getElementById('marked').textContent === {json.dumps(text)} && {READY}")
        review = page.js("document.querySelector('.review').textContent")
        assert review.split() == text.split()
    assert page.driver.title == "sentibp play"
    assert page.js("document.querySelectorAll('img, b.evil').length") == 0
    assert page.complaints() == []


def test_one_of_a_thing_is_one(page: Page, article: str):
    opened(page, article)
    counts = "[0, 1, 2, 1234].map((n) => page.counted(n, 'other'))"
    assert page.js(counts) == ["0 others", "1 other", "2 others", "1,234 others"]
    learn(page)
    page.wait("document.getElementById('cost').textContent.includes('1 step moved')")
    assert page.js("document.getElementById('run-reviews').options[1].textContent") == "what you taught (1 review)"


def test_labels_with_wide_names_have_a_row_each(page: Page, article: str):
    opened(page, article, 360)
    page.js("void (document.getElementById('distribution').hidden = false)")
    rows = "[...document.querySelectorAll('#distribution > div')].filter((e) => e.checkVisibility())"
    draw = "void page.distribution(document.getElementById('distribution'), {}, {}, '')"
    page.js(draw.format(["1", "2", "3"], [0.2, 0.5, 0.3]))
    assert page.js(f"{rows}.map((e) => e.textContent)") == ["1", "2", "3"], "columns"
    names = [f"a topic with a long name, {k}" for k in range(7)]
    page.js(draw.format(names, [0.02, 0.5, 0.03, 0.2, 0.1, 0.1, 0.05]))
    expected = [(1, 0.5), (3, 0.2), (4, 0.1), (5, 0.1), (6, 0.05)]  # the most probable, in the order of the labels
    assert page.js(f"{rows}.map((e) => e.textContent)") == [f"{names[k]} {p:.4f}" for k, p in expected]
    assert page.js("document.getElementById('distribution').dataset.others") == "2 others, together 0.0500"
    assert page.js(f"{rows}.filter((e) => e.lastChild.scrollWidth > e.clientWidth)") == [], "no name is cut"


def test_the_text_is_written_from_right_to_left_where_its_letters_are(page: Page, article: str):
    opened(page, article)
    side = "getComputedStyle(document.getElementById('text')).direction"
    for text, wanted in (
        ("סרט good", "rtl"),
        ("a סרט", "ltr"),
        ("(1) 👍 فيلم", "rtl"),
        ("", "ltr"),
        ("𞤀𞤁", "rtl"),
        ("映画", "ltr"),
    ):
        page.js(f"void (document.getElementById('text').value = {json.dumps(text)})")
        page.js("document.getElementById('text').dispatchEvent(new Event('input'))")
        assert page.js(side) == wanted, text
    page.wait(f"document.getElementById('marked').textContent === '映画' && {READY}")
    assert page.complaints() == []


def test_a_long_unknown_word_does_not_fill_the_page(page: Page, article: str):
    opened(page, article)
    page.js(f"void (document.getElementById('text').value = {json.dumps('love ' + 'x' * 3000 + ' qqqz')})")
    page.js("document.getElementById('text').dispatchEvent(new Event('input'))")
    page.wait(f"document.getElementById('marked').textContent.length > 3000 && {READY}")
    assert page.text("#logit").endswith(f"unknown words: {'x' * 29}… | qqqz")
    assert page.js("document.getElementById('marked').tabIndex") == 0, "it scrolls, also with the keyboard"


def test_two_hundred_quick_clicks_are_two_hundred_steps(page: Page, article: str):
    opened(page, article, motion="no-preference")
    page.js(FASTER)
    page.js("void (() => { for (let i = 0; i < 200; i++) document.getElementById('learn').click(); })()")
    page.wait("document.getElementById('steps').start + document.querySelectorAll('#steps li').length === 201")
    assert page.js(STEPS) == 20
    page.wait("document.getElementById('steps').tabIndex === 0")  # the list scrolls, also with the keyboard
    page.wait("document.getElementById('prediction').textContent.startsWith('positive')")
    page.find("#reset").click()
    page.wait(f"{STEPS} === 0 && {READY}")
    assert positive(page) == 0.3
    assert page.complaints() == []


def test_a_second_tab_sees_what_the_first_taught(page: Page, article: str):
    opened(page, article)
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    try:
        opened(page, article)
        learn(page)
    finally:
        page.driver.close()
        page.driver.switch_to.window(first)
    page.js("window.dispatchEvent(new Event('focus'))")
    page.wait(f"{STEPS} === 1 && {READY}")
    assert positive(page) == 0.35
    assert "Another page taught this network" in page.text("#note")
    assert page.complaints() == []


def test_going_back_to_the_page_begins_it_anew(page: Page, played: str):
    """A browser restores what was chosen in a form after the scripts have begun: the answer was of another network."""
    opened(page, played)
    page.find("#network option[value=article]").click()
    page.wait(f"{READY} && document.getElementById('rounds').value === '40'")
    page.driver.get("about:blank")
    page.driver.back()
    page.wait(f"{READY} && {SHOWN} === {PARTS}")
    assert page.js("document.getElementById('network').value") == "model"
    assert page.text("#about") == "A model."
    assert page.complaints() == []


def test_a_server_that_is_stopped_is_said_and_no_answer_is_shown(page: Page, quickstart: Path):
    with serving(quickstart) as server:
        opened(page, server.url)
        page.find("#run-button").click()
        page.wait(f"{STEPS} > 0")
    page.wait("document.getElementById('error').textContent.includes('start it again')")
    page.wait("document.getElementById('run-button').textContent === 'Run'")
    assert page.js(SHOWN) == 0
    page.find("#text").send_keys("!")
    page.find("#save-session").click()
    page.wait("document.getElementById('saved').textContent.includes('start it again')")
    assert page.js(SHOWN) == 0
    assert [line for line in page.complaints() if "ERR_" not in line] == []


def test_the_focus_is_not_lost_with_what_is_hidden(page: Page, quickstart: Path):
    with serving(quickstart) as server:
        opened(page, server.url)
        learn(page)
        rate = "document.getElementById('learning-rate')"
        change = f"{rate}.dispatchEvent(new Event('change', {{ bubbles: true }}))"
        page.js("document.querySelector('.network').focus()")
        page.js(f"void ({rate}.value = '1e300', {change})")
        page.wait("document.getElementById('which').textContent.includes('diverged')")
        assert page.js(FOCUS) == "text", "there is no drawing of a step that diverges"
        page.js(f"void ({rate}.value = '0.1', {change})")
        page.wait(f"{READY} && document.getElementById('again').checkVisibility()")
        page.js("document.getElementById('again').focus()")
    page.press(ENTER)
    page.wait("document.getElementById('error').textContent.includes('start it again')")
    assert page.js(FOCUS) == "text"
    assert [line for line in page.complaints() if "ERR_" not in line] == []


GUTTERS = """(() => { // where the lines from the text go down, and where the boxes begin
  const left = (name) => document.querySelector(name).getBoundingClientRect().left;
  const down = (path) => Number(/([0-9.]+) [0-9.-]+V/.exec(path.getAttribute("d"))[1]);
  return [...document.querySelectorAll(".links path")].map((each) => [left(".links") + down(each), left(".box rect")]);
})()"""


def test_the_phases_stay_where_they_are_while_the_step_plays(page: Page, article: str):
    opened(page, article, 390, motion="no-preference")
    tops = "[...document.querySelectorAll('#phases button')].map((each) => each.offsetTop + each.offsetLeft)"
    places = []
    for i in range(4):
        page.driver.find_elements("css selector", "#phases li button")[i].click()
        places.append(page.js(tops)[:4])
    assert places == places[:1] * 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_has_contrast_and_names(page: Page, article: str, scheme: str):
    opened(page, article, 390, scheme)
    learn(page)
    for title in ("The update", "Backward: hidden.0: Linear"):
        go_to(page, title)
        page.press(RIGHT)
        assert page.js(WIDER) <= 0
        ratios = page.js(CONTRASTS)
        assert len(ratios) > 60
        assert min(ratio for ratio, _ in ratios) >= 4.5, min(ratios)
        drawn = "document.querySelector('.linked .scroll')"
        left = f"{drawn}.getBoundingClientRect().left"
        lefts = f"[...{drawn}.querySelectorAll('rect')].map(e => e.getBoundingClientRect())"
        first = page.js(f"Math.min(...{lefts}.filter(b => b.right > {left} + 1).map(b => b.left)) - {left}")
        cut = page.js(f"{drawn}.scrollLeft")
        at_end = page.js(f"{drawn}.scrollLeft + {drawn}.clientWidth >= {drawn}.scrollWidth - 2")
        assert first >= 0 or at_end, "no column is cut on the left"
        assert page.js(f"{drawn}.classList.contains('more-left')") == (cut > 2)
        assert all(x < box for x, box in page.js(GUTTERS)), "no line to a word crosses the boxes"
        small = "document.querySelector('.network').getScreenCTM().a < 0.6"
        assert page.js("document.querySelector('.box text').checkVisibility()") != page.js(small), "or can be read"
    assert page.js(UNNAMED) == []
    assert page.js(SMALL) == []
    if scheme == "light":
        page.find("#losses summary").click()
        assert violations(page) == []


# --- more than two labels, whose names contain markup

NAMES = [f"bad {EVIL}", "so so", 'good "best"']


@pytest.mark.parametrize("kind", ["scale", "softmax"])
def test_play_with_several_labels(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str):
    monkeypatch.chdir(tmp_path)
    words = ["awful", "film", "superb"]
    rows = [{"text": f"{words[i % 3]} {words[(i + i % 7 // 6) % 3]} {i}", "label": i % 3} for i in range(90)]
    Path("reviews.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    labels = json.dumps({name: [i] for i, name in enumerate(NAMES)})
    ordered = "true" if kind == "scale" else "false"
    data = f"{{source: reviews.jsonl, validation: 0.5, labels: {labels}, ordered: {ordered}}}"
    Path("mine.yaml").write_text(f"data: {data}\ntrain: {{epochs: 2}}\nmodel: {{hidden: [4]}}\n")
    runner.train_model(load_config("mine.yaml"), Path("run"))
    with serving(Path("run/model.safetensors")) as server:
        opened(page, server.url, 320, "dark")
        write(page, "superb film")
        names = "[...document.querySelectorAll('#distribution > div')].map(e => e.textContent)"
        titles = "[...document.querySelectorAll('#distribution > div')].map(e => e.title)"
        assert [each.rpartition(" ")[0] for each in page.js(titles)] == NAMES
        assert page.js(names) == page.js(titles), "a row for each, as the names are wide"
        assert page.js(SKIPPED) == []
        assert page.js("document.getElementById('scale').hidden") == (kind == "softmax")
        assert ("neutrality" in page.text("#contributions")) == (kind == "scale")
        assert "the reviews that come with the program have other labels" in page.text("#cost"), "it has seen its own"
        assert page.text("#run-reviews option") == "16 of the model's 90 training reviews"
        shares = "map(e => parseFloat(e.style.getPropertyValue('--share')))"
        heights = f"[...document.querySelectorAll('#distribution > div > div')].{shares}"
        before = page.js(heights)
        assert sum(before) == pytest.approx(100, abs=0.1)
        page.driver.find_elements("css selector", "#teach [name=label]")[1].send_keys(" ", ENTER)
        page.wait(f"{STEPS} === 1 && {READY}")
        assert page.js(heights)[1] > before[1]
        below = "document.getElementById('answer').getBoundingClientRect().bottom"
        assert page.js("document.querySelector('#step h2').getBoundingClientRect().top") >= page.js(below), (
            "not under it"
        )
        assert "is so so: so so 0." in page.text("#steps")
        assert page.text("#moved").startswith("(so so 0."), "whose probability it is: another label may be predicted"
        assert "the probability of so so should be 1" in page.js("document.getElementById('phases').textContent")
        page.find("#undo").send_keys(" ")
        page.wait(f"{STEPS} === 0 && {READY}")
        assert page.js(heights) == before
        write(page, "superb film awful 1 2 3 4 5 6 7")
        go_to(page, "embedding: EmbeddingBag")  # its formula is wider than the screen, and scrolls
        assert page.js("[...document.querySelectorAll('.formula')].some((e) => e.scrollWidth > e.clientWidth)")
        assert page.js(WIDER) <= 0
        page.driver.find_element("xpath", '//button[text()="The article\'s sentence"]').click()  # with two labels
        page.wait(f"document.getElementById('prediction').textContent === 'negative 0.7000' && {READY}")
        assert page.js("document.getElementById('distribution').hidden")
        assert page.complaints() == []
