"""Models with labels for the browser tests, and the same rows as data frames."""

import math
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from tests.browser.conftest import Stack

DAYS = 12
LATENESS = 20
"""Mean delay of a label, in hours."""


@dataclass
class Labelled:
    """A model with labels, and what was sent: columns day, prediction, score, label, with NaN for a missing label."""

    model: str
    rows: pd.DataFrame

    def window(self, report: dict[str, Any]) -> pd.DataFrame:
        """Return the labelled rows of the days that a report judges."""
        start, end = (report["window"][name][:10] for name in ("start", "end"))
        days = self.rows["day"]
        found: pd.DataFrame = self.rows.loc[(days >= start) & (days < end)].dropna(subset=["label"])
        return found


def binary(stack: Stack, name: str, per_day: int = 120) -> Labelled:
    """A model whose scores are calibrated, with a task and labels of most predictions."""

    def one(chance: random.Random) -> tuple[dict[str, Any], Any]:
        # No score lies at the edge of a tenth, where its float32 may be on the other side.
        score = int(1e4 / (1 + math.exp(-chance.gauss(-0.4, 1.5)))) / 1e4 + 5e-5
        return {"prediction": int(score >= 0.5), "score": score}, int(chance.random() < score)

    return _send(stack, name, {"type": "binary", "positive": 1}, one, per_day)


def multiclass(stack: Stack, name: str, classes: list[str], per_day: int = 60) -> Labelled:
    """A model that names the class after the right one in a fifth of the rows."""

    def one(chance: random.Random) -> tuple[dict[str, Any], Any]:
        label = chance.randrange(len(classes))
        return {"prediction": classes[(label + (chance.random() < 0.2)) % len(classes)]}, classes[label]

    return _send(stack, name, {"type": "multiclass", "classes": classes}, one, per_day)


def regression(stack: Stack, name: str, per_day: int = 60) -> Labelled:
    """A model with normal errors, an exact prediction and a rounding error."""
    odd = iter([(5.0, 5.0), (0.30000000000000004, 0.3)])

    def one(chance: random.Random) -> tuple[dict[str, Any], Any]:
        label = round(chance.gauss(30, 10), 2)
        prediction, label = next(odd, (round(label + chance.gauss(1, 4), 2), label))
        return {"prediction": prediction}, label

    return _send(stack, name, {"type": "regression"}, one, per_day)


def _send(stack: Stack, name: str, task: dict[str, Any], one: Any, per_day: int) -> Labelled:
    chance, now = random.Random(name), datetime.now(UTC)
    model = stack.call("POST", "/models", {"name": name, "settings": {"task": task}})["id"]
    predictions, labels, rows = [], [], []
    for number in range(per_day * DAYS):
        at = now - timedelta(days=DAYS) * (1 - (number + 0.5) / (per_day * DAYS))
        sent, label = one(chance)
        identity = {"prediction_id": f"p{number}", "timestamp": at.isoformat()}
        predictions.append({**identity, **sent, "features": {"x": chance.random()}})
        known = at + timedelta(hours=chance.expovariate(1 / LATENESS))
        if known < now:
            labels.append({**identity, "label": label, "labelled_at": known.isoformat()})
        rows.append({"day": at.date().isoformat(), **sent, "label": label if known < now else math.nan})
    stack.call("POST", "/predictions/batch", {"model_id": model, "predictions": predictions}, stack.keys["ingest"])
    stack.call("POST", f"/models/{model}/labels", {"labels": labels}, stack.keys["ingest"])
    join(stack, model, len(labels))
    return Labelled(model, pd.DataFrame(rows))


def join(stack: Stack, model: str, matched: int) -> None:
    """Join the labels of a model, and wait until so many belong to a prediction."""
    stack.call("POST", f"/drift/models/{model}/check")
    deadline = time.monotonic() + 60
    while True:
        found = [] if not _joined(stack, model) else [stack.call("GET", f"/models/{model}/labels/status")["matched"]]
        if found == [matched]:
            return
        assert time.monotonic() < deadline, f"{found} labels were matched instead of {matched}"
        time.sleep(0.3)


def _joined(stack: Stack, model: str) -> bool:
    return stack.answer("GET", f"/models/{model}/labels/status").status_code == 200
