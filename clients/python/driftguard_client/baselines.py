"""Set a baseline, inline if the data is small and by an upload otherwise; and upload files of labels."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
import zlib

from driftguard_client.columns import names_in
from driftguard_client.errors import ArgumentError, DriftGuardError, ResponseError, UnreachableError
from driftguard_client.frames import Frame, Roles, Table
from driftguard_client.results import BaselineInfo, LabelUpload
from driftguard_client.values import rfc3339

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import IO, Any

    from driftguard_client.model import Model

    Tell = Callable[[str, int, int], object]

INLINE_CELLS = 1_000_000
"""Frames with more values are uploaded without trying whether they fit into a request."""
MAX_INLINE = 3_800_000
MAX_FILE = 2 * 1024**3
BUILD_SECONDS = 1800.0
_FAILED = {"baseline": "The baseline was not built", "labels": "Not all labels were stored"}
_UPLOAD_BLOCK = 256 * 1024
_ROWS_AT_ONCE = 2_000


def set_baseline(
    model: Model,
    data: Any,
    *,
    features: Iterable[str] | None,
    exclude: Iterable[str],
    prediction: str | None,
    score: str | None,
    label: str | None,
    timestamp: str | None,
    days: int | None,
    replace: bool,
    progress: Tell | bool,
) -> BaselineInfo:
    """Make a new baseline version. `Model.set_baseline` describes the arguments."""
    options: dict[str, Any] = {**({"days": days} if days is not None else {}), **({"replace": True} if replace else {})}
    with _shown(progress) as tell:
        if isinstance(data, (str, os.PathLike)):
            if features is not None or timestamp is not None or names_in(exclude):
                raise ArgumentError("features, exclude and timestamp work with frames. A file is uploaded as it is.")
            named = {"prediction_column": prediction, "score_column": score, "label_column": label}
            options |= {name: column for name, column in named.items() if column is not None}
            return _uploaded(model, os.fspath(data), options, tell)
        frame = Frame(data)
        roles = Roles(
            frame,
            features=features,
            exclude=exclude,
            prediction=prediction,
            score=score,
            label=label,
            timestamp=timestamp,
        )
        table = Table(frame, roles)
        _refuse_bad_rows(table)
        content = inline(table, options) if frame.rows * len(roles.features) <= INLINE_CELLS else None
        if content is not None:
            answer = model.client.request("PUT", f"/models/{model.id}/baseline", content=content).json()
        else:
            with tempfile.TemporaryFile() as file:
                _write(table, file, tell)
                answer = _built(model, file, {"format": "jsonl", "compression": "gzip", **options}, tell).raw
        return BaselineInfo.from_answer({**answer, "warnings": [*table.warnings, *(answer.get("warnings") or [])]})


@contextlib.contextmanager
def _shown(progress: Tell | bool) -> Any:
    from driftguard_client.progress import Progress

    if callable(progress):
        yield progress
        return
    if not progress:
        yield lambda _phase, _done, _total: None
        return
    shown = Progress(unit=" rows")
    try:
        yield shown
    finally:
        shown.end()


def _refuse_bad_rows(table: Table) -> None:
    """Raise ArgumentError for the first values that a baseline cannot have."""
    if not table.rows:
        raise ArgumentError("The frame has no rows.")
    if table.problems:
        shown = "; ".join(f"row {row}, {column}: {reason}" for row, column, reason in table.problems[:5])
        count = len({row for row, _, _ in table.problems})
        raise ArgumentError(f"{count} {'row' if count == 1 else 'rows'} cannot be part of a baseline: {shown}")


def inline(table: Table, options: dict[str, Any]) -> bytes | None:
    """Return the body of an inline baseline; None if it is too large."""
    if table.timestamps is not None:
        body: dict[str, Any] = {"rows": list(_rows(table, 0, table.rows))}
    else:
        body = {"columns": table.columns}
        for name, column in (("predictions", table.predictions), ("scores", table.scores), ("labels", table.labels)):
            if column is not None:
                body[name] = column
    content = json.dumps({**body, **options}, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    return content if len(content) <= MAX_INLINE else None


def _rows(table: Table, start: int, end: int) -> Any:
    names = list(table.columns)
    columns = [table.columns[name][start:end] for name in names]
    times = None if table.timestamps is None else table.timestamps[start:end]
    singles = [
        (name, column[start:end])
        for name, column in (("prediction", table.predictions), ("score", table.scores), ("label", table.labels))
        if column is not None
    ]
    for index, values in enumerate(zip(*columns, strict=True)):
        row: dict[str, Any] = {"features": dict(zip(names, values, strict=True))}
        for name, column in singles:
            row[name] = column[index]
        if times is not None:
            row["timestamp"] = rfc3339(times[index] or 0)
        yield row


def _write(table: Table, file: IO[bytes], tell: Tell) -> None:
    """Write a table as JSON Lines in gzip format."""
    packer = zlib.compressobj(3, zlib.DEFLATED, 31)
    encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
    for start in range(0, table.rows, _ROWS_AT_ONCE):
        lines = "\n".join(map(encode, _rows(table, start, start + _ROWS_AT_ONCE))) + "\n"
        file.write(packer.compress(lines.encode()))
        tell("Writing", min(start + _ROWS_AT_ONCE, table.rows), table.rows)
    file.write(packer.flush())


def upload_labels(model: Model, path: Any, *, progress: Tell | bool) -> LabelUpload:
    """Upload a file of labels and wait until it is stored. `Model.upload_labels` describes the arguments."""
    with _shown(progress) as tell, _opened(os.fspath(path)) as (file, options):
        status = _upload(model, "labels", file, options, tell)
    return LabelUpload.from_answer(status)


def _uploaded(model: Model, path: str, options: dict[str, Any], tell: Tell) -> BaselineInfo:
    with _opened(path) as (file, described):
        return _built(model, file, {**described, **options}, tell)


def _built(model: Model, file: IO[bytes], options: dict[str, Any], tell: Tell) -> BaselineInfo:
    status = _upload(model, "baseline", file, options, tell)
    current = model.client.request("GET", f"/models/{model.id}/baseline").json()
    return BaselineInfo.from_answer(
        {**current, "columns": status.get("columns") or [], "warnings": status.get("warnings") or []}
    )


@contextlib.contextmanager
def _opened(path: str) -> Iterator[tuple[IO[bytes], dict[str, Any]]]:
    """Open a file, and describe its format by its name."""
    name = path.lower()
    compression = {"compression": "gzip"} if name.endswith(".gz") else {}
    plain = name[:-3] if compression else name
    if plain.endswith((".csv", ".tsv", ".txt")):
        file_format = "csv"
    elif plain.endswith((".jsonl", ".ndjson", ".json")):
        file_format = "jsonl"
    else:
        raise ArgumentError(
            f"{path}: the name must end with .csv, .jsonl, .csv.gz or .jsonl.gz. Read Parquet into a frame."
        )
    try:
        file = open(path, "rb")  # noqa: SIM115  closed below; only opening it may fail here
    except OSError as error:
        raise ArgumentError(f"{path}: {error.strerror}.") from None
    with file:
        yield file, {"format": file_format, **compression}


def _upload(model: Model, what: str, file: IO[bytes], options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Upload a file and wait for the end of its processing. Return its status. what: `baseline` or `labels`."""
    size = file.seek(0, os.SEEK_END)
    if size > MAX_FILE:
        raise ArgumentError(f"The file has {size / 1024**3:.1f} GiB; an upload has 2 GiB at most. Sample the rows.")
    if not size:
        raise ArgumentError("The file is empty.")
    path = f"/models/{model.id}/{what}/uploads"
    upload = model.client.request("POST", path, options).json()
    _put(upload, file, size, tell)
    deadline = time.monotonic() + BUILD_SECONDS
    pause = 0.25
    while time.monotonic() < deadline:
        status: dict[str, Any] = model.client.request("GET", f"{path}/{upload['upload_id']}").json()
        if status["status"] == "done":
            return status
        if status["status"] == "failed":
            line = f" (line {status['line']})" if status.get("line") else ""
            raise ResponseError(f"{_FAILED[what]}: {status.get('reason')}{line}", errors=status.get("errors"))
        tell("Processing", int(status.get("bytes_read") or 0), int(status.get("size") or 0))
        time.sleep(pause)
        pause = min(2.0, pause * 1.5)
    raise DriftGuardError(f"{_FAILED[what]} within {BUILD_SECONDS:g} s. Look at {path}/{upload['upload_id']}.")


