"""Files of other formats: the command in the message writes a table that is read."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import feather, orc
from reading import BOTH, rows

from sentibp.data import readers
from sentibp.data.readers.records import read_records
from sentibp.data.readers.table import ReadOptions
from sentibp.errors import DataError

READ = [("It's a good film", "pos"), ('a "bad" süß, dull film', "neg")] * 2

ARFF = """% a comment
@relation films

@ATTRIBUTE id numeric
@attribute 'text' string
@attribute "label" {neg, pos}
@data
1,'It\\'s a good film',pos
% another one
2, "a \\"bad\\" süß, dull film" , neg
3,'It\\'s a good film',pos
4,'a \\"bad\\" süß, dull film',neg
"""
INTENTS = """version: "3.1"

nlu:
- intent: pos
  examples: |
    - It's a [good](kind) film
- synonym: film
  examples: |
    - movie
- intent: neg
  examples:
  - text: |
      a "bad" süß, [dull]{"entity": "kind"} film
  - text: bad
"""


def xml(record: str, root: str = "reviews") -> str:
    texts = [text.replace("'", "&apos;").replace('"', "&quot;") for text, _ in READ]
    records = (record.format(text=text, label=label) for text, (_, label) in zip(texts, READ, strict=True))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>\n{"".join(records)}</{root}>\n'


SENTENCE = "<sentence>{}<text>{{text}}</text><os>{}</os></sentence>"
OPINIONS = '<o term="film" polarity="{label}"/><o polarity="{label}"/>'
MIXED = '<sentence><text>it is so so</text><os><o polarity="pos"/><o polarity="neg"/></os></sentence>'

TEXTS = {
    "r.arff": ARFF,
    "it's.arff": "%\n" * 999 + ARFF,
    "list.yaml": "".join(f"- text: {text!r}\n  label: {label}\n" for text, label in READ),
    "key.yml": "n: 4\nreviews:\n" + "".join(f"  - text: {text!r}\n    label: {label}\n" for text, label in READ),
    "documents.yml": "".join(f"---\ntext: {text!r}\nlabel: {label}\n" for text, label in READ),
    "snap.txt": "".join(f"review/label: {label}\nreview/text: {text}\n\n" for text, label in READ),
    "elements.xml": xml("<review id='1'>\n<text>{text}</text><about><label>{label}</label></about></review>\n"),
    "attributes.xml": xml('<row Text="{text}" Label="{label}" />', "posts"),
    "fields.xml": xml('<row><field name="text">{text}</field><field name="label">{label}</field></row>', "table"),
    "tags.xml": xml('<text label="{label}">{text}</text>'),
    "semeval.xml": xml(SENTENCE.format("", OPINIONS) + MIXED, "sentences"),
    "germeval.xml": xml(SENTENCE.format("<label>{label}</label>", '<o polarity="neutral"/>'), "documents"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_command_writes_a_table_that_is_read(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(TEXTS[name], encoding="utf-8")
    prefix = "review/" if name == "snap.txt" else ""
    assert converted(name, BOTH._replace(text=f"{prefix}text", label=f"{prefix}label")) == READ


def converted(name: str, options: ReadOptions = BOTH) -> list:
    """Type the command in the message about a file, and return the rows of the file that it writes."""
    with pytest.raises(DataError) as caught:
        readers.open_table(Path(name), name, options)
    command, _, target = str(caught.value).partition(": python ")[2].rpartition("; then give ")
    subprocess.run(f"python {command}", shell=True, check=True)
    return rows(read_records(readers.open_table(Path(target), target, options), options))


def test_only_the_examples_of_intents_are_texts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("nlu.yml").write_text(INTENTS, encoding="utf-8")
    assert converted("nlu.yml") == [*READ[:2], ("bad", "neg")]


def test_tables_of_databases_and_of_arrow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with contextlib.closing(sqlite3.connect("r.db")) as file:
        file.execute('create table "my reviews" (text, label)')
        file.executemany('insert into "my reviews" values (?, ?)', READ)
        file.execute("create table a (text)")
        file.commit()
    assert converted("r.db") == READ
    table = pa.table(dict(zip(("text", "label"), zip(*READ, strict=True), strict=True)))
    feather.write_feather(table, "r.feather")
    orc.write_table(table, "r.orc")
    with pa.ipc.new_stream("r.arrow", table.schema) as writer:
        writer.write_table(table)
    for name in "r.feather", "r.orc", "r.arrow":
        assert converted(name) == READ
        Path("labelled.parquet").unlink()


@pytest.mark.parametrize("content", ["<films><film><title/></film></films>", "<?xml version='1.0'?>\n<a/>\n"])
def test_xml_without_records_has_no_command(tmp_path, content):
    (tmp_path / "x.xml").write_text(content)
    with pytest.raises(DataError, match=r"x\.xml: an XML file; write its texts and labels as CSV or JSON lines$"):
        readers.open_table(tmp_path / "x.xml", str(tmp_path / "x.xml"), BOTH)
