"""The files that a training writes when it stops in a step."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from runner import fit

from sentibp.data.corpus import Corpus
from sentibp.errors import DataError
from sentibp.model import file
from sentibp.training import postmortem
from sentibp.training.break_condition import BreakConditionMet, parse_condition
from sentibp.training.diverged import Diverged
from sentibp.training.postmortem import FailedStep
from sentibp.utils.arrow import strings

TEXTS = ["good film", "great  film\n" + 30 * "very ", "bad film", "awful film", "fine \x1b[31mplot", "dull plot"]
LABEL = [1, 1, 0, 0, 1, 0]


@pytest.fixture
def stopped(new_classifier, examples_of):
    """`stopped("step == 2", train={...})` returns the failed step of a training, and its data."""

    def run(condition: str = "step == 2", spoil=lambda params: None, **sections):
        sections["train"] = {"batch_size": 2, "epochs": 3} | sections.get("train", {})
        classifier = new_classifier(TEXTS, **sections)
        examples = replace(examples_of(classifier, TEXTS, LABEL), classes=classifier.spec.label_set)
        spoil(classifier.network.params)
        with pytest.raises((BreakConditionMet, Diverged)) as caught:
            list(fit(classifier, examples, None, 7, stop=parse_condition(condition)))
        failed = caught.value.failed_step
        assert isinstance(failed, FailedStep)
        return failed, Corpus(text=strings_of(TEXTS), label=np.array(LABEL, np.int8))

    return run


def strings_of(texts):
    import pyarrow as pa

    return pa.chunked_array([strings(texts)])


def test_the_files_of_a_postmortem(stopped, tmp_path):
    failed, corpus = stopped()
    postmortem.save(tmp_path / "postmortem", "what happened", failed, corpus)
    report = json.loads((tmp_path / "postmortem/postmortem.json").read_text())
    assert report["what"] == "what happened"
    assert (report["seed"], report["step"], report["epoch"], report["tensor"]) == (7, 2, 1, None)
    assert report["gradient_norm"] == failed.step.gradient_norm
    lengths = [each["gradient"]["norm"] for each in report["tensors"].values()]
    assert np.sqrt(np.square(lengths).sum()) == pytest.approx(failed.step.gradient_norm)
    assert report["tensors"]["embedding.weight"]["rows"] == len(failed.step.gradients["embedding.weight"].rows)
    assert report["tensors"]["output.bias"]["weights"]["not_finite"] == 0
    lines = [json.loads(line) for line in (tmp_path / "postmortem/batch.jsonl").read_text().splitlines()]
    assert [(line["review"], line["text"]) for line in lines] == [(i, TEXTS[i]) for i in failed.reviews]
    assert {line["place"] for line in lines} == {None}, "these reviews are of no file"
    assert [line["label"] for line in lines] == [("negative", "positive")[LABEL[i]] for i in failed.reviews]
    model = file.load_model(tmp_path / "postmortem/weights.safetensors")
    logits = model.logits(failed.training.features.take(failed.reviews))
    assert [line["logit"] for line in lines] == pytest.approx(logits.tolist())
    from sentibp.config.load import load_config

    assert load_config(tmp_path / "postmortem/config.yaml").config == failed.config


def test_with_several_labels_each_has_a_logit(stopped, tmp_path):
    failed, corpus = stopped(data={"labels": ["1", "2", "3", "4"]})
    postmortem.save(tmp_path / "postmortem", "what happened", failed, corpus)
    lines = [json.loads(line) for line in (tmp_path / "postmortem/batch.jsonl").read_text().splitlines()]
    assert [line["label"] for line in lines] == [("1", "2")[LABEL[i]] for i in failed.reviews]
    model = file.load_model(tmp_path / "postmortem/weights.safetensors")
    logits = model.logits(failed.training.features.take(failed.reviews))
    assert np.array([line["logits"] for line in lines]) == pytest.approx(logits)


def test_weights_that_are_not_finite_are_reported(stopped, tmp_path):
    def spoil(params):
        params["hidden.0.weight"][0, :2] = np.inf, np.nan

    failed, _ = stopped(spoil=spoil)
    assert failed.tensor == "hidden.0.weight"
    postmortem.save(tmp_path / "postmortem", "", failed, None)
    report = json.loads((tmp_path / "postmortem/postmortem.json").read_text())
    assert report["layer"] == "hidden.0"
    assert report["loss"] is None
    assert report["tensors"]["hidden.0.weight"]["weights"]["not_finite"] == 2
    (text,) = {json.loads(line)["text"] for line in (tmp_path / "postmortem/batch.jsonl").read_text().splitlines()}
    assert text is None
    with pytest.raises(DataError, match=r"hidden\.0\.weight holds numbers that are not finite"):
        file.load_model(tmp_path / "postmortem/weights.safetensors")


def test_the_lines_of_a_postmortem(stopped):
    failed, corpus = stopped(train={"batch_size": 6})
    step = replace(failed.step, loss=0.5, gradient_norm=1e9)
    failed = failed._replace(step=step, reviews=np.array([1, 4, 0, 2]), tensor="hidden.0.norm.scale")
    first, second = postmortem.failed_step_lines(failed, corpus)
    assert first == (
        "layer hidden.0, tensor hidden.0.norm.scale; "
        f"loss 0.5, gradient norm 1e+09, learning rate {failed.step.learning_rate:g}"
    )
    numbered = "training reviews of the batch (numbered from 0, without those left out or held out): "
    assert second == (
        f'{numbered}number 1 "great film very very very very ...", number 4 "fine  [31mplot", number 0 "good film", '
        "and 1 more"
    )
    assert postmortem.failed_step_lines(failed, None)[1] == f"{numbered}number 1, number 4, number 0, and 1 more"
    in_files = replace(corpus, place=strings_of([f"x.csv:{2 * i}" for i in range(6)]))
    assert postmortem.failed_step_lines(failed, in_files)[1] == (
        'training reviews of the batch: x.csv:2 "great film very very very very ...", x.csv:8 "fine  [31mplot", '
        'x.csv:0 "good film", and 1 more'
    )
