"""Small drawings of distributions and scores as inline SVG. Colours are classes, so that the page can be dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import Any

from driftguard_engine.alerts.words import one_line, percent, shorten, span

WIDTH, HEIGHT = 300, 84
MOST_BARS = 6
LABEL_LENGTH = 18
BAR = 22
LABELS = {"__rare__": "rare values", "__new__": "new values"}


def histogram(feature: dict[str, Any]) -> str:
    """Return the baseline and the window of one feature as SVG; nothing if there is nothing to draw."""
    drawn = feature["histogram"]
    if drawn["categories"]:
        return _categories(drawn["categories"], drawn["baseline"], drawn["window"])
    edges = [edge for edge in drawn["edges"] or () if edge is not None and math.isfinite(edge)]
    if len(edges) < 2 or len(edges) != len(drawn["baseline"]) + 1:
        return ""
    return _numbers(edges, drawn["baseline"], drawn["window"])


def _numbers(edges: Sequence[float], baseline: Sequence[float], window: Sequence[float]) -> str:
    low, high = edges[0], edges[-1]
    # Halves, because the difference of two doubles may overflow.
    width = high / 2 - low / 2
    if not 0 < width < math.inf:
        return ""
    places = [WIDTH * ((edge / 2 - low / 2) / width) for edge in edges]
    steps = [after - before for before, after in pairwise(places)]
    even = max(steps) < 1.01 * min(steps)
    heights = [
        [share if even else share / max(step, 1e-9) for share, step in zip(shares, steps, strict=True)]
        for shares in (baseline, window)
    ]
    top = max(max(one) for one in heights) or 1.0
    first, second = (_outline(places, one, top) for one in heights)
    ends = span(low, high)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 16}" role="img" aria-label="Baseline in grey, window as a line, from '
        f'{escape(ends[0])} to {escape(ends[1])}"><path class="b" d="{first}"/><path class="w" d="{second}"/>'
        f'<text x="0" y="{HEIGHT + 13}">{escape(ends[0])}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT + 13}" text-anchor="end">{escape(ends[1])}</text></svg>'
    )


def _outline(places: Sequence[float], heights: Sequence[float], top: float) -> str:
    """Return the path of a step function over the axis."""
    path = [f"M0 {HEIGHT}"]
    for place, height in zip(places[1:], heights, strict=True):
        path.append(f"V{_short(HEIGHT - (HEIGHT - 4) * height / top)}H{_short(place)}")
    return f"{''.join(path)}V{HEIGHT}"


def _categories(names: Sequence[str], baseline: Sequence[float], window: Sequence[float]) -> str:
    most = sorted(range(len(names)), key=lambda place: -abs(window[place] - baseline[place]))[:MOST_BARS]
    top = max(max(baseline[place], window[place]) for place in most) or 1.0
    left, right = 112, 76
    room = WIDTH - left - right
    rows = []
    for line, place in enumerate(sorted(most)):
        y = line * BAR
        name = LABELS.get(names[place], one_line(names[place]))
        shares = f"{percent(baseline[place])} → {percent(window[place])}"
        rows.append(
            f'<text x="0" y="{y + 13}">{escape(shorten(name, LABEL_LENGTH))}</text>'
            f'<rect class="b" x="{left}" y="{y + 2}" width="{_short(room * baseline[place] / top)}" height="7"/>'
            f'<rect class="n" x="{left}" y="{y + 10}" width="{_short(room * window[place] / top)}" height="7"/>'
            f'<text x="{WIDTH}" y="{y + 13}" text-anchor="end">{escape(shares)}</text>'
        )
    label = "Shares of the categories that changed most, baseline above window"
    return f'<svg viewBox="0 0 {WIDTH} {BAR * len(rows)}" role="img" aria-label="{label}">{"".join(rows)}</svg>'


def score_bar(score: float | None, limit: float | None) -> str:
    """Return a score from 0 to 1 as a bar, with a mark at its limit."""
    if score is None:
        return ""
    mark = f'<path d="M{_short(60 * min(limit, 1))} 0v8"/>' if limit is not None else ""
    return f'<svg class="s" viewBox="0 0 60 8"><rect width="{_short(60 * min(score, 1))}" height="8"/>{mark}</svg>'


def _short(number: float) -> str:
    return f"{number:.1f}".rstrip("0").rstrip(".")
