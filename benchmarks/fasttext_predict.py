"""What a user of fastText does to predict a file: load the model, read, normalise, predict, write.

python benchmarks/fasttext_predict.py MODEL.bin REVIEWS.jsonl OUT.jsonl
"""

from __future__ import annotations

import json
import sys

import fasttext
from fasttext_job import normalise


def main() -> None:
    model = fasttext.load_model(sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as lines:
        texts = [normalise(json.loads(line)["text"]) for line in lines]
    labels, scores = model.predict(texts)
    with open(sys.argv[3], "w", encoding="utf-8") as out:
        for label, score in zip(labels, scores, strict=True):
            out.write(json.dumps({"label": label[0], "score": float(score[0])}) + "\n")


if __name__ == "__main__":
    main()
