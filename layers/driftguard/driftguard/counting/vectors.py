"""Joins byte planes to arrays of numbers, see `platform.planes`. A check joins some 60 of them."""

import numpy as np

from driftguard.platform.planes import SIZE
from driftguard.statistics.arrays import Floats, Ints


def wholes(planes: bytes, width: int, count: int) -> Ints:
    """Return the whole numbers whose lowest `width` planes are stored one after the other."""
    found = np.frombuffer(planes, np.uint8).reshape(width, count)
    numbers: Ints = found[0].astype(np.int64)
    for place in range(1, width):
        numbers |= found[place].astype(np.int64) << 8 * place
    return numbers


def reals(planes: bytes, count: int) -> Floats:
    """Return the float64 numbers whose eight planes are stored one after the other."""
    found = np.frombuffer(planes, np.uint8).reshape(SIZE, count)
    return np.ascontiguousarray(found.T).reshape(-1).view("<f8").astype(np.float64, copy=False)
