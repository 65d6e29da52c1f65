"""The classifier as an estimator of scikit-learn, which it does not need.

Without scikit-learn the methods are the same. The settings are keyword arguments, so that `set_params`, `clone` and
`GridSearchCV` reach them: `train__optimizer__learning_rate=0.1`.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sentibp.config.load import load_config
from sentibp.config.python import keyword, require_keywords
from sentibp.data.in_memory import weight_array
from sentibp.data.label_encoder import LabelEncoder, label_array, label_list
from sentibp.data.labels import IGNORED
from sentibp.errors import InvalidInput, InvalidSetting
from sentibp.model.classifier import Classifier
from sentibp.model.file import load_model
from sentibp.model.head import each_probability, predicted
from sentibp.training.in_memory import given_reviews, resolve_settings, train_given
from sentibp.training.recorded_data import RecordedData
from sentibp.training.refit import before_refit
from sentibp.utils import tensor_file
from sentibp.utils.damage import data_error_if_damaged
from sentibp.utils.files import data_error_on_failure, write_file
from sentibp.utils.paths import expand_home
from sentibp.utils.sequences import as_texts, read_once, require_same_order

if TYPE_CHECKING:
    from sentibp.nn.layers import Array
    from sentibp.utils.sequences import Texts

    class _Estimator:
        def __sklearn_tags__(self) -> Any: ...

    class NotFittedError(ValueError, AttributeError):
        """The name that it has in scikit-learn."""

else:
    try:
        from sklearn.base import BaseEstimator, ClassifierMixin
        from sklearn.exceptions import NotFittedError

        class _Estimator(ClassifierMixin, BaseEstimator):
            """What scikit-learn asks of a classifier."""

    except ImportError:

        class NotFittedError(ValueError, AttributeError):
            """The name that it has in scikit-learn."""

        class _Estimator:
            """scikit-learn is not installed."""

            def __repr__(self) -> str:
                given = self.get_params()
                return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in given.items())})"


class NotFitted(InvalidSetting, NotFittedError):
    """A method was called before `fit`."""


class SentimentClassifier(_Estimator):
    """A classifier of texts with the methods of scikit-learn: fit, predict, predict_proba, score and more.

    `config` is the name of a shipped config, the path of a YAML file, a mapping of settings, or "default". Further
    settings are keyword arguments, with two underscores for a dot: `train__epochs=3` is `train.epochs`. The reviews are
    those given to `fit`, whatever `data.source` is. Of these, the share `data.validation` is held out to choose the
    best epoch and for calibration, as in `sentibp train`, and the final training is on all of them (`train.refit`).

    After `fit`: `classes_`, the labels in ascending order; `model_`, the Classifier; `scores_` of it, on the reviews
    that `scored_on_` says ("validation" or "training"); `history_`, a table with a row for each epoch; `notes_` about
    the data; `digest_`, the SHA-256 of the model's bytes.

    >>> from sentibp import SentimentClassifier
    >>> texts = ["what a good film", "good fun", "a bad film", "bad and dull"] * 8
    >>> classifier = SentimentClassifier("quickstart", train__epochs=3).fit(texts, [1, 1, 0, 0] * 8)
    >>> classifier.predict(["good", "dull and bad"])
    array([1, 0])
    >>> classifier.predict_proba(["good"]).shape, classifier.score(texts, [1, 1, 0, 0] * 8)
    ((1, 2), 1.0)
    """

    config: str | Path | Mapping[str, Any]
    classes_: np.ndarray
    model_: Classifier

    def __init__(self, config: str | Path | Mapping[str, Any] = "default", **settings: Any):
        self.config = config
        self._set(settings)

    # --- parameters

    def _set(self, settings: Mapping[str, Any]) -> None:
        names = {name: keyword(name) for name in settings}
        require_keywords(names.values())
        for name, value in settings.items():
            setattr(self, names[name], value)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return `config`, and the settings that were given."""
        given = {name: value for name, value in vars(self).items() if "__" in name and not name.startswith("_")}
        return {"config": self.config, **given}

    def set_params(self, **params: Any) -> Self:
        """Change `config` or settings, such as `train__epochs=3`. InvalidSetting, a ValueError, for an unknown one."""
        self._set({name: value for name, value in params.items() if name != "config"})
        self.config = params.get("config", self.config)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    # --- training and prediction

    def fit(self, X: Texts, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Train on the texts X with the labels y, both of length n.

        A text of `sample_weight` k counts as k texts, in training, scores and calibration; one of weight 0 is left out.
        The texts of one of the `groups`, such as a film or an author, are all held out for validation, or none of them.

        Raises InvalidSetting and InvalidInput, which are ValueErrors, and Diverged.
        """
        settings = {name: value for name, value in self.get_params().items() if name != "config"}
        given = given_reviews(X, y, sample_weight, groups, names=("X", "y"))
        trained = train_given(resolve_settings(self.config, settings, given), given, interruptible=False)
        self._fitted(trained.model, trained.encoder)
        self.scores_, self.scored_on_, self.history_ = trained.scores, trained.scored_on, trained.history
        self.notes_, self.digest_ = trained.notes, trained.digest
        return self

    def _fitted(self, model: Classifier, encoder: LabelEncoder) -> None:
        self.model_, self._encoder, self.classes_ = model, encoder, encoder.classes

    def _model(self) -> Classifier:
        if not hasattr(self, "model_"):
            raise NotFitted(f"this {type(self).__name__} is not fitted yet; call fit first")
        return self.model_

    def _probability(self, X: Texts) -> Array:
        """Return the probability of positive (n,), or that of each class (n, K), in the order of the model."""
        model = self._model()
        return model.predict(as_texts(X, "X")).positive

    def predict(self, X: Texts) -> np.ndarray:
        """Return the most probable label of each text: (n,)."""
        number = predicted(self._probability(X))
        return self._encoder.decode(number)

    def predict_proba(self, X: Texts) -> Array:
        """Return the probability of each class: (n, K) float64, in the order of `classes_`."""
        return each_probability(self._probability(X))[:, self._encoder.number]

    def decision_function(self, X: Texts) -> Array:
        """Return the logits: of two classes (n,), above 0 for the second of `classes_`; of more (n, K)."""
        model = self._model()
        logits = model.checked_logits(model.encode(as_texts(X, "X"))[0])
        if logits.ndim == 1:
            return logits if self._encoder.number[1] == 1 else -logits
        logits = logits[:, self._encoder.number]
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits  # as scikit-learn has it

    def score(self, X: Texts, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy: the share of the texts, or of their weight, whose label is predicted.

        Labels mean what they mean in `sentibp.evaluate`, also those that training has not seen. Those that data.labels
        ignores are left out.
        """
        require_same_order(X, "X", {"y": y, "sample_weight": sample_weight})
        number = predicted(self._probability(X))
        sample_weight = read_once(sample_weight)
        label = label_list(y, weight=sample_weight)
        right = np.array(self._encoder.numbers_of(label, lambda: self.model_.training_config().data.labels))
        if len(right) != len(number):
            raise InvalidInput(f"y has {len(right):,} values, and X {len(number):,}; give one for each text")
        weight = np.ones(len(right)) if sample_weight is None else weight_array(sample_weight, len(right), "X")
        kept = right != IGNORED
        wrong = np.flatnonzero(kept & ~(np.isfinite(weight) & (weight >= 0)))
        if len(wrong):
            fact = f"sample_weight[{wrong[0]}] is {weight[wrong[0]]:g}"
            raise InvalidInput(f"{fact}; give a finite number, not below 0")
        if not weight[kept].any():
            raise InvalidInput(
                "X: no text is left to score; give one of a weight above zero whose label is not ignored"
            )
        return float(np.average((right == number)[kept], weights=weight[kept]))

    def explain(self, X: Texts) -> list[Any]:
        """Return for each text an Explanation, how its words contribute to the prediction, as `sentibp.explain`."""
        import sentibp  # by its public name: the folder `inspection` is above this one

        model = self._model()
        return [sentibp.explain(model, text) for text in as_texts(X, "X").to_pylist()]

    # --- files

    def save(self, path: str | Path) -> None:
        """Write the model file, which `load`, `sentibp.load_model` and every command of sentibp read.

        If the labels are others than the names of the classes, it holds them, too. DataError if it cannot be written.
        """
        content = self._to_bytes()
        with data_error_on_failure(Path(path)):
            write_file(expand_home(path), content)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the fitted classifier of a model file, a run directory, or a name, as `sentibp.load_model` takes it.

        Its `config` are the settings that trained the model: of a model in its run directory, those from before a final
        training on all reviews. A model file alone has those of the final training, which hold no review out.
        """
        model = load_model(path)
        assert model.file is not None
        header, _ = tensor_file.read_tensor_file(model.file)
        settings = deepcopy(dict(model.trained_with))
        with data_error_if_damaged(model.file, "save it again"):
            before = _recorded_before_refit(model)
            settings |= {section: settings[section] | changed for section, changed in (before or {}).items()}
            settings["data"] = {key: value for key, value in settings.get("data", {}).items() if key != "source"}
            classifier = cls(settings)
            classifier._fitted(model, _stored_encoder(header.get("labels_given"), model))
        classifier.scores_, classifier.digest_ = model.scores, hashlib.sha256(model.to_bytes()).hexdigest()
        return classifier

    def _to_bytes(self) -> bytes:
        model, encoder = self._model(), self._encoder
        usual, more = _usual_encoder(model), {}
        if encoder.classes.tolist() != usual.classes.tolist() or encoder.numbers != usual.numbers:
            given = {"classes": encoder.classes.tolist(), "numbers": [[*pair] for pair in encoder.numbers.items()]}
            more["labels_given"] = given | {"order": encoder.number.tolist()}
        return model.to_bytes(more)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for pickle: the parameters, and the bytes of the model file."""
        kept = {name: value for name, value in vars(self).items() if name not in ("model_", "_encoder", "classes_")}
        return {"attributes": kept, "model": self._to_bytes() if hasattr(self, "model_") else None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state["attributes"])
        if state["model"] is not None:
            with tempfile.TemporaryDirectory(prefix="sentibp-", ignore_cleanup_errors=True) as folder:
                path = Path(folder) / "model.safetensors"
                path.write_bytes(state["model"])
                loaded = type(self).load(path)
            self._fitted(replace(loaded.model_, file=None), loaded._encoder)


# --- what a model file does not say, or says besides


def _recorded_before_refit(model: Classifier) -> dict[str, Any] | None:
    """Return the settings from before a final training, if the model is one of it and in its run directory."""
    recorded = RecordedData(model)
    if not recorded.is_refit or recorded.run is None:
        return None
    return before_refit(load_config(recorded.run / "config.yaml").config)


def _usual_encoder(model: Classifier) -> LabelEncoder:
    """Return the labels of a model whose file does not say what was given: one value for each class, or its name."""
    names = model.spec.labels
    data = model.trained_with.get("data")
    lists = data.get("labels") if isinstance(data, Mapping) else None
    values = list(names)
    if isinstance(lists, Mapping) and all(len(lists.get(name, ())) == 1 for name in names):
        values = [lists[name][0] for name in names]
    return _encoder(values, {value: number for number, value in enumerate(values)})


def _encoder(values: list[Any], numbers: dict[Any, int]) -> LabelEncoder:
    """Return the encoder of a label for each class, in the order of the model."""
    classes = label_array(values)
    number = np.argsort(classes, kind="stable")
    return LabelEncoder(classes[number], number, numbers)


def _stored_encoder(stored: Any, model: Classifier) -> LabelEncoder:
    """Return the labels that a model file holds. ValueError if they are damaged."""
    if stored is None:
        return _usual_encoder(model)
    classes, numbers, order = stored["classes"], stored["numbers"], stored["order"]
    k = len(model.spec.labels)
    if sorted(order) != list(range(k)) or len(set(classes)) != k or classes != sorted(classes):
        raise ValueError("its labels are not those of its classes")
    if not all(type(label) in (str, int, float, bool) for label in classes):
        raise ValueError("its labels are of no known type")
    numbers = {label: number for label, number in numbers}
    if not set(numbers.values()) <= {IGNORED, *range(k)}:
        raise ValueError("its labels are not those of its classes")
    return LabelEncoder(label_array(classes), np.array(order), numbers)
