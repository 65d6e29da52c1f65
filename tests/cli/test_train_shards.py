"""`sentibp train` on shards: its options, their mistakes, and repairs that can be typed."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from command import invoke

SMALL = ("--set", "train.epochs=2", "--set", "train.refit=false", "--quiet")


@pytest.mark.parametrize(
    ("options", "repair"),
    [
        ("--sync average", "--set train.shards=8"),
        ("--sync sync", "--set train.shards=8"),
        ("--sync sync", "--set train.sync=average"),
        ("--set train.shard_steps=3", "--set train.shards=8"),
        ("--set train.shard_steps=3", "--set train.shard_steps=null"),
        ("--set train.shards=2 --set train.epochs=1", "--set train.epochs=2"),
        ("--set train.shards=2 --set train.epochs=1", "--set train.sync=sync"),
        ("--set train.shards=1000", "--set train.shards=144"),
        ("--set train.shards=2 --sync sync --set model.batch_norm=true", "--set train.sync=average"),
        ("--set train.shards=2 --sync sync --set model.batch_norm=true", "--set model.batch_norm=false"),
    ],
)
def test_a_mistake_has_a_repair_that_works_in_the_same_command(here, options, repair):
    arguments = ["train", "quickstart", "--out", "run", *SMALL, *options.split()]
    assert repair in invoke(*arguments, code=2).err
    assert not Path("run").exists()
    arguments[2:4] = ["--dry-run"]
    invoke(*arguments, *shlex.split(repair))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--break loss>1", "--break looks at every step"),
        ("--cluster local:2 --dry-run", "leave out --cluster"),
        ("--cluster local:2 --find-lr", "leave out --cluster"),
        ("--cluster nowhere", "--cluster nowhere: write tcp://nowhere:8786"),
        ("--sync both", "'both' is not one of average, sync"),
    ],
)
def test_what_does_not_go_with_shards_is_refused_before_anything_starts(here, options, message):
    found = invoke("train", "quickstart", "--out", "run", *SMALL, "--set", "train.shards=2", *options.split(), code=2)
    assert message in found.err
    assert not Path("run").exists()


def test_a_cluster_is_for_shards(here):
    message = invoke("train", "quickstart", "--out", "run", "--cluster", "local:2", code=2).err
    assert message == "--cluster is for training on shards; add --set train.shards=8, or leave it out\n"
    assert not Path("run").exists()


def test_sync_is_an_option(here):
    invoke("train", "quickstart", "--out", "run", *SMALL, "--set", "train.shards=3", "--sync", "sync")
    assert "sync: sync" in Path("run/config.yaml").read_text()
    message = invoke("train", "--resume", "run", "--sync", "average", code=2).err
    assert "train.sync: was 'sync', is 'average'" in message
