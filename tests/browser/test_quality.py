"""That the page can be read by everybody, is small, and keeps to itself."""

import gzip

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import CUT_OFF, Stack, Visit

pytestmark = pytest.mark.stack

MOST_BYTES = 150_000


def routes(stack: Stack) -> dict[str, str]:
    """Every page, by a word for it."""
    return {
        "overview": "#/",
        "alerts": "#/alerts",
        "alert": f"#/alerts/{stack.alert}",
        "model": f"#/models/{stack.drifted}?feature=delay",
        "categories": f"#/models/{stack.drifted}?feature=carrier",
        "baseline": f"#/models/{stack.drifted}/baseline",
        "model settings": f"#/models/{stack.drifted}/settings",
        "connect": f"#/models/{stack.drifted}/connect",
        "channels": "#/channels",
        "settings": "#/settings",
    }


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_every_page_passes_axe_and_fits_its_width(visit: Visit, theme: str, width: int) -> None:
    """No violation of any of axe's rules in either theme, wide or on a phone; nothing to scroll sideways."""
    page = visit.page
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 844})
    found: list[tuple[str, str, list[list[str]]]] = []
    page.goto(f"{visit.stack.url}/dashboard")

    def look(name: str) -> None:
        found.extend((name, *problem) for problem in visit.problems())

    expect(page.get_by_label("API key")).to_be_visible()
    look("key")
    page.get_by_label("API key").fill(visit.stack.keys["admin"])
    page.keyboard.press("Enter")
    for name, route in routes(visit.stack).items():
        visit.go(route)
        expect(page.locator(".loading")).to_have_count(0)
        visit.settle()
        look(name)
    page.get_by_role("button", name="Forget this key").wait_for()
    visit.go("#/channels")
    page.get_by_role("button", name="New channel").click()
    look("new channel")
    assert found == []


@pytest.mark.parametrize("width", [360, 390])
def test_long_categories_and_large_changes_fit_a_phone(visit: Visit, width: int) -> None:
    """An alert about new categories: no column is cut off, and percent signs are written in one way."""
    page, stack = visit.page, visit.stack
    alert = stack.call("GET", f"/drift/alerts/{stack.alert}")
    names = ["DE", "a_value_without_any_space_in_it", "__new__"]
    picture = {"categories": names, "baseline": [0.0, 1000.0, 0.0], "window": [1000.0, 0.0, 0.0]}
    feature = {
        **alert["features"][0],
        "name": "country",
        "new_categories": ["FR", "IT"],
        "threshold": 0.02,
        "type": "categorical",
        "kind": "new_categories",
        "shares": {"baseline": 0.0, "window": 0.243},
        "histogram": picture,
    }
    body = {**alert, "alert_type": "data_quality", "features": [feature]}
    visit.answer(f"/drift/alerts/{stack.alert}", body=body)
    page.set_viewport_size({"width": width, "height": 844})
    visit.open(f"#/alerts/{stack.alert}")
    expect(page.locator("table.categories tbody tr")).to_have_count(3)
    expect(page.locator("table.categories")).to_contain_text("+100.0 pp")
    expect(page.locator("table.categories")).to_contain_text("values not in the baseline: FR, IT")
    expect(page.locator(".lead")).to_contain_text("new categories (“FR”, “IT”) went from 0% to 24.3%")
    expect(page.locator("tbody small", has_text="limit +2.0 pp")).to_be_visible()
    assert not page.evaluate(CUT_OFF)
    right = "element => element.getBoundingClientRect().right"
    edge = page.locator("table.categories").evaluate(right)
    ends = page.locator("table.categories :is(th, td):not(:nth-child(2))").evaluate_all(
        "cells => cells.map(cell => { const range = document.createRange(); range.selectNodeContents(cell);"
        " return [range.getBoundingClientRect().right, cell.getBoundingClientRect().right] })"
    )
    assert [(text, cell) for text, cell in ends if text > cell + 0.5 or cell > edge + 0.5] == []


def test_a_chosen_theme_outlives_the_tab_and_the_key_does_not(visit: Visit, browser: Browser) -> None:
    """The choice is kept, the key is not."""
    page = visit.page
    visit.open("#/settings")
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate("getComputedStyle(document.body.parentElement).colorScheme") == "dark"
    other = page.context.new_page()
    other.goto(f"{visit.stack.url}/dashboard")
    expect(other.get_by_label("API key")).to_be_visible()
    assert other.evaluate("document.documentElement.dataset.theme") == "dark"


def test_times_are_the_viewers_and_utc_is_at_hand(visit: Visit) -> None:
    """Two hours or one apart in Berlin, the tooltip in UTC."""
    page = visit.page
    visit.open(f"#/alerts/{visit.stack.alert}")
    time = page.locator(".facts time").first
    at = time.get_attribute("datetime") or ""
    expect(time).to_have_attribute("title", f"{at[:19].replace('T', ' ')} UTC")
    local = page.evaluate("at => new Date(at).toLocaleTimeString('en-GB', {hour: '2-digit', minute: '2-digit'})", at)
    assert local != at[11:16]
    expect(time).to_contain_text(local)
    expect(page.get_by_role("contentinfo")).to_contain_text("Europe/Berlin")


def test_the_page_is_small_cached_for_good_and_locked_in(stack: Stack) -> None:
    """Under 150 kB compressed in all; hashed names never asked for twice; no script or address but its own."""
    page = httpx.get(f"{stack.url}/dashboard")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    names = [part.split('"')[0] for part in page.text.split('"dashboard/')[1:]]
    assert {name.rsplit(".", 1)[1] for name in names} == {"js", "css", "svg"}
    size = len(gzip.compress(page.content))
    for name in names:
        answer = httpx.get(f"{stack.url}/dashboard/{name}")
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        size += len(gzip.compress(answer.content))
    assert size < MOST_BYTES
    for path in ("/dashboard/index.html", "/dashboard/nothing.js", "/dashboard/a/b", "/dashboard/..%2Fapp.py"):
        missing = httpx.get(stack.url + path)
        assert (missing.status_code, missing.json()["title"]) == (404, "Not Found"), path
    slash = httpx.get(f"{stack.url}/dashboard/")
    assert (slash.status_code, slash.headers["location"]) == (308, "../dashboard")
