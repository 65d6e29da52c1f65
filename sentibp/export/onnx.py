"""The ONNX file of an export: from the features of texts to probabilities, with the tokenizer as metadata.

The input `ids` (n, length) has the numbers of the features of n texts, and -1 behind them; a smaller number is the
same. The output `probabilities` is (n, K) float64. All nodes are operators of the standard set. The graph computes the
test texts of the export, too, which ONNX Runtime does once, when it loads the file; if one of them is wrong, each
answer is NaN.
"""

from __future__ import annotations

import base64
import zlib
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any

import numpy as np

from sentibp.data.key_table import NONE
from sentibp.data.tokenizer import ENTITY
from sentibp.data.vocabulary import Vocabulary
from sentibp.errors import ConfigError
from sentibp.export.checks import TOLERANCE, require_close
from sentibp.export.payload import Payload, to_json
from sentibp.nn.layers import Array
from sentibp.utils.arrow import from_numpy, strings

if TYPE_CHECKING:
    from onnx import ModelProto

_OPSET, _IR = 18, 10  # read by ONNX Runtime from 1.18 on (2024)
_LARGEST = 2_000_000_000  # bytes: a file of protobuf holds no more
_ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid"}


def require_onnx() -> None:
    """Raise ConfigError if onnx or onnxruntime is not installed."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        raise ConfigError(f"--to onnx needs {missing}: pip install 'sentibp[export]'") from None


def onnx_file(payload: Payload) -> bytes:
    """Return an ONNX file that holds the model. DataError if ONNX Runtime does not repeat the test texts."""
    import onnx

    rows = payload.classifier.tensors()["embedding.weight"]
    if rows.nbytes > _LARGEST:
        raise ConfigError("--to onnx: the model is larger than 2 GB, which such a file cannot be; add --max-size 1GB")
    vocabulary = _reordered(payload.classifier.vocabulary, payload.order)
    checks = payload.settings["checks"]
    ids = padded(payload, checks["texts"])
    model = _model(payload, ids, np.array(checks["probabilities"]))
    _add_metadata(model, payload, vocabulary)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString(deterministic=True)
    require_close(run(content, ids), np.array(checks["probabilities"]), checks["texts"], "ONNX Runtime")
    return content


def padded(payload: Payload, texts: list[str]) -> Array:
    """Return the features of each text in the order of the export, with -1 behind them: (n, longest) int64."""
    new = np.empty(len(payload.order), np.int64)
    new[payload.order] = np.arange(len(new))
    features, _, _ = payload.classifier.encode(strings(texts))
    ids = np.full((len(texts), int(features.lengths.max(initial=1))), NONE, np.int64)
    for row, (start, stop) in zip(ids, zip(features.offsets[:-1], features.offsets[1:], strict=True), strict=True):
        row[: stop - start] = new[features.ids[start:stop]]
    return ids


def run(content: bytes, ids: Array) -> Array:
    """Return the probabilities that ONNX Runtime computes: (n, length) int64 -> (n, K) float64."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["probabilities"], {"ids": ids})[0])


class _Graph:
    """Nodes and constants. Each method returns the name of what it computes."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, Array] = {}
        self.prefix = ""

    def constant(self, name: str, value: Any) -> str:
        """Add a constant, once."""
        self.constants.setdefault(name, np.asarray(value))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output."""
        from onnx import helper

        name = f"{self.prefix}{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def double(self, name: str) -> str:
        """Add a cast to float64."""
        from onnx import TensorProto

        return self.node("Cast", name, to=TensorProto.DOUBLE)


def _model(payload: Payload, ids: Array, wanted: Array) -> ModelProto:
    from onnx import TensorProto, helper, numpy_helper

    graph = _Graph()
    found = _probabilities(graph, payload, "ids")
    graph.prefix = "check_"
    checked = _probabilities(graph, payload, graph.constant("check.ids", ids))
    error = graph.node(
        "ReduceMax",
        graph.node("Abs", graph.node("Sub", checked, graph.constant("check.probabilities", wanted))),
        keepdims=0,
    )
    is_right = graph.node("LessOrEqual", error, graph.constant("tolerance", np.float64(TOLERANCE)))
    answer = [is_right, found, graph.constant("nan", np.float64("nan"))]
    graph.nodes.append(helper.make_node("Where", answer, ["probabilities"], name="answer"))
    constants = [numpy_helper.from_array(value, name) for name, value in graph.constants.items()]
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["texts", "features"])]
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.DOUBLE, ["texts", wanted.shape[1]])]
    made = helper.make_graph(graph.nodes, "sentibp", inputs, outputs, constants)
    opset = [helper.make_opsetid("", _OPSET)]
    return helper.make_model(made, opset_imports=opset, ir_version=_IR, producer_name="sentibp")


