"""What is left of a training that stopped in a step: enough to look closer, in a folder of the run directory.

postmortem.json      what happened and where; of each tensor its size, its length, its largest number, those that
                     are not finite, and the same of its gradient
batch.jsonl          the reviews of the batch: text, label, and the logit before the step
weights.safetensors  the weights before the step, as a model file: if they are finite, trace and gradcheck read it
config.yaml          the settings
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from sentibp.config.dump import dump
from sentibp.data.corpus import Corpus
from sentibp.data.examples import Examples
from sentibp.model.head import LABELS
from sentibp.nn.gradient_flow import part
from sentibp.nn.layers import Array, RowGrad
from sentibp.training.failed_step import FailedStep
from sentibp.utils.files import write_file

FOLDER = "postmortem"
_NAMED = 3  # reviews of the batch that are named at once
_WORDS = 6  # of each of these


def facts(moment: FailedStep) -> dict[str, Any]:
    """Where and how it stopped, as run.json and --json have it."""
    return {
        "seed": moment.seed,
        "step": moment.step,
        "epoch": moment.epoch,
        "layer": None if moment.tensor is None else part(moment.tensor),
        "tensor": moment.tensor,
        "loss": _finite(moment.loss),
        "gradient_norm": _finite(moment.gradient_norm),
        "learning_rate": moment.learning_rate,
        "reviews": moment.chosen.tolist(),
    }


def lines(moment: FailedStep, corpus: Corpus | None) -> list[str]:
    """The same in words: where, with what rate, and on which reviews."""
    where = "" if moment.tensor is None else f"layer {part(moment.tensor)}, tensor {moment.tensor}; "
    numbers = f"loss {moment.loss:g}, gradient {moment.gradient_norm:g} long, last rate {moment.learning_rate:g}"
    named = [f"{place}" for place in moment.chosen[:_NAMED]]
    if corpus is not None:
        texts = corpus.take(moment.chosen[:_NAMED]).text.to_pylist()
        named = [f'{place} "{_beginning(text)}"' for place, text in zip(named, texts, strict=True)]
    more = len(moment.chosen) - len(named)
    named += [f"and {more} more"] if more else []
    return [f"{where}{numbers}", f"training reviews of the batch: {', '.join(named)}"]


def save(folder: Path, what: str, moment: FailedStep, training: Examples, corpus: Corpus | None) -> None:
    """Write it all. `corpus` is the training data, whose texts are shown; `training` the same as features."""
    folder.mkdir(exist_ok=True)
    report = {"what": what, **facts(moment), "tensors": _tensors(moment)}
    del report["reviews"]  # which batch.jsonl tells
    write_file(folder / "postmortem.json", (json.dumps(report, indent=2) + "\n").encode())
    write_file(
        folder / "batch.jsonl", "".join(json.dumps(line) + "\n" for line in _batch(moment, training, corpus)).encode()
    )
    write_file(folder / "weights.safetensors", moment.model.to_bytes())
    write_file(folder / "config.yaml", dump(moment.model.training_config()).encode())


def _tensors(moment: FailedStep) -> dict[str, Any]:
    found = {}
    for name, tensor in moment.model.tensors().items():
        found[name] = {"shape": list(tensor.shape), "weights": _numbers(tensor)}
        if name in moment.gradients:
            gradient = moment.gradients[name]
            rows = isinstance(gradient, RowGrad)
            found[name]["gradient"] = _numbers(gradient.values if rows else gradient)
            found[name] |= {"rows": len(gradient.rows)} if rows else {}
    return found


def _numbers(values: Array) -> dict[str, Any]:
    """The length and the largest of those numbers that are finite, and how many are not."""
    finite = np.isfinite(values)
    some = np.where(finite, values, 0).astype(np.float64)
    return {
        "norm": float(np.sqrt(np.square(some).sum())),
        "largest": float(np.abs(some).max(initial=0)),
        "not_finite": int((~finite).sum()),
    }


def _batch(moment: FailedStep, training: Examples, corpus: Corpus | None) -> list[dict[str, Any]]:
    chosen = moment.chosen
    logits = moment.model.logits(training.features.take(chosen)).tolist()
    labels = training.label[chosen].tolist()
    texts = [None] * len(chosen) if corpus is None else corpus.take(chosen).text.to_pylist()
    return [
        {"review": place, "label": LABELS[label], "logit": _finite(logit), "text": text}
        for place, label, logit, text in zip(chosen.tolist(), labels, logits, texts, strict=True)
    ]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _beginning(text: str) -> str:
    """The first words, on one line."""
    words = " ".join(c for c in text[:200].split()).split(" ")
    short = " ".join("".join(c if c.isprintable() else " " for c in word) for word in words[:_WORDS])[:50]
    return f"{short} ..." if len(short) < len(text.strip()) else short
