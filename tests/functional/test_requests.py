"""What holds for the requests of every route: bodies, encodings, media types, ids, headers of every answer."""

import base64
import gzip
import json
from itertools import product
from typing import Any

import pytest

from driftguard.api.bodies import normalize
from driftguard.platform.errors import BadRequest
from sandbox.gateway import Answer, routes
from tests.functional.conftest import Stack

HEADERS = {"access-control-allow-origin", "access-control-expose-headers", "x-request-id"}
WITH_BODY = sorted((method, path) for method, path, _, _ in routes() if method in ("POST", "PUT", "PATCH"))
BODY_FREE = {
    ("POST", "/drift/models/{model_id}/check"),
    ("POST", "/models/{model_id}/baselines/{version}/restore"),
    ("POST", "/alert-channels/{channel_id}/test"),
}
"""These routes read no body."""
TAKES_BODY = [route for route in WITH_BODY if route not in BODY_FREE]
WITH_ID = sorted((method, path) for method, path, _, _ in routes() if "{" in path and "proxy" not in path)


@pytest.fixture
def model(deployed: Stack) -> str:
    """The id of a model of `acme`."""
    created: str = deployed.call("POST", "/models", {"name": "churn"}).body["id"]
    return created


def filled(path: str, value: str = "none") -> str:
    """The path of a route with `value` in place of each id."""
    return "/".join(value if part.startswith("{") else part for part in path.split("/"))


def detail(answer: Answer) -> str:
    """The sentence of an error, whose headers are checked on the way."""
    assert answer.headers.keys() >= HEADERS
    assert answer.headers["access-control-allow-origin"] == "*"
    text: str = answer.body["detail"]
    return text


WRONG_BODIES: list[tuple[Any, str]] = [
    ([{"name": "a"}, {"name": "b"}], "an array"),
    ([{}], "an array"),
    ([], "an array"),
    ([[{"name": "a"}]], "an array"),
    ("text", "a string"),
    (7, "a number"),
    (7.5, "a number"),
    (False, "a boolean"),
]


def test_a_body_of_the_wrong_type_is_refused(deployed: Stack) -> None:
    """JSON other than an object is 422 on every route and names what was sent."""
    for (method, path), (body, kind) in product(TAKES_BODY, WRONG_BODIES):
        answer = deployed.call(method, filled(path), body)
        assert (answer.status, answer.body["errors"][0]["loc"]) == (422, ["body"])
        assert f"must be a JSON object, not {kind}" in detail(answer)


def test_an_array_stores_nothing(deployed: Stack, model: str) -> None:
    """Several predictions in an array are refused together, and none of them is stored."""
    one = {"model_id": model, "features": {"x": 1}}
    assert deployed.call("POST", "/predictions", [one, one, one]).status == 422
    assert deployed.call("GET", f"/models/{model}/predictions").body == []


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        ('{"name": "München"}'.encode("latin-1"), 400, "not UTF-8"),
        ('{"name": "Müller €"}'.encode("cp1252"), 400, "not UTF-8"),
        ('{"name": "Łódź"}'.encode("utf-16"), 400, "UTF-16"),
        ('{"name": "Lodz"}'.encode("utf-16-le"), 400, "UTF-16"),
        ('{"name": "Lodz"}'.encode("utf-16-be"), 400, "UTF-16"),
        (b'{"name": "\xed\xa0\x80"}', 400, "not UTF-8"),
        (b'{"name": "\xc0\x80"}', 400, "not UTF-8"),
        (b"\xef\xbb\xbf" + b'{"name": "a"}', 201, ""),
        ('{"name": "Łódź 🙂"}'.encode(), 201, ""),
        (rb'{"name": "\ufffd"}', 201, ""),
    ],
)
@pytest.mark.parametrize("binary", [False, True])
def test_bytes_that_are_not_utf_8_are_refused(
    deployed: Stack, sent: bytes, status: int, words: str, binary: bool
) -> None:
    """A body in another encoding is 400 and names the encoding, whether it arrives as text or as base64."""
    answer = deployed.call("POST", "/models", raw=sent, binary=binary)
    assert answer.status == status
    if status == 201:
        assert answer.body["name"] == json.loads(sent.decode("utf-8-sig"))["name"]
    else:
        assert words in detail(answer)


