"""The progress of a training, on stderr."""

from __future__ import annotations

import sys

from sentibp.cli.output import print_message, printable
from sentibp.cli.prediction_progress import is_live, stop, workers
from sentibp.training.events import Epoch, Event, NetworkStarted, Note, Round, Step
from sentibp.utils.executor import Executor
from sentibp.utils.messages import counted, discard

_EPOCH_LINES = 20  # of a training with more epochs, only some are shown as a line
_ROUND_LINES = 5  # one round in so many is shown as a line


class Progress:
    """Shows the events of a training: live on a terminal, in plain lines elsewhere, or not at all."""

    def __init__(self, quiet: bool = False, executor: Executor | None = None):
        """The executor does the work on shards."""
        self.quiet, self.executor = quiet, executor
        self.live = not quiet and is_live(sys.stderr)
        self.epochs = 0
        self.about: str | None = None  # the data of the last network
        self.loss: float | None = None  # smoothed

    def __enter__(self) -> Progress:
        if self.live:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            self.bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[numbers]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            stop(self.bar)

    def show(self, event: Event) -> None:
        """Show one event of the training. A terminal that is closed does not end it."""
        if self.quiet:
            return
        try:
            self._show(event)
        except OSError:
            discard(sys.stderr)

    def _show(self, event: Event) -> None:
        if isinstance(event, Note):
            self._line(event.text)
        elif isinstance(event, NetworkStarted):
            self._ready(event)
        elif isinstance(event, Round):
            self._round(event)
        elif isinstance(event, Epoch):
            if event.is_last or event.epoch % -(-self.epochs // _EPOCH_LINES) == 0:
                self._line(_epoch(event, self.epochs))
            if self.live and event.is_last:  # perhaps before the last step that the settings allow
                self.bar.update(self.task, completed=event.step, total=event.step, refresh=True)
        elif self.live:
            self._step(event)

    def _line(self, text: str) -> None:
        if self.live:
            self.bar.console.print(printable(text), markup=False, highlight=False, soft_wrap=True)
        else:
            print_message(text)

    def _ready(self, event: NetworkStarted) -> None:
        self.epochs = event.epochs
        self.loss = None
        held_out = f", validated on {event.validation:,}" if event.validation else ""
        about = f"{event.run}: {counted(event.training, 'review')}{held_out}; {counted(event.features, 'feature')}"
        scores = ""
        if about != self.about:  # once for all networks
            self._line(about)
            if held_out:
                scores = "; the scores after each epoch are its own" + (event.then and f", before {event.then}")
        self.about = about
        which = "network" if event.networks == 1 else f"network {event.number:,} of {event.networks:,}"
        self._line(f"{which}: {counted(event.parameters, 'parameter')}, seed {event.seed}{scores}")
        self._bar(event.steps)

    def _bar(self, total: int) -> None:
        """Start a new bar in the place of the one before."""
        if self.live:
            for task in self.bar.task_ids:
                self.bar.remove_task(task)
            self.task = self.bar.add_task("", total=total, numbers="")

    def _round(self, event: Round) -> None:
        where = f"round {event.round}/{event.rounds}"
        if event.round % _ROUND_LINES == 0 or event.round == event.rounds:
            self._line(f"{where}: {event.explained_variance:.4f} of the variance explained")
        if self.live:
            if not self.bar.task_ids:
                self._bar(event.rounds)
            self.bar.update(self.task, completed=event.round, description=where, numbers="")

    def _step(self, event: Step) -> None:
        self.loss = event.loss if self.loss is None else 0.98 * self.loss + 0.02 * event.loss
        numbers = [f"loss {self.loss:.4f}", f"learning rate {event.learning_rate:.2g}"]
        if self.executor is not None:
            numbers.append(workers(self.executor.worker_count))
        self.bar.update(
            self.task,
            completed=event.step,
            description=f"epoch {event.epoch}/{self.epochs}",
            numbers="  ".join(filter(None, numbers)),
        )


def _epoch(event: Epoch, epochs: int) -> str:
    line = f"epoch {event.epoch}/{epochs}: training loss {event.loss:.4f}"
    if event.scores is not None:
        line += f"; validation accuracy {event.scores['accuracy']:.4f}, log loss {event.scores['log_loss']:.4f}"
    return line
