"""Errors as HTTP answers, in the contract's one shape."""

import json
from http import HTTPStatus
from json import JSONDecodeError
from typing import Annotated, Any, get_args, get_origin

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from pydantic import BaseModel

from driftguard.platform.errors import (
    BadRequest,
    DriftGuardError,
    Invalid,
    UnsupportedMediaType,
)
from driftguard.platform.observability import logger
from driftguard.platform.serialization import field_errors

PROBLEM = "application/problem+json"


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


def problem_answer(error: DriftGuardError) -> Response[str]:
    """The answer of the contract's one error shape."""
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    return Response(
        status_code=int(error.status),
        content_type=PROBLEM,
        body=json.dumps(error.problem(), ensure_ascii=True),
        headers=headers,
    )


def validation_answer(error: RequestValidationError) -> Response[str]:
    errors = error.errors()
    if any(entry.get("type") == "json_invalid" for entry in errors):
        return problem_answer(BadRequest(f"The body is not valid JSON{_place(error.__cause__)}."))
    return problem_answer(Invalid(field_errors(errors)))


def _place(error: BaseException | None) -> str:
    """Where a body stops being JSON, nothing where that cannot be told."""
    return f": line {error.lineno}, column {error.colno}" if isinstance(error, JSONDecodeError) and error.doc else ""


def content_type_answer(_error: RequestUnsupportedContentType) -> Response[str]:
    return problem_answer(UnsupportedMediaType("The body must be application/json."))


def fault_answer(error: Exception) -> Response[str]:
    """A fault of ours: everything to the log, nothing to the client but where to ask."""
    logger.error("request failed", exc_info=error)
    return problem_answer(DriftGuardError("Something failed on our side. The x-request-id finds it in the log."))
