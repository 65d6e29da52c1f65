"""With presence, each feature of a text is encoded once, wherever texts are encoded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.data import presence, vocabulary_build
from sentibp.data.tokenizer import tokenize
from sentibp.nn import Ragged
from sentibp.utils.arrow import prefix_sums, strings

reviews = st.lists(st.lists(st.integers(0, 5) | st.integers(2**31 - 3, 2**31 - 1), max_size=12), max_size=8)
texts = st.lists(
    st.lists(st.sampled_from(["a", "b", "c", "d", "."]), max_size=10).map(" ".join), min_size=1, max_size=6
)


def ragged(lists) -> Ragged:
    lengths = np.array([len(each) for each in lists], np.int64)
    return Ragged(np.array([i for each in lists for i in each], np.int32), prefix_sums(lengths))


def unragged(found: Ragged) -> list[list[int]]:
    return [each.tolist() for each in np.split(found.ids, found.offsets[1:-1])] if len(found.offsets) > 1 else []


@pytest.fixture(params=[1, 3, 1 << 15], ids="blocks of {}".format)
def block(request, monkeypatch):
    monkeypatch.setattr(presence, "_BLOCK", request.param)


def check(lists):
    found = presence.distinct(ragged(lists))
    assert unragged(found) == [list(dict.fromkeys(each)) for each in lists]
    assert [sorted(each) for each in unragged(found)] == [np.unique(each).tolist() for each in lists]
    assert (found.ids.dtype, found.offsets.dtype) == (np.int32, np.int64)


@pytest.mark.usefixtures("block")
@settings(deadline=None)
@given(reviews)
def test_the_distinct_features_of_each_review_in_the_order_of_their_first_occurrence(lists):
    check(lists)


def test_many_reviews():
    rng = np.random.default_rng(0)
    check([rng.integers(0, 40, size).tolist() for size in rng.integers(0, 300, 700)])


def test_distinct_features_of_all_reviews_together_are_detected(monkeypatch):
    """The check finds a mistake: occurrences in other reviews count."""
    monkeypatch.setattr(
        presence, "_is_first", lambda ids, lengths: np.isin(np.arange(len(ids)), np.unique(ids, True)[1])
    )
    with pytest.raises(AssertionError):
        check([[1, 2], [2, 1, 1]])


@settings(max_examples=40, deadline=None)
@given(texts, st.integers(1, 3), st.integers(1, 2), st.booleans())
def test_every_way_to_encode_returns_the_same(corpus, ngrams, min_count, affixes):
    tokens = tokenize(strings(corpus))
    build = lambda *options: vocabulary_build.build_vocabulary(tokens, ngrams, min_count, None, affixes, *options)  # noqa: E731
    counts, counted = build()
    vocabulary, encoded = build(True)
    same, occurrences = build(True, False, True)
    assert vocabulary.presence
    assert same.presence
    assert not counts.presence
    for tensor, other in zip(vocabulary.tensors().values(), counts.tensors().values(), strict=True):
        np.testing.assert_array_equal(tensor, other)
    assert unragged(encoded) == [list(dict.fromkeys(each)) for each in unragged(counted)]
    assert unragged(encoded) == unragged(vocabulary.encode(tokens)[0]) == unragged(vocabulary.select(counted))
    assert unragged(occurrences) == unragged(counted) == unragged(vocabulary.occurrences(tokens))
    assert counts.select(counted) is counted
    np.testing.assert_array_equal(vocabulary.encode(tokens)[1], counts.encode(tokens)[1])  # every unknown token counts
