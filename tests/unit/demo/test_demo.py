"""The demo's parts that need no stack: the data it tells its story with, its judgement, its client, its bars."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from demo.__main__ import main
from demo.api import Api, DemoError, RefusedError
from demo.expectations import Found, about, missing_from_quiet, missing_from_storms
from demo.flights import BASELINE_DAYS, FEATURES, ID, LANDED, PREDICTION, QUIET, STORMS, TIME, TRUTH, Flights, Week
from demo.screen import bar, probability
from driftguard_client.baselines import inline
from driftguard_client.frames import Frame, Roles, Table

END = datetime(2026, 11, 23, 10, tzinfo=UTC)
MAX_BASELINE_BYTES = 4_000_000
MAX_AGE = timedelta(days=21)


@pytest.fixture(scope="module")
def flights() -> Flights:
    """The data set, read once."""
    return Flights.load()


def test_the_whole_baseline_fits_into_one_request(flights: Flights) -> None:
    """All 51,955 flights of both months, cancelled ones as nulls, are well under the limit of an inline baseline."""
    frame = Frame(flights.evaluated_on())
    table = Table(frame, Roles(frame, features=None, prediction=PREDICTION, label=TRUTH))
    body = inline(table, {"days": BASELINE_DAYS})
    assert body is not None
    content = json.loads(body)
    assert len(body) < MAX_BASELINE_BYTES / 1.5
    assert list(content["columns"]) == list(FEATURES)
    assert {len(values) for values in [*content["columns"].values(), content["predictions"]]} == {51_955}
    assert content["columns"]["dep_delay"].count(None) == 1_782
    assert content["days"] == BASELINE_DAYS


def test_the_quiet_week_is_quiet(flights: Flights) -> None:
    """By SciPy on the raw rows no score of the quiet week reaches 0.05, departure delay comes close."""
    scores = flights.scores(QUIET)
    assert set(scores) == {*FEATURES, PREDICTION}
    assert scores["dep_delay"] == pytest.approx(0.0481, abs=5e-5)
    assert max(scores.values()) < 0.05


def test_the_storms_move_delays_but_not_the_schedule(flights: Flights) -> None:
    """By SciPy on the raw rows departure delay moves to 0.244 while hour and distance stay under 0.05."""
    scores = flights.scores(STORMS)
    assert scores["dep_delay"] == pytest.approx(0.2441, abs=5e-5)
    assert scores[PREDICTION] == pytest.approx(0.1695, abs=1e-3)
    assert max(scores["hour"], scores["distance"]) < 0.05


@pytest.mark.parametrize("week", [QUIET, STORMS])
def test_a_week_ends_now_with_the_day_before_it_outside_the_window(flights: Flights, week: Week) -> None:
    """Every flight keeps its hour and its place, the week fills the seven days before the end, one day lies before."""
    rows = flights.logged(week, END)
    times = [moment.to_pydatetime() for moment in rows[TIME]]
    assert times == sorted(times)
    assert END - MAX_AGE < times[0] < END - timedelta(days=7)
    assert times[-1] < END
    assert sum(moment >= END - timedelta(days=7) for moment in times) == len(flights.week(week))
    assert {
        (moment - END).total_seconds() // 3600 % 24 - hour for moment, hour in zip(times, rows["hour"], strict=True)
    } == {0}


def test_a_second_run_logs_the_very_same_rows(flights: Flights) -> None:
    """So the id under which a week is logged makes a second run within the hour harmless."""
    assert flights.logged(STORMS, END).equals(flights.logged(STORMS, END))


@pytest.mark.parametrize("week", [QUIET, STORMS])
def test_labels_are_those_of_the_logged_flights(flights: Flights, week: Week) -> None:
    """Each flight that arrived has one label under the id of its prediction, which is known by the end of the week."""
    rows, labels = flights.logged(week, END).set_index(ID), flights.landed(week, END)
    assert labels[ID].is_unique
    assert len(labels) > 0.8 * len(rows)
    predicted = rows.loc[labels[ID]]
    assert (predicted[TIME].to_numpy() == labels[TIME].to_numpy()).all()
    assert (predicted[PREDICTION].to_numpy() - labels[TRUTH].to_numpy()).std() < 30
    assert (labels[LANDED] <= END).all()


def test_a_flight_that_never_left_has_no_prediction(flights: Flights) -> None:
    """Predictions are missing exactly where the model lacks one of its features."""
    rows = flights.logged(STORMS, END)
    missing = rows[PREDICTION].isna()
    assert missing.any()
    assert missing.equals(rows[list(FEATURES)].isna().any(axis=1))


def feature(name: str, score: float, *, drifted: bool) -> dict[str, Any]:
    """A feature of a report, as much of it as is judged."""
    shares = {"baseline": 0.0343, "window": 0.0776}
    return {"name": name, "test": "ks", "drift_score": score, "drifted": drifted, "missing": shares}


def alert(alert_type: str, severity: str) -> dict[str, Any]:
    """An alert in detail, firing and delivered."""
    return {
        "id": f"alert-{alert_type}",
        "alert_type": alert_type,
        "status": "firing",
        "severity": severity,
        "preliminary": False,
        "features": [feature("dep_delay", 0.244, drifted=True)],
        "recommended_actions": ["Look at it."],
        "timeline": [{"event": "opened"}],
        "deliveries": [{"type": channel, "outcome": "delivered"} for channel in ("email", "slack")],
    }


def mae(reference: float = 9.61, *, degraded: bool = True) -> dict[str, Any]:
    """The metric of an alert on performance."""
    return {"name": "mae", "value": 16.4, "reference": reference, "degraded": degraded}


def message(channel: str, alert_type: str) -> dict[str, Any]:
    """A message of the outbox about model-1."""
    text = f"flights (model-1): alert-{alert_type}"
    return {"channel": channel, "subject": "Drift", "html": text, "text": text, "payload": {"blocks": [text]}}


def storms() -> Found:
    """The storms as they must be found."""
    told = ("data_drift", "prediction_drift", "performance")
    features = [
        feature("dep_delay", 0.244, drifted=True),
        feature("hour", 0.012, drifted=False),
        feature("distance", 0.036, drifted=False),
        feature("prediction", 0.169, drifted=True),
    ]
    return Found(
        week=STORMS,
        scores={"dep_delay": 0.2441, "hour": 0.012, "distance": 0.0359 + 0.0002},
        error=9.61,
        rows=51_955,
        window_rows=6_701,
        model={"id": "model-1", "name": "flights", "state": "drift", "last_checked_at": "2026-11-23T10:00:00Z"},
        report={"status": "drift", "preliminary": False, "n_baseline": 51_955, "n_window": 6_701, "features": features},
        alerts=[
            alert("data_drift", "HIGH"),
            alert("prediction_drift", "MEDIUM"),
            alert("data_quality", "LOW"),
            {**alert("performance", "HIGH"), "features": [], "performance": {"metrics": [mae()]}},
        ],
        messages=[message(channel, alert_type) for alert_type in told for channel in ("email", "slack")],
    )


def test_found_and_told_storms_lack_nothing() -> None:
    """When everything came out as it must there is nothing to complain about."""
    assert missing_from_storms(storms()) == []


def change_report(**changes: Any) -> Callable[[Found], Found]:
    """Changes the report."""
    return lambda found: replace(found, report={**found.report, **changes})


def change_alert(place: int, **changes: Any) -> Callable[[Found], Found]:
    """Changes one alert."""

    def change(found: Found) -> Found:
        return replace(found, alerts=[{**one, **(changes if n == place else {})} for n, one in enumerate(found.alerts)])

    return change


def change_feature(name: str, **changes: Any) -> Callable[[Found], Found]:
    """Changes one feature of the report."""

    def change(found: Found) -> Found:
        features = [{**one, **(changes if one["name"] == name else {})} for one in found.report["features"]]
        return replace(found, report={**found.report, "features": features})

    return change


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (change_report(preliminary=True), "preliminary"),
        (change_report(status="ok"), "state is 'drift'"),
        (change_report(n_window=6_900), "6,900 rows instead of the week's 6,701"),
        (change_report(n_baseline=20_000), "20,000 rows instead of 51,955"),
        (change_report(features=[]), "dep_delay scores None"),
        (change_feature("dep_delay", drift_score=0.239), "SciPy says 0.2441"),
        (change_feature("dep_delay", drift_score=0.25), "SciPy says 0.2441"),
        (change_feature("dep_delay", missing={"baseline": 0.0343, "window": 0.0}), "missing departure delays"),
        (change_feature("dep_delay", drifted=False), "dep_delay has not drifted"),
        (change_feature("hour", drifted=True), "hour has drifted"),
        (change_feature("prediction", drifted=False), "prediction has not drifted"),
        (change_alert(0, severity="MEDIUM"), "data_drift alert is firing, MEDIUM"),
        (change_alert(0, preliminary=True), "preliminary"),
        (change_alert(0, recommended_actions=[]), "recommends nothing"),
        (change_alert(0, deliveries=[]), "no delivery recorded"),
        (change_alert(1, status="resolved"), "no prediction_drift alert"),
        (change_alert(1, deliveries=[{"type": "email", "outcome": "retrying"}]), "email of the prediction_drift"),
        (change_alert(2, features=[]), "does not name dep_delay"),
        (change_alert(2, status="resolved"), "no data_quality alert"),
        (change_alert(3, status="resolved"), "no performance alert"),
        (change_alert(3, severity="MEDIUM"), "performance alert is MEDIUM"),
        (change_alert(3, performance={"metrics": [mae(degraded=False)]}), "about mae"),
        (change_alert(3, performance={"metrics": [mae(9.7)]}), "reference error is 9.7"),
        (change_alert(3, deliveries=[]), "email of the performance alert"),
        (lambda found: replace(found, messages=found.messages[1:]), "no email message about the data_drift alert"),
        (lambda found: replace(found, model={**found.model, "id": "model-2"}), "name the model and its id"),
    ],
)
def test_whatever_the_storms_lack_is_named(change: Callable[[Found], Found], complaint: str) -> None:
    """Each thing that must happen and did not is a complaint of its own, with the week's name."""
    problems = missing_from_storms(change(storms()))
    assert any(complaint in problem for problem in problems)
    assert all(problem.startswith(STORMS.title) for problem in problems)


