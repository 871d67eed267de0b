"""The bucket of uploads: what clients may put, what is read part by part, what is deleted."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

PART_BYTES = 8 * 1024**2
GONE = ("NoSuchKey", "404", "PreconditionFailed", "412")


class FileGone(Exception):
    """The object was deleted, or replaced by another, before it had been read to its end."""


@dataclass(frozen=True)
class Bucket:
    """A bucket by its name, and boto3's client to reach it with."""

    client: Any
    name: str

    def presigned_put(self, key: str, content_type: str, life: timedelta) -> str:
        """A URL to which one may PUT the object `key`, with exactly this Content-Type, for so long."""
        url: str = self.client.generate_presigned_url(
            "put_object",
            Params={"Bucket": self.name, "Key": key, "ContentType": content_type},
            ExpiresIn=int(life.total_seconds()),
            HttpMethod="PUT",
        )
        return url

    def open(self, key: str, etag: str, size: int) -> "ObjectReader":
        """The bytes of an object, as long as it is the one with this ETag."""

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
        """Delete an object; nothing when it is gone."""
        self.client.delete_object(Bucket=self.name, Key=key)

    def delete_all(self, prefix: str) -> None:
        """Delete every object whose key begins like this."""
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
            for found in page.get("Contents", []):
                self.delete(found["Key"])


class ObjectReader(io.RawIOBase):
    """Reads an object in parts: no connection is held open while a part is worked on. Raises FileGone."""

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
