"""Alerts about performance and missing labels: when they open, hold and close, whatever else happens at the time."""

from datetime import timedelta
from typing import Any

import pytest

from driftguard.alerts import actions
from driftguard.alerts.schemas import Note
from driftguard.baselines import versions
from driftguard.baselines.references import References
from driftguard.baselines.schemas import BaselineBody
from driftguard.checks import performance as stored
from driftguard.checks import performance_commit, performance_reference
from driftguard.checks.performance_reference import ReferenceBody
from driftguard.models.statuses import Statuses
from driftguard.performance.joining import Overtaken
from driftguard.platform.dynamodb import transaction
from driftguard.platform.errors import Conflict, Invalid
from driftguard.platform.times import DAY, HOUR
from tests.functional.conftest import Stack
from tests.functional.performance.labelled_model import NOON, Labelled, evening, labelled_model


@pytest.fixture
def labelled(deployed: Stack) -> Labelled:
    """A model with a reference of 90 % accuracy."""
    model = labelled_model()
    model.baseline(0.9)
    return model


def fall(labelled: Labelled, days: int = 8, accuracy: float = 0.8) -> None:
    """Log days of this accuracy, and join after each."""
    for number in range(days):
        labelled.day(number, accuracy)
        labelled.join(evening(number))


def test_a_model_that_becomes_worse_opens_one_alert(labelled: Labelled) -> None:
    """A fall from 90 to 80 % opens one alert of high severity that says the metric then and now, and on how much."""
    fall(labelled)
    alert = labelled.alert("performance")
    assert alert is not None
    assert (alert.severity, alert.status, alert.baseline_version) == ("HIGH", "firing", 1)
    assert alert.limit is not None
    assert alert.limit.score is not None
    assert alert.drift_score is not None
    assert alert.drift_score > alert.limit.score
    assert alert.performance is not None
    accuracy = next(one for one in alert.performance.metrics if one.name == "accuracy")
    assert (accuracy.value, accuracy.reference) == pytest.approx((0.8, 0.9))
    assert accuracy.interval is not None
    assert accuracy.interval[0] < 0.8 < accuracy.interval[1]
    assert (alert.performance.labelled, alert.performance.predictions) == (1400, 1400)
    assert labelled.events.count(("performance", "opened")) == 1
    shown = stored.performance(labelled.model, days=None, metric="accuracy", now=evening(8))
    assert shown["reference"] is not None
    assert (shown["reference"]["source"], shown["reference"]["n"], shown["reference"]["days"]) == ("baseline", 2000, 14)
    assert shown["window"]["metrics"]["accuracy"]["degraded"] is True


def test_a_model_that_stays_as_good_opens_none(labelled: Labelled) -> None:
    """Days at the level of the reference open no alert, nor do better ones."""
    fall(labelled, accuracy=0.9)
    assert labelled.news == []
    assert stored.performance(labelled.model, days=None, metric=None, now=NOON)["reference"] is not None


def test_without_a_reference_performance_is_shown_and_not_judged(deployed: Stack) -> None:
    """A model without labels in its baseline gets no alert, however bad it is."""
    labelled = labelled_model()
    fall(labelled, accuracy=0.3)
    assert labelled.news == []
    assert stored.performance(labelled.model, days=None, metric=None, now=NOON)["reference"] is None


def test_an_alert_resolves_after_a_day_of_good_performance(labelled: Labelled) -> None:
    """Below 0.8 of the limit for `resolve_after_hours` the alert ends, and the end is sent once."""
    fall(labelled)
    for number in range(8, 18):
        labelled.day(number, 0.93)
        labelled.join(evening(number))
        labelled.join(evening(number, 20))
    assert labelled.alert("performance") is None
    assert labelled.events[0] == ("performance", "opened")
    assert labelled.events[-1] == ("performance", "resolved")
    assert [kind for _type, kind in labelled.events].count("resolved") == 1


