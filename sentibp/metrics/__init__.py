"""Evaluate classifiers: metrics, curves, confidence intervals and paired tests. `binary` has those of two classes."""

from sentibp.metrics.binary import (
    BETTER,
    THRESHOLD,
    calibration_bins,
    calibration_error,
    calibration_error_by_chance,
    decide,
    effective_number,
    mcnemar,
    roc_auc,
    roc_curve,
    scores,
    spread,
    verdict,
    wilson_interval,
)
from sentibp.metrics.multiclass import CLASS_BETTER, ORDERED, OTHERWISE, class_scores, median_class

__all__ = [
    "BETTER",
    "CLASS_BETTER",
    "ORDERED",
    "OTHERWISE",
    "THRESHOLD",
    "calibration_bins",
    "calibration_error",
    "calibration_error_by_chance",
    "class_scores",
    "decide",
    "effective_number",
    "mcnemar",
    "median_class",
    "roc_auc",
    "roc_curve",
    "scores",
    "spread",
    "verdict",
    "wilson_interval",
]
