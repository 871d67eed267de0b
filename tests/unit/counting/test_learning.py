"""What is learned from a model's past: against plain Python, and what must not matter."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftguard.counting.batches import count
from driftguard.counting.counts import Counts
from driftguard.counting.knowledge import AXES, REACH, Knowledge
from driftguard.counting.layout import layout_of
from driftguard.counting.learning import learn
from driftguard.counting.profiles import FLAWS, Profile, Table
from driftguard.distributions.baseline import build
from driftguard.platform.serialization import Scalar
from driftguard.rows.columns import Columns, Row, columns_of
from driftguard.statistics.posterior import SDS
from tests.unit.counting import slow
from tests.unit.counting.worlds import FEATURES, MONDAY, NUMERIC, World, layout, world

GROUPINGS = (False, True)


def learned(model: World, day: int) -> Knowledge:
    """What is known at the start of a day of a world."""
    return learn(layout(), MONDAY + day, model.profiles, model.table, model.bad, MONDAY)


def same(one: Knowledge, other: Knowledge, names: Sequence[str] = tuple(AXES)) -> bool:
    """Whether all arrays of two knowledges are equal."""
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


class Slow:
    """The same knowledge in plain Python. Numeric and categorical features are two sets of features."""

    def __init__(self, model: World, day: int) -> None:
        self.day = day
        self.series = [[model.series(feature, component) for component in range(15)] for feature in range(FEATURES)]
        self.phi = {work: self._phi(work) for work in GROUPINGS}
        self.near, self.weights = {}, {}
        for work in GROUPINGS:
            self.near[work], self.weights[work] = self._posteriors(work)

    def _phi(self, work: bool) -> list[list[float]]:
        sums = [[one.squares(self.day, work) for one in feature] for feature in self.series]
        drift = slow.phis([one for feature in sums for one in feature[:11]])
        flaws = slow.phis([one for feature in sums for one in feature[11:]])
        return [drift[11 * i : 11 * i + 11] + flaws[4 * i : 4 * i + 4] for i in range(FEATURES)]

    def _posteriors(self, work: bool) -> tuple[list[list[list[float]]], list[list[list[float]]]]:
        near: list[list[list[float]]] = [[[]] * 15 for _feature in range(FEATURES)]
        used = [[*one] for one in near]
        for some in ([0, 1], [2, 3]):
            for component in range(15):
                phi = [self.phi[work][feature][component] for feature in some]
                series = [self.series[feature][component] for feature in some]
                own = [one.own(self.day, work, value) for one, value in zip(series, phi, strict=True)]
                of_days = slow.posteriors([likelihood for likelihood, _days in own])
                of_pairs = slow.posteriors([one.near(self.day, value) for one, value in zip(series, phi, strict=True)])
                for place, feature in enumerate(some):
                    wider = slow.mean_rho(of_days[place]) > slow.mean_rho(of_pairs[place])
                    near[feature][component] = of_pairs[place]
                    used[feature][component] = of_days[place] if own[place][1] >= 7 and wider else of_pairs[place]
        return near, used

    def works(self, feature: int, model: World) -> bool:
        """Whether the grouping `work` is used."""
        days = [self.series[feature][0].of_day(one, True)[2] > 0 for one in range(self.day - 32, self.day - 4)]
        counts = [
            int(model.profiles[MONDAY + day].groups[:, feature].sum())
            for day in range(max(self.day - 28, 0), self.day)
            if MONDAY + day in model.profiles and day not in self.series[feature][0].bad
        ]
        rows = max(sum(counts) / max(sum(one > 0 for one in counts), 1) / 4, 1)
        number = 11 if NUMERIC[feature] else 10
        variances = []
        for work in GROUPINGS:
            k = self.series[feature][0].k(self.day, work)
            each = [
                self.phi[work][feature][c] / rows + slow.mean_rho(self.weights[work][feature][c]) for c in range(number)
            ]
            variances.append(sum(each) / number * (1 + 1 / k) if k else float("inf"))
        return sum(days) >= 7 and variances[1] < 1.5 * variances[0]


@pytest.mark.parametrize(("seed", "day", "tables"), [(1, 0, 0), (2, 9, 0), (5, 70, 0), (6, 0, 1), (7, 12, 3)])
def test_knowledge_is_what_plain_python_computes_from_the_specification(seed: int, day: int, tables: int) -> None:
    """References, levels, φ, posteriors and the grouping agree, of numbers, categories and flaws, with gaps."""
    model = world(seed, day + 3, tables=tables)
    known, expected = learned(model, day), Slow(model, day)
    for feature in range(FEATURES):
        assert known.work[feature] == expected.works(feature, model)
        work = bool(known.work[feature])
        for component, series in enumerate(expected.series[feature]):
            unit = max(component - 10, 0)
            assert known.phi[feature, component] == pytest.approx(expected.phi[work][feature][component], rel=1e-5)
            weights = expected.weights[work][feature][component]
            assert known.weights[feature, component] == pytest.approx(weights, rel=1e-4, abs=1e-30)
            for place in range(4):
                first = day - 3 + place
                theta, e, b = series.level(first, work)
                assert known.theta[place, feature, component] == pytest.approx(theta, rel=1e-5, abs=1e-7)
                assert known.e_level[place, feature, unit] == pytest.approx(e, rel=1e-5)
                assert known.b_level[place, feature, unit] == pytest.approx(b, rel=1e-5)
                assert known.k[place, feature, unit] == series.k(first, work)
        for place in range(4):
            numbers = [expected.series[feature][0].reference(day - 3 + place, hour, work) for hour in range(24)]
            assert known.groups[place, :, feature].tolist() == [[*hour] for hour in numbers]
        _check_week(known, expected, feature, work)


def _check_week(known: Knowledge, expected: Slow, feature: int, work: bool) -> None:
    among = range(2, 11) if NUMERIC[feature] else range(10)
    hours = [pair[0] for pair in expected.series[feature][0].pairs(expected.day)]
    if not any(e > 0 for pair in hours for _u, _v, e in pair):
        assert (known.phi_week[feature], known.rho_week[feature]) == (1.0, 0.0)
        return
    phi = [expected.phi[work][feature][component] for component in among]
    near = [expected.near[work][feature][component] for component in among]
    cautious = [
        slow.mean_rho(one)
        + max(sum(w * sd**4 for w, sd in zip(one, SDS.tolist(), strict=True)) - slow.mean_rho(one) ** 2, 0) ** 0.5
        for one in near
    ]
    assert known.phi_week[feature] == pytest.approx(sum(phi) / len(phi), rel=1e-5)
    assert known.rho_week[feature] == pytest.approx(max(cautious), rel=1e-4)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 80), st.integers(0, 2))
def test_stored_knowledge_is_the_same_knowledge(seed: int, day: int, tables: int) -> None:
    """Encoding and decoding change no number of what was learned, and nothing is NaN or infinite."""
    known = learned(world(seed, day, tables=tables), day)
    assert same(known, Knowledge.decode(layout(), MONDAY + day, {0: known.encode(0)}))
    assert all(np.isfinite(getattr(known, name)).all() for name in AXES)
    assert (known.phi >= 1).all()
    assert known.weights.sum(axis=-1) == pytest.approx(np.ones((FEATURES, 15)), rel=1e-4)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(30, 60), st.sets(st.integers(0, 59), max_size=20))
def test_bad_days_of_one_feature_change_no_reference_of_another(seed: int, day: int, bad: set[int]) -> None:
    """References, their days and levels of other features stay, whatever days of the first feature are bad."""
    model = world(seed, day)
    known = learned(model, day)
    flags = np.arange(FEATURES) == 0
    worse = World(
        model.profiles, {**model.bad, **{MONDAY + one: model.bad.get(MONDAY + one, flags) | flags for one in bad}}
    )
    now = learned(worse, day)
    kept = known.work[1:] == now.work[1:]
    for name in ("groups", "flaws", "k", "theta", "e_level", "b_level", "own_days", "since"):
        before, after = (np.moveaxis(getattr(one, name), AXES[name], 0)[1:] for one in (known, now))
        assert np.array_equal(before[kept], after[kept])


def test_a_bad_day_counts_as_a_day_without_rows() -> None:
    """If a day is bad for all features, the knowledge is that of a model without the day."""
    model = world(11, 50, gaps=False)
    bad = World(model.profiles, {MONDAY + 20: np.ones(FEATURES, np.bool_)})
    without = World({day: one for day, one in model.profiles.items() if day != MONDAY + 20})
    assert same(learned(bad, 50), learned(without, 50))


def test_what_lies_further_back_changes_nothing() -> None:
    """Days before the first whole day, today and later, and days older than REACH say nothing."""
    model = world(12, 90, gaps=False)
    later = {day: one for day, one in model.profiles.items() if MONDAY + 80 - REACH <= day < MONDAY + 80}
    assert same(learned(model, 80), learned(World(later), 80))
    start = MONDAY + 40
    some = {day: one for day, one in model.profiles.items() if day >= start}
    assert same(
        learn(layout(), MONDAY + 80, model.profiles, None, {}, start),
        learn(layout(), MONDAY + 80, some, None, {}, start),
    )
    shorter = {day: one for day, one in later.items() if day > MONDAY + 80 - REACH}
    assert not same(learned(World(later), 80), learned(World(shorter), 80))


def test_judging_begins_a_week_after_the_first_values() -> None:
    """`since` is a week after a feature's first values, and learning ends then; a table needs no week."""
    model = world(13, 30, gaps=False)
    for day, profile in model.profiles.items():
        if day < MONDAY + 5:
            profile.groups[:, 1] = 0
    assert (learned(model, 0).since - MONDAY).tolist() == [7] * FEATURES
    for day in (6, 7, 11, 12, 20):
        known = learned(model, day)
        assert (known.since - MONDAY).tolist() == [7, 12, 7, 7]
        assert known.learning.tolist() == [day < 7, day < 12, day < 7, day < 7]
    timed = learned(World(model.profiles, {}, Table(np.ones(7, np.int64), np.ones((7, 24, FEATURES, 10), np.int64))), 1)
    assert not timed.learning.any()
    assert (timed.since <= MONDAY).all()
    assert timed.own_days.tolist() == [0] * FEATURES


