"""A layer that somebody wrote, held against central differences; and if it is wrong, the mistake that it looks like.

The file is run as it is: it is the user's own code. Its layers are built with small numbers, drawn by what their
arguments are called, or by a function `example(rng)` in the file that returns a layer and its input. Where a gradient
is wrong, it is found number by number by differences, and each classic mistake is asked whether it explains what
backward said.
"""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from sentibp.errors import ConfigError, SentibpError
from sentibp.nn import EmbeddingBag, Layer, Ragged, RowGrad, WordDropout
from sentibp.nn.gradcheck import TOLERANCE, check_layer, replay
from sentibp.nn.layers import Array

_REVIEWS, _IN, _OUT, _FEATURES, _LENGTH = 5, 4, 2, 15, 3  # all different, so that a mistaken size tells itself
_MODULE = "layer_under_test"
_STEP = 1e-6
_SAME = 1e-5  # how far two gradients may differ and count as one: differences number by number are coarser


class LayerFailed(SentibpError):
    """The user's layer raised an error, or gave back what no layer may."""

    exit_code = 1


class GradientResult(NamedTuple):
    """What was found of one gradient."""

    name: str  # of a parameter, or "x" for the input
    error: float  # relative; infinite if the gradient has the wrong shape
    ok: bool
    mistake: str | None  # the likely one


class LayerResult(NamedTuple):
    """What was found of one layer."""

    layer: str  # the name of its class
    tensors: list[GradientResult]

    @property
    def ok(self) -> bool:
        """Whether all of its gradients are right."""
        return all(tensor.ok for tensor in self.tensors)


class Case(NamedTuple):
    """A layer and an input, both made anew each time from the same numbers."""

    make: Callable[[], tuple[Layer, Any]]
    input: str  # a key of _TEXTS, or "array"


def check_file(path: Path, tolerance: float = TOLERANCE) -> list[LayerResult]:
    """Every layer that the file defines. Raises ConfigError, and LayerFailed if one raises an error."""
    module = _run(path)
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__ and _is_layer(value)
    ]
    if not found:
        raise ConfigError(_no_layer(path, module))
    with np.errstate(all="ignore"):  # a number that is not finite is seen as a wrong one
        return [LayerResult(kind.__name__, _check(path, module, kind, tolerance)) for kind in found]


def _is_layer(kind: type) -> bool:
    return issubclass(kind, Layer) and kind.forward is not Layer.forward and kind.backward is not Layer.backward


def _no_layer(path: Path, module: ModuleType) -> str:
    own = [value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__]
    how = "write `from sentibp.nn import Layer` and `class Mine(Layer):` with forward(self, x, *, train=False) and "
    how += "backward(self, dy)"
    if not own:
        return f"{path}: defines no layer; {how}"
    names = ", ".join(kind.__name__ for kind in own)
    return f"{path}: {names}: not a Layer with a forward and a backward of its own; {how}"


def _run(path: Path) -> ModuleType:
    """The user's file as a module."""
    if not path.is_file():
        raise ConfigError(f"--layer {path}: no such file; give the Python file of a layer")
    module = sys.modules[_MODULE] = ModuleType(_MODULE)
    module.__file__ = str(path)
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    except SyntaxError as error:
        raise ConfigError(f"{path}:{error.lineno}: {error.msg}") from None
    except Exception as error:
        raise ConfigError(_where(path, error)) from None
    return module


