"""Neighbours, analogies and weights of models whose vectors are known."""

from __future__ import annotations

from dataclasses import replace

import heads
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sentibp.data.folding import Spelling
from sentibp.errors import ConfigError
from sentibp.inspection import words
from sentibp.inspection.explain import explain
from sentibp.model import word_vectors
from sentibp.model.build import assemble
from sentibp.nn.layers import sigmoid
from sentibp.utils.arrow import strings

# Royalty, manhood, womanhood; the words in the order of their ids, the most frequent first
ROWS = {
    "film": [0.0, 0.0, 0.0],
    "king": [3.0, 1.0, 0.0],
    "man": [0.0, 2.0, 0.0],
    "queen": [1.0, 0.0, 1.0],
    "woman": [0.0, 0.0, 1.0],
    "crown": [5.0, 0.0, 0.0],
}
TEXT = " ".join(f"{word} " * (len(ROWS) - i) for i, word in enumerate(ROWS))


@pytest.fixture(scope="module")
def court(new_classifier):
    """A model of six words whose vectors are ROWS. Its output is royalty minus manhood."""
    classifier = new_classifier([TEXT], text={"ngrams": 1}, model={"hidden": [], "embedding": {"dim": 3}})
    assert classifier.vocabulary.features().to_pylist() == list(ROWS)
    classifier.tensors()["embedding.weight"][:] = list(ROWS.values())
    classifier.tensors()["output.weight"][:] = [[1.0], [-1.0], [0.0]]
    classifier.tensors()["output.bias"][:] = 7.0
    return classifier


def names(found: words.Ranking) -> list[str]:
    return [name for name, _ in found]


# Neighbours


def test_neighbours_are_by_angle_not_by_length(court):
    found = words.neighbors(court, "crown", 9, 9)
    assert names(found) == ["king", "queen", "film", "man", "woman"], "the more frequent first if cosines are equal"
    assert [cosine for _, cosine in found] == pytest.approx([3 / 10**0.5, 1 / 2**0.5, 0, 0, 0])


def test_of_equal_scores_the_most_frequent_features_come_first(new_classifier):
    classifier = new_classifier([" ".join(f"word{i:03}" for i in range(300))], text={"ngrams": 1}, model={"hidden": []})
    classifier.tensors()["embedding.weight"][:] = np.ones(16) * (1 - np.arange(300) % 3)[:, None]
    expected = [f"word{i:03}" for i in range(0, 300, 3)]
    assert names(words.neighbors(classifier, "word000", 99, 300)) == expected[1:]
    classifier.tensors()["output.weight"][:] = 1.0
    assert names(words.top_features(classifier, 100, 300).positive) == expected


def test_a_word_may_be_spelled_as_in_a_review(court):
    assert words.neighbors(court, " King\n", 2, 9) == words.neighbors(court, "king", 2, 9)


def test_only_the_most_frequent_features_are_neighbours(court):
    assert names(words.neighbors(court, "crown", 9, 2)) == ["king", "film"]
    assert names(words.neighbors(court, "king", 1, 9)) == ["crown"]


def test_an_ngram_has_neighbours(new_classifier):
    classifier = new_classifier(["not good", "not good at all"], model={"hidden": [], "embedding": {"dim": 2}})
    features = classifier.vocabulary.features().to_pylist()
    weight = classifier.tensors()["embedding.weight"]
    weight[:] = [1, 0]
    weight[features.index("not good")] = weight[features.index("all")] = [-1, 0.5]
    assert names(words.neighbors(classifier, "not good", 1, 99)) == ["all"]
    assert "not good" in names(words.neighbors(classifier, "all", 1, 99))


