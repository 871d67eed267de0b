"""Times at the ends of the calendar, at every place where a request takes one."""

from itertools import combinations
from typing import Any
from urllib.parse import quote

import pytest

from tests.functional.conftest import Stack
from tests.functional.models import make_model
from tests.functional.performance.test_references import new_model

TIMES = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00-23:59",
    "0295-08-02T17:02:50.742Z",
    "0499-05-27T10:54:30+23:56",
    "1969-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00Z",
    "1970-01-02T00:00:00Z",
    "2026-11-06T07:26:10Z",
    "9999-12-31T12:00:00Z",
    "9999-12-31T23:59:59.999999Z",
)
"""In the order of the times. Years before 1970 have negative hours; no midnight follows the last two."""

IMPOSSIBLE = ("0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01")
"""Times that leave the calendar as soon as they are in UTC."""

PERIODS = tuple(combinations(TIMES, 2))


@pytest.fixture
def model_id(deployed: Stack) -> str:
    """A model with a task, so that every route gets as far as the times."""
    return new_model(deployed)


def test_a_list_takes_every_period(deployed: Stack, model_id: str) -> None:
    """A period without predictions has an empty list, however long ago or far away it is."""
    for start, end in PERIODS:
        answer = deployed.call("GET", f"/models/{model_id}/predictions?start={quote(start)}&end={quote(end)}")
        assert (answer.status, answer.body) == (200, []), (start, end, answer.text)


@pytest.mark.parametrize("route", ["baseline", "baseline/performance"])
def test_a_baseline_of_a_period_without_predictions_is_refused_with_the_place(
    deployed: Stack, model_id: str, route: str
) -> None:
    """The answer is a 422 about the period, not a failure of the server."""
    for start, end in PERIODS:
        body = {"from_predictions": {"start": start, "end": end}}
        answer = deployed.call("PUT", f"/models/{model_id}/{route}", body)
        assert answer.status == 422, (start, end, answer.text)
        assert answer.body["errors"][0]["loc"] == ["body", "from_predictions"], (start, end)


def test_rows_and_labels_of_any_time_are_answered_with_the_place(deployed: Stack, model_id: str) -> None:
    """A time is taken or refused with its place, in a batch, among labels and in a baseline's rows."""
    for time in (*TIMES, *IMPOSSIBLE):
        row: dict[str, Any] = {"features": {"a": 1.0}, "prediction": 1, "timestamp": time}
        label = {"prediction_id": "a", "label": 1, "timestamp": time}
        calls: tuple[tuple[str, str, dict[str, Any]], ...] = (
            ("POST", "/predictions", {"model_id": model_id, **row}),
            ("POST", "/predictions/batch", {"model_id": model_id, "predictions": [row]}),
            ("POST", "/labels", {"model_id": model_id, "labels": [label]}),
            ("POST", "/labels", {"model_id": model_id, "labels": [{**label, "labelled_at": time}]}),
            ("PUT", f"/models/{model_id}/baseline", {"rows": [row] * 200}),
        )
        for method, path, body in calls:
            answer = deployed.call(method, path, body)
            assert answer.status < 500, (path, time, answer.text)
            if time in IMPOSSIBLE:
                assert answer.body["errors"][0]["loc"][-1] == "timestamp", (path, answer.text)
    assert deployed.call("POST", f"/drift/models/{model_id}/check").status == 200


def test_times_outside_the_calendar_are_refused_in_a_period(deployed: Stack) -> None:
    """The reason names the place of the time."""
    model_id = make_model(deployed)
    for time in IMPOSSIBLE:
        listed = deployed.call("GET", f"/models/{model_id}/predictions?start={quote(time)}")
        assert (listed.status, listed.body["errors"][0]["loc"]) == (422, ["query", "start"]), listed.text
        body = {"from_predictions": {"start": time, "end": TIMES[-1]}}
        put = deployed.call("PUT", f"/models/{model_id}/baseline", body)
        assert (put.status, put.body["errors"][0]["loc"]) == (422, ["body", "from_predictions", "start"]), put.text
