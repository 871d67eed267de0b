"""The story itself: let four months happen, log the last day over HTTP, fire the schedule, read back, judge, show."""

import json
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pandas as pd

from demo.api import Api, DemoError
from demo.expectations import Found, about, missing
from demo.flights import FEATURES, PREDICTION, TRUTH, Flights
from demo.history import LAST, OFTEN, SELDOM, WEEK, History, last_labelled, replay
from demo.screen import Progress, Screen, spark
from demo.service import Service
from driftguard.models.schemas import NewModel

NAME: Final = "flight-delays"
MAIL_TO: Final = "oncall@flights.example"
SLACK_URL: Final = "https://hooks.slack.com/services/T0000DEMO/B0000DEMO/madeUpForTheDemo"
SEVERITIES: Final = ("LOW", "MEDIUM", "HIGH")
DAY: Final = timedelta(days=1)
PARTS: Final = 7
"""Parts of a week in the drawing of its scores."""


class Story:
    """Tells the story on a screen, with the service and its API, and leaves the messages in a folder."""

    def __init__(self, api: Api, service: Service, screen: Screen, folder: Path, weeks: int) -> None:
        self._api = api
        self._service = service
        self._screen = screen
        self._folder = folder
        self._weeks = weeks
        self._now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)

    def tell(self) -> list[str]:
        """Tell all of it. Returns what did not come out as it must. Raises DemoError."""
        self._introduce()
        history = History(self._learn(), self._now, self._weeks)
        name = self._free_name()
        self._channels()
        model_id = self._replay(history, name)
        self._go_live(history, name)
        found = self._read(history, model_id)
        self._show(found)
        unopened = [] if self._api.serves_page("/dashboard") else [f"{self._api.url}/dashboard does not open"]
        return [*missing(found), *unopened]

    def _introduce(self) -> None:
        health = self._api.get("/health")
        if health["status"] != "ok":
            raise DemoError(f"{self._api.url} is not well: {health}")
        self._screen.title("A model becomes stale, and its team notices")
        self._screen.text(
            "New York, 2013. A model predicts how late a flight will land. It learned from January and February. Now "
            "DriftGuard watches it until the first days of July. The flights are real. Nobody tells DriftGuard when a "
            "storm comes."
        )

    def _learn(self) -> Flights:
        self._screen.step("A model learns")
        began = time.monotonic()
        flights = Flights.load()
        rows, error = len(flights.baseline), flights.error(flights.baseline)
        self._screen.done(
            f"linear regression on {', '.join(FEATURES)}: off by {error:.1f} minutes on average",
            time.monotonic() - began,
        )
        self._screen.text(f"The baseline is {rows:,} flights of January and February, including the cancelled ones.")
        return flights

    def _free_name(self) -> str:
        known = {one["name"] for one in self._api.every("/models?limit=500")}
        return NAME if NAME not in known else f"{NAME} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"

    def _channels(self) -> None:
        known = {one["name"] for one in self._api.every("/alert-channels?limit=500")}
        targets: dict[str, dict[str, Any]] = {"email": {"to": [MAIL_TO]}, "slack": {"webhook_url": SLACK_URL}}
        for kind, target in targets.items():
            name = f"Flight delays, {kind}"
            if name not in known:
                self._api.post("/alert-channels", {"type": kind, "name": name, **target})

    def _replay(self, history: History, name: str) -> str:
        """Replay the history up to its last hours. Returns the model's id."""
        self._screen.step("The months pass")
        hours = int(SELDOM / timedelta(hours=1))
        self._screen.text(
            f"{len(history.rows):,} flights pass through the service's own intake, checks, joins and notifiers, which "
            f"take the time as an argument. Checks run every {hours} hours, and every hour in the storms of March and "
            "June. The real delay of each flight is its label, and arrives the morning after. All times are moved by "
            "whole weeks, so that the history ends now."
        )
        body = NewModel.model_validate(
            {
                "name": name,
                "description": "Arrival delays of flights from New York, March to July 2013, moved by whole weeks.",
                "labels": {"demo": "flights"},
                "settings": {"task": {"type": "regression"}},
            }
        )
        with self._service.in_the_past(), Months(self._screen, history) as months:
            return replay(self._service, history, body, months.reach)

    def _go_live(self, history: History, name: str) -> None:
        """Log the last hours as a user's program does, and let the deployed functions check them."""
        flights, landed = (
            history.between(history.live, history.end),
            history.landed(last_labelled(history), history.end),
        )
        self._screen.step("The last hours come through the HTTP API")
        began = time.monotonic()
        with self._api.client("ingest") as dg:
            model = dg.model(name)
            if len(flights):
                rows = flights.assign(time=flights["moment"] + history.shift)
                logged = model.log_frame(
                    rows[[*FEATURES, PREDICTION, "prediction_id", "time"]],
                    prediction=PREDICTION,
                    prediction_id="prediction_id",
                    timestamp="time",
                    batch_id="live",
                )
                _accepted(logged.accepted, len(rows), "predictions")
            if len(landed):
                known = landed.assign(time=landed["moment"] + history.shift, known=landed["landed"] + history.shift)
                labelled = model.log_labels(
                    known[["prediction_id", TRUTH, "time", "known"]],
                    prediction_id="prediction_id",
                    label=TRUTH,
                    timestamp="time",
                    labelled_at="known",
                    batch_id="live-landed",
                )
                _accepted(labelled.accepted, len(known), "labels")
        self._screen.done(f"{len(flights):,} predictions and {len(landed):,} labels", time.monotonic() - began)
        began = time.monotonic()
        self._api.fire_schedule()
        job = self._api.get("/scheduler/status")["jobs"][0]
        if not job["models_checked"] or job["models_failed"]:
            raise DemoError("the schedule did not check the model; the logs of ScheduleChecks and CheckDrift say why")
        counts = f"{job['models_checked']} checked, {job['models_failed']} failed"
        self._screen.done(f"the 15-minute schedule fires: {counts}", time.monotonic() - began)

    def _read(self, history: History, model_id: str) -> Found:
        model = self._api.get(f"/models/{model_id}")
        report = self._api.find(f"/drift/models/{model_id}/report")
        if report is None:
            raise DemoError(f"{model['name']} has no report; the log of CheckDriftFunction says why")
        alerts = [
            self._api.get(f"/drift/alerts/{one['id']}")
            for one in self._api.every(f"/drift/models/{model_id}/alerts?limit=500")
        ]
        return Found(
            history=history,
            model=model,
            report=report,
            alerts=sorted(alerts, key=lambda one: str(one["detected_at"])),
            performance=self._api.get(f"/models/{model_id}/performance"),
            checks=[*self._api.every(f"/drift/models/{model_id}/history?days=400&limit=500")][::-1],
            messages=about(model, self._api.outbox()),
        )

    def _show(self, found: Found) -> None:
        self._screen.step("What it found, week by week")
        self._calendar(found)
        self._screen.step("The alerts that were sent")
        self._alerts(found)
        self._screen.step("The last 7 days against January and February")
        self._screen.features(found.report["features"])
        self._screen.text("The scores are those that SciPy computes from the raw rows, and were compared with them.")
        self._screen.step("What the team reads")
        self._messages(found)

    def _calendar(self, found: Found) -> None:
        screen, rows = self._screen, found.history.rows
        screen.line(
            screen.paint(f"   {'week from':<10}{'flights':>8}{'late':>9}{'error':>9}   drift     alerts", "dim")
        )
        for start in found.weeks():
            end = min(start + WEEK, found.history.end)
            flights = found.history.between(start, end)
            error = (flights[PREDICTION] - flights[TRUTH]).abs().mean()
            alerts = found.open_in(start, end)
            opened = [one for one in alerts if found.then(one["detected_at"]) >= start]
            names = ", ".join(dict.fromkeys(_kind(one) for one in opened))
            shown = screen.paint(names, "yellow") if opened else screen.paint("still open" if alerts else "–", "dim")
            drawn = screen.paint(spark(_scores(found, start, end)), "cyan")
            late = flights["dep_delay"].mean()
            numbers = f"{start:%d %b}    {len(flights):>8,}{late:>5.0f} min{error:>5.1f} min"
            screen.line(f"   {numbers}   {drawn}   {shown}")
        quiet, storms = found.quiet_weeks(), found.stormy_days()
        screen.text(
            f"Late is the mean departure delay, and error how far the prediction was off. {len(quiet)} of "
            f"{len(found.weeks())} weeks passed without an alert that was sent. The flights of {len(storms)} days left "
            f"more than 40 minutes late on average; each of them has an alert. The errors of all days are those that "
            f"pandas computes from the same labels: {_error(found.history.flights.baseline):.1f} minutes in January "
            f"and February, {_error(rows[rows['moment'] >= pd.Timestamp(LAST - WEEK)]):.1f} since the storms of June."
        )

    def _alerts(self, found: Found) -> None:
        screen = self._screen
        for alert in found.sent:
            opened, ended = found.then(alert["detected_at"]), alert["resolved_at"]
            lasted = f"for {_days(found.then(ended) - opened)}" if ended else "still open"
            channels = Counter(one["channel_id"] for one in alert["deliveries"] if one["outcome"] == "delivered")
            sent = max(channels.values(), default=0)
            moved = ", ".join(_part(one) for one in alert["features"] if one["drifted"]) or _worse(alert)
            what = f"{screen.severity(_highest(alert))} {_kind(alert):<12} {lasted:<12} {sent:>3}x"
            peak = "" if alert["alert_type"] in ("performance", "data_quality") else f", peak {alert['peak_score']:.3f}"
            screen.line(f"   {opened:%d %b %H:%M}  {what}  {screen.paint(f'{moved}{peak}', 'dim')}")
        others = len(found.alerts) - len(found.sent)
        screen.text(
            f"The number counts the messages to each channel: one per change, and a daily reminder while the alert is "
            f"open and nobody acknowledges it. The severity is the highest that the alert had. {others} more alerts "
            f"stayed LOW and were not sent. The dashboard shows them."
        )

    def _messages(self, found: Found) -> None:
        alert = found.sent[-1] if found.sent else None
        if alert is None:
            return
        for place, action in enumerate(alert["recommended_actions"], 1):
            self._screen.item(f"{place}.", action)
        if mail := found.message("email", alert["id"]):
            self._entry("e-mail", f"“{mail['subject']}” to {', '.join(mail['to'])}")
            self._entry("", self._keep("email.html", mail["html"]))
        if chat := found.message("slack", alert["id"]):
            self._entry("Slack", f"“{chat['text']}”")
            self._entry("", self._keep("slack.json", json.dumps(chat["payload"], indent=2, ensure_ascii=False)))
        self._entry("all sent", f"{self._api.url}/_local/outbox")

    def _entry(self, name: str, content: str) -> None:
        self._screen.item(self._screen.paint(f"{name:<10}", "dim"), content, indent=10)

    def _keep(self, name: str, content: str) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / name
        path.write_text(content, encoding="utf-8")
        return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


