"""Where the values of a feature went, in words."""

from collections.abc import Sequence
from itertools import starmap
from operator import mul, sub

from driftguard.alerts.words import percent, quoted
from driftguard.distributions.categories import NEW, RARE
from driftguard.verdicts.shapes import ReportHistogram

WORDS = {RARE: "the share of rarer values", NEW: "the share of values that the baseline lacks"}
"""What a picture's last two bars are called."""


SHAPE_ONLY = 0.05
"""A mean place that moved by less than this share of the bins is no direction."""


def direction(histogram: ReportHistogram) -> str | None:
    """Where the values went, such as `towards higher values`; None without a picture of both samples."""
    total_before, total_now = sum(histogram["baseline"]), sum(histogram["window"])
    if total_before <= 0 or total_now <= 0:
        return None
    before = [share / total_before for share in histogram["baseline"]]
    now = [share / total_now for share in histogram["window"]]
    if histogram["categories"] is not None:
        return _category_shift(histogram["categories"], before, now)
    higher = sum(starmap(mul, enumerate(map(sub, now, before))))
    if abs(higher) < SHAPE_ONLY * len(before):
        return "its shape changed"
    return "towards higher values" if higher > 0 else "towards lower values"


def _category_shift(categories: Sequence[str], before: Sequence[float], now: Sequence[float]) -> str | None:
    """The category whose share changed most, with both shares."""
    changes = [(abs(new - old), label, old, new) for label, old, new in zip(categories, before, now, strict=True)]
    if not changes:
        return None
    _, label, old, new = max(changes, key=lambda change: change[0])
    verb = "rose" if new > old else "fell"
    return f"{WORDS.get(label) or quoted(label)} {verb} from {percent(old)} to {percent(new)}"
