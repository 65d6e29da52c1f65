"""Conversions between numpy and Arrow preserve values and do not import pandas."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.utils.arrow import (
    TEXT,
    Lookup,
    counts_before,
    from_numpy,
    index_of,
    segments,
    split_lines,
    strings,
    to_numpy,
)


@settings(deadline=None)
@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]))))
def test_strings_are_those_of_pyarrow(texts):
    assert strings(texts).equals(pa.array(texts, TEXT))


def test_lone_surrogates_become_question_marks():
    assert strings(["a\ud83d", "b"]).to_pylist() == ["a?", "b"]


def test_segments_share_the_bytes():
    assert segments(np.array([0, 1, 1, 3]), b"abc").to_pylist() == ["a", "", "bc"]


@settings(deadline=None)
@given(st.lists(st.booleans()), st.data())
def test_counts_before(mask, data):
    places = data.draw(st.lists(st.integers(0, len(mask))))
    assert counts_before(np.array(mask, bool), np.array(places, int)).tolist() == [sum(mask[:at]) for at in places]


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.int64, np.float64, bool])
@pytest.mark.parametrize("size", [0, 1, 9])
def test_numbers_are_preserved(kind, size):
    values = np.arange(size).astype(kind)
    there = from_numpy(values)
    assert there.to_pylist() == values.tolist()
    back = to_numpy(there)
    assert back.dtype == values.dtype
    assert back.tolist() == values.tolist()
    assert to_numpy(there.slice(size // 2)).tolist() == values[size // 2 :].tolist()
    assert to_numpy(pa.chunked_array([there, there])).tolist() == [*values.tolist(), *values.tolist()]


def test_a_strided_array():
    assert from_numpy(np.arange(6)[::2]).to_pylist() == [0, 2, 4]


@settings(deadline=None)
@given(st.lists(st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_index_of_agrees_with_a_list(values, known):
    known = sorted(known)
    expected = [known.index(value) if value in known else -1 for value in values]
    assert index_of(from_numpy(np.array(values, int)), from_numpy(np.array(known, int))).tolist() == expected


@settings(deadline=None)
@given(st.lists(st.integers(-1, 99)), st.lists(st.integers(0, 99), max_size=80, unique=True))
def test_a_lookup_agrees_with_index_of_however_often_it_is_asked(values, known):
    """Also with the index that it makes when it was asked a few times."""
    lookup, asked = Lookup(strings(f"é{number}" for number in known)), strings(f"é{number}" for number in values)
    expected = index_of(asked, lookup.known).tolist()
    for _ in range(7):
        found = [*lookup.index_of(asked[:2]).tolist(), *lookup.index_of(asked[2:]).tolist()]
        assert found == expected
        assert lookup.index_of(asked).dtype == np.int32


def test_predicting_loads_no_pandas():
    code = """
import sys
from sentibp.config.schema import Config
from sentibp.data.tokenizer import tokenize
from sentibp.data.vocabulary_build import build_vocabulary
from sentibp.model.initial import build_classifier
from sentibp.utils.arrow import strings
vocabulary, _ = build_vocabulary(tokenize(strings(["a good film", "café: a bad film"])), 2)
build_classifier(Config(), vocabulary, 0).predict(strings(["good", "très bad", ""]))
print("pandas" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


@settings(deadline=None)
@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\n"), min_size=1)))
def test_lines_are_split_without_a_string_of_python(texts):
    data = np.frombuffer("\n".join(texts).encode(), np.uint8)
    assert split_lines(data).to_pylist() == texts


def test_lines_that_are_not_utf8():
    with pytest.raises(pa.ArrowInvalid):
        split_lines(np.frombuffer(b"\xff", np.uint8))


@pytest.mark.parametrize("values", [[], [3], [3, 3, 7], [99, 3, 98], [0, 19]])
def test_few_values_among_many(values):
    known = np.arange(1000) * 2
    expected = [value // 2 if value % 2 == 0 else -1 for value in values]
    assert index_of(from_numpy(np.array(values, int)), from_numpy(known)).tolist() == expected


def test_training_loads_no_pandas(tmp_path):
    """From each kind of file; a pandas that is imported on the way takes a third of a cached training of IMDB."""
    code = """
import sys
from pathlib import Path
from sentibp.data.corpus import require_all_classes
from sentibp.data.sources import load_corpus
Path("a.csv").write_text("text,label,source\\ngood,1,a\\nbad,0,b\\n")
Path("a.jsonl").write_text('{"text": "good", "label": 1}\\n{"text": "bad", "label": 0}\\n')
Path("a.json").write_text('[{"text": "good", "label": 1}, {"text": "bad", "label": 0}]')
Path("a.txt").write_text("__label__1 good\\n\\n__label__0 bad\\n")
for side in "neg", "pos":
    Path("folder", side).mkdir(parents=True)
    Path("folder", side, "a.txt").write_text(side)
for source in "a.csv", "a.jsonl", "a.json", "a.txt", "folder":
    require_all_classes(load_corpus(source), source)
from sentibp.__main__ import main
sys.argv = ["sentibp", "train", "quickstart", "--quiet", "--set", "text.names=false"]
sys.stdout = sys.stderr
try:
    main()
finally:
    print("pandas" in sys.modules, file=sys.__stdout__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == "False\n", done.stderr
