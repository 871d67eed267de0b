"""The distribution of a categorical or boolean feature.

The cells of the drift test must not depend on which values the baseline's sample happened to contain. So only a
frequent category has a cell of its own: one with MIN_COUNT values, among the MAX_CATEGORIES most frequent. Every other
value, known or new, belongs to one of CELLS cells by a fixed hash of its text.

A value is new if the baseline has no such value. Digests of the baseline's values decide this. Digests are large and
rarely needed, so they are stored apart and read on demand.
"""

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from zlib import crc32

MAX_CATEGORIES = 100
"""The most frequent categories, whose names are kept and which are counted one by one."""

MIN_COUNT = 50
"""With fewer values in the baseline, a category has no cell of its own in the drift test."""

CELLS = 64
"""Hash cells of the values that have no cell of their own."""

MAX_DIGESTS = 400_000
"""A feature with more distinct values has no digests. Below, an unknown value passes for a known one in under 1 of
10,000 cases, because digests have 32 bits."""

BOOLEANS = ("false", "true")
"""The categories of a boolean feature."""
RARE, NEW = "__rare__", "__new__"
DIGEST_BYTES = 6
"""Bytes of a digest in a baseline of format 1."""


class Digests:
    """The ascending digests of a feature's values that have no name, read when they are first needed."""

    def __init__(self, count: int, read: "Callable[[], array[int]]") -> None:
        self.count = count
        self._read = read

    @cached_property
    def values(self) -> "array[int]":
        """The digests, 32 bits each."""
        return self._read()


@dataclass(frozen=True, slots=True)
class Others:
    """The values of a categorical feature beside those that are counted by name.

    cells: the number of these values in each hash cell. A boolean feature has no hash cells.
    once: the number of distinct values, named ones included, that the baseline has once.
    digests: the digests of the values in `cells`; None if they were too many to keep.
    """

    cells: "array[int]"
    once: int
    digests: Digests | None = field(compare=False)


@dataclass(frozen=True, slots=True)
class Categories:
    """The distribution of a categorical or boolean feature. The categories of a boolean are `false` and `true`.

    names: the most frequent categories, most frequent first. counts: the number of values of each.
    rare: the number of values of all other categories.
    known: format 1 only: digests of the other categories; None if they were too many to keep.
    others: None in format 1.
    """

    names: tuple[str, ...]
    counts: "array[int]"
    rare: int
    known: frozenset[bytes] | None = None
    others: Others | None = None


def categories(seen: Mapping[str, int], forgotten: "array[int] | None" = None) -> Categories:
    """Return the distribution of a categorical feature.

    seen: values per category. forgotten: values of further categories in each hash cell.
    """
    ranked = sorted(seen.items(), key=lambda item: (-item[1], item[0]))
    kept, rest = ranked[:MAX_CATEGORIES], ranked[MAX_CATEGORIES:]
    cells = array("Q", bytes(8 * CELLS)) if forgotten is None else forgotten[:]
    digests = set()
    for name, count in rest:
        found = digest_of(name)
        cells[cell_of(found)] += count
        digests.add(found)
    complete = forgotten is None and len(digests) <= MAX_DIGESTS
    ordered = array("I", sorted(digests)) if complete else None
    return Categories(
        names=tuple(name for name, _count in kept),
        counts=array("Q", [count for _name, count in kept]),
        rare=sum(cells),
        others=Others(
            cells=cells,
            once=sum(count == 1 for count in seen.values()),
            digests=None if ordered is None else Digests(len(ordered), lambda: ordered),
        ),
    )


def booleans(seen: Mapping[str, int]) -> Categories:
    """Return the distribution of a boolean feature. Both values have a cell, also a value that the baseline lacks."""
    ranked = sorted(((name, seen.get(name, 0)) for name in BOOLEANS), key=lambda item: (-item[1], item[0]))
    return Categories(
        names=tuple(name for name, _count in ranked),
        counts=array("Q", [count for _name, count in ranked]),
        rare=0,
        others=Others(
            cells=array("Q"),
            once=sum(count == 1 for _name, count in ranked),
            digests=Digests(0, lambda: array("I")),
        ),
    )


def digest_of(name: str) -> int:
    """Return the digest of a category: the CRC-32 of its text in UTF-8."""
    return crc32(name.encode("utf-8", "surrogatepass"))


def cell_of(digest: int) -> int:
    """Return the hash cell of a category by its digest: the top bits of a product (Knuth, multiplicative hashing)."""
    return (digest * SPREAD & 0xFFFFFFFF) >> CELL_SHIFT


SPREAD, CELL_SHIFT = 2_654_435_769, 26
"""The factor and the shift of `cell_of`. They are part of the stored format and never change."""


def digest(name: str) -> bytes:
    """Return the digest that stands for a rare category's name in a baseline of format 1."""
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()
