"""What the operator of the stack can ask for: organizations and their keys."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from driftguard.platform.serialization import Name, Wire

KeyRole = Literal["ingest", "viewer", "admin"]


class CreateOrganization(Wire):
    """`{"action": "create_organization", "name": "Acme"}` → `{"organization_id", "name"}`."""

    action: Literal["create_organization"]
    name: Name


class IssueKey(Wire):
    """`{"action": "issue_key", "organization_id", "role", "name"?}` → `{"api_key_id", "api_key", "role"}`; the key's
    value is in this answer and nowhere else."""

    action: Literal["issue_key"]
    organization_id: str
    role: KeyRole
    name: Name = "key"


class ListKeys(Wire):
    """`{"action": "list_keys", "organization_id"}` → `{"keys": [{"api_key_id", "role", "name", …}]}`."""

    action: Literal["list_keys"]
    organization_id: str


class RevokeKey(Wire):
    """`{"action": "revoke_key", "organization_id", "api_key_id"}` → `{"revoked": true}`."""

    action: Literal["revoke_key"]
    organization_id: str
    api_key_id: str


class SpreadModel(Wire):
    """`{"action": "spread_model", "organization_id", "model_id", "partitions"}` → `{"partitions"}`: spreads a model's
    new predictions over more partitions, each good for about 1,000 write units a second and 10 GB; never over fewer."""

    action: Literal["spread_model"]
    organization_id: str
    model_id: str
    partitions: Annotated[int, Field(ge=2, le=256, strict=True)]


class EraseOrganization(Wire):
    """`{"action": "erase_organization", "organization_id", "name"}` → `{"erased", "models_left"}`: takes away its keys
    at once and erases all it has, for good; `name` must be the organization's. To be repeated until `erased` is true:
    models are erased in the background, and the organization itself goes last."""

    action: Literal["erase_organization"]
    organization_id: str
    name: str


type Command = CreateOrganization | IssueKey | ListKeys | RevokeKey | SpreadModel | EraseOrganization

COMMAND: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="action")])
