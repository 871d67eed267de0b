"""Finds sudden changes: the last hours are held against the model's own past at the same hours of the week.

Each feature is tested in several windows and components. `statistics.surprise` turns each difference into the number of
findings this strong that chance makes in a model-month. A feature fires if its least surprise is below a part of
`alpha`. Shares of flaws (see `profiles.FLAWS`) are tested in the same way, for rises alone.

Shapes: F features, C = 15 components (11 of drift, 4 of flaws), U = 5 units, Q = 4 flaws.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from driftguard.alerts.changes import PastReference
from driftguard.counting.knowledge import COMPONENTS, DRIFT, Knowledge
from driftguard.counting.layout import Layout
from driftguard.counting.profiles import FLAWS, HOURS, Profile
from driftguard.statistics.arrays import Flags, Floats, Ints
from driftguard.statistics.stratified import indicators
from driftguard.statistics.surprise import certain, surprise
from driftguard.verdicts.windows import Hours, Matched, Window

WINDOWS = (3, 6, 12, 24, 72)
"""Hours per window: the running hour and the whole hours before it."""

DAY_WINDOW = WINDOWS.index(24)
HOLDING_WINDOWS = (6, 12, 24)
"""Windows that hold an open alert."""

FIRES_BELOW = 0.6
"""A feature fires if its surprise is below this part of alpha. Calibrated by simulation."""

HOLDS_BELOW, HOLDING_SCORE = 1.0, 0.8
"""A finding holds an open alert if its surprise is below HOLDS_BELOW and its score at least this part of the limit."""

MIN_E = 20.0
"""Least effective sample size of a window, in units of φ."""

MIN_V_RANK, MIN_V_SPREAD, MIN_V_SHARE = 1.25, 0.14, 5.0
"""Least variances of ranks, spreads and indicators, in units of φ. Below them sums are far from normal."""

REFERENCES: tuple[PastReference, ...] = ("same weekday", "working days", "baseline hours")
SAME_WEEKDAY, WORKING_DAYS, BASELINE_HOURS = range(len(REFERENCES))
WORKING, EPOCH_WEEKDAY, WEEKDAYS = 5, 3, 7

HALVINGS = 18
"""Enough for the three digits that a report shows."""


@dataclass(frozen=True)
class SuddenRules:
    """What decides about sudden changes, arrays (F,).

    enabled: whether a feature is tested. alpha: most false alarms per model-month. score: the least difference that
    counts (`sudden_score`). share: the least rise of a share of flaws that counts (`min_share_change`).
    flaws: (F, Q), which flaws are tested.
    """

    enabled: Flags
    alpha: Floats
    score: Floats
    share: Floats
    flaws: Flags


@dataclass(frozen=True)
class Findings:
    """Results of F features, or of the Q flaws of F features: arrays (F,) or (F, Q).

    tested: whether any window had enough values. fired: whether a sudden change was found. holding: whether the change
    of a feature that is in an open alert is still there.
    score: the difference from the reference in the window with the least surprise, else in the last 24 hours. Of
    numbers a KS distance, of categories the total variation, of flaws the rise of their share.
    surprise: the number of findings this strong that chance makes in a model-month. Infinite where no window qualifies.
    window_hours: the length of that window. onset: its first hour since 1970.
    """

    tested: Flags
    fired: Flags
    holding: Flags
    score: Floats
    surprise: Floats
    window_hours: Ints
    onset: Ints


@dataclass(frozen=True)
class SuddenTests(Findings):
    """The results of the sudden part, arrays (F,), and those of the flaws.

    learning: whether a feature has no reference yet. since: the hour since 1970 from which a feature is judged.
    reference: index into REFERENCES. reference_days: the number of days in the reference.
    min_detectable: the least difference of one share that would fire in the last 24 hours. NaN where there are too few
    values, or no reference. matched: the shares of the features with a change in the window and at matched hours.
    """

    learning: Flags
    since: Ints
    reference: Ints
    reference_days: Ints
    min_detectable: Floats
    flaws: Findings
    matched: dict[int, Matched]


def sudden_tests(
    layout: Layout,
    knowledge: Knowledge,
    profiles: Mapping[int, Profile],
    now_hour: int,
    rules: SuddenRules,
    taken: Flags,
    window_start: Ints,
) -> SuddenTests:
    """Test the last hours of every feature.

    Args:
        layout: the baseline's features.
        knowledge: of the day that holds the last counted row.
        profiles: of this day so far and of the three days before, by day; a day without rows may be absent.
        now_hour: the running hour, or the hour of the last counted row if that is later, in hours since 1970.
        rules: the limits.
        taken: (F,), the features in an open alert. They are not tested, and `holding` tells of them.
        window_start: (F,), the hour before which no window of a feature begins, in hours since 1970.
    """
    hours = Hours.of(layout, knowledge, profiles, now_hour, window_start)
    windows = [hours.window(length) for length in WINDOWS]
    tests = int(rules.enabled.sum()), int((rules.flaws & rules.enabled[:, None]).sum())
    minimum = np.concatenate([np.repeat(rules.score[:, None], DRIFT, axis=1), _by_flaw(rules.share)], axis=1)
    possible = np.concatenate([np.ones((len(taken), DRIFT), np.bool_), rules.flaws], axis=1) & rules.enabled[:, None]
    judged = [_judged(one, knowledge, possible, minimum, tests) for one in windows]
    drift = _findings([one.drift() for one in judged], rules.alpha, rules.score, taken)
    flaws = _findings([one.flaws() for one in judged], _by_flaw(rules.alpha), _by_flaw(rules.share), _by_flaw(taken))
    weekday = (knowledge.day + EPOCH_WEEKDAY) % WEEKDAYS
    reference = np.where(knowledge.work & (weekday < WORKING), WORKING_DAYS, SAME_WEEKDAY)
    return SuddenTests(
        **vars(drift),
        learning=knowledge.learning,
        since=knowledge.since * HOURS,
        reference=np.where((knowledge.own_days == 0) & ~knowledge.learning, BASELINE_HOURS, reference),
        reference_days=knowledge.reference_days,
        min_detectable=_min_detectable(judged[DAY_WINDOW], knowledge, rules, tests[0]),
        flaws=flaws,
        matched={
            index: hours.matched(index, windows[WINDOWS.index(int(drift.window_hours[index]))])
            for index in np.flatnonzero(drift.fired | drift.holding).tolist()
        },
    )


@dataclass(frozen=True)
class _Judged:
    """A window with its effects, whether there are enough values, and its surprises, all (F, C)."""

    window: Window
    effect: Floats
    filled: Flags
    surprise: Floats

    def drift(self) -> "_Tested":
        """Return the results of features."""
        return _Tested(
            self.window.length,
            self.window.first,
            self.effect[:, 0],
            self.filled[:, :DRIFT].any(axis=1),
            self.surprise[:, :DRIFT].min(axis=1),
        )

    def flaws(self) -> "_Tested":
        """Return the results of flaws."""
        return _Tested(
            self.window.length,
            _by_flaw(self.window.first),
            self.effect[:, DRIFT:],
            self.filled[:, DRIFT:],
            self.surprise[:, DRIFT:],
        )


@dataclass(frozen=True)
class _Tested:
    """One window's results, of features (F,) or of flaws (F, Q)."""

    length: int
    first: Ints
    effect: Floats
    filled: Flags
    surprise: Floats


