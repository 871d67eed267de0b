"""API: the health of the service, the schedule, the caller's key and the OpenAPI document."""

from datetime import UTC, datetime
from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response

from driftguard.api import openapi
from driftguard.api.health import Health, Me, Organization
from driftguard.api.health import health as health_of
from driftguard.api.problems import answers
from driftguard.api.resolver import Api
from driftguard.checks.schedule_status import SchedulerStatus, scheduler
from driftguard.checks.tables import Runs
from driftguard.platform import aws

app = Api(public=["/health", "/openapi.json", "/docs"])


@app.get("/health", responses=answers(200, Health, 503), security=[], tags=["Service"])
def health() -> Response[Health]:
    """Show whether the service and its database respond. This request needs no key."""
    found = health_of(app.environment.version, Runs.last)
    status = HTTPStatus.OK if found.status == "ok" else HTTPStatus.SERVICE_UNAVAILABLE
    return Response(status_code=status, content_type="application/json", body=found)


@app.get("/scheduler/status", responses=answers(200, SchedulerStatus), tags=["Service"])
def scheduler_status() -> SchedulerStatus:
    """Show the schedule and its last run. The counts include only the organization's own models."""
    rule = aws.client("events").describe_rule(Name=app.environment.schedule_rule_name)
    return scheduler(app.caller.organization_id, rule, datetime.now(UTC))


@app.get("/me", responses=answers(200, Me), tags=["Service"])
def me() -> Me:
    """Show the organization and the role of the key."""
    caller = app.caller
    organization = Organization(id=caller.organization_id, name=caller.organization_name)
    return Me(organization=organization, role=caller.role, expires_at=caller.ends_at)


@app.get("/openapi.json", include_in_schema=False)
def openapi_document() -> Response[str]:
    """Return the OpenAPI document."""
    return Response(status_code=200, content_type="application/json", body=openapi.document(app.base_url))


@app.get("/docs", include_in_schema=False)
def docs() -> Response[str]:
    """Return a page that shows the OpenAPI document. The page links to itself with `?format=json` for the JSON."""
    if app.current_event.query_string_parameters.get("format") == "json":
        return openapi_document()
    return Response(status_code=200, content_type="text/html; charset=utf-8", body=openapi.page(app.base_url))


handler = app.handle
