"""More than two classes: weights, starts, calibration, folding and the model file. Each test of a formula can fail."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfTransformer

from sentibp.config.schema import Config
from sentibp.data import vocabulary_build
from sentibp.data.examples import Examples, class_shares, example_weights
from sentibp.data.labels import Classes, classes_of
from sentibp.data.tokenizer import tokenize
from sentibp.errors import DataError
from sentibp.model import file as model_file
from sentibp.model import head, initial, linear, logistic_regression, naive_bayes
from sentibp.model.calibration import Calibration, fit_scale_and_shift, fit_temperature, mixture_weights
from sentibp.model.classifier import _BINARY_FORMAT, _CLASS_FORMAT
from sentibp.model.decision import Decision, parse_decision
from sentibp.model.fold import calibrated, fold_classifiers
from sentibp.model.logistic_regression import fit_class_regression
from sentibp.model.naive_bayes import binary_tasks, naive_bayes_columns, scale_columns
from sentibp.model.spec import NetworkSpec
from sentibp.nn import EmbeddingBag
from sentibp.nn.layers import Ragged, softmax
from sentibp.nn.losses import softmax_cross_entropy
from sentibp.utils import tensor_file
from sentibp.utils.arrow import strings

WORSE_TO_BETTER = ["worse", "fair", "better"]  # not the order of the alphabet
HEADS = [("scale", 3), ("scale", 5), ("softmax", 3), ("cumulative", 4)]
TEXTS = [
    f"{word} {noun}" for word in ("awful", "dull", "long", "nice", "superb") for noun in ("film", "plot", "cast", "end")
]


def config(head: str = "scale", k: int = 3, hidden: list[int] | None = None, **train) -> Config:
    names = WORSE_TO_BETTER if k == 3 else [f"c{i}" for i in range(k)]
    embedding = {"dim": 6, "init": train.pop("init", "linear"), "pooling": train.pop("pooling", "mean")}
    model = {"output": head, "hidden": [] if hidden is None else hidden, "embedding": embedding}
    model |= {"init_from": None}
    return Config.model_validate({"data": {"labels": names}, "model": model, "train": train, "text": {"ngrams": 1}})


def examples(k: int = 3, weight=None):
    """Return the vocabulary and the examples of 20 texts, whose first word tells the class."""
    vocabulary, x = vocabulary_build.build_vocabulary(tokenize(strings(TEXTS)), 1, affixes=True)
    label = (np.arange(20) // 4 * k // 5).astype(np.int8)
    return vocabulary, Examples(x, label, weight, classes_of(config(k=k).data))


def classifier(settings: Config, seed: int = 0):
    k = len(classes_of(settings.data).names)
    vocabulary, x = examples(k)
    return initial.build_classifier(settings, vocabulary, seed, examples=x)


# --- labels and weights -----------------------------------------------------------------------------------------


def test_the_share_of_each_class():
    _, x = examples()
    assert class_shares(x).tolist() == np.eye(3)[x.label].tolist()
    probabilities = np.full((20, 3), 1 / 3)
    assert class_shares(Examples(x.features, probabilities, None, x.classes)) is probabilities


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.booleans())
def test_balanced_classes_have_the_same_total_weight(seed, weighted):
    rng = np.random.default_rng(seed)
    weight = rng.integers(1, 5, 20).astype(np.float32) if weighted else None
    _, x = examples(weight=weight)
    found = example_weights(config(class_weight="balanced").train, x)
    own = found * (1 if weight is None else weight.mean())
    totals = np.bincount(x.label, own, 3)
    assert totals == pytest.approx(np.full(3, totals.mean()))


def test_the_weight_of_a_class_by_its_name():
    _, x = examples()
    found = example_weights(config(class_weight={"fair": 3}).train, x)
    assert found.tolist() == np.where(x.label == 1, 3.0, 1.0).tolist()
    soft = Examples(x.features, np.tile([0.5, 0.25, 0.25], (20, 1)), None, x.classes)
    assert example_weights(config(class_weight={"fair": 3}).train, soft) == pytest.approx(np.full(20, 1.5))


# --- starts -----------------------------------------------------------------------------------------------------


def test_the_tasks_of_each_head():
    _, x = examples(5)
    polarity, neutrality = binary_tasks(x, "scale")
    assert polarity.label[::4].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert neutrality.label[::4].tolist() == [0, 0.375, 0.5, 0.375, 0], "2 s (1 - s): with the factor 2, not 4"
    assert [task.label[::4].tolist() for task in binary_tasks(x, "softmax")] == np.eye(5).tolist()
    (place,) = binary_tasks(x, "cumulative")
    assert place.label[::4].tolist() == [0, 0.25, 0.5, 0.75, 1]
    soft = Examples(x.features, np.tile([0.5, 0, 0, 0, 0.5], (20, 1)), None, x.classes)
    assert [task.label[0] for task in binary_tasks(soft, "scale")] == [0.5, 0.0]


@pytest.mark.parametrize("k", [3, 5])
def test_neutrality_has_the_scale_of_polarity_in_a_naive_bayes_start(k):
    vocabulary, x = examples(k)
    embedding = config(k=k).model.embedding
    columns = naive_bayes_columns(x, vocabulary, embedding, "scale")
    ratios = [naive_bayes.log_count_ratio(task, len(vocabulary)) for task in binary_tasks(x, "scale")]
    factor = columns[:, 0] @ ratios[0] / (ratios[0] @ ratios[0])
    for column, ratio in zip(columns.T, ratios, strict=True):
        assert column == pytest.approx(factor * ratio, abs=1e-5)
    assert columns[:, :1] == pytest.approx(scale_columns(ratios[0][:, None], x.features, embedding))
    own = scale_columns(ratios[1][:, None], x.features, embedding)
    assert not np.allclose(own[:, 0], columns[:, 1], rtol=0.05), "this test can fail"


@pytest.mark.parametrize(("head", "k"), HEADS)
@pytest.mark.parametrize("hidden", [[], [12], [12, 13]])
def test_the_network_starts_as_the_best_linear_classifier(head, k, hidden):
    vocabulary, x = examples(k)
    settings = config(head, k, hidden)
    start = linear.linear_start(x, vocabulary, settings.model.embedding, None, head)
    built = initial.build_classifier(settings, vocabulary, 0, examples=x)
    m = NetworkSpec.from_config(settings).outputs
    assert start.columns.shape == (len(vocabulary), m)
    outputs = start.weight * EmbeddingBag(start.columns, "mean", 10).forward(x.features) + start.bias
    layers = list(built.network.layers.values())
    logits = outputs if head == "softmax" else layers[-1].forward(outputs.astype(np.float32))
    np.testing.assert_allclose(built.logits(x.features), logits, rtol=1e-3, atol=1e-4)
    assert (built.logits(x.features).argmax(axis=1) == x.label).mean() > 0.9


@pytest.mark.parametrize("hidden", [[], [16]])
@pytest.mark.parametrize(("head", "k"), HEADS)
def test_only_classes_without_an_order_start_from_stochastic_descent_on_large_data(head, k, hidden, monkeypatch):
    """The others start from naive Bayes."""
    vocabulary, x = examples(k)
    settings = config(head, k, hidden)
    outputs = NetworkSpec.from_config(settings).outputs
    monkeypatch.setattr(linear, "_LARGE", max(outputs, 2) * len(x.features.ids))
    assert not linear.is_large(settings, x.features)
    monkeypatch.setattr(linear, "_LARGE", max(outputs, 2) * len(x.features.ids) - 1)
    assert linear.is_large(settings, x.features)
    built = initial.build_classifier(settings, vocabulary, 0, examples=x)
    assert linear.has_linear_start(settings, x.features) == (head == "softmax")
    if head == "softmax":
        own, purpose = linear.Head(head, k), "linear start"
        columns, bias = fit_class_regression(x, len(vocabulary), "mean", 10, 0, own, None, purpose)
        member, _ = fit_class_regression(x, len(vocabulary), "mean", 10, 0, own)
        assert (columns != member).any()
        logits = EmbeddingBag(columns, "mean", 10).forward(x.features) + bias
        np.testing.assert_allclose(built.logits(x.features), logits, rtol=1e-3, atol=1e-4)
    else:
        ratios = naive_bayes_columns(x, vocabulary, settings.model.embedding, head)
        np.testing.assert_array_equal(built.tensors()["embedding.weight"][:, : ratios.shape[1]], ratios)


def test_rarity_is_the_inverse_document_frequency_relative_to_its_mean():
    x = Ragged(np.array([0, 1, 0, 2, 0, 1, 0], np.int32), np.array([0, 2, 4, 6, 7]))
    label = np.array([0, 1, 0, 1], np.int8)
    dense = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]])
    idf = TfidfTransformer().fit(dense).idf_
    found = naive_bayes.relative_rarity(naive_bayes.class_counts(Examples(x, label), 4), Examples(x, label))
    np.testing.assert_allclose(found, idf / (idf @ dense.sum(axis=0) / dense.sum()))

    weighted = Examples(x, label, np.array([2, 1, 0, 1], np.float32))
    rows = np.array([0, 0, 1, 3])
    copies = Examples(x.take(rows), label[rows])
    a, b = (naive_bayes.relative_rarity(naive_bayes.class_counts(each, 4), each) for each in (weighted, copies))
    np.testing.assert_allclose(a, b)
    nothing = Examples(Ragged(np.zeros(0, np.int32), np.zeros(3, np.int64)), label[:2])
    assert (naive_bayes.relative_rarity(naive_bayes.class_counts(nothing, 2), nothing) == 1).all()
    often = Examples(Ragged(np.zeros(9, np.int32), np.array([0, 8, 9])), label[:2])  # more occurrences than reviews
    assert (naive_bayes.relative_rarity(naive_bayes.class_counts(often, 1), often) == 1).all()


@pytest.mark.parametrize(("head", "is_changed"), [("softmax", True), ("scale", False), ("cumulative", False)])
@pytest.mark.parametrize("way", ["exact", "stochastic"])
def test_rare_features_move_further_if_the_classes_have_no_order(head, is_changed, way, monkeypatch):
    """Each class has a word that nearly all of its reviews have, and one that few have."""
    rng, k = np.random.default_rng(0), 4
    label = (np.arange(400) % k).astype(np.int8)
    ids = [[c, *([c + k] if rng.random() < 0.1 else []), 2 * k + int(rng.integers(5))] for c in label.tolist()]
    x = Ragged(np.concatenate(ids).astype(np.int32), np.cumsum([0, *map(len, ids)]))
    examples = Examples(x, label, None, Classes(("a", "b", "c", "d")))

    def of_rare():
        if way == "exact":
            columns, _, _ = linear.fit_linear_columns(examples, linear.NO_PAIRS, 13, "mean", 10, None, head)
        else:
            columns, _ = fit_class_regression(examples, 13, "mean", 10, 0, linear.Head(head, k))
        columns = columns.reshape(13, -1)
        return np.linalg.norm(columns[k : 2 * k]) / np.linalg.norm(columns[:k])

    usual = of_rare()
    for module in linear, logistic_regression:
        monkeypatch.setattr(module, "relative_rarity", lambda counts, examples: np.ones(len(counts[0])))
    assert (usual > 1.5 * of_rare()) if is_changed else (usual == of_rare())


@pytest.mark.parametrize(("head", "k"), HEADS)
def test_the_linear_start_is_at_a_minimum(head, k, monkeypatch):
    """No small change of a bias or of what the head learns lowers the loss: they have no penalty."""
    monkeypatch.setattr(linear, "_TOLERANCE", 1e-13)
    vocabulary, x = examples(k)
    label = x.label.copy()
    label[::4] = (label[::4] + 1) % k  # so that no weight wants to be infinite
    x = Examples(x.features, label, None, x.classes)
    columns, bias, parameters = linear.fit_linear_columns(
        x, vocabulary.affix_pairs(), len(vocabulary), "mean", 10, None, head
    )
    pooled = EmbeddingBag(columns, "mean", 10).forward(x.features)
    fitted = linear.Head(head, k)

    def loss(shift, change):
        for name, value in fitted.parameters.items():
            value[...] = parameters[name] + change
        return fitted.loss((pooled + bias + shift).reshape(len(label), -1), label, None)[0]

    least = loss(0, 0)
    for i, size in ((i, size) for i in range(len(bias)) for size in (-0.02, 0.02)):
        assert loss(size * np.eye(len(bias))[i], 0) > least - 1e-9
    for i, size in ((i, size) for i in range(fitted.size) for size in (-0.02, 0.02)):
        assert loss(0, size * np.eye(fitted.size)[i]) > least - 1e-9


@pytest.mark.parametrize(("head", "k"), [("sigmoid", 2), *HEADS])
def test_a_linear_start_gives_words_and_affixes_inputs_of_the_sizes_that_are_chosen(head, k):
    """Those of neutrality have the factor of polarity. Those of classes without an order have their rarity, too."""
    words = ("awfully", "dully", "longish", "nicely", "superbly", "filmish", "unnice", "unfilm")
    texts = [f"{words[i % 8]} {words[i % 7]}" for i in range(40)]
    vocabulary, features = vocabulary_build.build_vocabulary(tokenize(strings(texts)), 1, affixes=True)
    x = Examples(features, np.arange(40, dtype=np.int8) // 2 % k, None, classes_of(config(k=max(k, 3)).data))
    shared, entry = (
        linear.SharedWeights(vocabulary.affix_pairs(), len(vocabulary)),
        linear.entries(features, "mean", 10),
    )
    scale = linear._scales(x, shared, entry, head).reshape(len(vocabulary), -1)
    ratios = [np.abs(shared.log_count_ratio(task)) for task in binary_tasks(x, head)]
    if head == "softmax":
        frequency = shared.transposed @ np.bincount(features.ids, minlength=len(vocabulary))
        ratios = [ratio * (np.log(41 / (1 + np.minimum(frequency, 40))) + 1) for ratio in ratios]
    square = shared.transposed @ np.bincount(features.ids, entry**2, len(vocabulary))
    count = shared.transposed @ np.bincount(features.ids, minlength=len(vocabulary))
    for chosen, size in (vocabulary.is_affix, linear._AFFIX_SCALE), (~vocabulary.is_affix, linear._WORD_SCALE):
        factor = scale[chosen] / np.maximum(np.stack(ratios, axis=1)[chosen], 1e-9)
        for column in range(scale.shape[1]):
            root = np.sqrt((scale[:, column] ** 2 * square)[chosen].sum() / count[chosen].sum())
            is_neutrality = head == "scale" and column == 1
            assert root == pytest.approx(size) or is_neutrality
            known = ratios[column][chosen] > 1e-6
            assert np.ptp(factor[known, column]) < 1e-6 * factor.max()
            assert not is_neutrality or factor[known, 1].max() == pytest.approx(factor[:, 0].max())


@pytest.mark.parametrize(("head", "k"), HEADS)
def test_tasks_of_labels_that_are_probabilities_are_those_of_the_labels_on_average(head, k):
    _, x = examples(k)
    hard = [task.label for task in binary_tasks(x, head)]
    certain = Examples(x.features, np.eye(k)[x.label], None, x.classes)
    mixed = Examples(x.features, (np.eye(k)[x.label] + np.eye(k)[x.label[::-1]]) / 2, None, x.classes)
    for own, same, mean in zip(hard, binary_tasks(certain, head), binary_tasks(mixed, head), strict=True):
        assert same.label == pytest.approx(own)
        assert mean.label == pytest.approx((own + own[::-1]) / 2)


@settings(max_examples=5, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=20, max_size=20), st.sampled_from(HEADS))
def test_starts_count_a_review_of_weight_k_as_k_copies(weight, head_and_k):
    head, k = head_and_k
    weight = np.array(weight)
    weight[::4] += 1
    vocabulary, x = examples(k)
    copies = np.repeat(np.arange(20), weight)
    repeated = Examples(x.features.take(copies), x.label[copies], None, x.classes)
    kept = weight > 0
    weighted = Examples(
        x.features.take(np.flatnonzero(kept)), x.label[kept], weight[kept].astype(np.float32), x.classes
    )
    embedding = config(head, k).model.embedding
    first, second = (naive_bayes_columns(each, vocabulary, embedding, head) for each in (weighted, repeated))
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("k", [3, 5])
def test_a_model_of_two_classes_as_a_start(k):
    """Polarity is its logit, and neutrality is 0."""
    vocabulary, x = examples(k)
    two = Config.model_validate({"model": {"hidden": [4], "embedding": {"dim": 6}}, "text": {"ngrams": 1}})
    label = (x.label > k // 2).astype(np.int8)
    origin = initial.build_classifier(two, vocabulary, 0, examples=Examples(x.features, label))
    built = initial.build_classifier(config("scale", k, [4]), vocabulary, 1, origin, x)
    z = origin.logits(x.features)
    np.testing.assert_allclose(built.logits(x.features), z[:, None] * np.arange(k) / (k - 1), rtol=1e-5, atol=1e-6)


# --- calibration ------------------------------------------------------------------------------------------------


def labelled(seed: int, n: int, k: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Return logits, and labels drawn with their probabilities."""
    rng = np.random.default_rng(seed)
    z = 1.5 * rng.standard_normal((n, k))
    return z, (rng.random((n, 1)) > np.cumsum(softmax(z), axis=1)).sum(axis=1)


