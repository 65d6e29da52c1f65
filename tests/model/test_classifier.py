"""The classifier: its layers, its file, its predictions and its initial weights."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import safetensors.numpy
from command import invoke
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.config.schema import Config
from sentibp.data import vocabulary_build
from sentibp.data.examples import Examples
from sentibp.data.readers import pieces
from sentibp.data.tokenizer import tokenize
from sentibp.errors import ConfigError, DataError, InvalidSetting
from sentibp.export.server import model as server_model
from sentibp.model import classifier, initial, linear
from sentibp.model.classifier import Classifier
from sentibp.model.file import load_model
from sentibp.nn import gradcheck
from sentibp.nn.layers import Composite, EmbeddingBag, Ragged
from sentibp.nn.losses import LOSSES
from sentibp.utils import tensor_file
from sentibp.utils.arrow import strings as to_arrow
from sentibp.utils.rng import random_stream

TEXTS = ["good good film", "not good", "", "a bad film", "bad, not even a film"]  # a repeated word, an empty review
LABEL = np.array([1, 0, 1, 0, 0], np.int8)

NETWORKS = {  # the section `model`, and the other settings that matter
    "linear": {"model": {"hidden": []}},
    "one layer": {"model": {"hidden": [5]}},
    "narrowing": {"model": {"hidden": [6, 4, 3], "embedding": {"dim": 8}}},
    "tanh": {"model": {"hidden": [5, 5], "activation": "tanh"}},
    "sigmoid": {"model": {"hidden": [5], "activation": "sigmoid"}},
    "batch norm": {"model": {"hidden": [5, 4], "batch_norm": True}},
    "residual": {"model": {"hidden": [4, 4, 6], "residual": True, "embedding": {"dim": 4}}},
    "dropout": {"model": {"hidden": [5], "dropout": 0.4}},
    "word dropout": {"model": {"hidden": [5]}, "train": {"word_dropout": 0.4}},
    "pooled by sum": {"model": {"hidden": [5], "embedding": {"dim": 3, "pooling": "sum"}}},
    "pooled by sqrt": {"model": {"hidden": [], "embedding": {"dim": 3, "pooling": "sqrt"}}},
    "all at once": {
        "text": {"ngrams": 3},
        "model": {
            "embedding": {"dim": 6, "pooling": "sqrt", "init": "glorot"},
            "hidden": [6, 6, 3],
            "activation": "tanh",
            "batch_norm": True,
            "residual": True,
            "dropout": 0.3,
        },
        "train": {"word_dropout": 0.3},
    },
}
every_network = pytest.mark.parametrize("sections", NETWORKS.values(), ids=NETWORKS)


def assert_same(a: Classifier, b: Classifier) -> None:
    """Check that two classifiers have the same bits."""
    assert list(a.tensors()) == list(b.tensors())
    for name, tensor in a.tensors().items():
        assert tensor.dtype == b.tensors()[name].dtype
        np.testing.assert_array_equal(tensor, b.tensors()[name], name)


def with_noise(classifier: Classifier, dtype: type) -> Classifier:
    """Change the dtype, and add noise: an empty review then does not meet the corner of a ReLU."""
    rng = np.random.default_rng(1)
    for _, layer in classifier.network.walk():
        if not isinstance(layer, Composite):
            layer.params = {
                name: (value + rng.normal(0, 0.3, value.shape)).astype(dtype) for name, value in layer.params.items()
            }
            layer.buffers = {name: value.astype(dtype) for name, value in layer.buffers.items()}
    return classifier


# From settings to layers


def shapes(classifier: Classifier) -> dict[str, tuple[int, ...]]:
    return {name: tensor.shape for name, tensor in classifier.tensors().items()}


def test_names_are_paths(new_classifier):
    words = ["one", "two", "three"]
    embedding = {"dim": 4}
    assert shapes(new_classifier(words, text={"ngrams": 1}, model={"hidden": [], "embedding": embedding})) == {
        "embedding.weight": (3, 4),
        "output.weight": (4, 1),
        "output.bias": (1,),
    }
    deep = new_classifier(
        words,
        text={"ngrams": 1},
        model={"hidden": [4, 2], "embedding": embedding, "batch_norm": True, "residual": True, "dropout": 0.1},
        train={"word_dropout": 0.1},
    )
    assert shapes(deep) == {
        "embedding.weight": (3, 4),
        "hidden.0.weight": (4, 4),
        "hidden.0.bias": (4,),
        "hidden.0.norm.scale": (4,),
        "hidden.0.norm.shift": (4,),
        "hidden.0.norm.mean": (4,),
        "hidden.0.norm.variance": (4,),
        "hidden.1.weight": (4, 2),
        "hidden.1.bias": (2,),
        "hidden.1.norm.scale": (2,),
        "hidden.1.norm.shift": (2,),
        "hidden.1.norm.mean": (2,),
        "hidden.1.norm.variance": (2,),
        "output.weight": (2, 1),
        "output.bias": (1,),
    }


@every_network
def test_all_tensors_stay_float32(new_classifier, sections):
    classifier = new_classifier(TEXTS, **sections)
    assert {tensor.dtype for tensor in classifier.tensors().values()} == {np.dtype(np.float32)}
    features, _, _ = classifier.encode(to_arrow(TEXTS))
    z = classifier.network.forward(features, train=True)
    classifier.network.backward(np.ones_like(z))
    gradients = classifier.network.grads.values()
    assert z.dtype == np.float32
    assert {getattr(gradient, "values", gradient).dtype for gradient in gradients} == {np.dtype(np.float32)}
    assert {tensor.dtype for tensor in classifier.tensors().values()} == {np.dtype(np.float32)}


@every_network
@pytest.mark.parametrize("loss", LOSSES)
def test_backpropagation_through_the_whole_network_is_right(new_classifier, sections, loss):
    """Compare with central differences in float64, along random directions of every parameter."""
    classifier = with_noise(new_classifier(TEXTS, **sections), np.float64)
    features, _, _ = classifier.encode(to_arrow(TEXTS))
    weight = np.array([1.0, 2.0, 0.5, 0.0, 1.0])
    rng = np.random.default_rng(2)
    errors = gradcheck.check_network(classifier.network, LOSSES[loss], features, LABEL, rng, weight)
    assert list(errors) == list(classifier.network.params)
    assert max(errors.values()) < gradcheck.TOLERANCE, errors


@pytest.mark.parametrize("part", ["embedding.weight", "hidden.0.bias", "output.weight"])
def test_the_check_of_the_whole_network_finds_a_wrong_gradient(new_classifier, part):
    classifier = with_noise(new_classifier(TEXTS), np.float64)
    name, _, key = part.rpartition(".")
    layer = dict(classifier.network.walk())[name]
    layer = layer.layers[""] if isinstance(layer, Composite) else layer
    backward = layer.backward

    def wrong(dy):
        dx = backward(dy)
        gradient = layer.grads[key]
        twice = gradient._replace(values=2 * gradient.values) if hasattr(gradient, "rows") else 2 * gradient
        layer.grads = {**layer.grads, key: twice}
        return dx

    layer.backward = wrong
    features, _, _ = classifier.encode(to_arrow(TEXTS))
    rng = np.random.default_rng(2)
    errors = gradcheck.check_network(classifier.network, LOSSES["cross_entropy"], features, LABEL, rng)
    assert [name for name, error in errors.items() if error > gradcheck.TOLERANCE] == [part]


@every_network
def test_the_same_seed_gives_the_same_bytes(new_classifier, sections):
    first, second, other = (new_classifier(TEXTS, seed, **sections) for seed in (7, 7, 8))
    assert first.to_bytes() == second.to_bytes()  # no time stamp, no random order
    assert first.to_bytes() != other.to_bytes()


def test_random_streams_are_independent(new_classifier):
    def drawn(seed: int, name: str) -> list[int]:
        return random_stream(seed, name).integers(2**60, size=4).tolist()

    assert drawn(0, "init") == drawn(0, "init")
    streams = [drawn(seed, name) for seed in (0, 1) for name in ("init", "shuffle", "dropout", "split")]
    assert len({tuple(numbers) for numbers in streams}) == len(streams)
    plain, noisy = (new_classifier(TEXTS, model={"dropout": rate}) for rate in (0.0, 0.5))
    assert_same(plain, noisy)  # drawing more from one stream does not change another
    wide = new_classifier(TEXTS, model={"hidden": [64, 32]})
    np.testing.assert_array_equal(plain.tensors()["embedding.weight"], wide.tensors()["embedding.weight"])


@pytest.mark.parametrize(("activation", "suits"), [("relu", "he"), ("tanh", "glorot"), ("sigmoid", "glorot")])
def test_initial_weights_depend_on_the_activation(new_classifier, activation, suits):
    def start(init: str) -> dict[str, np.ndarray]:
        network = {"embedding": {"dim": 300}, "hidden": [200], "activation": activation, "init": init}
        return new_classifier(TEXTS, model=network).tensors()

    auto = start("auto")
    np.testing.assert_array_equal(auto["hidden.0.weight"], start(suits)["hidden.0.weight"])
    if suits == "he":
        assert auto["hidden.0.weight"].std() == pytest.approx(np.sqrt(2 / 300), rel=0.02)
    else:
        assert np.abs(auto["hidden.0.weight"]).max() == pytest.approx(np.sqrt(6 / 500), rel=0.01)
    assert np.abs(auto["output.weight"]).max() <= np.sqrt(6 / 201)  # Glorot, because no ReLU follows the output
    assert not auto["hidden.0.bias"].any()
    assert start("normal")["hidden.0.weight"].std() == pytest.approx(0.1, rel=0.02)


def test_settings_that_only_matter_in_training_change_no_prediction(new_classifier):
    texts = to_arrow(TEXTS)
    plain = new_classifier(TEXTS)
    noisy = new_classifier(TEXTS, model={"dropout": 0.9}, train={"word_dropout": 0.9})
    np.testing.assert_array_equal(plain.predict(texts).positive, noisy.predict(texts).positive)


def test_a_residual_network_adds_its_input(new_classifier):
    network = {"hidden": [4], "embedding": {"dim": 4}}
    plain, skip = (new_classifier(TEXTS, model={**network, "residual": residual}) for residual in (False, True))
    assert_same(plain, skip)
    texts = to_arrow(TEXTS[:1])
    assert plain.predict(texts).positive != skip.predict(texts).positive


# Prediction


def test_an_empty_review_and_one_of_unknown_words_get_the_same_answer(new_classifier):
    classifier = with_noise(new_classifier(TEXTS), np.float32)
    texts = ["", " \n\t ", "zebra quokka", "\u200b", "zebra", "good"]
    positive, tokens, unknown = classifier.predict(to_arrow(texts))
    np.testing.assert_allclose(positive[:5], positive[0], rtol=1e-6)  # equal but for the last bit of float32
    assert positive[5] != pytest.approx(positive[0], rel=1e-3)
    assert tokens.tolist() == [0, 0, 2, 0, 1, 1]
    assert unknown.tolist() == [0, 0, 2, 0, 1, 0]


ANY_TEXT = {
    "empty": "",
    "newline": "\n",
    "lines": "two\nlines\r\nor three",
    "null": "\x00",
    "emoji": "👍🏽👨‍👩‍👧",
    "ligature": "ﬁlm",
    "half of a surrogate pair": "\ud800 film",
    "entities": "&lt;br&#0;&amp;good",
    "one long word": "a" * 10**6,
    "a megabyte": "good " * 200_000,
}


@pytest.mark.parametrize("text", ANY_TEXT.values(), ids=ANY_TEXT)
def test_any_text_is_legal(new_classifier, text):
    classifier = with_noise(new_classifier(TEXTS), np.float32)
    positive, tokens, unknown = classifier.predict(to_arrow([text, "good", text]))
    assert positive.dtype == np.float64
    assert ((positive > 0) & (positive < 1)).all()
    assert positive[0] == pytest.approx(positive[2], rel=1e-6)  # the position in the batch may change the last bit
    assert (unknown <= tokens).all()


def test_no_text_at_all(new_classifier):
    assert [len(part) for part in new_classifier(TEXTS).predict(to_arrow([]))] == [0, 0, 0]
    assert len(new_classifier(TEXTS).predict(pa.chunked_array([], pa.large_string())).positive) == 0


@pytest.mark.parametrize("labels", [None, {"1": [1], "2": [2], "3": [3]}], ids=["two", "three"])
def test_tables_of_predictions_have_the_same_types(labels, new_classifier):
    """Batches become one file, whether or not a text of a batch has a note, or there is none."""
    classifier = new_classifier(TEXTS, data={"source": "x.csv", "labels": labels})
    batches = [classifier.predict(texts).to_arrow() for texts in (["good"], ["zebra"], [])]
    assert len({str(batch.schema) for batch in batches}) == 1
    assert pa.concat_tables(batches).column("note").to_pylist() == [None, "no known word"]
    together = pd.concat([classifier.predict(texts).to_pandas() for texts in ([], TEXTS)])
    assert {"tokens": "int64", "score": "float64"}.items() <= together.dtypes.astype(str).to_dict().items()
    for number, name in enumerate(classifier.spec.labels):  # the threshold decides everywhere
        found = classifier.predict(["good", ""], threshold=f"{name}=0")
        assert [each["label"] for each in found.to_dicts()] == found.label.tolist() == [name, name]
        assert [each["score"] for each in found.to_dicts()] == found.score.tolist()
        assert found.score.tolist() == found.probabilities[:, number].tolist()
        assert [each.get("note") for each in found.to_dicts()] == [None, "no known word"]


@pytest.mark.parametrize("network", NETWORKS)
def test_predictions_do_not_depend_on_other_texts_order_or_chunks(new_classifier, network):
    """To the last bit. 600 reviews are more than one block."""
    classifier = with_noise(new_classifier(TEXTS, **NETWORKS[network]), np.float32)
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(["good", "bad", "not", "film", "zebra"], rng.integers(9))) for _ in range(600)]
    together = classifier.predict(to_arrow(texts)).positive
    order = rng.permutation(600)
    shuffled = classifier.predict(to_arrow([texts[i] for i in order])).positive
    np.testing.assert_array_equal(shuffled, together[order])
    for start, stop in [(0, 1), (70, 72), (130, 137), (599, 600), (255, 320), (9, 600)]:
        np.testing.assert_array_equal(classifier.predict(to_arrow(texts[start:stop])).positive, together[start:stop])
    chunks = pa.chunked_array([to_arrow(texts[:100]), to_arrow([]), to_arrow(texts[100:])])
    np.testing.assert_array_equal(classifier.predict(chunks).positive, together)


def test_threads_can_share_a_classifier(new_classifier):
    classifier = with_noise(new_classifier(TEXTS, **NETWORKS["all at once"]), np.float32)
    batches = [to_arrow([f"good {'bad ' * i}film" for i in range(n)]) for n in range(1, 41)]
    alone = [classifier.predict(batch).positive for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        for expected, prediction in zip(alone, pool.map(classifier.predict, batches), strict=True):
            np.testing.assert_array_equal(prediction.positive, expected)


# The model file

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
models = st.fixed_dictionaries(
    {
        "embedding": st.fixed_dictionaries({"dim": st.integers(1, 3), "pooling": st.sampled_from(["mean", "sum"])}),
        "hidden": st.lists(st.integers(1, 3), max_size=2),
        "activation": st.sampled_from(["relu", "tanh", "sigmoid"]),
        "batch_norm": st.booleans(),
        "dropout": st.sampled_from([0.0, 0.1]),
    }
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    """Return the path of a file that a test overwrites."""
    return tmp_path_factory.mktemp("models") / "model.safetensors"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(words, min_size=1, max_size=6),
    st.integers(1, 3),
    st.booleans(),
    models,
    st.dictionaries(st.sampled_from(["accuracy", "f1"]), st.floats(0, 1)),
)
def test_saving_and_loading_is_exact(new_classifier, scratch, texts, ngrams, lowercase, network, scores):
    saved = new_classifier([*texts, "film"], text={"ngrams": ngrams, "lowercase": lowercase}, model=network)
    saved = with_noise(saved, np.float32)
    saved.scores = scores
    scratch.write_bytes(saved.to_bytes())
    loaded = load_model(scratch)
    assert_same(saved, loaded)
    assert loaded.training_config() == saved.training_config()
    assert loaded.spec == saved.spec
    assert loaded.scores == scores
    assert loaded.vocabulary.features().equals(saved.vocabulary.features())
    assert loaded.to_bytes() == saved.to_bytes()
    asked = to_arrow([*texts, " ".join(texts), "film film", "something else"])
    for before, after in zip(saved.predict(asked), loaded.predict(asked), strict=True):
        np.testing.assert_array_equal(before, after)


def read_safetensors(content: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    """Return the metadata of a safetensors file, and its tensors."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length])["__metadata__"], safetensors.numpy.load(content)


