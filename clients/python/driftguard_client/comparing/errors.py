"""The error of comparisons and backtests, and suggestions for wrong names."""

from collections.abc import Iterable
from difflib import get_close_matches

MOST_NAMES = 10


class CompareError(ValueError):
    """The data, a file or a setting cannot be used. The text says where, why, and what to do."""


def unknown_name(kind: str, name: str, known: Iterable[str], where: str) -> CompareError:
    """Return the error for a name that does not exist, with the names that are near.

    kind: what the name stands for, such as `column`. where: the thing that lacks the name, such as a file.
    """
    names = list(known)
    folded = {one.casefold(): one for one in reversed(names)}
    near = [folded[match] for match in get_close_matches(name.casefold(), folded, n=3)]
    if near:
        return CompareError(f"{where} has no {kind} {name!r}. Did you mean {' or '.join(map(repr, near))}?")
    shown = ", ".join(map(repr, names[:MOST_NAMES])) + (", …" if len(names) > MOST_NAMES else "")
    return CompareError(f"{where} has no {kind} {name!r}. It has: {shown or 'none'}.")
