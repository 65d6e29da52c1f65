"""When a lexicon helps, and the advice to use it: with few labels of short texts in English."""

from __future__ import annotations

from sentibp.utils.messages import counted

FEW = 2000  # labels, below which a lexicon helps
SHORT = 400  # characters of a text on average, below which it helps: in long reviews it did not
CONFIG = "few_labels"  # the shipped config with it


def helps(labels: int, characters: float) -> bool:
    """Return whether a lexicon helps with so many labels of texts with so many characters on average."""
    return 0 < labels < FEW and characters < SHORT


def advice(labels: int, how: str) -> str:
    """Return the advice in a line; `how` says what to do once the lexicon is installed."""
    known = f"{counted(labels, 'label')} of short texts: a lexicon helps if they are opinions in English"
    return f"{known}; pip install 'sentibp[lexicon]', and {how}"
