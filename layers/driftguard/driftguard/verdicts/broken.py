"""Broken features of a new model: values that no part of the baseline's week can explain.

A model that has counts of a few hours may see any part of the week. If the baseline's rows are spread over a week, with
at most twice the average traffic in these hours, then bin i holds at most b_i/q of their values, where b_i is its share
in the baseline and q = hours/336. What a window holds above this is the mass Σ max(0, w_i − b_i/q).
"""

import numpy as np

from driftguard.counting.counts import Counts
from driftguard.counting.layout import Layout
from driftguard.statistics import ks
from driftguard.statistics.arrays import Ints
from driftguard.verdicts.parts import PartTests
from driftguard.verdicts.rules import Rules

WITHIN = 24
"""Hours in which a feature can be found broken. Later the window can still hold an alert."""

HOURS_AT_TWICE_THE_TRAFFIC = 336
"""Twice the hours of a week."""

MOST = 0.5
"""The mass above which a feature is broken."""

STAYS = 0.8
"""An open alert stays open while the mass is above this part of MOST."""


def broken_tests(layout: Layout, window: Counts, rules: Rules, hours: Ints) -> PartTests:
    """Test the features of a new model. hours: (F,), the hours since the first counts."""
    base, seen = (ks.shares(bins, layout.starts, layout.sizes) for bins in (layout.bins, window.bins))
    q = hours / HOURS_AT_TWICE_THE_TRAFFIC
    mass = np.add.reduceat(np.maximum(seen - base / np.repeat(q, layout.sizes), 0.0), layout.starts)
    tested = rules.enabled & rules.budget & (layout.present > 0) & (window.present >= rules.min_samples)
    return PartTests(
        tested=tested & (hours <= WITHIN),
        fired=tested & (hours <= WITHIN) & (mass > MOST),
        holding=tested & (mass > STAYS * MOST),
        score=mass,
        graded=mass,
        limit=np.full(len(hours), MOST),
        hours=hours,
    )
