"""Which rows are good, and where exactly bad ones are wrong."""

from datetime import UTC, datetime, timedelta
from itertools import product
from time import process_time
from typing import Any

import pytest

from driftguard.platform.serialization import Scalar
from driftguard.platform.times import hour_of
from driftguard.rows.columns import Row
from driftguard.rows.reading import BadRow, BaselineRow, RowReader, check_name

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PLACE: list[str | int] = ["body", "predictions", 3]


def read(**fields: Any) -> Row:
    """A row read at NOW, at the place of a batch's fourth."""
    return RowReader(NOW).logged({"features": {}, **fields}, PLACE)


def refusal(item: Any) -> BadRow:
    """What is wrong with a row that must be refused."""
    with pytest.raises(BadRow) as caught:
        RowReader(NOW).logged(item, PLACE)
    return caught.value


def test_a_row_of_every_kind_is_read() -> None:
    """Numbers, strings, booleans and nulls are features; the time is kept."""
    features: dict[str, Scalar] = {"age": 41, "score": -0.5, "plan": "gold", "new": True, "gone": None}
    row = read(features=features, prediction=0.7, prediction_id="a", timestamp="2026-11-23T13:00:00.5+02:00")
    assert row == Row(datetime(2026, 11, 23, 11, 0, 0, 500_000, UTC).timestamp(), features, 0.7, "a")


def test_what_is_absent_or_null_is_missing() -> None:
    """Without a timestamp a row happened now; without prediction and id it has none."""
    assert read() == read(prediction=None, prediction_id=None, timestamp=None) == Row(NOW.timestamp(), {}, None, None)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), float("-inf"), 10**400, -(10**400), [1], {"a": 1}, [], {}, "x" * 257, "\ud800"],
    ids=["nan", "inf", "-inf", "10**400", "-10**400", "list", "object", "no list", "no object", "long", "surrogate"],
)
def test_values_that_cannot_be_counted_are_named(value: object) -> None:
    """NaN, infinities, integers beyond a double, nested and overlong values are refused where they stand."""
    assert refusal({"features": {"ok": 1, "age": value}}).loc == [*PLACE, "features", "age"]
    assert refusal({"features": {}, "prediction": value}).loc == [*PLACE, "prediction"]


@pytest.mark.parametrize("value", [1.7976931348623157e308, 5e-324, 10**308, 2**63, -0.0, "x" * 256, "", "ü" * 256])
def test_values_at_the_limits_are_good(value: float | str) -> None:
    """The largest numbers and the longest strings are taken as they are."""
    assert read(features={"age": value}, prediction=value).features["age"] == value


@pytest.mark.parametrize("name", ["", "x" * 129, "a\nb", "a\x00", "\x7f", "\x85", "\ud800"])
def test_names_that_cannot_be_are_refused(name: str) -> None:
    """A name is 1 to 128 characters without control characters; an impossible one is shown cut and clean."""
    shown = refusal({"features": {name: 1}}).loc
    assert shown[:-1] == [*PLACE, "features"]
    assert len(str(shown[-1])) <= 128
    str(shown[-1]).encode()
    with pytest.raises(BadRow):
        check_name(name, [])


@pytest.mark.parametrize("name", ["a", "x" * 128, "Größe €/m²", "a.b#c d", "prediction", "__new__", "🙂"])
def test_any_other_name_is_good(name: str) -> None:
    """Everything but control characters may stand in a name."""
    assert read(features={name: 1}).features == {name: 1}


def test_a_name_is_judged_in_every_row() -> None:
    """A reader that knows a name already still refuses a new bad one."""
    reader = RowReader(NOW)
    reader.logged({"features": {"good": 1}}, PLACE)
    with pytest.raises(BadRow):
        reader.logged({"features": {"good": 1, "\n": 1}}, PLACE)
    with pytest.raises(BadRow):
        reader.logged({"features": {"good": 1, "\n": 1}}, PLACE)


def test_five_hundred_features_are_the_most() -> None:
    """500 features are good, 501 are not."""
    assert len(read(features={f"f{i}": i for i in range(500)}).features) == 500
    assert refusal({"features": {f"f{i}": i for i in range(501)}}).loc == [*PLACE, "features"]