class Months:
    """One progress bar for each month of the history."""

    def __init__(self, screen: Screen, history: History) -> None:
        self._screen = screen
        self._totals: dict[str, int] = {}
        for at in history.moments():
            self._totals[_month(at)] = self._totals.get(_month(at), 0) + 1
        self._bar: Progress | None = None
        self._name = ""
        self._done = 0

    def __enter__(self) -> "Months":
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.__exit__(*error)
            self._bar = None

    def reach(self, at: datetime) -> None:
        """Show that the history has reached this moment."""
        name = _month(at)
        if self._bar is None or name != self._name:
            self.__exit__(None, None, None)
            self._name, self._done = name, 0
            self._bar = self._screen.progress(name, "checks", self._totals[name]).__enter__()
        self._done += 1
        self._bar.reach(self._done)


def _month(at: datetime) -> str:
    return f"{at - OFTEN:%B}"


def _accepted(accepted: int, sent: int, what: str) -> None:
    if accepted != sent:
        raise DemoError(f"{sent - accepted} of {sent} {what} were rejected")


def _scores(found: Found, start: datetime, end: datetime) -> list[float | None]:
    """Return the highest drift score of each part of a week, None where there was no check."""
    parts: list[float | None] = [None] * PARTS
    for check in found.checks:
        at, score = found.then(check["checked_at"]), check["drift_score"]
        if start < at <= end and score is not None:
            place = min(PARTS - 1, int((at - start) / WEEK * PARTS))
            parts[place] = max(score, parts[place] or 0.0)
    return parts


