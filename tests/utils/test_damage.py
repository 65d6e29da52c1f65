"""Damaged files are named; other errors stay what they are."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pyarrow as pa
import pytest

from sentibp.data.readers.excel import _Damage
from sentibp.errors import DataError
from sentibp.utils.damage import data_error_if_damaged
from sentibp.utils.hub_client import errors_in_one_line


@pytest.mark.parametrize(
    "context",
    [data_error_if_damaged(Path("model"), "train again"), _Damage("a.xlsx"), errors_in_one_line("hf:mine/model")],
)
def test_a_lack_of_memory_is_no_damage(context: AbstractContextManager[None]) -> None:
    """The message said that the file is damaged. Arrow's error for it is one of Arrow's."""
    with pytest.raises(MemoryError), context:
        raise pa.lib.ArrowMemoryError("malloc of size 64 failed")


def test_an_error_of_arrow_is_damage() -> None:
    with (
        pytest.raises(DataError, match=r"^model: damaged: no magic bytes; train again$"),
        data_error_if_damaged(Path("model"), "train again"),
    ):
        raise pa.ArrowInvalid("no magic bytes")