def test_only_a_new_reference_resolves_the_alert_at_once(labelled: Labelled) -> None:
    """A new baseline without labels leaves the alert open; one with labels ends it, and is the new reference."""
    fall(labelled)
    before = labelled.alert("performance")
    rows = [{key: value for key, value in row.items() if key != "label"} for row in labelled.rows(500, 0.9)]
    versions.put(labelled.model, BaselineBody(rows=rows), publish=labelled.publish, now=evening(8), actor="Ada")
    assert labelled.alert("performance") == before
    labelled.join(evening(8), by_hand=True)
    assert labelled.alert("performance") is not None
    labelled.baseline(0.8, now=evening(8, 14))
    assert labelled.alert("performance") is None
    assert labelled.news[-1][0].reason == "reference_replaced"
    newest = References.newest(labelled.model_id)
    assert newest is not None
    assert (newest.version, newest.baseline_version) == (2, 3)
    labelled.join(evening(8, 15), by_hand=True)
    assert labelled.alert("performance") is None
    assert labelled.events[-1] == ("performance", "resolved")


def test_restoring_a_baseline_with_labels_restores_the_reference(labelled: Labelled) -> None:
    """The version that was restored becomes a new reference, with the labels that it has."""
    labelled.baseline(0.7)
    versions.restore(labelled.model, 1, publish=labelled.publish, now=NOON, actor="Ada")
    labelled.day(0, 0.9)
    labelled.join(evening(0))
    shown = stored.performance(labelled.model, days=None, metric="accuracy", now=NOON)
    assert shown["reference"] is not None
    assert shown["reference"]["metrics"]["accuracy"] == pytest.approx(0.9)


def put(labelled: Labelled, first: int, last: int) -> performance_reference.ReferenceView:
    """Make the days `first` to `last` the reference."""
    midnight = NOON - 12 * HOUR
    period = {"start": midnight + first * DAY, "end": midnight + (last + 1) * DAY}
    body = ReferenceBody.model_validate({"from_predictions": period})
    return performance_reference.put(labelled.model, body, publish=labelled.publish, now=evening(last, 14), actor="Ada")


def test_mature_days_become_the_reference(labelled: Labelled) -> None:
    """The counts of the days are the reference from then on, and the open alert ends at once."""
    fall(labelled)
    made = put(labelled, 2, 7)
    assert (made.version, made.source, made.rows, made.days) == (2, "predictions", 1200, 6)
    assert labelled.alert("performance") is None
    assert labelled.news[-1][0].reason == "reference_replaced"
    labelled.join(evening(8))
    shown = stored.performance(labelled.model, days=None, metric="accuracy", now=NOON)
    assert shown["reference"] is not None
    assert shown["reference"]["source"] == "predictions"
    assert shown["reference"]["metrics"]["accuracy"] == pytest.approx(0.8)
    assert labelled.alert("performance") is None


def test_a_span_that_cannot_be_the_reference_is_refused(labelled: Labelled) -> None:
    """Days that are not mature, without labels, or less than a whole day get the place and the reason."""
    labelled.day(0, 0.9)
    labelled.day(1, 0.9, share=0.1)
    labelled.join(evening(1))
    assert put(labelled, 0, 0).rows == 200
    with pytest.raises(Invalid, match="2026-11-11, which is not mature"):
        put(labelled, 0, 1)
    with pytest.raises(Invalid, match="no prediction with a label"):
        put(labelled, 3, 4)
    body = ReferenceBody.model_validate({"from_predictions": {"start": NOON, "end": NOON + timedelta(hours=13)}})
    with pytest.raises(Invalid, match="no whole UTC day"):
        performance_reference.put(labelled.model, body, publish=labelled.publish, now=NOON, actor="Ada")
    model = labelled.model
    model.settings = model.settings.model_copy(update={"task": None})
    with pytest.raises(Conflict, match="no task"):
        performance_reference.put(model, body, publish=labelled.publish, now=NOON, actor="Ada")


