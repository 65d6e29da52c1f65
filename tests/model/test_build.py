"""The size of a network is compared with the memory before anything is allocated."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from sentibp.config.load import load_config
from sentibp.errors import ConfigError
from sentibp.model.build import require_memory
from sentibp.utils import environment

MEMORY = "and there are 8.0 GB of memory"
TOO_LARGE = {
    "model.embedding.dim=1000000000": "model.embedding.dim: 400 features with 1,000,000,000 numbers each need 1.6 TB, "
    f"{MEMORY}; lower model.embedding.dim, or set text.max_features",
    "model.hidden=[1000000,1000000]": f"model.hidden: the hidden layers need 4.0 TB, {MEMORY}; make them narrower",
    "train.members=1000000": f"train.members: 1,000,000 networks need 26.2 GB, {MEMORY}; lower train.members",
}


@pytest.mark.parametrize("setting", TOO_LARGE)
def test_a_network_larger_than_the_memory_is_refused(setting, monkeypatch):
    monkeypatch.setattr(environment, "memory", lambda: 8_000_000_000)
    with pytest.raises(ConfigError) as caught:
        require_memory(load_config("quickstart", [setting]).config, 400)
    assert str(caught.value) == TOO_LARGE[setting]


def test_other_networks_pass(monkeypatch):
    require_memory(load_config("quickstart").config, 400)
    monkeypatch.setattr(environment, "memory", lambda: math.inf)  # the system does not say
    require_memory(load_config("quickstart", ["model.embedding.dim=1000000000"]).config, 400)


def test_a_limit_of_the_process_is_its_memory():
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30));"
        "from sentibp.utils import environment; print(environment.memory())"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert 0 < int(printed) <= 3 << 30


def test_optimizers_have_the_defaults_of_the_settings():
    import inspect

    from sentibp.config.schema import Optimizer
    from sentibp.nn import optim

    settings = Optimizer()
    compared = 0
    for each in vars(optim).values():
        if inspect.isclass(each) and issubclass(each, optim.Optimizer):
            for parameter in inspect.signature(each).parameters.values():
                if parameter.default is not parameter.empty:
                    assert getattr(settings, parameter.name) == parameter.default, (each, parameter)
                    compared += 1
    assert compared > 9
