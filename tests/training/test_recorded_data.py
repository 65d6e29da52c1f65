"""The data of a training, opened again: content counts, not names."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from sentibp import evaluate, load_model, train_model
from sentibp.config.load import load_config
from sentibp.data import sources
from sentibp.data.dataset import load_data
from sentibp.errors import DataError
from sentibp.export.model_card import write_card
from sentibp.inspection import gradcheck, influence, label_audit
from sentibp.inspection.compare import compare_models
from sentibp.inspection.evaluate import DataOptions
from sentibp.inspection.pages import report_data
from sentibp.runs import find
from sentibp.runs.review_hashes import FILE, load_review_hashes
from sentibp.training.recorded_data import RecordedData
from sentibp.training.reproduce import Reproduction
from sentibp.training.resume import resume
from sentibp.utils import tensor_file

SMALL = {"model": {"embedding": {"dim": 4}, "hidden": []}, "train": {"epochs": 1}, "text": {"ngrams": 1}}


def write(name: str, rows: list[str]) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text("text,label\n" + "".join(f"{row}\n" for row in rows), encoding="utf-8")


def rows(count: int, what: str = "film") -> list[str]:
    return [f"the {what} with number {i} is {['bad', 'good'][i % 2]},{i % 2}" for i in range(count)]


def told(result) -> tuple[str, ...]:
    """The notes, without that on few reviews."""
    return tuple(note for note in result.notes if not note.startswith("only "))


@pytest.fixture
def run(write_config) -> Path:
    """A run in r, whose data are in a/d.csv."""
    write("a/d.csv", rows(60))
    return train_model(write_config("a/c.yaml", data={"source": "d.csv"}, **SMALL), Path("r")).run.absolute()


def test_copies_with_small_changes_of_training_reviews_are_counted(write_config, monkeypatch):
    words = [" ".join(f"w{film}x{i}" for i in range(20)) for film in range(40)]
    write("d.csv", [f"{text},{film % 2}" for film, text in enumerate(words)])
    run = train_model(write_config(data={"source": "d.csv"}, **SMALL), Path("r")).run
    model = load_model(run / "model.safetensors")
    write("near.csv", [*(f"So {text}!,{film % 2}" for film, text in enumerate(words[:20])), *rows(10), f"{words[0]},0"])
    exact, near = told(evaluate(model, "near.csv"))
    assert exact.startswith("1 of 31 reviews is in the training data of the model: ")
    assert near.startswith("20 of 30 other reviews that were compared are each nearly the same as one in the training")
    assert near in told(compare_models(model, model, DataOptions("near.csv")))[-1].replace("second model", "model")
    write("new.csv", rows(20))
    assert told(evaluate(model, "new.csv")) == ()
    with monkeypatch.context() as patch:
        patch.setattr("sentibp.training.recorded_data._LARGE", 100)
        assert told(evaluate(model, "near.csv")) == (exact,)
    write("d.csv", rows(40))
    assert told(evaluate(model, "near.csv")) == (exact,)


def test_the_data_are_those_of_the_run_wherever_it_is_scored(run):
    expected = evaluate(load_model(run / "validated.safetensors"))
    assert told(expected) == ()
    write("b/d.csv", rows(60, "book"))
    os.chdir("b")
    evaluation = evaluate(load_model(run / "validated.safetensors"))
    assert evaluation.scores == expected.scores
    assert told(evaluation) == (f"d.csv: taken from {run.parent}/a/d.csv, as in training; the working directory has "
                                "another file",)  # fmt: skip


def opened_again(run: Path) -> dict:
    """What reads the data of a run again."""
    validated = run / "validated.safetensors"
    config = load_config(run / "config.yaml")
    return {
        "eval": lambda: evaluate(load_model(validated)),
        "eval --against": lambda: compare_models(load_model(validated), load_model(run / "model.safetensors")),
        "gradcheck": lambda: gradcheck.load_with_sample(str(run), 10),
        "blame": lambda: influence.of_text(str(run), "a good film", 3),
        "audit": lambda: label_audit.audit_labels(label_audit.resolve_target(str(run), []).resolved, 2, 3),
        "reproduce": lambda: Reproduction(run),
        "resume": lambda: resume(run, config),
    }


@pytest.mark.parametrize("command", ["eval", "eval --against", "gradcheck", "blame", "audit", "reproduce", "resume"])
def test_changed_data_are_refused(run, complaint, command):
    write("a/d.csv", [row.replace("bad", "dull") for row in rows(60)])
    info = json.loads((run / "run.json").read_text())
    if command == "resume":  # a finished run has nothing to read
        (run / "run.json").write_text(json.dumps(info | {"outcome": "interrupted"}))
    message = complaint(DataError, opened_again(run)[command])
    assert "the training data have changed since it was trained" in message
    assert "other texts, labels or weights" in message
    write("a/d.csv", rows(50))
    assert "reviews then, " in complaint(DataError, opened_again(run)[command])


def test_a_report_falls_back_to_the_recorded_predictions(run):
    write("a/d.csv", rows(50))
    (subject,) = report_data.gather([str(run)])
    assert subject.predictions.scored is None
    assert any("changed since it was trained" in line for line in subject.left_out)


def test_training_reviews_are_counted(run):
    """Held-out reviews are none of the validated model's, and all are the refit model's."""
    validated, refitted = load_model(run / "validated.safetensors"), load_model(run / "model.safetensors")
    assert evaluate(validated).scores["in_training"] == 0
    assert evaluate(validated, "a/d.csv").scores["in_training"] == 54
    evaluation = evaluate(refitted, "a/d.csv")
    assert evaluation.scores["in_training"] == 60
    lower = "expect lower scores on new reviews"
    assert told(evaluation) == (f"60 of 60 reviews are in the training data of the model: {lower}",)
    write("more.csv", [*rows(4, "book"), " " + rows(60)[3]])
    assert told(evaluate(refitted, "more.csv"))[0].startswith("1 of 5 reviews is in the training data")
    write("new.csv", rows(10, "book"))
    evaluation = evaluate(refitted, "new.csv")
    assert (evaluation.scores["in_training"], told(evaluation)) == (0, ())
    comparison = compare_models(validated, refitted)
    assert (comparison.a["in_training"], comparison.b["in_training"]) == (0, 6)
    assert told(comparison) == (f"6 of 6 reviews are in the training data of the second model: {lower}",)


def test_a_model_that_was_copied_over_the_one_of_a_run_has_nothing_of_the_run(run, capsys, new_classifier):
    """Its scores, its data and its report are not those that the run records."""
    assert find.validated_file(str(run)) == run / "validated.safetensors"
    (run / "model.safetensors").write_bytes(new_classifier(["an odd film", "a film"]).to_bytes())
    assert evaluate(load_model(run / "model.safetensors"), "a/d.csv").scores["in_training"] is None
    assert find.validated_file(str(run)) == run / "model.safetensors"
    card = write_card(run / "model.safetensors")
    assert card.facts["data"] == card.facts["scores"] == []
    line = "model.safetensors: not the model that run.json beside it records; the card is of the file alone\n"
    assert capsys.readouterr().err == f"{run}/{line}"
    (subject,) = report_data.gather([str(run)], DataOptions("a/d.csv"))
    assert (subject.facts, subject.events, subject.file) == ({}, [], None)
    assert any("is not the model that its run.json records" in line for line in subject.left_out)


def test_a_run_without_hashes_and_a_model_without_a_run(run):
    (run / FILE).unlink()
    assert evaluate(load_model(run / "model.safetensors"), "a/d.csv").scores["in_training"] is None
    shutil.copy(run / "validated.safetensors", "alone.safetensors")
    alone = load_model(Path("alone.safetensors"))
    evaluation = evaluate(alone, "a/d.csv")
    assert evaluation.scores["in_training"] is None
    data = "may have been trained on some of these reviews: only its run directory tells (training data: d.csv)"
    assert told(evaluation) == (f"the model {data}",)
    comparison = compare_models(alone, load_model(run / "model.safetensors"), DataOptions("a/d.csv"))
    assert told(comparison) == (f"the first model {data}", f"the second model {data.replace('d.csv', 'a/d.csv')}")
    os.chdir("a")
    assert told(evaluate(alone)) == ()  # of its own validation reviews, it is known


def test_validation_reviews_of_their_own_need_no_training_reviews(write_config, complaint):
    write("a/d.csv", rows(60))
    write("a/v.csv", rows(20, "book"))
    data = {"source": "d.csv", "validation": "v.csv"}
    run = train_model(write_config("a/c.yaml", data=data, **SMALL), Path("r")).run.absolute()
    model = load_model(run / "model.safetensors")
    expected = evaluate(model)
    assert expected.scores["n"] == 20
    os.remove("a/d.csv")
    assert evaluate(model) == expected
    write("v.csv", rows(20, "song"))
    evaluation = evaluate(model)
    assert evaluation.scores == expected.scores
    assert told(evaluation) == ("v.csv: taken from a/v.csv, as in training; the working directory has another file",)
    write("a/v.csv", rows(20, "song"))
    message = complaint(DataError, evaluate, model)
    assert "the validation data have changed since it was trained: other texts" in message


def test_damaged_hashes(run, complaint):
    content = bytearray((run / FILE).read_bytes())
    content[-1] ^= 1
    (run / FILE).write_bytes(content)
    assert complaint(DataError, load_review_hashes, run).startswith(
        f"{run / FILE}: damaged: its content does not match"
    )


def test_a_model_alone_tells_other_reviews_by_its_scores(run):
    """It has no fingerprint, but it records its scores."""
    shutil.copy(run / "validated.safetensors", "alone.safetensors")
    shutil.copy("a/d.csv", "d.csv")
    assert told(evaluate(load_model(Path("alone.safetensors")))) == ()
    write("d.csv", [f"{row.split(',')[0]},{i // 2 % 2}" for i, row in enumerate(rows(60))])
    (note,) = told(evaluate(load_model(Path("alone.safetensors"))))
    assert re.fullmatch(
        r"probably not the validation reviews of the training: the model file records accuracy 1\.0000, log loss "
        r"[\d.]+ on 6 reviews",
        note,
    )


def test_a_model_alone_tells_reviews_on_which_it_is_as_accurate(run):
    """Another file of the same name was scored as the model's own validation reviews, without a word."""
    shutil.copy(run / "validated.safetensors", "alone.safetensors")
    write("d.csv", rows(60, "song"))
    evaluation = evaluate(load_model(Path("alone.safetensors")))
    assert evaluation.scores["accuracy"] == load_model(Path("alone.safetensors")).scores["accuracy"]
    assert "probably not the validation reviews of the training" in "".join(told(evaluation))


