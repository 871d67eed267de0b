"""Keys that do not fit, an API that is slow, strict or gone, and more than anyone expected."""

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Stack, Visit

pytestmark = pytest.mark.stack


def test_a_wrong_key_is_refused_and_not_kept(visit: Visit) -> None:
    """The prompt says so and stays."""
    page = visit.page
    visit.open("#/alerts", key="not-a-key")
    expect(page.get_by_role("alert")).to_contain_text("does not know this key")
    expect(page.get_by_label("API key")).to_be_focused()
    assert page.evaluate("JSON.stringify([sessionStorage.length, localStorage.length])") == "[0,0]"
    page.get_by_label("API key").fill(visit.stack.keys["viewer"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Alerts")
    assert page.evaluate("sessionStorage.length") == 1
    assert page.evaluate("localStorage.length") == 0
    visit.expect(403)


def test_an_ingest_key_is_told_what_it_may_do(visit: Visit) -> None:
    """It reads nothing, and leads back to the prompt."""
    page = visit.page
    visit.open(key=visit.stack.keys["ingest"])
    expect(page.get_by_role("heading", level=1)).to_have_text("This key only logs predictions")
    page.get_by_role("button", name="Use another key").click()
    expect(page.get_by_label("API key")).to_be_visible()


def test_a_viewer_is_offered_nothing_that_it_may_not_do(visit: Visit) -> None:
    """No button that changes anything, on any page; settings can be read."""
    page, stack = visit.page, visit.stack
    visit.open(key=stack.keys["viewer"])
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    seen = set()
    for route in (
        "#/",
        f"#/alerts/{stack.alert}",
        f"#/models/{stack.drifted}",
        f"#/models/{stack.drifted}/baseline",
        f"#/models/{stack.drifted}/settings",
        "#/channels",
    ):
        visit.go(route)
        visit.settle()
        seen |= set(page.get_by_role("button").all_inner_texts())
    words = "new|acknowledge|snooze|resolve|check now|restore|make|create|save|preview|delete|edit|test"
    assert [text for text in seen if re.search(words, text, re.I)] == []
    visit.go(f"#/models/{stack.drifted}/settings")
    expect(page.get_by_label("Minimum score", exact=True)).to_be_disabled()


def issue_viewer_key(stack: Stack) -> tuple[str, str]:
    """Another viewer's key of the stack's organization: its id and its value."""
    organization = stack.call("GET", "/me")["organization"]["id"]
    answer = operate(stack, {"action": "issue_key", "organization_id": organization, "role": "viewer"})
    return answer["api_key_id"], answer["api_key"]


def operate(stack: Stack, command: dict[str, Any]) -> dict[str, Any]:
    """What the function for organizations answers to a command."""
    credentials: dict[str, Any] = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = boto3.client("lambda", endpoint_url=stack.aws_endpoint, region_name="eu-west-1", **credentials)
    name = stack.functions["ManageOrganizationsFunction"]
    answer: dict[str, Any] = json.load(client.invoke(FunctionName=name, Payload=json.dumps(command))["Payload"])
    return answer


def test_a_key_revoked_meanwhile_leads_back_to_the_prompt(visit: Visit) -> None:
    """It says why, forgets the key, and the next key arrives where the visitor was."""
    page, stack = visit.page, visit.stack
    key_id, key = issue_viewer_key(stack)
    visit.open(key=key)
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    organization = stack.call("GET", "/me")["organization"]["id"]
    operate(stack, {"action": "revoke_key", "organization_id": organization, "api_key_id": key_id})
    page.get_by_role("link", name="Channels").click()
    expect(page.get_by_role("alert")).to_contain_text("no longer accepted")
    assert page.evaluate("sessionStorage.length") == 0
    page.get_by_label("API key").fill(stack.keys["viewer"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Channels")
    visit.expect(403)


def test_an_api_that_is_gone_is_said_to_be_gone_and_found_again(visit: Visit) -> None:
    """What was seen stays on the page; trying again is one button."""
    page = visit.page
    visit.open()
    expect(page.get_by_role("link", name="arrival-delays", exact=True)).to_be_visible()
    page.route(re.compile(r"/(models|drift|alert-channels|scheduler)"), lambda route: route.abort())
    page.get_by_role("link", name="Channels").click()
    expect(page.get_by_role("alert")).to_contain_text("The API does not answer")
    expect(page.locator(".notices")).to_contain_text("The data shown may be out of date")
    page.get_by_role("link", name="Overview", exact=True).click()
    expect(page.get_by_role("link", name="arrival-delays", exact=True)).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("Could not load the models.")
    page.unroute_all()
    page.get_by_role("button", name="Try again").first.click()
    expect(page.locator(".notices")).to_be_empty()
    expect(page.get_by_role("alert")).to_have_count(0)
    visit.complaints[:] = [said for said in visit.complaints if "ERR_FAILED" not in said]


def test_a_throttled_page_waits_as_long_as_it_is_asked_to(visit: Visit) -> None:
    """Retry-After is kept and shown; then the page goes on by itself."""
    page = visit.page
    turned_away: list[str] = []

    def throttle(route: Route) -> None:
        if len(turned_away) < 2:
            turned_away.append(route.request.url)
            route.fulfill(status=429, headers={"retry-after": "1"}, json={"message": "Too Many Requests"})
        else:
            route.continue_()

    page.route(re.compile("/alert-channels"), throttle)
    visit.open("#/channels")
    expect(page.locator(".notices")).to_contain_text("Trying again in 1 s")
    expect(page.get_by_role("heading", name="On call")).to_be_visible()
    expect(page.locator(".notices")).to_be_empty()
    assert len(turned_away) == 2
    visit.expect(429)


def test_a_server_error_gives_the_number_to_ask_with(visit: Visit) -> None:
    """A 500 shows its request id and a way to try again."""
    visit.answer("/alert-channels", 500, {"detail": "Something failed."}, {"x-request-id": "r-123"})
    visit.open("#/channels")
    alert = visit.page.get_by_role("alert")
    expect(alert).to_contain_text("Something failed.")
    expect(alert).to_contain_text("r-123")
    visit.expect(500)


def test_a_channel_that_does_not_work_is_marked_with_the_reason(visit: Visit) -> None:
    """Since when, and what its provider said; one that works has no mark."""
    health = {"status": "unhealthy", "reason": "Slack answered 404: no_service", "since": "2026-11-20T08:00:00Z"}
    channels = visit.stack.call("GET", "/alert-channels")
    broken = {**channels[0], "id": "x", "name": "Broken", "type": "slack", "webhook_url": "https://h/****"}
    visit.answer("/alert-channels?", body=[{**broken, "health": health}, *channels])
    visit.open("#/channels")
    card = visit.page.locator(".card", has_text="Broken")
    expect(card).to_contain_text("Unhealthy")
    expect(card).to_contain_text("Slack answered 404: no_service")
    expect(visit.page.get_by_text("Unhealthy")).to_have_count(1)


def test_ten_thousand_alerts_come_a_page_at_a_time(visit: Visit) -> None:
    """Only what is asked for is fetched, and the cursor of another host's link is used on this one."""
    page, stack = visit.page, visit.stack
    model = stack.call("GET", f"/drift/alerts/{stack.alert}")
    alerts = [
        {**model, "id": f"a{number}", "model_name": f"model {number}", "status": "firing"} for number in range(10_000)
    ]
    asked: list[tuple[int, int]] = []

    def fulfil(route: Route) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        limit, start = int(query.get("limit", ["50"])[0]), int(query.get("cursor", ["0"])[0])
        asked.append((limit, start))
        link = f'<https://elsewhere.example/v1/drift/alerts?limit={limit}&cursor={start + limit}>; rel="next"'
        route.fulfill(
            json=alerts[start : start + limit], headers={"link": link, "access-control-expose-headers": "link"}
        )

    page.route(re.compile(r"/drift/alerts\?"), fulfil)
    visit.open("#/alerts")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    for pages in range(2, 6):
        page.get_by_role("button", name="Older alerts").click()
        expect(rows).to_have_count(50 * pages)
    expect(rows.nth(249)).to_contain_text("model 249")
    expect(page.locator("nav .count")).to_have_text("99+")
    assert [start for limit, start in asked if limit == 50] == [0, 50, 100, 150, 200]


def test_five_hundred_features_are_listed_searched_and_opened(visit: Visit) -> None:
    """The list grows on demand; a search finds any."""
    page, stack = visit.page, visit.stack
    report = stack.call("GET", f"/drift/models/{stack.drifted}/report")
    report["features"] = [{**report["features"][0], "name": f"feature {number:03}"} for number in range(500)]
    visit.answer(f"/drift/models/{stack.drifted}/report", body=report)
    visit.open(f"#/models/{stack.drifted}")
    rows = page.locator("tbody tr:not(.detail)")
    expect(rows).to_have_count(60)
    page.get_by_role("button", name="Show more (440)").click()
    expect(rows).to_have_count(300)
    page.get_by_label("Search features").fill("feature 499")
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="feature 499").click()
    expect(page.locator("svg .gapmark")).to_be_visible()


def test_what_is_not_there_is_said_plainly(visit: Visit) -> None:
    """Another organization's alert or model, and a page that never was."""
    page = visit.page
    visit.open("#/alerts/nobody-s")
    expect(page.get_by_role("heading", name="Alert not found")).to_be_visible()
    visit.go("#/models/nobody-s")
    expect(page.get_by_role("heading", name="Model not found")).to_be_visible()
    visit.go("#/never-was")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    visit.expect(404)


def test_an_empty_organization_is_shown_where_to_begin(visit: Visit) -> None:
    """No model, no alert, no channel: each page says what would be there."""
    page = visit.page
    for path in ("/models?", "/drift/alerts?", "/alert-channels?"):
        visit.answer(path, body=[])
    visit.open()
    expect(page.get_by_role("heading", name="No models yet")).to_be_visible()
    visit.go("#/alerts")
    expect(page.get_by_role("heading", name="No alerts yet")).to_be_visible()
    visit.go("#/channels")
    expect(page.get_by_role("heading", name="No channels yet")).to_be_visible()