def test_the_file_has_one_metadata_key_with_sorted_json(new_classifier):
    classifier = new_classifier(["one", "two two"])
    classifier.scores = {"f1": 0.5, "accuracy": 0.75}
    metadata, tensors = read_safetensors(classifier.to_bytes())
    assert list(metadata) == ["sentibp"]
    header = json.loads(metadata["sentibp"])
    assert metadata["sentibp"] == json.dumps(header, sort_keys=True)
    assert list(header) == ["checksum", "config", "format", "labels", "scores", "version"]
    assert header["labels"] == ["negative", "positive"]
    assert header["scores"] == {"accuracy": 0.75, "f1": 0.5}
    assert set(tensors) == {*classifier.tensors(), "vocabulary.words", "vocabulary.features"}
    assert tensors["vocabulary.words"].tobytes() == b"two\none"  # by count, then by text
    assert tensors["vocabulary.features"].tolist() == [[-1, 0], [-1, 1], [0, 0]]  # two, one, "two two"


def test_arrays_in_fortran_order_are_saved_correctly(new_classifier, scratch):
    classifier = new_classifier(TEXTS)
    embedding = classifier.network.layers["embedding"]
    embedding.params = {"weight": np.asfortranarray(embedding.params["weight"])}
    scratch.write_bytes(classifier.to_bytes())
    assert_same(classifier, load_model(scratch))


