"""Runs: immutable tables of predictions or of labels that one partition of a day has received.

`performance.stored_runs` gives them their bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal

import numpy as np
import numpy.typing as npt

from driftguard.performance.ids import Hashes
from driftguard.platform.times import microseconds, parse
from driftguard.statistics.arrays import Flags, Floats, Ints

NO_CLASS = 255
"""The class of a prediction that names none, and of a label that was withdrawn."""

type Kind = Literal["classes", "numbers"]
"""What a task predicts: one of a few classes, or a number."""

type Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Directory:
    """Predictions of one partition of a day.

    hours: the hour of the day. classes: the predicted class or NO_CLASS.
    values: the score as float32, or of a regression the prediction as float64; NaN if there is none.
    """

    hashes: Hashes
    hours: Codes
    classes: Codes
    values: npt.NDArray[np.float32] | Floats

    @property
    def kind(self) -> Kind:
        """Whether the task has classes or numbers."""
        return "classes" if self.values.dtype == np.float32 else "numbers"

    def __len__(self) -> int:
        return len(self.hashes)

    def take(self, rows: Ints | Flags | slice) -> "Directory":
        """Return some of the rows."""
        return Directory(self.hashes[rows], self.hours[rows], self.classes[rows], self.values[rows])

    @classmethod
    def empty(cls, kind: Kind) -> "Directory":
        """Return a directory without rows."""
        codes = np.zeros(0, np.uint8)
        values = np.zeros(0, np.float32) if kind == "classes" else np.zeros(0)
        return cls(np.zeros(0, np.uint64), codes, codes, values)

    @classmethod
    def merge(cls, runs: "Sequence[Directory]") -> "Directory":
        """Return the distinct rows of several runs, sorted. Needs at least one run."""
        joined = cls(*(np.concatenate([getattr(run, one.name) for run in runs]) for one in fields(cls)))
        ordered = joined.take(np.lexsort((bits_of(joined.values), joined.classes, joined.hours, joined.hashes)))
        kept = np.zeros(len(ordered), np.bool_)
        kept[:1] = True
        for column in (ordered.hashes, ordered.hours, ordered.classes, bits_of(ordered.values)):
            kept[1:] |= column[1:] != column[:-1]
        return ordered.take(kept)


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Labels of one partition of a day. Every label that arrived stays, also one that was corrected.

    classes: the class, or NO_CLASS if the label is withdrawn. Of a regression 0 or NO_CLASS.
    numbers: float64, the label of a regression, 0 if it is withdrawn. Empty if the task has classes.
    labelled_at: int64, microseconds since the epoch. arrived, key: the batch's arrival, see `arrival_of`.
    index: int64, the row's place in its batch. outcomes: float64 by name, NaN where a row has none.
    """

    kind: Kind
    hashes: Hashes
    classes: Codes
    numbers: Floats
    labelled_at: Ints
    arrived: Ints
    key: Hashes
    index: Ints
    outcomes: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.hashes)

    @property
    def withdrawn(self) -> Flags:
        """Whether a row takes its label back."""
        return np.equal(self.classes, NO_CLASS)

    def take(self, rows: Ints | Flags | slice) -> "Labels":
        """Return some of the rows. Outcomes that none of them has are left out."""
        outcomes = {name: values[rows] for name, values in self.outcomes.items()}
        return Labels(
            self.kind,
            self.hashes[rows],
            self.classes[rows],
            self.numbers[rows] if self.kind == "numbers" else self.numbers,
            self.labelled_at[rows],
            self.arrived[rows],
            self.key[rows],
            self.index[rows],
            {name: values for name, values in outcomes.items() if not np.isnan(values).all()},
        )

    @classmethod
    def empty(cls, kind: Kind) -> "Labels":
        """Return no labels."""
        ids, whole = np.zeros(0, np.uint64), np.zeros(0, np.int64)
        return cls(kind, ids, np.zeros(0, np.uint8), np.zeros(0), whole, whole, ids, whole)

    @classmethod
    def merge(cls, runs: "Sequence[Labels]") -> "Labels":
        """Return the distinct rows of several runs, sorted by hash, then by `labelled_at`, arrival and index.

        The last row of a hash is the label that counts. Needs at least one run.
        """
        names = sorted({name for run in runs for name in run.outcomes})
        outcomes = {
            name: np.concatenate([run.outcomes.get(name, np.full(len(run), np.nan)) for run in runs]) for name in names
        }
        joined = cls(
            runs[0].kind,
            np.concatenate([run.hashes for run in runs]),
            np.concatenate([run.classes for run in runs]),
            np.concatenate([run.numbers for run in runs]),
            np.concatenate([run.labelled_at for run in runs]),
            np.concatenate([run.arrived for run in runs]),
            np.concatenate([run.key for run in runs]),
            np.concatenate([run.index for run in runs]),
            outcomes,
        )
        rows = joined.take(np.lexsort((joined.index, joined.key, joined.arrived, joined.labelled_at, joined.hashes)))
        kept = np.zeros(len(rows), np.bool_)
        kept[:1] = True
        for column in (rows.hashes, rows.labelled_at, rows.arrived, rows.key, rows.index):
            kept[1:] |= column[1:] != column[:-1]
        return rows if kept.all() else rows.take(kept)


def bits_of(values: npt.NDArray[np.floating]) -> npt.NDArray[np.unsignedinteger]:
    """Return the bits of floats, so that NaN equals NaN."""
    return values.view(np.uint32 if values.dtype == np.float32 else np.uint64)


def arrival_of(arrived_at: str) -> tuple[int, int]:
    """Return the time of an `arrived_at` in microseconds, and its part of the batch's key as a number.

    Their order is the order of the texts, and no two batches of a model share both.
    """
    moment, _, key = arrived_at.partition("#")
    return microseconds(parse(moment)), int(key[:16] or "0", 16)
