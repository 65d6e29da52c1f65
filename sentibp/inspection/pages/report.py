"""A report on trained models, as one page that stands alone: how they learned, how good they are, what they know.

Everything is in the file: numbers as JSON, the drawing script of plotly, styles and scripts of templates/. Nothing is
fetched, and the page's own policy lets no other script run than those it was made with. The same runs give the same
bytes. What cannot be shown, for want of reviews or of a record, is named, not left out silently.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sentibp import metrics
from sentibp.data import corpus
from sentibp.errors import ConfigError, DataError
from sentibp.inspection import evaluate, explain, trace, words
from sentibp.inspection.pages import charts, page, stepper
from sentibp.model import file, head
from sentibp.model.classifier import Classifier
from sentibp.nn.layers import Array
from sentibp.runs import compare, directory, find, records
from sentibp.utils.threads import single_threaded_blas

TEMPLATES = Path(__file__).parent / "templates"

_WORDS = 15  # listed on either side
_FREQUENT = 5000  # features that words are chosen from
_MAP = 400  # of the most frequent features, and
_TELLING = 60  # of the strongest on either side, that the map shows
_MISTAKES = 6
_STEPPED = 60  # words of the longest review that the stepper walks through, if there are short ones
_FACTS = (
    "command",
    "outcome",
    "start",
    "seconds",
    "seed",
    "kept",
    "scored_on",
    "data",
    "versions",
    "machine",
    "digest",
)
_OWN = (("I love this movie", "positive"), ("not worth the ticket", "negative"))
"""What the stepper walks through without validation reviews."""


class Answers(NamedTuple):
    """What a model says of some reviews; without the reviews themselves, their labels and probabilities."""

    label: Array  # (n,)
    positive: Array  # (n,)
    scores: dict[str, Any]
    scored: evaluate.ScoredReviews | None


class Subject(NamedTuple):
    """A run or a model file, and all that is known of it."""

    name: str
    path: Path
    classifier: Classifier | None
    facts: dict[str, Any]  # of run.json; {} for a bare model file
    events: list[dict[str, Any]]
    answers: Answers | None
    left_out: list[str]  # what the page does not show of it, and why


class Where(NamedTuple):
    """The reviews to score on: the arguments of experiment.scored_on; without any, those of the training."""

    source: str | None = None
    split: str | None = None
    text_column: str | None = None
    label_column: str | None = None


def libraries() -> tuple[Any, str]:
    """jinja2, and the script of plotly. ConfigError without them."""
    try:
        import jinja2
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        raise ConfigError(f"a report needs {missing}: pip install 'sentibp[report]'") from None
    return jinja2, get_plotlyjs()


def gather(names: Sequence[str], where: Where = Where()) -> list[Subject]:  # noqa: B008  # a tuple
    """Read runs and model files. Raises ConfigError, and DataError for what must be readable."""
    paths = list(dict.fromkeys(find.find_run(name) for name in names))
    short = [path.name if path.is_dir() else str(path) for path in paths]
    unique = short if len(set(short)) == len(short) else list(map(str, paths))
    return [_subject(path, name, where) for path, name in zip(paths, unique, strict=True)]


def _subject(path: Path, name: str, where: Where) -> Subject:
    left_out: list[str] = []
    facts: dict[str, Any] = {}
    events: list[dict[str, Any]] = []
    if not path.is_dir():
        left_out.append("its training and its environment: a model file does not hold them; name its run directory")
    elif (path / "run.json").exists():
        facts = directory.load_run_info(path)
        directory.require_training(path, facts)
        events = _events(path)
    else:
        left_out.append(f"its training and its environment: there is no {path / 'run.json'}")
    classifier = answers = None
    if path.is_dir() and not (path / directory.MODEL).is_file():
        left_out.append(
            f"all but its training: {path} has no {directory.MODEL}; the run is {facts.get('outcome', 'none')}"
        )
        if not facts:
            raise ConfigError(
                f"{path}: neither run.json nor {directory.MODEL} is there; give a run directory or a model file"
            )
    else:
        classifier = file.load_model(path / directory.MODEL if path.is_dir() else path)
        if not any(where) and (held_out_from := find.validated_file(str(path))) != find.model_file(str(path)):
            classifier = file.load_model(held_out_from)
            left_out.append(f"what {directory.MODEL} learned of the validation reviews: all is of {held_out_from.name}")
        answers = _answers(path, classifier, facts, where, left_out)
    if events and not any(event["event"] == "flow" for event in events):
        left_out.append("gradient flow: its training did not record it")
    return Subject(name, path, classifier, facts, events, answers, left_out)


def _events(path: Path) -> list[dict[str, Any]]:
    """The records of the training that the charts are of."""
    numbers = {"step": ("step", "loss", "gradient_norm"), "epoch": ("step",), "flow": ("step",)}
    mappings = {"flow": "layers"}
    events = [event for record in records.read_records(path) if (event := record.to_json())["event"] in numbers]
    for event in events:
        kind = event["event"]
        right = all(isinstance(event.get(key), int | float) for key in numbers[kind]) and "seed" in event
        if not right or (kind in mappings and not isinstance(event.get(mappings[kind]), dict)):
            raise DataError(f"{path / directory.METRICS}: damaged: not the records of a training")
    return events


def _fingerprint(facts: Mapping[str, Any]) -> str | None:
    """That of the validation reviews, as run.json has it."""
    try:
        return facts["data"]["validation"]["fingerprint"]
    except (KeyError, TypeError):
        return None


def _answers(
    path: Path, classifier: Classifier, facts: Mapping[str, Any], where: Where, left_out: list[str]
) -> Answers | None:
    """What the model says of the reviews; what is missing is added to `left_out`."""
    try:
        scored = evaluate.score_reviews(classifier, *where)
    except DataError as error:
        if any(where):
            raise
        recorded = _recorded(path) if path.is_dir() else None
        if recorded is None:
            left_out.append(f"scores and mistakes: {error}")
        else:
            left_out.append(f"mistakes, accuracy by length: {error}; scores are as recorded")
        return recorded
    then = _fingerprint(facts)
    if not any(where) and then is not None and then != corpus.fingerprint(scored.reviews):
        left_out.append("its validation reviews: they have changed since; the scores are of those there now")
    assert scored.reviews.label is not None
    return Answers(scored.reviews.label, scored.positive, scored.scores, scored)


def _recorded(path: Path) -> Answers | None:
    """What the run recorded of its validation reviews, which are gone."""
    found = directory.load_predictions(path)
    return None if found is None else Answers(*found, metrics.scores(*found), None)


# --- the page


def render(subjects: Sequence[Subject]) -> bytes:
    """The page. Raises ConfigError without the libraries of the extra."""
    jinja2, plotly = libraries()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = lambda content: jinja2.utils.markupsafe.Markup(page.page_text(str(content)))
    safe = jinja2.utils.markupsafe.Markup
    with single_threaded_blas:
        content = _content(subjects, safe)
    scripts = [_unix(plotly), *(_unix((TEMPLATES / name).read_text("utf-8")) for name in ("stepper.js", "report.js"))]
    html = environment.get_template("report.html").render(
        **content,
        style=safe(style("stepper.css", "report.css")),
        scripts=[safe(script) for script in scripts],
        policy=policy(scripts),
    )
    return html.encode(errors="replace")


def style(*names: str) -> str:
    """The style of all pages, and some of templates/ after it."""
    return page.STYLE + "".join((TEMPLATES / name).read_text("utf-8") for name in names)


def policy(scripts: Iterable[str]) -> str:
    """A content security policy under which only these scripts run, and nothing is fetched."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src {allowed}"


