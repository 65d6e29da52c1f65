"""The weights of shifted words: what they change, and what they leave as it was."""

from __future__ import annotations

import numpy as np
import pytest

from sentibp.config.schema import Config
from sentibp.data.examples import Examples
from sentibp.data.tokenizer import tokenize
from sentibp.data.vocabulary_build import build_vocabulary
from sentibp.errors import ConfigError
from sentibp.inspection.counterfactual import find_counterfactual
from sentibp.inspection.explain import explain
from sentibp.inspection.gradcheck import check_gradients
from sentibp.model.classifier import Classifier
from sentibp.model.file import load_model
from sentibp.model.initial import build_classifier
from sentibp.training import shifters
from sentibp.training.experiment import train_model
from sentibp.training.shifters import with_shifters
from sentibp.utils.arrow import strings

GOOD = [
    "good",
    "great",
    "fine",
    "funny",
    "moving",
    "clever",
    "charming",
    "thrilling",
    "original",
    "witty",
    "gripping",
    "superb",
]
BAD = ["bad", "awful", "dull", "boring", "stupid", "tedious", "silly", "lazy", "flat", "weak", "ugly", "clumsy"]


@pytest.fixture(params=["sqrt", "mean", "mean without padding", "sum", "hidden"])
def plain(request) -> Classifier:
    """A classifier that knows 24 words of opinion, and nothing of shifters."""
    texts, label = [], []
    for words, sign in ((GOOD, 1), (BAD, 0)):
        texts += [f"the film is {word} and {other}" for word in words for other in words]
        label += [sign] * len(words) ** 2
    vocabulary, x = build_vocabulary(tokenize(strings(texts)), ngrams=2, shifters=True)
    pooling = request.param.split()[0] if request.param != "hidden" else "sqrt"
    embedding = {"dim": 4, "pooling": pooling, "padding": 0 if "without" in request.param else 2}
    hidden = [4] if request.param == "hidden" else []
    config = Config.model_validate({"model": {"hidden": hidden, "embedding": embedding}, "text": {"shifters": True}})
    return build_classifier(config, vocabulary, 0, examples=Examples(x, np.array(label)))


def logits(classifier: Classifier, *texts: str) -> np.ndarray:
    return classifier.logits(classifier.encode(strings(texts))[0])


def test_shifted_words_turn_round(plain):
    shifted = with_shifters(plain)
    p = shifted.predict(
        strings(["it is never witty", "far from dull", "It is witty, but dull.", "It is dull, but witty."])
    )
    assert (p.positive > 0.5).tolist() == [False, True, False, True]
    boosted = "a remarkably witty film", "a remarkably dull film"
    change = logits(shifted, *boosted) - logits(plain, *boosted)
    assert change[0] > 0 > change[1]


def test_a_text_without_shifters_is_answered_as_before(plain):
    texts = ["the film is good and great", "a dull and boring film is bad"]
    np.testing.assert_allclose(logits(with_shifters(plain), *texts), logits(plain, *texts), rtol=1e-4, atol=1e-5)


def test_a_text_without_known_words_is_even(plain):
    plain.network.params["output.bias"][:] = 0.7
    shifted = with_shifters(plain)
    np.testing.assert_allclose(logits(shifted, "", "xyzzy"), 0, atol=1e-6)
    assert logits(plain, "")[0] == pytest.approx(0.7)


def test_a_long_text_is_answered_as_before(plain):
    if plain.spec.pooling != "sqrt":
        pytest.skip("the pooled value itself is small, or is not meant to be")
    long = "the film is good and great " * 60 + "not dull"
    before, after = logits(plain, long)[0], logits(with_shifters(plain), long)[0]
    assert after == pytest.approx(before, rel=1e-4)


def test_an_explanation_is_exact_and_names_the_shifted_word(plain):
    shifted = with_shifters(plain)
    explanation = explain(shifted, "Not boring, but clumsy")
    assert abs(explanation.residual) < 1e-6
    names = {each.text: (each.start, each.end) for each in explanation.contributions}
    assert names["not~boring"] == (4, 10)
    assert explanation.logit == pytest.approx(logits(shifted, "Not boring, but clumsy")[0], rel=1e-5)


def test_a_counterfactual_holds(plain):
    shifted = with_shifters(plain)
    text = "never witty"
    explanation = explain(shifted, text)
    found = find_counterfactual(shifted, text, explanation)
    assert [word.text for word in found.deletions or ()] == ["never"]  # a sum over words would delete `witty`
    assert found.logit == pytest.approx(logits(shifted, "witty")[0], rel=1e-5)
    assert found.exact


def test_the_gradient_is_that_of_the_loss(plain, monkeypatch):
    """Along a random direction, in float64."""
    seen = {}

    def check(loss_and_gradient, size, decay):
        rng = np.random.default_rng(0)
        theta, direction = rng.normal(0, 1, size), rng.normal(0, 1, size)
        _, gradient = loss_and_gradient(theta)
        step = 1e-5
        up, down = (loss_and_gradient(theta + sign * step * direction)[0] for sign in (1, -1))
        seen["error"] = abs((up - down) / (2 * step) - gradient @ direction) / max(abs(gradient @ direction), 1e-9)
        return loss_and_gradient(np.zeros(size))

    monkeypatch.setattr(shifters, "minimize", check)
    with_shifters(plain)
    assert seen["error"] < 1e-4  # a unit may switch on the way


def test_a_word_that_the_classifier_lacks_has_no_marked_feature(plain):
    shifted = with_shifters(plain)
    prediction = shifted.predict(strings(["not imaginative"]))
    assert prediction.unknown.tolist() == prediction.tokens.tolist() == [2]
    assert prediction.positive[0] == pytest.approx(0.5, abs=1e-6)


def test_the_gradients_of_the_network_are_right(plain):
    """No text is where a unit of the shifters switches."""
    shifted = with_shifters(plain)
    texts = [" ".join(["good", "never", "film", "great"] * 100)[:length] for length in (4, 9, 14, 20, 300, 800)]
    examples = Examples(shifted.encode(strings(texts))[0], np.arange(len(texts)) % 2)
    assert check_gradients(shifted, examples).ok


def test_a_training_with_shifters(here, write_config):
    outcome = train_model(
        write_config("a.yaml", data={"source": "sample"}, text={"shifters": True}, train={"epochs": 1})
    )
    again = train_model(write_config("b.yaml", data={"source": "sample"}, text={"shifters": True}, train={"epochs": 1}))
    assert outcome.digest == again.digest
    classifier = load_model(outcome.model)
    assert classifier.vocabulary.is_marked.any()
    assert logits(classifier, "")[0] == pytest.approx(0, abs=1e-5)


def test_a_deep_network_has_no_shifters(write_config):
    with pytest.raises(ConfigError, match=r"with shifters has at most one hidden layer.*text\.shifters=false"):
        write_config("deep.yaml", text={"shifters": True}, model={"hidden": [8, 8]})
