"""The tensors of a compressed model: nothing is lost but the order within a level, and damage is noticed."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.data.tokenizer import tokenize
from sentibp.data.vocabulary import Vocabulary
from sentibp.data.vocabulary_build import build_vocabulary
from sentibp.model import packing
from sentibp.utils.arrow import strings

TEXTS = ["a good film", "not a good film at all", "not good", "bad, bad, bad", "schön 🎬 日本語", "a film at all"]


def vocabulary_of(texts: list[str], ngrams: int = 3, affixes: bool = False) -> Vocabulary:
    return build_vocabulary(tokenize(strings(texts)), ngrams, affixes=affixes)[0]


def rows_of(vocabulary: Vocabulary, dim: int = 3) -> packing.Rows:
    codes = np.random.default_rng(0).integers(-200, 200, (len(vocabulary), dim))
    return packing.Rows(codes, 0.25)


def named(vocabulary: Vocabulary, rows: packing.Rows) -> dict[str, list[float]]:
    return dict(zip(vocabulary.features().to_pylist(), rows.weight().tolist(), strict=True))


@pytest.mark.parametrize("levels", [packing._LEVELS, (1, 2, 4, 7)], ids=["in the first level", "in each level"])
@pytest.mark.parametrize("affixes", [False, True])
@pytest.mark.parametrize("ngrams", [1, 2, 3])
def test_features_and_rows_come_back(ngrams, affixes, levels, monkeypatch):
    monkeypatch.setattr(packing, "_LEVELS", levels)
    vocabulary = vocabulary_of(TEXTS, ngrams, affixes)
    rows = rows_of(vocabulary)
    again, read = packing.unpack(packing.pack(vocabulary, rows), 3)
    assert named(again, read) == named(vocabulary, rows)
    assert read.weight().dtype == np.float32


def test_codes_of_more_than_16_bits_come_back():
    vocabulary = vocabulary_of(TEXTS)
    codes = rows_of(vocabulary).codes
    codes[[0, 3], [2, 0]] = 1 << 15, -(1 << 20)
    rows = packing.Rows(codes, 0.25)
    again, read = packing.unpack(packing.pack(vocabulary, rows), 3)
    assert named(again, read) == named(vocabulary, rows)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.sampled_from("abcé 日."), max_size=25), min_size=1, max_size=30))
def test_any_vocabulary_comes_back(texts):
    vocabulary = vocabulary_of(texts)
    if len(vocabulary):
        rows = rows_of(vocabulary)
        tensors = packing.pack(vocabulary, rows)
        again, read = packing.unpack(dict(tensors), 3)
        assert named(again, read) == named(vocabulary, rows)
        for name, tensor in packing.pack(again, read).items():  # packing what was unpacked changes nothing
            np.testing.assert_array_equal(tensor, tensors[name])


def test_the_most_frequent_features_stay_in_front():
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{word}" for word in rng.zipf(1.3, 60) if word < 3000) for _ in range(300)]
    vocabulary = vocabulary_of(texts, 2)
    again, _ = packing.unpack(packing.pack(vocabulary, rows_of(vocabulary)), 3)
    for level in 256, 1024:
        before, after = (each.features().to_pylist()[:level] for each in (vocabulary, again))
        assert set(before) == set(after)
        assert before != after  # within a level, the order is another


def test_words_that_share_hundreds_of_letters():
    texts = ["a" * 300 + end for end in ("b", "c", "cc")] + ["a" * length for length in range(1, 80)]
    vocabulary = vocabulary_of(texts, 1)
    again, _ = packing.unpack(packing.pack(vocabulary, rows_of(vocabulary)), 3)
    assert sorted(again.words.to_pylist()) == sorted(vocabulary.words.to_pylist())


def test_bytes_that_shrink_too_far_are_stored_as_they_are():
    content = bytes(10_000_000)
    packed = packing._deflate(content)
    assert len(packed) > len(content)
    assert packing._inflate(packed).tobytes() == content


def test_other_bytes_shrink():
    content = np.random.default_rng(0).choice([*b"abcd"], 10_000).astype(np.uint8).tobytes()
    packed = packing._deflate(content)
    assert len(packed) < len(content) / 2
    assert packing._inflate(packed).tobytes() == content
    assert len(packing._deflate(bytes(4000))) < 30, "a few thousand are no bomb"


def test_a_bomb_is_refused_before_it_is_inflated():
    bomb = np.frombuffer(zlib.compress(bytes(50_000_000), 9), np.uint8)
    with pytest.raises(ValueError, match="far too large"):
        packing._inflate(bomb)


@given(st.lists(st.integers(0, 2**50), max_size=50))
def test_varints(values):
    content = np.frombuffer(packing.to_varints(np.array(values, np.int64)), np.uint8)
    assert packing._from_varints(content).tolist() == values


def test_each_varint_is_as_short_as_it_can_be():
    assert packing.to_varints(np.array([1, 300, 1 << 14])) == bytes([1, 0xAC, 2, 0x80, 0x80, 1])


def damaged() -> list[tuple[str, object]]:
    vocabulary = vocabulary_of(TEXTS)
    tensors = packing.pack(vocabulary, rows_of(vocabulary))
    n = len(vocabulary)

    def varints(*values: int) -> np.ndarray:
        return packing._deflate(packing.to_varints(np.array(values, np.int64)))

    def raw(content: bytes) -> np.ndarray:
        return packing._deflate(content)

    shared, endings = (packing._inflate(tensors[f"vocabulary.{name}"]) for name in ("shared", "endings"))
    counts = tensors["vocabulary.levels"]
    ngrams = int(counts[:, 1].sum())
    return [
        ("vocabulary.levels", counts + 1),
        ("vocabulary.levels", counts.astype(np.int32)),
        ("vocabulary.levels", counts[:2]),
        ("vocabulary.levels", -counts),
        ("vocabulary.levels", counts << 40),
        ("vocabulary.levels", counts + np.array([[1, 0], [-1, 0], [0, 0], [0, 0], [0, 0]])),
        ("vocabulary.levels", np.roll(counts, -1, axis=0) + np.array([[2**62, 0]] * 4 + [[0, 0]])),  # the same sum
        ("vocabulary.shared", raw(shared.tobytes()[:-1])),
        ("vocabulary.shared", raw(bytes([9, *shared[1:]]))),
        ("vocabulary.shared", raw(bytes([*shared[:-1], 255]))),
        ("vocabulary.endings", raw(endings.tobytes()[:-1])),
        ("vocabulary.endings", raw(endings.tobytes() + b"x\n")),
        ("vocabulary.endings", raw(b"")),
        ("vocabulary.prefixes", varints(*range(100))),
        ("vocabulary.prefixes", varints(*[n] * ngrams)),
        ("vocabulary.prefixes", varints(*[0] * (ngrams + 1))),
        ("vocabulary.prefixes", varints(n, *[0] * (ngrams - 1))),
        ("vocabulary.ngrams", varints(*[2**50] * ngrams)),
        ("vocabulary.ngrams", varints(*[0] * (ngrams + 1))),
        ("vocabulary.ngrams", raw(b"\xff" * 30)),
        ("vocabulary.ngrams", np.zeros(3, np.uint8)),
        ("vocabulary.ngrams", tensors["vocabulary.ngrams"][:-2]),
        ("embedding.codes", raw(bytes(3 * n - 1))),
        ("embedding.codes", raw(bytes(3 * n + 3))),
        ("embedding.codes", tensors["embedding.codes"].astype(np.int64)),
        ("embedding.long", np.array([[3 * n], [200]])),
        ("embedding.long", np.array([[-1], [200]])),
        ("embedding.long", np.zeros((2, 1, 1), np.int64)),
        ("embedding.long", np.zeros((2, 1))),
        ("embedding.step", np.array([np.nan], np.float32)),
        ("embedding.step", np.array([np.inf], np.float32)),
        ("embedding.step", np.array([0], np.float32)),
        ("embedding.step", np.array([0.25])),
        ("embedding.step", np.ones(2, np.float32)),
    ]


@pytest.mark.parametrize("case", range(len(damaged())))
def test_damage_is_a_value_error(case):
    name, value = damaged()[case]
    vocabulary = vocabulary_of(TEXTS)
    tensors = packing.pack(vocabulary, rows_of(vocabulary)) | {name: value}
    with pytest.raises(ValueError, match=r"^(its|a|the) "):  # our words, not those of numpy
        packing.unpack(tensors, 3)


def test_more_words_than_the_levels_say_are_damage():
    vocabulary = vocabulary_of(TEXTS)
    tensors = packing.pack(vocabulary, rows_of(vocabulary))
    for name, more in ("shared", b"\0"), ("endings", b"zz\n"):
        content = packing._inflate(tensors[f"vocabulary.{name}"]).tobytes()
        tensors[f"vocabulary.{name}"] = packing._deflate(content + more)
    with pytest.raises(ValueError, match=r"^its vocabulary has \d+ words, not \d+$"):
        packing.unpack(tensors, 3)


@pytest.mark.parametrize(
    ("shared", "endings", "words"),
    [
        ([0, 2], b"ab\nc\n", b"ab\nabc\n"),
        ([0, 3], b"ab\nc\n", None),  # with the line break of the word before
        ([0, 0], b"ab\nc\nxx", None),  # a word without an end
        ([0, 60], b"a" * 70 + b"\nb\n", b"a" * 70 + b"\n" + b"a" * 60 + b"b\n"),
        ([0, 61], b"a" * 70 + b"\nb\n", None),  # more than is ever written
    ],
)
def test_words_share_no_more_than_the_word_before_has(shared, endings, words):
    given = np.array(shared, np.uint8), np.frombuffer(endings, np.uint8)
    if words is not None:
        assert packing._front_decode(*given).tobytes() == words
        return
    with pytest.raises(ValueError, match=r"^(its words do not end|a word shares more)"):
        packing._front_decode(*given)


@pytest.mark.parametrize("content", [b"\xff" * 8 + b"\x01", b"\x01\x80"], ids=["nine bytes", "no end"])
def test_a_number_that_is_too_long_or_has_no_end_is_damage(content):
    with pytest.raises(ValueError, match="a number in it is damaged"):
        packing._from_varints(np.frombuffer(content, np.uint8))
    assert packing._from_varints(np.frombuffer(b"\xff" * 7 + b"\x01", np.uint8)).tolist() == [2**50 - 1]


def test_bytes_behind_the_end_are_damage():
    packed = packing._deflate(b"content")
    with pytest.raises(ValueError, match="a compressed tensor is damaged"):
        packing._inflate(np.append(packed, np.uint8(0)))


def test_a_compressed_vocabulary_respells():
    """Words that did not fit are unknown to it, and so are their misspellings."""
    vocabulary = vocabulary_of(TEXTS)
    assert not vocabulary.respells
    assert packing.unpack(packing.pack(vocabulary, rows_of(vocabulary)), 3)[0].respells
