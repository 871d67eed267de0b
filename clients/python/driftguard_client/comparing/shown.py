"""What a person sees of a result: text in a terminal, an HTML page of one file, and a cell of a notebook."""

from __future__ import annotations

from abc import ABC, abstractmethod
from html import escape
from typing import Any

from driftguard_engine.alerts.words import shorten

from driftguard_client.progress import width_of_output

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
.dg .tag.drift,.dg .tag.data_quality,.dg .tag.performance{background:var(--bad)}
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
--ok:#1d7a45;background:#14171c}.dg .tag.drift,.dg .tag.data_quality,
.dg .tag.performance{background:#b3261e}}
"""


def cut(line: str, width: int | None) -> str:
    """Return a line that fits into a terminal of so many columns, at least 60; the whole line for None."""
    return line if width is None else shorten(line, max(width, 60))


class Shown(ABC):
    """A result with `to_text()`, `to_html()`, and a table for notebooks."""

    @abstractmethod
    def to_text(self, width: int | None = 100) -> str:
        """Return the result as text. width: the columns of the terminal, to which lines are cut; None cuts nothing."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""

    @abstractmethod
    def _page(self) -> tuple[str, str]:
        """Return the title as text and the content as HTML."""

    def to_html(self) -> str:
        """Return the result as an HTML page of one file, without scripts."""
        title, body = self._page()
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">'
            f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
            f'<body class="dg">{body}</body></html>\n'
        )

    def _repr_html_(self) -> str:
        return f'<style>{STYLE}</style><div class="dg">{self._page()[1]}</div>'

    def __str__(self) -> str:
        return self.to_text(width_of_output())
