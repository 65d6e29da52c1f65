"""The test texts of an export, with the probabilities that it has to repeat."""

from __future__ import annotations

import numpy as np

from sentibp.errors import DataError
from sentibp.model.classifier import Classifier
from sentibp.model.head import each_probability, probability
from sentibp.nn import Ragged
from sentibp.nn.eval_mode import eval_mode
from sentibp.nn.layers import Array
from sentibp.nn.losses import logits_of
from sentibp.utils.arrow import strings

TOLERANCE = 1e-6
_ROUNDING = 1e-3  # the largest difference between answers in float32 and in float64

_FIXED = (
    "",
    "I love this movie",
    "This is not a very good film, and I didn't like it at all!!!",
    "A good idea, but a dull film... Although the actors are great, it isn't funny.",
    "Not only good but hardly bad: a remarkably touching story without any flaws.",
    "It&rsquo;s <br /> the best&nbsp;film &amp; the worst &#128514; of &#x27;95&#39;s",
    "caf\u00e9 cafe\u0301 \u00c5ngstro\u0308m \u1e9e \u0130stanbul "
    "\u0399\u03a3\u03a4\u039f\u03a1\u0399\u0391\u03a3 \u01c4 \ufb01lm \uff47\uff4f\uff4f\uff44 "
    "\U0001d404",
    "\u4e0d\u597d \u6620\u753b \u306f \u304c\u3099 \ud55c\uad6d\uc5b4 \u1112\u1161\u11ab "
    "\u0e2b\u0e19\u0e31\u0e07 \u0645\u0640\u0645\u062a\u0627\u0632 \u0928\u0939\u0940\u0902 "
    "\u05d8\u05d5\u05d1",
    "\U0001f600\U0001f44d\U0001f3fd\U0001f468\u200d\U0001f469\u200d\U0001f467 "
    "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7 \u2764\ufe0f\u2122\u00bd x\u00b2 \u2116",
    "zero\u200bwidth soft\u00adhyphen \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 a\u200db \u202eright\u202c",
    "don't don\u2019t dont don`t `quoted' rock'n'roll ''two'' --- *** ~~ <url> 10/10 1,000.5 90's",
    "see https://example.com/a?b=c, www.example.org. or write to me@example.com @somebody!",
    "a briliant, dissappointing, unwatchabble film by somebody unknown: overlongness",
)
"""Texts of all kinds: shifters, entities, accents, scripts, emoji, apostrophes, addresses, mistakes in spelling."""

_DRAWN, _SHORTEST, _LONGEST = 16, 4, 60  # texts of words of the model, and how many


def check_texts(classifier: Classifier) -> list[str]:
    """Return the test texts: fixed ones, and texts of features of the model. The same model has the same texts."""
    texts: list[str] = [*_FIXED]
    rng, vocabulary = np.random.default_rng(0), classifier.vocabulary
    known = vocabulary.features().take(rng.permutation(len(vocabulary))[: _DRAWN * _LONGEST]).to_pylist()
    for length in np.linspace(_SHORTEST, _LONGEST, _DRAWN).astype(int).tolist():
        texts.append(" ".join(known[i] for i in rng.integers(len(known), size=length)))
    return texts


def expected(classifier: Classifier, texts: list[str]) -> Array:
    """Return the probability of each label for each text: (n, K) float64."""
    return each_probability(classifier.predict(strings(texts)).positive)


def exact(classifier: Classifier, texts: list[str]) -> Array:
    """Return the same probabilities, computed in float64 as exports compute: (n, K).

    They differ from those of sentibp, which predicts in float32, by the rounding: some 1e-7, and with large weights
    more. DataError if it is so much that the answers of the model mean little.
    """
    features, _, _ = classifier.encode(strings(texts))
    rows, ids = np.unique(features.ids, return_inverse=True)
    logits = eval_mode(classifier.network, rows).forward(Ragged(ids.astype(features.ids.dtype), features.offsets))
    single, found = expected(classifier, texts), each_probability(probability(logits_of(logits)))
    found[features.lengths == 0] = single[features.lengths == 0]  # an export has this answer as a number
    difference = np.abs(found - single).max()
    if not difference <= _ROUNDING:
        raise DataError(
            f"the model's numbers are too large: rounding alone changes its answers by {difference:.4f}; train again "
            "with a lower learning rate"
        )
    return found


def require_close(found: Array, wanted: Array, texts: list[str], what: str) -> None:
    """Raise DataError if probabilities (n, K) are not those that were expected."""
    wrong = np.flatnonzero(~(np.abs(found - wanted) <= TOLERANCE).all(axis=1))
    if len(wrong):
        first = wrong[0]
        raise DataError(
            f"the export does not repeat the model: {texts[first]!r:.60} has {found[first].tolist()} in {what}, not "
            f"{wanted[first].tolist()}; nothing was written; please report this"
        )
