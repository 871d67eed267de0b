"""`alerts` and `channels`."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from driftguard_client.cli.common import OK, add_command, client, show, table
from driftguard_client.errors import ArgumentError

if TYPE_CHECKING:
    import argparse

    from driftguard_client.cli.common import Commands
    from driftguard_client.results import Alert

COLUMNS = ["id", "model_name", "alert_type", "severity", "status", "drift_score", "detected_at"]
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def add_parsers(commands: Commands) -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "alerts", help="list, acknowledge, snooze or resolve alerts", description="Work with alerts."
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listed = add_command(actions, "list", "list alerts", "driftguard alerts list --status firing --days 7", list_alerts)
    listed.add_argument("--model", metavar="MODEL", help="only alerts of this model")
    listed.add_argument(
        "--status", choices=["firing", "acknowledged", "snoozed", "resolved"], help="only alerts with this status"
    )
    listed.add_argument("--severity", choices=["LOW", "MEDIUM", "HIGH"], help="only alerts of this severity")
    listed.add_argument("--days", type=int, help="only alerts of the last DAYS days, and open alerts")
    listed.add_argument("--limit", type=int, default=50, help="the largest number of alerts (default: 50)")
    acknowledge = add_command(
        actions,
        "ack",
        "acknowledge an alert",
        "driftguard alerts ack 01JC… --note 'on it'",
        lambda one: _change(one, "acknowledge"),
    )
    snooze = add_command(
        actions,
        "snooze",
        "silence an alert for a while",
        "driftguard alerts snooze 01JC… --for 3d",
        lambda one: _change(one, "snooze"),
    )
    until = snooze.add_mutually_exclusive_group(required=True)
    until.add_argument("--for", dest="duration", metavar="TIME", help="a duration such as 30m, 12h or 3d")
    until.add_argument("--until", metavar="TIME", help="a time such as 2026-11-06T07:26:10Z")
    resolve = add_command(
        actions,
        "resolve",
        "resolve an alert",
        "driftguard alerts resolve 01JC… --note fixed",
        lambda one: _change(one, "resolve"),
    )
    for action in (acknowledge, snooze, resolve):
        action.add_argument("alert_id", metavar="ALERT", help="the id of the alert")
        action.add_argument("--note", help="a note for your team")
    add_command(commands, "channels", "list the alert channels", "driftguard channels", list_channels)


def list_alerts(arguments: argparse.Namespace) -> int:
    """List alerts, newest first."""
    dg = client(arguments)
    filters: dict[str, Any] = {name: getattr(arguments, name) for name in ("limit", "days", "status", "severity")}
    found = dg.model(arguments.model).alerts(**filters) if arguments.model else dg.alerts(**filters)
    rows = [[getattr(one, column) for column in COLUMNS] for one in found]
    show(arguments, found.to_dict(), table(COLUMNS, rows, "No alerts."))
    return OK


def list_channels(arguments: argparse.Namespace) -> int:
    """List the channels."""
    found = client(arguments).channels()
    columns = ["id", "type", "name", "enabled", "min_severity"]
    show(arguments, found, table(columns, [[one.get(column) for column in columns] for one in found], "No channels."))
    return OK


def _change(arguments: argparse.Namespace, change: str) -> int:
    dg = client(arguments)
    if change == "snooze":
        alert: Alert = dg.snooze(arguments.alert_id, _until(arguments), arguments.note)
    elif change == "acknowledge":
        alert = dg.acknowledge(arguments.alert_id, arguments.note)
    else:
        alert = dg.resolve(arguments.alert_id, arguments.note)
    show(arguments, alert.to_dict(), f"The alert {alert.id} of {alert.model_name} is {alert.status}.")
    return OK


def _until(arguments: argparse.Namespace) -> Any:
    if arguments.until:
        return arguments.until
    text = arguments.duration
    if not text[:-1].isdigit() or text[-1:] not in _UNITS:
        raise ArgumentError(f"--for {text}: write a number and a unit, such as 30m, 12h or 3d.")
    return datetime.now(timezone.utc) + timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
