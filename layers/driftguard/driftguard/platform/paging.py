"""Pages of lists and the opaque cursors between them."""

import base64
import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from driftguard.platform.errors import (
    Invalid,
)


def encode_cursor(kind: str, owner: str, position: Any) -> str:
    """An opaque cursor for the list `kind` of `owner` (an organization's or a model's id); `position` is JSON."""
    text = json.dumps([kind, owner, position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(kind: str, owner: str, cursor: str | None, good: Callable[[Any], bool]) -> Any:
    """The position in a cursor, None without one. Raises Invalid for a bad cursor, one of another list, and one whose
    position is not `good`: cursors are not signed, and anybody can write one."""
    if cursor is None:
        return None
    with suppress(ValueError, TypeError):
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found_kind, found_owner, position = json.loads(raw)
        if (found_kind, found_owner) == (kind, owner) and (position is None or good(position)):
            return position
    raise Invalid.at(["query", "cursor"], "not a cursor of this list")


ID = "[0-9A-Za-z]{1,128}"
"""What every id of ours looks like."""


def decode_key(kind: str, owner: str, cursor: str | None, shape: str = ID) -> str | None:
    """The position in a cursor of a list that goes on before a key; `shape` is a pattern of such keys. Raises Invalid
    as `decode_cursor` does."""
    position: str | None = decode_cursor(
        kind, owner, cursor, lambda key: isinstance(key, str) and re.fullmatch(shape, key) is not None
    )
    return position


@dataclass(frozen=True)
class Page[T]:
    """A piece of a list and the cursor of the next piece, None at the end.

    cursor_after: the cursor that goes on after an item, for lists whose pages may have to be cut short.
    """

    items: list[T]
    cursor: str | None
    cursor_after: Callable[[T], str] | None = None
