"""A client of the HTTP API that says in one sentence what went wrong."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, Self

import httpx

from driftguard_client import DriftGuard

type Role = Literal["admin", "ingest", "viewer"]

TIMEOUT: Final = httpx.Timeout(60, connect=5)
SCHEDULE_TIMEOUT: Final = httpx.Timeout(300, connect=5)
SHOWN: Final = 300


class DemoError(Exception):
    """The story cannot go on; the message is for the person who watches."""


class RefusedError(DemoError):
    """The API answered something else than success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """The API at `url`, called with the key of the role that fits."""

    def __init__(self, url: str, keys: Mapping[Role, str], *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self._keys = keys
        self._client = httpx.Client(timeout=TIMEOUT, transport=transport, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str) -> Any:
        """What is at `path`, read with the viewer's key."""
        return self._call("viewer", "GET", path).json()

    def find(self, path: str) -> Any | None:
        """What is at `path`, None when there is nothing."""
        try:
            return self.get(path)
        except RefusedError as refusal:
            if refusal.status == httpx.codes.NOT_FOUND:
                return None
            raise

    def every(self, path: str) -> Iterator[Any]:
        """All entries of a list, page by page."""
        following: str | None = path
        while following:
            answer = self._call("viewer", "GET", following)
            yield from answer.json()
            following = answer.links.get("next", {}).get("url")

    def post(self, path: str, body: Any) -> Any:
        """Make something, with the admin's key."""
        return self._call("admin", "POST", path, _json(body)).json()

    def client(self, role: Role) -> DriftGuard:
        """DriftGuard's own client with the key of this role, as a user's program has it."""
        return DriftGuard(self.url, self._keys[role], strict=True)

    def serves_page(self, path: str) -> bool:
        """Whether there is a page at `path` that opens without a key."""
        try:
            content_type: str = self._call(None, "GET", path).headers.get("content-type", "")
        except RefusedError:
            return False
        return content_type.startswith("text/html")

    def fire_schedule(self) -> Any:
        """Send the 15-minute rule's own event now; returns when all that followed has ended."""
        try:
            return self._call(None, "POST", "/_local/schedule", timeout=SCHEDULE_TIMEOUT).json()
        except RefusedError as refusal:
            if refusal.status in (httpx.codes.NOT_FOUND, httpx.codes.FORBIDDEN):
                raise DemoError(f"{self.url} is no local stack: only there can the schedule be fired by hand") from None
            raise

    def outbox(self) -> list[dict[str, Any]]:
        """What was sent, newest first."""
        sent: list[dict[str, Any]] = self._call(None, "GET", "/_local/outbox").json()
        return sent

    def _call(
        self, role: Role | None, method: str, path: str, body: bytes | None = None, timeout: httpx.Timeout = TIMEOUT
    ) -> httpx.Response:
        headers = {"x-api-key": self._keys[role]} if role else {}
        if body is not None:
            headers["content-type"] = "application/json"
        address = path if path.startswith("http") else f"{self.url}{path}"
        try:
            answer = self._client.request(method, address, content=body, headers=headers, timeout=timeout)
        except httpx.ConnectError as error:
            raise DemoError(
                f"nothing answers at {self.url}: is the stack running? (`make local` starts one)"
            ) from error
        except httpx.TimeoutException as error:
            raise DemoError(f"{method} {path} took longer than {timeout.read:.0f} s") from error
        except httpx.HTTPError as error:
            raise DemoError(f"{method} {path} broke off: {type(error).__name__} {error}") from error
        if not answer.is_success:
            raise RefusedError(answer.status_code, f"{method} {path} answered {answer.status_code}: {_reason(answer)}")
        return answer


def _json(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode()


def _reason(answer: httpx.Response) -> str:
    try:
        content = answer.json()
    except ValueError:
        return answer.text[:SHOWN] or "(no body)"
    if not isinstance(content, dict):
        return answer.text[:SHOWN]
    places = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in content.get("errors") or []]
    return "; ".join([str(content.get("message") or content), *places])[:SHOWN]
