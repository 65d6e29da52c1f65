"""The final training on all data: once the best model is chosen, it is trained again with the validation reviews."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from sentibp.config.schema import Config
from sentibp.data.vocabulary_shards import counting, workers_beside
from sentibp.model.fold import calibrated
from sentibp.training.best_epoch import FixedSelection
from sentibp.training.events import Event, Note
from sentibp.training.networks import TrainingContext, train_seed
from sentibp.training.prepare import TrainingData, prepare_config

_LARGE = 1_000_000  # features in the training reviews: with more, a refit takes its time and gains less


def is_refit(data: TrainingData) -> bool:
    """Return whether the model is trained again on all data once it is chosen."""
    config, validation = data.config, data.config.data.validation
    if config.train.refit == "auto":
        small = len(data.training.features.ids) <= _LARGE
        return small and validation != 0 and not isinstance(validation, str) and config.train.schedule.name != "plateau"
    return config.train.refit and validation != 0


def refit_config(config: Config) -> Config:
    """Return the settings of the final training, as its model file records them: no review is held out."""
    return config.model_copy(
        update={
            "data": config.data.model_copy(update={"validation": 0.0}),
            "train": config.train.model_copy(update={"early_stopping": None, "refit": False}),
        }
    )


def before_refit(config: Config) -> dict[str, Any]:
    """Return the settings that `refit_config` changes, as they are in the config, nested and plain."""
    settings = config.model_dump(mode="json", include={"data": {"validation"}, "train": {"early_stopping", "refit"}})
    return {"data": settings["data"], "train": settings["train"]}


def refit(context: TrainingContext) -> Generator[Event, None, dict[str, Any]]:
    """Train the best model again on all reviews, put it in the place of the best one, and return its data's facts.

    All that was chosen on the validation data stays: the seed, the number of epochs, the weights of networks that are
    averaged, the calibration.
    """
    selection = context.selection
    given, config = context.data.given, context.data.config
    if (line := counting(context.executor, config.train.shards, config.text)) is not None:
        yield Note(line)
    with workers_beside(context.run.path, context.executor, config.train.shards) as workers:
        data = prepare_config(refit_config(config), given=given, workers=workers, is_refit=True)
    data = data._replace(before=len(context.data.vocabulary))
    yield Note(f"final training on all {len(data.training):,} reviews, with the settings that were best")
    fixed = FixedSelection(selection)
    is_resumed = context.checkpoints.refit
    context.checkpoints.start_refit()
    if is_resumed:
        context.checkpoints.restore_influence_log(fixed.influence_log)
    context.checkpoints.influence_log = fixed.influence_log
    context.log.refit = True
    final = replace(context, data=data, condition=None, refit=fixed)
    classifier = calibrated((yield from train_seed(final, fixed.seed)), selection.calibration)
    classifier.scores = selection.scores or {}
    selection.save_refit(classifier)
    fixed.influence_log.keep(fixed.epochs, selection.digest or "", selection.calibration.factor)
    fixed.influence_log.save(context.run.path)
    return data.facts["training"]
