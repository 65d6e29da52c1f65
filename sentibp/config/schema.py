"""All settings of a training: their names, types, defaults and ranges, and what they do.

This module is the manual of the settings, and the only place of every default. The error messages, the reference in
the documentation and the JSON schema for editors are generated from it. `load` reads configs and `dump` writes them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializationInfo,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from sentibp.config.class_conflicts import are_binary
from sentibp.config.conflicts import find_conflicts, outputs_of
from sentibp.config.messages import dotted
from sentibp.config.numbers import parse_number
from sentibp.config.values import (
    ClassWeight,
    Count,
    LabelLists,
    Name,
    Names,
    Positive,
    Share,
    Source,
    Whole,
    to_whole_number,
)
from sentibp.errors import ConfigError
from sentibp.utils.label_key import IGNORE
from sentibp.utils.limits import LARGEST_RECORD_MB, RECORD_MB


class _Section(BaseModel):
    """A mapping of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    bare: ClassVar[str] = ""  # the key of a value that is not a mapping: `optimizer: adam`
    earlier: ClassVar[dict[str, str]] = {}  # earlier names of settings, which stay valid, and the current names
    added: ClassVar[dict[str, Any]] = {}  # later settings, and the values with which all is as it was before them

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

    def _left_out(self, *, only_given: bool) -> Collection[str]:
        """Return the settings that files do not have: what makes no difference leaves a model's bytes as they were.

        Of a file with `only_given` settings, each makes one: otherwise, the texts may decide on another value.
        """
        return [] if only_given else [key for key, value in self.added.items() if getattr(self, key) == value]

    @model_serializer(mode="wrap")
    def _serialize(self, serialize: Any, info: SerializationInfo) -> dict[str, Any]:
        left_out = self._left_out(only_given=info.exclude_unset)
        return {key: value for key, value in serialize(self).items() if key not in left_out}


class _Choice(_Section):
    """A method by name, and its settings. Each method uses some of them."""

    bare: ClassVar[str] = "name"
    uses: ClassVar[dict[str, str]]  # for each method, the settings that not every method uses

    @classmethod
    def unused(cls, name: Any) -> list[str]:
        """Return the settings that have no effect on the method of that name."""
        used = {method: settings.split() for method, settings in cls.uses.items()}
        if not isinstance(name, str) or name not in used:
            return []
        return [key for key in cls.model_fields if key not in used[name] and any(key in keys for keys in used.values())]

    def _left_out(self, *, only_given: bool) -> Collection[str]:
        return self.unused(getattr(self, self.bare))


GIVE_A_SOURCE = "--set data.source=sample takes 320 short reviews for a demonstration, --set data.source=FILE your own"
"""What to do if data.source is missing."""


