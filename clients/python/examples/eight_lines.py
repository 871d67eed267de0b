"""The first report: the README shows these lines. DRIFTGUARD_URL and DRIFTGUARD_API_KEY name the service."""

import pandas as pd
from sklearn.datasets import make_classification

columns, _ = make_classification(4000, n_features=6, random_state=1)
train = pd.DataFrame(columns[:2000], columns=[f"feature_{index}" for index in range(6)])
week = pd.DataFrame(columns[2000:] + 0.5, columns=train.columns)
week["ts"] = pd.date_range(end=pd.Timestamp.now("UTC"), periods=2000, freq="6min")  # eight days

# start of the eight lines
from driftguard_client import DriftGuard  # noqa: E402  the README's lines begin here

dg = DriftGuard()
model = dg.model("churn", create=True)
model.set_baseline(train)
model.log_frame(week, timestamp="ts")
report = model.check()
print(report)
# end of the eight lines
