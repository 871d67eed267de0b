"""Stores the labels of an uploaded file in batches. A repeated event for a file stores no label twice.

Batch `n` of an upload has the same rows and the same `batch_id` in each attempt, so the table keeps the first one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched
from typing import NamedTuple

from driftguard.models import registry
from driftguard.models.tables import Models
from driftguard.models.task import Task
from driftguard.performance.label_files import columns_of, item_of
from driftguard.performance.label_rows import read_label
from driftguard.performance.schemas import NewLabelUpload
from driftguard.platform.bulk import delete
from driftguard.platform.errors import Conflict
from driftguard.predictions.keys import labels_of
from driftguard.predictions.requests import Request
from driftguard.predictions.schemas import MAX_ROWS, RejectedRow
from driftguard.predictions.storing import store, valid_of
from driftguard.predictions.tables import Predictions
from driftguard.rows.chunks import MAX_BAD_LINES, BadFile, BadLine
from driftguard.rows.columns import Row
from driftguard.rows.files import read_records
from driftguard.rows.reading import BadRow
from driftguard.rows.records import Record
from driftguard.uploads.keys import place_of
from driftguard.uploads.processing import REPLACED, File, Outcome, Progress, Worker, process
from driftguard.uploads.schemas import UploadedObject

MAX_LABELS = 1_000_000
"""Labels of a file. The function needs about a third of its time for them."""

TO_FINISH = timedelta(minutes=1)
"""Time that storing a batch and ending the upload need at most."""


class Label(NamedTuple):
    """A row of a file: its line, and the label to store, None if it is missing, or why the row is rejected."""

    line: int
    row: Row | BadRow | None


@dataclass
class Loaded:
    """What became of the rows of a file so far. errors: the first rejected lines."""

    rows: int = 0
    accepted: int = 0
    rejected: int = 0
    unlabelled: int = 0
    errors: list[BadLine] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """The numbers that the status of the upload shows."""
        return {"accepted": self.accepted, "rejected": self.rejected, "unlabelled": self.unlabelled}

    def reject(self, line: int, error: BadRow) -> None:
        """Count a rejected row, and keep the first errors."""
        self.rejected += 1
        if len(self.errors) < MAX_BAD_LINES:
            self.errors.append(BadLine(line=line, loc=[str(part) for part in error.loc], msg=error.msg))


def load(file: UploadedObject, worker: Worker) -> Outcome:
    """Store the labels of a file, or set the reason of failure in the upload's status. Deletes the file.

    Returns `ignored` as `uploads.processing.process` does.
    """
    place = place_of(file.key)
    model = Models.one(place.organization_id, place.model_id) if place is not None else None
    try:
        return process(file, "labels", worker, _load)
    finally:
        # The work can last longer than the delay of an erasure, and would leave behind what it stored after it.
        if model is not None and Models.one(model.organization_id, model.model_id) is None:
            delete(Predictions.of_model(model))


def _load(file: File) -> None:
    """Read the file and store its labels.

    Raises BadFile, FileGone, and ConditionFailed or NotFound if another worker has taken the upload or the model is
    deleted.
    """
    upload, worker = file.upload, file.worker
    model = registry.find(upload.organization_id, upload.model_id)
    source = file.open("split it into several files")
    about = NewLabelUpload.model_validate(upload.request)
    loaded, notes = Loaded(), list[str]()
    progress = Progress(file, source, lambda: loaded.rows, lambda: loaded.counts)

    def tick() -> None:
        progress.tell()
        if worker.time_left() < TO_FINISH:
            raise BadFile(f"only {loaded.rows:,} rows could be stored in the time limit; send the others in a new file")

    records = read_records(source, about, columns_of(model.settings.task), tick=tick, notes=notes)
    labels = _labels(records, model.settings.task, worker.clock)
    try:
        for number, batch in enumerate(batched(labels, MAX_ROWS, strict=False)):
            tick()
            if loaded.rows + len(batch) > MAX_LABELS:
                raise BadFile(f"the file has more than {MAX_LABELS:,} rows; send the others in a new file")
            _store(model, file, f"{upload.upload_id}-{number}", batch, loaded)
    except BadFile as error:
        progress.write()
        stored = f". The first {loaded.rows:,} rows were processed; you may send them again" if loaded.rows else ""
        raise BadFile(f"{error.reason}{stored}", [*loaded.errors, *error.errors][:MAX_BAD_LINES]) from None
    progress.write()
    if loaded.rejected == loaded.rows:
        first = loaded.errors[0]
        raise BadFile(f"every row was rejected; line {first.line}: {first.msg}", loaded.errors)
    if loaded.rejected:
        notes.append(
            f"{loaded.rejected:,} of {loaded.rows:,} rows were rejected; `errors` has the first of them. "
            "Correct these rows and send them in a new file."
        )
    upload.end(notes, [error.model_dump() for error in loaded.errors])


def _labels(records: Iterator[Record], task: Task | None, clock: Callable[[], datetime]) -> Iterator[Label]:
    """Yield each row as a label at once, because what a line holds can be a thousand times longer."""
    for record in records:
        try:
            row: Row | BadRow | None = read_label(item_of(record), [], task, clock())
        except BadRow as error:
            row = BadRow(error.loc, error.msg)  # the traceback of the first one would keep the whole line
        yield Label(record.line, row)


def _store(model: Models, file: File, batch_id: str, batch: tuple[Label, ...], loaded: Loaded) -> None:
    """Store the rows of one batch, and count them."""
    rows: list[Row] = []
    rejected: list[RejectedRow] = []
    for index, (line, row) in enumerate(batch):
        if isinstance(row, BadRow):
            loaded.reject(line, row)
            rejected.append({"index": index, "loc": row.loc, "msg": row.msg})
        elif row is not None:
            rows.append(row)
    loaded.rows += len(batch)
    loaded.unlabelled += len(batch) - len(rows) - len(rejected)
    valid = valid_of(rows, rejected)
    if valid is None:
        return
    try:
        # The ETag stands for the rows of the batch: an upload reads one version of its file.
        request = Request.of_labels(file.object.etag, batch_id, None)
        now = file.worker.clock()
        loaded.accepted += store(model, request, valid, rejected, now, labels_of(model.model_id)).accepted
    except Conflict:
        raise BadFile(REPLACED) from None
