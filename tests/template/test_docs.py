"""The docs name every option, queue and alarm, and their code does what it says."""

import hashlib
import hmac
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from rules.deployments import EVERYTHING
from rules.stack import target
from sandbox.stack import resolved, source

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / ".env.example").read_text()
DELIVERY = (ROOT / "docs/delivery.md").read_text()
WEBHOOKS = (ROOT / "docs/webhooks.md").read_text()
EMAIL = (ROOT / "docs/email.md").read_text()
ENCRYPTION = (ROOT / "docs/encryption.md").read_text()


def block(text: str, language: str, holding: str) -> str:
    """The one code block of that language that holds these words."""
    (found,) = [code for code in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) if holding in code]
    return str(found)


def functions_variables() -> list[dict[str, Any]]:
    """The environment of every function, and what all have in common."""
    template = source()
    functions = [part for part in template["Resources"].values() if part["Type"] == "AWS::Serverless::Function"]
    everyone = template["Globals"]["Function"]["Environment"]["Variables"]
    return [everyone, *[part["Properties"].get("Environment", {}).get("Variables", {}) for part in functions]]


def test_the_example_holds_every_parameter_with_its_default() -> None:
    """None is missing, none is made up, none has another default; Architecture is make's."""
    given = dict(line[1:].split("=", 1) for line in EXAMPLE.splitlines() if line and not line.startswith("# "))
    assert given.pop("Architecture") == source()["Parameters"]["Architecture"]["Default"]
    parameters = {name: str(each["Default"]) for name, each in source()["Parameters"].items() if name != "Architecture"}
    assert given == parameters


def test_the_example_names_every_variable_of_the_functions() -> None:
    """Beside the parameter that sets it where there is one; those that the settings read are among them."""
    reads = set(
        re.findall(
            r'"([A-Z]+(?:_[A-Z]+)+)"', (ROOT / "layers/driftguard/driftguard/platform/environment.py").read_text()
        )
    )
    variables = {name for each in functions_variables() for name in each}
    assert reads - {"PUBLIC_URL"} <= variables
    for name in variables | reads:
        assert re.search(rf"\b{name}\b", EXAMPLE), name
    for each in functions_variables():
        for name, value in each.items():
            parameter = target(value)
            if parameter in source()["Parameters"]:
                lines = EXAMPLE.splitlines()
                place = next(at for at, line in enumerate(lines) if re.match(rf"#?{parameter}=", line))
                assert f" {name}" in " ".join(lines[max(0, place - 2) : place]).replace(",", " ")


def test_the_command_takes_only_what_was_set_in_the_example(tmp_path: Path) -> None:
    """What nobody has touched is left to samconfig.toml, whose production must not lose its protections, and to the
    template."""
    (command,) = set(re.findall(r"\$\((grep .* \.env \| xargs)\)", EXAMPLE + EMAIL))
    shell = shutil.which("sh")
    assert shell

    def given(text: str) -> list[str]:
        (tmp_path / ".env").write_text(text)
        done = subprocess.run([shell, "-c", command], cwd=tmp_path, check=False, capture_output=True, text=True)
        assert not done.stderr
        return done.stdout.split()

    assert given(EXAMPLE) == []
    changed = EXAMPLE.replace("#LogLevel=INFO", "LogLevel=DEBUG").replace("#EmailFrom=", "EmailFrom=a@example.com")
    assert given(changed) == ["EmailFrom=a@example.com", "LogLevel=DEBUG"]


def test_every_dead_letter_queue_and_its_alarm_is_in_the_docs() -> None:
    """With what to do; the queue to redrive to is the one that it belongs to."""
    resources = source()["Resources"]
    dead = [name for name in resources if name.endswith("DeadLetterQueue")]
    rows = {match[1]: match[0] for match in re.finditer(r"^\| `(\w+DeadLetterQueue)` \|.*$", DELIVERY, re.MULTILINE)}
    assert sorted(rows) == sorted(dead)
    for name, row in rows.items():
        alarm = name.replace("Queue", "Alarm")
        assert f"`{alarm}`" in row
        assert target(resources[alarm]["Properties"]["Dimensions"][0]["Value"]) == name
        belongs = [
            queue
            for queue, part in resources.items()
            if target(part.get("Properties", {}).get("RedrivePolicy", {}).get("deadLetterTargetArn")) == name
        ]
        said = re.search(r"redrive to `(\w+)`", row)
        assert [said[1] if said else None] == (belongs or [None])


def test_every_alarm_the_docs_name_is_there() -> None:
    """And the parameters and outputs with them."""
    template = source()
    for text in (DELIVERY, EMAIL):
        for name in re.findall(r"`(\w+(?:Alarm|AlarmTopic|AlarmEmail))`", text):
            assert name in template["Resources"] | template["Parameters"]
    for name in re.findall(r"`((?:Email|Smtp)[A-Z]\w+)(?:=\w+)?`", EMAIL):
        assert name in template["Parameters"], name


