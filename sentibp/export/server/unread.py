"""Read what is left of a request that was refused early, so that its client gets to read the reason.

A connection that is closed while the client still sends is reset, and most clients then report the reset instead of the
answer. This concerns clients that ask to close the connection, as urllib and nginx do.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class RestReader:
    """Reads the rest of each request after its answer, and throws it away, for so many seconds at most."""

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