def _probabilities(graph: _Graph, payload: Payload, ids: str) -> str:
    """Add the network: (n, length) int64 -> (n, K) float64."""
    network = payload.settings["network"]
    ids = graph.node("Max", ids, graph.constant("padding.id", np.int64(NONE)))  # -2 would be the last feature
    count = _count(graph, ids)
    x = _pooled(graph, payload, ids, count)
    for layer in network["layers"]:
        weight, bias = (payload.arrays[layer[key]].astype(np.float64) for key in ("weight", "bias"))
        weight = graph.constant(layer["weight"], weight.reshape(-1, len(bias)))
        y = graph.node("Add", graph.node("MatMul", x, weight), graph.constant(layer["bias"], bias))
        y = graph.node(_ACTIVATIONS[layer["activation"]], y) if layer["activation"] else y
        x = graph.node("Add", x, y) if layer["residual"] else y
    is_empty = graph.node("Equal", count, graph.constant("zero", np.float64(0)))
    empty = graph.constant("empty", np.array(payload.settings["empty"]))
    return graph.node("Where", is_empty, empty, _head(graph, network["head"], x))


def _count(graph: _Graph, ids: str) -> str:
    """Add the number of features of each text: (n, 1) float64."""
    is_feature = graph.double(graph.node("GreaterOrEqual", ids, graph.constant("first", np.int64(0))))
    return graph.node("ReduceSum", is_feature, graph.constant("axis", np.array([1])), keepdims=1)


def _pooled(graph: _Graph, payload: Payload, ids: str, count: str) -> str:
    """Add the pooled rows: (n, d) float64. -1 is the last row, which is zero."""
    network = payload.settings["network"]
    rows = graph.double(_rows(graph, payload, ids))
    sums = graph.node("ReduceSum", rows, graph.constant("axis", np.array([1])), keepdims=0)
    if network["pooling"] == "sum":
        return sums
    length = graph.node("Add", count, graph.constant("padding", np.float64(network["padding"])))
    length = graph.node("Max", length, graph.constant("one", np.float64(1)))
    return graph.node("Div", sums, graph.node("Sqrt", length) if network["pooling"] == "sqrt" else length)


def _rows(graph: _Graph, payload: Payload, ids: str) -> str:
    """Add the rows of features (n, length, d) float32: of a matrix, or of a palette by their codes."""
    from onnx import TensorProto

    arrays, d, total = payload.arrays, payload.settings["network"]["dim"], payload.settings["features"]
    if "palette" not in arrays:
        rows = np.concatenate((arrays["rows"].reshape(total, d), np.zeros((1, d), np.float32)))
        return graph.node("Gather", graph.constant("rows", rows), ids)
    palette, codes = np.append(arrays["palette"], np.float32(0)), arrays["rows"].astype(np.uint16)
    if "high" in arrays:
        codes += arrays["high"].astype(np.uint16) << 8
    codes = np.concatenate((codes.reshape(d, total).T, np.full((1, d), len(palette) - 1)))
    codes = codes.astype(np.uint8 if len(palette) <= 256 else np.uint16 if len(palette) <= 1 << 16 else np.int32)
    found = graph.node("Gather", graph.constant("codes", np.ascontiguousarray(codes)), ids)
    return graph.node("Gather", graph.constant("palette", palette), graph.node("Cast", found, to=TensorProto.INT64))


def _head(graph: _Graph, head: dict[str, Any], x: str) -> str:
    if head["kind"] == "sigmoid":
        p = graph.node("Sigmoid", x)
        return graph.node("Concat", graph.node("Sub", graph.constant("one", np.float64(1)), p), p, axis=1)
    if head["kind"] == "scale":
        x = graph.node("MatMul", x, graph.constant("shares", np.array(head["shares"])))
        x = graph.node("Add", x, graph.constant("scale.bias", np.array(head["bias"])))
    if head["kind"] == "cumulative":
        x = _log_probabilities(graph, head, x)
    if "temperature" in head:
        x = graph.node("Div", x, _temperature(graph, head["temperature"], x))
    return graph.node("Softmax", x, axis=1)


