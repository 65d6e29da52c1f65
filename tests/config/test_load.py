from __future__ import annotations

import contextlib
import json
import math
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sentibp.config import dump, reference, yaml_file
from sentibp.config import schema as config_schema
from sentibp.config.find import shipped
from sentibp.config.load import MOST, load_config, load_settings, override_data
from sentibp.config.schema import Config, Optimizer, Schedule
from sentibp.errors import ConfigError
from sentibp.utils import resources
from sentibp.utils.label_key import label_key


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty working directory, two shipped configs."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "shipped"
    folder.mkdir()
    (folder / "imdb.yaml").write_text(
        "# yaml-language-server: $schema=schema.json\n# The default.\ntrain:\n  epochs: 5\n"
    )
    (folder / "deep.yaml").write_text("data:\n  validation: 0.2\n# Not at the top, but the first.\n")
    (folder / "schema.json").write_text("{}")
    monkeypatch.setattr(resources, "resource_folder", lambda kind: folder)
    return tmp_path


def mine(text: str | bytes) -> str:
    """Write a config."""
    data = text if isinstance(text, bytes) else dedent(text).encode()
    Path("mine.yaml").write_bytes(data)
    return "mine.yaml"


def complaints(text: str | bytes, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(mine(text), overrides)
    assert caught.value.exit_code == 2
    return list(caught.value.lines)


def read(text: str | bytes, *overrides: str) -> Config:
    return load_config(mine(text), overrides).config


# --- mistakes -------------------------------------------------------------------------------------------------


MISTAKES = {
    # unknown keys
    "model: {hiden: [1]}": "model.hiden: unknown key; did you mean 'hidden'?",
    "train: {dropout: 0.1}": "train.dropout: unknown key; 'dropout' belongs to 'model'",
    "epochs: 3": "epochs: unknown key; 'epochs' belongs to 'train'; write train: {epochs: 3}",
    "train: {learning_rate: 1}": "train.learning_rate: unknown key; 'learning_rate' belongs to 'train.optimizer'; "
    "write optimizer: {learning_rate: 1}",
    "data: {text: review}": "data.text: unknown key; did you mean 'text_column'?",
    "data: {init: he}": "data.init: unknown key; 'init' belongs to 'model.embedding' or 'model'",
    "train: {model: {}}": "train.model: unknown key; 'model' belongs to 'the top level'",
    "train: {hiden: [1]}": "train.hiden: unknown key; did you mean 'model.hidden'?",
    "train.epochs: 3": "train.epochs: unknown key; a config is nested; write train: {epochs: 3}",
    "model.embedding: {dim: 2}": "model.embedding: unknown key; a config is nested; write model: {embedding: {dim: 2}}",
    "train: {optimizer.learning_rate: 1}": "train.optimizer.learning_rate: unknown key; a config is nested; write "
    "optimizer: {learning_rate: 1}",
    "train.lr: 1": "train.lr: unknown key; a config is nested; did you mean train: {optimizer: {learning_rate: 1}}?",
    "Train: {}": "Train: unknown key; did you mean 'train'?",
    "text: {qqq: 1}": "text.qqq: unknown key; choose from lowercase, folding, classes, ngrams, min_count, "
    "min_groups, names, max_features, presence, shifters, affixes",
    "train: {optimizer: {lr: 1}}": "train.optimizer.lr: unknown key; did you mean 'learning_rate'?",
    '{"a\\nb": 1}': "'a\\nb': unknown key; choose from data, text, pretrain, model, train",
    # whole numbers
    "train: {epochs: three}": "train.epochs: 'three' is not a whole number; give a whole number of at least 1",
    "train: {epochs: '3'}": "train.epochs: '3' is not a whole number; write 3 without quotes",
    "train: {epochs: 2.5}": "train.epochs: 2.5 is not a whole number; give a whole number of at least 1",
    "train: {epochs: true}": "train.epochs: true is not a whole number; give a whole number of at least 1",
    "train: {epochs: null}": "train.epochs: null is not a whole number; give a whole number of at least 1",
    "train: {epochs: [3]}": "train.epochs: [3] is not a whole number; give a whole number of at least 1",
    "train: {epochs: {n: 3}}": "train.epochs: a mapping is not a whole number; give a whole number of at least 1",
    "train: {epochs: .inf}": "train.epochs: inf is not a whole number; give a whole number of at least 1",
    "train: {epochs: 0}": "train.epochs: 0 is too small; give a whole number of at least 1",
    "text: {ngrams: 4}": "text.ngrams: 4 is too large; give a whole number of at least 1 and at most 3",
    "text: {max_features: 0}": "text.max_features: 0 is too small; give a whole number of at least 1",
    "text: {max_features: all}": "text.max_features: 'all' is not a whole number or null; "
    "give a whole number of at least 1 or null",
    "train: {seed: 9223372036854775808}": "train.seed: 9223372036854775808 is too large; "
    "give a whole number of at least 0 and below 9223372036854775808",
    # numbers
    "train: {optimizer: {learning_rate: fast}}": "train.optimizer.learning_rate: 'fast' is not a number; "
    "give a number above 0",
    "train: {optimizer: {learning_rate: '1e-3'}}": "train.optimizer.learning_rate: '1e-3' is not a number; "
    "write 1e-3 without quotes",
    "train: {optimizer: {learning_rate: 0}}": "train.optimizer.learning_rate: 0 is too small; give a number above 0",
    "train: {optimizer: {learning_rate: .nan}}": "train.optimizer.learning_rate: nan is not a number; "
    "give a number above 0",
    "train: {optimizer: {learning_rate: true}}": "train.optimizer.learning_rate: true is not a number; "
    "give a number above 0",
    "model: {dropout: 1}": "model.dropout: 1 is too large; give a number of at least 0 and below 1",
    "train: {schedule: {final: 1.5}}": "train.schedule.final: 1.5 is too large; "
    "give a number of at least 0 and at most 1",
    "data: {validation: 1.5}": "data.validation: 1.5 is too large; give a number of at least 0 and below 1",
    "data: {validation: '0.1'}": "data.validation: '0.1' is not a number; write 0.1 without quotes",
    "data: {validation: true}": "data.validation: true is not a number or text; "
    "give a number of at least 0 and below 1 or text",
    "train: {learning_rates: {output: x}}": "train.learning_rates.output: 'x' is not a number; "
    "give a number of at least 0",
    "train: {learning_rates: {hidden.0: -1}}": "train.learning_rates.hidden.0: -1 is too small; "
    "give a number of at least 0",
    "train: {learning_rates: 1}": "train.learning_rates: 1 is not a mapping; "
    "give a mapping from names to numbers of at least 0",
    # true and false
    "text: {lowercase: yes}": "text.lowercase: 'yes' is not true or false; write true",
    "text: {lowercase: Off}": "text.lowercase: 'Off' is not true or false; write false",
    "text: {lowercase: 1}": "text.lowercase: 1 is not true or false; write true",
    "text: {lowercase: 0}": "text.lowercase: 0 is not true or false; write false",
    "text: {lowercase: 2}": "text.lowercase: 2 is not true or false",
    "text: {lowercase: 'true'}": "text.lowercase: 'true' is not true or false; write true without quotes",
    "model: {dropout: 50%}": "model.dropout: '50%' is not a number; write 0.5",
    "model: {dropout: '12,5 %'}": "model.dropout: '12,5 %' is not a number; write 0.125",
    "model: {dropout: '0,5'}": "model.dropout: '0,5' is not a number; write 0.5",
    "model: {dropout: 1/4}": "model.dropout: '1/4' is not a number; write 0.25",
    "model: {dropout: 150%}": "model.dropout: '150%' is not a number; give a number of at least 0 and below 1",
    "train: {epochs: 1_000}": "train.epochs: '1_000' is not a whole number; write 1000",
    "train: {epochs: '2,000,000'}": "train.epochs: '2,000,000' is not a whole number; write 2000000",
    "train: {epochs: 50%}": "train.epochs: '50%' is not a whole number; give a whole number of at least 1",
    "data: {validation: 10%}": "data.validation: '10%' is not a number; write validation: 0.1 there, or "
    "--set data.validation=0.1 in the command",
    "data: {validation: 1/10}": "data.validation: '1/10' is not a number; write validation: 0.1 there, or "
    "--set data.validation=0.1 in the command",
    "text: {classes: all}": "text.classes: 'all' is not a list; give a list of url, email, mention, number",
    "text: {classes: url}": "text.classes: 'url' is not a list; write ['url']",
    "train: {freeze: all}": "train.freeze: 'all' is not a layer of this model, which has embedding, hidden.0, output; "
    "give a list of these",
    "train: {freeze: [all]}": "train.freeze: 'all' is not a layer of this model, which has embedding, hidden.0, "
    "output; give a list of these",
    "model: {hidden: 1.5}": "model.hidden: 1.5 is not a list; give a list of whole numbers of at least 1",
    "model: {hidden: true}": "model.hidden: true is not a list; give a list of whole numbers of at least 1",
    "model: {hidden: -3}": "model.hidden: -3 is not a list; give a list of whole numbers of at least 1",
    "model: {hidden: [], residual: true}": "model.residual: it is for hidden layers, and there are none; write "
    "--set model.hidden=[16], or --set model.residual=false",
    "train: epochs:3": "train: 'epochs:3' is not a mapping; write a space after the colon: epochs: 3",
    "train: [{epochs: 3}, {seed: 1}]": "train: [a mapping, a mapping] is not a mapping; leave out the '-' before its "
    "keys",
    # text
    "data: {text_column: 5}": "data.text_column: 5 is not text or a list; write '5'",
    "data: {text_column: ''}": "data.text_column: '' is empty; give text or a list of texts",
    "data: {text_column: }": "data.text_column: null is not text or a list; give text or a list of texts",
    "data: {source: 5}": "data.source: 5 is not text or a list; write '5'",
    "data: {source: [a, 5]}": "data.source: 5 is not text; write '5'",
    "data: {source: []}": "data.source: [] is empty; give text or a list of texts",
    # choices
    "train: {loss: crossentropy}": "train.loss: 'crossentropy' is not one of cross_entropy, squared_error; "
    "did you mean 'cross_entropy'?",
    "train: {loss: 1}": "train.loss: 1 is not one of cross_entropy, squared_error",
    "train: {optimizer: adan}": "train.optimizer: 'adan' is not one of sgd, momentum, nesterov, adagrad, "
    "rmsprop, adam, "
    "adamw; did you mean 'adam'?",
    "train: {optimizer: {name: Adam}}": "train.optimizer.name: 'Adam' is not one of sgd, momentum, nesterov, adagrad, "
    "rmsprop, adam, adamw; did you mean 'adam'?",
    "train: {schedule: [linear]}": "train.schedule: ['linear'] is not one of constant, step, linear, cosine, "
    "plateau or "
    "a mapping; give one of constant, step, linear, cosine, plateau or a mapping with the keys name, warmup, every, "
    "factor, patience, final",
    "train: {class_weight: balance}": "train.class_weight: 'balance' is not balanced or a mapping or null; "
    "did you mean 'balanced'?",
    "train: {class_weight: {negative: 0}}": "train.class_weight.negative: 0 is too small; give a number above 0",
    "train: {early_stopping: often}": "train.early_stopping: 'often' is not a whole number or a mapping or null; "
    "give a whole number of at least 1 or a mapping with the keys metric, patience or null",
    "train: {early_stopping: 0}": "train.early_stopping: 0 is too small; give a whole number of at least 1",
    # lists and mappings
    "model: {hidden: 16}": "model.hidden: 16 is not a list; write [16]",
    "model: {hidden: 0}": "model.hidden: 0 is not a list; write []",
    "model: {hidden: null}": "model.hidden: null is not a list; write []",
    "model: {hidden: none}": "model.hidden: 'none' is not a list; write []",
    "train: {loss: mse}": "train.loss: 'mse' is not one of cross_entropy, squared_error; did you mean 'squared_error'?",
    "train: {optimizer: sgd, learning_rate: 0.5}": "train.learning_rate: unknown key; 'learning_rate' belongs to "
    "'train.optimizer'; write optimizer: {name: sgd, learning_rate: 0.5}",
    "train: {optimizer: {name: adam}, learning_rate: 0.5}": "train.learning_rate: unknown key; 'learning_rate' belongs "
    "to 'train.optimizer'; write optimizer: {name: adam, learning_rate: 0.5}",
    "model: {hidden: wide}": "model.hidden: 'wide' is not a list; give a list of whole numbers of at least 1",
    "model: {hidden: '32, 16'}": "model.hidden: '32, 16' is not a list; write [32, 16]",
    "train: {freeze: output}": "train.freeze: 'output' is not a list; write ['output']",
    "model: {hidden: {32, 16}}": "model.hidden: a mapping is not a list; give a list of whole numbers of at least 1",
    "model: {hidden: [16, 0]}": "model.hidden: 0 is too small; give a whole number of at least 1",
    "model: {hidden: [wide]}": "model.hidden: 'wide' is not a whole number; give a whole number of at least 1",
    "model: {embedding: 16}": "model.embedding: 16 is not a mapping; "
    "give a mapping with the keys dim, pooling, padding, init, vectors",
    "data: shop.csv": "data: 'shop.csv' is not a mapping; write {source: shop.csv}",
    "text: words": "text: 'words' is not a mapping; "
    "give a mapping with the keys lowercase, folding, classes, ngrams, min_count, min_groups, "
    "names, max_features, presence, shifters, affixes",
    "text: {names: false, lowercase: false}": "text.names: names are found by their capitals, among words in "
    "lower case; write --set text.lowercase=true, or --set text.names=true",
    # groups
    "text: {min_groups: 2}": "text.min_groups: no column says which reviews belong together (film, product, author); "
    "name it with --set data.group_column=NAME, or write --set text.min_groups=1",
    "data: {group_column: film, block_size: 5}": "data.block_size: data.group_column says which reviews stay together; "
    "write --set data.block_size=1",
    "data: {group_column: film, group_similar: true}": "data.group_similar: data.group_column says which reviews stay "
    "together; remove this, or write --set data.group_column=null",
    "data: {block_size: 5, group_similar: true}": "data.group_similar: data.block_size says which reviews stay "
    "together; remove this, or write --set data.block_size=1",
    # labels
    "data: {labels: {negative: 0}}": "data.labels: 'positive' missing; give it",
    "data: {labels: {4: positive}}": "data.labels.4: unknown key; write it the other way round: positive: [4]",
    "data: {labels: {}}": "data.labels: 'negative' and 'positive' missing; give both",
    "data: {labels: {negative: 0, positive: []}}": "data.labels.positive: [] is empty; "
    "give a list of values or text, a number, true or false",
    "data: {labels: {negative: 0, positive: [[1]]}}": "data.labels.positive: [1] is not text, a number, true or false",
    "data: {labels: {negative: '', positive: [null]}}": "data.labels.positive: '' is in negative too; keep it in one "
    "list",
    "data: {labels: {negative: [0, 1], positive: 1}}": "data.labels.positive: 1 is in negative too; keep it in "
    "one list",
    "data: {labels: {negative: <=0.5, positive: '>=0.5'}}": "data.labels.positive: '>=0.5' and '<=0.5', which is in "
    "negative, have numbers in common; separate them",
    "data: {labels: {negative: [0, 0.5], positive: '>=0.5'}}": "data.labels.positive: '>=0.5' and 0.5, which is in "
    "negative, have numbers in common; separate them",
    "data: {labels: {negative: =<0.4, positive: '>=0.6'}}": "data.labels.negative: '=<0.4' is no range; write it as "
    '">=0.6", "<=0.4" or ">0.4,<0.6"',
    "data: {labels: {negative: '<=0,4', positive: '>=0.6'}}": "data.labels.negative: '<=0,4' is no range; write it as "
    '">=0.6", "<=0.4" or ">0.4,<0.6"',
    "data: {labels: {negative: '<0.4,>0.6', positive: 1}}": "data.labels.negative: '<0.4,>0.6' is no range; write it "
    'as ">=0.6", "<=0.4" or ">0.4,<0.6"',
    "data: {labels: {negative: no, positive: yes, ignore: No}}": "data.labels.ignore: 'No' is in negative too, "
    "as 'no'; keep it in one list",
    "data: {labels: {negative: [1, neg], positive: [2, '1.0']}}": "data.labels.positive: '1.0' is in negative too, "
    "as 1; keep it in one list",
    "data: {labels: {negative: 0, positive: ' Pos ', ignore: __label__pos}}": "data.labels.ignore: '__label__pos' is "
    "in positive too, as ' Pos '; keep it in one list",
    "data: {labels: [1, 2, 1]}": "data.labels: [1, 2, 1] has a class twice; name each once",
    "data: {labels: [a, b]}": "data.labels: two classes in order are called negative and positive, and "
    "the worse one is first (if they have no order: --set data.ordered=false); write "
    "labels: {negative: [a], positive: [b]} there, or --set 'data.labels={negative: [a], positive: [b]}' "
    "in the command",
    "data: {labels: [pos, neg]}": "data.labels: two classes in order are called negative and positive; write "
    "labels: {negative: [neg], positive: [pos]} there, or --set 'data.labels={negative: [neg], positive: [pos]}' "
    "in the command",
    "data: {labels: {negative: 0, neutral: 1, postive: 2}}": "data.labels.postive: unknown key; did you mean "
    "'positive'?",
    "data: {labels: {a: 0, b: 1, c: 2, ignored: 3}}": "data.labels.ignored: unknown key; did you mean 'ignore'?",
    "data: {labels: {positive: 5, neutral: 3, negative: 1, ignore: 0}}": "data.labels: the classes are in order from "
    "the worst to the best; write labels: {negative: [1], neutral: [3], positive: [5], ignore: [0]} there, or "
    "--set 'data.labels={negative: [1], neutral: [3], positive: [5], ignore: [0]}' in the command",
    "data: {labels: {negative: [...], positive: [1]}}": "data.labels.negative: ... is a placeholder; "
    "write the labels of the data that are negative",
    # settings that do not fit together
    "train: {optimizer: {momentum: 0.5}}": "train.optimizer.momentum: adagrad does not use it; "
    "remove it, or choose momentum or nesterov",
    "train: {schedule: {name: step, final: 0.5}}": "train.schedule.final: step does not use it; "
    "remove it, or choose linear or cosine",
    "model: {residual: true, hidden: [8, 4]}": "model.residual: no hidden layer is as wide as its input (16 -> "
    "8 -> 4); "
    "make model.embedding.dim or a width equal to the next one, or write --set model.residual=false",
    "{train: {early_stopping: 2}, data: {validation: 0}}": "train.early_stopping: needs validation data; "
    "hold reviews out with --set data.validation=0.1",
    "{train: {schedule: plateau}, data: {validation: 0.0}}": "train.schedule.name: plateau needs validation data; "
    "hold reviews out with --set data.validation=0.1",
    "train: {freeze: [embeding]}": "train.freeze: 'embeding' is not a layer of this model, which has "
    "embedding, hidden.0, output; did you mean 'embedding'?",
    "{train: {learning_rates: {hidden.0: 1}}, model: {hidden: []}}": "train.learning_rates.hidden.0: 'hidden.0' is not "
    "a layer of this model, which has embedding, output",
    # keys given twice
    "{train: {seed: 1, seed: 2}}": "train.seed: given twice, first in line 1; keep one",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_has_a_message_with_its_repair(text):
    assert complaints(text) == [f"mine.yaml:1: {MISTAKES[text]}"]


@pytest.mark.parametrize("value", ["1000000001", "9" * 4000, "1e308", "4611686018427387904"])
@pytest.mark.parametrize("key", ["train.epochs", "model.embedding.padding", "text.max_features", "pretrain.dim"])
def test_absurd_numbers_are_refused_in_a_short_line(key, value):
    (line,) = complaints("", f"{key}={value}")
    least = 0 if key.endswith("padding") else 1
    assert line.endswith(f"is too large; give a whole number of at least {least} and at most 1000000000")
    assert len(line) < 400


def test_all_mistakes_are_reported_at_once_in_the_order_of_lines():
    text = """\
    # my first config
    data:
      validation: 0
      soruce: imdb
    model:
      hiden: [16]
      hidden:
        - 8
        - 0
      residual: true
    train:
      epochs: three
      loss: crossentropy
      early_stopping: 2
      freeze: [output, hidden.3]
      optimizer:
        name: sgd
        momentum: 0.9
      epochs: 4
    """
    assert complaints(text, "text.ngrams=5", "train.x=1", "oops") == [
        "mine.yaml:4: data.soruce: unknown key; did you mean 'source'?",
        "mine.yaml:6: model.hiden: unknown key; did you mean 'hidden'?",
        "mine.yaml:9: model.hidden: 0 is too small; give a whole number of at least 1",
        "mine.yaml:12: train.epochs: 'three' is not a whole number; give a whole number of at least 1",
        "mine.yaml:13: train.loss: 'crossentropy' is not one of cross_entropy, squared_error; "
        "did you mean 'cross_entropy'?",
        "mine.yaml:14: train.early_stopping: needs validation data; hold reviews out with --set data.validation=0.1",
        "mine.yaml:18: train.optimizer.momentum: sgd does not use it; remove it, or choose momentum or nesterov",
        "mine.yaml:19: train.epochs: given twice, first in line 12; keep one",
        "--set text.ngrams=5: 5 is too large; give a whole number of at least 1 and at most 3",
        "--set train.x=1: unknown key; choose from " + ", ".join(config_schema.Train.model_fields),
        "--set oops: not KEY=VALUE; write for example --set train.epochs=5",
    ]  # and nothing of residual and freeze, which hang on the widths that are wrong


def test_a_long_value_is_shortened():
    (line,) = complaints(f"train: {{loss: {'x' * 1000}}}")
    assert line.startswith(f"mine.yaml:1: train.loss: '{'x' * 49}...' is not one of")
    assert len(complaints(f"train: {{epochs: [{'1, ' * 1000}]}}")[0]) < 200
    for text in f"-{'1' * 4000}", f"'{'1' * 4000}'", "x" * 4000:
        assert len(complaints(f"train: {{epochs: {text}}}")[0]) < 200
        assert len(complaints(f"model: {{hidden: {text}}}")[0]) < 200
    assert len(complaints(f"? {'x' * 4000}\n: 1")[0]) < 200


def test_many_mistakes_are_found_quickly():
    lines = complaints("\n".join(f"key{i}: {i}" for i in range(3000)))
    assert len(lines) == MOST + 1
    assert lines[-1] == "mine.yaml: 2,950 more mistakes"


def test_the_same_rules_apply_in_python():
    with pytest.raises(ValidationError, match=r"train\.optimizer\.momentum: sgd does not use it"):
        Config.model_validate({"train": {"optimizer": {"name": "sgd", "momentum": 0.9}}})
    with pytest.raises(ValidationError):
        Config().train.epochs = 4  # type: ignore[misc]
    assert Config.model_validate({"train": {"optimizer": "adam"}}).train.optimizer == Optimizer(name="adam")


# --- files ----------------------------------------------------------------------------------------------------


def test_an_empty_file_has_all_the_defaults():
    for text in "", "# nothing\n", "---\n", "{}", "train:\nmodel:\n  embedding:\n":
        assert read(text) == Config()


def test_names_and_paths(here):
    assert load_config("imdb").config.train.epochs == 5
    assert load_config("imdb").path == here / "shipped" / "imdb.yaml"
    assert load_config("imdb").origins["train.epochs"] == "configs/imdb.yaml:4"
    mine("train: {epochs: 7}")
    for name in "mine.yaml", "./mine.yaml", here / "mine.yaml":
        loaded = load_config(name)
        assert (loaded.config.train.epochs, loaded.path) == (7, Path(name))
        assert loaded.origins["train.epochs"] == f"{name}:1"
    (here / "imdb").write_text("train: {epochs: 9}")  # a file of a shipped name is meant only by its path
    assert load_config("imdb").config.train.epochs == 5
    assert load_config("./imdb").config.train.epochs == 9


def test_files_that_cannot_be_read(here):
    (here / "runs").mkdir()
    for name in "deep.yml", "shop.csv":
        (here / name).touch()
    for name, message in {
        "imbd": "imbd: no such file; shipped: deep, imdb; did you mean imdb?",
        "imbd.yaml": "imbd.yaml: no such file; give the path of a YAML file, or a name that `sentibp config list` "
        "prints",
        "imdb.yaml": "imdb.yaml: no such file; did you mean imdb?",
        "deeper.yml": "deeper.yml: no such file; did you mean deep.yml?",
        "./deeper.yml": "./deeper.yml: no such file; did you mean ./deep.yml?",
        "configs/imbd.yaml": "configs/imbd.yaml: no such file, and no folder configs; give the path of a YAML file",
        "shpo.csv": "shpo.csv: no such file; did you mean shop.csv? It is data, not a config; write a config for it: "
        "sentibp init shop.csv",
        "shop.csv": "shop.csv: a file of data, not a config; write a config for it: sentibp init shop.csv",
        "zebra.csv": "zebra.csv: no such file; a config is a YAML file, which `sentibp init FILE` writes for a file of "
        "reviews",
        "shpo": "shpo: no such file; shipped: deep, imdb; did you mean shop.csv?",
        "x" * 5000: "x" * 60 + "…: no such file; shipped: deep, imdb",
        "runs": "runs: a folder; give a file; if it has reviews, write a config for them: sentibp init runs",
    }.items():
        with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
            load_config(name)
    (here / "runs" / "config.yaml").touch()
    with pytest.raises(ConfigError, match=r"^runs: a folder; give a file, such as 'runs/config.yaml'$"):
        load_config("runs")
    for path in (here / "shipped").iterdir():
        path.unlink()
    with pytest.raises(ConfigError, match=r"^imdb: no such file$"):
        load_config("imdb")


def test_a_file_with_the_name_of_a_shipped_config_is_said(here):
    """As `cp configs/imdb.yaml .`, edited, and `train imdb`: the shipped one is read, and one line says so."""
    note = "imdb: the config that comes with sentibp, not the file {}; for the file, write {}"
    assert load_config("imdb").notes == ()
    (here / "imdb").write_text("train: {epochs: 7}\n")
    assert load_config("imdb").notes == (note.format("imdb", "./imdb"),)
    assert load_settings("imdb", {}).notes == (note.format("imdb", "./imdb"),)
    assert load_config("./imdb").notes == ()
    assert load_config("./imdb").config.train.epochs == 7
    (here / "imdb.yaml").write_text("train: {epochs: 8}\n")
    loaded = load_config("imdb", ["train.seed=3"])
    assert loaded.config.train.epochs == 5
    assert loaded.notes == (note.format("imdb.yaml", "imdb.yaml"),)
    assert load_config("imdb.yaml").notes == ()
    (here / "default.yaml").touch()
    assert load_config("default").notes == (
        "default: the config that comes with sentibp, not the file default.yaml; for the file, write default.yaml",
    )


def test_the_settings_of_a_run_of_an_earlier_version_are_the_same_in_python(tmp_path):
    """It folded characters in another way, and its config.yaml does not say so."""
    (tmp_path / "config.yaml").write_text("text: {ngrams: 1}\n")
    (tmp_path / "run.json").write_text("{}")
    path = tmp_path / "config.yaml"
    assert load_settings(path, {}) == load_config(path)
    assert load_settings(path, {}).config.text.folding == 1


def test_a_copy_of_a_shipped_config_is_not_worth_a_line(here):
    shutil.copy(here / "shipped" / "imdb.yaml", here / "imdb.yaml")
    assert load_config("imdb").notes == ()
    (here / "deep").mkdir()  # a folder is no config
    assert load_config("deep").notes == ()


def test_shipped_configs_are_listed_with_their_first_comment():
    assert shipped() == [("deep", "Not at the top, but the first."), ("imdb", "The default.")]


# --- YAML -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E5", 1e5),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("+12", 12),
        ("007", 7),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("190:20:30", "190:20:30"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("nan", "nan"),
        ("1" * 5000, math.inf),
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("TRUE", True),
        ("false", False),
        ("~", None),
        ("Null", None),
        ("", None),
        ("2024-01-01", "2024-01-01"),
        ("=", "="),
        ("<<", "<<"),
        ("'1'", "1"),
        ('"\\u00e9\\n"', "é\n"),
        ("C:\\x", "C:\\x"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_values_are_those_of_yaml_1_2(text, value):
    got = yaml_file.parse(f"key: {text}").value["key"]
    assert (got, type(got)) == (value, type(value))


def test_whole_numbers_may_be_written_as_exact_floats_and_floats_as_whole_numbers():
    read_back = read("{train: {epochs: 1e3, batch_size: 32.0, optimizer: {learning_rate: 1}}, data: {validation: 0}}")
    assert (read_back.train.epochs, read_back.train.batch_size) == (1000, 32)
    assert type(read_back.train.epochs) is int
    assert type(read_back.train.optimizer.learning_rate) is float
    assert type(read_back.data.validation) is float


BROKEN = {
    "train:\n\tepochs: 3": "2: a tab; use spaces",
    "train:\n  epochs:\t3": "2: a tab; use spaces",
    "train:\n  seed: 1\n  epochs 3\nmodel: {}": "3: a line without ': '; write 'key: value'",
    "train:\n  epochs 3\n  seed: 1": "3: an unexpected ': '; add a missing ': ' in the line above, "
    "or put text with ': ' in quotes",
    "train:\n  epochs: 3\n seed: 1": "3: a line that does not belong to the one above; check the indentation",
    "model:\n  hidden: [16\n  residual: true": "2: a list that is not closed; write [a, b]",
    "train: {seed: 1": "1: a mapping that is not closed; write {key: value, key: value}",
    "data:\n  source: 'imdb\n": "2: a quote that is never closed; close it",
    "data:\n  source: *.csv": "2: text that begins with * or & needs quotes",
    "data:\n  source: @home": "2: text cannot begin with @; put it in quotes",
    "data:\n  separator: ,": "2: no value before ','; if it is text, put it in quotes",
    "text: {classes: [url,,mention]}": "1: no value before ','; if it is text, put it in quotes",
    "data:\n  separator: > a": "2: text cannot begin with > or |; put it in quotes",
    '[data]\nsource = "x.csv"': "2: text after the end; a config is YAML, with lines such as 'data: {source: FILE}'",
    "%data": "1: text cannot begin with %; put it in quotes",
    "data:\n  source: &a x": "2: anchors and aliases (& and *) are not allowed; write the value out, or put "
    "it in quotes",
    "data:\n  source: *a": "2: anchors and aliases (& and *) are not allowed; write the value out, or put it in quotes",
    "train: {}\nseed: !!int 5": "2: tags (!) are not allowed; remove it, or put the text in quotes",
    "a: !!python/object/apply:os.system [x]": "1: tags (!) are not allowed; remove it, or put the text in quotes",
    "a: 1\n---\nb: 2": "2: a second document; remove the '---'",
    "a: 1\n? [x]\n: 2": "2: a key that is a list or a mapping; a key is plain text",
    "train:\n  epochs: 2\n    seed: 1": "3: a line that begins too far right; indent it as the line above",
    "train:\n  epochs: 2\n  # x\n\n      seed: 1": "5: a line that begins too far right; indent it as the line above",
    'data: {source: "C:\\Users\\x.csv"}': "1: a backslash in double quotes begins an escape; write '...' in place of "
    '"...", or / in a path',
    'data: {source: "D:\\data\\x.csv"}': "1: a backslash in double quotes begins an escape; write '...' in place of "
    '"...", or / in a path',
    'a: "\\UFFFFFFFF"': "1: an escape (\\U...) that names no character; remove it",
    'a: "\\ud800"': "1: an escape (\\ud800 to \\udfff) that is half a character; remove it",
    "a: 1\nb: \x00": "2: a control character; remove it, or write it as an escape in quotes",
    b"a: 1\nb: \xff": "2: not UTF-8 text; save the file as UTF-8",
    "a: 1\n".encode("utf-16"): "1: not UTF-8 text; save the file as UTF-8",
    "[" * 100_000: "1: nested more than 20 levels deep; settings need at most five",
    "{a: " * 20_000: "1: nested more than 20 levels deep; settings need at most five",
    "- " * 40_000: "1: nested more than 20 levels deep; settings need at most five",
    "a: &a [x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b]": "1: anchors and aliases (& and *) are not allowed; write the "
    "value out, or put it in quotes",
    "- train": "1: ['train'] is not a config; begin with 'data:', 'text:', 'pretrain:', 'model:', 'train:'",
    "a good film, positive\n": "1: 'a good film, positive' is not a config; begin with 'data:', 'text:', "
    "'pretrain:', 'model:', 'train:'",
    "false": "1: false is not a config; begin with 'data:', 'text:', 'pretrain:', 'model:', 'train:'",
}


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_broken_yaml_gives_a_message_in_one_line(text):
    assert complaints(text) == [f"mine.yaml:{BROKEN[text]}"]


def test_a_long_file_is_refused():
    """And not read: what is longer than a config ever is takes its time to be refused line by line."""
    assert complaints("# comment\n" * 10_001) == ["mine.yaml: longer than 100 kB; give a config, not data"]


def test_byte_order_mark_and_windows_line_ends():
    assert read("\ufefftrain:\r\n  epochs: 4\r\n".encode()).train.epochs == 4


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=60) | st.text("[]{}:,-#&*!|>'\"%@` \n\tab0?", max_size=30))
def test_any_text_is_read_or_gives_a_config_error(text):
    try:
        yaml_file.parse(text)
    except yaml_file.YamlError as error:
        assert 1 <= error.line <= text.count("\n") + text.count("\r") + len(re.findall("[\x85\u2028\u2029]", text)) + 2
        assert str(error).isprintable()


# --- the command line -----------------------------------------------------------------------------------------


def test_overrides_replace_the_file_and_the_file_replaces_defaults():
    text = "train:\n  epochs: 4\n  seed: 3\n"
    loaded = load_config(mine(text), ["train.epochs=9", "model.hidden=[32,16]", "data.text_column=review"])
    assert (loaded.config.train.epochs, loaded.config.train.seed, loaded.config.train.batch_size) == (9, 3, 64)
    assert loaded.config.model.hidden == [32, 16]
    origins = loaded.origins
    assert (origins["train.epochs"], origins["train.seed"], origins["train.batch_size"]) == (
        "--set",
        "mine.yaml:3",
        "default",
    )
    assert (origins["model.hidden"], origins["data.text_column"], origins["data.source"]) == (
        "--set",
        "--set",
        "default",
    )
    assert load_config("mine.yaml", ["train.epochs=9", "train.epochs=1e1"]).config.train.epochs == 10


def test_origins_name_every_setting_that_has_an_effect():
    loaded = load_config(
        mine(
            """\
            data:
              labels:
                negative: 0
                positive: [1]
            train:
              optimizer: adam
              schedule:
                name: step
                every: 2
              early_stopping: 3
              class_weight: balanced
              learning_rates:
                hidden.0: 0.5
            """
        ),
        ["train.schedule.factor=0.1", "train.optimizer.beta1=0.8", "train.learning_rates.output=2"],
    )
    given_by = {key: origin for key, origin in loaded.origins.items() if origin != "default"}
    assert given_by == {
        "data.labels.negative": "mine.yaml:3",
        "data.labels.positive": "mine.yaml:4",
        "train.class_weight": "mine.yaml:11",
        "train.optimizer.name": "mine.yaml:6",
        "train.optimizer.beta1": "--set",
        "train.schedule.name": "mine.yaml:8",
        "train.schedule.every": "mine.yaml:9",
        "train.schedule.factor": "--set",
        "train.early_stopping.patience": "mine.yaml:10",
        "train.learning_rates.hidden.0": "mine.yaml:13",
        "train.learning_rates.output": "--set",
    }
    assert loaded.origins["train.early_stopping.metric"] == "default"
    assert "train.optimizer.momentum" not in loaded.origins
    assert "model.embedding.dim" in loaded.origins


def test_a_bare_name_is_kept_when_a_setting_is_put_below_it():
    text = "train: {schedule: cosine, early_stopping: 3}"
    train = read(text, "train.schedule.warmup=0.1", "train.early_stopping.metric=f1").train
    assert train.schedule == Schedule(name="cosine", warmup=0.1)
    assert (train.early_stopping.patience, train.early_stopping.metric) == (3, "f1")
    assert read("train: {early_stopping: null}", "train.early_stopping.patience=4").train.early_stopping.patience == 4
    assert read("", "train.class_weight.positive=2").train.class_weight == {"negative": 1, "positive": 2}
    assert read("train: {early_stopping: 3}", "train.early_stopping=null").train.early_stopping is None


def test_a_whole_mapping_can_be_replaced():
    text = "train: {optimizer: {name: momentum, momentum: 0.5, learning_rate: 0.3}}"
    assert read(text, "train.optimizer=adam").train.optimizer == Optimizer(name="adam")
    assert read(text, "train.optimizer={name: adam, beta1: 0.5}").train.optimizer == Optimizer(name="adam", beta1=0.5)
    assert read("train: {learning_rates: {output: 2}}", "train.learning_rates={}").train.learning_rates == {}


def test_an_override_of_the_method_drops_the_settings_of_the_old_one():
    text = "train: {optimizer: {name: momentum, momentum: 0.5, learning_rate: 0.3}, schedule: {name: step, every: 2}}"
    train = read(text, "train.optimizer.name=sgd", "train.schedule.name=cosine").train
    assert train.optimizer == Optimizer(name="sgd", learning_rate=0.3)
    assert train.schedule == Schedule(name="cosine")
    assert read(text, "train.optimizer.name=nesterov").train.optimizer.momentum == 0.5
    assert complaints(text, "train.optimizer.name=sgd", "train.optimizer.momentum=0.9") == [
        "--set train.optimizer.momentum=0.9: sgd does not use it; remove it, or choose momentum or nesterov"
    ]
    assert complaints(text.replace("momentum: 0.5", "momenta: 0.5"), "train.optimizer.name=sgd") == [
        "mine.yaml:1: train.optimizer.momenta: unknown key; did you mean 'momentum'?"
    ]
    assert complaints("train: {optimizer: {name: sgd, momentum: 0.5}}", "train.optimizer.learning_rate=1") == [
        "mine.yaml:1: train.optimizer.momentum: sgd does not use it; remove it, or choose momentum or nesterov"
    ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.epochs=three", "'three' is not a whole number; give a whole number of at least 1"),
        ("train.optimiser=sgd", "unknown key; did you mean --set train.optimizer=sgd?"),
        ("train.optimizer=adan", None),
        ("train.optimizer={lr: 1}", None),
        ("train.epochs=", "null is not a whole number; give a whole number of at least 1"),
        ("model.hidden=[16", "a list that is not closed; write [a, b]"),
        ("model.hidden=16", "16 is not a list; write --set model.hidden=[16]"),
        ("model.hidden=32,16", "'32,16' is not a list; write --set model.hidden=[32,16]"),
        ("model.hidden=32 16", "'32 16' is not a list; write --set model.hidden=[32,16]"),
        ("model.hidden=[32,'16']", "'16' is not a whole number; write --set model.hidden=[32,16]"),
        ("train.freeze=output", "'output' is not a list; write --set train.freeze=[output]"),
        ("text.lowercase=no", "'no' is not true or false; write --set text.lowercase=false"),
        ("data.text_column=5", "5 is not text or a list; write --set 'data.text_column=\"5\"'"),
        (
            "model.activation=relux",
            "'relux' is not one of relu, tanh, sigmoid; did you mean --set model.activation=relu?",
        ),
        ("data.labels.neg=0", "unknown key; did you mean --set data.labels.negative=0?"),
        ("data={labels: {neg: 0, pos: 1}}", "data.labels.neg: unknown key; did you mean 'negative'?"),
        ("model.hidden.0=16", "model.hidden: a mapping is not a list; give a list of whole numbers of at least 1"),
        ("train={seed: 1, seed: 2}", "train.seed: given twice, first in line 1; keep one"),
        ("train.epochs", "not KEY=VALUE; write for example --set train.epochs=5"),
        ("=5", "not KEY=VALUE; write for example --set train.epochs=5"),
        ("train..epochs=5", "not KEY=VALUE; write for example --set train.epochs=5"),
        ("train=5", None),
        ("train.optimizer.name=[]", None),
        ("model.dropout=50%", "'50%' is not a number; write --set model.dropout=0.5"),
        ("model.dropout=0,5", "'0,5' is not a number; write --set model.dropout=0.5"),
        ("data.validation=20 %", "'20 %' is not a number; write --set data.validation=0.2"),
        ("text.classes=all", "'all' is not a list; give a list of url, email, mention, number"),
        ("model.batch_norm=1", "1 is not true or false; write --set model.batch_norm=true"),
        (
            "train.learning_rates.hidden.7=1",
            "'hidden.7' is not a layer of this model, which has embedding, hidden.0, output",
        ),
    ],
)
def test_mistakes_on_the_command_line(override, message):
    line = complaints("train: {epochs: 2}", override)[0]
    assert line.startswith(f"--set {override}: {message or ''}")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        *(("data.separator", mark) for mark in (",", "|", ":", "#", "&", "*", "!", "%", "@", "`", "-", ">", "?")),
        *(
            ("data.text_column", name)
            for name in ("@text", "#text", "a: b", "Item #1", "a #b", "*", "%x", "> a", "- a")
        ),
        *(("data.label_column", name) for name in ("5", "true", "!x", "&y", "{a}", "a: b")),
        ("data.source", "reviews #2.csv"),
        ("data.source", "@new.csv"),
        ("data.group_column", "#id"),
        ("pretrain.text_column", "?: b"),
    ],
)
def test_text_with_a_sign_of_yaml_gets_the_quotes_to_type(key, text):
    """What the shell passes on has no quotes. The line has the option that says the same with quotes for YAML."""
    section, name = key.split(".")
    try:
        load_config("default", [f"{key}={text}"])
        typed = [f"{key}={text}"]
    except ConfigError as error:
        typed = shlex.split(re.search(r"write (--set .*)", str(error))[1])[1:]
    found = getattr(getattr(load_config("default", typed).config, section), name)
    assert found == text or (found, text) == (["a"], "- a")  # a list of columns