def test_a_quiet_week_may_open_nothing_of_note_and_tell_nobody() -> None:
    """A LOW alert that was sent nowhere passes; a MEDIUM one, a delivery and a message are three complaints."""
    silent = replace(storms(), week=QUIET, alerts=[{**alert("data_drift", "LOW"), "deliveries": []}], messages=[])
    assert missing_from_quiet(silent) == []
    loud = {**alert("data_drift", "MEDIUM"), "deliveries": [{"type": "slack", "outcome": "delivered"}]}
    problems = missing_from_quiet(replace(silent, alerts=[loud], messages=[message("slack", "data_drift")]))
    assert len(problems) == 3


def test_messages_are_told_apart_by_the_model() -> None:
    """Only what names a model's id is about it."""
    mine, other = message("email", "data_drift"), {"channel": "email", "text": "something else"}
    assert about({"id": "model-1"}, [mine, other]) == [mine]


def client(answer: Callable[[httpx.Request], httpx.Response]) -> Api:
    """A client whose every request gets this answer."""
    keys = {"admin": "a", "ingest": "i", "viewer": "v"}
    return Api("http://stack.test/", keys, transport=httpx.MockTransport(answer))  # type: ignore[arg-type]


def test_a_refusal_is_told_with_its_reason() -> None:
    """The status, the API's own message and the places of its errors are in the error."""
    body = {"message": "Invalid", "errors": [{"loc": ["body", "name"], "msg": "too long"}]}
    with pytest.raises(RefusedError, match=r"POST /models answered 422: Invalid; body\.name: too long"):
        client(lambda _request: httpx.Response(422, json=body)).post("/models", {})


