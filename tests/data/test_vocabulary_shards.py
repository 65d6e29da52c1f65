"""A vocabulary that is counted over shards is that of one process: features, encoded texts, near-duplicates."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from elsewhere import Elsewhere
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sentibp.config.schema import Text
from sentibp.data import encode as encoding
from sentibp.data.corpus import Corpus
from sentibp.data.vocabulary_shards import Workers, counting
from sentibp.errors import DataError
from sentibp.utils.arrow import TEXT, strings
from sentibp.utils.executor import Serial

WORDS = [
    "good",
    "goods",
    "bad",
    "not",
    "very",
    "film",
    "ending",
    "mending",
    "it's",
    "...",
    "<url>",
    "Ünder",
    "",
    "Tom",
    "Tom",
    "tom",
]
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), min_size=1, max_size=12)
SETTINGS = st.builds(
    Text,
    ngrams=st.integers(1, 3),
    min_count=st.integers(1, 3),
    min_groups=st.integers(1, 2),
    names=st.booleans(),
    max_features=st.none() | st.integers(1, 20),
    presence=st.booleans(),
    affixes=st.booleans(),
    shifters=st.booleans(),
)


def corpus(texts: list[str]) -> Corpus:
    half = len(texts) // 2
    text = pa.chunked_array([strings(texts[:half]), strings(texts[half:])], TEXT)
    return Corpus(text, None, group=np.arange(len(texts)) // 2)


def encoded(text: Text, corpora: list[Corpus], validation: Corpus, workers: Workers | None, occurrences, words=()):
    found = encoding.encode(text, corpora, validation, {}, "test", None, occurrences, words, workers)
    return {
        "features": found.vocabulary.features().to_pylist(),
        **{f"learned {i}": [array.tolist() for array in each] for i, each in enumerate(found.learned)},
        "validation": [array.tolist() for array in found.validation],
        "near": found.near_duplicate.tolist(),
        "names": found.names,
    }


@settings(max_examples=25, deadline=None)
@example(["it is Tom", "or Tom"] * 3, [""], ["Tom"], Text(names=False), 2, False, ["tom", "new"])
@example(["good film", "good", "bad film", "bad"], ["a film"], ["film"], Text(min_groups=2), 2, False, [])
@given(TEXTS, TEXTS, TEXTS, SETTINGS, st.integers(1, 5), st.booleans(), st.sampled_from([[], ["tom", "good", "new"]]))
def test_the_same_as_in_one_process(new_folder, texts, more, validation, text, shards, occurrences, known):
    corpora = [corpus(texts), corpus(more)]
    workers = Workers(Elsewhere(), shards, new_folder("shards"))
    results = []
    for each in None, workers:
        try:
            words = [strings(known)] if known else []
            results.append(encoded(text, corpora, corpus(validation), each, occurrences, words))
        except DataError as error:  # no word is frequent enough
            results.append(str(error))
    assert results[0] == results[1]


def test_near_duplicates_are_the_same_for_any_number_of_shards(tmp_path):
    """Texts are counted over all shards: what 32 texts have says little, and what 33 texts have says nothing."""
    training = ["a b c d e f", "d e f g h i"] + ["of many texts this is the end"] * 33 + ["x y z u v w"] * 32
    validation = ["a b c d e f g", "of many texts this is the end", "x y z u v w", "of many texts this is the x"]
    texts = [[corpus(training)], corpus(validation)]
    whole = encoded(Text(), *texts, None, False)["near"]
    assert whole == [1, 0, 1, 0]
    for shards in 2, 5, 23:
        assert encoded(Text(), *texts, Workers(Elsewhere(), shards, tmp_path), False)["near"] == whole


def test_texts_of_several_shards_are_not_taken_for_one(tmp_path):
    """Each of two texts, the first of its shard, has half of a validation text: neither is nearly the same."""
    words = [f"word{i}" for i in range(80)]
    first, second = " ".join(words[:40]), " ".join(words[40:])
    texts = [[corpus([first, second])], corpus([f"{first} {second}", f"{first} more"])]
    for workers in None, Workers(Elsewhere(), 2, tmp_path):
        assert encoded(Text(), *texts, workers, False)["near"] == [0, 1]


def test_a_rare_ngram_of_each_shard_may_be_frequent_in_all(tmp_path):
    """Counts are summed before they are compared with min_count."""
    texts = ["good film"] * 3 + ["bad plot"]
    workers = Workers(Elsewhere(), 4, tmp_path)
    found = encoded(Text(min_count=3, affixes=False), [corpus(texts)], corpus(["good film"]), workers, False)
    assert found["features"] == ["film", "good", "good film"]


def test_a_line_says_that_workers_count():
    assert (
        counting(Elsewhere(), 4, Text()) == "the workers split the reviews into words and count them, in 4 shards ..."
    )
    assert [counting(None, 4, Text()), counting(Serial(), 4, Text()), counting(Elsewhere(), 1, Text())] == [None] * 3
    assert counting(Elsewhere(), 4, Text(min_groups=2)) is None, "this process counts groups"


def test_a_file_that_workers_do_not_see_is_an_error_with_the_repair(tmp_path, monkeypatch):
    work = tmp_path / ".shards-abc"
    work.mkdir()

    class Blind(Elsewhere):
        def submit(self, function, *args, name=""):
            for path in work.glob("*.arrow"):
                path.unlink()
            return super().submit(function, *args, name=name)

    with pytest.raises(DataError, match=rf"^{tmp_path}: this process does not see what the command writes there; all"):
        encoded(Text(), [corpus(["a b"])], corpus(["a"]), Workers(Blind(), 1, work), False)


def test_indices_of_large_shards_are_not_mixed(tmp_path):
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice([f"w{i}" for i in range(200)], 30)) for _ in range(200)]
    text = Text(ngrams=3, min_count=2, max_features=500)
    workers = Workers(Elsewhere(), 7, tmp_path)
    arguments = text, [corpus(texts)], corpus(texts[:20])
    assert encoded(*arguments, None, False) == encoded(*arguments, workers, False)
