"""Who may use the server: the token, and on loopback without one, the names of this machine.

A page of another site that is open in a browser on this machine can send requests to loopback. Therefore a request for
another host (DNS rebinding) or from another origin is refused there, as `sentibp play` does. With a token neither is
needed: the page does not know it. So a reverse proxy may pass on the name under which it is reached.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sentibp.export.server.responses import error

OPEN = ("/health",)
"""The paths that need no token: they tell nothing, and what looks after a server asks them."""


class Access(NamedTuple):
    """What a request must have."""

    token: str | None
    hosts: frozenset[str]  # allowed values of the header Host, if there is no token


class Gate:
    """Refuses requests that have no right to an answer, before anything of them is read."""

    def __init__(self, app: ASGIApp, access: Access):
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        scope = _without_authority(scope)
        refusal = self._refusal(Headers(scope=scope), scope["path"])
        await (self.app if refusal is None else refusal)(scope, receive, send)

    def _refusal(self, headers: Headers, path: str) -> Response | None:
        if "content-length" in headers and "transfer-encoding" in headers:  # RFC 9112, section 6.3: request smuggling
            reason = "the body has two lengths; leave out the header Content-Length, or Transfer-Encoding"
            return error(400, reason, {"Connection": "close"})
        if self.access.token is not None:
            if path in OPEN or _has_token(headers.getlist("authorization"), self.access.token):
                return None
            reason = "a token is required; send the header Authorization: Bearer TOKEN"
            if headers.getlist("authorization"):
                reason = "the token is wrong; send the header Authorization: Bearer TOKEN"
            return error(401, reason, {"WWW-Authenticate": "Bearer"})
        hosts = [host.lower() for host in headers.getlist("host")]
        if len(hosts) != 1 or hosts[0] not in self.access.hosts:
            return error(403, "the header Host must be the address of this server; behind a proxy, give a token")
        origins = [origin.lower() for origin in headers.getlist("origin")]
        if any(origin.removeprefix("http://") not in self.access.hosts for origin in origins):
            return error(403, "requests from other pages are refused")
        return None


def _without_authority(scope: Scope) -> Scope:
    """Return a request for http://HOST/PATH, as clients of a proxy send it, as one for /PATH of that host.

    A server must take both forms, and the header Host does not count in the first: RFC 9112, section 3.2.2.
    """
    scheme, _, rest = scope["path"].partition("://")
    if scheme.lower() not in ("http", "https"):
        return scope
    host, _, path = rest.partition("/")
    headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
    return {**scope, "path": f"/{path}", "headers": [*headers, (b"host", host.encode())]}


def _has_token(given: list[str], token: str) -> bool:
    scheme, _, value = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    equal = hmac.compare_digest(value.strip().encode(), token.encode())  # takes the same time wherever they differ
    return equal and scheme.lower() == "bearer"
