"""What a model card is about: a model file, and what the run directory records beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sentibp.config.load import load_config
from sentibp.config.paths import with_names_only
from sentibp.config.schema import Config
from sentibp.model.classifier import Classifier
from sentibp.model.file import load_header, load_model
from sentibp.runs import directory
from sentibp.runs.find import builtin_file
from sentibp.runs.trained_model import info_of_model, is_replaced
from sentibp.utils.messages import print_message
from sentibp.utils.paths import names_of


class Subject(NamedTuple):
    """A model, and what is recorded beside its file."""

    path: Path
    classifier: Classifier
    config: Config  # names of files without their folders
    info: Mapping[str, Any]  # run.json; {} for a model file alone
    version: str
    is_refit: bool
    is_held_out: bool | None  # whether the scores are on reviews that training has not learned from; None: not known

    @property
    def scores(self) -> dict[str, Any]:
        """The scores; {} if no review was held out, as those on training reviews say nothing."""
        return {} if self.is_held_out is False else self.info.get("scores") or self.classifier.scores

    @property
    def sources(self) -> list[str]:
        """The names of the data that it was trained on."""
        return names_of(self.config.data.source)


def load_subject(path: Path) -> Subject:
    """Read a model file, and run.json and the settings beside it. DataError if one is damaged."""
    classifier = load_model(path)
    header = load_header(path)
    info = info_of_model(path) or {}
    config = classifier.training_config()
    if info and (path.parent / "config.yaml").is_file():
        config = load_config(path.parent / "config.yaml").config
    elif is_replaced(path):
        print_message(f"{path}: not the model that run.json beside it records; the card is of the file alone")
    is_refit = bool(info.get("refit")) and path.name == directory.MODEL
    is_held_out = info.get("scored_on") != "training" if info else _is_held_out(path, classifier)
    is_refit |= not info and is_held_out is True and config.data.validation == 0
    subject = path, classifier, with_names_only(config), info, str(header["version"])
    return Subject(*subject, is_refit, is_held_out)


def _is_held_out(path: Path, classifier: Classifier) -> bool | None:
    """Return whether the scores in a model file alone are on reviews that were held out; None if it does not say.

    The settings of a refit are those of a training without validation reviews and without a refit.
    """
    config = classifier.training_config()
    if config.data.validation != 0 or path == builtin_file() or classifier.vocabulary.respells:
        return True  # a compressed model has no other scores
    return None if config.train.refit is False else False
