"""Create, list, change and delete the models of an organization."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from driftguard.models.activity import Change, differences
from driftguard.models.schemas import MAX_LABELS, Headline, Model, ModelPatch, ModelReference, NewModel, RecentScore
from driftguard.models.settings import ModelSettings, check_features, merge
from driftguard.models.statuses import Statuses
from driftguard.models.tables import Models
from driftguard.models.task import Task, refused_change, with_threshold
from driftguard.platform.errors import Conflict, Invalid, NotFound
from driftguard.platform.ids import new_id
from driftguard.platform.paging import Page, decode_key, encode_cursor
from driftguard.platform.retries import ConditionFailed, retrying
from driftguard.platform.serialization import MAX_ANSWER_BYTES
from driftguard.platform.times import iso, parse

SYSTEM = "DriftGuard"
"""The actor of changes that no API key made."""

TRIES = 4
TRIES_TO_CHANGE = 20
"""A change of many at the same time loses to each of the others once."""

MAX_TEXT_BYTES = 390_000
"""Bytes of a model's name, description, labels and settings. DynamoDB accepts 400 kB per item."""

MAX_ID = 128
"""Characters of an id that is looked up. Longer ids cannot exist, and DynamoDB rejects keys over 1 kB."""


type Headlines = Callable[[Sequence[Models]], Mapping[str, Headline]]
"""Returns the headlines of models by model id, of those that have one."""


def find(organization_id: str, model_id: str) -> Models:
    """Return the organization's model. Raises NotFound if there is none, also for the id of another organization's."""
    model = Models.one(organization_id, model_id) if len(model_id) <= MAX_ID else None
    if model is None:
        raise NotFound("There is no such model.")
    return model


def referred(organization_id: str, body: ModelReference) -> Models:
    """Return the organization's model that a body names by id or by name. Raises NotFound, and Invalid for not one."""
    if body.model_id is not None and body.model is not None:
        raise Invalid.at(["body", "model"], "send either model_id or model, not both")
    if body.model_id is not None:
        return find(organization_id, body.model_id)
    if body.model is None:
        raise Invalid.at(["body", "model_id"], "is required; or send model, the name of the model")
    model_id = Models.id_of(organization_id, body.model)
    if model_id is None:
        raise NotFound(f"There is no model named {body.model!r}.")
    return find(organization_id, model_id)


def create(organization_id: str, body: NewModel, *, partitions: int, now: datetime, actor: str = SYSTEM) -> Model:
    """Create a model. Raises Conflict if the organization already has a model of this name."""
    model_id = new_id(now)
    model = Models(
        organization_id,
        f"model#{model_id}",
        organization_id=organization_id,
        model_id=model_id,
        name=body.name,
        description=body.description,
        labels=body.labels,
        partitions=[partitions],
        created_at=iso(now),
    )
    model.settings = body.settings.apply(ModelSettings())
    model.thresholds = with_threshold([], None, model.settings.task, iso(now)) or None
    _check_size(model)
    try:
        details = {"name": body.name, **differences({}, model.settings_given or {})}
        Models.add(model, Change(organization_id, actor, "model_created", model_id, now, model_id, details))
    except ConditionFailed:
        raise Conflict(f"A model named {body.name!r} already exists. Choose another name.") from None
    return view(model, Statuses.one(organization_id, model_id), None)


def page(organization_id: str, cursor: str | None, limit: int, headlines: Headlines) -> Page[Model]:
    """Return a page of the organization's models, newest first."""
    before = decode_key("models", organization_id, cursor)
    found = Models.newest(organization_id, before, limit)
    more = len(found) == limit or sum(model.text_bytes for model in found) > MAX_ANSWER_BYTES
    statuses = Statuses.of(organization_id, [model.model_id for model in found])
    known = headlines(found)
    following = encode_cursor("models", organization_id, found[-1].model_id) if more else None
    return Page(
        [view(model, statuses[model.model_id], known.get(model.model_id)) for model in found],
        following,
        lambda model: encode_cursor("models", organization_id, model.id),
    )


def show(organization_id: str, model_id: str, headlines: Headlines) -> Model:
    """Return a model and its state. Raises NotFound if there is none."""
    model = find(organization_id, model_id)
    return view(model, Statuses.one(organization_id, model_id), headlines([model]).get(model_id))


