"""The result of a backtest: the alerts, the messages and the score over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from driftguard_engine.alerts.events import AlertEvent
from driftguard_engine.alerts.replaying import ReplayedAlerts
from driftguard_engine.alerts.schemas import Alert, severity_rank
from driftguard_engine.distributions.baseline import key_of
from driftguard_engine.models.settings import ModelSettings
from driftguard_engine.platform.times import iso

from driftguard_client.comparing.counting import Sample
from driftguard_client.comparing.result import sample_dict
from driftguard_client.comparing.shown import Shown

MOST_POINTS = 1000
"""Points of a score line. Of several checks in one point, the one with the largest score is kept."""


class Point(NamedTuple):
    """One check: its time, the status of its report, the largest score of a feature, and the rows in its window."""

    at: datetime
    status: str
    score: float | None
    rows: int


@dataclass(frozen=True)
class ReplayedAlert:
    """An alert that the service would have opened. resolved_at: None if it was open at the end.

    severity: the highest that was reached. peak: the largest score.
    features: those that fired at the last detection, the largest score first.
    preliminary: it opened before the history covered a whole window. messages: how many messages were about it.
    """

    type: str
    severity: str
    opened_at: datetime
    resolved_at: datetime | None
    peak: float | None
    features: list[str]
    preliminary: bool
    messages: int


@dataclass(frozen=True)
class Change:
    """One change that a message tells: what happened to which alert. previous_severity: before an escalation."""

    kind: str
    type: str
    severity: str
    features: list[str]
    previous_severity: str | None = None


@dataclass(frozen=True)
class Message:
    """A message that a channel for every severity would have received. One check sends at most one message."""

    at: datetime
    changes: list[Change]


@dataclass(frozen=True)
class Backtest(Shown):
    """What would have happened. points: the score line. checks: the number of checks, one every `every` minutes."""

    alerts: list[ReplayedAlert]
    messages: list[Message]
    points: list[Point]
    checks: int
    every: int
    start: datetime
    end: datetime
    baseline: Sample
    history: Sample
    settings: dict[str, Any]
    limit: float
    notes: list[str]

    @classmethod
    def of(
        cls,
        points: Sequence[Point],
        replayed: ReplayedAlerts,
        baseline: Sample,
        history: Sample,
        settings: ModelSettings,
        every: int,
        notes: Sequence[str],
    ) -> Backtest:
        """Return the result of a replay."""
        seen = sorted(replayed.seen.values(), key=lambda alert: alert.detected_at)
        events = [seen_event for event in replayed.events if (seen_event := event.seen_from("LOW")) is not None]
        return cls(
            alerts=[_alert(alert) for alert in seen],
            messages=[
                Message(at, [_change(event) for event in some]) for at, some in groupby(events, lambda one: one.at)
            ],
            points=thinned(points),
            checks=len(points),
            every=every,
            start=points[0].at,
            end=points[-1].at,
            baseline=baseline,
            history=history,
            settings=settings.model_dump(exclude_unset=True),
            limit=settings.min_drift_score,
            notes=list(dict.fromkeys(notes)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "checks": self.checks,
            "minutes_between_checks": self.every,
            "start": iso(self.start),
            "end": iso(self.end),
            "settings": self.settings,
            "baseline": sample_dict(self.baseline),
            "history": sample_dict(self.history),
            "alerts": [_jsonable(asdict(alert)) for alert in self.alerts],
            "messages": [_jsonable(asdict(message)) for message in self.messages],
            "scores": [_jsonable(point._asdict()) for point in self.points],
            "notes": self.notes,
        }

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with one row for each alert."""
        import pandas as pd

        return pd.DataFrame([asdict(alert) for alert in self.alerts], columns=list(ReplayedAlert.__dataclass_fields__))

    def to_text(self, width: int | None = 100) -> str:
        from driftguard_client.comparing.backtest_texts import text_of

        return text_of(self, width)

    def _page(self) -> tuple[str, str]:
        from driftguard_client.comparing.backtest_texts import body_of, summary

        return summary(self), body_of(self)


def thinned(points: Sequence[Point]) -> list[Point]:
    """Return at most MOST_POINTS points, of neighbouring points the one with the largest score."""
    step = -(-len(points) // MOST_POINTS)
    return [
        max(points[place : place + step], key=lambda point: -1.0 if point.score is None else point.score)
        for place in range(0, len(points), step)
    ]


def _alert(alert: Alert) -> ReplayedAlert:
    return ReplayedAlert(
        type=alert.alert_type,
        severity=max([alert.severity, *(one.severity for one in alert.sent.values())], key=severity_rank),
        opened_at=alert.detected_at,
        resolved_at=alert.resolved_at,
        peak=alert.peak_score,
        features=list(dict.fromkeys(key_of(one.name, one.role) for one in alert.features if one.drifted)),
        preliminary=alert.preliminary,
        messages=alert.messages,
    )


def _change(event: AlertEvent) -> Change:
    names = dict.fromkeys(key_of(one.name, one.role) for one in event.alert.features)
    return Change(event.kind, event.alert.alert_type, event.severity, list(names), event.previous_severity)


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _jsonable(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_jsonable(one) for one in value]
    return iso(value) if isinstance(value, datetime) else value
