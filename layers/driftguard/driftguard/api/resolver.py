"""HTTP at API Gateway: who calls, one error shape, pages and links. Handlers only translate; this is where it is once.

An API function is `app = Api()`, its routes, and `handler = app.handle`.
"""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from driftguard.api.callers import Caller, allowed, identify
from driftguard.api.problems import content_type_answer, fault_answer, problem_answer, validation_answer
from driftguard.platform import observability
from driftguard.platform.dynamodb import connect
from driftguard.platform.environment import Settings
from driftguard.platform.errors import (
    DriftGuardError,
    Forbidden,
    NotFound,
    TooLarge,
    UnsupportedMediaType,
)
from driftguard.platform.observability import logger
from driftguard.platform.serialization import from_json, to_json

MAX_BODY_BYTES = 4_000_000
"""Lambda's event holds 6 MB with the body quoted once more; this much always fits."""


CORS = CORSConfig(
    allow_origin="*",
    allow_headers=["content-type", "x-api-key", "idempotency-key"],
    expose_headers=["link", "retry-after", "x-request-id"],
    max_age=7200,
)


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
        self.exception_handler(RequestValidationError)(validation_answer)
        self.exception_handler(RequestUnsupportedContentType)(content_type_answer)
        self.exception_handler(Exception)(fault_answer)
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
            answer = problem_answer(refusal) if isinstance(refusal, DriftGuardError) else fault_answer(refusal)
            return self._response_builder_class(response=answer, serializer=self._serializer)
        return super()._resolve()


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
