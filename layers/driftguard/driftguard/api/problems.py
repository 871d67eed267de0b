"""Errors as HTTP responses, all in one shape."""

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

from driftguard.platform.errors import BadRequest, DriftGuardError, Invalid, UnsupportedMediaType
from driftguard.platform.observability import logger
from driftguard.platform.serialization import field_errors

PROBLEM = "application/problem+json"


class Problem(BaseModel):
    """An error in the shape of RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    message: str


class WrongPlace(BaseModel):
    loc: list[str | int]
    msg: str


class ValidationProblem(Problem):
    """A response with status 422, which names each wrong value and the reason."""

    errors: list[WrongPlace]


EVERYWHERE = (400, 403, 413, 415, 422, 429, 500)
"""Error statuses that every route can return."""


def problems(*statuses: int) -> dict[int, Any]:
    """Return the `responses` of a route in OpenAPI for its own errors and for those of every route."""
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
    """Return the `responses` of a route: the successful response and the errors.

    Powertools omits the successful response if others are listed, so it is listed too. `model` is None for no body.
    """
    good: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if model is not None:
        good["content"] = {"application/json": {"model": _plain_type(model)}}
    return {status: good, **problems(*errors)}


def _plain_type(model: Any) -> Any:
    """Return the type without annotations, because Powertools looks it up by the plain type."""
    if get_origin(model) is Annotated:
        return get_args(model)[0]
    return list[_plain_type(get_args(model)[0])] if get_origin(model) is list else model  # type: ignore[misc]


def problem_answer(error: DriftGuardError) -> Response[str]:
    """Return the response for an error."""
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    return Response(
        status_code=int(error.status),
        content_type=PROBLEM,
        body=json.dumps(error.problem(), ensure_ascii=True),
        headers=headers,
    )


def validation_answer(error: RequestValidationError) -> Response[str]:
    """Return the response for a request that does not match the types of its handler."""
    errors = error.errors()
    if any(entry.get("type") == "json_invalid" for entry in errors):
        return problem_answer(BadRequest(f"The body is not valid JSON{_place(error.__cause__)}."))
    return problem_answer(Invalid(field_errors(errors)))


def _place(error: BaseException | None) -> str:
    """Return the position of a JSON error, or an empty text if the position is unknown."""
    return f": line {error.lineno}, column {error.colno}" if isinstance(error, JSONDecodeError) and error.doc else ""


def content_type_answer(_error: RequestUnsupportedContentType) -> Response[str]:
    """Return the response for a body that is not declared as JSON."""
    return problem_answer(
        UnsupportedMediaType("The body must be JSON. Send the header Content-Type: application/json.")
    )


def fault_answer(error: Exception) -> Response[str]:
    """Log an unexpected error and return a response without details, because they can be confidential."""
    logger.error("request failed", exc_info=error)
    return problem_answer(DriftGuardError("The server failed. Retry later, or look up the x-request-id in the logs."))
