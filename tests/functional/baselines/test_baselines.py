"""Baselines over HTTP, on the template's own tables."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driftguard.baselines.tables import Baselines
from driftguard.distributions.weeks import Weeks
from driftguard.platform.retries import ConditionFailed
from driftguard.platform.times import iso
from tests.functional.conftest import Stack, add_organization


@pytest.fixture
def model(deployed: Stack) -> str:
    """The path of a new model."""
    made = deployed.call("POST", "/models", {"name": "churn"})
    return f"/models/{made.body['id']}"


def test_rows_and_columns_make_the_same_baseline(deployed: Stack, model: str) -> None:
    """The same values inline as rows or as columns describe the same features; each PUT is a new version."""
    rows: list[dict[str, Any]] = [
        {"features": {"age": 20 + number, "plan": "abc"[number % 3], "vip": number % 2 == 0}, "prediction": number / 10}
        for number in range(50)
    ]
    first = deployed.call("PUT", f"{model}/baseline", {"rows": rows, "days": 3})
    assert first.status == 200, first.text
    columns = {name: [row["features"][name] for row in rows] for name in ("age", "plan", "vip")}
    predictions = [row["prediction"] for row in rows]
    second = deployed.call("PUT", f"{model}/baseline", {"columns": columns, "predictions": predictions})
    assert (first.body["version"], second.body["version"]) == (1, 2)
    assert first.body["features"] == second.body["features"]
    assert (first.body["rows"], first.body["days"]) == (50, 3)
    by_name = {feature["name"]: feature for feature in second.body["features"]}
    assert {name: feature["type"] for name, feature in by_name.items()} == {
        "age": "numeric",
        "plan": "categorical",
        "vip": "boolean",
        "prediction": "numeric",
    }
    assert by_name["prediction"]["role"] == "prediction"
    assert deployed.call("GET", f"{model}/baseline").body == second.body
    assert deployed.call("GET", model).body["baseline_version"] == 2


def times(count: int, first: datetime, every: timedelta = timedelta(hours=1)) -> list[str]:
    """Times in RFC 3339, one after the other."""
    return [(first + every * number).isoformat().replace("+00:00", "Z") for number in range(count)]


def week_of(model: str, version: int) -> Weeks | None:
    """The stored hours of the week of a baseline version."""
    head = Baselines.head(model.removeprefix("/models/"), version)
    assert head is not None
    data = head.week()
    return Weeks.decode(data) if data else None


def test_timestamps_say_when_the_values_occurred(deployed: Stack, model: str) -> None:
    """Columns with timestamps and rows with one each store the same hours of the week; the view counts them."""
    given = times(100, datetime(2026, 3, 2, tzinfo=UTC))
    values = [number % 7 for number in range(100)]
    body = {"columns": {"age": values}, "predictions": values, "timestamps": given}
    first = deployed.call("PUT", f"{model}/baseline", body)
    assert first.status == 200, first.text
    assert (first.body["hours_of_week"], first.body["days"]) == (100, 5)
    rows = [
        {"features": {"age": value}, "prediction": value, "timestamp": time}
        for value, time in zip(values, given, strict=True)
    ]
    second = deployed.call("PUT", f"{model}/baseline", {"rows": rows})
    assert (second.body["hours_of_week"], second.body["days"]) == (100, 5)
    weeks = week_of(model, 1)
    assert weeks is not None
    assert weeks == week_of(model, 2)
    assert (weeks.days, sum(weeks.groups)) == ((1, 1, 1, 1, 1, 0, 0), 200)
    third = deployed.call("PUT", f"{model}/baseline", {"columns": {"age": values}})
    assert third.body["hours_of_week"] is None
    assert week_of(model, 3) is None


def test_wrong_timestamps_are_named_by_their_place(deployed: Stack, model: str) -> None:
    """Each time that cannot be read is an error with its place; times need columns and one entry per row."""
    body = {"columns": {"a": [1, 2, 3]}, "timestamps": ["2026-03-02T00:00:00Z", "yesterday", 5]}
    answer = deployed.call("PUT", f"{model}/baseline", body)
    assert answer.status == 422
    assert [error["loc"] for error in answer.body["errors"]] == [
        ["body", "timestamps", 1],
        ["body", "timestamps", 2],
    ]
    short = deployed.call("PUT", f"{model}/baseline", {"columns": {"a": [1, 2]}, "timestamps": [None]})
    assert (short.status, "same length" in short.text) == (422, True)
    alone = deployed.call("PUT", f"{model}/baseline", {"rows": [{"features": {"a": 1}}], "timestamps": [None]})
    assert (alone.status, "timestamps go with columns" in alone.text) == (422, True)
    unknown = deployed.call("PUT", f"{model}/baseline", {"columns": {"a": [1, 2]}, "timestamps": [None, None]})
    assert (unknown.status, unknown.body["hours_of_week"], unknown.body["days"]) == (200, None, None)


def test_days_that_the_model_counts_itself_do_not_count_twice(deployed: Stack, model: str) -> None:
    """Once predictions are logged, rows of the last 14 days have no hours of the week; older rows keep theirs."""
    now = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
    sent = [
        {"features": {"a": 1}, "timestamp": time} for time in times(20, now - timedelta(days=20), timedelta(days=1))
    ]
    logged = deployed.call(
        "POST", "/predictions/batch", {"model_id": model.removeprefix("/models/"), "predictions": sent}
    )
    assert logged.status == 202, logged.text
    given = times(24 * 30, now.replace(hour=0) - timedelta(days=30))
    answer = deployed.call("PUT", f"{model}/baseline", {"columns": {"a": [1] * len(given)}, "timestamps": given})
    weeks = week_of(model, 1)
    assert weeks is not None
    assert (answer.body["days"], sum(weeks.days), sum(weeks.groups)) == (30, 16, 16 * 24)
    period = {"start": iso(now - timedelta(days=21)), "end": iso(now)}
    own = deployed.call("PUT", f"{model}/baseline", {"from_predictions": period})
    assert (own.status, own.body["rows"], own.body["hours_of_week"]) == (200, 20, None)


def test_versions_are_listed_and_an_older_one_can_be_restored(deployed: Stack, model: str) -> None:
    """Newest first with the current one marked; restoring makes an older one current, and loses none."""
    for size in (10, 20, 30):
        deployed.call("PUT", f"{model}/baseline", {"columns": {"a": list(range(size))}})
    listed = deployed.call("GET", f"{model}/baselines").body
    assert [(entry["version"], entry["rows"], entry["current"]) for entry in listed] == [
        (3, 30, True),
        (2, 20, False),
        (1, 10, False),
    ]
    page = deployed.call("GET", f"{model}/baselines?limit=2")
    assert [entry["version"] for entry in deployed.call("GET", page.next_path or "").body] == [1]
    restored = deployed.call("POST", f"{model}/baselines/1/restore")
    assert (restored.status, restored.body["version"]) == (200, 1)
    assert deployed.call("GET", f"{model}/baseline").body["rows"] == 10
    assert deployed.call("PUT", f"{model}/baseline", {"columns": {"a": [1]}}).body["version"] == 4
    for version in ("9", "0", "-1"):
        assert deployed.call("POST", f"{model}/baselines/{version}/restore").status == 404
    assert deployed.call("POST", f"{model}/baselines/x/restore").status == 422


def test_days_are_those_of_the_rows_unless_given(deployed: Stack, model: str) -> None:
    """Distinct UTC days of the rows' timestamps, whatever their age; none are known without any."""
    times = ["2019-05-01T23:59:00Z", "2019-05-02T00:01:00Z", "2019-05-02T01:00:00+02:00", None]
    rows = [{"features": {"a": 1}, "timestamp": time} for time in times]
    assert deployed.call("PUT", f"{model}/baseline", {"rows": rows}).body["days"] == 2
    assert deployed.call("PUT", f"{model}/baseline", {"rows": rows, "days": 9}).body["days"] == 9
    assert deployed.call("PUT", f"{model}/baseline", {"rows": rows[3:]}).body["days"] is None


