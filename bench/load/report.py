"""docs/load.md from what was measured."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench import machine
from bench.load.bodies import FEATURES, ROWS
from bench.load.fleet import Seen
from bench.load.ingest import MOST_A_SECOND, Phase
from bench.load.inprocess import Handled
from bench.load.plan import Kind
from bench.load.processes import Cpu
from bench.load.tick import Tick
from bench.tables import number, table

WIDTH = 118
PROCESSES = 2
"""Of one function, a core, at most: the local stack's own limit."""
LOGGING = "LogPredictionsFunction"
CHECKING = "CheckDriftFunction"
SCHEDULING = "ScheduleChecksFunction"
STATUS = "ServeStatusFunction"
FUNCTION_OF: Mapping[Kind, str] = {"health": STATUS, "single": LOGGING, "batch": LOGGING}
POISON = "ValueError: a baseline of unknown format"
LONGEST_TICK = 15 * 60
LONGEST_RUN = 15
SCHEDULE_MB, PROCESSOR_MB = 512, 1769
"""The memory of schedule_checks, and that at which Lambda gives a whole processor."""
SCHEDULE_SECONDS = 300
"""Its time-out."""
CALL_MILLISECONDS = 6
"""Of a call to AWS from a function in the same region: not measured here."""


@dataclass(frozen=True)
class Measured:
    """Everything that `make load` measured. rows: accepted by model id. load: the machine's load average before and
    after. nice: the priority it ran at."""

    organizations: int
    models: int
    phases: Sequence[Phase]
    handled: Mapping[Kind, Handled]
    tick: Tick
    rows: Mapping[str, int]
    damaged: str
    seen: Seen
    whole: Cpu
    cores: int
    minutes: float
    load: tuple[float, float]
    nice: int
    own_stack: bool

    def phase(self, kind: Kind) -> Phase:
        """The phase of one kind of request."""
        return next(phase for phase in self.phases if phase.kind == kind)

    @property
    def sent(self) -> int:
        """Rows that were answered 202."""
        return sum(self.rows.values())


def document(measured: Measured) -> str:
    """The whole page."""
    tick, batch = measured.tick, measured.phase("batch")
    return f"""# Load

This page shows how the stack behaves with 100 organizations and 1,000 models. It measures what is lost or mixed up
(nothing), and how much processor time each request and each check needs.

Written by `make load` in {measured.minutes:.0f} minutes. {machine.describe()}
{_conditions(measured)}

The local stack ([local.md](local.md)) serves the built template. One Python process emulates AWS's services. Functions
are processes on AWS's own runtime client. [locust](https://locust.io) sends the requests.

- **These results also hold on AWS**: no row is lost or mixed up, and one model's failure affects no other model. The
  processor time of functions is comparable, because they run the deployed code on the same runtime. Lambda gives one
  processor of its own kind at {PROCESSOR_MB:,} MB. Calls and units follow from the stored items.
- **These do not**: requests per second and latencies. They depend on the emulator and on this machine. For AWS's
  limits see [scale.md](scale.md), which is a calculation.

## Sustained sending

There are {measured.organizations} organizations with their own keys, {measured.models:,} models, and {batch.users}
clients. Each client sends the next request as soon as it has a response, to one model after the other. Each request has
an id. A failed request is sent again, and so is every twentieth request that succeeded. Rows have {FEATURES} features
with six-digit numbers.

{_rates(measured.phases)}
At most {MOST_A_SECOND} requests per second are sent, because the template's `ApiRate` throttles from 500.
*Errors* are all responses but success. Each was retried{_errors(measured.phases)}.
The latencies are those of {batch.users} requests at the same time.

{_cores(measured)}
*Per core* means per second of one processor. *Predictions per core* uses the time of the emulator and the functions
together. The last column uses the time of the function only. The time of the sender is not included.

## Ratios

The basis is the same emulator in the same run: a route without a function, and `GET /health`, whose function reads one
item.

{_ratios(measured)}
*By itself* means the handler in this process ([meter](../sandbox/meter.py)) without calls to AWS. On the stack, the
function's process also runs the runtime client, and signs, sends and reads
{measured.handled["batch"].calls:.0f} calls per request.

## One run of the schedule, with one broken model

All {tick.models:,} models have a baseline and predictions. The baseline of one model was overwritten with invalid
bytes. `POST /_local/schedule` starts the run.

{_tick(tick)}
The emulator delivers up to `CheckConcurrency` messages at once. {PROCESSES * measured.cores} processes, two per core,
handle them. Failed: {_failures(tick)}

## What every organization sees at the end

{_seen(measured)}

## The first bottleneck

{bottleneck(measured)}

## Targets

{_verdicts(measured)}"""


