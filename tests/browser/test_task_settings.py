"""The settings of labels and performance: what the page sends, and where it shows a refusal."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Stack, Visit

pytestmark = pytest.mark.stack


@pytest.fixture
def model(stack: Stack) -> Iterator[str]:
    """A model without a task."""
    model_id: str = stack.call("POST", "/models", {"name": "tasks"})["id"]
    yield model_id
    stack.call("DELETE", f"/models/{model_id}")


def test_a_task_is_chosen_saved_changed_and_removed(visit: Visit, model: str) -> None:
    """A number is sent as a number and a text as a text; a task of another type keeps no field of the old one."""
    page, stack = visit.page, visit.stack
    visit.open(f"#/models/{model}/settings")
    expect(page.get_by_label("Minimum drop")).to_have_count(0)
    page.get_by_role("radio", name=re.compile("^Binary")).check()
    page.get_by_label("Positive label").fill("yes")
    page.get_by_label("Threshold").fill("0.3")
    page.get_by_label("Show the value of predictions", exact=False).check()
    page.get_by_label("False negative").fill("-900")
    page.get_by_label("Labelled share of a day").fill("0.7")
    page.get_by_label("Mature after (hours)").fill("48")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. The next check uses the new settings.")).to_be_visible()
    stored = stack.call("GET", f"/models/{model}")["settings"]
    values = {"tp": 0, "fp": 0, "fn": -900, "tn": 0}
    assert stored["task"] == {
        "type": "binary", "positive": "yes", "threshold": 0.3, "classes": None, "value_matrix": values,
    }  # fmt: skip
    assert (stored["label_ratio"], stored["maturity_hours"]) == (0.7, 48)

    page.get_by_role("radio", name=re.compile("^Multiclass")).check()
    page.get_by_label("Classes, one per line").fill("red\n2\n\ntrue \n")
    page.get_by_label("Mature after (hours)").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. The next check uses the new settings.")).to_be_visible()
    stored = stack.call("GET", f"/models/{model}")["settings"]
    assert (stored["task"]["classes"], stored["task"]["positive"]) == (["red", 2, True], None)
    assert stored["maturity_hours"] is None

    page.get_by_role("radio", name=re.compile("^No task")).check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. The next check uses the new settings.")).to_be_visible()
    assert stack.call("GET", f"/models/{model}")["settings"]["task"] is None


def test_a_refusal_is_shown_at_its_field(visit: Visit, model: str) -> None:
    """A missing positive label, a class named twice, a number that is refused, and a task that labels forbid."""
    page, stack = visit.page, visit.stack
    visit.open(f"#/models/{model}/settings")
    page.get_by_role("radio", name=re.compile("^Binary")).check()
    page.get_by_label("Positive label").fill("")
    page.get_by_role("button", name="Save").click()
    field = page.get_by_label("Positive label")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("a binary task needs"))
    page.get_by_role("radio", name=re.compile("^Multiclass")).check()
    classes, labels = page.get_by_label("Classes, one per line"), page.get_by_label("Minimum number of labels")
    classes.fill("1\ntrue")
    page.get_by_role("button", name="Save").click()
    expect(classes).to_have_accessible_description(re.compile("names one class twice"))
    assert visit.problems() == []

    classes.fill("a\nb")
    labels.fill("50")
    refusals = [
        (422, [{"loc": ["body", "settings", "min_labels"], "msg": "Input should be less than 40"}], "Not possible."),
        (409, [], "The model has labels, so its task cannot be removed."),
    ]
    for status, errors, detail in refusals:
        visit.answer(f"/models/{model}", status, {"detail": detail, "errors": errors})
        page.get_by_role("button", name="Save").click()
        if errors:
            expect(labels).to_have_accessible_description(re.compile("^Input sh"))
        else:
            expect(page.get_by_role("alert").first).to_have_text(detail)
        page.unroute_all()
    assert stack.call("GET", f"/models/{model}")["settings"]["task"] is None
    visit.expect(422, 409)


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_the_settings_of_each_task_pass_axe_and_fit(visit: Visit, model: str, theme: str, width: int) -> None:
    """No violation of axe's rules while a task is edited, wide or on a phone."""
    page = visit.page
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 844})
    visit.open(f"#/models/{model}/settings")
    found = []
    for name in ("Regression", "Multiclass", "Binary"):
        page.get_by_role("radio", name=re.compile(f"^{name}")).check()
        found += [(name, *problem) for problem in visit.problems()]
    assert found == []
