"""A process that runs for long keeps no files or threads. `benchmarks/long_runs.py` measures the memory, too."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import urllib.request

import pytest

from sentibp.inspection.pages.play import Session
from sentibp.inspection.pages.play_server import Server
from sentibp.utils.arrow import strings

TEXTS = ["a good film, a fine film", "a bad film", "dull and bad"]

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="only Linux lists the files of a process")


def held() -> tuple[int, int]:
    """Return how many files and threads this process has."""
    return len(os.listdir("/proc/self/fd")), threading.active_count()


def test_predictions_keep_no_files_and_no_threads(new_classifier):
    classifier = new_classifier(TEXTS)
    classifier.predict(strings(TEXTS))
    before = held()
    for number in range(200):
        classifier.predict(strings([f"{TEXTS[number % 3]} {number}"] * (1 + number % 5)))
    assert held() == before


def test_learning_on_the_page_keeps_no_files_and_no_threads(new_classifier):
    with Server(Session("model", new_classifier(TEXTS))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            sizes = [learn(server.url, number) for number in range(8)]
            before = at_rest()
            sizes += [learn(server.url, number) for number in range(40)]
            assert at_rest() <= before
            assert sizes[-1] - sizes[0] < 300 * len(sizes), "an answer names the steps, each by its beginning"
        finally:
            server.shutdown()
            thread.join()


def learn(url: str, number: int) -> int:
    """Train one step; return the size of the answer."""
    body = json.dumps({"text": TEXTS[number % 3], "label": "positive", "learning_rate": 0.01}).encode()
    request = urllib.request.Request(f"{url}learn", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return len(answer.read())


def at_rest() -> tuple[int, int]:
    """Return what is held when the threads of the last requests have ended: the least in two seconds."""
    least = held()
    for _ in range(20):
        time.sleep(0.01 if sys.platform == "linux" else 0.1)
        least = min(least, held())
    return least
