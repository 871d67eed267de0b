"""The week part: how much the last `window_days` may differ from the baseline.

Rows of one hour resemble each other, and days differ. φ and ρ measure both, see `counting.knowledge`. Without a past,
φ = 1 and ρ = 0.
"""

from dataclasses import dataclass

import numpy as np

from driftguard.alerts.episodes import HOURS
from driftguard.alerts.findings import Occasion
from driftguard.counting.knowledge import Knowledge
from driftguard.platform.times import hour_of
from driftguard.statistics import budget
from driftguard.statistics.arrays import Flags, Floats, Ints
from driftguard.verdicts.rules import Rules
from driftguard.verdicts.standing import Standing

UNKNOWN_DAYS = 7
"""The number of days assumed for a baseline whose number of days is unknown."""

COVERED_AGAIN = 1
"""Days after which the window of a feature counts as covered again after an alert about the feature."""


@dataclass(frozen=True)
class Week:
    """The window of each feature, and how much its values vary beyond chance, arrays (F,).

    phi: by how much the variance within a day exceeds that of independent rows. rho: the variance between days.
    days: the days that the window covers. covered: whether that is enough for the part to fire.
    """

    phi: Floats
    rho: Floats
    days: Floats
    covered: Flags

    @classmethod
    def of(cls, knowledge: Knowledge | None, standing: Standing, occasion: Occasion) -> "Week":
        """Return what the past says about the window that ends now."""
        features = len(standing.taken)
        first, today = hour_of(occasion.window.start), hour_of(occasion.window.end) // HOURS
        later = standing.first_days * 24 > first
        days = np.where(later, today - standing.first_days, occasion.settings.window_days).astype(np.float64)
        again = days >= COVERED_AGAIN
        return cls(
            phi=np.ones(features) if knowledge is None else knowledge.phi_week,
            rho=np.zeros(features) if knowledge is None else knowledge.rho_week,
            days=np.maximum(days, 1.0),
            covered=(not occasion.preliminary) & (~later | again),
        )

    @classmethod
    def whole(cls, features: int, window_days: float) -> "Week":
        """Return whole windows of features without a past."""
        return cls(np.ones(features), np.zeros(features), np.full(features, window_days), np.ones(features, np.bool_))

    def limits(
        self, rules: Rules, tests: int, n: Ints, m: Ints, by_distance: Flags, baseline_days: int | None
    ) -> Floats:
        """Return the score that a feature must exceed: (F,), infinite where a sample has no values.

        T = max(min_drift_score, c·√(φ(1/n + 1/m) + ρ(1/window_days + 1/B))). Where a p-value decides about independent
        rows, the score above chance is limited, and only what φ and ρ add counts: φ − 1 takes the place of φ.
        """
        return budget.threshold(
            budget.critical(tests, rules.alpha, rules.looks),
            n,
            m,
            phi=np.where(by_distance, self.phi, self.phi - 1),
            rho=self.rho,
            window_days=self.days,
            baseline_days=baseline_days or UNKNOWN_DAYS,
            minimum=rules.min_score,
        )
