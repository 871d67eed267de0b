"""Draws the architecture picture of the README, for light and for dark pages."""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[2] / "docs" / "img"
WIDTH, HEIGHT = 960, 420
FONT: Final = "system-ui, -apple-system, 'Segoe UI', sans-serif"


@dataclass(frozen=True)
class Theme:
    """The colours of one picture."""

    text: str
    quiet: str
    box: str
    edge: str
    store: str
    line: str


THEMES: Final = {
    "light": Theme("#1b2430", "#5b6675", "#ffffff", "#c3ccd8", "#e8f1fd", "#7a8797"),
    "dark": Theme("#e8edf4", "#9fabba", "#1a212c", "#3a4656", "#17304f", "#8794a6"),
}


@dataclass(frozen=True)
class Box:
    """One part of the system: its left and upper edge, its width, its name and what it does."""

    x: int
    y: int
    width: int
    name: str
    does: str
    stores: bool = False

    @property
    def middle(self) -> int:
        """The height of its middle."""
        return self.y + TALL // 2


TALL: Final = 56
ROWS: Final = (46, 166, 268)
CLIENT = Box(12, 12, 150, "your service", "Python client or HTTP")
GATEWAY = Box(212, ROWS[0], 140, "API Gateway", "API keys, quotas")
LOG = Box(402, ROWS[0], 170, "log_predictions", "each batch stored once")
JOIN = Box(622, ROWS[0], 150, "join_labels", "ground truth, hourly")
SCHEDULE = Box(12, ROWS[1], 150, "EventBridge", "every 15 minutes")
QUEUE = Box(212, ROWS[1], 140, "SQS FIFO", "a group per model")
CHECK = Box(402, ROWS[1], 170, "check_drift", "count, test, decide")
TABLES = Box(816, ROWS[1] - 50, 132, "DynamoDB", "rows, counts, alerts", stores=True)
DASHBOARD = Box(12, 80, 150, "dashboard, API", "read by your team")
TOPIC = Box(402, ROWS[2], 170, "SNS", "one message per check")
EMAIL = Box(622, ROWS[2] - 62, 150, "notify_email", "SES or SMTP")
SLACK = Box(622, ROWS[2], 150, "notify_slack", "Slack")
WEBHOOK = Box(622, ROWS[2] + 62, 150, "notify_webhook", "Teams, PagerDuty, …")
BOXES: Final = (
    *(CLIENT, GATEWAY, LOG, JOIN, SCHEDULE, QUEUE, CHECK, TABLES, DASHBOARD, TOPIC, EMAIL, SLACK, WEBHOOK),
)


def _right(first: Box, second: Box) -> str:
    """A path from the right edge of a box to the left edge of another."""
    start, end = first.x + first.width, second.x
    if first.middle == second.middle:
        return f"M{start} {first.middle}H{end - 3}"
    turn = (start + end) // 2
    return f"M{start} {first.middle}H{turn}V{second.middle}H{end - 3}"


PATHS: Final = (
    _right(CLIENT, GATEWAY),
    _right(DASHBOARD, GATEWAY),
    _right(GATEWAY, LOG),
    _right(SCHEDULE, QUEUE),
    _right(QUEUE, CHECK),
    _right(TOPIC, EMAIL),
    _right(TOPIC, SLACK),
    _right(TOPIC, WEBHOOK),
    # Functions that write to the tables.
    f"M{LOG.x + LOG.width // 2} {LOG.y}V28H{TABLES.x + 66}V{TABLES.y - 3}",
    f"M{JOIN.x + JOIN.width} {JOIN.middle}H{TABLES.x + 30}V{TABLES.y - 3}",
    f"M{CHECK.x + CHECK.width} {CHECK.middle}H{TABLES.x + 66}V{TABLES.y + TALL + 3}",
    f"M{CHECK.x + CHECK.width // 2} {CHECK.y + TALL}V{TOPIC.y - 3}",
)


def drawn(theme: Theme) -> str:
    """The picture in these colours."""
    boxes = "".join(_box(box, theme) for box in BOXES)
    paths = "".join(f'<path d="{path}" marker-end="url(#arrow)"/>' for path in PATHS)
    note = "Every queue has retries, a dead-letter queue and an alarm. Everything runs in your AWS account."
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="How DriftGuard works" font-family="{FONT}">'
        f'<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{theme.line}"/></marker></defs>'
        f'<g fill="none" stroke="{theme.line}" stroke-width="1.5">{paths}</g>{boxes}'
        f'<text x="12" y="{HEIGHT - 12}" font-size="13" fill="{theme.quiet}">{escape(note)}</text></svg>\n'
    )


def _box(box: Box, theme: Theme) -> str:
    fill, centre = theme.store if box.stores else theme.box, box.x + box.width // 2
    return (
        f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{TALL}" rx="8" fill="{fill}" '
        f'stroke="{theme.edge}" stroke-width="1.5"/>'
        f'<text x="{centre}" y="{box.y + 24}" font-size="14" font-weight="600" text-anchor="middle" '
        f'fill="{theme.text}">{escape(box.name)}</text>'
        f'<text x="{centre}" y="{box.y + 43}" font-size="11.5" text-anchor="middle" '
        f'fill="{theme.quiet}">{escape(box.does)}</text>'
    )


def main() -> None:
    """Write both pictures."""
    for name, theme in THEMES.items():
        (FOLDER / f"architecture-{name}.svg").write_text(drawn(theme), encoding="utf-8")


if __name__ == "__main__":
    main()
