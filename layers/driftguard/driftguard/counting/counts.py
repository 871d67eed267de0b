"""Counts of logged values on a baseline's bins: added up, and stored in few bytes.

The stored counts of one group of features are a head and two or three deflated pieces:

| piece | content |
|---|---|
| head | little-endian: format (1 byte), bytes per count (1), bytes of names and of the next piece (4 each), rows (8) |
| counts | the names of new categories as JSON, then the byte planes of: missing, invalid, unseen, bins |
| moments | byte planes of float64: total, squares, least, greatest and beyond of the numeric features |
| notes | optional, see `counting.notes` |

Most counts of one hour fit the first byte plane, and a plane of zeros deflates to almost nothing.
Format 1 has no `unseen`.
"""

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add

import numpy as np

from driftguard.counting import vectors
from driftguard.counting.layout import GROUP_SIZE, Layout, layout_of
from driftguard.counting.notes import Notes
from driftguard.distributions.baseline import Baseline
from driftguard.platform.deflating import deflate_shortest, inflate, inflate_first
from driftguard.platform.planes import SIZE, split_planes
from driftguard.rows.columns import Kind
from driftguard.statistics.arrays import Flags, Floats, Ints

KINDS: tuple[Kind, ...] = ("number", "string", "boolean")

RECENT_NAMES = 5
"""New categories kept per feature and span of time: those seen last."""

NAME_LENGTH = 64
"""Characters kept of a new category's name."""

FIELDS = 10
"""Numbers per feature in memory beside its bins."""

FORMAT = 2
MOMENTS = 5
"""Moments per numeric feature: total, squares, least, greatest and beyond."""

_HEAD = struct.Struct("<BBIIQ")

type Names = dict[str, int]
"""Names of new categories, with the time each was last seen in milliseconds since the epoch."""


