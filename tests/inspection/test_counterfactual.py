"""The smallest counterfactual, compared with a search of all sets."""

from __future__ import annotations

from itertools import combinations

import heads
import numpy as np
import pytest

from sentibp.inspection import counterfactual
from sentibp.inspection.counterfactual import find_counterfactual
from sentibp.inspection.explain import explain
from sentibp.utils.arrow import strings

TEXTS = ["a good film , not bad at all", "not good , a bad , bad film", "very good !", "the worst of all"]
NETWORKS = {
    "linear": {"hidden": []},
    "linear, sqrt": {"hidden": [], "embedding": {"dim": 4, "pooling": "sqrt"}},
    "linear, sum": {"hidden": [], "embedding": {"dim": 4, "pooling": "sum"}},
    "relu": {"hidden": [8]},
    "tanh": {"hidden": [8, 8], "activation": "tanh"},
}


def _random(new_classifier, kind, ngrams, seed, presence=False):
    classifier = new_classifier(TEXTS, model=NETWORKS[kind], text={"ngrams": ngrams, "presence": presence})
    _randomize(classifier, seed)
    return classifier


def _randomize(classifier, seed):
    rng = np.random.default_rng(seed)
    for tensor in classifier.tensors().values():
        tensor[...] = rng.standard_normal(tensor.shape)


def fewest_deletions(classifier, words):
    """Return the smallest number of deletions that changes the label, by trying all sets."""
    sets, texts = all_deletions(words)
    labels = classifier.predict(strings(texts)).positive >= 0.5
    return next((len(deleted) for deleted, label in zip(sets, labels, strict=True) if label != labels[0]), None)


def all_deletions(words):
    """Return all sets of positions to delete, the smallest first, and the text that each leaves."""
    sets = [deleted for k in range(len(words) + 1) for deleted in combinations(range(len(words)), k)]
    return sets, [" ".join(word for i, word in enumerate(words) if i not in deleted) for deleted in sets]


@pytest.mark.parametrize("presence", [False, True], ids=["counts", "presence"])
@pytest.mark.parametrize("ngrams", [1, 2])
@pytest.mark.parametrize("kind", ["linear", "linear, sqrt", "linear, sum", "relu", "tanh"])
def test_the_fewest_deletions(new_classifier, kind, ngrams, presence):
    classifier = _random(new_classifier, kind, ngrams, 0, presence)
    for seed in range(8):
        _randomize(classifier, seed)
        words = np.random.default_rng(seed).choice(["a", "good", "bad", "not", "film", "very", "zzz"], 6).tolist()
        found = find_counterfactual(classifier, " ".join(words), explain(classifier, " ".join(words)))
        assert found.exact
        fewest = fewest_deletions(classifier, words)
        assert (None if found.deletions is None else len(found.deletions)) == fewest
        if found.deletions is not None:
            _assert_deletions_change_the_label(classifier, " ".join(words), found)


def _assert_deletions_change_the_label(classifier, text, found):
    left = text
    for word in reversed(found.deletions):
        left = f"{left[: word.start]} {left[word.end :]}"
    before, after = classifier.predict(strings([text, left])).positive
    assert (before >= 0.5) != (after >= 0.5)
    assert found.positive == pytest.approx(after, abs=1e-6)


@pytest.mark.parametrize("kind", ["linear", "linear, sum"])
@pytest.mark.parametrize("bias", [-3.0, 0.0, 3.0])
def test_pairs_that_become_adjacent(new_classifier, monkeypatch, kind, bias):
    """Compare the dynamic programming with a search of all sets, where pairs matter more than words."""
    sizes = set()
    for seed in range(12):
        classifier = _random(new_classifier, kind, 2, seed)
        classifier.tensors()["output.bias"][...] += bias
        is_word = (classifier.vocabulary.prefix == -1)[:, None]
        classifier.tensors()["embedding.weight"][...] *= np.where(is_word, 0.3, 3)
        text = " ".join(np.random.default_rng(seed).choice(["a", "good", "bad", "not", "film", ",", "zzz"], 9))
        assert counterfactual._is_sum_of_pairs(classifier)
        explanation = explain(classifier, text)
        found = find_counterfactual(classifier, text, explanation)
        with monkeypatch.context() as patch:
            patch.setattr(counterfactual, "_is_sum_of_pairs", lambda classifier: False)
            all_sets = find_counterfactual(classifier, text, explanation)
        assert found.exact and all_sets.exact
        sizes.add(found.deletions and len(found.deletions))
        assert (found.deletions is None) == (all_sets.deletions is None)
        if found.deletions is not None:
            assert len(found.deletions) == len(all_sets.deletions)
            _assert_deletions_change_the_label(classifier, text, found)
    assert len(sizes) > 1, "the texts differ"


def test_pairs_are_exact_in_long_texts(new_classifier):
    classifier = _random(new_classifier, "linear", 2, 3)
    text = " ".join(np.random.default_rng(0).choice(["a", "good", "bad", "not", "film", ",", "very"], 120))
    found = find_counterfactual(classifier, text, explain(classifier, text))
    assert found.exact
    assert len(found.deletions) > 5
    _assert_deletions_change_the_label(classifier, text, found)