def test_labels_that_stop_open_an_alert_until_the_next_label(labelled: Labelled) -> None:
    """Predictions without labels for more than a day open one alert, and the next label ends it."""
    labelled.day(0, 0.9)
    labelled.join(evening(0))
    labelled.day(1, 0.9, share=0)
    labelled.join(evening(1))
    labelled.day(2, 0.9, share=0)
    labelled.join(evening(2))
    alert = labelled.alert("labels_missing")
    assert alert is not None
    assert (alert.severity, alert.n_window, alert.baseline_version) == ("MEDIUM", 400, None)
    assert alert.onset == NOON + 3 * HOUR
    labelled.day(3, 0.9, share=0.1)
    labelled.join(evening(3))
    assert labelled.alert("labels_missing") is None
    assert labelled.events == [("labels_missing", "opened"), ("labels_missing", "resolved")]
    assert labelled.news[-1][0].reason == "labels_arrived"


def test_no_labels_are_missed_while_no_data_arrive(labelled: Labelled) -> None:
    """While `no_data` is open no alert on labels opens."""
    labelled.day(0, 0.9)
    labelled.join(evening(0))
    labelled.day(1, 0.9, share=0)
    status = Statuses.one("acme", labelled.model_id)
    with transaction() as write:
        Statuses.change_alerts(write, status, {"no_data": "some alert"}, {})
    labelled.join(evening(2, 20))
    assert labelled.alert("labels_missing") is None
    status = Statuses.one("acme", labelled.model_id)
    with transaction() as write:
        Statuses.change_alerts(write, status, {}, {})
    labelled.join(evening(3), by_hand=True)
    assert labelled.alert("labels_missing") is not None


def test_a_new_baseline_closes_no_alert_on_labels(labelled: Labelled) -> None:
    """Labels are still missing after the baseline was replaced."""
    for number in range(3):
        labelled.day(number, 0.9, share=float(number == 0))
        labelled.join(evening(number))
    assert labelled.alert("labels_missing") is not None
    labelled.baseline(0.9, now=evening(3))
    assert labelled.alert("labels_missing") is not None


def test_a_join_that_meets_another_writer_decides_again(labelled: Labelled, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that commits between the join's read and its write is kept, and the alert opens once."""
    for number in range(7):
        labelled.day(number, 0.8)
    apply = performance_commit._apply
    met: list[int] = []

    def meeting(status: Statuses, verdict: Any) -> Any:
        found = apply(status, verdict)
        if not met:
            met.append(int(status.revision))
            with transaction() as write:
                Statuses.overtake(write, "acme", labelled.model_id)
        return found

    monkeypatch.setattr(performance_commit, "_apply", meeting)
    labelled.join(evening(7))
    assert met
    assert labelled.alert("performance") is not None
    assert labelled.events == [("performance", "opened")]
    assert Statuses.one("acme", labelled.model_id).revision >= met[0] + 2


def test_a_join_that_read_an_old_reference_opens_no_alert(labelled: Labelled, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference that was replaced while the join ran makes the join stop without an alert."""
    for number in range(8):
        labelled.day(number, 0.8)
    apply = performance_commit._apply
    made: list[bool] = []

    def replaced(status: Statuses, verdict: Any) -> Any:
        found = apply(status, verdict)
        if not made:
            made.append(True)
            labelled.baseline(0.8, now=evening(7, 12))
        return found

    monkeypatch.setattr(performance_commit, "_apply", replaced)
    with pytest.raises(Overtaken):
        labelled.join(evening(8))
    assert labelled.alert("performance") is None
    labelled.join(evening(9))
    assert labelled.alert("performance") is None
    assert labelled.news == []


def test_an_alert_resolved_by_hand_stays_closed_for_a_while(labelled: Labelled) -> None:
    """While the model stays worse, a person who resolved the alert hears of it again only after `renotify_hours`."""
    fall(labelled)
    alert = labelled.alert("performance")
    assert alert is not None
    closing = actions.resolving(Note(), evening(7, 14), "Ada")
    actions.act("acme", alert.id, closing, publish=labelled.publish)
    labelled.join(evening(7, 15), by_hand=True)
    assert labelled.alert("performance") is None
    labelled.join(evening(8, 16), by_hand=True)
    assert labelled.alert("performance") is not None
