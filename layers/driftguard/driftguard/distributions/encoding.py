"""A baseline as stored bytes, and the digests of its categories as bytes of their own.

The bytes of a baseline are: the format (1 byte), then four deflated pieces, each after its length (4 bytes,
little-endian):

| piece | content |
|---|---|
| header | JSON: `rows`, `days` and `features`, a list with one spec per feature |
| floats | byte planes of float64: cuts, quantiles, means, total and squares of each numeric feature |
| counts | byte planes of uint64: the counts of each feature's bins, or of its categories and hash cells |
| own | one byte per cut, 1 if the bin holds that value alone |

Each piece joins the arrays of all features in their order, so that similar neighbours deflate well. A spec in the
header is a `FeatureSpec`, followed by the fields of `NumbersSpec` or `CategoriesSpec`.

Format 1 has a fifth piece, the digests of each feature's rare categories, and `OldCategoriesSpec`. It has no wide bins.

The bytes of the digests are: the format (1 byte), then two deflated pieces in the same way. The first is a JSON list of
[index of the feature, number of digests]. The second joins the features' byte planes of uint32: the differences between
neighbouring digests, ascending.
"""

import json
import zlib
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from driftguard.distributions.baseline import FORMAT, Baseline, FeatureBaseline, FeatureType, Role
from driftguard.distributions.categories import DIGEST_BYTES, Categories, Digests, Others
from driftguard.distributions.numbers import Numbers
from driftguard.platform.planes import array_of, cut_planes, join_planes, little_endian, split_planes

OLD_FORMAT = 1
LEVEL = 6
"""Higher levels take up to 30 times as long for texts of few different letters."""

LENGTH_BYTES = 4

MOST_DIGESTS = 500_000
"""Digests of all features of a baseline together, at most 2 MB. Features with fewer digests come first."""

DIGEST_WIDTH = 4


class FeatureSpec(NamedTuple):
    """The first six fields of a feature in the header."""

    name: str
    role: Role
    type: FeatureType
    rows: int
    missing: int
    invalid: int


class NumbersSpec(NamedTuple):
    """The further fields of a numeric feature: how many cuts and quantiles it has, and its wide bins."""

    cuts: int
    quantiles: int
    wide: Sequence[int] = ()


class CategoriesSpec(NamedTuple):
    """The further fields of any other feature.

    cells: number of hash cells. once: number of values that the baseline has once. digests: their number; None if they
    are not stored.
    """

    names: Sequence[str]
    cells: int
    once: int
    digests: int | None


class OldCategoriesSpec(NamedTuple):
    """The same fields in format 1. known: number of digests; None if they were not kept."""

    names: Sequence[str]
    rare: int
    known: int | None


def encode(baseline: Baseline) -> bytes:
    """Return the baseline as bytes without its digests: about 1.6 kB per numeric feature with 256 bins.

    Raises ValueError for a baseline that was read from an older format, because its cells cannot be computed again.
    """
    if baseline.format != FORMAT:
        raise ValueError(f"a baseline of format {baseline.format} cannot be written; only format {FORMAT} can")
    arrays = _Arrays(_stored_digests(baseline))
    header = {"rows": baseline.rows, "days": baseline.days, "features": list(map(arrays.add, baseline.features))}
    head = json.dumps(header, separators=(",", ":")).encode()
    return b"".join([bytes([FORMAT]), *_pieces([head, *arrays.stored()])])


def encode_digests(baseline: Baseline) -> bytes:
    """Return the digests of the baseline's categories as bytes; empty if it has none."""
    found = [(index, digests) for index, digests in enumerate(_stored_digests(baseline)) if digests and digests.count]
    if not found:
        return b""
    head = json.dumps([[index, digests.count] for index, digests in found], separators=(",", ":")).encode()
    planes = [plane for _index, digests in found for plane in _planes_of(digests.values)]
    return b"".join([bytes([FORMAT]), *_pieces([head, b"".join(planes)])])


def _planes_of(digests: "array[int]") -> list[bytes]:
    steps = array("Q", [digests[0], *(after - before for before, after in pairwise(digests))])
    return split_planes(little_endian(steps), DIGEST_WIDTH)


def decode_digests(data: bytes) -> Mapping[int, "array[int]"]:
    """Return the digests that `encode_digests` wrote, by the index of the feature."""
    head, planes = _contents(data)
    found, at = {}, 0
    for index, count in json.loads(head):
        pieces = cut_planes(planes[at : at + DIGEST_WIDTH * count], DIGEST_WIDTH)
        at += DIGEST_WIDTH * count
        found[index] = array("I", accumulate(array_of(join_planes(pieces, count), "<u8")))
    return found


def _stored_digests(baseline: Baseline) -> list[Digests | None]:
    """Return each feature's digests, or None where they are not stored."""
    found: list[Digests | None] = [None] * len(baseline.features)
    others = [
        (feature.values.others.digests, index)
        for index, feature in enumerate(baseline.features)
        if isinstance(feature.values, Categories) and feature.values.others is not None
    ]
    left = MOST_DIGESTS
    for digests, index in sorted(
        ((one, index) for one, index in others if one is not None), key=lambda item: item[0].count
    ):
        left -= digests.count
        if left >= 0:
            found[index] = digests
    return found


def _pieces(contents: Iterable[bytes]) -> Iterable[bytes]:
    for content in contents:
        deflated = zlib.compress(content, LEVEL)
        yield len(deflated).to_bytes(LENGTH_BYTES, "little")
        yield deflated


