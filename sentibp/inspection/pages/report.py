"""The report on trained models, as one HTML file: how good they are, how they learned, what they have learned.

Everything is in the file: the numbers as JSON, the styles and scripts of templates/. The page loads nothing, and its
content security policy allows only its own scripts. The same runs give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sentibp.data.labels import BINARY
from sentibp.inspection.pages import charts, overview, training_charts
from sentibp.inspection.pages.chart_data import Chart, drawn, share_range
from sentibp.inspection.pages.render import packed_data, page_with_scripts
from sentibp.inspection.pages.report_data import Subject
from sentibp.inspection.pages.report_reviews import mistakes, steps
from sentibp.inspection.pages.report_scores import (
    comparable,
    environment_rows,
    paired_tests,
    score_rows,
    setting_rows,
    subject_config,
)
from sentibp.inspection.pages.report_words import about_marks, first_words, map_words, strongest_words
from sentibp.inspection.pages.review_table import REVIEWS, review_tables
from sentibp.inspection.pages.word_map import word_map
from sentibp.runs.saved_model import is_average, is_calibrated, saved_model
from sentibp.utils.threads import single_threaded_blas

_SCRIPTS = ("page.js", "unpack.js", "ticks.js", "charts.js", "map.js", "reviews.js", "stepper.js", "report.js")


_IN_A_ROW = ("roc", "reliability", "lengths")  # charts of the answers that share a row


def report_page(subjects: Sequence[Subject]) -> bytes:
    """Return the page."""
    with single_threaded_blas:
        content = _content(subjects)
    return page_with_scripts("report.html", _SCRIPTS, **content)


def _content(subjects: Sequence[Subject]) -> dict[str, Any]:
    """Return what the template shows."""
    groups, tables = _charts(subjects), review_tables(subjects)
    drawings = {
        subject.name: steps(subject.classifier, subject.predictions)
        for subject in subjects
        if subject.classifier is not None
    }
    return {
        "title": "Report: " + ", ".join(subject.name for subject in subjects),
        "names": [subject.name for subject in subjects],
        "notes": _merge_reasons(
            [(each.name, note) for each in subjects for note in overview.more_notes(each)], len(subjects)
        ),
        "warnings": _merge_reasons(
            [(each.name, line) for each in subjects for line in training_charts.warnings(each.facts, each.events)],
            len(subjects),
        ),
        "left_out": _left_out(subjects, [name for name in drawings if not drawings[name]]),
        **_scores(subjects),
        "charts": groups,
        "words": (listed := _words(subjects)),
        "first": (first := first_words(listed[0][1] if listed else [])),
        "first_marks": about_marks([side for _, sides in listed for side in sides], first),
        "marks": about_marks([side for _, sides in listed for side in sides]),
        "mistakes": (
            wrong := [(each.name, mistakes(each, len(subjects)), _without_mistakes(each)) for each in subjects]
        ),
        "reviews": tables,
        "most_reviews": REVIEWS,
        "steps": [name for name in drawings if drawings[name]],
        "settings": setting_rows(subjects),
        "environment": environment_rows(subjects),
        "numbers": packed_data(
            {
                "charts": drawn([chart for group in groups.values() for chart in group]),
                "mistakes": [each.words for _, found, _ in wrong for each in found],
                "reviews": tables,
                **_steps([each for each in drawings.values() if each]),
            }
        ),
    }


def _left_out(subjects: Sequence[Subject], without_steps: Sequence[str]) -> list[str]:
    """Return what the page does not show, and why."""
    lines = [(subject.name, line) for subject in subjects for line in subject.left_out]
    diverged = "the step by step view: at the learning rate of the training a step diverges"
    return _merge_reasons([*lines, *((name, diverged) for name in without_steps)], len(subjects))


def _scores(subjects: Sequence[Subject]) -> dict[str, Any]:
    """Return how good the models are: in sentences, on a scale with their peers, in tables, and against each other."""
    scored = [(subject.name, subject.predictions) for subject in subjects if subject.predictions is not None]
    return {
        "sentences": [(subject.name, dict(overview.sentences(subject))) for subject in subjects],
        "pictures": overview.pictures(subjects),
        "scores": score_rows(subjects),
        "paired": paired_tests(subjects),
        "comparable": comparable(subjects),
        "confusions": [(name, predictions.scores["confusion"]) for name, predictions in scored],
        "per_class": {name: predictions.scores.get("classes") for name, predictions in scored},
        "weighted": [name for name, predictions in scored if "effective_n" in predictions.scores],
        "colours": _colours(subjects),
        "about_weights": _about_weights(subjects),
        "numbers_of_labels": {len(each.classifier.spec.labels) for each in subjects if each.classifier is not None},
    }


def _colours(subjects: Sequence[Subject]) -> str:
    """Return what the colours of words mean: the same in all places of the page."""
    specs = [subject.classifier.spec for subject in subjects if subject.classifier is not None]
    if all(spec.label_set.are_binary for spec in specs):
        return "Green words are evidence for positive, red ones for negative; dotted ones are unknown."
    if all(spec.ordered for spec in specs):
        return "Green words are evidence for the better label, red ones for the worse; dotted ones are unknown."
    green = "Green words are evidence for the predicted label, red ones for the right one; dotted ones are unknown"
    is_mixed = any(spec.ordered or spec.label_set.are_binary for spec in specs)
    return f"{green}; if labels have an order, green is for the better one." if is_mixed else f"{green}."


def _about_weights(subjects: Sequence[Subject]) -> str:
    """Return in plain words what the weight of a word is."""
    specs = [subject.classifier.spec for subject in subjects if subject.classifier is not None]
    if all(spec.label_set.are_binary for spec in specs):
        return "A word of weight +1, alone, makes the odds of positive 2.7 times as large; one of -1 those of negative."
    return "The further the weight of a word is from 0, the more it alone is evidence for the label."


def _without_mistakes(subject: Subject) -> str:
    """Return what the section of the mistakes says of a model that has none there."""
    is_read = subject.predictions is not None and subject.predictions.scored is not None
    return "It made no mistake on these reviews." if is_read else "Its reviews are not there to be shown."


def _words(subjects: Sequence[Subject]) -> list[tuple[str, Any]]:
    """Return the words that weigh most, with the name of each model."""
    known = {each.name: each.classifier for each in subjects if each.classifier is not None}
    return list(zip(known, strongest_words(list(known.values())), strict=True))


def _steps(drawings: Sequence[list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the drawings for JSON, and the pieces of formulas, which they share."""
    shown = [[each | {"drawing": dict(each["drawing"])} for each in own] for own in drawings]
    formulas: dict[str, str] = {}
    for each in (each for own in shown for each in own):
        formulas |= each["drawing"].pop("formulas")
    return {"steps": shown, "formulas": formulas}


