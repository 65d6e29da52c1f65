"""Playing with a model: what it learns can be undone to the bit; the server answers its own page only."""

from __future__ import annotations

import http.client
import json

import heads
import in_thread
import pytest

from sentibp.data import offsets
from sentibp.errors import ConfigError, SentibpError
from sentibp.inspection.pages import play
from sentibp.inspection.pages.play import Refused, Session
from sentibp.inspection.pages.play_server import LIMIT, Server, call_session
from sentibp.inspection.trace import Diverged

TEXTS = ["a good film, a fine film", "a bad film", "dull and bad"]


@pytest.fixture(params=[{"hidden": []}, {"hidden": [4], "batch_norm": True, "embedding": {"dim": 3}}], ids=str)
def session(new_classifier, request):
    return Session("model", new_classifier(TEXTS, model=request.param, train={"word_dropout": 0.3}))


def numbers(session):
    return {name: value.tobytes() for name, value in session.classifier.tensors().items()}


def test_learning_moves_the_answer_as_the_trace_says(session):
    before = session.look(TEXTS[0], "negative")
    learned = session.learn(TEXTS[0], "negative", "sgd", 0.5)
    assert learned["positive"] < before["positive"]
    assert learned["positive"] == pytest.approx(learned["drawing"]["after"]["positive"], abs=1e-6)
    assert learned["steps"] == [
        [TEXTS[0], "negative", pytest.approx(before["positive"]), pytest.approx(learned["positive"])]
    ]
    assert session.look(TEXTS[0], None)["positive"] == learned["positive"]


def test_undo_and_reset_restore_every_bit(session):
    start = numbers(session)
    session.learn(TEXTS[0], "negative", None, None)
    once = numbers(session)
    assert once != start
    session.learn(TEXTS[1], "positive", "adam", 0.1)
    session.learn("", "positive", None, None)
    session.undo()
    session.undo()
    assert numbers(session) == once
    session.learn(TEXTS[2], "positive", None, None)
    session.reset()
    assert numbers(session) == start
    assert session.look("good", None)["learned"] == 0
    with pytest.raises(Refused, match="nothing to undo"):
        session.undo()


def test_the_answer_is_short_after_many_long_texts(session):
    for _ in range(3):
        answer = session.learn("good film " * 600, "positive", None, None)
    assert max(len(text) for text, *_ in answer["steps"]) <= 200


def test_a_step_that_diverges_names_no_option_of_a_command(session):
    with pytest.raises(SentibpError, match=r"diverged.*; lower the learning rate") as caught:
        session.learn("good", "negative", "sgd", 1e300)
    assert "--" not in str(caught.value)


def test_reset_goes_back_further_than_undo(session, monkeypatch):
    monkeypatch.setattr(play, "_UNDO_STEPS", 2)
    start = numbers(session)
    for text in TEXTS:
        session.learn(text, "negative", None, None)
    assert session.look("", None)["learned"] == 3
    session.undo()
    session.undo()
    with pytest.raises(Refused, match="only the last"):
        session.undo()
    session.reset()
    assert numbers(session) == start


@pytest.mark.parametrize("learning_rate", [1e8, 1e40, 1e300])
def test_a_step_that_diverges_changes_nothing(session, learning_rate):
    start = numbers(session)
    with pytest.raises(Diverged, match="lower"):
        session.learn(TEXTS[0], "negative", "sgd", learning_rate)
    assert numbers(session) == start


def test_the_step_that_is_drawn_is_the_one_that_learn_makes(session):
    drawn = session.look(TEXTS[0], "negative", "sgd", 0.7)["drawing"]
    assert session.learn(TEXTS[0], "negative", "sgd", 0.7)["drawing"] == drawn


def test_a_step_that_would_diverge_has_no_drawing_but_the_prediction_is_there(session):
    answer = session.look(TEXTS[0], "negative", "sgd", 1e300)
    assert answer["drawing"] is None and "lower the learning rate" in answer["no_drawing"]
    assert answer["positive"] == session.look(TEXTS[0], None)["positive"]


def test_a_wrong_learning_rate_hides_no_prediction(session):
    answer = call_session(session, "look", {"text": "good", "label": "positive", "learning_rate": 0})
    assert "give a number above 0" in answer["no_drawing"] and 0 < answer["positive"] < 1


def test_the_contributions_add_up(session):
    text = " ".join(TEXTS)
    response = session.look(text, "positive")
    total = response["bias"] + sum(value for _, value, _ in response["parts"]) + response["others"][1]
    assert total == pytest.approx(response["logit"], abs=1e-6)
    found = play.inspection_explain.explain(session.classifier, text).contributions
    assert len(response["parts"]) + response["others"][0] == len({part.text for part in found}) < len(found)


