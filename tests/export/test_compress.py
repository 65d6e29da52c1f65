"""A compressed model: small enough, almost the same answers, and read as any other model."""

from __future__ import annotations

import pickle
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from heads import HEADS, random_classifier

from sentibp.cli.compress import parse_size
from sentibp.data import vocabulary_build
from sentibp.data.tokenizer import tokenize
from sentibp.errors import ConfigError, DataError
from sentibp.export import compress as compress_module
from sentibp.export.compress import Compressed, compress, compress_file, file_size
from sentibp.export.payload import _layers as payload_layers
from sentibp.inspection.explain import explain
from sentibp.inspection.pages.play_session import network_file
from sentibp.model.build import assemble
from sentibp.model.classifier import Classifier
from sentibp.model.file import load_model
from sentibp.training.estimator import SentimentClassifier
from sentibp.utils.arrow import strings

WORDS = [f"{beginning}{ending}" for beginning in ("go", "ba", "lo", "hi", "du") for ending in "abcdefghijklmnopqrst"]
RNG = np.random.default_rng(0)
TEXTS = [" ".join(RNG.choice(WORDS, RNG.integers(1, 40), p=np.arange(1, 101) / 5050)) for _ in range(400)]


@pytest.fixture
def build(new_classifier):
    """A classifier with random weights: sections of the config are keyword arguments."""

    def build(ngrams: int = 2, presence: bool = False, **model) -> Classifier:
        embedding = {"dim": 6, **model.pop("embedding", {})}
        text = {"ngrams": ngrams, "presence": presence}
        classifier = new_classifier(TEXTS, text=text, model={"hidden": [5], **model, "embedding": embedding})
        rng = np.random.default_rng(1)
        tensors = {name: rng.normal(size=each.shape).astype(np.float32) for name, each in classifier.tensors().items()}
        for name, tensor in tensors.items():
            if name.endswith("variance"):
                np.abs(tensor, out=tensor)
        return replace(classifier, network=assemble(classifier.spec, tensors))

    return build


@pytest.fixture
def read(tmp_path):
    def read(content: bytes) -> Classifier:
        (tmp_path / "small.safetensors").write_bytes(content)
        return load_model(tmp_path / "small.safetensors")

    return read


MODELS = [
    {},
    {"hidden": []},
    {"hidden": [], "embedding": {"dim": 1}},
    {"hidden": [5, 4], "activation": "tanh"},
    {"hidden": [5, 5], "batch_norm": True, "activation": "sigmoid"},
    {"hidden": [6, 6], "residual": True},
    {"embedding": {"pooling": "sum"}, "ngrams": 3},
    {"embedding": {"pooling": "sqrt", "padding": 3}, "presence": True},
    {"hidden": [40]},
]


@pytest.mark.parametrize("settings", MODELS, ids=str)
def test_with_all_features_the_answers_are_the_same_but_for_rounding(settings, build, read):
    model = build(**settings)
    compressed = compress(model, 10_000_000)
    small = read(compressed.to_bytes())
    assert len(small.vocabulary) == len(model.vocabulary)
    before, after = (each.logits(each.encode(strings(TEXTS))[0]) for each in (model, small))
    assert np.corrcoef(before, after)[0, 1] > 0.999
    np.testing.assert_array_equal(after, compressed.classifier.logits(compressed.classifier.encode(strings(TEXTS))[0]))
    assert small.spec.dim == (1 if settings.get("hidden") == [] else small.spec.dim) <= model.spec.dim
    assert small.training_config().model.embedding.dim == small.spec.dim


@pytest.mark.parametrize("size", [4_000, 5_000, 8_000, 15_000, 30_000])
@pytest.mark.parametrize("settings", [MODELS[0], MODELS[1], MODELS[5], MODELS[7]], ids=str)
def test_the_size_is_kept(size, settings, build, read):
    model = build(**settings)
    content = compress(model, size).to_bytes(dict.fromkeys(map(str, range(15)), 0.12345678901234567))
    assert len(content) <= size
    assert content == compress(model, size).to_bytes(dict.fromkeys(map(str, range(15)), 0.12345678901234567))
    small = read(content)
    assert 0 < len(small.vocabulary) <= len(model.vocabulary)
    assert set(small.vocabulary.features().to_pylist()) <= set(model.vocabulary.features().to_pylist())
    assert len(small.vocabulary) == len(model.vocabulary) or file_size(compress(model, size)) > 0.95 * size
    positive = small.predict(strings(TEXTS)).positive
    alone = [small.predict(strings([text])).positive[0] for text in TEXTS[:20]]
    np.testing.assert_array_equal(positive[:20], alone)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("model", [{"hidden": []}, {"hidden": [7]}, {"hidden": [6, 6], "residual": True}], ids=str)
