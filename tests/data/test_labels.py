"""Unknown labels: the exact messages, which invent no polarity, and say what they take for granted."""

from __future__ import annotations

import json
import re
import shlex
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet

from sentibp.config.load import load_config
from sentibp.config.schema import Config, Data
from sentibp.data import sources
from sentibp.data.dataset import load_data
from sentibp.data.label_notes import label_notes
from sentibp.data.labels import Labels, NoKnownLabel, OpenLabels
from sentibp.data.readers.table import ReadOptions
from sentibp.errors import ConfigError, DataError
from sentibp.utils.label_key import label_key, label_value
from sentibp.utils.repair import as_yaml


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def labelled(*labels: object) -> str:
    Path("r.csv").write_text("text,label\n" + "".join(f"text {row},{label}\n" for row, label in enumerate(labels)))
    return "r.csv"


def complaint(*labels: object, mapping: Labels | None = None) -> str:
    with pytest.raises(DataError) as caught:
        sources.load_corpus(labelled(*labels), labels=mapping)
    return str(caught.value)


def mapping(negative: str, positive: str, ignore: str = "") -> str:
    """Return the option that a message suggests."""
    rest = f", ignore: [{ignore}]" if ignore else ""
    return f"--set 'data.labels={{negative: [{negative}], positive: [{positive}]{rest}}}'"


def split(labels: str) -> list[str]:
    return labels.split("|") if "|" in labels else labels.split()


@pytest.mark.parametrize(
    "same",
    [
        (1, 1.0, "1", " 1 ", "1.", "+1", "1e0", "__label__1", "１", "۱", "१"),
        ("Pos", "pos ", "__label__POS", "ＰＯＳ", "\ufeffpos", "pos\u200b", "pos\xa0"),
        ("👍", "👍\ufe0f"),
        ("NEGATİF", "negatif"),
        (-1, "-1.0", "\u22121", "\uff0d1", "\u20111", "\u20131", "\u200e-1"),  # minus, kinds of hyphens, a dash
        ("not-good", "not\u2011good", "NOT\u2010GOOD", "not\ufe63good"),
        ("don't buy", "don\u2019t buy", "don\u02bct\xa0buy", "DON\uff07T BUY\u202c", "\u200ddon't\u2003buy\u200c"),
    ],
)
def test_spellings_of_one_label(same):
    assert len(set(map(label_key, same))) == 1


@pytest.mark.parametrize(
    "different",
    [
        (2**53, 2**53 + 1, "9007199254740994", "-9007199254740993"),
        (2**64, str(2**64 + 1), "1e5", "0.1", "0.10000000000000001"),
        ("1e400", "1e401", "9" * 400, "9" * 401, "9" * 5000),
    ],
)
def test_labels_that_are_the_same_as_floats_are_different(different):
    keys = list(map(label_key, different))
    assert len(set(keys)) == len(keys)
    assert [label_key(label_value(key)) for key in keys] == keys
    assert label_key("9007199254740993.0") == label_key(2**53 + 1) == label_key("+09007199254740993")


def test_a_scale_with_minus_signs_is_a_scale():
    repair = mapping("-1", "1", "0")
    assert complaint("\u22121", 0, 1, 1, 0, "\u22121").endswith(
        f"-1 is taken as the lowest rating and 1 as the highest: {repair}"
    )
    assert sources.load_corpus(labelled("\u22121", 1)).label.tolist() == [0, 1]


def test_missing_labels_have_no_key():
    assert {label_key(value) for value in (None, float("nan"), np.float32("nan"), "", " ", "NaN")} == {""}


def test_a_normalized_label_as_a_value():
    assert [label_value(key) for key in ("1", "-1", "0.5", "pos", "1/5")] == [1, -1, 0.5, "pos", "1/5"]


NEITHER = "is neither negative nor positive"
IDS = (
    "r.csv: 'label' has no labels (another value in every row, as ids have); no other column looks like labels "
    "(text: the texts); add one with the label of each review"
)

