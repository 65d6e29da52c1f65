"""`sentibp gradcheck`."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentibp.cli import Json, Set
from sentibp.cli.output import print_json, table

if TYPE_CHECKING:
    from sentibp.inspection.gradcheck import GradientCheck
    from sentibp.inspection.layer_check import LayerResult


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="""\b
Examples:
  sentibp gradcheck
  sentibp gradcheck quickstart --set model.hidden=[16,8]
  sentibp gradcheck -m runs/first --data mine.csv --json
  sentibp gradcheck --layer my_layer.py"""
    )(gradcheck)


def gradcheck(
    config: Annotated[
        str | None,
        typer.Argument(
            metavar="CONFIG",
            help="Check what this config describes, freshly built, on a sample of its data. A YAML file, or the name "
            "of a shipped config. Default: a trained model.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--model",
            help="Check this model: a run directory, a model file, or `last`, the newest finished run here. "
            "Default: last.",
        ),
    ] = None,
    set_: Set = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="NAME|PATH", help="Reviews to check a model on. Default: those it was trained on."),
    ] = None,
    reviews: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many reviews to follow gradients of, drawn at random.")
    ] = 256,
    layer: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.py",
            help="Check the layers that this Python file defines, and name their likely mistakes. It is run as it is: "
            "give only files that you trust.",
        ),
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(metavar="X", help="The relative error up to which a gradient is right: 1e-6.")
    ] = None,
    json: Json = False,
) -> None:
    """Prove the derivatives by central differences.

    Each tensor is moved a little along random directions, in float64: the loss must change by what its gradient, from
    backpropagation, says.
    Exits with 1 if it does not.
    """
    from sentibp.errors import ConfigError

    given = {"CONFIG": config, "-m": model, "--layer": layer}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise ConfigError(f"{' and '.join(named)}: two things to check; give one of them")
    surplus = {"--set": config is None and set_, "--data": (config or layer) and data}
    if wrong := [name for name, value in surplus.items() if value]:
        raise ConfigError(f"{' and '.join(wrong)}: --set belongs to a CONFIG, --data to a model; leave it out")
    if tolerance is not None and not (math.isfinite(tolerance) and tolerance > 0):
        raise ConfigError(f"--tolerance {tolerance}: not a number above 0; 1e-6 suits float64")
    ok = (
        _layer(layer, tolerance, json)
        if layer is not None
        else _network(config, model or "last", set_ or [], data, reviews, tolerance, json)
    )
    if not ok:
        raise typer.Exit(1)


def _network(
    config: str | None,
    model: str,
    overrides: list[str],
    data: str | None,
    reviews: int,
    tolerance: float | None,
    json: bool,
) -> bool:
    from sentibp.data.hub import go_offline
    from sentibp.inspection import gradcheck as inspection_gradcheck
    from sentibp.nn.gradcheck import TOLERANCE

    go_offline()  # a check needs some reviews, wherever they are; the data of a training are there
    if config is None:
        classifier, examples = inspection_gradcheck.load_with_sample(model, reviews, data)
    else:
        from sentibp.config.load import load_config

        classifier, examples = inspection_gradcheck.build_with_sample(load_config(config, overrides), reviews)
    result = inspection_gradcheck.check_gradients(classifier, examples, tolerance or TOLERANCE)
    if json:
        tensors = [tensor._asdict() | {"error": _finite(tensor.error)} for tensor in result.tensors]
        print_json(result._asdict() | {"tensors": tensors, "ok": result.ok})
    else:
        _show_network(result)
    return result.ok


def _finite(error: float) -> float | None:
    return error if math.isfinite(error) else None  # JSON has no other numbers


def _show_network(result: GradientCheck) -> None:

    table(
        ["tensor", "shape", "reached", "gradient", "error", "verdict"],
        [
            (
                tensor.name,
                " x ".join(f"{n:,}" for n in tensor.shape),
                f"{100 * tensor.reached:.1f} %",
                f"{tensor.gradient:.1e}",
                f"{tensor.error:.1e}",
                tensor.verdict,
            )
            for tensor in result.tensors
        ],
    )
    loss = result.loss.replace("_", " ")
    typer.echo(
        f"\nreached: the share of the numbers that a gradient of {result.reviews:,} reviews got to\n"
        f"error: of the derivative of the {loss} of {result.compared} reviews along random\n"
        "directions, relative, in float64; a third of the labels are turned over"
    )
    wrong = [tensor.name for tensor in result.tensors if tensor.verdict == "wrong"]
    typer.echo(
        f"wrong: {', '.join(wrong)}: over {result.tolerance:g}" if wrong else f"no error is over {result.tolerance:g}"
    )


def _layer(path: Path, tolerance: float | None, json: bool) -> bool:
    from sentibp.inspection import layer_check
    from sentibp.nn.gradcheck import TOLERANCE

    results = layer_check.check_file(path, tolerance or TOLERANCE)
    ok = all(result.ok for result in results)
    if json:
        print_json({"layers": [_layer_record(result) for result in results], "ok": ok})
        return ok
    for result in results:
        typer.echo(f"{result.layer}: {'every gradient is right' if result.ok else 'wrong'}")
        table(
            ["gradient of", "error", "verdict"],
            [(each.name, f"{each.error:.1e}", "right" if each.ok else "wrong") for each in result.tensors],
        )
        for each in result.tensors:
            if each.mistake:
                typer.echo(textwrap.fill(f"{each.name}: {each.mistake}", 80, subsequent_indent="  "))
    return ok


def _layer_record(result: LayerResult) -> dict[str, Any]:
    tensors = [tensor._asdict() | {"error": _finite(tensor.error)} for tensor in result.tensors]
    return {"layer": result.layer, "tensors": tensors, "ok": result.ok}
