"""The definitions of models. Their state is in `models.statuses`."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from pynamodb.attributes import BooleanAttribute, JSONAttribute, ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.transactions import TransactWrite

from driftguard.models.settings import ModelSettings
from driftguard.models.statuses import Statuses
from driftguard.platform.dynamodb import Options, Table, conditional, transaction
from driftguard.platform.ids import random_byte
from driftguard.platform.times import iso

SHARDS = 16
"""Partitions of the schedule's index: each reads about 1,000 models a second and more."""


class Due(GlobalSecondaryIndex["Models"]):  # type: ignore[no-untyped-call]
    """The models to check, spread over SHARDS partitions; the only index that crosses organizations."""

    class Meta:
        index_name = "due"
        projection = IncludeProjection(["organization_id", "erasing"])

    shard = UnicodeAttribute(hash_key=True)
    model_id = UnicodeAttribute(range_key=True)


class Models(Table):
    """What a model is.

    | pk | sk | what |
    |---|---|---|
    | organization | `model#<model>` | the definition; with `shard` while it is to be checked |
    | organization | `name#<name>` | whose name it is: names are unique in an organization |
    | organization | `erase#<model>` | a deleted model being erased; with `shard`, so that the schedule sees it |

    The index `due` (shard, model_id) is what the schedule reads.
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
    labels = JSONAttribute(null=True)
    settings_given = JSONAttribute(null=True)
    partitions: ListAttribute[Any] = ListAttribute(null=True)
    baseline_version = NumberAttribute(null=True)
    baselines_made = NumberAttribute(default=0)
    erasing = BooleanAttribute(null=True)
    created_at = UnicodeAttribute()

    @property
    def settings(self) -> ModelSettings:
        """The settings with every default filled in."""
        return ModelSettings.model_validate(self.settings_given or {})

    @settings.setter
    def settings(self, settings: ModelSettings) -> None:
        self.settings_given = settings.model_dump(mode="json", exclude_unset=True)
        self.shard = shard_of(self.model_id) if settings.enabled else None

    @property
    def partition_count(self) -> int:
        """How many partitions its predictions may lie in; the number grows, but never shrinks."""
        return max(int(count) for count in self.partitions)

    @classmethod
    def one(cls, organization_id: str, model_id: str) -> "Models | None":
        """The organization's model, or None: another organization's is not there."""
        return cls.find(organization_id, f"model#{model_id}")

    @classmethod
    def existing(cls, organization_id: str, model_ids: Iterable[str]) -> set[str]:
        """Those of these models that the organization has."""
        keys = [(organization_id, f"model#{model_id}") for model_id in model_ids]
        found = cls.batch_get(keys, consistent_read=True, attributes_to_get=["sk"])
        return {item.sk.removeprefix("model#") for item in found}

    @classmethod
    def add(cls, model: "Models") -> None:
        """Store a new model and its name. Raises ConditionFailed when the name is taken."""
        with transaction() as write:
            write.save(model, condition=cls.pk.does_not_exist())
            write.save(_name_item(model, str(model.name)), condition=cls.pk.does_not_exist())

    def replace(self, old_name: str) -> None:
        """Store a changed definition, its name too when that is new. Raises ConditionFailed when the name is taken, or
        the model was deleted or renamed meanwhile."""
        unchanged = Models.name == old_name
        actions: list[Action] = [
            Models.settings_given.set(self.settings_given),
            Models.labels.set(self.labels),
            Models.name.set(self.name),
            Models.description.set(self.description) if self.description is not None else Models.description.remove(),
            Models.shard.set(self.shard) if self.shard else Models.shard.remove(),
        ]
        with transaction() as write:
            write.update(Models(self.pk, self.sk), actions=actions, condition=unchanged)
            if self.name != old_name:
                write.delete(_name_item(self, old_name))
                write.save(_name_item(self, str(self.name)), condition=Models.pk.does_not_exist())

    def remove(self, now: datetime) -> None:
        """Take the model out of every answer and leave a mark by which its data will be erased. Raises ConditionFailed
        when it was deleted, renamed or spread meanwhile."""
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
            unchanged = (Models.name == self.name) & (Models.partitions == self.partitions)
            write.delete(Models(self.pk, self.sk), condition=unchanged)
            write.delete(_name_item(self, str(self.name)))
            write.save(mark)
            Statuses.overtake(write, self.organization_id, self.model_id)

    def spread(self, partitions: int) -> None:
        """Let new predictions go to `partitions` partitions, more than now; the old places stay known, for the retries
        of what lies there. Raises ConditionFailed when the model has changed or was deleted."""
        with conditional():
            Models(self.pk, self.sk).update(
                actions=[Models.partitions.set([*self.partitions, partitions])],
                condition=Models.partitions == self.partitions,
            )

    def next_baseline_version(self) -> int:
        """A version number that no baseline of this model has had."""
        item = Models(self.pk, self.sk)
        with conditional():
            item.update(actions=[Models.baselines_made.add(1)], condition=Models.pk.exists())
        return int(item.baselines_made)

    def use_baseline(self, version: int) -> None:
        """Make a baseline version the current one. Raises ConditionFailed when the model was deleted, or is just being
        written."""
        with transaction() as write:
            self.add_use(write, version)
        self.baseline_version = version

    def add_use(self, write: TransactWrite, version: int) -> None:
        """Add to `write` that a baseline version becomes the current one; a check of another one cannot commit then."""
        write.update(
            Models(self.pk, self.sk),
            actions=[Models.baseline_version.set(version)],
            condition=Models.pk.exists(),
        )
        Statuses.overtake(write, self.organization_id, self.model_id)

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
        """Up to `limit` models of the organization, newest first, older than the model id `before`."""
        upper = f"model#{before}" if before else "model#~"
        found = cls.query(
            organization_id,
            cls.sk.between("model#", upper),
            scan_index_forward=False,
            limit=limit + 1,
            consistent_read=True,
        )
        return [model for model in found if model.sk != upper][:limit]

    @classmethod
    def to_check(cls, turn: int) -> Iterator["Models"]:
        """Every model that the schedule must look at, the ones to be erased too: keys and organization only.

        Each `turn` begins at the next shard, so that no model is always the last, should a tick not reach them all.
        """
        for number in range(SHARDS):
            yield from cls.due.query(f"{(turn + number) % SHARDS:02d}")


def _name_item(model: Models, name: str) -> Models:
    return Models(
        model.pk,
        f"name#{name}",
        organization_id=model.organization_id,
        model_id=model.model_id,
        created_at=model.created_at,
    )


def shard_of(model_id: str) -> str:
    """The partition of `due` that a model lies in; the end of an id is random."""
    return f"{random_byte(model_id) % SHARDS:02d}"
