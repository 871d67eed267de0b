"""The stored bytes of runs, about 12 bytes a prediction and 14 bytes a label.

| part | content |
|---|---|
| head | little-endian: format (1 byte), kind (1), rows (4), planes (2) |
| flags | one bit per plane, 1 if the plane is stored as it is |
| content | raw DEFLATE of the lengths and of all planes that become shorter |
| rest | the other planes, one after the other |

A column is a sequence of byte planes. A column of whole numbers has its least value (8 bytes) and its number of planes
(1 byte) in the content before its planes, and the planes hold the differences to the least value.

| kind | columns |
|---|---|
| `d` directory of classes | hashes, hours, classes, scores (float32) |
| `n` directory of numbers | hashes, hours, classes, predictions (float64) |
| `l` labels of classes | names of the outcomes as JSON after their length (4 bytes), the number of arrivals (4), times and keys of the arrivals, then per row: hash, class, place in the arrivals, index, arrival minus `labelled_at`, outcomes (float64) |
| `m` labels of numbers | as `l`, with the numbers (float64) after the classes |
"""  # noqa: E501  a row of a table is one line

import json
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from driftguard.performance.runs import Directory, Kind, Labels
from driftguard.platform.deflating import deflate, inflate_first
from driftguard.statistics.arrays import Ints

FORMAT = 1

MOST_BYTES = 300_000
"""A run with more bytes is stored as several runs."""

_HEAD = struct.Struct("<BcIH")
_LENGTH = struct.Struct("<I")
_COLUMN = struct.Struct("<qB")

_DIRECTORY: dict[Kind, bytes] = {"classes": b"d", "numbers": b"n"}
_LABELS: dict[Kind, bytes] = {"classes": b"l", "numbers": b"m"}


def encode(run: Directory | Labels) -> list[bytes]:
    """Return a run as one or several stored runs of at most MOST_BYTES. A run without rows has no bytes."""
    if not len(run):
        return []
    data = _encode_directory(run) if isinstance(run, Directory) else _encode_labels(run)
    if len(data) <= MOST_BYTES or len(run) == 1:
        return [data]
    half = len(run) // 2
    return [*encode(run.take(slice(0, half))), *encode(run.take(slice(half, None)))]


def decode_directory(data: bytes) -> Directory:
    """Return a stored directory. Raises ValueError if the bytes are damaged or of an unknown format."""
    with _Damaged():
        reader = _Reader(data, _DIRECTORY)
        hashes, hours, classes = reader.items(np.uint64), reader.codes(), reader.codes()
        if reader.kind == "classes":
            return Directory(hashes, hours, classes, reader.items(np.float32))
        return Directory(hashes, hours, classes, reader.items(np.float64))


def decode_labels(data: bytes) -> Labels:
    """Return stored labels. Raises ValueError if the bytes are damaged or of an unknown format."""
    with _Damaged():
        reader = _Reader(data, _LABELS)
        names = json.loads(reader.text())
        arrivals = reader.length()
        times, keys = reader.integers(arrivals), reader.items(np.uint64, arrivals)
        hashes, classes = reader.items(np.uint64), reader.codes()
        numbers = reader.items(np.float64) if reader.kind == "numbers" else np.zeros(0)
        place, index, delay = reader.integers(), reader.integers(), reader.integers()
        arrived = times[place]
        outcomes = {name: reader.items(np.float64) for name in names}
        return Labels(reader.kind, hashes, classes, numbers, arrived - delay, arrived, keys[place], index, outcomes)


def _encode_directory(run: Directory) -> bytes:
    writer = _Writer()
    writer.items(run.hashes)
    writer.integers(run.hours)
    writer.integers(run.classes)
    writer.items(run.values)
    return writer.finish(_DIRECTORY[run.kind], len(run))


def _encode_labels(run: Labels) -> bytes:
    order = np.lexsort((run.key, run.arrived))
    new = np.ones(len(run), np.bool_)
    new[1:] = (np.diff(run.arrived[order]) != 0) | (run.key[order][1:] != run.key[order][:-1])
    place = np.empty(len(run), np.int64)
    place[order] = np.cumsum(new) - 1
    first = order[new]
    writer = _Writer()
    writer.text(json.dumps(list(run.outcomes), separators=(",", ":")).encode())
    writer.length(len(first))
    writer.integers(run.arrived[first])
    writer.items(run.key[first])
    writer.items(run.hashes)
    writer.integers(run.classes)
    if run.kind == "numbers":
        writer.items(run.numbers)
    writer.integers(place)
    writer.integers(run.index)
    writer.integers(run.arrived - run.labelled_at)
    for values in run.outcomes.values():
        writer.items(values)
    return writer.finish(_LABELS[run.kind], len(run))