def _unix(script: str) -> str:
    """With the line ends that a browser makes of any, before it takes the digest."""
    return script.replace("\r\n", "\n").replace("\r", "\n")


def _content(subjects: Sequence[Subject], safe: Callable[[str], str]) -> dict[str, Any]:
    """What the template shows."""
    drawn = _charts(subjects)
    steps = {
        subject.name: _steps(subject.classifier, subject.answers)
        for subject in subjects
        if subject.classifier is not None
    }
    leaps = [
        (name, "its steps: at the learning rate of its training they diverge") for name in steps if not steps[name]
    ]
    steps = {name: found for name, found in steps.items() if found}
    return {
        "title": "Report: " + ", ".join(subject.name for subject in subjects),
        "names": [subject.name for subject in subjects],
        "left_out": _together(
            [(subject.name, line) for subject in subjects for line in subject.left_out] + leaps, len(subjects)
        ),
        "scores": _scores(subjects),
        "paired": _paired(subjects),
        "comparable": _comparable(subjects),
        "charts": drawn,
        "confusions": [(each.name, each.answers.scores["confusion"]) for each in subjects if each.answers is not None],
        "words": [(each.name, _top(each.classifier)) for each in subjects if each.classifier is not None],
        "mistakes": [(subject.name, _mistakes(subject, safe)) for subject in subjects],
        "steps": list(steps),
        "settings": _settings(subjects),
        "environment": _environment(subjects),
        "numbers": {
            "charts": [chart for group in drawn.values() for chart in group],
            "steps": list(steps.values()),
        },
    }


