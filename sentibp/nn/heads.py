"""The heads of classifiers with more than two classes: from the outputs of the last linear layer to a logit per class.

The probabilities are the softmax of the logits. `Scale` and `Cumulative` are for K ordered classes, from the worst (0)
to the best (K - 1). For classes without an order the outputs of the linear layer are the logits themselves, or those
that an `AdaptiveTemperature` divides. With two classes no head is needed: the one output is the logit of the better
class.
"""

from __future__ import annotations

import numpy as np

from sentibp.nn.arrays import Array
from sentibp.nn.layers import Layer, Sequential


def scale_shares(classes: int) -> Array:
    """Return the shares of polarity and neutrality in the logit of each class: (2, K) float64.

    s_k = k / (K - 1) rises from 0 to 1; q_k = 2 s_k (1 - s_k) is 0 at both ends and largest in the middle.
    """
    s = np.arange(classes) / (classes - 1)
    return np.stack((s, 2 * s * (1 - s)))


class Scale(Layer):
    """A scale with a middle of its own: l_k = s_k z + q_k u + b_k, with the polarity z and the neutrality u.

    A review in the middle of the scale can be half positive and half negative (z = 0), or say nothing (u > 0): these
    are two things, so that they have an output each. z is the logit of the best class against the worst. b is 0 at
    both ends, and, with three classes, also in the middle, where the bias of u does the same.
    """

    def __init__(self, classes: int, bias: Array | None = None, dtype: type = np.float32):
        """`bias` (K - 2,) is b without its ends; None with three classes."""
        super().__init__(**({} if bias is None else {"bias": bias}))
        self.shares = scale_shares(classes).astype(dtype if bias is None else bias.dtype)  # (2, K)

    def forward(self, x: Array, *, train: bool = False) -> Array:
        """(n, 2), z and u -> (n, K) logits."""
        if train:
            self._saved = ()
        logits = x @ self.shares.astype(x.dtype, copy=False)
        if "bias" in self.params:
            logits[:, 1:-1] += self.params["bias"]
        return logits

    def backward(self, dy: Array) -> Array:
        """(n, K) -> (n, 2). With softmax and cross-entropy it is E[s] - s_y and E[q] - q_y: dy is p - 1[k = y]."""
        dx = self.input_gradient(dy)
        self._take()
        self.grads = {"bias": dy[:, 1:-1].sum(axis=0)} if "bias" in self.params else {}
        return dx

    def input_gradient(self, dy: Array) -> Array:
        """Return what `backward` returns, (n, K) -> (n, 2), and leave the layer as it is."""
        return dy @ self.shares.T.astype(dy.dtype, copy=False)


