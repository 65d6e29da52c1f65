"""Optimizers: how a gradient becomes an update; learning-rate schedules; gradient clipping.

Each formula is written once, as `rule(w, g, state, lr)`, which changes its block of weights in place. The block is the
whole array, or the rows that a RowGrad touches, gathered before and scattered back after. On such rows momentum and
Adam are lazy: a row's averages do not decay, and its weights neither move nor shrink, while its word is absent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from sentibp.nn.layers import Array, Gradient, RowGrad, put_rows, take_rows

State = dict[str, Array]


class Optimizer:
    """State is kept by parameter name, so that it can be saved and resumed."""

    slots: tuple[str, ...] = ()  # arrays beside each parameter, of its shape, zero at the start
    decoupled_decay = False  # weight decay in the gradient (L2), or apart from it (AdamW)

    def __init__(self, weight_decay: float = 0.0):
        self.weight_decay = weight_decay
        self.state: dict[str, State] = {}
        self.updated: dict[str, Array] = {}  # by the last step: the parameter, or the rows of it that had a gradient

    def rule(self, w: Array, g: Array, state: State, lr: float) -> None:
        """Change w and state in place, given the gradient g; all have the shape of w."""
        raise NotImplementedError

    def step(self, parameters: Iterable[tuple[str, Array, Gradient]], lr: float) -> None:
        """One update of each (name, parameter, gradient); the gradients are left as they are."""
        for name, parameter, gradient in parameters:
            if name not in self.state:
                self.state[name] = self.start(parameter, gradient)
            state = self.state[name]
            state["step"] += 1
            if isinstance(gradient, RowGrad):
                rows = gradient.rows
                w = take_rows(parameter, rows)
                block = {key: take_rows(value, rows) if value.ndim else value for key, value in state.items()}
                self._update(w, gradient.values, block, lr)
                put_rows(parameter, rows, w)
                self.updated[name] = w
                for key in self.slots:
                    put_rows(state[key], rows, block[key])
            else:
                self._update(parameter, gradient, state, lr)
                self.updated[name] = parameter

    def start(self, parameter: Array, gradient: Gradient) -> State:
        """The state before the first step; `step` counts them."""
        return {"step": np.zeros((), np.int64)} | {key: np.zeros_like(parameter) for key in self.slots}

    def _update(self, w: Array, g: Array, state: State, lr: float) -> None:
        if self.weight_decay and w.ndim == 2:  # biases carry no complexity worth a penalty
            if self.decoupled_decay:
                w -= lr * self.weight_decay * w
            else:
                g = g + self.weight_decay * w
        self.rule(w, g, state, lr)


class SGD(Optimizer):
    """w <- w - lr g: plain gradient descent, the article's."""

    def rule(self, w: Array, g: Array, state: State, lr: float) -> None:
        w -= lr * g


class Momentum(Optimizer):
    """v <- momentum v + g;  w <- w - lr v  (Polyak, 1964)."""

    slots = ("velocity",)

    def __init__(self, momentum: float = 0.9, weight_decay: float = 0.0):
        super().__init__(weight_decay)
        self.momentum = momentum

    def rule(self, w: Array, g: Array, state: State, lr: float) -> None:
        v = state["velocity"]
        v *= self.momentum
        v += g
        w -= lr * self.direction(v, g)

    def direction(self, v: Array, g: Array) -> Array:
        """Where to go, given velocity and gradient."""
        return v


class Nesterov(Momentum):
    """Momentum that looks ahead: w <- w - lr (g + momentum v)  (Nesterov, 1983; Sutskever et al., 2013)."""

    def direction(self, v: Array, g: Array) -> Array:
        return g + self.momentum * v


class Adagrad(Optimizer):
    """s <- s + g^2;  w <- w - lr g / (sqrt(s) + epsilon)  (Duchi et al., 2011): rare words keep a large rate.

    With `row_wise`, a row of the embedding shares one s, the sum of its mean g^2: 1/d of the memory and traffic.
    """

    slots = ("sum",)

    def __init__(self, epsilon: float = 1e-8, row_wise: bool = True, weight_decay: float = 0.0):
        super().__init__(weight_decay)
        self.epsilon = epsilon
        self.row_wise = row_wise

    def start(self, parameter: Array, gradient: Gradient) -> State:
        state = super().start(parameter, gradient)
        if self.row_wise and isinstance(gradient, RowGrad):
            state["sum"] = np.zeros((len(parameter), 1), parameter.dtype)
        return state

    def rule(self, w: Array, g: Array, state: State, lr: float) -> None:
        s = state["sum"]
        if s.shape == g.shape:
            s += g * g
        else:
            s += np.einsum("ij,ij->i", g, g)[:, None] / g.shape[1]
        w -= g * (lr / (np.sqrt(s) + self.epsilon))


class RMSprop(Optimizer):
    """s <- rho s + (1 - rho) g^2;  w <- w - lr g / (sqrt(s) + epsilon)  (Tieleman & Hinton, 2012)."""

    slots = ("square",)

    def __init__(self, rho: float = 0.9, epsilon: float = 1e-8, weight_decay: float = 0.0):
        super().__init__(weight_decay)
        self.rho = rho
        self.epsilon = epsilon

    def rule(self, w: Array, g: Array, state: State, lr: float) -> None:
        s = state["square"]
        s *= self.rho
        s += (1 - self.rho) * g * g
        w -= lr * g / (np.sqrt(s) + self.epsilon)


