"""The report on trained models, as one HTML file: how they learned, how good they are, what they have learned.

Everything is in the file: the numbers as JSON, the script of plotly, the styles and scripts of templates/. The page
loads nothing, and its content security policy allows only its own scripts. The same runs give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from sentibp import metrics
from sentibp.data.labels import BINARY
from sentibp.errors import ConfigError
from sentibp.inspection import explain, trace, words
from sentibp.inspection.pages import charts, stepper, training_charts
from sentibp.inspection.pages.class_charts import strongest_labels
from sentibp.inspection.pages.explanation import marked, without_breaks
from sentibp.inspection.pages.render import read_template, render, trusted
from sentibp.inspection.pages.report_data import Predictions, Subject, reviews_fingerprint
from sentibp.model import head
from sentibp.model.classifier import Classifier
from sentibp.runs import compare
from sentibp.utils.threads import single_threaded_blas

_LISTED_WORDS = 15  # per class
_WORD_CANDIDATES = 5000  # the most frequent features, from which the listed words are chosen
_MAP_FREQUENT = 400  # the map shows the most frequent features
_MAP_STRONGEST = 60  # and the strongest of each class
_MISTAKES = 6
_SHORT_REVIEW = 60  # words: the stepper prefers reviews up to this length
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
_EXAMPLES = (("I love this movie", "positive"), ("not worth the ticket", "negative"))
"""The reviews of the stepper if there are no validation reviews."""


def plotly_script(extra: str = "report") -> str:
    """Return the script of plotly. Raises ConfigError if plotly is not installed, which the `extra` brings."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        raise ConfigError(f"a {extra} needs {missing}: pip install 'sentibp[{extra}]'") from None
    return get_plotlyjs()


def report_page(subjects: Sequence[Subject]) -> bytes:
    """Return the page. Raises ConfigError if plotly is not installed."""
    scripts = [unix_lines(script) for script in (plotly_script(), *map(read_template, ("stepper.js", "report.js")))]
    with single_threaded_blas:
        content = _content(subjects)
    html = render(
        "report.html",
        **content,
        scripts=[trusted(script) for script in scripts],
        policy=policy(scripts),
    )
    return html.encode(errors="replace")


