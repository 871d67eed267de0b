"""Builds the report of a check and the sentence that gives its reason."""

from collections.abc import Iterable, Mapping, Sequence

from driftguard.alerts.change_words import change_words
from driftguard.alerts.findings import Occasion
from driftguard.alerts.schemas import AlertFeature, QualityKind, WrongType
from driftguard.alerts.words import type_change
from driftguard.counting.profiles import HOURS
from driftguard.distributions.baseline import key_of
from driftguard.models.schemas import State
from driftguard.platform.times import iso
from driftguard.verdicts.quality import QualityTest
from driftguard.verdicts.shapes import Report, ReportFeature, Unwatched

NAMED = 3
"""Maximum number of features named in a reason."""

GREW: dict[QualityKind, str] = {
    "missing": "missing values",
    "new_categories": "values in new categories",
    "out_of_range": "values outside the baseline's range",
    "wrong_type": "values of the wrong type",
    "unexpected_feature": "values that the baseline lacks",
}


def report_of(
    occasion: Occasion,
    status: State,
    reason: str | None,
    features: Sequence[ReportFeature] = (),
    unwatched: Sequence[Unwatched] = (),
    *,
    unwatched_more: int = 0,
    notes: Sequence[str] = (),
    drift_score: float | None = None,
    p_value: float | None = None,
) -> Report:
    """Return the report of a check. A skipped check has no features."""
    return {
        "model_id": occasion.model_id,
        "checked_at": iso(occasion.now),
        "status": status,
        "reason": reason,
        "preliminary": occasion.preliminary,
        "drift_score": drift_score,
        "p_value": p_value,
        "drifted_features": [key_of(row["name"], row["role"]) for row in features if row["drifted"]],
        "baseline_version": occasion.baseline_version,
        "window": {"start": iso(occasion.window.start), "end": iso(occasion.window.end)},
        "n_baseline": occasion.n_baseline,
        "n_window": occasion.n_window,
        "features": list(features),
        "histograms_left_out": 0,
        "unwatched": list(unwatched),
        "unwatched_more": unwatched_more,
        "notes": list(notes),
        "reference": None,
    }


def drift_reason(drifted: Sequence[AlertFeature], tested: int) -> str:
    """Return a sentence that names the drifted features, the largest score first, and how the first one changed.

    tested: the number of features in the report.
    """
    drifted = sorted(drifted, key=lambda feature: -(feature.drift_score or 0.0))
    named = _scored([(key_of(one.name, one.role), one.drift_score) for one in drifted])
    how = change_words(drifted[0])
    return f"{len(drifted)} of {tested} features drifted: {named}.{f' {how}' if how else ''}"


def _scored(features: Sequence[tuple[str, float | None]]) -> str:
    """Return the first features with their scores, and how many more there are."""
    named = ", ".join(f"{name} ({score:.3g})" for name, score in features[:NAMED])
    return named + (f" and {len(features) - NAMED} more" if len(features) > NAMED else "")


def early_reason(above: Sequence[ReportFeature], model_hours: int | None, window_days: int) -> str | None:
    """Return why features above their limits raise no alert before the rows cover a window; None if none is above.

    above: features whose whole window differs from the baseline by more than the limit. model_hours: since the first
    row, None if that is unknown.
    """
    if not above:
        return None
    above = sorted(above, key=lambda row: -(row["drift_score"] or 0.0))
    named = _scored([(key_of(row["name"], row["role"]), row["drift_score"]) for row in above])
    has = "" if model_hours is None else f", and have {model_hours / HOURS:.1f}"
    return (
        f"Above the limit, but not judged yet: {named}. The rows must cover {window_days} days{has}. "
        "Until then, daily and weekly cycles can look like this."
    )


def quality_reason(rows: Mapping[int, ReportFeature], quality: Iterable[QualityTest]) -> str:
    """Return a sentence that names the shares that grew, the largest increase first."""
    fired = sorted((test for test in quality if test.fired), key=lambda test: -test.score)
    named = "; ".join(_grew(rows[test.index], test) for test in fired[:NAMED])
    more = f"; and {len(fired) - NAMED} more" if len(fired) > NAMED else ""
    return f"{named}{more}."


def _grew(row: ReportFeature, test: QualityTest) -> str:
    name = key_of(row["name"], row["role"])
    usual = "expected by chance" if test.kind == "new_categories" else "in the baseline"
    lately = ""
    if test.hours is not None:
        usual, lately = "usual at the same hours", f" in the last {test.hours} hours"
    grew = f"{name} has {test.window:.1%} {GREW[test.kind]}{lately} ({test.baseline:.1%} {usual}"
    if test.kind == "wrong_type" and row["type_change"]:
        return f"{grew}; {type_change(WrongType.model_validate(row['type_change']))})"
    return f"{grew})"
