"""The parts of the drift test: the week, the first week, broken features, and flaws that rise suddenly."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from driftguard.alerts.episodes import Episode, Episodes
from driftguard.alerts.findings import Occasion
from driftguard.alerts.schemas import AlertType, Window
from driftguard.counting.counts import Counts
from driftguard.counting.knowledge import Knowledge
from driftguard.counting.layout import layout_of
from driftguard.counting.profiles import HOURS, Profile
from driftguard.distributions.baseline import Baseline, build
from driftguard.distributions.categories import Categories
from driftguard.models.settings import ModelSettings
from driftguard.platform.times import hour_start, iso
from driftguard.statistics.arrays import Ints
from driftguard.verdicts.comparison import Comparison
from driftguard.verdicts.findings import quality_severity_of
from driftguard.verdicts.first_week import first_week_tests, hourly_phi
from driftguard.verdicts.judging import Verdict, judge
from driftguard.verdicts.parts import PartTests
from driftguard.verdicts.rules import Rules
from driftguard.verdicts.shapes import ReportFeature
from tests.unit.counting.worlds import MONDAY
from tests.unit.verdicts.pasts import compared

C = math.sqrt(math.log(2 * 2880 / 0.05) / 2)
"""The critical value of one feature."""

BEGIN = MONDAY * HOURS


def normal(size: int, mean: float = 0.0, seed: int = 1) -> list[float]:
    """Values of a normal distribution."""
    values: list[float] = np.random.default_rng(seed).normal(mean, 1, size).tolist()
    return values


def counts_of(baseline: Baseline, values: Sequence[Any]) -> Counts:
    """The counts of one feature's values."""
    counts, layout = Counts.empty(baseline), layout_of(baseline)
    counts.rows = len(values)
    if 0 in layout.numbers:
        codes = layout.numbers[0].find(np.array(values, np.float64))
    else:
        names = layout.features[0].values
        assert isinstance(names, Categories)
        codes = np.array([names.names.index(value) for value in values])
    counts.bins[layout.span(0)] = np.bincount(codes, minlength=layout.sizes[0])
    return counts


def decided(
    baseline: Baseline,
    window: Counts,
    comparison: Comparison | None = None,
    *,
    now_hour: int = BEGIN + 60 * HOURS,
    preliminary: bool = False,
    episodes: Episodes | None = None,
    **settings: Any,
) -> Verdict:
    """The verdict at the end of an hour."""
    now = hour_start(now_hour + 1)
    occasion = Occasion(
        now=now,
        organization_id="acme",
        model_id="m",
        model_name="churn",
        settings=ModelSettings(**settings),
        baseline_version=1,
        n_baseline=baseline.rows,
        n_window=window.rows,
        window=Window(start=now - timedelta(days=7), end=now),
        preliminary=preliminary,
        warming_up=False,
        silent=False,
    )
    return judge(baseline, window, comparison, occasion, episodes or Episodes())


def row_of(verdict: Verdict) -> ReportFeature:
    """The only feature."""
    (row,) = verdict.report["features"]
    return row


def knowing(phi: float, rho: float) -> Comparison:
    """A past of one feature that says only this about the week."""
    knowledge = Knowledge.nothing(1, MONDAY + 60)
    return Comparison(
        replace(knowledge, phi_week=np.array([phi]), rho_week=np.array([rho])), {}, BEGIN + 60 * HOURS, MONDAY, False
    )


def test_the_limit_of_the_week_grows_with_phi_and_rho() -> None:
    """T is c·√(φ(1/n + 1/m) + ρ(1/7 + 1/B)), and without a past φ is 1 and ρ is 0."""
    baseline = build({"x": normal(5000)}, days=14)
    window = counts_of(baseline, normal(3000, seed=2))
    row = row_of(decided(baseline, window, knowing(1.6, 0.004)))
    expected = C * math.sqrt(1.6 * (1 / 3000 + 1 / 5000) + 0.004 * (1 / 7 + 1 / 14))
    assert row["threshold"] == pytest.approx(expected)
    assert row["rho"] == 0.004
    plain = row_of(decided(baseline, window))
    assert plain["threshold"] == pytest.approx(C * math.sqrt(1 / 3000 + 1 / 5000))
    assert plain["rho"] == 0.0


