"""The distribution of a categorical or boolean feature."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

MAX_CATEGORIES = 100
"""Categories that are counted one by one: the most frequent ones."""
MAX_RARE = 20_000
"""Rarer categories whose digests are kept. With more, an unknown category counts as rare and not as new."""
BOOLEANS = ("false", "true")
"""The categories of a boolean feature."""
RARE, NEW = "__rare__", "__new__"
DIGEST_BYTES = 6


@dataclass(frozen=True, slots=True)
class Categories:
    """The distribution of a categorical or boolean feature. The categories of a boolean are `false` and `true`.

    names: the most frequent categories, most frequent first. counts: the number of values of each.
    rare: the number of values of all other categories. known: digests of these; None if they were too many to keep.
    """

    names: tuple[str, ...]
    counts: "array[int]"
    rare: int
    known: frozenset[bytes] | None


def categories(seen: Mapping[str, int], forgotten: int = 0) -> Categories:
    """Return the distribution of categories. seen: values per category. forgotten: values of all others in total."""
    ranked = sorted(seen.items(), key=lambda item: (-item[1], item[0]))
    kept, others = ranked[:MAX_CATEGORIES], ranked[MAX_CATEGORIES:]
    return Categories(
        names=tuple(name for name, _count in kept),
        counts=array("Q", [count for _name, count in kept]),
        rare=sum(count for _name, count in others) + forgotten,
        known=frozenset(digest(name) for name, _count in others) if len(others) <= MAX_RARE and not forgotten else None,
    )


def digest(name: str) -> bytes:
    """Return the digest that stands for a rare category's name."""
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()