def test_gzip_that_is_not_declared_names_the_header(deployed: Stack) -> None:
    """Where API Gateway hands gzip on as text, its bytes are lost: 415 says which header to send."""
    answer = deployed.call("POST", "/models", raw=gzip.compress(b'{"name": "a"}'))
    assert answer.status == 415
    assert "Send the header Content-Encoding: gzip" in detail(answer)


@pytest.mark.parametrize("headers", [{}, {"content-encoding": "gzip"}, {"content-encoding": "GZIP"}])
def test_gzip_that_arrives_as_bytes_is_inflated(deployed: Stack, headers: dict[str, str]) -> None:
    """A body in base64 is inflated if it begins like gzip, with or without the header."""
    sent = gzip.compress('{"name": "Łódź"}'.encode())
    answer = deployed.call("POST", "/models", raw=sent, binary=True, headers=headers)
    assert (answer.status, answer.body["name"]) == (201, "Łódź")


def test_a_body_that_the_gateway_inflated_is_read(deployed: Stack) -> None:
    """Plain text is read although the headers still say that it was compressed."""
    answer = deployed.call("POST", "/models", {"name": "a"}, headers={"content-encoding": "gzip"})
    assert answer.status == 201


@pytest.mark.parametrize(
    ("sent", "status", "words"),
    [
        (gzip.compress(b'{"name": "a"}')[:-1], 400, "ends too early"),
        (gzip.compress(b'{"name": "a"}')[:12], 400, "ends too early"),
        (b"\x1f\x8b", 400, "ends too early"),
        (b"\x1f\x8b" + b"{}" * 20, 400, "not valid gzip"),
        (gzip.compress(b'{"name": "a"}')[:-8] + bytes(8), 400, "not valid gzip"),
        (gzip.compress(b'{"name": "a"}') + b" ", 400, "behind the end of its gzip"),
        (gzip.compress(b"\xff{}"), 400, "not UTF-8"),
        (gzip.compress(gzip.compress(b'{"name": "a"}')), 400, "not UTF-8"),
        (gzip.compress(b'{"name": "a"}' + b" " * 3_999_988), 413, "larger than 4,000,000 bytes"),
        (gzip.compress(bytes(50_000_000)), 413, "larger than 4,000,000 bytes"),
    ],
)
def test_gzip_that_cannot_be_taken_is_refused(deployed: Stack, sent: bytes, status: int, words: str) -> None:
    """Damaged gzip is 400 with the reason, and a body that inflates to more than the limit is 413."""
    answer = deployed.call("POST", "/models", raw=sent, binary=True)
    assert answer.status == status
    assert words in detail(answer)


def test_a_gzip_body_of_the_largest_size_is_read(deployed: Stack) -> None:
    """4,000,000 bytes are taken, however they were sent."""
    sent = gzip.compress(b'{"name": "a"}' + b" " * 3_999_987)
    assert deployed.call("POST", "/models", raw=sent, binary=True).status == 201


def test_a_replacement_character_that_arrives_as_bytes_is_kept(deployed: Stack) -> None:
    """In a body that arrives as base64, U+FFFD is a character like any other."""
    answer = deployed.call("POST", "/models", raw='{"name": "\ufffd"}', binary=True)
    assert (answer.status, answer.body["name"]) == (201, "\ufffd")


@pytest.mark.parametrize("name", ["br", "zstd", "deflate"])
def test_a_compressed_body_is_named(deployed: Stack, name: str) -> None:
    """A body that no text can be read from is 415 if its headers say that it is compressed."""
    answer = deployed.call("POST", "/models", raw=b"\x8b\x0b\x80{}\x03", headers={"content-encoding": name})
    assert answer.status == 415
    assert name in detail(answer)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("Application/JSON", 201),
        ("APPLICATION/JSON; Charset=UTF-8", 201),
        ('application/json;charset="utf-8"', 201),
        ("application/ld+json", 201),
        ("application/vnd.acme.v1+JSON; charset=utf-8", 201),
        ("", 201),
        ("text/json", 415),
        ("application/jsonl", 415),
        ("application/+json", 415),
        ("application/json, text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/json; charset=iso-8859-1", 400),
        ("application/json; charset='utf-16'", 400),
    ],
)
def test_media_types(deployed: Stack, content_type: str, status: int) -> None:
    """JSON is taken under every spelling of its media types and refused under others."""
    answer = deployed.call("POST", "/models", {"name": "a"}, headers={"Content-Type": content_type})
    assert answer.status == status
    assert answer.headers.keys() >= HEADERS


