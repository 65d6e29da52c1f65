"""`sentibp report`."""

from __future__ import annotations

import re
from pathlib import Path


def test_a_report_of_the_last_run(sentibp, trained):
    result = sentibp("report")
    assert re.fullmatch(r"report\.html  \d+ kB: a report on run\n", result.out)
    content = Path("report.html").read_text()
    assert content.startswith("<!doctype html>")
    assert "<title>Report: run</title>" in content


def test_json(sentibp, trained):
    response = sentibp("report", trained, trained / "model.safetensors", "--output", "both.html", "--json").json
    assert response["output"] == "both.html"
    assert response["bytes"] == Path("both.html").stat().st_size
    assert response["runs"] == [str(trained), str(trained / "model.safetensors")]
    assert any("a model file does not contain them" in line for line in response["left_out"])


def test_omitted_sections_are_reported_on_stderr(sentibp, trained):
    err = sentibp("report", trained / "model.safetensors").err
    assert "left out: training and environment" in err


def test_the_same_bytes_in_another_process(sentibp, process, trained):
    sentibp("report", trained, "--output", "a.html")
    process("report", str(trained), "--output", "b.html", env={"OPENBLAS_NUM_THREADS": "2"})
    assert Path("a.html").read_bytes() == Path("b.html").read_bytes()


def test_mistakes(fails, sentibp, here, trained):
    assert fails(2, "report", "nosuch").startswith("nosuch: no such run or model")
    assert fails(3, "report", "--output", "nosuch/page.html").splitlines()[-1].startswith("--output nosuch/page.html: ")
    assert "nosuch.csv" in fails(3, "report", "--data", "nosuch.csv")
    Path("empty").mkdir()
    assert fails(2, "report", "empty").startswith("empty: contains neither run.json nor model.safetensors")


def test_notes_on_the_reviews_of_a_file_are_told_as_by_eval(sentibp, here, trained):
    """Rows that were left out, labels that seem to mean the opposite: the report had none of these."""
    rows = "".join(f"{'good' if i % 2 else 'bad'} film {i},{('pos', 'neg')[i % 2]}\n" for i in range(40))
    Path("r.csv").write_text(f"text,label\n{rows},\n")
    told = [line for line in sentibp("eval", trained, "--data", "r.csv").err.splitlines() if line]
    assert any("mean the opposite" in line for line in told)
    assert any("left out: neither text nor label" in line for line in told)
    reported = sentibp("report", trained, "--data", "r.csv").err
    assert all(f"run: {line}" in reported for line in told)
