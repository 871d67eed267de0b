"""What frames and comparisons say alike about columns: times, ids, texts that look like dates, and lists of names."""

from __future__ import annotations

import re
from datetime import date

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Any

MIN_TEXTS = 50
"""Fewer texts are too few to call them ids."""
NEARLY_ALL = 0.95
LOOKED_AT = 200
"""Distinct texts that are tried as dates."""
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})([T ]\d{2}:\d{2}.*)?")


def names_in(given: Iterable[Any] | Any) -> list[Any]:
    """Return names of columns as a list. One text is one name, not a list of letters."""
    return [given] if isinstance(given, str) else list(given)


def times_reason(name: str, what: str) -> str:
    """Return why a column of times is no feature, and what to do with it. what: what it holds, such as `times`."""
    return f"Column {name!r} holds {what}, which are no feature. {times_advice(name)}"


def times_advice(name: str) -> str:
    """Return what to do with a column of times."""
    return (
        f"If they are the times of the rows, name the column: timestamp={name!r} (--timestamp {name}). "
        f"Otherwise exclude it: exclude=[{name!r}] (--exclude {name}), or turn it into numbers, such as an age in days."
    )


def texts_warning(name: str, values: int, texts: int, distinct: Collection[str]) -> str | None:
    """Return a sentence about a column whose texts are no categories; None if they may be categories.

    values: how many values are not missing. texts: how many of these are texts. distinct: the different texts.
    """
    if not texts or texts < NEARLY_ALL * values:
        return None
    if _are_dates(distinct):
        return (
            f"Column {name!r} looks like dates: use timestamp={name!r} (--timestamp {name}), exclude it "
            f"(--exclude {name}), or turn it into numbers, such as an age in days."
        )
    if texts >= MIN_TEXTS and len(distinct) >= NEARLY_ALL * texts:
        return (
            f"Column {name!r} has a different text in nearly every row ({len(distinct):,} in {texts:,} rows), "
            f"like an id. It says nothing about drift: exclude it with exclude=[{name!r}] (--exclude {name})."
        )
    return None


def _are_dates(distinct: Collection[str]) -> bool:
    """Return whether most of the first texts are dates or times in ISO 8601."""
    tried = found = 0
    for text in distinct:
        if tried == LOOKED_AT:
            break
        tried += 1
        found += _is_date(text)
    return tried > 0 and found > tried / 2


def _is_date(text: str) -> bool:
    matched = _DATE.fullmatch(text.strip())
    if matched is None:
        return False
    try:
        date.fromisoformat(matched[1])
    except ValueError:
        return False
    return True
