"""The kinds of items that are stored for a tenant."""

import re
from collections.abc import Mapping
from typing import Any

KINDS: dict[str, tuple[str, str, str]] = {
    "an organization": ("ORGANIZATIONS", "org#", "org$"),
    "one of its keys": ("ORGANIZATIONS", "org#", "key#"),
    "whose key it is": ("ORGANIZATIONS", "key#", "key$"),
    "a model": ("MODELS", r"\w+$", "model#"),
    "its name": ("MODELS", r"\w+$", "name#"),
    "its status": ("MODELS", r"\w+$", "status#"),
    "when its labels are joined": ("MODELS", r"\w+$", "join#"),
    "how a check ended": ("MODELS", r"\w+#run$", ""),
    "who changed what": ("MODELS", r"\w+#activity$", ""),
    "a baseline": ("BASELINES", "", "head#"),
    "a chunk of a baseline": ("BASELINES", "", "chunk#"),
    "digests of a baseline's categories": ("BASELINES", "", "digests#"),
    "values of another type in a baseline": ("BASELINES", "", "examples#"),
    "when a baseline's values occurred": ("BASELINES", "", "week#"),
    "rows with labels of a baseline": ("BASELINES", "", "labelled#"),
    "a reference of performance": ("BASELINES", "", "reference#"),
    "counts of a reference": ("BASELINES", "", "counted#"),
    "an upload": ("BASELINES", "", "upload#"),
    "a batch": ("PREDICTIONS", "", "b#"),
    "a prediction": ("PREDICTIONS", "", "p#"),
    "a request with an Idempotency-Key": ("PREDICTIONS", "", "i#"),
    "a request without any id": ("PREDICTIONS", "", "r#"),
    "a chunk of a batch": ("PREDICTIONS", "", "c#"),
    "a batch in a partition that came later": ("PREDICTIONS", r"\w+#[4-9]$", ""),
    "labels": ("PREDICTIONS", r"\w+#labels#", ""),
    "how far labels are joined": ("LABELS", r"\w+$", "state$"),
    "how far days of labels are searched": ("LABELS", r"\w+$", "search$"),
    "the reference in force": ("LABELS", r"\w+$", "reference$"),
    "a performance report": ("LABELS", r"\w+$", "report$"),
    "a chunk of a performance report": ("LABELS", r"\w+$", "report#"),
    "a join by hand": ("LABELS", r"\w+$", "answered$"),
    "a day of labels": ("LABELS", r"\w+$", "day#"),
    "a part of a day": ("LABELS", r"\w+#\d{7}$", "head#"),
    "a run of a part": ("LABELS", r"\w+#\d{7}$", "run#"),
    "how far a model is counted": ("COUNTS", "", r"\d{8}#state$"),
    "an hour": ("COUNTS", "", r"\d{8}#h#"),
    "a day": ("COUNTS", "", r"\d{8}#d#"),
    "a day by hour": ("COUNTS", "", r"\d{8}#p#"),
    "what is known of the past": ("COUNTS", "", r"\d{8}#k#"),
    "a check": ("HISTORY", "", "h#"),
    "a report": ("HISTORY", "", "report#"),
    "an alert": ("ALERTS", r"\w+$", ""),
    "an event that SNS does not have yet": ("ALERTS", r"\w+#outbox$", ""),
    "a delivery": ("DELIVERIES", r"\w+$", ""),
    "a notice of a channel": ("DELIVERIES", "channel#", ""),
    "a channel": ("CHANNELS", "", ""),
}
"""Every kind of item that belongs to a tenant: its table, and how its keys begin."""


def kinds(table: str, item: Mapping[str, Any]) -> list[str]:
    """Return which of KINDS an item is. table: the table's name as a variable, such as `MODELS`."""
    pk, sk = item["pk"]["S"], item["sk"]["S"]
    return [kind for kind, (of, *keys) in KINDS.items() if of == table and all(map(re.match, keys, (pk, sk)))]
