"""Predictions of many files are byte for byte those of each file alone, wherever and however often they are made."""

from __future__ import annotations

import errno
import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from command import Result, invoke
from pyarrow import parquet
from staying import Kept

from sentibp.cli import predict_files
from sentibp.distributed import predict, predict_file
from sentibp.distributed.dask import DaskExecutor
from sentibp.distributed.predict import find_files, output_name, with_outputs
from sentibp.distributed.predict_file import Done
from sentibp.distributed.predict_folder import OutputFolder
from sentibp.errors import ConfigError, DataError, SentibpError
from sentibp.model.answer_counts import AnswerCounts
from sentibp.model.file import load_model
from sentibp.model.prediction_writer import Format
from sentibp.runs.find import builtin_file
from sentibp.utils.executor import GivenUp, NotVisible
from sentibp.utils.hashing import file_digest

TEXTS = ["I love this movie", "not worth the ticket", 'a "good", long\nfilm', "", "awful, awful plot", "naïve 🎬"]


def write_inputs(folder: Path) -> None:
    """A file of each kind."""
    folder.mkdir(exist_ok=True)
    rows = [{"id": f"{number:03}", "text": text} for number, text in enumerate(TEXTS * 3)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "a.jsonl").write_text(lines)
    (folder / "b.json").write_text(json.dumps(rows))
    (folder / "c.csv").write_text("id,text\n1,good film\n2,bad film\n")
    (folder / "d.tsv").write_text("id\ttext\n1\tgood film\n2\tbad film\n")
    (folder / "e.txt").write_text("a review a line\nand another\n")
    (folder / "f.csv.gz").write_bytes(gzip.compress(b"text,label\ngood,1\n", mtime=0))
    table = pa.table({"text": [row["text"] for row in rows] * 20, "n": range(len(rows) * 20)})
    parquet.write_table(table, folder / "g.parquet", row_group_size=70)


EMPTY = "in: 66 of 403 texts are empty: the answer to an empty text says nothing\n"

OUTPUTS = ["a.jsonl", "b.json", "c.csv", "d.tsv", "e.jsonl", "f.csv.gz", "g.parquet"]


@pytest.fixture
def inputs(here: Path) -> Path:
    write_inputs(here / "in")
    return Path("in")


@pytest.fixture
def many(here: Path) -> Callable[..., Result]:
    """`many("in", "out", "--format", "csv", code=0)` predicts many files in this process."""

    def many(source: object, output: object = "out/", *more: object, code: int = 0) -> Result:
        return invoke("predict", "-m", "builtin", "-i", source, "-o", output, *more, code=code)

    return many


