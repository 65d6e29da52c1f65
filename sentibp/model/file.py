"""Reading a model file: every value is checked before it is used, for the file may come from a stranger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sentibp.data.vocabulary import Vocabulary
from sentibp.errors import DataError
from sentibp.model import packing
from sentibp.model.build import assemble, parameter_shapes
from sentibp.model.classifier import FORMAT, Classifier
from sentibp.model.spec import NetworkSpec, require_labels
from sentibp.nn.layers import Array
from sentibp.runs import find, hub_model
from sentibp.utils import tensor_file
from sentibp.utils.damage import data_error_if_damaged
from sentibp.utils.stored_settings import complete_settings


def load_model(name: str | Path | None = "last") -> Classifier:
    """Read a model: a model file, a run directory, its name in runs/, `last`, `builtin`, or one of the Hugging Face
    hub, such as hf://USER/NAME, as the option -m takes it.

    None is `last`, or `builtin` if there is no run, as for a command without -m.

    ConfigError if there is none; DataError if it is not a model file, is damaged, or has a newer format.
    """
    path = find.model_file(name)
    pinned = hub_model.pinned_name(path)
    if pinned is None:
        return replace(_read(path, "train again or copy it anew"), file=Path(path))
    try:
        return replace(_read(path, "name another model"), file=Path(path))
    except DataError as error:  # the name says more than a path in the cache
        raise DataError(str(error).replace(str(path), pinned)) from None


def _read(path: Path, repair: str) -> Classifier:
    try:
        with data_error_if_damaged(path, repair):
            return _restore(*tensor_file.read_tensor_file(path, repair=repair))
    except _NewerFormat as error:
        raise DataError(f"{path}: {error}; update sentibp") from None


def load_header(path: Path) -> dict[str, Any]:
    """Return the header of a model file: format, version, settings, labels, scores. DataError as `load_model`."""
    with data_error_if_damaged(path, "train again or copy it anew"):
        header, _ = tensor_file.read_tensor_file(path)
        return {"version": "unknown"} | header


def load_spec(path: Path) -> NetworkSpec:
    """Return the specification of the network in a model file. DataError as `load_model`; weights are not checked."""
    try:
        with data_error_if_damaged(path, "train again or copy it anew"):
            header, _ = tensor_file.read_tensor_file(path)
            _require_known_format(header)
            return _spec(_settings(header), header["labels"])
    except _NewerFormat as error:
        raise DataError(f"{path}: {error}; update sentibp") from None


class _NewerFormat(Exception):
    """A model file that a later version wrote."""


def _require_known_format(header: dict[str, Any]) -> None:
    if header["format"] > FORMAT:
        version = " ".join(str(header["version"]).split())[:20]
        raise _NewerFormat(f"model format {header['format']}, written by sentibp {version}, is newer than {FORMAT}")


def _settings(header: dict[str, Any]) -> dict[str, Any]:
    """Return the settings in a header, with those that its format lacks."""
    settings = complete_settings(header["config"])
    if header["format"] == 1:
        settings["model"]["embedding"].setdefault("padding", 0)
    return _with_labels_in_order(settings, header["labels"])


def _with_labels_in_order(settings: dict[str, Any], labels: Any) -> dict[str, Any]:
    """Return the settings with the classes of data.labels in the order of the model: a header is sorted by its keys."""
    data = settings.get("data")
    lists = data.get("labels") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(lists, dict):
        return settings
    if not isinstance(labels, list) or not {*labels} <= {*lists}:
        return settings
    ordered = {name: lists[name] for name in labels} | lists
    return settings | {"data": data | {"labels": ordered}}


def _spec(settings: dict[str, Any], labels: Any) -> NetworkSpec:
    try:
        return NetworkSpec.from_mapping(settings, labels)
    except KeyError:  # an earlier version wrote the file, without some settings: the schema has their defaults
        from sentibp.config.schema import Config

        spec = NetworkSpec.from_config(Config.model_validate(settings))
        require_labels(labels, spec.labels)
        return spec


def _restore(header: dict[str, Any], tensors: dict[str, Array]) -> Classifier:
    _require_known_format(header)
    tensor_file.verify_checksum(header, tensors, required=header["format"] >= 3)
    settings, labels, scores = _settings(header), header["labels"], header["scores"]
    if not isinstance(scores, dict):
        raise ValueError(f"its scores are {scores!r:.40}, not a mapping")
    spec = _spec(settings, labels)
    spec = replace(spec, adaptive_temperature="temperature.power" in tensors)
    if "embedding.codes" in tensors:
        vocabulary, rows = packing.unpack(tensors, spec.dim, spec.presence)
        tensors["embedding.weight"] = rows.weight()
    else:
        words, features = (tensors.pop(f"vocabulary.{name}") for name in ("words", "features"))
        vocabulary = Vocabulary.from_tensors(words, features, spec.presence)
        vocabulary.respells = _respells(tensors.pop("vocabulary.respells", None))
    _check_tensors(spec, len(vocabulary), tensors)
    return Classifier(spec, vocabulary, assemble(spec, tensors), scores, settings)


def _respells(stored: Array | None) -> bool:
    """Return whether the vocabulary respells words, as that of a compressed model does, whose file is another now."""
    if stored is not None and (stored.dtype != np.uint8 or stored.tolist() != [1]):
        raise ValueError("vocabulary.respells is not [1]")
    return stored is not None


def _check_tensors(spec: NetworkSpec, features: int, tensors: dict[str, Array]) -> None:
    """Raise ValueError if the tensors are not those of the network."""
    if len(spec.hidden) > len(tensors):  # a list of a million widths would take its time
        raise ValueError("model.hidden has more layers than the file has tensors")
    for name, shape in parameter_shapes(spec, features).items():
        if name not in tensors:
            raise ValueError(f"{name} is missing")
        if tensors[name].shape != shape or tensors[name].dtype != np.float32:
            raise ValueError(f"{name} is {tensors[name].dtype} {tensors[name].shape}, not float32 {shape}")
        if not np.isfinite(tensors[name]).all():
            raise ValueError(f"{name} holds numbers that are not finite")
        if name.endswith(".norm.variance") and (tensors[name] < 0).any():
            raise ValueError(f"{name} holds negative numbers")
        if name == "temperature.spread" and not (tensors[name] > 0).all():
            raise ValueError(f"{name} is not above 0")
    if spec.adaptive_temperature and spec.head != "softmax":
        raise ValueError(f"temperature.power is there, but the head is {spec.head}")