# Damaged files: a DataError in one line


@pytest.fixture(scope="module")
def valid_file(new_classifier) -> bytes:
    """Return the content of a valid model file with six words, four of them in bigrams."""
    return new_classifier(
        ["a good film", "a bad film", "not good"], model={"hidden": [2], "embedding": {"dim": 2}, "batch_norm": True}
    ).to_bytes()


def damaged(valid_file: bytes, scratch: Path, tensors: dict | None = None, **header) -> Path:
    """Write a model file with other tensors (None: omitted) or another header."""
    metadata, own = read_safetensors(valid_file)
    own |= tensors or {}
    content = json.loads(metadata["sentibp"]) | header
    kept = {name: tensor for name, tensor in own.items() if tensor is not None}
    content.pop("checksum")  # a file changed on purpose has a valid checksum
    scratch.write_bytes(tensor_file.pack_tensor_file(content, kept))
    return scratch


@pytest.mark.parametrize(
    "labels",
    [["positive", "negative"], ["negative", "negative"], ["negative"], [], None, 5, {"negative": 0, "positive": 1}],
    ids=str,
)
@pytest.mark.parametrize("older", [False, True])  # an earlier version did not write every setting
def test_swapped_or_other_labels_are_refused(valid_file, scratch, labels, older):
    header = json.loads(read_safetensors(valid_file)[0]["sentibp"])
    if older:
        del header["config"]["model"]["residual"]
    assert load_model(damaged(valid_file, scratch, config=header["config"])).spec.labels == ("negative", "positive")
    with pytest.raises(DataError, match="damaged: its labels are"):
        load_model(damaged(valid_file, scratch, config=header["config"], labels=labels))


