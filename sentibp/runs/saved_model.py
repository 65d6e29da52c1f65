"""What the model of a run is, in words: a network after one of its epochs, or the average of several classifiers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from sentibp import metrics
from sentibp.config.class_conflicts import class_count
from sentibp.config.conflicts import averaged_by

if TYPE_CHECKING:
    from sentibp.config.schema import Config


class SavedModel(NamedTuple):
    """The model that a run has saved, and its scores. What run.json does not have, is None."""

    what: str
    scored_on: str  # "validation", or "training" if there is no validation data
    scores: dict[str, Any]
    seeds: dict[str, dict[str, float]] | None  # of each score over the seeds: mean, standard deviation, min, max
    refit: dict[str, Any] | None  # the data of the final training; the scores are of the model before it
    features: int | None
    parameters: int | None


def saved_model(config: Config, facts: Mapping[str, Any]) -> SavedModel | None:
    """Return the model of a run by its settings and run.json; None if it has no scores."""
    scores, scored_on = facts.get("scores"), facts.get("scored_on") or "validation"
    if not scores:
        return None
    calibrated = scored_on == "validation" and is_calibrated(config)
    overtaken = _metric_of_a_better_seed(config, scores, facts.get("seeds") or {})
    return SavedModel(
        _what(config, facts.get("kept"), calibrated, overtaken),
        scored_on,
        scores,
        *(facts.get(key) for key in ("seeds", "refit", "features", "parameters")),
    )


def is_calibrated(config: Config) -> bool:
    """Return whether the model is calibrated, if there are validation reviews. Thresholds cannot be rescaled."""
    return config.train.calibrate and (config.model.output != "cumulative" or class_count(config) == 2)


def uses_of_validation(config: Config) -> str:
    """Return what the validation reviews did beside scoring the model, in words that follow "they"; "" if nothing."""
    epoch = ["chose the epoch"] * (config.train.epochs > 1 and not is_average(config))
    return " and ".join(epoch + ["set the calibration"] * is_calibrated(config))


def is_average(config: Config) -> bool:
    """Return whether the model is the average of several classifiers, or has weights that are learned after it."""
    return averaged_by(config) is not None


def steps_after_epochs(config: Config, is_validated: bool) -> str:
    """Return what happens to a network between the scores after its epochs and the saved model; "" if nothing."""
    averaging = ["averaging"] * bool(average(config))
    shifters = ["weights of negated words"] * config.text.shifters
    return _listed([*averaging, *shifters, *["calibration"] * (is_validated and is_calibrated(config))])


def average(config: Config, kept: Mapping[str, int] | None = None) -> str:
    """Return what the model is the average of; "" if it is a single network. `kept` is that of run.json."""
    if (finished := (kept or {}).get("networks")) is not None:  # it was interrupted before the average was complete
        networks = "the network that was" if finished == 1 else f"the average of the {finished:,} networks that were"
        return f"{networks} finished"
    members, others = config.train.members, _linear_classifiers(config)
    if members == 1 and not others:
        return ""
    networks = "the network" if members == 1 else f"{members:,} networks"
    return f"the average of {_listed([networks, *others])}"


def _metric_of_a_better_seed(
    config: Config, scores: Mapping[str, Any], seeds: Mapping[str, Mapping[str, float]]
) -> str | None:
    """Return the score that chose the seed, if another one has a better score after calibration; else None."""
    stopping = config.train.early_stopping
    metric = stopping.metric if stopping else "accuracy"
    if metric not in seeds or scores.get(metric) is None:
        return None
    best = seeds[metric]["max" if metrics.higher_is_better(metric) else "min"]
    return None if scores[metric] == best else metric.replace("_", " ")


def _what(config: Config, kept: Mapping[str, int] | None, calibrated: bool, overtaken: str | None) -> str:
    train, what = config.train, average(config, kept)
    if not what:
        epoch = None if kept is None else kept["epoch"]
        what = "the network" if epoch is None else f"the network after epoch {epoch:,} of {train.epochs:,}"
    if config.text.shifters and "networks" not in (kept or {}):
        what += ", with weights of negated words"
    if train.seeds > 1 and kept is not None:
        what += f", seed {kept['seed']}" + (f" (of the best {overtaken} before calibration)" if overtaken else "")
    return what + (", calibrated on the validation reviews" if calibrated else "")


def _linear_classifiers(config: Config) -> list[str]:
    """Return the classifiers that are averaged with the networks."""
    found, pretrain = ["a linear classifier"] * config.train.linear_member, config.pretrain
    vectors = ["pretrained vectors"] * (pretrain.vectors != "none")
    known = ["the lexicon"] * (pretrain.lexicon != "none") + vectors
    return found + [f"a linear classifier on {_listed(known)}"] * pretrain.is_used


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""
