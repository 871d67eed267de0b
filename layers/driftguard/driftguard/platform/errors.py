"""What can go wrong for a caller: every error that becomes an HTTP answer.

DriftGuardError
├── BadRequest            400  the body is not JSON
├── Forbidden             403  this key's role does not allow the call
├── NotFound              404  no such thing in the caller's organization
├── Conflict              409  the state does not allow it (now)
├── TooLarge              413  over a size limit
├── UnsupportedMediaType  415  not JSON
├── Invalid               422  well-formed, but wrong; names each place
├── TooManyRequests       429  ask again later
├── BadGateway            502  a provider (Slack, SES, SMTP, …) refused
└── Unavailable           503  a dependency is down
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, TypedDict

type Location = Sequence[str | int]


class FieldError(TypedDict):
    """One wrong place of a request: where it is and what is wrong there."""

    loc: list[str | int]
    msg: str


class DriftGuardError(Exception):
    """An error with an HTTP status and a sentence that a client may read."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after

    def problem(self) -> dict[str, Any]:
        """The body of the answer, in RFC 9457's shape; `message` repeats `detail` for API Gateway's clients."""
        return {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
            "message": self.detail,
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
    """The request is well-formed JSON, but wrong: `errors` names each place."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, errors: Sequence[FieldError], detail: str | None = None) -> None:
        self.errors = list(errors)
        super().__init__(detail or summarize(self.errors))

    @classmethod
    def at(cls, loc: Location, msg: str) -> "Invalid":
        """An error at one place, for instance `Invalid.at(["query", "cursor"], "not a cursor of this list")`."""
        return cls([{"loc": list(loc), "msg": msg}])

    def problem(self) -> dict[str, Any]:
        return {**super().problem(), "errors": self.errors}


class TooManyRequests(DriftGuardError):
    status = HTTPStatus.TOO_MANY_REQUESTS


class BadGateway(DriftGuardError):
    status = HTTPStatus.BAD_GATEWAY


class Unavailable(DriftGuardError):
    status = HTTPStatus.SERVICE_UNAVAILABLE


def summarize(errors: Sequence[FieldError]) -> str:
    """One sentence for people: the first wrong place, and how many more there are."""
    if not errors:
        return "The request is not valid."
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{place}: {first['msg']}{more}"
