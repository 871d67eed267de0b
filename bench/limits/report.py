"""docs/limits.md from what was measured."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.limits.run import Case, Result

PAGE = Path(__file__).parents[2] / "docs/limits.md"

MEGABYTE = 1024**2
ROW = re.compile(r"\| `(?P<function>\w+)` \| (?P<maximum>[^|]+) \| (?P<memory>\d+) \| (?P<peak>\d+) \| .*")


@dataclass(frozen=True)
class Row:
    """A row of the page. Memory in MB."""

    memory: int
    peak: int


def table(results: Iterable[Result]) -> str:
    """Return the table of all cases."""
    lines = [
        "| function | maximum | memory (MB) | peak (MB) | time limit (s) | processor time (s) | answer (kB) |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_line(result) for result in results]
    return "\n".join(lines)


def _line(result: Result) -> str:
    cells = [
        f"`{result.case.function}`",
        result.case.maximum,
        f"{result.memory / MEGABYTE:.0f}",
        f"{result.peak / MEGABYTE:.0f}",
        f"{result.timeout:.0f}",
        f"{result.seconds:.1f}",
        f"{result.answer / 1000:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def items(results: Iterable[Result]) -> str:
    """Return the table of the largest stored items."""
    largest: dict[str, int] = {}
    for result in results:
        for name, size in result.items.items():
            largest[name] = max(largest.get(name, 0), size)
    lines = ["| table | largest item (kB) |", "|---|---|"]
    lines += [f"| {name.removesuffix('Table')} | {size / 1000:.0f} |" for name, size in sorted(largest.items())]
    return "\n".join(lines)


def write(results: Sequence[Result]) -> None:
    """Replace the measured tables of the page."""
    text = PAGE.read_text()
    for part in (table(results), items(results)):
        head = part.partition("\n")[0]
        before, _head, after = text.partition(head + "\n")
        text = before + part + "\n" + re.sub(r"\A(\|.*\n)*", "", after)
    PAGE.write_text(text)


def rows() -> dict[tuple[str, str], Row]:
    """Return the rows of the page by function and maximum."""
    found = (ROW.fullmatch(line) for line in PAGE.read_text().splitlines())
    return {(one["function"], one["maximum"]): Row(int(one["memory"]), int(one["peak"])) for one in found if one}


def row_of(case: Case) -> Row | None:
    """Return the row of a case."""
    return rows().get((case.function, case.maximum))