UNKNOWN = {
    ("pos", "maybe", "neg"): f"r.csv:3: label 'maybe' {NEITHER}; correct it, or leave such rows out with "
    + mapping("neg", "pos", "maybe"),
    (0, "Maybe", 1, "maybe", "?"): f"r.csv:3: label 'Maybe' (2 rows) {NEITHER}\nr.csv:6: label '?' {NEITHER}\n"
    "r.csv: correct these labels, or leave their rows out with " + mapping("0", "1", 'Maybe, "?"'),
    (0, 1, "", "", 1): "r.csv:4: no label (2 rows); fill it in, or leave such rows out with " + mapping("0", "1", '""'),
    (1, ""): "r.csv:3: no label; fill it in, or leave such rows out with " + mapping("0", "1", '""'),
    ("pos", "neg", "Bad"): f"r.csv:4: label 'Bad' {NEITHER}; correct it, or leave such rows out with "
    + mapping("neg, Bad", "pos"),
    (0, 1, "so  so " * 100): f"r.csv:4: label '{'so ' * 13}…' {NEITHER}\nr.csv: correct the file",
    ("pos", "neg", 7): f"r.csv:4: label '7' {NEITHER}; correct it, or leave such rows out with "
    + mapping("neg", "pos", "7"),
    ("warm", "cold", "COLD", "hot"): "r.csv: labels cold (2), hot (1), warm (1); say which is which: "
    + mapping("...", "..."),
    ("", ""): "r.csv: no row has a label; give data with labels",
    tuple(f"id{row}" for row in range(10, 40)): IDS,
    (*(f"id{row}" for row in range(10, 40)), "id10"): "r.csv: 30 different labels: id10 (2), id11 (1), id12 (1), "
    "id13 (1), id14 (1), id15 (1), id16 (1), id17 (1), ...; no other column looks like labels (text: the texts); add "
    "one with the label of each review",
    (0, 1, *(f"id{row}" for row in range(21))): IDS,
    (0, 0, 1, *(f"id{row}" for row in range(21))): "".join(
        f"r.csv:{row + 5}: label 'id{row}' {NEITHER}\n" for row in range(8)
    )
    + "r.csv: 21 unknown labels; correct the file",
}  # fmt: skip


@pytest.mark.parametrize("labels", UNKNOWN, ids=range(len(UNKNOWN)))
def test_unknown_labels(labels):
    assert complaint(*labels) == UNKNOWN[labels]


def test_labels_missing_in_the_mapping():
    assert complaint(1, 2, 3, 3, mapping={"negative": [1], "positive": [2]}) == (
        "r.csv:4: label '3' (2 rows) is in no list of data.labels; correct it, or leave such rows out with "
        + mapping("1", "2", "3")
    )
    own = {"negative": ["bad"], "positive": [" GOOD"], "ignore": ["so so"]}
    message = complaint("Good", "Bad", "Great", mapping=own)
    assert message.endswith(mapping("Bad", "Good", '"so so", Great')), "the user's mapping; leaving out is all it adds"


TWO_OF_FIVE = {"negative": [1, 2], "positive": [4, 5], "ignore": [3]}
SCALES = {
    (0, 1, 1): ("0 is taken as the lowest rating and 1 as the highest", mapping("0", "1")),
    (0, 1, 2, 3, 4): ("0 is taken as the lowest rating and 4 as the highest", mapping("0, 1", "3, 4", "2")),
    (1, 2, 3, 4, 5, 6, 7): ("1 is taken as the lowest rating and 7 as the highest", mapping("1, 2, 3", "5, 6, 7", "4")),
    (1, 2, 50, 60, ""): ("say what they mean", mapping("...", "...", '""')),
}


@pytest.mark.parametrize("labels", SCALES)
def test_numbers_of_another_scale_do_not_mean_what_data_labels_says(labels):
    """A model of stars: in a file of 0 and 1, 1 is no bad review, though data.labels lists it as such."""
    which, option = SCALES[labels]
    message = complaint(*labels, mapping=TWO_OF_FIVE)
    assert f", which seem to be of another scale than those in data.labels; {which}: {option}; if the" in message
    left_out = ", ".join(str(each) for each in labels if each not in (1, 2, 3, 4, 5, ""))
    empty = ', ""' * ("" in labels)
    assert message.endswith(
        f"if the scale is the same, leave out {left_out} with {mapping('1, 2', '4, 5', f'3, {left_out}{empty}')}"
    )
    message = complaint(-1, 1, 1, mapping={"negative": [0], "positive": [1]})
    assert f"lowest rating and 1 as the highest: {mapping('-1', '1')}; if the" in message
    stars = {str(star): [star] for star in range(1, 6)}
    message = complaint(0, 1, 2, 3, 4, mapping=stars)
    assert "--set 'data.labels={1: [0], 2: [1], 3: [2], 4: [3], 5: [4]}'; if the scale" in message
    assert "data.labels={1: [...], 2: [...], 3: [...], 4: [...], 5: [...]}'" in complaint(0, 1, mapping=stars)


@pytest.mark.parametrize("labels", [(0, 1, 2, 4, 5), (1, 2, 4, 5, 60), (1.5, 1, 5), (1, 2, "x", 0), (1, 5, "")])
def test_some_numbers_beside_those_of_the_scale(labels):
    assert "scale" not in complaint(*labels, mapping=TWO_OF_FIVE)
    two = {"negative": [0], "positive": [1]}
    assert "scale" not in complaint(-1, 0, 0, mapping=two), "-1 often means that there is no label"
    assert "scale" not in complaint(*[0] * 40, 5, mapping=two), "a mistake"


