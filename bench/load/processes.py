"""Processor time of the stack's processes, as Linux counts it in /proc."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Self

TICKS: Final = os.sysconf("SC_CLK_TCK")
NAME: Final = b"AWS_LAMBDA_FUNCTION_NAME="


class Times(NamedTuple):
    """Seconds of a process: its own, and of its children that have ended and were waited for."""

    parent: int
    own: float
    ended: float


@dataclass(frozen=True)
class Cpu:
    """Processor seconds. functions: by function's name; what ended meanwhile is counted under `ended`. others: of
    everything else on the machine. idle: what nobody used."""

    emulator: float = 0.0
    functions: Mapping[str, float] = field(default_factory=dict)
    driver: float = 0.0
    others: float = 0.0
    idle: float = 0.0

    @property
    def in_functions(self) -> float:
        """Of all functions together."""
        return sum(self.functions.values())

    @property
    def serving(self) -> float:
        """What answering took: emulator and functions."""
        return self.emulator + self.in_functions

    def of(self, function: str) -> float:
        """Of one function, by its logical id."""
        return self.functions.get(function, 0.0)


@dataclass(frozen=True)
class Snapshot:
    """Seconds so far: of the emulator, of its ended children, of each that runs (name, seconds), of the driver with
    its ended children, of the whole machine (busy, idle)."""

    emulator: float
    ended: float
    functions: Mapping[int, tuple[str, float]]
    driver: float
    busy: float
    idle: float

    @classmethod
    def take(cls, pid: int, names: Mapping[str, str]) -> Self:
        """How it stands now; `pid` is the emulator's, `names` are logical ids by functions' names."""
        processes = _processes()
        mine = os.times()
        busy, idle = machine_seconds(Path("/proc/stat").read_text(encoding="ascii"))
        functions = {
            child: (names.get(name, name), times.own)
            for child, times in processes.items()
            if times.parent == pid and (name := _function(child))
        }
        emulator = processes[pid]
        driver = mine.user + mine.system + mine.children_user + mine.children_system
        return cls(emulator.own, emulator.ended, functions, driver, busy, idle)

    def until(self, later: Self) -> Cpu:
        """What was used from here to a later one."""
        functions: dict[str, float] = {}
        for pid, (name, seconds) in later.functions.items():
            before = self.functions.get(pid, (name, 0.0))[1]
            functions[name] = functions.get(name, 0.0) + seconds - before
        gone = sum(seconds for pid, (_, seconds) in self.functions.items() if pid not in later.functions)
        if (ended := later.ended - self.ended - gone) > 0:
            functions["ended"] = ended
        emulator, driver = later.emulator - self.emulator, later.driver - self.driver
        others = later.busy - self.busy - emulator - driver - sum(functions.values())
        return Cpu(emulator, functions, driver, max(0.0, others), later.idle - self.idle)


def times_of(stat: str) -> Times:
    """Out of a process's stat file."""
    # The name, in brackets, may hold anything.
    fields = stat.rpartition(")")[2].split()
    user, system, ended_user, ended_system = (int(text) / TICKS for text in fields[11:15])
    return Times(int(fields[1]), user + system, ended_user + ended_system)


def machine_seconds(stat: str) -> tuple[float, float]:
    """Busy and idle seconds of all cores, out of /proc/stat."""
    # user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already
    fields = [int(text) / TICKS for text in stat.splitlines()[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return sum(fields) - idle, idle


def _processes() -> dict[int, Times]:
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                found[int(folder.name)] = times_of((folder / "stat").read_text(encoding="utf-8", errors="replace"))
            except OSError:
                continue  # it has ended
    return found


def _function(pid: int) -> str | None:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    return next((text.removeprefix(NAME).decode() for text in variables if text.startswith(NAME)), None)
