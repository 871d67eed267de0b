"""Builds the wheels of the client library and of the engine: `python -m scripts.build.wheels [FOLDER]`.

With `--source` it only writes the engine's source, which the type check reads.

The engine is the pure part of the package `driftguard`, copied under the name `driftguard_engine`. On PyPI the name
`driftguard` belongs to another project, and both must be installable together.
"""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "layers" / "driftguard"
ENGINE = ROOT / "clients" / "engine"
CLIENT = ROOT / "clients" / "python"
WHEELS = ROOT / "dist"

OLD, NEW = "driftguard", "driftguard_engine"

PURE = (
    "statistics",
    "rows",
    "distributions",
    "verdicts",
    "models/settings",
    "models/task",
    "performance/matching",
    "performance/metrics",
    "alerts/findings",
    "alerts/lifecycle",
    "alerts/replaying",
)
"""Rooms and modules that must be pure as a whole."""

PARTLY_PURE = ("counting",)
"""Rooms of which only the pure modules belong to the engine."""

PACKAGES = frozenset({"numpy", "pydantic", "pydantic_core", "scipy"})
"""The packages that the engine may import, beside Python's own."""


class Impure(Exception):
    """A module of the engine imports something that the engine must not have."""


def modules() -> list[str]:
    """Return the engine's modules. Raises Impure if a pure module reaches another package."""
    wanted = [name for room in PURE for name in _modules_of(room)]
    for name in wanted:
        chain = impure_chain(name)
        if chain:
            raise Impure(f"the engine must not import {chain[-1]}: {' imports '.join(chain)}")
    wanted += [name for room in PARTLY_PURE for name in _modules_of(room) if not impure_chain(name)]
    found: dict[str, None] = {}
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = None
            wanted += [other for other in imports_of(name) if _is_own(other)]
    return sorted(found)


@cache
def impure_chain(name: str) -> tuple[str, ...]:
    """Return the imports that lead from a module to a package outside the engine; nothing if the module is pure."""
    seen: dict[str, str | None] = {name: None}
    todo = [name]
    while todo:
        at = todo.pop()
        for other in imports_of(at):
            if other in seen:
                continue
            seen[other] = at
            if _is_own(other):
                todo.append(other)
            elif other.split(".")[0] not in PACKAGES | sys.stdlib_module_names:
                chain: list[str] = []
                step: str | None = other
                while step is not None:
                    chain.append(step)
                    step = seen[step]
                return tuple(reversed(chain))
    return ()


@cache
def imports_of(name: str) -> tuple[str, ...]:
    """Return the modules that a module of the package imports, at its top or anywhere in it."""
    found: list[str] = []
    for node in ast.walk(ast.parse(_path_of(name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            parts = [f"{node.module}.{one.name}" for one in node.names]
            found += [part if _is_own(part) and _exists(part) else node.module for part in parts]
    return tuple(dict.fromkeys(found))


def renamed(source: str) -> str:
    """Return the source of a module with the package renamed in its imports. All other text stays."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
        if any(name.split(".")[0] == OLD for name in names):
            if isinstance(node, ast.Import):
                raise ValueError(f"line {node.lineno}: write `from … import …` for a module of the package")
            line = lines[node.lineno - 1]
            lines[node.lineno - 1] = line.replace(f"from {OLD}", f"from {NEW}", 1)
    return "".join(lines)


def write_engine(folder: Path) -> list[Path]:
    """Write the engine's package into a folder and return its files. An older copy is replaced."""
    package = folder / NEW
    copied = {package.joinpath(*name.split(".")[1:]).with_suffix(".py"): _path_of(name) for name in modules()}
    shutil.rmtree(package, ignore_errors=True)
    for target, source in copied.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(renamed(source.read_text(encoding="utf-8")), encoding="utf-8")
    for room in {target.parent for target in copied}:
        (room / "__init__.py").touch()
    (package / "__init__.py").write_text('"""The pure part of DriftGuard."""\n', encoding="utf-8")
    (package / "py.typed").touch()
    return sorted(package.rglob("*.py"))


def build(folder: Path, *projects: Path) -> list[Path]:
    """Build the wheels of the given projects into a folder and return them."""
    write_engine(ENGINE / "src")
    wheels = []
    for project in projects:
        # A folder that an earlier build left would bring deleted modules back.
        shutil.rmtree(project / "build", ignore_errors=True)
        before = set(folder.glob("*.whl"))
        _run(["uv", "build", "--quiet", "--wheel", "--no-build-isolation", "--out-dir", str(folder), str(project)])
        wheels += [path for path in folder.glob("*.whl") if path not in before or _is_of(path, project)]
    return sorted(set(wheels))


def main() -> None:
    """Build both wheels, or write the engine's source."""
    if sys.argv[1:] == ["--source"]:
        write_engine(ENGINE / "src")
        return
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else WHEELS
    folder.mkdir(parents=True, exist_ok=True)
    for wheel in build(folder, *(one for one in (ENGINE, CLIENT) if (one / "pyproject.toml").exists())):
        print(f"{wheel}  {wheel.stat().st_size:,} bytes")


def _is_of(wheel: Path, project: Path) -> bool:
    name = {ENGINE: "driftguard_engine", CLIENT: "driftguard_client"}[project]
    return wheel.name.startswith(f"{name}-")


def _run(command: list[str]) -> None:
    folder = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    subprocess.run([*command, "--python", sys.executable], check=True, env=environment)


def _modules_of(room: str) -> Iterator[str]:
    path = SOURCE / OLD / room
    files = sorted(path.glob("[a-z]*.py")) if path.is_dir() else [path.with_suffix(".py")]
    for file in files:
        yield ".".join(file.relative_to(SOURCE).with_suffix("").parts)


def _is_own(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] == OLD


def _path_of(name: str) -> Path:
    path = SOURCE.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _exists(name: str) -> bool:
    return _path_of(name).exists()


if __name__ == "__main__":
    main()
