"""The page of an explanation: each word once, and the line breaks of web pages as line ends."""

from __future__ import annotations

import re

import numpy as np
import pytest

from sentibp.inspection.explain import Contribution, Sum, Word, explain
from sentibp.inspection.pages.explanation import excerpt, explanation_page, marked, merged, without_breaks
from sentibp.inspection.pages.report_words import strongest_words
from sentibp.inspection.words import top_class_features


def test_a_repeated_feature_is_listed_once_with_the_sum():
    parts = [Contribution("a", 0, 1, 0.5), Contribution("b", 2, 3, -0.75), Contribution("a", 4, 5, 0.5)]
    assert merged(parts) == [("a ×2", 1.0, [(0, 1), (4, 5)]), ("b", -0.75, [(2, 3)])]
    assert merged([]) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a<br />b", "a\nb"),
        ("a <br/><BR> b<br >", "a\nb\n"),
        ("a <b>c</b> <brand> br", "a <b>c</b> <brand> br"),
        ("<br", "<br"),
    ],
)
def test_line_breaks_of_web_pages(text, shown):
    assert without_breaks(text) == shown


def test_the_page(new_classifier):
    text = "good film<br /><br />good & bad"
    explanation = explain(new_classifier(["good film", "bad film", "<br />"]), text)
    body = marked(text, explanation.shown)
    assert "br" not in re.sub(r"<[^>]*>", "", body)
    assert "\n" in body and "&amp;" in body
    page = explanation_page(text, explanation, "mine")
    assert re.search(r"<h1>Why (positive|negative), with a probability of 0\.\d{4}\?</h1>", page)
    assert "the answer of the model <b>mine</b>. Green words are evidence" in page
    assert page.count("<td>good ×2</td>") == 1
    assert "<td>0–4, 21–25</td>" in page


def test_a_text_without_a_known_word_is_said_to_be_so(new_classifier):
    classifier = new_classifier(["good film", "bad film"])
    for text in "zzz", "":
        page = explanation_page(text, explain(classifier, text), "mine")
        assert "The model knows no word of this review" in page and "<table>" not in page
    assert "knows no word" not in explanation_page("good", explain(classifier, "good"), "mine")


def test_an_excerpt_is_the_passage_that_contributes_most():
    text = "It was a day like any other. " * 4 + "Then came a wonderful film! " + "We went home after that. " * 4
    words = [
        Word(m[0], m.start(), m.end(), 1.0 if m[0] in ("wonderful", "film") else 0.01, True)
        for m in re.finditer(r"\w+", text)
    ]
    whole = Sum("logit", 0.0, 0.0, [], 0.0, words)
    shown, part = excerpt(text, whole, 60)
    assert "a wonderful film" in shown
    assert shown.startswith("… ") and shown.endswith(" …")
    assert len(shown) <= 60 + 4
    assert all(shown[word.start : word.end] == word.text for word in part.words)
    assert excerpt(text, whole, len(text)) == (text, whole)
    assert excerpt("xyz" * 9, whole._replace(words=[]), 5)[0] == "xyzxy"


def test_an_excerpt_has_no_blank_lines_at_its_beginning():
    text = " <br /><BR>\n good film"
    words = [Word("br", 2, 4, 0.5, True), Word("good", 13, 17, 1.0, True), Word("film", 18, 22, 0.5, True)]
    shown, part = excerpt(text, Sum("logit", 0.0, 0.0, [], 0.0, words), 280)
    assert shown == "good film"
    assert [shown[word.start : word.end] for word in part.words] == ["good", "film"]


def test_an_excerpt_of_one_long_word_is_that_word():
    text = "a" * 50
    shown, part = excerpt(text, Sum("logit", 0.0, 0.0, [], 0.0, [Word(text, 0, 50, 1.0, True)]), 20)
    assert (shown, part.words[0].end) == (text, 50)


@pytest.mark.parametrize(("count", "folded"), [(3, None), (4, "The other label"), (9, "The other 6 labels")])
def test_the_less_probable_of_many_labels_are_folded(new_classifier, count, folded):
    data = {"labels": [f"topic {i}" for i in range(count)], "ordered": False}
    classifier = new_classifier(["good film", "bad film"], model={"output": "softmax"}, data=data)
    page = explanation_page("good film", explain(classifier, "good film"), "mine")
    assert page.count("against the rest</h2>") == count
    assert re.findall("<summary>(.*)</summary>", page) == ([folded] if folded else [])
    shown, _, hidden = page.partition("<details>")
    assert (shown.count("against the rest</h2>"), page.count("</details>")) == (3, int(folded is not None))
    assert "Contributions say" not in hidden.partition("</details>")[0], "what holds for all is below the fold"


@pytest.mark.parametrize(
    ("names", "output"),
    [
        (["neutrality", "polarity", "logit"], "softmax"),
        (["polarity", "neutrality"], "softmax"),
        (["neutrality", "polarity", "logit"], "scale"),
        (["bad", "neutrality", "good"], "scale"),
        (["polarity", "so so", "good"], "cumulative"),
    ],
)
def test_classes_that_are_called_as_sums_are(new_classifier, names, output):
    """A class `neutrality` without an order had the colours and the words of the middle of a scale."""
    data = {"labels": names, "ordered": output != "softmax"}
    classifier = new_classifier(["good film", "bad film"], model={"output": output}, data=data)
    tensor = classifier.tensors()["embedding.weight"]
    tensor[...] = np.random.default_rng(0).standard_normal(tensor.shape)
    explanation = explain(classifier, "good film")
    page = explanation_page("good film", explanation, "mine")
    kinds = set(re.findall(r'class="(neutral|opinion|positive|negative)"', page))
    of_labels = output == "softmax"
    assert page.count("against the rest</h2>") == (len(names) if of_labels else 0)
    if of_labels:
        heads = re.findall(r"<h2>(.+) against the rest</h2>", page)
        assert heads == sorted(names, key=lambda name: -explanation.probabilities[name]), "the predicted one first"
    assert (kinds & {"neutral", "opinion"} != set()) == ("middle of the scale" in page) == (output == "scale")
    assert explanation.shown.name == (explanation.label if of_labels else "polarity")
    found = top_class_features(classifier, 3, 9)
    assert [list(each) for each in found.sums.values()] == (
        [["for", "against"]] * len(names)
        if of_labels
        else [[names[-1], names[0]], ["middle", "ends"]][: len(found.sums)]
    )
    kinds = [side.kind for side in strongest_words([classifier])[0]]
    assert ("neutral" in kinds) == (output == "scale") and ("negative" in kinds) == (not of_labels)