def test_a_baseline_larger_than_an_item_is_kept_whole(deployed: Stack, model: str) -> None:
    """500 random features over 600 rows take several chunks, and come back."""
    rng = random.Random(7)
    columns = {f"feature {number}": [round(rng.random(), 6) for _ in range(600)] for number in range(400)}
    made = deployed.call("PUT", f"{model}/baseline", {"columns": columns})
    assert made.status == 200, made.text[:300]
    head = Baselines.head(model.removeprefix("/models/"), 1)
    assert head is not None
    assert head.chunk_count > 1
    assert deployed.call("GET", f"{model}/baseline").body == made.body


@pytest.mark.parametrize("microsecond", [42_025, 42_500, 42_975, 999_800])
def test_a_row_belongs_to_a_period_that_begins_with_it(deployed: Stack, model: str, microsecond: int) -> None:
    """Stored times have milliseconds. The limits of a period are rounded in the same way, in baselines and in lists."""
    begin = (datetime.now(UTC) - timedelta(hours=2)).replace(microsecond=microsecond)
    end = begin + timedelta(minutes=1)
    rows = [{"features": {"age": 1}, "prediction": 1, "timestamp": iso(moment)} for moment in (begin, end)]
    model_id = model.removeprefix("/models/")
    for row in rows:
        assert deployed.call("POST", "/predictions/batch", {"model_id": model_id, "predictions": [row]}).status == 202
    period = {"start": iso(begin), "end": iso(end)}
    made = deployed.call("PUT", f"{model}/baseline", {"from_predictions": period})
    assert made.status == 200, made.text
    assert made.body["rows"] == 1
    listed = deployed.call("GET", f"{model}/predictions?start={period['start']}&end={period['end']}")
    assert len(listed.body["predictions"] if isinstance(listed.body, dict) else listed.body) == 1