def _put(upload: dict[str, Any], file: IO[bytes], size: int, tell: Tell) -> None:
    """Send a file to its presigned URL, once more if the connection breaks off."""
    for attempt in (1, 2, 3):
        try:
            _put_once(upload, file, size, tell)
        except OSError as error:
            if attempt == 3:
                raise UnreachableError(f"The upload broke off: {type(error).__name__}: {error}") from error
            time.sleep(attempt)
        else:
            return


def _put_once(upload: dict[str, Any], file: IO[bytes], size: int, tell: Tell) -> None:
    import http.client
    from urllib.parse import urlsplit

    target = urlsplit(upload["url"])
    kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    connection = kind(target.netloc, timeout=60.0)
    file.seek(0)
    try:
        path = f"{target.path}?{target.query}" if target.query else target.path
        connection.putrequest(upload.get("method", "PUT"), path)
        for name, value in {**(upload.get("headers") or {}), "content-length": str(size)}.items():
            connection.putheader(name, value)
        connection.endheaders()
        sent = 0
        while block := file.read(_UPLOAD_BLOCK):
            connection.send(block)
            sent += len(block)
            tell("Uploading", sent, size)
        response = connection.getresponse()
        content = response.read(2000)
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()
    if not 200 <= response.status < 300:
        raise ResponseError(
            f"The upload was refused: {response.status} {content.decode('utf-8', 'replace')[:300]}",
            status=response.status,
        )
