"""A note on labels that seem to mean the opposite of what they are taken for, as English words of opinion say.

In some files, 1 is negative, or the best mark. Nothing in such a file says so, and the scores of a model that learns it
upside down are as good as any.
"""

from __future__ import annotations

import numpy as np

from sentibp.config.schema import Config
from sentibp.data.corpus import Corpus
from sentibp.data.folding import Spelling
from sentibp.data.label_notes import AS_POSITIVE
from sentibp.data.lexicon import builtin_lexicon
from sentibp.data.vocabulary import Vocabulary
from sentibp.metrics.binary import roc_auc
from sentibp.nn import Ragged
from sentibp.utils.label_key import IGNORE, LABELS, label_value
from sentibp.utils.repair import set_option

_LOOK = 2000  # texts, at equal distances
_OPPOSITE = 0.3  # roc auc, at most: it is 0.63 to 0.98 on sets of opinions, and 0.32 to 0.61 on labels of other kinds
_CERTAIN = 4.0  # standard errors below 0.5, at least


def reversed_labels_note(config: Config, reviews: Corpus, features: Ragged, vocabulary: Vocabulary) -> list[str]:
    """Return a note if the texts of the worse classes have the better words, by the built-in lexicon.

    `features` are those of the reviews. Classes without an order mean nothing opposite.
    """
    label, names = reviews.label, reviews.names
    is_ordered = config.data.ordered or names == LABELS
    if label is None or not is_ordered or any(AS_POSITIVE in note for note in reviews.notes):
        return []
    lexicon = builtin_lexicon(Spelling.of(config.text))
    rows = np.unique(np.linspace(0, len(label) - 1, _LOOK).astype(np.int64))
    middle = (len(names) - 1) / 2
    rows = rows[label[rows] != middle]
    is_better, polarity = label[rows] > middle, _polarity(features.take(rows), lexicon.column(vocabulary))
    known = np.isfinite(polarity)
    auc = roc_auc(is_better[known], (1 + polarity[known]) / 2) if known.any() else None
    if auc is None or auc > min(_OPPOSITE, 0.5 - _CERTAIN * _standard_error(is_better[known])):
        return []
    fact = f"the texts labelled {names[0]} have better words than those labelled {names[-1]}, such as good and great"
    return [f"{fact}: the labels seem to mean the opposite; if so{turned(reviews)}"]


def turned(corpus: Corpus) -> str:
    """Return how to say that the labels mean the opposite: the option, with the values that the source has."""
    if corpus.values is None:
        return ", exchange the labels in the data, whose meaning is fixed"
    values = [list(corpus.values[name]) or [label_value(name)] for name in corpus.names]
    setting = dict(zip(corpus.names, reversed(values), strict=True))
    if ignored := corpus.values.get(IGNORE):
        setting[IGNORE] = list(ignored)
    return f": {set_option('data.labels', setting)}"


def _polarity(reviews: Ragged, polarity: np.ndarray) -> np.ndarray:
    """Return the mean polarity of the words of the lexicon in each review: (n,); NaN if it has none."""
    value = polarity[reviews.ids]
    total, known = (np.bincount(reviews.review, each, len(reviews.offsets) - 1) for each in (value, value != 0))
    return np.divide(total, known, out=np.full(len(total), np.nan), where=known > 0)


def _standard_error(is_better: np.ndarray) -> float:
    """Return the standard error of the roc auc if the labels have nothing to do with the words (Mann and Whitney)."""
    better = int(is_better.sum())
    worse = len(is_better) - better
    return float(np.sqrt((better + worse + 1) / (12 * better * worse)))