class _Writer:
    """Collects columns, and decides for each plane whether deflating helps."""

    def __init__(self) -> None:
        self._content: list[bytes] = []
        self._rest: list[bytes] = []
        self._raw: list[bool] = []

    def length(self, number: int) -> None:
        self._content.append(_LENGTH.pack(number))

    def text(self, data: bytes) -> None:
        self.length(len(data))
        self._content.append(data)

    def items(self, values: npt.NDArray[np.generic]) -> None:
        """Add a column of fixed width."""
        width = values.dtype.itemsize
        data = values.astype(values.dtype.newbyteorder("<")).tobytes()
        for plane in range(width):
            self._plane(data[plane::width])

    def integers(self, values: npt.NDArray[np.integer]) -> None:
        """Add a column of whole numbers, with as many planes as their differences need."""
        whole = values.astype(np.int64)
        least = int(whole.min())
        width = -(-(int(whole.max()) - least).bit_length() // 8)
        self._content.append(_COLUMN.pack(least, width))
        data = (whole - least).astype("<u8").tobytes()
        for plane in range(width):
            self._plane(data[plane::8])

    def _plane(self, plane: bytes) -> None:
        raw = len(zlib.compress(plane, 1)) >= len(plane)
        self._raw.append(raw)
        (self._rest if raw else self._content).append(plane)

    def finish(self, kind: bytes, rows: int) -> bytes:
        flags = np.packbits(self._raw).tobytes()
        head = _HEAD.pack(FORMAT, kind, rows, len(self._raw))
        return b"".join([head, flags, deflate(b"".join(self._content)), *self._rest])


class _Reader:
    """Reads the columns that a `_Writer` wrote, in the same order."""

    def __init__(self, data: bytes, kinds: dict[Kind, bytes]) -> None:
        version, letter, self.rows, planes = _HEAD.unpack_from(data)
        found = [kind for kind, known in kinds.items() if known == letter]
        if version != FORMAT or not found:
            raise ValueError(f"a run of unknown format {version} and kind {letter!r}; this code reads format {FORMAT}")
        self.kind = found[0]
        start = _HEAD.size + -(-planes // 8)
        bits = np.unpackbits(np.frombuffer(data[_HEAD.size : start], np.uint8), count=planes)
        self._raw: Iterator[bool] = iter(bits.astype(np.bool_).tolist())
        self._content, self._rest = inflate_first(data[start:])
        self._at = {False: 0, True: 0}

    def length(self) -> int:
        return int(_LENGTH.unpack(self._bytes(_LENGTH.size))[0])

    def text(self) -> bytes:
        return self._bytes(self.length())

    def items[T: np.generic](self, dtype: type[T], rows: int | None = None) -> npt.NDArray[T]:
        kind = np.dtype(dtype).newbyteorder("<")
        rows = self.rows if rows is None else rows
        data = bytearray(rows * kind.itemsize)
        for plane in range(kind.itemsize):
            data[plane :: kind.itemsize] = self._bytes(rows, raw=next(self._raw))
        return np.frombuffer(bytes(data), kind).astype(dtype)

    def integers(self, rows: int | None = None) -> Ints:
        least, width = _COLUMN.unpack(self._bytes(_COLUMN.size))
        rows = self.rows if rows is None else rows
        data = bytearray(rows * 8)
        for plane in range(width):
            data[plane::8] = self._bytes(rows, raw=next(self._raw))
        differences: Ints = np.frombuffer(bytes(data), "<u8").astype(np.int64)
        return differences + np.int64(least)

    def codes(self) -> npt.NDArray[np.uint8]:
        return self.integers().astype(np.uint8)

    def _bytes(self, count: int, *, raw: bool = False) -> bytes:
        source, start = (self._rest if raw else self._content), self._at[raw]
        self._at[raw] = start + count
        if start + count > len(source):
            raise ValueError("damaged run: bytes are missing")
        return source[start : start + count]


class _Damaged:
    """Turns every error of reading damaged bytes into ValueError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, (struct.error, zlib.error, LookupError, TypeError, StopIteration, OverflowError)):
            message = f"damaged run: {type(error).__name__}: {error}"
            raise ValueError(message) from error  # noqa: TRY004  callers know damaged bytes by ValueError