class Data(_Section):
    """The reviews to train on."""

    added: ClassVar = {"ordered": True, "group_similar": None}
    source: Source = None
    """A built-in name (imdb, rotten_tomatoes, reviews, sample, sample3, sample5, xor), the id of a data set on the
    Hugging Face hub, the path of a file or folder, or a list of these, which are read one after the other. A training
    needs it, unless a Python program gives the reviews."""
    split: Name = "train"
    """The split to train on. It applies to built-in data, to data from the hub, and to a folder or zip archive with
    splits."""
    validation: Share | Name = 0.1
    """The share of the reviews to hold out, on which every epoch is scored (0: none); or what to score on instead: the
    name of a split, such as `dev`, or a path, such as `dev.csv`, whose reviews have the same columns and labels."""
    text_column: Name | Names = "text"
    """The column with the text of the review, or a list of columns, such as `[Summary, Text]`, whose texts
    are joined."""
    label_column: Name = "label"
    """The column with the label."""
    weight_column: Name | None = None
    """The column with the weight of each review, in training and in scores. A review of weight k counts as k reviews,
    and one of weight 0 is left out. null: all reviews have the same weight."""
    group_column: Name | None = None
    """The column with the group of each review: its film, product, author or thread. The reviews of a group are either
    all in the training data or all in the validation data. null: every review is a group of its own."""
    block_size: Count = 1
    """How many neighbouring rows stay together when reviews are held out, or cut into folds. Neighbours are often of
    the same film, product or author, if the rows were never shuffled: a block of 100 keeps most of them on one side, so
    that the validation reviews are of things that training has not seen. 1: every review may be chosen by itself."""
    group_similar: bool | None = None
    """Whether texts that are nearly the same stay together when reviews are held out, or cut into folds: a phrase and
    its sentence, a quotation and its source, copies with small changes. Else the validation reviews are nearly those
    of training, and their scores say little about new ones. null: they stay together if more than 5 % of the validation
    reviews would be nearly the same as training reviews, and nothing else says which reviews belong together."""
    columns: Names | None = None
    """The names of the columns of a file that has no header, from left to right, such as `[label, text]`. null: the
    first line of a CSV or TSV file names its columns."""
    encoding: Name | None = None
    """The encoding of the text, such as cp1252, latin-1 or utf-16. null: UTF-8."""
    sheet: Name | None = None
    """The name of the sheet of an Excel file. null: the first sheet that has content."""
    separator: Name | None = None
    """The character between the fields of a CSV or TSV file, such as `;` or `tab`. null: it is found."""
    quoting: Literal["double", "backslash", "none"] | None = None
    """How a quote is written in a quoted text of a CSV or TSV file. double: as two quotes; backslash: after a
    backslash; none: quotes are plain characters, and no text is quoted. null: it is found."""
    max_record_mb: Annotated[float, Field(gt=0, le=LARGEST_RECORD_MB)] = RECORD_MB
    """The largest record, in MB: a line, a row, an object of JSON, or a text. A larger one is an error, for it is
    usually a quote that is not closed, or no text, and reading it takes 20 times its size of memory."""
    labels: LabelLists | None = None
    """The classes, and what the values of the label column mean: `{negative: [0], positive: [4]}`, or with more
    classes, from the worst to the best, `{negative: [1, 2], neutral: [3], positive: [4, 5]}`. Reviews with the values
    of `ignore` are left out. A list such as `[1, 2, 3, 4, 5]` is short for a class for each value. Continuous numbers
    have ranges, `{negative: ["<=0.4"], positive: [">=0.6"]}` or `">0.2,<=0.4"`; numbers between two ranges are left
    out. null: negative and positive, by their usual names (0 and 1, neg and pos, negative and positive, ...)."""
    ordered: bool = True
    """Whether the classes are in order, from the worst to the best. false: they have no order, as topics; two such
    classes have names of their own."""

    @property
    def given_source(self) -> str | list[str]:
        """The source. ConfigError if the config names none: no reviews are taken that nobody asked for."""
        if self.source is None:
            raise ConfigError(f"data.source is missing; {GIVE_A_SOURCE}")
        return self.source

    @model_serializer(mode="wrap")
    def _serialize(self, serialize: Any, info: SerializationInfo) -> dict[str, Any]:
        plain = super()._serialize(serialize, info)
        if not info.exclude_unset and plain.get("labels") is not None:
            plain["labels"] = plain["labels"] | {IGNORE: plain["labels"].get(IGNORE, [])}
        return plain

    @field_validator("validation")
    @classmethod
    def _no_number_in_quotes(cls, value: float | str) -> float | str:
        if isinstance(value, str) and parse_number(value) is not None:
            raise PydanticCustomError("number_in_quotes", "a number in quotes")
        return value


class Text(_Section):
    """How a review becomes features."""

    earlier: ClassVar[dict[str, str]] = {"parts": "affixes"}
    lowercase: bool = True
    """Whether to treat `Good` and `good` as the same word."""
    folding: Annotated[int, Field(ge=1, le=2), BeforeValidator(to_whole_number)] = 2
    """Which other spellings are the same word. 2: those with invisible characters, ligatures, full-width letters,
    other apostrophes, skin tones, or a final sigma too; 1: as earlier versions of sentibp had it. Models and runs of
    these versions keep 1. There is rarely a reason to set it. With init_from, the default is that of the model."""
    classes: list[Literal["url", "email", "mention", "number"]] = []
    """The classes of tokens that count as one word each: every URL becomes `<url>`, every e-mail address `<email>`,
    every @name `<mention>`, and every number `<number>`. url and mention suit tweets; number hides ratings such as
    `10/10`. With init_from, the default is that of the model."""
    ngrams: Annotated[int, Field(ge=1, le=3), BeforeValidator(to_whole_number)] = 2
    """The largest number of words in a feature. 1: single words; 2: pairs such as `not good` too; 3: triples too. A
    lower value is faster and gives a smaller model."""
    min_count: Count = 1
    """How often a feature must occur in the training data (including that of pretrain). Raise it for a smaller model,
    and if there is much training data."""
    min_groups: Count = 1
    """In how many groups of data.group_column a feature must occur: films, products, authors. What occurs in one of
    them only is often a name, which says nothing about others."""
    names: bool = True
    """Whether names are features. false leaves out rare words that mostly have a capital where they follow another
    word, and n-grams with them. Names of films, actors or products say little about others. It is for languages that
    write only names with a capital, such as English, and not for German."""
    max_features: Count | None = None
    """The largest number of features. The most frequent ones are kept. null: no limit."""
    presence: bool = False
    """Whether a feature counts once in a review, however often it occurs there. What a review says again and again is
    often the name of a film or product, which says little about others. With init_from, the default is that of the
    model."""
    shifters: bool = False
    """Whether words of opinion have further features where they are negated (`not good`), conceded (`good, but`) or
    boosted (`very good`). What these weigh is learned after the training, from English sentences that come with
    sentibp. It helps with short texts. The network has at most one hidden layer, with relu."""
    affixes: bool = True
    """Whether the beginnings and endings that several words share are features too. The model uses them for words
    that it does not know. They do not count towards max_features."""


