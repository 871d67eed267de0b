"""An alert's life: every state with everything that can happen to it, and whole histories."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from driftguard.alerts import findings, lifecycle, transitions
from driftguard.alerts.advice import recommend
from driftguard.alerts.events import AlertEvent
from driftguard.alerts.findings import Finding, Memory, Occasion, Outcome
from driftguard.alerts.schemas import SEVERITIES, Alert, Severity, Window, severity_rank
from driftguard.alerts.timeline import TIMELINE_ENTRIES
from driftguard.models.settings import ModelSettings
from driftguard.platform.errors import Conflict, Invalid
from tests.unit.features import feature_of

START = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
STEP = timedelta(minutes=15)

FEATURE: dict[str, Any] = {
    "name": "tenure",
    "type": "numeric",
    "test": "ks",
    "drift_score": 0.168,
    "p_value": 1.3e-112,
    "drifted": True,
    "histogram": {"edges": [0.0, 1.0, 2.0], "baseline": [0.5, 0.5], "window": [0.2, 0.8]},
}


def finding(kind: str, severity: Severity = "MEDIUM", score: float = 0.168, alert_type: str = "data_drift") -> Finding:
    """A finding that is `firing`, `holding`, `below` or `untestable`."""
    return Finding(
        alert_type=alert_type,  # type: ignore[arg-type]
        testable=kind != "untestable",
        firing=kind == "firing",
        holding=kind in ("firing", "holding"),
        drift_score=score,
        p_value=1e-9,
        severity=severity,
        features=[feature_of(FEATURE)],
    )


def no_traffic(firing: bool) -> Finding:
    """What a check says of traffic: gone, or there."""
    return Finding("no_data", True, firing, firing, None, None, "MEDIUM")


class Ids:
    """Ids in the order they were asked for."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, now: datetime) -> str:
        self.made += 1
        return f"A{self.made}"


def occasion(now: datetime = START, **changes: Any) -> Occasion:
    """A check of one model on its third baseline."""
    values: dict[str, Any] = {
        "now": now,
        "organization_id": "org",
        "model_id": "model",
        "model_name": "customer_churn_model",
        "baseline_version": 3,
        "n_baseline": 10_000,
        "n_window": 8_421,
        "window": Window(start=now - timedelta(days=7), end=now),
        "preliminary": False,
        "warming_up": False,
        "silent": False,
        "new_id": Ids(),
    }
    hours = {name: changes.pop(name) for name in ("renotify_hours", "resolve_after_hours") if name in changes}
    return Occasion(**{**values, "settings": ModelSettings(**hours), **changes})


class Model:
    """One model's alert of one type through time, as the use case drives it."""

    def __init__(self, **settings: Any) -> None:
        self.now = START
        self.settings = {"new_id": Ids(), **settings}
        self.memory = Memory()
        self.stored: dict[str, Alert] = {}
        self.events: list[AlertEvent] = []

    def open(self) -> Alert | None:
        found = [alert for alert in self.stored.values() if alert.is_open]
        assert len(found) <= 1
        return found[0] if found else None

    def alert(self) -> Alert:
        found = self.open()
        assert found is not None
        return found

    @property
    def told(self) -> list[str]:
        return [event.kind for event in self.events]

    def received(self, minimum: Severity) -> list[tuple[str, Severity | None]]:
        """The kinds of messages to a channel with this minimum severity, each with the severity it rose from."""
        seen = [event.seen_from(minimum) for event in self.events]
        return [(event.kind, event.previous_severity) for event in seen if event is not None]

    def check(self, found: Finding | str, after: timedelta = STEP, **changes: Any) -> Outcome:
        self.now += after
        found = finding(found) if isinstance(found, str) else found
        outcome = lifecycle.apply(found, self.open(), self.memory, occasion(self.now, **{**self.settings, **changes}))
        return self.keep(outcome)

    def keep(self, outcome: Outcome) -> Outcome:
        self.memory = Memory.load(outcome.memory.dump())
        for alert in outcome.alerts:
            self.stored[alert.id] = Alert.model_validate_json(alert.model_dump_json())
        self.events += outcome.events
        return outcome

    def acknowledge(self) -> None:
        self.keep(transitions.acknowledge(self.alert(), self.memory, now=self.now, actor="ana"))

    def snooze(self, hours: float) -> None:
        until = self.now + timedelta(hours=hours)
        self.keep(Outcome([transitions.snooze(self.alert(), until=until, now=self.now, actor="ana")], [], self.memory))

    def resolve(self) -> None:
        self.keep(
            transitions.resolve(self.alert(), self.memory, renotify_hours=24, now=self.now, actor="ana", note="fixed")
        )


def opened(**settings: Any) -> Model:
    """A model whose alert has just opened."""
    model = Model(**settings)
    model.check("firing")
    return model


def hours(number: float) -> timedelta:
    """So many hours."""
    return timedelta(hours=number)


# Each state with each thing that can happen to it.

STATES: Mapping[str, Callable[[], Model]] = {}


def state(make: Callable[[], Model]) -> Callable[[], Model]:
    """Enter a state into STATES."""
    STATES[make.__name__] = make  # type: ignore[index]
    return make


@state
def none() -> Model:
    """Nothing has ever been found."""
    return Model()


