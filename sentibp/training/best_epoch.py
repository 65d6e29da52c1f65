"""Selection of the best epoch: the run keeps the model with the best validation score of all epochs and seeds."""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sentibp import metrics
from sentibp.config.schema import Train
from sentibp.data.examples import Examples, example_weights
from sentibp.model.calibration import (
    USUAL_PRIOR,
    Calibration,
    CalibrationPrior,
    fit_calibration,
    fit_scale_and_shift,
    mixture_weights,
)
from sentibp.model.classifier import Classifier
from sentibp.model.file import load_model
from sentibp.model.fold import calibrated
from sentibp.model.head import probability
from sentibp.nn.layers import Array
from sentibp.runs.directory import MODEL, VALIDATED, Run, save_predictions
from sentibp.runs.influence_log import InfluenceLog
from sentibp.training.events import Epoch
from sentibp.training.loop import evaluate
from sentibp.utils.messages import counted

_STATE = ("best", "scores", "digest", "kept", "calibration", "weights")
_STATE += ("seed_scores", "seed_best", "seed_best_scores", "seed_weights", "waited")  # of the current seed


class Selection:
    """Keeps the model of the best epoch, and says when patience is exhausted."""

    def __init__(
        self,
        run: Run,
        settings: Train,
        validation: Examples | None,
        independent: Array | None = None,
        prior: CalibrationPrior = USUAL_PRIOR,
    ):
        """`independent` (n,) is how much each validation review counts in a fit; None: all count as one.

        `prior` is what to expect of the calibration.
        """
        import pyarrow.parquet  # noqa: F401  # what saving needs; an import that is interrupted leaves half a module

        self.run = run
        self.settings = settings
        self.validation = validation
        self.independent = independent
        self.prior = prior
        self.influence_log = InfluenceLog(run.path)
        stopping = settings.early_stopping
        self.metric = stopping.metric if stopping else "accuracy"
        self.patience = stopping.patience if stopping else math.inf
        self.best = -math.inf  # of all seeds
        self.scores: dict[str, Any] | None = None  # of the best model
        self.digest: str | None = None  # SHA-256 of its file
        self.size: dict[str, int] | None = None  # of the saved model: features and parameters
        self.kept: dict[str, int] | None = None  # the seed and the epoch that it is from; `networks`: the finished ones
        self.calibration = Calibration()  # of its logits
        self.weights: list[float] | None = None  # of the networks that are averaged
        self.seed_scores: list[dict[str, Any]] = []  # the best scores of each seed
        self.start_seed()

    def start_seed(self) -> None:
        """Begin the selection among the epochs of another seed."""
        self.seed_best = -math.inf
        self.seed_best_scores: dict[str, Any] | None = None
        self.seed_weights: list[float] | None = None
        self.waited = 0  # epochs without a better score
        self.influence_log.start_network()

    def is_over(self, next_epoch: int) -> bool:
        """Return whether the training stops before the next epoch: so many brought no better score."""
        return self.waited >= self.patience

    def stopped(self, epoch: int) -> str:
        """Return a sentence that says why training stops after an epoch that is not its last."""
        waited, metric = counted(self.waited, "epoch"), self.metric.replace("_", " ")
        return f"stops after epoch {epoch:,}: {waited} without a better {metric} (train.early_stopping)"

    def epoch_ended(self, seed: int, event: Epoch, classifier: Classifier) -> None:
        """Consider the model after an epoch."""
        if event.scores is not None and event.logits is not None:
            self._consider(seed, event.epoch, event.scores, event.logits, classifier)

    def ensemble_ended(self, seed: int, classifier: Classifier) -> None:
        """Consider the average of the networks of a seed."""
        if self.validation is not None:
            scores, logits = evaluate(classifier.network, self.validation)
            self._consider(seed, self.settings.epochs, scores, logits, classifier)

    def interrupted(self, seed: int, classifier: Classifier, networks: int) -> None:
        """Keep the average of the `networks` of a seed that were finished, as there is no model of all of them yet."""
        if self.validation is None:
            self.save(classifier)
            return
        self.ensemble_ended(seed, classifier)
        if self.kept is not None:
            self.kept["networks"] = networks

    def seed_ended(self, seed: int, classifier: Classifier, training: Examples) -> None:
        """Close a seed. Without validation data its last epoch is kept, scored on the training data."""
        if self.seed_best_scores is None:
            scores, logits = evaluate(classifier.network, training)
            self._consider(seed, self.settings.epochs, scores, logits, classifier)
        assert self.seed_best_scores is not None
        self.seed_scores.append(self.seed_best_scores)
        self.start_seed()

    def mixture(self, kinds: Sequence[Sequence[Classifier]]) -> list[float]:
        """Return the weight of each network that is averaged.

        The networks of a kind differ by their random start only, so that their order on the validation data is chance:
        they share the weight of their kind. The weights of the kinds minimise the validation loss, shrunk towards equal
        weights; without validation data they are equal.
        """
        weights = np.full(len(kinds), 1 / len(kinds))
        if self.validation is not None:
            x = self.validation.features
            logits = [np.mean([member.logits(x) for member in kind], axis=0) for kind in kinds]
            weights = mixture_weights(np.stack(logits, axis=1), self.validation.label, self.independent)
        count = [len(kind) for kind in kinds]
        self.seed_weights = np.repeat(weights / count, count).tolist()
        return self.seed_weights

    def _consider(self, seed: int, epoch: int, scores: dict[str, Any], logits: Array, classifier: Classifier) -> None:
        """Keep the model, calibrated, if it is the best so far. `logits` (n,) are of the data it was scored on."""
        value = scores[self.metric]
        value = -math.inf if value is None else value if metrics.higher_is_better(self.metric) else -value
        self.waited += 1
        is_best_of_seed = value > self.seed_best or self.seed_best_scores is None
        is_best = value > self.best or self.scores is None
        if not is_best_of_seed:  # nor the best of all
            return
        calibration = Calibration()
        can_be_scaled = classifier.spec.head != "cumulative"  # its logits are no multiples of others
        if self.settings.calibrate and self.validation is not None and can_be_scaled:
            is_adaptive = classifier.spec.head == "softmax"
            calibration = calibrate(
                logits, self.validation, self.independent, self.settings, self.prior, is_adaptive=is_adaptive
            )
            classifier = calibrated(classifier, calibration)
            scores, logits = evaluate(classifier.network, self.validation)
        self.seed_best, self.seed_best_scores, self.waited = value, scores, 0
        if is_best:
            self.best, self.scores, classifier.scores = value, scores, scores
            self.kept, self.weights = {"seed": seed, "epoch": epoch}, self.seed_weights
            self.calibration = calibration
            self.save(classifier)
            self.influence_log.keep(epoch, self.digest or "", calibration.factor)
            if self.validation is not None:
                save_predictions(self.run, self.validation.label, probability(logits), self.validation.weight)

    def save(self, classifier: Classifier) -> None:
        """Write the model file."""
        content = classifier.to_bytes()
        self.run.write(MODEL, content)
        self.digest = hashlib.sha256(content).hexdigest()
        self.size = _size(classifier)

    def save_refit(self, classifier: Classifier) -> None:
        """Write the model of the final training. The model before it, which the scores are of, gets another name."""
        self.run.copy(MODEL, VALIDATED)
        try:
            self.save(classifier)
        except BaseException:
            with contextlib.suppress(OSError):
                (self.run.path / VALIDATED).unlink(missing_ok=True)
            raise

    def spread(self) -> dict[str, dict[str, float]]:
        """Return mean, standard deviation, minimum and maximum of each score over the seeds."""
        names = [name for name in metrics.ALL_BETTER if self.seed_scores and self.seed_scores[0].get(name) is not None]
        return {name: metrics.spread([scores[name] for scores in self.seed_scores]) for name in names}

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint holds of it."""
        return {name: getattr(self, name) for name in _STATE}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned. The model is in the run; its predictions are computed again."""
        for name in _STATE:
            setattr(self, name, state[name])
        self.calibration = Calibration(*self.calibration)
        if self.digest is None:
            return
        classifier = load_model(self.run.path / MODEL)
        self.size = _size(classifier)
        if self.validation is not None:
            _, logits = evaluate(classifier.network, self.validation)
            save_predictions(self.run, self.validation.label, probability(logits), self.validation.weight)


