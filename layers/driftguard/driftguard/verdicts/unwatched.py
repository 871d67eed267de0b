"""Finds features and predictions that are logged but not in the baseline, so that no test watches them."""

import re
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from functools import lru_cache
from heapq import nlargest

from driftguard.alerts.schemas import AlertFeature
from driftguard.counting.counts import Counts
from driftguard.counting.layout import Layout
from driftguard.distributions.baseline import PREDICTION
from driftguard.models.settings import ModelSettings
from driftguard.verdicts.shapes import Unwatched

GONE = 0.5
"""A feature may have been renamed if its share of missing values rose by at least this much."""

SIMILAR = 0.75
"""Smallest similarity of two names, from 0 to 1, for a suggestion that one is the other."""

COMPARED = 10
"""Names that are compared exactly with a new name."""

SHORTEST = 3
"""Characters that a name must have to count as renamed if the other name contains it."""


def unwatched(layout: Layout, window: Counts) -> list[Unwatched]:
    """Return the names that the baseline lacks, the prediction first and then by descending share of rows."""
    notes, rows = window.notes, max(window.rows, 1)
    found: list[Unwatched] = []
    if notes.predictions:
        share = min(1.0, notes.predictions / rows)
        found.append({"name": PREDICTION, "role": "prediction", "share": share, "renamed_from": None})
    gone = tuple(_gone(layout, window)) if notes.unwatched else ()
    for name, count in sorted(notes.unwatched.items(), key=lambda item: (-item[1], item[0])):
        share = min(1.0, count / rows)
        found.append({"name": name, "role": "feature", "share": share, "renamed_from": _nearest(name, gone)})
    return found


def unexpected(found: list[Unwatched], window: Counts, settings: ModelSettings) -> list[AlertFeature]:
    """Return the names that are worth an alert: those in enough rows to be no accident."""
    if window.rows < settings.min_samples:
        return []
    return [
        AlertFeature(
            name=one["name"],
            role=one["role"],
            kind="unexpected_feature",
            shares={"baseline": 0.0, "window": one["share"]},
            threshold=settings.min_share_change,
            renamed_from=one["renamed_from"],
        )
        for one in found
        if one["share"] >= settings.min_share_change
    ]


def unexpected_reason(features: list[AlertFeature], named: int) -> str:
    """Return a sentence that names what the baseline lacks, and what to do."""
    names = ", ".join(
        f"{feature.name} (was {feature.renamed_from}?)" if feature.renamed_from else feature.name
        for feature in features[:named]
    )
    more = f" and {len(features) - named} more" if len(features) > named else ""
    verb = "is" if len(features) == 1 else "are"
    return f"{names}{more} {verb} logged but not in the baseline. A new baseline would watch them."


def _gone(layout: Layout, window: Counts) -> Iterator[str]:
    """Yield the baseline's features whose values are mostly missing from the window and were not in the baseline."""
    for index, feature in enumerate(layout.features):
        if feature.role == "feature":
            before = feature.missing / max(feature.rows, 1)
            if int(window.missing[index]) / max(window.rows, 1) - before >= GONE:
                yield feature.name


@lru_cache(maxsize=1024)
def _nearest(name: str, gone: tuple[str, ...]) -> str | None:
    """Return the missing feature with the most similar name, or None if none is similar.

    The exact similarity of 500 long names takes seconds. Its upper bound chooses the names that are compared exactly.
    """
    likely = nlargest(COMPARED, gone, key=lambda other: _similarity(name, other, SequenceMatcher.quick_ratio))
    scores = {other: _similarity(name, other, SequenceMatcher.ratio) for other in likely}
    similar = [other for other in likely if scores[other] >= SIMILAR]
    return max(similar, key=scores.__getitem__, default=None)


def _similarity(one: str, other: str, ratio: "Callable[[SequenceMatcher[str]], float]") -> float:
    """Return how similar two names are, from 0 to 1, without regard to case and punctuation."""
    first, second = (re.sub(r"[\W_]+", "", name.casefold()) or name for name in (one, other))
    shorter, longer = sorted((first, second), key=len)
    if len(shorter) >= SHORTEST and (longer.startswith(shorter) or longer.endswith(shorter)):
        return max(SIMILAR, len(shorter) / len(longer))
    return ratio(SequenceMatcher(None, first, second))
