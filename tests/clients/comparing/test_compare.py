"""The same rows give the same result from every source, and it is the result of scipy and of the service."""

import gzip
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats

from driftguard.alerts.findings import Occasion
from driftguard.alerts.schemas import Window
from driftguard.counting.batches import count
from driftguard.counting.counts import Counts
from driftguard.distributions.baseline import build
from driftguard.models.settings import ModelSettings
from driftguard.rows.columns import Row
from driftguard.rows.packing import pack
from driftguard.rows.unpacking import columns as unpacked
from driftguard.verdicts.judging import judge
from driftguard_client.comparing import CompareError, Comparison, CsvOptions, compare

SUMS = {"wasserstein", "wasserstein_error_bound", "mean", "psi"}
"""Numbers made of sums, which depend on the order of addition."""

START = datetime(2026, 3, 1, tzinfo=UTC)


def as_rows(columns: dict[str, Any]) -> list[dict[str, Any]]:
    """Columns as rows of plain Python values."""
    plain = {name: pd.Series(values).tolist() for name, values in columns.items()}
    return [
        {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
        for row in (dict(zip(plain, values, strict=True)) for values in zip(*plain.values(), strict=True))
    ]


def write_csv(columns: dict[str, Any], path: Path) -> Path:
    """Write a CSV file as pandas does."""
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def write_json(columns: dict[str, Any], path: Path) -> Path:
    """Write flat JSON Lines, compressed with gzip."""
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in as_rows(columns)).encode()))
    return path


def write_rows(columns: dict[str, Any], path: Path) -> Path:
    """Write JSON Lines in the shape of the service's rows."""
    lines = []
    for row in as_rows(columns):
        prediction = row.pop("prediction")
        lines.append(json.dumps({"features": row, "prediction": prediction}) + "\n")
    path.write_text("".join(lines))
    return path


def write_parquet(columns: dict[str, Any], path: Path) -> Path:
    """Write a Parquet file with several row groups."""
    pq.write_table(pa.table(columns), path, row_group_size=700)
    return path


SOURCES: dict[str, Callable[[dict[str, Any], Path], Any]] = {
    "pandas": lambda columns, _folder: pd.DataFrame(columns),
    "pandas of Arrow": lambda columns, _folder: pd.DataFrame(columns).convert_dtypes(dtype_backend="pyarrow"),
    "pandas of objects": lambda columns, _folder: pd.DataFrame(columns).astype(object),
    "pandas of categories": lambda columns, _folder: pd.DataFrame(columns).astype({"country": "category"}),
    "polars": lambda columns, _folder: pl.DataFrame(columns, strict=False),
    "lazy polars": lambda columns, _folder: pl.DataFrame(columns, strict=False).lazy(),
    "polars of categories": lambda columns, _folder: pl.DataFrame(columns, strict=False).with_columns(
        pl.col("country").cast(pl.Categorical)
    ),
    "Arrow": lambda columns, _folder: pa.table(columns),
    "a list of rows": lambda columns, _folder: as_rows(columns),
    "CSV": lambda columns, folder: write_csv(columns, folder / "rows.csv"),
    "CSV with gzip": lambda columns, folder: write_csv(columns, folder / "rows.csv.gz"),
    "JSON Lines with gzip": lambda columns, folder: write_json(columns, folder / "rows.jsonl.gz"),
    "JSON Lines of the service": lambda columns, folder: write_rows(columns, folder / "rows.jsonl"),
    "Parquet": lambda columns, folder: write_parquet(columns, folder / "rows.parquet"),
}


def by_name(result: Comparison) -> dict[str, dict[str, Any]]:
    """The features of a result by name."""
    return {one["name"]: one for one in result.features}


