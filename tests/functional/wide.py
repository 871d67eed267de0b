"""The widest model that the API accepts, with the longest names in every place that holds names."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from driftguard.platform.times import iso
from sandbox.gateway import Answer
from tests.functional.conftest import Stack

FEATURES = 500
NAME_LENGTH = 128
LETTERS = [chr(code) for code in range(0x20000, 0x2A6D6)]
"""Letters of four bytes in UTF-8 and of two escapes in ASCII JSON. There are so many that names hardly compress."""

MOST_ANSWER_BYTES = 6 * 1024**2
"""What Lambda returns at most, counted after it has quoted the response."""


def text(seed: int, length: int) -> str:
    """Return a text of four-byte letters."""
    return "".join(random.Random(seed).choices(LETTERS, k=length))


NAMES = [text(number, NAME_LENGTH) for number in range(FEATURES)]


def quoted_bytes(answer: Answer) -> int:
    """Return the bytes of a response as Lambda counts them."""
    return len(json.dumps(answer.text, ensure_ascii=False).encode())


def add_model(deployed: Stack, **settings: Any) -> str:
    """Create a model with a baseline of categories only. Return its id."""
    body = {
        "name": text(-1, NAME_LENGTH),
        "description": text(-2, 2000),
        "settings": {"min_samples": 5, "rule": "p_value", **settings},
    }
    model_id: str = deployed.call("POST", "/models", body).body["id"]
    columns = {name: [f"{number}-{row % 2}" for row in range(200)] for number, name in enumerate(NAMES)}
    answer = deployed.call("PUT", f"/models/{model_id}/baseline", {"columns": columns})
    assert answer.status == 200, answer.text[:500]
    return model_id


def log_everything_bad(deployed: Stack, model_id: str, batches: int = 8) -> None:
    """Log rows whose values are new, missing or of another type in equal parts, for every feature."""
    for batch in range(batches):
        rows = [
            {
                "features": {name: _bad(number, row) for number, name in enumerate(NAMES)},
                "timestamp": iso(datetime.now(UTC) - timedelta(hours=20 * batch)),
            }
            for row in range(12)
        ]
        body = json.dumps({"model_id": model_id, "predictions": rows}, ensure_ascii=False)
        answer = deployed.call("POST", "/predictions/batch", raw=body)
        assert answer.status == 202, answer.text[:500]


def _bad(number: int, row: int) -> Any:
    return (text(1000 * number + row, 64), None, 1.5)[row % 3]