class Adam(Optimizer):
    """Momentum and a rate of its own per weight, both corrected for their start at 0 (Kingma & Ba 2015, alg. 1)."""

    slots = ("mean", "square")

    def __init__(self, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, weight_decay: float = 0.0):
        super().__init__(weight_decay)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon

    def rule(self, w: Array, g: Array, state: State, lr: float) -> None:
        m, s, t = state["mean"], state["square"], int(state["step"])
        m *= self.beta1
        m += (1 - self.beta1) * g
        s *= self.beta2
        s += (1 - self.beta2) * g * g
        rate = lr / (1 - self.beta1**t)
        w -= rate * m / (np.sqrt(s / (1 - self.beta2**t)) + self.epsilon)


class AdamW(Adam):
    """Adam with the weight decay apart from the gradient (Loshchilov & Hutter, 2019, alg. 2)."""

    decoupled_decay = True


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}


def norm(gradients: Mapping[str, Gradient]) -> float:
    """The length of all gradients taken as one vector."""
    return math.sqrt(sum(_square(g.values if isinstance(g, RowGrad) else g) for g in gradients.values()))


def _square(g: Array) -> float:
    with np.errstate(over="ignore"):
        square = float(np.square(g).sum(dtype=np.float64))
    return square if math.isfinite(square) else float(np.square(g, dtype=np.float64).sum())  # float32 ends at 1e38


def clip(gradients: Mapping[str, Gradient], limit: float) -> dict[str, Gradient]:
    """The gradients, scaled down together if their norm is above `limit` (Pascanu et al., 2013, alg. 1)."""
    length = norm(gradients)
    if length <= limit:
        return dict(gradients)
    factor = limit / length
    return {
        name: RowGrad(g.rows, g.values * factor) if isinstance(g, RowGrad) else g * factor
        for name, g in gradients.items()
    }


class Schedule:
    """The learning rate, as a share of the one in the settings. Steps are counted from 0."""

    remembers: tuple[str, ...] = ()  # the attributes that change on the way, numbers, so that they can be saved

    def __init__(self, steps: int, steps_per_epoch: int, warmup: float = 0.0):
        self.steps = steps
        self.steps_per_epoch = steps_per_epoch
        self.warmup_steps = round(warmup * steps)

    def factor(self, step: int) -> float:
        """The share at this step: a ramp from near 0 to 1 during warm-up, then what the schedule says."""
        if step < self.warmup_steps:
            return (step + 1) / (self.warmup_steps + 1)
        done = (step - self.warmup_steps) / max(self.steps - self.warmup_steps, 1)
        return self.after_warmup(step, min(done, 1.0))

    def after_warmup(self, step: int, done: float) -> float:
        """The share at this step; `done` is the part of the steps after warm-up that lies behind, 0 to 1."""
        return 1.0

    def epoch_ended(self, loss: float) -> None:
        """Receive the validation loss after each epoch. Only the plateau schedule uses it."""

    def state_dict(self) -> dict[str, float]:
        """Return the attributes that change during training."""
        return {name: getattr(self, name) for name in self.remembers}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Restore what `state_dict` returned."""
        for name in self.remembers:
            setattr(self, name, state[name])


class Constant(Schedule):
    """The same rate throughout."""


class LinearDecay(Schedule):
    """In a straight line from 1 to `final`."""

    def __init__(self, steps: int, steps_per_epoch: int, warmup: float = 0.0, final: float = 0.0):
        super().__init__(steps, steps_per_epoch, warmup)
        self.final = final

    def after_warmup(self, step: int, done: float) -> float:
        return 1 - done * (1 - self.final)


class Cosine(LinearDecay):
    """Down half a cosine from 1 to `final` (Loshchilov & Hutter, 2017, eq. 5)."""

    def after_warmup(self, step: int, done: float) -> float:
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * done)) / 2


class Step(Schedule):
    """Multiplied by `factor` after each `every` epochs."""

    def __init__(self, steps: int, steps_per_epoch: int, warmup: float = 0.0, every: int = 1, factor: float = 0.5):
        super().__init__(steps, steps_per_epoch, warmup)
        self.every = every
        self.drop = factor

    def after_warmup(self, step: int, done: float) -> float:
        return self.drop ** (step // self.steps_per_epoch // self.every)


class Plateau(Schedule):
    """Multiplied by `factor` when the validation loss has not improved for more than `patience` epochs."""

    remembers = ("share", "best", "waited")

    def __init__(self, steps: int, steps_per_epoch: int, warmup: float = 0.0, patience: int = 1, factor: float = 0.5):
        super().__init__(steps, steps_per_epoch, warmup)
        self.patience = patience
        self.drop = factor
        self.share = 1.0
        self.best = math.inf
        self.waited = 0

    def after_warmup(self, step: int, done: float) -> float:
        return self.share

    def epoch_ended(self, loss: float) -> None:
        if loss < self.best:
            self.best, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited > self.patience:
            self.share *= self.drop
            self.waited = 0


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "step": Step,
    "linear": LinearDecay,
    "cosine": Cosine,
    "plateau": Plateau,
}
