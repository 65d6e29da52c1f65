"""`sentibp cluster check`: what differs between this process and the workers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import psutil
import pytest
from command import invoke

from sentibp.cli import cluster
from sentibp.distributed import check as checking
from sentibp.distributed.check import check, look
from sentibp.distributed.dask import DaskExecutor
from sentibp.distributed.worker import identity


class Elsewhere:
    """A cluster with a worker like this process, and another that sees what `there` returns."""

    address = "tcp://scheduler:8786"

    def __init__(self, versions: Any, there: Any = None):
        self.versions, self.there = versions, there

    def workers(self) -> dict[str, Any]:
        return {"tcp://a:1": {"name": "a", "nthreads": 1}, "tcp://b:1": {"name": "b", "nthreads": 4}}

    def identities(self) -> dict[str, Any]:
        return {"tcp://a:1": identity(), "tcp://b:1": self.versions}

    def run_everywhere(self, function: Any, *arguments: Any) -> dict[str, Any]:
        return {"tcp://a:1": function(*arguments), "tcp://b:1": self.there}


def test_workers_of_this_machine_are_the_same(local: DaskExecutor, here: Path, capsys: pytest.CaptureFixture) -> None:
    Path("file.csv").write_text("text\n")
    Path("folder/inner").mkdir(parents=True)
    Path("folder/inner/a.csv").write_text("text\n")
    report = check(local, ["file.csv", "folder", "missing.csv"])
    assert report.slots == 2
    assert [each.faults for each in report.workers] == [[], []]
    assert [each.size for each in report.paths] == [5, 5, None]
    assert [each.faults for each in report.paths[:2]] == [{}, {}]
    assert not report.is_good
    assert sorted(Path("folder").iterdir()) == [Path("folder/inner")]
    cluster.print_report(report)
    out = capsys.readouterr().out
    assert out.startswith("local:2: 2 slots\n")
    assert f"{here}/file.csv: the same for all (5 B, " in out
    assert f"{here}/missing.csv: this command: no such file or folder, or it cannot be read" in out


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"sentibp": "0.0.9 (abcdef)"}, "sentibp 0.0.9 (abcdef), not "),
        ({"numpy": "1.26.4"}, "numpy 1.26.4, not "),
        ({"python": "3.10.1"}, "python 3.10.1, not "),
        ({"python": "3.99.0"}, "python 3.99.0, not "),
        ({"numpy": f"{identity()['numpy']}.post9"}, None),
        ({"python": identity()["python"].rpartition(".")[0] + ".99"}, None),
        ({"host": "another"}, None),
        (ModuleNotFoundError("No module named 'sentibp'"), "no sentibp that answers: ModuleNotFoundError"),
    ],
)
def test_other_versions(changed: Any, fault: str | None) -> None:
    versions = changed if isinstance(changed, Exception) else identity() | changed
    report = check(Elsewhere(versions), [])  # type: ignore[arg-type]
    assert report.workers[0].faults == []
    assert report.is_good == (fault is None)
    assert [each.startswith(fault or "") for each in report.workers[1].faults] == [True] * (fault is not None)


def test_paths_that_a_worker_sees_otherwise(here: Path, capsys: pytest.CaptureFixture) -> None:
    Path("a.csv").write_text("text\n")
    size, fingerprint, _ = look("a.csv", None)
    assert size is not None
    for there, fault in [
        ((None, "", True), "not visible"),
        ((size + 1, fingerprint, True), "another size"),
        ((size, "0" * 64, True), "another content"),
        (PermissionError(13, "Permission denied"), "PermissionError: [Errno 13] Permission denied"),
    ]:
        report = check(Elsewhere(identity(), there), ["a.csv"])  # type: ignore[arg-type]
        assert report.paths[0].faults == {"tcp://b:1": fault}
        cluster.print_report(report)
        out = capsys.readouterr().out
        assert f"{here}/a.csv: worker b (tcp://b:1): {fault}\n" in out
        assert "worker b (tcp://b:1): 4 threads; it does one task at a time" in out


def test_a_folder_of_the_same_name_on_a_disk_of_its_own_is_not_shared(here: Path) -> None:
    """Both are empty, so that they look the same but for what is written into one of them."""
    Path("out").mkdir()
    size, fingerprint, _ = look("out", None)
    report = check(Elsewhere(identity(), (size, fingerprint, False)), ["out"])  # type: ignore[arg-type]
    assert report.paths[0].faults == {"tcp://b:1": "another folder of that name: it is not shared"}
    assert list(Path("out").iterdir()) == []
    Path("out/a.csv.sentibp-tmp").write_text("what another command is writing")
    assert look("out", None)[:2] == (size, fingerprint)


def test_a_large_file_is_sampled(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_WHOLE", 1000)
    monkeypatch.setattr(checking, "_SAMPLE", 100)
    content = bytearray(range(256)) * 400
    file = Path("large")
    found = set()
    for position in None, 0, len(content) - 1:
        changed = bytearray(content)
        if position is not None:
            changed[position] ^= 1
        file.write_bytes(changed)
        found.add(look("large", None)[:2])
    assert len(found) == 3, "the first and the last byte are always seen"


def test_nothing_listens_to_other_machines(local: DaskExecutor) -> None:
    mine = psutil.Process()
    found = [
        connection.laddr.ip
        for process in (mine, *mine.children(recursive=True))
        if "chrom" not in process.name()  # the browser of other tests
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert found
    assert set(found) == {"127.0.0.1"}


def test_other_users_of_this_machine_cannot_run_programs(local: DaskExecutor) -> None:
    """They have no certificate, or another."""
    from distributed.core import connect
    from distributed.security import Security

    address = local.client.scheduler.address
    assert address.startswith("tls://127.0.0.1:")

    async def knock(address: str, security: Security | None) -> None:
        more = security.get_connection_args("client") if security else {}
        await connect(address, timeout=5, **more)

    own = local.client.security
    asyncio.run(_closed(connect(address, timeout=60, **own.get_connection_args("client"))))
    for other in (address, Security.temporary()), (address.replace("tls", "tcp"), None):
        with pytest.raises(OSError):
            asyncio.run(knock(*other))


async def _closed(connecting: Any) -> None:
    await (await connecting).close()


def test_the_address_is_needed_and_checked() -> None:
    assert "Missing option '--cluster'" in invoke("cluster", "check", code=2).err
    assert "write local:2" in invoke("cluster", "check", "--cluster", "local", code=2).err
