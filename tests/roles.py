"""Runs a function's code under its role in the template: a call to AWS that the role does not allow is refused.

moto checks no permissions of its own without an access key for each role, and names the denied action less clearly.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from botocore.client import BaseClient

from rules.stack import target
from tests import stack

type Grant = tuple[str, str]
"""An action, and the logical id of its resource; an index is `<table>/index/<name>`."""

TRANSACTION = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
PLACES = {"sqs": "QueueUrl", "sns": "TopicArn", "s3": "Bucket"}
ACTIONS = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ListObjectsV2": "ListBucket",
    "HeadObject": "GetObject",
}
"""Actions whose permission has another name."""


@contextmanager
def under_role(function: str) -> Iterator[set[Grant]]:
    """Refuse, in this block, what the role of the function in functions/<function> does not allow.

    Yields the set in which the calls are collected as they are made. Raises PermissionError out of the refused call.
    """
    allowed, used = granted(function), set[Grant]()
    original = BaseClient._make_api_call  # type: ignore[attr-defined]

    def checked(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        service = client.meta.service_model.service_name
        for grant in _needed(service, operation, parameters):
            if service in CHECKED and grant not in allowed:
                raise PermissionError(f"{function} may not {grant[0]} on {grant[1]}")
            used.add(grant)
        return original(client, operation, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", checked)
        yield used


CHECKED = {"dynamodb", "sqs", "sns", "s3"}
"""Services whose resources are in the template, so that a call's resource is known by its name."""


@cache
def granted(function: str) -> frozenset[Grant]:
    """What the role of a function allows, as actions on logical ids."""
    resources = stack.resolved()["Resources"]
    logical = "".join(word.capitalize() for word in function.split("_")) + "Function"
    role = target(resources[logical]["Properties"]["Role"])
    return frozenset(
        (action, target(resource) + _index(str(resource.get("Fn::Sub", "")) if isinstance(resource, dict) else ""))
        for policy in resources[role]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in _list(statement["Action"])
        for resource in _list(statement["Resource"])
    )


def _needed(service: str, operation: str, parameters: Mapping[str, Any]) -> Iterator[Grant]:
    if service != "dynamodb":
        yield f"{service}:{ACTIONS.get(operation, operation)}", _logical_id(parameters.get(PLACES.get(service, "")))
    elif operation == "TransactWriteItems":
        for item in parameters["TransactItems"]:
            for kind, part in item.items():
                yield f"dynamodb:{TRANSACTION[kind]}", _logical_id(part["TableName"])
    elif operation in ("BatchGetItem", "BatchWriteItem"):
        for table in parameters["RequestItems"]:
            yield f"dynamodb:{operation}", _logical_id(table)
    else:
        index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
        yield f"dynamodb:{operation}", _logical_id(parameters["TableName"]) + index


def _logical_id(physical: object) -> str:
    return stack.DEPLOYED.get(str(physical), str(physical))


def _index(place: str) -> str:
    _, found, index = place.partition("/index/")
    return f"/index/{index}" if found else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
