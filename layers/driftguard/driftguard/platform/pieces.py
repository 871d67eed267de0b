"""Non-negative whole numbers as a piece: a head, then the deflated byte planes of the numbers.

The head is little-endian: bytes per number (1 byte), and bytes of the planes after deflating (4 bytes). Pieces can be
stored one after the other, because each tells its own length. This module is pure Python.
"""

import struct

from driftguard.platform.deflating import deflate_shortest, inflate
from driftguard.platform.planes import SIZE, cut_planes, join_planes, split_planes

_HEAD = struct.Struct("<BI")


def pack_piece(data: bytes, greatest: int) -> bytes:
    """Return the piece of little-endian numbers of eight bytes, none of which exceeds `greatest`."""
    width = max(1, -(-greatest.bit_length() // 8))
    planes = deflate_shortest(b"".join(split_planes(data, width)))
    return _HEAD.pack(width, len(planes)) + planes


def unpack_piece(data: bytes, place: int, count: int) -> tuple[bytes, int]:
    """Return the `count` numbers of the piece that begins at `place`, eight bytes each, and the place behind the piece.

    Raises ValueError, struct.error or zlib.error for damaged data or another number of numbers.
    """
    planes, width, end = planes_of(data, place, count)
    return join_planes(cut_planes(planes, width), count), end


def planes_of(data: bytes, place: int, count: int) -> tuple[bytes, int, int]:
    """Return the planes of the piece that begins at `place`, their number, and the place behind the piece.

    Raises the errors of `unpack_piece`.
    """
    width, length = _HEAD.unpack_from(data, place)
    start, end = place + _HEAD.size, place + _HEAD.size + length
    if not 1 <= width <= SIZE or end > len(data):
        raise ValueError(f"damaged piece: {width} bytes per number and {length} bytes of planes")
    planes = inflate(data[start:end])
    if len(planes) != width * count:
        raise ValueError(f"a piece of {len(planes)} bytes does not hold {count} numbers of {width} bytes")
    return planes, width, end
