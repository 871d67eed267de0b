"""Computes Wasserstein-1 from counts and sums, with a bound of its error.

Wasserstein-1 is the area between two distribution functions: P + Q. P is the area where the baseline's function is
above, and Q the area where the window's is. P − Q is the difference of the means, which the sums give exactly. So the
distance is Δ + 2Q and also 2P − Δ. Only the smaller of both areas depends on where values lie within their bins.
"""

from dataclasses import dataclass

import numpy as np

from driftguard.statistics.arrays import Flags, Floats, Ints

NARROW = 1e-9
"""The least mean distance in a bin, as a share of its width."""

TINY = 1e-300
GRID = np.linspace(0, 1, 49) ** 3
"""Places in a wide bin at which its values are modelled. They are close together where most of the values are."""


@dataclass(frozen=True)
class Bins:
    """The bins of F features, one array element per bin (T,).

    lows, highs: the ends of each bin; infinite outside the baseline's range.
    means: the mean of the baseline's values in a bin; NaN if unknown.
    counts: the number of bins of each feature (F,). starts: its first bin (F,).
    """

    lows: Floats
    highs: Floats
    means: Floats
    starts: Ints
    counts: Ints

    def spread(self, values: Floats) -> Floats:
        """Repeat one value per feature for all its bins."""
        return np.repeat(values, self.counts)


@dataclass(frozen=True)
class Sample:
    """What is known of the window beside its shares, one element per feature (F,).

    least, greatest: its extremes. below, above: the mean distance of its values to the baseline's range, on each side.
    apart: whether `below` and `above` are known apart; if not, only their sum is exact.
    shift: the window's mean minus the baseline's; not finite if unknown. inside: the sum of the window's values within
    the baseline's range, divided by the number of all its values; infinite if unknown.
    """

    least: Floats
    greatest: Floats
    below: Floats
    above: Floats
    apart: Flags
    shift: Floats
    inside: Floats


@dataclass(frozen=True)
class _Areas:
    """An area per bin: an estimate, and the least and the greatest possible area."""

    estimate: Floats
    least: Floats
    most: Floats

    def total(self, starts: Ints) -> tuple[Floats, Floats]:
        """Return each feature's sum, and the largest possible error of the sum."""
        value = np.clip(self.estimate, self.least, self.most)
        return np.add.reduceat(value, starts), np.add.reduceat(
            np.maximum(self.most - value, value - self.least), starts
        )


def wasserstein(bins: Bins, baseline: Floats, window: Floats, sample: Sample) -> tuple[Floats, Floats]:
    """Return Wasserstein-1 and the largest possible error, (F,) each; infinite where lengths overflow.

    baseline, window: the distribution functions at the upper ends of the bins (T,).
    """
    with np.errstate(over="ignore", invalid="ignore"):
        above, below = _areas(bins, baseline, window, sample)
        p, p_error = above.total(bins.starts)
        q, q_error = below.total(bins.starts)
        unsure = np.where(sample.apart, 0.0, sample.below + sample.above)
        values = np.stack(
            [
                sample.shift + 2 * (q + sample.below),
                2 * (p + sample.above) - sample.shift,
                p + q + sample.below + sample.above,
            ]
        )
        errors = np.stack([2 * (q_error + unsure), 2 * (p_error + unsure), p_error + q_error])
    errors[~np.isfinite(values) | np.isnan(errors)] = np.inf
    best = errors.argmin(axis=0)
    columns = np.arange(len(best))
    least = np.where(np.isfinite(sample.shift), np.abs(sample.shift), 0.0)
    # With every candidate overflowing, the plain area is infinite as well.
    best = np.where(np.isfinite(errors.min(axis=0)), best, 2)
    return np.maximum(values[best, columns], least), errors[best, columns]


