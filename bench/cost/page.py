"""Writes the page about cost from measured usage."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from bench.cost.labels import LABELS, label_lines, measure_labels
from bench.cost.measure import BATCH, measure_check, measure_idle, measure_ingest, measure_open_alert
from bench.cost.prices import (
    CALL_SECONDS,
    HOURS,
    MOST_FIXED,
    PRICES,
    PRICES_OF,
    Line,
    alert_lines,
    check_lines,
    database_dollars,
    fixed_lines,
    ingest_lines,
    total_of,
)

TARGETS: Final = {"ingest": 0.15, "check": 0.10, "labels": 0.10}
"""What a million predictions, a model-month of checks and a million labels should cost at most, in US dollars."""
OPEN_FEATURES: Final = 5
"""Features of the measured alert that stays open."""
TICKS: Final = 2880
"""Checks of a model in 30 days."""
TEMPLATE: Final = Path(__file__).with_name("page.md")


def table(lines: Iterable[Line]) -> str:
    """The lines and their sum as a Markdown table."""
    entries = list(lines)
    shown = [f"| {line.service} | {line.amount:,.4g} | {line.dollars:,.4f} |" for line in entries]
    total = f"| **total** | | **{total_of(entries):,.4f}** |"
    return "\n".join(["| what | amount | US$ |", "|---|---:|---:|", *shown, total])


def verdict(dollars: float, target: float) -> str:
    """A cost, its target, and by how much the target is missed."""
    kept = dollars <= target
    return f"**${dollars:.3f}**, target ${target:.2f}: {'met' if kept else f'missed by ${dollars - target:.3f}'}"


def report(per_month: int, features: int, count: int) -> str:
    """The page for `count` models with `features` features and `per_month` predictions together."""
    parts = _two_numbers() | _labels() | _your_month(per_month, features, count) | _not_measured()
    return TEMPLATE.read_text(encoding="utf-8").format(**parts, batch=BATCH)


def _two_numbers() -> dict[str, Any]:
    """A million predictions with 20 features, and a model-month of checks with 50 features."""
    usage, log_bytes, stored = measure_ingest(20)
    million = ingest_lines(usage, log_bytes, stored, requests=1e6 / BATCH)
    check = measure_check(50, 600)
    month = check_lines(check, TICKS)
    idle = measure_idle(50, 600)
    idle_month = check_lines(idle.usage, TICKS, idle.messages)
    open_writes = measure_open_alert(OPEN_FEATURES)
    return {
        "ingest_verdict": verdict(total_of(million), TARGETS["ingest"]),
        "ingest": table(million),
        "ingest_writes": usage.write_units,
        "ingest_reads": usage.read_units,
        "ingest_calls": sum(usage.calls.values()),
        "ingest_ms": usage.own_seconds * 1000,
        "check_verdict": verdict(total_of(month), TARGETS["check"]),
        "check": table(month),
        "check_writes": check.write_units,
        "check_reads": check.read_units,
        "check_calls": sum(check.calls.values()),
        "check_ms": check.own_seconds * 1000,
        "idle": table(idle_month),
        "idle_dollars": total_of(idle_month),
        "idle_share": total_of(idle_month) / total_of(month),
        "idle_units_share": database_dollars(idle.usage) / database_dollars(check),
        "idle_writes": idle.usage.write_units,
        "idle_reads": idle.usage.read_units,
        "written": ", ".join(f"{name} {units:g}" for name, units in check.written.most_common()),
        "open_features": OPEN_FEATURES,
        "open_writes": open_writes,
        "open_dollars": open_writes * TICKS * PRICES["write"][0],
    }


def _labels() -> dict[str, Any]:
    """A million labelled predictions of one model in 30 days."""
    usage = measure_labels(timestamps=True)
    lines = label_lines(usage)
    return {
        "labels_verdict": verdict(total_of(lines), TARGETS["labels"]),
        "labels": table(lines),
        "labels_batch": LABELS,
        "labels_writes": usage.request.write_units,
        "joins_writes": usage.joins.write_units,
        "joins_reads": usage.joins.read_units,
        "labels_without": total_of(label_lines(measure_labels(timestamps=False))),
    }


def _your_month(per_month: int, features: int, count: int) -> dict[str, Any]:
    """A month with the numbers of the command line."""
    usage, log_bytes, stored = measure_ingest(features)
    check = measure_check(features, per_month / count / HOURS)
    fixed = fixed_lines()
    monitored = fixed_lines(Alarms="all", Dashboard="true")
    sections = {
        "Logging": ingest_lines(usage, log_bytes, stored, requests=per_month / BATCH),
        "Checks": check_lines(check, count * TICKS),
        "Alerts": alert_lines(count),
        "Fixed cost": fixed,
    }
    return {
        "predictions": per_month,
        "features": features,
        "models": count,
        "total": sum(total_of(lines) for lines in sections.values()),
        "fixed_verdict": verdict(total_of(fixed), MOST_FIXED),
        "monitored": total_of(monitored),
        "parts": "\n\n".join(f"### {name}\n\n{table(lines)}" for name, lines in sections.items()),
    }


def _not_measured() -> dict[str, Any]:
    """Assumptions and prices."""
    trace = PRICES["trace"][0]
    return {
        "call_ms": CALL_SECONDS * 1000,
        "trace": trace * 1e6,
        "trace_ingest": 1e6 / BATCH * trace,
        "trace_check": TICKS * trace,
        "prices_of": PRICES_OF,
        "prices": "\n".join(f"| {what} | {price:.10f} | {url} |" for price, what, url in PRICES.values()),
    }
