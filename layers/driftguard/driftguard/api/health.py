"""The health of the service, and the owner of a key."""

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, Field

from driftguard.platform.observability import logger
from driftguard.platform.times import UtcTime


class Health(BaseModel):
    """The health of the service. `checks` has the state of each dependency."""

    status: Literal["ok", "down"]
    version: str
    checks: dict[str, Literal["ok", "down"]]


class Organization(BaseModel):
    """The organization that owns the key."""

    id: str
    name: str


class Me(BaseModel):
    """The organization and the role of the API key, and when it expires."""

    organization: Organization
    role: str
    expires_at: UtcTime | None = Field(description="From this time on the key is refused. Null: it does not expire.")


def health(version: str, probe: Callable[[], object]) -> Health:
    """Return the health of the service. `probe` reads from the database and raises if that fails."""
    try:
        probe()
    except Exception:  # noqa: BLE001  any error means that the database does not respond
        logger.exception("the database does not respond")
        return Health(status="down", version=version, checks={"database": "down"})
    return Health(status="ok", version=version, checks={"database": "ok"})
