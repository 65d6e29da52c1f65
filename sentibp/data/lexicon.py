"""A lexicon of opinion words: how negative or positive each word is, for data with few labels.

The built-in one says in how many positive and in how many negative ones of IMDB's training reviews a word occurs. Its
polarity is the log-count ratio.

VADER (Hutto & Gilbert, 2014) has the mean rating of ten people for 7,500 English words, abbreviations and emoticons,
from -4 to 4. The package vadersentiment brings it; only its file of words is read, and none of its modules is imported.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data.folding import Spelling
from sentibp.data.tokenizer import single_tokens
from sentibp.data.vocabulary import Vocabulary
from sentibp.errors import ConfigError
from sentibp.nn import Ragged
from sentibp.utils.arrow import index_of, strings, to_numpy
from sentibp.utils.resources import resource_folder

if TYPE_CHECKING:
    from sentibp.config.schema import Config

BUILTIN_FILE = "lexicon.csv"  # of the folder of built-in files
SMOOTHING = 5.0  # added to both counts of a word: the ratio of a rare word says little
_PACKAGE, _FILE = "vaderSentiment", "vader_lexicon.txt"
_LARGEST = 4.0  # the largest absolute rating
_USUAL = 0.4  # the share of reviews with a word of it, at least, in English: 0.85 of sentences
_INSTALL = "pip install 'sentibp[lexicon]'"


class Coverage(NamedTuple):
    """How many of the reviews have a word of a lexicon."""

    known: int
    reviews: int

    def __str__(self) -> str:
        return f"lexicon: {self.known:,} of {self.reviews:,} training reviews have a word of it"

    def notes(self) -> tuple[str, ...]:
        """Return what the user should know: a note if there are few."""
        if self.known >= _USUAL * self.reviews:
            return ()
        repair = "it is for English; for other languages, use --set pretrain.lexicon=none"
        return (
            f"pretrain.lexicon: only {self.known:,} of {self.reviews:,} training reviews have a word of it; {repair}",
        )


class Lexicon(NamedTuple):
    """k words and their polarities."""

    words: pa.LargeStringArray  # (k,) as tokens, distinct
    polarity: np.ndarray  # (k,) float32, from -1 (negative) to 1 (positive)
    digest: str  # SHA-256 of the file

    def column(self, vocabulary: Vocabulary) -> np.ndarray:
        """Return the polarity of each feature of a vocabulary: (V,) float32; 0 if it is no word of the lexicon.

        A word in capitals has the polarity of the same word in lower case, unless the lexicon has it in capitals, too.
        """
        place = index_of(vocabulary.words, self.words)
        place = np.where(place == -1, index_of(pc.utf8_lower(vocabulary.words), self.words), place)
        column = np.zeros(len(vocabulary), np.float32)
        column[vocabulary.word_features] = np.where(place == -1, np.float32(0), self.polarity[place])
        return column

    def coverage(self, reviews: Ragged, vocabulary: Vocabulary) -> Coverage:
        """Return how many reviews have a word of the lexicon. In another language, few have one."""
        has_word = self.column(vocabulary)[reviews.ids] != 0
        return Coverage(len(np.unique(reviews.review[has_word])), len(reviews.offsets) - 1)


def load_lexicon(config: Config) -> Lexicon | None:
    """Return the lexicon of pretrain.lexicon; None if it is none. ConfigError if it is not installed, or damaged."""
    if config.pretrain.lexicon == "none":
        return None
    spelling = Spelling.of(config.text)
    return builtin_lexicon(spelling) if config.pretrain.lexicon == "builtin" else _as_tokens(*_vader(), spelling)


def _as_tokens(content: bytes, entries: Sequence[str], polarity: np.ndarray, spelling: Spelling) -> Lexicon:
    """Return the lexicon of the entries (e,) of a file that are one token each, and their polarities (e,)."""
    rows, tokens = single_tokens(strings(entries), spelling)  # emoticons of several tokens are left out
    encoded = tokens.dictionary_encode()
    number = to_numpy(encoded.indices)
    total = np.bincount(number, polarity[rows], minlength=len(encoded.dictionary))
    mean = total / np.bincount(number, minlength=len(encoded.dictionary))  # of the spellings of one word
    return Lexicon(encoded.dictionary, mean.astype(np.float32), hashlib.sha256(content).hexdigest())


def builtin_file() -> Path:
    """Return the file of the lexicon that comes with sentibp: word, positive, negative."""
    return resource_folder("data") / "builtin" / BUILTIN_FILE


@cache
def builtin_lexicon(spelling: Spelling) -> Lexicon:
    """Return the lexicon that comes with sentibp. It is read once, as the final training needs it, too."""
    content = builtin_file().read_bytes()
    words, *counts = zip(*list(csv.reader(io.StringIO(content.decode())))[1:], strict=True)
    positive, negative = np.array(counts, np.float64) + SMOOTHING
    ratio = np.log(positive / negative)
    return _as_tokens(content, words, ratio / np.abs(ratio).max(), spelling)


def _vader() -> tuple[bytes, list[str], np.ndarray]:
    """Return the content of VADER's file, its words, and their polarities."""
    try:
        content = (resources.files(_PACKAGE) / _FILE).read_bytes()
    except (ImportError, OSError, TypeError):  # TypeError: a module of that name that is no package
        message = f"vader needs the package vadersentiment; {_INSTALL}, or write --set pretrain.lexicon=none"
        raise ConfigError(f"pretrain.lexicon: {message}") from None
    entries, ratings = _parse(content)
    return content, entries, np.array(ratings) / _LARGEST


def _parse(content: bytes) -> tuple[list[str], list[float]]:
    """Return the entries of the file and their ratings. Each line is an entry, a tab, its mean rating, and more."""
    entries, ratings = [], []
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry, rating, *_ = line.decode().split("\t")
            ratings.append(float(rating))
        except ValueError:  # UnicodeDecodeError is one
            ratings.append(np.inf)
            entry = ""
        if not entry or not abs(ratings[-1]) <= _LARGEST:
            message = f"{_FILE}:{number}: no word with a rating from -4 to 4; install the package vadersentiment again"
            raise ConfigError(f"pretrain.lexicon: {message}, or write --set pretrain.lexicon=none")
        entries.append(entry)
    return entries, ratings