# --- more than two labels


@pytest.mark.parametrize("head", heads.HEADS)
def test_a_model_with_several_labels_learns_and_forgets(new_classifier, head):
    session = Session("model", heads.random_classifier(new_classifier, head, TEXTS, {"hidden": [4]}))
    start, labels = numbers(session), list(session.classifier.spec.labels)
    before = session.look(TEXTS[0], labels[1])
    assert before["labels"] == labels
    assert sum(before["probabilities"]) == pytest.approx(1)
    assert (before["place"] is None) == (head in ("softmax", "softmax, adaptive"))
    for each in before["sums"]:
        total = each["bias"] + sum(value for _, value, _ in each["parts"]) + each["others"][1]
        assert total == pytest.approx(each["value"], abs=1e-6)
    learned = session.learn(TEXTS[0], labels[1], "sgd", 0.1)
    assert learned["probabilities"][1] > before["probabilities"][1]
    assert learned["steps"] == [
        [TEXTS[0], labels[1], pytest.approx(before["probabilities"][1]), pytest.approx(learned["probabilities"][1])]
    ]
    json.dumps(learned, allow_nan=False)
    session.learn(TEXTS[1], labels[-1], None, None)
    session.undo()
    session.reset()
    assert numbers(session) == start


def test_a_label_that_is_none_of_the_model_is_refused(new_classifier):
    session = Session("model", heads.random_classifier(new_classifier, "softmax", TEXTS))
    for call in "look", "learn":
        with pytest.raises(Refused, match="label: give fig, pear or apple"):
            call_session(session, call, {"text": "good", "label": "positive"})


# --- the server


@pytest.fixture
def server(new_classifier):
    with in_thread.serving(Server(Session("model", new_classifier(TEXTS)))) as server:
        yield server


