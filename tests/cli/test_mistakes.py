"""Errors of users: exit code (2 usage and config, 3 data, 4 diverged), place and repair, without a traceback."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

SHIPPED = (
    "article, deep_residual, deep_sigmoid, few_labels, few_long_texts, finetune, from_scratch, imdb, imdb_best, "
    "imdb_pretrained, long_texts, maybe, quickstart, reviews, rotten_tomatoes, rotten_tomatoes_pretrained, "
    "short_texts, sst2, stars, three, xor"
)


def config(text: str, name: str = "mine.yaml") -> str:
    Path(name).write_text(text)
    return name


# 2: the command line


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["trian", "quickstart"], "Did you mean 'train'"),
        (["train"], "Missing argument 'CONFIG': give a YAML file, or a name that `sentibp config list` prints"),
        (["pretrain"], "Missing argument 'CONFIG': give a YAML file, or a name that `sentibp config list` prints"),
        (["train"], "; `sentibp init FILE` writes one for a file of reviews"),
        (["train", "--data", "x.csv"], "--data; did you mean --set data.source=VALUE?"),
        (["sweep", "run", "quickstart", "--file", "x.csv"], "--file; did you mean --set data.source=VALUE?"),
        (["train", "quickstart", "--model", "last"], "--model; did you mean --set model.init_from=VALUE?"),
        (["predict", "--data", "x.csv"], "--data; did you mean --input FILE?"),
        (["predict", "--text", "good"], "--text; give the text without an option, in quotes"),
        (["eval", "--input", "x.csv"], "--input; did you mean --data FILE?"),
        (["init", "--csv", "x.csv"], "--csv; give the file without an option"),
        (["train", "quickstart", "--frob"], "No such option: --frob"),
        (["train", "quickstart", "--epochs", "3"], "--epochs; did you mean --set train.epochs=VALUE?"),
        (["train", "quickstart", "--batch-size=3"], "did you mean --set train.batch_size=VALUE?"),
        (["train", "quickstart", "--lr", "3"], "did you mean --set train.optimizer.learning_rate=VALUE?"),
        (["train", "quickstart", "--sed", "3"], "--seed"),
        (["eval", "--labels", "x"], "did you mean --set data.labels=VALUE?"),
        (["eval", "--epochs", "3"], "No such option: --epochs (Possible"),
        (["train", "quickstart", "surplus"], "surplus"),
        (["predict", "--input"], "--input"),
        (
            ["runs", "compare", "last"],
            "Missing argument 'RUN'. A run directory, its name in runs/, or `last`. See `sentibp ",
        ),
        (["reproduce"], "See `sentibp runs list`."),
        (
            ["push"],
            "Missing argument 'MODEL'. A run directory, its name in runs/, a model file, or `last`. See `sentibp runs",
        ),
        (
            ["bench"],
            "Missing argument 'CONFIG'. A YAML file, or the name of a shipped config. See `sentibp config list`.",
        ),
        (["explain"], "Missing argument 'TEXT'. A review, in quotes."),
        (["runs", "show", "last"], "No such command 'show'. There are: list, compare, flow, watch."),
        (["config", "shwo", "quickstart"], "Did you mean 'show'?"),
    ],
    ids=" ".join,
)
def test_usage(fails, args, message):
    complaint = fails(2, *args)
    assert message in complaint
    assert complaint.startswith(("Usage: sentibp ", "Error: "))


LONG = ["q" * 5000, "-" + "9" * 5000, "../" * 2000, "good film " * 900, "{a: 1}," * 1000]


@pytest.mark.parametrize("value", LONG, ids=lambda value: value[:4])
@pytest.mark.parametrize(
    "args",
    [
        ["{}"],
        ["runs", "{}"],
        ["train", "quickstart", "--{}"],
        ["train", "quickstart", "--{}=3"],
        ["train", "quickstart", "surplus", "{}"],
        ["train", "quickstart", "--seed", "{}"],
        ["train", "quickstart", "--set", "{}"],
        ["train", "quickstart", "--set", "train.epochs={}"],
        ["predict", "-m", "{}", "good"],
        ["runs", "compare", "{}", "last"],
    ],
    ids=" ".join,
)
def test_what_is_very_long_is_never_echoed_whole(fails, args, value):
    complaint = fails(2, *(arg.format(value) for arg in args))
    assert value not in complaint
    assert max(map(len, complaint.splitlines())) < 3300


@pytest.mark.parametrize(
    "args", [["runs", "{}"], ["eval", "--{}"], ["eval", "-m", "{}"], ["eval", "--fail-under", "{}"]]
)
def test_what_changes_the_direction_of_text_is_escaped(fails, args):
    complaint = fails(2, *(arg.format("ab\u202ecd\u200fe\x1b[2J") for arg in args))
    assert "ab\\u202ecd\\u200fe\\x1b[2J" in complaint.replace("\\\\", "\\")


def test_without_a_command_there_is_help(fails):
    for args in ([], ["runs"], ["config"]):
        assert "Commands:" in fails(2, *args)


def test_the_error_names_the_option(fails):
    assert fails(2, "train", "quickstart", "--seed", "-1").startswith("--seed -1: not a whole number from 0 on; ")


# 2: settings


def test_an_unknown_key_has_its_line_and_a_suggestion(fails):
    config("data:\n  source: sample\nmodel:\n  hiden: [3]\n")
    assert fails(2, "train", "mine.yaml") == "mine.yaml:4: model.hiden: unknown key; did you mean 'hidden'?"
    assert fails(2, "config", "show", "mine.yaml") == fails(2, "train", "mine.yaml")
    assert not Path("runs").exists(), "no run is created"


def test_all_mistakes_at_once_in_the_order_of_the_file(fails):
    config("model:\n  hiden: [3]\n  activation: relux\ntrain:\n  epochs: -1\n")
    lines = fails(2, "train", "mine.yaml", "--set", "data.sorce=sample", "--set", "nonsense").splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        "mine.yaml:2",
        "mine.yaml:3",
        "mine.yaml:5",
        "--set data.sorce=sample",
        "--set nonsense",
    ]
    assert "did you mean 'relu'?" in lines[1]
    assert "at least 1" in lines[2]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("data:\n\tsource: sample\n", 2),
        ("data: {source: sample\n", 1),
        ("train:\n  epochs: 1\n  epochs: 2\n", 3),
        ("just words\n", 1),
        ("- a\n- list\n", 1),
    ],
)
def test_yaml_that_is_not_a_config_is_reported_with_its_line(fails, text, line):
    assert fails(2, "train", config(text)).startswith(f"mine.yaml:{line}: ")


@pytest.mark.parametrize("setting", ["train.epochs", "=3", "train.epochs=", "train.epochs=many", "train=3"])
def test_a_setting_on_the_command_line(fails, setting):
    assert fails(2, "train", "quickstart", "--set", setting).startswith(f"--set {setting}: ")


def test_a_missing_config(fails):
    message = fails(2, "train", "imbd")
    assert message == f"imbd: no such file; shipped: {SHIPPED}; did you mean imdb?"


@pytest.mark.parametrize(
    ("typed", "fact", "config"),
    [("sample5", "sample5: ", "stars"), ("sample", "sample: ", "quickstart"), ("smaple3", "sample3 is ", "three")],
)
def test_data_in_the_place_of_a_config_has_the_config_that_reads_it(fails, typed, fact, config):
    """It was no file, beside names that are not near."""
    message = fails(2, "train", typed)
    assert message.startswith(f"{typed}: ")
    assert message.endswith(f"{fact}data that comes with sentibp, not a config; did you mean {config}, which reads it?")


MISSING = "data.source is missing; --set data.source=sample takes 320 short reviews for a demonstration, "


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "data: {text_column: review}\n", "data: {source: null}", "train:\n"]
)
def test_a_config_without_a_source_takes_no_reviews_that_nobody_asked_for(sentibp, fails, text):
    config(text)
    for command in (
        ("train", "mine.yaml"),
        ("train", "mine.yaml", "--dry-run"),
        ("train", "mine.yaml", "--find-lr"),
        ("audit", "mine.yaml"),
        ("gradcheck", "mine.yaml"),
        ("bench", "mine.yaml"),
    ):
        assert fails(2, *command) == f"mine.yaml: {MISSING}--set data.source=FILE your own"
    assert "data.source" in sentibp("config", "show", "mine.yaml").out


def test_a_config_without_a_source_can_be_given_one(sentibp, fails):
    config("train: {epochs: 1}\n")
    assert sentibp("train", "mine.yaml", "--quiet", "--set", "data.source=xor", "--set", "data.validation=0")
    assert fails(2, "train", "default").startswith(f"default: {MISSING}")
    sentibp("train", "default", "--quiet", "--set", "data.source=xor", "--set", "data.validation=0", "--out", "r")
    assert "source: xor" in Path("r/config.yaml").read_text()
    config("data: {source: xor, validation: 0}\ntrain: {epochs: 3}\n", "default")  # a file of that name comes first
    assert sentibp("config", "show", "default", "--json").json["train.epochs"] == {"value": 3, "from": "default:2"}


def test_the_error_for_a_missing_config_names_a_similar_file(fails):
    config("data: {source: sample}\n", "mine.yaml")
    for name in ("mine.yml", "mien.yaml", "./min.yaml"):
        assert "did you mean" in fails(2, "train", name)
        assert "mine.yaml" in fails(2, "train", name)


def test_a_folder_instead_of_a_config(fails, trained):
    assert str(trained / "config.yaml") in fails(2, "train", trained)


# 2: models


@pytest.mark.parametrize(
    "args", [["predict", "-m", "last", "good"], ["eval", "last"], ["runs", "compare", "last", "last"]], ids=" ".join
)
def test_no_model_yet(fails, args):
    message = fails(2, *args)
    assert "`sentibp train quickstart`" in message
    assert "\n" not in message


def test_a_missing_initial_model(fails):
    message = fails(2, "train", config("data: {source: sample}\nmodel:\n  init_from: gone\n"))
    assert "model.init_from" in message
    assert "gone" in message


def test_an_initial_model_of_another_shape(sentibp, fails):
    sentibp("train", "quickstart", "--quiet", "--out", "base", "--set", "train.epochs=1")
    command = "train", "quickstart", "--set", "model.init_from=base", "--out", "run", "--set", "train.epochs=1"
    message = fails(2, *command, "--set", "model.embedding.dim=8")
    assert message.startswith("model.init_from: ")
    repair = message.partition(" with ")[2]
    assert "--set model.embedding.dim=" in repair
    sentibp(*command, "--quiet", *repair.split())  # nothing stands in the way of the corrected command


@pytest.mark.parametrize("content", ["good 1 2 3\n", "unheard 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"])
def test_word_vectors_that_do_not_fit_leave_no_run_directory(fails, content):
    Path("vectors.txt").write_text(content)
    command = "train", "quickstart", "--out", "run", "--set", "model.embedding.vectors=vectors.txt"
    assert fails(3, *command).startswith("vectors.txt")
    assert not Path("run").exists()


def test_how_many_words_have_vectors_is_said(sentibp):
    """Vectors of another language have a few words by chance. A byte-order mark was part of the first word."""
    Path("vectors.txt").write_text("good 1 2\nunheard 1 2\nunheard 2 1\nbad 1 2\nbad 1 2\n", encoding="utf-8-sig")
    options = "--set", "model.embedding.vectors=vectors.txt", "--set", "model.embedding.dim=2"
    err = sentibp("train", "quickstart", *options, "--set", "train.epochs=1").err
    assert any(line.startswith("vectors.txt: has vectors of 2 of the ") for line in err.splitlines())
    assert "several times" not in err, "the same vector again, and words of no review"
    with Path("vectors.txt").open("a") as file:
        file.write("GOOD 2 2\nbad 3 4\nbad 1 2\n")
    err = sentibp("train", "quickstart", *options, "--set", "train.epochs=1").err
    assert "vectors.txt: has 1 word several times with other numbers, and the last count: 'bad'\n" in err


# 3: data


def test_a_missing_data_file(fails):
    config("data:\n  source: reveiws.csv\n")
    Path("reviews.csv").write_text("text,label\n")
    message = fails(3, "train", "mine.yaml")
    assert message == "reveiws.csv: no such file; did you mean reviews.csv?"


@pytest.mark.parametrize("command", ["train", "eval", "predict"])
def test_a_malformed_line_is_named(fails, trained, command):
    lines = ["text,label", *(f"good {i},1" for i in range(30))]
    lines[16] = "one, two and three,1"
    Path("r.csv").write_text("\n".join(lines))
    args = {"train": ["quickstart", "--set", "data.source=r.csv"], "eval": ["--data", "r.csv"]}
    message = fails(3, command, *args.get(command, ["--input", "r.csv"]), *(["--quiet"] if command == "train" else []))
    assert message.startswith("r.csv:17: 3 fields where the header has 2; ")


def test_a_malformed_json_line_is_named(fails, trained):
    records = [json.dumps({"text": "good", "label": 1})] * 30
    records[16] = '{"text": "good", "label": 1'
    Path("r.jsonl").write_text("\n".join(records))
    assert fails(3, "eval", "--data", "r.jsonl").startswith("r.jsonl:17: not JSON: ")


def test_data_of_one_class_cannot_train(fails):
    Path("r.csv").write_text("text,label\n" + "good,1\n" * 20)
    message = fails(3, "train", "quickstart", "--quiet", "--set", "data.source=r.csv")
    assert message == "r.csv: all 20 labels are positive; training needs both"


def test_labels_that_need_a_meaning(fails):
    Path("r.csv").write_text("text,label\n" + "".join(f"a film,{stars}\n" for stars in (1, 2, 3, 4, 5) * 4))
    assert "--set 'data.labels={negative: [1, 2], positive: [4, 5], ignore: [3]}'" in fails(
        3, "train", "quickstart", "--quiet", "--set", "data.source=r.csv"
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.csv", b"", "r.csv: empty"),
        ("r.csv", b"text,label\n", "r.csv: empty"),
        ("r.csv", b"text,label\ncaf\xe9,1\n", "r.csv:2: not UTF-8"),
        ("r.csv", b"review,stars\ngood,1\n", "review, stars"),
        ("r.parquet", b"junk", "r.parquet: not Parquet"),
        ("r.xlsx", b"PK", "r.xlsx: not a known format"),
        ("r.txt", b"good\n", "r.txt: plain text has no labels"),
        ("folder/r.txt", b"good\n", "folder/r.txt: plain text has no labels"),
    ],
)
def test_data_files_with_invalid_content(fails, trained, name, content, message):
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(content)
    assert message in fails(3, "eval", "--data", name.partition("/")[0])


def test_unknown_names_of_data(fails, trained):
    assert "did you mean sample?" in fails(3, "eval", "--data", "sampel")
    assert "imdb, rotten_tomatoes" in fails(3, "eval", "--data", "nothing like it")


def test_data_sets_of_the_hub_without_a_connection(fails):
    message = fails(3, "train", "sst2", "--quiet")
    assert message.startswith("stanfordnlp/sst2: working offline, and this data set has no local copy")
    message = fails(3, "train", "imdb", "--quiet", "--set", "data.split=test")
    assert message.startswith("imdb: cannot reach the Hugging Face hub")


def test_a_run_directory_that_cannot_be_created(fails):
    Path("file").write_text("")
    assert "--out" in fails(3, "train", "quickstart", "--quiet", "--out", "file/run")


# 4: training diverged


def test_a_training_that_diverges(sentibp, fails):
    args = ["train", "quickstart", "--quiet", "--set", "train.optimizer={name: sgd, learning_rate: 1e30}"]
    first, _, batch, look, last = fails(4, *args, "--out", "run").splitlines()
    assert first.startswith("diverged at step ")
    assert "learning_rate" in first
    assert "clip_norm" in first
    assert batch.startswith("training reviews of the batch: ")
    assert look == "to look closer: run/postmortem"
    assert last == "no epoch was finished"
    assert json.loads(Path("run/run.json").read_text())["outcome"] == "diverged"
    assert not Path("run/model.safetensors").exists()
    assert "train quickstart" in fails(2, "predict", "-m", "last", "good"), "it is not `last`"


# File names that are not valid UTF-8


def test_a_run_directory_whose_name_is_not_utf8_is_refused_before_training(process):
    assert "--out: the name is not UTF-8" in process("train", "quickstart", "--out", b"caf\xe9", code=2).err


def test_missing_files_whose_names_are_not_utf8(fails, trained):
    name = os.fsdecode(b"caf\xe9")
    assert "no such" in fails(2, "train", name)
    assert "no such" in fails(2, "predict", "good", "-m", name)
    assert "no such" in fails(3, "predict", "--input", name)


# 2: names that are near


def test_a_run_in_the_place_of_a_config(sentibp, fails, trained):
    sentibp("train", "quickstart", "--quiet", "--out", "runs/mine", "--set", "train.epochs=1")
    assert fails(2, "train", "mine") == "mine: a run, not a config; its config: runs/mine/config.yaml"
    sentibp("train", "runs/mine/config.yaml", "--quiet")
    config = Path(Path("runs/last").read_text().strip(), "config.yaml")
    assert fails(2, "bench", "last") == f"last: a run, not a config; its config: {config}"
    for command in ["train"], ["config", "show"]:
        assert (
            fails(2, *command, "./runs/last") == f"./runs/last: names a run, and is not a config; its config: {config}"
        )
    for name in "mine", "runs/mine", "last", "runs/last":
        message = fails(2, "gradcheck", name)
        assert message == f"{name}: a run, not a config; to check its model: `sentibp gradcheck -m {name}`"
    Path("runs/mine").rename("runs/quickstart")
    sentibp("gradcheck", "quickstart")  # the shipped config


OF_RUNS = [["eval", "-m"], ["explain", "good", "-m"], ["export", "--to", "js"], ["compress"], ["serve", "-m"]]
OF_RUNS += [
    ["report"],
    ["runs", "flow"],
    ["runs", "watch"],
    ["runs", "compare", "last"],
    ["card"],
    ["play"],
    ["reproduce"],
]


@pytest.mark.parametrize("command", OF_RUNS, ids=" ".join)
def test_near_names_of_runs(sentibp, fails, trained, command):
    for name in "mine.yaml", "new.csv":
        Path(name).touch()
    for name in "first", "second":
        Path("runs", name).mkdir()
        Path("runs", name, "run.json").touch()
    assert fails(2, *command, "frist").startswith(
        "frist: no such run or model; did you mean first? See `sentibp runs list`"
    )
    assert "did you mean runs/second?" in fails(2, *command, "runs/secnod")
    assert "did you mean last?" in fails(2, *command, "lsat")
    assert fails(2, *command, "mine.yaml").startswith(
        "mine.yaml: a config, not a run or model; train it with `sentibp train mine.yaml`, or name "
    )
    assert "reviews, not a" in fails(2, *command, "new.csv")
    assert "reviews" in fails(2, *command, "nosuch.csv")
    empty = "an empty value" if command[-1].startswith("-") else "'': no such run or model"
    assert empty in fails(2, *command, "")


def test_near_names_of_models_and_sweeps(sentibp, fails, trained):
    shutil.copy(trained / "model.safetensors", "best.safetensors")
    assert "did you mean best.safetensors?" in fails(2, "predict", "good", "-m", "bset.safetensors")
    assert "did you mean builtin?" in fails(2, "predict", "good", "-m", "bulitin")
    assert "did you mean" not in fails(2, "runs", "flow", "bulitin"), "it has no run"
    Path("space.yaml").write_text("train.epochs: [1]\n")
    assert fails(2, "sweep", "quickstart", "spaec.yaml") == "spaec.yaml: no such file; did you mean space.yaml?"
    assert fails(2, "sweep", "quickstart", "other.yaml") == "other.yaml: no such file; give a search space"
    Path("sweeps/mine").mkdir(parents=True)
    Path("sweeps/mine/sweep.json").write_text("{}")
    for command in ["sweep", "show"], ["sweep", "--resume"]:
        assert "did you mean sweeps/mine?" in fails(2, *command, "sweeps/mien")
    assert fails(2, "runs", "list", "rusn") == "rusn: no such folder; did you mean runs?"


def test_near_names_of_other_files(fails, trained):
    for name in "card.md", "layer.py", "reviews.csv":
        Path(name).write_text("text\ngood\n")
    assert fails(3, "push", "last", "a/b", "--card", "crad.md").endswith("did you mean card.md?")
    assert fails(2, "gradcheck", "--layer", "lyaer.py") == "--layer lyaer.py: no such file; did you mean layer.py?"
    for command in ["init"], ["predict", "-i"], ["eval", "--data"], ["gradcheck", "--data"], ["report", "--data"]:
        assert fails(3, *command, "reveiws.csv") == "reveiws.csv: no such file; did you mean reviews.csv?"
    assert fails(3, "init", "").startswith("'': no such file; ")
    assert fails(2, "eval", "reveiws.csv").endswith("to score the newest model on them, use --data reviews.csv")