def _together(lines: Sequence[tuple[str, str]], n: int) -> list[str]:
    """What is left out, and of which of n runs, each reason once."""
    reasons = dict.fromkeys(line for _, line in lines)
    names = {reason: [name for name, line in lines if line == reason] for reason in reasons}
    return [reason if len(names[reason]) == n else f"{', '.join(names[reason])}: {reason}" for reason in reasons]


def _charts(subjects: Sequence[Subject]) -> dict[str, list[charts.Chart]]:
    """The charts of each part of the page."""
    lines = [charts.Lines(i, subject.name, subject.events) for i, subject in enumerate(subjects)]
    told = [
        charts.Answers(
            i,
            subject.name,
            subject.answers.label,
            subject.answers.positive,
            None if subject.answers.scored is None else subject.answers.scored.tokens,
        )
        for i, subject in enumerate(subjects)
        if subject.answers is not None
    ]
    return {
        "training": charts.training(lines) + charts.flows(lines),
        "answers": charts.answers(told) if told else [],
        "words": [
            charts.word_map(i, subject.name, _mapped(subject.classifier))
            for i, subject in enumerate(subjects)
            if subject.classifier is not None and len(subject.classifier.vocabulary) > 2
        ],
    }


def _mapped(classifier: Classifier) -> charts.Words:
    """The words of the map: the most frequent features, and the strongest."""
    texts, weight = words.feature_weights(classifier, _FREQUENT)
    order = np.argsort(weight, kind="stable")
    chosen = np.unique(np.concatenate([np.arange(min(_MAP, len(weight))), order[:_TELLING], order[-_TELLING:]]))
    vectors = classifier.tensors()["embedding.weight"][chosen]
    return charts.Words([texts[i].as_py() for i in chosen.tolist()], vectors, weight[chosen])


def _top(classifier: Classifier) -> list[tuple[str, list[tuple[str, float, float]]]]:
    """The strongest words on either side: each with its weight, and that as a share of the largest."""
    found = words.top_features(classifier, _WORDS, _FREQUENT)
    sides = [("positive", found.positive), ("negative", found.negative)]
    scale = max([abs(weight) for _, side in sides for _, weight in side] or [1.0])
    return [(name, [(word, weight, abs(weight) / scale) for word, weight in side]) for name, side in sides]


def _reviews(subject: Subject) -> str | None:
    """The fingerprint of the reviews that it is scored on."""
    if subject.answers is None:
        return None
    if subject.answers.scored is None:
        return _fingerprint(subject.facts)
    return corpus.fingerprint(subject.answers.scored.reviews)


def _comparable(subjects: Sequence[Subject]) -> bool:
    """Whether all that are scored are scored on the same reviews."""
    return len({_reviews(subject) for subject in subjects if subject.answers is not None}) < 2


def _scores(subjects: Sequence[Subject]) -> list[tuple[str, list[str], str | None]]:
    """A row for each score: its name, its value for each run, and the best of these, if they can be compared."""
    if not any(subject.answers for subject in subjects):
        return []
    comparable = _comparable(subjects)
    rows: list[tuple[str, list[str], str | None]] = []
    for name in ("n", *metrics.BETTER):
        values = [None if each.answers is None else each.answers.scores[name] for each in subjects]
        said = ["" if value is None else f"{value:,}" if name == "n" else f"{value:.4f}" for value in values]
        best = None
        known = [value for value in values if value is not None]
        if comparable and name != "n" and len(set(known)) > 1:
            best = said[values.index((max if metrics.BETTER[name] == "higher" else min)(known))]
        rows.append((name.replace("_", " ") if name != "n" else "reviews", said, best))
        if name == "accuracy":
            intervals = [
                None if each.answers is None else each.answers.scores["accuracy_interval"] for each in subjects
            ]
            said = ["" if each is None else f"{each[0]:.4f} to {each[1]:.4f}" for each in intervals]
            rows.append(("95 % interval", said, None))
    return rows


def _paired(subjects: Sequence[Subject]) -> list[str]:
    """The paired test of each run against the first, where both were scored on the same reviews."""
    first, *others = subjects
    found = []
    for other in others:
        a, b = first.answers, other.answers
        if a is not None and b is not None and _reviews(first) == _reviews(other):
            verdict = metrics.verdict(metrics.mcnemar(a.label, a.positive, b.positive))
            found.append(f"{first.name} and {other.name}: {verdict}")
    return found


