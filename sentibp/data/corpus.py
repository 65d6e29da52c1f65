"""The reviews of a data set, with their classes as numbers and their weights."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data.examples import Examples
from sentibp.data.faulty_texts import (
    LOOK,
    all_blank,
    blank_note,
    coded_note,
    coloured_note,
    count_blank,
    count_coded,
    count_coloured,
    count_cut,
    count_dots,
    count_encoded,
    count_garbled,
    count_ids,
    count_missing,
    count_serialized,
    cut_note,
    encoded_notes,
    garbled_notes,
    ids_note,
    missing_note,
    serialized_notes,
)
from sentibp.data.label_notes import id_labels_note, labels_in_texts_note, range_notes, reversed_column_notes
from sentibp.data.label_values import parse_labels
from sentibp.data.labels import (
    IGNORED,
    Classes,
    Labels,
    OpenLabels,
    distinct,
    joined_values,
    label_counts,
    values_in,
)
from sentibp.data.readers.records import Records
from sentibp.data.text_hashes import blank_hash, text_hashes, text_ids
from sentibp.data.weights import numbers, read_weights
from sentibp.errors import DataError
from sentibp.metrics import effective_number
from sentibp.nn import Ragged
from sentibp.utils.arrow import TextBuilder, buffers, from_numpy, scalar, to_numpy
from sentibp.utils.label_key import LABELS, class_names, label_key
from sentibp.utils.messages import counted

NAMED = 5  # classes in a note
_NO_GROUP = {"", "nan", "na", "n/a", "<na>", "none", "null"}

_REPEATED = 0.5  # the share of distinct texts below which there is a note

_CONTRADICTORY = 0.01  # the share of reviews with the text of others and another label, from which on there is a note

_ROWS = 4096  # reviews copied at once


@dataclass(frozen=True, eq=False)
class Corpus:
    """Reviews, and their labels, weights and groups if these were read."""

    text: pa.ChunkedArray  # large_string, no nulls
    label: np.ndarray | None = None  # (n,) int8: the number of the class; of two, 1 is positive
    weight: np.ndarray | None = None  # (n,) float32, above 0
    notes: tuple[str, ...] = ()  # messages for the user about the data
    group: np.ndarray | None = None  # (n,) int64, a number for each group: of data.group_column, or of similar texts
    names: tuple[str, ...] = LABELS  # of the classes
    place: pa.ChunkedArray | None = None  # of each review in its file, such as "reviews.csv:17", if it was read
    values: Labels | None = None  # of the labels in the source, for each class; None if data.labels has no say

    def __len__(self) -> int:
        return len(self.text)

    def examples(self, features: Ragged, classes: Classes) -> Examples:
        """Return the reviews, which have labels, with their features."""
        assert self.label is not None
        return Examples(features, self.label, self.weight, classes)

    @property
    def aside(self) -> str:
        """The notes in parentheses, for an error that ends the reading: they may say where the reviews are."""
        return f" ({'; '.join(self.notes)})" if self.notes else ""

    def take(self, indices: np.ndarray) -> Corpus:
        """Return the reviews at these positions, in this order."""
        indices = np.asarray(indices, np.int64)
        return replace(
            self,
            text=take_texts(self.text, indices),
            label=None if self.label is None else self.label[indices],
            weight=None if self.weight is None else self.weight[indices],
            group=None if self.group is None else self.group[indices],
            place=None if self.place is None else take_texts(self.place, indices),
        )


def take_texts(text: pa.ChunkedArray, indices: np.ndarray) -> pa.ChunkedArray:
    """Return the texts at these positions. Together they may exceed memory."""
    starts = np.cumsum([0, *(len(chunk) for chunk in text.chunks)])
    number = np.searchsorted(starts, indices, side="right") - 1  # the chunk of each text
    edges = np.flatnonzero(np.diff(number, prepend=-1, append=-1))
    texts = TextBuilder()
    for start, stop in itertools.pairwise(edges.tolist()):
        chunk = text.chunk(int(number[start]))
        for i in range(start, stop, _ROWS):
            rows = indices[i : min(i + _ROWS, stop)] - starts[number[start]]
            texts.append(chunk.take(from_numpy(rows)))
    return pa.chunked_array([texts.array()])


def concatenate(corpora: Iterable[Corpus]) -> Corpus:
    """Concatenate corpora. Together they may exceed memory."""
    texts, places, columns = TextBuilder(), list[pa.Array](), []
    for corpus in corpora:
        for chunk in corpus.text.chunks:
            texts.append(chunk)
        places += [] if corpus.place is None else corpus.place.chunks
        columns.append((corpus.label, corpus.weight, corpus.group, corpus.notes, corpus.names, corpus.values))
    label, weight, group, notes, names, values = zip(*columns, strict=True)
    return Corpus(
        text=pa.chunked_array([texts.array()]),
        label=None if label[0] is None else np.concatenate(label),
        weight=None if weight[0] is None else np.concatenate(weight),
        group=None if group[0] is None else np.concatenate(group),
        notes=tuple(itertools.chain(*notes)),
        names=names[0],
        place=pa.chunked_array(places) if places else None,
        values=joined_values(values),
    )


def independent_weights(validation: Corpus, seen: np.ndarray, hashes: np.ndarray | None = None) -> np.ndarray:
    """Return how much each validation review says about new reviews: (n,) float64.

    The reviews at the positions `seen`, whose text also occurs in the training data, say nothing. The others count by
    their weights, relative to each other. The sum is the effective number of distinct texts (Kish, 1965): copies and
    weights make a text count more than others, but are no further evidence. Nor are reviews of a group with the same
    label, as the phrases of one sentence have it. `hashes` (n,) are those of the texts, if the caller has them.
    """
    weight = np.ones(len(validation)) if validation.weight is None else validation.weight.astype(np.float64)
    weight[seen] = 0
    hashes = text_hashes(validation.text) if hashes is None else hashes
    total = np.bincount(np.unique(hashes, return_inverse=True)[1], weight)  # of each distinct text
    if not total.any():
        return weight
    return weight * (effective_number(total) / _design_effect(validation, weight) / total.sum())


def _design_effect(corpus: Corpus, weight: np.ndarray) -> float:
    """Return how many reviews of its groups are worth as much as one of another group (Kish, 1965), at least 1.

    It is 1 + (m - 1) r, where m is the mean size of the groups, and r how much the labels of a group agree: the
    intraclass correlation, 1 if they are all the same, 0 if they differ as those of all groups do (ANOVA estimate).
    """
    kept = weight > 0
    if corpus.group is None or corpus.label is None:
        return 1.0
    number = np.unique(corpus.group[kept], return_inverse=True)[1]
    size, label = np.bincount(number), corpus.label[kept]
    n, k = len(label), len(size)
    if k == n:
        return 1.0
    between = within = 0.0
    for each in range(len(corpus.names)) if len(corpus.names) > 2 else (1,):  # of two classes, one says all
        is_class = (label == each).astype(np.float64)
        mean = np.bincount(number, is_class) / size
        between += float(size @ (mean - is_class.mean()) ** 2) / max(k - 1, 1)
        within += float(np.sum((is_class - mean[number]) ** 2)) / (n - k)
    usual = (n - float(size @ size) / n) / max(k - 1, 1)  # the size of a group in the estimate of r
    spread = between + (usual - 1) * within
    correlation = min(max((between - within) / spread, 0.0), 1.0) if spread > 0 and k > 1 else 1.0
    return 1 + (float(size @ size) / n - 1) * correlation


def text_groups(corpus: Corpus) -> np.ndarray:
    """Return a group number from 0 for each review (n,); those with the same text (`text_ids`) share one."""
    return np.unique(text_ids(corpus.text), return_inverse=True)[1]


def repeated_note(corpus: Corpus, hashes: np.ndarray, kind: str = "") -> list[str]:
    """Return a note if most reviews only repeat others: the interval of a score takes each for evidence."""
    distinct = len(np.unique(hashes))
    if distinct > _REPEATED * len(corpus):
        return []
    texts = counted(distinct, "distinct text")
    return [f"the {len(corpus):,} {kind}reviews are {texts}: repeated reviews make the intervals too narrow"]


def contradiction_note(corpus: Corpus, hashes: np.ndarray) -> list[str]:
    """Return a note if several reviews have the same text and different labels: no model can learn both."""
    label, blank = _labels_of(corpus), blank_hash()
    order = np.lexsort((label, hashes))
    starts = np.flatnonzero(np.diff(hashes[order], prepend=hashes[order[:1]] - 1))
    ends = np.append(starts[1:], len(order)) - 1
    differ = (label[order[starts]] != label[order[ends]]) & (hashes[order[starts]] != blank)
    count, texts = int((ends - starts + 1)[differ].sum()), int(differ.sum())
    if count < _CONTRADICTORY * len(corpus):
        return []
    fact = f"{count:,} of {len(corpus):,} training reviews have the same text as others with another label"
    return [f"{fact} ({counted(texts, 'text')}): no model can learn both; correct the labels, or remove these reviews"]


def fingerprint(corpus: Corpus) -> str:
    """Return the SHA-256 of texts, labels and weights. It does not depend on the chunks of the Arrow array."""
    digest = hashlib.sha256()
    for chunk in corpus.text.chunks:
        digest.update(np.diff(buffers(chunk)[0]).astype("<i8").data)
    for chunk in corpus.text.chunks:
        digest.update(buffers(chunk)[1].data)
    for mark, values in ((b"label", corpus.label), (b"weight", corpus.weight)):
        if values is not None:
            digest.update(mark)
            digest.update(values.tobytes())
    return digest.hexdigest()


def require_all_classes(corpus: Corpus, name: str, repair: str = "training needs both") -> None:
    """Raise a DataError with the repair if a class has no review, and with the notes: rows may be left out."""
    label = _labels_of(corpus)
    counts = np.bincount(label, minlength=len(corpus.names))
    if corpus.names == LABELS:
        for number, other in enumerate(LABELS):
            if not counts[1 - number]:
                rows = f"all {len(label):,} labels are" if len(label) > 1 else "the only label is"
                raise DataError(f"{name}: {rows} {other}; {repair}{corpus.aside}")
    if missing := [each for each, count in zip(corpus.names, counts.tolist(), strict=True) if not count]:
        none = " and no ".join(missing)
        raise DataError(f"{name}: no review is {none}; {repair.replace('both', 'all classes')}{corpus.aside}")


def with_scored_classes(corpus: Corpus, name: str, repair: str) -> Corpus:
    """Return the validation reviews, with a note on the classes that they say nothing about.

    DataError with the repair if one of two classes has no review there, or if of more only one has.
    """
    counts = np.bincount(_labels_of(corpus), minlength=len(corpus.names))
    if len(counts) == 2 or np.count_nonzero(counts) < 2:
        require_all_classes(corpus, name, repair)
    missing = [each for each, count in zip(corpus.names, counts.tolist(), strict=True) if not count]
    if not missing:
        return corpus
    more = f" and of {len(missing) - NAMED:,} more classes" if len(missing) > NAMED else ""
    fact = f"{name}: no review is {' and no '.join(missing[:NAMED])}{more}"
    note = f"{fact}; the scores say {nothing_about(len(missing))}"
    return replace(corpus, notes=(*corpus.notes, note))


def nothing_about(classes: int) -> str:
    """Return how a note on so many classes, which it has named, ends."""
    return f"nothing about {'this class' if classes == 1 else 'these classes'}"


def _labels_of(corpus: Corpus) -> np.ndarray:
    if corpus.label is None:
        raise ValueError("the corpus was loaded without labels")
    return corpus.label


def corpus_from_records(records: Records, labels: Labels | None) -> Corpus:
    """Return the checked rows as a corpus, without those whose labels data.labels ignores.

    DataError with a line for each kind of mistake.
    """
    if not len(records.text):
        raise DataError(f"{records.name}: empty; give at least one review")
    records, weightless = _without_weightless(_without_empty(records, labels))
    wrong: list[str] = []
    as_classes: list[str] = []
    label = None if records.label is None else parse_labels(records, labels, wrong, as_classes)
    about_labels = len(wrong)
    kept = np.ones(len(records.text), bool) if label is None else label != IGNORED
    weight = None if records.weight is None else read_weights(records, records.weight, kept, wrong)
    group = None if records.group is None else _groups(records.group, records.text)
    if as_classes:
        raise OpenLabels(*wrong, as_classes=[*as_classes, *wrong[about_labels:]])
    if wrong:
        raise DataError(*wrong)
    notes = (*records.notes, *id_labels_note(records, labels), *reversed_column_notes(records, labels))
    if label is not None:
        notes = (*notes, *labels_in_texts_note(records, label, class_names(labels)))
        notes += tuple(range_notes(records.name, label_counts(records.label), labels or {}))
    values = None
    if label is not None and records.label is not None and not records.fixed_labels:
        values = values_in(records.label, label, labels)
    corpus = Corpus(records.text, label, weight, notes, group, class_names(labels), records.place, values)
    if weightless or not kept.all():
        notes = (*notes, *_left_out(records.name, kept, weightless))
        corpus = replace(corpus if kept.all() else corpus.take(np.flatnonzero(kept)), notes=notes)
    blank = count_blank(corpus.text)
    if blank == len(corpus) and label is not None:
        raise DataError(all_blank(records.name, blank, records.other_columns))
    return replace(corpus, notes=(*notes, *_faulty_notes(records, corpus, blank)))


def _faulty_notes(records: Records, corpus: Corpus, blank: int) -> list[str]:
    """Return notes on texts that are no reviews as somebody wrote them; `blank` of them are empty."""
    name, count, start = records.name, len(corpus), corpus.text.slice(0, LOOK)
    has_labels = corpus.label is not None
    what = "an empty text only says how frequent its label is" if has_labels else "an empty text says nothing"
    return [
        *blank_note(name, blank, count, what),
        *missing_note(name, count_missing(corpus.text), count),
        *garbled_notes(name, *count_garbled(start), len(start)),
        *serialized_notes(name, *count_serialized(start), len(start)),
        *coloured_note(name, count_coloured(start), len(start)),
        *cut_note(name, count_cut(start), count_dots(start), len(start)),
        *encoded_notes(name, *count_encoded(start), len(start)),
        *coded_note(name, count_coded(start), len(start)),
        *ids_note(name, count_ids(start), len(start), records.other_columns),
    ]


def _without_empty(records: Records, labels: Labels | None) -> Records:
    """Return the records without rows that have neither text nor label, as spreadsheets write them; a note counts them.

    An empty label may have a meaning in data.labels. DataError if no row is left.
    """
    declared = () if labels is None else itertools.chain(*labels.values())
    if records.label is None or records.fixed_labels or "" in map(label_key, declared):
        return records
    values, code = distinct(records.label)
    rows = np.flatnonzero(np.array([label_key(value) == "" for value in values])[code])
    text = pc.utf8_trim_whitespace(take_texts(records.text, rows))
    rows = rows[to_numpy(pc.equal(text, scalar("")).combine_chunks())] if len(rows) else rows
    if not len(rows):
        return records
    kept = np.setdiff1d(np.arange(len(records.text)), rows)
    if not len(kept):
        raise DataError(f"{records.name}: all {counted(len(rows), 'row')} are empty; give at least one review")
    note = f"{records.name}: {counted(len(rows), 'row')} left out: neither text nor label"
    return _take(replace(records, notes=(*records.notes, note)), kept)


def _without_weightless(records: Records) -> tuple[Records, int]:
    """Return the records without the rows of weight 0, and their number. They are as if absent, whatever their labels.

    DataError if no row is left.
    """
    if records.weight is None:
        return records, 0
    kept = np.flatnonzero(numbers(records.weight) != 0)
    count = len(records.text) - len(kept)
    if not len(kept):
        raise DataError(f"{records.name}: the weights of all {counted(count, 'review')} are 0; give one above 0")
    return (_take(records, kept), count) if count else (records, 0)


def _take(records: Records, kept: np.ndarray) -> Records:
    """Return the rows at these positions."""
    columns = {role: getattr(records, role) for role in ("label", "weight", "group", "place")}
    return replace(
        records,
        text=take_texts(records.text, kept),
        where=lambda row: records.where(int(kept[row])),
        **{role: None if column is None else column.take(from_numpy(kept)) for role, column in columns.items()},
    )


def _groups(column: pa.ChunkedArray, text: pa.ChunkedArray) -> np.ndarray:
    """Return the group of each review (n,) int64. A review without one is in a group with those of the same text."""
    values, code = distinct(column)
    names = list(map(_group_name, values))
    digests = (hashlib.blake2b(f"group {name}".encode(), digest_size=8).digest() for name in names)
    name = np.frombuffer(b"".join(digests), np.int64)
    is_missing = np.array([name in _NO_GROUP for name in names])
    group = name[code]
    missing = np.flatnonzero(is_missing[code])
    group[missing] = text_ids(take_texts(text, missing))
    return group


def _group_name(value: object) -> str:
    """Return the value without differences that spreadsheets and people make: capitals, space, 12.0 for 12."""
    return re.sub(r"^(-?[0-9]+)\.0+$", r"\1", " ".join(str(value).split()).casefold())


def _left_out(name: str, kept: np.ndarray, weightless: int) -> list[str]:
    """Return a line for each reason to leave reviews out: labels, or a weight of 0. DataError if none are left."""
    ignored = int((~kept).sum())
    if not kept.any():
        others = f" but {weightless:,} of weight 0" if weightless else ""
        raise DataError(f"{name}: data.labels ignores all {counted(ignored, 'review')}{others}; change it")
    lines = [f"{name}: {counted(ignored, 'review')} left out, as data.labels says"] if ignored else []
    return lines + ([f"{name}: {counted(weightless, 'review')} left out: weight 0"] if weightless else [])
