"""Rules 6, 7 and 9: frames of all libraries as gzip columns, every rejected row in the answer, and sampling."""

import decimal
import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from driftguard_client import ArgumentError, DriftGuard
from driftguard_client.ids import is_sampled, ulid
from testing.service import Service

NOW = pd.Timestamp("2026-11-06T07:26:10Z")
PLAIN: dict[str, list[Any]] = {
    "age": [41.5, None, 7.0],
    "count": [1, 2, 3],
    "plan": ["basic", "pro", None],
    "active": [True, False, True],
}


def rows_of(service: Service, name: str) -> list[Any]:
    return [row["features"][name] for row in service.rows]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(PLAIN),
        pd.DataFrame(PLAIN).convert_dtypes(),
        pd.DataFrame(PLAIN).convert_dtypes(dtype_backend="pyarrow"),
        pd.DataFrame(PLAIN).astype({"plan": "category"}),
        pd.DataFrame(PLAIN).astype({"age": "float32", "count": "uint8"}),
        pl.DataFrame(PLAIN),
        pl.DataFrame(PLAIN).with_columns(pl.col("plan").cast(pl.Categorical)),
        pa.table(PLAIN),
        pa.table({**PLAIN, "plan": pa.array(PLAIN["plan"]).dictionary_encode()}),
        PLAIN,
        {name: np.array(values, dtype=object) for name, values in PLAIN.items()},
        [dict(zip(PLAIN, row, strict=True)) for row in zip(*PLAIN.values(), strict=True)],
    ],
)
def test_any_frame_arrives_with_its_values(service: Service, frame: Any) -> None:
    """pandas with numpy, nullable and Arrow types, polars, pyarrow, dictionaries of columns, and lists of rows."""
    result = DriftGuard(service.url, service.key).model("churn").log_frame(frame)
    assert (result.rows, result.accepted, result.errors) == (3, 3, [])
    for name, values in PLAIN.items():
        assert rows_of(service, name) == values
    assert [row["prediction_id"] for row in service.rows] == result.prediction_ids


def test_columns_of_unusual_types_arrive(service: Service) -> None:
    """Durations, decimals, intervals and sparse numbers have a plain value each."""
    frame = pd.DataFrame(
        {
            "took": pd.to_timedelta(["90s", None]),
            "price": [decimal.Decimal("12.50"), None],
            "range": pd.arrays.IntervalArray.from_breaks([0, 1, 2]),
            "sparse": pd.arrays.SparseArray([0.0, 2.5]),
            "level": pd.Categorical([3, None]),
            "money": pd.Series([decimal.Decimal("1.25"), None], dtype=pd.ArrowDtype(pa.decimal128(10, 2))),
        }
    )
    DriftGuard(service.url, service.key).model("churn").log_frame(frame)
    assert service.rows[0]["features"] == {
        "took": 90.0,
        "price": 12.5,
        "range": "(0, 1]",
        "sparse": 0.0,
        "level": 3,
        "money": 1.25,
    }
    missing = [name for name, value in service.rows[1]["features"].items() if value is None]
    assert missing == ["took", "price", "level", "money"]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"age": [1, 2], "ts": [NOW, pd.NaT]}),
        pd.DataFrame({"age": [1, 2], "ts": pd.to_datetime(["2026-11-06", "2026-11-07"])}),
        pd.DataFrame({"age": [1, 2], "ts": [NOW.date(), None]}),
        pd.DataFrame({"age": [1, 2], "ts": pd.period_range("2026-11", periods=2, freq="M")}),
        pd.DataFrame({"age": [1, 2], "ts": [NOW, NOW]}).convert_dtypes(dtype_backend="pyarrow"),
        pl.DataFrame({"age": [1, 2], "ts": [NOW.to_pydatetime(), None]}),
        pa.table({"age": [1, 2], "ts": [NOW.to_pydatetime(), NOW.to_pydatetime()]}),
        {"age": [1, 2], "ts": np.array(["2026-11-06", "2026-11-07"], "datetime64[ns]")},
        [{"age": 1, "ts": NOW.time()}],
    ],
)
def test_a_column_of_times_is_no_feature(service: Service, frame: Any) -> None:
    """As a category it would be missing as soon as it is the time of the rows, and each time would be new."""
    model = DriftGuard(service.url, service.key).model("churn")
    for use in (model.log_frame, model.set_baseline):
        with pytest.raises(ArgumentError, match=r"Column 'ts' holds times.*timestamp='ts'.*exclude=\['ts'\]"):
            use(frame)
    assert not service.requests
    assert model.log_frame(frame, exclude="ts").errors == []
    assert set(service.rows[0]["features"]) == {"age"}


