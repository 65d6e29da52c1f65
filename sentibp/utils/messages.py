"""A line for the user on stderr, apart from the results on stdout."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from sentibp.errors import ESCAPES, shortened

TEXT_ESCAPES = {code: text for code, text in ESCAPES.items() if chr(code) not in "\n\t"}
"""For `str.translate`: as ESCAPES, for text that may have several lines."""


def print_message(line: str) -> None:
    """Print a message for the user to stderr."""
    if sys.stderr is None:  # the shell's 2>&-
        return
    try:
        sys.stderr.write(f"{shortened(line.translate(TEXT_ESCAPES))}\n")
        sys.stderr.flush()
    except OSError:  # stderr is closed, or on a full disk; continue without it
        discard(sys.stderr)


def discard(stream: TextIO) -> None:
    """Send what is written to a stream nowhere from now on, also what it still holds: closing it raises nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


_JOINERS = "\u200c\u200d"  # part of words in Persian and of emoji


def printable(text: str, mark: str = " ") -> str:
    """Return the text with a mark for each line break and each character that cannot be printed."""
    return "".join(c if c.isprintable() or c in _JOINERS else mark for c in text)


def truncated(text: str, width: int) -> str:
    """Return the text, or its beginning with an ellipsis, in at most `width` characters."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def one_line(text: str, width: int = 60) -> str:
    """Return the text, or its beginning, as one line of at most `width` characters."""
    return truncated(" ".join(printable(text[: 4 * width]).split()), width)


def as_sentence(note: str) -> str:
    """Return a note with a capital at the beginning and a full stop at the end."""
    return f"{note[:1].upper()}{note[1:]}."


def with_repair(message: str, repair: str) -> str:
    """Return a message with a repair after it; after a question, the repair is a sentence of its own."""
    return f"{message} {repair[0].upper()}{repair[1:]}" if message.endswith("?") else f"{message}; {repair}"


def counted(number: float, noun: str, singular: str = "", plural: str = "") -> str:
    """Return a number, its noun, in the plural unless the number is 1, and the verb that agrees with it, if given.

    A number that is no integer has three digits, as an effective number of reviews has.
    """
    shown = f"{number:,.3g}" if isinstance(number, float) and number < 1000 else f"{number:,.0f}"
    is_one = number == 1
    end = "" if is_one else "es" if noun.endswith(("s", "x")) else "s"
    return " ".join(filter(None, [shown, f"{noun}{end}", singular if is_one else plural]))