def assert_equal(one: Any, other: Any, place: str = "") -> None:
    """Both are equal, numbers made of sums within 1e-12 of their size."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), place
        for name in one:
            assert_equal(one[name], other[name], f"{place}.{name}")
    elif isinstance(one, float) and isinstance(other, float) and SUMS & set(place.split(".")):
        assert one == pytest.approx(other, rel=1e-12, abs=1e-12), place
    else:
        assert one == other, place


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_same_result(
    source: str, train: dict[str, Any], current: dict[str, Any], tmp_path: Path
) -> None:
    """Frames, tables, lists and files with the same rows give the same scores, p-values, limits and verdicts."""
    (tmp_path / "train").mkdir()
    (tmp_path / "current").mkdir()
    make = SOURCES[source]
    found = compare(make(train, tmp_path / "train"), make(current, tmp_path / "current"))
    expected = compare(train, current)
    assert found.status == expected.status == "drift"
    assert by_name(found).keys() == by_name(expected).keys()
    for name, feature in by_name(expected).items():
        assert_equal(by_name(found)[name], feature, name)
    assert [vars(one) for one in found.findings] == [vars(one) for one in expected.findings]


def test_it_finds_what_changed(train: dict[str, Any], current: dict[str, Any]) -> None:
    """The moved number and the new category are drift, the missing values poor data quality, and the rest is quiet."""
    result = compare(train, current)
    assert result.drifted == ["amount", "country"]
    fired = {
        (name, test["kind"]) for name, one in by_name(result).items() for test in one["data_quality"] if test["fired"]
    }
    assert fired == {("age", "missing"), ("country", "new_categories")}
    assert {one.type: one.fired for one in result.findings} == {
        "data_drift": True,
        "prediction_drift": False,
        "data_quality": True,
    }


def test_two_samples_of_one_kind_are_quiet(train: dict[str, Any]) -> None:
    """Rows of the same distribution give no finding at any level."""
    from tests.clients.comparing.conftest import columns

    for seed in range(10, 20):
        result = compare(train, columns(seed))
        assert result.status == "ok"
        assert not result.fails("data_quality")


def test_the_numbers_are_those_of_scipy(train: dict[str, Any], current: dict[str, Any]) -> None:
    """D is scipy's to within the stated bound, and p-values are scipy's for the same D, or for the same table."""
    features = by_name(compare(train, current))
    for name in ("amount", "visits", "age", "prediction"):
        one = features[name]
        before, after = (
            np.array([value for value in columns[name] if value is not None], np.float64)
            for columns in (train, current)
        )
        exact = stats.ks_2samp(before, after, method="exact")
        assert one["drift_score"] <= exact.statistic + 1e-12
        assert exact.statistic <= one["drift_score"] + one["score_error_bound"] + 1e-12
        assert one["score_error_bound"] <= 1 / 256 + 1e-12
        if one["score_error_bound"] == 0:
            assert one["p_value"] == pytest.approx(exact.pvalue, rel=0.05)


def test_a_chi_square_p_value_is_that_of_scipy(train: dict[str, Any]) -> None:
    """For categories without new values, the p-value is scipy's for the table of counts."""
    other = {**train, "country": ["DE" if place % 3 else "CH" for place in range(len(train["country"]))]}
    one = by_name(compare(train, other))["country"]
    names = ["AT", "DE", "CH"]
    table = np.array([[columns["country"].count(name) for name in names] for columns in (train, other)])
    assert one["p_value"] == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, rel=1e-9)


def service_report(train: dict[str, Any], current: dict[str, Any], days: int | None) -> dict[str, Any]:
    """What the service's check reports on the same rows: packed, counted by the hour, judged."""
    before, after = as_rows(train), as_rows(current)
    names = [name for name in before[0] if name != "prediction"]
    baseline = build({name: [row[name] for row in before] for name in names}, [row["prediction"] for row in before])
    rows = [
        Row(
            (START + timedelta(minutes=place)).timestamp(), {name: row[name] for name in names}, row["prediction"], None
        )
        for place, row in enumerate(after)
    ]
    total = Counts.empty(baseline)
    for start in range(0, len(rows), 500):
        for counts in count(baseline, [unpacked(pack(rows[start : start + 500]))]).values():
            total = total + counts
    occasion = Occasion(
        now=START,
        organization_id="acme",
        model_id="churn",
        model_name="churn",
        settings=ModelSettings() if days is None else ModelSettings().model_copy(update={"window_days": days}),
        baseline_version=1,
        n_baseline=baseline.rows,
        n_window=total.rows,
        window=Window(start=START, end=START),
        preliminary=False,
        warming_up=False,
        silent=False,
    )
    return {one["name"]: one for one in judge(baseline, total, None, occasion).report["features"]}


