"""A model's counts by quarters of an hour, and the sums over any of them.

The product counts by the hour and sees the current hour as far as it has come. To have checks every 15 minutes as the
schedule has them, times are stretched by four, so that the product's own `count` gives quarters of an hour.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np

from bench.alarms.scenarios import DAY, HOUR, MONDAY, WEEK, Traffic
from bench.columns import Floats, Ints, batch
from driftguard.counting.batches import count
from driftguard.counting.counts import Counts
from driftguard.counting.layout import MERGED, Layout, layout_of
from driftguard.counting.profiles import FLAWS, flaws_of
from driftguard.distributions.baseline import Baseline

QUARTERS = 4
"""Quarters of an hour in an hour."""
A_DAY = 24 * QUARTERS


class History:
    """Counts of Q quarters of an hour from MONDAY on. begin: the quarter in whose hour the first row comes."""

    def __init__(self, baseline: Baseline, traffic: Traffic, days: int) -> None:
        self.baseline = baseline
        self.begin = int((traffic.times.min(initial=MONDAY + days * DAY) - MONDAY) // HOUR) * QUARTERS
        self.layout: Layout = layout_of(baseline)
        self.quarters = days * A_DAY
        features, bins = len(self.layout.features), len(self.layout.bins)
        self._bins = np.zeros((self.quarters + 1, bins), np.int32)
        self._rows = np.zeros(self.quarters + 1, np.int64)
        self._sums = np.zeros((3, self.quarters, features))
        self._ends = np.full((2, self.quarters, features), np.inf)
        self.flaws = np.zeros((self.quarters + 1, features, len(FLAWS)), np.int64)
        for quarter, counts in _counted(baseline, traffic, days):
            self._rows[quarter + 1] = counts.rows
            self._bins[quarter + 1] = counts.bins
            self._sums[:, quarter] = counts.total, counts.squares, counts.beyond
            self._ends[:, quarter] = counts.least, -counts.greatest
            self.flaws[quarter + 1] = flaws_of(self.layout, counts)
        np.cumsum(self._rows, out=self._rows)
        np.cumsum(self._bins, axis=0, out=self._bins)
        np.cumsum(self.flaws, axis=0, out=self.flaws)

    @property
    def rows(self) -> Ints:
        """The number of rows before each quarter: (Q + 1,)."""
        return self._rows

    @property
    def merged(self) -> Ints:
        """The counts of merged groups before each quarter: (Q + 1, F, 10)."""
        return self._merged

    def known_flaws(self) -> Ints:
        """The flaws before each quarter: (Q + 1, F, 4)."""
        return self.flaws

    @cached_property
    def _merged(self) -> Ints:
        starts = np.flatnonzero(np.diff(self.layout.merged, prepend=-1))
        merged = np.zeros((self.quarters + 1, len(self.layout.features) * MERGED), np.int64)
        merged[:, self.layout.merged[starts]] = np.add.reduceat(self._bins, starts, axis=1)
        return merged.reshape(self.quarters + 1, -1, MERGED)

    def between(self, first: int, end: int) -> Counts:
        """The sum of the quarters from `first` to before `end`, as adding their counts would give it."""
        counts = Counts.empty(self.baseline)
        if first >= end:
            return counts
        counts.rows = int(self._rows[end] - self._rows[first])
        counts.bins[:] = self._bins[end] - self._bins[first]
        flaws = self.flaws[end] - self.flaws[first]
        counts.missing[:] = flaws[:, FLAWS.index("missing")]
        counts.unseen[:] = flaws[:, FLAWS.index("new_categories")]
        counts.total, counts.squares, counts.beyond = self._sums[:, first:end].sum(axis=1)
        least, greatest = self._ends[:, first:end].min(axis=1)
        counts.least, counts.greatest = least, -greatest
        return counts

    def windows(self, feature: int, firsts: Ints, ends: Ints) -> Ints:
        """The bins of one feature in many windows: (windows, bins)."""
        bins = self._bins[:, self.layout.span(feature)]
        return (bins[ends] - bins[firsts]).astype(np.int64)

    def see(self, quarter: int) -> None:
        """Set until when rows have arrived. All rows arrive in time."""

    def is_complete(self, _day: int) -> bool:
        """Whether no more rows of a day can arrive."""
        return True

    @cached_property
    def days(self) -> Sequence[Counts]:
        """The counts of each whole day."""
        return [self.between(day * A_DAY, (day + 1) * A_DAY) for day in range(self.quarters // A_DAY)]


def cumulative(layout: Layout, feature: int) -> Floats:
    """The baseline's distribution function at the ends of one feature's bins."""
    bins = layout.bins[layout.span(feature)]
    return np.cumsum(bins) / max(int(bins.sum()), 1)


def _counted(baseline: Baseline, traffic: Traffic, days: int) -> "list[tuple[int, Counts]]":
    since = traffic.times - MONDAY
    # A week at a time, since a table of quarters by bins is laid out for each.
    edges = np.searchsorted(since, np.arange(0, days * DAY + WEEK, WEEK).clip(max=days * DAY))
    counted: list[tuple[int, Counts]] = []
    for start, end in pairwise(edges.tolist()):
        rows = batch(since[start:end] * QUARTERS, traffic.values[:, start:end], as_categories=traffic.categories)
        counted += count(baseline, [rows]).items()
    return counted


def milliseconds(quarter: int) -> int:
    """The time, since the epoch, at which a quarter begins."""
    return MONDAY + quarter * HOUR // QUARTERS
