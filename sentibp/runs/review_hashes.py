"""Which reviews a run has trained on: a hash of 64 bits of each, in review_hashes.safetensors beside the model.

`eval` reads them to say how many of the reviews that it scores are training reviews. Runs of earlier versions do not
have the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from sentibp.nn.layers import Array
from sentibp.runs.directory import Run
from sentibp.utils import tensor_file
from sentibp.utils.damage import data_error_if_damaged

FILE = "review_hashes.safetensors"
_KEY = "review_hashes"
_VERSION = 3  # of the hash, as data/text_hashes.py has it
_VERSIONS = (2, 3)  # which it can compare with texts


class ReviewHashes(NamedTuple):
    """Hashes of reviews, as data/text_hashes.py computes them, in any order; those of a model that an earlier version
    trained are of the earlier kind, also where `model.init_from` has passed them on."""

    training: Array  # (n,) int64: reviews that the best model was trained on, those of pretrain.labelled included
    validation: Array  # (m,) int64: validation reviews, which a refit trains on, too


def save_review_hashes(run: Run, hashes: ReviewHashes) -> None:
    """Write the file. Equal reviews are written once."""
    tensors = {name: np.unique(values) for name, values in hashes._asdict().items()}
    run.write(FILE, tensor_file.pack_tensor_file({"version": _VERSION}, tensors, _KEY))


def load_review_hashes(run: Path) -> ReviewHashes | None:
    """Return the hashes of a run, or None if it has none. DataError if the file is damaged."""
    path = run / FILE
    if not path.is_file():
        return None
    repair = "remove it, and the check whether reviews were in the training is left out"
    with data_error_if_damaged(path, repair):
        header, tensors = tensor_file.read_tensor_file(path, _KEY, "file of hashes", repair, repair)
        tensor_file.verify_checksum(header, tensors)
        if header.get("version") not in _VERSIONS:
            return None
        hashes = ReviewHashes(tensors["training"], tensors["validation"])
        if any(values.dtype != np.int64 or values.ndim != 1 for values in hashes):
            raise ValueError("not hashes of 64 bits")
        return hashes
