"""Computes the thresholds of the rule `budget`, which limits a model's false alarms in 30 days."""

import numpy as np

from driftguard.statistics.arrays import Floats, Ints

CHECKS = 2880
"""Scheduled checks in 30 days, one every 15 minutes."""


def critical(tests: int, alpha: Floats, looks: int = CHECKS) -> Floats:
    """Return c = sqrt(ln(2·F·L/alpha)/2) for F = `tests` tests per check and L = `looks` checks: (F,).

    Source: the inequality of Dvoretzky, Kiefer and Wolfowitz.
    """
    # A difference of logarithms, since the quotient overflows for the smallest alpha.
    c: Floats = np.sqrt((np.log(2.0 * max(tests, 1) * looks) - np.log(alpha)) / 2)
    return c


def threshold(
    c: Floats, n: Ints, m: Ints, *, phi: Floats, rho: Floats, window_days: Floats, baseline_days: float, minimum: Floats
) -> Floats:
    """Return T = max(minimum, c·sqrt(φ(1/n + 1/m) + ρ(1/window_days + 1/baseline_days))): (F,).

    phi: the variance of rows of one day, in units of independent rows. rho: the variance between days, in the same
    units. T is infinite where a sample has no values, unless phi is 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        rows = np.where(phi > 0, phi * (1 / n.astype(np.float64) + 1 / m.astype(np.float64)), 0.0)
    return np.maximum(minimum, c * np.sqrt(rows + rho * (1 / window_days + 1 / baseline_days)))
