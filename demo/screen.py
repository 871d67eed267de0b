"""What the person at the terminal sees; colours only there, and none when NO_COLOR is set."""

import os
import textwrap
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TextIO

BLOCKS: Final = " ▏▎▍▌▋▊▉█"
COLUMNS: Final = "▁▂▃▄▅▆▇█"
TALL: Final = 0.5
"""The score of the tallest column of a sparkline."""

BAR: Final = 28
SMALLEST: Final = 1e-300
WIDTH: Final = 100
STYLES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
SEVERITY_STYLES: Final = {"LOW": "cyan", "MEDIUM": "yellow", "HIGH": "red"}


class Screen:
    """Writes the story to a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._colours = self._live and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._step = 0

    def paint(self, text: str, *styles: str) -> str:
        """The text in a style, where there are any."""
        if not self._colours or not styles:
            return text
        return f"\x1b[{';'.join(STYLES[style] for style in styles)}m{text}\x1b[0m"

    def severity(self, severity: str) -> str:
        """A severity in its colour."""
        return self.paint(f"{severity:<6}", "bold", SEVERITY_STYLES.get(severity, "bold"))

    def line(self, text: str = "") -> None:
        """One line."""
        print(text, file=self._stream, flush=True)

    def title(self, text: str) -> None:
        """The headline."""
        self.line()
        self.line(self.paint(text, "bold"))

    def step(self, text: str) -> None:
        """A chapter's headline, numbered."""
        self._step += 1
        self.line()
        self.line(self.paint(f"{self._step}. {text}", "bold", "cyan"))

    def text(self, text: str) -> None:
        """A paragraph."""
        for line in textwrap.wrap(text, WIDTH - 3):
            self.line(f"   {line}")

    def item(self, mark: str, text: str, indent: int = 2) -> None:
        """An entry of a list, its further lines `indent` further in than the mark."""
        first, *others = textwrap.wrap(text, WIDTH - 6 - indent, break_long_words=False, break_on_hyphens=False) or [""]
        self.line(f"     {mark} {first}")
        for other in others:
            self.line(f"     {'':<{indent}} {other}")

    def done(self, text: str, seconds: float) -> None:
        """Something that took a while has ended."""
        self.line(f"   {self.paint('✓', 'green')} {text}  {self.paint(f'{seconds:.1f} s', 'dim')}")

    def progress(self, label: str, unit: str, total: int) -> "Progress":
        """A bar that fills while the work goes on, to be closed by `with`."""
        return Progress(self, label, unit, total)

    def overwrite(self, text: str, *, last: bool) -> None:
        """A line that the next one replaces until the last; away from a terminal only the last is written."""
        if self._live:
            self._stream.write(f"\r\x1b[2K{text}" + ("\n" if last else ""))
            self._stream.flush()
        elif last:
            self.line(text)

    def features(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """A report's features: score, threshold, a bar on which the threshold is marked, verdict."""
        rows = sorted(rows, key=lambda row: (row["role"] == "prediction", -(row["drift_score"] or 0)))
        full = max(0.25, *(row["drift_score"] or 0 for row in rows))
        heads = f"   {'feature':<12}{'test':<6}{'score':>6}{'limit':>7}   {'':<{BAR}}   {'p-value':<9}verdict"
        self.line(self.paint(heads, "dim"))
        for row in rows:
            self.line(f"   {row['name']:<12}{row['test']:<6}{self._judged(row, full)}")

    def _judged(self, row: Mapping[str, Any], full: float) -> str:
        score, limit = row["drift_score"], row["threshold"]
        if score is None:
            return f"{'–':>6}{'':>7}   {'':<{BAR}}   {'':<9}{row['status']}"
        colour = "red" if row["drifted"] else "green"
        drawn = self.paint(bar(score / full, limit / full, BAR), colour)
        verdict = self.paint("DRIFT" if row["drifted"] else "ok", "bold", colour)
        return f"{score:>6.3f}{limit:>7.3f}   {drawn}   {probability(row['p_value']):<9}{verdict}"


class Progress:
    """A bar on a line of its own."""

    def __init__(self, screen: Screen, label: str, unit: str, total: int) -> None:
        self._screen = screen
        self._label = label
        self._unit = unit
        self._total = total
        self._done = 0
        self._began = time.monotonic()

    def __enter__(self) -> "Progress":
        self._show(last=False)
        return self

    def __exit__(self, *_: object) -> None:
        self._show(last=True)

    def reach(self, amount: int) -> None:
        """So much is done by now."""
        self._done = amount
        self._show(last=False)

    def _show(self, *, last: bool) -> None:
        drawn = self._screen.paint(bar(self._done / self._total, None, BAR), "cyan")
        seconds = time.monotonic() - self._began
        counted = f"{self._done:>6,} of {self._total:,} {self._unit}"
        self._screen.overwrite(f"   {self._label:<26} {drawn} {counted}  {seconds:.1f} s", last=last)


def bar(share: float, mark: float | None, width: int) -> str:
    """A bar of `share` (0 to 1) of the width to an eighth of a character; `mark` (0 to 1) is where a line stands."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    whole, rest = divmod(eighths, 8)
    cells = list("█" * whole + (BLOCKS[rest] if rest else ""))
    cells += [" "] * (width - len(cells))
    if mark is not None:
        place = min(int(mark * width), width - 1)
        cells[place] = "│"
    return "".join(cells)


def spark(scores: Sequence[float | None]) -> str:
    """A column for each score, a space where there is none."""
    last = len(COLUMNS) - 1
    return "".join(" " if one is None else COLUMNS[min(last, int(one / TALL * last + 0.5))] for one in scores)


def probability(value: float) -> str:
    """A p-value in a few characters."""
    if value < SMALLEST:
        return f"<{SMALLEST:.0e}"
    return f"{value:.1e}" if value < 0.001 else f"{value:.3f}"
