"""Counting: packed batches become counts per feature and hour of event time, on the bins of a baseline.

Everything a check needs is in the counts, so its cost does not depend on how many rows a window holds.
"""

from driftguard.counting.batches import count
from driftguard.counting.counts import GROUP_SIZE, KINDS, Counts
from driftguard.counting.layout import MERGED, Layout, layout_of

__all__ = ["GROUP_SIZE", "KINDS", "MERGED", "Counts", "Layout", "count", "layout_of"]