def test_the_named_column_of_times_is_the_time_of_the_rows_of_a_baseline(service: Service) -> None:
    """And no feature."""
    service.routes["GET", "/models?limit=500"] = lambda _body: (200, [{"id": "1", "name": "churn"}])
    service.routes["PUT", "/models/1/baseline"] = lambda _body: (201, {"version": 1, "rows": 1})
    model = DriftGuard(service.url, service.key).model("churn")
    model.set_baseline(pd.DataFrame({"age": [1], "ts": [NOW], "id": ["a"]}), timestamp="ts", exclude=["id"])
    assert service.requests[-1].body["rows"] == [{"features": {"age": 1}, "timestamp": "2026-11-06T07:26:10.000Z"}]


@pytest.mark.parametrize("name", ["id", ["id"], ("id",)])
def test_one_name_stands_for_a_list_of_it(service: Service, name: Any) -> None:
    """A text is not read as its letters."""
    model = DriftGuard(service.url, service.key).model("churn")
    model.log_frame({"age": [1], "id": ["a"]}, exclude=name)
    model.log_frame({"age": [1], "id": ["a"]}, features=name)
    assert [set(row["features"]) for row in service.rows] == [{"age"}, {"id"}]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([f"customer {number}" for number in range(100)], "has a different text in nearly every row"),
        ([f"2026-11-{1 + number % 30:02d}" for number in range(100)], "looks like dates"),
        (["2026-11-06 07:26:10", None], "looks like dates"),
    ],
)
def test_texts_that_are_no_categories_are_a_warning(service: Service, values: list[Any], text: str) -> None:
    """In Python and in the result, of a baseline too, with how to exclude the column."""
    service.routes["GET", "/models?limit=500"] = lambda _body: (200, [{"id": "1", "name": "churn"}])
    answer = {"version": 1, "rows": 1, "warnings": ["of the service"]}
    service.routes["PUT", "/models/1/baseline"] = lambda _body: (201, answer)
    model = DriftGuard(service.url, service.key).model("churn")
    frame = {"age": [1] * len(values), "name": values}
    with pytest.warns(UserWarning, match=f"Column 'name' {text}") as caught:
        logged = model.log_frame(frame)
    assert caught[0].filename == __file__
    assert len(logged.warnings) == 1
    assert "--exclude name" in logged.warnings[0]
    with pytest.warns(UserWarning, match="of the service"), pytest.warns(UserWarning, match=text):
        assert model.set_baseline(frame).warnings == [*logged.warnings, "of the service"]


@pytest.mark.parametrize(
    "values",
    [
        ["basic", "pro"] * 50,
        [f"city {number % 40}" for number in range(100)],
        ["a", "b", "c"],
        ["2026-11-06", *["unknown"] * 20, *[f"{number}" for number in range(40)]],
    ],
)
def test_categories_are_no_warning(service: Service, values: list[str]) -> None:
    """Also of many kinds, in a short frame, and with a date among them."""
    assert DriftGuard(service.url, service.key).model("churn").log_frame({"name": values}).warnings == []


def test_every_rejected_row_is_in_the_answer(service: Service) -> None:
    """Rows that the client finds and rows that the service finds, each with position, column and reason."""
    service.reject = lambda row: "is too old" if row["features"]["age"] == 8 else None
    texts = pd.Series(["a"] * 2000, dtype=object)
    frame = pd.DataFrame({"age": np.arange(2000.0), "pred": 0.5, "list": texts})
    frame.loc[3, "age"] = math.inf
    frame.loc[1999, "pred"] = -math.inf
    frame.loc[1500, "list"] = b"bytes"
    result = DriftGuard(service.url, service.key).model("churn").log_frame(frame, prediction="pred", chunk_rows=300)
    assert [(one.row, one.column) for one in result.errors] == [
        (3, "age"),
        (8, "age"),
        (1500, "list"),
        (1999, "prediction"),
    ]
    assert (result.accepted, result.rejected, result.failed) == (1996, 4, 0)
    assert "is too old" in str(result)
    assert len(result.to_pandas()) == 4
    assert "1996 of 2000 rows logged" in result._repr_html_()


