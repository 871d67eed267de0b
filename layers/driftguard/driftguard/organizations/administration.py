"""Run the commands of the operator of the stack, who invokes the function directly under IAM."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from driftguard.models import registry
from driftguard.models.erasing import Owned
from driftguard.models.tables import Models
from driftguard.organizations.commands import (
    COMMAND,
    CreateOrganization,
    EraseOrganization,
    IssueKey,
    ListKeys,
    RevokeKey,
    SpreadModel,
)
from driftguard.organizations.tables import ApiKeys
from driftguard.platform.bulk import delete
from driftguard.platform.errors import Conflict, NotFound
from driftguard.platform.ids import new_id
from driftguard.platform.retries import ConditionFailed
from driftguard.platform.times import parse

LAST_REQUEST = timedelta(seconds=60)
"""Time after which no request can still write that was admitted before the keys were deleted."""


def run(
    command: Any,
    *,
    tables: Iterable[type[Owned]],
    gateway: Any,
    usage_plan_id: Callable[[], str],
    close: Callable[[Models], None],
    erase: Callable[[str, str], None],
    may_go_on: Callable[[], bool],
    now: datetime,
) -> dict[str, Any]:
    """Run a command and return its result.

    Raises pydantic's ValidationError for a wrong command, NotFound for an unknown organization or key, and Conflict if
    the current state does not allow the command.

    Args:
        command: one of the commands of `organizations.commands`, as JSON.
        tables: every table, those first that find their items through another one.
        gateway: the API Gateway client.
        usage_plan_id: returns the usage plan of new keys.
        close: resolves the open alerts of a model that is about to be deleted, and tells its channels.
        erase: requests the erasure of a deleted model (organization, model).
        may_go_on: whether there is time for another model.
    """
    match COMMAND.validate_python(command):
        case CreateOrganization(name=name):
            organization_id = new_id(now)
            ApiKeys.add_organization(organization_id, name, now)
            return {"organization_id": organization_id, "name": name}
        case IssueKey() as wanted:
            return _issue(wanted, gateway, usage_plan_id(), now)
        case ListKeys(organization_id=organization_id):
            _organization(organization_id)
            return {"keys": [_key_entry(key) for key in ApiKeys.keys(organization_id)]}
        case RevokeKey(organization_id=organization_id, api_key_id=key_id):
            if not ApiKeys.revoke(organization_id, key_id, now):
                raise NotFound(f"The organization has no key {key_id}. The action list_keys returns its keys.")
            _disable(gateway, key_id)
            return {"revoked": True}
        case SpreadModel() as wanted:
            return _spread(wanted)
        case EraseOrganization() as wanted:
            return _erase(wanted, tables, gateway, close, erase, may_go_on, now)


def _issue(wanted: IssueKey, gateway: Any, usage_plan_id: str, now: datetime) -> dict[str, Any]:
    organization = _organization(wanted.organization_id)
    if organization.revoked_at is not None:
        raise Conflict("The organization is being erased. It cannot get new keys.")
    made = gateway.create_api_key(
        name=f"{wanted.role}-{new_id(now)}",
        description=f"DriftGuard, {organization.organization_name}: {wanted.name}"[:256],
        enabled=True,
    )
    # Without an organization the key is refused, so a crash between here and add_key leaves no usable key.
    gateway.create_usage_plan_key(usagePlanId=usage_plan_id, keyId=made["id"], keyType="API_KEY")
    try:
        ApiKeys.add_key(organization, made["id"], wanted.role, wanted.name, now)
    except ConditionFailed:
        _remove(gateway, made["id"])
        raise Conflict("The organization is being erased. It cannot get new keys.") from None
    return {"api_key_id": made["id"], "api_key": made["value"], "role": wanted.role, "name": wanted.name}


def _spread(wanted: SpreadModel) -> dict[str, Any]:
    model = registry.find(wanted.organization_id, wanted.model_id)
    if wanted.partitions <= model.partition_count:
        raise Conflict(f"The model already has {model.partition_count} partitions. Ask for more than that.")
    try:
        model.spread(wanted.partitions)
    except ConditionFailed:
        raise Conflict("Another request changed the model at the same time. Please try again.") from None
    return {"partitions": wanted.partitions}


def _erase(
    wanted: EraseOrganization,
    tables: Iterable[type[Owned]],
    gateway: Any,
    close: Callable[[Models], None],
    erase: Callable[[str, str], None],
    may_go_on: Callable[[], bool],
    now: datetime,
) -> dict[str, Any]:
    organization = _organization(wanted.organization_id)
    if organization.organization_name != wanted.name:
        raise Conflict(
            "The name is not the name of the organization. Nothing was erased. Check organization_id and name."
        )
    organization_id = str(organization.organization_id)
    closed_at = parse(ApiKeys.close(organization_id, now))
    for key in ApiKeys.keys(organization_id):
        _remove(gateway, str(key.key_id))
        ApiKeys.remove_key(organization_id, str(key.key_id))
    for model in Models.query(organization_id, Models.sk.startswith("model#"), consistent_read=True):
        if not may_go_on():
            break
        close(model)
        with suppress(ConditionFailed):  # another request deletes the model and requests its erasure
            model.remove(now)
            erase(organization_id, str(model.model_id))
    # Whatever is left of a model (`model#`, `erase#`, `name#`, `status#`) keeps its organization. This is read before
    # the deletions below, so that nothing of a model can write after the last of them.
    left = {item.sk.partition("#")[2] for item in Models.query(organization_id, consistent_read=True)}
    # The channels stay until the notifiers have had time to tell them that the alerts are resolved.
    if left or now - closed_at < LAST_REQUEST:
        return {"erased": False, "models_left": len(left)}
    for table in tables:
        if not delete(table.of_organization(organization_id), may_go_on):
            return {"erased": False, "models_left": 0}
    ApiKeys(f"org#{organization_id}", "org").delete()
    return {"erased": True, "models_left": 0}


def _remove(gateway: Any, key_id: str) -> None:
    with suppress(gateway.exceptions.NotFoundException):
        gateway.delete_api_key(apiKey=key_id)


def _disable(gateway: Any, key_id: str) -> None:
    try:
        gateway.update_api_key(apiKey=key_id, patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}])
    except gateway.exceptions.NotFoundException:
        return


def _organization(organization_id: str) -> ApiKeys:
    organization = ApiKeys.organization(organization_id)
    if organization is None:
        raise NotFound(f"There is no organization {organization_id}. Check the id.")
    return organization


def _key_entry(key: ApiKeys) -> dict[str, Any]:
    return {
        "api_key_id": key.key_id,
        "role": key.role,
        "name": key.name,
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    }
