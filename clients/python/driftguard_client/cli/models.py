"""`models`, `baseline`, `check`, `report` and `simulate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from driftguard_client.cli.common import FAILED, OK, add_command, client, parsed, show, table
from driftguard_client.errors import ArgumentError
from driftguard_client.progress import Progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from driftguard_client.cli.common import Commands
    from driftguard_client.results import BaselineInfo, Report

FINDINGS = {"none": (), "data_quality": ("data_quality", "drift"), "drift": ("drift",)}


def add_parsers(commands: Commands) -> None:
    """Add the commands."""
    models = add_command(commands, "models", "list the models, or create one", "driftguard models --json", list_models)
    models.add_argument("--create", metavar="NAME", help="create a model of this name")
    _add_baseline(commands)
    check = add_command(
        commands, "check", "run a check now and show its report", "driftguard check churn --fail-on drift", run_check
    )
    report = add_command(
        commands, "report", "show the report of the last check", "driftguard report churn --json", show_report
    )
    for parser in (check, report):
        parser.add_argument("model", metavar="MODEL", help="the name of the model")
        parser.add_argument(
            "--fail-on",
            choices=sorted(FINDINGS),
            default="none",
            help="exit with status 1 for drift; data_quality: for poor data quality too (default: none)",
        )
    simulate = add_command(
        commands,
        "simulate",
        "show the alerts that other settings would have opened",
        "driftguard simulate churn --set min_drift_score=0.1 --days 14",
        run_simulation,
    )
    simulate.add_argument("model", metavar="MODEL", help="the name of the model")
    simulate.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting to try; may be repeated"
    )
    simulate.add_argument("--days", type=int, default=7, help="past days to replay, at most 28 (default: 7)")


def _add_baseline(commands: Commands) -> None:
    parser = commands.add_parser("baseline", help="set, list or restore baselines", description="Work with baselines.")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    put = add_command(
        actions,
        "put",
        "make a baseline out of a file of training or validation data",
        "driftguard baseline put churn train.csv.gz --prediction pred",
        put_baseline,
    )
    put.add_argument("model", metavar="MODEL", help="the name of the model")
    put.add_argument("file", metavar="FILE", help="CSV, JSON Lines (both plain or gzip) or Parquet")
    put.add_argument("--prediction", metavar="COL", help="the column of predictions (default: prediction)")
    put.add_argument("--label", metavar="COL", help="the column of true values: the reference of the performance")
    put.add_argument("--score", metavar="COL", help="the column of scores, the probability of the positive class")
    put.add_argument("--timestamp", metavar="COL", help="the column of times (Parquet only)")
    put.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="COL",
        help="leave out a column (Parquet only); may be repeated",
    )
    put.add_argument("--days", type=int, help="the number of days that the rows come from")
    put.add_argument("--replace", action="store_true", help="accept data without any feature of the current baseline")
    put.add_argument("--create", action="store_true", help="create the model if there is none of this name")
    listed = add_command(
        actions, "list", "list the baseline versions", "driftguard baseline list churn", list_baselines
    )
    listed.add_argument("model", metavar="MODEL", help="the name of the model")
    restore = add_command(
        actions,
        "restore",
        "make an earlier version the current one",
        "driftguard baseline restore churn 3",
        restore_baseline,
    )
    restore.add_argument("model", metavar="MODEL", help="the name of the model")
    restore.add_argument("version", metavar="VERSION", type=int, help="the version")


def list_models(arguments: argparse.Namespace) -> int:
    """List the models, after creating one if asked to."""
    dg = client(arguments)
    if arguments.create:
        dg.model(arguments.create, create=True)
    found = dg.models()
    columns = ["name", "state", "drift_score", "open_alerts", "baseline_version", "last_checked_at"]
    rows = [[getattr(one, column) for column in columns] for one in found]
    show(
        arguments,
        found.to_dict(),
        table(columns, rows, "There are no models. `driftguard models --create NAME` makes one."),
    )
    return OK


def put_baseline(arguments: argparse.Namespace) -> int:
    """Make a baseline out of a file."""
    dg = client(arguments)
    model = dg.model(arguments.model, create=arguments.create)
    data: Any = arguments.file
    options: dict[str, Any] = {}
    if arguments.file.lower().endswith((".parquet", ".pq")):
        from driftguard_client.cli.files import read_parquet

        data = read_parquet(arguments.file)
        options = {"timestamp": arguments.timestamp, "exclude": arguments.exclude}
    elif arguments.timestamp:
        raise ArgumentError("--timestamp works with Parquet only. In a CSV file, name the column `timestamp`.")
    elif arguments.exclude:
        raise ArgumentError("--exclude works with Parquet only. Write a CSV file without the column.")
    shown = Progress(unit="")
    try:
        made = model.set_baseline(
            data,
            prediction=arguments.prediction,
            label=arguments.label,
            score=arguments.score,
            days=arguments.days,
            replace=arguments.replace,
            progress=shown,
            **options,
        )
    finally:
        shown.end()
    lines = [f"Baseline {made.version} with {made.rows:,} rows is current."]
    lines += [f"  warning: {one}" for one in made.warnings]
    show(arguments, made.to_dict(), "\n".join([*lines, _columns(made)]))
    return OK


def list_baselines(arguments: argparse.Namespace) -> int:
    """List the versions."""
    found = client(arguments).model(arguments.model).baselines()
    columns = ["version", "rows", "created_at", "source", "current"]
    show(
        arguments,
        found.to_dict(),
        table(columns, [[getattr(one, column) for column in columns] for one in found], "There is no baseline yet."),
    )
    return OK


def restore_baseline(arguments: argparse.Namespace) -> int:
    """Make an earlier version current."""
    answer = client(arguments).model(arguments.model).restore_baseline(arguments.version)
    show(arguments, answer, f"Version {arguments.version} is current.")
    return OK


def run_check(arguments: argparse.Namespace) -> int:
    """Run a check and show its report."""
    shown = Progress(unit="")
    shown("Checking", 0, 0)
    try:
        report = client(arguments).model(arguments.model).check()
    finally:
        shown.end()
    return _show_report(arguments, report)


def show_report(arguments: argparse.Namespace) -> int:
    """Show the last report."""
    return _show_report(arguments, client(arguments).model(arguments.model).report())


def run_simulation(arguments: argparse.Namespace) -> int:
    """Replay the past days with other settings."""
    settings = settings_of(arguments.set)
    shown = Progress(unit="")
    shown("Replaying", 0, 0)
    try:
        result = client(arguments).model(arguments.model).simulate(settings, days=arguments.days)
    finally:
        shown.end()
    columns = ["opened_at", "resolved_at", "alert_type", "severity", "features"]
    rows = [[one.get(column) for column in columns] for one in result.alerts]
    summary = f"{result.checks} checks, {len(result.alerts)} alerts, {result.messages} messages"
    show(arguments, result.to_dict(), f"{summary}\n{table(columns, rows, 'No alert would have opened.')}")
    return OK


def settings_of(pairs: Sequence[str]) -> dict[str, Any]:
    """Return settings of `name=value`; a dot in the name goes into an object, as in features.age.enabled=false."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ArgumentError(f"--set {pair}: write NAME=VALUE, such as min_drift_score=0.1.")
        place = settings
        *outer, last = name.split(".")
        for part in outer:
            place = place.setdefault(part, {})
        place[last] = parsed(value)
    return settings


def _show_report(arguments: argparse.Namespace, report: Report) -> int:
    show(arguments, report.to_dict(), str(report))
    return FAILED if report.status in FINDINGS[arguments.fail_on] else OK


def _columns(made: BaselineInfo) -> str:
    shown = made.features or made.columns
    rows = [[one["name"], one["role"], one["type"], one.get("missing_share")] for one in shown]
    return table(["name", "role", "type", "missing"], rows, "")
