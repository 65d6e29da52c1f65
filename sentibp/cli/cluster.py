"""`sentibp cluster check --cluster ADDRESS [PATH...]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sentibp.cli import Json, command_group
from sentibp.cli.output import even_if_unread, print_json, print_text, size, table
from sentibp.utils.messages import counted

if TYPE_CHECKING:
    from sentibp.distributed.check import PathFacts, Report

commands = command_group("Work on several processes and machines.")


@commands.callback()
def _cluster() -> None:
    pass  # with a callback, a single command keeps its name


@commands.command(
    epilog="""\b
Examples:
  sentibp cluster check --cluster local:2
  sentibp cluster check --cluster tcp://10.0.0.1:8786 /shared/reviews /shared/runs"""
)
def check(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Files and folders that all workers must see.", show_default=False),
    ] = None,
    cluster: Annotated[
        str,
        typer.Option(
            "--cluster",
            metavar="ADDRESS",
            help="local:N, which is N processes here, or the Dask scheduler at tcp://HOST:PORT or tls://HOST:PORT.",
        ),
    ] = ...,  # type: ignore[assignment]
    json: Json = False,
) -> None:
    """Compare all workers with this command: versions, and files.

    It needs the extra `cluster`: pip install 'sentibp[cluster]'. Exit code 1 if something differs.
    """
    from sentibp.distributed.executor import connect

    with connect(cluster, same_versions=False) as executor:
        from sentibp.distributed.check import check as check_cluster

        report = check_cluster(executor, paths or [])  # type: ignore[arg-type]  # connect(None) alone is another kind
    with even_if_unread():
        if json:
            print_json(report.to_json())
        else:
            print_report(report)
    if not report.is_good:
        raise typer.Exit(1)


_VERSIONS = ("sentibp", "numpy", "python", "distributed", "host")


def print_report(report: Report) -> None:
    """Print a line for each worker, and for each path."""
    print_text(f"{report.address}: {counted(report.slots, 'slot')}")
    lines = [["this command", "", *(report.here[name] for name in _VERSIONS)]]
    lines += [
        [each.name, each.address, *(each.versions.get(name, "") for name in _VERSIONS)] for each in report.workers
    ]
    table(["worker", "address", *_VERSIONS], lines)
    for each in report.workers:
        for fault in each.faults:
            print_text(f"worker {each.name} ({each.address}): {fault}")
        if each.threads > 1:
            threads = f"{each.threads} threads; it does one task at a time: start `dask worker ADDRESS --nthreads 1`"
            print_text(f"worker {each.name} ({each.address}): {threads}")
    for path in report.paths:
        _print_path(path, report)


def _print_path(path: PathFacts, report: Report) -> None:
    if not path.faults:
        print_text(f"{path.path}: the same for all ({size(path.size or 0)}, {(path.fingerprint or '')[:12]})")
    names = {each.address: f"worker {each.name} ({each.address})" for each in report.workers}
    for address, fault in path.faults.items():
        print_text(f"{path.path}: {names.get(address, 'this command')}: {fault}")
