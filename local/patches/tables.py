"""DynamoDB: time to live and point-in-time recovery of the template, which MiniStack's CloudFormation passes over."""

from collections.abc import Mapping
from typing import Any

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners


def install() -> None:
    """Wrap creating and updating a table."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    create, update = handler["create"], handler["update"]

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

    handler |= {"create": create_table, "update": update_table}


def _true(value: Any) -> bool:
    return str(value).lower() == "true"


def _apply(name: str, properties: Mapping[str, Any]) -> None:
    if ttl := properties.get("TimeToLiveSpecification"):
        specification = {"Enabled": _true(ttl.get("Enabled")), "AttributeName": ttl.get("AttributeName")}
        dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": specification})
    if recovery := properties.get("PointInTimeRecoverySpecification"):
        specification = {"PointInTimeRecoveryEnabled": _true(recovery.get("PointInTimeRecoveryEnabled"))}
        dynamodb._update_continuous_backups({"TableName": name, "PointInTimeRecoverySpecification": specification})
