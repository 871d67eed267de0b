"""Lambda function that returns reports, history and alerts."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from driftguard.alerts import actions
from driftguard.alerts.schemas import AlertDetail, AlertFilters, AlertStatus, AlertSummary, AlertType, Severity
from driftguard.api.lists import CursorText, Days, Limit, page_answer
from driftguard.api.problems import answers
from driftguard.api.resolver import Api
from driftguard.checks import reports
from driftguard.checks.schemas import HistoryRow
from driftguard.models import registry
from driftguard.notifications.deliveries import Deliveries
from driftguard.verdicts.shapes import Report

app = Api()

OPEN = "Only alerts that were detected in the last `days` days or are still open."
AlertDays = Annotated[int | None, Query(ge=1, le=3650, description=OPEN)]
Status = Annotated[AlertStatus | None, Query(description="Only alerts with this status.")]
Severe = Annotated[Severity | None, Query(description="Only alerts with this severity.")]
Type = Annotated[AlertType | None, Query(description="Only alerts of this type.")]


@app.get("/drift/models/<model_id>/report", responses=answers(200, Report, 404), tags=["Drift"])
def get_report(model_id: str) -> Response[Report]:
    """Show the full report of the last check. Returns 404 before the first check."""
    report = reports.last(registry.find(app.caller.organization_id, model_id))
    return Response(status_code=200, content_type="application/json", body=report)


@app.get("/drift/models/<model_id>/history", responses=answers(200, list[HistoryRow], 404), tags=["Drift"])
def list_history(
    model_id: str, limit: Limit = 50, days: Days = None, cursor: CursorText = None
) -> Response[list[HistoryRow]]:
    """List a model's checks, newest first."""
    model = registry.find(app.caller.organization_id, model_id)
    return page_answer(app, reports.history(model, days=days, cursor=cursor, limit=limit, now=datetime.now(UTC)))


@app.get("/drift/models/<model_id>/alerts", responses=answers(200, list[AlertSummary], 404), tags=["Alerts"])
def list_model_alerts(
    model_id: str,
    limit: Limit = 50,
    days: AlertDays = None,
    status: Status = None,
    severity: Severe = None,
    alert_type: Type = None,
    cursor: CursorText = None,
) -> Response[list[AlertSummary]]:
    """List one model's alerts, newest first."""
    filters = AlertFilters(limit, days, status, severity, alert_type, cursor)
    return _page(filters, registry.find(app.caller.organization_id, model_id).model_id)


@app.get("/drift/alerts", responses=answers(200, list[AlertSummary]), tags=["Alerts"])
def list_alerts(
    limit: Limit = 50,
    days: AlertDays = None,
    status: Status = None,
    severity: Severe = None,
    alert_type: Type = None,
    cursor: CursorText = None,
) -> Response[list[AlertSummary]]:
    """List the organization's alerts, newest first."""
    return _page(AlertFilters(limit, days, status, severity, alert_type, cursor), None)


@app.get("/drift/alerts/<alert_id>", responses=answers(200, AlertDetail, 404), tags=["Alerts"])
def get_alert(alert_id: str) -> AlertDetail:
    """Show one alert with its timeline and its deliveries."""
    return actions.detail(app.caller.organization_id, alert_id, app.base_url, datetime.now(UTC), Deliveries.latest)


def _page(filters: AlertFilters, model_id: str | None) -> Response[list[AlertSummary]]:
    page = actions.page(app.caller.organization_id, filters, model_id=model_id, now=datetime.now(UTC))
    return page_answer(app, page, lambda alert: alert.summary(app.base_url).model_dump(mode="json"))


handler = app.handle
