"""Two hosts, each a network of its own on this machine: workers of both are used, also when one host is gone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-W", "error", "-m", "sentibp"]
ADDRESSES = ["10.231.77.1", "10.231.77.2"]


def _ip(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=check)


def _may_make_networks() -> bool:
    """Only root may, and not in every container."""
    if shutil.which("ip") is None or os.name != "posix" or os.geteuid() != 0:
        return False
    name = f"sentibp-try-{os.getpid()}"
    made = _ip("netns", "add", name, check=False).returncode == 0
    _ip("netns", "del", name, check=False)
    return made


pytestmark = pytest.mark.skipif(not _may_make_networks(), reason="needs root and network namespaces")


class Host:
    """A network namespace with an address."""

    def __init__(self, name: str, address: str):
        self.name, self.address = name, address

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program on the host, in a session of its own."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run sentibp on the host."""
        return subprocess.run(
            ["ip", "netns", "exec", self.name, *PROGRAM, *command], capture_output=True, text=True, check=False
        )

    def end(self) -> None:
        """End everything that runs on the host."""
        for process in _ip("netns", "pids", self.name, check=False).stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process), 9)


@pytest.fixture
def hosts() -> Iterator[list[Host]]:
    """Two hosts that reach each other, and nothing else."""
    numbers = range(2)
    hosts = [Host(f"sentibp-{os.getpid()}-{number}", ADDRESSES[number]) for number in numbers]
    cables = [f"sb{os.getpid() % 100000}{number}" for number in numbers]
    try:
        for host in hosts:
            _ip("netns", "add", host.name)
        _ip("link", "add", cables[0], "type", "veth", "peer", "name", cables[1])
        for host, cable in zip(hosts, cables, strict=True):
            _ip("link", "set", cable, "netns", host.name)
            _ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", cable)
            for device in cable, "lo":
                _ip("-n", host.name, "link", "set", device, "up")
        yield hosts
    finally:
        for host in hosts:
            host.end()
            _ip("netns", "del", host.name, check=False)


def test_a_command_uses_the_workers_of_two_hosts_and_goes_on_when_one_is_gone(hosts, here: Path):
    dask = [sys.executable, "-m", "dask"]
    first, second = hosts
    scheduler = f"tcp://{first.address}:8786"
    started = [first.start(*dask, "scheduler", "--host", first.address, "--port", "8786", "--no-dashboard")]
    for host in hosts:
        started.append(
            host.start(*dask, "worker", scheduler, "--nthreads", "1", "--no-dashboard", "--host", host.address)
        )
    folder = here / "in"
    folder.mkdir()
    for number in range(5):
        text = json.dumps({"text": f"a good film, number {number}"})
        (folder / f"{number}.jsonl").write_text(f"{text}\n" * 20)

    for _ in range(60):  # until both have joined
        checked = first.run("cluster", "check", "--cluster", scheduler, "--json", str(folder))
        if checked.returncode == 0 and all(checked.stdout.count(f"{host.address}:") for host in hosts):
            break
        time.sleep(0.5)
    assert checked.returncode == 0, checked.stderr
    assert all(f"{host.address}:" in checked.stdout for host in hosts), checked.stdout

    predict = ["predict", "-m", "builtin", "--input", str(folder)]
    serial = first.run(*predict, "--output", f"{here}/serial/")
    both = first.run(*predict, "--output", f"{here}/both/", "--cluster", scheduler)
    second.end()
    one = first.run(*predict, "--output", f"{here}/one/", "--cluster", scheduler)
    assert [each.returncode for each in (serial, both, one)] == [0, 0, 0], (serial.stderr, both.stderr, one.stderr)
    for path in folder.iterdir():
        expected = (here / "serial" / path.name).read_bytes()
        assert expected.count(b"\n") == 20
        assert (here / "both" / path.name).read_bytes() == (here / "one" / path.name).read_bytes() == expected
    first.end()
    for process in started:
        process.wait()
