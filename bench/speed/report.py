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
from bench.speed.costs import BATCH_FEATURES, BATCH_ROWS, FEATURES, ROWS_AN_HOUR, Kind, Steps
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

Written by `make bench` in {measured.minutes:.0f} minutes. {machine.describe()}

## Beside other tools

{_comparison(measured)}
A check of so many features against so many window rows, the baseline a tenth of that; every line in a process of its
own, on the same rows. *CPU* and *time* are medians of a repeated, warm check and leave out what happens once: reading
the data, preparing the baseline, and for DriftGuard and whylogs counting or profiling every row as it arrives, given
in *once a value*. *Memory* is the process's peak with its libraries. DriftGuard's check decodes the baseline and the
stored counts, sums the window, tests, decides, brings the alerts up to date and packs its report; *DriftGuard's tests*
are what is left of it with the counts in memory, as the other tools have their rows. |D − exact| is the largest over
the features, exact by `scipy.stats.ks_2samp`. numpy sorts several times faster on processors with AVX-512, and so do
the tools that sort all rows at each check: how far they are behind depends on the machine. NannyML compares the window
as one chunk; Evidently tells a p-value and no D; each tool runs its Kolmogorov–Smirnov test on every feature. Nothing
runs longer than {TIMEOUT} s.{_absent(measured.contenders)}

{files_section(measured.files)}
## Against the rows in the window

{_windows(measured.windows)}
A whole check of {FEATURES} features. The counts are drawn from the baseline's shares instead of counted, since
10⁸ rows of {FEATURES} features would take longer to make than to check.

## Its parts

{_steps(measured.steps)}
{FEATURES} features, 10⁶ rows in the window; medians, so that the parts do not add up exactly. A process that has
checked the model before needs the first two only where it has not kept the baseline.

## Folding, and what is kept

{_kinds(measured.kinds)}
Batches of {BATCH_ROWS} rows of {BATCH_FEATURES} features: decoded, placed in their bins and hours, summed. *Kept* is
the stored size of an hour's counts, {ROWS_AN_HOUR} rows an hour.

## Read units

{_reads(measured.reads)}
A scheduled check of {FEATURES} features at {ROWS_AN_HOUR} rows an hour, one batch a quarter of an hour: everything it
reads from the template's own tables, the new batch included, by DynamoDB's rounding of real item sizes. The first check
after midnight also rolls the day before up.

{intake_section(measured.intake)}
## What was asked for

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
answer, as a median. API Gateway has inflated the body before. Calls to AWS are answered from a recording.
{machine.describe()}

{table(["what", "at most", "measured", ""], limits)}"""


def files_section(timings: Sequence[Timing]) -> str:
    """The section about files, which `python -m bench files` writes alone."""
    return f"{FILES}\n\n{section(timings)} {machine.describe()}\n"


def replaced(page: str, text: str) -> str:
    """Return the page with a new version of a section, in its old place or in front of the last section."""
    last = page.index("## What was asked for")
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
        "once a value, ns",
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
        "not told" if error is None else _error(error),
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


def _steps(steps: Steps) -> str:
    rows = [*steps.parts, ("the whole check", steps.whole)]
    return table(["part", "CPU, ms"], [[name, number(cpu * 1000)] for name, cpu in rows])


def _kinds(kinds: Iterable[Kind]) -> str:
    rows = [[kind.name, number(kind.nanoseconds, 2), number(kind.batch, 2), number(kind.hour)] for kind in kinds]
    return table(["values", "folding, ns a value", "batch, bytes a value", "kept, bytes a feature and hour"], rows)


def _reads(reads: Mapping[int, Sequence[tuple[float, float]]]) -> str:
    times = [hours for hours, _units in next(iter(reads.values()))]
    head = ["window", *(f"{int(hours):02d}:{round(hours % 1 * 60):02d}" for hours in times)]
    return table(head, [[f"{days} days", *(f"{units:g}" for _hours, units in row)] for days, row in reads.items()])


def _limits(measured: Measured) -> str:
    judging = max(cpu for _name, cpu in measured.steps.parts[2:3]) * 1000
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
            "folding a value of whatever kind",
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
