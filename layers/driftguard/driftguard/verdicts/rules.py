"""Turns a model's settings into arrays with one element per feature."""

from dataclasses import dataclass

import numpy as np

from driftguard.counting.layout import Layout
from driftguard.models.settings import ModelSettings
from driftguard.statistics.arrays import Flags, Floats, Ints
from driftguard.statistics.budget import CHECKS


@dataclass(frozen=True)
class Rules:
    """The test settings of each feature, arrays (F,). budget: true for the rule `budget`, false for `p_value`.

    looks: the number of checks that share `alpha`.
    sudden: whether the sudden part tests a feature.
    """

    enabled: Flags
    budget: Flags
    alpha: Floats
    min_score: Floats
    min_samples: Ints
    sudden: Flags
    sudden_score: Floats
    first_week_score: Floats
    min_share_change: Floats
    looks: int = CHECKS

    @classmethod
    def of(cls, layout: Layout, settings: ModelSettings, looks: int | None = None) -> "Rules":
        """Return the rules for the features of a baseline."""
        each = settings.for_features(feature.key for feature in layout.features)
        return cls(
            enabled=np.array([one.enabled for one in each], np.bool_),
            budget=np.array([one.rule == "budget" for one in each], np.bool_),
            alpha=np.array([one.alpha for one in each], np.float64),
            min_score=np.array([one.min_drift_score for one in each], np.float64),
            min_samples=np.array([one.min_samples for one in each], np.int64),
            sudden=np.array([one.rule == "budget" and settings.sudden for one in each], np.bool_),
            sudden_score=np.array([one.least_sudden_score for one in each], np.float64),
            first_week_score=np.full(len(each), settings.first_week_score),
            min_share_change=np.full(len(each), settings.min_share_change),
            looks=CHECKS if looks is None else looks,
        )