def test_the_reviews_of_pretraining_with_labels_are_training_reviews(write_config):
    write("d.csv", rows(60))
    settings = SMALL | {"pretrain": {"vectors": "words", "dim": 1, "labelled": "sample"}}
    run = train_model(write_config(data={"source": "d.csv"}, **settings)).run
    recorded = RecordedData(load_model(run / "model.safetensors"))
    assert recorded.in_training(sources.load_corpus("sample").text).sum() == 320


def test_a_run_resumes_with_data_that_were_moved(run):
    """The path is not what counts."""
    shutil.move("a", "b")
    info = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(info | {"outcome": "interrupted"}))
    with resume(run, load_config(run / "config.yaml", ["data.source=b/d.csv"])) as training:
        for _ in training:
            pass
        assert training.finish().digest == info["digest"]


# Validation data of their own


def split_folder(name: str, **splits: range) -> None:
    for split, numbers in splits.items():
        for label in ("neg", "pos"):
            folder = Path(name, split, label)
            folder.mkdir(parents=True)
            for i in numbers:
                (folder / f"{i}.txt").write_text(f"this {label} film has the number {i}")


def test_a_folder_that_has_no_splits(write_config, complaint):
    """It would be validated on its own training reviews."""
    split_folder("imdb", train=range(20), test=range(20, 30))
    config = write_config(data={"source": "imdb/train", "validation": "test"})
    assert complaint(DataError, train_model, config) == (
        'imdb/train: a folder with pos/ and neg/ itself has no splits; overrides=["data.source=./imdb"] has the '
        'splits train and test, and overrides=["data.validation=0.1"] holds out a tenth'
    )
    assert train_model(load_config("small.yaml", ["data.source=./imdb"])).scores["n"] == 20
    assert train_model(load_config("small.yaml", ["data.validation=0.1"])).scores["n"] == 4


