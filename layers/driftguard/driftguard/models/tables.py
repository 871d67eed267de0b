"""The definitions of models. Their state is in `models.statuses`."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from pynamodb.attributes import BinaryAttribute, BooleanAttribute, ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.transactions import TransactWrite

from driftguard.models.activity import Change
from driftguard.models.settings import ModelSettings
from driftguard.models.statuses import Statuses
from driftguard.platform.dynamodb import Json, Options, Table, transaction
from driftguard.platform.ids import random_byte
from driftguard.platform.retries import conditional
from driftguard.platform.serialization import MAX_ANSWER_BYTES
from driftguard.platform.sizes import first_of
from driftguard.platform.times import iso

SHARDS = 16
"""Partitions of the schedule's index. Each partition can be read at more than 1,000 models per second."""

JOIN = "join#"

TURNS_OF_JOINS = 4
"""Ticks in which the schedule joins the labels of each model once."""


class Due(GlobalSecondaryIndex["Models"]):  # type: ignore[no-untyped-call]
    """The models to check, spread over SHARDS partitions. No other index crosses organizations."""

    class Meta:
        index_name = "due"
        projection = IncludeProjection(["organization_id", "erasing"])

    shard = UnicodeAttribute(hash_key=True)
    model_id = UnicodeAttribute(range_key=True)


