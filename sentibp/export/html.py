"""The page of an export: it works offline, and shows how the model comes to its answer."""

from __future__ import annotations

from sentibp.export.files import javascript_data, read_runtime
from sentibp.export.payload import Payload
from sentibp.inspection.explain import FULL, NOTHING
from sentibp.inspection.pages.play_reviews import known_share
from sentibp.inspection.pages.play_start import KNOWN, strongest_words
from sentibp.inspection.pages.render import read_template, render, trusted
from sentibp.model.classifier import Classifier
from sentibp.model.head import LABELS
from sentibp.utils.label_key import is_binary

_EXAMPLE = "Not a bad film at all: I loved the story, but the ending is dull."


def html_file(payload: Payload) -> bytes:
    """Return a page that holds the model."""
    labels = payload.settings["labels"]
    scripts = [read_template(name) for name in ("page.js", "export.js")]
    code = "".join((read_runtime("model.js"), javascript_data(payload), *scripts))
    page = render(
        "export.html",
        script=trusted(code),
        labels=labels,
        several=not is_binary(labels),
        features=f"{payload.settings['features']:,}",
        version=payload.settings["sentibp"],
        example=_example(payload.classifier),
        floors={"nothing": NOTHING, "full": FULL},
    )
    return page.encode()


def _example(classifier: Classifier) -> str:
    """Return the text that the page begins with: an English one, or the words that weigh most.

    The English one is about a film: it says nothing to a model that does not know its words, or has topics as labels.
    """
    is_about_praise = classifier.spec.ordered or set(LABELS) <= set(classifier.spec.labels)
    if is_about_praise and known_share(classifier, [_EXAMPLE])[0] >= KNOWN:
        return _EXAMPLE
    return strongest_words(classifier)
