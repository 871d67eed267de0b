"""What people do with the dashboard, from the link in an e-mail on."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import HOSTILE, Visit

pytestmark = pytest.mark.stack


def test_a_link_to_an_alert_leads_through_the_key_to_an_acknowledged_and_resolved_alert(visit: Visit) -> None:
    """Somebody opens the link of an e-mail, sees what moved, takes it on and closes it, with the keyboard alone."""
    page, stack = visit.page, visit.stack
    visit.open(f"#/alerts/{stack.alert}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Data drift in arrival-delays")
    headline = re.compile(r"^delay differs from the baseline by 0\.\d{3}, more than daily and weekly cycles explain\.$")
    expect(page.locator(".lead")).to_have_text(headline)
    expect(page.get_by_role("button", name="delay", exact=True)).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("img", name=re.compile("Baseline against window"))).to_be_visible()
    expect(page.locator("svg .gapmark")).to_have_text(re.compile(r"^D = 0\.\d{3}$"))
    expect(page.get_by_role("heading", name="What to do")).to_be_visible()

    page.get_by_role("button", name="Acknowledge").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Note")).to_be_focused()
    page.keyboard.type("Storms over New York; the airline knows.")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("h1 + .tags")).to_contain_text("Acknowledged")
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    expect(page.locator("ol.timeline")).to_contain_text("Storms over New York; the airline knows.")
    assert stack.call("GET", f"/drift/alerts/{stack.alert}")["status"] == "acknowledged"

    page.get_by_role("button", name="Snooze").click()
    page.get_by_role("button", name="3 days").click()
    page.get_by_role("dialog").get_by_role("button", name="Snooze").click()
    expect(page.locator("h1 + .tags")).to_contain_text("Snoozed")

    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Resolve").click()
    page.get_by_role("dialog").get_by_role("button", name="Resolve").click()
    expect(page.locator("h1 + .tags")).to_contain_text("Resolved")
    expect(page.locator(".head .actions")).to_have_count(0)
    assert stack.call("GET", f"/drift/alerts/{stack.alert}")["status"] == "resolved"


def test_a_link_of_the_stack_on_this_machine_brings_its_key_and_forgets_it(visit: Visit) -> None:
    """The page opens signed in, and the address keeps the rest of the link. A wrong key asks for another one."""
    page, stack = visit.page, visit.stack
    page.goto(f"{stack.url}/dashboard#/models/{stack.drifted}?key={stack.keys['viewer']}&days=30")
    expect(page.get_by_role("heading", level=1)).to_contain_text("arrival-delays")
    assert page.evaluate("location.hash") == f"#/models/{stack.drifted}?days=30"
    page.goto(f"{stack.url}/")
    assert page.url == f"{stack.url}/dashboard"
    page.goto("about:blank")
    visit.answer("/me", 403, {"message": "Forbidden"})
    page.goto(f"{stack.url}/dashboard#/?key=wrong")
    expect(page.get_by_label("API key")).to_be_visible()
    visit.complaints.clear()  # the browser itself reports the 403


def test_an_alert_stored_without_a_direction_names_none(visit: Visit) -> None:
    """The headline of an older alert has the score and the limit only."""
    page, stack = visit.page, visit.stack
    alert = stack.call("GET", f"/drift/alerts/{stack.alert}")
    later = ("direction", "change")
    alert["features"] = [{name: value for name, value in alert["features"][0].items() if name not in later}]
    visit.answer(f"/drift/alerts/{stack.alert}", body=alert)
    visit.open(f"#/alerts/{stack.alert}")
    expect(page.locator(".lead")).to_have_text(
        re.compile(r"^delay has drifted: the score is 0\.\d{3}, the limit 0\.\d{3}\.$")
    )


def test_a_model_shows_its_features_opened_one_at_a_time(visit: Visit) -> None:
    """Numbers with distributions and the KS distance, categories with bars, each address a link of its own."""
    page = visit.page
    visit.open(f"#/models/{visit.stack.drifted}")
    expect(page.get_by_role("heading", level=1)).to_have_text("arrival-delays")
    expect(page.get_by_role("img", name=re.compile("^Drift score: "))).to_be_visible()
    first = page.locator("tbody tr").first
    expect(first).to_contain_text("delay")
    page.get_by_role("button", name="carrier").click()
    expect(page.locator("table.categories tbody tr")).to_have_count(4)
    page.get_by_role("button", name="prediction").click()
    expect(page.locator("svg .gapmark")).to_be_visible()
    assert "feature=prediction" in page.url
    page.reload()
    expect(page.get_by_role("button", name="prediction")).to_have_attribute("aria-expanded", "true")
    page.get_by_role("button", name=re.compile("^Drifted")).click()
    expect(page.locator("tbody tr:not(.detail)", has_text="carrier")).to_have_count(0)
    slider = page.get_by_label("Drift score, check by check")
    slider.focus()
    expect(page.locator(".readout").first).to_contain_text(re.compile(r"^0\.\d{3}"))


def test_the_caption_and_the_notice_are_those_of_the_report(visit: Visit) -> None:
    """The place of D comes from the report and not from the bars, and what the baseline lacks is listed."""
    page, stack = visit.page, visit.stack
    report = stack.call("GET", f"/drift/models/{stack.drifted}/report")
    (delay,) = [feature for feature in report["features"] if feature["name"] == "delay"]
    place = {"value": delay["at"]["value"], "baseline": 0.704, "window": 0.46, "words": "4 or less"}
    delay["at"] = place
    report["unwatched"] = [{"name": "Delay", "role": "feature", "share": 0.5, "renamed_from": "delay"}]
    report["unwatched_more"] = 3
    visit.answer(f"/drift/models/{stack.drifted}/report", body=report)
    visit.open(f"#/models/{stack.drifted}?feature=delay")
    expect(page.locator("tr.detail figcaption").first).to_contain_text(
        "differ most in the values of 4 or less: 70.4% of the baseline and 46.0% of the window"
    )
    expect(page.locator("div.notice li")).to_have_text("Delay: in 50.0% of the rows; perhaps delay under a new name")
    expect(page.locator("div.notice")).to_contain_text("3 more values came under further names")


def test_a_model_is_compared_with_earlier_days_that_a_person_chooses(visit: Visit) -> None:
    """The choice is in the address, asks the API once, and shows the scores and what is missing."""
    page, stack = visit.page, visit.stack
    found = stack.call("GET", f"/drift/models/{stack.drifted}/compare?reference=previous_period")
    assert found["days"] == 0
    visit.open(f"#/models/{stack.drifted}")
    choice = page.get_by_role("group", name="Compared with")
    expect(choice.get_by_role("button", name="Baseline only")).to_have_attribute("aria-pressed", "true")
    choice.get_by_role("button", name="7 days before").click()
    expect(page.get_by_text(found["reason"])).to_be_visible()
    assert "reference=previous_period" in page.url
    report = stack.call("GET", f"/drift/models/{stack.drifted}/report")
    features = [
        {
            **one,
            "status": "drift",
            "drift_score": 0.312,
            "threshold": 0.05,
            "p_value": 1e-9,
            "direction": "towards gold",
        }
        for one in found["features"]
        if one["name"] == "delay"
    ]
    kept = {**found, "source": "rolling_28d", "reason": None, "features": features, "drifted_features": ["delay"]}
    visit.answer(f"/drift/models/{stack.drifted}/report", body={**report, "reference": kept})
    visit.go("#/channels")
    visit.go(f"#/models/{stack.drifted}")
    expect(choice.get_by_role("button", name="28 days before")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("section", has=choice)).to_contain_text("1 of 1 feature")
    row = page.locator("tr", has_text="towards gold")
    expect(row).to_contain_text("0.312")


def test_the_last_hours_are_drawn_beside_the_same_hours_of_the_past(visit: Visit) -> None:
    """The place and size of the difference are those of the report's shares, for numbers and for categories."""
    page, stack = visit.page, visit.stack
    report = stack.call("GET", f"/drift/models/{stack.drifted}/report")
    of = {feature["name"]: feature for feature in report["features"]}
    sudden = {
        "from": report["checked_at"], "state": "taken", "score": 0.25, "onset": "2026-11-27T08:00:00.000000Z",
        "window_hours": 6, "reference": "working days", "reference_days": 10, "surprise": 1e-5, "min_detectable": 0.1,
    }  # fmt: skip
    of["delay"] |= {
        "sudden": sudden,
        "matched": {
            "edges": [None, -5.0, 4.0, 20.0, None], "categories": None,
            "baseline": [0.3, 0.3, 0.2, 0.2], "window": [0.2, 0.15, 0.35, 0.3],
        },
    }  # fmt: skip
    of["carrier"] |= {
        "sudden": {**sudden, "score": 0.2},
        "matched": {
            "edges": None, "categories": ["UA", "B6", "__other__"],
            "baseline": [0.5, 0.3, 0.2], "window": [0.3, 0.3, 0.4],
        },
    }  # fmt: skip
    visit.answer(f"/drift/models/{stack.drifted}/report", body=report)
    visit.open(f"#/models/{stack.drifted}?feature=delay")
    matched = page.locator(".matched")
    expect(matched.get_by_role("heading")).to_have_text("Last 6 hours against the same hours of working days")
    expect(matched.locator("figcaption")).to_contain_text("values of 4 or less: 60.0% of the usual values and 35.0% of")
    expect(matched.locator("svg .gapmark")).to_have_text("D = 0.250")
    expect(matched).to_contain_text("The usual values come from 10 days at the same hours")
    page.get_by_role("button", name="carrier", exact=True).click()
    expect(matched.get_by_role("row", name=re.compile("^all other values"))).to_contain_text("+20.0 pp")
    expect(matched).to_contain_text("The last hours differ from them by 0.200")
    assert visit.problems() == []


