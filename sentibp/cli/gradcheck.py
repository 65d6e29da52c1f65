"""`sentibp gradcheck`."""

from __future__ import annotations

import math
import shlex
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentibp.cli import Json, is_given
from sentibp.cli.labelled_reviews import naming_predict
from sentibp.cli.output import even_if_unread, print_json, print_message, print_text, table
from sentibp.utils.messages import counted
from sentibp.utils.paths import expand_home

if TYPE_CHECKING:
    from sentibp.inspection.gradcheck import GradientCheck
    from sentibp.inspection.layer_check import LayerResult


EPILOG = """\b
Examples:
  sentibp gradcheck
  sentibp gradcheck quickstart --set model.hidden=[16,8]
  sentibp gradcheck -m runs/first --data mine.csv --json
  sentibp gradcheck --layer my_layer.py"""


def gradcheck(
    ctx: typer.Context,
    config: Annotated[
        str | None,
        typer.Argument(
            metavar="CONFIG",
            help="Build the untrained network of this config, and check it on a sample of its data. A YAML file, or "
            "the name of a shipped config. Default: check a trained model.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--model",
            help="Check this model: a run directory, a model file, `builtin`, or `last`, the newest finished run here. "
            "Default: last.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a setting, such as model.hidden=[32,16]; without CONFIG, one of data, such as "
            "data.text_column=comment. May be repeated.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="NAME|PATH", help="The reviews to check a model on. Default: its training data."),
    ] = None,
    reviews: Annotated[int, typer.Option(metavar="N", min=1, help="The number of reviews, drawn at random.")] = 256,
    layer: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.py",
            parser=expand_home,
            help="Check the layers that this Python file defines, and name their likely mistakes. The file is "
            "executed: use only files that you trust.",
        ),
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(metavar="X", help="The largest relative error of a right gradient. Default: 1e-6.")
    ] = None,
    json: Json = False,
) -> None:
    """Check the gradients against central differences.

    Each tensor is moved a little along random directions, in float64. The loss must change as much as the gradient
    predicts. Exits with 1 if a gradient is wrong.
    """
    from sentibp.errors import ConfigError
    from sentibp.runs import find

    subjects = {"CONFIG": config, "-m": model, "--layer": layer}
    given = [name for name, value in subjects.items() if value is not None]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)}: only one thing can be checked; give one of them")
    if config is not None and find.names_run(config):
        command = f"`sentibp gradcheck -m {shlex.quote(config)}`"
        raise ConfigError(f"{config}: a run, not a config; to check its model: {command}")
    if layer is not None and set_:
        raise ConfigError("--set: changes how reviews are read, and a layer reads none; leave it out")
    if layer is not None and is_given(ctx, "reviews"):
        raise ConfigError("--reviews: how many reviews are read, and a layer reads none; leave it out")
    if config is None and (other := [each for each in set_ or [] if not each.startswith("data.")]):
        raise ConfigError(f"--set {other[0]}: without a CONFIG, only settings of data can change; give a CONFIG")
    if (config or layer) and data:
        raise ConfigError("--data: names reviews for a trained model; leave it out")
    if tolerance is not None and not (math.isfinite(tolerance) and tolerance > 0):
        raise ConfigError(f"--tolerance {tolerance}: not a number above 0; try 1e-6")
    ok = (
        _check_layers(layer, tolerance, json)
        if layer is not None
        else _check_network(config, "last" if model is None else model, set_ or [], data, reviews, tolerance, json)
    )
    if not ok:
        raise typer.Exit(1)


def _check_network(
    config: str | None,
    model: str,
    overrides: list[str],
    data: str | None,
    reviews: int,
    tolerance: float | None,
    json: bool,
) -> bool:
    """Check a model or config, print the result, and return whether all gradients are right."""
    from sentibp.inspection import gradcheck as inspection_gradcheck
    from sentibp.nn.gradcheck import TOLERANCE
    from sentibp.runs import find
    from sentibp.utils.hub_client import go_offline

    model = find.with_hub_models_local([model])[0] if config is None else model
    go_offline()  # the training data are in the local cache already
    if config is None:
        with naming_predict(data, model, overrides=overrides):
            classifier, examples = inspection_gradcheck.load_with_sample(model, reviews, data, overrides)
    else:
        from sentibp.config.load import load_config

        resolved = load_config(config, overrides)
        classifier, examples = inspection_gradcheck.build_with_sample(resolved, reviews, print_message)
    result = inspection_gradcheck.check_gradients(classifier, examples, tolerance or TOLERANCE)
    with even_if_unread():
        if json:
            values = {name: value for name, value in result._asdict().items() if name != "labels"}
            print_json(values | {"tensors": _as_json(result.tensors), "ok": result.ok})
        else:
            _print_network(result)
    return result.ok


def _as_json(tensors: Iterable[Any]) -> list[dict[str, Any]]:
    """Return the result of each tensor. JSON has no infinity and no NaN."""
    from sentibp.utils.json_types import finite_number

    return [tensor._asdict() | {"error": finite_number(float(tensor.error))} for tensor in tensors]


def _print_network(result: GradientCheck) -> None:
    from sentibp.inspection.gradcheck import FAINT

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
    changed = "inverted" if result.labels == 2 else "changed"
    print_text(
        f"\nreached: the share of the entries with a gradient other than 0, of {counted(result.reviews, 'review')}\n"
        f"error: the relative error of the derivative of the {loss} of {counted(result.compared, 'review')}\n"
        f"along random directions, in float64; a third of the labels are {changed}"
    )
    faint = sum(tensor.verdict == "too faint to tell" for tensor in result.tensors)
    if faint:
        print_text(
            f"too faint to tell ({faint} of {len(result.tensors)} tensors): the gradient is shorter than {FAINT:g},\n"
            "so that rounding could hide a wrong derivative; nothing is known of these"
        )
    wrong = [tensor.name for tensor in result.tensors if tensor.verdict == "wrong"]
    print_text(
        f"wrong: {', '.join(wrong)}: the error is over {result.tolerance:g}"
        if wrong
        else f"no error is over {result.tolerance:g}"
    )


def _check_layers(path: Path, tolerance: float | None, json: bool) -> bool:
    """Check the layers of a file, print the results, and return whether all gradients are right."""
    from sentibp.inspection import layer_check
    from sentibp.nn.gradcheck import TOLERANCE

    results = layer_check.check_file(path, tolerance or TOLERANCE)
    ok = all(result.ok for result in results)
    with even_if_unread():
        if json:
            layers = [{"layer": each.layer, "tensors": _as_json(each.tensors), "ok": each.ok} for each in results]
            print_json({"layers": layers, "ok": ok})
        else:
            _print_layers(results)
    return ok


def _print_layers(results: Sequence[LayerResult]) -> None:
    for result in results:
        print_text(f"{result.layer}: {'every gradient is right' if result.ok else 'wrong'}")
        table(
            ["gradient of", "error", "verdict"],
            [(each.name, f"{each.error:.1e}", "right" if each.ok else "wrong") for each in result.tensors],
        )
        for each in result.tensors:
            if each.mistake:
                print_text(textwrap.fill(f"{each.name}: {each.mistake}", 80, subsequent_indent="  "))
