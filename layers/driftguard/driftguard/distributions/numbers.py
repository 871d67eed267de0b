"""The distribution of a numeric feature: bins, quantiles and sums."""

import math
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import mul

RESOLUTION = 256
"""A bin with several distinct values holds at most 1/256 of the baseline. This is also the largest error of D."""
MOST_WIDE, WIDE = 16, 1e-3
"""A bin of several values is wide if its width times its share of the values exceeds WIDE times the distance of the 5 %
and 95 % quantiles. The mean is kept of up to MOST_WIDE wide bins."""

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The distribution of a numeric feature.

    cuts: the greatest value of each bin, ascending.
    own: one byte per cut, 1 if the bin holds this value alone. Such a bin is (nextafter(cut, -inf), cut].
    counts: baseline values in each bin.
    quantiles: at QUANTILES, by nearest rank. The first is the least value and the last is the greatest.
    total, squares: the sums of the values and of their squares; not finite if they overflow.
    wide: the indices of bins whose values are far apart, ascending. means: the mean of the values in each of them. Both
      are empty in format 1.

    Empty bins are not listed. One lies below each bin with a value of its own, one below the least value, and one above
    the last cut. All sequences are empty for a feature without any value.
    """

    cuts: "array[float]"
    own: bytes
    counts: "array[int]"
    quantiles: "array[float]"
    total: float
    squares: float
    wide: tuple[int, ...] = ()
    means: "array[float]" = field(default_factory=lambda: array("d"))


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
    counts = [top - before for before, top in zip([0, *tops], tops, strict=False)]
    cuts = [float(values[end]) + 0.0 for end in ends]
    ranks = [bisect_left(cumulative, share * present) for share in QUANTILES]
    quantiles = [float(values[min(rank, len(values) - 1)]) + 0.0 for rank in ranks]
    wide = _wide(cuts, own, counts, quantiles, present)
    spans = [(ends[place - 1] + 1 if place else 0, ends[place]) for place in wide]
    return Numbers(
        cuts=array("d", cuts),
        own=bytes(own),
        counts=array("Q", counts),
        quantiles=array("d", quantiles),
        total=total,
        squares=squares,
        wide=tuple(wide),
        means=array("d", [_mean(values, cumulative, first, last) for first, last in spans]),
    )


def _wide(
    cuts: Sequence[float], own: Sequence[bool], counts: Sequence[int], quantiles: Sequence[float], present: int
) -> list[int]:
    """Return the indices of the wide bins, ascending."""
    least = WIDE * (quantiles[5] / 2 - quantiles[1] / 2) * present
    sizes = [
        (count * (cut / 2 - low / 2), place)
        for place, (low, cut, count) in enumerate(zip([quantiles[0], *cuts], cuts, counts, strict=False))
        if not own[place]
    ]
    widest = sorted((item for item in sizes if item[0] > least), reverse=True)[:MOST_WIDE]
    return sorted(place for _size, place in widest)


def _mean(values: Sequence[float], cumulative: Sequence[int], first: int, last: int) -> float:
    """Return the mean of the values from one index to another, both included."""
    before = int(cumulative[first - 1]) if first else 0
    tops = [int(top) for top in cumulative[first : last + 1]]
    count = tops[-1] - before
    # A sum of values may overflow, a sum of values times their shares does not.
    shares = [(top - bottom) / count for bottom, top in zip([before, *tops], tops, strict=False)]
    return sum_of(map(mul, map(float, values[first : last + 1]), shares))


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
