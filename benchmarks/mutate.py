"""Change inputs at random, as a fuzzer does: bits, bytes, pieces, numbers, words, and pieces of other inputs."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

JUNK = [
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xfe\xff",
    b"\x1f\x8b",
    b"PK\x03\x04",
    b"PAR1",
    b"BZh",
]
JUNK += [
    b'"',
    b"'",
    b'""',
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b",",
    b";",
    b"\t",
    b"|",
    b":",
    b"#",
    b"\\",
    b"[",
    b"]",
    b"{",
    b"}",
]
JUNK += [
    b"[" * 50,
    b"{a: ",
    b"&a *a",
    b"!!python/object",
    b"NaN",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"\\ud800",
    b"\\u0000",
]
JUNK += [
    "é".encode(),
    "é".encode("cp1252"),
    "🎬".encode(),
    "日本".encode(),
    "\u202e".encode(),
    "\u2028".encode(),
    b"\x1b[2J",
]
JUNK += [
    b"text",
    b"label",
    b"text,label\n",
    b"__label__1 ",
    b"sep=;\n",
    b"positive",
    b"negative",
    b"<br />",
    b"&amp;",
    b"../",
]
NUMBERS = [
    b"-1",
    b"0",
    b"1",
    b"2",
    b"0.5",
    b"1e999",
    b"-0",
    b"1e-400",
    b"255",
    b"65536",
    b"4294967296",
    b"9223372036854775808",
]
NUMBERS += [b"9" * 40, b"01", b"1_000", b"0x10", b"1,5", b".5", b"+1", b"inf", b"nan", b"-9223372036854775809"]
LONGEST = 6000  # bytes


def mutate(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Return a changed copy: one to six changes, each of a random kind. `others` are inputs to take pieces from."""
    data = bytearray(content)
    for _ in range(min(1 + int(chance.expovariate(0.7)), 6)):
        change = chance.choice(CHANGES)
        change(data, others, chance)
    return bytes(data[:LONGEST])


def _span(data: bytearray, chance: random.Random, longest: int = 40) -> slice:
    start = chance.randint(0, len(data))
    return slice(start, min(start + chance.choice((0, 1, 1, 2, 4, chance.randint(0, longest))), len(data)))


def _flip(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _overwrite(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))


def _first(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    """Change the first bytes, which choose how many targets work."""
    if data:
        data[chance.randrange(min(3, len(data)))] = chance.randrange(256)


def _junk(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    data[_span(data, chance)] = chance.choice(JUNK)


def _bytes(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    data[_span(data, chance)] = chance.randbytes(chance.randint(0, 8))


def _delete(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    del data[_span(data, chance)]


def _repeat(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    span = _span(data, chance)
    data[span] = bytes(data[span]) * chance.choice((2, 2, 3, 8, 60))


def _cut(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    del data[chance.randint(0, len(data)) :]


def _cross(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    other = chance.choice(others)
    start = chance.randint(0, len(other))
    data[_span(data, chance)] = other[start : start + chance.randint(1, 60)]


def _halves(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    other = chance.choice(others)
    data[chance.randint(0, len(data)) :] = other[chance.randint(0, len(other)) :]


def _number(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    if found := list(re.finditer(rb"-?\d+(\.\d+)?", data[:2000])):
        data[slice(*chance.choice(found).span())] = chance.choice(NUMBERS)


def _lines(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    """Swap, repeat or remove lines."""
    lines = bytes(data).split(b"\n")
    first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    kind = chance.randrange(3)
    if kind == 0:
        lines[first], lines[second] = lines[second], lines[first]
    elif kind == 1:
        lines.insert(second, lines[first])
    else:
        del lines[first]
    data[:] = b"\n".join(lines)


def _encode(data: bytearray, others: Sequence[bytes], chance: random.Random) -> None:
    """Write text in another encoding, or with other line ends."""
    if chance.random() < 0.5:
        data[:] = data.replace(b"\n", chance.choice((b"\r\n", b"\r", b"\n\n")))
    elif chance.random() < 0.3:
        data[1:] = (
            data[1:]
            .decode("utf-8", "replace")
            .encode(chance.choice(("utf-16", "utf-16-le", "cp1252", "utf-32")), "ignore")
        )


CHANGES = [_flip, _overwrite, _first, _first, _junk, _junk, _bytes, _delete, _delete, _repeat, _cut]
CHANGES += [_cross, _cross, _halves, _number, _lines, _encode]
