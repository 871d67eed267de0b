"""What lists are filtered by."""

from dataclasses import dataclass

from driftguard.alerts.schemas import AlertStatus, AlertType, Severity


@dataclass(frozen=True)
class AlertFilters:
    """What the query of a list of alerts asks for."""

    limit: int
    days: int | None
    status: AlertStatus | None
    severity: Severity | None
    alert_type: AlertType | None
    cursor: str | None
