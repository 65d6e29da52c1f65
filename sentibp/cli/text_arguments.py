"""Reviews that are typed as arguments: the name of a file is none, whether the file is there or not, nor is `-`."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Sequence
from typing import NoReturn

from sentibp.cli.output import one_line, print_message
from sentibp.errors import ConfigError
from sentibp.utils.files import is_stream
from sentibp.utils.paths import expand_home, has_data_suffix

_MARKS = {"\u201c": "\u201d", "\u201e": "\u201c", "\u2018": "\u2019", "\u00ab": "\u00bb"}
"""Quotation marks of web pages and text editors, and what ends a text after each."""


_DASHED_OPTION = (
    r"[\u2013\u2014]([mio]|(model|input|output|format|json|explain|threshold|cost|label|flip|set|no-keep)(=.*)?)"
)


def require_texts(texts: Sequence[str], *, explain: bool = False) -> None:
    """Raise ConfigError if a text is the name of a file of reviews; only warn of another file, or a folder.

    Such a name is one word with the suffix of a data file, or a file that is there. The message has the command that
    predicts the reviews of the file, and explains them if `explain`. `-` alone stands for standard input, and is
    refused, too. So are a pipe, such as /dev/stdin, and a text that is not UTF-8, whose words the model cannot know.
    """
    options = " --explain" * explain
    if list(texts) == ["-"]:
        as_text = "if it is a review, type a blank before it: ' -'"
        raise ConfigError(f"-: not a review; to predict those of standard input: {_command('-', options)}; {as_text}")
    for text in texts:
        _require_utf8(text)
    _require_typed_signs(texts)
    if named := [text for text in texts if _is_data_file(text)]:
        _refuse_files(named, options)
    _warn_of_other_files(texts)


def _refuse_files(named: Sequence[str], options: str) -> NoReturn:
    from glob import glob, has_magic

    from sentibp.utils.near_names import did_you_mean, near_paths

    name, shown = named[0], one_line(named[0])
    if len(named) > 1 and all(map(os.path.exists, named)):
        repair = "put the pattern in quotes, so that the shell leaves it as it is: --input 'data/*.csv'"
        raise ConfigError(f"{shown} and {len(named) - 1} more: files, not reviews; {repair}")
    if has_magic(name) and glob(name):
        raise ConfigError(f"{shown}: a pattern of files, not a review; use --input {shlex.quote(name)}")
    if os.path.exists(os.path.expanduser(name)):
        raise ConfigError(f"{shown}: a file, not a review; to predict its reviews: {_command(name, options)}")
    near = near_paths(name, has_data_suffix, most=1)
    repair = f"{did_you_mean(near)} To predict its reviews: {_command(near[0], options)}" if near else ""
    as_text = f"if it is a review, type a blank after it: {shlex.quote(f'{shown} ')}"
    raise ConfigError(f"{shown}: the name of a file, and there is no such file{repair or f'; {as_text}'}")


def _require_typed_signs(texts: Sequence[str]) -> None:
    """Raise ConfigError if a text is an option with a dash, or a part of a review in quotation marks of a page.

    Text editors and web pages write \u2013 and \u201c \u201d where a shell knows - and " only.
    """
    for text in texts:
        if re.fullmatch(_DASHED_OPTION, text) and len(texts) > 1:
            typed = f"-{text[1:]}" if len(text) == 2 else f"--{text[1:]}"
            raise ConfigError(f"{text}: begins with a dash that is no hyphen, and is read as a review; type {typed}")
    words = " ".join(texts) if all(len(text.split()) == 1 for text in texts) else ""  # as a shell makes them
    for left, right in _MARKS.items():
        found = re.search(rf"(?<!\S){left}[^{left}{right}]*\s[^{left}{right}]*{right}(?!\S)", words)
        if found is not None:
            what = "a shell does not know these quotation marks, and makes a review of each word"
            raise ConfigError(f"{one_line(found[0])}: {what}; type {shlex.quote(one_line(found[0][1:-1].strip()))}")


def _command(name: str, options: str) -> str:
    return f"`sentibp predict --input {shlex.quote(name)}{options}`"


def _is_data_file(text: str) -> bool:
    """Return whether a text is the name of a file of reviews by its suffix. A file that is there may have blanks."""
    return has_data_suffix(text) and (len(text.split()) == 1 == len(text.split(" ")) or os.path.isfile(text))


def _require_utf8(text: str) -> None:
    """Raise ConfigError if a text has bytes that Python could not read; it keeps each as half of a surrogate pair."""
    found = re.search("[\udc80-\udcff]", text)
    if found is None:
        return
    try:
        os.fsencode(text).decode("utf-8")
    except UnicodeError:
        fact, repair = "not UTF-8 text", 'convert it, as in "$(iconv -f cp1252 -t utf-8 review.txt)"'
    else:
        fact, repair = f"cannot be read, as Python takes it for {sys.getfilesystemencoding()}", "set PYTHONUTF8=1"
    shown = one_line(os.fsencode(text).decode("utf-8", "replace"))
    raise ConfigError(f"{shown}: {fact} (byte 0x{ord(found[0]) - 0xDC00:02X}); {repair}")


def _warn_of_other_files(texts: Sequence[str]) -> None:
    """Tell the user of the first text that is the name of a file or folder: `good` may be one, and a review.

    ConfigError if it is a pipe or a device, as `<(command)` is in a shell: its name is no word.
    """
    found = [text for text in texts if text.strip(".") and os.path.exists(os.path.expanduser(text))]
    if found:
        others = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        path = expand_home(found[0])
        kind = "a file" if path.is_file() else "a folder"
        repair = f"to predict its reviews, use --input {shlex.quote(found[0])}"
        if is_stream(path):
            raise ConfigError(f"{one_line(found[0])}: a pipe or a device, not a review; {repair}")
        print_message(f"{one_line(found[0])} is {kind}{others}, and its name is read as a review; {repair}")
