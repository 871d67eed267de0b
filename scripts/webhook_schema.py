"""Writes the JSON Schema of what webhook channels are sent, docs/webhook.schema.json, out of its model."""

import json
from pathlib import Path
from typing import Any

from driftguard.notifications.providers.webhook import WebhookMessage

TARGET = Path(__file__).resolve().parent.parent / "docs/webhook.schema.json"


def document() -> dict[str, Any]:
    """The schema of a message as it is sent."""
    schema = WebhookMessage.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def main() -> None:
    """Write it."""
    TARGET.write_text(json.dumps(document(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
