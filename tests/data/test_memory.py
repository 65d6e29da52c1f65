"""The memory of a training does not grow with the number of epochs."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest
from runner import train_model

from sentibp.training.events import Epoch

EARLY, LATE = 5, 35
LEAST = 2000  # bytes an epoch that count as growth; caches that fill up make a few hundred


@pytest.fixture
def growth(write_config):
    """Return by how many bytes the memory of a training grows with each epoch."""

    def measure(leak: list | None = None, **sections: dict) -> float:
        held = {}

        def watch(event) -> None:
            if isinstance(event, Epoch):
                if leak is not None:
                    leak.append(np.zeros(2048))
                if event.epoch == EARLY - 1:
                    tracemalloc.start()
                if event.epoch in (EARLY, LATE):
                    gc.collect()
                    held[event.epoch] = tracemalloc.get_traced_memory()[0]

        sections["train"] = {"epochs": LATE, "batch_size": 144, **sections.get("train", {})}
        resolved = write_config(data={"source": "sample"}, text={"ngrams": 1}, **sections)
        try:
            train_model(resolved, watch=watch)
        finally:
            tracemalloc.stop()
        return (held[LATE] - held[EARLY]) / (LATE - EARLY)

    return measure


@pytest.mark.parametrize(
    "sections",
    [
        {"train": {"optimizer": "adam", "early_stopping": 1000}},
        {"model": {"hidden": [8, 8], "batch_norm": True, "dropout": 0.1}, "train": {"schedule": "plateau"}},
    ],
    ids=["linear", "deep"],
)
def test_memory_does_not_grow_with_the_epochs(growth, sections):
    assert growth(**sections) < LEAST


def test_growth_is_detected(growth):
    assert growth(leak=[]) > 4 * LEAST
