"""Notes on labels that seem to mean something else than those of the training, though data.labels has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sentibp.data.corpus import Corpus
from sentibp.training.validation_notes import FEW
from sentibp.utils.label_key import IGNORE, LABELS, is_number, label_key
from sentibp.utils.label_mapping import suggest
from sentibp.utils.repair import PLACEHOLDER, set_option

_OPPOSITE = -0.5  # of the scores from -1 to 1, below which the labels seem to mean the opposite


def opposite_note(scores: Mapping[str, Any]) -> list[str]:
    """Return a note if the model orders most reviews the wrong way round: their labels may mean the opposite."""
    auc, kappa = scores.get("roc_auc"), scores.get("quadratic_weighted_kappa")
    agreement = kappa if auc is None else 2 * auc - 1
    if agreement is None or agreement > _OPPOSITE or scores.get("effective_n", scores["n"]) < FEW:
        return []
    fact = f"quadratic weighted kappa {kappa:.2f}" if auc is None else f"roc auc {auc:.2f}"
    return [f"{fact}: the labels seem to mean the opposite of those in the training"]


def other_scale_note(corpus: Corpus, name: str, *, ordered: bool) -> list[str]:
    """Return a note if the labels are numbers that do not reach an end of the scale of the training.

    1 and 2 are both negative for a model of one to five stars: they may be so, or of another scale.
    """
    if corpus.values is None or corpus.label is None or not ordered:
        return []
    keys = [label_key(value) for each in corpus.names for value in corpus.values[each]]
    counts = np.bincount(corpus.label, minlength=len(corpus.names)).tolist()
    missing = [corpus.names[end] for end in (0, -1) if not counts[end]]
    if not missing or len(keys) < len(LABELS) or not all(map(is_number, keys)):
        return []
    setting, mapping = {each: [PLACEHOLDER] for each in corpus.names}, suggest(keys)
    if corpus.names == LABELS and mapping.is_complete:
        setting = mapping.to_setting()
    if ignored := corpus.values.get(IGNORE):
        setting[IGNORE] = [*setting.get(IGNORE, []), *ignored]
    fact = f"{name}: labels {', '.join(sorted(keys, key=float))}, so that no review is {' or '.join(missing)}"
    say = set_option("data.labels", setting)
    return [f"{fact}; if they are of another scale than those of the training, say what they mean: {say}"]
