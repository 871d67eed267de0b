"""Lists over HTTP: their query parameters, and a page with the Link to the next page."""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from driftguard.api.resolver import Api
from driftguard.platform.paging import Page
from driftguard.platform.serialization import MAX_ANSWER_BYTES, answer_bytes, jsonable

Limit = Annotated[int, Query(ge=1, le=500, description="Largest number of entries on a page.")]
Days = Annotated[int | None, Query(ge=1, le=3650, description="Only entries of the last `days` days.")]
CursorText = Annotated[
    str | None,
    Query(max_length=2000, description="Start of the page, from the Link header of the page before."),
]


def page_answer(app: Api, page: Page[Any], dump: Callable[[Any], Any] = jsonable) -> Response[Any]:
    """Return a page as a JSON array with its Link. The page is cut before it exceeds MAX_ANSWER_BYTES."""
    items: list[Any] = []
    cursor, size = page.cursor, 2
    for item in page.items:
        entry = dump(item)
        size += answer_bytes(entry)
        if size > MAX_ANSWER_BYTES and items and page.cursor_after is not None:
            cursor = page.cursor_after(page.items[len(items) - 1])
            break
        items.append(entry)
    headers: dict[str, str | list[str]] = {}
    if cursor is not None:
        query = {**(app.current_event.query_string_parameters or {}), "cursor": cursor}
        headers["Link"] = f'<{app.base_url}{app.current_event.path}?{urlencode(query)}>; rel="next"'
    return Response(status_code=200, content_type="application/json", body=items, headers=headers)
