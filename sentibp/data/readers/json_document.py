"""Parse a JSON document value by value, so that the place of each is known."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from sentibp.data.readers.json_lines import DECODER, SHAPES, json_reason, known_repair
from sentibp.data.readers.table import ReadOptions, too_long
from sentibp.errors import DataError

_SOLID = re.compile(r"\S|\Z")


class Document:
    """The text of a JSON file."""

    def __init__(self, data: memoryview, name: str, options: ReadOptions):
        self.text = str(data, "utf-8")
        self.name, self._most = name, options.most
        self._line, self._counted = 1, 0  # the line of the position `_counted`
        self._end = 0

    def line(self, position: int) -> int:
        """Return the line of a position."""
        if position < self._counted:
            self._line, self._counted = 1, 0
        self._line += self.text.count("\n", self._counted, position)
        self._counted = position
        return self._line

    def skip(self, position: int) -> int:
        """Return the position of the next character that is not white space."""
        match = _SOLID.search(self.text, position)
        return match.start() if match else len(self.text)

    def value(self, position: int) -> tuple[Any, int]:
        """Return the value that begins here, and the position after it."""
        try:
            return DECODER.raw_decode(self.text, position)
        except json.JSONDecodeError as error:
            raise self.error(error.pos, json_reason(error)) from None
        except (ValueError, RecursionError) as error:
            raise self.error(position, json_reason(error)) from None

    def _require_short(self, position: int, end: int) -> None:
        """Raise a DataError for a record that is longer than data.max_record_mb; it has been parsed."""
        if end - position > self._most:
            raise too_long(f"{self.name}:{self.line(position)}", "a record", end - position, self._most)

    def error(self, position: int, reason: str) -> DataError:
        """Return the error that the text is not JSON at this position."""
        start, near = self.skip(0), self.skip(position)
        end = (
            self.skip(near + 1) if self.text.startswith(",", near) else near
        )  # Python 3.13 names the place of the comma
        if self.text.startswith(("}", "]"), end) and self.text[:end].rstrip().endswith(","):
            return DataError(f"{self.name}:{self.line(end)}: not JSON: a ',' before {self.text[end]!r}; remove it")
        repair = "repair the list" if self.text[start] == "[" else SHAPES
        known = known_repair(self.text[near : near + 2]) or known_repair(self.text[start : start + 100])  # a comment
        repair = known or repair
        return DataError(f"{self.name}:{self.line(position)}: not JSON: {reason}; {repair}")

    def values(self) -> Iterator[tuple[int, Any]]:
        """Yield the position of each of the values that follow one another, and the value."""
        position = self.skip(0)
        while position < len(self.text):
            value, end = self.value(position)
            self._require_short(position, end)
            yield position, value
            position = self.skip(end)
            if self.text[position : position + 1] == ",":
                position = self.skip(position + 1)

    def elements(self, position: int) -> Iterator[tuple[int, Any]]:
        """Yield the position of each element of the list that begins here, and the element.

        Further lists may follow the outermost one, as if they were one list.
        """
        is_outermost = position == self.skip(0)
        while True:
            yield from ((start, value) for _, start, value in self._items(position, "]"))
            position = self._end
            if not is_outermost or position == len(self.text):
                return
            if self.text[position] != "[":
                raise self.error(position, "more after the end of the list")

    def members(self, position: int) -> Iterator[tuple[str, int, Any]]:
        """Yield the key, position and value of each member of the object that begins here."""
        yield from self._items(position, "}")
        if position == self.skip(0) and self._end < len(self.text):
            raise self.error(self._end, "more after the end of the object")

    def _items(self, position: int, closing: str) -> Iterator[tuple[str, int, Any]]:
        """Yield the key, position and value of each element or member. Afterwards `_end` is what follows them."""
        key, end = "", self.skip(position + 1)
        while self.text[end : end + 1] != closing:
            if closing == "}":
                key, end = self.value(end)
                end = self.skip(self.skip(end) + 1)  # over the colon
            value, after = self.value(end)
            if closing == "]":
                self._require_short(end, after)
            yield key, end, value
            end = self.skip(after)
            if self.text[end : end + 1] == ",":
                end = self.skip(end + 1)
            elif self.text[end : end + 1] != closing:
                raise self.error(end, f"expecting ',' or {closing!r}")
        self._end = self.skip(end + 1)

    def find(self, path: tuple[str, ...]) -> int:
        """Return the position of the value at the end of a path of keys."""
        position = self.skip(0)
        for key in path:
            position = [start for name, start, _ in self.members(position) if name == key][-1]
        return position
