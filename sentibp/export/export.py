"""Export a model: one file for Python, JavaScript, a browser or ONNX, as large as allowed."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sentibp.errors import ConfigError
from sentibp.export.checks import check_texts, expected
from sentibp.export.compress import Compressed, compress, file_size
from sentibp.export.files import html_file, javascript_file, python_file
from sentibp.export.onnx import onnx_file, require_onnx
from sentibp.export.payload import Payload, make_payload
from sentibp.model.classifier import Classifier
from sentibp.model.decision import Decision

TARGETS: dict[str, Callable[[Payload], bytes]] = {
    "html": html_file,
    "js": javascript_file,
    "python": python_file,
    "onnx": onnx_file,
}


class Exported(NamedTuple):
    """The content of a file, the number of features in it and in the model, and what --max-size cost."""

    content: bytes
    features: int
    of: int
    difference: float
    """The largest difference between the probabilities of the test texts and those of the model."""
    model_bytes: int = 0
    """The size of a model file with these features, if they are fewer."""


def export_model(classifier: Classifier, target: str, decision: Decision, max_bytes: int | None = None) -> Exported:
    """Return the model as a file for a target, a key of TARGETS, of at most `max_bytes`.

    If the file is larger, it has fewer features and rows of about 8 bits a number, as `compress` makes them.
    ConfigError if it cannot be as small, or if the target needs a library that is missing; DataError if the file does
    not repeat the test texts.
    """
    if target == "onnx":
        require_onnx()
    build = TARGETS[target]
    total = len(classifier.vocabulary)
    content = build(make_payload(classifier, decision))
    if max_bytes is None or len(content) <= max_bytes:
        return Exported(content, total, total, 0.0)

    def measure(compressed: Compressed) -> int:
        return len(build(make_payload(compressed.classifier, decision)))

    found = compress(classifier, max_bytes, measure)
    content = build(make_payload(found.classifier, decision))
    texts = check_texts(classifier)
    difference = np.abs(expected(found.classifier, texts) - expected(classifier, texts)).max()
    return Exported(content, len(found.classifier.vocabulary), total, float(difference), file_size(found))


def require_free_name(output: Path) -> None:
    """Raise ConfigError if a module of this name would hide one of Python's own, such as json.py."""
    if output.stem in sys.stdlib_module_names:
        free = shlex.quote(str(output.with_name(f"{output.stem}_model{output.suffix}")))
        what = f"Python has a module {output.stem} of its own, which this file would hide"
        raise ConfigError(f"--output {output}: {what}; write --output {free}")


_SUFFIXES = {".html": "html", ".htm": "html", ".js": "js", ".mjs": "js", ".py": "python", ".onnx": "onnx"}


def is_export_name(name: str) -> bool:
    """Return whether a file of this name would be an export."""
    return os.path.splitext(name)[1].lower() in _SUFFIXES


def target_of(given: str | None, suffix: str) -> str:
    """Return the target that --to names, or else the suffix of the file. ConfigError if it is not known."""
    named = _SUFFIXES
    if given is not None and given not in TARGETS:
        raise ConfigError(f"--to {given}: not one of {', '.join(TARGETS)}")
    target = given or named.get(suffix.lower())
    if target is None:
        what = f"the suffix {suffix} is none of {', '.join(named)}" if suffix else "to what?"
        raise ConfigError(f"{what}; give --to with one of {', '.join(TARGETS)}")
    if suffix and suffix.lower() not in named:
        raise ConfigError(f"the suffix {suffix} is none of {', '.join(named)}; let the name of the output end in one")
    if suffix.lower() in named and named[suffix.lower()] != target:
        raise ConfigError(f"--to {given}: the name of the output says {named[suffix.lower()]}; change one of the two")
    return target
