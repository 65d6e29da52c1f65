"""The specification of a network: the settings that prediction needs, and their check in a model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sentibp.data.folding import Spelling
from sentibp.data.labels import Classes, classes_of
from sentibp.data.token_classes import PATTERNS
from sentibp.model.head import LABELS

if TYPE_CHECKING:
    from sentibp.config.schema import Config


T = TypeVar("T")


@dataclass(frozen=True)
class NetworkSpec:
    """What turns a text and some tensors into a prediction. The vocabulary holds the features, n-grams included."""

    lowercase: bool
    folding: int
    classes: tuple[str, ...]
    presence: bool
    dim: int
    pooling: str
    padding: int
    hidden: tuple[int, ...]
    activation: str
    batch_norm: bool
    residual: bool
    math: str  # the two implementations of the embedding differ in the last digit
    labels: tuple[str, ...] = LABELS
    ordered: bool = True  # the labels are in order, from the worst to the best
    head: str = "sigmoid"  # with more than two labels: scale, softmax or cumulative
    adaptive_temperature: bool = False  # softmax only: calibration found one, so that no config has it

    @property
    def label_set(self) -> Classes:
        """The labels that the model tells apart."""
        return Classes(self.labels, self.ordered)

    @property
    def outputs(self) -> int:
        """The width of the output layer."""
        return {"sigmoid": 1, "scale": 2, "softmax": len(self.labels), "cumulative": 1}[self.head]

    @property
    def spelling(self) -> Spelling:
        """What decides which spellings are the same token."""
        return Spelling.of(self)

    @classmethod
    def from_config(cls, config: Config) -> NetworkSpec:
        """Return the specification of the network that a config describes."""
        model, labels = config.model, classes_of(config.data)
        return cls(
            lowercase=config.text.lowercase,
            folding=config.text.folding,
            classes=tuple(config.text.classes),
            presence=config.text.presence,
            dim=model.embedding.dim,
            pooling=model.embedding.pooling,
            padding=model.embedding.padding,
            hidden=tuple(model.hidden),
            activation=model.activation,
            batch_norm=model.batch_norm,
            residual=model.residual,
            math=config.train.math,
            labels=labels.names,
            ordered=labels.ordered,
            head=_head(model.output, labels),
        )

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any], labels: Sequence[str] = LABELS) -> NetworkSpec:
        """Return the specification that the settings in a model file describe.

        It checks each value without the schema of configs, which takes longer to import than a prediction takes.
        Raises KeyError for a missing setting, TypeError or ValueError for a wrong one.
        """
        model, train = settings["model"], settings["train"]
        lowercase, folding, of_tokens = spelling_from_mapping(settings["text"])
        embedding, hidden = model["embedding"], model["hidden"]
        if not isinstance(hidden, list):
            raise ValueError(f"model.hidden is {hidden!r:.40}, not a list")
        classes = _classes(labels, settings)
        return cls(
            lowercase=lowercase,
            folding=folding,
            classes=of_tokens,
            presence=_flag("text.presence", settings["text"]["presence"]),
            dim=_integer("model.embedding.dim", embedding["dim"], 1),
            pooling=_choice("model.embedding.pooling", embedding["pooling"], ("mean", "sum", "sqrt")),
            padding=_integer("model.embedding.padding", embedding["padding"], 0),
            hidden=tuple(_integer("model.hidden", width, 1) for width in hidden),
            activation=_choice("model.activation", model["activation"], ("relu", "tanh", "sigmoid")),
            batch_norm=_flag("model.batch_norm", model["batch_norm"]),
            residual=_flag("model.residual", model["residual"]),
            math=_choice("train.math", train["math"], ("fast", "plain")),
            labels=classes.names,
            ordered=classes.ordered,
            head=_head(_choice("model.output", model.get("output", "auto"), OUTPUTS), classes),
        )


OUTPUTS = ("auto", "scale", "softmax", "cumulative")


def _head(output: str, classes: Classes) -> str:
    """Return the head that `model.output` means for these classes."""
    if classes.are_binary:
        return "sigmoid"
    return ("scale" if classes.ordered else "softmax") if output == "auto" else output


def _classes(labels: Any, settings: Mapping[str, Any]) -> Classes:
    """Return the classes that a model file names, checked."""
    if not isinstance(labels, list | tuple) or not all(isinstance(label, str) for label in labels):
        raise ValueError(f"its labels are {labels!r:.40}, not a list of names")
    names, data = tuple(labels), settings.get("data")
    classes = Classes(names, _flag("data.ordered", data.get("ordered", True) if isinstance(data, Mapping) else True))
    is_unlike = len(names) == 2 and classes.ordered and not classes.are_binary
    if is_unlike or len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"its labels are {labels!r:.40}, not {LABELS}")
    return classes


def require_labels(labels: Any, expected: Sequence[str]) -> None:
    """Raise ValueError if these are not the labels of the answers, in their order: swapped, they turn every answer."""
    if not isinstance(labels, list | tuple) or tuple(labels) != tuple(expected):
        raise ValueError(f"its labels are {labels!r:.40}, not {expected}")


def spelling_from_mapping(text: Mapping[str, Any]) -> Spelling:
    """Return the spelling that the section `text` of a file describes. Raises as `NetworkSpec.from_mapping` does."""
    if not isinstance(text["classes"], list):
        raise ValueError(f"text.classes is {text['classes']!r:.40}, not a list")
    return Spelling(
        lowercase=_flag("text.lowercase", text["lowercase"]),
        folding=_choice("text.folding", text["folding"], (1, 2)),
        classes=tuple(_choice("text.classes", name, tuple(PATTERNS)) for name in text["classes"]),
    )


def _integer(name: str, value: Any, least: int) -> int:
    if type(value) is not int or not least <= value < 1 << 63:
        raise ValueError(f"{name} is {value!r:.40}, not a whole number of at least {least}")
    return value


def _flag(name: str, value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(f"{name} is {value!r:.40}, not true or false")
    return value


def _choice(name: str, value: T, choices: Sequence[T]) -> T:
    if value not in choices or isinstance(value, bool):
        raise ValueError(f"{name} is {value!r:.40}, not one of {', '.join(map(str, choices))}")
    return value
