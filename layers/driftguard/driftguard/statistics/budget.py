"""Computes the thresholds of the rule `budget`, which limits a model's false alarms in 30 days."""

from collections.abc import Sequence

import numpy as np

from driftguard.statistics.arrays import Floats, Ints

CHECKS = 2880
"""Scheduled checks in 30 days, one every 15 minutes."""

MIN_PAIRS = 7
"""Minimum number of pairs of neighbouring days with values. With fewer pairs rho is 0."""

TINY = 1e-9
"""A sum of F̄(1−F̄) below this is a rounding error, because all days contain a single value."""

MEDIAN_OF_MEAN = 0.6
"""Median divided by mean of a sum of squared differences between distribution functions (Cramér–von Mises)."""


def critical(tests: int, alpha: Floats, looks: int = CHECKS) -> Floats:
    """Return c = sqrt(ln(2·F·L/alpha)/2) for F = `tests` tests per check and L = `looks` checks: (F,).

    Source: the inequality of Dvoretzky, Kiefer and Wolfowitz.
    """
    return np.sqrt(np.log(2 * max(tests, 1) * looks / alpha) / 2)


def threshold(
    c: Floats, n: Ints, m: Ints, *, rho: Floats, window_days: float, baseline_days: float, minimum: Floats
) -> Floats:
    """Return T = max(minimum, c·sqrt(1/n + 1/m + rho·(1/window_days + 1/baseline_days))): (F,).

    T is infinite where a sample has no values.
    """
    with np.errstate(divide="ignore"):
        variance = 1 / n.astype(np.float64) + 1 / m.astype(np.float64) + rho * (1 / window_days + 1 / baseline_days)
    return np.maximum(minimum, c * np.sqrt(variance))


def overdispersion(days: Sequence[Ints] | Ints, starts: Ints, sizes: Ints) -> Floats:
    """Return rho, the amount by which days differ from each other beyond chance: (F,).

    days: the counts (T,) of each day, oldest first.
    rho = max(0, (median(r)/0.6 − mean(1/n_k + 1/n_{k−1}))/2), r_k = Σ(F_k − F_{k−1})² / Σ F̄(1−F̄) over the edges.
    rho is 0 where fewer than MIN_PAIRS pairs of neighbouring days have values.
    """
    if len(days) < MIN_PAIRS + 1:
        return np.zeros(len(starts))
    n = np.stack([np.add.reduceat(day, starts) for day in days])
    inverse = 1 / np.maximum(n, 1)
    pairs = (n[1:] > 0) & (n[:-1] > 0)
    moved = np.zeros(pairs.shape)
    # A loop over days is faster than one large array, because the data of one day fit into the processor's cache.
    before = days[0] * np.repeat(inverse[0], sizes)
    total = before.copy()
    for place in range(len(pairs)):
        shares = days[place + 1] * np.repeat(inverse[place + 1], sizes)
        total += shares
        steps = shares - before
        if not pairs[place].all():
            steps *= np.repeat(pairs[place], sizes)
        # The changes of a feature's shares sum to 0, so one cumulative sum over all features is right for each feature.
        np.cumsum(steps, out=steps)
        moved[place] = np.add.reduceat(np.square(steps, out=steps), starts)
        before = shares
    running = np.cumsum(total / np.repeat(np.maximum((n > 0).sum(axis=0), 1), sizes))
    average = running - np.repeat(running[starts - 1] * (starts > 0), sizes)
    spread = np.add.reduceat(np.clip(average * (1 - average), 0, None), starts)
    count = pairs.sum(axis=0)
    enough = (count >= MIN_PAIRS) & (spread > TINY)
    # Pairs without values become infinite, so they sort last and the median leaves them out.
    ratios = np.sort(np.where(pairs, moved / np.where(enough, spread, 1), np.inf), axis=0)
    places = np.where(enough, count, 1)
    columns = np.arange(len(starts))
    median = (ratios[(places - 1) // 2, columns] + ratios[places // 2, columns]) / 2
    chance = np.where(pairs, inverse[1:] + inverse[:-1], 0).sum(axis=0) / places
    return np.where(enough, np.maximum((np.where(enough, median, 0) / MEDIAN_OF_MEAN - chance) / 2, 0), 0.0)
