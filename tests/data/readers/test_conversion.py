"""Files of other formats: the command in the message writes a table that is read."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
from pathlib import Path

import pandas as pd
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

VALUES = [
    "('It''s a good film','pos')",
    """('a \\"bad\\" süß, dull film','neg')""",
    "('It\\'s a good film', 'pos')",
    """('a "bad" süß, dull film', 'neg')""",
]
LINES = ",\n".join(VALUES)
TABLE = "CREATE TABLE reviews (\n  text text NOT NULL,\n  label varchar(9) DEFAULT NULL,\n  KEY k (label)\n) AUTO=1;\n"
OTHER = "INSERT INTO other VALUES (1,NOW());\nINSERT INTO others VALUES (1,'a');\n"
COPY = "COPY public.a (k) FROM stdin;\n1\n\\.\n\nCOPY public.reviews (label, text) FROM stdin;\n"

TEXTS = {
    "mysql.sql": f"-- MySQL dump 10.13\n{OTHER}{TABLE}INSERT INTO reviews VALUES {','.join(VALUES)};\n",
    "sqlite.sql": "PRAGMA foreign_keys=OFF;\nCREATE TABLE reviews (text TEXT, label TEXT);\n"
    + "".join(f"INSERT INTO reviews VALUES{row};\n" for row in VALUES),
    "names.sql": f"INSERT INTO `reviews` (`text`, `label`) VALUES\n{LINES};\n{OTHER}",
    "postgres.sql": f"--\n-- PostgreSQL database dump\n--\n\n{COPY}"
    + "".join(f"{label}\t{text}\n" for text, label in READ)
    + "\\.\n",
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


def test_a_file_of_stata(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in 114, 118:
        frame = pd.DataFrame(READ, columns=["text", "label"])
        frame = frame if number == 118 else frame.replace("ü", "u", regex=True).replace("ß", "ss", regex=True)
        frame.to_stata(f"{number}.dta", write_index=False, version=number)
        assert converted(f"{number}.dta") == list(frame.itertuples(index=False, name=None))
        Path("labelled.csv").unlink()


@pytest.mark.parametrize("content", ["<films><film><title/></film></films>", "<?xml version='1.0'?>\n<a/>\n"])
def test_xml_without_records_has_no_command(tmp_path, content):
    (tmp_path / "x.xml").write_text(content)
    with pytest.raises(DataError, match=r"x\.xml: an XML file; write its texts and labels as CSV or JSON lines$"):
        readers.open_table(tmp_path / "x.xml", str(tmp_path / "x.xml"), BOTH)
