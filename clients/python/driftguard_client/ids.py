"""Ids that the client makes, and the hash that decides which predictions are sampled."""

from __future__ import annotations

import os
import time
import zlib

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_MASK = 2**32 - 1


def ulid(milliseconds: int | None = None) -> str:
    """Return a new ULID: 26 characters that sort by time. The kernel draws the random part, also after a fork."""
    if milliseconds is None:
        milliseconds = time.time_ns() // 1_000_000
    number = (milliseconds & (2**48 - 1)) << 80 | int.from_bytes(os.urandom(10), "big")
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
