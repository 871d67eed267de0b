"""Small bar charts of a feature: bars for HTML, block characters for text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from driftguard.alerts.schemas import AlertFeature, Histogram
from driftguard.alerts.words import QUALITY, one_line, percent, span
from driftguard.distributions.categories import NEW, RARE

BINS = 12
CATEGORIES = 5

FEWER_DIGITS = 3


@dataclass(frozen=True)
class Bar:
    """One bin or category with its share (0 to 1) of the baseline and of the window."""

    label: str
    baseline: float
    window: float


@dataclass(frozen=True)
class Picture:
    """Baseline against window. upright: bins in order, from `low` to `high`. Otherwise one row per category."""

    bars: Sequence[Bar]
    upright: bool
    low: str = ""
    high: str = ""

    def heights(self) -> list[tuple[float, float]]:
        """The heights of the bars, baseline and window, scaled so that the highest is 1."""
        top = max((max(bar.baseline, bar.window) for bar in self.bars), default=0.0) or 1.0
        return [(bar.baseline / top, bar.window / top) for bar in self.bars]


def picture_of(feature: AlertFeature) -> Picture | None:
    """The shares of a data-quality finding, otherwise the distribution. None when the alert has neither."""
    if feature.kind is not None:
        if feature.shares is None:
            return None
        return Picture(
            [Bar(QUALITY[feature.kind], feature.shares["baseline"], feature.shares["window"])], upright=False
        )
    histogram = feature.histogram
    if histogram is None or not histogram["baseline"] or len(histogram["baseline"]) != len(histogram["window"]):
        return None
    before, now = _shares(histogram["baseline"]), _shares(histogram["window"])
    labels = histogram["categories"]
    if labels is not None and len(labels) == len(before):
        return _categories(labels, before, now)
    before, now = merge(before, BINS), merge(now, BINS)
    low, high = _ends(histogram)
    bars = [Bar("", old, new) for old, new in zip(before, now, strict=True)]
    return Picture(bars, upright=True, low=low, high=high)


def _categories(labels: Sequence[str], before: Sequence[float], now: Sequence[float]) -> Picture:
    """The categories that changed most, in their original order."""
    changes = [abs(new - old) for old, new in zip(before, now, strict=True)]
    places = sorted(sorted(range(len(labels)), key=lambda place: -changes[place])[:CATEGORIES])
    named = {RARE: "rare values", NEW: "new values"}
    bars = [Bar(named.get(labels[place]) or one_line(labels[place]), before[place], now[place]) for place in places]
    return Picture(bars, upright=False)


def _ends(histogram: Histogram) -> tuple[str, str]:
    edges = [_without_neighbour(edge) for edge in histogram["edges"] or [] if edge is not None and math.isfinite(edge)]
    return span(edges[0], edges[-1]) if edges else ("", "")


def _without_neighbour(edge: float) -> float:
    """Return the next larger double if it has far fewer digits: bins end right below a value of the baseline."""
    following = math.nextafter(edge, math.inf) + 0.0
    return following if len(repr(following)) + FEWER_DIGITS <= len(repr(edge)) else edge


def _shares(values: Sequence[float]) -> list[float]:
    total = sum(values)
    return [value / total if total > 0 else 0.0 for value in values]


def merge(values: Sequence[float], bins: int) -> list[float]:
    """Sums of neighbouring values, so that at most `bins` of about the same width remain."""
    count = min(bins, len(values))
    cuts = [round(place * len(values) / count) for place in range(count + 1)]
    return [sum(values[start:end]) for start, end in pairwise(cuts)]


BLOCKS = "▁▂▃▄▅▆▇█"


def blocks(heights: Sequence[float]) -> str:
    """A row of bars in text. Height 0 gives a space."""
    return "".join(BLOCKS[min(7, int(height * 7.999))] if height > 0 else " " for height in heights)


def text_picture(picture: Picture) -> list[str]:
    """The picture as lines of text in a fixed-width font."""
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
