"""A server of `sentibp serve` as a process of its own, and a client that sends whatever it is told to."""

from __future__ import annotations

import http.client
import json
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

SERVE = [sys.executable, "-W", "error", "-m", "sentibp", "serve"]
JSON = {"Content-Type": "application/json"}
EXPLAIN = "/predict?explain=true"


class Answer(NamedTuple):
    """An answer of the server."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class Served:
    """A running server."""

    def __init__(self, *arguments: str | Path, **options: Any):
        command = [*SERVE, "--port", "0", "--json", *map(str, arguments)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", **options)
        self.lines: list[str] = []  # of stderr
        self._new_line = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        first = self.process.stdout.readline()
        assert first, self.lines or self.process.wait(20)
        self.started = json.loads(first)
        self.port = int(self.started["url"].rpartition(":")[2])

    def _read(self) -> None:
        for line in self.process.stderr:
            with self._new_line:
                self.lines.append(line.rstrip("\n"))
                self._new_line.notify_all()

    def wait_for_line(self, text: str, after: int = 0) -> int:
        """Return the number of the first line on stderr with this text, from line `after` on."""
        with self._new_line:
            found = self._new_line.wait_for(lambda: any(text in line for line in self.lines[after:]), 20)
            assert found, (text, self.lines)
            return after + next(n for n, line in enumerate(self.lines[after:]) if text in line)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def ask(
        self,
        value: Any = None,
        path: str = "/predict",
        method: str | None = None,
        headers: Mapping[str, str | None] | None = None,
        connection: http.client.HTTPConnection | None = None,
    ) -> Answer:
        """Send a request; `value` is sent as JSON, or as it is if it is bytes. A header that is None is left out."""
        body = value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
        given: dict[str, Any] = (JSON if body is not None else {}) | dict(headers or {})
        used = connection or self.connect()
        try:
            method = method or ("GET" if body is None else "POST")
            used.request(method, path, body, {name: text for name, text in given.items() if text is not None})
            response = used.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            if connection is None:
                used.close()

    def open(self, start: bytes) -> socket.socket:
        """Return a connection on which these bytes were sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.sendall(start)
        return connection

    def send(self, content: bytes) -> bytes:
        """Send bytes, close this side, and return all that is answered until the other side closes."""
        with self.open(b"") as connection:
            received = b""
            try:
                connection.sendall(content)
                connection.shutdown(socket.SHUT_WR)
                while part := connection.recv(1 << 16):
                    received += part
            except (ConnectionError, BrokenPipeError):
                pass  # it refused before it had read all
            return received

    def head(self, length: int, path: str = "/predict") -> bytes:
        """Return the head of a request with a body of so many bytes."""
        lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"Content-Length: {length}"]
        return "\r\n".join([*lines, "Content-Type: application/json", "", ""]).encode()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Return the exit code when the process has ended."""
        code = self.process.wait(20)
        self._reader.join(20)
        return code

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(20)
        for pipe in self.process.stdout, self.process.stderr:
            pipe.close()


_TARGETS = ["/predict", "/predict?explain=true", "/predict?explain=1", "/health", "/model", "/openapi.json", "/", "*"]
_TARGETS += ["/predict/", "//predict", "/%00", "/%ff%fe", "http://x/predict", "/predict?%zz", "/../predict", "a:443"]
_METHODS = ["POST", "GET", "PUT", "DELETE", "OPTIONS", "HEAD", "CONNECT", "TRACE", "PATCH", "predict", "P(", "\x00"]
_BODIES = [
    '"I love this movie"',
    '["a", "b"]',
    '{"text": "a"}',
    '{"text": ["a", 3]}',
    "[]",
    "null",
    "[[[]]]",
    '"\\ud800"',
]
_BODIES += [
    "{",
    '{"text"',
    "[" * 2000,
    "9" * 5000,
    "NaN",
    '"' + "a" * 3000 + '"',
    '{"text": {}}',
    '"\\u0000"',
    "\ufeff[]",
]
_HEADERS = ["Content-Type: application/json", "Content-Type: text/plain", "Content-Type:", "Expect: 100-continue"]
_HEADERS += ["Connection: close", "Connection: upgrade", "Upgrade: websocket", "Transfer-Encoding: chunked", "X: \x01"]
_HEADERS += ["Transfer-Encoding: gzip, chunked", "Content-Length: -1", "Content-Length: 5", "Content-Length: 1, 2"]
_HEADERS += ["Content-Length: 99999999999", "Host: evil.example", "Origin: null", "Authorization: Bearer é", "a b: c"]
_HEADERS += ["Content-Encoding: gzip", "Content-Type: application/json; charset=latin-1", f"Y: {'y' * 20_000}", ": z"]


def malformed(chance: random.Random, port: int) -> bytes:
    """Return bytes that are like a request, with a few things wrong: its line, headers, framing, body, or bytes."""
    body = chance.choice(_BODIES).encode()
    headers = [f"Host: 127.0.0.1:{port}", "Content-Type: application/json"]
    if chance.random() < 0.7:
        headers.append(f"Content-Length: {len(body) + chance.choice([0, 0, 0, -1, 1, 100])}")
    headers += chance.sample(_HEADERS, chance.choice([0, 0, 1, 2, 4]))
    if chance.random() < 0.2:
        headers.pop(chance.randrange(len(headers)))
    if any("chunked" in header for header in headers) and chance.random() < 0.7:
        size = chance.choice([f"{len(body):x}", "zz", "ffffffffff", "-1", ""])
        body = size.encode() + b"\r\n" + body + b"\r\n" + chance.choice([b"0\r\n\r\n", b"0\r\nx\r\n\r\n", b""])
    target = chance.choice(_TARGETS) if chance.random() < 0.6 else "/predict"
    method = chance.choice(_METHODS) if chance.random() < 0.4 else "POST"
    version = (
        chance.choice(["HTTP/1.0", "HTTP/2.0", "HTTP/9", "", "HTTP/1.1 x"]) if chance.random() < 0.1 else "HTTP/1.1"
    )
    ends = chance.choice(["\r\n"] * 8 + ["\n", "\r"])
    content = bytearray(ends.join([f"{method} {target} {version}", *headers, "", ""]).encode() + body)
    for _ in range(chance.choice([0, 0, 0, 1, 3])):  # any bytes, anywhere
        content[chance.randrange(len(content))] = chance.randrange(256)
    if chance.random() < 0.1:
        del content[chance.randrange(len(content)) :]
    return bytes(content) * chance.choice([1, 1, 1, 1, 2, 5])  # some are sent one after the other


def refusals(received: bytes) -> list[int]:
    """Return the status of each answer in what the server sent. AssertionError if one is no HTTP, or no JSON."""
    statuses = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert lines[0].startswith(b"HTTP/1.1 "), head
        status = int(lines[0].split()[1])
        received = rest
        if status >= 200:
            statuses.append(status)
            fields = dict(line.lower().split(b": ", 1) for line in lines[1:])
            assert fields[b"content-type"] == b"application/json", head
            assert (fields[b"cache-control"], fields[b"x-content-type-options"]) == (b"no-store", b"nosniff"), head
            assert fields.get(b"connection") == b"close" or status != 408, head
            length = int(fields[b"content-length"])
            if rest and not rest.startswith(b"HTTP/1.1 "):  # else it was HEAD
                content = json.loads(rest[:length])
                assert status < 400 or list(content) == ["error"], content
                received = rest[length:]
    return statuses
