"""A training step in four sentences: forward, loss, backward, update. Each has the numbers of the trace."""

from __future__ import annotations

from typing import Any

import numpy as np

from sentibp.inspection.pages.render import probability
from sentibp.inspection.trace import Trace, dense_gradient
from sentibp.inspection.walkthrough import stages
from sentibp.inspection.worksheet import number
from sentibp.model.head import label_number
from sentibp.nn import EmbeddingBag
from sentibp.nn.optim import SGD
from sentibp.utils.label_key import is_binary
from sentibp.utils.messages import one_line

_STAGES = {
    "forward": ("words", "forward"),
    "loss": ("loss",),
    "backward": ("logit", "gradient", "joined"),
    "update": ("update", "after"),
}
"""The kinds of the stages (`walkthrough.stages`) of each phase."""


def phases(trace: Trace) -> list[dict[str, Any]]:
    """Return the name, the sentence, and the first and last stage of each phase, for JSON."""
    kinds = [stage.kind for stage in stages(trace, 1) if stage.kind != "backward"]  # as in stepper.drawing
    sentences = {
        "forward": _forward(trace),
        "loss": _loss(trace),
        "backward": _backward(trace),
        "update": _update(trace),
    }
    found = []
    for name, own in _STAGES.items():
        places = [i for i, kind in enumerate(kinds) if kind in own]
        found.append({"name": name, "sentence": sentences[name], "first": places[0], "last": places[-1]})
    return found


def _shown_label(trace: Trace) -> str:
    """Return the label whose probability the page shows: positive, or of more than two labels the taught one."""
    return trace.labels[1] if is_binary(trace.labels) else trace.label


def _said(label: str) -> str:
    """Return a label for a sentence with numbers: one that is a number itself, such as a rating, in quotes."""
    return label if any(map(str.isalpha, label)) else f"“{label}”"


def _p(trace: Trace, at: int) -> float:
    """Return the probability of that label before the step (0) or after it (-1)."""
    return trace.outcomes[at].probabilities[label_number(_shown_label(trace), trace.labels)]


def _forward(trace: Trace) -> str:
    n, p = len(trace.features), probability(_p(trace, 0))
    what = (
        "word"
        if all(" " not in name for name in trace.features)
        else "word or n-gram"
        if n == 1
        else "words and n-gram"
    )
    become = "becomes a row" if n == 1 else "s become rows"
    start = (
        f"The {n:,} known {what}{' ' * (n == 1)}{become} of numbers"
        if n
        else "No word is known: the network starts from zeros"
    )
    return (
        f"{start}, layer by layer these become the logit{'' if is_binary(trace.labels) else 's'} "
        f"{_logits(trace)}, and the network gives {_said(_shown_label(trace))} a probability of {p}."
    )


def _logits(trace: Trace) -> str:
    logits = trace.outcomes[0].logits
    return f"z = {number(logits[0])}" if len(logits) == 1 else f"of its {len(logits)} labels"


def _loss(trace: Trace) -> str:
    p, loss = _p(trace, 0), number(trace.outcomes[0].loss)
    wanted = label_number(trace.label) if is_binary(trace.labels) else 1
    known = f"The label is {_said(trace.label)}, so the probability of {_said(_shown_label(trace))}"
    right = f"{known} should be {wanted}, not {probability(p)}"
    if trace.loss == "squared_error" and is_binary(trace.labels):
        return f"{right}: the loss is ({number(p)}\u00a0−\u00a0{wanted})²\u00a0=\u00a0{loss}."
    if trace.loss == "squared_error":
        return f"{right}: the loss, the sum of the squared differences of all labels, is {loss}."
    of_right = number(p) if wanted else f"1\u00a0−\u00a0{number(p)}"
    return f"{right}: the loss is −log({of_right})\u00a0=\u00a0{loss}."


def _backward(trace: Trace) -> str:
    if isinstance(trace.dz, list) and len(trace.dz) > 1:
        dz = number(trace.dz[label_number(trace.label, trace.labels)])
        what = f"the gradient of the logit of {_said(trace.label)} is {dz}"
    else:
        dz = trace.dz[0] if isinstance(trace.dz, list) else trace.dz
        direction = "a larger z would lower the loss" if dz < 0 else "a smaller z would lower the loss"
        what = f"the gradient of z is {number(dz)}, so {direction if dz else 'z need not change'}"
    return (
        f"From the loss back to the words: {what}; layer by layer, each weight gets its own gradient{_of_words(trace)}."
    )


def _of_words(trace: Trace) -> str:
    """Return the words for the gradients of the rows: the longest one, or all if they are the same."""
    if not trace.features:
        return ""
    bag = next(call for call in trace.layers if isinstance(call.layer, EmbeddingBag))
    lengths = np.linalg.norm(dense_gradient(bag.grads["weight"], bag.before["weight"]), axis=1)
    longest = float(lengths.max())
    if np.allclose(lengths, longest):
        return f", and the row of each word one of length {number(longest)}"
    word = one_line(trace.features[int(lengths.argmax())], 24)
    return f", and of the words “{word}” the longest, {number(longest)}"


def _update(trace: Trace) -> str:
    before, after = (outcome.loss for outcome in (trace.outcomes[0], trace.outcomes[-1]))
    change = "falls" if after < before else "rises" if after > before else "stays"
    rule = "times its gradient" if type(trace.optimizer) is SGD else f"as {_name(trace)} says"
    moves = f"moves from {probability(_p(trace, 0))} to {probability(_p(trace, -1))}"
    losses = f"the loss {change} from {number(before)} to {number(after)}"
    return (
        f"Each weight moves against its gradient, by the learning rate {trace.learning_rate:g} {rule}: "
        f"the probability of {_said(_shown_label(trace))} {moves}, and {losses}."
    )


def _name(trace: Trace) -> str:
    return type(trace.optimizer).__name__
