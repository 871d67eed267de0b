"""Verdicts: what is reported and found, for any counts and settings."""

import json
import math
import time
import zlib
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from driftguard.alerts.findings import Finding, Occasion
from driftguard.alerts.schemas import Window
from driftguard.checks import reports
from driftguard.counting.batches import count
from driftguard.counting.counts import Counts
from driftguard.counting.layout import layout_of
from driftguard.distributions.baseline import Baseline, FeatureBaseline, build
from driftguard.distributions.categories import Categories, digest
from driftguard.models.settings import ModelSettings
from driftguard.platform.serialization import MAX_ANSWER_BYTES, Scalar, answer_bytes
from driftguard.platform.times import hour_of
from driftguard.rows.columns import Row, columns_of
from driftguard.verdicts.bounds import FEW, NO_PICTURE
from driftguard.verdicts.comparison import Comparison
from driftguard.verdicts.findings import quality_severity_of, severity_of
from driftguard.verdicts.judging import Verdict, judge
from driftguard.verdicts.shapes import Report
from tests.unit.verdicts.pasts import past_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
START = (NOW - timedelta(days=3)).timestamp()
STATUSES = {"ok", "drift", "data_quality", "insufficient_data"}

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(["a", "b", "new", "1"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1e308, -1e308, 5e-324, 0.0, -0.0, 1e9, 1.0]),
)


def counted(baseline: Baseline, columns: Mapping[str, Sequence[Scalar]], predictions: Sequence[Scalar] = ()) -> Counts:
    """The counts of a window of columns of one length."""
    rows = max((len(values) for values in columns.values()), default=len(predictions))
    made = [
        Row(
            START + number,
            {name: values[number] for name, values in columns.items()},
            predictions[number] if predictions else None,
            None,
        )
        for number in range(rows)
    ]
    return sum(count(baseline, [columns_of(made)]).values(), Counts.empty(baseline)) if made else Counts.empty(baseline)


def occasion(baseline: Baseline, window: Counts, *, silent: bool = False, **settings: Any) -> Occasion:
    """A check at NOW of these counts under these settings."""
    return Occasion(
        now=NOW,
        organization_id="acme",
        model_id="m",
        model_name="churn",
        settings=ModelSettings(**settings),
        baseline_version=3,
        n_baseline=baseline.rows,
        n_window=window.rows,
        window=Window(start=NOW - timedelta(days=7), end=NOW),
        preliminary=False,
        warming_up=False,
        silent=silent,
    )


def judged(
    baseline: Baseline, window: Counts, comparison: Comparison | None = None, *, no_data: bool = False, **settings: Any
) -> Verdict:
    """The verdict under these settings."""
    verdict = judge(baseline, window, comparison, occasion(baseline, window, silent=no_data, **settings))
    TypeAdapter(Report).validate_python(verdict.report, strict=True, extra="forbid")
    assert json.dumps(reports.unpack(reports.pack(verdict.report))) == json.dumps(verdict.report, allow_nan=False)
    for finding in verdict.findings:
        assert finding.holding or not finding.firing
    return verdict


@pytest.mark.parametrize(
    ("of_baseline", "of_window"), [([1.0, 2.0, 3.0], [3.0] * 500), (["a", "b", "c"], ["a"] * 500)], ids=["ks", "chi2"]
)
def test_a_baseline_too_small_for_any_test_is_not_ok(of_baseline: list[Scalar], of_window: list[Scalar]) -> None:
    """Where no score whatever could count, a feature says so instead of “ok”, and the report names the reason."""
    baseline = build({"x": of_baseline})
    verdict = judged(baseline, counted(baseline, {"x": of_window}))
    row = rows(verdict)["x"]
    assert (row["status"], row["drift_score"], row["drifted"]) == ("insufficient_data", None, False)
    assert row["min_detectable_score"] == 1.0 or row["test"] == "chi2"
    assert plain(verdict)["status"] == "insufficient_data"
    assert "3 values" in plain(verdict)["reason"]
    assert not finding(verdict, "data_drift").testable


def test_a_stored_report_is_small_and_holds_no_nan() -> None:
    """Pictures take a third of what their numbers would, and what is no number is refused before it is stored."""
    columns = {f"feature {number}": normal(3_000, seed=number) for number in range(20)}
    report = judged(build(columns), counted(build(columns), columns)).report
    stored = reports.pack(report)
    assert len(stored) < 300 * len(columns)
    assert 2 * len(stored) < len(zlib.compress(json.dumps(report).encode(), 6))
    for number in (math.nan, math.inf):
        with pytest.raises(ValueError, match="not JSON compliant"):
            reports.pack({**report, "p_value": number})