def test_an_absent_body_may_have_any_media_type(deployed: Stack) -> None:
    """Clients declare a media type even where they send no body."""
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = deployed.call("POST", "/drift/alerts/none/resolve", headers={"content-type": content_type})
        assert answer.status == 404


@pytest.mark.parametrize("binary", [False, True])
def test_too_large_a_body_names_the_way_out(deployed: Stack, binary: bool) -> None:
    """A byte more than 4,000,000 is 413, which names smaller batches and uploads."""
    body = json.dumps({"name": "é"}, ensure_ascii=False)
    padding = 4_000_000 - len(body.encode())
    assert deployed.call("POST", "/models", raw=body + " " * padding, binary=binary).status == 201
    answer = deployed.call("POST", "/models", raw=body + " " * (padding + 1), binary=binary)
    assert answer.status == 413
    assert "smaller batches" in detail(answer)
    assert "/baseline/uploads" in detail(answer)


def test_what_is_not_base64_is_refused(deployed: Stack) -> None:
    """A body that is marked as base64 and is something else is 400."""
    for body in ("{}", "é", "a==="):
        with pytest.raises(BadRequest):
            normalize({"body": body, "isBase64Encoded": True, "headers": None})
    event = normalize({"body": base64.b64encode(b"{}").decode(), "isBase64Encoded": True, "headers": None})
    assert (event["body"], event["isBase64Encoded"]) == ("{}", False)


IDS = [
    "x" * 129,
    "x" * 2_100,
    "😀" * 128,
    "%F0%9F%98%80" * 128,
    "%00",
    "%0A",
    "%2e%2e",
    "..",
    "~",
    "a%23b",
    "#",
    "%",
    "%ED%A0%80",
    "-1",
    "9" * 128,
    "0",
]


def test_an_impossible_id_is_an_error_of_the_client(deployed: Stack) -> None:
    """No id in a path makes a 500: it is 404, or 422 where the body or a number is wrong as well."""
    for (method, path), value in product(WITH_ID, IDS):
        answer = deployed.call(method, filled(path, value.replace("#", "%23")), {} if method != "GET" else None)
        assert answer.status in (404, 422), (method, path, value[:20])
        assert detail(answer)


def test_the_root_leads_to_the_dashboard(deployed: Stack) -> None:
    """The redirect has the public URL, because a relative one would lose the stage of API Gateway's own address."""
    answer = deployed.gateway.call("GET", "/")
    assert (answer.status, answer.headers["location"]) == (302, "https://drift.example.com/dashboard")


def test_an_unknown_file_of_the_dashboard_is_not_found(deployed: Stack) -> None:
    """No name of a file makes a 500 or leads out of the folder."""
    for name in (*IDS, "x" * 256, "index.html", "nothing.js", "app.js%00"):
        answer = deployed.gateway.call("GET", f"/dashboard/{name}".replace("#", "%23"))
        assert (answer.status, answer.headers.keys() >= HEADERS) == (404, True), name[:20]


@pytest.mark.parametrize(("method", "path", "role"), [("GET", "/models", "ingest"), ("POST", "/models", "viewer")])
def test_a_role_that_may_not_is_403_with_cors(deployed: Stack, method: str, path: str, role: str) -> None:
    """A page of another origin can read why a key was refused."""
    answer = deployed.call(method, path, role=role)
    assert answer.status == 403
    assert role in detail(answer)


def test_an_unknown_key_is_told_where_to_send_a_key(deployed: Stack) -> None:
    """`message` is the gateway's own word, and `detail` is the next step."""
    answer = deployed.gateway.call("GET", "/models", key_id="unknown")
    assert (answer.status, answer.body["message"]) == (403, "Forbidden")
    assert "x-api-key" in detail(answer)


def test_a_good_answer_has_cors_headers_without_an_origin(deployed: Stack) -> None:
    """CORS headers do not depend on the request: caches may keep an answer for every origin."""
    for path in ("/health", "/models", "/me"):
        answer = deployed.call("GET", path)
        assert answer.status == 200
        assert answer.headers.keys() >= HEADERS
        assert "x-rejected-rows" in answer.headers["access-control-expose-headers"]