class Models(Table):
    """The definition of a model.

    | pk | sk | what |
    |---|---|---|
    | organization | `model#<model>` | the definition; has `shard` while the schedule checks the model |
    | organization | `name#<name>` | the model with this name, because names are unique in an organization |
    | organization | `erase#<model>` | a deleted model whose data must be erased; has `shard` for the schedule |
    | organization | `join#<model>` | a model with a task, whose labels are joined hourly; has its own `shard` |

    The schedule reads the index `due` (shard, model_id). `thresholds` lists each threshold of a binary task with the
    time from which it holds. `revision` rises with each change of the definition. Of two changes that read the same
    revision only one is stored.
    """

    table_setting = "MODELS"

    class Meta(Options):
        pass

    due = Due()
    shard = UnicodeAttribute(null=True)
    organization_id = UnicodeAttribute()
    model_id = UnicodeAttribute()
    name = UnicodeAttribute(null=True)
    description = UnicodeAttribute(null=True)
    labels = Json(null=True)
    settings_given = Json(null=True)
    thresholds = Json(null=True)
    partitions: ListAttribute[Any] = ListAttribute(null=True)
    baseline_version = NumberAttribute(null=True)
    baseline_names = BinaryAttribute(null=True, legacy_encoding=False)
    baselines_made = NumberAttribute(default=0)
    erasing = BooleanAttribute(null=True)
    revision = NumberAttribute(default=0)
    created_at = UnicodeAttribute()

    @property
    def settings(self) -> ModelSettings:
        """All settings, including the defaults."""
        return ModelSettings.model_validate(self.settings_given or {})

    @settings.setter
    def settings(self, settings: ModelSettings) -> None:
        self.settings_given = settings.model_dump(mode="json", exclude_unset=True)
        self.shard = shard_of(self.model_id) if settings.enabled else None

    @property
    def is_joined(self) -> bool:
        """Whether the schedule joins the labels of this model."""
        settings = self.settings
        return settings.enabled and settings.task is not None

    @property
    def text_bytes(self) -> int:
        """Bytes of everything in the definition that a user can make long."""
        texts = [Models.labels.serialize(self.labels), Models.settings_given.serialize(self.settings_given)]
        return sum(len((text or "").encode()) for text in [*texts, self.name, self.description])

    @property
    def partition_count(self) -> int:
        """Number of partitions that can hold predictions of the model. It never becomes smaller."""
        return max(int(count) for count in self.partitions)

    @classmethod
    def one(cls, organization_id: str, model_id: str) -> "Models | None":
        """Return the organization's model, or None if the organization has no such model."""
        return cls.find(organization_id, f"model#{model_id}")

    @classmethod
    def id_of(cls, organization_id: str, name: str) -> str | None:
        """Return the id of the organization's model with this name, or None if there is none."""
        item = cls.find(organization_id, f"name#{name}")
        return None if item is None else item.model_id

    @classmethod
    def existing(cls, organization_id: str, model_ids: Iterable[str]) -> set[str]:
        """Return those ids that belong to models of the organization."""
        keys = [(organization_id, f"model#{model_id}") for model_id in model_ids]
        found = cls.batch_get(keys, consistent_read=True, attributes_to_get=["sk"])
        return {item.sk.removeprefix("model#") for item in found}

    @classmethod
    def add(cls, model: "Models", change: Change | None = None) -> None:
        """Store a new model, its name and the record of the change. Raises ConditionFailed if the name is taken."""
        with transaction() as write:
            if change is not None:
                change.record(write)
            write.save(model, condition=cls.pk.does_not_exist())
            write.save(_name_item(model, str(model.name)), condition=cls.pk.does_not_exist())
            if model.is_joined:
                write.save(_join_item(model))

    def replace(self, old_name: str, change: Change | None = None) -> None:
        """Store a changed definition, and a changed name, with the record of the change.

        Raises ConditionFailed if the name is taken, or if the definition was changed or deleted after it was read.
        """
        unchanged = Models.name == old_name
        if self.revision:
            unchanged &= Models.revision == self.revision
        else:  # Version 0.1 stored no revision.
            unchanged &= (Models.revision == 0) | Models.revision.does_not_exist()
        actions: list[Action] = [
            Models.settings_given.set(self.settings_given),
            Models.labels.set(self.labels),
            Models.name.set(self.name),
            Models.description.set(self.description) if self.description is not None else Models.description.remove(),
            Models.shard.set(self.shard) if self.shard else Models.shard.remove(),
            Models.revision.set(self.revision + 1),
        ]
        if self.thresholds:
            actions.append(Models.thresholds.set(self.thresholds))
        with transaction() as write:
            if change is not None:
                change.record(write)
            write.update(Models(self.pk, self.sk), actions=actions, condition=unchanged)
            if self.name != old_name:
                write.delete(_name_item(self, old_name))
                write.save(_name_item(self, str(self.name)), condition=Models.pk.does_not_exist())
            if self.is_joined:
                write.save(_join_item(self))
            else:
                write.delete(_join_item(self))

    def remove(self, now: datetime, change: Change | None = None) -> None:
        """Delete the definition and leave a mark, so that the data of the model will be erased. Record the change.

        Raises ConditionFailed if the model was deleted, renamed or spread in the meantime.
        """
        mark = Models(
            self.pk,
            f"erase#{self.model_id}",
            organization_id=self.organization_id,
            model_id=self.model_id,
            shard=shard_of(self.model_id),
            partitions=self.partitions,
            erasing=True,
            created_at=iso(now),
        )
        with transaction() as write:
            if change is not None:
                change.record(write)
            unchanged = (Models.name == self.name) & (Models.partitions == self.partitions)
            write.delete(Models(self.pk, self.sk), condition=unchanged)
            write.delete(_name_item(self, str(self.name)))
            write.delete(_join_item(self))
            write.save(mark)
            Statuses.overtake(write, self.organization_id, self.model_id)

    def spread(self, partitions: int) -> None:
        """Store new predictions in `partitions` partitions, which must be more than before.

        The earlier numbers stay in the list, because a retry must find what its first try stored. Raises
        ConditionFailed if the model was changed or deleted in the meantime.
        """
        with conditional():
            Models(self.pk, self.sk).update(
                actions=[Models.partitions.set([*self.partitions, partitions])],
                condition=Models.partitions == self.partitions,
            )

    def next_baseline_version(self) -> int:
        """Reserve a new version number for a baseline. Raises ConditionFailed if the model was deleted."""
        item = Models(self.pk, self.sk)
        with conditional():
            item.update(actions=[Models.baselines_made.add(1)], condition=Models.pk.exists())
        return int(item.baselines_made)

    def use_baseline(
        self,
        version: int,
        change: Change | None = None,
        add: Callable[[TransactWrite], None] = lambda _write: None,
    ) -> None:
        """Make a baseline version the current one, and record the change. add: adds more to the transaction.

        Raises ConditionFailed if the model was deleted or another transaction is writing it.
        """
        with transaction() as write:
            self.add_use(write, version)
            if change is not None:
                change.record(write)
            add(write)
        self.baseline_version = version

    def add_use(self, write: TransactWrite, version: int) -> None:
        """Make a baseline version the current one in a transaction. Running checks can then no longer commit.

        `baseline_names` must be those of this version.
        """
        names = Models.baseline_names
        write.update(
            Models(self.pk, self.sk),
            actions=[
                Models.baseline_version.set(version),
                names.set(self.baseline_names) if self.baseline_names else names.remove(),
            ],
            condition=Models.pk.exists(),
        )
        Statuses.overtake(write, self.organization_id, self.model_id)

    def must_exist(self, write: TransactWrite) -> None:
        """Let a transaction fail if this model was deleted."""
        write.condition_check(Models, self.pk, self.sk, condition=Models.pk.exists())

    @classmethod
    def of_model(cls, _model: "Models") -> "Iterable[Models]":
        """Nothing: `remove` deletes the definition and the name, and erasing deletes the mark at its end."""
        return ()

    @classmethod
    def of_organization(cls, _organization_id: str) -> "Iterable[Models]":
        """Nothing: an organization's models are erased one by one."""
        return ()

    @classmethod
    def newest(cls, organization_id: str, before: str | None, limit: int) -> "list[Models]":
        """Return up to `limit` models that are older than the model id `before`, newest first.

        Returns fewer if they are longer than MAX_ANSWER_BYTES.
        """
        upper = f"model#{before}" if before else "model#~"
        found = cls.query(
            organization_id,
            cls.sk.between("model#", upper),
            scan_index_forward=False,
            limit=limit + 1,
            consistent_read=True,
        )
        models = (model for model in found if model.sk != upper)
        return first_of(models, limit, lambda model: model.text_bytes, MAX_ANSWER_BYTES)

    @classmethod
    def to_check(cls, turn: int) -> Iterator["Models"]:
        """Return every model to check or to erase, with keys and organization only.

        Each `turn` starts at the next shard. If a tick is too short for all models, the next ticks reach the rest.
        """
        for number in range(SHARDS):
            yield from cls.due.query(f"{(turn + number) % SHARDS:02d}")

    @classmethod
    def to_join(cls, turn: int | None) -> Iterator["Models"]:
        """Return the models whose labels this turn joins, with keys and organization only. None: all of them.

        Each of TURNS_OF_JOINS turns in a row has its own part of the models.
        """
        first, step = (0, 1) if turn is None else (turn % TURNS_OF_JOINS, TURNS_OF_JOINS)
        for number in range(first, SHARDS, step):
            yield from cls.due.query(f"{JOIN}{number:02d}")


def _join_item(model: Models) -> Models:
    return Models(
        model.pk,
        f"{JOIN}{model.model_id}",
        organization_id=model.organization_id,
        model_id=model.model_id,
        shard=f"{JOIN}{shard_of(model.model_id)}",
        created_at=model.created_at,
    )


def _name_item(model: Models, name: str) -> Models:
    return Models(
        model.pk,
        f"name#{name}",
        organization_id=model.organization_id,
        model_id=model.model_id,
        created_at=model.created_at,
    )


def shard_of(model_id: str) -> str:
    """Return the partition of `due` that holds a model. It comes from the random end of the id."""
    return f"{random_byte(model_id) % SHARDS:02d}"
