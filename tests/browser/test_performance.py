"""The Performance tab shows the numbers of the labels, and says what they mean and what is missing."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import expect
from sklearn.metrics import accuracy_score, confusion_matrix, mean_absolute_error, roc_auc_score

from tests.browser.conftest import HOSTILE, Stack, Visit
from tests.browser.labelled import Labelled, binary, multiclass, regression

pytestmark = pytest.mark.stack

CLASSES = ["a", HOSTILE, "a class whose name does not fit a phone"]


@dataclass
class Models:
    """One model of each task."""

    binary: Labelled
    multiclass: Labelled
    regression: Labelled


@pytest.fixture(scope="module")
def models(stack: Stack) -> Iterator[Models]:
    """Models with labels in the stack that all modules share; deleted at the end."""
    found = Models(binary(stack, "churn"), multiclass(stack, "routes", CLASSES), regression(stack, "minutes"))
    yield found
    for one in (found.binary, found.multiclass, found.regression):
        stack.call("DELETE", f"/models/{one.model}")


def report_of(visit: Visit, model: str) -> dict[str, Any]:
    """The performance report of a model, as the API returns it."""
    report: dict[str, Any] = visit.stack.call("GET", f"/models/{model}/performance")
    return report


def judge(report: dict[str, Any], drop: float, *, degraded: bool | None, n: int = 4000) -> dict[str, Any]:
    """The report as it is when its headline was compared with a reference that is better by `drop`."""
    name = report["headline"]
    own = report["window"]["metrics"][name]
    reference = own["value"] + drop
    compared = {"reference": reference, "drop": drop, "limit": 0.03, "p_value": 1e-9, "degraded": degraded}
    metrics = {**report["window"]["metrics"], name: {**own, **compared}}
    source = {"source": "baseline", "n": n, "days": None, "metrics": {name: reference}}
    return {**report, "window": {**report["window"], "metrics": metrics}, "reference": source}


def test_a_binary_model_shows_the_counts_of_its_rows(visit: Visit, models: Models) -> None:
    """Confusion, accuracy and AUC are those of pandas and scikit-learn on the rows of the judged days."""
    page, own = visit.page, models.binary
    report = report_of(visit, own.model)
    rows = own.window(report)
    visit.open(f"#/models/{own.model}/performance")
    expect(page.get_by_role("heading", name="ROC AUC by day")).to_be_visible(timeout=30_000)
    matrix = confusion_matrix(rows["label"], rows["prediction"]).tolist()
    cells = page.locator("table.confusion td.cell").all_inner_texts()
    assert [int(cell.split()[0].replace(",", "")) for cell in cells] == [n for row in matrix for n in row]
    shown = page.get_by_role("row", name=re.compile("^Accuracy"))
    expect(shown).to_contain_text(f"{accuracy_score(rows['label'], rows['prediction']):.1%}")
    exact, bound = roc_auc_score(rows["label"], rows["score"]), report["window"]["metrics"]["roc_auc"]["bound"]
    value = page.locator(".facts dd").first.inner_text().split()[0]
    assert abs(float(value) - exact) <= bound + 0.0005
    labels = page.get_by_role("img", name=re.compile("^Scores of"))
    expect(labels).to_have_attribute("aria-label", re.compile(f"{(rows['label'] == 0).sum():,} negatives"))
    calibration = page.get_by_role("img", name=re.compile("^Share of positives by mean score"))
    tenths = rows.groupby((rows["score"] * 10).astype(int).clip(upper=9))["label"]
    for hits, n in zip(tenths.sum(), tenths.count(), strict=True):
        part = re.escape(re.sub(r"^(0|100)\.0%$", r"\1%", f"{hits / n:.1%}"))
        expect(calibration).to_have_attribute("aria-label", re.compile(f": {part} of {n}"))


def test_a_regression_shows_its_errors(visit: Visit, models: Models) -> None:
    """The mean error is that of scikit-learn, and an exact prediction does not spoil the histogram."""
    page, own = visit.page, models.regression
    rows = own.window(report_of(visit, own.model))
    visit.open(f"#/models/{own.model}/performance")
    error = mean_absolute_error(rows["label"], rows["prediction"])
    expect(page.locator(".facts dd").first).to_contain_text(f"{error:.4g}")
    expect(page.get_by_role("img", name=re.compile(f"^Sizes of {len(rows):,} errors"))).to_be_visible()
    ends = page.get_by_role("heading", name="Errors").locator("..").locator("svg .tick.middle").all_text_contents()
    assert 5 < max(float(end) for end in ends if end.strip()[:1].isdigit()) < 20


def test_a_multiclass_model_shows_its_matrix_or_its_mistakes(visit: Visit, models: Models) -> None:
    """A wide page has the matrix, a phone lists the mistakes; both count the same rows, and no name is HTML."""
    page, own = visit.page, models.multiclass
    rows = own.window(report_of(visit, own.model))
    visit.open(f"#/models/{own.model}/performance")
    matrix = confusion_matrix(rows["label"], rows["prediction"], labels=CLASSES)
    cells = page.locator("table.confusion td.cell")
    expect(cells).to_have_count(9)
    assert [int(cell.split()[0]) for cell in cells.all_inner_texts()] == matrix.ravel().tolist()
    page.set_viewport_size({"width": 390, "height": 844})
    mistakes = page.locator("table.mistakes tbody tr")
    expect(mistakes).to_have_count(3)
    wrong = sorted((matrix[place][(place + 1) % 3] for place in range(3)), reverse=True)
    assert [int(row.locator("td.number").first.inner_text()) for row in mistakes.all()] == wrong
    assert page.evaluate("window.hacked") is None


def test_another_metric_is_chosen_and_read_day_by_day_with_the_keyboard(visit: Visit, models: Models) -> None:
    """The choice is in the address; the slider says each day's value as the API has it."""
    page, own = visit.page, models.binary
    visit.open(f"#/models/{own.model}/performance")
    page.get_by_label("Metric").select_option("recall")
    expect(page.get_by_role("heading", name="Recall by day")).to_be_visible()
    assert "metric=recall" in page.url
    days = visit.stack.call("GET", f"/models/{own.model}/performance?metric=recall&days=30")["days"]
    slider = page.get_by_label("Recall, day by day")
    slider.focus()
    for day in (days[-1], days[-2]):
        value = {None: "–", 0.0: "0%", 1.0: "100%"}.get(day["value"]) or f"{day['value']:.1%}"
        says = f"{re.escape(value)}.*{day['predictions']} predictions labelled"
        expect(slider).to_have_attribute("aria-valuetext", re.compile(says))  # waits for the key's effect
        assert ("not mature" in (slider.get_attribute("aria-valuetext") or "")) is not day["mature"]
        page.keyboard.press("ArrowLeft")
    expect(page.locator(".readout")).to_be_visible()
    button = page.get_by_role("button", name="Brier score")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Brier score by day")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Metric")).to_have_value("brier")