def test_the_valid_file_loads(valid_file, scratch):
    assert len(load_model(damaged(valid_file, scratch)).vocabulary.words) == 5


@pytest.mark.parametrize(
    ("name", "tensor", "says"),
    [
        ("output.bias", None, "output.bias"),
        ("vocabulary.words", None, "vocabulary.words"),
        ("hidden.0.norm.variance", None, "hidden.0.norm.variance"),
        ("output.bias", np.zeros(2, np.float32), r"output.bias is float32 \(2,\), not float32 \(1,\)"),
        ("hidden.0.weight", np.zeros((2, 3), np.float32), "hidden.0.weight is float32"),
        ("embedding.weight", np.zeros((3, 2), np.float32), "embedding.weight is float32"),
        ("output.bias", np.zeros(1, np.float64), "output.bias is float64"),
        ("output.bias", np.array([np.nan], np.float32), "output.bias holds numbers that are not finite"),
        ("output.weight", np.array([[1], [np.inf]], np.float32), "output.weight holds numbers that are not finite"),
        ("vocabulary.features", np.zeros((3, 1), np.int32), "damaged"),
        ("vocabulary.features", np.zeros(3, np.int32), "no pairs of numbers"),
        ("vocabulary.features", np.zeros((3, 2), np.int64), "no pairs of numbers"),
        ("vocabulary.words", np.frombuffer(b"\xff\xfe", np.uint8), "damaged"),
        ("vocabulary.respells", np.zeros(1, np.uint8), "vocabulary.respells"),
        ("vocabulary.respells", np.ones(1, np.float32), "vocabulary.respells"),
        ("vocabulary.words", np.frombuffer(b"few\nwords", np.uint8), "the vocabulary"),
    ],
)
def test_a_wrong_tensor_is_named(complaint, valid_file, scratch, name, tensor, says):
    with pytest.raises(DataError, match=says):
        load_model(damaged(valid_file, scratch, {name: tensor}))
    assert complaint(DataError, load_model, scratch).startswith(f"{scratch}: ")


def test_every_number_of_the_vocabulary_is_checked(valid_file, scratch):
    """Change one number: the file is refused, or the model encodes every text."""
    features = read_safetensors(valid_file)[1]["vocabulary.features"]
    texts = to_arrow(["a good film", "bad not", "not good film a bad film", "zebra"])
    for place in np.ndindex(features.shape):
        for value in (-(2**31), -2, -1, *range(len(features) + 1), 2**31 - 1):
            changed = features.copy()
            changed[place] = value
            try:
                loaded = load_model(damaged(valid_file, scratch, {"vocabulary.features": changed}))
            except DataError:
                continue
            ragged, _, _ = loaded.encode(texts)
            assert ((ragged.ids >= 0) & (ragged.ids < len(features))).all()


def test_every_word_of_the_vocabulary_has_its_feature(complaint, valid_file, scratch):
    """A letter changed to a line break splits a word in two, so that the last word has no feature."""
    changed = read_safetensors(valid_file)[1]["vocabulary.words"].copy()
    changed[bytes(changed).index(b"film") + 1] = ord("\n")
    assert "vocabulary" in complaint(DataError, load_model, damaged(valid_file, scratch, {"vocabulary.words": changed}))


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"format": 8, "version": "9.9"}, "model format 8, written by sentibp 9.9, is newer than 7; update sentibp"),
        ({"format": "one"}, "damaged"),
        ({"format": None}, "damaged"),
        ({"config": None}, "damaged"),
        ({"config": []}, "damaged"),
        ({"config": {"model": {"activation": "relo", "hidden": [0]}, "trian": {}}}, "damaged"),
        ({"config": {"model": {"hidden": [2, 2]}}}, "damaged"),
    ],
)
def test_a_wrong_header_is_one_line(complaint, valid_file, scratch, header, says):
    assert says in complaint(DataError, load_model, damaged(valid_file, scratch, **header))


@pytest.mark.parametrize(
    "header", ["", "{", "[1]", "5", "null", "{}", '{"format": 1}', "[" * 100_000], ids=lambda header: header[:12]
)
def test_a_header_of_another_kind_is_one_line(complaint, valid_file, scratch, header):
    tensors = read_safetensors(valid_file)[1]
    scratch.write_bytes(safetensors.numpy.save(tensors, {"sentibp": header}))
    assert "damaged" in complaint(DataError, load_model, scratch)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "not a model file, or damaged"),
        (b"text,label\ngood,1\n", "not a model file, or damaged"),
        (b"PK\x03\x04" + bytes(40), "compressed; decompress it"),
        (bytes(100), "not a model file, or damaged"),
        (b"\xff" * 100, "not a model file, or damaged"),
    ],
    ids=["empty", "csv", "zip", "zeros", "ones"],
)
def test_files_that_are_not_models_are_refused(complaint, scratch, content, what):
    scratch.write_bytes(content)
    assert what in complaint(DataError, load_model, scratch)


def foreign(scratch: Path, dtype: str, size: int, metadata: dict[str, str]) -> Path:
    """Write a safetensors file of another program, with a tensor of a type that numpy may not have."""
    tensor = {"dtype": dtype, "shape": [1], "data_offsets": [0, size]}
    header = json.dumps({"__metadata__": metadata, "weight": tensor}).encode()
    scratch.write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    return scratch


@pytest.mark.parametrize(("dtype", "size"), [("F32", 4), ("F16", 2), ("BF16", 2), ("F8_E4M3", 1), ("C64", 8)])
@pytest.mark.parametrize("metadata", [{}, {"format": "pt"}], ids=["bare", "torch"])
def test_other_peoples_safetensors_are_refused(complaint, scratch, dtype, size, metadata):
    """Files of language models, for example, have types of numbers that numpy does not have."""
    assert "not a model file of sentibp" in complaint(DataError, load_model, foreign(scratch, dtype, size, metadata))


