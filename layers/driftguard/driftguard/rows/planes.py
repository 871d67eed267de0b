"""Numbers as byte planes, flags as bits, and the buffers of a packed batch that hold them."""

import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

from driftguard.platform.deflating import DEFLATE_FROM, deflate, inflate

MAX_COUNT = 1_000_000
"""No batch has as many rows; more are damage."""
BITS_OF_BYTE = [bytes(byte >> bit & 1 for bit in range(8)) for byte in range(256)]


class Buffers:
    """Buffers being written: each stored as it is or deflated (its length then negative)."""

    def __init__(self) -> None:
        self.stored: list[bytes] = []
        self.lengths: list[int] = []

    def add(self, data: bytes) -> int:
        """Stores a buffer and returns how many bytes it takes."""
        deflated = deflate(data) if len(data) >= DEFLATE_FROM else data
        smaller = len(deflated) < len(data)
        self.stored.append(deflated if smaller else data)
        self.lengths.append(-len(deflated) if smaller else len(data))
        return len(self.stored[-1])

    def extend(self, other: "Buffers") -> None:
        self.stored += other.stored
        self.lengths += other.lengths

    @property
    def size(self) -> int:
        return sum(map(len, self.stored))


class Reader:
    """The buffers of a packed batch by number."""

    def __init__(self, data: bytes, start: int, lengths: Sequence[int]):
        self._data = data
        self._lengths = lengths
        self._starts = list(accumulate(map(abs, lengths), initial=start))

    def __getitem__(self, number: int) -> bytes:
        stored = self._data[self._starts[number] : self._starts[number + 1]]
        return inflate(stored) if self._lengths[number] < 0 else stored


def bits(flags: Iterable[bool]) -> bytes:
    digits = "".join("1" if flag else "0" for flag in flags)
    return int(digits[::-1], 2).to_bytes((len(digits) + 7) // 8, "little")


def flags(bits: bytes, count: int) -> bytes:
    return b"".join([BITS_OF_BYTE[byte] for byte in bits])[:count]


def add_planes(items: list[int], buffers: Buffers) -> int:
    width = (max(items).bit_length() + 7) // 8
    data = little_endian(array("Q", items))
    for plane in range(width):
        buffers.add(data[plane::8])
    return width


def join_planes(first: int, width: int, count: int, buffers: Reader) -> tuple[bytes, str]:
    if not 0 <= width <= 8 or count > MAX_COUNT:
        raise ValueError("damaged batch: no such numbers")
    size = next(size for size in (1, 2, 4, 8) if size >= width)
    data = bytearray(size * count)
    for plane in range(width):
        data[plane::size] = buffers[first + plane]
    return bytes(data), f"<u{size}"


_TYPECODES = {"<u1": "B", "<u2": "H", "<u4": "I", "<u8": "Q", "<f8": "d"}


def array_of(data: bytes, dtype: str) -> "array[Any]":
    items: array[Any] = array(_TYPECODES[dtype], data)
    if sys.byteorder == "big":
        items.byteswap()
    return items


def little_endian(items: "array[Any]") -> bytes:
    if sys.byteorder == "big":
        items = items[:]
        items.byteswap()
    return items.tobytes()
