"""Baselines: what a model's windows are compared with, built from columns of values.

A numeric feature becomes bins whose edges bound the error of every later Kolmogorov–Smirnov statistic by 1/256: with
at most 256 distinct values each gets a bin of its own; otherwise bins are closed greedily so that none with more than
one distinct value holds more than 1/256 of the baseline, and a heavier value gets a bin of its own. A categorical or
boolean feature becomes the counts of its most frequent categories.

Pure Python, since an inline baseline is built inside an API function.
"""

import json
import math
import sys
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import accumulate
from operator import mul
from typing import Any, Literal

type Scalar = float | int | str | bool | None
type Role = Literal["feature", "prediction"]
type FeatureType = Literal["numeric", "categorical", "boolean"]

PREDICTION = "prediction"
"""The name that the prediction goes by among the features."""

RESOLUTION = 256
"""1 / 256 is the largest share of the baseline in a bin with several values, and so the largest error of D."""

MAX_CATEGORIES = 100
"""The most frequent categories, which are counted each by itself."""

MAX_RARE = 20_000
"""How many rarer categories are remembered; with more of them an unknown category counts as a rare one."""

BOOLEANS = ("false", "true")
"""The names of the categories of booleans."""

RARE, NEW = "__rare__", "__new__"

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)

DIGEST_BYTES = 6
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Numbers:
    """The distribution of a numeric feature.

    cuts: the greatest value of each bin, ascending. own: one byte a cut, 1 where the bin holds this value alone,
    that is (nextafter(cut, -inf), cut]. counts: baseline values in each. Between a bin of its own and the one before
    lies an empty one, and so below the least cut's values and above the last cut; they are not listed.
    quantiles: at QUANTILES, by nearest rank; the first and last are the least and greatest value.
    total, squares: the sums of the values and of their squares; not finite where they overflow.
    All sequences are empty for a feature without any value.
    """

    cuts: "array[float]"
    own: bytes
    counts: "array[int]"
    quantiles: "array[float]"
    total: float
    squares: float


@dataclass(frozen=True, slots=True)
class Categories:
    """The distribution of a categorical or boolean feature (whose categories are `false` and `true`).

    names, counts: the most frequent categories, most frequent first, and how often each was seen.
    rare: how often any other was. known: digests of those others; None when they were too many to keep.
    """

    names: tuple[str, ...]
    counts: "array[int]"
    rare: int
    known: frozenset[bytes] | None


@dataclass(frozen=True, slots=True)
class FeatureBaseline:
    """One feature of a baseline. missing, invalid: rows without a value, and with one of another type."""

    name: str
    role: Role
    type: FeatureType
    rows: int
    missing: int
    invalid: int
    values: Numbers | Categories

    @property
    def present(self) -> int:
        """Rows with a value of the feature's type."""
        return self.rows - self.missing - self.invalid

    def summary(self) -> dict[str, Any]:
        """The feature as the API shows it: name, role, type, missing_share, and quantiles or categories."""
        shown = {
            "name": self.name,
            "role": self.role,
            "type": self.type,
            "missing_share": self.missing / self.rows if self.rows else 0.0,
        }
        if isinstance(self.values, Numbers):
            return {**shown, "quantiles": dict(zip(map(str, QUANTILES), self.values.quantiles, strict=False))}
        present = self.present or 1
        shares = {name: count / present for name, count in zip(self.values.names, self.values.counts, strict=True)}
        if self.values.rare:
            shares[RARE] = shares.get(RARE, 0.0) + self.values.rare / present
        return {**shown, "categories": shares}


@dataclass(frozen=True, eq=False)
class Baseline:
    """A baseline of `rows` rows, which come from `days` days when that is known.

    Compares by identity, so that what is derived from it can be kept as long as it is used.
    """

    rows: int
    days: int | None
    features: tuple[FeatureBaseline, ...]

    @cached_property
    def names(self) -> list[str]:
        """The features' names, without the prediction."""
        return [feature.name for feature in self.features if feature.role == "feature"]

    def summary(self) -> list[dict[str, Any]]:
        """Every feature as the API shows it."""
        return [feature.summary() for feature in self.features]

    def encode(self) -> bytes:
        """The baseline as bytes, about 1.6 kB a numeric feature with 256 bins."""
        return _encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "Baseline":
        """What `encode` made. Raises ValueError on another format."""
        return _decode(data)


