"""The API as API Gateway would serve it: each test fails without its change in local/patches/gateway.py."""

import base64
import gzip
import zlib
from collections.abc import Callable

import pytest

from tests.local.launched import Launched

pytestmark = pytest.mark.stack


def test_a_method_for_any_verb_is_served(small: Launched) -> None:
    """A path declared for ANY answers every verb."""
    statuses = {verb: small.http(verb, "/any/thing").status_code for verb in ("GET", "PUT", "PATCH")}
    assert statuses == {"GET": 200, "PUT": 200, "PATCH": 200}


def test_a_preflight_needs_no_key_and_carries_the_headers_of_the_template(small: Launched) -> None:
    """The mock integration behind CORS answers with what the template says."""
    answer = small.http("OPTIONS", "/any/thing", headers={"origin": "https://example.com"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-headers"] == "X-Api-Key"
    assert answer.headers["access-control-max-age"] == "60"


def test_the_gateways_own_refusals_have_the_templates_shape(small: Launched) -> None:
    """GatewayResponses of the template decide status and body of what no function answers."""
    unknown, keyless = small.http("GET", "/nowhere"), small.http("GET", "/any/thing", headers={})
    assert (unknown.status_code, unknown.json()) == (404, {"missing": True})
    assert (keyless.status_code, keyless.json()) == (403, {"refused": "Forbidden"})


def test_a_body_over_ten_megabytes_is_refused(small: Launched) -> None:
    """API Gateway takes 10 MB."""
    answer = small.http("POST", "/any/thing", content=b"x" * 10_000_001)
    assert (answer.status_code, answer.json()) == (413, {"refused": "Request Too Long"})


def test_a_function_that_answers_badly_or_fails_is_a_502(small: Launched) -> None:
    """A malformed answer, an exception and a dead process look alike from outside, in the template's shape."""
    answers = [small.http("GET", f"/any/{path}") for path in ("malformed", "raises", "exits")]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(502, {"broken": True})] * 3


def test_a_slow_function_is_given_up_and_runs_on(small: Launched) -> None:
    """The gateway waits 29 seconds (two in this test) and then answers by itself."""
    answer = small.http("GET", "/any/sleeps/3")
    assert (answer.status_code, answer.json()) == (504, {"broken": True})


def test_an_event_is_the_gateways(small: Launched) -> None:
    """Names of headers, repeated parameters and the key's id arrive as AWS sends them, and no version is named."""
    event = small.http(
        "GET", "/any/thing?a=1&a=2&b=%20", headers={"x-api-key": small.key, "x-request-one": "1"}
    ).json()["event"]
    assert event["headers"]["X-Request-One"] == "1"
    assert event["multiValueHeaders"]["X-Request-One"] == ["1"]
    assert event["headers"]["X-Forwarded-Proto"] == "https"
    assert event["queryStringParameters"] == {"a": "2", "b": " "}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"], "b": [" "]}
    assert event["requestContext"]["identity"]["apiKeyId"]
    assert event["requestContext"]["domainName"].endswith(".amazonaws.com")
    assert "version" not in event


def test_an_event_of_an_open_route_names_no_key(small: Launched) -> None:
    """A key that is not asked for is not looked at."""
    identity = small.http("GET", "/open").json()["event"]["requestContext"]["identity"]
    assert "apiKeyId" not in identity


def test_a_binary_body_arrives_encoded(small: Launched) -> None:
    """The media type that SAM writes as image~1png is image/png."""
    headers = {"x-api-key": small.key, "content-type": "image/png"}
    event = small.http("POST", "/any/thing", content=b"\x89PNG\xff", headers=headers).json()["event"]
    assert event["isBase64Encoded"]
    assert base64.b64decode(event["body"]) == b"\x89PNG\xff"


@pytest.mark.parametrize(
    ("coding", "compress"), [("gzip", gzip.compress), ("GZIP", gzip.compress), ("deflate", zlib.compress)]
)
def test_a_compressed_body_arrives_inflated(small: Launched, coding: str, compress: Callable[[bytes], bytes]) -> None:
    """The gateway inflates what the header declares, so a function sees text."""
    headers = {"x-api-key": small.key, "content-type": "application/json", "content-encoding": coding}
    sent = '{"city": "Łódź"}'
    event = small.http("POST", "/any/thing", content=compress(sent.encode()), headers=headers).json()["event"]
    assert (event["body"], event["isBase64Encoded"]) == (sent, False)


@pytest.mark.parametrize(
    ("coding", "content"),
    [
        ("br", b"{}"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"{}"))),
        ("gzip", b"{}"),
        ("gzip", gzip.compress(b"{}")[:-1]),
        ("gzip", gzip.compress(b"{}") + b"more"),
        ("deflate", b"{}"),
    ],
)
def test_a_body_that_cannot_be_inflated_is_refused(small: Launched, coding: str, content: bytes) -> None:
    """Another coding, and bytes that are not what the header says, are 415 from the gateway itself."""
    answer = small.http(
        "POST", "/any/thing", content=content, headers={"x-api-key": small.key, "content-encoding": coding}
    )
    assert (answer.status_code, answer.json()) == (415, {"refused": "Unsupported Media Type"})


def test_a_body_that_inflates_beyond_ten_megabytes_is_refused(small: Launched) -> None:
    """The limit holds for the inflated body too, and inflating stops there."""
    headers = {"x-api-key": small.key, "content-encoding": "gzip"}
    answer = small.http("POST", "/any/thing", content=gzip.compress(bytes(200_000_000), 1), headers=headers)
    assert (answer.status_code, answer.json()) == (413, {"refused": "Request Too Long"})


def test_a_header_without_a_body_is_no_error(small: Launched) -> None:
    """A request without a body has nothing to inflate."""
    answer = small.http("GET", "/any/thing", headers={"x-api-key": small.key, "content-encoding": "gzip"})
    assert answer.status_code == 200


def test_a_disabled_key_is_refused(small: Launched) -> None:
    """A key switched off through the AWS API stops to work at once."""
    gateway = small.aws("apigateway")
    key = gateway.create_api_key(name="short-lived", enabled=True)
    gateway.create_usage_plan_key(usagePlanId=small.resources["UsagePlan"], keyId=key["id"], keyType="API_KEY")
    headers = {"x-api-key": key["value"]}
    assert small.http("GET", "/any/thing", headers=headers).status_code == 200
    gateway.update_api_key(apiKey=key["id"], patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}])
    assert small.http("GET", "/any/thing", headers=headers).status_code == 403
    assert gateway.get_api_key(apiKey=key["id"])["enabled"] is False