def test_a_model_of_several_classes(head, model, new_classifier, read):
    whole = random_classifier(new_classifier, head, TEXTS, model | {"embedding": {"dim": 6}}, text={"ngrams": 2})
    large, small = (read(compress(whole, size).to_bytes()) for size in (10_000_000, 6_000))
    assert large.spec.labels == small.spec.labels == whole.spec.labels
    assert small.spec.head == whole.spec.head
    before, after, rough = (each.predict(strings(TEXTS)).positive for each in (whole, large, small))
    assert np.abs(before - after).max() < 0.05
    assert np.mean(before.argmax(axis=1) == after.argmax(axis=1)) > 0.97
    assert rough.shape == before.shape
    np.testing.assert_allclose(rough.sum(axis=1), 1, atol=1e-5)
    assert len(compress(whole, 6_000).to_bytes()) <= 6_000
    assert 0 < len(small.vocabulary) < len(whole.vocabulary) == len(large.vocabulary)
    explanation = explain(small, TEXTS[0])
    for each in explanation.sums:
        assert each.bias + sum(piece.contribution for piece in each.contributions) == pytest.approx(
            each.value, abs=1e-3
        )


def test_scores_that_are_longer_than_expected_fit_into_the_file(new_classifier, tmp_path):
    """Those of the classes are measured after the features are chosen; the model before has none."""
    labels = [f"topic {i}" for i in range(12)]
    rows = [f"{text},{labels[i % 12]}" for i, text in enumerate(TEXTS)]
    (tmp_path / "topics.csv").write_text("\n".join(["text,label", *rows]))
    data = {"labels": labels, "ordered": False, "source": "topics.csv", "validation": 0.5}
    model = new_classifier(TEXTS, data=data, text={"ngrams": 2})
    with chdir(tmp_path):
        Path("model.safetensors").write_bytes(model.to_bytes())
        size = len(compress(model, 10_000_000).to_bytes()) + 1_000
        content, report = compress_file(Path("model.safetensors"), size)
    assert len(content) <= size
    assert len(report.after["classes"]) == 12
    assert report.after["bytes"] == len(content)


def test_a_unit_matters_as_much_as_what_follows_it(build):
    """With batch norm it does as one whose weights have the scale of the norm in them, as in an export."""
    model = build(hidden=[5, 4], batch_norm=True)
    weights = {name: tensor for name, tensor in model.tensors().items() if name != "embedding.weight"}
    name, effect = compress_module._first_layer(weights)
    folded = payload_layers(model)[1]["hidden.0.weight"].reshape(-1, 5)
    after = np.linalg.norm(weights["hidden.1.weight"], axis=1)
    np.testing.assert_allclose(np.abs(weights[name] * effect), np.abs(folded * after), rtol=1e-5)


def test_an_n_gram_stays_with_all_that_it_extends_and_all_of_its_words():
    vocabulary = vocabulary_build.build_vocabulary(tokenize(strings(["a good old film", "a bad film"])), 3)[0]
    names = vocabulary.features().to_pylist()
    kept = compress_module._with_origins(vocabulary, np.array([names.index("good old film")]))
    assert {name for name, is_kept in zip(names, kept, strict=True) if is_kept} == {
        *("good", "old", "film", "good old", "good old film")
    }


