"""The predictions for some texts: probabilities, and the labels that follow from them, as arrays and as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sentibp.model.decision import Decision, answer_columns, answers, table_columns, table_values
from sentibp.model.head import score_of
from sentibp.nn.layers import Array
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
        return np.stack((1 - self.positive, self.positive), axis=1) if self.positive.ndim == 1 else self.positive

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
        columns = table_columns(answer_columns(self.decision.classes), self.decision.classes)
        return Table(dict(zip(columns, table_values(self.to_dicts(), columns), strict=True)))

    def to_arrow(self) -> pa.Table:
        """Return the predictions as an Arrow table, with the columns of `table`."""
        return self.table().to_arrow()

    def to_pandas(self) -> pd.DataFrame:
        """Return the predictions as a data frame of pandas, with the columns of `table`."""
        return self.table().to_pandas()
