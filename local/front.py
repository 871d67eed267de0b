"""The two ends of the stack as one ASGI application: the API with `/_local/…` beside it, and AWS's services.

On AWS the API's address carries the stage; locally it does not, so requests go to the stage by name. They are handed to
MiniStack's gateway directly, not through its routing by path and host, which would take some paths for other services'.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from ministack.app import app as ministack
from ministack.services import apigateway_v1

from local.outbox import Outbox

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type Headers = Mapping[str, str | list[str]]

BODY_LIMIT = 12_000_000
STAGE = "v1"


class Front:
    """Dispatches by the port that was called; `api_id` and `schedule` are set once the stack is deployed."""

    def __init__(self, port: int, outbox: Outbox) -> None:
        self._port = port
        self._outbox = outbox
        self.api_id: str | None = None
        self.schedule: Callable[[], dict[str, Any]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's entry."""
        if scope["type"] != "http":
            await ministack(scope, receive, send)
        elif scope["server"][1] != self._port:
            await self._aws(scope, receive, send)
        elif scope["path"].startswith("/_local/"):
            await self._local(scope, receive, send)
        else:
            await self._api(scope, receive, send)

    async def _api(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.api_id is None:
            await _answer(send, 503, {"retry-after": "1"}, b'{"message": "The stack is starting"}')
            return
        body = await _read(receive)
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        status, answer_headers, answer = await apigateway_v1.handle_execute(
            self.api_id, STAGE, scope["method"], scope["path"], headers, body, query
        )
        await _answer(send, status, answer_headers, answer, head=scope["method"] == "HEAD")

    async def _local(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        match scope["method"], scope["path"]:
            case "GET", "/_local/outbox":
                await _json(send, 200, await asyncio.to_thread(self._outbox.newest_first))
            case _, "/_local/outgoing":
                headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
                await asyncio.to_thread(self._outbox.add_request, headers, body)
                await _answer(send, 200, {"content-type": "text/plain"}, b"ok")
            case "POST", "/_local/schedule" if self.schedule:
                result = await asyncio.to_thread(self.schedule)
                await _json(send, 200 if result["ended"] else 504, result)
            case _:
                await _json(send, 404, {"message": "Not Found"})

    async def _aws(self, scope: Scope, receive: Receive, send: Send) -> None:
        # AWS's own ends speak TLS, and policies that deny whatever does not are meant for those.
        scope["headers"] = [*scope["headers"], (b"x-forwarded-proto", b"https")]
        if (scope["method"], scope["path"]) != ("POST", "/v2/email/outbound-emails"):
            await ministack(scope, receive, send)
            return
        body = await _read(receive)
        status = 0

        async def replay() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def note(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)
            if message["type"] == "http.response.body" and not message.get("more_body") and status == 200:
                # Before SES answers: whoever sees the call done finds the mail.
                await asyncio.to_thread(self._outbox.add_email, json.loads(body))
            await send(message)

        await ministack(scope, replay, note)


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if (
            len(body) <= BODY_LIMIT
        ):  # the rest is read, as a client that still sends would not hear the refusal, but not kept
            body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def _json(send: Send, status: int, content: Any) -> None:
    await _answer(send, status, {"content-type": "application/json"}, json.dumps(content, ensure_ascii=False).encode())


async def _answer(send: Send, status: int, headers: Headers, body: bytes | str, *, head: bool = False) -> None:
    content = body.encode() if isinstance(body, str) else body
    lines = [
        (name.lower().encode("latin-1"), str(value).encode("latin-1", "replace"))
        for name, values in headers.items()
        if name.lower() != "content-length"
        for value in (values if isinstance(values, list) else [values])
    ]
    lines.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": b"" if head else content})
