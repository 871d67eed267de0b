"""The API's description reads well to whoever has only it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from driftguard.notifications.providers.base import StoredChannel
from driftguard.notifications.schemas import NEW_CHANNEL

DOCUMENT = json.loads((Path(__file__).parents[3] / "layers/driftguard/driftguard/openapi.json").read_text())
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
HOOK = "https://hooks.example.com/services/secret"


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_an_operation_is_told_in_words(operation: dict[str, Any]) -> None:
    """A summary that is short, begins as a sentence and is not the route; a description, where there is one, ends as
    a sentence; and each parameter that is no id has its words."""
    summary, description = operation["summary"], operation.get("description")
    assert "/" not in summary
    assert summary[0].isupper()
    assert " " in summary
    assert len(summary) <= 70
    assert not summary.endswith(".")
    assert description is None or description.endswith(".")
    for parameter in operation.get("parameters", []):
        assert parameter["in"] == "path" or parameter["description"].endswith(".")


def test_most_operations_say_more_than_their_summary() -> None:
    """What a docstring holds after its first sentence is the description."""
    assert sum("description" in operation for operation in OPERATIONS.values()) >= 20


def test_the_filters_of_a_list_have_their_types() -> None:
    """Bounds and choices are told, as they are of every other list."""
    parameters = {each["name"]: each["schema"] for each in DOCUMENT["paths"]["/drift/alerts"]["get"]["parameters"]}
    assert (parameters["limit"]["minimum"], parameters["limit"]["maximum"], parameters["limit"]["default"]) == (
        1,
        500,
        50,
    )
    assert parameters["days"]["anyOf"][0]["type"] == "integer"
    assert parameters["severity"]["anyOf"][0]["enum"] == ["LOW", "MEDIUM", "HIGH"]


@pytest.mark.parametrize("name", ["ModelSettings", "SettingsPatch", "FeatureOverride"])
def test_every_setting_is_described(name: str) -> None:
    """And where a default cannot be read from the schema, it is in the words."""
    for setting, schema in SCHEMAS[name]["properties"].items():
        assert schema["description"].endswith("."), setting
    assert SCHEMAS["SettingsPatch"]["properties"]["window_days"]["description"].endswith(" Default: 7.")
    assert SCHEMAS["FeatureOverride"]["properties"]["enabled"]["description"].startswith("Whether the feature")


@pytest.mark.parametrize(
    ("schema", "settings"),
    [
        ("EmailChannel", {"type": "email", "to": ["team@example.com"]}),
        ("SlackChannel", {"type": "slack", "webhook_url": HOOK}),
        ("WebhookChannel", {"type": "webhook", "url": HOOK}),
        ("WebhookChannel", {"type": "webhook", "url": HOOK, "secret": "s3cret", "model_ids": ["m"]}),
        ("PagerDutyChannel", {"type": "pagerduty", "routing_key": "k" * 32}),
        ("TeamsChannel", {"type": "teams", "webhook_url": HOOK}),
    ],
)
def test_a_channels_answer_is_described_field_by_field(schema: str, settings: dict[str, Any]) -> None:
    """What is answered is in the schema, what the schema requires is answered, and what is absent is left out."""
    now = datetime(2026, 11, 6, tzinfo=UTC)
    channel = StoredChannel("c", "acme", NEW_CHANNEL.validate_python(settings), now, now)
    shown = channel.settings.shown(channel.common).model_dump(mode="json")
    told = SCHEMAS[schema]
    assert set(told["required"]) <= set(shown) <= set(told["properties"])
    assert {"id", "type", "name", "enabled", "min_severity", "health"} <= set(told["required"])
    for optional in {"secret", "model_ids"} & set(told["properties"]):
        assert (optional in shown) == (optional in settings)
    assert told["additionalProperties"] is False
    assert told["properties"]["health"] == {"$ref": "#/components/schemas/ChannelHealth"}
