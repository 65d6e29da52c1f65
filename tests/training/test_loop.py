"""The training loop: its events, batches, updates, weights, schedules and divergence."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runner import fit

from sentibp.data.examples import Examples
from sentibp.model.classifier import Classifier
from sentibp.nn import optim
from sentibp.nn.layers import Ragged, RowGrad, Sequential, WordDropout
from sentibp.nn.losses import LOSSES
from sentibp.training import loop as training_loop
from sentibp.training.break_condition import BreakConditionMet, parse_condition
from sentibp.training.diverged import Diverged, TrainingStopped
from sentibp.training.events import Backward, Batch, Epoch, Forward, Step
from sentibp.training.loop import backward, evaluate, example_weights, forward, initial_state
from sentibp.training.metrics_log import FlowMeter
from sentibp.training.postmortem import FailedStep

TEXTS = [f"{word} {noun}" for word in ("good", "great", "bad", "awful") for noun in ("film", "plot", "cast")]
LABEL = [1] * 6 + [0] * 6
SGD = {"name": "sgd", "learning_rate": 0.25}
PLAIN = {"optimizer": SGD, "schedule": "constant", "epochs": 1, "batch_size": 100}  # one step of gradient descent
RANDOM = {  # all randomness on
    "model": {"hidden": [4, 4], "batch_norm": True, "dropout": 0.2},
    "train": {"word_dropout": 0.2, "batch_size": 5, "epochs": 3, "optimizer": "adam"},
}


@pytest.fixture
def toy(new_classifier, examples_of):
    """`toy(model={...}, train={...})` returns a classifier and encoded toy reviews."""

    def make(texts=TEXTS, label=LABEL, weight=None, seed=0, **sections) -> tuple[Classifier, Examples]:
        classifier = new_classifier(TEXTS, seed, **sections)
        return classifier, examples_of(classifier, texts, label, weight)

    return make


def snapshot(classifier: Classifier) -> dict[str, np.ndarray]:
    return {name: tensor.copy() for name, tensor in classifier.tensors().items()}


def dense(gradient, shape) -> np.ndarray:
    if not isinstance(gradient, RowGrad):
        return gradient
    full = np.zeros(shape, gradient.values.dtype)
    full[gradient.rows] = gradient.values
    return full


def gradients(classifier: Classifier, examples: Examples) -> dict[str, np.ndarray]:
    """Return the gradients of the mean loss over all examples, as dense arrays."""
    weight = example_weights(classifier.training_config().train, examples)
    weighted = Examples(examples.features, examples.label, weight)
    _, dz = forward(classifier.network, weighted, LOSSES[classifier.training_config().train.loss])
    found = backward(classifier.network, dz)
    return {name: dense(found[name], parameter.shape) for name, parameter in classifier.network.params.items()}


# Events


def test_a_step_after_each_batch_and_an_epoch_after_each_pass(toy):
    classifier, examples = toy(train={"batch_size": 5, "epochs": 2})
    events = list(fit(classifier, examples, examples, 0))
    assert [type(event) for event in events] == [Step, Step, Step, Epoch] * 2
    assert [event.step for event in events] == [1, 2, 3, 3, 4, 5, 6, 6]
    assert [event.epoch for event in events] == [1] * 4 + [2] * 4
    *steps, epoch = events[4:]
    assert epoch.loss == pytest.approx((5 * steps[0].loss + 5 * steps[1].loss + 2 * steps[2].loss) / 12)
    scores, logits = evaluate(classifier.network, examples)
    assert epoch.scores == scores
    np.testing.assert_array_equal(epoch.logits, logits)
    assert logits.shape == (12,)


def test_without_validation_data_there_are_no_scores(toy):
    classifier, examples = toy()
    epochs = [event for event in fit(classifier, examples, None, 0) if isinstance(event, Epoch)]
    assert [(epoch.scores, epoch.logits) for epoch in epochs] == [(None, None)] * 3


def test_the_caller_can_leave_the_loop_early(toy):
    classifier, examples = toy(train={"batch_size": 5})
    start = snapshot(classifier)
    loop = fit(classifier, examples, examples, 0)
    assert all((start[name] == tensor).all() for name, tensor in classifier.tensors().items())  # no step yet
    for event in loop:
        if event.step == 2:
            break
    left = snapshot(classifier)
    loop.close()
    other, examples = toy(train={"batch_size": 5})
    other_loop = fit(other, examples, examples, 0)
    next(other_loop), next(other_loop)
    for name, tensor in other.tensors().items():
        np.testing.assert_array_equal(left[name], tensor)  # exactly two steps
    evaluate(classifier.network, examples)


def test_a_learnable_corpus_is_learned(toy):
    classifier, examples = toy(train={"epochs": 20, "batch_size": 4, "optimizer": {"learning_rate": 0.1}})
    epochs = [event for event in fit(classifier, examples, examples, 0) if isinstance(event, Epoch)]
    assert epochs[-1].loss < 0.1 * epochs[0].loss
    assert epochs[-1].scores is not None
    assert epochs[-1].scores["accuracy"] == 1


def test_the_events_of_a_step_are_in_order(toy):
    classifier, examples = toy(train={"batch_size": 12, "epochs": 2})
    settings = classifier.training_config().train
    start = snapshot(classifier)
    events = training_loop.fit(classifier.network, examples, None, settings, initial_state(settings, 12, 0))
    kinds, steps = [], []
    for event in events:
        kinds.append(type(event))
        steps += [] if isinstance(event, Batch) else [event.step]
        if isinstance(event, Backward):
            moved = any((start[name] != tensor).any() for name, tensor in classifier.tensors().items())
            assert moved == (event.step == 2), "the weights are those before the update"
            assert event.dz.shape == event.chosen.shape == (12,)
    assert kinds == [Batch, Forward, Backward, Step, Epoch] * 2
    assert steps == [1] * 4 + [2] * 4


def test_gradient_flow_is_measured_in_a_few_steps_of_each_epoch(toy):
    def measured(classifier, examples) -> list[Step]:
        settings = classifier.training_config().train
        meter = FlowMeter(classifier.network, -(-len(examples) // settings.batch_size))
        state = initial_state(settings, len(examples), 0)
        found = []
        for event in training_loop.fit(classifier.network, examples, None, settings, state):
            if flows := meter.measure(event):
                assert event.gradient_norm == pytest.approx(np.sqrt(sum(each.gradient**2 for each in flows.values())))
                found.append(event.step)
        return found

    assert measured(*toy(train={"batch_size": 5, "epochs": 3})) == [1, 4, 7]
    assert measured(*toy(TEXTS * 4, LABEL * 4, train={"batch_size": 1, "epochs": 2})) == [1, 25, 49, 73]


# Batches


def batches(classifier: Classifier, examples: Examples, seed: int = 0) -> list[list[list[int]]]:
    """Return the reviews of each batch of each epoch."""
    drawn: list[list[int]] = []
    take = Ragged.take

    def spy(self, reviews):
        drawn.append(reviews.tolist())
        return take(self, reviews)

    epochs = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ragged, "take", spy)
        for event in fit(classifier, examples, None, seed):
            if isinstance(event, Epoch):
                epochs.append(drawn[:])
                drawn.clear()
    return epochs


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 45))
def test_each_epoch_visits_every_review_once(new_classifier, examples_of, n, size):
    tiny = {"embedding": {"dim": 1}, "hidden": []}
    classifier = new_classifier(["a"], model=tiny, train={"batch_size": size, "epochs": 2})
    for epoch in batches(classifier, examples_of(classifier, ["a"] * n, [0] * n)):
        assert sorted(chain(*epoch)) == list(range(n))
        assert [len(batch) for batch in epoch] == [size] * (n // size) + [n % size] * (n % size > 0)


def test_the_order_depends_on_the_seed_and_the_epoch(toy):
    def order(seed: int, **sections) -> list[list[int]]:
        return [[*chain(*epoch)] for epoch in batches(*toy(**sections), seed)]

    first, second, third = order(0)
    assert first != second != third != first
    assert order(0) == [first, second, third]
    assert order(1)[0] != first
    assert order(0, train={"batch_size": 1, "word_dropout": 0.5})[0] == first  # no other code draws from this stream


def test_the_same_seed_gives_the_same_bytes_with_all_randomness_on(toy):
    def trained(seed: int) -> bytes:
        classifier, examples = toy(seed=seed, **RANDOM)
        list(fit(classifier, examples, examples, seed))
        return classifier.to_bytes()

    assert trained(3) == trained(3)
    assert trained(3) != trained(4)


def test_prefetched_word_dropout_gives_the_same_weights(toy, monkeypatch):
    threads = set()
    drop = WordDropout._drop

    def spy(self, x, rng):
        threads.add(threading.current_thread())
        return drop(self, x, rng)

    def trained() -> bytes:
        classifier, examples = toy(train={"word_dropout": 0.4, "batch_size": 2, "epochs": 3})
        list(fit(classifier, examples, None, 0))
        return classifier.to_bytes()

    monkeypatch.setattr(WordDropout, "_drop", spy)
    prefetched = trained()
    assert threads
    assert threading.main_thread() not in threads
    monkeypatch.setattr(Sequential, "prefetcher", lambda self: lambda x: x)
    assert trained() == prefetched
    assert threading.main_thread() in threads


def test_validation_does_not_change_the_training(toy):
    """The training is the same with and without validation data."""
    contents = []
    for measured in (True, False):
        classifier, examples = toy(**RANDOM)
        list(fit(classifier, examples, examples if measured else None, 0))
        contents.append(classifier.to_bytes())
    assert contents[0] == contents[1]


def test_dropout_is_active_in_training_only(toy):
    classifier, examples = toy(model={"dropout": 0.5}, train={"word_dropout": 0.5})
    first, second = (classifier.network.forward(examples.features, train=True) for _ in range(2))
    assert (first != second).any()
    logits = [evaluate(classifier.network, examples)[1] for _ in range(2)]
    np.testing.assert_array_equal(*logits)


SCRIPT = """
import sys
import threading
from sentibp.config.load import load_config
from sentibp.training import experiment
settings = ["data.source=sample", "model.dropout=0.1", "model.hidden=[64,64]", "model.embedding.dim=64"]
settings += ["train.epochs=2", "train.word_dropout=0.1", "train.optimizer=adam"]
print(experiment.train_model(load_config("quickstart", settings)).digest)
"""


def test_bytes_do_not_depend_on_threads_or_hashes(here):
    digests = set()
    for number in ("1", "2"):
        variables = {"OPENBLAS_NUM_THREADS": number, "OMP_NUM_THREADS": number, "PYTHONHASHSEED": number}
        command = [sys.executable, "-W", "error", "-c", SCRIPT]
        end = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)
        assert end.returncode == 0, end.stderr
        digests.add(end.stdout)
    assert len(digests) == 1


# Updates


@pytest.mark.parametrize("part", ["embedding", "hidden.0", "hidden.1", "output"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_frozen_parameters_keep_their_bits(toy, part, optimizer):
    settings = {"freeze": [part], "optimizer": {"name": optimizer, "weight_decay": 0.1}}
    network = {"hidden": [3, 3], "activation": "tanh", "batch_norm": True}
    classifier, examples = toy(model=network, train=settings)
    start = snapshot(classifier)
    list(fit(classifier, examples, None, 0))
    for name, parameter in classifier.network.params.items():
        if name.startswith(f"{part}."):
            np.testing.assert_array_equal(parameter, start[name], name)
        elif name.endswith("weight"):
            assert (parameter != start[name]).any(), name


def test_a_learning_rate_factor_scales_the_first_update_of_its_layer(toy):
    network = {"hidden": [3, 3], "activation": "tanh"}
    factors = {"embedding": 0.1, "hidden.1": 3.0, "output": 0.0}
    classifier, examples = toy(model=network, train={**PLAIN, "learning_rates": factors})
    start = snapshot(classifier)
    list(fit(classifier, examples, None, 0))
    twin, _ = toy(model=network, train=PLAIN)
    ((order,),) = batches(*toy(model=network, train=PLAIN))
    order = np.array(order)
    shuffled = Examples(examples.features.take(order), examples.label[order])
    for name, gradient in gradients(twin, shuffled).items():
        rate = SGD["learning_rate"] * factors.get(name.rpartition(".")[0], 1.0)
        np.testing.assert_array_equal(classifier.network.params[name], start[name] - rate * gradient, name)


def test_an_example_of_weight_two_counts_as_two_examples(toy):
    weight = [1, 2, 3, 0, 1, 1, 1, 1, 2, 1, 1, 1]
    repeated = [i for i, times in enumerate(weight) for _ in range(times)]
    weighted, examples = toy(weight=weight)
    plain, repeats = toy([TEXTS[i] for i in repeated], [LABEL[i] for i in repeated])
    found, expected = gradients(weighted, examples), gradients(plain, repeats)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-6)


def test_a_class_of_weight_two_counts_as_if_its_reviews_occurred_twice(toy):
    repeated = [i for i, label in enumerate(LABEL) for _ in range(1 + label)]
    weighted, examples = toy(train={**PLAIN, "class_weight": {"positive": 2.0}})
    plain, repeats = toy([TEXTS[i] for i in repeated], [LABEL[i] for i in repeated], train=PLAIN)
    first, expected = next(fit(weighted, examples, None, 0)), next(fit(plain, repeats, None, 0))
    assert isinstance(first, Step)
    assert isinstance(expected, Step)
    assert first.loss * 12 == pytest.approx(expected.loss * 18, rel=1e-5)
    assert first.gradient_norm * 12 == pytest.approx(expected.gradient_norm * 18, rel=1e-4)


def test_balanced_classes_count_the_same(toy):
    classifier, examples = toy(TEXTS[:8], LABEL[:8], train={"class_weight": "balanced"})  # six against two
    weight = example_weights(classifier.training_config().train, examples)
    assert weight is not None
    assert weight.dtype == np.float32
    assert weight[examples.label == 1].sum() == pytest.approx(weight[examples.label == 0].sum())
    assert weight.mean() == pytest.approx(1)


def test_a_probability_as_label_has_the_weights_of_both_classes(toy):
    classifier, examples = toy(TEXTS[:4], train={"class_weight": {"negative": 1.0, "positive": 3.0}})
    soft = Examples(examples.features, np.array([0.0, 0.25, 0.5, 1.0]))
    assert example_weights(classifier.training_config().train, soft).tolist() == [1.0, 1.5, 2.0, 3.0]
    classifier, _ = toy(train={"class_weight": "balanced"})
    negative, positive = 4 / (2 * 2.25), 4 / (2 * 1.75)  # there are 2.25 and 1.75 of them
    expected = [negative, 0.75 * negative + 0.25 * positive, (negative + positive) / 2, positive]
    assert example_weights(classifier.training_config().train, soft) == pytest.approx(expected, rel=1e-6)


def test_the_weights_of_class_and_example_multiply(toy):
    settings = {"class_weight": {"negative": 0.5, "positive": 3.0}}
    classifier, examples = toy(weight=np.arange(12), train=settings)
    expected = [(3.0 if label else 0.5) * i / 5.5 for i, label in enumerate(LABEL)]  # 5.5 is the mean of 0 to 11
    assert example_weights(classifier.training_config().train, examples) == pytest.approx(expected)
    classifier, examples = toy()
    assert example_weights(classifier.training_config().train, examples) is None


def length(classifier: Classifier, start: dict[str, np.ndarray]) -> float:
    """Return the norm of the change of all parameters."""
    return float(np.sqrt(sum(np.square(p - start[name]).sum() for name, p in classifier.network.params.items())))


def test_a_long_gradient_is_clipped(toy):
    classifier, examples = toy(train={**PLAIN, "optimizer": {**SGD, "clip_norm": 0.01}})
    start = snapshot(classifier)
    step = next(fit(classifier, examples, None, 0))
    assert isinstance(step, Step)
    assert step.gradient_norm > 0.01  # the norm before clipping
    assert length(classifier, start) == pytest.approx(0.25 * 0.01, rel=1e-3)


def test_a_short_gradient_is_not_clipped(toy):
    contents = []
    for limit in (None, 1e6):
        classifier, examples = toy(train={**PLAIN, "optimizer": {**SGD, "clip_norm": limit}})
        start = snapshot(classifier)
        step = next(fit(classifier, examples, None, 0))
        assert isinstance(step, Step)
        assert length(classifier, start) == pytest.approx(0.25 * step.gradient_norm, rel=1e-3)
        contents.append(snapshot(classifier))
    for name, tensor in contents[0].items():
        np.testing.assert_array_equal(tensor, contents[1][name])


# Optimizers and schedules

RATES = {"sgd": 0.5, "momentum": 0.1, "nesterov": 0.1, "adagrad": 0.1, "rmsprop": 0.02, "adam": 0.02, "adamw": 0.02}


@pytest.mark.parametrize("schedule", optim.SCHEDULES)
@pytest.mark.parametrize("optimizer", optim.OPTIMIZERS)
def test_every_optimizer_learns_with_every_schedule(toy, optimizer, schedule):
    rate = RATES[optimizer]
    settings = {
        "optimizer": {"name": optimizer, "learning_rate": rate},
        "schedule": {"name": schedule, "warmup": 0.05},
        "epochs": 10,
        "batch_size": 2,
    }
    classifier, examples = toy(train=settings)
    events = list(fit(classifier, examples, examples, 0))
    losses = [event.loss for event in events if isinstance(event, Epoch)]
    rates = [event.learning_rate for event in events if isinstance(event, Step)]
    assert losses[-1] < losses[0]
    assert rates[:4] == [pytest.approx(rate * share) for share in (0.25, 0.5, 0.75, 1)]  # three of 60 steps
    assert rates[-1] == rates[3] if schedule == "constant" else rates[-1] <= rates[3]


def test_the_settings_of_a_schedule_reach_it(toy):
    settings = {"schedule": {"name": "step", "every": 2, "factor": 0.1}, "epochs": 4, "batch_size": 100}
    classifier, examples = toy(train=settings)
    rates = [event.learning_rate for event in fit(classifier, examples, None, 0) if isinstance(event, Step)]
    assert rates == [pytest.approx(rate) for rate in (0.01, 0.01, 0.001, 0.001)]


def test_plateau_receives_the_validation_loss(toy, monkeypatch):
    received = []
    epoch_ended = optim.Plateau.epoch_ended
    monkeypatch.setattr(
        optim.Plateau, "epoch_ended", lambda self, loss: (received.append(loss), epoch_ended(self, loss))[0]
    )
    schedule = {"name": "plateau", "patience": 0, "factor": 0.5}
    classifier, examples = toy(train={**PLAIN, "epochs": 6, "schedule": schedule})
    validation = Examples(examples.features, 1 - examples.label)  # the loss increases with training
    events = list(fit(classifier, examples, validation, 0))
    losses = [event.scores["log_loss"] for event in events if isinstance(event, Epoch) and event.scores]
    assert received == losses
    rates = [event.learning_rate for event in events if isinstance(event, Step)]
    dropped = [later < earlier for earlier, later in pairwise(rates)]
    no_better = [losses[i] >= min(losses[:i], default=np.inf) for i in range(5)]
    assert dropped == no_better
    assert any(dropped)


# Divergence


def complaint_of(classifier: Classifier, examples: Examples, validation: Examples | None = None) -> str:
    with pytest.raises(Diverged) as caught:
        list(fit(classifier, examples, validation, 0))
    assert caught.value.exit_code == 4
    (line,) = caught.value.lines
    return line


REPAIR = (
    "lower the learning rate (it is 0.25) with --set train.optimizer.learning_rate=0.025, "
    "or try --set train.optimizer.clip_norm=1.0"
)


def test_a_loss_that_is_not_finite_names_the_step_and_the_repair(toy):
    classifier, examples = toy(model={"hidden": []}, train=PLAIN)
    classifier.network.params["output.weight"][:] = np.inf
    assert complaint_of(classifier, examples) == (
        f"diverged at step 1 (epoch 1): the loss is nan, as output.weight holds numbers that are not finite; {REPAIR}"
    )


def test_a_gradient_that_is_not_finite_is_named(toy):
    """With the squared error an infinite logit has a finite loss, and the gradient 0 times infinity."""
    classifier, examples = toy(model={"hidden": []}, train={**PLAIN, "loss": "squared_error"})
    classifier.network.params["embedding.weight"][:] = 1
    classifier.network.params["output.weight"][:] = np.inf
    what = "the gradient of embedding.weight is not finite, as output.weight holds numbers that are not finite"
    assert complaint_of(classifier, examples) == f"diverged at step 1 (epoch 1): {what}; {REPAIR}"


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("size", [3, 100], ids=["in mid-epoch", "at the end of an epoch"])
@pytest.mark.parametrize("measured", [True, False], ids=["validation", "no validation"])
def test_a_learning_rate_that_is_far_too_large_diverges(toy, loss, size, measured):
    """The weights may become infinite in the last update of an epoch. Then the validation loss reveals it."""
    network = {"hidden": [8, 8, 8], "embedding": {"dim": 8}}
    sgd = {"name": "sgd", "learning_rate": 1e25}
    settings = {"loss": loss, "optimizer": sgd, "schedule": "constant", "batch_size": size, "epochs": 50}
    classifier, examples = toy(model=network, train=settings)
    line = complaint_of(classifier, examples, examples if measured else None)
    assert "1e+25" in line


@pytest.mark.parametrize("optimizer", optim.OPTIMIZERS)
def test_no_optimizer_warns_before_it_diverges(toy, optimizer):
    """Gradients of 1e25 are finite, but their squares are not in float32. (Warnings fail a test.)"""
    classifier, examples = toy(model={"hidden": []}, train={**PLAIN, "optimizer": optimizer, "epochs": 5})
    classifier.network.params["embedding.weight"][:] = 1e-3
    classifier.network.params["output.weight"][:] = 1e25
    with suppress(Diverged):
        list(fit(classifier, examples, None, 0))


def failed_step_of(
    classifier: Classifier, examples: Examples, *conditions: str, validation: Examples | None = None
) -> FailedStep:
    stop = parse_condition(conditions[0]) if conditions else None
    with pytest.raises(TrainingStopped) as caught:
        list(fit(classifier, examples, validation, 3, stop=stop))
    assert caught.value.failed_step is not None
    return caught.value.failed_step


def test_a_failed_step_has_tensor_batch_and_learning_rate(toy):
    classifier, examples = toy(train={**PLAIN, "batch_size": 5, "optimizer": {**SGD, "clip_norm": 1.0}})
    classifier.network.params["hidden.0.bias"][1] = np.inf
    failed = failed_step_of(classifier, examples)
    step = failed.step
    assert (failed.seed, step.step, step.epoch, failed.tensor) == (3, 1, 1, "hidden.0.bias")
    assert step.learning_rate == 0.25
    assert failed.reviews.tolist() == batches(*toy(train={**PLAIN, "batch_size": 5}), 3)[0][0]
    classifier.network.params["hidden.0.bias"][1] = np.inf
    assert "clip_norm" not in complaint_of(classifier, examples), "clip_norm is already set"


def test_a_layer_with_infinite_outputs_is_named(toy):
    classifier, examples = toy(model={"embedding": {"init": "normal"}}, train=PLAIN)
    classifier.network.params["embedding.weight"][:] = 1e30
    classifier.network.params["hidden.0.weight"][:] = 1e30
    assert failed_step_of(classifier, examples).tensor == "hidden.0.weight"
    assert "as hidden.0 gives numbers too large for float32" in complaint_of(classifier, examples)


def test_the_step_of_an_update_is_named_when_validation_reveals_it(toy):
    settings = {**PLAIN, "optimizer": {"name": "sgd", "learning_rate": 1e25}}
    classifier, examples = toy(model={"hidden": [8, 8, 8], "embedding": {"dim": 8}}, train=settings)
    assert complaint_of(classifier, examples, examples).startswith(
        "diverged after step 1 (epoch 1): the network's answers are not finite; lower"
    )


# Break conditions


@pytest.mark.parametrize(
    "condition", ["step == 3", "epoch == 2", "learning_rate < 0.2", "update_norm > 0", "loss > 0", "grad_norm > 0"]
)
def test_a_break_condition_stops_before_the_update_of_its_step(toy, condition):
    settings = {**PLAIN, "batch_size": 6, "epochs": 4, "schedule": "linear", "optimizer": {"name": "adam"}}
    classifier, examples = toy(train=settings | {"optimizer": {"name": "adam", "learning_rate": 0.25}})
    failed = failed_step_of(classifier, examples, condition)
    wanted = {"step == 3": 3, "epoch == 2": 3, "learning_rate < 0.2": 3}.get(condition, 1)
    assert failed.step.step == wanted
    other, examples = toy(train=settings | {"optimizer": {"name": "adam", "learning_rate": 0.25}})
    loop = fit(other, examples, None, 3)
    for event in loop if wanted > 1 else ():
        if event.step == wanted - 1:
            break
    for name, tensor in other.network.params.items():
        np.testing.assert_array_equal(classifier.network.params[name], tensor)
    loop.close()


def test_a_break_condition_that_is_never_met_changes_nothing(toy):
    (one, examples), (other, _) = toy(), toy()
    list(fit(one, examples, None, 0))
    list(fit(other, examples, None, 0, stop=parse_condition("update_norm > 1e9")))
    for name, tensor in one.tensors().items():
        np.testing.assert_array_equal(other.tensors()[name], tensor)


def test_a_break_condition_reports_the_values(toy):
    with pytest.raises(BreakConditionMet, match=r"stopped at step 1 \(epoch 1\), as loss > 0: loss is 0\.") as caught:
        list(fit(*toy(), None, 0, stop=parse_condition("loss > 0")))
    assert caught.value.exit_code == 1
