"""Sentiment classifiers trained by backpropagation written by hand.

    import sentibp

    outcome = sentibp.train_model(sentibp.load_config("quickstart"))
    classifier = sentibp.load_model(outcome.model)
    classifier.predict(sentibp.to_arrow(["I love this movie"])).positive

Names are resolved on first use (PEP 562), so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_NAMES = {  # public name -> module, and its name there
    "train_model": ("training.experiment", "train_model"),
    "evaluate": ("inspection.evaluate", "evaluate_on"),
    "load_config": ("config.load", "load_config"),
    "load_model": ("model.file", "load_model"),
    "find_model": ("runs.find", "model_file"),
    "find_validated_model": ("runs.find", "validated_file"),
    "Classifier": ("model.classifier", "Classifier"),
    "to_arrow": ("utils.arrow", "strings"),
    "SentibpError": ("errors", "SentibpError"),
}

__all__ = list(_NAMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _NAMES[name]
    return getattr(import_module(f".{module}", __name__), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *_NAMES])
