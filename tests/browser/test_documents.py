"""An alert and a report as documents: printed, or saved as one file."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import HOSTILE, Stack, Visit

pytestmark = pytest.mark.stack

FINDS = (
    "({scripts: document.scripts.length, handlers: [...document.querySelectorAll('*')].flatMap(element =>"
    " [...element.attributes]).filter(({name}) => name.startsWith('on')).length,"
    " controls: document.querySelectorAll('button, input, select, nav, dialog').length,"
    " hacked: window.hacked})"
)


def routes(stack: Stack) -> dict[str, str]:
    """The pages that can be saved."""
    return {
        "alert": f"#/alerts/{stack.alert}",
        "report": f"#/models/{stack.drifted}?feature=delay",
        "hostile report": f"#/models/{stack.steady}",
    }


def saved(visit: Visit, folder: Path) -> Path:
    """The file that the page saves."""
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Save as HTML").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


@pytest.mark.parametrize("name", ["alert", "report", "hostile report"])
def test_a_saved_page_needs_nothing_and_has_the_pages_numbers(
    visit: Visit, browser: Browser, tmp_path: Path, name: str
) -> None:
    """The file opens without any request and without a script, has all numbers of the page, and no key."""
    page, stack = visit.page, visit.stack
    visit.open(routes(stack)[name])
    expect(page.locator("main > .facts")).to_be_visible()
    expect(page.locator(".loading, .waiting")).to_have_count(0)
    visit.settle()
    facts = page.locator("main > .facts dd").all_inner_texts()
    numbers = page.locator("main table td.number:visible").all_inner_texts()
    assert len(facts) >= 6
    assert len(numbers) >= 3
    path = saved(visit, tmp_path)
    expect(page.get_by_role("button", name="Save as HTML")).to_be_enabled()  # the page is back on the screen
    text = path.read_text()
    assert re.fullmatch(r"[a-z0-9-]+-\d{4}-\d\d-\d\d\.html", path.name)
    assert not [role for role, key in stack.keys.items() if key in text]

    reader = browser.new_context(offline=True, color_scheme="dark", timezone_id="America/New_York")
    other = reader.new_page()
    asked: list[str] = []
    said: list[str] = []
    other.on("request", lambda request: asked.append(request.url))
    other.on("console", lambda message: said.append(message.text))
    other.goto(path.as_uri())
    assert (asked, said) == ([path.as_uri()], [])
    assert other.evaluate(FINDS) == {"scripts": 0, "handlers": 0, "controls": 0, "hacked": None}
    shown = other.locator("main").inner_text()
    relative = re.compile(r"just now|ago|so far")
    assert [fact for fact in facts if not relative.search(fact) and fact not in shown] == []
    assert [number for number in numbers if number not in shown] == []
    assert other.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    assert HOSTILE in shown or name == "alert"
    links = other.locator("main a").evaluate_all("links => links.map(link => link.href)")
    assert all(link.startswith(f"{stack.url}/dashboard#/") for link in links)
    reader.close()


def test_a_document_opens_every_drifted_feature(visit: Visit, browser: Browser, tmp_path: Path) -> None:
    """The report on the screen opens no feature; the file draws each drifted one, at the width of paper."""
    page, stack = visit.page, visit.stack
    report = stack.call("GET", f"/drift/models/{stack.drifted}/report")
    drifted = report["features"][:2]  # tests before this one may have resolved the alerts, so two are made to drift
    for feature in drifted:
        feature["drifted"] = True
    visit.answer(f"/drift/models/{stack.drifted}/report", body=report)
    page.set_viewport_size({"width": 390, "height": 844})
    visit.open(f"#/models/{stack.drifted}")
    expect(page.locator("tr.detail")).to_have_count(0)
    path = saved(visit, tmp_path)
    expect(page.locator("tr.detail")).to_have_count(0)
    other = browser.new_page()
    other.goto(path.as_uri())
    opened = sum(feature["drifted"] for feature in report["features"])
    expect(other.locator("tr.detail")).to_have_count(opened)
    expect(other.get_by_role("img", name=re.compile("^Baseline against window"))).to_have_count(opened)
    assert other.locator("figure svg").first.evaluate("svg => svg.clientWidth") > 600
    other.close()


def test_print_lays_the_page_out_as_a_document_until_it_is_printed(visit: Visit) -> None:
    """At the moment of printing the details are open and say when it was; afterwards the page is as before."""
    page = visit.page
    visit.open(f"#/alerts/{visit.stack.alert}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.evaluate(
        "() => { window.print = () => { window.printed = document.querySelector('main').innerText;"
        " window.dispatchEvent(new Event('afterprint')) } }"
    )
    page.get_by_role("button", name="Print").click()
    page.wait_for_function("() => window.printed")
    printed = page.evaluate("window.printed")
    assert re.search(r"As of \d+ \w+, \d\d:\d\d, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\.", printed)
    assert "Drop of a metric: medium from 5% of the reference" in printed
    assert "Save as HTML" not in printed
    expect(page.get_by_role("button", name="Save as HTML")).to_be_visible()
    expect(page.locator(".imprint")).to_have_count(0)


def test_paper_is_light_and_has_no_navigation(visit: Visit) -> None:
    """The browser's own print command gives a clean page as well, also from a dark one."""
    page = visit.page
    page.emulate_media(color_scheme="dark")
    visit.open(f"#/models/{visit.stack.drifted}?feature=delay")
    expect(page.locator("tr.detail svg").first).to_be_visible()
    page.emulate_media(media="print", color_scheme="dark")
    page.set_viewport_size({"width": 703, "height": 900})
    for control in ("navigation", "button[name='Check now']", ".top", ".tabs", ".chips", ".foot", ".saveas"):
        assert page.locator(control).filter(visible=True).count() == 0, control
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    assert page.evaluate("document.documentElement.scrollWidth") == 703
    expect(page.get_by_role("columnheader", name="Limit")).to_be_visible()