@state
def firing() -> Model:
    """An alert has opened."""
    return opened()


@state
def below() -> Model:
    """The score has just gone below."""
    model = opened()
    model.check("below")
    return model


@state
def acknowledged() -> Model:
    """Somebody has it."""
    model = opened()
    model.acknowledge()
    return model


@state
def snoozed() -> Model:
    """Silenced for longer than anything in the table."""
    model = opened()
    model.snooze(100)
    return model


@state
def snooze_over() -> Model:
    """Silenced, and over by the next check."""
    model = opened()
    model.snooze(0.1)
    return model


@state
def resolved_by_hand() -> Model:
    """Closed while the drift went on."""
    model = opened()
    model.resolve()
    return model


@state
def resolved_by_itself() -> Model:
    """Closed after a day below."""
    model = opened()
    model.check("below")
    model.check("below", hours(24))
    return model


@dataclass(frozen=True)
class Expected:
    """What one event leads to: the status afterwards (`None`: no open alert), the kinds of messages, occurrences."""

    status: str | None
    told: tuple[str, ...] = ()
    occurrences: int | None = None


SAME = Expected("as before")
REFUSED = Expected("as before, and a conflict")
QUIET = Expected(None)

CHECKS: Mapping[str, Callable[[Model], Any]] = {
    "fires": lambda model: model.check("firing"),
    "fires higher": lambda model: model.check(finding("firing", "HIGH", 0.3)),
    "fires lower": lambda model: model.check(finding("firing", "LOW", 0.06)),
    "holds": lambda model: model.check("holding"),
    "is below": lambda model: model.check("below"),
    "cannot be tested": lambda model: model.check("untestable"),
    "fires a day later": lambda model: model.check("firing", hours(24)),
    "holds a day later": lambda model: model.check("holding", hours(24)),
    "is below a day later": lambda model: model.check("below", hours(24)),
    "cannot be tested a day later": lambda model: model.check("untestable", hours(24)),
    "new baseline, fires": lambda model: model.check("firing", baseline_version=4),
    "new baseline, below": lambda model: model.check("below", baseline_version=4),
    "new baseline, cannot be tested": lambda model: model.check("untestable", baseline_version=4),
    "fires while warming up": lambda model: model.check("firing", warming_up=True),
    "acknowledge": lambda model: model.acknowledge(),
    "snooze": lambda model: model.snooze(5),
    "resolve": lambda model: model.resolve(),
}

OPENS = Expected("firing", ("opened",), 1)

