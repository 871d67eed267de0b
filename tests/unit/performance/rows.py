"""Predictions and labels as tables of rows, and the runs that they make."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from driftguard.performance.counts import Counts, total
from driftguard.performance.ids import hashes_of, partition_of
from driftguard.performance.matching import count
from driftguard.performance.runs import NO_CLASS, Directory, Kind, Labels

DAY = 20_000
HOUR = 3_600_000_000
START = DAY * 24 * HOUR
MODEL = "a-model"


def directory(table: pd.DataFrame, kind: Kind = "classes") -> Directory:
    """The directory of rows with id, hour, predicted (NaN: no class) and value."""
    values = table["value"].to_numpy(np.float64)
    return Directory(
        hashes_of(MODEL, table["id"]),
        table["hour"].to_numpy(np.uint8),
        table["predicted"].fillna(NO_CLASS).to_numpy(np.uint8),
        values.astype(np.float32) if kind == "classes" else values,
    )


def labels(table: pd.DataFrame, kind: Kind = "classes") -> Labels:
    """The labels of rows with id, label (NaN: withdrawn), labelled_at, arrived, key, index, and outcomes."""
    truth = table["label"].to_numpy(np.float64)
    withdrawn = np.isnan(truth)
    classes = np.where(withdrawn, NO_CLASS, 0 if kind == "numbers" else np.nan_to_num(truth)).astype(np.uint8)
    return Labels(
        kind,
        hashes_of(MODEL, table["id"]),
        classes,
        np.nan_to_num(truth) if kind == "numbers" else np.zeros(0),
        table["labelled_at"].to_numpy(np.int64),
        table["arrived"].to_numpy(np.int64),
        table["key"].to_numpy(np.uint64),
        table["index"].to_numpy(np.int64),
        {str(name): table[name].to_numpy(np.float64) for name in table if str(name).startswith("money")},
    )


@dataclass
class Story:
    """A day of predictions and labels with corrections, withdrawals, repetitions, unknown and ambiguous ids."""

    predictions: pd.DataFrame
    labels: pd.DataFrame
    kind: Kind = "classes"
    classes: int = 2
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def counts(self, pieces: int = 3, partitions: int = 1) -> Counts:
        """The counts of the day from this many runs of each kind, shuffled, in this many partitions."""
        first, second = (self._shuffled(table, pieces) for table in (self.predictions, self.labels))
        runs = [directory(piece, self.kind) for piece in first], [labels(piece, self.kind) for piece in second]
        return total(
            (
                count(
                    [run.take(partition_of(run.hashes, partitions) == number) for run in runs[0]],
                    [run.take(partition_of(run.hashes, partitions) == number) for run in runs[1]],
                    classes=self.classes,
                    day=DAY,
                )
                for number in range(partitions)
            ),
            self.classes,
        )

    def _shuffled(self, table: pd.DataFrame, pieces: int) -> Sequence[pd.DataFrame]:
        order = self.rng.permutation(len(table))
        return [table.iloc[part] for part in np.array_split(order, pieces)]

    def joined(self) -> pd.DataFrame:
        """The predictions with one id each, and their label by pandas alone; `label` is NaN without one."""
        entries = self.predictions.drop_duplicates()
        single = entries[~entries["id"].duplicated(keep=False)]
        ordered = self.labels.sort_values(["labelled_at", "arrived", "key", "index"])
        winners = ordered.drop_duplicates("id", keep="last")
        return single.merge(winners, on="id", how="left", suffixes=("", "_of_label"))


def story(kind: Kind = "classes", classes: int = 2, rows: int = 400, seed: int = 0) -> Story:
    """A day of predictions whose labels arrive in 20 batches."""
    rng = np.random.default_rng(seed)
    value = rng.random(rows) if kind == "classes" else rng.normal(100, 10, rows)
    predictions = pd.DataFrame(
        {
            "id": [f"p{number}" for number in range(rows)],
            "hour": rng.integers(0, 24, rows),
            "predicted": rng.integers(0, classes, rows).astype(np.float64) if classes else np.full(rows, np.nan),
            "value": np.where(rng.random(rows) < 0.05, np.nan, value).astype(
                np.float32 if kind == "classes" else np.float64
            ),
        }
    )
    if classes:
        predictions.loc[rng.random(rows) < 0.05, "predicted"] = np.nan
    again = predictions.sample(20, random_state=seed)
    other = predictions.sample(10, random_state=seed + 1).assign(hour=lambda table: (table["hour"] + 1) % 24)
    batches = 20
    arrivals = START + rng.integers(0, 80 * HOUR, batches)
    keys = rng.integers(0, 2**63, batches)
    sent = int(rows * 1.4)
    ids = [f"p{number}" for number in rng.integers(0, int(rows * 1.05), sent)]
    batch = rng.integers(0, batches, sent)
    truth = rng.integers(0, classes, sent).astype(np.float64) if classes else rng.normal(100, 12, sent)
    truth[rng.random(sent) < 0.05] = np.nan
    given = pd.DataFrame(
        {
            "id": ids,
            "label": truth,
            "labelled_at": arrivals[batch] - rng.integers(0, 3 * HOUR, sent),
            "arrived": arrivals[batch],
            "key": keys[batch],
            "index": np.arange(sent),
            "money_in": np.where(rng.random(sent) < 0.5, np.nan, rng.normal(5, 2, sent)),
        }
    )
    repeated = given.sample(30, random_state=seed)
    return Story(
        pd.concat([predictions, again, other], ignore_index=True),
        pd.concat([given, repeated], ignore_index=True),
        kind,
        classes,
        rng,
    )
