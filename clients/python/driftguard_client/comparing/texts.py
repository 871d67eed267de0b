"""A comparison as plain text, Markdown and JUnit XML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from driftguard_engine.alerts.words import TESTS, number, one_line, percent, probability, shorten
from driftguard_engine.distributions.baseline import key_of

from driftguard_client.comparing.counting import Sample
from driftguard_client.comparing.performance import MetricResult, Performance
from driftguard_client.comparing.result import Comparison, ranked, sample_dict
from driftguard_client.comparing.shown import cut

MONTH = 2880
HEADLINES = {
    "performance": "Worse predictions",
    "drift": "Drift",
    "data_quality": "Poor data quality",
    "ok": "No drift",
    "insufficient_data": "Too few data",
}
QUALITY = {
    "missing": "missing",
    "new_categories": "in new categories",
    "out_of_range": "out of the baseline's range",
    "wrong_type": "of the wrong type",
}
SHARES = re.compile(r"(.*) (rose|fell) from ((?:under )?\S+%) to ((?:under )?\S+%)", re.DOTALL)
"""How the engine says that the share of a category changed."""
MOST_SHOWN = 20
NAME_WIDTH = 32
MARKDOWN = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>|#"})


def text_of(result: Comparison, width: int | None) -> str:
    """Return the result for a terminal of so many columns. None cuts no line."""
    lines = [f"{headline(result)}", *(f"  {line}" for line in about(result)), ""]
    rows = [row_of(one) for one in ranked(result.features)[:MOST_SHOWN]]
    names = [shorten(row[0], NAME_WIDTH) for row in rows]
    first = max([len("feature"), *map(len, names)])
    change = "  change" if any(row[5] for row in rows) else ""
    lines.append(f"  {'feature':{first}}  {'status':13} {'score':>7} {'limit':>7} {'p-value':>11}{change}")
    for name, row in zip(names, rows, strict=True):
        line = f"  {name:{first}}  {row[1]:13} {row[2]:>7} {row[3]:>7} {row[4]:>11}  {row[5]}"
        lines.append(cut(line.rstrip(), width))
    left_out = len(result.features) - len(rows)
    if left_out:
        lines.append(f"  … and {left_out} more {'feature' if left_out == 1 else 'features'}, see --format json or html")
    if result.performance is not None:
        lines += ["", f"Performance, {labels_line(result.performance)}:"]
        lines += [f"  {line}" for line in _aligned([METRIC_COLUMNS, *map(metric_row, result.performance.metrics)])]
    lines += _section("Also", [*quality_lines(result), *unwatched_lines(result)])
    lines += _section("Notes", [*result.notes, looks_line(result.looks)])
    return "\n".join(lines) + "\n"


def markdown_of(result: Comparison) -> str:
    """Return the result in Markdown."""
    lines = [f"### {headline(result)}", "", " · ".join(map(_marked, about(result))), ""]
    lines += ["| feature | status | score | limit | p-value | change |", "|---|---|---:|---:|---:|---|"]
    shown = ranked(result.features)[:MOST_SHOWN]
    for one in shown:
        name, *cells = row_of(one)
        lines.append("| " + " | ".join([_marked(name), *map(_marked, cells)]) + " |")
    left_out = len(result.features) - len(shown)
    if left_out:
        lines += ["", f"{left_out} more features have smaller scores."]
    if result.performance is not None:
        lines += ["", f"#### Performance, {labels_line(result.performance)}", ""]
        lines += ["| " + " | ".join(METRIC_COLUMNS) + " |", "|---|---:|---|---:|---:|---:|---|"]
        lines += ["| " + " | ".join(map(_marked, metric_row(one))) + " |" for one in result.performance.metrics]
    also = [*quality_lines(result), *unwatched_lines(result)]
    if also:
        lines += ["", *(f"- {_marked(line)}" for line in also)]
    lines += ["", "<details><summary>Notes</summary>", ""]
    lines += [f"- {_marked(line)}" for line in [*result.notes, looks_line(result.looks)]]
    return "\n".join([*lines, "", "</details>"]) + "\n"


def junit_of(result: Comparison, fail_on: str) -> str:
    """Return the result as JUnit XML."""
    result.fails(fail_on)  # checks the level
    cases = []
    failures = skipped = 0
    for one in result.features:
        fired = [test for test in one["data_quality"] if test["fired"]] if fail_on == "data_quality" else []
        failed = fail_on not in ("none", "performance") and (one["drifted"] or bool(fired))
        name, status, score, limit, p_value, change = row_of(one)
        said = f"{status}: score {score}, limit {limit}, p-value {p_value}. {change}".strip()
        said = " ".join([said, *(_quality_line(one, test) for test in fired)])
        body = ""
        if failed:
            failures += 1
            body = f"<failure message={_attribute(said)}/>"
        elif one["status"] == "insufficient_data":
            skipped += 1
            body = f"<skipped message={_attribute('Too few values for a test.')}/>"
        else:
            body = f"<system-out>{escape(_xml(said))}</system-out>"
        cases.append(f"<testcase classname={_attribute(result.window.name)} name={_attribute(name)}>{body}</testcase>")
    if fail_on == "data_quality":
        for one in result.unwatched:
            failures += 1
            message = _attribute("The baseline has no such column.")
            case = f"<testcase classname={_attribute(result.window.name)} name={_attribute(one['name'])}>"
            cases.append(f"{case}<failure message={message}/></testcase>")
    for metric in result.performance.metrics if result.performance is not None else ():
        if metric.tested is None:
            continue
        _name, value, interval, baseline, drop, limit, state = metric_row(metric)
        said = f"{value} ({interval}), baseline {baseline}, drop {drop}, limit {limit}. {state}".strip()
        body = f"<system-out>{escape(_xml(said))}</system-out>"
        if metric.degraded and fail_on != "none":
            failures += 1
            body = f"<failure message={_attribute(said)}/>"
        elif not metric.tested:
            skipped += 1
            body = f"<skipped message={_attribute('Too few labels for a test.')}/>"
        cases.append(f'<testcase classname="performance" name={_attribute(metric.name)}>{body}</testcase>')
    suite = f'tests="{len(cases)}" failures="{failures}" errors="0" skipped="{skipped}"'
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    body = "\n    ".join(cases)
    return f'{head}\n<testsuites>\n  <testsuite name="driftguard" {suite}>\n    {body}\n  </testsuite>\n</testsuites>\n'


METRIC_COLUMNS = ["metric", "window", "95 % interval", "baseline", "drop", "limit", "status"]


def metric_row(one: MetricResult) -> list[str]:
    """Return the cells of a metric, in the order of METRIC_COLUMNS."""
    interval = "" if one.interval is None else f"{number(one.interval[0])} to {number(one.interval[1])}"
    status = {True: "ok", False: "too few labels", None: ""}[one.tested]
    return [
        one.name,
        number(one.value),
        interval,
        number(one.baseline),
        "" if one.drop is None else number(one.drop),
        "" if one.limit is None else number(one.limit),
        "degraded" if one.degraded else status,
    ]


def labels_line(performance: Performance) -> str:
    """Return how many rows have a label."""
    said = f"{performance.n:,} labelled rows"
    if not performance.n_baseline:
        return f"{said}, none in the baseline to compare with"
    return f"{said} against {performance.n_baseline:,}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def headline(result: Comparison) -> str:
    """Return the result in one sentence."""
    said = HEADLINES[result.status]
    return one_line(f"{said}: {result.reason}" if result.reason else f"{said} in {len(result.features)} features.")


def about(result: Comparison) -> list[str]:
    """Return a line for each sample."""
    return [
        f"{role}: {sample_line(sample)}" for role, sample in (("Baseline", result.baseline), ("Window", result.window))
    ]


def row_of(one: dict[str, Any]) -> list[str]:
    """Return the cells of a feature: name, status, score, limit, p-value, change."""
    fired = [test for test in one["data_quality"] if test["fired"]]
    status = {"drift": "drift", "ok": "ok", "insufficient_data": "too few data"}[one["status"]]
    if fired and not one["drifted"]:
        status = "data quality"
    return [
        one_line(key_of(one["name"], one["role"])),
        status,
        number(one["drift_score"]),
        limit_of(one),
        probability(one["p_value"]),
        one_line(change_of(one) if one["drifted"] else "; ".join(map(_grew, fired)) or too_small(one)),
    ]


def limit_of(one: dict[str, Any]) -> str:
    """Return what the score must exceed, or what the p-value must be below."""
    if one["test"] == "ks" and one["threshold"] is not None:
        return number(one["threshold"])
    return f"p<{number(one['p_threshold'])}" if one["p_threshold"] is not None else "–"


def change_of(one: dict[str, Any]) -> str:
    """Return in words how the values changed. The shares come first, because a terminal may cut the rest."""
    at = one["at"]
    said = one["direction"] or ""
    if at:
        return f"{percent(at['baseline'])} → {percent(at['window'])}: {at['words']}" + (f"; {said}" if said else "")
    found = SHARES.fullmatch(said)
    return f"{found[3]} → {found[4]}: {found[1]} {found[2]}" if found else said


def too_small(one: dict[str, Any]) -> str:
    """Return why a feature is ok although its p-value is below the limit; empty if it is not."""
    limits = (one["p_value"], one["p_threshold"], one["threshold"], one["drift_score"], one["expected_by_chance"])
    if one["status"] != "ok" or one["test"] == "ks" or None in limits or one["p_value"] >= one["p_threshold"]:
        return ""
    above = one["drift_score"] - one["expected_by_chance"]
    return f"too small ({number(above)} above chance < {number(one['threshold'])})"


def quality_lines(result: Comparison) -> list[str]:
    """Return a sentence for each share that grew."""
    return [
        _quality_line(one, test) for one in ranked(result.features) for test in one["data_quality"] if test["fired"]
    ]


def unwatched_lines(result: Comparison) -> list[str]:
    """Return a sentence for each column that the baseline lacks."""
    return [
        one_line(
            f"{one['name']}: {percent(one['share'])} of the rows have a value, but the baseline has no such column."
        )
        + (f" It was probably called {one['renamed_from']!r}." if one["renamed_from"] else "")
        for one in result.unwatched
    ]


def looks_line(looks: int) -> str:
    """Return what the number of looks means."""
    if looks == 1:
        return f"The limits hold for one comparison. The service shares alpha among {MONTH:,} checks per month."
    return f"The limits share alpha among {looks:,} comparisons."


def test_of(one: dict[str, Any]) -> str:
    """Return the name of a feature's test."""
    return TESTS[one["test"]]


def _quality_line(one: dict[str, Any], test: dict[str, Any]) -> str:
    new = f": {', '.join(map(repr, one['new_categories'][:3]))}" if test["kind"] == "new_categories" else ""
    return one_line(f"{key_of(one['name'], one['role'])}: {_grew(test)}{new}.")


def _grew(test: dict[str, Any]) -> str:
    kind = QUALITY.get(test["kind"], test["kind"])
    return f"{percent(test['window'])} {kind} (baseline {percent(test['baseline'])})"


def sample_line(sample: Sample) -> str:
    """Return the name, the rows and the times of a sample."""
    said = f"{sample.name}, {sample.rows:,} rows"
    times = sample_dict(sample)
    if sample.days is None:
        return one_line(said)
    start, end = (str(times[name])[:16].replace("T", " ") for name in ("start", "end"))
    return one_line(f"{said}, {start} to {end} UTC")


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"{title}:", *(f"  - {line}" for line in lines)] if lines else []


def _marked(text: str) -> str:
    return text.translate(MARKDOWN)


def _attribute(text: str) -> str:
    return quoteattr(_xml(text))


def _xml(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return "".join(
        letter if letter in "\t\n" or (letter >= " " and letter not in "\ufffe\uffff") else "�" for letter in text
    )
