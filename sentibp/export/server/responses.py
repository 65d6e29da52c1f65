"""Answers in JSON, with the headers that all of them have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer. `content` is a value, or JSON in bytes."""
    if not isinstance(content, bytes):
        content = f"{json.dumps(content, ensure_ascii=False, allow_nan=False)}\n".encode(errors="replace")
    return Response(content, status, {**HEADERS, **(headers or {})}, "application/json")


def error(status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer that says why a request is refused."""
    return json_response({"error": reason}, status, headers)
