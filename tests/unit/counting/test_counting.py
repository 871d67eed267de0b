"""Counting: packed batches against counts taken one value at a time."""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftguard.counting.batches import count
from driftguard.counting.counts import KINDS, NAME_LENGTH, RECENT_NAMES, Counts
from driftguard.counting.edges import Edges, cells_of, digests_of
from driftguard.counting.layout import GROUP_SIZE, layout_of
from driftguard.distributions.baseline import Baseline, build
from driftguard.distributions.categories import CELLS, cell_of, digest_of
from driftguard.distributions.numbers import Numbers
from driftguard.platform.serialization import Scalar
from driftguard.platform.sizes import MAX_ITEM_BYTES
from driftguard.rows.columns import Columns, Row, columns_of
from driftguard.rows.packing import pack
from driftguard.rows.unpacking import columns

HOUR = 3600.0
START = 472_000 * HOUR

ODD = [0.0, -0.0, 5e-324, -5e-324, 1e308, -1e308, 1.7976931348623157e308, 2.0**53, 2.0**53 + 2, 1e9, 0.1, 1.0, -1.0]
NUMBERS = st.one_of(
    st.sampled_from(ODD), st.floats(allow_nan=False, allow_infinity=False), st.integers(-5, 5).map(float)
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.sampled_from(["a", "b", "c", "zz"]), NUMBERS, st.integers(-(2**63), 2**63 - 1)
)


def batch(rows: Sequence[Mapping[str, Scalar]], *, at: float = START, every: float = 1.0) -> Columns:
    """A packed batch of rows, one a second."""
    made = [Row(at + every * number, dict(features), None, None) for number, features in enumerate(rows)]
    return columns(pack(made))


def total(baseline: Baseline, batches: list[Columns]) -> Counts:
    """The counts of all hours together."""
    return sum(count(baseline, batches).values(), Counts.empty(baseline))


def same(one: Counts, other: Counts) -> bool:
    """Whether two counts are equal in everything that is exact."""
    return (
        one.rows == other.rows
        and all(
            np.array_equal(getattr(one, name), getattr(other, name))
            for name in ("bins", "missing", "invalid", "least", "greatest", "unseen")
        )
        and one.recent == other.recent
    )


@given(st.lists(NUMBERS, min_size=1, max_size=300), st.lists(NUMBERS, min_size=1, max_size=100))
def test_the_grid_finds_the_bins_of_a_binary_search(made_of: list[float], values: list[float]) -> None:
    """However the edges lie, each value gets the bin that a binary search gives it."""
    baseline = build({"x": made_of})
    edges = layout_of(baseline).numbers[0].values
    found = layout_of(baseline).numbers[0].find(np.array(values))
    assert found.tolist() == [bisect_left(edges.tolist(), value) for value in values]


@given(st.lists(NUMBERS, min_size=1, max_size=300), st.integers(0, 5))
def test_edges_ascend_also_where_values_are_neighbours(made_of: list[float], neighbours: int) -> None:
    """Where the next smaller double is a value of its own, one edge serves for both: no bin is listed twice."""
    values = [*made_of, *(math.nextafter(1.0, 2.0, steps=steps) for steps in range(neighbours))]
    layout = layout_of(build({"x": values, "y": values[:1] * len(values)}))
    for index, edges in layout.numbers.items():
        assert np.all(edges.values[1:] > edges.values[:-1])
        assert layout.sizes[index] == len(edges.values) + 1


def test_a_category_keeps_its_bin_however_often_it_comes() -> None:
    """What is remembered of a name when it was first looked for is what it was found to be."""
    names = [f"{number:03d}" for number in range(150)]
    baseline = build({"x": [*names[:100] * 2, *names[100:]]})
    counted = total(baseline, [batch([{"x": name} for name in (*names, "never seen")]) for _time in range(3)])
    cells = [0] * CELLS
    for name in (*names[100:], "never seen"):
        cells[cell_of(digest_of(name))] += 3
    assert counted.bins.tolist() == [3] * 100 + cells
    assert counted.unseen.tolist() == [3]


@given(st.lists(st.text(max_size=8), min_size=1, max_size=40))
def test_names_have_one_digest_however_it_is_computed(names: list[str]) -> None:
    """Many names at once have the digests and the cells of single names, lone surrogates included."""
    digests = digests_of([*names, "\ud800"])
    assert digests.tolist() == [digest_of(name) for name in [*names, "\ud800"]]
    assert cells_of(digests).tolist() == [cell_of(digest) for digest in digests.tolist()]


