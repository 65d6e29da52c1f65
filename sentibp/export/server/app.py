"""The application: its paths, the queue before the threads that predict, and the answers to what goes wrong."""

from __future__ import annotations

import asyncio
import os
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sentibp.errors import SentibpError
from sentibp.export.server.access import Access, Gate
from sentibp.export.server.connection import RestReader
from sentibp.export.server.limits import Limits
from sentibp.export.server.model import ServedModel
from sentibp.export.server.openapi import PATHS, describe
from sentibp.export.server.request import read_texts, require_json, wants_explanation
from sentibp.export.server.responses import error, json_response
from sentibp.utils.messages import print_message

_THREADS = min(4, os.cpu_count() or 1)  # that predict; more would only wait for each other
_BODIES = 16  # times the limit of a body: the bytes of all requests that are held at the same time


class Service:
    """Answers requests with a model, which may be exchanged at any time."""

    def __init__(self, model: ServedModel, limits: Limits, access: Access):
        self.model, self.limits, self.access = model, limits, access
        self._pool = ThreadPoolExecutor(_THREADS, "predict")
        self._pending = 0  # requests in the pool, running or waiting
        self._held = 0  # bytes of bodies

    def application(self) -> ASGIApp:
        """Return the ASGI application."""
        routes = [
            Route("/predict", self.predict, methods=["POST"]),
            Route("/health", self.health),
            Route("/model", self.card),
            Route("/openapi.json", self.openapi),
        ]
        handlers: Any = {HTTPException: _refused}
        handlers |= dict.fromkeys((SentibpError, MemoryError, Exception), _failed)
        app = Starlette(routes=routes, exception_handlers=handlers)
        app.router.redirect_slashes = False
        return RestReader(Gate(app, self.access), self.limits.seconds)

    def close(self) -> None:
        """Give up what still waits for a thread."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def health(self, request: Request) -> Response:
        """Answer that the server is there."""
        return json_response({"status": "ok"})

    async def card(self, request: Request) -> Response:
        """Describe the model."""
        return json_response(self.model.card())

    async def openapi(self, request: Request) -> Response:
        """Describe the paths, for programs."""
        return json_response(describe(self.model, self.limits, self.access.token is not None))

    async def predict(self, request: Request) -> Response:
        """Answer for a text or for several."""
        explained = wants_explanation(request)
        require_json(request)
        body = bytearray()
        try:
            await self._receive(request, body)
            model, limits = self.model, self.limits

            def answer(stop: threading.Event) -> bytes:
                asked = read_texts(bytes(body), limits, explained)
                lines = model.answer(asked.texts, explained, stop)
                text = lines[0] if asked.single else f"[{', '.join(lines)}]"
                return f"{text}\n".encode(errors="replace")

            return json_response(await self._compute(answer))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        finally:
            self._held -= len(body)

    async def _receive(self, request: Request, body: bytearray) -> None:
        """Read the body. Raises HTTPException if it is too large or too slow."""
        most = self.limits.body
        if int(request.headers.get("content-length", "0")) > most:
            raise _too_large(most)
        try:
            async with asyncio.timeout(self.limits.seconds):
                async for piece in request.stream():
                    self._held += len(piece)
                    body += piece
                    if len(body) > most:
                        raise _too_large(most)
                    if self._held > _BODIES * most:
                        raise _too_busy("too many large requests at the same time")
        except TimeoutError:
            reason = f"the request did not arrive within {self.limits.seconds:g} seconds"
            raise HTTPException(408, reason, {"Connection": "close"}) from None

    async def _compute(self, job: Callable[[threading.Event], bytes]) -> bytes:
        """Return the result of a job, which a thread computes. Raises HTTPException if it must wait too long."""
        if self._pending >= _THREADS + self.limits.waiting:
            raise _too_busy("too many requests are waiting")
        loop, stop = asyncio.get_running_loop(), threading.Event()

        def done(_: Any) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._one_less)

        future = self._pool.submit(job, stop)
        self._pending += 1
        future.add_done_callback(done)
        try:
            async with asyncio.timeout(self.limits.seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise _too_busy(f"no answer within {self.limits.seconds:g} seconds; send fewer or shorter texts") from None
        finally:
            stop.set()

    def _one_less(self) -> None:
        self._pending -= 1


def _too_large(most: int) -> HTTPException:
    return HTTPException(413, f"the body is too large; send at most {most:,} bytes")


def _too_busy(reason: str) -> HTTPException:
    return HTTPException(503, f"{reason}; try again" if ";" not in reason else reason, {"Retry-After": "1"})


async def _refused(request: Request, refusal: HTTPException) -> Response:
    """Answer a request that was refused: by this module, or by the paths."""
    reason, headers = refusal.detail, dict(refusal.headers or {})
    if refusal.status_code == 404:
        reason = f"no such path; there are {', '.join(PATHS)}"
    elif refusal.status_code == 405:
        reason = f"wrong method; this path takes {' or '.join(sorted(headers['Allow'].split(', ')))}"
    return error(refusal.status_code, reason, headers)


async def _failed(request: Request, failure: Exception) -> Response:
    """Answer a request whose answer failed. What is printed quotes nothing of the request."""
    if isinstance(failure, SentibpError):
        return error(500, str(failure))
    if isinstance(failure, MemoryError):
        return error(503, "not enough memory; send fewer or shorter texts", {"Retry-After": "1"})
    print_message(f"a request failed: {where(failure)}")
    return error(500, "the server made a mistake; it is reported on its standard error")


def where(failure: BaseException) -> str:
    """Return the kind of an exception and where it was raised, but not its text, which may quote a request."""
    frames = traceback.extract_tb(failure.__traceback__)
    place = f" in {os.path.basename(frames[-1].filename)}, line {frames[-1].lineno}" if frames else ""
    return f"{type(failure).__name__}{place}"