@pytest.mark.parametrize("factor", [0.5, 1, 3])
def test_the_temperature_of_scaled_logits_is_recovered(factor):
    z, label = labelled(0, 20_000)
    assert fit_temperature(factor * z, label) * factor == pytest.approx(1, abs=0.03)
    assert fit_temperature(factor * z + 7, label) * factor == pytest.approx(1, abs=0.03), "only differences matter"


@pytest.mark.parametrize("factor", [0.3, 3], ids=["it grows", "it shrinks"])
@pytest.mark.parametrize("n", [12, 300])
def test_of_two_classes_every_fit_is_that_of_one_logit(n, factor):
    """With few reviews, which the priors hold back, and with weights."""
    z, label = labelled(1, n, 2)
    z, weight = factor * z, np.where(label == 0, 4.0, 0.5) * np.random.default_rng(2).random(n)
    one = z[:, 1] - z[:, 0]
    assert fit_temperature(z, label, weight) == pytest.approx(fit_temperature(one, label, weight))
    scale, (first, second) = fit_scale_and_shift(z, label, weight)
    assert (scale, second - first) == pytest.approx(fit_scale_and_shift(one, label, weight), rel=1e-3)
    other = np.random.default_rng(3).standard_normal(z.shape)
    share = mixture_weights(np.stack((z, other), axis=1), label, weight)
    both = np.stack((one, other[:, 1] - other[:, 0]), axis=1)
    assert share == pytest.approx(mixture_weights(both, label, weight), rel=1e-6)


