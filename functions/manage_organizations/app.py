"""Manage organizations and API keys. The operator invokes this function directly, under IAM."""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from driftguard import all_tables
from driftguard.alerts.actions import close_deleted
from driftguard.alerts.publishing import to_topic
from driftguard.models.schemas import EraseMessage
from driftguard.models.tables import Models
from driftguard.organizations import administration
from driftguard.platform import aws
from driftguard.platform.dynamodb import connect
from driftguard.platform.environment import Environment
from driftguard.platform.errors import DriftGuardError, Invalid
from driftguard.platform.observability import logger
from driftguard.platform.serialization import field_errors

MARGIN_MS = 10_000


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run the command in the event. A failed command returns `{"error": …}` in the error shape of the API."""
    environment, now = Environment(), datetime.now(UTC)
    connect(environment)

    def close(model: Models) -> None:
        publish = to_topic(aws.client("sns"), environment.alerts_topic_arn)
        close_deleted(model, publish=publish, now=now, actor=administration.OPERATOR)

    def erase(organization_id: str, model_id: str) -> None:
        body = EraseMessage(organization_id=organization_id, model_id=model_id).model_dump_json()
        aws.client("sqs").send_message(QueueUrl=environment.erase_queue_url, MessageBody=body)

    try:
        answer = administration.run(
            event,
            tables=all_tables.ALL,
            gateway=aws.client("apigateway"),
            usage_plan_id=lambda: environment.usage_plan_id,
            close=close,
            erase=erase,
            may_go_on=lambda: context.get_remaining_time_in_millis() > MARGIN_MS,
            now=now,
        )
    except ValidationError as error:
        return {"error": Invalid(field_errors(error.errors())).problem()}
    except DriftGuardError as error:
        return {"error": error.problem()}
    logger.info("done", extra={"action": event["action"], "organization_id": event.get("organization_id")})
    return answer
