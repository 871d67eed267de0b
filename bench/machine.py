"""What the numbers were measured on."""

import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from os import process_cpu_count
from pathlib import Path

LIBRARIES = ("numpy", "scipy")


def describe() -> str:
    """One sentence: when, on what, with which versions."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} on {process_cpu_count()} cores of {_processor()}, "
        f"{platform.system()}, Python {platform.python_version()}, {libraries}."
    )


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return f"{value.strip()} ({platform.machine()})"
    return platform.processor() or platform.machine()
