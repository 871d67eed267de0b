"""What a check found, the check around it, and what becomes of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from driftguard.alerts.events import AlertEvent
from driftguard.alerts.schemas import (
    Alert,
    AlertFeature,
    AlertType,
    Histogram,
    Severity,
    Window,
)
from driftguard.alerts.words import shorten
from driftguard.models.settings import ModelSettings
from driftguard.platform.ids import new_id
from driftguard.platform.times import iso, parse

PICTURES = 8
"""Features of an alert that keep their histogram."""


@dataclass(frozen=True)
class Finding:
    """What one check found of one alert type.

    testable: False while there are too few data: an open alert stays as it is, and none opens.
    firing: over the threshold. holding: over the lower level at which an open alert stays open; firing implies it.
    drift_score, p_value: of the feature that moved most; None for `no_data`.
    features: those that fired first, the strongest at the head.
    """

    alert_type: AlertType
    testable: bool
    firing: bool
    holding: bool
    drift_score: float | None
    p_value: float | None
    severity: Severity
    features: Sequence[AlertFeature] = ()


@dataclass(frozen=True)
class Memory:
    """What outlives the alerts of one model and alert type.

    hushed_until, hushed_baseline: resolved by hand while the drift went on: none opens before that time, as long as
    the baseline stays the same.
    preliminary_told: the baseline version that a preliminary opening was last sent for.
    """

    hushed_until: datetime | None = None
    hushed_baseline: int | None = None
    preliminary_told: int | None = None

    def dump(self) -> dict[str, Any]:
        """As JSON holds it; what is not set is left out."""
        values = {
            "hushed_until": iso(self.hushed_until) if self.hushed_until else None,
            "hushed_baseline": self.hushed_baseline,
            "preliminary_told": self.preliminary_told,
        }
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def load(cls, stored: Mapping[str, Any] | None) -> "Memory":
        """What `dump` made; None and an empty mapping are a memory of nothing."""
        stored = stored or {}
        hushed_until = stored.get("hushed_until")
        return cls(
            hushed_until=parse(hushed_until) if hushed_until else None,
            hushed_baseline=stored.get("hushed_baseline"),
            preliminary_told=stored.get("preliminary_told"),
        )


@dataclass(frozen=True)
class Occasion:
    """One check of one model: which model under which settings, what it compares, and when.

    window: the event times compared with the baseline. n_baseline, n_window: rows in each.
    preliminary: whether the counted hours do not cover the whole window yet. warming_up: whether the model has had
    data for less than `warmup_hours`. silent: whether its traffic has stopped.
    """

    now: datetime
    organization_id: str
    model_id: str
    model_name: str
    settings: ModelSettings
    baseline_version: int | None
    n_baseline: int
    n_window: int
    window: Window
    preliminary: bool
    warming_up: bool
    silent: bool
    new_id: Callable[[datetime], str] = new_id


@dataclass(frozen=True)
class Outcome:
    """What to store and to send, in one write.

    alerts: those that changed, in their order: at most one that was open (changed or resolved) and one that opened.
    events: what is to be told, oldest first. memory: what to keep for the next check.
    """

    alerts: list[Alert] = field(default_factory=list)
    events: list[AlertEvent] = field(default_factory=list)
    memory: Memory = Memory()


def trim_features(features: Sequence[AlertFeature]) -> list[AlertFeature]:
    """The drifted and the strongest first; a picture for the first PICTURES only, with labels of a bearable length,
    so that an alert of 500 features still fits where it is stored."""
    ordered = sorted(features, key=lambda feature: (not feature.drifted, -(feature.drift_score or 0.0)))
    return [
        feature.model_copy(
            update={
                "histogram": _short_labels(feature.histogram) if place < PICTURES else None,
                "new_categories": [shorten(value) for value in feature.new_categories[:5]],
            }
        )
        for place, feature in enumerate(ordered)
    ]


def _short_labels(histogram: Histogram | None) -> Histogram | None:
    if histogram is None or histogram.categories is None:
        return histogram
    return histogram.model_copy(update={"categories": [shorten(label) for label in histogram.categories]})
