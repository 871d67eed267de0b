"""Send the predictions or labels of a frame in chunks of columns, several at a time, and gather what became of each."""

from __future__ import annotations

import contextlib
import json
import time

from driftguard_client.batches import LABELS, MAX_BODY, ROWS
from driftguard_client.errors import ConfigurationError, DriftGuardError
from driftguard_client.ids import is_sampled, ulid
from driftguard_client.results import LabelsResult, LogResult, RejectedRow
from driftguard_client.retrying import deliver
from driftguard_client.values import rfc3339

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeVar

    from driftguard_client.batches import Kind
    from driftguard_client.frames import LabelTable, PlainColumns, Table
    from driftguard_client.model import Model
    from driftguard_client.options import Options
    from driftguard_client.transport import Transport

    L = TypeVar("L", bound=LogResult)
    Chosen = Callable[[list[Any]], list[Any]]

BASELINE_CALL, SET_BASELINE = "PUT /models/{model_id}/baseline", "set_baseline()"
"""What the service and this package call the same step."""
_MAX_ROWS = 5_000
_PLACES = frozenset({"body", "columns", "predictions", "features"})


class Chunk:
    """The rows of one request: their positions in the frame, and the body."""

    __slots__ = ("content", "ids", "positions")

    def __init__(self, positions: list[int], ids: list[str], content: bytes) -> None:
        self.positions = positions
        self.ids = ids
        self.content = content


