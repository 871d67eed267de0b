"""What a message says, whatever it is sent through: texts, facts and pictures, made from an event. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from driftguard.alerts.advice import direction, percent, quoted
from driftguard.alerts.events import AlertEvent, EventKind, ResolveReason
from driftguard.alerts.schemas import AlertFeature, AlertType, Histogram, QualityKind, dashboard_url
from driftguard.distributions.baseline import NEW, RARE

SHOWN_FEATURES = 6
"""Features in a message; the alert's page has them all."""

PICTURES = 4
"""Features with a picture: a mail over 102 kB is clipped by Gmail."""

BINS = 12
CATEGORIES = 5

SUBJECTS: dict[AlertType, str] = {
    "data_drift": "Data drift in {}",
    "prediction_drift": "Prediction drift in {}",
    "data_quality": "Data quality of {}",
    "no_data": "No data from {}",
}

NEWS: dict[EventKind, str] = {
    "opened": "New alert",
    "escalated": "Severity rose",
    "repeated": "Still going on",
    "acknowledged": "Acknowledged",
    "resolved": "Resolved",
    "test": "Test message",
}

ENDINGS: dict[ResolveReason, str] = {
    "below": "It has stayed below the threshold long enough",
    "traffic_returned": "Predictions arrive again",
    "baseline_replaced": "The baseline was replaced, so that the comparison no longer stands",
    "by_hand": "It was resolved by hand",
}

QUALITY: dict[QualityKind, str] = {
    "missing": "missing values",
    "new_categories": "new categories",
    "out_of_range": "out of the baseline's range",
    "wrong_type": "of the wrong type",
}

TESTS = {"ks": "Kolmogorov–Smirnov", "chi2": "chi-square", "fisher": "Fisher’s exact"}

PRELIMINARY = (
    "Preliminary: the counted hours do not span a full window yet, so daily and weekly cycles are not averaged. "
    "You get this opening and the resolving, nothing in between."
)


@dataclass(frozen=True)
class Bar:
    """One place of a picture: how much of the baseline and of the window is there (0 to 1)."""

    label: str
    baseline: float
    window: float


@dataclass(frozen=True)
class Picture:
    """Baseline against window. upright: bins in their order, from `low` to `high`; otherwise a row each."""

    bars: Sequence[Bar]
    upright: bool
    low: str = ""
    high: str = ""

    def heights(self) -> list[tuple[float, float]]:
        """The bars scaled so that the highest is 1."""
        top = max((max(bar.baseline, bar.window) for bar in self.bars), default=0.0) or 1.0
        return [(bar.baseline / top, bar.window / top) for bar in self.bars]


@dataclass(frozen=True)
class FeatureView:
    """One feature as a message shows it."""

    name: str
    said: str
    score: str
    p_value: str
    test: str
    picture: Picture | None


@dataclass(frozen=True)
class Content:
    """Everything a message says. `subject` is the same for all messages of one alert."""

    subject: str
    news: str
    tone: str
    lead: str
    preheader: str
    preliminary: str | None
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


def describe(event: AlertEvent, public_url: str) -> Content:
    """The content of an event's message; `public_url` is where people reach the API and its dashboard."""
    alert = event.alert
    shown = alert.features[:SHOWN_FEATURES]
    lead = _lead(event)
    peak = event.kind in ("resolved", "repeated") and alert.peak_score is not None
    facts = [
        ("Severity", alert.severity),
        ("Highest score", number(alert.peak_score)) if peak else ("Drift score", number(alert.drift_score)),
        ("p-value", probability(alert.p_value)),
        ("Window from", minute(alert.window.start) if alert.window else "–"),
        ("Window to", minute(alert.window.end) if alert.window else "–"),
        ("Baseline", _baseline(event)),
        ("Rows in the window", f"{alert.n_window:,}" if alert.n_window is not None else "–"),
        ("First seen", minute(alert.detected_at)),
        ("Seen in", f"{alert.occurrences:,} check{'s' if alert.occurrences != 1 else ''}"),
    ]
    subject = SUBJECTS[alert.alert_type].format(alert.model_name)
    return Content(
        subject=f"Test: {subject}" if event.kind == "test" else subject,
        news=NEWS[event.kind],
        tone="resolved" if event.kind == "resolved" else alert.severity.lower(),
        lead=lead,
        preheader=f"{alert.severity}: {lead}" if event.kind in ("opened", "escalated", "repeated") else lead,
        preliminary=PRELIMINARY if alert.preliminary and event.kind != "resolved" else _preliminary_end(event),
        note=event.note if event.reason == "by_hand" else None,
        facts=facts,
        features=[_feature(feature, place < PICTURES) for place, feature in enumerate(shown)],
        more_features=max(0, alert.features_total - len({feature.name for feature in shown})),
        actions=[] if event.kind == "resolved" else alert.recommended_actions,
        alert_url=dashboard_url(public_url, alert.id),
        channels_url=f"{public_url}/dashboard#/channels",
        model_name=alert.model_name,
        model_id=alert.model_id,
        alert_id=alert.id,
        follows=event.kind not in ("opened", "test"),
    )


