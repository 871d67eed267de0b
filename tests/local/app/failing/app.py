"""Fails whatever it is called with."""

from typing import Any


def handler(event: dict[str, Any], context: Any) -> None:
    raise RuntimeError("on purpose")
