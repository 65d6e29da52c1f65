"""Run a command in this process."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, NamedTuple

from typer.testing import CliRunner

from sentibp.cli import application


class Result(NamedTuple):
    """The exit code of a command, and its output on stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return the JSON value on stdout."""
        return json.loads(self.out)

    @property
    def jsonl(self) -> list[dict[str, Any]]:
        """Return the JSON object of each line of stdout."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def csv(self) -> list[dict[str, str]]:
        """Return the rows of the CSV on stdout."""
        return list(csv.DictReader(io.StringIO(self.out)))


def checked(result: Result, code: int) -> Result:
    """Check the exit code, and that there is no traceback and no warning."""
    assert "Traceback" not in result.err
    assert "Warning" not in result.err
    assert result.code == code, result.err or result.out
    return result


def invoke(*args: object, code: int = 0, stdin: str | bytes | None = None) -> Result:
    """Run the command in this process. An unexpected exception fails the test."""
    done = CliRunner().invoke(
        application(), list(map(str, args)), input=stdin, catch_exceptions=False, prog_name="sentibp"
    )
    return checked(Result(done.exit_code, done.stdout, done.stderr), code)
