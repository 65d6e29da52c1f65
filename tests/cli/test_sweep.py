"""`sentibp sweep` and `sentibp sweep show`, as they are typed. With the real Optuna."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sys
from pathlib import Path

import pytest

from sentibp.cli.sweep_progress import SweepProgress
from sentibp.config.load import load_config
from sentibp.inspection.sweep import load_sweep
from sentibp.training.sweep import Options, plan_sweep

SMALL = """\
data: {source: sample, validation: 0.2}
text: {ngrams: 1, min_count: 3, affixes: false}
model: {embedding: {dim: 2, init: normal}, hidden: []}
train: {epochs: 1, batch_size: 64}
"""
SPACE = "train.optimizer.learning_rate: {log: [0.01, 1]}\ntrain.epochs: [1, 2]\n"


@pytest.fixture
def files(here) -> None:
    """A config and a space in the working directory."""
    Path("mine.yaml").write_text(SMALL)
    Path("space.yaml").write_text(SPACE)


@pytest.fixture
def swept(sentibp, files) -> Path:
    """The folder of a sweep of three trials."""
    sentibp("sweep", "mine.yaml", "space.yaml", "--trials", 3, "--out", "found")
    return Path("found")


@pytest.mark.usefixtures("files")
def test_what_a_sweep_prints(sentibp):
    result = sentibp("sweep", "mine.yaml", "space.yaml", "--trials", 3)
    lines = result.err.splitlines()
    folder = lines[0].partition(":")[0]
    assert folder.startswith("sweeps/mine-")
    assert lines[0].startswith(f"{folder}: 3 trials of about ")
    assert [line.partition(":")[0] for line in lines[1:4]] == [f"trial {i} ({i + 1} of 3)" for i in range(3)]
    assert "accuracy 0." in lines[1]
    assert "learning_rate=0." in lines[1]
    warning = "its score is the best of 3 on the same validation reviews: expect lower scores on new reviews"
    assert lines[4:] == [warning]
    out = result.out.splitlines()
    assert out[0].startswith("best      trial ")
    assert out[-2:] == ["trials    3 finished", f"next      sentibp train {folder}/best.yaml"]
    again = sentibp("sweep", "mine.yaml", "space.yaml", "--trials", 3)
    assert again.out == result.out, "the same command finds the sweep again"
    assert again.err.splitlines()[0] == f"{folder}: 3 trials of before; 0 left"
    assert sentibp("train", f"{folder}/best.yaml", "--quiet").out


@pytest.mark.usefixtures("files")
def test_the_cost_of_a_space_with_fewer_combinations_than_trials(capsys):
    """It was that of all trials, most of which take the result of an earlier one."""
    Path("space.yaml").write_text("train.epochs: [1, 2]\nmodel.hidden: [[], [2]]\n")
    plan, notes = plan_sweep(load_config("mine.yaml"), Path("space.yaml"), Options(trials=20))
    assert notes == ("space.yaml: has 4 combinations of values, so the sweep ends once each was tried",)
    for jobs in 1, 2:
        SweepProgress(plan, {}, jobs).cost(Path("found"), 3.0)
    assert capsys.readouterr().err.splitlines() == [
        "found: up to 20 trials, 4 trainings of about 3.0 s: about 12 s in all",
        "found: up to 20 trials, 4 trainings of about 3.0 s, 2 at the same time: about 6.0 s in all",
    ]


def test_a_space_that_excludes_the_defaults_of_the_texts_is_told(sentibp, here):
    """The best of all trials may be worse than the config alone. The command that is printed keeps the defaults."""
    Path("my space.yaml").write_text("train.optimizer.learning_rate: {log: [0.01, 0.1]}\n")
    for name, text in ("short", ""), ("long", " and so it went on" * 20):
        rows = "".join(f"a {('bad', 'good')[i % 2]} film of {i} minutes{text},{i % 2}\n" for i in range(60))
        Path(f"{name}.csv").write_text(f"body,label\n{rows}")
        Path("mine.yaml").write_text(f"data: {{source: {name}.csv, text_column: body}}\n")
        told = sentibp("sweep", "mine.yaml", "my space.yaml", "--trials", 1, "--out", name).err
        start = f"without this space, mine has the defaults of {name}_texts: to search near them, write sentibp "
        line = next(line for line in told.splitlines() if line.startswith(start))
        again = sentibp(*shlex.split(line.removeprefix(start)), "--trials", 1, "--out", f"{name}-kept").err
        assert "defaults of" not in again and "better ones" not in again


def test_json_and_quiet(sentibp, swept):
    result = sentibp("sweep", "mine.yaml", "space.yaml", "--trials", 4, "--out", "found", "--json", "--quiet")
    assert result.err == ""
    found = result.json
    assert found["outcome"] == "finished"
    assert found["states"] == {"finished": 4}
    assert found["best"]["value"] == found["best"]["scores"]["accuracy"]
    assert set(found["settings"]) == {"train.optimizer.learning_rate", "train.epochs"}
    assert Path(found["config"]).exists()
    assert Path(found["run"], "model.safetensors").exists()
    shown = sentibp("sweep", "show", "found", "--json").json
    assert [trial["number"] for trial in shown["trials"]] == [0, 1, 2, 3]
    assert shown["best"] == found["best"]["number"]
    assert shown["trials"][shown["best"]]["settings"] == found["settings"]


def test_show(sentibp, swept):
    result = sentibp("sweep", "show", swept)
    lines = result.out.splitlines()
    assert lines[0].split() == ["trial", "accuracy", "time", "size", "learning_rate", "epochs"]
    values = [float(line.split()[1]) for line in lines[1:4]]
    assert values == sorted(values, reverse=True)
    assert lines[-1] == "next      sentibp train found/best.yaml"


def test_show_takes_the_newest(sentibp, files, fails):
    assert fails(2, "sweep", "show") == "no sweep here (there is none in sweeps/); name its folder"
    sentibp("sweep", "mine.yaml", "space.yaml", "--trials", 1)
    assert sentibp("sweep", "show", "--json").json["sweep"].startswith("sweeps/mine-")
    assert fails(2, "sweep", "show", "space.yaml").startswith("space.yaml: not the folder of a sweep")


def test_the_page(sentibp, swept, fails):
    assert sentibp("sweep", "show", swept, "--html").out.startswith("found/sweep.html  ")
    page = Path("found/sweep.html").read_text()
    assert "<title>Sweep: found</title>" in page
    assert sentibp("sweep", "show", swept, "--html", "--output", "a.html", "--json").json["output"] == "a.html"
    assert Path("a.html").read_bytes() == Path("found/sweep.html").read_bytes(), "the same trials, the same bytes"
    assert "--html" in fails(2, "sweep", "show", swept, "--output", "b.html")


def test_resume_with_more_trials(sentibp, swept, fails):
    result = sentibp("sweep", "--resume", swept, "--trials", 5)
    assert result.err.splitlines()[0] == "found: 3 trials of before; 2 left"
    assert len(load_sweep(swept).trials) == 5
    message = fails(2, "sweep", "mine.yaml", "--resume", swept)
    assert message.startswith("CONFIG: --resume has the config, the space and the options of the sweep; leave out all")
    options = {"--seed": "--seed 0", "--prune": "--no-prune", "--sampler": "--sampler tpe", "--folds": "--folds 2"}
    for name, words in options.items():  # --seed, --sampler and --no-prune were dropped in silence
        assert fails(2, "sweep", "--resume", swept, *words.split()).startswith(f"{name}: --resume has the config")
    assert fails(2, "sweep", "--resume", "gone") == "gone: no such folder; name one that `sentibp sweep` made"
    shutil.copytree(swept, "sweeps/first")
    assert fails(2, "sweep", "--resume", "gone").endswith("that `sentibp sweep` made, such as sweeps/first")


@pytest.mark.usefixtures("swept")
def test_a_changed_config_is_refused_by_name(fails):
    message = fails(2, "sweep", "mine.yaml", "space.yaml", "--out", "found", "--set", "train.batch_size=8")
    assert message.splitlines() == [
        "found: began with other settings; choose another --out, or change these back:",
        "  train.batch_size: 64 -> 8",
    ]
    Path("space.yaml").write_text(SPACE.replace("[0.01, 1]}", "[0.1, 1]}").replace("[1, 2]", "{int: [1, 2]}"))
    message = fails(2, "sweep", "mine.yaml", "space.yaml", "--out", "found", "--sampler", "random")
    assert message.splitlines()[1:] == [
        "  the space of train.optimizer.learning_rate: {log: [0.01, 1.0]} -> {log: [0.1, 1.0]}",
        "  the space of train.epochs: [1, 2] -> {int: [1, 2]}",
        "  --sampler: tpe -> random",
    ]


@pytest.mark.usefixtures("files")
def test_mistakes_are_lines_with_the_exit_code_of_usage(fails, sentibp):
    Path("space.yaml").write_text("train.epochs: [0]\ntrain.lr: [1]\n")
    assert fails(2, "sweep", "mine.yaml", "space.yaml").splitlines() == [
        "space.yaml:1: train.epochs: 0 is too small; give a whole number of at least 1",
        "space.yaml:2: train.lr: unknown key; did you mean 'train.optimizer.learning_rate'?",
    ]
    assert "Missing argument 'SPACE'" in fails(2, "sweep", "mine.yaml")
    assert "Missing argument 'CONFIG'" in fails(2, "sweep", "--trials", 3)
    Path("space.yaml").write_text(SPACE)
    for option, value in [
        *(("--trials", each) for each in (0, -1, "x")),
        *(("--timeout", each) for each in (0, -1, "nan")),
        *(("--jobs", 0), ("--folds", 1), ("--seed", -1), ("--sampler", "best"), ("--metric", "f2")),
    ]:
        assert option in fails(2, "sweep", "mine.yaml", "space.yaml", option, value)
    assert "--metric mae: not a score of these classes" in fails(
        2, "sweep", "mine.yaml", "space.yaml", "--metric", "mae"
    )
    assert "space.yaml:1: train.optimizer.learning_rate: a grid needs steps" in fails(
        2, "sweep", "mine.yaml", "space.yaml", "--sampler", "grid"
    )
    assert "no such file" in fails(3, "sweep", "mine.yaml", "space.yaml", "--set", "data.source=gone.csv")
    assert not list(Path("sweeps").glob("*/trials/*"))


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("space", [SPACE, "train: {epochs: [0, 1], lr: {log: [1, 2]}}\n"])  # also one with mistakes
def test_a_space_before_its_config_is_named(fails, space):
    Path("my space.yaml").write_text(space)
    said = "my space.yaml: is a space, and the config comes first; write sentibp sweep {} 'my space.yaml'"
    for config in "mine.yaml", "quickstart":
        assert fails(2, "sweep", "my space.yaml", config) == said.format(config)
    Path("faulty.yaml").write_text("data: {source: sample}\nmodel: {hiden: [1]}\n")
    assert "did you mean 'hidden'?" in fails(2, "sweep", "faulty.yaml", "mine.yaml")
    assert "my space.yaml:1: " in fails(2, "sweep", "my space.yaml", "my space.yaml")
    assert "gone.yaml" in fails(2, "sweep", "gone.yaml", "mine.yaml")


def test_a_folder_of_a_sweep_is_no_config(fails, sentibp, swept):
    said = "found: the folder of a sweep, not a config and a space; to resume it: sentibp sweep --resume found"
    assert fails(2, "sweep", "found") == fails(2, "sweep", "resume", "found") == said
    (other,) = [each for each in Path("found/trials").glob("*") if not (each / "model.safetensors").exists()][:1]
    line = fails(2, "predict", "-m", other, "a text")
    assert line.startswith(f"{other}: a trial of a sweep, which keeps the model of the best only; train its config")
    *words, config = line.partition("`sentibp ")[2].rstrip("`").split()
    assert sentibp(*words, config).code == 0
    assert "sentibp train found/best.yaml" in fails(2, "predict", "-m", "found", "a text")


@pytest.mark.usefixtures("files")
def test_the_repair_for_data_that_do_not_suit_the_config_works(fails, sentibp):
    """The folder was taken by the settings that were wrong."""
    Path("reviews.csv").write_text("text,label\n" + "a good film,1\na bad film,0\n" * 20)
    sweep = ["sweep", "mine.yaml", "space.yaml", "--trials", 1, "--out", "found", "--set", "data.source=reviews.csv"]
    message = fails(3, *sweep, "--set", "data.text_column=words")
    assert message.startswith("reviews.csv:1: no 'words'; did you mean --set data.text_column=text?")
    assert "1 finished" in sentibp(*sweep, "--set", "data.text_column=text").out


@pytest.mark.usefixtures("files")
def test_a_middle_of_the_space_that_leaves_no_words_does_not_keep_a_sweep_from_starting(sentibp):
    Path("space.yaml").write_text("text.min_count: {int: [1, 4000]}\n")
    result = sentibp("sweep", "mine.yaml", "space.yaml", "--trials", 3, "--out", "found", code=1)
    assert result.err.startswith("found: 3 trials of about ")
    assert "trial 0 (1 of 3): failed: no word occurs " in result.err


@pytest.mark.usefixtures("files")
def test_a_timeout_keeps_what_is_done(sentibp):
    result = sentibp("sweep", "mine.yaml", "space.yaml", "--trials", 10_000, "--timeout", "0.000001", code=1)
    assert "the time is over: 0 of 10,000 trials have ended; to resume: sentibp sweep --resume sweeps/m" in result.err
    folder = next(Path("sweeps").iterdir())
    assert sentibp("sweep", "--resume", folder, "--trials", 1).out.splitlines()[0].startswith("best      trial 0")


@pytest.mark.usefixtures("files")
def test_all_trials_diverge(sentibp):
    Path("space.yaml").write_text("{train.optimizer: [sgd], train.optimizer.learning_rate: [1.0e+30, 1.0e+31]}")
    result = sentibp("sweep", "mine.yaml", "space.yaml", "--trials", 2, "--json", code=4)
    assert result.json["states"] == {"diverged": 2}


@pytest.mark.usefixtures("files")
def test_folds(sentibp):
    result = sentibp("sweep", "mine.yaml", "space.yaml", "--trials", 1, "--folds", 2, "--metric", "log_loss")
    assert "(standard deviation 0." in result.out
    assert ": 1 trial of about " in result.err
    assert " on 2 folds" in result.err
    assert "spread" in sentibp("sweep", "show").out


def test_a_killed_sweep_resumes_and_ends_as_if_it_had_not_been(start, sentibp, swept):
    command = ("sweep", "mine.yaml", "space.yaml", "--trials", "3", "--out", "killed")
    process = start(*command)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(b"trial 0 "):
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (Path("killed") / "trials" / "2" / "model.safetensors").exists()
    sentibp(*command)
    a, b = (load_sweep(Path(folder)).trials for folder in ("found", "killed"))
    assert [(record._replace(seconds=0), settings) for record, settings in a] == [
        (record._replace(seconds=0), settings) for record, settings in b
    ]


@pytest.mark.usefixtures("files")
def test_ctrl_c_ends_after_a_moment_and_says_how_to_resume(start):
    process = start("sweep", "mine.yaml", "space.yaml", "--trials", "1000", "--jobs", "2", "--out", "stopped", "--json")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(b"trial 0 "):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130
    assert b"to resume: sentibp sweep --resume stopped --jobs 2\n" in err
    assert b"Traceback" not in err
    assert json.loads(out)["outcome"] == "interrupted"


@pytest.mark.usefixtures("files")
def test_a_terminal_shows_a_table_that_goes_away(terminal):
    result = terminal("sweep", "mine.yaml", "space.yaml", "--trials", "2")
    assert "2 of 2 trials" in result.err or "1 of 2 trials" in result.err
    assert result.err.rindex("\x1b[?25h") > result.err.rindex("\x1b[?25l"), "the cursor is visible"
    assert "\x1b" not in result.out
    assert result.out.startswith("best      trial ")


@pytest.mark.usefixtures("files")
def test_without_optuna_a_line_says_how_to_install_it(process):
    Path("absent").mkdir()
    Path("absent/optuna.py").write_text("raise ModuleNotFoundError(\"No module named 'optuna'\", name='optuna')")
    path = os.pathsep.join(["absent", *sys.path])
    for words in (["mine.yaml", "space.yaml"], ["show", "found"]):
        result = process("sweep", *words, env={"PYTHONPATH": path}, code=2)
        assert result.err == "a sweep needs optuna: pip install 'sentibp[sweep]'\n"