@settings(deadline=None)
@given(arrays(np.float32, (6, 3), elements=st.floats(-2, 2, width=32)), st.sampled_from(list(ROWS)))
def test_cosines_match_the_definition_and_are_sorted(court, matrix, word):
    rows = court.tensors()["embedding.weight"]
    before = rows.copy()
    rows[:] = matrix
    try:
        found = words.neighbors(court, word, 9, 9)
    finally:
        rows[:] = before
    assert sorted(names(found)) == sorted(set(ROWS) - {word})
    of = dict(zip(ROWS, matrix.astype(np.float64), strict=True))
    for name, cosine in found:
        length = np.linalg.norm(of[name]) * np.linalg.norm(of[word])
        assert cosine == pytest.approx(of[name] @ of[word] / length if length else 0, abs=1e-9)
    cosines = [cosine for _, cosine in found]
    assert cosines == sorted(cosines, reverse=True)


# Analogies


def test_king_is_to_man_as_queen_is_to_woman(court):
    found = words.analogy(court, "king", "man", "woman", 1, 9)
    assert names(found) == ["queen"]
    unit = {word: np.array(row) / max(np.linalg.norm(row), 1) for word, row in ROWS.items()}
    unit["man"], unit["king"] = np.array([0, 1, 0]), np.array([3, 1, 0]) / 10**0.5
    direction = unit["king"] - unit["man"] + unit["woman"]
    expected = direction @ np.array(ROWS["queen"]) / np.linalg.norm(direction) / 2**0.5
    assert found[0][1] == pytest.approx(expected)


def test_the_order_matters_and_the_three_are_left_out(court):
    assert names(words.analogy(court, "man", "king", "queen", 1, 9)) == ["woman"]
    for three in (("king", "man", "woman"), ("crown", "king", "queen")):
        assert not set(three) & set(names(words.analogy(court, *three, 9, 9)))


@settings(deadline=None)
@given(st.sampled_from(list(ROWS)), st.sampled_from(list(ROWS)))
def test_the_analogy_of_a_word_to_itself_is_a_neighbour(court, a, c):
    expected = [pair for pair in words.neighbors(court, c, 9, 9) if pair[0] != a]
    found = words.analogy(court, a, a, c, 9, 9)
    assert dict(found) == pytest.approx(dict(expected))


# Weights


def test_without_hidden_layers_a_weight_is_exact(court):
    result = words.top_features(court, 9, 9)
    assert result.linear
    assert result.positive == [("crown", 5.0), ("king", 2.0), ("queen", 1.0)]
    assert result.negative == [("man", -2.0)], "a weight of 0 is in neither list"
    assert words.top_features(court, 1, 3) == ([("king", 2.0)], [("man", -2.0)], True), "of the three most frequent"


@pytest.mark.parametrize(("pooling", "divisor"), [("sum", 1), ("sqrt", 2), ("mean", 4)])
def test_weights_add_up_to_the_answer(new_classifier, pooling, divisor):
    sections = {"text": {"ngrams": 1}, "model": {"hidden": [], "embedding": {"dim": 3, "pooling": pooling}}}
    classifier = new_classifier(["a good film and a bad film"], **sections)
    result = words.top_features(classifier, 99, 99)
    weight = dict(result.positive + result.negative)
    bias = float(classifier.tensors()["output.bias"][0])
    answer = classifier.predict(strings(["good film good and"])).positive[0]
    total = sum(weight[word] for word in ("good", "film", "good", "and"))
    assert answer == pytest.approx(sigmoid(np.float64(bias + total / divisor)), rel=1e-5)


def test_with_hidden_layers_a_weight_is_the_logit_of_the_feature(new_classifier):
    classifier = new_classifier(["good bad film good"], text={"ngrams": 1}, model={"hidden": [4]})
    result = words.top_features(classifier, 9, 9)
    assert not result.linear
    answers = classifier.predict(strings(["good", "bad", "film", ""])).positive
    logit = np.log(answers / (1 - answers))
    expected = dict(zip(("good", "bad", "film"), (logit - logit[-1]).tolist(), strict=False))
    assert dict(result.positive + result.negative) == pytest.approx(expected, rel=1e-3)


