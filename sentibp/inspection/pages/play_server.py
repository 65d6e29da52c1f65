"""The server of `play`: it serves the page and answers its calls.

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

from sentibp.errors import ConfigError, SentibpError
from sentibp.inspection.pages import play_session
from sentibp.inspection.pages.play import Refused, Session, fingerprint
from sentibp.inspection.pages.play_networks import Networks
from sentibp.inspection.pages.play_session import SESSION_LIMIT, is_learning_rate
from sentibp.inspection.pages.render import read_template, render
from sentibp.nn.optim import OPTIMIZERS

ADDRESS = "127.0.0.1"
LIMIT = 1 << 16  # bytes of a request
_READ_ANYWAY = 10_000_000  # bytes of a request that is too long; it is read, so that the browser sees the answer
_TIMEOUT = 30  # seconds for a request to arrive
_STEPS = 64  # of one call; the page calls again
_STYLES = ("style.css", "network.css", "stepper.css", "answer.css", "play.css")
_SCRIPTS = ("page.js", "ticks.js", "charts.js", "stepper.js", "phases.js", "files.js", "play.js")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Answer(NamedTuple):
    """What the server sends."""

    kind: str
    content: bytes
    file_name: str | None = None  # to save it under


class Server(ThreadingHTTPServer):
    """An HTTP server for one session or several networks, on 127.0.0.1, whose paths begin with a random token."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, networks: Networks | Session, port: int = 0):
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise ConfigError(f"--port {port}: {error.strerror}; choose another port, or leave it out") from None
        self.networks = Networks.single(networks) if isinstance(networks, Session) else networks
        self.lock = threading.Lock()  # one request at a time uses a model
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

    def _answer(self, find: Callable[[str], Answer]) -> None:
        try:
            self._send(HTTPStatus.OK, find(self._allowed()))
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

    def _file(self, name: str) -> Answer:
        if name == "style.css":
            return Answer("text/css", "".join(map(read_template, _STYLES)).encode())
        if name == "":
            networks = self.server.networks
            offered = json.dumps(networks.to_dict())
            page = render("play.html", offered=offered, limit=LIMIT, several=len(networks.networks) > 1)
            return Answer("text/html", page.encode())
        if name not in _SCRIPTS:
            raise Refused(HTTPStatus.NOT_FOUND, "no such file")
        return Answer("text/javascript", read_template(name).encode())

    def _call(self, name: str) -> Answer:
        request = self._body(SESSION_LIMIT if name == "load" else LIMIT)
        result = _answer_call(self.server, name, request)
        return result if isinstance(result, Answer) else Answer("application/json", json.dumps(result).encode())

    def _body(self, limit: int) -> dict[str, Any]:
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the Content-Type must be application/json")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "the Content-Length is missing or not a number")
        if len(length) > 12 or int(length) > limit:
            if len(length) < len(str(_READ_ANYWAY)):
                self.rfile.read(int(length))
            what = "text is too long; give" if limit == LIMIT else "session is too long; choose"
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the {what} at most {limit:,} bytes")
        try:
            request = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise Refused(HTTPStatus.BAD_REQUEST, "the request is not JSON") from None
        if not isinstance(request, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "the request is not a JSON object")
        return request

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self._send(status, Answer("application/json", json.dumps({"error": reason}).encode()))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the library refuses (other methods, long lines) as JSON."""
        self._refuse(HTTPStatus(code), message or HTTPStatus(code).phrase)

    def _send(self, status: HTTPStatus, answer: Answer) -> None:
        self.send_response(status)
        is_text = answer.kind != "application/octet-stream"
        headers = {
            "Content-Type": f"{answer.kind}; charset=utf-8" if is_text else answer.kind,
            "Content-Length": str(len(answer.content)),
            "Cache-Control": "no-store",
            "Content-Security-Policy": _POLICY,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }
        if answer.file_name is not None:
            headers["Content-Disposition"] = f'attachment; filename="{answer.file_name}"'
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, format: str, *args: Any) -> None:
        """Print no log of the requests."""


def _answer_call(server: Server, name: str, request: dict[str, Any]) -> dict[str, Any] | Answer:
    """Return the answer to one call of the page. One call at a time uses a model; reviews are read beside it."""
    if name == "load":
        with server.lock:
            return _load(server.networks, request)
    key = request.get("network", server.networks.first)
    if not isinstance(key, str) or key not in server.networks.networks:
        raise Refused(HTTPStatus.BAD_REQUEST, f"network: choose from {', '.join(server.networks.networks)}")
    with server.lock:
        session = server.networks.networks[key].session
    if name in ("measure", "run"):
        session.load_reviews()
    if name == "begin":
        _ = session.beginning  # which reads them where they are needed
    with server.lock:
        if name == "save":
            return _save(session, request)
        before = session.version
        result = call_session(session, name, request)
        return result | {"network": key, "version_before": before}


def call_session(session: Session, name: str, request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a call that concerns one session."""
    if name not in ("begin", "look", "learn", "run", "measure", "undo", "reset"):
        raise Refused(HTTPStatus.NOT_FOUND, "no such call")
    text, label, optimizer = _text_and_label(session, request)
    learning_rate, wrong = request.get("learning_rate"), ""
    if optimizer is None and learning_rate is None:
        optimizer, learning_rate = session.default_step
    if learning_rate is not None and not is_learning_rate(learning_rate):
        wrong = "learning rate: give a number above 0, such as 0.1"
    if wrong and name in ("learn", "run"):
        raise Refused(HTTPStatus.BAD_REQUEST, wrong)
    if name == "learn":
        if label is None:
            raise Refused(HTTPStatus.BAD_REQUEST, f"label: give {_choice(session.classifier.spec.labels)}")
        return session.learn(text, label, optimizer, learning_rate, _count(request, "times"))
    if name == "run":
        which = request.get("reviews", "practice")
        if which not in ("practice", "taught"):
            raise Refused(HTTPStatus.BAD_REQUEST, "reviews: choose from practice, taught")
        return session.run(which, _count(request, "steps"), optimizer, learning_rate, text)
    if name in ("measure", "begin"):
        return session.measure() if name == "measure" else session.begin()
    if name == "undo":
        session.undo()
    elif name == "reset":
        session.reset()
    if wrong:  # the prediction does not depend on it
        return session.look(text, label) | {"drawing": None, "no_drawing": wrong}
    return session.look(text, label, optimizer, learning_rate)