@pytest.mark.parametrize(("listed", "labels"), [((1, 2), (0, 1)), ((0, 4), (0, 1)), ((1, 2), (1, 5)), ((1, 5), (0, 2))])
def test_without_the_unknown_numbers_one_class_would_be_left(listed, labels):
    """If 1 is negative and 2 positive, 1 of a file with 0 and 1 is no negative review. Nobody but the user knows."""
    setting = {"negative": [listed[0]], "positive": [listed[1]]}
    message = (
        complaint(*labels * 2, mapping=setting)
        if set(labels) & set(listed)
        else complaint(*labels, listed[0], mapping=setting)
    )
    assert "which seem to be of another scale than those in data.labels; " in message
    assert "; if the scale is the same, leave out " in message


def test_a_row_with_the_total_is_no_class():
    """Nor is a label that says that nothing is known."""
    for labels, of in ((0, 1), "0, 1"), (("neg", "pos"), "neg, pos"):
        negative, positive = of.split(", ")
        message = as_classes(*labels * 20, 60)
        assert message == f"r.csv:42: label '60' {NEITHER}; correct it, or leave such rows out with " + mapping(
            negative, positive, "60"
        )
    assert "for a class each, from the worst to the best: --set data.labels=[0,1,2]" in as_classes(*(0, 1) * 20, 2, 2)
    message = as_classes(*("pos", "neg", "mixed", "unknown") * 3)
    assert message.endswith(
        f"{mapping('neg', 'pos', 'mixed, unknown')}, or make them classes, from the worst to the best: "
        "--set 'data.labels={neg: [neg], mixed: [mixed], pos: [pos], ignore: [unknown]}'"
    )
    for no_classes in ("pos", "neg", "?"), ("pos", "positive", "neg", "odd"), ("pos", "positive", "neg", ""):
        assert "class" not in as_classes(*no_classes * 3), "one of them is none, or two are one"


@pytest.mark.parametrize("none", [r"\N", "NULL", "<NA>", "N/A"])
def test_what_a_program_writes_for_no_label_is_no_class(none):
    written = as_yaml(none)
    message = as_classes(*("billing", "bug", "howto", none) * 3)
    assert f"data.labels={{billing: [billing], bug: [bug], howto: [howto], ignore: [{written}]}}'" in message
    assert f"data.labels={{negative: [...], positive: [...], ignore: [{written}]}}'" in message
    assert f"best: --set 'data.labels={{1: [1], 2: [2], 3: [3], ignore: [{written}]}}'" in as_classes(1, 2, 3, none)
    listed = {each: [each] for each in ("billing", "bug")}
    message = complaint("billing", "bug", none, mapping=listed)
    assert message.endswith(f"--set 'data.labels={{billing: [billing], bug: [bug], ignore: [{written}]}}'")


def test_a_mapping_with_none_of_the_labels():
    """That it lists the empty label, which is left out, makes none of the others known."""
    for labels, listed, ignored in (("fresh rotten fresh", {}, ""), ("fresh|rotten|fresh|", {"ignore": [""]}, '""')):
        with pytest.raises(NoKnownLabel) as caught:
            sources.load_corpus(labelled(*split(labels)), labels={"negative": [0], "positive": [4], **listed})
        assert str(caught.value) == (
            "r.csv: labels fresh (2), rotten (1), none of them in data.labels; say which is which: "
            + mapping("0, rotten", "4, fresh", ignored)
        ), "another source may have 0 and 4"
    with pytest.raises(
        NoKnownLabel, match=r"--set 'data\.labels=\{negative: \[0, \.\.\.\], positive: \[4, \.\.\.\]\}'$"
    ):
        sources.load_corpus(labelled("cold", "warm"), labels={"negative": [0], "positive": [4]})


PAIRS = ["happy sad", "ja nein", "no yes", "a b", "cold warm", "LABEL_0 LABEL_1", "fresh frozen", "spam ham"]
PAIRS += ["good weird", "4 5", "7 31", "-1 0", "1 101", "1 x", "2 stars|1 point", "spam"]


@pytest.mark.parametrize("labels", PAIRS)
def test_no_polarity_is_invented(labels):
    """Labels without a known meaning are listed with their counts, and the user says which is which."""
    for order in (split(labels), split(labels)[::-1]):
        message = complaint(*order, order[0])
        assert message.endswith(f"; say which is which: {mapping('...', '...')}")
        assert f" {order[0]} (2)" in message
        assert all(f" {label} (1)" in message for label in order[1:])


