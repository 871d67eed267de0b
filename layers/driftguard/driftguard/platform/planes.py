"""Numbers of eight bytes as byte planes.

The first plane holds the lowest byte of every number, the next plane the second byte, and so on. Neighbouring numbers
share their high bytes, so planes deflate far better than the numbers themselves. Planes of zeros can be left out.
"""

import sys
from array import array
from collections.abc import Sequence
from typing import Any

SIZE = 8
"""Bytes per number before `split_planes`."""

_TYPECODES = {"<u1": "B", "<u2": "H", "<u4": "I", "<u8": "Q", "<f8": "d"}


def split_planes(data: bytes, width: int = SIZE) -> list[bytes]:
    """Return the lowest `width` planes of little-endian numbers of eight bytes."""
    return [data[plane::SIZE] for plane in range(width)]


def join_planes(planes: Sequence[bytes], count: int, size: int = SIZE) -> bytes:
    """Return `count` little-endian numbers of `size` bytes; bytes without a plane are 0.

    Raises ValueError if a plane has another length than `count`.
    """
    data = bytearray(size * count)
    for number, plane in enumerate(planes):
        data[number::size] = plane
    return bytes(data)


def cut_planes(data: bytes, width: int = SIZE) -> list[bytes]:
    """Return the `width` planes that were stored one after the other. Raises ValueError if their lengths differ."""
    count, rest = divmod(len(data), width)
    if rest:
        raise ValueError(f"damaged planes: {len(data)} bytes cannot be divided into {width} planes")
    return [data[plane * count : (plane + 1) * count] for plane in range(width)]


def array_of(data: bytes, dtype: str) -> "array[Any]":
    """Return little-endian numbers as an array; `dtype` is numpy's name of their type, such as `<u4`."""
    items: array[Any] = array(_TYPECODES[dtype], data)
    if sys.byteorder == "big":
        items.byteswap()
    return items


def little_endian(items: "array[Any]") -> bytes:
    """Return the numbers of an array as little-endian bytes."""
    if sys.byteorder == "big":
        items = items[:]
        items.byteswap()
    return items.tobytes()
