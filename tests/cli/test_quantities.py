"""Numbers, sizes and times that are written in other ways: each is refused with what to type, or read."""

from __future__ import annotations

import re

import pytest

from sentibp.cli.quantities import parse_size
from sentibp.errors import ConfigError

SIZES = dict.fromkeys(("9000", "9kB", "0.009 MB", "9KB", "9000B", " 9 kb "), 9_000)
SIZES |= {"8.8KiB": 9_011, "1.5MiB": 1_572_864, "2GB": 2_000_000_000, "1 GiB": 1 << 30, "2tb": 2 * 10**12}
BAD_SIZES = {
    "0": "less than a byte; write, for example, --max-size 1MB",
    "0.5": "less than a byte; write, for example, --max-size 1MB",
    "-1": "not a size; write, for example, --max-size 1MB",
    "1e3": "not a size; write --max-size 1000",
    "1e3 kB": "not a size; write --max-size 1000kB",
    "1,5MB": "not a size; write --max-size 1.5MB",
    "1,500": "not a size; write, for example, --max-size 1MB",  # 1500 or 1.5
    "0,0": "not a size; write, for example, --max-size 1MB",
    **dict.fromkeys(("1XB", "-1MB", "MB", "one", "1 M B", "nan"), "not a size; write, for example, --max-size 1MB"),
    "9" * 400: "more than any file can have; write, for example, --max-size 1MB",
    "inf": "not a size; write, for example, --max-size 1MB",
    "9999999999TB": "more than any file can have; write, for example, --max-size 1MB",
}


@pytest.mark.parametrize(("text", "count"), SIZES.items())
def test_a_size(text, count):
    assert parse_size(text) == count


@pytest.mark.parametrize(("text", "why"), BAD_SIZES.items())
def test_what_is_no_size(text, why):
    with pytest.raises(ConfigError, match=re.escape(f": {why}")) as error:
        parse_size(text)
    parse_size(re.findall("write,? .*?--max-size (\\S+)", str(error.value))[0])  # the repair is read


SERVE, SWEEP, WATCH = ("serve", "--timeout"), ("sweep", "a", "b", "--timeout"), ("runs", "watch", "--interval")
BAD_NUMBERS = [
    (*SERVE, "1,5", "not a number of seconds from 0.001 to 86400; write --timeout 1.5"),
    (*SERVE, "5m", "not a number of seconds from 0.001 to 86400; write --timeout 300"),
    (*SERVE, "2d", "not a number of seconds from 0.001 to 86400; give one"),  # two days are too long
    (*SERVE, "0", "not a number of seconds from 0.001 to 86400; give one"),
    (*SERVE, "inf", "not a number of seconds from 0.001 to 86400; give one"),
    (*SWEEP, "10min", "not a number of seconds; write --timeout 600"),
    (*SWEEP, "soon", "not a number of seconds; give one"),
    (*WATCH, "nan", "not a number of seconds from 0.05 on; give one"),  # sleep(nan) is an error
    (*WATCH, "inf", "not a number of seconds from 0.05 on; give one"),
    (*WATCH, "-1", "not a number of seconds from 0.05 on; give one"),
    ("sweep", "a", "b", "--trials", "1e3", "not a whole number from 1 to 100000; write --trials 1000"),
    ("sweep", "a", "b", "--trials", "1,000", "not a whole number from 1 to 100000; write --trials 1000"),
    ("sweep", "a", "b", "--jobs", "0", "not a whole number from 1 to 256; give one"),
    ("audit", "a", "--folds", "5.0", "not a whole number from 2 on; write --folds 5"),
    ("audit", "a", "--folds", "2.5", "not a whole number from 2 on; give one"),
    ("train", "quickstart", "--seed", "x", "not a whole number from 0 on; give one"),
    ("trace", "good", "--learning-rate", "0,1", "not a number; write --learning-rate 0.1"),
]


@pytest.mark.parametrize("case", BAD_NUMBERS, ids=lambda case: " ".join(case[:-1]))
def test_what_is_no_number(fails, case):
    *arguments, option, value, why = case
    assert f"{option} {value}: {why}" in fails(2, *arguments, option, value)


TWO_WORDS = {
    ("export", "last", "--max-size", "1", "kB"): "--max-size 1kB",
    ("export", "--max-size", "1,5", "MB", "last"): "--max-size 1.5MB",
    ("compress", "--max-size", "1", "kB"): "--max-size 1kB",
    ("export", "--to", "js", "-m", "builtin", "--max-size", "300", "kB"): "--max-size 300kB",
    ("serve", "-m", "last", "--max-body", "4", "MB"): "--max-body 4MB",
    ("sweep", "a", "b", "--timeout", "5", "min"): "--timeout 300",
    ("runs", "watch", "--interval", "2", "s", "run"): "--interval 2",
}


@pytest.mark.parametrize(("arguments", "repair"), TWO_WORDS.items(), ids=" ".join)
def test_a_unit_after_a_blank(fails, here, arguments, repair):
    assert f": two words; write {repair}" in fails(2, *arguments)


def test_a_model_may_be_called_as_a_unit(fails, here):
    (here / "kB").mkdir()
    assert "kB: has no model.safetensors" in fails(2, "export", "--to", "html", "--max-size", "1", "kB")
