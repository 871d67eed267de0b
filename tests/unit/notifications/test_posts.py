"""The requests to webhooks, PagerDuty and Teams."""

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from typing import Any, get_args

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftguard.alerts.events import AlertEvent, AlertNews, news_of
from driftguard.alerts.schemas import OF_LABELS, AlertType
from driftguard.notifications.example import example
from driftguard.notifications.messages import ChannelNotice
from driftguard.notifications.providers import pagerduty, teams
from driftguard.notifications.providers.base import Post, StoredChannel
from driftguard.notifications.schemas import NEW_CHANNEL
from scripts.generate.webhook_schema import TARGET, document

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
PUBLIC = "https://drift.example.com/v1"
KEY = "R0123456789abcdef0123456789abcde"
SHOWN = ("opened", "escalated", "repeated", "resolved", "test")


def happened(kind: str = "opened", **changes: Any) -> AlertEvent:
    """An event of this kind."""
    alert = changes.pop("alert", {})
    event = example("acme", NOW)
    event = event.model_copy(update={"kind": kind, "event_id": "A1-0001", **changes})
    return event.model_copy(update={"alert": event.alert.model_copy(update={"id": "A1", **alert})})


def posted(event: AlertNews | ChannelNotice, **body: Any) -> list[Post]:
    """The requests to a channel with these settings."""
    channel = StoredChannel("C1", "acme", NEW_CHANNEL.validate_python(body), NOW, NOW)
    return channel.posts(event, public_url=PUBLIC, now=NOW)


def hook(event: AlertEvent, **more: Any) -> Post:
    """The single request to a webhook."""
    (post,) = posted(event, type="webhook", url="https://a.example/hook?x=1", **more)
    return post


def paged(event: AlertEvent) -> list[dict[str, Any]]:
    """The request bodies for PagerDuty."""
    return [json.loads(post.body) for post in posted(event, type="pagerduty", routing_key=KEY)]


def card(event: AlertNews) -> dict[str, Any]:
    """The card for Teams."""
    (post,) = posted(event, type="teams", webhook_url="https://a.example/hook")
    (attachment,) = json.loads(post.body)["attachments"]
    return dict(attachment["content"])


def test_the_published_schema_is_that_of_the_model() -> None:
    """docs/webhook.schema.json is what `python -m scripts.generate.webhook_schema` writes."""
    assert json.loads(TARGET.read_text()) == document()


@pytest.mark.parametrize("kind", SHOWN)
@pytest.mark.parametrize("alert_type", get_args(AlertType))
def test_a_webhook_gets_json_by_the_published_schema(kind: str, alert_type: str) -> None:
    """Every kind of event of every alert type is valid by the published schema, null scores included."""
    nothing = {"drift_score": None, "p_value": None} if alert_type == "no_data" else {}
    reason = {"reason": "below", "previous_severity": "LOW"}
    body = json.loads(hook(happened(kind, alert={"alert_type": alert_type, **nothing}, **reason)).body)
    jsonschema.Draft202012Validator(json.loads(TARGET.read_text())).validate(body)
    assert (body["version"], body["event"], body["event_id"]) == (1, kind, "A1-0001")
    assert body["alert"]["dashboard_url"] == f"{PUBLIC}/dashboard#/alerts/A1"
    assert body["alert"]["drift_score"] == nothing.get("drift_score", 0.168)
    assert (body["at"], body["reason"]) == ("2026-11-23T10:15:00Z", "below")


def test_the_schema_refuses_what_is_no_message() -> None:
    """The schema refuses invalid messages."""
    validator = jsonschema.Draft202012Validator(document())
    body = json.loads(hook(happened()).body)
    wrong: list[dict[str, Any]] = [{"event": "acknowledged"}, {"alert": {}}, {"version": 2}, {"severity": "none"}]
    for changes in wrong:
        assert not validator.is_valid({**body, **changes})


def test_the_signature_is_over_timestamp_and_body() -> None:
    """The signature covers the timestamp and the sent bytes, and the headers name the event."""
    post = hook(happened(), secret="s3cret")
    timestamp = str(int(NOW.timestamp()))
    expected = hmac.new(b"s3cret", f"{timestamp}.".encode() + post.body, hashlib.sha256).hexdigest()
    assert post.headers == {
        "x-driftguard-event": "opened",
        "x-driftguard-event-id": "A1-0001",
        "x-driftguard-timestamp": timestamp,
        "x-driftguard-signature": f"sha256={expected}",
    }
    assert post.url == "https://a.example/hook?x=1"
    assert b"s3cret" not in post.body


def test_without_a_secret_nothing_pretends_to_be_signed() -> None:
    """Without a secret there is no signature header, and the other headers stay."""
    assert "x-driftguard-signature" not in hook(happened()).headers
    assert hook(happened()).headers["x-driftguard-event-id"] == "A1-0001"


