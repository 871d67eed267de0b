"""Tags the API keys that earlier versions of a stack created without a tag.

The function for organizations may change only keys with the stack's tag. Keys of other applications do not have it.
"""

from collections.abc import Iterable
from typing import Any, Final

import boto3

TAG: Final = "driftguard:stack"


def tag_keys(session: boto3.Session, stack: str, plans: Iterable[str]) -> int:
    """Tag every key of the stack's usage plans that has no tag yet. Return the number of keys that were tagged."""
    gateway: Any = session.client("apigateway")
    region = gateway.meta.region_name
    prefix = f"arn:{session.get_partition_for_region(region)}:apigateway:{region}::/apikeys/"
    pages = gateway.get_paginator("get_usage_plan_keys")
    keys = [key["id"] for plan in plans for page in pages.paginate(usagePlanId=plan) for key in page["items"]]
    untagged = [key for key in keys if TAG not in (gateway.get_api_key(apiKey=key).get("tags") or {})]
    for key in untagged:
        gateway.tag_resource(resourceArn=f"{prefix}{key}", tags={TAG: stack})
    return len(untagged)
