"""A run that is carried out: iterate over its events, leave the loop whenever you like, then `finish` it.

    with Training(...) as training:
        for event in training:
            progress.show(event)
            if wanted:
                break
        outcome = training.finish()

Leaving the loop early interrupts the run: `finish` keeps the best model so far, and a checkpoint of where it was.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import Any, Self

from sentibp.errors import DataError, SentibpError
from sentibp.runs.directory import Run
from sentibp.training.best_epoch import Selection
from sentibp.training.break_condition import BreakCondition
from sentibp.training.checkpoint import Checkpoint, CheckpointWriter, remove_checkpoint
from sentibp.training.diverged import TrainingStopped
from sentibp.training.events import Event, Note
from sentibp.training.metrics_log import MetricsLog
from sentibp.training.networks import TrainingContext
from sentibp.training.prepare import TrainingData
from sentibp.training.shards.files import FOLDER, remove_shards
from sentibp.utils.executor import ClusterLost, Executor, NotVisible, OtherVersion, Serial, WorkerDied
from sentibp.utils.files import WriteError
from sentibp.utils.threads import single_threaded_blas


class Session:
    """What a training and a pretraining share: run, resume, interrupt, finish."""

    def __init__(
        self,
        data: TrainingData,
        run: Run,
        checkpoint: Checkpoint | None = None,
        condition: BreakCondition | None = None,
        notes: tuple[str, ...] = (),
        executor: Executor | None = None,
    ):
        settings = data.config
        self.run = run
        address = getattr(executor, "address", None)
        options = f" --cluster {address}" if address else ""
        self.resume_command = f"sentibp {run.command} --resume {shlex.quote(str(run.path))}{options}"
        if address:
            run.advice = f"then resume with `{self.resume_command}`"
        self.checkpoint = checkpoint
        self.notes = (*data.notes, *notes)
        self.note: str | None = None  # a problem that `finish` met, and that changes nothing
        self.context = TrainingContext(
            data,
            run,
            MetricsLog(run, settings),
            Selection(run, settings.train, data.validation, data.independent, data.prior),
            CheckpointWriter(run, settings, checkpoint),
            condition,
            executor=executor or Serial(),
        )
        self.is_complete = False
        self.is_resumable = True
        self._events: Generator[Event, None, None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._close_events()
        if kind is not None and self.run.facts["outcome"] == "running":
            self.run.fail()
        remove_shards(self.run.path / FOLDER)
        self.run.close()

    def __iter__(self) -> Iterator[Event]:
        """Carry out the run. Another loop continues where the last one was left."""
        if self._events is None:
            self._events = self._all_events()
        return self._events

    def _all_events(self) -> Generator[Event, None, None]:
        try:
            yield from (Note(note) for note in self.notes)
            with single_threaded_blas:  # all of it, also what is computed between the steps
                yield from self.events()
        except TrainingStopped as error:
            raise self.stopped(error) from None
        except (WorkerDied, ClusterLost, NotVisible, OtherVersion) as error:
            with suppress(DataError):
                self._write_checkpoint()  # if the state can still be fetched
            raise type(error)(*error.lines, f"to resume: {self.resume_command}") from None
        except WriteError as error:  # of a file that is not the run's own, whose message does not say how to resume
            if self.run.advice in str(error):
                raise
            *lines, last = error.lines
            raise WriteError(*lines, f"{last}; {self.run.advice}") from None
        except KeyboardInterrupt:  # in the middle of a step: the weights and the state do not belong together
            self.is_resumable = False
            raise
        self.is_complete = True

    def _close_events(self) -> None:
        if self._events is not None:
            self._events.close()

    def events(self) -> Generator[Event, None, None]:
        """Do the work."""
        raise NotImplementedError

    def stopped(self, error: TrainingStopped) -> SentibpError:
        """Return the error to raise for a training that stopped in a step."""
        return error

    def interrupt(self) -> None:
        """Keep a checkpoint of where the run is, if the settings ask for checkpoints."""
        self._close_events()
        self._write_checkpoint()

    def _write_checkpoint(self) -> None:
        context, writer = self.context, self.context.checkpoints
        is_restored = writer.checkpoint is None  # else the checkpoint on disk is still the newest
        has_begun = writer.current is not None or writer.position is not None or writer.members
        if self.is_resumable and writer.is_enabled and is_restored and has_begun:
            writer.write(context.selection.state_dict(), context.log.state_dict())

    def end(self, outcome: str, facts: dict[str, Any]) -> None:
        """Write how the run ended into run.json."""
        self.note = self.run.finish(outcome=outcome, **facts)
        if outcome == "finished":
            remove_checkpoint(self.run.path)
