"""An upgrade from a release whose events call functions without an alias, the next upgrade, and the way back.

The emulator calls every function between the two steps of its update (tests/local/upgrading.py). Each build has a
module in its layer that only its own functions import, so that code beside another build's layer cannot start.
"""

import base64
import copy
import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.local.account import Account
from tests.local.launched import launched
from tests.local.test_deployment import BUILT, MAIL, STACK, Tenant, succeeded, tenant, written

pytestmark = pytest.mark.stack

STORED = Path(__file__).parents[1] / "stored" / "items"
FUNCTIONS = 18


@dataclass(frozen=True)
class Emulator:
    """The account, and what its functions answered between the steps of an update."""

    account: Account
    notes: Path

    def calls(self) -> list[Any]:
        """The answers since the last time this was called."""
        found = [json.loads(line) for line in self.notes.read_text().splitlines()] if self.notes.exists() else []
        self.notes.unlink(missing_ok=True)
        return found

    def items(self) -> Any:
        """The items of every table."""
        return {name: told["items"] for name, told in self.account.things().items() if name.startswith("table ")}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An account without anything in it."""
    assert BUILT.exists(), "run `make build` first"
    state = tmp_path_factory.mktemp("upgrade")
    with launched(state, template=BUILT, module="tests.local.upgrading") as running:
        yield Emulator(Account(running.stack["aws_endpoint"], tmp_path_factory.mktemp("home")), state / "between.jsonl")


def build(word: str, folder: Path) -> Any:
    """The built template, with a module of this name in the layer, which every function imports."""
    template = yaml.safe_load(BUILT.read_text())
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            shutil.copytree(BUILT.parent / name, folder / name)
            app = folder / name / "app.py"
            text, count = re.subn(
                r"^(?=import |from )", f"import {word}\n", app.read_text(), count=1, flags=re.MULTILINE
            )
            assert count == 1, name
            app.write_text(text)
            properties["CodeUri"] = str(folder / name)
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            properties["ContentUri"] = str(BUILT.parent / name)
    shutil.copytree(BUILT.parent / "DriftGuardLayer", folder / "DriftGuardLayer")
    (folder / "DriftGuardLayer" / "python" / f"{word}.py").write_text("")
    template["Resources"]["DriftGuardLayer"]["Properties"]["ContentUri"] = str(folder / "DriftGuardLayer")
    return template


def without_aliases(template: Any) -> Any:
    """The template as it was released before functions had aliases."""
    result = copy.deepcopy(template)
    functions = [name for name, each in result["Resources"].items() if each["Type"] == "AWS::Serverless::Function"]
    for key in ("AutoPublishAlias", "VersionDeletionPolicy", "DeploymentPreference"):
        del result["Globals"]["Function"][key]
    for name in functions:
        properties = result["Resources"][name]["Properties"]
        del properties["AutoPublishAliasAllProperties"], properties["VersionDescription"]
    text = json.dumps(result).replace(":live", "")
    for name in functions:
        text = text.replace(json.dumps({"Ref": f"{name}.Alias"}), json.dumps({"Fn::GetAtt": [name, "Arn"]}))
    return json.loads(text)


@dataclass(frozen=True)
class After:
    """How it was after an update: the answers between its steps, and what a tenant and the tables had."""

    calls: list[Any]
    models: Any
    items: Any
    levels: set[str]

    def answers(self, by: str) -> set[tuple[str, bool]]:
        """Whether a function was broken, by its alias `live` or by itself (`$LATEST`)."""
        return {(call["function"], call["broken"]) for call in self.calls if call["by"] == by}


@dataclass(frozen=True)
class Story:
    """What happened."""

    released: After
    upgraded: After
    changed: After
    back: After


@pytest.fixture(scope="module")
def story(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The release with data of 6b020ce, then this version, then another parameter, then the release again."""
    account, folder = emulator.account, tmp_path_factory.mktemp("builds")
    before, after = (build(word, folder / word) for word in ("before", "after"))
    released = written(without_aliases(before), folder / "released.yaml")
    current = written(after, folder / "current.yaml")
    succeeded(account.deploy(released, MAIL, "ScheduleState=DISABLED"))
    for file in STORED.glob("*.json"):
        table = account.resources(STACK)[f"{file.stem.capitalize()}Table"]
        for item in json.loads(file.read_text()):
            account.aws("dynamodb").put_item(TableName=table, Item=_decoded(item))
    user = tenant(account, account.outputs(STACK))
    assert user.call("POST", "/models", json={"name": "churn"}).status_code == 201
    emulator.calls()
    steps = [_after(emulator, user)]
    for template, *parameters in ((current,), (current, "LogLevel=DEBUG"), (released,)):
        succeeded(account.deploy(template, MAIL, *parameters))
        steps.append(_after(emulator, user))
    return Story(*steps)


def _after(emulator: Emulator, user: Tenant) -> After:
    calls, functions = emulator.calls(), emulator.account.aws("lambda")
    models = user.call("GET", "/models")
    assert models.status_code == 200, models.text
    levels = set()
    for name, identity in emulator.account.resources(STACK).items():
        if name.endswith("Function"):
            called = emulator.account.resources(STACK).get(f"{name}Aliaslive", identity)
            variables = functions.get_function_configuration(FunctionName=called)["Environment"]["Variables"]
            levels.add(variables["POWERTOOLS_LOG_LEVEL"])
    return After(calls, models.json(), emulator.items(), levels)


def _decoded(item: Any) -> Any:
    return {
        name: {kind: base64.b64decode(value) if kind == "B" else value for kind, value in attribute.items()}
        for name, attribute in item.items()
    }


def test_a_function_itself_is_broken_between_the_steps_of_its_update(story: Story) -> None:
    """Its new code does not start beside the old layer. So the emulator shows what aliases are for."""
    assert len({name for name, broken in story.upgraded.answers("$LATEST") if broken}) == FUNCTIONS


@pytest.mark.parametrize("step", ["upgraded", "changed", "back"])
def test_no_caller_of_an_alias_sees_half_an_update(story: Story, step: str) -> None:
    """Every function answers by its alias after each step of an update, on the way there and back."""
    answers = getattr(story, step).answers("live")
    assert len({name for name, _ in answers}) == FUNCTIONS
    assert not [name for name, broken in answers if broken]


def test_another_parameter_alone_reaches_every_alias(story: Story) -> None:
    """SAM itself publishes no version for it."""
    assert (story.upgraded.levels, story.changed.levels) == ({"INFO"}, {"DEBUG"})


def test_data_of_6b020ce_stay_as_they_are(story: Story) -> None:
    """No update changes an item, and a tenant sees the same models after each. Items that expired do not count."""
    assert sum(map(len, story.released.items.values())) > 100
    for step in (story.upgraded, story.changed, story.back):
        assert {table: _living(items) for table, items in step.items.items()} == {
            table: _living(items) for table, items in story.released.items.items()
        }
        assert step.models == story.released.models


def _living(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    now = time.time()
    return [item for item in items if float(item.get("expires_at", {}).get("N", "inf")) > now]
