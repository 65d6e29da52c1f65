"""Why the work on a cluster does not go on: lines for the user, who would else wait without knowing for what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sentibp.utils.messages import print_message

_STOPPED = 30.0  # seconds without a word of a worker: it speaks every few seconds, whatever it does


class Obstacles:
    """Tells the user what a cluster waits for, once. Not if workers that have ended are started by this process."""

    def __init__(self, address: str, waits_for_workers: bool):
        self.address, self.waits_for_workers = address, waits_for_workers
        self.now = ""  # the obstacle when it was last looked for
        self.told: set[str] = set()
        self.had_workers = False
        self.heard: dict[str, tuple[float, float]] = {}  # of a worker: its last word, by the scheduler's clock and ours

    def tell(self, workers: Mapping[str, Any], clock: float) -> None:
        """Print what the work waits for, if that is new. `workers` are facts by address, `clock` is in seconds."""
        before, self.now = self.now, self._find(workers, clock)
        is_known = self.now in self.told and bool(workers)  # as of workers that are paused now and then
        if self.now not in ("", before) and not is_known:
            self.told.add(self.now)
            print_message(f"{self.address}: {self.now}")

    def _find(self, workers: Mapping[str, Any], clock: float) -> str:
        self.had_workers |= bool(workers)
        if not workers:
            fact = f"no worker {'is left' if self.had_workers else 'has joined yet'}; waiting for one to join"
            return fact if self.waits_for_workers else ""
        if all(each["status"] == "paused" for each in workers.values()):
            fact = "all workers are paused, as their memory is nearly full"
            return f"{fact}; waiting until some is free, or for a worker with more memory"
        if name := self._stopped(workers, clock):
            fact = f"worker {name} has not answered for {_STOPPED:.0f} s"
            return f"{fact}; waiting until it does, or until Dask gives its work to another, after five minutes"
        return ""

    def _stopped(self, workers: Mapping[str, Any], clock: float) -> str:
        """Return the name and the address of a worker that has said nothing for long; "" if all have."""
        before, self.heard = self.heard, {}
        for address, each in workers.items():
            word, since = before.get(address, (None, clock))
            self.heard[address] = each["last_seen"], since if each["last_seen"] == word else clock
        silent = [address for address, (_, since) in self.heard.items() if clock - since > _STOPPED]
        return f"{workers[silent[0]]['name']} ({silent[0]})" if silent else ""
