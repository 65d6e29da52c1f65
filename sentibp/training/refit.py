"""From settings to a trained model in a run directory, and from a model to its scores on some data."""

from __future__ import annotations

from typing import Any

from sentibp.config.schema import Config
from sentibp.model import fold
from sentibp.training.events import Note
from sentibp.training.networks import TrainingContext, train_networks
from sentibp.training.prepare import TrainingData, prepare_config
from sentibp.training.selection import Again, Keeper

_LARGE = 1_000_000  # features in the training reviews: with more, training once more takes its time and tells less


def is_refit(prepared: TrainingData) -> bool:
    """Whether the model is trained once more when it is chosen."""
    config, validation = prepared.config, prepared.config.data.validation
    if config.train.refit == "auto":
        small = len(prepared.training.features.ids) <= _LARGE
        return small and validation != 0 and not isinstance(validation, str) and config.train.schedule.name != "plateau"
    return config.train.refit and validation != 0


def with_held_out(prepared: TrainingData) -> TrainingData:
    """All that the last training works on, with the reviews that were held out."""
    plain = prepared.config.model_dump()
    plain["data"]["validation"] = 0
    plain["train"] |= {"early_stopping": None, "refit": False}
    whole = prepare_config(Config.model_validate(plain), lambda event: None)
    return whole._replace(before=len(prepared.vocabulary))


def refit_model(now: TrainingContext, keeper: Keeper) -> dict[str, Any]:
    """Train the model that is kept once more, on all reviews, those too that were held out, and keep that in its place.

    What was chosen stays: the seed, the epoch, the weights of networks that are averaged, the factor of calibration.
    """
    run, n = keeper.run, len(now.prepared.training)
    now.watch(Note(f"trains once more, as it was found best, on all {n:,} reviews"))
    again = Again(keeper)
    now.checkpoints.begin_refit()
    now = now._replace(keeper=again, stop=None)
    *_, last = train_networks(now, again.seed)
    classifier = fold.scale_logit(last, keeper.factor)
    classifier.scores = keeper.scores or {}
    keeper.save_again(classifier)
    again.notes.keep(again.epochs, keeper.digest or "", keeper.factor)
    again.notes.save(run.path)
    return now.prepared.facts["training"]
