"""The search space: what it means, and its mistakes, all at once, with their lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sentibp.config.find import shipped
from sentibp.config.load import load_config
from sentibp.config.schema import Config
from sentibp.config.space import Dimension, config_with, settings_with
from sentibp.config.space_file import load_space
from sentibp.errors import ConfigError

WRONG = {
    "train.lr: [1, 2]": "1: train.lr: unknown key; did you mean 'train.optimizer.learning_rate'?",
    "trian.epochs: [1]": "1: trian: unknown key; did you mean 'train'?",
    "train:\n  epochs: [1, 0]": "2: train.epochs: 0 is too small; give a whole number of at least 1",
    "text.ngrams:\n  - 1\n  - 5": "3: text.ngrams: 5 is too large; give a whole number of at least 1 and at most 3",
    "model.hidden: [16]": "1: model.hidden: 16 is not a list; write [16]",
    "model.hidden: [[a]]": "1: model.hidden.0: 'a' is not a whole number",
    "model.activation: [rleu]": "1: model.activation: 'rleu' is not one of relu, tanh, sigmoid; did you mean 'relu'?",
    "train: [true]": "1: train: true is not a mapping",
    "train.epochs: 5": "1: train.epochs: 5 is a single value; give a list of values, or a range",
    "train.epochs: []": "1: train.epochs: [] is empty; give at least one value",
    "train.epochs: {}": "1: train.epochs: {} is empty",
    "train.epochs: null": "1: train.epochs: null is a single value",
    "train.epochs: [1, 2, 1]": "1: train.epochs: 1 is there twice",
    "train.epochs: {uniform: [1, 3]}": "1: train.epochs: takes whole numbers; write {int: [1, 3]}",
    "train.epochs: {int: [1, 2.5]}": "1: train.epochs: [1, 2.5] are not whole numbers",
    "train.epochs: {int: [0, 3]}": "1: train.epochs: 0 is too small",
    "train.epochs: {it: [1, 3]}": "1: train.epochs: it: unknown key of a range; did you mean 'int'?",
    "train.word_dropout: {loguniform: [0.1, 0.5]}": (
        "1: train.word_dropout: loguniform: unknown key of a range; write {log: [0.1, 0.5]}"
    ),
    "train.word_dropout: {min: 0.1, max: 0.5}": (
        "1: train.word_dropout: min: unknown key of a range; write both ends as {uniform: [LOW, HIGH]}, {log: "
    ),
    "train.word_dropout: {values: [0.1, 0.5]}": (
        "1: train.word_dropout: values: unknown key of a range; to try some values, write the list alone, such as"
    ),
    "train.epochs: {step: 1}": "1: train.epochs: a range is one of int, uniform, log",
    "train.word_dropout: {uniform: [0, 1]}": "1: train.word_dropout: 1 is too large",
    "train.word_dropout: {uniform: [0.5, 0.1]}": "1: train.word_dropout: [0.5, 0.1] is no range; write the lower",
    "train.word_dropout: {uniform: [0.1]}": "1: train.word_dropout: [0.1] is not two numbers",
    "train.word_dropout: {uniform: [true, 1]}": "1: train.word_dropout: [true, 1] is not two numbers",
    "train.word_dropout: {uniform: [.nan, 1]}": "1: train.word_dropout: [nan, 1] is not two numbers",
    "train.word_dropout: {log: [0, 0.5]}": "1: train.word_dropout: 0 is no number of a logarithmic scale",
    "train.word_dropout: {log: [0.1, 0.5], step: 0.1}": "1: train.word_dropout: a logarithmic range has no step",
    "train.word_dropout: {uniform: [0, 0.5], step: 0}": "1: train.word_dropout: step: 0 is not a number above 0",
    "train.word_dropout: {uniform: [0, 0.5], int: [0, 1]}": "1: train.word_dropout: a range is one of",
    "text.presence: {int: [0, 1]}": "1: text.presence: takes no numbers; list its values",
    "data.source: [a, b]": "1: data.source: all trials must be scored on the same reviews; set it in the config",
    "data: {validation: [0.1, 0.2]}": "1: data.validation: all trials must be scored on the same reviews",
    "train.refit: [true]": "1: train.refit: a trial ends before the refit",
    "train.checkpoint.every_steps: [1]": "1: train.checkpoint.every_steps: it changes no model",
    "train.epochs: [1]\ntrain: {epochs: [2]}": "2: train.epochs: given twice, first in line 1; keep one",
    "train.epochs: [1]\ntrain.epochs: [2]": "2: train.epochs: given twice, first in line 1; keep one",
    "train.early_stopping: [null, 2]\ntrain.early_stopping.metric: [accuracy]": "2: train.early_stopping.metric: ",
    "train.optimizer.momentum: [0.5]": "1: train.optimizer.momentum: 0.5 fits no combination of the other values: ",
    "model.hidden: [[4], [4, 4]]\ntrain.linear_member: [true]": "1: model.hidden: [4, 4] fits no combination",
    "": "1: empty; name settings and their values",
    "[1, 2]": "1: [1, 2] is not a search space",
    "a: [1": "1: a list that is not closed",
}


@pytest.fixture
def read(here):
    """Return the space of a text, for a config."""

    def read(text: str, config: str = "quickstart", *overrides: str, **options):
        Path("space.yaml").write_text(text, encoding="utf-8")
        base = load_config(config, overrides).config.model_dump(mode="json", exclude_unset=True)
        return load_space(Path("space.yaml"), base, **options)

    return read


@pytest.mark.parametrize("text", WRONG)
def test_a_mistake_is_reported_with_its_line(read, text):
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert [line.startswith(f"space.yaml:{WRONG[text]}") for line in caught.value.lines] == [True], caught.value


def test_all_mistakes_are_reported_at_once(read):
    texts = [text for text in WRONG if text.startswith(("train.word", "text.")) and "\n" not in text]
    keys = {text.partition(":")[0]: text for text in texts}
    with pytest.raises(ConfigError) as caught:
        read("\n".join([*keys.values(), "model: {hiden: [1]}", "train.batch_size: [0, 8, -1]"]))
    assert len(caught.value.lines) == len(keys) + 3


def test_a_file_that_is_missing_or_no_yaml(here):
    for path, fault in ("gone.yaml", "no such file; give a search space"), ("bytes.yaml", "not UTF-8"):
        Path("bytes.yaml").write_bytes(b"train: \xff")
        with pytest.raises(ConfigError, match=f"{path}.*{fault}"):
            load_space(Path(path), {})


def test_what_a_space_means(read):
    space = read("""
        train:
          optimizer: {learning_rate: {log: [0.01, 1]}, name: [adam, sgd]}
          epochs: {int: [1, 4]}
        train.batch_size: {log: [8, 64]}
        train.word_dropout: {uniform: [0, 0.5], step: 0.2}
        train.learning_rates.hidden.0: [0.1, 1]
        model.hidden: [[8], [16]]
        text.parts: [true, false]
    """)
    found = {dimension.key: dimension for dimension in space.dimensions}
    assert list(found) == [
        "train.optimizer.learning_rate",
        "train.optimizer.name",
        "train.epochs",
        "train.batch_size",
        "train.word_dropout",
        "train.learning_rates.hidden.0",
        "model.hidden",
        "text.affixes",  # by its earlier name
    ]
    assert found["train.batch_size"].whole
    assert found["train.batch_size"].log
    assert found["train.epochs"].grid == [1, 2, 3, 4]
    assert found["train.word_dropout"].grid == [0.0, 0.2, 0.4]
    assert found["train.word_dropout"].high == pytest.approx(0.4), "the last value that the steps reach"
    assert found["train.optimizer.learning_rate"].middle == pytest.approx(0.1)
    assert found["model.hidden"].choices == ([8], [16])
    assert space.grid_size == 0, "a logarithmic range has no steps"
    assert space.notes == ()


def test_a_grid_needs_steps(read):
    text = "train.word_dropout: {uniform: [0, 0.5]}\ntrain.epochs: {int: [1, 3]}\nmodel.hidden: [[], [8]]"
    with pytest.raises(ConfigError, match=r"space.yaml:1: train.word_dropout: a grid needs steps; list the values"):
        read(text, grid=True)
    assert read(text.replace("]}\ntrain", "], step: 0.25}\ntrain"), grid=True).grid_size == 3 * 3 * 2


def test_combinations_that_do_not_fit_are_told(read):
    (note,) = read("model.hidden: [[4], [4, 4]]\ntrain.linear_member: [true, false]").notes
    assert note == (
        "space.yaml: about 25% of the combinations are refused, such as: train.linear_member: averaged networks have "
        "at most one hidden layer, with relu, without batch_norm and residual"
    )


def test_settings_that_a_chosen_method_does_not_use_are_dropped(read):
    base = load_config("quickstart", ["train.optimizer={name: rmsprop, rho: 0.5, learning_rate: 0.2}"])
    settings = base.config.model_dump(exclude_unset=True)
    name, momentum = ("train", "optimizer", "name"), ("train", "optimizer", "momentum")
    assert read("train.optimizer.name: [adagrad, momentum]\ntrain.optimizer.momentum: [0.5, 0.8]").notes == ()
    chosen = config_with(settings, {name: "adagrad", momentum: 0.8}).train.optimizer
    assert (chosen.name, chosen.learning_rate) == ("adagrad", 0.2), "the others of the config stay"
    assert config_with(settings, {name: "momentum", momentum: 0.8}).train.optimizer.momentum == 0.8
    whole = config_with(settings, {("train", "optimizer"): "adam", ("train", "optimizer", "learning_rate"): 0.1})
    assert (whole.train.optimizer.name, whole.train.optimizer.learning_rate) == ("adam", 0.1)


def test_a_combination_that_is_refused_says_why():
    base = load_config("quickstart").config.model_dump(exclude_unset=True)
    with pytest.raises(ConfigError, match=r"^model.residual: no hidden layer is as wide as its input"):
        config_with(base, {("model", "residual"): True})


def test_settings_with_changes_nothing_that_it_is_given():
    base = {"train": {"epochs": 1}}
    values = {("model", "hidden"): [1]}
    settings_with(base, values)["model"]["hidden"].append(2)
    assert (base, values) == ({"train": {"epochs": 1}}, {("model", "hidden"): [1]})


@pytest.mark.parametrize("name", [name for name, _ in shipped()])
def test_the_settings_that_a_space_starts_from_are_those_of_the_config(name):
    config = load_config(name).config
    assert Config.model_validate(config.model_dump(mode="json", exclude_unset=True)) == config


ENDS = st.tuples(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6)).filter(lambda ends: ends[0] < ends[1])


@settings(max_examples=60, deadline=None)
@given(ENDS, st.floats(0, 1), st.booleans())
def test_a_number_of_a_range_is_short_and_inside(ends, share, log):
    low, high = ends
    dimension = Dimension(("a",), (), low, high, None, log)
    number = low + share * (high - low)
    value = dimension.value(number)
    assert low <= value <= high
    assert abs(value - number) <= 0.006 * max(abs(value), abs(number))
    assert abs(value - number) <= 0.006 * max(high - low, 1e-12 * high) * 10
    assert dimension.value(value) == value


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.lists(st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.integers())), min_size=1),
    )
)
def test_choices_survive_json(choices):
    dimension = Dimension(("train", "x"), tuple(choices))
    again = Dimension.from_json(dimension.key, json.loads(json.dumps(dimension.to_json())))
    assert again == dimension


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_file_is_a_space_or_a_mistake(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    try:
        load_space(path, {})
    except ConfigError as error:
        assert error.lines
        assert all(line.startswith(str(path)[:50]) for line in error.lines)


VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 20), st.floats(), st.sampled_from(["adam", "relu", "x", "[", ""])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["int", "uniform", "log", "step", "name", "epochs"]), inner, max_size=2),
    ),
    max_leaves=6,
)
KEYS = [
    "train",
    "train.epochs",
    "train.optimizer",
    "train.optimizer.name",
    "model.hidden",
    "text",
    "x",
    "",
    ".",
    "data",
]


RIGHT = {
    "train.epochs": [[1, 3], {"int": [1, 4]}],
    "train.batch_size": [{"int": [8, 64], "step": 8}, {"log": [8, 512]}],
    "train.optimizer.learning_rate": [{"log": [0.01, 1]}, [0.1, 0.3]],
    "train.word_dropout": [{"uniform": [0, 0.5]}, {"uniform": [0, 0.5], "step": 0.1}],
    "model.hidden": [[[], [8], [16, 8]]],
    "text.presence": [[True, False]],
}


@settings(max_examples=60, deadline=None)
@given(
    st.fixed_dictionaries({}, optional={key: st.sampled_from(spaces) for key, spaces in RIGHT.items()}),
    st.one_of(st.just({}), st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3)),
    st.booleans(),
)
def test_any_nested_value_is_a_space_or_a_mistake(tmp_path_factory, right, other, grid):
    path = tmp_path_factory.getbasetemp() / "nested.yaml"
    path.write_text(yaml.safe_dump(right | other), encoding="utf-8")
    try:
        space = load_space(path, {}, grid=grid)
    except ConfigError as error:
        assert error.lines
        assert other or grid or not right  # a grid has no ranges without steps
        return
    assert {".".join(dimension.keys) for dimension in space.dimensions} >= {*right} - {*other}
    for dimension in space.dimensions if not space.notes else ():
        config_with({}, {dimension.keys: dimension.middle})