def test_a_split_is_never_ignored(write_config, complaint):
    split_folder("acl", train=range(20), test=range(20, 30))
    write("d.csv", rows(40))
    for source, what in (("d.csv", "a file"), ("acl/test", "a folder with pos/ and neg/ itself"), ("xor", "xor")):
        message = complaint(DataError, train_model, write_config(data={"source": source, "split": "dev"}))
        assert f'{what} has no splits; overrides=["data.split=train"] reads all of it' in message
    run = train_model(write_config(data={"source": "d.csv"})).run
    message = complaint(DataError, evaluate, load_model(run / "model.safetensors"), "d.csv", "dev")
    assert message == 'd.csv: a file has no splits; leave out split="dev"'
    assert evaluate(load_model(run / "model.safetensors"), "acl/test").scores["n"] == 20
    settings = {"vectors": "words", "dim": 1, "source": "d.csv", "split": "dev"}
    message = complaint(DataError, train_model, write_config(pretrain=settings, data={"source": "sample"}))
    assert message == 'd.csv: a file has no splits; overrides=["pretrain.split=unsupervised"] reads all of it'


def test_a_split_with_training_reviews_is_refused(write_config, complaint):
    split_folder("acl", train=range(20), test=range(16, 36))
    config = write_config(data={"source": "acl", "validation": "test"})
    message = complaint(DataError, train_model, config)
    assert message.startswith("data.validation: test: 8 of its 40 reviews are also training reviews, so its scores say")
    shutil.rmtree("acl")
    split_folder("acl", train=range(20), test=range(19, 39))
    outcome = train_model(config)
    assert outcome.scores["n"] == 40
    assert "2 of 40 validation reviews also occur in the training data" in outcome.notes
    assert evaluate(load_model(outcome.model)).scores["in_training"] == 2


