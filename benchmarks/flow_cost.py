"""What recording the gradient flow costs, as a share of the time: `python benchmarks/flow_cost.py CONFIG...`."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from sentibp.utils.threads import limit_blas_threads

limit_blas_threads()

from sentibp.config.load import load_config  # noqa: E402
from sentibp.nn import gradient_flow  # noqa: E402
from sentibp.training import networks  # noqa: E402
from sentibp.training.loop import fit, initial_state  # noqa: E402
from sentibp.training.metrics_log import FlowMeter  # noqa: E402
from sentibp.training.prepare import prepare  # noqa: E402

RUNS = 7
spent = [0.0]


def timed(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*arguments: Any) -> Any:
        start = time.perf_counter()
        result = function(*arguments)
        spent[0] += time.perf_counter() - start
        return result

    return run


def main() -> None:
    for name in "inactive_units", "snapshot", "measure":  # all that a measured step does more than others
        setattr(gradient_flow, name, timed(getattr(gradient_flow, name)))
    print("| config | share of the time | ms an epoch |\n| --- | --- | --- |")
    for name in sys.argv[1:]:
        shares, each = [], []
        for _ in range(RUNS):
            data = prepare(load_config(name))
            settings, network = data.config.train, networks.new_network(data, data.config.train.seed).network
            meter = FlowMeter(network, settings.steps_per_epoch(len(data.training)))
            state = initial_state(settings, len(data.training), settings.seed)
            spent[0] = 0.0
            start = time.perf_counter()
            for event in fit(network, data.training, None, settings, state):
                meter.measure(event)
            shares.append(spent[0] / (time.perf_counter() - start))
            each.append(spent[0] / settings.epochs)
        print(f"| {name} | {statistics.median(shares):.2%} | {statistics.median(each) * 1e3:.2f} |", flush=True)


if __name__ == "__main__":
    main()
