"""The content of a message for every channel type: texts, facts and pictures of an event. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from driftguard.alerts.change_words import change_words
from driftguard.alerts.changes import Part
from driftguard.alerts.events import AlertEvent, AlertNews, EventAlert, EventKind, ResolveReason, changes_in
from driftguard.alerts.performance_words import performance_facts, performance_words
from driftguard.alerts.schemas import OF_LABELS, AlertFeature, AlertType, Limit, Place, Shares, dashboard_url
from driftguard.alerts.words import (
    QUALITY,
    TESTS,
    duration,
    minute,
    number,
    one_line,
    percent,
    probability,
    quoted,
    type_change,
)
from driftguard.notifications.pictures import Picture, picture_of

SHOWN_FEATURES = 6
"""Most features in a message. The alert's page shows all of them."""

PICTURES = 4
"""Most features with a picture. Gmail clips e-mails over 102 kB."""


SUBJECTS: dict[AlertType, str] = {
    "data_drift": "Data drift in {}",
    "prediction_drift": "Prediction drift in {}",
    "data_quality": "Data quality of {}",
    "no_data": "No data from {}",
    "performance": "Worse performance of {}",
    "labels_missing": "No labels for {}",
}

NEWS: dict[EventKind, str] = {
    "opened": "New alert",
    "escalated": "Severity rose",
    "repeated": "Still firing",
    "acknowledged": "Acknowledged",
    "resolved": "Resolved",
    "test": "Test message",
}

SCORES: dict[AlertType, tuple[str, str]] = {
    "data_quality": ("Rise of the share", "Highest score"),
    "performance": ("Drop", "Largest drop"),
}
"""The names of an alert's score and of its highest score."""

ROWS: dict[AlertType, str] = {
    "performance": "Labelled rows",
    "labels_missing": "Without a label",
}
"""The names of the number of rows."""

PARTS: dict[Part, str] = {
    "week": "the whole window",
    "sudden": "in the last {} hours",
    "first_week": "in the last {} hours",
    "broken": "since the first row",
}

ENDINGS: dict[ResolveReason, str] = {
    "below": "The score stayed below the limit for long enough",
    "new_level": "The values stayed changed for seven days but do not differ from the baseline. "
    "The new level is normal from now on",
    "traffic_returned": "Predictions are arriving again",
    "baseline_replaced": "The baseline was replaced, so this comparison is no longer valid",
    "reference_replaced": "The reference of the performance was replaced, so this comparison is no longer valid",
    "labels_arrived": "Labels are arriving again",
    "by_hand": "Somebody resolved it by hand",
    "model_deleted": "The model was deleted",
}


@dataclass(frozen=True)
class FeatureView:
    """One feature as a message shows it."""

    name: str
    change: str
    score: str
    p_value: str
    test: str
    picture: Picture | None


@dataclass(frozen=True)
class Content:
    """What a message says about one alert. `subject` is the same for all messages of one alert.

    Names and logged values are each on one line, so that no value can imitate a line of the message.
    """

    subject: str
    news: str
    tone: str
    lead: str
    preheader: str
    note: str | None
    facts: Sequence[tuple[str, str]]
    features: Sequence[FeatureView]
    more_features: int
    actions: Sequence[str]
    alert_url: str
    channels_url: str
    model_name: str
    model_id: str
    alert_id: str
    follows: bool


@dataclass(frozen=True)
class Letter:
    """What one message says: about one alert, or about several alerts that one check changed.

    parts: the alerts, the most severe first. follows: whether every alert had an earlier message.
    """

    subject: str
    news: str
    tone: str
    lead: str
    preheader: str
    parts: Sequence[Content]
    channels_url: str
    model_name: str
    model_id: str
    follows: bool


