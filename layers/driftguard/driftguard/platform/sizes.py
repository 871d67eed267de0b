"""Fits data into items: the largest size of an item, pieces, compression, and how much fits."""

import bisect
import zlib
from collections.abc import Callable, Iterable

MAX_ITEM_BYTES = 380_000
"""Bytes of payload in one item. DynamoDB allows 400 kB including keys and attribute names."""


def chunks(data: bytes, size: int = MAX_ITEM_BYTES) -> list[bytes]:
    """Cut `data` into pieces that fit an item. Returns at least one piece, which may be empty."""
    return [data[start : start + size] for start in range(0, len(data), size)] or [b""]


def squeeze(text: str) -> bytes:
    """Compress a long text for storage."""
    return zlib.compress(text.encode(), 6)


def unsqueeze(data: bytes) -> str:
    """Return the text that `squeeze` compressed."""
    return zlib.decompress(data).decode()


def first_of[T](things: Iterable[T], most: int, size: Callable[[T], int], most_bytes: int) -> list[T]:
    """Return the first things: at most `most`, and none after those whose sizes together pass `most_bytes`."""
    found: list[T] = []
    total = 0
    for thing in things:
        found.append(thing)
        total += size(thing)
        if len(found) == most or total > most_bytes:
            break
    return found


def longest_fit(most: int, size: Callable[[int], int], limit: int) -> int:
    """Return the largest count, at most `most`, whose size is at most `limit`. `size` must not fall with the count."""
    if size(most) <= limit:
        return most
    return max(0, bisect.bisect_right(range(most), limit, key=size) - 1)
