"""The OpenAPI document. `scripts/openapi.py` generates the file from the types of all functions."""

import json
from functools import cache
from importlib import resources
from typing import Any

from aws_lambda_powertools.event_handler.openapi.swagger_ui.html import generate_swagger_html

FILE = "openapi.json"


def document(base_url: str) -> str:
    """Return the OpenAPI document as JSON, with `base_url` as its server."""
    return json.dumps({**_stored(), "servers": [{"url": base_url}]}, separators=(",", ":"))


def page(base_url: str) -> str:
    """Return a page that shows the document and loads nothing from other sites."""
    assets = resources.files("aws_lambda_powertools.event_handler.openapi.swagger_ui")
    html = generate_swagger_html(
        document(base_url),
        (assets / "swagger-ui-bundle.min.js").read_text(),
        (assets / "swagger-ui.min.css").read_text(),
        swagger_base_url="",
        oauth2_config=None,
    )
    return html.replace("<title>Swagger UI</title>", "<title>DriftGuard API</title>")


@cache
def _stored() -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((resources.files("driftguard") / FILE).read_text())
    return stored
