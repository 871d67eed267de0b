"""The distribution of a numeric feature: bins, quantiles and sums."""

import math
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

RESOLUTION = 256
"""A bin with several distinct values holds at most 1/256 of the baseline. This is also the largest error of D."""
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The distribution of a numeric feature.

    cuts: the greatest value of each bin, ascending.
    own: one byte per cut, 1 if the bin holds this value alone. Such a bin is (nextafter(cut, -inf), cut].
    counts: baseline values in each bin.
    quantiles: at QUANTILES, by nearest rank. The first is the least value and the last is the greatest.
    total, squares: the sums of the values and of their squares; not finite if they overflow.

    Empty bins are not listed. One lies below each bin with a value of its own, one below the least value, and one above
    the last cut. All sequences are empty for a feature without any value.
    """

    cuts: "array[float]"
    own: bytes
    counts: "array[int]"
    quantiles: "array[float]"
    total: float
    squares: float


def numbers(values: Sequence[float], cumulative: Sequence[int], *, total: float, squares: float) -> Numbers:
    """Return the distribution of a feature with these distinct values, ascending and finite.

    cumulative: for each value, how many of the feature's values are not above it.
    total, squares: the sums of all the feature's values and of their squares.
    Both sequences may be on disk, because only some hundreds of their items are read.
    """
    if len(values) == 0:
        return Numbers(array("d"), b"", array("Q"), array("d"), 0.0, 0.0)
    present = int(cumulative[-1])
    ends, own = _close(cumulative, present // RESOLUTION)
    tops = [int(cumulative[end]) for end in ends]
    ranks = [bisect_left(cumulative, share * present) for share in QUANTILES]
    return Numbers(
        cuts=array("d", [float(values[end]) + 0.0 for end in ends]),
        own=bytes(own),
        counts=array("Q", [top - before for before, top in zip([0, *tops], tops, strict=False)]),
        quantiles=array("d", [float(values[min(rank, len(values) - 1)]) + 0.0 for rank in ranks]),
        total=total,
        squares=squares,
    )


def to_double(value: float) -> float:
    """Return the nearest double. An integer beyond all doubles becomes the largest double."""
    try:
        return float(value)
    except OverflowError:
        return sys.float_info.max if value > 0 else -sys.float_info.max


def _close(cumulative: Sequence[int], limit: int) -> tuple[list[int], list[bool]]:
    """Return the index of the last value in each bin, and whether the bin holds this value alone."""
    count = len(cumulative)
    if count <= RESOLUTION:
        return list(range(count)), [True] * count
    ends, own = [], []
    start = before = 0
    while start < count:
        after = bisect_right(cumulative, before + limit, start)
        heavy = after == start
        ends.append(start if heavy else after - 1)
        own.append(heavy)
        start = ends[-1] + 1
        before = int(cumulative[ends[-1]])
    return ends, own


def sum_of(terms: Iterable[float]) -> float:
    """Return the sum of the terms, rounded once; infinity if the sum overflows."""
    try:
        return math.fsum(terms)
    except (OverflowError, ValueError):
        return math.inf
