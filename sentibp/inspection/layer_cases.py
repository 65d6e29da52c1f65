"""Layers and inputs that a user's layer is checked with.

A layer is built with small numbers that fit the names of its arguments, or by a function `example(rng)` in the user's
file, which returns a layer and its input.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from sentibp.errors import ConfigError
from sentibp.nn import EmbeddingBag, Layer, Ragged, WordDropout
from sentibp.nn.layers import Array

REVIEWS, WORDS_PER_REVIEW = 5, 3
INPUTS, OUTPUTS, FEATURES = 4, 2, 15  # all sizes differ, so that a confused size shows


class Case(NamedTuple):
    """A layer and an input. Each call of `make` builds both again from the same numbers."""

    make: Callable[[], tuple[Layer, Any]]
    input: str  # a key of TEXTS, "array" or "example"


class Texts(NamedTuple):
    """Reviews of feature ids, and the likely mistake of a layer that fails on them first."""

    ids: list[list[int]]
    mistake: str | None


TEXTS = {
    "plain": Texts([[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11], [12, 13, 14]], None),
    "a repeated id": Texts(
        [[0, 0, 2], [3, 4, 5], [6, 6, 6], [9, 10, 2], [12, 13, 12]],
        "repeated ids counted once: `gradient[ids] += dy` adds only one occurrence of an id; add all of them, with "
        "np.add.at or a count matrix",
    ),
    "different lengths": Texts(
        [[0, 1], [3, 4, 5, 0], [6], [9, 10, 11], [12, 13, 14, 2, 8]],
        "right only where all reviews have the same length: divide each review by its own length",
    ),
    "an empty review": Texts(
        [[0, 1], [], [3, 4, 5], [6, 7], []],
        "an empty review gets the numbers of another review, or a division by 0; it is pooled to zeros and has no "
        "gradient",
    ),
}
"""Each entry is more difficult than the entries before it in one respect."""


def cases(path: Path, module: ModuleType, kind: type[Layer]) -> Iterator[Case]:
    """Yield the cases for a layer of the file: its own example, texts, or arrays. Raises ConfigError."""
    example = getattr(module, "example", None)
    if callable(example):
        layer, x = _call_example(path, example)
        if type(layer) is kind:
            yield Case(lambda: _call_example(path, example), "array" if isinstance(x, np.ndarray) else "example")
            return
    if reads_words(kind):
        for name, texts in TEXTS.items():
            yield Case(lambda ids=texts.ids: (_build(path, kind, (FEATURES, INPUTS)), _ragged(ids)), name)
        return
    for shape in ((INPUTS, OUTPUTS), (INPUTS, INPUTS)):
        yield array_case(path, kind, shape)


def array_case(path: Path, kind: type[Layer], shape: tuple[int, int]) -> Case:
    """Return a case with a layer of that shape, and an array as input."""
    return Case(lambda: (_build(path, kind, shape), _numbers(REVIEWS, INPUTS)), "array")


def _call_example(path: Path, example: Callable[[np.random.Generator], Any]) -> tuple[Layer, Any]:
    try:
        layer, x = example(np.random.default_rng(0))
    except Exception as error:
        raise ConfigError(f"{locate_error(path, error)}; example(rng) returns a layer and its input") from None
    if not isinstance(layer, Layer):
        raise ConfigError(f"{path}: example(rng) returns a {type(layer).__name__} first; it should be a Layer")
    return layer, x.astype(np.float64) if isinstance(x, np.ndarray) else x


def reads_words(kind: type[Layer]) -> bool:
    """Return whether forward takes a Ragged: its annotation says so, or it uses an attribute that only Ragged has."""
    if issubclass(kind, EmbeddingBag | WordDropout):
        return True
    parameters = list(inspect.signature(kind.forward).parameters.values())
    if len(parameters) > 1 and "Ragged" in str(parameters[1].annotation):
        return True
    code = kind.forward.__code__
    return bool({"ids", "offsets", "lengths"} & {*code.co_names, *code.co_varnames})


def _ragged(reviews: list[list[int]]) -> Ragged:
    offsets = np.cumsum([0, *map(len, reviews)])
    return Ragged(np.array([i for review in reviews for i in review], np.int32), offsets)


def _numbers(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


_ARGUMENTS: dict[str, Callable[[int, int], Any]] = {
    "weight": _numbers,
    "weights": _numbers,
    "w": _numbers,
    "bias": lambda i, o: _numbers(o),
    "b": lambda i, o: _numbers(o),
    "scale": lambda i, o: 1 + _numbers(i) / 4,
    "shift": lambda i, o: _numbers(i),
    "mean": lambda i, o: np.zeros(i),
    "variance": lambda i, o: np.ones(i),
    "inputs": lambda i, o: i,
    "outputs": lambda i, o: o,
    "rate": lambda i, o: 0.4,
    "rng": lambda i, o: np.random.default_rng(0),
}
"""The value of an argument with that name, for a layer from i to o numbers."""


def _build(path: Path, kind: type[Layer], shape: tuple[int, int]) -> Layer:
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(kind).parameters.values()
    required = [each.name for each in parameters if each.default is each.empty and each.kind in named]
    unknown = [name for name in required if name.lower() not in _ARGUMENTS]
    if unknown:
        raise ConfigError(
            f"{path}: {kind.__name__}: no value for {', '.join(unknown)}; add `def example(rng):` to the file, "
            f"which returns a {kind.__name__} and its input, or use the names {', '.join(_ARGUMENTS)}"
        )
    try:
        layer = kind(**{name: _ARGUMENTS[name.lower()](*shape) for name in required})
    except Exception as error:
        raise ConfigError(locate_error(path, error)) from None
    for name, value in getattr(layer, "params", {}).items():
        if not isinstance(value, np.ndarray) or not value.size:
            raise ConfigError(
                f"{path}: {kind.__name__}: params['{name}'] is not an array; call super().__init__(name=array)"
            )
    return layer


def locate_error(path: Path, error: BaseException) -> str:
    """Return a line with the place of an error in the user's file, and the error."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = f":{frames[-1].lineno}" if frames else ""
    function = f" in {frames[-1].name}:" if frames and frames[-1].name != "<module>" else ""
    return f"{path}{line}:{function} {type(error).__name__}: {' '.join(str(error).split())}"