def held(measured: Measured) -> bool:
    """Whether everything that was asked for holds."""
    return all(good for *_, good in _limits(measured))


def _conditions(measured: Measured) -> str:
    whole = measured.whole
    ours = whole.serving + whole.driver
    total = ours + whole.others + whole.idle
    place = "a stack of its own" if measured.own_stack else "a stack that served already"
    return _filled(
        f"It ran on {place}, at nice {measured.nice}, on a machine shared with other work. This run used "
        f"{ours / total:.0%} of the processors' time, other work {whole.others / total:.0%}, and "
        f"{whole.idle / total:.0%} was idle. The load average was {measured.load[0]:.1f} before and "
        f"{measured.load[1]:.1f} after."
    )


def _rates(phases: Sequence[Phase]) -> str:
    head = ["request", "requests", "per second", "predictions per second", "p50, ms", "p95, ms", "p99, ms", "errors"]
    rows = []
    for phase in phases:
        ledger = phase.ledger
        rows.append(
            [
                phase.title,
                f"{ledger.requests:,}",
                number(phase.rate),
                number(phase.predictions / ledger.seconds) if phase.predictions else "",
                number(ledger.p50),
                number(ledger.p95),
                number(ledger.p99),
                f"{sum(ledger.errors.values()):,}",
            ]
        )
    return table(head, rows)


def _errors(phases: Sequence[Phase]) -> str:
    kinds: Counter[str] = Counter()
    for phase in phases:
        kinds.update(phase.ledger.errors)
    return ": " + ", ".join(f"{count:,} × `{kind}`" for kind, count in kinds.most_common(5)) if kinds else ""


def _cores(measured: Measured) -> str:
    head = [
        "request",
        "emulator, ms",
        "function, ms",
        "locust, ms",
        "requests per core",
        "predictions per core",
        "predictions per core of the function",
    ]
    rows = []
    for phase in measured.phases:
        cpu, own = phase.cpu, phase.cpu.of(FUNCTION_OF.get(phase.kind, ""))
        rows.append(
            [
                phase.title,
                number(phase.each(cpu.emulator)),
                number(phase.each(cpu.in_functions)),
                number(phase.each(cpu.driver)),
                number(phase.ledger.requests / cpu.serving),
                number(phase.predictions / cpu.serving) if phase.predictions else "",
                number(phase.predictions / own) if phase.predictions else "",
            ]
        )
    return table(head, rows)


def _ratios(measured: Measured) -> str:
    batch, single, health = (measured.phase(kind) for kind in ("batch", "single", "health"))
    floor = measured.phase("preflight")
    check = measured.tick.each(measured.tick.cpu.of(CHECKING))

    def all_of(phase: Phase) -> float:
        return phase.each(phase.cpu.serving)

    def own(phase: Phase) -> float:
        return phase.each(phase.cpu.of(FUNCTION_OF[phase.kind]))

    rows = [
        ("a batch over the route without a function, emulator and function", _times(all_of(batch), all_of(floor))),
        ("a batch over `GET /health`, emulator and function", _times(all_of(batch), all_of(health))),
        ("a batch over `GET /health`, function only", _times(own(batch), own(health))),
        (f"a prediction alone over one in a batch of {ROWS}, function only", _times(own(single), own(batch) / ROWS)),
        ("a check over `GET /health`, function only", _times(check, own(health))),
        ("a batch in the function's process over the handler by itself", _against(measured, "batch")),
        ("a prediction alone in the function's process over the handler by itself", _against(measured, "single")),
    ]
    handled = measured.handled["batch"]
    rows += [
        ("predictions per core, the handler by itself", number(handled.rows / handled.milliseconds * 1000)),
        (f"DynamoDB write units per prediction, batches of {ROWS}", number(handled.write_units / handled.rows, 2)),
    ]
    return table(["processor time", "ratio"], rows)


