"""The caller of a request: the organization and role of an API key, and what the role allows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from driftguard.organizations.tables import ApiKeys, Role
from driftguard.platform.errors import Forbidden
from driftguard.platform.times import iso, parse

NO_KEY = "Send a valid API key in the header x-api-key."


INGEST = (
    "/predictions",
    "/predictions/batch",
    "/labels",
    "/models/{model_id}/labels",
    "/models/{model_id}/labels/uploads",
)
"""The resources that a key with the role `ingest` may post to."""


@dataclass(frozen=True)
class Caller:
    """The owner and the role of the key in a request."""

    organization_id: str
    organization_name: str
    role: Role
    key_id: str
    key_name: str
    """The actor of what the request changes."""
    ends_at: datetime | None = None


def allowed(role: Role, method: str, resource: str) -> bool:
    """Whether a role allows a method on a resource.

    `ingest` logs predictions and labels, `viewer` reads all but `/activity`, `admin` may do everything. Every key may
    read `/me`, which describes the key itself.
    """
    if role == "admin" or resource == "/me":
        return True
    if role == "ingest":
        return method == "POST" and resource in INGEST
    return method == "GET" and resource != "/activity"


def identify(event: dict[str, Any], now: datetime) -> Caller:
    """Return the caller of a request. Raises Forbidden if the key is unknown, revoked or expired."""
    key_id = event.get("requestContext", {}).get("identity", {}).get("apiKeyId") or ""
    key = ApiKeys.of(key_id) if key_id else None
    if key is None or key.revoked_at:
        raise Forbidden(NO_KEY, message="Forbidden")  # the same texts as from API Gateway for a missing key
    ends_at = parse(key.ends_at) if key.ends_at else None
    if ends_at is not None and now >= ends_at:
        raise Forbidden(f"This API key expired at {iso(ends_at)}. Ask the operator of DriftGuard for a new key.")
    return Caller(key.organization_id, key.organization_name, key.role, key_id, key.name or key_id, ends_at)
