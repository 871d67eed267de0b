"""The tenants: organizations with keys and models of their own, what they must see at the end, a damaged model."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import batched
from types import TracebackType
from typing import Any, Final, Self

import httpx

from bench.load.bodies import MARKER, ROWS, Bodies
from bench.load.plan import Target
from bench.load.serving import LoadError, Served
from local.stack import invoke

AT_ONCE: Final = 6
PAGE: Final = 500
TRIES: Final = 5
SEED_RUN: Final = "seed"
DAMAGE: Final = b"nonsense"


@dataclass(frozen=True)
class Organization:
    """A tenant: its id, a key for people and programs that read and change, and one that only logs."""

    id: str
    admin: str
    ingest: str


@dataclass(frozen=True)
class Model:
    """A tenant's model and the number that its rows carry."""

    id: str
    number: int
    organization: Organization

    @property
    def target(self) -> Target:
        """Where its predictions go."""
        return Target(self.organization.ingest, self.id, self.number)


class Client:
    """The API, called as often as it takes: what is sent has an id, or makes nothing twice."""

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        limits = httpx.Limits(max_connections=AT_ONCE * 2)
        self._client = httpx.Client(base_url=url, timeout=60, limits=limits, trust_env=False, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def call(self, key: str, method: str, path: str, body: str | None = None) -> Any:
        """The body of a successful answer. Raises LoadError."""
        answer = self.answer(key, method, path, body)
        if not answer.is_success:
            raise LoadError(f"{method} {path} answered {answer.status_code}: {answer.text[:300]}")
        return answer.json()

    def answer(self, key: str, method: str, path: str, body: str | None = None) -> httpx.Response:
        """Whatever is answered."""
        headers = {"x-api-key": key, "content-type": "application/json"}
        for _try in range(TRIES - 1):
            answer = self._client.request(method, path, content=body, headers=headers)
            if answer.status_code < 500 and answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                return answer
        return self._client.request(method, path, content=body, headers=headers)

    def pages(self, key: str, path: str) -> Iterator[Any]:
        """All entries of a list."""
        following: str | None = f"{path}?limit={PAGE}"
        while following:
            answer = self.answer(key, "GET", following)
            if not answer.is_success:
                raise LoadError(f"GET {following} answered {answer.status_code}: {answer.text[:300]}")
            yield from answer.json()
            following = answer.links.get("next", {}).get("url")


def make_organizations(served: Served, count: int) -> list[Organization]:
    """Organizations with keys, as an operator makes them."""

    def call(**payload: str) -> dict[str, Any]:
        answer: dict[str, Any] = invoke(served.aws, "ManageOrganizationsFunction", payload)
        if "error" in answer:
            raise LoadError(f"no organization could be made: {answer['error']}")
        return answer

    made = []
    for number in range(count):
        name = f"Load {number:03d}"
        organization_id = call(action="create_organization", name=name)["organization_id"]
        keys = {
            role: call(action="issue_key", organization_id=organization_id, role=role)["api_key"]
            for role in ("admin", "ingest")
        }
        made.append(Organization(organization_id, **keys))
    return made


def make_models(
    client: Client, organizations: Sequence[Organization], count: int, run: str, say: Callable[[str], None]
) -> list[Model]:
    """Models dealt out to the organizations in turn, each with a baseline and a first batch of ROWS rows."""
    bodies = Bodies()

    def make(number: int) -> Model:
        organization = organizations[number % len(organizations)]
        named = json.dumps({"name": f"{run} model {number:04d}"})
        model_id = client.call(organization.admin, "POST", "/models", named)["id"]
        client.call(organization.admin, "PUT", f"/models/{model_id}/baseline", bodies.baseline(number))
        first = bodies.batch(f"{run}-{SEED_RUN}", number, model_id, number)
        client.call(organization.ingest, "POST", "/predictions/batch", first)
        return Model(model_id, number, organization)

    made: list[Model] = []
    for numbers in batched(range(count), 100, strict=False):
        made += side_by_side(make, numbers)
        say(f"  {len(made):,} of {count:,} models have a baseline and {ROWS} predictions")
    return made


def damage(served: Served, model: Model) -> int:
    """Make a model's baseline unreadable in the table, past the API; returns how many items that took."""
    dynamodb, table = served.aws.client("dynamodb"), served.aws.resources["BaselinesTable"]
    found = dynamodb.query(
        TableName=table,
        KeyConditionExpression="pk = :model AND begins_with(sk, :chunk)",
        ExpressionAttributeValues={":model": {"S": model.id}, ":chunk": {"S": "chunk#"}},
    )["Items"]
    for item in found:
        dynamodb.put_item(TableName=table, Item={**item, "data": {"B": DAMAGE}})
    if not found:
        raise LoadError("the model to be damaged has no baseline")
    return len(found)


@dataclass(frozen=True)
class Seen:
    """What the organizations found at the end. rows_counted: by the checks, of all models but the damaged one.
    rows_listed: read back one by one, of one model an organization. problems: whatever is not as it must be."""

    organizations: int
    models: int
    rows_counted: int
    rows_listed: int
    refused: int
    problems: Sequence[str]


def look(client: Client, models: Sequence[Model], rows: Mapping[str, int], damaged: Model) -> Seen:
    """Each organization lists its models, counts their rows, reads one model's rows, and tries another's model."""
    own: dict[Organization, list[Model]] = {}
    for model in models:
        own.setdefault(model.organization, []).append(model)
    organizations = list(own)

    def one(index: int) -> Seen:
        organization = organizations[index]
        stranger = own[organizations[(index + 1) % len(organizations)]][0] if len(organizations) > 1 else None
        return _look(client, own[organization], stranger, rows, damaged)

    seen = side_by_side(one, range(len(organizations)))
    return Seen(
        len(seen),
        sum(one.models for one in seen),
        sum(one.rows_counted for one in seen),
        sum(one.rows_listed for one in seen),
        sum(one.refused for one in seen),
        [problem for one in seen for problem in one.problems],
    )


def _look(
    client: Client, models: Sequence[Model], stranger: Model | None, rows: Mapping[str, int], damaged: Model
) -> Seen:
    organization = models[0].organization
    problems = []
    listed = {model["id"] for model in client.pages(organization.admin, "/models")}
    if listed != {model.id for model in models}:
        problems.append(f"{organization.id} sees {len(listed)} models, not its own {len(models)}")
    counted = 0
    for model in models:
        if model is damaged:
            continue
        answer = client.answer(organization.admin, "GET", f"/drift/models/{model.id}/report")
        rows_seen = answer.json()["n_window"] if answer.is_success else 0
        counted += rows_seen
        if rows_seen != rows[model.id]:
            problems.append(f"{model.id} counts {rows_seen} rows, not {rows[model.id]}")
    read = damaged if damaged in models else models[0]
    found, strange = _read_back(client.pages(organization.admin, f"/models/{read.id}/predictions"), read.number)
    if found != rows[read.id] or strange:
        problems.append(f"{read.id} lists {found} rows, not {rows[read.id]}, and {strange} of another model")
    refused = 0
    if stranger is not None:
        body = Bodies().single("stranger", 0, stranger.id, stranger.number)
        for key, method, path, content in (
            (organization.admin, "GET", f"/models/{stranger.id}", None),
            (organization.admin, "GET", f"/models/{stranger.id}/predictions", None),
            (organization.ingest, "POST", "/predictions", body),
        ):
            status = client.answer(key, method, path, content).status_code
            refused += status == httpx.codes.NOT_FOUND
            if status != httpx.codes.NOT_FOUND:
                problems.append(f"{organization.id} is answered {status} for {method} {path} of another's model")
    return Seen(1, len(listed), counted, found, refused, problems)


def _read_back(entries: Iterable[Any], number: int) -> tuple[int, int]:
    """How many different predictions there are, and how many of them carry another model's number."""
    markers = {entry["prediction_id"]: entry["features"][MARKER] for entry in entries}
    return len(markers), sum(marker != number for marker in markers.values())


def side_by_side[A, B](work: Callable[[A], B], things: Iterable[A], at_once: int = AT_ONCE) -> list[B]:
    """The results of `work` in order; several at once."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(work, things))
