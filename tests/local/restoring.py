"""A rehearsed disaster: what a team has before it, and what must be the same after it."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.local.launched import until

type Call = Callable[..., httpx.Response]
"""Sends a request with an admin's key: method, path, options of httpx."""

SHOWN = (
    "/me",
    "/models",
    "/alert-channels",
    "/activity",
    "/models/{model}",
    "/models/{model}/baseline",
    "/drift/models/{model}/report",
    "/drift/models/{model}/history",
    "/drift/models/{model}/alerts",
    "/drift/alerts/{alert}",
    "/models/{model}/predictions?limit=500",
)
"""All that a team can read. A restored stack answers with the same."""


@dataclass(frozen=True)
class Team:
    """A team with a model, an open alert and a message that was delivered."""

    call: Call
    batch: dict[str, Any]
    model: str
    alert: str = ""

    def answers(self) -> dict[str, Any]:
        """What the API shows, by path."""
        paths = [path.format(model=self.model, alert=self.alert) for path in SHOWN]
        return {path: _json(self.call("GET", path)) for path in paths}

    def delivered(self) -> list[Any]:
        """The deliveries of the alert that are done."""
        shown = _json(self.call("GET", f"/drift/alerts/{self.alert}"))
        return [one for one in shown["deliveries"] if one["outcome"] == "delivered"]


def settled(call: Call) -> Team:
    """A team whose alert has been opened and delivered."""
    model = _json(call("POST", "/models", json={"name": "churn", "settings": {"warmup_hours": 0}}))["id"]
    rng = random.Random(15)
    sample = [{"features": {"age": rng.gauss(40, 10)}, "prediction": rng.random()} for _ in range(500)]
    _json(call("PUT", f"/models/{model}/baseline", json={"rows": sample, "days": 14}))
    _json(call("POST", "/alert-channels", json={"type": "email", "name": "on call", "to": ["oncall@example.com"]}))
    now = datetime.now(UTC)
    rows = [
        {
            "features": {"age": rng.gauss(80, 10)},
            "prediction": rng.random(),
            # All rows stay in the window, also if an hour ends during the test.
            "timestamp": (now - timedelta(minutes=11 * place)).isoformat(),
        }
        for place in range(900)
    ]
    batch = {"model_id": model, "batch_id": "the only one", "predictions": rows[:500]}
    _json(call("POST", "/predictions/batch", json=batch))
    _json(call("POST", "/predictions/batch", json={**batch, "batch_id": "another", "predictions": rows[500:]}))
    _json(call("POST", f"/drift/models/{model}/check"))
    alerts = _json(call("GET", f"/drift/models/{model}/alerts"))
    assert alerts, "no alert opened"
    team = Team(call, batch, model, alerts[0]["id"])
    try:
        until(team.delivered, 120)
    except AssertionError:
        raise AssertionError(_json(call("GET", f"/drift/alerts/{team.alert}"))["deliveries"]) from None
    return team


def holds(team: Team, before: dict[str, Any]) -> None:
    """After the restoration, everything is shown as before, and nothing is counted or sent twice."""
    after = team.answers()
    assert {path: (before[path], after[path]) for path in before if before[path] != after[path]} == {}
    told = team.delivered()
    report = before[f"/drift/models/{team.model}/report"]
    answer = team.call("POST", "/predictions/batch", json=team.batch)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 500)
    again = _json(team.call("POST", f"/drift/models/{team.model}/check"))
    assert (again["n_window"], again["drift_score"]) == (report["n_window"], report["drift_score"])
    alert = _json(team.call("GET", f"/drift/alerts/{team.alert}"))
    assert alert["occurrences"] == before[f"/drift/alerts/{team.alert}"]["occurrences"] + 1
    assert len(_json(team.call("GET", f"/drift/models/{team.model}/alerts"))) == len(
        before[f"/drift/models/{team.model}/alerts"]
    )
    assert team.delivered() == told


def _json(answer: httpx.Response) -> Any:
    assert answer.status_code < 300, f"{answer.request.url}: {answer.text}"
    return answer.json()
