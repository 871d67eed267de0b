"""The table of predictions joined with labels."""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from pynamodb.attributes import BinaryAttribute, JSONAttribute, ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.transactions import TransactWrite

from driftguard.models.schemas import Headline
from driftguard.models.tables import Models
from driftguard.performance.label_rows import UNDATED
from driftguard.platform.bulk import delete
from driftguard.platform.dynamodb import KEYS, Options, Table, transaction
from driftguard.platform.retries import ConditionFailed, conditional, retrying
from driftguard.platform.sizes import chunks
from driftguard.platform.times import DAY, hour_start, iso

DAYS_KEPT = 400
"""Days that daily counts are kept."""

TRIES = 4

GRACE = timedelta(days=30)
"""Time after the last possible label of a day until its runs and heads are deleted."""


class Progress(NamedTuple):
    """What all steps of a model together have done.

    task: the task that labels and predictions were read with. labels: labels that were joined or wait. refused: labels
    of unknown values, or of days that took no labels any more. last_label: the arrival of the newest label. started:
    the time of the first step.
    """

    task: dict[str, Any]
    labels: int = 0
    refused: int = 0
    last_label: str | None = None
    started: str | None = None


class Joined(Table):
    """Predictions joined with labels by event day, and how far both are joined.

    | pk | sk | what |
    |---|---|---|
    | model | `state` | the last joined arrivals of predictions and labels, the task, and when the next step may run |
    | model | `search` | where the search for the days of labels without a timestamp goes on, and when |
    | model | `reference` | the counts of the reference, and which reference and task they belong to |
    | model | `report` | the performance report, or the id and number of its chunks; its headline; when it is due |
    | model | `report#<id>#<n>` | a chunk of a long report; the id is a hash of the report |
    | model | `answered` | the id of the last API request whose join has ended; kept for a day |
    | model | `day#<day>` | a day: its number of partitions, the sum of its counts, when it matured |
    | `<model>#<day>` | `head#<partitions>#<partition>` | a partition: the runs that it consists of, and its counts |
    | `<model>#<day>` | `run#<name>` | an immutable run of predictions or of labels |

    Days are numbered from 1970 in seven digits, partitions in three. Labels whose event day is unknown wait under
    9000000 plus the day of their arrival. A step writes runs first. Then one write commits the names of the runs, the
    last arrivals that they include and the new counts. Its condition is that the head's `revision` and the day's number
    of partitions have not changed. A run's name is a hash of its bytes and of the last arrival in it, so that a name
    never has two contents. Heads and runs expire `label_wait_days` and 30 days after their day, which `open_until` of
    the day states. Daily counts are kept 400 days.
    """

    table_setting = "LABELS"

    class Meta(Options):
        pass

    revision = NumberAttribute(null=True)
    counts = BinaryAttribute(null=True, legacy_encoding=False)
    directory_runs: ListAttribute[Any] = ListAttribute(null=True)
    label_runs: ListAttribute[Any] = ListAttribute(null=True)
    predictions_reached = UnicodeAttribute(null=True)
    labels_reached = UnicodeAttribute(null=True)
    partitions = NumberAttribute(null=True)
    matured_at = UnicodeAttribute(null=True)
    open_until = NumberAttribute(null=True)
    data = BinaryAttribute(null=True, legacy_encoding=False)
    next_at = UnicodeAttribute(null=True)
    before_day = NumberAttribute(null=True)
    report_id = UnicodeAttribute(null=True)
    made_of = UnicodeAttribute(null=True)
    chunks = NumberAttribute(null=True)
    request = UnicodeAttribute(null=True)
    headline = JSONAttribute(null=True)

    @classmethod
    def of_model(cls, model: Models) -> "Iterable[Joined]":
        """Everything of a model, keys only."""
        return cls.of(model.model_id)

    @classmethod
    def of(cls, model_id: str) -> "Iterator[Joined]":
        """Yield everything of a model, keys only: heads and runs of each day, then the days, then the state."""
        own = list(cls.query(model_id, attributes_to_get=KEYS, consistent_read=True))
        for item in own:
            if item.sk.startswith("day#"):
                yield from cls.query(
                    f"{model_id}#{item.sk.removeprefix('day#')}", attributes_to_get=KEYS, consistent_read=True
                )
        yield from own

    @classmethod
    def of_organization(cls, _organization_id: str) -> "Iterable[Joined]":
        """Nothing: everything belongs to a model."""
        return ()

    @classmethod
    def state(cls, model_id: str) -> "Joined | None":
        """Return how far predictions and labels are joined; None before the first step."""
        return cls.find(model_id, "state")

    @classmethod
    def advance(
        cls,
        model_id: str,
        read: "Joined | None",
        *,
        predictions: str,
        labels: str,
        progress: "Progress",
        next_at: str | None,
    ) -> "Joined":
        """Move the cursors on from those that were read. Raises ConditionFailed if another step has moved them."""
        revision = int(read.revision) if read is not None else 0
        item = cls(
            model_id,
            "state",
            revision=revision + 1,
            predictions_reached=predictions,
            labels_reached=labels,
            data=json.dumps(progress._asdict()).encode(),
            next_at=next_at,
        )
        with conditional():
            item.save(cls.revision == revision if read is not None else cls.pk.does_not_exist())
        return item

    @property
    def progress(self) -> "Progress":
        """What all steps together have done, of the state."""
        return Progress(**json.loads(bytes(self.data)))

    @classmethod
    def answer(cls, model_id: str, request: str, now: datetime) -> None:
        """Store that the join of an API request has ended."""
        cls(model_id, "answered", request=request, expires_at=int((now + DAY).timestamp())).save()

    @classmethod
    def answered(cls, model_id: str) -> str | None:
        """Return the id of the last API request whose join has ended; None if there is none."""
        item = cls.find(model_id, "answered")
        return None if item is None else str(item.request)

    @classmethod
    def search(cls, model_id: str) -> "Joined | None":
        """Return where the search for days goes on; None before the first pass."""
        return cls.find(model_id, "search")

    @classmethod
    def searched(cls, model_id: str, before_day: int | None, next_at: str) -> None:
        """Store where the next pass of the search goes on, and when. before_day: None to start at the newest day."""
        cls(model_id, "search", before_day=before_day, next_at=next_at).save()

    @classmethod
    def reference(cls, model_id: str, name: str) -> bytes | None:
        """Return the counts of the reference of this name; None if other counts are stored."""
        item = cls.find(model_id, "reference")
        return bytes(item.data) if item is not None and item.report_id == name else None

    @classmethod
    def put_reference(cls, model_id: str, name: str, counts: bytes) -> None:
        """Store the counts of a reference in place of those of an older one. name: of the reference and the task."""
        cls(model_id, "reference", report_id=name, data=counts).save()

    @classmethod
    def report_head(cls, model_id: str) -> "Joined | None":
        """Return the item of the performance report; None before the first report."""
        return cls.find(model_id, "report")

    @classmethod
    def put_report(
        cls,
        model_id: str,
        read: "Joined | None",
        data: bytes,
        next_at: str,
        *,
        made_of: str | None = None,
        headline: Headline | None = None,
        add: Callable[[TransactWrite], None] | None = None,
    ) -> None:
        """Store a report in place of the one that was read. Raises ConditionFailed if another step was faster.

        The chunks of a long report are written first, and those of the old report are deleted last.
        made_of: what the report is made of. add: adds more to the same transaction, which then also raises
        ConditionFailed.
        """
        revision = int(read.revision) if read is not None else 0
        head = cls(model_id, "report", revision=revision + 1, next_at=next_at, made_of=made_of)
        head.headline = headline.model_dump() if headline is not None else None
        pieces = chunks(data)
        if len(pieces) == 1:
            head.data = data
        else:
            head.report_id, head.chunks = sha256(data).hexdigest()[:32], len(pieces)
            for key, piece in zip(head.chunk_keys, pieces, strict=True):
                cls(*key, data=piece).save()
        unchanged = cls.revision == revision if read is not None else cls.pk.does_not_exist()
        if add is None:
            with conditional():
                head.save(unchanged)
        else:
            with transaction() as write:
                write.save(head, condition=unchanged)
                add(write)
        if read is not None and read.report_id != head.report_id:
            delete([cls(*key) for key in read.chunk_keys])

    @property
    def chunk_keys(self) -> "list[tuple[str, str]]":
        """The keys of the report's chunks; none if the item has the report itself."""
        return [(self.pk, f"report#{self.report_id}#{number:04d}") for number in range(int(self.chunks or 0))]

    @classmethod
    def report(cls, model_id: str) -> bytes | None:
        """Return the stored performance report; None before the first report."""
        for attempt in retrying(TRIES):
            with attempt:
                head = cls.report_head(model_id)
                if head is None or head.data is not None:
                    return None if head is None else bytes(head.data)
                found = {item.sk: bytes(item.data) for item in cls.batch_get(head.chunk_keys, consistent_read=True)}
                if len(found) < len(head.chunk_keys):
                    raise ConditionFailed  # A newer report has replaced this one.
                return b"".join(found[key] for _pk, key in head.chunk_keys)
        return None

    @classmethod
    def day(cls, model_id: str, day: int) -> "Joined | None":
        """Return a day's item, or None."""
        return cls.find(model_id, day_key(day))

    @classmethod
    def days(cls, model_id: str, first: int, last: int) -> "list[Joined]":
        """Return the items of the days `first` to `last`, both included, in order. No item is of a day before 1970."""
        first = max(first, 0)
        if last < first:
            return []
        return list(cls.query(model_id, cls.sk.between(day_key(first), day_key(last)), consistent_read=True))

    @classmethod
    def open_day(cls, model_id: str, day: int, partitions: int, wait: timedelta, counts: bytes) -> "Joined":
        """Store a new day. Raises ConditionFailed if another step has stored it.

        wait: how long after its end the day takes labels. The day keeps this value, also if the setting changes.
        """
        end = end_of(day)
        item = cls(
            model_id,
            day_key(day),
            revision=1,
            partitions=partitions,
            counts=counts,
            open_until=int((end + wait + GRACE).timestamp()),
            expires_at=int((end + DAYS_KEPT * DAY).timestamp()),
        )
        with conditional():
            item.save(cls.pk.does_not_exist())
        return item

    @property
    def number(self) -> int:
        """The number of this day."""
        return int(self.sk.removeprefix("day#"))

    @property
    def partition(self) -> int:
        """The partition of this head."""
        return int(self.sk.rpartition("#")[2])

    @property
    def takes_until(self) -> datetime:
        """The time from which this day takes no labels any more."""
        return datetime.fromtimestamp(int(self.open_until), UTC) - GRACE

    def replace_counts(self, counts: bytes) -> None:
        """Store new counts of this day. Raises ConditionFailed if another step has changed the day."""
        with conditional():
            Joined(self.pk, self.sk).update(
                actions=[Joined.counts.set(counts), Joined.revision.set(int(self.revision) + 1)],
                condition=Joined.revision == self.revision,
            )

    def mature(self, now: datetime) -> None:
        """Store when this day matured, unless that is stored already."""
        with contextlib.suppress(ConditionFailed), conditional():
            Joined(self.pk, self.sk).update(
                actions=[Joined.matured_at.set(iso(now))],
                condition=Joined.pk.exists() & Joined.matured_at.does_not_exist(),
            )

    @classmethod
    def head(cls, model_id: str, day: int, partitions: int, partition: int) -> "Joined":
        """Return a head that is not stored yet."""
        return cls(day_place(model_id, day), head_key(partitions, partition))

    @property
    def size(self) -> int:
        """The bytes of the item, without the names of its attributes."""
        runs = len(self.directory_runs or ()) + len(self.label_runs or ())
        return len(self.counts or b"") + len(self.data or b"") + 40 * runs + 100

    @classmethod
    def heads(cls, model_id: str, day: int, partitions: int) -> "list[Joined]":
        """Return the heads of a day for this number of partitions."""
        return list(
            cls.query(day_place(model_id, day), cls.sk.startswith(f"head#{partitions:03d}#"), consistent_read=True)
        )

    @classmethod
    def some_heads(cls, model_id: str, day: int, partitions: int, wanted: Iterable[int]) -> "dict[int, Joined]":
        """Return the heads of these partitions that exist."""
        keys = [(day_place(model_id, day), head_key(partitions, number)) for number in wanted]
        return {item.partition: item for item in cls.batch_get(keys, consistent_read=True)}

    def commit(self, day: "Joined", read: "Joined | None") -> None:
        """Store this head in place of the one that was read, None if there was none.

        Raises ConditionFailed if another step has changed the head, or the day's number of partitions. A change of the
        number deletes all heads of the old partitions (see `refine`), so only a new head checks the number.
        """
        self.revision = int(read.revision) + 1 if read is not None else 1
        self.expires_at = day.open_until
        if read is not None:
            with conditional():
                self.save(Joined.revision == read.revision)
            return
        with transaction() as write:
            write.condition_check(Joined, day.pk, day.sk, condition=Joined.partitions == day.partitions)
            write.save(self, condition=Joined.pk.does_not_exist())

    def commit_part(self, day: "Joined", whole: "Joined") -> None:
        """Store this head of a finer partition, a part of the head `whole` that was read.

        Raises ConditionFailed if another step has changed that head, or the day's number of partitions.
        """
        self.revision = 1
        self.expires_at = day.open_until
        with transaction() as write:
            write.condition_check(Joined, day.pk, day.sk, condition=Joined.partitions == day.partitions)
            write.condition_check(Joined, whole.pk, whole.sk, condition=Joined.revision == whole.revision)
            write.save(self)

    def refine(self, partitions: int, heads: "Mapping[int, Joined]") -> None:
        """Change this day's number of partitions, and delete the heads of the old ones.

        heads: the heads of the old partitions that exist, as they were read.
        Raises ConditionFailed if another step has changed one of them, has added one, or has changed the number.
        """
        with transaction() as write:
            write.update(
                Joined(self.pk, self.sk),
                actions=[Joined.partitions.set(partitions)],
                condition=Joined.partitions == self.partitions,
            )
            for number in range(int(self.partitions)):
                head = heads.get(number)
                if head is not None:
                    write.delete(head, condition=Joined.revision == head.revision)
                else:
                    key = (f"{self.pk}#{self.sk.removeprefix('day#')}", head_key(int(self.partitions), number))
                    write.condition_check(Joined, *key, condition=Joined.pk.does_not_exist())

    @classmethod
    def put_run(cls, model_id: str, day: "Joined", number: int, data: bytes, reached: str) -> str:
        """Store a run of the day `number`, and return its name. The same run stored again is the same item."""
        name = name_of(data, reached)
        cls(day_place(model_id, number), f"run#{name}", data=data, expires_at=day.open_until).save()
        return name

    @classmethod
    def runs(cls, model_id: str, day: int, names: Sequence[str]) -> "dict[str, bytes]":
        """Return the bytes of runs by name. Runs do not change, so the first read need not be strongly consistent."""
        found: dict[str, bytes] = {}
        for consistent in (False, True):
            keys = [(day_place(model_id, day), f"run#{name}") for name in names if name not in found]
            if keys:
                items = cls.batch_get(keys, consistent_read=consistent)
                found |= {item.sk.removeprefix("run#"): bytes(item.data) for item in items}
        return found

    @classmethod
    def runs_named(cls, model_id: str, day: int, names: Iterable[str]) -> "list[Joined]":
        """Return the runs with these names, keys only."""
        return [cls(day_place(model_id, day), f"run#{name}") for name in names]


