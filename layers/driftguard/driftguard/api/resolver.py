"""The HTTP layer behind API Gateway: callers, errors, headers, metrics. The handlers of the routes only translate.

An API function is `app = Api()`, its routes, and `handler = app.handle`.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from driftguard.api.bodies import normalize, parse_object
from driftguard.api.callers import Caller, allowed, identify
from driftguard.api.problems import content_type_answer, fault_answer, problem_answer, validation_answer
from driftguard.platform.dynamodb import connect
from driftguard.platform.environment import Environment
from driftguard.platform.errors import DriftGuardError, Forbidden, NotFound
from driftguard.platform.observability import logger
from driftguard.platform.paging import ID
from driftguard.platform.serialization import to_json

CORS = CORSConfig(
    allow_origin="*",
    allow_headers=["content-type", "x-api-key", "idempotency-key"],
    expose_headers=["link", "retry-after", "x-rejected-rows", "x-request-id"],
    max_age=7200,
)

NOTHING_HERE = "There is nothing at this path."


def _words(handler: Callable[..., Any]) -> tuple[str, str | None]:
    """Return the first sentence of a handler's docstring, without its full stop, and the rest, if there is one."""
    first, _, rest = " ".join((handler.__doc__ or "").split()).partition(". ")
    return first.removesuffix("."), rest or None


class Api(APIGatewayRestResolver):
    """The routes of one API function. The resources in `public` need no key."""

    def __init__(self, *, public: Sequence[str] = ()) -> None:
        super().__init__(cors=CORS, enable_validation=True, serializer=to_json, json_body_deserializer=parse_object)
        self.public = frozenset(public)
        self.environment = Environment()
        self.exception_handler(DriftGuardError)(problem_answer)
        self.exception_handler(RequestValidationError)(validation_answer)
        self.exception_handler(RequestUnsupportedContentType)(content_type_answer)
        self.exception_handler(Exception)(fault_answer)
        self.not_found(lambda _error: problem_answer(NotFound(NOTHING_HERE)))

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
        """Add a route. The docstring of its handler becomes the summary and description in OpenAPI."""
        make = super().route

        def register(handler: F) -> F:
            first, rest_of_text = _words(handler)
            words = summary or first, description or rest_of_text
            return make(rule, method, cors, compress, cache_control, *words, *rest, **options)(handler)

        return register

    @property
    def caller(self) -> Caller:
        """The caller of the current request, which must have a key."""
        caller: Caller = self.context["caller"]
        return caller

    @property
    def base_url(self) -> str:
        """The public URL of the API, without a trailing slash."""
        if self.environment.public_url:
            return self.environment.public_url
        request = self.current_event.request_context
        domain, path, resource_path = request.domain_name or "", request.path or "", self.current_event.path
        prefix = path.removesuffix(resource_path) if path.endswith(resource_path) else f"/{request.stage}"
        return f"https://{domain}{prefix}"

    def handle(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Handle a proxy event of a REST API. This is the Lambda handler."""
        request_id = event.get("requestContext", {}).get("requestId") or context.aws_request_id
        logger.append_keys(request_id=request_id, method=event["httpMethod"], route=event.get("resource"))
        event, admitted = self._admit(event)
        self.append_context(**admitted)  # type: ignore[no-untyped-call]
        answer = self.resolve(event, context)
        headers = answer.setdefault("multiValueHeaders", {})
        headers["x-request-id"] = [request_id]
        headers.update({name: [value] for name, value in CORS.to_dict("*").items()})
        status = int(answer["statusCode"])
        if status == HTTPStatus.NO_CONTENT:
            headers.pop("Content-Type", None)  # there is no body to describe
        logger.info("request", extra={"status": status})
        logger.remove_keys(["request_id", "method", "route", "organization_id"])
        return answer

    def _admit(self, event: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the event with a normalized body, and the caller or the error to respond with.

        This runs before validation, so that a role is checked before the body and before the existence of anything.
        """
        try:
            connect(self.environment)
            event = normalize(event)
            if event.get("resource") in self.public:
                return event, {}
            caller = identify(event, datetime.now(UTC))
            logger.append_keys(organization_id=caller.organization_id)
            if not allowed(caller.role, event["httpMethod"], event.get("resource", "")):
                raise Forbidden(f"A key with the role {caller.role} may not do this. Use a key with another role.")
            _check_ids(event)
        except Exception as error:  # noqa: BLE001  _resolve turns it into a response
            return event, {"refusal": error}
        return event, {"caller": caller}

    def _resolve(self) -> Any:
        refusal = self.context.get("refusal")
        if refusal is not None:
            answer = problem_answer(refusal) if isinstance(refusal, DriftGuardError) else fault_answer(refusal)
            return self._response_builder_class(response=answer, serializer=self._serializer)
        return super()._resolve()


def _check_ids(event: dict[str, Any]) -> None:
    """Raise NotFound for an id in the path that no object can have. DynamoDB rejects keys of more than 1 kB."""
    for value in (event.get("pathParameters") or {}).values():
        if not re.fullmatch(ID, value):
            raise NotFound(NOTHING_HERE)
