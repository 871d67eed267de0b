"""What the driver and locust tell each other, as JSON. Only the standard library in here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Self

VARIABLE: Final = "DRIFTGUARD_LOAD_PLAN"

type Kind = Literal["preflight", "health", "single", "batch"]

ROUTES: Final[Mapping[Kind, tuple[str, str]]] = {
    "preflight": ("OPTIONS", "/predictions/batch"),
    "health": ("GET", "/health"),
    "single": ("POST", "/predictions"),
    "batch": ("POST", "/predictions/batch"),
}


class Target(NamedTuple):
    """A model to log to: the key that may, its id, its number."""

    api_key: str
    model_id: str
    number: int


@dataclass(frozen=True)
class Plan:
    """What locust is to send. run: what its ids begin with. requests: how many at the most. most_a_second: of all users
    together, below what the gateway takes before it throttles."""

    url: str
    kind: Kind
    run: str
    users: int
    most_a_second: int
    targets: Sequence[Target]
    requests: int
    answer: str

    def write(self, path: Path) -> None:
        """Store it."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """What was stored."""
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**content, "targets": [Target(*target) for target in content["targets"]]})


@dataclass
class Ledger:
    """What came of it. Times in milliseconds.

    accepted: rows by model that were answered 202, each request once however often it was sent. unanswered: numbers of
    requests that no try brought an answer for. repeated: requests sent a second time on purpose. errors: how many
    answers of each kind were no success; each was tried again.
    """

    seconds: float = 0.0
    requests: int = 0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    repeated: int = 0
    differed: int = 0
    accepted: dict[str, int] = field(default_factory=dict)
    unanswered: list[int] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Store it."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """What was stored."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))
