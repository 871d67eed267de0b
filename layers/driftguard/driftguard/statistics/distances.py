"""Computes the population stability index."""

import numpy as np
import numpy.typing as npt

from driftguard.statistics.arrays import Floats, Ints

SMOOTHING = 0.5


def psi(baseline: Floats | Ints, window: Floats | Ints) -> Floats:
    """Return the population stability index of counts in K bins, (F, K) each: (F,).

    SMOOTHING is added to every bin that has values in either sample, so that the index of an empty bin stays finite.
    """
    used = baseline + window > 0
    p, q = (_smoothed(sample, used) for sample in (baseline, window))
    terms: Floats = ((q - p) * np.log(q / p)).sum(axis=1)
    return terms


def _smoothed(sample: Floats | Ints, used: npt.NDArray[np.bool_]) -> Floats:
    filled = sample + SMOOTHING * used
    share: Floats = filled / np.maximum(filled.sum(axis=1, keepdims=True), SMOOTHING)
    return np.where(used, share, 1.0)
