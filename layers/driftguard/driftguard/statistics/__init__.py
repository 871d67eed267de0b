"""The statistics that compare a window with its baseline, from counts alone.

Features lie one after the other in flat vectors of T bins; `starts` and `sizes`, int64 (F,), say where each begins and
how many bins it has (at least one). Counts are int64, shares and scores float64. Nothing here fails on empty features:
a share of nothing is 0.
"""

from driftguard.statistics.budget import CHECKS, critical, overdispersion, threshold
from driftguard.statistics.contingency import chi_square, fisher_greater, total_variation
from driftguard.statistics.distances import psi, wasserstein
from driftguard.statistics.ks import cumulative_shares, ks_distance, ks_error_bound, ks_p_value, shares
from driftguard.statistics.pictures import MAX_BARS, Picture, bars, histograms

__all__ = [
    "CHECKS",
    "MAX_BARS",
    "Picture",
    "bars",
    "chi_square",
    "critical",
    "cumulative_shares",
    "fisher_greater",
    "histograms",
    "ks_distance",
    "ks_error_bound",
    "ks_p_value",
    "overdispersion",
    "psi",
    "shares",
    "threshold",
    "total_variation",
    "wasserstein",
]