def _merge_reasons(lines: Sequence[tuple[str, str]], n: int) -> list[str]:
    """Return each reason of the lines (name, reason) once, with the names it applies to if these are not all n."""
    reasons = dict.fromkeys(line for _, line in lines)
    names = {reason: [name for name, line in lines if line == reason] for reason in reasons}
    return [reason if len(names[reason]) == n else f"{', '.join(names[reason])}: {reason}" for reason in reasons]


def _charts(subjects: Sequence[Subject]) -> dict[str, list[Chart]]:
    """Return the charts of each section of the page. The same quantity has the same range in all of them."""
    lines = [
        training_charts.Lines(i, subject.name, subject.events, _kept(subject)) for i, subject in enumerate(subjects)
    ]
    training = training_charts.training(lines) + training_charts.flows(lines)
    predictions = [
        charts.PlottedModel(
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
    answers = charts.predictions(predictions) if predictions else []
    share_range([chart for chart in training + answers if chart["id"] in ("accuracy", "lengths") and "series" in chart])
    share_range([chart for chart in training if "series" in chart and chart["y"]["title"] == "norm"])
    return {
        "training": training,
        "rows": [chart for chart in answers if chart["id"] in _IN_A_ROW],
        "predictions": [chart for chart in answers if chart["id"] not in _IN_A_ROW],
        "words": [
            word_map(i, subject.name, map_words(subject.classifier))
            for i, subject in enumerate(subjects)
            if subject.classifier is not None and len(subject.classifier.vocabulary) > 2
        ],
    }


def _kept(subject: Subject) -> training_charts.Kept | None:
    """Return the model that the run saved, if it was chosen and scored on validation reviews."""
    kept, scores = subject.facts.get("kept"), subject.facts.get("scores")
    if not kept or not scores or subject.facts.get("scored_on") != "validation":
        return None
    config = subject_config(subject)
    saved = None if config is None else saved_model(config, subject.facts)
    if config is None or saved is None:
        return None
    about = saved.what, is_calibrated(config), is_average(config)
    return training_charts.Kept(kept["seed"], kept["epoch"], scores, *about)