@pytest.mark.parametrize(
    ("labels", "suggestion"),
    [
        ("fresh rotten", mapping("rotten", "fresh")),
        ("Rotten FRESH", mapping("Rotten", "FRESH")),
        ("good bad", mapping("bad", "good")),
        ("positiv negativ neutral", mapping("negativ", "positiv", "neutral")),
        ("recommended|Not Recommended", mapping('"Not Recommended"', "recommended")),
        ("Thumbs Up|thumbs_down", mapping("thumbs_down", '"Thumbs Up"')),
        ("very negative|neutral|very positive", mapping('"very negative"', '"very positive"', "neutral")),
        ("schlecht gut", mapping("schlecht", "gut")),
        ("Olumlu Olumsuz", mapping("Olumsuz", "Olumlu")),
        ("Malo Bueno", mapping("Malo", "Bueno")),
        (":-( :-)", mapping('":-("', '":-)"')),
        ("好评 差评", mapping("差评", "好评")),
        ("👍 👎🏽", mapping('"👎🏽"', '"👍"')),
    ],
)
def test_words_of_known_polarity(labels, suggestion):
    assert complaint(*split(labels)).endswith(f"; say which is which: {suggestion}")


def test_other_labels_beside_words_of_known_polarity():
    message = complaint("fresh", "rotten", "frozen")
    assert message.endswith(f"; say which is which, or leave the others out: {mapping('rotten', 'fresh', 'frozen')}")


@pytest.mark.parametrize(
    ("labels", "low", "high", "suggestion"),
    [
        ("1 2 3 4 5", "1", "5", mapping("1, 2", "4, 5", "3")),
        ("5 4 1", "1", "5", mapping("1", "4, 5")),
        ("4 0", "0", "4", mapping("0", "4")),
        ("4 2 0", "0", "4", mapping("0", "4", "2")),
        ("0 1 2", "0", "2", mapping("0", "2", "1")),
        ("-1 0 1", "-1", "1", mapping("-1", "1", "0")),
        ("2 1", "1", "2", mapping("1", "2")),
        ("__label__2 __label__1", "1", "2", mapping("1", "2")),
        ("1.0 5.0", "1", "5", mapping("1", "5")),
        ("0.5 1 4.5", "0.5", "4.5", mapping("0.5, 1", "4.5")),
        ("0 1 2 3 4 5 6 7 8 9", "0", "9", mapping("0, 1, 2, 3, 4", "5, 6, 7, 8, 9")),
        ("5 stars|1 star|3 Stars", "1 star", "5 stars", mapping('"1 star"', '"5 stars"', '"3 Stars"')),
        ("1/5|5/5", "1/5", "5/5", mapping('"1/5"', '"5/5"')),
        (
            "5.0 out of 5 stars|1.0 out of 5 stars",
            "1.0 out of 5 stars",
            "5.0 out of 5 stars",
            mapping('"1.0 out of 5 stars"', '"5.0 out of 5 stars"'),
        ),
        ("Rated 1.0|Rated 5.0", "rated 1.0", "rated 5.0", mapping('"Rated 1.0"', '"Rated 5.0"')),
        ("1 of 5|Rating: 4 of 5", "1 of 5", "rating: 4 of 5", mapping('"1 of 5"', '"Rating: 4 of 5"')),
        ('"1,0"|"4,5"|2|"3,0"', "1,0", "4,5", mapping('"1,0", 2', '"3,0", "4,5"')),  # as spreadsheets in Europe have it
        ("⭐⭐⭐⭐⭐|⭐", "⭐", "⭐⭐⭐⭐⭐", mapping('"⭐"', '"⭐⭐⭐⭐⭐"')),
        ("★★★★★|★☆☆☆☆", "★☆☆☆☆", "★★★★★", mapping('"★☆☆☆☆"', '"★★★★★"')),
    ],
)
def test_rating_scales(labels, low, high, suggestion):
    """A low number is negative on most scales, but not on all: the message says what it takes for granted."""
    taken = f"; {low} is taken as the lowest rating and {high} as the highest: {suggestion}"
    assert complaint(*split(labels)).endswith(taken)


@pytest.mark.parametrize("labels", ["10 %|90 %|70 %|100 %", "12.5%|87.5%", "|".join(f"{i}%" for i in range(0, 96, 5))])
def test_percentages_are_a_scale_to_100(labels):
    """They were classes without an order."""
    ranges = {"negative": ["<=40"], "positive": [">=60"]}
    option = '--set \'data.labels={negative: ["<=40"], positive: [">=60"]}\''
    assert complaint(*split(labels)).endswith(
        f"taken as a scale from 0 to 100, whose middle fifth is left out: {option}"
    )
    corpus = sources.load_corpus(labelled(*split(labels)), ReadOptions(label="label"), labels=ranges)
    found = [float(label.strip(" %")) for label in split(labels)]
    assert corpus.label is not None
    assert corpus.label.tolist() == [int(number >= 60) for number in found if not 40 < number < 60]


# --- a class for each label


def as_classes(*labels: object) -> str:
    """Return what training says, which may have more than two classes."""
    config = Config.model_validate({"data": {"source": labelled(*labels), "validation": 0}})
    with pytest.raises(DataError) as caught:
        load_data(config)
    return str(caught.value)


