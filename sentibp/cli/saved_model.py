"""What a command says of the model that a training has saved: what it is, and its scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sentibp.runs.directory import VALIDATED

if TYPE_CHECKING:
    from sentibp.runs.saved_model import SavedModel

_SCORES = {"accuracy": "accuracy", "macro-F1": "macro_f1", "MAE": "mae", "log loss": "log_loss"}


def saved_model_lines(saved: SavedModel) -> Iterator[tuple[str, str]]:
    """Yield lines (name, value): its scores, what was scored, the scores of several seeds, and the final training."""
    yield saved.scored_on, summary(saved.scores)
    known = ", on the reviews that it was trained on" if saved.scored_on == "training" else ""
    yield "scored", saved.what + known
    for name in ("accuracy", "log_loss") if saved.seeds else ():
        spread = saved.seeds[name]  # type: ignore[index]
        yield (
            "seeds",
            f"{name.replace('_', ' ')}: mean {spread['mean']:.4f}, standard deviation "
            f"{spread['standard_deviation']:.4f}, from {spread['min']:.4f} to {spread['max']:.4f}",
        )
    if saved.refit is not None:
        reviews = f"all {saved.refit['reviews']:,} reviews"
        yield "refit", f"the model is trained again on {reviews}; the scores are of the one before, {VALIDATED}"


def summary(scores: Mapping[str, Any]) -> str:
    """Return the scores on a line."""
    parts = [f"{shown} {scores[name]:.4f}" for shown, name in _SCORES.items() if name in scores]
    if parts and scores.get("accuracy_interval"):
        parts[0] += " [{:.4f}, {:.4f}]".format(*scores["accuracy_interval"])
    return ", ".join([*parts, *([f"n {scores['n']:,}"] if "n" in scores else [])])  # a run.json may lack some
