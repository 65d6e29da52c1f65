"""Two worker processes that the tests of this folder share, for a start takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sentibp.distributed import local_cluster
from sentibp.distributed.dask import DaskExecutor
from sentibp.distributed.executor import connect


@pytest.fixture(scope="session")
def local(new_folder: Callable[[str], Path]) -> Iterator[DaskExecutor]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SENTIBP_CACHE", str(new_folder("cache")))
        more = ["sentibp.training.shards.work", "sentibp.distributed.sweep"]  # what cluster_functions imports
        patched.setattr(local_cluster, "_LOADED", [*local_cluster._LOADED, *more])
        with connect("local:2") as found:
            assert isinstance(found, DaskExecutor)
            yield found


@pytest.fixture
def two_deaths(local: DaskExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Dask give up a task when the second worker dies of it, not the fourth: another one takes seconds."""
    assert local._local is not None
    monkeypatch.setattr(local._local.cluster.scheduler, "allowed_failures", 1)