@pytest.mark.parametrize(
    ("labels", "option"),
    [
        ("1 2 3 4 5", "--set data.labels=[1,2,3,4,5]"),
        ("3 2 1", "--set data.labels=[1,2,3]"),
        ("-1 0 1", "--set data.labels=[-1,0,1]"),
        ("0.5 1 4.5", "--set data.labels=[0.5,1,4.5]"),
        ("3 stars|1 star|2 stars", """--set 'data.labels=["1 star","2 stars","3 stars"]'"""),
        ("★★★|★|★★", """--set 'data.labels=["★","★★","★★★"]'"""),
        ("positive neutral negative", "--set data.labels=[negative,neutral,positive]"),
        ("Neutral Negativ Positiv", "--set data.labels=[negativ,neutral,positiv]"),
        (
            "neutral|very positive|positive|very negative|negative",
            """--set 'data.labels=["very negative",negative,neutral,positive,"very positive"]'""",
        ),
        ("positive|slightly positive|negative", """--set 'data.labels=[negative,"slightly positive",positive]'"""),
    ],
)
def test_a_class_for_each_label_in_the_known_order(labels, option):
    message = as_classes(*split(labels), split(labels)[0])
    assert f"; for a class each, from the worst to the best: {option}; for two, " in message
    assert f"r.csv: labels {split(labels)[0]} (2), " in message
    assert complaint(*split(labels)) != message, "eval of a model with two classes does not offer more"
    setting = yaml.safe_load(shlex.split(option)[1].partition("=")[2])
    config = Config.model_validate({"data": {"source": labelled(*split(labels)), "validation": 0, "labels": setting}})
    corpus, _ = load_data(config)
    assert sorted(corpus.label.tolist()) == list(range(len(setting)))
    assert label_notes(config.data) == [], "the names tell the order"


@pytest.mark.parametrize(
    "labels",
    ["food price service", "fresh frozen rotten", "bad good odd fair", "1 2 x", "ja nein", "Spaß Ärger", "A b"],
)
def test_labels_without_a_known_order(labels):
    """The classes are called as the file writes them: answers in small letters are not equal to its labels."""
    message = as_classes(*split(labels), "vielleicht")
    listed = ",".join(sorted([*split(labels), "vielleicht"], key=str.casefold))
    option, _, rest = message.partition("; for a class each: ")[2].partition(" --set data.ordered=false")
    assert shlex.split(option) == ["--set", f"data.labels=[{listed}]"]
    assert rest.startswith("; if they have an order, ")
    assert "from the worst to the best: --set data.labels=[...]; for two classes, say which is which" in message


def test_a_few_other_labels_may_be_a_class():
    assert as_classes("pos", "maybe", "neg").endswith(
        mapping("neg", "pos", "maybe") + ", or make them classes, from the worst to the best: "
        "--set data.labels=[neg,maybe,pos]"
    )
    for labels in (("pos", "neg", "Bad"), (0, 1, "", "x"), (0, 1, "x " * 100)):
        assert "data.labels=[" not in as_classes(*labels), "a synonym, a hole, and what is no label"


def test_what_else_is_wrong_is_reported_with_the_labels():
    Path("w.csv").write_text("text,label,w\na,1,1\nb,2,-1\nc,3,1\n")
    data = {"source": "w.csv", "validation": 0, "weight_column": "w"}
    with pytest.raises(DataError) as caught:
        load_data(Config.model_validate({"data": data}))
    assert [line.partition("; ")[0] for line in caught.value.lines] == [
        "w.csv: labels 1 (1), 2 (1), 3 (1)",
        "w.csv:3: weight '-1'",
    ]


@pytest.mark.parametrize(
    ("names", "is_told"),
    [
        ("[1, 2, 3]", False),
        ("[3, 2, 1]", True),
        ("[negative, neutral, positive]", False),
        ("[Negative, Neutral, Positive]", False),
        ("[bad, fair, good]", True),
        ("[food, price, service]", True),
        ("{low: [1], middle: [2], high: [3]}", True),
        ("{negative: [1, 2], neutral: [3], positive: [4], ignore: [5]}", False),
    ],
)
def test_the_order_that_only_the_list_tells(names, is_told):
    data = Data.model_validate({"labels": yaml.safe_load(names)})
    assert (label_notes(data) != []) == is_told
    for ordered in True, False:
        assert label_notes(Data.model_validate({"labels": yaml.safe_load(names), "ordered": ordered})) == []


