"""HTTP at API Gateway: who calls, one error shape, pages and links. Handlers only translate; this is where it is once.

An API function is `app = Api()`, its routes, and `handler = app.handle`.
"""

import base64
import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from json import JSONDecodeError
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import urlencode

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from driftguard.organizations.tables import ApiKeys, Role
from driftguard.platform import observability
from driftguard.platform.dynamodb import connect
from driftguard.platform.environment import Settings
from driftguard.platform.errors import (
    BadRequest,
    DriftGuardError,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    UnsupportedMediaType,
)
from driftguard.platform.observability import logger

MAX_BODY_BYTES = 4_000_000
"""Lambda's event holds 6 MB with the body quoted once more; this much always fits."""

MAX_ANSWER_BYTES = 5_000_000

PROBLEM = "application/problem+json"

CORS = CORSConfig(
    allow_origin="*",
    allow_headers=["content-type", "x-api-key", "idempotency-key"],
    expose_headers=["link", "retry-after", "x-request-id"],
    max_age=7200,
)


@dataclass(frozen=True)
class Caller:
    """Whose key came with the request, and what it may do."""

    organization_id: str
    organization_name: str
    role: Role
    key_id: str


def allowed(role: Role, method: str, resource: str) -> bool:
    """The contract's rule of roles: `ingest` logs predictions, `viewer` reads, `admin` does everything; `/me` is open
    to each key, for it tells only what the key itself is."""
    if role == "admin" or resource == "/me":
        return True
    if role == "ingest":
        return method == "POST" and resource in ("/predictions", "/predictions/batch")
    return method == "GET"


class Problem(BaseModel):
    """An error, in RFC 9457's shape."""

    type: str
    title: str
    status: int
    detail: str
    message: str


class WrongPlace(BaseModel):
    loc: list[str | int]
    msg: str


class ValidationProblem(Problem):
    """A 422: each wrong place with what is wrong there."""

    errors: list[WrongPlace]


EVERYWHERE = (400, 403, 413, 415, 422, 429, 500)
"""What any route may answer with: the caller's key, its body, its query, too many requests, a fault of ours."""


def problems(*statuses: int) -> dict[int, Any]:
    """The `responses` of a route's OpenAPI entry for its errors, those that every route has included."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {
                PROBLEM: {"model": ValidationProblem if status == HTTPStatus.UNPROCESSABLE_ENTITY else Problem}
            },
        }
        for status in sorted({*statuses, *EVERYWHERE})
    }


def answers(status: int, model: Any, *errors: int) -> dict[int, Any]:
    """A route's `responses`: its good answer (None: no body), which Powertools leaves out as soon as others are listed,
    and its errors."""
    good: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if model is not None:
        good["content"] = {"application/json": {"model": _plain_type(model)}}
    return {status: good, **problems(*errors)}


def _plain_type(model: Any) -> Any:
    """The type without its annotations, by which Powertools looks for it."""
    if get_origin(model) is Annotated:
        return get_args(model)[0]
    return list[_plain_type(get_args(model)[0])] if get_origin(model) is list else model  # type: ignore[misc]


def _words(handler: Callable[..., Any]) -> tuple[str, str | None]:
    """A handler's docstring for clients: its first sentence, without the full stop, and the rest where there is any."""
    first, _, rest = " ".join((handler.__doc__ or "").split()).partition(". ")
    return first.removesuffix("."), rest or None


