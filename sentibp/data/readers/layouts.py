"""Layouts of well-known data sets that are no tables: a command writes their texts and labels as fastText has them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from sentibp.errors import DataError
from sentibp.utils.files import data_error_if_unreadable
from sentibp.utils.paths import PACKED, new_file, shown

_TREE = r"\(\d+ (\(|[^\s()]+\)).*\)\s*"  # (3 (2 Good) (2 fun))
_OPINIONS = r"[^#]*##.*"  # screen[+2], battery[-1][u]##the screen is good , but ...
_VOWPAL = r"[-+]?\d[\d.]*(\s+\d[\d.]*){0,2}\s+('[^\s|]*)?\|(?P<namespace>[A-Za-z]\w*)(:[\d.]+)?\s.*"
_COUNTS = r"\S+:\d+ .*#label#:\w+\s*"  # good:2 a_good:1 #label#:positive

_LEAST = 3  # lines that look so

_HEAD = 1 << 16  # bytes of a file in which they are


class _Layout(NamedTuple):
    what: str
    are: Callable[[Sequence[str]], bool]  # whether the first lines of a file that are not blank look so
    command: str  # which writes lines with labels to standard output; the files follow it


def _all(pattern: str) -> Callable[[Sequence[str]], bool]:
    return lambda lines: len(lines) >= _LEAST and all(re.fullmatch(pattern, line) for line in lines)


def _have_opinions(lines: Sequence[str]) -> bool:
    """Return whether lines have `##` after opinions such as `[+2]`, but for titles and remarks at the top."""
    below = [line for line in lines if not line.startswith(("*", "[t]"))]
    scored = sum(re.match(r"[^#]*\[[+-]\d\][^#]*##", line) is not None for line in below)
    return scored >= _LEAST and all(re.fullmatch(_OPINIONS, line) for line in below)


def _are_vowpal(lines: Sequence[str]) -> bool:
    """Return whether lines are those of Vowpal Wabbit. Without a name after it, a bar may be the one of a table."""
    found = [re.fullmatch(_VOWPAL, line) for line in lines]
    return len(lines) >= _LEAST and len({each and each["namespace"] for each in found} - {None}) == 1 and all(found)


def _are_reviews(lines: Sequence[str]) -> bool:
    return bool(lines) and lines[0].strip() == "<review>" and "<review_text>" in map(str.strip, lines)


_LAYOUTS = (
    _Layout(
        "sentences as trees, with a label at each phrase",
        _all(_TREE),
        r"sed -E 's/^\(([0-9]+) /__label__\1 /; s/\([0-9]+ //g; s/\)//g'",
    ),
    _Layout(
        "sentences with opinions such as [+2] before ##",
        _have_opinions,
        r"""awk -F'##' '{p = $1 ~ /\[\+/; n = $1 ~ /\[-/} p != n {print (p ? "__label__pos " : "__label__neg ") $2}'""",
    ),
    _Layout(
        "lines of Vowpal Wabbit",
        _are_vowpal,
        r"sed -E 's/^([^[:space:]]+)[^|]*\|[^[:space:]]*/__label__\1/; s/ \|[^[:space:]]*//g'",
    ),
    _Layout(
        "reviews between <review> and </review>",
        _are_reviews,
        r"""awk '/^<rating>/ {getline r} /^<review_text>/ {t = ""; on = 1; next} """
        r"""/^<\/review_text>/ {print "__label__" r t; on = 0} on {t = t " " $0}'""",
    ),
    _Layout(
        "examples of intents, as of Rasa",
        lambda lines: (
            any(map(re.compile(r"## intent: *\S+\s*").fullmatch, lines)) and lines[0].startswith(("##", "<!--"))
        ),
        r"""awk '/^## / {label = ""} /^## intent:/ {label = $0; sub(/^## intent: */, "", label)} """
        r"""/^- / && label {gsub(/\]\([^)]*\)|^- |\[/, ""); print "__label__" label " " $0}'""",
    ),
    _Layout("counts of words, and no texts; give the reviews themselves", _all(_COUNTS), ""),
)


class KnownLayout(DataError):
    """A file has a layout that is read after a command only."""

    def __init__(self, name: str, number: int, paths: Sequence[Path] = ()):
        """`number` is that of the layout, `name` what the message calls the data, `paths` the files of a shell."""
        layout = _LAYOUTS[number]
        command = f"; {_command(layout, paths or [Path(name)])}" if layout.command else ""
        super().__init__(f"{name}: {layout.what}{command}")
        self.name, self.number = name, number  # not the layout: an error of another process is pickled

    def of(self, *paths: Path) -> KnownLayout:
        """Return the error for files that a shell finds at these paths."""
        return KnownLayout(self.name, self.number, paths)


def reject_lines(lines: Sequence[str], name: str) -> None:
    """Raise KnownLayout if the first lines of a file that are not blank have the layout of a well-known data set."""
    for number, layout in enumerate(_LAYOUTS):
        if layout.are(lines):
            raise KnownLayout(name, number)


def reject_file(path: Path, name: str) -> None:
    """Raise KnownLayout if a file has the layout of a well-known data set, in whatever encoding."""
    with data_error_if_unreadable(), path.open("rb") as file:
        lines = file.read(_HEAD).decode("latin-1").split("\n")[:-1]
    try:
        reject_lines([line for line in lines if line.strip()], name)
    except KnownLayout as error:
        raise error.of(path) from None


def _command(layout: _Layout, paths: Sequence[Path]) -> str:
    """Return what to do: the command that writes files into another one, and what to give then."""
    if any(path.name.lower().endswith((*PACKED, ".zip")) for path in paths):
        return "unpack it, and give the file in it"
    if not paths[0].exists():  # standard input
        return "save it as a file, and give that for the command that writes it as lines with labels"
    target, both = new_file(), [paths[0].with_name(f"{label}.review") for label in ("negative", "positive")]
    if paths[0] in both and all(each.exists() for each in both):  # of one data set
        paths = both
    files = " ".join(shlex.quote(shown(str(each))) for each in paths)
    return f"write it as lines with labels: {layout.command} {files} > {target}; then give {target}"
