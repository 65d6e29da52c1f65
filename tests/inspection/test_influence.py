"""Influences are exact where training is linear, and have the right sign where it is not."""

from __future__ import annotations

import csv
import json
import shlex
from pathlib import Path

import heads
import numpy as np
import pytest
import runner

from sentibp.config.load import load_config
from sentibp.data import dataset
from sentibp.data.examples import Examples
from sentibp.errors import ConfigError, DataError
from sentibp.inspection import influence, step_influence
from sentibp.model import file as model_file
from sentibp.model import initial, naive_bayes
from sentibp.nn import Ragged, RowGrad
from sentibp.nn.optim import Adagrad
from sentibp.runs import influence_log
from sentibp.utils.arrow import strings

TEXT = "a great film , but not the best one"
LINEAR = ["model.hidden=[]", "train.freeze=[output]", "train.calibrate=false", "model.embedding.padding=2"]
EVERY = 10**9


@pytest.fixture
def train(here):
    def train(*overrides: str):
        return runner.train_model(load_config("quickstart", ["data.validation=0", *LINEAR, *overrides])).run

    return train


def total(found: influence.Influences) -> float:
    return sum(each.influence for each in found.up + found.down)


def moved(run, text: str) -> float:
    """Return how far the whole training has moved the logit of a text."""
    settings = load_config(run / "config.yaml").config
    trained = model_file.load_model(run / "model.safetensors")
    corpus, _ = dataset.load_data(settings)
    features, _, _ = trained.encode(corpus.text)
    untrained = initial.build_classifier(settings, trained.vocabulary, 0, examples=Examples(features, corpus.label))
    encoded, _, _ = trained.encode(strings([text]))
    return float((trained.logits(encoded) - untrained.logits(encoded))[0])


@pytest.mark.parametrize(
    ("optimizer", "pooling"),
    [
        ("{name: sgd, learning_rate: 1.0}", "mean"),
        ("{name: sgd, learning_rate: 1.0, clip_norm: 0.05}", "mean"),
        ("{name: sgd, learning_rate: 0.3}", "sqrt"),
        ("{name: sgd, learning_rate: 0.01}", "sum"),
        ("{name: rmsprop, learning_rate: 0.01}", "mean"),
        ("{name: adam, learning_rate: 0.01, beta1: 0}", "mean"),
    ],
)
@pytest.mark.parametrize("presence", ["false", "true"])
def test_the_influences_add_up_to_the_effect_of_the_training(train, optimizer, pooling, presence):
    """With a frozen output and no hidden layer the gradient of z by a row is constant, so the estimate is exact."""
    rows = ["model.embedding.init=normal", f"model.embedding.pooling={pooling}"]
    run = train(f"train.optimizer={optimizer}", "train.epochs=3", f"text.presence={presence}", *rows)
    found = influence.of_text(str(run), TEXT, EVERY)
    assert abs(moved(run, TEXT)) > 1e-3
    assert total(found) == pytest.approx(moved(run, TEXT), rel=1e-3)
    assert all(each.initial == 0 for each in found.up + found.down)
    assert found.logit == pytest.approx(float(model_file.load_model(run / "model.safetensors").logits(encoded(run))[0]))


@pytest.mark.parametrize("row_wise", [True, False])
@pytest.mark.parametrize("steps", [1, 3, 40])
def test_adagrad_without_one_gradient(steps, row_wise):
    """Compare with the optimizer itself, which does not get this gradient."""
    rng = np.random.default_rng(steps)
    place = np.sort(np.concatenate([np.arange(steps), rng.integers(steps, size=2 * steps)]))
    gradients, direction = rng.standard_normal((len(place), 4)), rng.standard_normal(4)
    gradients[::3] *= 1e-3  # these change the sum of squares little
    rate = rng.uniform(0.5, 1, steps)

    def path(without: int | None) -> float:
        optimizer, row = Adagrad(row_wise=row_wise), np.zeros((1, 4))
        for step in range(steps):
            subset = [i for i in np.flatnonzero(place == step).tolist() if i != without]
            sums = RowGrad(np.array([0]), gradients[subset].sum(axis=0)[None])
            optimizer.step([("row", row, sums)], rate[step])
        return -float(row[0] @ direction)

    changes = step_influence._adagrad_changes(gradients, place, rate, direction, Adagrad(row_wise=row_wise))
    expected = [path(None) - path(i) for i in range(len(place))]
    assert changes == pytest.approx(expected, rel=1e-3, abs=1e-5)


