"""`sentibp predict`: one prediction for each text, in order, from any input."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from sentibp.utils.resources import resource_folder

AWKWARD = [
    "",
    " \t ",
    "\n",
    "good\nbad\n\n",
    "\r\n",
    "🎬",
    "👨‍👩‍👧 loved it",
    "schön, aber 长",
    "nul \0 inside",
    "half a pair: \ud83d",
    '"quoted", and; separated\tin every way',
    "\u202eright to left\u202c",
    "<br /> &amp; &#0; &nosuch;",
    "-",
    "--input",
    "good " * 200_000,
    "x" * 1_000_000,
]


@pytest.fixture(autouse=True)
def _model(trained):
    """Make quickstart the run `last`."""


def check(record: dict) -> None:
    """Check the properties of every prediction."""
    assert record["label"] == ("positive" if record["positive"] >= 0.5 else "negative")
    assert 0.5 <= record["score"] <= 1
    assert record["score"] == (record["positive"] if record["label"] == "positive" else 1 - record["positive"])
    assert 0 <= record["unknown"] <= record["tokens"]
    assert ("note" in record) == (record["unknown"] == record["tokens"])


def test_texts_on_the_command_line(sentibp):
    result = sentibp("predict", "A wonderful film", "A waste of time", "wonderful, wonderful")
    assert [record["label"] for record in result.jsonl] == ["positive", "negative", "positive"]
    assert result.err == ""
    for record in result.jsonl:
        check(record)


@pytest.mark.parametrize("name", ["half.jsonl", "half.json"])
def test_half_of_a_surrogate_pair_is_the_same_text_in_a_file_and_in_python(sentibp, name):
    """As `json.dumps` writes a text whose emoji was cut in two."""
    from sentibp import load_model

    texts = ["good \ud83d", "\ude00bad", "a film\ud83d and"]
    lines = [json.dumps({"text": text}) for text in texts]
    Path(name).write_text("\n".join(lines) if name.endswith("l") else f"[{','.join(lines)}]")
    found = sentibp("predict", "-m", "builtin", "--input", name, "--format", "jsonl").jsonl
    wanted = load_model("builtin").predict(texts).to_dicts()
    keys = ("label", "positive", "tokens", "unknown")
    assert [[each[key] for key in keys] for each in found] == [[each[key] for key in keys] for each in wanted]


def test_any_string_is_valid_on_the_command_line(sentibp):
    records = sentibp("predict", "--", *AWKWARD).jsonl
    assert len(records) == len(AWKWARD)
    for record in records:
        check(record)


@pytest.mark.parametrize("format", ["table", "csv", "tsv", "jsonl", "json"])
def test_every_format_has_one_line_per_text(sentibp, format):
    lines = sentibp("predict", "--format", format, "--no-keep", "--", *AWKWARD).out.splitlines()
    assert len(lines) - {"csv": 1, "tsv": 1, "json": 2}.get(format, 0) == len(AWKWARD)


@pytest.mark.parametrize("format", ["csv", "tsv", "jsonl", "json", "parquet"])
def test_texts_on_the_command_line_are_written_beside_their_answers(sentibp, format):
    """As the lines of a file and of standard input are: else nothing tells several answers apart."""
    texts = ["a good film", 'a "bad", film\nin two lines']
    result = sentibp("predict", *texts, "--format", format, "-o", f"answers.{format}")
    assert "2 rows written" in result.err
    if format in ("csv", "tsv"):
        with open(f"answers.{format}", newline="") as file:
            rows = list(csv.DictReader(file, delimiter={"csv": ",", "tsv": "\t"}[format]))
    elif format == "parquet":
        rows = parquet.read_table("answers.parquet").to_pylist()
    else:
        content = Path(f"answers.{format}").read_text()
        rows = json.loads(content) if format == "json" else [json.loads(line) for line in content.splitlines()]
    assert [(row["text"], row["label"]) for row in rows] == [(texts[0], "positive"), (texts[1], "negative")]
    assert next(iter(rows[0])) == "text"
    sentibp("predict", *texts, "--no-keep", "-o", "without.jsonl")
    assert "text" not in json.loads(Path("without.jsonl").read_text().splitlines()[0])


def test_json_is_short_for_a_format(sentibp, fails):
    """All commands have --json; the answers are an object a line, also on a terminal and for a file."""
    plain = sentibp("predict", "good", "bad", "--format", "jsonl").out
    assert sentibp("predict", "good", "bad", "--json").out == plain
    assert sentibp("predict", "good", "--json", "--format", "json").out.startswith("[")
    Path("t.txt").write_text("good\nbad\n")
    assert [each["label"] for each in sentibp("predict", "--input", "t.txt", "--json").jsonl] == [
        "positive",
        "negative",
    ]
    assert fails(2, "predict", "good", "--json", "--format", "csv") == (
        "--json: writes JSON, and --format csv something else; leave one of them out"
    )


def test_a_batch_gives_the_same_predictions_as_single_texts(sentibp):
    texts = [*AWKWARD[:-2], *(f"a {word} film" for word in ("good", "bad", "wonderful", "dull"))] * 30
    Path("texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    together = sentibp("predict", "--input", "texts.jsonl", "--no-keep").jsonl
    argument = {"-": " -"}  # which alone is no review
    alone = {
        text: sentibp("predict", "--no-keep", "--", argument.get(text, text)).jsonl[0] for text in dict.fromkeys(texts)
    }
    assert len(together) == len(texts)
    for record, text in zip(together, texts, strict=True):
        expected = alone[text]
        assert record["positive"] == pytest.approx(expected["positive"], rel=1e-6), text
        assert {**record, "positive": 0, "score": 0} == {**expected, "positive": 0, "score": 0}, text


GERMAN = """Unser Badezimmer blieb sauber
Leider sehr unfreundliches Personal
Wir kommen gerne wieder
Das Frühstück konnte niemand essen"""


def test_texts_in_another_language_for_a_model_that_knows_beginnings_and_endings(sentibp, here):
    """No word is unknown then. Texts in the language of the model have names and rare words, and no line says so."""
    sentibp("train", "short_texts", "--set", "train.refit=false", "--out", "short", "--quiet")
    Path("de.txt").write_text(GERMAN)
    what = "mostly of words that the model has not seen, but for beginnings and endings, as those of another language"
    done = sentibp("predict", "-m", "short", "-i", "de.txt")
    assert sum(each["unknown"] for each in done.jsonl) == 0
    assert f"de.txt: 4 of 4 texts are {what}: do not rely on the answers\n" in done.err
    assert f"1 of 1 text is {what}" in sentibp("predict", "-m", "short", GERMAN.splitlines()[1]).err
    Path("many").mkdir()
    for name in "a.txt", "b.txt":
        Path("many", name).write_text(GERMAN)
    assert f"many: 8 of 8 texts are {what}" in sentibp("predict", "-m", "short", "-i", "many", "-o", "out/").err
    for own in "test.csv", "stars_test.csv", "shifters.csv":
        done = sentibp("predict", "-m", "short", "-i", resource_folder("data") / own, "--text-column", "text")
        assert "mostly" not in done.err, own
    done = sentibp("predict", "-m", "short", "The Zyxel kettle hums, whirrs and gurgles", "这部电影很好看", "???")
    assert "but for beginnings" not in done.err


def test_unknown_words(sentibp):
    unknown, known = sentibp("predict", "qxzv wqjk", "qxzv good").jsonl
    assert unknown["note"] == "no known word"
    assert (unknown["tokens"], unknown["unknown"]) == (2, 2)
    assert (known["tokens"], known["unknown"]) == (2, 1)
    assert "note" not in known
    assert "no known word" in sentibp("predict", "--format", "table", "qxzv").out


@pytest.mark.parametrize(
    ("texts", "note"),
    [
        (["质量太差了，退货", "不推荐"], "2 of 2 texts are mostly"),
        (["质量太差了，退货", "", " "], "1 of 3 texts is mostly"),
        (["A wonderful film", "质量太差了，退货"], None),
        (["", ""], None),
    ],
)
def test_texts_in_another_language_than_the_training(sentibp, texts, note):
    """A comma that is known does not make an answer. Some such texts are in every file, so only most of them matter."""
    Path("t.csv").write_text("".join(f'"{text}"\n' for text in ["text", *texts]), encoding="utf-8")
    Path("more").mkdir()
    Path("more/t.csv").write_bytes(Path("t.csv").read_bytes())
    of_words = "of words that the model does not know: do not rely on the answers"
    for place, command in [
        ("", texts),
        ("t.csv: ", ["--input", "t.csv"]),
        ("more: ", ["--input", "more", "--output", "answers/"]),
    ]:
        lines = [line for line in sentibp("predict", *command).err.splitlines() if "mostly" in line]
        assert lines == ([] if note is None else [f"{place}{note} {of_words}"])


def test_a_text_that_begins_with_a_dash_follows_two_dashes(sentibp, fails):
    assert len(sentibp("predict", "--", "-5 of 10", "--worst film ever").jsonl) == 2
    assert "No such option" in fails(2, "predict", "-5 of 10")


def test_a_file_without_the_suffix_of_data_may_be_meant_as_a_review(sentibp):
    for name in ("good", "great film"):
        Path(name).write_text("a good film\n")
    result = sentibp("predict", "good", "bad")
    assert len(result.jsonl) == 2
    assert result.err == "good is a file, and its name is read as a review; to predict its reviews, use --input good\n"
    assert "use --input 'great film'" in sentibp("predict", "great film").err
    assert " (and 1 more)" in sentibp("predict", "great film", "good").err
    Path("folder").mkdir()
    assert sentibp("predict", "folder/").err.startswith("folder/ is a folder, and its name is read as a review; ")
    assert sentibp("predict", "folder").err.startswith("folder is a folder, and its name is read as a review; ")


# --format


def test_csv(sentibp):
    positive, unknown = sentibp("predict", "a wonderful film", "qxzv", "--format", "csv").csv
    assert positive["label"] == "positive"
    assert float(positive["score"]) == float(positive["positive"]) >= 0.5
    assert (unknown["tokens"], unknown["unknown"], unknown["note"]) == ("1", "1", "no known word")


def test_the_table_shows_the_beginning_of_each_text_on_one_line(sentibp):
    first, second = sentibp("predict", "--format", "table", "one\n\x1b[31mtwo", "long " * 100).out.splitlines()
    assert first.endswith("one [31mtwo"), "no control characters"
    assert second.endswith("…")
    assert len(second) < 100


# --input


@pytest.fixture
def texts() -> list[str]:
    return ["a wonderful film", "", 'bad, and "long"', "naïve 🎬"]


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.json", "t.parquet", "t.txt"])
def test_every_format_is_read(sentibp, texts, name):
    records = [{"text": text, "stars": i} for i, text in enumerate(texts)]
    if name.endswith(".parquet"):
        parquet.write_table(pa.Table.from_pylist(records), name)
    elif name.endswith(".json"):
        Path(name).write_text(json.dumps(records))
    elif name.endswith(".jsonl"):
        Path(name).write_text("".join(json.dumps(record) + "\n" for record in records))
    elif name.endswith(".txt"):
        Path(name).write_text("".join(f"{text}\n" for text in texts))
    else:
        with open(name, "w", newline="") as file:
            writer = csv.writer(file, delimiter="," if name == "t.csv" else "\t")
            writer.writerows([("stars", "text"), *enumerate(texts)])
    expected = sentibp("predict", "--no-keep", "--", *texts).jsonl
    assert sentibp("predict", "-i", name, "--no-keep").jsonl == expected
    kept = sentibp("predict", "--input", name).jsonl
    assert [{"text": text} | answer for text, answer in zip(texts, expected, strict=True)] == [
        {key: value for key, value in record.items() if key != "stars"} for record in kept
    ]


def test_fasttext_lines_without_their_labels(sentibp):
    Path("t.txt").write_text("__label__pos a wonderful film\n__label__neg\n")
    expected = sentibp("predict", "--no-keep", "a wonderful film", "").jsonl
    assert sentibp("predict", "--input", "t.txt", "--no-keep").jsonl == expected
    first, second = sentibp("predict", "--input", "t.txt").jsonl
    assert (first["text"], first["label"], second["label"]) == ("a wonderful film", "__label__pos", "__label__neg")
    assert [first["predicted_label"], second["predicted_label"]] == [each["label"] for each in expected]


def test_a_folder_of_several_files_names_both_ways_to_predict_it(sentibp):
    Path("r").mkdir()
    for name in "ab":
        Path("r", f"{name}.csv").write_text("text\ngood\n")
    expected = (
        "r: has 2 data files: a.csv, b.csv; name one of them, such as r/a.csv\n"
        "to predict each of them: --output predictions/\n"
    )
    for more in [], ["--output", "one.csv"]:
        assert sentibp("predict", "--input", "r", *more, code=3).err == expected
    sentibp("predict", "--input", "r", "--output", "predictions/")


def test_a_folder_of_reviews(sentibp):
    for name, text in (("neg/1.txt", "bad"), ("pos/1.txt", "good\nfilm")):
        Path("r", name).parent.mkdir(parents=True)
        Path("r", name).write_text(text)
    expected = sentibp("predict", "--no-keep", "bad", "good\nfilm").jsonl
    assert sentibp("predict", "--input", "r", "--no-keep").jsonl == expected
    assert [record["label"] for record in sentibp("predict", "--input", "r").jsonl] == ["neg", "pos"]


@pytest.mark.parametrize("name", ["none.txt", "none.jsonl", "none.csv", "none", "-"])
def test_an_input_without_reviews_is_told(sentibp, name):
    """A folder without files "had 50 lines or more" in each of its 0 files."""
    Path("none/pos").mkdir(parents=True)
    Path("none/neg").mkdir()
    Path("none.csv").write_text("text\n")
    Path("none.txt").touch()
    Path("none.jsonl").touch()
    done = sentibp("predict", "--input", name, "--no-keep")
    assert done.out == ""
    assert done.err.splitlines()[-1] == f"{'<stdin>' if name == '-' else name}: has no review, so there is no answer"
    assert "each of its" not in done.err
    assert sentibp("predict", "--input", name, "--output", "o.csv").err.endswith("o.csv: 0 rows written\n")


def test_another_text_column(sentibp, fails):
    Path("t.csv").write_text("id,review\n1,good\n")
    assert len(sentibp("predict", "--input", "t.csv", "--text-column", "review").jsonl) == 1
    assert "--set data.text_column=review" in fails(3, "predict", "--input", "t.csv")


def test_standard_input_has_one_text_per_line(sentibp):
    stdin = "good\n\nbad film\r\nthe last has no end"
    texts = ["good", "", "bad film", "the last has no end"]
    expected = sentibp("predict", "--no-keep", "--", *texts).jsonl
    assert sentibp("predict", "--input", "-", "--no-keep", stdin=stdin).jsonl == expected
    assert [record["text"] for record in sentibp("predict", "-i", "-", stdin=stdin).jsonl] == texts


def test_output_to_a_dash_is_standard_output(sentibp, here):
    assert sentibp("predict", "good", "--output", "-").jsonl == sentibp("predict", "good").jsonl
    assert sentibp("predict", "good", "-o", "-", "--format", "csv").out.startswith("text,label,score,")
    assert not (here / "-").exists()


def test_standard_input_as_json_lines(sentibp):
    texts = ["good\nbad", "", "🎬", "nul \0"]
    stdin = "".join(json.dumps({"id": 1, "text": text}) + "\n" for text in texts)
    expected = sentibp("predict", "--no-keep", "--", *texts).jsonl
    assert sentibp("predict", "--input", "-", "--no-keep", stdin=stdin).jsonl == expected
    kept = sentibp("predict", "--input", "-", stdin=stdin).jsonl
    assert kept == [{"id": 1, "text": text} | answer for text, answer in zip(texts, expected, strict=True)]


def test_standard_input_and_output_as_real_pipes(process):
    assert len(process("predict", "--input", "-", stdin="good\nnaïve\n".encode()).jsonl) == 2


def test_no_input_is_no_output(sentibp):
    assert sentibp("predict", "--input", "-", stdin=b"").out == ""
    assert sentibp("predict", "--input", "-", "--format", "csv", stdin=b"").out.count("\n") == 1


def test_json_lines_without_the_text_column_are_refused(fails, sentibp):
    """Otherwise braces and keys would be used as words of the review."""
    line = fails(3, "predict", "--input", "-", stdin='{"review": "good"}\n{"review": "bad"}\n')
    assert line.startswith("<stdin>:1: no 'text'")
    assert "--set data.text_column=review" in line
    stdin = '{"review": "good"}\n'
    assert len(sentibp("predict", "-i", "-", "--set", "data.text_column=review", stdin=stdin).jsonl) == 1


def test_the_column_of_the_training_is_the_default(sentibp, fails):
    Path("shop.csv").write_text("comment,label\n" + "a good film,1\na bad film,0\n" * 10)
    sentibp("train", "quickstart", "--set", "data.source=shop.csv", "--set", "data.text_column=comment", "--quiet")
    texts = ["a good film", "a bad film"] * 10
    assert [row["comment"] for row in sentibp("predict", *texts).jsonl] == texts, "as of plain text"
    expected = sentibp("predict", "--no-keep", *texts).jsonl
    assert sentibp("predict", "-i", "shop.csv", "--no-keep").jsonl == expected
    assert sentibp("predict", "-i", "-", "--no-keep", stdin=Path("shop.csv").read_text()).jsonl == expected
    Path("other.csv").write_text("text\ngood\n")
    assert "--set data.text_column=text" in fails(3, "predict", "-i", "other.csv")
    for options in (["--text-column", "text"], ["--set", "data.text_column=text"]):
        assert len(sentibp("predict", "-i", "other.csv", *options).jsonl) == 1
    assert "data.text_colum" in fails(2, "predict", "-i", "other.csv", "--set", "data.text_colum=text")
    assert "--input" in fails(2, "predict", "-i", "other.csv", "--set", "data.source=shop.csv")


# --output


def test_a_file_instead_of_stdout(sentibp):
    expected = sentibp("predict", "good", "bad").out
    assert sentibp("predict", "good", "bad", "--output", "out.jsonl") == (0, "", "out.jsonl: 2 rows written\n")
    assert Path("out.jsonl").read_text() == expected
    sentibp("predict", "good", "--output", "out.csv")
    assert Path("out.csv").read_text() == sentibp("predict", "good", "--format", "csv").out


def test_ctrl_c_leaves_neither_a_file_nor_a_temporary_one(start):
    predict = start("predict", "-i", "-", "-o", "out.csv", stdin=subprocess.PIPE)
    predict.stdin.write(b"good film\n")
    predict.stdin.flush()
    while not any(name.endswith(".sentibp-tmp") for name in os.listdir()):
        assert predict.poll() is None
        time.sleep(0.02)
    predict.send_signal(signal.SIGTERM)
    assert predict.wait() == 130
    predict.stdin.close()
    assert predict.stderr.read() == b"interrupted\n"
    assert os.listdir() == ["runs"]


def test_a_bad_row_leaves_the_old_output(sentibp, fails):
    """It is after the first piece, whose answers are there already."""
    Path("bad.csv").write_text("id,text\n" + "1,good\n" * 20_000 + "7\n")
    Path("out.csv").write_text("old")
    assert fails(3, "predict", "-i", "bad.csv", "-o", "out.csv", "--force").startswith("bad.csv:20002: ")
    assert Path("out.csv").read_text() == "old"
    assert sorted(os.listdir()) == ["bad.csv", "out.csv", "runs"]


@pytest.mark.parametrize("output", ["no/such/folder/out.csv", "file/out.csv", "folder"])
def test_an_output_that_cannot_be_written_is_one_line(fails, output):
    Path("file").write_text("")
    Path("folder").mkdir()
    line = fails(3, "predict", "good", "--output", output)
    assert "\n" not in line
    assert "--output" in line
    assert sorted(os.listdir()) == ["file", "folder", "runs"], "no file is left"


# Mistakes


def test_texts_or_a_file_and_not_both(fails):
    Path("t.txt").write_text("good\n")
    for args in ([], ["good", "--input", "t.txt"]):
        output = fails(2, "predict", *args)
        assert "--input" in output
        assert "in quotes" in output


def test_an_unknown_format(fails):
    output = fails(2, "predict", "good", "--format", "xml")
    assert "'table', 'jsonl', 'json', 'csv', 'tsv', 'parquet'" in output


def test_invalid_models(fails, trained):
    Path("junk.safetensors").write_bytes(b"junk")
    Path("empty").mkdir()
    assert "not a model file" in fails(3, "predict", "good", "-m", "junk.safetensors")
    assert "no model.safetensors" in fails(2, "predict", "good", "-m", "empty")
    assert "`sentibp runs list`" in fails(2, "predict", "good", "-m", "nosuch")
    cut = (trained / "model.safetensors").read_bytes()[:-100]
    Path("cut.safetensors").write_bytes(cut)
    assert "damaged" in fails(3, "predict", "good", "-m", "cut.safetensors")


def test_a_name_that_is_too_long_for_a_file(fails):
    for args in (["-m", "x" * 5000, "good"], ["--input", "x" * 5000]):
        assert "no such" in fails(2 if "-m" in args else 3, "predict", *args)


# Where stdout goes


def test_a_closed_pipe(start):
    """`sentibp predict ... | head -1`"""
    Path("t.txt").write_text("good\n" * 50_000)
    predict = start("predict", "--input", "t.txt")
    head = subprocess.run(["head", "-1"], stdin=predict.stdout, capture_output=True)
    predict.stdout.close()
    assert json.loads(head.stdout)["label"] == "positive"
    assert predict.stderr.read() == b""
    assert predict.wait() == 0


@pytest.mark.parametrize("redirect", [pytest.param(">/dev/full", id="disk full"), pytest.param(">&-", id="closed")])
def test_results_that_cannot_be_written_give_one_error_line(process, redirect):
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    assert process("predict", "good", code=3, redirect=redirect).err.count("\n") == 1


def test_results_do_not_need_a_place_for_messages(process):
    Path("t.csv").write_text("label,text\n1,good\n")
    for redirect in ("2>/dev/full", "2>&-"):
        assert len(process("predict", "-i", "t.csv", redirect=redirect).jsonl) == 1
    assert "model " in process("train", "xor", redirect="2>&- <&-").out


@pytest.mark.parametrize("command", [["--help"], ["--version"], ["predict", "--help"]])
def test_help_on_a_full_disk(process, command):
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    assert process(*command, code=3, redirect=">/dev/full").err.startswith("the results cannot be written: ")


def test_usage_errors_escape_what_was_typed(fails):
    for command in (["a\u202eb"], ["predict", "--a\u202eb"], ["runs", "list", "--sort", "a\u202eb"]):
        assert "a\\u202eb" in fails(2, *command)


@pytest.mark.parametrize("long", ["x" * 5000, "9" * 5000, "word " * 1000], ids=["word", "number", "words"])
def test_usage_errors_shorten_what_was_typed(fails, long):
    for command in (
        [long],
        ["predict", f"--{long}"],
        ["predict", "good", "--format", long],
        ["runs", "list", "--sort", long],
        ["eval", "a", long],
        ["train", "--seed", long],
        ["train", "xor", "--set", long],
        ["train", long.replace(" ", "_")],
    ):
        assert len(fails(2, *command)) < 3500, command[:2]


def test_standard_input_that_is_closed(process):
    assert process("predict", "-i", "-", code=3, redirect="<&-").err.startswith("<stdin>: is closed")


def test_a_terminal_that_cannot_show_all_characters(process):
    """As on Windows: characters that stdout cannot encode are replaced."""
    result = process("predict", "日本 🎬", "good", "--format", "table", env={"PYTHONIOENCODING": "cp1252"})
    assert len(result.out.splitlines()) == 2


@pytest.mark.parametrize(
    "stdin", ["{'text': 'good'}\n{'text': 'dull'}\n", '// exported\n{"text": "good"}\n', '{"text": "[\'a\']"}\n']
)
def test_texts_that_are_json_or_what_python_prints_are_told(sentibp, stdin):
    assert "JSON, or what Python prints" in sentibp("predict", "-m", "builtin", "-i", "-", stdin=stdin).err


def test_line_breaks_that_json_lines_escape_are_none_in_the_text(sentibp):
    assert sentibp("predict", "-m", "builtin", "-i", "-", stdin='{"text": "a\\ngood film"}\n').err == ""
