"""Files as the tools read them that want frames of pandas."""

import pandas as pd


def frame(path: str) -> pd.DataFrame:
    """Read a CSV or Parquet file."""
    return pd.read_parquet(path) if path.endswith(".parquet") else pd.read_csv(path)