def _against(measured: Measured, kind: Kind) -> str:
    phase, alone = measured.phase(kind), measured.handled[kind].milliseconds
    here = phase.each(phase.cpu.of(FUNCTION_OF[kind]))
    return f"{number(here)} ms / {number(alone)} ms = {number(here / alone, 2)}"


def _times(one: float, other: float) -> str:
    return number(one / other, 2) if other else ""


def _tick(tick: Tick) -> str:
    depths = tick.depths
    rows = [
        ("models checked · skipped · failed, by the run records", _three(tick.outcomes)),
        ("the same in `GET /scheduler/status`, all organizations together", _three(tick.told)),
        ("seconds from the start to the empty queue", number(tick.seconds)),
        ("models per second", number(tick.rate)),
        ("a check in its log, median · 95 %, ms", f"{number(tick.median)} · {number(tick.p95)}"),
        ("processor time per model: the check, ms", number(tick.each(tick.cpu.of(CHECKING)))),
        ("processor time per model: the schedule, ms", number(tick.each(tick.cpu.of(SCHEDULING)), 2)),
        ("processor time per model: the emulator, ms", number(tick.each(tick.cpu.emulator))),
        ("checks per core, emulator and functions", number(tick.models / tick.cpu.serving)),
        ("checks per core of the check function", number(tick.models / max(1e-9, tick.cpu.of(CHECKING)))),
        ("most messages in the queue · after seconds", f"{depths.deepest:,} · {number(depths.filled, 2)}"),
        ("most messages in work at once (`CheckConcurrency` is 50)", str(depths.in_flight)),
        ("dead letters, checks and schedule", str(tick.dead)),
    ]
    return table(["", "measured"], rows)


def _three(counts: Mapping[str, int]) -> str:
    return " · ".join(f"{counts.get(outcome, 0):,}" for outcome in ("checked", "skipped", "failed"))


def _failures(tick: Tick) -> str:
    return "; ".join(f"`{model_id}`, {reason}" for model_id, reason in tick.failures) or "none."


def _seen(measured: Measured) -> str:
    seen, batch = measured.seen, measured.phases
    repeated, differed = (sum(getattr(phase.ledger, name) for phase in batch) for name in ("repeated", "differed"))
    rows = [
        ("organizations that see exactly their own models", f"{seen.organizations:,}"),
        ("models they see", f"{seen.models:,}"),
        ("predictions accepted, the first batches included", f"{measured.sent:,}"),
        (
            "of them counted by the checks, all models but the broken one",
            f"{seen.rows_counted:,} of {measured.sent - measured.rows[measured.damaged]:,}",
        ),
        ("read back one by one, one model per organization, the broken one included", f"{seen.rows_listed:,}"),
        ("requests sent again on purpose · with another response than before", f"{repeated:,} · {differed:,}"),
        ("requests for another organization's model, all refused with 404", f"{seen.refused:,}"),
        ("deviations", f"{len(seen.problems):,}"),
    ]
    found = "".join(f"- {problem}\n" for problem in seen.problems[:20])
    return f"{table(['', 'measured'], rows)}\n{found}".rstrip("\n")


def bottleneck(measured: Measured) -> str:
    """What stops first, here and then on AWS, in words."""
    return f"{_filled(_here(measured))}\n\n{_filled(_there(measured.tick))}"


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _here(measured: Measured) -> str:
    batch, tick = measured.phase("batch"), measured.tick
    sending = _stage(
        "Sending batches",
        batch,
        measured.cores,
        f"`log_predictions`, {number(batch.each(batch.cpu.of(LOGGING)))} ms per batch",
    )
    checking = _stage(
        "A check",
        tick,
        measured.cores,
        f"`check_drift`, {number(tick.each(tick.cpu.of(CHECKING)))} ms under this load "
        "([cost.md](cost.md) has a check by itself)",
    )
    return f"**Here it is the processors.** {sending} {checking}"


