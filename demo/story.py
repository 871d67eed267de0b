"""The story itself: set up, log, fire the schedule, read back, judge, show."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from demo.api import Api, DemoError
from demo.expectations import Found, about, missing_from_quiet, missing_from_storms
from demo.flights import (
    BASELINE_DAYS,
    BATCH_ROWS,
    FEATURES,
    ID,
    LANDED,
    PREDICTION,
    QUIET,
    STORMS,
    TIME,
    TRUTH,
    Flights,
    Week,
)
from demo.screen import Screen
from driftguard_client import Model

LABEL: Final = "demo"
SETTINGS: Final = {"task": {"type": "regression"}}
NAMES: Final = {QUIET: "flight-delays-march", STORMS: "flight-delays-june"}
MAIL_TO: Final = "oncall@flights.example"
BARE_ALPHA: Final = 0.05
SLACK_URL: Final = "https://hooks.slack.com/services/T0000DEMO/B0000DEMO/madeUpForTheDemo"
DRIFT_WORDS: Final = {
    "data_drift": "what goes in",
    "prediction_drift": "what comes out",
    "data_quality": "missing values",
}


class Story:
    """Tells the story on a screen, through an API, and leaves the messages in a folder."""

    def __init__(self, api: Api, screen: Screen, folder: Path) -> None:
        self._api = api
        self._screen = screen
        self._folder = folder
        # The hour in which this begins ends both weeks: the window starts with a whole hour too.
        self._end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)

    def tell(self) -> list[str]:
        """All of it; what is missing in the end, nothing when all is well. Raises DemoError when it cannot go on."""
        self._introduce()
        flights = self._learn()
        models = self._set_up(flights)
        self._screen.step("Predictions are logged")
        self._screen.text(
            f"Each week and the day before it, in batches of {BATCH_ROWS}, moved as a whole so that the week ends now."
        )
        for week, model in models.items():
            self._log(flights, week, model)
        self._fire()
        self._screen.step("The flights land")
        self._screen.text(
            "How late each flight really arrived is known hours after its prediction. These delays are sent as labels, "
            "and DriftGuard compares the errors of each day with those of January and February."
        )
        for week, model in models.items():
            self._label(flights, week, model)
        self._fire()
        quiet, storms = (self._read(flights, week, models[week]) for week in (QUIET, STORMS))
        self._show(flights, quiet, storms)
        unopened = [] if self._api.serves_page("/dashboard") else [f"{self._api.url}/dashboard does not open"]
        return [*missing_from_quiet(quiet), *missing_from_storms(storms), *unopened]

    def _introduce(self) -> None:
        health = self._api.get("/health")
        if health["status"] != "ok":
            raise DemoError(f"{self._api.url} is not well: {health}")
        self._screen.title("A model that goes stale, and how one gets to know")
        self._screen.text(
            "New York, 2013. A model predicts how late a flight will land. It learned in January and February; then it "
            "is watched twice, over an ordinary week of March and over the storms at the end of June. Nobody tells "
            "DriftGuard which is which. The flights are real, and everything goes through the HTTP API at "
            f"{self._api.url}."
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
        self._screen.text(f"{rows:,} flights of January and February, the cancelled ones included: the baseline.")
        return flights

    def _set_up(self, flights: Flights) -> dict[Week, dict[str, Any]]:
        self._screen.step("Two models, one baseline, two channels")
        began = time.monotonic()
        known = {one["name"]: one for one in self._api.every("/models?limit=500")}
        models = {week: self._model(week, known) for week in (QUIET, STORMS)}
        self._channels([model["id"] for model in models.values()])
        self._screen.done(
            f"{' and '.join(one['name'] for one in models.values())}; e-mail to {MAIL_TO}, and Slack, from MEDIUM on",
            time.monotonic() - began,
        )
        began = time.monotonic()
        with self._api.client("admin") as dg:
            for model in models.values():
                self._baseline(flights, dg.model(model["name"]))
        self._screen.done(f"the baseline for each: {len(flights.baseline):,} rows", time.monotonic() - began)
        return models

    def _baseline(self, flights: Flights, model: Model) -> None:
        """Set the baseline, unless an earlier run has done so."""
        if self._api.find(f"/models/{model.id}/baseline") is None:
            rows = flights.evaluated_on()
            model.set_baseline(rows, prediction=PREDICTION, label=TRUTH, days=BASELINE_DAYS, progress=False)
        stored = model.baseline().rows
        if stored != len(flights.baseline):
            raise DemoError(f"the baseline of {model.name} has {stored:,} rows, not {len(flights.baseline):,}")

    def _model(self, week: Week, known: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        """The week's model: that of an earlier run within the same hour, or a new one."""
        stamp = f"{self._end:%Y-%m-%d %H:%M}"
        for name in (NAMES[week], f"{NAMES[week]} {stamp}"):
            model = known.get(name)
            if model is None:
                description = f"Arrival delays of New York's flights. {week.title} 2013, as if it ended {stamp} UTC."
                body = {"name": name, "description": description, "labels": {LABEL: stamp}, "settings": SETTINGS}
                made: dict[str, Any] = self._api.post("/models", body)
                return made
            if model["labels"].get(LABEL) == stamp:
                return model
        raise DemoError(f"models named {NAMES[week]!r} exist that this demo did not make")

    def _channels(self, model_ids: list[str]) -> None:
        known = [(one["type"], set(one.get("model_ids") or [])) for one in self._api.every("/alert-channels?limit=500")]
        targets: dict[str, dict[str, Any]] = {"email": {"to": [MAIL_TO]}, "slack": {"webhook_url": SLACK_URL}}
        for kind, target in targets.items():
            if (kind, set(model_ids)) not in known:
                channel = {"type": kind, "name": f"Flight delays, {kind}", "model_ids": model_ids, **target}
                self._api.post("/alert-channels", channel)

    def _log(self, flights: Flights, week: Week, model: Mapping[str, Any]) -> None:
        rows = flights.logged(week, self._end)
        with self._screen.progress(week.title, "predictions", len(rows)) as progress, self._api.client("ingest") as dg:
            # The id makes it harmless to log the week again, as a second run within the hour does.
            result = dg.model(model["name"]).log_frame(
                rows,
                prediction=PREDICTION,
                prediction_id=ID,
                timestamp=TIME,
                batch_id=week.slug,
                chunk_rows=BATCH_ROWS,
                progress=lambda done, _total: progress.reach(done),
            )
        if result.accepted != len(rows):
            raise DemoError(f"{model['name']}: {result}")

    def _label(self, flights: Flights, week: Week, model: Mapping[str, Any]) -> None:
        labels = flights.landed(week, self._end)
        with self._screen.progress(week.title, "labels", len(labels)) as progress, self._api.client("ingest") as dg:
            result = dg.model(model["name"]).log_labels(
                labels,
                prediction_id=ID,
                label=TRUTH,
                timestamp=TIME,
                labelled_at=LANDED,
                batch_id=f"{week.slug}-landed",
                progress=lambda done, _total: progress.reach(done),
            )
        if result.accepted != len(labels):
            raise DemoError(f"{model['name']}: {result}")

    def _fire(self) -> None:
        self._screen.step("The 15-minute schedule fires")
        began = time.monotonic()
        self._api.fire_schedule()
        job = self._api.get("/scheduler/status")["jobs"][0]
        counts = f"{job['models_checked']} models checked, {job['models_failed']} failed"
        self._screen.done(f"{counts}; every message that followed was sent", time.monotonic() - began)

    def _read(self, flights: Flights, week: Week, model: Mapping[str, Any]) -> Found:
        model_id = model["id"]
        report = self._api.find(f"/drift/models/{model_id}/report")
        if report is None:
            raise DemoError(
                f"{model['name']} was not checked: it has no report; the log of CheckDriftFunction says why"
            )
        alerts = [
            self._api.get(f"/drift/alerts/{one['id']}")
            for one in self._api.every(f"/drift/models/{model_id}/alerts?limit=500")
        ]
        return Found(
            week=week,
            scores=flights.scores(week),
            error=flights.error(flights.baseline),
            rows=len(flights.baseline),
            window_rows=len(flights.week(week)),
            model=self._api.get(f"/models/{model_id}"),
            report=report,
            alerts=alerts,
            messages=about(model, self._api.outbox()),
        )

    def _show(self, flights: Flights, quiet: Found, storms: Found) -> None:
        self._screen.step("What it found")
        for found in (quiet, storms):
            self._verdict(found)
        self._screen.step("Who was told")
        for found in (quiet, storms):
            self._alerts(found)
        self._messages(storms)
        self._screen.step("Was it right?")
        before, calm, rough = (
            f"{flights.error(table):.1f}"
            for table in (flights.baseline, flights.week(quiet.week), flights.week(storms.week))
        )
        self._screen.text(
            f"The prediction was off by {before} minutes on average in January and February, by {calm} in the quiet "
            f"week, by {rough} in the storms. The drift was found without any true arrival time. The labels showed "
            "that the model had become worse, too."
        )

    def _verdict(self, found: Found) -> None:
        screen, report = self._screen, found.report
        status = screen.paint(report["status"], "bold", "green" if report["status"] == "ok" else "red")
        flights = f"{report['n_window']:,} flights"
        screen.line()
        screen.line(f"   {screen.paint(found.week.title, 'bold')}   {flights}   {found.model['name']}: {status}")
        screen.features(report["features"])
        calm = [one for one in report["features"] if not one["drifted"] and (one["p_value"] or 1) < BARE_ALPHA]
        if not found.alerts and calm:
            screen.text(
                f"A bare test at p < {BARE_ALPHA} would have raised {len(calm)} alarms in this week: with thousands of "
                "flights the smallest change is significant. None of them is large enough to matter."
            )

    def _alerts(self, found: Found) -> None:
        screen = self._screen
        screen.line(f"   {screen.paint(found.week.title, 'bold')}   {found.model['name']}")
        if not found.alerts:
            screen.line("     no alert, nobody was told")
        for alert in sorted(found.alerts, key=lambda one: -(one["drift_score"] or 0)):
            moved = ", ".join(_part(one) for one in alert["features"] if one["drifted"]) or _worse(alert)
            screen.line(f"     {screen.severity(alert['severity'])}  {alert['alert_type']:<17} {moved}")
            sent = [f"{one['type']} {one['outcome']}" for one in alert["deliveries"]]
            screen.line(
                f"     {'':<7} {screen.paint(', '.join(sent) or 'told nobody: the channels begin at MEDIUM', 'dim')}"
            )

    def _messages(self, found: Found) -> None:
        alert = found.alert("data_drift")
        if alert is None:
            return
        self._screen.line()
        self._screen.line(f"   {self._screen.paint('What the team reads', 'bold')}")
        for place, action in enumerate(alert["recommended_actions"], 1):
            self._screen.item(f"{place}.", action)
        if mail := found.message("email", alert["id"]):
            self._entry("e-mail", f"“{mail['subject']}” to {', '.join(mail['to'])}")
            self._entry("", self._keep("email.html", mail["html"]))
        if chat := found.message("slack", alert["id"]):
            self._entry("Slack", f"“{chat['text']}”")
            self._entry("", self._keep("slack.json", json.dumps(chat["payload"], indent=2, ensure_ascii=False)))
        self._entry("all sent", f"{self._api.url}/_local/outbox")
        self._entry("alert", alert["dashboard_url"])
        self._entry("dashboard", f"{self._api.url}/dashboard")

    def _entry(self, name: str, content: str) -> None:
        self._screen.item(self._screen.paint(f"{name:<10}", "dim"), content, indent=10)

    def _keep(self, name: str, content: str) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / name
        path.write_text(content, encoding="utf-8")
        return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _worse(alert: Mapping[str, Any]) -> str:
    """What became worse in an alert on performance."""
    change = alert.get("performance")
    if not change:
        return ""
    first = change["metrics"][0]
    labelled = f"{change['labelled']:,} labelled of {change['predictions']:,}"
    return f"{first['name']} {first['reference']:.1f} → {first['value']:.1f} minutes, {labelled}"


def _part(feature: Mapping[str, Any]) -> str:
    shares = feature.get("shares")
    if shares:
        return f"{feature['name']} {shares['baseline']:.1%} → {shares['window']:.1%}"
    return f"{feature['name']} {feature['drift_score']:.3f}"
