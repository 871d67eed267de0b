"""Conditions of queries in the local DynamoDB: checked once for a request, and evaluated for each item as before."""

from typing import Any

import pytest
from ministack.services import dynamodb

from local.patches.tables import _checked_once

NAMES = {"#0": "pk", "#1": "sk"}
CONDITION = "(#0 = :0 AND #1 BETWEEN :1 AND :2)"
ITEMS = [{"pk": {"S": "model"}, "sk": {"S": sk}} for sk in ("2026-01", "2026-05", "2026-09", "2027-01")]


def values(first: str, last: str) -> dict[str, Any]:
    """The values of a request."""
    return {":0": {"S": "model"}, ":1": {"S": first}, ":2": {"S": last}}


def counting() -> tuple[Any, list[str]]:
    """MiniStack's own function, and what it was called for."""
    asked: list[str] = []

    def evaluate(expr: str, *others: Any) -> Any:
        asked.append(expr)
        return dynamodb._evaluate_condition(expr, *others)

    return evaluate, asked


def test_a_query_checks_its_condition_at_the_first_item_only() -> None:
    """All items get MiniStack's own result, and a second request with other values is checked again."""
    original, asked = counting()
    quick = _checked_once(original)
    for number, between in enumerate((values("2026-02", "2026-10"), values("2026-01", "2026-01")), 1):
        found = [quick(CONDITION, item, between, NAMES, "KeyConditionExpression") for item in ITEMS]
        assert found == [dynamodb._evaluate_condition(CONDITION, item, between, NAMES) for item in ITEMS]
        assert any(found)
        assert len(asked) == number


def test_a_condition_that_is_wrong_is_refused_at_each_item() -> None:
    """Only a condition without an error is remembered."""
    original, asked = counting()
    quick, wrong = _checked_once(original), values("2026-10", "2026-02")
    for _ in range(2):
        with pytest.raises(ValueError, match="BETWEEN"):
            quick(CONDITION, ITEMS[0], wrong, NAMES, "KeyConditionExpression")
    assert len(asked) == 2


def test_conditions_of_writes_are_checked_each_time() -> None:
    """A write evaluates its condition for one item, so nothing is remembered."""
    original, asked = counting()
    quick, given = _checked_once(original), values("2026-02", "2026-10")
    for item in ITEMS:
        quick(CONDITION, item, given, NAMES)
    assert len(asked) == len(ITEMS)
