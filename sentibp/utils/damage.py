"""A file that does not hold what it should: every such failure becomes one line for the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sentibp.errors import DataError, SentibpError

# of JSON, UTF-8, Arrow, and of numbers that are too large
_MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OverflowError)
_LIBRARIES = ("pyarrow", "safetensors", "safetensors_rust")  # whose other errors share no base class with these


@contextmanager
def data_error_if_damaged(path: Path, repair: str, also: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn an error in reading the content of `path` into a DataError that names the file, the fault and the repair.

    `also` are further errors that show damage, where a library raises them.
    """
    try:
        yield
    except (SentibpError, MemoryError):  # Arrow has a MemoryError of its own
        raise
    except Exception as error:
        from_library = type(error).__module__.partition(".")[0] in _LIBRARIES
        if not (isinstance(error, (*_MALFORMED, *also)) or from_library):
            raise
        fault = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())[:200]
        raise DataError(f"{path}: damaged: {fault}; {repair}") from None