def test_a_missing_file_and_a_folder(complaint, tmp_path):
    assert "no such run or model" in complaint(ConfigError, load_model, tmp_path / "missing")
    assert complaint(ConfigError, load_model, tmp_path).startswith(f"{tmp_path}: has no model.safetensors; ")


def test_a_file_cut_anywhere_is_refused(complaint, valid_file, scratch):
    for length in range(0, len(valid_file), 7):
        scratch.write_bytes(valid_file[:length])
        complaint(DataError, load_model, scratch)


def corrupted(valid_file: bytes, data: st.DataObject) -> bytes:
    """Flip, remove or insert bytes of a file, in the header as often as in the numbers."""
    content = bytearray(valid_file)
    end = data.draw(st.sampled_from([8 + int.from_bytes(valid_file[:8], "little"), len(content)]))
    places = st.integers(0, end - 1)
    for place, mask in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=4)):
        content[place] ^= mask
    start, length = data.draw(st.tuples(places, st.sampled_from([0, 0, 0, 1, 8, 100])))
    content[start : start + length] = data.draw(st.sampled_from([b"", b"", bytes(length), b"0" * length]))
    return bytes(content)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_random_damage_is_refused_or_harmless(valid_file, scratch, data):
    """Damage gives a DataError or exactly the same model, never different predictions."""
    scratch.write_bytes(corrupted(valid_file, data))
    try:
        loaded = load_model(scratch)
    except DataError as error:
        assert str(error).startswith(f"{scratch}: ")
        assert "\n" not in str(error)
    else:
        assert loaded.to_bytes() == valid_file


def test_every_bit_of_a_small_file(valid_file, scratch):
    """Flip one bit of each byte: the file is refused, or gives exactly the same model."""
    kept = 0
    for place in range(len(valid_file)):
        content = bytearray(valid_file)
        content[place] ^= 1 << (place % 8)
        scratch.write_bytes(content)
        with suppress(DataError):
            kept += load_model(scratch).to_bytes() == valid_file or pytest.fail(f"byte {place}: another model")
    assert kept < len(valid_file) / 100  # such as the spaces that fill the header up


def test_a_changed_number_is_detected(complaint, valid_file, scratch):
    """A changed weight that is still a number would load and predict differently without the checksum."""
    metadata, tensors = read_safetensors(valid_file)
    changed = {**tensors, "output.weight": tensors["output.weight"] + np.float32(0.5)}
    scratch.write_bytes(safetensors.numpy.save(changed, metadata))
    assert "its content does not match its checksum" in complaint(DataError, load_model, scratch)
    header = json.loads(metadata["sentibp"])
    del header["checksum"]
    scratch.write_bytes(safetensors.numpy.save(changed, {"sentibp": json.dumps(header)}))
    assert "checksum" in complaint(DataError, load_model, scratch)  # required in this format
    scratch.write_bytes(safetensors.numpy.save(changed, {"sentibp": json.dumps(header | {"format": 2})}))
    assert load_model(scratch).to_bytes() != valid_file  # optional in older formats


# Files from strangers: declared values are checked before use


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("model", "embedding", "pooling"), "max"),
        (("model", "embedding", "pooling"), ["mean"]),
        (("model", "embedding", "padding"), -11),
        (("model", "embedding", "padding"), "ten"),
        (("model", "embedding", "padding"), 10**30),
        (("model", "embedding", "dim"), 10**18),
        (("model", "embedding", "dim"), True),
        (("model", "hidden"), [2**62]),
        (("model", "hidden"), [1] * 100_000),
        (("model", "hidden"), {"0": 2}),
        (("model", "hidden"), [2.0]),
        (("model", "batch_norm"), None),
        (("model", "activation"), "eval"),
        (("model", "activation"), {}),
        (("text", "lowercase"), "yes"),
        (("text", "folding"), 3),
        (("text", "folding"), True),
        (("text", "folding"), "2"),
        (("text", "classes"), ["smiley"]),
        (("text", "classes"), "url"),
        (("text", "presence"), 1),
        (("text", "presence"), "yes"),
        (("text", "classes"), [["url"]]),
        (("train", "math"), "__class__"),
        (("model",), {}),
        (("train",), []),
    ],
)
def test_an_impossible_setting_is_one_line(complaint, valid_file, scratch, path, value):
    settings = json.loads(read_safetensors(valid_file)[0]["sentibp"])["config"]
    node = settings
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    assert "damaged" in complaint(DataError, load_model, damaged(valid_file, scratch, config=settings))


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("data", "source", 5),
        ("model", "dropout", 1),
        ("model", "dropout", "half"),
        ("train", "seed", -1),
        ("train", "word_dropout", float("nan")),
    ],
)
def test_settings_that_only_training_uses_are_checked_when_they_are_used(
    complaint, valid_file, scratch, section, key, value
):
    settings = json.loads(read_safetensors(valid_file)[0]["sentibp"])["config"]
    settings[section][key] = value
    loaded = load_model(damaged(valid_file, scratch, config=settings))
    assert 0 < loaded.predict(to_arrow(["good"])).positive[0] < 1
    message = complaint(DataError, loaded.training_config)
    assert message.startswith(f"the model's settings are damaged: {section}.{key}")


def test_models_with_the_earlier_name_of_a_setting_load(valid_file, scratch):
    """`text.affixes` was `text.parts`. The loaded model is saved with the same bytes."""
    settings = json.loads(read_safetensors(valid_file)[0]["sentibp"])["config"]
    settings["text"]["parts"] = not settings["text"].pop("affixes")
    content = damaged(valid_file, scratch, config=settings).read_bytes()
    loaded = load_model(scratch)
    assert loaded.training_config().text.affixes == settings["text"]["parts"]
    assert loaded.to_bytes() == content
    assert_same(loaded, load_model(damaged(valid_file, scratch)))


def declaring(
    scratch: Path, length: int | None = None, body: bytes = b"", **tensors: tuple[str, list[int], int]
) -> Path:
    """Write a safetensors file whose header declares tensors (type, shape, bytes) that may be missing."""
    start, header = 0, {"__metadata__": {"sentibp": "{}"}}
    for name, (dtype, shape, size) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, start + size]}
        start += size
    text = json.dumps(header).encode()
    scratch.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + body)
    return scratch


