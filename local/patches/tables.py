"""DynamoDB: what of the template's tables MiniStack's CloudFormation passes over.

That is time to live, point-in-time recovery and deletion protection; and a table with another key is another table, the
old one being kept until the update has succeeded, or for good where the template retains it.
"""

from collections.abc import Mapping
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
