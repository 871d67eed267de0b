"""The buffers of a packed batch: written in order, read by number."""

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate

from driftguard.platform.deflating import deflate, inflate
from driftguard.platform.planes import SIZE, join_planes, little_endian, split_planes

MAX_COUNT = 1_000_000
"""Numbers in one buffer at most. No request has as many rows, so a larger count means damaged data."""

DEFLATE_FROM = 24
"""Bytes from which a buffer can become shorter by deflating."""

SHORT = 1024
"""Up to this many bytes, `looks_random` is asked before deflating. Longer buffers gain from small differences."""

SAMPLES = 8
MANTISSA = 6
"""The lowest bytes of a float64, which belong to its mantissa alone."""

DIGITS = b"01" + bytes(254)
"""The digit of each flag, for `bytes.translate`."""

BITS_OF_BYTE = [bytes(byte >> bit & 1 for bit in range(8)) for byte in range(256)]


class Buffers:
    """The buffers of a batch that is being packed.

    stored: the bytes of each buffer, deflated if that makes them fewer.
    lengths: the length of each in bytes; negative if the buffer is deflated.
    """

    def __init__(self) -> None:
        self.stored: list[bytes] = []
        self.lengths: list[int] = []

    def add(self, data: bytes) -> int:
        """Store a buffer and return its number."""
        return self._store(data, random=looks_random(data))

    def _store(self, data: bytes, *, random: bool) -> int:
        deflated = data if random else deflate(data)
        smaller = len(deflated) < len(data)
        self.stored.append(deflated if smaller else data)
        self.lengths.append(-len(deflated) if smaller else len(data))
        return len(self.stored) - 1

    def add_planes(self, data: bytes, width: int) -> int:
        """Store the lowest `width` byte planes of numbers, one buffer each. Returns the number of the first buffer."""
        first = len(self.stored)
        planes = split_planes(data, width)
        if width == SIZE and looks_random(planes[0]) and looks_random(planes[MANTISSA - 1]):
            # The bytes of a mantissa between two that look random are random too.
            for plane in planes[:MANTISSA]:
                self._store(plane, random=True)
            planes = planes[MANTISSA:]
        for plane in planes:
            self.add(plane)
        return first

    def add_integers(self, items: Sequence[int]) -> int:
        """Store unsigned integers as byte planes. Returns how many planes the largest of them needs."""
        width = (max(items).bit_length() + 7) // 8
        self.add_planes(little_endian(array("Q", items)), width)
        return width

    def extend(self, other: "Buffers") -> int:
        """Append the buffers of another batch. Returns the number of the first."""
        first = len(self.stored)
        self.stored += other.stored
        self.lengths += other.lengths
        return first

    @property
    def size(self) -> int:
        return sum(map(len, self.stored))


class BufferReader:
    """The buffers of a packed batch by number. data: the batch. start: where its first buffer begins."""

    def __init__(self, data: bytes, start: int, lengths: Sequence[int]):
        self._data = data
        self._lengths = lengths
        self._starts = list(accumulate(map(abs, lengths), initial=start))

    def __getitem__(self, number: int) -> bytes:
        stored = self._data[self._starts[number] : self._starts[number + 1]]
        return inflate(stored) if self._lengths[number] < 0 else stored

    def integers(self, first: int, width: int, count: int) -> tuple[bytes, str]:
        """Join the byte planes from buffer `first` on. Returns unsigned integers and numpy's name of their type.

        Raises ValueError if no batch can hold such planes.
        """
        if not 0 <= width <= 8 or count > MAX_COUNT:
            raise ValueError(f"damaged batch: {count} numbers of {width} bytes")
        size = next(size for size in (1, 2, 4, 8) if size >= width)
        return join_planes([self[first + plane] for plane in range(width)], count, size), f"<u{size}"


def looks_random(data: bytes) -> bool:
    """Whether short data can hardly become shorter, because all bytes occur about equally often and nothing repeats.

    This takes a tenth of the time of deflating. Most planes of floats are random.
    """
    size = len(data)
    if size < DEFLATE_FROM:
        return True
    first = data[:256]
    if size > SHORT or len(set(first)) < LEAST_DISTINCT[len(first)]:
        return False
    # One frequent byte, or sequences that occur again, leave many different bytes but can be deflated.
    for at in range(size % SAMPLES, size - 2, size // SAMPLES):
        if data.count(data[at]) > 4 + size // 64 or data.find(data[at : at + 3]) != at:
            return False
    return True


LEAST_DISTINCT = [round(0.8 * 256 * (1 - (255 / 256) ** size)) for size in range(257)]
"""By length: four fifths of the different bytes that random data of this length have on average."""


def pack_flags(flags: Iterable[bool]) -> bytes:
    """Return flags as bits; the first flag is the lowest bit of the first byte."""
    digits = bytes(flags).translate(DIGITS)
    return int(digits[::-1], 2).to_bytes((len(digits) + 7) // 8, "little")


def unpack_flags(bits: bytes, count: int) -> bytes:
    """Return the first `count` bits as one byte each, 0 or 1."""
    return b"".join([BITS_OF_BYTE[byte] for byte in bits])[:count]