class Embedding(_Section):
    """The embedding: a row of numbers for each feature. The rows of a review are combined into one."""

    dim: Count = 16
    """The length of a row. Raise it if there is much training data. With more than 16 classes without an order, the
    default is their number."""
    pooling: Literal["mean", "sum", "sqrt"] = "mean"
    """How the rows of a review are combined. mean: their mean; sum: their sum; sqrt: their sum divided by the square
    root of their number. With more than two classes the default is sqrt, unless init_from is set."""
    padding: Whole = 10
    """The number of zero rows that are added to each review. They have an effect with pooling mean and sqrt. Raise it
    if the predictions for short texts are overconfident."""
    init: Literal["linear", "naive_bayes", "normal", "glorot", "he", "zeros"] = "linear"
    """The initial values of the rows. linear: the first column has the weights of the best linear classifier, in which
    words share the weights of their beginnings and endings; naive_bayes: the first column has the log-count ratios of
    the features, that is, how much more often they occur in positive reviews; the other columns are random. normal,
    glorot, he: all columns are random; zeros: all are zero. linear suits short texts. If the training data have more
    than four million occurrences of features, it does the same as naive_bayes, which is faster; classes without an
    order start from a linear classifier then, too, which stochastic gradient descent finds."""
    vectors: Name | None = None
    """The path of pretrained word vectors in text format (GloVe, word2vec or fastText). The rows of these words start
    from them. Useful if there is little training data."""


class Model(_Section):
    """The network: embedding, hidden layers, output."""

    added: ClassVar = {"output": "auto"}
    embedding: Embedding = Embedding()
    """The table of feature vectors."""
    hidden: list[Count] = [16]
    """The widths of the hidden layers. `[]`: no hidden layer, a linear model. With more than eight classes without an
    order, the default is a layer of two units for each: a network starts as a linear classifier if it is so wide."""
    activation: Literal["relu", "tanh", "sigmoid"] = "relu"
    """The activation function of the hidden layers."""
    init: Literal["auto", "glorot", "he", "normal"] = "auto"
    """The distribution of the initial weights. auto: He for relu, Glorot for tanh and sigmoid."""
    batch_norm: bool = False
    """Whether to use batch normalisation in the hidden layers. Try it for deep networks, but not with very small
    batches."""
    residual: bool = False
    """Whether to add the input of a hidden layer to its output. It applies to layers that are as wide as their input;
    at least one must be. Try it for deep networks."""
    dropout: Share = 0.0
    """The share of a layer's inputs that dropout sets to zero during training. Raise it against overfitting."""
    init_from: Name | None = None
    """The trained model to start from: a run directory, a model file, or `last`."""
    output: Literal["auto", "scale", "softmax", "cumulative"] = "auto"
    """How the network tells more than two classes apart. scale: by two numbers, polarity and neutrality, for ordered
    classes; softmax: by a number for each class; cumulative: by one number and thresholds, for comparison and teaching.
    auto: scale if data.ordered, else softmax. With negative and positive there is one number, whatever is set."""


