"""Which modules may import which others."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import stack

ROOT = Path(__file__).parents[2]
SCIENTIFIC = {"check_drift", "join_labels", "build_baseline"}
FUNCTIONS = sorted(path.parent.name for path in ROOT.glob("functions/*/app.py"))

TOOLS = ("bench", "demo", "functions", "layers", "local", "rules", "sandbox", "scripts")

SCRIPT = """
import importlib.util, sys
for name in ("numpy", "scipy", "jinja2", "email_validator"):
    sys.modules[name] = None
spec = importlib.util.spec_from_file_location("app", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
assert callable(module.handler)
"""


def importing(function: str, script: str = SCRIPT) -> subprocess.CompletedProcess[str]:
    """Import a function's app in its own process, where numpy, scipy, jinja2 and email_validator cannot be imported."""
    return subprocess.run(  # noqa: PLW1510  the tests look at how it ends
        [sys.executable, "-c", script, str(ROOT / "functions" / function / "app.py")],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "layers/driftguard"), "AWS_DEFAULT_REGION": "eu-west-1"},
    )


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name not in SCIENTIFIC])
def test_a_function_off_the_slow_path_imports_no_slow_package(function: str) -> None:
    """The import succeeds with the four packages blocked, so a cold start does not pay for them."""
    ended = importing(function)
    assert ended.returncode == 0, ended.stderr


TABLES = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("app", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
from driftguard.platform.dynamodb import Table
print(*sorted({f"{table.table_setting}_TABLE" for table in Table.__subclasses__()}))
"""


def variables_of(function: str) -> dict[str, str]:
    """The environment variables that the template gives a function."""
    for resource in stack.resolved()["Resources"].values():
        variables = resource["Properties"].get("Environment", {}).get("Variables", {})
        if variables.get("POWERTOOLS_SERVICE_NAME") == function:
            return dict(variables)
    raise LookupError(function)


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name != "dashboard"])
def test_a_function_imports_its_tables_before_its_first_request(function: str) -> None:
    """Tables are connected when a request begins, so none that the template gives a function is imported later."""
    given = {name for name in variables_of(function) if name.endswith("_TABLE")}
    ended = importing(function, TABLES)
    assert ended.returncode == 0, ended.stderr
    assert given
    assert given <= set(ended.stdout.split())


def test_the_check_does_need_them() -> None:
    """The block works: where they are needed, the same import fails on them."""
    ended = importing("check_drift")
    assert ended.returncode != 0
    assert "numpy" in ended.stderr


def test_nothing_outside_tests_imports_tests() -> None:
    """Code that tests share with tools is in sandbox/."""
    sources = [path for folder in TOOLS for path in (ROOT / folder).rglob("*.py")]
    imported = {
        (name, str(path.relative_to(ROOT)))
        for path in sources
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert ("sandbox", "sandbox/gateway.py") in imported
    assert [pair for pair in imported if pair[0].split(".")[0] == "tests"] == []
