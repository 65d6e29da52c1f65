"""A connection: HTTP/1.1 by h11 and uvicorn, which refuses in JSON and does not wait for ever.

uvicorn waits without end for the head of a request, and for a client that does not read its answer, and refuses what is
not HTTP in plain text.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import h11
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from sentibp.export.server.responses import HEADERS

_NOT_HTTP = "this is not a valid HTTP request, or its head is too long"


def connection_class(seconds: float, most: int) -> type[Connection]:
    """Return the class of connections with these limits: for a client to send or to read, and how many there are."""
    return type("LimitedConnection", (Connection,), {"seconds": seconds, "most": most})


class Connection(H11Protocol):
    """A connection with a client."""

    seconds = 30.0
    most = 1000

    def connection_made(self, transport: Any) -> None:
        """Refuse the connection if there are too many; else wait for the head of a request."""
        self._head: asyncio.TimerHandle | None = None
        self._reader: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        if len(self.connections) > self.most:
            self._refuse(503, "too many connections; try again")
        else:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._head = _cancelled(self._head)
        self._reader = _cancelled(self._reader)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request. While its head is not complete, the time runs."""
        super().data_received(data)
        self._wait_for_head()

    def eof_received(self) -> bool:
        """Answer a client that has sent a whole request and closed its side; return whether to stay open for that."""
        if self.cycle is None or self.cycle.response_complete or self.cycle.more_body:
            return False
        self.cycle.keep_alive = False
        return True

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._refuse(400, _NOT_HTTP)

    def on_response_complete(self) -> None:
        """Wait for the next request, or, before the connection is closed, for the client to read, but not for ever."""
        super().on_response_complete()
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            self._abort_later()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that is not used, also if the client has not read its last answer."""
        super().timeout_keep_alive_handler()
        self._abort_later()

    def pause_writing(self) -> None:
        """Give the client some time to read."""
        super().pause_writing()
        if self._reader is None:
            self._reader = self.loop.call_later(self.seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Continue with the answer, which the client reads."""
        self._reader = _cancelled(self._reader)
        super().resume_writing()

    def _wait_for_head(self) -> None:
        in_request = self.cycle is not None and not self.cycle.response_complete
        if in_request or self.transport.is_closing():
            self._head = _cancelled(self._head)
        elif self._head is None:
            self._head = self.loop.call_later(self.seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head = None
        if self.cycle is None or self.cycle.response_complete:
            self._refuse(408, f"the request did not arrive within {self.seconds:g} seconds")

    def _refuse(self, status: int, reason: str) -> None:
        """Answer, unless an answer has begun, and close the connection."""
        if self.cycle is not None:  # what still computes an answer finds that nobody wants it
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing():
            body = f"{json.dumps({'error': reason})}\n".encode()
            headers = {**HEADERS, "Content-Type": "application/json", "Content-Length": str(len(body))}
            names = [(name.encode(), value.encode()) for name, value in {**headers, "Connection": "close"}.items()]
            with suppress(h11.LocalProtocolError):
                for event in (
                    h11.Response(status_code=status, headers=names, reason=HTTPStatus(status).phrase.encode()),
                    h11.Data(data=body),
                    h11.EndOfMessage(),
                ):
                    self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
        self._abort_later()

    def _abort_later(self) -> None:
        """Free a closed connection, even if the client never reads what is left."""
        self.loop.call_later(self.seconds, self.transport.abort)


def _cancelled(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


class RestReader:
    """Reads the rest of each request after its answer, and throws it away, for so many seconds at most.

    So the client of a request that was refused early gets to read the reason: a connection that is closed while the
    client still sends is reset, and most clients then report the reset. This concerns those that ask to close the
    connection, as urllib and nginx do.
    """

    def __init__(self, app: ASGIApp, seconds: float):
        self.app, self.seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer. The answer ends when the request has ended."""
        left = not {"content-length", "transfer-encoding"}.isdisjoint(Headers(scope=scope))

        async def receive_part() -> Message:
            nonlocal left
            message = await receive()
            left = message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def send_part(message: Message) -> None:
            if left and message["type"] == "http.response.body" and not message.get("more_body", False):
                await send({**message, "more_body": True})
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.seconds):
                        while left:
                            await receive_part()
                message = {"type": "http.response.body"}
            await send(message)

        await self.app(scope, receive_part, send_part)