class Mistake(NamedTuple):
    """A review that was answered wrongly, its words coloured by what they contributed."""

    said: str
    sure: float
    body: str  # HTML


def _mistakes(subject: Subject, safe: Callable[[str], str]) -> list[Mistake]:
    """The wrong answers that the model was surest of."""
    if subject.answers is None or subject.answers.scored is None or subject.classifier is None:
        return []
    label, positive, reviews = subject.answers.label, subject.answers.positive, subject.answers.scored.reviews
    wrong = np.flatnonzero(head.contradicts(positive, label))
    worst = wrong[np.argsort(-head.confidence(positive[wrong]), kind="stable")[:_MISTAKES]]
    found = []
    for i in worst.tolist():
        text = reviews.text[i].as_py()
        body = safe(explain.highlighted_html(text, explain.explain(subject.classifier, text)))
        answered = head.answer(float(positive[i]))
        found.append(Mistake(answered.label, answered.score, body))
    return found


def _steps(classifier: Classifier, answers: Answers | None) -> list[dict[str, Any]]:
    """Steps of a handful of reviews, each with its title."""
    chosen = [("", *each) for each in _OWN] if answers is None or answers.scored is None else _handful(answers)
    steps = []
    for kind, text, label in chosen:
        try:
            drawing = stepper.drawing(trace.trace_step(classifier, text, label))
        except trace.Diverged:
            continue
        flat = " ".join(text.split())
        title = f"{kind}“{flat[:50]}{'…' if len(flat) > 50 else ''}” is {label}"
        steps.append({"title": title, "drawing": drawing})
    return steps


def _handful(answers: Answers) -> list[tuple[str, str, str]]:
    """Short reviews of each kind: a sure mistake, an unsure answer, one of either label answered surely and rightly."""
    assert answers.scored is not None
    label, positive, scored = answers.label, answers.positive, answers.scored
    brief = np.flatnonzero((scored.tokens > 0) & (scored.tokens <= _STEPPED))
    if len(brief) < 20:
        brief = np.argsort(scored.tokens, kind="stable")[:200]
    right = ~head.contradicts(positive[brief], label[brief])
    sure = head.confidence(positive[brief])
    groups = [
        ("surely wrong: ", ~right, -sure),
        ("unsure: ", np.ones(len(brief), bool), sure),
        ("surely right: ", right & (label[brief] == 1), -sure),
        ("surely right: ", right & (label[brief] == 0), -sure),
    ]
    chosen: dict[int, str] = {}
    for kind, among, order in groups:
        if among.any():
            chosen.setdefault(int(brief[among][np.argsort(order[among], kind="stable")[0]]), kind)
    return [(kind, scored.reviews.text[i].as_py(), head.LABELS[int(label[i])]) for i, kind in chosen.items()]


def _settings(subjects: Sequence[Subject]) -> list[tuple[str, list[str], bool]]:
    """A row for each setting: its key, its value in each run, and whether the runs differ in it."""
    each = [_own_settings(subject) for subject in subjects]
    keys = list(dict.fromkeys(key for settings in each for key in settings))
    rows = [(key, [_plain(settings[key]) if key in settings else "" for settings in each]) for key in keys]
    return [(key, values, len(set(values)) > 1) for key, values in rows]


def _own_settings(subject: Subject) -> dict[str, Any]:
    from sentibp.config.load import load_config

    path = subject.path / "config.yaml"
    if path.is_file():
        return compare.flatten(load_config(path).config.model_dump(mode="json"))
    return (
        {}
        if subject.classifier is None
        else compare.flatten(subject.classifier.training_config().model_dump(mode="json"))
    )


def _environment(subjects: Sequence[Subject]) -> list[tuple[str, list[str]]]:
    """A row for each fact of run.json but the scores."""
    each = [
        compare.flatten({key: subject.facts[key] for key in _FACTS if key in subject.facts}) for subject in subjects
    ]
    for subject, facts in zip(subjects, each, strict=True):
        if subject.classifier is not None:
            params = subject.classifier.network.params.values()
            facts["features"] = f"{len(subject.classifier.vocabulary):,}"
            facts["parameters"] = f"{sum(parameter.size for parameter in params):,}"
    keys = list(dict.fromkeys(key for facts in each for key in facts))
    return [(key, [_plain(facts[key]) if key in facts else "" for facts in each]) for key in keys]


def _plain(value: Any) -> str:
    """A setting or a fact as people write it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return " ".join(value)
    return json.dumps(value)
