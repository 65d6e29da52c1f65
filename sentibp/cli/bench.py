"""`sentibp bench`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sentibp.cli import ConfigName, Json, Offline, Set
from sentibp.cli.output import duration, fields, print_json, print_message

if TYPE_CHECKING:
    from sentibp.training.bench import Speed


EPILOG = """\b
Examples:
  sentibp bench imdb
  sentibp bench imdb --set train.batch_size=64 --json | jq .parts"""


def bench(
    config: ConfigName,
    set_: Set = None,
    offline: Offline = False,
    json: Json = False,
) -> None:
    """Measure how fast a config is on this machine.

    Text to tokens, tokens to features, each part of a training step, and how long the whole training would take.
    """
    from sentibp.config.load import load_config
    from sentibp.training.bench import measure_speed
    from sentibp.training.prepare import prepare

    data = prepare(load_config(config, set_ or []))
    for note in data.notes:
        print_message(note)
    print_speed(measure_speed(data), json)


def print_speed(result: Speed, json: bool) -> None:
    """Print how fast a config is."""
    training = result.training
    if json:
        print_json(result._asdict() | {"training": training._asdict()})
        return
    about = {
        "batch": "prepared while the step before is computed",
        "wait": "for the batch",
        "forward": "with the loss",
        "backward": "with the norm of the gradient",
    }
    values = {
        "text": f"{result.reviews:,} reviews, {result.tokens:,} tokens",
        "  tokens": f"{_rate(result.tokenize)}, from text",
        "  vocabulary": f"{_rate(result.build)}, with the features of the text",
        "  features": f"{_rate(result.encode)}, by an existing vocabulary",
        "step": f"{duration(training.step_seconds)}: {training.reviews_per_second:,.0f} reviews/s",
        **{f"  {part}": f"{duration(took)} {about.get(part, '')}".rstrip() for part, took in result.parts.items()},
        "training": f"about {duration(training.seconds)}: {training.steps:,} steps on {training.training:,} reviews"
        + f", in {training.shards:,} shards, one after the other" * (training.shards > 1),
    }
    fields(values, 13)


def _rate(tokens: float) -> str:
    """Return a number of tokens a second for people."""
    return f"{tokens / 1e6:.1f} million tokens/s" if tokens >= 1e6 else f"{tokens:,.0f} tokens/s"
