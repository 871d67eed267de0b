"""The pages of docs/ that promise to be complete are complete."""

import inspect
import json
import re
from pathlib import Path

import pytest
import yaml

from driftguard import all_tables
from driftguard.models.settings import FeatureOverride, ModelSettings
from driftguard_client import DriftGuard
from driftguard_client.cli.main import _parser
from sandbox import stack

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def rows(page: str) -> dict[str, list[str]]:
    """The rows of a page's tables that begin with a name in code, by that name."""
    lines = re.findall(r"^\| `(\w+)` \|(.+)\|$", (DOCS / page).read_text(), re.MULTILINE)
    found: dict[str, list[str]] = {}
    for name, rest in lines:
        found.setdefault(name, [cell.strip() for cell in rest.split(" | ")])
    return found


def test_every_alarm_says_what_it_means_and_what_to_do() -> None:
    """docs/operate.md has a row with text for each alarm of the template and for no other."""
    found = {name: cells for name, cells in rows("operate.md").items() if name.endswith("Alarm")}
    alarms = {name for name, part in stack.source()["Resources"].items() if part["Type"] == "AWS::CloudWatch::Alarm"}
    assert set(found) == alarms
    assert all(len(cells) == 2 and min(map(len, cells)) > 20 for cells in found.values())


def test_every_parameter_is_told_with_its_default() -> None:
    """docs/configure.md has a row for each parameter of the template, with its default and its description."""
    found = rows("configure.md")
    for name, parameter in stack.source()["Parameters"].items():
        default = f"`{parameter['Default']}`" if parameter["Default"] != "" else "empty"
        assert found[name][0] == default, name
        assert found[name][2] == parameter["Description"], name


def test_every_setting_is_told_with_its_default() -> None:
    """docs/configure.md has a row for each setting of a model, and names all that a feature may override."""
    found = rows("configure.md")
    for name, field in ModelSettings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        assert found[name][0] == f"`{json.dumps(default)}`", name
        assert found[name][1] == field.description, name
    assert all(f"`{name}`" in found["features"][1] for name in FeatureOverride.model_fields)


def test_the_data_model_is_in_the_tables_own_words() -> None:
    """docs/data-model.md holds the docstring of every table class as it is."""
    text = (DOCS / "data-model.md").read_text()
    for table in all_tables.ALL:
        assert f"### {table.__name__}\n\n{inspect.getdoc(table)}\n" in text, table.__name__


def test_the_client_is_told_completely() -> None:
    """docs/client.md has a row for each option of DriftGuard, each number of stats(), and each command."""
    text = (DOCS / "client.md").read_text()
    options = set(inspect.signature(DriftGuard).parameters)
    assert options == {name for name in options if f"`{name}`" in text}
    assert set(DriftGuard("http://127.0.0.1:9", "key").stats()) <= set(rows("client.md"))
    commands = _parser([])._subparsers
    assert commands is not None
    names = set(commands._group_actions[0].choices or ())
    assert names == {name for name in names if f"| `driftguard {name}" in text}


def test_the_start_page_leads_to_every_page() -> None:
    """Each page of docs/ is listed there."""
    listed = set(re.findall(r"\]\(([a-z-]+\.md)\)", (DOCS / "README.md").read_text()))
    assert listed == {page.name for page in DOCS.glob("*.md")} - {"README.md"}


@pytest.mark.parametrize("name", ["check", "release"])
def test_workflows_run_what_runs_here(name: str) -> None:
    """Each workflow is YAML and begins with the one command that CI is."""
    workflow = yaml.safe_load((ROOT / ".github/workflows" / f"{name}.yml").read_text())
    steps = next(iter(workflow["jobs"].values()))["steps"]
    assert ".ci/run" in [step.get("run") for step in steps]
