"""data/similar.py: which texts are nearly the same."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.data import similar
from sentibp.utils.arrow import strings


def groups(*texts: str, chunks: int = 1) -> list[int]:
    pieces = [strings(list(texts[k::chunks])) for k in range(chunks)] if chunks == 1 else [strings([t]) for t in texts]
    return similar.similar_groups(pa.chunked_array(pieces, pa.large_string())).tolist()


SENTENCE = "a film that is long and slow but never dull"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], []),
        (["", "", "a"], [0, 0, 2]),
        (["long and slow", SENTENCE, "but never dull"], [1, 1, 1]),  # phrases of three words
        (["slow", SENTENCE, "film"], [0, 1, 2]),  # one word is part of many texts
        ([SENTENCE, f"{SENTENCE} indeed"], [1, 1]),
        ([SENTENCE, SENTENCE.upper(), f"{SENTENCE} "], [0, 0, 0]),  # equal but for capitals and space
        ([f"{SENTENCE} a", f"{SENTENCE} b"], [0, 0]),  # of the same length: the first one
        (["never dull", "but never dull", SENTENCE], [2, 2, 2]),
        (["is long and", "dull but", SENTENCE], [2, 1, 2]),  # the words of the second one do not follow each other
        (["one two three four five six", "x one two three four five y z u v w", "u v"], [1, 1, 1]),
        (["one two three four five six seven eight", "one two three four five a b c d e f"], [0, 1]),  # a quarter
    ],
)
def test_similar_groups(texts, expected):
    assert groups(*texts) == expected
    assert groups(*texts, chunks=2) == expected


@pytest.mark.parametrize("many", [32, 33])
def test_what_more_than_32_texts_have_makes_none_similar(many):
    signature = "sent from my phone with love"
    texts = [f"{number} {signature}" for number in range(many)]
    assert len(set(groups(*texts))) == (1 if many == 32 else many)
    assert len(set(groups(*texts, *[f"w{k} x{k} y{k} z{k} v{k}" + f" {signature}" * (k % 2) for k in range(4)]))) > 4


def by_definition(texts: list[str]) -> list[int]:
    """Return the groups as the description has them. Each letter of a text is a word."""
    first = {text: number for number, text in reversed(list(enumerate(texts)))}
    distinct = sorted(first, key=first.__getitem__)
    order = sorted(distinct, key=lambda text: (-len(text), first[text]))

    def sequences(text: str, size: int) -> set[str]:
        return {text[i : i + size] for i in range(len(text) - size + 1)}

    joined = {}
    for text in distinct:
        size = min(len(text), 5)
        holders = {each: [other for other in order if each in other] for each in sequences(text, size) if size > 1}
        counts = Counter(having[0] for having in holders.values() if len(having) <= 32)
        total = counts.total()
        longer = [other for other in order if other != text and counts[other] and 2 * counts[other] >= total]
        joined[text] = max(longer, key=counts.__getitem__, default=text)
    for _ in distinct:
        joined = {text: joined[other] for text, other in joined.items()}
    return [first[joined[text]] for text in texts]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text("abc", max_size=12), max_size=8), st.sampled_from([1, 10, 40]), st.integers(5, 60))
def test_groups_are_those_of_the_definition(texts, times, piece):
    texts = texts + [f"{text}{'abc'[k % 3] * k}" for text in texts[:1] for k in range(times)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similar, "_PIECE", piece)
        patch.setattr(similar, "_PART", 4 * piece)
        assert groups(*(" ".join(text) for text in texts)) == by_definition(texts)


def test_phrases_of_sentences():
    """The groups of phrases that were cut from sentences are the sentences, but for words that several have."""
    rng = np.random.default_rng(0)
    sentences = [" ".join(f"w{word}" for word in rng.integers(10**6, size=20)) for _ in range(50)]
    texts, source = [], []
    for number, sentence in enumerate(sentences):
        words = sentence.split()
        for size in (20, 12, 7, 3, 2):
            start = int(rng.integers(len(words) - size + 1))
            texts.append(" ".join(words[start : start + size]))
            source.append(number)
    found = groups(*texts)
    assert found == [5 * number for number in source]
