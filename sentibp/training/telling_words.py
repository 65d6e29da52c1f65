"""A note on words that tell the class: a rating, or the mark of a source, that only the texts of one class have.

A model that reads the class there has perfect scores, and knows nothing of new texts that lack these words.
"""

from __future__ import annotations

import numpy as np

from sentibp.data.examples import Examples
from sentibp.data.vocabulary import Vocabulary
from sentibp.nn.layers import Array
from sentibp.utils.messages import counted

_LOOK = 400  # texts, at equal distances
_FEWEST = 20  # texts that have a telling word: what fewer have may be of one class by chance
_PURE = 0.99  # of the texts with a telling word are of one class
_TOLD = 0.95  # of the texts of a class have one of its telling words
_WORDS = 3  # for each class: more may just be what its texts are about


def telling_words_note(training: Examples, vocabulary: Vocabulary) -> list[str]:
    """Return a note if a few words or n-grams tell the class: nearly all texts of a class have them, and no others.

    One class needs none, as the lack of the others tells it. There is no note if labels are probabilities.
    """
    classes = np.unique(training.label)
    if training.label.ndim != 1 or training.label.dtype.kind == "f" or len(classes) < 2:
        return []
    rows = np.unique(np.linspace(0, len(training) - 1, _LOOK).astype(np.int64))
    texts, label = training.features.take(rows), training.label[rows]
    is_frequent = (np.bincount(texts.ids, minlength=len(vocabulary)) >= _FEWEST) & ~vocabulary.is_affix
    words = np.flatnonzero(is_frequent)
    index = np.cumsum(is_frequent)[texts.ids] - 1  # among these words
    pair = np.unique((texts.review * len(words) + index)[is_frequent[texts.ids]])  # each once a text
    text, word = np.divmod(pair, max(len(words), 1))
    found = {each: _telling_word(text, word, label == each) for each in classes.tolist()}
    telling = {each: int(words[number]) for each, number in found.items() if number is not None}
    if len(telling) < len(classes) - 1:
        return []
    spelling, names = vocabulary.features(), training.classes.names
    shown = " and ".join(f"{spelling[i].as_py()!r} of {names[each]}" for each, i in [*telling.items()][:2])
    return [
        f"nearly all of {counted(len(rows), 'training text')} have a word that only their class has, such as {shown}; "
        "a model reads the class there: take such words out of the texts if new ones lack them"
    ]


def _telling_word(text: Array, word: Array, own: Array) -> int | None:
    """Return the most frequent of the few words that tell a class, or None if there are none.

    `text` and `word` (t,) say which text has which word, and `own` (n,) which texts are of the class.
    """
    count, count_own = np.bincount(word), np.bincount(word, own[text])
    is_telling = (count >= _FEWEST) & (count_own >= _PURE * count)
    told, first = np.zeros(len(own), bool), None
    for _ in range(_WORDS):  # the one that tells most texts that are not told yet
        gain = np.bincount(word, own[text] & is_telling[word] & ~told[text], len(count))
        if not gain.any():
            break
        best = int(gain.argmax())
        first = best if first is None else first
        told[text[word == best]] = True
    return first if (told & own).sum() >= _TOLD * own.sum() else None