def test_a_sum_of_words_is_exact_in_a_long_text(new_classifier, monkeypatch):
    classifier = new_classifier(TEXTS, model={"hidden": []}, text={"ngrams": 1})
    for tensor in classifier.tensors().values():
        tensor[...] = 0
    weight = {"good": 1.0, "film": 0.5, "bad": -1.0, "all": -0.5}
    ids = {name: i for i, name in enumerate(classifier.vocabulary.features().to_pylist())}
    for word, value in weight.items():
        classifier.tensors()["embedding.weight"][ids[word]] = value
    classifier.tensors()["output.weight"][...] = 1 / 16
    classifier.tensors()["output.bias"][...] = -1e-4
    text = "good film " * 100 + "bad " * 60
    found = find_counterfactual(classifier, text, explain(classifier, text))  # 150 - 60: 90 times "good"
    assert found.exact
    assert [word.text for word in found.deletions] == ["good"] * 90
    _assert_deletions_change_the_label(classifier, text, found)
    monkeypatch.setattr(counterfactual, "_BUDGET", 260 * 10)  # not every number of words is tried
    found = find_counterfactual(classifier, text, explain(classifier, text))
    assert not found.exact and len(found.deletions) >= 90


def test_an_upper_bound_if_there_are_too_many_sets(new_classifier, monkeypatch):
    monkeypatch.setattr(counterfactual, "_BUDGET", 2_000)
    classifier = _random(new_classifier, "relu", 2, 0)
    text, sizes = "a good film ! very good not bad at all , very good film".replace(" ", " zzz "), []
    for seed in range(20):
        _randomize(classifier, seed)
        found = find_counterfactual(classifier, text, explain(classifier, text))
        if found.exact or found.deletions is None:
            continue
        sizes.append(len(found.deletions))
        _assert_deletions_change_the_label(classifier, text, found)
        for word in found.deletions:  # each of them is necessary
            fewer = found._replace(deletions=[other for other in found.deletions if other != word])
            with pytest.raises(AssertionError):
                _assert_deletions_change_the_label(classifier, text, fewer)
    assert len(sizes) > 3 and max(sizes) > 4


@pytest.mark.parametrize("bias", [1, 0])
def test_no_deletion_changes_the_label(new_classifier, bias):
    classifier = new_classifier(TEXTS)
    for tensor in classifier.tensors().values():
        tensor[...] = 0
    classifier.tensors()["output.bias"][...] = bias
    found = find_counterfactual(classifier, "a good film", explain(classifier, "a good film"))
    assert found == (None, True, None, None)
    assert find_counterfactual(classifier, "", explain(classifier, "")) == (None, True, None, None)


# --- more than two labels


def label_after_deletions(classifier, words):
    """Return the label after each set of deletions, the smallest set first, and the number of deletions."""
    sets, texts = all_deletions(words)
    numbers = classifier.predict(strings(texts)).positive.argmax(axis=1).tolist()
    return [(classifier.spec.labels[number], len(deleted)) for number, deleted in zip(numbers, sets, strict=True)]


def fewest_class_deletions(after, target=None):
    """Return the smallest number of deletions that changes the label, to the target if there is one."""
    before = after[0][0]
    wanted = (lambda label: label != before) if target is None else (lambda label: label == target)
    return next((deleted for label, deleted in after if wanted(label)), None)


@pytest.mark.parametrize("ngrams", [1, 2])
@pytest.mark.parametrize("kind", ["linear", "linear, sqrt", "linear, sum", "relu"])
@pytest.mark.parametrize("head", heads.HEADS)
def test_the_fewest_deletions_to_any_label_and_to_each(new_classifier, head, kind, ngrams):
    text = {"ngrams": ngrams, "presence": False}
    for seed in range(3):
        classifier = heads.random_classifier(new_classifier, head, TEXTS, NETWORKS[kind], seed, 2.0, text=text)
        words = np.random.default_rng(seed).choice(["a", "good", "bad", "not", "film", "very", "zzz"], 6).tolist()
        text_, explanation = " ".join(words), explain(classifier, " ".join(words))
        after_each = label_after_deletions(classifier, words)
        for target in (None, *(name for name in classifier.spec.labels if name != explanation.label)):
            found = find_counterfactual(classifier, text_, explanation, target)
            assert found.exact
            expected = fewest_class_deletions(after_each, target)
            assert (None if found.deletions is None else len(found.deletions)) == expected, (seed, target)
            if found.deletions is not None:
                left = text_
                for word in reversed(found.deletions):
                    left = f"{left[: word.start]} {left[word.end :]}"
                after = classifier.predict(strings([left])).positive[0]
                assert found.positive == pytest.approx(after, abs=1e-6)
                assert (classifier.spec.labels[after.argmax()] == target) or target is None


@pytest.mark.parametrize("head", heads.HEADS)
@pytest.mark.parametrize("target", [False, True])
def test_of_a_long_text_an_upper_bound_is_found(new_classifier, monkeypatch, head, target):
    classifier = heads.random_classifier(new_classifier, head, TEXTS, NETWORKS["relu"], 1, 2.0)
    words = np.random.default_rng(3).choice(["a", "good", "bad", "not", "film", "very"], 40).tolist()
    explanation = explain(classifier, " ".join(words))
    monkeypatch.setattr(counterfactual, "_BUDGET", 40 * 60)
    other = next(name for name in classifier.spec.labels if name != explanation.label) if target else None
    found = find_counterfactual(classifier, " ".join(words), explanation, other)
    assert not found.exact
    if found.deletions is not None:
        label = classifier.spec.labels[int(np.argmax(found.positive))]
        assert label == other if target else label != explanation.label
