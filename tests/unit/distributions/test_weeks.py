"""The hours of the week of a baseline's values: counted at once, from chunks of a file, and against the layout."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftguard.counting.batches import count
from driftguard.counting.layout import MERGED, layout_of
from driftguard.distributions import times
from driftguard.distributions.baseline import Baseline, build
from driftguard.distributions.large import BaselineBuilder
from driftguard.distributions.weeks import HOURS_OF_WEEK, Weeks, weeks_of
from driftguard.platform.serialization import Scalar
from driftguard.platform.times import hour_of, hour_start
from driftguard.rows.columns import Row, columns_of

MONDAY = hour_of(datetime(2026, 11, 2, tzinfo=UTC))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(["a", "b", "c", "ü"]),
    st.integers(-3, 3),
    st.floats(-3, 3),
    st.sampled_from([0.0, -0.0, 1e308, 2**53 + 1, 10**400]),
)
HOURS = st.one_of(st.none(), st.integers(MONDAY - 300, MONDAY + 300))


def shaped(weeks: Weeks) -> np.ndarray:
    """The groups as an array (168, features, 10)."""
    return np.array(weeks.groups, np.int64).reshape(HOURS_OF_WEEK, weeks.features, MERGED)


def in_chunks(
    columns: dict[str, list[Scalar]], predictions: list[Scalar], hours: list[int | None], size: int
) -> tuple[Baseline, Weeks | None]:
    """The baseline of a file that is read in chunks of `size` rows, whose columns lack their missing values."""
    with TemporaryDirectory() as folder:
        builder = BaselineBuilder(Path(folder))
        for first in range(0, len(hours), size):
            some = slice(first, first + size)
            chunk = {name: values[some] for name, values in columns.items()}
            places = {name: [at for at, one in enumerate(own) if one is not None] for name, own in chunk.items()}
            sparse = {name: [own[at] for at in places[name]] for name, own in chunk.items()}
            builder.add(sparse, predictions[some], rows=len(hours[some]), hours=hours[some], places=places)
        baseline = builder.finish()
        weeks = builder.weeks(baseline)
        assert list(Path(folder).iterdir()) == [] or weeks is None
    return baseline, weeks


@given(st.lists(st.tuples(SCALARS, SCALARS, SCALARS, HOURS), min_size=1, max_size=60), st.integers(1, 25))
def test_a_file_has_the_hours_of_one_build(rows: list[tuple[Scalar, Scalar, Scalar, int | None]], size: int) -> None:
    """However the rows are cut into chunks, and whatever their types are, each hour has the same counts."""
    columns = {"x": [row[0] for row in rows], "y": [row[1] for row in rows]}
    predictions, hours = [row[2] for row in rows], [row[3] for row in rows]
    weeks = weeks_of(build(columns, predictions), columns, predictions, hours)
    _baseline, chunked = in_chunks(columns, predictions, hours, size)
    if weeks is None or chunked is None:
        assert weeks is chunked
        return
    assert (chunked.days, chunked.features) == (weeks.days, weeks.features)
    np.testing.assert_array_equal(shaped(chunked), shaped(weeks))


def test_the_groups_are_those_that_logged_rows_are_counted_in() -> None:
    """The rows of a baseline, logged at the same hours, have the same merged groups in each hour."""
    draw = np.random.default_rng(3)
    rows = 3000
    columns: dict[str, list[Scalar]] = {
        "smooth": draw.normal(size=rows).tolist(),
        "tied": np.round(draw.lognormal(size=rows), 1).tolist(),
        "few": draw.integers(0, 4, rows).tolist(),
        "constant": [7.0] * rows,
        "city": [f"c{int(one)}" for one in draw.zipf(1.4, rows)],
        "two": [f"t{int(one)}" for one in draw.integers(0, 2, rows)],
        "flag": (draw.random(rows) < 0.2).tolist(),
    }
    hours = (MONDAY + draw.integers(0, 24 * 21, rows)).tolist()
    baseline = build(columns)
    weeks = weeks_of(baseline, columns, None, hours)
    assert weeks is not None
    logged = [
        Row(hour_start(hour).timestamp() + 5, {name: values[at] for name, values in columns.items()}, None, None)
        for at, hour in enumerate(hours)
    ]
    expected = np.zeros((HOURS_OF_WEEK, len(columns), MERGED))
    merged = layout_of(baseline).merged
    for hour, counts in count(baseline, [columns_of(logged)]).items():
        grouped = np.bincount(merged, weights=counts.bins, minlength=len(columns) * MERGED)
        expected[(hour - MONDAY) % HOURS_OF_WEEK] += grouped.reshape(-1, MERGED)
    np.testing.assert_array_equal(shaped(weeks), expected)
    assert weeks.days == (3,) * 7
    assert weeks.hours == HOURS_OF_WEEK


def test_the_stored_bytes_are_the_same_counts() -> None:
    """Decoding returns what was encoded, also for counts of more than a byte and for a baseline without features."""
    columns: dict[str, list[Scalar]] = {"x": [*[1.0] * 70_000, 2.0]}
    weeks = weeks_of(build(columns), columns, None, [MONDAY] * 70_000 + [MONDAY + 30])
    assert weeks is None
    weeks = weeks_of(build(columns), columns, None, [MONDAY + at % 3 for at in range(70_000)] + [None])
    assert weeks is not None
    assert Weeks.decode(weeks.encode()) == weeks
    nothing = weeks_of(build({}), {}, None, range(MONDAY, MONDAY + 10))
    assert nothing is not None
    assert (Weeks.decode(nothing.encode()), nothing.hours) == (nothing, 0)


@pytest.mark.parametrize("data", [b"", b"\x02abc", b"\x01\x03\x00\x00\x00abc"])
def test_damaged_bytes_raise_a_value_error(data: bytes) -> None:
    """Other formats and damaged bytes are refused."""
    with pytest.raises(ValueError, match=r"hours of the week|damaged data"):
        Weeks.decode(data)


def test_dates_tell_no_hours() -> None:
    """Rows whose times all lie at midnight, also in a zone that changes its clock, have no hours of the week."""
    columns: dict[str, list[Scalar]] = {"x": [float(at) for at in range(40)]}
    hours = [MONDAY + 24 * at - (at > 20) for at in range(40)]
    assert weeks_of(build(columns), columns, None, hours) is None


def test_days_that_the_model_counts_itself_are_left_out() -> None:
    """Rows from the given day on have no place in the table, and their days are not counted."""
    columns: dict[str, list[Scalar]] = {"x": [float(at) for at in range(24 * 10)]}
    hours = [MONDAY + at for at in range(24 * 10)]
    weeks = weeks_of(build(columns), columns, None, hours, before=MONDAY // 24 + 2)
    assert weeks is not None
    assert weeks.days == (1, 1, 0, 0, 0, 0, 0)
    assert shaped(weeks).sum(axis=(1, 2)).tolist() == [1] * 48 + [0] * 120
    assert weeks_of(build(columns), columns, None, hours, before=MONDAY // 24) is None


def test_of_a_huge_file_a_part_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit every 16th value is kept, and the shares of the groups stay the same."""
    monkeypatch.setattr(times, "MOST_VALUES", 10_000)
    rows = 60_000
    numbers: list[Scalar] = [float(at % 100) for at in range(rows)]
    columns: dict[str, list[Scalar]] = {"x": numbers, "n": ["ab"[at % 2] for at in range(rows)]}
    hours: list[int | None] = [MONDAY + at % 7 for at in range(rows)]
    _baseline, weeks = in_chunks(columns, [None] * rows, hours, 5000)
    assert weeks is not None
    kept = shaped(weeks)
    assert 10_000 <= kept.sum() <= 10_000 + 2 * rows // 16 + 10_000
    shares = kept[:7, 0].sum(axis=0) / kept[:, 0].sum()
    np.testing.assert_allclose(shares, 0.1, atol=0.02)
    assert Counter((kept[:, 1].sum(axis=0) > 0).tolist()) == {True: 2, False: 8}
