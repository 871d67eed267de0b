"""What each part of the drift test found, and what follows for a feature."""

from dataclasses import dataclass
from typing import get_args

import numpy as np

from driftguard.alerts.changes import Part
from driftguard.statistics.arrays import Flags, Floats, Ints

PARTS: tuple[Part, ...] = get_args(Part.__value__)


@dataclass(frozen=True)
class PartTests:
    """The results of one part, arrays (F,).

    tested: whether there were enough values. fired: whether the part found a change. holding: whether it keeps an open
    alert open. score: what is compared with `limit`. graded: the score that severity follows.
    hours: the length of the window.
    """

    tested: Flags
    fired: Flags
    holding: Flags
    score: Floats
    graded: Floats
    limit: Floats
    hours: Ints

    @classmethod
    def nothing(cls, features: int) -> "PartTests":
        """Return the results of a part that tests no feature."""
        no, zero = np.zeros(features, np.bool_), np.zeros(features)
        return cls(no, no, no, zero, zero, zero, np.zeros(features, np.int64))


@dataclass(frozen=True)
class Combined:
    """What all parts together say about each feature, arrays (F,).

    part: index into PARTS of the part that decides: of the parts that fired, the part with the largest score; else of
    the parts that hold an alert. -1 if there is none. score, graded, limit, hours: of that part.
    """

    tested: Flags
    fired: Flags
    holding: Flags
    part: Ints
    score: Floats
    graded: Floats
    limit: Floats
    hours: Ints

    @classmethod
    def of(cls, parts: tuple[PartTests, ...]) -> "Combined":
        """Combine the parts, in the order of PARTS."""
        tested, fired, holding, score, graded, limit, hours = (
            np.stack([getattr(one, name) for one in parts])
            for name in ("tested", "fired", "holding", "score", "graded", "limit", "hours")
        )
        some = np.where(fired.any(axis=0), fired, holding)
        best = np.where(some, graded, -1.0).argmax(axis=0)

        def of_best[T: np.generic](values: "np.typing.NDArray[T]") -> "np.typing.NDArray[T]":
            chosen: np.typing.NDArray[T] = np.take_along_axis(values, best[None], axis=0)[0]
            return chosen

        return cls(
            tested=tested.any(axis=0),
            fired=fired.any(axis=0),
            holding=holding.any(axis=0),
            part=np.where(some.any(axis=0), best, -1),
            score=of_best(score),
            graded=of_best(graded),
            limit=of_best(limit),
            hours=of_best(hours),
        )
