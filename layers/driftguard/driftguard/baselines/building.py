"""Build a baseline from an uploaded file. Repeated events for a file build the baseline only once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

from driftguard.alerts.publishing import Publish
from driftguard.baselines import versions
from driftguard.baselines.labelled import MOST_ROWS, LabelledRows, pack_labelled
from driftguard.baselines.samples import counted_from
from driftguard.baselines.schemas import NewUpload, UploadedObject
from driftguard.baselines.sharing import foreign
from driftguard.baselines.tables import Baselines, Uploads
from driftguard.distributions.baseline import Baseline, Role
from driftguard.distributions.categories import Categories
from driftguard.distributions.large import BaselineBuilder
from driftguard.distributions.weeks import Weeks
from driftguard.models import registry
from driftguard.models.activity import Change
from driftguard.models.tables import Models
from driftguard.models.task import Task
from driftguard.platform.errors import NotFound
from driftguard.platform.retries import ConditionFailed, retrying
from driftguard.platform.s3 import Bucket, FileGone, ObjectReader
from driftguard.platform.times import parse
from driftguard.rows.chunks import BadFile
from driftguard.rows.columns import Row
from driftguard.rows.examples import Examples
from driftguard.rows.files import MAX_FILE_BYTES, read
from driftguard.rows.labelled import can_be_compared

LEASE = timedelta(minutes=1)
PROGRESS_EVERY = timedelta(seconds=3)
TO_FINISH = timedelta(minutes=2)
"""Time that merging and storing need at most after all rows are read."""

TRIES = 10

MANY_INVALID = 0.01
MOST_WARNINGS = 20

type BuildResult = Literal["done", "failed", "ignored"]


class Built(NamedTuple):
    """What was read of a file: its baseline, when its values occurred, examples, and what was left out in sentences."""

    baseline: Baseline
    weeks: Weeks | None
    examples: Examples[tuple[Role, str]]
    notes: list[str]
    labelled: LabelledRows | None


@dataclass(frozen=True)
class Worker:
    """The dependencies of a build.

    owner: the same for each retry of one invocation. clock: returns the current UTC time (aware). sleep: takes seconds.
    time_left: returns how long the work may still take.
    """

    bucket: Bucket
    publish: Publish
    owner: str
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    time_left: Callable[[], timedelta]


def build(file: UploadedObject, worker: Worker) -> BuildResult:
    """Make the file the model's baseline, or set the reason of failure in the upload's status. Deletes the file.

    Returns `ignored` if the model is deleted, the upload has ended, or another worker is building the baseline. In the
    last case the file stays.
    """
    place = file.key.split("/")
    if len(place) != 3:
        return "ignored"
    upload = _unended(*place)
    outcome: BuildResult = "ignored"
    if upload is not None:
        try:
            _start(file, upload, worker)
            outcome = _attempt(file, upload, worker)
        except (ConditionFailed, NotFound):
            if _unended(*place) is not None:
                return "ignored"
    worker.bucket.delete(file.key)
    return outcome


def _unended(organization_id: str, model_id: str, upload_id: str) -> Uploads | None:
    """Return the upload; None if it has ended or its model is deleted."""
    upload = Uploads.one(model_id, upload_id)
    if upload is None or upload.organization_id != organization_id or upload.state in ("done", "failed"):
        return None
    return upload if Models.one(organization_id, model_id) is not None else None


def _start(file: UploadedObject, upload: Uploads, worker: Worker) -> None:
    """Take the upload, if necessary after the lease of another worker has ended.

    Raises ConditionFailed if the other worker renews its lease or the upload has ended.
    """
    try:
        upload.start(worker.owner, file.size, LEASE, worker.clock())
    except ConditionFailed:
        found = Uploads.one(upload.model_id, upload.upload_id)
        if found is None or found.state != "processing":
            raise
        worker.sleep(max(0.0, (parse(found.lease_until) - worker.clock()).total_seconds()) + 1)
        upload.start(worker.owner, file.size, LEASE, worker.clock())


def _attempt(file: UploadedObject, upload: Uploads, worker: Worker) -> BuildResult:
    """Read the file and store the baseline.

    Raises ConditionFailed or NotFound if another worker has taken the upload or the model is deleted.
    """
    try:
        built = _read(file, upload, worker)
        _check_shared(built, upload)
    except BadFile as error:
        upload.fail(error.reason, [line.model_dump() for line in error.errors])
        return "failed"
    except FileGone:
        upload.fail("the file was replaced or deleted during reading; create a new upload", [])
        return "failed"
    _store(built, upload, worker)
    return "done"


def _read(file: UploadedObject, upload: Uploads, worker: Worker) -> Built:
    if file.size > MAX_FILE_BYTES:
        raise BadFile(f"the file has {file.size:,} bytes; {MAX_FILE_BYTES:,} at most; send a sample of its rows")
    about = NewUpload.model_validate(upload.request)
    source = worker.bucket.open(file.key, file.etag, file.size)
    days: set[date] = set()
    examples = Examples[tuple[Role, str]]()
    notes: list[str] = []
    with TemporaryDirectory() as folder:
        model = registry.find(upload.organization_id, upload.model_id)
        builder = BaselineBuilder(Path(folder), before=counted_from(model, worker.clock()))
        labelled = _Labelled(model.settings.task)
        progress = _Progress(upload, source, builder, worker.clock)

        def tick() -> None:
            progress.tell()
            # A few bytes of gzip can unpack to billions, so an end of the download is no end of the work.
            unread = source.fetched < source.size or about.compression is not None
            if unread and worker.time_left() < TO_FINISH:
                raise BadFile(f"only {builder.rows:,} rows could be read in the time limit; send a smaller file")

        for chunk in read(source, about, worker.clock(), tick=tick, notes=notes):
            builder.add(chunk.columns, chunk.predictions, rows=chunk.rows, hours=chunk.hours, places=chunk.places)
            examples.add(versions.by_name(chunk.columns, chunk.predictions))
            days |= chunk.days
            labelled.add(chunk.labelled)
            progress.tell()
        progress.write()
        baseline = builder.finish(days=about.days or len(days) or None, progress=lambda _done, _all: progress.tell())
        weeks = builder.weeks(baseline, progress=progress.tell)
    notes += labelled.notes
    return Built(baseline, weeks, examples, [*notes, *_mixed(baseline, examples, about)], labelled.stored)


class _Labelled:
    """Collects the rows with labels, at most MOST_ROWS."""

    def __init__(self, task: Task | None) -> None:
        self._task = task
        self._pieces: list[bytes] = []
        self._rows = self._comparable = self._left_out = 0

    def add(self, rows: Sequence[Row]) -> None:
        """Add rows. Raises BadFile if the task does not know a label."""
        for row in rows:
            if self._task is not None and self._task.truth_of(row.label) is None:
                raise BadFile(f"the label {str(row.label)[:40]!r} {self._task.reason()}")
        kept = rows[: MOST_ROWS - self._rows]
        self._pieces.append(pack_labelled(kept))
        self._rows += len(kept)
        self._comparable += sum(map(can_be_compared, kept))
        self._left_out += len(rows) - len(kept)

    @property
    def notes(self) -> list[str]:
        """Sentences on what was left out."""
        if not self._left_out:
            return []
        return [f"Performance is compared with the first {MOST_ROWS:,} rows that have a label."]

    @property
    def stored(self) -> LabelledRows | None:
        """The rows; None if no row has a label. Raises BadFile if the labels cannot be compared with anything."""
        if self._rows and not self._comparable:
            raise BadFile("the file has labels but no predictions and no scores to compare them with")
        return LabelledRows(b"".join(self._pieces), self._rows) if self._rows else None


def _mixed(baseline: Baseline, examples: Examples[tuple[Role, str]], about: NewUpload) -> list[str]:
    """Return a sentence for each feature with many values of another type, at most MOST_WARNINGS."""
    found = []
    for feature in baseline.features:
        if feature.invalid < MANY_INVALID * (feature.rows - feature.missing) or not feature.invalid:
            continue
        shown = ", ".join(examples.others((feature.role, feature.name), feature.type))
        share = f"{feature.invalid / feature.rows:.1%}"
        sentence = f"{feature.name}: {share} of the values are not {feature.type}, such as {shown}."
        if about.format == "csv":
            sentence += " List texts that mean a missing value in na_values"
            names = feature.values.names if isinstance(feature.values, Categories) else ()
            if feature.type == "categorical" and len(names) == 1:
                sentence += f", if {names[0][:24]!r} is one"
            sentence += "."
        found.append(sentence)
    return found[:MOST_WARNINGS]


def _check_shared(built: Built, upload: Uploads) -> None:
    """Raise BadFile if the baseline does not belong to the model. An earlier attempt may have decided that it does."""
    if NewUpload.model_validate(upload.request).replace or upload.version is not None:
        return
    model = registry.find(upload.organization_id, upload.model_id)
    reason = foreign(model, built.baseline.names, again="create a new upload")
    if reason is not None:
        raise BadFile(f"the file {reason}")


def _store(built: Built, upload: Uploads, worker: Worker) -> None:
    model = registry.find(upload.organization_id, upload.model_id)
    if upload.version is None:
        upload.take(model.next_baseline_version(), built.notes)
    actor, source = upload.actor or registry.SYSTEM, f"upload {upload.upload_id}"
    change = versions.created(model, int(upload.version), built.baseline.rows, source, worker.clock(), actor)
    versions.store_as(
        int(upload.version),
        model,
        built.baseline,
        built.examples,
        built.weeks,
        built.labelled,
        source=source,
        publish=worker.publish,
        use=lambda head: _use(model, upload, head, change, worker.clock()),
        now=worker.clock(),
        actor=actor,
    )


def _use(model: Models, upload: Uploads, head: Baselines, change: Change, now: datetime) -> None:
    """Make the version current and the upload done. Raises ConditionFailed if another worker owns the upload."""
    for attempt in retrying(TRIES):
        with attempt:
            upload.finish(model, int(head.version), change, versions.with_reference(head, now))
            return
        found = Uploads.one(upload.model_id, upload.upload_id)
        if found is None or (found.state, found.owner) != ("processing", upload.owner):
            raise ConditionFailed
        registry.find(upload.organization_id, upload.model_id)
    raise RuntimeError(f"other writes to the model or its upload won {TRIES} times")


class _Progress:
    """Writes the progress of the work to the upload from time to time."""

    def __init__(
        self, upload: Uploads, source: ObjectReader, builder: BaselineBuilder, clock: Callable[[], datetime]
    ) -> None:
        self._upload = upload
        self._source = source
        self._builder = builder
        self._clock = clock
        self._told = clock()

    def tell(self) -> None:
        """Write the progress if the last write is some seconds ago. Raises ConditionFailed as `write` does."""
        if self._clock() - self._told >= PROGRESS_EVERY:
            self.write()

    def write(self) -> None:
        """Write the progress. Raises ConditionFailed if another worker owns the upload or it was erased."""
        self._told = self._clock()
        self._upload.progress(self._source.fetched, self._builder.rows, LEASE, self._told)
