"""The sudden part: a whole simulated model, plain Python, an alert's life, and what must not matter."""

import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftguard.counting.knowledge import Knowledge
from driftguard.counting.layout import Layout, layout_of
from driftguard.counting.learning import learn
from driftguard.counting.profiles import Profile, Table
from driftguard.distributions.baseline import build
from driftguard.statistics import posterior
from driftguard.statistics.arrays import Flags, Ints
from driftguard.statistics.stratified import COMPONENTS
from driftguard.verdicts.sudden import REFERENCES, WINDOWS, SuddenRules, SuddenTests, sudden_tests
from tests.unit.counting import slow
from tests.unit.counting.slow import Series
from tests.unit.counting.worlds import FEATURES, MONDAY, NUMERIC, World, layout, profile_of, world

VECTORS = json.loads((Path(__file__).parents[1] / "statistics" / "detection_vectors.json").read_text())["model"]
DAYS, QUARTERS = 40, 4
EACH_QUARTER = 32
"""From this day on, before the onset, every quarter is checked, else every last quarter of an hour."""
DAY_0 = 19_998
"""A day since 1970 with the weekday of the vectors' day 0."""

ALPHA, SCORE, SHARE = 0.05, 0.075, 0.02


def rules_of(features: int, *, alpha: float = ALPHA, score: float = SCORE) -> SuddenRules:
    """Equal rules for all features."""
    return SuddenRules(
        enabled=np.ones(features, np.bool_),
        alpha=np.full(features, alpha),
        score=np.full(features, score),
        share=np.full(features, SHARE),
        flaws=np.ones((features, 4), np.bool_),
    )


def check(
    found: Layout,
    known: Knowledge,
    profiles: dict[int, Profile],
    now_hour: int,
    *,
    rules: SuddenRules | None = None,
    taken: Flags | None = None,
    starts: Ints | None = None,
) -> SuddenTests:
    """A check with no alert open and no window cut, unless told otherwise."""
    features = len(found.features)
    return sudden_tests(
        found,
        known,
        profiles,
        now_hour,
        rules or rules_of(features),
        np.zeros(features, np.bool_) if taken is None else taken,
        np.zeros(features, np.int64) if starts is None else starts,
    )


@cache
def vector_layout() -> Layout:
    """Three numeric features."""
    return layout_of(build({f"x{number}": [0.0, 1.0] for number in range(3)}))


@cache
def quarters() -> Ints:
    """The counts by quarter so far in its hour: (days, hours, quarters, features, groups)."""
    counts = np.array(VECTORS["quarters"]).reshape(DAYS, 24, QUARTERS, 3, 10)
    so_far: Ints = np.cumsum(counts, axis=2)
    return so_far


def vector_profile(day: int, hours: int = 24, running: int | None = None) -> Profile:
    """The whole hours of a day, and the quarters of the running hour up to `running`."""
    groups = np.zeros((24, 3, 10), np.int64)
    groups[:hours] = quarters()[day, :hours, -1]
    if running is not None:
        groups[hours] = quarters()[day, hours, running]
    return profile_of(DAY_0 + day, groups, np.zeros((24, 3, 4), np.int64))


def vector_table() -> Table:
    """The baseline's table, whose rows begin on the vectors' first weekday."""
    weeks = np.array(VECTORS["baseline_by_hour_of_week"]).reshape(7, 24, 3, 10)
    return Table(np.ones(7, np.int64), np.roll(weeks, VECTORS["start_weekday"], axis=0))


def checks(day: int, known: Knowledge) -> Iterator[tuple[int, SuddenTests]]:
    """The quarters of a day of the vectors that are checked, with their results."""
    days = {DAY_0 + past: vector_profile(past) for past in range(max(day - 3, 0), day)}
    for quarter in range(24 * QUARTERS) if day >= EACH_QUARTER else range(QUARTERS - 1, 24 * QUARTERS, QUARTERS):
        hour, running = divmod(quarter, QUARTERS)
        days[DAY_0 + day] = vector_profile(day, hour, running)
        yield (
            day * 24 * QUARTERS + quarter,
            check(vector_layout(), known, days, (DAY_0 + day) * 24 + hour),
        )


