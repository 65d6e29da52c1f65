"""Reviews that a Python program has in memory: texts, labels, weights and groups as a corpus, and as a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sentibp.data.corpus import Corpus, corpus_from_records
from sentibp.data.dataset import hold_out
from sentibp.data.label_encoder import label_list
from sentibp.data.labels import IGNORED, Labels
from sentibp.data.readers.records import Records
from sentibp.data.split import TooFewReviews
from sentibp.errors import DataError, InvalidInput
from sentibp.utils.arrow import from_numpy, strings
from sentibp.utils.files import data_error_on_failure
from sentibp.utils.sequences import as_texts, is_missing, require_sequence, to_list

if TYPE_CHECKING:
    from sentibp.config.schema import Config, Data


@dataclass(frozen=True, eq=False)
class InMemory:
    """Training reviews in memory, and validation reviews if these are given apart."""

    training: Corpus
    validation: Corpus | None = None

    def load(self, config: Config) -> tuple[Corpus, Corpus | None]:
        """Return the training and validation reviews, as `dataset.load_data` returns those of files."""
        if self.validation is not None and config.data.validation != 0:
            return self.training, self.validation
        return hold_out(self.training, config)


def corpus_in_memory(
    texts: Any,
    number: np.ndarray,
    class_names: tuple[str, ...],
    weight: Any = None,
    groups: Any = None,
    names: tuple[str, str] = ("texts", "labels"),
) -> Corpus:
    """Return reviews as a corpus. `number` (n,) int64 is that of their class, or IGNORED.

    `names` are those of the arguments with texts and labels, for messages. InvalidInput if the lengths differ, with the
    position of a text that is none, and of a wrong weight.
    """
    name, label_name = names
    text = as_texts(texts, name)
    require_length(len(number), len(text), label_name, name)
    mapping: Labels = {each: [i] for i, each in enumerate(class_names)}
    records = Records(
        name=name,
        text=text if isinstance(text, pa.ChunkedArray) else pa.chunked_array([text]),
        label=pa.chunked_array([from_numpy(number)]),
        weight=None if weight is None else pa.chunked_array([from_numpy(weight_array(weight, len(text), name))]),
        where=lambda row: f"{name}[{row}]",
        group=None if groups is None else _groups(groups, len(text), name),
    )
    ignored = {"ignore": [IGNORED]} if (number == IGNORED).any() else {}
    return corpus_from_records(records, {**mapping, **ignored})


def weight_array(weight: Any, count: int, name: str) -> np.ndarray:
    """Return the weight of each text (n,) float64, NaN if it is missing. `name` is the argument with the texts.

    InvalidInput for another number of weights, and for what is no number.
    """
    if isinstance(weight, int | float | np.number):  # the same for all
        weight = [weight] * count
    require_sequence(weight, "sample_weight", "weight")
    values = to_list(weight, "sample_weight")
    require_length(len(values), count, "sample_weight", name)
    try:
        array = np.array(values, np.float64)
    except (TypeError, ValueError):
        raise InvalidInput("sample_weight has values that are no numbers; give a number for each text") from None
    if count and not array.any():
        raise InvalidInput("sample_weight: the weights of all texts are zero; give one above zero")
    return array


def _groups(groups: Any, count: int, name: str) -> pa.ChunkedArray:
    require_sequence(groups, "groups", "group")
    values = to_list(groups, "groups")
    require_length(len(values), count, "groups", name)
    return pa.chunked_array([strings(["" if is_missing(value) else str(value) for value in values])])


def require_length(count: int, texts: int, name: str, text_name: str) -> None:
    """Raise InvalidInput if there are not as many values as texts."""
    if count != texts:
        raise InvalidInput(f"{name} has {count:,} values, and {text_name} {texts:,}; give one for each text")


def fitting_validation(corpus: Corpus, config: Config, *, is_chosen: bool) -> tuple[float, str | None]:
    """Return the share of validation reviews, and a note if it is 0 because the reviews are too few for that share.

    DataError for a share that the user has chosen (`is_chosen`).
    """
    share = config.data.validation
    assert not isinstance(share, str)
    try:
        hold_out(corpus, config)
    except DataError as error:
        if is_chosen:
            raise
        note = f"no review is held out for validation, as there are too few: {error.lines[0].partition(';')[0]}"
        mild = f"; to hold out some, {error.leave_out}" if isinstance(error, TooFewReviews) and error.leave_out else ""
        return 0.0, note + mild
    return share, None


def write_reviews(path: Path, data: Data, texts: Any, labels: Any, weight: Any = None, groups: Any = None) -> None:
    """Write reviews to a Parquet file with the columns that the settings name. Read again, they are the same."""
    import pyarrow.parquet

    text = as_texts(texts)
    columns: dict[str, Any] = {str(data.text_column): text}
    columns[data.label_column] = strings([str(label) for label in label_list(labels, weight=weight)])
    if data.weight_column is not None:
        columns[data.weight_column] = weight_array(weight, len(text), "X")
    if data.group_column is not None:
        columns[data.group_column] = _groups(groups, len(text), "X")
    with data_error_on_failure(path):
        pyarrow.parquet.write_table(pa.table(columns), path)
