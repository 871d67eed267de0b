"""Lambda function that returns reports, history, performance and alerts."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from driftguard.alerts import actions
from driftguard.alerts.actions import AlertFilters
from driftguard.alerts.schemas import AlertDetail, AlertStatus, AlertSummary, AlertType, Severity
from driftguard.api.lists import CursorText, Days, Limit, page_answer
from driftguard.api.problems import answers
from driftguard.api.resolver import Api
from driftguard.checks import performance, reports
from driftguard.checks.schemas import HistoryRow
from driftguard.models import activity, registry
from driftguard.models.activity import ActivityEntry
from driftguard.models.settings import Reference
from driftguard.notifications.deliveries import Deliveries
from driftguard.verdicts.performance_shapes import LabelsShown, PerformanceShown
from driftguard.verdicts.shapes import Report

app = Api()

OPEN = "Only alerts that were detected in the last `days` days or are still open."
AlertDays = Annotated[int | None, Query(ge=1, le=3650, description=OPEN)]
Status = Annotated[AlertStatus | None, Query(description="Only alerts with this status.")]
Severe = Annotated[Severity | None, Query(description="Only alerts with this severity.")]
OfModel = Annotated[str | None, Query(max_length=128, description="Only changes of this model.")]
Metric = Annotated[str | None, Query(max_length=140, description="The metric of each day. Default: the headline.")]
EventDays = Annotated[int | None, Query(ge=1, le=400, description="Only the last event days. Default: all.")]
Against = Annotated[
    Reference | None,
    Query(description="What the report also compares the window with. Default: the model's setting at the last check."),
]
Type = Annotated[AlertType | None, Query(description="Only alerts of this type.")]


@app.get("/drift/models/<model_id>/report", responses=answers(200, Report, 404, 409), tags=["Drift"])
def get_report(model_id: str, reference: Against = None) -> Response[Report]:
    """Show the full report of the last check. Returns 404 before the first check, and 409 if the check did not compare
    with `reference`."""
    report = reports.last(registry.find(app.caller.organization_id, model_id), reference)
    return Response(status_code=200, content_type="application/json", body=report)


@app.get("/drift/models/<model_id>/history", responses=answers(200, list[HistoryRow], 404), tags=["Drift"])
def list_history(
    model_id: str, limit: Limit = 50, days: Days = None, cursor: CursorText = None
) -> Response[list[HistoryRow]]:
    """List a model's checks, newest first."""
    model = registry.find(app.caller.organization_id, model_id)
    return page_answer(app, reports.history(model, days=days, cursor=cursor, limit=limit, now=datetime.now(UTC)))


@app.get("/models/<model_id>/performance", responses=answers(200, PerformanceShown, 404), tags=["Labels"])
def get_performance(model_id: str, days: EventDays = None, metric: Metric = None) -> PerformanceShown:
    """Show how well the model predicts, according to its labels. The response has a metric by event day, and all
    metrics of the last 7 mature days. Returns 404 if the model has no task, and before the first join."""
    model = registry.find(app.caller.organization_id, model_id)
    return performance.performance(model, days=days, metric=metric, now=datetime.now(UTC))


@app.get("/models/<model_id>/labels/status", responses=answers(200, LabelsShown, 404), tags=["Labels"])
def get_labels_status(model_id: str) -> LabelsShown:
    """Show how many labels have arrived and how late they are. A label that is `waiting` has no prediction yet.
    Returns 404 if the model has no task, and before the first join."""
    return performance.labels_status(registry.find(app.caller.organization_id, model_id))


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


@app.get("/activity", responses=answers(200, list[ActivityEntry]), tags=["Service"])
def list_activity(
    limit: Limit = 50, days: Days = None, model_id: OfModel = None, cursor: CursorText = None
) -> Response[list[ActivityEntry]]:
    """List who changed what, newest first. The list has changes of models, settings, baselines, channels and alerts.
    Only admin keys may read it. Changes are kept for 400 days."""
    organization_id, now = app.caller.organization_id, datetime.now(UTC)
    page = activity.page(organization_id, limit=limit, days=days, model_id=model_id, cursor=cursor, now=now)
    return page_answer(app, page)


def _page(filters: AlertFilters, model_id: str | None) -> Response[list[AlertSummary]]:
    page = actions.page(app.caller.organization_id, filters, model_id=model_id, now=datetime.now(UTC))
    return page_answer(app, page, lambda alert: alert.summary(app.base_url).model_dump(mode="json"))


handler = app.handle