def test_pagerduty_has_one_incident_an_alert() -> None:
    """All actions of one alert have the same key, and only a trigger has a payload."""
    told = {kind: paged(happened(kind)) for kind in ("opened", "escalated", "repeated", "acknowledged", "resolved")}
    actions = {kind: [body["event_action"] for body in bodies] for kind, bodies in told.items()}
    assert actions == {
        "opened": ["trigger"],
        "escalated": ["trigger"],
        "repeated": ["trigger"],
        "acknowledged": ["acknowledge"],
        "resolved": ["resolve"],
    }
    bodies = [body for each in told.values() for body in each]
    assert {(body["dedup_key"], body["routing_key"]) for body in bodies} == {("driftguard-A1", KEY)}
    assert all(("payload" in body) == (body["event_action"] == "trigger") for body in bodies)


def test_a_trigger_says_what_pagerduty_shows() -> None:
    """A trigger has a summary, source, PagerDuty severity, link, and the features in its details."""
    (body,) = paged(happened(severity="HIGH"))
    payload = body["payload"]
    assert payload["summary"].startswith("Data drift in example model: ")
    assert (payload["source"], payload["component"], payload["class"]) == ("example model", "example", "data_drift")
    assert payload["severity"] == "critical"
    assert payload["timestamp"] == "2026-11-23T10:15:00.000000Z"
    assert payload["custom_details"]["Features"]["tenure"].startswith("score 0.168, p 1.3e-112")
    assert body["links"][0]["href"] == body["client_url"] == f"{PUBLIC}/dashboard#/alerts/A1"
    severities = [paged(happened(severity=each))[0]["payload"]["severity"] for each in ("LOW", "MEDIUM")]
    assert severities == ["info", "warning"]


def test_a_test_of_pagerduty_leaves_no_incident_open() -> None:
    """A test opens an incident of severity info and resolves it immediately."""
    opened, closed = paged(happened("test"))
    assert (opened["event_action"], opened["payload"]["severity"]) == ("trigger", "info")
    assert (closed["event_action"], closed["dedup_key"]) == ("resolve", opened["dedup_key"])


def test_pagerduty_has_a_host_of_each_region() -> None:
    """Each service region has its own host."""
    (post,) = posted(happened(), type="pagerduty", routing_key=KEY, region="eu")
    assert post.url == "https://events.eu.pagerduty.com/v2/enqueue"
    assert pagerduty.url("us") == "https://events.pagerduty.com/v2/enqueue"


def texts(block: Any) -> list[str]:
    """All texts of a card."""
    if isinstance(block, dict):
        own = [block["text"]] if block.get("type") == "TextRun" else []
        return own + [text for value in block.values() for text in texts(value)]
    return [text for each in block for text in texts(each)] if isinstance(block, list) else []


@pytest.mark.parametrize("kind", SHOWN)
def test_a_card_says_what_an_email_says(kind: str) -> None:
    """A card has model, score, p-value, severity, features with pictures, actions, baseline and link."""
    made = card(happened(kind))
    said = texts(made)
    for part in ("example model", "example", "0.168", "1.3e-112", "MEDIUM", "tenure", "Version 3, 10,000 rows"):
        assert part in said or any(text.startswith(part) for text in said), part
    assert any("▇" in text or "█" in text for text in said)
    assert ("What to do" in said) == (kind != "resolved")
    assert made["actions"] == [
        {"type": "Action.OpenUrl", "title": "Open the alert", "url": f"{PUBLIC}/dashboard#/alerts/A1"}
    ]


def kinds(block: Any) -> set[str]:
    """The types of all elements of a card."""
    if isinstance(block, dict):
        return {str(block.get("type"))}.union(*(kinds(value) for value in block.values()))
    return set().union(*(kinds(each) for each in block)) if isinstance(block, list) else set()


@given(name=st.text(min_size=1, max_size=128))
def test_no_name_can_format_a_card(name: str) -> None:
    """Names appear only in elements that Teams does not format."""
    feature = happened().alert.features[0].model_copy(update={"name": name, "new_categories": [name]})
    made = card(happened(model_name=name, alert={"model_name": name, "features": [feature]}))
    assert kinds(made["body"]) <= {"None", "RichTextBlock", "TextRun", "ColumnSet", "Column"}
    assert set(made) == {"$schema", "type", "version", "msteams", "fallbackText", "body", "actions"}
    assert made["msteams"] == {"width": "Full"}


def test_a_card_fits_however_long_names_are() -> None:
    """A card stays under 28 kB, and features that are left out are counted."""
    histogram = {"edges": None, "categories": ["語" * 60] * 5, "baseline": [1.0] * 5, "window": [1.0] * 5}
    sample = happened().alert.features[0]
    long = sample.model_validate({"name": "語" * 128, "drift_score": 0.5, "histogram": histogram})
    event = happened(
        model_name="語" * 128,
        note="語" * 2000,
        alert={"features": [long] * 20, "features_total": 500, "recommended_actions": ["語" * 1000] * 5},
    )
    message = teams.render(event, public_url=PUBLIC)
    assert len(json.dumps(message, ensure_ascii=False).encode()) <= 28_000
    assert any(re.fullmatch(r"\d+ more in the alert", text) for text in texts(message))


