"""A model's settings, feature by feature, as vectors."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from driftguard.counting import Layout
from driftguard.models.settings import ModelSettings

type Floats = npt.NDArray[np.float64]
type Ints = npt.NDArray[np.int64]
type Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Rules:
    """What each of F features is tested by: arrays (F,). budget: by rule `budget`, otherwise by `p_value`."""

    enabled: Flags
    budget: Flags
    alpha: Floats
    min_score: Floats
    min_samples: Ints

    @classmethod
    def of(cls, layout: Layout, settings: ModelSettings) -> "Rules":
        """The rules of each feature of a baseline."""
        each = settings.for_features(feature.name for feature in layout.features)
        return cls(
            enabled=np.array([one.enabled for one in each], np.bool_),
            budget=np.array([one.rule == "budget" for one in each], np.bool_),
            alpha=np.array([one.alpha for one in each], np.float64),
            min_score=np.array([one.min_drift_score for one in each], np.float64),
            min_samples=np.array([one.min_samples for one in each], np.int64),
        )
