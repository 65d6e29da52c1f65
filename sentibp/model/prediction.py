"""The predictions for some texts: probabilities, and the labels that follow from them, as arrays and as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sentibp.data.labels import Classes
from sentibp.model.decision import Decision
from sentibp.model.head import each_probability, expected_number, place, score_of
from sentibp.nn.layers import Array
from sentibp.utils.arrow import from_numpy, strings
from sentibp.utils.table import Table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Prediction:
    """The predictions for n texts. `positive, tokens, unknown = prediction` takes the arrays out.

    >>> import sentibp
    >>> prediction = sentibp.load_model("builtin").predict(["I love this movie", "not worth the ticket"])
    >>> prediction.label.tolist()
    ['positive', 'negative']
    >>> [sorted(row) for row in prediction.to_dicts()][0]
    ['label', 'positive', 'score', 'tokens', 'unknown']
    >>> prediction.to_pandas()[["label", "tokens"]].to_dict("list")
    {'label': ['positive', 'negative'], 'tokens': [4, 4]}
    """

    positive: Array  # (n,) float64, the probability of positive; with K > 2 labels (n, K), that of each label
    tokens: Array  # (n,) int64, how many tokens the text has
    unknown: Array  # (n,) int64, how many of them are not in the vocabulary
    decision: Decision = field(default_factory=Decision)  # how the labels follow from the probabilities

    def __iter__(self) -> Iterator[Array]:
        return iter((self.positive, self.tokens, self.unknown))

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the K classes."""
        return self.decision.classes.names

    @property
    def label(self) -> np.ndarray:
        """The predicted label of each text: (n,) of str."""
        return np.array(self.classes)[self._number]

    @property
    def score(self) -> Array:
        """The probability of each predicted label: (n,) float64."""
        return score_of(self.positive, self._number)

    @property
    def probabilities(self) -> Array:
        """The probability of each class: (n, K) float64, in the order of `classes`."""
        return each_probability(self.positive)

    @property
    def _number(self) -> Array:
        return self.decision.numbers(self.positive)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return a dict for each text, as `sentibp predict` writes them.

        `label`; `score`, its probability; `positive`, the probability of positive, or with more than two classes
        `probabilities` and more; `tokens`; `unknown` tokens; and a `note` if no token is known.
        """
        return answers(self, self.decision)

    def table(self) -> Table:
        """Return the predictions as a table, with a column for the probability of each of more than two classes."""
        columns = self._columns
        return Table(dict(zip(columns, table_values(self.to_dicts(), columns), strict=True)))

    def to_arrow(self) -> pa.Table:
        """Return the predictions as an Arrow table, with the columns of `table`. Their types are always the same."""
        import pyarrow as pa

        return pa.table(table_arrays(self.to_dicts(), self._columns))

    def to_pandas(self) -> pd.DataFrame:
        """Return the predictions as a data frame of pandas, with the columns of `table`."""
        return self.to_arrow().to_pandas()

    @property
    def _columns(self) -> list[str]:
        return table_columns(answer_columns(self.decision.classes), self.decision.classes)


def answers(prediction: Prediction, decision: Decision) -> list[dict[str, Any]]:
    """Return the prediction for each text as plain values: `sentibp predict` writes them.

    `label`; `score`, its probability; with two classes `positive`, the probability of positive; with more,
    `probabilities`, by class; `place`, from 0, the worst class, to 1, the best, if they are in order; `expected`, if
    they are numbers, too; `tokens`; `unknown` tokens; and a `note` if no token is known.
    """
    numbers, names, probability = decision.numbers(prediction.positive), decision.classes.names, prediction.positive
    more: dict[str, Any]
    if probability.ndim == 1:
        more = {"positive": probability.tolist()}
    else:
        more = {"probabilities": [dict(zip(names, row, strict=True)) for row in probability.tolist()]}
        if decision.classes.ordered:
            more["place"] = place(probability).tolist()
        if (expected := expected_number(probability, decision.classes)) is not None:
            more["expected"] = expected.tolist()
    labels = [names[number] for number in numbers.tolist()]
    columns = {"label": labels, "score": score_of(probability, numbers).tolist(), **more}
    columns |= {"tokens": prediction.tokens.tolist(), "unknown": prediction.unknown.tolist()}
    keys = tuple(columns)
    records = [dict(zip(keys, values)) for values in zip(*columns.values(), strict=True)]  # noqa: B905  # faster
    for number in np.flatnonzero(prediction.tokens == prediction.unknown).tolist():
        records[number]["note"] = "no known word"
    return records


def answer_columns(classes: Classes) -> tuple[str, ...]:
    """Return the keys of `answers`, in their order."""
    if classes.are_binary:
        return "label", "score", "positive", "tokens", "unknown", "note"
    numbers = ("expected",) if expected_number(np.zeros((0, classes.number)), classes) is not None else ()
    ordered = ("place",) if classes.ordered else ()
    return "label", "score", "probabilities", *ordered, *numbers, "tokens", "unknown", "note"


def table_columns(keys: Sequence[str], classes: Classes) -> list[str]:
    """Return the columns of predictions in a table, which has one for the probability of each class."""
    of_classes = [_probability_column(name) for name in classes.names]
    return [column for key in keys for column in (of_classes if key == "probabilities" else [key])]


def table_values(records: Sequence[dict[str, Any]], columns: Sequence[str]) -> list[list[Any]]:
    """Return the values of each column of a table of predictions; None where a prediction has none."""
    if records and "probabilities" in records[0]:
        own = [{_probability_column(key): value for key, value in each["probabilities"].items()} for each in records]
        records = [each | probabilities for each, probabilities in zip(records, own, strict=True)]
    return [[record.get(column) for record in records] for column in columns]


def table_arrays(records: Sequence[dict[str, Any]], columns: Sequence[str]) -> dict[str, pa.Array]:
    """Return the columns of a table of predictions as Arrow arrays, whose types do not depend on the predictions."""

    def array(column: str, values: list[Any]) -> pa.Array:
        if column in ("label", "note"):
            return strings(values)
        return from_numpy(np.array(values, np.int64 if column in ("tokens", "unknown") else np.float64))

    return {column: array(column, each) for column, each in zip(columns, table_values(records, columns), strict=True)}


def _probability_column(name: str) -> str:
    return f"probability_{name}"
