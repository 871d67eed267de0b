"""What was seen in some span of time, on a baseline's bins; added up, and stored in a few bytes."""

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from driftguard.counting.layout import Layout, layout_of
from driftguard.distributions.baseline import Baseline
from driftguard.rows.columns import Kind
from driftguard.statistics.arrays import Floats, Ints

GROUP_SIZE = 100
"""Features in one encoded group: an item of a table holds one."""

KINDS: tuple[Kind, ...] = ("number", "string", "boolean")

RECENT_NAMES = 5
"""New categories kept per feature and span, the latest ones."""

MAX_UNPACKED = 1 << 25
"""Bytes to which a group may unpack: many times what GROUP_SIZE features come to."""

NAME_LENGTH = 64
"""Characters kept of a new category's name."""

type Names = dict[str, int]
"""Names of new categories, and when each was last seen: milliseconds since the epoch."""


@dataclass(slots=True, eq=False)
class Counts:
    """Counts of F features with T bins together, laid out as `layout` says.

    rows: predictions. bins: int64 (T,). missing: int64 (F,). invalid: int64 (F, 3), values of another type by KINDS.
    total, squares, least, greatest, beyond: float64 (F,), of the numeric features' values the sum, the sum of squares,
    the extremes, and the sum of the distances to the baseline's range; not finite where they overflow or where there
    is no value. recent: by feature index, the latest names that the baseline lacked.

    Adding gives the same in any order, but for the last bits of the sums.
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
    recent: dict[int, Names]

    @classmethod
    def empty(cls, baseline: Baseline) -> "Counts":
        """Counts of nothing."""
        layout = layout_of(baseline)
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
            recent={},
        )

    @property
    def present(self) -> Ints:
        """Values of the feature's own type: int64 (F,)."""
        if not len(self.layout.features):
            return np.zeros(0, np.int64)
        return np.add.reduceat(self.bins, self.layout.starts)

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
                recent=_merge(self.recent, other.recent),
            )

    def encode(self, group: int) -> bytes:
        """The features of one group (GROUP_SIZE of them) as bytes: about 120 a feature for 600 rows on 257 bins."""
        return _encode(self, group)

    @classmethod
    def decode(cls, baseline: Baseline, groups: Mapping[int, bytes]) -> "Counts":
        """What `encode` made of each group; the features of groups that are not given are empty.

        Raises ValueError on another format and on counts of another baseline.
        """
        counts = cls.empty(baseline)
        for group, data in groups.items():
            _decode_into(counts, group, data)
        return counts


def later(first: Names, second: Names) -> Names:
    """The names of both, each with its later time."""
    return {name: max(first.get(name, time), time) for name, time in (first | second).items()}


def latest(names: Names) -> Names:
    """The RECENT_NAMES that were seen last, of the same time those first by name."""
    return dict(sorted(names.items(), key=lambda item: (-item[1], item[0]))[:RECENT_NAMES])


def _merge(first: dict[int, Names], second: dict[int, Names]) -> dict[int, Names]:
    if not first or not second:
        return first or second
    merged = first | second
    for index in first.keys() & second.keys():
        merged[index] = latest(later(first[index], second[index]))
    return merged


# Stored: a head (format, bytes a count, length of the names, of the deflated counts; rows), the deflated names (JSON)
# and counts (missing, invalid, bins), the deflated moments of the numeric features. Counts and moments are byte planes,
# the lowest bytes of all first: an hour's counts mostly fit the first plane, and empty planes deflate to nothing.

_FORMAT = 1
MOMENTS = 5
_HEAD = struct.Struct("<BBIIQ")


def _group(layout: Layout, number: int) -> tuple[slice, slice, npt.NDArray[np.intp]]:
    """The features of a group, their bins, and which of them are numeric."""
    first, last = number * GROUP_SIZE, min((number + 1) * GROUP_SIZE, len(layout.features))
    if first >= last:
        return slice(0, 0), slice(0, 0), np.zeros(0, np.intp)
    bins = slice(layout.span(first).start, layout.span(last - 1).stop)
    return slice(first, last), bins, np.flatnonzero(layout.numeric[first:last]) + first


