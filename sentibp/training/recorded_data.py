"""The data of a training, opened again: the paths that its run directory has, compared with the recorded fingerprints.

A file of the same name may lie elsewhere, or may have changed. So all commands that read the reviews of a training
again use this module: `eval` without --data, `blame`, `audit RUN`, `gradcheck`, `report`, `resume`, `reproduce`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sentibp.config import paths
from sentibp.config.load import load_config
from sentibp.config.paths import SOURCES
from sentibp.config.schema import Config, Data
from sentibp.data import dataset
from sentibp.data.corpus import Corpus
from sentibp.data.overlap import near_duplicate_texts
from sentibp.data.text_hashes import occur_in
from sentibp.errors import DataError
from sentibp.model.classifier import Classifier
from sentibp.runs import directory
from sentibp.runs.review_hashes import load_review_hashes
from sentibp.runs.trained_model import info_of_model
from sentibp.training.inputs import INITIAL_FILES
from sentibp.training.paths import repair_if_gone, resolve_paths
from sentibp.utils.messages import with_repair
from sentibp.utils.paths import names_of, shown

REPAIR = "restore them, or start a new training"
_LARGE = 1 << 26  # bytes of training files, in which similar reviews are not sought
_BOTH = "training", "validation"  # the reviews of a training, as run.json calls them


class RecordedData:
    """The reviews that a model was trained and validated on.

    What the run directory around the model's file records is compared. A model file alone has its settings only, and
    so has one that was copied over the model of a run.
    """

    def __init__(self, classifier: Classifier):
        file = classifier.file
        self.classifier = classifier
        self.run: Path | None = None
        self.facts: dict[str, Any] = {}  # of the data, from run.json
        self.is_refit = False  # whether the model was trained on the validation reviews, too
        self.has_learned_validation = False  # whether the training data have many of the validation reviews, or nearly
        info = None if file is None else info_of_model(file)
        if file is not None and info is not None:
            self.run, self.facts = file.parent, info.get("data") or {}
            self.has_learned_validation = bool(info.get("learned_validation"))
            self.is_refit = file.name == directory.MODEL and bool(info.get("refit"))
            if self.is_refit:
                self.facts = self.facts | {"training": info["refit"], "validation": None}

    @cached_property
    def config(self) -> Config:
        """The settings of the training, with the sources as the run directory has them."""
        return self._resolved[0]

    @cached_property
    def _resolved(self) -> tuple[Config, tuple[str, ...]]:
        config = self.classifier.training_config()
        if self.run is None or not (self.run / "config.yaml").is_file():
            return config, ()
        stored, notes = resolve_paths(load_config(self.run / "config.yaml"), SOURCES)
        for key in SOURCES:
            if isinstance(paths.get(config, key), str | list):  # data.validation may be a share, and is 0 after a refit
                config = paths.replace(config, key, paths.get(stored, key))
        return config, notes

    def load(
        self, repair: str = REPAIR, data: Data | None = None, unreadable: str = "{}", *, places: bool = False
    ) -> tuple[Corpus, Corpus | None]:
        """Return the training and the validation reviews, with the places of the former in their files if wanted.

        DataError if they are not those of training, with the repair, or if they cannot be read, put into `unreadable`.
        With other settings `data` than those of the training, they are other reviews, and are not compared.
        """
        training, validation = self._read(partial(dataset.load_data, places=places), _BOTH, repair, data, unreadable)
        assert training is not None
        return training, validation

    def load_validation(self, repair: str = REPAIR, data: Data | None = None, unreadable: str = "{}") -> Corpus | None:
        """Return the validation reviews, as `load` does. If they have a source of their own, no other one is read."""
        if not isinstance(self.config.data.validation if data is None else data.validation, str):
            return self.load(repair, data, unreadable)[1]
        return self._read(lambda config: [dataset.load_validation(config)], _BOTH[1:], repair, data, unreadable)[0]

    def _read(
        self,
        read: Callable[[Config], Sequence[Corpus | None]],
        names: Sequence[str],
        repair: str,
        data: Data | None,
        unreadable: str,
    ) -> list[Corpus | None]:
        """Return what is read, compared with what the run records under these names, and with notes."""
        config, notes = self._resolved
        is_other = data is not None and data != config.data
        config = config.model_copy(update={"data": data}) if data is not None else config
        try:
            corpora = read(config)
        except DataError as error:
            gone = None if is_other else repair_if_gone(config)
            message = str(error) if gone is None else with_repair(str(error), gone)
            raise DataError(unreadable.replace("{}", message)) from None
        if self.run is not None and not is_other:
            now = {name: dataset.data_facts(corpus) for name, corpus in zip(names, corpora, strict=True)}
            require_same_data(self.run, {name: self.facts[name] for name in now if name in self.facts}, now, repair)
        source = {"training": config.data.given_source, "validation": config.data.validation}
        notes = (*notes, *(note for name in names for note in _of_the_same_name(source[name])))
        return [corpus and replace(corpus, notes=(*notes, *corpus.notes)) for corpus in corpora]

    def in_training(self, text: pa.ChunkedArray) -> np.ndarray | None:
        """Return whether the model was trained on each text, (n,) bool; None if no run directory tells."""
        known = self.training_hashes()
        return None if known is None else occur_in(text, known)

    def near_training(self, text: pa.ChunkedArray) -> np.ndarray:
        """Return whether the model was trained on nearly each text, as `overlap.near_duplicates` does: (n,) int8.

        -1 for all if the training reviews are not in files here, have changed, or are so many that this takes long. No
        connection is opened: a data set of the hub is no file.
        """
        data = self.config.data
        files = [*names_of(data.source), *(names_of(data.validation) if isinstance(data.validation, str) else ())]
        if self.run is None or not len(text) or not all(map(os.path.isfile, files)):
            return np.full(len(text), -1, np.int8)
        try:
            if sum(map(os.path.getsize, files)) > _LARGE:
                return np.full(len(text), -1, np.int8)
            training = self.load()[0]
        except (OSError, DataError):
            return np.full(len(text), -1, np.int8)
        return near_duplicate_texts(training.text, text)

    def training_hashes(self) -> np.ndarray | None:
        """Return the hashes (n,) of the reviews that the model was trained on; None if no run directory tells."""
        hashes = None if self.run is None else load_review_hashes(self.run)
        if hashes is None:
            return None
        return np.concatenate(hashes) if self.is_refit else hashes.training


def require_recorded_data(run: Path, config: Config, corpus: Corpus) -> None:
    """Raise DataError if the reviews, before any are held out, are not those that the run records."""
    info = directory.load_run_info(run)
    if info.get("refit"):
        facts, training = info["refit"], corpus
    else:
        facts, (training, _) = (info.get("data") or {}).get("training"), dataset.hold_out(corpus, config)
    if facts is not None:
        require_same_data(run, {"training": facts}, {"training": dataset.data_facts(training)})


def _of_the_same_name(source: Any) -> list[str]:
    """Return a note for each file that the working directory has another one of the same name of."""
    notes = []
    for path in names_of(source):
        here = os.path.basename(path)
        if os.path.isabs(path) and os.path.exists(here) and not os.path.samefile(here, path):
            notes.append(f"{here}: taken from {shown(path)}, as in training; the working directory has another file")
    return notes


def require_same_data(path: Path, then: Mapping[str, Any], now: Mapping[str, Any], repair: str = REPAIR) -> None:
    """Raise DataError, with the repair, if the data are not those that the run at `path` records.

    `then` and `now` are facts about the data as run.json has them: the number of reviews and the fingerprint of each.
    """
    for name, facts in then.items():
        if facts != now.get(name):
            if name == "lexicon":
                what, count = "lexicon of pretrain.lexicon has", "other words or polarities"
            elif name in INITIAL_FILES:
                what, count = f"file of {INITIAL_FILES[name]} has", "other weights"
            elif name == "groups":
                what, count = "data have", "other groups in the column of data.group_column"
            else:
                before, after = (0 if each is None else each["reviews"] for each in (facts, now.get(name)))
                what, count = f"{name} data have", f"{before:,} reviews then, {after:,} now"
                count = "other texts, labels or weights" if before == after else count
            raise DataError(f"{path}: the {what} changed since it was trained: {count}; {repair}")