def test_a_feature_that_was_silent_for_weeks_learns_again() -> None:
    """After 40 days without values a feature learns for a week, and an outage of one day is no new start."""
    model = world(15, 70, gaps=False)
    quiet = World({day: one for day, one in model.profiles.items() if not MONDAY + 10 <= day < MONDAY + 50})
    for day, learning, since in ((52, True, 57), (57, False, 7), (60, False, 7)):
        known = learned(quiet, day)
        assert known.learning.tolist() == [learning] * FEATURES
        assert (known.since - MONDAY).tolist() == [since] * FEATURES
    outage = World({day: one for day, one in model.profiles.items() if day != MONDAY + 1})
    known = learned(outage, 8)
    assert known.reference_days.tolist() == [0] * FEATURES
    assert not known.learning.any()


def test_profiles_come_back_from_their_bytes() -> None:
    """Counts of any size survive; other formats, cut bytes and another number of features raise ValueError."""
    model = world(14, 1)
    (profile,) = model.profiles.values()
    profile.groups[3, 2, 5] = 2**40
    stored = profile.encode(0)
    back = Profile.decode(layout(), profile.day, {0: stored})
    assert all(np.array_equal(getattr(profile, name), getattr(back, name)) for name in ("rows", "groups", "flaws"))
    one = layout_of(build({"x": [1.0, 2.0]}))
    for wrong in (b"", b"\x09" + stored[1:], stored[:-5], stored + b"x", stored[:40]):
        with pytest.raises(ValueError, match=r"format|damaged|hold"):
            Profile.decode(layout(), profile.day, {0: wrong})
    with pytest.raises(ValueError, match="hold"):
        Profile.decode(one, profile.day, {0: stored})
    known = Knowledge.nothing(1, 3).encode(0)
    with pytest.raises(ValueError, match="hold"):
        Knowledge.decode(layout(), 3, {0: known})
    with pytest.raises(ValueError, match="format"):
        Knowledge.decode(one, 3, {0: b"\x07" + known[1:]})


