"""The file that --output names: what it must not be, the format of its suffix, links, pipes and devices."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from sentibp.cli.output_file import _RECORDS

REVIEWS = "id,text\n7,good film\n"


@pytest.fixture(autouse=True)
def _model(trained):
    """Make quickstart the run `last`."""


# An output is never an input


@pytest.mark.parametrize("form", ["same", "dot", "absolute", "link", "link to link", "hard link"])
def test_the_input_is_not_the_output(fails, here, form):
    Path("mine.csv").write_text(REVIEWS)
    os.symlink("mine.csv", "link.csv")
    os.symlink("link.csv", "second.csv")
    os.link("mine.csv", "hard.csv")
    names = {"same": "mine.csv", "dot": "./mine.csv", "absolute": here / "mine.csv"}
    names |= {"link": "link.csv", "link to link": "second.csv", "hard link": "hard.csv"}
    line = fails(2, "predict", "--input", "mine.csv", "--output", names[form])
    assert line == f"--output {Path(names[form])}: is the input mine.csv; write to another file"
    assert Path("mine.csv").read_text() == REVIEWS


def test_the_output_is_not_a_link_of_the_input(fails):
    Path("real.csv").write_text(REVIEWS)
    os.symlink("real.csv", "in.csv")
    assert "is the input in.csv" in fails(2, "predict", "--input", "in.csv", "--output", "real.csv")


def test_an_invalid_input_is_not_read_before(fails):
    Path("mine.csv").write_bytes(b"\xff\0")
    assert "is the input" in fails(2, "predict", "--input", "mine.csv", "--output", "mine.csv")


@pytest.mark.parametrize("redirect", ["< mine.csv -o mine.csv", "< mine.csv >> mine.csv"])
def test_neither_is_standard_input(process, redirect):
    Path("mine.csv").write_text(REVIEWS)
    err = process("predict", "-i", "-", code=2, redirect=redirect).err
    assert "is the input -" in err
    assert Path("mine.csv").read_text() == REVIEWS


def test_standard_output_is_not_the_input(process):
    Path("mine.csv").write_text(REVIEWS)
    err = process("predict", "-i", "mine.csv", code=2, redirect=">> mine.csv").err
    assert err == "standard output: is the input mine.csv; write to another file\n"
    assert Path("mine.csv").read_text() == REVIEWS


def test_the_model_is_not_the_output(fails, trained):
    Path("out.csv").symlink_to(trained / "model.safetensors")
    before = (trained / "model.safetensors").read_bytes()
    assert "is the model" in fails(2, "predict", "good", "--output", "out.csv")
    assert (trained / "model.safetensors").read_bytes() == before


def test_a_review_of_a_folder_is_not_the_output(fails):
    for name in ("neg/1.csv", "pos/1.csv"):
        Path("reviews", name).parent.mkdir(parents=True)
        Path("reviews", name).write_text("good")
    assert "is in the input reviews" in fails(2, "predict", "-i", "reviews", "-o", "reviews/pos/1.csv")
    assert Path("reviews/pos/1.csv").read_text() == "good"


def test_a_file_of_a_folder_is_not_the_output(fails):
    rows = "text,label\n" + "good,1\nbad,0\n" * 20
    Path("mine").mkdir()
    Path("mine/train.csv").write_text(rows)
    Path("mine.yaml").write_text("data: {source: mine}\n")
    for command in (["predict", "-i", "mine"], ["audit", "mine.yaml"]):
        assert "is in the " in fails(2, *command, "-o", "mine/train.csv", "--force")
    assert Path("mine/train.csv").read_text() == rows


def test_an_output_does_not_become_a_file_of_the_input(sentibp, fails):
    """The next prediction would read it in the place of the texts, and the next training as a review."""
    Path("texts/pos").mkdir(parents=True)
    Path("texts/1.txt").write_text("good")
    Path("links").symlink_to("texts")
    for output in "texts/answers.csv", "links/answers.csv", "texts/pos/answers.jsonl", "texts/../texts/a.parquet":
        said = fails(2, "predict", "-i", "texts", "-o", output)
        assert said.endswith("is in the input texts, and would be read with it; write to another folder")
        assert not os.path.lexists(output)
    sentibp("predict", "-i", "texts/1.txt", "-o", "texts/answers.csv")  # one file is no folder
    assert "is in the " in fails(2, "predict", "-i", "texts", "-o", "texts/answers.csv")
    sentibp("init", "texts", "--out", "texts/mine.yaml")


def test_a_report_is_not_its_data(fails):
    Path("page.html").write_text("text,label\ngood,1\nbad,0\n")
    assert "is the data page.html" in fails(2, "report", "--data", "page.html", "--output", "page.html")


def test_an_audit_does_not_replace_data_of_its_config(fails):
    for name in ("mine.csv", "validation.csv", "unlabelled.csv", "labelled.csv"):
        Path(name).write_text("text,label\n" + "good,1\nbad,0\n" * 20)
    Path("mine.yaml").write_text(
        "data: {source: [mine.csv, sample], validation: validation.csv}\nmodel: {embedding: {dim: 10}}\n"
        "pretrain: {vectors: words, dim: 4, source: unlabelled.csv, labelled: labelled.csv}\n"
    )
    os.link("validation.csv", "link.csv")
    for name in ("mine.csv", "validation.csv", "unlabelled.csv", "labelled.csv", "link.csv"):
        assert f"--output {name}: is the data " in fails(2, "audit", "mine.yaml", "--force", "--output", name)


def test_a_config_does_not_replace_the_reviews_that_it_is_for(fails):
    rows = "text,label\n" + "a good film,1\na bad film,0\n" * 20
    Path("mine.yaml").write_text(rows)
    Path("reviews.csv").write_text(rows)
    os.symlink("reviews.csv", "link.yaml")
    for source, config in (("mine.yaml", "mine.yaml"), ("reviews.csv", "link.yaml"), (".", "reviews.csv")):
        message = fails(2, "init", source, "--out", config, "--force")
        assert message.startswith(f"--out {config}: is ") and "; write to another f" in message
    assert Path("mine.yaml").read_text() == Path("reviews.csv").read_text() == rows


# The format follows the suffix


@pytest.mark.parametrize("name", ["a.foo", "a", "a.xlsx", "a.csv.bz2", "a.parquet.gz", "a.gz", "a.txt"])
def test_an_unknown_suffix_is_refused(fails, name):
    line = fails(2, "predict", "good", "--output", name)
    assert line.startswith(f"--output {name}: not a known format; let the name end in one of .csv, .tsv, .jsonl, ")
    assert ("add --format" in line) == (name in ("a", "a.txt"))
    assert not Path(name).exists()


def test_a_folder_of_files_has_a_folder_of_answers(sentibp, fails):
    Path("inbox").mkdir()
    Path("inbox/a.csv").write_text("text\ngood\n")
    line = fails(2, "predict", "--input", "inbox", "--output", "out 1")
    assert line.endswith("; for a folder with a file for each input, write --output 'out 1/'")
    sentibp("predict", "--input", "inbox", "--output", "out 1/")
    assert Path("out 1/a.csv").is_file()
    assert "for a folder" not in fails(2, "predict", "--input", "inbox/a.csv", "--output", "out 1.foo")


def test_a_suffix_that_says_nothing_takes_the_format_that_is_given(sentibp, fails):
    for name in ("a", "a.txt"):
        sentibp("predict", "good", "--output", name, "--format", "csv")
        assert Path(name).read_text() == sentibp("predict", "good", "--format", "csv").out
    assert "not a known format" in fails(2, "predict", "good", "--output", "a.foo", "--format", "csv")


def test_a_format_that_contradicts_the_suffix_is_refused(fails, sentibp):
    line = fails(2, "predict", "good", "--output", "a.csv", "--format", "jsonl")
    assert line.startswith("--output a.csv: the name says csv, and --format says jsonl")
    assert not Path("a.csv").exists()
    sentibp("predict", "good", "--output", "a.CSV", "--format", "csv")
    assert Path("a.CSV").read_text().startswith("text,label,")


def test_other_commands_have_their_formats(fails, sentibp):
    assert "one of .html, .htm" in fails(2, "report", "--output", "a.csv")
    assert "one of .csv" in fails(2, "audit", "quickstart", "--output", "a.tsv")
    assert "the name says html" in fails(2, "trace", "--article", "--format", "markdown", "--output", "a.html")
    sentibp("trace", "--article", "--output", "a.html")
    assert Path("a.html").read_text().startswith("<!doctype html>")
    sentibp("trace", "--article", "--output", "a.md")
    assert Path("a.md").read_text().startswith("# ")


# Links, pipes, devices


def test_a_link_stays(sentibp):
    Path("real.csv").touch()
    os.symlink("real.csv", "link.csv")
    os.symlink("new.csv", "dangling.csv")
    for link in ("link.csv", "dangling.csv"):
        sentibp("predict", "good", "--output", link)
        assert Path(link).is_symlink()
        assert Path(link).read_text().startswith("text,label,")


def test_hard_links_are_reported(sentibp):
    Path("a.csv").touch()
    os.link("a.csv", "b.csv")
    err = sentibp("predict", "good", "--output", "b.csv").err
    assert (
        err
        == "b.csv is one of 2 names of a file (hard links); all of them have the new content\nb.csv: 1 row written\n"
    )
    assert Path("a.csv").read_text().startswith("text,label,")


@pytest.mark.parametrize("output", ["/dev/stdout", "/proc/self/fd/1"])
def test_standard_output_by_its_name(process, output):
    expected = process("predict", "good").out
    assert process("predict", "good", "-o", output).out == expected
    Path("log").write_text("before\n")
    process("predict", "good", "-o", output, redirect=">> log")
    assert Path("log").read_text() == f"before\n{expected}"
    assert "csv" not in os.listdir()


def test_null_and_a_pipe(process, start):
    process("predict", "good", "-o", "/dev/null")
    assert Path("/dev/null").is_char_device()
    os.mkfifo("pipe.csv")
    with subprocess.Popen(["cat", "pipe.csv"], stdout=subprocess.PIPE) as cat:
        process("predict", "good", "-o", "pipe.csv", "--format", "csv")
        assert cat.communicate()[0].startswith(b"text,label,")
    assert Path("pipe.csv").is_fifo()


@pytest.mark.parametrize("output", ["/dev/stdout", "pipe", "-"])
def test_an_answer_is_written_as_soon_as_its_text_has_arrived(start, output):
    """Also to a pipe by its name: another program may wait for the answer before it sends the next text."""
    os.mkfifo("pipe")
    running = start("predict", "--input", "-", "-o", output, "--format", "jsonl", stdin=subprocess.PIPE)
    with running.stdin as texts, Path("pipe").open("rb") if output == "pipe" else running.stdout as answers:
        for text in ("good film", "bad film"):
            texts.write(f"{text}\n".encode())
            texts.flush()
            assert select.select([answers], [], [], 30)[0], "the answer waits for the next text"
            assert json.loads(answers.readline())["text"] == text
        texts.close()
        assert answers.read() == b""
    assert running.wait() == 0


def test_a_reader_that_has_enough_is_no_error(process):
    os.mkfifo("pipe")
    Path("t.txt").write_text("good film\n" * 50_000)
    with subprocess.Popen(["head", "-1", "pipe"], stdout=subprocess.PIPE) as head:
        assert process("predict", "-i", "t.txt", "-o", "pipe").err == ""
        assert head.communicate()[0].startswith(b'{"text": "good film", "label"')


def test_what_cannot_be_written_is_one_line(process):
    assert process("predict", "good", "-o", "/dev/full", code=3).err.startswith("--output /dev/full: No space")


# A file that is there already

OUTPUTS = {
    "predict": (["predict", "good"], "out.csv", "out.csv: 1 row written\n"),
    "report": (["report"], "out.html", ""),
    "export": (["export"], "out.mjs", ""),
    "compress": (["compress"], "out.safetensors", ""),
    "card": (["card"], "out.md", ""),
    "trace": (["trace", "--article"], "out.md", "out.md: "),
    "audit": (
        ["audit", "quickstart", "--set", "train.epochs=1", "--folds", "2", "--quiet"],
        "out.csv",
        " rows written\n",
    ),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_file_that_is_there_is_replaced_only_by_force(sentibp, fails, trained, here, name):
    command, output, said = OUTPUTS[name]
    (here / output).write_text("mine")
    other = output.replace("out.", "out-2.")
    message = fails(2, *command, "--output", output)
    assert (
        message
        == f"--output {output}: already there; choose another, such as --output {other}, or replace it with --force"
    )
    assert (here / output).read_text() == "mine"
    missing = fails(3, *command, "-o", f"no/{output}")
    assert missing.startswith(f"--output no/{output}: there is no folder no; make it with `mkdir -p no`, or ")
    assert said in sentibp(*command, "-o", output, "--force").err
    assert (here / output).stat().st_size > 10
    (here / other).touch()  # nothing is lost
    sentibp(*command, "-o", other)
    (here / "null").symlink_to("/dev/null")
    if name == "predict":
        assert sentibp(*command, "-o", "null").err == ""


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (["predict", "good", "--keep"], "out.csv"),
        (["predict", "good"], "out.tsv"),
        (["predict", "good"], "out.jsonl"),
        (["predict", "good"], "out.json"),
        (["predict", "--input", "own.csv", "--keep"], "out.csv"),
        (["predict", "good"], "out.csv.gz"),
        (["predict", "good"], "out.parquet"),
        (["predict", "--input", "own.csv", "--keep"], "out.parquet"),
        (["report"], "out.html"),
        *((["export"], f"out.{suffix}") for suffix in ("mjs", "py", "onnx", "html")),
    ],
)
def test_an_earlier_output_is_replaced(sentibp, trained, here, command, output):
    (here / "own.csv").write_text("text,label,score\ngood,1,2\n")  # the columns of predictions get other names
    sentibp(*command, "-o", output)
    first = (here / output).read_bytes()
    assert f"{output}: replaces an earlier output of sentibp\n" in sentibp(*command, "-o", output).err
    assert (here / output).read_bytes() == first


def test_what_failed_has_replaced_nothing(sentibp, trained, here):
    (here / "own.csv").write_text("text\ngood\n")
    sentibp("predict", "-i", "own.csv", "-o", "out.csv")
    first = (here / "out.csv").read_bytes()
    (here / "own.csv").write_text("comment\ngood\n")
    assert "replaces" not in sentibp("predict", "-i", "own.csv", "-o", "out.csv", code=3).err
    assert (here / "out.csv").read_bytes() == first


@pytest.mark.parametrize(
    ("command", "output", "content"),
    [
        ("predict", "out.csv", "text,label\nthe score is unknown,1\n"),
        ("predict", "out.jsonl", '{"text": "the label, the score: unknown", "stars": 1}\n'),
        ("predict", "out.csv.gz", "\x1f\x8b"),
        ("predict", "out.parquet", "PAR1 is how it begins"),
        ("report", "out.html", "<p>made with sentibp</p>"),
        ("export", "out.py", "import sentibp\n# A model of sentibp\n"),
    ],
)
def test_a_file_of_somebody_else_is_never_taken_for_an_earlier_output(
    sentibp, fails, trained, here, command, output, content
):
    (here / output).write_bytes(content.encode("latin-1"))
    text = ["good"] if command == "predict" else []
    assert "already there" in fails(2, command, *text, "-o", output)
    assert (here / output).read_bytes() == content.encode("latin-1")


def test_parquet_of_somebody_else_is_not_replaced(fails):
    pq.write_table(pa.table({"text": ["good"], "label": ["positive"], "score": [1.0]}), "out.parquet")
    assert "already there" in fails(2, "predict", "good", "-o", "out.parquet")


def test_a_key_of_a_worksheet_is_not_replaced(sentibp, fails, here):
    (here / "sheet.key.md").write_text("mine")
    assert fails(2, "trace", "--article", "--blank", "-o", "sheet.md").startswith(
        "--output sheet.key.md: already there; "
    )
    assert not (here / "sheet.md").exists()
    sentibp("trace", "--article", "--blank", "-o", "sheet.md", "--force")


def test_a_model_in_a_folder_is_not_replaced(sentibp, fails, trained, here):
    sentibp("compress", "-o", "small/new")  # which is made
    repair = "such as --output small/new/model-2.safetensors, or replace it with --force"
    assert fails(2, "compress", "-o", "small/new").endswith(repair)
    sentibp("compress", "-o", "small/new", "--force")


def test_a_file_in_the_place_of_the_folder(fails, trained, here):
    (here / "file").touch()
    assert (
        fails(3, "predict", "good", "-o", "file/a.csv")
        == "--output file/a.csv: file is no folder; choose another place"
    )


@pytest.mark.parametrize(
    "command",
    [
        *(["predict", "good", "--output"], ["audit", "last", "--output"], ["report", "--output"], ["card", "--output"]),
        *(["compress", "--output"], ["export", "--to", "html", "--output"], ["sweep", "show", "--html", "--output"]),
        ["trace", "good", "--label", "positive", "--output"],
    ],
    ids=lambda command: command[0],
)
def test_an_empty_name_is_no_output(fails, command):
    """So is a variable in a shell that is not set; `compress` wrote into the working directory."""
    assert fails(2, *command, "").endswith("Error: --output: an empty value; give one, or leave it out")


@pytest.mark.parametrize("name", ["run.json", "metrics.jsonl", "validation.parquet", "config.yaml", "link"])
def test_records_of_a_run_are_never_replaced(fails, sentibp, trained, here, name):
    """Without them, neither `report` nor `--resume` nor `runs list` know the run."""
    run = Path(shutil.copytree(trained, "mine"))
    before = {file.name: file.read_bytes() for file in run.iterdir()}
    path = run / name
    if name == "link":
        path = Path("link.json")
        path.symlink_to(run / "run.json")
    command = ["init", "d.csv", "--out"] if path.suffix == ".yaml" else ["predict", "good", "--output"]
    Path("d.csv").write_text("text,label\ngood,1\nbad,0\n")
    message = fails(2, *command, path, "--force")
    another = f"{path.stem}-2{path.suffix}"
    assert message.startswith(f"{command[-1]} {path}: a record of the run mine; choose another, such as {command[-1]} ")
    assert message.endswith(another)
    assert {file.name: file.read_bytes() for file in run.iterdir()} == before
    sentibp("predict", "good", "--output", run / "answers.csv")
    sentibp("predict", "good", "--output", run / "answers.csv", "--force")


def test_compress_replaces_no_file_of_a_run(fails, sentibp, trained, here):
    """Its model is not that of its own records any more; other files it cannot even be read with."""
    run = Path(shutil.copytree(trained, "mine"))
    names = [file.name for file in run.iterdir() if file.suffix == ".safetensors"]
    assert {"model.safetensors", "review_hashes.safetensors"} <= {*names}
    before = {file.name: file.read_bytes() for file in run.iterdir()}
    Path("link.safetensors").symlink_to(run / "model.safetensors")
    for path in (*(run / name for name in names), Path("link.safetensors")):
        message = fails(2, "compress", "builtin", "--output", path, "--force")
        another = path.with_stem(f"{path.stem}-2")
        assert message == f"--output {path}: a record of the run mine; choose another, such as --output {another}"
    assert {file.name: file.read_bytes() for file in run.iterdir()} == before


def test_the_records_of_a_run_are_all_its_files(trained):
    assert {file.name for file in trained.iterdir()} <= {*_RECORDS["run.json"]}


def test_a_link_to_a_config_stays(sentibp):
    Path("d.csv").write_text("text,label\ngood,1\nbad,0\n")
    Path("real.yaml").write_text("old\n")
    os.symlink("real.yaml", "link.yaml")
    os.link("real.yaml", "other.yaml")
    sentibp("init", "d.csv", "--out", "link.yaml", "--force")
    assert Path("link.yaml").is_symlink()
    assert Path("real.yaml").read_text() == Path("other.yaml").read_text() != "old\n"
    os.symlink("new.yaml", "nothing.yaml")
    sentibp("init", "d.csv", "--out", "nothing.yaml")
    assert Path("new.yaml").read_text() == Path("real.yaml").read_text()


def test_a_config_cannot_name_a_file_whose_name_is_not_utf_8(fails):
    Path("z\udce9.csv").write_text("text,label\ngood,1\nbad,0\n")
    message = fails(3, "init", "z\udce9.csv", "--out", "z.yaml")
    assert message.endswith(": its name is not UTF-8, and a config is; rename it")
    assert not Path("z.yaml").exists()