@pytest.mark.parametrize(
    ("length", "tensors"),
    [
        (None, {"w": ("F32", [1 << 40], 1 << 42)}),
        (None, {"w": ("F32", [1 << 62, 4], 16)}),
        (None, {"w": ("F32", [1 << 63], 0)}),
        (None, {"w": ("F32", [1 << 62, 0], 0)}),
        (None, {"w": ("F32", [0, 1 << 62, 1 << 62], 0)}),
        (None, {"w": ("F32", [1] * 1000, 4)}),
        (1 << 40, {}),
        ((1 << 64) - 1, {}),
        (99_000_000, {}),
        (0, {}),
    ],
)
def test_declared_sizes_are_not_trusted(complaint, scratch, length, tensors):
    import tracemalloc

    tracemalloc.start()
    complaint(DataError, load_model, declaring(scratch, length, bytes(16), **tensors))
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_long_chain_of_prefixes_is_refused(complaint, valid_file, scratch):
    """Each feature is one word longer than the one before. Following a million of them would take too long."""
    n = 100_000
    features = np.stack((np.arange(-1, n - 1), np.zeros(n)), axis=1).astype(np.int32)
    tensors = {
        "vocabulary.features": features,
        "vocabulary.words": np.frombuffer(b"a", np.uint8),
        "embedding.weight": np.zeros((n, 2), np.float32),
    }
    assert "n-grams of more than 3 words" in complaint(DataError, load_model, damaged(valid_file, scratch, tensors))


def test_more_words_than_features(complaint, valid_file, scratch):
    words = np.full(1_000_000, ord("\n"), np.uint8)
    text = complaint(DataError, load_model, damaged(valid_file, scratch, {"vocabulary.words": words}))
    assert "more words than features" in text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_and_devices_are_refused_as_models(complaint, tmp_path):
    """Reading a pipe would wait for its other end, and reading a device would never end."""
    os.mkfifo(tmp_path / "pipe")
    assert complaint(DataError, load_model, tmp_path / "pipe").endswith(
        "not a file; give a run directory or a model file"
    )
    if Path("/dev/zero").exists():
        (tmp_path / "zero").symlink_to("/dev/zero")
        assert "not a file" in complaint(DataError, load_model, tmp_path / "zero")


def test_broken_links(complaint, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone").symlink_to("nothing")
    for name in "loop", "gone":
        assert complaint(DataError, load_model, tmp_path / name).startswith(f"{tmp_path / name}: ")


# Starting from a trained model


def test_known_words_keep_their_vectors_and_new_words_are_appended(new_classifier):
    sections = {"model": {"hidden": [3], "batch_norm": True}}
    origin = with_noise(new_classifier(["good film", "bad"], **sections), np.float32)
    heir = new_classifier(["bad bad zebra film"], 1, origin, **sections)
    before, after = origin.tensors(), heir.tensors()
    known = len(origin.vocabulary)
    assert heir.vocabulary.features()[:known].equals(origin.vocabulary.features())
    assert set(heir.vocabulary.features()[known:].to_pylist()) == {"zebra", "bad bad", "bad zebra", "zebra film"}
    np.testing.assert_array_equal(after["embedding.weight"][:known], before["embedding.weight"])
    assert np.unique(after["embedding.weight"][known:]).size == after["embedding.weight"][known:].size  # drawn again
    for name in before.keys() - {"embedding.weight"}:
        np.testing.assert_array_equal(after[name], before[name], name)
    text = to_arrow(["good film", "bad", ""])
    np.testing.assert_allclose(heir.predict(text).positive, origin.predict(text).positive, rtol=1e-5)


def test_the_initial_model_is_not_modified(new_classifier):
    origin = new_classifier(TEXTS)
    content = origin.to_bytes()
    heir = new_classifier(TEXTS, 1, origin)
    for tensor in heir.tensors().values():
        tensor[:] = 1
    assert origin.to_bytes() == content


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"embedding": {"dim": 5}}, "embedding.weight"),
        ({"hidden": [7]}, "hidden.0."),
        ({"hidden": []}, "hidden.0."),
        ({"hidden": [16, 16]}, "hidden.1."),
        ({"batch_norm": True}, "hidden.0.norm."),
    ],
    ids=["dim", "width", "fewer layers", "more layers", "batch norm"],
)
def test_an_initial_model_of_another_shape_is_refused(complaint, new_classifier, change, part):
    """Refused even if the new network has all tensors of the old one, and further random ones."""
    origin = new_classifier(TEXTS, model={"hidden": [16]})
    text = complaint(ConfigError, new_classifier, TEXTS, 0, origin, model={"hidden": [16], **change})
    assert text.startswith("model.init_from: ")
    assert part in text


# Pretrained word vectors


def vectors(new_classifier, path, ngrams: int = 1) -> dict[str, np.ndarray]:
    """Return the embedding of each word, with dim 2."""
    network = {"embedding": {"dim": 2, "vectors": str(path)}}
    classifier = new_classifier(["good film", "bad"], text={"ngrams": ngrams}, model=network)
    return dict(
        zip(classifier.vocabulary.features().to_pylist(), classifier.tensors()["embedding.weight"], strict=True)
    )


@pytest.mark.parametrize("first", ["", "3 2\n"], ids=["GloVe", "word2vec"])
@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"], ids=["newline", "space", "Windows"])
def test_words_start_from_their_vectors(new_classifier, tmp_path, first, end):
    path = tmp_path / "vectors.txt"
    path.write_bytes(f"{first}the 9 9{end}bad -1 1e-2{end}good 0.5 2{end}".encode())
    embedding = vectors(new_classifier, path, ngrams=2)
    assert embedding["good"].tolist() == [0.5, 2]
    assert embedding["bad"].tolist() == [-1, np.float32(0.01)]
    random = vectors(new_classifier, path, ngrams=2)
    np.testing.assert_array_equal(embedding["film"], random["film"])  # not in the file: drawn from the seed
    assert list(embedding) == ["bad", "film", "good", "good film"]


