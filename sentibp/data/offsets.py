"""Where each word and each n-gram stands in a text as it was typed.

What normalising does to a text (entities, line breaks, accents, case) it does to short pieces of it, one by one: an
entity, a letter with its accents. So the pieces are normalised by the same function as the text, and their characters,
but for blanks, are those of the tokens, one after the other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from sentibp.data.ngram_counts import NONE
from sentibp.data.tokenizer import ENTITY, LINE_BREAK, Tokens, entity, normalize, tokenize
from sentibp.data.vocabulary import Vocabulary
from sentibp.utils.arrow import from_numpy, index_of, strings

_JOINS = re.compile(r"[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff\U00016d63-\U00016d6a]")
"""Letters that may join with the one before, without being marks: parts of Hangul syllables, Kirat Rai vowels."""


class Span(NamedTuple):
    """A word or an n-gram, as the program spells it, and its place: text[start:end]."""

    text: str
    start: int
    end: int


class Piece(NamedTuple):
    """Some characters, and the place in the text that they come from."""

    content: str
    start: int
    end: int


def token_spans(text: str, lowercase: bool = True) -> list[Span]:
    """The tokens of a text, each with its place."""
    return locate(text, tokenize(strings([text]), lowercase), lowercase)


def locate(text: str, tokens: Tokens, lowercase: bool = True) -> list[Span]:
    """The place of each token of a text."""
    spelled = np.array(tokens.words.to_pylist(), object)[tokens.ids].tolist() if len(tokens.ids) else []
    characters = [c for c in _characters(_resolved(text), lowercase) if not _is_blank(c.content)]
    if "".join(c.content for c in characters) != "".join(spelled):  # a letter that joins, unknown to `_joins`
        characters = list(_characters(_resolved(text), lowercase, coarse=True))
        characters = [c for c in characters if not _is_blank(c.content)]
    spans = []
    end = 0
    for word in spelled:
        start, end = end, end + len(word)
        spans.append(Span(word, characters[start].start, characters[end - 1].end))
    return spans


def _resolved(text: str) -> list[Piece]:
    """The characters once entities and line breaks are resolved."""
    pieces = [Piece(c, i, i + 1) for i, c in enumerate(text)]
    pieces = _replaced(pieces, re.compile(ENTITY), entity)
    return _replaced(pieces, re.compile(LINE_BREAK), lambda match: "\n")


def _replaced(pieces: list[Piece], pattern: re.Pattern[str], function) -> list[Piece]:
    """What re.sub() does, to characters that know their place; all that a match becomes has the place of the match."""
    text = "".join(piece.content for piece in pieces)
    result, done = [], 0
    for match in pattern.finditer(text):
        here = pieces[match.start()].start, pieces[match.end() - 1].end
        result += pieces[done : match.start()]
        result += [Piece(c, *here) for c in function(match)]
        done = match.end()
    return result + pieces[done:]


def _characters(pieces: list[Piece], lowercase: bool, coarse: bool = False) -> Iterator[Piece]:
    """The characters of the normalised text, but for spaces.

    A letter and its accents become one character, or several; if as many as they were, each has its own place.
    """
    starts = [i for i, piece in enumerate(pieces) if i == 0 or not _joins(pieces[i - 1].content, piece.content, coarse)]
    groups = [pieces[start:stop] for start, stop in zip(starts, [*starts, len(pieces)][1:], strict=True)]
    normal = normalize(strings("".join(piece.content for piece in group) for group in groups), lowercase)
    for group, content in zip(groups, normal.to_pylist(), strict=True):
        characters = content.replace(" ", "")
        if len(characters) == len(group):
            yield from (Piece(c, piece.start, piece.end) for c, piece in zip(characters, group, strict=True))
        else:
            yield from (Piece(c, group[0].start, group[-1].end) for c in characters)


def _joins(before: str, character: str, coarse: bool) -> bool:
    """Whether a character may become one with what is before it."""
    if coarse:
        return not (before.isspace() or character.isspace())
    if character < "\u0300":
        return False
    return unicodedata.category(character)[0] == "M" or _JOINS.match(character) is not None


def _is_blank(character: str) -> bool:
    return character <= " " or character == "\x7f"


class Feature(NamedTuple):
    """A feature that the vocabulary knows, at one place of a text: tokens first to last, both included."""

    id: int
    first: int
    last: int
    affix: str = ""  # of a word that is unknown: the beginning or ending that is known


def find_features(vocabulary: Vocabulary, tokens: Tokens) -> tuple[list[Feature], list[bool]]:
    """The features of one text, in the order of `Vocabulary.encode`, and which of its tokens are known."""
    known = index_of(tokens.words, vocabulary.words) != NONE
    ids = vocabulary.encode(tokens)[0].ids
    is_word = vocabulary.prefix[ids] == NONE  # an n-gram follows the word that it ends in
    parts = np.stack(vocabulary.longest_affixes(tokens.words, ~known)) != NONE
    alone = (known + parts.sum(axis=0))[tokens.ids]  # how many features each token has by itself
    last = np.repeat(np.arange(len(alone)), alone)[np.cumsum(is_word) - 1]
    length = np.ones(len(ids), np.int64)
    prefix = vocabulary.prefix[ids]
    while (longer := prefix != NONE).any():
        length += longer
        prefix = np.where(longer, vocabulary.prefix[prefix], NONE)
    is_part = vocabulary.is_affix[ids]
    names = np.full(len(ids), "", object)
    names[is_part] = vocabulary.words.take(from_numpy(vocabulary.word[ids[is_part]])).to_pylist()
    rows = zip(ids.tolist(), (last - length + 1).tolist(), last.tolist(), names.tolist(), strict=True)
    return [Feature(*row) for row in rows], (alone > 0).tolist()


def feature_span(spans: list[Span], feature: Feature) -> Span:
    """The words of a feature as one, from the beginning of its first to the end of its last."""
    inside = spans[feature.first : feature.last + 1]
    return Span(feature.affix or " ".join(span.text for span in inside), inside[0].start, inside[-1].end)


def delete_tokens(tokens: Tokens, deleted: list[tuple[int, ...]]) -> Tokens:
    """One text in many versions, each without some of its tokens."""
    kept = np.ones((len(deleted), len(tokens.ids)), bool)
    for row, gone in zip(kept, deleted, strict=True):
        row[list(gone)] = False
    offsets = np.array([0, *accumulate(kept.sum(axis=1).tolist())], np.int64)
    return Tokens(np.broadcast_to(tokens.ids, kept.shape)[kept], offsets, tokens.words)