def test_labels_of_other_values_are_put_into_the_lists_of_the_classes():
    three = {"negative": ["neg"], "neutral": ["neu"], "positive": ["pos"], "ignore": ["x"]}
    for labels, lists in {
        (0, 1, 2): "negative: [neg, 0], neutral: [neu, 1], positive: [pos, 2], ignore: [x]",
        (1, 2, 3, 4, 5): "negative: [neg, 1, 2], neutral: [neu, 3], positive: [pos, 4, 5], ignore: [x]",
        ("good", "bad"): "negative: [neg, bad], neutral: [neu], positive: [pos, good], ignore: [x]",
        ("a", "b", "c"): "negative: [neg, ...], neutral: [neu, ...], positive: [pos, ...], ignore: [x]",
    }.items():
        message = complaint(*labels, mapping=three)
        assert message.endswith(
            f"none of them in data.labels; write them into its lists: --set 'data.labels={{{lists}}}'"
        )
    topics = {"food": ["food"], "price": ["price"], "service": ["service"]}
    assert "[food, ...]" in complaint(1, 2, 3, mapping=topics), "topics have no order"


RATINGS = [5, "5.0", "5 stars", "4 stars", 4, "1 star", 1, 2, 2, 3, 3, ""]


def test_mixed_spellings_and_empty_labels_need_one_repair():
    """The setting that the first message offers is all that the data need."""
    with pytest.raises(OpenLabels) as caught:
        sources.load_corpus(labelled(*RATINGS))
    options = re.findall(r"--set '(data\.labels=.*?)'", caught.value.as_classes[0])
    assert options == [
        'data.labels={1: [1, "1 star"], 2: [2], 3: [3], 4: [4, "4 stars"], 5: [5, "5 stars"], ignore: [""]}',
        'data.labels={negative: [1, "1 star", 2], positive: [4, "4 stars", 5, "5 stars"], ignore: [3, ""]}',
    ]
    for option, number in zip(options, (11, 9), strict=True):
        settings = Data.model_validate({"labels": yaml.safe_load(option.removeprefix("data.labels="))})
        assert len(sources.load_corpus(labelled(*RATINGS), labels=settings.labels)) == number


def test_empty_labels_and_single_rows_of_topics_are_left_out_at_once():
    topics = ["bug", "bug", "billing", "billing", "login", "login", "careers", ""]
    with pytest.raises(OpenLabels) as caught:
        sources.load_corpus(labelled(*topics))
    each = 'data.labels={billing: [billing], bug: [bug], login: [login], ignore: [careers, ""]}'
    two = 'data.labels={negative: [...], positive: [...], ignore: [""]}'
    assert f"for a class each, without careers, of one row: --set '{each}'" in caught.value.as_classes[0]
    assert two in caught.value.as_classes[0]


@pytest.mark.parametrize(
    ("labels", "is_told"),
    [
        ({"negative": ["pos"], "positive": ["neg", "bad"]}, True),
        ({"negative": ["neg"], "positive": ["pos"]}, False),
        ({"negative": [1], "positive": [0]}, False),
        ({"negative": ["pos"], "positive": ["x"]}, False),
    ],
)
def test_a_mapping_that_reverses_its_words_is_told(labels, is_told):
    notes = label_notes(Data.model_validate({"labels": labels}))
    assert bool(notes) == is_told
    if is_told:
        assert notes[0].startswith("data.labels: pos taken as negative, and neg, bad as positive, the reverse of what")
        assert notes[0].endswith(mapping("neg, bad", "pos"))


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "json", "parquet", "ft", "txt"])
@pytest.mark.parametrize("low", [2**53, 2**63, 2**64])
def test_large_numbers_are_labels_of_their_own_in_every_format(suffix, low):
    labels = [low, low + 1] * 10
    rows = [{"text": f"text {row}", "label": label} for row, label in enumerate(labels)]
    name = f"large.{suffix}"
    if suffix == "parquet":
        kind = pa.uint64() if low < 2**64 else pa.decimal128(38)
        table = pa.table({"text": [row["text"] for row in rows], "label": pa.array(map(Decimal, labels)).cast(kind)})
        parquet.write_table(table, name)
    else:
        line = {"csv": "{text},{label}", "tsv": "{text}\t{label}", "ft": "__label__{label} {text}"}
        lines = [line.get(suffix, "{text}\t{label}").format(**row) for row in rows]
        header = {"csv": ["text,label"], "tsv": ["text\tlabel"]}.get(suffix, [])
        objects = [*map(json.dumps, rows), '{"text": "no number", "label": 0.5}']
        whole = {"json": json.dumps(rows), "jsonl": "\n".join(objects)}
        Path(name).write_text(whole.get(suffix, "\n".join([*header, *lines])))
    meaning = {"negative": [low + 1], "positive": [low], "ignore": [0.5]}
    assert sources.load_corpus(name, labels=meaning).label.tolist() == [1, 0] * 10
    with pytest.raises(DataError, match=rf"{low} \(10\), (__label__)?{low + 1} \(10\)"):
        sources.load_corpus(name)


SCORES = [round(0.013 * row, 3) for row in range(77)]  # from 0 to 0.988
UNIT = {"negative": ["<=0.4"], "positive": [">=0.6"]}
A_SCALE = (
    "r.csv: labels are 77 different numbers from {} to {}; taken as a scale from {} to {}, whose middle fifth is left "
)


