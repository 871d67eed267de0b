"""Who calls: the organization and role behind an API key, and what the role allows."""

from dataclasses import dataclass
from typing import Any

from driftguard.organizations.tables import ApiKeys, Role
from driftguard.platform.errors import (
    Forbidden,
)


@dataclass(frozen=True)
class Caller:
    """Whose key came with the request, and what it may do."""

    organization_id: str
    organization_name: str
    role: Role
    key_id: str


def allowed(role: Role, method: str, resource: str) -> bool:
    """The contract's rule of roles: `ingest` logs predictions, `viewer` reads, `admin` does everything; `/me` is open
    to each key, for it tells only what the key itself is."""
    if role == "admin" or resource == "/me":
        return True
    if role == "ingest":
        return method == "POST" and resource in ("/predictions", "/predictions/batch")
    return method == "GET"


def identify(event: dict[str, Any]) -> Caller:
    """The caller behind an event's API key. Raises Forbidden when the key belongs to nobody or is revoked."""
    key_id = event.get("requestContext", {}).get("identity", {}).get("apiKeyId") or ""
    key = ApiKeys.of(key_id) if key_id else None
    if key is None or key.revoked_at:
        raise Forbidden("Forbidden")
    return Caller(key.organization_id, key.organization_name, key.role, key_id)
