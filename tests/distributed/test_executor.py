from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import cluster_functions as functions
import pytest
from cluster_functions import Bad
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from dask import config
from distributed.security import Security
from dying import all_workers, kill_all_workers, wait_until

from sentibp.distributed import dask, executor, reach
from sentibp.distributed.certificates import start_worker
from sentibp.distributed.dask import DaskExecutor
from sentibp.distributed.executor import connect, require_address
from sentibp.distributed.obstacles import Obstacles
from sentibp.distributed.worker import identity, run
from sentibp.errors import ConfigError, SentibpError
from sentibp.utils.executor import After, ClusterLost, Executor, Serial, WorkerDied
from sentibp.utils.files import WriteError


@pytest.fixture(params=["serial", "local"])
def either(request: pytest.FixtureRequest) -> Executor:
    return Serial() if request.param == "serial" else request.getfixturevalue("local")


def test_looking_at_a_long_task_leaves_nothing_behind(local: DaskExecutor, tmp_path: Path) -> None:
    """Each look left a task in the event loop, five a second for each trial that ran."""

    async def count_tasks() -> int:
        return len(asyncio.all_tasks())

    def tasks() -> int:
        loop = cast(Any, local.client.loop).asyncio_loop
        return asyncio.run_coroutine_threadsafe(count_tasks(), loop).result()

    end = tmp_path / "end"
    future = local.submit(functions.wait_for, end, tmp_path / "started")
    before = tasks()
    assert [local.ended([future], 0.02) for _ in range(60)] == [[]] * 60
    assert tasks() < before + 20
    end.touch()
    assert local.ended([future], 60) == [future]


def test_workers_print_nothing_of_the_connections_that_they_lose(local: DaskExecutor) -> None:
    """They have the stderr of the command, where "Future exception was never retrieved" stood now and then."""
    assert set(local.run_everywhere(functions.lose_a_future).values()) == {""}


def test_results_errors_and_futures_as_arguments_are_the_same_here_and_on_workers(either: Executor) -> None:
    futures = [either.submit(functions.double, each) for each in range(5)]
    of_all = either.submit(functions.total, futures)
    either.settle([*futures, of_all])
    assert either.result(of_all) == 20
    assert either.result(either.submit(functions.double, futures[4])) == 16
    with pytest.raises(ConfigError, match=r"^place 1: fact; repair$"):
        either.result(either.submit(functions.fail, 1))
    with pytest.raises(RuntimeError, match="a fault: 2"):
        either.result(either.submit(functions.crash, 2))
    with pytest.raises(OSError, match="No space left") as error:
        either.result(either.submit(functions.os_error))
    assert error.value.filename == "/full"


def test_settle_waits_for_all_and_raises_the_first_error_by_order_of_submission(
    either: Executor, tmp_path: Path
) -> None:
    slow = tmp_path / "go"
    futures = [
        either.submit(functions.wait_for, slow, tmp_path / "started"),
        *(either.submit(functions.fail, each) for each in (3, 1)),
    ]
    slow.touch()
    with pytest.raises(ConfigError, match="place 3"):
        either.settle(futures)
    assert either.result(futures[0]) == "done"
    either.settle([])


def test_the_same_call_runs_again_each_time(either: Executor, tmp_path: Path) -> None:
    """A result of another job, or of an earlier one, is never taken for this one's."""
    count = tmp_path / "count"
    for size in 1, 2:
        either.result(either.submit(functions.append, count))
        assert count.stat().st_size == size


def test_unordered_gives_each_task_with_its_result_or_error(either: Executor) -> None:
    ended = {each.task: each for each in either.unordered(functions.fail_if_odd, range(20))}
    assert sorted(ended) == list(range(20))
    for task, each in ended.items():
        assert (each.result is None and str(each.error) == f"{task} is odd") if task % 2 else each.result == task


def test_unordered_holds_a_bounded_number_of_tasks(local: DaskExecutor) -> None:
    taken = 0

    def tasks() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number

    most = 0
    for count, _ in enumerate(local.unordered(functions.double, tasks(), window=2), start=1):
        most = max(most, taken - count)
    assert count == 100
    assert most <= 2 * 2


