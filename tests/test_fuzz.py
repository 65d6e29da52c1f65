"""Run each target of targets.py with a few thousand inputs: damaged seeds, and random bytes."""

from __future__ import annotations

import pytest
import targets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentibp.errors import SentibpError

JUNK = [
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\x1f\x8b",
    b'"',
    b"'",
    b"\n",
    b"\r",
    b",",
    b"\t",
]
JUNK += [b"[" * 50, b"{a: ", b"&a *a", b"!!python/object", b"NaN", b"-1", b"1e999", b"null", b"{}", b"\\ud800"]


@st.composite
def damaged(draw: st.DrawFn, target: str) -> bytes:
    """Return a seed that is partly overwritten, deleted, duplicated or extended by junk; or random bytes."""
    content = bytearray(draw(st.sampled_from(targets.seeds(target))))
    for _ in range(draw(st.integers(0, 3))):
        start, stop = sorted(draw(st.tuples(*[st.integers(0, len(content))] * 2)))
        stop = min(stop, start + 40)
        part = bytes(content[start:stop])
        content[start:stop] = draw(st.sampled_from([b"", part * 2, *JUNK]) | st.binary(max_size=8))
    return bytes(content)


def inputs(target: str) -> st.SearchStrategy[bytes]:
    return damaged(target) | st.binary(max_size=80)


EXAMPLES = {"run": 40, "records": 40, "facts": 40, "tokenizer": 40, "workbook": 30, "parquet": 40}


@pytest.mark.parametrize("target", targets.TARGETS)
@pytest.mark.usefixtures("here")
def test_no_input_raises_an_unexpected_error(target):
    @settings(max_examples=EXAMPLES.get(target, 80), deadline=None, suppress_health_check=list(HealthCheck))
    @given(inputs(target))
    def ends_well(content: bytes) -> None:
        targets.TARGETS[target](content)

    ends_well()


@pytest.mark.parametrize("target", targets.TARGETS)
@pytest.mark.usefixtures("here")
def test_the_seeds_are_valid(target):
    """Otherwise all damaged seeds would be rejected at their first byte."""
    for seed in targets.seeds(target):
        targets.TARGETS[target](seed)


def test_a_bug_is_detected():
    def broken(content: bytes) -> None:
        targets.ends_well(lambda: {}[content])

    with pytest.raises(KeyError):
        broken(b"")
    with pytest.raises(AssertionError):
        targets.ends_well(lambda: (_ for _ in ()).throw(SentibpError("")))