def finding(verdict: Verdict, alert_type: str) -> Finding:
    """The finding of one alert type."""
    return next(one for one in verdict.findings if one.alert_type == alert_type)


def rows(verdict: Verdict) -> dict[str, dict[str, Any]]:
    """The report's features by name."""
    return {row["name"]: row for row in plain(verdict)["features"]}


def plain(verdict: Verdict) -> dict[str, Any]:
    """The report as JSON holds it."""
    loaded: dict[str, Any] = json.loads(json.dumps(verdict.report, allow_nan=False))
    return loaded


def normal(size: int, mean: float = 0.0, *, seed: int = 1) -> list[float]:
    """Normal values with a standard deviation of 1."""
    values: list[float] = np.random.default_rng(seed).normal(mean, size=size).tolist()
    return values


@given(
    st.lists(st.tuples(SCALARS, SCALARS, SCALARS), max_size=30),
    st.lists(st.tuples(SCALARS, SCALARS, SCALARS), max_size=30),
    st.sampled_from(["budget", "p_value"]),
    st.integers(1, 20),
    st.integers(0, 15),
    st.booleans(),
)
def test_any_values_get_a_verdict(
    made_of: list[tuple[Scalar, ...]],
    logged: list[tuple[Scalar, ...]],
    rule: str,
    min_samples: int,
    days: int,
    no_data: bool,
) -> None:
    """Whatever baseline and window hold, each feature gets a verdict and the report holds nothing but JSON."""
    baseline = build({"x": [row[0] for row in made_of], "y": [row[1] for row in made_of]}, [row[2] for row in made_of])
    window = counted(
        baseline, {"x": [row[0] for row in logged], "y": [row[1] for row in logged]}, [row[2] for row in logged]
    )
    verdict = judged(
        baseline,
        window,
        past_of(baseline, window, days, hour_of(NOW)),
        no_data=no_data,
        rule=rule,
        min_samples=min_samples,
        min_share_change=0.0,
    )
    assert len(plain(verdict)["features"]) == len(baseline.features)
    assert plain(verdict)["status"] in ({"no_data"} if no_data else STATUSES)
    for row in plain(verdict)["features"]:
        assert row["drift_score"] is not None or row["status"] == "insufficient_data" or row["part"] == "sudden"
        assert (row["drift_score"] is None) == (row["min_detectable_score"] is not None)
    if plain(verdict)["status"] == "ok":
        assert plain(verdict)["reason"] is None or plain(verdict)["unwatched"], "only names without a test need words"
    else:
        assert plain(verdict)["reason"] is not None


def test_a_report_has_the_shape_of_the_contract() -> None:
    """A report and its features carry every field that clients rely on."""
    baseline = build({"x": normal(500), "y": ["a", "b"] * 250}, [True, False] * 250)
    window = counted(baseline, {"x": normal(300, 1.0), "y": ["a"] * 300}, [True] * 300)
    report = plain(judged(baseline, window))
    assert {"model_id", "checked_at", "status", "reason", "drift_score", "p_value", "baseline_version"} <= set(report)
    assert {"window", "n_baseline", "n_window", "features", "preliminary", "drifted_features"} <= set(report)
    assert (report["n_baseline"], report["n_window"], report["status"]) == (500, 300, "drift")
    assert report["window"] == {"start": "2026-11-16T12:00:00.000000Z", "end": "2026-11-23T12:00:00.000000Z"}
    assert [(row["name"], row["role"], row["type"], row["test"]) for row in report["features"]] == [
        ("x", "feature", "numeric", "ks"),
        ("y", "feature", "categorical", "chi2"),
        ("prediction", "prediction", "boolean", "chi2"),
    ]
    for row in report["features"]:
        assert {"drift_score", "p_value", "threshold", "drifted", "missing", "psi", "wasserstein", "histogram"} <= set(
            row
        )
        assert row["status"] == "drift"
        assert 0 <= row["score_error_bound"] <= 1 / 256
    assert report["drifted_features"] == ["x", "y", "prediction"]
    assert report["drift_score"] == max(row["drift_score"] for row in report["features"])


