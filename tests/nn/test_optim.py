"""Each rule against its formula on plain numbers; rows against the whole matrix; clipping; schedules."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from builders import copies, dense, numbers, same

from sentibp.nn import RowGrad
from sentibp.nn.optim import (
    OPTIMIZERS,
    SCHEDULES,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Constant,
    Cosine,
    LinearDecay,
    Momentum,
    Nesterov,
    Plateau,
    RMSprop,
    StepDecay,
    clip,
    norm,
)

every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)


# --- the rules, on one plain number


def sgd(w, gradients, learning_rate):
    for g in gradients:
        w = w - learning_rate * g
    return w


def momentum(w, gradients, learning_rate, share=0.9):
    v = 0.0
    for g in gradients:
        v = share * v + g
        w = w - learning_rate * v
    return w


def nesterov(w, gradients, learning_rate, share=0.9):
    v = 0.0
    for g in gradients:
        v = share * v + g
        w = w - learning_rate * (g + share * v)
    return w


def adagrad(w, gradients, learning_rate, epsilon=1e-8):
    s = 0.0
    for g in gradients:
        s = s + g**2
        w = w - learning_rate * g / (math.sqrt(s) + epsilon)
    return w


def rmsprop(w, gradients, learning_rate, rho=0.9, epsilon=1e-8):
    s = 0.0
    for g in gradients:
        s = rho * s + (1 - rho) * g**2
        w = w - learning_rate * g / (math.sqrt(s) + epsilon)
    return w


def adam(w, gradients, learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m = s = 0.0
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g**2
        m_hat, s_hat = m / (1 - beta1**t), s / (1 - beta2**t)
        w = w - learning_rate * m_hat / (math.sqrt(s_hat) + epsilon)
    return w


BY_HAND = {
    SGD: sgd,
    Momentum: momentum,
    Nesterov: nesterov,
    Adagrad: adagrad,
    RMSprop: rmsprop,
    Adam: adam,
    AdamW: adam,
}
GRADIENTS = [0.5, -2.0, 0.25]


def take_steps(optimizer, w, gradients, learning_rate=0.1, name="w"):
    """Take steps in place and return w."""
    for g in gradients:
        optimizer.step([(name, w, g)], learning_rate)
    return w


@every_optimizer
def test_three_steps_follow_the_formula(optimizer):
    w = take_steps(optimizer(), np.array([1.0]), [np.array([g]) for g in GRADIENTS])
    assert w.item() == pytest.approx(BY_HAND[optimizer](1.0, GRADIENTS, learning_rate=0.1), rel=1e-14)


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [
        (Momentum, {"share": 0.5}),
        (Nesterov, {"share": 0.5}),
        (Adagrad, {"epsilon": 0.1}),
        (RMSprop, {"rho": 0.7, "epsilon": 0.1}),
        (Adam, {"beta1": 0.8, "beta2": 0.9, "epsilon": 0.1}),
    ],
)
def test_the_settings_reach_the_formula(optimizer, settings):
    handed = {"momentum" if key == "share" else key: value for key, value in settings.items()}
    w = take_steps(optimizer(**handed), np.array([1.0]), [np.array([g]) for g in GRADIENTS])
    assert w.item() == pytest.approx(BY_HAND[optimizer](1.0, GRADIENTS, learning_rate=0.1, **settings), rel=1e-14)


def test_first_steps_by_hand():
    def first(optimizer):
        return take_steps(optimizer, np.array([1.0]), [np.array([4.0])]).item()

    assert first(SGD()) == pytest.approx(1 - 0.1 * 4)
    assert first(Momentum()) == pytest.approx(1 - 0.1 * 4)
    assert first(Nesterov()) == pytest.approx(1 - 0.1 * (4 + 0.9 * 4))
    assert first(Adagrad()) == pytest.approx(1 - 0.1)  # the first step equals the learning rate for any gradient
    assert first(RMSprop()) == pytest.approx(1 - 0.1 / math.sqrt(0.1))
    assert first(Adam()) == pytest.approx(1 - 0.1)  # thanks to the correction for the start at 0


@every_optimizer
def test_each_parameter_has_its_own_state(optimizer):
    together, alone = optimizer(), optimizer()
    a, b = np.array([1.0, 2.0]), np.array([3.0])
    for g in GRADIENTS:
        together.step([("a", a, np.array([g, -g])), ("b", b, np.array([2 * g]))], learning_rate=0.1)
    b_alone = take_steps(alone, np.array([3.0]), [np.array([2 * g]) for g in GRADIENTS], name="b")
    assert same(b, b_alone)
    assert same(together.state["b"], alone.state["b"])


@every_optimizer
def test_an_optimizer_resumes_from_its_state_exactly(optimizer):
    gradients = [numbers(np.random.default_rng(seed), 4, 2) for seed in range(6)]
    whole = take_steps(optimizer(), np.ones((4, 2)), gradients)
    first, second = optimizer(), optimizer()
    w = take_steps(first, np.ones((4, 2)), gradients[:3])
    second.state = {name: copies(state) for name, state in first.state.items()}
    assert same(take_steps(second, w, gradients[3:]), whole)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "rows"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_optimizer
def test_step_keeps_the_dtype_and_does_not_modify_the_gradient(optimizer, dtype, sparse):
    rng = np.random.default_rng(0)
    w = numbers(rng, 4, 3, dtype=dtype)
    g = RowGrad(np.array([2, 0]), numbers(rng, 2, 3, dtype=dtype)) if sparse else numbers(rng, 4, 3, dtype=dtype)
    before, start = copies({"g": g}), w.copy()
    stepping = optimizer(weight_decay=0.1)
    take_steps(stepping, w, [g, g], learning_rate=0.1)
    assert same({"g": g}, before)
    assert w.dtype == dtype
    assert all(stepping.state["w"][slot].dtype == dtype for slot in optimizer.slots)
    assert not same(w, start)


# --- rows


ROWS, DIM = 6, 3


def row_gradients(steps, rows=(4, 1), dtype=np.float64):
    return [
        RowGrad(np.array(rows), numbers(np.random.default_rng(seed), len(rows), DIM, dtype=dtype))
        for seed in range(steps)
    ]


@pytest.mark.parametrize("optimizer", [SGD(), Adagrad(row_wise=False)], ids=["sgd", "adagrad"])
def test_a_step_by_rows_is_the_step_of_the_whole_matrix(optimizer):
    """These two leave a weight where it is when its gradient is zero, so that nothing is lost."""
    gradients = row_gradients(3) + row_gradients(2, rows=(1, 5, 0))
    by_rows = take_steps(optimizer, np.ones((ROWS, DIM)), gradients, name="by rows")
    whole = take_steps(optimizer, np.ones((ROWS, DIM)), [dense(g, ROWS) for g in gradients], name="whole")
    assert same(by_rows, whole)


@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.1}], ids=["plain", "weight decay"])
@every_optimizer
def test_updated_rows_take_the_step_of_a_separate_matrix(optimizer, settings):
    if optimizer is Adagrad:
        settings = {**settings, "row_wise": False}
    gradients = row_gradients(3)
    w = take_steps(optimizer(**settings), np.ones((ROWS, DIM)), gradients)
    alone = take_steps(optimizer(**settings), np.ones((2, DIM)), [g.values for g in gradients])
    assert same(w[[4, 1]], alone)


@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.1}], ids=["plain", "weight decay"])
@every_optimizer
def test_rows_without_a_gradient_do_not_move(optimizer, settings):
    """Lazy: the whole matrix with a zero gradient would coast on under momentum and Adam, and shrink under decay."""
    stepping = optimizer(**settings)
    w = take_steps(stepping, np.ones((ROWS, DIM)), row_gradients(2, rows=(0, 1, 2)))
    before, state = w.copy(), copies(stepping.state["w"])
    take_steps(stepping, w, row_gradients(2, rows=(2, 3)))
    untouched = [0, 1, 4, 5]
    assert same(w[untouched], before[untouched])
    assert all(same(stepping.state["w"][slot][untouched], state[slot][untouched]) for slot in optimizer.slots)
    assert not np.any(w[[2, 3]] == before[[2, 3]])


@every_optimizer
def test_a_step_keeps_what_it_has_updated(optimizer):
    """Who looks for numbers that are not finite need not look at all rows of an embedding."""
    stepping, w, bias = optimizer(), np.ones((ROWS, DIM)), np.ones(2)
    stepping.step([("w", w, row_gradients(1)[0]), ("bias", bias, np.ones(2))], learning_rate=0.1)
    assert same(stepping.updated["w"], w[[4, 1]])
    assert same(stepping.updated["bias"], bias)


def test_a_dense_gradient_would_move_all_rows():
    stepping = Momentum()
    w = take_steps(stepping, np.ones((2, 2)), [np.ones((2, 2))])
    before = w.copy()
    take_steps(stepping, w, [np.zeros((2, 2))])
    assert w == pytest.approx(before - 0.1 * 0.9)


def test_lazy_adam_corrects_the_bias_by_the_number_of_all_steps():
    """A row seen first at step 2 is corrected as if it had been seen at step 1 with a zero gradient."""
    stepping, g = Adam(), 4.0
    w = np.ones((2, 1))
    take_steps(stepping, w, [RowGrad(np.array([0]), np.array([[1.0]])), RowGrad(np.array([1]), np.array([[g]]))])
    assert w[1].item() == pytest.approx(adam(1.0, [0.0, g], learning_rate=0.1))


@every_optimizer
def test_an_empty_row_gradient_changes_nothing(optimizer):
    w = np.ones((ROWS, DIM))
    take_steps(optimizer(weight_decay=0.1), w, [RowGrad(np.zeros(0, int), np.zeros((0, DIM)))])
    assert (w == 1).all()


def test_row_wise_adagrad_by_hand():
    stepping = Adagrad(epsilon=0.0)
    w = np.array([[1.0, 1.0], [1.0, 1.0]])
    # row 1: mean square of (3, 1) = (9 + 1) / 2 = 5
    stepping.step([("w", w, RowGrad(np.array([1]), np.array([[3.0, 1.0]])))], learning_rate=0.1)
    assert w[1] == pytest.approx(np.array([1 - 0.3 / math.sqrt(5), 1 - 0.1 / math.sqrt(5)]))
    assert stepping.state["w"]["sum"].tolist() == [[0], [5]]
    # then (2, 4): + (4 + 16) / 2 = 10
    before = w[1].copy()
    stepping.step([("w", w, RowGrad(np.array([1]), np.array([[2.0, 4.0]])))], learning_rate=0.1)
    assert w[1] == pytest.approx(before - 0.1 * np.array([2, 4]) / math.sqrt(15))
    assert stepping.state["w"]["sum"].tolist() == [[0], [15]]
    assert w[0].tolist() == [1, 1]


def test_row_wise_adagrad_keeps_one_number_a_row_and_is_for_rows_only():
    stepping = Adagrad()
    take_steps(stepping, np.ones((ROWS, DIM)), row_gradients(1), name="embedding.weight")
    take_steps(stepping, np.ones((ROWS, DIM)), [np.ones((ROWS, DIM))], name="output.weight")
    assert stepping.state["embedding.weight"]["sum"].shape == (ROWS, 1)
    assert stepping.state["output.weight"]["sum"].shape == (ROWS, DIM)


def test_row_wise_is_plain_adagrad_where_a_row_is_one_number():
    gradients = [RowGrad(g.rows, g.values[:, :1]) for g in row_gradients(3)]
    shared = take_steps(Adagrad(row_wise=True), np.ones((ROWS, 1)), gradients)
    assert same(shared, take_steps(Adagrad(row_wise=False), np.ones((ROWS, 1)), gradients))


@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.1}], ids=["plain", "weight decay"])
@every_optimizer
def test_the_cost_of_a_row_step_does_not_depend_on_the_vocabulary(optimizer, settings):
    words, d = 1_000_000, 2
    rows = np.arange(0, words, words // 10)
    stepping, w = optimizer(**settings), np.zeros((words, d), np.float32)
    gradient = RowGrad(rows, np.ones((len(rows), d), np.float32))
    stepping.step([("w", w, gradient)], learning_rate=0.1)  # the state, of the size of the vocabulary, is made once
    tracemalloc.start()
    stepping.step([("w", w, gradient)], learning_rate=0.1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000  # one bit for each word would be 125,000
    assert np.flatnonzero(w.any(axis=1)).tolist() == rows.tolist()


# --- weight decay


@pytest.mark.parametrize("optimizer", [o for o in OPTIMIZERS.values() if o is not AdamW])
def test_weight_decay_is_added_to_the_gradient(optimizer):
    w = take_steps(optimizer(weight_decay=0.5), np.array([[2.0]]), [np.array([[3.0]])])
    plain = take_steps(optimizer(), np.array([[2.0]]), [np.array([[3.0 + 0.5 * 2.0]])])
    assert w == pytest.approx(plain)


def test_the_weight_decay_of_adamw_is_decoupled_from_the_gradient():
    w = take_steps(AdamW(weight_decay=0.5), np.array([[2.0]]), [np.array([[3.0]])])
    assert w.item() == pytest.approx(adam(2.0 - 0.1 * 0.5 * 2.0, [3.0], learning_rate=0.1))
    # A gradient of zero: the weight shrinks by learning_rate * decay. Adam would divide the decay by its own size.
    w = take_steps(AdamW(weight_decay=0.5), np.array([[2.0]]), [np.array([[0.0]])])
    assert w.item() == pytest.approx(2 * (1 - 0.1 * 0.5))
    w = take_steps(Adam(weight_decay=0.5), np.array([[2.0]]), [np.array([[0.0]])])
    assert w.item() == pytest.approx(2 - 0.1)


@every_optimizer
def test_biases_do_not_decay(optimizer):
    with_decay = take_steps(optimizer(weight_decay=0.5), np.array([2.0]), [np.array([g]) for g in GRADIENTS])
    assert same(with_decay, take_steps(optimizer(), np.array([2.0]), [np.array([g]) for g in GRADIENTS]))


# --- clipping


def gradients_of_norm_13():
    return {"weight": np.array([[3.0, 0.0], [0.0, 4.0]]), "rows": RowGrad(np.array([7]), np.array([[0.0, 12.0]]))}


def test_the_norm_is_that_of_all_gradients_as_one_vector():
    assert norm(gradients_of_norm_13()) == pytest.approx(13)  # sqrt(9 + 16 + 144)
    assert norm({}) == 0
    assert norm({"w": np.zeros(3)}) == 0


def test_the_norm_does_not_overflow_in_float32():
    assert norm({"w": np.full(4, 1e30, np.float32)}) == pytest.approx(2e30)


def test_clipping_scales_all_gradients_down_to_the_limit_and_keeps_their_direction():
    gradients = gradients_of_norm_13()
    before = copies(gradients)
    clipped = clip(gradients, limit=1.3)
    assert norm(clipped) == pytest.approx(1.3)
    assert clipped["weight"] == pytest.approx(before["weight"] / 10)
    assert clipped["rows"].rows.tolist() == [7]
    assert clipped["rows"].values == pytest.approx(before["rows"].values / 10)
    assert same(gradients, before)


@pytest.mark.parametrize("limit", [13.0001, 100.0, math.inf])
def test_clipping_leaves_gradients_below_the_limit_as_they_are(limit):
    assert same(clip(gradients_of_norm_13(), limit), gradients_of_norm_13())


def test_clipping_zero_gradients_gives_zero_gradients():
    assert not clip({"w": np.zeros(3)}, limit=1.0)["w"].any()


def test_clipping_keeps_the_dtype():
    clipped = clip({"w": np.ones(9, np.float32), "e": RowGrad(np.array([0]), np.ones((1, 2), np.float32))}, limit=1.0)
    assert (clipped["w"].dtype, clipped["e"].values.dtype) == (np.float32, np.float32)


# --- schedules


STEPS, PER_EPOCH = 100, 10


@every_schedule
def test_every_schedule_starts_at_one_and_never_rises_above_it(schedule):
    rates = [schedule(STEPS, PER_EPOCH).factor(step) for step in range(STEPS)]
    assert rates[0] == 1
    assert all(0 < rate <= 1 for rate in rates)
    assert rates == sorted(rates, reverse=True)


@every_schedule
def test_warm_up_is_a_ramp_to_one(schedule):
    warming = schedule(STEPS, PER_EPOCH, warmup=0.05)
    assert [warming.factor(step) for step in range(5)] == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6])
    assert warming.factor(5) == 1


@every_schedule
def test_warm_up_may_last_to_the_end(schedule):
    warming = schedule(STEPS, PER_EPOCH, warmup=1.0)
    assert warming.factor(STEPS - 1) == pytest.approx(100 / 101)
    assert 0 < warming.factor(STEPS) <= 1, "no step is left to divide by"


def test_the_steps_of_warm_up_are_rounded():
    """29 % of 100 steps are 28.999999999999996 in floating point."""
    assert Constant(100, 10, warmup=0.29).factor(28) == pytest.approx(29 / 30)
    assert Constant(100, 10, warmup=0.29).factor(29) == 1
    assert Constant(100, 10, warmup=0.056).factor(5) == pytest.approx(6 / 7)


def test_constant_stays():
    assert {Constant(STEPS, PER_EPOCH).factor(step) for step in range(STEPS)} == {1.0}


def test_linear_decreases_linearly():
    falling = LinearDecay(STEPS, PER_EPOCH)
    assert [falling.factor(step) for step in (0, 25, 50, 99, 100)] == pytest.approx([1, 0.75, 0.5, 0.01, 0])


def test_linear_falls_to_its_final_share_and_stays_there():
    falling = LinearDecay(STEPS, PER_EPOCH, final=0.2)
    assert [falling.factor(step) for step in (0, 50, 100, 150)] == pytest.approx([1, 0.6, 0.2, 0.2])


def test_linear_falls_over_the_steps_after_warm_up():
    falling = LinearDecay(STEPS, PER_EPOCH, warmup=0.2)
    assert [falling.factor(step) for step in (20, 60, 100)] == pytest.approx([1, 0.5, 0])


def test_cosine_falls_slowly_then_fast_then_slowly():
    falling = Cosine(STEPS, PER_EPOCH)
    halves = [(1 + math.cos(math.pi / 4)) / 2, (1 - math.cos(math.pi / 4)) / 2]
    assert [falling.factor(step) for step in (0, 25, 50, 75, 100)] == pytest.approx([1, halves[0], 0.5, halves[1], 0])


def test_cosine_falls_to_its_final_share():
    falling = Cosine(STEPS, PER_EPOCH, final=0.2)
    assert [falling.factor(step) for step in (0, 50, 100, 150)] == pytest.approx([1, 0.6, 0.2, 0.2])


def test_step_drops_at_the_end_of_epochs():
    dropping = StepDecay(STEPS, PER_EPOCH, every=2, factor=0.1)
    assert [dropping.factor(step) for step in (0, 19, 20, 39, 40)] == pytest.approx([1, 1, 0.1, 0.1, 0.01])


def test_step_counts_the_epochs_of_warm_up_too():
    dropping = StepDecay(STEPS, PER_EPOCH, warmup=0.25, every=2, factor=0.1)
    assert [dropping.factor(step) for step in (25, 39, 40)] == pytest.approx([0.1, 0.1, 0.01])


def test_plateau_drops_when_patience_is_over_and_not_before():
    listening = Plateau(STEPS, PER_EPOCH, patience=1, factor=0.5)

    def after(loss):
        listening.epoch_ended(loss)
        return listening.factor(0)

    assert after(0.9) == 1
    assert after(0.8) == 1  # better
    assert after(0.8) == 1  # not better, for one epoch
    assert after(0.7) == 1  # better: patience is new
    assert after(0.71) == 1
    assert after(0.72) == 0.5  # not better for more than one epoch
    assert after(0.73) == 0.5  # patience is new after a drop
    assert after(0.74) == 0.25
    assert after(0.1) == 0.25  # what was dropped stays dropped


def test_plateau_without_patience_drops_at_once():
    listening = Plateau(STEPS, PER_EPOCH, patience=0, factor=0.1)
    listening.epoch_ended(1.0)
    listening.epoch_ended(1.0)
    assert listening.factor(0) == 0.1


@pytest.mark.parametrize("schedule", [Constant, LinearDecay, Cosine, StepDecay])
def test_other_schedules_ignore_the_validation_loss(schedule):
    deaf = schedule(STEPS, PER_EPOCH)
    before = [deaf.factor(step) for step in range(STEPS)]
    for _ in range(5):
        deaf.epoch_ended(1.0)
    assert [deaf.factor(step) for step in range(STEPS)] == before


@every_schedule
@pytest.mark.parametrize("done", range(9))
def test_a_schedule_resumes_from_its_state(schedule, done):
    """Interrupted before, while and after it waits for a better loss."""
    losses = [2.0, 1.0, 3.0, 3.0, 0.5, 0.7, 0.5, 0.6, 0.6]
    whole, resumed = schedule(STEPS, PER_EPOCH), schedule(STEPS, PER_EPOCH)
    for loss in losses[:done]:
        whole.epoch_ended(loss)
    resumed.load_state_dict(whole.state_dict())
    for loss in losses[done:]:
        assert resumed.factor(0) == whole.factor(0)
        whole.epoch_ended(loss)
        resumed.epoch_ended(loss)
    assert resumed.factor(0) == whole.factor(0)
