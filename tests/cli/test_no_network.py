"""Commands that predict, evaluate, explain or check do not use the network."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys

import pytest

SILENT = [  # commands that never need a network
    ["predict", "a good film"],
    ["predict", "--input", "reviews.csv", "--explain"],
    ["eval", "--data", "reviews.csv"],
    ["eval", "--against", "last", "--data", "reviews.csv"],
    ["eval", "--probes"],
    ["explain", "a good film", "--flip"],
    ["trace", "a good film", "--label", "positive"],
    ["gradcheck"],
    ["gradcheck", "--data", "reviews.csv"],
    ["words", "top"],
    ["words", "neighbors", "good"],
    ["words", "analogy", "good", "bad", "film"],
    ["report", "--data", "reviews.csv"],
    ["runs", "list"],
    ["config", "show", "imdb"],
    ["cache"],
]


@pytest.fixture
def reached(monkeypatch):
    """Record all connections, and refuse them."""
    asked = []

    def refuse(*arguments, **options):
        asked.append(arguments)
        raise OSError("no network in this test")

    for name in "getaddrinfo", "gethostbyname", "create_connection":
        monkeypatch.setattr(socket, name, refuse)
    for name in "connect", "connect_ex", "sendto":
        monkeypatch.setattr(socket.socket, name, refuse)
    return asked


@pytest.fixture
def online(here, trained, monkeypatch):
    """Change to a folder with a model and reviews, with the hub enabled."""
    monkeypatch.delenv("HF_HUB_OFFLINE")
    (here / "reviews.csv").write_text("text,label\n" + "a good film,1\na bad film,0\n" * 10)
    return here


@pytest.mark.parametrize("words", SILENT, ids=" ".join)
@pytest.mark.usefixtures("online")
def test_no_socket_is_opened(sentibp, reached, words):
    sentibp(*words)
    assert reached == []


@pytest.mark.usefixtures("online")
def test_gradcheck_of_a_hub_data_set_uses_a_local_copy(sentibp, reached):
    """The package contains a copy of this data set. Others are in the cache after a training."""
    sentibp("gradcheck", "rotten_tomatoes", "--reviews", "20")
    assert reached == []


QUICK = [f"--set={each}" for each in ("text.ngrams=1", "text.affixes=false", "text.shifters=false", "train.epochs=1")]


@pytest.mark.usefixtures("online")
def test_a_connection_is_detected(sentibp, reached):
    """A training on a data set of the hub tries to connect."""
    sentibp("train", "rotten_tomatoes", "--dry-run", "--quiet", *QUICK)
    assert reached


@pytest.mark.parametrize("words", [["train", "--quiet", "--dry-run"], ["bench"]], ids=" ".join)
@pytest.mark.usefixtures("online")
def test_offline_opens_no_connection(sentibp, reached, words):
    sentibp(*words, "rotten_tomatoes", "--offline", *QUICK)
    assert reached == []


@pytest.mark.usefixtures("online")
def test_missing_data_is_reported_offline(fails, reached):
    for words in ["train", "sst2"], ["bench", "sst2"], ["eval", "--data", "stanfordnlp/sst2"]:
        output = fails(3, *words, "--offline")
        assert "stanfordnlp/sst2: working offline, and this data set has no local copy in " in output
    assert "imdb: cannot reach the Hugging Face hub" in fails(3, "eval", "--data", "imdb", "--offline")
    assert reached == []


def isolated() -> bool:
    """Return whether a process can be started without a network."""
    command = ["unshare", "--net", "true"]
    return bool(shutil.which("unshare")) and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.skipif(not isolated(), reason="needs `unshare --net`")
@pytest.mark.parametrize("words", [SILENT[0], SILENT[2], SILENT[7], SILENT[9]], ids=" ".join)
def test_in_a_process_without_a_network(online, words):
    """The kernel gives this process no network, not even loopback, so code below Python is covered."""
    command = ["unshare", "--net", sys.executable, "-W", "error", "-m", "sentibp", *words]
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    done = subprocess.run(command, cwd=online, env=environment, capture_output=True, text=True)
    assert done.returncode == 0
    assert not done.stderr or "only 20 reviews: " in done.stderr
    assert done.stdout
