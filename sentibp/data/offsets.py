"""Find the position of each word and n-gram in the original text.

Normalization (entities, line breaks, folding, accents, case, classes of tokens) acts on short pieces of a text one by
one: on an entity, or on a letter with its accents. So the pieces are normalized by the same function as the text.
Without spaces, their characters are those of the tokens, in order.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from sentibp.data import token_classes
from sentibp.data.folding import CONTEXT, Spelling, replacements
from sentibp.data.key_table import NONE
from sentibp.data.shifters import Shifters
from sentibp.data.tokenizer import ENTITY, LINE_BREAK, Tokens, entity, normalize_characters, tokenize
from sentibp.data.vocabulary import Vocabulary
from sentibp.utils.arrow import from_numpy, strings

_COMBINING = re.compile(r"[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff\U00016d63-\U00016d6a]")
"""Letters that are no marks but may combine with the preceding letter: Hangul jamo, Kirat Rai vowels."""


class Span(NamedTuple):
    """A normalized word or n-gram, and its position: text[start:end]."""

    text: str
    start: int
    end: int


class Normalized(NamedTuple):
    """Some normalized characters, and the position in the text that they come from."""

    content: str
    start: int
    end: int


def token_spans(text: str, spelling: Spelling = Spelling()) -> list[Span]:  # noqa: B008, it is immutable
    """Return the tokens of a text with their positions."""
    return locate(text, tokenize(strings([text]), spelling), spelling)


def locate(text: str, tokens: Tokens, spelling: Spelling = Spelling()) -> list[Span]:  # noqa: B008
    """Return the position of each token of a text."""
    spelled = np.array(tokens.words.to_pylist(), object)[tokens.ids].tolist() if len(tokens.ids) else []
    contents = [token_classes.unname_classes(word, spelling.classes) for word in spelled]
    pieces = _folded(_resolved(text), spelling)
    characters = _characters(pieces, spelling)
    if _comparable(c.content for c in characters) != _comparable(contents):
        characters = _characters(pieces, spelling, coarse=True)  # a letter combines that `_combines` does not list
    spans = []
    end = 0
    for word, content in zip(spelled, contents, strict=True):
        start, end = end, end + len(content)
        spans.append(Span(word, characters[start].start, characters[end - 1].end))
    return spans


def _comparable(contents: Iterable[str]) -> str:
    """Join contents without the difference between a backtick and an apostrophe, which depends on the neighbours."""
    return "".join(contents).replace("`", "'")


def _resolved(text: str) -> list[Normalized]:
    """Return the characters of the text after entities and line breaks are resolved."""
    pieces = [Normalized(c, i, i + 1) for i, c in enumerate(text)]
    pieces = _replaced(pieces, re.compile(ENTITY), entity)
    return _replaced(pieces, re.compile(LINE_BREAK), lambda match: "\n")


def _replaced(pieces: list[Normalized], pattern: re.Pattern[str], function, whole: bool = True) -> list[Normalized]:
    """Substitute like re.sub(), but on characters with positions. The replacement has the position of the match.

    If it is not `whole`, only what lies between the two groups of a match is replaced.
    """
    text = "".join(piece.content for piece in pieces)
    result, done = [], 0
    for match in pattern.finditer(text):
        start, stop = match.span() if whole else (match.end(1), match.start(2))
        position = pieces[start].start, pieces[stop - 1].end
        result += pieces[done:start]
        result += [Normalized(c, *position) for c in function(match)]
        done = stop
    return result + pieces[done:]


def _folded(pieces: list[Normalized], spelling: Spelling) -> list[Normalized]:
    """Replace and remove characters as `folding.fold` does."""
    if spelling.folding == 1:
        return pieces
    table = replacements(spelling.lowercase)
    pieces = _without_empty(
        [Normalized(c, *place) for content, *place in pieces for c in table.get(content, content) or [""]]
    )
    for pattern in CONTEXT:
        text, kept = "".join(piece.content for piece in pieces), [True] * len(pieces)
        for match in re.finditer(pattern, text):
            start, stop = match.span(1) if match[1] is not None else (match.start(), match.start())
            kept[match.start() : start] = [False] * (start - match.start())
            kept[stop : match.end()] = [False] * (match.end() - stop)
        pieces = _without_empty([p if k else p._replace(content="") for p, k in zip(pieces, kept, strict=True)])
    return pieces


def _without_empty(pieces: list[Normalized]) -> list[Normalized]:
    """Remove empty pieces. What they come from belongs to the character that it follows, as a skin tone does."""
    result: list[Normalized] = []
    for piece in pieces:
        if piece.content:
            result.append(piece)
        elif result and result[-1].end == piece.start and not result[-1].content.isspace():
            result[-1] = result[-1]._replace(end=piece.end)
    return result


def _characters(pieces: list[Normalized], spelling: Spelling, coarse: bool = False) -> list[Normalized]:
    """Return the characters of the normalized text, without spaces. A token of a class is one character.

    A letter and its accents may become one character or several. If their number is unchanged, each keeps its position.
    If `coarse`, all characters between spaces are normalized together.
    """
    starts = [
        i for i, piece in enumerate(pieces) if i == 0 or not _combines(pieces[i - 1].content, piece.content, coarse)
    ]
    groups = [pieces[start:stop] for start, stop in zip(starts, [*starts, len(pieces)][1:], strict=True)]
    single = spelling._replace(classes=())
    normal = normalize_characters(strings("".join(piece.content for piece in group) for group in groups), single)
    characters = []
    for group, content in zip(groups, normal.to_pylist(), strict=True):
        same = len(content.replace(" ", "")) == len(group)
        place = iter(group)
        for c in content:
            if c == " ":  # it separates tokens of classes
                characters.append(Normalized(c, group[0].start, group[-1].end))
            else:
                start, end = next(place)[1:] if same else (group[0].start, group[-1].end)
                characters.append(Normalized(c, start, end))
    for pattern, placeholder in token_classes.compiled(spelling.classes):
        characters = _replaced(characters, pattern, lambda match, mark=f" {placeholder} ": mark, whole=False)
    return [c for c in characters if not _is_blank(c.content)]


def _combines(before: str, character: str, coarse: bool) -> bool:
    """Return whether a character may combine with the preceding ones."""
    if coarse:
        return not (before.isspace() or character.isspace())
    return may_combine(character)


def may_combine(character: str) -> bool:
    """Return whether a character is a mark, or a letter that combines as marks do."""
    if character < "\u0300":
        return False
    return unicodedata.category(character)[0] == "M" or _COMBINING.match(character) is not None


def _is_blank(character: str) -> bool:
    return character <= " " or character == "\x7f"


class Feature(NamedTuple):
    """A known feature at one position of a text: tokens first to last, both included."""

    id: int
    first: int
    last: int
    affix: str = ""  # the known beginning or ending of an unknown word, or a shifted word with its mark


class Located(NamedTuple):
    """A text with its tokens, and the features of a vocabulary in it. Long texts take a while: locate them once."""

    text: str
    tokens: Tokens
    spans: list[Span]  # of each token
    features: list[Feature]  # in the order of `Vocabulary.occurrences`
    known: list[bool]  # of each token, whether it has any


def locate_features(vocabulary: Vocabulary, text: str, spelling: Spelling) -> Located:
    """Return the tokens and the known features of a text, with their positions."""
    tokens = tokenize(strings([text]), spelling)
    return Located(text, tokens, locate(text, tokens, spelling), *find_features(vocabulary, tokens))


def find_features(vocabulary: Vocabulary, tokens: Tokens) -> tuple[list[Feature], list[bool]]:
    """Return the features of one text, in the order of `Vocabulary.occurrences`, and for each token if it has any."""
    known = vocabulary.numbers(tokens.words) != NONE
    ids = vocabulary.occurrences(tokens).ids
    is_word = vocabulary.prefix[ids] == NONE  # an n-gram follows the word that it ends in
    has_affix = np.stack(vocabulary.longest_affixes(tokens.words, ~known)) != NONE
    alone = (known + has_affix.sum(axis=0))[tokens.ids]  # the number of features of each token that are no n-grams
    if marked := vocabulary.marked_features(tokens.words):
        for has, of in zip(Shifters(tokens.words).find(tokens.ids, tokens.offsets), marked, strict=True):
            alone += has & (of[tokens.ids] != NONE)
    last = np.repeat(np.arange(len(alone)), alone)[np.cumsum(is_word) - 1]
    length = np.ones(len(ids), np.int64)
    prefix = vocabulary.prefix[ids]
    while (longer := prefix != NONE).any():
        length += longer
        prefix = np.where(longer, vocabulary.prefix[prefix], NONE)
    is_affix = (vocabulary.is_affix | vocabulary.is_marked)[ids]
    affix = np.full(len(ids), "", object)
    affix[is_affix] = vocabulary.words.take(from_numpy(vocabulary.word[ids[is_affix]])).to_pylist()
    rows = zip(ids.tolist(), (last - length + 1).tolist(), last.tolist(), affix.tolist(), strict=True)
    return [Feature(*row) for row in rows], (alone > 0).tolist()


def feature_span(spans: list[Span], feature: Feature) -> Span:
    """Return the span of a feature, from the beginning of its first word to the end of its last."""
    inside = spans[feature.first : feature.last + 1]
    return Span(feature.affix or " ".join(span.text for span in inside), inside[0].start, inside[-1].end)


def delete_tokens(tokens: Tokens, deleted: list[tuple[int, ...]]) -> Tokens:
    """Return a variant of a text for each tuple of positions in `deleted`, without the tokens at these positions."""
    kept = np.ones((len(deleted), len(tokens.ids)), bool)
    for row, positions in zip(kept, deleted, strict=True):
        row[list(positions)] = False
    offsets = np.array([0, *accumulate(kept.sum(axis=1).tolist())], np.int64)
    return Tokens(np.broadcast_to(tokens.ids, kept.shape)[kept], offsets, tokens.words)
