"""`sentibp eval --probes`: the share of pairs that pass, by kind, and the pairs that fail."""

from __future__ import annotations

import pytest

from sentibp.inspection import probes


@pytest.fixture(autouse=True)
def _model(trained):
    """Make quickstart the run `last`."""


def test_the_json_output_has_the_rates_and_every_failure(sentibp):
    output = sentibp("eval", "--probes", "--json").json
    assert output["n"] == len(probes.load_probes())
    assert output["n"] == sum(kind["n"] for kind in output["kinds"].values())
    assert output["passed"] == sum(kind["passed"] for kind in output["kinds"].values())
    assert output["probes"] == output["passed"] / output["n"]
    low, high = output["probes_interval"]
    assert low < output["probes"] < high
    assert len(output["failures"]) == output["n"] - output["passed"] > 0
    further = output["further"]
    assert further["n"] == len(probes.load_further_probes()) == 200
    assert {name: kind["n"] for name, kind in further["kinds"].items()} == {"negation": 100, "litotes": 100}
    assert len(further["failures"]) == further["n"] - further["passed"] > 0
    for failure in [*output["failures"], *further["failures"]]:
        assert not probes.EXPECTATIONS[failure["expect"]](*failure["positive"])


def test_the_probabilities_are_those_of_predict(sentibp):
    failure = sentibp("eval", "--probes", "--json").json["failures"][0]
    predicted = sentibp("predict", failure["a"], failure["b"]).jsonl
    assert [each["positive"] for each in predicted] == pytest.approx(failure["positive"])


def test_the_text_output_is_a_table_with_optional_failures(sentibp):
    plain = sentibp("eval", "--probes").out.splitlines()
    output = sentibp("eval", "--probes", "--json").json
    kinds = len(output["kinds"])
    assert [line.split()[0] for line in plain[1 : kinds + 1]] == list(output["kinds"])
    assert plain[kinds + 1].startswith("in all")
    assert f"{output['probes']:.4f}" in plain[kinds + 1]
    names = [line.split("  ")[0] for line in plain[kinds + 2 :]]
    assert names == ["further negation", "further litotes", "further all"]
    assert f"{output['further']['probes']:.4f}" in plain[-1]
    shown = sentibp("eval", "--probes", "--failures").out.splitlines()
    assert shown[: len(plain)] == plain
    assert sum(": expected " in line for line in shown[len(plain) :]) == sum(
        len(each["failures"]) for each in (output, output["further"])
    )
    assert max(map(len, shown)) <= 80


@pytest.mark.parametrize("metric", ["probes", "negation"])
def test_a_check_of_all_pairs_or_of_one_kind(sentibp, metric):
    sentibp("eval", "--probes", "--fail-under", f"{metric}=0.01")
    err = sentibp("eval", "--probes", "--fail-under", f"{metric}=0.99", code=1).err
    assert err.startswith(f"--fail-under {metric}=0.99: not met: it is 0.")
    assert err.endswith(", which is lower\n")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--probes", "--data", "sample"], "leave out --data"),
        (["--probes", "--split", "test", "--against", "last"], "leave out --split, --against"),
        (["--failures"], "add --probes"),
        (["--probes", "--fail-under", "accuracy=0.9"], "METRIC is one of probes, negation, litotes,"),
        (["--probes", "--fail-under", "probes"], "write, for example, --fail-under probes=0.9"),
        (["--fail-under", "probes=0.9"], "METRIC is one of accuracy,"),
    ],
    ids=str,
)
def test_mistakes_are_one_line(fails, args, message):
    line = fails(2, "eval", *args)
    assert message in line
    assert "\n" not in line
