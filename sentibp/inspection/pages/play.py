"""A page to play with a model: type a review, see the contribution of each word, and train the model on the review.

The server of the standard library serves the page on 127.0.0.1 only. Other pages in the same browser cannot use it: its
address contains a random token, and it refuses requests for another host (DNS rebinding) or from another origin. The
training changes the model in memory only, never its file.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import numpy as np

from sentibp.errors import ConfigError, SentibpError
from sentibp.inspection import explain as inspection_explain
from sentibp.inspection import trace
from sentibp.inspection.pages import stepper
from sentibp.inspection.pages.explanation import marked, merged
from sentibp.inspection.pages.render import read_template, render
from sentibp.model.classifier import Classifier
from sentibp.nn import EmbeddingBag
from sentibp.nn.layers import Array, path
from sentibp.nn.optim import OPTIMIZERS

ADDRESS = "127.0.0.1"
LIMIT = 1 << 16  # bytes of a request
_READ_ANYWAY = 10_000_000  # bytes of a request that is too long; it is read, so that the browser sees the answer
_TIMEOUT = 30  # seconds for a request to arrive
_UNDO_STEPS = 200
_MAX_LEARNING_RATE = 1e300
_MAX_WEIGHT = 1e6  # a step that makes a weight larger counts as diverged
_SHOWN = 200  # characters of the text of a step
_CONTRIBUTIONS = 12  # on the page
_STYLES = ("style.css", "stepper.css", "play.css")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Refused(Exception):
    """A refused request: its HTTP status and the reason."""

    def __init__(self, status: HTTPStatus, reason: str):
        super().__init__(reason)
        self.status = status


class Step(NamedTuple):
    """A training step, with the weights before it: whole tensors, and of the embedding the changed rows."""

    text: str  # its beginning
    label: str
    before: float  # the probability of positive; with more than two labels, of this label
    after: float
    rows: Array
    numbers: dict[str, Array]


class Session:
    """A model that trains on one review at a time, in place. Each step can be undone."""

    def __init__(self, name: str, classifier: Classifier):
        self.name = name
        self.classifier = classifier
        self.learned = 0
        self.steps: list[Step] = []
        self.original: dict[str, Array] = {}  # all tensors except the embedding
        self.original_rows: dict[int, Array] = {}

    def look(self, text: str, label: str | None) -> dict[str, Any]:
        """Return the prediction for a text, its explanation, and the drawing of the step that `learn` would make."""
        explanation = inspection_explain.explain(self.classifier, text)
        optimizer = self.classifier.training_config().train.optimizer
        step = None if label is None else trace.trace_step(self.classifier, text, label)
        return {
            "model": self.name,
            "label": explanation.label,
            "labels": list(explanation.classes.names),
            **_prediction(text, explanation),
            "unknown": list(dict.fromkeys(word.text for word in explanation.words if not word.known))[:_CONTRIBUTIONS],
            "drawing": None if step is None else stepper.drawing(step),
            "steps": [[step.text, step.label, step.before, step.after] for step in self.steps],
            "learned": self.learned,
            "optimizers": list(OPTIMIZERS),
            "default": [optimizer.name, optimizer.learning_rate],
        }

    def learn(self, text: str, label: str, optimizer: str | None, learning_rate: float | None) -> dict[str, Any]:
        """Train one step on the text with this label. Raises trace.Diverged, and changes nothing then."""
        try:
            step = trace.trace_step(self.classifier, text, label, None, optimizer, learning_rate)
        except trace.Diverged as error:  # its repair is an option of `sentibp trace`
            raise trace.Diverged(f"{str(error).partition('; ')[0]}; lower the learning rate") from None
        changed = [(path(call.name, name), call, after) for call in step.layers for name, after in call.after.items()]
        if any(np.abs(after).max(initial=0) > _MAX_WEIGHT for _, _, after in changed):
            raise trace.Diverged(f"diverged: a weight would be over {_MAX_WEIGHT:,.0f}; lower the learning rate")
        rows, before = np.array(step.ids, np.int64), {}
        params = self.classifier.network.params
        for name, call, after in changed:
            at = rows if isinstance(call.layer, EmbeddingBag) else ...
            before[name] = params[name][at].copy()
            self._keep_original(name, params[name], at)
            params[name][at] = after
        target = 1 if len(step.labels) == 2 else step.labels.index(label)  # the probability that the list shows
        first, last = (step.outcomes[at].probabilities[target] for at in (0, -1))
        self.steps = [*self.steps, Step(_shortened(text), label, first, last, rows, before)][-_UNDO_STEPS:]
        self.learned += 1
        return self.look(text, None) | {"drawing": stepper.drawing(step)}

    def _keep_original(self, name: str, tensor: Array, at: Any) -> None:
        if at is ...:
            self.original.setdefault(name, tensor.copy())
            return
        for row in at.tolist():
            self.original_rows.setdefault(row, tensor[row].copy())

    def undo(self) -> None:
        """Undo the last step."""
        if not self.steps:
            kept = f": only the last {_UNDO_STEPS} steps are kept" if self.learned else ""
            raise Refused(HTTPStatus.CONFLICT, f"nothing to undo{kept}")
        step = self.steps.pop()
        for name, numbers in step.numbers.items():
            self.classifier.network.params[name][step.rows if name == "embedding.weight" else ...] = numbers
        self.learned -= 1

    def reset(self) -> None:
        """Undo all steps."""
        params = self.classifier.network.params
        for name, numbers in self.original.items():
            params[name][...] = numbers
        for row, numbers in self.original_rows.items():
            params["embedding.weight"][row] = numbers
        self.steps, self.learned = [], 0


def _prediction(text: str, explanation: inspection_explain.Explanation) -> dict[str, Any]:
    """Return the prediction and its contributions for the page."""
    if not isinstance(explanation.positive, tuple):
        return {
            "positive": explanation.positive,
            "logit": explanation.logit,
            "bias": explanation.bias,
            "html": marked(text, explanation.shown),
            **_parts(explanation.shown),
        }
    against_rest = explanation.sums[0].name in explanation.classes.names
    sums = [explanation.shown] if against_rest else explanation.sums
    return {
        "probabilities": list(explanation.probabilities.values()),
        "place": explanation.place,
        "html": marked(text, explanation.shown),
        "sums": [
            {
                "name": f"{each.name} against the rest" if against_rest else each.name,
                "value": each.value,
                "bias": each.bias,
                "html": marked(text, each),
                **_parts(each),
            }
            for each in sums
        ],
    }


def _parts(each: inspection_explain.Sum) -> dict[str, Any]:
    """Return the largest contributions to a sum, and the number and the sum of the others."""
    largest = merged(each.contributions)
    others = largest[_CONTRIBUTIONS:]
    return {
        "parts": [[part.name, part.contribution] for part in largest[:_CONTRIBUTIONS]],
        "others": [len(others), sum(part.contribution for part in others)],
    }


class Server(ThreadingHTTPServer):
    """An HTTP server for one session, on 127.0.0.1, whose paths begin with a random token."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, session: Session, port: int = 0):
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise ConfigError(f"--port {port}: {error.strerror}; choose another port, or leave it out") from None
        self.session = session
        self.lock = threading.Lock()  # one request at a time uses the model
        self.token = secrets.token_urlsafe(16)
        self.hosts = {f"{name}:{self.server_port}" for name in (ADDRESS, "localhost")}

    @property
    def url(self) -> str:
        """Return the address of the page."""
        return f"http://{ADDRESS}:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore that a browser closed the connection; print other errors."""
        import sys

        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version, sys_version = "sentibp", ""
    timeout = _TIMEOUT

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
        """Return the path after the token. Raises Refused if the host, the origin or the token is wrong."""
        if (self.headers.get_all("Host") or [None]) not in [[host] for host in self.server.hosts]:
            raise Refused(HTTPStatus.FORBIDDEN, "this page is served on 127.0.0.1 only")
        origins = self.headers.get_all("Origin") or []
        if any(origin.removeprefix("http://") not in self.server.hosts for origin in origins):
            raise Refused(HTTPStatus.FORBIDDEN, "requests from other pages are refused")
        _, token, *rest = (*self.path.partition("?")[0].split("/", 2), "", "")[:3]
        if not hmac.compare_digest(token.encode(), self.server.token.encode()) or self.path.count("/") < 2:
            raise Refused(HTTPStatus.NOT_FOUND, "not found; use the address that `sentibp play` printed")
        return rest[0]

    def _file(self, name: str) -> tuple[str, bytes]:
        if name == "style.css":
            return "text/css", "".join(map(read_template, _STYLES)).encode()
        if name == "":
            labels = self.server.session.classifier.spec.labels
            return "text/html", render("play.html", labels=labels, several=len(labels) > 2).encode()
        if name not in ("play.js", "stepper.js"):
            raise Refused(HTTPStatus.NOT_FOUND, "no such file")
        return "text/javascript", read_template(name).encode()

    def _call(self, name: str) -> tuple[str, bytes]:
        request = self._body()
        with self.server.lock:
            result = _call_session(self.server.session, name, request)
        return "application/json", json.dumps(result).encode()

    def _body(self) -> dict[str, Any]:
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the Content-Type must be application/json")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "the Content-Length is missing or not a number")
        if len(length) > 12 or int(length) > LIMIT:
            if len(length) < len(str(_READ_ANYWAY)):
                self.rfile.read(int(length))
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the text is too long; give at most {LIMIT:,} bytes")
        try:
            request = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise Refused(HTTPStatus.BAD_REQUEST, "the request is not JSON") from None
        if not isinstance(request, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "the request is not a JSON object")
        return request

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self._send(status, "application/json", json.dumps({"error": reason}).encode())

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the library refuses (other methods, long lines) as JSON."""
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
        """Print no log of the requests."""


def _call_session(session: Session, name: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to one call of the page."""
    text, label = request.get("text", ""), request.get("label")
    optimizer, learning_rate = request.get("optimizer"), request.get("learning_rate")
    if not isinstance(text, str):
        raise Refused(HTTPStatus.BAD_REQUEST, "text: not a string")
    labels = session.classifier.spec.labels
    if label not in (*labels, None):
        raise Refused(HTTPStatus.BAD_REQUEST, f"label: give {_choice(labels)}")
    if optimizer not in (*OPTIMIZERS, None):
        raise Refused(HTTPStatus.BAD_REQUEST, f"optimizer: choose from {', '.join(OPTIMIZERS)}")
    if learning_rate is not None and not _is_learning_rate(learning_rate):
        raise Refused(HTTPStatus.BAD_REQUEST, "learning rate: give a number above 0, such as 0.1")
    if name == "learn":
        if label is None:
            raise Refused(HTTPStatus.BAD_REQUEST, f"label: give {_choice(labels)}")
        return session.learn(text, label, optimizer, learning_rate)
    if name not in ("look", "undo", "reset"):
        raise Refused(HTTPStatus.NOT_FOUND, "no such call")
    if name == "undo":
        session.undo()
    elif name == "reset":
        session.reset()
    return session.look(text, label)


def _choice(labels: Sequence[str]) -> str:
    """Return the labels as a choice: positive or negative."""
    *others, last = reversed(labels)
    return f"{', '.join(others)} or {last}"


def _shortened(text: str) -> str:
    """Return the beginning of a text: each answer has those of all steps."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _is_learning_rate(value: Any) -> bool:
    return isinstance(value, int | float) and value is not True and 0 < value <= _MAX_LEARNING_RATE
