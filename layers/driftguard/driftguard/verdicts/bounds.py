"""Keeps a report short enough for a response."""

from typing import Any

from driftguard.alerts.schemas import Histogram
from driftguard.platform.serialization import MAX_ANSWER_BYTES, answer_bytes
from driftguard.verdicts.shapes import Report, ReportFeature

FEW = 50
"""A response can hold the report of so many features, whatever their names are. Measuring each report takes time."""

NO_PICTURE: Histogram = {"edges": None, "categories": None, "baseline": [], "window": []}


def bounded(report: Report) -> Report:
    """Return the report without the histograms that a response cannot hold, and with their number.

    Drifted features keep their histograms before others, and high scores before low scores.
    """
    if len(report["features"]) <= FEW or answer_bytes(report) <= MAX_ANSWER_BYTES:
        return report
    features = [_without_picture(feature) for feature in report["features"]]
    left = MAX_ANSWER_BYTES - answer_bytes({**report, "features": features})
    left_out = report["histograms_left_out"]
    for place in sorted(range(len(features)), key=lambda place: _rank(features[place])):
        picture = report["features"][place]["histogram"]
        if picture == NO_PICTURE:
            continue
        left -= answer_bytes(picture)
        if left < 0:
            left_out += 1
        else:
            features[place]["histogram"] = picture
    return {**report, "features": features, "histograms_left_out": left_out}


def _without_picture(feature: ReportFeature) -> ReportFeature:
    bare: Any = {**feature, "histogram": NO_PICTURE}
    result: ReportFeature = bare
    return result


def _rank(feature: ReportFeature) -> tuple[bool, float]:
    return not feature["drifted"], -(feature["drift_score"] or 0.0)