@pytest.mark.parametrize(
    ("factor", "first", "low", "high", "cuts"),
    [
        (1, 0, 0, 1, (0.4, 0.6)),  # as the Stanford Sentiment Treebank has them
        (2, -1, -1, 1, (-0.2, 0.2)),
        (4, 1, 1, 5, (2.6, 3.4)),
        (100, 0, 0, 100, (40, 60)),
    ],
)
def test_continuous_numbers_are_cut_on_both_sides_of_the_middle(factor, first, low, high, cuts):
    labels = [round(first + factor * score, 3) for score in SCORES]
    setting = {"negative": [f"<={cuts[0]}"], "positive": [f">={cuts[1]}"]}
    message = complaint(*labels)
    assert message == A_SCALE.format(labels[0], labels[-1], low, high) + f"out: --set 'data.labels={as_yaml(setting)}'"
    corpus = sources.load_corpus(labelled(*labels), labels=setting)
    assert corpus.label is not None and corpus.label.tolist() == [0] * 31 + [1] * 30
    assert corpus.notes == ("r.csv: 16 reviews left out, as data.labels says",)


def test_numbers_of_no_usual_scale_are_cut_by_their_rows():
    points = [80 + row % 21 for row in range(105)]
    message = complaint(*points)
    assert "; the two fifths of the rows with the lowest numbers are one class, those with the highest" in message
    assert message.endswith(f"--set 'data.labels={as_yaml({'negative': ['<=88'], 'positive': ['>=92']})}'")
    assert "data.labels" not in complaint(*[0.5] * 90, *range(200, 230)), "most are the same: no cut halves them"


def test_a_range_is_not_guessed_for_a_few_ratings():
    assert complaint(*[7] * 9, *[31] * 9).endswith("say which is which: " + mapping("...", "..."))


def test_rows_without_a_label_are_left_out_beside_ranges():
    message = complaint(*SCORES, "", "NULL", "?")
    assert message.endswith(f"--set 'data.labels={as_yaml({**UNIT, 'ignore': ['?', '', 'NULL']})}'")
    labels = yaml.safe_load(shlex.split(message.partition("--set ")[2])[0].partition("=")[2])
    assert len(sources.load_corpus(labelled(*SCORES, "", "NULL", "?"), labels=labels)) == 61


def test_labels_that_no_range_has_are_named():
    message = complaint(*SCORES, "n.a.", mapping=UNIT)
    assert message.startswith("r.csv:79: label 'n.a.' is in no list of data.labels; correct it, or leave such rows out")
    bounded = {"negative": [">=0,<=0.4"], "positive": [">=0.6,<=1"]}
    assert complaint(*SCORES, 1.5, mapping=bounded).startswith("r.csv:79: label '1.5' is in no list of data.labels")


def test_several_classes_of_ranges():
    """As the five classes of the Stanford Sentiment Treebank."""
    labels = ["<=0.2", ">0.2,<=0.4", ">0.4,<=0.6", ">0.6,<=0.8", ">0.8"]
    corpus = sources.load_corpus(labelled(*SCORES), labels=Data(labels=labels).labels)
    assert corpus.label is not None and np.bincount(corpus.label).tolist() == [16, 15, 16, 15, 15]
    assert not corpus.notes


def test_numbers_of_32_bits_are_those_that_were_written():
    """0.4 is then 0.4000000059604645, and was in no list and above 0.4."""
    table = pa.table({"text": list("abcd"), "label": pa.array([0.4, 0.1, 0.6, 0.5], pa.float32())})
    parquet.write_table(table, "r.parquet")
    for setting in (UNIT, {"negative": [0.4, 0.1], "positive": [0.6], "ignore": [0.5]}):
        corpus = sources.load_corpus("r.parquet", labels=setting)
        assert corpus.label is not None and corpus.label.tolist() == [0, 0, 1]


STARS = {"negative": [1, 2], "positive": [4, 5], "ignore": [3]}
HALF = {"negative": ["<0.5"], "positive": [">0.5"]}