@dataclass(slots=True, eq=False)
class Counts:
    """Counts of F features with T bins in total, in the order of `layout`.

    rows: number of predictions.
    bins: int64 (T,), values per bin. missing: int64 (F,). invalid: int64 (F, 3), values of another type, by KINDS.
    total, squares: float64 (F,), the sums of the numeric values and of their squares. least, greatest: their extremes.
    beyond: float64 (F,), the sum of their distances to the baseline's range. These five are not finite where they
    overflow or where a feature has no value.
    unseen: int64 (F,), values that the baseline does not have: of categories, and of numbers that a rounding explains.
    recent: by feature index, the names of the latest categories that the baseline does not have.
    notes: examples of values of the wrong type, and names that the baseline lacks.

    The order of additions changes only the last bits of the sums.
    """

    layout: Layout
    rows: int
    bins: Ints
    missing: Ints
    invalid: Ints
    total: Floats
    squares: Floats
    least: Floats
    greatest: Floats
    beyond: Floats
    unseen: Ints
    recent: dict[int, Names]
    notes: Notes = field(default_factory=Notes)

    @classmethod
    def empty(cls, baseline: Baseline) -> "Counts":
        """Return counts of zero rows."""
        return cls.zero(layout_of(baseline))

    @classmethod
    def zero(cls, layout: Layout) -> "Counts":
        """Return counts of zero rows on a layout."""
        features = len(layout.features)
        return cls(
            layout=layout,
            rows=0,
            bins=np.zeros(len(layout.bins), np.int64),
            missing=np.zeros(features, np.int64),
            invalid=np.zeros((features, len(KINDS)), np.int64),
            total=np.zeros(features),
            squares=np.zeros(features),
            least=np.full(features, np.inf),
            greatest=np.full(features, -np.inf),
            beyond=np.zeros(features),
            unseen=np.zeros(features, np.int64),
            recent={},
        )

    @property
    def present(self) -> Ints:
        """The number of values of each feature's own type: int64 (F,)."""
        if not len(self.layout.features):
            return np.zeros(0, np.int64)
        return np.add.reduceat(self.bins, self.layout.starts)

    def __iadd__(self, other: "Counts") -> "Counts":
        with np.errstate(over="ignore", invalid="ignore"):
            self.rows += other.rows
            self.bins += other.bins
            self.missing += other.missing
            self.invalid += other.invalid
            self.total += other.total
            self.squares += other.squares
            np.minimum(self.least, other.least, out=self.least)
            np.maximum(self.greatest, other.greatest, out=self.greatest)
            self.beyond += other.beyond
            self.unseen += other.unseen
        self.recent = _merge(self.recent, other.recent)
        self.notes = self.notes + other.notes
        return self

    def __add__(self, other: "Counts") -> "Counts":
        with np.errstate(over="ignore", invalid="ignore"):
            return Counts(
                layout=self.layout,
                rows=self.rows + other.rows,
                bins=self.bins + other.bins,
                missing=self.missing + other.missing,
                invalid=self.invalid + other.invalid,
                total=self.total + other.total,
                squares=self.squares + other.squares,
                least=np.minimum(self.least, other.least),
                greatest=np.maximum(self.greatest, other.greatest),
                beyond=self.beyond + other.beyond,
                unseen=self.unseen + other.unseen,
                recent=_merge(self.recent, other.recent),
                notes=self.notes + other.notes,
            )

    @classmethod
    def joined(cls, baseline: Baseline, groups: Sequence["Counts"]) -> "Counts":
        """Return the counts of all features from the counts of each group."""
        if len(groups) == 1:
            return groups[0]
        return cls(
            layout=layout_of(baseline),
            rows=groups[0].rows,
            bins=np.concatenate([one.bins for one in groups]),
            missing=np.concatenate([one.missing for one in groups]),
            invalid=np.concatenate([one.invalid for one in groups]),
            total=np.concatenate([one.total for one in groups]),
            squares=np.concatenate([one.squares for one in groups]),
            least=np.concatenate([one.least for one in groups]),
            greatest=np.concatenate([one.greatest for one in groups]),
            beyond=np.concatenate([one.beyond for one in groups]),
            unseen=np.concatenate([one.unseen for one in groups]),
            recent={
                number * GROUP_SIZE + index: names
                for number, one in enumerate(groups)
                for index, names in one.recent.items()
            },
            notes=reduce(add, [one.notes.moved(number * GROUP_SIZE) for number, one in enumerate(groups)]),
        )

    def replaced(self, features: Flags, other: "Counts") -> "Counts":
        """Return these counts with those of `other` for the given features: bool (F,). `rows` and `notes` stay."""
        bins = np.repeat(features, self.layout.sizes)
        chosen = set(np.flatnonzero(features).tolist())
        return replace(
            self,
            bins=np.where(bins, other.bins, self.bins),
            missing=np.where(features, other.missing, self.missing),
            invalid=np.where(features[:, None], other.invalid, self.invalid),
            total=np.where(features, other.total, self.total),
            squares=np.where(features, other.squares, self.squares),
            least=np.where(features, other.least, self.least),
            greatest=np.where(features, other.greatest, self.greatest),
            beyond=np.where(features, other.beyond, self.beyond),
            unseen=np.where(features, other.unseen, self.unseen),
            recent={index: names for index, names in self.recent.items() if index not in chosen}
            | {index: names for index, names in other.recent.items() if index in chosen},
        )

    def copy(self) -> "Counts":
        """Return counts that can be changed without changing these."""
        return self + Counts.zero(self.layout)

    def encode(self, group: int) -> bytes:
        """Return the counts of one group of features: about 120 bytes per feature for 600 rows on 257 bins."""
        return _encode(self, group)

    @classmethod
    def decode(cls, baseline: Baseline, groups: Mapping[int, bytes]) -> "Counts":
        """Return the counts that `encode` wrote for each group. Features of other groups have counts of zero.

        Raises ValueError for another format, damaged data, or counts of another baseline.
        """
        counts = cls.empty(baseline)
        for group, data in groups.items():
            _decode_into(counts, group, data)
        return counts


