"""Firing the schedule of the local stack: how long the answer waits for what follows."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local import stack


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Services:
    """EventBridge, Lambda and SQS of a stack whose check queue holds `left(seconds since the start)` messages."""

    def __init__(self, clock: Clock, left: Callable[[float], int]) -> None:
        self.clock = clock
        self.left = left
        self.began = clock.now
        self.fired: list[str] = []

    def client(self, _service: str) -> "Services":
        return self

    def named(self, kind: str) -> dict[str, str]:
        return {
            "AWS::Events::Rule": {"ScheduleRule": "rule"},
            "AWS::SQS::Queue": {"CheckQueue": "https://sqs/check.fifo", "Unread": "https://sqs/unread"},
        }[kind]

    def describe_rule(self, Name: str) -> dict[str, str]:  # noqa: N803 - boto3's own name
        return {"Name": Name, "Arn": "arn:rule", "ScheduleExpression": "rate(15 minutes)"}

    def list_targets_by_rule(self, **_: Any) -> Any:
        return {"Targets": [{"Arn": "arn:function"}]}

    def invoke(self, FunctionName: str, **_: Any) -> None:  # noqa: N803 - boto3's own name
        self.fired.append(FunctionName)

    def get_paginator(self, _name: str) -> "Services":
        return self

    def paginate(self) -> Iterator[Any]:
        return iter([{"EventSourceMappings": [{"EventSourceArn": "arn:aws:sqs:eu-west-1:0:check.fifo"}]}])

    def get_queue_attributes(self, QueueUrl: str, **_: Any) -> Any:  # noqa: N803 - boto3's own name
        assert QueueUrl.endswith("check.fifo"), "nobody reads the other queue"
        return {"Attributes": {"ApproximateNumberOfMessages": str(self.left(self.clock.now - self.began))}}


@pytest.fixture
def fire(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[dict[str, Any], Services]]:
    """Fires the schedule of a stack whose queue empties as a function says."""
    clock = Clock()
    monkeypatch.setattr(stack, "time", clock)

    def fired(left: Callable[[float], int]) -> tuple[dict[str, Any], Services]:
        services = Services(clock, left)
        return stack.fire_schedule(services, lambda: 0), services  # type: ignore[arg-type]

    return fired


def test_a_long_tick_is_waited_for_as_long_as_it_moves(fire: Any) -> None:
    """A thousand checks that take five minutes are all waited for, and the rule is fired once."""
    answer, services = fire(lambda seconds: max(0, 1000 - int(seconds * 1000 / 300)))
    assert answer["ended"] is True
    assert answer["seconds"] == pytest.approx(300, abs=5)
    assert services.fired == ["arn:function"]


def test_a_tick_that_stands_still_is_given_up(fire: Any) -> None:
    """After two minutes without a change the answer says what is still there."""
    answer, _ = fire(lambda seconds: 7)
    assert (answer["ended"], answer["waiting_for"]) == (False, {"CheckQueue": 7})
    assert answer["seconds"] == pytest.approx(stack.WAIT_SECONDS, abs=3)


def test_a_tick_that_never_ends_is_given_up(fire: Any) -> None:
    """What keeps moving without an end is left alone before the rule fires again by itself."""
    steps = itertools.count(1)
    answer, _ = fire(lambda seconds: next(steps))
    assert answer["ended"] is False
    assert answer["seconds"] == pytest.approx(stack.LONGEST_SECONDS, abs=3)
