"""Where weights start: the scale that each paper asks for."""

from __future__ import annotations

import numpy as np
import pytest

from sentibp.data.examples import Examples
from sentibp.model import naive_bayes
from sentibp.model.naive_bayes import class_counts, log_count_ratio, log_ratio
from sentibp.nn import Ragged, ReLU, Sigmoid, Tanh
from sentibp.nn.initializers import INITIALIZER_FOR, INITIALIZERS, glorot, he, normal, ones, zeros

SHAPE = (300, 200)  # 60,000 numbers: their deviation is known to about 0.3 %
every_initializer = pytest.mark.parametrize("start", [*INITIALIZERS.values(), ones], ids=[*INITIALIZERS, "ones"])


def rng():
    return np.random.default_rng(0)


def test_glorot_is_uniform_within_its_limit():
    limit = np.sqrt(6 / (300 + 200))
    w = glorot(rng(), SHAPE)
    assert -limit <= w.min() < -0.99 * limit
    assert 0.99 * limit < w.max() <= limit
    assert w.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)  # of a uniform distribution


def test_log_count_ratios_by_hand_and_in_blocks(monkeypatch):
    """Feature 0 occurs twice in positive reviews and once in a negative one, 1 once in a negative one, 2 nowhere."""
    x = Ragged(np.array([0, 0, 0, 1], np.int32), np.array([0, 2, 2, 4]))
    examples = Examples(x, np.array([1, 1, 0]))
    expected = np.log([(3 / 5) / (2 / 5), (1 / 5) / (2 / 5), (1 / 5) / (1 / 5)])
    for ids in 1, 3, 1 << 21:
        monkeypatch.setattr(naive_bayes, "_IDS", ids)
        np.testing.assert_allclose(log_ratio(*class_counts(examples, 3), 1 / 2), expected, rtol=1e-6)
        more = np.log([(10 / 12) / (5 / 12), (4 / 12) / (5 / 12), (4 / 12) / (2 / 12)])  # of 2 that are added, 4 / 3
        found = log_count_ratio(examples, 3)
        np.testing.assert_allclose(found - found[2], more - more[2], rtol=1e-6)


def test_a_single_occurrence_has_the_same_ratio_in_a_rare_and_in_a_frequent_class():
    x = Ragged(np.arange(20, dtype=np.int32), np.arange(21))  # each review a word of its own
    ratio = log_count_ratio(Examples(x, np.arange(20) < 4), 20)
    assert ratio[0] > 0 > ratio[10]
    assert ratio[0] + ratio[10] == pytest.approx(np.log((1.4 / 1.6) * (0.4 / 2.6)) + 2 * np.log(32 / 8), rel=1e-5)


def test_he_is_normal_with_deviation_from_the_number_of_inputs():
    w = he(rng(), SHAPE)
    assert w.std() == pytest.approx(np.sqrt(2 / 300), rel=0.02)
    assert np.abs(w).max() > 3 * w.std()  # not uniform


def test_he_keeps_the_size_of_signals_through_many_relu_layers_and_glorot_does_not():
    def size_after_20_layers(start):
        generator = rng()
        x = generator.standard_normal((50, 200))
        for _ in range(20):
            x = np.maximum(x @ start(generator, (200, 200)), 0)
        return np.sqrt(np.mean(x**2))

    assert 0.3 < size_after_20_layers(he) < 3
    assert size_after_20_layers(glorot) < 3 / 2**10  # ReLU halves the mean square at each layer: 1 / 2^20 in all


def test_normal_has_a_standard_deviation_of_a_tenth():
    assert normal(rng(), SHAPE).std() == pytest.approx(0.1, rel=0.02)
    assert normal(rng(), (60_000, 1)).std() == pytest.approx(0.1, rel=0.02)


def test_zeros_and_ones():
    assert not zeros(rng(), SHAPE).any()
    assert (ones(rng(), SHAPE) == 1).all()


@every_initializer
def test_initial_weights_are_centred_float32_and_writable(start):
    w = start(rng(), SHAPE)
    assert (w.dtype, w.shape) == (np.float32, SHAPE)
    assert w.flags.writeable
    if start is not ones:
        assert abs(w.mean()) < 5 * w.std() / np.sqrt(w.size) + 1e-12


@every_initializer
def test_the_same_generator_gives_the_same_weights(start):
    assert start(rng(), SHAPE).tobytes() == start(rng(), SHAPE).tobytes()


def test_each_activation_has_an_initializer():
    assert set(INITIALIZER_FOR) == {kind.__name__.lower() for kind in (ReLU, Tanh, Sigmoid)}
    assert set(INITIALIZER_FOR.values()) <= set(INITIALIZERS)