def test_a_task_may_take_the_results_of_others(either: Executor) -> None:
    def tasks() -> Iterator[After]:
        for number in range(5):
            yield After(number, [either.submit(functions.double, each) for each in range(number)])

    ended = {each.task: each.result for each in either.unordered(functions.plus, tasks())}
    assert ended == {number: number + sum(2 * each for each in range(number)) for number in range(5)}


def test_a_failure_of_what_a_task_takes_is_its_own(either: Executor) -> None:
    task = After(0, [either.submit(functions.double, 1), either.submit(functions.fail, 7)])
    (ended,) = either.unordered(functions.plus, [task])
    assert (ended.task, ended.result, str(ended.error)) == (0, None, "place 7: fact; repair")


def test_what_a_task_does_to_the_environment_is_undone(local: DaskExecutor) -> None:
    before = {process: each["environment"] for process, each in _settings(local).items()}
    for _ in local.unordered(functions.change_environment, range(8)):
        pass
    after = {process: each["environment"] for process, each in _settings(local).items()}
    assert after == before


def test_serial_runs_a_function_when_its_result_is_asked_for_and_once(tmp_path: Path) -> None:
    count = tmp_path / "count"
    with Serial() as serial:
        future = serial.submit(functions.append, count)
        assert not count.exists()
        serial.settle([future, future])
        serial.result(future)
    assert count.stat().st_size == 1


def test_a_task_whose_worker_is_killed_runs_again(local: DaskExecutor, tmp_path: Path) -> None:
    assert local.result(local.submit(functions.kill_once, tmp_path / "killed")) == "done"


def test_a_task_that_kills_four_workers_is_given_up_by_its_name(local: DaskExecutor, tmp_path: Path) -> None:
    count = tmp_path / "count"
    future = local.submit(functions.kill_always, count, name="reviews.csv")
    with pytest.raises(WorkerDied, match=r"^reviews\.csv: given up: 4 workers that ran it died"):
        local.result(future)
    assert count.stat().st_size == 4
    (ended,) = local.unordered(functions.plus, [After(5, [future])])  # what would take its result runs alone
    assert (ended.task, ended.result, ended.error) == (5, 5, None)


@pytest.mark.usefixtures("two_deaths")
def test_a_task_that_kills_its_workers_is_told_from_those_beside_it(local: DaskExecutor, tmp_path: Path) -> None:
    """Dask gives up all tasks that wait on a worker when it dies for the last time."""
    tasks = [Bad(tmp_path / "count", number) for number in range(6)]
    ended = {each.task.number: each for each in local.unordered(functions.kill_if_three, tasks)}
    assert {number: each.result for number, each in ended.items() if each.error is None} == dict.fromkeys(
        (0, 1, 2, 4, 5), 1
    )
    assert isinstance(ended[3].error, WorkerDied)
    assert str(ended[3].error).startswith("number 3: given up: 2 workers that ran it died")


def test_a_worker_that_is_about_to_leave_ends_no_task(local: DaskExecutor, tmp_path: Path) -> None:
    """As at the end of its --lifetime. Its tasks then took themselves for given up, and returned nothing."""
    go, started = tmp_path / "go", tmp_path / "started"
    future = local.submit(functions.ask_later, go, started)
    wait_until(started.exists)
    try:
        local.run_everywhere(functions.set_status, "closing_gracefully")
        go.touch()
        assert local.result(future) is False
    finally:
        local.run_everywhere(functions.set_status, "running")
    (ended,) = local.unordered(functions.leave_once, [tmp_path / "left"])
    assert (ended.result, ended.error) == ("done", None)


def test_workers_that_die_when_they_start_are_started_again(local: DaskExecutor) -> None:
    kill_all_workers()
    for _ in range(2):
        wait_until(all_workers)
        kill_all_workers()
    assert local.result(local.submit(functions.double, 4)) == 8
    wait_until(lambda: local.slots == 2)


def test_a_result_that_is_lost_with_all_workers_is_made_again(local: DaskExecutor) -> None:
    """Also if Dask does not start them again: it gives up a worker that is missing 15 seconds after it died once."""
    future = local.submit(functions.double, 4)
    local.settle([future])
    assert local._local is not None
    cluster = local._local.cluster
    nannies = list(cluster.workers.values())
    for each in nannies:
        cluster.sync(each.close)
    assert local.outcome(future) == (8, None)
    wait_until(lambda: local.slots == 2)
    assert not set(nannies) & set(cluster.workers.values())


