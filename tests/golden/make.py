"""Write the golden model of this format, and what it says: `python tests/golden/make.py`, once for each new format.

It is trained as any other, on the reviews in data/. Then its numbers are rounded to multiples of 1/64 of at most 4, of
which a sum of products is exact in float32 in whatever order it is made, with or without fused multiplication: another
BLAS or processor must give the very same logit. (Rows are pooled by their sum: a mean would have to be rounded. From
format 7 on, an adaptive temperature divides these numbers, which has to be rounded.)
The probability is 1 / (1 + exp(-logit)) in float64, whose exponential may differ in its last bit; of more than two
classes it is the softmax of their logits.

The files of formats 1 to 6 were written by the programs of their time, with the settings that these knew.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import runner

from sentibp.config.load import load_config
from sentibp.model import file, packing
from sentibp.model.calibration import Calibration
from sentibp.model.classifier import Classifier
from sentibp.model.fold import calibrated
from sentibp.utils.arrow import strings

HERE = Path(__file__).parent
TEXTS = [
    "I love this movie",
    "not worth the ticket",
    "",
    "It's a GOOD film, not a bad one... 10/10!!",
    "zebra",
    "boring boring boring boring boring boring boring boring",
    "naïve <br /> e\u0301 👍🏽 日本語",
    "The story is dull, the actors are wonderful and the ending made me laugh and cry.",
    "a won\u00adder\u00adful \ufb01lm, ＧＯＯＤ！ it\u00b4s not b\u200bad \U0001f44d\U0001f3fb",
    "I love this movie: https://example.com/love?x=1&amp;y=2 @bad 10",
]
NEUTRAL = [
    f"{one} {two}"
    for one in (
        "The film is two hours long.",
        "It opens in a small town.",
        "The story has three parts.",
        "It was shot in Spain.",
    )
    for two in (
        "Neither good nor bad.",
        "The cast is large.",
        "Some scenes are in French.",
        "It is what it is.",
        "Average.",
    )
]
SETTINGS = {
    "data": {"source": ["sample", "neutral.csv"], "labels": ["negative", "neutral", "positive"], "ordered": False},
    "text": {"classes": ["url", "mention"], "max_features": 120, "min_count": 2, "ngrams": 2, "presence": True},
    "model": {"embedding": {"dim": 3, "pooling": "sum", "padding": 0, "init": "normal"}, "hidden": [4]},
    "train": {"epochs": 20, "optimizer": {"learning_rate": 0.1}, "calibrate": False, "word_dropout": 0.0},
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "golden.yaml"
        path.write_text(json.dumps(SETTINGS))
        path.with_name("neutral.csv").write_text("text,label\n" + "".join(f"{text},neutral\n" for text in NEUTRAL))
        classifier = file.load_model(runner.train_model(load_config(path), Path(folder) / "run").model)
    classifier = calibrated(classifier, Calibration(power=0.5, spread=2.0))
    for tensor in classifier.tensors().values():
        tensor[...] = np.clip(np.round(tensor * 64), -256, 256) / 64
    content = classifier.to_bytes()
    (HERE / f"format{file.FORMAT}.safetensors").write_bytes(content)
    (HERE / f"compressed{file.FORMAT}.safetensors").write_bytes(compressed(classifier))
    logits = classifier.logits(classifier.encode(strings(TEXTS))[0])
    expected = {
        text: {"logit": _hex(logit), "positive": _hex(positive), "tokens": tokens, "unknown": unknown}
        for text, logit, positive, tokens, unknown in zip(
            TEXTS, logits, *(column.tolist() for column in classifier.predict(strings(TEXTS))), strict=True
        )
    }
    (HERE / f"format{file.FORMAT}.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n", "utf-8")


def compressed(classifier: Classifier) -> bytes:
    """Return the compressed file of the model, with the same numbers."""
    tensors = classifier.tensors()
    rows = packing.Rows((tensors.pop("embedding.weight") * 64).astype(np.int64), 1 / 64)
    return classifier.pack_file(tensors | packing.pack(classifier.vocabulary, rows))


def _hex(number: Any) -> Any:
    """Return the digits of a number, or of each of a list, as hexadecimals."""
    return [float(each).hex() for each in number] if np.ndim(number) else float(number).hex()


if __name__ == "__main__":
    main()
