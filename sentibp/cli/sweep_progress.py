"""The progress of a sweep, on stderr: a table on a terminal, elsewhere a line for each trial."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sentibp.cli.output import duration, print_message, printable
from sentibp.cli.prediction_progress import is_live, stop
from sentibp.cli.runs import short_names
from sentibp.metrics import higher_is_better
from sentibp.training.sweep import TrialEnded, TrialStarted
from sentibp.training.sweep_folder import Plan
from sentibp.training.trial import FINISHED, TrialRecord
from sentibp.utils.messages import counted
from sentibp.utils.repair import as_yaml

_ROWS = 8  # of the table: the best trials


class SweepProgress:
    """Shows the trials of a sweep."""

    def __init__(self, plan: Plan, records: Mapping[int, TrialRecord], jobs: int, quiet: bool = False):
        self.plan, self.jobs, self.quiet = plan, jobs, quiet
        self.live = not quiet and is_live(sys.stderr)
        self.names = short_names([dimension.key for dimension in plan.space.dimensions])
        self.records = dict(records)
        self.settings: dict[int, dict[str, Any]] = {}  # of the trials that are shown
        self.running: dict[int, float] = {}  # when it began
        self.began, self.before = time.monotonic(), len(records)

    def __enter__(self) -> SweepProgress:
        if self.live:
            from rich.console import Console
            from rich.live import Live

            self.shown = Live(
                get_renderable=self._table, console=Console(stderr=True), transient=True, refresh_per_second=4
            )
            self.shown.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            stop(self.shown)

    def notes(self, notes: Iterable[str]) -> None:
        """Show notes on the data."""
        for note in () if self.quiet else notes:
            print_message(note)

    def cost(self, folder: Path, seconds: float | None) -> None:
        """Say in one line what the sweep will take; `seconds` is the time of a trial."""
        if self.quiet:
            return
        trials, trained = counted(self.plan.trials, "trial"), self.plan.trials
        if 0 < self.plan.space.grid_size < trained:  # a trial with the values of an earlier one takes its result
            trained = self.plan.space.grid_size
            trials = f"up to {trials}, {counted(trained, 'training')}"
        if seconds is None:
            print_message(f"{folder}: {trials}; their time is not known beforehand")
            return
        at_once = f", {self.jobs} at the same time" if self.jobs > 1 else ""
        folds = f" on {self.plan.folds} folds" if self.plan.folds else ""
        whole = duration(seconds * -(-trained // self.jobs))
        print_message(f"{folder}: {trials} of about {duration(seconds)}{folds}{at_once}: about {whole} in all")

    def show(self, event: TrialStarted | TrialEnded) -> None:
        """Show that a trial has begun or ended."""
        if isinstance(event, TrialStarted):
            self.running[event.number] = time.monotonic()
            self.settings[event.number] = event.settings
            return
        self.running.pop(event.record.number, None)
        self.records[event.record.number] = event.record
        if not (self.quiet or self.live):
            print_message(self._line(event))

    def _line(self, event: TrialEnded) -> str:
        record = event.record
        what = record.state
        if record.state == FINISHED:
            what = f"{self.plan.metric.replace('_', ' ')} {record.value:.4f}"
            if record.spread is not None:
                what += f" (standard deviation {record.spread:.4f})"
            what += ", the best so far" * event.is_best
        elif record.message:
            what += f": {record.message}"
        what += "" if record.same_as is None else f", as trial {record.same_as} with the same settings"
        done = f"trial {record.number} ({len(self.records)} of {self.plan.trials})"
        return f"{done}: {what}; {duration(record.seconds)}; {self._words(event.settings)}"

    def _words(self, settings: Mapping[str, Any]) -> str:
        return ", ".join(f"{self.names[key]}={as_yaml(value)}" for key, value in settings.items())

    def _table(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        sign = -1 if higher_is_better(self.plan.metric) else 1
        records = list(self.records.values())  # another thread may add one
        finished = [record for record in records if record.value is not None]
        finished.sort(key=lambda record: (sign * (record.value or 0.0), record.number))
        grid = Table(title=self._title(), title_justify="left", box=None, pad_edge=False)
        for name in ("trial", self.plan.metric.replace("_", " "), "time", "settings"):
            grid.add_column(name, no_wrap=name != "settings", justify="left" if name == "settings" else "right")
        for record in finished[:_ROWS]:
            settings = self._words(self.settings.get(record.number, {}))
            cells = (str(record.number), f"{record.value:.4f}", duration(record.seconds), printable(settings))
            grid.add_row(*map(Text, cells))
        for number, since in list(self.running.items()):
            settings = self._words(self.settings.get(number, {}))
            cells = (str(number), "running", duration(time.monotonic() - since), printable(settings))
            grid.add_row(*map(Text, cells), style="dim")
        return grid

    def _title(self) -> str:
        done = len(self.records)
        title = f"{done} of {counted(self.plan.trials, 'trial')}"
        if done > self.before:
            each = (time.monotonic() - self.began) / (done - self.before)
            title += f", about {duration(each * (self.plan.trials - done))} left"
        return title
