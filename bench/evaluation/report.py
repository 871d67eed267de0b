"""docs/evaluation.md, from the records of the runs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from string import Template

from bench.evaluation.alarms import QUIET, Reaction, openings, reaction
from bench.evaluation.runs import Records, Run
from bench.evaluation.samples import SAMPLES, Sample
from bench.tables import number, table

PAGE = Path(__file__).with_name("page.md")
OWN = "DriftGuard"
MONTH = timedelta(days=30)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Score:
    """One rule on one data set. before, shuffled: alarms. months, shuffled_months: how long they were counted."""

    rule: str
    sample: Sample
    before: int
    months: float
    shuffled: int
    shuffled_months: float
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
                    shuffled=sum(len(openings(spans)) for spans in shuffled),
                    shuffled_months=len(shuffled) * ((sample.end - sample.watched) / MONTH),
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
        measured=records.measured,
        versions=_versions(records.runs),
        quiet=QUIET.days,
        summary=_summary(every, rules),
        losses=_losses(every),
        delays=_by_sample(every, rules, "Hours from the change to the alarm", lambda one: one.delay),
        before=_by_sample(
            every, rules, "Alarms per month before the change", lambda one: _rate(one.before, one.months)
        ),
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
                _rate(before, sum(one.months for one in own)),
                f"{len(delays)} of {len(own)}",
                str(on_before),
                str(len(own) - len(delays) - on_before),
                f"{median(delays):.0f} h" if delays else "",
            ]
        )
    head = ["", "alarms per month on shuffled rows", "alarms per month before the change"]
    return table([*head, "changes noticed", "on before", "not found", "median delay"], rows)


def _by_sample(every: Sequence[Score], rules: Sequence[str], title: str, shown: Callable[[Score], str]) -> str:
    cells = {(one.sample.name, one.rule): shown(one) for one in every}
    rows = [[sample.title, *(cells[sample.name, rule] for rule in rules)] for sample in SAMPLES]
    return f"**{title}**\n\n{table(['', *rules], rows)}"


def _rate(alarms: int, months: float) -> str:
    return number(alarms / months, 2)


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
        listed = ", ".join(f"{one.rule} ({one.delay})" for one in faster)
        state = "was on before" if own.reaction.on_before else "did not find the change" if own_delay is None else None
        yield f"DriftGuard {state or f'needed {own.delay}'}. Sooner: {listed}."


def _louder(own: Score, others: Iterable[Score]) -> Iterable[str]:
    listed = list(others)
    quieter = [one.rule for one in listed if one.before < own.before]
    if quieter:
        yield f"Fewer alarms before the change than DriftGuard's {own.before}: {'; '.join(quieter)}."
    cleaner = [one.rule for one in listed if one.shuffled < own.shuffled]
    if cleaner:
        yield f"Fewer alarms on shuffled rows than DriftGuard's {own.shuffled}: {'; '.join(cleaner)}."


def _why(sample: Sample) -> str:
    return f" {WHY[sample.name]}" if sample.name in WHY else ""


WHY: dict[str, str] = {}
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
