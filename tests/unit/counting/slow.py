"""The sudden part in plain Python: one value at a time, for comparison with the product's arrays.

Written from the specification alone. Days are numbers from 0 on; day 0 is a Monday.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

type Hour = Sequence[int]

SDS = [0, 0.01, 0.02, 0.03, 0.045, 0.065, 0.09, 0.13, 0.18, 0.25, 0.35, 0.5]
PRIOR = [0.10, 0.10, 0.12, 0.12, 0.12, 0.12, 0.12, 0.12, 0.06, 0.004, 0.0005, 0.0001]
WINDOWS = (3, 6, 12, 24, 72)


def components(numeric: bool) -> list[list[float]]:
    """The scores of the ten groups in each drift component."""
    if not numeric:
        return [[float(g == i) for g in range(10)] for i in range(10)] + [[0.0] * 10]
    ranks = [(g + 0.5) / 10 for g in range(10)]
    return [ranks, [(u - 0.5) ** 2 for u in ranks], *([float(g <= i) for g in range(10)] for i in range(9))]


def compare(p: Hour, r: Hour, scores: Sequence[float]) -> tuple[float, float, float]:
    """U, V and E of one hour."""
    n, m = sum(p), sum(r)
    if not n or not m:
        return 0.0, 0.0, 0.0
    total = n + m
    own = sum(a * s for a, s in zip(p, scores, strict=True))
    other = sum(a * s for a, s in zip(r, scores, strict=True))
    squares = sum((a + b) * s * s for a, b, s in zip(p, r, scores, strict=True))
    spread = squares - (own + other) ** 2 / total
    spread = 0.0 if spread < 1e-9 else spread
    return (m * own - n * other) / total, n * m / (total * (total - 1)) * spread, n * m / total


def kind(day: int, work: bool) -> int:
    """The kind of a day: equal kinds are alike."""
    return 0 if work and day % 7 < 5 else day % 7


@dataclass
class Series:
    """One component of one feature: the counts of each hour of each day, as the cells that `scores` weighs.

    days: by day, 24 hours. bad: the days that say nothing. table: the baseline's week, by weekday, and its weeks.
    """

    days: dict[int, list[Hour]]
    scores: list[float]
    bad: set[int] = field(default_factory=set)
    table: dict[int, list[Hour]] = field(default_factory=dict)
    weeks: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.held: Callable[[int, bool], list[tuple[float, float, float]]] = cache(self._held)

    def counts(self, day: int) -> list[Hour]:
        """The counts of a day that is not bad."""
        nothing: list[Hour] = [[0] * len(self.scores)] * 24
        return self.days.get(day, nothing) if day >= 0 and day not in self.bad else nothing

    def k(self, day: int, work: bool) -> int:
        """The number of reference days."""
        own = sum(any(map(sum, self.counts(one))) for one in self.reference_days(day, work))
        if day >= 28:
            return own
        return own + sum(weeks for weekday, weeks in self.weeks.items() if kind(weekday, work) == kind(day, work))

    def reference_days(self, day: int, work: bool) -> list[int]:
        """The days that a day is held against."""
        return [one for one in range(day - 28, day - 3) if kind(one, work) == kind(day, work)]

    def reference(self, day: int, hour: int, work: bool) -> Hour:
        """The counts that an hour is held against."""
        hours = [self.counts(one)[hour] for one in self.reference_days(day, work)]
        if day < 28:
            hours += [week[hour] for one, week in self.table.items() if kind(one, work) == kind(day, work)]
        return [sum(column) for column in zip([0] * len(self.scores), *hours, strict=True)]

    def _held(self, day: int, work: bool) -> list[tuple[float, float, float]]:
        counts = self.counts(day)
        return [compare(counts[hour], self.reference(day, hour, work), self.scores) for hour in range(24)]

    def of_day(self, day: int, work: bool) -> tuple[float, float, float]:
        """U, V and E of a whole day."""
        u, v, e = zip(*self.held(day, work), strict=True)
        return sum(u), sum(v), sum(e)

    def level(self, day: int, work: bool) -> tuple[float, float, float]:
        """θ, E_Λ and B_Λ for windows that begin on this day."""
        found = [(self.of_day(one, work), self.k(one, work)) for one in range(day - 7, day)]
        used = [((u, v, e), k) for (u, v, e), k in found if e > 0]
        if len(used) < 3:
            return 0.0, 0.0, 0.0
        v = sum(one[0][1] for one in used)
        theta = sum(one[0][0] for one in used) / v if v else 0.0
        return theta, sum(one[0][2] for one in used), sum(one[0][2] ** 2 * (1 + 1 / one[1]) for one in used)

    def factors(self, e: float, spread: float, level: tuple[float, float, float]) -> tuple[float, float]:
        """a and b of a window with ΣE = e and B = spread."""
        if not level[1]:
            return 1.0, spread / e
        return 1 + e / level[1], spread / e + e * level[2] / level[1] ** 2

    def day_or_table(self, day: int) -> tuple[list[Hour], int]:
        """A day's counts, or those of the table before day 0, and how many days they sum."""
        if -7 <= day < 0 and self.table:
            return self.table[day % 7], max(self.weeks[day % 7], 1)
        return self.counts(day), 1

    def pairs(self, day: int) -> list[tuple[list[tuple[float, float, float]], float]]:
        """The pairs of neighbouring days, hour by hour, with 1/k₁ + 1/k₂."""
        found = []
        for second in range(day - 28, day):
            (now, k2), (before, k1) = self.day_or_table(second), self.day_or_table(second - 1)
            found.append(([compare(now[h], before[h], self.scores) for h in range(24)], 1 / k1 + 1 / k2))
        return found

    def squares(self, day: int, work: bool) -> tuple[float, int, float, int]:
        """Σz₁, Σdf₁, Σz₆ and Σdf₆ over the days of φ, or over the pairs."""
        days = [scatter(self.held(one, work)) for one in range(day - 32, day - 4)]
        used = [one for one in days if one[1] > 0]
        if len(used) < 2:
            used = [scatter(hours) for hours, _factor in self.pairs(day)]
        z1, df1, z6, df6 = (sum(column) for column in zip((0, 0, 0, 0), *used, strict=True))
        return z1, int(df1), z6, int(df6)

    def own(self, day: int, work: bool, phi: float) -> tuple[list[float], int]:
        """The log-likelihood of each cell from the days with a reference, and the number of these days."""
        found, number = [0.0] * 12, 0
        for one in range(day - 32, day - 4):
            u, v, e = self.of_day(one, work)
            number += e > 0
            if e > 0:
                level = self.level(one, work)
                a, b = self.factors(e, e * e * (1 + 1 / self.k(one, work)), level)
                z = (u - v * level[0]) / math.sqrt(v) if v > 0 else 0.0
                found = [x + log_normal(z, phi * a + sd * sd * b) for x, sd in zip(found, SDS, strict=True)]
        return found, number

    def near(self, day: int, phi: float) -> list[float]:
        """The log-likelihood of each cell from the pairs of neighbouring days."""
        found = [0.0] * 12
        for hours, inverse in self.pairs(day):
            u, v, e = (sum(column) for column in zip(*hours, strict=True))
            if e > 0:
                z, b = u / math.sqrt(v) if v > 0 else 0.0, e * inverse
                found = [
                    x
                    + math.log(
                        0.7 * math.exp(log_normal(z, phi + sd * sd * b))
                        + 0.3 * math.exp(log_normal(z, phi + (sd * sd + 0.1) * b))
                    )
                    for x, sd in zip(found, SDS, strict=True)
                ]
        return found


