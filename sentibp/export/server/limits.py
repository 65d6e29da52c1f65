"""The limits of requests, for the server and for the options of `sentibp serve`, whose help loads no server."""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """The limits of requests. They bound the memory and the time that a client can take."""

    body: int = 4_000_000  # bytes of a request
    texts: int = 1000  # of a request
    length: int = 100_000  # characters of a text; with explanations, of all texts of a request together
    seconds: float = 30.0  # for a request to arrive, and for its answer
    waiting: int = 64  # requests that wait while others are answered
