"""Data without labels: the command that predicts them, where one was typed that scores."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sentibp.errors import NoLabels


@contextmanager
def naming_predict(
    data: str | None, model: str | None, text_column: str | None = None, overrides: Sequence[str] = ()
) -> Iterator[None]:
    """Add a line with `sentibp predict` to the error that the reviews of --data have no labels."""
    try:
        yield
    except NoLabels as error:
        if data is None:
            raise
        words = ["sentibp", "predict", "--input", data]
        words += ["-m", model] if model is not None else []
        words += ["--text-column", text_column] if text_column is not None else []
        for each in overrides:
            words += [] if each.strip().startswith(_OF_LABELS) else ["--set", each]
        raise NoLabels(*error.lines, f"to predict reviews without labels: `{shlex.join(words)}`") from None


_OF_LABELS = ("data.label", "data.ordered", "data.weight_column", "data.group_column")
