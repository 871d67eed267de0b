"""Describes one feature: its entry in the report, and its entry in an alert."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from driftguard.alerts.changes import Change
from driftguard.alerts.schemas import AlertFeature, Histogram, Place, WrongType
from driftguard.counting.counts import KINDS, Counts
from driftguard.counting.layout import Layout
from driftguard.counting.profiles import HOURS
from driftguard.distributions.baseline import FeatureType
from driftguard.distributions.categories import Categories
from driftguard.distributions.numbers import Numbers
from driftguard.platform.times import hour_start, iso
from driftguard.statistics.arrays import Floats
from driftguard.verdicts.directions import direction_of_categories, direction_of_numbers, place_of_d
from driftguard.verdicts.drift import DriftTests
from driftguard.verdicts.histograms import category_shares, histograms, of_groups
from driftguard.verdicts.parts import PARTS
from driftguard.verdicts.quality import QualityTest
from driftguard.verdicts.rules import Rules
from driftguard.verdicts.shapes import (
    MeanPair,
    RangePair,
    ReportFeature,
    Sudden,
    TestName,
    TypeChange,
)
from driftguard.verdicts.sudden import REFERENCES
from driftguard.verdicts.testing import Tests

TYPE_OF_KIND: dict[str, FeatureType] = {"number": "numeric", "string": "categorical", "boolean": "boolean"}


def feature_rows(
    layout: Layout,
    window: Counts,
    rules: Rules,
    tests: Tests,
    min_change: float,
) -> dict[int, ReportFeature]:
    """Return the report's entry of each enabled feature by index, without NaN or infinity.

    min_change: the smallest rise of a share that a data-quality test reports.
    """
    grown: dict[int, list[QualityTest]] = {}
    for test in tests.quality:
        grown.setdefault(test.index, []).append(test)
    shown = np.flatnonzero(rules.enabled).tolist()
    drawn = histograms(layout, window, tests.week, shown)
    return {
        index: _row(layout, window, tests, index, drawn[index], grown.get(index, ()), min_change) for index in shown
    }


def _row(
    layout: Layout,
    window: Counts,
    found: Tests,
    index: int,
    picture: Histogram,
    quality: Sequence[QualityTest],
    min_change: float,
) -> ReportFeature:
    feature = layout.features[index]
    tests = found.week
    testable, fired = bool(tests.testable[index]), bool(found.combined.fired[index])
    rows = int(tests.n[index] + window.missing[index] + window.invalid[index].sum())
    numbers = feature.values if isinstance(feature.values, Numbers) else None
    return {
        "name": feature.name,
        "role": feature.role,
        "type": feature.type,
        "test": name_of_test(layout, tests, index),
        "status": "drift" if fired else "ok" if testable else "insufficient_data",
        "drift_score": float(tests.score[index]) if testable else None,
        "score_error_bound": float(tests.error_bound[index]) if testable else None,
        "expected_by_chance": finite(tests.expected_by_chance[index]),
        "p_value": float(tests.p_value[index]) if testable else None,
        "threshold": finite(tests.threshold[index]),
        "p_threshold": finite(tests.p_threshold[index]),
        "min_detectable_score": None if testable else float(tests.detectable[index]),
        "rho": float(tests.rho[index]),
        "drifted": fired,
        "part": PARTS[found.combined.part[index]] if found.combined.part[index] >= 0 else None,
        "sudden": _sudden(found, index),
        "matched": _matched(layout, found, index),
        "window_start": _window_start(found, index),
        "direction": direction_of(layout, window, tests, index),
        "at": _place(layout, window, tests, index),
        "n_baseline": int(tests.m[index]),
        "n_window": int(tests.n[index]),
        "missing": {
            "baseline": feature.missing / max(feature.rows, 1),
            "window": int(window.missing[index]) / max(rows, 1),
        },
        "psi": finite(tests.psi[index]) if tests.n[index] and tests.m[index] else None,
        "wasserstein": finite(tests.wasserstein[index]),
        "wasserstein_error_bound": _rounded_up(finite(tests.wasserstein_error[index])),
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
                "threshold": min_change,
                "p_threshold": test.p_threshold,
                "fired": test.fired,
                "hours": test.hours,
                "surprise": _short(test.surprise),
            }
            for test in quality
        ],
        "type_change": _type_change(feature.type, window, index, quality),
    }


def name_of_test(layout: Layout, tests: DriftTests, index: int) -> TestName:
    """Return the test of a feature."""
    if tests.by_distance[index]:
        return "ks"
    return "fisher" if layout.numeric[index] else "chi2"


def _means(numbers: Numbers, present: int, window: Counts, index: int) -> MeanPair:
    return {
        "baseline": _mean(numbers.total, present),
        "window": mean_of(window, index),
    }


def _ranges(numbers: Numbers, window: Counts, index: int) -> RangePair:
    return {
        "baseline": _extremes(numbers.quantiles),
        "window": _extremes([window.least[index], window.greatest[index]]),
    }


def alert_feature(
    tests: Tests, index: int, row: ReportFeature, quality: QualityTest | None = None, min_change: float = 0.0
) -> AlertFeature:
    """Return a feature for an alert, with the result of the data-quality test if given, else of the drift test."""
    feature = AlertFeature(
        name=row["name"],
        role=row["role"],
        type=row["type"],
        test=row["test"],
        drift_score=row["drift_score"],
        p_value=row["p_value"],
        threshold=row["threshold"],
        p_threshold=row["p_threshold"],
        drifted=row["drifted"],
        direction=row["direction"],
        at=row["at"],
        missing=row["missing"],
        histogram=row["histogram"],
        new_categories=row["new_categories"],
    )
    if quality is None:
        change = _change(tests, index)
        if change is None:
            return feature
        own = {
            "test": None,
            "drift_score": float(tests.combined.score[index]),
            "p_value": None,
            "threshold": float(tests.combined.limit[index]),
            "p_threshold": None,
            "change": change,
            # Place and direction are those of the whole window, which a change of some hours may not have moved yet.
            "at": None,
            "direction": None if change.part == "sudden" else feature.direction,
        }
        return feature.model_copy(update=own)
    tested: dict[str, Any] = {
        "test": "fisher" if quality.hours is None else None,
        "drift_score": quality.score,
        "p_value": quality.p_value,
        "threshold": min_change,
        "p_threshold": quality.p_threshold,
        "drifted": quality.fired,
        "at": None,
        "kind": quality.kind,
        "shares": {"baseline": quality.baseline, "window": quality.window},
        "change": _quality_change(tests, index, quality),
    }
    if quality.kind == "wrong_type" and row["type_change"]:
        tested["type_change"] = WrongType.model_validate(row["type_change"])
    return feature.model_copy(update=tested)


def onset_of(tests: Tests, index: int) -> int:
    """Return the hour since 1970 in which the window begins that found the change of a feature.

    The week's window says little about the onset of a change, so the running hour stands for it.
    """
    part = PARTS[tests.combined.part[index]]
    if part == "sudden" and tests.sudden is not None:
        return int(tests.sudden.onset[index])
    return tests.now_hour if part == "week" else tests.now_hour + 1 - int(tests.combined.hours[index])


def _change(tests: Tests, index: int) -> Change | None:
    """Return how the values of a feature changed, or None if the week part decides."""
    part = PARTS[tests.combined.part[index]]
    hours = int(tests.combined.hours[index])
    if part == "week":
        return None
    if part == "sudden" and tests.sudden is not None:
        return Change(
            part=part,
            window_hours=hours,
            onset=hour_start(int(tests.sudden.onset[index])),
            reference=REFERENCES[int(tests.sudden.reference[index])],
            reference_days=int(tests.sudden.reference_days[index]),
            surprise=_short(tests.sudden.surprise[index]),
        )
    return Change(part=part, window_hours=hours, model_hours=tests.model_hours)


def _quality_change(tests: Tests, index: int, quality: QualityTest) -> Change | None:
    if quality.hours is None or tests.sudden is None:
        return None
    return Change(
        part="sudden",
        window_hours=quality.hours,
        onset=hour_start(tests.now_hour + 1 - quality.hours),
        reference=REFERENCES[int(tests.sudden.reference[index])],
        reference_days=int(tests.sudden.reference_days[index]),
        surprise=_short(quality.surprise),
    )


def _sudden(tests: Tests, index: int) -> Sudden | None:
    """Return the comparison with the feature's own past, in numbers of three digits, since storing costs."""
    found = tests.sudden
    if found is None or not tests.with_past[index]:
        return None
    taken, learning = bool(tests.standing.taken[index]), bool(found.learning[index])
    judged = math.isfinite(found.surprise[index])
    part = tests.combined.part[index]
    fired = part >= 0 and PARTS[part] == "sudden"
    return {
        "from": iso(hour_start(int(found.since[index]))),
        "state": "taken" if taken else "learning" if learning else "watching",
        "score": None if learning else _short(found.score[index]),
        "onset": iso(hour_start(int(found.onset[index]))) if fired else None,
        "window_hours": int(found.window_hours[index]) if judged else None,
        "reference": None if learning else REFERENCES[int(found.reference[index])],
        "reference_days": int(found.reference_days[index]),
        "surprise": _short(found.surprise[index]) if judged else None,
        "min_detectable": _short(found.min_detectable[index]),
    }


