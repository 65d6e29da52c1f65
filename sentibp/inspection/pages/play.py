"""A page to play with a model: type a review, see what each word says, let the model learn, watch its weights move.

The page is served by the standard library, to this machine alone. Other pages in the reader's browser cannot reach it:
its address holds a random token, and requests that name another host or come from another origin are refused, so that
a name that is made to point to this machine (DNS rebinding) gets nowhere. The model is in memory; what it learns here
is never written to its file.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sentibp.errors import ConfigError, SentibpError
from sentibp.inspection import explain as inspection_explain
from sentibp.inspection import trace
from sentibp.inspection.pages import page, stepper
from sentibp.model.classifier import Classifier
from sentibp.model.head import LABELS
from sentibp.nn import EmbeddingBag
from sentibp.nn.layers import Array, path
from sentibp.nn.optim import OPTIMIZERS

ADDRESS = "127.0.0.1"
LIMIT = 1 << 16  # bytes of a request
_HEARD_OUT = 10_000_000  # bytes of a request that is then refused for its length
_PATIENCE = 30  # seconds that a request may take to arrive
_REMEMBERED = 200  # steps that can be undone
_FASTEST = 1e300  # learning rate that is taken for a number
_LARGEST = 1e6  # weight, beyond which a step led nowhere
_PARTS = 12  # words and n-grams that the page lists
_TEMPLATES = Path(__file__).parent / "templates"
_FILES = {
    "": ("play.html", "text/html"),
    "play.js": ("play.js", "text/javascript"),
    "stepper.js": ("stepper.js", "text/javascript"),
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Refused(Exception):
    """A request that is not answered, with its status and the reason."""

    def __init__(self, status: HTTPStatus, reason: str):
        super().__init__(reason)
        self.status = status


class Step(NamedTuple):
    """A step that was learned, and what it changed: the numbers before, by tensor, those of the embedding by row."""

    text: str
    label: str
    before: float  # the probability of positive
    after: float
    rows: Array
    numbers: dict[str, Array]


class Session:
    """A model that learns, one review at a time; each step can be undone. The classifier's own numbers change."""

    def __init__(self, name: str, classifier: Classifier):
        self.name = name
        self.classifier = classifier
        self.learned = 0
        self.steps: list[Step] = []
        self.original: dict[str, Array] = {}  # of all tensors but the embedding
        self.original_rows: dict[int, Array] = {}

    def look(self, text: str, label: str | None) -> dict[str, Any]:
        """What the model says of a text, and the step that would be learned from it."""
        explanation = inspection_explain.explain(self.classifier, text)
        largest = sorted(explanation.contributions, key=lambda part: -abs(part.contribution))
        optimizer = self.classifier.training_config().train.optimizer
        found = None if label is None else trace.trace_step(self.classifier, text, label)
        return {
            "model": self.name,
            "label": explanation.label,
            "positive": explanation.positive,
            "logit": explanation.logit,
            "bias": explanation.bias,
            "html": inspection_explain.highlighted_html(text, explanation),
            "parts": [[part.text, part.contribution] for part in largest[:_PARTS]],
            "others": [len(largest[_PARTS:]), sum(part.contribution for part in largest[_PARTS:])],
            "unknown": list(dict.fromkeys(word.text for word in explanation.words if not word.known))[:_PARTS],
            "drawing": None if found is None else stepper.drawing(found),
            "steps": [[step.text, step.label, step.before, step.after] for step in self.steps],
            "learned": self.learned,
            "optimizers": list(OPTIMIZERS),
            "default": [optimizer.name, optimizer.learning_rate],
        }

    def learn(self, text: str, label: str, optimizer: str | None, rate: float | None) -> dict[str, Any]:
        """Learn that the text has this label: the step that is drawn. Raises trace.Diverged, with nothing learned."""
        found = trace.trace_step(self.classifier, text, label, None, optimizer, rate)
        changed = [(path(call.name, name), call, after) for call in found.layers for name, after in call.after.items()]
        if any(np.abs(after).max(initial=0) > _LARGEST for _, _, after in changed):
            raise trace.Diverged(f"diverged: a weight would be over {_LARGEST:,.0f}; lower the rate")
        rows, before = np.array(found.ids, np.int64), {}
        params = self.classifier.network.params
        for name, call, after in changed:
            at = rows if isinstance(call.layer, EmbeddingBag) else ...
            before[name] = params[name][at].copy()
            self._keep_original(name, params[name], at)
            params[name][at] = after
        first, last = found.outcomes[0], found.outcomes[-1]
        self.steps = [*self.steps, Step(text, label, first.positive, last.positive, rows, before)][-_REMEMBERED:]
        self.learned += 1
        return self.look(text, None) | {"drawing": stepper.drawing(found)}

    def _keep_original(self, name: str, tensor: Array, at: Any) -> None:
        if at is ...:
            self.original.setdefault(name, tensor.copy())
            return
        for row in at.tolist():
            self.original_rows.setdefault(row, tensor[row].copy())

    def undo(self) -> None:
        """Take the last step back."""
        if not self.steps:
            raise Refused(HTTPStatus.CONFLICT, "there is nothing to undo" + (", so far back" if self.learned else ""))
        step = self.steps.pop()
        for name, numbers in step.numbers.items():
            self.classifier.network.params[name][step.rows if name == "embedding.weight" else ...] = numbers
        self.learned -= 1

    def reset(self) -> None:
        """Forget all that was learned here."""
        params = self.classifier.network.params
        for name, numbers in self.original.items():
            params[name][...] = numbers
        for row, numbers in self.original_rows.items():
            params["embedding.weight"][row] = numbers
        self.steps, self.learned = [], 0


