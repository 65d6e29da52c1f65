"""Encoded reviews: the cache, and the key of its entries."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import sentibp
from sentibp.config.schema import Text
from sentibp.data.corpus import Corpus
from sentibp.data.encode import SOURCES, cache_key, encode
from sentibp.data.vocabulary import vocabulary_of_words
from sentibp.utils import cache, environment
from sentibp.utils.arrow import TEXT, strings

PACKAGE = Path(sentibp.__file__).parent
FINGERPRINTS = {"training": {"reviews": 2, "fingerprint": "a"}, "validation": None}


def key(fingerprints=FINGERPRINTS, occurrences=False, **settings) -> str:
    return cache_key(Text(**settings), fingerprints, occurrences)


@pytest.mark.parametrize("name", Text.model_fields)
def test_each_setting_of_text_changes_the_key(name):
    default = Text()
    values = {"ngrams": 3, "min_count": 7, "min_groups": 3, "max_features": 9, "folding": 1, "classes": ["url"]}
    assert key(**{name: values.get(name, not getattr(default, name))}) != key()


def test_each_fingerprint_changes_the_key():
    changed = FINGERPRINTS | {"training": {"reviews": 2, "fingerprint": "b"}}
    added = FINGERPRINTS | {"validation": {"reviews": 2, "fingerprint": "a"}}
    assert len({key(), key(changed), key(added), key(FINGERPRINTS | {"unlabelled": None})}) == 4


def test_what_is_returned_changes_the_key():
    assert key(occurrences=True) != key()


def test_each_version_changes_the_key(monkeypatch):
    keys = {key()}
    monkeypatch.setattr(pa, "__version__", "0")
    keys.add(key())
    monkeypatch.setattr(np, "__version__", "0")
    keys.add(key())
    monkeypatch.setattr(platform, "python_version", lambda: "0")
    keys.add(key())
    assert len(keys) == 4


@pytest.fixture
def copied_package(tmp_path, monkeypatch):
    """Copy the package, and hash the source code of the copy."""
    shutil.copytree(PACKAGE, tmp_path / "sentibp", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(environment, "_PACKAGE", tmp_path / "sentibp")
    monkeypatch.setattr(environment, "source_digest", environment.source_digest.__wrapped__)
    return tmp_path / "sentibp"


def test_the_source_code_of_each_module_that_encodes_changes_the_key(copied_package):
    before = key()
    files = [copied_package / "nn/layers.py", *copied_package.glob("data/**/*.py"), *copied_package.glob("utils/*.py")]
    for path in files:
        source = path.read_bytes()
        path.write_bytes(source + b"#")
        assert key() != before, path
        path.write_bytes(source)
    (copied_package / "nn/optim.py").write_text("")
    assert key() == before, "the optimizer encodes nothing"


def test_the_key_covers_every_module_that_the_encoding_imports():
    program = "import sys, sentibp.data.encode; print(*(m for m in sys.modules if m.startswith('sentibp')))"
    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    places = [name.removeprefix("sentibp").removeprefix(".").replace(".", "/") for name in modules]
    covered = tuple(source.removesuffix(".py") for source in SOURCES)
    others = {place for place in places if not place.startswith(covered)}
    rest = {place for place in others if not place.startswith(("nn", "metrics"))}
    assert rest == {"", "errors"}


QUESTIONS = {
    "plain": {},
    "as often as they occur": {"occurrences": True},
    "known words": {"words": [strings(["splendid", "tom"])]},
    "others": {"words": [strings(["splendid", "dull"])]},
    "with presence": {"settings": Text(presence=True)},
    "without names": {"settings": Text(names=False)},
    "without names, but known words": {"settings": Text(names=False), "words": [strings(["splendid", "tom"])]},
    "after an earlier vocabulary": {"initial": vocabulary_of_words(strings(["old", "good"]))},
}


def encoded(fingerprints, **question):
    """Return what `encode` returns, as lists; by then, it is in the cache."""
    texts = ["we saw Tom and a good good film"] * 3 + ["a bad film", ""]
    training, validation = (Corpus(pa.chunked_array([strings(each)], TEXT), None) for each in (texts, texts[2:4]))
    question = {"settings": Text(), **question}
    before = threading.enumerate()
    found = encode(question.pop("settings"), [training], validation, fingerprints, "test", **question)
    for thread in {*threading.enumerate()} - {*before}:
        thread.join()
    vocabulary, learned, held_out, near, hashes, names = found
    arrays = [*learned[0], *held_out, near, *hashes]
    return vocabulary.features().to_pylist(), vocabulary.presence, names, [each.tolist() for each in arrays]


def test_the_cache_answers_nothing_but_the_same_question(monkeypatch):
    monkeypatch.setattr(cache, "SMALLEST", 1)
    expected = {name: encoded(None, **question) for name, question in QUESTIONS.items()}
    assert cache.entries() == [], "without fingerprints"
    for _ in "stored", "loaded":
        for name, question in QUESTIONS.items():
            assert encoded({}, **question) == expected[name], name
        assert len(cache.entries()) == len(QUESTIONS) - 1, "all but that after an earlier vocabulary"
    assert "splendid" in expected["known words"][0] and "tom" in expected["known words"][0]
    assert "tom" not in expected["without names, but known words"][0]
    assert expected["without names"][2] > 0
