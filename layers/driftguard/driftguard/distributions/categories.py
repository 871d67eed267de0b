"""The distribution of a categorical or boolean feature."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

MAX_CATEGORIES = 100
"""The most frequent categories, which are counted each by itself."""
MAX_RARE = 20_000
"""How many rarer categories are remembered; with more of them an unknown category counts as a rare one."""
BOOLEANS = ("false", "true")
"""The names of the categories of booleans."""
RARE, NEW = "__rare__", "__new__"
DIGEST_BYTES = 6


@dataclass(frozen=True, slots=True)
class Categories:
    """The distribution of a categorical or boolean feature (whose categories are `false` and `true`).

    names, counts: the most frequent categories, most frequent first, and how often each was seen.
    rare: how often any other was. known: digests of those others; None when they were too many to keep.
    """

    names: tuple[str, ...]
    counts: "array[int]"
    rare: int
    known: frozenset[bytes] | None


def categories(seen: Mapping[str, int], forgotten: int = 0) -> Categories:
    """The distribution of categories of which each was seen so often, and others `forgotten` times in sum."""
    ranked = sorted(seen.items(), key=lambda item: (-item[1], item[0]))
    kept, others = ranked[:MAX_CATEGORIES], ranked[MAX_CATEGORIES:]
    return Categories(
        names=tuple(name for name, _count in kept),
        counts=array("Q", [count for _name, count in kept]),
        rare=sum(count for _name, count in others) + forgotten,
        known=frozenset(digest(name) for name, _count in others) if len(others) <= MAX_RARE and not forgotten else None,
    )


def digest(name: str) -> bytes:
    """What is remembered of a rare category's name."""
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()
