"""What lists are filtered by, in the query."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from driftguard.schemas.alerts import AlertStatus, AlertType, Severity


class AlertFilters(BaseModel):
    """The query of a list of alerts."""

    model_config = ConfigDict(extra="ignore")

    limit: Annotated[int, Field(ge=1, le=500, description="How many entries a page holds at the most.")] = 50
    days: Annotated[
        int | None, Field(ge=1, le=3650, description="What was detected in the last so many days or is still open.")
    ] = None
    status: AlertStatus | None = None
    severity: Severity | None = None
    alert_type: AlertType | None = None
    cursor: Annotated[str | None, Field(max_length=2000, description="Where a page starts; from a Link header.")] = None