def test_scores_are_those_of_the_exact_tests() -> None:
    """Within the bound D is scipy's statistic; total variation and chi-square are exact."""
    baseline_x, window_x = normal(3000), normal(1000, 0.2, seed=2)
    random = np.random.default_rng(3)
    baseline_y, window_y = random.choice(list("abc"), 3000).tolist(), random.choice(list("aabc"), 1000).tolist()
    baseline = build({"x": baseline_x, "y": baseline_y})
    row = rows(judged(baseline, counted(baseline, {"x": window_x, "y": window_y})))
    exact = scipy.stats.ks_2samp(baseline_x, window_x, method="asymp")
    assert 0 <= exact.statistic - row["x"]["drift_score"] <= row["x"]["score_error_bound"]
    assert row["x"]["p_value"] >= exact.pvalue
    table = np.array([[list(values).count(name) for name in "abc"] for values in (baseline_y, window_y)])
    assert row["y"]["p_value"] == pytest.approx(scipy.stats.chi2_contingency(table, correction=False).pvalue)
    shares = table / table.sum(axis=1, keepdims=True)
    assert row["y"]["drift_score"] == pytest.approx(float(np.abs(shares[0] - shares[1]).sum()) / 2)


def test_the_threshold_counts_the_features_that_can_be_tested() -> None:
    """T follows from n, m and the tests of this check: those enabled with enough values, the prediction included."""
    baseline = build({"a": normal(1000), "b": normal(1000), "c": normal(1000), "d": normal(1000)}, normal(1000))
    window = counted(
        baseline,
        {"a": normal(150), "b": [*normal(50), *[None] * 100], "c": normal(150), "d": normal(150)},
        normal(150),
    )
    verdict = judged(baseline, window, features={"c": {"enabled": False}, "d": {"min_drift_score": 0.9}})
    row = rows(verdict)
    c = math.sqrt(math.log(2 * 3 * 2880 / 0.05) / 2)
    assert row["a"]["threshold"] == pytest.approx(c * math.sqrt(1 / 150 + 1 / 1000))
    assert row["d"]["threshold"] == 0.9
    assert row["b"]["status"] == "insufficient_data"
    assert row["b"]["min_detectable_score"] == pytest.approx(c * math.sqrt(1 / 50 + 1 / 1000))
    assert "c" not in row
    assert row["a"]["p_threshold"] is None


def test_a_small_shift_fires_by_p_value_alone() -> None:
    """A shift below the smallest score that matters fires under the classic rule and not under the budget."""
    baseline = build({"x": normal(20_000)})
    window = counted(baseline, {"x": normal(20_000, 0.06, seed=2)})
    budget, classic = judged(baseline, window), judged(baseline, window, rule="p_value")
    assert (budget.report["status"], classic.report["status"]) == ("ok", "drift")
    row = rows(classic)["x"]
    assert (row["threshold"], row["p_threshold"], row["drifted"]) == (None, 0.05, True)


def test_the_classic_rule_needs_no_minimum_of_values() -> None:
    """Under the classic rule a handful of values is tested; under the budget it is insufficient."""
    baseline = build({"x": normal(1000)})
    window = counted(baseline, {"x": [50.0] * 8})
    assert judged(baseline, window, rule="p_value").report["status"] == "drift"
    assert judged(baseline, window).report["status"] == "insufficient_data"


def test_features_have_rules_of_their_own() -> None:
    """One feature under the classic rule, another with a higher minimum, and the others as the model says."""
    baseline = build({"x": normal(5000), "y": normal(5000), "z": normal(5000)})
    window = counted(baseline, {name: normal(5000, 0.3, seed=7) for name in "xyz"})
    verdict = judged(
        baseline, window, features={"x": {"rule": "p_value", "alpha": 0.01}, "y": {"min_drift_score": 0.5}}
    )
    row = rows(verdict)
    assert (row["x"]["p_threshold"], row["x"]["threshold"]) == (0.01, None)
    assert [row[name]["drifted"] for name in "xyz"] == [True, False, True]
    assert [feature.name for feature in finding(verdict, "data_drift").features] == ["x", "z"]


