"""Folders with a file for each review, with the exact error messages."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

import datasets
import pytest
from reading import BOTH, read, rows, texts

from sentibp.data import readers
from sentibp.data.pieces import Kept
from sentibp.data.readers.table import ReadOptions
from sentibp.data.sources import load_corpus, read_pieces
from sentibp.errors import DataError, NoLabels


def make_folder(path: Path, **reviews: str) -> None:
    for place, text in reviews.items():
        file = path / place.replace("_", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_a_folder(tmp_path):
    make_folder(tmp_path, pos_2="good", pos_10="great\n", neg_1="bad", unsup_1="?", **{"neg_.hidden": "no"})
    records = read(tmp_path, "films/", BOTH)
    assert rows(records) == [("bad", "neg"), ("great\n", "pos"), ("good", "pos")]
    assert records.where(1) == "films/pos/10"
    assert texts(read(tmp_path, "films", ReadOptions())) == ["bad", "great\n", "good"]


def test_a_folder_of_splits(tmp_path):
    make_folder(tmp_path, train_pos_1="a", train_neg_1="b", test_pos_1="c", test_neg_1="d", other_x="e")
    records = read(tmp_path, "films", BOTH, "test")
    assert rows(records) == [("d", "neg"), ("c", "pos")]
    assert records.where(0) == "films/test/neg/1"
    with pytest.raises(
        DataError, match=r"^films: no split 'dev'; name another, such as --set data.split=test; there are: test, train$"
    ):
        read(tmp_path, "films", BOTH, "dev")
    with pytest.raises(
        DataError, match=r"^films/other: the folder has no reviews; .* perhaps one in it, such as films/other/x: x$"
    ):
        read(tmp_path / "other", "films/other", BOTH)
    with pytest.raises(
        DataError,
        match=r"^films: has no columns to take weights from; leave them out with --set data.weight_column=null$",
    ):
        read(tmp_path, "films", ReadOptions("text", "label", "w"))


def test_a_folder_with_a_file_in_another_encoding(tmp_path):
    make_folder(tmp_path, pos_1="good", neg_1="bad")
    (tmp_path / "pos" / "2").write_bytes(b"\ntr\xe8s bon")
    message = r"^films/pos/2:2: not UTF-8 \(byte 0xE8\); it looks like cp1252: --set data.encoding=cp1252$"
    with pytest.raises(DataError, match=message):
        read(tmp_path, "films", BOTH)


def test_compressed_texts_in_a_folder(tmp_path):
    make_folder(tmp_path, pos_1="good", neg_1="bad")
    (tmp_path / "pos" / "2.txt.gz").write_bytes(gzip.compress("très bon".encode()))
    assert rows(read(tmp_path, "films", BOTH)) == [("bad", "neg"), ("good", "pos"), ("très bon", "pos")]
    (tmp_path / "pos" / "2.txt.gz").write_bytes(gzip.compress(b"good " * 1000))
    with pytest.raises(DataError, match=r"^films/pos/2.txt.gz: a text of more than 0.001 MB; "):
        read(tmp_path, "films", ReadOptions("text", "label", most=1000))


def test_tables_and_pages_beside_texts_are_told(tmp_path):
    files = {"pos_1": "good", "neg_1": "bad", "pos_a.csv": "text\ngood\nfine\n", "neg_2.html": "<p>bad</p>"}
    make_folder(tmp_path, **files)
    records = read(tmp_path, "films", BOTH)
    assert rows(records)[-1] == ("text\ngood\nfine\n", "pos")
    assert records.notes == (
        "films/neg: each file is read as one review, with its tags as words: 2.html",
        "films/pos: each file is read as one review, also those that are called tables: a.csv",
    )


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_tables_in_folders_of_classes_are_read_as_tables(tmp_path, suffix):
    """Each file was one review, with the name of its column as a word."""
    for kind, words in ("pos", ("good", "fine")), ("neg", ("bad", "poor")):
        (tmp_path / kind).mkdir()
        lines = [f'{{"text": "{each}"}}' for each in words] if suffix == "jsonl" else ["text", *words]
        (tmp_path / kind / f"reviews.{suffix}").write_text("\n".join(lines) + "\n")
    records = read(tmp_path, "films", BOTH)
    assert rows(records) == [("bad", "neg"), ("poor", "neg"), ("good", "pos"), ("fine", "pos")]
    assert records.notes == ("films: reads its 2 files as one table; the names of the folders give label",)
    assert texts(read(tmp_path, "films", ReadOptions("text"))) == ["bad", "poor", "good", "fine"]
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "more.csv").write_text("text\nso so\n")
    assert "films/mixed: 1 file not read; the classes are neg, pos" in " ".join(read(tmp_path, "films", BOTH).notes)


def test_a_label_column_of_the_tables_counts(tmp_path):
    for kind, label in ("pos", "great"), ("neg", "awful"):
        (tmp_path / "train" / kind).mkdir(parents=True)
        (tmp_path / "train" / kind / "a.csv").write_text(f"text,label\na film,{label}\n")
    records = read(tmp_path, "films", BOTH)
    assert rows(records) == [("a film", "awful"), ("a film", "great")]
    names = "the names of the folders give label, except where a file has label itself"
    assert records.notes == (f"films/train: reads its 2 files as one table; {names}",)


def write(path: Path, **files: str) -> Path:
    """Write files. In names, `__` stands for a slash and `_` for a dot."""
    for place, text in files.items():
        file = path / place.replace("__", "/").replace("_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return path


def csv(*texts: str) -> str:
    return "text,label\n" + "".join(f"{text},1\n" for text in texts)


def test_further_subfolders_are_named(tmp_path):
    make_folder(tmp_path, train_pos_1="a", train_neg_1="b", train_unsup_1="c", train_unsup_2="d")
    records = read(tmp_path, "films", BOTH)
    assert len(records.text) == 2
    assert records.notes == ("films/train/unsup: 2 files not read; the classes are neg, pos",)


def test_a_further_class_is_read_if_data_labels_lists_it(tmp_path):
    make_folder(tmp_path, Positive_1="good", Negative_1="bad", Neutral_1="so so", Neutral_2="long")
    two = read(tmp_path, "films", BOTH)
    assert rows(two) == [("bad", "neg"), ("good", "pos")]
    assert two.fixed_labels
    assert two.notes == (
        "films/Neutral: 2 files not read; the classes are Negative, Positive; "
        "if these are classes, too: --set data.labels=[negative,neutral,positive]",
    )
    expected = [("bad", "Negative"), ("good", "Positive"), ("so so", "Neutral"), ("long", "Neutral")]
    three = read(tmp_path, "films", BOTH._replace(label_values=("negative", "neutral", "positive")))
    assert (rows(three), three.notes, three.fixed_labels) == (expected, (), False)
    corpus = load_corpus(str(tmp_path), BOTH._replace(label_values=("neg", "neutral", "pos")), labels=THREE)
    assert corpus.label is not None
    assert corpus.label.tolist() == [0, 2, 1, 1]
    assert texts(read(tmp_path, "films", ReadOptions())) == ["bad", "good", "so so", "long"]
    (note,) = read(tmp_path, "films", BOTH._replace(inherited=frozenset(["encoding"]))).notes
    assert note == "films/Neutral: 2 files not read; the classes are Negative, Positive"  # of a model of two classes


THREE = {"negative": ["neg"], "neutral": ["neutral"], "positive": ["pos"]}


def test_words_without_an_order_stand_between_negative_and_positive(tmp_path):
    make_folder(tmp_path, pos_1="good", neg_1="bad", spam_1="buy")
    (note,) = read(tmp_path, "films", BOTH).notes
    assert note.endswith("--set data.labels=[neg,spam,pos]")


def test_files_beside_the_reviews_are_named(tmp_path):
    make_folder(tmp_path, pos_1="good", neg_1="bad", pos_more_2="deep", **{"pos/a.jpg": "x", "pos/b.PDF": "x"})
    make_folder(tmp_path, **{"labels.csv": "a,b", "README.txt": "about", "notes.md": "about", ".hidden.csv": "x"})
    records = read(tmp_path, "films", BOTH)
    assert rows(records) == [("bad", "neg"), ("good", "pos")]
    assert records.notes == (
        "films: not read: labels.csv; the reviews are the files in its subfolders neg, pos",
        "films/pos: not read: more/; each file in pos/ itself is a review",
        "films/pos: not read: a.jpg, b.PDF; these are no texts",
    )


LEFTOVERS = "1.txt~", "#1.txt#", "1.txt.bak", "1.txt.swp", "desktop.ini", "README", "2.txt.part"


@pytest.mark.parametrize("leftover", LEFTOVERS)
def test_leftovers_of_other_programs_are_no_reviews(tmp_path, leftover):
    """A copy that an editor leaves was a second review, and the settings of a window in Windows were one, too."""
    make_folder(tmp_path / "classes", pos_1="good", neg_1="bad", **{f"pos/{leftover}": "good"})
    records = read(tmp_path / "classes", "films", BOTH)
    assert rows(records) == [("bad", "neg"), ("good", "pos")]
    assert records.notes == (f"films/pos: not read: {leftover}; these are no reviews, by their names",)
    make_folder(tmp_path / "flat", **{"b.txt": "good", "a.txt": "bad", leftover: "good"})
    (piece,) = read_pieces(str(next((tmp_path / "flat").rglob("a.txt")).parent))
    assert piece.text.to_pylist() == ["bad", "good"]
    assert any(f"not read: {leftover}; these are no reviews" in note for note in piece.notes)


def test_a_lock_of_an_office_program_is_no_data_file(tmp_path):
    make_folder(tmp_path, **{"reviews.csv": "text,label\ngood,1\n", "~$reviews.csv": "ann"})
    assert rows(read(tmp_path, "films", BOTH)) == [("good", "1")]


def test_predictions_of_a_folder_name_the_files(tmp_path):
    make_folder(tmp_path / "classes", pos_1="good", neg_1="bad")
    make_folder(tmp_path / "flat", **{"b.txt": "good", "a.txt": "bad"})
    (piece,) = read_pieces(str(tmp_path / "classes"), kept=Kept.text)
    assert {name: column.to_pylist() for name, column in piece.columns.items()} == {
        "text": ["bad", "good"], "label": ["neg", "pos"], "file": ["neg/1", "pos/1"],
    }  # fmt: skip
    (piece,) = read_pieces(str(tmp_path / "flat"), kept=Kept.text)
    assert {name: column.to_pylist() for name, column in piece.columns.items()} == {
        "text": ["bad", "good"], "file": ["a.txt", "b.txt"],
    }  # fmt: skip
    named = ReadOptions("file", "label")  # as the columns of the training are called
    assert rows(read(tmp_path / "classes", "x", named)) == [("bad", "neg"), ("good", "pos")]


def test_the_unlabelled_reviews(tmp_path):
    make_folder(tmp_path, train_pos_1="a", train_neg_1="b", train_unsup_1="c", train_unsup_2="d")
    records = read(tmp_path, "films", ReadOptions(), "unsupervised")
    assert texts(records) == ["c", "d"]
    assert records.where(1) == "films/train/unsup/2"
    assert texts(read(tmp_path / "train", "train", ReadOptions(), "unsupervised")) == ["c", "d"]
    with pytest.raises(DataError, match=r"^films/train/unsup: has no labels; choose another split$"):
        read(tmp_path, "films", BOTH, "unsupervised")


@pytest.mark.parametrize(("negative", "positive"), [("negative", "positive"), ("Neg", "Pos"), ("NEGATIVE", "POSITIVE")])
def test_other_names_of_both_classes(tmp_path, negative, positive):
    make_folder(tmp_path, **{f"{positive}_1": "good", f"{negative}_1": "bad"})
    assert rows(read(tmp_path, "films", BOTH)) == [("bad", "neg"), ("good", "pos")]


def test_other_classes_are_labels(tmp_path):
    make_folder(tmp_path, fresh_1="good", rotten_1="bad")
    records = read(tmp_path, "films", BOTH)
    assert rows(records) == [("good", "fresh"), ("bad", "rotten")]
    assert not records.fixed_labels
    for stars in "12345":
        make_folder(tmp_path / "stars", **{f"train_{stars}_a": stars})
    assert rows(read(tmp_path / "stars", "stars", BOTH)) == [(stars, stars) for stars in "12345"]


def test_a_folder_of_one_polarity_and_another_class(tmp_path):
    """data.labels says what they mean: neutral may be either."""
    make_folder(tmp_path / "data", **{"pos/1.txt": "good", "neutral/1.txt": "so so"})
    table = read(tmp_path / "data", "data", BOTH)
    assert rows(table) == [("so so", "neutral"), ("good", "pos")]
    assert not table.fixed_labels


def test_the_only_folder_of_an_archive_is_read(tmp_path):
    """The folder was taken as a split, and `eval --data` looked for one that is called test."""
    make_folder(tmp_path, tokens_pos_1="a", tokens_neg_1="b", README="x")
    for split in "train", "test":
        records = read(tmp_path, "films", BOTH, split)
        assert (rows(records), records.notes) == (
            [("b", "neg"), ("a", "pos")],
            ("films: reads tokens, its only folder",),
        )
    assert not readers.has_splits(tmp_path)
    make_folder(tmp_path, more_pos_1="a", more_neg_1="b")
    with pytest.raises(DataError, match=r"no reviews; .* perhaps one in it, such as films/more/: more/, tokens/$"):
        read(tmp_path, "films", BOTH)
    assert not readers.has_splits(tmp_path / "tokens")


def test_files_of_splits(tmp_path):
    write(tmp_path, train_csv=csv("a", "b"), dev_csv=csv("c"), test_csv=csv("d"), README_md="")
    assert [texts(read(tmp_path, "x/", ReadOptions(), split)) for split in ("train", "validation", "dev", "test")] == [
        ["a", "b"], ["c"], ["c"], ["d"],
    ]  # fmt: skip
    assert read(tmp_path, "x/", BOTH).where(1) == "x/train.csv:3"
    with pytest.raises(
        DataError,
        match=r"^x: no split 'other'; name another, such as --set data.split=test; there are: test, train, validation$",
    ):
        read(tmp_path, "x", BOTH, "other")


def test_shards_in_order(tmp_path):
    shards = {f"train-0000{i}-of-00003_csv": csv(f"a{i}", f"b{i}") for i in (2, 0, 1)}
    write(tmp_path / "data", **shards)
    write(tmp_path, README_md="")
    records = read(tmp_path, "x", BOTH)
    assert texts(read(tmp_path, "x", ReadOptions())) == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert records.where(3) == "x/data/train-00001-of-00003.csv:3"
    write(tmp_path / "data", **{"train-00001-of-00003_csv": "text\na\n"})
    with pytest.raises(DataError, match=r"^x/data/train-00001-of-00003.csv:1: no 'label', which x/data/train-00000"):
        read(tmp_path, "x", BOTH)


def test_the_parts_of_a_table(tmp_path):
    """As Spark writes one: a part without rows may be an empty file, and texts are lines, not a text for each file."""
    write(tmp_path, **{"part-00000-ab.csv": csv("good"), "part-00001-ab.csv": "", "part-00002-ab.csv": csv("bad")})
    (tmp_path / "_SUCCESS").touch()
    records = read(tmp_path, "out", BOTH)
    assert records.text.to_pylist() == ["good", "bad"]
    assert [records.where(0), records.where(1)] == ["out/part-00000-ab.csv:2", "out/part-00002-ab.csv:2"]
    assert records.notes == (
        "out: reads its 3 files as one table: part-00000-ab.csv, part-00001-ab.csv, part-00002-ab.csv",
        "out: part-00001-ab.csv: empty, and left out",
    )
    assert texts(read(tmp_path, "out", ReadOptions())) == ["good", "bad"]
    lines = write(tmp_path / "lines", **{"part-00000.txt": "good\nbad\n", "part-00001.txt": "dull\n"})
    assert texts(read(lines, "out", ReadOptions())) == ["good", "bad", "dull"]


def test_a_folder_with_one_data_file(tmp_path):
    records = read(write(tmp_path, films_csv=csv("a"), LICENSE=""), "x", BOTH)
    assert rows(records) == [("a", "1")]
    assert records.notes == ("x: reads films.csv, its only data file",)
    assert not readers.has_splits(tmp_path)
    write(tmp_path, more_csv=csv("b"))
    with pytest.raises(
        DataError, match=r"^x: has 2 data files: films.csv, more.csv; name one of them, such as x/films.csv$"
    ):
        read(tmp_path, "x", BOTH)


def test_a_folder_of_texts_without_labels(tmp_path):
    records = read(write(tmp_path, a_txt="a\nb", b_txt="c"), "x", ReadOptions())
    assert texts(records) == ["a\nb", "c"]
    assert records.notes == ("x: each of its 2 files is one review",)


@pytest.mark.parametrize(
    ("negative", "positive"),
    [("neg.txt", "pos.txt"), ("rt-polarity.neg", "rt-polarity.pos"), ("it's Negative.txt", "it's Positive.txt")],
)
def test_a_file_of_lines_for_each_class_is_met_with_a_command_that_works(tmp_path, monkeypatch, negative, positive):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "set", **{negative: "bad\n\nawful", positive: "good\nfine\n"})
    (tmp_path / "labelled.txt").touch()
    for name in "set", f"set/{negative}", f"set/{positive}":
        with pytest.raises(DataError, match="seem to have the texts of a class each") as caught:
            read(tmp_path / name, name, BOTH)
    command, _, target = str(caught.value).partition("write both into one file: ")[2].rpartition("; then give ")
    assert target == "labelled-2.txt"
    subprocess.run(command, shell=True, check=True)
    lines = [("bad", 0), ("awful", 0), ("good", 1), ("fine", 1)]
    assert rows(read(tmp_path / target, target, BOTH)) == [(text, f"__label__{('neg', 'pos')[i]}") for text, i in lines]


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (("negative.csv", "positive.csv"), ("negative", "positive")),
        (("my bad.csv", "my good.csv"), ("bad", "good")),
        (("x-neg.jsonl", "x-pos.csv"), ("neg", "pos")),
    ],
)
def test_a_table_for_each_class_is_met_with_a_command_that_works(tmp_path, monkeypatch, names, labels):
    """The advice was to name one of them."""
    monkeypatch.chdir(tmp_path)
    for name, text in zip(names, ("dull", "fine"), strict=True):
        content = f'{{"text": "{text}"}}\n' if name.endswith("jsonl") else f"text\n{text}\n"
        write(tmp_path / "set", **{name: content})
    (tmp_path / "labelled").mkdir()
    with pytest.raises(DataError, match=r"set: has 2 data files: .+; name one of them, such as set/") as caught:
        read(tmp_path / "set", "set", BOTH)
    command, _, target = str(caught.value).partition("the texts of a class: ")[2].rpartition("; then give ")
    assert target == "labelled-2"
    subprocess.run(command, shell=True, check=True)
    assert rows(read(tmp_path / target, target, BOTH)) == list(zip(("dull", "fine"), labels, strict=True))


def test_two_tables_of_other_names_are_no_classes(tmp_path):
    write(tmp_path / "set", **{"films-2023.csv": "text\na\n", "films-2024.csv": "text\nb\n"})
    with pytest.raises(DataError, match=r"name one of them, such as set/films-2023.csv$"):
        read(tmp_path / "set", "set", BOTH)


def test_one_table_of_two_classes_is_told_of_the_other_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "set", **{"negative.csv": "text\ndull\nbad\n", "positive.csv": "text\nfine\ngood\n"})
    with pytest.raises(NoLabels, match=r"negative.csv beside it seems to have the other class; if each has ") as caught:
        load_corpus("set/positive.csv", ReadOptions(label="label"))
    command, _, target = str(caught.value).partition("the texts of a class: ")[2].rpartition("; then give ")
    subprocess.run(command, shell=True, check=True)
    corpus = load_corpus(target, ReadOptions(label="label"))
    assert corpus.label is not None and corpus.label.tolist() == [0, 0, 1, 1]


def test_two_files_of_other_names_may_have_the_texts_of_a_class_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "set", **{"plot.tok.gt9": "a\nb\n", "quote.tok.gt9": "c d\n", "subjdata.README.1.0": "about\n"})
    with pytest.raises(DataError, match="perhaps one in it, such as set/plot") as caught:
        read(tmp_path / "set", "set", BOTH)
    command, _, target = str(caught.value).partition("one on each line: ")[2].rpartition("; then give ")
    subprocess.run(command, shell=True, check=True)
    found = [("a", "__label__plot"), ("b", "__label__plot"), ("c d", "__label__quote")]
    assert rows(read(tmp_path / target, target, BOTH)) == found
    write(tmp_path / "splits", **{"sst.train": "a\n", "sst.dev": "b\n"})
    with pytest.raises(DataError, match=r"such as splits/sst.dev: sst.dev, sst.train$"):
        read(tmp_path / "splits", "splits", BOTH)


def test_lists_of_words_beside_a_table_are_no_classes(tmp_path):
    write(tmp_path, **{"positive-words.txt": "good\n", "negative-words.txt": "bad\n", "reviews.csv": csv("a", "b")})
    assert rows(read(tmp_path, "set", BOTH)) == [("a", "1"), ("b", "1")]


def test_a_few_files_with_many_lines_may_have_a_review_on_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for label in "neg", "pos":
        write(tmp_path / "set" / label, **{f"{label}.txt": "".join(f"{label} {i}\n" for i in range(50))})
    records = read(tmp_path / "set", "set", BOTH)
    assert len(records.text) == 2
    (note,) = records.notes
    assert note.startswith(
        "set: each of its 2 files is read as one review, with 50 lines or more; if each line is one: "
    )
    command, _, target = note.partition("if each line is one: ")[2].rpartition("; then give ")
    subprocess.run(command, shell=True, check=True)
    assert rows(read(tmp_path / target, target, BOTH))[49:51] == [("neg 49", "__label__neg"), ("pos 0", "__label__pos")]
    write(tmp_path / "set" / "pos", **{"one.txt": "a good film\nwith two lines\n"})
    assert read(tmp_path / "set", "set", BOTH).notes == ()


def test_has_splits(tmp_path):
    make_folder(tmp_path / "acl", train_pos_1="a", train_neg_1="b")
    assert readers.has_splits(tmp_path / "acl")
    assert not readers.has_splits(tmp_path / "acl" / "train")
    assert readers.has_splits(write(tmp_path / "files", train_csv="", test_csv=""))
    assert not readers.has_splits(tmp_path / "files" / "train.csv")


def test_a_data_set_that_save_to_disk_wrote(tmp_path, monkeypatch):
    """Its JSON files are about the data; the command of the message writes the reviews as Parquet."""
    monkeypatch.chdir(tmp_path)
    reviews = datasets.Dataset.from_dict({"text": ["good", "bad"], "label": [1, 0]})
    reviews.save_to_disk("it's saved")
    datasets.DatasetDict(train=reviews, test=reviews).save_to_disk("both")
    for name, output in ("it's saved", "it's saved.parquet"), ("both", "both-train.parquet"):
        with pytest.raises(DataError) as error:
            load_corpus(f"./{name}")
        fact, command = str(error.value).split("; write it as Parquet: ")
        assert fact == f"./{name}: a data set as save_to_disk of datasets writes it"
        subprocess.run(command, shell=True, check=True)
        assert load_corpus(f"./{output}").text.to_pylist() == ["good", "bad"]
