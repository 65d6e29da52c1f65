"""`sentibp train`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentibp.cli import NO_CONFIG, Cluster, Json, MissingArgument, Offline, OptionalConfigName, Out, Seed, Set
from sentibp.cli.interrupts import print_interrupted
from sentibp.cli.output import duration, even_if_unread, fields, print_json, print_message, print_text, size
from sentibp.errors import ConfigError
from sentibp.utils.messages import counted

if TYPE_CHECKING:
    from sentibp.config.load import Resolved
    from sentibp.config.schema import Config
    from sentibp.runs.saved_model import SavedModel
    from sentibp.training.break_condition import BreakCondition
    from sentibp.training.dry_run import DryRun
    from sentibp.training.experiment import Outcome, Training
    from sentibp.training.lr_finder import LearningRateTest, Point
    from sentibp.training.resume import Completed
    from sentibp.utils.executor import Executor

_STEPS_A_LINE = 10  # of a learning-rate test: three lines to a power of ten

_FEW = 1_000  # training reviews: fewer make a model that is good for trying things out

_BAR = 40  # the width of its bars


EPILOG = """\b
Examples:
  sentibp train quickstart
  sentibp train imdb --set model.hidden=[32] --set train.optimizer.learning_rate=0.05
  sentibp train imdb --find-lr
  sentibp train mine.yaml --break "grad_norm > 100"
  sentibp train mine.yaml --out runs/first --json | jq .scores.accuracy
  sentibp train --resume last"""


def train(
    config: OptionalConfigName = None,
    set_: Set = None,
    out: Out = None,
    seed: Seed = None,
    offline: Offline = False,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Resume an interrupted training: its run directory, or `last`, the newest started here. "
            "CONFIG may be left out. Of the settings, you may raise epochs, and change patience and checkpoint.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only estimate the cost of the training, from its first steps.")
    ] = False,
    find_lr: Annotated[
        bool,
        typer.Option(
            "--find-lr",
            help="Only try learning rates, from tiny to too large, and suggest one.",
        ),
    ] = False,
    break_: Annotated[
        str | None,
        typer.Option(
            "--break",
            metavar="CONDITION",
            help='Stop at the first step where this holds, such as "grad_norm > 100", with exit code 1, and save the '
            "step for a closer look. Names: loss, grad_norm, update_norm, learning_rate, step, epoch.",
        ),
    ] = None,
    sync: Annotated[
        str | None,
        typer.Option(metavar="HOW", help="How shards are brought together: average or sync. See train.sync."),
    ] = None,
    cluster: Cluster = None,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing while training.")] = False,
) -> None:
    """Train a classifier from a config.

    The run directory keeps the best model, which eval and predict use by default.
    """
    from sentibp.cli.short_options import with_short_options
    from sentibp.config.load import load_config
    from sentibp.distributed.executor import connect
    from sentibp.runs import find
    from sentibp.training import break_condition

    if config is None and resume is None:
        raise MissingArgument(NO_CONFIG)
    if resume is not None and (out is not None or dry_run or find_lr):
        raise ConfigError("--resume continues in the run's own directory; leave out --out, --dry-run and --find-lr")
    if (dry_run or find_lr) + (break_ is not None) + (dry_run and find_lr) > 1:
        raise ConfigError("--dry-run, --find-lr and --break are three ways to train; choose one of them")
    condition = None if break_ is None else break_condition.parse_condition(break_)
    overrides = with_short_options(set_ or [], {"--sync": sync, "--seed": seed})
    path = find.find_started(resume) if resume is not None else None
    resolved = load_config(config if config is not None else path / "config.yaml", overrides)  # type: ignore[operator]
    _require_shards(resolved, sync, cluster, break_)
    if (dry_run or find_lr) and cluster is not None:
        raise ConfigError("--dry-run and --find-lr run in this process; leave out --cluster")
    if dry_run or find_lr:
        if out is not None:
            print_message(f"--out {out}: has no effect, as {'--dry-run' if dry_run else '--find-lr'} keeps nothing")
        _only_try(resolved, quiet, json, find_lr)
    else:
        with connect(cluster) as executor:
            _train(resolved, path, out, condition, quiet, json, executor)


def _require_shards(resolved: Resolved, sync: str | None, cluster: str | None, break_: str | None) -> None:
    """Raise ConfigError if an option needs shards and there are none, or the other way round."""
    from sentibp.utils.repair import set_option

    shards = resolved.config.train.shards
    option = "--sync" if sync == "average" else None  # sync is refused by the settings
    option = "--cluster" if cluster is not None else option
    if shards == 1 and option is not None:
        raise ConfigError(f"{option} is for training on shards; add {set_option('train.shards', 8)}, or leave it out")
    if shards > 1 and break_ is not None:
        raise ConfigError(
            f"--break looks at every step, and shards do many at once; leave it out, or write "
            f"{set_option('train.shards', 1)}"
        )


def _train(
    resolved: Resolved,
    path: Path | None,
    out: Path | None,
    condition: BreakCondition | None,
    quiet: bool,
    json: bool,
    executor: Executor,
) -> None:
    """Train in a new run directory, or resume the run at `path`."""
    from sentibp.config.load import load_config
    from sentibp.data.vocabulary_shards import counting
    from sentibp.runs.saved_model import saved_model
    from sentibp.training import experiment
    from sentibp.training import resume as training_resume
    from sentibp.training.diverged import TrainingStopped

    config = resolved.config
    if not quiet and (line := counting(executor, config.train.shards, config.text)) is not None:
        print_message(line)
    try:
        with (
            experiment.train(resolved, out, sys.argv, condition, executor)
            if path is None
            else training_resume.resume(path, resolved, condition, executor)
        ) as training:
            outcome = _follow(training, quiet, executor)
    except TrainingStopped as error:
        if json and error.facts is not None:
            with even_if_unread():
                print_json(error.facts)
        raise
    if training.note is not None:
        print_message(training.note)
    data = None if isinstance(training, training_resume.Completed) else training.context.data
    decided = load_config(outcome.run / "config.yaml").config if data is None else data.config  # as its texts decided
    print_outcome(
        outcome, saved_model(decided, outcome._asdict()), json, training.resume_command, _is_of_films(resolved.config)
    )
    if not (quiet or json):
        for note in _opposite(outcome, decided):
            print_message(note)
        if caution := _caution(outcome, resolved.config.data.given_source):
            print_message(caution)
    if outcome.outcome == "interrupted":
        raise typer.Exit(130)


def _follow(training: Training | Completed[Outcome], quiet: bool, executor: Executor) -> Outcome:
    """Train to the end, or until a signal. Return how the training ended."""
    from sentibp.cli.interrupts import Interrupt
    from sentibp.cli.progress import Progress

    interrupt = Interrupt()  # from here on there may be a model to save
    executor.stop = lambda obstacle: obstacle and interrupt.requested  # else the loop is left at the next event
    try:
        with Progress(quiet, executor) as progress:
            for event in training:
                progress.show(event)
                if interrupt.requested:
                    break
        return training.finish()
    except KeyboardInterrupt:  # while no worker could go on
        print_message(f"to resume: {training.resume_command}")
        raise


def _only_try(resolved: Resolved, quiet: bool, json: bool, find_lr: bool) -> None:
    """Do the first steps of a training, to estimate its cost or to suggest a learning rate."""
    from sentibp.training import dry_run, lr_finder
    from sentibp.training.prepare import prepare

    data = prepare(resolved)
    for note in () if quiet else data.notes:
        print_message(note)
    if find_lr:
        print_learning_rates(lr_finder.find_learning_rate(data), data.notes, json)
    else:
        print_dry_run(dry_run.dry_run(data), data.notes, json)


def _is_of_films(config: Config) -> bool:
    """Return whether the reviews are of films: the built-in ones."""
    from sentibp.data.sources import NAMES
    from sentibp.utils.paths import names_of

    return all(each in NAMES for each in names_of(config.data.source))


@even_if_unread()
def print_outcome(result: Outcome, saved: SavedModel | None, json: bool, resume: str, films: bool) -> None:
    """Print how a training ended. `resume`: the command that resumes it; `films`: whether its reviews are of films."""
    from sentibp.cli.saved_model import saved_model_lines

    if result.outcome == "interrupted":
        kept = "the best model so far is kept" if result.scores else "the model is kept as it is, before it was scored"
        print_interrupted("no model yet" if result.model is None else kept)
    if json:
        print_json(result._asdict())
        return
    for name, value in saved_model_lines(saved) if saved is not None else ():
        print_text(f"{name:<11} {value}")
    if result.model is not None and result.digest is not None:
        numbers = "" if result.parameters is None else f"{result.parameters:,} parameters, "
        about = f"{size(result.model.stat().st_size)}, sha256 {result.digest[:12]}..., {duration(result.seconds)}"
        print_text(f"model       {result.model} ({numbers}{about})")
    if result.outcome == "interrupted":
        print_text(f"resume      {resume}")
    else:
        example = 'sentibp predict "I love this movie"' if films else "sentibp predict --input FILE"
        print_text(f"next        {example}")


def _opposite(result: Outcome, config: Config) -> list[str]:
    """Return a note if the labels of a validation source of its own seem to mean the opposite of those in training."""
    from sentibp.inspection.label_meaning import opposite_note

    if not isinstance(config.data.validation, str) or result.scored_on != "validation" or result.scores is None:
        return []
    return [f"data.validation: {note}; if so, turn them in that file" for note in opposite_note(result.scores)]


def _caution(result: Outcome, source: str | list[str]) -> str | None:
    """Return what a model of few training reviews is good for; None if there are enough, or it is interrupted."""
    from sentibp.runs.directory import load_run_info

    facts = load_run_info(result.run)
    training = result.refit or (facts["data"] or {}).get("training")
    if training is None:  # a run of an earlier version
        return None
    reviews = training["reviews"]
    if result.outcome != "finished" or result.scores is None or reviews >= _FEW:
        return None
    if result.scored_on == "training":
        known = "its accuracy on new reviews is not known"
    else:
        low, high = result.scores.get("accuracy_interval") or (0.0, 1.0)  # a run of an earlier version has none
        known = f"its accuracy on such reviews lies between {low:.2f} and {high:.2f} (95 % interval)"
        if facts.get("learned_validation"):
            known = "its accuracy on new reviews is not known: training has many of the validation reviews, or nearly"
    if source == "xor":  # a demonstration: no model of reviews
        return None
    if source in ("sample", "sample3", "sample5"):
        use = "run `sentibp train imdb`, or " if source == "sample" else ""
        return (
            f"a demo: trained on {reviews:,} short reviews that come with sentibp, {known}; "
            f"for real use, {use}give your own file with --set data.source=FILE"
        )
    return f"trained on only {counted(reviews, 'review')}, {known}; it takes about {_FEW:,} or more to rely on it"


def print_dry_run(result: DryRun, notes: Sequence[str], json: bool) -> None:
    """Print what a training would cost. `notes` on the data are part of the JSON only."""
    if json:
        print_json(result._asdict() | {"notes": list(notes)})
        return
    trained = result.network_parameters
    values = {
        "reviews": f"{result.training:,} to train on, {result.validation:,} to validate on",
        "model": f"{counted(result.features, 'feature')}, {counted(result.parameters, 'parameter')}"
        + "; a few more after the final training on all reviews" * result.refit,
        "network": f"{counted(trained, 'parameter')}; averaged with others in the model"
        * (trained != result.parameters),
        "model file": size(result.model_bytes),
        "memory": f"{size(result.peak_bytes)} at its peak",
        "steps": f"{_dry_steps(result)}: {result.reviews_per_second:,.0f} reviews/s",
        "pretraining": f"{duration(result.pretraining_seconds)} before the networks" * (result.pretraining_seconds > 0),
        "linear": f"{duration(result.linear_seconds)} for the linear classifier" * (result.linear_seconds > 0),
        "in all": f"about {duration(result.seconds)}" + ", one shard after the other" * (result.shards > 1),
    }
    fields({name: value for name, value in values.items() if value}, 11)


def _dry_steps(result: DryRun) -> str:
    """Return how many steps a training would do, and how long a batch takes."""
    seconds = duration(result.step_seconds)
    if result.shards == 1:
        return f"{result.steps:,} of {seconds}"
    if result.sync == "average":
        return f"{result.steps:,} in each of {result.shards:,} shards, of {seconds}"
    number = result.batches_per_step // result.shards
    batches = "a batch" if number == 1 else f"{number:,} batches"
    return f"{result.steps:,}, each of {batches} of each of {result.shards:,} shards; a batch takes {seconds}"


def print_learning_rates(result: LearningRateTest, notes: Sequence[str], json: bool) -> None:
    """Print the loss at each learning rate, and the suggestion. `notes` on the data are part of the JSON only."""
    if json:
        print_json(result._asdict() | {"curve": [point._asdict() for point in result.curve], "notes": list(notes)})
        return
    key = "train.optimizer.learning_rate"
    marks = {"least": result.least, "set": result.current, "suggested": result.suggestion}
    full = 1.25 * max(result.chance, result.curve[0].smooth)
    print_text(f"rate     loss      ({result.optimizer}; the mean of the last steps)")
    for i in range(0, len(result.curve), _STEPS_A_LINE):
        points = result.curve[i : i + _STEPS_A_LINE]
        shown = next((point for point in points if point.learning_rate == result.least), points[len(points) // 2])
        bar = "#" * min(round(shown.smooth / full * _BAR), _BAR)
        first, after = points[0].learning_rate, _next(points)
        names = [name for name, value in marks.items() if value is not None and first <= value < after]
        print_text(f"{shown.learning_rate:.1e}  {shown.smooth:<8.4f}  {bar:<{_BAR}} {', '.join(names)}".rstrip())
    print_text(f"ended at {result.curve[-1].learning_rate:.1e}: {result.ended}\n")
    if result.suggestion is None:
        print_text(f"inconclusive: {result.inconclusive}")
        if result.lower is None:
            print_text(f"no suggestion; {result.current:g} is set. Train with it, and look at `sentibp runs flow`.")
        else:
            print_text(f"{result.current:g} is set, which is too high; try --set {key}={result.lower:g}")
        return
    print_text(f"suggestion  --set {key}={result.suggestion:g}")
    print_text(f"            a tenth of {result.least:.2g}, where the loss is least; {result.current:g} is set")


def _next(points: Sequence[Point]) -> float:
    """Return the learning rate of the step after these."""
    first, last = points[0].learning_rate, points[-1].learning_rate
    return last * (last / first) ** (1 / max(len(points) - 1, 1))
