"""Ctrl-C at any time gives exit code 130 and a message on stderr, and keeps the best model so far."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from sentibp.cli.interrupts import Interrupt

ENDLESS = ["train", "quickstart", "--set", "train.epochs=1000000", "--out", "run"]


@pytest.fixture
def interrupt(start):
    """Start a command, wait until its run has a model, and send SIGINT. Return (exit code, stdout, stderr)."""

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
    assert sorted(Path("run").glob(".*")) == [], "no incomplete file"


def test_an_interrupted_training_prints_its_json_object(interrupt):
    code, out, err = interrupt(*ENDLESS, "--json")
    assert code == 130
    output = json.loads(out)
    assert output["outcome"] == "interrupted"
    assert Path(output["model"]).is_file()
    assert "interrupted" in err


def test_interrupting_several_seeds(interrupt, sentibp):
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
    """Loading takes most of a second. An interrupt in this time must end the process without a traceback."""
    command = [sys.executable, "-c", SIGNAL, module, *ENDLESS, "--set", "train.epochs=1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode == 0 and "never imported" in done.stdout:
        pytest.skip(f"{module} is not loaded")
    assert "Traceback" not in done.stderr
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1].startswith("interrupted")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("sentibp.inspection.label_audit", ["audit", "quickstart"]),
        ("sentibp.export.compress", ["compress", "builtin"]),
        ("sentibp.model.classifier", ["predict", "-m", "builtin", "good"]),
    ],
)
def test_a_command_that_has_nothing_to_keep_says_that_it_was_interrupted(environment, number, module, command):
    """SIGTERM and a closed terminal ended it without a word, and without an exit code of its own."""
    raising = (
        f"import signal; signal.signal({number}, {'signal.default_int_handler' if number == 2 else 'signal.SIG_DFL'})"
    )
    code = raising + SIGNAL.replace("signal.SIGINT", str(int(number)))
    done = subprocess.run(
        [sys.executable, "-c", code, module, *command], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")
    assert [each.name for each in Path().iterdir() if each.name != "cache"] == []


def test_a_sweep_that_waits_for_its_cluster_has_nothing_to_keep(environment):
    """The first Ctrl-C had no effect until the cluster was there, and the reviews were loaded."""
    Path("space.yaml").write_text("train.optimizer.learning_rate: [0.01, 0.1]\n")
    command = ["sweep", "quickstart", "space.yaml", "--sampler", "grid", "--cluster", "local:1", "--out", "found"]
    code = [sys.executable, "-c", SIGNAL, "distributed", *command]
    done = subprocess.run(code, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")
    assert not Path("found").exists()


def test_a_command_that_nohup_started_outlives_its_terminal(environment):
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)" + SIGNAL.replace("SIGINT", "SIGHUP")
    command = [sys.executable, "-c", code, "sentibp.model.classifier", "predict", "-m", "builtin", "good"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["label"] == "positive"


def test_a_broken_pipe_on_stderr_does_not_end_a_training_with_success(start):
    """`sentibp train ... 2>&1 | head -1` must train to the end or fail, not stop with exit code 0."""
    running = start("train", "quickstart", "--out", "run")
    running.stderr.readline()
    running.stderr.close()
    code = running.wait()
    outcome = json.loads(Path("run/run.json").read_text())["outcome"]
    assert (code == 0) == (outcome == "finished"), (code, outcome)


@pytest.fixture
def handlers():
    """Restore the signal handlers of this process after the test."""
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may have been started with nohup
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_loop_at_its_next_event(number):
    """The signal sets a flag, because a library could suppress an exception."""
    interrupt = Interrupt()
    assert not interrupt.requested
    signal.raise_signal(number)
    assert interrupt.requested


@pytest.mark.usefixtures("handlers")
def test_what_nohup_started_outlives_its_terminal():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interrupt = Interrupt()
    signal.raise_signal(signal.SIGHUP)
    assert not interrupt.requested


@pytest.mark.usefixtures("handlers")
def test_a_closed_terminal_is_no_second_signal():
    """The shell and the system send a signal each, and there is a model to save. Then one Ctrl-C is the first."""
    interrupt = Interrupt()
    for number in signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGHUP:
        signal.raise_signal(number)
    assert interrupt.requested


def _close_its_terminal(environment: dict[str, str], ready: str, *command: str) -> int:
    """Run a command on a terminal of its own, and close that when a file is there. Return the exit code."""
    ours, theirs = os.openpty()

    def lead() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored, also by what the tests start
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    program = [sys.executable, "-m", "sentibp", *command]
    running = subprocess.Popen(program, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=lead)  # noqa: PLW1509
    os.close(theirs)
    os.set_blocking(ours, False)
    while not list(Path().glob(ready)):
        assert running.poll() is None
        with contextlib.suppress(BlockingIOError):
            os.read(ours, 65536)
        time.sleep(0.02)
    os.close(ours)
    return running.wait()


def test_a_closed_terminal_ends_a_training_as_ctrl_c_does(environment, sentibp):
    options = "--set", "train.epochs=1000000"
    assert _close_its_terminal(environment, "run/model.safetensors", *ENDLESS, *options) == 130
    assert json.loads(Path("run/run.json").read_text())["outcome"] == "interrupted"
    assert Path("run/checkpoint.safetensors").exists()
    assert sentibp("eval", "--json").json["n"] == 32


def test_a_closed_terminal_ends_a_sweep_as_ctrl_c_does(environment, sentibp):
    Path("space.yaml").write_text("train.optimizer.learning_rate: {log: [0.01, 1]}\n")
    command = ["sweep", "quickstart", "space.yaml", "--trials", "1000", "--jobs", "2", "--out", "tried"]
    assert _close_its_terminal(environment, "tried/trials/*/model.safetensors", *command) == 130
    records = sentibp("sweep", "show", "tried", "--json").json["trials"]
    assert {record["state"] for record in records} <= {"finished"}, "no trial was killed"


def test_a_second_signal_ends_the_process_at_once(environment):
    code = """
