"""`sentibp train --resume` and `sentibp reproduce`."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import time
from contextlib import chdir
from pathlib import Path

import pytest
from command import invoke

LONG = ["train", "quickstart", "--set", "train.epochs=50", "--set", "train.checkpoint.every_steps=50"]
RESULTS = ("model.safetensors", "metrics.jsonl", "validation.parquet", "config.yaml")


def contents(run: str | Path) -> dict[str, bytes]:
    return {name: (Path(run) / name).read_bytes() for name in RESULTS}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run directory of the training that no signal ended."""
    folder = tmp_path_factory.mktemp("whole")
    with chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTIBP_CACHE", "off")
        invoke(*LONG, "--out", "run", "--quiet")
    return folder / "run"


@pytest.fixture
def ended_by(start):
    """Start a training, wait for its first checkpoint, and send a signal. Return (exit code, stdout, stderr).

    The training takes a second. On a busy machine the signal may come too late. Then the training is repeated.
    """

    def ended_by(number: int, *args: str) -> tuple[int, str, str]:
        for _ in range(5):
            shutil.rmtree("run", ignore_errors=True)
            running = start(*LONG, "--out", "run", *args)
            while running.poll() is None and not Path("run/checkpoint.safetensors").exists():
                time.sleep(0.01)
            running.send_signal(number)
            out, err = running.communicate()
            if running.returncode != 0:
                break
        return running.returncode, out.decode(), err.decode()

    return ended_by


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_terminated_training_resumes(ended_by, sentibp, whole, number):
    code, out, err = ended_by(number)
    assert "Traceback" not in err
    if number == signal.SIGKILL:
        assert code == -9
    else:
        assert code == 130
        assert err.splitlines()[-1] == "interrupted: the best model so far is kept"
        assert out.splitlines()[-1] == "resume      sentibp train --resume run"
    output = sentibp("train", "--resume", "last")
    assert "\nresumes after step " in output.err
    assert output.out.splitlines()[-1].startswith("next ")
    assert contents("run") == contents(whole)
    second = sentibp("train", "--resume", "run", "--json")
    assert second.json["digest"] == hashlib.sha256((whole / "model.safetensors").read_bytes()).hexdigest()
    assert second.json["outcome"] == "finished"
    assert second.err == "run: finished already\n"


def test_the_command_that_resumes_a_training_on_a_cluster_names_it(ended_by):
    code, out, _ = ended_by(
        signal.SIGINT, "--set", "train.shards=2", "--set", "train.epochs=5000", "--cluster", "local:1"
    )
    assert code == 130
    assert out.splitlines()[-1] == "resume      sentibp train --resume run --cluster local:1"


def test_a_killed_run_is_listed_as_killed(start, sentibp):
    running = start(*LONG, "--set", "train.epochs=100000")
    while not Path("runs/started").exists():
        time.sleep(0.01)

    def outcomes():
        return [run["outcome"] for run in sentibp("runs", "list", "--json").json]

    assert outcomes() == ["running"]
    running.kill()
    running.wait()
    assert outcomes() == ["killed"]


def test_two_trainings_at_once(start, sentibp):
    """Two trainings at the same time with one working directory and one cache do not affect each other."""
    started = [start("train", "quickstart", "--json", "--quiet") for _ in range(2)]
    output = [json.loads(running.communicate()[0]) for running in started]
    assert output[0]["run"] != output[1]["run"]
    alone = sentibp("train", "quickstart", "--json", "--quiet", "--out", "alone").json
    for each in output:
        assert each["digest"] == alone["digest"]
        assert contents(each["run"]) == contents("alone")
        assert sorted(path.name for path in Path(each["run"]).iterdir()) == sorted(
            [*RESULTS, "run.json", "influence_log.safetensors", "review_hashes.safetensors"]
        )


def test_other_settings(ended_by, fails, sentibp):
    ended_by(signal.SIGKILL)
    assert fails(2, "train", "--resume", "run", "--set", "model.hidden=[7]", "--seed", "1").splitlines() == [
        "run: was trained with other settings; resume with the settings of the run, or start a new training",
        "model.hidden: was [8], is [7]",
        "train.seed: was 0, is 1",
    ]
    assert fails(2, "train", "imdb", "--resume", "run").startswith("run: was trained with other settings; ")
    shutil.copytree("run", "other")
    assert sentibp(*LONG[:-1], "train.checkpoint=null", "--resume", "other", "--json").json["outcome"] == "finished"
    sentibp("train", "--resume", "run", "--set", "train.epochs=51")
    assert "epochs: 51" in Path("run/config.yaml").read_text()
    assert "its epochs were raised" in fails(2, "reproduce", "run")


def test_a_training_stopped_by_a_break_condition_resumes(sentibp, whole):
    """It resumes like an interrupted training."""
    sentibp(*LONG, "--out", "run", "--quiet", "--break", "step >= 120", code=1)
    sentibp("train", "--resume", "run", "--quiet")
    assert contents("run") == contents(whole)


def test_mistakes(fails, sentibp):
    assert fails(2, "train", "--resume", "last").startswith("--resume last: no training was started here")
    assert fails(2, "train", "--resume", "nowhere") == "nowhere: no such run or model; see `sentibp runs list`"
    sentibp("train", "quickstart", "--quiet", "--out", "run")
    assert "leave out --out" in fails(2, "train", "--resume", "run", "--out", "other")
    assert "--dry-run" in fails(2, "train", "--resume", "run", "--dry-run")
    assert fails(2, "train", "--resume", "run/model.safetensors").endswith("name its run directory: run")


def test_reproduce(sentibp):
    sentibp("train", "quickstart", "--quiet")
    result = sentibp("reproduce", "last")
    assert result.out.startswith("the same: 8 epochs, 144 steps, and the model, sha256 ")
    output = sentibp("reproduce", "last", "--json", "--quiet")
    assert output.err == ""
    assert output.json["same"]
    assert output.json["difference"] is None
    assert output.json["digest"] == output.json["again"]


def test_reproduce_names_the_first_difference(sentibp):
    run = Path(sentibp("train", "quickstart", "--quiet", "--json").json["run"])
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    line = next(line for line in lines if line["event"] == "step" and line["step"] == 29)
    line["check"] = "ffff" + line["check"][4:]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = sentibp("reproduce", "last", "--quiet", code=1)
    assert result.out.splitlines() == [
        "different, after 1 epoch, 28 steps that are the same",
        "first       seed 0, epoch 2, step 29: embedding.weight",
        "changed     nothing that is recorded: versions, code, processor, threads",
    ]
    facts = json.loads((run / "run.json").read_text())
    facts["versions"]["numpy"] = "1.0"
    (run / "run.json").write_text(json.dumps(facts))
    assert (
        sentibp("reproduce", "last", "--quiet", code=1).out.splitlines()[-1].startswith("changed     numpy: 1.0 then")
    )
    output = sentibp("reproduce", "last", "--quiet", "--json", code=1).json
    assert output["difference"]["tensors"] == ["embedding.weight"]
    assert output["changed"]["numpy"][0] == "1.0"


def test_reproduce_refuses_what_is_not_a_run(fails, sentibp):
    sentibp("train", "quickstart", "--quiet", "--out", "run")
    assert fails(2, "reproduce", "no") == "no: no such run or model; see `sentibp runs list`"
