"""`sentibp eval`: score a model on labelled reviews, alone or against another, or on probes."""

from __future__ import annotations

import difflib
import math
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentibp.cli import (
    Cost,
    Data,
    Json,
    LabelColumn,
    NamedModel,
    Offline,
    SameModel,
    SetData,
    Split,
    TextColumn,
    Threshold,
    one_model,
)
from sentibp.cli.labelled_reviews import labelled_reviews
from sentibp.cli.output import (
    distinct_names,
    even_if_unread,
    fields,
    one_line,
    print_json,
    print_message,
    print_text,
    table,
    table_lines,
    terminal_width,
)
from sentibp.utils.messages import counted

if TYPE_CHECKING:
    from sentibp.data.labels import Classes
    from sentibp.inspection.compare import Comparison
    from sentibp.inspection.evaluate import DataOptions, Evaluation


_MOST = {"log_loss": math.inf, "mae": math.inf, "brier": 2}  # the largest values of scores; of all others it is 1


EPILOG = """\b
Examples:
  sentibp eval
  sentibp eval --data imdb --split test
  sentibp eval --data mine.csv --label-column stars --json
  sentibp eval runs/first --against last
  sentibp eval --probes --failures
  sentibp eval --data mine.csv --threshold 0.7
  sentibp eval --data mine.csv --fail-under accuracy=0.9 --fail-under log_loss=0.3"""


def eval(
    named: NamedModel = None,
    model: SameModel = None,
    data: Data = None,
    split: Split = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    set_: SetData = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Score this model on the same reviews, and test whether the two differ."),
    ] = None,
    threshold: Threshold = None,
    cost: Cost = None,
    probes: Annotated[
        bool,
        typer.Option("--probes", help="Behavioral tests: score the pairs of texts that are installed with sentibp."),
    ] = False,
    failures: Annotated[
        bool, typer.Option("--failures", help="With --probes: print the pairs that fail, with their probabilities.")
    ] = False,
    offline: Offline = False,
    json: Json = False,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=VALUE",
            help="Exit with 1 if the score is worse than this. With --probes, METRIC is probes, the share of pairs "
            "that pass, or a kind of pair. May be repeated.",
        ),
    ] = None,
) -> None:
    """Score a model on labelled reviews."""
    from sentibp.errors import ConfigError

    name = one_model(named, model, "leave one out, or compare them with --against")
    decided = {"--threshold": threshold, "--cost": cost}
    source = {"--data": data, "--split": split, "--text-column": text_column, "--label-column": label_column}
    if probes and (
        extra := [
            option for option, value in {**source, "--set": set_, "--against": against, **decided}.items() if value
        ]
    ):
        raise ConfigError(f"--probes: has its own texts, and scores one model; leave out {', '.join(extra)}")
    if failures and not probes:
        raise ConfigError("--failures: prints pairs of --probes; add --probes, or leave it out")
    checks = fail_under or []
    if probes:
        met = _evaluate_probes(name, checks, failures, json)
    else:
        with labelled_reviews(data, split, text_column, label_column, set_, name) as reviews:
            met = _evaluate_reviews(name, checks, json, against, reviews, decided)
    if not met:
        raise typer.Exit(1)


def _evaluate_reviews(
    name: str | None,
    checks: list[str],
    json: bool,
    against: str | None,
    reviews: DataOptions,
    decided: Mapping[str, str | None],
) -> bool:
    """Score a model on labelled reviews, alone or against another, and return whether all checks are met."""
    from sentibp.errors import ConfigError
    from sentibp.inspection import compare
    from sentibp.inspection import evaluate as inspection_evaluate
    from sentibp.model import file as model_file
    from sentibp.model.decision import parse_decision
    from sentibp.runs import find, hub_model
    from sentibp.utils.near_names import near_paths
    from sentibp.utils.paths import has_data_suffix

    if name is not None and has_data_suffix(name):
        data = next(iter([] if os.path.exists(name) else near_paths(name, has_data_suffix)), name)
        use = f"to score the newest model on them, use --data {shlex.quote(data)}"
        raise ConfigError(f"{name}: reviews, not a model; {use}")
    # a refit model was trained on its validation reviews, its predecessor was not
    file = find.model_file if reviews.is_named else find.validated_file
    model = find.model_file(name)
    scored = file(model)
    classifier = model_file.load_model(scored)
    classes = classifier.spec.label_set
    threshold, cost = decided["--threshold"], decided["--cost"]
    is_decided = threshold is not None or cost is not None
    decision = parse_decision(classes, threshold, cost) if is_decided else None
    better = _better(classes)
    bounds = _bounds(checks, better)
    if scored != model:
        print_message(f"scored {scored}, because {model} was refit on these reviews, too")
    if against is None:
        evaluation = inspection_evaluate.evaluate_on(classifier, *reviews, threshold=threshold, cost=cost)
        print_scores(evaluation, json, hub_model.as_json(scored))
        return _all_met(evaluation.scores, bounds, better)
    other = model_file.load_model(file(against))
    comparison = compare.compare_models(classifier, other, reviews, decision)
    origin = hub_model.as_json(scored, other.file)
    print_paired_scores(comparison, name or find.shown_name(model), against, json, origin)
    return _all_met(comparison.a, bounds, better)


