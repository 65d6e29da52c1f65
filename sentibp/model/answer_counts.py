"""Count the texts whose answers say little: empty, damaged, totals, or of words that the model does not know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from sentibp.data.faulty_texts import (
    LOOK,
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
    count_totals,
    cut_note,
    encoded_notes,
    garbled_notes,
    ids_note,
    missing_note,
    serialized_notes,
    totals_note,
)
from sentibp.utils.messages import counted


class AnswerCounts(NamedTuple):
    """How many texts were answered, and how many of them are of these kinds."""

    texts: int = 0
    looked: int = 0  # at: the first LOOK of each file
    blank: int = 0  # without a character that can be seen
    unfamiliar: int = 0  # of most of their tokens the model knows nothing
    read_wrong: int = 0  # of those looked at: with letters of UTF-8 that was read in another encoding
    lost: int = 0  # of those looked at: with characters that were lost
    zeros: int = 0  # of those looked at: with U+0000
    totals: int = 0  # the row with the totals of a table, or a footer
    values: int = 0  # of those looked at: values of JSON or Python
    escapes: int = 0  # of those looked at: with escapes such as \n
    utf7: int = 0  # of those looked at: in UTF-7
    quoted: int = 0  # of those looked at: in quoted-printable
    tags: int = 0  # of those looked at: with tags of HTML
    colours: int = 0  # of those looked at: with colours of a terminal
    cut: int = 0  # of those looked at: cut off
    dots: int = 0  # of those looked at: with three dots at the end
    coded: int = 0  # of those looked at: percent-encoded or in base64
    ids: int = 0  # of those looked at: numbers, dates, ids or addresses
    missing: int = 0  # words such as nan, in the place of a missing text
    guessed: int = 0  # of those looked at: of most of their words the model knows beginnings and endings at most

    def plus(self, other: AnswerCounts) -> AnswerCounts:
        """Return the counts of these texts and of others together."""
        return AnswerCounts(*map(sum, zip(self, other, strict=True)))

    def notes(self, name: str) -> list[str]:
        """Return what the user of the answers should know of the texts. `name` is that of the file."""
        notes = blank_note(name, self.blank, self.texts, "the answer to an empty text says nothing")
        notes += totals_note(name, self.totals, self.texts) + missing_note(name, self.missing, self.texts)
        notes += garbled_notes(name, self.read_wrong, self.lost, self.zeros, self.looked)
        notes += serialized_notes(name, self.values, self.escapes, self.tags, self.looked)
        notes += coloured_note(name, self.colours, self.looked)
        notes += cut_note(name, self.cut, self.dots, self.looked) + coded_note(name, self.coded, self.looked)
        notes += encoded_notes(name, self.utf7, self.quoted, self.looked) + ids_note(name, self.ids, self.looked)
        return notes + [f"{name}: {note}" for note in self.unfamiliar_note()]

    def unfamiliar_note(self) -> list[str]:
        """Return a note if most texts that are not empty are mostly of unknown words; some such are in every file."""
        unseen = "has not seen, but for beginnings and endings, as those of another language"
        kinds = (self.unfamiliar, self.texts, self.blank, "does not know"), (self.guessed, self.looked, 0, unseen)
        for some, texts, blank, what in kinds:
            if 2 * some > texts - blank:
                few = f"{some:,} of {counted(texts, 'text')} {'are' if some > 1 else 'is'}"
                return [f"{few} mostly of words that the model {what}: do not rely on the answers"]
        return []


def count_answers(
    text: pa.Array | pa.ChunkedArray,
    records: Sequence[Mapping[str, Any]],
    before: int = 0,
    guessed: Callable[[pa.Array | pa.ChunkedArray], int] = lambda _: 0,
) -> AnswerCounts:
    """Return the counts of texts (n,) and their n answers. `before` texts have been counted.

    `guessed` is the method `count_guessed` of the classifier.
    """
    unfamiliar = sum(2 * record["unknown"] > record["tokens"] for record in records)
    first = text.slice(0, max(0, LOOK - before))
    (read_wrong, lost, zeros), (values, escapes, tags) = count_garbled(first), count_serialized(first)
    utf7, quoted = count_encoded(first)
    return AnswerCounts(
        texts=len(records),
        looked=len(first),
        blank=count_blank(text),
        unfamiliar=unfamiliar,
        read_wrong=read_wrong,
        lost=lost,
        zeros=zeros,
        totals=count_totals(text),
        values=values,
        escapes=escapes,
        utf7=utf7,
        quoted=quoted,
        tags=tags,
        colours=count_coloured(first),
        cut=count_cut(first),
        dots=count_dots(first),
        coded=count_coded(first),
        ids=count_ids(first),
        missing=count_missing(text),
        guessed=guessed(first) if len(first) else 0,
    )
