"""A small table of results, which becomes a list of dicts, an Arrow table or a data frame of pandas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from sentibp.utils.messages import counted

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Column = Sequence[Any] | np.ndarray

_SHOWN = 10  # rows that `repr` shows


class Table:
    """Columns of the same length, by name. Iterating over it yields each row as a dict.

    >>> table = Table({"label": ["positive", "negative"], "score": [0.9, 0.7]})
    >>> len(table), table[0]
    (2, {'label': 'positive', 'score': 0.9})
    >>> table["score"]
    [0.9, 0.7]
    >>> table.to_dicts()
    [{'label': 'positive', 'score': 0.9}, {'label': 'negative', 'score': 0.7}]
    """

    def __init__(self, columns: Mapping[str, Column]):
        self.columns = dict(columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        columns = [_plain(column) for column in self.columns.values()]
        return (dict(zip(self.columns, row, strict=True)) for row in zip(*columns, strict=True))

    @overload
    def __getitem__(self, key: str) -> Column: ...
    @overload
    def __getitem__(self, key: int) -> dict[str, Any]: ...
    def __getitem__(self, key: str | int) -> Any:
        """Return a column by its name, or a row by its position."""
        if isinstance(key, str):
            return self.columns[key]
        return {name: _plain(column[key : key + 1 or None])[0] for name, column in self.columns.items()}

    def __repr__(self) -> str:
        rows = [f"  {row}" for row, _ in zip(self, range(_SHOWN), strict=False)]
        rest = [f"  ... {counted(len(self) - _SHOWN, 'more row')}"] if len(self) > _SHOWN else []
        return "\n".join([f"Table of {counted(len(self), 'row')}", *rows, *rest])

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return a dict for each row."""
        return list(self)

    def to_arrow(self) -> pa.Table:
        """Return an Arrow table."""
        import pyarrow as pa

        return pa.table({name: pa.array(column) for name, column in self.columns.items()})

    def to_pandas(self) -> pd.DataFrame:
        """Return a data frame of pandas."""
        import pandas as pd

        return pd.DataFrame(self.columns)


def _plain(column: Column) -> Sequence[Any]:
    return column.tolist() if isinstance(column, np.ndarray) else column
