"""What `make build` leaves: small enough, precompiled, for this machine, with all that the functions call."""

import importlib.util
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.footprint import functions
from tests.local.launched import ROOT

BUILT = ROOT / ".aws-sam" / "build"
LIMIT = 250 * 1024 * 1024
"""What Lambda allows a function with its layers, unzipped."""


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    """The built template."""
    path = BUILT / "template.yaml"
    assert path.exists(), "run `make build` first"
    built: dict[str, Any] = yaml.safe_load(path.read_text())
    return built


def test_every_function_with_its_layers_is_under_lambdas_limit(template: dict[str, Any]) -> None:
    """Lambda refuses more than 250 MiB unzipped."""

    def size(name: str) -> int:
        return sum(path.stat().st_size for path in (BUILT / name).rglob("*") if path.is_file())

    whole = {name: size(name) + sum(map(size, layers)) for name, layers in functions(template).items()}
    assert {name for name, total in whole.items() if total > LIMIT} == set()


@pytest.mark.parametrize("layer", ["DependenciesLayer", "DriftGuardLayer", "ScientificLayer"])
def test_layers_carry_bytecode_that_is_used_as_it_is(layer: str) -> None:
    """Without it every cold start compiles again; unchecked, because unzipping gives sources another time."""
    for source in (BUILT / layer).rglob("*.py"):
        header = Path(importlib.util.cache_from_source(str(source))).read_bytes()[4:8]
        assert int.from_bytes(header, "little") == 0b01, source


def test_compiled_parts_are_for_this_machine() -> None:
    """The local stack runs what was built, so it is built for here."""
    libraries = list((BUILT / "DependenciesLayer").rglob("*.cpython-*.so"))
    assert libraries
    assert {path.name.split("-")[2] for path in libraries} == {platform.machine()}


def test_the_dependencies_define_every_service_that_the_functions_call() -> None:
    """botocore's definitions of the others are left out of the layer."""
    code = [*ROOT.glob("functions/*/app.py"), *ROOT.glob("layers/driftguard/**/*.py")]
    called = {name for path in code for name in re.findall(r'client\(\s*"([a-z0-9]+)"', path.read_text())} | {
        "dynamodb"
    }
    script = "import boto3, sys; [boto3.client(name, region_name='eu-west-1') for name in sys.argv[1:]]"
    layer = {"PYTHONPATH": str(BUILT / "DependenciesLayer" / "python"), "PATH": os.environ["PATH"]}
    python = ROOT / ".venv-runtime" / "bin" / "python"
    subprocess.run([python, "-c", script, *sorted(called)], env=layer, check=True)
    assert len(called) > 3


def test_numpy_and_scipy_work_out_of_their_layer() -> None:
    """Pruning took nothing that they need."""
    script = """
import numpy, numpy.linalg, scipy.stats, scipy.special
assert scipy.stats.ks_2samp(numpy.arange(50.0), numpy.arange(50.0) + 30).pvalue < 1e-6
assert scipy.stats.kstwo.sf(0.3, 20) > 0
assert numpy.__file__.startswith({!r})
"""
    folder = str(BUILT / "ScientificLayer" / "python")
    python = ROOT / ".venv-runtime" / "bin" / "python"
    subprocess.run([python, "-c", script.format(folder)], env={"PYTHONPATH": folder}, check=True)


@pytest.mark.parametrize("lock", sorted([*ROOT.glob("requirements/*.txt"), *ROOT.glob("layers/*/requirements.txt")]))
def test_a_lock_has_hashes_and_no_address(lock: Path) -> None:
    """It holds for any mirror, and for nothing but the very files that were looked at."""
    text = lock.read_text()
    pins = re.findall(r"^[a-z0-9._-]+(?:\[[a-z0-9,-]+\])?==\S+", text, re.MULTILINE | re.IGNORECASE)
    assert pins
    assert text.count("--hash=sha256:") >= len(pins)
    assert not re.search(r"https?://|--index-url|--find-links", text)


def test_what_the_functions_have_here_is_what_their_layer_has() -> None:
    """Tests in this process run with the versions that are deployed."""
    layer = re.findall(
        r"^([a-z0-9._-]+==\S+)", (ROOT / "layers/dependencies/requirements.txt").read_text(), re.MULTILINE
    )
    ours = (ROOT / "requirements/dev.txt").read_text()
    assert [pin for pin in layer if f"\n{pin} " not in f"\n{ours}"] == []


def test_a_deployment_joins_the_parameters_of_samconfig_and_those_given() -> None:
    """SAM itself would forget the former as soon as one is given."""
    from scripts.operate.deploy import parsed

    given = ["--region", "eu-west-1", "EmailFrom=a@example.com", "LogRetentionDays=7"]
    words = parsed(["--config", "prod", "--architecture", "x86_64", *given]).command
    overrides = words[words.index("--parameter-overrides") + 1 :]
    expected = {"EmailFrom=a@example.com", "LogRetentionDays=7", "Architecture=x86_64", "DeletionProtection=true"}
    assert expected <= set(overrides)
    assert "LogRetentionDays=90" not in overrides
    assert words[words.index("--config-env") + 1] == "prod"


def test_the_set_up_finds_a_python_that_starts_behind_one_that_does_not(tmp_path: Path) -> None:
    """A pyenv shim of another version is on PATH but fails; the next that works is taken."""
    for name, text in (("shims", "#!/bin/sh\nexit 127\n"), ("real", f'#!/bin/sh\nexec {sys.executable} "$@"\n')):
        (tmp_path / name).mkdir()
        program = tmp_path / name / "python3.13"
        program.write_text(text)
        program.chmod(0o755)
    path = os.pathsep.join([str(tmp_path / "shims"), str(tmp_path / "real"), "/usr/bin", "/bin"])
    run = subprocess.run(
        ["sh", "scripts/environments/find_python.sh"],
        cwd=ROOT,
        env={"PATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == str(tmp_path / "real" / "python3.13")


def test_the_set_up_says_what_to_do_where_there_is_no_python(tmp_path: Path) -> None:
    """It names ways to get one and exits with an error."""
    (tmp_path / "cat").symlink_to("/bin/cat")
    run = subprocess.run(
        ["/bin/sh", "scripts/environments/find_python.sh"],
        cwd=ROOT,
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if Path("/usr/bin/python3.13").exists() or Path("/usr/local/bin/python3.13").exists():
        pytest.skip("this machine has one where the set-up looks by itself")
    assert run.returncode == 1
    assert "needs CPython 3.13" in run.stderr
    assert "make setup PYTHON=" in run.stderr
