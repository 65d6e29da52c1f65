"""Reading and writing YAML: values with their line numbers, and errors in one line.

Scalars follow the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema): `1e-3` is a number, `no` and
`2024-01-01` are text. No setting needs anchors, tags or deep nesting, so they are errors.
"""

from __future__ import annotations

import io
import math
import re
from typing import Any, NamedTuple

import yaml

_SCALARS = {  # as in YAML 1.2; the lengths are limits of Python's int()
    "null": r"null|Null|NULL|~|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]{1,4000}|0o[0-7]{1,1000}|0x[0-9a-fA-F]{1,1000}",
    "float": r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
}
DEPTH = 20  # the schema needs five levels; each level takes some of the Python stack

Keys = tuple[str | int, ...]


class YamlError(ValueError):
    """An error in YAML text: the line, and a message with the repair."""

    def __init__(self, line: int, message: str):
        super().__init__(message)
        self.line = line


class Document(NamedTuple):
    """The value of a YAML text, the lines of its keys, and the keys that it gives twice."""

    value: Any
    lines: dict[Keys, int]  # the line of every key and list item, from 1
    mistakes: list[tuple[int, Keys, str]]


def parse(data: bytes | str) -> Document:
    """Read one YAML document. Raises YamlError."""
    text = _decode(data) if isinstance(data, bytes) else data
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(line, "a control character; remove it, or write it as an escape in quotes") from None
    except yaml.MarkedYAMLError as error:
        raise _simplified(error, text.splitlines()) from None
    except (ValueError, OverflowError):  # chr() of an escape such as "\UFFFFFFFF"
        raise YamlError(1, "an escape (\\U...) that names no character; remove it") from None
    document = Document(None, {}, [])
    return document if node is None else document._replace(value=_construct(node, (), document))


def write(tree: dict[str, dict[str, Any]]) -> str:
    """Return sections of settings as YAML, with one line for each setting."""
    stream = io.StringIO()
    dumper = _Dumper(stream, allow_unicode=True, width=math.inf, sort_keys=False)
    dumper.open()
    node: Any = dumper.represent_data(tree)
    node.flow_style = False
    for _, section in node.value:
        section.flow_style = False
        for _, value in section.value:
            if not isinstance(value, yaml.ScalarNode):
                value.flow_style = True
    dumper.serialize(node)
    dumper.close()
    return stream.getvalue()


def inline(value: Any) -> str:
    """Return a value as YAML in one line."""
    return write({"section": {"key": value}}).partition("key: ")[2].strip()


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  yaml's own name; filled below
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()
        if event.anchor is not None:
            problem = "anchors and aliases (& and *) are not allowed; write the value out, or put it in quotes"
        elif event.tag is not None:
            problem = "tags (!) are not allowed; remove it, or put the text in quotes"
        elif self.depth == DEPTH:
            problem = f"nested more than {DEPTH} levels deep; settings need at most five"
        else:
            self.depth += 1
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers  # so that text is quoted where _Loader needs it

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _float(dumper: yaml.SafeDumper, value: float) -> yaml.Node:
    text = repr(value).replace("e-0", "e-").replace("e+", "e")  # 1e-8 instead of 1e-08
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = None if value.isprintable() else '"'  # escapes keep line breaks in one line, and \x85 as it is
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style)


_Dumper.add_representer(float, _float)
_Dumper.add_representer(str, _text)
for _name, _pattern in _SCALARS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"(?:{_pattern})\\Z"), None)


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise YamlError(line, "not UTF-8 text; save the file as UTF-8") from None


