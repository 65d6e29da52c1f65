"""What a training leaves in its run directory as it goes: the record of its events, and the best model so far."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sentibp import metrics
from sentibp.config.schema import Config
from sentibp.data.examples import Examples
from sentibp.model import file, fold
from sentibp.model.calibration import fit_temperature, mixture_weights
from sentibp.model.classifier import Classifier
from sentibp.model.head import probability
from sentibp.runs import directory, gradient_flow, influence_log
from sentibp.training.events import Epoch, Step
from sentibp.training.loop import evaluate
from sentibp.training.truncated_svd import Round
from sentibp.utils import hashing

_KNOWN = ("best", "scores", "digest", "kept", "factor", "weights", "warnings")
_KNOWN += ("seed_scores", "seed_best", "seed_best_scores", "seed_weights", "waited")  # of the seed that is trained


class Keeper:
    """Records events, keeps the best epoch in the run directory, and says when patience is out."""

    def __init__(self, run: directory.Run, config: Config, validation: Examples | None, warn: Callable[[str], None]):
        import pyarrow.parquet  # noqa: F401  # what saving needs; an import that Ctrl-C breaks off makes a mess

        self.run = run
        self.validation = validation
        self.warn = warn
        self.health = gradient_flow.GradientFlowMonitor(config)
        self.warnings: list[str] = []
        self.calibrate = config.train.calibrate
        stopping = config.train.early_stopping
        self.metric = stopping.metric if stopping else "accuracy"
        self.patience = stopping.patience if stopping else math.inf
        self.best = -math.inf  # of all seeds
        self.scores: dict[str, Any] | None = None
        self.digest: str | None = None
        self.kept: dict[str, int] | None = None
        self.factor = 1.0  # what calibration multiplied the logit by
        self.weights: list[float] | None = None  # of the networks that are averaged
        self.seed_scores: list[dict[str, Any]] = []  # each seed's best epoch
        self.notes = influence_log.InfluenceLog(run.path)
        self._start_seed()

    def _start_seed(self) -> None:
        self.seed_best = -math.inf
        self.seed_best_scores: dict[str, Any] | None = None
        self.seed_weights: list[float] | None = None
        self.notes.begin()
        self.waited = 0

    def end_of_seed(self, seed: int, classifier: Classifier, training: Examples) -> None:
        if self.seed_best_scores is None:  # no validation data: the last epoch, scored on what it was trained on
            self._consider(
                seed, classifier.training_config().train.epochs, evaluate(classifier, training)[0], classifier
            )
        assert self.seed_best_scores is not None
        self.seed_scores.append(self.seed_best_scores)
        self._start_seed()

    @property
    def patience_is_out(self) -> bool:
        return self.waited >= self.patience

    def record_round(self, seed: int, event: Round) -> None:
        self.run.record(event="round", seed=seed, **event._asdict())

    def record_start(self, seed: int, classifier: Classifier) -> None:
        """The weights before the first step, by a check of each."""
        weights = {name: hashing.short_checksums([tensor]) for name, tensor in classifier.tensors().items()}
        self.run.record(event="start", seed=seed, weights=weights)

    def record(self, seed: int, event: Step | Epoch, classifier: Classifier) -> None:
        if isinstance(event, Step):
            step = event._asdict()
            flows = step.pop("flow")
            self.run.record(event="step", seed=seed, **step)
            if flows is not None:
                layers = gradient_flow.flow_record(flows)
                self.run.record(event="flow", seed=seed, step=event.step, epoch=event.epoch, layers=layers)
                self.health.saw(flows)
            return
        for warning in self.health.epoch_ended(event.epoch):
            self.warnings.append(warning)
            self.warn(warning)
        self.run.record(event="epoch", seed=seed, scores=event.scores, **_ended(event, classifier))

    def saw(self, seed: int, event: Step | Epoch, classifier: Classifier) -> None:
        self.record(seed, event, classifier)
        if isinstance(event, Epoch):
            self.notes.add(event.visits)
        if isinstance(event, Epoch) and event.scores is not None:
            self._consider(seed, event.epoch, event.scores, classifier, event.logits)

    def mixture(self, kinds: Sequence[Sequence[Classifier]]) -> list[float]:
        """The weight of each network that is averaged. Those of a kind share what suits the validation data, or without
        these the same as each other kind: they differ by their random start, and which is best there is chance."""
        weights = np.full(len(kinds), 1 / len(kinds))
        if self.validation is not None:
            x = self.validation.features
            logits = [np.mean([member.logits(x) for member in kind], axis=0) for kind in kinds]
            weights = mixture_weights(np.stack(logits, axis=1), self.validation.label)
        count = [len(kind) for kind in kinds]
        self.seed_weights = np.repeat(weights / count, count).tolist()
        return self.seed_weights

    def saw_ensemble(self, seed: int, classifier: Classifier) -> None:
        if self.validation is not None:
            scores, logits = evaluate(classifier, self.validation)
            self._consider(seed, classifier.training_config().train.epochs, scores, classifier, logits)

    def _consider(
        self, seed: int, epoch: int, scores: dict[str, Any], classifier: Classifier, logits: Any = None
    ) -> None:
        """Keep the model, calibrated, if it is the best so far, of all seeds; `logits` are those of validation."""
        value = scores[self.metric]
        value = -math.inf if value is None else value if metrics.BETTER[self.metric] == "higher" else -value
        self.waited += 1
        seed_best = value > self.seed_best or self.seed_best_scores is None
        best = value > self.best or self.scores is None
        if not seed_best:  # nor the best of all
            return
        factor = 1.0
        if self.calibrate and self.validation is not None:
            factor = fit_temperature(logits, self.validation.label)
            classifier = fold.scale_logit(classifier, factor)
            scores, logits = evaluate(classifier, self.validation)
        self.seed_best, self.seed_best_scores, self.waited = value, scores, 0
        if best:
            self.best, self.scores, classifier.scores = value, scores, scores
            self.kept, self.factor, self.weights = {"seed": seed, "epoch": epoch}, factor, self.seed_weights
            self.save(classifier)
            self.notes.keep(epoch, self.digest or "", factor)
            if self.validation is not None:
                positive = probability(logits)
                directory.save_predictions(self.run, self.validation.label, positive)

    @property
    def known(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        return {name: getattr(self, name) for name in _KNOWN} | {"health": self.health.known}

    def go_on(self, known: dict[str, Any]) -> None:
        """Take up what a checkpoint has kept. The model is there; what it said is made again."""
        for name in _KNOWN:
            setattr(self, name, known[name])
        self.health.go_on(known["health"])
        if self.digest is not None and self.validation is not None:
            _, logits = evaluate(file.load_model(self.run.path / directory.MODEL), self.validation)
            directory.save_predictions(self.run, self.validation.label, probability(logits))

    def save(self, classifier: Classifier) -> None:
        content = classifier.to_bytes()
        self.run.write(directory.MODEL, content)
        self.digest = hashlib.sha256(content).hexdigest()

    def save_again(self, classifier: Classifier) -> None:
        """Keep a model that has learned the validation data, too, beside the one before, which the scores are of."""
        self.run.copy(directory.MODEL, directory.VALIDATED)
        try:
            self.save(classifier)
        except BaseException:
            (self.run.path / directory.VALIDATED).unlink(missing_ok=True)
            raise

    def spread(self) -> dict[str, dict[str, float]]:
        names = [name for name in metrics.BETTER if self.seed_scores and self.seed_scores[0].get(name) is not None]
        return {name: metrics.spread([scores[name] for scores in self.seed_scores]) for name in names}


class Again:
    """In the place of a Keeper where the model that it kept is trained once more, on all reviews: nothing is chosen any
    more."""

    def __init__(self, before: Keeper):
        assert before.kept is not None
        self.run, self.known = before.run, before.known
        self.seed, self.epochs = before.kept["seed"], before.kept["epoch"]
        self.weights = before.weights
        self.notes = influence_log.InfluenceLog(self.run.path)
        self.patience_is_out = False

    def record_round(self, seed: int, event: Round) -> None:
        """After a round of pretraining."""

    def record_start(self, seed: int, classifier: Classifier) -> None:
        """Before the first step."""

    def record(self, seed: int, event: Step | Epoch, classifier: Classifier) -> None:
        """After each step and each epoch, of which the latter is recorded."""
        if isinstance(event, Epoch):
            self.run.record(event="refit", seed=seed, **_ended(event, classifier))

    def saw(self, seed: int, event: Step | Epoch, classifier: Classifier) -> None:
        """The same, of a network that is not averaged with others."""
        self.record(seed, event, classifier)
        if isinstance(event, Epoch):
            self.notes.add(event.visits)
            self.patience_is_out = event.epoch == self.epochs

    def mixture(self, kinds: Sequence[Sequence[Classifier]]) -> list[float]:
        """The weights of networks that are averaged: those of before."""
        assert self.weights is not None
        return self.weights

    def saw_ensemble(self, seed: int, classifier: Classifier) -> None:
        """They are averaged."""


def _ended(event: Epoch, classifier: Classifier) -> dict[str, Any]:
    """What is recorded of an epoch: by digests, also what it made of the weights."""
    weights = hashing.tensor_digests(classifier.tensors())
    return {
        "epoch": event.epoch,
        "step": event.step,
        "loss": event.loss,
        "digest": hashing.combined_digest(weights),
        "weights": {name: digest[:16] for name, digest in weights.items()},
    }