@pytest.fixture
def ask(server):
    """`ask(method, path, body, headers)`: status, headers, body; `path` is after the token unless it begins with /."""

    def ask(method="POST", path="look", body=b'{"text": "good"}', headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        path = path if path.startswith("/") else f"/{server.token}/{path}"
        given = {"Content-Type": "application/json"} | (headers or {})
        connection.request(method, path, body, {name: value for name, value in given.items() if value is not None})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, dict(response.getheaders()), content

    return ask


def test_the_page_and_its_files(ask, server):
    scripts = [
        (name, "javascript")
        for name in ("page.js", "play.js", "ticks.js", "charts.js", "stepper.js", "phases.js", "files.js")
    ]
    size = 0
    for name, kind in [("", "html"), *scripts, ("style.css", "css")]:
        status, headers, content = ask("GET", name, None)
        assert status == 200
        assert kind in headers["Content-Type"]
        size += len(content)
        assert content
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
    assert size < 150_000
    assert server.server_address[0] == "127.0.0.1"


def test_calls(ask):
    status, _, content = ask(body=b'{"text": "a good film", "label": "negative"}')
    before = json.loads(content)
    assert status == 200
    assert before["drawing"]["label"] == "negative"
    body = b'{"text": "a good film", "label": "negative", "optimizer": "sgd", "learning_rate": 1}'
    after = json.loads(ask(path="learn", body=body)[2])
    assert after["positive"] < before["positive"]
    assert json.loads(ask(path="undo", body=b'{"text": "a good film"}')[2])["positive"] == before["positive"]
    assert ask(path="reset", body=b"{}")[0] == 200
    assert ask(body=json.dumps({"text": "\ud800\x00" + "é" * 1000}).encode())[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:{port}"}, 403),
        ({"Host": "127.0.0.1"}, 403),
        ({"Host": "localhost:{port}"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, 403),
        ({"Origin": "http://127.0.0.1:{port}.evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "http://127.0.0.1:{port}"}, 200),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": None}, 415),
    ],
    ids=str,
)
def test_who_may_ask(ask, server, headers, status):
    for method, path, body in [("POST", "look", b"{}"), ("GET", "", None)]:
        if method == "GET" and "Content-Type" in headers:
            continue
        given = {name: value and value.format(port=server.server_port) for name, value in headers.items()}
        found, _, content = ask(method, path, body, given)
        assert found == status
        assert status == 200 or set(json.loads(content)) == {"error"}


def test_without_the_token_there_is_nothing(ask, server):
    for path in (
        "/",
        "/look",
        "//look",
        f"/{server.token}",
        f"/{server.token[:-1]}x/",
        f"/x{server.token}/look",
        "/%00/é",
    ):
        for method in ("GET", "POST"):
            status, _, content = ask(method, path.replace("é", "%C3%A9"), b"{}")
            assert status == 404, path
            assert "error" in json.loads(content)
    assert ask("GET", "../play.py", None)[0] == 404
    assert ask("GET", "nosuch", None)[0] == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("look", b"", 400, "not JSON"),
        ("look", b"[]", 400, "not a JSON object"),
        ("look", b"[" * 60_000, 400, "not JSON"),
        ("look", b"\xff\xfe{", 400, "not JSON"),
        ("look", b'{"text": 3}', 400, "text"),
        ("look", b'{"label": ["positive"]}', 400, "label"),
        ("learn", b'{"text": "good"}', 400, "label"),
        ("learn", b'{"label": "positive", "optimizer": "magic"}', 400, "optimizer"),
        ("learn", b'{"label": "positive", "learning_rate": 0}', 400, "learning rate"),
        ("learn", b'{"label": "positive", "learning_rate": true}', 400, "learning rate"),
        ("learn", b'{"label": "positive", "learning_rate": NaN}', 400, "learning rate"),
        ("learn", b'{"label": "positive", "learning_rate": 1' + b"0" * 400 + b"}", 400, "learning rate"),
        (
            "learn",
            b'{"text": "good", "label": "positive", "learning_rate": 1e300, "optimizer": "sgd"}',
            422,
            "diverged",
        ),
        ("undo", b"{}", 409, "nothing to undo"),
        ("look", b'{"network": "other"}', 400, "network: choose from model"),
        ("look", b'{"network": []}', 400, "network"),
        ("run", b'{"steps": 0}', 400, "steps: give a number from 1 to 64"),
        ("run", b'{"steps": true}', 400, "steps"),
        ("run", b'{"steps": 1e3}', 400, "steps"),
        ("run", b'{"reviews": "others"}', 400, "reviews: choose from practice, taught"),
        ("run", b'{"reviews": "taught"}', 409, "teach it some first"),
        ("run", b'{"learning_rate": -1}', 400, "learning rate"),
        ("save", b"{}", 400, "file: choose from session, network"),
        ("save", b'{"file": "session"}', 422, "press Learn first"),
        ("load", b"{}", 422, "no session"),
        ("load", b'{"session": {"kind": "x"}}', 422, "no session"),
        ("load", b" " * 8_000_001, 413, "session is too long"),
        ("forget", b"{}", 404, "no such call"),
        ("look", b" " * (LIMIT + 1), 413, "too long"),
        ("look", b" " * 5_000_000, 413, "too long"),
    ],
)
def test_a_wrong_request_is_refused_with_a_reason(ask, path, body, status, says):
    found, headers, content = ask(path=path, body=body)
    assert found == status
    assert headers["Content-Type"].startswith("application/json")
    assert says in json.loads(content)["error"]


def test_lengths_and_methods(ask):
    for length in ("-1", "1e3", "x", "9" * 30, "²"):
        status, _, content = ask(body=None, headers={"Content-Length": length.encode("latin-1")})
        assert status in (411, 413), length
        assert "error" in json.loads(content)
    assert json.loads(ask("DELETE", "", None)[2])["error"]
    assert json.loads(ask("GET", "/" + "x" * 70_000, None)[2])["error"]


def test_the_library_does_not_talk_on_the_terminal(ask, capfd):
    ask("GET", "", None)
    ask("GET", "nosuch", None)
    assert capfd.readouterr() == ("", "")


def test_a_port_that_is_taken(server, new_classifier, complaint):
    response = complaint(ConfigError, Server, Session("other", new_classifier(TEXTS)), server.server_port)
    assert response == f"--port {server.server_port}: Address already in use; choose another port, or leave it out"


def test_tokens_differ(server, new_classifier):
    with Server(Session("other", new_classifier(TEXTS))) as other:
        assert other.token != server.token
        assert len(other.token) >= 20


def test_the_words_of_a_text_are_located_once(session, monkeypatch):
    """A long text takes most of its time there."""
    seen = []
    locate = offsets.locate
    _ = session.rates  # found with a text of its own
    monkeypatch.setattr(offsets, "locate", lambda text, *more: seen.append(text) or locate(text, *more))
    session.look(TEXTS[0], "negative")
    session.learn(TEXTS[0], "negative", None, None, times=3)
    assert seen == [TEXTS[0]]
    session.look(TEXTS[1], "negative")
    assert seen == TEXTS[:2]