@pytest.mark.parametrize(("mean", "firing", "holding"), [(0.0, False, False), (0.165, False, True), (0.5, True, True)])
def test_an_alert_holds_down_to_four_fifths_of_the_threshold(mean: float, *, firing: bool, holding: bool) -> None:
    """Between 0.8·T and T nothing fires, but what is open stays open."""
    values = np.sort(normal(20_000)).tolist()
    baseline = build({"x": values})
    window = counted(baseline, {"x": [value + mean for value in values]})
    found = finding(judged(baseline, window, min_drift_score=0.075), "data_drift")
    assert (found.firing, found.holding) == (firing, holding)
    assert [feature.drifted for feature in found.features] == [firing] * holding


def test_categories_fire_by_p_value_and_total_variation() -> None:
    """A chi-square test needs both; its limit is alpha over all tests of a month."""
    baseline = build({"x": ["a"] * 5000 + ["b"] * 5000, "y": ["a"] * 5000 + ["b"] * 5000})
    window = counted(baseline, {"x": ["a"] * 11_200 + ["b"] * 8800, "y": ["a"] * 10_800 + ["b"] * 9200})
    verdict = judged(baseline, window)
    row = rows(verdict)
    assert row["x"]["threshold"] == 0.05
    assert row["x"]["p_threshold"] == pytest.approx(0.05 / (2 * 2880))
    assert row["x"]["drift_score"] == pytest.approx(0.06)
    assert (row["x"]["drifted"], row["y"]["drifted"]) == (True, False)
    assert row["y"]["p_value"] < row["y"]["p_threshold"]
    small = counted(baseline, {"x": ["a"] * 60 + ["b"] * 40, "y": ["a"] * 60 + ["b"] * 40})
    assert not rows(judged(baseline, small))["x"]["drifted"]


def zipf(size: int, categories: int, power: float, *, seed: int) -> list[Scalar]:
    """Names whose frequencies follow a power law; even frequencies with a power of 0."""
    weights = np.arange(1, categories + 1) ** -power
    drawn = np.random.default_rng(seed).choice(categories, size, p=weights / weights.sum())
    return [f"c{number}" for number in drawn.tolist()]


@pytest.mark.parametrize(
    ("categories", "power", "m", "n"),
    [(900, 0.0, 2000, 2000), (5000, 1.0, 10_000, 5000), (20_000, 1.0, 30_000, 10_000), (300, 0.5, 500, 3000)],
)
def test_two_samples_of_many_categories_are_alike(categories: int, power: float, m: int, n: int) -> None:
    """Neither the categories' own cells nor values that the baseline happens to lack raise an alarm."""
    baseline = build({"x": zipf(m, categories, power, seed=1)})
    for seed in range(2, 7):
        verdict = judged(baseline, counted(baseline, {"x": zipf(n, categories, power, seed=seed)}))
        row = rows(verdict)["x"]
        assert plain(verdict)["status"] == "ok"
        assert row["drift_score"] == pytest.approx(row["expected_by_chance"], abs=0.05)
        assert row["p_value"] > 1e-5


def test_one_unknown_value_among_thirty_thousand_is_found() -> None:
    """A window of a single value that the baseline lacks is drift and a new category, whatever the number of values."""
    baseline = build({"x": [f"{number:05d}" for number in range(1, 30_001) for _time in range(2)]})
    window = counted(baseline, {"x": ["00000"] * 3000})
    verdict = judged(baseline, window)
    assert finding(verdict, "data_drift").firing
    assert finding(verdict, "data_drift").severity == "HIGH"
    (test,) = rows(verdict)["x"]["data_quality"]
    assert (test["kind"], test["window"], test["fired"]) == ("new_categories", 1.0, True)
    assert rows(verdict)["x"]["histogram"]["categories"][-1] == "__new__"
    assert rows(verdict)["x"]["histogram"]["window"][-1] == 1.0
    assert rows(verdict)["x"]["direction"] == "the share of values not in the baseline rose from 0% to 100.0%"


@pytest.mark.parametrize(("share", "found"), [(0.0, False), (0.1, True)])
def test_more_new_categories_than_a_sample_lacks_are_found(share: float, *, found: bool) -> None:
    """A sample of 900 even cities lacks a tenth of the next; ten points more are news, and the test says the excess."""
    baseline = build({"x": zipf(2000, 900, 0.0, seed=1)})
    names = zipf(2000, 900, 0.0, seed=2)
    names[: int(share * 2000)] = [f"new {number}" for number in range(int(share * 2000))]
    test = next(iter(rows(judged(baseline, counted(baseline, {"x": names})))["x"]["data_quality"]), None)
    assert (test is not None and test["fired"]) == found
    if test is not None:
        once = sum(number == 1 for number in Counter(zipf(2000, 900, 0.0, seed=1)).values())
        assert test["baseline"] == once / 2000
        assert test["drift_score"] == pytest.approx(test["window"] - once / 2000)


