"""DynamoDB: what of the template's tables MiniStack's CloudFormation passes over.

That is time to live, point-in-time recovery and deletion protection; and a table with another key is another table, the
old one being kept until the update has succeeded, or for good where the template retains it.

And MiniStack parses and checks the condition of a query again for each item of the partition, which takes 80 of 100 µs.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

TABLE: Final = "AWS::DynamoDB::Table"
KEYS: Final = ("KeySchema", "LocalSecondaryIndexes")


def install() -> None:
    """Wrap creating, updating and deleting a table."""
    provisioners._REPLACING_PROPERTIES[TABLE] = (*provisioners._REPLACING_PROPERTIES[TABLE], *KEYS)
    handler = provisioners._RESOURCE_HANDLERS[TABLE]
    create, update, delete = handler["create"], handler["update"], handler["delete"]

    def create_table(logical_id: str, properties: Mapping[str, Any], stack: str) -> Any:
        created = create(logical_id, properties, stack)
        _apply(created[0], properties)
        return created

    def update_table(
        physical_id: str, old: Any, new: Mapping[str, Any], stack: str, logical_id: str | None = None
    ) -> Any:
        updated = update(physical_id, old, new, stack, logical_id)
        _apply(updated[0] if isinstance(updated, tuple) else physical_id, new)
        return updated

    def delete_table(physical_id: str, properties: Any) -> None:
        if dynamodb._tables.get(physical_id, {}).get("DeletionProtectionEnabled"):
            raise ValueError(f"Table {physical_id} is protected against deletion. Disable deletion protection first.")
        delete(physical_id, properties)

    handler |= {"create": create_table, "update": update_table, "delete": delete_table}
    dynamodb._evaluate_condition = _checked_once(dynamodb._evaluate_condition)


def _checked_once(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that checks the condition of a query at its first item only."""
    checked: tuple[Any, ...] = ()

    def evaluate(expr: str, item: Any, values: Any, names: Any, slot: str = "ConditionExpression") -> Any:
        nonlocal checked
        before = checked
        # The same objects with names and values mean the same request.
        if before and expr == before[0] and values is before[1] and names is before[2]:
            return dynamodb._ExprEval(before[3], item, values, names).evaluate()
        result = original(expr, item, values, names, slot)
        if slot == "KeyConditionExpression":
            checked = (expr, values, names, dynamodb._tokenize(expr))
        return result

    return evaluate


def _true(value: Any) -> bool:
    return str(value).lower() == "true"


def _apply(name: str, properties: Mapping[str, Any]) -> None:
    # Kept as the text that a parameter is, "false" would count as true.
    dynamodb._tables[name]["DeletionProtectionEnabled"] = _true(properties.get("DeletionProtectionEnabled"))
    if ttl := properties.get("TimeToLiveSpecification"):
        specification = {"Enabled": _true(ttl.get("Enabled")), "AttributeName": ttl.get("AttributeName")}
        dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": specification})
    if recovery := properties.get("PointInTimeRecoverySpecification"):
        specification = {"PointInTimeRecoveryEnabled": _true(recovery.get("PointInTimeRecoveryEnabled"))}
        dynamodb._update_continuous_backups({"TableName": name, "PointInTimeRecoverySpecification": specification})
