"""The versions of a model's baseline: created, listed and restored. A version never changes."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate

from pynamodb.transactions import TransactWrite

from driftguard.alerts import actions
from driftguard.alerts.publishing import Publish
from driftguard.baselines import schemas
from driftguard.baselines.labelled import LabelledRows, pack_labelled
from driftguard.baselines.references import References
from driftguard.baselines.samples import column_sample, counted_from, logged_sample, row_sample
from driftguard.baselines.sharing import foreign
from driftguard.baselines.tables import Baselines
from driftguard.distributions import encoding
from driftguard.distributions.baseline import PREDICTION, Baseline, Role, build
from driftguard.distributions.weeks import Weeks, weeks_of
from driftguard.models import registry
from driftguard.models.activity import Change
from driftguard.models.names import pack_names
from driftguard.models.tables import Models
from driftguard.platform.errors import Conflict, Invalid, NotFound
from driftguard.platform.paging import Page, decode_cursor, encode_cursor
from driftguard.platform.retries import ConditionFailed, retrying
from driftguard.platform.serialization import MAX_ANSWER_BYTES, Scalar, answer_bytes
from driftguard.platform.sizes import longest_fit
from driftguard.platform.times import parse
from driftguard.rows.examples import Examples

type Values = Sequence[Scalar]

TRIES = 4
MOST_VERSIONS = 10**8
"""The key of a version has eight digits."""


def put(
    model: Models, body: schemas.BaselineBody, *, publish: Publish, now: datetime, actor: str = registry.SYSTEM
) -> schemas.BaselineView:
    """Create a new version, make it current, and resolve the alerts about the old version.

    Raises Invalid with each invalid row, and stores nothing in that case.
    """
    if body.from_predictions is not None:
        sample = logged_sample(model, body.from_predictions)
    elif body.columns is not None:
        sample = column_sample(body, model.settings.task)
    else:
        sample = row_sample(body.rows or [], now, model.settings.task)
    if body.from_predictions is None and not body.replace:
        reason = foreign(model, sample.columns, again="send it again")
        if reason is not None:
            raise Invalid.at(["body", "rows" if body.columns is None else "columns"], f"{reason}.")
    baseline = build(sample.columns, sample.predictions, days=body.days or sample.days)
    examples = Examples[tuple[Role, str]]()
    examples.add(by_name(sample.columns, sample.predictions))
    before = counted_from(model, now) if sample.hours else None
    weeks = weeks_of(baseline, sample.columns, sample.predictions, sample.hours, before=before)
    labelled = LabelledRows(pack_labelled(sample.labelled), len(sample.labelled)) if sample.labelled else None
    return store(
        model, baseline, examples, weeks, labelled, source=sample.source, publish=publish, now=now, actor=actor
    )


def by_name(columns: Mapping[str, Values], predictions: Values | None) -> Mapping[tuple[Role, str], Values]:
    """Return the columns of features and of the prediction, which may have the same name."""
    named: dict[tuple[Role, str], Values] = {("feature", name): values for name, values in columns.items()}
    return named if predictions is None else {**named, ("prediction", PREDICTION): predictions}


def store(
    model: Models,
    baseline: Baseline,
    examples: Examples[tuple[Role, str]],
    weeks: Weeks | None = None,
    labelled: LabelledRows | None = None,
    *,
    source: str,
    publish: Publish,
    now: datetime,
    actor: str,
) -> schemas.BaselineView:
    """Store a baseline as the newest version and make it current. Raises NotFound if the model is deleted."""
    try:
        version = model.next_baseline_version()
    except ConditionFailed:
        raise NotFound("There is no such model.") from None
    change = created(model, version, baseline.rows, source, now, actor)
    return store_as(
        version,
        model,
        baseline,
        examples,
        weeks,
        labelled,
        source=source,
        publish=publish,
        use=lambda head: _use(model, head, change=change, now=now),
        now=now,
        actor=actor,
    )


def created(model: Models, version: int, rows: int, source: str, now: datetime, actor: str) -> Change:
    """Return the record of a new version that becomes current."""
    details = {"from": model.baseline_version, "rows": rows, "source": source}
    return Change(
        model.organization_id, actor, "baseline_created", str(version), now, model_id=model.model_id, details=details
    )


def store_as(
    version: int,
    model: Models,
    baseline: Baseline,
    examples: Examples[tuple[Role, str]],
    weeks: Weeks | None = None,
    labelled: LabelledRows | None = None,
    *,
    source: str,
    publish: Publish,
    use: Callable[[Baselines], None],
    now: datetime,
    actor: str,
) -> schemas.BaselineView:
    """Store a baseline under a reserved version number. `use` makes the version current.

    A version that an earlier attempt stored under this number stays as it is. Raises NotFound if `use` raises
    ConditionFailed, because the model is then deleted.
    """
    others = {
        place: examples.others((feature.role, feature.name), feature.type)
        for place, feature in enumerate(baseline.features)
        if feature.invalid
    }
    try:
        head = Baselines.add(
            model.model_id,
            version,
            encoding.encode(baseline),
            encoding.encode_digests(baseline),
            b"" if weeks is None else weeks.encode(),
            labelled,
            rows=baseline.rows,
            days=baseline.days,
            source=source,
            now=now,
            examples=others,
            hours_of_week=None if weeks is None else weeks.hours,
        )
    except ConditionFailed:
        head = _head(model, version)
    model.baseline_names = _names(baseline)
    try:
        use(head)
    except ConditionFailed:
        raise NotFound("There is no such model.") from None
    _close_alerts(model, head, publish=publish, now=now, actor=actor)
    return view(head, baseline, others)


def _close_alerts(model: Models, head: Baselines, *, publish: Publish, now: datetime, actor: str) -> None:
    """Close the alerts that compare with the old baseline, and those on performance if the new one has labels."""
    actions.replace_baseline(model, publish=publish, now=now, actor=actor, with_labels=bool(head.labelled_rows))


def current(model: Models) -> schemas.BaselineView:
    """Return the current baseline. Raises NotFound if the model has none."""
    if model.baseline_version is None:
        raise NotFound("The model has no baseline yet. Create one with PUT /models/{model_id}/baseline.")
    head = _head(model, int(model.baseline_version))
    return view(head, encoding.decode(head.payload()), head.examples())


def columns(model: Models, version: int) -> list[schemas.UploadColumn]:
    """Return how the columns of a version were read."""
    head = _head(model, version)
    examples = head.examples()
    return [
        schemas.UploadColumn(
            name=feature.name,
            role=feature.role,
            type=feature.type,
            missing=feature.missing,
            invalid=feature.invalid,
            examples=examples.get(place, []),
        )
        for place, feature in enumerate(encoding.decode(head.payload()).features)
    ]


def versions(model: Models, cursor: str | None, limit: int) -> Page[schemas.BaselineVersion]:
    """Return a page of versions, newest first."""
    before = decode_cursor(
        "baselines", model.model_id, cursor, lambda version: type(version) is int and 0 < version < MOST_VERSIONS
    )
    heads = Baselines.newest(model.model_id, before, limit)
    following = encode_cursor("baselines", model.model_id, int(heads[-1].version)) if len(heads) == limit else None
    return Page([_version(model, head) for head in heads], following)


def restore(model: Models, version: int, *, publish: Publish, now: datetime, actor: str) -> schemas.BaselineView:
    """Make an older version current again. Its counts continue from where they stopped. Raises NotFound."""
    head = _head(model, version)
    baseline = encoding.decode(head.payload())
    if model.baseline_version != version:
        model.baseline_names = _names(baseline)
        details = {"from": model.baseline_version}
        owner, model_id = model.organization_id, model.model_id
        change = Change(owner, actor, "baseline_restored", str(version), now, model_id, details)
        _use(model, head, change=change, now=now)
        _close_alerts(model, head, publish=publish, now=now, actor=actor)
    return view(head, baseline, head.examples())


def _names(baseline: Baseline) -> bytes:
    return pack_names(baseline.names, predicted=len(baseline.names) < len(baseline.features))


def _use(model: Models, head: Baselines, *, change: Change, now: datetime) -> None:
    """Make a version current. Raises NotFound if the model is deleted, and Conflict if other writes always win."""
    for attempt in retrying(TRIES):
        with attempt:
            return model.use_baseline(int(head.version), change, with_reference(head, now))
        registry.find(model.organization_id, model.model_id)
    raise Conflict("Other requests are changing the model at this moment. Please try again.", retry_after=1)


def with_reference(head: Baselines, now: datetime) -> Callable[[TransactWrite], None]:
    """Return what adds a reference of performance to the transaction that makes a version current."""
    reference = References.of_baseline(head, now)
    return reference.add if reference is not None else lambda _write: None


def _head(model: Models, version: int) -> Baselines:
    head = Baselines.head(model.model_id, version) if 0 < version < MOST_VERSIONS else None
    if head is None:
        raise NotFound("The model has no such baseline version. GET /models/{model_id}/baselines lists the versions.")
    return head


def _version(model: Models, head: Baselines) -> schemas.BaselineVersion:
    return schemas.BaselineVersion(
        version=int(head.version),
        rows=int(head.rows),
        created_at=parse(str(head.created_at)),
        source=str(head.source),
        current=head.version == model.baseline_version,
    )


def view(head: Baselines, baseline: Baseline, examples: Mapping[int, Sequence[str]]) -> schemas.BaselineView:
    """Return a baseline as in the API. examples: values that are not of a feature's type, by its position."""
    features = [{**summary, "examples": examples.get(place, ())} for place, summary in enumerate(baseline.summary())]
    return schemas.BaselineView(
        version=int(head.version),
        rows=int(head.rows),
        days=None if head.days is None else int(head.days),
        hours_of_week=None if head.hours_of_week is None else int(head.hours_of_week),
        created_at=parse(str(head.created_at)).astimezone(UTC),
        source=str(head.source),
        features=_bounded([schemas.BaselineFeature.model_validate(feature) for feature in features]),
    )