def describe_all(news: AlertNews, public_url: str) -> Letter:
    """The content of a message. Several alerts share the room for features and pictures."""
    events = changes_in(news)
    parts = [describe(event, public_url, SHOWN_FEATURES // len(events), PICTURES // len(events)) for event in events]
    first = parts[0]
    if len(parts) == 1:
        subject, said, lead, preheader = first.subject, first.news, first.lead, first.preheader
    else:
        subject = f"{len(parts)} alerts in {first.model_name}"
        said = first.news if len({part.news for part in parts}) == 1 else "Alerts changed"
        lead = "One check changed these alerts: " + "; ".join(map(_in_short, events)) + "."
        preheader = lead
    return Letter(
        subject=subject,
        news=said,
        tone=first.tone,
        lead=lead,
        preheader=preheader,
        parts=parts,
        channels_url=first.channels_url,
        model_name=first.model_name,
        model_id=first.model_id,
        follows=all(part.follows for part in parts),
    )


def _in_short(event: AlertEvent) -> str:
    kind = event.alert.alert_type.replace("_", " ")
    return f"{kind} ({event.alert.severity}, {NEWS[event.kind].lower()})"


def describe(
    event: AlertEvent, public_url: str, most_features: int = SHOWN_FEATURES, most_pictures: int = PICTURES
) -> Content:
    """The content about one alert. `public_url` is the address of the API and its dashboard."""
    alert = event.alert
    shown = alert.features[:most_features]
    lead = _lead(event)
    change = shown[0].change if shown else None
    scored = alert.alert_type != "labels_missing"
    score, highest = SCORES.get(alert.alert_type, ("Drift score", "Highest score"))
    rows = ROWS.get(alert.alert_type, "Rows in the window")
    look, looks = ("join of labels", "joins of labels") if alert.alert_type in OF_LABELS else ("check", "checks")
    peak = event.kind in ("resolved", "repeated") and alert.peak_score is not None
    facts = [
        ("Severity", alert.severity),
        *performance_facts(alert.performance),
        *([(highest, number(alert.peak_score)) if peak else (score, number(alert.drift_score))] if scored else []),
        *([("p-value", probability(alert.p_value))] if change is None and scored else []),
        *([("Limit", limit_words(alert.alert_type, alert.limit))] if alert.limit else []),
        *([(onset_label(alert), minute(alert.onset))] if alert.onset else []),
        ("Window from", minute(alert.window.start) if alert.window else "–"),
        ("Window to", minute(alert.window.end) if alert.window else "–"),
        *([(_compared(alert.alert_type), _baseline(event))] if scored else []),
        (rows, f"{alert.n_window:,}" if alert.n_window is not None else "–"),
        ("Opened", minute(alert.detected_at)),
        ("Seen in", f"{alert.occurrences:,} {looks if alert.occurrences != 1 else look}"),
    ]
    subject = SUBJECTS[alert.alert_type].format(one_line(alert.model_name))
    return Content(
        subject=f"Test: {subject}" if event.kind == "test" else subject,
        news=NEWS[event.kind],
        tone="resolved" if event.kind == "resolved" else alert.severity.lower(),
        lead=lead,
        preheader=f"{alert.severity}: {lead}" if event.kind in ("opened", "escalated", "repeated") else lead,
        note=one_line(event.note) if event.note and event.reason == "by_hand" else None,
        facts=facts,
        features=[_feature(feature, place < most_pictures) for place, feature in enumerate(shown)],
        more_features=max(0, alert.features_total - len({feature.name for feature in shown})),
        actions=[] if event.kind == "resolved" else [one_line(action) for action in alert.recommended_actions],
        alert_url=dashboard_url(public_url, alert.id),
        channels_url=f"{public_url}/dashboard#/channels",
        model_name=one_line(alert.model_name),
        model_id=alert.model_id,
        alert_id=alert.id,
        follows=event.kind not in ("opened", "test"),
    )


def _lead(event: AlertEvent) -> str:
    found = _found(event)
    match event.kind:
        case "opened":
            return found
        case "escalated":
            return f"The severity rose from {event.previous_severity} to {event.severity}. {found}"
        case "repeated":
            return (
                f"This alert has been firing for {duration(event.at - event.alert.detected_at)} and nobody has "
                f"acknowledged it. {found}"
            )
        case "acknowledged":
            return f"Somebody has acknowledged this alert. {found}"
        case "resolved":
            ending = ENDINGS[event.reason] if event.reason else "The alert has ended"
            lasted = duration(event.at - event.alert.detected_at)
            subject = SUBJECTS[event.alert.alert_type].format(one_line(event.model_name))
            return f"{subject} is resolved after {lasted}. {ending}."
        case "test":
            return "This channel works. Below is an example of an alert. Nothing has drifted."


def _found(event: AlertEvent) -> str:
    alert = event.alert
    names = list(dict.fromkeys(feature.name for feature in alert.features))
    many = max(alert.features_total, len(names))
    most = f", {quoted(names[0])} the most" if many > 1 and names else ""
    what = quoted(names[0]) if many == 1 and names else f"{many} features"
    verb = "has" if many == 1 else "have"
    change = change_words(alert.features[0]) if alert.features else None
    if change is not None:
        others = f" {many - 1} more {'feature' if many == 2 else 'features'} changed." if many > 1 else ""
        return f"{quoted(alert.model_name)}: {change}{others}"
    match alert.alert_type:
        case "data_drift":
            return f"{what} of {quoted(alert.model_name)} {verb} drifted from the baseline{most}."
        case "prediction_drift":
            return f"The predictions of {quoted(alert.model_name)} have drifted from the baseline."
        case "data_quality":
            if all(feature.kind == "unexpected_feature" for feature in alert.features):
                is_logged = "is" if many == 1 else "are"
                return f"{what} of {quoted(alert.model_name)} {is_logged} logged but not in the baseline{most}."
            return f"The data quality of {quoted(alert.model_name)} got worse in {what}{most}."
        case "no_data":
            return f"Predictions of {quoted(alert.model_name)} have stopped arriving."
        case "performance":
            return performance_words(alert.model_name, alert.performance)
        case "labels_missing":
            since = f" since {minute(alert.onset)}" if alert.onset else ""
            return (
                f"No labels for {quoted(alert.model_name)} have arrived{since}, and predictions are waiting for them."
            )


def onset_label(alert: EventAlert) -> str:
    """Return what happened at the alert's onset.

    The last hours tell when values changed. A whole window only tells since when it is above its limit, and the values
    may have changed days before.
    """
    if alert.alert_type == "labels_missing":
        return "No labels since"
    sudden = any(one.change is not None and one.change.onset == alert.onset for one in alert.features)
    return "Changed since" if sudden else "Above the limit since"


def limit_words(alert_type: AlertType, limit: Limit) -> str:
    """Return what the score and the p-value were compared with, such as `score over 0.05`."""
    quality = alert_type == "data_quality"
    what = "rise" if quality else "drop" if alert_type == "performance" else "score"
    parts = []
    if limit.score is not None:
        # A score limit of a p-value test is reached, and one that decides alone is exceeded.
        reached = "from" if quality or limit.p_value is not None else "over"
        parts.append(f"{what} {reached} {number(limit.score)}")
    if limit.p_value is not None:
        parts.append(f"p below {probability(limit.p_value)}")
    return " and ".join(parts) or "–"


def _compared(alert_type: AlertType) -> str:
    return "Reference" if alert_type == "performance" else "Baseline"


def _baseline(event: AlertEvent) -> str:
    alert = event.alert
    if alert.baseline_version is None:
        return "–"
    rows = f", {alert.n_baseline:,} rows" if alert.n_baseline is not None else ""
    return f"Version {alert.baseline_version}{rows}"


def _pair(shares: Shares | Place) -> str:
    return f"{percent(shares['baseline'])} → {percent(shares['window'])}"


def _feature(feature: AlertFeature, with_picture: bool) -> FeatureView:
    changes = [QUALITY[feature.kind]] if feature.kind else []
    if feature.shares is not None:
        changes.append(f"{percent(feature.shares['baseline'])} → {percent(feature.shares['window'])}")
    elif feature.kind is None and feature.direction:
        changes.append(feature.direction)
        if feature.at is not None:
            changes.append(f"{feature.at['words']}: {_pair(feature.at)}")
    if feature.change is not None:
        changes.append(PARTS[feature.change.part].format(feature.change.window_hours))
    if feature.type_change is not None:
        changes.append(type_change(feature.type_change))
    if feature.renamed_from is not None:
        changes.append(f"perhaps renamed from {quoted(feature.renamed_from)}")
    if feature.new_categories:
        changes.append("new: " + ", ".join(quoted(value, 30) for value in feature.new_categories[:3]))
    return FeatureView(
        name=one_line(feature.name),
        change=one_line(", ".join(changes)),
        score=number(feature.drift_score),
        p_value=probability(feature.p_value),
        test=TESTS.get(feature.test or "", feature.test or ""),
        picture=picture_of(feature) if with_picture else None,
    )
