"""The floor plan: imports go down only, and the engine needs no AWS."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers/driftguard/driftguard"

FLOORS = (
    ("platform", "statistics"),
    ("models", "rows", "distributions"),
    ("alerts", "predictions", "organizations", "uploads"),
    ("notifications", "counting", "baselines", "performance", "api"),
    ("verdicts",),
    ("checks",),
    ("all_tables",),
)
"""The rooms of the package, bottom to top. Rooms on one floor do not import each other."""

FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}

TABLE_READERS = {
    *("folding", "fresh", "past", "series", "steps", "tables"),
    *(
        "days",
        "intake",
        "joining",
        "maturing",
        "partitions",
        "searching",
        "splitting",
        "unsettled",
        "loading",
        "label_uploads",
        "schemas",
    ),
}
ENGINE = [
    *(f"driftguard.{room}" for room in ("statistics", "rows", "distributions", "verdicts")),
    "driftguard.models.settings",
    "driftguard.models.task",
    "driftguard.alerts.findings",
    "driftguard.alerts.lifecycle",
    "driftguard.alerts.transitions",
    "driftguard.alerts.episodes",
    "driftguard.alerts.replaying",
    "driftguard.counting",
    "driftguard.performance",
]


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, at its top or anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def room_of(path: Path) -> str:
    """The room that a file of the package lies in."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_room_has_a_floor() -> None:
    """No folder of the package is missing from the list of floors, and the list names no other."""
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__"}
    assert rooms == set(FLOOR_OF)


def test_imports_go_down_only() -> None:
    """No module imports a room on its own floor or above it."""
    up = [
        f"{path.relative_to(PACKAGE)} imports {module}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for module in imported(path)
        if module.startswith("driftguard.")
        for room in [module.split(".")[1]]
        if room != room_of(path) and FLOOR_OF[room] >= FLOOR_OF[room_of(path)]
    ]
    assert up == []


def test_only_functions_import_the_api() -> None:
    """The HTTP layer is imported by the functions alone: no room of the package needs it."""
    inside = [str(path) for path in PACKAGE.rglob("*.py") for name in imported(path) if ".api." in f"{name}."]
    assert [path for path in inside if room_of(Path(path)) != "api"] == []


@pytest.mark.parametrize("module", ENGINE)
def test_the_engine_imports_without_aws(module: str) -> None:
    """Statistics, rows, distributions, verdicts and the life of alerts import without boto3, PynamoDB or Powertools."""
    folder = PACKAGE.joinpath(*module.split(".")[1:])
    modules = [module]
    if folder.is_dir():
        modules = [f"{module}.{path.stem}" for path in folder.glob("[a-z]*.py") if path.stem not in TABLE_READERS]
    code = (
        "import sys\nfor name in ('boto3', 'botocore', 'pynamodb', 'aws_lambda_powertools'): sys.modules[name] = None\n"
    )
    code += "".join(f"import {name}\n" for name in sorted(modules))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(PACKAGE.parent)},
    )
    assert done.returncode == 0, done.stderr.splitlines()[-1]
