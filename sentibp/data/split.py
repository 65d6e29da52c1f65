"""Cut reviews in two, training and validation data, or into folds: by class, and so that no group is cut.

Of more than two classes a few may be too small to be cut: then all of their reviews are training data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sentibp.data.corpus import NAMED, Corpus, nothing_about, text_groups
from sentibp.data.labels import without_classes
from sentibp.data.similar import similar_groups
from sentibp.errors import DataError
from sentibp.utils.label_key import LABELS
from sentibp.utils.messages import counted
from sentibp.utils.repair import set_option

if TYPE_CHECKING:
    from sentibp.config.schema import Data

_RARE = 0.1  # of the reviews, at most, are of classes that are too small to be cut
_SHARES = (0.1, 0.2, 0.25, 0.33, 0.5)  # that are suggested for validation
_UNRAISED = 2  # how many of them are tried before small classes are left uncut

_FAR = 0.25  # how far the share of validation reviews may be from what was wanted, relative to it, without a note


class TooFewReviews(DataError):
    """A class has too few reviews for both training and validation."""

    def __init__(self, *lines: str, leave_out: str):
        """`leave_out` says how to train without such classes; "" if that leaves no two."""
        super().__init__(*lines)
        self.leave_out = leave_out


def groups_of(corpus: Corpus, settings: Data | None) -> tuple[np.ndarray | None, str]:
    """Return the group of each review (n,), or None if each is its own, and the setting that made the groups.

    Without data.group_column, similar texts may be groups, or neighbouring rows: blocks, as in the blocked
    cross-validation of Roberts et al. (2017, "Cross-validation strategies for data with temporal, spatial,
    hierarchical, or phylogenetic structure").
    """
    if corpus.group is not None:
        return corpus.group, "data.group_column"
    if settings is not None and settings.group_similar:
        return similar_groups(corpus.text), "data.group_similar"
    size = 1 if settings is None else settings.block_size
    return (np.arange(len(corpus)) // size if size > 1 else None), "data.block_size"


def without_groups(key: str) -> str:
    """Return the option that makes each review a group of its own, given the setting that made the groups."""
    return set_option(key, {"data.block_size": 1, "data.group_similar": False}.get(key))


def split_corpus(
    corpus: Corpus, share: float, rng: np.random.Generator, data: Data | None = None
) -> tuple[Corpus, Corpus]:
    """Split into training and validation data. `rng` chooses the share of each class for validation; order is kept.

    The reviews of a group lie on one side; `data` are the settings, which say what the groups are. Of a class with too
    few reviews, or groups, for both, all are training data, with a note; see `may_be_uncut`. DataError if that cannot
    be, with the data.labels without the class.
    """
    if corpus.label is None:
        raise ValueError("the corpus was loaded without labels")
    notes = []
    group, key = groups_of(corpus, data)
    if group is None:
        chosen = _choose_reviews(corpus, corpus.label, share, rng, data)
    else:
        chosen = _choose_groups(group, corpus.label, corpus.names, share, rng, key, data)
        if key != "data.group_similar" and len(np.unique(group)) == len(corpus):
            notes.append(f"{key}: has another value for each review, so it keeps none together")
        elif abs(chosen.mean() - share) > _FAR * share:
            notes.append(f"{key}: its groups are large: {chosen.mean():.1%} of the reviews are held out")
    notes += uncut_note(corpus, chosen)
    corpus = replace(corpus, group=group) if key == "data.group_similar" else corpus  # ten phrases are one sentence
    training, validation = corpus.take(np.flatnonzero(~chosen)), corpus.take(np.flatnonzero(chosen))
    return replace(training, notes=(*corpus.notes, *notes)), validation


def _choose_reviews(
    corpus: Corpus, label: np.ndarray, share: float, rng: np.random.Generator, data: Data | None
) -> np.ndarray:
    """Return which reviews are for validation: (n,) bool."""
    chosen = np.zeros(len(label), bool)
    wrong = dict[str, list[str]]()  # the subset that would have none -> the classes
    sizes = dict[str, str]()
    for number, name in enumerate(corpus.names):
        rows = np.flatnonzero(label == number)
        count = round(share * len(rows))
        if not 0 < count < len(rows):
            wrong.setdefault("validation" if count == 0 else "training", []).append(name)
            sizes[name] = counted(len(rows), f"{name} review")
            if corpus.names != LABELS:  # a name may be a number
                sizes[name] = f"{counted(len(rows), 'review')} of {name}"
        chosen[rng.permutation(rows)[:count]] = True
    total = np.bincount(label, minlength=len(corpus.names))
    if wrong and not may_be_uncut(total.tolist(), np.bincount(label[chosen], minlength=len(total)).tolist()):
        leave_out = _leaving_out(list(sizes), data)
        repair = set_option("data.validation", possible_share(total.tolist()))
        lines = [
            f"data.validation: {share:g} of {' and of '.join(sizes[name] for name in names)} leaves none for {subset}; "
            f"give more reviews, {leave_out}or write {repair}{corpus.aside}"
            for subset, names in wrong.items()
        ]
        raise TooFewReviews(*lines, leave_out=leave_out.removesuffix(", "))
    return chosen


def _leaving_out(names: Sequence[str], data: Data | None) -> str:
    """Return how to leave classes out that are too small, followed by a comma; "" if that leaves no two classes."""
    setting = None if data is None else without_classes(data, names)
    return "" if setting is None else f"leave {', '.join(names)} out with {set_option('data.labels', setting)}, "


def may_be_uncut(total: Sequence[int], held_out: Sequence[int]) -> bool:
    """Return whether the classes of which no review is held out may be training data only.

    At least two classes are scored, and the others have a small share of all reviews. `total` (K,) are the numbers of
    reviews of each class, `held_out` (K,) those for validation; of a class that is held out, some reviews must be left.
    """
    rare = sum(n for n, held in zip(total, held_out, strict=True) if not held)
    scored = sum(0 < held < n for n, held in zip(total, held_out, strict=True))
    is_left = all(n and held < n for n, held in zip(total, held_out, strict=True))
    return len(total) > 2 and is_left and scored >= 2 and rare <= _RARE * sum(total)


def is_uncut(label: np.ndarray, folds: int) -> np.ndarray:
    """Return whether each review is of a class that is too small for so many folds, if it may be uncut: (n,) bool."""
    total = np.bincount(label)
    present = total[total > 0]
    small = (total < folds)[label]
    return small & may_be_uncut(present.tolist(), (present // folds).tolist())


def uncut_note(corpus: Corpus, chosen: np.ndarray, what: str = "the scores say") -> list[str]:
    """Return a note on the classes of which no review is held out, the largest first; nothing if there are none.

    `chosen` (n,) says which reviews are held out, and `what` what says nothing about these classes.
    """
    assert corpus.label is not None
    total, held_out = (np.bincount(each, minlength=len(corpus.names)) for each in (corpus.label, corpus.label[chosen]))
    small = np.flatnonzero((held_out == 0) & (total > 0))
    small = small[np.argsort(-total[small], kind="stable")]
    if not len(small):
        return []
    names = [f"{corpus.names[i]} ({total[i]:,})" for i in small[:NAMED].tolist()]
    more = f" and {len(small) - NAMED:,} more" if len(small) > NAMED else ""
    count = int(total[small].sum())
    all_of_them = "its review is" if count == 1 else f"all {count:,} reviews are"
    fact = f"too few reviews to hold one out: {', '.join(names)}{more}; {all_of_them} training data"
    return [f"{fact}, and {what} {nothing_about(len(small))}"]


def possible_share(counts: Sequence[int]) -> float:
    """Return a share that leaves reviews of each class for both; 0, which holds none out, if there is none.

    A share above 0.2 is not needed for classes that may be left uncut. `counts` are the numbers of reviews of each
    class.
    """
    usual, raised = _SHARES[:_UNRAISED], _SHARES[_UNRAISED:]
    whole = [share for share in _SHARES if all(0 < round(share * n) < n for n in counts)]
    uncut = [share for share in usual if may_be_uncut(counts, [round(share * n) for n in counts])]
    found = [*(share for share in whole if share in usual), *uncut, *(share for share in whole if share in raised)]
    return found[0] if found else 0


def _choose_groups(
    group: np.ndarray,
    label: np.ndarray,
    names: Sequence[str],
    share: float,
    rng: np.random.Generator,
    key: str,
    data: Data | None,
) -> np.ndarray:
    """Return which reviews are for validation: (n,) bool, the same for all reviews of a group.

    The groups come in random order. One is chosen if that brings all classes nearer to the share.
    """
    number, counts = _count_groups(group, label, len(names))
    total = counts.sum(axis=0)
    distance = _distance_to(share, total)
    chosen, have = np.zeros(len(counts), bool), [0] * len(names)
    now, rows = distance(have), counts.tolist()
    for i in rng.permutation(len(counts)).tolist():
        larger = [a + b for a, b in zip(have, rows[i], strict=True)]
        if (then := distance(larger)) < now:
            chosen[i], have, now = True, larger, then
    if 0 in have:
        have = _choose_large_groups(chosen, counts, distance)
    if may_be_uncut(total.tolist(), have):
        return chosen[number]
    for kind, rest in ("validation", have), ("training", (total - have).tolist()):
        for name, count in zip(names, rest, strict=True):
            if not count:
                lacking = f"{name} review" if tuple(names) == LABELS else f"review of {name}"
                repair = "set data.group_column to a column with more groups"
                if key == "data.group_similar":
                    repair = f"let similar reviews be on both sides with {without_groups(key)}"
                elif key == "data.block_size":
                    repair = f"make them smaller with {set_option(key, max(len(group) // 100, 1))}"
                raise DataError(
                    f"{key}: with {counted(len(counts), 'group')}, no {lacking} is left for {kind}; "
                    f"{repair}, {_leaving_out([name], data)}or hold out none with --set data.validation=0"
                )
    return chosen[number]


def _choose_large_groups(
    chosen: np.ndarray, counts: np.ndarray, distance: Callable[[Sequence[float]], float]
) -> list[int]:
    """Choose groups that give all classes validation reviews, although they are larger than the share."""
    total, have = counts.sum(axis=0), counts[chosen].sum(axis=0)
    for kind in range(counts.shape[1]):
        possible = np.flatnonzero(~chosen & (counts[:, kind] > 0) & (total > have + counts).all(axis=1))
        if not have[kind] and len(possible):
            distances = [distance(each) for each in (have + counts[possible]).tolist()]
            chosen[possible[int(np.argmin(distances))]] = True
            have = counts[chosen].sum(axis=0)
    return have.tolist()


def _distance_to(share: float, total: np.ndarray) -> Callable[[Sequence[float]], float]:
    """Return a function of the counts of all classes: how far they are from the share of the total."""
    totals = np.maximum(total, 1).tolist()

    def distance(counts: Sequence[float]) -> float:
        return sum((count / of - share) ** 2 for count, of in zip(counts, totals, strict=True))

    return distance


def _count_groups(group: np.ndarray, label: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of the group of each review (n,), and how many reviews of each class each group has (g, K)."""
    number = np.unique(group, return_inverse=True)[1]
    counts = np.bincount(classes * number + label, minlength=classes * (int(number.max(initial=-1)) + 1))
    return number, counts.reshape(-1, classes)


def fold_groups(group: np.ndarray, label: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Return the fold of each review (n,): about the same number of each class in each; a group is in one fold.

    The largest groups come first, each into the fold that has fewest reviews of its classes. There are at most as many
    folds as groups.
    """
    number, counts = _count_groups(group, label, int(label.max(initial=0)) + 1)
    total, have = np.maximum(counts.sum(axis=0), 1), np.zeros((min(folds, len(counts)), counts.shape[1]))
    order = rng.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    fold = np.zeros(len(counts), np.int64)
    for i in order.tolist():
        load = (have * counts[i] / total**2).sum(axis=1)
        fold[i] = np.lexsort((have.sum(axis=1), load))[0]
        have[fold[i]] += counts[i]
    return fold[number]


def text_folds(text: np.ndarray, label: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Return the fold of each review (n,): about the same number of each class in each; equal texts are in one fold.

    `text` (n,) is the number of the text of each review, from 0, as `text_groups` returns it.
    """
    first = np.unique(text, return_index=True)[1]  # one review of each text
    order = rng.permutation(len(first))
    order = order[np.argsort(label[first[order]], kind="stable")]  # the texts of a class follow each other
    fold = np.empty(len(first), np.int64)
    fold[order] = np.arange(len(first)) % folds
    return fold[text]


def fold_corpus(corpus: Corpus, folds: int, rng: np.random.Generator, data: Data | None = None) -> np.ndarray:
    """Return the fold of each review (n,): about the same number of each class in each.

    The reviews of a group, as `data` says what that is, are in one fold; without groups, those with the same text.
    Reviews of classes that are too small for that are in no fold, -1; see `may_be_uncut`. DataError if they may not be,
    or if a group leaves a fold, or the rest, without a class.
    """
    if corpus.label is None:
        raise ValueError("the corpus was loaded without labels")
    if is_uncut(corpus.label, folds).any():
        return folds_of_large_classes(corpus, folds, rng, data)
    group, key = groups_of(corpus, data)
    start = deepcopy(rng)  # with fewer folds the same command draws the same numbers
    fold = _fold(corpus, corpus.label, group, folds, rng)
    if fold is not None:
        return fold
    unit = "review" if group is None else f"group ({key})"
    fewer = range(min(folds - 1, len(corpus)), 1, -1)
    most = next((k for k in fewer if _fold(corpus, corpus.label, group, k, deepcopy(start)) is not None), None)
    repair = "give more reviews" if most is None else f"write --folds {most}"
    raise DataError(f"--folds {folds}: too many: a class has no {unit} for each of them; {repair}{corpus.aside}")


def folds_of_large_classes(
    corpus: Corpus, folds: int, rng: np.random.Generator, data: Data | None = None
) -> np.ndarray:
    """Return what `fold_corpus` does for the reviews of classes with one review for each fold, and -1 for others.

    DataError as there, and if there are no two such classes.
    """
    assert corpus.label is not None
    is_large = np.bincount(corpus.label, minlength=len(corpus.names)) >= folds
    numbers = np.flatnonzero(is_large)
    if len(numbers) < 2:
        return fold_corpus(corpus, folds, rng, data)
    rows = np.flatnonzero(is_large[corpus.label])
    names = tuple(corpus.names[i] for i in numbers.tolist())
    large = replace(corpus.take(rows), label=np.searchsorted(numbers, corpus.label[rows]), names=names)
    fold = np.full(len(corpus), -1)
    fold[rows] = fold_corpus(large, folds, rng, data)
    return fold


def _fold(
    corpus: Corpus, label: np.ndarray, group: np.ndarray | None, folds: int, rng: np.random.Generator
) -> np.ndarray | None:
    """Return the fold of each review, or None if a fold or the rest lacks a class."""
    if group is not None:
        fold = fold_groups(group, label, folds, rng)
    else:
        fold = text_folds(text_groups(corpus), label, folds, rng)
    counts = np.bincount(len(corpus.names) * fold + label, minlength=len(corpus.names) * folds)
    counts = counts.reshape(folds, -1)  # (folds, K)
    return fold if counts.all() and (counts < counts.sum(axis=0)).all() else None