@pytest.mark.parametrize("name", ["without_timestamps", "with_timestamps"])
def test_a_simulated_model_is_judged_as_in_the_vectors(name: str) -> None:
    """Every hour's surprise, the first check that fires, the grouping, φ and ρ agree, from stored knowledge."""
    expected: dict[str, Any] = VECTORS[name]
    table = vector_table() if name == "with_timestamps" else None
    profiles = {DAY_0 + day: vector_profile(day) for day in range(DAYS)}
    fired = []
    for day in range(DAYS):
        fresh = learn(vector_layout(), DAY_0 + day, profiles, table, {}, DAY_0)
        known = Knowledge.decode(vector_layout(), DAY_0 + day, {0: fresh.encode(0)})
        assert known.work.tolist() == [bool(used) for used in expected["uses_work"][day]]
        _check_day(known, expected["days"].get(str(day)))
        for quarter, tests in checks(day, known):
            if tests.fired.any():
                fired.append(quarter)
            if quarter % QUARTERS == QUARTERS - 1:
                logarithm = expected["log10_surprise_at_hour_end"][quarter // QUARTERS]
                least = math.inf if logarithm is None else logarithm
                assert math.log10(tests.surprise.min()) == pytest.approx(least, abs=6e-5)
    assert fired[0] == expected["first_firing_check_after_onset"]
    assert expected["checks_firing_before_onset"] == 0


def _check_day(known: Knowledge, expected: dict[str, Any] | None) -> None:
    if expected is None:
        return
    for feature, work in enumerate(known.work):
        grouping = expected["work" if work else "each"]
        assert known.phi[feature, :COMPONENTS] == pytest.approx(grouping["phi"][feature], abs=6e-7)
        mean = posterior.mean(known.weights[feature, :COMPONENTS])
        assert mean == pytest.approx(grouping["mean_rho"][feature], rel=2e-5, abs=6e-10)
        assert known.reference_days[feature] == grouping["reference_days"]


class SlowCheck:
    """One feature's check in plain Python, from what `learn` knows and from the world's counts."""

    def __init__(
        self, model: World, known: Knowledge, day: int, hour: int, feature: int, start: int = -(10**9)
    ) -> None:
        self.known, self.day, self.now, self.feature, self.start = known, day, 24 * day + hour, feature, start
        self.work = bool(known.work[feature])
        self.series = [model.series(feature, component) for component in range(15)]

    def window(self, component: int, length: int) -> tuple[float, float, float, float, float]:
        """U', V, E, a and b of the window of the last hours, cut at the start."""
        series: Series = self.series[component]
        first = max(self.now - length + 1, self.start)
        sums, spread = [0.0, 0.0, 0.0], 0.0
        for day in range(first // 24, self.day + 1):
            hours = [series.held(day, self.work)[hour % 24] for hour in range(first, self.now + 1) if hour // 24 == day]
            of_day = [sum(column) for column in zip((0.0, 0.0, 0.0), *hours, strict=True)]
            sums = [one + more for one, more in zip(sums, of_day, strict=True)]
            spread += of_day[2] ** 2 * (1 + 1 / max(series.k(day, self.work), 1))
        level = series.level(first // 24, self.work)
        a, b = series.factors(sums[2], spread, level) if sums[2] else (1.0, 0.0)
        return sums[0] - sums[1] * level[0], sums[1], sums[2], a, b

    def effect(self, length: int) -> float:
        """The score of the window: a KS distance, or the total variation of categories."""
        numeric = NUMERIC[self.feature]
        windows = [self.window(component, length) for component in (range(2, 11) if numeric else range(10))]
        moved = [abs(u) / e if e else 0.0 for u, _v, e, _a, _b in windows]
        return max(moved) if numeric else sum(moved) / 2

    def surprise(self, length: int, tests: int, part: float = 1.0) -> float:
        """The least surprise of the window over its components."""
        least = math.inf
        if self.effect(length) < part * SCORE:
            return least
        for component in range(11):
            u, v, e, a, b = self.window(component, length)
            phi = self.known.phi[self.feature, component]
            floor = (1.25, 0.14)[component] if NUMERIC[self.feature] and component < 2 else 5.0
            if e >= 20 * phi and v >= floor * phi:
                weights = self.known.weights[self.feature, component].tolist()
                least = min(least, slow.surprise(abs(u) / math.sqrt(v), phi * a, b, weights, tests))
        return least

    def flaw(self, kind: int, length: int, tests: int) -> float:
        """The surprise of a flaw in the window."""
        u, v, e, a, b = self.window(11 + kind, length)
        phi = self.known.phi[self.feature, 11 + kind]
        if e < 20 * phi or v < 5 * phi or u / e < SHARE:
            return math.inf
        weights = self.known.weights[self.feature, 11 + kind].tolist()
        return slow.surprise(u / math.sqrt(v), phi * a, b, weights, tests)


@pytest.mark.parametrize(
    ("seed", "day", "hour", "tables"), [(21, 9, 5, 0), (22, 40, 23, 0), (23, 44, 0, 0), (24, 4, 13, 1)]
)
def test_a_check_finds_what_plain_python_finds(seed: int, day: int, hour: int, tables: int) -> None:
    """Surprise, score, window and onset agree, for numbers, categories and flaws, with gaps and a cut window."""
    model = world(seed, day + 1, tables=tables, spread=0.4)
    today = model.profiles.setdefault(MONDAY + day, world(99, 1, gaps=False).profiles[MONDAY])
    for counts in (today.rows, today.groups, today.flaws):
        counts[hour + 1 :] = 0
    known = learn(layout(), MONDAY + day, model.profiles, model.table, model.bad, MONDAY)
    cut = 24 * day + hour - 30
    starts = np.array([0, 24 * MONDAY + cut, 0, 24 * MONDAY + cut])
    # A day that turned out bad stays in a window, but not in any reference.
    window_world = World(model.profiles, {d: f for d, f in model.bad.items() if d < MONDAY + day - 3}, model.table)
    known = learn(layout(), MONDAY + day, model.profiles, model.table, window_world.bad, MONDAY)
    tests = check(layout(), known, model.profiles, 24 * (MONDAY + day) + hour, starts=starts)
    some = 0
    for feature in range(FEATURES):
        one = SlowCheck(window_world, known, day, hour, feature, cut if feature % 2 else -(10**9))
        found = [one.surprise(length, FEATURES) for length in WINDOWS]
        best = int(np.argmin(found)) if math.isfinite(min(found)) else WINDOWS.index(24)
        assert tests.surprise[feature] == pytest.approx(min(found), rel=1e-3)
        assert tests.score[feature] == pytest.approx(one.effect(WINDOWS[best]), rel=1e-5)
        assert tests.window_hours[feature] == WINDOWS[best]
        assert tests.onset[feature] - 24 * MONDAY == max(one.now - WINDOWS[best] + 1, one.start)
        some += math.isfinite(min(found))
        for kind in range(4):
            flaws = [one.flaw(kind, length, 4 * FEATURES) for length in WINDOWS]
            assert tests.flaws.surprise[feature, kind] == pytest.approx(min(flaws), rel=1e-3)
    assert some


def steady(days: int, *, rows: int = 12, features: int = 2) -> dict[int, Profile]:
    """Days without any change but that of chance, from MONDAY on."""
    random = np.random.default_rng(7)
    return {
        MONDAY + day: profile_of(
            MONDAY + day, random.poisson(rows, (24, features, 10)), np.zeros((24, features, 4), np.int64)
        )
        for day in range(days)
    }


def shift(profile: Profile, feature: int, first: int = 0, last: int = 23, *, part: int = 2) -> None:
    """Move a part of the lower five groups of a feature to the last group, in some hours: half, or a third for 3."""
    hours = profile.groups[first : last + 1, feature]
    moved = hours[:, :5] // part
    hours[:, :5] -= moved
    hours[:, 9] += moved.sum(axis=1)


@cache
def two() -> Layout:
    """A numeric and a categorical feature."""
    names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]
    return layout_of(build({"x": [0.0, 1.0] * 5, "c": names}))


def test_a_shift_fires_with_its_onset_and_only_for_its_feature() -> None:
    """A feature that changes at 9:00 fires within hours, with an onset near 9:00; the other does not."""
    for feature in range(2):
        profiles = steady(31)
        shift(profiles[MONDAY + 30], feature, 9)
        known = learn(two(), MONDAY + 30, profiles, None, {}, MONDAY)
        before = check(two(), known, profiles, 24 * (MONDAY + 30) + 8)
        after = check(two(), known, profiles, 24 * (MONDAY + 30) + 12)
        assert not before.fired.any()
        assert after.fired.tolist() == [feature == 0, feature == 1]
        assert abs(after.onset[feature] - 24 * (MONDAY + 30) - 9) <= 2
        assert after.score[feature] == pytest.approx(0.25, abs=0.08)
        assert REFERENCES[after.reference[feature]] == "working days"
        assert after.since.tolist() == [24 * (MONDAY + 7)] * 2


def test_the_matched_hours_are_as_far_apart_as_the_score() -> None:
    """Shares of a changed feature sum to one, and their distance is the score; steady features have none."""
    for feature in range(2):
        profiles = steady(31)
        shift(profiles[MONDAY + 30], feature, 9)
        known = learn(two(), MONDAY + 30, profiles, None, {}, MONDAY)
        tests = check(two(), known, profiles, 24 * (MONDAY + 30) + 12)
        assert list(tests.matched) == [feature]
        matched = tests.matched[feature]
        assert matched.window.sum() == pytest.approx(1)
        # The level of each category is estimated apart.
        assert matched.reference.sum() == pytest.approx(1, abs=1e-9 if feature == 0 else 0.01)
        moved = matched.window - matched.reference
        distance = np.abs(moved.cumsum()).max() if feature == 0 else np.abs(moved).sum() / 2
        assert distance == pytest.approx(tests.score[feature], rel=1e-9)


def test_the_window_is_held_against_its_own_hours() -> None:
    """Mornings have low values and evenings high ones; a change in the evening is compared with evenings alone."""
    profiles = steady(31, rows=40)
    for profile in profiles.values():
        profile.groups[:12, :, 5:] = 0
        profile.groups[12:, :, :5] = 0
    today = profiles[MONDAY + 30].groups
    today[16:, :, 9] += today[16:, :, 5]
    today[16:, :, 5] = 0
    known = learn(two(), MONDAY + 30, profiles, None, {}, MONDAY)
    tests = check(two(), known, profiles, 24 * (MONDAY + 30) + 21)
    assert tests.window_hours.tolist() == [6, 6]
    for matched in tests.matched.values():
        assert matched.reference[:5] == pytest.approx(np.zeros(5), abs=0.01)
        assert matched.reference[5:] == pytest.approx(np.full(5, 0.2), abs=0.03)
        assert matched.window[5] == 0
        assert matched.window[9] == pytest.approx(0.4, abs=0.05)


def test_the_reference_is_named() -> None:
    """On a weekend only the same weekday is alike, and in a model's first days the baseline's hours are."""
    profiles = steady(41)
    saturday = MONDAY + 40
    known = learn(two(), saturday, profiles, None, {}, MONDAY)
    assert known.work.all()
    assert [REFERENCES[one] for one in check(two(), known, profiles, 24 * saturday).reference] == ["same weekday"] * 2
    table = Table(np.full(7, 2), np.full((7, 24, 2, 10), 24))
    known = learn(two(), MONDAY + 1, profiles, table, {}, MONDAY)
    tests = check(two(), known, profiles, 24 * (MONDAY + 1) + 5)
    assert [REFERENCES[one] for one in tests.reference] == ["baseline hours"] * 2
    assert tests.reference_days.tolist() == [2, 2]
    assert not tests.learning.any()


def test_a_feature_in_an_alert_is_held_while_the_change_lasts() -> None:
    """A taken feature never fires again, and holds against the days before the onset until all is as before."""
    profiles = steady(36)
    for day in range(30, 35):
        shift(profiles[MONDAY + day], 0, 12 if day == 30 else 0)
    bad = {MONDAY + day: np.array([True, False]) for day in range(30, 36)}
    taken = np.array([True, False])
    for day, holds in ((30, True), (31, True), (34, True), (35, False)):
        known = learn(two(), MONDAY + day, profiles, None, bad, MONDAY)
        tests = check(two(), known, profiles, 24 * (MONDAY + day) + 23, taken=taken)
        assert not tests.fired[0]
        assert tests.holding.tolist() == [holds, False]
    without = learn(two(), MONDAY + 34, profiles, None, {}, MONDAY)
    assert not np.array_equal(without.groups[:, :, 0], known.groups[:, :, 0])


def test_an_alert_is_held_by_smaller_effects_than_open_one() -> None:
    """An effect of 0.9 of the limit holds an open alert, opens none, and one of 0.7 does neither."""
    profiles = steady(31, rows=60)
    shift(profiles[MONDAY + 30], 0)
    known = learn(two(), MONDAY + 30, profiles, None, {}, MONDAY)
    now = 24 * (MONDAY + 30) + 23
    strongest = check(two(), known, profiles, now, rules=rules_of(2, score=0.01))
    day = check(two(), known, profiles, now, rules=rules_of(2, score=2.0)).score[0]
    assert strongest.fired[0]
    for part, holds in ((0.9, True), (0.7, False)):
        rules = rules_of(2, score=day * 1.1 / part)
        assert not check(two(), known, profiles, now, rules=rules).fired[0]
        assert check(two(), known, profiles, now, rules=rules, taken=np.array([True, False])).holding[0] == holds


def test_a_feature_fires_below_six_tenths_of_alpha() -> None:
    """The limit of the surprise is 0.6 of alpha, by which `make bench-alarms` was calibrated."""
    profiles = steady(31)
    shift(profiles[MONDAY + 30], 0, 21)
    known = learn(two(), MONDAY + 30, profiles, None, {}, MONDAY)
    now = 24 * (MONDAY + 30) + 23
    surprise = float(check(two(), known, profiles, now).surprise[0])
    assert 0 < surprise < math.inf
    for part, fires in ((0.59, True), (0.61, False)):
        tests = check(two(), known, profiles, now, rules=rules_of(2, alpha=surprise / part))
        assert bool(tests.fired[0]) == fires, part


@pytest.mark.parametrize(("hours", "part", "holds_in"), [(3, 2, 6), (6, 6, 6), (12, 6, 12), (24, 6, 24), (72, 6, 24)])
def test_an_open_alert_is_held_in_windows_of_6_12_and_24_hours(hours: int, part: int, holds_in: int) -> None:
    """A change of any length that shows in a window of another length opens an alert, but does not hold one."""
    profiles = steady(36)
    now = 24 * (MONDAY + 33) + 23
    for day in range(MONDAY + 30, MONDAY + 34):
        first = max(now - hours + 1 - 24 * day, 0)
        if first < 24:
            shift(profiles[day], 0, first, part=part)
    known = learn(two(), MONDAY + 33, profiles, None, {}, MONDAY)
    assert check(two(), known, profiles, now).window_hours[0] == hours
    held = check(two(), known, profiles, now, taken=np.array([True, False]))
    assert held.holding[0]
    assert held.window_hours[0] == holds_in


def test_an_alert_is_held_while_the_surprise_is_below_one() -> None:
    """Ever weaker changes hold an open alert as long as chance finds less than one of them in a model-month."""
    held: dict[float, bool] = {}
    for rows in range(114, 138):
        profiles = steady(31, rows=60)
        profiles[MONDAY + 30].groups[18:, 0, 9] += (rows + np.arange(6)) // 6
        known = learn(two(), MONDAY + 30, profiles, None, {}, MONDAY)
        now = 24 * (MONDAY + 30) + 23
        tests = check(two(), known, profiles, now, rules=rules_of(2, score=0.01), taken=np.array([True, False]))
        held[float(tests.surprise[0])] = bool(tests.holding[0])
    assert all(holds == (surprise < 1.0) for surprise, holds in held.items())
    assert any(0.7 < surprise < 1.0 for surprise in held)
    assert any(1.0 < surprise < 1.3 for surprise in held)


def test_a_window_does_not_begin_before_the_end_of_the_last_episode() -> None:
    """Hours before `window_start` are in no window, and neither the onset nor the score tells of them."""
    profiles = steady(31)
    shift(profiles[MONDAY + 30], 0, 0, 11)
    known = learn(two(), MONDAY + 30, profiles, None, {}, MONDAY)
    now = 24 * (MONDAY + 30) + 14
    assert check(two(), known, profiles, now).fired[0]
    cut = check(two(), known, profiles, now, starts=np.full(2, now - 2))
    assert not cut.fired.any()
    assert (cut.onset >= now - 2).all()


def test_a_rising_share_of_flaws_fires_and_a_falling_one_does_not() -> None:
    """Each kind of flaw fires alone when its share rises from 2 % to 12 %; the way back fires nothing."""
    random = np.random.default_rng(9)
    for kind in range(4):
        profiles = steady(60)
        for day, profile in profiles.items():
            profile.flaws[:, 0, kind] = random.binomial(120, 0.12 if day >= MONDAY + 30 else 0.02, 24)
        for day, fires in ((29, False), (30, True), (59, False)):
            known = learn(two(), MONDAY + day, profiles, None, {}, MONDAY)
            tests = check(two(), known, profiles, 24 * (MONDAY + day) + 9)
            assert tests.flaws.fired.tolist() == [[fires and one == kind for one in range(4)], [False] * 4]
            assert not tests.fired.any()
        for day in range(60, 62):
            profiles[MONDAY + day] = steady(62)[MONDAY + day]
        known = learn(two(), MONDAY + 61, profiles, None, {}, MONDAY)
        assert not check(two(), known, profiles, 24 * (MONDAY + 61) + 23).flaws.fired.any()


def test_flaws_that_cannot_be_tested_are_left_out() -> None:
    """A flaw that the rules leave out, or of a feature that is off, neither fires nor counts as a test."""
    random = np.random.default_rng(9)
    profiles = steady(31)
    for day, profile in profiles.items():
        profile.flaws[:, :, 1] = random.binomial(120, 0.2 if day >= MONDAY + 30 else 0.01, (24, 2))
    known = learn(two(), MONDAY + 30, profiles, None, {}, MONDAY)
    rules = rules_of(2)
    all_of_them = check(two(), known, profiles, 24 * (MONDAY + 30) + 9, rules=rules)
    assert all_of_them.flaws.fired[:, 1].all()
    rules.flaws[0, 1] = rules.enabled[1] = False
    fewer = check(two(), known, profiles, 24 * (MONDAY + 30) + 9, rules=rules)
    assert not fewer.flaws.fired.any()
    assert not fewer.flaws.tested[0, 1]
    rules.flaws[0] = [False, True, False, False]
    one = check(two(), known, profiles, 24 * (MONDAY + 30) + 9, rules=rules)
    assert one.flaws.surprise[0, 1] == pytest.approx(all_of_them.flaws.surprise[0, 1] / 8)


def test_the_smallest_change_that_fires_is_told() -> None:
    """A change of one share by a little more than `min_detectable` would fire, and by a little less would not."""
    profiles = steady(31, rows=30)
    known = learn(two(), MONDAY + 30, profiles, None, {}, MONDAY)
    now = 24 * (MONDAY + 30) + 23
    low = check(two(), known, profiles, now, rules=rules_of(2, score=0.0)).min_detectable
    assert ((low > 0.01) & (low < 0.08)).all()
    assert (check(two(), known, profiles, now, rules=rules_of(2, score=0.2)).min_detectable == 0.2).all()
    stricter = check(two(), known, profiles, now, rules=rules_of(2, score=0.0, alpha=1e-6)).min_detectable
    assert (stricter > 1.2 * low).all()
    young = check(two(), learn(two(), MONDAY + 3, profiles, None, {}, MONDAY), profiles, 24 * (MONDAY + 3))
    assert young.learning.all()
    assert np.isnan(young.min_detectable).all()
    assert not young.fired.any()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 60), st.integers(-2, 30), st.floats(0.001, 3), st.integers(0, 1))
def test_no_traffic_gives_anything_but_numbers(seed: int, day: int, hour: int, rows: float, tables: int) -> None:
    """Whatever is missing, surprises are at least 0 and scores lie between 0 and 1, and nothing warns."""
    model = world(seed, day + 1, rows=rows, tables=tables, spread=0.5)
    known = learn(layout(), MONDAY + day, model.profiles, model.table, model.bad, MONDAY)
    tests = check(layout(), known, model.profiles, 24 * (MONDAY + day) + hour, taken=np.arange(FEATURES) % 2 == 0)
    for found in (tests, tests.flaws):
        assert not np.isnan(found.surprise).any()
        assert (found.surprise >= 0).all()
        assert np.isfinite(found.score).all()
        assert (found.fired <= found.tested).all()
    assert not (tests.fired & tests.holding).any()
    assert np.isnan(tests.min_detectable[tests.learning]).all()
    assert not tests.tested[tests.learning].any()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(8, 50), st.integers(0, 23), st.integers(0, 23))
def test_rows_after_the_running_hour_and_before_the_longest_window_do_not_matter(
    seed: int, day: int, hour: int, older: int
) -> None:
    """Only the last 72 hours are tested: other hours of the same days may hold anything."""
    model = world(seed, day + 1, spread=0.5)
    known = learn(layout(), MONDAY + day, model.profiles, None, model.bad, MONDAY)
    now = 24 * (MONDAY + day) + hour
    before = check(layout(), known, model.profiles, now)
    other = {number: world(seed + 1, 1, gaps=False).profiles[MONDAY] for number in model.profiles}
    mixed = {}
    for number, profile in model.profiles.items():
        inside = np.abs(24 * number + np.arange(24) - (now - 35.5)) < 36
        mixed[number] = Profile(
            number,
            np.where(inside, profile.rows, other[number].rows),
            np.where(inside[:, None, None], profile.groups, other[number].groups),
            np.where(inside[:, None, None], profile.flaws, other[number].flaws),
        )
    after = check(layout(), known, mixed, now)
    assert np.array_equal(before.surprise, after.surprise)
    assert np.array_equal(before.flaws.surprise, after.flaws.surprise)
    assert np.array_equal(before.score, after.score)
