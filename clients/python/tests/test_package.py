"""The package itself: no dependencies, few imports, small, and the same on the oldest Python that it supports."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from testing.processes import LIBRARY, python
from testing.service import Service

ROOT = LIBRARY.parents[1]
HEAVY = {
    "http.client",
    "ssl",
    "pathlib",
    "typing",
    "inspect",
    "dataclasses",
    "logging",
    "asyncio",
    "numpy",
    "pandas",
    "pyarrow",
}
OLDEST = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions").glob("3.10.*/bin/python3.10"))


def test_the_import_loads_nothing_heavy() -> None:
    """Neither http.client nor ssl nor dataclasses, and never numpy or pandas. `make bench` measures the time."""
    code = "import sys; before = set(sys.modules); import driftguard_client; print(*(set(sys.modules) - before))"
    process = subprocess.run(
        [sys.executable, "-S", "-c", code], env={"PYTHONPATH": str(LIBRARY)}, capture_output=True, text=True, check=True
    )
    assert HEAVY & set(process.stdout.split()) == set()


def test_logging_and_frames_import_no_library_of_the_caller(service: Service) -> None:
    """pandas, polars, numpy and pyarrow are looked up in sys.modules only."""
    process = python(
        """
        import sys
        from driftguard_client import DriftGuard

        dg = DriftGuard(sys.argv[1], "secret")
        dg.model("churn").log({"age": 1, "plan": "basic"}, 0.5)
        print(dg.model("churn").log_frame({"age": [1, 2]}))
        dg.flush()
        print(sorted({"numpy", "pandas", "polars", "pyarrow", "mlflow", "fastapi"} & set(sys.modules)))
        """,
        service.url,
    )
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert out.decode().splitlines() == ["2 of 2 rows logged", "[]"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the client, built."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    shutil.copytree(LIBRARY, copy, ignore=shutil.ignore_patterns("__pycache__", "tests", "testing", "build"))
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_is_small_and_needs_nothing(wheel: Path) -> None:
    """Below 200 kB, typed, without tests, and without a dependency outside of the extra."""
    assert wheel.stat().st_size < 200_000
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (archive.read(name).decode() for name in names if name.endswith("METADATA"))
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist")]
    assert all("extra == 'compare'" in line for line in needed)
    assert "driftguard_client/py.typed" in names
    assert not [name for name in names if name.startswith(("tests", "testing", "examples"))]


@pytest.mark.parametrize("interpreter", [sys.executable, *map(str, OLDEST)])
def test_the_wheel_works_in_a_fresh_environment(
    wheel: Path, tmp_path: Path, service: Service, interpreter: str
) -> None:
    """Installed alone, also on Python 3.10: the library, the spool and the command work; compare says what it needs."""
    environment = tmp_path / "environment"
    subprocess.run([interpreter, "-m", "venv", str(environment)], check=True)
    run = environment / "bin"
    install = [str(run / "python"), "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", str(wheel)]
    subprocess.run(install, check=True)
    variables = {"DRIFTGUARD_URL": service.url, "DRIFTGUARD_API_KEY": service.key, "PATH": os.environ["PATH"]}
    code = f"""
import datetime, decimal
from driftguard_client import DriftGuard

with DriftGuard(spool_dir={str(tmp_path / "spool")!r}, strict=True) as dg:
    at = datetime.datetime.now(datetime.timezone.utc)
    dg.model("churn").log({{"age": decimal.Decimal("1.5")}}, 0.5, timestamp=at, prediction_id="one")
    dg.model("churn").log({{"age": 1}}, timestamp="2026-11-06T07:26:10.5Z", prediction_id="two")
    dg.model("churn").log_label("one", 1, timestamp=at, outcomes={{"revenue": decimal.Decimal("2.5")}})
    assert dg.flush()
    assert dg.model("churn").log_frame({{"age": [1, 2]}}, batch_id="frame").accepted == 2
    assert dg.model("churn").log_labels({{"prediction_id": ["two", "three"], "label": [1, None]}}).unlabelled == 1
"""
    subprocess.run([str(run / "python"), "-W", "error", "-c", code], env=variables, check=True)
    assert sorted(service.ids) == ["frame-0", "frame-1", "one", "two"]
    assert [one["prediction_id"] for one in service.labels] == ["one", "two"]
    (tmp_path / "today.csv").write_text("age\n1\n")
    logged = [str(run / "driftguard"), "log", "churn", str(tmp_path / "today.csv")]
    subprocess.run(logged, env=variables, check=True, capture_output=True)
    assert len(service.rows) == 5
    compared = subprocess.run(
        [str(run / "driftguard"), "compare", "a.csv", "b.csv"],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert compared.returncode == 2
    assert "pip install" in compared.stderr
    assert "driftguard-client[compare]" in compared.stderr


def test_there_is_a_changelog_for_the_version() -> None:
    """The version of the package has its entry."""
    from driftguard_client import __version__

    assert f"\n## {__version__}" in (LIBRARY / "CHANGELOG.md").read_text()
    assert (ROOT / "docs" / "client.md").exists()
