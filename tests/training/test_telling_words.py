"""The note on words that tell the class: said of marks that only one class has, and not of what texts are about."""

from __future__ import annotations

import numpy as np
import pytest

from sentibp.data import sources, vocabulary_build
from sentibp.data.examples import Examples
from sentibp.data.labels import BINARY, Classes
from sentibp.data.tokenizer import tokenize
from sentibp.training.telling_words import telling_words_note
from sentibp.utils.arrow import strings


def note(texts: list[str], label: list[int], classes: Classes = BINARY, affixes: bool = False) -> str:
    vocabulary, features = vocabulary_build.build_vocabulary(tokenize(strings(texts)), 2, 1, affixes=affixes)
    found = telling_words_note(Examples(features, np.array(label, np.int8), None, classes), vocabulary)
    assert len(found) <= 1
    return found[0] if found else ""


def sample() -> tuple[list[str], list[int]]:
    corpus = sources.load_corpus("sample")
    return corpus.text.to_pylist(), corpus.label.tolist()


MARKS = {
    "a rating": lambda text, label, i: f"Rating: {(2, 4)[label] + i % 2}. {text}",
    "the mark of a source": lambda text, label, i: f"{text} {('Was this helpful', 'Report abuse')[label]}",
    "a mark of one class, which its lack tells of the other": lambda text, label, i: f"{text}{' via Twitter' * label}",
    "a mark that a few texts lack": lambda text, label, i: f"{text}{' via Twitter' * (label and i % 50 != 0)}",
    "stars": lambda text, label, i: f"{'★' * (1, 5)[label]} {text}",
}


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("affixes", [False, True])
def test_marks_are_told(mark, affixes):
    texts, label = sample()
    marked = [MARKS[mark](text, each, i) for i, (text, each) in enumerate(zip(texts, label, strict=True))]
    assert note(texts, label, affixes=affixes) == ""
    assert note(marked, label, affixes=affixes).startswith(
        "nearly all of 320 training texts have a word that only their class has, such as "
    )


def test_the_words_and_their_classes_are_named():
    texts, label = sample()
    marked = [f"{text} {('zzz', 'yyy')[each]}" for text, each in zip(texts, label, strict=True)]
    assert "such as 'zzz' of negative and 'yyy' of positive; a model reads the class there" in note(marked, label)


def test_of_three_classes_two_must_be_told():
    texts, _ = sample()
    label = [i % 3 for i in range(len(texts))]
    classes = Classes(("low", "mid", "high"))
    two = [f"{text} {('zzz', 'yyy', '')[each]}" for text, each in zip(texts, label, strict=True)]
    one = [f"{text} {('zzz', '', '')[each]}" for text, each in zip(texts, label, strict=True)]
    assert "'zzz' of low and 'yyy' of mid" in note(two, label, classes)
    assert note(one, label, classes) == ""


def test_many_words_of_a_subject_are_no_mark():
    texts, label = sample()
    subjects = (("goal", "team", "coach", "league", "referee"), ("orbit", "moon", "rocket", "comet", "planet"))
    about = [f"{subjects[each][i // 2 % 5]} {text}" for i, (text, each) in enumerate(zip(texts, label, strict=True))]
    assert note(about, label) == ""


def test_few_texts_and_labels_that_are_probabilities_have_no_note():
    assert note(["zzz"] * 19 + ["yyy"] * 19, [0] * 19 + [1] * 19) == ""
    assert note(["zzz"] * 20 + ["yyy"] * 20, [0] * 20 + [1] * 20) != ""
    vocabulary, features = vocabulary_build.build_vocabulary(tokenize(strings(["zzz"] * 20 + ["yyy"] * 20)), 2, 1)
    assert telling_words_note(Examples(features, np.repeat([0.0, 1.0], 20)), vocabulary) == []
