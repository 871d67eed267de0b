"""What the largest model that the API accepts writes to AWS and answers to clients."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from driftguard.platform.serialization import MAX_ANSWER_BYTES
from driftguard.platform.times import iso
from tests.functional import wide
from tests.functional.conftest import Stack
from tests.functional.faults import Sizes, calls_to_aws
from tests.functional.models import log, make_model, rows


def test_a_model_whose_500_long_named_features_are_all_bad_is_checked_and_shown(deployed: Stack) -> None:
    """Every item, transaction, message and answer of the widest model stays below the limits of AWS."""
    sizes = Sizes()
    with calls_to_aws(sizes):
        model_id = wide.add_model(deployed)
        wide.log_everything_bad(deployed, model_id)
        checked = deployed.call("POST", f"/drift/models/{model_id}/check")
        assert checked.status == 200, checked.text[:500]
        assert checked.body["status"] == "drift"
        assert len(checked.body["features"]) == wide.FEATURES
        alerts = deployed.call("GET", "/drift/alerts")
        assert {alert["alert_type"] for alert in alerts.body} == {"data_drift", "data_quality"}
        for alert in alerts.body:
            listed = len({feature["name"] for feature in alert["features"]})
            assert alert["features_left_out"] > 0 or listed == wide.FEATURES
            assert listed > 50
        paths = [f"/drift/alerts/{alert['id']}" for alert in alerts.body]
        paths += [f"/drift/models/{model_id}/{what}" for what in ("report", "history", "alerts")]
        paths += [f"/models/{model_id}", "/models", f"/models/{model_id}/baseline", f"/models/{model_id}/predictions"]
        for path in paths:
            answer = deployed.call("GET", path)
            assert answer.status == 200, answer.text[:500]
            assert wide.quoted_bytes(answer) < wide.MOST_ANSWER_BYTES, path
        tried = deployed.call("POST", f"/drift/models/{model_id}/simulate", {"settings": {}, "days": 2})
        assert tried.status == 200, tried.text[:500]
        assert wide.quoted_bytes(tried) < wide.MOST_ANSWER_BYTES
    assert max(sizes.largest.values()) > 300_000


def test_a_baseline_of_long_categories_lists_the_largest_and_counts_the_others(deployed: Stack) -> None:
    """100 features with 100 categories of 256 quotation marks each would take 10 MB in a response."""
    path = f"/models/{deployed.call('POST', '/models', {'name': 'wide'}).body['id']}/baseline"
    values = [f"{number:03}{'"' * 253}" for number in range(100)]
    columns: dict[str, Any] = {f"f{number}": [values[0], *values] for number in range(71)}
    columns["short"] = ["a"] * 51 + ["b"] * 50
    put = deployed.call("PUT", path, raw=json.dumps({"columns": columns}, ensure_ascii=False))
    assert put.status == 200, put.text[:500]
    shown = deployed.call("GET", path)
    for answer in (put, shown):
        assert MAX_ANSWER_BYTES * 0.9 < wide.quoted_bytes(answer) <= MAX_ANSWER_BYTES
        for feature in answer.body["features"][:-1]:
            assert len(feature["categories"]) + feature["categories_left_out"] == 100
            assert feature["categories"][values[0]] == pytest.approx(2 / 101)
        assert answer.body["features"][-1]["categories"] == {"a": 51 / 101, "b": 50 / 101}
        assert answer.body["features"][-1]["categories_left_out"] == 0


def test_a_report_of_long_categories_keeps_the_histograms_of_what_drifted(deployed: Stack) -> None:
    """The check's answer and the stored report are cut alike and count the histograms that are left out."""
    model_id = deployed.call("POST", "/models", {"name": "wide", "settings": {"rule": "p_value"}}).body["id"]
    shared = [f"{number:02}{'\\' * 254}" for number in range(32)]

    def value(number: int, row: int) -> str:
        return shared[(row + number) % 32]

    columns = {f"f{number}": [value(number, row) for row in range(32)] for number in range(220)}
    columns["moved"] = ["a", "b"] * 16
    body = json.dumps({"columns": columns})
    assert deployed.call("PUT", f"/models/{model_id}/baseline", raw=body).status == 200
    for batch in range(3):
        sent = [
            {
                "features": {"moved": "a"} | {f"f{number}": value(number, row) for number in range(220)},
                "timestamp": iso(datetime.now(UTC) - timedelta(hours=batch + 1)),
            }
            for row in range(32)
        ]
        log(deployed, model_id, sent)
    with calls_to_aws(Sizes()):
        checked = deployed.call("POST", f"/drift/models/{model_id}/check")
        shown = deployed.call("GET", f"/drift/models/{model_id}/report")
    for answer in (checked, shown):
        assert answer.status == 200, answer.text[:500]
        assert MAX_ANSWER_BYTES * 0.9 < wide.quoted_bytes(answer) <= MAX_ANSWER_BYTES * 1.01
        empty = [feature["name"] for feature in answer.body["features"] if not feature["histogram"]["baseline"]]
        assert len(empty) == answer.body["histograms_left_out"] > 0
        assert "moved" not in empty


