"""The files of a shard: its encoded reviews, on a path that all workers see. A task gets their names and fingerprints.

Each array is a .npy file, which is mapped into memory, so that a worker reads only the pages of the reviews that it
needs, and a shard may be larger than its memory.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sentibp.data.examples import Examples
from sentibp.data.labels import Classes
from sentibp.nn.arrays import Array, Ragged
from sentibp.utils import array_files
from sentibp.utils.files import data_error_on_failure
from sentibp.utils.rng import random_stream

FOLDER = "shards"
"""The folder of these files in the run directory. It is removed when the training ends."""


class Shard(NamedTuple):
    """The files of a shard."""

    number: int  # from 0
    shards: int  # of the training
    path: str  # of the files, without the ending
    reviews: int
    digests: dict[str, str]  # of each array, the SHA-256 of its file
    classes: Classes

    def __str__(self) -> str:
        return f"shard {self.number + 1} of {self.shards}"


def reviews_of_shards(n: int, shards: int, seed: int) -> list[Array]:
    """Return the positions of the reviews of each shard, in ascending order. The sizes differ by one at most.

    The reviews are shuffled first: neighbouring rows of a file are often of the same label or film.
    """
    order = random_stream(seed, "shards").permutation(n)
    return [np.sort(part) for part in np.array_split(order, shards)]


def write_shards(folder: Path, train: Examples, weight: Array | None, shards: int, seed: int) -> list[Shard]:
    """Write the files of all shards, one after the other. `weight` (n,) is that of each review in the loss.

    DataError if they cannot be written.
    """
    remove_shards(folder)
    with data_error_on_failure(folder):
        folder.mkdir(parents=True)
    written = []
    for number, reviews in enumerate(reviews_of_shards(len(train), shards, seed)):
        features = train.features.take(reviews)
        arrays = {"ids": features.ids, "offsets": features.offsets, "label": train.label[reviews]}
        arrays |= {} if weight is None else {"weight": weight[reviews]}
        path = str(folder / f"shard-{number:04}")
        digests = {name: array_files.save(f"{path}.{name}.npy", array) for name, array in arrays.items()}
        written.append(Shard(number, shards, path, len(reviews), digests, train.classes))
    return written


def open_shard(shard: Shard, *, verify: bool) -> tuple[Examples, Array | None]:
    """Return the reviews of a shard, mapped into memory, and their weights in the loss.

    DataError if a file is missing or, with `verify`, if its content is not that of its fingerprint.
    """
    arrays = {
        name: array_files.load(f"{shard.path}.{name}.npy", digest if verify else None)
        for name, digest in shard.digests.items()
    }
    return Examples(Ragged(arrays["ids"], arrays["offsets"]), arrays["label"], None, shard.classes), arrays.get(
        "weight"
    )


def remove_shards(folder: Path) -> None:
    """Remove the files of all shards."""
    shutil.rmtree(folder, ignore_errors=True)
