"""A backup of the running stack brings back all data and the API keys, after every table was emptied."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.operate import backup
from scripts.operate.snapshot import content_of, delete, keys_of, scan
from tests.local.launched import ROOT, Launched, launched
from tests.local.restoring import Team, holds, settled

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """The built template, serving."""
    built = ROOT / ".aws-sam/build/template.yaml"
    with launched(tmp_path_factory.mktemp("restore"), template=built, module="local") as found:
        yield found


@pytest.fixture(scope="module")
def stack(running: Launched) -> backup.Stack:
    """The stack as the backup sees it."""
    return backup.Stack(running.aws, running.resources)


@pytest.fixture(scope="module")
def team(running: Launched) -> Team:
    """A team that uses the stack."""
    return settled(running.http)


@pytest.fixture(scope="module")
def saved(stack: backup.Stack, team: Team, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A backup, and what the API showed then."""
    folder = tmp_path_factory.mktemp("backup") / "first"
    before = team.answers()
    backup.export(stack, folder)
    return folder, before


def test_a_backup_holds_every_table_and_is_private(stack: backup.Stack, saved: tuple[Path, dict[str, Any]]) -> None:
    """The manifest counts all items, and only the owner may read the folder."""
    folder, _before = saved
    tables = json.loads((folder / "manifest.json").read_text())["tables"]
    dynamodb = stack.aws("dynamodb")
    assert {name: one["items"] for name, one in tables.items()} == {
        name: content_of(scan(dynamodb, table)).items for name, table in stack.tables.items()
    }
    assert len(tables) == 10
    assert (folder.stat().st_mode & 0o077, (folder / "keys.json").stat().st_mode & 0o077) == (0, 0)


def test_a_full_stack_is_not_overwritten(stack: backup.Stack, saved: tuple[Path, dict[str, Any]]) -> None:
    """Without `replace` the command names the tables that are not empty, and changes nothing."""
    with pytest.raises(backup.Refused, match=r"ModelsTable.* are not empty"):
        backup.restore(stack, saved[0])


def test_a_damaged_backup_is_refused(
    stack: backup.Stack, team: Team, saved: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """A file without its last item is noticed before a table is touched."""
    for file in saved[0].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    lines = gzip.decompress((saved[0] / "ModelsTable.jsonl.gz").read_bytes()).splitlines(keepends=True)
    (tmp_path / "ModelsTable.jsonl.gz").write_bytes(gzip.compress(b"".join(lines[:-1])))
    with pytest.raises(backup.Refused, match=r"ModelsTable\.jsonl\.gz is damaged"):
        backup.restore(stack, tmp_path, replace=True)
    assert team.answers() == saved[1]


def test_changes_during_a_backup_are_noticed(
    stack: backup.Stack, team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a table changes between the two reads each time, there is no backup of one moment."""

    def changing(dynamodb: Any, table: str) -> Iterator[dict[str, Any]]:
        yield from scan(dynamodb, table)
        if table == stack.tables["HistoryTable"]:
            number = str(content_of(scan(dynamodb, table)).items)
            dynamodb.put_item(TableName=table, Item={"pk": {"S": "made by a test"}, "sk": {"S": number}})

    monkeypatch.setattr(backup, "scan", changing)
    with pytest.raises(backup.Refused, match="HistoryTable changed while being read, 3 times"):
        backup.export(stack, tmp_path / "never")
    assert stack.aws("events").describe_rule(Name=stack.resources["ScheduleRule"].rpartition("/")[2])["State"]


def test_everything_comes_back_once(stack: backup.Stack, team: Team, saved: tuple[Path, dict[str, Any]]) -> None:
    """Tables are emptied and keys deleted. The restored stack answers as before, counts once and sends once."""
    dynamodb, gateway = stack.aws("dynamodb"), stack.aws("apigateway")
    for table in stack.tables.values():
        delete(dynamodb, table, list(keys_of(dynamodb, table)))
    for key in json.loads((saved[0] / "keys.json").read_text()):
        gateway.delete_api_key(apiKey=key["id"])
    assert team.call("GET", "/models").status_code == 403
    backup.restore(stack, saved[0])
    holds(team, saved[1])
