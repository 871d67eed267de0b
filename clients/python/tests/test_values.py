"""Rule 6: every type that Python, numpy, pandas, polars and pyarrow can hold is logged, or refused with advice."""

import datetime as dt
import decimal
import enum
import fractions
import math
import uuid
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from driftguard_client import DriftGuard, RejectedError
from driftguard_client.values import Cuts, milliseconds, scalar
from testing.service import Service


class Plan(enum.Enum):
    BASIC = "basic"


class Level(enum.IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1),
        (1.5, 1.5),
        (True, True),
        ("text", "text"),
        (None, None),
        (math.nan, None),
        (np.float16(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.float64("nan"), None),
        (np.longdouble(0.5), 0.5),
        (np.int8(-3), -3),
        (np.uint64(2**63), 2**63),
        (np.bool_(True), True),
        (np.str_("text"), "text"),
        (np.array(3.5), 3.5),
        (np.array([7]), 7),
        (np.array([[True]]), True),
        (np.datetime64("2026-11-06T07:26:10"), "2026-11-06T07:26:10"),
        (np.datetime64("NaT", "s"), None),
        (np.timedelta64(90, "s"), 90.0),
        (pd.NA, None),
        (pd.NaT, None),
        (pd.Timestamp("2026-11-06T07:26:10Z"), "2026-11-06T07:26:10+00:00"),
        (pd.Timedelta("90s"), 90.0),
        (pd.Period("2026-11", "M"), "2026-11"),
        (pd.Interval(0, 1), "(0, 1]"),
        (pa.scalar(2.5), 2.5),
        (pa.scalar(None, pa.int64()), None),
        (decimal.Decimal("12.50"), 12.5),
        (decimal.Decimal("NaN"), None),
        (fractions.Fraction(1, 4), 0.25),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Plan.BASIC, "basic"),
        (Level.HIGH, 3),
        (dt.datetime(2026, 11, 6, tzinfo=dt.UTC), "2026-11-06T00:00:00+00:00"),
        (dt.date(2026, 11, 6), "2026-11-06"),
        (dt.time(7, 26), "07:26:00"),
        (dt.timedelta(minutes=2), 120.0),
    ],
)
def test_a_value_becomes_what_json_can_hold(value: Any, expected: Any) -> None:
    """Numbers, texts and booleans of any library keep their value; NaN, NA and NaT are missing."""
    plain = scalar(value, "age", Cuts())
    assert plain == expected
    assert type(plain) is type(expected)


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (math.inf, "Log None"),
        (-math.inf, "Log None"),
        (np.float32("inf"), "Log None"),
        (decimal.Decimal("Infinity"), "Log None"),
        (decimal.Decimal("1e400"), "Log None"),
        (10**400, "no float can hold"),
        (b"bytes", "value.decode()"),
        (1j, "two features"),
        (np.complex128(1j), "two features"),
        ([1, 2], "a feature name of its own"),
        ({"a": 1}, "a feature name of its own"),
        (np.array([1, 2]), "a feature name of its own"),
        (pd.Series([1, 2]), "a feature name of its own"),
        ("\ud800", "Decode or clean"),
        (object(), "Convert it"),
    ],
)
def test_a_value_that_cannot_be_logged_is_refused_with_advice(value: Any, advice: str) -> None:
    """The error names the column and says what to do."""
    with pytest.raises(RejectedError, match="age") as caught:
        scalar(value, "age", Cuts())
    assert advice in str(caught.value)


def test_long_texts_are_cut_and_counted(service: Service) -> None:
    """A text keeps its first 256 characters, and stats() counts the cut."""
    dg = DriftGuard(service.url, service.key)
    dg.model("churn").log({"short": "x" * 256, "long": "é" * 300}, "y" * 257)
    assert dg.flush()
    assert service.rows[0]["features"] == {"short": "x" * 256, "long": "é" * 256}
    assert service.rows[0]["prediction"] == "y" * 256
    assert dg.stats()["cut"] == 2