def test_digests_and_cells_never_change() -> None:
    """Stored baselines and counts depend on them."""
    assert [digest_of(name) for name in ("", "a", "Größe")] == [0, 0xE8B7BE43, 0x946E9015]
    assert [cell_of(digest) for digest in (0, 1, 0xE8B7BE43, 2**32 - 1)] == [0, 39, 16, 24]


def test_unseen_values_are_found_among_thousands() -> None:
    """Of 30,000 ids none is new, and of others at most one in a thousand passes for known."""
    baseline = build({"x": [f"id {number}" for number in range(30_000)]})
    known = total(baseline, [batch([{"x": f"id {number}"} for number in range(0, 30_000, 7)])])
    assert known.unseen.tolist() == [0]
    others = total(baseline, [batch([{"x": f"user {number}"} for number in range(5000)])])
    assert 4995 <= others.unseen[0] <= 5000


@pytest.mark.parametrize("spread", ["normal", "lognormal", "standard_cauchy"])
def test_the_grid_works_on_smooth_and_on_heavy_tailed_edges(spread: str) -> None:
    """On the edges of common distributions, heavy tails included, the grid is used and agrees with the search."""
    random = np.random.default_rng(1)
    values = np.unique(getattr(random, spread)(size=260))
    edges = Edges(values)
    assert edges.gridded
    sample = np.concatenate([getattr(random, spread)(size=5000), values, np.nextafter(values, -np.inf)])
    assert np.array_equal(edges.find(sample), values.searchsorted(sample))


@given(
    st.lists(st.tuples(SCALARS, SCALARS, SCALARS), min_size=1, max_size=40),
    st.lists(st.tuples(SCALARS, SCALARS, SCALARS, st.integers(0, 3)), min_size=1, max_size=40),
    st.integers(1, 40),
)
def test_packed_batches_are_counted_like_single_values(
    made_of: list[tuple[Any, ...]], logged: list[tuple[Any, ...]], size: int
) -> None:
    """Of any mixture of values, in any hour and cut into any batches, each is in the bin where it belongs."""
    names = ("x", "y", "z")
    baseline = build({name: [row[place] for row in made_of] for place, name in enumerate(names)})
    rows = [
        Row(START + HOUR * row[3] + number, dict(zip(names, row, strict=False)), None, None)
        for number, row in enumerate(logged)
    ]
    batches = [columns(pack(rows[first : first + size])) for first in range(0, len(rows), size)]
    counted = count(baseline, batches)
    expected = _one_by_one(baseline, rows)
    assert {hour: counts.rows for hour, counts in counted.items()} == {
        hour: len(members) for hour, members in expected.items()
    }
    for hour, members in expected.items():
        for index, feature in enumerate(baseline.features):
            bins: dict[int, int] = defaultdict(int)
            wrong = [0, 0, 0]
            missing = 0
            for row in members:
                value = row.features.get(feature.name)
                kind = KINDS.index(_kind(value)) if value is not None else None
                if kind is None:
                    missing += 1
                elif kind == ["numeric", "categorical", "boolean"].index(feature.type):
                    bins[_bin(baseline, index, value)] += 1
                else:
                    wrong[kind] += 1
            found = counted[hour].bins[layout_of(baseline).span(index)]
            assert {place: number for place, number in enumerate(found.tolist()) if number} == bins
            assert counted[hour].invalid[index].tolist() == wrong
            assert counted[hour].missing[index] == missing


