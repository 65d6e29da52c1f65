"""`sentibp serve`: who may use the server, the token, and the mistakes of its options."""

from __future__ import annotations

import os
import signal
import socket
import sys

import pytest
from serving import Served

TOKEN = "0123456789abcdef-._~+/="


@pytest.fixture(scope="module")
def guarded(new_classifier, tmp_path_factory):
    """A server that other machines could reach."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "model.safetensors").write_bytes(new_classifier(["good film", "bad"]).to_bytes())
    (folder / "token.txt").write_text(f"{TOKEN}\n")
    with Served("-m", folder, "--host", "0.0.0.0", "--token-file", folder / "token.txt") as server:
        yield server


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (None, "a token is required"),
        ("", "the token is wrong"),
        ("Bearer", "the token is wrong"),
        ("Bearer ", "the token is wrong"),
        (f"Bearer {TOKEN[:-1]}", "the token is wrong"),
        (f"Bearer {TOKEN}x", "the token is wrong"),
        (f"Bearer {TOKEN.upper()}", "the token is wrong"),
        (f"Basic {TOKEN}", "the token is wrong"),
        (TOKEN, "the token is wrong"),
        ("Bearer é", "the token is wrong"),
    ],
)
def test_without_the_token_there_is_nothing(guarded, given, says):
    for path in "/predict", "/model", "/openapi.json", "/nosuch":
        answer = guarded.ask("good" if path == "/predict" else None, path, headers={"Authorization": given})
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json["error"] == f"{says}; send the header Authorization: Bearer TOKEN"
    assert guarded.ask(path="/health", headers={"Authorization": given}).status == 200


def test_with_the_token(guarded):
    for scheme in "Bearer", "bearer":
        headers = {"Authorization": f"{scheme} {TOKEN}", "Host": "sentiment.example", "Origin": "https://x.example"}
        assert guarded.ask("good", headers=headers).json["label"] in ("negative", "positive")
    document = guarded.ask(path="/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"}).json
    assert document["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
    assert document["paths"]["/predict"]["post"]["security"] == [{"token": []}]
    assert "security" not in document["paths"]["/health"]["get"]
    assert "401" in document["paths"]["/model"]["get"]["responses"]
    assert "requests need the token" in guarded.lines[0]
    assert TOKEN not in "".join(guarded.lines)


def test_two_tokens_are_none(guarded):
    lines = [f"Authorization: Bearer {token}" for token in (TOKEN, "x" * 20)]
    head = "\r\n".join(["GET /model HTTP/1.1", "Host: x", *lines, "", ""])
    assert guarded.send(head.encode()).startswith(b"HTTP/1.1 401 ")


def test_the_token_of_the_environment(new_classifier, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(new_classifier(["good film", "bad"]).to_bytes())
    with Served("-m", tmp_path, env=os.environ | {"SENTIBP_TOKEN": TOKEN}) as server:
        assert server.ask("good").status == 401
        assert server.ask("good", headers={"Authorization": f"Bearer {TOKEN}"}).status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_another_host_needs_a_token(fails, trained, monkeypatch, host):
    monkeypatch.delenv("SENTIBP_TOKEN", raising=False)
    if ":" in host and not socket.has_ipv6:
        pytest.skip("there is no IPv6 here")
    said = fails(2, "serve", "--host", host, "--port", "0")
    assert said.startswith(f"--host {host}: other machines can reach this address, so requests need a token")
    assert "add --token-file token.txt, or set SENTIBP_TOKEN" in said


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "there is no token"),
        (" \n", "there is no token"),
        ("short", "a token of 5 characters; it needs at least 16"),
        ("two words in a file", "no blanks"),
        ("schöner langer Text", "ASCII"),
        ("x" * 5000, "a token of more than 4,096 characters"),
    ],
)
def test_a_token_that_is_none(fails, trained, monkeypatch, content, says):
    with open("token.txt", "w") as file:
        file.write(content)
    said = fails(2, "serve", "--token-file", "token.txt")
    assert said.startswith("--token-file token.txt: ")
    assert says in said
    assert "secrets.token_hex" in said
    monkeypatch.setenv("SENTIBP_TOKEN", content)
    assert fails(2, "serve").startswith("SENTIBP_TOKEN: ")


def test_mistakes(fails, trained):
    assert "nosuch.txt" in fails(3, "serve", "--token-file", "nosuch.txt")
    assert fails(2, "serve", "-m", "nosuch", "--port", "0").startswith("nosuch: no such run or model")
    assert fails(2, "serve", "--host", "nosuch.invalid").startswith("--host nosuch.invalid: no such address")
    assert "give an address of this machine" in fails(2, "serve", "--host", "192.0.2.1", "--token-file", token())
    assert "--max-body 3 apples: not a size" in fails(2, "serve", "--max-body", "3 apples")
    for option in "--timeout", "--max-texts", "--max-length", "--max-waiting", "--port":
        assert option in fails(2, "serve", option, "-1")
    for value in "0", "nan", "inf":
        assert "--timeout" in fails(2, "serve", "--timeout", value)
    with socket.create_server(("127.0.0.1", 0)) as other:
        said = fails(2, "serve", "--port", other.getsockname()[1])
    assert "Address already in use; choose another port, or --port 0 for any free one" in said


def token() -> str:
    with open("token.txt", "w") as file:
        file.write(TOKEN)
    return "token.txt"


def test_without_the_extra_the_message_says_how_to_install_it(fails, trained, monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("sentibp.export.server", "starlette"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette", None)
    assert fails(2, "serve") == "a server needs starlette: pip install 'sentibp[serve]'"


def test_the_start_is_reported(start, trained):
    running = start("serve", "--port", "0")
    url = running.stdout.readline().decode()
    assert url.startswith("http://127.0.0.1:")
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=20)
    assert (running.returncode, out) == (0, b"")
    first = f"{trained / 'model.safetensors'}: answers POST {url.strip()}/predict; only this machine can reach it"
    assert err.decode().splitlines() == [f"{first}; stop with Ctrl-C", "ended: all requests are answered"]


def test_the_newest_run_is_loaded_again(new_classifier, here):
    for seed in 1, 2:
        (here / "runs" / f"{seed}").mkdir(parents=True)
        (here / "runs" / f"{seed}" / "model.safetensors").write_bytes(new_classifier(["good"], seed=seed).to_bytes())
    (here / "runs" / "last").write_text("runs/1\n")
    with Served("-m", "last") as server:
        first = server.ask("good").json
        (here / "runs" / "last").write_text("runs/2\n")
        server.process.send_signal(signal.SIGHUP)
        line = server.wait_for_line("reloaded")
        assert server.lines[line].startswith(f"{os.path.join('runs', '2', 'model.safetensors')}: reloaded")
        assert server.ask("good").json != first


def test_closing_the_terminal_ends_the_server(new_classifier, tmp_path):
    """The system sends SIGHUP then, which reloads the model of a server without a terminal."""
    pty = pytest.importorskip("pty", reason="there are no pseudo terminals here")
    (tmp_path / "model.safetensors").write_bytes(new_classifier(["good film", "bad"]).to_bytes())
    screen, end = pty.openpty()
    script = (
        "import fcntl, os, signal, sys, termios; os.setsid(); fcntl.ioctl(int(sys.argv[1]), termios.TIOCSCTTY, 0); "
    )
    script += "signal.signal(signal.SIGHUP, signal.SIG_DFL); "  # nohup, with which pytest may run, ignores it
    script += "os.execv(sys.executable, [sys.executable, '-m', 'sentibp', 'serve', '--port', '0', *sys.argv[2:]])"
    import subprocess

    command = [sys.executable, "-c", script, str(end), "-m", str(tmp_path)]
    with subprocess.Popen(command, pass_fds=[end], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        os.close(end)
        assert running.stdout.readline().startswith(b"http://")
        os.close(screen)
        assert running.wait(20) == 0
