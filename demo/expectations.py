"""What must have come out of the two weeks. Nothing here asks anybody: it judges what was read from the API."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from demo.flights import PREDICTION, Week

RESOLUTION: Final = 1 / 256
"""A score from counts in bins is at most this much below the one from the raw rows."""
NOISE: Final = 1e-9
UNMOVED: Final = 0.05
MISSING: Final = (0.0343, 0.0776)
"""The share of flights without a departure delay in the baseline and in the storms."""


@dataclass(frozen=True)
class Found:
    """What DriftGuard says about one model, and what it should come to.

    scores: each feature's score by SciPy, from the raw rows. error: the mean absolute error of the baseline's rows.
    rows, window_rows: flights in the baseline and the week.
    model, report, alerts (in detail): the API's answers. messages: what the outbox holds about this model.
    """

    week: Week
    scores: Mapping[str, float]
    error: float
    rows: int
    window_rows: int
    model: dict[str, Any]
    report: dict[str, Any]
    alerts: list[dict[str, Any]]
    messages: list[dict[str, Any]]

    def alert(self, alert_type: str) -> dict[str, Any] | None:
        """The open alert of a type."""
        return next(
            (one for one in self.alerts if one["alert_type"] == alert_type and one["status"] != "resolved"), None
        )

    def feature(self, name: str) -> dict[str, Any]:
        """A feature of the report, empty when it is not there."""
        return next((one for one in self.report["features"] if one["name"] == name), {})

    def message(self, channel: str, alert_id: str) -> dict[str, Any] | None:
        """The newest message about an alert through a kind of channel."""
        about = (one for one in self.messages if one["channel"] == channel and alert_id in json.dumps(one))
        return next(about, None)


def about(model: Mapping[str, Any], outbox: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages that name the model's id, newest first."""
    return [one for one in outbox if model["id"] in json.dumps(one)]


def missing_from_quiet(found: Found) -> list[str]:
    """What the quiet week lacks: nothing of note may open, nobody may be told."""
    return [f"{found.week.title}: {problem}" for problem in [*_sound(found), *_quiet(found)]]


def missing_from_storms(found: Found) -> list[str]:
    """What the storms lack: they must be found, and told."""
    return [f"{found.week.title}: {problem}" for problem in [*_sound(found), *_moved(found), *_alerted(found)]]


def _sound(found: Found) -> Iterator[str]:
    """The check has counted what was logged, and its scores are SciPy's."""
    report = found.report
    if found.model["last_checked_at"] is None or found.model["state"] != report["status"]:
        yield f"the model's state is {found.model['state']!r}, its report says {report['status']!r}"
    if report["preliminary"]:
        yield "the verdict is preliminary although eight days were logged"
    if report["n_baseline"] != found.rows:
        yield f"the baseline has {report['n_baseline']:,} rows instead of {found.rows:,}"
    if report["n_window"] != found.window_rows:
        yield f"the window has {report['n_window']:,} rows instead of the week's {found.window_rows:,}"
    for name, exact in found.scores.items():
        feature = found.feature(name)
        score = feature.get("drift_score")
        below = RESOLUTION if feature.get("test") == "ks" else NOISE
        if score is None or not exact - below - NOISE <= score <= exact + NOISE:
            yield f"{name} scores {score}, SciPy says {exact:.4f} on the raw rows"


def _quiet(found: Found) -> Iterator[str]:
    for alert in found.alerts:
        if alert["severity"] != "LOW":
            yield f"a {alert['severity']} {alert['alert_type']} alert opened"
        yield from (f"{one['type']} was {one['outcome']}" for one in alert["deliveries"] if one["outcome"] != "skipped")
    yield from (f"a message went out through {one['channel']}" for one in found.messages)


def _moved(found: Found) -> Iterator[str]:
    delay = found.feature("dep_delay")
    if not delay.get("drifted"):
        yield "dep_delay has not drifted"
    for name in ("hour", "distance"):
        feature = found.feature(name)
        if feature.get("drifted") is not False or feature["drift_score"] >= UNMOVED:
            yield f"{name} has drifted, which it had no reason to"
    shares = delay.get("missing", {})
    if tuple(round(shares.get(part, -1), 4) for part in ("baseline", "window")) != MISSING:
        yield f"missing departure delays are {shares} instead of {MISSING}"
    if not found.feature(PREDICTION).get("drifted"):
        yield "the prediction has not drifted"


def _alerted(found: Found) -> Iterator[str]:
    for alert_type, severity in (("data_drift", "HIGH"), ("prediction_drift", "MEDIUM")):
        alert = found.alert(alert_type)
        if alert is None:
            yield f"no {alert_type} alert is open"
        elif (alert["severity"], alert["status"], alert["preliminary"]) != (severity, "firing", False):
            preliminary = ", preliminary" if alert["preliminary"] else ""
            yield f"the {alert_type} alert is {alert['status']}, {alert['severity']}{preliminary}"
        else:
            yield from _told(found, alert)
    yield from _worse(found)
    quality = found.alert("data_quality")
    if quality is None:
        yield "no data_quality alert is open"
    elif "dep_delay" not in {one["name"] for one in quality["features"]}:
        yield "the data_quality alert does not name dep_delay"


def _worse(found: Found) -> Iterator[str]:
    """The labels must show that the errors grew, compared with those of the baseline's own rows."""
    alert = found.alert("performance")
    if alert is None:
        yield "no performance alert is open"
        return
    (metric,) = alert["performance"]["metrics"]
    if alert["severity"] != "HIGH" or metric["name"] != "mae" or not metric["degraded"]:
        yield f"the performance alert is {alert['severity']} about {metric['name']}"
    if not math.isclose(metric["reference"], found.error, rel_tol=1e-9):
        yield f"the reference error is {metric['reference']} instead of {found.error}"
    yield from _told(found, alert)


def _told(found: Found, alert: Mapping[str, Any]) -> Iterator[str]:
    """The alert says what to do, both channels have delivered it, and the outbox holds both messages."""
    if not alert["recommended_actions"]:
        yield f"the {alert['alert_type']} alert recommends nothing"
    if not any(one["event"] == "opened" for one in alert["timeline"]):
        yield f"the {alert['alert_type']} alert's timeline has no opening"
    for channel in ("email", "slack"):
        outcomes = [one["outcome"] for one in alert["deliveries"] if one["type"] == channel]
        if outcomes != ["delivered"]:
            yield f"{channel} of the {alert['alert_type']} alert: {', '.join(outcomes) or 'no delivery recorded'}"
        message = found.message(channel, alert["id"])
        if message is None:
            yield f"no {channel} message about the {alert['alert_type']} alert in the outbox"
        elif found.model["name"] not in json.dumps(message, ensure_ascii=False) or found.model["id"] not in json.dumps(
            message
        ):
            yield f"the {channel} message about the {alert['alert_type']} alert does not name the model and its id"
        elif channel == "email" and not (message["subject"] and message["html"] and message["text"]):
            yield "the e-mail lacks a subject, its HTML or its plain text"
        elif channel == "slack" and not (message["payload"] or {}).get("blocks"):
            yield "the Slack message has no blocks"