@pytest.mark.parametrize(
    ("item", "where"),
    [
        (None, []),
        (3, []),
        ([], []),
        ({}, ["features"]),
        ({"age": 41}, []),
        ({"age": 41, "prediction": 1}, []),
        ({"features": None}, ["features"]),
        ({"features": [1]}, ["features"]),
        ({"features": {}, "model_id": "x"}, ["model_id"]),
        ({"features": {}, "x" * 10**6: 1}, ["x" * 128]),
        ({"features": {}, "prediction_id": ""}, ["prediction_id"]),
        ({"features": {}, "prediction_id": "x" * 129}, ["prediction_id"]),
        ({"features": {}, "prediction_id": True}, ["prediction_id"]),
        ({"features": {}, "prediction_id": 7.5}, ["prediction_id"]),
        ({"features": {}, "prediction_id": 1e300}, ["prediction_id"]),
        ({"features": {}, "prediction_id": float("nan")}, ["prediction_id"]),
        ({"features": {}, "prediction_id": [7]}, ["prediction_id"]),
        ({"features": {}, "prediction_id": 10**128}, ["prediction_id"]),
        ({"features": {}, "prediction_id": "\udfff"}, ["prediction_id"]),
        ({"features": {}, "timestamp": 1_700_000_000}, ["timestamp"]),
        ({"features": {}, "timestamp": "2026-11-23T12:00:00"}, ["timestamp"]),
        ({"features": {}, "timestamp": "2026-11-23"}, ["timestamp"]),
        ({"features": {}, "timestamp": "x" * 10**6}, ["timestamp"]),
        ({"features": {}, "timestamp": "2026-02-30T12:00:00Z"}, ["timestamp"]),
        ({"features": {}, "timestamp": "0001-01-01T00:00:00+23:59"}, ["timestamp"]),
    ],
)
def test_rows_of_the_wrong_form_are_named(item: object, where: list[str]) -> None:
    """Whatever a row is instead of a row, the first wrong place is told, and shortly."""
    refused = refusal(item)
    assert refused.loc == [*PLACE, *where]
    assert refused.error == {"loc": refused.loc, "msg": refused.msg}
    assert len(refused.msg) < 200


@pytest.mark.parametrize(
    ("offset", "good"),
    [
        (timedelta(minutes=15), True),
        (timedelta(minutes=15, milliseconds=1), False),
        (timedelta(days=-21), True),
        (timedelta(days=-21, milliseconds=-1), False),
    ],
)
def test_times_are_good_from_21_days_back_to_15_minutes_ahead(offset: timedelta, good: bool) -> None:
    """The limits themselves are inside."""
    item = {"features": {}, "timestamp": (NOW + offset).isoformat()}
    if good:
        assert RowReader(NOW).logged(item, PLACE).event_time == (NOW + offset).timestamp()
    else:
        assert refusal(item).loc == [*PLACE, "timestamp"]


def test_baseline_rows_follow_the_same_rules_without_ids() -> None:
    """A baseline row is features, prediction, timestamp, score, probabilities and label, and nothing else."""
    reader = RowReader(NOW)
    place: list[str | int] = ["body", "rows", 0]
    row = {"features": {"a": 1}, "prediction": "yes", "score": 0.7, "probabilities": {"yes": 1.0}, "label": "no"}
    assert reader.baseline(row, place) == BaselineRow({"a": 1}, "yes", None, 0.7, {"yes": 1.0}, "no")
    assert reader.baseline({"features": {}, "timestamp": None}, place) == BaselineRow({}, None, None)
    with pytest.raises(BadRow, match="from 0 to 1"):
        reader.baseline({"features": {}, "score": 2}, place)
    with pytest.raises(BadRow) as caught:
        reader.baseline({"features": {}, "prediction_id": "a"}, ["body", "rows", 7])
    assert caught.value.loc == ["body", "rows", 7, "prediction_id"]
    with pytest.raises(BadRow) as caught:
        reader.baseline({"features": {"a": float("nan")}}, ["body", "rows", 7])
    assert caught.value.loc == ["body", "rows", 7, "features", "a"]


def test_a_baseline_row_may_be_of_any_age() -> None:
    """Its timestamp gives the hour in UTC, however long ago. A text that is no time or lacks an offset is refused."""
    reader = RowReader(NOW)
    new_year = datetime(2020, 1, 1, tzinfo=UTC)
    row = reader.baseline({"features": {}, "timestamp": "2019-12-31T23:30:00-01:00"}, [])
    assert row.hour == hour_of(new_year)
    for timestamp in ("yesterday", "2026-11-23T12:00:00", 1_700_000_000):
        with pytest.raises(BadRow) as caught:
            reader.baseline({"features": {}, "timestamp": timestamp}, ["body", "rows", 7])
        assert caught.value.loc == ["body", "rows", 7, "timestamp"]


