"""A comparison as one HTML page: inline SVG, no script, nothing to load. It also reads well in an e-mail."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from driftguard_engine.alerts.words import minute, number, one_line, shorten
from driftguard_engine.distributions.baseline import key_of

from driftguard_client.comparing.drawings import histogram, score_bar
from driftguard_client.comparing.result import Comparison, ranked
from driftguard_client.comparing.texts import (
    HEADLINES,
    about,
    looks_line,
    quality_lines,
    row_of,
    test_of,
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

STYLE = """
.dg{color-scheme:light dark;--t:#191d23;--s:#5d6673;--l:#dde1e7;--c:#fff;--b:#b6bec9;
--w:#c2540a;--bad:#b3261e;--ok:#1d7a45;
background:#f1f3f6;color:var(--t);
font:15px/1.5 -apple-system,BlinkMacSystemFont,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;
margin:0;padding:24px 12px}
.dg>div{max-width:860px;margin:0 auto;background:var(--c);border:1px solid var(--l);
border-radius:10px;padding:24px 28px}
.dg h1{font-size:23px;line-height:1.25;margin:0 0 8px;overflow-wrap:anywhere}
.dg h2{font-size:16px;margin:26px 0 8px}
.dg h3{font-size:15px;margin:0;overflow-wrap:anywhere}
.dg p,.dg ul{margin:4px 0;overflow-wrap:anywhere}
.dg ul{padding-left:20px}
.dg .soft,.dg th{color:var(--s);font-size:13px;font-weight:400}
.dg .tag{display:inline-block;border-radius:10px;padding:1px 10px;font-size:12px;font-weight:600;
color:#fff;background:var(--ok)}
.dg .tag.drift,.dg .tag.data_quality{background:var(--bad)}
.dg .tag.insufficient_data{background:#5d6673}
.dg .cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(280px,1fr));gap:14px}
.dg .card{border:1px solid var(--l);border-radius:8px;padding:12px 14px}
.dg svg{display:block;width:100%;margin-top:8px}
.dg svg text{font-size:11px;fill:var(--s)}
.dg svg .b{fill:var(--b)}
.dg svg .n{fill:var(--w)}
.dg svg .w{fill:none;stroke:var(--w);stroke-width:2}
.dg svg .a{fill:var(--bad);opacity:.18}
.dg svg .d{fill:none;stroke:var(--s);stroke-dasharray:4 4}
.dg svg.s{width:60px;height:8px;margin:0;background:var(--l)}
.dg svg.s rect{fill:var(--s)}
.dg svg.s path{stroke:var(--t);stroke-width:2}
.dg .over{overflow-x:auto}
.dg table{border-collapse:collapse;width:100%;font-size:13px}
.dg td,.dg th{text-align:left;padding:4px 10px 4px 0;border-bottom:1px solid var(--l);vertical-align:middle}
.dg td:first-child{overflow-wrap:anywhere;min-width:90px}
.dg td:nth-child(n+4),.dg th:nth-child(n+4){text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.dg .x td:nth-child(2){color:var(--bad);font-weight:600}
@media (max-width:560px){.dg{padding:0}.dg>div{border:0;border-radius:0;padding:18px 16px}
.dg td:nth-child(3),.dg th:nth-child(3),.dg td:nth-child(6),.dg th:nth-child(6){display:none}}
@media (prefers-color-scheme:dark){.dg{--t:#e7eaee;--s:#a3acb8;--l:#333a44;--c:#1d2127;
--b:#59636f;--w:#ff9d57;--bad:#ff8a80;
--ok:#1d7a45;background:#14171c}.dg .tag.drift,.dg .tag.data_quality{background:#b3261e}}
"""


def page_of(result: Comparison) -> str:
    """Return the whole page."""
    title = escape(f"{HEADLINES[result.status]}: {result.window.name} against {result.baseline.name}")
    return document(title, body_of(result))


def document(title: str, body: str) -> str:
    """Return a page of its own. title: escaped."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n"
        f'<body class="dg">{body}</body></html>\n'
    )


def fragment_of(result: Comparison) -> str:
    """Return the result for a cell of a notebook."""
    return f'<style>{STYLE}</style><div class="dg">{body_of(result)}</div>'


def body_of(result: Comparison) -> str:
    """Return the content of the page."""
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
    parts += _list("Data quality", [*quality_lines(result), *unwatched_lines(result)])
    parts.append(
        '<h2>All features</h2><div class="over"><table><tr><th>feature<th>status<th><th>score<th>limit<th>p-value'
    )
    parts += [_row(one) for one in order]
    parts.append("</table></div>")
    parts += _list("Notes", [*result.notes, looks_line(result.looks)])
    parts.append(f'<p class="soft">Compared by DriftGuard on {minute(result.compared_at)}.</p>')
    return f"<div>{''.join(parts)}</div>"


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
    name = escape(shorten(one_line(key_of(one["name"], one["role"])), NAME_LENGTH))
    bar = score_bar(one["drift_score"], one["threshold"] if one["test"] == "ks" else None)
    kind = ' class="x"' if _changed(one) else ""
    return f"<tr{kind}><td>{name}<td>{status}<td>{bar}<td>{score}<td>{escape(limit)}<td>{escape(p_value)}\n"


def _list(title: str, lines: Iterable[str]) -> list[str]:
    lines = list(lines)
    if not lines:
        return []
    more = [f"{len(lines) - MOST_LINES} more."] if len(lines) > MOST_LINES else []
    shown = "".join(f"<li>{escape(line)}</li>" for line in [*lines[:MOST_LINES], *more])
    return [f"<h2>{title}</h2><ul>{shown}</ul>"]