@pytest.mark.parametrize(
    ("override", "right"),
    [
        ("optimizer.lr=0.1", "train.optimizer.learning_rate=0.1"),
        ("train.optimizer.lr=0.1", "train.optimizer.learning_rate=0.1"),
        ("train.lr=0.1", "train.optimizer.learning_rate=0.1"),
        ("lr=0.1", "train.optimizer.learning_rate=0.1"),
        ("learning-rate=0.1", "train.optimizer.learning_rate=0.1"),
        ("epochs=3", "train.epochs=3"),
        ("trian.epochs=3", "train.epochs=3"),
        ("batchsize=4", "train.batch_size=4"),
        ("model.hidden_size=8", "model.hidden=[8]"),
        ("train.hidden=[8]", "model.hidden=[8]"),
        ("schedule.patience=3", "train.schedule.patience=3"),
        ("model.dim=9", "model.embedding.dim=9"),
        ("optimizer=adam", "train.optimizer=adam"),
        ("dim=4", "pretrain.dim=4 or --set model.embedding.dim=4"),
        ("data.text=my column", "data.text_column=my column"),
    ],
)
def test_other_names_of_settings_on_the_command_line(override, right):
    """The repair can be typed. Names of other libraries and wrong sections are known."""
    option = f"--set '{right}'" if " " in right.partition(" or ")[0] else f"--set {right}"
    assert complaints("", override)[-1] == f"--set {override}: unknown key; did you mean {option}?"
    if " or " not in right:
        with contextlib.suppress(ConfigError):  # a setting that this optimizer or schedule does not use
            read("", right)


