"""What is kept of a change."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from driftguard.models.activity import MAX_DETAILS_BYTES, cut, differences

VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=400)


def test_differences_name_each_changed_value() -> None:
    """Objects are compared value by value. What did not change is left out."""
    before = {"name": "a", "settings": {"alpha": 0.05, "features": {"age": {"alpha": 0.01}}}, "labels": {}}
    after = {"name": "b", "settings": {"alpha": 0.05, "features": {"age": {"alpha": 0.02}}}, "labels": {"team": "x"}}
    assert differences(before, after) == {
        "name": {"from": "a", "to": "b"},
        "settings.features.age.alpha": {"from": 0.01, "to": 0.02},
        "labels.team": {"from": None, "to": "x"},
    }
    assert differences(before, before) == {}


@given(st.dictionaries(st.text(max_size=300), st.dictionaries(st.sampled_from(["from", "to"]), VALUES), max_size=60))
def test_details_stay_small_and_count_what_they_leave_out(details: dict[str, Any]) -> None:
    """Any details fit, and the entries that are kept and those left out add up."""
    kept = cut(details)
    assert len(json.dumps({name: value for name, value in kept.items() if name != "left_out"})) <= MAX_DETAILS_BYTES
    left_out = kept.get("left_out", 0)
    assert isinstance(left_out, int) or "left_out" in details
    if isinstance(left_out, int) and "left_out" not in details and all(len(name) <= 200 for name in details):
        assert len(kept) - ("left_out" in kept) + left_out == len(details)


def test_long_texts_are_shortened() -> None:
    """A text keeps its first 199 characters and an ellipsis."""
    assert cut({"note": "x" * 201})["note"] == "x" * 199 + "…"
    assert cut({"note": {"to": "x" * 200}})["note"]["to"] == "x" * 200
