"""What the launcher asks of an application: organizations, and keys of the usage plan."""

import os
import uuid
from typing import Any

import boto3


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    if event["action"] == "create_organization":
        return {"organization_id": str(uuid.uuid4())}
    gateway = boto3.client("apigateway")
    key = gateway.create_api_key(name=event["name"], enabled=True)
    gateway.create_usage_plan_key(usagePlanId=os.environ["USAGE_PLAN_ID"], keyId=key["id"], keyType="API_KEY")
    return {"api_key_id": key["id"], "api_key": key["value"]}
