"""`make restore-drill`: a stack is deployed, used, saved, destroyed, deployed again and restored, as a team would."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.operate import backup
from tests.local.account import Account
from tests.local.launched import ROOT, launched
from tests.local.restoring import Team, holds, settled

pytestmark = pytest.mark.stack

BUILT = ROOT / ".aws-sam" / "build" / "template.yaml"
NAME, SENDER = "driftguard", "drift@example.com"


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An account without anything in it."""
    assert BUILT.exists(), "run `make build` first"
    with launched(tmp_path_factory.mktemp("account"), template=BUILT, module="tests.local.empty") as emulator:
        yield Account(emulator.stack["aws_endpoint"], tmp_path_factory.mktemp("home"))


def deployed(account: Account) -> backup.Stack:
    """The stack, just deployed."""
    run = account.deploy(BUILT, f"EmailFrom={SENDER}")
    assert run.returncode == 0, run.stdout[-6000:]
    return backup.Stack(account.aws, account.resources(NAME))


def protections(account: Account, stack: backup.Stack) -> dict[str, Any]:
    """TTL, tags and recovery of each table."""
    dynamodb: Any = account.aws("dynamodb")
    found = {}
    for name, table in stack.tables.items():
        told = dynamodb.describe_table(TableName=table)["Table"]
        backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        tags = dynamodb.list_tags_of_resource(ResourceArn=told["TableArn"])["Tags"]
        found[name] = (
            dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"],
            backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
            sorted((tag["Key"], tag["Value"]) for tag in tags if tag["Key"] != "aws:cloudformation:stack-id"),
        )
    return found


def test_a_destroyed_stack_comes_back(account: Account, tmp_path: Path) -> None:
    """Data, keys, TTL, tags and recovery are as before, and nothing is counted or sent twice."""
    account.aws("sesv2").create_email_identity(EmailIdentity=SENDER)
    step("deploy")
    first = deployed(account)
    outputs = account.outputs(NAME)
    made = account.invoke(outputs["ManageOrganizationsFunction"], {"action": "create_organization", "name": "Acme"})
    wanted = {"action": "issue_key", "organization_id": made["organization_id"], "role": "admin", "name": "platform"}
    key = account.invoke(outputs["ManageOrganizationsFunction"], wanted)["api_key"]
    address = {"url": outputs["ApiUrl"]}

    def call(method: str, path: str, **options: Any) -> Any:
        return account.http(method, address["url"] + path, headers={"x-api-key": key}, **options)

    step("use it: a model, an alert, a delivered message")
    team: Team = settled(call)
    before, protected = team.answers(), protections(account, first)
    assert {recovery for _ttl, recovery, _tags in protected.values()} == {"ENABLED"}
    step("make a backup")
    folder = tmp_path / "backup"
    saved = backup.export(first, folder)
    step("destroy the stack")
    gone = account.undeploy(NAME)
    assert gone.returncode == 0, gone.stdout[-6000:]
    assert account.aws("dynamodb").list_tables()["TableNames"] == []
    step("deploy it again")
    second = deployed(account)
    address["url"] = account.outputs(NAME)["ApiUrl"]
    assert call("GET", "/models").status_code == 403
    step("restore")
    begun = time.monotonic()
    restored = backup.restore(second, folder)
    items = sum(content.items for content in restored.values())
    step(f"{items} items are back after {time.monotonic() - begun:.1f} s; compare")
    assert {name: one.items for name, one in restored.items()} == {name: one.items for name, one in saved.items()}
    assert protections(account, second) == protected
    holds(team, before)
    step("nothing was counted or sent twice")


def step(words: str) -> None:
    """Say what comes next."""
    sys.stdout.write(f"\nrestore-drill: {words}\n")
    sys.stdout.flush()
