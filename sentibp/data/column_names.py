"""What the name of a column says of its values: texts, labels, or measures of something else."""

from __future__ import annotations

import re

from sentibp.data.readers.table import USUAL_NAMES, plain_name

NOT_LABELS = {
    *("customer", "client", "user", "author", "reviewer", "name", "product", "item", "film", "movie", "title", "brand"),
    *("company", "country", "city", "region", "state", "language", "lang", "locale", "source", "channel", "store"),
    *("shop", "branch", "platform", "device", "gender", "sex", "age", "version", "status", "year", "month", "day"),
    *("weekday", "date", "time"),
}
"""Words in the names of columns that have few values, and seldom the labels."""

MEASURES = {
    *("confidence", "probability", "prob", "certainty", "price", "cost", "weight", "count", "length", "votes"),
    *("helpful", "helpfulness", "useful", "latitude", "longitude", "lat", "lon", "lng", "similarity", "subjectivity"),
    *("relevance", "quality", "agreement", "trust"),
}
"""Words in the names of columns whose numbers measure something else than the opinion of a text."""

STARS = {
    "★",
    "⭐",
    "star",
    "stars",
    "stern",
    "sterne",
    "étoiles",
    "estrellas",
    "estrelas",
    "stelle",
    "sterren",
    "звезды",
}
_LABEL_WORDS = STARS | {
    *("bewertung", "schulnote", "stimmung", "sentiment", "calificación", "puntuación", "valoración", "sentimiento"),
    *("avaliação", "sentimento", "valutazione", "punteggio", "beoordeling", "оценка"),
}
"""Words, and signs, in the names of columns that often have the labels, in other languages than English, too."""

AMOUNTS = {
    *("count", "counts", "likes", "dislikes", "votes", "upvotes", "downvotes", "helpful", "retweets", "favorites"),
    *("favourites", "replies", "shares", "views", "length", "words", "characters", "score", "rating", "price", "age"),
}
"""Words in the names of columns with numbers that say how much or how many."""


def usual_text_name(name: str) -> bool:
    """Return whether texts are often called so."""
    return plain_name(name) in USUAL_NAMES["text"]


def usual_label_name(name: str) -> bool:
    """Return whether labels are often called so."""
    return plain_name(name) in USUAL_NAMES["label"]


def has_label_word(name: str) -> bool:
    """Return whether the name of a column contains a word for labels, such as `sentiment_score`."""
    return any(each in plain_name(name) for each in USUAL_NAMES["label"]) or not words_of(name).isdisjoint(_LABEL_WORDS)


def is_seldom_label(name: str) -> bool:
    """Return whether few values in a column of this name are seldom labels, such as those of `name` or `country`."""
    return not has_label_word(name) and not words_of(name).isdisjoint(NOT_LABELS)


def words_of(name: str) -> set[str]:
    """Return the words in the name of a column, without capitals, and the stars in it."""
    words = {word.casefold() for word in re.split(r"[\W_]+|(?<=[a-z])(?=[A-Z])", name)}
    return words | (STARS & {*name})