def test_category_scores_are_graded_above_chance() -> None:
    """Chance alone moves many categories; an alert's severity follows what is beyond it, and the score stays exact."""
    baseline = build({"x": zipf(6000, 60, 0.0, seed=1)})
    names = [*zipf(700, 60, 0.0, seed=2), *["c0"] * 100]
    verdict = judged(baseline, counted(baseline, {"x": names}))
    row = rows(verdict)["x"]
    cells = 60
    assert row["expected_by_chance"] == pytest.approx(
        cells * math.sqrt(2 / math.pi * (1 / cells) * (1 - 1 / cells) * (1 / 6000 + 1 / 800)) / 2, rel=0.05
    )
    exact = sum(abs(names.count(f"c{k}") / 800 - zipf(6000, 60, 0.0, seed=1).count(f"c{k}") / 6000) for k in range(60))
    assert row["drift_score"] <= exact / 2 + 1e-12
    assert exact / 2 - row["drift_score"] <= row["score_error_bound"] + 1e-12
    assert row["drift_score"] > 0.15
    assert row["drifted"]
    found = finding(verdict, "data_drift")
    assert found.severity == severity_of(row["drift_score"] - row["expected_by_chance"])


@given(st.lists(st.integers(0, 150), min_size=1, max_size=300), st.lists(st.integers(0, 200), min_size=1, max_size=300))
def test_total_variation_is_within_its_bound(made_of: list[int], logged: list[int]) -> None:
    """The score over cells never exceeds the exact total variation, and misses it by its bound at most."""
    before, now = ([f"c{number * number // 40}" for number in numbers] for numbers in (made_of, logged))
    baseline = build({"x": before})
    row = rows(judged(baseline, counted(baseline, {"x": now}), rule="p_value"))["x"]
    exact = sum(abs(before.count(name) / len(before) - now.count(name) / len(now)) for name in {*before, *now}) / 2
    if row["drift_score"] is not None:
        assert -1e-12 <= exact - row["drift_score"] <= row["score_error_bound"] + 1e-12


@pytest.mark.parametrize(("share", "drifted"), [(0.01, False), (0.0305, True)])
def test_a_rare_class_is_found_however_it_is_written(share: float, *, drifted: bool) -> None:
    """A class coded as 0 and 1 gets the verdict of the same class as true and false, and as text."""
    before = [number % 100 == 0 for number in range(4000)]
    now = [number < share * 4000 for number in range(4000)]
    found = []
    for coded in (int, bool, lambda value: "fraud" if value else "fine"):
        baseline = build({"x": list(map(coded, before))})
        row = rows(judged(baseline, counted(baseline, {"x": list(map(coded, now))}), min_drift_score=0.01))["x"]
        found.append(row)
    assert [row["drifted"] for row in found] == [drifted] * 3
    assert [row["test"] for row in found] == ["fisher", "chi2", "chi2"]
    for row in found[1:]:
        for key in ("drift_score", "expected_by_chance", "threshold", "p_threshold"):
            assert row[key] == pytest.approx(found[0][key])
    table = [[sum(now), 4000 - sum(now)], [40, 3960]]
    assert found[0]["p_value"] == pytest.approx(scipy.stats.fisher_exact(table).pvalue, rel=1e-9)


def test_a_third_value_of_a_proportion_is_found() -> None:
    """Where the baseline has two values, a window of a third one is drift, with a score of 1."""
    baseline = build({"x": [0, 1] * 500})
    row = rows(judged(baseline, counted(baseline, {"x": [2] * 500})))["x"]
    assert (row["drift_score"], row["drifted"], row["test"]) == (1.0, True, "fisher")


