"""Sums and averages over shards: of whole tensors, of rows, of counters; and in the order of the shards."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentibp.training.shards.sums import FAN_IN, RowSums, Sums, average, merge, row_sums

STATE = {
    "weights/embedding.weight": np.arange(10, dtype=np.float32).reshape(5, 2),
    "weights/output.bias": np.array([1.0], np.float32),
    "optimizer/output.bias/sum": np.array([8.0], np.float32),
    "optimizer/output.bias/step": np.array(3),
}


def part(bias: float, step: int, rows: dict[int, float], accumulator: float = 0.0) -> Sums:
    """What a shard has: a bias and its accumulator, and rows of the embedding that are the same number twice."""
    dense = {
        "weights/output.bias": np.array([bias], np.float32),
        "optimizer/output.bias/sum": np.array([accumulator], np.float32),
        "optimizer/output.bias/step": np.array(step),
    }
    numbers = np.array([[value, value] for value in rows.values()], np.float32).reshape(-1, 2)
    sums = {"weights/embedding.weight": numbers, "optimizer/embedding.weight/sum": numbers[:, :1] * 10}
    changed = RowSums(np.array(list(rows), np.int64), np.ones(len(rows), np.int32), sums)
    return Sums(dense, {"embedding.weight": changed}, 1, 4, 2.0, 1.0, 1)


def test_the_average_is_no_sum():
    total = merge(part(1.0, 4, {}, 9.0), part(2.0, 4, {}, 11.0), part(6.0, 4, {}, 13.0))
    new = average(STATE, total)
    assert new["weights/output.bias"] == 3.0
    assert new["weights/output.bias"].dtype == np.float32
    assert new["optimizer/output.bias/sum"] == 11.0  # the accumulators are averaged, too, and not those of before
    assert (total.shards, total.reviews, total.loss) == (3, 12, 6.0)


def test_counters_of_steps_are_no_averages():
    """A shard with a review less may have a step less."""
    for parts in (part(0, 5, {}), part(0, 4, {})), (part(0, 4, {}), part(0, 5, {})):
        assert average(STATE, merge(*parts))["optimizer/output.bias/step"] == 5


def test_a_row_is_averaged_over_the_shards_that_changed_it():
    new = average(STATE, merge(part(0, 4, {0: 2.0, 3: 4.0}), part(0, 4, {3: 8.0}), part(0, 4, {1: 5.0})))
    assert new["weights/embedding.weight"].tolist() == [[2, 2], [5, 5], [4, 5], [6, 6], [8, 9]]  # row 2 and 4 as before
    assert new["optimizer/embedding.weight/sum"].ravel().tolist() == [20, 50, 0, 60, 0]  # it began with this round


def test_the_state_before_is_not_changed():
    before = {name: array.copy() for name, array in STATE.items()}
    average(STATE, merge(part(7, 4, {0: 2.0}), part(8, 4, {0: 3.0})))
    for name, array in before.items():
        np.testing.assert_array_equal(STATE[name], array)


def test_the_parts_are_not_changed():
    parts = [part(7, 4, {0: 2.0}), part(8, 4, {0: 3.0})]
    merge(*parts)
    assert parts[0].dense["weights/output.bias"] == 7
    assert parts[0].rows["embedding.weight"].sums["weights/embedding.weight"].tolist() == [[2, 2]]


def tree(parts: list[Sums]) -> Sums:
    while len(parts) > 1:
        parts = [merge(*parts[i : i + FAN_IN]) for i in range(0, len(parts), FAN_IN)]
    return parts[0]


EIGHTHS = st.integers(-(2**23), 2**23)  # float32 has these exactly; whole numbers are drawn faster than floats and sets


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # drawing takes milliseconds, but not under load
@given(st.lists(st.tuples(EIGHTHS, st.integers(0, 31)), min_size=2, max_size=20))
def test_a_tree_sums_as_exactly_as_one_sum(shards):
    """Each shard has a number, and the rows that it has changed, as bits."""
    shards = [(eighths / 8, [row for row in range(5) if bits >> row & 1]) for eighths, bits in shards]
    parts = [part(value, 4, dict.fromkeys(rows, value)) for value, rows in shards]
    new = average(STATE, tree(parts))
    expected = np.mean([value for value, _ in shards])
    np.testing.assert_allclose(new["weights/output.bias"], expected, rtol=1e-6, atol=1e-6)
    for row in range(5):
        values = [value for value, rows in shards if row in rows]
        wanted = np.mean(values) if values else STATE["weights/embedding.weight"][row, 0]
        np.testing.assert_allclose(new["weights/embedding.weight"][row, 0], wanted, rtol=1e-6, atol=1e-6)


def test_sums_are_of_double_precision():
    """In float32, the 1 would be lost beside the large numbers."""
    total = merge(part(1e8, 4, {0: 1e8}), part(1, 4, {0: 1}), part(-1e8, 4, {0: -1e8}))
    assert total.dense["weights/output.bias"] == 1.0
    assert total.rows["embedding.weight"].sums["weights/embedding.weight"].tolist() == [[1.0, 1.0]]


def test_rows_of_a_shard_have_the_arrays_of_the_optimizer():
    state = STATE | {
        "optimizer/embedding.weight/sum": np.arange(5, dtype=np.float32)[:, None],
        "optimizer/embedding.weight/step": np.array(7),
    }
    found = row_sums(state, "embedding.weight", np.array([1, 4]))
    assert list(found.sums) == ["weights/embedding.weight", "optimizer/embedding.weight/sum"]
    assert found.sums["optimizer/embedding.weight/sum"].tolist() == [[1], [4]]
    assert found.count.tolist() == [1, 1]


@pytest.mark.parametrize("shards", [1, 8, 9, 65])
def test_a_tree_of_any_size_has_all_shards(shards):
    total = tree([part(float(i), 4, {}) for i in range(shards)])
    assert total.shards == shards
    assert total.dense["weights/output.bias"] == shards * (shards - 1) / 2
