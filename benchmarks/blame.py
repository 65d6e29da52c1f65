"""What `sentibp blame` estimates, against the truth: the review is left out, and the network trained again.

    python benchmarks/blame.py imdb "I love this movie" "not worth the ticket" --reviews 15

Of each text the reviews with the largest pushes, and as many others that share a word with it, one at a time: no count
in the naive-Bayes start, no weight in the loss, all else, the order of the batches included, as it was. Then the twenty
with the largest pushes upwards at once, and twenty random ones.
"""

from __future__ import annotations

import argparse
import os
import tempfile

import numpy as np
from scipy.stats import pearsonr, spearmanr

from sentibp.config.load import load_config
from sentibp.data import dataset, vocabulary_build
from sentibp.data.examples import Examples
from sentibp.data.tokenizer import tokenize
from sentibp.inspection import influence
from sentibp.model import file, initial
from sentibp.runs import influence_log
from sentibp.training import experiment
from sentibp.training.events import Epoch
from sentibp.training.loop import fit, initial_state
from sentibp.utils.arrow import strings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("texts", nargs="+")
    parser.add_argument("--reviews", type=int, default=15)
    arguments = parser.parse_args()
    os.chdir(tempfile.mkdtemp())
    run = experiment.train_model(load_config(arguments.config)).run
    settings = load_config(run / "config.yaml").config
    corpus, _ = dataset.load_data(settings)
    words = settings.text
    vocabulary, features = vocabulary_build.build_vocabulary(
        tokenize(corpus.text), words.ngrams, words.min_count, words.max_features
    )
    kept = influence_log.load_influence_log(run)
    classifier = file.load_model(run / "model.safetensors")
    n = len(corpus)

    def logit(text: str, without: list[int]) -> float:
        weight = np.ones(n, np.float32)
        weight[without] = 0
        counted = np.flatnonzero(weight)
        seed = settings.train.seed
        without_them = Examples(features.take(counted), corpus.label[counted])
        twin = initial.build_classifier(settings, vocabulary, seed, None, without_them)
        state = initial_state(settings.train, n, seed)
        for event in fit(twin.network, Examples(features, corpus.label, weight), None, settings.train, state):
            if isinstance(event, Epoch) and event.epoch == len(kept.epochs):
                break
        return kept.factor * float(twin.logits(twin.encode(strings([text]))[0])[0])

    print("| text | logit | pearson, largest | pearson, all | spearman, all | signs | 20 up: told | true | 20 random |")
    print("| --- " * 9 + "|")
    for text in arguments.texts:
        found = influence.of_text(str(run), text, n)
        push = {each.review - 1: each.influence for each in found.up + found.down}
        ranked = sorted(push, key=lambda i: -abs(push[i]))
        rng = np.random.default_rng(0)
        m = arguments.reviews
        chosen = [*ranked[:m], *rng.choice(ranked[m:], m, replace=False).tolist()]
        all_of_them = logit(text, [])
        true = np.array([all_of_them - logit(text, [i]) for i in chosen])
        told = np.array([push[i] for i in chosen])
        up = [each.review - 1 for each in found.up[:20]]
        random = rng.choice(n, 20, replace=False).tolist()
        print(
            f"| {text} | {float(classifier.logits(classifier.encode(strings([text]))[0])[0]):+.3f} "
            f"| {pearsonr(true[:m], told[:m])[0]:.2f} | {pearsonr(true, told)[0]:.2f} "
            f"| {spearmanr(true, told)[0]:.2f} | {np.mean(np.sign(true[:m]) == np.sign(told[:m])):.2f} "
            f"| {sum(push[i] for i in up):+.3f} | {all_of_them - logit(text, up):+.3f} "
            f"| {all_of_them - logit(text, random):+.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
