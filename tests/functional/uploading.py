"""Files that tests upload, the workers that process them, and a function that dies at any of its calls to AWS."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3

from driftguard.platform.s3 import Bucket
from driftguard.uploads.processing import Worker
from sandbox.calls import Call, intercepted
from sandbox.gateway import LambdaContext, function
from sandbox.roles import under_role
from tests.functional.conftest import Stack


def announce(deployed: Stack, path: str, **body: Any) -> dict[str, Any]:
    """A new upload at this route."""
    answer = deployed.call("POST", path, {"format": "csv", **body})
    assert answer.status == 201, answer.text
    made: dict[str, Any] = answer.body
    return made


def key_of(upload: dict[str, Any]) -> str:
    """The key that an upload's URL leads to."""
    return urlsplit(str(upload["url"])).path.lstrip("/")


def put(deployed: Stack, upload: dict[str, Any], content: bytes) -> dict[str, Any]:
    """Put the file as its URL would; returns the event that follows."""
    bucket, key = deployed.variables["UPLOADS_BUCKET"], key_of(upload)
    etag = boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=content)["ETag"].strip('"')
    return {
        "id": "e1",
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": bucket}, "object": {"key": key, "size": len(content), "etag": etag}},
    }


def deliver(event: dict[str, Any], request_id: str = "r1", code: str = "build_baseline") -> str:
    """Invoke the function for the file, under its role; returns its outcome."""
    with under_role(code):
        context = LambdaContext(aws_request_id=request_id, seconds_left=900.0)
        answer: dict[str, str] = function(code).handler(event, context)
        return answer["outcome"]


def files(deployed: Stack) -> list[str]:
    """The keys of all files there are."""
    listed = boto3.client("s3").list_objects_v2(Bucket=deployed.variables["UPLOADS_BUCKET"])
    return [found["Key"] for found in listed.get("Contents", [])]


class Clock:
    """A clock that goes on a quarter of a second with each look at it, and by as much as is slept."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)
        self.slept = 0.0

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=0.25)
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.now += timedelta(seconds=seconds)


def worker(deployed: Stack, clock: Clock, owner: str) -> Worker:
    """A worker as a function makes it, with another clock."""
    return Worker(
        bucket=Bucket(boto3.client("s3"), deployed.variables["UPLOADS_BUCKET"]),
        owner=owner,
        clock=clock,
        sleep=clock.sleep,
        time_left=lambda: timedelta(minutes=10),
    )


class Killed(Exception):
    """The function dies."""


@contextmanager
def dying() -> Iterator[Callable[[int, bool], list[str]]]:
    """`dying(n, after)` makes the n-th call to AWS from then on the last, done or not; returns the calls' names."""
    state: dict[str, Any] = {"calls": [], "last": -1, "after": False}

    def counting(call: Call) -> Any:
        state["calls"].append(call.operation)
        if len(state["calls"]) - 1 != state["last"]:
            return call.make()
        if state["after"]:
            call.make()
        raise Killed(call.operation)

    def die_at(number: int, after: bool) -> list[str]:
        state.update(calls=[], last=number, after=after)
        calls: list[str] = state["calls"]
        return calls

    with intercepted(counting):
        yield die_at
