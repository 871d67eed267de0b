"""E-mails of a made-up alert, as a channel would receive them, for the pictures in docs/img."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any, Final

from driftguard.alerts import lifecycle
from driftguard.alerts.events import AlertEvent, AlertNews
from driftguard.alerts.findings import Finding, Memory, Occasion
from driftguard.alerts.schemas import Alert, AlertFeature, AlertType, Limit, Severity, Window
from driftguard.models.settings import ModelSettings
from driftguard.notifications import example
from driftguard.notifications.messages import ChannelNotice
from driftguard.notifications.providers import email
from driftguard.notifications.providers.base import StoredChannel
from driftguard.notifications.schemas import NEW_CHANNEL

NOW: Final = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
PUBLIC: Final = "https://drift.example.com/v1"
ADDRESS, SENDER = "ops@example.com", "drift@example.com"
DELAY: Final = {
    "name": "dep_delay",
    "type": "numeric",
    "test": "ks",
    "drift_score": 0.168,
    "p_value": 1.3e-112,
    "drifted": True,
    "direction": "towards higher values",
    "histogram": {
        "edges": [float(5 * edge) for edge in range(13)],
        "categories": None,
        "baseline": [0.24, 0.19, 0.15, 0.11, 0.08, 0.06, 0.05, 0.04, 0.03, 0.02, 0.02, 0.01],
        "window": [0.15, 0.15, 0.14, 0.12, 0.10, 0.09, 0.07, 0.06, 0.05, 0.03, 0.02, 0.02],
    },
}
CARRIER: Final = {
    "name": "carrier",
    "type": "categorical",
    "test": "chi2",
    "drift_score": 0.11,
    "p_value": 2.4e-31,
    "drifted": True,
    "direction": "“UA” fell from 42.0% to 31.0%",
    "histogram": {
        "edges": None,
        "categories": ["UA", "AA", "DL", "__new__"],
        "baseline": [0.42, 0.33, 0.25, 0.0],
        "window": [0.31, 0.34, 0.26, 0.09],
    },
}
MISSING: Final = {
    "name": "air_time",
    "test": "fisher",
    "kind": "missing",
    "drift_score": 0.084,
    "p_value": 3.5e-60,
    "drifted": True,
    "shares": {"baseline": 0.037, "window": 0.121},
}
HOURS: Final[Sequence[tuple[int, Severity, bool]]] = (
    (0, "MEDIUM", True),
    (1, "HIGH", True),
    (26, "HIGH", True),
    (27, "HIGH", False),
    (51, "HIGH", False),
)
"""Checks of one alert, in hours: its severity, and whether it still fires."""


def emails() -> dict[str, str]:
    """Return the HTML part of each kind of e-mail by the name of its picture."""
    drift = _life("data_drift", [DELAY, CARRIER])
    shown: dict[str, AlertNews] = {kind: drift[kind] for kind in ("opened", "escalated", "repeated", "resolved")}
    shown |= {
        "quality": _life("data_quality", [MISSING])["opened"],
        "nodata": _life("no_data", [])["opened"],
        "test": example.example("org", NOW),
    }
    notice = ChannelNotice(
        organization_id="org",
        channel_id="C2",
        channel_name="Data team",
        channel_type="slack",
        reason="404: no_service",
        since=NOW,
    )
    mails = {
        name: email.render(news, _channel(), ADDRESS, sender=SENDER, public_url=PUBLIC) for name, news in shown.items()
    }
    mails["channel"] = email.render_notice(notice, ADDRESS, sender=SENDER, public_url=PUBLIC)
    return {f"email-{name}": _html(message) for name, message in mails.items()}


def _html(message: EmailMessage) -> str:
    body = message.get_body(("html",))
    if body is None:
        raise ValueError("an e-mail has no HTML part")
    return str(body.get_content())


def _channel() -> StoredChannel:
    body = NEW_CHANNEL.validate_python({"type": "email", "to": [ADDRESS], "name": "Ops"})
    return StoredChannel("C1", "org", body, NOW, NOW)


def _life(alert_type: AlertType, features: Sequence[dict[str, Any]]) -> dict[str, AlertEvent]:
    """Return the events of one alert by their kind: opened, escalated, repeated, resolved."""
    shown = [AlertFeature.model_validate(feature) for feature in features]
    score = shown[0].drift_score if shown else None
    p_value = shown[0].p_value if shown else None
    memory = Memory()
    alert: Alert | None = None
    found: dict[str, AlertEvent] = {}
    for hours, severity, on in HOURS:
        higher = 0.06 if severity == "HIGH" and score is not None else 0.0
        now = NOW + timedelta(hours=hours)
        finding = Finding(
            alert_type=alert_type,
            testable=True,
            firing=on,
            holding=on,
            drift_score=None if score is None else score + higher,
            p_value=p_value,
            severity=severity,
            features=[one.model_copy(update={"drift_score": (one.drift_score or 0.0) + higher}) for one in shown],
            limit=None if score is None else Limit(score=0.02 if alert_type == "data_quality" else 0.05),
        )
        outcome = lifecycle.apply(finding, alert, memory, _occasion(now))
        memory = outcome.memory
        alert = outcome.alerts[-1] if outcome.alerts else alert
        found |= {event.kind: event for event in outcome.events}
    return found


def _occasion(now: datetime) -> Occasion:
    return Occasion(
        now=now,
        organization_id="org",
        model_id="M1",
        model_name="flight-delays",
        settings=ModelSettings(),
        baseline_version=3,
        n_baseline=51_955,
        n_window=6_412,
        window=Window(start=now - timedelta(days=7), end=now),
        preliminary=False,
        warming_up=False,
        silent=False,
        new_id=lambda _now: "A1",
    )
