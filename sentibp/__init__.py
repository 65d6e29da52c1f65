"""Sentiment classifiers trained by backpropagation written by hand.

    import sentibp

    trained = sentibp.train("default", texts, labels)
    trained.model.predict(["I love this movie"]).to_dicts()

    classifier = sentibp.SentimentClassifier("default").fit(texts, labels)  # as scikit-learn has it

Names are resolved on first use (PEP 562), so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_NAMES = {  # public name -> module, and its name there
    "SentimentClassifier": ("training.estimator", "SentimentClassifier"),
    "train": ("training.in_memory", "train"),
    "train_model": ("training.experiment", "train_model"),
    "evaluate": ("inspection.evaluate", "evaluate_on"),
    "explain": ("inspection.explain", "explain"),
    "load_config": ("config.load", "load_config"),
    "load_model": ("model.file", "load_model"),
    "find_model": ("runs.find", "model_file"),
    "find_validated_model": ("runs.find", "validated_file"),
    "Classifier": ("model.classifier", "Classifier"),
    "to_arrow": ("utils.arrow", "strings"),
    "SentibpError": ("errors", "SentibpError"),
    "SentibpWarning": ("errors", "SentibpWarning"),
}

_OF_FILES = ("train_model", "evaluate", "load_config")  # shared with commands: their errors name arguments here

__all__ = list(_NAMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _NAMES[name]
    found = getattr(import_module(f".{module}", __name__), attribute)
    if name in _OF_FILES:
        from sentibp.config.python import naming_arguments

        found = globals()[name] = naming_arguments(found)
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *_NAMES])
