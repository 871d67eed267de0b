"""Months of a model that is judged by its labels every hour: false alarms without a change, and power with one."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench.environments import PEERS
from driftguard.models.settings import ModelSettings
from driftguard.performance.counts import CALIBRATION_BINS, Counts, delay_bin
from driftguard.performance.matching import TENTHS
from driftguard.performance.maturity import Day, Waiting
from driftguard.platform.times import hour_start
from driftguard.statistics import scores
from driftguard.verdicts.performance import judge

DAYS: Final = 30
LOOKS: Final = DAYS * 24
SOON: Final = 0.9
"""The share of labels that arrive within a day. The others arrive evenly within LATEST_DAYS."""
LATEST_DAYS: Final = 14
WORSE_FROM: Final = 10
"""The day from which a month with a drop is worse."""
DROPS: Final = (0.01, 0.02, 0.03, 0.05, 0.10)
FIRST_DAY: Final = 20_000
"""A day, counted since 1970."""

type Floats = npt.NDArray[np.float64]
type Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Scored rows with their truth. predicted, truth: 0 or 1."""

    scores: Floats
    predicted: Ints
    truth: Ints

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, chosen: Ints) -> "Rows":
        """Return some of the rows."""
        return Rows(self.scores[chosen], self.predicted[chosen], self.truth[chosen])

    @property
    def accuracy(self) -> float:
        """The share of rows whose prediction is right."""
        return float((self.predicted == self.truth).mean())


@dataclass(frozen=True)
class Month:
    """What a month showed: the hours at which an alert would have opened, by its metric; None if none did."""

    drop: float
    first: int | None
    metric: str | None


def car_loan() -> Rows | None:
    """Return the reference rows of NannyML's car loans; None if its package is not installed."""
    home = next(peer.folder for peer in PEERS if peer.name == "nannyml")
    name = "lib/python*/site-packages/nannyml/datasets/data/synthetic_car_loan_reference.csv"
    path = next(iter(sorted(home.glob(name))), None)
    return None if path is None else read(path)


def read(path: Path) -> Rows:
    """Return the rows of NannyML's file."""
    table = pd.read_csv(path, usecols=["y_pred_proba", "y_pred", "repaid"])
    proba = table["y_pred_proba"].to_numpy(np.float32).astype(np.float64)
    return Rows(proba, table["y_pred"].to_numpy(np.int64), table["repaid"].to_numpy(np.int64))


def counts_of(rows: Rows, delays: Ints | None = None) -> Counts:
    """Return the counts of labelled rows. delays: hours until their labels."""
    counts = Counts.empty(2)
    _add(counts, rows, np.zeros(len(rows), np.int64) if delays is None else delays)
    tally = counts.tally._replace(predictions=len(rows), labelled=len(rows), labels=len(rows))
    return replace(counts, tally=tally)


def _add(counts: Counts, rows: Rows, delays: Ints) -> None:
    """Add the counts of labelled rows, as a join does, except the sums that no verdict reads."""
    np.add.at(counts.confusion, (rows.truth, rows.predicted), 1)
    np.add.at(counts.delays, (rows.truth, delay_bin(delays)), 1)
    bins = scores.bins_of(rows.scores)
    positive = rows.truth == 1
    counts.positives[:] += np.bincount(bins[positive], minlength=scores.BINS)
    counts.negatives[:] += np.bincount(bins[~positive], minlength=scores.BINS)
    tenth = TENTHS.searchsorted(rows.scores)
    counts.calibration[0] += np.bincount(tenth, minlength=CALIBRATION_BINS)
    counts.calibration[1] += np.bincount(tenth[positive], minlength=CALIBRATION_BINS)


def month(rows: Rows, drop: float, seed: int) -> Month:
    """Judge a month every hour. One random half of the rows is the reference, the other half is the traffic.

    drop: how much the accuracy falls from WORSE_FROM on, because the truth of random rows changes.
    """
    rng = np.random.default_rng([seed, round(drop * 1000)])
    order = rng.permutation(len(rows))
    half = len(rows) // 2
    reference, traffic = counts_of(rows.take(order[:half])), rows.take(order[half:])
    hours = np.sort(rng.uniform(0, LOOKS, len(traffic)))
    if drop:
        flipped = (hours >= WORSE_FROM * 24) & (rng.random(len(traffic)) < drop / (2 * rows.accuracy - 1))
        traffic = replace(traffic, truth=np.where(flipped, 1 - traffic.truth, traffic.truth))
    late = np.where(rng.random(len(traffic)) < SOON, 24.0, LATEST_DAYS * 24.0)
    delays = rng.uniform(0, late)
    settings = ModelSettings()
    for hour, days in hourly(traffic, hours, delays, settings):
        judged = judge(
            days,
            reference,
            task="binary",
            reference_days=None,
            min_labels=settings.min_labels,
            min_drop=settings.min_performance_drop,
        )
        firing = next((one.name for one in judged if one.firing), None)
        if firing is not None:
            return Month(drop, hour, firing)
    return Month(drop, None, None)


def hourly(rows: Rows, hours: Floats, delays: Floats, settings: ModelSettings) -> Iterator[tuple[int, list[Day]]]:
    """Yield the days of a model after each hour. hours: when rows were predicted. delays: hours until their labels."""
    of_day = (hours // 24).astype(np.int64)
    arrived = np.ceil(hours + delays).astype(np.int64)
    order = np.argsort(arrived, kind="stable")
    bounds = np.searchsorted(arrived[order], np.arange(LOOKS + 2))
    days: list[Day] = []
    for hour in range(1, LOOKS + 1):
        while len(days) <= (hour - 1) // 24:
            days.append(Day(FIRST_DAY + len(days), Counts.empty(2)))
        new = order[bounds[hour] : bounds[hour + 1]]
        for number in np.unique(of_day[new]).tolist():
            some = new[of_day[new] == number]
            waited = (hours[some] + delays[some]).astype(np.int64) - hours[some].astype(np.int64)
            _add(days[number].counts, rows.take(some), waited)
            days[number] = _labelled(days[number], len(some))
        seen = int(np.searchsorted(hours, hour, "right"))
        days[-1] = _predicted(days[-1], int((of_day[:seen] == len(days) - 1).sum()))
        now = hour_start((FIRST_DAY * 24) + hour) + timedelta(minutes=1)
        waiting = Waiting.of([day.counts for day in days], settings.maturity_hours)
        days = [waiting.matured(day, settings.label_ratio, now) for day in days]
        yield hour, days


def _labelled(day: Day, more: int) -> Day:
    tally = day.counts.tally
    changed = tally._replace(labelled=tally.labelled + more, labels=tally.labels + more)
    return replace(day, counts=replace(day.counts, tally=changed))


def _predicted(day: Day, predictions: int) -> Day:
    return replace(day, counts=replace(day.counts, tally=day.counts.tally._replace(predictions=predictions)))


def months(rows: Rows, drop: float, count: int) -> list[Month]:
    """Judge many months, side by side."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(month, [rows] * count, [drop] * count, range(count)))
