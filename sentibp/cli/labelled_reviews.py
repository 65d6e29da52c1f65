"""The reviews that a command scores a model on. If they have no labels, the error names the command that predicts."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sentibp.cli.short_options import tell_overruled
from sentibp.errors import NoLabels

if TYPE_CHECKING:
    from sentibp.inspection.evaluate import DataOptions


@contextmanager
def labelled_reviews(
    data: str | None,
    split: str | None,
    text_column: str | None,
    label_column: str | None,
    set_: Sequence[str] | None,
    model: str | None,
) -> Iterator[DataOptions]:
    """Yield what the options of a command say of the reviews that `model` is scored on."""
    from sentibp.inspection.evaluate import DataOptions

    overrides = tuple(set_ or ())
    tell_overruled(overrides, {"--text-column": text_column, "--label-column": label_column})
    with naming_predict(data, model, text_column, overrides):
        yield DataOptions(data, split, text_column, label_column, overrides)


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
