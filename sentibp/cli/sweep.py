"""`sentibp sweep CONFIG SPACE` and `sentibp sweep show DIR`."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from sentibp.cli import (
    NO_CONFIG,
    Cluster,
    Force,
    Json,
    MissingArgument,
    Offline,
    OptionalConfigName,
    Set,
    command_group,
    is_given,
)
from sentibp.cli.output import print_json, print_message, print_text, size
from sentibp.cli.output_file import output_option
from sentibp.cli.sweep_results import print_result, print_trials
from sentibp.errors import ConfigError
from sentibp.utils.messages import counted
from sentibp.utils.paths import expand_home

if TYPE_CHECKING:
    from sentibp.cli.interrupts import Interrupt
    from sentibp.config.load import Resolved
    from sentibp.training.sweep import Result
    from sentibp.training.sweep_folder import Plan
    from sentibp.training.trial_pool import Pool


class _RunByDefault(TyperGroup):
    """`sentibp sweep CONFIG SPACE` is short for `sentibp sweep run CONFIG SPACE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


commands = command_group(
    "Find good settings: train a config with many, and keep the best.\n\n"
    "`sentibp sweep CONFIG SPACE` is short for `sentibp sweep run CONFIG SPACE`.",
    cls=_RunByDefault,
)


Metric = Literal["accuracy", "log_loss", "f1", "roc_auc", "macro_f1", "mae"]


@commands.command(
    epilog="""\b
Examples:
  sentibp sweep rotten_tomatoes space.yaml --trials 50
  sentibp sweep mine.yaml space.yaml --jobs 2 --timeout 600
  sentibp sweep mine.yaml space.yaml --cluster tcp://10.0.0.1:8786
  sentibp sweep mine.yaml space.yaml --folds 5 --metric log_loss
  sentibp sweep --resume sweeps/mine-1a2b3c --trials 100
  sentibp sweep show sweeps/mine-1a2b3c --html"""
)
def run(
    ctx: typer.Context,
    config: OptionalConfigName = None,
    space: Annotated[
        Path | None,
        typer.Argument(metavar="SPACE", help="A YAML file with the settings to try.", show_default=False),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=100_000, help="How many trainings. Default: 30; of a grid, all points."),
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Stop after this time; the same command resumes.")
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, max=256, help="How many trials run at the same time.")] = 1,
    cluster: Cluster = None,
    folds: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            min=2,
            max=100,
            help="Score each trial on K folds of the training reviews, which keep groups (data.group_column) "
            "together. Default: on the validation reviews of the config.",
        ),
    ] = None,
    sampler: Annotated[
        Literal["tpe", "random", "grid"],
        typer.Option(
            help="How settings are chosen. tpe: near those that were good (tree-structured Parzen estimator); random; "
            "grid: all combinations."
        ),
    ] = "tpe",
    metric: Annotated[
        Metric | None,
        typer.Option(help="The score to improve. Default: that which selects the best epoch; else accuracy."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, max=2**63 - 1, help="Of the choice of settings.")] = 0,
    prune: Annotated[
        bool,
        typer.Option("--prune/--no-prune", help="Stop trials that are behind three quarters of the finished ones."),
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=expand_home,
            metavar="DIR",
            help="The folder of the sweep. Default: a name in sweeps/, by its content.",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            parser=expand_home, metavar="DIR", help="Resume the sweep in a folder; CONFIG and SPACE are left out."
        ),
    ] = None,
    set_: Set = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing while it runs.")] = False,
) -> None:
    """Train a config with many settings, and keep the best.

    Each trial is a training on the same reviews. The folder keeps the settings and the metrics of all trials, the
    config of the best (best.yaml) and its model. The same command resumes a sweep that was interrupted.

    It needs the extra `sweep`: pip install 'sentibp[sweep]'.
    """
    from sentibp.training import sweep

    if cluster is not None:
        _require_cluster(cluster, jobs)
    if timeout is not None and not timeout > 0:
        raise typer.BadParameter("a number of seconds above 0", param_hint="--timeout")
    if resume is not None:
        _require_alone(ctx)
        plan, notes, path = _planned(resume, trials)
    else:
        _require_no_folder(config, space)
        if config is None or space is None:
            no_space = "'SPACE': give a YAML file with the settings to try, after the config"
            raise MissingArgument(f"{NO_CONFIG}, and then SPACE" if config is None else no_space)
        wanted = sweep.Options(trials, sampler, seed, folds or 0, metric, prune)
        plan, notes = sweep.plan_sweep(_load_config(config, space, set_ or []), space, wanted)
        path = out or sweep.default_folder(plan)
    for note in () if quiet else notes:
        print_message(note)
    result = _run(plan, path, jobs, cluster, timeout, quiet)
    print_result(result, plan, json, f" --cluster {cluster}" if cluster else f" --jobs {jobs}" if jobs > 1 else "")
    if result.outcome == "interrupted":
        raise typer.Exit(130)
    if result.best is None:
        raise typer.Exit(4 if set(result.states) == {"diverged"} else 1)


def _require_cluster(cluster: str, jobs: int) -> None:
    """Raise ConfigError if --cluster is no address, or --jobs is given, too."""
    from sentibp.distributed.executor import require_address

    if jobs != 1:
        raise ConfigError("--jobs: each worker of the cluster runs one trial; leave out --jobs, or --cluster")
    require_address(cluster)


def _require_no_folder(*names: str | Path | None) -> None:
    """Raise ConfigError if CONFIG or SPACE is the folder of a sweep."""
    from sentibp.training.sweep_folder import ABOUT

    for name in names:
        if name is not None and (expand_home(name) / ABOUT).is_file():
            command = f"sentibp sweep --resume {shlex.quote(str(name))}"
            raise ConfigError(f"{name}: the folder of a sweep, not a config and a space; to resume it: {command}")


def _load_config(config: str, space: Path, overrides: Sequence[str]) -> Resolved:
    """Read the config. If the two were swapped, the error says so."""
    from sentibp.config.load import load_config

    try:
        return load_config(config, overrides)
    except ConfigError:
        if not _is_space(config) or _is_space(space):
            raise
    right = shlex.join(["sentibp", "sweep", str(space), config])
    raise ConfigError(f"{config}: is a space, and the config comes first; write {right}")


def _is_space(name: str | Path) -> bool:
    from sentibp.config.space_file import is_space

    try:
        return is_space(Path(name))
    except ConfigError:  # no file, or no YAML
        return False


_WITH_RESUME = {"resume", "trials", "timeout", "jobs", "cluster", "offline", "json", "quiet"}


def _require_alone(ctx: typer.Context) -> None:
    """Raise ConfigError if something is given beside --resume that the sweep has already."""
    given = {name for name in ctx.params.keys() - _WITH_RESUME if is_given(ctx, name)}
    if others := [each for each in ctx.command.params if each.name in given]:
        names = ", ".join(
            each.opts[0] if each.param_type_name == "option" else str(each.name).upper() for each in others
        )
        raise ConfigError(
            f"{names}: --resume has the config, the space and the options of the sweep; leave out all but --trials, "
            "--timeout, --jobs and --cluster"
        )


def _planned(folder: Path, trials: int | None) -> tuple[Plan, Sequence[str], Path]:
    """Return what the sweep in a folder searches, perhaps with more trials."""
    from sentibp.training.sweep_folder import load_plan

    plan = load_plan(folder)
    most = plan.space.grid_size if plan.sampler == "grid" else trials
    return plan._replace(trials=min(trials, most or trials) if trials else plan.trials), (), folder


class _Stop:
    """Says why a sweep is to stop: "interrupted" or "timeout"; else "". Before `begin`, a signal ends the command."""

    def __init__(self, timeout: float | None):
        self.deadline = math.inf if timeout is None else time.monotonic() + timeout
        self.interrupt: Interrupt | None = None

    def begin(self) -> None:
        """Note signals from here on, where there may be trials to keep."""
        from sentibp.cli.interrupts import Interrupt

        self.interrupt = Interrupt()

    def __call__(self) -> str:
        if self.interrupt is not None and self.interrupt.requested:
            return "interrupted"
        return "timeout" if time.monotonic() >= self.deadline else ""


def _run(plan: Plan, path: Path, jobs: int, cluster: str | None, timeout: float | None, quiet: bool) -> Result:
    from sentibp.cli.sweep_progress import SweepProgress
    from sentibp.training import sweep, sweep_folder

    stop = _Stop(timeout)
    with sweep_folder.SweepFolder(path) as folder, _pool(path, jobs, cluster, stop) as (pool, slots):
        folder.open(plan)
        cost = sweep.estimate(plan) if folder.is_new() else None  # before the plan is written: data may not suit it
        stop.begin()
        found = sweep.Sweep(plan, folder, pool, stop)
        progress = SweepProgress(plan, found.records, slots, quiet)
        if cost is not None:
            progress.notes(cost.notes)
            progress.cost(path, cost.seconds)
        elif not quiet:
            print_message(f"{path}: {counted(len(found.records), 'trial')} of before; {found.left} left")
        with progress:
            for event in found:
                progress.show(event)
        return found.finish()


@contextmanager
def _pool(path: Path, jobs: int, cluster: str | None, stop: Callable[[], str]) -> Iterator[tuple[Pool, int]]:
    """Yield where trials run, and how many at the same time. An error of the cluster says how to resume."""
    from sentibp.training import trial_pool

    if cluster is None:
        yield (trial_pool.SerialPool(stop) if jobs == 1 else trial_pool.ProcessPool(jobs)), jobs
        return
    from sentibp.distributed.executor import connect
    from sentibp.distributed.sweep import ClusterPool
    from sentibp.utils.executor import ClusterLost, NotVisible, OtherVersion, WorkerDied

    with connect(cluster) as executor:
        executor.stop = lambda obstacle: obstacle and stop()  # else the loop over the trials asks
        try:
            yield ClusterPool(executor, path), executor.slots  # type: ignore[arg-type]
        except (ClusterLost, NotVisible, OtherVersion, WorkerDied) as error:
            command = f"sentibp sweep --resume {shlex.quote(str(path))} --cluster {cluster}"
            raise type(error)(*error.lines, f"to resume: {command}") from None


@commands.command(epilog="Examples: sentibp sweep show; sentibp sweep show sweeps/mine-1a2b3c --html")
def show(
    folder: Annotated[
        Path | None,
        typer.Argument(
            parser=expand_home,
            metavar="[DIR]",
            help="The folder of a sweep. Default: the newest in sweeps/.",
            show_default=False,
        ),
    ] = None,
    html: Annotated[
        bool, typer.Option("--html", help="Write a page with charts: sweep.html in the folder, or --output.")
    ] = False,
    output: Annotated[Path | None, output_option("With --html, where to write the page.")] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Print the trials of a sweep, the best first.

    With ten or more finished trials, also how important each setting is.
    """
    from sentibp.cli.output_file import require_free
    from sentibp.inspection import sweep as inspection

    path = inspection.newest() if folder is None else folder
    found = inspection.load_sweep(path)
    if output is not None and not html:
        raise ConfigError("--output: is for the page; add --html")
    require_free(output, force)
    if html:
        _write_page(found, output or path / "sweep.html", json)
        return
    print_trials(found, json)


def _write_page(found: Any, output: Path, json: bool) -> None:
    from sentibp.cli.output_file import format_of, save_output
    from sentibp.inspection.pages.sweep import sweep_page

    format_of(output, None, {".html": "html", ".htm": "html"}, None, "html")
    content = sweep_page(found)
    save_output(output, content)
    if json:
        print_json({"output": str(output), "bytes": len(content)})
    else:
        print_text(f"{output}  {size(len(content))}: a page on {counted(len(found.trials), 'trial')}")
