"""The server as a process: it answers as `predict` does, refuses in JSON, reloads and ends without losing a request."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import threading
import time
from functools import partial
from pathlib import Path

import heads
import jsonschema
import pytest
from command import invoke
from serving import EXPLAIN, Served, malformed, refusals

from sentibp.model.file import load_model

TEXTS = ["a good film, a fine film", "a bad film", "dull and bad"]
AWKWARD = [
    *TEXTS,
    "",
    " \t\n",
    "zebra",
    "GOOD film!!! 7/10",
    "naïve 🎬👩‍👩‍👧 good",
    "хороший фильм 好看的电影 फ़िल्म",
    "good\x00bad",
    "\ud800 good",
    "&amp; <b>good</b>",
    "good " * 500,
]
KINDS = ["two labels", "hidden tanh", "scale of 5", "softmax"]


def model_of(new_classifier, kind):
    if kind in heads.HEADS:
        text = {"presence": True, "classes": ["url"]} if kind == "softmax" else {}
        return heads.random_classifier(new_classifier, kind, TEXTS, {"hidden": [4]}, text=text)
    return new_classifier(TEXTS, model={"hidden": [4], "activation": "tanh"} if kind == "hidden tanh" else {})


@pytest.fixture(scope="module", params=KINDS)
def served(request, new_classifier, tmp_path_factory):
    """A server for a model of each kind."""
    path = tmp_path_factory.mktemp("served") / "model.safetensors"
    path.write_bytes(model_of(new_classifier, request.param).to_bytes())
    with Served("-m", path) as server:
        yield server
        assert len(server.lines) == 1, "only the start is reported"


@pytest.fixture(scope="module")
def server(new_classifier, tmp_path_factory):
    """A server with small limits."""
    path = tmp_path_factory.mktemp("served") / "model.safetensors"
    path.write_bytes(new_classifier(TEXTS).to_bytes())
    with Served("-m", path, "--max-body", "10kB", "--max-texts", "5", "--max-length", "100") as server:
        yield server
        assert len(server.lines) == 1, "only the start is reported"


@pytest.fixture(scope="module")
def impatient(server):
    """A server that gives up soon."""
    with Served("-m", server.started["model"], "--timeout", "0.3") as impatient:
        yield impatient
        assert len(impatient.lines) == 1, "only the start is reported"


def validate(document, name, value):
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    jsonschema.validate(value, schema, jsonschema.Draft202012Validator)


# --- answers


@pytest.mark.parametrize("explained", [False, True])
def test_answers_are_those_of_predict(served, here, explained):
    path = EXPLAIN if explained else "/predict"
    options = ["--explain"] * explained
    lines = invoke("predict", "-m", served.started["model"], "--no-keep", "--json", *options, "--", *AWKWARD).out
    expected = lines.splitlines(keepends=True)
    for text, line in zip(AWKWARD, expected, strict=True):
        answer = served.ask(text, path)
        assert (answer.status, answer.content.decode()) == (200, line)
    for value in AWKWARD, {"text": AWKWARD}:
        assert served.ask(value, path).json == [json.loads(line) for line in expected]
    assert served.ask({"text": AWKWARD[0]}, path).content.decode() == expected[0]
    assert served.ask([], path).json == []


def test_explanations_are_those_of_explain(served, here):
    for text in AWKWARD[:9]:
        explained = invoke("explain", "-m", served.started["model"], "--json", "--", text).json
        answer = served.ask(text, EXPLAIN).json
        assert {key: explained[key] for key in ("method", "words", "parts", "sums") if key in explained} == {
            key: answer[key] for key in ("method", "words", "parts", "sums") if key in answer
        }


def test_every_answer_is_as_the_openapi_document_says(served):
    document = served.ask(path="/openapi.json").json
    for name in document["components"]["schemas"]:
        jsonschema.Draft202012Validator.check_schema(document["components"]["schemas"][name])
    for text in AWKWARD:
        validate(document, "Texts", text[:1000])
        validate(document, "Answer", served.ask(text).json)
        validate(document, "ExplainedAnswer", served.ask(text, EXPLAIN).json)
    with pytest.raises(jsonschema.ValidationError):
        validate(document, "Answer", served.ask("good", EXPLAIN).json)
    answers = document["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(served.ask(AWKWARD, EXPLAIN).json, answers | {"components": document["components"]})
    validate(document, "Health", served.ask(path="/health").json)
    validate(document, "Model", served.ask(path="/model").json)
    assert set(document["paths"]) == {"/predict", "/health", "/model", "/openapi.json"}


def test_the_model_is_described(served):
    card = served.ask(path="/model").json
    assert card["digest"] == hashlib.sha256(Path(served.started["model"]).read_bytes()).hexdigest()
    spec = load_model(Path(served.started["model"])).spec
    text = {key: getattr(spec, key) for key in ("lowercase", "folding", "presence")}
    assert card["text"] == text | {"classes": list(spec.classes)}
    assert card["format"] == (5 if len(card["labels"]) == 2 else 6)
    assert served.ask("good").json["label"] in card["labels"]


def test_a_threshold_and_costs_choose_the_label(new_classifier, tmp_path, here):
    path = tmp_path / "model.safetensors"
    path.write_bytes(heads.random_classifier(new_classifier, "scale of 5", TEXTS, {"hidden": [4]}).to_bytes())
    labels = load_model(path).spec.labels
    for options in (["--threshold", f"{labels[1]}=0"], ["--cost", "squared"]):
        lines = invoke("predict", "-m", path, "--no-keep", "--json", *options, "--", *TEXTS).out.splitlines()
        with Served("-m", path, *options) as server:
            assert server.ask(TEXTS).json == list(map(json.loads, lines))
            card = server.ask(path="/model").json
            validate(server.ask(path="/openapi.json").json, "Model", card)
        if options[0] == "--threshold":
            assert {each["label"] for each in map(json.loads, lines)} == {labels[1]}
            assert (card["threshold"], card["cost"]) == ({"label": labels[1], "least": 0}, None)
        else:
            assert card["threshold"] is None
            assert card["cost"][0] == [0, 1, 4, 9, 16]


# --- refusals

REFUSED = [
    ("POST", "/predict", b"", {}, 400, "not JSON"),
    ("POST", "/predict", b"{", {}, 400, "not JSON: .* line 1, column 2"),
    ("POST", "/predict", b'["a", "b', {}, 400, "Unterminated string starting at line 1, column 7"),
    ("POST", "/predict", b'"\xff"', {}, 400, "not UTF-8: byte 2"),
    ("POST", "/predict", b"[" * 9000, {}, 400, "nested too deeply|not JSON"),
    ("POST", "/predict", b"9" * 5000, {}, 400, "number that is too long"),
    ("POST", "/predict", b"3", {}, 422, "not a text, but a number"),
    ("POST", "/predict", b"null", {}, 422, "not a text, but null"),
    ("POST", "/predict", b"true", {}, 422, "not a text, but true or false"),
    ("POST", "/predict", b'{"a good film": "a"}', {}, 422, "^a name: unknown key"),
    ("POST", "/predict", b"NaN", {}, 422, "not a text, but a number"),
    ("POST", "/predict", b'["a", null]', {}, 422, "text 2 is not a string, but null"),
    ("POST", "/predict", b'["a", ["b"]]', {}, 422, "text 2 is not a string, but a list"),
    ("POST", "/predict", b"{}", {}, 422, "key text is missing"),
    ("POST", "/predict", b'{"texts": ["a"]}', {}, 422, "texts: unknown key"),
    ("POST", "/predict", b'{"a_film_without_a_plot": "a"}', {}, 422, "^a name: unknown key"),
    ("POST", "/predict", b'{"text": "a", "text": "b"}', {}, 422, "text: the key is given twice"),
    ("POST", "/predict", b'{"text": {"text": "a"}}', {}, 422, "not a text, but an object"),
    ("POST", "/predict", b'["a","a","a","a","a","a"]', {}, 422, "6 texts; send at most 5"),
    ("POST", "/predict", b'["a", "' + b"b" * 101 + b'"]', {}, 422, "text 2 has 101 characters; send at most 100"),
    ("POST", EXPLAIN, b'["' + b"a" * 60 + b'", "' + b"b" * 60 + b'"]', {}, 422, "120 characters; with explain"),
    ("POST", "/predict?explain=1", b'"a"', {}, 422, "explain=true"),
    ("POST", "/predict?explain=true&explain=true", b'"a"', {}, 422, "once"),
    ("POST", "/predict?explian=true", b'"a"', {}, 422, "explian: unknown parameter; did you mean explain?"),
    ("POST", "/predict", b" " * 10_001, {}, 413, "at most 10,000 bytes"),
    ("POST", "/predict", b" " * 5_000_000, {}, 413, "at most 10,000 bytes"),
    ("POST", "/predict", b'"a"', {"Content-Type": None}, 415, "Content-Type: application/json"),
    ("POST", "/predict", b'"a"', {"Content-Type": "text/plain"}, 415, "Content-Type: application/json"),
    ("POST", "/predict", b'"a"', {"Content-Type": "application/json; charset=latin-1"}, 415, "UTF-8"),
    ("POST", "/predict", b'"a"', {"Content-Encoding": "gzip"}, 415, "compressed"),
    ("GET", "/predict", None, {}, 405, "this path takes POST"),
    ("POST", "/health", b'"a"', {}, 405, "this path takes GET or HEAD"),
    ("DELETE", "/model", None, {}, 405, "this path takes GET or HEAD"),
    ("GET", "/", None, {}, 404, "there are POST /predict"),
    ("POST", "/predict/", b'"a"', {}, 404, "there are POST /predict"),
    ("GET", "/%00", None, {}, 404, "there are POST /predict"),
    ("POST", "/predict", b'"a"', {"Host": "evil.example"}, 403, "Host"),
    ("POST", "/predict", b'"a"', {"Host": "127.0.0.1"}, 403, "Host"),
    ("GET", "/health", None, {"Host": "evil.example:80"}, 403, "Host"),
    ("POST", "/predict", b'"a"', {"Origin": "http://evil.example"}, 403, "other pages"),
    ("POST", "/predict", b'"a"', {"Origin": "null"}, 403, "other pages"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[4]} {case[5]}"[:40])
def test_a_wrong_request_is_refused_with_a_reason(server, case):
    method, path, body, headers, status, says = case
    answer = server.ask(body, path, method, headers)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(answer.json["error"])
    document = server.ask(path="/openapi.json").json
    validate(document, "Error", answer.json)
    described = document["paths"].get(path.partition("?")[0], {}).get(method.lower())
    assert described is None or str(status) in described["responses"]


def test_what_is_allowed(server):
    port = server.port
    for headers in (
        {"Host": f"localhost:{port}"},
        {"Origin": f"http://127.0.0.1:{port}"},
        {"Content-Type": "Application/JSON; charset=UTF-8"},
        {"Content-Type": 'application/json;charset="utf8"'},
        {"Content-Type": "application/json; charset=us-ascii"},
        {"Content-Encoding": "identity"},
    ):
        assert server.ask("good", headers=headers).status == 200, headers
    assert server.ask("good", "/predict?explain=false").json == server.ask("good").json
    assert server.ask(b'\xef\xbb\xbf "good"').status == 200
    assert server.ask(path="/health", method="HEAD").content == b""
    assert server.ask(["a" * 100] * 5).status == server.ask(["a" * 50] * 2, EXPLAIN).status == 200
    document = server.ask(path="/openapi.json").json
    validate(document, "Texts", ["a" * 100] * 5)
    for value in ["a"] * 6, "a" * 101:
        with pytest.raises(jsonschema.ValidationError):
            validate(document, "Texts", value)
    assert server.ask(b'"good"' + b" " * 9_994).status == 200, "10,000 bytes"


def test_a_whole_address_in_the_place_of_the_path(server):
    """Clients of a proxy send it. The host in it counts, and the header does not (RFC 9112, section 3.2.2)."""
    here, other = f"http://127.0.0.1:{server.port}", {"Host": "evil.example"}
    assert server.ask("good", f"{here}/predict?explain=true").json == server.ask("good", EXPLAIN).json
    assert server.ask(path=f"HTTP://localhost:{server.port}/health", headers=other).status == 200
    for path in "http://evil.example/health", f"http://evil.example:{server.port}/model", "http:///health":
        assert server.ask(path=path).status == 403, path
    for path in here, f"{here}/nothing", "ftp://evil.example/health":
        assert server.ask(path=path).status == 404, path


def test_a_chunked_body_that_becomes_too_large(server):
    head = server.head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    answer = server.send(head + b"1000\r\n" + b" " * 0x1000 + b"\r\n" + b"2000\r\n" + b" " * 0x2000 + b"\r\n")
    assert refusals(answer) == [413]
    assert refusals(server.send(head + b'6\r\n"good"\r\n0\r\n\r\n')) == [200]


def test_a_body_with_two_lengths_is_refused_and_nothing_behind_it_is_answered(server):
    """A proxy may take the other length, and the rest for the request of another client (RFC 9112, section 6.3)."""
    head = server.head(6).replace(b"Content-Type", b"Transfer-Encoding: chunked\r\nContent-Type")
    assert refusals(server.send(head + b'6\r\n"good"\r\n0\r\n\r\n' + server.head(6) + b'"good"')) == [400]


@pytest.mark.parametrize("close", [{}, {"Connection": "close"}])
@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/predict", {}, 413),
        ("/predict", {"Content-Type": "text/plain"}, 415),
        ("/predict", {"Origin": "http://evil.example"}, 403),
        ("/predict?explain=1", {}, 422),
        ("/nothing", {}, 404),
        ("/health", {}, 405),
    ],
)
def test_a_client_that_sends_its_whole_body_first_reads_why_it_is_refused(server, path, headers, status, close):
    """urllib and nginx ask to close the connection, and would see that it is reset."""
    answer = server.ask(b" " * 20_000_000, path, headers=headers | close)
    assert (answer.status, list(answer.json)) == (status, ["error"])


def test_a_refused_body_that_does_not_end_is_given_up(impatient):
    head = impatient.head(10**9) + b'"go'
    heads = head, head.replace(b"Content-Type", b"Connection: close\r\nContent-Type")
    with contextlib.ExitStack() as stack:
        for connection in [stack.enter_context(impatient.open(each)) for each in heads]:
            received = b""
            while part := connection.recv(1 << 16):
                received += part
            assert refusals(received)[0] == 413


def test_a_client_that_closes_its_side_gets_its_answer(server):
    assert refusals(server.send(server.head(6) + b'"good"')) == [200]
    assert refusals(server.send(3 * (server.head(6) + b'"good"')))[:1] == [200]


def test_a_slow_request_is_given_up(impatient):
    head = impatient.head(6)
    starts = b"", b"POST /pre", head[:-2], head, head + b'"go'
    with contextlib.ExitStack() as stack:
        for connection in [stack.enter_context(impatient.open(start)) for start in starts]:  # they wait together
            received = b""
            while part := connection.recv(1 << 16):
                received += part
            assert refusals(received) == [408]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="only Linux lists the files of a process")
def test_a_client_that_does_not_read_is_given_up(impatient):
    request = f"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1:{impatient.port}\r\n\r\n".encode()
    with impatient.open(request * 2000) as connection:
        connection.recv(1)
        folder, deadline = f"/proc/{impatient.process.pid}/fd", time.monotonic() + 20
        before = len(os.listdir(folder))
        while len(os.listdir(folder)) >= before:  # the connection is open
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert impatient.ask(path="/health").status == 200


def test_no_more_connections_than_the_files_that_a_process_may_have(server):
    resource = pytest.importorskip("resource", reason="this system does not limit the files of a process")
    limit = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (53, 53))  # 50 are left for the rest
    with Served("-m", server.started["model"], preexec_fn=limit) as small, contextlib.ExitStack() as stack:
        first, *_ = [stack.enter_context(small.open(b"")) for _ in range(3)]
        assert refusals(small.send(b"")) == [503]
        first.shutdown(socket.SHUT_WR)
        assert first.recv(1) == b""  # there is room again
        assert small.ask("good").status == 200


def test_malformed_requests_are_refused_in_json(server):
    chance = random.Random(0)
    statuses = {status for _ in range(300) for status in refusals(server.send(malformed(chance, server.port)))}
    assert statuses >= {200, 400, 403, 404, 405, 415, 422}
    assert server.ask("good").status == 200
    assert server.process.poll() is None


# --- reload and end


def test_a_reload_loses_no_request(new_classifier, tmp_path):
    old, new = (new_classifier(TEXTS, seed=seed) for seed in (1, 2))
    path = tmp_path / "model.safetensors"
    path.write_bytes(old.to_bytes())
    with Served("-m", path) as server:
        first = server.ask(TEXTS).json
        seen, ends = [], threading.Event()

        def client() -> None:
            connection = server.connect()
            while not ends.is_set():
                answer = server.ask(TEXTS, connection=connection)
                seen.append((answer.status, answer.json))
            connection.close()

        clients = [threading.Thread(target=client) for _ in range(4)]
        for each in clients:
            each.start()
        (tmp_path / "next").write_bytes(new.to_bytes())
        os.replace(tmp_path / "next", path)
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_line("reloaded, ")
        ends.set()
        for each in clients:
            each.join()
        second = server.ask(TEXTS).json
        assert first != second
        assert {status for status, _ in seen} == {200}
        assert all(answer in (first, second) for _, answer in seen)
        for damage in (lambda: path.write_bytes(path.read_bytes()[:-9]), path.unlink, path.mkdir):
            damage()
            count = len(server.lines)
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_line("the model stays the same", count)
            assert str(path) in server.lines[count]
            assert server.ask(TEXTS).json == second
        path.rmdir()
        path.write_bytes(old.to_bytes())
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_line("reloaded, ", len(server.lines))
        assert server.ask(TEXTS).json == first


def test_a_reload_never_takes_the_built_in_model_for_a_trained_one(new_classifier, here):
    """If the runs are gone, the model stays; the built-in one would answer about other texts, and nobody would know."""
    classifier, run = new_classifier(TEXTS), here / "runs" / "mine"
    with Served() as server:
        assert "using the built-in model" in server.lines[0]
        (run).mkdir(parents=True)
        (run / "run.json").write_text('{"outcome": "finished", "start": "2026-01-01"}')
        (run / "model.safetensors").write_bytes(classifier.to_bytes())
        (run.parent / "last").write_text("runs/mine")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_line("runs/mine/model.safetensors: reloaded")
        answer = server.ask("good").json
        assert answer["positive"] == classifier.predict(["good"]).positive[0]
        shutil.rmtree(run)
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_line("the model stays the same")
        assert "no finished run here (runs/last names runs/mine, which is gone)" in server.lines[-2]
        assert server.ask("good").json == answer


@pytest.mark.parametrize(
    ("names", "cost", "said"),
    [
        (
            ["ham", "spam"],
            "[[0,5],[1,0]]",
            "--cost: the new model has other classes: ham, spam (without an order)",
        ),
        (["ham", "spam"], None, " (other classes: ham, spam (without an order))"),
        (["bad", "fair", "fine"], "squared", " (other classes: bad, fair, fine)"),
    ],
)
def test_a_new_model_with_other_classes_is_told_and_takes_no_costs_of_the_old_ones(
    new_classifier, tmp_path, names, cost, said
):
    path = tmp_path / "model.safetensors"
    path.write_bytes(new_classifier(TEXTS).to_bytes())
    with Served("-m", path, *([] if cost is None else ["--cost", cost])) as server:
        new = new_classifier(TEXTS, data={"labels": names, "ordered": len(names) == 3})
        (tmp_path / "next").write_bytes(new.to_bytes())
        os.replace(tmp_path / "next", path)
        server.process.send_signal(signal.SIGHUP)
        assert said in server.lines[server.wait_for_line("other classes")]
        server.wait_for_line("the model stays the same" if "--cost" in said else "reloaded")
        assert ("positive" in server.ask("good").json) == ("--cost" in said)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_request_that_has_begun_is_answered_before_the_end(new_classifier, tmp_path, number, code):
    (tmp_path / "model.safetensors").write_bytes(new_classifier(TEXTS).to_bytes())
    with Served("-m", tmp_path) as server:
        idle = server.connect()
        assert server.ask("good", connection=idle).status == 200
        begun = server.open(server.head(6) + b'"go')
        server.ask("good")  # so that the beginning has arrived
        server.process.send_signal(number)
        with pytest.raises(OSError):
            while True:  # until it listens no more
                socket.create_connection(("127.0.0.1", server.port), timeout=20).close()
        begun.sendall(b'od"')
        received = b""
        while part := begun.recv(1 << 16):
            received += part
        begun.close()
        idle.close()
        assert refusals(received) == [200]
        assert server.ended() == code
        assert server.lines[1:] == [f"{'ended' if code == 0 else 'interrupted'}: all requests are answered"]


def test_a_second_signal_ends_at_once(new_classifier, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(new_classifier(TEXTS).to_bytes())
    with Served("-m", tmp_path) as server, server.open(server.head(6)):
        server.ask("good")
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(OSError):
            while True:
                socket.create_connection(("127.0.0.1", server.port), timeout=20).close()
        assert server.end() == 130


def test_no_text_is_logged(new_classifier, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(new_classifier(TEXTS).to_bytes())
    secret = "Confidential"
    with Served("-m", tmp_path, env=os.environ | {"PYTHONASYNCIODEBUG": "1"}) as server:
        server.ask(secret)
        server.ask({secret: secret})
        server.ask([secret, 3])
        server.ask(secret, EXPLAIN)
        server.ask(secret.encode())
        server.ask("good", f"/predict?{secret}={secret}")
        server.ask("good", f"/{secret}", secret, {"Host": secret, secret: secret})
        server.send(f"{secret}\r\n\r\n".encode())
        server.send(server.head(99) + secret.encode())
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_line("reloaded")
        assert server.end() == 0
        assert secret not in "".join(server.lines) + server.process.stdout.read()
