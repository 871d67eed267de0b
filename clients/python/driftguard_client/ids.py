"""Ids that the client makes, and the hash that decides which predictions are sampled."""

from __future__ import annotations

import os
import time
import zlib

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_MASK = 2**32 - 1
_AT_ONCE = 16
_DRAWN_FOR = 1000
"""Milliseconds. Random numbers are drawn for a short time only, so that no copy of a virtual machine has them, too."""
_drawn: list[int] = []
_drawn_at = 0
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drawn.clear)


def ulid(milliseconds: int | None = None) -> str:
    """Return a new ULID: 26 characters that sort by time. The kernel draws the random part, also after a fork."""
    now = time.time_ns() // 1_000_000
    number = ((now if milliseconds is None else milliseconds) & (2**48 - 1)) << 80 | _random(now)
    pairs = _PAIRS
    return (
        pairs[number >> 120 & 1023]
        + pairs[number >> 110 & 1023]
        + pairs[number >> 100 & 1023]
        + pairs[number >> 90 & 1023]
        + pairs[number >> 80 & 1023]
        + pairs[number >> 70 & 1023]
        + pairs[number >> 60 & 1023]
        + pairs[number >> 50 & 1023]
        + pairs[number >> 40 & 1023]
        + pairs[number >> 30 & 1023]
        + pairs[number >> 20 & 1023]
        + pairs[number >> 10 & 1023]
        + pairs[number & 1023]
    )


def _random(now: int) -> int:
    """Return 80 random bits. now: in milliseconds."""
    global _drawn_at  # noqa: PLW0603  the numbers are drawn for the whole process
    if not 0 <= now - _drawn_at < _DRAWN_FOR:
        _drawn.clear()
        _drawn_at = now
    try:
        return _drawn.pop()
    except IndexError:
        # Each draw releases Python's lock, and a busy thread may then keep it for milliseconds.
        fresh = os.urandom(10 * _AT_ONCE)
        _drawn.extend(int.from_bytes(fresh[place : place + 10], "big") for place in range(10, len(fresh), 10))
        return int.from_bytes(fresh[:10], "big")


def is_sampled(prediction_id: str, share: float) -> bool:
    """Return whether a prediction belongs to the sample of this share. The same id always gets the same answer.

    The hash is the CRC-32 of the UTF-8 text, mixed with the finalizer of MurmurHash3, so that other languages can
    reproduce the sample.
    """
    if share >= 1.0:
        return True
    mixed = zlib.crc32(prediction_id.encode("utf-8", "surrogatepass"))
    mixed = (mixed ^ mixed >> 16) * 0x85EBCA6B & _MASK
    mixed = (mixed ^ mixed >> 13) * 0xC2B2AE35 & _MASK
    mixed ^= mixed >> 16
    return mixed < share * 2**32