def _preliminary_end(event: AlertEvent) -> str | None:
    return "The alert was preliminary." if event.alert.preliminary else None


def _lead(event: AlertEvent) -> str:
    found = _found(event)
    match event.kind:
        case "opened":
            return found
        case "escalated":
            return f"The severity rose from {event.previous_severity} to {event.severity}. {found}"
        case "repeated":
            return (
                f"It has been going on for {duration(event.at - event.alert.detected_at)} and nobody has acknowledged "
                f"it. {found}"
            )
        case "acknowledged":
            return f"Somebody looks after it. {found}"
        case "resolved":
            ending = ENDINGS[event.reason] if event.reason else "It is over"
            lasted = duration(event.at - event.alert.detected_at)
            return f"{SUBJECTS[event.alert.alert_type].format(event.model_name)} is resolved after {lasted}. {ending}."
        case "test":
            return "This channel works. What follows is an example of what an alert looks like; nothing has drifted."


def _found(event: AlertEvent) -> str:
    alert = event.alert
    names = list(dict.fromkeys(feature.name for feature in alert.features))
    many = max(alert.features_total, len(names))
    most = f", {quoted(names[0])} the most" if many > 1 and names else ""
    what = quoted(names[0]) if many == 1 and names else f"{many} features"
    verb = "has" if many == 1 else "have"
    match alert.alert_type:
        case "data_drift":
            return f"{what} of {quoted(alert.model_name)} {verb} moved away from the baseline{most}."
        case "prediction_drift":
            return f"What {quoted(alert.model_name)} predicts has moved away from the baseline."
        case "data_quality":
            return f"The data of {quoted(alert.model_name)} got worse in {what}{most}."
        case "no_data":
            return f"Predictions of {quoted(alert.model_name)} have stopped arriving."


def _baseline(event: AlertEvent) -> str:
    alert = event.alert
    if alert.baseline_version is None:
        return "–"
    rows = f", {alert.n_baseline:,} rows" if alert.n_baseline is not None else ""
    return f"Version {alert.baseline_version}{rows}"


def _feature(feature: AlertFeature, with_picture: bool) -> FeatureView:
    said = [QUALITY[feature.kind]] if feature.kind else []
    if feature.shares is not None:
        said.append(f"{percent(feature.shares.baseline)} → {percent(feature.shares.window)}")
    elif feature.kind is None:
        moved = direction(feature)
        if moved:
            said.append(moved)
    if feature.new_categories:
        said.append("new: " + ", ".join(quoted(value, 30) for value in feature.new_categories[:3]))
    return FeatureView(
        name=feature.name,
        said=", ".join(said),
        score=number(feature.drift_score),
        p_value=probability(feature.p_value),
        test=TESTS.get(feature.test or "", feature.test or ""),
        picture=picture_of(feature) if with_picture else None,
    )


def picture_of(feature: AlertFeature) -> Picture | None:
    """The picture that tells most: the shares of a data-quality finding, otherwise the distribution; None without."""
    if feature.kind is not None:
        if feature.shares is None:
            return None
        return Picture([Bar(QUALITY[feature.kind], feature.shares.baseline, feature.shares.window)], upright=False)
    histogram = feature.histogram
    if histogram is None or not histogram.baseline or len(histogram.baseline) != len(histogram.window):
        return None
    before, now = _shares(histogram.baseline), _shares(histogram.window)
    if histogram.categories is not None and len(histogram.categories) == len(before):
        return _categories(histogram.categories, before, now)
    before, now = merge(before, BINS), merge(now, BINS)
    low, high = _ends(histogram)
    bars = [Bar("", old, new) for old, new in zip(before, now, strict=True)]
    return Picture(bars, upright=True, low=low, high=high)