def _one_by_one(baseline: Baseline, rows: list[Row]) -> dict[int, list[Row]]:
    hours: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        hours[int(row.event_time // HOUR)].append(row)
    return hours


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"


def _bin(baseline: Baseline, index: int, value: Any) -> int:
    layout = layout_of(baseline)
    if isinstance(baseline.features[index].values, Numbers):
        return bisect_left(layout.numbers[index].values.tolist(), float(value))
    name = str(value).lower() if isinstance(value, bool) else str(value)
    return int(layout.categories[index].find([name])[0][0])


@given(st.lists(st.lists(st.tuples(SCALARS, st.integers(0, 2)), min_size=1, max_size=9), min_size=2, max_size=5))
def test_counts_add_up_in_any_order(parts: list[list[tuple[Scalar, int]]]) -> None:
    """Counting batches together, apart, or in reverse comes to the same."""
    baseline = build({"x": ["a", "b", None], "y": [1, 2, 3]})
    batches = [
        columns_of([Row(START + 60 * hour, {"x": value, "y": value}, None, None) for value, hour in part])
        for part in parts
    ]
    together = total(baseline, batches)
    apart = [total(baseline, [one]) for one in batches]
    assert same(together, sum(apart[1:], apart[0]))
    assert same(together, sum(reversed(apart), Counts.empty(baseline)))


@given(st.lists(st.tuples(SCALARS, SCALARS), min_size=1, max_size=30))
def test_counts_survive_storing(logged: list[tuple[Scalar, Scalar]]) -> None:
    """What was stored in groups is what was counted."""
    baseline = build({"x": [1.5, 2, -3.0], "y": ["a", "b", "b"]})
    counted = total(baseline, [batch([{"x": x, "y": y} for x, y in logged])])
    stored = Counts.decode(baseline, {0: counted.encode(0)})
    assert same(stored, counted)
    assert np.array_equal(stored.total, counted.total, equal_nan=True)
    assert np.array_equal(stored.squares, counted.squares, equal_nan=True)


def test_features_are_stored_in_groups() -> None:
    """Each group holds a hundred features and is read back alone, beside empty ones."""
    baseline = build({f"f{number}": [1.0, 2.0] for number in range(GROUP_SIZE + 1)})
    row = {f"f{number}": 1.0 for number in range(GROUP_SIZE + 1)}
    counted = total(baseline, [batch([row] * 10)])
    second = Counts.decode(baseline, {1: counted.encode(1)})
    assert second.rows == 10
    assert second.present.tolist() == [0] * GROUP_SIZE + [10]
    assert same(Counts.decode(baseline, {0: counted.encode(0), 1: counted.encode(1)}), counted)


def test_counts_of_another_baseline_are_refused() -> None:
    """Stored counts do not fit a baseline with other bins, nor an unknown format."""
    first, second = build({"x": [1, 2, 3]}), build({"x": [1, 2]})
    data = total(first, [batch([{"x": 1}])]).encode(0)
    with pytest.raises(ValueError, match="another baseline"):
        Counts.decode(second, {0: data})
    with pytest.raises(ValueError, match="unknown format"):
        Counts.decode(first, {0: b"\xff" + data[1:]})


def test_sums_that_overflow_neither_fail_nor_hide_the_counts() -> None:
    """Values of ±1e308 are counted, whatever becomes of their sum."""
    baseline = build({"x": [1e308, -1e308, 0.0]})
    counted = total(baseline, [batch([{"x": 1e308}] * 20 + [{"x": -1e308}] * 20)])
    again = counted + counted
    assert again.present.tolist() == [80]
    assert (again.least[0], again.greatest[0]) == (-1e308, 1e308)


def test_the_outer_bins_hold_what_is_out_of_range() -> None:
    """Below the least and above the greatest baseline value lie bins of their own, in small and large baselines."""
    for values in ([3.0, 4.0, 5.0], [value / 100 for value in range(300, 1001)]):
        baseline = build({"x": values})
        low, high = min(values), max(values)
        counted = total(baseline, [batch([{"x": x} for x in (low, high, low - 1e-6, -1e300, high + 1)])])
        assert counted.bins[0] == 2
        assert counted.bins[-1] == 1


def test_roundings_to_float32_are_counted() -> None:
    """A value in the bin of a baseline value that it only rounds to is counted apart; a new value has another bin."""
    baseline = build({"x": [0.1, 0.2, 0.25]})
    rounded = float(np.float32(0.1))
    counted = total(baseline, [batch([{"x": x} for x in (0.1, rounded, rounded, 0.25, 0.3, 0.15)])])
    assert counted.unseen.tolist() == [2]
    assert counted.bins.tolist() == [0, 3, 1, 0, 0, 1, 1]
    stored = replace(baseline, format=1)
    assert total(stored, [batch([{"x": rounded}])]).bins.tolist() == [0, 0, 1, 0, 0, 0, 0]


def test_absent_and_null_are_the_same() -> None:
    """A feature that a row lacks is missing, and so is one that is null, also when no row of a batch has it."""
    baseline = build({"x": [1, 2], "y": [1, 2]})
    counted = total(baseline, [batch([{"x": None}, {"x": 1.0}, {}]), batch([{}] * 9)])
    assert counted.missing.tolist() == [11, 12]
    assert counted.rows == 12


def test_predictions_are_counted_as_a_feature() -> None:
    """The prediction is told apart from a feature that has its name."""
    baseline = build({"prediction": [1.0, 2.0]}, ["yes", "no"])
    rows = [Row(START, {"prediction": 1.0}, "yes", None)] * 3 + [Row(START, {"prediction": 2.0}, None, None)]
    counted = total(baseline, [columns_of(rows)])
    assert counted.present.tolist() == [4, 3]
    assert counted.missing.tolist() == [0, 1]


def test_the_latest_new_categories_are_kept() -> None:
    """Of categories that the baseline lacked the last seen are kept by name, shortened, in any order of batches."""
    baseline = build({"x": ["a", "b"]})
    early = batch([{"x": f"new {number}"} for number in range(9)])
    late = batch([{"x": "n" * 200}, {"x": "a"}, {"x": "new 0"}], at=START + 60)
    for order in ([early, late], [late, early]):
        names = total(baseline, order).recent[0]
        assert list(names) == ["new 0", "n" * NAME_LENGTH, "new 8", "new 7", "new 6"]
        assert len(names) == RECENT_NAMES
    stored = Counts.decode(baseline, {0: total(baseline, [early, late]).encode(0)})
    assert stored.recent == total(baseline, [early, late]).recent


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 40)), min_size=1, max_size=300))
def test_the_latest_names_of_many_rows_are_those_of_a_plain_loop(logged: list[tuple[int, int]]) -> None:
    """However many new names an hour has, and however many share a time, the latest are those of a plain loop."""
    rows = [Row(START + second, {"x": f"id {number}"}, None, None) for number, second in logged]
    found = total(build({"x": ["a", "b"]}), [columns(pack(rows))]).recent[0]
    times: dict[str, int] = {}
    for number, second in logged:
        name = f"id {number}"
        times[name] = max(times.get(name, 0), int(START + second) * 1000)
    wanted = sorted(times.items(), key=lambda item: (-item[1], item[0]))[:RECENT_NAMES]
    assert list(found.items()) == wanted