def _matched(layout: Layout, tests: Tests, index: int) -> Histogram | None:
    """Return the hours that decide beside the same hours of the past; None if another part decides."""
    part = tests.combined.part[index]
    if tests.sudden is None or part < 0 or PARTS[part] != "sudden":
        return None
    shares = tests.sudden.matched.get(index)
    return None if shares is None else of_groups(layout, index, shares.reference, shares.window)


def _window_start(tests: Tests, index: int) -> str | None:
    day = int(tests.standing.first_days[index])
    return iso(hour_start(day * HOURS)) if day * HOURS > tests.first_hour else None


def _short(value: float | None) -> float | None:
    """Return a number with three significant digits, None for no number."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.2e}")


def _type_change(
    expected: FeatureType, window: Counts, index: int, quality: Iterable[QualityTest]
) -> TypeChange | None:
    """Return the most common type of the values with a wrong type, or None if their share did not grow."""
    for test in quality:
        if test.kind == "wrong_type" and test.holding:
            kind = KINDS[int(window.invalid[index].argmax())]
            example, _time = window.notes.wrong.get(index, {}).get(kind, (None, 0))
            return {"type": TYPE_OF_KIND[kind], "share": test.window, "expected": expected, "example": example}
    return None


def direction_of(layout: Layout, window: Counts, tests: DriftTests, index: int) -> str | None:
    """Return how the values of a feature moved, in words. None if one side has no values."""
    span = layout.span(index)
    values = layout.features[index].values
    if not isinstance(values, Categories):
        return direction_of_numbers(tests.baseline_cdf[span], tests.window_cdf[span])
    before, now = category_shares(layout, window, tests, index, len(values.names))
    return direction_of_categories(values.names, before, now, new=True)


def _place(layout: Layout, window: Counts, tests: DriftTests, index: int) -> Place | None:
    """Return the place of D of a numeric feature, or None without values on both sides."""
    numbers = layout.features[index].values
    if not isinstance(numbers, Numbers) or not tests.n[index] or not tests.m[index]:
        return None
    span = layout.span(index)

    def whole() -> bool:
        of_window = [window.least[index], window.greatest[index], window.total[index], window.squares[index]]
        return _whole(np.asarray(numbers.cuts)) and _whole(np.array(of_window))

    return place_of_d(
        layout.highs[span],
        layout.bins[span],
        tests.baseline_cdf[span],
        tests.window_cdf[span],
        greatest=float(window.greatest[index]),
        whole=whole,
    )


def _whole(values: Floats) -> bool:
    return bool(np.all(np.isfinite(values) & (np.floor(values) == values)))


def finite(value: float) -> float | None:
    """Return a number, None if it is infinite or NaN."""
    return float(value) if math.isfinite(value) else None


def _rounded_up(bound: float | None) -> float | None:
    """Return a bound of three digits that is not smaller than `bound`. A stored report pays for each digit."""
    if bound is None:
        return None
    rounded = float(f"{bound:.2e}")
    return rounded if rounded >= bound else float(f"{1.005 * bound:.2e}")


def mean_of(counts: Counts, index: int) -> float | None:
    """Return the mean of a numeric feature's values, None without values."""
    return _mean(counts.total[index], int(counts.present[index]))


def _mean(total: float, count: int) -> float | None:
    return finite(total / count) if count else None


def _extremes(values: Sequence[float]) -> list[float] | None:
    if not len(values) or not math.isfinite(values[0]):
        return None
    return [float(values[0]), float(values[-1])]
