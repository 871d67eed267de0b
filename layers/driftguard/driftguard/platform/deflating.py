"""Compact JSON, and raw DEFLATE with a bound on the size after inflating."""

import json
import zlib
from typing import Any

MAX_UNPACKED = 1 << 25
"""Bytes that `inflate` returns at most: over twice as many as a request of 4 MB can become."""

LEVEL = 6
LOOK_AHEAD = 262
"""Bytes of a window that zlib does not use for matches."""

LEAST_BITS = 9
BITS_OVER_MEMORY = 6
"""With this difference, zlib's buffer of symbols holds the whole window."""

MOST_MEMORY = 9
"""The most memory that zlib can use. The stored bytes of counts depend on this level."""


def deflate(data: bytes) -> bytes:
    """Return the data as raw DEFLATE."""
    # zlib clears its window and tables for each call. For a few hundred bytes, a window of 32 kB takes five times as
    # long as a window that just holds the data and zlib's look-ahead.
    bits = min(max((len(data) + LOOK_AHEAD).bit_length(), LEAST_BITS), zlib.MAX_WBITS)
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -bits, min(bits - BITS_OVER_MEMORY, zlib.DEF_MEM_LEVEL))
    return packer.compress(data) + packer.flush()


def deflate_shortest(data: bytes) -> bytes:
    """Return the shorter result of two strategies: with matches, or by frequencies alone.

    Frequencies alone are a fifth shorter for histograms in which most bins are filled.
    """
    candidates = []
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY):
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, MOST_MEMORY, strategy)
        candidates.append(packer.compress(data) + packer.flush())
    return min(candidates, key=len)


def inflate(data: bytes) -> bytes:
    """Reverse `deflate` and `deflate_shortest`. Raises ValueError or zlib.error for damaged or oversized data."""
    return inflate_first(data)[0]


def inflate_first(data: bytes) -> tuple[bytes, bytes]:
    """Return the first of several pieces inflated, and the bytes behind this piece. Raises like `inflate`."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    unpacked = unpacker.decompress(data, MAX_UNPACKED)
    if not unpacker.eof:
        raise ValueError(f"damaged data: the end is missing, or they inflate to more than {MAX_UNPACKED:,} bytes")
    return unpacked, unpacker.unused_data


def compact_json(value: Any) -> bytes:
    """Return JSON without spaces, as ASCII. Raises ValueError for NaN and infinity."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
