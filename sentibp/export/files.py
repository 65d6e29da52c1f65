"""The files of an export to Python, JavaScript and HTML: the code of runtime/, with the data of a model."""

from __future__ import annotations

import json
from dataclasses import replace
from html.entities import html5
from pathlib import Path
from typing import Any

import numpy as np

from sentibp.export.checks import require_close
from sentibp.export.payload import Payload
from sentibp.inspection.explain import FULL, NOTHING
from sentibp.inspection.pages.play_reviews import known_share
from sentibp.inspection.pages.play_start import KNOWN, strongest_words
from sentibp.inspection.pages.render import read_template, render, trusted
from sentibp.model.classifier import Classifier
from sentibp.model.head import LABELS
from sentibp.utils.label_key import is_binary

_RUNTIME = Path(__file__).parent / "runtime"
_LABELS = 200  # characters of the labels in the first lines of a file


def python_file(payload: Payload) -> bytes:
    """Return a Python module that holds the model. DataError if it does not repeat the test texts."""
    code = read_runtime("python_model.py")
    head, empty, tail = code.partition('\n_DATA = ""\n')
    assert empty
    filled = f'# {about(payload)}\n{head}\n_DATA = """\n{payload.to_base64()}\n"""\n{tail}'
    _check_python(filled, payload)
    return filled.encode()


def javascript_file(payload: Payload) -> bytes:
    """Return an ES module that holds the model."""
    return f"// {about(payload)}\n{read_runtime('model.js')}\n{javascript_data(payload)}".encode()


def javascript_data(payload: Payload) -> str:
    """Return the statement that gives the code of runtime/model.js its data."""
    entities = {name[:-1]: characters for name, characters in html5.items() if name.endswith(";")}
    payload = replace(payload, settings={**payload.settings, "entities": entities})
    return f"const DATA = `\n{payload.to_base64()}\n`;\n"


def read_runtime(name: str) -> str:
    """Return the code of a file in runtime/."""
    return (_RUNTIME / name).read_text("utf-8")


def about(payload: Payload) -> str:
    """Return a line about the model, in ASCII."""
    labels = json.dumps(payload.settings["labels"])
    shown = labels if len(labels) <= _LABELS else f"{len(payload.settings['labels'])} labels"
    return f"A model of sentibp {payload.settings['sentibp']}: {payload.settings['features']} features, {shown}"


def _check_python(code: str, payload: Payload) -> None:
    """Run the module on its test texts. DataError if it does not repeat them."""
    module: dict[str, Any] = {"__name__": "exported"}
    exec(compile(code, "exported model", "exec"), module)  # our own code, with data in base64
    checks = payload.settings["checks"]
    model = module["_Model"](module["_DATA"])
    found = np.array([model.probabilities(model.features(text)[0]) for text in checks["texts"]])
    require_close(found, np.array(checks["probabilities"]), checks["texts"], "Python")


_EXAMPLE = "Not a bad film at all: I loved the story, but the ending is dull."


def html_file(payload: Payload) -> bytes:
    """Return a page that holds the model."""
    labels, model = payload.settings["labels"], payload.classifier
    scripts = [read_template(name) for name in ("page.js", "export.js")]
    code = "".join((read_runtime("model.js"), javascript_data(payload), *scripts))
    page = render(
        "export.html",
        script=trusted(code),
        labels=labels,
        several=not is_binary(labels),
        features=f"{payload.settings['features']:,}",
        version=payload.settings["sentibp"],
        example=_example(model),
        floors={"nothing": NOTHING, "full": FULL},
    )
    return page.encode()


def _example(model: Classifier) -> str:
    """Return the text that the page begins with: an English one, or the words that weigh most.

    The English one is about a film: it says nothing to a model that does not know its words, or has topics as labels.
    """
    is_about_praise = model.spec.ordered or set(LABELS) <= set(model.spec.labels)
    if is_about_praise and known_share(model, [_EXAMPLE])[0] >= KNOWN:
        return _EXAMPLE
    return strongest_words(model)