def test_with_the_looks_of_a_month_it_is_the_check_of_the_service(
    train: dict[str, Any], current: dict[str, Any]
) -> None:
    """With looks=2880, scores, p-values, limits and verdicts equal the service's; sums are equal within 1e-12."""
    result = compare(train, current, looks=2880)
    for name, one in service_report(train, current, None).items():
        assert_equal(by_name(result)[name], json.loads(json.dumps(one)), name)


def test_fewer_looks_lower_the_limit(train: dict[str, Any], current: dict[str, Any]) -> None:
    """One comparison needs a smaller score than the checks of a month, and the result says how many share alpha."""
    small = {name: values[:300] for name, values in current.items()}
    one, month = compare(train, small), compare(train, small, looks=2880)
    assert by_name(one)["amount"]["threshold"] < by_name(month)["amount"]["threshold"]
    assert "2,880 checks per month" in one.to_text()
    assert "among 2,880 comparisons" in month.to_text()


def test_times_give_days(train: dict[str, Any], current: dict[str, Any]) -> None:
    """With a timestamp column the samples have days, it is no feature, and days that differ raise the limit."""
    rows = len(train["amount"])
    hours = np.array([START + timedelta(hours=place * 24 * 20 / rows) for place in range(rows)])
    moved = current["amount"] + np.array([0.8 * (moment.day % 2) for moment in hours])
    timed = compare({**train, "ts": hours}, {**current, "amount": moved, "ts": hours}, timestamp="ts")
    plain = compare(train, {**current, "amount": moved})
    assert "ts" not in by_name(timed)
    assert timed.window.days == 20
    assert timed.window.start == int(START.timestamp() * 1000)
    assert by_name(timed)["amount"]["rho"] > 0
    assert by_name(timed)["amount"]["threshold"] > by_name(plain)["amount"]["threshold"]
    assert by_name(timed)["amount"]["drift_score"] == by_name(plain)["amount"]["drift_score"]


@pytest.mark.parametrize("kind", ["datetime", "text", "seconds", "milliseconds", "date"])
def test_times_in_every_form(kind: str, train: dict[str, Any]) -> None:
    """Timestamps, texts, Unix times and dates are read as times; without an offset they are in UTC."""
    moments = [START + timedelta(hours=place) for place in range(len(train["amount"]))]
    forms: dict[str, list[Any]] = {
        "datetime": moments,
        "text": [moment.isoformat() for moment in moments],
        "seconds": [moment.timestamp() for moment in moments],
        "milliseconds": [int(moment.timestamp() * 1000) for moment in moments],
        "date": [moment.date() for moment in moments],
    }
    result = compare(train, {**train, "timestamp": forms[kind]})
    assert result.window.start == int(START.timestamp() * 1000)
    assert result.window.days == len(moments) / 24


def test_settings_are_those_of_a_model(train: dict[str, Any], current: dict[str, Any]) -> None:
    """Settings change limits and features as in the service."""
    settings = {"min_drift_score": 0.5, "min_share_change": 0.9, "features": {"country": {"enabled": False}}}
    result = compare(train, current, settings=settings)
    assert result.status == "ok"
    assert "country" not in by_name(result)
    assert by_name(result)["amount"]["threshold"] == 0.5


