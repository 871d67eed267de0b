"""A backtest as plain text, and the content of its page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby

from driftguard_engine.alerts.words import duration, minute, number, one_line

from driftguard_client.comparing.backtest_result import Backtest, Change, Message, Point, ReplayedAlert
from driftguard_client.comparing.shown import cut
from driftguard_client.comparing.texts import sample_line
from driftguard_client.progress import PLAIN_WIDTH

TYPES = {
    "data_drift": "Data drift",
    "prediction_drift": "Prediction drift",
    "data_quality": "Data quality",
    "no_data": "No data",
}
KINDS = {"opened": "opened", "escalated": "escalated", "repeated": "reminder", "resolved": "resolved"}
NAMED = 3
MOST_MESSAGES = 200
LEGEND = (
    "The largest score of a feature over the whole window, at each check. The dashed line is min_drift_score ({}). "
    "Red marks the time in which an alert was open."
)
PEAKS = "A peak can be above the score of the window, because an alert may be about the last hours alone."
BARS = "▁▂▃▄▅▆▇█"
WIDTH, HEIGHT, LEFT = 820, 160, 36


def text_of(result: Backtest, width: int | None) -> str:
    """Return the result for a terminal of so many columns. None cuts no line."""
    lines = [summary(result), *(f"  {line}" for line in about(result)), ""]
    line = _spark(result.points, max(width or PLAIN_WIDTH, 60) - 46)
    lines.append(f"  score of the window  {line}  largest {number(_largest(result.points))}")
    lines += ["", "Alerts:"] if result.alerts else ["", "No alert would have opened."]
    lines += [cut(f"  {_alert_line(alert, result)}", width) for alert in result.alerts]
    lines += [f"  {PEAKS}"] if _has_higher_peak(result) else []
    messages = told(result.messages)
    if messages:
        lines += ["", "Messages:"]
        lines += [cut(f"  {time}  {said}", width) for time, said in messages[:MOST_MESSAGES]]
        if len(messages) > MOST_MESSAGES:
            lines.append(f"  … and {len(messages) - MOST_MESSAGES} more, see --format json")
    if result.notes:
        lines += ["", "Notes:", *(f"  - {note}" for note in result.notes)]
    return "\n".join(lines) + "\n"


def summary(result: Backtest) -> str:
    """Return the result in one sentence."""
    alerts, messages = len(result.alerts), len(result.messages)
    return (
        f"{alerts or 'No'} {'alert' if alerts == 1 else 'alerts'} and {messages or 'no'} "
        f"{'message' if messages == 1 else 'messages'} in {duration(result.end - result.start)}."
    )


def about(result: Backtest) -> list[str]:
    """Return a line for each sample, and one for the checks."""
    return [
        f"Baseline: {sample_line(result.baseline)}",
        f"History: {sample_line(result.history)}",
        f"Checks: {result.checks:,}, one every {result.every} minutes",
    ]


def message_line(message: Message) -> str:
    """Return what a message tells."""
    return "; ".join(map(_change_line, message.changes))


def _change_line(change: Change) -> str:
    named = _names(change.features)
    severity = f"({change.severity})"
    if change.kind == "escalated" and change.previous_severity:
        severity = f"from {change.previous_severity} to {change.severity}"
    return f"{TYPES[change.type]} {KINDS.get(change.kind, change.kind)} {severity}{': ' if named else ''}{named}"


def _alert_line(alert: ReplayedAlert, result: Backtest) -> str:
    ended = minute(alert.resolved_at) if alert.resolved_at else "still open"
    lasted = duration((alert.resolved_at or result.end) - alert.opened_at)
    peak = f", peak score {number(alert.peak)}" if alert.peak is not None else ""
    young = ", preliminary" if alert.preliminary else ""
    named = _names(alert.features)
    return (
        f"{minute(alert.opened_at)} – {ended} ({lasted})  {TYPES[alert.type]} {alert.severity}{peak}{young}"
        f"{': ' if named else ''}{named}"
    )


def _names(features: Sequence[str]) -> str:
    more = f" and {len(features) - NAMED} more" if len(features) > NAMED else ""
    return one_line(", ".join(features[:NAMED]) + more)


def told(messages: Sequence[Message]) -> list[tuple[str, str]]:
    """Return the time and the text of each message. Reminders in a row are one line."""
    lines: list[tuple[str, str]] = []
    for reminders, some in groupby(messages, _is_reminder):
        group = list(some)
        if reminders and len(group) > 1:
            last = ", ".join(f"{TYPES[change.type]} {change.severity}" for change in group[-1].changes)
            lines.append((minute(group[0].at), f"{len(group)} reminders until {minute(group[-1].at)} ({last})"))
        else:
            lines += [(minute(one.at), message_line(one)) for one in group]
    return lines


def _is_reminder(message: Message) -> bool:
    return all(change.kind == "repeated" for change in message.changes)


def _has_higher_peak(result: Backtest) -> bool:
    """Return whether an alert reached a score that the score line does not show."""
    largest = _largest(result.points) or 0.0
    return any(alert.peak is not None and alert.peak > largest for alert in result.alerts)


def _largest(points: Sequence[Point]) -> float | None:
    return max((point.score for point in points if point.score is not None), default=None)


def _spark(points: Sequence[Point], width: int) -> str:
    top = _largest(points) or 1.0
    step = max(1, -(-len(points) // max(width, 1)))
    shown = [_largest(points[place : place + step]) for place in range(0, len(points), step)]
    return "".join(" " if one is None else BARS[min(int(one / top * len(BARS)), len(BARS) - 1)] for one in shown)


def body_of(result: Backtest) -> str:
    """Return the content of the page as HTML."""
    tag = "drift" if result.alerts else "ok"
    parts = [
        f'<span class="tag {tag}">Backtest</span><h1>{escape(summary(result))}</h1>',
        *(f'<p class="soft">{escape(line)}</p>' for line in about(result)),
        "<h2>Score</h2>",
        f'<p class="soft">{escape(LEGEND.format(number(result.limit)))}</p>',
        _line(result),
    ]
    parts.append("<h2>Alerts</h2>" if result.alerts else "<p>No alert would have opened.</p>")
    parts += [f"<p>{escape(_alert_line(alert, result))}</p>" for alert in result.alerts]
    parts += [f'<p class="soft">{PEAKS}</p>'] if _has_higher_peak(result) else []
    messages = told(result.messages)
    if messages:
        rows = "".join(f"<tr><td>{time}<td>{escape(said)}" for time, said in messages[:MOST_MESSAGES])
        more = len(messages) - MOST_MESSAGES
        parts.append(f'<h2>Messages</h2><div class="over"><table><tr><th>time<th>message{rows}</table></div>')
        parts += [f'<p class="soft">{more} more messages.</p>'] if more > 0 else []
    if result.notes:
        parts.append(f"<h2>Notes</h2><ul>{''.join(f'<li>{escape(note)}</li>' for note in result.notes)}</ul>")
    return f"<div>{''.join(parts)}</div>"


def _line(result: Backtest) -> str:
    """Return the score line with the alerts as SVG."""
    total = (result.end - result.start).total_seconds() or 1.0
    top = max(_largest(result.points) or 0.0, 1.25 * result.limit)

    def x(moment: Point) -> float:
        return LEFT + (WIDTH - LEFT) * (moment.at - result.start).total_seconds() / total

    def y(score: float) -> float:
        return HEIGHT - (HEIGHT - 8) * score / top

    path, drawing = [], False
    for point in result.points:
        if point.score is None:
            drawing = False
            continue
        path.append(f"{'L' if drawing else 'M'}{x(point):.1f} {y(point.score):.1f}")
        drawing = True
    spans = []
    for alert in result.alerts:
        begin, end = (
            (one - result.start).total_seconds() / total for one in (alert.opened_at, alert.resolved_at or result.end)
        )
        left, width = LEFT + (WIDTH - LEFT) * begin, max(2.0, (WIDTH - LEFT) * (end - begin))
        spans.append(f'<rect class="a" x="{left:.1f}" y="0" width="{width:.1f}" height="{HEIGHT}"/>')
    limit = y(result.limit)
    ends = (f"{result.start:%Y-%m-%d}", f"{result.end:%Y-%m-%d}")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 18}" role="img" aria-label="Largest score over time">{"".join(spans)}'
        f'<path class="d" d="M{LEFT} {limit:.1f}H{WIDTH}"/><path class="w" d="{"".join(path)}"/>'
        f'<text x="0" y="12">{number(top)}</text><text x="0" y="{HEIGHT}">0</text>'
        f'<text x="{LEFT}" y="{HEIGHT + 14}">{ends[0]}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT + 14}" text-anchor="end">{ends[1]}</text></svg>'
    )
