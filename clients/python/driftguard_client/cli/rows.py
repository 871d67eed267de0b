"""`log`, `labels` and `performance`."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from driftguard_client.cli.common import FAILED, OK, WRONG, add_command, client, created_by, show
from driftguard_client.errors import ArgumentError, DriftGuardError, UnknownModelError
from driftguard_client.progress import Progress

if TYPE_CHECKING:
    import argparse

    from driftguard_client.cli.common import Commands
    from driftguard_client.frames import Frame
    from driftguard_client.model import Model
    from driftguard_client.results import LogResult

UNKNOWN_MODEL = "There is no model named"
"""How the service refuses rows of a model that does not exist."""
UPLOADED = 20_000_000
"""Bytes from which a file of labels is uploaded, if its columns have the names that the service knows."""


def add_parsers(commands: Commands) -> None:
    """Add the commands."""
    parser = add_command(
        commands,
        "log",
        "log the rows of a file as predictions",
        "driftguard log churn today.csv --prediction pred --prediction-id id --timestamp ts",
        log_file,
    )
    parser.add_argument("model", metavar="MODEL", help="the name of the model")
    parser.add_argument("file", metavar="FILE", help="CSV, JSON Lines (both plain or gzip) or Parquet")
    parser.add_argument("--prediction", metavar="COL", help="the column of predictions")
    parser.add_argument("--score", metavar="COL", help="the column of scores")
    parser.add_argument("--label", metavar="COL", help="the column of true values")
    parser.add_argument("--prediction-id", metavar="COL", help="the column of ids")
    parser.add_argument("--timestamp", metavar="COL", help="the column of times (default: now for all rows)")
    parser.add_argument("--feature", action="append", metavar="COL", help="log this column only; may be repeated")
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="COL", help="leave out a column; may be repeated"
    )
    parser.add_argument("--batch-id", metavar="ID", help="an id of the file: logging it again stores its rows once")
    parser.add_argument("--strict", action="store_true", help="exit with status 1 if a row was not stored")
    _add_labels(commands)
    performance = add_command(
        commands,
        "performance",
        "show how well the model predicts, according to its labels",
        "driftguard performance churn --days 28",
        show_performance,
    )
    performance.add_argument("model", metavar="MODEL", help="the name of the model")
    performance.add_argument("--days", type=int, help="only the last days")
    performance.add_argument("--metric", metavar="NAME", help="the metric of each day (default: the headline)")
    performance.add_argument(
        "--fail-on",
        choices=["none", "performance"],
        default="none",
        help="exit with status 1 if a metric is worse than the reference (default: none)",
    )


def _add_labels(commands: Commands) -> None:
    parser = add_command(
        commands,
        "labels",
        "send the labels in a file; without a file, show what became of the labels",
        "driftguard labels churn labels.csv --prediction-id id --label y --timestamp ts",
        labels,
    )
    parser.add_argument("model", metavar="MODEL", help="the name of the model")
    parser.add_argument("file", metavar="FILE", nargs="?", help="CSV, JSON Lines (both plain or gzip) or Parquet")
    parser.add_argument("--prediction-id", metavar="COL", help="the column of ids (default: prediction_id)")
    parser.add_argument("--label", metavar="COL", help="the column of true values (default: label)")
    parser.add_argument("--timestamp", metavar="COL", help="the column with the times of the predictions")
    parser.add_argument("--labelled-at", metavar="COL", help="the column with the times when the truth was known")
    parser.add_argument("--withdraw", metavar="COL", help="the column that says which labels to take back")
    parser.add_argument(
        "--outcome", action="append", default=[], metavar="COL", help="a column of numbers to average; may be repeated"
    )
    parser.add_argument("--batch-id", metavar="ID", help="an id of the file: sending it again stores its labels once")
    parser.add_argument("--strict", action="store_true", help="exit with status 1 if a label was not stored")


def log_file(arguments: argparse.Namespace) -> int:
    """Log the rows of a file."""
    from driftguard_client.framing import SET_BASELINE

    shown = Progress()
    dg = client(arguments)
    dg._options.strict = False  # what was not sent is shown below, row by row
    try:
        texts = [arguments.prediction_id] if arguments.prediction_id else []
        frame = _frame(arguments.file, shown, texts)
        model = dg.model(arguments.model)
        _check_model(model, frame, arguments)
        result = model.log_frame(
            frame.columns,
            features=arguments.feature,
            exclude=arguments.exclude,
            prediction=arguments.prediction,
            score=arguments.score,
            label=arguments.label,
            prediction_id=arguments.prediction_id,
            timestamp=arguments.timestamp,
            batch_id=arguments.batch_id,
            progress=lambda done, total: shown("Sending", done, total),
        )
    finally:
        shown.end()
    show(arguments, result.to_dict(), _text(result, arguments).replace(SET_BASELINE, "`driftguard baseline put`"))
    return _status(result, strict=arguments.strict)


def _text(result: LogResult, arguments: argparse.Namespace) -> str:
    """Return a result as text, with the next step for a model that does not exist."""
    if not any(UNKNOWN_MODEL in one.reason for one in result.errors[:1]):
        return str(result)
    # Only a key that may not list the models gets this far.
    return f"{result}\n  Check the name, or create the model with an admin key: {created_by(arguments.model)}."


def _frame(path: str, shown: Progress, texts: list[str]) -> Frame:
    """Return the content of a file. Raises ArgumentError if it has no rows."""
    from driftguard_client.cli.files import read
    from driftguard_client.frames import Frame

    frame = Frame(read(path, lambda done, total: shown("Reading", done, total), texts))
    if not frame.rows:
        raise ArgumentError(f"{path}: the file has no rows.")
    return frame


def _check_name(model: Model) -> bool:
    """Return whether the key may read the model. Raises UnknownModelError if there is none of this name."""
    try:
        return bool(model.id)
    except UnknownModelError:
        raise
    except DriftGuardError:
        return False


def _check_model(model: Model, frame: Frame, arguments: argparse.Namespace) -> None:
    """Raise ArgumentError if there is no such model, or if no column is a feature of its baseline.

    A key with the role ingest cannot ask. Then the service decides about the rows.
    """
    if not _check_name(model):
        return
    try:
        known = {one["name"] for one in model.baseline().features if one.get("role", "feature") == "feature"}
    except DriftGuardError:
        return
    roles = {arguments.prediction, arguments.score, arguments.label, arguments.prediction_id, arguments.timestamp}
    given = [name for name in arguments.feature or frame.names if name not in {*roles, *arguments.exclude}]
    if known and not known.intersection(given):
        shown = [", ".join(map(repr, names[:5])) or "none" for names in (given, sorted(known))]
        raise ArgumentError(
            f"{arguments.file}: no column is a feature of the baseline of {model.name!r}, so nothing was logged. "
            f"The file has: {shown[0]}. The baseline has: {shown[1]}. Check the file and the model, or set a new "
            "baseline with `driftguard baseline put`."
        )


def labels(arguments: argparse.Namespace) -> int:
    """Send the labels in a file, or show what became of the labels."""
    if arguments.file is None:
        status = client(arguments).model(arguments.model).labels()
        show(arguments, status.to_dict(), str(status))
        return OK
    return _upload(arguments) if _is_uploaded(arguments) else _send(arguments)


def _is_uploaded(arguments: argparse.Namespace) -> bool:
    names = ("prediction_id", "label", "timestamp", "labelled_at", "withdraw", "batch_id")
    if any(getattr(arguments, name) for name in names) or arguments.outcome:
        return False
    is_parquet = arguments.file.lower().endswith((".parquet", ".pq"))
    return not is_parquet and os.path.exists(arguments.file) and os.path.getsize(arguments.file) >= UPLOADED


def _upload(arguments: argparse.Namespace) -> int:
    shown = Progress(unit="")
    try:
        stored = client(arguments).model(arguments.model).upload_labels(arguments.file, progress=shown)
    finally:
        shown.end()
    show(arguments, stored.to_dict(), f"{stored}\n  {_waiting(arguments)}" if stored.accepted else str(stored))
    return FAILED if arguments.strict and stored.rejected else OK


def _send(arguments: argparse.Namespace) -> int:
    shown = Progress()
    dg = client(arguments)
    dg._options.strict = False  # what was not sent is shown below, row by row
    own_id = arguments.prediction_id or "prediction_id"
    try:
        frame = _frame(arguments.file, shown, [own_id])

        def column(argument: str) -> str | None:
            """The column of an argument, or one that is called like it."""
            given: str | None = getattr(arguments, argument)
            return given or (argument if frame.has(argument) else None)

        named = [name for name in frame.names if name.startswith("outcome:")]
        model = dg.model(arguments.model)
        _check_name(model)
        result = model.log_labels(
            frame.columns,
            prediction_id=own_id,
            label=arguments.label or "label",
            timestamp=column("timestamp"),
            labelled_at=column("labelled_at"),
            withdraw=column("withdraw"),
            outcomes=arguments.outcome or named,
            batch_id=arguments.batch_id,
            progress=lambda done, total: shown("Sending", done, total),
        )
    finally:
        shown.end()
    show(
        arguments,
        result.to_dict(),
        f"{result}\n  {_waiting(arguments)}" if result.accepted else _text(result, arguments),
    )
    return _status(result, strict=arguments.strict)


def _waiting(arguments: argparse.Namespace) -> str:
    """Return what becomes of labels that were sent."""
    return (
        "A label waits until there is a prediction with its id. The service looks every hour. "
        f"`driftguard labels {shlex.quote(arguments.model)}` shows how many labels wait."
    )


def show_performance(arguments: argparse.Namespace) -> int:
    """Show how well a model predicts."""
    found = client(arguments).model(arguments.model).performance(arguments.days, arguments.metric)
    show(arguments, found.to_dict(), str(found))
    return FAILED if arguments.fail_on == "performance" and found.degraded else OK


def _status(result: LogResult, *, strict: bool) -> int:
    """Return the exit status after rows were sent: an error if none of them was stored, or some were not answered."""
    sent = result.rows - result.sampled_out - getattr(result, "unlabelled", 0)
    if result.failed or (sent and not result.accepted):
        return WRONG
    return FAILED if strict and result.errors else OK