def test_a_vocabulary_word_that_looks_like_the_first_line(new_classifier, tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("good 1 2\n400000 2 3\n", encoding="utf-8")
    assert vectors(new_classifier, path)["good"].tolist() == [1, 2]


def test_words_with_a_space_in_a_vector_file_are_skipped(new_classifier, tmp_path):
    """glove.840B.300d has lines that begin with `. . .` or `at name@domain.com`."""
    path = tmp_path / "vectors.txt"
    path.write_text("good name@domain.com 1 2\n. . . 3 4\nbad 5 6\n", encoding="utf-8")
    assert vectors(new_classifier, path)["bad"].tolist() == [5, 6]


def test_vectors_of_other_spellings_of_a_word(new_classifier, tmp_path):
    """The vector of the very spelling is preferred, wherever it is; otherwise that of the first other one counts."""
    path = tmp_path / "vectors.txt"
    path.write_text(
        "\ufb01lm 1 1\nfilm 2 2\nfi\xadlm 3 3\n\u03bb\u03cc\u03b3\u03bf\u03c2 4 4\nlo\xadve 5 5\nl\xadove 6 6\n",
        "utf-8",
    )
    network = {"embedding": {"dim": 2, "vectors": str(path)}}
    classifier = new_classifier(["film \u039b\u038c\u0393\u039f\u03a3 love"], model=network)
    rows = dict(
        zip(classifier.vocabulary.features().to_pylist(), classifier.tensors()["embedding.weight"], strict=True)
    )
    assert {word: rows[word][0] for word in ("film", "\u03bb\u03cc\u03b3\u03bf\u03c3", "love")} == {
        "film": 2,
        "\u03bb\u03cc\u03b3\u03bf\u03c3": 4,
        "love": 5,
    }


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("good 1", ":2: 1 finite numbers for 'good', but model.embedding.dim is 2"),
        ("good 1 2 3", ":2: 3 finite numbers for 'good', but model.embedding.dim is 2"),
        ("good", ":2: 0 finite numbers for 'good'"),
        ("good 1 nan", ":2: "),
        ("good 1 1e39", ":2: "),
    ],
    ids=["short", "long", "none", "nan", "too large"],
)
def test_a_wrong_line_of_vectors_is_named(complaint, new_classifier, tmp_path, line, says):
    path = tmp_path / "vectors.txt"
    path.write_text(f"bad 1 2\n{line}\n", encoding="utf-8")
    assert complaint(DataError, vectors, new_classifier, path).startswith(f"{path}{says}")


@pytest.mark.parametrize("content", [b"", b"the 1 2\n", b"\xff\x00\xfe\n\n\n"])
def test_a_vector_file_without_a_known_word_is_refused(complaint, new_classifier, tmp_path, content):
    path = tmp_path / "vectors.txt"
    path.write_bytes(content)
    assert "no word of the vocabulary is in it" in complaint(DataError, vectors, new_classifier, path)


def test_a_missing_vector_file(complaint, new_classifier, tmp_path):
    text = complaint(DataError, vectors, new_classifier, tmp_path / "missing.txt")
    assert text.startswith(f"{tmp_path / 'missing.txt'}: No such file")
    complaint(DataError, vectors, new_classifier, tmp_path)


def test_features_and_reviews_agree(new_classifier):
    """`encode` counts as known exactly the words that the network uses."""
    classifier = new_classifier(["good film"], text={"ngrams": 1})
    features, tokens, unknown = classifier.encode(to_arrow(["good zebra good", "", "film"]))
    assert isinstance(features, Ragged)
    assert features.ids.tolist() == [1, 1, 0]  # film, good: equal counts, then by text
    assert features.lengths.tolist() == (tokens - unknown).tolist() == [2, 0, 1]


# --- the linear start

PRAISE = [
    "a lovely film",
    "so lovable",
    "a charm",
    "charming and fresh",
    "a bore",
    "so boring",
    "dull and boring",
    "a mess",
]


@pytest.mark.parametrize(
    "model", [{"hidden": []}, {"hidden": [4]}, {"hidden": [5, 3]}, {"hidden": [], "batch_norm": True}], ids=str
)
@pytest.mark.parametrize("pooling", ["mean", "sqrt", "sum"])
def test_the_linear_start_predicts_as_the_best_linear_classifier(model, pooling):
    """The initial network gives the logits of the linear classifier, and unknown words use their affixes.

    Without hidden layers, there is nothing that batch_norm could normalise.
    """
    settings = {"model": {**model, "embedding": {"pooling": pooling, "dim": 3}}, "text": {"ngrams": 2}}
    config = Config.model_validate(settings)
    label = np.array([1, 1, 1, 1, 0, 0, 0, 0], np.int8)
    vocabulary, x = vocabulary_build.build_vocabulary(tokenize(to_arrow(PRAISE)), 2, affixes=True)
    start = linear.linear_start(Examples(x, label), vocabulary, config.model.embedding)
    classifier = initial.build_classifier(config, vocabulary, 0, examples=Examples(x, label))
    bag = EmbeddingBag(start.columns, pooling, config.model.embedding.padding)
    logits = start.weight * bag.forward(x)[:, 0] + start.bias
    np.testing.assert_allclose(classifier.logits(x), logits, rtol=1e-4, atol=1e-5)
    assert ((classifier.logits(x) > 0) == label).all()
    charmer, bored, nothing = classifier.predict(to_arrow(["charmer", "boredom", "zzz"])).positive
    assert charmer > nothing > bored


def test_layers_that_block_a_linear_start_keep_its_column():
    config = Config.model_validate({"model": {"hidden": [4], "activation": "tanh"}})
    vocabulary, x = vocabulary_build.build_vocabulary(tokenize(to_arrow(PRAISE)), 2, affixes=True)
    label = np.array([1, 1, 1, 1, 0, 0, 0, 0], np.int8)
    built = initial.build_classifier(config, vocabulary, 0, examples=Examples(x, label)).tensors()
    random = initial.build_classifier(config, vocabulary, 0).tensors()
    assert (built["embedding.weight"][:, 0] != random["embedding.weight"][:, 0]).any()
    assert (built["hidden.0.weight"] == random["hidden.0.weight"]).all()


def test_large_data_starts_from_naive_bayes(monkeypatch):
    label = np.array([1, 1, 1, 1, 0, 0, 0, 0], np.int8)
    vocabulary, x = vocabulary_build.build_vocabulary(tokenize(to_arrow(PRAISE)), 2, affixes=True)
    monkeypatch.setattr(linear, "_LARGE", 2 * len(x.ids) - 1)
    start = {"model": {"embedding": {"init": "naive_bayes"}}}
    large, plain = (
        initial.build_classifier(Config.model_validate(settings), vocabulary, 0, examples=Examples(x, label))
        for settings in ({}, start)
    )
    assert all((tensor == large.tensors()[name]).all() for name, tensor in plain.tensors().items())
    assert not plain.tensors()["embedding.weight"][vocabulary.is_affix, 1:].any()


