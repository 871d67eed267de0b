"""The engine's package: pure, renamed in its imports alone, and equal to the package that the service runs."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.environments import interpreters
from scripts.build import wheels

ROOT = Path(__file__).parents[3]
UV = ROOT / ".venv" / "bin" / "uv"

SCRIPT = """
import json, random, sys
from datetime import UTC, datetime
from importlib import import_module

def at(name):
    return import_module(f"{sys.argv[1]}.{name}")

chance = random.Random(7)

def rows(shift, count):
    return [
        {"amount": chance.gauss(shift, 1), "visits": chance.randint(0, 9), "country": chance.choice("abcd"),
         "member": chance.random() < 0.4, "id": f"u{chance.randint(0, 10**6)}"}
        for _ in range(count)
    ]

now = datetime(2026, 3, 4, 5, tzinfo=UTC)
before, after = rows(0, 2000), rows(0.4, 1500)
columns = {name: [row[name] for row in before] for name in before[0]}
baseline = at("distributions.baseline").build(columns, None, days=3)
stored = at("distributions.encoding").encode(baseline)
row = at("rows.columns").Row
logged = [row(now.timestamp() - 60 * place, one, None, None) for place, one in enumerate(after)]
batch = at("rows.unpacking").columns(at("rows.packing").pack(logged))
hours = at("counting.batches").count(baseline, [batch])
total = at("counting.counts").Counts.empty(baseline)
for counts in hours.values():
    total = total + counts
schemas, findings = at("alerts.schemas"), at("alerts.findings")
occasion = findings.Occasion(
    now=now, organization_id="o", model_id="m", model_name="churn", settings=at("models.settings").ModelSettings(),
    baseline_version=1, n_baseline=baseline.rows, n_window=total.rows, window=schemas.Window(start=now, end=now),
    preliminary=False, warming_up=False, silent=False, new_id=lambda _now: "01J",
)
verdict = at("verdicts.judging").judge(baseline, total, None, occasion)
alerts = at("alerts.replaying").ReplayedAlerts()
opened = alerts.apply(verdict.findings, occasion)
print(json.dumps([stored.hex() if isinstance(stored, bytes) else repr(stored), verdict.report,
                  [alert.model_dump(mode="json") for alert in opened]], sort_keys=True))
"""


def results(python: str, package: str, folder: Path | None = None) -> list[object]:
    """What a package makes of rows, by one interpreter. folder: where the package lies, None if it is installed."""
    environment = {**os.environ, "PYTHONPATH": str(folder) if folder else ""}
    done = subprocess.run(
        [python, "-c", SCRIPT, package], capture_output=True, text=True, check=False, env=environment, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    found: list[object] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The engine's wheel, as `make wheels` builds it."""
    folder = tmp_path_factory.mktemp("wheels")
    return wheels.build(folder, wheels.ENGINE)[0]


def fresh() -> Iterator[str]:
    """The versions of Python that the engine supports and this machine has."""
    for version in ("3.12", "3.13"):
        if next(interpreters(version), None) is not None:
            yield version


@pytest.mark.parametrize("version", [*fresh()])
def test_the_installed_engine_gives_the_results_of_the_service(wheel: Path, version: str, tmp_path: Path) -> None:
    """In a fresh environment the wheel reads, counts, judges and opens alerts exactly as the service's package does."""
    python = tmp_path / "env" / "bin" / "python"
    interpreter = next(interpreters(version))
    subprocess.run([UV, "venv", "--quiet", "--python", interpreter, tmp_path / "env"], check=True)
    subprocess.run([UV, "pip", "install", "--quiet", "--python", python, wheel], check=True)
    own = results(sys.executable, "driftguard", ROOT / "layers" / "driftguard")
    assert own[2], "the rows must open an alert, so that the comparison means something"
    assert results(str(python), "driftguard_engine") == own


def test_only_imports_are_renamed() -> None:
    """Prose and texts that name the package stay as they are."""
    source = (
        '"""Only driftguard.alerts changes it."""\nfrom driftguard.rows import columns\n\nNAME = "from driftguard"\n'
    )
    assert wheels.renamed(source) == source.replace("from driftguard.rows", "from driftguard_engine.rows")


def test_no_module_of_the_engine_imports_the_service(tmp_path: Path) -> None:
    """The copy is complete: nothing in it still imports the package it was made of."""
    for path in wheels.write_engine(tmp_path):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert not [line for line in lines if line.startswith(("from driftguard.", "import driftguard"))], path


def test_something_impure_fails_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """A room that reaches AWS is refused, and the error names the chain of imports."""
    monkeypatch.setattr(wheels, "PURE", ("checks/window",))
    with pytest.raises(wheels.Impure, match=r"checks\.window imports .* imports (boto3|pynamodb|botocore)"):
        wheels.modules()
