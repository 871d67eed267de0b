"""A model's baselines: made from rows, columns or what was logged; listed, restored; never changed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from driftguard.alerts import actions
from driftguard.alerts.publishing import Publish
from driftguard.baselines.tables import Baselines
from driftguard.distributions.baseline import Baseline, build
from driftguard.models import registry
from driftguard.models import schemas as wire
from driftguard.models.tables import Models
from driftguard.platform.dynamodb import ConditionFailed
from driftguard.platform.errors import Conflict, Invalid, NotFound
from driftguard.platform.paging import Page, decode_cursor, encode_cursor
from driftguard.platform.times import DAY, parse
from driftguard.predictions.tables import Predictions
from driftguard.rows.reading import BadRow, BaselineRow, RowReader, check_name, scalar
from driftguard.rows.unpacking import unpack_rows

MAX_BASELINE_ROWS = 500_000
MAX_BASELINE_VALUES = 4_000_000
"""What one API call builds in pure Python well within its 28 seconds; larger baselines are uploaded."""

MAX_ERRORS = 100

TRIES = 4
MOST_VERSIONS = 10**8
"""Eight digits hold a version in a key."""


@dataclass(frozen=True)
class Sample:
    """The values of a baseline: one sequence a feature, all of one length; how many days they are from, if known."""

    columns: Mapping[str, Sequence[Any]]
    predictions: Sequence[Any] | None
    days: int | None
    source: str


def put(model: Models, body: wire.BaselineBody, *, publish: Publish, now: datetime) -> wire.Baseline:
    """Make a new version, make it current, and close the alerts that spoke of the old one.

    Raises Invalid naming each wrong row; then nothing is stored.
    """
    if body.from_predictions is not None:
        sample = logged_sample(model, body.from_predictions)
    elif body.columns is not None:
        sample = column_sample(body.columns, body.predictions)
    else:
        sample = row_sample(body.rows or [], now)
    baseline = build(sample.columns, sample.predictions, days=body.days or sample.days)
    return store(model, baseline, source=sample.source, publish=publish, now=now)


def store(model: Models, baseline: Baseline, *, source: str, publish: Publish, now: datetime) -> wire.Baseline:
    """Store a built baseline as the newest version and make it current. Raises NotFound when the model is gone."""
    try:
        version = model.next_baseline_version()
    except ConditionFailed:
        raise NotFound("There is no such model.") from None
    return store_as(version, model, baseline, source=source, publish=publish, use=partial(_use, model), now=now)


def store_as(
    version: int,
    model: Models,
    baseline: Baseline,
    *,
    source: str,
    publish: Publish,
    use: Callable[[int], None],
    now: datetime,
) -> wire.Baseline:
    """Store a built baseline under a version number taken for it, and have `use` make it current.

    What an attempt that broke off has stored under this number stays as it is. Raises NotFound when `use` raises
    ConditionFailed: the model is gone.
    """
    rows, days = baseline.rows, baseline.days
    try:
        head = Baselines.add(model.model_id, version, baseline.encode(), rows=rows, days=days, source=source, now=now)
    except ConditionFailed:
        head = _head(model, version)
    try:
        use(version)
    except ConditionFailed:
        raise NotFound("There is no such model.") from None
    actions.replace_baseline(model, publish=publish, now=now)
    return view(head, baseline)


def current(model: Models) -> wire.Baseline:
    """The baseline in use. Raises NotFound when there is none."""
    if model.baseline_version is None:
        raise NotFound("The model has no baseline yet.")
    head = _head(model, int(model.baseline_version))
    return view(head, Baseline.decode(head.payload()))


def versions(model: Models, cursor: str | None, limit: int) -> Page[wire.BaselineVersion]:
    """Every version, newest first."""
    before = decode_cursor(
        "baselines", model.model_id, cursor, lambda version: type(version) is int and 0 < version < MOST_VERSIONS
    )
    heads = Baselines.newest(model.model_id, before, limit)
    following = encode_cursor("baselines", model.model_id, int(heads[-1].version)) if len(heads) == limit else None
    return Page([_version(model, head) for head in heads], following)


def restore(model: Models, version: int, *, publish: Publish, now: datetime) -> wire.Baseline:
    """Make an older version current again; its counts go on from where they stopped. Raises NotFound."""
    head = _head(model, version)
    if model.baseline_version != version:
        _use(model, version)
        actions.replace_baseline(model, publish=publish, now=now)
    return view(head, Baseline.decode(head.payload()))


def _use(model: Models, version: int) -> None:
    """Make a version current. Raises NotFound when the model is gone, Conflict while others write it all the time."""
    for _try in range(TRIES):
        try:
            return model.use_baseline(version)
        except ConditionFailed:
            registry.find(model.organization_id, model.model_id)
    raise Conflict("The model is being changed by others; please try again.", retry_after=1)


def row_sample(rows: Sequence[Any], now: datetime) -> Sample:
    """Rows as columns. Raises Invalid naming every bad row, 100 at most."""
    if not rows:
        raise Invalid.at(["body", "rows"], "a baseline needs at least one row")
    reader = RowReader(now)
    errors, names, read = [], dict[str, None](), list[BaselineRow]()
    for index, row in enumerate(rows):
        try:
            good = reader.baseline(row, ["body", "rows", index])
        except BadRow as error:
            errors.append(error.error)
            if len(errors) == MAX_ERRORS:
                break
            continue
        names.update(dict.fromkeys(good.features))
        read.append(good)
    if errors:
        raise Invalid(errors)
    _check_width(names, ["body", "rows"])
    columns = {name: [row.features.get(name) for row in read] for name in names}
    days = {row.day for row in read if row.day is not None}
    return Sample(columns, _known([row.prediction for row in read]), len(days) or None, "inline")


def column_sample(columns: Mapping[str, Sequence[Any]], predictions: Sequence[Any] | None) -> Sample:
    """Columns, checked value by value. Raises Invalid naming the wrong places, 100 at most."""
    errors = []
    lengths = {len(values) for values in columns.values()} | ({len(predictions)} if predictions is not None else set())
    if lengths in (set(), {0}):
        raise Invalid.at(["body", "columns"], "a baseline needs at least one row")
    if len(lengths) > 1:
        raise Invalid.at(["body", "columns"], "all columns must have the same length")
    _check_width(columns, ["body", "columns"])
    named = [(["body", "columns", name], values) for name, values in columns.items()]
    if predictions is not None:
        named.append((["body", "predictions"], predictions))
    try:
        for name in columns:
            check_name(name, ["body", "columns", name[:128]])
    except BadRow as error:
        raise Invalid([error.error]) from None
    for place, values in named:
        for index, value in enumerate(values):
            try:
                scalar(value, [*place, index])
            except BadRow as error:
                errors.append(error.error)
                if len(errors) == MAX_ERRORS:
                    raise Invalid(errors) from None
    if errors:
        raise Invalid(errors)
    return Sample(columns, _known(predictions or []), None, "inline")


def logged_sample(model: Models, period: wire.FromPredictions) -> Sample:
    """What was logged with event times from start up to before end. Raises Invalid when that is nothing or too much."""
    place = ["body", "from_predictions"]
    columns: dict[str, list[Any]] = {}
    predictions: list[Any] = []
    days: set[int] = set()
    for event_time, features, prediction in _logged(model, period):
        count = len(predictions)
        if count >= MAX_BASELINE_ROWS or count * len(columns) > MAX_BASELINE_VALUES:
            raise Invalid.at(place, "more was logged then than one baseline takes; choose a shorter time")
        for name in features:
            if name not in columns:
                columns[name] = [None] * count
        for name, values in columns.items():
            values.append(features.get(name))
        predictions.append(prediction)
        days.add(int(event_time // DAY.total_seconds()))
    if not predictions:
        raise Invalid.at(place, "nothing was logged with event times between start and end")
    _check_width(columns, place)
    source = f"predictions {period.start:%Y-%m-%dT%H:%MZ} to {period.end:%Y-%m-%dT%H:%MZ}"
    return Sample(columns, _known(predictions), len(days), source)


def _logged(model: Models, period: wire.FromPredictions) -> Iterator[tuple[float, Mapping[str, Any], Any]]:
    start, end = round(period.start.timestamp() * 1000), round(period.end.timestamp() * 1000)
    heads = Predictions.by_event(model.model_id, model.partition_count, period.start, period.end)
    for _head, payload in Predictions.payloads(heads):
        rows, _rejected = unpack_rows(payload)
        for row in rows:
            if start <= round(row.event_time * 1000) < end:
                yield row.event_time, row.features, row.prediction


def _known(predictions: Sequence[Any]) -> Sequence[Any] | None:
    """The predictions, None when not one row has any."""
    return predictions if any(value is not None for value in predictions) else None


def _check_width(names: Mapping[str, Any], place: Sequence[str]) -> None:
    if len(names) > 500:
        raise Invalid.at(place, f"has {len(names)} features; 500 at most")


def _head(model: Models, version: int) -> Baselines:
    head = Baselines.head(model.model_id, version) if 0 < version < MOST_VERSIONS else None
    if head is None:
        raise NotFound("The model has no such baseline version.")
    return head


def _version(model: Models, head: Baselines) -> wire.BaselineVersion:
    return wire.BaselineVersion(
        version=int(head.version),
        rows=int(head.rows),
        created_at=parse(str(head.created_at)),
        source=str(head.source),
        current=head.version == model.baseline_version,
    )


def view(head: Baselines, baseline: Baseline) -> wire.Baseline:
    """A baseline as clients see it."""
    return wire.Baseline(
        version=int(head.version),
        rows=int(head.rows),
        days=None if head.days is None else int(head.days),
        created_at=parse(str(head.created_at)).astimezone(UTC),
        source=str(head.source),
        features=[wire.BaselineFeature.model_validate(feature) for feature in baseline.summary()],
    )