def encoded(run) -> Ragged:
    return model_file.load_model(run / "model.safetensors").encode(strings([TEXT]))[0]


def test_the_learning_rate_of_the_embedding_counts(train):
    own = "train.learning_rates={embedding: 0.5}"
    run = train("train.optimizer={name: sgd, learning_rate: 1.0}", own, "model.embedding.init=normal")
    assert total(influence.of_text(str(run), TEXT, EVERY)) == pytest.approx(moved(run, TEXT), rel=1e-3)


def test_the_initial_influence_is_the_derivative_of_the_log_count_ratio(train):
    """Compare with the ratio itself, with a review counted a little less."""
    run = train("train.optimizer={name: sgd, learning_rate: 1e-9}", "train.epochs=1")
    found = influence.of_word(str(run), "film", EVERY)
    settings = load_config(run / "config.yaml").config
    corpus, _ = dataset.load_data(settings)
    classifier = model_file.load_model(run / "model.safetensors")
    features, _, _ = classifier.encode(corpus.text)
    word = int(np.flatnonzero(np.array(classifier.vocabulary.features().to_pylist()) == "film")[0])
    weight = classifier.tensors()
    share = weight["output.weight"][0, 0] / (1 + settings.model.embedding.padding)
    unit = weight["embedding.weight"][word, 0] / ratio(features, corpus.label, word, -1, 0.0)
    for each in found.up[:3] + found.down[:3]:
        step = 1e-6
        changed = ratio(features, corpus.label, word, each.review - 1, step)
        slope = (ratio(features, corpus.label, word, -1, 0.0) - changed) / step
        assert each.initial == pytest.approx(slope * unit * share, rel=1e-3)
        assert each.initial == pytest.approx(each.influence, rel=1e-3)


def ratio(features: Ragged, label, word: int, review: int, less: float) -> float:
    """Return the log-count ratio of a word, with the count of one review reduced by `less`."""
    times = np.ones(len(label))
    if review >= 0:
        times[review] -= less
    size = int(features.ids.max()) + 1
    p, q = (
        1 + np.bincount(features.ids, np.repeat(times * (label == kind), features.lengths), minlength=size)
        for kind in (1, 0)
    )
    return float(np.log((p[word] / p.sum()) / (q[word] / q.sum())))