@pytest.mark.parametrize("seed", range(4))
def test_a_naive_bayes_start_without_hidden_layers_is_not_upside_down(seed):
    """The random weight of the column with the log-count ratios may be negative."""
    label = np.array([1, 1, 1, 1, 0, 0, 0, 0], np.int8)
    vocabulary, x = vocabulary_build.build_vocabulary(tokenize(to_arrow(PRAISE)), 2)
    config = Config.model_validate({"model": {"hidden": [], "embedding": {"dim": 1, "init": "naive_bayes"}}})
    start = initial.build_classifier(config, vocabulary, seed, examples=Examples(x, label))
    assert ((start.logits(x) > 0) == label).all()


def test_long_reviews_are_predicted_in_small_blocks(monkeypatch):
    loaded = load_model(Path(__file__).parents[1] / "golden" / "format4.safetensors")
    texts = to_arrow(["a good film " * n for n in (1, 500, 3, 0, 2000, 7)] * 20)
    features, _, _ = loaded.encode(texts)
    whole = loaded.logits(features)
    monkeypatch.setattr(classifier, "_FEATURES", 1000)
    assert loaded.logits(features).tobytes() == whole.tobytes()
    blocks = list(classifier._blocks(features.offsets))
    assert [a for a, _ in blocks[1:]] == [b for _, b in blocks[:-1]]
    assert blocks[0][0] == 0
    assert blocks[-1][1] == len(texts)
    assert all(features.offsets[b] - features.offsets[a] <= 1000 for a, b in blocks if b - a > 1)


@pytest.mark.parametrize("megabytes", [64.0, 100, 0.5])
def test_the_largest_record_is_inherited_where_it_is_not_the_default(megabytes, tmp_path):
    loaded = load_model(Path(__file__).parents[1] / "golden" / "format4.safetensors")
    loaded.trained_with = dict(loaded.trained_with) | {"data": {"max_record_mb": megabytes, "text_column": "text"}}
    (tmp_path / "m.safetensors").write_bytes(loaded.to_bytes())
    saved = load_model(tmp_path / "m.safetensors")
    assert saved.file_settings.get("most") == (None if megabytes == 64 else round(megabytes * 1e6))


@pytest.mark.parametrize("megabytes", [0, -1, "64", 1e300, [], True, float("nan")])
def test_a_largest_record_that_is_none(megabytes):
    loaded = load_model(Path(__file__).parents[1] / "golden" / "format4.safetensors")
    loaded.trained_with = {"data": {"max_record_mb": megabytes}}
    with pytest.raises(DataError, match=r"data\.max_record_mb"):
        _ = loaded.file_settings


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"threshold": 1.7}, r'^threshold="1\.7": .1\.7. is no probability from 0 to 1; .*, threshold="0\.7"$'),
        ({"threshold": "god=0.7"}, r'^threshold="god=0\.7": the model has no such class, .*threshold="0\.7"$'),
        ({"threshold": 0.7, "cost": "distance"}, "^threshold and cost are two ways to decide; give one of them$"),
        ({"cost": "[[0,1]]"}, r'^cost="\[\[0,1\]\]": not distance, squared, or 2 rows .*cost="\[\[0,1\],\[1,0\]\]"$'),
        ({"cost": np.eye(3)}, r"^cost: not distance, squared, or 2 rows of 2 numbers"),
        ({"cost": np.array([[0, np.nan], [1, 0]])}, r"^cost: has a number that is not finite; equal costs"),
        ({"cost": "[[0,Infinity],[1,0]]"}, r"^cost=.*: has a number that is not finite"),
    ],
)
def test_wrong_ways_to_decide_are_named_as_arguments(new_classifier, wrong, message):
    """They were options of a command, and a matrix with NaN was said not to have its shape."""
    classifier = new_classifier(["good bad"], text={"min_count": 1})
    for function in classifier.predict, classifier.answers:
        with pytest.raises(InvalidSetting, match=message):
            function(["good"], **wrong)


@pytest.fixture
def overflowing(new_classifier, here) -> Path:
    """The file of a model whose numbers are so large that it has no answer for a text with `huge huge`."""
    classifier = new_classifier(["huge good bad"], text={"min_count": 1}, model={"hidden": [], "embedding": {"dim": 2}})
    (huge,) = classifier.encode(["huge"])[0].ids
    params = classifier.network.params
    params["embedding.weight"][...] = 0
    params["embedding.weight"][huge] = 3e38
    params["output.weight"][...] = [[1.0], [-1.0]]  # inf - inf
    Path("huge.safetensors").write_bytes(classifier.to_bytes())
    return Path("huge.safetensors")


def test_a_text_without_an_answer_is_named(overflowing):
    model = load_model(overflowing)
    assert np.isfinite(model.predict(["good", "bad"]).positive).all()
    with pytest.raises(DataError, match=r"^texts\[2\]: the model has no answer, as its numbers are too large"):
        model.predict(["good", "bad", "huge huge"])


@pytest.mark.usefixtures("overflowing")
def test_a_text_of_a_file_without_an_answer_has_its_place(monkeypatch):
    monkeypatch.setattr(pieces, "_ROWS", 2)
    monkeypatch.setattr(pieces, "_MULTIPLE", 1)
    Path("x.csv").write_text('A title\n\nid,text\n1,good\n\n2,"bad\nand more"\n3,good\n4,huge huge\n')
    Path("x.jsonl").write_text('{"text": "good"}\n\n{"text": "huge huge"}\n')
    for arguments, place in (
        (["--input", "x.csv"], "x.csv:9"),
        (["--input", "x.csv", "--format", "csv"], "x.csv:9"),
        (["--input", "x.jsonl"], "x.jsonl:3"),
        (["--input", "x.csv", "--output", "out/"], "x.csv:9"),
        (["good", "huge huge"], "text 2"),
    ):
        done = invoke("predict", "-m", "huge.safetensors", *arguments, code=3)
        assert f"{place}: the model has no answer" in done.err


def test_a_server_names_the_text_of_the_request_without_an_answer(overflowing, monkeypatch):
    monkeypatch.setattr(server_model, "_TEXTS", 2)
    served = server_model.load_served_model(overflowing)
    with pytest.raises(DataError, match=r"^text 4: the model has no answer"):
        served.answer(["good", "bad", "good", "huge huge"], False, threading.Event())