def test_training_reviews_are_known_however_they_are_spelled(write_config, complaint):
    """As another program saves them, such as with no-break spaces and soft hyphens."""
    write("d.csv", rows(60, "author's film"))
    spelled = [
        row.replace("'", "\u2019").replace("the", "the\u00a0").replace("fil", "fi\u00adl")
        for row in rows(60, "author's film")
    ]
    write("copy.csv", spelled[:20])
    config = write_config(data={"source": "d.csv", "validation": "copy.csv"}, **SMALL)
    assert "copy.csv: 20 of its 20 reviews are also training reviews" in complaint(DataError, train_model, config)
    write("copy.csv", [*spelled[:2], *rows(30, "book")])
    outcome = train_model(config)
    assert "2 of 32 validation reviews also occur in the training data" in outcome.notes
    assert evaluate(load_model(outcome.model), "copy.csv").scores["in_training"] == 2


def test_hashes_of_an_earlier_version_count(run, write_config):
    """Also if a model that starts from that of the earlier run has passed them on."""
    text = [row.partition(",")[0] for row in rows(60)]
    digests = (hashlib.blake2b(each.replace(" ", "").encode(), digest_size=8).digest() for each in text)
    hashes = np.frombuffer(b"".join(digests), np.int64)
    tensors = {"training": np.sort(hashes), "validation": np.zeros(0, np.int64)}
    (run / FILE).write_bytes(tensor_file.pack_tensor_file({"version": 2}, tensors, "review_hashes"))
    write("copy.csv", [rows(60)[0].replace("the", "THE\u00a0"), rows(60)[1].upper(), *rows(30, "book")])
    assert evaluate(load_model(run / "model.safetensors"), "copy.csv").scores["in_training"] == 2
    write("books.csv", rows(60, "book")[30:])
    config = write_config(
        data={"source": "books.csv", "validation": "copy.csv"},
        **(SMALL | {"model": SMALL["model"] | {"init_from": str(run)}}),
    )
    outcome = train_model(config)
    assert any(note.startswith("2 of 32 validation reviews are in the training data of") for note in outcome.notes)
    assert evaluate(load_model(outcome.model), "a/d.csv").scores["in_training"] == 60


def test_groups_lie_on_one_side(write_config):
    text = "".join(f"{row},{i // 10}\n" for i, row in enumerate(rows(200)))
    Path("d.csv").write_text(f"text,label,film\n{text}", encoding="utf-8")
    training, validation = load_data(write_config(data={"source": "d.csv", "group_column": "film"}).config)
    assert not set(training.group.tolist()) & set(validation.group.tolist())
    assert len(validation) == 20
