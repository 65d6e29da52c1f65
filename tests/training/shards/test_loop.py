"""The loop on shards: the same bits wherever the tasks run, averages, and merged gradients that are a large batch."""

from __future__ import annotations

from itertools import chain, product
from pathlib import Path

import numpy as np
import pytest
from elsewhere import Elsewhere
from runner import fit

from sentibp.config.schema import Train
from sentibp.data.examples import Examples
from sentibp.data.labels import Classes
from sentibp.errors import DataError
from sentibp.model.classifier import Classifier
from sentibp.nn.losses import LOSSES
from sentibp.nn.optim import norm
from sentibp.training.diverged import Diverged
from sentibp.training.events import Epoch, Step
from sentibp.training.loop import backward, clipped, evaluate, forward, initial_state, new_optimizer, update
from sentibp.training.shards import work
from sentibp.training.shards.files import Shard, reviews_of_shards
from sentibp.training.shards.loop import fit_shards
from sentibp.training.shards.sums import RowSums, Sums
from sentibp.training.shards.work import Round, RoundReport, Span, _dropout_stream, state_of, update_round
from sentibp.utils.executor import Serial
from sentibp.utils.rng import random_stream

WORDS = ("good", "great", "bad", "awful", "film", "plot", "cast", "not", "very")
RNG = np.random.default_rng(5)
TEXTS = [" ".join(RNG.choice(WORDS, 4)) for _ in range(23)]
LABEL = [int("good" in text or "great" in text) for text in TEXTS]
SGD = {"name": "sgd", "learning_rate": 0.5}
RANDOM = {  # all randomness on
    "model": {"hidden": [4, 4], "batch_norm": True, "dropout": 0.2},
    "train": {"word_dropout": 0.2, "batch_size": 3, "epochs": 2, "shards": 3, "shard_steps": 2},
}


@pytest.fixture
def toy(new_classifier, examples_of):
    def make(weight=None, **sections) -> tuple[Classifier, Examples]:
        classifier = new_classifier(TEXTS, 0, **sections)
        return classifier, examples_of(classifier, TEXTS, LABEL, weight)

    return make


def trained(toy: tuple[Classifier, Examples], folder: Path, executor=None, seed=0, state=None) -> list[Step | Epoch]:
    classifier, examples = toy
    config = classifier.training_config()
    settings = config.train
    state = state or initial_state(settings, len(examples), seed)
    arguments = (classifier.network, examples, examples, config, seed, state, executor or Serial(), folder / "shards")
    return list(fit_shards(*arguments))


def tensors(toy: tuple[Classifier, Examples]) -> dict[str, np.ndarray]:
    return toy[0].tensors()


