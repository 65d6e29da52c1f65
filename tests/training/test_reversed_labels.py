"""Labels whose meaning is the opposite of what it is taken for, as English words of opinion show."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

import sentibp
from sentibp.config.load import load_config
from sentibp.data import sources
from sentibp.training.prepare import prepare

SETTINGS = ["pretrain.vectors=none"]


def prepared_notes(labels: list[object], *settings: str, text: str = "{}", column: str = "label") -> list[str]:
    """Return what the preparation of a training says of labels that seem reversed; there are four texts to a label."""
    corpus = sources.load_corpus("sample")
    assert corpus.label is not None
    better = sorted(zip(corpus.label.tolist(), corpus.text.to_pylist(), strict=True))
    rows = [(labels[i * len(labels) // len(better)], text.format(row[1])) for i, row in enumerate(better)]
    table = "".join(f"{label}\t{text}\n" for label, text in rows)
    Path("r.tsv").write_text(f"{column}\ttext\n{table}", encoding="utf-8")
    own = [f"data.label_column={column}", *SETTINGS]
    notes = prepare(load_config("default", ["data.source=r.tsv", *own, *settings])).notes
    return [note for note in notes if "the opposite" in note]


STARS = "data.labels={negative: [1, 2], positive: [4, 5], ignore: [3]}"


@pytest.mark.parametrize(
    ("labels", "settings", "repair"),
    [
        ([1, 0], (), "data.labels={negative: [1], positive: [0]}"),
        (["pos", "neg"], (), "data.labels={negative: [pos], positive: [neg]}"),
        ([5, 4, 3, 2, 1], (STARS,), "data.labels={negative: [5, 4], positive: [2, 1], ignore: [3]}"),
        ([3, 2, 1], ("data.labels=[1,2,3]",), "data.labels={1: [3], 2: [2], 3: [1]}"),
    ],
)
def test_labels_that_mean_the_opposite_are_told_with_a_repair_that_works(here, labels, settings, repair):
    (note,) = prepared_notes(labels, *settings)
    assert repair in shlex.split(note), note
    assert prepared_notes(labels, *settings, repair) == []


@pytest.mark.parametrize(
    ("labels", "settings", "text", "column"),
    [
        ([0, 1], (), "{}", "label"),  # as usual
        ([1, 2, 3, 4, 5], (STARS,), "{}", "label"),
        ([1, 0, 1, 0, 1, 0], (), "{}", "label"),  # labels of another kind: the words say nothing
        (["b", "a"], ("data.labels=[a,b]", "data.ordered=false"), "{}", "label"),  # no class is the better one
        ([1, 0], (), "слово{.__class__.__name__}", "label"),  # no word of another language is known
        ([1, 0], (), "{}", "is_toxic"),  # another note has these
    ],
)
def test_labels_that_may_be_right_are_not(here, labels, settings, text, column):
    assert prepared_notes(labels, *settings, text=text, column=column) == []


@pytest.mark.filterwarnings("ignore::sentibp.SentibpWarning")  # which label is taken as positive
@pytest.mark.parametrize("labels", [(0, 1), ("neg", "pos"), ("a", "b")])
def test_the_repair_in_python_has_the_labels_that_were_given(labels):
    corpus = sources.load_corpus("sample")
    assert corpus.label is not None
    texts, y = corpus.text.to_pylist()[:120], [labels[1 - number] for number in corpus.label[:120].tolist()]
    settings = {"train__epochs": 1, "model__hidden": [], "train__refit": False}
    (note,) = [note for note in sentibp.train("quickstart", texts, y, **settings).notes if "the opposite" in note]
    mapping = {"negative": [labels[1]], "positive": [labels[0]]}
    assert note.endswith(f"if so: data__labels={mapping}")
    turned = sentibp.train("quickstart", texts, y, data__labels=mapping, **settings)
    assert [note for note in turned.notes if "seem to mean the opposite" in note] == []
