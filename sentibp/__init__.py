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
    "train_model": ("experiment", "train"),
    "evaluate": ("experiment", "evaluate_on"),
    "load_config": ("config", "load"),
    "load_model": ("model", "load"),
    "find_model": ("runs", "model_file"),
    "find_validated_model": ("runs", "validated_file"),
    "Classifier": ("model", "Classifier"),
    "to_arrow": ("arrow", "strings"),
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