def test_the_shift_of_each_class_is_recovered():
    z, label = labelled(2, 30_000)
    off = np.array([0, 0.7, -0.4, 0.2])
    factor, shift = fit_scale_and_shift(2 * (z - off), label, np.ones(len(z)))
    assert factor == pytest.approx(0.5, abs=0.03)
    assert shift[0] == 0
    assert shift == pytest.approx(off, abs=0.06)


def test_the_mixture_prefers_the_better_model():
    z, label = labelled(3, 3000)
    noise = np.random.default_rng(0).standard_normal(z.shape)
    share = mixture_weights(np.stack((z, noise), axis=1), label)
    assert share.sum() == pytest.approx(1)
    assert share[0] > 0.9
    assert mixture_weights(np.stack((z, z), axis=1), label) == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(("head", "k"), [("scale", 3), ("scale", 5), ("softmax", 3)])
def test_a_scaled_model_has_scaled_logits(head, k):
    built = classifier(config(head, k, [12]))
    x = examples(k)[1].features
    z, scaled = built.logits(x), calibrated(built, Calibration(0.5)).logits(x)
    np.testing.assert_allclose(scaled - scaled[:, :1], 0.5 * (z - z[:, :1]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("head", "k"), [("scale", 3), ("scale", 5), ("softmax", 3)])
def test_a_shifted_model_has_shifted_logits(head, k):
    built = classifier(config(head, k, [12]))
    x = examples(k)[1].features
    shift = np.linspace(0.5, 1, k) ** 2 + np.arange(k) % 2
    z, shifted = built.logits(x), calibrated(built, Calibration(2, shift.tolist())).logits(x)
    difference = shifted - 2 * z
    np.testing.assert_allclose(difference - difference[:, :1], np.tile(shift - shift[0], (20, 1)), rtol=1e-3, atol=1e-4)


# --- folding ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("head", "k"), [("scale", 3), ("scale", 5), ("softmax", 4)])
@pytest.mark.parametrize("widths", [([12], [13]), ([], []), ([], [12])])
def test_the_folded_network_has_the_logits_of_the_ensemble(head, k, widths):
    members = [classifier(config(head, k, list(hidden)), seed) for seed, hidden in enumerate(widths)]
    for member in members:  # as training leaves them: no two alike
        rng = np.random.default_rng(len(member.spec.hidden))
        for tensor in member.tensors().values():
            tensor[...] += 0.1 * rng.standard_normal(tensor.shape).astype(np.float32)
    x = examples(k)[1].features
    folded = fold_classifiers([(members[0], 0.3), (members[1], 0.7)])
    mean = 0.3 * members[0].logits(x) + 0.7 * members[1].logits(x)
    found = folded.logits(x)
    np.testing.assert_allclose(found - found[:, :1], mean - mean[:, :1], rtol=1e-4, atol=1e-4)
    assert folded.spec.labels == members[0].spec.labels


def test_folded_thresholds_are_the_mean_of_the_thresholds():
    members = [classifier(config("cumulative", 4, [12]), seed) for seed in (0, 1)]
    members[1].tensors()["thresholds.gaps"][...] += [0.5, -0.3]
    heads = [
        list(each.network.layers.values())[-1] for each in (*members, fold_classifiers([(m, 0.5) for m in members]))
    ]
    first, second, folded = (np.diff(head.thresholds()) for head in heads)
    assert folded == pytest.approx((first + second) / 2, rel=1e-5)


# --- the model file ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("head", "k"), HEADS)
def test_a_saved_model_is_the_same(tmp_path, head, k):
    built = classifier(config(head, k, [12]))
    content = built.to_bytes()
    (tmp_path / "m.safetensors").write_bytes(content)
    loaded = model_file.load_model(tmp_path / "m.safetensors")
    assert loaded.spec == built.spec
    assert loaded.spec.labels == (tuple(WORSE_TO_BETTER) if k == 3 else tuple(f"c{i}" for i in range(k)))
    assert list(loaded.training_config().data.labels)[:k] == list(loaded.spec.labels), (
        "the header is sorted by its keys"
    )
    x = examples(k)[1].features
    assert (loaded.logits(x) == built.logits(x)).all()
    assert loaded.to_bytes() == content
    assert tensor_file.read_tensor_file(tmp_path / "m.safetensors")[0]["format"] == _CLASS_FORMAT


def test_a_temperature_where_there_can_be_none_is_damage(tmp_path):
    """It divides the logits of classes without an order, and the spread of a usual text is above 0."""
    power, spread = np.array([0.5], np.float32), np.array([2], np.float32)
    for kind, other in (("scale", {}), ("softmax", {"temperature.spread": 0 * spread}), ("softmax", {})):
        built = classifier(config(kind, 3, [12]))
        tensors = {"temperature.power": power, "temperature.spread": spread, **other}
        words = {f"vocabulary.{name}": tensor for name, tensor in built.vocabulary.tensors().items()}
        (tmp_path / "m.safetensors").write_bytes(built.pack_file(built.tensors() | words | tensors))
        if kind == "softmax" and not other:
            assert model_file.load_model(tmp_path / "m.safetensors").spec.adaptive_temperature
            continue
        with pytest.raises(DataError, match=r"damaged: temperature\.(power is there, but|spread is not above 0)"):
            model_file.load_model(tmp_path / "m.safetensors")


def test_two_classes_keep_their_format(tmp_path):
    two = Config.model_validate({"text": {"ngrams": 1}})
    vocabulary, x = examples()
    built = initial.build_classifier(two, vocabulary, 0, examples=Examples(x.features, (x.label > 1).astype(np.int8)))
    (tmp_path / "m.safetensors").write_bytes(built.to_bytes())
    header, _ = tensor_file.read_tensor_file(tmp_path / "m.safetensors")
    assert header["format"] == _BINARY_FORMAT
    assert "ordered" not in header["config"]["data"]
    assert "output" not in header["config"]["model"]


@pytest.mark.parametrize(
    "labels", [["a"], [], ["a", "a", "b"], ["yes", "no"], [1, 2, 3], "abc", None, ["worse", "fair", "better", "best"]]
)
def test_damaged_names_of_classes_are_refused(tmp_path, labels):
    (tmp_path / "whole.safetensors").write_bytes(classifier(config()).to_bytes())
    header, tensors = tensor_file.read_tensor_file(tmp_path / "whole.safetensors")
    header.pop("checksum")
    (tmp_path / "m.safetensors").write_bytes(tensor_file.pack_tensor_file(header | {"labels": labels}, tensors))
    with pytest.raises(DataError):
        model_file.load_model(tmp_path / "m.safetensors")


def test_one_half_is_positive_whatever_decides():
    half = np.array([0.5, np.nextafter(0.5, 0)])
    for decision in Decision(), Decision(cost=1 - np.eye(2)), Decision(threshold=(1, 0.5)):
        assert decision.numbers(half).tolist() == [1, 0]
    for least, numbers in (0, [1, 1]), (1, [0, 0]):  # the ends of the range may be given, too
        assert parse_decision(Classes(), least).numbers(half).tolist() == numbers
    assert parse_decision(Classes(("a=b", "c", "d")), "a=b=0.2").threshold == (0, 0.2)
    assert [head.is_positive(each) for each in (*half, np.nan)] == [True, False, False]
    assert [head.is_negative(each) for each in (*half, np.nan)] == [False, True, False]


def test_costs_are_those_of_the_right_class_by_row_and_of_the_predicted_one_by_column():
    alarm = np.array([[0, 1, 1], [9, 0, 1], [9, 1, 0]])  # to predict the first one in place of others is expensive
    assert Decision(cost=alarm).numbers(np.array([[0.8, 0.2, 0], [0.95, 0.05, 0]])).tolist() == [1, 0]
    assert Decision(cost=np.array([[0, 9], [1, 0]])).numbers(np.array([0.8, 0.95])).tolist() == [0, 1]


def test_places_of_classes():
    assert Classes(("a", "b", "c")).places.tolist() == [0, 0.5, 1]
    classes = Classes(("1", "2", "9")), Classes(("1", "2", "9"), ordered=False), Classes(("1", "2", "many"))
    numbers = [None if each is None else each.tolist() for each in map(head.class_numbers, classes)]
    assert numbers == [[1, 2, 9], None, None], "no mean of topics"
    loss, _ = softmax_cross_entropy(np.zeros((1, 3)), np.array([1]))
    assert loss == pytest.approx(np.log(3))


@pytest.mark.parametrize("labels", [["1", "2", "3", "4", "5"], [str(n) for n in range(20)]], ids=len)
def test_the_answer_for_a_review_is_the_same_whatever_the_others_are(labels):
    probabilities = np.random.default_rng(0).dirichlet(np.ones(len(labels)), 200)
    classes = Classes(tuple(labels))
    for function in head.place, lambda each: head.expected_number(each, classes):
        whole = function(probabilities)
        for n in 1, 3, 12, 64:
            assert np.array_equal(function(probabilities[:n]), whole[:n])