def test_the_weight_of_an_ngram_excludes_its_words(new_classifier):
    classifier = new_classifier(["not good"], model={"hidden": [], "embedding": {"dim": 1}})
    classifier.tensors()["embedding.weight"][:] = [[1.0], [2.0], [-5.0]]  # good, not, not good
    classifier.tensors()["output.weight"][:] = 1.0
    assert words.top_features(classifier, 9, 9) == ([("not", 2.0), ("good", 1.0)], [("not good", -5.0)], True)


def test_vectors_of_a_pretraining(court):
    rows = np.array(list(ROWS.values()), np.float32)
    saved = word_vectors.VectorFile(
        strings(ROWS), word_vectors.to_half_precision(np.arange(len(rows)), rows), "words", 3, Spelling()
    )
    assert words.neighbors(saved, " Crown", 9, 9) == words.neighbors(court, "crown", 9, 9)
    assert words.analogy(saved, "king", "man", "woman", 2, 9) == words.analogy(court, "king", "man", "woman", 2, 9)
    as_typed = saved._replace(spelling=Spelling(lowercase=False))
    with pytest.raises(ConfigError, match="'Crown': no word"):
        words.neighbors(as_typed, "Crown", 9, 9)


# Unknown words


def test_an_unknown_word_is_reported_with_similar_spellings(court, complaint):
    text = complaint(ConfigError, words.neighbors, court, "Kng", 9, 9)
    assert text == "'Kng': no word or n-gram of the model; did you mean 'king'?"
    for unknown in ("xyz", "", "king man"):
        assert complaint(ConfigError, words.neighbors, court, unknown, 9, 9).startswith(
            f"{unknown!r}: no word or n-gram"
        )


def test_all_unknown_words_are_reported_at_once(court):
    with pytest.raises(ConfigError) as caught:
        words.analogy(court, "kin", "man", "wman", 9, 9)
    assert [line.split(":")[0] for line in caught.value.lines] == ["'kin'", "'wman'"]


@pytest.mark.parametrize("head", heads.HEADS)
def test_the_words_of_each_sum_of_more_than_two_labels(new_classifier, head):
    """The weight of a word is each sum of a review with this word only, minus that of an empty review.

    An adaptive temperature, which is another one for each review, is 1 in these sums, as it is in a usual review.
    """
    text = {"ngrams": 1}
    classifier = heads.random_classifier(new_classifier, head, ["good bad film"], {"hidden": [4]}, text=text)
    empty = explain(classifier, "")
    spec = replace(classifier.spec, adaptive_temperature=False)
    usual = replace(classifier, spec=spec, network=assemble(spec, classifier.tensors()))
    found = words.top_class_features(classifier, 9, 9)
    assert list(found.sums) == [each.name for each in empty.sums]
    assert not found.linear
    for i, sides in enumerate(found.sums.values()):
        high, low = sides.values()
        shown = {**dict(high), **dict(low)}
        assert set(shown) == set(classifier.vocabulary.features().to_pylist())
        assert all(weight > 0 for _, weight in high)
        assert [weight for _, weight in high] == sorted((weight for _, weight in high), reverse=True)
        for word, weight in shown.items():
            expected = explain(usual, word).sums[i].value - explain(usual, "").sums[i].value
            assert weight == pytest.approx(expected, abs=1e-5)
    if head == "scale of 5":
        assert [list(sides) for sides in found.sums.values()] == [["5", "1"], ["middle", "ends"]]
    if head == "softmax":
        assert list(found.sums["pear"]) == ["for", "against"]


def test_without_hidden_layers_the_words_of_each_sum_are_exact(new_classifier):
    classifier = heads.random_classifier(new_classifier, "scale of 5", ["good bad film"], {"hidden": []})
    found = words.top_class_features(classifier, 9, 9)
    assert found.linear
    tensors = classifier.tensors()
    row = classifier.vocabulary.features().to_pylist().index("good")
    padding = 1 + classifier.spec.padding
    expected = tensors["embedding.weight"][row] @ tensors["output.weight"] / padding
    for sides, weight in zip(found.sums.values(), expected, strict=True):
        high, low = map(dict, sides.values())
        assert (high | low)["good"] == pytest.approx(weight, abs=1e-5)
