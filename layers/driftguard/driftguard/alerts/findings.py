"""Defines the inputs and outputs of the alert transitions: findings, the check's context, and outcomes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from driftguard.alerts.events import AlertEvent
from driftguard.alerts.schemas import (
    SCHEDULE,
    Alert,
    AlertFeature,
    AlertType,
    Histogram,
    Limit,
    PerformanceChange,
    Severity,
    Window,
)
from driftguard.alerts.words import shorten
from driftguard.models.settings import ModelSettings
from driftguard.platform.ids import new_id
from driftguard.platform.times import iso, parse

PICTURES = 8
"""Maximum number of features per alert that keep a histogram."""

OUTAGES_KEPT = timedelta(days=28)


@dataclass(frozen=True)
class Finding:
    """The result of one check for one alert type.

    testable: False if there are too few values. Then an open alert does not change, and no alert opens.
    firing: a score is over its threshold. holding: a score is over the lower level that keeps an alert open.
    A firing finding is always holding too.
    drift_score, p_value: from the feature with the largest score. None for `no_data`.
    features: the features that fired come first, in descending order of their scores.
    limit: what the score and the p-value were compared with.
    unexpected: features come that the baseline lacks. They open one alert of LOW severity per baseline version.
    onset: since when the values have changed. settled: whether the values of a feature in the alert are still changed
    but do not differ from the baseline. Unless another feature holds the alert, it is resolved.
    performance: the metrics that a finding on performance is about.
    """

    alert_type: AlertType
    testable: bool
    firing: bool
    holding: bool
    drift_score: float | None
    p_value: float | None
    severity: Severity
    features: Sequence[AlertFeature] = ()
    limit: Limit | None = None
    unexpected: bool = False
    onset: datetime | None = None
    settled: bool = False
    performance: PerformanceChange | None = None


@dataclass(frozen=True)
class Memory:
    """State of one model and alert type that is kept after an alert is resolved.

    hushed_until, hushed_baseline: set when a user resolves an alert while the drift continues. Until that time no new
    alert opens, unless the baseline is replaced.
    unexpected_told: the baseline version of the last alert that named features which the baseline lacks.
    outages: the times between which `no_data` alerts of the last OUTAGES_KEPT were open, oldest first.
    """

    hushed_until: datetime | None = None
    hushed_baseline: int | None = None
    unexpected_told: int | None = None
    outages: tuple[tuple[datetime, datetime], ...] = ()

    def dump(self) -> dict[str, Any]:
        """Return the fields that are set, as JSON values."""
        values = {
            "hushed_until": iso(self.hushed_until) if self.hushed_until else None,
            "hushed_baseline": self.hushed_baseline,
            "unexpected_told": self.unexpected_told,
            "outages": [[iso(start), iso(end)] for start, end in self.outages] or None,
        }
        return {name: value for name, value in values.items() if value is not None}

    def after_outage(self, start: datetime, end: datetime) -> "Memory":
        """Return the memory with one more outage, without those that ended too long ago."""
        kept = [outage for outage in self.outages if outage[1] > end - OUTAGES_KEPT]
        return replace(self, outages=(*kept, (start, end)))

    @classmethod
    def load(cls, stored: Mapping[str, Any] | None) -> "Memory":
        """Restore a memory from the output of `dump`. None and an empty mapping give an empty memory."""
        stored = stored or {}
        hushed_until = stored.get("hushed_until")
        return cls(
            hushed_until=parse(hushed_until) if hushed_until else None,
            hushed_baseline=stored.get("hushed_baseline"),
            unexpected_told=stored.get("unexpected_told"),
            outages=tuple((parse(start), parse(end)) for start, end in stored.get("outages", ())),
        )


@dataclass(frozen=True)
class Occasion:
    """The context of one check: the model, its settings, the baseline, the window and the time.

    window: the event times that are compared with the baseline. n_baseline, n_window: the rows in each.
    preliminary: the model's data do not cover the whole window yet.
    warming_up: the model has had data for less than `warmup_hours`.
    actor: the API key that requested the check, or the schedule.
    silent: no prediction has arrived for `no_data_hours`. silence: a sentence that names the limit that applied.
    looks: the number of checks that share `alpha`. None: the scheduled checks of a month.
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
    silence: str = ""
    actor: str = SCHEDULE
    looks: int | None = None


@dataclass(frozen=True)
class Outcome:
    """The alerts, events and memory to store in one transaction.

    alerts: the changed alerts. At most one was open before and is now changed or resolved, then at most one is new.
    events: the events to publish, oldest first. memory: the state to keep for the next check.
    """

    alerts: list[Alert] = field(default_factory=list)
    events: list[AlertEvent] = field(default_factory=list)
    memory: Memory = Memory()


def trim_features(features: Sequence[AlertFeature]) -> list[AlertFeature]:
    """Return the features with drifted features first, then by descending score.

    Only the first PICTURES features keep a histogram, and labels are shortened. An alert with 500 features must fit
    into one DynamoDB item of 400 kB.
    """
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
    if histogram is None or histogram["categories"] is None:
        return histogram
    return {**histogram, "categories": [shorten(label) for label in histogram["categories"]]}