class Api(APIGatewayRestResolver):
    """The routes of one API function; those named in `public` need no key."""

    def __init__(self, *, public: Sequence[str] = ()) -> None:
        super().__init__(cors=CORS, enable_validation=True, serializer=to_json, json_body_deserializer=from_json)
        self.public = frozenset(public)
        self.settings = Settings()
        self.exception_handler(DriftGuardError)(problem_answer)
        self.exception_handler(RequestValidationError)(_validation_answer)
        self.exception_handler(RequestUnsupportedContentType)(_content_type_answer)
        self.exception_handler(Exception)(_fault_answer)
        self.not_found(lambda _error: problem_answer(NotFound("There is nothing at this path.")))

    def route[F: Callable[..., Any]](
        self,
        rule: str,
        method: str | list[str] | tuple[str],
        cors: bool | None = None,
        compress: bool = False,
        cache_control: str | None = None,
        summary: str | None = None,
        description: str | None = None,
        *rest: Any,
        **options: Any,
    ) -> Callable[[F], F]:
        """A route as Powertools makes it, which the OpenAPI document tells in the words of its handler's docstring."""
        make = super().route

        def register(handler: F) -> F:
            told, more = _words(handler)
            words = summary or told, description or more
            return make(rule, method, cors, compress, cache_control, *words, *rest, **options)(handler)

        return register

    @property
    def caller(self) -> Caller:
        """Who calls, while a request with a key is handled."""
        caller: Caller = self.context["caller"]
        return caller

    @property
    def base_url(self) -> str:
        """Where this API is reached from outside, without a slash at the end."""
        if self.settings.public_url:
            return self.settings.public_url
        request = self.current_event.request_context
        domain, path, resource_path = request.domain_name or "", request.path or "", self.current_event.path
        prefix = path.removesuffix(resource_path) if path.endswith(resource_path) else f"/{request.stage}"
        return f"https://{domain}{prefix}"

    @observability.measured
    def handle(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """The Lambda handler: answers a REST API proxy event."""
        request_id = event.get("requestContext", {}).get("requestId") or context.aws_request_id
        logger.append_keys(request_id=request_id, method=event["httpMethod"], route=event.get("resource"))
        self.append_context(**self._admit(event))  # type: ignore[no-untyped-call]
        answer = self.resolve(event, context)
        headers = answer.setdefault("multiValueHeaders", {})
        headers["x-request-id"] = [request_id]
        status = int(answer["statusCode"])
        if status == HTTPStatus.NO_CONTENT:
            headers.pop("Content-Type", None)  # of a body that is not there
        observability.count("Requests")
        if status >= 500:
            observability.count("ServerErrors")
        logger.info("request", extra={"status": status})
        logger.remove_keys(["request_id", "method", "route", "organization_id"])
        return answer

    def _admit(self, event: dict[str, Any]) -> dict[str, Any]:
        """Who calls, or the error to answer with; found before validation, so that a role is checked before
        existence and before the body."""
        try:
            connect(self.settings)
            _check_body(event)
            if event.get("resource") in self.public:
                return {}
            caller = identify(event)
            logger.append_keys(organization_id=caller.organization_id)
            if not allowed(caller.role, event["httpMethod"], event.get("resource", "")):
                raise Forbidden(f"A key with the role {caller.role} may not do this.")
            return {"caller": caller}
        except Exception as error:  # noqa: BLE001  it is answered, by _resolve
            return {"refusal": error}

    def _resolve(self) -> Any:
        refusal = self.context.get("refusal")
        if refusal is not None:
            answer = problem_answer(refusal) if isinstance(refusal, DriftGuardError) else _fault_answer(refusal)
            return self._response_builder_class(response=answer, serializer=self._serializer)
        return super()._resolve()


def identify(event: dict[str, Any]) -> Caller:
    """The caller behind an event's API key. Raises Forbidden when the key belongs to nobody or is revoked."""
    key_id = event.get("requestContext", {}).get("identity", {}).get("apiKeyId") or ""
    key = ApiKeys.of(key_id) if key_id else None
    if key is None or key.revoked_at:
        raise Forbidden("Forbidden")
    return Caller(key.organization_id, key.organization_name, key.role, key_id)


def _check_body(event: dict[str, Any]) -> None:
    body = event.get("body") or ""
    if not body:
        return
    if len(body) > MAX_BODY_BYTES or len(body.encode("utf-8", "surrogatepass")) > MAX_BODY_BYTES:
        raise TooLarge(f"The body is larger than {MAX_BODY_BYTES:,} bytes.")
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    content_type = (headers.get("content-type") or "").partition(";")[0].strip().lower()
    if content_type not in ("", "application/json"):
        raise UnsupportedMediaType(f"The body must be application/json, not {content_type[:100]}.")


def problem_answer(error: DriftGuardError) -> Response[str]:
    """The answer of the contract's one error shape."""
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    return Response(
        status_code=int(error.status),
        content_type=PROBLEM,
        body=json.dumps(error.problem(), ensure_ascii=True),
        headers=headers,
    )


def _validation_answer(error: RequestValidationError) -> Response[str]:
    errors = error.errors()
    if any(entry.get("type") == "json_invalid" for entry in errors):
        return problem_answer(BadRequest(f"The body is not valid JSON{_place(error.__cause__)}."))
    return problem_answer(Invalid(field_errors(errors)))


def _place(error: BaseException | None) -> str:
    """Where a body stops being JSON, nothing where that cannot be told."""
    return f": line {error.lineno}, column {error.colno}" if isinstance(error, JSONDecodeError) and error.doc else ""


def _content_type_answer(_error: RequestUnsupportedContentType) -> Response[str]:
    return problem_answer(UnsupportedMediaType("The body must be application/json."))


def _fault_answer(error: Exception) -> Response[str]:
    """A fault of ours: everything to the log, nothing to the client but where to ask."""
    logger.error("request failed", exc_info=error)
    return problem_answer(DriftGuardError("Something failed on our side. The x-request-id finds it in the log."))


def field_errors(errors: Sequence[Any]) -> list[FieldError]:
    """Pydantic's errors as the contract's: where, and what is wrong there in a sentence without our class names."""
    return [
        {
            "loc": [part for part in entry["loc"] if isinstance(part, (str, int))],
            "msg": _message(entry)[:300],
        }
        for entry in errors[:100]
    ]


def _message(entry: Any) -> str:
    if entry.get("type") != "extra_forbidden":
        return str(entry.get("msg", "not valid")).removeprefix("Value error, ")
    from driftguard.models.schemas import nearest_setting  # noqa: PLC0415  not every function knows models

    meant = nearest_setting(entry["loc"])
    return f"unknown field; did you mean {meant}?" if meant else "unknown field"


MAX_DIGITS = 400
"""Longer integers are beyond every float; Python refuses those over 4,300 digits, with an error of its own."""


def from_json(text: str) -> Any:
    """A body's JSON. Raises JSONDecodeError for what is none, and for what is nested too deeply to be read."""
    try:
        return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) <= MAX_DIGITS else float("inf"))
    except RecursionError:
        raise JSONDecodeError("nested too deeply", "", 0) from None


