"""Columns follow the rules of rows: the same rows are stored, and the same rows are rejected for the same reasons."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from driftguard.platform.errors import Invalid
from driftguard.rows.columns import Row
from driftguard.rows.logged_columns import FIELDS, SentColumns, read
from driftguard.rows.packing import pack, pack_columns
from driftguard.rows.reading import MAX_AGE, MAX_AHEAD, REPEATED_ID, BadRow, RowReader

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FIELD_OF_ROW = {
    "timestamps": "timestamp",
    "predictions": "prediction",
    "prediction_ids": "prediction_id",
    "scores": "score",
    "probabilities": "probabilities",
    "labels": "label",
}

VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.sampled_from([10**400, 2**63, 1.5e308, "x" * 257, "x" * 256, "\ud800", "ü", [], {"a": 1}, [1]])
    | st.text(max_size=4)
)
SHARES = st.sampled_from([0, 0.25, 0.5, 1, 1.1, -0.1, True, None, "0.5", float("nan"), float("inf"), 10**400])
FIELDS_WITH_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "timestamps": st.none()
    | st.sampled_from(
        [
            *("2026-11-23T12:00:00Z", "2026-11-23T14:00:00.25+02:00", "2026-11-20t01:02:03z", "2026-11-23T12:00:00"),
            *("2026-11-23T12:15:00Z", "2026-11-23T12:15:01Z", "2026-11-02T12:00:00Z", "2026-11-02T11:59:59Z", "soon"),
            *(7, True, [], "0001-01-01T00:00:00+23:59"),
        ]
    ),
    "predictions": VALUES,
    "prediction_ids": st.none() | st.sampled_from(["a", "b", "c", "", "x" * 129, 7, 7.0, 7.5, True, "\ud800", []]),
    "scores": SHARES,
    "probabilities": st.none()
    | st.lists(SHARES, max_size=3)
    | st.dictionaries(st.sampled_from(["a", "b", "\ud800", "x" * 257]), SHARES, max_size=3)
    | st.sampled_from([[0.5, 0.5], {"a": 0.5, "b": 0.5}, [0.02] * 51, [0.02] * 50, {"a": 0.991}, {"a": 0.989}, 7, "a"]),
    "labels": VALUES,
}
MOST_ROWS = 20


@st.composite
def sent_columns(draw: st.DrawFn) -> tuple[int, dict[str, list[Any]], dict[str, list[Any]]]:
    """A number of rows, features and further columns, with many good and some bad values."""
    rows = draw(st.integers(1, MOST_ROWS))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        # Most columns have values of one kind, and many have no bad value.
        plain = st.sampled_from([1, 2.5]) if values is VALUES else values
        return draw(st.lists(plain if draw(st.booleans()) else values, min_size=rows, max_size=rows))

    names = draw(st.lists(st.sampled_from(["age", "plan", "größe", "prediction", "x" * 128]), unique=True, max_size=4))
    given_fields = draw(st.lists(st.sampled_from(FIELDS), unique=True))
    features = {name: column(VALUES) for name in names}
    fields = {name: column(FIELDS_WITH_VALUES[name]) for name in given_fields}
    return rows, features, fields


def by_row(
    rows: int, features: dict[str, list[Any]], fields: dict[str, list[Any]]
) -> tuple[list[Row], dict[int, BadRow]]:
    """What the reader of rows makes of the same data, sent as rows."""
    reader, good, bad, seen = RowReader(NOW), list[Row](), dict[int, BadRow](), set[str]()
    for number in range(rows):
        item = {
            "features": {name: values[number] for name, values in features.items()},
            **{FIELD_OF_ROW[name]: values[number] for name, values in fields.items()},
        }
        try:
            row = reader.logged(item, [number])
            if row.prediction_id in seen:
                raise BadRow([number, "prediction_id"], REPEATED_ID)
            seen |= {row.prediction_id} if row.prediction_id is not None else set()
            good.append(row)
        except BadRow as error:
            bad[number] = error
    return good, bad


def moved(place: list[Any]) -> list[Any]:
    """A place in a row as the place in the columns: the name first, the row's number behind it."""
    number, field, *rest = place
    if field == "features":
        return ["body", "columns", rest[0], number, *rest[1:]]
    names = {singular: plural for plural, singular in FIELD_OF_ROW.items()}
    return ["body", names[field], number, *rest]


def kinds(row: Row) -> list[type]:
    """The types of a row's values: true is not 1, and 1 is not 1.0."""
    return [type(value) for value in [*row.features.values(), row.prediction, row.score, row.label]]


@given(sent_columns())
def test_columns_are_judged_like_the_same_data_in_rows(
    sent: tuple[int, dict[str, list[Any]], dict[str, list[Any]]],
) -> None:
    """The same rows are valid and stored as the same bytes; the others have the same reason at the same place."""
    rows, features, fields = sent
    assume(features or fields)
    good, bad = by_row(rows, features, fields)
    batch, errors = read(SentColumns.of(features, fields), NOW)
    found = batch.rows()
    assert [row._replace(event_time=round(row.event_time * 1000) / 1000) for row in good] == found
    assert list(map(kinds, good)) == list(map(kinds, found))
    assert pack_columns(batch) == pack(good)
    assert {number: (moved(error.loc), error.msg) for number, error in bad.items()} == {
        number: (error.loc, error.msg) for number, error in errors.items()
    }


def test_a_column_of_another_length_is_named_with_both_lengths() -> None:
    """Every column that differs from the first is named, with its own length and the first's."""
    with pytest.raises(Invalid) as caught:
        SentColumns.of({"age": [1, 2, 3], "plan": ["a"]}, {"scores": [0.5] * 1200, "labels": [1, 2, 3]})
    assert caught.value.errors == [
        {"loc": ["body", "columns", "plan"], "msg": "has 1 values, but age has 3; send one value per row"},
        {"loc": ["body", "scores"], "msg": "has 1,200 values, but age has 3; send one value per row"},
    ]


def test_wrong_names_and_too_many_are_named() -> None:
    """A name that no row may have is refused for the column, and so are more than 500 columns."""
    with pytest.raises(Invalid) as caught:
        SentColumns.of({"ok": [1], "": [1], "a\n": [1], "\ud800": [1], "x" * 129: [1]}, {})
    assert [error["loc"] for error in caught.value.errors] == [
        ["body", "columns", name] for name in ("", "a\n", "\ufffd", "x" * 128)
    ]
    with pytest.raises(Invalid, match="has 501 features; 500 at most"):
        SentColumns.of({str(number): [1] for number in range(501)}, {})


def test_times_at_the_limits_are_good() -> None:
    """The oldest and the latest time are taken, and one millisecond beyond rejects only its row."""
    step = timedelta(milliseconds=1)
    times = [NOW - MAX_AGE, NOW + MAX_AHEAD, NOW - MAX_AGE - step, NOW + MAX_AHEAD + step]
    batch, errors = read(SentColumns.of({}, {"timestamps": [time.isoformat() for time in times]}), NOW)
    assert batch.times == [round(time.timestamp() * 1000) for time in times[:2]]
    assert list(errors) == [2, 3]


def test_a_row_is_rejected_for_its_first_wrong_place() -> None:
    """A row with several wrong values is named once, at the place that a row would be named at."""
    features = {"a": [1, []], "b": [1, {}]}
    _batch, errors = read(SentColumns.of(features, {"scores": [2, 2], "labels": [[], []]}), NOW)
    assert json.dumps({number: error.loc for number, error in errors.items()}) == json.dumps(
        {1: ["body", "columns", "a", 1], 0: ["body", "scores", 0]}
    )
