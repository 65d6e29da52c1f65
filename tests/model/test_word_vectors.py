"""Word vectors and their file: rounding, matching by text, damage."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sentibp.config.schema import BUILTIN_DIM, Config
from sentibp.data import vocabulary as data_vocabulary
from sentibp.data import vocabulary_build
from sentibp.data.folding import Spelling
from sentibp.data.tokenizer import tokenize
from sentibp.errors import DataError
from sentibp.model import word_vectors
from sentibp.utils import tensor_file
from sentibp.utils.arrow import strings

SETTINGS = Config.model_validate({"pretrain": {"vectors": "reviews", "dim": 3}}).model_dump(mode="json")


def known(*texts: str) -> data_vocabulary.Vocabulary:
    return vocabulary_build.build_vocabulary(tokenize(strings(texts)), 2)[0]


@pytest.fixture
def saved(tmp_path):
    """Return a file with vectors of all features but the last: `(path, vocabulary, vectors)`."""
    vocabulary = known("a good film", "a good plot")
    rows = np.random.default_rng(0).standard_normal((len(vocabulary) - 1, 3)).astype(np.float32)
    vectors = word_vectors.to_half_precision(np.arange(len(rows), dtype=np.int32), rows)
    path = tmp_path / "vectors.safetensors"
    path.write_bytes(word_vectors.vectors_to_bytes(vectors, vocabulary, SETTINGS))
    return path, vocabulary, vectors


finite = st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**100), max_value=2.0**100)


@given(arrays.arrays(np.float32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=4), elements=finite))
def test_numbers_lose_at_most_the_twelfth_bit(rows):
    """Numbers 2**28 times smaller than the largest one have an absolute error instead."""
    rounded = word_vectors.to_half_precision(np.arange(len(rows)), rows).rows(len(rows)).astype(np.float64)
    largest = np.abs(rows).max(initial=0).astype(np.float64)
    error = np.abs(rounded - rows)
    assert (error <= 2.0**-11 * np.abs(rows.astype(np.float64)) + 2.0**-39 * largest + 1e-44).all()


def test_small_vectors_have_the_same_relative_precision():
    """Plain half precision loses digits of numbers below 6e-5, as vectors of frequent features have."""
    rows = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32) * np.float32(1e-6)
    np.testing.assert_allclose(word_vectors.to_half_precision(np.arange(50), rows).rows(50), rows, rtol=2**-11)
    assert not np.allclose(rows.astype(np.float16).astype(np.float32), rows, rtol=1e-2, atol=0)


def test_saved_vectors_are_loaded_unchanged(saved):
    path, vocabulary, vectors = saved
    loaded = word_vectors.load_vectors(path)
    assert loaded.texts.to_pylist() == vocabulary.features().to_pylist()[:-1]
    assert (loaded.kind, loaded.dim, loaded.spelling) == ("reviews", 3, Spelling())
    assert loaded.vectors.rows(9).tobytes() == vectors.rows(9).tobytes()
    assert path.read_bytes() == word_vectors.vectors_to_bytes(vectors, vocabulary, SETTINGS)


def test_vectors_are_matched_by_the_text_of_features(saved):
    loaded = word_vectors.load_vectors(saved[0])
    rows = dict(zip(loaded.texts.to_pylist(), loaded.vectors.rows(len(loaded.texts)).tolist(), strict=True))
    other = known("plot plot plot of a film", "film noir", "a good")
    vectors = word_vectors.match_vectors(loaded, other).rows(len(other), 5).tolist()
    texts = other.features().to_pylist()
    assert sum(text in rows for text in texts) >= 4
    for text, row in zip(texts, vectors, strict=True):
        assert row == [*rows.get(text, [0.0] * 3), 0.0, 0.0], text


def test_the_same_vocabulary_matches_all_vectors(saved):
    path, vocabulary, vectors = saved
    matched = word_vectors.match_vectors(word_vectors.load_vectors(path), vocabulary)
    np.testing.assert_array_equal(matched.features, vectors.features)
    assert matched.half.tobytes() == vectors.half.tobytes()
    assert matched.exponent == vectors.exponent


def test_any_damage_of_a_vector_file_is_detected(saved):
    path, _, _ = saved
    content = path.read_bytes()
    for at in range(9, len(content), 7):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(DataError):
            word_vectors.load_vectors(path)


WRONG = {
    "a later version": lambda header, tensors: header.update(format=99),
    "not finite": lambda header, tensors: tensors["vectors"].__setitem__((0, 0), np.inf),
    "other numbers": lambda header, tensors: tensors.update(vectors=tensors["vectors"].astype(np.float32)),
    "fewer": lambda header, tensors: tensors.update(vectors=tensors["vectors"][1:]),
    "not UTF-8": lambda header, tensors: tensors["features"].__setitem__(0, 255),
    "settings": lambda header, tensors: header["config"]["pretrain"].update(vectors="none"),
    "too large": lambda header, tensors: header.update(exponent=10**9),
    "no settings": lambda header, tensors: header.pop("config"),
    "settings of another kind": lambda header, tensors: header.update(config=[]),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_an_invalid_vector_file_with_a_valid_checksum(saved, complaint, change):
    path, _, _ = saved
    header, tensors = tensor_file.read_tensor_file(path, word_vectors.KEY)
    del header["checksum"]
    change(header, tensors)
    path.write_bytes(tensor_file.pack_tensor_file(header, tensors, word_vectors.KEY))
    assert complaint(DataError, word_vectors.load_vectors, path).startswith(f"{path}: ")


def test_a_model_is_not_a_vector_file(new_classifier, tmp_path, complaint):
    path = tmp_path / "model.safetensors"
    path.write_bytes(new_classifier(["a good film"]).to_bytes())
    assert complaint(DataError, word_vectors.load_vectors, path).endswith(
        "give the run directory of a `sentibp pretrain`"
    )
    assert "no such file" in complaint(DataError, word_vectors.load_vectors, tmp_path / "nothing")


def test_vectors_of_an_earlier_version_keep_its_folding(saved):
    path, _, vectors = saved
    header, tensors = tensor_file.read_tensor_file(path, word_vectors.KEY)
    del header["checksum"], header["config"]["text"]["folding"], header["config"]["text"]["classes"]
    path.write_bytes(tensor_file.pack_tensor_file(header | {"format": 1}, tensors, word_vectors.KEY))
    loaded = word_vectors.load_vectors(path)
    assert loaded.spelling == Spelling(folding=1)
    assert loaded.vectors.rows(9).tobytes() == vectors.rows(9).tobytes()


def test_packed_vectors_have_the_directions_of_the_others(saved, tmp_path):
    path, *_ = saved
    learned = word_vectors.load_vectors(path)
    packed = tmp_path / "packed.safetensors"
    packed.write_bytes(word_vectors.pack_vectors(learned))
    loaded = word_vectors.load_vectors(packed)
    assert (loaded.texts, loaded.kind, loaded.dim, loaded.spelling) == learned[:1] + learned[2:]
    rows, expected = (each.vectors.rows(len(each.texts)) for each in (loaded, learned))
    assert np.abs(rows).max(axis=1).tolist() == [127] * len(rows)
    expected *= 127 / np.abs(expected).max(axis=1, keepdims=True)
    np.testing.assert_allclose(rows, expected, atol=0.5 + 1e-4)
    assert packed.read_bytes() == word_vectors.pack_vectors(learned)


def test_the_built_in_vectors_know_english():
    found = word_vectors.load_builtin()
    rows = found.vectors.rows(len(found.texts))
    assert (found.kind, rows.shape, rows.shape[1]) == ("words", (30_000, found.dim), BUILTIN_DIM)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    place = {word: i for i, word in enumerate(found.texts.to_pylist())}
    good, great, bad, camera = (rows[place[word]] for word in ("good", "great", "bad", "camera"))
    assert good @ great > good @ bad > good @ camera


@pytest.mark.parametrize("name", ["vectors", "lexicon"])
def test_the_record_of_the_built_in_words_names_the_files_that_are_there(name):
    """Whoever makes them anew with benchmarks/make_words.py has the record, too."""
    folder = word_vectors.builtin_vectors().parent
    facts = json.loads((folder / "words.json").read_text(encoding="utf-8"))[name]
    content = (folder / facts["file"]).read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (facts["bytes"], facts["sha256"])
