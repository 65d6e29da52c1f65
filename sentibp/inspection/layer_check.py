"""Check the gradients of layers that a user wrote, and name the likely mistake behind a wrong one.

The user's file is executed. Each of its layers is compared with central differences, on every input that suits it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from sentibp.errors import ConfigError, SentibpError
from sentibp.inspection.layer_cases import INPUTS, Case, array_case, cases, locate_error, reads_words
from sentibp.inspection.layer_diagnosis import (
    EQUAL,
    diagnose,
    numerical_gradients,
    output_gradient,
    relative_difference,
    repeated_rows,
    tensors_of,
)
from sentibp.nn import Layer, RowGrad
from sentibp.nn.gradcheck import TOLERANCE, check_layer, replay
from sentibp.nn.layers import Array
from sentibp.utils.files import read_small_file
from sentibp.utils.near_names import near_or

_MODULE = "layer_under_test"


class LayerFailed(SentibpError):
    """The user's layer raised an error, or broke the contract of layers."""

    exit_code = 1


class GradientResult(NamedTuple):
    """The result for one gradient of a layer."""

    name: str  # of a parameter, or "x" for the input
    error: float  # relative; infinite if the gradient has the wrong shape
    ok: bool
    mistake: str | None  # the likely one


class LayerResult(NamedTuple):
    """The results for one layer."""

    layer: str  # the name of its class
    tensors: list[GradientResult]

    @property
    def ok(self) -> bool:
        """Whether all gradients are right."""
        return all(tensor.ok for tensor in self.tensors)


def check_file(path: Path, tolerance: float = TOLERANCE) -> list[LayerResult]:
    """Check every layer that the file defines. Raises ConfigError, and LayerFailed if a layer raises an error."""
    module = _execute(path)
    classes = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]
    layers = [
        each
        for each in classes
        if issubclass(each, Layer) and each.forward is not Layer.forward and each.backward is not Layer.backward
    ]
    if not layers:
        raise ConfigError(_no_layer(path, classes))
    with np.errstate(all="ignore"):  # a number that is not finite counts as wrong
        return [LayerResult(kind.__name__, _check_layer(path, module, kind, tolerance)) for kind in layers]


def _no_layer(path: Path, classes: list[type]) -> str:
    repair = "write `from sentibp.nn import Layer` and `class Mine(Layer):` with forward(self, x, *, train=False) and "
    repair += "backward(self, dy)"
    if not classes:
        return f"{path}: defines no layer; {repair}"
    names = ", ".join(kind.__name__ for kind in classes)
    return f"{path}: {names}: not a Layer with its own forward and backward; {repair}"


def _execute(path: Path) -> ModuleType:
    """Execute the user's file, and return it as a module."""
    if not path.is_file():
        fact = "not a file" if path.exists() else "no such file"
        raise ConfigError(f"--layer {path}: {fact}; {near_or(path, 'give the Python file of a layer', ('.py',))}")
    module = sys.modules[_MODULE] = ModuleType(_MODULE)
    module.__file__ = str(path)
    try:
        exec(compile(read_small_file(path), str(path), "exec"), module.__dict__)
    except SyntaxError as error:
        raise ConfigError(f"{path}:{error.lineno}: {error.msg}") from None
    except Exception as error:
        raise ConfigError(locate_error(path, error)) from None
    return module


def _check_layer(path: Path, module: ModuleType, kind: type[Layer], tolerance: float) -> list[GradientResult]:
    """Check one layer on all its cases. For each gradient, return the first mistake, or else the largest error."""
    worst: dict[str, GradientResult] = {}
    for case in cases(path, module, kind):
        for result in _check_case(path, case, tolerance, kind):
            previous = worst.get(result.name)
            if previous is None or (previous.ok and (not result.ok or result.error > previous.error)):
                worst[result.name] = result
    return list(worst.values())