def log_frame(
    model: Model,
    table: Table,
    *,
    batch_id: str | None,
    chunk_rows: int,
    parallel: int,
    progress: Callable[[int, int], object] | None,
) -> LogResult:
    """Log the rows of a table. `Model.log_frame` describes the arguments."""
    ids = table.prediction_ids or _made_ids(batch_id, table.timestamps, table.rows)
    result = _empty(LogResult, table, ids)
    result.warnings += table.warnings
    times = None
    if table.timestamps is not None:
        times = _texts(table.timestamps)
    elif batch_id is None:
        times = [rfc3339(time.time_ns() // 1_000_000)] * table.rows

    def content(chosen: Chosen) -> dict[str, Any]:
        columns: dict[str, Any] = {
            "columns": {column: chosen(values) for column, values in table.columns.items()},
            "prediction_ids": chosen(ids),
        }
        for key, column in (
            ("predictions", table.predictions),
            ("scores", table.scores),
            ("probabilities", table.probabilities),
            ("labels", table.labels),
            ("timestamps", times),
        ):
            if column is not None:
                columns[key] = chosen(column)
        return columns

    frame = _Frame(ROWS, model._reference, batch_id or ulid(), ids, content)
    return _sent(model, table, frame, result, (), chunk_rows, parallel, progress)


def log_labels(
    model: Model,
    table: LabelTable,
    *,
    batch_id: str | None,
    chunk_rows: int,
    parallel: int,
    progress: Callable[[int, int], object] | None,
) -> LabelsResult:
    """Send the labels of a table. `Model.log_labels` describes the arguments."""
    result = _empty(LabelsResult, table, table.prediction_ids)
    result.unlabelled = len(table.unlabelled)
    columns: dict[str, list[Any] | None] = {
        "prediction_id": table.prediction_ids,
        "label": table.labels,
        "outcomes": table.outcomes,
        "withdraw": table.withdrawals,
        "timestamp": _texts(table.timestamps),
        "labelled_at": _texts(table.labelled_at),
    }
    if table.labelled_at is None and batch_id is None:
        columns["labelled_at"] = [rfc3339(time.time_ns() // 1_000_000)] * table.rows

    def content(chosen: Chosen) -> dict[str, Any]:
        return {"columns": {name: chosen(values) for name, values in columns.items() if values is not None}}

    frame = _Frame(LABELS, model._reference, batch_id or ulid(), table.prediction_ids, content)
    return _sent(model, table, frame, result, table.unlabelled, chunk_rows, parallel, progress)


class _Frame:
    """A frame that is sent. content: returns a request's columns, for a function that chooses the rows of a column."""

    __slots__ = ("content", "ids", "kind", "name", "reference")

    def __init__(
        self,
        kind: Kind,
        reference: dict[str, str],
        name: str,
        ids: list[Any],
        content: Callable[[Chosen], dict[str, Any]],
    ) -> None:
        self.kind = kind
        self.reference = reference
        self.name = name
        self.ids = ids
        self.content = content


def _empty(kind: type[L], table: PlainColumns, ids: list[Any]) -> L:
    """Return a result that has the rows which cannot be sent."""
    result = kind(
        rows=table.rows,
        accepted=0,
        rejected=0,
        failed=0,
        sampled_out=0,
        batches=0,
        prediction_ids=[str(one or "") for one in ids],
    )
    for position, column, reason in sorted(_first_problems(table.problems).values()):
        result.errors.append(RejectedRow(position, column, reason))
    result.rejected = len(result.errors)
    return result


def _sent(
    model: Model,
    table: PlainColumns,
    frame: _Frame,
    result: L,
    skipped: Iterable[int],
    chunk_rows: int,
    parallel: int,
    progress: Callable[[int, int], object] | None,
) -> L:
    """Send the rows that are neither bad, nor skipped, nor left out by `sample`."""
    from concurrent.futures import ThreadPoolExecutor, as_completed

    client = model.client
    if client._transport is None:
        raise client._problem or ConfigurationError("The client is not configured.")
    client._cuts.count += table.cuts.count
    out = {*(position for position, _, _ in table.problems), *skipped}
    share = client._options.sample
    wanted = [position for position in range(table.rows) if position not in out]
    chosen = wanted if share >= 1.0 else [position for position in wanted if is_sampled(frame.ids[position], share)]
    result.sampled_out = len(wanted) - len(chosen)
    size = max(1, min(chunk_rows, _MAX_ROWS))
    done = table.rows - len(chosen)
    transport = client._transport.another()
    pool = ThreadPoolExecutor(max(1, parallel), thread_name_prefix="driftguard-frame")
    with contextlib.ExitStack() as ending:
        ending.callback(transport.close_all)
        ending.enter_context(pool)
        running = set()
        for number, start in enumerate(range(0, len(chosen), size)):
            for chunk in _chunks(frame, f"{frame.name}-{number}", chosen[start : start + size], table.rows):
                running.add(pool.submit(_send, transport, client._options, frame.kind, chunk))
            while len(running) >= 2 * parallel:  # so that not all bodies are in memory at once
                future = next(as_completed(running))
                running.discard(future)
                done += future.result()(result)
                _tell(progress, done, table.rows)
        for future in as_completed(running):
            done += future.result()(result)
            _tell(progress, done, table.rows)
    result.errors.sort(key=lambda one: one.row)
    if client._options.strict and result.failed:
        raise DriftGuardError(f"{result.failed} rows were not sent. {result.errors[0].reason}")
    return result


def _texts(times: list[int | None] | None) -> list[str | None] | None:
    return None if times is None else [None if one is None else rfc3339(one) for one in times]


def _tell(progress: Callable[[int, int], object] | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


def _made_ids(batch_id: str | None, times: list[int | None] | None, rows: int) -> list[str]:
    """Return an id for each row. Without a batch_id, it starts with the time of the row."""
    if batch_id is None:
        return [ulid(time_ms) for time_ms in times or [None] * rows]
    return [f"{batch_id}-{position}" for position in range(rows)]


def _first_problems(problems: list[tuple[int, str, str]]) -> dict[int, tuple[int, str, str]]:
    first: dict[int, tuple[int, str, str]] = {}
    for problem in problems:
        first.setdefault(problem[0], problem)
    return first


def _chunks(frame: _Frame, name: str, positions: list[int], rows: int) -> Iterator[Chunk]:
    """Yield the requests of these rows: one, unless it has too many bytes."""
    is_whole = len(positions) == rows

    def chosen(values: list[Any]) -> list[Any]:
        return values if is_whole else [values[position] for position in positions]

    content = {**frame.reference, "batch_id": name, **frame.content(chosen)}
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    if len(body) <= MAX_BODY or len(positions) == 1:
        yield Chunk(positions, chosen(frame.ids), body)
        return
    half = len(positions) // 2
    yield from _chunks(frame, f"{name}-0", positions[:half], rows)
    yield from _chunks(frame, f"{name}-1", positions[half:], rows)


def _send(transport: Transport, options: Options, kind: Kind, chunk: Chunk) -> Callable[[LogResult], int]:
    """Send a chunk. Return a function that adds what became of it to a result and returns the number of its rows."""

    def pause(seconds: float, _error: DriftGuardError) -> bool:
        time.sleep(seconds)
        return True

    try:
        response = deliver(
            transport,
            kind,
            chunk.content,
            timeout=max(options.timeout, 30.0),
            deadline=time.monotonic() + options.max_retry_s,
            pause=pause,
        )
        answer = response.json()
    except DriftGuardError as error:
        failure = error
        return lambda result: _failed(result, chunk, failure)
    return lambda result: _answered(result, chunk, answer)


def _answered(result: LogResult, chunk: Chunk, answer: dict[str, Any]) -> int:
    result.batches += 1
    result.accepted += int(answer.get("accepted", 0))
    result.rejected += int(answer.get("rejected", 0))
    result.errors.extend(_row_errors(chunk, answer.get("errors") or []))
    if answer.get("errors_left_out"):
        listed = {one.row for one in result.errors}
        accepted = set(answer.get("prediction_ids") or [])
        for position, own_id in zip(chunk.positions, chunk.ids, strict=True):
            if position not in listed and own_id not in accepted:
                result.errors.append(RejectedRow(position, "row", "was rejected; the service did not list the reason."))
    for warning in answer.get("warnings") or []:
        # The number of rejected rows of each chunk is in `errors` already.
        if warning not in result.warnings and "rejected" not in warning:
            result.warnings.append(warning)
    return len(chunk.positions)


def _failed(result: LogResult, chunk: Chunk, error: DriftGuardError) -> int:
    result.batches += 1
    rows = _row_errors(chunk, [one for one in error.errors if _index(one) is not None])
    if error.status == 422 and rows:  # no row of the chunk is valid
        listed = {one.row for one in rows}
        rest = [position for position in chunk.positions if position not in listed]
        result.errors.extend(
            [*rows, *(RejectedRow(position, "row", "was rejected with its chunk.") for position in rest)]
        )
        result.rejected += len(chunk.positions)
    else:
        result.errors.extend(RejectedRow(position, "row", str(error)) for position in chunk.positions)
        if error.status is not None and 400 <= error.status < 500 and error.status != 429:
            result.rejected += len(chunk.positions)
        else:
            result.failed += len(chunk.positions)
    return len(chunk.positions)


def _index(error: dict[str, Any]) -> int | None:
    index = error.get("index")
    if isinstance(index, int):
        return index
    return next((one for one in error.get("loc") or [] if isinstance(one, int)), None)


def _row_errors(chunk: Chunk, errors: list[dict[str, Any]]) -> list[RejectedRow]:
    found = []
    for error in errors:
        index = _index(error)
        names = [one for one in error.get("loc") or [] if isinstance(one, str) and one not in _PLACES]
        if index is not None and index < len(chunk.positions):
            reason = str(error.get("msg")).replace(BASELINE_CALL, SET_BASELINE)
            found.append(RejectedRow(chunk.positions[index], names[-1] if names else "row", reason))
    return found
