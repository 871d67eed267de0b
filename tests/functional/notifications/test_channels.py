"""Alert channels over HTTP, on the template's own tables."""

import io
import json
import socket
from typing import Any

import pytest

from sandbox.gateway import function
from tests.functional.conftest import Stack, add_organization

HOOK = "https://hooks.slack.com/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx"


@pytest.fixture(autouse=True)
def resolver(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Names that are known, in place of DNS."""
    known = {"hooks.slack.com": "3.3.3.3", "inside.example": "10.0.0.7"}

    def resolve(host: str, port: int) -> list[str]:
        if host not in known:
            raise socket.gaierror(-2, "Name or service not known")
        return [known[host]]

    monkeypatch.setattr(function("manage_channels"), "system_resolver", resolve)
    return known


def test_channels_are_made_read_listed_and_deleted(deployed: Stack) -> None:
    """POST 201, GET the same, the list newest first, DELETE 204 and then 404."""
    email = deployed.call("POST", "/alert-channels", {"type": "email", "to": ["ops@example.com"], "name": "Ops"})
    slack = deployed.call("POST", "/alert-channels", {"type": "slack", "webhook_url": HOOK, "min_severity": "HIGH"})
    assert (email.status, slack.status) == (201, 201)
    assert email.body["to"] == ["ops@example.com"]
    assert slack.body["webhook_url"] == "https://hooks.slack.com/****"
    assert deployed.call("GET", f"/alert-channels/{slack.body['id']}").body == slack.body
    assert deployed.call("GET", "/alert-channels").body == [slack.body, email.body]
    first = deployed.call("GET", "/alert-channels?limit=1")
    assert first.body == [slack.body]
    assert first.next_path is not None
    assert deployed.call("GET", first.next_path).body == [email.body]
    gone = deployed.call("DELETE", f"/alert-channels/{email.body['id']}")
    assert (gone.status, gone.text) == (204, "")
    for method in ("GET", "DELETE"):
        assert deployed.call(method, f"/alert-channels/{email.body['id']}").status == 404
    assert "T00000000" not in deployed.call("GET", "/alert-channels").text


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"type": "email", "to": ["nobody"]}, ["body", "to", 0]),
        ({"type": "email", "to": ["a@example.com"], "colour": "red"}, ["body", "colour"]),
        ({"type": "slack", "webhook_url": "https://hooks.slack.com/****"}, ["body", "webhook_url"]),
        ({"type": "slack", "webhook_url": "https://127.0.0.1/x"}, ["body", "webhook_url"]),
        ({"type": "slack", "webhook_url": "https://inside.example/x"}, ["body", "webhook_url"]),
        ({"type": "webhook", "url": "https://inside.example/x"}, ["body", "url"]),
        ({"type": "teams", "webhook_url": "https://inside.example/x"}, ["body", "webhook_url"]),
        ({"type": "pagerduty", "routing_key": "nope"}, ["body", "routing_key"]),
        ({"type": "pigeon"}, ["body", "type"]),
        ({"type": "email", "to": ["a@example.com"], "model_ids": ["nope"]}, ["body", "model_ids", 0]),
        (["email"], ["body"]),
    ],
)
def test_a_bad_channel_is_422_at_its_place(deployed: Stack, body: Any, loc: list[Any]) -> None:
    """Each invalid field is a 422 at its place, private hosts behind a public name included."""
    answer = deployed.call("POST", "/alert-channels", body)
    assert answer.status == 422, answer.text
    assert answer.body["errors"][0]["loc"] == loc
    assert deployed.call("GET", "/alert-channels").body == []


def test_a_host_that_is_not_known_yet_is_let_through(deployed: Stack) -> None:
    """A channel can be created while DNS does not know its host."""
    body = {"type": "slack", "webhook_url": "https://later.example/x"}
    assert deployed.call("POST", "/alert-channels", body).status == 201


def test_a_patch_merges_and_null_restores_a_default(deployed: Stack) -> None:
    """Omitted fields stay as they are, null restores the default, and fields of other types are refused."""
    path = (
        "/alert-channels/" + deployed.call("POST", "/alert-channels", {"type": "slack", "webhook_url": HOOK}).body["id"]
    )
    model = deployed.call("POST", "/models", {"name": "churn"}).body["id"]
    changed = deployed.call("PATCH", path, {"min_severity": "HIGH", "model_ids": [model], "name": "Alerts"})
    assert changed.status == 200, changed.text
    assert (changed.body["min_severity"], changed.body["model_ids"]) == ("HIGH", [model])
    back = deployed.call("PATCH", path, {"min_severity": None, "model_ids": None, "enabled": False}).body
    assert (back["min_severity"], back["name"], back["enabled"], "model_ids" in back) == (
        "MEDIUM",
        "Alerts",
        False,
        False,
    )
    assert back["webhook_url"] == "https://hooks.slack.com/****"
    for patch, loc in [
        ({"webhook_url": back["webhook_url"]}, ["body", "webhook_url"]),
        ({"webhook_url": None}, ["body", "webhook_url"]),
        ({"webhook_url": "https://inside.example/x"}, ["body", "webhook_url"]),
        ({"to": ["a@example.com"]}, ["body", "to"]),
        ({"type": "email"}, ["body", "type"]),
        ({"model_ids": []}, ["body", "model_ids"]),
        ({"id": "x"}, ["body", "id"]),
    ]:
        answer = deployed.call("PATCH", path, patch)
        assert (answer.status, answer.body["errors"][0]["loc"]) == (422, loc)
    assert deployed.call("GET", path).body == back


def test_channels_of_another_organization_are_not_there(deployed: Stack) -> None:
    """Another organization's channel is 404 on every route, its models are refused, and lists omit its channels."""
    channel = deployed.call("POST", "/alert-channels", {"type": "email", "to": ["ops@example.com"]}).body["id"]
    model = deployed.call("POST", "/models", {"name": "churn"}).body["id"]
    add_organization("other")

    def call(method: str, path: str, body: Any = None) -> int:
        return deployed.gateway.call(method, path, body, key_id="other-admin").status

    path = f"/alert-channels/{channel}"
    assert [call("GET", path), call("PATCH", path, {}), call("DELETE", path), call("POST", f"{path}/test")] == [404] * 4
    assert call("POST", "/alert-channels", {"type": "email", "to": ["a@b.example"], "model_ids": [model]}) == 422
    assert deployed.gateway.call("GET", "/alert-channels", key_id="other-admin").body == []


def test_only_an_admin_changes_channels(deployed: Stack) -> None:
    """Viewers can only read, ingest keys can do neither, and the role is checked before existence."""
    assert deployed.call("GET", "/alert-channels", role="viewer").status == 200
    assert deployed.call("POST", "/alert-channels", {}, role="viewer").status == 403
    assert deployed.call("POST", "/alert-channels/nope/test", role="viewer").status == 403
    assert deployed.call("GET", "/alert-channels", role="ingest").status == 403


class Lambda:
    """Lambda's client, which returns `payload` and records its calls."""

    def __init__(self, payload: Any, error: str | None = None) -> None:
        self.answer = {
            "Payload": io.BytesIO(json.dumps(payload).encode()),
            **({"FunctionError": error} if error else {}),
        }
        self.asked: list[dict[str, Any]] = []

    def invoke(self, **arguments: Any) -> dict[str, Any]:
        self.asked.append(arguments)
        return self.answer


@pytest.mark.parametrize(
    ("body", "secrets", "change"),
    [
        (
            {"type": "webhook", "url": "https://hooks.slack.com/T0000/own", "secret": "T0000-signing"},
            {"url": "https://hooks.slack.com/****", "secret": "****"},
            {"secret": "T0000-another"},
        ),
        ({"type": "webhook", "url": "https://hooks.slack.com/T0000"}, {"url": "https://hooks.slack.com/****"}, {}),
        (
            {"type": "pagerduty", "routing_key": "T0000".ljust(32, "k"), "region": "eu"},
            {"routing_key": "****", "region": "eu"},
            {"routing_key": "T0000".ljust(32, "z")},
        ),
        (
            {"type": "teams", "webhook_url": "https://hooks.slack.com/T0000"},
            {"webhook_url": "https://hooks.slack.com/****"},
            {"webhook_url": "https://hooks.slack.com/T0000/b"},
        ),
    ],
)
def test_every_type_keeps_its_secrets_and_is_tried_through_one_function(
    deployed: Stack, monkeypatch: pytest.MonkeyPatch, body: Any, secrets: dict[str, str], change: dict[str, str]
) -> None:
    """No response of any route contains a secret, and a masked secret that is sent back is refused."""
    monkeypatch.setenv("NOTIFY_WEBHOOK_FUNCTION", "notify-webhook")
    client = Lambda({"delivered": True, "detail": "ok"})
    monkeypatch.setattr(function("manage_channels").boto3, "client", lambda service, config: client)
    made = deployed.call("POST", "/alert-channels", body)
    assert made.status == 201, made.text
    path = f"/alert-channels/{made.body['id']}"
    answers = [made, deployed.call("GET", path), deployed.call("PATCH", path, change), deployed.call("GET", path)]
    for answer in answers:
        assert {name: answer.body[name] for name in secrets} == secrets
        assert ("secret" in answer.body) == ("secret" in secrets)
        assert answer.body["health"] == {"status": "ok", "reason": None, "since": None}
        assert "T0000" not in answer.text
    for name, value in secrets.items():
        if "****" in value:
            assert deployed.call("PATCH", path, {name: value}).body["errors"][0]["loc"] == ["body", name]
    assert deployed.call("POST", f"{path}/test").status == 200
    assert client.asked[0]["FunctionName"] == "notify-webhook"


@pytest.mark.parametrize(
    ("client", "status", "said"),
    [
        (Lambda({"delivered": True, "detail": "ok"}), 200, "ok"),
        (Lambda({"delivered": False, "detail": "404: no_service"}), 502, "404: no_service"),
        (Lambda({"errorMessage": "secret internals"}, "Unhandled"), 502, "Its log has the reason"),
        (Lambda(None), 502, "Its log has the reason"),
    ],
)
def test_a_channel_is_tried_through_its_own_sender(
    deployed: Stack, monkeypatch: pytest.MonkeyPatch, client: Lambda, status: int, said: str
) -> None:
    """A test invokes the notify function of the channel's type and returns the provider's answer."""
    for kind in ("EMAIL", "SLACK"):
        monkeypatch.setenv(f"NOTIFY_{kind}_FUNCTION", f"notify-{kind.lower()}")
    monkeypatch.setattr(function("manage_channels").boto3, "client", lambda service, config: client)
    channel = deployed.call("POST", "/alert-channels", {"type": "slack", "webhook_url": HOOK}).body["id"]
    answer = deployed.call("POST", f"/alert-channels/{channel}/test")
    assert answer.status == status, answer.text
    assert said in answer.body["detail"]
    assert "secret internals" not in answer.text
    assert client.asked[0]["FunctionName"] == "notify-slack"
    assert json.loads(client.asked[0]["Payload"]) == {"test": {"organization_id": "acme", "channel_id": channel}}


def test_a_channel_whose_model_was_deleted_can_be_changed(deployed: Stack) -> None:
    """A channel keeps the id of a deleted model, but a deleted model cannot be added to another channel."""
    model_id = deployed.call("POST", "/models", {"name": "gone"}).body["id"]
    channel = {"type": "email", "to": ["a@example.com"]}
    limited, other = (
        deployed.call("POST", "/alert-channels", {**channel, **more}).body["id"]
        for more in ({"model_ids": [model_id]}, {})
    )
    deployed.call("DELETE", f"/models/{model_id}")
    renamed = deployed.call("PATCH", f"/alert-channels/{limited}", {"name": "new"})
    assert (renamed.status, renamed.body["model_ids"]) == (200, [model_id])
    assert deployed.call("PATCH", f"/alert-channels/{other}", {"model_ids": [model_id]}).status == 422
