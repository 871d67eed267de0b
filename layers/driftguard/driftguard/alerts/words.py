"""Formats names, numbers, times and durations for messages and pages."""

import math
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta

from driftguard.alerts.schemas import AlertFeature, QualityKind, WrongType
from driftguard.distributions.baseline import FeatureType

NAMED = 3
"""Maximum number of features named in one sentence."""

LONGEST = 1e15
"""From here on numbers are shown with an exponent. Doubles cannot hold all digits of larger integers."""

SMALLEST = 1e-4
"""Below this size numbers are shown with an exponent."""

MOST_DIGITS = 15
"""Significant digits that every double has."""


def names(features: Sequence[AlertFeature]) -> str:
    """Return up to NAMED distinct names in quotes, and the number of further names."""
    distinct = list(dict.fromkeys(feature.name for feature in features))
    shown = [quoted(name) for name in distinct[:NAMED]]
    if len(distinct) > NAMED:
        return f"{', '.join(shown)} and {len(distinct) - NAMED} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


JOINERS = "\u200c\u200d"
"""Invisible characters that some scripts and emojis need. They change neither the order nor the lines of a text."""

INVISIBLE = ("Cc", "Cf", "Zl", "Zp", "Cs")
"""Unicode categories of characters that break lines, change the order of a text, or cannot be seen."""


def one_line(text: str) -> str:
    """Return the text on one line, with invisible characters shown.

    Logged values and names come from outside. A line break in such a value could imitate a line of the message.
    """
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isprintable() or character in JOINERS:
        return character
    if unicodedata.category(character) not in INVISIBLE:
        return character
    code = ord(character)
    if character in "\n\x0b\x0c\r\x85\u2028\u2029":
        return "⏎"
    if code < 0x20:
        return chr(0x2400 + code)
    return f"\\u{code:04x}"


def quoted(name: str, longest: int = 60) -> str:
    """Return a name in quotes, on one line and cut to `longest` characters."""
    return f"“{shorten(one_line(name), longest)}”"


def percent(share: float) -> str:
    """Return a share as a percentage: `7.8%` for 0.0778. A share above 0 is never shown as `0%`."""
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
    "unexpected_feature": "not in the baseline",
}

TYPES: dict[FeatureType, str] = {"numeric": "numbers", "categorical": "texts", "boolean": "booleans"}
"""The values of a feature's type, in the plural."""

TESTS = {"ks": "Kolmogorov–Smirnov", "chi2": "chi-square", "fisher": "Fisher’s exact"}


def number(value: float | None) -> str:
    """Return a number with three significant digits, or a dash for None."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if 1000 <= abs(value) < 1e7:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def exact(value: float) -> str:
    """Return a number with all digits of an integer, and otherwise with at most six significant digits."""
    if value.is_integer() and abs(value) < LONGEST:
        return f"{value + 0.0:,.0f}"  # The sum turns -0.0 into 0.0.
    return number(value) if abs(value) >= LONGEST else _plain(value, 6)


def span(low: float, high: float) -> tuple[str, str]:
    """Return both ends of a range, with the same precision and with enough digits to tell them apart.

    The error of a shown end is below 1% of the range.
    """
    width = high - low
    largest = max(abs(low), abs(high))
    if not 0 < width < math.inf or largest >= LONGEST:
        return number(low), number(high)
    digits = 3
    while digits < MOST_DIGITS and 10.0 ** (math.floor(math.log10(largest)) + 1 - digits) > width / 50:
        digits += 1
    return _plain(low, digits, largest), _plain(high, digits, largest)


def _plain(value: float, digits: int, largest: float | None = None) -> str:
    """Return a number with as many decimals as `largest`, or the number itself, needs for so many digits."""
    size = abs(value) if largest is None else largest
    if size < SMALLEST:
        return f"{value:.{digits}g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(size)))
    text = f"{value:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def type_change(change: WrongType) -> str:
    """Return which type the baseline has and which values came, such as `numbers in the baseline, texts now`."""
    now = TYPES[change.type]
    example = f" such as {quoted(change.example, 30)}" if change.example is not None else ""
    expected = f"{TYPES[change.expected]} in the baseline, " if change.expected else ""
    return f"{expected}{now}{example} now"


def probability(value: float | None) -> str:
    """Return a p-value as text. A p-value too small for a double is shown as `under 1e-300`, not as 0."""
    return "under 1e-300" if value == 0 else number(value)


def minute(moment: datetime) -> str:
    """Return a time as `2026-11-06 07:26 UTC`."""
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def duration(time: timedelta) -> str:
    """Return a duration rounded to minutes, hours or days."""
    minutes = max(0, round(time.total_seconds() / 60))
    for size, unit in ((1440, "day"), (60, "hour")):
        if minutes >= 2 * size or (minutes >= size and unit == "hour"):
            count = round(minutes / size)
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{minutes} minute{'s' if minutes != 1 else ''}"


def shorten(text: str, longest: int = 60) -> str:
    """Return the text cut to at most `longest` characters."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
