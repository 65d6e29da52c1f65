"""The data of an export: all that turns a text into probabilities, as plain values and arrays of bytes.

The exports to Python, JavaScript and HTML hold it as zlib-compressed bytes in base64: the length of the settings in 4
bytes, the settings as JSON, and the arrays that the settings list, one after the other, low bytes first.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from sentibp.data import shifters, token_classes
from sentibp.data.folding import CONTEXT, INVISIBLE
from sentibp.export.characters import character_tables
from sentibp.export.checks import check_texts, exact, expected
from sentibp.model import packing
from sentibp.model.classifier import Classifier
from sentibp.model.decision import Decision
from sentibp.model.head import class_numbers
from sentibp.nn import BatchNorm
from sentibp.nn.heads import AdaptiveTemperature, Cumulative, Scale, split_head
from sentibp.nn.layers import Array
from sentibp.utils.environment import version

_FORMAT = 1
_MOST_VALUES = 1 << 16  # different numbers in rows that are stored as a palette and codes
_TYPES = {"u1": np.uint8, "f4": "<f4", "f8": "<f8"}
_LINE = 2000  # characters of base64 in a line


@dataclass(frozen=True)
class Payload:
    """The settings (plain values, for JSON), and the arrays by name: uint8, float32 or float64, each (n,)."""

    settings: dict[str, Any]
    arrays: dict[str, Array]
    classifier: Classifier
    order: Array  # (V,) the features of the classifier in the order of the export

    def to_base64(self) -> str:
        """Return everything as text, in lines."""
        arrays = {name: array.astype(_TYPES[_kind(array)]) for name, array in self.arrays.items()}
        shapes = [[name, _kind(array), len(array)] for name, array in arrays.items()]
        settings = to_json({**self.settings, "arrays": shapes}).encode()
        content = [len(settings).to_bytes(4, "little"), settings, *(array.tobytes() for array in arrays.values())]
        text = base64.b64encode(zlib.compress(b"".join(content), 9)).decode()
        return "\n".join(text[start : start + _LINE] for start in range(0, len(text), _LINE))


def to_json(value: Any) -> str:
    """Return plain values as JSON in few characters. Lone surrogates, which UTF-8 cannot encode, are escaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, sort_keys=True)


def _kind(array: Array) -> str:
    return {np.uint8: "u1", np.float32: "f4", np.float64: "f8"}[array.dtype.type]


def make_payload(classifier: Classifier, decision: Decision) -> Payload:
    """Return the data of the export of a classifier, whose labels are chosen by `decision`."""
    spec, vocabulary = classifier.spec, classifier.vocabulary
    order, contents = packing.pack_vocabulary(vocabulary)
    layers, arrays = _layers(classifier)
    texts = check_texts(classifier)
    has_shifters = bool((vocabulary.is_marked & ~vocabulary.is_affix).any())  # `but~` may be an affix, too
    rules = shifters.rules() if has_shifters else None
    settings = {
        "format": _FORMAT,
        "sentibp": version("sentibp"),
        "labels": list(spec.labels),
        "answer": _answer_settings(decision),
        "text": _text_settings(classifier),
        "characters": character_tables(spec.spelling, rules["punctuation"] if rules else None),
        "shifters": rules,
        "presence": spec.presence,
        "respells": vocabulary.respells,
        "depth": vocabulary.depth,
        "features": len(vocabulary),
        "levels": contents.levels.tolist(),
        "network": {
            "dim": spec.dim,
            "pooling": spec.pooling,
            "padding": spec.padding,
            "layers": layers,
            "head": _head(classifier),
        },
        "empty": expected(classifier, [""])[0].tolist(),  # where rounding decides, it decides as in sentibp
        "checks": {"texts": texts, "probabilities": exact(classifier, texts).tolist()},
    }
    for name in ("shared", "endings", "prefixes", "ngrams"):
        arrays[name] = np.frombuffer(getattr(contents, name), np.uint8)
    return Payload(settings, arrays | _rows(classifier.tensors()["embedding.weight"][order]), classifier, order)