def _construct(node: yaml.Node, path: Keys, document: Document) -> Any:
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            document.lines[*path, i] = item.start_mark.line + 1
        return [_construct(item, (*path, i), document) for i, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    kind, text = node.tag.rpartition(":")[2], node.value
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise YamlError(node.start_mark.line + 1, "an escape (\\ud800 to \\udfff) that is half a character; remove it")
    return _VALUES[kind](text) if kind in _VALUES else text


_VALUES = {
    "null": lambda text: None,
    "bool": lambda text: text.lower() == "true",
    "int": lambda text: int(text, {"0o": 8, "0x": 16}.get(text[:2], 10)),
    "float": lambda text: float(re.sub(r"\.(?=[a-z])", "", text.lower())),  # .inf and .nan have a dot
}


def _mapping(node: yaml.MappingNode, path: Keys, document: Document) -> dict[str, Any]:
    mapping = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise YamlError(line, "a key that is a list or a mapping; a key is plain text")
        key_path = (*path, key.value)
        if key.value in mapping:
            first = document.lines[key_path]
            document.mistakes.append((line, key_path, f"given twice, first in line {first}; keep one"))
            continue
        document.lines[key_path] = line
        mapping[key.value] = _construct(value, key_path, document)
    return mapping


def _is_too_far(lines: list[str], number: int) -> bool:
    """Return whether a line begins further right than the one above, which is a key with its value."""
    above = next((line for line in reversed(lines[:number]) if line.strip() and not line.lstrip().startswith("#")), "")
    depth = [len(line) - len(line.lstrip(" ")) for line in (above, lines[number])]
    return depth[1] > depth[0] and re.match(r"\s*(- +)*[^\s:#'\"{\[][^:]*:\s+[^\s#|>]", above) is not None


def _common_mistake(error: yaml.MarkedYAMLError, lines: list[str]) -> YamlError | None:
    """Return the error for a common mistake, such as a Windows path in double quotes; None for others."""
    problem, mark = error.problem or "", error.problem_mark
    if mark is None:
        return None
    is_layout = "mapping values are not allowed" in problem or "expected <block end>" in problem
    if is_layout and mark.line < len(lines) and _is_too_far(lines, mark.line):
        return YamlError(mark.line + 1, "a line that begins too far right; indent it as the line above")
    if ("escape" in problem or "hexadecimal" in problem) and "double-quoted" in (error.context or ""):
        repair = "write '...' in place of \"...\", or / in a path"
        return YamlError(mark.line + 1, f"a backslash in double quotes begins an escape; {repair}")
    message = None
    if found := re.match(r"expected the node content, but found '(.)'", problem):
        message = f"no value before {found[1]!r}; if it is text, put it in quotes"
    elif "expected a comment or a line break" in problem:
        message = "text cannot begin with > or |; put it in quotes"
    elif "<document start>" in problem and lines and lines[0].lstrip().startswith("%"):
        message = "text cannot begin with %; put it in quotes"
    elif "<document start>" in problem:
        message = "text after the end; a config is YAML, with lines such as 'data: {source: FILE}'"
    return None if message is None else YamlError(mark.line + 1, message)


def _simplified(error: yaml.MarkedYAMLError, lines: list[str]) -> YamlError:
    """Return the error with a message in one line; yaml's own has five. `lines` are those of the text."""
    problem, context = error.problem or "", error.context or ""
    mark = error.problem_mark or error.context_mark
    if (mistake := _common_mistake(error, lines)) is not None:
        return mistake
    if "quoted scalar" in context and "escape" not in problem and "hexadecimal" not in problem:
        mark, message = error.context_mark, "a quote that is never closed; close it"
    elif "\\t" in problem:
        message = "a tab; use spaces"
    elif "scanning an alias" in context or "scanning an anchor" in context:
        message = "text that begins with * or & needs quotes"
    elif "cannot start any token" in problem:
        message = f"text cannot begin with {problem.split(chr(39))[1]}; put it in quotes"
    elif "simple key" in context:
        mark, message = error.context_mark, "a line without ': '; write 'key: value'"
    elif "mapping values are not allowed" in problem:
        message = "an unexpected ': '; add a missing ': ' in the line above, or put text with ': ' in quotes"
    elif "flow sequence" in context:
        mark, message = error.context_mark, "a list that is not closed; write [a, b]"
    elif "flow mapping" in context:
        mark, message = error.context_mark, "a mapping that is not closed; write {key: value, key: value}"
    elif "expected <block end>" in problem:
        message = "a line that does not belong to the one above; check the indentation"
    elif "single document" in context:
        message = "a second document; remove the '---'"
    else:
        message = problem if not context or context.startswith("while") else f"{context}, {problem}"
    return YamlError(mark.line + 1 if mark else 1, message)
