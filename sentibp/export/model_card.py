"""The model card: what a stranger must know to use a model, in Markdown with the header of the Hugging Face hub.

It has numbers, names of classes and settings. No text of a review is in it, no folder, and nothing of the machine.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sentibp.config.dump import dump
from sentibp.config.find import shipped
from sentibp.config.load import load_config
from sentibp.config.paths import FILES, SOURCES, get
from sentibp.config.schema import Config
from sentibp.data.built_in import HUB_IDS, SHIPPED
from sentibp.data.dataset import IN_MEMORY
from sentibp.errors import ConfigError
from sentibp.export import hub_header
from sentibp.export.card_subject import Subject, load_subject
from sentibp.export.hub_header import METRICS, interval_of, is_hub_id
from sentibp.inspection.probes import load_further_probes, load_probes, run_probes
from sentibp.model.classifier import Classifier
from sentibp.runs import directory, hub_model
from sentibp.runs.find import BUILTIN, builtin_file
from sentibp.runs.saved_model import average, is_calibrated, uses_of_validation
from sentibp.training.validation_notes import FEW
from sentibp.utils import environment
from sentibp.utils.json_types import finite_number
from sentibp.utils.messages import as_sentence, printable
from sentibp.utils.paths import names_of

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"

_MARKUP = re.compile(r"([\\`*\[\]<>|~&#])|(?<![^\W_])_|_(?![^\W_])")  # an underscore inside a word is no markup

_ENGLISH = {*HUB_IDS, *HUB_IDS.values(), *SHIPPED, "reviews", "stanfordnlp/sst2"}
"""Data sets in English."""

_DATA = {
    "training": "training",
    "validation": "validation",
    "labelled": "labelled reviews of the pretraining",
    "unlabelled": "unlabelled reviews of the pretraining",
}


class Card(NamedTuple):
    """A model card: its text, and the facts that it states."""

    text: str
    facts: dict[str, Any]


class About(NamedTuple):
    """What only the author of a model knows."""

    repository: str | None = None  # USER/NAME on the hub
    license: str | None = None
    languages: tuple[str, ...] = ()


def write_card(path: Path, about: About = About()) -> Card:  # noqa: B008  # a tuple
    """Return the card of a model file. What run.json beside it records is in it, too.

    ConfigError if `about` is wrong, DataError if the model or run.json is damaged.
    """
    require_about(about)
    subject = load_subject(path)
    facts = _facts(subject, about)
    text = _environment().get_template("model_card.md").render(facts | {"header": _header(subject, facts, about)})
    return Card(re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n", facts)


def require_about(about: About) -> None:
    """Raise ConfigError if the license or a language cannot be one that the hub knows."""
    if about.license is not None and not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", about.license):
        raise ConfigError(f"--license {about.license}: not the short name of a license; write, for example, mit")
    for language in about.languages:
        if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]+)*|multilingual|code", language):
            raise ConfigError(f"--language {language}: not the code of a language; write, for example, en")
    if about.repository is not None:
        hub_model.require_repository(about.repository, about.repository)


def _facts(subject: Subject, about: About) -> dict[str, Any]:
    """Return what the template shows."""
    classifier, content = subject.classifier, subject.path.read_bytes()
    classes = classifier.spec.labels
    probes = _probes(classifier)
    settings = "" if _shipped_config(subject.config) else dump(subject.config)
    digest = hashlib.sha256(content).hexdigest()
    return {
        "title": about.repository or _name(subject),
        "model_name": _model_name(subject, about),
        "summary": _summary(subject),
        "classes": list(classes),
        "ordered": classifier.spec.ordered,
        "size": {
            "bytes": environment.size(len(content)),
            "features": f"{len(classifier.vocabulary):,}",
            "parameters": f"{classifier.parameter_count:,}",
        },
        "network": _network(subject),
        "digest": digest,
        "data": _data(subject),
        "data_notes": _data_notes(subject),
        "scores": _score_rows(subject.scores),
        "scored_on": _scored_on(subject),
        "class_scores": _class_rows(subject.scores),
        "calibration": _calibration(subject),
        "probes": probes,
        "limits": _limits(subject, about, probes),
        "reproduce": _reproduction(subject, digest),
        "settings": settings,
        "fence": "`" * max(3, 1 + max(map(len, re.findall("`+", settings)), default=0)),
        "versions": _versions(subject),
    }


def _name(subject: Subject) -> str:
    if subject.path == builtin_file():
        return f"sentibp {BUILTIN}"
    return hub_model.repository_of(subject.path) or "A classifier of sentibp"


def _model_name(subject: Subject, about: About) -> str:
    """Return what -m takes to use the model."""
    if subject.path == builtin_file() and about.repository is None:
        return BUILTIN
    repository = about.repository or hub_model.repository_of(subject.path)
    return f"hf://{repository}" if repository else directory.MODEL


def _summary(subject: Subject) -> str:
    names = subject.classifier.spec.labels
    if not subject.classifier.spec.ordered:
        return f"A text classifier of {len(names)} classes."
    what = "positive or negative" if len(names) == 2 else f"one of {len(names)} classes from {names[0]} to {names[-1]}"
    return f"A sentiment classifier: it tells whether a review is {what}, and with which probability."


def _network(subject: Subject) -> str:
    spec = subject.classifier.spec
    hidden = ", ".join(map(str, spec.hidden))
    layers = f"hidden layers of {hidden} ({spec.activation})" if spec.hidden else "no hidden layer"
    parts = [f"embedding of {spec.dim} numbers, {spec.pooling} over the text", layers]
    most = subject.config.text.ngrams
    parts.append("single words" if most == 1 else f"words and phrases of up to {most} words")
    if averaged := average(subject.config, subject.info.get("kept")):
        parts.append(averaged)
    if subject.config.text.shifters:
        parts.append("weights of negated words")
    return "; ".join(parts)


def _data(subject: Subject) -> list[dict[str, Any]]:
    """Return the number and the fingerprint of the reviews of each kind."""
    recorded = subject.info.get("data") or {}
    if subject.is_refit and subject.info:
        recorded = {"final training": subject.info["refit"], **recorded}
    rows = []
    for key, each in recorded.items():
        if each and "reviews" in each and (key in _DATA or key == "final training"):
            fingerprint = each.get("fingerprint")
            rows.append({"name": _DATA.get(key, key), "reviews": f"{each['reviews']:,}", "fingerprint": fingerprint})
    return rows


def _data_notes(subject: Subject) -> list[str]:
    notes = []
    hub = [HUB_IDS.get(name, name) for name in subject.sources]
    known = [name for name in hub if _is_public(name)]
    if known:
        notes.append(f"Data: {', '.join(known)}, split {subject.config.data.split}.")
    elif subject.sources == [IN_MEMORY]:
        notes.append("The reviews were in the memory of a Python program. They are not published here.")
    else:
        notes.append("The reviews are files of the author. They are not published here.")
    if subject.is_refit:
        notes.append(
            "The scores are those of a model that did not learn from the validation reviews. Then it was trained "
            "again on all reviews, theirs included."
        )
    notes += _builtin_words(subject.config)
    start = [key for key in FILES if get(subject.config, key) is not None]
    if start:
        notes.append(f"The training started from other weights: {', '.join(start)} in the settings below.")
    if subject.info:
        notes.append("A fingerprint is the SHA-256 of texts, labels and weights: the same data have the same one.")
    else:
        notes.append("The model file alone does not say how many reviews it has learned from.")
    return notes


def _builtin_words(config: Config) -> list[str]:
    """Return what the model has learned of IMDB by what comes with sentibp, if it has."""
    used = ["vectors of words (50,000 reviews of IMDB without labels)"] * (config.pretrain.vectors == "builtin")
    if config.pretrain.lexicon == "builtin":
        used.append("a lexicon (in how many of the 25,000 training reviews of IMDB of each label a word occurs)")
    return [f"The training started from what comes with sentibp: {' and '.join(used)}."] if used else []


def _is_public(name: str) -> bool:
    return name in SHIPPED or name == "reviews" or name in HUB_IDS or is_hub_id(name)


def _score_rows(scores: Mapping[str, Any]) -> list[dict[str, str]]:
    rows, interval = [], interval_of(scores)
    for key, (name, _) in METRICS.items():
        value = finite_number(scores.get(key))
        if value is not None:
            note = f"95 % interval {interval[0]:.4f} to {interval[1]:.4f}" if key == "accuracy" and interval else ""
            rows.append({"name": name, "value": f"{value:.4f}", "note": note})
    return rows


def _class_rows(scores: Mapping[str, Any]) -> list[dict[str, str]]:
    classes = scores.get("classes")
    if not isinstance(classes, Mapping):
        return []
    rows = []
    for name, each in classes.items():
        values = {key: finite_number(each.get(key)) for key in ("n", "precision", "recall", "f1")} if each else {}
        unscored = {key: None for key in values if key != "n"} if values.get("n") == 0 else {}
        values |= unscored
        shown = {key: "–" if v is None else f"{v:,.6g}" if key == "n" else f"{v:.4f}" for key, v in values.items()}
        rows.append({"name": str(name), **shown})
    return rows


def _scored_on(subject: Subject) -> str:
    n, worth = finite_number(subject.scores.get("n")), finite_number(subject.scores.get("effective_n"))
    if n is None:
        return ""
    line = f"On {n:,.6g} validation reviews" if subject.is_held_out else f"On {n:,.6g} reviews"
    if worth is not None:
        line += f" with weights, worth {worth:,.0f} of equal weight"
    if not subject.is_held_out:
        return f"{line}. The model file alone does not say whether they were held out from training."
    used = uses_of_validation(subject.config)
    if caveats := [each for each in subject.info.get("caveats") or [] if each]:
        also, found = f"They {used}, and say" if used else "They say", " ".join(map(as_sentence, caveats))
        return f"{line}. {also} less of new reviews than their number suggests: {found}"
    line += ", which training did not learn from."
    return f"{line} They {used}, so expect slightly less of others." if used else line


def _calibration(subject: Subject) -> str:
    error = finite_number(subject.scores.get("calibration_error"))
    if error is None:
        return ""
    is_fitted = subject.is_held_out and is_calibrated(subject.config)
    fitted = " They were fitted on the validation reviews." if is_fitted else ""
    few = _evidence(subject) < FEW
    chance = " With so few reviews, this number is chance." if few else ""
    return f"The probabilities are off by {error:.4f} on average (expected calibration error).{fitted}{chance}"


def _evidence(subject: Subject) -> float:
    """Return how many reviews of equal weight the scores are of."""
    scores = subject.scores
    return finite_number(scores.get("effective_n")) or finite_number(scores.get("n")) or 0


def _probes(classifier: Classifier) -> list[dict[str, Any]]:
    """Return how many pairs of each kind pass. Classes without an order have none."""
    if not classifier.spec.ordered:
        return []
    result = run_probes(classifier, load_probes(classifier.spec.label_set))
    further = run_probes(classifier, load_further_probes())
    rows = [{"kind": kind, "n": each["n"], "passed": each["passed"]} for kind, each in result["kinds"].items()]
    rows += [{"kind": f"further {k}", "n": each["n"], "passed": each["passed"]} for k, each in further["kinds"].items()]
    return [*rows, {"kind": "all", "n": result["n"] + further["n"], "passed": result["passed"] + further["passed"]}]


def _limits(subject: Subject, about: About, probes: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    n = _evidence(subject)
    if subject.scores and n < 10 * FEW:
        lines.append(f"The scores are of {n:,.0f} reviews only: trust the interval, and not the numbers.")
    negation = [row for row in probes if "negation" in row["kind"]]
    if negation:
        passed, pairs = sum(row["passed"] for row in negation), sum(row["n"] for row in negation)
        lines.append(f'Negation: {passed} of {pairs} pairs such as "good" and "not good" are told apart.')
    else:
        lines.append("Negation: a sum of words and short phrases does not follow it over a distance.")
    lines.append("Sarcasm, comparisons and quotations are read literally.")
    lines.append(
        "Other domains: it knows the words of its training reviews. On other texts it is wrong more often, but just as "
        "confident."
    )
    languages = ", ".join(_languages(subject, about)) or "the language of its training reviews"
    lines.append(f"Languages: {languages}. A text without a known word gets the same answer as an empty one.")
    lines.append("Bias: names, places and groups may have weights, for reviews that have them are not balanced.")
    lines.append("Do not decide about people with it.")
    return lines


def _languages(subject: Subject, about: About) -> list[str]:
    return list(about.languages) or (["en"] if all(name in _ENGLISH for name in subject.sources) else [])


@cache
def _shipped_digests() -> dict[str, str]:
    """Return the configs that come with the program: their settings as YAML, and their names."""
    return {dump(load_config(name).config): name for name, _ in shipped()}


def _shipped_config(config: Config) -> str | None:
    """Return the name of the shipped config with these settings, if there is one."""
    return _shipped_digests().get(dump(config))


def _reproduction(subject: Subject, digest: str) -> dict[str, list[str]]:
    config, name = subject.config, _shipped_config(subject.config)
    install = f"pip install .      # in a clone of the repository of sentibp, version {subject.version}"
    if subject.path == builtin_file():
        return {
            "text": ["It comes with sentibp: `pip install .` in a clone of its repository installs this file."],
            "commands": [],
        }
    text = []
    if name is None:
        text.append("Save the settings below as config.yaml.")
    if config.data.source == IN_MEMORY:
        text.append("Then give the same texts and labels to `sentibp.train` in Python.")
        train = 'python -c "import sentibp; help(sentibp.train)"'
    else:
        train = f"sentibp train {name or 'config.yaml'} --json"
    if needed := _needed_files(config):
        text.append(f"You need these files of the author, in the folder of config.yaml: {', '.join(needed)}.")
    if subject.is_refit and not subject.info:
        text.append("The settings are those of the final training on all data; the file does not have those before it.")
    elif subject.path.name == directory.VALIDATED and subject.info.get("refit"):
        text.append("This is the model before the final training on all data, validated.safetensors of the run.")
    elif subject.info:
        text.append(f"The same versions, settings, data and kind of processor give the same file, {digest[:12]}...")
    elif subject.classifier.vocabulary.respells:  # as only compressed ones do
        text.append("The file was compressed after the training: `sentibp compress` makes it from the trained one.")
    return {"text": text, "commands": [install, train]}


def _needed_files(config: Config) -> list[str]:
    """Return the names of the files that a training with these settings reads, and that only the author has."""
    sources = [each for key in SOURCES for each in names_of(get(config, key)) if not _is_public(each)]
    files = [str(get(config, key)) for key in FILES if get(config, key) is not None]
    kept = [each for each in (*sources, *files) if each != IN_MEMORY and not hub_model.is_hub_name(each)]
    return list(dict.fromkeys(kept))


def _versions(subject: Subject) -> dict[str, str]:
    recorded = subject.info.get("versions") or {}
    return {name: value for name, value in {"sentibp": subject.version, **recorded}.items() if value and name != "code"}


def _header(subject: Subject, facts: Mapping[str, Any], about: About) -> str:
    return hub_header.write_header(
        title=str(facts["title"]).rpartition("/")[2],
        license=about.license,
        languages=_languages(subject, about),
        sources=[HUB_IDS.get(name, name) for name in subject.sources],
        scores=subject.scores if subject.is_held_out else {},
        is_sentiment=subject.classifier.spec.ordered,
    )


def _escaped(text: str) -> str:
    """Return a text as Markdown shows it in one line, with no markup of its own."""
    return _MARKUP.sub(lambda found: f"\\{found[0]}", " ".join(printable(str(text)).split()))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(  # the filter md escapes what is not the template's own; HTML escapes would be shown
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters["md"] = _escaped
    return found