def _areas(bins: Bins, baseline: Floats, window: Floats, sample: Sample) -> tuple[_Areas, _Areas]:
    """Return the areas in each bin where the baseline's function is above, and where the window's is."""
    inner = np.isfinite(bins.lows) & np.isfinite(bins.highs)
    low, high = np.where(inner, bins.lows, 0.0), np.where(inner, bins.highs, 0.0)
    width = high - low
    after = baseline - window
    before = _shifted(after, bins.starts)
    b, w = (function - _shifted(function, bins.starts) for function in (baseline, window))
    first = np.clip(bins.spread(sample.least), low, high)
    last = np.clip(bins.spread(sample.greatest), low, high)
    mean = np.where(np.isnan(bins.means), low, np.clip(bins.means, low, high))
    to_high = np.where(np.isnan(bins.means), b * width, b * (high - mean))
    to_low = np.where(np.isnan(bins.means), b * width, b * (mean - low))
    # How far the window's values lie above the lower ends of their bins. The sum over all bins is known.
    up = np.minimum(w * (last - low), bins.spread(_rest(sample.inside - np.add.reduceat(w * low, bins.starts))))
    down = np.minimum(w * (high - first), bins.spread(_rest(np.add.reduceat(w * high, bins.starts) - sample.inside)))
    # Within a bin each function rises by its share, so the difference stays between these two values.
    lower, upper = np.maximum(before - w, after - b), np.minimum(before + b, after + w)
    most_above, most_below = width * np.maximum(upper, 0), width * np.maximum(-lower, 0)
    most_above = np.where(after <= 0, np.minimum(most_above, up), most_above)
    most_above = np.where(before <= 0, np.minimum(most_above, to_high), most_above)
    most_below = np.where(after >= 0, np.minimum(most_below, to_low), most_below)
    most_below = np.where(before >= 0, np.minimum(most_below, down), most_below)
    positive = width * _positive(before, after)
    negative = width * _positive(-before, -after)
    known = np.flatnonzero(inner & ~np.isnan(bins.means) & (width > 0) & np.isfinite(width))
    if len(known):
        ends = (low[known], high[known])
        shares = (b[known], w[known])
        falling = mean - low <= high - mean
        window_mean = np.where(falling, low + up / np.maximum(w, TINY), high - down / np.maximum(w, TINY))
        spans = (mean[known], np.clip(window_mean, first, last)[known], np.where(falling, last, first)[known])
        positive[known], negative[known] = _refined(before[known], ends, shares, spans)
    # The difference of both areas follows from the means. So one area is at least what the other one cannot explain.
    means = ~np.isnan(bins.means)
    least_above = np.where(means, np.maximum(width * before + to_high - down, width * after - to_low), 0.0)
    least_below = np.where(means, np.maximum(to_low - up - width * after, -width * before - to_high), 0.0)
    least_above = np.minimum(np.maximum(least_above, width * np.maximum(lower, 0)), most_above)
    least_below = np.minimum(np.maximum(least_below, width * np.maximum(-upper, 0)), most_below)
    return _Areas(positive, least_above, most_above), _Areas(negative, least_below, most_below)


def _rest(values: Floats) -> Floats:
    """Return what is left for one bin of a sum over all bins; infinite if the sum is unknown."""
    return np.where(np.isfinite(values), np.maximum(values, 0.0), np.inf)


def _refined(
    before: Floats, ends: tuple[Floats, Floats], shares: tuple[Floats, Floats], means: tuple[Floats, Floats, Floats]
) -> tuple[Floats, Floats]:
    """Return the two areas of bins whose baseline mean is known: (K,) each.

    means: the mean of the baseline's and of the window's values, and the window's greatest or least value. In a tail,
    frequencies fall about exponentially from the end that is nearer to the baseline's mean.
    """
    (low, high), (b, w), (mean, window_mean, last) = ends, shares, means
    falling = mean - low <= high - mean
    width = high - low
    at = GRID[:, np.newaxis] * width
    risen_b = _risen(at, np.where(falling, mean - low, high - mean), width)
    risen_w = _risen(
        at, np.where(falling, window_mean - low, high - window_mean), np.where(falling, last - low, high - last)
    )
    # From the upper end downwards, what has risen from that end is missing from the whole.
    after = before + b - w
    difference = np.where(falling, before + b * risen_b - w * risen_w, after - b * risen_b + w * risen_w)
    steps = np.diff(at, axis=0)
    positive: Floats = (steps * _positive(difference[:-1], difference[1:])).sum(axis=0)
    negative: Floats = (steps * _positive(-difference[:-1], -difference[1:])).sum(axis=0)
    return positive, negative


def _risen(at: Floats, mean: Floats, end: Floats) -> Floats:
    """Return the share of exponentially distributed distances of this mean, cut off at `end`, up to `at`."""
    scale = np.maximum(mean, NARROW * at[-1])
    whole = -np.expm1(-np.maximum(end, NARROW * at[-1]) / scale)
    risen: Floats = np.minimum(-np.expm1(-at / scale) / whole, 1.0)
    return risen


def _positive(start: Floats, end: Floats) -> Floats:
    """Return the mean of the positive part of a function that is linear between two values."""
    first, second = np.maximum(start, 0), np.maximum(end, 0)
    crossing = start * end < 0
    gap = np.where(crossing, np.abs(start - end), 1.0)
    return np.where(crossing, (first + second) ** 2 / (2 * gap), (first + second) / 2)


def _shifted(function: Floats, starts: Ints) -> Floats:
    """Return a distribution function at the lower ends of the bins."""
    before = np.concatenate([[0.0], function[:-1]])
    before[starts] = 0.0
    return before
