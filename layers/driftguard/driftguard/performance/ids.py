"""The hashes that stand for prediction ids, and the partition of a day that holds each id."""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from driftguard.statistics.arrays import Ints

type Hashes = npt.NDArray[np.uint64]

PARTITIONS = (1, 4, 16, 64, 256)
"""The possible numbers of partitions of a day."""

ROWS_A_PARTITION = 8_000
MOST_ROWS_A_PARTITION = 32_000
"""A day whose partitions hold more rows on average is split by four."""


def hashes_of(model_id: str, ids: Iterable[str]) -> Hashes:
    """Return the hash of each prediction id. The model is the key, so models do not share hashes."""
    key = blake2b(model_id.encode(), digest_size=16).digest()
    digests = [blake2b(one.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest() for one in ids]
    return np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)


def partitions_for(rows: int) -> int:
    """Return the number of partitions for a day of this many rows."""
    return next((number for number in PARTITIONS if rows <= number * ROWS_A_PARTITION), PARTITIONS[-1])


def partition_of(hashes: Hashes, partitions: int) -> Ints:
    """Return the partition of each hash: its first bits. So four partitions of a finer split make one of a coarser."""
    bits = partitions.bit_length() - 1
    return (hashes >> np.uint64(64 - bits)).astype(np.int64) if bits else np.zeros(len(hashes), np.int64)