class Optimizer(_Choice):
    """The optimizer: how the weights change along the gradient."""

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
    """The learning rate. Lower it if the loss jumps or grows. Raise it if the loss hardly falls. With more than two
    classes the default is 0.01, unless init_from is set."""
    momentum: Share = 0.9
    """momentum, nesterov: how much of the previous step is added to the next."""
    beta1: Share = 0.9
    """adam, adamw: the decay of the running mean of gradients."""
    beta2: Share = 0.999
    """adam, adamw: the decay of the running mean of squared gradients."""
    rho: Share = 0.9
    """rmsprop: the decay of the running mean of squared gradients."""
    epsilon: Positive = 1e-8
    """adagrad, rmsprop, adam, adamw: a small number that prevents a division by zero. There is rarely a reason to
    change it."""
    row_wise: bool = True
    """adagrad: whether to keep one sum of squared gradients per embedding row, instead of one per weight. It takes less
    memory."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """How strongly weights are pulled towards zero. It is added to the gradient; adamw applies it apart from the
    gradient. Raise it against overfitting."""
    clip_norm: Positive | None = None
    """The largest norm of the gradient. A larger gradient is scaled down to it. Set it, for example to 1.0, if training
    diverges. null: no limit."""


class Schedule(_Choice):
    """The schedule of the learning rate."""

    uses: ClassVar = {
        "constant": "",
        "step": "every factor",
        "linear": "final",
        "cosine": "final",
        "plateau": "factor patience",
    }
    name: Literal["constant", "step", "linear", "cosine", "plateau"] = "linear"
    """How the learning rate falls. `schedule: cosine` is short for `schedule: {name: cosine}`."""
    warmup: Share = 0.0
    """The share of all steps in which the learning rate first rises from zero."""
    every: Count = 1
    """step: the number of epochs between two drops."""
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """step, plateau: the factor of the learning rate at a drop."""
    patience: Whole = 1
    """plateau: the number of epochs to wait for a lower validation loss before a drop."""
    final: Annotated[float, Field(ge=0, le=1)] = 0.0
    """linear, cosine: the share of the learning rate that is left at the end."""


class EarlyStopping(_Section):
    """When training stops before its last epoch."""

    bare: ClassVar[str] = "patience"
    metric: Literal["accuracy", "log_loss", "f1", "roc_auc", "macro_f1", "mae"] = "accuracy"
    """The validation score that must improve. f1 and roc_auc are of two classes; macro_f1 and mae of more."""
    patience: Count = 2
    """The number of epochs without a better score after which training stops. `early_stopping: 3` is short for
    `early_stopping: {patience: 3}`."""


class Checkpoint(_Section):
    """How often training writes a checkpoint, from which an interrupted training can resume."""

    bare: ClassVar[str] = "every_seconds"
    every_seconds: Positive | None = 30.0
    """The seconds between two checkpoints; null: use every_steps only. `checkpoint: 60` is short for
    `checkpoint: {every_seconds: 60}`, and `checkpoint: null` turns checkpoints off."""
    every_steps: Count | None = None
    """The number of steps between two checkpoints, counted across epochs; null: use every_seconds only."""


class Train(_Section):
    """How the network is trained."""

    loss: Literal["cross_entropy", "squared_error"] = "cross_entropy"
    """The loss to minimise. Cross-entropy learns faster; squared error is there for comparison and teaching."""
    class_weight: Literal["balanced"] | ClassWeight | None = None
    """The weight of each class in the loss, such as `{positive: 2}`; classes that are not named have 1. `balanced`: all
    classes have the same total weight, however many reviews they have; null: every review has the same weight."""
    optimizer: Optimizer = Optimizer()
    """The optimizer: a name, or a mapping with the keys below."""
    schedule: Schedule = Schedule()
    """The schedule of the learning rate: a name, or a mapping with the keys below."""
    epochs: Count = 2
    """The number of passes over the training reviews. Raise it if the validation score still improves at the end."""
    batch_size: Count = 64
    """The number of reviews in a step. Raise it for speed. Lower it for more steps in an epoch."""
    word_dropout: Share = 0.3
    """The share of the features of a review that are left out at random, anew in every epoch. Raise it against
    overfitting."""
    early_stopping: EarlyStopping | None = None
    """Stop when the validation score no longer improves: a number of epochs, or a mapping with the keys below. null:
    train all epochs."""
    checkpoint: Checkpoint = Checkpoint()
    """How often to write a checkpoint, from which `train --resume` continues: a number of seconds, or a mapping with
    the keys below. A training that is shorter writes none. `sentibp pretrain` counts its rounds as steps."""
    freeze: list[Name] = []
    """The layers not to train: embedding, hidden.0, hidden.1, ..., output. Useful with init_from and vectors."""
    learning_rates: dict[str, Annotated[float, Field(ge=0)]] = {}
    """The learning rates of single layers, as factors of optimizer.learning_rate. `{embedding: 0.1}`: the embedding
    learns ten times more slowly."""
    math: Literal["fast", "plain"] = "fast"
    """The implementation of the embedding. plain: as written out in nn/layers.py; fast: the same up to rounding."""
    members: Count = 1
    """The number of networks to train, each from other random weights, and to average. The result is one network that
    is as wide as all of them together."""
    linear_member: bool = False
    """Whether to average the networks with a linear classifier: logistic regression with a penalty, on features that
    are weighted by their log-count ratios, and by their inverse document frequency if the classes have no order. The
    result is one network, a little wider. It is better on reviews of films, products or authors that training has not
    seen, and takes less time than an epoch."""
    calibrate: bool = True
    """Whether to scale the logit so that the validation log loss is lowest; with few validation reviews, by less, or by
    what cross-validation on training reviews says, too. Of classes without an order, each text may have a temperature
    of its own. It makes probabilities more reliable and changes no label. With class_weight, a number is added to the
    logit, too, so that the classes count on new reviews as class_weight says; this changes labels."""
    refit: Literal["auto"] | bool = "auto"
    """Whether to train the best model again at the end, on all reviews, including those held out for validation. The
    scores stay those of the model before. The run directory keeps that model too, and `sentibp eval` without --data
    scores it. It doubles the time of the training. auto: do so if the training reviews have at most a million
    occurrences of features, where it helps most and takes least time."""
    shards: Annotated[int, Field(ge=1, le=10_000), BeforeValidator(to_whole_number)] = 1
    """The number of shards that the training reviews are divided into. All shards are trained at the same time, each on
    its own reviews, by as many processes or machines as `sentibp train --cluster` has. They decide how fast it is; the
    model depends on the number of shards alone. 1: the usual training."""
    sync: Literal["average", "sync"] = "average"
    """With shards, how they are brought together. average: each shard trains for some steps by itself, and then their
    weights are averaged; sync: the gradients of all shards are merged into each step, which is the same as a batch_size
    that is larger by the number of shards. sync is as good as one process; average moves less data."""
    shard_steps: Count | None = None
    """With shards, how much is done before they are brought together again. With sync: average, the steps that each
    shard trains by itself; null: 20. With sync: sync, the batches of each shard in a step; null: 1."""
    seed: Annotated[int, Field(ge=0, lt=2**63), BeforeValidator(to_whole_number)] = 0
    """The seed of all random numbers. The same seed gives the same model."""
    seeds: Count = 1
    """The number of seeds to train with (seed, seed + 1, ...). The scores are reported with their mean and spread, and
    the best model is kept."""

    @property
    def round_steps(self) -> int:
        """What `shard_steps` is, or means if it is null."""
        return self.shard_steps or (20 if self.sync == "average" else 1)

    def in_one_process(self) -> Train:
        """Return the same settings without shards."""
        return self.model_copy(update={"shards": 1})

    def steps_per_epoch(self, n: int) -> int:
        """Return the steps of an epoch over n reviews: those of a shard, or with `sync` those of all together."""
        batches = -(-n // (self.shards * self.batch_size))
        return batches if self.shards == 1 or self.sync == "average" else -(-batches // self.round_steps)

    def _left_out(self, *, only_given: bool) -> Collection[str]:
        return ("shards", "sync", "shard_steps") if self.shards == 1 else ()


BUILTIN_DIM = 100
"""The numbers of each of the word vectors that come with sentibp."""


class Pretrain(_Section):
    """What to learn from reviews without labels before the training."""

    added: ClassVar = {"lexicon": "none", "decay": 1.0}
    vectors: Literal["none", "reviews", "words", "builtin"] = "none"
    """The vectors to learn. none: no pretraining. reviews: vectors of n-grams that occur in the same reviews; a linear
    classifier on them is averaged with the network; for long reviews. words: vectors of words with the same neighbours;
    the last columns of the embedding start from them, and the networks also learn from the predictions of a linear
    classifier on them, for the sentences of `labelled` and `source`; for short texts. builtin: as words, with the
    vectors of 30,000 English words that come with sentibp, of 100 numbers each. Nothing is learned from neighbours."""
    source: Name | Names | None = None
    """More reviews to learn from, besides the training data: as data.source. Their labels are not used. null: none."""
    split: Name = "unsupervised"
    """The split of `source` to read. It applies to built-in data and data from the hub."""
    text_column: Name = "text"
    """The column with the text of the review."""
    labelled: Name | Names | None = None
    """With vectors: words, labelled reviews of another kind: as data.source; their train split is read. Their
    labels are negative and positive. Two columns of the embedding, before those of the vectors, start from what
    these say about each feature. A linear classifier predicts their sentences, and the networks learn from these
    predictions. null: none."""
    dim: Count = 300
    """The length of a vector that is learned. A higher value is slower, and often better."""
    vectors_from: Name | None = None
    """Use the vectors of an earlier `sentibp pretrain` instead of learning them again: its run directory, its file of
    vectors, or `last`. Features are matched by their text. `vectors` and `dim` must be the same as there."""
    min_count: Count = 10
    """With vectors: reviews, how often a feature must occur in all reviews together to have a vector."""
    lexicon: Literal["none", "vader", "builtin"] = "none"
    """A list of words with their polarity: how negative or positive each is. builtin: the English words that come with
    sentibp, and how often they occur in positive and in negative film reviews. vader: the 7,500 English words of VADER
    (`pip install 'sentibp[lexicon]'`). They are features whether the training data have them or not, and a column of
    the embedding, before those of the vectors, starts from the polarities. Use it with up to a few thousand labelled
    reviews in English, with vectors: none, words or builtin. Predictions do not need the package. none: no lexicon."""
    decay: Positive = 1.0
    """How strongly the weights of the linear classifier on the columns of words are pulled towards zero: a multiple of
    the usual penalty. Lower it for labels that words tell apart well, such as those of subjects."""

    @property
    def is_used(self) -> bool:
        """Whether anything is learned before the training."""
        return self.vectors != "none" or self.lexicon != "none"

    @property
    def has_word_columns(self) -> bool:
        """Whether columns of the embedding start from what is known of words; then a teacher is trained on them."""
        return self.vectors in ("words", "builtin") or self.lexicon != "none"

    @property
    def vector_columns(self) -> int:
        """The number of those that start from vectors."""
        return {"words": self.dim, "builtin": BUILTIN_DIM}.get(self.vectors, 0)

    @property
    def columns(self) -> int:
        """The number of these columns."""
        vectors = self.vector_columns
        return vectors + (self.lexicon != "none") + 2 * (self.labelled is not None) if self.has_word_columns else 0


OF_SEVERAL_CLASSES: dict[tuple[str, ...], Any] = {
    ("model", "embedding", "pooling"): "sqrt",
    ("train", "optimizer", "learning_rate"): 0.01,
}
"""The defaults that are others with more than two classes. Their linear start leaves less for the network to learn."""


def _shape_for(outputs: int) -> dict[tuple[str, ...], Any]:
    """Return the defaults of a network that can start as a linear classifier with so many outputs.

    Each output is a column, which passes the hidden layer through two units.
    """
    dim, hidden = Embedding().dim, Model().hidden
    return {
        ("model", "embedding", "dim"): max(dim, outputs),
        ("model", "hidden"): [max(width, 2 * outputs) for width in hidden],
    }


def with_default(section: Any, path: tuple[str, ...], value: Any, *, given: bool = False) -> Any:
    """Return the section with another default of the setting at a path, if that is not given.

    If it is to count as `given`, it is never replaced by a further default.
    """
    key, *rest = path
    if not rest and key in section.model_fields_set:
        return section
    changed = section.model_copy()  # it remembers which settings are given
    vars(changed)[key] = with_default(getattr(section, key), tuple(rest), value, given=given) if rest else value
    if given:
        changed.model_fields_set.add(key)
    return changed


class Config(_Section):
    """All settings of a training."""

    data: Data = Data()
    text: Text = Text()
    pretrain: Pretrain = Pretrain()
    model: Model = Model()
    train: Train = Train()

    @model_validator(mode="after")
    def _set_defaults_of_several_classes(self) -> Config:
        vars(self).update(vars(with_class_defaults(self)))
        return self

    @model_validator(mode="after")
    def _check_conflicts(self) -> Config:
        if conflicts := list(find_conflicts(self)):
            lines = "\n".join(f"{dotted(conflict.path)}: {conflict.message}" for conflict in conflicts)
            raise PydanticCustomError("conflict", "{lines}", {"lines": lines, "conflicts": conflicts})
        return self


def with_class_defaults(config: Config) -> Config:
    """Return the config with the defaults that depend on the number of classes. They do not count as given."""
    is_new = config.model.init_from is None  # else the network is pooled as the one that it starts from
    if is_new and not are_binary(config.data.labels):
        for path, value in (OF_SEVERAL_CLASSES | _shape_for(outputs_of(config))).items():
            config = with_default(config, path, value)
    return config
