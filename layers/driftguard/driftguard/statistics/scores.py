"""Measures how well scores separate positives from negatives, from counts on a fixed grid of scores.

Bin k holds the scores s with EDGES[k-1] <= s < EDGES[k].
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import digamma

from driftguard.statistics.arrays import Floats, Ints

FIRST_EDGE = 1e-6
GROWTH = 0.04
WIDEST = 0.005


def _edges() -> Floats:
    lower = []
    edge = FIRST_EDGE
    while edge < 0.5:
        lower.append(edge)
        edge += min(GROWTH * edge, WIDEST)
    return np.array([*lower, 0.5, *(1 - edge for edge in reversed(lower))])


EDGES = _edges()
"""float64 (751,): they grow by 4 %, but by at most 0.005, from 1e-6 to 0.5. The upper half mirrors the lower half."""

BINS = len(EDGES) + 1


def bins_of(scores: npt.NDArray[np.floating]) -> Ints:
    """Return the bin of each score from 0 to 1."""
    return EDGES.searchsorted(scores, side="right").astype(np.int64)


def bin_at(threshold: float) -> int:
    """Return the first bin whose scores are at or above the edge nearest to `threshold`."""
    return int(np.abs(EDGES - threshold).argmin()) + 1


def confusion_at(positives: Ints, negatives: Ints, first: int) -> Ints:
    """Return [[tn, fp], [fn, tp]] if the scores from bin `first` on predict positive."""
    return np.array([[sample[:first].sum(), sample[first:].sum()] for sample in (negatives, positives)], np.int64)


@dataclass(frozen=True, slots=True)
class Measured:
    """A value from binned scores. bound: most by which the exact value may differ. variance: NaN if it is unknown."""

    value: float
    bound: float
    variance: float


def roc_auc(positives: Ints, negatives: Ints) -> Measured:
    """Return the area under the ROC curve. Needs at least one positive and one negative.

    A pair in one bin counts one half. The exact area differs by at most half the pairs that share a bin.
    The variance is that of DeLong, DeLong and Clarke-Pearson (1988), on the bins.
    """
    p, n = positives.sum(), negatives.sum()
    below = (np.cumsum(negatives) - negatives / 2) / n  # of a positive: the share of negatives with a lower score
    above = 1 - (np.cumsum(positives) - positives / 2) / p
    area = float(positives @ below / p)
    variance = np.nan
    if p > 1 and n > 1:
        of_positives = positives @ np.square(below - area) / (p - 1)
        of_negatives = negatives @ np.square(above - area) / (n - 1)
        variance = float(of_positives / p + of_negatives / n)
    return Measured(area, float((positives / p) @ (negatives / n) / 2), variance)


def average_precision(positives: Ints, negatives: Ints) -> Measured:
    """Return the sum of precision times the rise of recall, from the highest bin down. Needs at least one positive.

    The bound assumes the best and the worst order of the scores inside each bin. In the worst order the negatives of a
    bin come first, and the sum over its positives has a closed form with the digamma function.
    The variance belongs to the logit of the value (Boyd, Eng and Page 2013).
    """
    p, f = positives[::-1].astype(np.float64), negatives[::-1].astype(np.float64)
    total = p.sum()
    found, false = np.cumsum(p), np.cumsum(f)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = np.where(p > 0, p * found / (found + false), 0).sum() / total
        best = np.where(p > 0, p * found / (found + false - f), 0).sum() / total
        missed = np.where(false > 0, false * (digamma(found + false + 1) - digamma(found - p + false + 1)), 0)
    worst = np.where(p > 0, p - missed, 0).sum() / total
    variance = np.nan
    if 0 < middle < 1:
        variance = float(1 / (total * middle * (1 - middle)))
    return Measured(float(middle), float(max(best - middle, middle - worst)), variance)


def at_top(positives: Ints, negatives: Ints, share: float) -> tuple[float, float]:
    """Return precision and recall among the `share` of rows with the highest scores. Needs at least one row.

    Of the bin at the border, positives and negatives count in proportion. Recall is NaN without a positive.
    """
    p, both = positives[::-1].astype(np.float64), (positives + negatives)[::-1].astype(np.float64)
    wanted = share * both.sum()
    taken = np.clip(wanted - (np.cumsum(both) - both), 0, both)
    hits = float((taken * np.divide(p, both, out=np.zeros_like(p), where=both > 0)).sum())
    return hits / wanted, hits / float(p.sum()) if p.any() else np.nan


def calibration_error(rows: Ints, positives: Ints, total: Floats) -> float:
    """Return the expected calibration error: the mean distance of mean score and share of positives over the rows.

    rows, positives: counts by bin of the calibration curve. total: the sum of the scores by bin.
    """
    return float(np.abs(total - positives).sum() / rows.sum())