def test_work_that_no_worker_takes_up_ends_in_an_error(local: DaskExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that needs what no worker has stands for one of which Dask has lost sight."""
    monkeypatch.setattr(dask, "_POLL", 0.05)
    monkeypatch.setattr(dask, "_STALLED", 0.3)
    assert local.result(local.submit(functions.take_long, 0.6)) == "done"  # a worker that works is waited for
    future = local.client.submit(functions.double, 1, resources={"what no worker has": 1})
    lost = r"^local:2: no worker has had anything to do for 0 s, though work is left; "
    for wait in local.result, local.outcome, lambda each: local.settle([each]):
        with pytest.raises(ClusterLost, match=lost):
            wait(future)
    future.release()
    assert local.result(local.submit(functions.double, 2)) == 4


def test_workers_that_are_paused_for_lack_of_memory_are_told_once(
    local: DaskExecutor, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command waited for them without a word."""
    wait_until(lambda: local.slots == 2)
    try:
        local.run_everywhere(functions.set_status, "paused")
        wait_until(lambda: all(each["status"] == "paused" for each in local.workers().values()))
        future = local.submit(functions.double, 3)
        for _ in range(2):
            local._looked = 0.0
            assert local.slots == 2
        fact = "all workers are paused, as their memory is nearly full; waiting until some is free"
        assert capsys.readouterr().err == f"local:2: {fact}, or for a worker with more memory\n"
    finally:
        local.run_everywhere(functions.set_status, "running")
        local._obstacles.told.clear()
    assert local.result(future) == 6


def test_a_disk_that_is_full_on_another_host_is_told_with_the_worker(local: DaskExecutor) -> None:
    """A user looked for room on the disk of the command."""
    for host, place in ("elsewhere", r"^worker \d \(tls://.*\) on .*: /full: cannot"), (None, "^/full: cannot"):
        command = identity() | ({} if host is None else {"host": host})
        with pytest.raises(WriteError, match=place):
            local.client.submit(run, command, "/", functions.full_disk, pure=False).result()


def test_obstacles_are_told_when_they_are_new(capsys: pytest.CaptureFixture[str]) -> None:
    """The command waited for minutes without a word for a worker that was stopped."""
    found = Obstacles("tcp://h:1", waits_for_workers=True)
    one, other = ({"name": name, "status": "running", "last_seen": 7.0} for name in "ab")
    for clock, workers in enumerate([{}, {}, {"tcp://a": one}, {}]):
        found.tell(workers, float(clock))
    for clock in 10.0, 35.0, 45.0, 47.0:
        found.tell({"tcp://a": one, "tcp://b": other | {"last_seen": clock}}, clock)
    found.tell({"tcp://a": one | {"last_seen": 50.0}}, 50.0)
    assert found.now == ""
    busy = {"tcp://a": one | {"status": "paused"}, "tcp://b": other}
    full = {address: each | {"status": "paused"} for address, each in busy.items()}
    for clock, workers in enumerate([busy, full, busy, full, {}], 51):
        found.tell(workers, float(clock))
        assert bool(found.now) == (workers is not busy), "one of them works"
    stopped = "worker a (tcp://a) has not answered for 30 s; waiting until it does, or until Dask gives its work to"
    assert capsys.readouterr().err.splitlines() == [
        "tcp://h:1: no worker has joined yet; waiting for one to join",
        "tcp://h:1: no worker is left; waiting for one to join",
        f"tcp://h:1: {stopped} another, after five minutes",
        "tcp://h:1: all workers are paused, as their memory is nearly full; waiting until some is free, or for a "
        "worker with more memory",
        "tcp://h:1: no worker is left; waiting for one to join",
    ]


def test_a_stop_is_obeyed_while_the_work_does_not_go_on(local: DaskExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C had no effect while no worker was left, or the scheduler did not answer."""

    async def never() -> None:
        await asyncio.sleep(60)

    stopped, goes_on = (lambda obstacle: obstacle), local.stop
    monkeypatch.setattr(dask, "_POLL", 0.05)
    wait_until(lambda: local.slots == 2)
    try:
        local.run_everywhere(functions.set_status, "paused")
        future = local.submit(functions.double, 3)
        local.stop = stopped
        with pytest.raises(KeyboardInterrupt):
            local.result(future)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(dask, "_SILENCE", 0.1)
            local._ask(never, "it does not answer")
    finally:
        local.stop = goes_on
        local.run_everywhere(functions.set_status, "running")
        local._obstacles.told.clear()
    assert local.result(future) == 6


def test_workers_have_the_environment_of_now(local: DaskExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that forks them was started before, for other workers."""
    monkeypatch.setenv("OF_NOW", "set")
    with connect("local:1") as later:
        assert later.result(later.submit(os.getenv, "OF_NOW")) == "set"
        assert local.result(local.submit(os.getenv, "OF_NOW")) is None


def test_tasks_leave_nothing_behind_in_their_process(local: DaskExecutor) -> None:
    before = _settings(local)
    list(local.unordered(functions.fail_if_odd, range(10)))
    after = _settings(local)
    assert before == after
    assert {each["cores"] for each in after.values()} == {1}


def _settings(local: DaskExecutor) -> dict[int, dict]:
    found: dict[int, dict] = {}
    while len(found) < 2:
        found |= {each.result.pop("process"): each.result for each in local.unordered(functions.settings, range(4))}
    return found


def test_errors_are_the_same_after_they_were_sent() -> None:
    for function in functions.fail_with_missing_column, functions.fail_with_lines:
        with pytest.raises(SentibpError) as raised:
            function()
        again = pickle.loads(pickle.dumps(raised.value))
        assert type(again) is type(raised.value)
        assert again.lines == raised.value.lines
        assert str(again) == str(raised.value)
        assert vars(again) == vars(raised.value)


@pytest.mark.parametrize("address", ["tcp://host:8786", "tls://10.0.0.1:8786", "tcp://[::1]:8786", "local:1"])
def test_addresses(address: str) -> None:
    require_address(address)


@pytest.mark.parametrize(
    ("address", "repair"),
    [
        ("", "give local:2"),
        ("local", "local:2"),
        ("local:", "local:2"),
        ("4", "local:4"),
        ("local:0", "from 1 to 256"),
        ("local:-1", "from 1 to 256"),
        ("local:1000", "from 1 to 256"),
        ("local:two", "give local:2"),
        ("LOCAL:2 ", "write local:2"),
        ("tcp", "give local:2"),
        ("tcp://host", "the port is missing; the one of Dask is 8786: write tcp://host:8786"),
        ("tcp://host:", "the port is missing; the one of Dask is 8786: write tcp://host:8786"),
        ("tcp://host/", "write tcp://host:8786"),
        ("TLS://host:8786", "write tls://host:8786"),
        ("tcp:/host:8786", "give local:2"),
        ("tcp://::1:8786", "in brackets, such as tcp://[::1]:8786"),
        (__file__, "a file; write the address that is in it"),
        ("host", "tcp://host:8786"),
        ("host:9000", "tcp://host:9000"),
        ("host:99999", "tcp://host:8786"),
        ("http://host:8787/status", "begins with tcp://, or tls:// with certificates; write tcp://host:8786"),
        ("tcp://host:8786/x", "write tcp://host:8786"),
        ("tcp://ho st:8786", "tcp://HOST:8786"),
        ("tcp://host:99999", "from 1 to 65,535; the one of Dask is 8786"),
        ("tls://host:0", "from 1 to 65,535; the one of Dask is 8786"),
        ("tcp://host:100000", "from 1 to 65,535"),
    ],
)
def test_what_is_no_address_is_refused_with_the_repair(address: str, repair: str) -> None:
    with pytest.raises(ConfigError, match=r"^--cluster ") as error:
        connect(address)
    assert repair in str(error.value)


def test_no_address_is_this_process() -> None:
    assert isinstance(connect(None), Serial)


def test_a_scheduler_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "PATIENCE", 0.2)
    command = r".*dask scheduler --port 1; if"
    with pytest.raises(
        ClusterLost, match=rf"^tcp://127\.0\.0\.1:1: no scheduler answers \(no program listens there\); {command}"
    ):
        connect("tcp://127.0.0.1:1")


@contextlib.contextmanager
def listening(said: bytes | None) -> Iterator[int]:
    """Listen, say this to each client, and hang up; None: say nothing, and stay. Yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        opened = []

        def answer() -> None:
            with contextlib.suppress(OSError):  # the server is closed
                while True:
                    opened.append(server.accept()[0])
                    if said is not None:
                        opened[-1].sendall(said)
                        opened.pop().close()

        threading.Thread(target=answer, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for each in opened:
            each.close()


def certificates_of(security: Security) -> contextlib.AbstractContextManager[object]:
    """Have these certificates in the settings of Dask."""
    names = {"ca-file": "tls_ca_file", "client.cert": "tls_client_cert", "client.key": "tls_client_key"}
    return config.set({f"distributed.comm.tls.{key}": getattr(security, name) for key, name in names.items()})


@pytest.mark.parametrize("protocol", ["tcp", "tls"])
@pytest.mark.parametrize(
    ("said", "why"),
    [
        (None, "a program listens there, and says nothing"),  # as a web server, or a scheduler with certificates
        (b"SSH-2.0-OpenSSH_9.0\r\n", "the program that listens there is none"),
        (b"", "it hangs up"),
    ],
)
def test_what_is_no_scheduler_is_told_at_once_and_not_waited_for(
    protocol: str, said: bytes | None, why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The client of Dask waits without end for the answer of a web server."""
    monkeypatch.setattr(dask, "PATIENCE", 0.4)
    monkeypatch.setattr(reach, "_SILENCE", 0.1)
    speaks_no_tls = protocol == "tls" and bool(said)
    why = "the program that listens there does not speak TLS: [a-z ]+" if speaks_no_tls else why
    with listening(said) as port, certificates_of(Security.temporary()):
        address = f"{protocol}://127.0.0.1:{port}"
        with pytest.raises(ClusterLost, match=rf"^{address}: no scheduler answers \({why}\); start one"):
            connect(address)
    waits = f"{address}: no scheduler answers yet ({why}); waiting for one for up to 0 s\n"
    assert capsys.readouterr().err == ("" if speaks_no_tls else waits)


def test_a_notebook_whose_loop_runs_can_connect(local: DaskExecutor) -> None:
    async def cell() -> int:
        with connect(local.client.scheduler.address) as found:
            return found.result(found.submit(functions.double, 21))

    with certificates_of(local.client.security):
        assert asyncio.run(cell()) == 42


@pytest.mark.parametrize("refuses", ["this command", "the scheduler"])
def test_certificates_of_another_authority_are_told_at_once(refuses: str, local: DaskExecutor) -> None:
    other = Security.temporary()
    if refuses == "the scheduler":
        other.tls_ca_file = local.client.security.tls_ca_file
    address = local.client.scheduler.address
    with certificates_of(other), pytest.raises(ClusterLost, match=f"^{address}: does not accept the certificates, or"):
        connect(address)


def test_the_address_of_a_worker_is_refused_with_that_of_its_scheduler(local: DaskExecutor) -> None:
    scheduler = local.client.scheduler.address
    worker = next(iter(local.workers()))
    with certificates_of(local.client.security):
        with pytest.raises(ClusterLost, match=f"^{worker}: a worker of Dask; .* its scheduler: {scheduler}$"):
            connect(worker)
        with connect(scheduler) as found:
            assert found.slots == 2


def test_a_client_that_knows_nothing_of_its_scheduler_has_lost_it(
    local: DaskExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a moment after the scheduler was killed."""
    monkeypatch.setattr(local.client, "status", "connecting")
    with pytest.raises(ClusterLost, match="the connection to the scheduler is lost"):
        local.workers()


def test_what_ends_a_connection_stays_the_error_if_nothing_is_left_to_close() -> None:
    """Ctrl-C as the client waits for a scheduler that has just ended."""
    stack = contextlib.ExitStack()
    stack.callback(_time_out)
    with pytest.raises(KeyboardInterrupt), dask.closed_on_error(stack):
        raise KeyboardInterrupt


def _time_out() -> None:
    raise TimeoutError


def test_tls_needs_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ConfigError, match=r"^--cluster tls://h:1: needs certificates; set DASK_DISTRIBUTED__COMM__TLS__"
    ):
        connect("tls://h:1")
    missing = {f"distributed.comm.tls.{key}": "/no.pem" for key in ("ca-file", "client.cert", "client.key")}
    refused = pytest.raises(ConfigError, match=r"^--cluster tls://h:1: .*[Nn]o such file.*; name files in DASK_")
    with config.set(missing), refused:
        connect("tls://h:1")


def _expired() -> bytes:
    """A certificate that is its own authority, as `openssl req -x509` makes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sentibp")])
    of_both = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    of_2020 = of_both.not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime(2021, 1, 1)).serial_number(1)
    private = serialization.PrivateFormat.TraditionalOpenSSL
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    return of_2020.sign(key, hashes.SHA256()).public_bytes(pem) + key.private_bytes(pem, private, none)


def test_a_certificate_that_has_expired_is_named(tmp_path: Path) -> None:
    """It was said that all need the same, and they had the same."""
    file = tmp_path / "cert.pem"
    file.write_bytes(_expired())
    refused = pytest.raises(ConfigError, match=rf"{file}: the certificate has expired on 2021-01-01; make another, and")
    with config.set({f"distributed.comm.tls.{key}": str(file) for key in ("ca-file", "client.cert")}), refused:
        connect("tls://127.0.0.1:1")
    error = reach.unreachable("tls://h:1", OSError("certificate verify failed: certificate has expired"))
    assert str(error) == "tls://h:1: its certificate has expired; make another, and start all with it"


def test_certificates_that_the_scheduler_or_this_command_does_not_accept(local: DaskExecutor) -> None:
    from dask import config
    from distributed.security import Security

    own, other = local.client.security, Security.temporary()
    address = local.client.scheduler.address
    for authority in own, other:
        files = [authority.tls_ca_file, other.tls_client_cert, other.tls_client_key]
        settings = dict(zip(("ca-file", "client.cert", "client.key"), files, strict=True))
        refused = pytest.raises(ClusterLost, match=rf"^{address}: does not accept the certificates, or is of another")
        with config.set({f"distributed.comm.tls.{key}": value for key, value in settings.items()}), refused:
            connect(address)


def test_commands_to_start_have_the_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dask import config
    from distributed.security import Security

    monkeypatch.setattr(dask, "PATIENCE", 0.2)
    one, two = Security.temporary(), Security.temporary()
    settings = {}
    for name, key, content in [
        ("my cert.pem", "ca-file", one.tls_ca_file),
        ("my cert.pem", "client.cert", one.tls_client_cert),
        ("key.pem", "client.key", one.tls_client_key),
    ]:
        (tmp_path / name).write_text(content)
        settings[f"distributed.comm.tls.{key}"] = str(tmp_path / name)
    options = f"--tls-ca-file '{tmp_path}/my cert.pem' --tls-cert '{tmp_path}/my cert.pem' --tls-key {tmp_path}/key.pem"
    with config.set(settings):
        assert start_worker("tls://h:1") == f"dask worker tls://h:1 --nthreads 1 {options}"
        assert start_worker("tcp://h:1") == "dask worker tcp://h:1 --nthreads 1"
        with pytest.raises(ClusterLost) as error:
            connect("tls://127.0.0.1:1")
        command = f"dask scheduler --port 1 --protocol tls {options}"
        fact = "no scheduler answers (no program listens there)"
        assert f"{fact}; start one on that host: {command}; if it has no certificates" in str(error.value)
        (tmp_path / "key.pem").write_text(two.tls_client_key)
        with pytest.raises(ConfigError, match=rf"{tmp_path}/key\.pem: not the key of {tmp_path}/my cert\.pem; name"):
            connect("tls://127.0.0.1:1")


def test_the_extra_is_named_if_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"^--cluster needs distributed: pip install 'sentibp\[cluster\]'$"):
        executor.connect("local:1")


_CLIENT = """
import sys
from sentibp.distributed.executor import connect
import cluster_functions as functions

if __name__ == "__main__":
    with connect("local:2") as local:
        found = {each.result for each in local.unordered(functions.process_of, range(20))}
        print(*found, flush=True)
        sys.stdin.read()
"""


def test_processes_end_with_a_client_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "client.py"
    script.write_text(_CLIENT)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*map(str, _paths()), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        workers = list(map(int, client.stdout.readline().split()))
        assert workers
        client.send_signal(signal.SIGKILL)
        client.wait()
    for worker in workers:
        for _ in range(3000):
            if not Path(f"/proc/{worker}").exists():
                break
            time.sleep(0.01)
        else:
            raise AssertionError(f"worker {worker} still runs")


def _paths() -> list[Path]:
    return [Path(functions.__file__).parent, Path(functions.__file__).parent.parent]
