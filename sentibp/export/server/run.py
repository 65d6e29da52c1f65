"""Run the server: bind its address, answer signals, and end when all requests are answered."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import math
import os
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import uvicorn

from sentibp.errors import ConfigError, SentibpError
from sentibp.export.server.access import Access
from sentibp.export.server.app import Service, where
from sentibp.export.server.connection import connection_class
from sentibp.export.server.limits import Limits
from sentibp.export.server.model import ServedModel
from sentibp.utils.interruption import end_at_once
from sentibp.utils.messages import print_message

_CONNECTIONS = 1000
_OTHER_FILES = 50  # that the process has open besides connections
_KEEP_ALIVE = 5  # seconds that an unused connection stays open
_HANGUP = getattr(signal, "SIGHUP", None)  # Windows has none


class Listener(NamedTuple):
    """A socket that listens, and the address under which it is reached."""

    socket: socket.socket
    host: str  # as given

    @property
    def port(self) -> int:
        """The port, also if any free one was asked for."""
        return self.socket.getsockname()[1]

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can reach it."""
        return ipaddress.ip_address(self.socket.getsockname()[0].partition("%")[0]).is_loopback

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"http://{_bracketed(self.socket.getsockname()[0])}:{self.port}"

    @property
    def hosts(self) -> frozenset[str]:
        """The values of the header Host with which clients on this machine reach it."""
        names = {_bracketed(self.socket.getsockname()[0]), _bracketed(self.host.lower()), "localhost"}
        return frozenset({f"{name}:{self.port}" for name in names} | (names if self.port == 80 else set()))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def bind(host: str, port: int) -> Listener:
    """Return a socket bound to an address, which does not listen yet. Raises ConfigError if that is not possible."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        raise ConfigError(f"--host {host}: no such address; write, for example, --host 127.0.0.1") from None
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        place, repair = f"--host {host} --port {port}", "choose another port, or --port 0 for any free one"
        if not isinstance(error, PermissionError) and error.errno != errno.EADDRINUSE:
            repair = "give an address of this machine, such as --host 127.0.0.1"
        raise ConfigError(f"{place}: {os.strerror(error.errno or 0)}; {repair}") from None
    bound.setblocking(False)
    return Listener(bound, host)


class Server(uvicorn.Server):
    """A server that reloads its model on SIGHUP and ends on SIGTERM and Ctrl-C, after the answers that it owes."""

    def __init__(self, listener: Listener, limits: Limits, access: Access, load: Callable[[], ServedModel]):
        self._wanted = 0  # reloads that are asked for and not done
        self._reloading: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.stopped_by: int | None = None  # the signal
        self._watch_signals()  # those that come while the model is loaded are obeyed then
        self.service, self.listener, self._load = Service(load(), limits, access), listener, load
        logging.getLogger("uvicorn").addHandler(logging.NullHandler())  # the server prints its own messages
        logging.getLogger("uvicorn").propagate = False
        super().__init__(
            uvicorn.Config(
                self.service.application(),
                loop="asyncio",
                http=connection_class(limits.seconds, _most_connections()),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=math.ceil(2 * limits.seconds),
            )
        )
        self.should_exit = self.stopped_by is not None

    def _watch_signals(self) -> None:
        self._had_terminal = bool(_HANGUP) and signal.getsignal(_HANGUP) is not signal.SIG_IGN and _has_terminal()
        for number in (signal.SIGINT, signal.SIGTERM, *([_HANGUP] if _HANGUP else [])):
            signal.signal(number, self._take_signal)

    def _take_signal(self, number: int, frame: Any) -> None:
        if number == _HANGUP and not (self._had_terminal and not _has_terminal()):
            self._wanted += 1
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._reload)
            return
        if self.stopped_by is not None:  # the second one: at once
            end_at_once()
        self.stopped_by, self.should_exit = number, True

    def serve_until_stopped(self, started: Callable[[], None]) -> int:
        """Serve; call `started` when requests are answered. Return the exit code: 130 after Ctrl-C, else 0."""
        self._started = started
        try:
            self.run(sockets=[self.listener.socket])
        finally:
            self.service.close()
        return 130 if self.stopped_by == signal.SIGINT else 0

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `_take_signal`."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_report)
        await super().startup(sockets)
        self._started()
        self._reload()

    def _reload(self) -> None:
        if self._wanted and self._reloading is None:
            self._reloading = asyncio.ensure_future(self._exchange_model())

    async def _exchange_model(self) -> None:
        """Load the model again, as often as it was asked for meanwhile. The old one answers until then."""
        while self._wanted:
            self._wanted = 0
            try:
                model = await asyncio.to_thread(self._load)
                model.require_costs_of(self.service.model)
            except Exception as error:
                lines = error.lines if isinstance(error, SentibpError) else [f"not reloaded: {where(error)}"]
                for line in lines:
                    print_message(line)
                print_message(f"the model stays the same: {self.service.model.digest[:12]}")
            else:
                before, self.service.model = self.service.model, model
                what = "unchanged" if before.digest == model.digest else model.other_classes(before)
                print_message(f"{model.classifier.file}: reloaded, {model.digest[:12]}{what and f' ({what})'}")
        self._reloading = None


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Print a mistake of the program in a line, which quotes no request."""
    error = context.get("exception")
    if not isinstance(error, ConnectionError | TimeoutError):
        print_message(f"the server made a mistake: {where(error) if error else context['message']}")


def _most_connections() -> int:
    """Return how many connections there may be: each is an open file, and the system limits these."""
    try:
        import resource
    except ImportError:  # Windows
        return _CONNECTIONS
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _CONNECTIONS if most == resource.RLIM_INFINITY else max(1, min(_CONNECTIONS, most - _OTHER_FILES))


def _has_terminal() -> bool:
    """Return whether the process has a terminal. When it is closed, the system sends SIGHUP, and there is none."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | getattr(os, "O_NOCTTY", 0)))
    except OSError:
        return False
    return True