@pytest.mark.parametrize("override", ["\udcffmodel.hidden=[2]", "model.\ud800=1", "data.source=\udcff", "\udcff"])
def test_invalid_utf_8_on_the_command_line(override):
    """As a shell hands them over: what is no UTF-8 cannot be written to config.yaml either."""
    (line,) = complaints("train: {epochs: 2}", override)
    assert line.endswith(": not UTF-8; write it in letters that are")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[1, 2, 3, 4, 5]", ["1", "2", "3", "4", "5"]),
        ("[negative, neutral, positive]", ["negative", "neutral", "positive"]),
        ("[very negative, negative, neutral, positive, very positive]", None),
        ("[negativ, neutral, positiv]", ["negativ", "neutral", "positiv"]),
        ("[positive, Negative]", ["negative", "positive"]),
        ("{1: [0], 2: 1, 3: [2, x]}", ["1", "2", "3"]),
        ("{neg: 0, neutral: [1], pos: 2}", ["neg", "neutral", "pos"]),
        ("{ignore: 9, bad: 0, fair: [1], good: 2}", ["bad", "fair", "good", "ignore"]),
    ],
)
def test_names_of_classes(text, names):
    labels = read(f"data: {{labels: {text}}}").data.labels
    assert list(labels) == (names or text[1:-1].split(", "))
    assert all(labels.values())


