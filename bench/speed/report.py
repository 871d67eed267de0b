"""docs/benchmarks.md from what was measured."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench import machine
from bench.files.command import Timing, section
from bench.speed.compare import (
    OWN,
    OWN_TESTS,
    TIMEOUT,
    Case,
    Contender,
    Result,
    Results,
    largest_error,
    power,
    version_of,
)
from bench.speed.costs import BATCH_FEATURES, BATCH_ROWS, FEATURES, JUDGED, ROWS_AN_HOUR, Kind, Steps
from bench.speed.intake import Intake
from bench.tables import number, table

MOST_MILLISECONDS = 15
"""CPU of a check of FEATURES features beyond reading, its model known to the process."""
LEAST_RATIO = 500
"""How much more CPU NannyML takes for COMPARED."""
COMPARED = Case(50, 10**6)
MOST_NANOSECONDS = 100
"""To fold a value."""
MOST_READ_UNITS = 120
LARGEST_ERROR = 1 / 256
MOST_BYTES = 1 / 3
"""Bytes of a batch as gzip columns against rows."""
MOST_TIME = 1 / 2
"""Processor time of the function for a batch as columns against rows."""
INTAKE = "## Logging a batch"
FILES = "## Two files, without a server"


@dataclass(frozen=True)
class Measured:
    """Everything that `make bench` measured. reads: read units by hour of the day, for each length of the window."""

    contenders: Sequence[Contender]
    results: Results
    steps: Steps
    windows: Sequence[tuple[int, float]]
    kinds: Sequence[Kind]
    reads: Mapping[int, Sequence[tuple[float, float]]]
    intake: Sequence[Intake]
    minutes: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[Timing] = ()

    @property
    def cases(self) -> list[Case]:
        """What was compared, in order."""
        return list(dict.fromkeys(case for case, _contender in self.results))


def document(measured: Measured) -> str:
    """The whole page."""
    return f"""# What a check costs

This page compares the processor time and memory of a check with those of other tools, and shows how they grow.

Written by `make bench` in {measured.minutes:.0f} minutes. {machine.describe()}

## Beside other tools

{_comparison(measured)}
The first column has the number of features and of window rows. The baseline has a tenth of these rows. Each line ran in
its own process, on the same rows. Each tool runs its Kolmogorov–Smirnov test on every feature.

- *CPU* and *time* are medians of a repeated, warm check. They leave out what happens once: reading the data and
  preparing the baseline. DriftGuard and whylogs also count or profile each row once, when it arrives. *Once per value*
  has the time for this.
- *Memory* is the peak of the process with its libraries.
- *DriftGuard's check* decodes the baseline and the stored counts, sums the window, tests, decides, updates the alerts
  and packs its report. *DriftGuard's tests* are the part that is left if the counts are in memory, as the rows of the
  other tools are.
- *|D − exact|* is the largest difference of all features. The exact D is that of `scipy.stats.ks_2samp`. Evidently
  gives a p-value and no D. NannyML compares the window as one chunk.
- numpy sorts several times faster on processors with AVX-512. So do the tools that sort all rows at each check, and
  their times depend on the machine.
- A run ends after {TIMEOUT} s.{_absent(measured.contenders)}

{files_section(measured.files)}
## Against the rows in the window

{_windows(measured.windows)}
This is a whole check of {FEATURES} features. The counts are drawn from the baseline's shares, because creating
10⁸ rows of {FEATURES} features would take longer than checking them.

## Its parts

{_steps(measured.steps)}
The check has {FEATURES} features and 10⁶ rows in the window. These are medians, so the parts do not add up exactly. A
process that has checked the model before skips the first two parts if it has kept the baseline.

## Folding, and what is kept

{_kinds(measured.kinds)}
Batches of {BATCH_ROWS} rows of {BATCH_FEATURES} features are decoded, placed in their bins and hours, and summed.
*Kept* is the stored size of an hour's counts at {ROWS_AN_HOUR} rows per hour.

## Read units

{_reads(measured.reads)}
A scheduled check has {FEATURES} features, {ROWS_AN_HOUR} rows per hour, and one batch per quarter of an hour. The units
include everything that it reads from the template's tables, also the new batch, by DynamoDB's rounding of real item
sizes. The first check after midnight also sums the day before.

