"""What a request asks: its texts, checked against the limits of the server, and whether to explain them.

A reason that a request is refused for never quotes a text.
"""

from __future__ import annotations

import difflib
import json
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request

from sentibp.export.server.limits import Limits

_KINDS = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
_FORMS = 'send a text, a list of texts, or an object such as {"text": "I love this movie"}'


class Texts(NamedTuple):
    """The texts of a request."""

    texts: list[str]
    single: bool  # one text, which is answered by one object; else by a list


def wants_explanation(request: Request) -> bool:
    """Return the value of `?explain=`. Raises HTTPException for another value or another name."""
    for name in request.query_params:
        if name != "explain":
            near = difflib.get_close_matches(name, ["explain"])
            known = "did you mean explain?" if near else "there is only explain"
            raise HTTPException(422, f"{_shown(name)}: unknown parameter; {known}")
    values = request.query_params.getlist("explain")
    if len(values) > 1 or any(value not in ("true", "false") for value in values):
        raise HTTPException(422, "explain: write explain=true or explain=false, once")
    return values == ["true"]


def require_json(request: Request) -> None:
    """Raise HTTPException unless the body is declared as JSON in UTF-8, without compression."""
    kind, *parameters = [part.strip().lower() for part in request.headers.get("content-type", "").split(";")]
    charsets = {each.partition("=")[2].strip(' "') for each in parameters if each.partition("=")[0] == "charset"}
    if kind != "application/json" or charsets - {"utf-8", "utf8", "us-ascii"}:
        raise HTTPException(415, "the body must be JSON in UTF-8; send the header Content-Type: application/json")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise HTTPException(415, "the body must not be compressed; leave out the header Content-Encoding")


def read_texts(body: bytes, limits: Limits, explained: bool) -> Texts:
    """Return the texts in a body. Raises HTTPException 400 if it is not JSON, 422 if it is not as described."""
    value = _parse(body)
    if isinstance(value, dict):
        value = _text_of(value)
    single = isinstance(value, str)
    texts = [value] if single else value
    if not isinstance(texts, list):
        raise HTTPException(422, f"not a text, but {_kind(value)}; {_FORMS}")
    if len(texts) > limits.texts:
        raise HTTPException(422, f"{len(texts):,} texts; send at most {limits.texts:,} in a request")
    for number, text in enumerate(texts, 1):
        place = "the text" if single else f"text {number:,}"
        if not isinstance(text, str):
            raise HTTPException(422, f"{place} is not a string, but {_kind(text)}")
        if len(text) > limits.length:
            raise HTTPException(422, f"{place} has {len(text):,} characters; send at most {limits.length:,}")
    if explained and (total := sum(map(len, texts))) > limits.length:
        most = f"with explain=true, at most {limits.length:,} in a request"
        raise HTTPException(422, f"the texts have {total:,} characters; {most}")
    return Texts(texts, single)


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig"), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise HTTPException(400, f"the body is not UTF-8: byte {error.start + 1:,}") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno:,}, column {error.colno:,}"
        raise HTTPException(
            400, f"the body is not JSON: {error.msg.removesuffix(' at')} at {place}; {_FORMS}"
        ) from None
    except RecursionError:
        raise HTTPException(400, f"the body is nested too deeply; {_FORMS}") from None
    except ValueError:  # a number of thousands of digits
        raise HTTPException(400, f"the body has a number that is too long; {_FORMS}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON. Raises HTTPException if it has a key twice, of which either may be meant."""
    value: dict[str, Any] = {}
    for key, each in pairs:
        if key in value:
            raise HTTPException(422, f"{_shown(key)}: the key is given twice; {_FORMS}")
        value[key] = each
    return value


def _text_of(value: dict[str, Any]) -> Any:
    """Return the value of the key `text`, which must be the only one."""
    others = [key for key in value if key != "text"]
    if others:
        raise HTTPException(422, f"{_shown(others[0])}: unknown key; {_FORMS}")
    if "text" not in value:
        raise HTTPException(422, f"the key text is missing; {_FORMS}")
    return value["text"]


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "a number")


def _shown(name: str) -> str:
    """Return a name if it looks like one: it may be a text in the wrong place."""
    return name if name.isidentifier() and len(name) <= 20 else "a name"