def policy(scripts: Iterable[str]) -> str:
    """Return the content security policy that allows these scripts only, and no requests."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src {allowed}"


def unix_lines(script: str) -> str:
    """Return the script with the line ends that a browser converts all others to, before it computes the digest."""
    return script.replace("\r\n", "\n").replace("\r", "\n")


def _content(subjects: Sequence[Subject]) -> dict[str, Any]:
    """Return the values of the template."""
    chart_groups = _charts(subjects)
    steps = {
        subject.name: _steps(subject.classifier, subject.predictions)
        for subject in subjects
        if subject.classifier is not None
    }
    left_out = [(subject.name, line) for subject in subjects for line in subject.left_out]
    left_out += [
        (name, "the step by step view: at the learning rate of the training a step diverges")
        for name in steps
        if not steps[name]
    ]
    steps = {name: drawings for name, drawings in steps.items() if drawings}
    scored = [(subject.name, subject.predictions) for subject in subjects if subject.predictions is not None]
    return {
        "title": "Report: " + ", ".join(subject.name for subject in subjects),
        "names": [subject.name for subject in subjects],
        "left_out": _merge_reasons(left_out, len(subjects)),
        "scores": _scores(subjects),
        "paired": _paired_tests(subjects),
        "comparable": _comparable(subjects),
        "charts": chart_groups,
        "confusions": [(name, predictions.scores["confusion"]) for name, predictions in scored],
        "per_class": {name: predictions.scores.get("classes") for name, predictions in scored},
        "numbers_of_labels": {len(each.classifier.spec.labels) for each in subjects if each.classifier is not None},
        "words": [(each.name, _strongest_words(each.classifier)) for each in subjects if each.classifier is not None],
        "mistakes": [(subject.name, _mistakes(subject)) for subject in subjects],
        "steps": list(steps),
        "settings": _settings(subjects),
        "environment": _environment(subjects),
        "numbers": {
            "charts": [chart for group in chart_groups.values() for chart in group],
            "steps": list(steps.values()),
        },
    }


def _merge_reasons(lines: Sequence[tuple[str, str]], n: int) -> list[str]:
    """Return each reason of the lines (name, reason) once, with the names it applies to if these are not all n."""
    reasons = dict.fromkeys(line for _, line in lines)
    names = {reason: [name for name, line in lines if line == reason] for reason in reasons}
    return [reason if len(names[reason]) == n else f"{', '.join(names[reason])}: {reason}" for reason in reasons]


def _charts(subjects: Sequence[Subject]) -> dict[str, list[charts.Chart]]:
    """Return the charts of each section of the page."""
    lines = [
        training_charts.Lines(i, subject.name, subject.events, _kept(subject)) for i, subject in enumerate(subjects)
    ]
    predictions = [
        charts.Predictions(
            i,
            subject.name,
            subject.predictions.label,
            subject.predictions.positive,
            None if subject.predictions.scored is None else subject.predictions.scored.tokens,
            subject.predictions.weight,
            BINARY if subject.classifier is None else subject.classifier.spec.label_set,
        )
        for i, subject in enumerate(subjects)
        if subject.predictions is not None
    ]
    return {
        "training": training_charts.training(lines) + training_charts.flows(lines),
        "predictions": charts.predictions(predictions) if predictions else [],
        "words": [
            charts.word_map(i, subject.name, _map_words(subject.classifier))
            for i, subject in enumerate(subjects)
            if subject.classifier is not None and len(subject.classifier.vocabulary) > 2
        ],
    }


def _kept(subject: Subject) -> training_charts.Kept | None:
    """Return the model that the run saved, if it was chosen and scored on validation reviews."""
    kept, scores = subject.facts.get("kept"), subject.facts.get("scores")
    if not kept or not scores or subject.facts.get("scored_on") != "validation":
        return None
    settings = _subject_settings(subject)
    head_is_scaled = subject.classifier is None or subject.classifier.spec.head != "cumulative"
    return training_charts.Kept(
        kept["seed"],
        kept["epoch"],
        scores,
        calibrated=bool(settings.get("train.calibrate")) and head_is_scaled,
        averaged=settings.get("train.members", 1) > 1 or bool(settings.get("train.linear_member")),
    )


def _map_words(classifier: Classifier) -> charts.Words:
    """Return the words of the map: the most frequent features, and the strongest of each class."""
    texts, weights = words.feature_weights(classifier, _WORD_CANDIDATES)
    spec, labels = classifier.spec, None
    ends = spec.labels[0], spec.labels[-1]
    if spec.head != "softmax":
        weight = weights[:, 0]
    elif spec.ordered:  # the weight for the upper labels minus that for the lower ones
        weight = weights @ (spec.label_set.places - 0.5)
    else:
        labels, weight = strongest_labels(weights, spec.labels)
    order = np.argsort(weight, kind="stable")
    chosen = np.unique(
        np.concatenate([np.arange(min(_MAP_FREQUENT, len(weight))), order[:_MAP_STRONGEST], order[-_MAP_STRONGEST:]])
    )
    vectors = classifier.tensors()["embedding.weight"][chosen]
    shown = None if labels is None else [labels[i] for i in chosen.tolist()]
    return charts.Words([texts[i].as_py() for i in chosen.tolist()], vectors, weight[chosen], shown, ends)


class Side(NamedTuple):
    """The strongest words in one direction: each with its weight, and the weight relative to the largest."""

    title: str
    kind: str  # the class of the style
    words: list[tuple[str, float, float]]


def _strongest_words(classifier: Classifier) -> list[Side]:
    """Return the strongest words of each label; of labels in order those for polarity and for neutrality."""
    sides: list[tuple[str, str, words.Ranking]]
    if len(classifier.spec.labels) == 2:
        found = words.top_features(classifier, _LISTED_WORDS, _WORD_CANDIDATES)
        sides = [("most positive", "positive", found.positive), ("most negative", "negative", found.negative)]
    else:
        of_sums = words.top_class_features(classifier, _LISTED_WORDS, _WORD_CANDIDATES).sums
        sides = []
        for name, (high, low) in ((name, sides.items()) for name, sides in of_sums.items()):
            if name == "neutrality":
                sides += [(f"for the {high[0]}", "neutral", high[1]), (f"for the {low[0]}", "opinion", low[1])]
            elif name in classifier.spec.labels:
                sides.append((f"for {name}", "positive", high[1]))
            else:
                sides += [(f"for {high[0]}", "positive", high[1]), (f"for {low[0]}", "negative", low[1])]
    scale = max([abs(weight) for _, _, side in sides for _, weight in side] or [1.0])
    return [
        Side(title, kind, [(word, weight, abs(weight) / scale) for word, weight in side])
        for title, kind, side in sides
        if side or kind in ("positive", "negative")
    ]


def _comparable(subjects: Sequence[Subject]) -> bool:
    """Return whether all predictions are for the same reviews."""
    return len({reviews_fingerprint(subject) for subject in subjects if subject.predictions is not None}) < 2


def _scores(subjects: Sequence[Subject]) -> list[tuple[str, list[str], str | None]]:
    """Return a row for each score: its name, its value for each run, and the best value if they are comparable."""
    if not any(subject.predictions for subject in subjects):
        return []
    comparable = _comparable(subjects)
    predictions = [subject.predictions for subject in subjects]
    rows: list[tuple[str, list[str], str | None]] = []
    better = metrics.BETTER | metrics.CLASS_BETTER
    kinds = [metrics.BETTER if each.positive.ndim == 1 else metrics.CLASS_BETTER for each in predictions if each]
    for name in dict.fromkeys(("n", *(name for kind in kinds for name in kind))):
        values = [None if each is None else each.scores.get(name) for each in predictions]
        shown = ["" if value is None else f"{value:,}" if name == "n" else f"{value:.4f}" for value in values]
        best = None
        known = [value for value in values if value is not None]
        if comparable and name != "n" and len(set(known)) > 1:
            best = shown[values.index((max if better[name] == "higher" else min)(known))]
        rows.append((name.replace("_", " ") if name != "n" else "reviews", shown, best))
        if name == "accuracy":
            intervals = [None if each is None else each.scores["accuracy_interval"] for each in predictions]
            shown = ["" if each is None else f"{each[0]:.4f} to {each[1]:.4f}" for each in intervals]
            rows.append(("95 % interval", shown, None))
    return rows


def _paired_tests(subjects: Sequence[Subject]) -> list[str]:
    """Return the paired test of each run against the first, if both are scored on the same reviews."""
    first, *others = subjects
    found = []
    for other in others:
        a, b = first.predictions, other.predictions
        if a is not None and b is not None and reviews_fingerprint(first) == reviews_fingerprint(other):
            # whether a prediction is right does not depend on how many labels there are
            right_a, right_b = (~head.contradicts(each.positive, each.label) for each in (a, b))
            verdict = metrics.verdict(metrics.mcnemar(np.ones(len(a.label)), right_a, right_b, a.weight))
            found.append(f"{first.name} and {other.name}: {verdict}")
    return found


class Mistake(NamedTuple):
    """A review with a wrong prediction."""

    predicted: str
    score: float  # the probability of the predicted label
    right: str | None  # the right label, if there are more than two
    body: str  # HTML, each word coloured by its contribution


def _mistakes(subject: Subject) -> list[Mistake]:
    """Return the wrong predictions with the highest probability."""
    if subject.predictions is None or subject.predictions.scored is None or subject.classifier is None:
        return []
    positive, reviews = subject.predictions.positive, subject.predictions.scored.reviews
    wrong = np.flatnonzero(head.contradicts(positive, subject.predictions.label))
    worst = wrong[np.argsort(-head.confidence(positive[wrong]), kind="stable")[:_MISTAKES]]
    mistakes = []
    for i in worst.tolist():
        text = reviews.text[i].as_py()
        explanation = explain.explain(subject.classifier, text)
        if positive.ndim == 1:
            answer = head.answer(float(positive[i]))
            mistakes.append(Mistake(answer.label, answer.score, None, trusted(marked(text, explanation.shown))))
            continue
        spec = subject.classifier.spec
        predicted, right = (spec.labels[k] for k in (int(positive[i].argmax()), subject.predictions.label[i]))
        body = trusted(marked(text, explain.difference(explanation, spec, predicted, right)))
        mistakes.append(Mistake(predicted, float(positive[i].max()), right, body))
    return mistakes


def _steps(classifier: Classifier, predictions: Predictions | None) -> list[dict[str, Any]]:
    """Return the drawings of one training step on each of a few reviews, with their titles."""
    if predictions is None or predictions.scored is None:
        ends = {"positive": classifier.spec.labels[-1], "negative": classifier.spec.labels[0]}
        reviews = [("", text, ends[label]) for text, label in _EXAMPLES]
    else:
        reviews = _example_reviews(predictions, classifier.spec.labels)
    steps = []
    for kind, text, label in reviews:
        try:
            drawing = stepper.drawing(trace.trace_step(classifier, text, label))
        except trace.Diverged:
            continue
        flat = " ".join(without_breaks(text, " ").split())
        title = f"{kind}“{flat[:50]}{'…' if len(flat) > 50 else ''}” is {label}"
        steps.append({"title": title, "drawing": drawing})
    return steps


def _example_reviews(predictions: Predictions, labels: Sequence[str] = head.LABELS) -> list[tuple[str, str, str]]:
    """Return (kind, text, label) of short reviews: a confident mistake, an uncertain one, a right one of each label."""
    assert predictions.scored is not None
    label, positive, scored = predictions.label, predictions.positive, predictions.scored
    short = np.flatnonzero((scored.tokens > 0) & (scored.tokens <= _SHORT_REVIEW))
    if len(short) < 20:
        short = np.argsort(scored.tokens, kind="stable")[:200]
    right = ~head.contradicts(positive[short], label[short])
    confidence = head.confidence(positive[short])
    groups = [
        ("confident and wrong: ", ~right, -confidence),
        ("uncertain: ", np.ones(len(short), bool), confidence),
    ]
    for number in dict.fromkeys((len(labels) - 1, 0, len(labels) // 2)):  # the ends, and the middle of more than two
        groups.append(("confident and right: ", right & (label[short] == number), -confidence))
    chosen: dict[int, str] = {}
    for kind, mask, order in groups:
        if mask.any():
            chosen.setdefault(int(short[mask][np.argsort(order[mask], kind="stable")[0]]), kind)
    return [(kind, scored.reviews.text[i].as_py(), labels[int(label[i])]) for i, kind in chosen.items()]


def _settings(subjects: Sequence[Subject]) -> list[tuple[str, list[str], bool]]:
    """Return a row for each setting: its key, its value in each run, and whether the runs differ."""
    each = [_subject_settings(subject) for subject in subjects]
    keys = list(dict.fromkeys(key for settings in each for key in settings))
    rows = [(key, [_as_text(settings[key]) if key in settings else "" for settings in each]) for key in keys]
    return [(key, values, len(set(values)) > 1) for key, values in rows]


def _subject_settings(subject: Subject) -> dict[str, Any]:
    from sentibp.config.load import load_config

    path = subject.path / "config.yaml"
    if path.is_file():
        return compare.flatten(load_config(path).config.model_dump(mode="json"))
    if subject.classifier is None:
        return {}
    return compare.flatten(subject.classifier.training_config().model_dump(mode="json"))


def _environment(subjects: Sequence[Subject]) -> list[tuple[str, list[str]]]:
    """Return a row for each fact of run.json, without the scores."""
    each = [
        compare.flatten({key: subject.facts[key] for key in _FACTS if key in subject.facts}) for subject in subjects
    ]
    for subject, facts in zip(subjects, each, strict=True):
        if subject.classifier is not None:
            params = subject.classifier.network.params.values()
            facts["features"] = f"{len(subject.classifier.vocabulary):,}"
            facts["parameters"] = f"{sum(parameter.size for parameter in params):,}"
    keys = list(dict.fromkeys(key for facts in each for key in facts))
    return [(key, [_as_text(facts[key]) if key in facts else "" for facts in each]) for key in keys]


def _as_text(value: Any) -> str:
    """Return a setting or a fact as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return " ".join(value)
    return json.dumps(value)
