"""Builds the JSON report of a check, its reason text, and the features of alerts."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from driftguard.alerts.findings import Occasion
from driftguard.alerts.schemas import AlertFeature, Histogram, QualityKind, Shares
from driftguard.counting.counts import KINDS, Counts
from driftguard.counting.layout import Layout
from driftguard.distributions.categories import NEW, RARE, Categories
from driftguard.distributions.numbers import Numbers
from driftguard.models.schemas import State
from driftguard.platform.times import iso
from driftguard.statistics import pictures
from driftguard.statistics.arrays import Floats
from driftguard.verdicts.directions import direction
from driftguard.verdicts.drift import DriftTests
from driftguard.verdicts.quality import QualityTest
from driftguard.verdicts.rules import Rules
from driftguard.verdicts.shapes import (
    FeatureType,
    MeanPair,
    RangePair,
    Report,
    ReportFeature,
    ReportHistogram,
    TypeChange,
)

TYPE_OF_KIND: dict[str, FeatureType] = {"number": "numeric", "string": "categorical", "boolean": "boolean"}

NAMED = 3
"""Maximum number of features named in a reason."""

GREW: dict[QualityKind, str] = {
    "missing": "missing values",
    "new_categories": "values in new categories",
    "out_of_range": "values outside the baseline's range",
    "wrong_type": "values of the wrong type",
}


def report_of(
    occasion: Occasion,
    status: State,
    reason: str | None,
    features: Sequence[ReportFeature] = (),
    *,
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
        "drifted_features": [row["name"] for row in features if row["drifted"]],
        "baseline_version": occasion.baseline_version,
        "window": {"start": iso(occasion.window.start), "end": iso(occasion.window.end)},
        "n_baseline": occasion.n_baseline,
        "n_window": occasion.n_window,
        "features": list(features),
        "histograms_left_out": 0,
    }


def feature_rows(
    layout: Layout, window: Counts, rules: Rules, tests: DriftTests, quality: Sequence[QualityTest]
) -> dict[int, ReportFeature]:
    """Return the report's entry of each enabled feature by index, without NaN or infinity."""
    grown: dict[int, list[QualityTest]] = {}
    for test in quality:
        grown.setdefault(test.index, []).append(test)
    shown = np.flatnonzero(rules.enabled).tolist()
    drawn = _pictures(layout, window, tests, shown)
    return {index: _row(layout, window, tests, index, drawn[index], grown.get(index, ())) for index in shown}


def _row(
    layout: Layout,
    window: Counts,
    tests: DriftTests,
    index: int,
    picture: ReportHistogram,
    quality: Sequence[QualityTest],
) -> ReportFeature:
    feature = layout.features[index]
    numeric = feature.type == "numeric"
    testable, fired = bool(tests.testable[index]), bool(tests.fired[index])
    rows = int(tests.n[index] + window.missing[index] + window.invalid[index].sum())
    numbers = feature.values if isinstance(feature.values, Numbers) else None
    return {
        "name": feature.name,
        "role": feature.role,
        "type": feature.type,
        "test": "ks" if numeric else "chi2",
        "status": ("drift" if fired else "ok") if testable else "insufficient_data",
        "drift_score": float(tests.score[index]) if testable else None,
        "score_error_bound": (float(tests.error_bound[index]) if numeric else 0.0) if testable else None,
        "p_value": float(tests.p_value[index]) if testable else None,
        "threshold": _finite(tests.threshold[index]),
        "p_threshold": _finite(tests.p_threshold[index]),
        "min_detectable_score": None if testable else float(tests.detectable[index]),
        "rho": float(tests.rho[index]),
        "drifted": fired,
        "direction": direction(picture),
        "n_baseline": int(tests.m[index]),
        "n_window": int(tests.n[index]),
        "missing": {
            "baseline": feature.missing / max(feature.rows, 1),
            "window": int(window.missing[index]) / max(rows, 1),
        },
        "psi": _finite(tests.psi[index]) if tests.n[index] and tests.m[index] else None,
        "wasserstein": _finite(tests.wasserstein[index]),
        "mean": _means(numbers, feature.present, window, index) if numbers else None,
        "range": _ranges(numbers, window, index) if numbers else None,
        "new_categories": [] if numbers else list(window.recent.get(index, ())),
        "histogram": picture,
        "data_quality": [
            {
                "kind": test.kind,
                "baseline": test.baseline,
                "window": test.window,
                "drift_score": test.score,
                "p_value": test.p_value,
                "p_threshold": test.p_threshold,
                "fired": test.fired,
            }
            for test in quality
        ],
        "type_change": _type_change(window, index, quality),
    }


def _means(numbers: Numbers, present: int, window: Counts, index: int) -> MeanPair:
    return {
        "baseline": _mean(numbers.total, present),
        "window": _mean(window.total[index], int(window.present[index])),
    }


