"""Texts that are still JSON, what Python prints, or have escapes are told: their signs are read as words."""

from __future__ import annotations

import pyarrow as pa
import pytest

from sentibp.data import sources
from sentibp.data.serialized import count_serialized, serialized_notes


def counts(*texts: str) -> tuple[int, int]:
    return count_serialized(pa.array(texts, pa.large_string()))


@pytest.mark.parametrize(
    "text",
    [
        '{"text": "I love\nthis"}',
        "{'text': 'I love this'}",
        '{"text": "I love this"},',
        "['I', 'love', 'this']",
        ' [{"text": "good"}] ',
        "b'I love this'",
        'b"it\'s good\\xe2\\x80\\x99"',
    ],
)
def test_values_of_json_and_python(text):
    assert counts(text) == (1, 0)


@pytest.mark.parametrize(
    "text", ["great\\nfilm", "good.\\r\\n\\r\\nThe end", "it\\'s good", 'he said \\"no\\"', "caf\\u00e9", "caf\\xe9"]
)
def test_escapes(text):
    assert counts(text, text.replace("\\", "/")) == (0, 1)


def test_texts_that_have_such_signs():
    texts = ["[Spoilers] he dies", "{sigh} bad", "['Tis] good", "b 'good'", "¯\\_(ツ)_/¯", "1\\/2 stars", "[[good]]"]
    texts += ['"good" [sic]', "[good]", "[8/10] [seen twice]", "a \\ b", "grade: B'", "{}", "[]"]
    assert counts(*texts) == (0, 0)
    assert count_serialized(pa.chunked_array([["good\\n"], ["{'a': 1}"], []], pa.large_string())) == (1, 1)


def test_one_in_a_hundred_may_quote_it():
    assert serialized_notes("r.csv", 1, 1, 100) == []
    values, escapes = serialized_notes("r.csv", 2, 1, 99)
    assert values.startswith("r.csv: 2 of 99 texts are JSON, or what Python prints, such as ")
    assert escapes.startswith("r.csv: 1 of 99 texts has escapes such as \\n, ")


def test_training_and_evaluation_tell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.csv").write_text('text,label\n"{""body"": ""good""}",1\nso bad\\nfilm,0\n')
    values, escapes = sources.load_corpus("r.csv").notes
    assert "1 of 2 texts is JSON" in values and "1 of 2 texts has escapes" in escapes
