"""The errors of callers. Each becomes an HTTP response.

DriftGuardError
├── BadRequest            400  the body is not JSON in UTF-8
├── Forbidden             403  the role of the key does not allow the call
├── NotFound              404  the caller's organization has no such resource
├── Conflict              409  the current state does not allow the call
├── TooLarge              413  the body exceeds a size limit
├── UnsupportedMediaType  415  the body is declared as something other than JSON
├── Invalid               422  the JSON has wrong values; the error names each place
├── TooManyRequests       429  the caller must retry later
├── BadGateway            502  a provider (Slack, SES, SMTP, …) refused a request
└── Unavailable           503  a dependency does not respond
"""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypedDict

type Location = Sequence[str | int]


LONGEST_PART = 200
"""Characters of a name in the place of an error. Valid names have at most 128."""

LONGEST_MESSAGE = 500
MAX_ERROR_BYTES = 500_000
"""Most bytes of the errors in a response, so that the response stays far below 6 MB."""


class FieldError(TypedDict):
    """One wrong value of a request: its location and the reason."""

    loc: list[str | int]
    msg: str


def shown_errors[E: Mapping[str, Any]](errors: Sequence[E]) -> tuple[list[E], int]:
    """Return the errors for a response, with long texts shortened, and how many errors it leaves out."""
    shown: list[E] = []
    size = 0
    for error in errors:
        entry: Any = {
            **error,
            "loc": [_short(part, LONGEST_PART) for part in error["loc"]],
            "msg": _short(error["msg"], LONGEST_MESSAGE),
        }
        size += len(json.dumps(entry))
        if size > MAX_ERROR_BYTES:
            break
        shown.append(entry)
    return shown, len(errors) - len(shown)


def _short[T](part: T, longest: int) -> T | str:
    return part[: longest - 1] + "…" if isinstance(part, str) and len(part) > longest else part


class DriftGuardError(Exception):
    """An error with an HTTP status and a message for the client."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, detail: str, *, retry_after: int | None = None, message: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.message = message or detail
        self.retry_after = retry_after

    def problem(self) -> dict[str, Any]:
        """Return the response body in the shape of RFC 9457.

        `message` is for clients that expect the field name of API Gateway's own errors. It repeats `detail`, unless
        API Gateway has a text of its own for the error.
        """
        return {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
            "message": self.message,
        }


class BadRequest(DriftGuardError):
    status = HTTPStatus.BAD_REQUEST


class Forbidden(DriftGuardError):
    status = HTTPStatus.FORBIDDEN


class NotFound(DriftGuardError):
    status = HTTPStatus.NOT_FOUND


class Conflict(DriftGuardError):
    status = HTTPStatus.CONFLICT


class TooLarge(DriftGuardError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedMediaType(DriftGuardError):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class Invalid(DriftGuardError):
    """The request is well-formed JSON with wrong values. `errors` names each of them."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, errors: Sequence[FieldError], detail: str | None = None) -> None:
        self.errors = list(errors)
        super().__init__(detail or summarize(self.errors))

    @classmethod
    def at(cls, loc: Location, msg: str) -> "Invalid":
        """Return an error for one location, for example `Invalid.at(["body", "name"], "is too long")`."""
        return cls([{"loc": list(loc), "msg": msg}])

    def problem(self) -> dict[str, Any]:
        shown, left_out = shown_errors(self.errors)
        return {**super().problem(), "errors": shown, **({"errors_left_out": left_out} if left_out else {})}


class TooManyRequests(DriftGuardError):
    status = HTTPStatus.TOO_MANY_REQUESTS


class BadGateway(DriftGuardError):
    status = HTTPStatus.BAD_GATEWAY


class Unavailable(DriftGuardError):
    status = HTTPStatus.SERVICE_UNAVAILABLE


def summarize(errors: Sequence[FieldError]) -> str:
    """Describe the first error in one sentence and count the others."""
    if not errors:
        return "The request is not valid."
    first = shown_errors(errors[:1])[0][0]
    place = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{place}: {first['msg']}{more}"
