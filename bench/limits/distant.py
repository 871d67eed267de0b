"""Sends the calls to AWS of a measured process through a socket, see `bench.limits.serving`."""

from collections.abc import Iterator
from io import BytesIO
from multiprocessing.connection import Client
from typing import Any

from botocore import handlers
from botocore.awsrequest import AWSResponse


class Raw(BytesIO):
    """The body of a response, as botocore reads it."""

    def stream(self, **_options: Any) -> Iterator[bytes]:
        """Yield the whole body."""
        yield self.read()


def use(address: str) -> None:
    """Send every call to AWS of this process through the socket."""
    connection = Client(address, "AF_UNIX")

    def through(request: Any, **_more: Any) -> AWSResponse:
        body = request.body
        if hasattr(body, "read"):
            body = body.read()
        connection.send((request.method, request.url, dict(request.headers), body))
        status, headers, content = connection.recv()
        return AWSResponse(request.url, status, headers, Raw(content))

    handlers.BUILTIN_HANDLERS.append(("before-send", through))