def to_json(body: Any) -> str:
    """An answer's JSON. Raises ValueError for NaN or infinity, which no answer may hold."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is not JSON")


Limit = Annotated[int, Query(ge=1, le=500, description="How many entries a page holds at the most.")]
Days = Annotated[int | None, Query(ge=1, le=3650, description="Only what was checked in the last so many days.")]
CursorText = Annotated[
    str | None,
    Query(max_length=2000, description="Where the page starts: taken from the Link header of the page before."),
]


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


def _jsonable(item: Any) -> Any:
    return item.model_dump(mode="json") if isinstance(item, BaseModel) else item


def page_answer(app: Api, page: Page[Any], dump: Callable[[Any], Any] = _jsonable) -> Response[Any]:
    """A page as a JSON array with its `Link`, cut short before it passes 5 MB."""
    items: list[Any] = []
    cursor, size = page.cursor, 2
    for item in page.items:
        entry = dump(item)
        size += len(to_json(entry).encode()) + 1
        if size > MAX_ANSWER_BYTES and items and page.cursor_after is not None:
            cursor = page.cursor_after(page.items[len(items) - 1])
            break
        items.append(entry)
    headers: dict[str, str | list[str]] = {}
    if cursor is not None:
        query = {**(app.current_event.query_string_parameters or {}), "cursor": cursor}
        headers["Link"] = f'<{app.base_url}{app.current_event.path}?{urlencode(query)}>; rel="next"'
    return Response(status_code=200, content_type="application/json", body=items, headers=headers)
