"""Two worker processes that the tests of this folder share, for a start takes seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sentibp.distributed.dask import DaskExecutor
from sentibp.distributed.executor import connect


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskExecutor]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SENTIBP_CACHE", str(tmp_path_factory.mktemp("cache")))
        with connect("local:2") as found:
            assert isinstance(found, DaskExecutor)
            yield found


@pytest.fixture
def two_deaths(local: DaskExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Dask give up a task when the second worker dies of it, not the fourth: another one takes seconds."""
    assert local._local is not None
    monkeypatch.setattr(local._local.cluster.scheduler, "allowed_failures", 1)
