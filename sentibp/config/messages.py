"""Error messages for wrong settings, made from the JSON schema: what is wrong with a value, and how to repair it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sentibp.config.numbers import meant_number, parse_number
from sentibp.config.yaml_file import Keys
from sentibp.utils.label_key import label_key
from sentibp.utils.label_mapping import class_setting, written_classes
from sentibp.utils.near_names import close
from sentibp.utils.repair import PLACEHOLDER, as_yaml, set_option

NOUNS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "a mapping",
}
BOUNDS = {"minimum": "of at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
MOST = 1_000_000_000
"""The largest whole number that a setting takes: more than any machine can use, and less than overflows."""
Options = Sequence[dict[str, Any]]  # the alternatives that a schema allows
ALIASES = {
    "lr": "optimizer.learning_rate",
    "optim": "optimizer",
    "optimiser": "optimizer",
    "wd": "weight_decay",
    "l2": "weight_decay",
    "grad_clip": "clip_norm",
    "max_norm": "clip_norm",
    "eps": "epsilon",
    "scheduler": "schedule",
    "lr_scheduler": "schedule",
    "n_epochs": "epochs",
    "num_epochs": "epochs",
    "max_epochs": "epochs",
    "batch": "batch_size",
    "bs": "batch_size",
    "batchsize": "batch_size",
    "random_seed": "seed",
    "random_state": "seed",
    "loss_fn": "loss",
    "criterion": "loss",
    "class_weights": "class_weight",
    "hidden_size": "hidden",
    "hidden_sizes": "hidden",
    "hidden_dim": "hidden",
    "hidden_dims": "hidden",
    "hidden_layers": "hidden",
    "hidden_layer_sizes": "hidden",
    "layers": "hidden",
    "embedding_dim": "embedding.dim",
    "embedding_size": "embedding.dim",
    "emb_dim": "embedding.dim",
    "dropout_rate": "dropout",
    "nonlinearity": "activation",
    "batchnorm": "batch_norm",
    "ngram": "ngrams",
    "ngram_range": "ngrams",
    "lower": "lowercase",
    "min_df": "min_count",
    "min_freq": "min_count",
    "vocab_size": "max_features",
    "max_vocab": "max_features",
    "file": "source",
    "path": "source",
    "dataset": "source",
    "input": "source",
    "csv": "source",
    "val_split": "validation",
    "validation_split": "validation",
    "dev": "validation",
    "label": "label_column",
    "target": "label_column",
    "text": "text_column",
    "label_map": "labels",
    "sample_weight": "weight_column",
    "neg": "negative",
    "pos": "positive",
}
"""Names that other libraries and papers have for settings."""

MEANINGS = {
    **dict.fromkeys(("mse", "mean_squared_error", "squared", "quadratic"), "squared_error"),
    **dict.fromkeys(("bce", "ce", "log_loss", "logloss", "nll", "binary_crossentropy"), "cross_entropy"),
    **dict.fromkeys(("gd", "gradient_descent", "stochastic_gradient_descent"), "sgd"),
    **dict.fromkeys(("nag", "nesterov_momentum"), "nesterov"),
    "logistic": "sigmoid",
    "rectifier": "relu",
    "xavier": "glorot",
    "kaiming": "he",
    "gaussian": "normal",
    **dict.fromkeys(("cosine_annealing", "cosine_decay"), "cosine"),
    **dict.fromkeys(("reduce_on_plateau", "reducelronplateau"), "plateau"),
    **dict.fromkeys(("average", "avg"), "mean"),
}
"""Names that other libraries and papers have for the values of settings."""

_NOTHING = ("none", "no", "nothing", "null", "empty")  # an empty list, in words

SWITCH = {"yes": "true", "on": "true", "no": "false", "off": "false"}  # true and false in YAML 1.1


class Complaint(NamedTuple):
    """What is wrong with a setting, and the repair: in words, or as the right value or the right keys, if known."""

    what: str
    repair: str = ""  # as in a file
    right: Any = None  # a value for the place of the wrong one
    keys: Sequence[tuple[str, ...]] = ()  # the settings that an unknown key may mean

    def __str__(self) -> str:
        return self.what + (f"; {self.repair}" if self.repair else "")


class Conflict(NamedTuple):
    """A setting that does not fit the others."""

    path: Keys
    message: str
    reads: tuple[str, ...] = ()  # the other settings involved; their own mistakes are reported first
    keys: tuple[tuple[str, ...], ...] = ()  # the settings that an unknown key may mean
    right: Any = None  # the value to write there; the message says only what is wrong then

    @property
    def text(self) -> str:
        """The message with the repair."""
        return self.message if self.right is None else f"{self.message}; write {self.option}"

    @property
    def option(self) -> str:
        """The option that sets the right value."""
        return set_option(".".join(map(str, self.path)), self.right)


class Schema:
    """A JSON schema of nested settings."""

    def __init__(self, root: dict[str, Any]):
        self.root = root
        self.settings: list[tuple[tuple[str, ...], dict[str, Any]]] = list(self._below((), root))

    def _below(self, path: tuple[str, ...], node: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
        for option in self.options(node):
            for key, child in option.get("properties", {}).items():
                yield (*path, key), child
                yield from self._below((*path, key), child)

    def options(self, node: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the alternatives that a node of the schema allows."""
        if "$ref" in node:
            return self.options(self.root["$defs"][node["$ref"].rpartition("/")[2]])
        return [option for each in node["anyOf"] for option in self.options(each)] if "anyOf" in node else [node]

    def options_at(self, path: Keys) -> list[dict[str, Any]]:
        """Return the alternatives for the value at a path."""
        options = [self.root]
        for key in path:
            if isinstance(key, int):
                below = [option["items"] for option in options if "items" in option]
            else:
                below = [
                    option.get("properties", {}).get(key, option.get("additionalProperties")) for option in options
                ]
            options = [option for node in below if node for option in self.options(node)]
        return options

    def mistake(self, kind: str, path: Keys, value: Any, section: Any = None) -> Complaint:
        """Return the complaint about the value at a path. `kind` is pydantic's name of the error.

        `section` is the mapping that has the value, if it is at hand.
        """
        if kind == "extra_forbidden":
            return self._unknown(path, value, section if isinstance(section, dict) else {})
        options, shown = self.options_at(path), show(value)
        numbers = [option for option in options if option.get("type") in ("integer", "number")]
        if kind == "missing":
            needed = [key for option in options for key in option.get("required", ()) if key not in value]
            both = "both" if len(needed) > 1 else "it"
            return Complaint(f"{' and '.join(map(repr, needed))} missing", f"give {both}")
        if kind in ("class_twice", "class_ignore"):
            is_twice, lists = kind == "class_twice", written_classes({label_key(each): each for each in value})
            repair = "name each once" if is_twice else f"write {set_option('data.labels', class_setting(lists))}"
            return Complaint(f"{shown} has a class twice" if is_twice else "a class cannot be called ignore", repair)
        if kind.endswith("too_short"):
            return Complaint(f"{shown} is empty", f"give {words(options)}")
        if kind.startswith(("greater_than", "less_than")):
            at_most_that = any(option.get("maximum") == MOST for option in numbers)  # not worth saying elsewhere
            limit = f" and at most {MOST}" if kind[0] == "l" and at_most_that else ""
            size = "small" if kind[0] == "g" else "large"
            return Complaint(f"{shown} is too {size}", f"give {words(numbers)}{limit}")
        return self._wrong_type(options, numbers, value)

    def _wrong_type(self, options: Options, numbers: Options, value: Any) -> Complaint:
        if isinstance(value, str):
            return self._wrong_text(options, numbers, value)
        brief, full = words(options, brief=True), words(options)
        what = f"{show(value)} is not {brief}"
        free = all(is_free_text(option) or str(option.get("type")) == "array" for option in options)
        if brief == NOUNS["boolean"] and value in (0, 1):
            return Complaint(what, f"write {show(bool(value))}", bool(value))
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value) and _is_section(options):
            return Complaint(what, "leave out the '-' before its keys")
        if not value and _may_be_empty(options):  # null, false or 0, such as the number of hidden layers
            return Complaint(what, "write []", [])
        if isinstance(value, bool | int | float) and free:
            right = show(value) if any(option["type"] == "string" for option in options) else [value]
            return Complaint(what, f"write {show(right)}", right)
        return Complaint(what, f"give {full}" if full != brief else "")

    def _wrong_text(self, options: Options, numbers: Options, value: str) -> Complaint:
        brief, full = words(options, brief=True), words(options)
        choices = [choice for option in options for choice in option.get("enum", ())]
        near = close(value, [*choices, *(option["const"] for option in options if "const" in option)])
        if choices:
            brief = f"one of {', '.join(choices)}"
        what = f"{show(value)} is not {brief}"
        near = near or next(iter({MEANINGS.get(value.lower().replace(" ", "_"))} & {*choices}), None)
        if near:
            return Complaint(what, f"did you mean {near!r}?", near)
        if choices:
            return Complaint(what)
        if complaint := _wrong_scalar(numbers, value, what, is_switch=brief == NOUNS["boolean"]):
            return complaint
        if _is_section(options) and (complaint := _wrong_section(options, value, what)):
            return complaint
        if (items := self._as_list(options, value)) is not None:
            return Complaint(what, f"write {show(items)}", items)
        return Complaint(what, f"give {full}" if full != brief else "")

    def _as_list(self, options: Options, value: str) -> list[Any] | None:
        """Return the list that a text such as `32,16` or `none` means where a list is allowed, or None."""
        if value.lower() in _NOTHING and _may_be_empty(options):
            return []
        for kind in (self.options(option["items"])[0].get("type") for option in options if "items" in option):
            if kind == "string":
                return [item.strip() for item in value.strip("[]() ").split(",")]
            numbers = [parse_number(item) for item in re.split(r"[\s,;x]+", value[:100].strip("[]() "))]
            if None not in numbers:
                return numbers
        return None

    def _unknown(self, path: Keys, value: Any, section: dict[str, Any]) -> Complaint:
        """Return the complaint about an unknown key of a section: it is misspelt, or belongs to another section."""
        *above, key = map(str, path)
        if above == ["data", "labels"] and value in ("negative", "positive"):
            return Complaint("unknown key", f"write it the other way round: {value}: [{key}]")
        if "." in key and (found := self.meant((*above, *key.split(".")))):
            ask, end = ("write", "") if dotted(found[0]) == dotted(path) else ("did you mean", "?")
            nested = _nested(found[0][len(above) :] if found[0][: len(above)] == tuple(above) else found[0], value)
            return Complaint("unknown key", f"a config is nested; {ask} {nested}{end}", keys=found)
        meant = self.meant(tuple(map(str, path)))
        sections = [dotted(keys[:-1]) or "the top level" for keys, _ in self.settings if keys[-1] == key]
        longer = [keys[-1] for keys, _ in self.settings if keys[:-1] == tuple(above) and keys[-1].startswith(f"{key}_")]
        if sections and len(longer) == 1 and not isinstance(value, dict):
            return Complaint("unknown key", f"did you mean {longer[0]!r}?", keys=[(*above, longer[0])])
        if sections:
            where = f"{key!r} belongs to {' or '.join(map(repr, sections))}"
            below = [keys[-2] for keys in meant if list(keys[:-2]) == above]
            if len(sections) == len(below) == 1:  # a part of this section, which may be there by its name only
                there = section.get(below[0], {})
                there = {"name": there} if isinstance(there, str) else there if isinstance(there, dict) else {}
                where += f"; write {_nested((below[0],), {**there, key: value})}"
            return Complaint("unknown key", where, keys=meant)
        siblings = [keys[-1] for keys, _ in self.settings if keys[:-1] == tuple(above)]
        if not meant:
            return Complaint("unknown key", f"choose from {', '.join(siblings)}")
        shown = [keys[-1] if keys[:-1] == tuple(above) else dotted(keys) for keys in meant]
        return Complaint("unknown key", f"did you mean {' or '.join(map(repr, shown))}?", keys=meant)

    def meant(self, path: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Return the settings, at most three, that an unknown path may mean, such as `lr` or `optimiser.name`."""
        known = [keys for keys, _ in self.settings]
        *above, last = (key.casefold().replace("-", "_")[:100] for key in path)
        last = tuple(ALIASES.get(last, last).split("."))
        above = tuple(part for key in above for part in ALIASES.get(key, key).split("."))
        same = [keys for keys in known if keys[-len(last) :] == last]
        found = [keys for keys in same if keys[: -len(last)] == above] or [
            keys for keys in same if set(above) <= set(keys)
        ]
        if not found and (spelling := close(last[-1], [keys[-1] for keys in known if keys[:-1] == path[:-1]])):
            found = [(*path[:-1], spelling)]
        if not found and (spelling := close(last[-1], [keys[-1] for keys in known])):
            same = same or [keys for keys in known if keys[-1] == spelling]
        if not found and len(same) > 1 and above:
            best = close(".".join((*above, *last)), map(dotted, same))
            same = [keys for keys in same if dotted(keys) == best]
        return (found or same)[:3]


def _wrong_scalar(numbers: Options, value: str, what: str, *, is_switch: bool) -> Complaint | None:
    """Return the complaint about a text that means a number, or true or false where `is_switch`; None for others."""
    if is_switch:
        plain = SWITCH.get(value.lower(), value.lower())
        quotes = " without quotes" * (plain == value.lower())
        return Complaint(what, f"write {plain}{quotes}", plain == "true") if plain in ("true", "false") else None
    if not numbers:
        return None
    what = f"{show(value)} is not {words(numbers, brief=True)}"
    if parse_number(value) is not None:
        return Complaint(what, f"write {show(value)[1:-1]} without quotes", parse_number(value))
    meant = meant_number(value, whole={option["type"] for option in numbers} == {"integer"})
    return None if meant is None else Complaint(what, f"write {meant!r}", meant)


def is_free_text(option: dict[str, Any]) -> bool:
    """Return whether any text is allowed."""
    return option.get("type") == "string" and not option.keys() & {"enum", "const"}


def _wrong_section(options: Options, value: str, what: str) -> Complaint | None:
    """Return the complaint about a text in place of a section, if it says what is meant."""
    if pair := re.fullmatch(r"([a-z_]+):(\S+)", value):
        return Complaint(what, f"write a space after the colon: {pair[1]}: {pair[2]}")
    if any("text_column" in option["properties"] for option in options):  # the section `data`: the text is its source
        right = {"source": value}
        return Complaint(what, f"write {as_yaml(right)}", right)
    return None


def _is_section(options: Options) -> bool:
    """Return whether only a mapping with known keys is allowed."""
    return all("properties" in option for option in options)


def _may_be_empty(options: Options) -> bool:
    """Return whether a list without items is allowed."""
    return any("items" in option and not option.get("minItems") for option in options)


def _nested(keys: Sequence[str], value: Any) -> str:
    """Return a setting as a config has it, such as `train: {epochs: 3}`."""
    inner = value
    for key in reversed(keys[1:]):
        inner = {key: inner}
    text = f"{keys[0]}: {as_yaml(inner)}"
    return text if len(text) <= 100 else _nested(keys, PLACEHOLDER)


def words(options: Options, *, brief: bool = False) -> str:
    """Describe what is allowed: `a whole number of at least 1 or null`, or in brief `a whole number or null`."""
    return " or ".join(dict.fromkeys(_brief(option) if brief else _full(option) for option in options))


def _brief(option: dict[str, Any]) -> str:
    if "enum" in option:
        return f"one of {', '.join(option['enum'])}"
    if "const" in option:
        return option["const"]
    kinds = option["type"] if isinstance(option["type"], list) else [option["type"]]
    return ", ".join(NOUNS[kind] for kind in kinds)


def _full(option: dict[str, Any]) -> str:
    noun = _brief(option)
    if isinstance(option.get("additionalProperties"), dict):
        return f"{noun} from names to {_plural(option['additionalProperties'])}"
    if "properties" in option:
        return f"{noun} with the keys {', '.join(option['properties'])}"
    if "items" in option:
        return f"{noun} of {_plural(option['items'])}"
    bounds = " and ".join(f"{text} {option[key]}" for key, text in BOUNDS.items() if option.get(key, MOST) != MOST)
    return f"{noun} {bounds}".rstrip()


def _plural(option: dict[str, Any]) -> str:
    if "anyOf" in option:
        return _plural(option["anyOf"][0])
    if isinstance(option["type"], list):
        return "values"
    if "enum" in option:
        return ", ".join(option["enum"])
    noun = _brief(option)
    return _full(option).replace(noun, f"{noun.removeprefix('a ')}s", 1)


def show(value: Any) -> str:
    """Show a value nearly as the user wrote it, in at most 60 characters."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        text = f"[{', '.join(map(show, value[:10]))}]"
        return text if len(text) <= 60 and len(value) <= 10 else "a list"
    if isinstance(value, bool | None):
        return {True: "true", False: "false", None: "null"}[value]
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:50]}...{text[-1] if isinstance(value, str) else ''}"


def dotted(path: Sequence[str | int]) -> str:
    """Return a path as `train.optimizer.name`; in quotes if it is long or not printable."""
    text = ".".join(map(str, path))
    return text if text.isprintable() and len(text) <= 100 else show(text)
