"""`make limits`: measure every function at its documented maximum and every route, and write docs/limits.md."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from bench.limits import report, routes
from bench.limits.cases import CASES
from bench.limits.run import Result, measure


def run(say: Callable[[str], None]) -> None:
    """Measure all cases and write the page."""
    results = []
    for result in _each_alone():
        results.append(result)
        say(f"{result.case.function}, {result.case.name}: {result.peak / 1e6:.0f} MB, {result.seconds:.1f} s")
    say("routes at two sizes")
    report.write(results, routes.measured())


def _each_alone() -> Iterator[Result]:
    """Measure each case in a process of its own, because what one case leaves in memory would count for the next."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn, max_tasks_per_child=1) as pool:
        for case, found in zip(CASES, pool.map(_measured, range(len(CASES))), strict=True):
            yield Result(case, **found)


def _measured(number: int) -> dict[str, Any]:
    """Return the result without its case, which has functions and so cannot be sent from one process to another."""
    return {name: value for name, value in vars(measure(CASES[number])).items() if name != "case"}
