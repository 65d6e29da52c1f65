"""What a training that stopped in a step leaves for a closer look: a folder `postmortem` in its run directory.

postmortem.json      what happened and where; of each tensor its shape, its norm, its largest number, how many numbers
                     are not finite, and the same of its gradient
batch.jsonl          the reviews of the batch: number, place in its file, text, label, and the logit before the step;
                     with more than two labels the logit of each
weights.safetensors  the weights before the step, as a model file: if they are finite, trace and gradcheck read it
config.yaml          the settings
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sentibp.config.dump import dump
from sentibp.config.schema import Config
from sentibp.data.corpus import Corpus
from sentibp.data.examples import Examples
from sentibp.model.classifier import Classifier
from sentibp.nn.gradient_flow import layer_name
from sentibp.nn.layers import Array, RowGrad
from sentibp.training.events import Backward
from sentibp.utils.files import write_file

FOLDER = "postmortem"
_REVIEWS = 3  # of the batch that the message quotes
_WORDS = 6  # of each of these


class FailedStep(NamedTuple):
    """The step in which a training stopped. The model is as before its update."""

    model: Classifier
    seed: int
    step: Backward
    reviews: Array  # (b,) the batch: numbers of training reviews from 0; those left out and held out do not count
    config: Config
    training: Examples
    tensor: str | None = None  # the one that shows what went wrong


def facts(failed: FailedStep) -> dict[str, Any]:
    """Return where and how the training stopped, as run.json and --json have it."""
    return {
        "seed": failed.seed,
        "step": failed.step.step,
        "epoch": failed.step.epoch,
        "layer": None if failed.tensor is None else layer_name(failed.tensor),
        "tensor": failed.tensor,
        "loss": _finite(failed.step.loss),
        "gradient_norm": _finite(failed.step.gradient_norm),
        "learning_rate": failed.step.learning_rate,
        "reviews": failed.reviews.tolist(),
    }


def failed_step_lines(failed: FailedStep, corpus: Corpus | None) -> list[str]:
    """Return the same in words: where, with which numbers, and on which reviews."""
    where = "" if failed.tensor is None else f"layer {layer_name(failed.tensor)}, tensor {failed.tensor}; "
    step = failed.step
    numbers = f"loss {step.loss:g}, gradient norm {step.gradient_norm:g}, learning rate {step.learning_rate:g}"
    chosen = failed.reviews[:_REVIEWS]
    texts, places = _texts_and_places(chosen, corpus)
    named = [
        (f"number {number}" if place is None else place) + ("" if text is None else f' "{_beginning(text)}"')
        for number, text, place in zip(chosen.tolist(), texts, places, strict=True)
    ]
    more = len(failed.reviews) - len(named)
    named += [f"and {more} more"] if more else []
    from_0 = " (numbered from 0, without those left out or held out)" if None in places else ""
    return [f"{where}{numbers}", f"training reviews of the batch{from_0}: {', '.join(named)}"]


def save(folder: Path, what: str, failed: FailedStep, corpus: Corpus | None) -> None:
    """Write the files. `corpus` are the training reviews; without them, the texts of the batch are missing."""
    folder.mkdir(exist_ok=True)
    report = {"what": what, **facts(failed), "tensors": _tensors(failed)}
    del report["reviews"]  # they are in batch.jsonl
    write_file(folder / "postmortem.json", (json.dumps(report, indent=2) + "\n").encode())
    write_file(folder / "batch.jsonl", "".join(json.dumps(line) + "\n" for line in _batch(failed, corpus)).encode())
    write_file(folder / "weights.safetensors", failed.model.to_bytes())
    write_file(folder / "config.yaml", dump(failed.config).encode())


def _tensors(failed: FailedStep) -> dict[str, Any]:
    found = {}
    for name, tensor in failed.model.tensors().items():
        found[name] = {"shape": list(tensor.shape), "weights": _numbers(tensor)}
        if name in failed.step.gradients:
            gradient = failed.step.gradients[name]
            rows = isinstance(gradient, RowGrad)
            found[name]["gradient"] = _numbers(gradient.values if rows else gradient)
            found[name] |= {"rows": len(gradient.rows)} if rows else {}
    return found


def _numbers(values: Array) -> dict[str, Any]:
    """Return the norm and the largest of the finite numbers, and how many are not finite."""
    finite = np.isfinite(values)
    numbers = np.where(finite, values, 0).astype(np.float64)
    return {
        "norm": float(np.sqrt(np.square(numbers).sum())),
        "largest": float(np.abs(numbers).max(initial=0)),
        "not_finite": int((~finite).sum()),
    }


def _batch(failed: FailedStep, corpus: Corpus | None) -> list[dict[str, Any]]:
    chosen = failed.reviews
    logits = failed.model.logits(failed.training.features.take(chosen)).tolist()
    labels = failed.training.label[chosen].tolist()
    names = failed.model.spec.labels
    key = "logit" if failed.model.spec.label_set.are_binary else "logits"
    return [
        {"review": number, "place": place, "label": names[label], key: _finite(logit), "text": text}
        for number, label, logit, text, place in zip(
            chosen.tolist(), labels, logits, *_texts_and_places(chosen, corpus), strict=True
        )
    ]


def _texts_and_places(chosen: Array, corpus: Corpus | None) -> tuple[list[str | None], list[str | None]]:
    """Return the texts of training reviews, and their places in the files, as far as they are known."""
    unknown: list[str | None] = [None] * len(chosen)
    if corpus is None:
        return unknown, unknown
    of_chosen = corpus.take(chosen)
    return of_chosen.text.to_pylist(), unknown if of_chosen.place is None else of_chosen.place.to_pylist()


def _finite(value: Any) -> Any:
    """Return a number, or each number of a list; None for one that is not finite, which JSON does not have."""
    return list(map(_finite, value)) if isinstance(value, list) else value if math.isfinite(value) else None


def _beginning(text: str) -> str:
    """Return the first words of a text, on one line."""
    words = " ".join(c for c in text[:200].split()).split(" ")
    short = " ".join("".join(c if c.isprintable() else " " for c in word) for word in words[:_WORDS])[:50]
    return f"{short} ..." if len(short) < len(text.strip()) else short