@pytest.mark.parametrize("shares", [False, True])
def test_the_initial_influence_of_reviews_with_weights(shares):
    """Compare with the ratio itself, where a review has a little less weight; all smoothing stays as it is."""
    rng = np.random.default_rng(1)
    x = Ragged(rng.integers(0, 6, 60).astype(np.int32), np.arange(0, 61, 5))
    label, weight = rng.random(12) if shares else rng.integers(0, 2, 12), rng.uniform(0.5, 3, 12)
    task, feature = Examples(x, label, weight), np.array([1, 2, 5])
    share = naive_bayes.positive_share(task)

    def log_ratio(weight):
        counts = naive_bayes.class_counts(Examples(x, label.astype(np.float64), weight), 6)
        p, q = (count + 2 * each for count, each in zip(counts, (share, 1 - share), strict=True))
        return np.log((p / p.sum()) / (q / q.sum()))

    overlap, gradient, step = influence._find_overlap(x, feature, 6), rng.standard_normal(3), 1e-6
    found = influence._influence_of_counts(task, 0.3 * log_ratio(weight), overlap, gradient)
    less = (weight * (1 - step * np.eye(12)[i]) for i in range(12))
    slopes = [0.3 * (log_ratio(weight) - log_ratio(each))[feature] / step for each in less]  # (n, k)
    expected = (slopes * gradient)[overlap.review, overlap.column]
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_a_training_review_has_the_largest_influence_on_its_own_prediction(here):
    """Also with hidden layers, batch norm and all defaults, and towards its label."""
    changes = ["train.optimizer.learning_rate=0.03", "model.batch_norm=true", "model.hidden=[8,8]"]
    run = runner.train_model(load_config("quickstart", changes)).run
    settings = load_config(run / "config.yaml").config
    training, _ = dataset.load_data(settings)
    for i in (3, 50, 100):
        found = influence.of_text(str(run), training.text[i].as_py(), 3)
        largest = max(found.up[:1] + found.down[:1], key=lambda each: abs(each.influence))
        assert (largest.review, largest.text) == (i + 1, training.text[i].as_py())
        assert (largest.influence > 0) == (training.label[i] == 1) == (largest.label == "positive")
        assert [shared.text for shared in largest.shared]
        assert found.sharing <= found.reviews == 288


def test_labels_do_not_influence_the_start_from_another_model(train):
    naive_bayes = ["model.embedding.init=naive_bayes", "train.epochs=1"]
    first = train(*naive_bayes)
    assert any(each.initial for each in influence.of_word(str(first), "film", 3).up)
    found = influence.of_word(str(train(*naive_bayes, f"model.init_from={first}")), "film", 3)
    assert [each.initial for each in found.up + found.down] == [0] * 6


def test_no_review_influences_frozen_rows(train):
    run = train("train.freeze=[embedding]", "model.embedding.init=normal")
    found = influence.of_text(str(run), TEXT, 5)
    assert found.up == found.down == []


@pytest.mark.parametrize("name", ["adam", "momentum", "nesterov", "adamw"])
def test_momentum_is_ignored_but_the_sign_is_right(train, name):
    rate = 0.01 if name.startswith("adam") else 1.0
    run = train(f"train.optimizer={{name: {name}, learning_rate: {rate}}}", "model.embedding.init=normal")
    assert total(influence.of_text(str(run), TEXT, EVERY)) * moved(run, TEXT) > 0


def test_mistakes(train, complaint, here):
    run = train()
    assert "no word of the text" in complaint(ConfigError, influence.of_text, str(run), "zzzq", 3)
    assert "'zzzq': no word or n-gram of the model" in complaint(ConfigError, influence.of_word, str(run), "zzzq", 3)
    file = str(run / "model.safetensors")
    said = complaint(ConfigError, influence.of_text, file, "film", 3)
    assert said == f"{file}: a model file, not a run directory; name its run directory: -m {run}"


def test_the_command_for_a_run_of_short_texts_trains_a_network_that_knows_as_much(here, complaint):
    """Without the words that come with sentibp, its embedding starts as a linear classifier, not from zeros."""
    rows = [f"it {('broke', 'works')[i % 2]} after {i} days,{i % 2}" for i in range(60)]
    Path("r.csv").write_text("\n".join(["text,label", *rows]))
    outcome = runner.train_model(load_config("default", ["data.source=r.csv"]), Path("run"))
    message = complaint(DataError, influence_log.load_influence_log, outcome.run)
    command = shlex.split(message.rpartition("`sentibp ")[2].rstrip("`"))
    assert command[:2] == ["train", "run/config.yaml"]
    again = runner.train_model(load_config(command[1], command[3::2]), Path("again"))
    assert influence_log.load_influence_log(again.run)
    good, bad = model_file.load_model(again.model).predict(strings(["works", "broke"])).positive
    assert good > 0.6 > 0.4 > bad