def test_a_baseline_can_be_made_from_what_was_logged(deployed: Stack, model: str) -> None:
    """Only event times from start up to before end count; days are those of the rows."""
    now = datetime.now(UTC)
    model_id = model.removeprefix("/models/")
    rows = [
        {"features": {"age": number}, "prediction": "yes", "timestamp": (now - timedelta(hours=number)).isoformat()}
        for number in range(72)
    ]
    assert deployed.call("POST", "/predictions/batch", {"model_id": model_id, "predictions": rows}).status == 202
    period = {"start": (now - timedelta(hours=48, minutes=1)).isoformat(), "end": now.isoformat()}
    made = deployed.call("PUT", f"{model}/baseline", {"from_predictions": period})
    assert made.status == 200, made.text
    assert made.body["rows"] == 48
    assert made.body["days"] in (2, 3)
    assert made.body["source"].startswith("predictions ")
    nothing = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}
    assert deployed.call("PUT", f"{model}/baseline", {"from_predictions": nothing}).status == 422


def test_a_bad_row_refuses_the_whole_baseline(deployed: Stack, model: str) -> None:
    """Each wrong place is named by its index, and no version is made."""
    cases: list[tuple[dict[str, object], list[object]]] = [
        ({"rows": [{"features": {"a": 1}}, {"features": {"a": {"b": 1}}}]}, ["body", "rows", 1, "features", "a"]),
        ({"rows": [{"features": {"a": float("inf")}}]}, ["body", "rows", 0, "features", "a"]),
        ({"rows": [{"features": {"a": 1}, "nope": 1}]}, ["body", "rows", 0, "nope"]),
        ({"rows": []}, ["body", "rows"]),
        ({"columns": {"a": [1, [2]]}}, ["body", "columns", "a", 1]),
        ({"columns": {"a": [1, 2], "b": [1]}}, ["body", "columns"]),
        ({"columns": {}}, ["body", "columns"]),
        ({"columns": {"a": [1]}, "predictions": [float("nan")]}, ["body", "predictions", 0]),
        ({"columns": {"a\n": [1]}}, ["body", "columns", "a\n"]),
        ({"columns": {f"f{number}": [1] for number in range(501)}}, ["body", "columns"]),
        ({"columns": {"a": [1]}, "rows": [{"features": {"a": 1}}]}, ["body"]),
        ({}, ["body"]),
        ({"columns": {"a": [1]}, "days": 0}, ["body", "days"]),
        (
            {"from_predictions": {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}},
            ["body", "from_predictions"],
        ),
        (
            {"from_predictions": {"start": "2026-01-01T00:00:00", "end": "2026-01-02T00:00:00Z"}},
            ["body", "from_predictions", "start"],
        ),
    ]
    for body, place in cases:
        answer = deployed.call("PUT", f"{model}/baseline", body)
        assert answer.status == 422, (body, answer.text[:300])
        assert place in [error["loc"] for error in answer.body["errors"]], (body, answer.body["errors"])
    assert deployed.call("GET", f"{model}/baseline").status == 404
    assert deployed.call("GET", f"{model}/baselines").body == []


