"""Threads: results in order, errors raised in the caller, BLAS limited to one thread."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from sentibp.utils.threads import in_background, parallel_map, prefetch, single_threaded_blas

each_way = pytest.mark.parametrize("spread", [parallel_map, prefetch])


@each_way
@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_results_come_in_order(spread, count):
    assert list(spread(lambda number: number * number, range(count))) == [n * n for n in range(count)]


@each_way
def test_an_error_reaches_the_caller(spread):
    with pytest.raises(ZeroDivisionError):
        list(spread(lambda number: 1 // number, [1, 0, 2]))


def test_a_single_shard_starts_no_thread():
    """Such as a single text to predict, for which a thread would take most of the time."""
    assert list(parallel_map(lambda _: threading.get_ident(), ["one"])) == [threading.get_ident()]
    assert threading.get_ident() not in parallel_map(lambda _: threading.get_ident(), ["one", "two"])


def test_few_shards_are_taken_ahead():
    taken = []
    results = parallel_map(lambda number: number, map(lambda number: taken.append(number) or number, range(1000)))
    next(results)
    assert len(taken) <= 2 * (os.cpu_count() or 1) + 2
    results.close()


def test_prefetch_computes_one_result_ahead():
    begun = []
    results = prefetch(begun.append, range(9))
    next(results)
    assert len(begun) <= 2
    results.close()


def blas_threads() -> set[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_blas_is_limited_although_the_environment_was_changed_since(monkeypatch):
    """Dask changes it for a moment, when it starts a process, and numpy has read it long ago."""
    for name in "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS":
        monkeypatch.setenv(name, "1")
    with single_threaded_blas:
        assert blas_threads() <= {1}


@pytest.mark.parametrize("outer", ["nullcontext()", "single_threaded_blas"])
def test_the_blas_of_scipy_is_limited_if_it_is_loaded_later(outer):
    """After the first context, or inside another one: else the last digits depend on the number of cores."""
    code = f"""
import sys
from contextlib import nullcontext
import numpy
from threadpoolctl import threadpool_info
from sentibp.utils.threads import single_threaded_blas
threads = lambda: [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
with single_threaded_blas:
    pass
assert "scipy.linalg" not in sys.modules
with {outer}:
    import scipy.optimize
    before = threads()
    with single_threaded_blas:
        print(len(before), set(threads()))
print(set(threads()))
"""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    inside, after = done.stdout.splitlines()
    assert inside in ("1 {1}", "2 {1}"), done.stderr  # a scipy of Debian shares the BLAS of numpy
    assert after == "{2}"


def test_blas_is_limited_until_the_last_user_leaves():
    before = blas_threads()
    with single_threaded_blas:
        with single_threaded_blas:
            assert blas_threads() <= {1}
        assert blas_threads() <= {1}
    assert blas_threads() == before


@each_way
def test_a_consumer_that_leaves_waits_for_what_has_begun_only(spread):
    started = []

    def work(number):
        started.append(number)
        return number

    results = spread(work, range(1000))
    next(results)
    results.close()
    assert len(started) <= 2 * (os.cpu_count() or 1) + 2
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")]


@each_way
def test_after_an_error_no_thread_is_left(spread):
    with pytest.raises(ZeroDivisionError):
        list(spread(lambda number: 1 // (number - 3), range(100)))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")]


@each_way
def test_an_error_of_the_shards_themselves_reaches_the_caller(spread):
    def shards():
        yield 1
        raise OSError("the file has gone")

    with pytest.raises(OSError, match="has gone"):
        list(spread(lambda number: number, shards()))


@pytest.fixture
def late_threads(monkeypatch):
    """Let a thread of a pool wait before it looks for work, as on a busy machine, until the event is set."""
    from concurrent.futures import thread

    begin, work = threading.Event(), thread._worker

    def late(*arguments):
        begin.wait()
        work(*arguments)

    monkeypatch.setattr(thread, "_worker", late)
    return begin


def test_work_in_the_background_is_not_lost_if_it_begins_late(late_threads):
    """A short text was tokenized before the thread beside it had begun: the training ended with a CancelledError."""
    threading.Timer(0.2, late_threads.set).start()
    with in_background(max, 2, 3) as found:
        pass
    assert found.result() == 3


def test_work_in_the_background_is_left_after_an_error(late_threads):
    threading.Timer(0.2, late_threads.set).start()
    with pytest.raises(KeyError), in_background(max, 2, 3) as found:
        raise KeyError
    assert found.cancelled()
