"""The script of a SageMaker endpoint with scikit-learn. Put driftguard-client into its requirements.txt.

The endpoint's environment needs DRIFTGUARD_URL and DRIFTGUARD_API_KEY.
"""

import json
import os
from typing import Any

import joblib
import pandas as pd

from driftguard_client import DriftGuard
from driftguard_client.wrappers.sagemaker import logged

dg = DriftGuard()
predict_fn = logged(dg.model("churn"))


def model_fn(model_dir: str) -> Any:
    """Load the model."""
    return joblib.load(os.path.join(model_dir, "model.joblib"))


def input_fn(body: str, content_type: str) -> pd.DataFrame:
    """Read rows such as `[{"age": 41, "tenure": 3}]`."""
    assert content_type == "application/json", content_type
    return pd.DataFrame(json.loads(body))