TABLE: Mapping[str, Mapping[str, Expected]] = {
    "none": {
        "fires": OPENS,
        "fires higher": OPENS,
        "fires lower": OPENS,
        "holds": QUIET,
        "is below": QUIET,
        "cannot be tested": QUIET,
        "fires a day later": OPENS,
        "holds a day later": QUIET,
        "is below a day later": QUIET,
        "cannot be tested a day later": QUIET,
        "new baseline, fires": OPENS,
        "new baseline, below": QUIET,
        "new baseline, cannot be tested": QUIET,
        "fires while warming up": QUIET,
    },
    "firing": {
        "fires": Expected("firing", (), 2),
        "fires higher": Expected("firing", ("escalated",), 2),
        "fires lower": Expected("firing", (), 2),
        "holds": Expected("firing", (), 1),
        "is below": Expected("firing", (), 1),
        "cannot be tested": SAME,
        "fires a day later": Expected("firing", ("repeated",), 2),
        "holds a day later": Expected("firing", ("repeated",), 1),
        "is below a day later": Expected("firing", (), 1),
        "cannot be tested a day later": SAME,
        "new baseline, fires": Expected("firing", ("resolved", "opened"), 1),
        "new baseline, below": Expected(None, ("resolved",)),
        "new baseline, cannot be tested": Expected(None, ("resolved",)),
        "fires while warming up": Expected("firing", (), 2),
        "acknowledge": Expected("acknowledged", ("acknowledged",), 1),
        "snooze": Expected("snoozed", (), 1),
        "resolve": Expected(None, ("resolved",)),
    },
    "below": {
        "fires": Expected("firing", (), 2),
        "fires higher": Expected("firing", ("escalated",), 2),
        "fires lower": Expected("firing", (), 2),
        "holds": Expected("firing", (), 1),
        "is below": SAME,
        "cannot be tested": SAME,
        "fires a day later": Expected("firing", ("repeated",), 2),
        "holds a day later": Expected("firing", ("repeated",), 1),
        "is below a day later": Expected(None, ("resolved",)),
        "cannot be tested a day later": SAME,
        "new baseline, fires": Expected("firing", ("resolved", "opened"), 1),
        "new baseline, below": Expected(None, ("resolved",)),
        "new baseline, cannot be tested": Expected(None, ("resolved",)),
        "fires while warming up": Expected("firing", (), 2),
        "acknowledge": Expected("acknowledged", ("acknowledged",), 1),
        "snooze": Expected("snoozed", (), 1),
        "resolve": Expected(None, ("resolved",)),
    },
    "acknowledged": {
        "fires": Expected("acknowledged", (), 2),
        "fires higher": Expected("acknowledged", ("escalated",), 2),
        "fires lower": Expected("acknowledged", (), 2),
        "holds": SAME,
        "is below": Expected("acknowledged", (), 1),
        "cannot be tested": SAME,
        "fires a day later": Expected("acknowledged", (), 2),
        "holds a day later": SAME,
        "is below a day later": Expected("acknowledged", (), 1),
        "cannot be tested a day later": SAME,
        "new baseline, fires": Expected("firing", ("resolved", "opened"), 1),
        "new baseline, below": Expected(None, ("resolved",)),
        "new baseline, cannot be tested": Expected(None, ("resolved",)),
        "fires while warming up": Expected("acknowledged", (), 2),
        "acknowledge": REFUSED,
        "snooze": Expected("snoozed", (), 1),
        "resolve": Expected(None, ("resolved",)),
    },
    "snoozed": {
        "fires": Expected("snoozed", (), 2),
        "fires higher": Expected("snoozed", ("escalated",), 2),
        "fires lower": Expected("snoozed", (), 2),
        "holds": SAME,
        "is below": Expected("snoozed", (), 1),
        "cannot be tested": SAME,
        "fires a day later": Expected("snoozed", (), 2),
        "holds a day later": SAME,
        "is below a day later": Expected("snoozed", (), 1),
        "cannot be tested a day later": SAME,
        "new baseline, fires": Expected("firing", ("resolved", "opened"), 1),
        "new baseline, below": Expected(None, ("resolved",)),
        "new baseline, cannot be tested": Expected(None, ("resolved",)),
        "fires while warming up": Expected("snoozed", (), 2),
        "acknowledge": Expected("acknowledged", ("acknowledged",), 1),
        "snooze": Expected("snoozed", (), 1),
        "resolve": Expected(None, ("resolved",)),
    },
    "snooze_over": {
        "fires": Expected("firing", (), 2),
        "fires higher": Expected("firing", ("escalated",), 2),
        "fires lower": Expected("firing", (), 2),
        "holds": Expected("firing", (), 1),
        "is below": Expected("firing", (), 1),
        "cannot be tested": Expected("firing", (), 1),
        "fires a day later": Expected("firing", ("repeated",), 2),
        "holds a day later": Expected("firing", ("repeated",), 1),
        "is below a day later": Expected("firing", (), 1),
        "cannot be tested a day later": Expected("firing", (), 1),
        "new baseline, fires": Expected("firing", ("resolved", "opened"), 1),
        "new baseline, below": Expected(None, ("resolved",)),
        "new baseline, cannot be tested": Expected(None, ("resolved",)),
        "fires while warming up": Expected("firing", (), 2),
        "acknowledge": Expected("acknowledged", ("acknowledged",), 1),
        "snooze": Expected("snoozed", (), 1),
        "resolve": Expected(None, ("resolved",)),
    },
    "resolved_by_hand": {
        "fires": QUIET,
        "fires higher": QUIET,
        "fires lower": QUIET,
        "holds": QUIET,
        "is below": QUIET,
        "cannot be tested": QUIET,
        "fires a day later": OPENS,
        "holds a day later": QUIET,
        "is below a day later": QUIET,
        "cannot be tested a day later": QUIET,
        "new baseline, fires": OPENS,
        "new baseline, below": QUIET,
        "new baseline, cannot be tested": QUIET,
        "fires while warming up": QUIET,
    },
    "resolved_by_itself": {
        "fires": OPENS,
        "fires higher": OPENS,
        "fires lower": OPENS,
        "holds": QUIET,
        "is below": QUIET,
        "cannot be tested": QUIET,
        "fires a day later": OPENS,
        "holds a day later": QUIET,
        "is below a day later": QUIET,
        "cannot be tested a day later": QUIET,
        "new baseline, fires": OPENS,
        "new baseline, below": QUIET,
        "new baseline, cannot be tested": QUIET,
        "fires while warming up": QUIET,
    },
}

BY_HAND = {"acknowledge", "snooze", "resolve"}


def test_the_table_leaves_nothing_out() -> None:
    """Every state meets every event; only what a hand cannot do without an open alert is missing."""
    for name, make in STATES.items():
        assert TABLE[name].keys() == (CHECKS.keys() if make().open() else CHECKS.keys() - BY_HAND)


@pytest.mark.parametrize(("state_name", "happening"), [(name, event) for name, row in TABLE.items() for event in row])
def test_every_state_meets_every_event_as_the_table_says(state_name: str, happening: str) -> None:
    """Status, occurrences and messages after each event in each state are those of the table."""
    expected = TABLE[state_name][happening]
    model = STATES[state_name]()
    before, told = model.open(), len(model.events)
    if expected is REFUSED:
        with pytest.raises(Conflict):
            CHECKS[happening](model)
        assert (model.open(), len(model.events)) == (before, told)
        return
    outcome = CHECKS[happening](model)
    if expected is SAME:
        assert (outcome.alerts, outcome.events, model.open()) == ([], [], before)
        return
    assert tuple(model.told[told:]) == expected.told
    after = model.open()
    assert (after.status if after else None) == expected.status
    assert (after.occurrences if after else None) == expected.occurrences