def test_nothing_at_the_address_is_told_in_a_sentence() -> None:
    """A refused connection names the address and what to do."""

    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(DemoError, match=r"nothing answers at http://stack\.test"):
        client(refuse).get("/health")


def test_each_call_carries_the_key_of_its_role_and_lists_go_on() -> None:
    """Reading takes the viewer's key, changes the admin's, logging the ingest key; a list follows its Link."""
    keys: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["x-api-key"])
        more = {"link": '<http://stack.test/models?cursor=x>; rel="next"'} if len(keys) == 1 else {}
        return httpx.Response(200, json=[len(keys)], headers=more)

    api = client(answer)
    assert list(api.every("/models")) == [1, 2]
    api.post("/models", {})
    assert keys == ["v", "v", "a"]
    assert api.client("ingest").connection.api_key == "i"


@pytest.mark.parametrize(
    ("answer", "opens"),
    [
        (httpx.Response(200, html="<p>here</p>"), True),
        (httpx.Response(200, json={}), False),
        (httpx.Response(404, json={"message": "Not Found"}), False),
    ],
)
def test_a_page_opens_only_as_html(answer: httpx.Response, opens: bool) -> None:
    """The dashboard's address counts only when a browser would show something there."""
    assert client(lambda _request: answer).serves_page("/dashboard") is opens


def test_without_a_stack_the_demo_ends_with_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    """A missing stack file is no traceback but a sentence and exit status 1."""
    assert main(["--stack", str(tmp_path / "stack.json")]) == 1
    assert "no stack runs here" in capsys.readouterr().err


@pytest.mark.parametrize(("problems", "status"), [([], 0), (["the moon is missing"], 1)])
def test_whatever_is_missing_ends_the_demo_with_an_error(
    problems: list[str], status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status is 0 only when nothing is missing; what is missing is printed."""
    monkeypatch.setattr("demo.story.Story.tell", lambda _story: problems)
    assert main(["--url", "http://stack.test", "--key", "k"]) == status
    printed = capsys.readouterr().out
    assert all(problem in printed for problem in problems)
    assert ("Everything came out as it must" in printed) is (status == 0)


@pytest.mark.parametrize(
    ("share", "mark", "drawn"),
    [
        (0, None, "    "),
        (1, None, "████"),
        (0.5, 0.75, "██ │"),
        (0.53125, 0.25, "█│▏ "),
        (2, 3, "███│"),
        (0.25, 1, "█  │"),
    ],
)
def test_bars_show_share_and_mark(share: float, mark: float | None, drawn: str) -> None:
    """A bar fills in eighths, is never longer than its width, and the mark is always seen."""
    assert bar(share, mark, 4) == drawn


@pytest.mark.parametrize(("value", "shown"), [(0.0, "<1e-300"), (1.3e-112, "1.3e-112"), (0.1416, "0.142")])
def test_probabilities_are_short(value: float, shown: str) -> None:
    """Tiny p-values keep their exponent, zero is not shown as if it were one."""
    assert probability(value) == shown