def _better(classes: Classes) -> Mapping[str, str]:
    """Return the scalar metrics of a model with these classes, and whether higher or lower is better."""
    from sentibp.metrics import BETTER, CLASS_BETTER, ORDERED

    if classes.are_binary:
        return BETTER
    return {name: better for name, better in CLASS_BETTER.items() if classes.ordered or name not in ORDERED}


def _evaluate_probes(name: str | None, checks: list[str], failures: bool, json: bool) -> bool:
    """Score a model on the probes, and return whether all checks are met."""
    from sentibp.inspection import probes as inspection_probes
    from sentibp.model import file as model_file
    from sentibp.runs import find, hub_model

    classifier = model_file.load_model(find.model_file(name))
    pairs = inspection_probes.load_probes(classifier.spec.label_set)
    better = dict.fromkeys(("probes", *(pair.kind for pair in pairs)), "higher")
    bounds = _bounds(checks, better)
    result = inspection_probes.run_probes(classifier, pairs)
    further = inspection_probes.run_probes(classifier, inspection_probes.load_further_probes())
    print_probes(result, further, failures, json, hub_model.as_json(classifier.file))
    rates = {kind: each["rate"] for kind, each in result["kinds"].items()}
    return _all_met({"probes": result["probes"], **rates}, bounds, better)


def _bounds(checks: list[str], better: Mapping[str, str]) -> list[tuple[str, float]]:
    from sentibp.errors import ConfigError

    bounds = []
    for check in checks:
        metric, _, value = check.partition("=")
        try:
            bounds.append((metric, float(value)))
        except ValueError:
            example = next(iter(better))
            raise ConfigError(
                f"--fail-under {check}: not METRIC=VALUE; write, for example, --fail-under {example}=0.9"
            ) from None
        if metric not in better or math.isnan(bounds[-1][1]):
            near = difflib.get_close_matches(metric, better, 1) if metric not in better else []
            meant = f"; did you mean --fail-under {near[0]}={value}?" if near else ""
            raise ConfigError(f"--fail-under {check}: METRIC is one of {', '.join(better)}, and VALUE a number{meant}")
        if bounds[-1][1] > _MOST.get(metric, 1):
            fact = f"--fail-under {check}: {metric} is never above {_MOST.get(metric, 1)}"
            raise ConfigError(f"{fact}; for a percentage, write --fail-under {metric}={bounds[-1][1] / 100:g}")
    return bounds


def _all_met(scores: Mapping[str, Any], bounds: list[tuple[str, float]], better: Mapping[str, str]) -> bool:
    """Print a line for each score that is worse than its bound, and return whether there is none."""
    lines = [line for metric, bound in bounds if (line := _failed_check(scores[metric], metric, bound, better[metric]))]
    for line in lines:
        print_message(line)
    return not lines


def _failed_check(value: float | None, metric: str, bound: float, better: str) -> str | None:
    """Return the line for a score that is worse than its bound, or None."""
    if value is None:
        return f"--fail-under {metric}={bound:g}: not met: the score is undefined on reviews of one class"
    if value < bound if better == "higher" else value > bound:
        wrong = "lower" if better == "higher" else "higher"
        return f"--fail-under {metric}={bound:g}: not met: it is {value:.6g}, which is {wrong}"
    return None


@even_if_unread()
def print_scores(result: Evaluation, json: bool, origin: Mapping[str, str]) -> None:
    """Print the scores of a model. `origin` is what the JSON object says of a model of the hub."""
    from sentibp.metrics import BETTER, CLASS_BETTER

    for note in result.notes:
        print_message(note)
    scores = result.scores
    if json:
        print_json({**scores, **origin})
        return
    low, high = scores["accuracy_interval"]
    names = [name for name in (CLASS_BETTER if "classes" in scores else BETTER) if name in scores]
    values = {
        "reviews": f"{scores['n']:,}{_weighted(scores)}",
        "accuracy": f"{scores['accuracy']:.4f}  (95 % interval {low:.4f} to {high:.4f})",
        **{
            name.replace("_", " "): "undefined: one class only" if scores[name] is None else f"{scores[name]:.4f}"
            for name in names[1:]
        },
    }
    chance = scores["calibration_error_by_chance"]
    values["calibration error"] += f"  ({chance:.4f} by chance, if the probabilities were perfect)"
    fields(values, 18)
    print_text("")
    if "classes" in scores:
        _print_classes(scores)
    else:
        _print_confusion(scores["confusion"])
    if scores["no_known_word"]:
        without = counted(scores["no_known_word"], "review", "has", "have")
        print_text(f"\n{without} no known word; the prediction is then the bias of the model")


