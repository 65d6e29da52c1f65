"""Workers of another user than that of the command: the message names the worker, and what it may not do."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cluster_functions as functions
import numpy as np
import pytest
from command import invoke
from staying import Kept

from sentibp.cli import predict_files
from sentibp.distributed import sweep
from sentibp.distributed.dask import DaskExecutor
from sentibp.distributed.worker import identity, run
from sentibp.runs.find import builtin_file
from sentibp.training.trial import TrialTask
from sentibp.utils import array_files
from sentibp.utils.executor import NotVisible

pytestmark = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root becomes another user")


@pytest.fixture
def others(local: DaskExecutor) -> Iterator[DaskExecutor]:
    """Workers that are another user."""
    local.run_everywhere(run, identity(), "/", functions.double, 1)  # they load what another user may not read
    local.run_everywhere(functions.become, 65534)
    yield local
    local.run_everywhere(functions.become, 0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that others may read."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_predictions(others: DaskExecutor, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file failed, and the user was told to choose a place that the user may write to."""
    monkeypatch.setattr(predict_files, "connect", lambda address: Kept(others))
    (folder / "in").mkdir()
    (folder / "in" / "a.jsonl").write_text('{"text": "good"}\n')
    (folder / "model.safetensors").write_bytes(builtin_file().read_bytes())
    command = ["predict", "-m", folder / "model.safetensors", "-i", folder / "in", "-o", f"{folder}/out/"]

    def fact() -> str:
        fact, resume = invoke(*command, "--cluster", "local:2", code=3).err.splitlines()
        assert resume == f"{folder}/out: 0 of 1 file is written; the same command resumes"
        place, worker, rest = fact.partition(": worker ")
        assert worker and not (folder / "out" / "failures.jsonl").exists()
        return f"{place} may {rest.partition(' may ')[2]}"

    repair = "for the user who runs that process"
    as_user = f"make it writable {repair}, or run it as the user of this command"
    assert fact() == f"{folder}/out may not write into the output folder; {as_user}"
    (folder / "out").chmod(0o777)
    (folder / "model.safetensors").chmod(0o600)
    assert fact() == f"{folder}/model.safetensors may not read the model; make it readable {repair}"
    (folder / "model.safetensors").chmod(0o644)
    invoke(*command, "--cluster", "local:2")


def test_trials_and_shards(others: DaskExecutor, folder: Path) -> None:
    (folder / "trials").mkdir()
    (folder / "sweep.json").write_text("{}")
    task = TrialTask(0, {}, str(folder / "trials" / "0"), "accuracy")
    with pytest.raises(NotVisible, match=rf"^{folder}/trials: worker .* may not write into the folder of the trials; "):
        others.result(others.submit(sweep.run_task, task, str(folder / "sweep.json"), "{}", {}, False))
    (folder / "shards").mkdir(0o700)
    array = str(folder / "shards" / "a.npy")
    array_files.save(array, np.zeros(1))
    with pytest.raises(NotVisible, match=rf"^{folder}: worker .* may not read what the command writes there; run"):
        others.result(others.submit(array_files.load, array, "digest"))
