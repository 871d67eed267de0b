"""What `make build` leaves: small enough, precompiled, for this machine, with all that the functions call."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
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
    assert {path.name[path.name.index(".cpython-") :] for path in libraries} == {EXTENSION_SUFFIXES[0]}


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


def without_python(folder: Path, **programs: str) -> dict[str, str]:
    """Return an environment with the usual tools and these programs on PATH, and with no Python."""
    for name in ("cat", "id", "rm", "mkdir", "ln"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    for name, text in programs.items():
        program = folder / name.replace("_", "-")
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    return {"PATH": str(folder), "HOME": str(folder)}


def find_python(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the script that looks for a Python in `folder`, so that the project's own environments are not in reach."""
    if Path("/usr/bin/python3.13").exists() or Path("/usr/local/bin/python3.13").exists():
        pytest.skip("this machine has one where the set-up looks by itself")
    command = ["/bin/sh", str(ROOT / "scripts/environments/find_python.sh")]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_set_up_says_what_to_do_where_there_is_no_python(tmp_path: Path) -> None:
    """If no Python can be installed, the set-up names ways to get one and exits with an error."""
    run = find_python(tmp_path, without_python(tmp_path, uv='[ "$1 $2" != "python install" ]'))
    assert run.returncode == 1
    assert "needs CPython 3.13" in run.stderr
    assert "make setup PYTHON=" in run.stderr


def test_the_set_up_installs_a_python_with_uv(tmp_path: Path) -> None:
    """Without a Python 3.13, the set-up runs `uv python install` and uses what that command installed."""
    place = tmp_path / ".local/share/uv/python/cpython-3.13.0-x/bin"
    installed = f"mkdir -p {place} && ln -s {sys.executable} {place}/python3.13"
    uv = f'echo "$*" >>{tmp_path}/calls\nif [ "$1 $2" = "python install" ]; then {installed}; else exit 1; fi'
    run = find_python(tmp_path, without_python(tmp_path, uv=uv))
    assert run.stdout.strip() == str(place / "python3.13"), run.stderr
    assert "python install --quiet --no-config 3.13" in (tmp_path / "calls").read_text()
    assert "installing uv's Python" in run.stderr


def test_the_set_up_installs_the_distributions_python_as_root(tmp_path: Path) -> None:
    """As root on Debian and Ubuntu, the set-up asks apt-get before uv."""
    installed = f'#!/bin/sh\nexec {sys.executable} "$@"\n'
    (tmp_path / "prepared").write_text(installed)
    (tmp_path / "prepared").chmod(0o755)
    apt = f'echo "$*" >>{tmp_path}/calls\n[ "$1" != install ] || ln -s {tmp_path}/prepared {tmp_path}/python3.13'
    environment = without_python(tmp_path, apt_get=apt)
    (tmp_path / "id").unlink()
    (tmp_path / "id").write_text("#!/bin/sh\necho 0\n")
    (tmp_path / "id").chmod(0o755)
    run = find_python(tmp_path, environment)
    assert run.stdout.strip() == str(tmp_path / "python3.13"), run.stderr
    assert "install -y -qq --no-install-recommends python3.13 python3.13-venv" in (tmp_path / "calls").read_text()


GNU_ONLY = re.compile(
    r"\bsed -i\b|\breadlink -f\b|\bgrep -P\b|\bstat -c\b|\bdate -d\b|\bcp --|\bxargs -r\b|\bsort -V\b|\bnproc\b"
    r"|\bmktemp --|\bfind [^|]*-printf\b|\btimeout \d|\bhead -n -|\becho -[en]\b|\[\[|\bfunction \w+ ?\{|\blocal \w|<<<"
)
"""Options of GNU's tools that macOS lacks, and what a POSIX shell lacks."""


@pytest.mark.parametrize("script", sorted(ROOT.glob("scripts/**/*.sh")), ids=lambda path: path.name)
def test_a_script_runs_in_any_shell_with_the_tools_of_linux_and_macos(script: Path) -> None:
    """Each script is POSIX shell and uses options that GNU and BSD tools share."""
    lines = [line for line in script.read_text().splitlines() if not line.lstrip().startswith("#")]
    assert [line for line in lines if GNU_ONLY.search(line)] == []
    for shell in filter(None, map(shutil.which, ("sh", "dash", "bash", "busybox"))):
        command = [shell, "sh", "-n"] if shell.endswith("busybox") else [shell, "-n"]
        subprocess.run([*command, script], check=True)


def test_makefiles_keep_to_make_3_81() -> None:
    """macOS has GNU Make 3.81, which lacks later assignments and directives."""
    for makefile in [ROOT / "Makefile", *ROOT.glob("layers/*/Makefile")]:
        text = makefile.read_text()
        assert not re.search(
            r"^\w+ *(!=|::=)|^(undefine|define \w+ =|\.ONESHELL)|\$\((file|guile) ", text, re.MULTILINE
        )


def test_a_layer_is_built_for_here_or_for_lambda() -> None:
    """The layers take this machine's packages for the local stack and Lambda's for a deployment."""
    for layer in ("dependencies", "scientific"):
        for architecture, wanted in (("here", None), ("arm64", "aarch64"), ("x86_64", "x86_64")):
            command = ["make", "-n", "-C", str(ROOT / "layers" / layer), "build-X", "ARTIFACTS_DIR=/nowhere"]
            run = subprocess.run(
                command, env={**os.environ, "ARCHITECTURE": architecture}, capture_output=True, text=True, check=True
            )
            found = re.search(r"--python-platform (\w+)-manylinux_2_34", run.stdout)
            assert (found and found[1]) == wanted
