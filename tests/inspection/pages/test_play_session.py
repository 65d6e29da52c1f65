"""What was taught is kept as a session or a model file, and a session that is no session is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sentibp.export.compress import compress
from sentibp.inspection.pages import play_session
from sentibp.inspection.pages.play import Session
from sentibp.inspection.pages.play_networks import networks_with
from sentibp.inspection.pages.play_server import LIMIT, Server, _answer_call
from sentibp.inspection.pages.play_session import SessionError, TaughtLog, read_session
from sentibp.model.file import load_header, load_model

TEXTS = ["a good film, a fine film", "a bad film", "dull and bad"]


@pytest.fixture
def server(new_classifier):
    networks = networks_with("mine", "the model", "", lambda: new_classifier(TEXTS), article_first=True)
    with Server(networks) as server:
        yield server


def call(server, name, **request) -> Any:
    return _answer_call(server, name, request)


def refused(server, name, **request) -> str:
    with pytest.raises(Exception) as caught:
        call(server, name, **request)
    return str(caught.value)


def teach(server, network="article", times=1, **settings):
    for _ in range(times):
        answer = call(server, "learn", network=network, text="I love this movie", label="positive", **settings)
    return answer


def test_a_saved_network_is_read_by_every_command(server, tmp_path):
    taught = teach(server, times=3)
    answer = call(server, "save", network="article", file="network")
    assert answer.file_name == "taught-by-hand-article-3-steps.safetensors"
    path = tmp_path / answer.file_name
    path.write_bytes(answer.content)
    assert load_model(path).answers(["I love this movie"])[0]["positive"] == pytest.approx(taught["positive"], abs=1e-6)
    header = load_header(path)
    assert header["taught_by_hand"] == {"network": "article", "steps": 3}
    assert header["scores"] == {}, "the scores of the training are those of another network"


def test_a_compressed_model_learns_and_is_saved(new_classifier, tmp_path):
    path = tmp_path / "small.safetensors"
    path.write_bytes(compress(new_classifier(TEXTS, model={"hidden": [3]}), 1_000_000).to_bytes())
    with Server(Session(str(path), load_model(path))) as server:
        taught = call(server, "learn", text=TEXTS[0], label="negative")
        answer = call(server, "save", file="network")
    assert answer.file_name == "taught-by-hand-small-1-step.safetensors"
    (tmp_path / answer.file_name).write_bytes(answer.content)
    found = load_model(tmp_path / answer.file_name).answers([TEXTS[0]])[0]
    assert found["positive"] == pytest.approx(taught["positive"], abs=1e-6)


def test_a_session_gives_the_same_weights_to_the_bit(server):
    teach(server, "model", optimizer="adam", learning_rate=0.1)
    call(server, "learn", network="model", text="dull <b>🙂", label="negative", optimizer="sgd", learning_rate=1)
    saved = json.loads(call(server, "save", network="model", file="session").content)
    session = server.networks.networks["model"].session
    weights = {name: value.tobytes() for name, value in session.classifier.tensors().items()}
    call(server, "reset", network="model")
    answer = call(server, "load", session=saved)
    assert answer["network"] == "model" and answer["learned"] == 2 and answer["taught"] == "negative"
    assert {name: value.tobytes() for name, value in session.classifier.tensors().items()} == weights


def test_a_session_replaces_nothing_unasked(server):
    teach(server)
    saved = json.loads(call(server, "save", network="article", file="session").content)
    teach(server)
    assert "2 steps of this page, which the session would replace" in refused(server, "load", session=saved)
    assert call(server, "look", network="article", text="")["learned"] == 2
    assert call(server, "load", session=saved, replace=True)["learned"] == 1


def test_a_session_of_another_network_is_refused(server, new_classifier):
    with Server(Session("/models/other/model.safetensors", new_classifier(TEXTS, seed=1))) as other:
        call(other, "learn", text="good", label="positive")
        saved = json.loads(call(other, "save", file="session").content)
    assert "/models" not in json.dumps(saved), "a session tells no paths"
    assert "taught to another network, other" in refused(server, "load", session=saved)
    assert call(server, "look", network="article", text="")["learned"] == 0


GOOD = {
    "kind": "sentibp play session",
    "version": 1,
    "network": "a",
    "fingerprint": "f",
    "labels": ["negative", "positive"],
    "steps": [{"text": "good", "label": "positive", "optimizer": None, "learning_rate": 0.1}],
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "other"}, "no session"),
        ({"version": 2}, "newer version"),
        ({"network": 3}, "damaged"),
        ({"steps": []}, "0 steps"),
        ({"steps": {}}, "damaged"),
        ({"steps": [3]}, "step 1 has no text"),
        ({"steps": GOOD["steps"] * 5001}, "5,001 steps"),
        ({"labels": None}, "labels"),
        ({"steps": [GOOD["steps"][0] | {"text": "x" * 65_000}] * 40}, "over 2,000,000 characters"),
        *(
            ({"steps": [GOOD["steps"][0] | wrong]}, "step 1 has")
            for wrong in (
                {"text": 3},
                {"text": "x" * 65_537},
                {"label": "so so"},
                {"label": None},
                {"optimizer": "magic"},
                {"learning_rate": -1},
                {"learning_rate": True},
                {"learning_rate": "0.1"},
                {"learning_rate": float("nan")},
            )
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_file_that_is_no_session_is_refused_with_a_reason(server, change, says):
    assert read_session(GOOD).steps[0].text == "good"
    with pytest.raises(SessionError, match=says):
        read_session(GOOD | change)
    for content in (None, [], "text", 3):
        with pytest.raises(SessionError, match="no session"):
            read_session(content)


def test_a_session_that_diverges_is_undone(server):
    teach(server)
    saved = json.loads(call(server, "save", network="article", file="session").content)
    saved["steps"].append(saved["steps"][0] | {"learning_rate": 1e200})
    reason = refused(server, "load", session=saved, replace=True)
    assert "step 2 of the session: diverged" in reason
    assert call(server, "look", network="article", text="I love this movie")["positive"] == pytest.approx(0.3)


def test_nothing_is_saved_before_a_step_and_after_too_many(server, monkeypatch):
    for file in "session", "network":
        assert "press Learn first" in refused(server, "save", network="article", file=file)
    assert "choose from session, network" in refused(server, "save", network="article", file="../x")
    monkeypatch.setattr(play_session, "_STEPS", 3)
    teach(server, times=4)
    assert "save the network instead" in refused(server, "save", network="article", file="session")
    for _ in range(4):
        call(server, "undo", network="article", text="")
    call(server, "reset", network="article")
    teach(server)
    assert call(server, "save", network="article", file="session").content


def test_a_page_that_is_open_for_days_keeps_a_bounded_log(monkeypatch):
    monkeypatch.setattr(play_session, "_CHARACTERS", 1000)
    log = TaughtLog()
    for _ in range(100):
        log.add(play_session.Taught("x" * 100, "positive", None, None))
    assert sum(len(step.text) for step in log.steps) <= 1000


@pytest.mark.parametrize(
    ("name", "expected"),
    [("first", "first"), ("../../etc", "etc"), ('a"b\n', "a-b"), ("模型", "network"), ("x" * 99, "x" * 40)],
)
def test_file_names_are_plain(name, expected):
    assert play_session.file_name(name, 1, ".json") == f"taught-by-hand-{expected}-1-step.json"


def test_a_session_may_be_longer_than_a_text(server):
    assert play_session.SESSION_LIMIT > 10 * LIMIT
