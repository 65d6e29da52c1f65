"""What the user should know of the validation reviews: how many there are, and how much they say about new ones."""

from __future__ import annotations

from sentibp.config.schema import Config
from sentibp.data import corpus as data_corpus
from sentibp.data.corpus import Corpus
from sentibp.data.overlap import group_notes, has_many_near_duplicates, overlap_notes
from sentibp.data.sources import group_columns
from sentibp.nn.layers import Array
from sentibp.runs.review_hashes import ReviewHashes
from sentibp.runs.saved_model import is_average
from sentibp.utils.messages import counted
from sentibp.utils.repair import set_option

FEW = 30
"""Reviews: with fewer for validation, there is a note that their scores say little."""

_MORE = 0.3  # a share of reviews to hold out if there are few


def validation_notes(
    config: Config,
    training: Corpus,
    validation: Corpus,
    hashes: ReviewHashes,
    repeated: int,
    near: Array,
    independent: Array,
    is_given: bool,
) -> list[str]:
    """Return what the user should know of the validation reviews: how much they say about new ones.

    `repeated` of them are training reviews, `near` says whether the others are near-duplicates, `independent` (n,) how
    much each counts in a fit, `is_given` whether a Python program has given the reviews.
    """
    counts = len(validation), repeated, int((near == 1).sum()), int((near >= 0).sum())
    repair = how_to_group(config, training, is_given=is_given) if has_many_near_duplicates(*counts[2:]) else ""
    notes = overlap_notes(*counts, repair) + group_notes(training, validation)
    notes += data_corpus.repeated_note(validation, hashes.validation, "validation ")
    is_grouped = validation.group is not None
    return notes + few_notes(config, len(training), len(validation), float(independent.sum()), is_grouped=is_grouped)


def together_note(config: Config, near: int, compared: int, *, is_given: bool) -> str:
    """Return a note that similar reviews were held out together, as `near` of those compared would be in training.

    `is_given` says that a Python program has given the reviews.
    """
    better = _how_to_name_groups(config, is_given)
    return (
        f"{near:,} of the {compared:,} validation reviews that were compared would each be nearly the same as a "
        "training review (a phrase of it, or a copy with small changes): reviews that are nearly the same are held out "
        f"together (data.group_similar){'; ' * bool(better)}{better}"
    )


def how_to_group(config: Config, training: Corpus, *, is_given: bool) -> str:
    """Return how near-duplicates are kept on one side of the cut."""
    settings = config.data
    if isinstance(settings.validation, str):
        return "remove them from one of the two, or hold out training reviews with --set data.validation=0.1"
    if training.group is not None and not settings.group_similar:
        return "the groups of data.group_column do not keep them together"
    if settings.group_similar:
        return _how_to_name_groups(config, is_given) or "data.group_similar does not keep all of them together"
    alone = f" {set_option('data.block_size', 1)}" * (settings.block_size > 1)
    option = f"{set_option('data.group_similar', True)}{alone}"
    return f"unless most are, hold those out together that are nearly the same with {option}"


def _how_to_name_groups(config: Config, is_given: bool) -> str:
    """Return how to say which reviews belong together; "" if no column of the data seems to do so."""
    what = "which reviews belong together (sentence, film, product, author)"
    if is_given:
        return f"if you know {what}, say so with groups="
    columns = group_columns(config.data.given_source, config.data)
    if not columns:
        return ""
    return f"if a column says {what}, name it with --set data.group_column=NAME, one of: {', '.join(columns)}"


def few_notes(config: Config, training: int, validation: int, independent: float, *, is_grouped: bool) -> list[str]:
    """Return what the user should know of few validation reviews, and of few of which training knows nothing."""
    share, n = config.data.validation, round(independent)
    raised = not isinstance(share, str) and max(share, validation / (training + validation)) < _MORE  # groups are large
    more = f", or hold out more with {set_option('data.validation', _MORE)}" * raised
    fits = _fits(config) if independent < FEW else []
    notes = []
    if validation < FEW:
        depends = ["the scores", *_chosen(config), *(fits if n == validation else [])]
        by_chance = f"{' and '.join(filter(None, [', '.join(depends[:-1]), depends[-1]]))} depend on chance"
        notes.append(f"only {counted(validation, 'validation review')}: {by_chance}; give more reviews{more}")
    if fits and n < validation:
        few = f"only {counted(n, 'distinct validation text', 'differs', 'differ')} clearly from all training reviews"
        repair = "validate on other reviews with --set data.validation=FILE"
        if not n:
            few = "no validation review differs clearly from all training reviews"
        elif is_grouped:
            key = "group_similar" if config.data.group_similar else "group_column"
            few = f"the validation reviews count as {counted(n, 'review')} of different groups (data.{key})"
            repair = f"give reviews of more groups{more}"
        notes.append(f"{few}: {' and '.join(fits)} {'depend' if len(fits) > 1 else 'depends'} on chance; {repair}")
    return notes


def _chosen(config: Config) -> list[str]:
    """Return what is chosen by the scores on the validation data: of networks that are averaged, no epoch is."""
    epoch = ["the best epoch"] * (config.train.epochs > 1 and not is_average(config))
    return epoch or ["the best seed"] * (config.train.seeds > 1)


def _fits(config: Config) -> list[str]:
    """Return what is fitted on the validation data."""
    fitted = ["the calibration of the probabilities"] * config.train.calibrate
    is_weighted = config.pretrain.vectors == "reviews" or config.train.linear_member
    return fitted + ["the weights in the average"] * is_weighted
