"""What is sent. Only the standard library in here: locust's environment imports it too.

A request's body follows from its number, so that whoever sends it again sends the same. Every row carries the number
of its model as a feature: a row that lies with another model gives itself away.
"""

import json
import random
from typing import Final

FEATURES: Final = 20
ROWS: Final = 500
TEMPLATES: Final = 16
BASELINE_SEED: Final = 1_000_000
MARKER: Final = "model"
"""The feature that is the model's number; the others are random six-digit numbers, which compress badly."""

_PLACE: Final = '"@"'


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


class Bodies:
    """Bodies of requests, made out of a few lists of rows that were drawn once."""

    def __init__(self) -> None:
        self._batches = [rows_text(seed, ROWS) for seed in range(TEMPLATES)]
        self._rows = [json.loads(text)[0] for text in self._batches]
        self._baseline = rows_text(BASELINE_SEED, ROWS)

    def baseline(self, model_number: int) -> str:
        """A baseline from the distribution that everything logged has, too."""
        return f'{{"days":14,"rows":{_marked(self._baseline, model_number)}}}'

    def batch(self, run: str, number: int, model_id: str, model_number: int) -> str:
        """A batch of ROWS rows under an id of its own."""
        rows = _marked(self._batches[number % TEMPLATES], model_number)
        return f'{{"model_id":"{model_id}","batch_id":"{run}-{number}","predictions":{rows}}}'

    def single(self, run: str, number: int, model_id: str, model_number: int) -> str:
        """One prediction under an id of its own."""
        row = self._rows[number % TEMPLATES]
        features = {**row["features"], MARKER: model_number}
        return json.dumps({**row, "features": features, "model_id": model_id, "prediction_id": f"{run}-{number}"})


def _marked(rows: str, model_number: int) -> str:
    return rows.replace(_PLACE, str(model_number))
