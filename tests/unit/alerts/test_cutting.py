"""Alerts and events that would be too large for a table item or a message."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from driftguard.alerts import timeline, transitions
from driftguard.alerts.cutting import (
    ALERT_BYTES,
    ALERT_TEXT_BYTES,
    EVENT_BYTES,
    TIMELINE_BYTES,
    cut_alert,
    cut_event,
)
from driftguard.alerts.events import AlertEvent, event_alert
from driftguard.alerts.schemas import Alert, AlertFeature, Histogram, Shares
from driftguard.platform.sizes import longest_fit, squeeze

START = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
LETTERS = [chr(code) for code in range(0x20000, 0x2A6D6)]


def text(length: int, seed: int) -> str:
    """Return letters of four bytes that hardly compress."""
    return "".join(random.Random(seed).choices(LETTERS, k=length))


def alert(**changes: Any) -> Alert:
    """Return an open alert."""
    values: dict[str, Any] = {
        "id": "A1",
        "organization_id": "org",
        "model_id": "model",
        "model_name": text(128, 1),
        "alert_type": "data_quality",
        "status": "firing",
        "severity": "HIGH",
        "drift_score": 0.5,
        "p_value": 1e-9,
        "peak_score": 0.5,
        "detected_at": START,
        "last_detected_at": START,
        "occurrences": 1,
        "preliminary": False,
        "baseline_version": 1,
        "n_baseline": 100,
        "n_window": 100,
        "features": [],
        "recommended_actions": [],
    }
    return Alert.model_validate({**values, **changes})


def features(count: int) -> list[AlertFeature]:
    """Return features with the longest names and examples that an alert holds."""
    labels = [text(60, 10_000 + number) for number in range(32)]
    picture = Histogram(edges=None, categories=labels, baseline=[1 / 3] * 32, window=[1 / 3] * 32)
    return [
        AlertFeature(
            name=text(128, number),
            drift_score=1 / 3,
            p_value=1e-300,
            kind="new_categories",
            shares=Shares(baseline=1 / 3, window=2 / 3),
            new_categories=labels[:5],
            histogram=picture if number < 8 else None,
        )
        for number in range(count)
    ]


def size(stored: Alert) -> int:
    """Return the bytes of an alert in the table."""
    return len(squeeze(stored.model_dump_json()))


def test_an_alert_with_too_many_features_keeps_the_first_and_counts_the_others() -> None:
    """The stored alert is as long as allowed, and features and left-out features add up."""
    whole = alert(features=features(1000))
    cut = cut_alert(whole)
    assert size(whole) > ALERT_BYTES
    assert 0.9 * ALERT_BYTES < size(cut) <= ALERT_BYTES
    assert cut.features == whole.features[: len(cut.features)]
    assert len(cut.features) + cut.features_left_out == 1000


def test_an_alert_that_compresses_well_is_cut_to_what_a_response_can_hold() -> None:
    """Equal names compress to almost nothing, so the length of the JSON decides."""
    same = features(1)[0].model_copy(update={"histogram": None})
    cut = cut_alert(alert(features=[same] * 3000))
    assert len(cut.model_dump_json().encode()) <= ALERT_TEXT_BYTES
    assert len(cut.features) + cut.features_left_out == 3000


def test_a_cut_alert_that_is_stored_again_keeps_its_count() -> None:
    """Cutting a second time changes nothing."""
    cut = cut_alert(alert(features=features(1000)))
    assert cut_alert(cut) == cut


def test_notes_added_one_by_one_never_make_an_alert_too_large() -> None:
    """The timeline keeps its first entry and the latest ones, and counts the entries between them."""
    found = timeline.with_entry(alert(), START, "opened", "first")
    for number in range(60):
        now = START + timedelta(minutes=number)
        until = now + timedelta(hours=1)
        found = cut_alert(transitions.snooze(found, until=until, now=now, actor="ops", note=text(2000, number)))
        assert size(found) <= ALERT_BYTES
    notes = [entry.note or "" for entry in found.timeline]
    assert notes[0] == "first"
    assert notes[-1].endswith(text(2000, 59))
    assert notes[-2].endswith(text(2000, 58))
    assert len(found.timeline) + found.timeline_left_out == 61
    assert len(squeeze(json.dumps(notes, ensure_ascii=False))) <= TIMELINE_BYTES + 2000


def test_a_short_timeline_counts_the_entries_that_it_dropped_at_its_longest() -> None:
    """A timeline of short entries is limited by their number."""
    found = alert()
    for number in range(520):
        found = timeline.with_entry(found, START + timedelta(minutes=number), "reminded")
    assert (len(found.timeline), found.timeline_left_out) == (500, 20)


def test_an_event_fits_a_message_and_still_tells_how_many_features_there_are() -> None:
    """The event of the largest alert is below the limit of SNS."""
    whole = alert(features=features(500))
    event = AlertEvent(
        event_id="A1-0001",
        kind="opened",
        at=START,
        organization_id="org",
        model_id="model",
        model_name=whole.model_name,
        severity="HIGH",
        note=text(2000, 5),
        alert=event_alert(whole),
    )
    large = event.model_copy(update={"alert": event.alert.model_copy(update={"features": whole.features})})
    for found in (cut_event(event), cut_event(large)):
        assert len(found.model_dump_json().encode()) <= EVENT_BYTES
        assert found.alert.features_total == 500
    assert cut_event(event) == event


def test_the_longest_fit_is_the_largest_count_within_the_limit() -> None:
    """It is found for every limit, and is 0 when nothing fits."""
    for limit in range(-1, 12):
        expected = max((count for count in range(11) if count * count <= limit), default=0)
        assert longest_fit(10, lambda count: count * count, limit) == expected
