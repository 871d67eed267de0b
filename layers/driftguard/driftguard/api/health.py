"""How the stack itself is: its health, its schedule, and whose key this is."""

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel

from driftguard.platform.observability import logger


class Health(BaseModel):
    """`checks` names each dependency and how it is."""

    status: Literal["ok", "down"]
    version: str
    checks: dict[str, Literal["ok", "down"]]


class Organization(BaseModel):
    """Whose key this is."""

    id: str
    name: str


class Me(BaseModel):
    """What the caller's key is."""

    organization: Organization
    role: str


def health(version: str, probe: Callable[[], object]) -> Health:
    """Whether the database answers: `probe` reads something and raises when it cannot."""
    try:
        probe()
    except Exception:  # noqa: BLE001  whatever it is, it means that the database does not answer
        logger.exception("the database does not answer")
        return Health(status="down", version=version, checks={"database": "down"})
    return Health(status="ok", version=version, checks={"database": "ok"})
