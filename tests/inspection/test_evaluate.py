"""`sentibp.evaluate` as a Python program calls it: arguments that do not go together, and messages in its words."""

from __future__ import annotations

from pathlib import Path

import pytest

import sentibp
from sentibp.inspection.evaluate import few_reviews

TEXTS, LABELS = ["good", "bad"], ["positive", "negative"]


@pytest.fixture(scope="module")
def builtin():
    return sentibp.load_model("builtin")


@pytest.fixture(autouse=True)
def files(here):
    Path("stars.csv").write_text("text,stars\ngood,positive\nbad,negative\n")
    Path("three.csv").write_text("text,label\ngood,positive\nbad,negative\nso so,neutral\n")


@pytest.mark.parametrize("given", [{"labels": LABELS}, {"sample_weight": [1, 2]}])
def test_labels_and_weights_beside_a_source_are_refused_as_they_would_be_ignored(builtin, given):
    with pytest.raises(sentibp.SentibpError, match="is for texts in memory, and a source has its own"):
        sentibp.evaluate(builtin, "stars.csv", overrides=["data.label_column=stars"], **given)


@pytest.mark.parametrize(
    "given",
    [{"source": "a.csv"}, {"split": "test"}, {"text_column": "a"}, {"label_column": "a"}, {"overrides": ["data.a=1"]}],
)
def test_what_is_of_a_source_is_refused_beside_texts(builtin, given):
    with pytest.raises(sentibp.SentibpError, match="give either texts, or a source"):
        sentibp.evaluate(builtin, texts=TEXTS, labels=LABELS, **given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no validation reviews of its own; name a file or data set with source"),
        (
            ("stars.csv", None, None, "star"),
            "stars.csv:1: no 'star'; did you mean overrides=[\"data.label_column=stars\"]?",
        ),
        (("sample", "tset"), "no split 'tset'; name another, such as split=\"test\"; there are: train, test"),
        (
            ("three.csv",),
            'leave such rows out with overrides=["data.labels={negative: [negative], positive: [positive], '
            'ignore: [neutral]}"]',
        ),
    ],
)
def test_errors_name_arguments_of_python(builtin, arguments, message):
    with pytest.raises(sentibp.SentibpError) as error:
        sentibp.evaluate(builtin, *arguments)
    assert message in str(error.value)
    assert "--" not in str(error.value)


@pytest.mark.parametrize("override", ["data.source=a b", "data.validation={a: b}", "train.epochs=three or so"])
def test_the_override_that_is_wrong_is_shown_as_it_was_given(builtin, override):
    with pytest.raises(sentibp.SentibpError) as error:
        sentibp.evaluate(builtin, "stars.csv", overrides=[override])
    assert str(error.value).startswith(f'overrides=["{override}"]: ')
    assert "--" not in str(error.value)


def test_the_repair_of_an_error_works_as_it_is_printed(builtin):
    with pytest.raises(sentibp.SentibpError) as error:
        sentibp.evaluate(builtin, "three.csv")
    repair = str(error.value).partition("leave such rows out with ")[2]
    assert eval(f"sentibp.evaluate(builtin, 'three.csv', {repair})").scores["n"] == 2


def test_configs_and_trainings_have_errors_in_these_words_too():
    with pytest.raises(sentibp.SentibpError, match=r'^overrides=\["train.epoch=3"\]: .* mean overrides='):
        sentibp.load_config("quickstart", ["train.epoch=3"])
    Path("taken").mkdir()
    Path("taken/note").write_text("")
    with pytest.raises(sentibp.SentibpError, match=r'^out="taken": already there'):
        sentibp.train_model(sentibp.load_config("quickstart"), Path("taken"))
    with pytest.raises(sentibp.SentibpError, match=r'^out="taken": already there'):
        sentibp.train("quickstart", TEXTS * 20, LABELS * 20, out="taken")


def test_after_a_refit_the_message_names_the_model_that_the_scores_are_of():
    run = sentibp.train_model(sentibp.load_config("quickstart", ["train.refit=true", "train.epochs=1"])).run
    with pytest.raises(sentibp.SentibpError) as error:
        sentibp.evaluate(sentibp.load_model(run))
    repair = str(error.value).partition("; score ")[2]
    assert sentibp.evaluate(eval(repair)).scores["accuracy"] == sentibp.load_model(run).scores["accuracy"]


def test_labels_that_mean_the_opposite_are_told(builtin):
    """A file in which 1 is negative, scored by the usual meaning. Too few reviews may be so by chance."""
    rows = [(f"{'good' if i % 2 else 'bad'} film {i}", i % 2) for i in range(40)]
    for number, turned, told in ((40, True, True), (40, False, False), (20, True, False)):
        Path("r.csv").write_text("text,label\n" + "".join(f"{t},{n ^ turned}\n" for t, n in rows[:number]))
        notes = [note for note in sentibp.evaluate(builtin, "r.csv").notes if "the opposite" in note]
        assert len(notes) == told
    Path("r.csv").write_text("text,label\n" + "".join(f"{t},{1 - n}\n" for t, n in rows))
    known = "only its run directory tells (training data: imdb, rotten_tomatoes)"
    first, note = sentibp.evaluate(builtin, "r.csv").notes
    assert first == f"the model may have been trained on some of these reviews: {known}"
    assert note.startswith("roc auc 0.0")
    repair = note.partition("if so: ")[2]
    assert eval(f"sentibp.evaluate(builtin, 'r.csv', {repair})").scores["roc_auc"] > 0.9