def test_a_baseline_of_another_model_is_refused(deployed: Stack, model: str) -> None:
    """Rows without a feature of the current baseline or the logged rows are 422, unless they replace the baseline."""
    model_id = model.removeprefix("/models/")
    assert deployed.call("PUT", f"{model}/baseline", {"columns": {"age": [1, 2]}}).status == 200
    for body in ({"columns": {"weight": [1]}}, {"rows": [{"features": {"weight": 1}}]}):
        answer = deployed.call("PUT", f"{model}/baseline", body)
        assert answer.status == 422
        assert answer.body["errors"][0]["loc"] == ["body", next(iter(body))]
        assert "the current baseline (age)" in answer.body["errors"][0]["msg"]
    assert [entry["version"] for entry in deployed.call("GET", f"{model}/baselines").body] == [1]
    rows = [{"features": {"weight": 1, "height": 2}}]
    assert deployed.call("POST", "/predictions/batch", {"model_id": model_id, "predictions": rows}).status == 202
    assert deployed.call("PUT", f"{model}/baseline", {"columns": {"weight": [1]}}).status == 200
    foreign = {"columns": {"other": [1]}}
    assert "the logged predictions (height, weight)" in deployed.call("PUT", f"{model}/baseline", foreign).text
    assert deployed.call("PUT", f"{model}/baseline", {**foreign, "replace": True}).status == 200
    assert deployed.call("PUT", f"{model}/baseline", {**foreign, "replace": "yes"}).status == 422


def test_values_of_another_type_are_counted_and_shown(deployed: Stack, model: str) -> None:
    """An inline baseline shows the share and examples of the values that a feature's type leaves out."""
    body = {"columns": {"age": [1, "old", 3, None], "new": [True, False, 0, True]}, "predictions": [1, 2, 3, "x"]}
    made = deployed.call("PUT", f"{model}/baseline", body)
    assert [(each["invalid_share"], each["examples"]) for each in made.body["features"]] == [
        (0.25, ["old"]),
        (0.25, ["0"]),
        (0.25, ["x"]),
    ]
    assert deployed.call("GET", f"{model}/baseline").body == made.body
    assert deployed.call("POST", f"{model}/baselines/1/restore").body == made.body


def test_stored_examples_are_read(deployed: Stack) -> None:
    """Examples stored in the first format are read; a version without examples has none."""
    about: dict[str, Any] = {"rows": 1, "days": None, "source": "test", "now": datetime.now(UTC)}
    head = Baselines.add("m1", 1, b"data", **about)
    assert head.examples() == {}
    Baselines("m1", "examples#00000001", data='{"format": 1, "examples": {"2": ["é", "NA"]}}'.encode()).save()
    assert head.examples() == {2: ["é", "NA"]}


def test_baselines_of_others_are_not_there(deployed: Stack, model: str) -> None:
    """Another organization gets 404 everywhere; a viewer may look but not put."""
    add_organization("other")
    body = {"columns": {"a": [1]}}
    deployed.call("PUT", f"{model}/baseline", body)
    for method, path, sent in (
        ("PUT", "/baseline", body),
        ("GET", "/baseline", None),
        ("GET", "/baselines", None),
        ("POST", "/baselines/1/restore", None),
    ):
        assert deployed.gateway.call(method, model + path, sent, key_id="other-admin").status == 404
    assert deployed.call("PUT", f"{model}/baseline", body, role="viewer").status == 403
    assert deployed.call("GET", f"{model}/baseline", role="viewer").status == 200


def test_a_version_never_changes_whatever_a_dead_try_left(deployed: Stack) -> None:
    """Stored again under its number it stays as it is; more chunks, of a try that died before its head, do not spoil
    it."""
    about: dict[str, Any] = {"rows": 1, "days": None, "source": "test", "now": datetime.now(UTC)}
    for number in range(3):
        Baselines("m1", f"chunk#00000001#{number:04d}", data=b"of a try that died").save()
    Baselines.add("m1", 1, b"first", **about)
    with pytest.raises(ConditionFailed):
        Baselines.add("m1", 1, b"second", **about)
    head = Baselines.head("m1", 1)
    assert head is not None
    assert head.payload() == b"first"
