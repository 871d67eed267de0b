"""Labels that come days after the predictions: log now, label later, and ask how good the model is."""

import random
from datetime import datetime, timedelta, timezone

from driftguard_client import DriftGuard

dg = DriftGuard()
model = dg.model("late labels", create=True, task={"type": "binary", "positive": 1})

# Monday: the service predicts and logs each prediction with an id of its own.
rng = random.Random(7)
monday = datetime.now(timezone.utc) - timedelta(days=3)  # noqa: UP017  as Python 3.10 has it
orders = {f"order-{number}": rng.random() for number in range(500)}
for order, risk in orders.items():
    model.log({"amount": 100 * risk}, prediction_id=order, score=risk, timestamp=monday)
dg.flush()

# Wednesday: the truth about most orders is known. Rows without a label are skipped, so send them again later.
truth = {order: int(rng.random() < risk) for order, risk in orders.items()}
rows = [
    {"order": order, "fraud": label if number % 10 else None, "predicted_at": monday}
    for number, (order, label) in enumerate(truth.items())
]
print(model.log_labels(rows, prediction_id="order", label="fraud", timestamp="predicted_at"))

# One label turns out to be wrong. The latest one counts.
model.log_label("order-1", 1 - truth["order-1"], timestamp=monday)
dg.flush()

# The service joins labels with predictions every hour.
print("performance: driftguard performance 'late labels'")