def test_settings_of_other_classes():
    three = "data: {labels: [a, b, c]"
    assert complaints(three + ", ordered: false}\nmodel: {output: scale}") == [
        "mine.yaml:2: model.output: scale is for classes in order, and data.ordered is false; "
        "write --set model.output=auto"
    ]
    assert complaints(three + "}\ntrain: {early_stopping: {metric: f1}, class_weight: {a: 2, bb: 1}}") == [
        "mine.yaml:2: train.class_weight.bb: 'bb' is not a class of data.labels, which has a, b, c; did you mean 'b'?",
        "mine.yaml:2: train.early_stopping.metric: f1 is a score of negative and positive; "
        "write --set train.early_stopping.metric=macro_f1",
    ]
    (line,) = complaints("train: {early_stopping: {metric: mae}}")
    assert line.endswith("mae is a score of other classes; write --set train.early_stopping.metric=f1")
    assert complaints(three + "}\ntext: {shifters: true}\nmodel: {hidden: []}") == [
        "mine.yaml:2: text.shifters: shifters are for negative and positive; with other classes, write "
        "--set text.shifters=false"
    ]
    assert complaints(three + "}\ntrain: {freeze: [scale]}") == [
        "mine.yaml:2: train.freeze: 'scale' is not a layer of this model, which has embedding, hidden.0, output; "
        "give a list of these"
    ]
    assert read("data: {labels: [1, 2, 3, 4]}\ntrain: {freeze: [scale]}").train.freeze == ["scale"]