@pytest.mark.parametrize("act", [transitions.acknowledge, transitions.snooze, transitions.resolve])
def test_from_resolved_nothing_leads_on(act: Callable[..., Any]) -> None:
    """A resolved alert refuses every transition with a conflict."""
    model = STATES["resolved_by_hand"]()
    alert = model.stored["A1"]
    more: dict[str, Any] = {}
    if act is transitions.snooze:
        more = {"until": model.now + hours(1)}
    arguments = (alert,) if act is transitions.snooze else (alert, Memory())
    if act is transitions.resolve:
        more = {"renotify_hours": 24}
    with pytest.raises(Conflict):
        act(*arguments, now=model.now, actor="ana", **more)


@pytest.mark.parametrize("hours_ahead", [0, -1])
def test_a_snooze_must_end_in_the_future(hours_ahead: float) -> None:
    """A time that is now or gone is refused, and the place is named."""
    model = opened()
    with pytest.raises(Invalid) as caught:
        transitions.snooze(model.alert(), until=model.now + hours(hours_ahead), now=model.now, actor="ana")
    assert caught.value.errors[0]["loc"] == ["body", "until"]


def test_an_alert_carries_what_was_found() -> None:
    """The opened alert holds scores, severity, features, window, baseline and actions that name the feature."""
    alert = opened().alert()
    assert (alert.drift_score, alert.p_value, alert.peak_score, alert.severity) == (0.168, 1e-9, 0.168, "MEDIUM")
    assert (alert.baseline_version, alert.n_baseline, alert.n_window) == (3, 10_000, 8_421)
    assert alert.window is not None
    assert alert.window.end - alert.window.start == timedelta(days=7)
    assert [feature.name for feature in alert.features] == ["tenure"]
    assert any("“tenure”" in action for action in alert.recommended_actions)
    assert alert.detected_at == alert.last_detected_at == START + STEP


def test_a_later_firing_brings_the_alert_up_to_date_and_keeps_the_peak() -> None:
    """Score, severity and last_detected_at follow the latest firing; peak_score and detected_at do not fall."""
    model = opened()
    model.check(finding("firing", "HIGH", 0.4))
    model.check(finding("firing", "LOW", 0.07))
    alert = model.alert()
    assert (alert.drift_score, alert.severity, alert.peak_score, alert.occurrences) == (0.07, "LOW", 0.4, 3)
    assert alert.last_detected_at == model.now
    assert alert.detected_at == START + STEP
    model.check(finding("holding", "LOW", 0.045))
    assert model.alert().drift_score == 0.07
    assert model.alert().last_detected_at < model.now


def test_a_flapping_score_is_one_alert_and_one_message() -> None:
    """Up and down every check for 20 hours: one alert, opened once, nothing else sent."""
    model = Model()
    for turn in range(80):
        model.check(("firing", "below", "holding", "untestable")[turn % 4])
    assert len(model.stored) == 1
    assert model.told == ["opened"]
    assert model.alert().occurrences == 20


def test_a_flapping_severity_is_told_once_until_the_next_reminder() -> None:
    """MEDIUM and HIGH by turns escalate once; after a reminder at MEDIUM the next rise is news again."""
    model = opened()
    for turn in range(40):
        model.check(finding("firing", ("HIGH", "MEDIUM")[turn % 2]))
    assert model.told == ["opened", "escalated"]
    model.check(finding("firing", "MEDIUM"), hours(24))
    model.check(finding("firing", "HIGH"))
    assert model.told == ["opened", "escalated", "repeated", "escalated"]


def test_it_resolves_only_after_a_whole_day_below() -> None:
    """A return within the day starts the day anew."""
    model = opened()
    model.check("below")
    model.check("holding", hours(23))
    model.check("below")
    model.check("below", hours(23.9))
    assert model.open() is not None
    model.check("below")
    assert model.open() is None
    assert model.told[-1] == "resolved"
    assert model.events[-1].reason == "below"
    closed = model.stored["A1"]
    assert closed.resolved_at == model.now
    assert [entry.event for entry in closed.timeline] == [
        "opened", "below", "returned", "below", "resolved",
    ]  # fmt: skip


def test_reminders_come_once_per_period_for_as_long_as_it_fires() -> None:
    """Three days of firing every 15 minutes: one opening and a reminder a day."""
    model = Model()
    for _ in range(3 * 96 + 2):
        model.check("firing")
    assert model.told == ["opened", "repeated", "repeated", "repeated"]


def test_no_reminders_while_snoozed_and_again_once_it_ended() -> None:
    """A snooze of 60 hours silences two reminders, then ends by itself."""
    model = opened()
    model.snooze(60)
    for _ in range(60 * 4 - 1):
        model.check("firing")
    assert model.told == ["opened"]
    assert model.alert().status == "snoozed"
    model.check("firing")
    assert model.alert().status == "firing"
    assert model.told == ["opened", "repeated"]
    assert "snooze_ended" in [entry.event for entry in model.alert().timeline]


def test_a_reader_sees_that_a_snooze_has_ended_before_any_check() -> None:
    """`lapse` gives back the alert as it is, stamped with the time the snooze ended."""
    model = opened()
    model.snooze(1)
    until = model.alert().snoozed_until
    assert transitions.lapse(model.alert(), START + hours(1)) is model.alert()
    awake = transitions.lapse(model.alert(), START + hours(9))
    assert (awake.status, awake.snoozed_until) == ("firing", None)
    assert (awake.timeline[-1].event, awake.timeline[-1].at) == ("snooze_ended", until)