def assert_equal(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    for name, tensor in a.items():
        np.testing.assert_array_equal(tensor, b[name], name)


def assert_close(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    for name, tensor in a.items():
        np.testing.assert_allclose(tensor, b[name], rtol=2e-5, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("optimizer", ["adagrad", "adam", "nesterov"])
@pytest.mark.parametrize("sync", ["average", "sync"])
def test_the_same_bits_wherever_the_tasks_run(toy, sync, optimizer, tmp_path):
    train = RANDOM["train"] | {"sync": sync, "optimizer": optimizer}
    model = RANDOM["model"] | {"batch_norm": sync == "average"}
    here, there = (toy(model=model, train=train, weight=np.arange(1, 24) / 10) for _ in range(2))
    events = trained(here, tmp_path), trained(there, tmp_path, Elsewhere())
    assert_equal(tensors(here), tensors(there))
    for a, b in zip(*events, strict=True):
        assert (a.step, a.epoch, a.loss) == (b.step, b.epoch, b.loss)
        if isinstance(a, Step):
            assert (a.gradient_norm, a.learning_rate) == (b.gradient_norm, b.learning_rate)


def test_events_of_rounds_and_epochs(toy, tmp_path):
    """23 reviews in 3 shards: 8, 8, 7. With batches of 3, three steps an epoch, in rounds of two steps and one."""
    events = trained(toy(**RANDOM), tmp_path)
    assert [(type(event), event.step, event.epoch) for event in events] == [
        *((Step, 2, 1), (Step, 3, 1), (Epoch, 3, 1)),
        *((Step, 5, 2), (Step, 6, 2), (Epoch, 6, 2)),
    ]


def test_the_loss_is_that_of_all_reviews(toy, tmp_path):
    """With a learning rate of nearly 0, no step changes what the next one finds."""
    settings = {"shards": 4, "batch_size": 3, "epochs": 2, "optimizer": {"name": "sgd", "learning_rate": 1e-12}}
    for sync in "average", "sync":
        small = toy(train=settings | {"sync": sync})
        expected = evaluate(small[0].network, small[1])[0]["log_loss"]
        assert trained(small, tmp_path)[-1].loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("optimizer", [SGD, {"name": "adagrad"}, {"name": "adam"}, SGD | {"clip_norm": 0.01}])
@pytest.mark.parametrize("weighted", [False, True])
def test_sync_of_all_reviews_is_one_batch_of_all(toy, optimizer, weighted, tmp_path):
    weight = np.arange(1, 24) / 10 if weighted else None
    train = {"optimizer": optimizer, "epochs": 3, "class_weight": "balanced"}
    one = toy(train=train | {"batch_size": 23}, weight=weight)
    list(fit(*one, None, 0))
    several = toy(train=train | {"batch_size": 8, "shards": 3, "sync": "sync"}, weight=weight)
    trained(several, tmp_path)
    assert_close(tensors(one), tensors(several))


def test_sync_is_large_batch_training(toy, tmp_path):
    """Each step has the next two batches of each shard, whatever their sizes are."""
    train = {"optimizer": "adagrad", "epochs": 1, "schedule": "constant", "shards": 3, "batch_size": 2}
    several = toy(train=train | {"sync": "sync", "shard_steps": 2})
    events = trained(several, tmp_path)
    large = toy(train=train | {"epochs": 2})
    classifier, examples = large
    settings = classifier.training_config().train
    state = initial_state(settings, len(examples), 0)
    orders = [
        reviews[random_stream(0, f"shuffle of shard {number} in epoch 1").permutation(len(reviews))]
        for number, reviews in enumerate(reviews_of_shards(len(examples), 3, 0))
    ]
    for start in 0, 4:
        chosen = np.concatenate([order[start : start + 4] for order in orders])
        batch = Examples(examples.features.take(chosen), examples.label[chosen], None)
        _, dz = forward(classifier.network, batch, LOSSES["cross_entropy"])
        factors = dict.fromkeys(classifier.network.params, 1.0)
        update(state.optimizer, classifier.network.params, backward(classifier.network, dz), 0.03, factors)
    assert [event.step for event in events] == [1, 2, 2]
    assert_close(tensors(large), tensors(several))


def batches_of_shards(n: int, shards: int, size: int) -> list[list[np.ndarray]]:
    """Return the batches of the first epoch of each shard."""
    orders = [
        reviews[random_stream(0, f"shuffle of shard {number} in epoch 1").permutation(len(reviews))]
        for number, reviews in enumerate(reviews_of_shards(n, shards, 0))
    ]
    return [[order[start : start + size] for start in range(0, len(order), size)] for order in orders]


def test_the_report_of_a_round_is_the_mean_over_its_steps_and_shards(toy, tmp_path):
    """With a learning rate of nearly 0, no step changes what the next one finds."""
    train = {"optimizer": SGD | {"learning_rate": 1e-12}, "epochs": 2, "shards": 2, "batch_size": 4, "shard_steps": 9}
    classifier, examples = small = toy(train=train)
    norms = []
    for chosen in chain(*batches_of_shards(len(examples), 2, 4)):
        batch = Examples(examples.features.take(chosen), examples.label[chosen], None)
        _, dz = forward(classifier.network, batch, LOSSES["cross_entropy"])
        norms.append(norm(backward(classifier.network, dz)))
    expected = evaluate(classifier.network, examples)[0]["log_loss"]
    step = trained(small, tmp_path)[0]
    assert len(norms) == 6
    assert step.loss == pytest.approx(expected, rel=1e-5)
    assert step.gradient_norm == pytest.approx(np.mean(norms), rel=1e-5)


@pytest.mark.parametrize("steps", [20, 2])
def test_each_step_of_a_round_has_its_own_batch_and_learning_rate_and_is_clipped(toy, tmp_path, steps, monkeypatch):
    monkeypatch.setattr(Train, "round_steps", steps)
    train = {"optimizer": SGD | {"clip_norm": 0.02}, "epochs": 1, "schedule": "linear", "batch_size": 4}
    one, other = toy(train=train), toy(train=train)
    events = trained(one, tmp_path)
    classifier, examples = other
    settings = classifier.training_config().train
    state = initial_state(settings, len(examples), 0)
    rates = []
    for step, chosen in enumerate(batches_of_shards(len(examples), 1, 4)[0]):
        batch = Examples(examples.features.take(chosen), examples.label[chosen], None)
        _, dz = forward(classifier.network, batch, LOSSES["cross_entropy"])
        rates.append(0.5 * state.schedule.factor(step))
        factors = dict.fromkeys(classifier.network.params, 1.0)
        gradients = clipped(backward(classifier.network, dz), settings)
        update(state.optimizer, classifier.network.params, gradients, rates[-1], factors)
    assert len(set(rates)) == 6
    expected = [(step, rates[step - 1]) for step in ((6,) if steps == 20 else (2, 4, 6))]
    assert [(event.step, event.learning_rate) for event in events[:-1]] == expected
    assert_close(tensors(one), tensors(other))


@pytest.mark.parametrize("weight", [None, np.arange(1, 24) / 10])
def test_the_average_of_one_step_of_gradient_descent_is_the_step_of_all_reviews(toy, tmp_path, weight):
    """The mean of the gradients of equal shards is the gradient of their mean loss, also with weights."""
    train = {"optimizer": SGD, "epochs": 2, "schedule": "constant", "freeze": ["embedding"]}
    one = toy(train=train | {"batch_size": 23}, weight=weight)
    one = one[0], take(one[1], np.arange(22))
    list(fit(*one, None, 0))
    several = toy(train=train | {"batch_size": 11, "shards": 2, "shard_steps": 1}, weight=weight)
    several = several[0], take(several[1], np.arange(22))
    trained(several, tmp_path)
    assert_close(tensors(one), tensors(several))


def test_running_averages_of_batch_norm_are_those_of_all_shards(toy, tmp_path):
    """Of equal shards, the mean of their means is that of all reviews. No step changes what the next one finds."""
    train, model = {"optimizer": SGD | {"learning_rate": 1e-12}, "epochs": 3}, {"hidden": [4], "batch_norm": True}
    one, several = (
        toy(model=model, train=train | more)
        for more in ({"batch_size": 22}, {"batch_size": 11, "shards": 2, "shard_steps": 1})
    )
    one, several = ((classifier, take(examples, np.arange(22))) for classifier, examples in (one, several))
    before = tensors(several)["hidden.0.norm.variance"].copy()
    list(fit(*one, None, 0))
    trained(several, tmp_path)
    name = "hidden.0.norm.mean"
    np.testing.assert_allclose(tensors(several)[name], tensors(one)[name], rtol=1e-5)
    assert np.all(tensors(several)[name] != 0) and np.all(tensors(several)["hidden.0.norm.variance"] != before)


def test_only_the_last_state_is_kept_on_disk(toy, tmp_path):
    classifier, examples = toy(**RANDOM)
    config = classifier.training_config()
    state = initial_state(config.train, len(examples), 0)
    files = set()
    for _ in fit_shards(classifier.network, examples, None, config, 0, state, Serial(), tmp_path / "shards"):
        (file,) = (tmp_path / "shards").glob("state-*")
        files.add(file.name)
        state.fetch()
    assert files == {f"state-{step}.safetensors" for step in (0, 2, 3, 5)}


def test_a_state_that_was_changed_is_refused(tmp_path):
    """As by a file system that shows a worker the file of another round."""
    (tmp_path / "shards").mkdir()
    path = tmp_path / "shards" / "state-0.safetensors"
    digest = work.save_state(path, {"weights/output.bias": np.ones(1, np.float32)})
    assert work.load_state(str(path), digest).state["weights/output.bias"].tolist() == [1]
    other = work.save_state(path, {"weights/output.bias": np.zeros(1, np.float32)})
    with pytest.raises(DataError, match="has changed"):
        work.load_state(str(path), digest)
    assert work.load_state(str(path), other).state["weights/output.bias"].tolist() == [0]


def take(examples: Examples, chosen: np.ndarray) -> Examples:
    weight = None if examples.weight is None else examples.weight[chosen]
    return Examples(examples.features.take(chosen), examples.label[chosen], weight, examples.classes)


def test_the_model_depends_on_the_shards_and_the_seed(toy, tmp_path):
    models = []
    for shards, seed in (2, 0), (3, 0), (3, 1):
        small = toy(train={"epochs": 2, "shards": shards, "batch_size": 3})
        trained(small, tmp_path, seed=seed)
        models.append(tensors(small)["embedding.weight"])
    assert not np.array_equal(models[0], models[1])
    assert not np.array_equal(models[1], models[2])


def test_no_two_rounds_have_the_same_dropout():
    drawn = [
        _dropout_stream(seed, Shard(number, 2, "", 9, {}, Classes()), Span(epoch, first, 0, (0.1,))).random()
        for seed, number, epoch, first in product((0, 1), repeat=4)
    ]
    assert len(set(drawn)) == 16


@pytest.mark.parametrize("sync", ["average", "sync"])
def test_dropout_draws_from_the_stream_of_its_round(toy, tmp_path, monkeypatch, sync):
    """Else each round would have the same masks."""
    small, other = (toy(model={"dropout": 0.5}, train=RANDOM["train"] | {"sync": sync}) for _ in range(2))
    trained(small, tmp_path)
    monkeypatch.setattr(work, "_dropout_stream", lambda *_: np.random.default_rng(1))
    trained(other, tmp_path)
    assert not np.array_equal(tensors(small)["output.weight"], tensors(other)["output.weight"])


def test_gradients_that_are_finite_in_each_shard_may_not_be_together(toy):
    classifier, _ = toy(train={"epochs": 2, "shards": 2, "sync": "sync"})
    config, params = classifier.training_config(), classifier.network.params
    start = Round(state_of(classifier.network, new_optimizer(config.train)), RoundReport(0.0, 0, 0.0))
    dense = {name: np.full(param.shape, np.inf) for name, param in params.items() if name != "embedding.weight"}
    none = RowSums(np.zeros(0, int), np.zeros(0, np.int32), {"embedding.weight": np.zeros((0, 2))})
    total = Sums(dense, {"embedding.weight": none}, 2, 23, 1.0, 0.0, 0)
    with pytest.raises(Diverged, match=r"^diverged at step 8 \(epoch 2\): the gradient of all shards together is not"):
        update_round(config, start, total, Span(2, 3, 7, (0.1,)))


def test_frozen_layers_stay(toy, tmp_path):
    for sync in "average", "sync":
        small = toy(train={"epochs": 2, "shards": 3, "sync": sync, "freeze": ["embedding"]})
        before = {name: tensor.copy() for name, tensor in tensors(small).items()}
        trained(small, tmp_path, Elsewhere())
        np.testing.assert_array_equal(before["embedding.weight"], tensors(small)["embedding.weight"])
        assert not np.array_equal(before["output.weight"], tensors(small)["output.weight"])


def test_reviews_are_shuffled_over_the_shards():
    """In the data, neighbours are often of the same label or film."""
    shards = reviews_of_shards(1000, 4, 0)
    assert sorted(np.concatenate(shards).tolist()) == list(range(1000))
    for reviews in shards:
        assert len(reviews) == 250 and (np.diff(reviews) > 0).all()
        assert 80 < np.count_nonzero(reviews < 500) < 170
    assert [len(reviews) for reviews in reviews_of_shards(23, 3, 0)] == [8, 8, 7]


def test_a_training_that_diverges_names_the_shard(toy, tmp_path):
    optimizer = {"name": "sgd", "learning_rate": 1e30}
    for sync in "average", "sync":
        small = toy(train={"epochs": 2, "shards": 3, "batch_size": 2, "sync": sync, "optimizer": optimizer})
        with pytest.raises(Diverged, match=r"^shard [123] of 3: diverged at step 2 \(epoch 1\).*learning_rate=0\.03"):
            trained(small, tmp_path, Elsewhere())


def test_sums_are_added_in_a_tree_of_fixed_shape(toy, tmp_path):
    """Its shape decides the last bits: eight at a time, then what these give."""
    small, executor = toy(train={"epochs": 2, "shards": 9, "batch_size": 3}), Elsewhere()
    trained(small, tmp_path, executor)
    assert executor.tasks.count("train_shard") == 9 * 2
    assert executor.tasks.count("merge") == (2 + 1) * 2


@pytest.mark.parametrize("sync", ["average", "sync"])
def test_a_file_that_was_changed_is_refused(toy, tmp_path, sync):
    small = toy(train={"epochs": 2, "shards": 3, "shard_steps": 1, "sync": sync})
    config, examples = small[0].training_config(), small[1]
    state = initial_state(config.train, len(examples), 0)
    events = fit_shards(small[0].network, examples, None, config, 0, state, Serial(), tmp_path / "shards")
    for event in events:
        if isinstance(event, Epoch):
            break
    path = tmp_path / "shards" / "shard-0001.label.npy"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([1 - content[-1]]))
    with pytest.raises(Exception, match=rf"^{tmp_path}: what the command writes there has changed"):
        list(events)
    path.unlink()
    state.epoch, state.step = 1, 0
    events = fit_shards(small[0].network, examples, None, config, 0, state, Serial(), tmp_path / "shards")
    next(events)
    path.unlink()
    with pytest.raises(Exception, match=rf"^{tmp_path}: this process does not see what the command writes there; all"):
        list(events)
