"""Build a baseline from an uploaded file. Repeated events for a file build the baseline only once."""

from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from driftguard.alerts.publishing import Publish
from driftguard.baselines import versions
from driftguard.baselines.samples import counted_from
from driftguard.baselines.schemas import NewUpload
from driftguard.baselines.sharing import foreign
from driftguard.distributions.baseline import Baseline, Role
from driftguard.distributions.categories import Categories
from driftguard.distributions.large import BaselineBuilder
from driftguard.distributions.weeks import Weeks
from driftguard.models import registry
from driftguard.models.activity import Change
from driftguard.models.tables import Models
from driftguard.platform.retries import ConditionFailed, retrying
from driftguard.rows.chunks import BadFile
from driftguard.rows.examples import Examples
from driftguard.rows.files import read
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
        builder = BaselineBuilder(Path(folder), before=_counted_from(upload, worker.clock()))
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
            progress.tell()
        progress.write()
        baseline = builder.finish(days=about.days or len(days) or None, progress=lambda _done, _all: progress.tell())
        weeks = builder.weeks(baseline, progress=progress.tell)
    return Built(baseline, weeks, examples, [*notes, *_mixed(baseline, examples, about)])


def _counted_from(upload: Uploads, now: datetime) -> int | None:
    """Return the first day of which the model's own counts will contain the rows. Raises NotFound if it is deleted."""
    return counted_from(registry.find(upload.organization_id, upload.model_id), now)


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
        source=source,
        publish=publish,
        use=lambda version: _use(model, upload, version, change),
        now=worker.clock(),
        actor=actor,
    )


def _use(model: Models, upload: Uploads, version: int, change: Change) -> None:
    """Make the version current and the upload done. Raises ConditionFailed if another worker owns the upload."""
    for attempt in retrying(TRIES):
        with attempt:
            upload.finish(model, version, change)
            return
        found = Uploads.one(upload.model_id, upload.upload_id, "baseline")
        if found is None or (found.state, found.owner) != ("processing", upload.owner):
            raise ConditionFailed
        registry.find(upload.organization_id, upload.model_id)
    raise RuntimeError(f"other writes to the model or its upload won {TRIES} times")