def build(
    columns: Mapping[str, Sequence[Scalar]], predictions: Sequence[Scalar] | None = None, *, days: int | None = None
) -> Baseline:
    """A baseline of columns of one length each, and of the predictions in the same order of rows.

    Features without any value are kept, as numeric ones; predictions without any value are not.
    Raises ValueError when the columns differ in length.
    """
    lengths = {len(values) for values in [*columns.values(), *([] if predictions is None else [predictions])]}
    if len(lengths) > 1:
        raise ValueError("the columns of a baseline must have one length")
    features = [_feature(name, "feature", values) for name, values in columns.items()]
    if predictions is not None and any(value is not None for value in predictions):
        features.append(_feature(PREDICTION, "prediction", predictions))
    return Baseline(max(lengths, default=0), days, tuple(features))


def feature_type(numeric: int, strings: int, booleans: int) -> FeatureType:
    """The type of a feature with so many values of each kind: that of the most, numeric when none is ahead."""
    most = max(numeric, strings, booleans)
    if numeric == most:
        return "numeric"
    return "categorical" if strings == most else "boolean"


def numbers(values: Sequence[float], cumulative: Sequence[int], *, total: float, squares: float) -> Numbers:
    """The distribution of the distinct `values` (ascending, finite).

    cumulative: how many of the feature's values are not above each. total, squares: the sums of all its values and of
    their squares. Either sequence may lie on a disk: only some hundreds of their items are looked at.
    """
    if len(values) == 0:
        return Numbers(array("d"), b"", array("Q"), array("d"), 0.0, 0.0)
    present = int(cumulative[-1])
    ends, own = _close(cumulative, present // RESOLUTION)
    tops = [int(cumulative[end]) for end in ends]
    ranks = [bisect_left(cumulative, share * present) for share in QUANTILES]
    return Numbers(
        cuts=array("d", [float(values[end]) + 0.0 for end in ends]),
        own=bytes(own),
        counts=array("Q", [top - before for before, top in zip([0, *tops], tops, strict=False)]),
        quantiles=array("d", [float(values[min(rank, len(values) - 1)]) + 0.0 for rank in ranks]),
        total=total,
        squares=squares,
    )


def categories(seen: Mapping[str, int], forgotten: int = 0) -> Categories:
    """The distribution of categories of which each was seen so often, and others `forgotten` times in sum."""
    ranked = sorted(seen.items(), key=lambda item: (-item[1], item[0]))
    kept, others = ranked[:MAX_CATEGORIES], ranked[MAX_CATEGORIES:]
    return Categories(
        names=tuple(name for name, _count in kept),
        counts=array("Q", [count for _name, count in kept]),
        rare=sum(count for _name, count in others) + forgotten,
        known=frozenset(digest(name) for name, _count in others) if len(others) <= MAX_RARE and not forgotten else None,
    )


def digest(name: str) -> bytes:
    """What is remembered of a rare category's name."""
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()


def _feature(name: str, role: Role, values: Sequence[Scalar]) -> FeatureBaseline:
    kinds = Counter(map(type, values))
    kind = feature_type(kinds[int] + kinds[float], kinds[str], kinds[bool])
    distribution: Numbers | Categories
    if kind == "numeric":
        present = kinds[int] + kinds[float]
        seen = Counter(map(to_double, _of_types(values, kinds, (int, float))))
        # What is not finite is no number that a bin could hold.
        for odd in [value for value in seen if not math.isfinite(value)]:
            present -= seen.pop(odd)
        distinct = sorted(seen)
        counts = [seen[value] for value in distinct]
        distribution = numbers(
            distinct,
            list(accumulate(counts)),
            total=_sum(map(mul, distinct, counts)),
            squares=_sum(map(mul, map(mul, distinct, distinct), counts)),
        )
    elif kind == "categorical":
        present = kinds[str]
        distribution = categories(Counter(_of_types(values, kinds, (str,))))
    else:
        present = kinds[bool]
        distribution = categories(Counter(BOOLEANS[value] for value in values if isinstance(value, bool)))
    missing = kinds[type(None)]
    return FeatureBaseline(name, role, kind, len(values), missing, len(values) - missing - present, distribution)


def _of_types(values: Sequence[Any], kinds: Counter[type], types: tuple[type, ...]) -> Iterable[Any]:
    if sum(kinds[wanted] for wanted in types) == len(values):
        return values
    return [value for value in values if type(value) in types]


def to_double(value: float) -> float:
    """The nearest double, and the largest one for a whole number beyond all doubles."""
    try:
        return float(value)
    except OverflowError:
        return sys.float_info.max if value > 0 else -sys.float_info.max


def _close(cumulative: Sequence[int], limit: int) -> tuple[list[int], list[bool]]:
    """The index of the last value in each bin, and whether the bin is that value's own."""
    count = len(cumulative)
    if count <= RESOLUTION:
        return list(range(count)), [True] * count
    ends, own = [], []
    start = before = 0
    while start < count:
        after = bisect_right(cumulative, before + limit, start)
        heavy = after == start
        ends.append(start if heavy else after - 1)
        own.append(heavy)
        start = ends[-1] + 1
        before = int(cumulative[ends[-1]])
    return ends, own


def _sum(terms: Iterable[float]) -> float:
    try:
        return math.fsum(terms)
    except (OverflowError, ValueError):
        return math.inf


# Stored: the format, the length of the header, the deflated header (JSON), the deflated arrays of all numeric features
# one after the other as byte planes, so that what neighbours have in common deflates well.


def _encode(baseline: Baseline) -> bytes:
    planes = _Planes()
    header = {"rows": baseline.rows, "days": baseline.days, "features": list(map(planes.add, baseline.features))}
    head = zlib.compress(json.dumps(header, separators=(",", ":")).encode(), 9)
    return b"".join([bytes([FORMAT]), len(head).to_bytes(4, "little"), head, *planes.stored()])


class _Planes:
    """The arrays of all features, joined by what they hold."""

    def __init__(self) -> None:
        self.floats = array("d")
        self.counts = array("Q")
        self.own = bytearray()
        self.digests = bytearray()

    def add(self, feature: FeatureBaseline) -> list[Any]:
        """Takes a feature's arrays and returns what the header says of it."""
        fields = [feature.name, feature.role, feature.type, feature.rows, feature.missing, feature.invalid]
        values = feature.values
        self.counts += values.counts
        if isinstance(values, Numbers):
            self.floats += values.cuts + values.quantiles + array("d", [values.total, values.squares])
            self.own += values.own
            return [*fields, len(values.cuts), len(values.quantiles)]
        self.digests += b"".join(sorted(values.known or ()))
        return [*fields, values.names, values.rare, None if values.known is None else len(values.known)]

    def stored(self) -> Iterable[bytes]:
        """Length and deflated bytes of each array."""
        for data in (_split(self.floats), _split(self.counts), bytes(self.own), bytes(self.digests)):
            deflated = zlib.compress(data, 9)
            yield len(deflated).to_bytes(4, "little")
            yield deflated


class _Reader:
    """Hands out the joined arrays piece by piece."""

    def __init__(self, floats: "array[float]", counts: "array[int]", own: bytes, digests: bytes) -> None:
        self._data: dict[str, Any] = {"floats": floats, "counts": counts, "own": own, "digests": digests}
        self._at = dict.fromkeys(self._data, 0)

    def take(self, name: str, count: int) -> Any:
        """The next `count` items of one of the arrays."""
        start = self._at[name]
        self._at[name] = start + count
        return self._data[name][start : start + count]

    def feature(self, fields: Sequence[Any]) -> FeatureBaseline:
        """The feature that `_Planes.add` described."""
        name, role, kind, rows, missing, invalid, *rest = fields
        values: Numbers | Categories
        if kind == "numeric":
            cuts, quantiles = rest
            values = Numbers(
                cuts=self.take("floats", cuts),
                quantiles=self.take("floats", quantiles),
                counts=self.take("counts", cuts),
                own=self.take("own", cuts),
                total=self.take("floats", 1)[0],
                squares=self.take("floats", 1)[0],
            )
        else:
            names, rare, known = rest
            values = Categories(
                names=tuple(names),
                counts=self.take("counts", len(names)),
                rare=rare,
                known=None if known is None else frozenset(self.take("digests", DIGEST_BYTES) for _ in range(known)),
            )
        return FeatureBaseline(name, role, kind, rows, missing, invalid, values)


def _decode(data: bytes) -> Baseline:
    if data[:1] != bytes([FORMAT]):
        raise ValueError("a baseline of unknown format")
    pieces, at = [], 1
    while at < len(data):
        start = at + 4
        at = start + int.from_bytes(data[at:start], "little")
        pieces.append(zlib.decompress(data[start:at]))
    head, floats, counts, own, digests = pieces
    header = json.loads(head)
    reader = _Reader(_join("d", floats), _join("Q", counts), own, digests)
    return Baseline(header["rows"], header["days"], tuple(map(reader.feature, header["features"])))


def _split(items: "array[Any]") -> bytes:
    data = _little(items).tobytes()
    return b"".join([data[plane::8] for plane in range(8)])


def _join(typecode: str, planes: bytes) -> "array[Any]":
    count = len(planes) // 8
    data = bytearray(len(planes))
    for plane in range(8):
        data[plane::8] = planes[plane * count : (plane + 1) * count]
    items: array[Any] = array(typecode, bytes(data))
    return _little(items)


def _little(items: "array[Any]") -> "array[Any]":
    if sys.byteorder == "big":
        items = items[:]
        items.byteswap()
    return items