def test_groups_of_features_are_stored_apart() -> None:
    """Each group of 100 features holds its own features, and together they give all."""
    random = np.random.default_rng(3)
    wide = layout_of(build({f"x{number}": [0.0, 1.0] for number in range(130)}))
    groups, flaws = random.poisson(3, (24, 130, 10)), random.poisson(1, (24, 130, len(FLAWS)))
    profile = Profile(5, groups.sum(axis=-1).max(axis=1), groups, flaws)
    stored = {group: profile.encode(group) for group in range(2)}
    assert np.array_equal(Profile.decode(wide, 5, stored).groups, groups)
    assert not Profile.decode(wide, 5, {0: stored[0]}).groups[:, 100:].any()
    known = learn(wide, 30, {day: Profile(day, profile.rows, groups, flaws) for day in range(30)}, None, {}, 0)
    parts = {group: known.encode(group) for group in range(2)}
    assert same(known, Knowledge.decode(wide, 30, parts))
    assert max(map(len, parts.values())) < 390_000
    few = layout_of(build({f"x{number}": [0.0, 1.0] for number in range(30)}))
    days = {day: Profile(day, profile.rows, groups[:, 100:], flaws[:, 100:]) for day in range(30)}
    alone = learn(few, 30, days, None, {}, 0)
    for name in ("groups", "flaws", "theta", "e_level", "b_level", "k"):
        whole = np.moveaxis(getattr(known, name), AXES[name], 0)
        assert np.array_equal(whole[100:], np.moveaxis(getattr(alone, name), AXES[name], 0))