def _categories(labels: Sequence[str], before: Sequence[float], now: Sequence[float]) -> Picture:
    """The categories that changed most, in the order they came in."""
    changes = [abs(new - old) for old, new in zip(before, now, strict=True)]
    places = sorted(sorted(range(len(labels)), key=lambda place: -changes[place])[:CATEGORIES])
    named = {RARE: "rare ones", NEW: "new ones"}
    bars = [Bar(named.get(labels[place], labels[place]), before[place], now[place]) for place in places]
    return Picture(bars, upright=False)


def _ends(histogram: Histogram) -> tuple[str, str]:
    edges = [edge for edge in histogram.edges or [] if edge is not None and math.isfinite(edge)]
    return (number(edges[0]), number(edges[-1])) if edges else ("", "")


def _shares(values: Sequence[float]) -> list[float]:
    total = sum(values)
    return [value / total if total > 0 else 0.0 for value in values]


def merge(values: Sequence[float], bins: int) -> list[float]:
    """Neighbours added up so that at most `bins` are left, as even in width as they go."""
    count = min(bins, len(values))
    cuts = [round(place * len(values) / count) for place in range(count + 1)]
    return [sum(values[start:end]) for start, end in pairwise(cuts)]


def number(value: float | None) -> str:
    """Three significant digits; a dash for nothing."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if 1000 <= abs(value) < 1e7:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def probability(value: float | None) -> str:
    """A p-value; one too small for a double is not told as nothing."""
    return "under 1e-300" if value == 0 else number(value)


def minute(moment: datetime) -> str:
    """A time as people read it."""
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def duration(time: timedelta) -> str:
    """About how long, in the unit that fits."""
    minutes = max(0, round(time.total_seconds() / 60))
    for size, unit in ((1440, "day"), (60, "hour")):
        if minutes >= 2 * size or (minutes >= size and unit == "hour"):
            count = round(minutes / size)
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{minutes} minute{'s' if minutes != 1 else ''}"


BLOCKS = "▁▂▃▄▅▆▇█"


def blocks(heights: Sequence[float]) -> str:
    """A row of bars in text; an empty place is a blank."""
    return "".join(BLOCKS[min(7, int(height * 7.999))] if height > 0 else " " for height in heights)


def text_picture(picture: Picture) -> list[str]:
    """A picture in lines of a fixed-width font."""
    heights = picture.heights()
    if picture.upright:
        ends = f"  {picture.low} … {picture.high}" if picture.low else ""
        return [
            f"baseline  {blocks([before for before, _ in heights])}{ends}",
            f"window    {blocks([now for _, now in heights])}",
        ]
    lines = []
    for bar, (before, now) in zip(picture.bars, heights, strict=True):
        label = bar.label if len(bar.label) <= 24 else bar.label[:23] + "…"
        lines += [
            label,
            f"  baseline  {'█' * max(round(before * 20), int(before > 0)):<20}  {percent(bar.baseline)}",
            f"  window    {'█' * max(round(now * 20), int(now > 0)):<20}  {percent(bar.window)}",
        ]
    return lines


def example(organization_id: str, now: datetime) -> AlertEvent:
    """The event of a test message: an alert that could be, on a model that is not."""
    start = now - timedelta(days=7)
    alert = {
        "id": "example",
        "model_id": "example",
        "model_name": "example model",
        "alert_type": "data_drift",
        "status": "firing",
        "severity": "MEDIUM",
        "drift_score": 0.168,
        "p_value": 1.3e-112,
        "peak_score": 0.168,
        "detected_at": now,
        "last_detected_at": now,
        "occurrences": 1,
        "preliminary": False,
        "baseline_version": 3,
        "n_baseline": 10_000,
        "n_window": 8_421,
        "window": {"start": start, "end": now},
        "features": [
            {
                "name": "tenure",
                "type": "numeric",
                "test": "ks",
                "drift_score": 0.168,
                "p_value": 1.3e-112,
                "histogram": {
                    "edges": [0, 12, 24, 36, 48, 60, 72],
                    "baseline": [0.10, 0.20, 0.25, 0.20, 0.15, 0.10],
                    "window": [0.22, 0.26, 0.22, 0.15, 0.09, 0.06],
                },
            }
        ],
        "features_total": 1,
        "recommended_actions": ["Nothing: this is what recommended actions will look like."],
    }
    return AlertEvent.model_validate(
        {
            "event_id": f"test-{now:%Y%m%dT%H%M%S.%fZ}",
            "kind": "test",
            "at": now,
            "organization_id": organization_id,
            "model_id": "example",
            "model_name": "example model",
            "severity": "MEDIUM",
            "alert": alert,
        }
    )
