"""Objects in a bucket: presigned uploads, reading in parts, deletion."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

PART_BYTES = 8 * 1024**2
GONE = ("NoSuchKey", "404", "PreconditionFailed", "412", "AccessDenied", "403")
"""S3 answers 403 instead of 404 to a role that may not list the bucket, as ours. Tests hold that the role may read, so
a 403 means that the object is missing."""


class FileGone(Exception):
    """The object was deleted or replaced before the end of reading."""


@dataclass(frozen=True)
class Bucket:
    """A bucket and the boto3 client that accesses it."""

    client: Any
    name: str

    def presigned_put(self, key: str, content_type: str, life: timedelta) -> str:
        """Return a URL that accepts a PUT of the object `key` with this Content-Type until `life` is over."""
        url: str = self.client.generate_presigned_url(
            "put_object",
            Params={"Bucket": self.name, "Key": key, "ContentType": content_type},
            ExpiresIn=int(life.total_seconds()),
            HttpMethod="PUT",
        )
        return url

    def open(self, key: str, etag: str, size: int) -> "ObjectReader":
        """Return a reader of the object, which fails if the object no longer has this ETag."""

        def fetch(start: int, end: int) -> bytes:
            try:
                answer = self.client.get_object(
                    Bucket=self.name, Key=key, Range=f"bytes={start}-{end - 1}", IfMatch=f'"{etag.strip('"')}"'
                )
            except ClientError as error:
                if error.response["Error"]["Code"] in GONE:
                    raise FileGone(key) from error
                raise
            content: bytes = answer["Body"].read()
            return content

        return ObjectReader(fetch, size)

    def delete(self, key: str) -> None:
        """Delete an object. Does nothing if the object does not exist."""
        self.client.delete_object(Bucket=self.name, Key=key)

    def delete_all(self, prefix: str) -> None:
        """Delete every object whose key starts with `prefix`."""
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            for found in page.get("Contents", []):
                self.delete(found["Key"])


class ObjectReader(io.RawIOBase):
    """Reads an object in parts, so that no connection stays open while a part is processed. Raises FileGone."""

    def __init__(self, fetch: Callable[[int, int], bytes], size: int) -> None:
        self._fetch = fetch
        self.size = size
        self._part = memoryview(b"")
        self.fetched = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._part and self.fetched < self.size:
            self._part = memoryview(self._fetch(self.fetched, min(self.size, self.fetched + PART_BYTES)))
            self.fetched += len(self._part)
        piece, self._part = self._part[: len(buffer)], self._part[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)