ROWS = st.lists(
    st.tuples(st.integers(0, 24 * 3600 - 1), st.sampled_from([None, 0.5, 1.5, 2.5, 99.0, "a", "b", "zz"])), max_size=40
)


def _batch(rows: Sequence[tuple[int, Scalar]]) -> Columns:
    made = [Row(MONDAY * 86_400.0 + at, {"x": value, "p": value}, None, None) for at, value in rows]
    return columns_of(made)


@settings(deadline=None)
@given(ROWS, st.randoms(use_true_random=False), st.integers(0, 40))
def test_neither_the_order_of_arrival_nor_parts_of_hours_matter(
    rows: list[tuple[int, Scalar]], random: "np.random.Generator", cut: int
) -> None:
    """A day's profile is the same in any order and as the sum of any two parts, and tells each value."""
    baseline = build({"x": [0.5, 1.5, 2.5, 3.5], "p": ["a", "a", "b", "c"]})
    found = layout_of(baseline)
    mixed = [*rows]
    random.shuffle(mixed)

    def profile(batches: Sequence[Sequence[tuple[int, Scalar]]]) -> Profile:
        hours: Mapping[int, Counts] = count(baseline, [_batch(one) for one in batches])
        return Profile.of(found, MONDAY, hours)

    whole, shuffled = profile([rows]), profile([mixed[:cut], mixed[cut:]])
    parts = profile([mixed[:cut]]) + profile([mixed[cut:]])
    for name in ("rows", "groups", "flaws"):
        assert np.array_equal(getattr(whole, name), getattr(shuffled, name))
        assert np.array_equal(getattr(whole, name), getattr(parts, name))
    values = [value for _at, value in rows]
    texts, numbers = [one for one in values if isinstance(one, str)], [one for one in values if isinstance(one, float)]
    missing = values.count(None)
    assert whole.rows.sum() == len(rows)
    assert whole.groups.sum(axis=(0, 2)).tolist() == [len(numbers), len(texts)]
    assert whole.flaws.sum(axis=0).tolist() == [
        [missing, len(texts), numbers.count(99.0), 0],
        [missing, len(numbers), 0, texts.count("zz")],
    ]
