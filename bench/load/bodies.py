"""What is sent. Only the standard library and the client in here: locust's environment imports it too.

A request's body follows from its number, so that whoever sends it again sends the same. Every row carries the number
of its model as a feature: a row that lies with another model gives itself away.
"""

import json
import random
from typing import Final

from driftguard_client import batches

FEATURES: Final = 20
ROWS: Final = 500
TEMPLATES: Final = 16
BASELINE_SEED: Final = 1_000_000
MARKER: Final = "model"
"""The feature that is the model's number; the others are random six-digit numbers, which compress badly."""

_PLACE: Final = '"@"'
_BATCH_ID: Final = "@batch"
_MODEL_ID: Final = "@model"


def rows_text(seed: int, count: int) -> str:
    """JSON of so many rows, `_PLACE` where the model's number belongs."""
    rng = random.Random(seed)
    rows = [
        {
            "features": {
                MARKER: "@",
                **{f"feature_{index:02d}": rng.randrange(100_000, 1_000_000) for index in range(1, FEATURES)},
            },
            "prediction": round(rng.random(), 6),
        }
        for _row in range(count)
    ]
    return json.dumps(rows, separators=(",", ":"))


def columns_text(rows: str) -> str:
    """The client's body of columns for rows, places where the ids of batch and model belong.

    It has no timestamps, since a body follows from its number: the rows get the time of their arrival.
    """
    logged = [
        [f"{_BATCH_ID}.{index}", 0, row["features"], row["prediction"], None, None, None]
        for index, row in enumerate(json.loads(rows))
    ]
    (body,) = batches.bodies(batches.ROWS, _BATCH_ID, {"model_id": _MODEL_ID}, logged)
    content = json.loads(body.content)
    del content["timestamps"]
    return json.dumps(content, separators=(",", ":"))


class Bodies:
    """Bodies of requests, made out of a few lists of rows that were drawn once."""

    def __init__(self) -> None:
        rows = [rows_text(seed, ROWS) for seed in range(TEMPLATES)]
        self._batches = [columns_text(text) for text in rows]
        self._rows = [json.loads(text)[0] for text in rows]
        self._baseline = rows_text(BASELINE_SEED, ROWS)

    def baseline(self, model_number: int) -> str:
        """A baseline from the distribution that everything logged has, too."""
        return f'{{"days":14,"rows":{_marked(self._baseline, model_number)}}}'

    def batch(self, run: str, number: int, model_id: str, model_number: int) -> str:
        """A batch of ROWS rows under an id of its own, as the client sends it."""
        text = self._batches[number % TEMPLATES].replace(_BATCH_ID, f"{run}-{number}")
        return _marked(text.replace(_MODEL_ID, model_id, 1), model_number)

    def single(self, run: str, number: int, model_id: str, model_number: int) -> str:
        """One prediction under an id of its own."""
        row = self._rows[number % TEMPLATES]
        features = {**row["features"], MARKER: model_number}
        return json.dumps({**row, "features": features, "model_id": model_id, "prediction_id": f"{run}-{number}"})


def _marked(rows: str, model_number: int) -> str:
    return rows.replace(_PLACE, str(model_number))