def test_excluded_columns_are_left_out(train: dict[str, Any], current: dict[str, Any]) -> None:
    """An excluded column is no feature and is not reported as unknown, in whichever sample it is."""
    result = compare(train, {**current, "extra": current["amount"]}, exclude=["extra", "country"])
    assert "country" not in by_name(result)
    assert result.unwatched == []
    assert [one["name"] for one in compare(train, {**current, "extra": current["amount"]}).unwatched] == ["extra"]


def test_csv_options_are_those_of_an_upload(tmp_path: Path) -> None:
    """Text columns stay texts, further cells mean a missing value, and the delimiter is found out."""
    rows = "\n".join(f"{place % 7};{1000 + place % 3};{'-999' if place % 4 == 0 else place}" for place in range(400))
    path = tmp_path / "rows.csv"
    path.write_text(f"a;zip;b\n{rows}\n")
    result = compare(path, path, csv=CsvOptions(text_columns=["zip"], na_values=["-999"]))
    features = by_name(result)
    assert features["zip"]["type"] == "categorical"
    assert features["b"]["missing"]["baseline"] == 0.25
    assert features["a"]["type"] == "numeric"


def test_it_imports_no_pandas(tmp_path: Path, train: dict[str, Any], current: dict[str, Any]) -> None:
    """Files are compared without pandas, which takes seconds to import and may not be installed."""
    import subprocess
    import sys

    before, after = write_csv(train, tmp_path / "a.csv"), write_parquet(current, tmp_path / "b.parquet")
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; sys.modules['pandas'] = None; sys.modules['polars'] = None\n"
        "from driftguard_client.comparing import compare\n"
        f"print(compare({str(before)!r}, {str(after)!r}).status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "drift\n", done.stderr


def test_results_are_plain(train: dict[str, Any], current: dict[str, Any]) -> None:
    """The dictionary is JSON without NaN, and the frame has a row for each feature, drifted ones first."""
    result = compare(train, current)
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["status"] == "drift"
    frame = result.to_pandas()
    assert list(frame["name"])[:2] == ["amount", "country"]
    assert len(frame) == len(result.features)


def test_levels_of_failure(train: dict[str, Any], current: dict[str, Any]) -> None:
    """Drift fails at both levels, poor data quality and unknown columns at one, and nothing fails at `none`."""
    drift = compare(train, current)
    quality = compare(train, {**train, "age": [None] * 300 + train["age"][300:]})
    unknown = compare(train, {**train, "extra": train["amount"]})
    assert [drift.fails(level) for level in ("none", "data_quality", "drift")] == [False, True, True]
    assert [quality.fails(level) for level in ("none", "data_quality", "drift")] == [False, True, False]
    assert [unknown.fails(level) for level in ("none", "data_quality", "drift")] == [False, True, False]
    with pytest.raises(CompareError, match="must be one of none, data_quality, drift"):
        drift.fails("dirft")


@pytest.mark.parametrize("kind", ["frame", "csv", "lists"])
def test_texts_that_are_no_categories_are_named_in_the_notes(tmp_path: Path, kind: str) -> None:
    """Ids and dates as texts, of every source, each with what to do."""
    columns = {
        "amount": [float(number) for number in range(300)],
        "order": [f"order-{number}" for number in range(300)],
        "day": [f"2026-11-{1 + number % 28:02d}" for number in range(300)],
        "plan": ["basic", "pro"] * 150,
    }
    data: Any = columns
    if kind == "frame":
        data = pd.DataFrame(columns)
    elif kind == "csv":
        data = write_csv(columns, tmp_path / "train.csv")
    notes = compare(data, data).notes
    assert [note.partition(".")[0].partition(":")[0] for note in notes] == [
        "Column 'order' has a different text in nearly every row (300 in 300 rows), like an id",
        "Column 'day' looks like dates",
    ]
    assert "turn it into numbers, such as an age in days" in notes[1]
    assert compare(data, data, exclude=["order", "day"]).notes == []
    assert [note for note in compare(data, data, exclude="order").notes if "order" in note] == []
