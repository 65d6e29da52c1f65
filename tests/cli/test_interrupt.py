"""Ctrl-C, at any time: exit code 130, a word on stderr, and the best model so far is kept."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sentibp.cli.interrupts import heeded
from sentibp.training.events import Note
from sentibp.training.truncated_svd import Round

ENDLESS = ["train", "quickstart", "--set", "train.epochs=1000000", "--out", "run"]


@pytest.fixture
def interrupt(start):
    """Start a command, wait until its run has a model, send SIGINT: `(exit code, stdout, stderr)`."""

    def interrupt(*args: str) -> tuple[int, str, str]:
        running: subprocess.Popen = start(*args)
        while not Path("run/model.safetensors").exists():
            assert running.poll() is None, running.stderr.read()
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate()
        assert b"Traceback" not in err
        return running.returncode, out.decode(), err.decode()

    return interrupt


def test_the_best_model_so_far_is_kept(interrupt, sentibp):
    code, out, err = interrupt(*ENDLESS)
    assert code == 130
    assert err.splitlines()[-1] == "interrupted: the best model so far is kept"
    assert "run/model.safetensors" in out
    assert json.loads(Path("run/run.json").read_text())["outcome"] == "interrupted"
    assert len(sentibp("predict", "good").jsonl) == 1
    assert sentibp("eval", "--json").json["n"] == 32
    assert sorted(Path("run").glob(".*")) == [], "no half-written file"


def test_as_json_the_object_is_there_and_stderr_says_what_happened(interrupt):
    code, out, err = interrupt(*ENDLESS, "--json")
    assert code == 130
    said = json.loads(out)
    assert said["outcome"] == "interrupted"
    assert Path(said["model"]).is_file()
    assert "interrupted" in err


def test_of_several_seeds(interrupt, sentibp):
    assert interrupt(*ENDLESS, "--set", "train.seeds=2", "--quiet")[0] == 130
    assert len(sentibp("predict", "good").jsonl) == 1


SIGNAL = """
import signal, sys
module = sys.argv.pop(1)
class AsItIsImported:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, AsItIsImported())
import runpy
try:
    runpy.run_module("sentibp", run_name="__main__", alter_sys=True)
finally:
    if module not in sys.modules:
        print("never imported:", module)
"""


@pytest.mark.parametrize("module", ["typer", "pydantic", "sentibp.config", "numpy", "pyarrow.compute"])
def test_while_the_program_is_still_loading(environment, module):
    """Loading takes most of a second. What is interrupted then must end, and not go on or show the loader's stack."""
    command = [sys.executable, "-c", SIGNAL, module, *ENDLESS, "--set", "train.epochs=1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode == 0 and "never imported" in done.stdout:
        pytest.skip(f"{module} is not loaded")
    assert "Traceback" not in done.stderr
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1].startswith("interrupted")


def test_a_broken_pipe_on_stderr_is_not_success_with_a_training_half_done(start):
    """`sentibp train ... 2>&1 | head -1`: train on without the talk, or fail; not stop and say all is well."""
    running = start("train", "quickstart", "--out", "run")
    running.stderr.readline()
    running.stderr.close()
    code = running.wait()
    outcome = json.loads(Path("run/run.json").read_text())["outcome"]
    assert (code == 0) == (outcome == "finished"), (code, outcome)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_a_library_swallows_comes_again_at_the_next_event(number):
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    seen = []
    try:
        heed = heeded(seen.append)
        heed(Note("begins"))
        with contextlib.suppress(KeyboardInterrupt):  # as a callback from C would
            signal.raise_signal(number)
            pytest.fail("not raised at once")
        with pytest.raises(KeyboardInterrupt):
            heed(Round(1, 2, 0.5))
        heed(Note("is kept"))
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert seen == [Note("begins"), Note("is kept")]