def test_an_alert_of_data_quality_shows_its_own_limit(visit: Visit) -> None:
    """Rise and limits of p and of the share, the types that came, and not the limit of the drift test."""
    page, stack = visit.page, visit.stack
    alert = stack.call("GET", f"/drift/alerts/{stack.alert}")
    feature = {
        **alert["features"][0], "kind": "wrong_type", "test": "fisher", "drift_score": 0.048, "p_value": 1e-9,
        "threshold": 0.02, "p_threshold": 3.5e-7, "at": None, "shares": {"baseline": 0.0, "window": 0.048},
        "type_change": {"type": "categorical", "share": 0.048, "expected": "numeric", "example": "41"},
    }  # fmt: skip
    body = {
        **alert, "alert_type": "data_quality", "drift_score": 0.048, "peak_score": 0.048, "p_value": 1e-9,
        "limit": {"score": 0.02, "p_value": 3.5e-7}, "features": [feature],
    }  # fmt: skip
    visit.answer(f"/drift/alerts/{stack.alert}", body=body)
    visit.open(f"#/alerts/{stack.alert}")
    expect(page.locator(".lead")).to_contain_text("numbers in the baseline, texts such as “41” now")
    facts = page.locator("dl").first
    expect(facts).to_contain_text("+4.8 pp")
    expect(facts).to_contain_text("limit +2.0 pp")
    expect(facts).to_contain_text("limit 3.5 × 10⁻⁷")
    own = page.locator("tr.detail dl")
    expect(own).to_contain_text("+2.0 pp")
    expect(own).not_to_contain_text("0.050")


