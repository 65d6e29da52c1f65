"""Settings that are given and change nothing, because of others: each is worth a line, and none is an error.

A config is often made from another one by changing a few settings, and what the others leave without a use is no
mistake then. But a person who writes such a setting expects something of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from sentibp.config.class_conflicts import are_binary
from sentibp.config.conflicts import averaged_by, layer_names, outputs_of
from sentibp.utils.messages import counted
from sentibp.utils.repair import set_option

if TYPE_CHECKING:
    from sentibp.config.schema import Config


def notes_without_effect(config: Config, given: Collection[str]) -> Iterator[str]:
    """Yield a line for each setting without effect. `given` are the dotted keys that the user has set."""
    for keys, what in (*_data(config), *_model(config), *_narrow(config), *_pretraining(config), *_schedule(config)):
        if any(key in given for key in keys):
            yield what
    freeze, rates = config.train.freeze, config.train.learning_rates
    if all(layer in freeze or rates.get(layer) == 0 for layer in layer_names(config)):
        frozen = [layer for layer in freeze if layer != "output"]
        thaw = [set_option("train.freeze", frozen)] if "output" in freeze else []
        faster = {layer: rate for layer, rate in rates.items() if layer != "output"}
        thaw += [set_option("train.learning_rates", faster)] if rates.get("output") == 0 else []
        yield (
            "train.freeze and train.learning_rates keep all layers as they start, so the network learns nothing; "
            f"let it learn its output: {' '.join(thaw)}"
        )


def _data(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    if not config.data.ordered and are_binary(config.data.labels):
        what = "data.ordered has no effect with the labels negative and positive, which have an order; remove it with "
        other = f"{set_option('data.ordered', True)}, or name other classes, such as --set data.labels=[billing,bug]"
        yield ("data.ordered",), what + other


def _model(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    model = config.model
    if model.batch_norm and not model.hidden:
        what = "model.batch_norm has no effect: it is for hidden layers, and there are none; write "
        yield ("model.batch_norm",), what + f"{set_option('model.batch_norm', False)}, or give widths in model.hidden"
    if model.embedding.padding and model.embedding.pooling == "sum":
        what = "model.embedding.padding has no effect with pooling sum; write "
        off = set_option("model.embedding.padding", 0)
        yield ("model.embedding.padding",), f"{what}{off}, or {set_option('model.embedding.pooling', 'mean')}"


def _narrow(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield a line if a network for several classes is too narrow for the linear start, without which it learns little.

    Each of its outputs is a column, which passes each hidden layer through two units.
    """
    model, outputs = config.model, outputs_of(config)
    is_linear = model.embedding.init == "linear" and not config.pretrain.is_used and model.init_from is None
    if outputs <= 2 or not is_linear or model.activation != "relu" or model.batch_norm or model.residual:
        return
    narrow = {}
    if model.embedding.dim < outputs:
        narrow["model.embedding.dim"] = outputs
    if model.hidden and min(model.hidden) < 2 * outputs:
        narrow["model.hidden"] = [max(width, 2 * outputs) for width in model.hidden]
    if narrow:
        what = f"{' and '.join(narrow)}: too small for a network with {outputs} outputs to start as a linear classifier"
        wide = " ".join(set_option(key, value) for key, value in narrow.items())
        yield tuple(narrow), f"{what} (model.embedding.init), so that its layers start at random; write {wide}"


def _pretraining(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    pretrain = config.pretrain
    if pretrain.is_used:
        return
    default = type(pretrain)()
    for key in ("source", "dim", "min_count"):
        if getattr(pretrain, key) != getattr(default, key):
            what = f"pretrain.{key} has no effect without vectors; learn them with --set pretrain.vectors=reviews "
            what += "(or words, for short texts), or remove it with "
            yield (f"pretrain.{key}",), what + set_option(f"pretrain.{key}", getattr(default, key))


def _schedule(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    train = config.train
    epochs = counted(train.epochs, "epoch")
    if train.early_stopping is not None and (key := averaged_by(config)) is not None:
        what = f"train.early_stopping has no effect with {'.'.join(key)}, where all epochs are trained; remove it with "
        yield ("train.early_stopping.patience",), what + set_option("train.early_stopping", None)
    elif train.early_stopping is not None and train.early_stopping.patience >= train.epochs - 1:
        patience = train.early_stopping.patience
        what = f"train.early_stopping cannot end a training of {epochs} early with a patience of {patience}; give more"
        more = set_option("train.epochs", max(10, 3 * patience))
        yield ("train.early_stopping.patience",), f"{what} epochs, for example {more}"  # the metric chooses the epoch
    if train.schedule.name == "step" and train.schedule.every >= train.epochs:
        every = counted(train.schedule.every, "epoch")
        what = f"train.schedule: step lowers the learning rate every {every}, so never in {epochs}; "
        what += "give more epochs, or write "
        less = set_option("train.schedule.every", 1) if train.epochs > 1 else set_option("train.epochs", 10)
        yield ("train.schedule.name", "train.schedule.every"), what + less
