"""What a user of scikit-learn does, whole: read the reviews, hash their n-grams, train, save.

    python benchmarks/sklearn_job.py --ngrams 2 --work DIR

HashingVectorizer and SGDClassifier, as its guide to text that does not fit in memory has it. Trains on the same 22,500
IMDB reviews as `sentibp train imdb` and prints its accuracy on the same 2,500, which is not part of the time it prints.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import joblib
import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier

from sentibp.config.load import load_config
from sentibp.data import dataset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ngrams", type=int, default=2)
    parser.add_argument("--alpha", type=float, default=1e-5)
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()

    start = time.perf_counter()
    training, validation = dataset.load_data(load_config("imdb").config)  # reads as fast as we do
    assert validation is not None
    texts = training.text.to_pylist()
    prepared = time.perf_counter()
    vectorizer = HashingVectorizer(n_features=2**22, ngram_range=(1, arguments.ngrams), alternate_sign=False)
    model = SGDClassifier(loss="log_loss", alpha=arguments.alpha, random_state=0)
    model.fit(vectorizer.transform(texts), training.label)
    joblib.dump(model, arguments.work / "model.joblib")
    end = time.perf_counter()
    accuracy = float(np.mean(model.predict(vectorizer.transform(validation.text.to_pylist())) == validation.label))
    print(json.dumps({"seconds": end - start, "prepared": prepared - start, "accuracy": accuracy}))


if __name__ == "__main__":
    main()
