"""t-SNE: its derivative against differences, its neighbourhoods against what they are to be, and small cases."""

from __future__ import annotations

import numpy as np
import pytest

from sentibp.inspection.pages.tsne import divergence, divergence_gradient, joint_probabilities, tsne


def squared(points):
    return ((points[:, None] - points[None]) ** 2).sum(axis=2)


@pytest.fixture
def points():
    return np.random.default_rng(1).normal(size=(12, 4))


def test_the_gradient_is_that_of_the_divergence(points):
    near, at, step = joint_probabilities(squared(points), 3.0), points[:, :2].copy(), 1e-6
    gradient = divergence_gradient(near, at)
    for i in np.ndindex(at.shape):
        up, down = at.copy(), at.copy()
        up[i] += step
        down[i] -= step
        assert gradient[i] == pytest.approx((divergence(near, up) - divergence(near, down)) / (2 * step), abs=1e-7)


@pytest.mark.parametrize("perplexity", [2.0, 3.5])
@pytest.mark.parametrize("scale", [1e-6, 1, 1e6])
def test_each_point_has_as_many_neighbours_as_the_perplexity_says(points, perplexity, scale):
    """Whatever the scale of the distances is. To each point of a regular polygon the others lie alike."""
    angle = 2 * np.pi * np.arange(10) / 10
    polygon = scale * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    near = joint_probabilities(squared(polygon), perplexity)
    assert near.sum() == pytest.approx(1)
    np.testing.assert_allclose(near, near.T)
    share = 10 * near  # of one point
    logs = np.log(np.where(share > 0, share, 1))
    np.testing.assert_allclose(np.exp(-(share * logs).sum(axis=1)), perplexity, rtol=1e-5)
    assert near.max() == pytest.approx(near[0, 1])


def test_a_point_far_from_all_others_has_neighbours():
    near = joint_probabilities(squared(np.array([[0.0], [1.0], [2.0], [1e6]])), 1.5)
    assert np.isfinite(near).all()
    assert near[3].sum() > 0.1


@pytest.mark.parametrize("k", [1, 2, 3, 4, 7])
def test_few_points_and_equal_ones(k):
    start = np.arange(2.0 * k).reshape(k, 2)
    for distances in (np.zeros((k, k)), squared(start)):
        at = tsne(distances, start)
        assert at.shape == (k, 2)
        assert np.isfinite(at).all()


def test_the_map_has_less_divergence_than_the_start(points):
    distances, start = squared(points), points[:, :2]
    near = joint_probabilities(distances, 11 / 3)
    assert divergence(near, tsne(distances, start)) < 0.5 * divergence(near, start)
