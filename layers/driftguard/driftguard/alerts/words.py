"""How messages and pages write names, numbers, times and shifts."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from driftguard.alerts.schemas import (
    AlertFeature,
    QualityKind,
)

NAMED = 3
"""Features named in one sentence; the message lists the others."""


def names(features: Sequence[AlertFeature]) -> str:
    """Up to NAMED distinct names in quotes, and how many more there are."""
    distinct = list(dict.fromkeys(feature.name for feature in features))
    shown = [quoted(name) for name in distinct[:NAMED]]
    if len(distinct) > NAMED:
        return f"{', '.join(shown)} and {len(distinct) - NAMED} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def quoted(name: str, longest: int = 60) -> str:
    """A name as a sentence carries it."""
    return f"“{name if len(name) <= longest else name[: longest - 1] + '…'}”"


def percent(share: float) -> str:
    """A share of 0.0778 as `7.8%`; never 0 for what is not nothing."""
    if share == 0:
        return "0%"
    if 0 < share < 0.001:
        return "under 0.1%"
    return f"{100 * share:.1f}%"


QUALITY: dict[QualityKind, str] = {
    "missing": "missing values",
    "new_categories": "new categories",
    "out_of_range": "out of the baseline's range",
    "wrong_type": "of the wrong type",
}

TESTS = {"ks": "Kolmogorov–Smirnov", "chi2": "chi-square", "fisher": "Fisher’s exact"}


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


def shorten(text: str, longest: int = 60) -> str:
    """A text of `longest` characters at the most."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
