"""Runs a function's code under its role in the template. Calls to AWS that the role does not allow are refused.

moto could check permissions too. It would need an access key for each role, and names the denied action less clearly.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from rules.stack import target
from sandbox import stack
from sandbox.calls import Call, intercepted

type Grant = tuple[str, str]
"""An action and the logical id of its resource. An index is written `<table>/index/<name>`."""

TRANSACTION = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
PLACES = {"sqs": "QueueUrl", "sns": "TopicArn", "s3": "Bucket"}
ACTIONS = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ListObjectsV2": "ListBucket",
    "HeadObject": "GetObject",
}
"""The permission that an operation needs, where it is named differently from the operation."""


@contextmanager
def under_role(function: str) -> Iterator[set[Grant]]:
    """Within the block, allow only the calls that the role of functions/<function> allows.

    Yields a set that collects the permissions used. A refused call raises PermissionError.
    """
    allowed, used = granted(function), set[Grant]()

    def checked(call: Call) -> Any:
        for grant in _needed(call):
            if call.service in CHECKED and grant not in allowed:
                raise PermissionError(f"{function} may not {grant[0]} on {grant[1]}")
            used.add(grant)
        return call.make()

    with intercepted(checked):
        yield used


CHECKED = {"dynamodb", "sqs", "sns", "s3"}
"""Services whose resources are in the template. Calls to other services cannot be checked."""


@cache
def granted(function: str) -> frozenset[Grant]:
    """The permissions of a function's role."""
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


def _needed(call: Call) -> Iterator[Grant]:
    service, operation, parameters = call.service, call.operation, call.parameters
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
