"""Paths with queries, and the links between the pages of a list."""

from __future__ import annotations

from urllib.parse import quote, urlencode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from driftguard_client.transport import Response


def quoted(text: str) -> str:
    """Return a text as one segment of a path."""
    return quote(text, safe="")


def with_query(path: str, query: Mapping[str, Any]) -> str:
    """Return a path with the parameters that have a value."""
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def next_page(response: Response) -> str | None:
    """Return the URL of the next page; None after the last one."""
    for link in response.headers.get("link", "").split(","):
        target, _, parameters = link.partition(";")
        if 'rel="next"' in parameters:
            return target.strip().strip("<>")
    return None