def _print_confusion(confusion: Mapping[str, float]) -> None:
    cells = {name: _count(count) for name, count in confusion.items()}
    print_text(f"{'':<18} {'predicted negative':>18}  {'predicted positive':>18}")
    print_text(f"{'is negative':<18} {cells['true_negative']:>18}  {cells['false_positive']:>18}")
    print_text(f"{'is positive':<18} {cells['false_negative']:>18}  {cells['true_positive']:>18}")


def _print_classes(scores: Mapping[str, Any]) -> None:
    """Print the scores of each class, and how often each is taken for which.

    On a terminal that is too narrow for names above the columns, the classes have numbers, and long names are cut.
    """
    names = columns = list(scores["classes"])
    by_class = [
        (_count(each["n"]), *(list(each.values())[1:] if each["n"] else "---")) for each in scores["classes"].values()
    ]
    counts = [tuple(map(_count, row.values())) for row in scores["confusion"].values()]
    if sys.stdout.isatty() and _width(_class_tables(names, columns, by_class, counts)) > terminal_width():
        columns = [str(number) for number in range(1, len(names) + 1)]
        digits = len(columns[-1])
        beside = _width(_class_tables([" " * (digits + 1)] * len(names), columns, by_class, counts, corner=""))
        short = distinct_names(names, max(terminal_width() - beside, len(_CORNER)))
        names = [f"{number:>{digits}} {short[name]}" for number, name in zip(columns, names, strict=True)]
    for i, lines in enumerate(_class_tables(names, columns, by_class, counts)):
        print_text("\n" * (i > 0) + "\n".join(lines))


_CORNER = "true \\ predicted"


def _class_tables(
    names: Sequence[str],
    columns: Sequence[str],
    by_class: Sequence[tuple[Any, ...]],
    counts: Sequence[tuple[str, ...]],
    corner: str = _CORNER,
) -> list[list[str]]:
    """Return the lines of the two tables: scores by class; true class by predicted class, which is named `columns`."""
    scores = [(name, *line) for name, line in zip(names, by_class, strict=True)]
    confusion = [(name, *line) for name, line in zip(names, counts, strict=True)]
    head = ["class"[: len(corner)], "n", "precision", "recall", "f1"]
    return [table_lines(head, scores), table_lines([corner, *columns], confusion)]


def _width(tables: Sequence[Sequence[str]]) -> int:
    return max(len(line) for lines in tables for line in lines)


def _count(number: float) -> str:
    """Return a number of reviews, or the sum of their weights."""
    return f"{number:,.6g}" if isinstance(number, float) else f"{number:,}"


def _weighted(scores: Mapping[str, Any]) -> str:
    """Return what their weights make of the reviews, if they have any."""
    return f"  (weighted; worth {scores['effective_n']:,.0f} of equal weight)" if "effective_n" in scores else ""


@even_if_unread()
def print_paired_scores(result: Comparison, a: str, b: str, json: bool, origin: Mapping[str, str]) -> None:
    """Print the scores of two models on the same reviews, and whether they differ. `origin` is as in print_scores."""
    for note in result.notes:
        print_message(note)
    if json:
        print_json({**result.a, "against": result.b, "paired": result.paired, **origin})
        return
    table(
        ["score", a, b],
        [
            (name, value, result.b[name])
            for name, value in result.a.items()
            if name in result.b and not isinstance(value, dict | list)
        ],
    )
    from sentibp.metrics import verdict

    print_text(f"\n{verdict(result.paired)}")


@even_if_unread()
def print_probes(
    result: dict[str, Any], further: dict[str, Any], failures: bool, json: bool, origin: Mapping[str, str]
) -> None:
    """Print how many pairs pass, by kind, those of the further pairs, and the pairs that fail if `failures`.

    `origin` is as in `print_scores`.
    """
    if json:
        print_json({**result, "further": further, **origin})
        return
    rows = []
    for prefix, each in ("", result), ("further ", further):
        low, high = each["probes_interval"]
        interval = f"{each['probes']:.4f}  (95 % interval {low:.4f} to {high:.4f})"
        rows += [(prefix + kind, *passed.values()) for kind, passed in each["kinds"].items()]
        rows.append((f"{prefix or 'in '}all", each["n"], each["passed"], interval))
    table(["kind", "pairs", "passed", "rate"], rows)
    for failure in result["failures"] + further["failures"] if failures else []:
        print_text(f"\n{failure['kind']}: expected {failure['expect']}")
        labels = failure.get("labels", ("", ""))
        values = failure["place" if "place" in failure else "positive"]
        for value, label, text in zip(values, labels, (failure["a"], failure["b"]), strict=True):
            print_text(f"  {value:.4f}  {label}{'  ' * bool(label)}{one_line(text)}")