def test_training_data_that_changed_or_is_gone(here, complaint):
    source = load_config("quickstart").path.parent.parent / "data" / "train.csv"
    with open(source, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))

    def write(rows: list[list[str]]) -> None:
        with open("mine.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)

    write(rows)
    run = str(runner.train_model(load_config("quickstart", ["data.source=mine.csv", "train.epochs=1"])).run)
    assert influence.of_text(run, "film", 1).reviews == 288
    write([*rows[:-1], [f"{rows[-1][0]}!", *rows[-1][1:]]])
    assert complaint(DataError, influence.of_text, run, "film", 1) == (
        f"{run}: the training data have changed since it was trained: other texts, labels or weights; "
        f"train on them with `sentibp train {run}/config.yaml`"
    )
    write([["text", "stars"], *rows[1:]])
    message = complaint(DataError, influence.of_text, run, "film", 1)
    assert "--set data.label_column=stars" in message, "which blame does not have"
    again = f"start a new training, `sentibp train {run}/config.yaml`, with such an option"
    assert message.endswith(f"; a run keeps its settings: restore the data, or {again}")
    (here / "mine.csv").unlink()
    assert "mine.csv: no such file" in complaint(DataError, influence.of_text, run, "film", 1)
    (here / run / influence_log.FILE).unlink()
    assert "has no influence_log.safetensors" in complaint(DataError, influence.of_text, run, "film", 1)


# --- more than two labels


LABELS_TEXT = "w0a w1b film w2c"


def train_several(path, head, *overrides: str):
    data, output = heads.HEADS[head]
    heads.write_reviews(path / "reviews.csv", data["labels"])
    changes = [f"data.{key}={json.dumps(value)}" for key, value in data.items()]
    changes += [f"data.source={path / 'reviews.csv'}", f"model.output={output}", "data.validation=0", *LINEAR[:3]]
    frozen = {"scale of 5": ["scale"], "cumulative": ["thresholds"]}.get(head, [])
    changes[-2] = f"train.freeze={json.dumps(['output', *frozen])}"
    return runner.train_model(load_config("quickstart", [*changes, *overrides])).run


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("head", [head for head in heads.HEADS if head != "cumulative"])
def test_the_influences_on_a_label_add_up_to_the_first_order(tmp_path, head):
    """Where the logits are linear in the rows, their change is that of the outputs by all steps, to the first order."""
    sgd = "train.optimizer={name: sgd, learning_rate: 0.2}"
    mean = "model.embedding.pooling=mean"
    run = train_several(tmp_path, head, sgd, mean, "train.epochs=1", "model.embedding.init=normal")
    trained = model_file.load_model(run / "model.safetensors")
    settings = load_config(run / "config.yaml").config
    corpus, _ = dataset.load_data(settings)
    features, _, _ = trained.encode(corpus.text)
    examples = Examples(features, corpus.label, classes=trained.spec.label_set)
    untrained = initial.build_classifier(settings, trained.vocabulary, 0, examples=examples)
    text, _, _ = trained.encode(strings([LABELS_TEXT]))
    before, after = (each.logits(text)[0].astype(np.float64) for each in (untrained, trained))
    for number, label in enumerate(trained.spec.labels):
        found = influence.of_text(str(run), LABELS_TEXT, EVERY, label)
        rest = np.arange(len(after)) != number
        shares = np.exp(after[rest]) / np.exp(after[rest]).sum()
        expected = (after - before)[number] - shares @ (after - before)[rest]
        assert abs(expected) > 1e-4
        assert total(found) == pytest.approx(expected, rel=1e-2, abs=1e-6)
        assert found.towards == label
        assert found.positive == pytest.approx(trained.predict(strings([LABELS_TEXT])).positive[0][number], abs=1e-5)
        assert found.logit == pytest.approx(np.log(found.positive / (1 - found.positive)), abs=1e-4)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("head", heads.HEADS)
def test_reviews_with_its_label_influence_a_label_most(tmp_path, head):
    data, output = heads.HEADS[head]
    rows = heads.write_reviews(tmp_path / "reviews.csv", data["labels"])
    changes = [f"data.{key}={json.dumps(value)}" for key, value in data.items()]
    changes += [f"data.source={tmp_path / 'reviews.csv'}", f"model.output={output}", "data.validation=0"]
    changes += ["train.optimizer={name: sgd, learning_rate: 0.5}", "text.min_count=1", "model.embedding.init=normal"]
    run = runner.train_model(load_config("quickstart", changes)).run
    for i in (3, 50, 100):
        text, label = rows[i]
        found = influence.of_text(str(run), text, 3, label)
        assert [each.label for each in found.up] == [label] * 3


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("head", ["scale of 5", "softmax", "cumulative"])
def test_the_initial_influence_is_the_derivative_of_each_ratio(tmp_path, head):
    """Compare with the initial columns themselves, with a review counted a little less."""
    sgd = "train.optimizer={name: sgd, learning_rate: 1e-9}"
    run = train_several(tmp_path, head, sgd, "train.epochs=1", "model.embedding.init=naive_bayes")
    found = influence.of_word(str(run), "w0a", EVERY)
    classifier = model_file.load_model(run / "model.safetensors")
    settings = load_config(run / "config.yaml").config
    corpus, _ = dataset.load_data(settings)
    features, _, _ = classifier.encode(corpus.text)
    word = classifier.vocabulary.features().to_pylist().index("w0a")
    number = classifier.spec.labels.index(found.towards)
    text = Ragged(np.array([word], np.int32), np.array([0, 1]))

    def ratios(weight):
        examples = Examples(features, corpus.label, weight, classifier.spec.label_set)
        return [log_ratios(task) for task in naive_bayes.binary_tasks(examples, classifier.spec.head)]

    def log_ratios(task):
        p, q = naive_bayes.class_counts(task, len(classifier.vocabulary))
        share = 0.5 * 0 + float(np.mean(task.label))  # the smoothing stays that of all reviews
        p, q = p + 2 * share, q + 2 * (1 - share)
        return np.log((p / p.sum()) / (q / q.sum()))

    columns = naive_bayes.naive_bayes_columns(
        Examples(features, corpus.label, classes=classifier.spec.label_set),
        classifier.vocabulary, settings.model.embedding, classifier.spec.head,
    )  # fmt: skip
    start = ratios(np.ones(len(corpus)))
    units = [column[np.abs(ratio).argmax()] / ratio[np.abs(ratio).argmax()]
             for column, ratio in zip(columns.T, start, strict=True)]  # fmt: skip
    _, gradient = influence._text_gradient(classifier, text, number)
    for each in found.up[:3] + found.down[:3]:
        weight, step = np.ones(len(corpus)), 1e-5
        weight[each.review - 1] -= step
        slopes = [(a[word] - b[word]) / step for a, b in zip(start, ratios(weight), strict=True)]
        expected = sum(slope * unit * g for slope, unit, g in zip(slopes, units, gradient[0], strict=False))
        assert each.initial == pytest.approx(expected, rel=1e-3)
        assert each.initial == pytest.approx(each.influence, rel=1e-3)


@pytest.mark.usefixtures("here")
def test_mistakes_with_labels(tmp_path, complaint, train):
    run = str(train_several(tmp_path, "softmax", "train.epochs=1"))
    assert complaint(ConfigError, influence.of_text, run, "film", 3, "plum") == (
        "--towards plum: is no label of the model; choose from apple, pear, fig"
    )
    assert complaint(ConfigError, influence.of_text, run, "film", 3, "Aple") == (
        "--towards Aple: is no label of the model; did you mean --towards apple? There are: apple, pear, fig"
    )
    two = complaint(ConfigError, influence.of_text, str(train("train.epochs=1")), "film", 3, "positive")
    assert two == "--towards positive: with two labels both directions are shown; leave it out"
