"""Features of alerts, as a check finds them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from driftguard.alerts.schemas import AlertFeature
from driftguard.verdicts.directions import direction_of_categories, direction_of_numbers


def feature_of(values: Mapping[str, Any]) -> AlertFeature:
    """A feature as a check finds it: its direction is told from its histogram."""
    given = values.get("histogram")
    complete = {"edges": None, "categories": None, **given} if given else None
    feature = AlertFeature.model_validate({**values, "histogram": complete})
    if feature.histogram is None or feature.kind:
        return feature
    baseline, window = (
        np.array(bars) / max(sum(bars), 1) for bars in (feature.histogram["baseline"], feature.histogram["window"])
    )
    labels = feature.histogram["categories"]
    if labels is None:
        direction = direction_of_numbers(baseline.cumsum(), window.cumsum())
    else:
        named = [label for label in labels if not label.startswith("__")]
        before, now = (
            np.array(
                [dict(zip(labels, bars, strict=True)).get(label, 0.0) for label in [*named, "__rare__", "__new__"]]
            )
            for bars in (baseline, window)
        )
        direction = direction_of_categories(named, before, now, new=True)
    return feature.model_copy(update={"direction": direction})