class Cumulative(Layer):
    """Proportional odds (McCullagh, 1980): one output z, and K - 1 thresholds that cut its range into the classes.

    P(y) = sigmoid(z - theta_y) - sigmoid(z - theta_(y + 1)), with theta_0 = -inf and theta_K = inf. The logits are
    the logarithms of these probabilities, whose softmax they are. It is here for comparison and teaching: a review
    that says nothing has no place of its own on this line.
    """

    def __init__(self, gaps: Array):
        """`gaps` (K - 2,) are the logarithms of the distances between neighbouring thresholds."""
        super().__init__(gaps=gaps)

    def thresholds(self) -> Array:
        """Return the thresholds (K - 1,): the sums of the distances, minus their median, so that the middle is 0."""
        gaps = self.params["gaps"]
        theta = np.zeros(len(gaps) + 1, gaps.dtype)
        np.cumsum(np.exp(gaps), out=theta[1:])
        return theta - (theta[len(gaps) // 2] + theta[(len(gaps) + 1) // 2]) / 2

    def forward(self, x: Array, *, train: bool = False) -> Array:
        """(n, 1) -> (n, K) log-probabilities."""
        theta = self.thresholds()
        above = x - theta  # (n, K - 1): a of class k + 1, b of class k
        logits = np.zeros((len(x), len(theta) + 1), above.dtype)
        not_above, is_above = np.logaddexp(0, above), np.logaddexp(0, -above)
        logits[:, :-1] -= not_above  # log(1 - sigmoid(b))
        logits[:, 1:] -= is_above  # log sigmoid(a)
        logits[:, 1:-1] += np.log(-np.expm1(-np.diff(theta)))  # sigmoid(a) - sigmoid(b) has this factor, too
        if train:
            self._saved = np.exp(-not_above), np.exp(-is_above)
        return logits

    def backward(self, dy: Array) -> Array:
        """(n, K) -> (n, 1)."""
        d_above, gap = self._above_gradient(dy), np.exp(self.params["gaps"])
        self._take()
        d_theta = -d_above.sum(axis=0)
        d_gap = dy[:, 1:-1].sum(axis=0) / np.expm1(gap)  # of log(1 - e^-gap)
        d_theta -= d_theta.sum() * self._median_share(len(d_theta))  # the median moves with its thresholds
        d_gap += np.cumsum(d_theta[::-1])[::-1][1:]  # a distance moves all thresholds above it
        self.grads = {"gaps": d_gap * gap}
        return d_above.sum(axis=1, keepdims=True)

    def input_gradient(self, dy: Array) -> Array:
        """Return what `backward` returns, (n, K) -> (n, 1), and leave the layer as it is."""
        return self._above_gradient(dy).sum(axis=1, keepdims=True)

    def _above_gradient(self, dy: Array) -> Array:
        """Return d loss / d (z - theta): (n, K) -> (n, K - 1)."""
        not_above, is_above = self._saved if self._saved is not None else self._take()  # it says what is missing
        return dy[:, 1:] * not_above - dy[:, :-1] * is_above

    @staticmethod
    def _median_share(n: int) -> Array:
        """Return the share of each of n sorted numbers in their median: (n,)."""
        share = np.zeros(n)
        share[(n - 1) // 2] += 0.5
        share[n // 2] += 0.5
        return share


class AdaptiveTemperature(Layer):
    """A temperature for each review: l_k = z_k / T, with T = (s / r)^a and the standard deviation s of its z_k.

    Calibration puts it on a trained network (model/calibration.py): an answer does not become sure in proportion to
    the spread of its logits. r is the spread of a usual review, for which T is 1. With a = 0 T is 1 for all; with a = 1
    only the ratios of the logits remain. Temperatures that depend on the logits: Balanya, Maronas & Ramos, 2024,
    "Adaptive temperature scaling for robust calibration of deep neural networks".
    """

    EPSILON = 1e-6  # added to the variance, so that T is above 0 where all logits are equal

    def __init__(self, power: Array, spread: Array):
        """`power` (1,) is a, a parameter. `spread` (1,) is r, a constant: it scales all logits, as the weights do."""
        super().__init__(power=power)
        self.buffers = {"spread": spread}

    def deviations(self, x: Array) -> tuple[Array, Array]:
        """Return z - m and s of each review, from its z with the mean m: (n, K) -> (n, K), (n, 1) float64.

        The square of a large float32 is no float32.
        """
        centred = x - x.mean(axis=1, keepdims=True, dtype=np.float64)
        return centred, np.sqrt((centred * centred).mean(axis=1, keepdims=True) + self.EPSILON)

    def log_spread(self, x: Array) -> Array:
        """Return log(s / r) of each review: (n, K) -> (n, 1) float64."""
        return np.log(self.deviations(x)[1] / self.buffers["spread"])

    def rate(self, x: Array) -> Array:
        """Return 1 / T, by which the logits of each review are multiplied: (n, K) -> (n, 1)."""
        return np.exp(-self.params["power"] * self.log_spread(x)).astype(x.dtype)

    def forward(self, x: Array, *, train: bool = False) -> Array:
        """(n, K) -> (n, K)."""
        if train:
            self._saved = x
        return x * self.rate(x)

    def backward(self, dy: Array) -> Array:
        """(n, K) -> (n, K)."""
        dx = self.input_gradient(dy)
        x = self._take()
        d_power = -(self.log_spread(x) * self.rate(x) * dy * x).sum()
        self.grads = {"power": np.full(1, d_power, self.params["power"].dtype)}
        return dx

    def input_gradient(self, dy: Array) -> Array:
        """Return what `backward` returns, (n, K) -> (n, K), and leave the layer as it is.

        dz_k = (dl_k - a g (z_k - m) / (K s^2)) / T with g = sum over j of dl_j z_j: each z moves s, and so all logits.
        """
        x = self._saved if self._saved is not None else self._take()  # it says what is missing
        centred, s = self.deviations(x)
        g = (dy * x).sum(axis=1, keepdims=True)
        return ((dy - self.params["power"] * g * centred / (x.shape[1] * s * s)) * self.rate(x)).astype(x.dtype)


Head = Scale | Cumulative | AdaptiveTemperature
"""The layers that may follow the last linear one."""


def split_head(network: Sequential) -> tuple[Sequential, Head | None]:
    """Return the layers up to the last linear one, and the head after it; None if its outputs are the logits."""
    *rest, (_, head) = network.layers.items()
    return (Sequential(dict(rest)), head) if isinstance(head, Head) else (network, None)


def output_gradient(network: Sequential, dz: Array) -> Array:
    """Return d loss / d (the outputs of the last linear layer) from that by the logits, before `backward`.

    (n,) -> (n,) for one logit; (n, K) -> (n, m) for m outputs, or (n,) for one.
    """
    head = list(network.layers.values())[-1]
    if isinstance(head, Head):
        dz = head.input_gradient(dz)
    return dz[:, 0] if dz.ndim == 2 and dz.shape[1] == 1 else dz
