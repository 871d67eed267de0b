"""The product: rows become hourly counts once, and a check decodes them, sums the window, tests and decides."""

import pickle
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

from bench.columns import baseline, batch
from bench.contenders.protocol import Distances, rows, run
from bench.stored import NOW, Stored, check, moments
from driftguard.counting.batches import count
from driftguard.platform.times import hour_of

HOUR = 3_600_000


def ingest(folder: Path) -> None:
    """Count the window's rows, spread evenly over 7 days; the week before is the same once more."""
    window = rows(folder, "window")
    reference = baseline(rows(folder, "baseline"), None)
    last = hour_of(NOW)
    times = (last - 167) * HOUR + np.arange(window.shape[1]) * (168 * HOUR) // window.shape[1]
    by_hour = count(reference, [batch(times, window)])
    needed, whole = moments()
    hours = {hour: by_hour[hour] for hour in needed if hour in by_hour}
    # Days of the window are its hours but for the first one, which lies half in the day that the window begins in.
    days = {}
    for day in whole:
        of_day = [hour + 168 if hour + 168 <= last else hour for hour in range(day * 24, day * 24 + 24)]
        found = [by_hour[hour] for hour in of_day if hour in by_hour]
        if found:
            days[day] = reduce(add, found)
    (folder / "stored.pickle").write_bytes(pickle.dumps(Stored.of(reference, hours, days)))


def load(folder: Path) -> Any:
    """The items that a check reads, in memory."""
    stored: Stored = pickle.loads((folder / "stored.pickle").read_bytes())  # noqa: S301 - written by `ingest`
    stored.read_from().__enter__()
    return stored


def measured(state: Any) -> Distances:
    """A whole check."""
    return [feature["drift_score"] or 0.0 for feature in check(state).report["features"]]


if __name__ == "__main__":
    run(load, measured, ingest)
