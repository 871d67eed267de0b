"""docs/evaluation.md, from the records of the runs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from string import Template

from bench.evaluation.alarms import QUIET, Reaction, openings, reaction, time_on
from bench.evaluation.runs import Records, Run
from bench.evaluation.samples import SAMPLES, Sample
from bench.tables import number, table

PAGE = Path(__file__).with_name("page.md")
OWN = "DriftGuard"
MONTH = timedelta(days=30)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Score:
    """One rule on one data set.

    before, shuffled: alarms. months, shuffled_months: how long they were counted.
    on, shuffled_on: the months in which the rule was on.
    """

    rule: str
    sample: Sample
    before: int
    months: float
    on: float
    shuffled: int
    shuffled_months: float
    shuffled_on: float
    reaction: Reaction

    @property
    def delay(self) -> str:
        """The time from the change to the alarm, for a table."""
        if self.reaction.on_before:
            return "on before"
        found = self.reaction.found_after
        return "not found" if found is None else f"{found / HOUR:.0f} h"


def scores(runs: Sequence[Run]) -> list[Score]:
    """Count the alarms of each rule on each data set."""
    found = []
    for sample in SAMPLES:
        own = [run for run in runs if run.sample == sample.name]
        for rule in dict.fromkeys(run.rule for run in own):
            (real,) = [run.spans for run in own if run.rule == rule and run.seed is None]
            shuffled = [run.spans for run in own if run.rule == rule and run.seed is not None]
            found.append(
                Score(
                    rule,
                    sample,
                    before=sum(opened < sample.changed for opened in openings(real)),
                    months=(sample.changed - sample.watched) / MONTH,
                    on=time_on(real, sample.watched, sample.changed) / MONTH,
                    shuffled=sum(len(openings(spans)) for spans in shuffled),
                    shuffled_months=len(shuffled) * ((sample.end - sample.watched) / MONTH),
                    shuffled_on=sum(time_on(spans, sample.watched, sample.end) / MONTH for spans in shuffled),
                    reaction=reaction(real, sample.changed),
                )
            )
    return found


def document(records: Records) -> str:
    """The whole page."""
    every = scores(records.runs)
    rules = sorted({one.rule for one in every}, key=_place)
    return Template(PAGE.read_text(encoding="utf-8")).substitute(
        replays=len({(run.sample, run.seed, run.rule.partition(",")[0]) for run in records.runs}),
        minutes=f"{records.minutes:.0f}",
        clock=f"{records.minutes / 2:.0f}",
        measured=records.measured,
        versions=_versions(records.runs),
        quiet=QUIET.days,
        seeds=len({run.seed for run in records.runs} - {None}),
        summary=_summary(every, rules),
        reading=_reading(every, rules),
        losses=_losses(every),
        delays=_by_sample(every, rules, "Hours from the change to the alarm", lambda one: one.delay),
        before=_by_sample(
            every, rules, "Alarms per month before the change", lambda one: _rate(one.before, one.months)
        ),
        on=_by_sample(every, rules, "Share of the time before the change in which the tool was on", _share_on),
        shuffled=_by_sample(every, rules, "Alarms per month on shuffled rows", _shuffled_rate),
        data=_data_sets(records),
        changes=_changes(),
    )


def _place(rule: str) -> int:
    order = ("DriftGuard", "NannyML", "Evidently, any column", "Evidently, data set", "p < 0.05")
    return order.index(rule) if rule in order else len(order)


def _versions(runs: Iterable[Run]) -> str:
    names = {"NannyML": "NannyML", "Evidently, any column": "Evidently"}
    found = {names[run.rule]: run.version for run in runs if run.rule in names}
    return ", ".join(f"{name} {version}" for name, version in sorted(found.items(), reverse=True)) + "."


def _summary(every: Sequence[Score], rules: Sequence[str]) -> str:
    rows = []
    for rule in rules:
        own = [one for one in every if one.rule == rule]
        delays = [one.reaction.found_after / HOUR for one in own if one.reaction.found_after is not None]
        before = sum(one.before for one in own)
        shuffled = sum(one.shuffled for one in own)
        on_before = sum(one.reaction.on_before for one in own)
        rows.append(
            [
                rule,
                _rate(shuffled, sum(one.shuffled_months for one in own)),
                f"{sum(one.shuffled_on for one in own) / sum(one.shuffled_months for one in own):.0%}",
                _rate(before, sum(one.months for one in own)),
                _time_on(own),
                f"{len(delays)} of {len(own)}",
                str(on_before),
                str(len(own) - len(delays) - on_before),
                f"{median(delays):.0f} h" if delays else "",
            ]
        )
    head = ["", "alarms per month, shuffled", "time on, shuffled", "alarms per month before the change"]
    return table(
        [*head, "time on before the change", "changes noticed", "on before", "not found", "median delay"], rows
    )


def _reading(every: Sequence[Score], rules: Sequence[str]) -> str:
    """Return what the numbers mean for a reader."""
    false = {rule: sum(one.shuffled for one in every if one.rule == rule) for rule in rules}
    others = sorted(rules[1:], key=lambda rule: false[rule])
    own = [one for one in every if one.rule == OWN]
    months = sum(one.shuffled_months for one in own)
    noticed = [one for one in own if one.reaction.found_after is not None]
    late = {one.sample.name for one in noticed if any(_later(one, [other for other in every if _same(one, other)]))}
    real = [one for one in own if one.sample.kind.startswith("real")]
    still = [one for one in own if one not in real]
    return f"""- **False alarms.** On shuffled rows, DriftGuard had {false[OWN]} alarms in {months:.0f} months.
  The others had between {false[others[0]]} ({others[0]}) and {false[others[-1]]} ({others[-1]}).