def _temperature(graph: _Graph, settings: dict[str, Any], x: str) -> str:
    """Add (s / r)^a, s being the standard deviation of the outputs of a text: (n, K) -> (n, 1)."""
    axis = graph.constant("axis", np.array([1]))
    centred = graph.node("Sub", x, graph.node("ReduceMean", x, axis))
    variance = graph.node("ReduceMean", graph.node("Mul", centred, centred), axis)
    s = graph.node("Sqrt", graph.node("Add", variance, graph.constant("epsilon", np.float64(settings["epsilon"]))))
    ratio = graph.node("Div", s, graph.constant("spread", np.float64(settings["spread"])))
    return graph.node("Pow", ratio, graph.constant("power", np.float64(settings["power"])))


def _log_probabilities(graph: _Graph, head: dict[str, Any], x: str) -> str:
    """Add log P of each class: of lying above its lower threshold, and not above its upper one. (n, 1) -> (n, K)."""
    above = graph.node("Sub", x, graph.constant("thresholds", np.array([head["thresholds"]])))  # (n, K - 1)
    upper, lower = (graph.node("Softplus", each) for each in (above, graph.node("Neg", above)))
    pads = [graph.constant(name, np.array(each)) for name, each in (("before", [0, 1, 0, 0]), ("behind", [0, 0, 0, 1]))]
    costs = graph.node("Add", graph.node("Pad", lower, pads[0]), graph.node("Pad", upper, pads[1]))
    return graph.node("Sub", graph.constant("widths", np.array([head["widths"]])), costs)


# --- the metadata


def _reordered(vocabulary: Vocabulary, order: Array) -> Vocabulary:
    """Return the vocabulary with its features in another order, and its words in theirs."""
    new = np.empty(len(order), np.int32)
    new[order] = np.arange(len(order), dtype=np.int32)
    prefix = np.where(vocabulary.prefix[order] == NONE, NONE, new[vocabulary.prefix[order]]).astype(np.int32)
    words = vocabulary.word[order][prefix == NONE]  # the old numbers in the new order
    number = np.empty(len(words), np.int32)
    number[words] = np.arange(len(words), dtype=np.int32)
    return Vocabulary(vocabulary.words.take(from_numpy(words)), prefix, number[vocabulary.word[order]])


def _add_metadata(model: ModelProto, payload: Payload, vocabulary: Vocabulary) -> None:
    """Add what turns texts into features: docs/guide/exports.md describes the keys."""
    settings = payload.settings
    text, tables = settings["text"], settings["characters"]
    is_old = text["folding"] == 1
    capitals = {c: c.lower() for c in ascii_uppercase} if tables["lower"] else {}
    late = {
        chr(code): plain
        for plain, ranges in tables["late"].items()
        for first, last in _ends(ranges)
        for code in range(first, last + 1)
    }
    rules = settings["shifters"] and {
        **settings["shifters"],
        "punctuation": f"[{_pattern(tables['punctuation'])}]+",
    }
    single = f"(?:[\U0001f1e6-\U0001f1ff]{{2}}|[{_pattern(tables['single'])}])[{_pattern(tables['marks'])}]*"
    word = "[0-9A-Za-z\x80-\U0010ffff]+"
    reader = {
        "labels": settings["labels"],
        "replace": _mapping(tables["fold"]),
        "lower": capitals | _mapping(tables["lower"]),
        "entity": ENTITY,
        "alone": f"{single}(?:\u200d{single})*",
        "token": f"{word}(?:['`]{word})*|([!-~])\\1*".replace("`" * is_old, ""),
        "late": late,
        "context": [] if is_old else text["context"],
        "shifters": rules,
        **{key: text[key] for key in ("lowercase", "folding", "patterns", "classes")},
        **{key: settings[key] for key in ("presence", "respells", "checks", "sentibp")},
    }
    features = np.stack((vocabulary.prefix, vocabulary.word), axis=1).astype("<i4").tobytes()
    metadata = {
        "settings": to_json(reader),
        "words": "\n".join(vocabulary.words.to_pylist()),
        "features": base64.b64encode(zlib.compress(features, 9)).decode(),
    }
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)


def _mapping(runs: list[list[Any]]) -> dict[str, str]:
    """Return the table of characters that runs stand for (characters.py)."""
    return {
        chr(first + i * step): chr(ord(plain) + i * growth) if growth else plain
        for first, step, count, plain, growth in runs
        for i in range(count)
    }


def _pattern(ranges: list[int]) -> str:
    """Return ranges of characters as the inside of a character class of a regular expression."""
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in _ends(ranges))


def _ends(ranges: list[int]) -> list[tuple[int, int]]:
    """Return the first and the last code of each range; given are gaps and lengths."""
    return [(start, stop - 1) for start, stop in np.cumsum(ranges).reshape(-1, 2).tolist()]