def test_resolved_by_hand_it_stays_closed_for_the_renotify_time_then_a_new_one_opens() -> None:
    """While the drift goes on nothing opens for 24 hours; the first firing after that does."""
    model = opened()
    model.resolve()
    for _ in range(95):
        model.check("firing")
    assert model.open() is None
    model.check("firing")
    assert model.alert().id == "A2"
    assert model.told == ["opened", "resolved", "opened"]


def test_resolved_by_hand_once_it_was_over_new_drift_opens_at_once() -> None:
    """When the score was already below there is nothing to hush."""
    model = opened()
    model.check("below")
    model.resolve()
    model.check("firing")
    assert model.told == ["opened", "resolved", "opened"]


def test_a_new_baseline_lifts_the_silence_after_resolving_by_hand() -> None:
    """The silence is about the drift from one baseline, not from the next."""
    model = opened()
    model.resolve()
    model.check("firing", baseline_version=4)
    assert model.alert().baseline_version == 4


def test_values_that_settle_near_the_baseline_end_their_alert_at_once() -> None:
    """The alert ends with its own reason, unless another feature still holds it."""
    held = opened()
    held.check(replace(finding("holding"), settled=True))
    assert held.alert().is_open
    ended = opened()
    ended.check(replace(finding("below"), settled=True))
    assert ended.open() is None
    assert [event.reason for event in ended.events] == [None, "new_level"]


def test_an_alert_keeps_the_onset_of_its_opening() -> None:
    """Later findings have onsets of their own, and change neither the alert's onset nor what its messages say."""
    model = Model()
    model.check(replace(finding("firing"), onset=START - hours(5)))
    model.check(replace(finding("firing", "HIGH", 0.4), onset=START))
    assert model.alert().onset == START - hours(5)
    assert [event.alert.onset for event in model.events] == [START - hours(5)] * 2


def test_a_preliminary_alert_lives_like_any_other() -> None:
    """A rise and reminders of a first week's alert are sent, and the mark goes once the window is full."""
    model = Model(preliminary=True)
    model.check("firing")
    model.check(finding("firing", "HIGH", 0.4))
    assert model.alert().preliminary
    model.check("firing", hours(24), preliminary=False)
    assert not model.alert().preliminary
    model.check("below")
    model.check("below", hours(24))
    assert model.told == ["opened", "escalated", "repeated", "resolved"]
    assert [event.alert.preliminary for event in model.events] == [True, True, False, False]


def test_every_alert_of_a_first_week_is_sent() -> None:
    """A second episode on the same baseline is sent like the first."""
    model = Model(preliminary=True, resolve_after_hours=1)
    for _episode in range(2):
        for found in ("firing", "below", "below"):
            model.check(found, hours(1))
    assert model.told == ["opened", "resolved"] * 2


def test_an_alert_reaches_a_channel_when_its_severity_does() -> None:
    """LOW, MEDIUM, HIGH: a channel's first message is the opening, later rises are escalations from what it got."""
    model = Model(preliminary=True)
    for severity in SEVERITIES:
        model.check(finding("firing", severity))
    assert model.received("LOW") == [("opened", None), ("escalated", "LOW"), ("escalated", "MEDIUM")]
    assert model.received("MEDIUM") == [("opened", None), ("escalated", "MEDIUM")]
    assert model.received("HIGH") == [("opened", None)]
    model.acknowledge()
    model.resolve()
    assert [model.received(minimum)[-1] for minimum in SEVERITIES] == [("resolved", None)] * 3


def test_whom_an_alert_never_reached_does_not_get_its_end() -> None:
    """A LOW alert opens and ends for channels that want LOW, and for no others."""
    model = Model()
    model.check(finding("firing", "LOW", 0.06))
    model.acknowledge()
    model.resolve()
    assert [kind for kind, _ in model.received("LOW")] == ["opened", "acknowledged", "resolved"]
    assert model.received("MEDIUM") == model.received("HIGH") == []


def test_a_severity_that_flaps_around_a_minimum_sends_one_message_and_reminders() -> None:
    """LOW and MEDIUM by turns for three days: one opening and a reminder a day for either minimum."""
    model = Model(preliminary=True)
    for turn in range(3 * 96):
        model.check(finding("firing", ("LOW", "MEDIUM")[turn % 2]))
    assert [kind for kind, _ in model.received("MEDIUM")] == ["opened", "repeated", "repeated"]
    assert model.received("HIGH") == []


def test_a_rise_is_measured_from_what_each_channel_got_last() -> None:
    """HIGH, then reminded at LOW, then MEDIUM: news to channels that want LOW, and less than the others know."""
    model = Model()
    model.check(finding("firing", "HIGH", 0.4))
    model.check(finding("firing", "LOW", 0.06), hours(24))
    model.check(finding("firing", "MEDIUM"), hours(20))
    assert model.received("LOW") == [("opened", None), ("repeated", None), ("escalated", "LOW")]
    # Channels that want MEDIUM had their last message 44 hours ago, so they get a reminder.
    assert model.received("MEDIUM") == [("opened", None), ("repeated", None)]
    model.check(finding("firing", "HIGH"))
    assert model.received("MEDIUM")[-1] == ("escalated", "MEDIUM")
    assert model.received("HIGH") == [("opened", None), ("repeated", None)]