def _size(classifier: Classifier) -> dict[str, int]:
    return {"features": len(classifier.vocabulary), "parameters": classifier.parameter_count}


def calibrate(
    logits: Array,
    validation: Examples,
    independent: Array | None,
    settings: Train,
    prior: CalibrationPrior = USUAL_PRIOR,
    *,
    is_adaptive: bool = False,
) -> Calibration:
    """Return the calibration of the logits, with a shift that makes the classes count as train.class_weight says.

    The logits are (n,), or (n, K) for K labels, which have a shift each. Without class weights the shift is 0, and so
    it is if no validation review of a class counts. With `is_adaptive` there may be an adaptive temperature then.
    `independent` (n,) is how much each of them counts; None: all count as one.
    """
    own = np.ones(len(logits)) if independent is None else independent
    counted = own > 0
    label = validation.label[counted]
    if settings.class_weight is None or len(np.unique(label)) < validation.classes.number:
        return fit_calibration(logits, validation.label, independent, prior, is_adaptive=is_adaptive)
    own = own[counted]
    weight = example_weights(settings, Examples(None, label, own, validation.classes))
    assert weight is not None
    # Classes of different weight are worth fewer reviews (Kish, 1965): many of them hardly count.
    weight = weight * (weight.sum(dtype=np.float64) / np.sum(weight.astype(np.float64) ** 2 / own))
    return Calibration(*fit_scale_and_shift(logits[counted], label, weight, prior))


class FixedSelection:
    """What the selection has chosen, for the final training on all data: nothing is chosen again."""

    def __init__(self, selection: Selection):
        assert selection.kept is not None
        self.seed, self.epochs = selection.kept["seed"], selection.kept["epoch"]
        self.weights = selection.weights
        self.influence_log = InfluenceLog(selection.run.path)

    def is_over(self, next_epoch: int) -> bool:
        """Return whether the training stops before the next epoch: the best model had no more."""
        return next_epoch > self.epochs

    def epoch_ended(self, seed: int, event: Epoch, classifier: Classifier) -> None:
        """Nothing is chosen."""

    def ensemble_ended(self, seed: int, classifier: Classifier) -> None:
        """Nothing is chosen."""

    def mixture(self, kinds: Sequence[Sequence[Classifier]]) -> list[float]:
        """Return the weights that the selection found."""
        assert self.weights is not None
        return self.weights
