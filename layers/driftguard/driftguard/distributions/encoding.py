"""A baseline as stored bytes."""

import json
import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from driftguard.distributions.baseline import Baseline, FeatureBaseline
from driftguard.distributions.categories import DIGEST_BYTES, Categories
from driftguard.distributions.numbers import Numbers

FORMAT = 1


def encode(baseline: Baseline) -> bytes:
    """The baseline as bytes: about 1.6 kB per numeric feature with 256 bins."""
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


def decode(data: bytes) -> Baseline:
    """The baseline that `encode` wrote. Raises ValueError for any other format."""
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
