"""The queue before the threads, mistakes of the model and of the program: what a real server meets rarely."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import signal
import socket
import threading
from functools import partial

import numpy as np
import pytest
import uvicorn
from serving import refusals
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from uvicorn.server import ServerState

from sentibp.errors import ConfigError, DataError
from sentibp.export.server import app
from sentibp.export.server import model as module
from sentibp.export.server.access import Access, Gate
from sentibp.export.server.connection import connection_class
from sentibp.export.server.limits import Limits
from sentibp.export.server.model import ServedModel, load_served_model
from sentibp.export.server.request import read_texts
from sentibp.export.server.run import Server, bind
from sentibp.model.classifier import NoAnswer
from sentibp.model.decision import Decision


class Slow(ServedModel):
    """A model that answers when it may, and says when it was asked."""

    asked: threading.Semaphore
    may_answer: threading.Event
    stops: list[threading.Event]

    def answer(self, texts, explained, stop):
        self.stops.append(stop)
        self.asked.release()
        assert self.may_answer.wait(20)
        return super().answer(texts, explained, stop)


class Broken(ServedModel):
    """A model that raises an error, whose text quotes the review."""

    error: Exception

    def answer(self, texts, explained, stop):
        raise self.error


@pytest.fixture
def service(new_classifier, monkeypatch):
    """`service(kind, **limits)`: a service with one thread."""
    monkeypatch.setattr(app, "_THREADS", 1)
    made = []

    def make(kind=ServedModel, **limits):
        model = kind(new_classifier(["good film", "bad"]), Decision(), "0" * 64, 5, "0")
        if kind is Slow:
            model.asked, model.may_answer, model.stops = threading.Semaphore(0), threading.Event(), []
        made.append(app.Service(model, Limits(**limits), Access(None, frozenset({"here"}))))
        return made[-1]

    yield make
    for each in made:
        if isinstance(each.model, Slow):
            each.model.may_answer.set()
        each.close()


def request(service, value="good", body=None, disconnect=False, hosts=(b"here",)):
    """Return a coroutine that sends a request to the application, and returns status, headers and the JSON value."""
    content = json.dumps(value).encode() if body is None else body
    parts = [{"type": "http.request", "body": content[:3], "more_body": True}]
    parts += [{"type": "http.disconnect"}] if disconnect else [{"type": "http.request", "body": content[3:]}]
    sent = []

    async def receive():
        return parts.pop(0)

    async def send(message):
        sent.append(message)

    async def run():
        headers = [*((b"host", host) for host in hosts), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/predict", "query_string": b"", "headers": headers}
        try:
            await service.application()(scope, receive, send)
        except Exception as error:  # Starlette raises it again after the answer
            assert sent[0]["status"] == 500, error
        headers = {name.decode(): text.decode() for name, text in sent[0]["headers"]}
        return sent[0]["status"], headers, json.loads(sent[1]["body"]) if sent[1]["body"] else None

    return run()


def test_the_queue_is_bounded(service):
    slow = service(Slow, waiting=2)

    async def run():
        begun = [asyncio.create_task(request(slow)) for _ in range(3)]  # one is answered, two wait
        assert await asyncio.to_thread(slow.model.asked.acquire, timeout=20)
        while slow._pending < 3:
            await asyncio.sleep(0)
        status, headers, content = await request(slow)
        assert (status, headers["retry-after"]) == (503, "1")
        assert content == {"error": "too many requests are waiting; try again"}
        slow.model.may_answer.set()
        assert [(await each)[0] for each in begun] == [200] * 3
        assert (await request(slow))[0] == 200

    asyncio.run(run())


def test_an_answer_that_takes_too_long_is_given_up(service):
    slow = service(Slow, seconds=0.01, waiting=1)

    async def run():
        late, waiting = (asyncio.create_task(request(slow)) for _ in range(2))
        for each in late, waiting:
            status, headers, content = await each
            assert (status, headers["retry-after"]) == (503, "1")
            assert "no answer within 0.01 seconds" in content["error"]
        while slow._pending > 1:  # the thread is not free yet; what waited is given up
            await asyncio.sleep(0)
        assert [stop.is_set() for stop in slow.model.stops] == [True], "the thread stops at the next text"
        slow.model.may_answer.set()
        while slow._pending:
            await asyncio.sleep(0)
        assert slow._held == 0

    asyncio.run(run())


def test_a_model_without_an_answer_is_reported(service):
    broken = service(Broken)
    broken.model.error = DataError("the model's numbers are too large")
    assert asyncio.run(request(broken))[::2] == (500, {"error": "the model's numbers are too large"})
    broken.model.error = MemoryError()
    assert asyncio.run(request(broken))[0] == 503


def test_a_mistake_of_the_program_is_one_line_that_quotes_nothing(service, capsys):
    broken = service(Broken)
    broken.model.error = ValueError("a confidential review")
    status, _, content = asyncio.run(request(broken, "a confidential review"))
    assert status == 500
    assert "confidential" not in content["error"]
    err = capsys.readouterr().err
    assert err.startswith("a request failed: ValueError in test_app.py, line ")
    assert err.count("\n") == 1
    assert "confidential" not in err


@pytest.mark.parametrize(("most", "status"), [(6, 200), (5, 413)])
def test_a_body_that_arrives_in_parts_is_bounded_as_a_whole(service, most, status):
    """Without a header Content-Length, as curl sends it from a pipe."""
    assert asyncio.run(request(service(body=most), body=b'"good"'))[0] == status


def test_all_bodies_together_are_bounded(service, monkeypatch):
    monkeypatch.setattr(app, "_BODIES", 1)
    slow = service(Slow, body=100)

    async def run():
        first = asyncio.create_task(request(slow, "a" * 80))
        assert await asyncio.to_thread(slow.model.asked.acquire, timeout=20)
        status, _, content = await request(slow, "a" * 80)
        assert (status, content["error"]) == (503, "too many large requests at the same time; try again")
        slow.model.may_answer.set()
        assert (await first)[0] == 200
        assert slow._held == 0

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "given", "status"),
    [
        ("/predict", ["Bearer secret"], None),
        ("/predict", ["bearer  secret"], None),
        ("/predict", ["Basic secret"], 401),
        ("/predict", ["secret"], 401),
        ("/predict", ["Bearer secretly"], 401),
        ("/predict", ["Bearer secret", "Bearer other"], 401),
        ("/predict", [], 401),
        ("/health", [], None),
        ("/healthy", [], 401),
    ],
)
def test_a_token_opens_all_paths_and_nothing_else_does(path, given, status):
    gate = Gate(lambda *_: pytest.fail("it is not asked here"), Access("secret", frozenset()))
    refusal = gate._refusal(Headers(raw=[(b"authorization", each.encode()) for each in given]), path)
    assert (None if refusal is None else refusal.status_code) == status


def test_a_page_of_another_site_is_refused_also_beside_an_own_origin():
    gate = Gate(lambda *_: pytest.fail("it is not asked here"), Access(None, frozenset({"here:80"})))
    for origins, status in ((), None), (["http://here:80"], None), (["http://here:80", "http://evil"], 403):
        headers = [(b"host", b"here:80"), *((b"origin", each.encode()) for each in origins)]
        refusal = gate._refusal(Headers(raw=headers), "/predict")
        assert (None if refusal is None else refusal.status_code) == status


@pytest.mark.parametrize("hosts", [[], [b"here", b"here"], [b"here", b"evil"], [b"evil", b"here"], [b"evil"]])
def test_a_request_names_this_host_and_no_other(service, hosts):
    assert asyncio.run(request(service(), hosts=hosts))[0] == 403
    assert asyncio.run(request(service(), hosts=[b"HERE"]))[0] == 200


def test_a_client_that_is_gone_costs_nothing(service):
    served = service()
    assert asyncio.run(request(served, disconnect=True))[0] == 400
    assert (served._held, served._pending) == (0, 0)


@contextlib.asynccontextmanager
async def connected(service, keep_alive=60, seconds=0.1, room=1):
    """A client with so many bytes of room for what it has not read, and the state of the server."""
    config = uvicorn.Config(
        service.application(), ws="none", lifespan="off", log_config=None, timeout_keep_alive=keep_alive
    )
    config.load()
    state, kind = ServerState(), connection_class(seconds, 10)
    with bind("127.0.0.1", 0).socket as listening, socket.socket() as client:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # as small as the system has it
        make = partial(kind, config=config, server_state=state, app_state={})
        server = await asyncio.get_running_loop().create_server(make, sock=listening)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        client.connect(listening.getsockname())
        client.setblocking(False)
        async with asyncio.timeout(20):
            yield client, state
        server.close()


async def ask(client, n, header=""):
    """Send a request with n texts, without reading the answer."""
    body = json.dumps(["good"] * n).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n{header}"
    content = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    await asyncio.get_running_loop().sock_sendall(client, content)


@pytest.mark.parametrize(
    ("header", "keep_alive", "then"),
    [("Connection: close\r\n", 60, b""), ("", 0.05, b""), ("", 60, b"no request\r\n\r\n")],
)
def test_a_client_that_does_not_read_the_last_bytes_is_given_up(service, header, keep_alive, then):
    """Few enough that nothing waits to write more of them: the connection is to be closed, and they are in the way."""

    async def run():
        async with connected(service(), keep_alive) as (client, state):
            await ask(client, 300, header)
            while not state.total_requests:
                await asyncio.sleep(0)
            assert [each.transport.get_write_buffer_size() > 0 for each in state.connections] == [True]
            await asyncio.get_running_loop().sock_sendall(client, then)
            while state.connections:
                await asyncio.sleep(0.01)

    asyncio.run(run())


def test_a_client_that_read_its_answer_in_time_may_ask_again(service):
    """The answer is so long that it had to wait for the client."""

    async def run():
        async with connected(service(texts=9000), seconds=1, room=1 << 20) as (client, state):
            for _ in range(2):
                await ask(client, 9000)
                received = b""
                while part := await asyncio.get_running_loop().sock_recv(client, 1 << 16):
                    received += part
                    if part.endswith(b"]\n"):
                        break
                assert refusals(received) == [200]
                if state.total_requests == 1:
                    await asyncio.sleep(1.1)

    asyncio.run(run())


def test_a_signal_while_the_model_is_loaded_ends_the_server(service):
    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    before, model = [signal.getsignal(number) for number in numbers], service().model

    def load():
        signal.raise_signal(signal.SIGTERM)
        return model

    try:
        listener = bind("127.0.0.1", 0)
        with listener.socket:
            server = Server(listener, Limits(), Access(None, listener.hosts), load)
            assert server.should_exit
            assert server.serve_until_stopped(lambda: None) == 0
            assert server.stopped_by == signal.SIGTERM
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def test_a_server_may_start_again_at_once_at_its_port():
    """The system keeps connections that the server has closed for a minute."""
    with bind("127.0.0.1", 0).socket as first:
        first.listen()
        address = first.getsockname()
        with socket.create_connection(address) as client:
            first.accept()[0].close()
            assert client.recv(1) == b""
    bind(*address).socket.close()


def test_a_model_stops_when_nobody_waits(service):
    stop = threading.Event()
    stop.set()
    with pytest.raises(module.Stopped):
        service().model.answer(["good"], False, stop)


def test_the_text_without_an_answer_is_named_among_many(service):
    model = service().model
    assert [len(piece) for piece in module._pieces(["bad"] * 130)] == [64, 64, 2]
    assert [len(piece) for piece in module._pieces(["x" * 40_000] * 5)] == [2, 2, 1]
    tensors = model.classifier.tensors()
    good = model.classifier.vocabulary.features().to_pylist().index("good")
    tensors["embedding.weight"][good] = np.nan
    with pytest.raises(NoAnswer, match="text 71: the model has no answer"):
        model.answer(["bad"] * 70 + ["good"], False, threading.Event())


def test_numbers_that_json_cannot_hold(new_classifier, tmp_path):
    classifier = new_classifier(["good film", "bad"])
    classifier.scores = {"log_loss": float("nan"), "each": [float("inf"), 0.5]}
    (tmp_path / "model.safetensors").write_bytes(classifier.to_bytes())
    model = load_served_model(tmp_path / "model.safetensors")
    assert model.card()["scores"] == {"log_loss": None, "each": [None, 0.5]}
    model.classifier.network.params["embedding.weight"][...] = 3e38
    with pytest.raises(DataError, match="too large"):
        model.answer(["good film"], True, threading.Event())


def test_a_model_without_the_class_of_the_threshold_is_refused(new_classifier, tmp_path):
    """It may come with a reload: the model before it stays."""
    (tmp_path / "model.safetensors").write_bytes(new_classifier(["good film", "bad"]).to_bytes())
    assert load_served_model(tmp_path / "model.safetensors", "negative=0.2").decision.threshold == (0, 0.2)
    with pytest.raises(ConfigError, match="no such class"):
        load_served_model(tmp_path / "model.safetensors", "neutral=0.2")


def test_a_file_that_changes_while_it_is_read(new_classifier, tmp_path, monkeypatch):
    """The digest is that of the model which answers."""
    contents = [new_classifier(["good film", "bad"], seed=seed).to_bytes() for seed in range(2)]
    path = tmp_path / "model.safetensors"
    path.write_bytes(contents[0])
    changes = 1

    def read(name, load_model=module.file.load_model):
        nonlocal changes
        if changes:
            changes -= 1
            path.write_bytes(contents[path.read_bytes() == contents[0]])
        return load_model(name)

    monkeypatch.setattr(module.file, "load_model", read)
    assert load_served_model(path).digest == hashlib.sha256(contents[1]).hexdigest()
    changes = 100
    with pytest.raises(DataError, match="has changed while it was read"):
        load_served_model(path)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"text":' * 100_000, b"[" * 100_000 + b"]" * 100_000])
def test_a_body_that_is_nested_too_deeply_is_refused(body):
    with pytest.raises(HTTPException, match="400: the body is nested too deeply"):
        read_texts(body, Limits(), False)