def _bounded(features: list[schemas.BaselineFeature]) -> list[schemas.BaselineFeature]:
    """Leave out the smallest categories of the features with the longest lists, until a response can hold the rest."""
    sizes = [[answer_bytes({name: share}) for name, share in _by_share(feature)] for feature in features]
    bare = answer_bytes([feature.model_copy(update={"categories": None}) for feature in features])
    room = MAX_ANSWER_BYTES - bare - len(features) * len('"categories_left_out":100')
    most = max(map(sum, sizes), default=0)
    each = longest_fit(most, lambda limit: sum(min(limit, sum(own)) for own in sizes), room)
    return [_first_categories(feature, own, each) for feature, own in zip(features, sizes, strict=True)]


def _first_categories(feature: schemas.BaselineFeature, sizes: list[int], most: int) -> schemas.BaselineFeature:
    kept = sum(total <= most for total in accumulate(sizes))
    if kept == len(sizes):
        return feature
    names = {name for name, _share in _by_share(feature)[:kept]}
    listed = {name: share for name, share in (feature.categories or {}).items() if name in names}
    return feature.model_copy(update={"categories": listed, "categories_left_out": len(sizes) - kept})


def _by_share(feature: schemas.BaselineFeature) -> list[tuple[str, float]]:
    return sorted((feature.categories or {}).items(), key=lambda entry: -entry[1])
