"""The content of a comparison's page: inline SVG, no script, nothing to load. It also reads well in an e-mail."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from driftguard_engine.alerts.words import minute, number, one_line, shorten
from driftguard_engine.distributions.baseline import key_of

from driftguard_client.comparing.drawings import histogram, score_bar
from driftguard_client.comparing.performance import Performance
from driftguard_client.comparing.result import Comparison, ranked
from driftguard_client.comparing.texts import (
    HEADLINES,
    about,
    labels_line,
    looks_line,
    metric_row,
    quality_lines,
    row_of,
    test_of,
    too_small,
    unwatched_lines,
)

MOST_CARDS = 24
"""Features with a drawing. Each takes about 2 kB, and a page of 500 features must stay below 200 kB."""

MOST_LINES = 60
NAME_LENGTH = 48

LEGEND = (
    '<h2>What changed</h2><p class="soft">Grey is the baseline, orange the window. '
    'The outermost bars hold all values beyond them.</p><div class="cards">'
)


def title_of(result: Comparison) -> str:
    """Return the title of the page."""
    return f"{HEADLINES[result.status]}: {result.window.name} against {result.baseline.name}"


def body_of(result: Comparison) -> str:
    """Return the content of the page as HTML."""
    order = ranked(result.features)
    changed = [one for one in order if _changed(one)]
    parts = [
        f'<span class="tag {result.status}">{escape(HEADLINES[result.status])}</span>',
        f"<h1>{escape(one_line(_headline(result)))}</h1>",
        *(f'<p class="soft">{escape(line)}</p>' for line in about(result)),
    ]
    if changed:
        parts.append(LEGEND)
        parts += [_card(one) for one in changed[:MOST_CARDS]]
        parts.append("</div>")
        if len(changed) > MOST_CARDS:
            parts.append(
                f'<p class="soft">{len(changed) - MOST_CARDS} more changed features are in the table below.</p>'
            )
    if result.performance is not None:
        parts.append(_metrics(result.performance))
    parts += _list("Data quality", [*quality_lines(result), *unwatched_lines(result)])
    parts.append(
        '<h2>All features</h2><div class="over"><table><tr><th>feature<th>status<th><th>score<th>limit<th>p-value'
    )
    parts += [_row(one) for one in order]
    parts.append("</table></div>")
    parts += _list("Notes", [*result.notes, looks_line(result.looks)])
    parts.append(f'<p class="soft">Compared by DriftGuard on {minute(result.compared_at)}.</p>')
    return f"<div>{''.join(parts)}</div>"


def _metrics(performance: Performance) -> str:
    rows = []
    for one in performance.metrics:
        name, value, interval, *others, status = metric_row(one)
        cells = [interval, value, *others]  # narrow screens hide the third column, the interval
        kind = ' class="x"' if one.degraded else ""
        rows.append(f"<tr{kind}><td>{name}<td>{status}<td>{'<td>'.join(map(escape, cells))}\n")
    return (
        f'<h2>Performance</h2><p class="soft">{escape(labels_line(performance))}</p><div class="over"><table>'
        "<tr><th>metric<th>status<th>95 % interval<th>window<th>baseline<th>drop<th>limit\n"
        f"{''.join(rows)}</table></div>"
    )


def _headline(result: Comparison) -> str:
    return result.reason or f"No drift in {len(result.features)} features."


def _changed(one: dict[str, Any]) -> bool:
    return bool(one["drifted"]) or any(test["fired"] for test in one["data_quality"])


def _card(one: dict[str, Any]) -> str:
    name, status, score, limit, _p_value, change = row_of(one)
    shift = f"{test_of(one)}: score {score}, limit {limit}" if one["drifted"] else status
    mean = one["mean"]
    if one["drifted"] and mean and mean["baseline"] is not None and mean["window"] is not None:
        shift += f"; mean {number(mean['baseline'])} → {number(mean['window'])}"
    return (
        f'<div class="card"><h3>{escape(shorten(name, NAME_LENGTH))}</h3><p>{escape(change)}</p>'
        f'<p class="soft">{escape(shift)}</p>{histogram(one)}</div>'
    )


def _row(one: dict[str, Any]) -> str:
    _name, status, score, limit, p_value, _change = row_of(one)
    status = ": ".join(filter(None, [status, too_small(one)]))
    name = escape(shorten(one_line(key_of(one["name"], one["role"])), NAME_LENGTH))
    bar = score_bar(one["drift_score"], one["threshold"] if one["test"] == "ks" else None)
    kind = ' class="x"' if _changed(one) else ""
    return f"<tr{kind}><td>{name}<td>{escape(status)}<td>{bar}<td>{score}<td>{escape(limit)}<td>{escape(p_value)}\n"


def _list(title: str, lines: Iterable[str]) -> list[str]:
    lines = list(lines)
    if not lines:
        return []
    more = [f"{len(lines) - MOST_LINES} more."] if len(lines) > MOST_LINES else []
    shown = "".join(f"<li>{escape(line)}</li>" for line in [*lines[:MOST_LINES], *more])
    return [f"<h2>{title}</h2><ul>{shown}</ul>"]