import signal
from sentibp.cli.interrupts import Interrupt
interrupt = Interrupt()
signal.raise_signal(signal.SIGINT)
print(interrupt.requested, flush=True)
signal.raise_signal(signal.SIGTERM)
print("not here")
"""
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "True\n", "interrupted\n")


FURTHER = """
import contextlib, signal
from sentibp import __main__
from sentibp.cli import _errors_as_lines, interrupts
begin = {begin}
begin()
with contextlib.suppress(KeyboardInterrupt):
    signal.raise_signal(signal.SIGINT)
{say}
signal.raise_signal(signal.SIGHUP)
print("still here", flush=True)
signal.raise_signal({further})
print("not here")
"""


@pytest.mark.parametrize("further", ["signal.SIGINT", "signal.SIGTERM"])
@pytest.mark.parametrize(
    ("begin", "say", "line"),
    [
        ("interrupts.Interrupt", "interrupts.print_interrupted('all is kept')", "interrupted: all is kept\n"),
        ("interrupts.raise_on_signals", "interrupts.print_interrupted('closed')", "interrupted: closed\n"),
        (
            "__main__._leave_on_signals",
            "with contextlib.suppress(Exception), _errors_as_lines(): raise KeyboardInterrupt",
            "interrupted\n",
        ),
    ],
)
def test_that_it_was_interrupted_is_said_once(start, begin, say, line, further):
    """A second Ctrl-C as the command ended wrote the line again, or a traceback."""
    code = FURTHER.format(begin=begin, say=say, further=further)
    if begin.startswith("__main__"):  # its first signal ends the process; here, a command has caught it
        code = code.replace("    signal.raise_signal(signal.SIGINT)\n", "    pass\n")
    done = start(program=code)
    out, err = done.communicate()
    assert (done.returncode, out.decode(), err.decode()) == (130, "still here\n", line)


def test_a_second_signal_while_the_line_is_written_does_not_write_it_again(environment):
    """Python runs a handler between two lines of another."""
    code = """
import os, signal
from sentibp import __main__
__main__._leave_on_signals()
write = os.write
def slow(*arguments):
    write(*arguments)
    signal.raise_signal(signal.SIGTERM)
os.write = slow
signal.raise_signal(signal.SIGINT)
"""
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


INTERRUPTED = """
import signal
from sentibp.__main__ import main
from sentibp.runs.directory import Run
write = Run.write
def interrupted(run, name, content):
    write(run, name, content)
    if name == "model.safetensors":
        signal.raise_signal(signal.SIGINT)
Run.write = interrupted
main()
"""


def test_a_training_interrupted_early_resumes_from_its_last_step(start, sentibp):
    """Interrupted once there is a model, before the first checkpoint by time."""
    short = ["train", "quickstart", "--set", "train.refit=false", "--out"]
    done = start(*short, "run", program=INTERRUPTED)
    _, err = done.communicate()
    assert done.returncode == 130, err
    output = sentibp("train", "--resume", "run")
    assert "resumes after step " in output.err
    whole = sentibp(*short, "whole")
    assert Path("run/model.safetensors").read_bytes() == Path("whole/model.safetensors").read_bytes(), whole.err
    assert Path("run/metrics.jsonl").read_bytes() == Path("whole/metrics.jsonl").read_bytes()
