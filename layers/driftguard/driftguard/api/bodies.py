"""The body of a request: its size, its media type and its encoding are checked here, for every route.

API Gateway inflates a body that is declared with `Content-Encoding: gzip`, so a function on AWS receives plain text.
A gateway that hands bodies on as bytes, in base64, may leave that to the function.
"""

import base64
import binascii
import re
import zlib
from typing import Any

from driftguard.platform.errors import BadRequest, Invalid, TooLarge, UnsupportedMediaType
from driftguard.platform.serialization import from_json

MAX_BODY_BYTES = 4_000_000
"""Lambda accepts events of 6 MB. A body of this size fits, although the event quotes it as a JSON string."""

_MEDIA_TYPE = re.compile(r"application/(json|[\w.!#$&^-]+\+json)", re.ASCII)
_CHARSET = re.compile(r"""\bcharset\s*=\s*["']?([^\s;"']+)""")
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_GZIP_BYTES = b"\x1f\x8b"
_GZIP_AS_TEXT = "\x1f\ufffd"
_GZIP_ALONE = 16
"""Tells zlib to read gzip and no other format."""

_SEND_AGAIN = "Compress the body again, or send it without compression."
_REPLACEMENT = "\ufffd"
"""API Gateway decodes the bytes of a body and puts this character where they are not UTF-8."""

_KINDS: dict[type, str] = {list: "an array", str: "a string", bool: "a boolean", int: "a number", float: "a number"}


def normalize(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event with a body that is plain UTF-8 text and declared as `application/json`.

    Raises TooLarge, UnsupportedMediaType, and BadRequest if the bytes are not UTF-8.
    """
    body = event.get("body") or ""
    headers = {name.lower(): value or "" for name, value in (event.get("headers") or {}).items()}
    if body:
        raw = _raw(body, encoded=bool(event.get("isBase64Encoded")))
        _check_type(headers.get("content-type", ""))
        body = _text(raw, headers.get("content-encoding", "").strip().lower()).removeprefix("\ufeff")
    # Powertools compares the media type as text, and rejects a missing body that has another type.
    return {
        **event,
        "headers": {**headers, "content-type": "application/json"},
        "body": body or None,
        "isBase64Encoded": False,
    }


def parse_object(text: str) -> Any:
    """Parse a body to a dict, which it is on every route, or to None for `null`, which stands for no body.

    Powertools would take the first element of an array for the body. Raises JSONDecodeError, and Invalid for JSON of
    another type.
    """
    body = from_json(text)
    if body is None or isinstance(body, dict):
        return body
    raise Invalid.at(["body"], f"must be a JSON object, not {_KINDS[type(body)]}; send one object per request")


def _raw(body: str, *, encoded: bool) -> str | bytes:
    """Return the body as the gateway received it. Raises TooLarge."""
    if encoded:
        try:
            raw: str | bytes = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest("The body is marked as base64 and is not valid base64.") from None
    else:
        raw = body
    if isinstance(raw, bytes) and raw.startswith(_GZIP_BYTES):
        raw = _inflated(raw)
    size = len(raw)
    if isinstance(raw, str) and size <= MAX_BODY_BYTES:
        size = len(raw.encode("utf-8", "surrogatepass"))
    if size > MAX_BODY_BYTES:
        raise TooLarge(
            f"The body is larger than {MAX_BODY_BYTES:,} bytes. Send smaller batches. "
            "Upload a large baseline as a file with POST /models/{model_id}/baseline/uploads."
        )
    return raw


def _inflated(body: bytes) -> bytes:
    """Return a gzip body inflated, cut off after the first byte too many. Raises BadRequest if the gzip is damaged."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | _GZIP_ALONE)
    try:
        raw = unpacker.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error:
        raise BadRequest(f"The body begins like gzip and is not valid gzip. {_SEND_AGAIN}") from None
    if len(raw) <= MAX_BODY_BYTES and not unpacker.eof:
        raise BadRequest(f"The gzip of the body ends too early. {_SEND_AGAIN}")
    if unpacker.unused_data:
        raise BadRequest(f"The body goes on behind the end of its gzip. {_SEND_AGAIN}")
    return raw


def _check_type(content_type: str) -> None:
    """Raise an error if the Content-Type names another media type than JSON or another encoding than UTF-8."""
    media_type, _, parameters = content_type.lower().partition(";")
    if media_type.strip() and not _MEDIA_TYPE.fullmatch(media_type.strip()):
        raise UnsupportedMediaType(
            f"The body must be application/json, not {media_type.strip()[:100]}. Change the Content-Type header."
        )
    charset = _CHARSET.search(parameters)
    if charset and charset[1] not in _UTF_8:
        raise BadRequest(
            f"The body must be JSON in UTF-8, and its Content-Type says {charset[1][:100]}. Encode the body as UTF-8."
        )


def _text(raw: str | bytes, encoding: str) -> str:
    """Return the body as text. Raises UnsupportedMediaType if it is compressed and BadRequest if it is not UTF-8."""
    if isinstance(raw, str) and raw.startswith(_GZIP_AS_TEXT):
        raise UnsupportedMediaType(
            "The body is compressed with gzip, and no header says so. Send the header Content-Encoding: gzip."
        )
    text = raw if isinstance(raw, str) else _decoded(raw)
    # In text, the gateway has already replaced what is not UTF-8. In bytes, the character was sent as such.
    if text is not None and "\x00" not in text[:4] and (isinstance(raw, bytes) or _REPLACEMENT not in text):
        return text
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(
            f"The body is compressed (Content-Encoding: {encoding[:100]}). Send it without compression."
        )
    if _looks_like_utf_16(raw):
        raise BadRequest("The body is not UTF-8; it looks like UTF-16. Encode the body as UTF-8.")
    raise BadRequest(
        "The body is not UTF-8. Encode the body as UTF-8, not as Latin-1 or Windows-1252. "
        r"To send the character U+FFFD itself, write it as \ufffd."
    )


def _decoded(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _looks_like_utf_16(raw: str | bytes) -> bool:
    zero: Any = b"\x00" if isinstance(raw, bytes) else "\x00"
    return zero in raw[:8]