def test_a_baseline_of_the_old_format_does_not_call_rare_values_new() -> None:
    """Where the old format had rare categories new ones are not tested, and it keeps its cells."""
    names = tuple(f"c{number}" for number in range(100))
    values = Categories(names, array("Q", [20] * 100), 500, frozenset(map(digest, ["r1", "r2"])))
    feature = FeatureBaseline("x", "feature", "categorical", 2500, 0, 0, values)
    baseline = Baseline(2500, 7, (feature,), format=1)
    window = counted(baseline, {"x": [*names * 4, *["r1"] * 50, *["other"] * 50]})
    assert window.bins[-2:].tolist() == [50, 50]
    report = plain(judged(baseline, window))
    assert report["features"][0]["data_quality"] == []
    assert ["x" in note and "Create a new baseline" in note for note in report["notes"]] == [True]
    complete = Baseline(2000, 7, (replace(feature, rows=2000, values=replace(values, rare=0, known=frozenset())),), 1)
    window = counted(complete, {"x": [*names * 4, *["other"] * 100]})
    assert [test["fired"] for test in rows(judged(complete, window))["x"]["data_quality"]] == [True]
    assert plain(judged(complete, window))["notes"] == []


def test_predictions_drift_apart_from_the_data() -> None:
    """A drift of the predictions alone is a finding of its own, and counts in status and score."""
    baseline = build({"x": normal(1000)}, normal(1000))
    verdict = judged(baseline, counted(baseline, {"x": normal(1000, seed=2)}, normal(1000, 2.0)))
    assert (finding(verdict, "data_drift").firing, finding(verdict, "prediction_drift").firing) == (False, True)
    assert plain(verdict)["status"] == "drift"
    assert plain(verdict)["drifted_features"] == ["prediction"]
    assert finding(verdict, "prediction_drift").severity == "HIGH"


def quality_case(kind: str) -> tuple[Baseline, Counts]:
    """A baseline and a window in which one share of `x` has grown and nothing else of note has happened."""
    numbers = [float(value % 50) for value in range(5000)]
    texts = ["a", "b", "c", "d"] * 1250
    window: list[Scalar]
    match kind:
        case "missing":
            baseline, window = build({"x": numbers}), [*numbers[:4500], *[None] * 500]
        case "new_categories":
            baseline, window = build({"x": texts}), [*texts[:4800], *["e"] * 200]
        case "out_of_range":
            baseline, window = build({"x": numbers}), [*numbers[:4850], *[99.0] * 150]
        case _:
            baseline, window = build({"x": numbers}), [*numbers[:4000], *["4"] * 1000]
    return baseline, counted(baseline, {"x": window})


@pytest.mark.parametrize("kind", ["missing", "new_categories", "out_of_range", "wrong_type"])
def test_a_grown_share_is_a_finding_of_data_quality(kind: str) -> None:
    """Each kind of bad value fires when its share has grown, with the exact p-value, while the drift tests are calm."""
    baseline, window = quality_case(kind)
    verdict = judged(baseline, window)
    found = finding(verdict, "data_quality")
    assert (plain(verdict)["status"], found.firing) == ("data_quality", True)
    assert not finding(verdict, "data_drift").firing
    assert [feature.kind for feature in found.features] == [kind]
    (test,) = rows(verdict)["x"]["data_quality"]
    assert (test["kind"], test["fired"], test["baseline"]) == (kind, True, 0.0)
    assert test["drift_score"] == found.drift_score == test["window"]
    number = round(test["window"] * 5000)
    exact = scipy.stats.fisher_exact([[number, 5000 - number], [0, 5000]], alternative="greater").pvalue
    if kind == "new_categories":
        lacked = scipy.stats.gamma(1).isf(test["p_threshold"] / 2) / 5000
        exact = 2 * scipy.stats.binom.sf(number - 1, 5000, lacked)
    assert test["p_value"] == pytest.approx(exact, rel=1e-9)
    assert test["threshold"] == ModelSettings().min_share_change
    change = {"type": "categorical", "share": 0.2, "expected": "numeric", "example": "4"}
    assert rows(verdict)["x"]["type_change"] == (change if kind == "wrong_type" else None)
    assert "x has" in plain(verdict)["reason"]
    assert ("numbers in the baseline, texts such as “4” now" in plain(verdict)["reason"]) == (kind == "wrong_type")
    limit = {"score": ModelSettings().min_share_change, "p_value": test["p_threshold"]}
    assert found.limit is not None
    assert found.limit.model_dump() == limit
    assert (found.features[0].threshold, found.features[0].p_threshold) == (limit["score"], limit["p_value"])
    assert found.p_value is not None
    assert found.p_value < limit["p_value"]


