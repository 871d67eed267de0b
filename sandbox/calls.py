"""Passes every call to AWS through a function that may record, refuse or change it. The code above botocore is real."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from botocore.client import BaseClient


@dataclass(frozen=True)
class Call:
    """One call to AWS.

    `make()` makes the call and returns its answer; `make(parameters)` makes it with other parameters. `ask(operation,
    **parameters)` makes another call with the same client, which is not intercepted.
    """

    service: str
    operation: str
    parameters: dict[str, Any]
    make: Callable[..., Any]
    ask: Callable[..., Any]


@contextmanager
def intercepted(through: Callable[[Call], Any]) -> Iterator[None]:
    """In the block, a call to AWS returns what `through` returns for it. Of nested blocks, the inner one is first."""
    original = BaseClient._make_api_call  # type: ignore[attr-defined]  # the stubs leave private methods out

    def replaced(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        def make(changed: dict[str, Any] = parameters) -> Any:
            return original(client, operation, changed)

        def ask(other: str, **arguments: Any) -> Any:
            return original(client, other, arguments)

        return through(Call(client.meta.service_model.service_name, operation, parameters, make, ask))

    with mock.patch.object(BaseClient, "_make_api_call", replaced):
        yield
