"""What labels mean, by their words and numbers."""

from __future__ import annotations

import pytest

from sentibp.utils.label_key import label_key
from sentibp.utils.label_mapping import class_order, class_spellings, column_polarity, property_of, suggest, worse_first

WORSE_FIRST = ["neg pos", "negative positive", "bad good", "no yes", "n y", "1 5", "-1 1", "false true", "bad ok"]
WORSE_FIRST += [
    "ok good",
    "terrible bad",
    "good excellent",
    "1_star 5_stars",
    "one_star five_stars",
    "2/5 4/5",
    "👎 👍",
]
WORSE_FIRST += ["👎 👍", "nein ja", "frozen fresh", "ugly good", "★☆ ★★", "very_bad bad", "somewhat_good very_good"]


@pytest.mark.parametrize("pair", WORSE_FIRST)
def test_the_worse_of_two_labels(pair):
    worse, better = (label_key(each.replace("_", " ")) for each in pair.split())
    assert worse_first(worse, better) == worse_first(better, worse) == (worse, better)


@pytest.mark.parametrize(
    "pair", ["billing bug", "a b", "good fresh", "neutral strange", "sports politics", "5_stars 3_points"]
)
def test_two_labels_without_a_known_order(pair):
    assert worse_first(*(each.replace("_", " ") for each in pair.split())) is None


def test_spellings_of_one_rating_are_one_class():
    keys = ["5", "5 stars", "four stars", "4", "3 star", "2/5", "★"]
    classes = {"★": ["★"], "2/5": ["2/5"], "3 star": ["3 star"], "4": ["4", "four stars"], "5": ["5", "5 stars"]}
    assert class_spellings(keys) == classes
    assert list(class_spellings(keys) or ()) == list(classes), "in order"
    assert class_order(keys) is None, "5 and 5 stars are no two classes"
    assert suggest(keys).negative == ["★", "2/5"]
    assert suggest(keys).positive == ["4", "four stars", "5", "5 stars"]


def test_synonyms_are_one_class():
    assert class_spellings(["pos", "neutral", "neg", "negative", "mixed"]) == {
        "negative": ["neg", "negative"],
        "neutral": ["mixed", "neutral"],
        "positive": ["pos"],
    }


@pytest.mark.parametrize("keys", ["1 star|2 points", "4/5|8/10", "7|4/5", "1|five", "1|x", "good|x"])
def test_labels_of_several_scales_have_no_order(keys):
    assert class_spellings(keys.split("|")) is None


@pytest.mark.parametrize(
    ("column", "means"),
    [
        *(
            (each, "negative")
            for each in ("neg", "Negative", "is_negative", "isNegative", "label-neg", "not_recommended")
        ),
        *((each, "positive") for each in ("pos", "is_positive", "recommended", "thumbs up")),
        *(
            (each, None)
            for each in ("label", "sentiment", "neg_or_pos", "not_negative", "id", "", "negation", "neutral")
        ),
    ],
)
def test_what_1_means_in_a_column_by_its_name(column, means):
    assert column_polarity(column) == means


@pytest.mark.parametrize(
    ("column", "name"),
    [
        *(("toxic", "toxic"), ("isSpam", "spam"), ("hate_speech", "hate_speech"), ("sarcasm_label", "sarcasm")),
        *(("is_question", "question"), ("severe_toxicity", "severe_toxicity"), ("toxicity_score", "toxicity")),
        *(
            (each, None)
            for each in ("label", "is_positive", "is_disliked", "recommended", "target", "sentiment", "is", "")
        ),
    ],
)
def test_the_property_that_a_column_tells(column, name):
    assert property_of(column) == name
