"""The versions of a model's baseline: created, listed and restored. A version never changes."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from itertools import accumulate

from driftguard.alerts import actions
from driftguard.alerts.publishing import Publish
from driftguard.baselines import schemas
from driftguard.baselines.samples import column_sample, logged_sample, row_sample
from driftguard.baselines.tables import Baselines
from driftguard.distributions import encoding
from driftguard.distributions.baseline import Baseline, build
from driftguard.models import registry
from driftguard.models.tables import Models
from driftguard.platform.dynamodb import ConditionFailed, longest_fit, retrying
from driftguard.platform.errors import Conflict, NotFound
from driftguard.platform.paging import Page, decode_cursor, encode_cursor
from driftguard.platform.serialization import MAX_ANSWER_BYTES, answer_bytes
from driftguard.platform.times import parse

TRIES = 4
MOST_VERSIONS = 10**8
"""The key of a version has eight digits."""


def put(model: Models, body: schemas.BaselineBody, *, publish: Publish, now: datetime) -> schemas.BaselineView:
    """Create a new version, make it current, and resolve the alerts about the old version.

    Raises Invalid with each invalid row, and stores nothing in that case.
    """
    if body.from_predictions is not None:
        sample = logged_sample(model, body.from_predictions)
    elif body.columns is not None:
        sample = column_sample(body.columns, body.predictions)
    else:
        sample = row_sample(body.rows or [], now)
    baseline = build(sample.columns, sample.predictions, days=body.days or sample.days)
    return store(model, baseline, source=sample.source, publish=publish, now=now)


def store(model: Models, baseline: Baseline, *, source: str, publish: Publish, now: datetime) -> schemas.BaselineView:
    """Store a baseline as the newest version and make it current. Raises NotFound if the model is deleted."""
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
) -> schemas.BaselineView:
    """Store a baseline under a reserved version number. `use` makes the version current.

    A version that an earlier attempt stored under this number stays as it is. Raises NotFound if `use` raises
    ConditionFailed, because the model is then deleted.
    """
    rows, days = baseline.rows, baseline.days
    try:
        head = Baselines.add(
            model.model_id, version, encoding.encode(baseline), rows=rows, days=days, source=source, now=now
        )
    except ConditionFailed:
        head = _head(model, version)
    try:
        use(version)
    except ConditionFailed:
        raise NotFound("There is no such model.") from None
    actions.replace_baseline(model, publish=publish, now=now)
    return view(head, baseline)


def current(model: Models) -> schemas.BaselineView:
    """Return the current baseline. Raises NotFound if the model has none."""
    if model.baseline_version is None:
        raise NotFound("The model has no baseline yet. Create one with PUT /models/{model_id}/baseline.")
    head = _head(model, int(model.baseline_version))
    return view(head, encoding.decode(head.payload()))


def versions(model: Models, cursor: str | None, limit: int) -> Page[schemas.BaselineVersion]:
    """Return a page of versions, newest first."""
    before = decode_cursor(
        "baselines", model.model_id, cursor, lambda version: type(version) is int and 0 < version < MOST_VERSIONS
    )
    heads = Baselines.newest(model.model_id, before, limit)
    following = encode_cursor("baselines", model.model_id, int(heads[-1].version)) if len(heads) == limit else None
    return Page([_version(model, head) for head in heads], following)


def restore(model: Models, version: int, *, publish: Publish, now: datetime) -> schemas.BaselineView:
    """Make an older version current again. Its counts continue from where they stopped. Raises NotFound."""
    head = _head(model, version)
    if model.baseline_version != version:
        _use(model, version)
        actions.replace_baseline(model, publish=publish, now=now)
    return view(head, encoding.decode(head.payload()))


def _use(model: Models, version: int) -> None:
    """Make a version current. Raises NotFound if the model is deleted, and Conflict if other writes always win."""
    for attempt in retrying(TRIES):
        with attempt:
            return model.use_baseline(version)
        registry.find(model.organization_id, model.model_id)
    raise Conflict("Other requests are changing the model at this moment. Please try again.", retry_after=1)


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


def view(head: Baselines, baseline: Baseline) -> schemas.BaselineView:
    """Return a baseline as in the API."""
    return schemas.BaselineView(
        version=int(head.version),
        rows=int(head.rows),
        days=None if head.days is None else int(head.days),
        created_at=parse(str(head.created_at)).astimezone(UTC),
        source=str(head.source),
        features=_bounded([schemas.BaselineFeature.model_validate(feature) for feature in baseline.summary()]),
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
