"""Run the commands of the operator of the stack, who invokes the function directly under IAM."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from pynamodb.transactions import TransactWrite

from driftguard.models import registry
from driftguard.models.activity import ActivityKind, Change
from driftguard.models.erasing import Owned
from driftguard.models.tables import Models
from driftguard.organizations.commands import (
    COMMAND,
    CreateOrganization,
    EraseOrganization,
    IssueKey,
    ListKeys,
    RevokeKey,
    RotateKey,
    SpreadModel,
)
from driftguard.organizations.tables import ApiKeys
from driftguard.platform.bulk import delete
from driftguard.platform.errors import Conflict, Invalid, NotFound
from driftguard.platform.ids import new_id
from driftguard.platform.retries import ConditionFailed
from driftguard.platform.times import iso, parse

OPERATOR = "operator"
"""The actor of changes that nobody made through the API."""

NO_KEY = "The organization has no key {key_id}. The action list_keys returns its keys."

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
            if not ApiKeys.revoke(organization_id, key_id, now, _record(organization_id, "key_revoked", key_id, now)):
                raise NotFound(NO_KEY.format(key_id=key_id))
            _disable(gateway, key_id)
            return {"revoked": True}
        case RotateKey() as wanted:
            return _rotate(wanted, gateway, usage_plan_id(), now)
        case SpreadModel() as wanted:
            return _spread(wanted)
        case EraseOrganization() as wanted:
            return _erase(wanted, tables, gateway, close, erase, may_go_on, now)


def _issue(wanted: IssueKey, gateway: Any, usage_plan_id: str, now: datetime) -> dict[str, Any]:
    organization = _organization(wanted.organization_id)
    if organization.revoked_at is not None:
        raise Conflict("The organization is being erased. It cannot get new keys.")
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise Invalid.at(["expires_at"], "must be in the future")
    made = gateway.create_api_key(
        name=f"{wanted.role}-{new_id(now)}",
        description=f"DriftGuard, {organization.organization_name}: {wanted.name}"[:256],
        enabled=True,
        tags=_tags(gateway, usage_plan_id),
    )
    # Without an organization the key is refused, so a crash between here and add_key leaves no usable key.
    gateway.create_usage_plan_key(usagePlanId=usage_plan_id, keyId=made["id"], keyType="API_KEY")
    try:
        details = {"role": wanted.role, "name": wanted.name, "expires_at": _text(wanted.expires_at)}
        record = _record(wanted.organization_id, "key_issued", made["id"], now, details)
        ApiKeys.add_key(organization, made["id"], wanted.role, wanted.name, now, wanted.expires_at, record)
    except ConditionFailed:
        _remove(gateway, made["id"])
        raise Conflict("The organization is being erased. It cannot get new keys.") from None
    return {
        "api_key_id": made["id"],
        "api_key": made["value"],
        "role": wanted.role,
        "name": wanted.name,
        "expires_at": _text(wanted.expires_at),
    }


def _rotate(wanted: RotateKey, gateway: Any, usage_plan_id: str, now: datetime) -> dict[str, Any]:
    """Create a key like an old one, and let the old one expire. A key that expires earlier stays so."""
    old = ApiKeys.of(wanted.api_key_id)
    if old is None or old.organization_id != wanted.organization_id:
        raise NotFound(NO_KEY.format(key_id=wanted.api_key_id))
    if old.revoked_at or old.role is None:
        raise Conflict("The key is revoked. Use the action issue_key for a new one.")
    like = IssueKey(
        action="issue_key",
        organization_id=wanted.organization_id,
        role=old.role,
        name=old.name or "key",
        expires_at=wanted.expires_at,
    )
    made = _issue(like, gateway, usage_plan_id, now)
    ends_at = now + timedelta(hours=wanted.overlap_hours)
    if old.ends_at:
        ends_at = min(ends_at, parse(old.ends_at))
    details = {"new_key": made["api_key_id"], "expires_at": iso(ends_at)}
    record = _record(wanted.organization_id, "key_rotated", wanted.api_key_id, now, details)
    ApiKeys.end(wanted.organization_id, wanted.api_key_id, ends_at, record)
    return {**made, "old_key_expires_at": iso(ends_at)}


def _tags(gateway: Any, usage_plan_id: str) -> dict[str, str]:
    """Return the tags of a new key: those of the usage plan, which are the stack's tags and `driftguard:stack`.

    AWS reserves names that begin with `aws:`.
    """
    tags: dict[str, str] = gateway.get_usage_plan(usagePlanId=usage_plan_id).get("tags") or {}
    return {name: value for name, value in tags.items() if not name.startswith("aws:")}


def _record(
    organization_id: str, action: ActivityKind, key_id: str, now: datetime, details: Mapping[str, Any] | None = None
) -> Callable[[TransactWrite], None]:
    return Change(organization_id, OPERATOR, action, key_id, now, details=details or {}).record


def _text(moment: datetime | None) -> str | None:
    return iso(moment) if moment else None


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
        "expires_at": key.ends_at,
    }