def test_the_redrive_that_the_docs_show_is_an_operation_of_sqs() -> None:
    """Its options are the operation's members, and both queues are in the template."""
    shown = block(DELIVERY, "sh", "start-message-move-task")
    members = boto3.client("sqs").meta.service_model.operation_model("StartMessageMoveTask").input_shape.members
    options = re.findall(r"--([a-z-]+) \"\$\(arn (\w+)\)\"", shown)
    assert {"".join(word.capitalize() for word in option.split("-")) for option, _queue in options} <= set(members)
    assert {queue for _option, queue in options} <= set(source()["Resources"])
    shell = shutil.which("sh")
    assert shell
    subprocess.run([shell, "-n", "-c", shown], check=True)


def test_the_key_policy_lets_in_whoever_writes_what_is_encrypted() -> None:
    """Each service that a queue or topic takes messages from, and the logs, held to what is this stack's; no other."""
    resources = resolved(**EVERYTHING)["Resources"].values()
    wanted = {("logs.eu-west-1.amazonaws.com", "kms:EncryptionContext:aws:logs:arn")}
    for kind, context in (("SQS::Queue", "aws:sqs:arn"), ("SNS::Topic", "aws:sns:topicArn")):
        wanted |= {
            (statement["Principal"]["Service"], f"kms:EncryptionContext:{context}")
            for resource in resources
            if resource["Type"] == f"AWS::{kind}Policy"
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Allow"
        }
    account, *services = json.loads(block(ENCRYPTION, "json", "kms:"))["Statement"]
    assert account["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    found = set()
    for statement in services:
        ((key, pattern),) = statement["Condition"]["ArnLike"].items()
        assert pattern.startswith(f"arn:aws:{key.split(':')[3]}:eu-west-1:111122223333:")
        assert pattern.endswith("driftguard-*")
        assert {"kms:GenerateDataKey", "kms:Decrypt"} <= {action.rstrip("*") for action in statement["Action"]}
        named = statement["Principal"]["Service"]
        found |= {(service, key) for service in ([named] if isinstance(named, str) else named)}
        assert f"| `{statement['Sid']}` |" in ENCRYPTION
    assert found == wanted


def signed(secret: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that DriftGuard sends, made without its code."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"x-driftguard-timestamp": str(timestamp), "x-driftguard-signature": f"sha256={digest}"}


def by_python() -> Callable[[dict[str, str], bytes, str], bool]:
    """The snippet of the docs, as it stands there."""
    names: dict[str, Any] = {}
    exec(compile(block(WEBHOOKS, "python", "is_from_driftguard"), "docs/webhooks.md", "exec"), names)
    found: Callable[[dict[str, str], bytes, str], bool] = names["is_from_driftguard"]
    return found


def by_node() -> Callable[[dict[str, str], bytes, str], bool]:
    """The other snippet, run by Node."""
    node = shutil.which("node") or shutil.which("node", path=str(ROOT / ".venv-node/bin"))
    if node is None:
        pytest.skip("there is no node on this machine")
    code = block(WEBHOOKS, "js", "isFromDriftGuard")
    call = "const [h, b, s] = JSON.parse(process.argv[1]); console.log(isFromDriftGuard(h, Buffer.from(b), s));"

    def run(headers: dict[str, str], body: bytes, secret: str) -> bool:
        arguments = json.dumps([headers, body.decode(), secret])
        done = subprocess.run([node, "-e", code + call, arguments], check=True, capture_output=True, text=True)
        return {"true\n": True, "false\n": False}[done.stdout]

    return run


@pytest.mark.parametrize("snippet", [by_python, by_node], ids=["python", "node"])
def test_the_snippets_know_a_true_signature_from_a_false_one(snippet: Callable[[], Any]) -> None:
    """What was signed with the secret and is fresh is taken; nothing else, header by header."""
    check, body, now = snippet(), '{"text": "é"}'.encode(), int(time.time())
    good = signed("s3cret", now, body)
    assert check(good, body, "s3cret") is True
    for headers, sent, secret in [
        (good, body + b" ", "s3cret"),
        (good, body, "other"),
        (signed("s3cret", now - 301, body), body, "s3cret"),
        ({**good, "x-driftguard-timestamp": str(now - 1)}, body, "s3cret"),
        ({**good, "x-driftguard-timestamp": "soon"}, body, "s3cret"),
        ({"x-driftguard-timestamp": str(now)}, body, "s3cret"),
        ({}, body, "s3cret"),
    ]:
        assert check(headers, sent, secret) is False


def test_the_docs_name_the_headers_that_are_sent() -> None:
    """All of them, and no others."""
    from datetime import UTC, datetime

    from driftguard.notifications.example import example
    from driftguard.notifications.providers import webhook

    message = webhook.render(example("acme", datetime.now(UTC)), public_url="")
    sent = webhook.headers(message, b"{}", "secret", datetime.now(UTC))
    assert set(re.findall(r"^\| `(x-driftguard-[a-z-]+)`", WEBHOOKS, re.MULTILINE)) == set(sent)