def _stage(what: str, stage: Phase | Tick, cores: int, largest: str) -> str:
    emulator, functions, driver = map(stage.each, (stage.cpu.emulator, stage.cpu.in_functions, stage.cpu.driver))
    together = emulator + functions + driver
    by_cores, by_thread = cores * 1000 / together, 1000 / emulator
    parts = (("the function", functions), ("the emulator", emulator), ("the driver", driver))
    first = max(parts, key=lambda part: part[1])
    name = largest if first[0] == "the function" else f"{first[0]}, {number(first[1])} ms"
    if by_thread < by_cores:
        limit = f"The emulator's one thread reaches its limit first, at {number(by_thread)} per second"
    else:
        limit = (
            f"On {cores} cores without other work the limit is {number(by_cores)} per second, "
            f"and that of the emulator's one thread is {number(by_thread)}"
        )
    return f"{what} takes {number(together)} ms of processor time, most of it {name}. {limit}."


def _there(tick: Tick) -> str:
    own = tick.each(tick.cpu.of(SCHEDULING))
    on_lambda = own * PROCESSOR_MB / SCHEDULE_MB
    most = SCHEDULE_SECONDS / ((on_lambda + CALL_MILLISECONDS / 10) / 1000)
    return (
        "**On AWS it would be `schedule_checks`**, one loop over all models, because functions have their own "
        f"processors there. Here it took {number(own, 2)} ms of a whole processor per model. At {SCHEDULE_MB} MB "
        f"Lambda gives {SCHEDULE_MB / PROCESSOR_MB:.0%} of a processor, so it takes {number(on_lambda, 2)} ms. A call "
        f"for ten messages takes about {CALL_MILLISECONDS} ms in addition. So it handles about "
        f"{round(most, -4):,.0f} models in the {SCHEDULE_SECONDS} s that it may run. [scale.md](scale.md) continues "
        "this calculation."
    )


def _verdicts(measured: Measured) -> str:
    rows = [[what, limit, found, "met" if good else "**missed**"] for what, limit, found, good in _limits(measured)]
    return table(["what", "target", "measured", ""], rows)


def _limits(measured: Measured) -> list[tuple[str, str, str, bool]]:
    tick, seen, models = measured.tick, measured.seen, measured.models
    expected = {"checked": models - 1, "skipped": 0, "failed": 1}
    asked = f"{models - 1:,} · 0 · 1"
    found = {outcome: tick.outcomes.get(outcome, 0) for outcome in expected}
    told = {outcome: tick.told.get(outcome, 0) for outcome in expected}
    unanswered = sum(len(phase.ledger.unanswered) for phase in measured.phases)
    failed = [model_id for model_id, reason in tick.failures if reason == POISON]
    counted = measured.sent - measured.rows[measured.damaged]
    return [
        ("checked · skipped · failed", asked, _three(tick.outcomes), found == expected),
        ("the same in `GET /scheduler/status`", asked, _three(tick.told), told == expected),
        ("who failed", "the broken model", _who(failed, measured.damaged), failed == [measured.damaged]),
        ("the run ends before the next one", f"{LONGEST_TICK} s", f"{tick.seconds:.0f} s", tick.seconds < LONGEST_TICK),
        ("dead letters", "0", str(tick.dead), tick.dead == 0),
        ("accepted predictions counted", f"{counted:,}", f"{seen.rows_counted:,}", seen.rows_counted == counted),
        ("deviations of what organizations see", "0", str(len(seen.problems)), not seen.problems),
        ("requests without a response after all attempts", "0", str(unanswered), unanswered == 0),
        ("the whole run", f"{LONGEST_RUN} min", f"{measured.minutes:.0f} min", measured.minutes < LONGEST_RUN),
    ]


def _who(failed: Sequence[str], damaged: str) -> str:
    return "the broken model" if list(failed) == [damaged] else f"{len(failed)} models"