def test_roles_and_times_arrive(service: Service) -> None:
    """Each named column has its role, and the others are features."""
    frame = pd.DataFrame(
        {
            "age": [1, 2],
            "pred": [0, 1],
            "p": [0.2, 0.9],
            "p_no": [0.8, 0.1],
            "y": [0.0, math.nan],
            "id": [7, 8],
            "ts": [NOW, NOW + pd.Timedelta("1ms")],
        }
    )
    result = (
        DriftGuard(service.url, service.key)
        .model("churn")
        .log_frame(
            frame,
            prediction="pred",
            score="p",
            probabilities={"p_no": 0, "p": 1},
            label="y",
            prediction_id="id",
            timestamp="ts",
            features=["age"],
        )
    )
    assert result.prediction_ids == ["7", "8"]
    assert service.rows[1] == {
        "model": "churn",
        "features": {"age": 2},
        "prediction": 1,
        "score": 0.9,
        "probabilities": {"0": 0.1, "1": 0.9},
        "label": None,
        "prediction_id": "8",
        "timestamp": "2026-11-06T07:26:10.001Z",
    }


def test_columns_are_sent_compressed_and_are_a_third_of_the_rows(service: Service) -> None:
    """500 rows with 20 features: at most a third of the bytes of the same batch as JSON rows."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({f"feature_{index:02d}": rng.integers(100_000, 1_000_000, 500) for index in range(20)})
    DriftGuard(service.url, service.key).model("churn").log_frame(frame)
    (request,) = service.requests
    assert request.headers["content-encoding"] == "gzip"
    rows = [{"features": features} for features in frame.to_dict("records")]
    assert request.size < len(json.dumps({"model": "churn", "predictions": rows}, separators=(",", ":"))) / 3


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"prediction": "Pred"}, "Did you mean 'pred'?"),
        ({"timestamp": "time"}, "There are: 'age', 'pred'"),
        ({"features": ["agee"]}, "Did you mean 'age'?"),
        ({"features": "agee"}, "features: the frame has no column 'agee'"),
        ({"exclude": "agee"}, "exclude: the frame has no column 'agee'. Did you mean 'age'?"),
        ({"exclude": ["pred"], "prediction": "pred"}, "the column 'pred' is used by another argument"),
        ({"exclude": ["age"], "features": ["age"]}, "the column 'age' is used by another argument"),
        ({"label": "lable"}, "label: the frame has no column 'lable'"),
    ],
)
def test_a_wrong_column_name_lists_the_near_ones(service: Service, options: dict[str, Any], text: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ArgumentError) as caught:
        DriftGuard(service.url, service.key).model("churn").log_frame({"age": [1], "pred": [2]}, **options)
    assert text in str(caught.value)
    assert not service.requests


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (pl.DataFrame({"age": [1]}).lazy(), "frame.collect()"),
        (np.zeros((2, 2)), "Pass a pandas or polars DataFrame"),
        ("a text", "Pass a pandas or polars DataFrame"),
        ({"a": [1], "b": [1, 2]}, "different lengths"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "several columns named 'a'"),
        (pd.DataFrame({"a": [1]})[[]], "no feature columns"),
    ],
)
def test_a_frame_that_cannot_be_read_is_refused_with_advice(service: Service, frame: Any, text: str) -> None:
    """The text says what to pass instead."""
    with pytest.raises(ArgumentError, match=text.replace("(", r"\(").replace(")", r"\)")):
        DriftGuard(service.url, service.key).model("churn").log_frame(frame)


def test_a_naive_column_of_times_is_an_error_with_the_fix(service: Service) -> None:
    """All rows would be in an unknown hour, so nothing is sent."""
    frame = pd.DataFrame({"age": [1, 2], "ts": pd.to_datetime(["2026-11-06", "2026-11-07"])})
    with pytest.raises(ArgumentError, match="tz_localize"):
        DriftGuard(service.url, service.key).model("churn").log_frame(frame, timestamp="ts")


def test_a_frame_under_a_batch_id_is_stored_once(service: Service) -> None:
    """A notebook cell that runs twice logs its rows once."""
    dg = DriftGuard(service.url, service.key)
    frame = pd.DataFrame({"age": range(1000)})
    first = dg.model("churn").log_frame(frame, batch_id="monday", chunk_rows=300)
    second = dg.model("churn").log_frame(frame, batch_id="monday", chunk_rows=300)
    assert first.prediction_ids == second.prediction_ids
    assert (first.accepted, second.accepted, len(service.rows)) == (1000, 1000, 1000)


def test_rows_that_were_not_sent_are_in_the_answer(service: Service) -> None:
    """A service that is down does not raise: the answer has every row."""
    service.fault = lambda _number: "fail"
    dg = DriftGuard(service.url, service.key, max_retry_s=0.3)
    result = dg.model("churn").log_frame({"age": [1, 2, 3]})
    assert (result.accepted, result.failed) == (0, 3)
    assert [one.row for one in result.errors] == [0, 1, 2]


def test_a_frame_survives_failures_of_the_service(service: Service) -> None:
    """A third of the answers fail after storing; each row is stored once."""
    service.fault = lambda number: "fail_after_storing" if number % 3 == 0 else None
    result = DriftGuard(service.url, service.key).model("churn").log_frame({"age": list(range(5000))}, chunk_rows=250)
    assert result.accepted == len(service.rows) == 5000
    assert not service.repeated


def test_large_texts_are_split_into_requests_that_fit(service: Service) -> None:
    """5,000 rows with a megabyte of text per hundred rows go in several requests below the limit."""
    frame = pd.DataFrame({f"text {index}": ["é" * 256] * 3000 for index in range(10)})
    result = DriftGuard(service.url, service.key).model("churn").log_frame(frame)
    assert result.accepted == 3000
    assert result.batches > 3


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_sample_is_chosen_by_the_id_alone(service: Service, share: float) -> None:
    """log() and log_frame() choose the same ids, about the wanted share, also of ids that count up."""
    ids = [f"order-{number}" for number in range(10_000)]
    dg = DriftGuard(service.url, service.key, sample=share, max_queue=20_000)
    result = dg.model("frame").log_frame({"age": [1] * len(ids), "id": ids}, prediction_id="id")
    for own_id in ids:
        assert dg.model("rows").log({"age": 1}, prediction_id=own_id) == own_id
    assert dg.flush(timeout=20)
    of_frame = {row["prediction_id"] for row in service.rows if row["model"] == "frame"}
    of_rows = {row["prediction_id"] for row in service.rows if row["model"] == "rows"}
    assert of_frame == of_rows == {own_id for own_id in ids if is_sampled(own_id, share)}
    assert abs(len(of_frame) / len(ids) - share) < 0.02
    assert result.sampled_out == len(ids) - len(of_frame)
    made = [ulid() for _ in range(10_000)]
    assert abs(sum(is_sampled(own_id, share) for own_id in made) / len(made) - share) < 0.02


def test_rows_of_a_frame_without_times_get_the_time_of_the_call(service: Service) -> None:
    """So that retries do not move them into another hour."""
    before = datetime.now(UTC)
    DriftGuard(service.url, service.key).model("churn").log_frame({"age": [1, 2]})
    times = {datetime.fromisoformat(row["timestamp"]) for row in service.rows}
    assert len(times) == 1
    assert abs((times.pop() - before).total_seconds()) < 5


def test_a_made_id_starts_with_the_time_of_its_row(service: Service) -> None:
    """So a label with this id alone finds the row. log() and log_frame() do the same."""
    moments = [datetime.now(UTC) - timedelta(days=days) for days in (3, 0, 1)]
    dg = DriftGuard(service.url, service.key)
    model = dg.model("churn")
    ids = model.log_frame({"age": [1, 2, 3], "at": moments}, timestamp="at").prediction_ids
    ids += [model.log({"age": 1}, timestamp=moment) for moment in moments]
    assert dg.flush(timeout=20)
    sent = {row["prediction_id"]: datetime.fromisoformat(row["timestamp"]) for row in service.rows}
    for made, moment in zip(ids, moments * 2, strict=True):
        assert made[:10] == ulid(round(sent[made].timestamp() * 1000))[:10]
        assert abs(sent[made] - moment) < timedelta(milliseconds=2)


def test_progress_is_told(service: Service) -> None:
    """The function gets finished and all rows, up to the end."""
    told: list[tuple[int, int]] = []
    DriftGuard(service.url, service.key).model("churn").log_frame(
        {"age": [1] * 1000}, chunk_rows=100, progress=lambda done, total: told.append((done, total))
    )
    assert told[-1] == (1000, 1000)
    assert len(told) == 10
