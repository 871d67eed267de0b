"""The last flights of the year, moved to the last days, sent to the local stack and read back through the API."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
import pandas as pd

from bench.labels.storm import LONGEST, TASK
from bench.labels.story import Story, deliveries, tell

ROWS_A_BATCH: Final = 1_000


LAST: Final = timedelta(hours=18)
"""How long ago the last flight was. The first of 20 days is then less than 21 days old."""

LANDED_WITHIN: Final = pd.Timedelta(hours=8)
CORRECTED_WITHIN: Final = (2.1, 8.0)
THRESHOLD: Final = 0.5


def moved(rows: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """Return flights as if they had just taken place. All have landed by now."""
    at = rows["at"] + (pd.Timestamp(now - LAST) - rows["at"].iloc[-1])
    flown = rows["landed"] - rows["at"]
    landed = at + flown.where(flown < LANDED_WITHIN, LANDED_WITHIN)
    return rows.assign(at=at, landed=landed)


def send(url: str, key: str, rows: pd.DataFrame) -> tuple[Story, dict[str, tuple[int, float]]]:
    """Send flights and their labels. Returns the story, and the labels and the accuracy of each day as the API says."""
    story = tell(moved(rows, datetime.now(UTC)), corrected_within=CORRECTED_WITHIN)
    with httpx.Client(base_url=url, headers={"x-api-key": key}, timeout=LONGEST, trust_env=False) as client:
        body = {"name": f"flights {datetime.now(UTC):%H:%M:%S.%f}", "settings": {"task": TASK}}
        model_id = client.post("/models", json=body).raise_for_status().json()["id"]
        for start in range(0, len(story.rows), ROWS_A_BATCH):
            part = story.rows.iloc[start : start + ROWS_A_BATCH]
            predictions = {
                "model_id": model_id,
                "columns": {"hour": [at.hour for at in part["at"]]},
                "prediction_ids": part["id"].tolist(),
                "scores": part["score"].tolist(),
                "timestamps": [at.isoformat() for at in part["at"]],
            }
            client.post("/predictions/batch", json=predictions).raise_for_status()
        for _at, batch_id, labels in deliveries(story, 1):
            sent: dict[str, Any] = {"labels": labels, "batch_id": batch_id}
            answer = client.post(f"/models/{model_id}/labels", json=sent).raise_for_status().json()
            if answer["accepted"] != len(labels):
                raise RuntimeError(f"labels were rejected: {answer['errors'][:1]}")
        client.post("/_local/schedule").raise_for_status()
        shown = client.get(f"/models/{model_id}/performance?metric=accuracy").raise_for_status().json()["days"]
    return story, {day["day"]: (day["n"], day["value"]) for day in shown}


def expected(story: Story) -> dict[str, tuple[int, float]]:
    """Return the labels and the accuracy of each day by pandas alone."""
    table = story.expected[story.expected["labelled"]]
    right = (table["score"] >= THRESHOLD) == (table["label"] == 1)
    grouped = right.groupby(table["at"].dt.strftime("%Y-%m-%d"))
    return {str(day): (int(part.size), float(part.mean())) for day, part in grouped}
