"""What the user should know of the validation reviews: how many there are, and how much they say about new ones."""

from __future__ import annotations

from sentibp.config.schema import Config
from sentibp.data import corpus as data_corpus
from sentibp.data.corpus import Corpus
from sentibp.data.overlap import group_notes, has_many_near_duplicates, overlap_notes
from sentibp.data.sources import group_columns
from sentibp.model.calibration import USUAL_PRIOR, CalibrationPrior
from sentibp.nn.layers import Array
from sentibp.runs.review_hashes import ReviewHashes
from sentibp.runs.saved_model import is_average
from sentibp.utils.messages import counted
from sentibp.utils.repair import set_option

FEW = 30
"""Reviews: with fewer for validation, there is a note that their scores say little."""

HOLD_OUT = "hold out training reviews with --set data.validation=0.1"
OTHER_REVIEWS = "validate on other reviews with --set data.validation=FILE"

_CALIBRATION = "the calibration of the probabilities"
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
    why_apart: str = "",
    prior: CalibrationPrior = USUAL_PRIOR,
) -> list[str]:
    """Return what the user should know of the validation reviews: how much they say about new ones.

    `repeated` of them are training reviews, `near` says whether the others are near-duplicates, `independent` (n,) how
    much each counts in a fit, `is_given` whether a Python program has given the reviews. `why_apart` says why
    near-duplicates are not held out together, if that was tried. The `prior` is what cross-validation tells of the
    factor of calibration.
    """
    counts = len(validation), repeated, int((near == 1).sum()), int((near >= 0).sum())
    many = has_many_near_duplicates(*counts[2:])
    repair = how_to_group(config, training, why_apart, is_given=is_given) if many else ""
    notes = overlap_notes(*counts, repair) + group_notes(training, validation)
    notes += data_corpus.repeated_note(validation, hashes.validation, "validation ")
    is_grouped = validation.group is not None
    sizes = len(training), len(validation), float(independent.sum())
    return notes + few_notes(config, *sizes, prior, is_grouped=is_grouped)


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


def without_effect_note(config: Config, *, is_given: bool) -> list[str]:
    """Return a note if a setting says which reviews are held out together, and none are held out of those of training.

    `is_given` says that a Python program has given the reviews.
    """
    data, is_apart = config.data, isinstance(config.data.validation, str)
    is_set = data.group_similar or data.block_size > 1
    if not is_set or not (is_apart or data.validation == 0):
        return []
    key, off = ("data.group_similar", None) if data.group_similar else ("data.block_size", 1)
    why = "the validation reviews are given apart" if is_apart else "no review is held out"
    instead = f"{HOLD_OUT}, or " * (is_apart and not is_given)
    return [f"{key} has no effect: {why}; {instead}write {set_option(key, off)}"]


def how_to_group(config: Config, training: Corpus, why_apart: str = "", *, is_given: bool) -> str:
    """Return how near-duplicates are kept on one side of the cut; `why_apart`: why they are not, if that was tried."""
    settings, named = config.data, _how_to_name_groups(config, is_given)
    if isinstance(settings.validation, str):
        return f"remove them from one of the two{f', or {HOLD_OUT}' * (not is_given)}"
    if training.group is not None and not settings.group_similar:
        return "the groups of data.group_column do not keep them together"
    if settings.group_similar:
        return named or "data.group_similar does not keep all of them together"
    if why_apart:
        return f"{why_apart}; {named or OTHER_REVIEWS}"
    options = [set_option("data.block_size", 1)] * (settings.block_size > 1)
    options += [set_option("data.group_similar", None)] * (settings.group_similar is False)
    options = options or [set_option("data.group_similar", True)]
    return f"hold those out together that are nearly the same with {' '.join(options)}"


def _how_to_name_groups(config: Config, is_given: bool) -> str:
    """Return how to say which reviews belong together; "" if no column of the data seems to do so."""
    what = "which reviews belong together (sentence, film, product, author)"
    if is_given:
        return f"if you know {what}, say so with groups="
    columns = group_columns(config.data.given_source, config.data)
    if not columns:
        return ""
    return f"if a column says {what}, name it with --set data.group_column=NAME, one of: {', '.join(columns)}"


def few_notes(
    config: Config,
    training: int,
    validation: int,
    independent: float,
    prior: CalibrationPrior = USUAL_PRIOR,
    *,
    is_grouped: bool,
) -> list[str]:
    """Return what the user should know of few validation reviews, and of few of which training knows nothing."""
    share, n = config.data.validation, round(independent)
    raised = not isinstance(share, str) and max(share, validation / (training + validation)) < _MORE  # groups are large
    more = f", or hold out more with {set_option('data.validation', _MORE)}" * raised
    is_told = prior != USUAL_PRIOR and independent + prior.shrinking >= FEW  # by cross-validation, too
    fits = _fits(config, is_told) if independent < FEW else []
    notes = []
    if validation < FEW:
        depends = ["the scores", *_chosen(config), *(fits if n == validation else [])]
        by_chance = f"{' and '.join(filter(None, [', '.join(depends[:-1]), depends[-1]]))} depend on chance"
        notes.append(f"only {counted(validation, 'validation review')}: {by_chance}; give more reviews{more}")
    if fits and n < validation:
        few = f"only {counted(n, 'distinct validation text', 'differs', 'differ')} clearly from all training reviews"
        repair = OTHER_REVIEWS
        if not n:
            few = "no validation review differs clearly from all training reviews"
        elif is_grouped:
            key = "group_similar" if config.data.group_similar else "group_column"
            few = f"the validation reviews count as {counted(n, 'review')} of different groups (data.{key})"
            repair = f"give reviews of more groups{more}"
        depend = "depends" if fits == [_CALIBRATION] else "depend"
        notes.append(f"{few}: {' and '.join(fits)} {depend} on chance; {repair}")
    return notes


def _chosen(config: Config) -> list[str]:
    """Return what is chosen by the scores on the validation data: of networks that are averaged, no epoch is."""
    epoch = ["the best epoch"] * (config.train.epochs > 1 and not is_average(config))
    return epoch or ["the best seed"] * (config.train.seeds > 1)


def _fits(config: Config, is_told: bool) -> list[str]:
    """Return what is fitted on the validation data alone. `is_told`: cross-validation tells the calibration, too."""
    fitted = [_CALIBRATION] * (config.train.calibrate and not is_told)
    is_weighted = config.pretrain.vectors == "reviews" or config.train.linear_member
    return fitted + ["the weights in the average"] * is_weighted