def test_other_defaults_of_more_than_two_classes():
    """They are no settings that were given: one that is given counts, and so does the network to start from."""
    three = "data: {labels: [a, b, c]}\n"
    for text, pooling, learning_rate in (
        ("", "mean", 0.03),
        ("data: {labels: {negative: [1], positive: [2], ignore: [3]}}", "mean", 0.03),
        (three, "sqrt", 0.01),
        (three + "train: {optimizer: adam}", "sqrt", 0.01),
        (three + "train: {optimizer: {learning_rate: 0.03}}\nmodel: {embedding: {dim: 8}}", "sqrt", 0.03),
        (three + "model: {embedding: {pooling: mean}}", "mean", 0.01),
        (three + "model: {init_from: run}", "mean", 0.03),
    ):
        config = read(text)
        assert (config.model.embedding.pooling, config.train.optimizer.learning_rate) == (pooling, learning_rate)
        assert Config.model_validate(config.model_dump()) == config
        assert Config.model_validate(config.model_dump(exclude_unset=True)) == config
    resolved = load_config(mine(three))
    assert resolved.origins["model.embedding.pooling"] == resolved.origins["train.optimizer.learning_rate"] == "default"
    assert read("").train.optimizer.learning_rate == 0.03  # the default itself has not changed
    assert read("", "data.labels=[1, 2, 3]").model.embedding.pooling == "sqrt"


