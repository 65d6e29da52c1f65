"""An option that has no effect beside another one is refused, or a line says so."""

from __future__ import annotations

import pytest

FORCE = "--force: replaces the file of --output; add --output FILE, or leave it out"

REFUSED = {
    ("predict", "good", "-m", "builtin", "--force"): FORCE,
    ("trace", "good", "--label", "positive", "-m", "builtin", "--force"): FORCE,
    ("card", "builtin", "--force"): FORCE,
    ("audit", "quickstart", "--force"): FORCE,
    ("explain", "good", "-m", "builtin", "--json", "--format", "html"): "--json: writes JSON, and --format html some",
    ("trace", "good", "-m", "builtin", "--json", "--format", "text"): "--json: writes JSON, and --format text some",
    ("predict", "good", "-m", "builtin", "--json", "--format", "csv"): "--json: writes JSON, and --format csv some",
    ("predict", "good", "--explain", "--no-keep", "--format", "table"): "--no-keep: an explanation in a table has its",
    ("gradcheck", "--layer", "layer.py", "--reviews", "9"): "--reviews: how many reviews are read, and a layer reads",
}


@pytest.mark.parametrize(("arguments", "why"), REFUSED.items(), ids=" ".join)
def test_refused(fails, here, arguments, why):
    assert why in fails(2, *arguments)


@pytest.mark.parametrize("way", ["--find-lr", "--dry-run"])
def test_no_run_is_kept_where_training_is_only_tried(sentibp, here, way):
    err = sentibp("train", "quickstart", way, "--out", "run").err
    assert f"--out run: has no effect, as {way} keeps nothing" in err and not (here / "run").exists()
    assert "no effect" not in sentibp("train", "quickstart", way).err


def test_a_table_without_the_texts(sentibp):
    with_text = sentibp("predict", "good", "-m", "builtin", "--format", "table").out
    without = sentibp("predict", "good", "-m", "builtin", "--format", "table", "--no-keep").out
    assert with_text == f"{without.rstrip()}  good\n" and "good" not in without


def test_the_same_format_twice(sentibp):
    once = sentibp("explain", "good", "-m", "builtin", "--json").out
    assert sentibp("explain", "good", "-m", "builtin", "--json", "--format", "json").out == once
