"""`make load`: load a local stack, write the page."""

import os
import secrets
import signal
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.environments import LOCUST, ROOT
from bench.load import tick as ticks
from bench.load.bodies import ROWS
from bench.load.fleet import Client, Model, damage, look, make_models, make_organizations
from bench.load.ingest import Driver, Phase
from bench.load.inprocess import measure
from bench.load.plan import Kind
from bench.load.report import Measured, document, held
from bench.load.serving import LoadError, Served, loopback, read, started

PAGE: Final = ROOT / "docs" / "load.md"
FLOOR_SECONDS: Final = 8
SINGLE_SHARE: Final = 0.4
"""How long single predictions are sent, as a share of how long batches are."""


def add_arguments(parser: ArgumentParser) -> None:
    """What the command line may say."""
    parser.add_argument("--users", type=_between(1, 64), default=8, help="clients that send at once")
    parser.add_argument("--seconds", type=_between(1, 300), default=60, help="how long batches are sent")
    parser.add_argument("--models", type=_between(2, 5_000), default=1_000, help="models in the tick, one poisoned")
    parser.add_argument("--organizations", type=_between(1, 500), default=100, help="organizations that own them")
    parser.add_argument("--requests", type=_between(1, 100_000), default=20_000, help="most requests of one kind")
    parser.add_argument("--minutes", type=_between(1, 60), default=15, help="how long the whole run may take")
    parser.add_argument(
        "--url", help="a local stack that serves already, instead of one of its own; keeps what is made"
    )
    parser.add_argument(
        "--stack", type=Path, default=ROOT / ".local" / "stack.json", help="its stack.json (with --url)"
    )
    parser.add_argument("--no-file", action="store_true", help="print only; leave docs/load.md as it is")


def _between(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise ArgumentTypeError(f"must be from {least:,} to {most:,}")
        return value

    return number


def run(options: Namespace, say: Callable[[str], None]) -> int:
    """Load a stack as the options say; 0 when everything that was asked for holds, 1 when something does not."""
    try:
        if options.url:
            loopback(options.url)
        if options.organizations > options.models:
            raise LoadError("there must be at least as many models as organizations")
        if not LOCUST.install(say):
            raise LoadError(f"locust cannot be installed: {LOCUST.missing}")
        with _ending_in_order(), _stack(options, say) as served, Client(served.url) as client:
            measured = _measure(options, served, client, say)
    except LoadError as error:
        say(f"load: {error}")
        return 1
    except KeyboardInterrupt:
        say("load: stopped")
        return 128 + signal.SIGINT
    text = document(measured)
    say(f"\n{text}")
    if not options.no_file:
        PAGE.write_text(text, encoding="utf-8")
        say(f"wrote {PAGE.relative_to(ROOT)}")
    return 0 if held(measured) else 1


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Asked to end, end what was started too, as at Ctrl-C."""
    before = signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _stack(options: Namespace, say: Callable[[str], None]) -> Iterator[Served]:
    if options.url:
        yield read(options.stack, options.url)
    else:
        with started(say) as served:
            yield served


def _measure(options: Namespace, served: Served, client: Client, say: Callable[[str], None]) -> Measured:
    begun, load = time.monotonic(), os.getloadavg()[0]

    def left() -> float:
        seconds = options.minutes * 60 - (time.monotonic() - begun)
        if seconds <= 0:
            raise LoadError(f"the {options.minutes} minutes that it may take are over")
        return float(seconds)

    say(f"Making {options.organizations:,} organizations with keys, {options.models:,} models with a baseline each")
    run_id = f"load-{secrets.token_hex(4)}"
    organizations = make_organizations(served, options.organizations)
    models = make_models(client, organizations, options.models, run_id, say)
    driver = Driver(served, client, options.users, run_id, models)
    first = driver.snapshot()
    say("Sending")
    phases = []
    for kind, seconds in _plan(options.seconds):
        left()
        phases.append(driver.phase(kind, seconds, options.requests, say))
    damaged = models[len(models) // 2]
    say(f"Poisoning one model ({damage(served, damaged)} item overwritten) and firing the schedule")
    ticks.warm(client, [model for model in models if model is not damaged])
    tick = ticks.run(served, client, models, driver.snapshot, left(), say)
    say(f"  {tick.models:,} models in {tick.seconds:.0f} s: {dict(tick.outcomes)}")
    whole = first.until(driver.snapshot())
    left()
    say("Looking at what every organization sees")
    rows = _rows(models, phases)
    seen = look(client, models, rows, damaged)
    say("The handler by itself")
    handled = measure()
    return Measured(
        organizations=len(organizations),
        models=len(models),
        phases=phases,
        handled=handled,
        tick=tick,
        rows=rows,
        damaged=damaged.id,
        seen=seen,
        whole=whole,
        cores=os.process_cpu_count() or 1,
        minutes=(time.monotonic() - begun) / 60,
        load=(load, os.getloadavg()[0]),
        nice=os.nice(0),
        own_stack=not options.url,
    )


def _plan(seconds: int) -> list[tuple[Kind, int]]:
    floor = min(FLOOR_SECONDS, seconds)
    return [
        ("preflight", floor),
        ("health", floor),
        ("single", max(1, round(seconds * SINGLE_SHARE))),
        ("batch", seconds),
    ]


def _rows(models: list[Model], phases: list[Phase]) -> dict[str, int]:
    """How many rows of each model were accepted, its first batch included."""
    rows = Counter({model.id: ROWS for model in models})
    for phase in phases:
        rows.update(phase.ledger.accepted)
    return dict(rows)
