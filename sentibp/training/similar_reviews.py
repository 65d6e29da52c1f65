"""Split the reviews into training and validation data again if many of both are nearly the same."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sentibp.config import paths
from sentibp.config.schema import Config, Text
from sentibp.data.corpus import Corpus
from sentibp.data.dataset import load_data
from sentibp.data.in_memory import InMemory
from sentibp.data.overlap import has_many_near_duplicates, near_duplicate_texts
from sentibp.data.tokenizer import Spelling
from sentibp.errors import DataError
from sentibp.nn.layers import Array
from sentibp.training.inputs import Reviews
from sentibp.training.validation_notes import together_note

_LARGE = 1 << 28  # bytes of text in which similar ones are not sought unless asked for: for each 25 MB it is read again

_LESS = 0.5  # a split that leaves a larger share of near-duplicates, as of templates, is no better than the first

_MOST = 2  # times the wanted share: a split that holds out more, as of large groups, takes too much from training


class Cut(NamedTuple):
    """Training and validation reviews that were split again, so that similar ones lie on one side."""

    config: Config
    fold: tuple[Corpus, Corpus]
    note: str


def keep_similar_together(
    config: Config, given: InMemory | None, reviews: Reviews, near_duplicate: Array, repeated: Array
) -> Cut | str:
    """Split the reviews again if many near-duplicates lie on both sides, and no setting says what belongs together.

    Why not if that does not help; "" if it is not needed or would take long. Of the first split, `near_duplicate` is
    that of `overlap.near_duplicates`, and `repeated` are the positions of the validation reviews that are training
    reviews. The settings of `text` have no influence, so that the trials of a sweep in which they differ are scored on
    the same reviews.
    """
    first, share = reviews.validation, config.data.validation
    is_large = reviews.training.text.nbytes > _LARGE
    if first is None or isinstance(share, str) or is_large or _is_decided(config, reviews, given):
        return ""
    if Spelling.of(config.text) != Spelling.of(Text()):
        near_duplicate = near_duplicate_texts(reviews.training.text, first.text)
    before = _counts(np.delete(near_duplicate, repeated))
    if not has_many_near_duplicates(*before):
        return ""
    changed = paths.replace(config, "data.group_similar", True)
    try:
        training, validation = load_data(changed) if given is None else given.load(changed)
    except DataError:
        return "to hold such reviews out together, there are too few groups of them"
    assert validation is not None
    held_out = len(validation) / (len(training) + len(validation))
    if held_out > _MOST * share:
        return f"to hold such reviews out together would take {held_out:.0%} of all, as their groups are large"
    near, compared = _counts(near_duplicate_texts(training.text, validation.text))
    if near * before[1] > _LESS * before[0] * compared:
        still = f"{near:,} of {compared:,} would still be nearly the same as a training review"
        return f"to hold such reviews out together does not help, as {still}, as where reviews are made from a template"
    return Cut(changed, (training, validation), together_note(config, *before, is_given=given is not None))


def _is_decided(config: Config, reviews: Reviews, given: InMemory | None) -> bool:
    """Return whether the user has said what belongs together, or has given the validation reviews."""
    has_groups = reviews.training.group is not None or config.data.block_size > 1
    return has_groups or config.data.group_similar is not None or (given is not None and given.validation is not None)


def _counts(near_duplicate: Array) -> tuple[int, int]:
    """Return how many validation reviews are near-duplicates, and how many were compared."""
    return int((near_duplicate == 1).sum()), int((near_duplicate >= 0).sum())