def test_a_webhook_lists_the_alerts_of_one_check() -> None:
    """The body is valid by the schema. `alert` is the most severe, open alerts first, and `alerts` has all."""
    opened = happened(severity="MEDIUM")
    risen = happened("escalated", event_id="A2-0002", severity="HIGH", previous_severity="LOW", alert={"id": "A2"})
    over = happened("resolved", event_id="A3-0003", severity="HIGH", reason="below", alert={"id": "A3"})
    (post,) = posted(news_of([opened, over, risen]), type="webhook", url="https://a.example/hook")
    body = json.loads(post.body)
    jsonschema.Draft202012Validator(json.loads(TARGET.read_text())).validate(body)
    assert [(alert["event"], alert["event_id"], alert["id"]) for alert in body["alerts"]] == [
        ("escalated", "A2-0002", "A2"),
        ("opened", "A1-0001", "A1"),
        ("resolved", "A3-0003", "A3"),
    ]
    assert (body["version"], body["event"], body["event_id"], body["alert"]["id"]) == (1, "escalated", "A2-0002", "A2")
    assert body["previous_severity"] == body["alerts"][0]["previous_severity"] == "LOW"
    assert body["alerts"][2]["reason"] == "below"
    assert post.headers["x-driftguard-event-id"] == "A2-0002"


def test_one_alert_is_a_list_of_one() -> None:
    """`alerts` is there in every message."""
    body = json.loads(hook(happened()).body)
    assert [alert["id"] for alert in body["alerts"]] == ["A1"]


def test_a_card_lists_the_alerts_of_one_check() -> None:
    """A card has the title and lead of each alert and a button for each, and fits however long the names are."""
    events = [
        happened(event_id=f"A{place}-0001", alert={"id": f"A{place}", "alert_type": alert_type})
        for place, alert_type in enumerate(kind for kind in get_args(AlertType) if kind not in OF_LABELS)
    ]
    made = card(news_of(events))
    said = texts(made)
    for title in ("New alert: Data drift in example model", "New alert: No data from example model"):
        assert title in said
    assert [action["url"].rpartition("/")[2] for action in made["actions"]] == [f"A{place}" for place in range(4)]
    long = happened().alert.features[0].model_validate({"name": "語" * 128, "drift_score": 0.5})
    wide = {"features": [long] * 20, "features_total": 500, "recommended_actions": ["語" * 1000] * 5}
    largest = [
        happened(model_name="語" * 128, note="語" * 2000, alert={**wide, "id": f"A{place}"}) for place in range(12)
    ]
    message = teams.render(news_of(largest), public_url=PUBLIC)
    assert len(json.dumps(message, ensure_ascii=False).encode()) <= 28_000
    assert len(message["attachments"][0]["content"]["actions"]) == teams.BUTTONS


def test_several_problems_of_one_feature_are_all_in_the_incident() -> None:
    """Three kinds of bad quality of one feature are all listed under its name."""
    sample = happened().alert.features[0]
    kinds: list[dict[str, Any]] = [
        {"kind": kind, "drift_score": score, "histogram": None}
        for kind, score in (("missing", 0.5), ("new_categories", 0.25), ("wrong_type", 0.125))
    ]
    features = [sample.model_copy(update=values) for values in kinds]
    (body,) = paged(happened(alert={"alert_type": "data_quality", "features": features}))
    said = body["payload"]["custom_details"]["Features"]["tenure"]
    for part in ("score 0.5", "score 0.25", "score 0.125", "missing values", "new categories", "of the wrong type"):
        assert part in said


@pytest.mark.parametrize("channel", ["pagerduty", "teams", "webhook"])
def test_no_value_forges_a_line_of_a_request(channel: str) -> None:
    """Texts for people stay on one line, whatever the names and categories contain."""
    forged = "x\nRESOLVED\u2028now\u202e\x1b"
    feature = happened().alert.features[0].model_copy(update={"name": forged, "new_categories": [forged]})
    event = happened(model_name=forged, alert={"model_name": forged, "features": [feature]})
    if channel == "pagerduty":
        said = [body["payload"] for body in paged(event)]
    elif channel == "teams":
        said = [card(event)]
    else:
        said = [json.loads(hook(event).body)["text"]]
    text = json.dumps(said, ensure_ascii=True)
    for escaped in ("\\n", "\\u2028", "\\u202e", "\\u001b"):
        assert escaped not in text.replace("\\\\", "")


def test_only_alerts_go_out_by_http() -> None:
    """Notices, and channels that do not use HTTP, raise TypeError."""
    notice = ChannelNotice(
        organization_id="acme", channel_id="C2", channel_name="Slack", channel_type="slack", reason="404", since=NOW
    )
    with pytest.raises(TypeError):
        posted(notice, type="slack", webhook_url="https://a.example/x")
    with pytest.raises(TypeError):
        posted(happened(), type="email", to=["a@example.com"])
