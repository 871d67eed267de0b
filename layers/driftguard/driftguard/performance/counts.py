"""What predictions and their labels amount to: whole numbers and a few sums, of a partition, a day or a window."""

import json
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from driftguard.performance.runs import Kind
from driftguard.performance.tally import FORMAT, HEAD, Tally
from driftguard.platform.deflating import deflate, deflate_shortest, inflate
from driftguard.platform.planes import SIZE, cut_planes, join_planes, split_planes
from driftguard.statistics import errors, scores
from driftguard.statistics.arrays import Floats, Ints

EXACT_HOURS = 48
DELAY_EDGES = np.unique(
    np.concatenate([np.arange(EXACT_HOURS), np.ceil(EXACT_HOURS * 1.05 ** np.arange(112))]).astype(np.int64)
)
"""The first hour of each bin of delays: single hours up to EXACT_HOURS, then bins that grow by 5 %, up to 400 days."""

DELAYS = len(DELAY_EDGES)
CALIBRATION_BINS = 10

SCORE_SUMS = 4
"""Sums over scored rows: Brier terms, their squares, log-loss terms, their squares."""

ERROR_SUMS = 6
"""Sums over errors e and labels y: e, |e|, e², e⁴, y, and the squared distances of y from its mean."""

_LETTERS: dict[Kind, bytes] = {"classes": b"c", "numbers": b"n"}