def has_labels(model: Models) -> bool:
    """Return whether labels of a model have been joined or wait."""
    state = Joined.state(model.model_id)
    return state is not None and state.progress.labels > 0


def headlines(models: Sequence[Models]) -> dict[str, Headline]:
    """Return the headlines of the last reports by model id, of the models that have one. Reads nothing without a task.

    The read need not be consistent: a report is shown when it was stored a moment ago.
    """
    keys = [(model.model_id, "report") for model in models if model.settings.task is not None]
    if not keys:
        return {}
    found = Joined.batch_get(keys, attributes_to_get=["pk", "sk", "headline"])
    return {item.pk: Headline.model_validate(item.headline) for item in found if item.headline is not None}


def day_key(day: int) -> str:
    """Return the sort key of a day."""
    return f"day#{day:07d}"


def day_place(model_id: str, day: int) -> str:
    """Return the pk of the heads and runs of a day."""
    return f"{model_id}#{day:07d}"


def head_key(partitions: int, partition: int) -> str:
    """Return the sort key of a partition's head."""
    return f"head#{partitions:03d}#{partition:03d}"


def end_of(day: int) -> datetime:
    """Return the first moment after a day. Undated labels have the day of their arrival."""
    return hour_start(day % UNDATED * 24) + DAY


def name_of(data: bytes, reached: str) -> str:
    """Return the name of a stored run: a hash of its bytes and of the last arrival in it.

    No name ever holds two contents. Without the arrival, equal rows of two batches would share a name, and the merger
    of the first run would delete the second.
    """
    return sha256(reached.encode() + b"\n" + data).hexdigest()[:32]