@pytest.mark.parametrize(
    ("drop", "degraded", "sentence"),
    [
        (0.1, True, r"^The model got worse\. ROC AUC is 0\.\d{3}, and the reference is 0\.\d{3}\. That is more than"),
        (0.01, False, r"^No sign that the model got worse\. .*The drop of 0\.010 is within the limit of 0\.030\."),
        (-0.02, False, r"^No sign that the model got worse\. ROC AUC is 0\.\d{3}, and the reference is 0\.\d{3}\. Ju"),
        (0.1, None, r"^Not known yet\. .* At least 100 labels are needed to compare with the reference\.$"),
    ],
)
def test_one_sentence_says_whether_the_model_got_worse(
    visit: Visit, models: Models, drop: float, degraded: bool | None, sentence: str
) -> None:
    """Worse, not worse, and too few labels; the chart has the line of the reference."""
    page, own = visit.page, models.binary
    body = judge(report_of(visit, own.model), drop, degraded=degraded)
    visit.answer(f"/models/{own.model}/performance", body=body)
    visit.open(f"#/models/{own.model}/performance")
    expect(page.locator(".lead")).to_have_text(re.compile(sentence))
    expect(page.locator("figure.timeline svg text.limit")).to_have_text(re.compile(r"^reference 0\.\d{3}$"))
    row = page.get_by_role("row", name=re.compile("^ROC AUC"))
    expect(row).to_contain_text({True: "worse", False: "not worse", None: "too few labels"}[degraded])


def test_without_a_reference_or_mature_days_it_says_what_is_missing(visit: Visit, models: Models) -> None:
    """No reference: how to get one. No mature day: when a day is judged. No match: that no label fits."""
    page, own = visit.page, models.binary
    report, path = report_of(visit, own.model), f"/models/{own.model}"
    lead = page.locator(".lead")
    visit.answer(f"{path}/performance", body={**report, "reference": None})
    visit.open(f"#/models/{own.model}/performance")
    expect(lead).to_contain_text("Not known yet: there is no reference.")
    nothing: dict[str, Any] = {"start": None, "end": None, "days": 0, "n": 0, "metrics": {}}
    fresh = [{**day, "mature": False, "coverage": 0.25} for day in report["days"]]
    visit.answer(f"{path}/performance", body={**report, "window": nothing, "days": fresh})
    page.reload()
    expect(lead).to_contain_text("A day is judged when 80.0% of its predictions have a label")
    expect(lead).to_contain_text("25.0% of")
    labels = visit.stack.call("GET", f"{path}/labels/status")
    visit.answer(f"{path}/labels/status", body={**labels, "matched": 0, "unmatched": 7, "waiting": 0, "ambiguous": 2})
    page.reload()
    expect(lead).to_contain_text("no prediction has a label")
    expect(page.locator("main .notice")).to_contain_text("7 labels belong to no prediction")
    expect(page.locator("main .notice")).to_contain_text("2 ids belong to several")