def later(first: Names, second: Names) -> Names:
    """Return the names of both, each with its later time."""
    return {name: max(first.get(name, time), time) for name, time in (first | second).items()}


def latest(names: Names) -> Names:
    """Return the RECENT_NAMES that were seen last. Names with equal times are in alphabetical order."""
    return dict(sorted(names.items(), key=lambda item: (-item[1], item[0]))[:RECENT_NAMES])


def _merge(first: dict[int, Names], second: dict[int, Names]) -> dict[int, Names]:
    if not first or not second:
        return first or second
    merged = first | second
    for index in first.keys() & second.keys():
        merged[index] = latest(later(first[index], second[index]))
    return merged


def _moments(counts: Counts) -> tuple[Floats, ...]:
    return counts.total, counts.squares, counts.least, counts.greatest, counts.beyond


def _encode(counts: Counts, group: int) -> bytes:
    features, bins, numeric = counts.layout.group(group)
    small = [counts.missing[features], counts.invalid[features].ravel(), counts.unseen[features]]
    whole = np.concatenate([*small, counts.bins[bins]])
    width = max(1, -(-int(whole.max(initial=0)).bit_length() // 8))
    moments = np.concatenate([row[numeric] for row in _moments(counts)])
    recent = {
        index - features.start: names
        for index, names in counts.recent.items()
        if features.start <= index < features.stop
    }
    names = json.dumps(recent, separators=(",", ":"), sort_keys=True).encode() if recent else b""
    first = deflate_shortest(b"".join([names, *split_planes(whole.astype("<i8").tobytes(), width)]))
    second = deflate_shortest(b"".join(split_planes(moments.astype("<f8").tobytes())))
    notes = counts.notes.encode(slice(group * GROUP_SIZE, features.stop))
    return _HEAD.pack(FORMAT, width, len(names), len(first), counts.rows) + first + second + notes


def _decode_into(counts: Counts, group: int, data: bytes) -> None:
    try:
        _decode_group(counts, group, data)
    except (struct.error, zlib.error, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"damaged counts: {type(error).__name__}: {error}") from error


def _decode_group(counts: Counts, group: int, data: bytes) -> None:
    version, width, names_length, first_length, rows = _HEAD.unpack_from(data)
    if not 1 <= version <= FORMAT or not 1 <= width <= SIZE:
        raise ValueError(
            f"counts of unknown format {version} with {width} bytes per count; this code reads 1 to {FORMAT}"
        )
    middle = _HEAD.size + first_length
    first = inflate(data[_HEAD.size : middle])
    second, notes = inflate_first(data[middle:])
    features, bins, numeric = counts.layout.group(group)
    number = features.stop - features.start
    typed = number * (1 + len(KINDS))
    small = typed + (number if version > 1 else 0)
    wholes = small + bins.stop - bins.start
    if len(first) != names_length + wholes * width or len(second) != MOMENTS * SIZE * len(numeric):
        raise ValueError("counts of another baseline: their length does not fit its bins")
    whole = vectors.wholes(first[names_length:], width, wholes)
    moments = vectors.reals(second, MOMENTS * len(numeric))
    counts.rows = max(counts.rows, rows)
    counts.missing[features] = whole[:number]
    counts.invalid[features] = whole[number:typed].reshape(number, len(KINDS))
    counts.bins[bins] = whole[small:]
    if version > 1:
        counts.unseen[features] = whole[typed:small]
    else:
        # Counts of format 1 belong to a baseline of format 1, whose last bin of each category counts the new values.
        last = counts.layout.starts + counts.layout.sizes - 1
        counts.unseen[features] = np.where(counts.layout.numeric, 0, counts.bins[last])[features]
    for row, stored in zip(_moments(counts), moments.reshape(MOMENTS, len(numeric)), strict=True):
        row[numeric] = stored
    counts.notes = counts.notes + Notes.decode(notes, features)
    if names_length:
        for index, names in json.loads(first[:names_length]).items():
            counts.recent[int(index) + features.start] = names
