"""Saves all tables of a stack as files of one moment, and brings them back: `make backup TO=…`, `make restore FROM=…`.

A backup is a folder: manifest.json, one file per table, and keys.json with the values of the API keys. Whoever has the
folder has all data and may call the API, so keep it as secret as the keys.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from scripts.operate.session import region_of, settings_of
from scripts.operate.snapshot import Content, Item, content_of, delete, keys_of, put, read, save, scan

FORMAT: Final = 1
TRIES: Final = 3
LAST: Final = "OrganizationsTable"
"""Without it no key is accepted, so it is emptied first and written last."""

type Clients = Callable[[str], Any]


class Refused(Exception):
    """The command cannot be carried out. The text says what to do."""


@dataclass(frozen=True)
class Stack:
    """A deployed stack: its clients by service, and its resources by logical id.

    suffix: what the names of restored copies of the tables end with. Empty for the tables themselves.
    """

    aws: Clients
    resources: Mapping[str, str]
    suffix: str = ""

    @property
    def tables(self) -> dict[str, str]:
        """The names of the tables by logical id. The one that opens the API is last."""
        names = sorted(
            (name for name in self.resources if name.endswith("Table")), key=lambda name: (name == LAST, name)
        )
        return {name: self.resources[name] + self.suffix for name in names}

    @classmethod
    def of(cls, session: boto3.Session, name: str, suffix: str = "") -> "Stack":
        """Find a stack by its name."""
        pages = session.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=name)
        found = {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for page in pages
            for one in page["StackResourceSummaries"]
            if one["ResourceStatus"] != "DELETE_COMPLETE"
        }
        return cls(session.client, found, suffix)


def export(stack: Stack, folder: Path) -> dict[str, Content]:
    """Save all tables and keys to an empty folder. Returns what the tables hold.

    All tables are read twice. If no item differs, the files hold what all tables held at one moment between the two
    reads. The schedule stands still meanwhile. Raises Refused if clients write all the time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if any(folder.iterdir()):
        raise Refused(f"{folder} is not empty. Name a new folder.")
    dynamodb = stack.aws("dynamodb")
    with _standing_still(stack):
        for _try in range(TRIES):
            first = {name: save(scan(dynamodb, table), _file(folder, name)) for name, table in stack.tables.items()}
            moment = datetime.now(UTC)
            second = {name: content_of(scan(dynamodb, table)) for name, table in stack.tables.items()}
            if first == second:
                break
        else:
            changed = ", ".join(name for name in first if first[name] != second[name])
            raise Refused(f"{changed} changed while being read, {TRIES} times. Stop the clients, then try again.")
    _write_private(folder / "keys.json", list(_keys(stack)))
    manifest = {"format": FORMAT, "moment": moment.isoformat(), "tables": {k: v.dump() for k, v in first.items()}}
    _write_private(folder / "manifest.json", manifest)
    return first


def restore(stack: Stack, folder: Path, *, replace: bool = False) -> dict[str, Content]:
    """Bring a backup back into the tables of a deployed stack, and the API keys with their values.

    The API refuses every key until all is back. replace: delete what the tables hold. Raises Refused before anything is
    changed if the backup is damaged or if the tables are not empty.
    """
    saved = _checked(stack, folder)
    dynamodb = stack.aws("dynamodb")
    if not replace:
        full = [name for name, table in stack.tables.items() if next(scan(dynamodb, table), None) is not None]
        if full:
            raise Refused(f"{', '.join(full)} are not empty. Add REPLACE=yes to delete what they hold.")
    with _standing_still(stack):
        for table in reversed(stack.tables.values()):
            delete(dynamodb, table, list(keys_of(dynamodb, table)))
        renamed = _restore_keys(stack, json.loads((folder / "keys.json").read_text()))
        found = {}
        for name, table in stack.tables.items():
            # A table that a newer version added is not in the backup, and stays empty.
            items = _renamed(read(_file(folder, name)), renamed if name == LAST else {}) if name in saved else ()
            written = put(dynamodb, table, items)
            found[name] = content_of(scan(dynamodb, table))
            if found[name] != written:
                raise Refused(f"{table} does not hold what was written. Does a client write? Run the command again.")
    return found


