"""`sentibp audit`."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

QUICK = ("audit", "quickstart", "--set", "train.epochs=2")


def test_as_text(sentibp):
    result = sentibp(*QUICK, "--limit", 3)
    assert re.match(r"320 reviews in 5 folds; accuracy 0\.\d{4} out of fold\n", result.out)
    rows = re.findall(
        r"^\d  sample:\d+: labelled (positive|negative), predicted (positive|negative) [01]\.\d{4}$", result.out, 8
    )
    assert len(rows) == 3 and all(label != output for label, output in rows)
    assert "ironic, mixed or unusual" in result.out
    assert len(re.findall(r"^fold \d of 5: ", result.err, re.MULTILINE)) == 5
    assert max(map(len, (result.out + result.err).splitlines())) <= 80
    assert sentibp(*QUICK, "--limit", 3, "--quiet").err == ""


def test_json(sentibp):
    output = sentibp(*QUICK, "--limit", 2, "--json").json
    assert list(output) == ["reviews", "folds", "agreement", "commoner", "confident", "suspects", "next"]
    assert [list(suspect) for suspect in output["suspects"]] == [
        ["place", "file", "row", "label", "said", "positive", "logit", "bias", "parts", "text"]
    ] * 2
    assert output["next"] is None
    assert sentibp(*QUICK, "--limit", 2, "--folds", 3, "--json").json["folds"] == 3


def test_correct_and_train_again(sentibp, here):
    """Audit a file with other columns and labels, correct it, and run the printed command."""
    lines = ["stars,comment"]
    lines += [f"{5 if i % 2 else 1},{'good great' if i % 2 else 'bad poor'} thing {i}" for i in range(60)]
    lines[11] = "1,good great thing 10"
    (here / "shop.csv").write_text("\n".join(lines) + "\n")
    (here / "shop.yaml").write_text(
        "data: {source: shop.csv, text_column: comment, label_column: stars, labels: {negative: [1], positive: [5]}}\n"
    )
    options = ["--set", "train.epochs=2", "--set", "data.validation=0.2"]
    out = sentibp("audit", "shop.yaml", *options, "--output", "my suspects.csv").out
    top = Path("my suspects.csv").read_text().splitlines()[1]
    assert re.fullmatch(r"good great thing 10,negative,positive,[01]\.\d+,yes,shop\.csv,12", top)
    corrected = Path("my suspects.csv").read_text().replace(",negative,positive,", ",positive,positive,", 1)
    Path("my suspects.csv").write_text(corrected)
    command = shlex.split(out.splitlines()[-1])
    assert command[:3] == ["sentibp", "train", "shop.yaml"]
    assert sentibp(*command[1:], "--quiet", "--json").json["scores"]["n"] == 6
    assert sentibp("audit", "--quiet", "--json").json["confident"] == 0, "the run of the printed command"


def test_networks_at_chance_level_are_reported(sentibp):
    assert "hardly better than chance" in sentibp("audit", "xor", "--quiet", "--json").err
    assert "chance" not in sentibp(*QUICK, "--quiet").err


def test_of_a_run(sentibp, trained, fails, monkeypatch):
    output = sentibp("audit", "--limit", 1, "--output", "s.csv", "--json")
    assert output.json["reviews"] == 320
    assert output.json["next"] == f"sentibp train {trained / 'config.yaml'} --set data.source=s.csv"
    monkeypatch.setenv("HOME", str(trained.parent))  # of a run, ~ was no home
    home = f"~/{trained.name}"
    assert (
        sentibp("audit", home, "--limit", 1, "--folds", 2, "--set", "train.epochs=1", "--json").json["reviews"] == 320
    )
    assert fails(2, "audit", f"{home}/model.safetensors") == (
        f"{trained / 'model.safetensors'}: a model file, not a run directory; name its run directory: {trained}"
    )


def test_mistakes(fails, here):
    message = fails(2, "audit", "nosuch")
    assert message.startswith("nosuch: no such file; shipped: ") and message.endswith("see `sentibp runs list`")
    (here / "a").mkdir()  # all folds were trained before it was refused
    assert fails(3, *QUICK, "--output", "a") == "--output a: a folder; name a file in it"
    assert fails(2, "audit").startswith("no finished run here")
    assert "there is no folder no/such; make it with `mkdir -p no/such`" in fails(
        3, *QUICK, "--quiet", "--output", "no/such/place.csv"
    )
    (here / "few.csv").write_text("text,label\ngood,1\nbad,0\nbad film,0\n")
    assert "needs two of each label" in fails(3, "audit", "quickstart", "--set", "data.source=few.csv", "--quiet")
