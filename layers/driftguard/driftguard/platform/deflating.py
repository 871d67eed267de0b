"""Deflating and inflating bytes, within bounds."""

import json
import zlib
from typing import Any

MAX_UNPACKED = 1 << 25
"""Bytes to which a piece of a batch may unpack: over twice what a request's 4 MB can come to."""
DEFLATE_FROM = 24
"""Bytes from which deflating a buffer can pay."""


def inflate(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(-15)
    unpacked = unpacker.decompress(data, MAX_UNPACKED)
    if not unpacker.eof:
        raise ValueError("damaged batch: cut off, or larger than any that was logged")
    return unpacked


def compact_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def deflate(data: bytes) -> bytes:
    return zlib.compress(data, 6, -15)
