"""Builds a substitute for AWS's public Lambda image, for machines that cannot pull it.

The substitute contains this machine's CPython, the runtime client and boto3 of `.venv-runtime`, and the shell tools
that SAM needs. It tests events, functions and layers together. It does not test Lambda's operating system.
"""

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path
from typing import Final

TOOLS: Final = ("sh", "cat", "ls", "chmod", "mv", "cp", "rm", "mkdir", "env", "sleep")
LEFT_OUT: Final = ("site-packages", "test", "idlelib", "tkinter", "turtledemo", "__pycache__", "config-*")
# Libraries that wheels expect on every Linux, and those of name resolution.
MANYLINUX: Final = (
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libstdc++.so.6",
    "libutil.so.1",
    "libnss_dns.so.2",
    "libnss_files.so.2",
)
VERSION: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
BOOTSTRAP: Final = f"""#!/bin/sh
export LD_LIBRARY_PATH="/var/lang/lib:$LD_LIBRARY_PATH"
export PYTHONPATH="/var/task:/opt/python/lib/{VERSION}/site-packages:/opt/python"
export AWS_EXECUTION_ENV=AWS_Lambda_{VERSION}
exec /var/lang/bin/{VERSION} -m awslambdaric "$_HANDLER"
"""
ENTRYPOINT: Final = """#!/bin/sh
export _HANDLER="$1"
exec /var/rapid/aws-lambda-rie /var/runtime/bootstrap
"""
SETTINGS: Final = {
    "ENV": "PATH=/var/lang/bin:/usr/bin:/bin LD_LIBRARY_PATH=/var/lang/lib LANG=en_US.UTF-8 "
    "LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime",
    "WORKDIR": "/var/task",
    "ENTRYPOINT": '["/lambda-entrypoint.sh"]',
}


def build(docker: str, tag: str, packages: Path) -> None:
    """Import the image as `tag`. `packages` is a folder that contains awslambdaric. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "root"
        _fill(root, packages)
        archive = Path(temporary) / "root.tar"
        with tarfile.open(archive, "w") as files:
            files.add(root, arcname=".")
        changes = [part for name, value in SETTINGS.items() for part in ("--change", f"{name} {value}")]
        subprocess.run([docker, "import", *changes, str(archive), tag], check=True, stdout=subprocess.DEVNULL)


def _fill(root: Path, packages: Path) -> None:
    for folder in ("bin", "usr/bin", "tmp", "etc/ssl/certs", "var/lang/bin", "var/runtime", "var/task", "opt", "root"):
        (root / folder).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    python = Path(sys.base_prefix)
    interpreter = root / "var/lang/bin" / VERSION
    shutil.copy2(Path(sys.executable).resolve(), interpreter)
    for name in ("python3", "python"):
        interpreter.with_name(name).symlink_to(VERSION)
    library = root / "var/lang/lib"
    shutil.copytree(python / "lib" / VERSION, library / VERSION, ignore=shutil.ignore_patterns(*LEFT_OUT))
    shutil.copytree(packages, library / VERSION / "site-packages")
    for shared in Path(sysconfig.get_config_var("LIBDIR") or python / "lib").glob(f"lib{VERSION}*.so*"):
        shutil.copy2(shared, library)
    for tool in TOOLS:
        if found := shutil.which(tool):
            shutil.copy2(Path(found).resolve(), root / "bin" / tool)
    shutil.copy2(root / "bin/env", root / "usr/bin/env")
    binaries = [interpreter, *(root / "bin").iterdir(), *(path for path in library.rglob("*.so*") if path.is_file())]
    for needed in _libraries(binaries, library):
        target = root / needed.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(needed.resolve(), target)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nsbx_user1051:x:993:990::/tmp:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    (root / "etc/nsswitch.conf").write_text("hosts: files dns\n")
    _script(root / "var/runtime/bootstrap", BOOTSTRAP)
    _script(root / "lambda-entrypoint.sh", ENTRYPOINT)


def _libraries(binaries: list[Path], own: Path) -> set[Path]:
    """Return the machine's shared libraries that these programs are linked to, including the loader."""
    environment = {**os.environ, "LD_LIBRARY_PATH": str(own)}
    needed = set()
    for binary in binaries:
        listed = subprocess.run(
            ["ldd", str(binary)], env=environment, capture_output=True, text=True, check=False
        ).stdout
        words = [Path(word) for word in listed.split() if word.startswith("/")]
        needed |= {word for word in words if word.exists() and not word.is_relative_to(own)}
    folders = [Path(f"/lib/{platform.machine()}-linux-gnu"), Path("/lib64"), Path("/usr/lib64")]
    return needed | {folder / name for folder in folders for name in MANYLINUX if (folder / name).exists()}


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