@pytest.mark.parametrize(
    ("classes", "more", "dim", "hidden"),
    [
        (8, "", 16, [16]),
        (9, "", 16, [18]),
        (20, "", 20, [40]),
        (20, "model: {hidden: []}", 20, []),
        (20, "model: {hidden: [50], embedding: {dim: 30}}", 30, [50]),
        (20, "model: {init_from: run}", 16, [16]),  # the model has its own
    ],
)
def test_a_network_for_many_classes_is_wide_enough_to_start_as_a_linear_classifier(classes, more, dim, hidden):
    """With 20 classes it was not, and answered 0.2 of the texts right where it answers 0.95."""
    labels = ", ".join(f"topic{number}" for number in range(classes))
    config = read(f"data: {{labels: [{labels}], ordered: false}}\n{more}")
    assert (config.model.embedding.dim, config.model.hidden) == (dim, hidden)
    ordered = read(f"data: {{labels: [{', '.join(map(str, range(classes)))}]}}")
    assert (ordered.model.embedding.dim, ordered.model.hidden) == (16, [16]), "two outputs are enough"


# --- the settings of a trained model ----------------------------------------------------------------------------


def test_settings_of_data_over_those_of_a_model():
    trained = read("data: {source: a.csv, text_column: comment, labels: {negative: [0], positive: [4]}}").data
    labels = "data.labels={negative: [0], positive: [4], ignore: [2]}"
    changed = override_data(trained, [labels, "data.label_column=stars"])
    assert changed.labels == {"negative": [0], "positive": [4], "ignore": [2]}
    assert changed.model_copy(update={"labels": trained.labels, "label_column": "label"}) == trained
    assert override_data(trained, []) is trained
    assert override_data(trained, ["data.labels.ignore=2"]) == override_data(trained, [labels])
    assert override_data(trained, ["data.labels=null"]).labels is None


