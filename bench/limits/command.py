"""`make limits`: measure every function at its documented maximum and every route, and write docs/limits.md."""

from collections.abc import Callable

from bench.limits import report, routes
from bench.limits.cases import CASES
from bench.limits.run import measure


def run(say: Callable[[str], None]) -> None:
    """Measure all cases and write the page."""
    results = []
    for case in CASES:
        results.append(measure(case))
        say(f"{case.function}, {case.name}: {results[-1].peak / 1e6:.0f} MB, {results[-1].seconds:.1f} s")
    say("routes at two sizes")
    report.write(results, routes.measured())
