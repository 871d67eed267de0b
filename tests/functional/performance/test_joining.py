"""Joining on real tables: the same counts whatever fails, repeats, overlaps or arrives late, and those of pandas."""

import contextlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftguard.models import registry
from driftguard.models.schemas import NewModel
from driftguard.models.tables import Models
from driftguard.performance import days, intake, joining, maturing, partitions, searching, splitting
from driftguard.performance.batches import Reader
from driftguard.performance.counts import Counts
from driftguard.performance.joining import Overtaken
from driftguard.performance.partitions import Done, Watched
from driftguard.performance.schemas import LabelsOfModel
from driftguard.performance.tables import Joined
from driftguard.platform.retries import ConditionFailed
from driftguard.platform.times import DAY, HOUR, hour_of, iso
from driftguard.predictions import intake as predictions
from driftguard.predictions.schemas import BatchBody
from driftguard.predictions.tables import Predictions
from sandbox.calls import Call
from sandbox.roles import under_role
from tests.functional.conftest import Stack
from tests.functional.faults import WRITES, calls_to_aws

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LATER = NOW + 3 * DAY


class Killed(BaseException):
    """The function's life ends here; nothing may catch it."""


@dataclass
class Sent:
    """What was logged to a model, as tables of rows."""

    model: Models
    predictions: list[dict[str, Any]] = field(default_factory=list)
    labels: list[dict[str, Any]] = field(default_factory=list)

    @property
    def watched(self) -> Watched:
        """The model for a step."""
        task = self.model.settings.task
        assert task is not None
        return Watched(self.model.model_id, self.model.partition_count, Reader(self.model.model_id, task), 90)

    def predict(self, arrived: datetime, rows: Sequence[tuple[str, float, float]]) -> None:
        """Log predictions: id, hours before NOW, score."""
        sent = [
            {"features": {}, "prediction_id": one, "score": score, "timestamp": iso(NOW - timedelta(hours=hours))}
            for one, hours, score in rows
        ]
        predictions.log_batch("acme", BatchBody(model_id=self.model.model_id, predictions=sent), now=arrived)
        self.predictions += [
            {"id": one, "at": NOW - timedelta(hours=hours), "score": np.float32(score), "predicted": score >= 0.5}
            for one, hours, score in rows
        ]

    def label(self, arrived: datetime, rows: Sequence[tuple[str, float, int | None]], times: int = 1) -> None:
        """Send labels: id, hours of the prediction before NOW, label (None withdraws). `labelled_at` is the arrival."""
        sent = [
            {
                "prediction_id": one,
                "timestamp": iso(NOW - timedelta(hours=hours)),
                **({"withdraw": True} if label is None else {"label": label}),
            }
            for one, hours, label in rows
        ]
        body = LabelsOfModel(labels=sent, batch_id=f"b{len(self.labels)}")
        for _ in range(times):
            answer = intake.log_labels(self.model, body, now=arrived)
            assert answer.accepted == len(rows)
        self.labels += [
            {"id": one, "arrived": arrived, "index": index, "label": label}
            for index, (one, _h, label) in enumerate(rows)
        ]

    def expected(self) -> pd.DataFrame:
        """The predictions with the label that counts, by pandas alone."""
        table = pd.DataFrame(self.predictions)
        labels = pd.DataFrame(self.labels, columns=["id", "arrived", "index", "label"])
        winners = labels.sort_values(["arrived", "index"]).drop_duplicates("id", keep="last")
        return table.merge(winners, on="id", how="left")

    def check(self) -> None:
        """Each day's counts are those of pandas on the rows, and every head's counts follow from its runs."""
        table = self.expected()
        table["day"] = [hour_of(moment) // 24 for moment in table["at"]]
        stored = {
            int(item.sk.removeprefix("day#")): Counts.decode(item.counts)
            for item in Joined.days(self.model.model_id, 0, 8_999_999)
        }
        for day, rows in table.groupby("day"):
            counts = stored[int(str(day))]
            labelled = rows[rows["label"].notna()]
            assert counts.tally.predictions == len(rows)
            assert counts.tally.labelled == len(labelled)
            assert counts.tally.withdrawn == (rows["arrived"].notna() & rows["label"].isna()).sum()
            positive = labelled["label"] == 1
            cells = [
                [(~positive & ~labelled["predicted"]).sum(), (~positive & labelled["predicted"]).sum()],
                [(positive & ~labelled["predicted"]).sum(), (positive & labelled["predicted"]).sum()],
            ]
            np.testing.assert_array_equal(counts.confusion, cells)
            brier = ((labelled["score"].astype(np.float64) - positive) ** 2).sum()
            assert counts.sums[0] == pytest.approx(brier, rel=1e-12)
        assert {day for day, counts in stored.items() if counts.tally.predictions} == set(table["day"])

    def stored(self) -> dict[str, bytes]:
        """The counts of all days by their keys."""
        return {item.sk: bytes(item.counts) for item in Joined.days(self.model.model_id, 0, 9_999_999)}


def new_model(name: str) -> Sent:
    """A model with a binary task."""
    body = NewModel.model_validate({"name": name, "settings": {"task": {"type": "binary", "positive": 1}}})
    model = Models.one("acme", registry.create("acme", body, partitions=2, now=NOW - 30 * DAY).id)
    assert model is not None
    return Sent(model)


@pytest.fixture
def sent(deployed: Stack) -> Sent:
    """A model with a binary task."""
    return new_model("joined")


def log_story(sent: Sent, batches: int = 4, seed: int = 1) -> None:
    """Predictions of three days; their labels with corrections, withdrawals, repetitions, and some too early."""
    rng = random.Random(seed)
    ids = 0
    for number in range(batches):
        arrived = NOW - 30 * HOUR + number * HOUR
        rows = [(f"p{seed}-{ids + place}", 30 - number + 20 * (place % 3), rng.random()) for place in range(6)]
        ids += 6
        if number == 1:  # these labels arrive before their predictions
            sent.label(arrived - HOUR / 6, [(one, hours, rng.randint(0, 1)) for one, hours, _score in rows[:3]])
        sent.predict(arrived, rows)
        sent.label(
            arrived + 2 * HOUR, [(one, hours, rng.randint(0, 1)) for one, hours, _s in rows[:5]], rng.randint(1, 3)
        )
        sent.label(arrived + 4 * HOUR, [(rows[0][0], rows[0][1], 1), (rows[1][0], rows[1][1], None)])
        if number % 2:
            sent.label(arrived + 5 * HOUR, [(rows[1][0], rows[1][1], 0)])


def join(sent: Sent, now: datetime = NOW, **options: Any) -> Done:
    """One step."""
    return joining.step(sent.watched, now, forced=True, **options)


def test_a_step_joins_what_has_settled_and_nothing_later(sent: Sent) -> None:
    """What arrived up to ten minutes ago is counted by event day; what came later is not, until it has settled."""
    log_story(sent)
    assert join(sent).complete
    sent.check()
    before = sent.stored()
    sent.predict(NOW - timedelta(minutes=9), [("late", 40, 0.9)])
    sent.label(NOW - timedelta(minutes=8), [("late", 40, 1)])
    assert join(sent).days == set()
    assert sent.stored() == before
    assert join(sent, NOW + timedelta(minutes=15)).days == {hour_of(NOW - 40 * HOUR) // 24}
    sent.check()


def test_joining_again_changes_nothing(sent: Sent) -> None:
    """A second step finds nothing to do, and a step from a lost cursor ends with the same counts."""
    log_story(sent)
    join(sent)
    before = sent.stored()
    assert join(sent).days == set()
    Joined(sent.model.model_id, "state").delete()
    assert len(join(sent).days) == 3
    assert sent.stored() == before
    sent.check()


def test_many_small_steps_give_the_same_whole_numbers(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    """One batch a step, with mergers of runs on the way, ends with the counts of one step."""
    log_story(sent)
    monkeypatch.setattr(joining, "ROWS_A_STEP", 1)
    monkeypatch.setattr(partitions, "MOST_RUNS", 2)
    rounds = 0
    while not join(sent, may_go_on=lambda: False).complete:
        rounds += 1
    assert rounds > 8
    sent.check()
    small = sent.stored()
    heads = [head for day in small for head in Joined.heads(sent.model.model_id, int(day[4:]), 1)]
    assert all(len(head.directory_runs or ()) <= 2 >= len(head.label_runs or ()) for head in heads)
    for item in Joined.of_model(sent.model):
        item.delete()
    monkeypatch.undo()
    join(sent)
    assert sent.stored() == small


def no_orphans(sent: Sent) -> int:
    """Return the number of runs that no head lists."""
    runs = [item for item in Joined.of_model(sent.model) if item.sk.startswith("run#")]
    heads = [item for item in Joined.of_model(sent.model) if item.sk.startswith("head#")]
    full = [Joined.get(head.pk, head.sk) for head in heads]
    listed = {name for head in full for name in (*(head.directory_runs or ()), *(head.label_runs or ()))}
    return len({item.sk.removeprefix("run#") for item in runs} - listed)


def test_mergers_leave_no_run_behind(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs that a merger replaced are deleted, and all listed runs exist."""
    log_story(sent)
    monkeypatch.setattr(joining, "ROWS_A_STEP", 1)
    monkeypatch.setattr(partitions, "MOST_RUNS", 2)
    join(sent)
    assert no_orphans(sent) == 0


class Saboteur:
    """Kills the process before or after the n-th write."""

    def __init__(self) -> None:
        self.writes = 0
        self.kill_at = 0
        self.after = False

    def __call__(self, call: Call) -> Any:
        if call.operation not in WRITES:
            return call.make()
        self.writes += 1
        if self.writes == self.kill_at and not self.after:
            raise Killed
        answer = call.make()
        if self.writes == self.kill_at and self.after:
            raise Killed
        return answer


def moments(writes: int) -> Iterator[tuple[int, bool]]:
    """Each moment to die at."""
    for number in range(1, writes + 1):
        yield number, False
        yield number, True


@pytest.mark.parametrize("rows_a_step", [1, 200_000], ids=["batch by batch", "in one step"])
def test_a_step_killed_around_any_write_is_made_good(
    deployed: Stack, monkeypatch: pytest.MonkeyPatch, rows_a_step: int
) -> None:
    """Kill a step before and after every write, or around 12 of many; more arrives; the next step is right."""
    monkeypatch.setattr(joining, "ROWS_A_STEP", rows_a_step)
    monkeypatch.setattr(partitions, "MOST_RUNS", 2)

    def logged(name: str) -> Sent:
        one = new_model(name)
        log_story(one, batches=1)
        return one

    counting = Saboteur()
    first = logged("first")
    with calls_to_aws(counting):
        join(first)
    first.check()
    assert counting.writes > 8
    chosen = list(moments(counting.writes))
    if rows_a_step == 1:
        chosen = random.Random(1).sample(chosen, 12)
    for moment, after in chosen:
        sent = logged(f"killed {moment} {after}")
        saboteur = Saboteur()
        saboteur.kill_at, saboteur.after = moment, after
        with pytest.raises(Killed), calls_to_aws(saboteur):
            join(sent)
        sent.predict(NOW - timedelta(minutes=5), [("meanwhile", 31, 0.4)])
        sent.label(NOW - timedelta(minutes=4), [("meanwhile", 31, 0), ("p1-0", 30, 0)])
        join(sent, NOW + HOUR)
        sent.check()


def test_two_steps_at_once_count_once(deployed: Stack) -> None:
    """A second step that runs to its end at any write of a first one: the first stops, and everything counts once."""
    for moment in (1, 2, 4, 7, 9):
        sent = new_model(f"met at {moment}")
        log_story(sent, batches=2)
        writes = 0

        def meeting(call: Call, moment: int = moment, sent: Sent = sent) -> Any:
            nonlocal writes
            writes += call.operation in WRITES
            if writes == moment and call.operation in WRITES:
                writes += 1000
                join(sent)
            return call.make()

        with pytest.raises(Overtaken), calls_to_aws(meeting):
            join(sent)
        join(sent)
        sent.check()


def test_a_day_that_outgrows_its_partitions_is_split(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    """With four partitions a day has the same counts as with one, new rows find their partition, and no run is left.

    The function's role allows what a split does.
    """
    monkeypatch.setattr(days, "MOST_ROWS_A_PARTITION", 20)
    sent.predict(NOW - 20 * HOUR, [(f"q{number}", 20, number / 50) for number in range(50)])
    sent.label(NOW - 10 * HOUR, [(f"q{number}", 20, number % 2) for number in range(40)])
    with under_role("join_labels"):
        join(sent)
    [item] = Joined.days(sent.model.model_id, 0, 9_999_999)
    assert item.partitions == 4
    sent.check()
    assert no_orphans(sent) == 0
    sent.predict(NOW - HOUR, [(f"r{number}", 19, number / 50) for number in range(50)])
    sent.label(NOW - HOUR, [(f"q{number}", 20, 1) for number in range(50)])
    join(sent)
    sent.check()
    [item] = Joined.days(sent.model.model_id, 0, 9_999_999)
    assert item.partitions == 16
    assert Joined.heads(sent.model.model_id, hour_of(NOW - 20 * HOUR) // 24, 4) == []
    assert no_orphans(sent) == 0


def test_a_split_killed_around_any_write_is_made_good(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill a step with a split before or after 12 of its writes: the next step ends with the counts of pandas."""
    monkeypatch.setattr(days, "MOST_ROWS_A_PARTITION", 4)

    def logged(name: str) -> Sent:
        one = new_model(name)
        one.predict(NOW - 20 * HOUR, [(f"q{number}", 20, number / 10) for number in range(10)])
        one.label(NOW - 10 * HOUR, [(f"q{number}", 20, number % 2) for number in range(8)])
        return one

    counting = Saboteur()
    with calls_to_aws(counting):
        join(logged("first"))
    killed = 0
    for moment, after in random.Random(2).sample(list(moments(counting.writes)), 12):
        sent = logged(f"killed {moment} {after}")
        saboteur = Saboteur()
        saboteur.kill_at, saboteur.after = moment, after
        # The hashes of another model's ids fill other quarters, so it may need fewer writes than the sampled moment.
        with contextlib.suppress(Killed), calls_to_aws(saboteur):
            join(sent)
        killed += saboteur.writes == moment
        sent.label(NOW - timedelta(minutes=4), [("q9", 20, 1), ("q0", 20, None)])
        join(sent, NOW + HOUR)
        sent.check()
        [item] = Joined.days(sent.model.model_id, 0, 9_999_999)
        assert item.partitions == 4
    assert killed >= 6


def test_two_splits_at_once_lose_nothing(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another step that splits the day in the middle of a split wins, and the first stops."""
    monkeypatch.setattr(days, "MOST_ROWS_A_PARTITION", 4)
    sent.predict(NOW - 20 * HOUR, [(f"q{number}", 20, number / 10) for number in range(10)])
    sent.label(NOW - 10 * HOUR, [(f"q{number}", 20, number % 2) for number in range(8)])
    refine = Joined.refine
    met = False

    def meeting(self: Joined, *args: Any) -> None:
        nonlocal met
        if not met:
            met = True
            sent.label(NOW - 9 * HOUR, [("q1", 20, 0), ("q9", 20, 1)])
            join(sent)
        refine(self, *args)

    monkeypatch.setattr(Joined, "refine", meeting)
    with pytest.raises(Overtaken):
        join(sent)
    assert met
    join(sent)
    sent.check()
    assert splitting.FACTOR == 4


def test_a_head_that_was_read_before_a_split_cannot_be_stored(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that is still at work with the old number of partitions stops, whether their head existed or not."""
    sent.predict(NOW - 20 * HOUR, [(f"q{number}", 20, number / 10) for number in range(10)])
    join(sent)
    [day] = Joined.days(sent.model.model_id, 0, 9_999_999)
    number = hour_of(NOW - 20 * HOUR) // 24
    [before] = Joined.heads(sent.model.model_id, number, int(day.partitions))
    monkeypatch.setattr(days, "MOST_ROWS_A_PARTITION", 4)
    sent.label(NOW - 10 * HOUR, [(f"q{number}", 20, number % 2) for number in range(8)])
    join(sent)
    assert Joined.heads(sent.model.model_id, number, int(day.partitions)) == []
    for read in (before, None):
        with pytest.raises(ConditionFailed):
            Joined.head(sent.model.model_id, number, int(day.partitions), 0).commit(day, read)
    sent.check()


def test_old_days_take_no_labels(sent: Sent) -> None:
    """A label for a day that ended longer ago than the model waits is refused and counted, before and after joining."""
    sent.predict(NOW - 20 * HOUR, [("q", 20, 0.9)])
    join(sent)
    refused = intake.log_labels(
        sent.model,
        LabelsOfModel(labels=[{"prediction_id": "old", "label": 1, "timestamp": iso(NOW - 92 * DAY)}]),
        now=NOW - HOUR,
    )
    assert refused.accepted == 1
    assert join(sent).refused == 1
    much_later = NOW + 91 * DAY
    intake.log_labels(
        sent.model,
        LabelsOfModel(labels=[{"prediction_id": "q", "label": 1, "timestamp": iso(NOW - 20 * HOUR)}]),
        now=much_later - HOUR,
    )
    assert join(sent, much_later).refused == 1
    [item] = [item for item in Joined.days(sent.model.model_id, 0, 8_999_999) if item.sk != "state"]
    assert Counts.decode(item.counts).tally.labelled == 0


def test_a_missing_run_leaves_the_counts_as_they_are(sent: Sent) -> None:
    """A day whose run is gone keeps its counts and is reported, and other days go on."""
    sent.predict(NOW - 20 * HOUR, [("q", 20, 0.9), ("r", 50, 0.1)])
    sent.label(NOW - 19 * HOUR, [("q", 20, 1)])
    join(sent)
    broken = hour_of(NOW - 20 * HOUR) // 24
    before = Joined.day(sent.model.model_id, broken)
    assert before is not None
    [head] = Joined.heads(sent.model.model_id, broken, 1)
    Joined(head.pk, f"run#{head.directory_runs[0]}").delete()
    sent.label(NOW - HOUR, [("q", 20, 0), ("r", 50, 1)])
    done = join(sent)
    assert done.missing == {broken}
    after = Joined.day(sent.model.model_id, broken)
    assert after is not None
    assert after.counts == before.counts
    other = Joined.day(sent.model.model_id, hour_of(NOW - 50 * HOUR) // 24)
    assert other is not None
    assert Counts.decode(other.counts).tally.labelled == 1


def test_labels_without_timestamp_use_the_time_in_the_id_or_wait(sent: Sent) -> None:
    """A ULID or a UUID of version 7 names its day; any other id waits under the day of its arrival."""
    at = NOW - 20 * HOUR
    ulid = "01" + f"{0:024d}"
    milliseconds = int(at.timestamp() * 1000)
    letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    ulid = "".join(letters[milliseconds >> 5 * place & 31] for place in range(9, -1, -1)) + "0" * 16
    uuid = f"{milliseconds:012x}"
    uuid = f"{uuid[:8]}-{uuid[8:]}-7000-8000-000000000000"
    sent.predict(at, [(ulid, 20, 0.9), (uuid, 20, 0.2), ("plain", 20, 0.7)])
    labels = [{"prediction_id": one, "label": 1} for one in (ulid, uuid, "plain")]
    intake.log_labels(sent.model, LabelsOfModel(labels=labels), now=NOW - HOUR)
    join(sent)
    first, waiting = Joined.days(sent.model.model_id, 0, 9_999_999)
    assert Counts.decode(first.counts).tally[:2] == (3, 2)
    assert Counts.decode(waiting.counts).tally.waiting == 1
    assert waiting.sk == f"day#{9_000_000 + hour_of(NOW) // 24:07d}"


def test_a_daily_pass_finds_the_day_of_labels_without_timestamp(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    """A found label counts in its day and waits no more; a kill in the pass loses none; a small budget takes turns."""
    sent.predict(NOW - 50 * HOUR, [(f"old{number}", 50, number / 10) for number in range(10)])
    sent.predict(NOW - 20 * HOUR, [(f"new{number}", 20, number / 10) for number in range(10)])
    sent.label(NOW - 15 * HOUR, [("new0", 20, 0)])
    ids = [*(f"old{number}" for number in range(5)), *(f"new{number}" for number in range(5)), "unknown"]
    waiting = [{"prediction_id": one, "label": 1} for one in ids]
    intake.log_labels(sent.model, LabelsOfModel(labels=waiting), now=NOW - HOUR)
    sent.labels += [{"id": one, "arrived": NOW - HOUR, "index": place, "label": 1} for place, one in enumerate(ids)]
    join(sent)
    for moment in range(1, 6):
        saboteur = Saboteur()
        saboteur.kill_at, saboteur.after = moment, moment % 2 == 0
        with contextlib.suppress(Killed), calls_to_aws(saboteur):
            searching.search(sent.watched, NOW, None, Done())
    monkeypatch.setattr(searching, "UNITS_A_DAY", 0)
    following = searching.search(sent.watched, NOW, None, Done())
    rounds = 0
    while following is not None:
        following = searching.search(sent.watched, NOW, following, Done())
        rounds += 1
    sent.check()
    [item] = Joined.days(sent.model.model_id, 9_000_000, 9_999_999)
    assert Counts.decode(item.counts).tally.waiting == 1
    before = sent.stored()
    done = Done()
    monkeypatch.undo()
    assert searching.search(sent.watched, NOW, None, done) is None
    assert done.days == set()
    assert sent.stored() == before
    assert no_orphans(sent) <= 3


def test_days_mature_once_and_keep_the_time(sent: Sent) -> None:
    """A labelled day matures at its end, another by its age, and later predictions without labels change neither."""
    sent.predict(NOW - 50 * HOUR, [(f"a{number}", 50, number / 10) for number in range(10)])
    sent.predict(NOW - 24 * HOUR, [(f"b{number}", 24, number / 10) for number in range(10)])
    sent.label(NOW - 23 * HOUR, [(f"b{number}", 24, number % 2) for number in range(9)])
    join(sent)
    settings = sent.model.settings
    old, labelled = maturing.mature_days(sent.model.model_id, settings, NOW)
    assert old.matured_at == labelled.matured_at == NOW
    assert old.counts.tally.labelled == 0
    sent.predict(NOW, [(f"c{number}", 24, 0.5) for number in range(50)])
    join(sent, NOW + HOUR)
    again = maturing.mature_days(sent.model.model_id, settings, NOW + HOUR)
    assert [day.matured_at for day in again] == [NOW, NOW]
    assert again[1].coverage == pytest.approx(9 / 60)
    for item in Joined.days(sent.model.model_id, 0, 9_999_999):
        item.update(actions=[Joined.matured_at.remove()])
    strict = settings.model_copy(update={"label_ratio": 0.1, "maturity_hours": 100})
    first, second = maturing.mature_days(sent.model.model_id, strict, NOW + HOUR)
    assert first.matured_at is None
    assert second.matured_at == NOW + HOUR
    assert maturing.mature_days("no such model", settings, NOW) == []


def test_a_label_in_the_row_of_its_prediction_counts_from_the_event(sent: Sent) -> None:
    """`label` of a logged row is joined at once, and a label that was sent later replaces it."""
    rows: list[dict[str, Any]] = [
        {"features": {}, "prediction_id": one, "score": 0.9, "label": 1, "timestamp": iso(NOW - 30 * HOUR)}
        for one in ("a", "b", "c")
    ]
    rows[2]["label"] = "unknown"
    predictions.log_batch("acme", BatchBody(model_id=sent.model.model_id, predictions=rows), now=NOW - 29 * HOUR)
    sent.label(NOW - 2 * HOUR, [("b", 30, 0)])
    assert join(sent).refused == 1
    [item] = Joined.days(sent.model.model_id, 0, 9_999_999)
    counts = Counts.decode(item.counts)
    assert counts.confusion.tolist() == [[0, 1], [0, 1]]
    assert counts.tally[:4] == (3, 2, 0, 1)


def test_expensive_steps_are_followed_by_a_pause(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps are hourly at most; after one that costs several hours' units the pause is two, four, … 24 hours."""
    hours = [joining.pause_after(units) / HOUR for units in (0, 500, 501, 1000, 2000, 10**6)]
    assert hours == [1, 1, 2, 2, 4, 24]
    sent.predict(NOW - 20 * HOUR, [("q", 20, 0.9)])
    done = joining.step(sent.watched, NOW)
    assert 15 < done.units < 40
    sent.label(NOW - 20 * HOUR + HOUR, [("q", 20, 1)])
    assert joining.step(sent.watched, NOW + timedelta(minutes=59)).days == set()
    sent.label(NOW + HOUR / 3, [("q", 20, 1)])
    assert len(joining.step(sent.watched, NOW + timedelta(minutes=60)).days) == 1


def test_a_new_day_takes_partitions_for_its_rows_or_those_of_the_day_before(
    sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step that meets a day chooses, and a later one does not change it."""
    monkeypatch.setattr("driftguard.performance.ids.ROWS_A_PARTITION", 10)
    sent.predict(NOW - 40 * HOUR, [(f"q{number}", 40, 0.5) for number in range(30)])
    join(sent)
    sent.predict(NOW - 16 * HOUR, [("next", 16, 0.5)])
    join(sent)
    numbers = [int(item.partitions) for item in Joined.days(sent.model.model_id, 0, 9_999_999)]
    assert numbers == [4, 4]
    sent.check()


def test_everything_of_a_model_is_found_to_be_erased(sent: Sent) -> None:
    """Deleting what `of_model` lists leaves nothing, label batches included."""
    log_story(sent)
    join(sent)
    assert Joined.count() > 10
    for table in (Joined, Predictions):
        for item in list(table.of_model(sent.model)):
            item.delete()
        assert table.count() == 0
