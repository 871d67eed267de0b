"""Generates docs/webhook.schema.json, the JSON Schema of the messages that webhook channels receive."""

import json
from pathlib import Path
from typing import Any

from driftguard.notifications.providers.webhook import WebhookMessage

TARGET = Path(__file__).resolve().parents[2] / "docs/webhook.schema.json"


def document() -> dict[str, Any]:
    """Return the schema of a message in the form in which it is sent."""
    schema = WebhookMessage.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def main() -> None:
    """Write the schema."""
    TARGET.write_text(json.dumps(document(), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
