"""Process an uploaded file once, whatever events repeat and whatever stops. Each kind of file has its own work."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from driftguard.models.tables import Models
from driftguard.platform.errors import NotFound
from driftguard.platform.retries import ConditionFailed
from driftguard.platform.s3 import Bucket, FileGone, ObjectReader
from driftguard.platform.times import parse
from driftguard.rows.chunks import BadFile
from driftguard.rows.files import MAX_FILE_BYTES
from driftguard.uploads.keys import Place, place_of
from driftguard.uploads.schemas import UploadedObject
from driftguard.uploads.tables import Kind, Uploads

LEASE = timedelta(minutes=1)
PROGRESS_EVERY = timedelta(seconds=3)

REPLACED = "the file was replaced or deleted during reading; create a new upload"

type Outcome = Literal["done", "failed", "ignored"]


@dataclass(frozen=True)
class Worker:
    """The dependencies of the work on a file.

    owner: the same for each retry of one invocation. clock: returns the current UTC time (aware). sleep: takes seconds.
    time_left: returns how long the work may still take.
    """

    bucket: Bucket
    owner: str
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    time_left: Callable[[], timedelta]


@dataclass(frozen=True)
class File:
    """The file of an upload that a worker owns."""

    object: UploadedObject
    upload: Uploads
    worker: Worker

    def open(self, advice: str) -> ObjectReader:
        """Return a reader of the file. Raises BadFile with this advice if the file is too large."""
        size = self.object.size
        if size > MAX_FILE_BYTES:
            raise BadFile(f"the file has {size:,} bytes; {MAX_FILE_BYTES:,} at most; {advice}")
        return self.worker.bucket.open(self.object.key, self.object.etag, size)


def process(file: UploadedObject, kind: Kind, worker: Worker, work: Callable[[File], None]) -> Outcome:
    """Do the work on a file, or set the reason of failure in the upload's status. Deletes the file.

    work: ends the upload as done. It may raise BadFile, FileGone, and ConditionFailed or NotFound if another worker has
    taken the upload or the model is deleted. Returns `ignored` if the model is deleted, the upload has ended, or
    another worker is at work. In the last case the file stays.
    """
    place = place_of(file.key)
    if place is None:
        return "ignored"
    upload = _unended(place, kind)
    outcome: Outcome = "ignored"
    if upload is not None:
        try:
            _start(file, upload, kind, worker)
            outcome = _attempt(File(file, upload, worker), work)
        except (ConditionFailed, NotFound):
            if _unended(place, kind) is not None:
                return "ignored"
    worker.bucket.delete(file.key)
    return outcome


def _unended(place: Place, kind: Kind) -> Uploads | None:
    """Return the upload; None if it has ended or its model is deleted."""
    upload = Uploads.one(place.model_id, place.upload_id, kind)
    if upload is None or upload.organization_id != place.organization_id or upload.state in ("done", "failed"):
        return None
    return upload if Models.one(place.organization_id, place.model_id) is not None else None


def _start(file: UploadedObject, upload: Uploads, kind: Kind, worker: Worker) -> None:
    """Take the upload, if necessary after the lease of another worker has ended.

    Raises ConditionFailed if the other worker renews its lease or the upload has ended.
    """
    try:
        upload.start(worker.owner, file.size, LEASE, worker.clock())
    except ConditionFailed:
        found = Uploads.one(upload.model_id, upload.upload_id, kind)
        if found is None or found.state != "processing":
            raise
        worker.sleep(max(0.0, (parse(found.lease_until) - worker.clock()).total_seconds()) + 1)
        upload.start(worker.owner, file.size, LEASE, worker.clock())


def _attempt(file: File, work: Callable[[File], None]) -> Outcome:
    try:
        work(file)
    except BadFile as error:
        file.upload.fail(error.reason, [line.model_dump() for line in error.errors])
        return "failed"
    except FileGone:
        file.upload.fail(REPLACED, [])
        return "failed"
    return "done"


class Progress:
    """Writes the progress of the work to the upload from time to time.

    rows: returns the number of rows read. counts: returns what became of the rows, if the upload shows it.
    """

    def __init__(
        self,
        file: File,
        source: ObjectReader,
        rows: Callable[[], int],
        counts: Callable[[], Mapping[str, int] | None] = lambda: None,
    ) -> None:
        self._upload = file.upload
        self._source = source
        self._rows = rows
        self._counts = counts
        self._clock = file.worker.clock
        self._told = self._clock()

    def tell(self) -> None:
        """Write the progress if the last write is some seconds ago. Raises ConditionFailed as `write` does."""
        if self._clock() - self._told >= PROGRESS_EVERY:
            self.write()

    def write(self) -> None:
        """Write the progress. Raises ConditionFailed if another worker owns the upload or it was erased."""
        self._told = self._clock()
        self._upload.progress(self._source.fetched, self._rows(), LEASE, self._told, self._counts())