def test_days_that_differ_raise_what_a_category_must_exceed() -> None:
    """The p-value covers independent rows, so only φ − 1 and ρ raise the limit of the score above chance."""
    baseline = build({"c": ["a"] * 3000 + ["b"] * 2000}, days=7)
    window = counts_of(baseline, ["a"] * 1500 + ["b"] * 1500)
    free, held = (row_of(decided(baseline, window, known)) for known in (None, knowing(3.0, 0.01)))
    assert (free["threshold"], free["drifted"]) == (0.05, True)
    expected = C * math.sqrt(2 * (1 / 3000 + 1 / 5000) + 0.01 * 2 / 7)
    assert held["threshold"] == pytest.approx(expected)
    assert held["drifted"] is False


def test_the_week_waits_until_the_window_is_covered() -> None:
    """A shift that the week finds is no drift while a model has less data than a window, unless a p-value decides."""
    baseline = build({"x": normal(5000)}, days=7)
    window = counts_of(baseline, normal(3000, 0.5, seed=2))
    assert decided(baseline, window).report["status"] == "drift"
    early = decided(baseline, window, preliminary=True)
    assert (early.report["status"], row_of(early)["drifted"], row_of(early)["status"]) == ("ok", False, "ok")
    assert early.findings[0].testable is False, "nothing can be told yet, so an open alert stays"
    score = row_of(early)["drift_score"]
    assert early.report["reason"] == (
        f"Above the limit, but not judged yet: x ({score:.3g}). The rows must cover 7 days. "
        "Until then, daily and weekly cycles can look like this."
    )
    alike = decided(baseline, counts_of(baseline, normal(3000, seed=2)), preliminary=True)
    assert (alike.report["status"], alike.report["reason"]) == ("ok", None)
    assert decided(baseline, window, preliminary=True, rule="p_value").report["status"] == "drift"


