"""Measures the errors of a regression, from counts of their size.

The bin of an error is the exponent and the first four mantissa bits of the float32 nearest to its absolute value. So
the ends of a bin differ by at most 1/16 of the value. Bin 0 holds the errors of exactly 0.
"""

import numpy as np

from driftguard.statistics.arrays import Floats, Ints

SHIFT = 19
"""Bits of a float32's mantissa that a bin does not see."""

LARGEST = np.finfo(np.float32).max
BINS = (int(LARGEST.view(np.uint32)) >> SHIFT) + 2


def _edges() -> Floats:
    starts = np.arange(BINS - 1, dtype=np.uint32) << SHIFT
    return np.concatenate([[0.0], starts.view(np.float32).astype(np.float64), [float(LARGEST)]])


EDGES = _edges()
"""float64 (BINS + 1,): bin k holds sizes from EDGES[k] to below EDGES[k+1]."""


def bins_of(errors: Floats) -> Ints:
    """Return the bin of each error. Errors that are too large for a float32 count in the last bin."""
    sizes = np.minimum(np.abs(errors), float(LARGEST)).astype(np.float32)
    bins = (sizes.view(np.uint32) >> SHIFT).astype(np.int64) + 1
    return np.where(errors == 0, 0, bins)


def quantile(counts: Ints, share: float) -> tuple[float, float, float]:
    """Return a quantile of the sizes and the ends of its bin. Needs at least one error.

    The value is the place of its rank between the ends of the bin.
    """
    running = np.cumsum(counts)
    rank = share * (running[-1] - 1)
    place = int(np.searchsorted(running, rank, side="right"))
    inside = (rank - (running[place] - counts[place]) + 0.5) / counts[place]
    low, high = float(EDGES[place]), float(EDGES[place + 1])
    if place == 0:
        return 0.0, 0.0, 0.0
    return low + (high - low) * min(max(inside, 0.0), 1.0), low, high


def larger(now: Ints, then: Ints) -> float:
    """Return the one-sided Kolmogorov–Smirnov distance by which sizes `now` are larger than `then`. Needs errors."""
    return max(0.0, float((np.cumsum(then) / then.sum() - np.cumsum(now) / now.sum()).max()))


def above(counts: Ints, first: int) -> int:
    """Return the number of errors in bin `first` and above."""
    return int(counts[first:].sum())