def change(
    organization_id: str,
    model_id: str,
    body: ModelPatch,
    *,
    features_of: Callable[[Models], Iterable[str]],
    has_labels: Callable[[Models], bool],
    headlines: Headlines,
    now: datetime,
    actor: str,
) -> Model:
    """Merge a patch into a model.

    features_of: returns the names of the features in a model's baseline. has_labels: whether labels were sent to a
    model.

    Changes at the same time are merged one after the other. Raises NotFound if there is no such model. Raises Invalid
    if the settings name features that the baseline lacks, or if the merged model is too large. Raises Conflict if the
    new name is taken, if another request renames the model at the same time, or if the task does not fit the labels.
    """
    first_name = None
    for attempt in retrying(TRIES_TO_CHANGE):
        model = find(organization_id, model_id)
        old_name = str(model.name)
        first_name = first_name or old_name
        if old_name != first_name and body.name is not None:
            raise Conflict("Another request renamed the model at the same time. Please try again.", retry_after=1)
        if attempt.number == 0 and body.settings is not None and model.baseline_version is not None:
            check_features(body.settings, partial(features_of, model))
        before, task = _described(model), model.settings.task
        _merge(model, body)
        _check_task(model, task, has_labels, now)
        details = differences(before, _described(model))
        change = Change(organization_id, actor, "model_changed", model_id, now, model_id, details) if details else None
        with attempt:
            model.replace(old_name, change)
            return view(model, Statuses.one(organization_id, model_id), headlines([model]).get(model_id))
        if model.name != old_name and Models.id_of(organization_id, str(model.name)):
            raise Conflict(f"A model named {model.name!r} already exists. Choose another name.")
    raise Conflict("Other requests are changing the model at this moment. Please try again.", retry_after=1)


def _described(model: Models) -> dict[str, Any]:
    """Return what a person can change about a model."""
    return {
        "name": model.name,
        "description": model.description,
        "labels": dict(model.labels or {}),
        "settings": dict(model.settings_given or {}),
    }


def _merge(model: Models, body: ModelPatch) -> None:
    """Merge a patch into a model that is not stored yet. Raises Invalid if the model becomes too large."""
    given = body.model_dump(exclude_unset=True)
    model.name = given.get("name", model.name)
    model.description = given.get("description", model.description)
    if "labels" in given:
        model.labels = merge(model.labels or {}, given["labels"]) if given["labels"] is not None else {}
    if "settings" in given:
        model.settings = body.settings.apply(model.settings) if body.settings is not None else ModelSettings()
    _check_size(model)


def _check_task(model: Models, before: Task | None, has_labels: Callable[[Models], bool], now: datetime) -> None:
    """Raise Conflict if the new task of a model does not fit the labels that it has. Note a new threshold."""
    after = model.settings.task
    if after == before:
        return
    reason = refused_change(before, after)
    if reason is not None and has_labels(model):
        raise Conflict(reason)
    model.thresholds = with_threshold(model.thresholds or [], before, after, iso(now)) or None


def _check_size(model: Models) -> None:
    """Raise Invalid if the model has too many labels or takes more bytes than the table can store."""
    if len(model.labels or {}) > MAX_LABELS:
        raise Invalid.at(
            ["body", "labels"],
            f"the model would have {len(model.labels)} labels; {MAX_LABELS} at most; set labels that you do not "
            "need to null",
        )
    if model.text_bytes > MAX_TEXT_BYTES:
        raise Invalid.at(
            ["body"],
            f"the model's name, description, labels and settings would take {model.text_bytes:,} bytes; "
            f"{MAX_TEXT_BYTES:,} at most; remove overrides of features or labels",
        )


def delete(
    organization_id: str,
    model_id: str,
    *,
    close: Callable[[Models], None],
    erase: Callable[[str, str], None],
    now: datetime,
    actor: str,
) -> None:
    """Delete a model and request the erasure of its data. Raises NotFound if there is no such model.

    close: closes what is open for the model, while it is still there.
    erase: requests the erasure (organization, model). If the request fails, the schedule repeats it, because a mark of
    the deletion stays in the table.
    """
    close(find(organization_id, model_id))
    for attempt in retrying(TRIES):
        with attempt:
            model = find(organization_id, model_id)
            details = {"name": model.name}
            model.remove(now, Change(organization_id, actor, "model_deleted", model_id, now, model_id, details))
            erase(organization_id, model_id)
            return
    raise Conflict("Other requests are changing the model. Please try again.", retry_after=1)


def view(model: Models, status: Statuses, headline: Headline | None) -> Model:
    """Return a model in the shape of the API."""
    state = status.state or ("no_baseline" if model.baseline_version is None else "no_data")
    return Model(
        id=model.model_id,
        name=str(model.name),
        description=model.description,
        labels=model.labels or {},
        settings=model.settings,
        created_at=parse(model.created_at),
        baseline_version=None if model.baseline_version is None else int(model.baseline_version),
        state=state,
        preliminary=bool(status.preliminary),
        last_checked_at=parse(status.checked_at) if status.checked_at else None,
        drift_score=status.drift_score,
        open_alerts=len(status.open_alerts or {}),
        recent_scores=[RecentScore(day=day, drift_score=score) for day, score in status.recent or []],
        performance=headline if model.settings.task is not None else None,
    )
