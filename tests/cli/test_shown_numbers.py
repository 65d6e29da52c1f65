"""The numbers that commands show agree with each other, and say what they are of."""

from __future__ import annotations

import html
import json
import re
import subprocess
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest
from command import invoke

from sentibp.model.file import load_model

QUICK = ("train", "quickstart", "--set", "train.epochs=4")
LINEAR = ("--set", "train.linear_member=true")


@pytest.fixture(scope="module")
def averaged(tmp_path_factory) -> Path:
    """A run whose model is the average of a network and a linear classifier."""
    path = tmp_path_factory.mktemp("averaged") / "run"
    with chdir(path.parent):  # a training writes runs/last
        path.with_suffix(".txt").write_text(invoke(*QUICK, *LINEAR, "--out", path).err)
    return path


def shown(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    assert found, text
    return int(found[1].replace(",", ""))


def test_every_place_has_the_parameters_of_the_saved_model(averaged, sentibp, here):
    saved = load_model(averaged / "model.safetensors").parameter_count
    network = shown(r"\nnetwork: ([\d,]+) parameters, seed 0;", averaged.with_suffix(".txt").read_text())
    assert saved > network
    done = sentibp(*QUICK, *LINEAR, "--out", "again").out
    assert shown(r"model.safetensors \(([\d,]+) parameters", done) == saved
    assert sentibp("train", "--resume", averaged, "--json").json["parameters"] == saved
    assert shown(r"\nmodel +414 features, ([\d,]+) parameters\n", sentibp(*QUICK, *LINEAR, "--dry-run").out) == saved
    assert shown(r"([\d,]+) parameters", sentibp("card", averaged).out) == saved
    sentibp("report", averaged)
    page = Path("report.html").read_text(encoding="utf-8")
    assert shown(r"units: ([\d,]+) parameters\.", page) == saved
    assert shown(r'<th scope="row" class="key">parameters</th><td>([\d,]+)</td>', page) == saved
    assert "The model is the average of the network and a linear classifier, as one network." in page


def test_running_averages_are_no_parameters(sentibp, here):
    done = sentibp(*QUICK, "--set", "model.batch_norm=true", "--json", "--quiet").json
    model = load_model(Path(done["model"]))
    averages = sum(each.size for each in model.network.buffers.values())
    assert averages > 0
    assert done["parameters"] == sum(each.size for each in model.tensors().values()) - averages
    assert shown(r"([\d,]+) parameters", sentibp("card").out) == done["parameters"]


def test_the_lines_say_what_their_scores_are_of(averaged, sentibp):
    lines = averaged.with_suffix(".txt").read_text().splitlines()
    assert lines[0] == f"{averaged}: 288 reviews, validated on 32; 414 features"
    assert lines[1].endswith("; the scores after each epoch are its own, before averaging and calibration")
    *_, scores, scored = sentibp("runs", "watch", averaged).out.splitlines()
    assert (
        scored == "scored      the average of the network and a linear classifier, calibrated on the validation reviews"
    )
    (run,) = sentibp("runs", "list", averaged.parent, "--json").json
    assert scores.startswith(f"validation  accuracy {run['accuracy']:.4f} [")
    (state,) = sentibp("runs", "watch", averaged, "--json").jsonl
    assert state["saved"]["scores"]["accuracy"] == run["accuracy"]
    assert state["saved"]["what"] == scored.split("  ")[-1].strip()
    assert state["scores"]["log_loss"] != state["saved"]["scores"]["log_loss"], "those of its last epoch"


def test_scores_on_the_training_reviews_say_so(sentibp):
    done = sentibp(*QUICK, "--set", "data.validation=0", "--out", "run")
    assert "\nscored      the network after epoch 4 of 4, on the reviews that it was trained on\n" in done.out
    assert "the scores after each epoch" not in done.err, "there are none"
    assert sentibp("runs", "watch", "run").out.splitlines()[-2:] == done.out.splitlines()[:2]


def test_several_networks_are_counted(sentibp):
    done = sentibp(*QUICK, "--set", "train.members=2", "--set", "train.seeds=2", "--set", "train.refit=true")
    networks = re.findall(r"^network (.*): [\d,]+ parameters, seed (\d)(;?)", done.err, re.MULTILINE)
    first = [("1 of 4", "0", ";"), ("2 of 4", "2", ""), ("3 of 4", "1", ""), ("4 of 4", "3", "")]
    assert networks[:4] == first, "what the scores are of is said once"
    assert [number for number, *_ in networks[4:]] == ["1 of 2", "2 of 2"], "of the final training"
    assert len(re.findall("reviews, validated on 32; 414 features", done.err)) == 1
    assert re.search(r"\nscored +the average of 2 networks, seed [01], calibrated", done.out)


def test_a_training_that_stops_early_looks_finished(sentibp):
    """The final training has as many epochs as were best, and says so from its beginning."""
    options = ("--set", "train.early_stopping={metric: log_loss, patience: 1}", "--set", "train.refit=true")
    done = sentibp(*QUICK, *options, "--out", "run")
    before, after = done.err.split("\nfinal training on all 320 reviews")
    assert before.endswith("\nstops after epoch 2: 1 epoch without a better log loss (train.early_stopping)")
    assert re.findall(r"^epoch (\d/\d):", before, re.MULTILINE) == ["1/4", "2/4"]
    assert re.findall(r"^epoch (\d/\d):", after, re.MULTILINE) == ["1/1"]
    assert "\nscored      the network after epoch 1 of 4, calibrated on the validation reviews\nrefit " in done.out
    watched = sentibp("runs", "watch", "run").out
    assert "\n56 steps, 100%, finished after " in watched, "two epochs of 18, and one of 20"
    assert watched.splitlines()[-1] == re.search("^refit .*", done.out, re.MULTILINE)[0]  # type: ignore[index]


def test_a_report_says_which_model_it_shows_and_which_reviews_are_known(sentibp, here):
    rows = [f"a {('bad', 'good')[i % 2]} film {i},{i % 2}" for i in range(60)]
    Path("known.csv").write_text("\n".join(["text,label", *rows, *rows[:6], ""]))
    one = ("--set", "data.source=known.csv", "--set", "text.ngrams=1", "--set", "train.refit=true")
    sentibp(*QUICK, *one, "--set", "data.validation=0.3", "--out", "run")
    done = sentibp("report", "run", "--json").json
    shown_model, known = done["notes"]
    assert shown_model.startswith("run: the page shows validated.safetensors, the model before the final training")
    assert re.fullmatch(
        r"run: \d of the 20 reviews that the model is scored on are in its training data, too: "
        "expect lower scores on new reviews",
        known,
    )
    assert done["left_out"] == []
    assert "(validated.safetensors)</td>" in Path("report.html").read_text(encoding="utf-8")


def test_validation_reviews_whose_labels_mean_the_opposite(sentibp, here):
    """The accuracy was 0, without a word; `eval` of the same file said why."""
    for name, good in ("train.csv", 1), ("dev.csv", 0):
        rows = [f"a {('bad', 'good')[i % 2]} film {i} of {name},{good if i % 2 else 1 - good}" for i in range(60)]
        (here / name).write_text("\n".join(["text,label", *rows]) + "\n")
    train = "train", "default", "--set", "data.source=train.csv", "--set", "train.epochs=1"
    err = sentibp(*train, "--set", "data.validation=dev.csv", "--out", "turned").err
    assert "data.validation: roc auc 0.00: the labels seem to mean the opposite of those in the training; " in err
    assert "opposite" not in sentibp(*train, "--set", "data.validation=0.5", "--out", "run").err


def test_what_commands_write_by_default_is_not_tracked():
    """A page in the folder of the source tree is as little part of it as the runs are."""
    root = Path(__file__).parents[2]
    names = ["runs/x", "sweeps/x", "report.html", "compressed.safetensors", "model.html", "model.onnx", "model.py"]
    if not (root / ".git").exists():
        pytest.skip("no git repository")
    found = subprocess.run(["git", "check-ignore", *names], cwd=root, capture_output=True, text=True)
    assert found.stdout.split() == names


def test_near_duplicates_are_told_on_every_page(sentibp, here):
    """The note of the training is in run.json, in the report and on the card, and no line contradicts it."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(60):
        words = [f"w{rng.integers(10**6)}" for _ in range(16)]
        rows += [f"{('good', 'bad')[number % 2]} {' '.join(words[k : k + 12])},{1 - number % 2}" for k in range(4)]
    (here / "phrases.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    (here / "phrases.yaml").write_text("data: {source: phrases.csv, group_similar: false}\n")
    err = sentibp("train", "phrases.yaml", "--out", "run", "--set", "train.epochs=1").err
    note = next(line for line in err.splitlines() if "are each nearly the same as a training review" in line)
    assert "accuracy on such reviews lies between" not in err
    assert "no validation review differs clearly from all training reviews" in err or "differ clearly" in err
    caveats = json.loads((here / "run" / "run.json").read_text())["caveats"]
    assert note in caveats
    again = sentibp("train", "--resume", "run")  # a run that has ended says what its training said
    assert "its accuracy on new reviews is not known" in err and "its accuracy on new reviews is not known" in again.err
    for command in (("eval", "run"), ("eval", "run", "--against", "run")):
        assert "model have many of these reviews, or nearly: expect lower" in sentibp(*command).err
    card = sentibp("card", "run").out
    assert note in card and "expect slightly less" not in card
    sentibp("report", "run", "--output", "page.html")
    assert note in re.sub("<[^>]*>", "", html.unescape((here / "page.html").read_text()))  # options have a tag
    sentibp("train", "quickstart", "--out", "other", "--quiet", "--set", "train.epochs=1")
    assert "expect slightly less" in sentibp("card", "other").out
    assert "or nearly" not in sentibp("train", "--resume", "other").err + sentibp("eval", "other").err
    lines = {line.split()[0]: line for line in sentibp("runs", "list", ".").out.splitlines()}
    assert "scored on reviews like its training data" in lines["run"] and "like" not in lines["other"]
    compared = sentibp("runs", "compare", "run", "other").out
    assert "run: its training data have many of the validation reviews" in compared and "other: its" not in compared


@pytest.mark.parametrize(
    ("text", "scored"),
    [
        ("a {} film", "the average of the network and a linear classifier on the lexicon and pretrained vectors"),
        (
            "a {} film, " + "and so on for ever " * 12,
            "the average of the network and a linear classifier on the lexicon",
        ),
        (
            "a {} film, " + "en zo altijd maar voort " * 12,
            "the average of the network and a linear classifier, calibrated",
        ),
    ],
)
def test_what_was_trained_with_the_defaults_for_such_texts(sentibp, here, text, scored):
    """It is the model of the run, not the one of a config that says nothing."""
    rows = [f'"{text.format(["bad", "good"][i % 2])} {i}",{i % 2}' for i in range(60)]
    Path("r.csv").write_text("\n".join(["text,label", *rows]))
    out = sentibp("train", "default", "--set", "data.source=r.csv").out
    line = next(line for line in out.splitlines() if line.startswith("scored"))
    assert line.startswith(f"scored      {scored}")