def _judged(
    window: Window, knowledge: Knowledge, possible: Flags, minimum: Floats, tests: tuple[int, int]
) -> "_Judged":
    """Return the window with the surprise of each component whose effect could hold an alert.

    possible: (F, C), the components that are tested. minimum: (F, C), the least effect that counts. tests: the
    number of tests of drift and of flaws.
    """
    effect = np.concatenate([np.repeat(window.effect[:, None], DRIFT, axis=1), window.shift[:, DRIFT:]], axis=1)
    filled = possible & (window.e >= MIN_E * knowledge.phi) & (window.v >= _least_v(window.numeric) * knowledge.phi)
    found = np.full(effect.shape, np.inf)
    for part, number in zip((slice(0, DRIFT), slice(DRIFT, None)), tests, strict=True):
        features, components = np.nonzero((filled & (effect >= HOLDING_SCORE * minimum))[:, part])
        at = (features, components + part.start)
        z = np.abs(window.u[at]) / np.sqrt(window.v[at])
        found[at] = surprise(z, window.noise[at], window.b[at], knowledge.weights[at], number)
    return _Judged(window, effect, filled, found)


def _findings(windows: list[_Tested], alpha: Floats, minimum: Floats, taken: Flags) -> Findings:
    lengths = np.array([one.length for one in windows]).reshape(-1, *[1] * alpha.ndim)
    effect, filled, found = (np.stack([getattr(one, n) for one in windows]) for n in ("effect", "filled", "surprise"))
    holds = np.isin(lengths, HOLDING_WINDOWS) & taken
    found = np.where(holds | ~taken & (effect >= minimum), found, np.inf)
    best = np.where(np.isfinite(found).any(axis=0), found.argmin(axis=0), DAY_WINDOW)[None]
    least, score, first = (
        np.take_along_axis(one, best, axis=0)[0] for one in (found, effect, np.stack([one.first for one in windows]))
    )
    return Findings(
        tested=filled.any(axis=0),
        fired=~taken & (least < FIRES_BELOW * alpha),
        holding=taken & (least < HOLDS_BELOW),
        score=score,
        surprise=least,
        window_hours=np.array(WINDOWS)[best[0]],
        onset=first,
    )


def _min_detectable(judged: _Judged, knowledge: Knowledge, rules: SuddenRules, tests: int) -> Floats:
    """Return the least change of one share that would fire in a window: (F,). The share nearest to a half is taken."""
    window = judged.window
    v = np.where(indicators(window.numeric) & judged.filled[:, :DRIFT], window.v[:, :DRIFT], 0.0)
    at = (np.arange(len(v)), v.argmax(axis=1))
    possible, noise, b, weights = v[at] > 0, window.noise[at], window.b[at], knowledge.weights[at]
    low, high = np.zeros(len(v)), certain(noise, b, FIRES_BELOW * rules.alpha, tests)
    for _halving in range(HALVINGS):
        middle = (low + high) / 2
        fires = surprise(middle, noise, b, weights, tests) < FIRES_BELOW * rules.alpha
        low, high = np.where(fires, low, middle), np.where(fires, middle, high)
    least_u = np.multiply(high, np.sqrt(v[at]), out=np.full(len(v), np.nan), where=possible)
    shift = np.divide(least_u, window.e[at], out=np.full(len(v), np.nan), where=possible)
    least: Floats = np.minimum(np.maximum(shift, rules.score), 1.0)
    return least


def _least_v(numeric: Flags) -> Floats:
    least = np.full((len(numeric), COMPONENTS), MIN_V_SHARE)
    least[numeric, :2] = MIN_V_RANK, MIN_V_SPREAD
    return least


def _by_flaw[T: np.generic](values: "np.typing.NDArray[T]") -> "np.typing.NDArray[T]":
    """Repeat one value per feature for its flaws: (F, Q)."""
    return np.repeat(values[:, None], len(FLAWS), axis=1)