def _answer_settings(decision: Decision) -> dict[str, Any]:
    numbers = class_numbers(decision.classes)
    return {
        "ordered": decision.classes.ordered,
        "numbers": None if numbers is None else numbers.tolist(),
        "threshold": None if decision.threshold is None else list(decision.threshold),
        "cost": None if decision.cost is None else decision.cost.tolist(),
    }


def _text_settings(classifier: Classifier) -> dict[str, Any]:
    spelling = classifier.spec.spelling
    return {
        "lowercase": spelling.lowercase,
        "folding": spelling.folding,
        "invisible": INVISIBLE,
        "context": CONTEXT,
        "classes": token_classes.placeholders(spelling.classes),
        "patterns": token_classes.spellings(spelling.classes),
    }


def _layers(classifier: Classifier) -> tuple[list[dict[str, Any]], dict[str, Array]]:
    """Return the linear layers, each with what follows it, and their arrays. Batch norm is folded into them."""
    spec, tensors = classifier.spec, classifier.tensors()
    layers, arrays = [], {}
    names = [*(f"hidden.{i}" for i in range(len(spec.hidden))), "output"]
    for name in names:
        weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        is_hidden = name != "output"
        if is_hidden and spec.batch_norm:
            scale, shift, mean, variance = (
                tensors[f"{name}.norm.{each}"].astype(np.float64) for each in ("scale", "shift", "mean", "variance")
            )
            factor = scale / np.sqrt(variance + BatchNorm.EPSILON)
            weight, bias = weight * factor, (bias - mean) * factor + shift
        arrays |= {f"{name}.weight": weight.ravel(), f"{name}.bias": bias}
        layers.append(
            {
                "weight": f"{name}.weight",
                "bias": f"{name}.bias",
                "name": name,
                "activation": spec.activation if is_hidden else None,
                "residual": is_hidden and spec.residual and weight.shape[0] == weight.shape[1],
            }
        )
    return layers, arrays


def _head(classifier: Classifier) -> dict[str, Any]:
    """Return what turns the outputs of the network into probabilities."""
    _, head = split_head(classifier.network)
    k = len(classifier.spec.labels)
    if isinstance(head, Scale):
        bias = np.zeros(k)
        bias[1:-1] += head.params.get("bias", 0)
        return {"kind": "scale", "shares": head.shares.tolist(), "bias": bias.tolist()}
    if isinstance(head, Cumulative):
        theta = head.thresholds().astype(np.float64)
        widths = np.zeros(k)
        widths[1:-1] = np.log(-np.expm1(-np.diff(theta)))
        return {"kind": "cumulative", "thresholds": theta.tolist(), "widths": widths.tolist()}
    if isinstance(head, AdaptiveTemperature):
        power, spread = float(head.params["power"][0]), float(head.buffers["spread"][0])
        return {"kind": "softmax", "temperature": {"power": power, "spread": spread, "epsilon": head.EPSILON}}
    return {"kind": classifier.spec.head}


def _rows(rows: Array) -> dict[str, Array]:
    """Return the rows of the features (V, d): as they are, or as codes of the numbers that occur, if those are few.

    `rows` are the codes, column by column, and `high` their high bytes, if there are more than 256 numbers. The most
    frequent numbers have the lowest codes.
    """
    values, code, count = np.unique(rows.T.ravel(), return_inverse=True, return_counts=True)
    if len(values) > min(_MOST_VALUES, rows.size // 4):
        return {"rows": np.ascontiguousarray(rows).ravel()}
    frequent = np.sort(np.argsort(-count, kind="stable")[:256])
    order = np.concatenate((frequent, np.setdiff1d(np.arange(len(values)), frequent)))
    new = np.empty(len(values), np.int64)
    new[order] = np.arange(len(values))
    code = new[code.ravel()]
    high = {"high": (code >> 8).astype(np.uint8)} if len(values) > 256 else {}
    return {"rows": (code & 255).astype(np.uint8), **high, "palette": values[order]}