def scatter(hours: Sequence[tuple[float, float, float]]) -> tuple[float, int, float, int]:
    """z₁, its degrees of freedom, z₆ and its degrees of freedom for one day."""
    total = sum(v for _u, v, _e in hours)
    shift = sum(u for u, _v, _e in hours) / total if total else 0.0
    rest = [(u - v * shift, v) for u, v, _e in hours]
    blocks = [
        (sum(r for r, _v in rest[first : first + 6]), sum(v for _r, v in rest[first : first + 6]))
        for first in (0, 6, 12, 18)
    ]
    found: list[float] = []
    for some in (rest, blocks):
        filled = [r * r / v for r, v in some if v > 0]
        found += [sum(filled), len(filled) - 1] if len(filled) > 1 else [0.0, 0]
    return found[0], int(found[1]), found[2], int(found[3])


def log_normal(z: float, variance: float) -> float:
    """The logarithm of a normal density but for a constant."""
    return -0.5 * (math.log(variance) + z * z / variance)


def phis(sums: Sequence[tuple[float, int, float, int]]) -> list[float]:
    """φ of each component from Σz₁, Σdf₁, Σz₆ and Σdf₆; κ is one number for all of them."""
    used = [one for one in sums if one[1] and one[3]]
    below = sum(z1 / df1 * df6 for z1, df1, _z6, df6 in used)
    kappa = max(1.0, sum(z6 for _z1, _df1, z6, _df6 in used) / below) if below else 1.0
    return [
        max(1.0, z1 / df1 * kappa if df1 else 1.0, z6 / df6 * (1 - math.sqrt(2 / df6)) if df6 else 1.0)
        for z1, df1, z6, df6 in sums
    ]


def posteriors(likelihoods: Sequence[Sequence[float]]) -> list[list[float]]:
    """The posteriors of one component of several features that share a prior."""
    first = [weight / sum(PRIOR) for weight in PRIOR]
    prior = first
    for _time in range(3):
        found = [normalized(one, prior) for one in likelihoods]
        prior = [(3 * weight + sum(one[cell] for one in found)) / (3 + len(found)) for cell, weight in enumerate(first)]
    return [normalized(one, prior) for one in likelihoods]


def normalized(likelihood: Sequence[float], prior: Sequence[float]) -> list[float]:
    """The posterior of one component."""
    weights = [math.exp(x - max(likelihood)) * weight for x, weight in zip(likelihood, prior, strict=True)]
    return [weight / sum(weights) for weight in weights]


def mean_rho(weights: Sequence[float]) -> float:
    """The mean of ρ."""
    return sum(weight * sd * sd for weight, sd in zip(weights, SDS, strict=True))


def surprise(z: float, noise: float, b: float, weights: Sequence[float], tests: int) -> float:
    """The number of chance findings this strong in a model-month."""
    total = 0.0
    for cell, weight in enumerate(weights):
        rho = SDS[11] ** 2 if cell == 11 else ((SDS[cell] + SDS[cell + 1]) / 2) ** 2
        variance = noise + rho * b
        total += weight * 1000 * 100 ** (noise / variance) * math.erfc(z / math.sqrt(2 * variance))
    return tests * total
