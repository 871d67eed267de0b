"""The stored form of the rows with labels that a model's performance is compared with."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import batched
from typing import NamedTuple

from driftguard.rows.columns import Row
from driftguard.rows.packing import pack
from driftguard.rows.unpacking import unpack_rows

ROWS_A_PIECE = 50_000
MOST_ROWS = 2_000_000
"""Rows that a reference keeps at most. A join reads them once for each reference."""

_LENGTH_BYTES = 4


class LabelledRows(NamedTuple):
    """Rows with labels as they are stored, and how many there are."""

    data: bytes
    rows: int


def pack_labelled(rows: Iterable[Row]) -> bytes:
    """Return rows as bytes: packed batches, each after its length. The bytes of several calls can be joined."""
    return b"".join(framed(pack(piece)) for piece in batched(rows, ROWS_A_PIECE, strict=False))


def unpack_labelled(data: bytes) -> Iterator[Sequence[Row]]:
    """Yield the rows of `pack_labelled` batch by batch. Raises ValueError for damaged bytes."""
    for piece in pieces_of(data):
        yield unpack_rows(piece)[0]


def framed(piece: bytes) -> bytes:
    """Return a piece after its length."""
    return len(piece).to_bytes(_LENGTH_BYTES, "little") + piece


def pieces_of(data: bytes) -> Iterator[bytes]:
    """Yield the pieces that `framed` wrote one after the other. Raises ValueError for damaged bytes."""
    start = 0
    while start < len(data):
        first = start + _LENGTH_BYTES
        length = int.from_bytes(data[start:first], "little")
        piece = data[first : first + length]
        if len(piece) < length or not length:
            raise ValueError("damaged reference: a piece is cut off")
        yield piece
        start = first + length