@pytest.mark.parametrize(
    ("override", "repair"),
    [
        ("data.source=a b.csv", "write --data 'a b.csv' instead"),
        ("data.source= [a.csv, b.csv]", "--data takes one source; give the command once for each, with --data"),
        ("data.validation=0.1", "is for a training; leave it out, or name reviews with --data"),
    ],
)
def test_settings_that_an_option_stands_for(override, repair):
    """The option takes one source: neither a list nor a share of reviews can be typed there."""
    options = dict.fromkeys(("data.source", "data.validation"), "--data")
    with pytest.raises(ConfigError) as caught:
        override_data(read("data: {source: a.csv}").data, [override], options)
    assert str(caught.value) == f"--set {override}: {repair}"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.epochs=3", "only settings of data can change here; leave it out"),
        ("text_column=comment", "only settings of data can change here; did you mean --set data.text_column=comment?"),
        ("nonsense", "not KEY=VALUE; write for example --set data.text_column=comment"),
        ("data.text_colum=x", "unknown key; did you mean --set data.text_column=x?"),
        ("data.labels.positive=0", "data.labels.positive: 0 is in negative too; keep it in one list"),
        ("data.text_column=[]", "[] is empty; give text or a list of texts"),
    ],
)
def test_mistakes_in_settings_over_those_of_a_model(override, message):
    trained = read("data: {labels: {negative: [0], positive: [4]}}").data
    with pytest.raises(ConfigError) as caught:
        override_data(trained, [override])
    assert str(caught.value).removeprefix(f"--set {override}: ").removeprefix("data.labels.positive: ") == (
        message.removeprefix("data.labels.positive: ")
    )


# --- earlier names ---------------------------------------------------------------------------------------------


def test_a_setting_may_have_its_earlier_name_in_a_file_and_on_the_command_line():
    loaded = load_config(mine("text:\n  parts: false\n"))
    assert loaded.config == read("text: {affixes: false}")
    assert loaded.origins["text.affixes"] == "mine.yaml:2"
    assert dump.dump(loaded.config) == dump.dump(read("text: {affixes: false}"))
    for override in "text.parts=false", "text={parts: false}", "text.affixes=false":
        assert not read("text: {affixes: true}", override).text.affixes
        assert not read("text: {parts: true}", override).text.affixes
    assert load_config(mine(""), ["text.parts=false"]).origins["text.affixes"] == "--set"


def test_stored_settings_may_have_the_earlier_name():
    stored = Config().model_dump(mode="json")
    stored["text"]["parts"] = not stored["text"].pop("affixes")
    assert not Config.model_validate(stored).text.affixes


def test_a_mistake_at_an_earlier_name_names_the_current_one():
    assert complaints("text:\n  parts: 5\n") == ["mine.yaml:2: text.affixes: 5 is not true or false"]
    assert complaints("", "text.parts=5") == ["--set text.parts=5: text.affixes: 5 is not true or false"]
    twice = "text.affixes: given twice, as 'parts' is the earlier name of 'affixes'; keep one"
    assert complaints("text:\n  affixes: true\n  parts: true\n") == [f"mine.yaml:3: {twice}"]
    assert complaints("", "text={parts: true, affixes: true}") == [
        f"--set text={{parts: true, affixes: true}}: {twice}"
    ]
    with pytest.raises(ValidationError, match="parts"):
        Config.model_validate({"text": {"affixes": True, "parts": True}})


# --- writing --------------------------------------------------------------------------------------------------

DEFAULTS = """\
data:
  source: null
  split: train
  validation: 0.1
  text_column: text
  label_column: label
  weight_column: null
  group_column: null
  block_size: 1
  columns: null
  encoding: null
  sheet: null
  separator: null
  quoting: null
  max_record_mb: 64.0
  labels: null
text:
  lowercase: true
  folding: 2
  classes: []
  ngrams: 2
  min_count: 1
  min_groups: 1
  names: true
  max_features: null
  presence: false
  shifters: false
  affixes: true
pretrain:
  vectors: none
  source: null
  split: unsupervised
  text_column: text
  labelled: null
  dim: 300
  vectors_from: null
  min_count: 10
model:
  embedding: {dim: 16, pooling: mean, padding: 10, init: linear, vectors: null}
  hidden: [16]
  activation: relu
  init: auto
  batch_norm: false
  residual: false
  dropout: 0.0
  init_from: null
train:
  loss: cross_entropy
  class_weight: null
  optimizer: {name: adagrad, learning_rate: 0.03, epsilon: 1e-8, row_wise: true, weight_decay: 0.0, clip_norm: null}
  schedule: {name: linear, warmup: 0.0, final: 0.0}
  epochs: 2
  batch_size: 64
  word_dropout: 0.3
  early_stopping: null
  checkpoint: {every_seconds: 30.0, every_steps: null}
  freeze: []
  learning_rates: {}
  math: fast
  members: 1
  linear_member: false
  calibrate: true
  refit: auto
  seed: 0
  seeds: 1
"""