def _check_case(path: Path, case: Case, tolerance: float, kind: type[Layer]) -> list[GradientResult]:
    layer, x = case.make()
    layer.params = {name: value.astype(np.float64) for name, value in layer.params.items()}
    try:
        gradients = _gradients(layer, x, path)
        errors = check_layer(layer, x, np.random.default_rng(1)) if _has_all_shapes(layer, x, gradients) else {}
    except SentibpError:
        raise
    except Exception as error:
        raise LayerFailed(*_failure(path, error, kind, tolerance)) from None
    results = []
    for name, gradient in gradients.items():
        if name in errors:
            error, limit = errors[name], tolerance
        else:  # a gradient has the wrong shape: all of them are compared number by number
            error, limit = relative_difference(gradient, numerical_gradients(case)[name]), max(tolerance, EQUAL)
        ok = error <= limit
        mistake = repeated_rows(layer, name) or (None if ok else diagnose(case, name, gradient))
        results.append(GradientResult(name, float(error), ok and mistake is None, mistake))
    return results


def _gradients(layer: Layer, x: Any, path: Path) -> dict[str, Array]:
    """Return the gradients that backward computes: of each parameter, and of x if it is an array.

    Raises LayerFailed if the layer breaks the contract of layers.
    """
    where = f"{path}: {type(layer).__name__}"
    inputs = [array.copy() for array in _arrays(x)]
    rewind = replay(layer)
    y = layer.forward(x, train=True)
    if not isinstance(y, np.ndarray) or y.ndim != 2 or y.dtype != np.float64:
        result = f"a {y.dtype} array {y.shape}" if isinstance(y, np.ndarray) else type(y).__name__
        raise LayerFailed(
            f"{where}.forward: returns {result}; it should be an array (n, o) of the parameters' type, float64"
        )
    if any(not np.array_equal(*pair) for pair in zip(inputs, _arrays(x), strict=True)):
        raise LayerFailed(f"{where}.forward: writes into its input; make a new array")
    dy = output_gradient(y.shape)
    dx = layer.backward(dy)
    if not np.array_equal(dy, output_gradient(y.shape)):
        raise LayerFailed(f"{where}.backward: writes into dy; make a new array")
    gradients = {name: _dense(layer.grads.get(name), value) for name, value in layer.params.items()}
    rewind()
    layer.forward(x, train=True)
    layer.backward(output_gradient(y.shape))
    for name, gradient in gradients.items():
        second = _dense(layer.grads.get(name), layer.params[name])
        doubled = second.shape == gradient.shape and relative_difference(second, 2 * gradient) < EQUAL
        if doubled and np.linalg.norm(gradient):
            raise LayerFailed(f"{where}.backward: adds to grads['{name}']; it should set it in each call")
    rewind()
    if isinstance(x, np.ndarray):
        if dx is None:
            raise LayerFailed(f"{where}.backward: returns nothing; it should return dx, the gradient of the input")
        gradients["x"] = np.asarray(dx)
    return gradients


def _arrays(x: Any) -> list[Array]:
    return [each for each in (x if isinstance(x, tuple) else (x,)) if isinstance(each, np.ndarray)]


def _dense(gradient: Any, parameter: Array) -> Array:
    """Return a gradient as a whole array: zeros if backward set none."""
    if gradient is None:
        return np.zeros_like(parameter)
    if not isinstance(gradient, RowGrad):
        return np.asarray(gradient, np.float64)
    dense = np.zeros_like(parameter)
    np.add.at(dense, gradient.rows, gradient.values)
    return dense


def _has_all_shapes(layer: Layer, x: Any, gradients: dict[str, Array]) -> bool:
    """Return whether backward sets every gradient, each in the shape of its tensor."""
    return set(layer.params) <= set(layer.grads) and all(
        gradients[name].shape == tensor.shape for name, tensor in tensors_of(layer, x).items()
    )


def _failure(path: Path, error: Exception, kind: type[Layer], tolerance: float) -> Iterator[str]:
    """Yield the error of a user's layer, and the likely mistakes."""
    yield locate_error(path, error)
    if isinstance(error, ValueError) and not reads_words(kind):
        try:  # a matrix that is not transposed raises no error if it is square
            for result in _check_case(path, array_case(path, kind, (INPUTS, INPUTS)), tolerance, kind):
                if result.mistake:
                    yield f"likely: {result.name}: {result.mistake}"
        except SentibpError:
            return
