"""The commands of the operator: create and erase organizations, manage their keys, spread models."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from driftguard.organizations.tables import Role
from driftguard.platform.serialization import Name, Wire
from driftguard.platform.times import UtcTime


class CreateOrganization(Wire):
    """`{"action": "create_organization", "name": "Acme"}` → `{"organization_id", "name"}`."""

    action: Literal["create_organization"]
    name: Name


class IssueKey(Wire):
    """`{"action": "issue_key", "organization_id", "role", "name"?, "expires_at"?}` → `{"api_key_id", "api_key", …}`.

    Only this response contains the value of the key. From `expires_at` on the API refuses the key.
    """

    action: Literal["issue_key"]
    organization_id: str
    role: Role
    name: Name = "key"
    expires_at: UtcTime | None = None


class ListKeys(Wire):
    """`{"action": "list_keys", "organization_id"}` → `{"keys": [{"api_key_id", "role", "name", …}]}`."""

    action: Literal["list_keys"]
    organization_id: str


class RevokeKey(Wire):
    """`{"action": "revoke_key", "organization_id", "api_key_id"}` → `{"revoked": true}`."""

    action: Literal["revoke_key"]
    organization_id: str
    api_key_id: str


class RotateKey(Wire):
    """`{"action": "rotate_key", "organization_id", "api_key_id", "overlap_hours"?, "expires_at"?}` → as `issue_key`.

    Creates a key with the role and the name of the old one. The old key expires `overlap_hours` later. `expires_at` is
    that of the new key.
    """

    action: Literal["rotate_key"]
    organization_id: str
    api_key_id: str
    overlap_hours: Annotated[int, Field(ge=0, le=24 * 90, strict=True)] = 24
    expires_at: UtcTime | None = None


class SpreadModel(Wire):
    """`{"action": "spread_model", "organization_id", "model_id", "partitions"}` → `{"partitions"}`.

    Spreads the new predictions of a model over more partitions. Each partition takes about 1,000 write units per second
    and 10 GB. The number of partitions cannot become smaller.
    """

    action: Literal["spread_model"]
    organization_id: str
    model_id: str
    partitions: Annotated[int, Field(ge=2, le=256, strict=True)]


class EraseOrganization(Wire):
    """`{"action": "erase_organization", "organization_id", "name"}` → `{"erased", "models_left"}`.

    Deletes the keys of the organization at once and then all its data. `name` must be the name of the organization.
    Models are erased in the background. Repeat the command until `erased` is true.
    """

    action: Literal["erase_organization"]
    organization_id: str
    name: str


type Command = CreateOrganization | IssueKey | ListKeys | RevokeKey | RotateKey | SpreadModel | EraseOrganization

COMMAND: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="action")])