def test_alerts_of_labels_show_what_became_worse_and_lead_to_the_tab(visit: Visit, models: Models) -> None:
    """The metrics then and now in their own units, the metric by day, and since when labels are missing."""
    page, own, stack = visit.page, models.binary, visit.stack
    drifted = stack.call("GET", f"/drift/alerts/{stack.alert}")
    base = {"interval": [0.6, 0.66], "n": 2000, "reference_interval": None, "n_reference": 4000, "p_value": 1e-20}
    area = {**base, "name": "roc_auc", "value": 0.63, "reference": 0.81, "drop": 0.18, "limit": 0.05, "degraded": True}
    recall = {**area, "name": "recall", "value": 0.62, "reference": 0.64, "drop": 0.02, "degraded": False}
    change = {"metrics": [area, recall], "labelled": 2000, "predictions": 2400, "days": 7}
    alert = {
        **drifted, "model_id": own.model, "model_name": "churn", "alert_type": "performance", "features": [],
        "drift_score": 0.18, "peak_score": 0.2, "limit": {"score": 0.05, "p_value": None}, "onset": None,
        "performance": change, "status": "firing", "resolved_at": None,
    }  # fmt: skip
    visit.answer(f"/drift/alerts/{stack.alert}", body=alert)
    visit.open(f"#/alerts/{stack.alert}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Worse performance of churn")
    expect(page.locator(".lead")).to_have_text(
        "ROC AUC went from 0.810 to 0.630, on 2,000 labelled of 2,400 predictions in 7 mature days."
    )
    cells = page.get_by_role("row", name=re.compile("^Recall")).locator("td").all_inner_texts()
    assert cells == ["64.0%", "62.0%", "60.0% to 66.0%", "2.0 pp", "5.0 pp"]
    expect(page.get_by_role("img", name=re.compile("^ROC AUC by day"))).to_be_visible()
    assert visit.problems() == []
    page.get_by_role("link", name="Open the Performance tab").click()
    expect(page.get_by_role("heading", name="ROC AUC by day")).to_be_visible()

    error = {**area, "name": "mae", "value": 4.118, "reference": 2.4, "interval": [4.0, 4.3], "drop": 0.255}
    body = {**alert, "model_id": models.regression.model, "performance": {**change, "metrics": [error]}}
    visit.answer(f"/drift/alerts/{stack.alert}", body={**body, "drift_score": 0.255})
    visit.go(f"#/alerts/{stack.alert}")
    expect(page.locator(".lead")).to_contain_text("Mean absolute error went from 2.4 to 4.118")
    cells = page.get_by_role("row", name=re.compile("^Mean absolute error")).locator("td").all_inner_texts()
    assert cells == ["2.4", "4.118", "4 to 4.3", "KS 0.255", "KS 0.050"]
    gone = {**alert, "alert_type": "labels_missing", "performance": None, "drift_score": None, "limit": None}
    visit.answer(f"/drift/alerts/{stack.alert}", body={**gone, "onset": "2026-11-28T08:00:00Z"})
    page.set_viewport_size({"width": 390, "height": 844})
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("No labels for churn")
    expect(page.locator(".lead")).to_contain_text("No labels have arrived since 28 Nov")
    expect(page.get_by_role("img", name=re.compile("^ROC AUC by day"))).to_be_visible()
    assert visit.problems() == []


def test_the_overview_has_the_headline_of_models_with_labels(visit: Visit, models: Models) -> None:
    """The column has the tab's value and leads to the tab; a phone has it below the name; worse is said in words."""
    page, own = visit.page, models.binary
    value = report_of(visit, own.model)["window"]["metrics"]["roc_auc"]["value"]
    listed = visit.stack.call("GET", "/models?limit=500")
    for model in listed:
        if model["id"] == own.model:
            model["performance"] |= {"reference": 0.99, "degraded": True}
    visit.answer("/models?limit=500", body=listed)
    visit.open()
    link = page.get_by_role("link", name=f"ROC AUC of churn: {value:.3f}, worse than the reference")
    expect(link).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("^minutes"))).to_contain_text("Mean absolute error")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(link).to_be_hidden()
    expect(page.get_by_role("row", name=re.compile("^churn"))).to_contain_text(f"ROC AUC {value:.3f} worse")
    assert visit.problems() == []
    page.set_viewport_size({"width": 1280, "height": 900})
    link.click()
    expect(page.get_by_role("heading", name="ROC AUC by day")).to_be_visible()