def test_more_room_keeps_more_features(build):
    model = build()
    counts = [len(compress(model, size).classifier.vocabulary) for size in (4_000, 8_000, 16_000)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_the_features_that_matter_most_stay(build):
    model = build(hidden=[])
    rows = model.tensors()["embedding.weight"]
    rows[:] = 0.01
    loud = model.vocabulary.features().to_pylist().index("got got") if "got got" in TEXTS else 300
    name = model.vocabulary.features()[loud].as_py()
    rows[loud] = 5
    small = compress(model, 4_000).classifier
    kept = set(small.vocabulary.features().to_pylist())
    assert name in kept
    assert set(name.split()) <= kept  # with its words
    assert len(kept) < len(rows)


def test_directions_that_hardly_move_a_unit_are_left_out(build):
    """Each of the others has a hundredth of the length, and a ten-thousandth of the energy; nothing reads one unit."""
    model = build()
    model.tensors()["embedding.weight"][:, 1:] *= 0.01
    model.tensors()["output.weight"][0] = 0
    small = compress(model, 6_000).classifier
    assert small.spec.dim == 1 < len(small.vocabulary) < len(model.vocabulary)
    known = small.vocabulary.words[:20]
    before, after = (each.logits(each.encode(known)[0]) for each in (model, small))
    assert np.corrcoef(before, after)[0, 1] > 0.99


def test_frequent_features_are_rounded_less(monkeypatch):
    """By a step, those behind them by two, the rare ones by four; each by half of that at most."""
    monkeypatch.setattr(compress_module, "_RANKS", (100, 300))
    rows = np.random.default_rng(2).normal(size=(1000, 3)) * [1, 5, 0.1]
    rounded = compress_module._quantized(rows, 7)
    step = np.sqrt(np.mean(np.sum(rows**2, axis=1))) / 28
    assert rounded.step == pytest.approx(step)
    for part, multiple in (slice(0, 100), 1), (slice(100, 300), 2), (slice(300, None), 4):
        error = np.abs(rounded.codes * rounded.step - rows)[part]
        assert 0.4 * multiple * step < error.max() <= 0.501 * multiple * step
        assert not (rounded.codes[part] % multiple).any()


def test_a_frequent_feature_needs_a_shorter_row_to_stay(build):
    """The rows of rare features are up to half as long again."""
    model = build(hidden=[])
    rows = model.tensors()["embedding.weight"]
    rows[:] = np.linspace(1, 1.5, len(rows))[:, None]
    kept = compress(model, 4_000).classifier.vocabulary.features().to_pylist()
    first = model.vocabulary.features().to_pylist()[: len(kept)]
    assert len(kept) < len(rows) / 2
    assert set(kept) == set(first)


def test_a_shifted_word_is_as_frequent_as_a_tenth_of_its_word():
    texts = ["good film"] * 3 + ["not a good film"] * 2
    vocabulary = vocabulary_build.build_vocabulary(tokenize(strings(texts)), shifters=True)[0]
    frequency = dict(zip(vocabulary.features().to_pylist(), compress_module._frequency(vocabulary), strict=True))
    marked = {name: name.partition("~")[2] for name in frequency if "~" in name}
    assert len(marked) > 1
    assert [frequency[name] for name in marked] == pytest.approx([frequency[word] / 10 for word in marked.values()])
    assert [frequency[word] for word in ("film", "good")] == [1, 1 / 2], "as Zipf's law has it"


def test_an_explanation_adds_up(build, read):
    small = read(compress(build(), 8_000).to_bytes())
    for text in [*TEXTS[:10], "", "unknownword"]:
        explanation = explain(small, text)
        total = explanation.bias + sum(each.contribution for each in explanation.contributions)
        assert total == pytest.approx(explanation.logit, abs=1e-4)


def test_a_compressed_model_is_compressed_further(build, read):
    small = read(compress(build(), 30_000).to_bytes())
    smaller = read(compress(small, 6_000).to_bytes())
    assert len(smaller.vocabulary) < len(small.vocabulary)
    before, after = (each.predict(strings(TEXTS)).positive for each in (small, smaller))
    assert np.corrcoef(before, after)[0, 1] > 0.5


def test_written_as_another_file_it_answers_the_same(build, read, tmp_path):
    """Also of misspelled words: an estimator that was saved or pickled, and a network of `play`, knew none of them."""
    small = read(compress(build(), 10_000_000).to_bytes())
    texts = strings([*TEXTS[:20], "gooa baab hiic"])
    positive, _, unknown = small.predict(texts)
    assert unknown[-1] == 0
    (tmp_path / "estimator").write_bytes(compress(build(), 10_000_000).to_bytes())
    estimator = SentimentClassifier.load(tmp_path / "estimator")
    estimator.save(tmp_path / "saved")
    pickled = pickle.loads(pickle.dumps(estimator)).model_
    again = small.to_bytes(), network_file("small", small, 1), (tmp_path / "saved").read_bytes(), pickled.to_bytes()
    for content in again:
        other = read(content)
        np.testing.assert_array_equal(other.predict(texts).positive, positive)
        np.testing.assert_array_equal(other.predict(texts).unknown, unknown)


def test_a_model_without_a_message(build):
    """All rows are zero, as in a network that has not learned."""
    model = build()
    model.tensors()["embedding.weight"][:] = 0
    small = compress(model, 100_000).classifier
    np.testing.assert_allclose(small.predict(strings(["gob"])).positive, model.predict(strings(["gob"])).positive)


def test_a_size_that_is_too_small(build, complaint):
    line = complaint(ConfigError, compress, build(hidden=[200, 200]), 20_000)
    assert line.startswith("--max-size: the smallest file of this model has 1")
    needed = int(line.split(" has ")[1].split(" bytes")[0].replace(",", ""))
    compress(build(hidden=[200, 200]), needed)
    compress(build(hidden=[200, 200]), parse_size(line.rpartition(" --max-size ")[2]))
    assert complaint(ConfigError, compress, build(), 10)


def test_the_code_of_an_export_does_not_make_the_search_long(build):
    """The file of each size is made to measure it, which takes a tenth of a second."""
    model, measured = build(), []

    def measure(compressed: Compressed) -> int:
        measured.append(80_000 + file_size(compressed))
        return measured[-1]

    with pytest.raises(ConfigError):
        compress(model, 80_000, measure)
    max_bytes = min(measured) + 100
    measured.clear()
    assert 80_000 + file_size(compress(model, max_bytes, measure)) <= max_bytes
    assert len(measured) < 20


def test_a_damaged_file_is_refused(build, read):
    content = compress(build(), 8_000).to_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(len(content) - 4_000, len(content), 30):
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.integers(8)
        with pytest.raises(DataError, match=r"does not match its checksum|damaged"):
            read(bytes(damaged))
    with pytest.raises(DataError):
        read(content[:-100])