class Outcome(NamedTuple):
    """A named number of labelled predictions: how many have it, their mean, and the squared distances from it."""

    n: int
    mean: float
    squares: float

    def plus(self, other: "Outcome") -> "Outcome":
        """Return the outcome of both together (Chan, Golub and LeVeque 1979)."""
        n = self.n + other.n
        if not n:
            return self
        step = other.mean - self.mean
        squares = self.squares + other.squares + step * step * self.n * other.n / n
        return Outcome(n, self.mean + step * other.n / n, squares)


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """The counts of predictions joined with their labels.

    confusion: int64 (C, C), the labelled predictions that name a class, by class of the label and of the prediction.
    negatives, positives: int64 (scores.BINS,), labelled scores of a binary task.
    calibration: int64 (2, CALIBRATION_BINS), scores and positives by tenth of the score. calibration_sums: the sums of
    the scores. errors: int64 (errors.BINS,) of a regression.
    sums: float64, SCORE_SUMS or ERROR_SUMS. delays: int64 (classes or 1, DELAYS), labelled ids by the class of their
    label and the hours until their first label. outcomes: by name.
    """

    kind: Kind
    classes: int
    tally: Tally
    confusion: Ints
    negatives: Ints
    positives: Ints
    calibration: Ints
    errors: Ints
    delays: Ints
    calibration_sums: Floats
    sums: Floats
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @classmethod
    def empty(cls, classes: int) -> "Counts":
        """Return counts of nothing. classes: the number of classes, 0 for a regression."""
        binary, number = classes == 2, classes == 0
        return cls(
            kind="numbers" if number else "classes",
            classes=classes,
            tally=Tally(),
            confusion=np.zeros((classes, classes), np.int64),
            negatives=np.zeros(scores.BINS * binary, np.int64),
            positives=np.zeros(scores.BINS * binary, np.int64),
            calibration=np.zeros((2, CALIBRATION_BINS * binary), np.int64),
            errors=np.zeros(errors.BINS * number, np.int64),
            delays=np.zeros((max(classes, 1), DELAYS), np.int64),
            calibration_sums=np.zeros(CALIBRATION_BINS * binary),
            sums=np.zeros(ERROR_SUMS if number else SCORE_SUMS * binary),
        )

    @property
    def n(self) -> int:
        """Number of labelled predictions that can be judged: those that name a class, or the errors."""
        return int(self.confusion.sum() if self.classes else self.errors.sum())

    @property
    def scored(self) -> int:
        """Number of labelled scores."""
        return int(self.negatives.sum() + self.positives.sum())

    def with_classes(self, classes: int) -> "Counts":
        """Return the counts for a task whose classes were extended to this number."""
        if classes == self.classes:
            return self
        confusion = np.zeros((classes, classes), np.int64)
        confusion[: self.classes, : self.classes] = self.confusion
        delays = np.zeros((classes, DELAYS), np.int64)
        delays[: self.classes] = self.delays
        bare = Counts.empty(classes)
        return replace(bare, tally=self.tally, confusion=confusion, delays=delays, outcomes=self.outcomes)

    def __add__(self, other: "Counts") -> "Counts":
        classes = max(self.classes, other.classes)
        if classes != self.classes or classes != other.classes:
            return self.with_classes(classes) + other.with_classes(classes)
        sums = self.sums + other.sums
        if self.kind == "numbers":
            sums[-1] = self._labels().plus(other._labels()).squares
        names = [*self.outcomes, *(name for name in other.outcomes if name not in self.outcomes)]
        none = Outcome(0, 0.0, 0.0)
        return replace(
            self,
            tally=Tally(*(mine + yours for mine, yours in zip(self.tally, other.tally, strict=True))),
            **{name: getattr(self, name) + getattr(other, name) for name in _WHOLE},
            calibration_sums=self.calibration_sums + other.calibration_sums,
            sums=sums,
            outcomes={name: self.outcomes.get(name, none).plus(other.outcomes.get(name, none)) for name in names},
        )

    def _labels(self) -> Outcome:
        n = self.n
        return Outcome(n, float(self.sums[-2]) / max(n, 1), float(self.sums[-1]))

    def encode(self) -> bytes:
        """Return the stored bytes: the whole numbers, then the sums, then the outcomes."""
        whole = np.concatenate([self.tally, *(getattr(self, name).ravel() for name in _WHOLE)]).astype(np.int64)
        width = max(1, -(-int(whole.max()).bit_length() // 8))
        first = deflate_shortest(b"".join(split_planes(whole.astype("<i8").tobytes(), width)))
        moments = np.concatenate([self.calibration_sums, self.sums]).astype("<f8")
        second = deflate(b"".join(split_planes(moments.tobytes()))) if len(moments) else b""
        third = deflate(json.dumps(self.outcomes, sort_keys=True).encode()) if self.outcomes else b""
        head = HEAD.pack(FORMAT, _LETTERS[self.kind], self.classes, width, len(first), len(second), len(third))
        return head + first + second + third

    @classmethod
    def decode(cls, data: bytes) -> "Counts":
        """Return stored counts. Raises ValueError if the bytes are damaged or of an unknown format."""
        try:
            return cls._decode(data)
        except (struct.error, zlib.error, LookupError, TypeError) as error:
            raise ValueError(f"damaged performance counts: {type(error).__name__}: {error}") from error

    @classmethod
    def _decode(cls, data: bytes) -> "Counts":
        version, _letter, classes, width, *lengths = HEAD.unpack_from(data)
        if version != FORMAT:
            raise ValueError(f"performance counts of unknown format {version}; this code reads format {FORMAT}")
        bare = cls.empty(classes)
        pieces, start = [], HEAD.size
        for length in lengths:
            pieces.append(data[start : start + length])
            start += length
        shapes = [getattr(bare, name).shape for name in _WHOLE]
        sizes = [int(np.prod(shape)) for shape in shapes]
        count = len(Tally._fields) + sum(sizes)
        whole = np.frombuffer(join_planes(cut_planes(inflate(pieces[0]), width), count), "<i8").astype(np.int64)
        parts = np.split(whole, np.cumsum([len(Tally._fields), *sizes])[:-1])
        moments = np.zeros(0)
        if pieces[1]:
            number = len(bare.calibration_sums) + len(bare.sums)
            moments = np.frombuffer(join_planes(cut_planes(inflate(pieces[1]), SIZE), number), "<f8").astype(np.float64)
        outcomes = json.loads(inflate(pieces[2])) if pieces[2] else {}
        read: dict[str, Any] = {
            name: part.reshape(shape) for name, part, shape in zip(_WHOLE, parts[1:], shapes, strict=True)
        }
        return replace(
            bare,
            **read,
            tally=Tally(*parts[0].tolist()),
            calibration_sums=moments[: len(bare.calibration_sums)],
            sums=moments[len(bare.calibration_sums) :],
            outcomes={name: Outcome(*values) for name, values in outcomes.items()},
        )


_WHOLE = ("confusion", "negatives", "positives", "calibration", "errors", "delays")
"""The fields of whole numbers, in the order in which they are stored."""


def total(parts: Iterable[Counts], classes: int) -> Counts:
    """Return the sum of counts. classes: the number of classes if there are none."""
    result = Counts.empty(classes)
    for part in parts:
        result = result + part
    return result


def delay_bin(hours: Ints) -> Ints:
    """Return the bin of delays in whole hours."""
    return DELAY_EDGES.searchsorted(hours, side="right").astype(np.int64) - 1