def test_the_defaults_written_out():
    assert dump.dump(Config()) == DEFAULTS


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20) | st.sampled_from(
    [
        "null",
        "yes",
        "1e3x",
        "~",
        "- a",
        "a: b",
        "# a",
        "*.csv",
        "a, b",
        "[x]",
        "\u2028",
        "\x85",
        "\ufeff",
        " a ",
        "a\n b",
    ]
)
shares = st.floats(0, 1, exclude_max=True)
positive = st.floats(0, exclude_min=True, allow_infinity=False)
counts = st.integers(1, 1_000_000_000)


def some(**optional):
    return st.fixed_dictionaries({}, optional=optional)


@st.composite
def methods(draw, choice, **optional):
    name = draw(st.sampled_from(sorted(choice.uses)))
    unused = choice.unused(name)
    return {"name": name, **draw(some(**{key: value for key, value in optional.items() if key not in unused}))}


optimizers = methods(
    Optimizer,
    learning_rate=positive,
    momentum=shares,
    beta1=shares,
    beta2=shares,
    rho=shares,
    epsilon=positive,
    row_wise=st.booleans(),
    weight_decay=st.floats(0, 1e9),
    clip_norm=st.none() | positive,
)
schedules = methods(
    Schedule,
    warmup=shares,
    every=counts,
    factor=st.floats(0.1, 0.9),
    patience=st.integers(0, 1_000_000_000),
    final=st.floats(0, 1),
)
values = names | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()


@st.composite
def labels(draw):
    kinds = [[], [], []]
    for value in draw(st.lists(values, min_size=2, unique_by=label_key)):
        kinds[draw(st.integers(0, 2))].append(value)
    if not kinds[0] or not kinds[1]:
        return None
    return dict(zip(("negative", "positive", "ignore"), kinds, strict=True))


configs = some(
    data=some(
        source=names | st.lists(names, min_size=1, max_size=3),
        validation=shares.filter(bool) | st.just("test"),
        text_column=names,
        weight_column=st.none() | names,
        labels=labels(),
    ),
    text=some(
        lowercase=st.booleans(),
        folding=st.sampled_from([1, 2]),
        classes=st.just(["url", "mention"]),
        ngrams=st.integers(1, 3),
        max_features=st.none() | counts,
        presence=st.booleans(),
        affixes=st.booleans(),
    ),
    model=some(
        embedding=some(dim=counts, pooling=st.sampled_from(["mean", "sqrt"]), vectors=st.none() | names),
        hidden=st.lists(counts, max_size=3),
        dropout=shares,
        init_from=st.none() | names,
    ),
    train=some(
        optimizer=optimizers | st.sampled_from(sorted(Optimizer.uses)),
        schedule=schedules | st.sampled_from(sorted(Schedule.uses)),
        class_weight=st.none() | st.just("balanced") | some(negative=positive, positive=positive),
        early_stopping=st.none() | counts | some(metric=st.sampled_from(["f1", "log_loss"])),
        freeze=st.lists(st.sampled_from(["embedding", "output"])),
        learning_rates=st.dictionaries(st.sampled_from(["embedding", "output"]), shares),
        seed=st.integers(0, 2**63 - 1),
    ),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a config has many fields to draw
@given(configs)
def test_a_written_config_loads_as_an_equal_config(tree):
    original = Config.model_validate(tree)
    written = dump.dump(original)
    Path("written.yaml").write_text(written, encoding="utf-8")
    loaded = load_config("written.yaml")
    assert loaded.config == original
    assert dump.dump(loaded.config) == written
    left_out = {"data.ordered", "data.group_similar", "pretrain.lexicon", "pretrain.decay", "model.output"}
    left_out.add("data.labels.ignore")
    assert {key for key, origin in loaded.origins.items() if origin == "default"} <= left_out
    assert Config.model_validate_json(original.model_dump_json()) == original
    assert dump.digest(loaded.config) == dump.digest(original)


@settings(deadline=None, max_examples=30)
@given(st.lists(values, min_size=3, max_size=9, unique_by=label_key), st.booleans(), st.booleans())
def test_classes_of_any_names_are_written_and_loaded(classes, ordered, as_mapping):
    meaning = {"negative", "positive", "ignore", "..."}
    assume(not meaning & set(map(label_key, classes)))
    values_of_all = [label_key(value) for each in classes for value in (each, f"{each}!")]
    assume(len(set(values_of_all)) == len(values_of_all))  # a value belongs to one class
    labels = {str(each): [each, f"{each}!"] for each in classes} if as_mapping else classes
    original = Config.model_validate({"data": {"labels": labels, "ordered": ordered}})
    Path("written.yaml").write_text(dump.dump(original), encoding="utf-8")
    loaded = load_config("written.yaml").config
    assert loaded == original
    assert list(loaded.data.labels)[: len(classes)] == list(original.data.labels), "in the same order"
    assert Config.model_validate_json(original.model_dump_json()) == original


def test_the_digest_is_of_all_settings():
    assert dump.digest(Config()) == dump.digest(read("train: {optimizer: {name: adagrad}}"))
    assert dump.digest(Config()) != dump.digest(read("train: {seed: 1}"))
    assert re.fullmatch("[0-9a-f]{64}", dump.digest(Config()))


# --- the schema as data ---------------------------------------------------------------------------------------


USUAL_CLASSES = {"data.labels": ("negative", "positive", "ignore"), "train.class_weight": ("negative", "positive")}


def keys_of(part, prefix=""):
    for key, field in part.model_fields.items():
        yield f"{prefix}{key}"
        yield from (f"{prefix}{key}.{name}" for name in USUAL_CLASSES.get(f"{prefix}{key}", ()))
        for kind in getattr(field.annotation, "__args__", (field.annotation,)):
            if hasattr(kind, "model_fields"):
                yield from keys_of(kind, f"{prefix}{key}.")


def test_the_reference_explains_every_setting():
    sections = list(Config.model_fields)
    keys = [line.split("`")[1] for line in reference.reference().splitlines() if line.startswith("| `")]
    assert [*sections, *keys] == sorted(keys_of(Config), key=lambda key: key not in sections)
    text = reference.reference()
    assert re.findall("^### (.*)$", text, re.MULTILINE) == sections
    for row in (line for line in text.splitlines() if line.startswith("| `")):
        key, value, _, about = row.strip("| ").split(" | ")
        assert value, key
        assert about.endswith((".", ").")), f"{key} is not explained"
    assert (
        "| `text.ngrams` | a whole number of at least 1 and at most 3 | `2`; long texts: `3` | "
        "The largest number of words in a feature." in text
    )
    assert (
        "| `model.hidden` | a list of whole numbers of at least 1 | `[16]`; short texts in English: `[]` | The widths"
        in text
    )
    assert text.endswith(" |\n")


def test_the_json_schema_is_for_editors():
    schema = reference.json_schema()
    assert schema["title"] == "sentibp config"
    assert json.loads(json.dumps(schema)) == schema
    assert list(schema["properties"]) == list(Config.model_fields)
    parts = schema["$defs"]
    name, mapping = parts["Optimizer"]["anyOf"]  # `optimizer: adam` and `optimizer: {name: adam}`
    assert name["enum"] == list(Optimizer.uses) == mapping["properties"]["name"]["enum"]
    assert parts["Schedule"]["anyOf"][0]["enum"] == list(Schedule.uses)
    assert parts["EarlyStopping"]["anyOf"][0] | {"description": ""} == {
        "type": "integer",
        "minimum": 1,
        "maximum": 1_000_000_000,
        "title": "Patience",
        "description": "",
    }
    labels = next(option for option in parts["Data"]["properties"]["labels"]["anyOf"] if "properties" in option)
    assert {"type": ["string", "number", "boolean"]} in labels["properties"]["negative"]["anyOf"]
    assert list(labels["properties"]) == ["negative", "positive", "ignore"]
    assert parts["Data"]["additionalProperties"] is False
    for part in parts.values():
        for option in part.get("anyOf", [part]):
            assert all(node.get("description") for node in option.get("properties", {}).values())


def test_importing_is_light():
    code = "import sys, sentibp.config; print({'numpy', 'pyarrow', 'datasets', 'typer'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