@pytest.mark.parametrize("label", [None, math.nan, pd.NA, pd.NaT, np.float32("nan")])
def test_a_missing_label_is_skipped(service: Service, label: Any) -> None:
    """The row is logged without a label."""
    dg = DriftGuard(service.url, service.key, strict=True)
    dg.model("churn").log({"age": 1}, 1, label=label)
    dg.flush()
    assert service.rows[0]["label"] is None
    assert "labels" not in service.requests[0].body


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        (np.array([0.25, 0.75]), [0.25, 0.75]),
        (np.array([[0.25, 0.75]]), [0.25, 0.75]),
        ((0.25, 0.75), [0.25, 0.75]),
        ({"a": np.float32(0.25), "b": 0.75}, {"a": 0.25, "b": 0.75}),
        ({0: 0.25, True: 0.75}, {"0": 0.25, "true": 0.75}),
        (pd.Series([0.25, 0.75], index=["a", "b"]), {"a": 0.25, "b": 0.75}),
    ],
)
def test_rows_of_predict_proba_are_logged_as_probabilities(service: Service, probabilities: Any, expected: Any) -> None:
    """An array, a list, or a number for each class."""
    dg = DriftGuard(service.url, service.key, strict=True)
    dg.model("churn").log({"age": 1}, 1, probabilities=probabilities)
    dg.flush()
    assert service.rows[0]["probabilities"] == expected


@pytest.mark.parametrize(
    "features",
    [
        {"age": 1.5, "plan": "basic"},
        pd.Series({"age": 1.5, "plan": "basic"}),
        pd.DataFrame({"age": [1.5], "plan": pd.Categorical(["basic"])}).iloc[0],
    ],
)
def test_features_may_be_any_mapping(service: Service, features: Any) -> None:
    """Dictionaries and rows of frames."""
    dg = DriftGuard(service.url, service.key, strict=True)
    dg.model("churn").log(features)
    dg.flush()
    assert service.rows[0]["features"] == {"age": 1.5, "plan": "basic"}


def test_the_row_is_what_it_was_when_it_was_logged(service: Service) -> None:
    """A dictionary that is changed later does not change the row."""
    dg = DriftGuard(service.url, service.key)
    features = {"age": 1}
    dg.model("churn").log(features)
    features["age"] = 2
    assert dg.flush()
    assert service.rows[0]["features"] == {"age": 1}


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (dt.datetime(2026, 11, 6, 7, 26, 10, tzinfo=dt.UTC), 1793949970000),
        (dt.datetime(2026, 11, 6, 9, 26, 10, tzinfo=dt.timezone(dt.timedelta(hours=2))), 1793949970000),
        (pd.Timestamp("2026-11-06T07:26:10.5Z"), 1793949970500),
        ("2026-11-06T07:26:10Z", 1793949970000),
        ("2026-11-06T07:26:10.12345678+00:00", 1793949970123),
    ],
)
def test_times_with_a_zone_are_read(moment: Any, expected: int) -> None:
    """As milliseconds since 1970."""
    assert milliseconds(moment) == expected


@pytest.mark.parametrize(
    ("moment", "advice"),
    [
        (dt.datetime(2026, 11, 6), "datetime.now(timezone.utc)"),  # noqa: DTZ001
        (pd.Timestamp("2026-11-06"), "tzinfo=timezone.utc"),
        (np.datetime64("2026-11-06"), "tz='UTC'"),
        ("2026-11-06T07:26:10", "no time zone"),
        ("yesterday", "RFC 3339"),
        (1793949970, "datetime.fromtimestamp(value, timezone.utc)"),
        (dt.date(2026, 11, 6), "use a datetime"),
        (pd.NaT, "Leave the argument out"),
    ],
)
def test_a_time_without_a_zone_is_an_error_with_the_fix(moment: Any, advice: str) -> None:
    """The text says how to add the zone."""
    with pytest.raises(RejectedError) as caught:
        milliseconds(moment)
    assert advice in str(caught.value)


def test_polars_scalars_are_python_values(service: Service) -> None:
    """A row of a polars frame is logged."""
    dg = DriftGuard(service.url, service.key, strict=True)
    dg.model("churn").log(pl.DataFrame({"age": [1.5], "plan": ["basic"]}).row(0, named=True))
    dg.flush()
    assert service.rows[0]["features"] == {"age": 1.5, "plan": "basic"}
