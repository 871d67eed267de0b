"""A stand-in for API Gateway. It routes requests by the template and calls the functions' real handlers.

API keys are not checked. A request names the key's id, which the real gateway would look up.
"""

import base64
import importlib.util
import json
import re
import uuid
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from driftguard.platform.environment import Environment
from sandbox import stack
from sandbox.roles import under_role

ROOT = Path(__file__).parents[1]


@dataclass
class LambdaContext:
    """The context that Lambda passes to a handler."""

    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:function"
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"
    seconds_left: float = 60.0

    def get_remaining_time_in_millis(self) -> int:
        """Return `seconds_left`. The clock does not run."""
        return int(self.seconds_left * 1000)


@dataclass
class Answer:
    """The response that a client would receive."""

    status: int
    headers: dict[str, str]
    text: str
    body: Any = field(default=None)

    @property
    def next_path(self) -> str | None:
        """The path and query of the next page, or None on the last page."""
        match = re.fullmatch(r'<https://drift\.example\.com([^>]+)>; rel="next"', self.headers.get("link", ""))
        return match[1] if match else None


@cache
def function(name: str) -> ModuleType:
    """Load functions/<name>/app.py. The module is loaded once."""
    path = ROOT / "functions" / name / "app.py"
    spec = importlib.util.spec_from_file_location(f"functions.{name}.app", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def routes() -> list[tuple[str, str, re.Pattern[str], str]]:
    """Return method, resource, pattern and function of each route. Routes with fewer variables come first."""
    found = []
    for resource in stack.source()["Resources"].values():
        for event in resource.get("Properties", {}).get("Events", {}).values():
            if event["Type"] != "Api":
                continue
            path = event["Properties"]["Path"]
            one = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path))
            pattern = re.compile(re.sub(r"\\\{(\w+)\\\+\\\}", r"(?P<\1>.+)", one))
            code = resource["Properties"]["CodeUri"].removeprefix("functions/")
            found.append((event["Properties"]["Method"].upper(), path, pattern, code))
    return sorted(found, key=lambda route: route[1].count("{"))


class Gateway:
    """Sends requests to the functions' handlers. Each handler runs under its own role."""

    def __init__(self) -> None:
        self.settings = Environment()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key_id: str | None = None,
        headers: dict[str, str] | None = None,
        raw: str | bytes | None = None,
        binary: bool = False,
    ) -> Answer:
        """Send one request. `body` is sent as JSON, `raw` unchanged. An unknown route raises LookupError.

        binary: hand the body to the function as base64, as API Gateway does for binary media types. Otherwise bytes
        that are not UTF-8 are replaced, as in API Gateway.
        """
        parts = urlsplit(path)
        method_routes = [route for route in routes() if route[0] == method]
        matches = ((route, route[2].fullmatch(parts.path)) for route in method_routes)
        route, match = next(((route, match) for route, match in matches if match), (None, None))
        if route is None or match is None:
            raise LookupError(f"the template has no {method} {parts.path}")
        _method, resource, _pattern, name = route
        query: dict[str, list[str]] = {}
        for key, value in parse_qsl(parts.query, keep_blank_values=True):
            query.setdefault(key, []).append(value)
        content = raw if raw is not None else None if body is None else json.dumps(body)
        sent_bytes = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        sent = {"Content-Type": "application/json", **(headers or {})}
        identity = {"sourceIp": "127.0.0.1", **({"apiKeyId": key_id} if key_id else {})}
        event = {
            "resource": resource,
            "path": parts.path,
            "httpMethod": method,
            "headers": sent,
            "multiValueHeaders": {header: [value] for header, value in sent.items()},
            "queryStringParameters": {key: values[-1] for key, values in query.items()} or None,
            "multiValueQueryStringParameters": query or None,
            "pathParameters": {key: unquote(value) for key, value in match.groupdict().items()} or None,
            "stageVariables": None,
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "stage": "v1",
                "path": f"/v1{parts.path}",
                "resourcePath": resource,
                "httpMethod": method,
                "domainName": "abc.execute-api.eu-west-1.amazonaws.com",
                "identity": identity,
            },
            "body": None if sent_bytes is None else _as_text(sent_bytes, binary=binary),
            "isBase64Encoded": binary,
        }
        with under_role(name):
            answer = function(name).handler(event, LambdaContext())
        shown = {header.lower(): values[0] for header, values in (answer.get("multiValueHeaders") or {}).items()}
        text = answer.get("body") or ""
        is_json = "json" in shown.get("content-type", "")
        return Answer(answer["statusCode"], shown, text, json.loads(text) if text and is_json else None)


def _as_text(body: bytes, *, binary: bool) -> str:
    """Return the body as the event of a proxy integration holds it."""
    return base64.b64encode(body).decode() if binary else body.decode(errors="replace")
