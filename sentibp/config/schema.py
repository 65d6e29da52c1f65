"""All settings of a training run: what there is, the default, the range and what it does.

These classes are the manual, and the one place of every default. Error messages, the README's reference and the JSON
schema for editors are made from them; `config` reads and writes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from sentibp.config.messages import dotted, nearest, number, show
from sentibp.config.yaml_file import Keys

# --- the kinds of values --------------------------------------------------------------------------------------


def _exact(value: Any) -> Any:
    """3.0 and 1e3 are whole numbers; 2.5, '3' and true are left for pydantic to refuse."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | int | float) else value


Name = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1), BeforeValidator(_exact)]
Whole = Annotated[int, Field(ge=0), BeforeValidator(_exact)]
Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Value = Annotated[str | int | float | bool, WithJsonSchema({"type": ["string", "number", "boolean"]})]
Values = Annotated[list[Value], BeforeValidator(_listed, json_schema_input_type=list[Value] | Value)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    bare: ClassVar[str] = ""  # the key of a value that is not a mapping: `optimizer: adam`
    earlier: ClassVar[dict[str, str]] = {}  # earlier names of settings, which stay valid, and the current names

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            names = {key: cls.earlier.get(key, key) for key in value}
            return {key if new in value else new: value[key] for key, new in names.items()}
        if isinstance(value, cls):
            return value
        if cls.bare:
            return {cls.bare: value}
        return {} if value is None else value  # `train:` with nothing below it


class _Choice(_Part):
    """A method by name, and settings of which each method uses its own."""

    bare: ClassVar[str] = "name"
    uses: ClassVar[dict[str, str]]  # the settings that not every method uses

    @classmethod
    def unused(cls, name: Any) -> list[str]:
        """The settings that have no effect on the method of that name."""
        own = {method: used.split() for method, used in cls.uses.items()}
        if not isinstance(name, str) or name not in own:
            return []
        return [key for key in cls.model_fields if key not in own[name] and any(key in u for u in own.values())]

    @model_serializer(mode="wrap")
    def _leave_out_unused(self, serialize: Any) -> dict[str, Any]:
        unused = self.unused(getattr(self, self.bare))
        return {key: value for key, value in serialize(self).items() if key not in unused}


# --- the settings ---------------------------------------------------------------------------------------------


class Labels(_Part):
    """Which values of the label column mean what."""

    negative: Annotated[Values, Field(min_length=1)]
    """The values that mean negative, such as `[0, neg]`."""
    positive: Annotated[Values, Field(min_length=1)]
    """The values that mean positive, such as `[1, pos]`."""
    ignore: Values = []
    """The values whose reviews are left out, such as `neutral`. Any other value is an error."""


class Data(_Part):
    """Where the reviews come from."""

    source: Name | Annotated[list[Name], Field(min_length=1)] = "imdb"
    """A built-in name (imdb, rotten_tomatoes, reviews, sample, xor), the id of a data set on the Hugging Face
    hub, the path of a file or folder, or a list of these, which are read one after the other."""
    split: Name = "train"
    """The split of built-in or hub data that is trained on."""
    validation: Share | Name = 0.1
    """The share of the training data that is held out to measure each epoch (0: none), or the name of a
    split."""
    text_column: Name = "text"
    """The column that holds the review."""
    label_column: Name = "label"
    """The column that holds the label."""
    weight_column: Name | None = None
    """The column that holds how much each review counts in the loss; null: all count the same."""
    labels: Labels | None = None
    """What the values of the label column mean; null: the usual names (0 and 1, neg and pos, negative and
    positive, ...) are recognised."""

    @field_validator("validation")
    @classmethod
    def _no_number_in_quotes(cls, value: float | str) -> float | str:
        if isinstance(value, str) and number(value) is not None:
            raise PydanticCustomError("number_in_quotes", "a number in quotes")
        return value


class Text(_Part):
    """How a review becomes features."""

    earlier: ClassVar[dict[str, str]] = {"parts": "affixes"}
    lowercase: bool = True
    """Whether `Good` and `good` are the same word."""
    ngrams: Annotated[int, Field(ge=1, le=3), BeforeValidator(_exact)] = 2
    """The longest run of words that is a feature: 1 for words alone, 2 adds pairs such as `not good`, 3 adds
    triples. Less is faster and smaller."""
    min_count: Count = 1
    """How often a feature must occur in the training data (and those of pretrain) to be kept. Raise it for a smaller
    model, and if there is much training data."""
    max_features: Count | None = None
    """How many features are kept at most, the most frequent first; null: all."""
    affixes: bool = True
    """Whether the beginnings and endings that several words share are features too. The model uses them to read a
    word that it does not know. They do not count towards max_features."""


class Embedding(_Part):
    """The table with a row of numbers for each feature, and how the rows of a review become one."""

    dim: Count = 16
    """The length of a row. Raise it if there is much training data."""
    pooling: Literal["mean", "sum", "sqrt"] = "mean"
    """How the rows of a review are combined: their mean, their sum, or their sum divided by the square root of
    how many they are."""
    padding: Whole = 10
    """How many features with rows of zeros are added to every review before pooling by mean or sqrt. Raise it if short
    texts are answered too surely."""
    init: Literal["linear", "naive_bayes", "normal", "glorot", "he", "zeros"] = "linear"
    """The values that rows start from: random; with naive_bayes, the first of them tells how much more often the
    feature occurs in positive reviews than in negative ones; with linear, it is the weight of the feature in the best
    linear classifier, whose words share what they begin and end with. That is for short texts: of more than four
    million features in all, linear is naive_bayes."""
    vectors: Name | None = None
    """The path of pretrained word vectors (GloVe, word2vec or fastText, as text) that rows start from; useful
    when there is little training data."""


class Model(_Part):
    """The network: embedding, hidden layers, output."""

    embedding: Embedding = Embedding()
    """The table of feature vectors."""
    hidden: list[Count] = [16]
    """The widths of the hidden layers; `[]`: none, a linear model."""
    activation: Literal["relu", "tanh", "sigmoid"] = "relu"
    """The function after each hidden layer."""
    init: Literal["auto", "glorot", "he", "normal"] = "auto"
    """The weights that layers start from; auto: He for relu, Glorot for tanh and sigmoid."""
    batch_norm: bool = False
    """Whether each hidden layer is normalised over the batch. Try it for deep networks; not for tiny
    batches."""
    residual: bool = False
    """Whether each hidden layer that is as wide as its input adds its input to its output; there must be
    one. Try it for deep networks."""
    dropout: Share = 0.0
    """The share of a layer's values that are hidden at random during training. Raise it against overfitting."""
    init_from: Name | None = None
    """Start from a trained model: a run directory, a model file, or `last`."""


class ClassWeight(_Part):
    """How much a review of each class counts in the loss."""

    negative: Positive = 1.0
    """The weight of a negative review."""
    positive: Positive = 1.0
    """The weight of a positive review."""


class Optimizer(_Choice):
    """How the weights follow the gradient."""

    uses: ClassVar = {
        "sgd": "",
        "momentum": "momentum",
        "nesterov": "momentum",
        "adagrad": "epsilon row_wise",
        "rmsprop": "rho epsilon",
        "adam": "beta1 beta2 epsilon",
        "adamw": "beta1 beta2 epsilon",
    }
    name: Literal["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"] = "adagrad"
    """The method. `optimizer: adam` is short for `optimizer: {name: adam}`."""
    learning_rate: Positive = 0.03
    """The length of a step. Lower it if the loss jumps or grows, raise it if the loss hardly falls."""
    momentum: Share = 0.9
    """momentum, nesterov: the share of the last step that is kept."""
    beta1: Share = 0.9
    """adam, adamw: the share of the running mean of gradients that is kept at each step."""
    beta2: Share = 0.999
    """adam, adamw: the share of the running mean of squared gradients that is kept at each step."""
    rho: Share = 0.9
    """rmsprop: the share of the running mean of squared gradients that is kept at each step."""
    epsilon: Positive = 1e-8
    """adagrad, rmsprop, adam, adamw: keeps the divisor from zero. Seldom changed."""
    row_wise: bool = True
    """adagrad: whether one number per embedding row, instead of one per weight, records past gradients. Takes
    less memory."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """How strongly weights are pulled towards zero: as a part of the gradient or, with adamw, apart from it. Raise
    it against overfitting."""
    clip_norm: Positive | None = None
    """The longest gradient; longer ones are scaled down to it. Set it, to 1.0 say, if training diverges. null:
    no limit."""


class Schedule(_Choice):
    """How the learning rate changes during training."""

    uses: ClassVar = {
        "constant": "",
        "step": "every factor",
        "linear": "final",
        "cosine": "final",
        "plateau": "factor patience",
    }
    name: Literal["constant", "step", "linear", "cosine", "plateau"] = "linear"
    """How the rate falls. `schedule: cosine` is short for `schedule: {name: cosine}`."""
    warmup: Share = 0.0
    """The share of all steps in which the rate first rises from zero."""
    every: Count = 1
    """step: the epochs between two drops."""
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """step, plateau: what the rate is multiplied by at a drop."""
    patience: Whole = 1
    """plateau: the epochs without a lower validation loss that are waited before a drop."""
    final: Annotated[float, Field(ge=0, le=1)] = 0.0
    """linear, cosine: the share of the rate that is left at the end."""


class EarlyStopping(_Part):
    """When training ends before its last epoch."""

    bare: ClassVar[str] = "patience"
    metric: Literal["accuracy", "log_loss", "f1", "roc_auc"] = "accuracy"
    """The validation score that must get better."""
    patience: Count = 2
    """The epochs without a better score after which training stops. `early_stopping: 3` is short for this
    key."""


class Checkpoint(_Part):
    """How often a training keeps what it needs to go on, if it is broken off."""

    bare: ClassVar[str] = "every_seconds"
    every_seconds: Positive | None = 30.0
    """The seconds from one checkpoint to the next; null: only after so many steps. `checkpoint: 60` is short for this
    key, and `checkpoint: null` for none at all."""
    every_steps: Count | None = None
    """The steps from one checkpoint to the next, of whatever epoch; null: only after so many seconds."""


class Train(_Part):
    """How the network learns."""

    loss: Literal["cross_entropy", "squared_error"] = "cross_entropy"
    """What is minimised. Cross-entropy learns faster; squared error is there for comparison and for
    teaching."""
    class_weight: Literal["balanced"] | ClassWeight | None = None
    """How much each class counts in the loss: `balanced` makes both count the same however many reviews they
    have; null: every review counts the same."""
    optimizer: Optimizer = Optimizer()
    """How the weights follow the gradient: a name, or a mapping with the keys below."""
    schedule: Schedule = Schedule()
    """How the learning rate changes: a name, or a mapping with the keys below."""
    epochs: Count = 2
    """How often every review is visited. Raise it if the validation score still gets better."""
    batch_size: Count = 64
    """How many reviews make a step. Raise it for speed, lower it for more steps per epoch."""
    word_dropout: Share = 0.3
    """The share of the words of a training review that are hidden at each visit. Raise it against
    overfitting."""
    early_stopping: EarlyStopping | None = None
    """Stop when the validation score no longer gets better: a number of epochs, or a mapping with the keys
    below; null: all epochs are trained."""
    checkpoint: Checkpoint = Checkpoint()
    """How often a training keeps what `train --resume` goes on from: seconds, or a mapping with the keys below. Shorter
    trainings keep nothing, which costs nothing. So does `sentibp pretrain`, whose rounds are its steps."""
    freeze: list[Name] = []
    """The parts that are not trained: embedding, hidden.0, hidden.1, ..., output. Useful with init_from and
    vectors."""
    learning_rates: dict[str, Annotated[float, Field(ge=0)]] = {}
    """The learning rate of single parts as a factor of optimizer.learning_rate: `{embedding: 0.1}` is ten times
    smaller."""
    math: Literal["fast", "plain"] = "fast"
    """How the embedding is computed: plain, as nn/layers.py spells it out, or fast, which differs by rounding only."""
    members: Count = 1
    """How many networks are trained, each from a random start of its own, and averaged. They are folded into one
    network, as wide as all together."""
    calibrate: bool = True
    """Whether the logit is scaled such that the validation log loss is least: probabilities that can be trusted.
    Answers stay what they are."""
    refit: Literal["auto"] | bool = "auto"
    """Whether the model, once it is chosen and scored, is trained once more, on all reviews, those too that were held
    out for validation. Scores stay those of before; `sentibp eval` repeats them with the model that they are of, which
    is kept beside. It takes as long again. auto: if the training reviews have at most a million features, of which it
    tells most and takes least."""
    seed: Annotated[int, Field(ge=0, lt=2**63), BeforeValidator(_exact)] = 0
    """The random start. The same seed gives the same model."""
    seeds: Count = 1
    """Train from so many random starts (seed, seed + 1, ...) and report the mean and the spread."""


class Pretrain(_Part):
    """What is learned from reviews without labels before the training."""

    vectors: Literal["none", "reviews", "words"] = "none"
    """none; reviews: vectors of n-grams by the reviews that share them, from which a linear classifier is made that is
    averaged with the network: for long reviews; words: vectors of words by their neighbours, which the last columns of
    the embedding start from, and on which a linear classifier is made that the networks learn from, too, on sentences
    of `labelled` and `source`: for short texts."""
    source: Name | Annotated[list[Name], Field(min_length=1)] | None = None
    """More reviews, beside those that are trained on, whose labels are not looked at: as data.source; null: none."""
    split: Name = "unsupervised"
    """The split of built-in or hub data that is read."""
    text_column: Name = "text"
    """The column that holds the review."""
    labelled: Name | Annotated[list[Name], Field(min_length=1)] | None = None
    """words: reviews of another kind with labels, as data.source, of which the train split is read. What they say of
    each feature becomes two columns of the embedding, before those of the vectors, and their sentences are answered by
    a first classifier, for the networks to learn from; null: none."""
    dim: Count = 300
    """The length of a vector. More is slower, and often better."""
    vectors_from: Name | None = None
    """Take the vectors that `sentibp pretrain` has learned, of the features that are the same text, instead of learning
    them again: its run directory, its file of vectors, or `last`. Kind and dim must be its own."""
    min_count: Count = 10
    """reviews: how often a feature must occur, of whatever reviews, to have a vector."""


class Config(_Part):
    """All settings of a training run."""

    data: Data = Data()
    text: Text = Text()
    pretrain: Pretrain = Pretrain()
    model: Model = Model()
    train: Train = Train()

    @model_validator(mode="after")
    def _fits_together(self) -> Config:
        if clashes := list(_clashes(self)):
            lines = "\n".join(f"{dotted(clash.path)}: {clash.message}" for clash in clashes)
            raise PydanticCustomError("clash", "{lines}", {"lines": lines, "clashes": clashes})
        return self


# --- settings that do not fit together --------------------------------------------------------------------------


class Clash(NamedTuple):
    """A setting that does not fit the others."""

    path: Keys
    message: str
    reads: tuple[str, ...] = ()  # the other settings it is about; if one of them is wrong, that comes first


def _clashes(config: Config) -> Iterator[Clash]:
    yield from _labels_in_two_lists(config.data.labels)
    yield from _nothing_to_skip(config.model)
    yield from _unused("optimizer", config.train.optimizer)
    yield from _unused("schedule", config.train.schedule)
    yield from _cannot_be_folded(config)
    yield from _no_room_for_vectors(config)
    yield from _no_validation(config)
    yield from _no_refit(config)
    yield from _unknown_parts(config)


def _labels_in_two_lists(labels: Labels | None) -> Iterator[Clash]:
    seen: dict[str, str] = {}
    for kind in Labels.model_fields if labels else ():
        for i, value in enumerate(getattr(labels, kind)):
            same = str(_exact(value)).strip().casefold()  # to the reader of labels, 1, 1.0 and "1" are one
            if (other := seen.setdefault(same, kind)) != kind:
                yield Clash(("data", "labels", kind, i), f"{show(value)} is in {other} too; keep it in one list")


def _cannot_be_folded(config: Config) -> Iterator[Clash]:
    model = config.model
    if config.train.members > 1:
        key: Keys = ("train", "members")
    elif config.pretrain.vectors == "reviews":
        key = ("pretrain", "vectors")
    else:
        return
    wide = len(model.hidden) > 1 or model.batch_norm or model.residual or (model.hidden and model.activation != "relu")
    if wide:
        message = "averaged networks have at most one hidden layer, with relu, without batch_norm and residual; change "
        yield Clash(key, f"{message}model.hidden, or write {'1' if key[0] == 'train' else 'none'}", ("model",))


def _no_room_for_vectors(config: Config) -> Iterator[Clash]:
    pretrain, dim = config.pretrain, config.model.embedding.dim
    taken = pretrain.dim + 1 + 2 * (pretrain.labelled is not None)
    if pretrain.vectors == "words" and dim < taken:
        message = f"the embedding has {dim} columns and needs {taken}; raise model.embedding.dim or lower this"
        yield Clash(("pretrain", "dim"), message, ("model.embedding.dim",))
    if pretrain.vectors != "words" and pretrain.labelled is not None:
        yield Clash(("pretrain", "labelled"), "only vectors: words looks at it; remove it", ("pretrain.vectors",))
    if pretrain.vectors == "none" and pretrain.vectors_from is not None:
        message = "vectors: none looks at no vectors; set pretrain.vectors to what was learned, words or reviews"
        yield Clash(("pretrain", "vectors_from"), message, ("pretrain.vectors",))
    if pretrain.vectors != "none" and config.model.init_from is not None:
        message = "a network starts from a model or from vectors, not from both; remove this, or write vectors: none"
        yield Clash(("model", "init_from"), message, ("pretrain.vectors",))


def _nothing_to_skip(model: Model) -> Iterator[Clash]:
    widths = [model.embedding.dim, *model.hidden]
    if model.residual and not any(i == o for i, o in pairwise(widths)):
        message = f"no hidden layer is as wide as its input ({' -> '.join(map(str, widths))}); write false, or make "
        message += "model.embedding.dim or a width equal to the next one"
        yield Clash(("model", "residual"), message, ("model.hidden", "model.embedding.dim"))


def _unused(key: str, choice: _Choice) -> Iterator[Clash]:
    name = getattr(choice, choice.bare)
    for setting in choice.unused(name):
        if setting in choice.model_fields_set:
            users = [method for method, used in choice.uses.items() if setting in used.split()]
            message = f"{name} does not use it; remove it, or choose {' or '.join(users)}"
            yield Clash(("train", key, setting), message, (f"train.{key}.name",))


def _no_validation(config: Config) -> Iterator[Clash]:
    if config.data.validation == 0:
        message = "needs validation data; set data.validation, to 0.1 say"
        if config.train.early_stopping is not None:
            yield Clash(("train", "early_stopping"), message, ("data.validation",))
        if config.train.schedule.name == "plateau":
            yield Clash(("train", "schedule", "name"), f"plateau {message}", ("data.validation",))


def _no_refit(config: Config) -> Iterator[Clash]:
    if config.train.refit is not True or config.data.validation == 0:  # then all reviews are trained on as it is
        return
    path, validation = ("train", "refit"), config.data.validation
    if isinstance(validation, str):
        message = f"data.validation: {show(validation)} is a split of its own, which is not learned; write a share, as "
        yield Clash(path, f"{message}0.1, or refit: auto", ("data.validation",))
    elif config.train.schedule.name == "plateau":
        message = "schedule plateau needs validation data at each epoch; choose another, or write auto"
        yield Clash(path, message, ("train.schedule.name",))


def _unknown_parts(config: Config) -> Iterator[Clash]:
    parts = ["embedding", *(f"hidden.{i}" for i in range(len(config.model.hidden))), "output"]
    named: list[tuple[Keys, str]] = [(("train", "freeze", i), part) for i, part in enumerate(config.train.freeze)]
    named += [(("train", "learning_rates", part), part) for part in config.train.learning_rates]
    for path, part in named:
        if part not in parts:
            message = f"{show(part)} is no part of this model, which has {', '.join(parts)}{nearest(part, parts)}"
            yield Clash(path, message, ("model.hidden",))