WORDS = {"negative": ["bad", "poor"], "positive": ["good"], "ignore": ["mixed"]}
TURNED = {
    "words": (None, ("pos", "neg"), "{negative: [pos], positive: [neg]}"),
    "stars": ({"negative": [1, 2], "positive": [4, 5]}, ("5", "2"), "{negative: [5], positive: [2]}"),
    "own words": (WORDS, ("good", "Poor"), "{negative: [good], positive: [poor], ignore: [mixed]}"),
}


@pytest.mark.parametrize("labels", TURNED)
def test_the_option_that_turns_labels_has_those_of_the_file(labels):
    """It is typed into the same command, and then the scores are good. It listed 0 and 1, whatever the file had."""
    setting, (of_bad, of_good), option = TURNED[labels]
    texts = [f"{'good' if i % 2 else 'bad'} film {i}" for i in range(40)]
    options = {} if setting is None else {"data__labels": setting}
    right = [of_bad if i % 2 else of_good for i in range(40)]
    model = sentibp.train("quickstart", texts, right, **options).model
    others = "a film,mixed\n" if "ignore" in (setting or {}) else ""
    rows = "".join(f"{text},{[of_bad, of_good][i % 2]}\n" for i, text in enumerate(texts))
    Path("r.csv").write_text(f"text,label\n{rows}{others}")
    (note,) = [note for note in sentibp.evaluate(model, "r.csv").notes if "the opposite" in note]
    repair = note.partition("if so: ")[2]
    assert option in repair
    assert eval(f"sentibp.evaluate(model, 'r.csv', {repair})").scores["accuracy"] > 0.9


def test_labels_whose_meaning_is_fixed_are_turned_in_the_data(builtin):
    for i in range(40):
        path = Path("r", "neg" if i % 2 else "pos", f"{i}.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{'good' if i % 2 else 'bad'} film {i}")
    (note,) = [note for note in sentibp.evaluate(builtin, "r").notes if "the opposite" in note]
    assert note.endswith("in the training; if so, exchange the labels in the data, whose meaning is fixed")


def test_labels_that_do_not_reach_an_end_of_the_scale_are_told():
    """1 and 2 of a file may be negative and positive: for a model of stars both are bad reviews, without an error."""
    texts = [f"{'good' if i % 2 else 'bad'} film {i}" for i in range(40)]
    stars = [(4, 5)[i % 4 // 2] if i % 2 else (1, 2)[i % 4 // 2] for i in range(40)]
    setting = {"negative": [1, 2], "positive": [4, 5], "ignore": [3]}
    model = sentibp.train("quickstart", texts, stars, data__labels=setting).model

    def notes_on(model, labels):
        rows = "".join(f"{text},{label}\n" for text, label in zip(texts, labels, strict=True))
        Path("r.csv").write_text("text,label\n" + rows)
        return [note for note in sentibp.evaluate(model, "r.csv").notes if "scale" in note]

    (note,) = notes_on(model, [1 + i % 2 for i in range(40)])
    assert note.startswith("r.csv: labels 1, 2, so that no review is positive; if they are of another scale than ")
    repair = note.partition("what they mean: ")[2]
    assert eval(f"sentibp.evaluate(model, 'r.csv', {repair})").scores["accuracy"] > 0.9
    assert not notes_on(model, stars)
    assert not notes_on(model, [1] * 40), "the bad reviews alone"
    five = sentibp.train("quickstart", texts, stars, data__labels=[1, 2, 4, 5]).model
    (note,) = notes_on(five, [1 + i % 2 for i in range(40)])
    assert "labels 1, 2, so that no review is 5; " in note
    assert note.endswith("data__labels={...}") or "{1: [...], 2: [...], 4: [...], 5: [...]}" in note
    assert not notes_on(five, [1, 5] * 20)


def test_a_scale_that_is_turned_is_told():
    texts = ["bad and dull"] * 12 + ["a film of the city"] * 12 + ["good and lovely"] * 12
    labels = ["1"] * 12 + ["2"] * 12 + ["3"] * 12
    model = sentibp.train("quickstart", texts, labels, data__labels=["1", "2", "3"]).model
    evaluation = sentibp.evaluate(model, texts=texts, labels=labels[::-1])
    (note,) = [note for note in evaluation.notes if "the opposite" in note]
    assert note.startswith("quadratic weighted kappa -")
    assert note.endswith("the opposite of those in the training; if so, turn them")
    Path("t.csv").write_text("text,label\n" + "".join(f"{t},{n}\n" for t, n in zip(texts, labels[::-1], strict=True)))
    (note,) = [note for note in sentibp.evaluate(model, "t.csv").notes if "the opposite" in note]
    turned = eval(f"sentibp.evaluate(model, 't.csv', {note.partition('if so: ')[2]})")
    assert turned.scores["quadratic_weighted_kappa"] > 0.5
    assert not [note for note in sentibp.evaluate(model, texts=texts, labels=labels).notes if "the opposite" in note]


def test_texts_in_the_place_of_a_source(builtin):
    """`evaluate(model, texts, labels)` looked for a file with the name of the first text."""
    with pytest.raises(sentibp.SentibpError) as error:
        sentibp.evaluate(builtin, ["good", "bad"], [1, 0])
    assert str(error.value) == (
        "source is of type list, not the name of a file or data set; for texts in memory, write texts=..., labels=..."
    )
    Path("r.csv").write_text("text,label\ngood,1\nbad,0\n")
    assert sentibp.evaluate(builtin, Path("r.csv")).scores["n"] == 2


def test_few_reviews_are_told_by_what_their_weights_are_worth():
    assert few_reviews({"n": 1000}) == few_reviews({"n": 1000, "effective_n": 900.0}) == []
    assert few_reviews({"n": 20})[0].startswith("only 20 reviews: only the interval says")
    assert few_reviews({"n": 1000, "effective_n": 20.0})[0].startswith("only 20 reviews of equal weight (of 1,000): ")
