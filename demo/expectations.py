"""What must have come out of the history. Nothing here calls the API: it judges what was read from it.

The yardsticks are computed by pandas and SciPy from the raw rows.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from demo.flights import PREDICTION, TRUTH, scores
from demo.history import WEEK, History

RESOLUTION: Final = 1 / 256
"""A score from counts in bins is at most this much below the score of the raw rows."""

NOISE: Final = 1e-9
DAY: Final = timedelta(days=1)
STORMY: Final = 40
"""Minutes. A day whose flights leave this late on average is a day of storms."""

CHANNELS: Final = ("email", "slack")


@dataclass(frozen=True)
class Found:
    """What DriftGuard says about the model.

    model, report, alerts (in detail, oldest first), performance, checks (oldest first): the API's responses.
    messages: those of the outbox that are about the model.
    """

    history: History
    model: dict[str, Any]
    report: dict[str, Any]
    alerts: Sequence[dict[str, Any]]
    performance: dict[str, Any]
    checks: Sequence[dict[str, Any]]
    messages: Sequence[dict[str, Any]]

    def then(self, moment: str) -> datetime:
        """Return the moment of the history that a time of the API stands for."""
        return self.history.then(datetime.fromisoformat(moment))

    def message(self, channel: str, alert_id: str) -> dict[str, Any] | None:
        """Return the newest message about an alert through a kind of channel."""
        return next((one for one in self.messages if one["channel"] == channel and alert_id in json.dumps(one)), None)

    def weeks(self) -> list[datetime]:
        """Return the first days of the weeks of the history. The last week may end early."""
        first, end = self.history.first, self.history.end
        return [first + WEEK * number for number in range(-(-(end - first) // WEEK))]

    @property
    def sent(self) -> list[dict[str, Any]]:
        """The alerts that were sent. An alert that never rose above LOW is not."""
        return [one for one in self.alerts if one["deliveries"]]

    def open_in(self, start: datetime, end: datetime) -> list[dict[str, Any]]:
        """Return the alerts that were sent, and open at any time from `start` to before `end`."""
        return [
            one
            for one in self.sent
            if self.then(one["detected_at"]) < end
            and (one["resolved_at"] is None or self.then(one["resolved_at"]) >= start)
        ]

    def quiet_weeks(self) -> list[datetime]:
        """Return the weeks in which no alert was open that was sent."""
        return [start for start in self.weeks() if not self.open_in(start, start + WEEK)]

    def stormy_days(self) -> list[datetime]:
        """Return the days of storms, by the departure delays of their flights."""
        delays = self.history.rows.groupby(self.history.rows["moment"].dt.floor("D"))["dep_delay"].mean()
        return [day.to_pydatetime() for day in delays[delays >= STORMY].index]


def about(model: Mapping[str, Any], outbox: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages that name the model's id, newest first."""
    return [one for one in outbox if model["id"] in json.dumps(one)]


def missing(found: Found) -> list[str]:
    """Return what did not come out as it must. Empty if all is well."""
    return [*_sound(found), *_right(found), *_storms(found), *_lived(found), *_told(found)]


def _sound(found: Found) -> Iterator[str]:
    """The last check has counted what was logged, and its scores are SciPy's."""
    report, history = found.report, found.history
    if found.model["state"] != report["status"]:
        yield f"the model's state is {found.model['state']!r}, and its report says {report['status']!r}"
    if report["preliminary"]:
        yield "the verdict is preliminary after weeks of predictions"
    start = found.then(report["window"]["start"])
    window = history.between(start, history.end)
    baseline = history.flights.baseline
    if report["n_baseline"] != len(baseline):
        yield f"the baseline has {report['n_baseline']:,} rows instead of {len(baseline):,}"
    if report["n_window"] != len(window):
        yield f"the window has {report['n_window']:,} rows instead of {len(window):,}"
    exact = scores(baseline, window)
    for feature in report["features"]:
        name, score = feature["name"], feature["drift_score"]
        if feature["window_start"] or feature["part"] == "sudden":
            continue  # an alert before or a change of the last hours decides about another window
        below = RESOLUTION if feature["test"] == "ks" else NOISE
        if score is None or not exact[name] - below - NOISE <= score <= exact[name] + NOISE:
            yield f"{name} scores {score}, and SciPy says {exact[name]:.4f} on the raw rows"


def _right(found: Found) -> Iterator[str]:
    """The error of each day is the one that pandas computes from the same labels: those of flights that have landed."""
    rows = found.history.landed(found.history.first, found.history.end)
    errors = (rows[PREDICTION] - rows[TRUTH]).abs().groupby(rows["moment"].dt.strftime("%F")).mean()
    days = [day for day in found.performance["days"] if day["mature"] and day["value"] is not None]
    if not days:
        yield "no day has a metric of performance"
    for day in days:
        date = f"{found.then(day['day'] + 'T00:00+00:00'):%F}"
        if not math.isclose(day["value"], errors[date], rel_tol=1e-9):
            yield f"the error of {date} is {day['value']}, and pandas says {errors[date]}"
    error = found.history.flights.error(found.history.flights.baseline)
    reference = found.performance["reference"]["metrics"]["mae"]
    if not math.isclose(reference, error, rel_tol=1e-9):
        yield f"the reference error is {reference} instead of {error}"


def _storms(found: Found) -> Iterator[str]:
    """Each day of storms has an open alert by the end of the next day."""
    days = found.stormy_days()
    if not days:
        yield "the history has no day of storms"
    for day in days:
        if not found.open_in(day, min(day + 2 * DAY, found.history.end)):
            yield f"no alert was open in the storms of {day:%-d %B}"


def _lived(found: Found) -> Iterator[str]:
    """Alerts opened, escalated and resolved, and one of them says that the model became worse."""
    events = {entry["event"] for one in found.alerts for entry in one["timeline"]}
    yield from (f"no alert was {event}" for event in ("opened", "escalated", "resolved") if event not in events)
    yield from (
        f"no alert is about {kind}"
        for kind in ("data_drift", "performance")
        if kind not in {one["alert_type"] for one in found.alerts}
    )


def _told(found: Found) -> Iterator[str]:
    """Each alert from MEDIUM on recommends something, and both channels delivered all its messages."""
    for alert in found.alerts:
        name = f"the {alert['alert_type']} alert of {found.then(alert['detected_at']):%-d %B}"
        if not alert["recommended_actions"]:
            yield f"{name} recommends nothing"
        failed = [one for one in alert["deliveries"] if one["outcome"] not in ("delivered", "skipped")]
        yield from (f"{name}: {one['type']} is {one['outcome']}" for one in failed)
    for alert in found.sent:
        name = f"the {alert['alert_type']} alert of {found.then(alert['detected_at']):%-d %B}"
        for channel in CHANNELS:
            if not any(one["type"] == channel and one["event"] == "opened" for one in alert["deliveries"]):
                yield f"{name}: {channel} delivered no opening"
            message = found.message(channel, alert["id"])
            if message is None:
                yield f"{name}: no {channel} message is in the outbox"
            elif channel == "email" and not (message["subject"] and message["html"] and message["text"]):
                yield f"{name}: the e-mail lacks a subject, its HTML or its plain text"
            elif channel == "slack" and not (message["payload"] or {}).get("blocks"):
                yield f"{name}: the Slack message has no blocks"