def test_an_empty_tab_has_snippets_that_work(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    """First the task, then labels: each curl body is accepted as it is, names this model, and the Python runs."""
    page, stack = visit.page, visit.stack
    model = stack.call("POST", "/models", {"name": "no labels yet"})["id"]
    visit.open(f"#/models/{model}/performance")
    expect(page.locator(".lead")).to_contain_text("Did the model get worse?")
    for label, method, path, key in (
        ("curl: set the task", "PATCH", f"/models/{model}", "admin"),
        ("curl: send labels", "POST", f"/models/{model}/labels", "ingest"),
    ):
        text = page.get_by_label(label, exact=True).inner_text()
        assert f"-X {method} {stack.url}{path} " in text
        body = re.search(r"-d '(.*)'$", text, re.DOTALL)
        assert body is not None
        stack.call(method, path, json.loads(body[1]), stack.keys[key])
    page.reload()
    expect(page.locator(".lead")).to_contain_text("No labels yet.")
    expect(page.get_by_label("curl: set the task")).to_have_count(0)
    monkeypatch.setenv("DRIFTGUARD_KEY", stack.keys["ingest"])
    names: dict[str, Any] = {}
    exec(page.get_by_label("Python: send labels", exact=True).inner_text(), names)
    assert names["dg"].close()
    stats = names["dg"].stats()
    assert (stats["sent"], stats["rejected"], stats["last_error"]) == (1, 0, None)
    stack.call("DELETE", f"/models/{model}")
    visit.expect(404)


def test_errors_of_the_api_are_said_where_the_numbers_would_be(visit: Visit, models: Models) -> None:
    """A metric that the model lacks leads back to the main one; a failure can be tried again."""
    page, own = visit.page, models.binary
    visit.open(f"#/models/{own.model}/performance?metric=mae")
    expect(page.get_by_role("alert")).to_contain_text("This model has no metric mae.")
    page.get_by_role("button", name="Show the main metric").click()
    expect(page.get_by_role("heading", name="ROC AUC by day")).to_be_visible()
    visit.answer(f"/models/{own.model}/performance", 500, {"detail": "Something failed."}, {"x-request-id": "r-7"})
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("Could not load the performance. Something failed.")
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="ROC AUC by day")).to_be_visible()
    visit.expect(422, 500)


def test_a_year_of_days_and_fifty_classes_fit(visit: Visit, models: Models) -> None:
    """A year without one day is two lines without dots. Of 50 classes twelve mistakes are listed."""
    page, own = visit.page, models.multiclass
    report = report_of(visit, own.model)
    day = {**report["days"][0], "mature": True, "value": 0.8, "interval": [0.75, 0.85], "coverage": 0.9}
    names = [f"a long name of class number {number:02}" for number in range(50)]
    matrix = [[(row * column) % 7 for column in range(50)] for row in range(50)]
    dates = pd.date_range("2025-11-01", periods=400).drop([pd.Timestamp("2026-02-01")])
    days = [{**day, "day": f"{date:%Y-%m-%d}"} for date in dates]
    visit.answer(
        f"/models/{own.model}/performance",
        body={**report, "days": days, "confusion": {"classes": names, "matrix": matrix}},
    )
    visit.open(f"#/models/{own.model}/performance")
    expect(page.locator("figure.timeline path.reach")).to_have_count(2)
    expect(page.locator("figure.timeline circle")).to_have_count(0)
    expect(page.locator("table.mistakes tbody tr")).to_have_count(12)
    assert visit.problems() == []


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_the_tab_passes_axe_and_fits_its_width(visit: Visit, models: Models, theme: str, width: int) -> None:
    """No violation of axe's rules for any task and for the empty tab, wide or on a phone."""
    page = visit.page
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 844})
    found = []
    worse = judge(report_of(visit, models.binary.model), 0.1, degraded=True)
    visit.answer(f"/models/{models.binary.model}/performance", body=worse)
    visit.open()
    for model in (models.binary.model, models.multiclass.model, models.regression.model, visit.stack.steady):
        visit.go(f"#/models/{model}/performance")
        expect(page.locator(".lead")).to_be_visible()
        visit.settle()
        found += [(model, *problem) for problem in visit.problems()]
    assert found == []