def visible(folder: str) -> dict[str, bytes]:
    files = (path for path in Path(folder).rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def alone(folder: Path) -> dict[str, bytes]:
    """The predictions of each file alone."""
    found = {}
    for output in OUTPUTS:
        name = "e.txt" if output == "e.jsonl" else output
        invoke("predict", "-m", "builtin", "-i", folder / name, "-o", f"alone-{output}")
        found[output] = Path(f"alone-{output}").read_bytes()
    return found


def test_each_file_has_what_it_would_have_alone(inputs: Path, many: Callable[..., Result]) -> None:
    done = many("in")
    assert visible("out") == alone(inputs)
    assert done.err.endswith(f"{EMPTY}out: 7 written of 7 files; 403 reviews\n")
    assert sorted(Path("out").glob(".*.sentibp-tmp")) == []


def test_workers_write_the_same_bytes_also_if_files_are_divided(
    inputs: Path, many: Callable[..., Result], local: DaskExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict, "PART", 500)
    assert len(predict_file.parts_of("in/g.parquet", predict.PART)) > 2
    many("in", "here/")
    monkeypatch.setattr("sentibp.cli.predict_files.connect", lambda address: Kept(local))
    done = many("in", "there/", "--cluster", "local:2")
    assert done.err.endswith(f"{EMPTY}there: 7 written of 7 files; 403 reviews\n")
    assert visible("there") == visible("here")
    assert len(visible("there")) == 7


def test_a_rerun_makes_only_what_is_missing(inputs: Path, many: Callable[..., Result]) -> None:
    many("in")
    before = visible("out")
    stats = {name: os.stat(f"out/{name}").st_mtime_ns for name in before}
    os.unlink("out/c.csv")
    (inputs / "h.csv").write_text("text\nnew\n")
    done = many("in")
    assert EMPTY.replace("403", "404") in done.err  # also those of files that were written before
    assert done.err.endswith("out: 2 written, 6 written before of 8 files; 404 reviews\n")
    assert {name: content for name, content in visible("out").items() if name != "h.csv"} == before
    assert {name for name in before if os.stat(f"out/{name}").st_mtime_ns != stats[name]} == {"c.csv"}


def test_what_was_begun_and_not_finished_is_made_again(inputs: Path, many: Callable[..., Result]) -> None:
    """A command that was killed has written an output and not yet its line in the journal."""
    many("in")
    before = visible("out")
    journal = Path("out/.predictions.jsonl")
    lines = journal.read_text().splitlines(keepends=True)
    last = next(line for line in lines if '"done": "c.csv"' in line)
    lines.remove(last)
    journal.write_text("".join(lines) + last[:30])
    done = many("in")
    assert "1 written, 6 written before" in done.err
    assert visible("out") == before


@pytest.mark.parametrize("what", ["input", "output"])
def test_a_file_that_has_changed_is_refused_and_made_anew_with_force(
    inputs: Path, many: Callable[..., Result], what: str
) -> None:
    many("in")
    before = visible("out")
    if what == "input":
        (inputs / "c.csv").write_text("id,text\n1,another film\n")
    else:
        Path("out/c.csv").write_text("mine\n")
    content = Path("out/c.csv").read_bytes()
    done = many("in", code=3)
    assert ": has changed since " in done.err
    assert "; to make it anew, add --force\n" in done.err
    assert Path("out/c.csv").read_bytes() == content
    (failure,) = map(json.loads, Path("out/failures.jsonl").read_text().splitlines())
    assert failure["input"] == str(inputs.absolute() / "c.csv")
    done = many("in", "out/", "--force")
    assert "out: 1 written, 6 written before of 7 files" in done.err
    assert not Path("out/failures.jsonl").exists()
    if what == "output":
        assert visible("out") == before


def test_a_file_that_was_there_before_is_never_overwritten_without_force(
    inputs: Path, many: Callable[..., Result]
) -> None:
    Path("out").mkdir()
    Path("out/c.csv").write_text("mine\n")
    assert many("in", "out", code=2).err.endswith(
        "out/c.csv: already there; choose another --output, or replace with --force\n"
    )
    assert Path("out/c.csv").read_text() == "mine\n"
    many("in", "out", "--force")
    assert visible("out") == alone(inputs)


def test_other_settings_in_the_same_folder_are_refused(inputs: Path, many: Callable[..., Result]) -> None:
    many("in")
    Path("other").write_bytes(load_model("builtin").to_bytes({"note": "another"}))
    before = visible("out")
    assert "(--threshold); choose another folder" in many("in", "out/", "--threshold", "0.9", code=2).err
    other = invoke("predict", "-m", "./other", "-i", "in", "-o", "out/", code=2).err
    assert "(another model); choose another folder, or replace them with --force\n" in other
    assert visible("out") == before
    many("in", "out/", "--threshold", "0.9", "--force")
    assert visible("out").keys() == before.keys()
    assert visible("out") != before


def test_what_fails_is_recorded_and_the_rest_goes_on(inputs: Path, many: Callable[..., Result]) -> None:
    (inputs / "bad.csv").write_text("x,y\n1,2\n")
    (inputs / "broken.parquet").write_bytes(b"PAR1 and nothing else")
    (inputs / "link.csv").symlink_to("missing.csv")
    done = many("in", code=3)
    assert "out: 7 written, 3 failed of 10 files; 403 reviews\n" in done.err
    assert done.err.endswith("out/failures.jsonl: why they failed; once repaired, the same command tries them again\n")
    failed = {
        os.path.basename(each["input"]): each
        for each in map(json.loads, Path("out/failures.jsonl").read_text().splitlines())
    }
    assert failed.keys() == {"bad.csv", "broken.parquet", "link.csv"}
    assert failed["bad.csv"]["error"] == [
        "in/bad.csv:1: no 'text'; name it with --set data.text_column=NAME, one of: x, y"
    ]
    assert failed["link.csv"]["error"] == ["in/link.csv: no such file"]
    assert set(visible("out")) == {*OUTPUTS, "failures.jsonl"}
    for name in failed:
        os.unlink(inputs / name)
    many("in")
    assert set(visible("out")) == set(OUTPUTS)


def test_a_full_disk_ends_the_command_which_resumes(
    inputs: Path, many: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = predict_file.open_output

    def full(path: Path):
        if path.name == "d.tsv":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return real(path)

    monkeypatch.setattr(predict_file, "open_output", full)
    done = many("in", code=3)
    assert "out/d.tsv: cannot be written: No space left on device; make room on that disk\n" in done.err
    assert done.err.endswith("out: 3 of 7 files are written; the same command resumes\n")
    monkeypatch.setattr(predict_file, "open_output", real)
    assert "4 written, 3 written before of 7 files" in many("in").err
    assert visible("out") == alone(inputs)


def test_a_worker_that_does_not_see_the_folder_writes_nothing(inputs: Path, here: Path) -> None:
    task = _task(here)
    (here / "there").mkdir()
    with pytest.raises(DataError, match="does not see the output folder; all workers need it"):
        predict_file.predict_file(task)
    (here / "there" / ".predictions.jsonl").write_text("{}\n")  # of another folder of this name
    with pytest.raises(DataError, match="does not see the output folder"):
        predict_file.predict_file(task)
    assert visible("there") == {}


def _task(here: Path) -> predict_file.FileTask:
    options = predict_file.ReadOptions()
    settings = predict_file.Settings("builtin", "0" * 64, options, "train", True, None, None, False)
    marker = (str(here / "there" / ".predictions.jsonl"), '{"format": 1}\n')
    paths = (str(here / "in" / "c.csv"), str(here / "there" / "c.csv"))
    return predict_file.FileTask("in/c.csv", *paths, "there/c.csv", "csv", settings, marker)


def test_another_model_file_on_a_worker_is_refused(inputs: Path, here: Path) -> None:
    task = _task(here)
    (here / "there").mkdir()
    Path(task.marker[0]).write_text(task.marker[1])
    with pytest.raises(DataError, match=r"builtin: this process does not see the same model"):
        predict_file.predict_file(task)


def test_another_input_on_a_worker_is_refused(inputs: Path, here: Path) -> None:
    """As an old copy of the file on the disk of the worker."""
    (here / "there").mkdir()
    task = _task(here)._replace(size=7)
    Path(task.marker[0]).write_text(task.marker[1])
    size = Path(task.input).stat().st_size
    with pytest.raises(NotVisible, match=rf"see the same input \(the file there has {size:,} bytes, not 7\); all"):
        predict_file.predict_file(task)
    with pytest.raises(NotVisible, match="see the same input"):
        predict_file.predict_rows(task, 0, 1)


def test_a_worker_for_which_nobody_waits_any_more_replaces_nothing(
    inputs: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has predicted the last row when its command ends, and the same command has written the file already."""
    task = _ready_task(here)
    Path(task.output).write_text("of the later command")
    asked = iter([False, True])  # at the only piece, and at the end
    monkeypatch.setattr(predict_file, "is_given_up", lambda: next(asked))
    with pytest.raises(GivenUp):
        predict_file.predict_file(task)
    assert visible("there") == {"c.csv": b"of the later command"}


def test_an_input_that_is_written_while_it_is_read_has_no_output(
    inputs: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = _ready_task(here)

    def write() -> bool:
        with open(task.input, "a") as file:
            file.write("3,dull film\n")
        return False

    monkeypatch.setattr(predict_file, "is_given_up", write)
    with pytest.raises(DataError, match=r"^in/c\.csv: was changed while it was read; the same command reads it again$"):
        predict_file.predict_file(task)
    assert visible("there") == {}


def _ready_task(here: Path) -> predict_file.FileTask:
    (here / "there").mkdir()
    task = _task(here)
    Path(task.marker[0]).write_text(task.marker[1])
    return task._replace(settings=task.settings._replace(digest=file_digest(builtin_file())))


def test_rows_of_some_row_groups_are_those_of_the_file(here: Path) -> None:
    texts = [f"text {number}" for number in range(1000)]
    parquet.write_table(pa.table({"text": texts}), "a.parquet", row_group_size=150)
    parts = predict_file.parts_of("a.parquet", 1200)
    assert len(parts) > 1
    assert [start for start, _ in parts] == [0, *(stop for _, stop in parts[:-1])]
    data = memoryview(Path("a.parquet").read_bytes())
    found: list[str] = []
    for start, stop in parts:
        table = predict_file.open_parquet(data, "a", predict_file.ReadOptions(), range(start, stop))
        assert table.where(0) == f"a: row {len(found) + 1}"
        found += [text for batch in table.batches(["text"]) for text in batch["text"].to_pylist()]
    assert found == texts
    assert predict_file.parts_of("a.parquet", 10**6) == []
    Path("b.parquet").write_bytes(b"PAR1" + bytes(10000))
    assert predict_file.parts_of("b.parquet", 100) == []


def test_a_name_that_leads_out_of_the_output_folder_is_refused(here: Path) -> None:
    for name in "in/x/a.csv", "other/b.csv":
        Path(name).parent.mkdir(parents=True)
        Path(name).write_text("text\nx\n")
    assert [each.name for each in find_files("in/*/../x/a.csv", Path("o"))[0]] == ["x/a.csv"]
    with pytest.raises(ConfigError, match="leads out of in/"):
        find_files("in/*/../../other/b.csv", Path("o"))


def test_names_in_any_bytes(here: Path, many: Callable[..., Result]) -> None:
    Path("in").mkdir()
    for name in (b"\xff.csv", b"new\nline.csv", b"-o.csv", b"a 'b\".csv"):
        Path("in", os.fsdecode(name)).write_text("text\ngood\n")
    Path("in", os.fsdecode(b"\xfe.csv")).write_text("x\ngood\n")
    os.mkfifo("in/pipe.csv")
    assert "4 written, 2 failed of 6 files" in many("in", code=3).err
    failed = list(map(json.loads, Path("out/failures.jsonl").read_text().splitlines()))
    assert sorted(os.fsencode(os.path.basename(each["input"])) for each in failed) == [b"pipe.csv", b"\xfe.csv"]
    os.unlink("in/pipe.csv")
    os.unlink(os.path.join("in", os.fsdecode(b"\xfe.csv")))
    assert "4 written before of 4 files" in many("in").err


def test_an_empty_name_is_no_folder(inputs: Path) -> None:
    result = invoke("predict", "-m", "builtin", "-i", "in/c.csv", "-o", "", code=2)
    assert result.err.endswith("--output: an empty value; give one, or leave it out\n")


@pytest.mark.parametrize(
    ("name", "format", "output"),
    [
        ("a.csv", None, "a.csv"),
        ("A.CSV", None, "A.CSV"),
        ("a.ndjson", None, "a.ndjson"),
        ("a.ndjson", Format.jsonl, "a.ndjson"),
        ("a.json", Format.jsonl, "a.jsonl"),
        ("a.csv", Format.parquet, "a.parquet"),
        ("a.txt", None, "a.jsonl"),
        ("a.tab", None, "a.jsonl"),
        ("a.xlsx", None, "a.jsonl"),
        ("a.zip", Format.csv, "a.csv"),
        ("a.csv.gz", None, "a.csv.gz"),
        ("a.csv.zst", None, "a.csv.gz"),
        ("a.csv.gz", Format.parquet, "a.parquet"),
        ("a.txt.xz", None, "a.jsonl.gz"),
        ("a", None, "a.jsonl"),
        ("a.bak", None, "a.bak.jsonl"),
        ("2026.01.02", Format.csv, "2026.01.02.csv"),
        ("sub/a.csv", None, "sub/a.csv"),
        ("sub.csv/a", None, "sub.csv/a.jsonl"),
    ],
)
def test_names_of_outputs(name: str, format: Format | None, output: str) -> None:
    assert output_name(name, format) == output


def test_which_files_are_read(here: Path) -> None:
    for name in (
        "a.csv",
        "sub/b.csv",
        "sub/deep/c.jsonl",
        ".hidden.csv",
        "README.md",
        "readme.txt",
        "out/a.csv",
        "x.png",
    ):
        (here / "d" / name).parent.mkdir(parents=True, exist_ok=True)
        (here / "d" / name).write_text("text\nx\n")

    def names(pattern: str, output: str = "elsewhere") -> list[str]:
        return [each.name for each in find_files(pattern, Path(output))[0]]

    assert names("d") == ["a.csv"]
    assert names("d/") == ["a.csv"]
    assert names(str(here / "d")) == ["a.csv"]
    assert find_files("d", Path("o"))[1] == (
        "d: not read: README.md, readme.txt, x.png, out/, sub/; to read subfolders, too: --input 'd/**/*'",
    )
    assert names("d/*.csv") == ["a.csv"]
    assert names("d/**/*.csv", "d/out") == ["a.csv", "sub/b.csv"]
    assert names("d/*/*.csv", "d/out") == ["sub/b.csv"]
    assert names("d/sub/**/*.jsonl") == ["deep/c.jsonl"]
    assert names("d/[ab].csv") == ["a.csv"]
    assert names("d/a.csv") == ["a.csv"]
    for nothing in "d/*.parquet", "empty", "d/sub/none/*":
        (here / "empty").mkdir(exist_ok=True)
        with pytest.raises(DataError, match=r"no file matches|has no files of reviews"):
            find_files(nothing, Path("o"))
    with pytest.raises(DataError, match="no such file"):
        find_files("d/b.csv", Path("o"))
    Path("classes/neg").mkdir(parents=True)  # with 'classes/*', no file matches
    Path("classes/neg/1.txt").write_text("bad")
    with pytest.raises(DataError, match=r"reviews; to read its subfolders: --input 'classes/\*\*/\*'; if each file is"):
        find_files("classes", Path("o"))
    assert names("classes/**/*") == ["neg/1.txt"]
    with pytest.raises(
        DataError, match=r"^d/sub/deep: its files lie in the output folder, d/sub; choose another --out"
    ):
        find_files("d/sub/deep", Path("d/sub"))


def test_a_file_whose_name_has_a_bracket_is_no_pattern(here: Path, many: Callable[..., Result]) -> None:
    Path("a[1].csv").write_text("text\nx\n")
    many("a[1].csv")
    assert set(visible("out")) == {"a[1].csv"}


def test_two_inputs_of_one_output_and_outputs_that_are_inputs_are_refused(
    here: Path, many: Callable[..., Result]
) -> None:
    for name in "a.csv", "a.jsonl":
        Path("in", name).parent.mkdir(exist_ok=True)
        Path("in", name).write_text('{"text": "x"}\n')
    error = many("in", "out/", "--format", "jsonl", code=2).err
    assert error.startswith("out/a.jsonl: would have the predictions of both in/a.csv and in/a.jsonl; ")
    assert not Path("out").exists()
    assert "--output in: is the folder of the inputs" in many("in", "in/", code=2).err
    assert "in/a.csv is an input; choose another folder" in many("in/*.csv", "in/", code=2).err
    assert "in/a.jsonl: already there" in many("in/*.csv", "in/", "--format", "jsonl", code=2).err
    Path("out").mkdir()
    Path("out/a.csv").symlink_to("../in/a.csv")
    assert "is an input" in many("in", "out/", code=2).err
    Path("in/failures.jsonl").write_text("{}\n")
    files, _ = find_files("in", Path("o"))
    with pytest.raises(ConfigError, match="lists the files that failed; rename the input"):
        with_outputs(files, Path("o"), None)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-i", "in/*.csv"], "many files need a folder; add --output predictions/"),
        (["-i", "in/*.csv", "-o", "-"], "many files need a folder"),
        (["-i", "in/*.csv", "-o", "out.csv"], "name a folder: --output out/"),
        (["-i", "in", "-o", "out.csv", "--cluster", "local:1"], "name a folder: --output out/"),
        (["-i", "-", "--cluster", "local:1"], "--cluster: predicts files"),
        (["good film", "--cluster", "local:1"], "--cluster: predicts files"),
        (["-i", "in", "-o", "out/", "--cluster", "local"], "write local:2"),
        (["-i", "in", "-o", "out/", "--format", "table"], "--format table: is for people"),
        (["-i", "in", "-o", "out/", "--explain"], "--explain does not fit into c.csv; add --format jsonl"),
        (["-i", "in/c.csv", "--force"], "--force: replaces the file of --output"),
        (["-i", "in", "-o", "in/c.csv/"], "in/c.csv/: is a file"),
        (["-i", "in", "-o", "out/", "--threshold", "2"], "--threshold 2"),
    ],
)
def test_what_cannot_be_is_refused_with_the_repair(inputs: Path, arguments: list[str], complaint: str) -> None:
    error = invoke("predict", "-m", "builtin", *arguments, code=2).err
    assert complaint in error
    assert not Path("out").exists()


def test_a_pattern_that_the_shell_has_expanded_is_explained(inputs: Path) -> None:
    error = invoke("predict", "-i", "in/a.jsonl", "in/b.json", "in/c.csv", "-o", "out/", code=2).err
    assert "--input 'data/*.csv'" in error


def test_explanations_are_written_too(inputs: Path, many: Callable[..., Result]) -> None:
    many("in/*.csv", "out/", "--explain", "--format", "jsonl")
    invoke("predict", "-m", "builtin", "-i", "in/c.csv", "-o", "c.jsonl", "--explain")
    assert Path("out/c.jsonl").read_bytes() == Path("c.jsonl").read_bytes()


def test_two_commands_do_not_write_into_one_folder(inputs: Path, many: Callable[..., Result]) -> None:
    with OutputFolder(Path("out"), {}) as folder:
        folder.open(force=False)
        assert "another process writes there" in many("in", code=2).err


def test_a_damaged_journal_is_named(inputs: Path, many: Callable[..., Result]) -> None:
    many("in")
    for line in '{"done": 3}\n', "[]\n", "nothing\n", '{"begun": {}, "x": [}\n':
        journal = Path("out/.predictions.jsonl")
        before = journal.read_text()
        journal.write_text(before + line)
        assert "out/.predictions.jsonl: damaged: " in many("in", code=3).err
        journal.write_text(before)
    journal.write_text("nothing\n")
    assert "out/.predictions.jsonl: damaged: " in many("in", code=3).err


def test_the_journal_keeps_the_counts_of_a_file() -> None:
    done = Done("a.csv", "f1", "d1", AnswerCounts(9, 9, 2, 3), ["a note"])
    written = json.loads(json.dumps(done.to_json()))
    assert Done.from_json(written) == done
    for kind in "looked", "guessed":  # which earlier versions did not write
        del written[kind]
    assert Done.from_json(written) == done


def test_subfolders_are_kept(here: Path, many: Callable[..., Result]) -> None:
    for name in "x/a.csv", "y/a.csv":
        Path("in", name).parent.mkdir(parents=True)
        Path("in", name).write_text(f"text\n{name}\n")
    many("in/**/*.csv")
    assert set(visible("out")) == {"x/a.csv", "y/a.csv"}
    many("in/**/*.csv")  # also if the output is inside
    many("in/**/*.csv", "in/out/")
    assert "2 written before of 2 files" in many("in/**/*.csv", "in/out/").err


def test_notes_of_many_files_are_few(here: Path, many: Callable[..., Result]) -> None:
    Path("in").mkdir()
    for number in range(30):
        Path(f"in/{number}.csv").write_text("sep=;\ntext;label\ngood;1\n")
    done = many("in")
    assert done.err.count("the input has a column 'label'") == 1
    assert len(done.err.splitlines()) < 15


def test_text_files_are_read_line_by_line_which_is_said(here: Path, many: Callable[..., Result]) -> None:
    Path("in").mkdir()
    for name in "a.txt", "b.txt":
        Path("in", name).write_text("one\ntwo\n")
    done = many("in")
    assert "in: each line of its files is read as a review; " in done.err
    assert len(Path("out/a.jsonl").read_text().splitlines()) == 2
    Path("in/b.txt").unlink()
    assert find_files("in", Path("out"))[1] == (), "a single file is read as --input in/a.txt reads it"


def test_nothing_but_known_errors(inputs: Path, many: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in reading one file does not end the command."""

    def faulty(*arguments: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(predict_file, "table_pieces", faulty)
    done = many("in", code=3)
    assert "in/c.csv: RuntimeError: a fault\n" in done.err
    assert not issubclass(RuntimeError, SentibpError)


def test_a_name_that_is_not_utf8_does_not_break_the_connection(
    here: Path, many: Callable[..., Result], local: DaskExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the name of a task nor a message with it can be sent as it is."""
    monkeypatch.setattr(predict_files, "connect", lambda address: Kept(local))
    Path("odd").mkdir()
    for name, line in ((b"odd/good-\xe9.csv", "text"), (b"odd/bad-\xe9.csv", "nothing")):
        try:
            Path(os.fsdecode(name)).write_text(f"{line}\na good film\n")
        except OSError:
            pytest.skip("this file system has names in UTF-8 only")
    done = many("odd", "out/", "--cluster", "local:2", code=3)
    assert "1 written, 1 failed of 2 files" in done.err
    assert "no 'text'" in done.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_no_parquet_file_and_nobody_waits_for_it(here: Path) -> None:
    os.mkfifo("pipe.parquet")
    assert predict_file.parts_of("pipe.parquet", 1) == []
