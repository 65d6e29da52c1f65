"""Models with more than two labels for the tests: the sections of a config for each kind of head."""

from __future__ import annotations

import numpy as np

from sentibp.model.calibration import Calibration
from sentibp.model.fold import calibrated

STARS = ["1", "2", "3", "4", "5"]
HEADS = {
    "scale of 3": ({"labels": ["negative", "neutral", "positive"]}, "auto"),
    "scale of 5": ({"labels": STARS}, "scale"),
    "softmax": ({"labels": ["apple", "pear", "fig"], "ordered": False}, "auto"),
    "softmax in order": ({"labels": ["negative", "neutral", "positive"]}, "softmax"),
    "softmax, adaptive": ({"labels": ["apple", "pear", "fig", "plum"], "ordered": False}, "auto"),
    "cumulative": ({"labels": STARS[:4]}, "cumulative"),
}


def random_classifier(new_classifier, head, texts, model=None, seed=0, size=0.7, **sections):
    """Return an untrained classifier with this head. All its tensors are random."""
    data, output = HEADS[head]
    classifier = new_classifier(texts, model=(model or {}) | {"output": output}, data=data, **sections)
    if head == "softmax, adaptive":
        classifier = calibrated(classifier, Calibration(power=0.7, spread=1.5))
    rng = np.random.default_rng(seed)
    for key, tensor in classifier.tensors().items():
        tensor[...] = rng.standard_normal(tensor.shape) * (1 if key == "embedding.weight" else size)
        if key.startswith("temperature"):
            tensor[...] = np.abs(tensor) + 0.1
        if key.endswith("variance"):
            tensor[...] = 0.5 + tensor**2
    return classifier


def write_reviews(path, labels, n=240, wrong=()):
    """Write reviews whose words show their label, and return the rows. Those of `wrong` get the next label."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(n):
        k = i % len(labels)
        text = f"{' '.join(f'w{k}{chr(97 + j)}' for j in rng.integers(0, 4, 3))} film x{i}"
        rows.append((text, labels[(k + 1) % len(labels) if i in wrong else k]))
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    return rows
