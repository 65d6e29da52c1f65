"""What training told each of its reviews, kept beside the model: who pushed what, `blame` can tell from it.

Two numbers a review and epoch, which training has at hand anyway, in `visits.safetensors`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import runs
from .errors import DataError
from .files import write
from .train import Visits

FILE = "visits.safetensors"


class Kept(NamedTuple):
    """What was told until the model was kept."""

    epochs: list[Visits]
    factor: float  # what calibration multiplied the logit by


def save(run: Path, epochs: Sequence[Visits], model: str, factor: float) -> None:
    """Keep them beside the model with that digest (SHA-256)."""
    from safetensors.numpy import save as to_bytes

    arrays = {name: np.stack([getattr(epoch, name) for epoch in epochs]) for name in Visits._fields}
    content = to_bytes(arrays, metadata={"sentibp": json.dumps({"factor": factor, "model": model})})
    write(run / FILE, content)


def load(run: Path) -> Kept:
    """What was kept. DataError if there is nothing, if it is damaged, or not of the model that lies there."""
    from safetensors import SafetensorError, safe_open

    file, model = run / FILE, run / runs.MODEL
    if not file.is_file():
        raise DataError(
            f"{run}: has no {FILE}, which says what training told its reviews; train its config again. (A single "
            "network keeps it, without pretraining, trained in one go)"
        )
    try:
        with safe_open(file, framework="np") as content:
            facts = json.loads((content.metadata() or {})["sentibp"])
            arrays = [content.get_tensor(name) for name in Visits._fields]
        dz, step, rate = arrays
        if not (dz.shape == step.shape and len(rate) == len(dz) and step.max(initial=0) < rate.shape[1]):
            raise ValueError("its arrays do not fit together")
        with open(model, "rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != facts["model"]:
                raise DataError(f"{file}: is of another model than {model}; train the config again")
        return Kept([Visits(*parts) for parts in zip(*arrays, strict=True)], float(facts["factor"]))
    except OSError as error:
        raise DataError(f"{run}: {error.strerror or error}; give a run directory") from None
    except (SafetensorError, KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{file}: damaged ({error}); train the config again") from None