- **Delay.** DriftGuard noticed {len(noticed)} of {len(own)} changes.
  On {len(noticed) - len(late)} of these data sets, no other rule was sooner.
- **Real data move all the time.** Before the change, DriftGuard was on for {_time_on(real)} of the time on real rows,
  and for {_time_on(still)} on rows that a package's authors made. A baseline of two or three months does not hold what
  the next season brings. Expect alerts about such changes, and set a new baseline when they stay.
- **Few rows.** With fewer than 100 rows per week, DriftGuard tests nothing by default.
"""


def _same(one: Score, other: Score) -> bool:
    return one.sample == other.sample and one.rule != other.rule


def _time_on(some: Sequence[Score]) -> str:
    return f"{sum(one.on for one in some) / sum(one.months for one in some):.0%}"


def _by_sample(every: Sequence[Score], rules: Sequence[str], title: str, shown: Callable[[Score], str]) -> str:
    cells = {(one.sample.name, one.rule): shown(one) for one in every}
    rows = [[sample.title, *(cells[sample.name, rule] for rule in rules)] for sample in SAMPLES]
    return f"**{title}**\n\n{table(['', *rules], rows)}"


def _rate(alarms: int, months: float) -> str:
    return number(alarms / months, 2)


def _share_on(score: Score) -> str:
    return f"{score.on / score.months:.0%}"


def _shuffled_rate(score: Score) -> str:
    return _rate(score.shuffled, score.shuffled_months)


def _losses(every: Sequence[Score]) -> str:
    """Return every comparison that another rule wins."""
    lines = []
    for sample in SAMPLES:
        here = {one.rule: one for one in every if one.sample == sample}
        own = here.pop(OWN)
        found = [*_later(own, here.values()), *_louder(own, here.values())]
        if found:
            lines.append(f"- **{sample.title}.** {' '.join(found)}{_why(sample)}")
    return "\n".join(lines or ["On these data sets, no other rule was faster or had fewer alarms."]) + "\n"


def _later(own: Score, others: Iterable[Score]) -> Iterable[str]:
    own_delay = own.reaction.found_after
    faster = [
        one
        for one in others
        if one.reaction.found_after is not None and (own_delay is None or one.reaction.found_after < own_delay)
    ]
    if faster:
        listed = "; ".join(f"{one.rule} ({one.delay})" for one in faster)
        state = "was on before" if own.reaction.on_before else "did not find the change" if own_delay is None else None
        yield f"DriftGuard {state or f'needed {own.delay}'}. Sooner: {listed}."


def _louder(own: Score, others: Iterable[Score]) -> Iterable[str]:
    listed = list(others)
    quieter = [f"{one.rule} ({one.before})" for one in listed if one.before < own.before]
    if quieter:
        yield (
            f"DriftGuard had {own.before} alarms before the change and was on {_share_on(own)} of the time. "
            f"Fewer alarms: {'; '.join(quieter)}."
        )
    cleaner = [one.rule for one in listed if one.shuffled < own.shuffled]
    if cleaner:
        yield f"Fewer alarms on shuffled rows than DriftGuard's {own.shuffled}: {'; '.join(cleaner)}."


def _why(sample: Sample) -> str:
    return f" {WHY[sample.name]}" if sample.name in WHY else ""


WHY = {
    "flights": "Delays differ much from day to day, and DriftGuard's limit grows with that difference.",
    "weather": "Pressure and humidity stay high or low for days, and three months of baseline do not hold all "
    "weather. Leave such features out, or watch the error of a forecast instead.",
    "stops": "An alert about `problem` was open since May, because stops for traffic had become rarer. DriftGuard "
    "opened a second alert 7 hours after the change, about the data quality of `citationIssued`. A second alert does "
    "not count here.",
    "wages": "Evidently's look at midnight came just before the hour in which DriftGuard had enough rows.",
    "tweets": "The account wrote about five tweets a day. A week has fewer rows than `min_samples` (100), so "
    "DriftGuard tested nothing. For so few rows, lower `min_samples` or raise `window_days`.",
}
"""Reasons, shown where DriftGuard loses."""


def _data_sets(records: Records) -> str:
    facts = {one.name: one for one in records.facts}
    head = ["data set", "package", "kind", "rows in the baseline", "rows in the history", "features", "days before"]
    rows = []
    for sample in SAMPLES:
        fact = facts[sample.name]
        numbers = [f"{fact.baseline:,}", f"{fact.history:,}", str(fact.features)]
        days = f"{(sample.changed - sample.watched) / timedelta(days=1):.0f}"
        rows.append([sample.title, f"{sample.package} {fact.version}", sample.kind, *numbers, days])
    return table(head, rows).replace("| --- | ---: | ---: |", "| --- | --- | --- |", 1)


def _changes() -> str:
    lines = []
    for sample in SAMPLES:
        moment = f"{sample.changed:%-d %B %Y, %H:%M}"
        lines.append(f"- **{sample.title}**, {moment}: {sample.change}. {sample.source} Times: {sample.times}.")
    return "\n".join(lines) + "\n"