@pytest.mark.parametrize("item", [{"age": 41, "plan": "gold"}, {"prediction": 1, "age": 41}])
def test_flat_rows_are_told_where_values_go(item: dict[str, Any]) -> None:
    """A row without `features` and a stray value beside `features` are told to put values under `features`."""
    reader = RowReader(NOW)
    for read_row, row in product((reader.logged, reader.baseline), (item, {"features": {}, **item})):
        with pytest.raises(BadRow, match="values go under `features`"):
            read_row(row, PLACE)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (float("nan"), "NaN is not valid here. Send null for a missing value."),
        (float("inf"), "Send null"),
        (10**400, "Send null"),
    ],
)
def test_nan_and_infinity_are_told_to_be_null(value: float, words: str) -> None:
    """A number that is not finite is told to be sent as null."""
    assert words in refusal({"features": {"age": value}}).msg


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (7, "7"),
        (7.0, "7"),
        (-0.0, "0"),
        (0, "0"),
        (-12, "-12"),
        (2**63, str(2**63)),
        (9007199254740992.0, "9007199254740992"),
        ("07", "07"),
        ("7.0", "7.0"),
    ],
)
def test_a_whole_number_is_an_id(sent: Any, kept: str) -> None:
    """A numeric id is kept as text, and a text as it is."""
    assert read(prediction_id=sent).prediction_id == kept


def test_the_reason_for_an_old_row_says_what_to_do() -> None:
    """A row older than 21 days is told where old rows can go."""
    msg = refusal({"features": {}, "timestamp": "2026-11-01T00:00:00Z"}).msg
    assert "21 days" in msg
    assert "PUT /models/{model_id}/baseline" in msg


def seconds(rows: list[dict[str, Any]]) -> float:
    """The least processor time of three readings of these rows."""
    times = []
    for _ in range(3):
        reader, begun = RowReader(NOW), process_time()
        for row in rows:
            reader.logged(row, PLACE)
        times.append(process_time() - begun)
    return min(times)


def test_reading_is_linear_in_names_that_differ_from_row_to_row() -> None:
    """Eight times the rows take about eight times as long, not 64 times, although each row brings names of its own."""
    rows = [{"features": {f"{row} {name}": 1 for name in range(50)}} for row in range(4_000)]
    assert seconds(rows) < 24 * seconds(rows[:500])


@pytest.mark.parametrize("value", [0, 1, 0.0, 0.5, 1.0, 5e-324])
def test_a_score_is_a_number_from_zero_to_one(value: float) -> None:
    """Both ends belong to it, and the number is kept as it was sent."""
    assert read(score=value).score == value


@pytest.mark.parametrize("value", [-5e-324, 1.0000001, 10**400, True, False, "0.5", [0.5], {}, float("nan")])
def test_another_score_is_refused(value: object) -> None:
    """Numbers beyond 0 and 1, booleans, texts and nested values are refused at their place."""
    assert refusal({"features": {}, "score": value}).loc == [*PLACE, "score"]


@pytest.mark.parametrize(
    "value",
    [
        *({"a": 1}, {"a": 0.3, "b": 0.7}, {"": 0.5, "größer": 0.5}, {"x" * 256: 1.0}, [1], [0, 1], [0.02] * 50),
        *([0.33, 0.33, 0.33], [0.5, 0.51], [0.1] * 10),
    ],
)
def test_probabilities_sum_to_one(value: dict[str, float] | list[float]) -> None:
    """Objects and lists of up to 50 classes are taken, and their sum may differ from 1 by 0.01."""
    assert read(probabilities=value).probabilities == value


@pytest.mark.parametrize(
    ("value", "place", "words"),
    [
        ({}, [], "has 0 classes"),
        ([], [], "has 0 classes"),
        ([0.02] * 51, [], "has 51 classes"),
        ([0.5, 0.489], [], "sum to 0.989"),
        ({"a": 0.6, "b": 0.42}, [], "sum to 1.02"),
        (0.5, [], "must be an object"),
        ("a", [], "must be an object"),
        ([0.5, None], [1], "must be a number from 0 to 1"),
        ([1.5, -0.5], [0], "must be a number from 0 to 1"),
        ({"a": True}, ["a"], "must be a number from 0 to 1"),
        ({"a": float("nan")}, ["a"], "NaN is not valid here"),
        ({"a": [1]}, ["a"], "must be a number from 0 to 1"),
        ({"x" * 257: 1}, ["x" * 128], "has 257 characters"),
        ({"\ud800": 1}, ["\ufffd"], "is not valid Unicode"),
    ],
)
def test_other_probabilities_are_refused(value: object, place: list[str | int], words: str) -> None:
    """The reason names the class, the sum or the number of classes."""
    error = refusal({"features": {}, "probabilities": value})
    assert error.loc == [*PLACE, "probabilities", *place]
    assert words in error.msg


@pytest.mark.parametrize("value", [0, 1.5, True, "yes", "", "x" * 256])
def test_a_label_is_any_value(value: Scalar) -> None:
    """Numbers, booleans and texts are labels, and null is none."""
    assert read(label=value).label == value
    assert read(label=None).label is None


@pytest.mark.parametrize("value", ["x" * 257, [], {"a": 1}, float("nan"), float("inf"), "\ud800"])
def test_another_label_is_refused(value: object) -> None:
    """Long texts, nested values and numbers that JSON cannot hold are refused at their place."""
    assert refusal({"features": {}, "label": value}).loc == [*PLACE, "label"]
