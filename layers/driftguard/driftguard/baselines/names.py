"""The names that settings may use for the features of a baseline."""

from collections.abc import Iterable

from driftguard.baselines.tables import Baselines
from driftguard.distributions import encoding
from driftguard.distributions.baseline import FeatureBaseline
from driftguard.models.tables import Models


def features_of(model: Models) -> list[str]:
    """Return the names of the features in the model's current baseline. A model without a baseline has none."""
    head = Baselines.head(model.model_id, int(model.baseline_version)) if model.baseline_version is not None else None
    return [] if head is None else names_of(encoding.decode(head.payload()).features)


def names_of(features: Iterable[FeatureBaseline]) -> list[str]:
    """Return the names of features in settings. A feature called `prediction` is `feature:prediction` there."""
    return [feature.key for feature in features]