{intake_section(measured.intake)}
## Targets

{_limits(measured)}"""


def intake_section(cases: Sequence[Intake]) -> str:
    """The section about rows and columns, which `python -m bench intake` writes alone."""
    rows = [
        [
            case.name,
            *(f"{size:,.0f}" for size in (case.rows.sent, case.columns.sent)),
            f"{case.bytes_ratio:.2f}",
            *(number(seconds * 1000) for seconds in (case.rows.seconds, case.columns.seconds)),
            f"{case.seconds_ratio:.2f}",
        ]
        for case in cases
    ]
    head = ["values", "rows, bytes", "gzip columns, bytes", "ratio", "rows, ms of CPU", "columns, ms of CPU", "ratio"]
    sent, taken = max(case.bytes_ratio for case in cases), max(case.seconds_ratio for case in cases)
    limits = [
        ["bytes of gzip columns, against rows", "1/3", f"{sent:.2f}", _met(sent <= MOST_BYTES)],
        ["processor time of the function, against rows", "1/2", f"{taken:.2f}", _met(taken <= MOST_TIME)],
    ]
    return f"""{INTAKE}

{table(head, rows)}
Each batch has {BATCH_ROWS} rows of {BATCH_FEATURES} features and a prediction, once as JSON rows without compression
and once as JSON columns in gzip. The processor time is that of the handler of `log_predictions`, from the event to the
answer, the least of several batches. API Gateway has inflated the body before. Recorded answers
replace calls to AWS.
{machine.describe()}

