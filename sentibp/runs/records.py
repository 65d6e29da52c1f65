"""Run directories: what a training was, how it went, and the model it left behind.

    config.yaml         every setting, defaults filled in: training it repeats the run
    run.json            command, versions, seed, fingerprints of the data, machine, start, end, outcome, scores
    metrics.jsonl       one event a line: every step, every epoch, the gradient flow of a few steps
    model.safetensors   the best epoch, or what was trained once more as that was
    validated.safetensors  then the best epoch, which the scores are of
    validation.parquet  what the model said of each validation review, for paired comparisons
    visits.safetensors  what training told each of its reviews, for blame (see `visits`)

and while it is trained, or if that was broken off, what `checkpoint` writes. The run of a pretraining has
vectors.safetensors (see `vectors`) in place of a model. `runs/last` is a text file with the path of the newest run that
left a model or vectors, `runs/started` of the newest that was begun."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sentibp.errors import DataError
from sentibp.runs.directory import METRICS
from sentibp.utils.files import open_regular


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """The records of metrics.jsonl, in order. A line that is still being written is left out."""
    number = 0
    try:
        with open_regular(path / METRICS) as file:
            for line in file:
                number += 1
                if not line.endswith(b"\n"):
                    return
                event = json.loads(line.decode())
                if not isinstance(event, dict):
                    raise ValueError("not an object")
                yield event
    except OSError as error:
        raise DataError(f"{path / METRICS}: {error.strerror}; give a run directory") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path / METRICS}:{number}: damaged: {error}") from None
