"""The report is one file that runs only its own scripts and lists what it leaves out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import runner
from page_data import numbers

from sentibp import metrics
from sentibp.config.load import load_config
from sentibp.errors import ConfigError, DataError
from sentibp.inspection.evaluate import DataOptions
from sentibp.inspection.pages import overview, report, report_reviews, report_scores, report_words
from sentibp.inspection.pages.report_data import Predictions, Subject, gather, reviews_fingerprint

SMALL = {"train": {"epochs": 1}, "model": {"hidden": [4], "embedding": {"dim": 3}}}
EVIL = "<script>document.title = 'obeyed'</script>"


@pytest.fixture
def reviews(here) -> Path:
    """A file of reviews that contain markup and a pattern to learn."""
    rows = [
        f"{EVIL} a {'good' if i % 2 else 'bad'} film, number {i}; {'a joy' if i % 2 else 'a bore'}{' again' * (i % 3)}"
        for i in range(60)
    ]
    path = here / "reviews.jsonl"
    path.write_text("".join(json.dumps({"text": row, "label": i % 2}) + "\n" for i, row in enumerate(rows)))
    return path


@pytest.fixture
def train(write_config, reviews):
    """`train(name, section={...})` trains on the reviews, and returns the run directory."""

    def train(name: str, **sections) -> Path:
        sections = SMALL | {"data": {"source": reviews.name, "validation": 0.5}} | sections
        return runner.train_model(write_config(f"{name}.yaml", **sections), Path(name)).run

    return train


def html(*names: object, data: DataOptions = DataOptions()) -> str:  # noqa: B008
    """Return the page, without the places where keys may break."""
    return report.report_page(gather(list(map(str, names)), data)).decode().replace("<wbr>", "")


def test_the_page_stands_alone_and_markup_in_reviews_is_text(train):
    plain = {"hidden": [4], "embedding": {"dim": 3, "init": "naive_bayes"}}  # which makes mistakes to show
    page = html(train("a", model=plain))
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert "obeyed" in own
    assert EVIL not in page
    assert "&lt;" in own
    for outside in ("src=", "http:", "https:", "url(", "@import", '<link rel="stylesheet'):
        assert outside not in own
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert len(scripts) == 8
    assert len(page) < 250_000
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1].replace("&#39;", "'")
    allowed = re.findall(r"'sha256-([^']*)'", policy)
    assert allowed == [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts]
    assert policy.startswith("default-src 'none'; ")


def test_the_same_runs_give_the_same_bytes(train):
    run = train("a")
    assert html(run) == html(run)


def test_what_is_there_for_a_run_with_all(train):
    page = html(train("a"))
    charts = {chart["id"] for chart in numbers(page)["charts"]}
    assert {"loss", "gradient", "roc", "lengths", "scores0", "map0"} <= charts
    assert len(numbers(page)["steps"][0]) >= 2
    for id in charts:
        assert f'id="{id}"' in page
    assert "<h3>After the epoch</h3>" in page, "of one epoch there is no curve"
    assert "Confusion: a" in page
    assert "model.embedding.dim" in page
    assert "versions.numpy" in page


def test_several_side_by_side(train):
    page = html(train("a"), train("b", model={"hidden": []}))
    assert re.search(r"a and b: paired test: \d+ reviews? only a got right, \d+ only b; p = ", page)
    assert "<p>The runs differ in these settings:</p>" in page
    assert {"scores0", "scores1", "map0", "map1"} <= {chart["id"] for chart in numbers(page)["charts"]}
    assert len(numbers(page)["steps"]) == 2
    assert "not all scored on the same" not in page


def test_runs_on_other_reviews_are_not_compared(train):
    page = html(train("a"), train("b", data={"source": "reviews.jsonl", "validation": 0.2}))
    assert "not all scored on the same" in page
    assert "paired test" not in page
    assert 'class="best"' not in page
    assert [f"On {n} validation reviews of reviews.jsonl" in page for n in (30, 12)] == [True, True]


def test_runs_on_the_same_reviews_are_compared_beside_others(train):
    other = {"source": "reviews.jsonl", "validation": 0.2}
    page = html(train("a", data=other), train("b"), train("c", model={"hidden": []}))
    assert "b and c: paired test: " in page
    assert "a and b: paired test" not in page
    pictures = re.findall(r'<ol class="peers".*?</ol>', page, re.DOTALL)
    names = [re.findall(r'class="own"><span class="name">(\w)', each) for each in pictures]
    assert names[0] == ["a"]
    assert sorted(names[1]) == ["b", "c"]


def test_without_validation(train):
    (subject,) = gather([str(train("a", data={"source": "reviews.jsonl", "validation": 0}))])
    assert any("no review was held out" in line for line in subject.left_out)
    page = report.report_page([subject]).decode()
    steps = numbers(page)["steps"]
    assert steps[0][0]["title"].startswith("a training review: “"), "the model knows few words of other ones"
    assert "film, number" in "".join(text for text, _ in steps[0][0]["drawing"]["pieces"])
    lead = re.sub("<[^>]*>", "", page)
    assert "of the 60 reviews that it was trained on. No reviews were held out" in lead
    assert "no labelled reviews to score it on" not in lead
    assert dict(overview.sentences(subject))["what"].startswith("should tell negative"), "nobody knows whether it does"


def test_reviews_that_are_gone_leave_the_recorded_scores(train, reviews):
    run = train("a")
    before = gather([str(run)])[0].predictions.scores
    reviews.unlink()
    (subject,) = gather([str(run)])
    assert subject.predictions.scores == {
        name: value for name, value in before.items() if name in subject.predictions.scores
    }
    assert any("the scores are the recorded ones" in line for line in subject.left_out)
    charts = {chart["id"] for chart in numbers(report.report_page([subject]).decode())["charts"]}
    assert "roc" in charts
    assert "lengths" not in charts


def test_reviews_that_changed_are_reported(train, reviews):
    run = train("a")
    reviews.write_text(reviews.read_text().replace("joy", "delight"))
    assert any("have changed" in line for line in gather([str(run)])[0].left_out)


def test_other_reviews(train, reviews):
    run = train("a")
    other = Path("other.csv")
    other.write_text("text,label\na good film,1\na bad film,0\n")
    (subject,) = gather([str(run)], DataOptions("other.csv"))
    assert subject.predictions.scores["n"] == 2
    with pytest.raises(DataError, match="nosuch"):
        gather([str(run)], DataOptions("nosuch.csv"))


def test_a_model_file_alone(train):
    run = train("a")
    Path("alone.safetensors").write_bytes((run / "model.safetensors").read_bytes())
    page = html("alone.safetensors")
    assert "a model file does not contain them" in page
    assert "There is no record of the training." in page


def test_a_run_that_left_no_model(train):
    run = train("a")
    (run / "model.safetensors").unlink()
    page = html(run)
    assert "has no model.safetensors" in page
    assert {chart["id"] for chart in numbers(page)["charts"]} == {"loss", "gradient"}
    (run / "run.json").unlink()
    with pytest.raises(ConfigError, match=r"contains neither run\.json nor model\.safetensors"):
        html(run)


def test_gradient_flow_is_drawn_where_it_is_recorded(train):
    run = train("a")
    event = {"event": "flow", "seed": 0, "step": 1, "epoch": 1, "layers": {"embedding": {"gradient": 0.5}}}
    records = [line for line in (run / "metrics.jsonl").read_text().splitlines(True) if '"flow"' not in line]
    (run / "metrics.jsonl").write_text("".join(records))
    assert any("gradient flow" in line for line in gather([str(run)])[0].left_out)
    (run / "metrics.jsonl").write_text("".join([*records, json.dumps(event) + "\n"]))
    page = html(run)
    assert "<h3>Gradient flow: a</h3>" in page
    assert "gradient flow: the training" not in page


@pytest.mark.parametrize(
    "record", ['{"event": "step"}', '{"event": "flow", "seed": 0, "step": 1, "layers": 3}', "[]", "{"]
)
def test_damaged_records_are_reported(train, record):
    run = train("a")
    with open(run / "metrics.jsonl", "a") as file:
        file.write(record + "\n")
    with pytest.raises(DataError, match=r"metrics.jsonl.*damaged"):
        gather([str(run)])


def test_a_rate_at_which_a_step_diverges_leaves_the_steps_out(train):
    page = html(train("a", train={"epochs": 1, "optimizer": {"name": "sgd", "learning_rate": 1e-3}}))
    assert numbers(page)["steps"]
    run = Path("a")
    (subject,) = gather([str(run)])
    subject.classifier.trained_with["train"]["optimizer"]["learning_rate"] = 1e300
    page = report.report_page([subject]).decode()
    assert numbers(page)["steps"] == []
    assert "at the learning rate of the training a step diverges" in page


def test_names_that_are_alike_stay_distinct(train):
    run = train("x/a")
    other = train("y/a")
    assert [subject.name for subject in gather([str(run), str(other)])] == ["x/a", "y/a"]
    assert [subject.name for subject in gather([str(run), str(run)])] == ["a"]


def test_the_example_reviews_are_of_every_kind(train):
    (subject,) = gather([str(train("a"))])
    label = np.array([1, 1, 0, 0, 1] * 6, np.int8)
    positive = np.array([0.9, 0.99, 0.02, 0.51, 0.1] * 6)
    scored = subject.predictions.scored._replace(positive=positive)
    assert len(scored.tokens) == 30
    chosen = report_reviews.example_reviews(Predictions(label, positive, {}, scored))
    assert [kind for kind, _, _ in chosen] == [
        "the surest mistake, 90.0 %: ",
        "the least sure, 51.0 %: ",
        "the surest right one of positive, 99.0 %: ",
        "the surest right one of negative, 98.0 %: ",
    ]
    assert [label for _, _, label in chosen] == ["positive", "negative", "positive", "negative"]


def test_it_begins_with_what_was_trained_on_what_and_how_good_it_is(train):
    (subject,) = gather([str(train("a"))])
    page = report.report_page([subject]).decode()
    lead = re.sub("<[^>]*>", "", re.search(r'<p class="lead">(.*?)</p>', page, re.DOTALL)[1])
    assert re.match(
        r"a (tells|should tell) negative and positive reviews apart\. It was trained on 30 reviews of reviews\.jsonl",
        lead,
    )
    accuracy = 100 * subject.predictions.scores["accuracy"]
    assert f"It is right on {accuracy:.1f}\u00a0% of 30 validation reviews (95&nbsp;% interval: " in lead
    peers = re.findall(r'<span class="name">(\w[\w ]*) <small>', page)
    assert peers == ["Guessing", "The majority", "a"]
    assert "fastText" not in page
    assert (
        page.index("lead")
        < page.index("surest mistakes</h2>" if "surest mistakes</h2>" in page else "weigh most")
        < page.index('id="training"')
    )


@pytest.mark.parametrize(("right", "says"), [(30, ""), (16, "That is not clearly better than guessing (50.0 %).")])
def test_a_model_that_has_learned_nothing_is_said_to_be_no_better(train, right, says):
    (subject,) = gather([str(train("a"))])
    scores = subject.predictions.scores | {
        "accuracy": right / 30,
        "accuracy_interval": metrics.wilson_interval(right, 30),
    }
    subject = subject._replace(predictions=subject.predictions._replace(scores=scores))
    said = dict(overview.sentences(subject))
    assert said.get("doubt", "") == says
    assert said["what"].startswith("should tell negative" if says else "tells negative"), "one sentence as the other"


CHOSE = "The validation reviews also chose the epoch and set the calibration, so expect slightly less on new ones."
SET = "The validation reviews also set the calibration, so expect slightly less on new ones."
OTHERS = "On texts of another kind than it was trained on, it is wrong more often, but just as confident."


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"epochs": 2}, CHOSE),
        ({"epochs": 1}, SET),
        ({"epochs": 2, "members": 2}, SET),
        ({"epochs": 1, "calibrate": False}, ""),
    ],
)
def test_the_page_says_what_its_scores_do_not_promise(train, settings, says):
    run = train("a", train={"batch_size": 16, **settings})
    limits = dict(overview.sentences(gather([str(run)])[0]))["limits"]
    assert limits == f"{says} {OTHERS}".strip()
    assert f'<p class="limits">{limits}</p>' in html(run)
    named = gather([str(run)], DataOptions("reviews.jsonl"))[0]
    assert dict(overview.sentences(named))["limits"] == OTHERS, "other reviews chose nothing"


def test_weights_of_the_reviews_are_said_where_they_count(train):
    for k in 2, 3:
        rows = [
            {"text": f"a {'good' if i % k else 'bad'} film, {i}", "label": i % k, "w": 1 + i % 4} for i in range(60)
        ]
        Path(f"{k}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        data = {"source": f"{k}.jsonl", "validation": 0.5, "weight_column": "w"}
        page = html(train(f"weighted{k}", data=data | ({"labels": [0, 1, 2]} if k == 3 else {})))
        assert "of 30 validation reviews, counted by weight" in page
        (worth,) = re.findall(r"a review counts by its weight[^<]*</small></th><td>30, worth (\d+)<", page)
        assert int(worth) < 30
        assert "weights" in numbers(page)["reviews"][0], "so that its accuracy is called weighted"
        assert ("sums of the weights" if k == 3 else "How much weight the reviews of each label") in page
        assert (k == 3) == ('<th scope="col">weight</th><th scope="col">precision' in page)
    page = html(train("plain"))
    assert "counted by weight" not in page and "counts by its weight" not in page
    assert "How many reviews of each label got which prediction." in page


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        ("finished", "seconds."),
        ("interrupted", "seconds, until it was interrupted."),
        ("stopped", "seconds, until it was stopped."),
        ("diverged", "seconds, until it was stopped, because the loss diverged."),
    ],
)
def test_a_training_that_did_not_come_to_its_end_is_said_to_be_so(train, outcome, says):
    (subject,) = gather([str(train("a"))])
    facts = subject.facts | {"outcome": outcome}
    assert dict(overview.sentences(subject._replace(facts=facts)))["what"].endswith(says)


def test_settings_and_the_command_are_shown_as_they_are_written():
    shown = report_scores._setting
    assert shown("data.labels.negative", ["very bad", "bad"]) == '["very bad", "bad"]', "and not as very, bad and bad"
    assert shown("data.labels.negative", ["سيئ", 1]) == '["سيئ", 1]'
    assert shown("text.classes", []) == "[]" and shown("data.source", "") == '""'
    command = ["sentibp", "train", "--set", "data.labels=[a b, c]"]
    subject = Subject("a", Path("a"), None, {"command": command}, [], None, [])
    assert dict(report_scores.environment_rows([subject]))["command"] == ["sentibp train --set 'data.labels=[a b, c]'"]


def test_a_setting_that_only_other_models_have_is_its_default(train):
    run = train("a")
    (subject,) = gather([str(run)])
    rows = {key: values for key, values, _ in report_scores.setting_rows([subject])}
    assert rows["pretrain.lexicon"] == ["none"], "as `runs compare` says"


def test_the_best_of_several_seeds_is_said_to_be_so(train):
    run = train("a", train={"epochs": 1, "batch_size": 16, "seeds": 3})
    (subject,) = gather([str(run)])
    for low, high, says in (0.5, 0.75, "50.0 to 75.0 %."), (0.75, 0.7501, "75.0 %."):
        facts = subject.facts | {"seeds": {"accuracy": {"min": low, "max": high}}}
        limits = dict(overview.sentences(subject._replace(facts=facts)))["limits"]
        best = "It is the best of 3 networks that began with other random weights; each is right on"
        assert limits.startswith(f"{best} {says}")
    assert best in html(run)


def test_a_report_on_the_sample_is_a_demo(here):
    run = runner.train_model(load_config("quickstart", ["train.epochs=1"]), Path("a")).run
    assert "This is a demo: its reviews are short ones that come with sentibp." in html(run)


def test_each_mistake_of_the_confusion_matrix_can_be_seen(train):
    (subject,) = gather([str(train("a"))])
    counts = {"true_negative": 1000, "false_positive": 3, "false_negative": 0, "true_positive": 1000}
    predictions = subject.predictions._replace(scores=subject.predictions.scores | {"confusion": counts})
    page = report.report_page([subject._replace(predictions=predictions)]).decode()
    shares = re.findall(r'<td class="(right|wrong)" style="--share:(\d+)%">([\d,]+)', page)
    assert shares == [("right", "60", "1,000"), ("wrong", "10", "3"), ("wrong", "0", "0"), ("right", "60", "1,000")]


@pytest.mark.parametrize("seen", [1, 20])
def test_that_reviews_are_in_the_training_data_is_said_once(train, seen):
    (subject,) = gather([str(train("a"))])
    scores = subject.predictions.scores | {"in_training": seen, "n": 100}
    caveat = f"{seen} of 100 validation reviews also occur in the training data"
    facts = subject.facts | {"caveats": [caveat, "something else"]}
    predictions = subject.predictions._replace(scores=scores)
    note = f"{seen} of the 100 reviews that the model is scored on are in its training data, too: expect lower scores"
    page = report.report_page([subject._replace(predictions=predictions, facts=facts, notes=(note,))]).decode()
    assert page.count("in its training data") == 1
    assert "also occur in the training data" not in page
    assert '<p class="limits">Something else.</p>' in page, "below the first sentences, which stay short"


def test_one_review_is_a_review(train, reviews):
    Path("one.jsonl").write_text(json.dumps({"text": "a good film", "label": 1}) + "\n")
    assert "% of 1 review of one.jsonl</b>" in html(train("a"), data=DataOptions("one.jsonl"))


def test_warnings_of_the_training_are_at_the_top_and_said_once(train):
    subject = gather([str(train("a"))])[0]
    assert 'class="warning"' not in report.report_page([subject]).decode()
    warning = "epoch 1: vanishing gradients in embedding to hidden.0: all units of hidden.0 are dead"
    facts = subject.facts | {"warnings": [warning]}
    steps = [
        {"event": "step", "seed": 0, "step": i, "loss": loss, "gradient_norm": 1.0} for i, loss in ((1, 0.7), (2, 9))
    ]
    page = report.report_page([subject._replace(facts=facts, events=steps)]).decode()
    assert page.count(warning) == 1
    assert page.index(warning) < page.index('id="training"')
    assert page.count("the loss of a batch rose from 0.70 at step 1 to 9.00 at step 2") == 1
    diverged = facts | {"warnings": [], "outcome": "diverged", "error": "the loss is not finite"}
    assert "diverged: the loss is not finite" in report.report_page([subject._replace(facts=diverged)]).decode()


def test_a_run_without_a_model_says_so_and_describes_nothing_that_it_lacks(train):
    run = train("a")
    (run / "model.safetensors").unlink()
    page = html(run)
    link = '<p>There is nothing to show: see <a href="#left-out">what is not on this page</a>.</p>'
    sections = dict(re.findall(r'<h2 id="(\w+)">[^<]*</h2>(.*?)(?=<h2|</main>)', page, re.DOTALL))
    for name in "answers", "words", "mistakes", "reviews", "step":
        assert sections[name].strip() == link, name
    reason = re.search(r'<div class="left-out" id="left-out">(.*?)</div>', page, re.DOTALL)[1]
    assert "has no model.safetensors" in reason
    assert "held out" not in re.sub("<script.*?</script>", "", page, flags=re.DOTALL), "reviews were"


def test_a_model_without_mistakes_has_none_to_show(train, reviews):
    run = train("a")
    assert gather([str(run)])[0].predictions.scores["accuracy"] == 1
    assert "<p>It made no mistake on these reviews.</p>" in html(run)
    reviews.unlink()
    assert "no mistake" not in html(run), "nobody knows which they were"


def test_the_brier_score_is_that_of_one_probability_or_the_sum_over_all(train, reviews):
    def meaning(*runs):
        (row,) = [row for row in report_scores.score_rows(gather(list(map(str, runs)))) if row.name == "Brier score"]
        return row.meaning

    two = train("two")
    words = ["awful", "fair", "superb"]
    rows = [{"text": f"{words[i % 3]} film {i}", "label": i % 3} for i in range(60)]
    Path("three.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    labels = {"bad": [0], "fair": [1], "good": [2]}
    three = train("three", data={"source": "three.jsonl", "validation": 0.5, "labels": labels})
    of_two = "The mean squared error of the probability: 0 is perfect, 0.25 is a coin."
    of_three = (
        "he squared errors of the probabilities of all labels, added up: 0 is perfect. Guessing between 3 labels "
    )
    assert meaning(two) == of_two
    assert meaning(three) == f"T{of_three}costs 0.667."
    assert meaning(two, three) == f"{of_two} With other labels than negative and positive: t{of_three}costs 0.667."


def test_two_labels_without_an_order_have_the_brier_score_of_all_labels(train, reviews):
    def rows(*runs):
        return {row.name: row for row in report_scores.score_rows(gather(list(map(str, runs))))}

    topics = {"labels": {"apples": [0], "pears": [1]}, "ordered": False, "source": reviews.name, "validation": 0.5}
    model = {"hidden": [4], "embedding": {"dim": 3, "init": "naive_bayes"}}  # which makes mistakes
    two, of_topics = train("two", model=model), train("topics", data=topics, model=model)
    assert "added up: 0 is perfect. Guessing between 2 labels costs 0.500." in rows(of_topics)["Brier score"].meaning
    beside = rows(two, of_topics)
    for name, best in ("log loss", min), ("accuracy", max):
        values = beside[name].values
        assert beside[name].best == (best(values, key=float) if len(set(values)) > 1 else None)
    assert beside["log loss"].best is not None
    for name in "Brier score", "calibration error":
        assert len(set(beside[name].values)) == 2 and beside[name].best is None, name
    wider = model | {"hidden": [5]}
    assert rows(two, train("wider", model=wider))["Brier score"].best is not None


def test_beside_the_calibration_error_is_the_one_by_chance(train):
    run = train("a")
    rows = {row.name: row.values for row in report_scores.score_rows(gather([str(run)]))}
    scores = gather([str(run)])[0].predictions.scores
    assert rows["calibration error by chance"] == [f"{scores['calibration_error_by_chance']:.4f}"]
    names = list(rows)
    assert names.index("calibration error by chance") == names.index("calibration error") + 1


def test_what_marks_mean_is_said_of_words_that_are_there():
    def side(*words):
        return report_words.Side("most positive", "positive", [(word, 1.0, 1.0) for word in words])

    sides = [side("good", "simpl~", "~ing"), side("not~dull", "bad")]
    start, end = "“simpl~” is any word that begins with “simpl”", "“~ing” is any word that ends in “ing”"
    shifted = "“not~dull” is “dull” that is negated"
    assert report_words.about_marks(sides) == f"{shifted}; {start}; {end}."
    assert report_words.about_marks(sides, 2) == f"{shifted}; {start}."
    assert report_words.about_marks([side("good")]) == ""


def test_words_that_move_no_probability_are_not_drawn_as_if_they_did(train):
    subject = gather([str(train("a", model={"hidden": [], "embedding": {"dim": 3}}))])[0]
    assert "No word matters" not in report.report_page([subject]).decode()
    subject.classifier.network.params["output.weight"][...] *= 1e-6
    page = report.report_page([subject]).decode()
    assert page.count("No word matters: none of them alone moves a probability by as much as 0.1") == 2
    assert set(map(float, re.findall(r'class="(?:positive|negative)" style="--size:([\d.]*)"', page))) == {0}


@pytest.mark.parametrize(("ordered", "says"), [(True, "the better label"), (False, "the predicted label")])
def test_a_colour_has_one_meaning_on_a_page(train, reviews, ordered, says):
    words = ["awful", "fair", "superb"]
    rows = [{"text": f"{words[i % 3]} {words[(i + i % 7 // 6) % 3]} {i}", "label": i % 3} for i in range(90)]
    reviews.write_text("".join(json.dumps(row) + "\n" for row in rows))
    labels = {"bad": [0], "fair": [1], "good": [2]}
    data = {"source": reviews.name, "validation": 0.5, "labels": labels, "ordered": ordered}
    run = train("a", data=data, model={"hidden": []}, train={"epochs": 3, "refit": False})
    page = html(run)
    assert f"Green words are evidence for {says}" in page
    (subject,) = gather([str(run)])
    positive = np.tile([0.9, 0.05, 0.05], (len(subject.predictions.label), 1))
    predictions = subject.predictions._replace(positive=positive, label=np.full(len(positive), 2))
    found = report_reviews.mistakes(subject._replace(predictions=predictions))
    words = [piece for each in found for piece in each.words if not isinstance(piece, str)]
    marks = {word: kind for word, kind, *_ in words if word in ("awful", "superb")}
    wanted = {"awful": "negative", "superb": "positive"} if ordered else {"awful": "positive", "superb": "negative"}
    assert marks and marks.items() <= wanted.items()


@pytest.mark.parametrize(
    ("labels", "ordered", "says"),
    [
        (["1", "2", "3", "4", "5"], True, "sorts reviews into 5 classes, from 1 to 5. "),
        (["film", "music", "sport"], False, "sorts reviews into 3 classes: film, music and sport. "),
    ],
)
def test_what_a_model_of_several_classes_does_is_said_in_words(train, reviews, labels, ordered, says):
    rows = [{"text": f"a {labels[i % len(labels)]}x film, {i}", "label": labels[i % len(labels)]} for i in range(60)]
    reviews.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = {"source": reviews.name, "validation": 0.5, "labels": labels, "ordered": ordered}
    run = train("a", data=data, train={"epochs": 1, "refit": False})
    (subject,) = gather([str(run)])
    said = dict(overview.sentences(subject))
    assert said["what"].startswith(says.replace("sorts", "should sort") if "doubt" in said else says)
    page = html(run)
    assert f"Guessing between {len(labels)} labels costs {np.log(len(labels)):.3f}." in page
    assert ("<q>" in page) == (len(labels) > 4 and not ordered), "of many labels the first page has few words of each"


@pytest.mark.parametrize(
    ("hidden", "members", "says"),
    [
        ([4, 4, 4], 1, ("The network knows ", " has 3 hidden layers of 4 units each: ")),
        ([4, 2], 1, ("The network knows ", " has 2 hidden layers of 4 and 2 units: ")),
        ([4], 2, ("The model is the average of 2 networks, as one network. It knows ", " hidden layer of 8 units: ")),
    ],
)
def test_the_network_is_described_in_words(train, hidden, members, says):
    model = {"hidden": hidden, "embedding": {"dim": 3}}
    (subject,) = gather([str(train("a", model=model, train={"epochs": 1, "members": members}))])
    said = dict(overview.sentences(subject))["network"]
    assert said.startswith(says[0])
    assert says[1] in said


def test_fasttext_is_a_peer_where_it_was_measured_on_the_same_reviews(train, monkeypatch):
    subjects = gather([str(train("a"))])
    monkeypatch.setitem(overview.MEASURED, reviews_fingerprint(subjects[0]), (0.25, "the same reviews"))
    assert next(peer.name for peer in overview.peers(subjects)) == "fastText"


def test_the_scale_has_room_for_all():
    peers = [overview.Peer("a", "", 0.93, (0.92, 0.94)), overview.Peer("b", "", 0.5)]
    assert overview.scale(peers) == {"low": 50, "ticks": [50, 60, 70, 80, 90, 100]}
    assert overview.scale(peers[:1])["low"] == 90
    assert overview.scale([overview.Peer("a", "", 1.0, (0.99, 1.0))])["low"] == 90
    assert overview.scale([overview.Peer("a", "", 0.0, (0.0, 0.3))]) == {"low": 0, "ticks": [0, 20, 40, 60, 80, 100]}


def test_an_empty_list_of_hidden_layers_is_not_an_empty_cell(train):
    page = html(train("a"), train("b", model={"hidden": []}))
    differences = page.partition('id="differences"')[2].partition("<h2")[0]
    assert "<td>[4]</td><td>[]: no hidden layer; the pooled embedding goes straight to the output</td>" in differences
    assert "<td></td>" not in page.partition('id="settings"')[2].partition("</details>")[0]
    assert page.index('id="differences"') < page.index('id="training"')


def test_the_words_of_all_runs_have_bars_of_one_scale(train):
    page = html(train("a"), train("b", model={"hidden": []}))
    rows = re.findall(r"<td>([+-][\d.]+)</td><td class=\"bar\"><div class=\"\w+\" style=\"--size:([\d.]+)\"", page)
    longest = max(abs(float(weight)) for weight, _ in rows)
    assert len(rows) > 20
    for weight, size in rows:
        assert float(size) == pytest.approx(abs(float(weight)) / longest, abs=0.01)


def test_each_score_has_a_sentence_of_its_own():
    known = {"n", "interval", "by_chance", *metrics.BETTER, *metrics.CLASS_BETTER}
    assert set(report_scores._MEANING) == known
    assert all(sentence.endswith(".") for sentence in report_scores._MEANING.values())
