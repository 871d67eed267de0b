"""Describes in words how the values of a feature shifted, and where baseline and window differ most."""

from collections.abc import Callable, Sequence

import numpy as np

from driftguard.alerts.schemas import Place
from driftguard.alerts.words import exact, percent, quoted
from driftguard.statistics.arrays import Floats, Ints

ONE_SIDED = 3
"""A shift has a direction if one distribution function is above the other by this many times the opposite distance."""

OTHERS = "the share of rare values"


def direction_of_numbers(baseline: Floats, window: Floats) -> str | None:
    """Return the direction of a shift, such as `towards higher values`, or None if one of the samples is empty.

    baseline, window: the distribution functions at the upper ends of the bins.
    """
    if not len(baseline) or baseline[-1] <= 0 or window[-1] <= 0:
        return None
    higher, lower = float((baseline - window).max()), float((window - baseline).max())
    if higher > ONE_SIDED * lower:
        return "towards higher values"
    return "towards lower values" if lower > ONE_SIDED * higher else "the shape changed"


def direction_of_categories(names: Sequence[str], baseline: Floats, window: Floats, *, new: bool) -> str | None:
    """Return the category whose share changed most, with both shares, or None if one of the samples is empty.

    baseline, window: the shares of the named categories, followed by those of all others.
    new: whether the last share belongs to values that the baseline does not contain.
    """
    if baseline.sum() <= 0 or window.sum() <= 0:
        return None
    labels = [quoted(name) for name in names]
    rest = len(baseline) - len(names)
    before, now = (_with_others(shares, len(names), apart=new and rest > 0) for shares in (baseline, window))
    labels += [OTHERS, "the share of values not in the baseline"]
    most = int(np.argmax(np.abs(now - before)))
    verb = "rose" if now[most] > before[most] else "fell"
    return f"{labels[most]} {verb} from {percent(before[most])} to {percent(now[most])}"


def _with_others(shares: Floats, named: int, *, apart: bool) -> Floats:
    """Return the shares of the named categories, of all other known values, and of new values."""
    last = shares[-1] if apart else 0.0
    return np.concatenate([shares[:named], [shares[named:].sum() - last, last]])


def place_of_d(
    highs: Floats, counts: Ints, baseline: Floats, window: Floats, *, greatest: float, whole: Callable[[], bool]
) -> Place | None:
    """Return the value where the distribution functions differ most, or None if they are equal.

    highs: the upper ends of the bins. counts: the baseline's values in each bin. greatest: the window's maximum.
    whole: tells whether all values are whole numbers.
    """
    gaps = np.abs(baseline - window)
    place = int(np.argmax(gaps))
    if gaps[place] <= 0 or not np.isfinite(highs[place]):
        return None
    value = float(highs[place])
    following = float(np.nextafter(value, np.inf))
    words = f"{exact(value)} or less"
    if counts[place] == 0:
        # The bin ends right below a value of the baseline. No value lies between its last value and its end.
        if greatest <= value:
            value = greatest
            words = f"{exact(value)} or less"
        elif whole():
            value = float(np.floor(value))
            words = f"{exact(value)} or less"
        elif place + 1 < len(highs) and highs[place + 1] == following:
            words = f"less than {exact(following)}"
    return {
        "value": value,
        "baseline": float(baseline[place]),
        "window": float(window[place]),
        "words": words,
    }
