"""Commands that write files of other formats as tables: the messages that refuse such files have them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from string import Template
from typing import cast

from sentibp.utils.paths import PACKED, new_file
from sentibp.utils.repair import python

_HEAD = 1 << 18  # bytes of a file that are looked at

_OPINION = ("polarity", "sentiment")  # attributes of an opinion on a part of a text, as SemEval has them

_SAVE = 'out = open($target, "w", newline="", encoding="utf-8"); '
_WRITE_ROWS = _SAVE + "csv.writer(out).writerows(rows)"
_WRITE_DICTS = (
    _SAVE + "table = csv.DictWriter(out, list(dict.fromkeys(key for row in rows for key in row))); "
    "table.writeheader(); table.writerows(rows)"
)
_QUOTED = r"\x27(?:\\.|[^\x27\\])*\x27|\x22(?:\\.|[^\x22\\])*\x22"  # quotes by their numbers: a shell needs its own
_ARFF = (
    "import csv, re; text = open($file, encoding=$encoding).read(); "
    r'head, body = re.split(r"(?im)^\s*@data\b.*", text, maxsplit=1); '
    r'names = re.findall(r"(?im)^\s*@attribute\s+(' + _QUOTED + r'|\S+)", head); '
    r'lines = [line for line in body.split("\n") if line.strip() and line[0] != "%"]; '
    r'fields = [re.findall(r"\s*(' + _QUOTED + r'|[^,\s][^,]*)", line) for line in lines]; '
    r'meant = lambda found: {"n": "\n", "r": "", "t": "\t"}.get(found[1], found[1]); '
    r'quoted = lambda value: re.sub(r"\\(.)", meant, value[1:-1]); '
    r'plain = lambda value: quoted(value) if value[0] in "\x27\x22" else "" if value == "?" else value; '
    "rows = [[plain(value.strip()) for value in row] for row in [names, *fields]]; "
) + _WRITE_ROWS
_XML = (
    "import csv, xml.etree.ElementTree as xml; "
    'name = lambda each: each.get("name") or each.tag.split("}")[-1]; '
    'text = lambda each: "".join(each.itertext()).strip(); '
    'texts = lambda row: {name(each): text(each) for each in row.iter() if (each.text or "").strip()}; '
    "rows = [{**row.attrib, **texts(row)} for row in xml.parse($file).iter($record)]; "
) + _WRITE_DICTS
_XML_OPINIONS = (
    "import csv, xml.etree.ElementTree as xml; "
    "labels = lambda row: {each.get($attribute) for each in row.iter() if each.get($attribute)}; "
    "found = [(row.findtext($text), labels(row)) for row in xml.parse($file).iter($record)]; "
    'rows = [{"text": text, "label": label.pop()} for text, label in found if len(label) == 1]; '
) + _WRITE_DICTS
_YAML = (
    "import json, yaml; found = [*yaml.safe_load_all(open($file, encoding=$encoding))]; "
    'json.dump(found if len(found) > 1 else found[0], open($target, "w"), default=str)'
)
_RASA = (
    "import csv, re, yaml; "
    r'plain = lambda text: re.sub(r"\[([^]]*)\](\([^)]*\)|{[^}]*})", r"\1", text.strip().removeprefix("- ")); '
    'lines = lambda found: found.splitlines() if isinstance(found, str) else [each["text"] for each in found]; '
    'intents = [each for each in yaml.safe_load(open($file, encoding=$encoding))["nlu"] if "intent" in each]; '
    'texts = [(plain(line), each["intent"]) for each in intents for line in lines(each["examples"])]; '
    'rows = [("text", "label"), *(row for row in texts if row[0])]; '
) + _WRITE_ROWS
_BLOCKS = (
    "import csv, re; text = open($file, encoding=$encoding).read(); "
    r'found = [re.findall(r"(?m)^(\w+/\w+): (.*)", block) for block in re.split(r"\n\s*\n", text)]; '
    "rows = [dict(each) for each in found if each]; "
) + _WRITE_DICTS
_INSERT = (
    "import collections, csv, re; text = open($file, encoding=$encoding).read(); "
    r'value = r"(?:\x27(?:[^\x27\\]|\\.|\x27\x27)*\x27|[^,()\s\x27][^,()]*)"; '
    r'row = rf"\(\s*({value}\s*(?:,\s*{value}\s*)*)\)"; '
    r'start = r"(?im)^\s*insert\s+into\s+([\w.`\x22]+)\s*(\([^)]*\))?\s*values\s*"; '
    r'found = re.findall(rf"{start}((?:{row}\s*,?\s*)+)", text); '
    "table = collections.Counter(name for name, _, rows, _ in found for _ in rows).most_common(1)[0][0]; "
    'named = next((names for name, names, _, _ in found if name == table and names), ""); '
    r'start = rf"(?is)create\s+table\s+(?:if\s+not\s+exists\s+)?{re.escape(table)}\s*"; '
    r'made = re.search(rf"{start}\((.*?)\)[^,;)]*;", text); '
    r'fields = re.sub(r"\([^()]*\)", "", named[1:-1] or (made[1] if made else "")).split(","); '
    r'first = [re.match(r"\W*(\w*)", field)[1] for field in fields]; '
    'keys = {"primary", "unique", "key", "constraint", "foreign", "index"}; '
    "names = [name for name in first if name.lower() not in keys]; "
    r'meant = lambda found: {"n": "\n", "r": "", "t": "\t"}.get(found[1], found[1]); '
    r'quoted = lambda text: re.sub(r"(?s)\\(.)", meant, text[1:-1].replace("\x27\x27", "\x27")); '
    r'plain = lambda text: quoted(text) if text[0] == "\x27" else "" if text.upper() == "NULL" else text.strip(); '
    "bodies = [one for name, _, rows, _ in found if name == table for one in re.findall(row, rows)]; "
    "rows = [[plain(each) for each in re.findall(value, body)] for body in bodies]; "
    "width = len(rows[0]); "
    'rows = [names if len(names) == width else [f"column{i}" for i in range(width)], *rows]; '
) + _WRITE_ROWS
_COPY = (
    "import csv, re; text = open($file, encoding=$encoding).read(); "
    r'found = re.findall(r"(?ims)^copy\s+\S+\s*\(([^)]*)\)\s+from\s+stdin;\n(.*?)^\\\.", text); '
    r'names, lines = max(found, key=lambda each: each[1].count("\n")); '
    r'meant = lambda found: {"n": "\n", "r": "", "t": "\t", "N": ""}.get(found[1], found[1]); '
    r'plain = lambda text: re.sub(r"\\(.)", meant, text); '
    r'rows = [[plain(each) for each in line.split("\t")] for line in lines.split("\n") if line]; '
    r'rows = [re.findall(r"\w+", names), *rows]; '
) + _WRITE_ROWS
_SQLITE = (
    "import csv, sqlite3; found = sqlite3.connect($file).execute($query); "
    "rows = [[column[0] for column in found.description], *found]; "
) + _WRITE_ROWS
_ARROW = (
    "import pyarrow as pa, pyarrow.parquet as parquet; "
    "parquet.write_table($read(pa.memory_map($file)).read_all(), $target)"
)
_ORC = "import pyarrow.orc as orc, pyarrow.parquet as parquet; parquet.write_table(orc.read_table($file), $target)"


def arff(data: memoryview, name: str) -> str:
    """Return how to write a file of Weka as CSV."""
    return _command(name, "CSV", ".csv", _ARFF, encoding=_encoding(data))


def blocks(data: memoryview, name: str) -> str:
    """Return how to write blocks of keys and values as CSV."""
    return _command(name, "CSV", ".csv", _BLOCKS, encoding=_encoding(data))


def yaml(data: memoryview, name: str) -> str:
    """Return how to write a YAML file as JSON, or the examples of intents that Rasa is trained on as CSV."""
    if re.search(rb"(?m)^nlu:", data[:_HEAD]) and re.search(rb"(?m)^[ -]*intent:", data[:_HEAD]):
        return _command(name, "CSV", ".csv", _RASA, what="its examples", encoding=_encoding(data))
    return _command(name, "JSON", ".json", _YAML, encoding=_encoding(data))


def arrow(data: memoryview, name: str) -> str:
    """Return how to write a file or a stream of Arrow as Parquet. The first version of Feather has no command."""
    if data[:4] == b"FEA1":
        return "write it as Parquet"
    read = "pa.ipc.open_file" if data[:5] == b"ARROW" else "pa.ipc.open_stream"
    return _command(name, "Parquet", ".parquet", _ARROW, read=read)


def orc(_: memoryview, name: str) -> str:
    """Return how to write a file of ORC as Parquet."""
    return _command(name, "Parquet", ".parquet", _ORC)


def stata(_: memoryview, name: str) -> str:
    """Return how to write a file of Stata as CSV."""
    return _command(name, "CSV", ".csv", "import pandas; pandas.read_stata($file).to_csv($target, index=False)")


def r(data: memoryview, name: str) -> str:
    """Return how to write the object in a file of R as CSV, which R does. It may be in another file with others."""
    if data[:2] == b"RD" or not os.path.isfile(name):
        return "write a data frame of it as CSV in R: write.csv(frame, row.names = FALSE)"
    target = new_file(".csv")
    code = f"write.csv(readRDS({_literal(name)}), {_literal(target)}, row.names = FALSE)"
    return f"write it as CSV: {shlex.join(['Rscript', '-e', code])}; then give {target}"


def sql(data: memoryview, name: str) -> str:
    """Return how to write the rows that a dump inserts into a table as CSV: into the one with the most of them."""
    head = bytes(data[: 1 << 24])
    code = _COPY if re.search(rb"(?im)^copy\s.*\sfrom\s+stdin;", head) else _INSERT
    if code is _INSERT and not re.search(rb"(?i)insert\s+into\s[^;]*\bvalues\b", head):
        return "load it into a database, and write its table to a CSV file"
    return _command(name, "CSV", ".csv", code, what="the rows of its largest table", encoding=_encoding(data))


def sqlite(_: memoryview, name: str) -> str:
    """Return how to write the only table of a database as CSV; of several, the one with the most rows."""
    tables = _tables(name) if _is_there(name) else []
    if not tables:
        return "write its table to a CSV file"
    query = 'select * from "' + tables[0].replace('"', '""') + '"'
    what = (
        f"its table {tables[0]!r}" if len(tables) == 1 else f"one of its {len(tables)} tables, such as {tables[0]!r},"
    )
    return _command(name, "CSV", ".csv", _SQLITE, what=what, query=_literal(query))


def xml(data: memoryview, name: str) -> str:
    """Return how to write a file of XML as CSV: a row for each of the elements that hold texts.

    If these have opinions, each with its polarity, a text is a row if its opinions agree.
    """
    record, text, attribute = _elements(data)
    if not record:
        return "write its texts and labels as CSV or JSON lines"
    if not attribute:
        return _command(name, "CSV", ".csv", _XML, record=_literal(record))
    found = {"record": _literal(record), "text": _literal(text), "attribute": _literal(attribute)}
    return _command(name, "CSV", ".csv", _XML_OPINIONS, what="the texts whose opinions agree", **found)


def _command(name: str, kind: str, suffix: str, code: str, *, what: str = "it", **values: str) -> str:
    """Return what to do: the command that writes a file as one of another kind, and what to give then."""
    if not _is_there(name):  # standard input, or in an archive
        return f"write {what} as {kind}"
    target = new_file(suffix)
    code = Template(code).substitute(file=_literal(name), target=_literal(target), **values)
    return f"write {what} as {kind}: {python('-c', code)}; then give {target}"


def _is_there(name: str) -> bool:
    return os.path.isfile(name) and not name.lower().endswith(PACKED)


def _literal(text: str) -> str:
    """Return a literal of Python in double quotes, which a shell takes within single ones."""
    return json.dumps(text, ensure_ascii=False)


def _encoding(data: memoryview) -> str:
    """Return the literal of the encoding of a text: UTF-8, or else Latin-1, in which all bytes are letters."""
    try:
        bytes(data).decode("utf-8")
    except UnicodeDecodeError:
        return _literal("latin-1")
    return _literal("utf-8-sig")


def _tables(name: str) -> list[str]:
    """Return the tables of a database, those with the most rows first; none if it cannot be read."""
    import sqlite3

    query = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(name)) as file:
        tables = [found for (found,) in file.execute(query)]
        count = {each: file.execute(f'select count(*) from "{each}"').fetchone()[0] for each in tables}
        return sorted(tables, key=lambda each: -count[each])
    return []


def _elements(data: memoryview) -> tuple[str, str, str]:
    """Return the element that is a record, its element with the text, and the attribute of its opinions, if it has any.

    Records are the outermost of the elements that are frequent and have others with texts in them; or else have texts
    or attributes themselves. They have opinions if they have a single text and no label. "" for what is not there.
    """
    from xml.etree.ElementTree import Element, ParseError, XMLPullParser

    parser, above = XMLPullParser(("start", "end")), list[Element]()
    of_texts, own_texts, of_attributes = Counter[str](), Counter[str](), Counter[str]()
    texts_below, opinions = dict[tuple[str, str], None](), dict[tuple[str, str], None]()
    depth, seen = dict[str, int](), set[int]()
    with contextlib.suppress(ParseError, LookupError, ValueError):
        parser.feed(bytes(data[:_HEAD]))
    for event, element in cast("Iterator[tuple[str, Element]]", parser.read_events()):
        if event == "start":
            above.append(element)
            depth.setdefault(element.tag, len(above))
            continue
        above.pop()
        opinions |= {(element.tag, each): None for each in _OPINION if each in element.attrib}
        of_attributes[element.tag] += len(element.attrib) > 1
        if above and (element.text or "").strip():
            texts_below[above[-1].tag, element.tag] = None
            own_texts[element.tag] += 1
            of_texts[above[-1].tag] += id(above[-1]) not in seen
            seen.add(id(above[-1]))
    counts = next((each for each in (of_texts, own_texts, of_attributes) if max(each.values(), default=0) > 1), {})
    frequent = [tag for tag, count in counts.items() if 2 * count > max(counts.values())]
    record = min(frequent, key=depth.__getitem__, default="")
    texts = [tag for parent, tag in texts_below if parent == record]
    attribute = next((each for tag, each in opinions if tag != record), "") if len(texts) == 1 else ""
    return record, "".join(texts[:1]), attribute


def as_lines_with_labels(label_files: Sequence[tuple[str, str]]) -> str:
    """Return the command that writes the lines of files into one file, with their labels as fastText has them.

    `label_files` are pairs of a label and of the files as a shell takes them.
    """
    target = new_file()
    commands = [
        f"awk 'NF {{print \"__label__{label} \" $0}}' {files} {'>>' if i else '>'} {target}"
        for i, (label, files) in enumerate(label_files)
    ]
    return f"{'; '.join(commands)}; then give {target}"