def _kind(alert: Mapping[str, Any]) -> str:
    """Return an alert's type in a word or two."""
    return str(alert["alert_type"]).replace("_drift", "").replace("data_quality", "quality").replace("_", " ")


def _highest(alert: Mapping[str, Any]) -> str:
    """Return the highest severity that an alert had, from the notes of its timeline."""
    words = {word for entry in alert["timeline"] for word in (entry["note"] or "").split()}
    return [one for one in SEVERITIES if one in {alert["severity"], *words}][-1]


def _days(time: timedelta) -> str:
    days = time / DAY
    return f"{days:.0f} days" if days >= 2 else f"{days * 24:.0f} hours"


def _error(flights: pd.DataFrame) -> float:
    return float((flights[PREDICTION] - flights[TRUTH]).abs().mean())


def _worse(alert: Mapping[str, Any]) -> str:
    """Return what became worse in an alert on performance."""
    change = alert.get("performance")
    if not change:
        return ""
    first = change["metrics"][0]
    return f"{first['name']} {first['reference']:.1f} → {first['value']:.1f} minutes"


def _part(feature: Mapping[str, Any]) -> str:
    shares: Mapping[str, float] | None = feature.get("shares")
    if shares:
        return f"{feature['name']} {shares['baseline']:.1%} → {shares['window']:.1%}"
    return f"{feature['name']} {feature['drift_score']:.3f}"
