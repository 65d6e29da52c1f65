"""Optimizers, learning-rate schedules, and gradient clipping.

Each formula is written once, as `rule(w, g, state, learning_rate)`, which changes a block of weights in place. The
block is the whole array or, for a RowGrad, copies of its rows, which are written back afterwards. For row gradients
momentum and Adam are lazy: while a word does not occur, its row and the averages of its row stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from sentibp.nn.arrays import Array, Gradient, RowGrad, put_rows, take_rows

State = dict[str, Array]


class Optimizer:
    """The base class. `state` maps the name of each parameter to its arrays, so that it can be saved."""

    slots: tuple[str, ...] = ()  # the state arrays of a parameter, of its shape, initially 0
    decoupled_decay = False  # weight decay is a part of the gradient (L2), or separate from it (AdamW)

    def __init__(self, weight_decay: float = 0.0):
        self.weight_decay = weight_decay
        self.state: dict[str, State] = {}
        self.updated: dict[str, Array] = {}  # in the last step: the parameter, or its rows with a gradient

    def rule(self, w: Array, g: Array, state: State, learning_rate: float) -> None:
        """Change w and its state in place, given its gradient g, of the shape of w."""
        raise NotImplementedError

    def step(self, parameters: Iterable[tuple[str, Array, Gradient]], learning_rate: float) -> None:
        """Update each (name, parameter, gradient). The gradients are not changed."""
        for name, parameter, gradient in parameters:
            if name not in self.state:
                self.state[name] = self.start(parameter, gradient)
            state = self.state[name]
            state["step"] += 1
            if isinstance(gradient, RowGrad):
                rows = gradient.rows
                w = take_rows(parameter, rows)
                block = {key: take_rows(value, rows) if value.ndim else value for key, value in state.items()}
                self._update(w, gradient.values, block, learning_rate)
                put_rows(parameter, rows, w)
                self.updated[name] = w
                for key in self.slots:
                    put_rows(state[key], rows, block[key])
            else:
                self._update(parameter, gradient, state, learning_rate)
                self.updated[name] = parameter

    def start(self, parameter: Array, gradient: Gradient) -> State:
        """Return the state before the first step; `step` counts the steps."""
        return {"step": np.zeros((), np.int64)} | {key: np.zeros_like(parameter) for key in self.slots}

    def _update(self, w: Array, g: Array, state: State, learning_rate: float) -> None:
        if self.weight_decay and w.ndim == 2:  # weight decay leaves biases alone
            if self.decoupled_decay:
                w -= learning_rate * self.weight_decay * w
            else:
                g = g + self.weight_decay * w
        self.rule(w, g, state, learning_rate)


class SGD(Optimizer):
    """w <- w - learning_rate g: gradient descent, without momentum."""

    def rule(self, w: Array, g: Array, state: State, learning_rate: float) -> None:
        w -= learning_rate * g


class Momentum(Optimizer):
    """v <- momentum v + g;  w <- w - learning_rate v  (Polyak, 1964)."""

    slots = ("velocity",)

    def __init__(self, momentum: float = 0.9, weight_decay: float = 0.0):
        super().__init__(weight_decay)
        self.momentum = momentum

    def rule(self, w: Array, g: Array, state: State, learning_rate: float) -> None:
        v = state["velocity"]
        v *= self.momentum
        v += g
        w -= learning_rate * self.direction(v, g)

    def direction(self, v: Array, g: Array) -> Array:
        """Return the direction of the step, given velocity and gradient."""
        return v


class Nesterov(Momentum):
    """v as in Momentum;  w <- w - learning_rate (g + momentum v)  (Nesterov, 1983; Sutskever et al., 2013)."""

    def direction(self, v: Array, g: Array) -> Array:
        return g + self.momentum * v


class Adagrad(Optimizer):
    """s <- s + g^2;  w <- w - learning_rate g / (sqrt(s) + epsilon)  (Duchi et al., 2011).

    Rare words keep a large step. With `row_wise`, each row of the embedding has one s, the sum of the mean of g^2 over
    the row: 1/d of the memory.
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

    def rule(self, w: Array, g: Array, state: State, learning_rate: float) -> None:
        s = state["sum"]
        if s.shape == g.shape:
            s += g * g
        else:
            s += np.einsum("ij,ij->i", g, g)[:, None] / g.shape[1]
        w -= g * (learning_rate / (np.sqrt(s) + self.epsilon))


class RMSprop(Optimizer):
    """s <- rho s + (1 - rho) g^2;  w <- w - learning_rate g / (sqrt(s) + epsilon)  (Tieleman & Hinton, 2012)."""

    slots = ("square",)

    def __init__(self, rho: float = 0.9, epsilon: float = 1e-8, weight_decay: float = 0.0):
        super().__init__(weight_decay)
        self.rho = rho
        self.epsilon = epsilon

    def rule(self, w: Array, g: Array, state: State, learning_rate: float) -> None:
        s = state["square"]
        s *= self.rho
        s += (1 - self.rho) * g * g
        w -= learning_rate * g / (np.sqrt(s) + self.epsilon)


