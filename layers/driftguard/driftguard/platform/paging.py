"""Pages of a list, and the opaque cursor that leads to the next page."""

import base64
import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from driftguard.platform.errors import Invalid


def encode_cursor(kind: str, owner: str, position: Any) -> str:
    """Return an opaque cursor for the list `kind` of `owner` (the id it belongs to). `position` must be JSON."""
    text = json.dumps([kind, owner, position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(kind: str, owner: str, cursor: str | None, good: Callable[[Any], bool]) -> Any:
    """Return the position in a cursor, or None without a cursor.

    Raises Invalid if the cursor is damaged, belongs to another list, or has a position that is not `good`. Cursors are
    not signed, so a client can send any position.
    """
    if cursor is None:
        return None
    with suppress(ValueError, TypeError):
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found_kind, found_owner, position = json.loads(raw)
        if (found_kind, found_owner) == (kind, owner) and (position is None or good(position)):
            return position
    raise Invalid.at(["query", "cursor"], "not a cursor of this list; take it from the Link header of the page before")


ID = "[0-9A-Za-z]{1,128}"
"""The pattern of every id."""


def decode_key(kind: str, owner: str, cursor: str | None, shape: str = ID) -> str | None:
    """Return the key in the cursor of a list that continues before a key. `shape` is the pattern of the keys.

    Raises Invalid as `decode_cursor` does.
    """
    position: str | None = decode_cursor(
        kind, owner, cursor, lambda key: isinstance(key, str) and re.fullmatch(shape, key) is not None
    )
    return position


@dataclass(frozen=True)
class Page[T]:
    """A page of a list and the cursor of the next page, which is None at the end.

    cursor_after: returns the cursor that continues after an item. Only lists whose pages can be too large need it.
    """

    items: list[T]
    cursor: str | None
    cursor_after: Callable[[T], str] | None = None