@pytest.mark.parametrize(("hours_ago", "days"), [(4 * HOURS, 4), (1 * HOURS, 1), (HOURS - 1, None), (3, None)])
def test_the_window_after_an_alert_counts_its_days_and_is_covered_after_one(hours_ago: int, days: int | None) -> None:
    """The limit uses the days since the alert's end, from the next midnight on."""
    now_hour = BEGIN + 60 * HOURS - 1
    start = now_hour + 1 - hours_ago
    baseline = build({"x": normal(5000)}, days=7)
    window = counts_of(baseline, normal(3000, 1.0, seed=2))
    found = decided(baseline, window, knowing(1.0, 0.01), now_hour=now_hour, episodes=Episodes(starts={0: start}))
    row = row_of(found)
    assert row["drifted"] is (days is not None)
    midnight = -(-start // HOURS)
    assert row["window_start"] == iso(hour_start(midnight * HOURS))
    if days is not None:
        assert row["threshold"] == pytest.approx(C * math.sqrt(1 / 3000 + 1 / 5000 + 0.01 * (1 / days + 1 / 7)))


@pytest.mark.parametrize("hours", [0, 1, 12, 23])
def test_the_window_after_an_alert_has_no_part_of_a_day(hours: int) -> None:
    """The limit uses the days that are over, however late on the running day the check is."""
    start, now_hour = BEGIN + 58 * HOURS, BEGIN + 60 * HOURS + hours - 1
    baseline = build({"x": normal(5000)}, days=7)
    window = counts_of(baseline, normal(3000, 1.0, seed=2))
    row = row_of(decided(baseline, window, knowing(1.0, 0.01), now_hour=now_hour, episodes=Episodes(starts={0: start})))
    assert row["threshold"] == pytest.approx(C * math.sqrt(1 / 3000 + 1 / 5000 + 0.01 * (1 / 2 + 1 / 7)))


def new_model(baseline: Baseline, hours: Sequence[Sequence[Any]]) -> tuple[Counts, Comparison]:
    """A model whose first rows came in the first of these hours, and the counts of all of them."""
    layout, by_hour = layout_of(baseline), [counts_of(baseline, one) for one in hours]
    profiles: dict[int, Profile] = {}
    for place, counts in enumerate(by_hour):
        day = MONDAY + place // HOURS
        one = Profile.of(layout, day, {BEGIN + place: counts})
        profiles[day] = profiles[day] + one if day in profiles else one
    total = sum(by_hour, Counts.empty(baseline))
    return total, Comparison(None, profiles, BEGIN + len(hours) - 1, MONDAY, timed=False)


def first_week(baseline: Baseline, hours: Sequence[Sequence[Any]], *, timed: bool = False, **settings: Any) -> Verdict:
    """The verdict on a new model after these hours."""
    window, comparison = new_model(baseline, hours)
    return decided(
        baseline,
        window,
        replace(comparison, timed=timed),
        now_hour=comparison.now_hour,
        preliminary=True,
        **settings,
    )


def test_a_whole_day_far_from_the_baseline_is_drift_in_the_first_week() -> None:
    """D over the tenths must exceed 0.2 + c·√(φ_h(1/n + 1/m)), from 24 hours on."""
    baseline = build({"x": normal(10_000)}, days=7)
    hours = [normal(60, 1.2, seed=hour) for hour in range(30)]
    assert not first_week(baseline, hours[:23]).findings[0].holding
    verdict = first_week(baseline, hours)
    (feature,) = verdict.findings[0].features
    own = np.sort(np.concatenate(hours[-24:]))
    edges = [np.sort(normal(10_000))[10_000 * tenth // 10 - 1] for tenth in range(1, 10)]
    distance = max(abs(float(np.mean(own <= edge)) - tenth / 10) for tenth, edge in enumerate(edges, 1))
    assert feature.drift_score == pytest.approx(distance, abs=2e-3)
    n = 24 * 60
    phi = float(hourly_phi(_groups(baseline, hours), np.array([True]))[0])
    assert feature.threshold == pytest.approx(0.2 + C * math.sqrt(phi * (1 / n + 1 / 10_000)))
    assert feature.change is not None
    assert (feature.change.part, feature.change.window_hours, feature.change.model_hours) == ("first_week", 24, 30)
    assert verdict.report["reason"] is not None
    assert "more than daily and weekly cycles explain. The model is 1 day old." in verdict.report["reason"]
    assert row_of(verdict)["part"] == "first_week"


def _groups(baseline: Baseline, hours: Sequence[Sequence[Any]]) -> Ints:
    _window, comparison = new_model(baseline, hours)
    both = np.concatenate([comparison.profiles[MONDAY + day].groups for day in range(-(-len(hours) // HOURS))])
    return both[: len(hours)]


@pytest.mark.parametrize(
    ("mean", "settings", "timed"),
    [(0.5, {}, False), (1.2, {"first_week_score": 0.5}, False), (1.2, {}, True), (1.2, {"min_samples": 2000}, False)],
    ids=["what a cycle could do", "a wider tolerance", "a baseline with timestamps", "too few values"],
)
def test_what_cycles_could_explain_is_no_drift_in_the_first_week(
    mean: float, settings: dict[str, Any], timed: bool
) -> None:
    """A smaller difference, a wider tolerance, a baseline with timestamps and few values raise nothing."""
    baseline = build({"x": normal(10_000)}, days=7)
    hours = [normal(60, mean, seed=hour) for hour in range(30)]
    assert not first_week(baseline, hours, timed=timed, **settings).findings[0].holding


def first_week_part(hours: Sequence[Sequence[float]], *, window_days: int = 7, start: int = 0) -> PartTests:
    """The first week of one feature after these hours. start: no window begins before this hour of the model."""
    baseline = build({"x": normal(10_000)}, days=7)
    layout = layout_of(baseline)
    _window, comparison = new_model(baseline, hours)
    rules = Rules.of(layout, ModelSettings())
    return first_week_tests(layout, comparison, rules, np.array([C]), window_days, np.array([BEGIN + start]))


def test_windows_of_the_first_week_begin_after_the_last_episode_and_are_shorter_than_the_window() -> None:
    """A window of whole days may begin with the hour of `starts`, not before, and is at least a day shorter."""
    hours = [normal(60, 1.2, seed=hour) for hour in range(50)]
    assert first_week_part(hours[:30], start=6).fired[0]
    assert not first_week_part(hours[:30], start=7).tested[0]
    longest, of_two_days = first_week_part(hours), first_week_part(hours, window_days=2)
    assert (longest.hours[0], of_two_days.hours[0]) == (48, 24)
    assert not first_week_part(hours, window_days=1).tested[0]


def test_rows_that_resemble_each_other_count_less_in_the_first_week() -> None:
    """A day needs `min_samples`·φ values: hours that each hold one value leave a feature untested."""
    alike = [[(1.0, 1.5)[hour % 2]] * 60 for hour in range(30)]
    mixed = [[1.0, 1.5] * 30 for _hour in range(30)]
    assert not first_week_part(alike).tested[0]
    assert first_week_part(mixed).fired[0]


def test_few_distinct_values_are_only_tested_for_being_broken() -> None:
    """A whole day of another mix of twelve values raises nothing, since they may be those of a Monday."""
    random = np.random.default_rng(1)
    baseline = build({"x": random.integers(0, 12, 5000).astype(float).tolist()}, days=7)
    hours = [random.integers(0, 3, 60).astype(float).tolist() for _hour in range(30)]
    assert not first_week(baseline, hours).findings[0].holding
    many = build({"x": random.integers(0, 13, 5000).astype(float).tolist()}, days=7)
    assert first_week(many, hours).findings[0].firing


def test_phi_of_hours_is_the_mean_over_neighbouring_hours_and_indicators() -> None:
    """φ_h is the mean of U²/V by the formula, and at least 1."""
    random = np.random.default_rng(4)
    groups = random.integers(0, 30, (5, 2, 10))
    groups[2, 1] = 0
    numeric = np.array([True, False])
    expected = []
    for feature in range(2):
        ratios = []
        for first, second in zip(groups[:-1, feature], groups[1:, feature], strict=True):
            n, m = int(second.sum()), int(first.sum())
            for place in range(9 if numeric[feature] else 10):
                score = (np.arange(10) <= place if numeric[feature] else np.arange(10) == place).astype(float)
                s, t, q = (float(np.sum(one * score)) for one in (second, first, first + second))
                v = n * m / ((n + m) * (n + m - 1)) * (q - (s + t) ** 2 / (n + m)) if n and m else 0.0
                if v > 0.5:
                    ratios.append(((m * s - n * t) / (n + m)) ** 2 / v)
        expected.append(max(1.0, sum(ratios) / len(ratios)))
    assert hourly_phi(groups, numeric) == pytest.approx(expected)
    assert hourly_phi(np.full((3, 1, 10), 10), np.array([True])) == pytest.approx([1.0])


def test_a_constant_is_broken_within_hours() -> None:
    """The mass that no part of the baseline's week can hold is Σ max(0, w − b·336/hours), and half of it is enough."""
    baseline = build({"x": normal(10_000)}, days=7)
    hours = [[0.123] * 60 for _hour in range(3)]
    (feature,) = first_week(baseline, hours).findings[0].features
    layout = layout_of(baseline)
    share = float(layout.bins[int(layout.numbers[0].find(np.array([0.123]))[0])]) / 10_000
    assert feature.drift_score == pytest.approx(1 - share * 336 / 3)
    assert feature.threshold == 0.5
    assert feature.change is not None
    assert (feature.change.part, feature.change.window_hours) == ("broken", 3)
    assert not first_week(baseline, hours[:1]).findings[0].testable, "60 values are fewer than min_samples"
    assert not first_week(baseline, [normal(60, 0.5, seed=hour) for hour in range(3)]).findings[0].holding


def test_what_is_found_broken_later_than_a_day_only_holds_an_alert() -> None:
    """After 24 hours a broken category opens no alert in the first week, but keeps an open one."""
    baseline = build({"c": [letter for letter in "abcdefghij" for _time in range(500)]}, days=7)
    early, late = (first_week(baseline, [["a"] * 60] * hours).findings[0] for hours in (24, 120))
    assert (early.holding, late.firing, late.holding) == (False, False, True), "a day may hold a tenth of the week"
    rare = build({"c": ["a"] * 50 + ["b"] * 9950}, days=7)
    early, next_hour, late = (first_week(rare, [["a"] * 60] * hours).findings[0] for hours in (24, 25, 120))
    assert (early.firing, early.holding) == (True, True)
    assert (next_hour.firing, next_hour.holding) == (False, True)
    assert (late.testable, late.firing, late.holding) == (False, False, True)


def steady(days: int, hour: Sequence[int], flaws: dict[int, Ints]) -> dict[int, Profile]:
    """Days with the same merged groups in each hour. flaws: of some days, by hour."""
    made = {}
    for day in range(days):
        groups = np.tile(np.array(hour), (HOURS, 1, 1))
        own = flaws.get(day, np.zeros((HOURS, 1, 4), np.int64))
        rows = groups.sum(axis=-1)[:, 0] + own[:, 0, :2].sum(axis=-1)
        made[MONDAY + day] = Profile(MONDAY + day, rows, groups, own)
    return made


def test_flaws_that_rise_within_hours_are_a_data_quality_alert() -> None:
    """Missing values that rise from none to a fifth are found after six hours, with the shares of these hours."""
    baseline = build({"x": normal(5000)}, days=7)
    rise = np.zeros((HOURS, 1, 4), np.int64)
    rise[6:12, 0, 0] = 15
    profiles = steady(36, [6] * 10, {35: rise})
    now_hour = (MONDAY + 35) * HOURS + 11
    today = profiles[MONDAY + 35]
    groups = today.groups.copy()
    groups[12:] = 0
    profiles[MONDAY + 35] = replace(today, groups=groups)
    window = counts_of(baseline, normal(8000, seed=2))
    verdict = decided(baseline, window, compared(baseline, profiles, now_hour), now_hour=now_hour)
    quality = verdict.findings[2]
    (feature,) = quality.features
    assert quality.firing
    assert (feature.kind, feature.p_value) == ("missing", None)
    assert feature.shares is not None
    assert feature.shares["window"] == pytest.approx(15 / 75, abs=0.01)
    assert feature.drift_score == pytest.approx(0.2, abs=0.02)
    assert quality.severity == quality_severity_of(feature.drift_score)
    assert feature.change is not None
    assert quality.onset == hour_start(now_hour + 1 - feature.change.window_hours)
    assert verdict.report["status"] == "data_quality"
    (result,) = row_of(verdict)["data_quality"]
    assert (result["hours"], result["fired"], result["p_value"]) == (feature.change.window_hours, True, None)
    assert [sight.fired for sight in verdict.sights["data_quality"]] == [True]


def test_a_feature_in_an_open_alert_is_held_by_its_past_for_seven_days() -> None:
    """The sudden part holds the alert of a feature for a week after the onset and tells that it is taken."""
    baseline = build({"x": normal(5000)}, days=7)
    profiles = steady(44, [6] * 10, {})
    shifted = np.tile(np.array([2, 2, 2, 6, 6, 6, 6, 6, 12, 12]), (HOURS, 1, 1))
    for day in range(35, 44):
        profiles[MONDAY + day] = replace(profiles[MONDAY + day], groups=shifted)
    window = counts_of(baseline, normal(8000, seed=2))
    onset = (MONDAY + 35) * HOURS
    bad = {MONDAY + day: np.array([True]) for day in range(35, 44)}
    found = []
    for day in (36, 43):
        now_hour = (MONDAY + day) * HOURS + 12
        episodes = Episodes({("data_drift", 0): Episode("data_drift", 0, "sudden", onset, now_hour - 1)})
        comparison = compared(baseline, profiles, now_hour, bad=bad)
        found.append(decided(baseline, window, comparison, now_hour=now_hour, episodes=episodes))
    held, settled = found
    assert (held.findings[0].holding, held.findings[0].settled) == (True, False)
    assert (settled.findings[0].holding, settled.findings[0].settled) == (False, True)
    sudden = row_of(held)["sudden"]
    assert sudden is not None
    assert (sudden["state"], row_of(held)["part"], row_of(held)["drifted"]) == ("taken", "sudden", True)
    other: dict[tuple[AlertType, int], Episode] = {
        ("data_quality", 0): Episode("data_quality", 0, "sudden", onset, onset)
    }
    now_hour = (MONDAY + 36) * HOURS + 12
    comparison = compared(baseline, profiles, now_hour, bad=bad)
    quiet = decided(baseline, window, comparison, now_hour=now_hour, episodes=Episodes(other))
    assert not quiet.findings[0].holding, "the feature is in another alert, so its values are not tested"


def test_the_sudden_part_tells_from_when_it_can_judge() -> None:
    """A new model learns until the eighth day, and with the setting off the report says nothing about it."""
    baseline = build({"x": normal(5000)}, days=7)
    profiles = steady(3, [6] * 10, {})
    now_hour = (MONDAY + 2) * HOURS + 5
    window = counts_of(baseline, normal(3000, seed=2))
    comparison = compared(baseline, profiles, now_hour)
    sudden = row_of(decided(baseline, window, comparison, now_hour=now_hour))["sudden"]
    assert sudden is not None
    assert (sudden["state"], sudden["from"]) == ("learning", iso(hour_start((MONDAY + 7) * HOURS)))
    assert (sudden["score"], sudden["surprise"], sudden["reference"], sudden["reference_days"]) == (None, None, None, 0)
    for settings in ({"sudden": False}, {"rule": "p_value"}):
        assert row_of(decided(baseline, window, comparison, now_hour=now_hour, **settings))["sudden"] is None