def _ranges(numbers: Numbers, window: Counts, index: int) -> RangePair:
    return {
        "baseline": _extremes(numbers.quantiles),
        "window": _extremes([window.least[index], window.greatest[index]]),
    }


def alert_feature(row: ReportFeature, quality: QualityTest | None = None) -> AlertFeature:
    """Return a feature for an alert, with the result of the data-quality test if given, else of the drift test."""
    feature = AlertFeature(
        name=row["name"],
        role=row["role"],
        type=row["type"],
        test=row["test"],
        drift_score=row["drift_score"],
        p_value=row["p_value"],
        threshold=row["threshold"],
        drifted=row["drifted"],
        direction=row["direction"],
        missing=Shares.model_validate(row["missing"]),
        histogram=Histogram.model_validate(row["histogram"]),
        new_categories=row["new_categories"],
    )
    if quality is None:
        return feature
    tested = {
        "test": "fisher",
        "drift_score": quality.score,
        "p_value": quality.p_value,
        "threshold": None,
        "drifted": quality.fired,
        "kind": quality.kind,
        "shares": Shares(baseline=quality.baseline, window=quality.window),
    }
    return feature.model_copy(update=tested)


def drift_reason(rows: Iterable[ReportFeature]) -> str:
    """Return a sentence that names the drifted features, the largest score first."""
    rows = list(rows)
    drifted = sorted((row for row in rows if row["drifted"]), key=lambda row: -(row["drift_score"] or 0.0))
    named = ", ".join(f"{row['name']} ({row['drift_score']:.3g})" for row in drifted[:NAMED])
    more = f" and {len(drifted) - NAMED} more" if len(drifted) > NAMED else ""
    return f"{len(drifted)} of {len(rows)} features drifted: {named}{more}."


def quality_reason(layout: Layout, quality: Iterable[QualityTest]) -> str:
    """Return a sentence that names the shares that grew, the largest increase first."""
    fired = sorted((test for test in quality if test.fired), key=lambda test: -test.score)
    named = "; ".join(
        f"{layout.features[test.index].name} has {test.window:.1%} {GREW[test.kind]} "
        f"({test.baseline:.1%} in the baseline)"
        for test in fired[:NAMED]
    )
    more = f"; and {len(fired) - NAMED} more" if len(fired) > NAMED else ""
    return f"{named}{more}."


def _pictures(layout: Layout, window: Counts, tests: DriftTests, features: Sequence[int]) -> dict[int, ReportHistogram]:
    """Return the histograms of the given features by index."""
    found = {index: _bars(layout, tests, index) for index in features if index in layout.categories}
    numeric = [index for index in features if index in layout.numbers and len(layout.numbers[index].values)]
    spans = [np.arange(layout.starts[index], layout.starts[index] + layout.sizes[index]) for index in numeric]
    places = np.concatenate([np.zeros(0, np.int64), *spans])
    drawn = pictures.histograms(
        [layout.numbers[index].values for index in numeric],
        tests.baseline_cdf[places],
        tests.window_cdf[places],
        least=window.least[numeric],
        greatest=window.greatest[numeric],
        values=[_distinct(layout, index) for index in numeric],
    )
    for index, (ends, first, second) in zip(numeric, drawn, strict=True):
        found[index] = {"edges": ends, "categories": None, "baseline": first, "window": second}
    nothing: ReportHistogram = {"edges": [], "categories": None, "baseline": [], "window": []}
    return {index: found.get(index, nothing) for index in features}


def _distinct(layout: Layout, index: int) -> Floats | None:
    values = layout.features[index].values
    return np.asarray(values.cuts) if isinstance(values, Numbers) and all(values.own) else None


def _bars(layout: Layout, tests: DriftTests, index: int) -> ReportHistogram:
    span = layout.span(index)
    values = layout.features[index].values
    names = values.names if isinstance(values, Categories) else ()
    shown, first, second = pictures.bars(tests.baseline_shares[span], tests.window_shares[span], len(names))
    labels = [*names[:shown], RARE, NEW]
    # The bars for rare and new values are left out if both samples have no such values.
    kept = [k for k in range(len(labels)) if k < shown or first[k] or second[k]]
    return {
        "edges": None,
        "categories": [labels[k] for k in kept],
        "baseline": [first[k] for k in kept],
        "window": [second[k] for k in kept],
    }


def _type_change(window: Counts, index: int, quality: Iterable[QualityTest]) -> TypeChange | None:
    """Return the most common type of the values with a wrong type, or None if their share did not grow."""
    for test in quality:
        if test.kind == "wrong_type" and test.fired:
            kind = KINDS[int(window.invalid[index].argmax())]
            return {"type": TYPE_OF_KIND[kind], "share": test.window}
    return None


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _mean(total: float, count: int) -> float | None:
    return _finite(total / count) if count else None


def _extremes(values: Sequence[float]) -> list[float] | None:
    if not len(values) or not math.isfinite(values[0]):
        return None
    return [float(values[0]), float(values[-1])]