@pytest.mark.parametrize(
    ("setting", "labels", "fact", "meaning"),
    [
        (UNIT, [1, 2, 3, 4, 5] * 4, "labels from 1 to 5, and data.labels cuts a scale from 0 to 1", STARS),
        (UNIT, [0, 1, 2, 3, 4, 5] * 4, "labels from 0 to 5, and data.labels cuts", {"negative": [0, 1, 2]}),
        (UNIT, range(101), "labels from 0 to 100, and data.labels cuts", {"negative": ["<=40"]}),
        (
            {"low": ["<=2.6"], "high": [">=3.4"]},
            range(101),
            "labels from 0 to 100, and data.labels cuts",
            {"low": ["<=40"]},
        ),
        (HALF, [1, 1.5, 2, 4, 5] * 4, "labels from 1 to 5, and data.labels has all of them in positive", {}),
        ({"negative": ["<=40"], "positive": [">=60"]}, SCORES, "labels from 0 to 0.988, and data.labels has all", UNIT),
        (UNIT, [1, *SCORES, 3], "", {}),  # perhaps a mistake
        (UNIT, SCORES[-30:], "", {}),  # the positive reviews alone
        (UNIT, [0.6, 0.8, 1] * 9, "", {}),
        (HALF, [0, 1] * 9, "", {}),
        ({"negative": ["<=6"], "positive": [">=9"]}, [9, 10] * 9, "", {}),
        ({"negative": ["<=-1"], "positive": [">=1"]}, range(-30, 30), "", {}),  # sums of points
    ],
)
def test_numbers_of_another_scale_than_ranges(setting, labels, fact, meaning):
    """A range that is open at an end has them, and stars from 1 to 5 were all scored as positive, in silence."""
    notes = [note for note in sources.load_corpus(labelled(*labels), labels=setting).notes if "scale" in note]
    assert len(notes) == bool(fact)
    for note in notes:
        assert note.startswith(f"r.csv: {fact}")
        repair = note.partition("; if they are of another scale, write them on that, or, if no other data are read ")[2]
        said = yaml.safe_load(shlex.split(repair.partition("what they mean: ")[2])[1].partition("=")[2])
        assert said.items() >= meaning.items()
        assert "another scale" not in " ".join(sources.load_corpus(labelled(*labels), labels=said).notes)


def test_a_decimal_comma_is_in_a_range():
    Path("r.csv").write_text(
        "text;label\n" + "".join(f"text {row};{row / 10}\n".replace(".", ",") for row in range(11))
    )
    corpus = sources.load_corpus("r.csv", labels=UNIT)
    assert corpus.label is not None and corpus.label.tolist() == [0] * 5 + [1] * 5


def test_a_label_that_is_written_as_a_range_is_itself():
    corpus = sources.load_corpus(
        labelled("<=50K", ">50K", "<3", "<=50K"), labels={"negative": ["<=50K", "<3"], "positive": [">50K"]}
    )
    assert corpus.label is not None and corpus.label.tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("column", "yes", "lists"),
    [
        ("toxic", 1, "{not_toxic: [0], toxic: [1]}"),
        ("is_spam", 1, "{not_spam: [0], spam: [1]}"),
        ("hate", "true", '{not_hate: ["false"], hate: ["true"]}'),
        ("sarcasm_label", 1, "{not_sarcasm: [0], sarcasm: [1]}"),
    ],
)
def test_a_property_is_not_called_positive_in_silence(column, yes, lists):
    rows = "".join(f"text {row},{(yes, {1: 0}.get(yes, 'false'))[row % 2]}\n" for row in range(20))
    Path("r.csv").write_text(f"text,{column}\n{rows}")
    options = ReadOptions(label=column)
    assert sources.load_corpus("r.csv", options).notes == (
        f"r.csv: {yes} in {column!r} is taken as positive, and answers call it so; to call the classes "
        f"{' and '.join(yaml.safe_load(lists))}, train with --set 'data.labels={lists}' --set data.ordered=false",
    )
    assert not sources.load_corpus("r.csv", options, labels=yaml.safe_load(lists)).notes


@pytest.mark.parametrize(
    ("labels", "lists"),
    [
        ("keep ignore drop", "{drop: [drop], class_ignore: [ignore], keep: [keep]}"),
        ("keep ignore", "{class_ignore: [ignore], keep: [keep]}"),
    ],
)
def test_a_class_of_the_label_ignore_is_called_otherwise(labels, lists):
    """Its option made rows of it those to leave out."""
    with pytest.raises(OpenLabels) as open_labels:
        sources.load_corpus(labelled(*labels.split() * 9))
    option = f"--set 'data.labels={lists}'"
    assert f"{option} --set data.ordered=false" in open_labels.value.as_classes[0]
    corpus = sources.load_corpus(labelled(*labels.split() * 9), labels=Data(labels=yaml.safe_load(lists)).labels)
    assert len(corpus) == 9 * len(labels.split())
    with pytest.raises(ConfigError) as caught:
        load_config("default", [f"data.labels=[{','.join(sorted(labels.split()))}]"])
    assert str(caught.value).endswith(f"a class cannot be called ignore; write {option}")


def test_many_different_numbers_take_linear_time():
    """Each was compared with all others: 20,000 took minutes, and are a second."""
    table = pa.table({"text": [f"text {row}" for row in range(20_000)], "label": np.linspace(0, 1, 20_000)})
    parquet.write_table(table, "r.parquet")
    with pytest.raises(DataError, match=r"labels are 20,000 different numbers from 0.0 to 1.0; taken as a scale"):
        sources.load_corpus("r.parquet")