def _where(path: Path, error: BaseException) -> str:
    """What went wrong in the user's file, and in which line of it."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = f":{own[-1].lineno}" if own else ""
    inside = f" in {own[-1].name}:" if own and own[-1].name != "<module>" else ""
    return f"{path}{line}:{inside} {type(error).__name__}: {' '.join(str(error).split())}"


# --- layers and inputs to check them with


class Reviews(NamedTuple):
    """Reviews of feature ids, and the mistake if they are the first on which a layer is wrong."""

    ids: list[list[int]]
    mistake: str | None


_TEXTS = {
    "plain": Reviews([[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11], [12, 13, 14]], None),
    "a repeated id": Reviews(
        [[0, 0, 2], [3, 4, 5], [6, 6, 6], [9, 10, 2], [12, 13, 12]],
        "repeated ids counted once: `gradient[ids] += dy` adds for one occurrence alone; count them all, with "
        "np.add.at or a count matrix",
    ),
    "different lengths": Reviews(
        [[0, 1], [3, 4, 5, 0], [6], [9, 10, 11], [12, 13, 14, 2, 8]],
        "right only where all reviews have the same length: each is divided by its own",
    ),
    "an empty review": Reviews(
        [[0, 1], [], [3, 4, 5], [6, 7], []],
        "an empty review gets another's part, or a division by 0: it is pooled to zeros, and has no gradient",
    ),
}
"""Each is harder than those before in one way."""


def _check(path: Path, module: ModuleType, kind: type[Layer], tolerance: float) -> list[GradientResult]:
    """One layer, on every input that suits it; of each gradient the first mistake, or the largest error."""
    worst: dict[str, GradientResult] = {}
    for case in _cases(path, module, kind):
        for tensor in _check_case(path, case, tolerance, kind):
            before = worst.get(tensor.name)
            if before is None or (before.ok and (not tensor.ok or tensor.error > before.error)):
                worst[tensor.name] = tensor
    return list(worst.values())


def _cases(path: Path, module: ModuleType, kind: type[Layer]) -> Iterator[Case]:
    example = getattr(module, "example", None)
    if callable(example):
        layer, x = _example(path, example)
        if type(layer) is kind:
            yield Case(lambda: _example(path, example), "array" if isinstance(x, np.ndarray) else "example")
            return
    if _reads_words(kind):
        for name, reviews in _TEXTS.items():
            yield Case(lambda ids=reviews.ids: (_build(path, kind, (_FEATURES, _IN)), _ragged(ids)), name)
        return
    for shape in ((_IN, _OUT), (_IN, _IN)):
        yield Case(lambda shape=shape: (_build(path, kind, shape), _numbers(_REVIEWS, _IN)), "array")


def _example(path: Path, example: Callable[[np.random.Generator], Any]) -> tuple[Layer, Any]:
    try:
        layer, x = example(np.random.default_rng(0))
    except Exception as error:
        raise ConfigError(f"{_where(path, error)}; example(rng) returns a layer and its input") from None
    if not isinstance(layer, Layer):
        raise ConfigError(f"{path}: example(rng) returns a {type(layer).__name__} first; it should be a Layer")
    return layer, x.astype(np.float64) if isinstance(x, np.ndarray) else x


def _reads_words(kind: type[Layer]) -> bool:
    """Whether forward takes a Ragged: it says so, or names what only that has."""
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
"""What an argument of that name is given, for a layer from i numbers to o."""


def _build(path: Path, kind: type[Layer], shape: tuple[int, int]) -> Layer:
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(kind).parameters.values()
    asked = [each for each in parameters if each.default is each.empty and each.kind in named]
    strange = [parameter.name for parameter in asked if parameter.name.lower() not in _ARGUMENTS]
    if strange:
        raise ConfigError(
            f"{path}: {kind.__name__}: what to give for {', '.join(strange)}? Add `def example(rng):` to the file, "
            f"which returns a {kind.__name__} and its input; or use the names {', '.join(_ARGUMENTS)}"
        )
    try:
        layer = kind(**{parameter.name: _ARGUMENTS[parameter.name.lower()](*shape) for parameter in asked})
    except Exception as error:
        raise ConfigError(_where(path, error)) from None
    for name, value in getattr(layer, "params", {}).items():
        if not isinstance(value, np.ndarray) or not value.size:
            raise ConfigError(
                f"{path}: {kind.__name__}: params['{name}'] is no array; give super().__init__(name=array)"
            )
    return layer


# --- the check


def _check_case(path: Path, case: Case, tolerance: float, kind: type[Layer]) -> list[GradientResult]:
    layer, x = case.make()
    layer.params = {name: value.astype(np.float64) for name, value in layer.params.items()}
    try:
        said = _said(layer, x, path)
        errors = check_layer(layer, x, np.random.default_rng(1)) if _fits(layer, x, said) else {}
    except SentibpError:
        raise
    except Exception as error:
        raise LayerFailed(*_failure(path, error, kind, tolerance)) from None
    found = []
    for name, gradient in said.items():
        tensor = x if name == "x" else layer.params[name]
        fits = np.shape(gradient) == np.shape(tensor)
        error = errors.get(name, np.inf if not fits else None)
        if error is None:  # another one does not fit: this one is compared number by number
            error = _distance(gradient, _differences(case)[name])
        ok = error <= max(tolerance, 0 if errors else _SAME)
        mistake = _repeats(layer, name) or (None if ok else _mistake(case, name, gradient))
        found.append(GradientResult(name, float(error), ok and mistake is None, mistake))
    return found


def _said(layer: Layer, x: Any, path: Path) -> dict[str, Any]:
    """What backward says of each parameter, and of x; LayerFailed if it breaks the contract of layers."""
    where = f"{path}: {type(layer).__name__}"
    before = [array.copy() for array in _arrays(x)]
    rewind = replay(layer)
    y = layer.forward(x, train=True)
    if not isinstance(y, np.ndarray) or y.ndim != 2 or y.dtype != np.float64:
        got = f"a {y.dtype} array {y.shape}" if isinstance(y, np.ndarray) else type(y).__name__
        raise LayerFailed(
            f"{where}.forward: gives {got}; it should be an array (n, o) of the parameters' type, float64"
        )
    if any(not np.array_equal(*pair) for pair in zip(before, _arrays(x), strict=True)):
        raise LayerFailed(f"{where}.forward: writes into its input; make a new array")
    dy = _direction(y.shape)
    dx = layer.backward(dy)
    if not np.array_equal(dy, _direction(y.shape)):
        raise LayerFailed(f"{where}.backward: writes into dy; make a new array")
    said = {name: _dense(layer.grads.get(name), value) for name, value in layer.params.items()}
    rewind()
    layer.forward(x, train=True)
    layer.backward(_direction(y.shape))
    for name, gradient in said.items():
        again = _dense(layer.grads.get(name), layer.params[name])
        if np.linalg.norm(gradient) and again.shape == gradient.shape and _distance(again, 2 * gradient) < _SAME:
            raise LayerFailed(f"{where}.backward: adds to grads['{name}']; it should set it, anew each time")
    rewind()
    if isinstance(x, np.ndarray):
        if dx is None:
            raise LayerFailed(f"{where}.backward: returns nothing; it should return dx, the gradient of the input")
        said["x"] = np.asarray(dx)
    return said


def _arrays(x: Any) -> list[Array]:
    return [part for part in (x if isinstance(x, tuple) else (x,)) if isinstance(part, np.ndarray)]


def _direction(shape: tuple[int, ...]) -> Array:
    """The gradient that backward is given."""
    return np.random.default_rng(2).standard_normal(shape)


def _dense(gradient: Any, like: Array) -> Array:
    """A gradient as a whole array; one that is not there as zeros."""
    if gradient is None:
        return np.zeros_like(like)
    if not isinstance(gradient, RowGrad):
        return np.asarray(gradient, np.float64)
    dense = np.zeros_like(like)
    np.add.at(dense, gradient.rows, gradient.values)
    return dense


def _fits(layer: Layer, x: Any, said: dict[str, Any]) -> bool:
    """Whether every gradient is there and has the shape that it should."""
    tensors = {**layer.params, **({"x": x} if isinstance(x, np.ndarray) else {})}
    return set(layer.params) <= set(layer.grads) and all(
        said[name].shape == tensor.shape for name, tensor in tensors.items()
    )


def _failure(path: Path, error: Exception, kind: type[Layer], tolerance: float) -> Iterator[str]:
    yield _where(path, error)
    if isinstance(error, ValueError) and not _reads_words(kind):
        try:  # a matrix that is not transposed fits where it is square
            square = Case(lambda: (_build(path, kind, (_IN, _IN)), _numbers(_REVIEWS, _IN)), "array")
            for tensor in _check_case(path, square, tolerance, kind):
                if tensor.mistake:
                    yield f"likely: {tensor.name}: {tensor.mistake}"
        except SentibpError:
            return


def _differences(case: Case, transposed: str | None = None) -> dict[str, Array]:
    """The gradient of sum(y * dy) by every number of each tensor, by central differences.

    `transposed` names a parameter to be turned over first.
    """
    layer, x = case.make()
    layer.params = {name: value.astype(np.float64) for name, value in layer.params.items()}
    if transposed:
        layer.params = {**layer.params, transposed: layer.params[transposed].T.copy()}
    rewind = replay(layer)
    x = x.copy() if isinstance(x, np.ndarray) else x

    def f() -> float:
        rewind()
        y = layer.forward(x, train=True)
        return float((y * _direction(y.shape)).sum())

    result = {}
    for name, tensor in {**layer.params, **({"x": x} if isinstance(x, np.ndarray) else {})}.items():
        slope = np.zeros_like(tensor)
        for at in np.ndindex(tensor.shape):
            start = tensor[at]
            tensor[at] = start + _STEP
            above = f()
            tensor[at] = start - _STEP
            slope[at] = (above - f()) / (2 * _STEP)
            tensor[at] = start
        result[name] = slope
    return result


def _distance(a: Array, b: Array) -> float:
    """The relative difference of two gradients; infinite if their shapes differ."""
    if a.shape != b.shape:
        return np.inf
    return float(np.linalg.norm(a - b) / max(np.linalg.norm(a), np.linalg.norm(b), 1e-12))


# --- the classic mistakes


def _repeats(layer: Layer, name: str) -> str | None:
    gradient = layer.grads.get(name)
    if isinstance(gradient, RowGrad) and len(np.unique(gradient.rows)) < len(gradient.rows):
        return (
            "repeated ids counted once: RowGrad.rows holds an id twice, of which an optimizer takes one; "
            "add up what belongs to one id"
        )
    return None


def _mistake(case: Case, name: str, said: Array) -> str:
    """The first of the classic mistakes that explains a wrong gradient."""
    right = _differences(case)[name]
    for explains in (_on_this_input, _forgotten, _not_summed, _sign, _transposed, _factor):
        if mistake := explains(case, name, said, right):
            return mistake
    return "none of the classic mistakes; compare the derivative with the formula in forward"


def _on_this_input(case: Case, name: str, said: Array, right: Array) -> str | None:
    """What is wrong on this input, though it was right on the one before."""
    return _TEXTS[case.input].mistake if case.input in _TEXTS else None


def _forgotten(case: Case, name: str, said: Array, right: Array) -> str | None:
    if said.any() or not right.any():
        return None
    if name in ("bias", "b", "shift"):
        return "forgotten bias: it gets no gradient; it is added in every review, so that it gets dy.sum(axis=0)"
    return f"forgotten: backward gives no gradient of {name}"


def _not_summed(case: Case, name: str, said: Array, right: Array) -> str | None:
    if said.ndim == right.ndim + 1 and _distance(said.sum(axis=0), right) < _SAME:
        return "not summed over the batch: every review moves it; dy.sum(axis=0)"
    return None


def _sign(case: Case, name: str, said: Array, right: Array) -> str | None:
    return "sign: it is the right gradient times -1" if _distance(-said, right) < _SAME else None


def _transposed(case: Case, name: str, said: Array, right: Array) -> str | None:
    if said.ndim == 2 and _distance(said.T, right) < _SAME:
        return f"transposed: it is the right gradient turned over; it has the shape of {name}"
    if name == "x":
        layer, _ = case.make()
        for inner, value in layer.params.items():
            square = value.ndim == 2 and value.shape[0] == value.shape[1]
            if square and _distance(said, _differences(case, transposed=inner)["x"]) < _SAME:
                return f"transposed: forward multiplies by {inner}, backward by {inner}.T; dx = dy @ {inner}.T"
    return None


def _factor(case: Case, name: str, said: Array, right: Array) -> str | None:
    if said.shape != right.shape or not right.any():
        return None
    factor = float((said * right).sum() / (right * right).sum())
    if _distance(said, factor * right) > _SAME:
        return None
    sizes = {_REVIEWS: "reviews in the batch"}
    if case.input == "plain":
        sizes[_LENGTH] = "words in the review"
    for n, what in sizes.items():
        if abs(factor - n) < _SAME * n:
            return f"missing 1/n: it is {n} times too large, and n = {n} {what}; forward divides, so must backward"
        if abs(factor * n - 1) < _SAME:
            told = "; the 1/n of a mean over the batch stands in the loss" if n == _REVIEWS else ""
            return f"1/n once too often: it is {n} times too small, and n = {n} {what}{told}"
    return f"a factor: it is {factor:.6g} times the right gradient"