def test_an_alert_that_version_0_1_kept_silent_is_sent_by_the_next_check() -> None:
    """A stored alert with `told` false gets its opening; one with `told` true goes on from its last message."""
    stored = {**opened().alert().model_dump(mode="json", exclude={"sent"}), "preliminary": True, "messages": 0}
    silent = Model()
    silent.stored["A1"] = Alert.model_validate({**stored, "told": False})
    silent.check("holding")
    assert silent.told == ["opened"]
    last = {"told": True, "told_severity": "LOW", "highest_told": "HIGH", "notified_at": "2026-11-02T08:00:00Z"}
    sent = Model()
    sent.stored["A1"] = Alert.model_validate({**stored, **last, "messages": 3})
    sent.check(finding("firing", "HIGH"))
    assert sent.received("LOW") == [("escalated", "LOW")]
    assert sent.received("MEDIUM") == sent.received("HIGH") == []
    assert sent.events[-1].event_id == "A1-0004"


def test_an_event_of_version_0_1_goes_to_every_channel_that_wants_its_severity() -> None:
    """An event without an audience is the same to all."""
    event = opened().events[0].model_copy(update={"audience": None})
    assert event.seen_from("MEDIUM") is event
    assert event.seen_from("HIGH") is None


def test_silence_is_never_preliminary_and_every_outage_is_sent() -> None:
    """Two outages in a first week: four messages, none of them preliminary, and both are remembered."""
    model = Model(preliminary=True)
    for firing in (True, False, True, True, False):
        model.check(no_traffic(firing), hours(30), silence="No predictions have arrived for 30 hours.")
    assert model.told == ["opened", "resolved", "opened", "repeated", "resolved"]
    assert not any(event.alert.preliminary for event in model.events)
    assert model.events[0].alert.recommended_actions[0].startswith("No predictions have arrived for 30 hours. Check")
    assert [end - start for start, end in model.memory.outages] == [hours(30), hours(60)]
    for firing in (True, False):
        model.check(no_traffic(firing), hours(24 * 15))
    assert len(model.memory.outages) == 1


def test_no_alert_opens_while_warming_up_and_an_open_one_goes_on() -> None:
    """Warm-up keeps alerts from opening and nothing else."""
    model = Model(warming_up=True)
    model.check("firing")
    assert not model.stored
    model.check("firing", warming_up=False)
    model.check("firing")
    assert model.alert().occurrences == 2


def test_no_data_resolves_as_soon_as_traffic_returns() -> None:
    """Stopped traffic has no scores, survives a new baseline, and needs no day below to end."""
    model = Model()
    model.check(no_traffic(True))
    assert (model.alert().drift_score, model.alert().peak_score, model.alert().severity) == (None, None, "MEDIUM")
    model.check(no_traffic(True), baseline_version=4)
    assert (model.alert().id, model.alert().occurrences, model.alert().baseline_version) == ("A1", 2, 4)
    model.check(no_traffic(False), baseline_version=4)
    assert model.open() is None
    assert model.told == ["opened", "resolved"]
    assert model.events[-1].reason == "traffic_returned"


def test_the_end_is_told_to_whoever_heard_of_the_alert() -> None:
    """An alert that was HIGH and faded resolves with the severity that its channels were chosen by."""
    model = Model()
    model.check(finding("firing", "HIGH", 0.4))
    model.check(finding("firing", "LOW", 0.06))
    model.check("below")
    model.check("below", hours(24))
    assert [event.severity for event in model.events] == ["HIGH", "HIGH"]
    assert model.events[-1].alert.severity == "LOW"


def test_a_check_that_is_repeated_makes_the_same_events() -> None:
    """The same finding on the same stored alert gives the same event ids: a message is never two."""
    model = opened()
    again = [
        lifecycle.apply(finding("firing", "HIGH"), model.alert(), model.memory, occasion(START + hours(2)))
        for _ in range(2)
    ]
    assert again[0] == again[1]
    assert [event.event_id for event in again[0].events] == ["A1-0002"]


def test_acknowledging_is_an_event_that_moves_no_message() -> None:
    """Its event has a number of its own and the highest severity told; when the next repeat is due stays as it was."""
    model = opened()
    model.check(finding("firing", "HIGH"))
    model.check(finding("firing", "LOW"))
    before = model.alert()
    model.acknowledge()
    event, after = model.events[-1], model.alert()
    assert (event.kind, event.severity, event.event_id) == ("acknowledged", "HIGH", "A1-0003")
    assert after.sent == before.sent
    model.resolve()
    assert model.events[-1].event_id == "A1-0004"