class _Arrays:
    """The joined arrays of all features, while they are written. digests: those that are stored, per feature."""

    def __init__(self, digests: Iterable[Digests | None]) -> None:
        self._digests = iter(digests)
        self.floats = array("d")
        self.counts = array("Q")
        self.own = bytearray()

    def add(self, feature: FeatureBaseline) -> list[Any]:
        """Append the arrays of a feature. Returns the feature's spec."""
        spec = FeatureSpec(feature.name, feature.role, feature.type, feature.rows, feature.missing, feature.invalid)
        values = feature.values
        digests = next(self._digests)
        self.counts += values.counts
        if isinstance(values, Numbers):
            self.floats += values.cuts + values.quantiles + values.means + array("d", [values.total, values.squares])
            self.own += values.own
            return [*spec, *NumbersSpec(len(values.cuts), len(values.quantiles), values.wide)]
        if values.others is None:
            raise ValueError(f"feature {feature.name} has the cells of an older format")
        self.counts += values.others.cells
        stored = None if digests is None else digests.count
        return [*spec, *CategoriesSpec(values.names, len(values.others.cells), values.others.once, stored)]

    def stored(self) -> list[bytes]:
        """Return the pieces after the header."""
        floats, counts = (b"".join(split_planes(little_endian(items))) for items in (self.floats, self.counts))
        return [floats, counts, bytes(self.own)]


class _Reader:
    """The joined arrays of all features, read in order. digests: of features of format 1."""

    def __init__(self, floats: "array[float]", counts: "array[int]", own: bytes, digests: bytes = b"") -> None:
        self._data: dict[str, Any] = {"floats": floats, "counts": counts, "own": own, "digests": digests}
        self._at = dict.fromkeys(self._data, 0)

    def take(self, name: str, count: int) -> Any:
        """Return the next `count` items of one of the arrays."""
        start = self._at[name]
        self._at[name] = start + count
        return self._data[name][start : start + count]

    def feature(self, stored: Sequence[Any], categories: "Callable[[Sequence[Any]], Categories]") -> FeatureBaseline:
        """Return the feature that `_Arrays.add` described. categories: returns those of the further fields."""
        split = len(FeatureSpec._fields)
        spec, fields = FeatureSpec(*stored[:split]), stored[split:]
        values: Numbers | Categories
        if spec.type == "numeric":
            numeric = NumbersSpec(*fields)
            values = Numbers(
                cuts=self.take("floats", numeric.cuts),
                quantiles=self.take("floats", numeric.quantiles),
                counts=self.take("counts", numeric.cuts),
                own=self.take("own", numeric.cuts),
                means=self.take("floats", len(numeric.wide)),
                wide=tuple(numeric.wide),
                total=self.take("floats", 1)[0],
                squares=self.take("floats", 1)[0],
            )
        else:
            values = categories(fields)
        return FeatureBaseline(*spec, values)

    def categories(self, fields: Sequence[Any], read: "Callable[[], array[int]] | None") -> Categories:
        """Return the categories of a feature. read: returns its digests."""
        spec = CategoriesSpec(*fields)
        counts, cells = self.take("counts", len(spec.names)), self.take("counts", spec.cells)
        digests = None if spec.digests is None or read is None else Digests(spec.digests, read)
        return Categories(tuple(spec.names), counts, sum(cells), others=Others(cells, spec.once, digests))

    def old_categories(self, fields: Sequence[Any]) -> Categories:
        """Return the categories of a feature of format 1."""
        named = OldCategoriesSpec(*fields)
        digests = None if named.known is None else [self.take("digests", DIGEST_BYTES) for _ in range(named.known)]
        return Categories(
            names=tuple(named.names),
            counts=self.take("counts", len(named.names)),
            rare=named.rare,
            known=None if digests is None else frozenset(digests),
        )


def decode(data: bytes, read_digests: Callable[[], Mapping[int, "array[int]"]] | None = None) -> Baseline:
    """Return the baseline that `encode` wrote. Raises ValueError for any other format.

    read_digests: returns what `decode_digests` returns. It is called for the first value of a feature that needs it.
    Without it, new values are not distinguished from rare ones.
    """
    head, floats, counts, own, *old = _contents(data)
    header = json.loads(head)
    reader = _Reader(_array(floats, "<f8"), _array(counts, "<u8"), own, *old)
    if data[0] == OLD_FORMAT:
        old_features = [reader.feature(spec, reader.old_categories) for spec in header["features"]]
        return Baseline(header["rows"], header["days"], tuple(old_features), OLD_FORMAT)

    def categories(index: int) -> Callable[[Sequence[Any]], Categories]:
        read = None if read_digests is None else lambda: read_digests().get(index, array("I"))
        return lambda fields: reader.categories(fields, read)

    features = [reader.feature(spec, categories(index)) for index, spec in enumerate(header["features"])]
    return Baseline(header["rows"], header["days"], tuple(features))


def _contents(data: bytes) -> list[bytes]:
    """Return the pieces after the format. Raises ValueError for an unknown format."""
    if data[:1] not in (bytes([OLD_FORMAT]), bytes([FORMAT])):
        raise ValueError("a baseline of unknown format")
    pieces, at = [], 1
    while at < len(data):
        start = at + LENGTH_BYTES
        at = start + int.from_bytes(data[at:start], "little")
        pieces.append(zlib.decompress(data[start:at]))
    return pieces


def _array(planes: bytes, dtype: str) -> "array[Any]":
    pieces = cut_planes(planes)
    return array_of(join_planes(pieces, len(pieces[0])), dtype)
