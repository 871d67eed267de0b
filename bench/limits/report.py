"""docs/limits.md from what was measured."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.limits.bodies import LARGE_LINE
from bench.limits.routes import Timed, share_of, slowest
from bench.limits.run import Case, Result
from bench.limits.serving import OTHER_ITEM
from sandbox.kinds import KINDS

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
    """Return the table of the largest stored item of each kind."""
    largest: dict[str, int] = {}
    for result in results:
        for name, size in result.items.items():
            largest[name] = max(largest.get(name, 0), size)
    lines = ["| table | what an item is | largest (kB) |", "|---|---|---|"]
    tables = {kind: table.capitalize() for kind, (table, *_) in KINDS.items()}
    others = sorted(set(largest) - set(tables))
    tables |= {kind: kind.removeprefix(OTHER_ITEM) for kind in others}
    lines += [f"| {table} | {kind} | {largest[kind] / 1000:.1f} |" for kind, table in tables.items() if kind in largest]
    return "\n".join(lines)


WITHOUT_BODY = "every route, ids and query of 8 kB"

ROUTE_ROW = re.compile(
    r"\| (?P<route>`[A-Z]+ /[^|]*`|" + WITHOUT_BODY + r") \| [^|]+ \| (?P<status>\d+) \| (?P<size>\d+) \| "
    r"(?P<seconds>[\d.]+) \| (?P<each>[\d.]+) \| (?P<growth>[\d.]+) \| (?P<limit>\d+) \|"
)


@dataclass(frozen=True)
class RouteRow:
    """A row of the table of routes. growth: how many times as long four times the bytes take."""

    seconds: float
    growth: float


def routes(found: Sequence[Timed]) -> str:
    """Return the table of routes, each with its slowest request."""
    lines = [
        "| route | slowest request | status | size (kB) | processor time (s) | per kB (ms) | growth | time limit (s) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += sorted(_route_line(timed) for timed in slowest(found))
    return "\n".join(lines)


def _route_line(timed: Timed) -> str:
    limit, share = share_of(timed.method, timed.path)
    seconds, size = timed.large / share, timed.size / 1000
    without_body = timed.size <= LARGE_LINE
    cells = [
        WITHOUT_BODY if without_body else f"`{timed.method} {timed.path}`",
        f"`{timed.method} {timed.path}`, {timed.name}" if without_body else timed.name,
        str(timed.status),
        f"{size:.0f}",
        f"{seconds:.2f}",
        f"{1000 * seconds / size:.2f}",
        f"{timed.large / timed.small:.1f}",
        f"{limit:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


ITEM_ROW = re.compile(r"\| [A-Z][a-z]+ \| (?P<kind>[^|]+) \| (?P<size>\d+\.\d) \|")


def item_rows() -> dict[str, float]:
    """Return the kilobytes of the largest stored item by its kind."""
    found = (ITEM_ROW.fullmatch(line) for line in PAGE.read_text().splitlines())
    return {one["kind"]: float(one["size"]) for one in found if one}


def route_rows() -> dict[str, RouteRow]:
    """Return the rows of the table of routes by the text of their first cell."""
    found = (ROUTE_ROW.fullmatch(line) for line in PAGE.read_text().splitlines())
    return {one["route"]: RouteRow(float(one["seconds"]), float(one["growth"])) for one in found if one}


def write(results: Sequence[Result], timed: Sequence[Timed]) -> None:
    """Replace the measured tables of the page."""
    text = PAGE.read_text()
    for part in (table(results), routes(timed), items(results)):
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