def _moments(counts: Counts) -> tuple[Floats, ...]:
    return counts.total, counts.squares, counts.least, counts.greatest, counts.beyond


def _encode(counts: Counts, group: int) -> bytes:
    features, bins, numeric = _group(counts.layout, group)
    whole = np.concatenate([counts.missing[features], counts.invalid[features].ravel(), counts.bins[bins]])
    width = max(1, -(-int(whole.max(initial=0)).bit_length() // 8))
    moments = np.concatenate([row[numeric] for row in _moments(counts)])
    recent = {
        index - features.start: names
        for index, names in counts.recent.items()
        if features.start <= index < features.stop
    }
    names = json.dumps(recent, separators=(",", ":"), sort_keys=True).encode() if recent else b""
    first = _deflate(names + _planes(whole.astype("<i8"), width))
    second = _deflate(_planes(moments.astype("<f8"), 8))
    return _HEAD.pack(_FORMAT, width, len(names), len(first), counts.rows) + first + second


def _decode_into(counts: Counts, group: int, data: bytes) -> None:
    try:
        _decode_group(counts, group, data)
    except (struct.error, zlib.error, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"damaged counts: {type(error).__name__}: {error}") from error


def _decode_group(counts: Counts, group: int, data: bytes) -> None:
    version, width, names_length, first_length, rows = _HEAD.unpack_from(data)
    if version != _FORMAT or not 1 <= width <= 8:
        raise ValueError(f"counts of unknown format {version}, {width} bytes a count")
    middle = _HEAD.size + first_length
    first, second = _inflate(data[_HEAD.size : middle]), _inflate(data[middle:])
    features, bins, numeric = _group(counts.layout, group)
    number = features.stop - features.start
    typed = number * (1 + len(KINDS))
    wholes = typed + bins.stop - bins.start
    if len(first) != names_length + wholes * width or len(second) != MOMENTS * 8 * len(numeric):
        raise ValueError("counts of another baseline")
    whole = _join_whole(first[names_length:], width, wholes)
    moments = _join_doubles(second, MOMENTS * len(numeric)).reshape(MOMENTS, len(numeric))
    counts.rows = max(counts.rows, rows)
    counts.missing[features] = whole[:number]
    counts.invalid[features] = whole[number:typed].reshape(number, len(KINDS))
    counts.bins[bins] = whole[typed:]
    for row, stored in zip(_moments(counts), moments, strict=True):
        row[numeric] = stored
    if names_length:
        for index, names in json.loads(first[:names_length]).items():
            counts.recent[int(index) + features.start] = names


def _inflate(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(-15)
    unpacked = unpacker.decompress(data, MAX_UNPACKED)
    if not unpacker.eof:
        raise ValueError("damaged counts: cut off, or larger than any group")
    return unpacked


def _planes(items: npt.NDArray[Any], width: int) -> bytes:
    return items.view(np.uint8).reshape(-1, 8)[:, :width].T.tobytes()


def _join_whole(data: bytes, width: int, count: int) -> Ints:
    planes = np.frombuffer(data, np.uint8).reshape(width, count)
    whole: Ints = planes[0].astype(np.int64)
    for place in range(1, width):
        whole |= planes[place].astype(np.int64) << (8 * place)
    return whole


def _join_doubles(data: bytes, count: int) -> Floats:
    doubles: Floats = np.frombuffer(data, np.uint8).reshape(8, count).T.copy().reshape(-1).view("<f8")
    return doubles


def _deflate(data: bytes) -> bytes:
    """Deflated with matches or by frequencies alone: the second is a fifth smaller when most bins are filled."""
    candidates = []
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY):
        packer = zlib.compressobj(6, zlib.DEFLATED, -15, 9, strategy)
        candidates.append(packer.compress(data) + packer.flush())
    return min(candidates, key=len)