class Adam(Optimizer):
    """Running means of g and g^2, both corrected for their start at 0 (Kingma & Ba, 2015, algorithm 1)."""

    slots = ("mean", "square")

    def __init__(self, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, weight_decay: float = 0.0):
        super().__init__(weight_decay)
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon

    def rule(self, w: Array, g: Array, state: State, learning_rate: float) -> None:
        m, s, t = state["mean"], state["square"], int(state["step"])
        m *= self.beta1
        m += (1 - self.beta1) * g
        s *= self.beta2
        s += (1 - self.beta2) * g * g
        step_size = learning_rate / (1 - self.beta1**t)
        w -= step_size * m / (np.sqrt(s / (1 - self.beta2**t)) + self.epsilon)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter, 2019, algorithm 2)."""

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
    """Return the L2 norm of all gradients, taken as one vector."""
    return math.sqrt(sum(_square(g.values if isinstance(g, RowGrad) else g) for g in gradients.values()))


def _square(g: Array) -> float:
    with np.errstate(over="ignore"):
        square = float(np.square(g).sum(dtype=np.float64))
    if math.isfinite(square):
        return square
    return float(np.square(g, dtype=np.float64).sum())  # a square above 3e38 overflows in float32


def clip(gradients: Mapping[str, Gradient], limit: float) -> dict[str, Gradient]:
    """Return the gradients, scaled down if their norm is above `limit` (Pascanu et al., 2013, algorithm 1)."""
    total = norm(gradients)
    if total <= limit:
        return dict(gradients)
    factor = limit / total
    return {
        name: RowGrad(g.rows, g.values * factor) if isinstance(g, RowGrad) else g * factor
        for name, g in gradients.items()
    }


class Schedule:
    """A factor on the learning rate of the settings, for each step. Steps are counted from 0."""

    _state: tuple[str, ...] = ()  # the attributes that change during training

    def __init__(self, steps: int, steps_per_epoch: int, warmup: float = 0.0):
        self.steps = steps
        self.steps_per_epoch = steps_per_epoch
        self.warmup_steps = round(warmup * steps)

    def factor(self, step: int) -> float:
        """Return the factor at this step: from near 0 to 1 during warm-up, then as the schedule has it."""
        if step < self.warmup_steps:
            return (step + 1) / (self.warmup_steps + 1)
        done = (step - self.warmup_steps) / max(self.steps - self.warmup_steps, 1)
        return self.after_warmup(step, min(done, 1.0))

    def after_warmup(self, step: int, done: float) -> float:
        """Return the factor at this step. `done` is the share of the steps after warm-up that are done, 0 to 1."""
        return 1.0

    def epoch_ended(self, loss: float) -> None:
        """Take notice of the validation loss after an epoch. Only the plateau schedule uses it."""

    def state_dict(self) -> dict[str, float]:
        """Return the numbers that change during training."""
        return {name: getattr(self, name) for name in self._state}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Set the numbers that `state_dict` returned."""
        for name in self._state:
            setattr(self, name, state[name])


class Constant(Schedule):
    """1 at each step."""


class LinearDecay(Schedule):
    """A straight line from 1 to `final`."""

    def __init__(self, steps: int, steps_per_epoch: int, warmup: float = 0.0, final: float = 0.0):
        super().__init__(steps, steps_per_epoch, warmup)
        self.final = final

    def after_warmup(self, step: int, done: float) -> float:
        return 1 - done * (1 - self.final)


class Cosine(LinearDecay):
    """Half a period of a cosine, from 1 to `final` (Loshchilov & Hutter, 2017, eq. 5)."""

    def after_warmup(self, step: int, done: float) -> float:
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * done)) / 2


class StepDecay(Schedule):
    """The product of one `factor` for each `every` epochs that are done."""

    def __init__(self, steps: int, steps_per_epoch: int, warmup: float = 0.0, every: int = 1, factor: float = 0.5):
        super().__init__(steps, steps_per_epoch, warmup)
        self.every = every
        self.drop = factor

    def after_warmup(self, step: int, done: float) -> float:
        return self.drop ** (step // self.steps_per_epoch // self.every)


class Plateau(Schedule):
    """Multiply by `factor` when the validation loss has not improved for more than `patience` epochs."""

    _state = ("share", "best", "waited")

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
    "step": StepDecay,
    "linear": LinearDecay,
    "cosine": Cosine,
    "plateau": Plateau,
}
