"""`sentibp export`: a model in one file, for other languages."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentibp.cli import Force, Json, NamedModel, SameModel, one_model
from sentibp.cli.output import print_json, print_message, print_text, size
from sentibp.cli.output_file import output_option, require_free, require_no_input, save_output, tell_replaced
from sentibp.utils.messages import counted

if TYPE_CHECKING:
    from sentibp.export.export import Exported

_NAMES = {"html": "model.html", "js": "model.mjs", "python": "model.py", "onnx": "model.onnx"}

_LARGE = 10_000_000  # bytes from which on a page or module takes long to load


EPILOG = """\b
Examples:
  sentibp export --to html
  sentibp export runs/first --to js --max-size 300kB --output sentiment.mjs
  sentibp export -m builtin --output sentiment.py"""


def export(
    named: NamedModel = None,
    model: SameModel = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="TARGET",
            help="html: a page that works offline; js: an ES module; python: a module of the standard library alone; "
            "onnx: a network for ONNX Runtime. Default: what the name of the output says.",
        ),
    ] = None,
    max_size: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="The largest size of the file, such as 1MB or 300kB: a larger model loses features and precision.",
        ),
    ] = None,
    output: Annotated[Path | None, output_option("Default: model.html, .mjs, .py or .onnx.")] = None,
    threshold: Annotated[
        str | None,
        typer.Option(metavar="[CLASS=]P", help="Answer CLASS (with two classes: positive) from this probability on."),
    ] = None,
    cost: Annotated[
        str | None,
        typer.Option(metavar="COST", help="Answer the label of least expected cost: distance, squared, or a matrix."),
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Write a model as one file that needs nothing else.

    The file holds the model, test texts, and their probabilities. It refuses to answer if it cannot repeat them to
    0.000001. The answers are those of `sentibp predict`, in any version of Python, Node, or browser. --to onnx needs
    the extra `export`: pip install 'sentibp[export]'.
    """
    from sentibp.cli.quantities import parse_size
    from sentibp.errors import ConfigError

    max_bytes = None if max_size is None else parse_size(max_size)
    model = one_model(named, model)
    from sentibp.export import export as exports
    from sentibp.model.decision import parse_decision
    from sentibp.model.file import load_model
    from sentibp.runs import find

    if output == Path("-"):
        raise ConfigError("--output -: an export is a file; name one, such as --output model.html")
    if (
        to is None
        and output is None
        and model is not None
        and exports.is_export_name(model)
        and not Path(model).exists()
    ):
        raise ConfigError(f"{model}: the name of an export, not a model; write --output {shlex.quote(model)}")
    target = exports.target_of(to, "" if output is None else output.suffix)
    output = output or Path(_NAMES[target])
    if target == "onnx" and (threshold, cost) != (None, None):
        option = "--cost" if threshold is None else "--threshold"
        raise ConfigError(f"{option}: an ONNX model gives probabilities, and chooses no label; leave the option out")
    if target == "python":
        exports.require_free_name(output)
    path = find.model_file(model)
    require_no_input(output, [("the model", path)])
    is_replaced = require_free(output, force, replaces_own=True)
    classifier = load_model(path)
    decision = parse_decision(classifier.spec.label_set, threshold, cost)
    exported = exports.export_model(classifier, target, decision, max_bytes)
    save_output(output, exported.content)
    tell_replaced(output, is_replaced)
    _print(output, target, exported, json)


def _print(output: Path, target: str, exported: Exported, json: bool) -> None:
    count = len(exported.content)
    if exported.features < exported.of or exported.difference:
        print_message(
            f"{exported.features:,} of {counted(exported.of, 'feature')} fit; probabilities of the test texts differ "
            f"from those of the model by up to {exported.difference:.4f}; "
            f"`sentibp compress --max-size {exported.model_bytes}` scores a model with about as many"
        )
    elif count > _LARGE and target != "onnx":
        print_message(f"{size(count)} take a while to load; --max-size 1MB keeps what matters most")
    if json:
        facts = {key: value for key, value in exported._asdict().items() if key not in ("content", "model_bytes")}
        print_json({"output": str(output), "to": target, "bytes": count, **facts})
        return
    print_text(f"{output}  {size(count)}, {counted(exported.features, 'feature')}")
    print_text(f"use it:  {_use(output, target)}")


def _use(output: Path, target: str) -> str:
    """Return how the file is used."""
    if target == "html":
        return "open it in any browser; it needs no network"
    if target == "js":
        return f'import {{ predict, explain }} from "./{output.name}"'
    if target == "python":
        return f'python {shlex.quote(str(output))} "I love this movie"'
    return "input ids, output probabilities; features(text) of an export --to python gives the ids"
