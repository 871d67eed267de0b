"""Says in words how the values of a feature changed in the last hours, or in the first week of a model."""

from driftguard.alerts.changes import Change
from driftguard.alerts.schemas import AlertFeature, QualityKind
from driftguard.alerts.words import number, percent, quoted

HOURS_A_DAY = 24

FLAWED: dict[QualityKind, str] = {
    "missing": "missing",
    "new_categories": "not in the baseline",
    "out_of_range": "outside the baseline's range",
    "wrong_type": "of the wrong type",
    "unexpected_feature": "not in the baseline",
}

WEEKDAY_TIME = "%a %H:%M"


def change_words(feature: AlertFeature) -> str | None:
    """Return sentences such as `“income” changed suddenly around Tue 14:00 UTC.`, or None if the week found it."""
    change = feature.change
    if change is None:
        return None
    name = quoted(feature.name)
    match change.part:
        case "sudden":
            return f"{_onset(name, change)} {_difference(feature, change)} {chance(change)}".strip()
        case "first_week":
            return (
                f"{name} differs from the baseline by {number(feature.drift_score)}, more than daily and weekly cycles "
                f"explain. {age(change)}"
            ).strip()
        case "broken":
            return (
                f"{name} is broken: {percent(feature.drift_score or 0.0)} of its values are unlike those of any hours "
                f"of the baseline. {age(change)}"
            ).strip()
        case "week":
            return None


def _onset(name: str, change: Change) -> str:
    when = f" around {change.onset.strftime(WEEKDAY_TIME)} UTC" if change.onset else ""
    return f"{name} changed suddenly{when}."


def _difference(feature: AlertFeature, change: Change) -> str:
    hours = f"In the last {change.window_hours} hours,"
    if feature.kind is not None and feature.shares is not None:
        return (
            f"{hours} {percent(feature.shares['window'])} of its values are {FLAWED[feature.kind]}. "
            f"Usual at the same hours: {percent(feature.shares['baseline'])}."
        )
    unit = "KS" if feature.type == "numeric" else "total variation"
    return f"{hours} its values differ by {number(feature.drift_score)} ({unit}) {reference(change)}."


def reference(change: Change) -> str:
    """Return what a sudden change was compared with: `from the last 10 working days at the same hours`."""
    if change.reference == "baseline hours":
        return "from the baseline at the same hours of the week"
    count = change.reference_days or 0
    days = "working days" if change.reference == "working days" else "days of the same weekday"
    if count == 1:
        days = days.replace("days", "day", 1)
        return f"from the last {days} at the same hours"
    return f"from the last {count} {days} at the same hours"


def chance(change: Change) -> str:
    """Return how rarely chance makes a change this strong, or an empty text if that is not known."""
    if change.surprise is None or change.surprise >= 1:
        return ""
    months = 1 / max(change.surprise, 1e-6)
    rounded = 10 ** (len(str(int(months))) - 1)
    return f"Chance alone does this less than once in {rounded:,} months." if rounded > 1 else ""


def age(change: Change) -> str:
    """Return how old a new model is, or an empty text if that is not known."""
    if change.model_hours is None:
        return ""
    days = change.model_hours // HOURS_A_DAY
    count, unit = (days, "day") if days else (change.model_hours, "hour")
    return f"The model is {count} {unit}{'' if count == 1 else 's'} old."