def test_the_chart_covers_the_chosen_days(visit: Visit) -> None:
    """A model made just now begins with one day; seven are seven, with its checks at the right end."""
    page = visit.page
    visit.open(f"#/models/{visit.stack.drifted}")
    chart = page.get_by_role("img", name=re.compile("^Drift score: "))
    expect(page.get_by_role("button", name="1 day", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(chart).to_have_attribute("aria-label", re.compile(r"checks? in 24 h, "))
    for days in (7, 30, 120):
        page.get_by_role("button", name=f"{days} days", exact=True).click()
        expect(chart).to_have_attribute("aria-label", re.compile(rf"checks? in {days} days, "))
        expect(chart).to_contain_text("no checks before")
        marks = chart.locator(".tick.middle")
        assert marks.count() >= 5
        assert all(re.search(r"\d [A-Z][a-z]+$", mark) for mark in marks.all_text_contents())
        width = page.locator(".plot").first.evaluate("plot => plot.clientWidth")
        assert chart.locator(".dot").last.evaluate("dot => dot.getBBox().x") > 0.95 * width


def test_checks_at_changing_intervals_are_one_line_and_a_pause_is_a_gap(visit: Visit) -> None:
    """Checks every 6 hours and then every hour are connected; four days without checks are not."""
    page, stack = visit.page, visit.stack
    (row,) = stack.call("GET", f"/drift/models/{stack.drifted}/history?limit=1")
    hours = [*range(600, 500, -6), *range(400, 100, -6), *range(100, 0, -1)]
    times = [datetime.now(UTC) - timedelta(hours=back) for back in reversed(hours)]
    body = [{**row, "checked_at": time.isoformat().replace("+00:00", "Z")} for time in times]
    visit.answer(f"/drift/models/{stack.drifted}/history", body=body)
    visit.open(f"#/models/{stack.drifted}?days=30")
    chart = page.get_by_role("img", name=re.compile("^Drift score: "))
    expect(chart.locator("path.curve.score")).to_have_count(2)
    expect(chart.locator("circle.dot")).to_have_count(0)


def test_alerts_are_sorted_by_severity(visit: Visit) -> None:
    """High comes before medium and low, turned round on a second click; the choice is in the address."""
    page, stack = visit.page, visit.stack
    alert = stack.call("GET", f"/drift/alerts/{stack.alert}")
    levels = ["LOW", "HIGH", "MEDIUM"]
    body = [{**alert, "id": level, "severity": level, "limit": {"score": 0.097}} for level in levels]
    visit.answer("/drift/alerts?limit=50", body=body)
    visit.open("#/alerts")
    shown = page.locator("tbody .severity")
    expect(shown).to_have_text(["Low", "High", "Medium"])
    page.get_by_role("button", name="Severity").click()
    expect(shown).to_have_text(["High", "Medium", "Low"])
    assert "sort=severity" in page.url
    page.get_by_role("button", name="Severity").click()
    expect(shown).to_have_text(["Low", "Medium", "High"])
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("tbody small", has_text="limit 0.097")).to_have_count(3)
    expect(page.locator("tbody small", has_text="limit 0.097").first).to_be_visible()


def test_open_alerts_are_shaded_once_however_many(visit: Visit) -> None:
    """Alerts at the same time are lines above each other and one shade, which the legend explains."""
    page, stack = visit.page, visit.stack
    alert = stack.call("GET", f"/drift/alerts/{stack.alert}")
    three = [{**alert, "id": str(number), "status": "firing", "resolved_at": None} for number in range(3)]
    visit.answer(f"/drift/models/{stack.drifted}/alerts", body=three)
    visit.open(f"#/models/{stack.drifted}")
    expect(page.locator("svg .lane")).to_have_count(3)
    expect(page.locator("svg .span")).to_have_count(1)
    expect(page.locator(".spans")).to_contain_text("an alert was open")


def test_the_number_in_the_navigation_is_the_overviews(visit: Visit) -> None:
    """All open alerts count, also those that somebody has seen; one that is resolved leaves at once."""
    page, stack = visit.page, visit.stack
    alert = next(alert for alert in stack.call("GET", "/drift/alerts?status=firing") if alert["id"] != stack.alert)
    stack.call("POST", f"/drift/alerts/{alert['id']}/acknowledge", {})
    total = sum(model["open_alerts"] for model in stack.call("GET", "/models"))
    assert total > len(stack.call("GET", "/drift/alerts?status=firing"))
    visit.open()
    expect(page.get_by_role("navigation", name="Main").get_by_label(f"{total} open")).to_have_text(str(total))
    expect(page.get_by_role("link", name="arrival-delays", exact=True)).to_be_visible()
    shown = page.locator("tbody td.number .above").all_inner_texts()
    assert sum(int(number) for number in shown) == total
    visit.go(f"#/alerts/{alert['id']}")
    page.get_by_role("button", name="Resolve").click()
    page.get_by_role("dialog").get_by_role("button", name="Resolve").click()
    expect(page.locator("h1 + .tags")).to_contain_text("Resolved")
    expect(page.locator("nav .count")).to_have_text([str(total - 1)] if total > 1 else [])


def test_a_model_says_that_a_resolved_alert_holds_the_next_one_back(visit: Visit) -> None:
    """While drift goes on without an open alert; not where the alert was below its limit anyway."""
    page, stack = visit.page, visit.stack
    model = stack.call("GET", f"/models/{stack.drifted}")
    alert = stack.call("GET", f"/drift/alerts/{stack.alert}")
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    opened, done = {"at": alert["detected_at"], "event": "opened"}, {"at": now, "event": "resolved"}
    resolved = {**alert, "status": "resolved", "resolved_at": now, "timeline": [opened, done]}
    visit.answer(f"/models/{stack.drifted}", body={**model, "state": "drift", "open_alerts": 0})
    visit.answer(f"/drift/models/{stack.drifted}/alerts", body=[resolved])
    visit.answer(f"/drift/alerts/{stack.alert}", body=resolved)
    visit.open(f"#/models/{stack.drifted}")
    expect(page.locator("main .notice")).to_contain_text("Data drift was resolved by hand just now")
    below = {"at": alert["detected_at"], "event": "below"}
    visit.answer(f"/drift/alerts/{stack.alert}", body={**resolved, "timeline": [opened, below, done]})
    page.reload()
    expect(page.get_by_role("img", name=re.compile("^Drift score: "))).to_be_visible()
    visit.settle()
    expect(page.locator("main .notice")).to_have_count(0)


def test_settings_are_previewed_before_they_are_saved(visit: Visit) -> None:
    """A minimum above the drift shows no alert where the saved settings show some; then it is stored."""
    page, model = visit.page, visit.stack.steady
    visit.open(f"#/models/{visit.stack.drifted}/settings")
    page.get_by_label("Minimum score", exact=True).fill("0.95")
    page.get_by_label(re.compile("first week", re.IGNORECASE)).fill("0.95")
    page.get_by_role("button", name="Preview").click()
    outcomes = page.locator(".outcome")
    expect(outcomes).to_have_count(2, timeout=30_000)  # two replays of 14 days, on a machine that may be busy
    expect(outcomes.nth(0).locator(".figures")).to_contain_text(re.compile(r"^[1-9]"))
    expect(outcomes.nth(1)).not_to_contain_text("Data drift")

    visit.go(f"#/models/{model}/settings")
    page.get_by_label("Reminder interval (hours)").fill("48")
    page.get_by_label("Name of a feature").fill("carrier")
    page.get_by_role("button", name="Add").click()
    page.get_by_label("Minimum score of carrier").fill("0.2")
    expect(page.get_by_text("2 changes not saved.")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. The next check uses the new settings.")).to_be_visible()
    stored = visit.stack.call("GET", f"/models/{model}")["settings"]
    assert stored["renotify_hours"] == 48
    assert stored["features"]["carrier"]["min_drift_score"] == 0.2


def test_a_baseline_is_made_of_recent_predictions_and_the_older_one_restored(visit: Visit) -> None:
    """Versions say which is in use."""
    page = visit.page
    visit.open(f"#/models/{visit.stack.steady}/baseline")
    expect(page.get_by_role("row", name=re.compile("^1 1,500"))).to_contain_text("In use")
    page.get_by_role("button", name="Create baseline from recent predictions").click()
    page.get_by_role("button", name="Create baseline", exact=True).click()
    expect(page.get_by_role("row", name=re.compile("^2 900"))).to_contain_text("In use")
    page.get_by_role("button", name="Restore version 1").click()
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(page.get_by_role("row", name=re.compile("^1 1,500"))).to_contain_text("In use")


def test_a_channel_is_added_tested_changed_and_deleted(visit: Visit) -> None:
    """The test message really goes out."""
    page = visit.page
    visit.open("#/channels")
    page.get_by_role("button", name="New channel").click()
    page.get_by_label("Name").fill("Night watch")
    page.get_by_label("To", exact=True).fill("night@example.com, second@example.com")
    page.get_by_label("Severity").select_option("HIGH")
    page.get_by_role("button", name="Add channel").click()
    card = page.locator(".card", has_text="Night watch")
    expect(card).to_contain_text("night@example.com, second@example.com")
    card.get_by_role("button", name="Send a test").click()
    expect(card).to_contain_text("The test message was delivered.")
    sent = visit.stack.call("GET", "/_local/outbox")
    assert {tuple(message["to"]) for message in sent if message["channel"] == "email"} >= {
        ("night@example.com",),
        ("second@example.com",),
    }
    card.get_by_role("button", name="Edit").click()
    page.get_by_label("To", exact=True).fill("no address")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("The channel was not saved.")
    page.get_by_label("To", exact=True).fill("day@example.com")
    page.get_by_role("button", name="Save").click()
    expect(card).to_contain_text("day@example.com")
    card.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(card).to_have_count(0)
    visit.expect(422)


def test_a_new_model_is_told_how_to_begin(visit: Visit) -> None:
    """The snippets carry the address and the model's id or name; the same name twice is refused in place."""
    page = visit.page
    visit.open()
    page.get_by_role("button", name="New model").click()
    page.get_by_label("Name").fill("arrival-delays")
    page.get_by_role("button", name="Create model").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("The model was not created.")
    page.get_by_label("Name").fill("brand new")
    page.get_by_role("button", name="Create model").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("brand new")
    expect(page.locator(".lead")).to_contain_text("No baseline yet.")
    model = re.search(r"#/models/([^/?]+)", page.url)
    assert model is not None
    for snippet in page.locator(".snippet code").all_text_contents():
        assert visit.stack.url in snippet
        assert model[1] in snippet or 'dg.model("brand new")' in snippet
    visit.go(f"#/models/{model[1]}/settings")
    page.get_by_role("button", name="Delete model").click()
    delete = page.get_by_role("button", name="Delete permanently")
    expect(delete).to_be_disabled()
    page.get_by_label("Type the model's name").fill("brand new")
    delete.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(page.get_by_role("link", name="brand new")).to_have_count(0)
    visit.expect(409)


def test_the_snippet_logs_a_prediction_as_it_is(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python shown, with all features of the model's own baseline, runs and is accepted."""
    page, stack = visit.page, visit.stack
    visit.open(f"#/models/{stack.steady}/connect")
    expect(page.locator(".snippet").nth(1)).to_contain_text("carrier")
    code = page.get_by_label("Python", exact=True).inner_text()
    monkeypatch.setenv("DRIFTGUARD_KEY", stack.keys["ingest"])
    before = stack.call("GET", f"/models/{stack.steady}/predictions?limit=1")[0]
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["dg"].close()
    newest = stack.call("GET", f"/models/{stack.steady}/predictions?limit=1")[0]
    assert newest["prediction_id"] != before["prediction_id"]
    baseline = stack.call("GET", f"/models/{stack.steady}/baseline")
    assert set(newest["features"]) == {one["name"] for one in baseline["features"] if one["role"] == "feature"}
    assert HOSTILE in newest["features"]
    assert newest["features"]["carrier"] in {"UA", "B6", "DL", "AA"}


def test_the_snippet_of_a_new_model_sets_its_baseline(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python shown for a model without a baseline makes one out of a DataFrame."""
    page, stack = visit.page, visit.stack
    model = stack.call("POST", "/models", {"name": 'quoted "name"'})
    visit.open(f"#/models/{model['id']}/connect")
    code = page.get_by_label("Python", exact=True).first.inner_text()
    monkeypatch.setenv("DRIFTGUARD_ADMIN_KEY", stack.keys["admin"])
    train = pd.DataFrame({"age": range(200), "pred": 0.5})
    exec(code, {"train": train})
    baseline = stack.call("GET", f"/models/{model['id']}/baseline")
    assert (baseline["rows"], {one["name"] for one in baseline["features"]}) == (200, {"age", "prediction"})
    stack.call("DELETE", f"/models/{model['id']}")


def test_names_are_text_whatever_is_in_them(visit: Visit) -> None:
    """HTML in a model's, a label's and a feature's name is shown, not run."""
    page = visit.page
    visit.open()
    row = page.get_by_role("row", name=re.compile("steady"))
    expect(row).to_contain_text(f"steady {HOSTILE}")
    expect(row).to_contain_text(f"team: {HOSTILE}")
    row.get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"steady {HOSTILE}")
    page.get_by_role("button", name=HOSTILE).click()
    visit.settle()
    assert page.locator("main img, main th b").count() == 0
    assert page.evaluate("window.hacked") is None


def test_search_sort_and_filters_are_in_the_address(visit: Visit) -> None:
    """A link shows what its sender saw."""
    page = visit.page
    visit.open()
    page.get_by_label("Search models").fill("steady")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.reload()
    expect(page.get_by_label("Search models")).to_have_value("steady")
    expect(page.locator("tbody tr")).to_have_count(1)
    visit.go("#/alerts?status=firing&severity=LOW&alert_type=no_data")
    expect(page.get_by_role("heading", name="No alerts match")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("tbody tr").first).to_contain_text("arrival-delays")
