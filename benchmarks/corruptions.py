"""Random damage to a model file: how often it is refused, harmless, or answered wrongly.

    python benchmarks/corruptions.py --tries 10000

Each try takes the sound file and damages it in one of seven ways: bits turned, bytes overwritten, a sector of zeros,
the end cut off, a piece cut out, a piece doubled, two pieces swapped; half of the tries hit the header. Then it is
loaded. The same damage is done to the same model without a checksum, as formats 1 and 2 were: what it is good for.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from sentibp.config.load import load_config
from sentibp.errors import DataError
from sentibp.model import classifier, file
from sentibp.training import experiment
from sentibp.utils import tensor_file


def turned(content: bytearray, at: int, rng: np.random.Generator) -> None:
    for _ in range(rng.integers(1, 5)):
        content[at] ^= 1 << rng.integers(8)
        at = min(at + int(rng.integers(64)), len(content) - 1)


def overwritten(content: bytearray, at: int, rng: np.random.Generator) -> None:
    junk = rng.bytes(rng.integers(1, 33))[: len(content) - at]
    content[at : at + len(junk)] = junk


def zeroed(content: bytearray, at: int, rng: np.random.Generator) -> None:
    start = at // 512 * 512
    content[start : start + 512] = bytes(len(content[start : start + 512]))


def cut_off(content: bytearray, at: int, rng: np.random.Generator) -> None:
    del content[at:]


def cut_out(content: bytearray, at: int, rng: np.random.Generator) -> None:
    del content[at : at + int(rng.integers(1, 65))]


def doubled(content: bytearray, at: int, rng: np.random.Generator) -> None:
    piece = content[at : at + int(rng.integers(1, 65))]
    content[at:at] = piece


def swapped(content: bytearray, at: int, rng: np.random.Generator) -> None:
    size, other = int(rng.integers(1, 65)), int(rng.integers(len(content)))
    first, second = sorted((at, other))
    size = min(size, second - first, len(content) - second)
    a, b = content[first : first + size], content[second : second + size]
    content[first : first + size], content[second : second + size] = b, a


WAYS = (turned, overwritten, zeroed, cut_off, cut_out, doubled, swapped)


def verdict(path: Path, content: bytes, sound: bytes) -> str:
    """What became of a damaged file."""
    if content == sound:
        return "unchanged"
    path.write_bytes(content)
    try:
        found = file.load_model(path)
    except DataError as error:
        assert len(error.lines) == 1
        return "refused"
    return "the same model" if same(found, path) else "another model"


def same(found: classifier.Classifier, path: Path) -> bool:
    before = file.load_model(path.with_name("sound"))
    numbers, others = found.tensors(), before.tensors()
    return (
        found.trained_with == before.trained_with
        and found.scores == before.scores
        and found.vocabulary.features().equals(before.vocabulary.features())
        and all(np.array_equal(numbers[name].view(np.uint32), others[name].view(np.uint32)) for name in others)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=10_000)
    parser.add_argument("--small", action="store_true", help="200 tries")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", type=Path, help="a model file; default: that of quickstart")
    arguments = parser.parse_args()
    arguments.tries = 200 if arguments.small else arguments.tries
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged"
        source = arguments.model or experiment.train_model(load_config("quickstart"), Path(folder) / "run").model
        sound = source.read_bytes()
        header, tensors = tensor_file.read_tensor_file(source)
        del header["checksum"]
        bare = save(tensors, metadata={"sentibp": json.dumps(header | {"format": 2}, sort_keys=True)})
        columns = ["unchanged", "refused", "the same model", "another model"]
        print(
            f"| file of {len(sound):,} bytes | tries | {' | '.join(columns)} | s |\n| --- |{' --- |' * 6}", flush=True
        )
        for name, content in ("with its checksum", sound), ("without", bare):
            path.with_name("sound").write_bytes(content)
            rng = np.random.default_rng(arguments.seed)
            length = 8 + int.from_bytes(content[:8], "little")
            counts: Counter[str] = Counter()
            began = time.perf_counter()
            for _ in range(arguments.tries):
                damaged = bytearray(content)
                at = int(rng.integers(length if rng.random() < 0.5 else len(content)))
                WAYS[rng.integers(len(WAYS))](damaged, at, rng)
                counts[verdict(path, bytes(damaged), content)] += 1
            cells = " | ".join(f"{counts[column]:,}" for column in columns)
            print(f"| {name} | {arguments.tries:,} | {cells} | {time.perf_counter() - began:.0f} |", flush=True)
        assert counts["another model"], "the damage is too mild to tell anything"


if __name__ == "__main__":
    main()
