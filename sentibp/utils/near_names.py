"""What a name that does not exist may have meant: a file or folder beside it, or another known name."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable

from sentibp.utils.label_key import folded
from sentibp.utils.paths import expand_home

_NEAR = 0.6  # how alike two names are, from 0 to 1, for one to be taken for a mistyped other
_LESS = 0.15  # by which a further name may be less alike than the nearest
_SWAPPED = 0.2  # for names of the same letters in another order

_ENTRIES = 5_000  # of a folder that are compared: a longer one takes long
_LONGEST = 100  # characters of a name that are compared
_SUFFIX = re.compile(r"(?<=.)(\.[a-z]\w{0,10}){1,2}$", re.ASCII)  # such as .csv.gz


def folded_name(name: str) -> str:
    """Return the name of a column without differences that people overlook: space, capitals, marks (`folded`)."""
    return " ".join(folded(name).split())


def near_paths(
    name: str, accept: Callable[[str], bool] = lambda path: True, others: Iterable[str] = (), most: int = 3
) -> list[str]:
    """Return what a name that does not exist may have meant: entries of its folder, as they can be typed there.

    The nearest is first. Suffixes are alike by chance, so only the names before them count. Paths for which
    `accept` returns false do not count. `others` are names that stand for something without being in the folder.
    """
    folder, wanted = os.path.split(name.rstrip(os.sep))
    try:
        entries = sorted(os.listdir(expand_home(folder or os.curdir)))[:_ENTRIES]
    except (OSError, ValueError):  # ValueError: no folder can have this name
        entries = []
    names = [os.path.join(folder, each) for each in entries if not each.startswith(".")]
    scored = ((_likeness(wanted, os.path.basename(each)), each) for each in (*names, *others) if each != name)
    near = sorted((-score, each) for score, each in scored if score >= _NEAR)
    accepted = [(score, each) for score, each in dict.fromkeys(near) if each in others or accept(each)]
    return [each for score, each in accepted if score <= accepted[0][0] + _LESS][:most]


def _likeness(a: str, b: str) -> float:
    """Return how alike two names are, from 0 to 1: without capitals, and by what precedes the suffix."""
    import difflib

    a, b = a.casefold()[:_LONGEST], b.casefold()[:_LONGEST]
    stems = _SUFFIX.sub("", a), _SUFFIX.sub("", b)
    matcher = difflib.SequenceMatcher(None, *stems)
    if matcher.real_quick_ratio() < _NEAR or matcher.quick_ratio() < _NEAR:
        return 0.0
    swapped = _SWAPPED * (sorted(stems[0]) == sorted(stems[1]) and stems[0] != stems[1])
    return matcher.ratio() + swapped - 0.001 * (a[len(stems[0]) :] != b[len(stems[1]) :])


def did_you_mean(names: Iterable[str]) -> str:
    """Return the question whether one of these names was meant, to follow a fact; nothing if there are none."""
    names = [shlex.quote(name) for name in names]
    return f"; did you mean {' or '.join(names)}?" if names else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the repair for a misspelt word, or "" if no known word is near."""
    near = close(word, known)
    return f"; did you mean {near!r}?" if near else ""


def close(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known word that is most like a misspelt one, or None if none is near, from 0 to 1, as the cutoff."""
    import difflib

    return next(iter(difflib.get_close_matches(word[:_LONGEST].lower(), list(known), 1, cutoff)), None)


def near_or(name: str | os.PathLike[str], repair: str, suffixes: tuple[str, ...] = ("",)) -> str:
    """Return the repair for a file that cannot be read: the question for a near name if it is missing, or `repair`."""
    name = os.fspath(name)
    missing = not os.path.lexists(expand_home(name))
    near = near_paths(name, lambda path: path.lower().endswith(suffixes)) if missing else []
    return did_you_mean(near).removeprefix("; ") or repair
