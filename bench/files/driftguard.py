"""`driftguard compare`, from files to its page."""

from collections.abc import Mapping

from bench.files.protocol import run
from driftguard_client.comparing import CsvOptions, compare


def compared(baseline: str, window: str) -> Mapping[str, float]:
    """Compare and draw the page. Returns D of each number."""
    # NannyML's car loans have a column of percentages, which a CSV file may hold as texts alone.
    texts = CsvOptions(text_columns=["size_of_downpayment"])
    result = compare(baseline, window, csv=texts)
    result.to_html()
    return {one["name"]: one["drift_score"] for one in result.features if one["test"] == "ks" and one["drift_score"]}


if __name__ == "__main__":
    run(compared)
