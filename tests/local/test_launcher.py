"""The launcher: what it keeps, what it refuses, what it shows."""

import json
import socket
import time
from pathlib import Path

import pytest

from tests.local.launched import HERE, Launched, launched, start, until

pytestmark = pytest.mark.stack


def test_what_leaves_the_stack_is_in_the_outbox_newest_first(small: Launched) -> None:
    """A raw e-mail through SES and a request to Slack both end there."""
    mail = (
        "From: DriftGuard <driftguard@example.com>\r\nTo: a@example.com\r\n"
        "Subject: =?utf-8?q?Drift_=E2=80=93_HIGH?=\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nplain – text\r\n"
        "--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>rich</p>\r\n--b--\r\n"
    )
    small.aws("sesv2").send_email(
        FromEmailAddress="driftguard@example.com",
        Destination={"ToAddresses": ["a@example.com"]},
        Content={"Raw": {"Data": mail.encode()}},
    )
    assert small.http("GET", "/any/sends").status_code == 200
    slack, email = small.http("GET", "/_local/outbox", headers={}).json()[:2]
    assert (slack["channel"], slack["to"]) == ("slack", "https://hooks.slack.com/services/T/B/x")
    assert slack["payload"] == {"text": "drift"}
    assert (email["channel"], email["to"], email["subject"]) == ("email", ["a@example.com"], "Drift – HIGH")
    assert email["html"].strip() == "<p>rich</p>"
    assert email["text"].strip() == "plain – text"
    assert slack["sent_at"] >= email["sent_at"]


def test_an_outgoing_request_to_any_other_host_is_a_webhook(small: Launched) -> None:
    """Unless a header says what it is."""
    for more in ({}, {"x-driftguard-channel": "slack"}):
        headers = {"x-driftguard-to": "https://example.com/hook", **more}
        assert small.http("POST", "/_local/outgoing", headers=headers, content=b"not json").text == "ok"
    second, first = small.http("GET", "/_local/outbox").json()[:2]
    assert (first["channel"], second["channel"]) == ("webhook", "slack")
    assert first["payload"] == first["body"] == "not json"


def test_nothing_accepted_is_lost_when_the_plug_is_pulled(tmp_path: Path) -> None:
    """After kill -9 the next start has items, keys, messages and the outbox as they were seconds before."""
    with launched(tmp_path) as first:
        table, queue = first.resources["Table"], first.resources["DeadLetterQueue"]
        for number in range(50):
            first.aws("dynamodb").put_item(
                TableName=table, Item={"pk": {"S": "a"}, "sk": {"S": str(number)}, "data": {"B": bytes([number])}}
            )
        first.aws("dynamodb").delete_item(TableName=table, Key={"pk": {"S": "a"}, "sk": {"S": "0"}})
        first.aws("sqs").send_message(QueueUrl=queue, MessageBody="kept")
        key = first.aws("apigateway").create_api_key(name="kept", enabled=True)
        plan = first.resources["UsagePlan"]
        first.aws("apigateway").create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
        first.http("POST", "/_local/outgoing", content=b"kept")
        time.sleep(3)
        first.kill()
    with launched(tmp_path) as second:
        assert {name: second.stack[name] for name in ("organization_id", "api_keys")} == {
            name: first.stack[name] for name in ("organization_id", "api_keys")
        }
        items = second.aws("dynamodb").query(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "a"}},
        )["Items"]
        assert {(item["sk"]["S"], item["data"]["B"]) for item in items} == {(str(n), bytes([n])) for n in range(1, 50)}
        assert second.aws("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "kept"
        assert second.http("GET", "/any/thing", headers={"x-api-key": key["value"]}).status_code == 200
        assert [one["body"] for one in second.http("GET", "/_local/outbox").json()] == ["kept"]


def test_a_changed_template_updates_the_stack_in_place(tmp_path: Path) -> None:
    """The API keeps its id, the table its items, and the new route is served."""
    with launched(tmp_path) as first:
        item = {"pk": {"S": "a"}, "sk": {"S": "b"}}
        first.aws("dynamodb").put_item(TableName=first.resources["Table"], Item=item)
        assert first.http("GET", "/added").status_code == 404
        assert first.stop() == 0
        assert not (tmp_path / "stack.json").exists()
    changed = tmp_path / "app"
    changed.mkdir()
    for folder in HERE.joinpath("app").iterdir():
        if folder.is_dir():
            changed.joinpath(folder.name).symlink_to(folder)
    added = "Added: {Type: Api, Properties: {RestApiId: {Ref: Api}, Method: get, Path: /added}}\n        Any:"
    text = HERE.joinpath("app", "template.yaml").read_text().replace("Any:", added)
    (changed / "template.yaml").write_text(text.replace("/any/", "/every/"))
    with launched(tmp_path, template=changed / "template.yaml") as second:
        assert second.resources["Api"] == first.resources["Api"]
        assert second.http("GET", "/added").status_code == 200
        assert len(list((tmp_path / "layers").iterdir())) == 1
        assert second.http("GET", "/every/thing").status_code == 200
        assert second.http("GET", "/any/thing").status_code == 404
        found = second.aws("dynamodb").get_item(TableName=second.resources["Table"], Key=item)["Item"]
        assert found == item


def test_a_port_in_use_and_data_in_use_are_told_plainly(small: Launched, tmp_path: Path) -> None:
    """The launcher refuses with a sentence, not a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = start(tmp_path, "--port", str(taken.getsockname()[1]))
        output, _ = refused.communicate(timeout=30)
    assert refused.returncode == 1
    assert "cannot be had" in output
    assert "Traceback" not in output
    with launched(tmp_path):
        second = start(tmp_path)
        output, _ = second.communicate(timeout=30)
    assert (second.returncode, "another stack runs" in output) == (1, True)


def test_a_command_runs_against_the_stack_and_gives_its_status(tmp_path: Path) -> None:
    """With --run the stack lives as long as the command, which finds it by DRIFTGUARD_STACK."""
    process = start(tmp_path, "--run", f"sh -c 'cd {tmp_path} && cp stack.json copy.json && env > variables; exit 3'")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 3, output
    assert json.loads((tmp_path / "copy.json").read_text())["api_keys"]["viewer"]
    variables = (tmp_path / "variables").read_text()
    assert f"DRIFTGUARD_STACK={tmp_path / 'stack.json'}" in variables
    assert "AWS_ENDPOINT_URL" not in variables


def test_a_fresh_start_forgets(tmp_path: Path) -> None:
    """--fresh begins with an empty outbox and another organization."""
    with launched(tmp_path) as first:
        first.http("POST", "/_local/outgoing", content=b"old")
        until(lambda: first.http("GET", "/_local/outbox").json())
    with launched(tmp_path, "--fresh") as second:
        assert second.http("GET", "/_local/outbox").json() == []
        assert second.stack["organization_id"] != first.stack["organization_id"]