def test_new_categories_are_named() -> None:
    """The report and the alert name categories that the baseline lacked."""
    baseline, window = quality_case("new_categories")
    verdict = judged(baseline, window)
    assert rows(verdict)["x"]["new_categories"] == ["e"]
    assert finding(verdict, "data_quality").features[0].new_categories == ["e"]
    assert rows(verdict)["x"]["histogram"]["categories"][-1] == "__new__"


def test_a_share_that_grew_too_little_does_not_fire() -> None:
    """Below `min_share_change` a share may grow, however sure that is; down to 0.8 of it an alert stays open."""
    baseline = build({"x": [1.0, 2.0] * 5000})
    window = counted(baseline, {"x": [*[1.0, 2.0] * 4910, *[None] * 180]})
    found = finding(judged(baseline, window), "data_quality")
    assert (found.firing, found.holding) == (False, True)
    less = counted(baseline, {"x": [*[1.0, 2.0] * 4930, *[None] * 140]})
    assert not finding(judged(baseline, less), "data_quality").holding
    assert finding(judged(baseline, less, min_share_change=0.01), "data_quality").firing


def test_a_feature_that_changed_its_type_is_reported() -> None:
    """Numbers that arrive as text leave nothing to test for drift, and are found as a change of type."""
    baseline = build({"x": normal(500)})
    verdict = judged(baseline, counted(baseline, {"x": [str(value) for value in normal(500)]}))
    row = rows(verdict)["x"]
    assert (row["status"], row["type_change"]["type"]) == ("insufficient_data", "categorical")
    assert plain(verdict)["status"] == "data_quality"


def test_too_few_values_are_never_no_drift() -> None:
    """With too few values nothing is tested: open alerts stay as they are."""
    baseline = build({"x": normal(500)}, normal(500))
    verdict = judged(baseline, counted(baseline, {"x": normal(99, 9.0)}, normal(99, 9.0)))
    assert plain(verdict)["status"] == "insufficient_data"
    assert (plain(verdict)["drift_score"], plain(verdict)["p_value"]) == (None, None)
    for alert_type in ("data_drift", "prediction_drift", "data_quality"):
        assert not finding(verdict, alert_type).testable
        assert not finding(verdict, alert_type).firing
    empty = judged(baseline, Counts.empty(baseline))
    assert empty.report["reason"] == "The window contains no predictions."
    assert rows(empty)["x"]["min_detectable_score"] == 1


def test_no_traffic_is_a_finding_without_scores() -> None:
    """When nothing arrives the status says so, and the finding has no scores."""
    baseline = build({"x": normal(500)})
    verdict = judged(baseline, counted(baseline, {"x": normal(300)}), no_data=True)
    found = finding(verdict, "no_data")
    assert (found.firing, found.severity, found.drift_score, found.p_value) == (True, "MEDIUM", None, None)
    assert plain(verdict)["status"] == "no_data"
    assert not finding(judged(baseline, counted(baseline, {"x": normal(300)})), "no_data").firing


def test_disabled_features_let_their_alerts_go() -> None:
    """With every feature disabled nothing is reported and no alert is held open."""
    baseline = build({"x": normal(500)}, normal(500))
    settings: dict[str, Any] = {"features": {"x": {"enabled": False}, "prediction": {"enabled": False}}}
    verdict = judged(baseline, counted(baseline, {"x": normal(300, 3.0)}, normal(300, 3.0)), **settings)
    assert plain(verdict)["features"] == []
    assert plain(verdict)["reason"] == "No feature is enabled. Enable a feature in the model's settings."
    for one in verdict.findings:
        assert one.testable
        assert not one.holding


def test_one_outlier_neither_hides_nor_makes_a_shift() -> None:
    """A value of 1e9 leaves the score where it was, in the baseline and in the window."""
    values, shifted = normal(5000), normal(5000, 0.5, seed=2)
    plain = build({"x": values})
    odd = build({"x": [*values, 1e9]})
    scores = [
        rows(judged(baseline, counted(baseline, {"x": [*shifted, *more]})))["x"]["drift_score"]
        for baseline, more in ((plain, []), (odd, []), (plain, [1e9]), (odd, [-1e308]))
    ]
    assert scores == pytest.approx([scores[0]] * 4, abs=1 / 256)
    assert rows(judged(odd, counted(odd, {"x": values})))["x"]["drifted"] is False