def _checked(stack: Stack, folder: Path) -> dict[str, Content]:
    """Return what the files hold. Raises Refused unless they are whole and fit to the stack."""
    manifest = json.loads((folder / "manifest.json").read_text())
    if manifest["format"] != FORMAT:
        raise Refused(f"The backup has format {manifest['format']}. Restore it with the version that wrote it.")
    saved = {name: Content.load(one) for name, one in manifest["tables"].items()}
    if unknown := saved.keys() - stack.tables.keys():
        raise Refused(f"The stack has no {', '.join(sorted(unknown))}. Deploy the version that wrote the backup first.")
    for name, content in saved.items():
        if content_of(read(_file(folder, name))) != content:
            raise Refused(f"{_file(folder, name)} is damaged. Use another backup.")
    return saved


class _standing_still:  # noqa: N801  used as a function
    """In the block, the schedule is off. Afterwards it is as it was."""

    def __init__(self, stack: Stack) -> None:
        self._events, self._rule = stack.aws("events"), stack.resources["ScheduleRule"].rpartition("/")[2]
        self._was_on = False

    def __enter__(self) -> None:
        self._was_on = self._events.describe_rule(Name=self._rule)["State"] == "ENABLED"
        if self._was_on:
            self._events.disable_rule(Name=self._rule)

    def __exit__(self, *_error: object) -> None:
        if self._was_on:
            self._events.enable_rule(Name=self._rule)


def _keys(stack: Stack) -> Iterator[dict[str, Any]]:
    """Yield the API keys of the stack's usage plan with their values."""
    gateway = stack.aws("apigateway")
    pages = gateway.get_paginator("get_usage_plan_keys").paginate(usagePlanId=stack.resources["UsagePlan"])
    for one in (one for page in pages for one in page["items"]):
        try:
            key = gateway.get_api_key(apiKey=one["id"], includeValue=True)
        except gateway.exceptions.NotFoundException:
            continue  # it was deleted a moment ago
        yield {name: key.get(name) for name in ("id", "name", "description", "enabled", "value", "tags")}


def _restore_keys(stack: Stack, saved: list[dict[str, Any]]) -> dict[str, str]:
    """Create the keys that API Gateway no longer has, with their old values. Returns the new ids by the old ids."""
    gateway, renamed = stack.aws("apigateway"), {}
    plan = gateway.get_usage_plan(usagePlanId=stack.resources["UsagePlan"]).get("tags") or {}
    # The tag `driftguard:stack` must name the new stack, or its function could not revoke the key.
    tags = {name: value for name, value in plan.items() if not name.startswith("aws:")}
    there = {one["value"]: one["id"] for one in _keys(stack)}
    for key in saved:
        new_id = there.get(key["value"])
        if new_id is None:
            given = {name: key[name] for name in ("name", "description", "enabled", "value") if key.get(name)}
            tagged = {**(key.get("tags") or {}), **tags}
            new_id = gateway.create_api_key(**{"enabled": False, **given}, tags=tagged)["id"]
            gateway.create_usage_plan_key(usagePlanId=stack.resources["UsagePlan"], keyId=new_id, keyType="API_KEY")
        renamed[key["id"]] = new_id
    return renamed


def _renamed(items: Iterator[Item], ids: Mapping[str, str]) -> Iterator[Item]:
    """Yield items with the new ids of their API keys."""
    for item in items:
        old = item.get("key_id", {}).get("S")
        new = ids.get(old, old)
        if new == old:
            yield item
        else:
            places = {name: {"S": item[name]["S"].replace(f"key#{old}", f"key#{new}")} for name in ("pk", "sk")}
            yield {**item, **places, "key_id": {"S": new}}


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.jsonl.gz"


def _write_private(path: Path, value: Any) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps(value, indent=1))


def main() -> int:
    """Run the command. Return 1 if it was refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["export", "restore"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--config", default="default", help="environment of samconfig.toml")
    parser.add_argument("--region", default="", help="region; otherwise samconfig.toml, AWS_REGION or the profile")
    parser.add_argument("--suffix", default="", help="of tables that DynamoDB restored, to export these instead")
    parser.add_argument("--replace", action="store_true", help="restore into tables that are not empty")
    given = parser.parse_args()
    settings = settings_of(given.config)
    session = boto3.Session(region_name=region_of(settings, given.region))
    try:
        stack = Stack.of(session, settings["global"]["parameters"]["stack_name"], given.suffix)
        if given.action == "export":
            found = export(stack, given.folder)
        else:
            found = restore(stack, given.folder, replace=given.replace)
    except (Refused, BotoCoreError, ClientError) as error:
        print(f"{given.action}: {error}", file=sys.stderr)
        return 1
    print(*(f"{name}: {content.items} items" for name, content in found.items()), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