{table(["what", "at most", "measured", ""], limits)}"""


def files_section(timings: Sequence[Timing]) -> str:
    """The section about files, which `python -m bench files` writes alone."""
    return f"{FILES}\n\n{section(timings)} {machine.describe()}\n"


def replaced(page: str, text: str) -> str:
    """Return the page with a new version of a section, in its old place or in front of the last section."""
    last = page.index("## Targets")
    start = page.find(text.partition("\n")[0])
    end = last if start < 0 else page.index("\n## ", start) + 1
    return page[: last if start < 0 else start] + text + "\n" + page[end:]


def _comparison(measured: Measured) -> str:
    head = [
        "features × rows",
        "check by",
        "CPU, ms",
        "CPU, times",
        "time, ms",
        "memory, MB",
        "\\|D − exact\\|",
        "once per value, ns",
    ]
    lines = table(head, [_line(measured, case, one) for case in measured.cases for one in measured.contenders])
    return lines.replace("| --- | ---: |", "| --- | --- |", 1)


def _line(measured: Measured, case: Case, contender: Contender) -> list[str]:
    result = measured.results[case, contender.module]
    title = f"{contender.title} {measured.versions.get(contender.module, '')}".strip()
    if result.problem:
        shown = "not installed" if contender.missing else result.problem
        return [case.name, title, shown, "", "", "", "", ""]
    error = largest_error(measured.results, case, contender.module)
    return [
        case.name,
        title,
        number(result.cpu * 1000),
        _ratio(measured.results, case, result),
        number(result.wall * 1000),
        number(result.memory / 1e6),
        "not given" if error is None else _error(error),
        _once(case, contender, result),
    ]


def _ratio(results: Results, case: Case, result: Result) -> str:
    own = results[case, OWN]
    return number(result.cpu / own.cpu, 2) if own.cpu else ""


def _error(error: float) -> str:
    return "0" if error < 1e-7 else f"{error:.5f}"


def _once(case: Case, contender: Contender, result: Result) -> str:
    if contender.module not in (OWN, "whylogs"):
        return ""
    return number(result.ingest / (case.features * case.rows * 1.1) * 1e9, 2)


def _absent(contenders: Iterable[Contender]) -> str:
    reasons = [f"- {one.title}: {one.missing}" for one in contenders if one.missing]
    return "\n\nNot measured:\n\n" + "\n".join(reasons) if reasons else ""


def _windows(windows: Iterable[tuple[int, float]]) -> str:
    return table(["rows in the window", "CPU, ms"], [[power(rows), number(cpu * 1000)] for rows, cpu in windows])


def check_alone(steps: Steps) -> str:
    """The parts of a check, and the one number that has a limit: everything between reading counts and a verdict."""
    judging = _beyond_reading(steps)
    met = _met(judging <= MOST_MILLISECONDS)
    return f"{_steps(steps)}\nBeyond reading: {judging:.1f} ms of CPU, at most {MOST_MILLISECONDS} ms: {met}"


def _beyond_reading(steps: Steps) -> float:
    """Return milliseconds of CPU to decode counts and past, sum the window, test and judge."""
    return dict(steps.parts)[JUDGED] * 1000


def _steps(steps: Steps) -> str:
    rows = [*steps.parts, ("the whole check", steps.whole)]
    return table(["part", "CPU, ms"], [[name, number(cpu * 1000)] for name, cpu in rows])


def _kinds(kinds: Iterable[Kind]) -> str:
    rows = [[kind.name, number(kind.nanoseconds, 2), number(kind.batch, 2), number(kind.hour)] for kind in kinds]
    return table(
        ["values", "folding, ns per value", "batch, bytes per value", "kept, bytes per feature and hour"], rows
    )


def _reads(reads: Mapping[int, Sequence[tuple[float, float]]]) -> str:
    times = [hours for hours, _units in next(iter(reads.values()))]
    head = ["window", *(f"{int(hours):02d}:{round(hours % 1 * 60):02d}" for hours in times)]
    return table(head, [[f"{days} days", *(f"{units:g}" for _hours, units in row)] for days, row in reads.items()])


def _limits(measured: Measured) -> str:
    judging = _beyond_reading(measured.steps)
    folding = max(kind.nanoseconds for kind in measured.kinds)
    units = max(units for row in measured.reads.values() for _hours, units in row)
    costs = [cpu for _rows, cpu in measured.windows]
    rows = [
        [
            f"check of {FEATURES} features, beyond reading: decode counts and past, sum, test, judge",
            f"{MOST_MILLISECONDS} ms of CPU",
            f"{judging:.1f} ms",
            _met(judging <= MOST_MILLISECONDS),
        ],
        _nannyml(measured, OWN_TESTS, "tests alone"),
        _nannyml(measured, OWN, "the whole check"),
        [
            "folding a value of any kind",
            f"{MOST_NANOSECONDS} ns",
            f"{folding:.0f} ns",
            _met(folding <= MOST_NANOSECONDS),
        ],
        [
            "read units of a check, at any time of the day",
            str(MOST_READ_UNITS),
            f"{units:g}",
            _met(units <= MOST_READ_UNITS),
        ],
        [
            "a check's CPU, most over least, 10³ to 10⁸ rows",
            "flat",
            number(max(costs) / min(costs), 2),
            _met(max(costs) <= 2 * min(costs)),
        ],
    ]
    errors = [largest_error(measured.results, case, OWN) for case in measured.cases]
    known = [error for error in errors if error is not None]
    if known:
        rows.append(
            ["largest \\|D − exact\\|", "1/256 = 0.0039", f"{max(known):.5f}", _met(max(known) <= LARGEST_ERROR)]
        )
    return table(["what", "at most", "measured", ""], rows)


def _nannyml(measured: Measured, contender: str, part: str) -> list[str]:
    what, limit = f"CPU against NannyML's at {COMPARED.name}, {part}", f"1/{LEAST_RATIO}"
    own, other = (measured.results.get((COMPARED, name), Result(problem="not run")) for name in (contender, "nannyml"))
    if own.problem or not own.cpu or (other.problem and not other.problem.startswith(">")):
        return [what, limit, other.problem or "not run", "not known"]
    ratio = (TIMEOUT if other.problem else other.cpu) / own.cpu
    return [what, limit, f"1/{ratio:,.0f}", _met(ratio >= LEAST_RATIO)]


def _met(held: bool) -> str:
    return "met" if held else "**missed**"


def versions(contenders: Iterable[Contender]) -> dict[str, str]:
    """Each tool's version, by its module."""
    return {one.module: version_of(one) for one in contenders}