def test_rare_and_new_categories_are_told_apart() -> None:
    """A category the baseline had, however rare, is not new, and neither is a new boolean value without a bin."""
    baseline = build({"x": [f"c{number}" for number in range(150)], "y": [True] * 150})
    counted = total(baseline, [batch([{"x": "c149", "y": True}, {"x": "c0", "y": False}, {"x": "other", "y": False}])])
    assert counted.unseen.tolist() == [1, 2]
    assert counted.bins[layout_of(baseline).span(1)].tolist() == [1, 2]


def test_an_hour_of_600_rows_takes_about_130_bytes_a_feature() -> None:
    """600 rows on 257 bins of random doubles take 130 bytes a feature at most, a single row 25."""
    random = np.random.default_rng(3)
    names = [f"f{number}" for number in range(20)]
    baseline = build({name: random.normal(size=10_000).tolist() for name in names})
    values = {name: random.normal(size=600).tolist() for name in names}
    rows = [{name: values[name][number] for name in names} for number in range(600)]
    counted = total(baseline, [batch(rows)])
    assert len(counted.encode(0)) / 20 <= 130
    assert len(total(baseline, [batch(rows[:1])]).encode(0)) / 20 <= 25


def test_a_group_of_large_counts_fits_an_item() -> None:
    """A hundred features with counts of millions in every bin stay far below what an item holds."""
    random = np.random.default_rng(3)
    baseline = build({f"f{number}": random.normal(size=600).tolist() for number in range(GROUP_SIZE)})
    counted = Counts.empty(baseline)
    counted.bins[:] = random.integers(10**6, 10**7, len(counted.bins))
    assert len(counted.encode(0)) < MAX_ITEM_BYTES


def test_whole_numbers_beyond_doubles_are_rounded_once() -> None:
    """Whole numbers up to the width of int64 are counted as Python's own conversion to a double has them."""
    values = [2**53 - 1, 2**53, 2**53 + 1, 2**53 + 3, 2**63 - 1, -(2**63), -(2**53) - 1, 0] * 2
    baseline = build({"x": [float(value) for value in values]})
    counted = total(baseline, [batch([{"x": value} for value in values])])
    layout = layout_of(baseline)
    assert np.array_equal(counted.bins, layout.bins)
    assert math.isclose(counted.total[0], math.fsum(map(float, values)))


def test_a_baseline_without_features_counts_rows() -> None:
    """Nothing to count is no error."""
    baseline = build({})
    counted = total(baseline, [batch([{"x": 1.0}] * 3)])
    assert counted.rows == 3
    assert same(Counts.decode(baseline, {0: counted.encode(0)}), counted)