def _text_and_label(session: Session, request: dict[str, Any]) -> tuple[str, str | None, str | None]:
    """Return the text, the label and the optimizer of a call. Raises Refused if one is not what it must be."""
    text, label, optimizer = request.get("text", ""), request.get("label"), request.get("optimizer")
    if not isinstance(text, str):
        raise Refused(HTTPStatus.BAD_REQUEST, "text: not a string")
    labels = session.classifier.spec.labels
    if label not in (*labels, None):
        raise Refused(HTTPStatus.BAD_REQUEST, f"label: give {_choice(labels)}")
    if optimizer not in (*OPTIMIZERS, None):
        raise Refused(HTTPStatus.BAD_REQUEST, f"optimizer: choose from {', '.join(OPTIMIZERS)}")
    return text, label, optimizer


def _count(request: dict[str, Any], key: str) -> int:
    count = request.get(key, 1)
    if type(count) is not int or not 1 <= count <= _STEPS:
        raise Refused(HTTPStatus.BAD_REQUEST, f"{key}: give a number from 1 to {_STEPS}")
    return count


def _save(session: Session, request: dict[str, Any]) -> Answer:
    """Return the file of a session or of its network."""
    short = session.short_name
    if request.get("file") == "session":
        content = play_session.session_file(short, session.classifier.spec.labels, session.log)
        return Answer("application/json", content, play_session.file_name(short, session.learned, ".json"))
    if request.get("file") != "network":
        raise Refused(HTTPStatus.BAD_REQUEST, "file: choose from session, network")
    content = play_session.network_file(short, session.classifier, session.learned)
    name = play_session.file_name(short, session.learned, ".safetensors")
    return Answer("application/octet-stream", content, name)


def _load(networks: Networks, request: dict[str, Any]) -> dict[str, Any]:
    """Take the steps of a saved session on the network that it was taught to. Steps made here are not lost unasked."""
    saved = play_session.read_session(request.get("session"))
    for key, network in networks.networks.items():
        session = network.session
        if saved.fingerprint != (session.log.fingerprint or fingerprint(session.classifier)):
            continue
        if session.learned and request.get("replace") is not True:
            reason = f"{network.title} has {session.learned} steps of this page, which the session would replace"
            raise Refused(HTTPStatus.CONFLICT, reason)
        session.replay(saved.steps)
        last = saved.steps[-1]
        shown = session.look(last.text, last.label, *session.default_step)
        told = {"title": network.title, "text": last.text, "taught": last.label}
        return shown | told | {"network": key, "version_before": session.version}
    raise Refused(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"this session was taught to another network, {saved.network[:80]}; start sentibp play with that one",
    )


def _choice(labels: Sequence[str]) -> str:
    """Return the labels as a choice: positive or negative."""
    *others, last = reversed(labels)
    return f"{', '.join(others)} or {last}"
