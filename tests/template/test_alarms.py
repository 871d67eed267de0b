"""Each alarm rings on a simulated series of metrics that should ring it, and is silent on one that should not."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from rules.template import Template
from sandbox import stack
from tests.template.cloudwatch import EXTRA_PERIODS, Metrics, Series, changes, names_of, rings

DAY = 24 * 60
TICK = 15


def at(minutes: Iterable[int], value: float = 1) -> Series:
    """A data point of this value at each of these minutes."""
    return dict.fromkeys(minutes, value)


def every(minutes: int, value: float = 1, start: int = 3, end: int = 3 * DAY) -> Series:
    """A data point of this value at regular times."""
    return at(range(start, end, minutes), value)


TICKS = every(TICK)


@dataclass(frozen=True)
class Case:
    """Series of metrics for one alarm."""

    alarm: str
    what: str
    metrics: Metrics
    minutes: int = 2 * DAY
    rings: bool = True
    parameters: dict[str, str] = field(default_factory=dict)


def dead(queue: str) -> list[Case]:
    """A message that stays in a dead-letter queue, and an empty queue that is looked at."""
    alarm, metric = queue.replace("Queue", "Alarm"), f"ApproximateNumberOfMessagesVisible {queue}"
    return [
        Case(alarm, "one dead letter", {metric: every(5, 1, start=600)}),
        Case(alarm, "no dead letter", {metric: every(5, 0)}, rings=False),
        Case(alarm, "a queue that nobody uses", {}, rings=False),
    ]


def of_functions(alarm: str, metric: str, function: str, period: int) -> list[Case]:
    """A metric of one of the functions that the alarm sums up."""
    return [
        Case(alarm, "one function on every tick", {f"{metric} {function}": TICKS}),
        Case(
            alarm,
            "every third period",
            {f"{metric} {function}": every(3 * period)} if period < TICK else {metric: TICKS},
        ),
        Case(alarm, "once a day", {f"{metric} {function}": every(DAY)}, rings=False),
        Case(alarm, "never", {metric: every(1, 0)}, rings=False),
    ]


CASES = [
    Case("ScheduleMissedAlarm", "the rule stops at noon", {"Invocations ScheduleChecksFunction": every(TICK, end=720)}),
    Case("ScheduleMissedAlarm", "a tick every 15 minutes", {"Invocations ScheduleChecksFunction": TICKS}, rings=False),
    Case(
        "ScheduleMissedAlarm",
        "one tick is late by 14 minutes",
        {"Invocations ScheduleChecksFunction": {**TICKS, 723: 0, 737: 2}},
        rings=False,
    ),
    Case("CheckFailedAlarm", "a check fails on every tick", {"ChecksFailed driftguard": TICKS}),
    Case("CheckFailedAlarm", "one check fails once", {"ChecksFailed driftguard": at([700])}),
    Case("CheckFailedAlarm", "no check fails", {}, rings=False),
    Case("JoinFailedAlarm", "the join of a model fails every hour", {"JoinsFailed driftguard": every(60)}),
    Case("JoinFailedAlarm", "no join fails", {}, rings=False),
    Case("DeliveriesFailedAlarm", "a message fails for good", {"DeliveriesFailed driftguard": at([700])}),
    Case("DeliveriesFailedAlarm", "retries succeed", {"Invocations NotifySlackFunction": every(10)}, rings=False),
    Case("BouncesAlarm", "an e-mail bounces", {"Bounce": at([700])}),
    Case("BouncesAlarm", "e-mails are sent and none bounces", {"Send": every(10), "Bounce": every(10, 0)}, rings=False),
    Case("ApiErrorsAlarm", "a client that calls every 15 minutes always fails", {"5XXError": TICKS}),
    Case("ApiErrorsAlarm", "a broken version", {"5XXError": every(1, start=600)}),
    Case("ApiErrorsAlarm", "one bad minute every other hour", {"5XXError": every(120, 30)}, rings=False),
    Case("ApiErrorsAlarm", "requests without an error", {"5XXError": every(1, 0)}, rings=False),
    Case("ApiLatencyAlarm", "slow requests in every third period", {"Latency": every(15, 9000)}),
    Case("ApiLatencyAlarm", "one slow request", {"Latency": {**every(1, 40), 700: 9000.0}}, rings=False),
    Case("CheckBacklogAlarm", "checks wait", {"ApproximateAgeOfOldestMessage CheckQueue": every(1, 1000, start=600)}),
    Case(
        "CheckBacklogAlarm",
        "checks wait for minutes",
        {"ApproximateAgeOfOldestMessage CheckQueue": every(1, 400)},
        rings=False,
    ),
    Case("JoinBacklogAlarm", "joins wait", {"ApproximateAgeOfOldestMessage JoinQueue": every(5, 4000, start=600)}),
    Case(
        "JoinBacklogAlarm",
        "joins wait for minutes",
        {"ApproximateAgeOfOldestMessage JoinQueue": every(5, 900)},
        rings=False,
    ),
    Case(
        "PredictionsStoppedAlarm",
        "clients stop after a day",
        {"Invocations LogPredictionsFunction": every(7, end=DAY)},
        minutes=4 * DAY,
    ),
    Case(
        "PredictionsStoppedAlarm",
        "the last of the nightly jobs ran",
        {"Invocations LogPredictionsFunction": at(range(120, 3 * DAY, DAY))},
        minutes=6 * DAY,
    ),
    Case(
        "PredictionsStoppedAlarm",
        "a nightly job, up to an hour late",
        {"Invocations LogPredictionsFunction": at([120, DAY + 180, 2 * DAY + 120, 3 * DAY + 180])},
        minutes=4 * DAY,
        rings=False,
    ),
    Case("PredictionsStoppedAlarm", "nobody has logged yet", {}, minutes=4 * DAY, rings=False),
    *of_functions("BackgroundErrorsAlarm", "Errors", "ScheduleChecksFunction", TICK),
    *of_functions("BackgroundThrottlesAlarm", "Throttles", "CheckDriftFunction", TICK),
    *of_functions("ApiThrottlesAlarm", "Throttles", "LogPredictionsFunction", 5),
    *[
        case
        for name, resource in stack.source()["Resources"].items()
        if resource["Type"] == "AWS::SQS::Queue" and "DeadLetter" in name
        for case in dead(name)
    ],
]


def alarms(**parameters: str) -> dict[str, Template]:
    """The properties of the deployed alarms."""
    resources = stack.resolved(Alarms="all", **parameters)["Resources"]
    kind = "AWS::CloudWatch::Alarm"
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == kind}


ALARMS = alarms()


@pytest.mark.parametrize("extra", EXTRA_PERIODS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alarm}: {case.what}")
def test_an_alarm_rings_when_it_should_and_only_then(case: Case, extra: int) -> None:
    """The alarm notifies its topic once in the course of these series, or not at all."""
    found = rings(ALARMS[case.alarm], case.metrics, case.minutes, extra)
    assert bool(found) is case.rings


def test_every_alarm_has_series_that_ring_it_and_series_that_do_not() -> None:
    """No alarm is trusted that was never heard, and none that never was silent; each series names a real metric."""
    for ringing in (True, False):
        assert {case.alarm for case in CASES if case.rings is ringing} == ALARMS.keys()
    for case in CASES:
        alarm = ALARMS[case.alarm]
        watched = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each] or [alarm]
        names = {name for metric in watched for name in names_of(metric)}
        assert not case.rings or set(case.metrics) <= names, case


def test_every_function_in_a_sum_rings_its_alarm() -> None:
    """No term of a sum is forgotten in its expression."""
    for name, alarm in ALARMS.items():
        for metric in (each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each):
            alone = {next(names_of(metric)): TICKS}
            assert rings(alarm, alone, DAY, extra=0), f"{name}: {alone.keys()}"


def test_a_schedule_that_is_disabled_on_purpose_rings_nothing() -> None:
    """ScheduleState=DISABLED takes the alarm away, since it would ring for as long as the schedule is off."""
    assert "ScheduleMissedAlarm" not in alarms(ScheduleState="DISABLED")
    assert rings(ALARMS["ScheduleMissedAlarm"], {}, DAY, extra=0)


def test_a_canary_is_rolled_back_within_minutes() -> None:
    """A version that fails each minute rings ApiErrorsAlarm before the shortest canary is over."""
    (first, *_) = rings(ALARMS["ApiErrorsAlarm"], {"5XXError": every(1, start=600)}, DAY, extra=0)
    assert first - 600 <= 4


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_says_when_it_is_over(name: str) -> None:
    """After trouble has passed, each alarm returns to OK and notifies."""
    case = next(case for case in CASES if case.alarm == name and case.rings)

    def until_then(series: Series) -> Series:
        return {minute: value for minute, value in series.items() if minute < DAY}

    metrics = {metric: until_then(series) for metric, series in case.metrics.items()}
    if name in ("ScheduleMissedAlarm", "PredictionsStoppedAlarm"):  # these are over when data come again
        metrics = {metric: {**series, **every(TICK, start=4 * DAY, end=5 * DAY)} for metric, series in metrics.items()}
    last = changes(ALARMS[name], metrics, 5 * DAY, extra=0)[-1]
    assert (last.state, last.notifies) == ("OK", True)
