"""Build a baseline from an uploaded file. Repeated events for a file build the baseline only once."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from driftguard.alerts.publishing import Publish
from driftguard.baselines import versions
from driftguard.baselines.labelled import MOST_ROWS, LabelledRows, pack_labelled
from driftguard.baselines.samples import counted_from
from driftguard.baselines.schemas import NewUpload
from driftguard.baselines.sharing import foreign
from driftguard.baselines.tables import Baselines
from driftguard.distributions.baseline import Baseline, Role
from driftguard.distributions.categories import Categories
from driftguard.distributions.large import BaselineBuilder
from driftguard.distributions.weeks import Weeks
from driftguard.models import registry
from driftguard.models.activity import Change
from driftguard.models.tables import Models
from driftguard.models.task import Task
from driftguard.platform.retries import ConditionFailed, retrying
from driftguard.rows.chunks import BadFile
from driftguard.rows.columns import Row
from driftguard.rows.examples import Examples
from driftguard.rows.files import read
from driftguard.rows.labelled import can_be_compared
from driftguard.uploads.processing import File, Outcome, Progress, Worker, process
from driftguard.uploads.schemas import UploadedObject
from driftguard.uploads.tables import Uploads

TO_FINISH = timedelta(minutes=2)
"""Time that merging and storing need at most after all rows are read."""

TRIES = 10

MANY_INVALID = 0.01
MOST_WARNINGS = 20


class Built(NamedTuple):
    """What was read of a file: its baseline, when its values occurred, examples, and what was left out in sentences."""

    baseline: Baseline
    weeks: Weeks | None
    examples: Examples[tuple[Role, str]]
    notes: list[str]
    labelled: LabelledRows | None


def build(file: UploadedObject, worker: Worker, publish: Publish) -> Outcome:
    """Make the file the model's baseline, or set the reason of failure in the upload's status. Deletes the file.

    Returns `ignored` as `uploads.processing.process` does.
    """
    return process(file, "baseline", worker, lambda taken: _build(taken, publish))


def _build(file: File, publish: Publish) -> None:
    """Read the file and store the baseline.

    Raises BadFile, FileGone, and ConditionFailed or NotFound if another worker has taken the upload or the model is
    deleted.
    """
    built = _read(file)
    _check_shared(built, file.upload)
    _store(built, file, publish)


def _read(file: File) -> Built:
    source = file.open("send a sample of its rows")
    upload, worker = file.upload, file.worker
    about = NewUpload.model_validate(upload.request)
    days: set[date] = set()
    examples = Examples[tuple[Role, str]]()
    notes: list[str] = []
    with TemporaryDirectory() as folder:
        model = registry.find(upload.organization_id, upload.model_id)
        builder = BaselineBuilder(Path(folder), before=counted_from(model, worker.clock()))
        labelled = _Labelled(model.settings.task)
        progress = Progress(file, source, lambda: builder.rows)

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


def _store(built: Built, file: File, publish: Publish) -> None:
    upload, worker = file.upload, file.worker
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
        publish=publish,
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
        found = Uploads.one(upload.model_id, upload.upload_id, "baseline")
        if found is None or (found.state, found.owner) != ("processing", upload.owner):
            raise ConditionFailed
        registry.find(upload.organization_id, upload.model_id)
    raise RuntimeError(f"other writes to the model or its upload won {TRIES} times")
