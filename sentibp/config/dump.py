"""Reading and writing configs: YAML files, `--set` on the command line, and every mistake at once with its line.

The settings themselves, and what they mean, are in `settings`."""

from __future__ import annotations

import hashlib

from sentibp.config import yaml_file
from sentibp.config.schema import Config

# --- writing --------------------------------------------------------------------------------------------------


def dump(config: Config) -> str:
    """The config as YAML with every setting that has an effect; loading it gives the same config."""
    return yaml_file.write(config.model_dump())


def digest(config: Config) -> str:
    """The SHA-256 of the whole config, in hexadecimal: equal settings have equal digests."""
    return hashlib.sha256(dump(config).encode()).hexdigest()