def test_every_transition_leaves_an_entry_in_the_timeline() -> None:
    """Opening, severity, reminders, silence and hands are all there, with notes, in order of time."""
    model = opened()
    model.check(finding("firing", "HIGH"))
    model.check(finding("firing", "LOW"))
    model.check("firing", hours(24))
    model.keep(transitions.acknowledge(model.alert(), model.memory, now=model.now, actor="ben", note="on it"))
    model.snooze(1)
    model.check("below", hours(2))
    model.resolve()
    timeline = model.stored["A1"].timeline
    told = "opened escalated eased escalated reminded acknowledged snoozed snooze_ended below resolved"
    assert [entry.event for entry in timeline] == told.split()
    assert [entry.at for entry in timeline] == sorted(entry.at for entry in timeline)
    actors = ["schedule"] * 5 + ["ben", "ana", "schedule", "schedule", "ana"]
    assert [entry.actor for entry in timeline] == actors
    notes = {entry.event: entry.note for entry in timeline}
    assert (notes["acknowledged"], notes["resolved"], notes["eased"]) == ("on it", "fixed", "HIGH → LOW")


def test_what_a_check_by_hand_changes_names_its_key() -> None:
    """Opening, severity, silence below and the end by a check that a key requested have that key as actor."""
    model = Model(actor="ana")
    for found in ("firing", finding("firing", "HIGH"), "below", "firing", "below"):
        model.check(found)
    model.check("below", hours(24))
    assert {entry.actor for entry in model.stored["A1"].timeline} == {"ana"}
    model.check("firing")
    model.check("firing", baseline_version=4)
    assert [entry.actor for entry in model.stored["A2"].timeline] == ["ana", "ana"]


def test_the_timeline_of_a_flapping_alert_stays_bounded() -> None:
    """After thousands of turns the opening and the latest entries are kept."""
    model = opened()
    alert = model.alert()
    for turn in range(700):
        kind = ("below", "firing")[turn % 2]
        outcome = lifecycle.apply(finding(kind), alert, Memory(), occasion(START + turn * STEP, renotify_hours=999))
        (alert,) = outcome.alerts
    assert len(alert.timeline) == TIMELINE_ENTRIES
    assert alert.timeline[0].event == "opened"


def test_an_event_of_the_largest_alert_fits_into_an_sns_message() -> None:
    """500 features with the longest names, pictures and category labels stay under 256 kB, and their number is told."""
    wide = [
        {
            **FEATURE,
            "name": f"{number:03d}" + "語" * 125,
            "drift_score": number / 1000,
            "new_categories": ["語" * 256] * 20,
            "histogram": {"categories": ["語" * 256] * 32, "baseline": [0.123456789] * 32, "window": [1e-17] * 32},
        }
        for number in range(500)
    ]
    outcome = lifecycle.apply(replace(finding("firing"), features=[*map(feature_of, wide)]), None, Memory(), occasion())
    event = outcome.events[0]
    assert len(event.model_dump_json().encode()) < 200_000
    assert event.alert.features_total == 500
    assert event.alert.features[0].drift_score == 0.499
    stored = outcome.alerts[0]
    assert len(stored.features) == 500
    assert sum(feature.histogram is not None for feature in stored.features) == findings.PICTURES


def test_features_that_did_not_drift_are_kept_but_not_sent() -> None:
    """The alert lists all it was given, drifted ones first; a message speaks of the drifted ones."""
    features = [{**FEATURE, "name": "calm", "drifted": False, "drift_score": 0.9}, FEATURE]
    outcome = lifecycle.apply(
        replace(finding("firing"), features=[*map(feature_of, features)]), None, Memory(), occasion()
    )
    assert [feature.name for feature in outcome.alerts[0].features] == ["tenure", "calm"]
    assert [feature.name for feature in outcome.events[0].alert.features] == ["tenure"]


def test_an_alert_shows_what_the_contract_lists() -> None:
    """The summary has the contract's fields and the dashboard's address, the detail timeline and deliveries."""
    alert = opened().alert()
    summary = alert.summary("https://example.com/v1").model_dump(mode="json")
    listed = {
        "id", "model_id", "model_name", "alert_type", "status", "severity", "drift_score", "p_value", "detected_at",
        "last_detected_at", "resolved_at", "occurrences", "baseline_version", "n_baseline", "n_window", "features",
        "recommended_actions", "dashboard_url", "preliminary", "peak_score",
    }  # fmt: skip
    assert listed <= summary.keys()
    assert summary["dashboard_url"] == "https://example.com/v1/dashboard#/alerts/A1"
    assert summary["detected_at"] == "2026-11-02T08:15:00Z"
    assert not summary.keys() & {"organization_id", "below_since", "sent", "told", "revision", "timeline"}
    detail = alert.detail("", []).model_dump(mode="json")
    assert detail["timeline"] == [
        {"at": "2026-11-02T08:15:00Z", "event": "opened", "note": "MEDIUM", "actor": "schedule"}
    ]
    assert detail["deliveries"] == []