class Server(ThreadingHTTPServer):
    """The session, served on loopback under a token of its own."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, session: Session, port: int = 0):
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise ConfigError(f"--port {port}: {error.strerror}; choose another, or leave it out") from None
        self.session = session
        self.lock = threading.Lock()  # one request at a time reads or changes the model
        self.token = secrets.token_urlsafe(16)
        self.hosts = {f"{name}:{self.server_port}" for name in (ADDRESS, "localhost")}

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{ADDRESS}:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that went away."""
        import sys

        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version, sys_version = "sentibp", ""
    timeout = _PATIENCE

    def do_GET(self) -> None:
        self._answer(self._file)

    def do_POST(self) -> None:
        self._answer(self._call)

    def _answer(self, find: Callable[[str], tuple[str, bytes]]) -> None:
        try:
            kind, content = find(self._allowed())
            self._send(HTTPStatus.OK, kind, content)
        except Refused as error:
            self._refuse(error.status, str(error))
        except SentibpError as error:
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    def _allowed(self) -> str:
        """The path after the token, of a request that may be answered."""
        if (self.headers.get_all("Host") or [None]) not in [[host] for host in self.server.hosts]:
            raise Refused(HTTPStatus.FORBIDDEN, "this page is at 127.0.0.1 and nowhere else")
        origins = self.headers.get_all("Origin") or []
        if any(origin.removeprefix("http://") not in self.server.hosts for origin in origins):
            raise Refused(HTTPStatus.FORBIDDEN, "another page may not ask this one")
        _, token, *rest = (*self.path.partition("?")[0].split("/", 2), "", "")[:3]
        if not hmac.compare_digest(token.encode(), self.server.token.encode()) or self.path.count("/") < 2:
            raise Refused(HTTPStatus.NOT_FOUND, "nothing is here; use the address that `sentibp play` printed")
        return rest[0]

    def _file(self, name: str) -> tuple[str, bytes]:
        if name == "style.css":
            styles = [page.STYLE, *((_TEMPLATES / each).read_text("utf-8") for each in ("stepper.css", "play.css"))]
            return "text/css", "".join(styles).encode()
        if name not in _FILES:
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such file")
        file, kind = _FILES[name]
        return kind, (_TEMPLATES / file).read_bytes()

    def _call(self, name: str) -> tuple[str, bytes]:
        said = self._body()
        with self.server.lock:
            result = _called(self.server.session, name, said)
        return "application/json", json.dumps(result).encode()

    def _body(self) -> dict[str, Any]:
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a request is application/json")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "a request says its Content-Length")
        if len(length) > 12 or int(length) > LIMIT:
            if len(length) < len(str(_HEARD_OUT)):
                self.rfile.read(int(length))  # or the browser would see a broken connection, not the answer
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the text is too long; give at most {LIMIT:,} bytes")
        try:
            said = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise Refused(HTTPStatus.BAD_REQUEST, "the request is not JSON") from None
        if not isinstance(said, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "the request is not a JSON object")
        return said

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self._send(status, "application/json", json.dumps({"error": reason}).encode())

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the library itself refuses: other methods, lines too long."""
        self._refuse(HTTPStatus(code), message or HTTPStatus(code).phrase)

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": f"{kind}; charset=utf-8",
            "Content-Length": str(len(content)),
            "Cache-Control": "no-store",
            "Content-Security-Policy": _POLICY,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep no log: the terminal is the user's."""


def _called(session: Session, name: str, said: dict[str, Any]) -> dict[str, Any]:
    """The answer to one call of the page."""
    text, label = said.get("text", ""), said.get("label")
    optimizer, rate = said.get("optimizer"), said.get("rate")
    if not isinstance(text, str):
        raise Refused(HTTPStatus.BAD_REQUEST, "text: not a text")
    if label not in (*LABELS, None):
        raise Refused(HTTPStatus.BAD_REQUEST, "label: positive or negative")
    if optimizer not in (*OPTIMIZERS, None):
        raise Refused(HTTPStatus.BAD_REQUEST, f"optimizer: one of {', '.join(OPTIMIZERS)}")
    if rate is not None and not (isinstance(rate, int | float) and rate is not True and 0 < rate <= _FASTEST):
        raise Refused(HTTPStatus.BAD_REQUEST, "rate: a number above 0; try 0.1")
    if name == "learn":
        if label is None:
            raise Refused(HTTPStatus.BAD_REQUEST, "label: positive or negative")
        return session.learn(text, label, optimizer, rate)
    if name not in ("look", "undo", "reset"):
        raise Refused(HTTPStatus.NOT_FOUND, "there is no such call")
    if name == "undo":
        session.undo()
    elif name == "reset":
        session.reset()
    return session.look(text, label)
