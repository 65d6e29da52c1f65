"""`sentibp play` serves the page until it is interrupted, and does not change the model file."""

from __future__ import annotations

import json
import signal
import urllib.request

import pytest

from sentibp.inspection.pages.play_server import Server


def post(url: str, **values) -> dict:
    request = urllib.request.Request(url, json.dumps(values).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.loads(response.read())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGINT)])
def test_play_serves_until_it_is_interrupted(start, trained, number):
    before = {path.name: path.read_bytes() for path in trained.iterdir()}
    running = start("play", str(trained), "--no-browser", "--json")
    response = json.loads(running.stdout.readline())
    assert response["model"] == str(trained / "model.safetensors")
    assert response["url"].startswith("http://127.0.0.1:")
    text = {"text": "I love this movie", "label": "negative"}
    first = post(response["url"] + "look", **text)
    assert first["label"] == "positive"
    assert post(response["url"] + "learn", **text)["positive"] < first["positive"]
    running.send_signal(number)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert out == b""
    lines = err.decode().splitlines()
    assert "training on the page changes the model in memory only; stop with Ctrl-C" in lines[0]
    assert lines[1:] == ["interrupted: the page is closed; the model file is unchanged"]
    assert {path.name: path.read_bytes() for path in trained.iterdir()} == before


def test_the_address_is_printed_on_its_own_line(start, trained):
    running = start("play", "--no-browser")
    line = running.stdout.readline().decode()
    assert line.startswith("http://127.0.0.1:") and line.endswith("/\n")
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=30) == 130


@pytest.mark.usefixtures("here")
def test_the_articles_network_needs_no_model(start):
    running = start("play", "--article", "--no-browser", "--json")
    response = json.loads(running.stdout.readline())
    assert response["model"] == "article"
    text = {"text": "I love this movie", "label": "positive"}
    first = post(response["url"] + "look", **text)
    assert first["positive"] == pytest.approx(0.3) and first["network"] == "article"
    after = post(response["url"] + "learn", **text)
    assert after["positive"] == pytest.approx(0.35, abs=1e-4)
    assert after["curve"]["losses"] == [[1, pytest.approx(0.49), pytest.approx(0.4225, abs=1e-4), False]]
    xor = post(response["url"] + "look", network="xor", text="not good", label="negative")
    assert xor["learned"] == 0 and xor["drawing"]["phases"][0]["name"] == "forward"
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=30) == 130


def test_the_browser_is_opened_unless_disabled(sentibp, trained, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # keep the signal handlers of this process

    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "serve_forever", interrupted)
    sentibp("play", "--no-browser", code=130)
    assert opened == []
    url = sentibp("play", code=130).out.strip()
    assert opened == [url]


def test_mistakes(fails, trained):
    assert fails(2, "play", "nosuch").startswith("nosuch: no such run or model")
    assert fails(2, "play", "last", "-m", "last").startswith("last and -m last: two models")
    assert fails(2, "play", "--article", "-m", "last") == "--article and -m last: two models; leave one out"
    assert fails(2, "play", "last", "--article") == "--article and last: two models; leave one out"
    assert "--port" in fails(2, "play", "--port", "70000")