def test_an_alert_with_very_many_deliveries_shows_the_latest_and_counts_the_others(deployed: Stack) -> None:
    """Reminders of a year to many channels do not fit a response. Acknowledging the alert still answers 200."""
    model_id = make_model(deployed)
    log(deployed, model_id, rows(2, 2.0))
    assert deployed.call("POST", f"/drift/models/{model_id}/check").body["status"] == "drift"
    alert_id = deployed.call("GET", "/drift/alerts").body[0]["id"]
    attempts = [
        {"attempt": number, "at": "2026-11-06T07:26:10Z", "outcome": "retrying", "detail": '"' * 300}
        for number in range(1, 21)
    ]
    table = boto3.resource("dynamodb").Table(deployed.variables["DELIVERIES_TABLE"])
    with table.batch_writer() as batch:
        for number in range(1000):
            batch.put_item(
                {
                    "pk": alert_id,
                    "sk": f"{alert_id}-{number:04d}#channel",
                    "channel_id": "channel",
                    "channel_type": "slack",
                    "event": f"event {number}",
                    "outcome": "delivered",
                    "attempt": 20,
                    "attempts": json.dumps(attempts),
                }
            )
    shown = deployed.call("GET", f"/drift/alerts/{alert_id}")
    done = deployed.call("POST", f"/drift/alerts/{alert_id}/acknowledge", {"note": "seen"})
    for answer in (shown, done):
        assert answer.status == 200, answer.text[:500]
        assert wide.quoted_bytes(answer) < wide.MOST_ANSWER_BYTES
        events = {record["event"] for record in answer.body["deliveries"]}
        assert len(events) + answer.body["deliveries_left_out"] == 1000
        assert "event 999" in events
        assert "event 0" not in events


def test_errors_that_repeat_the_callers_own_text_stay_short(deployed: Stack) -> None:
    """Quotation marks in a name take four times as many bytes in the answer as in the request."""
    long = '"' * 1_900_000
    bad = [{"model_id": "m", "features": {long: 1}}, {"name": "m", long: 1}, {"name": "m", "settings": {long: 1}}]
    for path, body in zip(("/predictions", "/models", "/models"), bad, strict=True):
        answer = deployed.call("POST", path, body)
        assert 400 <= answer.status < 500
        assert wide.quoted_bytes(answer) < 10_000
    model_id = deployed.call("POST", "/models", {"name": "m"}).body["id"]
    name = '"' * 128
    sent: list[Any] = [{"features": {name: []}} for _ in range(4_998)]
    for good in ([], [{"features": {"a": 1}}]):
        answer = deployed.call("POST", "/predictions/batch", {"model_id": model_id, "predictions": [*good, *sent]})
        assert answer.status == (202 if good else 422)
        assert wide.quoted_bytes(answer) < 3_000_000
        assert len(answer.body["errors"]) + answer.body["errors_left_out"] == len(sent)


def test_lists_of_the_largest_entries_are_cut_before_they_are_read(deployed: Stack) -> None:
    """A page of large models ends early with a Link, and the pages together have every model once."""
    override = {"rule": "p_value", "min_samples": 100}
    features = dict.fromkeys(wide.NAMES, override)
    names = [f"m{number}" for number in range(20)]
    for name in names:
        assert deployed.call("POST", "/models", {"name": name, "settings": {"features": features}}).status == 201
    found: list[str] = []
    path: str | None = "/models?limit=500"
    while path is not None:
        answer = deployed.call("GET", path)
        assert wide.quoted_bytes(answer) < wide.MOST_ANSWER_BYTES
        found += [model["name"] for model in answer.body]
        path = answer.next_path
    assert found == names[::-1]
