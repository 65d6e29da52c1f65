"""The requests of the guide, sent to a real server: it answers what the page shows."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

import pytest
from serving import Served

PAGE = (Path(__file__).parents[3] / "docs" / "guide" / "server.md").read_text(encoding="utf-8")
REQUESTS = re.findall(r"^\$ (curl .*)\n(.*)$", PAGE, re.MULTILINE)
TOKEN = "0123456789abcdef"


@pytest.fixture(scope="module", params=[False, True], ids=["open", "with a token"])
def server(request):
    variables = {name: text for name, text in os.environ.items() if name != "SENTIBP_TOKEN"}
    with Served("-m", "builtin", env=variables | ({"SENTIBP_TOKEN": TOKEN} if request.param else {})) as server:
        yield server


def alike(value, shown):
    """Whether two JSON values are the same, but for the last digits of numbers."""
    if isinstance(value, dict):
        return list(value) == list(shown) and all(alike(value[key], shown[key]) for key in value)
    if isinstance(value, list):
        return len(value) == len(shown) and all(map(alike, value, shown))
    return value == (pytest.approx(shown, abs=1e-6) if isinstance(value, float) else shown)


def test_the_requests_of_the_guide(server):
    needs_token = server.ask("good").status == 401
    after = PAGE.index("--token-file token.txt\n")
    found = [each for each in REQUESTS if (PAGE.index(each[0]) > after) == needs_token]
    assert len(found) == (2 if needs_token else 3)
    for line, shown in found:
        words = shlex.split(line.replace("$(cat token.txt)", TOKEN))
        path = words[1].removeprefix("http://127.0.0.1:8000")
        headers = dict([words[words.index("-H") + 1].split(": ")]) if "-H" in words else {}
        answer = server.ask(words[words.index("--json") + 1].encode(), path, headers=headers)
        assert alike(answer.json, json.loads(shown)), line


def test_the_table_of_errors_has_the_limits():
    from sentibp.export.server.limits import Limits

    limits = Limits()
    assert f"more than {limits.body // 1_000_000} MB" in PAGE
    assert f"more than {limits.texts:,} texts" in PAGE
    assert f"more than {limits.length:,} characters" in PAGE
    assert f"within {limits.seconds:g} seconds" in PAGE
    assert f"More than {limits.waiting} requests" in PAGE
