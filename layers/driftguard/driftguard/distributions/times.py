"""The hours of the week of an uploaded baseline's values, on disk until the groups of the values are known."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from driftguard.distributions.baseline import FeatureBaseline
from driftguard.distributions.categories import BOOLEANS, Categories, digest_of
from driftguard.distributions.numbers import to_double
from driftguard.distributions.weeks import CODES, HOURS_OF_WEEK, NO_HOUR, groups_of
from driftguard.platform.serialization import Scalar
from driftguard.statistics.arrays import Ints

MOST_VALUES = 50_000_000
"""Values on disk, of all features, before only every THINNING-th value is kept. 9 bytes each."""
THINNING = 16

VALUES_AT_ONCE = 1_000_000

KINDS = ("numeric", "categorical", "boolean")

type Slots = npt.NDArray[np.uint8]


class Spool:
    """How many values of all features are on disk, and so how many of the next ones are kept."""

    def __init__(self) -> None:
        self._kept = 0

    def step(self, values: int) -> int:
        """Return the distance of the values to keep among these values, 1 to keep all."""
        step = int(THINNING ** (self._kept // MOST_VALUES))
        self._kept += -(-values // step)
        return step


class Times:
    """The hours of the week of one feature's values. Numbers and texts are on disk, booleans are counted at once.

    Of very large files only a part of the numbers and texts is kept.
    """

    def __init__(self, path: Path, spool: Spool) -> None:
        self._numbers = path.with_suffix(".numbers"), path.with_suffix(".number_hours")
        self._texts = path.with_suffix(".texts"), path.with_suffix(".text_hours")
        self._spool = spool
        self._flags = np.zeros((len(BOOLEANS), HOURS_OF_WEEK), np.int64)

    def add(self, values: Sequence[Scalar], slots: Slots) -> None:
        """Add values with their hours of the week."""
        if set(map(type, values)) == {float}:
            self.add_numbers(np.array(values, np.float64), slots)
            return
        kinds = np.fromiter(map(_kind, values), np.uint8, len(values))
        for kind in range(len(KINDS)):
            places = np.flatnonzero(kinds == kind)
            if not len(places):
                continue
            own = slots[places]
            given = [values[place] for place in places.tolist()]
            if kind == 0:
                numbers = np.array(list(map(to_double, given)), np.float64)  # type: ignore[arg-type]  # they are numbers
                self.add_numbers(numbers, own)
            elif kind == 1:
                names = [str(name) for name in dict.fromkeys(given)]
                codes = dict(zip(names, range(len(names)), strict=True))
                self.add_names(names, np.array([codes[str(name)] for name in given], np.int64), own)
            else:
                self.add_flags(np.array(given, np.int64), own)

    def add_numbers(self, numbers: npt.NDArray[np.float64], slots: Slots) -> None:
        """Add numbers. Those that are not finite are left out."""
        kept = np.isfinite(numbers) & (slots != NO_HOUR)
        self._write(self._numbers, numbers[kept], slots[kept])

    def add_names(self, names: Sequence[str], codes: Ints, slots: Slots) -> None:
        """Add texts: the place of each value in `names`."""
        kept = slots != NO_HOUR
        digests = np.array([digest_of(name) for name in names], np.uint32)
        self._write(self._texts, digests[codes[kept]], slots[kept])

    def add_flags(self, flags: Ints, slots: Slots) -> None:
        """Add booleans, as 0 and 1."""
        for flag in range(len(BOOLEANS)):
            kept = (flags == flag) & (slots != NO_HOUR)
            self._flags[flag] += np.bincount(slots[kept], minlength=HOURS_OF_WEEK)

    def _write(self, paths: tuple[Path, Path], values: npt.NDArray[np.generic], slots: Slots) -> None:
        step = self._spool.step(len(values))
        for path, part in zip(paths, (values[::step], slots[::step]), strict=True):
            with path.open("ab") as file:
                file.write(part.tobytes())

    def tally(self, feature: FeatureBaseline) -> Mapping[int, int]:
        """Return the number of values by hour of the week times CODES plus their code, and delete the files."""
        kind = KINDS.index(feature.type)
        table = np.zeros((HOURS_OF_WEEK, CODES), np.int64)
        if kind == 0:
            self._count_numbers(feature, table)
        elif kind == 1:
            self._count_texts(feature, table)
        elif isinstance(feature.values, Categories):
            for name, group in zip(feature.values.names, groups_of(feature.values), strict=False):
                table[:, group] += self._flags[BOOLEANS.index(name)]
        for path in (*self._numbers, *self._texts):
            path.unlink(missing_ok=True)
        flat = table.ravel()
        return {place: int(flat[place]) for place in np.flatnonzero(flat).tolist()}

    def _count_numbers(self, feature: FeatureBaseline, table: Ints) -> None:
        if isinstance(feature.values, Categories):
            return
        groups, cuts = np.array([*groups_of(feature.values), 0], np.int64), np.array(feature.values.cuts, np.float64)
        for values, slots in _parts(self._numbers, np.dtype(np.float64)):
            _count(table, groups[cuts.searchsorted(values)], slots)

    def _count_texts(self, feature: FeatureBaseline, table: Ints) -> None:
        if not isinstance(feature.values, Categories):
            return
        *groups, others = groups_of(feature.values)
        digests = [digest_of(name) for name in feature.values.names]
        order = np.argsort(digests)
        known, of_known = np.array(digests, np.uint32)[order], np.array(groups, np.int64)[order]
        for values, slots in _parts(self._texts, np.dtype(np.uint32)):
            places = np.minimum(known.searchsorted(values), len(known) - 1)
            _count(table, np.where(known[places] == values, of_known[places], others), slots)


def _parts(paths: tuple[Path, Path], dtype: np.dtype[np.generic]) -> list[tuple[npt.NDArray[np.generic], Slots]]:
    """Return the values on disk with their hours of the week, in parts of bounded size."""
    if not paths[0].exists() or not paths[0].stat().st_size:
        return []
    values, slots = np.memmap(paths[0], dtype, mode="r"), np.memmap(paths[1], np.uint8, mode="r")
    starts = range(0, len(values), VALUES_AT_ONCE)
    return [(values[at : at + VALUES_AT_ONCE], slots[at : at + VALUES_AT_ONCE]) for at in starts]


def _count(table: Ints, groups: Ints, slots: Slots) -> None:
    counted = np.bincount(slots.astype(np.int64) * CODES + groups, minlength=table.size)
    table += counted.reshape(table.shape)


def _kind(value: Scalar) -> int:
    """Return the place of the value's type in KINDS, and one more for a missing value."""
    kind = type(value)
    if kind is float or kind is int:
        return 0
    return 1 if kind is str else 2 if kind is bool else len(KINDS)
