"""Conflicts: settings that are valid one by one, but not together."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from encodings import aliases
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sentibp.config.class_conflicts import are_binary, class_count, find_class_conflicts
from sentibp.config.messages import Conflict, show
from sentibp.config.numbers import meant_number
from sentibp.config.yaml_file import Keys
from sentibp.utils.near_names import nearest
from sentibp.utils.repair import set_option

if TYPE_CHECKING:
    from sentibp.config.schema import Config, Data, Model, Optimizer, Schedule, Text


_USUAL_ENCODINGS = (
    "utf-8",
    "cp1252",
    "latin-1",
    "utf-16",
    "cp1251",
    "windows-1252",
    "iso-8859-1",
    "shift-jis",
    "gb18030",
)

_NO_ENCODINGS = ("idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape")  # of files, though Python's


def find_conflicts(config: Config) -> Iterator[Conflict]:
    """Yield all conflicts of a config."""
    yield from find_class_conflicts(config)
    yield from _share_as_text(config.data)
    yield from _unknown_encoding(config.data)
    yield from _no_separator(config.data)
    yield from _column_named_twice(config.data)
    yield from _groups_without_column(config)
    yield from _names_in_two_cases(config.text)
    yield from _blocks_and_groups(config)
    yield from _residual_without_equal_widths(config.model)
    yield from _unused("optimizer", config.train.optimizer)
    yield from _unused("schedule", config.train.schedule)
    yield from _cannot_be_averaged(config)
    yield from _pretraining(config)
    yield from _only_two_classes(config)
    yield from _no_validation(config)
    yield from _no_refit(config)
    yield from _shards(config)
    yield from _unknown_layers(config)


def _share_as_text(data: Data) -> Iterator[Conflict]:
    """Yield a conflict for a share such as `10%` or `0,1`, which is no number and would be the name of a split."""
    share = meant_number(data.validation, whole=False) if isinstance(data.validation, str) else None
    if share is not None and 0 <= share < 1:
        yield Conflict(("data", "validation"), f"{show(data.validation)} is not a number", right=share)


def _unknown_encoding(data: Data) -> Iterator[Conflict]:
    if data.encoding is not None and not _is_text_encoding(data.encoding):
        known = {alias.replace("_", "-") for alias in aliases.aliases if _is_text_encoding(alias)}
        near = nearest(data.encoding, _USUAL_ENCODINGS) or nearest(data.encoding, sorted(known))
        choose = near or "; choose from utf-8, cp1252, latin-1, utf-16, or any other that Python knows"
        yield Conflict(("data", "encoding"), f"{show(data.encoding)} is no encoding of text{choose}")


def _is_text_encoding(name: str) -> bool:
    try:
        known = codecs.lookup(name)
    except (LookupError, ValueError):  # ValueError: a zero byte in the name
        return False
    return known._is_text_encoding and known.name.replace("_", "-") not in _NO_ENCODINGS


def _no_separator(data: Data) -> Iterator[Conflict]:
    separator = data.separator
    if separator in (None, "tab", "\\t", "\t"):
        return
    if len(separator) != 1 or not separator.isascii() or separator.isalnum() or separator in '"\\\r\n':
        message = f"{show(separator)} is not one punctuation mark; write a single character, such as ';', or tab"
        yield Conflict(("data", "separator"), message)


def _column_named_twice(data: Data) -> Iterator[Conflict]:
    for i, name in enumerate(data.columns or ()):
        if name in (data.columns or ())[:i]:
            yield Conflict(("data", "columns", i), f"{show(name)} is there twice; give each column its own name")


def _groups_without_column(config: Config) -> Iterator[Conflict]:
    if config.text.min_groups > 1 and config.data.group_column is None:
        message = "no column says which reviews belong together (film, product, author); name it with "
        message += f"--set data.group_column=NAME, or write {set_option('text.min_groups', 1)}"
        yield Conflict(("text", "min_groups"), message, ("data.group_column",))


def _names_in_two_cases(text: Text) -> Iterator[Conflict]:
    if not text.names and not text.lowercase:
        message = "names are found by their capitals, among words in lower case; write "
        message += f"{set_option('text.lowercase', True)}, or {set_option('text.names', True)}"
        yield Conflict(("text", "names"), message, ("text.lowercase",))


def _blocks_and_groups(config: Config) -> Iterator[Conflict]:
    data = config.data
    if data.block_size > 1 and data.group_column is not None:
        message = f"data.group_column says which reviews stay together; write {set_option('data.block_size', 1)}"
        yield Conflict(("data", "block_size"), message, ("data.group_column",))
    if data.group_similar:
        for key, off in ("group_column", None), ("block_size", 1):
            if getattr(data, key) != off:
                message = f"data.{key} says which reviews stay together; remove this, or write "
                message += set_option(f"data.{key}", off)
                yield Conflict(("data", "group_similar"), message, (f"data.{key}",))


def averaged_by(config: Config) -> tuple[str, str] | None:
    """Return a setting that makes the model an average of classifiers, or gives it weights that are learned later."""
    pretrain, train = config.pretrain, config.train
    settings = (
        (("train", "members"), train.members > 1),
        (("train", "linear_member"), train.linear_member),
        (("pretrain", "vectors"), pretrain.vectors != "none"),
        (("pretrain", "lexicon"), pretrain.lexicon != "none"),
        (("text", "shifters"), config.text.shifters),
    )
    return next((key for key, is_set in settings if is_set), None)


def _cannot_be_averaged(config: Config) -> Iterator[Conflict]:
    model, key = config.model, averaged_by(config)
    if key is None:
        return
    deep = len(model.hidden) > 1 or model.batch_norm or model.residual
    if deep or (model.hidden and model.activation != "relu"):
        what = "a network with shifters has" if key[0] == "text" else "averaged networks have"
        message = f"{what} at most one hidden layer, with relu, without batch_norm and residual; change "
        off = {"members": 1, "linear_member": False, "vectors": "none", "lexicon": "none", "shifters": False}
        none = set_option(".".join(key), off[key[1]])
        yield Conflict(key, f"{message}model.hidden, or write {none}", ("model",))


def _pretraining(config: Config) -> Iterator[Conflict]:
    pretrain, dim = config.pretrain, config.model.embedding.dim
    needed = pretrain.columns + outputs_of(config)  # columns to learn
    if pretrain.has_word_columns and dim < needed:
        key = {"words": "dim", "builtin": "vectors"}.get(pretrain.vectors, "lexicon")
        lower = "lower this, or " * (key == "dim")
        message = f"the embedding has {dim} columns and needs {needed}; {lower}write "
        message += set_option("model.embedding.dim", needed)
        yield Conflict(("pretrain", key), message, ("model.embedding.dim",))
    if not pretrain.has_word_columns and pretrain.labelled is not None:
        message = "only vectors: words, vectors: builtin and lexicon use it; remove it with "
        message += set_option("pretrain.labelled", None)
        yield Conflict(("pretrain", "labelled"), message, ("pretrain.vectors", "pretrain.lexicon"))
    if pretrain.vectors == "reviews" and pretrain.lexicon != "none":
        message = "vectors: reviews uses no lexicon; remove it with "
        message += f"{set_option('pretrain.lexicon', 'none')}, or write {set_option('pretrain.vectors', 'none')}"
        yield Conflict(("pretrain", "lexicon"), message, ("pretrain.vectors",))
    if pretrain.has_word_columns and config.train.linear_member:
        used = next(key for key in ("vectors", "lexicon") if getattr(pretrain, key) != "none")
        message = f"{used}: {getattr(pretrain, used)} has such a classifier already; remove this, or write "
        message += set_option("train.linear_member", False)
        yield Conflict(("train", "linear_member"), message, ("pretrain.vectors", "pretrain.lexicon"))
    if pretrain.vectors == "none" and pretrain.vectors_from is not None:
        message = "vectors: none uses no vectors; write the kind of these with --set pretrain.vectors=words or "
        message += "--set pretrain.vectors=reviews"
        yield Conflict(("pretrain", "vectors_from"), message, ("pretrain.vectors",))
    if pretrain.vectors == "builtin" and pretrain.vectors_from is not None:
        message = "vectors: builtin has vectors already; remove this with "
        message += f"{set_option('pretrain.vectors_from', None)}, or write {set_option('pretrain.vectors', 'words')}"
        yield Conflict(("pretrain", "vectors_from"), message, ("pretrain.vectors",))
    if pretrain.is_used and config.model.init_from is not None:
        used = [key for key in ("vectors", "lexicon") if getattr(pretrain, key) != "none"]
        what = {"vectors": "vectors", "lexicon": "a lexicon"}[used[0]]
        message = f"a network cannot start from both a model and {what}; remove this, or write "
        message += " ".join(set_option(f"pretrain.{key}", "none") for key in used)
        yield Conflict(("model", "init_from"), message, ("pretrain.vectors", "pretrain.lexicon"))


def _only_two_classes(config: Config) -> Iterator[Conflict]:
    if are_binary(config.data.labels):
        return
    settings: tuple[tuple[Keys, str, bool, Any], ...] = (
        (("text", "shifters"), "shifters are", config.text.shifters, False),
        (("pretrain", "lexicon"), "a lexicon is", config.pretrain.lexicon != "none", "none"),
    )
    for key, what, is_used, off in settings:
        if is_used:
            option = set_option(".".join(map(str, key)), off)
            message = f"{what} for negative and positive; with other classes, write {option}"
            yield Conflict(key, message, ("data.labels",))


def _residual_without_equal_widths(model: Model) -> Iterator[Conflict]:
    widths = [model.embedding.dim, *model.hidden]
    if model.residual and not any(i == o for i, o in pairwise(widths)):
        off = set_option("model.residual", False)
        message = f"no hidden layer is as wide as its input ({' -> '.join(map(str, widths))}); make "
        message += f"model.embedding.dim or a width equal to the next one, or write {off}"
        if not model.hidden:
            layer = set_option("model.hidden", [model.embedding.dim])
            message = f"it is for hidden layers, and there are none; write {layer}, or {off}"
        yield Conflict(("model", "residual"), message, ("model.hidden", "model.embedding.dim"))


def _unused(key: str, choice: Optimizer | Schedule) -> Iterator[Conflict]:
    for setting in choice.unused(choice.name):
        if setting in choice.model_fields_set:
            users = [method for method, used in choice.uses.items() if setting in used.split()]
            message = f"{choice.name} does not use it; remove it, or choose {' or '.join(users)}"
            yield Conflict(("train", key, setting), message, (f"train.{key}.name",))


def _no_validation(config: Config) -> Iterator[Conflict]:
    if config.data.validation == 0:
        message = "needs validation data; hold reviews out with --set data.validation=0.1"
        if config.train.early_stopping is not None:
            yield Conflict(("train", "early_stopping"), message, ("data.validation",))
        if config.train.schedule.name == "plateau":
            yield Conflict(("train", "schedule", "name"), f"plateau {message}", ("data.validation",))


def _no_refit(config: Config) -> Iterator[Conflict]:
    if config.train.refit is not True or config.data.validation == 0:  # 0: the training uses all reviews already
        return
    path, validation = ("train", "refit"), config.data.validation
    if isinstance(validation, str):
        message = f"data.validation: {show(validation)} is separate data, which is not trained on; write a share, "
        message += "for example --set data.validation=0.1, or --set train.refit=auto"
        yield Conflict(path, message, ("data.validation",))
    elif config.train.schedule.name == "plateau":
        message = "schedule plateau needs validation data in every epoch; choose another schedule, or write "
        message += "--set train.refit=auto"
        yield Conflict(path, message, ("train.schedule.name",))


def _shards(config: Config) -> Iterator[Conflict]:
    train, is_average = config.train, config.train.sync == "average"
    reads = ("train.shards", "train.sync")
    if train.shards == 1:
        for key, default in (("sync", "average"), ("shard_steps", None)):
            if getattr(train, key) != default:
                message = f"only shards use it; remove it with {set_option(f'train.{key}', default)}, or write "
                yield Conflict(("train", key), message + set_option("train.shards", 8), ("train.shards",))
    elif is_average and train.epochs < 2:
        message = "averaged shards need two passes over the reviews or more; write "
        message += f"{set_option('train.epochs', 2)}, or {set_option('train.sync', 'sync')}"
        yield Conflict(("train", "epochs"), message, reads)
    elif not is_average and config.model.batch_norm:
        message = "sync does not merge the statistics of the shards; write "
        message += f"{set_option('model.batch_norm', False)}, or {set_option('train.sync', 'average')}"
        yield Conflict(("model", "batch_norm"), message, reads)


def outputs_of(config: Config) -> int:
    """Return the number of outputs of the network, below its head."""
    classes, output = class_count(config), config.model.output
    if are_binary(config.data.labels) or output == "cumulative":
        return 1
    return classes if output == "softmax" or not config.data.ordered else 2


def _head(config: Config) -> list[str]:
    """Return the layer after the output layer that has parameters, if there is one."""
    classes, output = class_count(config), config.model.output
    if are_binary(config.data.labels) or output == "softmax" or (output == "auto" and not config.data.ordered):
        return []
    return ["thresholds"] if output == "cumulative" else ["scale"] if classes > 3 else []


def layer_names(config: Config) -> list[str]:
    """Return the names of the layers that have parameters."""
    return ["embedding", *(f"hidden.{i}" for i in range(len(config.model.hidden))), "output", *_head(config)]


def _unknown_layers(config: Config) -> Iterator[Conflict]:
    layers = layer_names(config)
    named: list[tuple[Keys, str]] = [(("train", "freeze", i), layer) for i, layer in enumerate(config.train.freeze)]
    named += [(("train", "learning_rates", layer), layer) for layer in config.train.learning_rates]
    for path, layer in named:
        if layer not in layers:
            message = f"{show(layer)} is not a layer of this model, which has {', '.join(layers)}"
            repair = nearest(layer, layers) or "; give a list of these" * (path[1] == "freeze")
            yield Conflict(path, f"{message}{repair}", ("model.hidden",))