@pytest.mark.parametrize(
    ("score", "severity"),
    [(None, "LOW"), (0.0, "LOW"), (0.0999, "LOW"), (0.1, "MEDIUM"), (0.1999, "MEDIUM"), (0.2, "HIGH"), (1.0, "HIGH")],
)
def test_severity_follows_the_score(score: float | None, severity: str) -> None:
    """LOW under 0.1, MEDIUM under 0.2, HIGH from there."""
    assert severity_of(score) == severity


@pytest.mark.parametrize(
    ("rise", "severity"),
    [(None, "LOW"), (0.0499, "LOW"), (0.05, "MEDIUM"), (0.1499, "MEDIUM"), (0.15, "HIGH"), (1.0, "HIGH")],
)
def test_severity_of_data_quality_follows_the_rise_of_the_share(rise: float | None, severity: str) -> None:
    """LOW under 0.05, MEDIUM under 0.15, HIGH from there."""
    assert quality_severity_of(rise) == severity


def test_eight_percent_missing_are_medium() -> None:
    """A share of missing values that rose from 0 to 8 % reaches channels with the default minimum."""
    baseline = build({"x": normal(4000)})
    window = counted(baseline, {"x": [None if place % 25 < 2 else value for place, value in enumerate(normal(4000))]})
    found = finding(judged(baseline, window), "data_quality")
    assert (found.firing, found.severity) == (True, "MEDIUM")
    assert found.drift_score == pytest.approx(0.08)


def test_the_strongest_feature_comes_first() -> None:
    """A finding lists its features by score and takes the largest one's score and p-value."""
    names = ["a", "b", "c"]
    baseline = build({name: normal(2000) for name in names})
    window = counted(baseline, {name: normal(2000, 0.4 * place) for place, name in enumerate(names)})
    found = finding(judged(baseline, window), "data_drift")
    assert [feature.name for feature in found.features] == ["c", "b"]
    assert (found.drift_score, found.p_value) == (found.features[0].drift_score, found.features[0].p_value)


def test_independent_windows_raise_no_alarm() -> None:
    """Of 100 windows without any drift, on ten features, none fires under the budget."""
    random = np.random.default_rng(17)
    names = [f"f{number}" for number in range(10)]
    baseline = build({name: random.normal(size=2000).tolist() for name in names})
    layout = layout_of(baseline)
    for _window in range(100):
        window = Counts.empty(baseline)
        window.rows = 400
        for index in range(10):
            found = layout.numbers[index].find(random.normal(size=400))
            window.bins[layout.span(index)] = np.bincount(found, minlength=layout.sizes[index])
        assert not finding(judged(baseline, window, min_drift_score=0.0), "data_drift").firing


def test_fifty_features_are_judged_in_milliseconds() -> None:
    """Judging 50 features with their past takes milliseconds of CPU however many rows the window holds."""
    random = np.random.default_rng(5)
    baseline = build({f"f{number}": random.normal(size=2000).tolist() for number in range(50)})
    window = Counts.empty(baseline)
    window.rows = 10**8
    window.bins[:] = random.integers(0, 10**6, len(window.bins))
    hour = Counts.empty(baseline)
    hour.rows = 600
    hour.bins[:] = random.integers(0, 5, len(window.bins))
    comparison = past_of(baseline, hour, 40, hour_of(NOW))
    judged(baseline, window, comparison)
    best = math.inf
    for _try in range(5):
        started = time.process_time()
        judge(baseline, window, comparison, occasion(baseline, window))
        best = min(best, time.process_time() - started)
    assert best < 0.03


def test_the_report_of_few_features_fits_into_a_response_whatever_they_are_called() -> None:
    """The longest names and categories, of characters that take the most bytes, leave room in a response."""
    names = ["\x01" * 126 + f"{number:02}" for number in range(FEW)]
    categories = [f"{number:03}" + "\x01" * 253 for number in range(60)]
    baseline = build({name: [one for one in categories[:30] for _time in range(60)] for name in names})
    window = counted(baseline, dict.fromkeys(names, categories[10:] * 4))
    report = judged(baseline, window).report
    assert len(report["drifted_features"]) == FEW
    assert {len(one["new_categories"]) for one in report["features"]} == {5}
    compared = [{**one, "histogram": NO_PICTURE, "new_categories": []} for one in report["features"]]
    assert answer_bytes({**report, "reference": compared}) < MAX_ANSWER_BYTES
