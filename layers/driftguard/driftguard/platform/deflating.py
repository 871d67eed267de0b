"""Compress and decompress bytes with raw DEFLATE, within a limit."""

import json
import zlib
from typing import Any

MAX_UNPACKED = 1 << 25
"""Bytes that a buffer may have after decompression. The largest request (4 MB) needs less than half of them."""
DEFLATE_FROM = 24
"""Bytes from which compression can make a buffer smaller."""


def inflate(data: bytes) -> bytes:
    """Decompress a buffer. Raises ValueError if it is cut off or exceeds MAX_UNPACKED, zlib.error if it is damaged."""
    unpacker = zlib.decompressobj(-15)
    unpacked = unpacker.decompress(data, MAX_UNPACKED)
    if not unpacker.eof:
        raise ValueError("damaged batch: the data is cut off or larger than any logged batch")
    return unpacked


def compact_json(value: Any) -> bytes:
    """Return JSON without spaces. Raises ValueError for NaN and infinity."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def deflate(data: bytes) -> bytes:
    """Compress a buffer."""
    return zlib.compress(data, 6, -15)