@pytest.mark.parametrize(
    ("alert_type", "features", "said"),
    [
        ("data_drift", [FEATURE], "“tenure” first (towards higher values)"),
        (
            "data_drift",
            [{"name": "carrier", "histogram": {"categories": ["AA", "DL"], "baseline": [9, 1], "window": [1, 1]}}],
            "“AA” fell from 90.0% to 50.0%",
        ),
        (
            "data_drift",
            [
                {
                    "name": "land",
                    "histogram": {"categories": ["__new__", "A", "D"], "baseline": [0, 5, 5], "window": [2, 4, 4]},
                }
            ],
            "(the share of values not in the baseline rose from 0% to 20.0%)",
        ),
        (
            "data_drift",
            [
                {
                    "name": "land",
                    "histogram": {
                        "categories": ["__rare__", "AA", "DL"],
                        "baseline": [18, 1, 1],
                        "window": [5, 8, 7],
                    },
                }
            ],
            "(the share of rare values fell from 90.0% to 25.0%)",
        ),
        ("data_drift", [{"name": f"f{number}"} for number in range(6)], "6 features drifted at once"),
        ("data_drift", [{"name": f"f{number}"} for number in range(6)], "“f1”, “f2”, “f3” and 2 more"),
        (
            "data_drift",
            [{"name": "delay", "missing": {"baseline": 0.0, "window": 0.1}}],
            "Missing values also increased in “delay”",
        ),
        ("prediction_drift", [{**FEATURE, "name": "prediction"}], "the model's predictions (towards higher values)"),
        (
            "data_quality",
            [{"name": "dep_delay", "kind": "missing", "shares": {"baseline": 0.034, "window": 0.078}}],
            "values of “dep_delay” are missing more often (3.4% in the baseline, 7.8% now)",
        ),
        (
            "data_quality",
            [{"name": "carrier", "kind": "new_categories", "new_categories": ["ZZ"]}],
            "The baseline does not contain these values, such as “ZZ”",
        ),
        ("data_quality", [{"name": "carrier", "kind": "new_categories"}], "Map the new values of “carrier” to known"),
        ("data_quality", [{"name": "age", "kind": "out_of_range"}], "the units and the scaling of “age”"),
        ("data_quality", [{"name": "a", "kind": "wrong_type"}, {"name": "b", "kind": "wrong_type"}], "“a” and “b”"),
        ("no_data", [], "No predictions have arrived"),
    ],
)
def test_recommended_actions_fit_what_was_found(alert_type: Any, features: list[Any], said: str) -> None:
    """Each type and kind of finding gets its own actions, naming features and numbers."""
    found = [feature_of(feature) for feature in features]
    actions = recommend(alert_type, found)
    assert said in "\n".join(actions)
    assert len(actions) == len(set(actions)) >= 2


class Life(RuleBasedStateMachine):
    """Any sequence of checks and hands: one open alert at most, and messages that make sense to who reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()

    @initialize(preliminary=st.booleans())
    def begin(self, preliminary: bool) -> None:
        self.model = Model(preliminary=preliminary)

    @rule(
        kind=st.sampled_from(["firing", "holding", "below", "untestable"]),
        severity=st.sampled_from(SEVERITIES),
        after=st.sampled_from([STEP, hours(5), hours(24)]),
        around=st.fixed_dictionaries(
            {
                "preliminary": st.booleans(),
                "baseline_version": st.sampled_from([3, 3, 3, 4]),
                "warming_up": st.sampled_from([False, False, True]),
            }
        ),
    )
    def check(self, kind: str, severity: Severity, after: timedelta, around: dict[str, Any]) -> None:
        self.model.check(finding(kind, severity), after, **around)

    @rule(what=st.sampled_from(["acknowledge", "snooze", "resolve"]))
    def hand(self, what: str) -> None:
        if self.model.open() is None:
            return
        if what == "acknowledge" and transitions.lapse(self.model.alert(), self.model.now).status == "acknowledged":
            return
        if what == "snooze":
            self.model.snooze(7)
        else:
            getattr(self.model, what)()

    @invariant()
    def messages_tell_a_story(self) -> None:
        for minimum in SEVERITIES:
            by_alert: dict[str, list[AlertEvent]] = {}
            for event in self.model.events:
                seen = event.seen_from(minimum)
                if seen is not None and seen.kind != "acknowledged":  # sent to nobody but to who calls people
                    by_alert.setdefault(seen.alert.id, []).append(seen)
            for alert_id, events in by_alert.items():
                self.one_story(events, self.model.stored[alert_id])
        ids = [event.event_id for event in self.model.events]
        assert len(ids) == len(set(ids))

    @invariant()
    def whatever_an_alert_grows_into_is_sent(self) -> None:
        for alert in self.model.stored.values():
            events = [event for event in self.model.events if event.alert.id == alert.id]
            got = {minimum for event in events for minimum in event.audience or ()}
            assert got == set(alert.sent)
            assert got >= set(SEVERITIES[: severity_rank(alert.severity) + 1])

    def one_story(self, events: list[AlertEvent], alert: Alert) -> None:
        """What the channels of one minimum severity receive of one alert makes sense to them."""
        kinds = [event.kind for event in events]
        assert kinds[0] == "opened"
        assert kinds.count("opened") == 1
        assert "resolved" not in kinds[:-1]
        assert (kinds[-1] == "resolved") == (not alert.is_open)
        for earlier, later in pairwise(events):
            if later.kind == "repeated":
                assert later.at - earlier.at >= hours(24)
            if later.kind == "escalated":
                assert severity_rank(later.severity) > severity_rank(earlier.severity)
                assert later.previous_severity == earlier.severity

    @invariant()
    def one_alert_at_most_is_open(self) -> None:
        assert sum(alert.is_open for alert in self.model.stored.values()) <= 1
        for alert in self.model.stored.values():
            assert (alert.resolved_at is None) == alert.is_open
            assert alert.timeline[0].event == "opened"


TestLife = Life.TestCase
