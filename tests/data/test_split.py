"""Groups lie on one side of a cut. (The cut by class alone is tested in test_sources.)"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.config.schema import Data
from sentibp.data.corpus import Corpus
from sentibp.data.labels import without_classes
from sentibp.data.split import (
    fold_corpus,
    fold_groups,
    folds_of_large_classes,
    may_be_uncut,
    possible_share,
    split_corpus,
    uncut_note,
)
from sentibp.errors import DataError
from sentibp.utils.arrow import strings


def corpus(group: list[int] | np.ndarray, label: list[int] | np.ndarray) -> Corpus:
    texts = pa.chunked_array([strings(f"review {i}" for i in range(len(label)))])
    return Corpus(texts, np.asarray(label, np.int8), None, ("read",), np.asarray(group, np.int64))


def held_out(whole: Corpus, share: float = 0.1, seed: int = 0) -> tuple[set, set, Corpus]:
    training, validation = split_corpus(whole, share, np.random.default_rng(seed))
    assert sorted([*training.text.to_pylist(), *validation.text.to_pylist()]) == sorted(whole.text.to_pylist())
    return set(training.group.tolist()), set(validation.group.tolist()), validation


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 1)), min_size=1, max_size=200), st.integers(0, 5))
def test_no_group_is_cut(rows, seed):
    group, label = zip(*rows, strict=True)
    try:
        training, validation, _ = held_out(corpus(group, label), 0.2, seed)
    except DataError as error:
        assert str(error).startswith("data.group_column: with ")
    else:
        assert not training & validation


def test_the_share_is_kept_in_each_class():
    rng = np.random.default_rng(1)
    group = rng.integers(0, 1000, 9000)
    label = (rng.random(9000) < 0.05 + 0.5 * (group % 3 == 0)).astype(np.int8)  # some films are better than others
    whole = corpus(group, label)
    _, _, validation = held_out(whole)
    for each in 0, 1:
        assert (validation.label == each).sum() == pytest.approx(0.1 * (label == each).sum(), rel=0.05)
    assert held_out(whole)[1] == held_out(whole)[1] != held_out(whole, seed=1)[1]


def test_groups_of_one_class():
    """As sentences of a treebank are."""
    group = np.repeat(np.arange(100), 10)
    _, _, validation = held_out(corpus(group, group % 2))
    assert np.bincount(validation.label).tolist() == [50, 50]


def test_few_large_groups_hold_out_more_than_the_share():
    group = np.repeat(np.arange(3), 20)
    training, validation = split_corpus(corpus(group, np.tile([0, 1], 30)), 0.1, np.random.default_rng(0))
    assert len(validation) == 20
    assert training.notes == (
        "read",
        "data.group_column: its groups are large: 33.3% of the reviews are held out",
    )


@pytest.mark.parametrize("seed", range(3))
def test_of_groups_that_are_all_too_large_the_nearest_to_the_share_is_held_out(seed):
    training, validation, _ = held_out(corpus([1] * 14 + [2] * 6, np.tile([0, 1], 10)), 0.1, seed)
    assert (training, validation) == ({1}, {2})


def test_a_column_that_is_another_for_each_review_is_told():
    whole = corpus(np.arange(40), np.tile([0, 1], 20))
    training, _ = split_corpus(whole, 0.1, np.random.default_rng(0))
    assert training.notes[1:] == ("data.group_column: has another value for each review, so it keeps none together",)


@pytest.mark.parametrize(("group", "count"), [([7] * 6, "1 group"), ([1, 1, 1, 2, 2, 2], "2 groups")])
def test_groups_that_cannot_be_held_out(group, count):
    with pytest.raises(DataError) as caught:
        split_corpus(corpus(group, [0, 1, 0, 1, 1, 1]), 0.1, np.random.default_rng(0))
    assert str(caught.value).startswith(f"data.group_column: with {count}, no negative review is left for validation; ")
    assert str(caught.value).endswith("hold out none with --set data.validation=0")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 1)), min_size=1, max_size=200), st.integers(2, 5))
def test_no_group_is_in_two_folds(rows, folds):
    group, label = map(np.array, zip(*rows, strict=True))
    fold = fold_groups(group, label, folds, np.random.default_rng(0))
    assert all(len(np.unique(fold[group == each])) == 1 for each in np.unique(group))
    assert len(np.unique(fold)) == min(folds, len(np.unique(group)))


def test_large_groups_come_first_so_that_small_ones_fill_the_other_folds():
    group = np.concatenate((np.arange(100), np.repeat(np.arange(100, 104), 100)))  # 100 of one review, 4 of a hundred
    for seed in range(3):
        fold = fold_groups(group, np.arange(500) % 2, 5, np.random.default_rng(seed))
        assert np.bincount(fold).tolist() == [100] * 5


def test_a_group_goes_where_its_class_has_fewest_reviews():
    """Not where there are fewest of all classes."""
    group, label = np.repeat([0, 1, 2, 3], [10, 6, 6, 2]), np.repeat([0, 1, 1, 0], [10, 6, 6, 2])
    for seed in range(3):
        fold = fold_groups(group, label, 2, np.random.default_rng(seed))
        counts = np.array([np.bincount(fold[label == each], minlength=2) for each in (0, 1)])
        assert sorted(counts[0].tolist()) == [2, 10] and counts[1].tolist() == [6, 6]


def test_a_rare_class_counts_as_much_as_a_frequent_one():
    """By their numbers alone, both groups with a review of class 1 would go where class 0 has fewest."""
    counts = [(10, 0), (9, 1), (6, 1)]
    group, label = (np.concatenate(each) for each in zip(*(
        (np.full(a + b, i), np.repeat([0, 1], [a, b])) for i, (a, b) in enumerate(counts)
    ), strict=True))  # fmt: skip
    fold = fold_groups(group, label, 2, np.random.default_rng(0))
    assert sorted(fold[label == 1].tolist()) == [0, 1]


def test_folds_are_about_equal():
    rng = np.random.default_rng(2)
    group = (rng.random(5000) ** 2 * 400).astype(int)
    label = (rng.random(5000) < 0.2).astype(np.int8)
    fold = fold_groups(group, label, 5, rng)
    for each in 0, 1:
        counts = np.bincount(fold[label == each], minlength=5)
        assert counts.max() - counts.min() < 0.05 * counts.mean()


@pytest.mark.parametrize(
    ("counts", "share"),
    [
        *[([100, 100], 0.1), ([100, 3], 0.2), ([100, 2], 0.33), ([9, 2], 0.33), ([100, 1], 0), ([], 0.1)],
        *[([90, 90, 3], 0.2), ([90, 90, 2], 0.1), ([90, 90, 1], 0.1), ([9, 9, 2], 0.1), ([8, 8, 2], 0.33)],
    ],
)
def test_a_share_that_is_suggested_leaves_reviews_of_each_class_on_both_sides(counts, share):
    """A class of which even a fifth is no review may be uncut, unless it is a large part."""
    assert possible_share(counts) == share


# --- more than two classes


def of_classes(group, label, k: int = 4) -> Corpus:
    whole = corpus(group, label)
    return replace(whole, names=tuple("abcdefgh"[:k]))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), max_size=200), st.integers(0, 5), st.booleans())
def test_no_group_is_cut_among_several_classes(rows, seed, enough):
    rows = [*rows, *([(50 + i, i % 4) for i in range(40)] if enough or not rows else [])]
    group, label = zip(*rows, strict=True)
    try:
        training, validation, held = held_out(of_classes(group, label), 0.2, seed)
        notes = split_corpus(of_classes(group, label), 0.2, np.random.default_rng(seed))[0].notes
        notes = [note for note in notes if note.startswith("too few")]
    except DataError as error:
        assert str(error).startswith("data.group_column: with ")
        assert not enough
    else:
        assert not training & validation
        total, scored = (np.bincount(each, minlength=4) for each in (label, held.label))
        uncut = total[scored == 0].sum()
        assert uncut <= len(rows) / 10 and (scored > 0).sum() >= 2 and not (enough and uncut), (
            "nearly each class is scored"
        )
        assert [note.partition(":")[0] for note in notes] == ["too few reviews to hold one out"] * bool(uncut)
        assert held.names == ("a", "b", "c", "d")


@pytest.mark.parametrize("grouped", [False, True])
def test_the_share_is_kept_in_each_of_several_classes(grouped):
    rng = np.random.default_rng(3)
    group = rng.integers(0, 1500, 9000)
    label = np.minimum(rng.geometric(0.5, 9000) - 1, 3).astype(np.int8)
    whole = of_classes(group, label) if grouped else replace(of_classes(group, label), group=None)
    training, validation = split_corpus(whole, 0.1, np.random.default_rng(0))
    assert len(training) + len(validation) == 9000
    for each in range(4):
        assert (validation.label == each).sum() == pytest.approx(0.1 * (label == each).sum(), rel=0.1)


def test_the_classes_with_too_few_reviews_are_named_with_one_repair():
    whole = replace(of_classes(range(34), [0] * 15 + [1] * 15 + [2] * 3 + [3]), group=None)
    with pytest.raises(DataError) as caught:
        split_corpus(whole, 0.1, np.random.default_rng(0))
    assert [line.partition(";")[0] for line in caught.value.lines] == [
        "data.validation: 0.1 of 3 reviews of c and of 1 review of d leaves none for validation"
    ]


@pytest.mark.parametrize("grouped", [False, True])
def test_classes_that_are_too_small_can_be_left_out(grouped):
    """The milder repair keeps the scores of the other classes."""
    labels = {"a": ["a", 1], "b": ["b"], "c": ["c"], "d": ["d"], "ignore": [""]}
    whole = of_classes(range(34), [0] * 10 + [1] * 10 + [2] * 10 + [3] * 4)
    if grouped:
        whole = replace(whole, group=np.r_[np.arange(30), [30] * 4])
    whole = whole if grouped else replace(whole, group=None)
    with pytest.raises(DataError) as caught:
        split_corpus(whole, 0.1, np.random.default_rng(0), data=Data(labels=labels, ordered=False))
    option = "--set 'data.labels={a: [a, 1], b: [b], c: [c], ignore: [d, \"\"]}'"
    assert f", leave d out with {option}, or " in caught.value.lines[0]


@pytest.mark.parametrize("grouped", [False, True])
def test_all_reviews_of_a_small_class_may_be_training_data(grouped):
    label = np.repeat([0, 1, 2, 3], [60, 50, 2, 4])
    whole = of_classes(np.arange(116), label)
    whole = replace(whole, group=np.r_[np.arange(110), [110, 110], [111] * 4] if grouped else None)
    training, validation = split_corpus(whole, 0.1, np.random.default_rng(0))
    assert np.bincount(validation.label).tolist() == [6, 5]
    assert training.notes[-1] == (
        "too few reviews to hold one out: d (4), c (2); all 6 reviews are training data, and the scores say nothing "
        "about these classes"
    )
    assert validation.names == training.names == tuple("abcd")


@pytest.mark.parametrize("grouped", [False, True])
def test_no_fold_has_a_review_of_a_small_class(grouped):
    label = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3], [40, 3, 30, 2]))
    whole = replace(of_classes(np.arange(75), label), group=np.arange(75) if grouped else None)
    fold = fold_corpus(whole, 5, np.random.default_rng(0))
    assert ((fold == -1) == np.isin(label, [1, 3])).all()
    for number in range(5):
        assert np.bincount(label[fold == number]).tolist() == [8, 0, 6]
    assert uncut_note(whole, fold >= 0)[0].startswith("too few reviews to hold one out: b (3), d (2); all 5 ")
    without = replace(whole.take(np.flatnonzero(fold >= 0)), names=("a", "c"))
    without = replace(without, label=np.minimum(without.label, 1))
    assert (fold_corpus(without, 5, np.random.default_rng(0)) == fold[fold >= 0]).all()
    many = replace(of_classes(np.arange(40), np.repeat([0, 1, 2, 3], [16, 16, 4, 4])), group=None)
    with pytest.raises(DataError, match=r"--folds 5: too many.*write --folds 4"):
        fold_corpus(many, 5, np.random.default_rng(0))
    assert set(folds_of_large_classes(many, 5, np.random.default_rng(0))[32:]) == {-1}, "where that does no harm"


def test_many_small_classes_are_counted():
    label = np.repeat(np.arange(8), [100, 100, 1, 1, 2, 2, 3, 1])
    whole = replace(of_classes(label, label, 8), group=None)
    note = split_corpus(whole, 0.1, np.random.default_rng(0))[0].notes[-1]
    assert note.startswith("too few reviews to hold one out: g (3), e (2), f (2), c (1), d (1) and 1 more; all 10 ")


@pytest.mark.parametrize(
    ("total", "held_out", "may"),
    [
        ([90, 90, 3], [9, 9, 0], True),
        ([90, 90, 20], [9, 9, 0], True),
        ([90, 90, 21], [9, 9, 0], False),  # more than a tenth is not scored
        ([90, 3, 3], [9, 0, 0], False),  # a single class is scored
        ([90, 3], [9, 0], False),  # as it is of two
        ([90, 90, 0], [9, 9, 0], False),  # a class without any review
        ([90, 90, 3], [9, 90, 0], False),  # one without training reviews
    ],
)
def test_when_classes_may_be_training_data_only(total, held_out, may):
    assert may_be_uncut(total, held_out) == may


@pytest.mark.parametrize(
    ("labels", "small", "setting"),
    [
        ({"bad": ["bad"], "neutral": [3], "good": ["good"]}, ["neutral"], {"negative": ["bad"], "positive": ["good"]}),
        ({"good": [2], "x": [3], "bad": [1]}, ["x"], {"positive": [2], "negative": [1]}),
        ({"a": ["a"], "b": ["b"], "c": [3]}, ["c"], {"a": ["a"], "b": ["b"]}),
        ({"negative": [0], "positive": [1]}, ["positive"], None),
        (None, ["positive"], None),
    ],
)
def test_the_setting_without_small_classes(labels, small, setting):
    found = without_classes(Data(labels=labels, ordered=False), small)
    assert found == (setting and {**setting, "ignore": [3]})


def test_two_classes_in_order_that_are_left_are_negative_and_positive():
    data = Data(labels={"cold": ["cold"], "mild": [3], "warm": ["warm"]})
    assert without_classes(data, ["mild"]) == {"negative": ["cold"], "positive": ["warm"], "ignore": [3]}


def test_folds_of_several_classes_are_about_equal():
    rng = np.random.default_rng(4)
    group, label = rng.integers(0, 800, 5000), rng.integers(0, 4, 5000)
    fold = fold_groups(group, label, 5, rng)
    for each in range(4):
        counts = np.bincount(fold[label == each], minlength=5)
        assert counts.max() - counts.min() < 0.1 * counts.mean()


def test_neighbours_stay_together():
    """As reviews of a film that follow one another do. The sources are read one after the other."""
    label = np.repeat([0, 1], 600)
    whole = replace(corpus(np.arange(1200), label), group=None)
    training, validation = split_corpus(whole, 0.1, np.random.default_rng(0), Data(block_size=20))
    number = [int(text.split()[1]) for text in validation.text.to_pylist()]
    assert len(number) == 120 and np.bincount(validation.label).tolist() == [60, 60]
    assert sorted(np.bincount(np.array(number) // 20).tolist())[-6:] == [20] * 6 and number == sorted(number)
    assert training.notes == ("read",) and training.group is None


def test_similar_texts_stay_together():
    """They are a group from then on: ten phrases of a sentence are one review."""
    texts = [f"{' '.join(f'w{k}{i}' for i in range(8))} {n}" for k in range(40) for n in range(3)]
    whole = Corpus(pa.chunked_array([strings(texts)]), np.repeat([0, 1], 60).astype(np.int8))
    training, validation = split_corpus(whole, 0.2, np.random.default_rng(0), Data(group_similar=True))
    assert len(validation) == 24 and len(np.unique(validation.group)) == 8
    assert not set(training.group) & set(validation.group)
    different = replace(corpus(np.arange(40), np.tile([0, 1], 20)), group=None)
    assert split_corpus(different, 0.2, np.random.default_rng(0), Data(group_similar=True))[0].notes == ("read",)
    fold = fold_corpus(whole, 5, np.random.default_rng(0), Data(group_similar=True))
    assert (fold.reshape(-1, 3) == fold[::3, None]).all() and np.bincount(fold).tolist() == [24] * 5


@pytest.mark.parametrize(("grouped", "unit"), [(False, "review"), (True, "group (data.group_column)")])
@pytest.mark.parametrize(("positive", "repair"), [(4, "write --folds 4"), (2, "write --folds 2"), (1, "give more")])
def test_each_fold_has_a_review_of_each_class_and_so_has_the_rest(positive, repair, grouped, unit):
    label = [0] * 20 + [1] * positive
    whole = corpus(np.arange(len(label)), label)
    whole = whole if grouped else replace(whole, group=None)
    with pytest.raises(DataError) as caught:
        fold_corpus(whole, 5, np.random.default_rng(0))
    assert str(caught.value).startswith(f"--folds 5: too many: a class has no {unit} for each of them; {repair}")


def test_a_column_of_groups_is_not_cut_into_blocks():
    whole = corpus(np.arange(40) % 10, np.tile([0, 1], 20))
    training, validation = split_corpus(whole, 0.2, np.random.default_rng(0), Data(block_size=7))
    assert not set(training.group) & set(validation.group)


def test_blocks_that_leave_no_review_of_a_class():
    whole = replace(corpus(np.arange(40), np.tile([0, 1], 20)), group=None)
    with pytest.raises(DataError, match=r"data.block_size: with 1 group, .*smaller with --set data.block_size=1, or"):
        split_corpus(whole, 0.1, np.random.default_rng(0), Data(block_size=100))


@pytest.mark.parametrize("seed", [10, 255, 1237])
def test_the_number_of_folds_that_is_suggested_works(seed):
    """The groups come in the order in which that command draws them."""
    rng = np.random.default_rng(seed)
    whole = corpus(rng.integers(0, 8, 24), rng.random(24) < 0.4)
    with pytest.raises(DataError) as caught:
        fold_corpus(whole, 7, np.random.default_rng(0))
    suggested = int(str(caught.value).rpartition("write --folds ")[2][0])
    assert len(np.unique(fold_corpus(whole, suggested, np.random.default_rng(0)))) == suggested
